#include "dataplane/wire/lan.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

#define TAG    "a0a1a2a3a4a5a6a7 "
#define SENDER "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "
#define HEAD   TAG SENDER "0000000000000102 "
#define MAC    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define V4     "01 c0000201 0790 "
#define V6     "81 20010db8000000000000000000000001 0790 "

static void datagrams_read_and_write_back(void **state)
{
	static const struct {
		const char *claim, *octets;
		int err;
		uint8_t type, n_addrs;
		uint64_t nonce;
		size_t body_len;
	} rows[] = {
		{"who is there?", "53505801 01 " HEAD "0000000000000007 00 ", 0, LAN_QUERY, 0, 7,
		 0},
		{"with two addresses", "53505801 01 " HEAD "0000000000000007 02 " V4 V6, 0,
		 LAN_QUERY, 2, 7, 0},
		{"I am", "53505801 02 " HEAD "0000000000000000 00 01 " V4, 0, LAN_MEMBER, 1, 0, 0},
		{"a super-peer that answers", "53505801 02 " HEAD "0000000000000007 01 00 ", 0,
		 LAN_MEMBER, 0, 7, 0},
		{"a stream", "53505801 03 " HEAD "21 01 02 ", 0, LAN_STREAM, 0, 0, 3},
		{"a fragment of it", "53505801 04 " HEAD "1011121314151617 20 07 09 ", 0,
		 LAN_FRAGMENT, 0, 0, 3},
		{"its end", "53505801 05 " HEAD "1011121314151617 21 08 ", 0, LAN_END, 0, 0, 2},
		{"a query that no answer can name", "53505801 01 " HEAD "0000000000000000 00 ",
		 -EBADMSG, 0, 0, 0, 0},
		{"five addresses", "53505801 01 " HEAD "0000000000000007 05 " V4 V4 V4 V4 V4,
		 -EBADMSG, 0, 0, 0, 0},
		{"fewer addresses than announced", "53505801 01 " HEAD "0000000000000007 02 " V4,
		 -EBADMSG, 0, 0, 0, 0},
		{"something behind them", "53505801 01 " HEAD "0000000000000007 00 00 ", -EBADMSG,
		 0, 0, 0, 0},
		{"a type that nobody knows", "53505801 06 " HEAD "00 ", -EBADMSG, 0, 0, 0, 0},
		{"another version", "53505802 01 " HEAD "0000000000000007 00 ", -EBADMSG, 0, 0, 0,
		 0},
		{"something else", "00000000 01 " HEAD "0000000000000007 00 ", -EBADMSG, 0, 0, 0,
		 0},
		{"cut in its head", "53505801 01 " TAG, -EBADMSG, 0, 0, 0, 0},
		{"nothing", "", -EBADMSG, 0, 0, 0, 0},
	};
	uint8_t buf[256], out[256];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		char text[600];
		struct lan_msg m;
		struct span datagram;

		snprintf(text, sizeof(text), "%s%s", rows[i].octets, MAC);
		datagram = HEX(buf, text);
		assert_row(lan_read(&m, datagram) == rows[i].err, rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(m.type == rows[i].type, rows[i].claim);
		assert_row(m.counter == 0x102, rows[i].claim);
		assert_row(m.nonce == rows[i].nonce, rows[i].claim);
		assert_row(m.n_addrs == rows[i].n_addrs, rows[i].claim);
		assert_row(m.body.len == rows[i].body_len, rows[i].claim);
		assert_row(is_hex(span_of(m.sender, PEER_ID_LEN), SENDER), rows[i].claim);
		assert_row(lan_write(&w, &m) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].octets), rows[i].claim);
		assert_row(span_equal(wr_span(&w), lan_proven(datagram)), rows[i].claim);
	}
}

static void what_nobody_can_be_reached_at_is_left_out(void **state)
{
	uint8_t buf[256];
	struct lan_msg m;

	assert_int_equal(
		lan_read(&m, HEX(buf, "53505801 01 " HEAD "0000000000000007 03 01 e0000201 0790 " V4
				      "01 c0000201 0000 " MAC)),
		0);
	assert_int_equal(m.n_addrs, 1);
	assert_int_equal(m.addrs[0].ip[0], 0xc0);
}

static void it_is_no_longer_than_a_packet(void **state)
{
	static uint8_t long_one[LAN_LEN_MAX + 1];
	struct lan_msg m = {.type = LAN_STREAM};
	struct wr w = wr_over(long_one, sizeof(long_one));

	assert_int_equal(lan_write(&w, &m), 0);
	assert_int_equal(lan_read(&m, span_of(long_one, LAN_LEN_MAX)), 0);
	assert_int_equal(lan_read(&m, span_of(long_one, LAN_LEN_MAX + 1)), -EBADMSG);
	w = wr_over(long_one, 20);
	assert_int_equal(lan_write(&w, &m), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_read_and_write_back),
		cmocka_unit_test(what_nobody_can_be_reached_at_is_left_out),
		cmocka_unit_test(it_is_no_longer_than_a_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
