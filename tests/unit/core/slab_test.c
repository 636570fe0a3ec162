#include <stdbool.h>

#include "dataplane/core/slab.h"
#include "dataplane/core/idx_pool.h"
#include "tests/support/test.h"

static void each_size_has_its_own_bound(void **state)
{
	const uint32_t n[SLAB_SIZES] = {4, 3, 2, 1};
	struct slabs *s = slabs_create(n);
	void *taken[SLAB_SIZES][4];

	assert_non_null(s);
	for (enum slab_size size = SLAB_128; size < SLAB_SIZES; size++) {
		for (uint32_t i = 0; i < n[size]; i++) {
			taken[size][i] = slab_get(s, size);
			assert_non_null(taken[size][i]);
			assert_int_equal((uintptr_t)taken[size][i] % 64, 0);
			memset(taken[size][i], 0xff, slab_bytes(size));
		}
		assert_null(slab_get(s, size));
	}
	assert_int_equal(slabs_lent(s), 10);
	for (enum slab_size size = SLAB_128; size < SLAB_SIZES; size++)
		for (uint32_t i = 0; i < n[size]; i++)
			slab_put(s, size, taken[size][i]);
	assert_int_equal(slabs_lent(s), 0);
	slabs_destroy(s);
}

static void what_came_back_last_is_lent_first(void **state)
{
	const uint32_t n[SLAB_SIZES] = {[SLAB_1K] = 8};
	struct slabs *s = slabs_create(n);
	void *a = slab_get(s, SLAB_1K), *b = slab_get(s, SLAB_1K);

	slab_put(s, SLAB_1K, a);
	slab_put(s, SLAB_1K, b);
	assert_ptr_equal(slab_get(s, SLAB_1K), b);
	assert_ptr_equal(slab_get(s, SLAB_1K), a);
	slab_put(s, SLAB_1K, a);
	slab_put(s, SLAB_1K, b);
	slabs_destroy(s);
}

static void indices_are_lent_once(void **state)
{
	struct idx_pool p;
	bool lent[100] = {false};

	assert_int_equal(idx_pool_init(&p, 100), 0);
	for (int i = 0; i < 100; i++) {
		uint32_t idx = idx_get(&p);

		assert_true(idx < 100 && !lent[idx]);
		lent[idx] = true;
	}
	assert_int_equal(idx_get(&p), IDX_NONE);
	idx_put(&p, 42);
	assert_int_equal(idx_get(&p), 42);
	assert_int_equal(p.n, 100);
	idx_pool_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_size_has_its_own_bound),
		cmocka_unit_test(what_came_back_last_is_lent_first),
		cmocka_unit_test(indices_are_lent_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
