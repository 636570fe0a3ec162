// A member opens a session to an introducer over a bad line.
#include <math.h>
#include <stdlib.h>

#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define GIVE_UP_US 95000000

struct row {
	const char *name;
	uint32_t n_seeds;
	struct net_link line; // both ways
	// Of all runs, in permille, at least this many open so soon.
	uint32_t in_30_s, in_95_s;
	// How many attempts in a thousand go lost, there or back, if each does for itself; else 0.
	uint32_t attempt_lost;
};

static const struct row rows[] = {
	{"no loss", 20, {.delay_us = 20000}, 1000, 1000, 0},
	{"30 % loss", 300, {.delay_us = 20000, .loss_permille = 300}, 945, 985, 510},
	{"30 % loss, bursts of 3",
	 300,
	 {.delay_us = 20000, .loss_permille = 300, .burst = 3},
	 890,
	 960,
	 0},
	{"50 % loss", 300, {.delay_us = 20000, .loss_permille = 500}, 600, 850, 750},
	{"30 % corrupted", 300, {.delay_us = 20000, .corrupt_permille = 300}, 945, 985, 510},
	{"round trip of 3 s", 20, {.delay_us = 1500000}, 1000, 1000, 0},
};

// ---- what the schedule allows ----

// Of a thousand openings, how many are done in time when IHello and IIKeying are each sent at 0, 1,
// 3.5, 7.5 ... s (RFC 7016 3.5.1.1.1) until an attempt and its answer both come through.
static double model_permille(double lost, double limit_s)
{
	double all = 0, hello_s = 0, p_hello = 1 - lost;

	for (unsigned i = 0; hello_s <= limit_s; i++) {
		double keying_s = hello_s, p_none = 1;

		for (unsigned k = 0; keying_s <= limit_s; k++) {
			p_none *= lost;
			keying_s += 1.0 + 1.5 * k;
		}
		all += p_hello * (1 - p_none);
		p_hello *= lost;
		hello_s += 1.0 + 1.5 * i;
	}
	return 1000 * all;
}

// Within a point of the model, and what so few seeds may differ by chance.
static void assert_model(const struct row *row, uint32_t in, uint32_t n, double limit_s)
{
	double model = model_permille(row->attempt_lost / 1000.0, limit_s);
	double slack = 10 + 3.5 * sqrt(model * (1000 - model) / n);

	if (fabs(in - model) > slack)
		fail_msg("%s: %u permille in %.0f s, the model says %.0f", row->name, in, limit_s,
			 model);
}

// ---- the runs ----

static bool has_opened(struct world *w)
{
	return w->members[1].opened_us != 0 || w->members[1].n_failures > 0;
}

static void open_one(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	struct world *w = world_create(&(struct world_opts){
		.run = r, .has_super = true, .n_members = 1, .up = row->line, .down = row->line});
	uint64_t *took_us = r->figures, start_us = w->now_us;

	world_connect(w, 1);
	world_run_until(w, has_opened, GIVE_UP_US);
	*took_us = w->members[1].opened_us != 0 ? w->members[1].opened_us - start_us : UINT64_MAX;
	promise_always(w);
	world_destroy(w);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t permille_within(const uint64_t *took_us, uint32_t n, uint64_t limit_us)
{
	uint32_t in = 0;

	for (uint32_t i = 0; i < n; i++)
		in += took_us[i] <= limit_us;
	return in * 1000 / n;
}

static void print_row(const struct row *row, uint64_t *took_us, uint32_t n)
{
	qsort(took_us, n, sizeof(*took_us), by_value);
	print_message("%-24s %4u seeds: ", row->name, n);
	for (uint32_t p = 50; p <= 95; p += 45) {
		uint64_t us = took_us[(uint64_t)n * p / 100];

		if (us == UINT64_MAX)
			print_message("p%u never, ", p);
		else
			print_message("p%u %.2f s, ", p, (double)us / 1e6);
	}
	print_message("%.1f %% in 30 s, %.1f %% in 95 s",
		      permille_within(took_us, n, 30000000) / 10.0,
		      permille_within(took_us, n, GIVE_UP_US) / 10.0);
	if (row->attempt_lost > 0)
		print_message(" (model: %.1f, %.1f)",
			      model_permille(row->attempt_lost / 1000.0, 30) / 10,
			      model_permille(row->attempt_lost / 1000.0, 95) / 10);
	print_message("\n");
}

static void check_row(const struct row *row, const uint64_t *took_us, uint32_t n)
{
	uint32_t in_30_s = permille_within(took_us, n, 30000000);
	uint32_t in_95_s = permille_within(took_us, n, GIVE_UP_US);

	assert_row(in_30_s >= row->in_30_s, row->name);
	assert_row(in_95_s >= row->in_95_s, row->name);
	if (row->attempt_lost == 0)
		return;
	assert_model(row, in_30_s, n, 30);
	assert_model(row, in_95_s, n, 95);
}

static void sessions_open_over_bad_lines(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "handshake",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = rows[i].n_seeds,
					 .pool = *state,
					 .run = open_one,
					 .figures_len = sizeof(uint64_t)};
		uint32_t n;
		uint64_t *took_us = sim_each_seed(&s, &n);

		print_row(&rows[i], took_us, n);
		if (n >= rows[i].n_seeds) // one seed alone is no distribution
			check_row(&rows[i], took_us, n);
		sim_figures_free(&s, took_us, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sessions_open_over_bad_lines)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
