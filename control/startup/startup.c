// The room's front door: its tables taken and given back, reports and time handed to whom they
// concern.
#include "control/startup/startup.h"

#include <assert.h>
#include <stdlib.h>

#include "control/startup/internal.h"
#include "dataplane/pages.h"

#define SOURCES_MAX       4096u // addresses whose rate is remembered at a time
#define OPENINGS_DEFAULT  64u
#define KEYINGS_DEFAULT   256u
#define RATE_SOURCE_PER_S 200u
#define RATE_SOURCE_BURST 400u
#define RATE_TARGET_PER_S 100u
#define RATE_TARGET_BURST 200u

static_assert(CERTIFICATE_LEN_MAX + COOKIE_ECHO_MAX + KEYING_COMPONENT_MAX + 32 <= IIKEYING_MAX,
	      "any IIKeying of ours fits");

// -- commands that every worker gets --

static bool command_to_all(struct startup *st, const struct command *c, const void *octets,
			   uint32_t len)
{
	for (uint32_t w = 0; w < outbox_n_workers(st->outbox); w++) {
		struct command one = *c;

		if (len > 0) {
			one.len = len;
			one.body = outbox_body_copy(st->outbox, octets, len);
			if (one.body == NULL)
				return false;
		}
		outbox_push(st->outbox, w, &one);
	}
	return true;
}

// One secret for all workers: a datagram may come in at any of them.
static void cookie_secret_send(struct startup *st, uint64_t now_us)
{
	struct command c = {.op = CMD_COOKIE_SECRET};

	random_fill(st->rng, c.cookie.secret, sizeof(c.cookie.secret));
	command_to_all(st, &c, NULL, 0);
	octets_wipe(c.cookie.secret, sizeof(c.cookie.secret));
	st->cookie_at_us = now_us + COOKIE_PERIOD_US;
}

// A worker needs to know an endpoint only if strangers may ask it for something.
static bool has_answers(const struct near_end *end)
{
	return end->opts.answers_hello || end->opts.answers_fihello || end->opts.introduces;
}

static bool endpoint_send(struct startup *st, uint8_t endpoint)
{
	const struct near_end *end = near_end_at(st, endpoint);
	struct command c = {.op = CMD_ENDPOINT};
	struct endpoint_seed seed = {
		.endpoint = endpoint,
		.answers_hello = end->opts.answers_hello,
		.cert_len = (uint16_t)end->certificate.whole.len,
	};

	assert(end->certificate.whole.len <= sizeof(seed.cert));
	memcpy(seed.fingerprint, end->certificate.fingerprint, sizeof(seed.fingerprint));
	memcpy(seed.cert, end->certificate.whole.data, end->certificate.whole.len);
	return command_to_all(st, &c, &seed, sizeof(seed));
}

// -- create --

static struct token_rate rate_of(struct startup_rate rate, uint32_t per_s, uint32_t burst)
{
	return token_rate_of(rate.per_s > 0 ? rate.per_s : per_s,
			     rate.burst > 0 ? rate.burst : burst);
}

static bool tables_take(struct startup *st, const struct startup_opts *opts)
{
	struct token_rate keyings =
		rate_of(opts->keyings_per_ip, RATE_SOURCE_PER_S, RATE_SOURCE_BURST);
	struct token_rate introductions =
		rate_of(opts->introductions_per_ip, RATE_SOURCE_PER_S, RATE_SOURCE_BURST);

	st->introductions_per_target =
		rate_of(opts->introductions_per_target, RATE_TARGET_PER_S, RATE_TARGET_BURST);
	st->keyings = token_table_create(SOURCES_MAX, keyings, random_u64(st->rng));
	st->introductions = token_table_create(SOURCES_MAX, introductions, random_u64(st->rng));
	st->directory = directory_create(outbox_n_workers(st->outbox), opts->sessions_max, st->rng);
	st->openings = pages_take(st->openings_max * sizeof(st->openings[0]));
	st->jobs = pages_take(st->jobs_max * sizeof(st->jobs[0]));
	return st->keyings != NULL && st->introductions != NULL && st->directory != NULL &&
	       st->openings != NULL && st->jobs != NULL;
}

static void ends_copy(struct startup *st, const struct startup_opts *opts)
{
	assert(opts->n_endpoints <= ENDPOINTS_MAX);
	for (uint8_t e = 0; e < opts->n_endpoints; e++) {
		struct near_end *end = &st->ends[e];

		end->opts = opts->endpoints[e];
		assert(end->opts.n_public <= REPORTED_ADDRS_MAX);
		end->certificate = identity_certificate(end->opts.identity);
		end->policy = end->opts.policy != NULL ? end->opts.policy : &keying_policy_default;
	}
	st->n_ends = opts->n_endpoints;
}

struct startup *startup_create(const struct startup_opts *opts, uint64_t now_us)
{
	struct startup *st = calloc(1, sizeof(*st));
	bool is_good;

	if (st == NULL)
		return NULL;
	st->outbox = opts->outbox;
	st->keyer = opts->keyer;
	st->rng = opts->random;
	st->events = opts->events;
	st->keepalive_us = opts->keepalive_us;
	st->spreads_sessions = opts->spreads_sessions;
	st->sessions_per_ip = opts->sessions_per_ip > 0 ? opts->sessions_per_ip : UINT32_MAX;
	st->openings_max = opts->openings_max > 0 ? opts->openings_max : OPENINGS_DEFAULT;
	st->jobs_max = opts->keyings_max > 0 ? opts->keyings_max : KEYINGS_DEFAULT;
	unproven_init(st);
	ends_copy(st, opts);

	is_good = tables_take(st, opts);
	for (uint32_t i = 0; is_good && i < st->jobs_max; i++)
		key_list_put(&st->jobs_free, &st->jobs[i]);
	if (is_good)
		cookie_secret_send(st, now_us);
	for (uint8_t e = 0; is_good && e < st->n_ends; e++)
		is_good = !has_answers(&st->ends[e]) || endpoint_send(st, e);
	if (!is_good) {
		startup_destroy(st);
		return NULL;
	}
	return st;
}

void startup_destroy(struct startup *st)
{
	struct opening *o = NULL;

	if (st == NULL)
		return;
	while ((o = opening_next(st, o)) != NULL) // who was given back was wiped
		keying_wipe(&o->keying);
	pages_give(st->jobs, st->jobs_max * sizeof(st->jobs[0]));
	pages_give(st->openings, st->openings_max * sizeof(st->openings[0]));
	directory_destroy(st->directory);
	token_table_destroy(st->introductions);
	token_table_destroy(st->keyings);
	free(st);
}

// -- reports and time --

bool startup_report(struct startup *st, uint32_t worker, const struct report *r, uint64_t now_us)
{
	bool is_packet = r->op == REP_HELLO || r->op == REP_KEYING || r->op == REP_STARTUP;

	// The world may listen where no endpoint of ours is.
	switch (is_packet && r->packet.from.endpoint >= st->n_ends ? REP_NONE : r->op) {
	case REP_NONE:
		st->counters.unexpected++;
		break;
	case REP_HELLO:
		introducer_hello(st, worker, r, now_us);
		break;
	case REP_KEYING:
		responder_keying(st, worker, &r->packet.from, span_of(r->body->data, r->len),
				 now_us);
		break;
	case REP_STARTUP:
		initiator_report(st, worker, r, now_us);
		break;
	case REP_SESSION_FIHELLO:
		fihello_report(st, worker, r, now_us);
		break;
	case REP_SESSION_ALIVE:
	case REP_SESSION_MOVED:
	case REP_SESSION_CLOSING:
	case REP_SESSION_CLOSED:
	case REP_FLOW_FREED:
		life_report(st, worker, r, now_us);
		break;
	default:
		return false;
	}
	if (r->body != NULL)
		outbox_body_home(st->outbox, worker, r->body);
	jobs_poll(st, now_us); // an inline keyer is done already
	return true;
}

void startup_timers(struct startup *st, uint64_t now_us)
{
	jobs_poll(st, now_us);
	initiator_timers(st, now_us);
	unproven_due(st, now_us);
	if (now_us >= st->cookie_at_us)
		cookie_secret_send(st, now_us);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t startup_deadline_us(const struct startup *st)
{
	uint64_t at_us = min_u64(st->cookie_at_us, initiator_deadline_us(st));

	if (st->keyer->wake_fd < 0 && jobs_are_out(st))
		return 0;
	return min_u64(at_us, unproven_deadline_us(st));
}

void startup_lines_of(const struct startup *st, struct lines *l)
{
	lines_add(l, st, offsetof(struct startup, rng));
	lines_add(l, st->keyer, 1);
	lines_add(l, st->directory, 1);
}

// -- looking in --

struct ctl_session *startup_find(struct startup *st, uint8_t endpoint,
				 const uint8_t fingerprint[32])
{
	struct seat *s = NULL, *found = NULL;

	while ((s = directory_by_print(st->directory, endpoint, fingerprint, s)) != NULL) {
		if (s->ctl.state != CTL_OPEN)
			continue;
		if (s->ctl.is_alive)
			return &s->ctl;
		if (found == NULL || (s->ctl.is_initiator && !found->ctl.is_initiator))
			found = s;
	}
	return found != NULL ? &found->ctl : NULL;
}

struct ctl_session *startup_session(struct startup *st, uint32_t worker, uint32_t idx, uint32_t id)
{
	struct seat *s = directory_find(st->directory, worker, idx, id);

	return s != NULL && s->was_opened ? &s->ctl : NULL;
}

struct ctl_session *startup_next(struct startup *st, uint32_t *at)
{
	struct seat *s;

	while ((s = directory_next(st->directory, at)) != NULL)
		if (s->ctl.state == CTL_OPEN)
			return &s->ctl;
	return NULL;
}

const struct keying_policy *startup_policy(const struct startup *st, uint8_t endpoint)
{
	return st->ends[endpoint].policy;
}

const struct startup_counters *startup_counters(const struct startup *st)
{
	return &st->counters;
}
