// Who has the next turn: a heap over the members of a world, earliest first; at the same time, the
// lower number first, so that a seed is one order.
#pragma once

#include <stdint.h>

struct world_due {
	uint64_t at_us;
	uint32_t member;
};

// Times and numbers alone, in a few lines of their own: most turns of a large world move one.
struct world_heap {
	struct world_due *due; // the first has the next turn
	uint32_t *place;       // of each member in it
	uint32_t n;
};

struct world_heap *world_heap_create(uint32_t n); // all of them, due at once
void world_heap_destroy(struct world_heap *);
void world_heap_set(struct world_heap *, uint32_t member, uint64_t at_us);
