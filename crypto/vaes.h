// AES-CBC with two packets in a register, for CPUs that have VAES but not AVX-512 (Zen 3, Alder
// Lake): there ipsec-mb 1.3 seals with eight lanes of 16 octets, which is half of what the CPU can
// do. A packet in two parts is sealed as it lies: head in place, tail from elsewhere.
#ifndef ANNULUS_CRYPTO_VAES_H
#define ANNULUS_CRYPTO_VAES_H

#include <stdbool.h>

#include "crypto/crypto.h"

#define VAES_LANES 16

bool vaes_is_here(void);

struct vaes;                    // room for sixteen packets' keys
struct vaes *vaes_create(void); // NULL: no memory
void vaes_destroy(struct vaes *v);

// Seals all ops, without their tags, sixteen at a time in this order: neighbours of equal length
// are quickest.
void vaes_seal(struct vaes *v, const struct crypto_op *ops, const uint8_t *order, uint16_t n);
// Opens in place, without looking at tags. Sums the plaintext while it is in registers.
void vaes_open(struct crypto_op *op);

#endif
