#include "dataplane/core/pull_set.h"

#include <errno.h>

int pull_pool_init(struct pull_pool *p, uint32_t blocks_max)
{
	p->blocks = pages_take((size_t)blocks_max * sizeof(*p->blocks));
	if (p->blocks == NULL)
		return -ENOMEM;
	return idx_pool_init(&p->idx, blocks_max);
}

void pull_pool_fini(struct pull_pool *p)
{
	pages_give(p->blocks, (size_t)p->idx.max * sizeof(*p->blocks));
	idx_pool_fini(&p->idx);
}

static uint32_t block_insert(struct pull_pool *p, struct pull_set *s, uint32_t *at, uint64_t base)
{
	uint32_t idx = s->n_blocks < PULL_BLOCKS_PER_SET ? idx_get(&p->idx) : IDX_NONE;

	if (idx == IDX_NONE)
		return IDX_NONE;
	p->blocks[idx] = (struct pull_block){.base = base, .next = *at};
	*at = idx;
	s->n_blocks++;
	return idx;
}

int pull_set_add(struct pull_pool *p, struct pull_set *s, uint64_t no)
{
	uint64_t base = no - no % PULL_BLOCK_NUMBERS;
	uint32_t bit = no % PULL_BLOCK_NUMBERS, idx, *at = &s->head;
	struct pull_block *b;

	while (*at != IDX_NONE && p->blocks[*at].base < base)
		at = &p->blocks[*at].next;
	idx = *at;
	if (idx == IDX_NONE || p->blocks[idx].base != base)
		idx = block_insert(p, s, at, base);
	if (idx == IDX_NONE)
		return -ENOBUFS;
	b = &p->blocks[idx];
	if (b->bits[bit / 64] >> (bit % 64) & 1)
		return 0;
	b->bits[bit / 64] |= 1ull << (bit % 64);
	b->n++;
	s->n++;
	return 0;
}

static uint32_t lowest_bit(const struct pull_block *b)
{
	uint32_t i = 0;

	while (b->bits[i] == 0) // a block in a set has at least one
		i++;
	return i * 64 + (uint32_t)__builtin_ctzll(b->bits[i]);
}

bool pull_set_lowest(const struct pull_pool *p, const struct pull_set *s, uint64_t *no)
{
	if (s->head == IDX_NONE)
		return false;
	*no = p->blocks[s->head].base + lowest_bit(&p->blocks[s->head]);
	return true;
}

static void block_remove_first(struct pull_pool *p, struct pull_set *s)
{
	uint32_t idx = s->head;

	s->head = p->blocks[idx].next;
	s->n_blocks--;
	idx_put(&p->idx, idx);
}

void pull_set_remove_lowest(struct pull_pool *p, struct pull_set *s)
{
	struct pull_block *b = &p->blocks[s->head];
	uint32_t bit = lowest_bit(b);

	b->bits[bit / 64] &= ~(1ull << (bit % 64));
	s->n--;
	if (--b->n == 0)
		block_remove_first(p, s);
}

void pull_set_clear(struct pull_pool *p, struct pull_set *s)
{
	while (s->head != IDX_NONE)
		block_remove_first(p, s);
	s->n = 0;
}
