#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/group/stream_table.h"

static void an_index_rests_before_it_is_used_again(void **state)
{
	struct stream_table *t = stream_table_create(2);
	struct gstream *a = (void *)&t, *b = (void *)&a; // anything
	uint16_t i, j, k;

	assert_true(stream_table_take(t, a, &i, 1000));
	assert_true(stream_table_take(t, b, &j, 1000));
	assert_int_not_equal(i, j);
	assert_ptr_equal(stream_table_at(t, i), a);
	assert_ptr_equal(stream_table_at(t, j), b);
	assert_false(stream_table_take(t, a, &k, 1000));
	stream_table_give(t, i, 5000);
	assert_null(stream_table_at(t, i));
	assert_false(stream_table_take(t, a, &k, 5000 + 1999999));
	assert_true(stream_table_take(t, a, &k, 5000 + 2000000));
	assert_int_equal(k, i);
	stream_table_destroy(t);
}

static void indices_beyond_are_nobodys(void **state)
{
	struct stream_table *t = stream_table_create(2);

	assert_null(stream_table_at(t, 0));
	assert_null(stream_table_at(t, 2));
	assert_null(stream_table_at(t, UINT16_MAX));
	stream_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_rests_before_it_is_used_again),
		cmocka_unit_test(indices_beyond_are_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
