/*
 * The ipsec-mb back end. CBC encryption and HMAC run across the packets of a burst, up to sixteen
 * side by side, so a burst is ordered by length (lanes end together) and submitted whole.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>

#include "crypto/backend.h"
#include "crypto/heads.h"
#include "crypto/shani.h"
#include "crypto/vaes.h"

// HMAC has two managers with AVX-512. Below this many packets its lanes run mostly empty, and the
// AVX2 code with SHA-NI wins.
#define NARROW_HASH_MAX 10

// Below this many packets most of the lanes of vaes.c run empty: it takes 2050 ns for one of 1200
// octets alone, the library 1260.
#define VAES_SEAL_MIN 12

// Below this many packets the chains of heads.c run mostly idle, and copying the tail is cheaper.
#define HEADS_MIN 8

// The library knows tags of 16 octets and of 32; others are cut from the next longer one.
#define TAG_SHORT 16
#define TAG_LONG  32

// Checked calls where time does not count; lengths were verified by crypto.c in any case.
#ifdef ANNULUS_SANITIZED
#define CIPHER_BURST IMB_SUBMIT_CIPHER_BURST
#define HASH_BURST   IMB_SUBMIT_HASH_BURST
#else
#define CIPHER_BURST IMB_SUBMIT_CIPHER_BURST_NOCHECK
#define HASH_BURST   IMB_SUBMIT_HASH_BURST_NOCHECK
#endif

struct imb {
	struct crypto base;
	IMB_MGR *wide;     // the best this CPU has
	IMB_MGR *narrow;   // for bursts of HMAC below NARROW_HASH_MAX; NULL: wide is as good
	bool has_shani;    // shani.c hashes, and not the library
	struct vaes *vaes; // seals and opens, and not the library, where it has lanes enough
	// Constant fields are filled once.
	IMB_JOB seal[CRYPTO_BURST_MAX], open[CRYPTO_BURST_MAX], hash[CRYPTO_BURST_MAX];
	uint8_t tags[CRYPTO_BURST_MAX][TAG_LONG];
};

static const uint8_t zero_iv[CRYPTO_BLOCK_LEN];

// ---- order ----

/*
 * Writes the indices 0..n-1 by falling key, equal ones in place: one pass of counting. Keys are
 * lengths in blocks; what is longer than any sane packet shares a place.
 */
#define KEYS 256

static void order_by_key(uint8_t *order, const uint8_t *keys, uint16_t n)
{
	uint8_t start[KEYS + 1], least = UINT8_MAX, most = 0;

	for (uint16_t i = 0; i < n; i++) {
		least = keys[i] < least ? keys[i] : least;
		most = keys[i] > most ? keys[i] : most;
	}
	if (least >= most) { // the usual burst: one length
		for (uint16_t i = 0; i < n; i++)
			order[i] = (uint8_t)i;
		return;
	}
	memset(start, 0, (size_t)(most - least) + 2);
	for (uint16_t i = 0; i < n; i++)
		start[most - keys[i] + 1]++;
	for (uint16_t i = 1; i <= most - least; i++)
		start[i] += start[i - 1];
	for (uint16_t i = 0; i < n; i++)
		order[start[most - keys[i]]++] = (uint8_t)i;
}

static uint8_t key_of(uint16_t len)
{
	unsigned blocks = len / CRYPTO_BLOCK_LEN;

	return (uint8_t)(blocks < KEYS ? blocks : KEYS - 1);
}

static void order_by_len(uint8_t *order, const struct crypto_op *ops, uint16_t n)
{
	uint8_t keys[CRYPTO_BURST_MAX] = {0};

	for (uint16_t i = 0; i < n; i++)
		keys[i] = key_of(ops[i].len);
	order_by_key(order, keys, n);
}

// ---- HMAC ----

// Computes the tags of the given ops into imb->tags, in that order.
static void tags_compute(struct imb *m, struct crypto_op *const *ops, uint16_t n)
{
	IMB_MGR *mgr = m->narrow != NULL && n < NARROW_HASH_MAX ? m->narrow : m->wide;
	uint32_t n_done;

	if (m->has_shani) {
		shani_tags(ops, n, m->tags);
		return;
	}
	for (uint16_t i = 0; i < n; i++) {
		IMB_JOB *job = &m->hash[i];
		const struct crypto_op *op = ops[i];

		job->src = op->dst;
		job->msg_len_to_hash_in_bytes = op->len;
		job->auth_tag_output = m->tags[i];
		job->auth_tag_output_len_in_bytes = op->tag_len <= TAG_SHORT ? TAG_SHORT : TAG_LONG;
		job->u.HMAC._hashed_auth_key_xor_ipad = op->hmac->state;
		job->u.HMAC._hashed_auth_key_xor_opad = op->hmac->state + 32;
	}
	n_done = HASH_BURST(mgr, m->hash, n, IMB_AUTH_HMAC_SHA_256);
	assert(n_done == n);
}

static bool has_tags(const struct crypto_op *ops, uint16_t n)
{
	uint8_t any = 0;

	for (uint16_t i = 0; i < n; i++)
		any |= ops[i].tag_len;
	return any != 0;
}

// Of n ops in this order, those that have a tag and were not refused.
static uint16_t tagged_collect(struct crypto_op *ops, const uint8_t *order, uint16_t n,
			       struct crypto_op **tagged)
{
	uint16_t k = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct crypto_op *op = &ops[order[i]];

		if (op->tag_len > 0 && op->result == CRYPTO_OK)
			tagged[k++] = op;
	}
	return k;
}

static void tags_append(struct imb *m, struct crypto_op *ops, const uint8_t *order, uint16_t n)
{
	struct crypto_op *tagged[CRYPTO_BURST_MAX];
	uint16_t k = tagged_collect(ops, order, n, tagged);

	if (k == 0)
		return;
	tags_compute(m, tagged, k);
	for (uint16_t i = 0; i < k; i++) {
		uint8_t *to = tagged[i]->dst + tagged[i]->len;

		if (tagged[i]->tag_len == TAG_SHORT) // the usual one, without a call
			memcpy(to, m->tags[i], TAG_SHORT);
		else
			memcpy(to, m->tags[i], tagged[i]->tag_len);
	}
}

static void tags_verify(struct imb *m, struct crypto_op *ops, const uint8_t *order, uint16_t n)
{
	struct crypto_op *tagged[CRYPTO_BURST_MAX];
	uint16_t k = tagged_collect(ops, order, n, tagged);

	if (k == 0)
		return;
	tags_compute(m, tagged, k);
	for (uint16_t i = 0; i < k; i++) {
		struct crypto_op *op = tagged[i];

		if (!octets_equal(m->tags[i], op->dst + op->len, op->tag_len))
			op->result = CRYPTO_BAD_TAG;
	}
}

// ---- CBC ----

// What ipsec-mb does of an op: [start, len), behind start octets that heads.c has encrypted.
static bool seal_job_fill(IMB_JOB *job, const struct crypto_op *op, uint16_t start)
{
	job->enc_keys = op->sched;
	job->src = start > 0 ? op->tail : op->dst;
	job->dst = op->dst + start;
	job->iv = start > 0 ? job->dst - CRYPTO_BLOCK_LEN : zero_iv;
	job->msg_len_to_cipher_in_bytes = op->len - start;
	return op->len > start;
}

static void tails_gather(const struct crypto_op *ops, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		if (ops[i].tail != NULL)
			memcpy(ops[i].dst + ops[i].head_len, ops[i].tail,
			       ops[i].len - ops[i].head_len);
}

static uint16_t group_of(uint16_t n)
{
	return n < VAES_LANES ? n : VAES_LANES;
}

// Packets are hashed while the first cache still has them from being encrypted.
static void seal_by_vaes(struct imb *m, struct crypto_op *ops, uint16_t n)
{
	uint8_t order[CRYPTO_BURST_MAX];
	bool is_tagged = has_tags(ops, n);

	order_by_len(order, ops, n);
	for (uint16_t at = 0; at < n; at += VAES_LANES) {
		vaes_seal(m->vaes, ops, order + at, group_of(n - at));
		if (is_tagged)
			tags_append(m, ops, order + at, group_of(n - at));
	}
}

static void imb_seal(struct crypto *c, struct crypto_op *ops, uint16_t n)
{
	struct imb *m = (struct imb *)c;
	uint8_t keys[CRYPTO_BURST_MAX] = {0}, order[CRYPTO_BURST_MAX];
	uint16_t starts[CRYPTO_BURST_MAX];
	uint32_t n_jobs = 0, n_done;

	if (m->vaes != NULL && n >= VAES_SEAL_MIN) {
		seal_by_vaes(m, ops, n);
		return;
	}
	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *sched = ops[i].sched;

		__builtin_prefetch(sched);
		__builtin_prefetch(sched + 64);
		__builtin_prefetch(sched + 128);
		starts[i] = n >= HEADS_MIN && ops[i].tail != NULL ? ops[i].head_len : 0;
		keys[i] = key_of(ops[i].len - starts[i]);
	}
	order_by_key(order, keys, n);
	if (n >= HEADS_MIN)
		heads_seal(ops, n);
	else
		tails_gather(ops, n);
	for (uint16_t i = 0; i < n; i++)
		n_jobs += seal_job_fill(&m->seal[n_jobs], &ops[order[i]], starts[order[i]]);
	if (n_jobs > 0) {
		n_done = CIPHER_BURST(m->wide, m->seal, n_jobs, IMB_CIPHER_CBC, IMB_DIR_ENCRYPT,
				      IMB_KEY_128_BYTES);
		assert(n_done == n_jobs);
	}
	if (has_tags(ops, n))
		tags_append(m, ops, order, n);
}

// The other way round.
static void open_by_vaes(struct imb *m, struct crypto_op *ops, uint16_t n)
{
	uint8_t order[CRYPTO_BURST_MAX];
	bool is_tagged = has_tags(ops, n);

	if (is_tagged)
		order_by_len(order, ops, n);
	for (uint16_t i = 0; i < n; i++) {
		struct crypto_op *op = &ops[is_tagged ? order[i] : i];

		if (is_tagged && i % VAES_LANES == 0)
			tags_verify(m, ops, order + i, group_of(n - i));
		if (op->result == CRYPTO_OK)
			vaes_open(op);
	}
}

static void imb_open(struct crypto *c, struct crypto_op *ops, uint16_t n)
{
	struct imb *m = (struct imb *)c;
	uint8_t order[CRYPTO_BURST_MAX];
	uint32_t n_jobs = 0, n_done;

	if (m->vaes != NULL) {
		open_by_vaes(m, ops, n);
		return;
	}
	if (has_tags(ops, n)) {
		order_by_len(order, ops, n);
		tags_verify(m, ops, order, n);
	}
	for (uint16_t i = 0; i < n; i++) { // order is no matter: decryption fills its lanes alone
		IMB_JOB *job = &m->open[n_jobs];
		const struct crypto_op *op = &ops[i];

		if (op->result != CRYPTO_OK)
			continue;
		__builtin_prefetch((const uint8_t *)op->sched + 64);
		__builtin_prefetch((const uint8_t *)op->sched + 128);
		job->dec_keys = op->sched;
		job->src = op->dst;
		job->dst = op->dst;
		job->msg_len_to_cipher_in_bytes = op->len;
		n_jobs++;
	}
	if (n_jobs == 0)
		return;
	n_done = CIPHER_BURST(m->wide, m->open, n_jobs, IMB_CIPHER_CBC, IMB_DIR_DECRYPT,
			      IMB_KEY_128_BYTES);
	assert(n_done == n_jobs);
}

static void imb_expand(const struct crypto *c, const uint8_t *key, void *enc, void *dec)
{
	const struct imb *m = (const struct imb *)c;
	alignas(16) uint8_t unwanted[CRYPTO_SCHED_LEN]; // the library fills both

	IMB_AES_KEYEXP_128(m->wide, key, enc != NULL ? enc : unwanted,
			   dec != NULL ? dec : unwanted);
	octets_wipe(unwanted, sizeof(unwanted));
}

// ---- life ----

static void imb_destroy(struct crypto *c)
{
	struct imb *m = (struct imb *)c;

	if (m->wide != NULL)
		free_mb_mgr(m->wide);
	if (m->narrow != NULL)
		free_mb_mgr(m->narrow);
	vaes_destroy(m->vaes);
	free(m);
}

static void jobs_prepare(IMB_JOB *jobs, IMB_CIPHER_DIRECTION direction)
{
	for (unsigned i = 0; i < CRYPTO_BURST_MAX; i++) {
		jobs[i].cipher_mode = IMB_CIPHER_CBC;
		jobs[i].cipher_direction = direction;
		jobs[i].hash_alg = IMB_AUTH_NULL;
		jobs[i].key_len_in_bytes = IMB_KEY_128_BYTES;
		jobs[i].iv = zero_iv;
		jobs[i].iv_len_in_bytes = CRYPTO_BLOCK_LEN;
	}
}

static void hash_jobs_prepare(IMB_JOB *jobs)
{
	for (unsigned i = 0; i < CRYPTO_BURST_MAX; i++) {
		jobs[i].cipher_mode = IMB_CIPHER_NULL;
		jobs[i].hash_alg = IMB_AUTH_HMAC_SHA_256;
		jobs[i].chain_order = IMB_ORDER_HASH_CIPHER;
	}
}

static const char *arch_name(IMB_ARCH arch)
{
	return arch == IMB_ARCH_AVX512 ? "avx512" : arch == IMB_ARCH_AVX2 ? "avx2" : "sse/avx";
}

// The managers. -ENOTSUP on a CPU where the library would emulate AES by tables.
static int managers_create(struct imb *m, IMB_ARCH *arch)
{
	m->wide = alloc_mb_mgr(0);
	if (m->wide == NULL)
		return -ENOMEM;
	init_mb_mgr_auto(m->wide, arch);
	if (imb_get_errno(m->wide) != 0 || (m->wide->features & IMB_FEATURE_AESNI) == 0)
		return -ENOTSUP;
	if (*arch != IMB_ARCH_AVX512 || (m->wide->features & IMB_FEATURE_SHANI) == 0)
		return 0;
	m->narrow = alloc_mb_mgr(0);
	if (m->narrow == NULL)
		return -ENOMEM;
	init_mb_mgr_avx2(m->narrow);
	return imb_get_errno(m->narrow) == 0 ? 0 : -ENOTSUP;
}

struct crypto *crypto_imb_create(bool is_plain)
{
	static const struct crypto_calls calls = {imb_destroy, imb_seal, imb_open, imb_expand};
	struct imb *m = calloc(1, sizeof(*m));
	IMB_ARCH arch = IMB_ARCH_NONE;
	int err = m != NULL ? managers_create(m, &arch) : -ENOMEM;

	// With AVX-512 the library has sixteen lanes of its own, for both.
	is_plain |= arch == IMB_ARCH_AVX512;
	m->has_shani = err == 0 && !is_plain && shani_is_here();
	if (err == 0 && !is_plain && vaes_is_here()) {
		m->base.sums = true;
		m->vaes = vaes_create();
		err = m->vaes != NULL ? 0 : -ENOMEM;
	}
	if (err != 0) {
		if (m != NULL)
			imb_destroy(&m->base);
		errno = -err;
		return NULL;
	}
	m->base.calls = &calls;
	jobs_prepare(m->seal, IMB_DIR_ENCRYPT);
	jobs_prepare(m->open, IMB_DIR_DECRYPT);
	hash_jobs_prepare(m->hash);
	snprintf(m->base.name, sizeof(m->base.name), "ipsec-mb %s %s%s%s", imb_get_version_str(),
		 arch_name(arch), m->vaes != NULL ? "+vaes" : "", m->has_shani ? "+sha" : "");
	return &m->base;
}
