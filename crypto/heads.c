#include <immintrin.h>

#include "crypto/heads.h"

#define LANES  8 // hides the latency of AESENC (3 to 4 cycles, two a cycle)
#define ROUNDS 10

// One packet on its way through the head's blocks.
struct lane {
	const __m128i *sched;
	__m128i *at; // next block of the head
	unsigned blocks;
};

static void lane_set(struct lane *l, const struct crypto_op *op)
{
	l->sched = (const __m128i *)op->sched;
	l->at = (__m128i *)op->dst;
	l->blocks = op->head_len / CRYPTO_BLOCK_LEN;
}

// One CBC block of every lane; state holds the previous cipher blocks.
__attribute__((target("aes"))) static void lanes_step(const struct lane l[LANES],
						      __m128i state[LANES])
{
	__m128i s[LANES];

#pragma GCC unroll 8
	for (unsigned i = 0; i < LANES; i++)
		s[i] = _mm_xor_si128(_mm_xor_si128(state[i], _mm_loadu_si128(l[i].at)),
				     l[i].sched[0]);
	for (unsigned r = 1; r < ROUNDS; r++) {
#pragma GCC unroll 8
		for (unsigned i = 0; i < LANES; i++)
			s[i] = _mm_aesenc_si128(s[i], l[i].sched[r]);
	}
#pragma GCC unroll 8
	for (unsigned i = 0; i < LANES; i++)
		state[i] = _mm_aesenclast_si128(s[i], l[i].sched[ROUNDS]);
}

// Idle lanes turn on a spare block; that is cheaper than asking in the loop.
static void lanes_seal(struct lane l[LANES], unsigned n)
{
	__m128i state[LANES], spare = _mm_setzero_si128();
	unsigned blocks = 0;

	for (unsigned i = 0; i < LANES; i++) {
		state[i] = _mm_setzero_si128();
		if (i >= n)
			l[i] = (struct lane){l[0].sched, &spare, 0};
		if (l[i].blocks > blocks)
			blocks = l[i].blocks;
	}
	for (unsigned b = 0; b < blocks; b++) {
		lanes_step(l, state);
		for (unsigned i = 0; i < LANES; i++) {
			_mm_storeu_si128(l[i].at, state[i]);
			// Behind a finished head lies what may not be ours to read or write.
			l[i].at = b + 1 < l[i].blocks ? l[i].at + 1 : &spare;
		}
	}
}

void heads_seal(const struct crypto_op *ops, uint16_t n)
{
	struct lane l[LANES];
	unsigned n_lanes = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (ops[i].tail == NULL)
			continue;
		lane_set(&l[n_lanes++], &ops[i]);
		if (n_lanes == LANES) {
			lanes_seal(l, LANES);
			n_lanes = 0;
		}
	}
	if (n_lanes > 0)
		lanes_seal(l, n_lanes);
}
