// The limit of a relay or receiver: ipsec-mb alone (floor.h) for every packet that crossed crypto
// in a turn, gathered into full bursts, with keys fetched a burst ahead; and a copy of the same
// octets. Keys are the engine's own, half an array away from those that it is using.
#pragma once

#include "perf/fars.h"
#include "perf/floor.h"

struct crossing_way { // sealing or opening
	struct crypto_op ops[FLOOR_BURST];
	uint32_t n;     // that wait for a full burst
	uint64_t ticks; // until crossing_forget
};

struct crossing {
	const struct engine *engine;
	struct floor *floor;
	uint32_t n_sessions;
	uint8_t tag_len;
	bool checks_sums; // opening verifies checksums, where there is no HMAC
	struct crossing_way seal, open;
	uint8_t *room, *room_copy;
	uint64_t copy_ticks, copy_packets;
	uint16_t sum; // so that nothing is optimised away
};

// NULL: no memory, or no ipsec-mb here.
struct crossing *crossing_create(const struct engine *, uint32_t n_sessions, uint8_t tag_len,
				 bool checks_sums);
void crossing_destroy(struct crossing *);
void crossing_seal(struct crossing *, const struct crossed *);
void crossing_open(struct crossing *, const struct crossed *);
void crossing_copy(struct crossing *, const struct crossed *);
void crossing_forget(struct crossing *);
