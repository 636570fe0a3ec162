#include "control/group/recent_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 16 };

void recent_keys_init(struct recent_keys *k, uint32_t max, uint64_t seed)
{
	*k = (struct recent_keys){.max = CAP_FIRST, .seed = seed};
	while (k->max < max)
		k->max *= 2;
}

void recent_keys_clear(struct recent_keys *k)
{
	free(k->ring);
	free(k->slots);
	recent_keys_init(k, k->max, k->seed);
}

// Where a key's search begins.
static uint32_t home(const struct recent_keys *k, const uint8_t key[RECENT_KEY_LEN])
{
	uint64_t h = k->seed, w[2];

	memcpy(w, key, sizeof(w));
	for (int i = 0; i < 2; i++) { // every bit of the key reaches the low bits
		h = (h ^ w[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
		h ^= h >> 32;
	}
	return (uint32_t)h & (2 * k->cap - 1);
}

static const uint8_t *key_at(const struct recent_keys *k, uint32_t slot)
{
	return k->ring[k->slots[slot] - 1].key;
}

// Its slot, or the free one where it belongs. Half of the slots are free, so there is one.
static uint32_t find(const struct recent_keys *k, const uint8_t key[RECENT_KEY_LEN])
{
	uint32_t at = home(k, key);

	while (k->slots[at] != 0 && memcmp(key_at(k, at), key, RECENT_KEY_LEN) != 0)
		at = (at + 1) & (2 * k->cap - 1);
	return at;
}

bool recent_keys_have(const struct recent_keys *k, const uint8_t key[RECENT_KEY_LEN])
{
	return k->n > 0 && k->slots[find(k, key)] != 0;
}

// Moves up who was pushed on by the one that leaves this slot.
static void slot_free(struct recent_keys *k, uint32_t hole)
{
	uint32_t mask = 2 * k->cap - 1, at = hole;

	for (;;) {
		uint32_t from;

		at = (at + 1) & mask;
		if (k->slots[at] == 0)
			break;
		from = home(k, key_at(k, at));
		if (((at - from) & mask) < ((at - hole) & mask))
			continue; // its search begins behind the hole
		k->slots[hole] = k->slots[at];
		hole = at;
	}
	k->slots[hole] = 0;
}

static void oldest_remove(struct recent_keys *k)
{
	slot_free(k, find(k, k->ring[k->head].key));
	k->head = (k->head + 1) & (k->cap - 1);
	k->n--;
}

static int grow(struct recent_keys *k)
{
	uint32_t cap = k->cap > 0 ? 2 * k->cap : CAP_FIRST;
	struct recent_keys grown = *k;

	grown.ring = calloc(cap, sizeof(*grown.ring));
	grown.slots = calloc(2 * (size_t)cap, sizeof(*grown.slots));
	if (grown.ring == NULL || grown.slots == NULL) {
		free(grown.ring);
		free(grown.slots);
		return -ENOMEM;
	}
	grown.cap = cap;
	grown.head = 0;
	for (uint32_t i = 0; i < k->n; i++) {
		grown.ring[i] = k->ring[(k->head + i) & (k->cap - 1)];
		grown.slots[find(&grown, grown.ring[i].key)] = i + 1;
	}
	free(k->ring);
	free(k->slots);
	*k = grown;
	return 0;
}

int recent_keys_add(struct recent_keys *k, const uint8_t key[RECENT_KEY_LEN], uint64_t now_us,
		    bool *pushed_out)
{
	uint32_t at;

	*pushed_out = k->n == k->max;
	if (*pushed_out)
		oldest_remove(k);
	if (k->n == k->cap && grow(k) != 0)
		return -ENOMEM;
	at = (k->head + k->n++) & (k->cap - 1);
	memcpy(k->ring[at].key, key, RECENT_KEY_LEN);
	k->ring[at].at_us = now_us;
	k->slots[find(k, key)] = at + 1;
	return 0;
}

void recent_keys_expire(struct recent_keys *k, uint64_t before_us)
{
	while (k->n > 0 && k->ring[k->head].at_us < before_us)
		oldest_remove(k);
	if (k->n == 0 && k->cap > 0)
		recent_keys_clear(k);
}
