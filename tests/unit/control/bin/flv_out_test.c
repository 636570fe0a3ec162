// What a player's file holds: headers first, then from a key frame on, no header twice.
#include "tests/support/test.h"

#include "control/bin/peer/flv_out.h"
#include "control/service/flv.h"
#include "dataplane/wire/rtmp_msg.h"

#define META   "\x02\x00\x0aonMetaData"
#define VCONF  "\x17\x00\x00\x00\x00\x01"
#define VCONF2 "\x17\x00\x00\x00\x00\x02"
#define ACONF  "\xaf\x00\x12\x10"
#define KEY    "\x17\x01\x00\x00\x00"
#define INTER  "\x27\x01\x00\x00\x00"
#define SOUND  "\xaf\x01\x00"

#define OCTETS(s)                                                                                  \
	(struct span)                                                                              \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}

static char *data;
static size_t len;
static struct flv_out *out;

static int setup(void **state)
{
	out = flv_out_create(open_memstream(&data, &len));
	return out == NULL;
}

static int teardown(void **state)
{
	free(data);
	return 0;
}

static void say(uint8_t type, uint32_t ms, struct span body)
{
	assert_int_equal(flv_out_message(out, type, ms, body), 0);
}

// The file's tags as letters: M, V, A headers, K key frame, i inter frame, s sound.
static void expect(const char *letters, uint8_t flags)
{
	struct flv_parser *p = flv_parser_create();
	char got[64] = "";
	size_t n = 0;
	struct flv_tag t;
	const char *why;
	uint32_t room;

	assert_int_equal(flv_out_close(out), 0);
	memcpy(flv_parser_space(p, &room), data, len);
	flv_parser_fed(p, (uint32_t)len);
	while (flv_parser_next(p, &t, &why) == 1) {
		char c = t.type == RTMP_DATA_AMF0 ? 'M'
			 : t.type == RTMP_AUDIO   ? t.body.data[1] == 0 ? 'A' : 's'
			 : t.body.data[1] == 0    ? 'V'
			 : t.body.data[0] == 0x17 ? 'K'
						  : 'i';

		got[n++] = c;
	}
	assert_true(len == 0 || flv_parser_ended_well(p));
	flv_parser_destroy(p);
	assert_string_equal(got, letters);
	if (len > 4)
		assert_int_equal(data[4], flags);
}

static void headers_come_first_whatever_the_order(void **state)
{
	say(RTMP_AUDIO, 0, OCTETS(ACONF));
	say(RTMP_VIDEO, 0, OCTETS(VCONF));
	say(RTMP_DATA_AMF0, 0, OCTETS(META));
	say(RTMP_VIDEO, 0, OCTETS(KEY));
	expect("MVAK", 5);
}

static void what_comes_before_the_first_key_frame_is_left_out(void **state)
{
	say(RTMP_VIDEO, 0, OCTETS(VCONF));
	say(RTMP_VIDEO, 10, OCTETS(INTER));
	say(RTMP_AUDIO, 20, OCTETS(SOUND));
	say(RTMP_VIDEO, 5000, OCTETS(KEY));
	say(RTMP_AUDIO, 5001, OCTETS(SOUND));
	expect("VKs", 5);
}

static void repeats_are_dropped_and_changes_kept(void **state)
{
	say(RTMP_VIDEO, 0, OCTETS(VCONF));
	say(RTMP_VIDEO, 0, OCTETS(KEY));
	say(RTMP_VIDEO, 900, OCTETS(VCONF));
	say(RTMP_VIDEO, 900, OCTETS(KEY));
	say(RTMP_VIDEO, 1800, OCTETS(VCONF2));
	say(RTMP_VIDEO, 1800, OCTETS(KEY));
	expect("VKKVK", 5);
}

static void the_last_header_before_the_start_counts(void **state)
{
	say(RTMP_VIDEO, 0, OCTETS(VCONF));
	say(RTMP_VIDEO, 0, OCTETS(VCONF2));
	say(RTMP_VIDEO, 0, OCTETS(KEY));
	assert_int_equal(flv_out_close(out), 0);
	assert_memory_equal(data + 13 + 11, VCONF2, 6);
}

static void sound_alone_starts_after_a_second(void **state)
{
	say(RTMP_AUDIO, 100, OCTETS(ACONF));
	say(RTMP_AUDIO, 100, OCTETS(SOUND));
	say(RTMP_AUDIO, 1099, OCTETS(SOUND));
	say(RTMP_AUDIO, 1100, OCTETS(SOUND));
	say(RTMP_AUDIO, 1120, OCTETS(SOUND));
	expect("Ass", 4);
}

static void nothing_is_written_of_a_stream_that_never_starts(void **state)
{
	say(RTMP_VIDEO, 0, OCTETS(VCONF));
	say(RTMP_VIDEO, 9000, OCTETS(INTER));
	assert_false(flv_out_totals(out).has_started);
	expect("", 0);
}

static void totals_tell_what_was_written(void **state)
{
	struct flv_out_totals t;

	say(RTMP_VIDEO, 70, OCTETS(VCONF));
	say(RTMP_VIDEO, 80, OCTETS(KEY));
	say(RTMP_VIDEO, 120, OCTETS(INTER));
	t = flv_out_totals(out);
	assert_int_equal(t.tags, 3);
	assert_int_equal(t.first_ms, 80);
	assert_int_equal(t.last_ms, 120);
	assert_int_equal(t.bytes, 6 + 5 + 5);
	assert_int_equal(flv_out_close(out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(headers_come_first_whatever_the_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_comes_before_the_first_key_frame_is_left_out,
						setup, teardown),
		cmocka_unit_test_setup_teardown(repeats_are_dropped_and_changes_kept, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_last_header_before_the_start_counts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(sound_alone_starts_after_a_second, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_written_of_a_stream_that_never_starts,
						setup, teardown),
		cmocka_unit_test_setup_teardown(totals_tell_what_was_written, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
