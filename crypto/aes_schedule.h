// AES-128 key expansion without tables, so that its time and its cache lines tell nothing about the
// key: by the CPU's own instructions, or without them in some microseconds. The layout is the one of
// ipsec-mb and AES-NI.
#ifndef ANNULUS_CRYPTO_AES_SCHEDULE_H
#define ANNULUS_CRYPTO_AES_SCHEDULE_H

#include <stdint.h>

// Round keys 0..10 in order; either may be NULL. dec is for the equivalent inverse cipher (FIPS 197
// 5.3.5): from the last round key to the first, all but those two through InvMixColumns. So the key
// itself is the first 16 octets of enc and the last 16 of dec.
void aes_schedule_expand(const uint8_t key[16], uint8_t enc[176], uint8_t dec[176]);
// The same on any CPU.
void aes_schedule_expand_plainly(const uint8_t key[16], uint8_t enc[176], uint8_t dec[176]);

#endif
