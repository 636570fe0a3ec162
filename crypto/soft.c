/*
 * The OpenSSL back end: one packet after the other, on any machine. It says by its octets what
 * imb.c has to do.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "crypto/aes_schedule.h"
#include "crypto/backend.h"

struct soft {
	struct crypto base;
	EVP_CIPHER *cipher; // fetched once: a fetch costs more than a packet
	EVP_CIPHER_CTX *seal, *open;
};

static const uint8_t zero_iv[CRYPTO_BLOCK_LEN];

static void soft_destroy(struct crypto *c)
{
	struct soft *s = (struct soft *)c;

	EVP_CIPHER_CTX_free(s->seal);
	EVP_CIPHER_CTX_free(s->open);
	EVP_CIPHER_free(s->cipher);
	free(s);
}

// Whole blocks in, whole blocks out; with a context of ours OpenSSL has no reason to fail.
static void cipher_update(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, int len)
{
	int n = 0;
	int ok = EVP_CipherUpdate(ctx, out, &n, in, len);

	assert(ok == 1 && n == len);
}

static void cipher_begin(EVP_CIPHER_CTX *ctx, const uint8_t *key)
{
	int ok = EVP_CipherInit_ex(ctx, NULL, NULL, key, zero_iv, -1);

	assert(ok == 1);
}

static void op_seal(struct soft *s, const struct crypto_op *op)
{
	uint16_t head_len = op->tail != NULL ? op->head_len : op->len;
	uint8_t tag[SHA256_LEN];

	cipher_begin(s->seal, op->sched); // the key is the first round key
	cipher_update(s->seal, op->dst, op->dst, head_len);
	if (head_len < op->len)
		cipher_update(s->seal, op->dst + head_len, op->tail, op->len - head_len);
	if (op->tag_len > 0) {
		hmac_sha256_with(op->hmac, op->dst, op->len, tag);
		memcpy(op->dst + op->len, tag, op->tag_len);
	}
}

static void soft_seal(struct crypto *c, struct crypto_op *ops, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		op_seal((struct soft *)c, &ops[i]);
}

static bool tag_matches(const struct crypto_op *op)
{
	uint8_t tag[SHA256_LEN];

	if (op->tag_len == 0)
		return true;
	hmac_sha256_with(op->hmac, op->dst, op->len, tag);
	return octets_equal(tag, op->dst + op->len, op->tag_len);
}

static void soft_open(struct crypto *c, struct crypto_op *ops, uint16_t n)
{
	struct soft *s = (struct soft *)c;

	for (uint16_t i = 0; i < n; i++) {
		struct crypto_op *op = &ops[i];

		if (op->result != CRYPTO_OK)
			continue;
		if (!tag_matches(op)) {
			op->result = CRYPTO_BAD_TAG;
			continue;
		}
		// The key is the last round key of the inverse cipher.
		cipher_begin(s->open,
			     (const uint8_t *)op->sched + CRYPTO_SCHED_LEN - CRYPTO_KEY_LEN);
		cipher_update(s->open, op->dst, op->dst, op->len);
	}
}

static void soft_expand(const struct crypto *c, const uint8_t *key, void *enc, void *dec)
{
	(void)c;
	aes_schedule_expand(key, enc, dec);
}

static EVP_CIPHER_CTX *context_create(const EVP_CIPHER *cipher, int encrypts)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx == NULL || EVP_CipherInit_ex(ctx, cipher, NULL, NULL, NULL, encrypts) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

struct crypto *crypto_soft_create(void)
{
	static const struct crypto_calls calls = {soft_destroy, soft_seal, soft_open, soft_expand};
	struct soft *s = calloc(1, sizeof(*s));

	if (s == NULL)
		goto fail;
	s->base.calls = &calls;
	s->cipher = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
	if (s->cipher == NULL)
		goto fail;
	s->seal = context_create(s->cipher, 1);
	s->open = context_create(s->cipher, 0);
	if (s->seal == NULL || s->open == NULL)
		goto fail;
	snprintf(s->base.name, sizeof(s->base.name), "openssl %s",
		 OpenSSL_version(OPENSSL_VERSION_STRING));
	return &s->base;
fail:
	if (s != NULL)
		soft_destroy(&s->base);
	errno = ENOMEM;
	return NULL;
}
