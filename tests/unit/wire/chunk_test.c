#include "dataplane/wire/chunk.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static void chunks_are_legal_only_in_their_mode(void **state)
{
	static const uint8_t startup[] = {CHUNK_IHELLO,   CHUNK_RHELLO,   CHUNK_REDIRECT,
					  CHUNK_IIKEYING, CHUNK_RIKEYING, CHUNK_COOKIE_CHANGE};
	static const uint8_t anywhere[] = {CHUNK_PADDING_00, CHUNK_PADDING_FF,
					   CHUNK_PACKET_FRAGMENT};
	static const uint8_t session[] = {
		CHUNK_PING,           CHUNK_PING_REPLY, CHUNK_CLOSE,          CHUNK_CLOSE_ACK,
		CHUNK_FIHELLO,        CHUNK_USER_DATA,  CHUNK_NEXT_USER_DATA, CHUNK_BUFFER_PROBE,
		CHUNK_FLOW_EXCEPTION, CHUNK_ACK_BITMAP, CHUNK_ACK_RANGES};
	int known = 0;

	for (int type = 0; type < 256; type++) {
		bool in_startup = memchr(startup, type, sizeof(startup)) != NULL;
		bool in_session = memchr(session, type, sizeof(session)) != NULL;
		bool in_any = memchr(anywhere, type, sizeof(anywhere)) != NULL;

		assert_int_equal(chunk_is_legal((uint8_t)type, MODE_STARTUP), in_startup || in_any);
		assert_int_equal(chunk_is_legal((uint8_t)type, MODE_INITIATOR),
				 in_session || in_any);
		assert_int_equal(chunk_is_legal((uint8_t)type, MODE_RESPONDER),
				 in_session || in_any);
		assert_false(chunk_is_legal((uint8_t)type, MODE_FORBIDDEN));
		known += strcmp(chunk_name((uint8_t)type), "unknown") != 0;
	}
	assert_int_equal(known, 20); // each type of the catalogue has a name
}

static void commit_fills_in_the_length(void **state)
{
	uint8_t buf[16];
	struct wr w = wr_over(buf, sizeof(buf));
	struct wr_point start;

	wr_u8(&w, 0xaa);
	start = wr_chunk_begin(&w, CHUNK_PING);
	wr_u16(&w, 0x0102);
	assert_int_equal(wr_chunk_commit(&w, start), 0);
	assert_true(is_hex(wr_span(&w), "aa 010002 0102"));
}

static void a_chunk_that_does_not_fit_leaves_no_trace(void **state)
{
	uint8_t buf[6];
	struct wr w = wr_over(buf, sizeof(buf));
	struct wr_point start = wr_chunk_begin(&w, CHUNK_PING);

	wr_u32(&w, 1);
	assert_int_equal(wr_chunk_commit(&w, start), -ENOBUFS);
	assert_int_equal(w.len, 0);
	assert_int_equal(wr_err(&w), 0);
	start = wr_chunk_begin(&w, CHUNK_PING);
	wr_u16(&w, 1);
	wr_chunk_rollback(&w, start);
	assert_int_equal(w.len, 0);
}

static void a_chunk_is_at_most_65535_long(void **state)
{
	static uint8_t buf[70000], body[65536];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(ping_write(&w, span_of(body, 65536)), -ENOBUFS);
	assert_int_equal(w.len, 0);
	assert_int_equal(ping_write(&w, span_of(body, 65535)), 0);
	assert_true(is_hex(span_of(buf, 3), "01ffff"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_are_legal_only_in_their_mode),
		cmocka_unit_test(commit_fills_in_the_length),
		cmocka_unit_test(a_chunk_that_does_not_fit_leaves_no_trace),
		cmocka_unit_test(a_chunk_is_at_most_65535_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
