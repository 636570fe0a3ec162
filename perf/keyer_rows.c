/*
 * keyer/: the public-key work of answering a handshake, beside the two exponentiations that it
 * cannot do without: a fresh pair and the secret, by OpenSSL's constant-time modular exponentiation
 * alone, with exponents of the same length, all numbers ready and the modulus prepared.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>

#include "control/startup/key_job.h"
#include "perf/rows.h"

struct raw_dh {
	BN_CTX *ctx;
	BN_MONT_CTX *mont;
	BIGNUM *prime, *generator, *far, *exponent, *result;
};

struct world {
	struct random random;
	struct keying_policy policy;
	struct identity_endpoint near, far;
	struct keying initiator; // the far end's half
	struct key_job job;
	struct raw_dh raw;
	unsigned handshakes; // a batch
};

static void raw_fini(struct raw_dh *d)
{
	BN_free(d->result);
	BN_free(d->exponent);
	BN_free(d->far);
	BN_free(d->generator);
	BN_free(d->prime);
	BN_MONT_CTX_free(d->mont);
	BN_CTX_free(d->ctx);
}

static bool raw_init(struct raw_dh *d, const struct dh_key *far)
{
	uint8_t prime[DH_PUBLIC_MAX];

	dh_group_prime(far->group, prime);
	d->ctx = BN_CTX_secure_new();
	d->mont = BN_MONT_CTX_new();
	d->prime = BN_bin2bn(prime, (int)dh_group_len(far->group), NULL);
	d->generator = BN_new();
	d->far = BN_bin2bn(far->public_key, far->public_len, NULL);
	d->exponent = BN_bin2bn(far->exponent, far->exponent_len, NULL);
	d->result = BN_new();
	if (d->ctx == NULL || d->mont == NULL || d->prime == NULL || d->generator == NULL ||
	    d->far == NULL || d->exponent == NULL || d->result == NULL)
		return false;
	BN_set_flags(d->exponent, BN_FLG_CONSTTIME);
	return BN_set_word(d->generator, 2) == 1 && BN_MONT_CTX_set(d->mont, d->prime, d->ctx) == 1;
}

static bool raw_handshake(struct raw_dh *d)
{
	return BN_mod_exp_mont_consttime(d->result, d->generator, d->exponent, d->prime, d->ctx,
					 d->mont) == 1 &&
	       BN_mod_exp_mont_consttime(d->result, d->far, d->exponent, d->prime, d->ctx,
					 d->mont) == 1;
}

// An endpoint whose certificate lists that group alone: a fresh pair for every handshake.
static bool endpoint_make(struct identity_endpoint *e, uint8_t group, const struct random *rng)
{
	uint8_t salt[CERTIFICATE_RANDOM_LEN];
	struct certificate_form form = {.extra_randomness = span_of(salt, sizeof(salt)),
					.ephemeral = &group,
					.n_ephemeral = 1};
	int len;

	random_fill(rng, salt, sizeof(salt));
	len = certificate_build(e->certificate, sizeof(e->certificate), &form);
	e->certificate_len = (uint16_t)(len > 0 ? len : 0);
	return len > 0;
}

static bool initiate(struct world *w)
{
	struct certificate own = identity_certificate(&w->far),
			   near = identity_certificate(&w->near);
	struct keying_near end = {.certificate = &own, .policy = &w->policy};

	return keying_initiate(&w->initiator, &end, &near, NULL, &w->random) == 0;
}

static void *keyer_open(const struct bench_row *row, struct ratio *r)
{
	struct world *w = calloc(1, sizeof(*w));
	uint8_t group = (uint8_t)row->arg[0];

	if (w == NULL)
		return NULL;
	r->clock = CLOCK_THREAD_CPUTIME_ID;
	w->random = random_system();
	w->policy = keying_policy_default;
	w->policy.n_groups = 1;
	w->policy.groups[0] = group;
	w->handshakes = group == DH_GROUP_16 ? 1 : 4;
	if (!endpoint_make(&w->near, group, &w->random) ||
	    !endpoint_make(&w->far, group, &w->random) || !initiate(w) ||
	    !raw_init(&w->raw, &w->initiator.pair))
		ratio_void(r, "no keys");
	return w;
}

// Both ends must have come to the same keys.
static void check(struct world *w, struct ratio *r)
{
	struct certificate near = identity_certificate(&w->near);
	struct keying_component skrc;
	struct session_secrets theirs;

	if (w->job.result != 0 || w->job.keying.pair.group != w->policy.groups[0])
		ratio_void(r, "job: %d", w->job.result);
	else if (keying_component_read(&skrc, span_of(w->job.keying.component,
						      w->job.keying.component_len)) != 0 ||
		 keying_complete(&w->initiator, &near, &skrc, &theirs) != 0 ||
		 memcmp(theirs.decrypt_key, w->job.secrets.encrypt_key, SHA256_LEN) != 0)
		ratio_void(r, "the initiator has other keys");
}

static void keyer_batch(void *world, struct ratio *r)
{
	struct world *w = world;
	bool good = true;

	ratio_start(r, RATIO_OURS);
	for (unsigned i = 0; i < w->handshakes; i++) {
		w->job.kind = KEY_RESPOND;
		w->job.near = &w->near;
		w->job.policy = &w->policy;
		key_job_far_set(&w->job, span_of(w->far.certificate, w->far.certificate_len),
				span_of(w->initiator.component, w->initiator.component_len));
		key_job_run(&w->job, NULL, &w->random);
	}
	ratio_stop(r, RATIO_OURS, w->handshakes);
	ratio_start(r, RATIO_LIMIT);
	for (unsigned i = 0; i < w->handshakes; i++)
		good &= raw_handshake(&w->raw);
	ratio_stop(r, RATIO_LIMIT, w->handshakes);
	if (!good)
		ratio_void(r, "OpenSSL failed");
	check(w, r);
}

static void keyer_close(void *world, struct ratio *r)
{
	struct world *w = world;

	if (r->n_batches > 0)
		ratio_figure(r, "handshakes/s", 1e9 / ratio_ns(r, RATIO_OURS).median);
	raw_fini(&w->raw);
	key_job_wipe(&w->job);
	free(w);
}

void keyer_rows(struct bench *b)
{
	static const int groups[] = {2, 5, 14, 16};

	for (unsigned i = 0; i < 4; i++)
		bench_add(b,
			  &(struct bench_row){
				  .unit = "handshake",
				  .sides = {"key_job_run", "two exponentiations alone"},
				  .goals = {{"handshakes/s over the raw DH rate", NULL, 0.8, 0.95}},
				  .arg = {groups[i]},
				  .seconds = groups[i] == 16 ? 2 : 1,
				  .open = keyer_open,
				  .batch = keyer_batch,
				  .close = keyer_close,
			  },
			  "keyer/respond/group-%d", groups[i]);
}
