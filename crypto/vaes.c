#include "crypto/vaes.h"

#include <cpuid.h>
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/checksum.h"

#define VAES   __attribute__((target("avx2,aes,vaes")))
#define INLINE static inline __attribute__((always_inline)) VAES
#define ROUNDS 10
#define LANES  VAES_LANES
#define PAIRS  (LANES / 2) // registers under way: hides AESENC's latency (4 cycles, two a cycle)

#define SPARE_BLOCKS 96 // what lanes without a packet work on

// One packet on its way: `blocks` from here on, then those of its tail.
struct lane {
	const uint8_t *src;
	uint8_t *dst;
	const uint8_t *tail;
	uint32_t blocks, tail_blocks;
};

struct vaes {
	__m256i keys[ROUNDS + 1][PAIRS]; // of two lanes each
	__m256i state[PAIRS];            // their last cipher blocks
	struct lane lane[LANES];
	uint8_t spare[SPARE_BLOCKS * CRYPTO_BLOCK_LEN];
};

// clang 14 cannot be asked for VAES by name; "avx2" includes that the system keeps wide registers.
bool vaes_is_here(void)
{
	unsigned eax, ebx, ecx, edx;

	return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
	       (ecx & bit_VAES) != 0;
}

struct vaes *vaes_create(void)
{
	struct vaes *v = aligned_alloc(64, (sizeof(*v) + 63) / 64 * 64);

	if (v != NULL)
		memset(v, 0, sizeof(*v));
	return v;
}

void vaes_destroy(struct vaes *v)
{
	if (v != NULL)
		octets_wipe(v, sizeof(*v));
	free(v);
}

// ---- sealing ----

INLINE __m256i two(const uint8_t *low, const uint8_t *high)
{
	__m128i a = _mm_loadu_si128((const __m128i *)low);

	return _mm256_inserti128_si256(_mm256_castsi128_si256(a),
				       _mm_loadu_si128((const __m128i *)high), 1);
}

// n blocks of every lane. A constant is_shared makes two functions of it (if it is inlined, which
// gcc does not do by itself): a fragment for all, which is read once, and packets that have nothing
// in common.
INLINE void run(struct vaes *v, uint32_t n, bool is_shared)
{
	const struct lane *l = v->lane;
	const uint8_t *src = l[0].src;
	uint8_t *
		dst[LANES]; // else each store might have changed the lanes, and they are read again
	__m256i s[PAIRS];

#pragma GCC unroll 16
	for (unsigned i = 0; i < LANES; i++)
		dst[i] = l[i].dst;
#pragma GCC unroll 8
	for (unsigned i = 0; i < PAIRS; i++)
		s[i] = v->state[i];
	for (size_t at = 0; at < (size_t)n * CRYPTO_BLOCK_LEN; at += CRYPTO_BLOCK_LEN) {
		__m256i all = two(src + at, src + at);

#pragma GCC unroll 8
		for (unsigned i = 0; i < PAIRS; i++) {
			__m256i x = is_shared ? all : two(l[2 * i].src + at, l[2 * i + 1].src + at);

			s[i] = _mm256_xor_si256(s[i], _mm256_xor_si256(x, v->keys[0][i]));
		}
#pragma GCC unroll 9
		for (unsigned r = 1; r < ROUNDS; r++) {
#pragma GCC unroll 8
			for (unsigned i = 0; i < PAIRS; i++)
				s[i] = _mm256_aesenc_epi128(s[i], v->keys[r][i]);
		}
#pragma GCC unroll 8
		for (unsigned i = 0; i < PAIRS; i++) {
			s[i] = _mm256_aesenclast_epi128(s[i], v->keys[ROUNDS][i]);
			_mm_storeu_si128((__m128i *)(dst[2 * i] + at),
					 _mm256_castsi256_si128(s[i]));
			_mm_storeu_si128((__m128i *)(dst[2 * i + 1] + at),
					 _mm256_extracti128_si256(s[i], 1));
		}
	}
#pragma GCC unroll 8
	for (unsigned i = 0; i < PAIRS; i++)
		v->state[i] = s[i];
}

static VAES void run_apart(struct vaes *v, uint32_t n)
{
	run(v, n, false);
}

static VAES void run_shared(struct vaes *v, uint32_t n)
{
	run(v, n, true);
}

static void lane_set(struct lane *l, const struct crypto_op *op)
{
	l->src = l->dst = op->dst;
	l->tail = op->tail;
	l->blocks = (op->tail != NULL ? op->head_len : op->len) / CRYPTO_BLOCK_LEN;
	l->tail_blocks = op->len / CRYPTO_BLOCK_LEN - l->blocks;
}

static VAES void lanes_begin(struct vaes *v, const struct crypto_op *ops, const uint8_t *order,
			     unsigned n)
{
	for (unsigned i = 0; i < PAIRS; i++) {
		// A lane without a packet has another's key, so that nothing has to be asked.
		unsigned a = 2 * i < n ? 2 * i : 0, b = 2 * i + 1 < n ? 2 * i + 1 : 0;
		const uint8_t *low = ops[order[a]].sched, *high = ops[order[b]].sched;

		for (unsigned r = 0; r <= ROUNDS; r++)
			v->keys[r][i] = two(low + 16 * r, high + 16 * r);
		v->state[i] = _mm256_setzero_si256();
	}
	for (unsigned i = 0; i < LANES; i++) {
		v->lane[i] = (struct lane){.src = v->spare, .dst = v->spare};
		if (i < n)
			lane_set(&v->lane[i], &ops[order[i]]);
	}
}

// How far all lanes with work can go together; 0: none has any.
static uint32_t lanes_stretch(struct vaes *v)
{
	uint32_t n = UINT32_MAX;
	bool has_idle = false;

	for (unsigned i = 0; i < LANES; i++) {
		struct lane *l = &v->lane[i];

		if (l->blocks == 0 && l->tail_blocks > 0) {
			l->src = l->tail;
			l->blocks = l->tail_blocks;
			l->tail_blocks = 0;
		}
		if (l->blocks == 0) {
			l->src = l->dst = v->spare;
			has_idle = true;
		} else if (l->blocks < n) {
			n = l->blocks;
		}
	}
	if (n == UINT32_MAX)
		return 0;
	return has_idle && n > SPARE_BLOCKS ? SPARE_BLOCKS : n;
}

// Do all lanes with work read the same octets? What the others make of them does not matter.
static bool lanes_share(const struct vaes *v)
{
	const uint8_t *src = v->lane[0].src;

	for (unsigned i = 1; i < LANES; i++)
		if (v->lane[i].src != src && v->lane[i].blocks > 0)
			return false;
	return v->lane[0].blocks > 0;
}

static void lanes_advance(struct vaes *v, uint32_t n)
{
	for (unsigned i = 0; i < LANES; i++) {
		struct lane *l = &v->lane[i];

		if (l->blocks == 0)
			continue;
		l->src += (size_t)n * CRYPTO_BLOCK_LEN;
		l->dst += (size_t)n * CRYPTO_BLOCK_LEN;
		l->blocks -= n;
	}
}

// What a fan-out seals by the million: full lanes, one body for all, behind heads of equal length.
static bool is_fan_out(const struct crypto_op *ops, const uint8_t *order, unsigned n)
{
	const struct crypto_op *a = &ops[order[0]];
	bool differ = n < LANES || a->tail == NULL;

	for (unsigned i = 1; !differ && i < LANES; i++) {
		const struct crypto_op *b = &ops[order[i]];

		differ = b->tail != a->tail || b->head_len != a->head_len || b->len != a->len;
	}
	return !differ;
}

static void fan_out(struct vaes *v)
{
	uint32_t head = v->lane[0].blocks, tail = v->lane[0].tail_blocks;

	run_apart(v, head);
	for (unsigned i = 0; i < LANES; i++)
		v->lane[i].dst += (size_t)head * CRYPTO_BLOCK_LEN;
	v->lane[0].src = v->lane[0].tail; // where all read
	run_shared(v, tail);
}

static void any(struct vaes *v)
{
	uint32_t stretch;

	while ((stretch = lanes_stretch(v)) > 0) {
		if (lanes_share(v))
			run_shared(v, stretch);
		else
			run_apart(v, stretch);
		lanes_advance(v, stretch);
	}
}

void vaes_seal(struct vaes *v, const struct crypto_op *ops, const uint8_t *order, uint16_t n)
{
	for (uint16_t at = 0; at < n; at += LANES) {
		unsigned k = n - at < LANES ? n - at : LANES;

		lanes_begin(v, ops, order + at, k);
		if (is_fan_out(ops, order + at, k))
			fan_out(v);
		else
			any(v);
	}
}

// ---- opening ----

// What was opened is added for a checksum (checksum.c) a stretch later, between the rounds of the
// next: there it costs little, and right behind the last round half of AES itself. Words of 32 bits
// are added in pairs; no carry is lost into `high`, and what is lost of `both` is known from there.
struct sums {
	__m256i both, high;
	const uint8_t *next; // STRETCH octets that are opened and not added yet
};

#define STRETCH (32 * PAIRS)

static const uint8_t nothing[STRETCH]; // before the first one

INLINE void sums_add(struct sums *s, __m256i v)
{
	s->both = _mm256_add_epi64(s->both, v);
	s->high = _mm256_add_epi64(s->high, _mm256_srli_epi64(v, 32));
	__asm__("" : "+x"(s->both), "+x"(s->high)); // or gcc gathers values first, and spills them
}

// csum_partial of the octets from the second block to end, of which `first` was added, too.
INLINE uint16_t sums_finish(struct sums *s, __m128i first, const uint8_t *end)
{
	__m128i both, high, low;

	for (; s->next + 32 <= end; s->next += 32)
		sums_add(s, _mm256_loadu_si256((const __m256i *)s->next));
	if (s->next < end)
		sums_add(s, _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)s->next)));
	both = _mm_add_epi64(_mm256_castsi256_si128(s->both), _mm256_extracti128_si256(s->both, 1));
	high = _mm_add_epi64(_mm256_castsi256_si128(s->high), _mm256_extracti128_si256(s->high, 1));
	both = _mm_sub_epi64(both, first);
	high = _mm_sub_epi64(high, _mm_srli_epi64(first, 32));
	low = _mm_sub_epi64(both, _mm_slli_epi64(high, 32));
	low = _mm_add_epi64(low, high);
	return csum_swap_fold((uint64_t)_mm_extract_epi64(low, 0) +
			      (uint64_t)_mm_extract_epi64(low, 1));
}

// Blocks depend on the ciphertext before them alone, so a packet fills the registers by itself.
// Opens 2 * n blocks at `at`, the last first, since what was before each is still needed. Returns
// the last cipher block. With sums (a constant: or not) n is PAIRS.
INLINE __m128i pairs_open(uint8_t *at, const __m256i *keys, __m128i before, struct sums *sums,
			  unsigned n)
{
	__m256i s[PAIRS];
	__m128i last = _mm_loadu_si128((const __m128i *)at + 2 * n - 1);

#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i++)
		s[i] = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)at + i), keys[0]);
#pragma GCC unroll 9
	for (unsigned r = 1; r < ROUNDS; r++) {
#pragma GCC unroll 8
		for (unsigned i = 0; i < n; i++)
			s[i] = _mm256_aesdec_epi128(s[i], keys[r]);
		if (sums != NULL && r <= PAIRS)
			sums_add(sums, _mm256_loadu_si256((const __m256i *)sums->next + r - 1));
	}
#pragma GCC unroll 8
	for (unsigned i = n; i-- > 0;) {
		__m256i prev =
			i > 0 ? _mm256_loadu_si256((const __m256i *)(at + 32 * i - 16))
			      : _mm256_inserti128_si256(_mm256_castsi128_si256(before),
							_mm_loadu_si128((const __m128i *)at), 1);

		s[i] = _mm256_aesdeclast_epi128(s[i], keys[ROUNDS]);
		_mm256_storeu_si256((__m256i *)at + i, _mm256_xor_si256(s[i], prev));
	}
	if (sums != NULL)
		sums->next = at;
	return last;
}

INLINE __m128i block_open(uint8_t *at, const __m128i *sched, __m128i before)
{
	__m128i c = _mm_loadu_si128((const __m128i *)at), s = _mm_xor_si128(c, sched[0]);

#pragma GCC unroll 9
	for (unsigned r = 1; r < ROUNDS; r++)
		s = _mm_aesdec_si128(s, sched[r]);
	s = _mm_aesdeclast_si128(s, sched[ROUNDS]);
	_mm_storeu_si128((__m128i *)at, _mm_xor_si128(s, before));
	return c;
}

INLINE void op_open(const struct crypto_op *op, struct sums *sums)
{
	const __m128i *sched = op->sched;
	unsigned blocks = op->len / CRYPTO_BLOCK_LEN;
	__m128i before = _mm_setzero_si128();
	uint8_t *at = op->dst;
	__m256i keys[ROUNDS + 1];

	if (blocks >= 4) {
		for (unsigned r = 0; r <= ROUNDS; r++)
			keys[r] = _mm256_broadcastsi128_si256(sched[r]);
		for (; blocks >= 16; blocks -= 16, at += STRETCH)
			before = pairs_open(at, keys, before, sums, PAIRS);
		if (blocks >= 8) {
			before = pairs_open(at, keys, before, NULL, 4);
			blocks -= 8;
			at += 128;
		}
		if (blocks >= 4) {
			before = pairs_open(at, keys, before, NULL, 2);
			blocks -= 4;
			at += 64;
		}
	}
	for (; blocks > 0; blocks--, at += CRYPTO_BLOCK_LEN)
		before = block_open(at, sched, before);
}

// Where an HMAC has verified it, nobody asks for a sum.
VAES void vaes_open(struct crypto_op *op)
{
	struct sums sums = {_mm256_setzero_si256(), _mm256_setzero_si256(), nothing};

	if (op->tag_len > 0) {
		op_open(op, NULL);
		return;
	}
	op_open(op, &sums);
	if (sums.next == nothing)
		sums.next = op->dst;
	op->sum = sums_finish(&sums, _mm_loadu_si128((const __m128i *)op->dst), op->dst + op->len);
}
