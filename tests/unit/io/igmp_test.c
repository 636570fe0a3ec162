#include "dataplane/io/igmp.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

#define IP_AT(o3) 0xc0000200u + (o3)

static const struct mac our_mac = {{2, 0, 0, 0, 0, 1}};

static struct ip_group group(uint32_t ip, uint32_t source)
{
	struct ip_group g = {.ip = ip_of_v4(ip)};

	if (source != 0)
		g.source = ip_of_v4(source);
	return g;
}

static void queries_say_how_long_an_answer_may_wait(void **state)
{
	static const struct {
		const char *claim, *octets;
		enum drop_reason drop;
		uint32_t delay_ms;
	} rows[] = {
		{"version 1", "11 00 eeff 00000000", DROP_NONE, 10000},
		{"version 2, 10 s", "11 64 ee9b 00000000", DROP_NONE, 10000},
		{"version 3, 1 s", "11 0a ecf5 00000000 02 00 0000", DROP_NONE, 1000},
		{"of one group", "11 0a 01f1 e9010203 02 00 0000", DROP_NONE, 1000},
		{"a float: (0xf | 0x10) << (7 + 3) tenths", "11 ff ec00 00000000 02 00 0000",
		 DROP_NONE, 3174400},
		{"a wrong sum", "11 64 ee9c 00000000", DROP_ND_BAD, 0},
		{"a report", "16 00 e9ff 00000000", DROP_ND_BAD, 0},
		{"cut", "11 64 ee9b 000000", DROP_ND_BAD, 0},
	};
	uint8_t buf[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct span octets = HEX(buf, rows[i].octets);
		struct ipv4_header h = {.src = IP_AT(1)};
		uint32_t delay_ms = 0;

		assert_row(igmp_read_query(&delay_ms, &h, octets.data, (uint16_t)octets.len) ==
				   rows[i].drop,
			   rows[i].claim);
		assert_row(rows[i].drop != DROP_NONE || delay_ms == rows[i].delay_ms,
			   rows[i].claim);
	}
}

// As Linux writes them (RFC 3376 §4.2): of any sender, and of one source.
static void reports_are_of_version_3(void **state)
{
	struct ip_group groups[2] = {group(0xe9010203, 0), group(0xe8010203, IP_AT(9))};
	uint8_t frame[IGMP_FRAME_MAX];
	uint16_t len = igmp_write_report(frame, &our_mac, IP_AT(7), groups, 2, true);
	struct ipv4_header h;

	assert_int_equal(len, L2_LEN + 24 + 8 + 8 + 12);
	assert_true(is_hex(span_of(frame, L2_LEN), "01005e000016 020000000001 0800"));
	assert_int_equal(ipv4_read(&h, frame + L2_LEN, (uint16_t)(len - L2_LEN), false), DROP_NONE);
	assert_int_equal(h.header_len, 24);
	assert_int_equal(h.len, 24 + 28);
	assert_int_equal(h.src, IP_AT(7));
	assert_int_equal(h.dst, 0xe0000016);
	assert_int_equal(h.proto, 2);
	assert_int_equal(frame[L2_LEN + 8], 1); // TTL
	assert_true(is_hex(span_of(frame + L2_LEN + 20, 4), "94040000"));
	assert_int_equal(csum_finish(csum_partial(frame + L2_LEN + 24, 28)), 0);
	assert_true(is_hex(span_of(frame + L2_LEN + 24 + 4, 24), "0000 0002"
								 "02 00 0000 e9010203"
								 "01 00 0001 e8010203 c0000209"));
	len = igmp_write_report(frame, &our_mac, IP_AT(7), groups, 2, false);
	assert_int_equal(frame[L2_LEN + 24 + 8], 4);  // change to EXCLUDE nobody
	assert_int_equal(frame[L2_LEN + 24 + 16], 5); // allow new sources
}

static void as_many_as_there_may_be(void **state)
{
	struct ip_group groups[IGMP_GROUPS_MAX];
	uint8_t frame[IGMP_FRAME_MAX];

	for (uint8_t i = 0; i < IGMP_GROUPS_MAX; i++)
		groups[i] = group(0xe8010200u + i, IP_AT(i + 1));
	assert_int_equal(
		igmp_write_report(frame, &our_mac, IP_AT(7), groups, IGMP_GROUPS_MAX, true),
		IGMP_FRAME_MAX);
	assert_int_equal(igmp_write_report(frame, &our_mac, IP_AT(7), groups, 0, true),
			 L2_LEN + 24 + 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries_say_how_long_an_answer_may_wait),
		cmocka_unit_test(reports_are_of_version_3),
		cmocka_unit_test(as_many_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
