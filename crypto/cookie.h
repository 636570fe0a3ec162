/*
 * The stateless cookie of RHello (§7.2, 7.3): 64 octets, the length old peers insist on.
 *
 *	epoch:1 bit, time:31 | HMAC(time)[0..28) | HMAC(time, address)
 *
 * The middle part says "ours", the last part "and for this address"; so a cookie that moved with a
 * NAT gets a Cookie Change and a stranger's gets nothing. Two secrets take turns, so that cookies
 * outlive a change. Two HMACs of one block each to make or verify one: cheap enough for a worker.
 */
#ifndef ANNULUS_CRYPTO_COOKIE_H
#define ANNULUS_CRYPTO_COOKIE_H

#include <stdbool.h>

#include "crypto/sha.h"
#include "dataplane/wire/limits.h"
#include "dataplane/wire/span.h"

#define COOKIE_LIFETIME_S  100 // not before COOKIE_LIFE_MIN_MS
#define COOKIE_SECRET_LEN  32
#define COOKIE_OURS_LEN    32 // octets that say "ours", time first
#define COOKIE_ADDRESS_MAX 40 // what a cookie is bound to: octets of address, port, endpoint

// Each worker's own; control replaces the whole by command.
struct cookie_secrets {
	struct hmac_keys epoch[2];
	uint8_t current; // cookies are made under this one, both are verified
	// What all cookies of a tick begin with, as it was made last.
	bool has_ours;
	uint8_t ours[COOKIE_OURS_LEN];
};

enum cookie_verdict {
	COOKIE_GOOD,
	COOKIE_OTHER_ADDRESS, // ours and fresh, but made for another address: Cookie Change
	COOKIE_FOREIGN,       // not ours, or its secret is gone
	COOKIE_EXPIRED,
};

// Both epochs from one secret: the start.
void cookie_secrets_init(struct cookie_secrets *s, const uint8_t secret[COOKIE_SECRET_LEN]);

// The next epoch. Not more often than every COOKIE_LIFETIME_S, or good cookies become foreign.
void cookie_secrets_advance(struct cookie_secrets *s, const uint8_t secret[COOKIE_SECRET_LEN]);

// now_us: any clock all verifiers share, such as the engine's.
void cookie_make(uint8_t out[COOKIE_LEN], struct cookie_secrets *s, uint64_t now_us,
		 struct span address);

enum cookie_verdict cookie_verify(const struct cookie_secrets *s, uint64_t now_us,
				  struct span cookie, struct span address);

// Was a cookie that has been found good made before that moment of the same clock, by 4 ms or more?
bool cookie_is_from_before(struct span cookie, uint64_t at_us);

#endif
