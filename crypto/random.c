#include "crypto/random.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/rand.h>

static void system_fill(void *ctx, void *out, size_t len)
{
	uint8_t *at = out;

	// OpenSSL's generator lives in the process: no system call for each id and nonce.
	if (len <= 1 << 20 && RAND_bytes(at, (int)len) == 1)
		return;
	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0)
			abort(); // nothing random to be had: no id, key or cookie would be safe
		at += n;
		len -= (size_t)n;
	}
}

struct random random_system(void)
{
	return (struct random){system_fill, NULL};
}

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

// xoshiro256**, Blackman and Vigna 2018.
static uint64_t seeded_next(struct random_state *st)
{
	uint64_t *s = st->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

static void seeded_fill(void *ctx, void *out, size_t len)
{
	uint8_t *at = out;

	while (len > 0) {
		uint64_t v = seeded_next(ctx);
		size_t n = len < sizeof(v) ? len : sizeof(v);

		memcpy(at, &v, n);
		at += n;
		len -= n;
	}
}

// splitmix64 spreads the seed, as the generator's authors ask for: its state must not be all zero.
static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

struct random random_seeded(struct random_state *state, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		state->s[i] = splitmix(&seed);
	return (struct random){seeded_fill, state};
}

void random_fill(const struct random *r, void *out, size_t len)
{
	r->fill(r->ctx, out, len);
}

uint32_t random_u32(const struct random *r)
{
	uint32_t v;

	r->fill(r->ctx, &v, sizeof(v));
	return v;
}

uint64_t random_u64(const struct random *r)
{
	uint64_t v;

	r->fill(r->ctx, &v, sizeof(v));
	return v;
}

uint64_t random_below(const struct random *r, uint64_t bound)
{
	uint64_t least = -bound % bound; // 2^64 mod bound: values below it would make some likelier
	uint64_t v;

	do
		v = random_u64(r);
	while (v < least);
	return v % bound;
}
