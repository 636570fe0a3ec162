/*
 * members/: what a super-peer's members cost it, and what they wait for: joining a group, being
 * introduced, the first fragment of a stream.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/heap.h"
#include "perf/members.h"
#include "perf/rows.h"
#include "perf/strangers.h"

#define PATIENCE_US   20000000
#define JOINS         96 // one after the other
#define FIRST_ONES    10
#define JOIN_EVERY_US 20000
#define SETTLE_US     3000000
#define JOINS_SHORT   4
#define TARGETS       32 // registered, to be asked for
#define BURST         64
#define ASKERS        16384

// ---- joining ----

static void *once_open(const struct bench_row *row, struct ratio *r)
{
	return r;
}

static void once_close(void *world, struct ratio *r)
{
}

static bool join_one(struct members *m, struct ratio *r)
{
	struct member *one = members_add(m);

	if (one == NULL)
		ratio_void(r, "no memory");
	else if (!members_run(m, member_is_neighbour, one, PATIENCE_US))
		ratio_void(r, "member %u has no neighbour", m->n);
	return one != NULL && r->state == RATIO_GOOD;
}

// Each of those who are there already costs something too, so the last quarter is told apart.
static void join_batch(void *world, struct ratio *r)
{
	struct members *m = members_create(1000, 2 * JOINS + 336);
	uint32_t n = r->is_short ? JOINS_SHORT : JOINS;
	uint64_t start_ns = 0, last_ns = 0;

	if (m == NULL)
		ratio_void(r, "no memory");
	for (uint32_t i = 0; m != NULL && i < n && join_one(m, r); i++) {
		if (i == n * 3 / 4)
			last_ns = m->super_ns;
	}
	if (r->state == RATIO_GOOD) {
		double us = (double)(m->super_ns - start_ns) / n / 1000,
		       us_last = (double)(m->super_ns - last_ns) / (n - n * 3 / 4 - 1) / 1000;

		ratio_figure(r, "group joins/s", 1e6 / us);
		ratio_figure(r, "us per join", us);
		ratio_figure(r, "us of the last quarter's", us_last);
		ratio_figure(r, "members", n);
	}
	members_destroy(m);
}

// ---- memory ----

static bool all_are_neighbours(struct member *any)
{
	const struct members *m = any->all;

	for (uint32_t i = 0; i < m->n; i++)
		if (!member_is_neighbour(m->list[i]))
			return false;
	return true;
}

// All that control takes of the heap for a member of its group: sessions to both endpoints, the
// connection, member, neighbour, group channel. What came and went is not in it.
static double bytes_per_neighbour(uint32_t n, struct ratio *r)
{
	struct members *m = members_create(1000, 3 * n + 64);
	struct member *one = NULL;
	double bytes = 0;

	if (m == NULL) {
		ratio_void(r, "no memory");
		return 0;
	}
	m->is_apart = true;
	for (uint32_t i = 0; i < n; i++) {
		if (i == FIRST_ONES) // what the first ones bring along is the group's
			m->super_bytes = 0;
		one = members_add(m);
		if (one == NULL)
			break;
		members_run(m, i < FIRST_ONES ? member_is_neighbour : NULL, one,
			    i < FIRST_ONES ? PATIENCE_US : JOIN_EVERY_US);
	}
	if (one == NULL || !members_run(m, all_are_neighbours, one, 4 * PATIENCE_US))
		ratio_void(r, "not all of %u have joined", n);
	members_run(m, NULL, NULL, SETTLE_US);
	bytes = (double)m->super_bytes / (n - FIRST_ONES);
	members_destroy(m);
	return bytes;
}

static void memory_batch(void *world, struct ratio *r)
{
	static const uint32_t sizes[] = {40, 120, 360};
	unsigned n_sizes = r->is_short ? 1 : 3;
	double x[3], y[3];
	char name[48];

	if (!heap_is_counted()) {
		ratio_skip(r, "only jemalloc counts what a thread has taken");
		return;
	}
	for (unsigned i = 0; i < n_sizes && r->state == RATIO_GOOD; i++) {
		uint32_t n = r->is_short ? 2 * FIRST_ONES : sizes[i];

		x[i] = n - FIRST_ONES;
		y[i] = bytes_per_neighbour(n, r) * x[i];
		snprintf(name, sizeof(name), "octets of control each of %u", n);
		ratio_figure(r, name, y[i] / x[i]);
	}
	if (n_sizes > 1 && r->state == RATIO_GOOD)
		ratio_figure(r, "exponent of memory", ratio_exponent(x, y, n_sizes));
}

// ---- introductions ----

struct asking {
	struct members *m;
	struct strangers strangers;
	uint32_t next;
	uint64_t redirects;
};

static void to_strangers(void *ctx, struct perf_host *h, const struct wire_addr *dst,
			 uint8_t src_endpoint, uint8_t *data, uint16_t len)
{
	struct asking *w = ctx;

	w->redirects++; // read outside
	(void)h;
}

static void *intro_open(const struct bench_row *row, struct ratio *r)
{
	struct asking *w = calloc(1, sizeof(*w));
	unsigned n = r->is_short ? 2 : TARGETS;

	if (w == NULL)
		return NULL;
	r->clock = CLOCK_THREAD_CPUTIME_ID;
	w->m = members_create(1000, 4 * TARGETS);
	if (w->m == NULL || !strangers_init(&w->strangers, w->m->crypto, &w->m->random, ASKERS,
					    DH_GROUP_14, &w->m->identity.server)) {
		ratio_void(r, "no memory");
		return w;
	}
	for (unsigned i = 0; i < n && r->state == RATIO_GOOD; i++)
		join_one(w->m, r);
	w->m->stray = to_strangers;
	w->m->stray_ctx = w;
	return w;
}

static void intro_close(void *world, struct ratio *r)
{
	struct asking *w = world;

	if (r->n_batches > 0)
		ratio_figure(r, "introductions/s", 1e9 / ratio_ns(r, RATIO_OURS).median);
	strangers_fini(&w->strangers);
	members_destroy(w->m);
	free(w);
}

// An asker is told where the peer is, and the peer that somebody asks.
static void intro_batch(void *world, struct ratio *r)
{
	static uint8_t in[BURST][STRANGER_LEN];
	struct asking *w = world;
	struct members *m = w->m;
	struct pkt pkts[BURST];
	uint64_t before = m->super_ns;

	// Each target is asked 100 times a second at most.
	members_run(m, NULL, NULL, 1000000 / 90 * BURST / m->n + 1000);
	w->redirects = 0;
	for (unsigned i = 0; i < BURST; i++, w->next++) {
		const struct member *target = m->list[w->next % m->n];
		struct wire_addr from = stranger_addr(w->next % ASKERS * 256);

		pkts[i] =
			perf_host_pkt(in[i],
				      stranger_asks_for(&w->strangers, w->next % ASKERS,
							target->identity.member.fingerprint, in[i]),
				      &from, HOST_SERVER);
	}
	before = m->super_ns;
	members_to_super(m, pkts, BURST);
	ratio_add(r, RATIO_OURS, (double)(m->super_ns - before), BURST);
	if (w->redirects != BURST)
		ratio_void(r, "%u asked, %u were answered", BURST, (unsigned)w->redirects);
}

// ---- the first fragment ----

// Virtual time: what protocol and lines take, while processors take none.
static void first_batch(void *world, struct ratio *r)
{
	static const uint64_t delays_us[] = {0, 20000, 100000};

	for (unsigned i = 0; i < sizeof(delays_us) / sizeof(delays_us[0]); i++) {
		struct members *m = members_create(delays_us[i] > 0 ? delays_us[i] / 2 : 1, 64);
		struct member *source = m != NULL ? members_add(m) : NULL, *one = NULL;
		uint64_t start_us;
		char name[48];

		if (source == NULL || !members_run(m, member_is_neighbour, source, PATIENCE_US) ||
		    !member_publish(source))
			ratio_void(r, "no publisher");
		if (r->state == RATIO_GOOD) {
			members_run(m, NULL, NULL, 5000000);
			start_us = m->now_us;
			one = members_add(m);
			if (one == NULL || !member_play(one) ||
			    !members_run(m, member_has_fragment, one, PATIENCE_US))
				ratio_void(r, "no fragment came");
			snprintf(name, sizeof(name), "ms to the first fragment, RTT %u",
				 (unsigned)(delays_us[i] / 1000));
			ratio_figure(r, name, (double)(m->now_us - start_us) / 1000);
			if (!members_run(m, member_has_message, one, PATIENCE_US))
				ratio_void(r, "no message came");
			snprintf(name, sizeof(name), "to the first message");
			if (delays_us[i] == 20000)
				ratio_figure(r, "ms to the first message, RTT 20",
					     (double)(m->now_us - start_us) / 1000);
		}
		members_destroy(m);
		if (r->is_short || r->state != RATIO_GOOD)
			return;
	}
}

void member_rows(struct bench *b)
{
	struct bench_row row = {
		.unit = "join", .open = once_open, .batch = join_batch, .close = once_close};

	bench_add(b, &row, "members/joins");
	row.unit = "neighbour";
	row.batch = memory_batch;
	bench_add(b, &row, "memory/control-per-neighbour");
	row.unit = "stream";
	row.batch = first_batch;
	bench_add(b, &row, "members/first-fragment");
	row.unit = "introduction";
	row.sides[0] = "Redirect and Forwarded IHello";
	row.open = intro_open;
	row.batch = intro_batch;
	row.close = intro_close;
	bench_add(b, &row, "members/introductions");
}
