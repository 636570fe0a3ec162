#include "dataplane/wire/group_member.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

#define ID    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define PROOF "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
#define PEER  "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
// ID as 64 ASCII digits
#define ID_TEXT                                                                                    \
	"30303031303230333034303530363037303830393061306230633064306530663130313131323133"         \
	"313431353136313731383139316131623163316431653166"
#define ID_TEXT_UPPER                                                                              \
	"30303031303230333034303530363037303830393041304230433044304530463130313131323133"         \
	"313431353136313731383139314131423143314431453146"

static void joining_by_id_or_by_text(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
		enum group_join_by by;
		const char *value;
	} rows[] = {
		{"by id", "01 2115" ID, 0, GROUP_JOIN_BY_ID, ID},
		{"by text, as old players do", "01 0510 473a3031", 0, GROUP_JOIN_BY_TEXT,
		 "473a3031"},
		{"unknown options come and go", "01 0249aa 2115" ID "0148 00", 0, GROUP_JOIN_BY_ID,
		 ID},
		{"an id of another length", "01 0315aabb", -EBADMSG, 0, ""},
		{"an empty text", "01 0110", -EBADMSG, 0, ""},
		{"no group", "01", -EBADMSG, 0, ""},
		{"cut", "01 2115aabb", -EBADMSG, 0, ""},
		{"behind the end of the list", "01 00 2115" ID, -EBADMSG, 0, ""},
		{"another message", "0b 2115" ID, -EBADMSG, 0, ""},
		{"no message", "", -EBADMSG, 0, ""},
	};
	uint8_t buf[64], out[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct group_join j, again;

		assert_row(group_join_read(&j, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(j.by == rows[i].by && is_hex(j.value, rows[i].value), rows[i].claim);
		assert_row(group_join_write(&w, &j) == 0, rows[i].claim);
		assert_row(group_join_read(&again, wr_span(&w)) == 0, rows[i].claim);
		assert_row(again.by == j.by && span_equal(again.value, j.value), rows[i].claim);
	}
}

static void a_text_has_a_limit(void **state)
{
	static uint8_t text[GROUPSPEC_TEXT_MAX + 1], buf[GROUPSPEC_TEXT_MAX + 16];
	struct group_join j = {GROUP_JOIN_BY_TEXT, span_of(text, GROUPSPEC_TEXT_MAX)};
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(group_join_write(&w, &j), 0);
	assert_int_equal(group_join_read(&j, wr_span(&w)), 0);
	j.value = span_of(text, GROUPSPEC_TEXT_MAX + 1);
	w = wr_over(buf, sizeof(buf));
	assert_int_equal(group_join_write(&w, &j), 0);
	assert_int_equal(group_join_read(&j, wr_span(&w)), -EBADMSG);
}

static void a_member_to_try(void **state)
{
	uint8_t buf[64], out[64], id[PEER_ID_LEN];
	struct wr w = wr_over(out, sizeof(out));

	assert_int_equal(group_member_read(id, HEX(buf, "0b" PEER)), 0);
	assert_true(is_hex(span_of(id, sizeof(id)), PEER));
	assert_int_equal(group_member_write(&w, id), 0);
	assert_true(is_hex(wr_span(&w), "0b" PEER));
	assert_int_equal(group_member_read(id, HEX(buf, "0baabb")), -EBADMSG);
	assert_int_equal(group_member_read(id, HEX(buf, "01" PEER)), -EBADMSG);
	w = wr_over(out, 32);
	assert_int_equal(group_member_write(&w, id), -ENOBUFS);
	assert_int_equal(w.len, 0);
}

static void connecting_proves_membership(void **state)
{
	const char *message = "01 4100" ID_TEXT "2101" PROOF "2303 210f" PEER;
	uint8_t buf[160], out[160];
	struct wr w = wr_over(out, sizeof(out));
	struct group_connect c;

	assert_int_equal(group_connect_read(&c, HEX(buf, message)), 0);
	assert_true(is_hex(span_of(c.group_id, GROUP_ID_LEN), ID));
	assert_true(is_hex(span_of(c.proof, MEMBER_PROOF_LEN), PROOF));
	assert_true(is_hex(span_of(c.receiver_id, PEER_ID_LEN), PEER));
	assert_int_equal(group_connect_write(&w, &c), 0);
	assert_true(is_hex(wr_span(&w), message));
	assert_int_equal(w.len, 137);
}

static void what_connect_must_and_may_say(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
	} rows[] = {
		{"any order, unknown options, a Marker",
		 "01 0177 2303210f" PEER "2101" PROOF "4100" ID_TEXT "00 ff", 0},
		{"upper case digits", "01 4100" ID_TEXT_UPPER "2101" PROOF "2303210f" PEER, 0},
		{"other options in the EPD", "01 4100" ID_TEXT "2101" PROOF "2603 020aaa 210f" PEER,
		 0},
		{"no group", "01 2101" PROOF "2303210f" PEER, -EBADMSG},
		{"no proof", "01 4100" ID_TEXT "2303210f" PEER, -EBADMSG},
		{"no receiver", "01 4100" ID_TEXT "2101" PROOF, -EBADMSG},
		{"two proofs", "01 4100" ID_TEXT "2101" PROOF "2101" PROOF "2303210f" PEER,
		 -EBADMSG},
		{"a group id in binary", "01 2100" ID "2101" PROOF "2303210f" PEER, -EBADMSG},
		{"a short proof", "01 4100" ID_TEXT "0301f0f1 2303210f" PEER, -EBADMSG},
		{"a receiver without fingerprint", "01 4100" ID_TEXT "2101" PROOF "0303 010a",
		 -EBADMSG},
		{"a short fingerprint", "01 4100" ID_TEXT "2101" PROOF "0403 020faa", -EBADMSG},
		{"cut", "01 4100" ID_TEXT "2101" PROOF "2303210faabb", -EBADMSG},
		{"another message", "02", -EBADMSG},
		{"no message", "", -EBADMSG},
	};
	uint8_t buf[256];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct group_connect c;

		assert_row(group_connect_read(&c, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
	}
}

static void a_group_id_is_made_of_hex_digits(void **state)
{
	uint8_t buf[160];
	struct group_connect c;
	struct span msg = HEX(buf, "01 4100" ID_TEXT "2101" PROOF "2303210f" PEER);
	static const uint8_t bad[] = {0, '/', ':', '@', 'G', '`', 'g', 0xff};

	for (size_t i = 0; i < sizeof(bad); i++) {
		buf[sizeof(buf) - msg.len + 3] = bad[i];
		assert_int_equal(group_connect_read(&c, msg), -EBADMSG);
	}
}

static void messages_of_one_octet(void **state)
{
	uint8_t buf[2];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(group_octet_write(&w, GROUP_HELLO), 0);
	assert_int_equal(group_octet_write(&w, GROUP_BEGIN_EXACT), 0);
	assert_int_equal(group_octet_write(&w, GROUP_ASK_CLOSE), -ENOBUFS);
	assert_true(is_hex(wr_span(&w), "020e"));
	assert_int_equal(group_msg_type(wr_span(&w)), GROUP_HELLO);
	assert_int_equal(group_msg_type(span_of(NULL, 0)), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joining_by_id_or_by_text),
		cmocka_unit_test(a_text_has_a_limit),
		cmocka_unit_test(a_member_to_try),
		cmocka_unit_test(connecting_proves_membership),
		cmocka_unit_test(what_connect_must_and_may_say),
		cmocka_unit_test(a_group_id_is_made_of_hex_digits),
		cmocka_unit_test(messages_of_one_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
