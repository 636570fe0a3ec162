#include "dataplane/wire/spx_object.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

// 2^53 as a VLU: the highest index (OR-1); and one more.
#define HIGHEST "90 80 80 80 80 80 80 00"
#define BEYOND  "90 80 80 80 80 80 80 01"

static void ranges_are_ascending_and_apart(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
		uint32_t n;
		struct index_range last;
	} rows[] = {
		{"nothing", "80 01 01 01 00", 0, 0, {0}},
		{"index 0", "80 01 01 01 01 00 00", 0, 1, {0, 0}},
		{"two, with one index between", "80 01 01 01 02 00 01 01 02", 0, 2, {3, 5}},
		{"two that touch", "80 01 01 01 02 00 01 00 02", -EBADMSG, 0, {0}},
		{"everything", "80 01 05 01 01 00 " HIGHEST, 0, 1, {0, OBJECT_INDEX_MAX}},
		{"the highest alone",
		 "80 01 05 01 01 " HIGHEST " 00",
		 0,
		 1,
		 {OBJECT_INDEX_MAX, OBJECT_INDEX_MAX}},
		{"one beyond", "80 01 05 01 01 " BEYOND " 00", -EBADMSG, 0, {0}},
		{"an end beyond", "80 01 05 01 01 01 " HIGHEST, -EBADMSG, 0, {0}},
		{"a sum that overflows",
		 "80 01 05 01 01 81ffffffffffffffff7f 01",
		 -EBADMSG,
		 0,
		 {0}},
		{"one fewer than it says", "80 01 01 01 02 00 01", -EBADMSG, 0, {0}},
		{"one more", "80 01 01 01 01 00 00 01 00", -EBADMSG, 0, {0}},
		{"513 of them", "80 01 01 01 8401", -EBADMSG, 0, {0}},
		{"a flag that nobody knows", "80 01 08 01 00", -EBADMSG, 0, {0}},
		{"another version", "80 02 01 01 00", -EBADMSG, 0, {0}},
	};
	uint8_t buf[64], out[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct index_range ranges[4] = {0};
		struct object_have h;
		uint32_t n = 0;

		assert_row(object_have_read(&h, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		while (object_range_next(&h.ranges, &ranges[n]))
			n++;
		assert_row(n == rows[i].n, rows[i].claim);
		if (n > 0) {
			assert_row(ranges[n - 1].first == rows[i].last.first, rows[i].claim);
			assert_row(ranges[n - 1].last == rows[i].last.last, rows[i].claim);
		}
		assert_row(object_have_write(&w, h.flags, h.seq, ranges, n) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
		w = wr_over(out, w.len - 1);
		assert_row(object_have_write(&w, h.flags, h.seq, ranges, n) == -ENOBUFS &&
				   w.len == 0,
			   rows[i].claim);
	}
}

static void a_full_list_fits_its_buffer(void **state)
{
	static struct index_range ranges[OBJECT_RANGES_MAX];
	static uint8_t out[OBJECT_HAVE_LEN_MAX];
	struct wr w = wr_over(out, sizeof(out));
	struct index_range r;
	struct object_have h;
	uint32_t n = 0;

	for (uint32_t i = 0; i < OBJECT_RANGES_MAX; i++)
		ranges[i].first = ranges[i].last =
			OBJECT_INDEX_MAX - 2 * (OBJECT_RANGES_MAX - 1 - i);
	assert_int_equal(
		object_have_write(&w, OBJECT_HAVE_SNAPSHOT, UINT64_MAX, ranges, OBJECT_RANGES_MAX),
		0);
	assert_int_equal(object_have_read(&h, wr_span(&w)), 0);
	while (object_range_next(&h.ranges, &r)) {
		assert_true(r.first == ranges[n].first && r.last == ranges[n].last);
		n++;
	}
	assert_int_equal(n, OBJECT_RANGES_MAX);
}

static void changes(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
		uint8_t op;
	} rows[] = {
		{"came", "81 01 00 02 01 05 00", 0, OBJECT_ADD},
		{"went", "81 01 01 8100 01 05 00", 0, OBJECT_REMOVE},
		{"nothing", "81 01 00 02 00", -EBADMSG, 0},
		{"did what?", "81 01 02 02 01 05 00", -EBADMSG, 0},
	};
	uint8_t buf[64], out[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct index_range r;
		struct object_have h;

		assert_row(object_delta_read(&h, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(h.op == rows[i].op && object_range_next(&h.ranges, &r), rows[i].claim);
		assert_row(object_delta_write(&w, (enum object_delta_op)h.op, h.seq, &r, 1) == 0,
			   rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
	}
}

static void interest(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
		bool is_interested;
	} rows[] = {
		{"in everything", "82 01 01 00", 0, true},
		{"no more", "82 01 00 00", 0, false},
		{"neither", "82 01 02 00", -EBADMSG, false},
		{"cut", "82 01 01", -EBADMSG, false},
	};
	uint8_t buf[64], out[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct object_want want;

		assert_row(object_want_read(&want, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(want.is_interested == rows[i].is_interested, rows[i].claim);
		assert_row(object_want_write(&w, want.is_interested, NULL, 0) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
	}
}

static void requests_and_their_ends(void **state)
{
	static const struct {
		const char *claim, *message;
		enum spx_type type;
		int err;
		uint64_t index;
		uint8_t reason;
	} rows[] = {
		{"request", "83 01 07 8100", SPX_REQUEST, 0, 128, 0},
		{"of the highest", "83 01 07 " HIGHEST, SPX_REQUEST, 0, OBJECT_INDEX_MAX, 0},
		{"beyond it", "83 01 07 " BEYOND, SPX_REQUEST, -EBADMSG, 0, 0},
		{"of nothing", "83 01 07", SPX_REQUEST, -EBADMSG, 0, 0},
		{"and more", "83 01 07 01 00", SPX_REQUEST, -EBADMSG, 0, 0},
		{"denied", "84 01 07 00", SPX_DENY, 0, 0, OBJECT_DENY_DENIED},
		{"over a limit", "84 01 07 03", SPX_DENY, 0, 0, OBJECT_DENY_LIMIT},
		{"for a reason that nobody knows", "84 01 07 04", SPX_DENY, -EBADMSG, 0, 0},
		{"cancelled", "85 01 07", SPX_CANCEL, 0, 0, 0},
		{"not a cancel", "85 01 07 00", SPX_CANCEL, -EBADMSG, 0, 0},
		{"another type", "85 01 07", SPX_DENY, -EBADMSG, 0, 0},
	};
	uint8_t buf[64], out[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct object_request q;

		assert_row(object_request_read(&q, rows[i].type, HEX(buf, rows[i].message)) ==
				   rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(q.request == 7 && q.index == rows[i].index && q.reason == rows[i].reason,
			   rows[i].claim);
		assert_row(object_request_write(&w, rows[i].type, &q) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
	}
}

static void an_object(void **state)
{
	static uint8_t big[OBJECT_DATA_HEAD_MAX + OBJECT_LEN_MAX + 1];
	static uint8_t octets[OBJECT_LEN_MAX + 1];
	static const struct {
		const char *claim, *message;
		int err;
	} rows[] = {
		{"opaque", "86 01 07 8100 02 6162", 0},
		{"AMF3", "86 01 07 00 00 01", 0},
		{"in a way that nobody knows", "86 01 07 00 03 01", -EBADMSG},
		{"empty", "86 01 07 00 02", -EBADMSG},
		{"beyond the indices", "86 01 07 " BEYOND " 02 6162", -EBADMSG},
	};
	uint8_t buf[64], out[64];
	struct object_data d;
	struct wr w;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		w = wr_over(out, sizeof(out));
		assert_row(object_data_read(&d, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(object_data_write(&w, &d) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
	}
	for (uint32_t more = 0; more < 2; more++) { // the biggest, and one octet beyond
		d = (struct object_data){.object = span_of(octets, OBJECT_LEN_MAX + more)};
		w = wr_over(big, sizeof(big));
		assert_int_equal(object_data_write(&w, &d), 0);
		assert_int_equal(object_data_read(&d, wr_span(&w)), more == 0 ? 0 : -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_ascending_and_apart),
		cmocka_unit_test(a_full_list_fits_its_buffer),
		cmocka_unit_test(changes),
		cmocka_unit_test(interest),
		cmocka_unit_test(requests_and_their_ends),
		cmocka_unit_test(an_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
