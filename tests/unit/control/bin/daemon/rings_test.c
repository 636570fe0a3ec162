#include "control/bin/daemon/rings.h"

#include "tests/support/test.h"

static void every_worker_has_its_own_rings(void **state)
{
	struct rings r;
	struct engine_opts a = {0}, b = {0};

	assert_int_equal(rings_init(&r, 3, 0), 0);
	rings_lend(&r, 0, &a);
	rings_lend(&r, 2, &b);
	assert_int_equal(a.worker, 0);
	assert_int_equal(b.worker, 2);
	assert_int_equal(a.n_workers, 3);
	assert_non_null(a.commands);
	assert_non_null(a.reports);
	assert_ptr_not_equal(a.commands, b.commands);
	assert_ptr_not_equal(a.reports, b.reports);
	rings_fini(&r);
}

static void what_one_hands_over_the_other_is_handed(void **state)
{
	struct rings r;
	struct engine_opts o[3] = {{0}};

	assert_int_equal(rings_init(&r, 3, 0), 0);
	for (uint32_t w = 0; w < 3; w++)
		rings_lend(&r, w, &o[w]);
	for (uint32_t from = 0; from < 3; from++)
		for (uint32_t to = 0; to < 3; to++) {
			assert_ptr_equal(o[from].handoff_to[to], o[to].handoff_from[from]);
			if (from == to) // nobody hands over to himself
				assert_null(o[from].handoff_to[to]);
			else
				assert_non_null(o[from].handoff_to[to]);
		}
	assert_ptr_not_equal(o[0].handoff_to[1], o[1].handoff_to[0]); // one ring each way
	rings_fini(&r);
}

static void rings_may_be_given_back_twice(void **state)
{
	struct rings r;

	assert_int_equal(rings_init(&r, 1, 0), 0);
	rings_fini(&r);
	rings_fini(&r);
	assert_int_equal(r.n_workers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_worker_has_its_own_rings),
		cmocka_unit_test(what_one_hands_over_the_other_is_handed),
		cmocka_unit_test(rings_may_be_given_back_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
