#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "dataplane/core/horizon.h"

static void a_number_passes_after_the_span_and_not_before(void **state)
{
	struct horizon h;

	horizon_init(&h, 2500);
	horizon_note(&h, 7, 1000);
	assert_int_equal(horizon_passed(&h, 3499), 0);
	assert_int_equal(h.newest, 7);
	assert_int_equal(horizon_passed(&h, 3500), 7);
	horizon_note(&h, 5, 3600); // older news are none
	assert_int_equal(horizon_passed(&h, 9000), 7);
}

static void what_is_passed_by_hand_counts_at_once(void **state)
{
	struct horizon h;

	horizon_init(&h, 2500);
	horizon_pass(&h, 90);
	assert_int_equal(horizon_passed(&h, 0), 90);
	horizon_pass(&h, 80);
	assert_int_equal(horizon_passed(&h, 0), 90);
	horizon_note(&h, 91, 10);
	assert_int_equal(horizon_passed(&h, 2509), 90);
	assert_int_equal(horizon_passed(&h, 2510), 91);
}

// However numbers come, none passes early and none later than a sixteenth of the span.
static void every_pace_passes_within_the_bounds(void **state)
{
	static const uint32_t spans[] = {20, 250, 2500, 10000, 120000};
	struct random_state rs;
	struct random rng = random_seeded(&rs, 3);

	for (unsigned s = 0; s < sizeof(spans) / sizeof(spans[0]); s++) {
		uint32_t noted_ms[2001], now_ms = UINT32_MAX - 1000; // wraps on the way
		uint32_t slack = spans[s] / 16 + 1;
		struct horizon h;
		uint64_t newest = 0;

		horizon_init(&h, spans[s]);
		while (newest < 2000) {
			uint64_t passed;

			now_ms += (uint32_t)random_below(&rng,
							 2 + spans[s] / (newest < 1000 ? 8 : 200));
			noted_ms[++newest] = now_ms;
			horizon_note(&h, newest, now_ms);
			passed = horizon_passed(&h, now_ms);
			if (passed > 0)
				assert_true(now_ms - noted_ms[passed] >= spans[s]);
			if (passed < newest)
				assert_true(now_ms - noted_ms[passed + 1] <= spans[s] + slack);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_passes_after_the_span_and_not_before),
		cmocka_unit_test(what_is_passed_by_hand_counts_at_once),
		cmocka_unit_test(every_pace_passes_within_the_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
