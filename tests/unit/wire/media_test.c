// What a media message is to a decoder.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

static const struct {
	const char *claim;
	uint8_t type;
	const char *body;
	size_t len;
	enum media_kind kind;
} cases[] = {
	{"AVC sequence header, though its frame type says key", RTMP_VIDEO,
	 "\x17\x00\x00\x00\x00\x01", 6, MEDIA_VIDEO_CONFIG},
	{"AVC key picture", RTMP_VIDEO, "\x17\x01\x00\x00\x00\x65", 6, MEDIA_KEY_FRAME},
	{"AVC inter picture", RTMP_VIDEO, "\x27\x01\x00\x00\x00\x41", 6, MEDIA_OTHER},
	{"AVC end of sequence is no picture", RTMP_VIDEO, "\x17\x02\x00\x00\x00", 5, MEDIA_OTHER},
	{"an older codec's key frame", RTMP_VIDEO, "\x12\x84\x00", 3, MEDIA_KEY_FRAME},
	{"enhanced: sequence start", RTMP_VIDEO, "\x90hvc1", 5, MEDIA_VIDEO_CONFIG},
	{"enhanced: coded key frame", RTMP_VIDEO, "\x91hvc1", 5, MEDIA_KEY_FRAME},
	{"enhanced: coded frame without offset", RTMP_VIDEO, "\x93hvc1", 5, MEDIA_KEY_FRAME},
	{"enhanced: inter frame", RTMP_VIDEO, "\xa1hvc1", 5, MEDIA_OTHER},
	{"AAC configuration", RTMP_AUDIO, "\xaf\x00\x12\x10", 4, MEDIA_AUDIO_CONFIG},
	{"AAC frame", RTMP_AUDIO, "\xaf\x01\x21", 3, MEDIA_OTHER},
	{"MP3 has no configuration", RTMP_AUDIO, "\x2f\x00\x12", 3, MEDIA_OTHER},
	{"metadata", RTMP_DATA_AMF0, "\x02\x00\x0aonMetaData\x08", 14, MEDIA_METADATA},
	{"metadata behind a format octet", RTMP_DATA_AMF3, "\x00\x02\x00\x0aonMetaData\x08", 15,
	 MEDIA_METADATA},
	{"text is no metadata", RTMP_DATA_AMF0, "\x02\x00\x0aonTextData\x08", 14, MEDIA_OTHER},
	{"empty video", RTMP_VIDEO, "", 0, MEDIA_OTHER},
	{"one octet of video", RTMP_VIDEO, "\x17", 1, MEDIA_OTHER},
	{"empty audio", RTMP_AUDIO, "", 0, MEDIA_OTHER},
	{"empty data", RTMP_DATA_AMF0, "", 0, MEDIA_OTHER},
	{"a command", RTMP_COMMAND_AMF3, "\x17\x01", 2, MEDIA_OTHER},
};

static void bodies_are_told_apart(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span body = {(const uint8_t *)cases[i].body, cases[i].len};

		if (media_kind_of(cases[i].type, body) != cases[i].kind)
			fail_msg("%s", cases[i].claim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(bodies_are_told_apart)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
