#include <assert.h>

#include "dataplane/wire/chunk.h"

// The first bit at or after `bit` that is `wanted`, or the number of bits.
static size_t bitmap_find(struct span bits, size_t bit, bool wanted)
{
	while (bit < 8 * bits.len) {
		uint8_t octet = wanted ? bits.data[bit / 8] : (uint8_t)~bits.data[bit / 8];
		unsigned rest = (unsigned)octet >> (bit % 8);

		if (rest != 0)
			return bit + (size_t)__builtin_ctz(rest);
		bit = (bit | 7) + 1;
	}
	return 8 * bits.len;
}

bool ack_next_in_bitmap(struct ack_iter *it, struct seq_range *range)
{
	const struct span bits = span_of(it->r.at, it->r.left);
	size_t first = bitmap_find(bits, it->bit, true);
	size_t end;

	if (first == 8 * bits.len)
		return false;
	end = bitmap_find(bits, first, false);
	it->bit = end;
	// bit 0 is cum + 2
	return !__builtin_add_overflow(it->cursor, 2 + (uint64_t)first, &range->from) &&
	       !__builtin_add_overflow(range->from, end - 1 - first, &range->to);
}

static struct wr_point begin(struct wr *w, uint8_t type, const struct ack *a)
{
	struct wr_point start = wr_chunk_begin(w, type);

	wr_vlu(w, a->flow_id);
	wr_vlu(w, a->window_blocks);
	wr_vlu(w, a->cum);
	return start;
}

int ack_ranges_write(struct wr *w, const struct ack *a, const struct seq_range *ranges, size_t n)
{
	struct wr_point start = begin(w, CHUNK_ACK_RANGES, a);
	uint64_t cursor = a->cum;
	size_t n_written;
	int err;

	for (n_written = 0; n_written < n && w->err == 0; n_written++) {
		const struct seq_range *range = &ranges[n_written];
		struct wr_point pair = wr_mark(w);

		assert(range->from >= cursor && range->from - cursor >= 2);
		assert(range->to >= range->from);
		wr_vlu(w, range->from - cursor - 2);
		wr_vlu(w, range->to - range->from);
		if (w->err != 0 || w->len - start.len > CHUNK_HEADER_LEN + CHUNK_PAYLOAD_MAX) {
			wr_rollback(w, pair);
			break;
		}
		cursor = range->to;
	}
	err = wr_chunk_commit(w, start);
	return err != 0 ? err : (int)n_written;
}

#define BITMAP_MAX (CHUNK_PAYLOAD_MAX - 3 * VLU_LEN_MAX) // octets, behind the longest fields

// Sets bits first..last of a bitmap that grows as needed, as far as it fits.
static bool bitmap_extend(struct wr *w, size_t bits_at, uint64_t first, uint64_t last)
{
	uint64_t bit;

	for (bit = first; bit <= last; bit++) {
		while (bit / 8 >= w->len - bits_at) {
			if (wr_left(w) == 0 || w->len - bits_at == BITMAP_MAX)
				return false;
			wr_u8(w, 0);
		}
		w->base[bits_at + bit / 8] |= (uint8_t)(1u << (bit % 8));
	}
	return true;
}

int ack_bitmap_write(struct wr *w, const struct ack *a, const struct seq_range *ranges, size_t n)
{
	struct wr_point start = begin(w, CHUNK_ACK_BITMAP, a);
	size_t bits_at = w->len;
	size_t n_written;
	int err;

	for (n_written = 0; n_written < n && w->err == 0; n_written++) {
		assert(ranges[n_written].from >= a->cum && ranges[n_written].from - a->cum >= 2);
		if (!bitmap_extend(w, bits_at, ranges[n_written].from - a->cum - 2,
				   ranges[n_written].to - a->cum - 2))
			break;
	}
	err = wr_chunk_commit(w, start);
	return err != 0 ? err : (int)n_written;
}
