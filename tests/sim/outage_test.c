// Lines that go dark, for seconds again and again or for a minute, and lines that take three
// seconds there and back: what was begun completes (requirements 54, 76, 131).
#include "tests/sim/traffic.h"
#include "tests/support/test.h"

#define SECOND 1000000u

struct row {
	const char *name;
	struct net_link line; // the far ends', both ways
	uint32_t every_us;
	uint64_t n_messages;
	uint32_t outage_s;   // nothing passes so long, from the fifth second on
	uint32_t late_max_s; // any message, after the outage
	double resent_max;   // per message, mean of all seeds
	bool closes;         // more than a session endures (120 s unacknowledged)
	uint32_t startup_rtt_us;
};

static const struct row rows[] = {
	{"dark 2 s of every 5",
	 {.delay_us = 15000, .dark_every_us = 5 * SECOND, .dark_us = 2 * SECOND, .jitter_us = 1000},
	 20000,
	 1000,
	 0,
	 5,
	 0.5,
	 false},
	{"an outage of 60 s",
	 {.delay_us = 15000, .jitter_us = 1000},
	 100000,
	 300,
	 60,
	 11,
	 0.5,
	 false},
	{"an outage of 140 s",
	 {.delay_us = 15000, .jitter_us = 1000},
	 100000,
	 300,
	 140,
	 11,
	 2,
	 true},
	{"round trip 3 s, known",
	 {.delay_us = 1500000, .jitter_us = 1000, .keeps_order = true},
	 50000,
	 400,
	 0,
	 12,
	 0.02,
	 false,
	 3000000},
	{"round trip 3 s, unknown",
	 {.delay_us = 1500000, .jitter_us = 1000, .keeps_order = true},
	 50000,
	 400,
	 0,
	 15,
	 0.1,
	 false,
	 0},
	{"round trip 3 s, 2 % loss",
	 {.delay_us = 1500000, .jitter_us = 1000, .keeps_order = true, .loss_permille = 20},
	 400000, // more would not fit through such a path
	 60,
	 0,
	 25,
	 0.2,
	 false,
	 3000000},
};

struct figures {
	uint64_t n_resent, n_messages, n_timeouts, took_us;
	uint32_t late_max_us, late_p50_us;
};

// Sessions that send toward the far end, from it, and to another one.
static uint32_t begin(struct traffic *t, const struct row *row)
{
	struct net_link own = {0};
	uint32_t a = traffic_end(t, &own, &own), b = traffic_end(t, &row->line, &row->line);
	uint32_t c = traffic_end(t, &row->line, &row->line);

	t->startup_rtt_us = row->startup_rtt_us;
	traffic_connect(t, a, b);
	traffic_connect(t, b, a);
	traffic_connect(t, a, c);
	for (uint32_t s = 0; s < t->n_sessions; s++)
		traffic_flow(t, &(struct traffic_flow_opts){.session = s,
							    .message_bytes = 500,
							    .every_us = row->every_us,
							    .n_messages = row->n_messages});
	return a;
}

static void set_loss(struct traffic *t, uint32_t from, uint32_t permille)
{
	for (uint32_t i = from; i < t->n_ends; i++) {
		net_up(t->net, t->ends[i].host)->loss_permille = permille;
		net_down(t->net, t->ends[i].host)->loss_permille = permille;
	}
}

static void take_figures(struct traffic *t, uint64_t began_us, struct figures *out)
{
	out->took_us = t->now_us - began_us;
	for (uint32_t i = 0; i < t->n_ends; i++) {
		const struct worker_stats *s = engine_stats(t->ends[i].engine);

		out->n_resent += s->fragments_resent;
		out->n_timeouts += s->timeouts;
	}
	for (uint32_t i = 0; i < t->n_flows; i++) {
		uint32_t late_us = traffic_late_us(&t->flows[i], 1);

		out->n_messages += t->flows[i].n_delivered;
		out->late_max_us = late_us > out->late_max_us ? late_us : out->late_max_us;
		out->late_p50_us = traffic_late_us(&t->flows[i], 0.5);
	}
}

static void outage(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	struct traffic *t = traffic_create(r);
	struct figures *out = r->figures;
	uint64_t began_us = t->now_us;
	uint32_t a = begin(t, row);

	if (row->outage_s > 0) {
		traffic_run_us(t, 5 * SECOND);
		set_loss(t, a + 1, 1000);
		traffic_run_us(t, row->outage_s * SECOND);
		set_loss(t, a + 1, 0);
	}
	if (row->closes) {
		if (t->ends[a].n_closed != 2)
			sim_fail(r, "%u of 2 sessions were closed", t->ends[a].n_closed);
		traffic_destroy(t);
		return;
	}
	for (uint32_t i = 0; i < t->n_flows; i++)
		traffic_run_flow(t, &t->flows[i], 300 * (uint64_t)SECOND);
	for (uint32_t i = 0; i < t->n_flows; i++)
		traffic_promise_whole(t, &t->flows[i]);
	take_figures(t, began_us, out);
	if (out->late_max_us > (row->outage_s + row->late_max_s) * SECOND)
		sim_fail(r, "a message was %.1f s late", out->late_max_us / 1e6);
	traffic_destroy(t);
}

static void hold(const struct row *row, const struct figures *f, uint32_t n)
{
	double resent = 0, timeouts = 0, p50 = 0, worst = 0;
	uint64_t messages = 0;

	for (uint32_t i = 0; i < n; i++) {
		resent += (double)f[i].n_resent;
		timeouts += (double)f[i].n_timeouts;
		p50 += f[i].late_p50_us / 1e6;
		messages += f[i].n_messages;
		worst = f[i].late_max_us > worst ? f[i].late_max_us : worst;
	}
	print_message("%-25s %u seeds: all of %llu messages, half within %.2f s, the last after "
		      "%.1f s; %.3f sent again per message, %.1f timeouts a run\n",
		      row->name, n, (unsigned long long)messages, p50 / n, worst / 1e6,
		      resent / (double)messages, timeouts / n);
	assert_true(resent / (double)messages <= row->resent_max);
}

static void what_was_begun_completes(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "outage",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = rows[i].closes ? 20 : 200,
					 .keys = SIM_KEYS_TEST,
					 .run = outage,
					 .figures_len = sizeof(struct figures)};
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		if (rows[i].closes)
			print_message("%-25s %u seeds: the sender closes\n", rows[i].name, n);
		else
			hold(&rows[i], f, n);
		sim_figures_free(&s, f, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_begun_completes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
