#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/group/fragment_store.h"

static int put(struct fragment_store *s, uint64_t number, uint8_t flags, size_t len)
{
	static const uint8_t octets[64];
	struct stream_fragment f = {.flags = flags, .number = number, .payload = {octets, len}};

	return fragment_store_put(s, &f, number * 10);
}

static void bounds_are_kept(void **state)
{
	const struct {
		const char *what;
		uint64_t number;
		size_t len;
		int want;
	} steps[] = {
		{"anywhere to begin with", 5000, 10, 0},
		{"the same again", 5000, 10, -EEXIST},
		{"as far above as the ring goes", 5511, 10, 0},
		{"one more", 5512, 10, -ENOBUFS},
		{"below, but now too far from the highest", 4999, 10, -ENOBUFS},
		{"empty ones cost no octets", 5001, 0, 0},
		{"octets: up to the limit", 5002, 44, 0},
		{"octets: not beyond", 5003, 37, -ENOBUFS},
		{"octets: exactly", 5003, 36, 0},
		{"numbers that could wrap", UINT64_MAX, 0, -ENOBUFS},
	};
	struct fragment_store s;

	fragment_store_init(&s, 512, 100);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (put(&s, steps[i].number, STREAM_FRAGMENT_FIRST, steps[i].len) != steps[i].want)
			fail_msg("%s", steps[i].what);
	assert_int_equal(s.n, 5);
	assert_int_equal(s.bytes, 100);
	fragment_store_clear(&s);
}

static void everything_survives_growth_and_goes_from_below(void **state)
{
	struct fragment_store s;

	fragment_store_init(&s, 4096, 1 << 20);
	for (uint64_t i = 300; i < 2300; i += 2)
		assert_int_equal(put(&s, i, STREAM_FRAGMENT_FIRST, i % 64), 0);
	for (uint64_t i = 300; i < 2300; i++) {
		const struct held_fragment *h = fragment_store_get(&s, i);

		assert_int_equal(h != NULL, i % 2 == 0);
		if (h != NULL)
			assert_int_equal(h->len, i % 64);
	}
	fragment_store_drop_below(&s, 1301);
	assert_null(fragment_store_get(&s, 1300));
	assert_int_equal(fragment_store_next(&s, 0), 1302);
	assert_int_equal(fragment_store_next(&s, 1303), 1304);
	assert_int_equal(fragment_store_next(&s, 2299), 0);
	assert_int_equal(s.n, 499);
	fragment_store_drop_below(&s, UINT64_MAX);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.bytes, 0);
	assert_int_equal(put(&s, 9000000, 0, 1), 0); // an empty store begins anywhere
	fragment_store_clear(&s);
}

// A player that waits before a hole asks for what lies behind it in every turn: that costs nothing then.
static void the_lowest_is_one_that_is_held(void **state)
{
	struct fragment_store s;

	fragment_store_init(&s, 512, 1000);
	put(&s, 100, STREAM_FRAGMENT_FIRST, 1);
	put(&s, 400, STREAM_FRAGMENT_FIRST, 1);
	fragment_store_drop_below(&s, 101);
	assert_int_equal(s.lowest, 400);
	assert_int_equal(fragment_store_next(&s, 101), 400);
	assert_null(fragment_store_get(&s, 101));
	assert_int_equal(put(&s, 101, STREAM_FRAGMENT_FIRST, 1), 0); // the hole may yet be filled
	assert_int_equal(s.lowest, 101);
	fragment_store_drop_below(&s, 500);
	assert_int_equal(s.n, 0);
	assert_int_equal(fragment_store_next(&s, 0), 0);
	fragment_store_clear(&s);
}

static void whole_messages_are_told_from_others(void **state)
{
	enum { F = STREAM_FRAGMENT_FIRST, M = STREAM_FRAGMENT_MORE };
	static const struct {
		const char *what;
		int flags[5]; // of numbers 10.., -1: missing
		uint32_t n;
		uint64_t missing;
	} cases[] = {
		{"one fragment", {F}, 1, 0},
		{"three", {F | M, M, 0}, 3, 0},
		{"the last is missing", {F | M, M, -1}, 0, 12},
		{"the middle is missing", {F | M, -1, 0}, 0, 11},
		{"cut short by the next", {F | M, M, F}, 0, 0},
		{"nothing there", {-1}, 0, 10},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fragment_store s;
		uint64_t missing;

		fragment_store_init(&s, 512, 1 << 20);
		put(&s, 9, F, 1);
		put(&s, 20, F, 1);
		for (int k = 0; k < 5; k++)
			if (cases[i].flags[k] >= 0)
				put(&s, 10 + k, (uint8_t)cases[i].flags[k], 1);
		if (fragment_store_whole(&s, 10, &missing) != cases[i].n ||
		    missing != cases[i].missing)
			fail_msg("%s", cases[i].what);
		fragment_store_clear(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_are_kept),
		cmocka_unit_test(everything_survives_growth_and_goes_from_below),
		cmocka_unit_test(the_lowest_is_one_that_is_held),
		cmocka_unit_test(whole_messages_are_told_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
