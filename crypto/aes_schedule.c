#include <stdbool.h>
#include <string.h>

#include "crypto/aes_schedule.h"

#ifdef __x86_64__
#include <wmmintrin.h>
#endif

#define ROUNDS 10

// Four elements of GF(2^8) side by side, one per octet.
typedef uint32_t gf4;

static gf4 gf4_double(gf4 a)
{
	gf4 high = a >> 7 & 0x01010101;

	return (a << 1 & 0xfefefefe) ^ high * 0x1b; // modulo x^8 + x^4 + x^3 + x + 1
}

static gf4 gf4_mul(gf4 a, gf4 b)
{
	gf4 product = 0;

	for (unsigned bit = 0; bit < 8; bit++) {
		product ^= a & (b >> bit & 0x01010101) * 0xff;
		a = gf4_double(a);
	}
	return product;
}

// a^254, the inverse (and 0 for 0): the product of a^2, a^4 .. a^128.
static gf4 gf4_invert(gf4 a)
{
	gf4 power = a, inverse = 0x01010101;

	for (unsigned i = 0; i < 7; i++) {
		power = gf4_mul(power, power);
		inverse = gf4_mul(inverse, power);
	}
	return inverse;
}

// Rotates every octet left on its own.
static gf4 gf4_rotate(gf4 a, unsigned n)
{
	gf4 low = 0x01010101 * (0xffu >> n);

	return (a & low) << n | (a & ~low) >> (8 - n);
}

// SubBytes of four octets (FIPS 197 5.1.1).
static gf4 sub_word(gf4 a)
{
	gf4 b = gf4_invert(a);

	return b ^ gf4_rotate(b, 1) ^ gf4_rotate(b, 2) ^ gf4_rotate(b, 3) ^ gf4_rotate(b, 4) ^
	       0x63636363;
}

// Little-endian words: the first octet of a column is the lowest.
static uint32_t rotate_right(uint32_t w, unsigned bits)
{
	return w >> bits | w << (32 - bits);
}

// {0e}, {0b}, {0d}, {09} around a column (FIPS 197 5.3.3).
static uint32_t inv_mix_column(uint32_t w)
{
	gf4 w2 = gf4_double(w), w4 = gf4_double(w2), w8 = gf4_double(w4);
	gf4 w9 = w8 ^ w;

	return (w8 ^ w4 ^ w2) ^ rotate_right(w9 ^ w2, 8) ^ rotate_right(w9 ^ w4, 16) ^
	       rotate_right(w9, 24);
}

// FIPS 197 5.2 for four-word keys.
static void expand_words(uint32_t w[4 * (ROUNDS + 1)])
{
	gf4 rcon = 1;

	for (unsigned i = 4; i < 4 * (ROUNDS + 1); i++) {
		uint32_t t = w[i - 1];

		if (i % 4 == 0) {
			t = sub_word(rotate_right(t, 8)) ^ rcon;
			rcon = gf4_double(rcon);
		}
		w[i] = w[i - 4] ^ t;
	}
}

static void invert_words(uint32_t inverse[4 * (ROUNDS + 1)], const uint32_t w[4 * (ROUNDS + 1)])
{
	for (unsigned round = 0; round <= ROUNDS; round++)
		for (unsigned i = 0; i < 4; i++) {
			uint32_t v = w[4 * (ROUNDS - round) + i];
			inverse[4 * round + i] =
				round == 0 || round == ROUNDS ? v : inv_mix_column(v);
		}
}

void aes_schedule_expand_plainly(const uint8_t key[16], uint8_t enc[176], uint8_t dec[176])
{
	uint32_t w[4 * (ROUNDS + 1)], inverse[4 * (ROUNDS + 1)];

	memcpy(w, key, 16);
	expand_words(w);
	if (enc != NULL)
		memcpy(enc, w, sizeof(w));
	if (dec != NULL) {
		invert_words(inverse, w);
		memcpy(dec, inverse, sizeof(inverse));
	}
	explicit_bzero(w, sizeof(w));
	explicit_bzero(inverse, sizeof(inverse));
}

#ifdef __x86_64__

// Each word is the sum of those before it in its round key, and of what the last round key's last
// word became.
__attribute__((target("aes"))) static __m128i round_key_after(__m128i key, __m128i assisted)
{
	key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
	key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
	return _mm_xor_si128(key, _mm_shuffle_epi32(assisted, 0xff));
}

// The round constant is a part of the instruction.
#define NEXT(k, i, rcon) k[i] = round_key_after(k[(i)-1], _mm_aeskeygenassist_si128(k[(i)-1], rcon))

__attribute__((target("aes"))) static void expand_by_cpu(const uint8_t key[16], uint8_t enc[176],
							 uint8_t dec[176])
{
	__m128i k[ROUNDS + 1];

	k[0] = _mm_loadu_si128((const __m128i *)key);
	NEXT(k, 1, 0x01);
	NEXT(k, 2, 0x02);
	NEXT(k, 3, 0x04);
	NEXT(k, 4, 0x08);
	NEXT(k, 5, 0x10);
	NEXT(k, 6, 0x20);
	NEXT(k, 7, 0x40);
	NEXT(k, 8, 0x80);
	NEXT(k, 9, 0x1b);
	NEXT(k, 10, 0x36);
	if (enc != NULL)
		memcpy(enc, k, sizeof(k));
	for (unsigned i = 0; dec != NULL && i <= ROUNDS; i++) {
		bool is_outer = i == 0 || i == ROUNDS;
		__m128i round = k[ROUNDS - i];

		_mm_storeu_si128((__m128i *)(dec + (size_t)16 * i),
				 is_outer ? round : _mm_aesimc_si128(round));
	}
	explicit_bzero(k, sizeof(k));
}

#undef NEXT

void aes_schedule_expand(const uint8_t key[16], uint8_t enc[176], uint8_t dec[176])
{
	if (__builtin_cpu_supports("aes"))
		expand_by_cpu(key, enc, dec);
	else
		aes_schedule_expand_plainly(key, enc, dec);
}

#else

void aes_schedule_expand(const uint8_t key[16], uint8_t enc[176], uint8_t dec[176])
{
	aes_schedule_expand_plainly(key, enc, dec);
}

#endif
