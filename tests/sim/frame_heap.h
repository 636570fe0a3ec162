// Datagrams in the air, earliest first; of the same time, in the order they were put in.
#pragma once

#include "tests/sim/net.h"

struct frame {
	uint64_t at_us;
	struct net_addr src, dst;
	uint32_t from, to; // hosts; to: once is_down
	bool is_down;      // on its receiver's line
	uint16_t len;
	uint8_t data[];
};

struct frame_heap {
	struct frame_entry {
		uint64_t at_us, order;
		struct frame *frame;
	} * entries; // keys beside each other: who looks for a place touches no frame
	uint32_t n, cap;
	uint64_t order;
	// For short ones: given back last, taken first, so that those few in the air are a few
	// lines, where malloc would go through all of its memory.
	struct frame_cell *cells, *idle;
};

struct frame *frame_create(struct frame_heap *, const uint8_t *data, uint16_t len);
struct frame *frame_copy(struct frame_heap *, const struct frame *);
void frame_heap_give(struct frame_heap *, struct frame *);
void frame_heap_push(struct frame_heap *, struct frame *);          // takes it over
struct frame *frame_heap_pop(struct frame_heap *, uint64_t now_us); // NULL: none is due
uint64_t frame_heap_next_us(const struct frame_heap *);             // UINT64_MAX: empty
void frame_heap_clear(struct frame_heap *);                         // of all that is in the air
