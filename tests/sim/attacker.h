// Who hears everything and has no key: keeps what crosses the network and gives it back, whole or
// altered, to whomever he likes and from whatever address.
#pragma once

#include "tests/sim/world.h"

enum attack {
	ATTACK_REPLAY,    // once more, the same
	ATTACK_ELSEWHERE, // once more, from an address of his own
	ATTACK_BIT,       // one bit changed, anywhere
	ATTACK_CUT,       // its first octets: each length in turn
	ATTACK_LONGER,    // 1 to 48 octets behind it
	ATTACK_REFLECT,   // to whom it came from, under the id that he listens to
	ATTACK_OTHER,     // under the id of another session, to whose owner
	ATTACK_SPLICE,  // the head of one and the tail of another of the same session and direction
	ATTACK_GARBAGE, // a session's id, and noise
	ATTACK_STARTUP, // once more, of those under the default key; half of them from elsewhere
	ATTACK_N
};

const char *attack_name(enum attack);

struct attacker;

// Listens to the world's network from now on.
struct attacker *attacker_create(struct world *, uint64_t seed);
void attacker_destroy(struct attacker *);

// Deaf from now on. Of what it has heard, it uses what has certainly arrived: all but the last
// 200 ms. How many datagrams of sessions, and of startup, that is.
void attacker_begin(struct attacker *, uint32_t *n_session, uint32_t *n_startup);

// What octets of a session's packets it leaves as they are, whatever the attack: 0, or those that a
// sequence number stands in. For a checksum lets one in 65536 altered packets pass, and only an old
// number keeps that one out.
void attacker_spare(struct attacker *, uint16_t octets);

// The next packet of that kind goes to its victim's engine.
void attacker_strike(struct attacker *, enum attack);
