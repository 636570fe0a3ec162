#include "tests/unit/core/relay_world.h"

static struct world *world_of_links(uint32_t n, uint8_t flags)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, flags);
	for (uint32_t i = 0; i < n; i++)
		world_link(w, i, WORLD_STREAM, 0);
	return w;
}

static struct fragments_map map_to(const struct world *w, uint32_t session_idx)
{
	const struct world_message *m = world_message_to(w, session_idx, STREAM_FRAGMENTS_MAP);
	struct fragments_map map;

	assert_non_null(m);
	assert_int_equal(fragments_map_read(&map, span_of(m->octets, m->len)), 0);
	return map;
}

static void a_map_shows_what_is_held_and_nothing_else(void **state)
{
	static const uint64_t held[] = {100, 101, 103, 107, 108, 109, 115, 120};
	struct world *w = world_of_links(1, 0);
	struct fragments_map map;

	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		world_receive(w, 0, WORLD_STREAM, held[ARRAY_LEN(held) - 1 - i], 100);
	world_link(w, 1, WORLD_STREAM, 0);
	map = map_to(w, 1);
	assert_int_equal(map.last, 120);
	assert_int_equal(map.bits.len, 3); // from 100 on
	for (uint64_t no = 90; no < 130; no++) {
		bool is_held = false;

		for (size_t i = 0; i < ARRAY_LEN(held); i++)
			is_held |= held[i] == no;
		assert_int_equal(fragments_map_has(&map, no), is_held);
	}
	world_destroy(w);
}

static void a_newcomer_sees_it_at_once_and_after_its_mask(void **state)
{
	struct world *w = world_of_links(0, 0);

	world_publish(w, WORLD_STREAM, 1, 900);
	world_link(w, 0, WORLD_STREAM, 0);
	assert_int_equal(map_to(w, 0).last, 1);
	world_publish(w, WORLD_STREAM, 2, 900);
	world_mask(w, 0, 0xff);
	assert_int_equal(map_to(w, 0).last, 2);
	world_publish(w, WORLD_STREAM, 3, 900);
	world_mask(w, 0, 0x0f); // another mask is none of a newcomer's
	assert_int_equal(map_to(w, 0).last, 2);
	world_destroy(w);
}

static void without_news_there_is_no_map(void **state)
{
	struct world *w = world_of_links(3, 0);

	world_run_ms(w, 1000);
	assert_int_equal(w->n_messages, 0); // nothing to show
	world_publish(w, WORLD_STREAM, 1, 900);
	world_run_ms(w, 5000);
	assert_int_equal(w->n_messages, 3);
	world_destroy(w);
}

static void a_hole_that_fills_is_news_at_the_end_too(void **state)
{
	struct world *w = world_of_links(3, 0);
	struct fragments_map map;

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	world_receive(w, 0, WORLD_STREAM, 3, 100);
	world_run_ms(w, 5000);
	map = map_to(w, 1);
	assert_false(fragments_map_has(&map, 2));
	w->n_messages = 0;
	world_receive(w, 0, WORLD_STREAM, 2, 100);
	world_run_ms(w, 5000);
	for (uint32_t i = 1; i < 3; i++) {
		map = map_to(w, i);
		assert_int_equal(map.last, 3);
		assert_true(fragments_map_has(&map, 2));
	}
	w->n_messages = 0;
	world_run_ms(w, 5000);
	assert_int_equal(w->n_messages, 0);
	world_destroy(w);
}

// groups.md 6.1: one neighbour per update period, around.
static void in_a_small_group_they_take_turns(void **state)
{
	struct world *w = world_of_links(5, 0);

	for (uint64_t no = 1; no <= 20; no++) {
		world_publish(w, WORLD_STREAM, no, 900);
		world_run_ms(w, 100);
	}
	assert_in_range(w->n_messages, 19, 21);
	for (uint32_t i = 0; i < 5; i++)
		assert_in_range(world_n_messages_to(w, i, STREAM_FRAGMENTS_MAP), 3, 5);
	for (uint32_t i = 1; i < w->n_messages; i++) {
		assert_int_equal(w->messages[i].session_idx,
				 (w->messages[i - 1].session_idx + 1) % 5);
		assert_in_range(w->messages[i].at_ms - w->messages[i - 1].at_ms, 90, 110);
	}
	world_destroy(w);
}

// fastpath.md 6: in a large one everybody hears twice a fetch period, and never all at once.
static void in_a_large_group_nobody_waits_longer_than_half_a_fetch_period(void **state)
{
	struct world *w = world_of_links(100, 0);
	uint64_t last_ms[100] = {0};
	uint32_t n_at_once = 0;

	for (uint64_t no = 1; no <= 300; no++) {
		world_publish(w, WORLD_STREAM, no, 100);
		world_run_ms(w, 20);
	}
	for (uint32_t i = 0; i < w->n_messages; i++) {
		const struct world_message *m = &w->messages[i];

		if (last_ms[m->session_idx] != 0)
			assert_true(m->at_ms - last_ms[m->session_idx] <= 1250 + 150);
		last_ms[m->session_idx] = m->at_ms;
		n_at_once = i > 0 && m->at_ms == w->messages[i - 1].at_ms ? n_at_once + 1 : 1;
		assert_true(n_at_once <= 8);
	}
	for (uint32_t i = 0; i < 100; i++)
		assert_true(w->e.now_us / 1000 - last_ms[i] <= 1250 + 150);
	world_destroy(w);
}

static void send_to_all_means_all(void **state)
{
	struct world *w = world_of_links(30, STREAM_SEND_TO_ALL);

	world_run_ms(w, 50);
	world_publish(w, WORLD_STREAM, 1, 900);
	world_run_ms(w, 100);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(world_n_messages_to(w, i, STREAM_FRAGMENTS_MAP), 1);
	world_destroy(w);
}

static void the_source_shows_super_peers_every_period(void **state)
{
	struct world *w = world_of_links(20, STREAM_PUBLISHER);

	world_link(w, 20, WORLD_STREAM, LINK_IS_SUPER);
	for (uint64_t no = 1; no <= 20; no++) {
		world_publish(w, WORLD_STREAM, no, 900);
		world_run_ms(w, 100);
	}
	assert_in_range(world_n_messages_to(w, 20, STREAM_FRAGMENTS_MAP), 19, 21);
	assert_in_range(world_n_messages_to(w, 3, STREAM_FRAGMENTS_MAP), 1, 3);
	world_destroy(w);
}

// Its own fetch period is short, so it would show each neighbour eight a second.
static void a_super_peer_short_of_bytes_shows_few(void **state)
{
	static const struct {
		uint64_t bytes_per_s;
		uint32_t least, most; // maps to each, in five seconds
	} rows[] = {{0, 36, 42}, {20 * 10000 / 2, 10, 13}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_create(NULL);

		world_stream_seed(w, WORLD_STREAM,
				  &(struct stream_seed){.window_ms = 8000,
							.margin_ms = 2000,
							.update_ms = 100,
							.fetch_ms = 250,
							.extents_max = 50,
							.push_limit = 4,
							.flags = STREAM_PUSH_ALL});
		world_limit(w, LIMIT_TOTAL, 0, rows[i].bytes_per_s);
		for (uint32_t k = 0; k < 20; k++) {
			world_link(w, k, WORLD_STREAM, 0);
			world_mask(w, k, 0xff);
		}
		for (uint64_t no = 1; no <= 250; no++) {
			world_publish(w, WORLD_STREAM, no, 200);
			world_tx(w, 1000);
			world_ack_all(w);
			world_run_ms(w, 20);
		}
		for (uint32_t k = 0; k < 20; k++)
			assert_in_range(world_n_messages_to(w, k, STREAM_FRAGMENTS_MAP),
					rows[i].least, rows[i].most);
		world_destroy(w);
	}
}

static void one_body_serves_all(void **state)
{
	struct world *w = world_of_links(30, STREAM_SEND_TO_ALL);

	world_run_ms(w, 50);
	world_publish(w, WORLD_STREAM, 1, 900);
	world_run_ms(w, 100);
	assert_int_equal(w->n_local, 1);
	world_destroy(w);
}

static void what_nobody_can_use_is_cut_off(void **state)
{
	struct world *w = world_of_links(1, 0);
	struct fragments_map map;

	for (uint64_t no = 1; no <= 100; no++) {
		world_publish(w, WORLD_STREAM, no, 900);
		world_run_ms(w, 100);
	}
	map = map_to(w, 0); // ten seconds; eight are wanted
	assert_in_range(map.last, 99, 100);
	assert_in_range(map.bits.len, 10, 11);
	world_destroy(w);
}

// A hole that is filled later, below what was the oldest, is shown.
static void what_was_pulled_back_is_shown(void **state)
{
	struct world *w = world_of_links(2, 0);

	world_receive(w, 0, WORLD_STREAM, 50, 900);
	world_run_ms(w, 300);
	for (uint64_t no = 40; no < 50; no++)
		world_receive(w, 0, WORLD_STREAM, no, 900);
	world_receive(w, 0, WORLD_STREAM, 51, 900);
	world_run_ms(w, 300);
	assert_true(fragments_map_has(&(struct fragments_map){map_to(w, 1).last, map_to(w, 1).bits},
				      40));
	world_destroy(w);
}

static void a_map_is_never_longer_than_its_bound(void **state)
{
	struct world *w = world_create(&(struct world_opts){.extents_max = 80});
	struct fragments_map map;

	world_stream_seed(w, WORLD_STREAM,
			  &(struct stream_seed){.window_ms = 8000,
						.margin_ms = 2000,
						.update_ms = 100,
						.fetch_ms = 2500,
						.extents_max = 80});
	for (uint64_t no = 1; no <= 40000; no++)
		world_publish(w, WORLD_STREAM, no, 10);
	world_link(w, 0, WORLD_STREAM, 0);
	map = map_to(w, 0);
	assert_int_equal(map.last, 40000);
	assert_int_equal(map.bits.len, FRAGMENTS_MAP_MAX);
	assert_true(fragments_map_has(&map, 40000 - 8 * FRAGMENTS_MAP_MAX));
	world_destroy(w);
}

static void a_full_queue_gets_it_the_next_time(void **state)
{
	struct world *w = world_of_links(1, 0);

	w->is_control_full = true;
	world_publish(w, WORLD_STREAM, 1, 900);
	world_run_ms(w, 500);
	w->is_control_full = false;
	world_run_ms(w, 200);
	assert_int_equal(w->n_messages, 1);
	world_publish(w, WORLD_STREAM, 2, 900);
	w->has_no_local = true;
	world_run_ms(w, 500);
	assert_int_equal(w->n_messages, 1);
	w->has_no_local = false;
	world_run_ms(w, 200);
	assert_int_equal(map_to(w, 0).last, 2);
	world_destroy(w);
}

static void whose_turn_it_is_survives_his_leaving(void **state)
{
	struct world *w = world_of_links(4, 0);

	for (uint64_t no = 1; no <= 12; no++) {
		world_publish(w, WORLD_STREAM, no, 900);
		world_run_ms(w, 100);
		if (no <= 3)
			world_unlink(w, (uint32_t)no, WORLD_STREAM);
	}
	assert_true(world_n_messages_to(w, 0, STREAM_FRAGMENTS_MAP) >= 8);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_shows_what_is_held_and_nothing_else),
		cmocka_unit_test(a_newcomer_sees_it_at_once_and_after_its_mask),
		cmocka_unit_test(without_news_there_is_no_map),
		cmocka_unit_test(a_hole_that_fills_is_news_at_the_end_too),
		cmocka_unit_test(in_a_small_group_they_take_turns),
		cmocka_unit_test(in_a_large_group_nobody_waits_longer_than_half_a_fetch_period),
		cmocka_unit_test(send_to_all_means_all),
		cmocka_unit_test(the_source_shows_super_peers_every_period),
		cmocka_unit_test(a_super_peer_short_of_bytes_shows_few),
		cmocka_unit_test(one_body_serves_all),
		cmocka_unit_test(what_nobody_can_use_is_cut_off),
		cmocka_unit_test(what_was_pulled_back_is_shown),
		cmocka_unit_test(a_map_is_never_longer_than_its_bound),
		cmocka_unit_test(a_full_queue_gets_it_the_next_time),
		cmocka_unit_test(whose_turn_it_is_survives_his_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
