#include "tests/unit/config/config_test.h"

#include "config/cpus.h"

static void ranges_and_single_cores_keep_their_order(void **state)
{
	static const struct {
		const char *text;
		unsigned n;
		uint16_t cores[8];
	} rows[] = {
		{"", 0, {0}},          {"0", 1, {0}},
		{"2-4", 3, {2, 3, 4}}, {"7,1-2,5", 4, {7, 1, 2, 5}},
		{"1023", 1, {1023}},   {"3-3", 1, {3}},
	};

	for (size_t i = 0; i < N(rows); i++) {
		uint16_t cores[8];
		unsigned n = 99;

		assert_int_equal(cpus_parse(cores, 8, &n, rows[i].text, strlen(rows[i].text)), 0);
		assert_int_equal(n, rows[i].n);
		assert_memory_equal(cores, rows[i].cores, n * sizeof(cores[0]));
	}
}

static void anything_else_is_refused(void **state)
{
	static const char *const bad[] = {",",   "1,",    "1,,2", "-1",  "1-",    "3-1",  "1 ",
					  "0x1", "1-2-3", "a",    "1,1", "1-3,2", "1024", "0-8"};
	uint16_t cores[8];
	unsigned n;

	for (size_t i = 0; i < N(bad); i++)
		if (cpus_parse(cores, 8, &n, bad[i], strlen(bad[i])) != -EINVAL)
			fail_msg("took \"%s\"", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_and_single_cores_keep_their_order),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
