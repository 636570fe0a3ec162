#include <inttypes.h>

#include "dataplane/wire/chunk.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

// "16 18-18 21-24": cumulative ack, then the ranges.
static const char *dump(const struct ack *a, char *text, size_t size)
{
	struct ack_iter it = ack_iter_over(a);
	struct seq_range range;
	size_t n = (size_t)snprintf(text, size, "%" PRIu64, a->cum);

	while (ack_next(&it, &range))
		n += (size_t)snprintf(text + n, size - n, " %" PRIu64 "-%" PRIu64, range.from,
				      range.to);
	return text;
}

static void both_forms_name_the_same_numbers(void **state)
{
	static const struct {
		const char *claim;
		uint8_t type;
		const char *payload, *want;
	} rows[] = {
		{"nothing above", CHUNK_ACK_RANGES, "05 7f 10", "16"},
		{"two ranges", CHUNK_ACK_RANGES, "05 7f 10 0000 0103", "16 18-18 21-24"},
		{"a pair cut short ends the list", CHUNK_ACK_RANGES, "05 7f 10 0000 01",
		 "16 18-18"},
		{"cut inside a VLU", CHUNK_ACK_RANGES, "05 7f 10 0000 0183", "16 18-18"},
		{"one that leaves 64 bits by its holes ends it", CHUNK_ACK_RANGES,
		 "05 7f 10 0000 81ffffffffffffffff7f 00 0000", "16 18-18"},
		{"or by its length", CHUNK_ACK_RANGES, "05 7f 10 0000 00 81ffffffffffffffff7f 0000",
		 "16 18-18"},
		{"the very last number", CHUNK_ACK_RANGES, "05 7f 81ffffffffffffffff7d 00 00",
		 "18446744073709551613 18446744073709551615-18446744073709551615"},
		{"one beyond it", CHUNK_ACK_RANGES, "05 7f 81ffffffffffffffff7e 00 00",
		 "18446744073709551614"},
		{"no bits", CHUNK_ACK_BITMAP, "05 7f 10", "16"},
		{"bit 0 is cumulative + 2", CHUNK_ACK_BITMAP, "05 7f 10 79 06",
		 "16 18-18 21-24 27-28"},
		{"runs go on into the next octet", CHUNK_ACK_BITMAP, "05 7f 00 80 ff 01", "0 9-18"},
		{"and to the very end", CHUNK_ACK_BITMAP, "05 7f 00 ff ff", "0 2-17"},
		{"octets of zeros at the end", CHUNK_ACK_BITMAP, "05 7f 00 01 00 00", "0 2-2"},
		{"bits beyond 64 bits are none", CHUNK_ACK_BITMAP, "05 7f 81ffffffffffffffff7f ff",
		 "18446744073709551615"},
	};
	uint8_t buf[64];
	char text[128];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ack a;

		assert_row(ack_read(&a, rows[i].type, HEX(buf, rows[i].payload)) == 0,
			   rows[i].claim);
		assert_row(a.flow_id == 5 && a.window_blocks == 0x7f, rows[i].claim);
		assert_row(strcmp(dump(&a, text, sizeof(text)), rows[i].want) == 0, rows[i].claim);
	}
}

static void the_three_fields_must_be_there(void **state)
{
	uint8_t buf[8];
	struct ack a;

	assert_int_equal(ack_read(&a, CHUNK_ACK_RANGES, HEX(buf, "")), -EBADMSG);
	assert_int_equal(ack_read(&a, CHUNK_ACK_RANGES, HEX(buf, "05")), -EBADMSG);
	assert_int_equal(ack_read(&a, CHUNK_ACK_BITMAP, HEX(buf, "05 7f")), -EBADMSG);
	assert_int_equal(ack_read(&a, CHUNK_ACK_BITMAP, HEX(buf, "05 7f 81")), -EBADMSG);
}

static const struct ack head = {.flow_id = 5, .window_blocks = 127, .cum = 16};
static const struct seq_range ranges[] = {{18, 18}, {21, 24}, {27, 28}};

static void writers_encode_the_ranges(void **state)
{
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(ack_ranges_write(&w, &head, ranges, 2), 2);
	assert_true(is_hex(wr_span(&w), "510007 057f10 0000 0103"));
	w = wr_over(buf, sizeof(buf));
	assert_int_equal(ack_ranges_write(&w, &head, NULL, 0), 0);
	assert_true(is_hex(wr_span(&w), "510003 057f10"));
	w = wr_over(buf, sizeof(buf));
	assert_int_equal(ack_bitmap_write(&w, &head, ranges, 3), 3);
	assert_true(is_hex(wr_span(&w), "500005 057f10 7906"));
}

static void what_does_not_fit_is_left_out_from_the_end(void **state)
{
	static const struct {
		size_t cap;
		int n_written;
		const char *octets;
	} rows[] = {
		{12, 3, "510009 057f10 0000 0103 0101"},
		{11, 2, "510007 057f10 0000 0103"},
		{10, 2, "510007 057f10 0000 0103"},
		{9, 1, "510005 057f10 0000"},
		{7, 0, "510003 057f10"},
		{6, 0, "510003 057f10"},
		{5, -ENOBUFS, ""},
		{0, -ENOBUFS, ""},
	};
	uint8_t buf[16];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(buf, rows[i].cap);

		assert_row(ack_ranges_write(&w, &head, ranges, 3) == rows[i].n_written,
			   rows[i].octets);
		assert_row(is_hex(wr_span(&w), rows[i].octets), rows[i].octets);
		assert_row(wr_err(&w) == 0, rows[i].octets);
	}
}

static void a_bitmap_ends_with_the_last_octet_that_fits(void **state)
{
	const struct seq_range far[] = {{18, 18}, {1000, 1000000}};
	uint8_t buf[16];
	struct wr w = wr_over(buf, 10);
	char text[64];
	struct ack a;

	assert_int_equal(ack_bitmap_write(&w, &head, far, 2), 1);
	assert_true(is_hex(wr_span(&w), "500007 057f10 01000000"));
	assert_int_equal(ack_read(&a, CHUNK_ACK_BITMAP, span_of(buf + 3, 7)), 0);
	assert_string_equal(dump(&a, text, sizeof(text)), "16 18-18");
	w = wr_over(buf, 5);
	assert_int_equal(ack_bitmap_write(&w, &head, far, 2), -ENOBUFS);
}

static void a_chunk_ends_at_65535_octets(void **state)
{
	static uint8_t buf[70000];
	static struct seq_range many[40000];
	struct wr w = wr_over(buf, sizeof(buf));
	struct ack a = {.flow_id = 1};

	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct seq_range){2 * i + 2, 2 * i + 2};
	assert_int_equal(ack_ranges_write(&w, &a, many, ARRAY_LEN(many)), (65535 - 3) / 2);
	w = wr_over(buf, sizeof(buf));
	many[0].to = UINT64_MAX;
	assert_int_equal(ack_bitmap_write(&w, &a, many, 1), 0);
	assert_true(w.len <= CHUNK_HEADER_LEN + CHUNK_PAYLOAD_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_name_the_same_numbers),
		cmocka_unit_test(the_three_fields_must_be_there),
		cmocka_unit_test(writers_encode_the_ranges),
		cmocka_unit_test(what_does_not_fit_is_left_out_from_the_end),
		cmocka_unit_test(a_bitmap_ends_with_the_last_octet_that_fits),
		cmocka_unit_test(a_chunk_ends_at_65535_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
