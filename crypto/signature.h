/*
 * The signature field of IIKeying and RIKeying (RFC 7425 4.3, §13.4). Everybody sends "X", which is
 * no signature; an endpoint may ask for a Simple Password instead.
 */
#ifndef ANNULUS_CRYPTO_SIGNATURE_H
#define ANNULUS_CRYPTO_SIGNATURE_H

#include "crypto/sha.h"
#include "dataplane/wire/span.h"

// What we send when we do not sign: one octet. An empty field means the same, but old peers refuse
// it.
#define SIGNATURE_NONE     "X"
#define SIGNATURE_NONE_LEN 1

#define SIGNATURE_SIMPLE_PASSWORD 0x1d

struct signature_password {
	struct span id, password;
};

enum signature_verdict {
	SIGNATURE_ABSENT, // empty, "X", malformed, or nothing in it that we know
	SIGNATURE_GOOD,   // a known password, and none of those known was wrong
	SIGNATURE_BAD,    // a known id with a wrong HMAC
};

// A verifier that needs no signature accepts all three verdicts.
enum signature_verdict signature_verify(struct span field, struct span signed_parameters,
					const struct signature_password *known, unsigned n_known);

// The length written, or -ENOBUFS.
int signature_sign(uint8_t *out, size_t cap, struct span signed_parameters,
		   const struct signature_password *p);

#endif
