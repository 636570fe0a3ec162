// Two members that open to each other (RFC 7016 3.5.1.3): one session comes of it, whatever crosses
// whatever on the way.
#include <stdlib.h>

#include "dataplane/pages.h"
#include "tests/sim/glare_order.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define PATIENCE_US 60000000
#define SETTLE_US   8000000 // longer than what is left of the glare may last

struct row {
	const char *name;
	uint32_t n_seeds;
	struct net_link line;
	uint32_t later_us; // the second begins up to so much after the first
};

static const struct row rows[] = {
	{"same instant", 50, {.delay_us = 10000}, 0},
	{"within a handshake", 400, {.delay_us = 10000, .jitter_us = 10000}, 80000},
	{"packets overtake", 300, {.delay_us = 1000, .jitter_us = 50000}, 120000},
	{"twice and late",
	 300,
	 {.delay_us = 10000,
	  .reorder_permille = 250,
	  .reorder_us = 50000,
	  .duplicate_permille = 250},
	 100000},
	{"10 % loss", 300, {.delay_us = 10000, .jitter_us = 10000, .loss_permille = 100}, 2000000},
};

static bool have_met(struct world *w)
{
	const struct ctl_session *a = world_session(w, 0, 1), *b = world_session(w, 1, 0);

	return a != NULL && b != NULL && a->is_alive && b->is_alive;
}

static void open_both(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	struct world *w = world_create(&(struct world_opts){
		.run = r, .n_members = 2, .keepalive_us = 300000, .up = row->line});

	world_open(w, 0, 1);
	if (row->later_us > 0)
		world_run_us(w, random_below(&w->random, row->later_us));
	world_open(w, 1, 0);
	world_run_until(w, have_met, PATIENCE_US);
	world_run_us(w, SETTLE_US);
	promise_one_session(w, 0, 1);
	promise_always(w);
	world_destroy(w);
}

static void two_openings_become_one_session(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "glare",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = rows[i].n_seeds,
					 .pool = *state,
					 .run = open_both};
		uint32_t n;
		void *none = sim_each_seed(&s, &n);

		print_message("%-24s %4u seeds\n", rows[i].name, n);
		sim_figures_free(&s, none, n);
	}
}

// ---- orders of events ----

static const struct order_row {
	const char *name;
	uint32_t n_seeds, n_soak;
} order_rows[] = {
	[GLARE_DIRECT] = {"any order, to addresses", 8000, 400000},
	[GLARE_INTRODUCED] = {"any order, introduced", 2000, 100000},
	[GLARE_DIRECT_WIDE] = {"8 s late, new ports", 8000, 400000},
	[GLARE_INTRODUCED_WIDE] = {"8 s late, introduced", 2000, 100000},
};

static void print_order(const struct order_row *row, const struct glare_figures *f, uint32_t n)
{
	uint64_t steps = 0, lost = 0, twice = 0, moved = 0, changes = 0, dropped = 0, yields = 0,
		 retries = 0;

	for (uint32_t i = 0; i < n; i++) {
		steps += f[i].n_steps;
		lost += f[i].n_lost;
		twice += f[i].n_twice;
		moved += f[i].n_moved;
		changes += f[i].n_cookie_changes > 0;
		retries += f[i].n_retries;
		dropped += f[i].n_dropped > 0;
		yields += f[i].n_yields > 0;
	}
	print_message("%-24s %5u seeds: %.1f steps a run, of these %.1f lost, %.1f twice, %.1f new "
		      "ports; runs with a cookie change %.1f %%, IIKeyings dropped in glare %.1f "
		      "%%, yielded to %.1f %%, begun again %.2f %%\n",
		      row->name, n, (double)steps / n, (double)lost / n, (double)twice / n,
		      (double)moved / n, 100.0 * (double)changes / n, 100.0 * (double)dropped / n,
		      100.0 * (double)yields / n, 100.0 * (double)retries / n);
	if (n < 100) // a few seeds need not show everything
		return;
	assert_row(changes > 0 && dropped > 0 && yields > 0, row->name);
	assert_row(lost > n / 2 && twice > n / 2 && moved > 0, row->name);
}

static void orders(const struct sim_pool *pool, uint32_t row)
{
	struct sim_scenario s = {.test = "glare",
				 .scenario = order_rows[row].name,
				 .row = row,
				 .n_seeds = order_rows[row].n_seeds,
				 .n_soak = order_rows[row].n_soak,
				 .pool = pool,
				 .run = glare_order,
				 .figures_len = sizeof(struct glare_figures)};
	uint32_t n;
	struct glare_figures *f = sim_each_seed(&s, &n);

	print_order(&order_rows[row], f, n);
	sim_figures_free(&s, f, n);
}

static void any_order_leaves_one_session(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(order_rows); i++)
		if (sim_wants(i))
			orders(*state, i);
}

// Seeds that once broke a promise.
static const struct mended {
	void (*run)(const struct sim_run *);
	uint32_t row;
	uint64_t seed;
	const char *what;
} mended[] = {
	// Its IIKeying was in the air when the answer to the other's proved itself; 5 s later it
	// was taken for a new life, and the session of both was overridden at one end alone.
	{open_both, 4, 151, "an opening goes on beside a session"},
	// Orders that left the two without a session in common. In the first an opening was
	// answered when it had just been given up as needless; in others each end gave in to the
	// other, 5 s after its own IIKeying.
	{glare_order, GLARE_DIRECT, 162, "no session in common"},
	{glare_order, GLARE_DIRECT, 5329, "no session in common"},
	{glare_order, GLARE_DIRECT, 5793, "no session in common"},
	{glare_order, GLARE_DIRECT, 7467, "no session in common"},
	{glare_order, GLARE_DIRECT, 8593, "no session in common"},
	{glare_order, GLARE_INTRODUCED, 3065, "no session in common"},
	{glare_order, GLARE_INTRODUCED, 3633, "no session in common"},
	{glare_order, GLARE_INTRODUCED, 4775, "no session in common"},
	// Where a port changed, glare went by unseen: 135 of 8 000 such orders left two sessions.
	{glare_order, GLARE_DIRECT_WIDE, 74, "two sessions"},
	{glare_order, GLARE_DIRECT_WIDE, 653, "two sessions, one of them unproven"},
	{glare_order, GLARE_DIRECT_WIDE, 805, "two sessions, one of them dead"},
	{glare_order, GLARE_INTRODUCED_WIDE, 34, "two sessions"},
	{glare_order, GLARE_INTRODUCED_WIDE, 713, "two sessions, one of them dead"},
	// Keyings from before a session ended it: of an end that had given in, and of one that had
	// lost, with a cookie that was no whole second older.
	{glare_order, GLARE_DIRECT_WIDE, 13595, "no session in common"},
	{glare_order, GLARE_INTRODUCED_WIDE, 20221, "no session in common"},
	// A session that the other end had overridden was asked whether it lives; a packet that had
	// left before answered.
	{glare_order, GLARE_DIRECT_WIDE, 5041179, "two sessions, one of them dead"},
};

static void what_was_mended_stays_so(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(mended); i++) {
		struct sim_scenario s = {.test = "glare",
					 .scenario = mended[i].what,
					 .row = mended[i].row,
					 .first_seed = mended[i].seed,
					 .n_seeds = 1,
					 .pool = *state,
					 .run = mended[i].run,
					 .figures_len = sizeof(struct glare_figures)};
		uint32_t n;
		void *figures = sim_each_seed(&s, &n);

		sim_figures_free(&s, figures, n);
	}
}

// The next world starts from nothing, whoever lends the pages (page_arena.c).
static void pages_come_back_zeroed(void **state)
{
	size_t len = 5 * 4096 + 1;

	for (unsigned i = 0; i < 3; i++) {
		uint8_t *a = pages_take(len), *b = pages_take(len);

		assert_non_null(a);
		assert_non_null(b);
		for (size_t k = 0; k < len; k++) {
			assert_int_equal(a[k] | b[k], 0);
			a[k] = 1;
		}
		assert_int_equal(b[0] | b[len - 1], 0); // they do not overlap
		b[len - 1] = 1;
		pages_give(a, len);
		pages_give(b, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(two_openings_become_one_session),
					   cmocka_unit_test(any_order_leaves_one_session),
					   cmocka_unit_test(what_was_mended_stays_so),
					   cmocka_unit_test(pages_come_back_zeroed)};

	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
