#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/sseq_window.h"

static struct sseq_window fresh(void)
{
	struct sseq_window w;

	sseq_window_init(&w);
	return w;
}

static void in_order_everything_is_taken_once(void **state)
{
	struct sseq_window w = fresh();

	for (uint64_t n = 0; n < 5000; n++) {
		assert_true(sseq_window_take(&w, n));
		assert_false(sseq_window_take(&w, n));
	}
}

static void the_whole_window_may_be_reordered(void **state)
{
	struct sseq_window w = fresh();

	assert_true(sseq_window_take(&w, SSEQ_WINDOW_LEN - 1));
	for (uint64_t n = SSEQ_WINDOW_LEN - 1; n-- > 0;)
		assert_true(sseq_window_take(&w, n));
	for (uint64_t n = 0; n < SSEQ_WINDOW_LEN; n++)
		assert_false(sseq_window_take(&w, n));
}

static void what_lies_below_the_window_counts_as_taken(void **state)
{
	struct sseq_window w = fresh();

	assert_true(sseq_window_take(&w, 2 * SSEQ_WINDOW_LEN));
	assert_false(sseq_window_take(&w, SSEQ_WINDOW_LEN));
	assert_true(sseq_window_take(&w, SSEQ_WINDOW_LEN + 1));
}

static void a_jump_forgets_no_place_and_costs_no_time(void **state)
{
	struct sseq_window w = fresh();

	for (uint64_t n = 0; n < SSEQ_WINDOW_LEN; n++)
		assert_true(sseq_window_take(&w, n));
	assert_true(sseq_window_take(&w, UINT64_C(1) << 60));
	for (uint64_t k = 1; k < SSEQ_WINDOW_LEN; k++)
		assert_true(sseq_window_take(&w, (UINT64_C(1) << 60) - k));
	assert_false(sseq_window_take(&w, (UINT64_C(1) << 60) - SSEQ_WINDOW_LEN));
}

static void numbers_end_below_2_to_the_64(void **state)
{
	struct sseq_window w = fresh();

	assert_false(sseq_window_take(&w, UINT64_MAX)); // what an overlong VLU saturates to
	assert_true(sseq_window_take(&w, UINT64_MAX - 1));
	assert_false(sseq_window_take(&w, UINT64_MAX));
	assert_true(sseq_window_take(&w, UINT64_MAX - 2));
}

// Against a plain list of all numbers ever taken.
static void random_orders_agree_with_a_plain_list(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 21);
	static uint8_t taken[40000];
	struct sseq_window w = fresh();
	uint64_t highest = 0;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t n = i + random_below(&rng, 2500);
		bool want = !taken[n] && n + SSEQ_WINDOW_LEN > highest;

		assert_int_equal(sseq_window_take(&w, n), want);
		taken[n] = 1;
		if (n > highest)
			highest = n;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_everything_is_taken_once),
		cmocka_unit_test(the_whole_window_may_be_reordered),
		cmocka_unit_test(what_lies_below_the_window_counts_as_taken),
		cmocka_unit_test(a_jump_forgets_no_place_and_costs_no_time),
		cmocka_unit_test(numbers_end_below_2_to_the_64),
		cmocka_unit_test(random_orders_agree_with_a_plain_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
