// perf/ratio.h with times that the test makes up.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "perf/ratio.h"

static int made(void **state)
{
	static struct ratio r;

	assert_int_equal(ratio_init(&r, false), 0);
	*state = &r;
	return 0;
}

static int undone(void **state)
{
	ratio_fini(*state);
	return 0;
}

static void batch(struct ratio *r, double ours_ns, double limit_ns, uint64_t units)
{
	ratio_add(r, RATIO_OURS, ours_ns, units);
	ratio_add(r, RATIO_LIMIT, limit_ns, units);
	ratio_batch_end(r, 2);
}

static void the_median_is_of_ratios_not_a_ratio_of_sums(void **state)
{
	struct ratio *r = *state;

	// One batch in bad weather: both sides took a hundred times as long.
	batch(r, 200, 100, 1);
	batch(r, 200, 80, 1);
	batch(r, 20000, 12000, 1);
	assert_true(fabs(ratio_to(r, RATIO_LIMIT).median - 0.5) < 1e-9);
	assert_true(fabs(ratio_to(r, RATIO_LIMIT).p10 - 0.4) < 1e-9);
	assert_true(fabs(ratio_to(r, RATIO_LIMIT).p90 - 0.6) < 1e-9);
	assert_true(fabs(ratio_ns(r, RATIO_OURS).median - 200) < 1e-9);
}

static void percentiles_are_nearest_ranks(void **state)
{
	struct ratio *r = *state;

	for (int i = 100; i >= 1; i--)
		batch(r, 1, i, 1);
	assert_true(fabs(ratio_to(r, RATIO_LIMIT).p10 - 10) < 1e-9);
	assert_true(fabs(ratio_to(r, RATIO_LIMIT).median - 50) < 1e-9);
	assert_true(fabs(ratio_to(r, RATIO_LIMIT).p90 - 90) < 1e-9);
}

static void times_within_a_batch_add_up(void **state)
{
	struct ratio *r = *state;

	ratio_add(r, RATIO_OURS, 100, 4);
	ratio_add(r, RATIO_OURS, 300, 4); // 400 for 8: 50 each
	ratio_add(r, RATIO_LIMIT, 200, 8);
	ratio_batch_end(r, 2);
	assert_true(fabs(ratio_ns(r, RATIO_OURS).median - 50) < 1e-9);
	assert_true(fabs(ratio_to(r, RATIO_LIMIT).median - 0.5) < 1e-9);
	batch(r, 10, 10, 1); // nothing is left of the first
	assert_true(fabs(ratio_ns(r, RATIO_OURS).p10 - 10) < 1e-9);
}

static void the_clock_brackets_what_it_times(void **state)
{
	struct ratio *r = *state;

	ratio_start(r, RATIO_OURS);
	for (uint64_t start = ratio_clock_ns(); ratio_clock_ns() - start < 100000;)
		;
	ratio_stop(r, RATIO_OURS, 1);
	ratio_batch_end(r, 1);
	assert_true(ratio_ns(r, RATIO_OURS).median >= 100000);
}

static void a_side_that_did_nothing_voids_the_row(void **state)
{
	struct ratio *r = *state;

	ratio_add(r, RATIO_OURS, 100, 1);
	ratio_batch_end(r, 2);
	assert_int_equal(r->state, RATIO_VOID);
	assert_string_equal(r->why, "side 1 of batch 0 did nothing");
	assert_int_equal(r->n_batches, 0);
}

static void the_first_reason_stays(void **state)
{
	struct ratio *r = *state;

	ratio_void(r, "%d drops", 3);
	ratio_void(r, "another");
	ratio_skip(r, "and a third");
	assert_int_equal(r->state, RATIO_VOID);
	assert_string_equal(r->why, "3 drops");
	batch(r, 1, 1, 1);
	assert_int_equal(r->n_batches, 0);
}

static void batches_beyond_the_room_are_left_out(void **state)
{
	struct ratio *r = *state;

	for (unsigned i = 0; i < RATIO_BATCHES_MAX + 10; i++)
		batch(r, 1, i < RATIO_BATCHES_MAX ? 1 : 1000, 1);
	assert_int_equal(r->n_batches, RATIO_BATCHES_MAX);
	assert_true(fabs(ratio_to(r, RATIO_LIMIT).p90 - 1) < 1e-9);
}

static void figures_are_replaced_by_name_and_bounded(void **state)
{
	struct ratio *r = *state;
	char name[8];

	ratio_figure(r, "a", 1);
	ratio_figure(r, "b", 2);
	ratio_figure(r, "a", 3);
	assert_int_equal(r->n_figures, 2);
	assert_true(ratio_figure_find(r, "a")->value > 2.9);
	assert_null(ratio_figure_find(r, "c"));
	for (unsigned i = 2; i < RATIO_FIGURES_MAX; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		ratio_figure(r, name, 0);
	}
	assert_int_equal(r->state, RATIO_GOOD);
	ratio_figure(r, "one more", 0);
	assert_int_equal(r->state, RATIO_VOID);
}

static void without_batches_there_are_zeros(void **state)
{
	assert_true(ratio_to(*state, RATIO_LIMIT).median < 1e-9);
}

static void the_exponent_of_a_power_law(void **state)
{
	const double x[] = {1000, 10000, 100000}, y[] = {5000, 50000, 500000},
		     z[] = {1e6, 1e8, 1e10};

	assert_true(fabs(ratio_exponent(x, y, 3) - 1) < 1e-9);
	assert_true(fabs(ratio_exponent(x, z, 3) - 2) < 1e-9);
}

#define T(f) cmocka_unit_test_setup_teardown(f, made, undone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_median_is_of_ratios_not_a_ratio_of_sums),
		T(percentiles_are_nearest_ranks),
		T(times_within_a_batch_add_up),
		T(the_clock_brackets_what_it_times),
		T(a_side_that_did_nothing_voids_the_row),
		T(the_first_reason_stays),
		T(batches_beyond_the_room_are_left_out),
		T(figures_are_replaced_by_name_and_bounded),
		T(without_batches_there_are_zeros),
		T(the_exponent_of_a_power_law),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
