// HMAC-SHA256 with two packets side by side, for CPUs that have SHA-256 but not AVX-512. One chain
// waits for the latency of its rounds half of the time; two fill the units, and so do ipsec-mb's.
// But here a packet costs no job, and its last block and the one around it never leave the
// registers.
#ifndef ANNULUS_CRYPTO_SHANI_H
#define ANNULUS_CRYPTO_SHANI_H

#include <stdbool.h>

#include "crypto/crypto.h"

bool shani_is_here(void);

// The whole tags of the ciphertexts of all ops, which have an HMAC. They are taken in pairs as they
// stand: neighbours of equal length are quickest.
void shani_tags(struct crypto_op *const *ops, uint16_t n, uint8_t (*tags)[SHA256_LEN]);

#endif
