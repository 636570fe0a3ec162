// THE DECLARED TEST CIPHER: no secret is safe behind it. It takes the place of AES in worlds whose
// seed says so (seeds.h), because a hundred members are not simulated a thousand times faster than
// the clock while they encrypt.
//
// What the protocol sees of a cipher stays: packets have the same forms and lengths, a wrong key, a
// changed bit and a cut packet are found out by checksum or tag. It is linked into programs of
// tests/sim and nowhere else, which tests/sim/not_shipped looks after.
#pragma once

#include "crypto/crypto.h"

struct crypto *test_cipher_create(void); // crypto_destroy frees it
