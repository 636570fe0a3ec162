// One order for messages that come by several flows.
#include "tests/support/test.h"

#include "control/rpc/stream_merge.h"
#include "dataplane/wire/rtmp_msg.h"

static struct stream_merge m;

static int begin(void **state)
{
	stream_merge_init(&m);
	return 0;
}

static int finish(void **state)
{
	stream_merge_fini(&m);
	return 0;
}

static void put(uint8_t type, uint32_t timestamp, uint64_t now_us)
{
	const struct net_stream_message message = {
		.type = type, .timestamp = timestamp, .payload = span_of("octets", 6)};

	stream_merge_message(&m, &message, now_us);
}

static void expect(uint8_t type, uint32_t timestamp, uint64_t now_us)
{
	const struct merge_item *i = stream_merge_next(&m, now_us);

	assert_non_null(i);
	assert_int_equal(i->kind, MERGE_MESSAGE);
	assert_int_equal(i->type, type);
	assert_int_equal(i->timestamp, timestamp);
	assert_memory_equal(i->data.data, "octets", 6);
}

static void expect_nothing(uint64_t now_us)
{
	assert_null(stream_merge_next(&m, now_us));
	assert_true(stream_merge_deadline_us(&m) > now_us);
}

static void a_message_waits_for_what_may_be_earlier(void **state)
{
	put(RTMP_AUDIO, 10, 1000);
	expect_nothing(1000); // pictures of before may be on their way
	put(RTMP_VIDEO, 0, 2000);
	expect(RTMP_VIDEO, 0, 2000);
	expect_nothing(2000);
	put(RTMP_VIDEO, 40, 3000);
	expect(RTMP_AUDIO, 10, 3000);
	expect_nothing(3000); // sound of 11 to 40 may still come
	put(RTMP_AUDIO, 33, 4000);
	put(RTMP_AUDIO, 56, 4000);
	expect(RTMP_AUDIO, 33, 4000);
	expect(RTMP_VIDEO, 40, 4000);
	expect_nothing(4000);
}

static void of_the_same_time_pictures_go_first(void **state)
{
	put(RTMP_DATA_AMF0, 40, 1000);
	put(RTMP_AUDIO, 40, 1000);
	put(RTMP_VIDEO, 40, 1000);
	expect(RTMP_VIDEO, 40, 1000);
	expect(RTMP_AUDIO, 40, 1000);
	expect(RTMP_DATA_AMF0, 40, 1000);
}

// Whatever came first of them.
static void heads_go_before_the_key_frame_of_their_time(void **state)
{
	static const struct {
		uint8_t type, len;
		const char *octets;
	} heads[] = {{RTMP_VIDEO, 5, "\x17\0\0\0\0"},
		     {RTMP_AUDIO, 4, "\xaf\0\x12\x10"},
		     {RTMP_DATA_AMF0, 14, "\x02\0\x0aonMetaData\x05"}};

	for (unsigned i = 0; i < ARRAY_LEN(heads); i++) {
		const struct net_stream_message head = {
			.type = heads[i].type, .payload = span_of(heads[i].octets, heads[i].len)};

		stream_merge_message(&m, &head, 1000);
	}
	put(RTMP_VIDEO, 0, 1000);
	put(RTMP_AUDIO, 0, 1000);
	for (unsigned i = 0; i < ARRAY_LEN(heads); i++)
		assert_int_equal(stream_merge_next(&m, 1000)->type, heads[i].type);
	expect(RTMP_VIDEO, 0, 1000);
	expect(RTMP_AUDIO, 0, 1000);
}

static void nobody_waits_longer_than_the_window(void **state)
{
	put(RTMP_VIDEO, 0, 1000);
	assert_int_equal(stream_merge_deadline_us(&m), 1000 + MERGE_BEGIN_US);
	expect_nothing(1000 + MERGE_BEGIN_US - 1);
	expect(RTMP_VIDEO, 0, 1000 + MERGE_BEGIN_US);
	put(RTMP_VIDEO, 40, 2000 + MERGE_BEGIN_US); // there is no sound: no more waiting
	expect(RTMP_VIDEO, 40, 2000 + MERGE_BEGIN_US);
}

// A codec header is no picture yet: sound waits for the key frame as at any beginning.
static void a_codec_header_is_not_what_is_waited_for(void **state)
{
	const struct net_stream_message header = {.type = RTMP_VIDEO,
						  .payload = span_of("\x17\0\0\0\0", 5)};

	stream_merge_message(&m, &header, 1000);
	for (uint32_t ms = 0; ms < 2000; ms += 20)
		put(RTMP_AUDIO, ms, 1000 + 1000 * ms);
	assert_int_equal(stream_merge_next(&m, 2001000)->data.len, 5);
	expect_nothing(2001000);
	put(RTMP_VIDEO, 0, 2002000);
	expect(RTMP_VIDEO, 0, 2002000);
	expect(RTMP_AUDIO, 0, 2002000);
}

static void a_flow_that_falls_silent_is_not_waited_for(void **state)
{
	put(RTMP_VIDEO, 0, 1000);
	put(RTMP_AUDIO, 0, 1000);
	put(RTMP_VIDEO, 40, 5000);
	expect(RTMP_VIDEO, 0, 5000);
	expect(RTMP_AUDIO, 0, 5000);
	assert_int_equal(stream_merge_deadline_us(&m), 1000 + MERGE_HOLD_US);
	expect_nothing(1000 + MERGE_HOLD_US - 1);
	expect(RTMP_VIDEO, 40, 1000 + MERGE_HOLD_US);
	put(RTMP_AUDIO, 80, 6000 + MERGE_HOLD_US); // it is waited for again
	put(RTMP_VIDEO, 120, 6000 + MERGE_HOLD_US);
	expect(RTMP_AUDIO, 80, 6000 + MERGE_HOLD_US);
	expect_nothing(6000 + MERGE_HOLD_US);
}

static void data_are_not_waited_for(void **state)
{
	put(RTMP_VIDEO, 0, 1000);
	put(RTMP_AUDIO, 0, 1000);
	put(RTMP_VIDEO, 40, 1000);
	put(RTMP_AUDIO, 50, 1000);
	expect(RTMP_VIDEO, 0, 1000);
	expect(RTMP_AUDIO, 0, 1000);
	expect(RTMP_VIDEO, 40, 1000);
	put(RTMP_DATA_AMF0, 20, 1000); // late, but there
	expect(RTMP_DATA_AMF0, 20, 1000);
}

static void time_may_wrap(void **state)
{
	put(RTMP_VIDEO, UINT32_MAX - 10, 1000);
	put(RTMP_AUDIO, 5, 1000);
	put(RTMP_VIDEO, 30, 1000);
	expect(RTMP_VIDEO, UINT32_MAX - 10, 1000);
	expect(RTMP_AUDIO, 5, 1000);
}

static void a_word_stands_where_it_was_said(void **state)
{
	const struct merge_item *i;

	put(RTMP_VIDEO, 0, 1000);
	stream_merge_word(&m, 7, "end", true);
	put(RTMP_VIDEO, 40, 1000);
	expect(RTMP_VIDEO, 0, 1000);
	i = stream_merge_next(&m, 1000);
	assert_int_equal(i->kind, MERGE_WORD);
	assert_int_equal(i->word, 7);
	assert_string_equal((const char *)i->data.data, "end");
	expect_nothing(1000);
}

static void after_a_word_it_begins_anew(void **state)
{
	put(RTMP_VIDEO, 0, 1000);
	put(RTMP_AUDIO, 0, 1000);
	stream_merge_word(&m, 7, "end", true);
	for (int i = 0; i < 3; i++)
		assert_non_null(stream_merge_next(&m, 1000));
	put(RTMP_AUDIO, 50, 100000000); // pictures were silent, but those were others
	expect_nothing(100000000 + MERGE_HOLD_US);
	put(RTMP_VIDEO, 40, 100000000 + MERGE_HOLD_US);
	expect(RTMP_VIDEO, 40, 100000000 + MERGE_HOLD_US);
}

static void a_word_beside_lets_nothing_go(void **state)
{
	put(RTMP_VIDEO, 0, 1000);
	stream_merge_word(&m, 7, "began", false);
	assert_int_equal(stream_merge_next(&m, 1000)->kind, MERGE_WORD);
	expect_nothing(1000);
}

static void a_gap_is_told_before_its_message(void **state)
{
	const struct net_stream_message message = {
		.type = RTMP_VIDEO, .payload = span_of("octets", 6), .has_gap = true};

	stream_merge_message(&m, &message, 1000);
	assert_int_equal(stream_merge_next(&m, 1000 + MERGE_BEGIN_US)->kind, MERGE_GAP);
	expect(RTMP_VIDEO, 0, 1000 + MERGE_BEGIN_US);
}

static void what_is_not_taken_is_bounded(void **state)
{
	static const uint8_t octets[1 << 20];
	const struct merge_item *i;

	for (uint32_t at = 0; at < 20; at++) {
		const struct net_stream_message message = {.type = RTMP_VIDEO,
							   .timestamp = at,
							   .payload =
								   span_of(octets, sizeof(octets))};

		stream_merge_message(&m, &message, 1000);
		assert_true(m.bytes <= MERGE_BYTES_MAX);
	}
	assert_int_equal(m.lost, 12);
	assert_int_equal(stream_merge_next(&m, 1000)->kind, MERGE_GAP);
	i = stream_merge_next(&m, 1000);
	assert_int_equal(i->timestamp, 12); // the newest are kept
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
		T(a_message_waits_for_what_may_be_earlier),
		T(of_the_same_time_pictures_go_first),
		T(heads_go_before_the_key_frame_of_their_time),
		T(nobody_waits_longer_than_the_window),
		T(a_codec_header_is_not_what_is_waited_for),
		T(a_flow_that_falls_silent_is_not_waited_for),
		T(data_are_not_waited_for),
		T(time_may_wrap),
		T(a_word_stands_where_it_was_said),
		T(after_a_word_it_begins_anew),
		T(a_word_beside_lets_nothing_go),
		T(a_gap_is_told_before_its_message),
		T(what_is_not_taken_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
