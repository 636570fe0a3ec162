#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/group/player.h"
#include "dataplane/wire/stream_fragment.h"
#include "tests/unit/control/group/stream_kit.h"

#define MS 1000ull
#define S  1000000ull

static const struct player_opts opts = {
	.window_ms = 8000, .fetch_ms = 2500, .fragments_max = 4096, .bytes_max = 16 << 20};

struct setup {
	struct publisher *source;
	struct kit_stream *s;
	struct player *p;
	char log[4096]; // what the player said
	size_t log_len;
};

static int begin(void **state)
{
	struct setup *t = calloc(1, sizeof(*t));

	t->source = publisher_create();
	t->s = kit_stream_create();
	t->p = player_create(&opts, 1 * S);
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct setup *t = *state;

	publisher_destroy(t->source);
	player_destroy(t->p);
	kit_stream_destroy(t->s);
	free(t);
	return 0;
}

static void write(struct setup *t, struct stream_message m)
{
	assert_int_equal(publisher_write(t->source, &m, false, kit_emit, t->s), 0);
}

// Twenty milliseconds between messages, a key frame of three fragments every two seconds.
static void write_seconds(struct setup *t, uint32_t seconds)
{
	char key[2800] = AVC_KEY;

	write(t, KIT_DATA(0, METADATA));
	write(t, KIT_VIDEO(0, AVC_CONFIG));
	write(t, KIT_AUDIO(0, AAC_CONFIG));
	for (uint32_t ms = 0; ms < seconds * 1000; ms += 20) {
		if (ms % 2000 == 0)
			write(t, kit_message(RTMP_VIDEO, ms, key, sizeof(key)));
		else if (ms % 40 == 0)
			write(t, KIT_VIDEO(ms, AVC_INTER));
		else
			write(t, KIT_AUDIO(ms, AAC_FRAME));
	}
}

static void feed(struct setup *t, uint64_t from, uint64_t to, uint64_t now_us)
{
	for (uint64_t i = from; i <= to; i++)
		player_fragment(t->p, kit_fragment(t->s, i), now_us);
}

static void say(struct setup *t, const char *text)
{
	t->log_len +=
		(size_t)snprintf(t->log + t->log_len, sizeof(t->log) - t->log_len, "%s", text);
	assert_true(t->log_len < sizeof(t->log));
}

// Takes all events: S start, timestamps of messages, [n-m] gaps, E end, L lost.
static const char *events(struct setup *t, uint64_t now_us)
{
	struct player_event e;
	char text[64];

	t->log_len = 0;
	t->log[0] = '\0';
	while (player_next(t->p, &e, now_us) != PLAYER_NONE) {
		switch (e.kind) {
		case PLAYER_START:
			snprintf(text, sizeof(text), "S%llu ", (unsigned long long)e.number);
			break;
		case PLAYER_MESSAGE:
			snprintf(text, sizeof(text), "%u ", e.message.timestamp);
			break;
		case PLAYER_GAP:
			snprintf(text, sizeof(text), "[%llu-%llu] ", (unsigned long long)e.number,
				 (unsigned long long)e.number_to);
			break;
		case PLAYER_END:
			snprintf(text, sizeof(text), "E ");
			break;
		default:
			snprintf(text, sizeof(text), "L ");
		}
		say(t, text);
	}
	assert_true(player_deadline_us(t->p) > now_us); // or a loop would spin
	return t->log;
}

static void order_and_repetition_of_arrival_do_not_matter(void **state)
{
	struct setup *t = *state;

	for (uint32_t i = 0; i < 6; i++)
		write(t, KIT_AUDIO(i * 20, AAC_FRAME));
	feed(t, 1, 2, 1 * S);
	feed(t, 5, 6, 1 * S);
	assert_string_equal(events(t, 1 * S), "S1 0 20 ");
	feed(t, 4, 5, 1 * S);
	assert_string_equal(events(t, 1 * S), "");
	feed(t, 1, 6, 1 * S);
	assert_string_equal(events(t, 1 * S), "40 60 80 100 ");
	assert_int_equal(player_counters(t->p)->received, 6);
	assert_int_equal(player_counters(t->p)->duplicates, 4);
	assert_int_equal(player_counters(t->p)->late, 2);
}

static void messages_of_many_fragments_come_whole(void **state)
{
	struct setup *t = *state;
	static char body[STREAM_MESSAGE_MAX];
	struct player_event e;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i * 7 >> 3);
	write(t, kit_message(RTMP_DATA_AMF0, 5, body, sizeof(body)));
	for (uint64_t i = t->s->n; i >= 1; i--) {
		assert_int_equal(player_next(t->p, &e, 1 * S), PLAYER_NONE);
		feed(t, i, i, 1 * S);
	}
	assert_int_equal(player_next(t->p, &e, 1 * S), PLAYER_START);
	assert_int_equal(player_next(t->p, &e, 1 * S), PLAYER_MESSAGE);
	assert_int_equal(e.message.type, RTMP_DATA_AMF0);
	assert_int_equal(e.message.timestamp, 5);
	assert_true(span_equal(e.message.body, span_of(body, sizeof(body))));
}

static void a_late_joiner_begins_with_headers_and_a_key_frame(void **state)
{
	struct setup *t = *state;
	struct player_event e;
	uint64_t at;

	write_seconds(t, 12);
	at = t->s->n / 2;
	feed(t, at, at + 130, 5 * S);
	assert_int_equal(player_next(t->p, &e, 5 * S), PLAYER_START);
	assert_true(e.number > at && e.number < at + 130);
	feed(t, at + 131, t->s->n, 5 * S);
	assert_int_equal(player_next(t->p, &e, 5 * S), PLAYER_MESSAGE);
	assert_int_equal(e.message.type, RTMP_DATA_AMF0);
	assert_int_equal(player_next(t->p, &e, 5 * S), PLAYER_MESSAGE);
	assert_true(span_equal(e.message.body, (struct span)BODY(AVC_CONFIG)));
	assert_int_equal(player_next(t->p, &e, 5 * S), PLAYER_MESSAGE);
	assert_true(span_equal(e.message.body, (struct span)BODY(AAC_CONFIG)));
	assert_int_equal(player_next(t->p, &e, 5 * S), PLAYER_MESSAGE);
	assert_int_equal(e.message.body.len, 2800);
	assert_int_equal(e.message.timestamp % 2000, 0);
	while (player_next(t->p, &e, 5 * S) != PLAYER_NONE)
		assert_int_equal(e.kind, PLAYER_MESSAGE);
	assert_int_equal(player_counters(t->p)->missing, 0);
	assert_true(player_counters(t->p)->repeats >= 3); // those of the next key frames
}

static void the_lost_beginning_is_waited_for(void **state)
{
	struct setup *t = *state;

	write_seconds(t, 3);
	feed(t, 2, t->s->n, 1 * S);
	assert_string_equal(events(t, 1 * S), "");
	assert_int_equal(player_deadline_us(t->p), 1 * S + 3500 * MS);
	assert_string_equal(events(t, 1 * S + 3499 * MS), "");
	feed(t, 1, 1, 1 * S + 3499 * MS);
	assert_memory_equal(events(t, 1 * S + 3499 * MS), "S1 0 0 0 0 20 ", 14);
}

static void but_not_for_ever(void **state)
{
	struct setup *t = *state;

	write_seconds(t, 3);
	feed(t, 2, t->s->n, 1 * S);
	events(t, 1 * S);
	assert_memory_equal(events(t, 1 * S + 3500 * MS), "S106 2000 2000 2000 2000 2020 ", 30);
}

static void a_hole_is_given_up_when_the_window_closes(void **state)
{
	struct setup *t = *state;

	for (uint32_t i = 0; i < 8; i++)
		write(t, KIT_AUDIO(i * 20, AAC_FRAME));
	feed(t, 1, 2, 1 * S);
	feed(t, 5, 6, 2 * S);
	assert_string_equal(events(t, 2 * S), "S1 0 20 ");
	assert_int_equal(player_deadline_us(t->p), 10 * S);
	assert_string_equal(events(t, 10 * S - 1), "");
	assert_string_equal(events(t, 10 * S), "[3-4] 80 100 ");
	assert_int_equal(player_counters(t->p)->missing, 2);
	feed(t, 3, 4, 10 * S); // too late
	feed(t, 7, 7, 10 * S);
	assert_string_equal(events(t, 10 * S), "120 ");
	assert_int_equal(player_counters(t->p)->late, 2);
}

static void a_hole_that_left_the_senders_window_is_given_up_at_once(void **state)
{
	struct setup *t = *state;

	for (uint32_t i = 0; i < 6; i++)
		write(t, KIT_AUDIO(i * 20, AAC_FRAME));
	feed(t, 1, 1, 1 * S);
	feed(t, 4, 4, 1 * S);
	events(t, 1 * S);
	player_gone(t->p, 3, 1 * S);
	assert_string_equal(events(t, 1 * S), "[2-3] 60 ");
}

static void a_message_with_a_hole_goes_as_a_whole(void **state)
{
	struct setup *t = *state;
	char body[3000] = AVC_INTER; // four fragments: 2 to 5

	write(t, KIT_AUDIO(0, AAC_FRAME));
	write(t, kit_message(RTMP_VIDEO, 20, body, sizeof(body)));
	write(t, KIT_AUDIO(40, AAC_FRAME));
	feed(t, 1, 3, 1 * S);
	feed(t, 5, 6, 1 * S);
	assert_string_equal(events(t, 1 * S), "S1 0 ");
	assert_string_equal(events(t, 9 * S), "[4-4] 40 ");
	assert_int_equal(player_counters(t->p)->missing, 1);
}

static void the_end_comes_when_all_is_delivered(void **state)
{
	struct setup *t = *state;
	struct player_event e;

	for (uint32_t i = 0; i < 4; i++)
		write(t, KIT_AUDIO(i * 20, AAC_FRAME));
	feed(t, 1, 2, 1 * S);
	feed(t, 4, 4, 1 * S);
	player_end(t->p, 5, 1 * S);
	assert_string_equal(events(t, 1 * S), "S1 0 20 ");
	feed(t, 3, 3, 2 * S);
	assert_string_equal(events(t, 2 * S), "40 60 E ");
	assert_true(player_has_ended(t->p));
	assert_int_equal(player_deadline_us(t->p), UINT64_MAX);
	assert_false(player_fragment(t->p, kit_fragment(t->s, 4), 2 * S));
	assert_int_equal(player_next(t->p, &e, 100 * S), PLAYER_NONE);
}

static void what_is_missing_at_the_end_is_a_gap(void **state)
{
	struct setup *t = *state;

	for (uint32_t i = 0; i < 4; i++)
		write(t, KIT_AUDIO(i * 20, AAC_FRAME));
	feed(t, 1, 2, 1 * S);
	player_end(t->p, 5, 3 * S);
	assert_string_equal(events(t, 3 * S), "S1 0 20 ");
	assert_int_equal(player_deadline_us(t->p), 11 * S);
	assert_string_equal(events(t, 11 * S), "[3-4] E ");
}

static void the_in_band_end_is_not_shown_and_ends(void **state)
{
	struct setup *t = *state;
	uint64_t number;

	write(t, KIT_AUDIO(0, AAC_FRAME));
	publisher_end(t->source, "live", kit_emit, t->s, &number);
	feed(t, 1, t->s->n, 1 * S);
	assert_string_equal(events(t, 1 * S), "S1 0 E ");
	assert_int_equal(player_counters(t->p)->messages, 1);
}

static void silence_for_twice_the_window_is_a_loss_until_it_is_over(void **state)
{
	struct setup *t = *state;

	for (uint32_t i = 0; i < 4; i++)
		write(t, KIT_AUDIO(i * 20, AAC_FRAME));
	assert_string_equal(events(t, 17 * S), "L "); // nothing at all, from creation at 1 s
	assert_string_equal(events(t, 18 * S), "");
	feed(t, 1, 1, 20 * S);
	assert_string_equal(events(t, 20 * S), "S1 0 ");
	assert_int_equal(player_deadline_us(t->p), 36 * S);
	assert_string_equal(events(t, 36 * S - 1), "");
	assert_string_equal(events(t, 36 * S), "L ");
	feed(t, 2, 2, 40 * S);
	assert_string_equal(events(t, 40 * S), "20 ");
}

static void strange_octets_are_counted(void **state)
{
	struct setup *t = *state;

	assert_false(player_fragment(t->p, (struct span)BODY("\x55\x01"), 1 * S));
	assert_false(player_fragment(t->p, (struct span)BODY("\x20\x00\x08\0\0\0\0"), 1 * S));
	assert_false(player_fragment(t->p, span_of(NULL, 0), 1 * S));
	assert_int_equal(player_counters(t->p)->malformed, 3);
	assert_string_equal(events(t, 1 * S), "");
}

static void a_search_for_the_beginning_has_bounded_memory(void **state)
{
	struct setup *t = *state;
	uint8_t octets[16];

	for (uint64_t i = 1000; i < 20000; i++) {
		struct stream_fragment f = {.number = i, .payload = BODY("x")}; // no message begins
		struct wr w = wr_over(octets, sizeof(octets));

		stream_fragment_write(&w, &f);
		assert_true(player_fragment(t->p, wr_span(&w), 1 * S));
	}
	assert_string_equal(events(t, 1 * S), "");
	assert_int_equal(player_counters(t->p)->no_room, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(order_and_repetition_of_arrival_do_not_matter),
		T(messages_of_many_fragments_come_whole),
		T(a_late_joiner_begins_with_headers_and_a_key_frame),
		T(the_lost_beginning_is_waited_for),
		T(but_not_for_ever),
		T(a_hole_is_given_up_when_the_window_closes),
		T(a_hole_that_left_the_senders_window_is_given_up_at_once),
		T(a_message_with_a_hole_goes_as_a_whole),
		T(the_end_comes_when_all_is_delivered),
		T(what_is_missing_at_the_end_is_a_gap),
		T(the_in_band_end_is_not_shown_and_ends),
		T(silence_for_twice_the_window_is_a_loss_until_it_is_over),
		T(strange_octets_are_counted),
		T(a_search_for_the_beginning_has_bounded_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
