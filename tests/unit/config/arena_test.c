#include "tests/unit/config/config_test.h"

#include "config/arena.h"

static void memory_is_zeroed_aligned_and_stays_where_it_is(void **state)
{
	struct arena a = {0};
	uint8_t *blocks[300];

	for (size_t i = 0; i < N(blocks); i++) { // several chunks' worth
		blocks[i] = arena_alloc(&a, 200 + i);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < 200 + i; k++)
			assert_int_equal(blocks[i][k], 0);
		memset(blocks[i], (int)i, 200 + i);
	}
	for (size_t i = 0; i < N(blocks); i++)
		for (size_t k = 0; k < 200 + i; k++)
			assert_int_equal(blocks[i][k], (uint8_t)i);
	arena_free(&a);
	assert_null(a.chunks);
}

static void one_block_may_be_larger_than_a_chunk(void **state)
{
	struct arena a = {0};
	uint8_t *small = arena_alloc(&a, 1), *large = arena_alloc(&a, 1 << 20);

	assert_non_null(small);
	assert_non_null(large);
	memset(large, 0xee, 1 << 20);
	assert_int_equal(*small, 0);
	arena_free(&a);
}

static void a_size_that_no_machine_has_gives_null(void **state)
{
	struct arena a = {0};

	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 64));
	assert_null(arena_copy(&a, "x", SIZE_MAX));
	arena_free(&a);
}

static void a_copy_ends_with_a_zero(void **state)
{
	struct arena a = {0};

	assert_string_equal(arena_copy(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_copy(&a, NULL, 0), "");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_stays_where_it_is),
		cmocka_unit_test(one_block_may_be_larger_than_a_chunk),
		cmocka_unit_test(a_size_that_no_machine_has_gives_null),
		cmocka_unit_test(a_copy_ends_with_a_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
