// How workers share a byte budget.
#include "control/bin/daemon/quota.h"

#include "tests/support/test.h"

#define PERIOD_US 20000
#define TOTAL     1000000 // a second; 20 000 a period

static void shares_follow_what_is_used(void **state)
{
	static const struct {
		const char *name;
		struct quota_use use[4];
		uint64_t least[4], most[4];
	} rows[] = {
		{"nobody sends",
		 {{0}},
		 {249999, 249999, 249999, 249999},
		 {250001, 250001, 250001, 250001}},
		{"one wants all",
		 {{20000, true}},
		 {900000, 31250, 31250, 31250},
		 {906250, 31250, 31250, 31250}},
		{"two want all",
		 {{10000, true}, {10000, true}},
		 {468750, 468750, 31250, 31250},
		 {468750, 468750, 31250, 31250}},
		// 4000 a period are 200 000 a second, and a quarter more
		{"one is content",
		 {{4000, false}, {16000, true}},
		 {250000, 687500, 31250, 31250},
		 {250000, 687500, 31250, 31250}},
		{"all want all",
		 {{1, true}, {9, true}, {0, true}, {5000, true}},
		 {250000, 250000, 250000, 250000},
		 {250000, 250000, 250000, 250000}},
		{"all used more than there is",
		 {{9000, false}, {9000, false}, {9000, false}, {9000, false}},
		 {250000, 250000, 250000, 250000},
		 {250000, 250000, 250000, 250000}},
		{"little used, the rest in equal parts",
		 {{400, false}, {400, false}, {400, false}, {400, false}},
		 {250000, 250000, 250000, 250000},
		 {250000, 250000, 250000, 250000}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t share[4], sum = 0;

		quota_share(TOTAL, PERIOD_US, rows[i].use, 4, share);
		for (int w = 0; w < 4; w++) {
			sum += share[w];
			assert_row(share[w] >= rows[i].least[w] && share[w] <= rows[i].most[w],
				   rows[i].name);
		}
		assert_row(sum == TOTAL, rows[i].name);
	}
}

// Whatever is asked: all of it is shared out, and nobody is shut out.
static void nothing_is_lost_or_given_twice(void **state)
{
	uint64_t x = 88172645463325252;

	for (int i = 0; i < 100000; i++) {
		struct quota_use use[16];
		uint64_t share[16], sum = 0, total;
		uint32_t n;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		n = x % 16 + 1;
		total = 12500 + (x >> 8) % 12500000000;
		for (uint32_t w = 0; w < n; w++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			use[w] = (struct quota_use){x % (total / 25), x >> 60 == 0};
		}
		quota_share(total, PERIOD_US, use, n, share);
		for (uint32_t w = 0; w < n; w++) {
			sum += share[w];
			assert_true(share[w] >= total / 8 / n);
		}
		assert_true(sum == total);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_follow_what_is_used),
		cmocka_unit_test(nothing_is_lost_or_given_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
