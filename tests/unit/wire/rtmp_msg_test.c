#include "dataplane/wire/rtmp_msg.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static void events_read_and_write_back(void **state)
{
	static const struct {
		const char *message;
		struct user_control want;
	} rows[] = {
		{"0400000000 0000 00000001", {.event = UC_STREAM_BEGIN, .stream_id = 1}},
		{"0400000000 0001 00000002", {.event = UC_STREAM_EOF, .stream_id = 2}},
		{"0400000000 0002 00000003", {.event = UC_STREAM_DRY, .stream_id = 3}},
		{"0400000007 0003 00000004 00000bb8",
		 {.event = UC_SET_BUFFER_LENGTH, .buffer_length = {4, 3000}}},
		{"0400000000 0004 00000005", {.event = UC_STREAM_IS_RECORDED, .stream_id = 5}},
		{"0400000000 0022 00000007 00000002", {.event = UC_FLOW_SYNC, .flow_sync = {7, 2}}},
		{"0400000000 0029 00007530 00003a98",
		 {.event = UC_SET_KEEPALIVE, .keepalive = {30000, 15000}}},
	};
	uint8_t buf[32], out[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rd r = rd_over_span(HEX(buf, rows[i].message));
		struct wr w = wr_over(out, sizeof(out));
		struct user_control u = {0};
		struct rtmp_head head;

		assert_row(rtmp_head_read(&r, &head) == 0, rows[i].message);
		assert_row(head.type == RTMP_USER_CONTROL, rows[i].message);
		assert_row(user_control_read(&u, rd_rest(&r)) == 0, rows[i].message);
		assert_row(memcmp(&u, &rows[i].want, sizeof(u)) == 0, rows[i].message);
		assert_row(user_control_write(&w, head.timestamp, &u) == 0, rows[i].message);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].message);
	}
}

static void what_is_no_event(void **state)
{
	static const struct {
		const char *claim, *payload;
		int err;
	} rows[] = {
		{"no event number", "00", -EBADMSG},
		{"stream id cut", "0000 000001", -EBADMSG},
		{"buffer length cut", "0003 00000001 0000", -EBADMSG},
		{"keepalive cut", "0029 00000001", -EBADMSG},
		{"a barrier for nobody", "0022 00000001 00000000", -EBADMSG},
		{"one we do not know is none of our business", "0063", 0},
		{"trailing octets", "0000 00000001 ff", 0},
	};
	uint8_t buf[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct user_control u;

		assert_row(user_control_read(&u, HEX(buf, rows[i].payload)) == rows[i].err,
			   rows[i].claim);
	}
}

static void an_event_that_cannot_be_written_leaves_no_trace(void **state)
{
	struct user_control u = {.event = 99};
	uint8_t buf[10];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(user_control_write(&w, 0, &u), -EINVAL);
	assert_int_equal(w.len, 0);
	u.event = UC_STREAM_BEGIN;
	assert_int_equal(user_control_write(&w, 0, &u), -ENOBUFS);
	assert_int_equal(w.len, 0);
	assert_int_equal(wr_err(&w), 0);
}

static void a_header_cut_is_none(void **state)
{
	uint8_t buf[4];
	struct rd r = rd_over_span(HEX(buf, "08000000"));
	struct rtmp_head head;

	assert_int_equal(rtmp_head_read(&r, &head), -EBADMSG);
}

static void types_of_tcp_chunk_streams_are_ignored(void **state)
{
	for (int type = 0; type < 256; type++) {
		bool is_ignored = type == 1 || type == 2 || type == 3 || type == 5 || type == 6;

		assert_int_equal(rtmp_type_is_ignored((uint8_t)type), is_ignored);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_read_and_write_back),
		cmocka_unit_test(what_is_no_event),
		cmocka_unit_test(an_event_that_cannot_be_written_leaves_no_trace),
		cmocka_unit_test(a_header_cut_is_none),
		cmocka_unit_test(types_of_tcp_chunk_streams_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
