#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/group/player_start.h"
#include "tests/unit/control/group/stream_kit.h"

// One letter per fragment: M metadata, V video header, A audio header, K key frame, i other
// picture, a audio, + continues the message before (which then is not whole without it), . is
// missing.
static struct stream_fragment letter(const char *text, uint64_t number)
{
	struct stream_fragment f = {
		.flags = STREAM_FRAGMENT_FIRST, .type = RTMP_VIDEO, .number = number};

	switch (*text) {
	case 'M':
		f.type = RTMP_DATA_AMF0;
		f.payload = (struct span)BODY(METADATA);
		break;
	case 'V':
		f.payload = (struct span)BODY(AVC_CONFIG);
		break;
	case 'A':
		f.type = RTMP_AUDIO;
		f.payload = (struct span)BODY(AAC_CONFIG);
		break;
	case 'K':
		f.payload = (struct span)BODY(AVC_KEY);
		f.flags |= text[1] == '+' || text[1] == '-' ? STREAM_FRAGMENT_MORE : 0;
		break;
	case 'i':
		f.payload = (struct span)BODY(AVC_INTER);
		break;
	case 'a':
		f.type = RTMP_AUDIO;
		f.payload = (struct span)BODY(AAC_FRAME);
		break;
	default: // '+'
		f.flags = 0;
	}
	return f;
}

static const struct {
	const char *what;
	uint64_t first;
	const char *fragments;
	uint64_t early, late, at_all;
} cases[] = {
	{"the beginning is the best place", 1, "MVAKi", 1, 1, 1},
	{"also without a key frame", 1, "aa", 1, 1, 1},
	{"the beginning is near and may still come", 2, "VAKiMVAKi", 0, 6, 6},
	{"headers, then a key frame", 1000, "iiMVAK+ii", 1002, 1002, 1002},
	{"the newest of two: what follows it stays longest", 1000, "iMVAKiMVAK", 1006, 1006, 1006},
	{"the oldest of two for who was there early", 2, "iMVAKiMVAK", 0, 3, 3},
	{"the key frame is not whole yet", 1000, "iMVAK-.ii", 0, 0, 1001},
	{"a hole behind it does no harm", 1000, "iMVAK.ii", 1001, 1001, 1001},
	{"all three headers after a hole are enough", 1000, "i.MVAK", 1002, 1002, 1002},
	{"after a hole another header may be missing", 1000, "i.VAKii", 0, 1002, 1002},
	{"a hole between headers and key frame", 1000, "iMVA.K", 0, 1005, 1005},
	{"a key frame without headers will do later", 1000, "iiKii", 0, 1002, 1002},
	{"but one with headers is better", 1000, "iiKiiiMVAK", 1006, 1006, 1006},
	{"audio between header and key frame spoils it", 1000, "iVaK", 0, 1003, 1003},
	{"pictures without a key frame", 1000, "iiaii", 0, 0, 1000},
	{"audio alone begins with a header", 1000, "aaMAaa", 0, 1002, 1002},
	{"or with anything", 1000, "aaaa", 0, 1000, 1000},
	{"in the middle of a message nothing begins", 1000, "++", 0, 0, 0},
};

static void the_place_to_begin(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct start_hints hints = {.first_seen = cases[i].first, .fresh_ms = 4000};
		struct fragment_store s;

		fragment_store_init(&s, 512, 1 << 20);
		for (size_t k = 0; cases[i].fragments[k] != '\0'; k++) {
			struct stream_fragment f =
				letter(cases[i].fragments + k, cases[i].first + k);

			if (cases[i].fragments[k] == '.' || cases[i].fragments[k] == '-')
				continue;
			assert_int_equal(fragment_store_put(&s, &f, 1), 0);
		}
		if (player_start_pick(&s, &hints, START_EARLY) != cases[i].early ||
		    player_start_pick(&s, &hints, START_LATE) != cases[i].late ||
		    player_start_pick(&s, &hints, START_AT_ALL) != cases[i].at_all)
			fail_msg("%s", cases[i].what);
		fragment_store_clear(&s);
	}
}

static void who_came_late_does_not_begin_at_the_beginning(void **state)
{
	struct fragment_store s;
	const char *text = "MVAKiiMVAKii";
	const struct start_hints late = {.first_seen = 2000, .fresh_ms = 4000};
	const struct start_hints early = {.first_seen = 5, .fresh_ms = 4000};

	fragment_store_init(&s, 512, 1 << 20);
	for (size_t k = 0; text[k] != '\0'; k++) {
		struct stream_fragment f = letter(text + k, 1 + k);

		assert_int_equal(fragment_store_put(&s, &f, 1), 0);
	}
	// Fragment 1 was pulled: it is about to leave the window it came from, and the rest with
	// it.
	assert_int_equal(player_start_pick(&s, &late, START_EARLY), 7);
	assert_int_equal(player_start_pick(&s, &early, START_EARLY), 1);
	fragment_store_clear(&s);
}

// Half a window old: by the time the rest is pulled, it may be gone.
static void an_old_key_frame_is_no_perfect_place(void **state)
{
	struct start_hints hints = {.first_seen = 2000, .newest_ms = 4000, .fresh_ms = 4000};
	struct fragment_store s;
	const char *text = "MVAKii";

	fragment_store_init(&s, 512, 1 << 20);
	for (size_t k = 0; text[k] != '\0'; k++) {
		struct stream_fragment f = letter(text + k, 1 + k);

		assert_int_equal(fragment_store_put(&s, &f, 1), 0);
	}
	assert_int_equal(player_start_pick(&s, &hints, START_EARLY), 1);
	hints.newest_ms++;
	assert_int_equal(player_start_pick(&s, &hints, START_EARLY), 0);
	assert_int_equal(player_start_pick(&s, &hints, START_LATE), 1); // better than nothing
	fragment_store_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_place_to_begin),
		cmocka_unit_test(who_came_late_does_not_begin_at_the_beginning),
		cmocka_unit_test(an_old_key_frame_is_no_perfect_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
