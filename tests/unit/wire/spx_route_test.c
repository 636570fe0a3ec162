#include "dataplane/wire/spx_route.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

#define FROM "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define TO   "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

static void a_message_for_one_hop(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
		uint8_t mode;
	} rows[] = {
		{"to the nearest", "70 01 00 00 " TO "06 03 61", 0, ROUTE_NEAREST},
		{"to all", "70 01 03 00 " TO "06", 0, ROUTE_ALL_NEIGHBOURS},
		{"a mode that nobody knows", "70 01 04 00 " TO "06", -EBADMSG, 0},
		{"no message", "70 01 00 00 " TO, -EBADMSG, 0},
		{"no target", "70 01 00 00 0001", -EBADMSG, 0},
		{"another version", "70 00 00 00 " TO "06", -EBADMSG, 0},
		{"another message", "72 01 00 00 " TO "06", -EBADMSG, 0},
	};
	uint8_t buf[64], out[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct route_msg m;

		assert_row(route_read(&m, HEX(buf, rows[i].message)) == rows[i].err, rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(m.mode == rows[i].mode, rows[i].claim);
		assert_row(is_hex(span_of(m.target, GROUP_ADDRESS_LEN), TO), rows[i].claim);
		assert_row(route_write(&w, &m) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
		w = wr_over(out, w.len - 1);
		assert_row(route_write(&w, &m) == -ENOBUFS && w.len == 0, rows[i].claim);
	}
}

static void flags_that_will_be_are_not_an_error(void **state)
{
	struct route_msg m;
	uint8_t buf[64];

	assert_int_equal(route_read(&m, HEX(buf, "70 01 00 80 " TO "06")), 0);
}

static void a_message_that_finds_its_way(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
		enum route_way way;
	} rows[] = {
		{"with all hops", "72 01 40 00 0102030405060708 " TO FROM "06 03 61", 0,
		 ROUTE_NEARER},
		{"with none left", "72 01 00 22 0102030405060708 " TO FROM "06", 0, ROUTE_NEARER},
		{"aside", "73 01 40 00 0102030405060708 " TO FROM "06", 0, ROUTE_ASIDE},
		{"back", "74 01 40 00 0102030405060708 " TO FROM "06", 0, ROUTE_BACK},
		{"none of them", "75 01 40 00 0102030405060708 " TO FROM "06", -EBADMSG, 0},
		{"a message for one hop", "70 01 40 00 0102030405060708 " TO FROM "06", -EBADMSG,
		 0},
		{"with too many", "72 01 41 00 0102030405060708 " TO FROM "06", -EBADMSG, 0},
		{"aside with too many", "73 01 41 00 0102030405060708 " TO FROM "06", -EBADMSG, 0},
		{"without message", "72 01 40 00 0102030405060708 " TO FROM, -EBADMSG, 0},
		{"without origin", "72 01 40 00 0102030405060708 " TO "06", -EBADMSG, 0},
	};
	uint8_t buf[128], out[128];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct route_far f;

		assert_row(route_far_read(&f, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(is_hex(span_of(f.origin, GROUP_ADDRESS_LEN), FROM), rows[i].claim);
		assert_row(f.way == rows[i].way, rows[i].claim);
		assert_row(f.hops == (f.hops_left > 0 ? 0 : 0x22), rows[i].claim);
		assert_row(route_far_write(&w, &f) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
	}
}

static void messages_have_a_greatest_length(void **state)
{
	static const uint8_t octets[ROUTE_LEN_MAX + 1];
	static uint8_t out[ROUTE_FAR_HEAD_LEN + ROUTE_LEN_MAX + 1];
	struct route_msg m = {.message = span_of(octets, ROUTE_LEN_MAX)};
	struct route_far f = {.message = span_of(octets, ROUTE_LEN_MAX)};
	struct wr w = wr_over(out, sizeof(out));

	assert_int_equal(route_write(&w, &m), 0);
	assert_int_equal(w.len, ROUTE_HEAD_LEN + ROUTE_LEN_MAX);
	assert_int_equal(route_read(&m, wr_span(&w)), 0);
	m.message.len++;
	w = wr_over(out, sizeof(out));
	assert_int_equal(route_write(&w, &m), 0);
	assert_int_equal(route_read(&m, wr_span(&w)), -EBADMSG);
	w = wr_over(out, sizeof(out));
	assert_int_equal(route_far_write(&w, &f), 0);
	assert_int_equal(w.len, ROUTE_FAR_HEAD_LEN + ROUTE_LEN_MAX);
	assert_int_equal(route_far_read(&f, wr_span(&w)), 0);
}

static void coverage(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
		bool is_nearest;
	} rows[] = {
		{"exact", "71 01 00 " FROM FROM, 0, false},
		{"nearest", "71 01 01 " FROM TO, 0, true},
		{"a mode that nobody knows", "71 01 02 " FROM TO, -EBADMSG, false},
		{"cut", "71 01 01 " FROM, -EBADMSG, false},
	};
	uint8_t buf[80], out[80];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct route_coverage c;

		assert_row(route_coverage_read(&c, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(c.is_nearest == rows[i].is_nearest, rows[i].claim);
		assert_row(route_coverage_write(&w, &c) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_for_one_hop),
		cmocka_unit_test(flags_that_will_be_are_not_an_error),
		cmocka_unit_test(a_message_that_finds_its_way),
		cmocka_unit_test(messages_have_a_greatest_length),
		cmocka_unit_test(coverage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
