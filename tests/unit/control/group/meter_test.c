#include "control/group/meter.h"

#include "tests/support/test.h"

#define S 1000000ull

static void a_rate_is_that_of_the_last_five_whole_seconds(void **state)
{
	static const struct {
		const char *claim;
		uint64_t after_us, per_s;
	} rows[] = {
		{"the second that runs does not count yet", 0, 0},
		{"it does when it is over", 1 * S, 200},
		{"and for five", 5 * S + S / 2, 200},
		{"no longer", 6 * S, 0},
		{"nor after a day", 86400 * S, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct meter m = {0};

		meter_add(&m, 1000, 1000 * S + 1);
		assert_row(meter_per_s(&m, 1000 * S + 1 + rows[i].after_us) == rows[i].per_s,
			   rows[i].claim);
	}
}

static void a_steady_flow_has_its_rate(void **state)
{
	struct meter m = {0};

	for (uint64_t at = 7 * S; at < 60 * S; at += S / 10) {
		meter_add(&m, 150, at);
		if (at > 13 * S)
			assert_int_equal(meter_per_s(&m, at), 1500);
	}
}

static void gaps_are_zero(void **state)
{
	struct meter m = {0};

	meter_add(&m, 500, 100 * S);
	meter_add(&m, 500, 103 * S);
	assert_int_equal(meter_per_s(&m, 104 * S), 200);
	meter_add(&m, 500, 104 * S);
	assert_int_equal(meter_per_s(&m, 106 * S), 200); // the first is too old
	meter_add(&m, 5, 200 * S);
	assert_int_equal(meter_per_s(&m, 201 * S), 1);
}

static void the_clock_may_begin_at_zero(void **state)
{
	struct meter m = {0};

	meter_add(&m, 50, 0);
	assert_int_equal(meter_per_s(&m, 0), 0);
	assert_int_equal(meter_per_s(&m, 2 * S), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_is_that_of_the_last_five_whole_seconds),
		cmocka_unit_test(a_steady_flow_has_its_rate),
		cmocka_unit_test(gaps_are_zero),
		cmocka_unit_test(the_clock_may_begin_at_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
