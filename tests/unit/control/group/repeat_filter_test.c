#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/group/repeat_filter.h"
#include "dataplane/wire/media.h"
#include "tests/unit/control/group/stream_kit.h"

static void byte_equal_headers_are_dropped_others_pass(void **state)
{
	const struct {
		const char *what;
		struct stream_message message;
		bool is_dropped;
	} steps[] = {
		{"first metadata", KIT_DATA(0, METADATA), false},
		{"again, at another time", KIT_DATA(2000, METADATA), true},
		{"first video header", KIT_VIDEO(0, AVC_CONFIG), false},
		{"audio frames may repeat themselves", KIT_AUDIO(0, AAC_FRAME), false},
		{"audio frames may repeat themselves", KIT_AUDIO(0, AAC_FRAME), false},
		{"a new video header", KIT_VIDEO(0, AVC_CONFIG "x"), false},
		{"the former one is news again", KIT_VIDEO(0, AVC_CONFIG), false},
		{"and its repeat is not", KIT_VIDEO(0, AVC_CONFIG), true},
		{"kinds do not disturb each other", KIT_DATA(0, METADATA), true},
		{"the same octets as another type",
		 kit_message(RTMP_DATA_AMF3, 0, METADATA, sizeof(METADATA) - 1), false},
	};
	struct repeat_filter f = {0};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (repeat_filter_drops(&f, &steps[i].message) != steps[i].is_dropped)
			fail_msg("step %zu: %s", i, steps[i].what);
	repeat_filter_clear(&f);
}

static void the_last_of_each_kind_can_be_had(void **state)
{
	struct stream_message config = KIT_VIDEO(5, AVC_CONFIG), last;
	struct repeat_filter f = {0};

	assert_null(repeat_filter_last(&f, MEDIA_VIDEO_CONFIG).body.data);
	repeat_filter_drops(&f, &config);
	last = repeat_filter_last(&f, MEDIA_VIDEO_CONFIG);
	assert_int_equal(last.type, RTMP_VIDEO);
	assert_true(span_equal(last.body, config.body));
	assert_null(repeat_filter_last(&f, MEDIA_AUDIO_CONFIG).body.data);
	repeat_filter_clear(&f);
}

static void what_is_too_long_is_never_a_repeat(void **state)
{
	static char body[REPEAT_LEN_MAX + 1] = AVC_CONFIG;
	struct stream_message m = kit_message(RTMP_VIDEO, 0, body, sizeof(body));
	struct repeat_filter f = {0};

	assert_false(repeat_filter_drops(&f, &m));
	assert_false(repeat_filter_drops(&f, &m));
	repeat_filter_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(byte_equal_headers_are_dropped_others_pass),
		cmocka_unit_test(the_last_of_each_kind_can_be_had),
		cmocka_unit_test(what_is_too_long_is_never_a_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
