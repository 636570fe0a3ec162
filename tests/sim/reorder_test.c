// A path that brings a quarter of the packets 50 ms late and some twice: nothing is missing,
// nothing comes twice, and next to nothing is sent again, since nothing was lost (RFC 7016
// §3.6.2.5).
#include "dataplane/core/engine.h"
#include "tests/sim/traffic.h"
#include "tests/support/test.h"

#define SECOND 1000000

struct row {
	const char *name;
	struct net_link line; // the far end's, both ways
	uint32_t message_bytes, every_us;
	uint64_t n_messages;
	double needless_max; // of the messages, all seeds together
};

static const struct row rows[] = {
	{"1 Mbit/s, in order", {.delay_us = 15000}, 1000, 8000, 1000, 0},
	{"1 Mbit/s, 25 % late by 50 ms, 5 % twice",
	 {.delay_us = 15000,
	  .reorder_permille = 250,
	  .reorder_us = 50000,
	  .duplicate_permille = 50},
	 1000,
	 8000,
	 1250,
	 0.01},
	{"10 Mbit/s, 25 % late by 50 ms, 5 % twice",
	 {.delay_us = 15000,
	  .reorder_permille = 250,
	  .reorder_us = 50000,
	  .duplicate_permille = 50},
	 1000,
	 800,
	 6250,
	 0.01},
};

struct figures {
	uint64_t n_resent, n_lost, n_timeouts, took_us;
	uint32_t late_p50_us, late_p99_us;
};

static void reordered(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	struct traffic *t = traffic_create(r);
	struct net_link own = {0};
	uint32_t a = traffic_end(t, &own, &own), b = traffic_end(t, &row->line, &row->line);
	uint32_t s = traffic_connect(t, a, b);
	struct traffic_flow *f =
		traffic_flow(t, &(struct traffic_flow_opts){.session = s,
							    .message_bytes = row->message_bytes,
							    .every_us = row->every_us,
							    .n_messages = row->n_messages});
	const struct worker_stats *stats = engine_stats(t->ends[a].engine);
	struct figures *out = r->figures;
	uint64_t began_us = t->now_us;

	out->took_us = traffic_run_flow(t, f, 60 * SECOND) - began_us;
	traffic_promise_whole(t, f);
	out->n_resent = stats->fragments_resent;
	out->n_lost = stats->fragments_lost;
	out->n_timeouts = stats->timeouts;
	out->late_p50_us = traffic_late_us(f, 0.5);
	out->late_p99_us = traffic_late_us(f, 0.99);
	traffic_destroy(t);
}

static void hold(const struct row *row, const struct figures *f, uint32_t n)
{
	uint64_t resent = 0, lost = 0, timeouts = 0, worst = 0, took = 0, p99 = 0;
	double part;

	for (uint32_t i = 0; i < n; i++) {
		resent += f[i].n_resent;
		lost += f[i].n_lost;
		timeouts += f[i].n_timeouts;
		took += f[i].took_us;
		p99 += f[i].late_p99_us;
		worst = f[i].n_resent > worst ? f[i].n_resent : worst;
	}
	part = (double)resent / (double)(n * row->n_messages);
	print_message("%-42s %3u seeds: %.3f %% sent again without need (worst seed %.2f %%), "
		      "%.2f timeouts a run, %.2f s a run, p99 %.0f ms late\n",
		      row->name, n, 100 * part, 100.0 * (double)worst / (double)row->n_messages,
		      (double)timeouts / n, (double)took / n / 1e6, (double)p99 / n / 1e3);
	assert_true(part <= row->needless_max);
}

static void little_is_sent_again_without_need(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "reorder",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = 200,
					 .keys = SIM_KEYS_TEST,
					 .run = reordered,
					 .figures_len = sizeof(struct figures)};
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		hold(&rows[i], f, n);
		sim_figures_free(&s, f, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(little_is_sent_again_without_need)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
