// Stream control on GR-11: announcements, maps, push masks, pulls (groups.md §6.1).
#ifndef ANNULUS_WIRE_GROUP_STREAM_H
#define ANNULUS_WIRE_GROUP_STREAM_H

#include "dataplane/wire/option.h"

enum group_stream_type {
	STREAM_INFO = 0x21, // or the stream's end: stream_is_end()
	STREAM_FRAGMENTS_MAP = 0x22,
	STREAM_PUSH_MASK = 0x23,
	STREAM_PULL = 0x2b,
};

// 21: this stream exists here (the publisher), or I want or relay it (the others).
struct stream_info {
	struct span name; // UTF-8, at most STREAM_NAME_MAX octets
	uint8_t key[STREAM_KEY_LEN];
	uint64_t window_ms; // the reader fills in the defaults of limits.h for what is missing
	uint64_t expiry_ms; // option 04: meaning not sure, always STREAM_EXPIRY_MS
	uint64_t update_ms; // availability update period
	uint64_t fetch_ms;
	bool has_flag_02; // meaning unknown; librtmfp always sends it
	bool is_sent_to_all;
};

// Name and key must be there.
int stream_info_read(struct stream_info *s, struct span msg);
int stream_info_write(struct wr *w, const struct stream_info *s);

// 21, but short: the stream is complete when everything below `end` is there; `end` itself may or
// may not exist (librtmfp sends the last fragment's number plus one).
static inline bool stream_is_end(struct span msg)
{
	return msg.len > 1 && msg.data[0] == STREAM_INFO && msg.len - 1 < STREAM_END_LEN_MAX;
}

int stream_end_read(uint64_t *end, struct span msg);
int stream_end_write(struct wr *w, uint64_t end);

// 22: I hold `last` and those of the bits. Bit i (lowest first) of octet j stands for fragment
// last - 1 - 8j - i. What lies beyond the bits is not held.
struct fragments_map {
	uint64_t last;
	struct span bits; // at most FRAGMENTS_MAP_MAX octets
};

int fragments_map_read(struct fragments_map *m, struct span msg);
int fragments_map_write(struct wr *w, const struct fragments_map *m);

static inline bool fragments_map_has(const struct fragments_map *m, uint64_t number)
{
	uint64_t i;

	if (number >= m->last || number == 0) // fragments count from 1
		return number == m->last && number != 0;
	i = m->last - 1 - number;
	return i / 8 < m->bits.len && (m->bits.data[i / 8] >> (i % 8) & 1);
}

// Octets of bitmap that a holder of first..last needs.
static inline size_t fragments_map_len(uint64_t first, uint64_t last)
{
	uint64_t n = last > first ? last - first : 0;

	return n > 8 * (uint64_t)FRAGMENTS_MAP_MAX ? FRAGMENTS_MAP_MAX : (size_t)((n + 7) / 8);
}

// Marks a number below last in a zeroed bitmap of len octets; one that lies beyond is left out.
static inline void fragments_map_set(uint8_t *bits, size_t len, uint64_t last, uint64_t number)
{
	uint64_t i = last - 1 - number;

	if (number < last && i / 8 < len)
		bits[i / 8] |= (uint8_t)(1u << (i % 8));
}

// 23: push me every fragment whose number % 8 is a bit of the mask; replaces the former mask.
int push_mask_read(uint8_t *mask, struct span msg);
int push_mask_write(struct wr *w, uint8_t mask);

// 2B: send me this one.
int pull_read(uint64_t *number, struct span msg);
int pull_write(struct wr *w, uint64_t number);

#endif
