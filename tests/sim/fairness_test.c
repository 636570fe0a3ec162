// RTMFP and TCP on one line (requirement 96): in the long run nobody has less than half or more
// than twice of what is fair.
#include <math.h>

#include "tests/sim/traffic.h"
#include "tests/support/test.h"

#define RATE_BPS      4000000
#define DELAY_US      30000
#define QUEUE_BYTES   36000 // 1.2 times rate and round trip
#define WARM_US       10000000
#define RUN_US        40000000
#define MESSAGE_BYTES 8192
#define SHARERS_MAX   4

struct row {
	const char *name;
	uint32_t n_sessions, n_flows, n_tcps; // flows: of each session
	uint32_t n_seeds;
};

static const struct row rows[] = {
	{"a session and a TCP", 1, 1, 1, 200},
	{"a session of two flows and a TCP", 1, 2, 1, 200},
	{"two sessions and a TCP", 2, 1, 1, 200},
	{"a session and two TCPs", 1, 1, 2, 200},
};

struct figures {
	double shares[SHARERS_MAX]; // of what is fair: sessions, then TCPs
	double used;                // of the line
};

// Sessions have a far end each: a session is what congestion control is about.
static void begin(struct traffic *t, const struct row *row)
{
	struct net_link up = {
		.delay_us = DELAY_US, .rate_bps = RATE_BPS, .queue_bytes = QUEUE_BYTES};
	struct net_link down = {.delay_us = DELAY_US, .keeps_order = true}, none = {0};
	uint32_t a;

	up.keeps_order = true;
	up.jitter_us = 1000; // else who comes first at the queue always does
	a = traffic_end(t, &up, &down);
	for (uint32_t i = 0; i < row->n_sessions; i++) {
		uint32_t s = traffic_connect(t, a, traffic_end(t, &none, &none));

		for (uint32_t k = 0; k < row->n_flows; k++)
			traffic_flow(t, &(struct traffic_flow_opts){.session = s,
								    .message_bytes = MESSAGE_BYTES,
								    .is_bulk = true});
	}
	for (uint32_t i = 0; i < row->n_tcps; i++)
		traffic_tcp(t, a, 1);
}

static void count(const struct traffic *t, const struct row *row, double *octets)
{
	memset(octets, 0, SHARERS_MAX * sizeof(*octets));
	for (uint32_t i = 0; i < t->n_flows; i++)
		octets[t->flows[i].opts.session] +=
			(double)(t->flows[i].n_delivered * MESSAGE_BYTES);
	for (uint32_t i = 0; i < t->n_tcps; i++)
		octets[row->n_sessions + i] = (double)tcp_delivered(&t->tcps[i]);
}

static void share(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	struct traffic *t = traffic_create(r);
	uint32_t n = row->n_sessions + row->n_tcps;
	struct figures *out = r->figures;
	double before[SHARERS_MAX], after[SHARERS_MAX], all = 0;

	begin(t, row);
	traffic_run_us(t, WARM_US);
	count(t, row, before);
	traffic_run_us(t, RUN_US);
	count(t, row, after);
	for (uint32_t i = 0; i < n; i++)
		all += after[i] - before[i];
	for (uint32_t i = 0; i < n; i++) {
		out->shares[i] = (after[i] - before[i]) / (all / n);
		if (out->shares[i] < 0.5 || out->shares[i] > 2)
			sim_fail(r, "%s %u has %.2f of what is fair",
				 i < row->n_sessions ? "session" : "TCP", i, out->shares[i]);
	}
	out->used = all * 8 / (RUN_US / 1e6) / RATE_BPS;
	traffic_destroy(t);
}

static void print_shares(const char *who, const struct figures *f, uint32_t n, uint32_t from,
			 uint32_t to)
{
	double sum = 0, low = INFINITY, high = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = from; k < to; k++) {
			sum += f[i].shares[k];
			low = fmin(low, f[i].shares[k]);
			high = fmax(high, f[i].shares[k]);
		}
	print_message("  each %s: %.2f of what is fair (%.2f to %.2f)\n", who,
		      sum / n / (to - from), low, high);
}

static void nobody_starves_and_nobody_takes_all(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		struct sim_scenario s = {.test = "fairness",
					 .scenario = row->name,
					 .row = i,
					 .n_seeds = row->n_seeds,
					 .keys = SIM_KEYS_TEST,
					 .run = share,
					 .figures_len = sizeof(struct figures)};
		double used = 0;
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		for (uint32_t k = 0; k < n; k++)
			used += f[k].used;
		print_message("%s, %u seeds: %.1f %% of the line is used\n", row->name, n,
			      100 * used / n);
		print_shares("session", f, n, 0, row->n_sessions);
		print_shares("TCP", f, n, row->n_sessions, row->n_sessions + row->n_tcps);
		assert_true(used / n > 0.85);
		sim_figures_free(&s, f, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_starves_and_nobody_takes_all)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
