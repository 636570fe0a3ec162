// Acknowledgements: bitmaps and ranges (rtmfp.md §4.13, 4.14). Include chunk.h.
//
// Both are read through one iterator. We send ranges, since some peers use only the cumulative
// part of a bitmap (§16.2).
#ifndef ANNULUS_WIRE_CHUNK_ACK_H
#define ANNULUS_WIRE_CHUNK_ACK_H

#include "dataplane/wire/chunk.h"

// Sequence numbers from..to, both ends included.
struct seq_range {
	uint64_t from;
	uint64_t to;
};

struct ack {
	uint64_t flow_id;
	uint64_t window_blocks; // of WINDOW_BLOCK octets; saturated if beyond 64 bits
	uint64_t cum;           // 0..cum are acknowledged, cum + 1 is not
	bool is_bitmap;
	struct span tail; // read it with ack_next()
};

// type is CHUNK_ACK_BITMAP or CHUNK_ACK_RANGES.
static inline int ack_read(struct ack *a, uint8_t type, struct span payload)
{
	struct rd r = rd_over_span(payload);

	a->is_bitmap = type == CHUNK_ACK_BITMAP;
	a->flow_id = rd_vlu(&r);
	a->window_blocks = rd_vlu(&r);
	a->cum = rd_vlu(&r);
	a->tail = rd_rest(&r);
	return r.err;
}

struct ack_iter {
	struct rd r;
	uint64_t cursor; // ranges: last number received. bitmap: the number of bit 0
	size_t bit;      // bitmap only: the next bit to look at
	bool is_bitmap;
};

static inline struct ack_iter ack_iter_over(const struct ack *a)
{
	struct ack_iter it = {rd_over_span(a->tail), a->cum, 0, a->is_bitmap};

	return it;
}

bool ack_next_in_bitmap(struct ack_iter *it, struct seq_range *range);

// The next acknowledged range above cum, ascending, never adjacent to the one before. False at
// the end. A pair cut short ends the list, as does one that leaves 64 bits; what came before
// stays good. Peers may acknowledge numbers that were never sent: the caller clamps.
static inline bool ack_next(struct ack_iter *it, struct seq_range *range)
{
	uint64_t holes, received;

	if (it->is_bitmap)
		return ack_next_in_bitmap(it, range);
	if (it->r.left == 0)
		return false;
	holes = rd_vlu(&it->r);    // number of missing ones, less one
	received = rd_vlu(&it->r); // number of received ones, less one
	if (it->r.err != 0)
		return false;
	if (__builtin_add_overflow(it->cursor, 2, &range->from) ||
	    __builtin_add_overflow(range->from, holes, &range->from) ||
	    __builtin_add_overflow(range->from, received, &range->to)) {
		rd_fail(&it->r);
		return false;
	}
	it->cursor = range->to;
	return true;
}

// Writes a Range Ack of a's first three fields and of as many of the ranges as fit. The ranges
// are ascending, disjoint, not adjacent and all above cum + 1. Returns how many were written, or
// -ENOBUFS with nothing written if not even the three fields fit.
int ack_ranges_write(struct wr *w, const struct ack *a, const struct seq_range *ranges, size_t n);

// The same as a bitmap; it ends with the last octet that fits.
int ack_bitmap_write(struct wr *w, const struct ack *a, const struct seq_range *ranges, size_t n);

#endif
