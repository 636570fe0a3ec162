#include "dataplane/io/idle.h"

#include "tests/support/test.h"

#define NEVER UINT64_MAX
#define NOW   1000000

static void assert_step(struct idle_step s, enum idle_how how, uint32_t us)
{
	assert_int_equal(s.how, how);
	assert_int_equal(s.us, us);
}

// -- sleep --

static void naps_double_up_to_the_longest(void **state)
{
	static const uint32_t expected[] = {50, 100, 200, 400, 800, 1000, 1000};
	struct idle i = {.mode = IDLE_SLEEP, .sleep_min_us = 50, .sleep_max_us = 1000};

	for (size_t k = 0; k < ARRAY_LEN(expected); k++)
		assert_step(idle_after_turn(&i, false, NOW, NEVER), IDLE_NAP, expected[k]);
	assert_step(idle_after_turn(&i, true, NOW, NEVER), IDLE_GO, 0);
	assert_step(idle_after_turn(&i, false, NOW, NEVER), IDLE_NAP, 50); // from the start again
}

static void who_can_be_woken_sleeps_until_then(void **state)
{
	struct idle i = {
		.mode = IDLE_SLEEP, .is_woken = true, .sleep_min_us = 50, .sleep_max_us = 1000};

	for (int k = 0; k < 3; k++)
		assert_step(idle_after_turn(&i, false, NOW, NEVER), IDLE_WAIT, IDLE_WAIT_MAX_US);
	assert_step(idle_after_turn(&i, false, NOW, NOW + 70000), IDLE_WAIT, 70000);
}

static void no_sleep_passes_a_deadline(void **state)
{
	static const struct {
		const char *name;
		uint64_t deadline_us;
		enum idle_how how;
		uint32_t us;
	} rows[] = {
		{"far", NOW + 10000, IDLE_NAP, 1000},
		{"near", NOW + 300, IDLE_NAP, 300},
		{"too near to sleep", NOW + 4, IDLE_GO, 0},
		{"now", NOW, IDLE_GO, 0},
		{"in the past", 50, IDLE_GO, 0},
	};

	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct idle i = {.mode = IDLE_SLEEP, .sleep_min_us = 1000, .sleep_max_us = 1000};
		struct idle_step s = idle_after_turn(&i, false, NOW, rows[k].deadline_us);

		assert_row(s.how == rows[k].how && s.us == rows[k].us, rows[k].name);
	}
}

// -- spin --

static void a_spinning_worker_never_sleeps(void **state)
{
	struct idle i = {.mode = IDLE_SPIN, .sleep_min_us = 50, .sleep_max_us = 1000};

	for (uint64_t t = NOW; t < 100 * NOW; t += NOW)
		assert_step(idle_after_turn(&i, false, t, NEVER), IDLE_GO, 0);
}

// -- adaptive --

static struct idle adaptive(bool is_woken)
{
	return (struct idle){.mode = IDLE_ADAPTIVE,
			     .is_woken = is_woken,
			     .window_max_us = 80,
			     .sleep_min_us = 50,
			     .sleep_max_us = 1000};
}

// Work, n times, so far apart.
static void work(struct idle *i, uint64_t *now_us, uint32_t n, uint32_t every_us)
{
	while (n-- > 0) {
		*now_us += every_us;
		idle_after_turn(i, true, *now_us, NEVER);
	}
}

static void without_experience_it_sleeps_at_once(void **state)
{
	struct idle i = adaptive(true);

	assert_step(idle_after_turn(&i, false, NOW, NEVER), IDLE_WAIT, IDLE_WAIT_MAX_US);
	idle_after_turn(&i, true, NOW, NEVER); // says nothing about a gap yet
	assert_step(idle_after_turn(&i, false, NOW + 1, NEVER), IDLE_WAIT, IDLE_WAIT_MAX_US);
}

static void the_window_grows_while_work_comes_soon(void **state)
{
	static const uint32_t expected[] = {10, 20, 40, 80, 80};
	struct idle i = adaptive(true);
	uint64_t now_us = NOW;

	work(&i, &now_us, 1, 0);
	for (size_t k = 0; k < ARRAY_LEN(expected); k++) {
		work(&i, &now_us, 1, 75);
		assert_int_equal(i.window_us, expected[k]);
	}
}

static void it_grows_no_further_than_work_needs(void **state)
{
	struct idle i = adaptive(true);
	uint64_t now_us = NOW;

	work(&i, &now_us, 20, 15);
	assert_int_equal(i.window_us, 20);
}

static void it_shrinks_to_nothing_when_work_comes_late(void **state)
{
	static const uint32_t expected[] = {40, 20, 10, 0, 0};
	struct idle i = adaptive(true);
	uint64_t now_us = NOW;

	work(&i, &now_us, 10, 75);
	assert_int_equal(i.window_us, 80);
	for (size_t k = 0; k < ARRAY_LEN(expected); k++) {
		work(&i, &now_us, 1, 81);
		assert_int_equal(i.window_us, expected[k]);
	}
}

static void it_polls_then_pauses_then_sleeps(void **state)
{
	static const struct {
		uint32_t gap_us;
		enum idle_how how;
		uint32_t us;
	} rows[] = {
		{1, IDLE_GO, 0},    {39, IDLE_GO, 0},     {40, IDLE_PAUSE, 0},  {79, IDLE_PAUSE, 0},
		{80, IDLE_NAP, 50}, {130, IDLE_NAP, 100}, {230, IDLE_NAP, 200},
	};
	struct idle i = adaptive(false);
	uint64_t now_us = NOW;

	work(&i, &now_us, 10, 75);
	for (size_t k = 0; k < ARRAY_LEN(rows); k++)
		assert_step(idle_after_turn(&i, false, now_us + rows[k].gap_us, NEVER), rows[k].how,
			    rows[k].us);
	idle_after_turn(&i, true, now_us + 300, NEVER);
	assert_int_equal(i.nap_us, 0);
}

// The figure behind "does not burn a core": of the time between two packets of a stream of 2 Mbit/s
// (500 us at most players' rates) nothing is polled away, and at 40 us nothing is slept.
static void what_a_load_costs(void **state)
{
	static const struct {
		uint32_t every_us, polls_us, sleeps; // in one gap, once used to it
	} rows[] = {{500, 0, 1}, {5000, 0, 1}, {81, 0, 1}, {75, 75, 0}, {40, 40, 0}, {5, 5, 0}};

	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct idle i = adaptive(true);
		uint32_t polls_us = 0, sleeps = 0;
		uint64_t now_us = NOW;

		work(&i, &now_us, 20, rows[k].every_us);
		for (uint32_t t = 0; t < rows[k].every_us && sleeps == 0; t++) {
			struct idle_step s = idle_after_turn(&i, false, now_us + t, NEVER);

			sleeps += s.how == IDLE_WAIT;
			polls_us += s.how != IDLE_WAIT;
		}
		assert_int_equal(polls_us, rows[k].polls_us);
		assert_int_equal(sleeps, rows[k].sleeps);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(naps_double_up_to_the_longest),
		cmocka_unit_test(who_can_be_woken_sleeps_until_then),
		cmocka_unit_test(no_sleep_passes_a_deadline),
		cmocka_unit_test(a_spinning_worker_never_sleeps),
		cmocka_unit_test(without_experience_it_sleeps_at_once),
		cmocka_unit_test(the_window_grows_while_work_comes_soon),
		cmocka_unit_test(it_grows_no_further_than_work_needs),
		cmocka_unit_test(it_shrinks_to_nothing_when_work_comes_late),
		cmocka_unit_test(it_polls_then_pauses_then_sleeps),
		cmocka_unit_test(what_a_load_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
