// OR-1, OR-2; netgroup-semantics 15, E-6.
#include "control/group/ranges.h"

#include <errno.h>

#include "tests/support/test.h"
#include "tests/unit/control/group/bitmap_dice.h"

#define BITS 300

static void check_against(const struct ranges *r, const bool bits[BITS])
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < BITS; i++) {
		assert_int_equal(ranges_has(r, i), bits[i]);
		n += bits[i];
	}
	assert_int_equal(ranges_count(r), n);
	for (uint32_t i = 0; i < r->n; i++) {
		assert_true(r->at[i].first <= r->at[i].last);
		assert_true(i == 0 || r->at[i].first > r->at[i - 1].last + 1);
	}
}

// Every stretch, one after the other, is what the bits say.
static void check_stretches(const struct ranges *r, const bool bits[BITS])
{
	struct index_range s;
	uint64_t from = 7, to = BITS - 8;

	while (ranges_next_in(r, from, to, &s)) {
		for (; from < s.first; from++)
			assert_false(bits[from]);
		for (; from <= s.last; from++)
			assert_true(bits[from]);
	}
	for (; from <= to; from++)
		assert_false(bits[from]);
	for (from = 7; ranges_next_out(r, from, to, &s);) {
		for (; from < s.first; from++)
			assert_true(bits[from]);
		for (; from <= s.last; from++)
			assert_false(bits[from]);
	}
	for (; from <= to; from++)
		assert_true(bits[from]);
}

static void a_set_is_what_a_bitmap_would_be(void **state)
{
	uint64_t dice = 0x5eed;

	for (int round = 0; round < 200; round++) {
		bool bits[BITS] = {false};
		struct ranges r;

		ranges_init(&r, BITS);
		for (int step = 0; step < 100; step++) {
			struct index_range x = dice_range(&dice, BITS, 1 + dice_throw(&dice, 40));
			bool is_added = dice_throw(&dice, 2) == 0;

			assert_int_equal(is_added ? ranges_add(&r, x.first, x.last)
						  : ranges_remove(&r, x.first, x.last),
					 0);
			for (uint64_t i = x.first; i <= x.last; i++)
				bits[i] = is_added;
			check_against(&r, bits);
		}
		check_stretches(&r, bits);
		ranges_clear(&r);
	}
}

static void everything_is_one_range(void **state)
{
	struct ranges r;

	ranges_init(&r, 2);
	assert_int_equal(ranges_add(&r, 0, OBJECT_INDEX_MAX), 0);
	assert_int_equal(r.n, 1);
	assert_true(ranges_count(&r) == OBJECT_INDEX_MAX + 1);
	assert_int_equal(ranges_remove(&r, 5, OBJECT_INDEX_MAX - 5), 0);
	assert_int_equal(r.n, 2);
	assert_true(ranges_has(&r, OBJECT_INDEX_MAX));
	assert_int_equal(ranges_count(&r), 10);
	assert_int_equal(ranges_add(&r, 5, OBJECT_INDEX_MAX - 5), 0);
	assert_int_equal(r.n, 1);
	assert_true(r.cap <= 4);
	ranges_clear(&r);
}

static void beyond_its_ranges_nothing_changes(void **state)
{
	struct ranges r;

	ranges_init(&r, 3);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(ranges_add(&r, 10 * i, 10 * i + 4), 0);
	assert_int_equal(ranges_add(&r, 50, 50), -ENOBUFS);
	assert_int_equal(ranges_remove(&r, 12, 12), -ENOBUFS);
	assert_int_equal(r.n, 3);
	assert_int_equal(ranges_count(&r), 15);
	assert_int_equal(ranges_add(&r, 5, 9), 0); // makes two of them one
	assert_int_equal(ranges_add(&r, 50, 50), 0);
	assert_int_equal(r.n, 3);
	ranges_clear(&r);
}

static void a_cut_always_takes_what_it_names(void **state)
{
	struct ranges r;

	ranges_init(&r, 1);
	ranges_add(&r, 10, 30);
	ranges_cut(&r, 15, 15); // 10 .. 14 go, too: the shorter side
	assert_int_equal(r.n, 1);
	assert_true(r.at[0].first == 16 && r.at[0].last == 30);
	ranges_cut(&r, 28, 28);
	assert_true(r.at[0].first == 16 && r.at[0].last == 27);
	ranges_cut(&r, 0, 100);
	assert_int_equal(r.n, 0);
	ranges_clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_is_what_a_bitmap_would_be),
		cmocka_unit_test(everything_is_one_range),
		cmocka_unit_test(beyond_its_ranges_nothing_changes),
		cmocka_unit_test(a_cut_always_takes_what_it_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
