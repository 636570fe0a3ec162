#include "dataplane/wire/spx_post.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f"
#define KEY_B "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define ID    KEY_A KEY_B

static void offers_say_what_there_is(void **state)
{
	const char *message = "60 01 02 " KEY_A "00 05 00 " KEY_B "3f 848000 8227";
	struct post_offer o[2];
	struct post_list l;
	uint8_t buf[128], out[128];
	struct wr w = wr_over(out, sizeof(out));

	assert_int_equal(spx_msg_type(HEX(buf, message)), SPX_OFFER);
	assert_int_equal(post_offers_read(&l, HEX(buf, message)), 0);
	assert_true(post_offer_next(&l, &o[0]) && post_offer_next(&l, &o[1]));
	assert_false(post_offer_next(&l, &o[0]) && o[0].hop != 0);
	assert_int_equal(o[0].size, 5);
	assert_int_equal(o[1].hop, 63);
	assert_int_equal(o[1].size, 65536);
	assert_int_equal(o[1].age_ms, 295);
	assert_true(is_hex(span_of(o[1].key, POST_KEY_LEN), KEY_B));
	assert_int_equal(post_offers_write(&w, o, 2), 0);
	assert_true(is_hex(wr_span(&w), message));
	w = wr_over(out, w.len - 1);
	assert_int_equal(post_offers_write(&w, o, 2), -ENOBUFS);
	assert_int_equal(w.len, 0);
}

static void a_list_of_which_any_part_is_broken_is_refused(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
	} rows[] = {
		{"one offer", "60 01 01 " KEY_A "00 05 00", 0},
		{"leading zeros of a number", "60 01 8001 " KEY_A "00 8005 00", 0},
		{"the longest message", "60 01 01 " KEY_A "00 848000 00", 0},
		{"a message that is too long", "60 01 01 " KEY_A "00 848001 00", -EBADMSG},
		{"a message of nothing", "60 01 01 " KEY_A "00 00 00", -EBADMSG},
		{"no offer", "60 01 00", -EBADMSG},
		{"more offers than are there", "60 01 02 " KEY_A "00 05 00", -EBADMSG},
		{"octets behind the last", "60 01 01 " KEY_A "00 05 00 00", -EBADMSG},
		{"an age cut short", "60 01 01 " KEY_A "00 05 82", -EBADMSG},
		{"65 offers", "60 01 41 " KEY_A "00 05 00", -EBADMSG},
		{"a number of offers beyond 32 bits", "60 01 9080808001 " KEY_A "000500", -EBADMSG},
		{"another version", "60 02 01 " KEY_A "00 05 00", -EBADMSG},
		{"another message", "61 01 01 " KEY_A "00 05 00", -EBADMSG},
		{"type alone", "60", -EBADMSG},
		{"nothing", "", -EBADMSG},
	};
	uint8_t buf[128];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct post_list l;

		assert_row(post_offers_read(&l, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
	}
}

static void keys_are_asked_for_and_refused(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
	} rows[] = {
		{"one", "61 01 01 " KEY_A, 0},
		{"none", "61 01 00", -EBADMSG},
		{"one too few", "61 01 02 " KEY_A, -EBADMSG},
		{"an octet too many", "61 01 01 " KEY_A "00", -EBADMSG},
		{"not this type", "62 01 01 " KEY_A, -EBADMSG},
	};
	const char *message = "62 01 02 " KEY_A KEY_B;
	uint8_t keys[2][POST_KEY_LEN], buf[64], out[64];
	struct wr w = wr_over(out, sizeof(out));
	struct post_list l;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_row(post_keys_read(&l, SPX_ASK, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
	assert_int_equal(post_keys_read(&l, SPX_GONE, HEX(buf, message)), 0);
	memcpy(keys[0], post_key_next(&l), POST_KEY_LEN);
	memcpy(keys[1], post_key_next(&l), POST_KEY_LEN);
	assert_null(post_key_next(&l));
	assert_int_equal(post_keys_write(&w, SPX_GONE, keys, 2), 0);
	assert_true(is_hex(wr_span(&w), message));
}

static void a_message_travels_with_its_password(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
		bool has_password;
		size_t password_len, len;
	} rows[] = {
		{"without", "63 01 00 00 00 " ID "0203", 0, false, 0, 2},
		{"with", "63 01 01 05 8148 " ID "03616263 02", 0, true, 3, 1},
		{"an empty password", "63 01 01 00 00 " ID "00 02", 0, true, 0, 1},
		{"no message", "63 01 00 00 00 " ID, -EBADMSG},
		{"no message behind the password", "63 01 01 00 00 " ID "03616263", -EBADMSG},
		{"a password cut short", "63 01 01 00 00 " ID "04616263", -EBADMSG},
		{"an id cut short", "63 01 00 00 00 " KEY_A, -EBADMSG},
		{"a flag that nobody knows", "63 01 02 00 00 " ID "0203", -EBADMSG},
	};
	uint8_t buf[128], out[128];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct post_data d;

		assert_row(post_data_read(&d, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(d.has_password == rows[i].has_password, rows[i].claim);
		assert_row(d.password.len == rows[i].password_len, rows[i].claim);
		assert_row(d.message.len == rows[i].len, rows[i].claim);
		assert_row(is_hex(span_of(d.id, POST_ID_LEN), ID), rows[i].claim);
		assert_row(post_data_write(&w, &d) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
	}
}

static void lengths_of_messages_and_passwords_end_somewhere(void **state)
{
	static uint8_t octets[POST_DATA_HEAD_MAX + POST_LEN_MAX + 2];
	static const uint8_t text[POST_LEN_MAX + 1];
	struct post_data d = {.has_password = true,
			      .age_ms = UINT64_MAX,
			      .password = span_of(text, POST_PASSWORD_MAX),
			      .message = span_of(text, POST_LEN_MAX)};
	struct wr w = wr_over(octets, sizeof(octets));

	assert_int_equal(post_data_write(&w, &d), 0);
	assert_int_equal(w.len, POST_DATA_HEAD_MAX + POST_LEN_MAX);
	assert_int_equal(post_data_read(&d, wr_span(&w)), 0);
	d.message.len++;
	w = wr_over(octets, sizeof(octets));
	assert_int_equal(post_data_write(&w, &d), 0);
	assert_int_equal(post_data_read(&d, wr_span(&w)), -EBADMSG);
	d = (struct post_data){.has_password = true,
			       .password = span_of(text, POST_PASSWORD_MAX + 1),
			       .message = span_of(text, 1)};
	w = wr_over(octets, sizeof(octets));
	assert_int_equal(post_data_write(&w, &d), 0);
	assert_int_equal(post_data_read(&d, wr_span(&w)), -EBADMSG);
}

static void older_members_name_one_key(void **state)
{
	uint8_t buf[32], out[16], key[POST_KEY_OLD_LEN];
	struct wr w = wr_over(out, sizeof(out));

	assert_int_equal(post_old_read(key, POST_OLD_OFFER, HEX(buf, "30 0102030405060708")), 0);
	assert_true(is_hex(span_of(key, sizeof(key)), "0102030405060708"));
	assert_int_equal(post_old_read(key, POST_OLD_ASK, HEX(buf, "30 0102030405060708")),
			 -EBADMSG);
	assert_int_equal(post_old_read(key, POST_OLD_ASK, HEX(buf, "3a 01020304050607")), -EBADMSG);
	assert_int_equal(post_old_read(key, POST_OLD_ASK, HEX(buf, "3a 010203040506070809")), 0);
	assert_int_equal(post_old_write(&w, POST_OLD_ASK, key), 0);
	assert_true(is_hex(wr_span(&w), "3a 0102030405060708"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_say_what_there_is),
		cmocka_unit_test(a_list_of_which_any_part_is_broken_is_refused),
		cmocka_unit_test(keys_are_asked_for_and_refused),
		cmocka_unit_test(a_message_travels_with_its_password),
		cmocka_unit_test(lengths_of_messages_and_passwords_end_somewhere),
		cmocka_unit_test(older_members_name_one_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
