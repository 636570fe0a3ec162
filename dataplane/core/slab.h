// Memory in four sizes for what a flow holds only while it is active: its ring in flight, its
// received ranges, its ring of held fragments. All address space is taken at start; each size has
// its own bound, so nobody's large rings can keep another flow from its first small one.
#pragma once

#include <stdint.h>

enum slab_size { SLAB_128, SLAB_1K, SLAB_4K, SLAB_16K, SLAB_SIZES };

struct slabs;

// Bytes of a slab of this size.
static inline uint32_t slab_bytes(enum slab_size size)
{
	return size == SLAB_128 ? 128 : 256u << (2 * size);
}

// How many of each size. NULL: no address space.
struct slabs *slabs_create(const uint32_t n[SLAB_SIZES]);
void slabs_destroy(struct slabs *);
// Aligned to a cache line; contents are whatever was there. NULL: none left.
void *slab_get(struct slabs *, enum slab_size);
void slab_put(struct slabs *, enum slab_size, void *);
// Slabs lent now, of all sizes.
uint32_t slabs_lent(const struct slabs *);
