#include "dataplane/wire/group_member.h"
#include "dataplane/wire/group_report.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

#define PEER1  "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define PEER2  "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
#define SERVER "030a4d0001078f" // 10.77.0.1:1935, relay
#define SEEN   "020a4d00059de0" // 10.77.0.5:40416, observed
#define SELF   "0a 080d" SEEN "080a" SERVER "00"

// One octet per fact: "spx super receiver-family n-own | age n-addrs | ... [!]"
static const char *dump(struct span msg, char *text, size_t size)
{
	struct group_report_self self;
	struct group_report_iter it;
	struct group_report_record record;
	size_t n;

	if (group_report_read(&self, &it, msg) != 0)
		return "!";
	n = (size_t)snprintf(text, size, "%d %d %u %u", self.is_spx, self.is_super_peer,
			     self.receiver_addr.family, self.own.n);
	while (group_report_next(&it, &record))
		n += (size_t)snprintf(text + n, size - n, " | %02x %u %u", record.peer_id[0],
				      (unsigned)record.age_s, record.addrs.n);
	if (it.r.err != 0)
		snprintf(text + n, size - n, " !");
	return text;
}

static void what_a_report_may_say(void **state)
{
	static const struct {
		const char *claim, *message, *want;
	} rows[] = {
		{"nobody else", SELF, "0 0 4 1"},
		{"a member without addresses", SELF "22210f" PEER1 "01 010a 00",
		 "0 0 4 1 | a0 1 0"},
		{"two members, the second long unheard of",
		 SELF "22210f" PEER1 "00 0f0a" SERVER SEEN "00 22210f" PEER2 "822c 080a" SEEN "00",
		 "0 0 4 1 | a0 0 2 | c0 300 1"},
		{"flags come first", "0a 0101 016e 016d 080d" SEEN "080a" SERVER "00", "1 1 4 1"},
		{"flags may come last as well", "0a 080d" SEEN "080a" SERVER "016e 00", "1 0 4 1"},
		{"unknown options, in a record too",
		 "0a 0349aabb 080d" SEEN "00 22210f" PEER1 "05 029900 080a" SEEN "00",
		 "0 0 4 0 | a0 5 1"},
		{"the message's end may stand for the last Marker",
		 SELF "22210f" PEER1 "01 080a" SEEN, "0 0 4 1 | a0 1 1"},
		{"an IPv6 receiver", "0a 140d 8220010db8000000000000000000000001078f 00",
		 "0 0 6 0"},
		{"addresses that cannot be used are left out",
		 "0a 080d 02 00000000 078f 160a 02 e0000001 078f 02 c0000201 0000" SEEN "00",
		 "0 0 0 1"},
		{"reserved bits of an address are no error", "0a 080d 7e 0a4d0005 9de0 00",
		 "0 0 4 0"},
		{"who is not named by fingerprint is skipped",
		 SELF "03 020aaa 01 010a 00 22210f" PEER1 "01 010a 00", "0 0 4 1 | a0 1 0"},
		{"a length of 128 or more in one raw octet",
		 SELF "22210f" PEER1 "01 86 0a"
		      "8320010db80000000000000000000000010001"
		      "8320010db80000000000000000000000020001"
		      "8320010db80000000000000000000000030001"
		      "8320010db80000000000000000000000040001"
		      "8320010db80000000000000000000000050001"
		      "8320010db80000000000000000000000060001"
		      "8320010db80000000000000000000000070001"
		      "00",
		 "0 0 4 1 | a0 1 7"},
		{"the same as a VLU",
		 SELF "22210f" PEER1 "01 8106 0a"
		      "8320010db80000000000000000000000010001"
		      "8320010db80000000000000000000000020001"
		      "8320010db80000000000000000000000030001"
		      "8320010db80000000000000000000000040001"
		      "8320010db80000000000000000000000050001"
		      "8320010db80000000000000000000000060001"
		      "8320010db80000000000000000000000070001"
		      "00",
		 "0 0 4 1 | a0 1 7"},
		{"records before a broken one stay good",
		 SELF "22210f" PEER1 "01 010a 00 22210f" PEER2, "0 0 4 1 | a0 1 0 !"},
		{"an address cut inside its option", "0a 070d 020a4d00059d 00", "!"},
		{"an address cut in a record", SELF "22210f" PEER1 "01 030a 020a 00", "0 0 4 1 !"},
		{"an option cut", "0a 080d 020a", "!"},
		{"a type that does not fit its option", "0a 0181 00", "!"},
		{"another message", "0b 00", "!"},
		{"no message", "", "!"},
	};
	uint8_t buf[512];
	char text[128];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *got = dump(HEX(buf, rows[i].message), text, sizeof(text));

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: want \"%s\", got \"%s\"", rows[i].claim, rows[i].want, got);
	}
}

static void reports_are_written_in_the_shape_that_old_peers_read(void **state)
{
	struct group_report_self self = {.is_spx = true, .is_super_peer = true};
	struct group_report_record record = {.age_s = 300};
	uint8_t buf[128];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(wire_addr_parse(&self.receiver_addr, "10.77.0.5:40416"), 0);
	self.receiver_addr.origin = ADDR_OBSERVED;
	assert_int_equal(wire_addr_parse(&self.own.addrs[0], "10.77.0.1:1935"), 0);
	self.own.addrs[0].origin = ADDR_RELAY;
	self.own.n = 1;
	memset(record.peer_id, 0x11, PEER_ID_LEN);
	assert_int_equal(group_report_write_self(&w, &self), 0);
	assert_int_equal(group_report_write_record(&w, &record), 0);
	assert_true(is_hex(wr_span(&w), "0a 016e 016d 080d" SEEN "080a" SERVER "00 22210f"
					"1111111111111111111111111111111111111111111111111111111111"
					"111111 822c 010a 00"));
}

static void a_record_that_does_not_fit_leaves_no_trace(void **state)
{
	struct group_report_record record = {.age_s = 1};
	uint8_t buf[60];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(group_report_write_record(&w, &record), 0);
	assert_int_equal(w.len, 39);
	assert_int_equal(group_report_write_record(&w, &record), -ENOBUFS);
	assert_int_equal(w.len, 39);
	assert_int_equal(wr_err(&w), 0);
}

// A report of n records, and how many of them are given out.
static unsigned records_given(unsigned n)
{
	static uint8_t buf[GROUP_REPORT_MAX];
	struct wr w = wr_over(buf, sizeof(buf));
	struct group_report_self self = {.receiver_addr = {.family = 4}};
	struct group_report_record record = {0};
	struct group_report_iter it;
	unsigned n_given = 0;

	assert_int_equal(group_report_write_self(&w, &self), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(group_report_write_record(&w, &record), 0);
	assert_int_equal(group_report_read(&self, &it, wr_span(&w)), 0);
	while (group_report_next(&it, &record))
		n_given++;
	assert_int_equal(it.r.err, 0);
	return n_given;
}

static void records_have_a_limit(void **state)
{
	assert_int_equal(records_given(GROUP_REPORT_RECORDS_MAX), GROUP_REPORT_RECORDS_MAX);
	assert_int_equal(records_given(GROUP_REPORT_RECORDS_MAX + 1), GROUP_REPORT_RECORDS_MAX);
}

static void addresses_have_a_limit(void **state)
{
	uint8_t buf[128];
	struct wr w = wr_over(buf, sizeof(buf));
	struct wire_addr addr = {.family = 4, .ip = {10, 0, 0, 1}};
	struct group_report_self self;
	struct group_report_iter it;

	wr_u8(&w, GROUP_REPORT);
	wr_vlu(&w, 1 + 9 * 7);
	wr_u8(&w, 0x0a);
	for (uint16_t port = 1; port <= 9; port++) {
		addr.port = port;
		wr_addr(&w, &addr);
	}
	wr_marker(&w);
	assert_int_equal(group_report_read(&self, &it, wr_span(&w)), 0);
	assert_int_equal(self.own.n, GROUP_REPORT_ADDRS_MAX);
	assert_int_equal(self.own.addrs[7].port, 8);
}

static void a_report_has_a_limit(void **state)
{
	static uint8_t buf[GROUP_REPORT_MAX + 1] = {GROUP_REPORT, 0x00};
	struct group_report_self self;
	struct group_report_iter it;

	assert_int_equal(group_report_read(&self, &it, span_of(buf, GROUP_REPORT_MAX)), 0);
	assert_int_equal(group_report_read(&self, &it, span_of(buf, sizeof(buf))), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_report_may_say),
		cmocka_unit_test(reports_are_written_in_the_shape_that_old_peers_read),
		cmocka_unit_test(a_record_that_does_not_fit_leaves_no_trace),
		cmocka_unit_test(records_have_a_limit),
		cmocka_unit_test(addresses_have_a_limit),
		cmocka_unit_test(a_report_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
