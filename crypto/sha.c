/*
 * OpenSSL's EVP interface cannot begin from a stored midstate, which is what makes an HMAC key cost
 * 64 octets and two compressions less. So this file, and no other, uses the old SHA256_* calls;
 * they run the same SHA-NI code.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "crypto/sha.h"

#define BLOCK_LEN 64
#define STATE_LEN 32

void sha256(const void *data, size_t len, uint8_t out[SHA256_LEN])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, data, len);
	SHA256_Final(out, &ctx);
}

// The state after one block of key ^ pad.
static void pad_state(uint8_t state[STATE_LEN], const uint8_t key[BLOCK_LEN], uint8_t pad)
{
	uint8_t block[BLOCK_LEN];
	SHA256_CTX ctx;

	for (unsigned i = 0; i < BLOCK_LEN; i++)
		block[i] = key[i] ^ pad;
	SHA256_Init(&ctx);
	SHA256_Transform(&ctx, block);
	memcpy(state, ctx.h, STATE_LEN);
	explicit_bzero(block, sizeof(block));
	explicit_bzero(&ctx, sizeof(ctx));
}

void hmac_keys_expand(struct hmac_keys *keys, const void *key, size_t key_len)
{
	uint8_t padded[BLOCK_LEN] = {0};

	if (key_len > BLOCK_LEN)
		sha256(key, key_len, padded);
	else if (key_len > 0)
		memcpy(padded, key, key_len);
	pad_state(keys->state, padded, 0x36);
	pad_state(keys->state + STATE_LEN, padded, 0x5c);
	explicit_bzero(padded, sizeof(padded));
}

// Goes on from a stored state, which has seen one block.
static void state_resume(SHA256_CTX *ctx, const uint8_t state[STATE_LEN])
{
	SHA256_Init(ctx);
	memcpy(ctx->h, state, STATE_LEN);
	ctx->Nl = BLOCK_LEN * 8;
}

void hmac_sha256_with(const struct hmac_keys *keys, const void *msg, size_t len,
		      uint8_t out[SHA256_LEN])
{
	SHA256_CTX ctx;

	state_resume(&ctx, keys->state);
	SHA256_Update(&ctx, msg, len);
	SHA256_Final(out, &ctx);
	state_resume(&ctx, keys->state + STATE_LEN);
	SHA256_Update(&ctx, out, SHA256_LEN);
	SHA256_Final(out, &ctx);
}

void hmac_sha256(const void *key, size_t key_len, const void *msg, size_t len,
		 uint8_t out[SHA256_LEN])
{
	struct hmac_keys keys;

	hmac_keys_expand(&keys, key, key_len);
	hmac_sha256_with(&keys, msg, len, out);
	explicit_bzero(&keys, sizeof(keys));
}

bool octets_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void octets_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}
