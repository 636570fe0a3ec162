/*
 * Diffie-Hellman in the MODP groups 2, 5, 14 and 16 with generator 2 (RFC 7425 4.2; RFC 2409,
 * RFC 3526). All of this is public-key work: 0.1 to some ms, on the keyer's thread, never on a
 * worker. Secrets meet only constant-time exponentiation.
 */
#ifndef ANNULUS_CRYPTO_DH_H
#define ANNULUS_CRYPTO_DH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/random.h"

#define DH_PUBLIC_MAX   512 // octets of group 16
#define DH_EXPONENT_MAX 64

enum dh_group {
	DH_GROUP_NONE = 0,
	DH_GROUP_2 = 2,   // 1024 bits: what old peers speak
	DH_GROUP_5 = 5,   // 1536
	DH_GROUP_14 = 14, // 2048: ours by choice
	DH_GROUP_16 = 16, // 4096
};

// A key pair. Holds a secret: wipe it when done.
struct dh_key {
	uint16_t public_len, exponent_len;
	uint8_t group; // enum dh_group
	uint8_t public_key[DH_PUBLIC_MAX];
	uint8_t exponent[DH_EXPONENT_MAX];
};

// DH_SECRET: big-endian without leading zero octets (RFC 7425 4.6).
struct dh_secret {
	uint16_t len;
	uint8_t octets[DH_PUBLIC_MAX];
};

bool dh_group_is_known(uint64_t group);

// Octets of the group's prime, 0 for an unknown group.
size_t dh_group_len(uint64_t group);

// The prime, big-endian, dh_group_len octets into out. 0 or -ENOTSUP.
int dh_group_prime(uint64_t group, uint8_t *out);

// A fresh pair whose public key has the group's full length, since old peers take 127 octets at
// best for 128 (and 1 in 256 would be short). 0, -ENOTSUP, -ENOMEM.
int dh_key_generate(struct dh_key *key, uint64_t group, const struct random *rng);

// A pair from a given exponent (big-endian): files and vectors. -EINVAL: too long, or its public
// key is not acceptable.
int dh_key_from_exponent(struct dh_key *key, uint64_t group, const uint8_t *exponent, size_t len);

// The MUST of RFC 7425 4.2 for every received key y: 2^24 <= y <= p - 2^24, at least 16 one bits
// and at least 16 zero bits, leading ones not counted. 0, -EBADMSG, -ENOTSUP.
int dh_public_check(uint64_t group, const uint8_t *y, size_t len);

// Checks the far key, then computes the secret. 0, -EBADMSG, -ENOMEM. The caller wipes secret.
int dh_secret_compute(const struct dh_key *near, const uint8_t *far, size_t far_len,
		      struct dh_secret *secret);

void dh_key_wipe(struct dh_key *key);
void dh_secret_wipe(struct dh_secret *secret);

#endif
