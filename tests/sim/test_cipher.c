#include "tests/sim/test_cipher.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aes_schedule.h"
#include "crypto/backend.h"

// Odd, so that multiplying by them can be undone; the first is 2^64 by the golden ratio.
#define MUL_A 0x9e3779b97f4a7c15u
#define MUL_B 0xbf58476d1ce4e5b9u

// Newton's iteration doubles the right low bits each time, and an odd number is its own inverse
// modulo 8: 3, 6, 12, 24, 48, 96.
#define INV_1(m, x) ((x) * (2 - (m) * (x)))
#define INVERSE(m)  INV_1(m, INV_1(m, INV_1(m, INV_1(m, INV_1(m, (uint64_t)(m))))))

// The key stands between the two multiplications, so that one bit of it changes many of a word that
// is opened, others in each: a checksum must not overlook what is changed alike in every block.
static uint64_t mix(uint64_t x, uint64_t key)
{
	x *= MUL_A;
	x ^= x >> 32;
	return (x + key) * MUL_B;
}

static uint64_t unmix(uint64_t x, uint64_t key)
{
	x = x * INVERSE(MUL_B) - key;
	x ^= x >> 32;
	return x * INVERSE(MUL_A);
}

static uint64_t load(const uint8_t *at)
{
	uint64_t x;

	memcpy(&x, at, sizeof(x));
	return x;
}

static void store(uint8_t *at, uint64_t x)
{
	memcpy(at, &x, sizeof(x));
}

// Two words a block, each chained to the other's predecessor, as CBC chains blocks.
struct chain {
	uint64_t a, b, key_a, key_b;
};

static struct chain chain_of(const uint8_t *key)
{
	return (struct chain){.key_a = load(key), .key_b = load(key + 8)};
}

static void seal_blocks(struct chain *c, uint8_t *dst, const uint8_t *src, size_t len)
{
	for (size_t i = 0; i < len; i += CRYPTO_BLOCK_LEN) {
		uint64_t a = mix(load(src + i) ^ c->b, c->key_a);
		uint64_t b = mix(load(src + i + 8) ^ c->a, c->key_b);

		store(dst + i, c->a = a);
		store(dst + i + 8, c->b = b);
	}
}

static void open_blocks(struct chain *c, uint8_t *dst, size_t len)
{
	for (size_t i = 0; i < len; i += CRYPTO_BLOCK_LEN) {
		uint64_t a = load(dst + i), b = load(dst + i + 8);

		store(dst + i, unmix(a, c->key_a) ^ c->b);
		store(dst + i + 8, unmix(b, c->key_b) ^ c->a);
		c->a = a;
		c->b = b;
	}
}

// In place of the HMAC: of the ciphertext and its length, under the same keys.
static void make_tag(const struct crypto_op *op, uint8_t tag[CRYPTO_TAG_MAX])
{
	uint64_t key = load(op->hmac->state), sum = op->len, odd = ~sum;

	// Two at a time, or each multiplication would wait for the one before.
	for (uint16_t i = 0; i < op->len; i += CRYPTO_BLOCK_LEN) {
		sum = mix(sum ^ load(op->dst + i), key);
		odd = mix(odd ^ load(op->dst + i + 8), key);
	}
	sum = mix(sum ^ odd >> 1, key) ^ odd;
	for (unsigned i = 0; i < CRYPTO_TAG_MAX; i += 8)
		store(tag + i, sum = mix(sum, load(op->hmac->state + 8 + i)));
}

static void seal(struct crypto *crypto, struct crypto_op *ops, uint16_t n)
{
	uint8_t tag[CRYPTO_TAG_MAX];

	for (uint16_t i = 0; i < n; i++) {
		struct crypto_op *op = &ops[i];
		struct chain c = chain_of(op->sched); // the first round key
		size_t head_len = op->tail != NULL ? op->head_len : op->len;

		seal_blocks(&c, op->dst, op->dst, head_len);
		if (head_len < op->len)
			seal_blocks(&c, op->dst + head_len, op->tail, op->len - head_len);
		if (op->tag_len > 0) {
			make_tag(op, tag);
			memcpy(op->dst + op->len, tag, op->tag_len);
		}
	}
}

static void open_ops(struct crypto *crypto, struct crypto_op *ops, uint16_t n)
{
	uint8_t tag[CRYPTO_TAG_MAX];

	for (uint16_t i = 0; i < n; i++) {
		struct crypto_op *op = &ops[i];
		struct chain c = chain_of((const uint8_t *)op->sched + CRYPTO_SCHED_LEN -
					  CRYPTO_KEY_LEN); // the last one

		if (op->result != CRYPTO_OK)
			continue;
		if (op->tag_len > 0)
			make_tag(op, tag);
		if (op->tag_len > 0 && memcmp(tag, op->dst + op->len, op->tag_len) != 0)
			op->result = CRYPTO_BAD_TAG;
		else
			open_blocks(&c, op->dst, op->len);
	}
}

// Schedules are AES's, since control makes them without asking a back end: of one that encrypts the
// key is the first round key, of one that decrypts the last.
static void expand(const struct crypto *crypto, const uint8_t *key, void *enc, void *dec)
{
	aes_schedule_expand(key, enc, dec);
}

static void destroy(struct crypto *c)
{
	free(c);
}

struct crypto *test_cipher_create(void)
{
	static const struct crypto_calls calls = {destroy, seal, open_ops, expand};
	struct crypto *c = calloc(1, sizeof(*c));

	assert(c != NULL);
	c->calls = &calls;
	snprintf(c->name, sizeof(c->name), "declared test cipher, not for secrets");
	return c;
}
