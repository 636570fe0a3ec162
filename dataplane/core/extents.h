// The memory of all stream windows of an engine (fastpath.md 2): extents of 64 KiB for bodies and
// blocks of 4 KiB for the index over them. A window takes and gives back whole extents, never
// bodies, so a thousand quiet streams do not cost a thousand worst cases. Taken once, by address; a
// page costs memory when it is first written.
//
// Other workers read bodies where they lie (handoff.c). So an extent counts what of it is lent, and
// one that its window gives back is free only when all of that has been returned.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define EXTENT_BYTES  65536
#define EXTENT_NONE   UINT32_MAX
#define BLOCK_NUMBERS 1024 // entries of an index block

struct extent {
	uint64_t seq;     // place in the window's log, counted from 1
	uint32_t next;    // in the window or the free list
	uint32_t last_ms; // arrival of its newest record
	uint16_t used;    // steps filled
	bool is_put;      // given back; free when nothing of it is lent any more
	uint32_t n_lent;  // bodies that other workers may be reading
};

struct index_block {
	uint32_t entry[BLOCK_NUMBERS];
};

struct extents {
	uint8_t *memory;
	struct extent *extent;
	struct index_block *blocks;
	uint32_t *block_next;
	uint32_t n_extents, n_extents_free, extent_free;
	uint32_t n_lent; // bodies of all extents
	uint32_t n_blocks, n_blocks_free, block_free;
};

// NULL: no address space.
struct extents *extents_create(uint32_t extents_max, uint32_t windows_max);
void extents_destroy(struct extents *);

// EXTENT_NONE: all are taken.
uint32_t extent_get(struct extents *);
void extent_put(struct extents *, uint32_t idx);
void extent_lend(struct extents *, uint32_t idx); // one body more
void extent_returned(struct extents *, uint32_t idx, uint32_t n);
// The same of index blocks, zeroed.
uint32_t index_block_get(struct extents *);
void index_block_put(struct extents *, uint32_t idx);

static inline uint8_t *extent_data(const struct extents *x, uint32_t idx)
{
	return x->memory + (uint64_t)idx * EXTENT_BYTES;
}
