// A member opens a session to an introducer over a bad line.
#include <math.h>
#include <stdlib.h>

#include "tests/sim/handshake_model.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define SOON_US    30000000
#define GIVE_UP_US 95000000
#define DELAY_US   20000

struct row {
	const char *name;
	uint32_t n_seeds;
	struct net_link line; // both ways
	// Of all runs, in permille, at least this many shall open so soon: the floor under the
	// model, which alone would follow a schedule that gets worse.
	uint32_t in_30_s, in_95_s;
	uint32_t lost; // in a thousand packets, each way
};

static const struct row rows[] = {
	{"no loss", 200, {.delay_us = DELAY_US}, 1000, 1000, 0},
	{"30 % loss", 2000, {.delay_us = DELAY_US, .loss_permille = 300}, 970, 995, 300},
	{"30 % loss, bursts of 3",
	 2000,
	 {.delay_us = DELAY_US, .loss_permille = 300, .burst = 3},
	 960,
	 990,
	 300},
	{"50 % loss", 2000, {.delay_us = DELAY_US, .loss_permille = 500}, 840, 970, 500},
	{"50 % loss, bursts of 3",
	 2000,
	 {.delay_us = DELAY_US, .loss_permille = 500, .burst = 3},
	 750,
	 900,
	 500},
	{"30 % corrupted", 2000, {.delay_us = DELAY_US, .corrupt_permille = 300}, 970, 995, 300},
	{"round trip of 3 s", 200, {.delay_us = 1500000}, 1000, 1000, 0},
};

// ---- what the schedule allows ----

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double permille_within(const uint64_t *took_us, uint32_t n, uint64_t limit_us)
{
	uint32_t in = 0;

	for (uint32_t i = 0; i < n; i++)
		in += took_us[i] <= limit_us;
	return in * 1000.0 / n;
}

static double model_permille(const struct row *row, uint32_t limit_us)
{
	const struct handshake_model m = {.loss_permille = row->lost,
					  .burst = row->line.burst,
					  .round_trip_ms = 2 * DELAY_US / 1000};

	return handshake_model_permille(&m, limit_us / 1000);
}

// Within a point of the model, or within what so many seeds differ by chance: 3.5 standard deviations,
// which is 2.4 points at 2 000 seeds and 50 % loss in bursts.
static void assert_model(const struct row *row, const uint64_t *took_us, uint32_t n,
			 uint32_t limit_us)
{
	double model = model_permille(row, limit_us), in = permille_within(took_us, n, limit_us);
	double slack = fmax(10, 3.5 * sqrt(model * (1000 - model) / n));

	if (fabs(in - model) > slack)
		fail_msg("%s: %.1f permille in %u s, the model says %.1f", row->name, in,
			 limit_us / 1000000, model);
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

static void print_row(const struct row *row, const uint64_t *took_us, uint32_t n)
{
	print_message("%-24s %4u seeds: ", row->name, n);
	for (uint32_t p = 50; p <= 95; p += 45) {
		uint64_t us = took_us[(uint64_t)n * p / 100];

		if (us == UINT64_MAX)
			print_message("p%u never, ", p);
		else
			print_message("p%u %.2f s, ", p, (double)us / 1e6);
	}
	print_message("%.1f %% in 30 s, %.1f %% in 95 s", permille_within(took_us, n, SOON_US) / 10,
		      permille_within(took_us, n, GIVE_UP_US) / 10);
	if (row->lost > 0)
		print_message(" (model: %.1f, %.1f)", model_permille(row, SOON_US) / 10,
			      model_permille(row, GIVE_UP_US) / 10);
	print_message("\n");
}

static void check_row(const struct row *row, const uint64_t *took_us, uint32_t n)
{
	if (row->lost > 0) {
		assert_row(model_permille(row, SOON_US) >= row->in_30_s, row->name);
		assert_row(model_permille(row, GIVE_UP_US) >= row->in_95_s, row->name);
		assert_model(row, took_us, n, SOON_US);
		assert_model(row, took_us, n, GIVE_UP_US);
	} else {
		assert_row(permille_within(took_us, n, SOON_US) >= row->in_30_s, row->name);
		assert_row(permille_within(took_us, n, GIVE_UP_US) >= row->in_95_s, row->name);
	}
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

		qsort(took_us, n, sizeof(*took_us), by_value);
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
