// One session that always has more to send, over 10 Mbit/s and 15 ms: how much of the line it uses,
// and with loss how much of what congestion control allows (RFC 7016 §3.5.2, Appendix A).
#include <math.h>

#include "dataplane/core/cc.h"
#include "tests/sim/traffic.h"
#include "tests/support/test.h"

#define RATE_BPS      10000000
#define DELAY_US      15000
#define QUEUE_BYTES   45000 // 1.2 times rate and round trip
#define RUN_US        10000000
#define MESSAGE_BYTES 16384
#define BURST_MAX     6    // §3.5.2.3
#define UDP_BYTES     1472 // of 1500 on the line, once path MTU discovery has found them
#define BODY_BYTES    1400 // of those, about: user data

struct row {
	const char *name;
	uint32_t loss_permille; // of what the sender sends; acks are lost as often
	double line_min;        // of what UDP could carry, each seed
	double model_min;       // of the model, mean of all seeds
};

static const struct row rows[] = {
	{"no loss", 0, 0.95, 0},
	{"2 % loss", 20, 0, 0.8},
	{"10 % loss", 100, 0, 0.6},
};

struct figures {
	double goodput_bps;
	uint64_t n_lost, n_resent, n_timeouts;
	uint32_t n_burst_max;
};

// Additive increase by `grow` octets per round trip, and on loss to the part `keep`: windows rise
// from keep * W to W while 1 / p packets are sent. So W^2 = 2 * grow * packet / (p * (1 - keep^2)),
// and the mean is in the middle. Never below the initial window.
static double model_bps(double p, double grow, double keep)
{
	double top = sqrt(2 * grow * BODY_BYTES / (p * (1 - keep * keep)));
	double mean = fmax(top * (1 + keep) / 2, CWND_INIT_BYTES);

	return mean * 8 / (2.0 * DELAY_US / 1e6) * (1 - p);
}

static void bulk(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	struct traffic *t = traffic_create(r);
	struct net_link up = {.delay_us = DELAY_US,
			      .rate_bps = RATE_BPS,
			      .queue_bytes = QUEUE_BYTES,
			      .keeps_order = true,
			      .loss_permille = row->loss_permille};
	struct net_link down = {
		.delay_us = DELAY_US, .keeps_order = true, .loss_permille = row->loss_permille};
	struct net_link none = {0};
	uint32_t a = traffic_end(t, &up, &down), b = traffic_end(t, &none, &none);
	uint32_t s = traffic_connect(t, a, b);
	struct traffic_flow *f = traffic_flow(
		t, &(struct traffic_flow_opts){
			   .session = s, .message_bytes = MESSAGE_BYTES, .is_bulk = true});
	const struct worker_stats *stats = engine_stats(t->ends[a].engine);
	struct figures *out = r->figures;

	traffic_run_us(t, RUN_US);
	out->goodput_bps = (double)f->n_delivered * MESSAGE_BYTES * 8 / (RUN_US / 1e6);
	out->n_lost = stats->fragments_lost;
	out->n_resent = stats->fragments_resent;
	out->n_timeouts = stats->timeouts;
	out->n_burst_max = t->ends[a].n_burst_max;
	if (out->n_burst_max > BURST_MAX)
		sim_fail(r, "%u packets of data between two acks", out->n_burst_max);
	traffic_destroy(t);
}

static int by_size(const void *a, const void *b)
{
	const struct figures *x = a, *y = b;

	return (x->goodput_bps > y->goodput_bps) - (x->goodput_bps < y->goodput_bps);
}

static void hold(const struct row *row, struct figures *f, uint32_t n)
{
	double p = row->loss_permille / 1e3, sum = 0, lost = 0, timeouts = 0;
	double line = (double)RATE_BPS * UDP_BYTES / 1500;

	for (uint32_t i = 0; i < n; i++) {
		sum += f[i].goodput_bps;
		lost += (double)f[i].n_lost;
		timeouts += (double)f[i].n_timeouts;
	}
	qsort(f, n, sizeof(*f), by_size);
	print_message("%-10s %u seeds: %.2f Mbit/s (%.2f to %.2f, median %.2f), %.1f %% of the "
		      "line; %.0f lost and %.1f timeouts a run\n",
		      row->name, n, sum / n / 1e6, f[0].goodput_bps / 1e6,
		      f[n - 1].goodput_bps / 1e6, f[n / 2].goodput_bps / 1e6, 100 * sum / n / line,
		      lost / n, timeouts / n);
	assert_true(f[0].goodput_bps >= row->line_min * line);
	if (p == 0)
		return;
	print_message("           Appendix A allows about %.2f Mbit/s, RFC 5681 %.2f\n",
		      model_bps(p, 768, 0.5) / 1e6, model_bps(p, CC_SMSS, 0.5) / 1e6);
	assert_true(sum / n >= row->model_min * model_bps(p, 768, 0.5));
	assert_true(sum / n <= 1.2 * model_bps(p, CC_SMSS, 0.5));
}

static void the_line_is_used(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "bulk",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = 200,
					 .keys = SIM_KEYS_TEST,
					 .run = bulk,
					 .figures_len = sizeof(struct figures)};
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		hold(&rows[i], f, n);
		sim_figures_free(&s, f, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_line_is_used)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
