#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/group/farewell.h"
#include "dataplane/wire/limits.h"
#include "tests/unit/control/group/stream_kit.h"

#define UNPUBLISH "NetStream.Play.UnpublishNotify"

static const struct {
	const char *what;
	struct stream_message message;
	enum farewell want;
} cases[] = {
	{"closeStream, AMF3 command",
	 {17, 0,
	  BODY("\0\x02\0\x0b"
	       "closeStream\0\0\0\0\0\0\0\0\0\x05")},
	 FAREWELL_CLOSE},
	{"closeStream, AMF0 command",
	 {20, 0,
	  BODY("\x02\0\x0b"
	       "closeStream")},
	 FAREWELL_CLOSE},
	{"a longer name",
	 {17, 0,
	  BODY("\0\x02\0\x0c"
	       "closeStreams")},
	 FAREWELL_NONE},
	{"in a data message it is data",
	 {15, 0,
	  BODY("\0\x02\0\x0b"
	       "closeStream")},
	 FAREWELL_NONE},
	{"onStatus of unpublishing",
	 {17, 0, BODY("\0\x02\0\x08onStatus\x02\0\x1e" UNPUBLISH)},
	 FAREWELL_UNPUBLISH},
	{"onStatus of something else",
	 {17, 0,
	  BODY("\0\x02\0\x08onStatus\x02\0\x05"
	       "other")},
	 FAREWELL_NONE},
	{"onStatus of nothing", {17, 0, BODY("\0\x02\0\x08onStatus")}, FAREWELL_NONE},
	{"a name cut short",
	 {17, 0,
	  BODY("\0\x02\0\x0b"
	       "close")},
	 FAREWELL_NONE},
	{"empty", {17, 0, {NULL, 0}}, FAREWELL_NONE},
	{"video", {9, 0, BODY(AVC_KEY)}, FAREWELL_NONE},
};

static void farewells_are_recognised(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (farewell_of(&cases[i].message) != cases[i].want)
			fail_msg("%s", cases[i].what);
}

static void ours_are_as_rtmp_has_them(void **state)
{
	static const char close[] = "\0\x02\0\x0b"
				    "closeStream\0\0\0\0\0\0\0\0\0\x05";
	static const char unpublish[] = "\0\x02\0\x08onStatus\0\0\0\0\0\0\0\0\0\x05"
					"\x03\0\x05level\x02\0\x06status"
					"\0\x04"
					"code\x02\0\x1e" UNPUBLISH "\0\x07"
					"details\x02\0\x04live\0\0\x09";
	uint8_t out[FAREWELL_LEN_MAX];
	struct wr w = wr_over(out, sizeof(out));

	assert_int_equal(farewell_close_write(&w), 0);
	assert_true(span_equal(wr_span(&w), span_of(close, sizeof(close) - 1)));
	w = wr_over(out, sizeof(out));
	assert_int_equal(farewell_unpublish_write(&w, "live"), 0);
	assert_true(span_equal(wr_span(&w), span_of(unpublish, sizeof(unpublish) - 1)));
}

static void the_longest_name_has_room(void **state)
{
	char name[STREAM_NAME_MAX + 1];
	uint8_t out[FAREWELL_LEN_MAX];
	struct wr w = wr_over(out, sizeof(out));

	memset(name, 'n', STREAM_NAME_MAX);
	name[STREAM_NAME_MAX] = '\0';
	assert_int_equal(farewell_unpublish_write(&w, name), 0);
	w = wr_over(out, 20);
	assert_int_equal(farewell_unpublish_write(&w, name), -ENOBUFS);
	assert_int_equal(w.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(farewells_are_recognised),
		cmocka_unit_test(ours_are_as_rtmp_has_them),
		cmocka_unit_test(the_longest_name_has_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
