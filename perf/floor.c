#include "perf/floor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <intel-ipsec-mb.h>

#include "perf/ratio.h"

struct floor {
	IMB_MGR *mgr;
	IMB_MGR *hash_mgr; // mgr, or the library's SSE code where that has HMAC done sooner
	char name[48];
	IMB_JOB cipher[FLOOR_BURST], hash[FLOOR_BURST];
	uint8_t tags[FLOOR_BURST][32];
};

static const uint8_t zero_iv[CRYPTO_BLOCK_LEN];

static void hash_submit(IMB_MGR *mgr, IMB_JOB *jobs, uint32_t n)
{
	uint32_t n_done = IMB_SUBMIT_HASH_BURST_NOCHECK(mgr, jobs, n, IMB_AUTH_HMAC_SHA_256);

	assert(n_done == n);
}

// The least of ten full bursts of 1200 octets.
static uint64_t hash_time_ns(struct floor *f, IMB_MGR *mgr)
{
	static const uint8_t msg[1200];
	static const struct hmac_keys keys;
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < FLOOR_BURST; i++) {
		f->hash[i].src = msg;
		f->hash[i].msg_len_to_hash_in_bytes = sizeof(msg);
		f->hash[i].u.HMAC._hashed_auth_key_xor_ipad = keys.state;
		f->hash[i].u.HMAC._hashed_auth_key_xor_opad = keys.state + 32;
	}
	for (unsigned i = 0; i < 10; i++) {
		uint64_t start = ratio_clock_ns(), took;

		hash_submit(mgr, f->hash, FLOOR_BURST);
		took = ratio_clock_ns() - start;
		best = took < best ? took : best;
	}
	return best;
}

// A limit is the best that the library has; which that is, is a matter of the CPU.
static void hash_mgr_choose(struct floor *f)
{
	IMB_MGR *sse = alloc_mb_mgr(0);

	f->hash_mgr = f->mgr;
	if (sse == NULL)
		return;
	init_mb_mgr_sse(sse);
	if (imb_get_errno(sse) == 0 && hash_time_ns(f, sse) < hash_time_ns(f, f->mgr))
		f->hash_mgr = sse;
	else
		free_mb_mgr(sse);
}

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
	hash_mgr_choose(f);
	snprintf(f->name, sizeof(f->name), "ipsec-mb %s %s", imb_get_version_str(),
		 arch == IMB_ARCH_AVX512 ? "avx512"
		 : arch == IMB_ARCH_AVX2 ? "avx2"
					 : "sse/avx");
	return f;
}

void floor_destroy(struct floor *f)
{
	if (f->hash_mgr != f->mgr)
		free_mb_mgr(f->hash_mgr);
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
	uint32_t n_jobs = 0;

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
	if (n_jobs > 0)
		hash_submit(f->hash_mgr, f->hash, n_jobs);
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
