#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/group/farewell.h"
#include "dataplane/wire/media.h"
#include "dataplane/wire/stream_fragment.h"
#include "tests/unit/control/group/stream_kit.h"

struct setup {
	struct publisher *p;
	struct kit_stream *s;
};

static int begin(void **state)
{
	struct setup *t = calloc(1, sizeof(*t));

	t->p = publisher_create();
	t->s = kit_stream_create();
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct setup *t = *state;

	publisher_destroy(t->p);
	kit_stream_destroy(t->s);
	free(t);
	return 0;
}

static int write(struct setup *t, struct stream_message m)
{
	return publisher_write(t->p, &m, false, kit_emit, t->s);
}

static struct stream_fragment read_back(const struct setup *t, uint64_t number)
{
	struct stream_fragment f;

	assert_int_equal(stream_fragment_read(&f, kit_fragment(t->s, number)), 0);
	assert_int_equal(f.number, number);
	return f;
}

static const struct cut_case {
	const char *what;
	size_t len;
	size_t fragments;
	size_t last_len;
} cut_cases[] = {
	{"an empty message is one fragment", 0, 1, 0},
	{"one octet", 1, 1, 1},
	{"a full fragment", 959, 1, 959},
	{"one octet more", 960, 2, 1},
	{"two full ones", 1918, 2, 959},
	{"the longest: 256 fragments", 245504, 256, 959},
};

static void messages_are_cut_at_959_octets(void **state)
{
	static uint8_t body[STREAM_MESSAGE_MAX];

	for (size_t i = 0; i < sizeof(cut_cases) / sizeof(cut_cases[0]); i++) {
		const struct cut_case *c = &cut_cases[i];
		struct setup *t;

		end(state);
		begin(state);
		t = *state;
		assert_int_equal(write(t, kit_message(RTMP_DATA_AMF0, 7, (char *)body, c->len)), 0);
		assert_int_equal(t->s->n, c->fragments);
		for (uint64_t n = 1; n <= c->fragments; n++) {
			struct stream_fragment f = read_back(t, n);
			uint8_t flags = (n == 1 ? STREAM_FRAGMENT_FIRST : 0) |
					(n < c->fragments ? STREAM_FRAGMENT_MORE : 0);

			assert_int_equal(f.flags, flags);
			assert_int_equal(f.n_more, c->fragments - n);
			assert_int_equal(f.payload.len, n < c->fragments ? 959 : c->last_len);
		}
		assert_int_equal(read_back(t, 1).type, RTMP_DATA_AMF0);
		assert_int_equal(read_back(t, 1).timestamp, 7);
	}
}

static void a_message_too_long_is_refused_and_video_waits_for_a_key_frame(void **state)
{
	static char body[STREAM_MESSAGE_MAX + 1] = AVC_INTER;
	struct setup *t = *state;

	assert_int_equal(write(t, KIT_VIDEO(0, AVC_KEY)), 0);
	assert_int_equal(write(t, kit_message(RTMP_VIDEO, 40, body, sizeof(body))), -EMSGSIZE);
	assert_int_equal(write(t, KIT_VIDEO(80, AVC_INTER)), 1);
	assert_int_equal(write(t, KIT_AUDIO(90, AAC_FRAME)), 0);
	assert_int_equal(write(t, KIT_VIDEO(120, AVC_KEY)), 0);
	assert_int_equal(write(t, KIT_VIDEO(160, AVC_INTER)), 0);
	assert_int_equal(t->s->n, 4);
	assert_int_equal(publisher_counters(t->p)->refused, 1);
	assert_int_equal(publisher_counters(t->p)->skipped, 1);
}

// What the stream looks like: one letter per message.
static void assert_sequence(const struct setup *t, const char *want)
{
	char got[256];
	size_t n = 0;

	for (uint64_t i = 1; i <= t->s->n; i++) {
		struct stream_fragment f = read_back(t, i);

		switch (media_kind_of(f.type, f.payload)) {
		case MEDIA_METADATA:
			got[n++] = 'M';
			break;
		case MEDIA_VIDEO_CONFIG:
			got[n++] = 'V';
			break;
		case MEDIA_AUDIO_CONFIG:
			got[n++] = 'A';
			break;
		case MEDIA_KEY_FRAME:
			got[n++] = 'K';
			break;
		default:
			got[n++] = f.type == RTMP_VIDEO ? 'i' : f.type == RTMP_AUDIO ? 'a' : 'D';
		}
	}
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void write_headers(struct setup *t)
{
	write(t, KIT_DATA(0, METADATA));
	write(t, KIT_VIDEO(0, AVC_CONFIG));
	write(t, KIT_AUDIO(0, AAC_CONFIG));
}

static void headers_are_repeated_before_key_frames_900_ms_apart(void **state)
{
	struct setup *t = *state;

	write_headers(t);
	write(t, KIT_VIDEO(0, AVC_KEY));
	write(t, KIT_VIDEO(899, AVC_KEY));
	write(t, KIT_VIDEO(900, AVC_KEY));
	write(t, KIT_VIDEO(1799, AVC_KEY));
	write(t, KIT_AUDIO(1799, AAC_FRAME));
	write(t, KIT_VIDEO(1800, AVC_KEY));
	assert_sequence(t, "MVAKKMVAKKaMVAK");
	assert_int_equal(read_back(t, 6).timestamp, 900);
}

static void headers_that_stand_there_already_are_not_repeated(void **state)
{
	struct setup *t = *state;

	write_headers(t);
	write(t, KIT_VIDEO(0, AVC_KEY));
	write(t, KIT_VIDEO(2000, AVC_CONFIG "2"));
	write(t, KIT_VIDEO(2000, AVC_KEY));
	assert_sequence(t, "MVAKVMAK");
}

static void without_video_headers_come_every_second(void **state)
{
	struct setup *t = *state;

	write(t, KIT_DATA(0, METADATA));
	write(t, KIT_AUDIO(0, AAC_CONFIG));
	for (uint32_t ms = 0; ms <= 2000; ms += 250)
		write(t, KIT_AUDIO(ms, AAC_FRAME));
	assert_sequence(t, "MAaaaaMAaaaaMAa");
}

#define SET_METADATA   "\x02\x00\x0d@setDataFrame" METADATA
#define CLEAR_METADATA "\x02\x00\x0f@clearDataFrame\x02\x00\x0aonMetaData"
#define OTHER_DATA     "\x02\x00\x04tick\x05"

// MC-8: so a stream of send() alone has metadata for newcomers.
static void data_key_frames_are_for_newcomers_too(void **state)
{
	struct setup *t = *state;
	struct stream_message clear = KIT_DATA(2500, CLEAR_METADATA);
	struct stream_fragment got;

	write(t, KIT_DATA(0, SET_METADATA));
	for (uint32_t ms = 0; ms <= 2000; ms += 500)
		write(t, KIT_DATA(ms, OTHER_DATA));
	assert_int_equal(publisher_write(t->p, &clear, false, kit_emit, t->s), 1);
	for (uint32_t ms = 2500; ms <= 4000; ms += 500)
		write(t, KIT_DATA(ms, OTHER_DATA));
	assert_sequence(t, "MDDMDDMDDDDD");
	got = read_back(t, 1);
	assert_int_equal(got.type, RTMP_DATA_AMF0);
	assert_int_equal(got.payload.len, sizeof(METADATA) - 1);
	assert_memory_equal(got.payload.data, METADATA, sizeof(METADATA) - 1);
	// As type 15, with its format octet, it is the same.
	write(t, kit_message(RTMP_DATA_AMF3, 5000, "\0" SET_METADATA, sizeof(SET_METADATA)));
	assert_sequence(t, "MDDMDDMDDDDDM");
}

static void with_video_audio_repeats_nothing(void **state)
{
	struct setup *t = *state;

	write_headers(t);
	write(t, KIT_VIDEO(0, AVC_KEY));
	for (uint32_t ms = 1000; ms <= 4000; ms += 1000)
		write(t, KIT_AUDIO(ms, AAC_FRAME));
	assert_sequence(t, "MVAKaaaa");
}

static void key_frames_and_headers_are_flagged(void **state)
{
	struct setup *t = *state;

	write_headers(t);
	write(t, KIT_VIDEO(0, AVC_KEY));
	write(t, KIT_VIDEO(40, AVC_INTER));
	write(t, KIT_AUDIO(40, AAC_FRAME));
	for (size_t i = 0; i < t->s->n; i++)
		assert_int_equal(t->s->fragments[i].is_key, i < 4);
}

static void a_message_whose_fragments_find_no_room_leaves_no_trace(void **state)
{
	struct setup *t = *state;
	char body[3000] = AVC_INTER;

	write_headers(t);
	write(t, KIT_VIDEO(0, AVC_KEY));
	t->s->fail_after = 2;
	assert_int_equal(write(t, kit_message(RTMP_VIDEO, 40, body, sizeof(body))), -EAGAIN);
	t->s->fail_after = -1;
	assert_int_equal(publisher_next_number(t->p), 5);
	assert_int_equal(write(t, KIT_VIDEO(40, AVC_INTER)), 0);
	assert_int_equal(read_back(t, 5).flags, STREAM_FRAGMENT_FIRST);
	// Repetitions count as part of the message they precede.
	t->s->fail_after = 1;
	assert_int_equal(write(t, KIT_VIDEO(2000, AVC_KEY)), -EAGAIN);
	t->s->fail_after = -1;
	assert_int_equal(write(t, KIT_VIDEO(2000, AVC_KEY)), 0);
	t->s->n = publisher_next_number(t->p) - 1;
	assert_sequence(t, "MVAKiMVAK");
}

static void the_end_is_said_in_band_and_numbered_one_beyond(void **state)
{
	struct setup *t = *state;
	uint64_t number = 0;
	struct stream_fragment f;
	struct stream_message m;

	write(t, KIT_AUDIO(77, AAC_FRAME));
	t->s->fail_after = 1;
	assert_int_equal(publisher_end(t->p, "live", kit_emit, t->s, &number), -EAGAIN);
	t->s->fail_after = -1;
	assert_int_equal(publisher_end(t->p, "live", kit_emit, t->s, &number), 0);
	assert_int_equal(number, 4);
	for (uint64_t i = 2; i <= 3; i++) {
		f = read_back(t, i);
		m = (struct stream_message){f.type, f.timestamp, f.payload};
		assert_int_equal(f.type, RTMP_COMMAND_AMF3);
		assert_int_equal(f.timestamp, 77);
		assert_int_equal(farewell_of(&m), i == 2 ? FAREWELL_UNPUBLISH : FAREWELL_CLOSE);
	}
	assert_int_equal(write(t, KIT_AUDIO(90, AAC_FRAME)), -EPIPE);
	assert_int_equal(publisher_end(t->p, "live", kit_emit, t->s, &number), -EPIPE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(messages_are_cut_at_959_octets),
		T(a_message_too_long_is_refused_and_video_waits_for_a_key_frame),
		T(headers_are_repeated_before_key_frames_900_ms_apart),
		T(headers_that_stand_there_already_are_not_repeated),
		T(without_video_headers_come_every_second),
		T(with_video_audio_repeats_nothing),
		T(data_key_frames_are_for_newcomers_too),
		T(key_frames_and_headers_are_flagged),
		T(a_message_whose_fragments_find_no_room_leaves_no_trace),
		T(the_end_is_said_in_band_and_numbered_one_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
