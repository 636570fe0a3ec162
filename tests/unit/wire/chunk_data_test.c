#include "dataplane/wire/chunk.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static void a_chunk_that_opens_a_flow(void **state)
{
	const char *octets = "100013 80 02 01 01 05006d657461 020a03 00 68656c6c6f";
	uint8_t buf[32], out[32];
	struct span chunk = HEX(buf, octets);
	struct wr w = wr_over(out, sizeof(out));
	struct user_data d;

	assert_int_equal(user_data_read(&d, span_of(chunk.data + 3, chunk.len - 3)), 0);
	assert_int_equal(d.flow_id, 2);
	assert_int_equal(d.seq, 1);
	assert_int_equal(d.fsn, 0);
	assert_int_equal(d.flags & USER_DATA_FRA, USER_DATA_FRA_WHOLE);
	assert_true(d.options.has_metadata && is_hex(d.options.metadata, "6d657461"));
	assert_true(d.options.has_return_flow);
	assert_int_equal(d.options.return_flow_id, 3);
	assert_false(d.options.has_unknown_mandatory);
	assert_true(is_hex(d.body, "68656c6c6f"));
	assert_int_equal(user_data_write(&w, &d), 0);
	assert_true(is_hex(wr_span(&w), octets));
	assert_int_equal(flow_options_len(&d.options), 6 + 3 + 1);
}

static void what_a_chunk_may_say(void **state)
{
	static const struct {
		const char *claim, *payload;
		int err;
		uint64_t seq, fsn;
		const char *body;
	} rows[] = {
		{"FSN is sequence number less offset", "10 02 8148 07 41", 0, 200, 193, "41"},
		{"no body", "00 02 05 01", 0, 5, 4, ""},
		{"the offset reaches 0", "00 02 05 05 aa", 0, 5, 0, "aa"},
		{"offset 0 must not be sent with data, but does no harm", "00 02 05 00 aa", 0, 5, 5,
		 "aa"},
		{"the offset reaches below 0", "00 02 05 06 aa", -EBADMSG, 0, 0, ""},
		{"abandoned: the body does not count", "02 02 05 00 aabb", 0, 5, 5, ""},
		{"numbers beyond 32 bits", "00 02 9080808000 01 aa", 0, 1ULL << 32,
		 (1ULL << 32) - 1, "aa"},
		{"number 0, as MonaServer2 answers exceptions", "03 02 00 00", 0, 0, 0, ""},
		{"empty", "", -EBADMSG, 0, 0, ""},
		{"no flow", "00", -EBADMSG, 0, 0, ""},
		{"no number", "00 02", -EBADMSG, 0, 0, ""},
		{"no offset", "00 02 05", -EBADMSG, 0, 0, ""},
		{"options without Marker", "80 02 05 01 0100", -EBADMSG, 0, 0, ""},
		{"an option cut", "80 02 05 01 0500aa 00", -EBADMSG, 0, 0, ""},
	};
	uint8_t buf[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct user_data d;

		assert_row(user_data_read(&d, HEX(buf, rows[i].payload)) == rows[i].err,
			   rows[i].claim);
		assert_row(d.is_set == (rows[i].err == 0), rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(d.seq == rows[i].seq && d.fsn == rows[i].fsn, rows[i].claim);
		assert_row(is_hex(d.body, rows[i].body), rows[i].claim);
	}
}

static void reserved_flags_are_dropped(void **state)
{
	uint8_t buf[8];
	struct user_data d;

	assert_int_equal(user_data_read(&d, HEX(buf, "7d 02 05 01")), 0);
	assert_int_equal(d.flags, USER_DATA_FRA_MIDDLE | USER_DATA_FINAL);
}

static void options_of_a_flow(void **state)
{
	static const struct {
		const char *claim, *options;
		int err;
		bool has_metadata, has_return_flow, is_rejected;
	} rows[] = {
		{"none: a flow without metadata", "", 0, false, false, false},
		{"metadata may be empty", "0100", 0, true, false, false},
		{"the order does not matter", "020a03 0200aa", 0, true, true, false},
		{"unknown below 0x2000 rejects the flow", "0200aa 0101", 0, true, false, true},
		{"0x1fff is still below", "03 bf7f aa", 0, false, false, true},
		{"unknown from 0x2000 on is ignored", "0200aa 03c00001", 0, true, false, false},
		{"two metadata", "0200aa 0200aa", -EBADMSG, 0, 0, 0},
		{"two associations", "020a03 020a03", -EBADMSG, 0, 0, 0},
		{"an association with nothing", "010a", -EBADMSG, 0, 0, 0},
		{"an association cut", "020a83", -EBADMSG, 0, 0, 0},
	};
	uint8_t buf[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct flow_options o;

		assert_row(flow_options_read(&o, HEX(buf, rows[i].options)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(o.has_metadata == rows[i].has_metadata, rows[i].claim);
		assert_row(o.has_return_flow == rows[i].has_return_flow, rows[i].claim);
		assert_row(o.has_unknown_mandatory == rows[i].is_rejected, rows[i].claim);
	}
}

static void the_length_of_options_is_known_before_they_are_written(void **state)
{
	static const uint8_t metadata[200];
	static const size_t lens[] = {0, 1, 126, 127, 200};
	uint8_t buf[256];

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct user_data d = {.flags = USER_DATA_OPTIONS, .flow_id = 1, .seq = 1};
		struct wr w = wr_over(buf, sizeof(buf));

		d.options.has_metadata = true;
		d.options.metadata = span_of(metadata, lens[i]);
		d.options.has_return_flow = i % 2;
		d.options.return_flow_id = 300;
		assert_int_equal(user_data_write(&w, &d), 0);
		assert_int_equal(flow_options_len(&d.options), w.len - CHUNK_HEADER_LEN - 4);
	}
}

static void next_user_data_counts_on(void **state)
{
	uint8_t buf[16], out[16];
	struct wr w = wr_over(out, sizeof(out));
	struct user_data d;

	assert_int_equal(user_data_read(&d, HEX(buf, "80 02 05 03 0100 00 000102")), 0);
	assert_true(d.options.has_metadata);
	assert_int_equal(next_user_data_read(&d, HEX(buf, "31 030405")), 0);
	assert_int_equal(d.flow_id, 2);
	assert_int_equal(d.seq, 6);
	assert_int_equal(d.fsn, 2);
	assert_int_equal(d.flags, USER_DATA_FRA_MIDDLE | USER_DATA_FINAL);
	assert_false(d.options.has_metadata);
	assert_true(is_hex(d.body, "030405"));
	assert_int_equal(next_user_data_write(&w, &d), 0);
	assert_true(is_hex(wr_span(&w), "110004 31 030405"));
	assert_int_equal(next_user_data_read(&d, HEX(buf, "00")), 0);
	assert_int_equal(d.seq, 7);
}

static void next_user_data_needs_a_good_one_before_it(void **state)
{
	struct user_data d = {0};
	uint8_t buf[16];

	assert_int_equal(next_user_data_read(&d, HEX(buf, "00 aa")),
			 -EBADMSG); // first in its packet
	assert_int_equal(user_data_read(&d, HEX(buf, "00 02 05 01 aa")), 0);
	assert_int_equal(next_user_data_read(&d, HEX(buf, "80 05")), -EBADMSG);
	assert_int_equal(next_user_data_read(&d, HEX(buf, "00 aa")), -EBADMSG); // 6 or 7?
	assert_int_equal(user_data_read(&d, HEX(buf, "00 02 05 06 aa")), -EBADMSG);
	assert_int_equal(next_user_data_read(&d, HEX(buf, "00 aa")), -EBADMSG);
}

static void sequence_numbers_do_not_wrap(void **state)
{
	uint8_t buf[32];
	struct user_data d;

	assert_int_equal(user_data_read(&d, HEX(buf, "00 02 81ffffffffffffffff7f 01 aa")), 0);
	assert_true(d.seq == UINT64_MAX);
	assert_int_equal(next_user_data_read(&d, HEX(buf, "00 aa")), -EBADMSG);
}

static void the_hot_path_writes_what_the_slow_one_does(void **state)
{
	static const uint64_t ids[] = {1, 127, 128, 300, 16384, (1 << 28) - 1};
	static const uint64_t seqs[] = {1, 127, 128, 1ULL << 32, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(ids) * ARRAY_LEN(seqs); i++) {
		struct user_data d = {.flow_id = ids[i / ARRAY_LEN(seqs)],
				      .seq = seqs[i % ARRAY_LEN(seqs)],
				      .fsn = seqs[i % ARRAY_LEN(seqs)] / 2,
				      .flags = USER_DATA_FRA_END,
				      .body = span_of("body", 4)};
		uint8_t slow[64], fast[USER_DATA_HEAD_MAX + 4], id_vlu[FLOW_ID_VLU_MAX] = {0};
		struct wr w = wr_over(slow, sizeof(slow));
		uint8_t id_vlu_len = vlu_put(id_vlu, d.flow_id);
		uint8_t len = user_data_head_put(fast, d.flags, id_vlu, id_vlu_len, d.seq,
						 d.seq - d.fsn, 4);

		memcpy(fast + len, "body", 4);
		assert_int_equal(user_data_write(&w, &d), 0);
		assert_true(span_equal(wr_span(&w), span_of(fast, (size_t)len + 4)));
		assert_int_equal(len, user_data_head_len(id_vlu_len, d.seq, d.seq - d.fsn));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chunk_that_opens_a_flow),
		cmocka_unit_test(what_a_chunk_may_say),
		cmocka_unit_test(reserved_flags_are_dropped),
		cmocka_unit_test(options_of_a_flow),
		cmocka_unit_test(the_length_of_options_is_known_before_they_are_written),
		cmocka_unit_test(next_user_data_counts_on),
		cmocka_unit_test(next_user_data_needs_a_good_one_before_it),
		cmocka_unit_test(sequence_numbers_do_not_wrap),
		cmocka_unit_test(the_hot_path_writes_what_the_slow_one_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
