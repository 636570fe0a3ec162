// OR-10.
#include "control/group/object_choice.h"

#include "tests/support/test.h"
#include "tests/unit/control/group/bitmap_dice.h"

#define INDICES 120
#define HOLDERS 6

struct world {
	struct ranges open, have[HOLDERS];
	struct tally tally;
	bool is_open[INDICES], has[HOLDERS][INDICES];
	uint32_t holders[INDICES];
};

static void hold(struct world *w, int h, struct index_range x)
{
	struct index_range gap;

	for (uint64_t from = x.first; ranges_next_out(&w->have[h], from, x.last, &gap);
	     from = gap.last + 1) {
		tally_reserve(&w->tally);
		tally_change(&w->tally, gap.first, gap.last, 1);
	}
	ranges_add(&w->have[h], x.first, x.last);
	for (uint64_t i = x.first; i <= x.last; i++) {
		w->holders[i] += !w->has[h][i];
		w->has[h][i] = true;
	}
}

static void world_dice(struct world *w, uint64_t *dice)
{
	*w = (struct world){.tally = {0}};
	ranges_init(&w->open, INDICES);
	for (int h = 0; h < HOLDERS; h++)
		ranges_init(&w->have[h], INDICES);
	for (uint64_t n = dice_throw(dice, 10); n > 0; n--) {
		struct index_range x = dice_range(dice, INDICES, 25);

		ranges_add(&w->open, x.first, x.last);
		for (uint64_t i = x.first; i <= x.last; i++)
			w->is_open[i] = true;
	}
	for (int h = 0; h < HOLDERS; h++)
		for (uint64_t n = dice_throw(dice, 8); n > 0; n--)
			hold(w, h, dice_range(dice, INDICES, 15));
}

static void world_end(struct world *w)
{
	ranges_clear(&w->open);
	for (int h = 0; h < HOLDERS; h++)
		ranges_clear(&w->have[h]);
	tally_clear(&w->tally);
}

// Looks at each index, as ours do not.
static uint32_t rarest_of(const struct world *w, int h)
{
	uint32_t least = UINT32_MAX;

	for (uint64_t i = 0; i < INDICES; i++)
		if (w->is_open[i] && w->has[h][i] && w->holders[i] < least)
			least = w->holders[i];
	return least;
}

static uint64_t lowest_of(const struct world *w, int h)
{
	uint64_t i = 0;

	while (i < INDICES && !(w->is_open[i] && w->has[h][i]))
		i++;
	return i;
}

static void the_choice_is_as_if_each_index_were_looked_at(void **state)
{
	uint64_t dice = 0x5eed, index;
	uint32_t n_chosen = 0;
	struct world w;

	for (int round = 0; round < 2000; round++) {
		world_dice(&w, &dice);
		for (int h = 0; h < HOLDERS; h++) {
			uint64_t lowest = lowest_of(&w, h);
			bool is_any = lowest < INDICES;

			assert_int_equal(object_choose_lowest(&w.open, &w.have[h], &index), is_any);
			assert_true(!is_any || index == lowest);
			assert_int_equal(
				object_choose_rarest(&w.open, &w.have[h], &w.tally, dice, &index),
				is_any);
			if (!is_any)
				continue;
			n_chosen++;
			assert_true(w.is_open[index] && w.has[h][index]);
			assert_int_equal(w.holders[index], rarest_of(&w, h));
		}
		world_end(&w);
	}
	assert_true(n_chosen > 2000); // most of them had a choice
}

// 1 .. 9 and 100 are as rare as each other, 50 .. 59 are not.
static void of_several_as_rare_each_is_as_likely(void **state)
{
	uint32_t n[INDICES] = {0};
	struct world w = {.tally = {0}};
	uint64_t index;

	ranges_init(&w.open, INDICES);
	ranges_add(&w.open, 0, INDICES - 1);
	for (int h = 0; h < HOLDERS; h++)
		ranges_init(&w.have[h], INDICES);
	hold(&w, 0, (struct index_range){1, 9});
	hold(&w, 0, (struct index_range){50, 59});
	hold(&w, 0, (struct index_range){100, 100});
	hold(&w, 1, (struct index_range){40, 70});
	for (uint64_t dice = 0; dice < 10000; dice++) {
		assert_true(object_choose_rarest(&w.open, &w.have[0], &w.tally, dice, &index));
		n[index]++;
	}
	for (int i = 1; i <= 9; i++)
		assert_in_range(n[i], 900, 1100); // 1000 and three times their spread
	assert_in_range(n[100], 900, 1100);
	world_end(&w);
}

static void everything_wanted_and_everything_had(void **state)
{
	struct ranges all;
	struct tally t = {0};
	uint64_t index, low = UINT64_MAX, high = 0;

	ranges_init(&all, 4);
	ranges_add(&all, 0, OBJECT_INDEX_MAX);
	tally_reserve(&t);
	tally_change(&t, 0, OBJECT_INDEX_MAX, 1);
	for (uint64_t dice = 0; dice < 1000; dice++) {
		assert_true(object_choose_rarest(&all, &all, &t, dice, &index));
		assert_true(index <= OBJECT_INDEX_MAX);
		low = index < low ? index : low;
		high = index > high ? index : high;
	}
	assert_true(low < OBJECT_INDEX_MAX / 100 && high > OBJECT_INDEX_MAX / 100 * 99);
	ranges_clear(&all);
	tally_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_choice_is_as_if_each_index_were_looked_at),
		cmocka_unit_test(of_several_as_rare_each_is_as_likely),
		cmocka_unit_test(everything_wanted_and_everything_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
