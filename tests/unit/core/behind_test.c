#include "tests/unit/core/relay_world.h"

static struct world *world_of_subscribers(uint32_t n)
{
	struct world *w = world_create(NULL);

	assert_non_null(world_stream(w, WORLD_STREAM, STREAM_PUSH_ALL));
	for (uint32_t i = 0; i < n; i++) {
		world_link(w, i, WORLD_STREAM, 0);
		world_mask(w, i, 0xff);
	}
	return w;
}

// Sends and acknowledges until nothing is due.
static void drain(struct world *w)
{
	do {
		world_ack_all(w);
	} while (world_tx(w, 128) > 0);
}

static void who_is_blocked_holds_up_nobody_and_catches_up(void **state)
{
	struct world *w = world_of_subscribers(3);

	w->sessions[1].cwnd_bytes = 0;
	for (uint64_t no = 1; no <= 30; no++) {
		world_publish(w, WORLD_STREAM, no, 900);
		world_tx(w, 128);
		world_ack(w, 0);
		world_ack(w, 2);
	}
	assert_int_equal(world_n_sent_to(w, 0), 30);
	assert_int_equal(world_n_sent_to(w, 1), 0);
	assert_int_equal(world_n_sent_to(w, 2), 30);
	w->sessions[1].cwnd_bytes = 1 << 20;
	w->n_chunks = 0;
	drain(w);
	assert_int_equal(w->n_chunks, 30);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(w->chunks[i].no, i + 1);
	world_publish(w, WORLD_STREAM, 31, 900); // up to date again: with all the others
	world_tx(w, 128);
	assert_int_equal(world_n_sent(w, 1, 31), 1);
	world_destroy(w);
}

static void six_packets_and_then_an_ack(void **state)
{
	struct world *w = world_of_subscribers(1);

	for (uint64_t no = 1; no <= 20; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	assert_int_equal(world_tx(w, 128), 6);
	assert_int_equal(world_tx(w, 128), 0);
	world_ack(w, 0);
	assert_int_equal(world_tx(w, 128), 6);
	world_destroy(w);
}

static void the_far_window_blocks_too(void **state)
{
	struct world *w = world_of_subscribers(1);
	struct link *l = link_find(&w->e, 0, WORLD_STREAM);

	flow_tx_at(w->e.flows, l->flow_idx)->rwnd_bytes = 1000;
	for (uint64_t no = 1; no <= 5; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	assert_int_equal(world_tx(w, 128), 2); // the second overshoots (§3.6.2.3)
	world_ack(w, 0);
	assert_int_equal(world_tx(w, 128), 2);
	world_destroy(w);
}

static void buffers_run_out_in_the_middle(void **state)
{
	struct world *w = world_of_subscribers(4);

	for (uint32_t i = 0; i < 4; i++)
		w->sessions[i].cwnd_bytes = 0;
	for (uint64_t no = 1; no <= 5; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	world_tx(w, 128);
	for (uint32_t i = 0; i < 4; i++)
		w->sessions[i].cwnd_bytes = 1 << 20;
	world_ack_all(w);
	for (int i = 0; i < 10; i++)
		assert_int_equal(world_tx(w, 2), 2);
	assert_int_equal(world_tx(w, 2), 0);
	for (uint32_t i = 0; i < 4; i++)
		for (uint64_t no = 1; no <= 5; no++)
			assert_int_equal(world_n_sent(w, i, no), 1);
	world_destroy(w);
}

static void turns_are_short(void **state)
{
	struct world *w = world_of_subscribers(2);

	for (uint32_t i = 0; i < 2; i++)
		w->sessions[i].cwnd_bytes = 0;
	for (uint64_t no = 1; no <= 20; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	world_tx(w, 128);
	for (uint32_t i = 0; i < 2; i++)
		w->sessions[i].cwnd_bytes = 1 << 20;
	world_ack_all(w);
	assert_int_equal(world_tx(w, 8), 8); // 4 and 4, though 6 may leave to each
	assert_int_equal(w->sessions[0].n_burst, 4);
	assert_int_equal(w->sessions[1].n_burst, 4);
	world_destroy(w);
}

static void only_its_slots_while_it_catches_up(void **state)
{
	struct world *w = world_of_subscribers(1);

	world_mask(w, 0, 0x05);
	w->sessions[0].cwnd_bytes = 0;
	for (uint64_t no = 1; no <= 24; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	world_tx(w, 128);
	w->sessions[0].cwnd_bytes = 1 << 20;
	drain(w);
	for (uint64_t no = 1; no <= 24; no++)
		assert_int_equal(world_n_sent(w, 0, no), no % 8 == 0 || no % 8 == 2);
	world_destroy(w);
}

static void what_is_too_late_is_skipped_and_counted(void **state)
{
	struct world *w = world_of_subscribers(2);
	struct link *l = link_find(&w->e, 0, WORLD_STREAM);

	w->sessions[0].cwnd_bytes = 0;
	for (uint64_t no = 1; no <= 10; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	world_tx(w, 128);
	world_ack(w, 1);
	world_tx(w, 128);
	world_run_ms(w, 7000);
	world_publish(w, WORLD_STREAM, 11, 900);
	world_tx(w, 128);
	world_run_ms(w, 1500);
	w->sessions[0].cwnd_bytes = 1 << 20;
	drain(w);
	assert_int_equal(world_n_sent_to(w, 0), 1);
	assert_int_equal(world_n_sent(w, 0, 11), 1);
	assert_int_equal(l->skipped, 10);
	assert_int_equal(flow_tx_at(w->e.flows, l->flow_idx)->late, 10);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_SKIPPED], 10);
	assert_int_equal(world_n_sent_to(w, 1), 11); // the other lost nothing
	world_destroy(w);
}

static void a_key_frame_is_worth_the_margin(void **state)
{
	struct world *w = world_of_subscribers(1);
	struct stream *s = stream_at(&w->e, WORLD_STREAM);

	w->sessions[0].cwnd_bytes = 0;
	world_publish(w, WORLD_STREAM, 1, 900);
	world_publish(w, WORLD_STREAM, 2, 900);
	((struct record *)(uintptr_t)window_find(&s->window, w->e.relay->extents, 2))->is_key = 1;
	world_tx(w, 128);
	world_run_ms(w, 9000);
	w->sessions[0].cwnd_bytes = 1 << 20;
	drain(w);
	assert_int_equal(world_n_sent(w, 0, 1), 0);
	assert_int_equal(world_n_sent(w, 0, 2), 1);
	world_destroy(w);
}

static void a_lost_fragment_goes_again_under_its_number(void **state)
{
	struct world *w = world_of_subscribers(2);

	for (uint64_t no = 1; no <= 3; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	world_tx(w, 128);
	world_lose(w, 0, 2);
	assert_int_equal(world_tx(w, 128), 1);
	assert_int_equal(world_n_sent(w, 0, 2), 2);
	assert_int_equal(w->chunks[w->n_chunks - 1].sn, 2);
	assert_true(w->chunks[w->n_chunks - 1].is_again);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n.resent, 1);
	world_destroy(w);
}

static void what_is_lost_too_late_is_given_up(void **state)
{
	struct world *w = world_of_subscribers(1);

	world_publish(w, WORLD_STREAM, 1, 900);
	world_publish(w, WORLD_STREAM, 2, 900);
	world_tx(w, 128);
	world_run_ms(w, 8500); // past the window, still held
	world_lose(w, 0, 1);
	assert_int_equal(world_tx(w, 128), 1);
	assert_int_equal(world_n_sent(w, 0, 1), 1);
	assert_int_equal(w->n_abandoned, 1);
	assert_int_equal(w->n_fsn_updates, 1);
	world_run_ms(w, 12000); // gone
	world_lose(w, 0, 2);
	world_tx(w, 128);
	assert_int_equal(w->n_abandoned, 2);
	assert_int_equal(w->n_fsn_updates, 2);
	world_destroy(w);
}

static void a_full_ring_does_not_block_its_own_repair(void **state)
{
	struct world *w = world_of_subscribers(1);

	for (uint64_t no = 1; no <= 100; no++) {
		world_publish(w, WORLD_STREAM, no, 200);
		world_tx(w, 128);
		w->sessions[0].n_burst = 0;
	}
	assert_int_equal(world_n_sent_to(w, 0), WORLD_RING);
	world_lose(w, 0, 1);
	world_tx(w, 128);
	assert_int_equal(world_n_sent(w, 0, 1), 2);
	world_destroy(w);
}

static void pulls_are_answered_lowest_first_and_once(void **state)
{
	struct world *w = world_of_subscribers(1);
	static const uint64_t asked[] = {17, 3, 9, 3, 17, 5};
	static const uint64_t got[] = {3, 5, 9, 17};

	world_mask(w, 0, 0);
	for (uint64_t no = 1; no <= 20; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		world_pull(w, 0, asked[i]);
	assert_int_equal(world_tx(w, 128), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(w->chunks[i].no, got[i]);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n.fragments_pulled_by, 4);
	world_destroy(w);
}

static void a_newcomer_pulls_the_whole_window(void **state)
{
	struct world *w = world_of_subscribers(1);

	world_mask(w, 0, 0);
	for (uint64_t no = 1; no <= 700; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	for (uint64_t no = 1; no <= 700; no++)
		world_pull(w, 0, no);
	drain(w);
	assert_int_equal(world_n_sent_to(w, 0), 700);
	assert_int_equal(w->e.relay->pulls.idx.n, 0);
	world_destroy(w);
}

struct under_way {
	const char *what;
	bool is_blocked, is_sent, is_acked;
	uint32_t n_sent; // in the end
};

static void what_is_under_way_is_not_sent_twice(void **state)
{
	static const struct under_way rows[] = {
		{"not walked yet", false, false, false, 1},
		{"ahead of the cursor", true, false, false, 1},
		{"in flight", false, true, false, 1},
		{"arrived, and asked for all the same", false, true, true, 2},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_of_subscribers(1);

		if (rows[i].is_blocked)
			w->sessions[0].cwnd_bytes = 0;
		world_publish(w, WORLD_STREAM, 1, 900);
		if (rows[i].is_sent || rows[i].is_blocked)
			world_tx(w, 128);
		if (rows[i].is_acked)
			world_ack(w, 0);
		world_pull(w, 0, 1);
		w->sessions[0].cwnd_bytes = 1 << 20;
		drain(w);
		assert_row(world_n_sent(w, 0, 1) == rows[i].n_sent, rows[i].what);
		world_destroy(w);
	}
}

static void catching_up_and_pulls_share(void **state)
{
	struct world *w = world_of_subscribers(1);

	world_mask(w, 0, 0);
	for (uint64_t no = 1; no <= 20; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	world_tx(w, 128);
	world_mask(w, 0, 0xff);
	w->sessions[0].cwnd_bytes = 0;
	for (uint64_t no = 21; no <= 40; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	world_tx(w, 128);
	for (uint64_t no = 1; no <= 20; no++)
		world_pull(w, 0, no);
	w->sessions[0].cwnd_bytes = 1 << 20;
	world_ack(w, 0);
	assert_int_equal(world_tx(w, 128), 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(w->chunks[i].no <= 20, i % 2);
	drain(w);
	assert_int_equal(w->n_chunks, 40);
	world_destroy(w);
}

static void a_pull_whose_fragment_left_is_dropped(void **state)
{
	struct world *w = world_of_subscribers(1);

	world_mask(w, 0, 0);
	world_publish(w, WORLD_STREAM, 1, 900);
	w->sessions[0].cwnd_bytes = 0;
	world_pull(w, 0, 1);
	world_run_ms(w, 15000);
	w->sessions[0].cwnd_bytes = 1 << 20;
	drain(w);
	assert_int_equal(w->n_chunks, 0);
	assert_int_equal(link_find(&w->e, 0, WORLD_STREAM)->due, 0);
	world_destroy(w);
}

// If nobody ever says that there is room, time does.
static void who_waits_is_not_forgotten(void **state)
{
	struct world *w = world_of_subscribers(1);

	w->sessions[0].cwnd_bytes = 0;
	world_publish(w, WORLD_STREAM, 1, 900);
	world_tx(w, 128);
	w->sessions[0].cwnd_bytes = 1 << 20;
	assert_int_equal(world_tx(w, 128), 0);
	world_run_ms(w, NUDGE_MS + 200);
	assert_int_equal(world_tx(w, 128), 1);
	world_destroy(w);
}

static void a_flow_that_could_not_be_opened_is_tried_again(void **state)
{
	struct world *w = world_of_subscribers(0);

	w->has_no_flow = true;
	world_link(w, 0, WORLD_STREAM, 0);
	world_mask(w, 0, 0xff);
	assert_int_equal(w->e.stats.drops[DROP_NO_FLOW], 1);
	world_publish(w, WORLD_STREAM, 1, 900);
	assert_int_equal(world_tx(w, 128), 0);
	w->has_no_flow = false;
	world_run_ms(w, NUDGE_MS + 200);
	world_publish(w, WORLD_STREAM, 2, 900);
	world_tx(w, 128);
	assert_int_equal(world_n_sent(w, 0, 2), 1);
	world_destroy(w);
}

static void numbers_beyond_32_bits_are_found_again(void **state)
{
	struct world *w = world_of_subscribers(1);
	uint64_t base = (1ull << 32) - 3;

	for (uint64_t no = base; no < base + 6; no++)
		world_publish(w, WORLD_STREAM, no, 150);
	world_tx(w, 128);
	world_lose(w, 0, (uint32_t)(base + 1));
	world_lose(w, 0, (uint32_t)(base + 5));
	world_tx(w, 128);
	assert_int_equal(world_n_sent(w, 0, base + 1), 2);
	assert_int_equal(world_n_sent(w, 0, base + 5), 2);
	assert_int_equal(w->n_abandoned, 0);
	world_destroy(w);
}

// What it did not want when it came is not owed to it later.
static void catching_up_begins_where_it_was_blocked(void **state)
{
	struct world *w = world_of_subscribers(1);

	world_mask(w, 0, 0x01);
	for (uint64_t no = 1; no <= 7; no++)
		world_publish(w, WORLD_STREAM, no, 900);
	drain(w);
	world_mask(w, 0, 0xff);
	w->sessions[0].cwnd_bytes = 0;
	world_publish(w, WORLD_STREAM, 8, 900);
	world_tx(w, 128);
	w->sessions[0].cwnd_bytes = 1 << 20;
	drain(w);
	assert_int_equal(w->n_chunks, 1);
	assert_int_equal(w->chunks[0].no, 8);
	world_destroy(w);
}

static void a_forward_number_waits_for_room_too(void **state)
{
	struct world *w = world_of_subscribers(1);

	world_publish(w, WORLD_STREAM, 1, 900);
	world_tx(w, 128);
	world_run_ms(w, 8500);
	w->sessions[0].n_burst = 6;
	world_lose(w, 0, 1);
	assert_int_equal(world_tx(w, 128), 0);
	assert_int_equal(w->n_abandoned, 1);
	assert_int_equal(w->n_fsn_updates, 0);
	world_ack(w, 0);
	assert_int_equal(world_tx(w, 128), 1);
	assert_int_equal(w->n_fsn_updates, 1);
	world_destroy(w);
}

// Acknowledged after all, before its repair had its turn.
static void a_repair_that_is_not_needed_sends_nothing(void **state)
{
	struct world *w = world_of_subscribers(1);

	world_publish(w, WORLD_STREAM, 1, 900);
	world_tx(w, 128);
	relay_flow_lost(&w->e, link_find(&w->e, 0, WORLD_STREAM)->flow_idx);
	assert_int_equal(world_tx(w, 128), 0);
	assert_int_equal(w->n_packets, 1);
	assert_int_equal(w->e.stats.drops[DROP_NO_FLOW], 0);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_blocked_holds_up_nobody_and_catches_up),
		cmocka_unit_test(six_packets_and_then_an_ack),
		cmocka_unit_test(the_far_window_blocks_too),
		cmocka_unit_test(buffers_run_out_in_the_middle),
		cmocka_unit_test(turns_are_short),
		cmocka_unit_test(only_its_slots_while_it_catches_up),
		cmocka_unit_test(what_is_too_late_is_skipped_and_counted),
		cmocka_unit_test(a_key_frame_is_worth_the_margin),
		cmocka_unit_test(a_lost_fragment_goes_again_under_its_number),
		cmocka_unit_test(what_is_lost_too_late_is_given_up),
		cmocka_unit_test(a_full_ring_does_not_block_its_own_repair),
		cmocka_unit_test(pulls_are_answered_lowest_first_and_once),
		cmocka_unit_test(a_newcomer_pulls_the_whole_window),
		cmocka_unit_test(what_is_under_way_is_not_sent_twice),
		cmocka_unit_test(catching_up_and_pulls_share),
		cmocka_unit_test(a_pull_whose_fragment_left_is_dropped),
		cmocka_unit_test(who_waits_is_not_forgotten),
		cmocka_unit_test(a_flow_that_could_not_be_opened_is_tried_again),
		cmocka_unit_test(numbers_beyond_32_bits_are_found_again),
		cmocka_unit_test(catching_up_begins_where_it_was_blocked),
		cmocka_unit_test(a_forward_number_waits_for_room_too),
		cmocka_unit_test(a_repair_that_is_not_needed_sends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
