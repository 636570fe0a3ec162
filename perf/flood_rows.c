/*
 * flood/: strangers in masses. What refusing each of them costs, without ports and on a port of
 * rings; and what members notice of a million a second.
 */
#include <stdlib.h>
#include <string.h>

#include "perf/floor.h"
#include "perf/host.h"
#include "perf/pair.h"
#include "perf/rows.h"

#define TURN     192 // datagrams that wait for a turn: three receive bursts
#define TURNS    3   // a batch
#define TURN_US  100
#define HELLOS_S 5000 // to control: annulusd's default

enum {
	ARG_KIND,
	ARG_SPREAD,
	ARG_PORT,
};

struct refusal {
	const struct bench_row *row;
	uint64_t now_us;
	struct random_state state;
	struct random random;
	struct crypto *crypto;
	struct identity identity;
	struct keyer *keyer;
	struct perf_host *host;
	struct world *world;
	struct flood *flood;
	struct floor *floor;
	struct seal_keys seal;
	struct open_keys open;
	struct datagram out[WORLD_DATAGRAMS];
	struct crypto_op ops[TURN];
	uint8_t in[TURN][STRANGER_LEN];
	uint64_t n_in, n_answered;
};

static void nobody_listens(void *ctx, struct perf_host *h, const struct wire_addr *dst,
			   uint8_t src_endpoint, uint8_t *data, uint16_t len)
{
}

static bool refusal_fill(struct refusal *w, struct ratio *r)
{
	struct perf_host_opts o = {.is_super = true,
				   .identity = &w->identity,
				   .addr = perf_addr(0x0a000001, 1935),
				   .sessions_max = 64,
				   .random = &w->random,
				   .policy = keying_policy_default,
				   .hellos_per_s = HELLOS_S,
				   .out = nobody_listens};
	const struct race_opts port = {.turn_max = 128, .tx_ring = 256};

	w->random = random_seeded(&w->state, 1);
	w->now_us = HOST_START_US;
	w->crypto = o.crypto = crypto_create(CRYPTO_AUTO);
	w->keyer = o.keyer = made_keyer_create();
	if (w->crypto == NULL || w->keyer == NULL ||
	    identity_generate(&w->identity, IDENTITY_APPLIANCE, &w->random) != 0)
		return false;
	crypto_expand(w->crypto, (const uint8_t *)CRYPTO_DEFAULT_KEY, w->seal.sched, w->open.sched);
	w->host = perf_host_create(&o, w->now_us);
	w->floor = floor_create();
	w->flood = flood_create((enum flood_kind)w->row->arg[ARG_KIND], w->row->arg[ARG_SPREAD],
				&w->identity.server);
	if (w->host == NULL || w->floor == NULL || w->flood == NULL)
		return false;
	perf_host_turn(w->host, w->now_us); // endpoints and secrets are told
	w->world = w->row->arg[ARG_PORT] ? port_create(w->host->engine, w->host->reports, &port, r)
					 : bare_create(w->host->engine, port.turn_max);
	if (w->world != NULL)
		world_turn(w->world, w->now_us); // the port has buffers from now on
	return w->world != NULL;
}

static void *refusal_open(const struct bench_row *row, struct ratio *r)
{
	struct refusal *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->row = row;
	if (!refusal_fill(w, r))
		ratio_void(r, "no memory or no keys");
	return w;
}

static void refusal_close(void *world, struct ratio *r)
{
	struct refusal *w = world;

	if (r->n_batches > 0) {
		ratio_figure(r, "M/s", 1e3 / ratio_ns(r, RATIO_OURS).median);
		ratio_figure(r, "answered %", 100.0 * (double)w->n_answered / (double)w->n_in);
	}
	if (w->world != NULL)
		w->world->calls->destroy(w->world);
	flood_destroy(w->flood);
	perf_host_destroy(w->host);
	if (w->keyer != NULL)
		w->keyer->destroy(w->keyer);
	if (w->floor != NULL)
		floor_destroy(w->floor);
	if (w->crypto != NULL)
		crypto_destroy(w->crypto);
	free(w);
}

static uint64_t drops(const struct refusal *w)
{
	const struct worker_stats *s = engine_stats(w->host->engine);
	uint64_t n = 0;

	for (unsigned i = 0; i < DROP_REASONS_N; i++)
		n += s->drops[i];
	return n;
}

static void refusal_batch(void *world, struct ratio *r)
{
	struct refusal *w = world;
	const struct worker_stats *s = engine_stats(w->host->engine);

	for (unsigned t = 0; t < TURNS; t++) {
		uint64_t dropped = drops(w), answered = s->hellos_answered;
		uint32_t n = flood_send(w->flood, w->world, TURN), told;

		w->now_us += TURN_US;
		ratio_start(r, RATIO_OURS);
		world_turn(w->world, w->now_us);
		ratio_stop(r, RATIO_OURS, n);
		w->n_in += n;
		w->n_answered += s->hellos_answered - answered;
		w->world->calls->sent(w->world, w->out, WORLD_DATAGRAMS);
		// Each is dropped by name, answered, or one of the few that control is asked about.
		told = mailbox_n(w->host->reports);
		dropped = drops(w) - dropped + s->hellos_answered - answered;
		if (n != TURN || dropped + told + 1 < n)
			ratio_void(r, "%u came, %u were refused", n, (unsigned)dropped);
		perf_host_control(w->host, w->now_us);

		for (uint32_t i = 0; i < n; i++)
			w->ops[i] =
				(struct crypto_op){.sched = w->open.sched,
						   .dst = w->in[i],
						   .len = flood_ciphertext(w->flood, i, w->in[i])};
		ratio_start(r, RATIO_LIMIT);
		floor_open(w->floor, w->ops, n);
		ratio_stop(r, RATIO_LIMIT, n);
	}
}

static void refusal_rows(struct bench *b)
{
	for (int port = 0; port < 2; port++) {
		for (int kind = 0; kind < FLOOD_KINDS; kind++) {
			struct bench_row row = {
				.unit = "datagram",
				.sides = {"refuse", "decrypting alone"},
				.arg = {[ARG_KIND] = kind, [ARG_SPREAD] = true, [ARG_PORT] = port},
				.open = refusal_open,
				.batch = refusal_batch,
				.close = refusal_close};

			if (port && kind == FLOOD_NOBODY)
				row.goals[0] = (struct bench_goal){
					"bogus hellos refused, M/s and worker, ring port", "M/s", 1,
					3};
			if (port && kind == FLOOD_HELLO)
				row.goals[0] = (struct bench_goal){
					"the same, hellos with false addresses", "M/s", 1, 3};
			bench_add(b, &row, "flood/%s%s", flood_names[kind], port ? "/port" : "");
		}
	}
}

// ---- members in a flood ----

static void wet_rows(struct bench *b)
{
	for (int hmac = 0; hmac < 2; hmac++) {
		for (int spread = 0; spread < 2; spread++) {
			struct race_opts calm = race_shape(1, 64, 1000, hmac), wet = calm;
			struct bench_goal goal = {NULL, NULL, 0.95, 0.99};

			wet.flood_per_s = 1000000;
			wet.flood_is_spread = spread;
			wet.is_disturbed = true; // what strangers send is dropped
			goal.what = hmac     ? spread ? "the same with HMAC, from many prefixes"
						      : "the same with HMAC, from one prefix"
				    : spread ? "the same, from many prefixes"
					     : "members' throughput while 1 M bogus hellos/s "
					       "arrive over "
					       "without, from one prefix";
			pair_row(b, wet, calm, "in a flood", "without", goal,
				 hmac     ? spread ? "flood/members/hmac/spread"
						   : "flood/members/hmac/prefix"
				 : spread ? "flood/members/sum/spread"
					  : "flood/members/sum/prefix");
		}
	}
}

void flood_rows(struct bench *b)
{
	refusal_rows(b);
	wet_rows(b);
}
