#include "perf/floor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <intel-ipsec-mb.h>

struct floor {
	IMB_MGR *mgr;
	char name[48];
	IMB_JOB cipher[FLOOR_BURST], hash[FLOOR_BURST];
	uint8_t tags[FLOOR_BURST][32];
};

static const uint8_t zero_iv[CRYPTO_BLOCK_LEN];

struct floor *floor_create(void)
{
	struct floor *f = calloc(1, sizeof(*f));
	IMB_ARCH arch = IMB_ARCH_NONE;

	if (f == NULL)
		return NULL;
	f->mgr = alloc_mb_mgr(0);
	if (f->mgr != NULL)
		init_mb_mgr_auto(f->mgr, &arch);
	if (f->mgr == NULL || (f->mgr->features & IMB_FEATURE_AESNI) == 0) {
		floor_destroy(f);
		return NULL;
	}
	for (unsigned i = 0; i < FLOOR_BURST; i++) {
		f->cipher[i].cipher_mode = IMB_CIPHER_CBC;
		f->cipher[i].hash_alg = IMB_AUTH_NULL;
		f->cipher[i].key_len_in_bytes = IMB_KEY_128_BYTES;
		f->cipher[i].iv = zero_iv;
		f->cipher[i].iv_len_in_bytes = CRYPTO_BLOCK_LEN;
		f->hash[i].cipher_mode = IMB_CIPHER_NULL;
		f->hash[i].hash_alg = IMB_AUTH_HMAC_SHA_256;
		f->hash[i].chain_order = IMB_ORDER_HASH_CIPHER;
		f->hash[i].auth_tag_output = f->tags[i];
		f->hash[i].auth_tag_output_len_in_bytes = 16;
	}
	snprintf(f->name, sizeof(f->name), "ipsec-mb %s %s", imb_get_version_str(),
		 arch == IMB_ARCH_AVX512 ? "avx512"
		 : arch == IMB_ARCH_AVX2 ? "avx2"
					 : "sse/avx");
	return f;
}

void floor_destroy(struct floor *f)
{
	if (f->mgr != NULL)
		free_mb_mgr(f->mgr);
	free(f);
}

const char *floor_name(const struct floor *f)
{
	return f->name;
}

static void cipher(struct floor *f, const struct crypto_op *ops, uint32_t n,
		   IMB_CIPHER_DIRECTION direction)
{
	uint32_t n_done;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *sched = ops[i].sched;
		IMB_JOB *job = &f->cipher[i];

		__builtin_prefetch(sched);
		__builtin_prefetch(sched + 64);
		__builtin_prefetch(sched + 128);
		job->cipher_direction = direction;
		job->enc_keys = sched;
		job->dec_keys = sched;
		job->src = ops[i].dst;
		job->dst = ops[i].dst;
		job->msg_len_to_cipher_in_bytes = ops[i].len;
	}
	n_done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(f->mgr, f->cipher, n, IMB_CIPHER_CBC, direction,
						 IMB_KEY_128_BYTES);
	assert(n_done == n);
}

static void hash(struct floor *f, const struct crypto_op *ops, uint32_t n)
{
	uint32_t n_jobs = 0, n_done;

	for (uint32_t i = 0; i < n; i++) {
		IMB_JOB *job = &f->hash[n_jobs];

		if (ops[i].tag_len == 0)
			continue;
		job->src = ops[i].dst;
		job->msg_len_to_hash_in_bytes = ops[i].len;
		job->u.HMAC._hashed_auth_key_xor_ipad = ops[i].hmac->state;
		job->u.HMAC._hashed_auth_key_xor_opad = ops[i].hmac->state + 32;
		n_jobs++;
	}
	if (n_jobs == 0)
		return;
	n_done = IMB_SUBMIT_HASH_BURST_NOCHECK(f->mgr, f->hash, n_jobs, IMB_AUTH_HMAC_SHA_256);
	assert(n_done == n_jobs);
}

void floor_seal(struct floor *f, const struct crypto_op *ops, uint32_t n)
{
	for (uint32_t i = 0, k; i < n; i += k) {
		k = n - i < FLOOR_BURST ? n - i : FLOOR_BURST;
		cipher(f, &ops[i], k, IMB_DIR_ENCRYPT);
		hash(f, &ops[i], k);
	}
}

void floor_open(struct floor *f, const struct crypto_op *ops, uint32_t n)
{
	for (uint32_t i = 0, k; i < n; i += k) {
		k = n - i < FLOOR_BURST ? n - i : FLOOR_BURST;
		hash(f, &ops[i], k);
		cipher(f, &ops[i], k, IMB_DIR_DECRYPT);
	}
}
