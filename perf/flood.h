// Strangers who send far more than they should: datagrams made beforehand, which go into a world as
// fast as a row asks.
#ifndef ANNULUS_PERF_FLOOD_H
#define ANNULUS_PERF_FLOOD_H

#include "perf/strangers.h"
#include "perf/world.h"

enum flood_kind {
	FLOOD_NOISE,  // octets under no key
	FLOOD_COOKIE, // an IIKeying with a cookie that nobody gave
	FLOOD_NOBODY, // an IHello for somebody whom nobody knows
	FLOOD_HELLO,  // an IHello for us, from an address that its sender does not have
	FLOOD_KINDS
};

extern const char *const flood_names[FLOOD_KINDS];

struct flood;

// is_spread: every datagram from another /24, else all from one. near: who it is that they come to.
// NULL: no memory.
struct flood *flood_create(enum flood_kind, bool is_spread, const struct identity_endpoint *near);
void flood_destroy(struct flood *); // NULL is fine
// How many of n got in.
uint32_t flood_send(struct flood *, struct world *, uint32_t n);
// One of them, for a limit: its ciphertext goes to dst. Returns its length.
uint16_t flood_ciphertext(const struct flood *, uint32_t i, uint8_t *dst);

// Slots from here on are no far end's but a stranger's address.
#define FLOOD_SLOT (1u << 20)

#endif
