// The limit of a handshake: the two exponentiations that answering it cannot do without, a fresh
// pair and the secret, by OpenSSL's constant-time modular exponentiation alone, with an exponent of
// the same length, all numbers ready and the modulus prepared.
#ifndef ANNULUS_PERF_RAW_DH_H
#define ANNULUS_PERF_RAW_DH_H

#include <openssl/bn.h>

#include "crypto/dh.h"

struct raw_dh {
	BN_CTX *ctx;
	BN_MONT_CTX *mont;
	BIGNUM *prime, *generator, *far, *exponent, *result;
};

bool raw_dh_init(struct raw_dh *, const struct dh_key *far); // false: no memory
void raw_dh_fini(struct raw_dh *);
bool raw_dh_handshake(struct raw_dh *);

#endif
