// What was there lately, by keys of 16 octets that strangers choose: postings that are known,
// requests that came by. Oldest first out: by age, or when the limit is reached. Memory grows with
// what is remembered, up to the limit's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RECENT_KEY_LEN 16

struct recent_key {
	uint8_t key[RECENT_KEY_LEN];
	uint64_t at_us;
};

struct recent_keys {
	struct recent_key *ring; // cap of them, the oldest at head
	uint32_t *slots;         // place in the ring + 1 by hash; 2 * cap of them
	uint32_t cap, head, n;
	uint32_t max;
	uint64_t seed;
};

// max: rounded up to a power of two.
void recent_keys_init(struct recent_keys *, uint32_t max, uint64_t seed);
void recent_keys_clear(struct recent_keys *);
bool recent_keys_have(const struct recent_keys *, const uint8_t key[RECENT_KEY_LEN]);
// One that is not there. *pushed_out: the oldest had to go. 0 or -ENOMEM.
int recent_keys_add(struct recent_keys *, const uint8_t key[RECENT_KEY_LEN], uint64_t now_us,
		    bool *pushed_out);
// Forgets what was added before.
void recent_keys_expire(struct recent_keys *, uint64_t before_us);
