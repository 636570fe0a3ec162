#include "perf/race.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <x86intrin.h>

#include "dataplane/core/internal.h"
#include "dataplane/core/stream.h"
#include "perf/fars_parts.h"
#include "perf/stages.h"

#define WARM_STEPS     400 // until every flow has its acks, and every pool its shape
#define WARM_ROUNDS    12  // and so many fragments of every stream
#define TURN_US_MAX    500
#define RING           8192
#define EXTENTS        3000
#define EXTENTS_ROW    500
#define UNACKED_MAX    6 // RFC 7016 §3.5.2.3: beyond, the burst limit is what is measured
#define COPY_EVERY     8 // turns
#define FLOOD_TURN_MAX 128
#define FLOOD_WARM_US  100000 // budgets of strangers have bursts, which are spent by then
#define START_US       1000000
#define STEPS_MAX      100000 // without a packet: something is stuck
#define CONVOY_STEPS   1000
#define CONVOY_WAIT_US 300

// What a batch has added up.
struct tally {
	uint64_t packets, ticks, seal_ticks, open_ticks, copy_ticks, copy_packets;
	uint64_t stage_ticks[STAGES_N];
};

struct race {
	struct race_opts opts;
	struct mailbox *commands, *reports;
	struct crypto *crypto;
	struct random_state random_state;
	struct random random;
	struct mailbox *handoff_to[2], *handoff_from[2]; // by worker
	struct engine *engine;
	struct fars *fars;
	struct world *world;
	struct crossing *crossing;
	struct stages stages;
	struct identity identity; // whom strangers come to
	struct flood *flood;
	double owed_flood;
	uint64_t now_us;
	double tsc_per_us, owed_ticks; // not yet in now_us
	uint64_t packets, ticks;       // since race_forget
	uint64_t last_ticks;           // of a paced turn
	uint64_t worked_ticks;         // end of a convoy's last step that was not empty
	uint64_t n_steps, n_left_out;
	// Since the warm-up.
	uint64_t all_packets, all_ticks, generator_ticks;
	uint64_t drops_before[DROP_REASONS_N], acks_before, blocked_before;
};

// -- life --

// The time stamp counter's rate, by the clock of the suite.
static double measure_tsc(void)
{
	uint64_t from_ns = ratio_clock_ns(), from = __rdtsc(), to_ns;

	do
		to_ns = ratio_clock_ns();
	while (to_ns - from_ns < 20000000);
	return (double)(__rdtsc() - from) * 1000 / (double)(to_ns - from_ns);
}

static int make_engine(struct race *r)
{
	const struct fars_opts *f = &r->opts.fars;
	struct engine_opts o;
	uint32_t n_extents;

	engine_opts_appliance(&o, f->n_streams * (1 + f->n_per_stream), EXTENTS);
	o.streams_max = f->n_streams;
	o.extents_max = EXTENTS + 2 * f->n_streams;
	r->commands = o.commands = mailbox_create(RING);
	r->reports = o.reports = mailbox_create(RING);
	o.crypto = r->crypto = crypto_create(CRYPTO_AUTO);
	r->random = random_seeded(&r->random_state, 7);
	o.random = &r->random;
	if (r->opts.visit > 0)
		o.visit = r->opts.visit;
	if (r->commands == NULL || r->reports == NULL || r->crypto == NULL)
		return -1;
	if (f->convoy != NULL) {
		o.worker = f->worker;
		o.n_workers = 2;
		r->handoff_to[!f->worker] = r->opts.handoff[0];
		r->handoff_from[!f->worker] = r->opts.handoff[1];
		o.handoff_to = r->handoff_to;
		o.handoff_from = r->handoff_from;
	}
	stages_watch(&r->stages, r->crypto, r->opts.shows_stages);
	r->engine = engine_create(&o);
	if (r->engine == NULL)
		return -1;
	// A relay takes its windows' pages from the kernel once, in its first seconds, of which a
	// row is one. Later all of them come from windows that gave them back. As many as a row
	// fills:
	n_extents = EXTENTS_ROW + 3 * f->n_streams;
	if (n_extents > o.extents_max)
		n_extents = o.extents_max;
	memset(r->engine->relay->extents->memory, 0xff, (size_t)n_extents * EXTENT_BYTES);
	return 0;
}

void race_close(struct race *r)
{
	if (r == NULL)
		return;
	if (r->world != NULL)
		r->world->calls->destroy(r->world);
	crossing_destroy(r->crossing);
	flood_destroy(r->flood);
	if (r->fars != NULL)
		fars_destroy(r->fars);
	engine_destroy(r->engine);
	stages_unwatch(&r->stages, r->crypto);
	crypto_destroy(r->crypto);
	mailbox_destroy(r->commands);
	mailbox_destroy(r->reports);
	free(r);
}

// Strangers come to an endpoint that would answer them.
static int make_flood(struct race *r)
{
	struct endpoint_seed seed = {.answers_hello = true};
	struct command c = {.op = CMD_ENDPOINT, .len = sizeof(seed)};

	if (r->opts.flood_per_s == 0)
		return 0;
	c.body = body_get(r->fars->bodies, sizeof(seed));
	if (c.body == NULL || identity_generate(&r->identity, IDENTITY_APPLIANCE, &r->random) != 0)
		return -1;
	seed.cert_len = r->identity.server.certificate_len;
	memcpy(seed.cert, r->identity.server.certificate, seed.cert_len);
	memcpy(seed.fingerprint, r->identity.server.fingerprint, sizeof(seed.fingerprint));
	memcpy(c.body->data, &seed, sizeof(seed));
	mailbox_push(r->commands, &c);
	r->flood = flood_create(FLOOD_HELLO, r->opts.flood_is_spread, &r->identity.server);
	return r->flood != NULL ? 0 : -1;
}

static int make_all(struct race *r, struct ratio *ratio)
{
	const struct race_opts *o = &r->opts;

	r->world = NULL;
	if (make_engine(r) != 0) {
		ratio_void(ratio, "no memory for its engine");
		return -1;
	}
	r->fars = fars_create(&o->fars, r->commands, r->reports);
	if (o->world != NULL)
		r->world = o->world(r->engine, r->reports, o, ratio);
	else if (o->is_bare)
		r->world = bare_create(r->engine, o->turn_max);
	else
		r->world = port_create(r->engine, r->reports, o, ratio);
	r->crossing = crossing_create(r->engine, r->engine->opts.sessions_max, o->fars.tag_len,
				      o->counts_in);
	if (r->fars != NULL && r->world != NULL && r->crossing != NULL && make_flood(r) == 0)
		return 0;
	ratio_void(ratio, "no memory for its far ends");
	return -1;
}

// -- a step --

// The engine's clock runs while it works; a pause that the kernel made would only expire things.
static uint64_t pass_time(struct race *r, uint64_t ticks)
{
	uint64_t us;

	r->owed_ticks += (double)ticks;
	us = (uint64_t)(r->owed_ticks / r->tsc_per_us);
	r->owed_ticks -= (double)us * r->tsc_per_us;
	return us < TURN_US_MAX ? us : TURN_US_MAX;
}

static uint64_t later(struct race *r, uint64_t ticks)
{
	struct fars_convoy *c = r->opts.fars.convoy;
	uint64_t us = pass_time(r, ticks);

	if (c == NULL)
		return r->now_us + us;
	return r->opts.fars.worker == 0 ? atomic_fetch_add(&c->now_us, us) + us
					: atomic_load(&c->now_us);
}

// As many as came while the turn before went on; of a pause that the kernel made, no more than a
// port would have kept.
static void flood(struct race *r)
{
	if (r->owed_flood > FLOOD_TURN_MAX)
		r->owed_flood = FLOOD_TURN_MAX;
	r->owed_flood -= flood_send(r->flood, r->world, (uint32_t)r->owed_flood);
}

static void step(struct race *r, bool is_measured)
{
	struct fars *f = r->fars;
	uint64_t start = __rdtsc(), turned, sent;

	fars_step(f, r->opts.want, r->now_us);
	if (r->flood != NULL)
		flood(r);
	turned = __rdtsc();
	r->generator_ticks += turned - start;
	world_turn(r->world, r->now_us);
	sent = __rdtsc();
	r->now_us = later(r, sent - turned);
	r->owed_flood += (double)(sent - turned) / r->tsc_per_us * r->opts.flood_per_s / 1e6;
	fars_look(f);
	fars_control(f);
	r->generator_ticks += __rdtsc() - sent;
	// While the other worker of a convoy is waited for, turns are empty: as long as its thread
	// does not run.
	r->n_steps += is_measured;
	if (!is_measured || (r->opts.fars.convoy != NULL && f->in.n == 0 && f->out.n == 0))
		return;
	r->ticks += sent - turned;
	r->packets += r->opts.counts_in ? f->in.n : f->out.n;
	crossing_open(r->crossing, &f->in);
	crossing_seal(r->crossing, &f->out);
	if (r->n_steps % COPY_EVERY == 0 || r->crossing->copy_packets == 0)
		crossing_copy(r->crossing, &f->out);
}

static struct tally tally_of(const struct race *r)
{
	const struct crossing *c = r->crossing;
	struct tally t = {r->packets,      r->ticks, c->seal.ticks, c->open.ticks, c->copy_ticks,
			  c->copy_packets, {0}};

	memcpy(t.stage_ticks, r->stages.ticks, sizeof(t.stage_ticks));
	return t;
}

static void tally_back(struct race *r, const struct tally *t)
{
	struct crossing *c = r->crossing;

	r->packets = t->packets;
	r->ticks = t->ticks;
	c->seal.ticks = t->seal_ticks;
	c->open.ticks = t->open_ticks;
	c->copy_ticks = t->copy_ticks;
	c->copy_packets = t->copy_packets;
	memcpy(r->stages.ticks, t->stage_ticks, sizeof(t->stage_ticks));
}

// How often the kernel gave the core to somebody else.
static long n_preempted(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nivcsw + u.ru_nvcsw;
}

// The other worker of a convoy was waited for so long that its core, or ours, was somebody else's:
// the caches are, too.
static bool was_left_alone(struct race *r)
{
	const struct fars *f = r->fars;
	uint64_t now = __rdtsc();
	bool was_long = (double)(now - r->worked_ticks) > CONVOY_WAIT_US * r->tsc_per_us;

	if (r->opts.fars.convoy == NULL || (f->in.n == 0 && f->out.n == 0))
		return false;
	r->worked_ticks = now;
	return was_long;
}

// A step in which somebody else had the core says nothing about either side, and is left out.
static void measured_step(struct race *r)
{
	struct tally before = tally_of(r);
	long n = n_preempted();

	step(r, true);
	if (n_preempted() == n && !was_left_alone(r)) {
		r->all_packets += r->packets - before.packets;
		r->all_ticks += r->ticks - before.ticks;
		return;
	}
	tally_back(r, &before);
	r->n_left_out++;
}

void race_run(struct race *r, uint64_t packets)
{
	// Of a convoy the other thread may just not run: its caller asks again.
	uint64_t patience = r->n_steps + (r->opts.fars.convoy != NULL ? CONVOY_STEPS : STEPS_MAX);

	while (r->packets < packets && r->n_steps < patience)
		measured_step(r);
}

struct race_sums race_sums(const struct race *r)
{
	const struct crossing *c = r->crossing;
	double per_ns = r->tsc_per_us / 1000;
	struct race_sums s = {.packets = r->packets,
			      .ours = (double)r->ticks / per_ns,
			      .seal = (double)c->seal.ticks / per_ns,
			      .open = (double)c->open.ticks / per_ns};

	if (c->copy_packets > 0)
		s.copy = (double)c->copy_ticks / per_ns * (double)r->packets /
			 (double)c->copy_packets;
	return s;
}

void race_forget(struct race *r)
{
	r->packets = r->ticks = 0;
	crossing_forget(r->crossing);
}

static uint64_t n_acks(const struct race *r)
{
	const struct worker_stats *s = engine_stats(r->engine);

	return r->opts.counts_in ? s->acks_sent : s->acks_received;
}

static void warm_up(struct race *r)
{
	uint64_t fragments = WARM_ROUNDS * (uint64_t)r->opts.fars.n_streams;
	uint64_t flood_us = r->now_us + FLOOD_WARM_US;

	if (r->opts.counts_in || r->opts.fars.worker > 0)
		fragments = 0;
	for (uint32_t i = 0;
	     i < STEPS_MAX && (i < WARM_STEPS || r->fars->counts.fragments_in < fragments ||
			       (r->flood != NULL && r->now_us < flood_us));
	     i++)
		step(r, false);
	fars_forget(r->fars);
	stages_forget(&r->stages);
	r->generator_ticks = 0;
	memcpy(r->drops_before, engine_stats(r->engine)->drops, sizeof(r->drops_before));
	r->acks_before = n_acks(r);
	r->blocked_before = engine_stats(r->engine)->stream_blocked;
}

struct race *race_open(const struct race_opts *opts, struct ratio *ratio)
{
	struct race *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->opts = *opts;
	r->tsc_per_us = measure_tsc();
	r->now_us = opts->fars.convoy != NULL ? atomic_load(&opts->fars.convoy->now_us) : START_US;
	if (make_all(r, ratio) != 0)
		goto fail;
	if (fars_settle(r->fars, r->world, &r->now_us) != 0) {
		ratio_void(ratio, "its members did not all join");
		goto fail;
	}
	warm_up(r);
	race_forget(r);
	return r;
fail:
	race_close(r);
	return NULL;
}

// -- what it says --

static const char *drop_name(int why)
{
#define X(id, name, help) name,
	static const char *const names[] = {DROP_REASONS(X)};
#undef X
	return names[why];
}

static double acks_per_packet(const struct race *r)
{
	return (double)(n_acks(r) - r->acks_before) / (double)r->fars->counts.data_packets;
}

static void judge_calm(struct race *r, struct ratio *ratio)
{
	const struct worker_stats *s = engine_stats(r->engine);
	uint64_t blocked = s->stream_blocked - r->blocked_before;
	double slack = (double)r->fars->n / (double)r->fars->counts.data_packets;

	// At either end a member's ack may be under way.
	if (fabs(acks_per_packet(r) - 0.5) > 0.01 + slack)
		ratio_void(ratio, "%.3f acks per packet", acks_per_packet(r));
	if (blocked > 0)
		ratio_void(ratio, "neighbours were blocked %lu times", (unsigned long)blocked);
	if (r->fars->counts.unacked_max > UNACKED_MAX)
		ratio_void(ratio, "%u fragments to one neighbour between two acks",
			   r->fars->counts.unacked_max);
	for (int i = 0; i < DROP_REASONS_N; i++)
		if (s->drops[i] != r->drops_before[i])
			ratio_void(ratio, "%lu drops (%s)",
				   (unsigned long)(s->drops[i] - r->drops_before[i]), drop_name(i));
}

static void tell_stages(struct race *r, struct ratio *ratio)
{
	static const char *const names[STAGES_N] = {
		[STAGE_OPEN] = "ns open",     [STAGE_RX] = "ns receive",
		[STAGE_TIMERS] = "ns timers", [STAGE_BUILD] = "ns build",
		[STAGE_SEAL] = "ns seal",     [STAGE_IO] = "ns frames and port",
	};
	double per_packet = r->tsc_per_us / 1000 * (double)r->all_packets;
	uint64_t engine = 0;

	for (int i = 0; i < STAGES_N; i++) {
		engine += r->stages.ticks[i];
		if (i != STAGE_IO)
			ratio_figure(ratio, names[i], (double)r->stages.ticks[i] / per_packet);
	}
	ratio_figure(ratio, names[STAGE_IO], (double)(r->all_ticks - engine) / per_packet);
}

bool race_judge(struct race *r, struct ratio *ratio)
{
	const struct fars_counts *c = &r->fars->counts;
	double ns = (double)r->all_ticks / (r->tsc_per_us / 1000) / (double)r->all_packets;

	if (c->data_packets == 0 || r->all_packets == 0) {
		ratio_void(ratio, "nothing left");
		return false;
	}
	if (c->compared == 0 || c->different > 0)
		ratio_void(ratio, "%lu of %lu packets looked at are not what was published",
			   (unsigned long)c->different, (unsigned long)c->compared);
	if (c->unread > 0)
		ratio_void(ratio, "%lu packets were not understood", (unsigned long)c->unread);
	if (!r->opts.is_disturbed)
		judge_calm(r, ratio);
	ratio_figure(ratio, "Mpps", 1000 / ns);
	if (!r->opts.counts_in)
		ratio_figure(ratio, "Gbit/s", 8 * (double)c->bytes / (double)c->packets / ns);
	ratio_figure(ratio, "acks per packet", acks_per_packet(r));
	ratio_figure(ratio, "generator ns",
		     (double)r->generator_ticks / (r->tsc_per_us / 1000) / (double)c->packets);
	if (r->opts.shows_stages)
		tell_stages(r, ratio);
	return ratio->state == RATIO_GOOD;
}

// -- for rows with a clock of their own --

struct fars *race_fars(struct race *r)
{
	return r->fars;
}

uint64_t race_now_us(const struct race *r)
{
	return r->now_us;
}

double race_paced_turn(struct race *r)
{
	struct fars *f = r->fars;
	long n = n_preempted();
	uint64_t start, ticks;

	fars_flush(f, r->now_us);
	start = __rdtsc();
	world_turn(r->world, r->now_us);
	ticks = __rdtsc() - start;
	if (n_preempted() != n)
		ticks = r->last_ticks;
	r->last_ticks = ticks;
	r->now_us += pass_time(r, ticks);
	fars_look(f);
	fars_control(f);
	return (double)ticks / (r->tsc_per_us / 1000);
}
