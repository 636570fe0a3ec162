#include "dataplane/wire/chunk.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static void chunks_without_fields(void **state)
{
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(ping_write(&w, span_of("M!", 2)), 0);
	assert_int_equal(ping_reply_write(&w, span_of(NULL, 0)), 0);
	assert_int_equal(close_write(&w), 0);
	assert_int_equal(close_ack_write(&w), 0);
	assert_true(is_hex(wr_span(&w), "0100024d21 410000 0c0000 4c0000"));
}

static void buffer_probe(void **state)
{
	uint8_t buf[8], out[8];
	struct wr w = wr_over(out, sizeof(out));
	uint64_t flow_id;

	assert_int_equal(buffer_probe_read(&flow_id, HEX(buf, "822c")), 0);
	assert_int_equal(flow_id, 300);
	assert_int_equal(buffer_probe_write(&w, flow_id), 0);
	assert_true(is_hex(wr_span(&w), "180002822c"));
	assert_int_equal(buffer_probe_read(&flow_id, HEX(buf, "82")), -EBADMSG);
	assert_int_equal(buffer_probe_read(&flow_id, HEX(buf, "")), -EBADMSG);
}

static void flow_exception(void **state)
{
	uint8_t buf[8], out[8];
	struct wr w = wr_over(out, sizeof(out));
	struct flow_exception x;

	assert_int_equal(flow_exception_read(&x, HEX(buf, "05 822c")), 0);
	assert_int_equal(x.flow_id, 5);
	assert_int_equal(x.code, 300);
	assert_int_equal(flow_exception_write(&w, &x), 0);
	assert_true(is_hex(wr_span(&w), "5e0003 05 822c"));
	assert_int_equal(flow_exception_read(&x, HEX(buf, "05")), -EBADMSG);
}

static void padding_has_the_length_asked_for(void **state)
{
	uint8_t buf[16];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(padding_write(&w, 3), 0);
	assert_int_equal(padding_write(&w, 5), 0);
	assert_true(is_hex(wr_span(&w), "000000 0000020000"));
	assert_int_equal(padding_write(&w, 9), -ENOBUFS);
	assert_int_equal(w.len, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_without_fields),
		cmocka_unit_test(buffer_probe),
		cmocka_unit_test(flow_exception),
		cmocka_unit_test(padding_has_the_length_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
