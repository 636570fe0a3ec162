// Fragments of a stream by number, within bounds: what a player has and has not delivered yet.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wire/stream_fragment.h"

// Ours: beyond it arithmetic on numbers might wrap. At a million a second it is reached in 146 000
// years.
#define STREAM_NUMBER_MAX (UINT64_MAX >> 2)

struct held_fragment {
	uint8_t *payload; // ours; NULL: this number is missing
	uint32_t len;
	uint8_t flags, type; // enum stream_fragment_flag; type and timestamp: first fragments
	uint32_t timestamp;
	uint64_t arrived_us;
};

struct fragment_store {
	struct held_fragment *ring; // at number & (cap - 1)
	uint32_t cap, cap_max;      // powers of two
	uint32_t n;
	uint64_t lowest, highest; // of those held; of no meaning if n is 0
	uint64_t bytes, bytes_max;
};

// Memory comes with the first fragment. cap_max: a power of two.
void fragment_store_init(struct fragment_store *, uint32_t cap_max, uint64_t bytes_max);
void fragment_store_clear(struct fragment_store *);

// 0, -EEXIST, -ENOBUFS (too many, or too far from the others), -ENOMEM.
int fragment_store_put(struct fragment_store *, const struct stream_fragment *, uint64_t now_us);
// NULL: missing.
const struct held_fragment *fragment_store_get(const struct fragment_store *, uint64_t number);
void fragment_store_drop_below(struct fragment_store *, uint64_t number);
// The lowest number held from `number` on; 0: none.
uint64_t fragment_store_next(const struct fragment_store *, uint64_t number);

// The message that begins at `number` with a first fragment: how many fragments it has if all are
// here; 0 if not, then *missing is the number that it lacks first. A message that another one cuts
// short counts as lacking nothing: *missing 0.
uint32_t fragment_store_whole(const struct fragment_store *, uint64_t number, uint64_t *missing);
