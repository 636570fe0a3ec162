#include "dataplane/core/slab.h"

#include <stdlib.h>

#include "dataplane/core/idx_pool.h"

// Strides of powers of two would put the same place of every ring into the same few sets of L1.
#define STRIDE_EXTRA 64

struct slabs {
	uint8_t *memory[SLAB_SIZES];
	struct idx_pool pool[SLAB_SIZES];
};

#define SLAB_STRIDE(size) (slab_bytes(size) + STRIDE_EXTRA)

static size_t stride(enum slab_size size)
{
	return SLAB_STRIDE(size);
}

struct slabs *slabs_create(const uint32_t n[SLAB_SIZES])
{
	struct slabs *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	for (enum slab_size size = SLAB_128; size < SLAB_SIZES; size++) {
		s->memory[size] = pages_take_hot(n[size] * stride(size));
		if (s->memory[size] == NULL || idx_pool_init(&s->pool[size], n[size]) != 0) {
			slabs_destroy(s);
			return NULL;
		}
	}
	return s;
}

void slabs_destroy(struct slabs *s)
{
	if (s == NULL)
		return;
	for (enum slab_size size = SLAB_128; size < SLAB_SIZES; size++) {
		pages_give(s->memory[size], s->pool[size].max * stride(size));
		idx_pool_fini(&s->pool[size]);
	}
	free(s);
}

void *slab_get(struct slabs *s, enum slab_size size)
{
	uint32_t idx = idx_get(&s->pool[size]);

	return idx != IDX_NONE ? s->memory[size] + idx * stride(size) : NULL;
}

void slab_put(struct slabs *s, enum slab_size size, void *slab)
{
	size_t at = (size_t)((uint8_t *)slab - s->memory[size]);
	// By constants: rings come and go with every other packet of a flow.
	size_t idx = size == SLAB_128  ? at / SLAB_STRIDE(SLAB_128)
		     : size == SLAB_1K ? at / SLAB_STRIDE(SLAB_1K)
		     : size == SLAB_4K ? at / SLAB_STRIDE(SLAB_4K)
				       : at / SLAB_STRIDE(SLAB_16K);

	assert(at == idx * stride(size));
	idx_put(&s->pool[size], (uint32_t)idx);
}

uint32_t slabs_lent(const struct slabs *s)
{
	uint32_t n = 0;

	for (enum slab_size size = SLAB_128; size < SLAB_SIZES; size++)
		n += s->pool[size].n;
	return n;
}
