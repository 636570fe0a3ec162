#include "dataplane/wire/cursor.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static void integers_are_big_endian(void **state)
{
	uint8_t buf[15];
	struct rd r = rd_over_span(HEX(buf, "01 0203 04050607 08090a0b0c0d0e0f"));

	assert_int_equal(rd_u8(&r), 0x01);
	assert_int_equal(rd_u16(&r), 0x0203);
	assert_int_equal(rd_u32(&r), 0x04050607);
	assert_true(rd_u64(&r) == 0x08090a0b0c0d0e0f);
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(rd_err(&r), 0);
}

static void first_failure_sticks(void **state)
{
	uint8_t buf[3];
	struct rd r = rd_over_span(HEX(buf, "aabbcc"));

	assert_int_equal(rd_u32(&r), 0);
	assert_int_equal(rd_err(&r), -EBADMSG);
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(rd_u8(&r), 0); // though an octet was there
	assert_int_equal(rd_rest(&r).len, 0);
	assert_int_equal(rd_err(&r), -EBADMSG);
}

static void spans_never_exceed_their_container(void **state)
{
	static const struct {
		const char *claim, *octets;
		size_t len;
		int err;
	} rows[] = {
		{"length, then so many octets", "02 aabb cc", 2, 0},
		{"zero length", "00 aa", 0, 0},
		{"one too long", "03 aabb", 0, -EBADMSG},
		{"2^64 - 1 octets", "81ffffffffffffffff7f aa", 0, -EBADMSG},
		{"the length itself is cut", "81", 0, -EBADMSG},
	};
	uint8_t buf[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rd r = rd_over_span(HEX(buf, rows[i].octets));
		struct span s = rd_span_vlu(&r);

		assert_row(s.len == rows[i].len, rows[i].claim);
		assert_row(rd_err(&r) == rows[i].err, rows[i].claim);
	}
}

static void copy_is_all_or_zero(void **state)
{
	uint8_t buf[3], dst[4] = {9, 9, 9, 9};
	struct rd r = rd_over_span(HEX(buf, "aabbcc"));

	rd_copy(&r, dst, 2);
	assert_true(is_hex(span_of(dst, 4), "aabb0909"));
	rd_copy(&r, dst, 4);
	assert_true(is_hex(span_of(dst, 4), "00000000"));
	assert_int_equal(rd_err(&r), -EBADMSG);
}

static void an_empty_cursor_may_stand_on_null(void **state)
{
	struct rd r = rd_over(NULL, 0);

	assert_int_equal(rd_rest(&r).len, 0);
	assert_int_equal(rd_bytes(&r, 0).len, 0);
	assert_int_equal(rd_err(&r), 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_int_equal(rd_err(&r), -EBADMSG);
}

static void writing_mirrors_reading(void **state)
{
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));

	wr_u8(&w, 1);
	wr_u16(&w, 0x0203);
	wr_u32(&w, 0x04050607);
	wr_u64(&w, 0x08090a0b0c0d0e0f);
	wr_vlu(&w, 300);
	wr_span_vlu(&w, span_of("ab", 2));
	wr_span_vlu(&w, span_of(NULL, 0));
	assert_true(is_hex(wr_span(&w), "01 0203 04050607 08090a0b0c0d0e0f 822c 026162 00"));
	assert_int_equal(wr_left(&w), sizeof(buf) - 21);
	assert_int_equal(wr_err(&w), 0);
}

static void overflow_sticks_and_writes_nothing(void **state)
{
	uint8_t buf[4] = {0};
	struct wr w = wr_over(buf, 3);

	wr_u16(&w, 0xaabb);
	wr_u16(&w, 0xccdd);
	assert_int_equal(wr_err(&w), -ENOBUFS);
	wr_u8(&w, 0xee); // would have fitted
	assert_true(is_hex(wr_span(&w), "aabb"));
	assert_true(is_hex(span_of(buf, 4), "aabb0000"));
	assert_int_equal(wr_left(&w), 0);
}

static void rollback_forgets_octets_and_errors_since_the_mark(void **state)
{
	uint8_t buf[3];
	struct wr w = wr_over(buf, sizeof(buf));
	struct wr_point p;

	wr_u8(&w, 1);
	p = wr_mark(&w);
	wr_u32(&w, 2);
	assert_int_equal(wr_finish(&w, p), -ENOBUFS);
	assert_int_equal(wr_err(&w), 0);
	wr_u16(&w, 0x0203);
	assert_true(is_hex(wr_span(&w), "010203"));
}

static void rollback_keeps_an_error_from_before_the_mark(void **state)
{
	uint8_t buf[1];
	struct wr w = wr_over(buf, sizeof(buf));
	struct wr_point p;

	wr_u16(&w, 1);
	p = wr_mark(&w);
	wr_u8(&w, 1);
	wr_rollback(&w, p);
	assert_int_equal(wr_err(&w), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian),
		cmocka_unit_test(first_failure_sticks),
		cmocka_unit_test(spans_never_exceed_their_container),
		cmocka_unit_test(copy_is_all_or_zero),
		cmocka_unit_test(an_empty_cursor_may_stand_on_null),
		cmocka_unit_test(writing_mirrors_reading),
		cmocka_unit_test(overflow_sticks_and_writes_nothing),
		cmocka_unit_test(rollback_forgets_octets_and_errors_since_the_mark),
		cmocka_unit_test(rollback_keeps_an_error_from_before_the_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
