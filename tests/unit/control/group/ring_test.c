#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/ring.h"
#include "crypto/random.h"

static void assert_near(double got, double want, double by)
{
	assert_true(fabs(got - want) <= by);
}

#define U(a, b, c, d)                                                                              \
	{                                                                                          \
		{                                                                                  \
			a, b, c, d                                                                 \
		}                                                                                  \
	}
#define MAX UINT64_MAX

static const struct {
	const char *what;
	struct u256 a, b, sum, difference;
} sums[] = {
	{"small", U(0, 0, 0, 5), U(0, 0, 0, 3), U(0, 0, 0, 8), U(0, 0, 0, 2)},
	{"carry and borrow through all words", U(0, MAX, MAX, MAX), U(0, 0, 0, 1), U(1, 0, 0, 0),
	 U(0, MAX, MAX, MAX - 1)},
	{"round the ring upward", U(MAX, MAX, MAX, MAX), U(0, 0, 0, 2), U(0, 0, 0, 1),
	 U(MAX, MAX, MAX, MAX - 2)},
	{"round the ring downward", U(0, 0, 0, 0), U(0, 0, 0, 1), U(0, 0, 0, 1),
	 U(MAX, MAX, MAX, MAX)},
	{"borrow from a word that borrows itself", U(1, 0, 0, 0), U(0, 0, MAX, 1), U(1, 0, MAX, 1),
	 U(0, MAX, 0, MAX)},
};

static void sums_and_differences_are_modulo_2_to_the_256(void **state)
{
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (u256_cmp(u256_add(sums[i].a, sums[i].b), sums[i].sum) != 0 ||
		    u256_cmp(u256_sub(sums[i].a, sums[i].b), sums[i].difference) != 0)
			fail_msg("%s", sums[i].what);
}

static void what_is_subtracted_can_be_added_again(void **state)
{
	struct random_state seed;
	struct random r = random_seeded(&seed, 7);

	for (int i = 0; i < 1000; i++) {
		struct u256 a, b;

		random_fill(&r, &a, sizeof(a));
		random_fill(&r, &b, sizeof(b));
		if (i % 3 == 0)
			b.w[i % 4] = a.w[i % 4];
		assert_int_equal(u256_cmp(u256_add(u256_sub(a, b), b), a), 0);
		assert_true(ring_between(a, a, b) && ring_between(b, a, b));
		assert_int_equal(u256_cmp(ring_distance(a, b), ring_distance(b, a)), 0);
		assert_true(ring_between(ring_midpoint(a, b), a, b));
	}
}

static void octets_are_big_endian(void **state)
{
	uint8_t octets[32], again[32];
	struct u256 v;

	for (int i = 0; i < 32; i++)
		octets[i] = (uint8_t)(i + 1);
	v = u256_of(octets);
	assert_true(v.w[0] == 0x0102030405060708 && v.w[3] == 0x191a1b1c1d1e1f20);
	u256_octets(v, again);
	assert_memory_equal(octets, again, 32);
}

static void bits_and_halves(void **state)
{
	assert_int_equal(u256_bit(0).w[3], 1);
	assert_true(u256_bit(255).w[0] == 1ull << 63);
	assert_int_equal(u256_cmp(u256_bit(256), (struct u256)U(0, 0, 0, 0)), 0);
	for (unsigned i = 1; i < 256; i++)
		assert_int_equal(u256_cmp(u256_half(u256_bit(i)), u256_bit(i - 1)), 0);
	assert_int_equal(u256_cmp(u256_half(u256_bit(0)), (struct u256)U(0, 0, 0, 0)), 0);
}

static const struct {
	const char *what;
	struct u256 x, from, to;
	bool want;
} ranges[] = {
	{"inside", U(0, 0, 0, 5), U(0, 0, 0, 3), U(0, 0, 0, 9), true},
	{"outside", U(0, 0, 0, 2), U(0, 0, 0, 3), U(0, 0, 0, 9), false},
	{"over the top", U(0, 0, 0, 2), U(MAX, 0, 0, 0), U(0, 0, 0, 9), true},
	{"not over the top", U(1, 0, 0, 0), U(MAX, 0, 0, 0), U(0, 0, 0, 9), false},
	{"a single point", U(0, 0, 0, 3), U(0, 0, 0, 3), U(0, 0, 0, 3), true},
	{"beside it", U(0, 0, 0, 4), U(0, 0, 0, 3), U(0, 0, 0, 3), false},
};

static void ranges_go_upward_and_include_their_ends(void **state)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (ring_between(ranges[i].x, ranges[i].from, ranges[i].to) != ranges[i].want)
			fail_msg("%s", ranges[i].what);
}

static const struct {
	const char *what;
	struct u256 target, x, y;
	bool want;
} nearer[] = {
	{"clearly", U(0, 0, 0, 10), U(0, 0, 0, 9), U(0, 0, 0, 12), true},
	{"clearly not", U(0, 0, 0, 10), U(0, 0, 0, 7), U(0, 0, 0, 12), false},
	{"a tie goes to the decreasing side", U(0, 0, 0, 10), U(0, 0, 0, 8), U(0, 0, 0, 12), true},
	{"and not to the other", U(0, 0, 0, 10), U(0, 0, 0, 12), U(0, 0, 0, 8), false},
	{"round the ring", U(0, 0, 0, 1), U(MAX, MAX, MAX, MAX), U(0, 0, 0, 4), true},
	{"nobody is nearer than himself", U(0, 0, 0, 1), U(0, 0, 0, 4), U(0, 0, 0, 4), false},
};

static void the_nearer_one(void **state)
{
	for (size_t i = 0; i < sizeof(nearer) / sizeof(nearer[0]); i++)
		if (ring_is_nearer(nearer[i].target, nearer[i].x, nearer[i].y) != nearer[i].want)
			fail_msg("%s", nearer[i].what);
}

static void members_are_estimated_from_four_gaps(void **state)
{
	struct u256 below = U(1ull << 60, 0, 0, 0), above = U(1ull << 61, 0, 0, 0);

	assert_near(ring_estimate(0, below, above), 1, 0);
	assert_near(ring_estimate(3, below, above), 4, 0);
	// Four gaps in a sixteenth of the ring: 64 gaps in all.
	assert_near(ring_estimate(4, below, above), 65, 1e-9);
	assert_near(ring_estimate(9, above, below), 4 * 16 / 15. + 1, 1e-9); // over the top
	assert_near(ring_estimate(9, below, below), 10, 0);                  // no span to divide by
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_and_differences_are_modulo_2_to_the_256),
		cmocka_unit_test(what_is_subtracted_can_be_added_again),
		cmocka_unit_test(octets_are_big_endian),
		cmocka_unit_test(bits_and_halves),
		cmocka_unit_test(ranges_go_upward_and_include_their_ends),
		cmocka_unit_test(the_nearer_one),
		cmocka_unit_test(members_are_estimated_from_four_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
