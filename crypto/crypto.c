#include <assert.h>
#include <errno.h>

#include "crypto/backend.h"
#include "crypto/checksum.h"

struct crypto *crypto_create(enum crypto_backend backend)
{
	struct crypto *c = NULL;

	if (backend != CRYPTO_SOFT)
		c = crypto_imb_create(backend == CRYPTO_IMB_PLAIN);
	if (c == NULL && (backend == CRYPTO_SOFT || (backend == CRYPTO_AUTO && errno == ENOTSUP)))
		c = crypto_soft_create();
	return c;
}

void crypto_destroy(struct crypto *c)
{
	if (c != NULL)
		c->calls->destroy(c);
}

const char *crypto_name(const struct crypto *c)
{
	return c->name;
}

static inline bool tag_is_good(const struct crypto_op *op)
{
	if (op->tag_len == 0)
		return op->hmac == NULL;
	return op->tag_len >= CRYPTO_TAG_MIN && op->tag_len <= CRYPTO_TAG_MAX && op->hmac != NULL;
}

static inline bool len_is_good(const struct crypto_op *op)
{
	return op->len > 0 && op->len % CRYPTO_BLOCK_LEN == 0;
}

static inline bool is_good(const struct crypto_op *op)
{
	if (op->tail != NULL &&
	    (op->head_len == 0 || op->head_len % CRYPTO_BLOCK_LEN != 0 ||
	     op->head_len > CRYPTO_HEAD_BLOCKS * CRYPTO_BLOCK_LEN || op->head_len > op->len))
		return false;
	return len_is_good(op) && tag_is_good(op);
}

static uint16_t burst_of(uint16_t n)
{
	return n < CRYPTO_BURST_MAX ? n : CRYPTO_BURST_MAX;
}

void crypto_seal(struct crypto *c, struct crypto_op *ops, uint16_t n)
{
	while (n > 0) {
		uint16_t k = burst_of(n);

		for (uint16_t i = 0; i < k; i++) {
			assert(is_good(&ops[i]));
			ops[i].result = CRYPTO_OK;
		}
		c->calls->seal(c, ops, k);
		ops += k;
		n -= k;
	}
}

static void sums_fill(struct crypto_op *ops, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		if (ops[i].tag_len == 0 && ops[i].result == CRYPTO_OK)
			ops[i].sum = csum_partial(ops[i].dst + CRYPTO_BLOCK_LEN,
						  ops[i].len - CRYPTO_BLOCK_LEN);
}

uint16_t crypto_open(struct crypto *c, struct crypto_op *ops, uint16_t n)
{
	uint16_t n_good = 0;

	while (n > 0) {
		uint16_t k = burst_of(n);

		for (uint16_t i = 0; i < k; i++) {
			assert(tag_is_good(&ops[i]));
			ops[i].result = len_is_good(&ops[i]) ? CRYPTO_OK : CRYPTO_BAD_LEN;
		}
		c->calls->open(c, ops, k);
		for (uint16_t i = 0; i < k; i++)
			n_good += ops[i].result == CRYPTO_OK;
		if (!c->sums)
			sums_fill(ops, k);
		ops += k;
		n -= k;
	}
	return n_good;
}

void crypto_expand(const struct crypto *c, const uint8_t key[CRYPTO_KEY_LEN], void *enc_sched,
		   void *dec_sched)
{
	c->calls->expand(c, key, enc_sched, dec_sched);
}

// The same in every back end: ipsec-mb and OpenSSL keep the same eight words.
void crypto_hmac_expand(const struct crypto *c, const uint8_t key[CRYPTO_HMAC_KEY_LEN],
			struct hmac_keys *keys)
{
	(void)c;
	hmac_keys_expand(keys, key, CRYPTO_HMAC_KEY_LEN);
}
