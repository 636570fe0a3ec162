// Commands on the wire.
#include "tests/support/test.h"

#include <errno.h>

#include "control/rpc/command.h"
#include "dataplane/wire/rtmp_msg.h"

static struct rpc_command c;

static struct span written(uint8_t *buf, size_t cap, bool is_amf3, const char *name)
{
	struct wr w = wr_over(buf, cap);

	rpc_command_begin(&w, is_amf3, name, 3);
	amf0_wr_null(&w);
	rpc_command_info(&w, "status", "Some.Code", "words");
	assert_int_equal(wr_err(&w), 0);
	return wr_span(&w);
}

static void what_is_written_is_read(void **state)
{
	for (int is_amf3 = 0; is_amf3 < 2; is_amf3++) {
		uint8_t buf[256];
		struct span s = written(buf, sizeof(buf), is_amf3, "onStatus");

		assert_int_equal(buf[0], is_amf3 ? RTMP_COMMAND_AMF3 : RTMP_COMMAND_AMF0);
		s = (struct span){s.data + RTMP_HEAD_LEN, s.len - RTMP_HEAD_LEN};
		assert_int_equal(rpc_command_read(&c, buf[0], s), 0);
		assert_string_equal(c.name, "onStatus");
		assert_true(c.transaction == 3);
		assert_int_equal(c.is_amf3, is_amf3);
		assert_true(amf_is_text(amf_get(&c.doc, amf_at(&c.doc, 3), "code"), "Some.Code"));
	}
}

static const struct {
	const char *claim;
	uint8_t type;
	struct span payload;
	int err;
} cases[] = {
	{"video is no command", RTMP_VIDEO, {(const uint8_t *)"\x17", 1}, -ENOMSG},
	{"a command has a name", RTMP_COMMAND_AMF0, {(const uint8_t *)"", 0}, -EBADMSG},
	{"which is a string", RTMP_COMMAND_AMF0, {(const uint8_t *)"\x05", 1}, -EBADMSG},
	{"type 17 begins with format 0",
	 RTMP_COMMAND_AMF3,
	 {(const uint8_t *)"\x02\x00\x01x", 4},
	 -EBADMSG},
	{"type 17 is not empty", RTMP_COMMAND_AMF3, {(const uint8_t *)"", 0}, -EBADMSG},
	{"a name alone will do", RTMP_COMMAND_AMF0, {(const uint8_t *)"\x02\x00\x01x", 4}, 0},
};

static void broken_commands_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_row(rpc_command_read(&c, cases[i].type, cases[i].payload) == cases[i].err,
			   cases[i].claim);
}

static void a_name_without_end_is_refused(void **state)
{
	char name[COMMAND_NAME_MAX + 1];
	uint8_t buf[256];
	struct span s;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	s = written(buf, sizeof(buf), false, name);
	assert_int_equal(
		rpc_command_read(&c, buf[0],
				 (struct span){s.data + RTMP_HEAD_LEN, s.len - RTMP_HEAD_LEN}),
		-EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(broken_commands_are_refused),
		cmocka_unit_test(a_name_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
