#include "crypto/shani.h"

#include <cpuid.h>
#include <immintrin.h>

/*
 * AVX only for its three-operand forms. The SHA instructions have none, and where the upper half of
 * a wide register is in use they take hundreds of cycles each (Zen 3): nothing here may have 256
 * bits, and who calls has left none behind (compilers see to it where a function ends).
 */
#define SHANI  __attribute__((target("avx,sha")))
#define INLINE static inline __attribute__((always_inline)) SHANI

#define HASH_BLOCK 64
#define VECTORS    4 // of four words: a block, and the part of the schedule that is still needed
#define LANES      2

// FIPS 180-4 4.2.2.
static const alignas(16) uint32_t round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

// The eight words of a state in the places where the CPU wants them, the first named one highest.
struct chain {
	__m128i abef, cdgh;
};

bool shani_is_here(void)
{
	unsigned eax, ebx, ecx, edx;

	return __builtin_cpu_supports("avx") && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
	       (ebx & bit_SHA) != 0;
}

// ---- one block ----

// Four rounds, and the four words of the schedule that they need.
INLINE void rounds(struct chain *c, __m128i w[VECTORS], unsigned four)
{
	__m128i k;

	if (four >= VECTORS) {
		__m128i last = w[(four + 3) % VECTORS];

		k = _mm_add_epi32(_mm_sha256msg1_epu32(w[four % VECTORS], w[(four + 1) % VECTORS]),
				  _mm_alignr_epi8(last, w[(four + 2) % VECTORS], 4));
		w[four % VECTORS] = _mm_sha256msg2_epu32(k, last);
	}
	k = _mm_load_si128((const __m128i *)round_constants + four);
	k = _mm_add_epi32(w[four % VECTORS], k);
	c->cdgh = _mm_sha256rnds2_epu32(c->cdgh, c->abef, k);
	c->abef = _mm_sha256rnds2_epu32(c->abef, c->cdgh, _mm_shuffle_epi32(k, 0x0e));
}

INLINE void block(struct chain *c, __m128i w[LANES][VECTORS], unsigned lanes)
{
	struct chain before[LANES];

	for (unsigned l = 0; l < lanes; l++)
		before[l] = c[l];
#pragma GCC unroll 16
	for (unsigned four = 0; four < 16; four++) {
#pragma GCC unroll 2
		for (unsigned l = 0; l < lanes; l++)
			rounds(&c[l], w[l], four);
	}
	for (unsigned l = 0; l < lanes; l++) {
		c[l].abef = _mm_add_epi32(c[l].abef, before[l].abef);
		c[l].cdgh = _mm_add_epi32(c[l].cdgh, before[l].cdgh);
	}
}

// ---- what a block holds ----

INLINE __m128i swapped(__m128i v) // between octets and words
{
	return _mm_shuffle_epi8(v, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

INLINE __m128i words_load(const uint8_t *at)
{
	return swapped(_mm_loadu_si128((const __m128i *)at));
}

INLINE void whole_words(__m128i w[VECTORS], const uint8_t *at)
{
#pragma GCC unroll 4
	for (unsigned v = 0; v < VECTORS; v++)
		w[v] = words_load(at + 16 * v);
}

// A one behind the message, and last how many bits were hashed, the padded key's block among them.
INLINE void end_words(__m128i w[VECTORS], unsigned at, size_t len)
{
#pragma GCC unroll 4
	for (unsigned v = 0; v < VECTORS; v++)
		if (v >= at)
			w[v] = _mm_set_epi32(0, 0, 0, v == at ? INT32_MIN : 0);
	w[3] = _mm_or_si128(w[3], _mm_set_epi32((int)((HASH_BLOCK + len) * 8), 0, 0, 0));
}

// What is left of a ciphertext, of which there are whole CBC blocks: so there is always room for
// the end.
INLINE void last_words(__m128i w[VECTORS], const uint8_t *at, size_t len)
{
	unsigned n = len % HASH_BLOCK / CRYPTO_BLOCK_LEN;

#pragma GCC unroll 3
	for (unsigned v = 0; v < VECTORS - 1; v++)
		if (v < n)
			w[v] = words_load(at + 16 * v);
	end_words(w, n, len);
}

INLINE void state_words(const struct chain *c, __m128i w[2])
{
	__m128i abef = _mm_shuffle_epi32(c->abef, 0x1b), cdgh = _mm_shuffle_epi32(c->cdgh, 0xb1);

	w[0] = _mm_blend_epi16(abef, cdgh, 0xf0);
	w[1] = _mm_alignr_epi8(cdgh, abef, 8);
}

INLINE void chain_begin(struct chain *c, const uint8_t *state)
{
	__m128i abcd = _mm_load_si128((const __m128i *)state);
	__m128i efgh = _mm_load_si128((const __m128i *)state + 1);

	abcd = _mm_shuffle_epi32(abcd, 0xb1);
	efgh = _mm_shuffle_epi32(efgh, 0x1b);
	c->abef = _mm_alignr_epi8(abcd, efgh, 8);
	c->cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);
}

// ---- packets ----

// One or two packets of the same number of whole blocks, of which n are left. The last turns, for
// what is behind them and for the outer hash, are in the same loop: its body is large.
INLINE void finish(struct chain *c, struct crypto_op *const *ops, size_t n,
		   uint8_t (*tags)[SHA256_LEN], unsigned lanes)
{
	__m128i w[LANES][VECTORS];

	for (size_t left = n + 2; left-- > 0;) {
#pragma GCC unroll 2
		for (unsigned l = 0; l < lanes; l++) {
			size_t whole = ops[l]->len & ~(size_t)(HASH_BLOCK - 1);
			const uint8_t *end = ops[l]->dst + whole;

			if (left > 1) {
				whole_words(w[l], end - (left - 1) * HASH_BLOCK);
			} else if (left == 1) {
				last_words(w[l], end, ops[l]->len);
			} else {
				state_words(&c[l], w[l]);
				end_words(w[l], 2, SHA256_LEN);
				chain_begin(&c[l], ops[l]->hmac->state + 32);
			}
		}
		block(c, w, lanes);
	}
	for (unsigned l = 0; l < lanes; l++) {
		state_words(&c[l], w[l]);
		_mm_storeu_si128((__m128i *)tags[l], swapped(w[l][0]));
		_mm_storeu_si128((__m128i *)tags[l] + 1, swapped(w[l][1]));
	}
}

static SHANI void one(struct crypto_op *const *ops, uint8_t (*tags)[SHA256_LEN])
{
	struct chain c;

	chain_begin(&c, ops[0]->hmac->state);
	finish(&c, ops, ops[0]->len / HASH_BLOCK, tags, 1);
}

// What one of two has more goes first, so that both end together.
static SHANI void lead(struct chain *c, const struct crypto_op *op, size_t n)
{
	__m128i w[LANES][VECTORS];

	for (size_t i = 0; i < n; i++) {
		whole_words(w[0], op->dst + i * HASH_BLOCK);
		block(c, w, 1);
	}
}

static SHANI void both(struct crypto_op *const *ops, uint8_t (*tags)[SHA256_LEN])
{
	size_t n[LANES] = {ops[0]->len / HASH_BLOCK, ops[1]->len / HASH_BLOCK};
	size_t common = n[0] < n[1] ? n[0] : n[1];
	struct chain c[LANES];

	for (unsigned l = 0; l < LANES; l++) {
		chain_begin(&c[l], ops[l]->hmac->state);
		if (n[l] > common)
			lead(&c[l], ops[l], n[l] - common);
	}
	finish(c, ops, common, tags, LANES);
}

void shani_tags(struct crypto_op *const *ops, uint16_t n, uint8_t (*tags)[SHA256_LEN])
{
	uint16_t i = 0;

	for (; i + 1 < n; i += LANES)
		both(ops + i, tags + i);
	if (i < n)
		one(ops + i, tags + i);
}
