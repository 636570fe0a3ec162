// Limits on strangers.
#include "control/startup/token_bucket.h"
#include "tests/support/test.h"

#define NOW UINT64_C(1000000000)

static unsigned take_n(struct token_bucket *b, const struct token_rate *r, unsigned n, uint64_t at)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		taken += token_take(b, r, at);
	return taken;
}

static void a_burst_and_then_the_rate(void **state)
{
	struct token_rate r = token_rate_of(10, 5);
	struct token_bucket b = {0};

	assert_int_equal(take_n(&b, &r, 100, NOW), 5);
	assert_int_equal(take_n(&b, &r, 100, NOW + 99999), 0);
	assert_int_equal(take_n(&b, &r, 100, NOW + 100000), 1);
	assert_int_equal(take_n(&b, &r, 100, NOW + 400000), 3);
	assert_int_equal(take_n(&b, &r, 100, NOW + 3600000000), 5); // never more than the burst
}

static void many_are_taken_together_or_not_at_all(void **state)
{
	struct token_rate r = token_rate_of(10, 5);
	struct token_bucket b = {0};

	assert_false(token_take_many(&b, &r, 6, NOW));
	assert_true(token_take_many(&b, &r, 3, NOW));
	assert_false(token_take_many(&b, &r, 3, NOW));
	assert_true(token_take_many(&b, &r, 2, NOW));
	assert_false(token_take_many(&b, &r, 3, NOW + 200000));
	assert_true(token_take_many(&b, &r, 3, NOW + 300000));
	assert_true(token_take_many(&b, &r, 0, NOW + 300000));
}

static void a_rate_above_the_clock_still_limits(void **state)
{
	struct token_rate r = token_rate_of(3000000, 2);
	struct token_bucket b = {0};
	unsigned n = 0;

	for (uint64_t at = NOW; at < NOW + 1000; at++)
		n += take_n(&b, &r, 100, at);
	assert_in_range(n, 1000, 3002);
}

static void addresses_are_limited_apart_ports_are_not(void **state)
{
	static const struct {
		const char *name, *first, *second;
		bool is_same;
	} rows[] = {
		{"another port", "192.0.2.1:1", "192.0.2.1:2", true},
		{"another host", "192.0.2.1:1", "192.0.2.2:1", false},
		{"another interface of one site", "[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::9]:1",
		 true},
		{"another site", "[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false},
		{"another family", "0.0.0.0:1", "[::]:1", false},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct token_table *t = token_table_create(64, token_rate_of(1, 1), 5);
		struct wire_addr a, b;

		assert_int_equal(wire_addr_parse(&a, rows[i].first), 0);
		assert_int_equal(wire_addr_parse(&b, rows[i].second), 0);
		assert_row(token_table_take(t, &a, NOW), rows[i].name);
		assert_row(token_table_take(t, &b, NOW) == !rows[i].is_same, rows[i].name);
		token_table_destroy(t);
	}
}

static void a_crowd_pushes_out_who_is_limited_least(void **state)
{
	// One set of 8 rows: the ninth address has to share.
	struct token_table *t = token_table_create(8, token_rate_of(1, 10), 5);
	struct wire_addr a = {.ip = {10, 0, 0, 0}, .family = 4};

	for (uint8_t host = 0; host < 8; host++) {
		a.ip[3] = host;
		for (unsigned i = 0; i <= host; i++)
			assert_true(token_table_take(t, &a, NOW));
	}
	a.ip[3] = 99;
	assert_true(token_table_take(t, &a, NOW));
	a.ip[3] = 7; // had 8 of 10
	assert_true(token_table_take(t, &a, NOW));
	assert_true(token_table_take(t, &a, NOW));
	assert_false(token_table_take(t, &a, NOW));
	a.ip[3] = 0; // had 1, was forgotten
	for (unsigned i = 0; i < 10; i++)
		assert_true(token_table_take(t, &a, NOW));
	token_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_and_then_the_rate),
		cmocka_unit_test(many_are_taken_together_or_not_at_all),
		cmocka_unit_test(a_rate_above_the_clock_still_limits),
		cmocka_unit_test(addresses_are_limited_apart_ports_are_not),
		cmocka_unit_test(a_crowd_pushes_out_who_is_limited_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
