#include "tests/unit/core/relay_world.h"

static struct world *world_of_subscribers(uint32_t n, uint8_t mask)
{
	struct world *w = world_create(NULL);

	assert_non_null(world_stream(w, WORLD_STREAM, STREAM_PUSH_ALL));
	for (uint32_t i = 0; i < n; i++) {
		world_link(w, i, WORLD_STREAM, 0);
		world_mask(w, i, mask);
	}
	return w;
}

static void a_fragment_goes_once_to_everybody(void **state)
{
	struct world *w = world_of_subscribers(100, 0xff);

	world_publish(w, WORLD_STREAM, 1, 900);
	assert_int_equal(world_tx(w, 128), 100);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(world_n_sent(w, i, 1), 1);
	assert_int_equal(world_tx(w, 128), 0);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n.fragments_pushed_to, 100);
	world_destroy(w);
}

static void it_stops_with_the_buffers_and_goes_on_there(void **state)
{
	struct world *w = world_of_subscribers(100, 0xff);
	uint32_t n = 0;

	world_publish(w, WORLD_STREAM, 1, 900);
	world_publish(w, WORLD_STREAM, 2, 900);
	for (int i = 0; i < 70; i++) {
		if (i == 20) // while it stands still
			world_publish(w, WORLD_STREAM, 3, 900);
		n += world_tx(w, 7);
	}
	assert_int_equal(n, 300);
	for (uint32_t i = 0; i < 100; i++)
		for (uint64_t no = 1; no <= 3; no++)
			assert_int_equal(world_n_sent(w, i, no), 1);
	world_destroy(w);
}

static void everybody_has_a_fragment_before_anybody_has_the_next(void **state)
{
	struct world *w = world_of_subscribers(50, 0xff);

	world_publish(w, WORLD_STREAM, 1, 900);
	world_publish(w, WORLD_STREAM, 2, 900);
	world_tx(w, 128);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(w->chunks[i].no, i < 50 ? 1 : 2);
	world_destroy(w);
}

static void it_begins_at_another_one_each_time(void **state)
{
	struct world *w = world_of_subscribers(40, 0xff);
	uint8_t is_first[40] = {0};
	uint32_t n_first = 0;

	for (uint64_t no = 1; no <= 40; no++) {
		uint32_t at = w->n_chunks;

		world_publish(w, WORLD_STREAM, no, 900);
		world_tx(w, 128);
		world_ack_all(w);
		is_first[w->chunks[at].session_idx] = 1;
	}
	for (int i = 0; i < 40; i++)
		n_first += is_first[i];
	assert_true(n_first >= 20);
	world_destroy(w);
}

static void only_slots_that_were_asked_for(void **state)
{
	struct world *w = world_of_subscribers(8, 0);

	for (uint32_t i = 0; i < 8; i++)
		world_mask(w, i, (uint8_t)(1u << i));
	for (uint64_t no = 1; no <= 64; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	for (int i = 0; i < 20; i++) {
		world_tx(w, 128);
		world_ack_all(w);
	}
	for (uint32_t i = 0; i < 8; i++)
		for (uint64_t no = 1; no <= 64; no++)
			assert_int_equal(world_n_sent(w, i, no), no % 8 == i);
	world_mask(w, 3, 0); // stops it
	world_publish(w, WORLD_STREAM, 8 * 10 + 3, 900);
	assert_int_equal(world_tx(w, 128), 0);
	world_destroy(w);
}

static void never_back_to_where_it_came_from(void **state)
{
	struct world *w = world_of_subscribers(3, 0xff);

	world_receive(w, 1, WORLD_STREAM, 7, 900);
	world_tx(w, 128);
	assert_int_equal(world_n_sent(w, 0, 7), 1);
	assert_int_equal(world_n_sent(w, 1, 7), 0);
	assert_int_equal(world_n_sent(w, 2, 7), 1);
	world_destroy(w);
}

// A hole that a pull fills is news to those who wait for it, however old its number.
static void the_order_is_that_of_arrival(void **state)
{
	struct world *w = world_of_subscribers(2, 0xff);
	static const uint64_t order[] = {10, 12, 13, 11, 9};

	for (int i = 0; i < 5; i++)
		world_receive(w, 0, WORLD_STREAM, order[i], 900);
	world_tx(w, 128);
	for (int i = 0; i < 5; i++)
		assert_int_equal(w->chunks[i].no, order[i]);
	assert_int_equal(w->n_chunks, 5);
	world_destroy(w);
}

static void small_fragments_share_a_packet(void **state)
{
	struct world *w = world_of_subscribers(10, 0xff);

	for (uint64_t no = 1; no <= 5; no++)
		world_publish(w, WORLD_STREAM, no, 150);
	assert_int_equal(world_tx(w, 128), 10);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(world_n_sent_to(w, i), 5);
	assert_int_equal(w->sessions[0].n_burst, 1);
	world_destroy(w);
}

static void a_visit_carries_what_the_world_prefers(void **state)
{
	struct world *w = world_create(&(struct world_opts){.visit = 4});

	world_stream(w, WORLD_STREAM, STREAM_PUSH_ALL);
	for (uint32_t i = 0; i < 2; i++) {
		world_link(w, i, WORLD_STREAM, 0);
		world_mask(w, i, 0xff);
	}
	for (uint64_t no = 1; no <= 4; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	world_tx(w, 128);
	for (uint32_t i = 0; i < 8; i++) // four packets to one, then four to the other
		assert_int_equal(w->chunks[i].session_idx, w->chunks[i / 4 * 4].session_idx);
	world_destroy(w);
}

// Whoever comes or goes moves the array under a walk that stands still.
// Four packets of this size fill a congestion window that has seen no ack.
static void who_has_no_room_is_counted_once_and_served_later(void **state)
{
	struct world *w = world_of_subscribers(2, 0xff);

	for (uint64_t no = 1; no <= 8; no++)
		world_publish(w, WORLD_STREAM, no, 1000);
	while (world_tx(w, 128) > 0)
		;
	assert_int_equal(w->e.stats.stream_blocked, 2); // then they are behind, and not asked
	for (int i = 0; i < 8; i++) {
		world_ack_all(w);
		world_tx(w, 128);
	}
	for (uint64_t no = 1; no <= 8; no++)
		assert_int_equal(world_n_sent(w, 1, no), 1);
	world_destroy(w);
}

static void coming_and_going_disturbs_nobody(void **state)
{
	struct world *w = world_of_subscribers(60, 0xff);
	uint32_t gone = 0, come = 100;

	world_publish(w, WORLD_STREAM, 1, 900);
	world_publish(w, WORLD_STREAM, 2, 900);
	for (int i = 0; i < 30; i++) {
		world_tx(w, 5);
		if (gone < 20)
			world_unlink(w, 2 * gone++, WORLD_STREAM);
		world_link(w, come, WORLD_STREAM, 0);
		world_mask(w, come++, 0xff);
	}
	while (world_tx(w, 5) > 0)
		;
	for (uint32_t i = 0; i < 60; i++) {
		bool is_gone = i < 40 && i % 2 == 0;

		for (uint64_t no = 1; no <= 2; no++)
			assert_in_range(world_n_sent(w, i, no), !is_gone, 1);
	}
	for (uint32_t i = 100; i < come; i++) // came after them
		assert_int_equal(world_n_sent_to(w, i), 0);
	world_publish(w, WORLD_STREAM, 3, 900);
	while (world_tx(w, 50) > 0)
		;
	for (uint32_t i = 0; i < come; i++)
		assert_int_equal(world_n_sent(w, i, 3), link_find(&w->e, i, WORLD_STREAM) != NULL);
	world_destroy(w);
}

static void streams_take_turns(void **state)
{
	struct world *w = world_create(NULL);
	uint32_t n[3] = {0};

	for (uint16_t s = 0; s < 3; s++) {
		world_stream(w, s, STREAM_PUSH_ALL);
		for (uint32_t i = 0; i < 10; i++) {
			world_link(w, i, s, 0);
			link_find(&w->e, i, s)->slots_asked = 0xff;
			push_grant(&w->e, stream_at(&w->e, s), link_find(&w->e, i, s));
		}
		for (uint64_t no = 1; no <= 3; no++)
			world_publish(w, s, 100 * (s + 1) + no, 900);
	}
	assert_int_equal(world_tx(w, 30), 30);
	for (uint32_t i = 0; i < w->n_chunks; i++)
		n[w->chunks[i].no / 100 - 1]++;
	for (int s = 0; s < 3; s++)
		assert_int_equal(n[s], 10);
	world_destroy(w);
}

// Nothing left for nine seconds: then nobody wants it, and that is counted.
static void what_is_late_for_all_is_skipped(void **state)
{
	struct world *w = world_of_subscribers(5, 0xff);

	world_publish(w, WORLD_STREAM, 1, 900);
	world_run_ms(w, 9000);
	world_publish(w, WORLD_STREAM, 2, 900);
	assert_int_equal(world_tx(w, 128), 5);
	assert_int_equal(world_n_sent(w, 0, 1), 0);
	assert_int_equal(world_n_sent(w, 0, 2), 1);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_SKIPPED], 5);
	world_destroy(w);
}

static void a_walk_survives_the_loss_of_its_window(void **state)
{
	struct world *w = world_of_subscribers(20, 0xff);

	for (uint64_t no = 1; no <= 10; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	world_tx(w, 5);
	world_run_ms(w, 20000);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->window.n_held, 0);
	assert_int_equal(world_tx(w, 128), 0);
	world_publish(w, WORLD_STREAM, 11, 900);
	assert_int_equal(world_tx(w, 128), 20);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fragment_goes_once_to_everybody),
		cmocka_unit_test(it_stops_with_the_buffers_and_goes_on_there),
		cmocka_unit_test(everybody_has_a_fragment_before_anybody_has_the_next),
		cmocka_unit_test(it_begins_at_another_one_each_time),
		cmocka_unit_test(only_slots_that_were_asked_for),
		cmocka_unit_test(never_back_to_where_it_came_from),
		cmocka_unit_test(the_order_is_that_of_arrival),
		cmocka_unit_test(small_fragments_share_a_packet),
		cmocka_unit_test(a_visit_carries_what_the_world_prefers),
		cmocka_unit_test(who_has_no_room_is_counted_once_and_served_later),
		cmocka_unit_test(coming_and_going_disturbs_nobody),
		cmocka_unit_test(streams_take_turns),
		cmocka_unit_test(what_is_late_for_all_is_skipped),
		cmocka_unit_test(a_walk_survives_the_loss_of_its_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
