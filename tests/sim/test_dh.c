#include "tests/sim/test_dh.h"

#include <errno.h>
#include <string.h>

#include "dataplane/wire/cursor.h"

/*
 * Diffie-Hellman in a group that a word holds: 7 generates the numbers modulo 2^61 - 1. A public
 * key is 7^x, then octets that follow from it, up to the length that the group asks for; a secret
 * is spread over as many octets from 7^xy. Who gets a far key with one bit changed comes to another
 * secret, as with the real thing.
 */
#define PRIME     ((1ull << 61) - 1)
#define GENERATOR 7
#define EXPONENT  8    // octets; no real group has so few, which tells stand-ins apart
#define TOP       0x80 // first octet: below every group's prime, whose first octets are ff

// The linker's names of what it replaces and of what it calls instead.
int __real_dh_key_generate(struct dh_key *key, uint64_t group, const struct random *rng);
int __wrap_dh_key_generate(struct dh_key *key, uint64_t group, const struct random *rng);
int __real_dh_secret_compute(const struct dh_key *near, const uint8_t *far, size_t far_len,
			     struct dh_secret *secret);
int __wrap_dh_secret_compute(const struct dh_key *near, const uint8_t *far, size_t far_len,
			     struct dh_secret *secret);

static uint64_t times(uint64_t a, uint64_t b)
{
	__uint128_t p = (__uint128_t)a * b;
	uint64_t sum = (uint64_t)(p & PRIME) + (uint64_t)(p >> 61);

	return sum >= PRIME ? sum - PRIME : sum;
}

static uint64_t power(uint64_t base, uint64_t exponent)
{
	uint64_t result = 1;

	for (; exponent > 0; exponent >>= 1, base = times(base, base))
		if (exponent & 1)
			result = times(result, base);
	return result;
}

// Octets that follow from a number.
static void spread(uint64_t number, uint8_t *out, size_t len)
{
	struct random_state state;
	struct random octets = random_seeded(&state, number);

	random_fill(&octets, out, len);
}

static void write_public(uint64_t number, uint8_t *out, size_t len)
{
	out[0] = TOP;
	be64_put(out + 1, number);
	spread(number, out + 9, len - 9);
}

// ---- in place of dh.c ----

static void fill(void *ctx, void *out, size_t len)
{
	random_fill(ctx, out, len);
}

struct random test_dh_random(const struct random *real)
{
	return (struct random){fill, (void *)real};
}

int __wrap_dh_key_generate(struct dh_key *key, uint64_t group, const struct random *rng)
{
	if (rng->fill != fill)
		return __real_dh_key_generate(key, group, rng);
	if (!dh_group_is_known(group))
		return -ENOTSUP;
	memset(key, 0, sizeof(*key));
	key->group = (uint8_t)group;
	key->public_len = (uint16_t)dh_group_len(group);
	key->exponent_len = EXPONENT;
	be64_put(key->exponent, 1 + random_below(rng, PRIME - 1));
	write_public(power(GENERATOR, be64_get(key->exponent)), key->public_key, key->public_len);
	return 0;
}

int __wrap_dh_secret_compute(const struct dh_key *near, const uint8_t *far, size_t far_len,
			     struct dh_secret *secret)
{
	uint8_t whole[DH_PUBLIC_MAX];
	uint64_t number;
	size_t len = dh_group_len(near->group), zeros = 0;
	int err;

	if (near->exponent_len != EXPONENT)
		return __real_dh_secret_compute(near, far, far_len, secret);
	secret->len = 0;
	err = dh_public_check(near->group, far, far_len);
	if (err != 0 || far_len != len)
		return -EBADMSG;
	number = be64_get(far + 1);
	write_public(number, whole, len);
	number = power(number % PRIME, be64_get(near->exponent));
	for (size_t i = 0; i < len; i++) // zero, if the key is whole
		number += (uint64_t)(whole[i] ^ far[i]) << i % 56;
	spread(number, whole, len);
	while (zeros < len - 1 && whole[zeros] == 0)
		zeros++; // as RFC 7425 4.6 wants it
	secret->len = (uint16_t)(len - zeros);
	memcpy(secret->octets, whole + zeros, secret->len);
	return 0;
}
