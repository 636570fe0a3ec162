#include "tests/unit/core/relay_world.h"

#include "dataplane/wire/rtmp_msg.h"

static void whoever_is_not_linked_is_not_heard(void **state)
{
	struct world *w = world_create(NULL);
	uint8_t mask[] = {STREAM_PUSH_MASK, 0xff};

	world_stream(w, WORLD_STREAM, 0);
	world_receive(w, 0, WORLD_STREAM, 1, 100);
	world_receive(w, 0, 2, 1, 100);     // no such stream
	world_receive(w, 0, 60000, 1, 100); // beyond the table
	assert_int_equal(w->e.stats.drops[DROP_STREAM_UNLINKED], 3);
	assert_true(relay_on_control(&w->e, 0, WORLD_STREAM, span_of(mask, 2)));
	assert_int_equal(w->e.stats.drops[DROP_STREAM_UNLINKED], 4);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->window.n_held, 0);
	world_destroy(w);
}

struct bad_fragment {
	const char *what;
	size_t len;
	uint8_t octets[8];
	enum drop_reason why;
};

static void a_strangers_fragment_has_a_name_for_its_end(void **state)
{
	static const struct bad_fragment rows[] = {
		{"empty", 0, {0}, DROP_STREAM_MALFORMED},
		{"unknown marker", 3, {0x21, 1, 8}, DROP_STREAM_MALFORMED},
		{"number 0", 3, {0x00, 0, 8}, DROP_STREAM_MALFORMED},
		{"number cut", 2, {0x00, 0x81}, DROP_STREAM_MALFORMED},
		{"no time", 3, {0x20, 2, 9}, DROP_STREAM_MALFORMED},
		{"held already", 3, {0x00, 1, 8}, DROP_STREAM_DUPLICATE},
		{"a million ahead", 6, {0x00, 0xc0, 0x80, 0x7f, 8, 8}, DROP_STREAM_JUMP},
	};
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, 0);
	world_link(w, 0, WORLD_STREAM, 0);
	world_receive(w, 0, WORLD_STREAM, 1, 100);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t before = w->e.stats.drops[rows[i].why];

		relay_on_fragment(&w->e, 0, WORLD_STREAM, span_of(rows[i].octets, rows[i].len));
		assert_row(w->e.stats.drops[rows[i].why] == before + 1, rows[i].what);
	}
	world_receive(w, 0, WORLD_STREAM, 2, 1095); // would not fit a packet of ours
	assert_int_equal(w->e.stats.drops[DROP_MESSAGE_SIZE], 1);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->window.n_held, 1);
	world_destroy(w);
}

static void what_is_older_than_the_window_is_late(void **state)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, 0);
	world_link(w, 0, WORLD_STREAM, 0);
	world_receive(w, 0, WORLD_STREAM, 10, 100);
	world_run_ms(w, 11000);
	world_receive(w, 0, WORLD_STREAM, 9, 100);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_LATE], 1);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n.late, 1);
	world_destroy(w);
}

static void memory_short_costs_the_oldest(void **state)
{
	struct world *w = world_create(&(struct world_opts){.extents_max = 2});
	uint64_t before;

	world_stream(w, 0, 0);
	world_stream(w, WORLD_STREAM, 0);
	for (uint64_t no = 1; no <= 200; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	assert_true(w->e.stats.drops[DROP_STREAM_MEMORY] > 0);
	assert_false(window_has(&stream_at(&w->e, WORLD_STREAM)->window, w->e.relay->extents, 1));
	assert_true(window_has(&stream_at(&w->e, WORLD_STREAM)->window, w->e.relay->extents, 200));
	before = w->e.stats.drops[DROP_STREAM_MEMORY];
	world_publish(w, 0, 1, 900); // the other stream has nothing to give up
	assert_int_equal(w->e.stats.drops[DROP_STREAM_MEMORY], before + 1);
	assert_int_equal(stream_at(&w->e, 0)->window.n_held, 0);
	world_destroy(w);
}

static void nobody_tells_the_source_what_its_stream_is(void **state)
{
	struct world *w = world_create(NULL);
	struct stream *s = world_stream(w, WORLD_STREAM, STREAM_PUBLISHER);

	world_link(w, 0, WORLD_STREAM, 0);
	world_publish(w, WORLD_STREAM, 1, 900);
	world_receive(w, 0, WORLD_STREAM, 1, 900);
	world_receive(w, 0, WORLD_STREAM, 2, 900);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_DUPLICATE], 1);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_JUMP], 1);
	assert_int_equal(s->window.n_held, 1);
	assert_int_equal(s->n.fragments_published, 1);
	world_destroy(w);
}

static void published_rubbish_is_refused(void **state)
{
	struct world *w = world_create(NULL);
	struct command c = {.op = CMD_STREAM_PUBLISH, .len = 2};

	world_stream(w, WORLD_STREAM, STREAM_PUBLISHER);
	c.stream.stream = WORLD_STREAM;
	relay_command(&w->e, &c); // no body
	c.body = body_get(w->e.bodies, 2);
	memcpy(c.body->data, "\x99\x01", 2);
	relay_command(&w->e, &c);
	c.stream.stream = 3; // no such stream
	relay_command(&w->e, &c);
	body_put(c.body);
	assert_int_equal(w->e.stats.drops[DROP_STALE_COMMAND], 2);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_MALFORMED], 1);
	world_destroy(w);
}

struct media {
	const char *what;
	uint8_t flags, n_more, type;
	uint8_t payload[2];
	bool is_key[3]; // numbers 10, 11, 12
};

static void key_messages_are_told_from_their_first_fragment(void **state)
{
	static const struct media rows[] = {
		{"key picture of two fragments", 0x30, 1, RTMP_VIDEO, {0x17, 1}, {1, 1, 0}},
		{"key picture, extended header", 0x20, 0, RTMP_VIDEO, {0x91, 1}, {1, 0, 0}},
		{"AVC configuration", 0x20, 0, RTMP_VIDEO, {0x17, 0}, {1, 0, 0}},
		{"inter picture", 0x30, 1, RTMP_VIDEO, {0x27, 1}, {0, 0, 0}},
		{"AAC configuration", 0x20, 0, RTMP_AUDIO, {0xaf, 0}, {1, 0, 0}},
		{"AAC frame", 0x20, 0, RTMP_AUDIO, {0xaf, 1}, {0, 0, 0}},
		{"data", 0x20, 0, RTMP_DATA_AMF0, {0x17, 0}, {0, 0, 0}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_create(NULL);
		struct stream *s = world_stream(w, WORLD_STREAM, 0);

		world_link(w, 0, WORLD_STREAM, 0);
		for (uint64_t no = 10; no <= 12; no++) {
			struct stream_fragment f = {.number = no,
						    .payload = span_of(rows[i].payload, 2)};
			uint8_t octets[32];
			struct wr m = wr_over(octets, sizeof(octets));

			if (no == 10) {
				f.flags = rows[i].flags;
				f.n_more = rows[i].n_more;
				f.type = rows[i].type;
			}
			stream_fragment_write(&m, &f);
			relay_on_fragment(&w->e, 0, WORLD_STREAM, wr_span(&m));
			assert_row(window_find(&s->window, w->e.relay->extents, no)->is_key ==
					   rows[i].is_key[no - 10],
				   rows[i].what);
		}
		world_destroy(w);
	}
}

struct control_row {
	const char *what;
	size_t len;
	uint8_t octets[8];
	bool is_ours;
	enum drop_reason why;
};

static void control_messages_are_ours_or_controls(void **state)
{
	static const struct control_row rows[] = {
		{"StreamInfo is control's", 3, {0x21, 1, 2}, false, DROP_NONE},
		{"StreamEnd too", 2, {0x21, 9}, false, DROP_NONE},
		{"an unknown type too", 1, {0x7f}, false, DROP_NONE},
		{"nothing at all too", 0, {0}, false, DROP_NONE},
		{"map without last", 1, {0x22}, true, DROP_STREAM_MALFORMED},
		{"map of nothing", 2, {0x22, 0}, true, DROP_STREAM_JUMP},
		{"mask cut", 1, {0x23}, true, DROP_STREAM_MALFORMED},
		{"pull cut", 2, {0x2b, 0x80}, true, DROP_STREAM_MALFORMED},
		{"pull of what we do not hold", 2, {0x2b, 9}, true, DROP_STREAM_UNKNOWN_PULL},
	};
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, 0);
	world_link(w, 0, WORLD_STREAM, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t before = w->e.stats.drops[rows[i].why];
		bool is_ours = relay_on_control(&w->e, 0, WORLD_STREAM,
						span_of(rows[i].octets, rows[i].len));

		assert_row(is_ours == rows[i].is_ours, rows[i].what);
		assert_row(w->e.stats.drops[rows[i].why] == before + rows[i].is_ours, rows[i].what);
	}
	world_destroy(w);
}

static void pulls_are_bounded_per_neighbour(void **state)
{
	struct world *w = world_create(&(struct world_opts){.extents_max = 200});
	struct stream_seed seed = {.window_ms = 8000,
				   .margin_ms = 2000,
				   .update_ms = 100,
				   .fetch_ms = 2500,
				   .extents_max = 200};
	uint64_t no = 1;

	world_stream_seed(w, WORLD_STREAM, &seed);
	world_link(w, 0, WORLD_STREAM, 0);
	for (; no <= 20000; no++)
		world_publish(w, WORLD_STREAM, no, 20);
	for (no = 1; no <= 20000; no += 500)
		world_pull(w, 0, no);
	assert_int_equal(link_find(&w->e, 0, WORLD_STREAM)->pulls.n_blocks, PULL_BLOCKS_PER_SET);
	assert_true(w->e.stats.drops[DROP_STREAM_PULLS] > 0);
	world_destroy(w);
}

static void who_rejects_our_flow_is_left_alone(void **state)
{
	struct world *w = world_create(NULL);
	struct link *l;

	world_stream(w, WORLD_STREAM, STREAM_PUSH_ALL);
	l = world_link(w, 0, WORLD_STREAM, 0);
	world_mask(w, 0, 0xff);
	world_publish(w, WORLD_STREAM, 1, 900);
	world_tx(w, 128);
	relay_flow_gone(&w->e, l->flow_idx);
	world_publish(w, WORLD_STREAM, 2, 900);
	world_mask(w, 0, 0x0f);
	world_pull(w, 0, 2);
	world_run_ms(w, 3000);
	assert_int_equal(world_tx(w, 128), 0);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n_subs, 0);
	assert_int_equal(l->due, 0);
	world_destroy(w);
}

static void the_deadline_says_when_there_is_work(void **state)
{
	struct world *w = world_create(NULL);

	assert_int_equal(relay_deadline_us(&w->e), UINT64_MAX);
	world_stream(w, WORLD_STREAM, STREAM_PUSH_ALL);
	world_link(w, 0, WORLD_STREAM, 0);
	world_mask(w, 0, 0xff);
	relay_timers(&w->e, w->e.now_us);
	assert_in_range(relay_deadline_us(&w->e), w->e.now_us + 1000, w->e.now_us + 100000);
	world_publish(w, WORLD_STREAM, 1, 900);
	assert_true(relay_deadline_us(&w->e) <= w->e.now_us);
	world_tx(w, 128);
	assert_true(relay_deadline_us(&w->e) > w->e.now_us);
	world_lose(w, 0, 1);
	assert_true(relay_deadline_us(&w->e) <= w->e.now_us);
	world_tx(w, 128);
	world_destroy(w);
}

static void an_end_is_remembered(void **state)
{
	struct world *w = world_create(NULL);
	struct command c = {.op = CMD_STREAM_END};

	world_stream(w, WORLD_STREAM, 0);
	c.stream.stream = WORLD_STREAM;
	c.stream.number = 77;
	relay_command(&w->e, &c);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->end, 77);
	world_destroy(w);
}

static void a_stream_needs_its_seed(void **state)
{
	struct world *w = world_create(NULL);
	struct command c = {.op = CMD_STREAM_ADD, .len = sizeof(struct stream_seed)};

	relay_command(&w->e, &c);
	c.body = body_get(w->e.bodies, sizeof(struct stream_seed));
	c.len = 3;
	relay_command(&w->e, &c);
	body_put(c.body);
	assert_int_equal(w->e.stats.drops[DROP_STALE_COMMAND], 2);
	assert_null(stream_find(&w->e, 0));
	world_destroy(w);
}

static void the_longest_fragment_still_fits(void **state)
{
	struct world *w = world_create(NULL);
	size_t head = 1 + 1 + 1 + 4; // marker, number, type, time

	world_stream(w, WORLD_STREAM, STREAM_PUSH_ALL);
	world_link(w, 0, WORLD_STREAM, 0);
	world_mask(w, 0, 0xff);
	world_publish(w, WORLD_STREAM, 1, w->e.relay->body_max - head);
	world_publish(w, WORLD_STREAM, 2, w->e.relay->body_max - head + 1);
	assert_int_equal(w->e.stats.drops[DROP_MESSAGE_SIZE], 1);
	assert_int_equal(world_tx(w, 128), 1);
	assert_true(w->e.relay->body_max >= STREAM_FRAGMENT_MAX + STREAM_FRAGMENT_HEAD_MAX);
	world_destroy(w);
}

static void the_busiest_stream_sets_the_clock(void **state)
{
	struct world *w = world_create(NULL);
	struct stream_seed seed = {
		.window_ms = 1000, .update_ms = 20, .fetch_ms = 250, .extents_max = 2};

	world_stream_seed(w, 0, &seed);
	world_stream(w, 1, 0);
	relay_timers(&w->e, w->e.now_us);
	assert_int_equal(relay_deadline_us(&w->e), w->e.now_us + 20000);
	world_destroy(w);
}

// IP-4: what comes by IP multicast enters the same window, is counted by its way, and satisfies
// pulls.
static void multicast_fills_the_same_window(void **state)
{
	struct world *w = world_create(NULL);
	struct stream *s = world_stream(w, WORLD_STREAM, STREAM_HOME);

	world_link(w, 0, WORLD_STREAM, 0);
	world_link(w, 1, WORLD_STREAM, 0);
	world_mask(w, 1, 0xff);
	world_multicast(w, WORLD_STREAM, 1, 100);
	world_receive(w, 0, WORLD_STREAM, 1, 100);
	assert_int_equal(s->n.duplicates, 1);
	world_receive(w, 0, WORLD_STREAM, 2, 100);
	world_multicast(w, WORLD_STREAM, 2, 100);
	assert_int_equal(s->n.duplicates, 2);
	assert_int_equal(s->n.fragments_received, 2);
	assert_int_equal(s->n.fragments_from_multicast, 1);
	world_tx(w, 10);
	assert_int_equal(world_n_sent(w, 1, 1), 1); // and is passed on
	world_multicast(w, WORLD_STREAM, 4, 100);   // 3 is lost on the way: a neighbour repairs it
	world_map(w, 0, 1, 4);
	world_run_ms(w, 2700);
	assert_non_null(world_message_to(w, 0, STREAM_PULL));
	assert_int_equal(s->n_asked, 1);
	world_multicast(w, WORLD_STREAM, 3, 100); // late, but here
	assert_int_equal(s->n_asked, 0);
	world_destroy(w);
}

// IP-1: while multicast is quicker nobody has to push; when it stops, somebody is asked again.
static void multicast_makes_pushes_unnecessary(void **state)
{
	struct world *w = world_create(NULL);
	uint64_t no = 0;

	world_stream(w, WORLD_STREAM, STREAM_HOME);
	world_link(w, 0, WORLD_STREAM, LINK_IS_SUPER);
	assert_int_equal(world_mask_to(w, 0), 0xff);
	for (int i = 0; i < 8 * 3; i++) {
		world_multicast(w, WORLD_STREAM, ++no, 100);
		world_receive(w, 0, WORLD_STREAM, no, 100);
		world_map(w, 0, 1, no);
		world_run_ms(w, 10);
	}
	assert_int_equal(world_mask_to(w, 0), 0);
	for (int i = 0; i < 2000; i++) { // 20 s: each slot is tested once in 16
		if (i % 10 == 0)
			world_map(w, 0, no, no + 1 + (uint64_t)i / 10);
		world_run_ms(w, 10);
	}
	assert_int_equal(world_mask_to(w, 0), 0xff);
	world_destroy(w);
}

static void the_source_and_broken_ones_take_nothing_from_multicast(void **state)
{
	struct world *w = world_create(NULL);
	struct command c = {.op = CMD_STREAM_MULTICAST, .stream.stream = WORLD_STREAM, .len = 1};

	world_stream(w, WORLD_STREAM, STREAM_PUBLISHER);
	world_multicast(w, WORLD_STREAM, 1, 100);
	world_multicast(w, 3, 1, 100);
	assert_int_equal(w->e.stats.drops[DROP_STALE_COMMAND], 2);
	world_stream(w, 2, 0);
	c.stream.stream = 2;
	c.body = body_get(w->e.bodies, 1);
	c.body->data[0] = 0x77;
	relay_command(&w->e, &c);
	body_put(c.body);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_MALFORMED], 1);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n.fragments_received, 0);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(multicast_fills_the_same_window),
		cmocka_unit_test(multicast_makes_pushes_unnecessary),
		cmocka_unit_test(the_source_and_broken_ones_take_nothing_from_multicast),
		cmocka_unit_test(whoever_is_not_linked_is_not_heard),
		cmocka_unit_test(a_strangers_fragment_has_a_name_for_its_end),
		cmocka_unit_test(what_is_older_than_the_window_is_late),
		cmocka_unit_test(memory_short_costs_the_oldest),
		cmocka_unit_test(nobody_tells_the_source_what_its_stream_is),
		cmocka_unit_test(published_rubbish_is_refused),
		cmocka_unit_test(key_messages_are_told_from_their_first_fragment),
		cmocka_unit_test(control_messages_are_ours_or_controls),
		cmocka_unit_test(pulls_are_bounded_per_neighbour),
		cmocka_unit_test(who_rejects_our_flow_is_left_alone),
		cmocka_unit_test(the_deadline_says_when_there_is_work),
		cmocka_unit_test(an_end_is_remembered),
		cmocka_unit_test(a_stream_needs_its_seed),
		cmocka_unit_test(the_longest_fragment_still_fits),
		cmocka_unit_test(the_busiest_stream_sets_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
