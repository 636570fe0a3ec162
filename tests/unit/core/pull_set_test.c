#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/core/pull_set.h"

static void numbers_come_out_ascending_and_once(void **state)
{
	static const uint64_t in[] = {5000, 3, 512, 511, 5000, 1ull << 40, 3, 4999, 513};
	static const uint64_t out[] = {3, 511, 512, 513, 4999, 5000, 1ull << 40};
	struct pull_pool p;
	struct pull_set s;
	uint64_t no;

	assert_int_equal(pull_pool_init(&p, 8), 0);
	pull_set_init(&s);
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		assert_int_equal(pull_set_add(&p, &s, in[i]), 0);
	assert_int_equal(s.n, sizeof(out) / sizeof(out[0]));
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		assert_true(pull_set_lowest(&p, &s, &no));
		assert_int_equal(no, out[i]);
		pull_set_remove_lowest(&p, &s);
	}
	assert_false(pull_set_lowest(&p, &s, &no));
	assert_int_equal(s.n, 0);
	assert_int_equal(p.idx.n, 0);
	pull_pool_fini(&p);
}

static void a_storm_of_one_neighbour_is_bounded(void **state)
{
	struct pull_pool p;
	struct pull_set s;

	assert_int_equal(pull_pool_init(&p, 2 * PULL_BLOCKS_PER_SET), 0);
	pull_set_init(&s);
	for (uint64_t i = 0; i < PULL_BLOCKS_PER_SET; i++)
		assert_int_equal(pull_set_add(&p, &s, i * PULL_BLOCK_NUMBERS + 9), 0);
	assert_int_equal(pull_set_add(&p, &s, 1ull << 30), -ENOBUFS);
	assert_int_equal(pull_set_add(&p, &s, 10), 0); // beside one that is there
	pull_set_clear(&p, &s);
	assert_int_equal(s.n, 0);
	assert_int_equal(p.idx.n, 0);
	pull_pool_fini(&p);
}

static void the_pool_of_all_neighbours_is_bounded(void **state)
{
	struct pull_pool p;
	struct pull_set a, b;

	assert_int_equal(pull_pool_init(&p, 1), 0);
	pull_set_init(&a);
	pull_set_init(&b);
	assert_int_equal(pull_set_add(&p, &a, 1), 0);
	assert_int_equal(pull_set_add(&p, &b, 1), -ENOBUFS);
	pull_set_remove_lowest(&p, &a);
	assert_int_equal(pull_set_add(&p, &b, 1), 0);
	pull_set_clear(&p, &b);
	pull_pool_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_come_out_ascending_and_once),
		cmocka_unit_test(a_storm_of_one_neighbour_is_bounded),
		cmocka_unit_test(the_pool_of_all_neighbours_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
