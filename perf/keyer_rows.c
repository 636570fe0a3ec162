/*
 * keyer/: the public-key work of answering a handshake, beside the two exponentiations that it
 * cannot do without (raw_dh.h).
 */
#include <stdlib.h>
#include <string.h>

#include "control/startup/key_job.h"
#include "perf/host.h"
#include "perf/raw_dh.h"
#include "perf/rows.h"

struct world {
	struct random random;
	struct keying_policy policy;
	struct identity_endpoint near, far;
	struct keying initiator; // the far end's half
	struct key_job job;
	struct raw_dh raw;
	unsigned handshakes; // a batch
};

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
	if (!perf_endpoint_of_group(&w->near, group, &w->random) ||
	    !perf_endpoint_of_group(&w->far, group, &w->random) || !initiate(w) ||
	    !raw_dh_init(&w->raw, &w->initiator.pair))
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
		good &= raw_dh_handshake(&w->raw);
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
	raw_dh_fini(&w->raw);
	key_job_wipe(&w->job);
	free(w);
}

void keyer_rows(struct bench *b)
{
	static const int groups[] = {2, 5, 14, 16};
	static const char *const goals[] = {"handshakes/s of a keyer over the raw DH rate, group 2",
					    "the same, group 5", "the same, group 14",
					    "the same, group 16"};

	for (unsigned i = 0; i < 4; i++)
		bench_add(b,
			  &(struct bench_row){
				  .unit = "handshake",
				  .sides = {"key_job_run", "two exponentiations alone"},
				  .goals = {{goals[i], NULL, 0.8, 0.95}},
				  .arg = {groups[i]},
				  .seconds = groups[i] == 16 ? 2 : 1,
				  .open = keyer_open,
				  .batch = keyer_batch,
				  .close = keyer_close,
			  },
			  "keyer/respond/group-%d", groups[i]);
}
