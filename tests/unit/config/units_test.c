#include "tests/unit/config/config_test.h"

#include "config/units.h"

typedef int (*parse_fn)(uint64_t *, const char *, size_t);

struct row {
	const char *text;
	uint64_t value;
	int err;
};

static void check_all(parse_fn parse, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0;
		int err = parse(&v, rows[i].text, strlen(rows[i].text));

		if (err != rows[i].err || v != rows[i].value)
			fail_msg("\"%s\" gave %d, %" PRIu64, rows[i].text, err, v);
	}
}

#define CHECK_ALL(parse, rows) check_all(parse, rows, sizeof(rows) / sizeof(rows[0]))

static void durations_need_a_unit(void **state)
{
	static const struct row rows[] = {
		{"15s", 15000000, 0},   {"100ms", 100000, 0},   {"50us", 50, 0},
		{"2min", 120000000, 0}, {"1h", 3600000000, 0},  {"0s", 0, 0},
		{"2.5s", 2500000, 0},   {"0.25ms", 250, 0},     {"", 0, -EINVAL},
		{"s", 0, -EINVAL},      {"15", 0, -EINVAL},     {"15 s", 0, -EINVAL},
		{" 15s", 0, -EINVAL},   {"15S", 0, -EINVAL},    {"-1s", 0, -EINVAL},
		{"+1s", 0, -EINVAL},    {"1e3s", 0, -EINVAL},   {"1.s", 0, -EINVAL},
		{".5s", 0, -EINVAL},    {"1.2.3s", 0, -EINVAL}, {"1,5s", 0, -EINVAL},
		{"15sec", 0, -EINVAL},  {"1MiB", 0, -EINVAL},
	};

	CHECK_ALL(units_parse_duration, rows);
}

static void what_does_not_fit_is_out_of_range_and_never_wraps(void **state)
{
	static const struct row durations[] = {
		{"0.5us", 0, -ERANGE}, // less than the smallest unit
		{"1.0000001s", 0, -ERANGE},
		{"5124095576h", 18446744073600000000u, 0}, // the last hour below 2^64 us
		{"5124095577h", 0, -ERANGE},
		{"99999999999999999999us", 0, -ERANGE}, // 20 digits
		{"0.00000000000000000001s", 0, -ERANGE},
	};
	static const struct row counts[] = {
		{"9999999999999999999", 9999999999999999999u, 0},
		{"99999999999999999999", 0, -ERANGE},
	};

	CHECK_ALL(units_parse_duration, durations);
	CHECK_ALL(units_parse_count, counts);
}

static void sizes_are_binary_with_an_i_and_decimal_without(void **state)
{
	static const struct row rows[] = {
		{"4096B", 4096, 0},     {"64KiB", 65536, 0},  {"64kB", 64000, 0},
		{"1MiB", 1u << 20, 0},  {"1MB", 1000000, 0},  {"2GiB", 2ull << 30, 0},
		{"2GB", 2000000000, 0}, {"1.5KiB", 1536, 0},  {"64", 0, -EINVAL},
		{"64K", 0, -EINVAL},    {"64KB", 0, -EINVAL}, {"64kib", 0, -EINVAL},
		{"0.3KiB", 0, -ERANGE}, // 307.2 octets
	};

	CHECK_ALL(units_parse_size, rows);
}

static void rates_are_decimal_bits(void **state)
{
	static const struct row rows[] = {
		{"2Mbit/s", 2000000, 0}, {"2.5Mbit/s", 2500000, 0},  {"64kbit/s", 64000, 0},
		{"9600bit/s", 9600, 0},  {"1Gbit/s", 1000000000, 0}, {"2Mbit", 0, -EINVAL},
		{"2MB/s", 0, -EINVAL},   {"2mbit/s", 0, -EINVAL},
	};

	CHECK_ALL(units_parse_rate, rows);
}

static void counts_are_digits_and_nothing_else(void **state)
{
	static const struct row rows[] = {
		{"0", 0, 0},         {"16384", 16384, 0},  {"1.5", 0, -EINVAL},
		{"1.0", 0, -EINVAL}, {"0x10", 0, -EINVAL}, {"1_000", 0, -EINVAL},
		{"", 0, -EINVAL},
	};

	CHECK_ALL(units_parse_count, rows);
}

static void printing_is_exact_and_reads_back(void **state)
{
	static const uint64_t values[] = {
		0, 1, 999, 1000, 1500, 1000000, 90000000, 1u << 20, 3600000000, UINT64_MAX / 1000};
	char text[UNITS_TEXT_SIZE];
	uint64_t v;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		units_print_duration(text, values[i]);
		assert_int_equal(units_parse_duration(&v, text, strlen(text)), 0);
		assert_true(v == values[i]);
		units_print_size(text, values[i]);
		assert_int_equal(units_parse_size(&v, text, strlen(text)), 0);
		assert_true(v == values[i]);
		units_print_rate(text, values[i]);
		assert_int_equal(units_parse_rate(&v, text, strlen(text)), 0);
		assert_true(v == values[i]);
	}
	units_print_duration(text, 1500000);
	assert_string_equal(text, "1500ms");
	units_print_size(text, 256u << 10);
	assert_string_equal(text, "256KiB");
}

static void eyes_get_three_figures(void **state)
{
	char text[UNITS_TEXT_SIZE];

	units_show_duration(text, 950);
	assert_string_equal(text, "950 us");
	units_show_duration(text, 1500);
	assert_string_equal(text, "1.50 ms");
	units_show_duration(text, 12345678);
	assert_string_equal(text, "12.3 s");
	units_show_size(text, 3355443);
	assert_string_equal(text, "3.20 MiB");
	units_show_rate(text, 250000000);
	assert_string_equal(text, "250 Mbit/s");
	units_show_size(text, 0);
	assert_string_equal(text, "0 B");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(what_does_not_fit_is_out_of_range_and_never_wraps),
		cmocka_unit_test(sizes_are_binary_with_an_i_and_decimal_without),
		cmocka_unit_test(rates_are_decimal_bits),
		cmocka_unit_test(counts_are_digits_and_nothing_else),
		cmocka_unit_test(printing_is_exact_and_reads_back),
		cmocka_unit_test(eyes_get_three_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
