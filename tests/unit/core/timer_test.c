#include "dataplane/core/timer.h"

#include "tests/support/test.h"

#define N 64

struct fired {
	uint32_t n, entry[N];
};

static struct fired expire(struct timer_wheel *w, uint32_t now_ms)
{
	struct fired f = {0};

	while (timer_expire(w, now_ms, &f.entry[f.n]))
		f.n++;
	return f;
}

static struct timer_wheel *wheel_at(uint32_t now_ms)
{
	struct timer_wheel *w = timer_wheel_create(N);

	assert_non_null(w);
	timer_wheel_start(w, now_ms);
	return w;
}

static void an_entry_fires_once_and_never_early(void **state)
{
	static const struct {
		const char *name;
		uint32_t start_ms, at_ms, not_yet_ms, fired_ms;
	} rows[] = {
		{"on a tick", 1000, 1020, 1019, 1020},
		{"between ticks", 1000, 1021, 1021, 1024},
		{"in the past: with the next tick", 1000, 900, 1003, 1004},
		{"now: with the next tick", 1000, 1000, 1003, 1004},
		{"beyond the horizon", 1000, 91000, 90999, 91000},
		{"across the wrap of the clock", UINT32_MAX - 5, 20, 19, 20},
		{"far across the wrap", UINT32_MAX - 5, 60000, 59999, 60000},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct timer_wheel *w = wheel_at(rows[i].start_ms);
		struct fired f;

		timer_set(w, 7, rows[i].at_ms);
		assert_row(expire(w, rows[i].not_yet_ms).n == 0, rows[i].name);
		assert_row(timer_is_set(w, 7), rows[i].name);
		f = expire(w, rows[i].fired_ms);
		assert_row(f.n == 1 && f.entry[0] == 7, rows[i].name);
		assert_row(!timer_is_set(w, 7), rows[i].name);
		assert_row(expire(w, rows[i].fired_ms + 100000).n == 0, rows[i].name);
		timer_wheel_destroy(w);
	}
}

static void a_long_sleep_fires_everything_that_is_due(void **state)
{
	struct timer_wheel *w = wheel_at(5);

	for (uint32_t i = 0; i < N; i++)
		timer_set(w, i, 5 + i * 4000); // up to 252 s, many rounds of the wheel
	assert_int_equal(expire(w, 100000).n, 25);
	assert_int_equal(expire(w, 1000000).n, N - 25);
	timer_wheel_destroy(w);
}

static void cancelling_and_moving_leave_nothing_behind(void **state)
{
	struct timer_wheel *w = wheel_at(1000);
	struct fired f;

	timer_set(w, 1, 1100);
	timer_set(w, 2, 1100);
	timer_set(w, 3, 1100);
	timer_cancel(w, 2);
	timer_cancel(w, 2);
	timer_set(w, 3, 1200);
	assert_int_equal(timer_at_ms(w, 3), 1200);
	f = expire(w, 1100);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.entry[0], 1);
	assert_int_equal(expire(w, 1200).n, 1);
	assert_int_equal(timer_wait_ms(w, 1200), UINT32_MAX);
	timer_wheel_destroy(w);
}

static void an_entry_set_again_while_others_fire_waits_for_the_next_call(void **state)
{
	struct timer_wheel *w = wheel_at(0);
	uint32_t entry, n = 0;

	timer_set(w, 1, 8);
	while (timer_expire(w, 40, &entry)) {
		timer_set(w, 1, 8);
		n++;
	}
	assert_int_equal(n, 1);
	assert_int_equal(expire(w, 44).n, 1);
	timer_wheel_destroy(w);
}

static void a_firing_entry_may_cancel_its_neighbours(void **state)
{
	struct timer_wheel *w = wheel_at(0);
	uint32_t entry, n = 0;

	for (uint32_t i = 0; i < N; i++)
		timer_set(w, i, 100);
	while (timer_expire(w, 100, &entry)) {
		timer_cancel(w, entry ^ 1);
		n++;
	}
	assert_int_equal(n, N / 2);
	timer_wheel_destroy(w);
}

static void the_wait_is_never_longer_than_until_the_next_entry(void **state)
{
	struct timer_wheel *w = wheel_at(3);

	assert_int_equal(timer_wait_ms(w, 3), UINT32_MAX);
	timer_set(w, 0, 100000); // in its first round this slot only looks due
	assert_in_range(timer_wait_ms(w, 3), 1, 99997);
	timer_set(w, 1, 250);
	assert_int_equal(timer_wait_ms(w, 3), 249);
	assert_int_equal(expire(w, 252).n, 1);
	// Somebody who sleeps exactly as long as told reaches every entry in time.
	for (uint32_t now_ms = 252, naps = 0; timer_is_set(w, 0); naps++) {
		assert_true(naps < 20);
		now_ms += timer_wait_ms(w, now_ms);
		assert_true(now_ms <= 100000);
		expire(w, now_ms);
	}
	timer_wheel_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_fires_once_and_never_early),
		cmocka_unit_test(a_long_sleep_fires_everything_that_is_due),
		cmocka_unit_test(cancelling_and_moving_leave_nothing_behind),
		cmocka_unit_test(an_entry_set_again_while_others_fire_waits_for_the_next_call),
		cmocka_unit_test(a_firing_entry_may_cancel_its_neighbours),
		cmocka_unit_test(the_wait_is_never_longer_than_until_the_next_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
