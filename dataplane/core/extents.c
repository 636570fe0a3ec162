#include "dataplane/core/extents.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/pages.h"

static void chains_init(struct extents *x)
{
	for (uint32_t i = 0; i < x->n_extents; i++)
		x->extent[i].next = i + 1 < x->n_extents ? i + 1 : EXTENT_NONE;
	for (uint32_t i = 0; i < x->n_blocks; i++)
		x->block_next[i] = i + 1 < x->n_blocks ? i + 1 : EXTENT_NONE;
	x->extent_free = x->n_extents > 0 ? 0 : EXTENT_NONE;
	x->block_free = 0;
	x->n_extents_free = x->n_extents;
	x->n_blocks_free = x->n_blocks;
}

struct extents *extents_create(uint32_t extents_max, uint32_t windows_max)
{
	struct extents *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->n_extents = extents_max;
	// An extent holds at most BLOCK_NUMBERS records; two more blocks for the ends of each
	// window.
	x->n_blocks = extents_max + 2 * windows_max + 1;
	x->memory = pages_take((size_t)x->n_extents * EXTENT_BYTES);
	x->extent = pages_take(x->n_extents * sizeof(*x->extent));
	x->blocks = pages_take(x->n_blocks * sizeof(*x->blocks));
	x->block_next = pages_take(x->n_blocks * sizeof(*x->block_next));
	if (x->memory == NULL || x->extent == NULL || x->blocks == NULL || x->block_next == NULL) {
		extents_destroy(x);
		return NULL;
	}
	chains_init(x);
	return x;
}

void extents_destroy(struct extents *x)
{
	if (x == NULL)
		return;
	pages_give(x->memory, (size_t)x->n_extents * EXTENT_BYTES);
	pages_give(x->extent, x->n_extents * sizeof(*x->extent));
	pages_give(x->blocks, x->n_blocks * sizeof(*x->blocks));
	pages_give(x->block_next, x->n_blocks * sizeof(*x->block_next));
	free(x);
}

uint32_t extent_get(struct extents *x)
{
	uint32_t idx = x->extent_free;

	if (idx == EXTENT_NONE)
		return EXTENT_NONE;
	x->extent_free = x->extent[idx].next;
	x->n_extents_free--;
	x->extent[idx] = (struct extent){.next = EXTENT_NONE};
	return idx;
}

// Last in, first out: the extent that is given next is the one whose lines are still warm.
static void extent_free(struct extents *x, uint32_t idx)
{
	x->extent[idx].next = x->extent_free;
	x->extent_free = idx;
	x->n_extents_free++;
}

void extent_put(struct extents *x, uint32_t idx)
{
	x->extent[idx].is_put = true;
	if (x->extent[idx].n_lent == 0)
		extent_free(x, idx);
}

void extent_lend(struct extents *x, uint32_t idx)
{
	x->extent[idx].n_lent++;
	x->n_lent++;
}

void extent_returned(struct extents *x, uint32_t idx, uint32_t n)
{
	struct extent *ext = &x->extent[idx];

	ext->n_lent -= n;
	x->n_lent -= n;
	if (ext->n_lent == 0 && ext->is_put)
		extent_free(x, idx);
}

uint32_t index_block_get(struct extents *x)
{
	uint32_t idx = x->block_free;

	if (idx == EXTENT_NONE)
		return EXTENT_NONE;
	x->block_free = x->block_next[idx];
	x->n_blocks_free--;
	memset(&x->blocks[idx], 0, sizeof(x->blocks[idx]));
	return idx;
}

void index_block_put(struct extents *x, uint32_t idx)
{
	x->block_next[idx] = x->block_free;
	x->block_free = idx;
	x->n_blocks_free++;
}
