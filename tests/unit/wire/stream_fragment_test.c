#include "dataplane/wire/stream_fragment.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static void the_four_shapes(void **state)
{
	static const struct {
		const char *claim, *message;
		struct stream_fragment want;
		const char *payload;
	} rows[] = {
		{"a whole message", "20 05 09 00000032 aabb", {0x20, 0, false, 9, 50, 5}, "aabb"},
		{"the first, 3 to follow",
		 "30 05 03 09 00000032 aabb",
		 {0x30, 3, false, 9, 50, 5},
		 "aabb"},
		{"in the middle", "10 06 02 aabb", {0x10, 2, false, 0, 0, 6}, "aabb"},
		{"the last", "00 08 aabb", {0x00, 0, false, 0, 0, 8}, "aabb"},
		{"an empty body",
		 "20 822c 12 ffffffff",
		 {0x20, 0, false, 0x12, UINT32_MAX, 300},
		 ""},
		{"255 to follow", "30 05 ff 08 00000000", {0x30, 255, false, 8, 0, 5}, ""},
		{"without n: a type, then no type",
		 "30 05 09 00000032 aabb",
		 {0x30, 0, true, 9, 50, 5},
		 "aabb"},
		{"n = 9 before a command",
		 "30 05 09 11 00000032 aabb",
		 {0x30, 9, false, 0x11, 50, 5},
		 "aabb"},
		{"n = 8 before audio", "30 05 08 08 00000032 aa", {0x30, 8, false, 8, 50, 5}, "aa"},
		{"n = 15 is never taken for a type",
		 "30 05 0f 00 00000032 aa",
		 {0x30, 15, false, 0, 50, 5},
		 "aa"},
		{"in the middle nothing is missing",
		 "10 06 09 00aabb",
		 {0x10, 9, false, 0, 0, 6},
		 "00aabb"},
	};
	uint8_t buf[32], out[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct stream_fragment *want = &rows[i].want;
		struct wr w = wr_over(out, sizeof(out));
		struct stream_fragment f;

		assert_row(stream_fragment_read(&f, HEX(buf, rows[i].message)) == 0, rows[i].claim);
		assert_row(f.flags == want->flags && f.n_more == want->n_more, rows[i].claim);
		assert_row(f.is_n_missing == want->is_n_missing, rows[i].claim);
		assert_row(f.type == want->type && f.timestamp == want->timestamp, rows[i].claim);
		assert_row(f.number == want->number, rows[i].claim);
		assert_row(is_hex(f.payload, rows[i].payload), rows[i].claim);
		assert_row(stream_fragment_write(&w, &f) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
	}
}

static void what_is_no_fragment(void **state)
{
	static const struct {
		const char *claim, *message;
	} rows[] = {
		{"no message", ""},
		{"an unknown marker", "40 05 aabb"},
		{"a marker with another bit", "21 05 09 00000032 aabb"},
		{"no number", "20"},
		{"number 0", "20 00 09 00000032 aabb"},
		{"number cut", "00 82"},
		{"no type", "20 05"},
		{"time cut", "20 05 09 000000"},
		{"no n", "10 05"},
		{"first, cut in its time", "30 05 03 09 0000"},
		{"first, n alone", "30 05 09"},
	};
	uint8_t buf[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stream_fragment f;

		assert_row(stream_fragment_read(&f, HEX(buf, rows[i].message)) == -EBADMSG,
			   rows[i].claim);
	}
}

static void the_head_has_a_known_maximum(void **state)
{
	struct stream_fragment f = {.flags = 0x30, .number = UINT64_MAX, .n_more = 1, .type = 9};
	uint8_t buf[STREAM_FRAGMENT_HEAD_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	stream_fragment_head_write(&w, &f);
	assert_int_equal(wr_err(&w), 0);
	assert_int_equal(wr_left(&w), 0);
	f.payload = span_of("x", 1);
	w = wr_over(buf, sizeof(buf));
	assert_int_equal(stream_fragment_write(&w, &f), -ENOBUFS);
	assert_int_equal(w.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_four_shapes),
		cmocka_unit_test(what_is_no_fragment),
		cmocka_unit_test(the_head_has_a_known_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
