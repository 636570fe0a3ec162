#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/ring_set.h"

static void assert_near(double got, double want, double by)
{
	assert_true(fabs(got - want) <= by);
}

#define N 10

// Nodes at 100, 200, .. 1000.
struct setup {
	struct ring_set set;
	struct ring_node nodes[N];
};

static struct u256 at(uint64_t low)
{
	return (struct u256){{0, 0, 0, low}};
}

static int begin(void **state)
{
	struct setup *t = calloc(1, sizeof(*t));
	static const int order[N] = {3, 9, 0, 5, 1, 8, 2, 7, 4, 6};

	for (int i = 0; i < N; i++) {
		t->nodes[order[i]].at = at(100 * (uint64_t)(order[i] + 1));
		assert_int_equal(ring_set_insert(&t->set, &t->nodes[order[i]]), 0);
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

static uint64_t place(const struct ring_node *n)
{
	return n->at.w[3];
}

static void neighbours_are_counted_from_a_place(void **state)
{
	struct setup *t = *state;
	static const struct {
		uint64_t from;
		uint32_t k;
		uint64_t up, down;
	} cases[] = {
		{500, 1, 600, 400},  {500, 3, 800, 200},  {550, 1, 600, 500},
		{950, 2, 100, 800},  {1000, 1, 100, 900}, {50, 1, 100, 1000},
		{50, 10, 1000, 100}, {50, 11, 100, 1000}, {500, 10, 500, 500},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(place(ring_set_up(&t->set, at(cases[i].from), cases[i].k)),
				 cases[i].up);
		assert_int_equal(place(ring_set_down(&t->set, at(cases[i].from), cases[i].k)),
				 cases[i].down);
	}
}

static void the_nearest_may_be_over_the_top(void **state)
{
	struct setup *t = *state;

	assert_int_equal(place(ring_set_nearest(&t->set, at(540))), 500);
	assert_int_equal(place(ring_set_nearest(&t->set, at(560))), 600);
	assert_int_equal(place(ring_set_nearest(&t->set, at(550))),
			 500); // a tie: the decreasing side
	assert_int_equal(place(ring_set_nearest(&t->set, at(700))), 700);
	assert_int_equal(place(ring_set_nearest(&t->set, (struct u256){{UINT64_MAX, 0, 0, 0}})),
			 100);
	assert_int_equal(place(ring_set_nearest(&t->set, (struct u256){{1, 0, 0, 0}})), 1000);
}

static void places_are_taken_once_and_can_be_left(void **state)
{
	struct setup *t = *state;
	struct ring_node other = {at(500)};

	assert_int_equal(ring_set_insert(&t->set, &other), -EEXIST);
	ring_set_remove(&t->set, &other); // another node at that place: not there
	assert_int_equal(t->set.n, N);
	ring_set_remove(&t->set, &t->nodes[4]);
	ring_set_remove(&t->set, &t->nodes[4]);
	assert_int_equal(t->set.n, N - 1);
	assert_int_equal(place(ring_set_up(&t->set, at(400), 1)), 600);
	assert_int_equal(ring_set_insert(&t->set, &other), 0);
	assert_ptr_equal(ring_set_up(&t->set, at(400), 1), &other);
}

static void an_empty_ring_has_nobody(void **state)
{
	struct ring_set s = {0};

	assert_null(ring_set_up(&s, at(5), 1));
	assert_null(ring_set_down(&s, at(5), 1));
	assert_null(ring_set_nearest(&s, at(5)));
	assert_near(ring_set_estimate(&s, at(5)), 1, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(neighbours_are_counted_from_a_place),
		T(the_nearest_may_be_over_the_top),
		T(places_are_taken_once_and_can_be_left),
		cmocka_unit_test(an_empty_ring_has_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
