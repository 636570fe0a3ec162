#include "dataplane/io/idle.h"

#include "tests/support/test.h"

#define NEVER UINT64_MAX

static void sleeps_double_up_to_the_longest(void **state)
{
	static const uint32_t expected[] = {50, 100, 200, 400, 800, 1000, 1000};
	struct idle i = {.sleep_min_us = 50, .sleep_max_us = 1000};

	for (size_t k = 0; k < ARRAY_LEN(expected); k++)
		assert_int_equal(idle_after_turn(&i, false, 1, NEVER), expected[k]);
	assert_int_equal(idle_after_turn(&i, true, 1, NEVER), 0);
	assert_int_equal(idle_after_turn(&i, false, 1, NEVER), 50); // from the start again
}

static void no_sleep_passes_a_deadline(void **state)
{
	static const struct {
		const char *name;
		uint64_t deadline_us;
		uint32_t sleep_us;
	} rows[] = {
		{"far", 20000, 1000}, {"near", 10300, 300},   {"too near to sleep", 10004, 0},
		{"now", 10000, 0},    {"in the past", 50, 0},
	};

	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct idle i = {.sleep_min_us = 1000, .sleep_max_us = 1000};

		assert_row(idle_after_turn(&i, false, 10000, rows[k].deadline_us) ==
				   rows[k].sleep_us,
			   rows[k].name);
	}
}

static void a_spinning_worker_never_sleeps(void **state)
{
	struct idle i = {.spins = true, .sleep_min_us = 50, .sleep_max_us = 1000};

	for (int k = 0; k < 10; k++)
		assert_int_equal(idle_after_turn(&i, false, 1, NEVER), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleeps_double_up_to_the_longest),
		cmocka_unit_test(no_sleep_passes_a_deadline),
		cmocka_unit_test(a_spinning_worker_never_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
