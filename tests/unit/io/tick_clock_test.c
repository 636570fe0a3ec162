#include "dataplane/io/tick_clock.h"

#include "tests/support/test.h"

#define HZ 2000000000ull // the true rate
#define S  1000000ull

// Two clocks that a test turns: the true time, and the counter.
struct world {
	struct tick_clock c;
	uint64_t us;
};

static uint64_t ticks(const struct world *w)
{
	return 12345 + w->us * (HZ / S);
}

static uint64_t told(struct world *w)
{
	return tick_clock_us(&w->c, ticks(w));
}

static struct world world_create(uint64_t guess_hz)
{
	struct world w = {.us = 5000 * S};

	tick_clock_init(&w.c, ticks(&w), w.us * 1000, guess_hz);
	return w;
}

// As a worker does it, every 100 us. Returns the largest difference from the truth.
static uint64_t run(struct world *w, uint64_t us)
{
	uint64_t end = w->us + us, worst = 0, last = told(w);

	while (w->us < end) {
		uint64_t t;

		w->us += 100;
		if (tick_clock_is_due(&w->c, ticks(w)))
			tick_clock_anchor(&w->c, ticks(w), w->us * 1000);
		t = told(w);
		assert_true(t >= last);
		last = t;
		if ((t > w->us ? t - w->us : w->us - t) > worst)
			worst = t > w->us ? t - w->us : w->us - t;
	}
	return worst;
}

static void a_right_guess_tells_the_time_at_once(void **state)
{
	struct world w = world_create(HZ);

	assert_int_equal(told(&w), w.us);
	assert_true(run(&w, 20 * S) <= 2);
}

static void a_wrong_guess_is_corrected_within_milliseconds(void **state)
{
	struct world slow = world_create(HZ - HZ / 50), fast = world_create(HZ + HZ / 50);

	assert_true(run(&slow, 20000) <= 250); // 2 % of the first 10 ms
	assert_true(run(&slow, 20 * S) <= 20);
	assert_true(run(&fast, 20000) <= 250);
	assert_true(run(&fast, 20 * S) <= 20);
}

static void it_stands_still_rather_than_run_backwards(void **state)
{
	struct world w = world_create(HZ - HZ / 50); // tells too much
	uint64_t before;

	w.us += 10000;
	before = told(&w);
	assert_true(before > w.us);
	tick_clock_anchor(&w.c, ticks(&w), w.us * 1000);
	assert_int_equal(told(&w), before);
	w.us += 1000;
	assert_true(w.us - told(&w) <= 1); // the truth again, rounded down
}

static void a_counter_that_stands_behind_the_anchor_is_no_leap(void **state)
{
	struct world w = world_create(HZ);

	assert_int_equal(tick_clock_us(&w.c, ticks(&w) - 5000), w.us);
}

static void a_machine_that_slept_keeps_its_rate(void **state)
{
	struct world w = world_create(HZ);
	uint64_t rate = w.c.ticks_per_s;

	tick_clock_anchor(&w.c, ticks(&w) + 1000, (w.us + 3600 * S) * 1000); // the counter stopped
	assert_int_equal(w.c.ticks_per_s, rate);
	assert_int_equal(tick_clock_us(&w.c, ticks(&w) + 1000), w.us + 3600 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_guess_tells_the_time_at_once),
		cmocka_unit_test(a_wrong_guess_is_corrected_within_milliseconds),
		cmocka_unit_test(it_stands_still_rather_than_run_backwards),
		cmocka_unit_test(a_counter_that_stands_behind_the_anchor_is_no_leap),
		cmocka_unit_test(a_machine_that_slept_keeps_its_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
