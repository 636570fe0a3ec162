// SHA-256, HMAC-SHA256 and comparing without telling where the difference is. Nothing allocates.
#ifndef ANNULUS_CRYPTO_SHA_H
#define ANNULUS_CRYPTO_SHA_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32

/*
 * An HMAC key ready for use: the SHA-256 state after the inner padded key and that after the outer
 * one, eight words of the machine's order each. 64 octets, so a direction of a session is one line.
 */
struct hmac_keys {
	alignas(64) uint8_t state[64];
};

void sha256(const void *data, size_t len, uint8_t out[SHA256_LEN]);

// key of any length; more than 64 octets are hashed first (RFC 2104 2).
void hmac_keys_expand(struct hmac_keys *keys, const void *key, size_t key_len);
void hmac_sha256_with(const struct hmac_keys *keys, const void *msg, size_t len,
		      uint8_t out[SHA256_LEN]);

// Both steps at once, for keys that are used once.
void hmac_sha256(const void *key, size_t key_len, const void *msg, size_t len,
		 uint8_t out[SHA256_LEN]);

// Time depends on len alone.
bool octets_equal(const void *a, const void *b, size_t len);

// Overwrites secrets; the compiler may not leave it out.
void octets_wipe(void *p, size_t len);

#endif
