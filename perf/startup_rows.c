/*
 * startup/: what strangers cost an appliance, from the datagram to the answer, without ports:
 * hellos that are answered, packets that are refused, whole handshakes.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/wire/chunk.h"
#include "perf/floor.h"
#include "perf/raw_dh.h"
#include "perf/rows.h"
#include "perf/strangers.h"

#define BURST     64
#define STRANGERS 8192
#define STEP_US   100

enum {
	ARG_GROUP, // of handshakes
	ARG_MADE,  // keys are made up
};

struct mail {
	struct wire_addr dst;
	uint16_t len;
	uint8_t data[HOST_ROOM];
};

struct world {
	const struct bench_row *row;
	uint64_t now_us;
	struct random_state state;
	struct random random;
	struct crypto *crypto;
	struct identity identity;
	struct keyer *keyer;
	struct perf_host *host;
	struct strangers strangers;
	struct floor *floor;
	struct raw_dh raw;
	uint32_t next; // stranger
	uint8_t in[BURST][STRANGER_LEN];
	uint16_t len[BURST];
	struct crypto_op in_ops[BURST], out_ops[4 * BURST];
	struct mail mail[4 * BURST];
	uint32_t n_mail;
};

// ---- the world ----

static void take_mail(void *ctx, struct perf_host *h, const struct wire_addr *dst,
		      uint8_t src_endpoint, uint8_t *data, uint16_t len)
{
	struct world *w = ctx;
	struct mail *m = &w->mail[w->n_mail];

	if (w->n_mail == sizeof(w->mail) / sizeof(w->mail[0]))
		return; // strangers miss it, and the row is void
	m->dst = *dst;
	m->len = len;
	memcpy(m->data, data, len);
	w->n_mail++;
}

// Not timed: the strangers read.
static void mail_read(struct world *w)
{
	for (uint32_t i = 0; i < w->n_mail; i++)
		strangers_take(&w->strangers, &w->mail[i].dst, w->mail[i].data, w->mail[i].len);
	w->n_mail = 0;
}

static bool host_make(struct world *w)
{
	struct perf_host_opts o = {
		.is_super = true,
		.identity = &w->identity,
		.addr = perf_addr(0x0a000001, 1935),
		.sessions_max = STRANGERS,
		.crypto = w->crypto,
		.random = &w->random,
		.keyer = w->keyer,
		.policy = keying_policy_default,
		.out = take_mail,
		.ctx = w,
	};

	o.policy.n_groups = 1;
	o.policy.groups[0] = (uint8_t)w->row->arg[ARG_GROUP];
	perf_host_destroy(w->host);
	w->host = perf_host_create(&o, w->now_us);
	if (w->host == NULL)
		return false;
	perf_host_turn(w->host, w->now_us); // endpoints and secrets are told
	w->next = 0;
	for (uint32_t i = 0; i < w->strangers.n; i++)
		w->strangers.list[i] = (struct stranger){0};
	return true;
}

static bool world_fill(struct world *w)
{
	uint8_t group = (uint8_t)w->row->arg[ARG_GROUP];

	w->random = random_seeded(&w->state, 1);
	w->now_us = HOST_START_US;
	w->crypto = crypto_create(CRYPTO_AUTO);
	w->keyer = w->row->arg[ARG_MADE] ? made_keyer_create() : keyer_inline_create(&w->random);
	w->floor = floor_create();
	return w->crypto != NULL && w->keyer != NULL &&
	       identity_generate(&w->identity, IDENTITY_APPLIANCE, &w->random) == 0 &&
	       perf_endpoint_of_group(&w->identity.server, group, &w->random) &&
	       strangers_init(&w->strangers, w->crypto, &w->random, STRANGERS, group,
			      &w->identity.server) &&
	       raw_dh_init(&w->raw, &w->strangers.keying.pair) && host_make(w);
}

static void *startup_open_row(const struct bench_row *row, struct ratio *r)
{
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->row = row;
	if (!world_fill(w))
		ratio_void(r, "no memory or no keys");
	else if (w->floor == NULL && !row->arg[ARG_MADE])
		ratio_skip(r, "no ipsec-mb here");
	return w;
}

static void startup_close(void *world, struct ratio *r)
{
	struct world *w = world;

	if (r->n_batches > 0)
		ratio_figure(r, "per s", 1e9 / ratio_ns(r, RATIO_OURS).median);
	perf_host_destroy(w->host);
	if (w->keyer != NULL)
		w->keyer->destroy(w->keyer);
	strangers_fini(&w->strangers);
	raw_dh_fini(&w->raw);
	if (w->floor != NULL)
		floor_destroy(w->floor);
	if (w->crypto != NULL)
		crypto_destroy(w->crypto);
	free(w);
}

// ---- datagrams in ----

// Timed part of all: a burst from strangers [next, next + n), then whatever follows from it.
static void burst_in(struct world *w, unsigned n)
{
	struct pkt pkts[BURST];

	for (unsigned i = 0; i < n; i++) {
		struct wire_addr from = stranger_addr(w->next + i);

		pkts[i] = perf_host_pkt(w->in[i], w->len[i], &from, HOST_SERVER);
	}
	engine_rx(w->host->engine, pkts, (uint16_t)n, w->now_us);
}

// What the limit opens: datagrams as they came, under the default key.
static void floor_in(struct world *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		w->in_ops[i] = (struct crypto_op){.sched = w->strangers.open.sched,
						  .dst = w->in[i] + SSID_LEN,
						  .len = (uint16_t)((w->len[i] - SSID_LEN) & ~15)};
}

// ---- hellos ----

static void hello_batch(void *world, struct ratio *r)
{
	struct world *w = world;
	uint64_t before = w->strangers.rhellos;

	w->now_us += STEP_US;
	if (w->next + BURST > STRANGERS)
		w->next = 0;
	for (unsigned i = 0; i < BURST; i++)
		w->len[i] = stranger_hello(&w->strangers, w->next + i, w->in[i]);
	ratio_start(r, RATIO_OURS);
	burst_in(w, BURST);
	perf_host_engine(w->host, w->now_us);
	ratio_stop(r, RATIO_OURS, BURST);

	floor_in(w, BURST);
	for (uint32_t i = 0; i < w->n_mail && i < BURST; i++)
		w->out_ops[i] = (struct crypto_op){.sched = w->strangers.seal.sched,
						   .dst = w->host->buffers[i],
						   .len = w->mail[i].len - SSID_LEN};
	ratio_start(r, RATIO_LIMIT);
	floor_open(w->floor, w->in_ops, BURST);
	floor_seal(w->floor, w->out_ops, BURST);
	ratio_stop(r, RATIO_LIMIT, BURST);

	mail_read(w);
	if (w->strangers.rhellos - before != BURST)
		ratio_void(r, "%u hellos, %u answers", BURST,
			   (unsigned)(w->strangers.rhellos - before));
	w->next += BURST;
}

// ---- handshakes ----

// One part of a handshake from n strangers: what they send, and what the appliance makes of it.
static void exchange(struct world *w, struct ratio *r, unsigned n,
		     uint16_t (*writes)(struct strangers *, uint32_t, uint8_t *), uint64_t units)
{
	for (unsigned i = 0; i < n; i++)
		w->len[i] = writes(&w->strangers, w->next + i, w->in[i]);
	ratio_start(r, RATIO_OURS);
	burst_in(w, n);
	perf_host_turn(w->host, w->now_us);
	ratio_stop(r, RATIO_OURS, units);
	mail_read(w);
	w->now_us += STEP_US;
}

static void handshake_batch(void *world, struct ratio *r)
{
	struct world *w = world;
	bool is_made = w->row->arg[ARG_MADE] != 0;
	unsigned n = is_made ? 32 : 2;

	if (w->next + n > STRANGERS && !host_make(w)) {
		ratio_void(r, "no memory");
		return;
	}
	exchange(w, r, n, stranger_hello, 0);
	exchange(w, r, n, stranger_keying, n);
	if (is_made)
		exchange(w, r, n, stranger_alive, 0);
	for (unsigned i = 0; i < n; i++)
		if (w->strangers.list[w->next + i].state != STRANGER_ANSWERED)
			ratio_void(r, "stranger %u has no session", w->next + i);
	w->next += n;
	if (is_made)
		return;
	ratio_start(r, RATIO_LIMIT);
	for (unsigned i = 0; i < n; i++)
		if (!raw_dh_handshake(&w->raw))
			ratio_void(r, "OpenSSL failed");
	ratio_stop(r, RATIO_LIMIT, n);
}

// Milliseconds of one thread, with others in between.
static void *handshake_open(const struct bench_row *row, struct ratio *r)
{
	r->clock = CLOCK_THREAD_CPUTIME_ID;
	return startup_open_row(row, r);
}

void startup_rows(struct bench *b)
{
	static const int groups[] = {2, 5, 14, 16};
	struct bench_row row = {.arg = {[ARG_GROUP] = DH_GROUP_14},
				.open = startup_open_row,
				.close = startup_close};

	row.unit = "hello";
	row.sides[0] = "IHello in, RHello out";
	row.sides[1] = "ipsec-mb alone, the same datagrams";
	row.batch = hello_batch;
	bench_add(b, &row, "startup/hello");

	row.unit = "handshake";
	row.sides[0] = "all threads' work";
	row.sides[1] = "two exponentiations alone";
	row.batch = handshake_batch;
	row.open = handshake_open;
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		row.arg[ARG_GROUP] = groups[i];
		bench_add(b, &row, "startup/handshake/group-%d", groups[i]);
	}
	row.arg[ARG_GROUP] = DH_GROUP_14;
	row.arg[ARG_MADE] = true;
	row.sides[0] = "all but the keyer's";
	row.sides[1] = NULL;
	bench_add(b, &row, "startup/handshake/made-keys");
}
