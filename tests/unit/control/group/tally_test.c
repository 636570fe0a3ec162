#include "control/group/tally.h"

#include "tests/support/test.h"
#include "tests/unit/control/group/bitmap_dice.h"

#define INDICES 200
#define HOLDERS 8

static void check(const struct tally *t, uint32_t holders[HOLDERS][INDICES])
{
	for (uint64_t i = 0; i < INDICES; i++) {
		uint32_t n = 0;

		for (int h = 0; h < HOLDERS; h++)
			n += holders[h][i];
		assert_int_equal(tally_of(t, i), n);
	}
	for (uint32_t i = 0; i < t->n; i++) { // no step that is none
		assert_true(t->at[i].n != (i > 0 ? t->at[i - 1].n : 0));
		assert_true(i == 0 || t->at[i].first > t->at[i - 1].first);
	}
}

static void it_counts_who_has_what(void **state)
{
	static uint32_t holders[HOLDERS][INDICES];
	struct tally t = {0};
	uint64_t dice = 0x5eed;

	for (int step = 0; step < 3000; step++) {
		uint64_t h = dice_throw(&dice, HOLDERS);
		struct index_range x = dice_range(&dice, INDICES, 30);
		bool is_had = holders[h][x.first] > 0;

		// Only as far as all of it is had, or none.
		for (uint64_t i = x.first; i <= x.last; i++)
			if ((holders[h][i] > 0) != is_had)
				x.last = i - 1;
		assert_int_equal(tally_reserve(&t), 0);
		tally_change(&t, x.first, x.last, is_had ? -1 : 1);
		for (uint64_t i = x.first; i <= x.last; i++)
			holders[h][i] = !is_had;
		check(&t, holders);
	}
	tally_clear(&t);
}

static void who_has_everything_costs_two_steps(void **state)
{
	struct tally t = {0};

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(tally_reserve(&t), 0);
		tally_change(&t, 0, OBJECT_INDEX_MAX, 1);
	}
	assert_int_equal(t.n, 2);
	assert_int_equal(tally_of(&t, 0), 1000);
	assert_int_equal(tally_of(&t, OBJECT_INDEX_MAX), 1000);
	assert_int_equal(tally_find(&t, 77), 0);
	for (int i = 0; i < 1000; i++)
		tally_change(&t, 0, OBJECT_INDEX_MAX, -1);
	assert_int_equal(t.n, 0);
	assert_int_equal(tally_of(&t, 0), 0);
	tally_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_counts_who_has_what),
		cmocka_unit_test(who_has_everything_costs_two_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
