#include "dataplane/wire/chunk.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static void the_header_says_which_fields_follow(void **state)
{
	static const struct {
		const char *claim, *octets;
		uint16_t ts, ts_echo;
		int err;
	} rows[] = {
		{"flags alone", "01", 0, 0, 0},
		{"timestamp", "09 1234", 0x1234, 0, 0},
		{"echo", "06 5678", 0, 0x5678, 0},
		{"both", "8f 1234 5678", 0x1234, 0x5678, 0},
		{"mode 0 is forbidden", "0c 1234 5678", 0x1234, 0x5678, -EBADMSG},
		{"no flags", "", 0, 0, -EBADMSG},
		{"timestamp cut", "09 12", 0, 0, -EBADMSG},
		{"echo cut", "0d 1234 56", 0x1234, 0, -EBADMSG},
	};
	uint8_t buf[8], out[8];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rd r = rd_over_span(HEX(buf, rows[i].octets));
		struct wr w = wr_over(out, sizeof(out));
		struct packet_header h;

		assert_row(packet_header_read(&r, &h) == rows[i].err, rows[i].claim);
		assert_row(h.ts == rows[i].ts && h.ts_echo == rows[i].ts_echo, rows[i].claim);
		if (rows[i].err != 0)
			continue;
		packet_header_write(&w, &h);
		assert_row(is_hex(wr_span(&w), rows[i].octets), rows[i].claim);
		assert_row(packet_header_len(h.flags) == w.len, rows[i].claim);
	}
}

static void the_chunk_loop_stops_at_padding(void **state)
{
	static const struct {
		const char *claim, *octets, *types;
	} rows[] = {
		{"nothing", "", ""},
		{"one empty chunk", "0c0000", "0c"},
		{"two", "010002aabb 4c0000", "01 4c"},
		{"two octets left", "0c0000 ffff", "0c"},
		{"a length that does not fit", "0c0000 010002aa", "0c"},
		{"ff ff ff ...", "0c0000 ffffffffff", "0c"},
		{"a chunk of padding is a chunk", "ff0002ffff 000001 00 0c0000", "ff 00 0c"},
		{"unknown types are skipped by length", "7e0003010203 0c0000", "7e 0c"},
	};
	uint8_t buf[32], types[8];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rd r = rd_over_span(HEX(buf, rows[i].octets));
		struct chunk c;
		size_t n = 0;

		while (chunk_next(&r, &c))
			types[n++] = c.type;
		assert_row(r.err == 0, rows[i].claim);
		assert_row(is_hex(span_of(types, n), rows[i].types), rows[i].claim);
	}
}

static void session_ids_are_scrambled_with_two_words(void **state)
{
	static const struct {
		const char *claim, *datagram;
		uint32_t id;
	} rows[] = {
		{"two whole words", "1abac37e 7c8aeb6367322b19aefb", 0x01020304},
		{"the packet is shorter than two words", "9a167232 aabbccddee", 0xdeadbeef},
		{"one octet", "7fffffff 80", 0xffffffff},
		{"no packet", "00000001", 1},
	};
	uint8_t buf[16], copy[16];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct span datagram = HEX(buf, rows[i].datagram);
		uint32_t id = 0;

		assert_row(ssid_unscramble(datagram.data, datagram.len, &id) == 0, rows[i].claim);
		assert_row(id == rows[i].id, rows[i].claim);
		memcpy(copy, datagram.data, datagram.len);
		memset(copy, 0, SSID_LEN);
		ssid_scramble(copy, datagram.len, id);
		assert_row(is_hex(span_of(copy, datagram.len), rows[i].datagram), rows[i].claim);
	}
}

static void a_datagram_without_room_for_an_id_has_none(void **state)
{
	uint32_t id;

	assert_int_equal(ssid_unscramble((const uint8_t *)"abc", 3, &id), -EBADMSG);
	assert_int_equal(ssid_unscramble(NULL, 0, &id), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_says_which_fields_follow),
		cmocka_unit_test(the_chunk_loop_stops_at_padding),
		cmocka_unit_test(session_ids_are_scrambled_with_two_words),
		cmocka_unit_test(a_datagram_without_room_for_an_id_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
