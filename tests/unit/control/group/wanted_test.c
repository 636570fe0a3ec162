#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/wanted.h"

#define N 64

// Nodes every 1/64 of the ring; node i at i/64.
struct setup {
	struct ring_set set;
	struct ring_node nodes[N];
	struct wanted w;
};

static int begin(void **state)
{
	struct setup *t = calloc(1, sizeof(*t));

	for (uint64_t i = 0; i < N; i++) {
		t->nodes[i].at.w[0] = i << 58;
		ring_set_insert(&t->set, &t->nodes[i]);
	}
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct setup *t = *state;

	ring_set_clear(&t->set);
	free(t);
	return 0;
}

static void assert_wanted(const struct setup *t, const int *want, uint32_t n)
{
	assert_int_equal(t->w.n, n);
	for (uint32_t i = 0; i < n; i++)
		if (!wanted_has(&t->w, &t->nodes[(want[i] + N) % N]))
			fail_msg("%d is not wanted", want[i]);
}

static void three_either_way(void **state)
{
	struct setup *t = *state;

	wanted_ring(&t->w, &t->set, t->nodes[10].at, NULL);
	assert_wanted(t, (const int[]){7, 8, 9, 11, 12, 13}, 6);
	t->w.n = 0;
	wanted_ring(&t->w, &t->set, t->nodes[0].at, NULL);
	assert_wanted(t, (const int[]){-3, -2, -1, 1, 2, 3}, 6);
	t->w.n = 0; // between two of them
	wanted_ring(&t->w, &t->set, u256_add(t->nodes[10].at, u256_bit(100)), NULL);
	assert_wanted(t, (const int[]){8, 9, 10, 11, 12, 13}, 6);
}

static bool is_even(const struct ring_node *n)
{
	return n->at.w[0] >> 58 & 1 ? false : true;
}

static void the_next_ones_stand_in_for_who_is_left_out(void **state)
{
	struct setup *t = *state;

	wanted_ring(&t->w, &t->set, t->nodes[10].at, is_even);
	assert_wanted(t, (const int[]){5, 7, 9, 11, 13, 15}, 6);
}

static void fractions_halve_the_way_ahead_and_behind(void **state)
{
	struct setup *t = *state;

	// 1/2, 1/4, 1/8, 1/16 of the ring: 32, 16, 8, 4 nodes; 1/32 lies within the three.
	wanted_fractions(&t->w, &t->set, t->nodes[10].at, NULL);
	assert_wanted(t, (const int[]){42, 26, -6, 18, 2, 14, 6}, 7);
}

static void in_a_small_ring_there_are_no_fractions_beyond_the_three(void **state)
{
	struct ring_set set = {0};
	struct setup *t = *state;

	for (int i = 0; i < 6; i++)
		ring_set_insert(&set, &t->nodes[10 * i]);
	wanted_fractions(&t->w, &set, t->nodes[0].at, NULL);
	assert_int_equal(t->w.n, 0);
	wanted_ring(&t->w, &set, t->nodes[0].at, NULL);
	assert_wanted(t, (const int[]){10, 20, 30, 40, 50}, 5);
	ring_set_clear(&set);
}

static void nobody_is_wanted_twice_and_no_more_than_there_is_room(void **state)
{
	struct setup *t = *state;

	assert_true(wanted_add(&t->w, &t->nodes[0]));
	assert_false(wanted_add(&t->w, &t->nodes[0]));
	t->w.n = WANTED_MAX;
	assert_false(wanted_add(&t->w, &t->nodes[63]));
}

static void degrees_grow_with_the_logarithm(void **state)
{
	static const struct {
		double members;
		uint32_t want;
	} cases[] = {{1, 13}, {2, 14}, {3.9, 14}, {25, 17}, {1000, 22}, {1e6, 32}, {1e300, 77}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(wanted_target(cases[i].members), cases[i].want);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(three_either_way),
		T(the_next_ones_stand_in_for_who_is_left_out),
		T(fractions_halve_the_way_ahead_and_behind),
		T(in_a_small_ring_there_are_no_fractions_beyond_the_three),
		T(nobody_is_wanted_twice_and_no_more_than_there_is_room),
		T(degrees_grow_with_the_logarithm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
