#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/core/extents.h"

static void every_extent_is_given_once_and_then_none(void **state)
{
	struct extents *x = extents_create(5, 1);
	uint8_t is_taken[5] = {0};

	for (int i = 0; i < 5; i++) {
		uint32_t idx = extent_get(x);

		assert_in_range(idx, 0, 4);
		assert_int_equal(is_taken[idx]++, 0);
		memset(extent_data(x, idx), i, EXTENT_BYTES);
	}
	assert_int_equal(extent_get(x), EXTENT_NONE);
	assert_int_equal(x->n_extents_free, 0);
	extent_put(x, 3);
	assert_int_equal(extent_get(x), 3);
	extents_destroy(x);
}

// Others may read what a window gives back.
static void an_extent_that_is_lent_is_free_when_all_is_returned(void **state)
{
	struct extents *x = extents_create(2, 1);
	uint32_t idx = extent_get(x);

	extent_lend(x, idx);
	extent_lend(x, idx);
	extent_lend(x, idx);
	extent_returned(x, idx, 1);
	extent_put(x, idx);
	assert_int_equal(x->n_extents_free, 1);
	assert_int_not_equal(extent_get(x), idx);
	assert_int_equal(extent_get(x), EXTENT_NONE);
	extent_returned(x, idx, 2);
	assert_int_equal(x->n_lent, 0);
	assert_int_equal(x->n_extents_free, 1);
	assert_int_equal(extent_get(x), idx);
	extent_put(x, idx); // and its next life begins with nothing lent
	assert_int_equal(x->n_extents_free, 1);
	extents_destroy(x);
}

static void an_index_block_comes_back_empty(void **state)
{
	struct extents *x = extents_create(1, 0);
	uint32_t a = index_block_get(x), b = index_block_get(x);

	assert_int_not_equal(a, EXTENT_NONE);
	assert_int_not_equal(b, EXTENT_NONE);
	assert_int_equal(index_block_get(x), EXTENT_NONE);
	memset(&x->blocks[a], 0xff, sizeof(x->blocks[a]));
	index_block_put(x, a);
	assert_int_equal(index_block_get(x), a);
	for (int i = 0; i < BLOCK_NUMBERS; i++)
		assert_int_equal(x->blocks[a].entry[i], 0);
	extents_destroy(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_extent_is_given_once_and_then_none),
		cmocka_unit_test(an_extent_that_is_lent_is_free_when_all_is_returned),
		cmocka_unit_test(an_index_block_comes_back_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
