#include "tests/unit/core/relay_world.h"

#define SUPER (STREAM_HOME | STREAM_PUSH_ALL)

static struct world *world_of_links(uint32_t n, uint8_t flags)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, flags);
	for (uint32_t i = 0; i < n; i++)
		world_link(w, i, WORLD_STREAM, 0);
	return w;
}

static uint8_t granted(const struct world *w, uint32_t session_idx)
{
	return link_find(&w->e, session_idx, WORLD_STREAM)->slots_granted;
}

// push_limit is 4: librtmfp serves one more, and so do we.
static void a_member_serves_the_first_five_per_slot(void **state)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, 0);
	for (uint32_t i = 0; i < 8; i++)
		world_link(w, 7 - i, WORLD_STREAM, 0); // 7 came first
	for (uint32_t i = 0; i < 8; i++)
		world_mask(w, i, i == 6 ? 0x0f : 0xff);
	for (uint32_t i = 3; i < 8; i++)
		assert_int_equal(granted(w, i), i == 6 ? 0x0f : 0xff);
	assert_int_equal(granted(w, 2), 0xf0);
	assert_int_equal(granted(w, 1), 0);
	world_mask(w, 7, 0); // its place is free
	assert_int_equal(granted(w, 2), 0xff);
	assert_int_equal(granted(w, 1), 0xf0);
	world_unlink(w, 5, WORLD_STREAM);
	assert_int_equal(granted(w, 1), 0xff);
	assert_int_equal(granted(w, 0), 0xf0);
	world_publish(w, WORLD_STREAM, 1, 900); // slot 1
	assert_int_equal(world_tx(w, 128), 5);
	world_destroy(w);
}

static void super_peers_are_served_beyond_that(void **state)
{
	struct world *w = world_of_links(8, 0);

	world_link(w, 8, WORLD_STREAM, LINK_IS_SUPER);
	for (uint32_t i = 0; i < 9; i++)
		world_mask(w, i, 0xff);
	assert_int_equal(granted(w, 4), 0xff);
	assert_int_equal(granted(w, 5), 0);
	assert_int_equal(granted(w, 8), 0xff);
	world_destroy(w);
}

static void a_super_peer_serves_all(void **state)
{
	struct world *w = world_of_links(100, STREAM_PUSH_ALL);

	for (uint32_t i = 0; i < 100; i++)
		world_mask(w, i, 0xff);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(granted(w, i), 0xff);
	world_destroy(w);
}

static void the_place_of_one_who_rejects_us_is_free(void **state)
{
	struct world *w = world_of_links(6, 0);

	for (uint32_t i = 0; i < 6; i++)
		world_mask(w, i, 0xff);
	assert_int_equal(granted(w, 5), 0);
	relay_flow_gone(&w->e, link_find(&w->e, 2, WORLD_STREAM)->flow_idx);
	assert_int_equal(granted(w, 2), 0);
	assert_int_equal(granted(w, 5), 0xff);
	world_destroy(w);
}

// -- as far as the budget goes --

#define OCTETS 1000 // of a fragment; 50 a second are 6250 bytes a second and slot, and headers

// A stream of 50 a second runs for that long, and everybody acknowledges.
static void stream_goes_on(struct world *w, uint64_t *no, uint32_t ms)
{
	for (; ms > 0; ms -= 20) {
		world_publish(w, WORLD_STREAM, ++*no, OCTETS);
		world_tx(w, 10000);
		world_ack_all(w);
		world_run_ms(w, 20);
	}
}

static uint32_t n_granted(const struct world *w, uint32_t n)
{
	uint32_t n_slots = 0;

	for (uint32_t i = 0; i < n; i++)
		n_slots += (uint32_t)__builtin_popcount(granted(w, i));
	return n_slots;
}

// What it has bytes for is given to all alike, and of each slot about the same.
static void a_super_peer_shares_its_budget_evenly(void **state)
{
	struct world *w = world_of_links(20, SUPER);
	uint32_t per_slot[PUSH_SLOTS] = {0};
	uint64_t no = 0;

	world_limit(w, LIMIT_TOTAL, 0, 20 * 50 * OCTETS / 2); // half of what they ask for
	for (uint32_t i = 0; i < 20; i++)
		world_mask(w, i, 0xff);
	stream_goes_on(w, &no, 4000);
	assert_in_range(n_granted(w, 20), 60, 80);
	for (uint32_t i = 0; i < 20; i++) {
		assert_in_range(__builtin_popcount(granted(w, i)), 3, 4);
		for (int slot = 0; slot < PUSH_SLOTS; slot++)
			per_slot[slot] += granted(w, i) >> slot & 1;
	}
	for (int slot = 0; slot < PUSH_SLOTS; slot++)
		assert_in_range(per_slot[slot], 5, 13);
	for (uint32_t i = 0; i < 10; i++) // who wants less leaves more to the others
		world_mask(w, i, 0x01);
	stream_goes_on(w, &no, 1000);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(granted(w, i), 0x01);
	assert_in_range(__builtin_popcount(granted(w, 15)), 5, 7);
	world_limit(w, LIMIT_TOTAL, 0, 0);
	stream_goes_on(w, &no, 1000);
	assert_int_equal(granted(w, 15), 0xff);
	world_destroy(w);
}

// Who was first keeps what he has; who comes when the uplink is full gets nothing.
static void a_member_promises_what_it_can_send(void **state)
{
	struct world *w = world_of_links(4, 0);
	uint64_t no = 0;
	uint8_t before;

	world_limit(w, LIMIT_TOTAL, 0, 4 * 50 * OCTETS / 8); // four slots, of which a part is left
	for (uint32_t i = 0; i < 3; i++)
		world_mask(w, i, 0x11);
	stream_goes_on(w, &no, 3000);
	assert_int_equal(n_granted(w, 4), 3);
	assert_int_equal(granted(w, 0), 0x11);
	before = granted(w, 1);
	world_mask(w, 3, 0x11);
	stream_goes_on(w, &no, 1000);
	assert_int_equal(granted(w, 3), 0);
	world_mask(w, 0, 0); // its place is free
	stream_goes_on(w, &no, 1000);
	assert_int_equal(granted(w, 1) & before, before);
	assert_int_equal(n_granted(w, 4), 3);
	world_destroy(w);
}

// More than can be answered soon is asked of others, by whom we leave without an answer.
static void pulls_beyond_what_can_be_sent_soon_are_ignored(void **state)
{
	struct world *w = world_of_links(2, 0);
	struct stream *s = stream_at(&w->e, WORLD_STREAM);
	uint64_t no = 0;

	world_limit(w, LIMIT_TOTAL, 0, 50 * OCTETS / 8);
	stream_goes_on(w, &no, 2000);
	assert_int_equal(s->pulls_max, PULLS_MAX_LEAST);
	for (uint64_t pulled = 1; pulled <= 20; pulled++)
		world_pull(w, pulled % 2, pulled);
	assert_int_equal(s->n_pulls, PULLS_MAX_LEAST);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_PULLS], 20 - PULLS_MAX_LEAST);
	world_unlink(w, 0, WORLD_STREAM);
	assert_int_equal(s->n_pulls, PULLS_MAX_LEAST / 2);
	world_destroy(w);
}

// All who are there at a stream's beginning ask for it right after the first look, which has a
// shorter time to count in than the others.
static void the_first_look_allows_as_many_pulls_as_any(void **state)
{
	struct world *w = world_of_links(2, SUPER);
	const struct stream *s = stream_at(&w->e, WORLD_STREAM);
	uint64_t no = 0;
	uint32_t first;

	world_limit(w, LIMIT_TOTAL, 0, 1000 * OCTETS);
	stream_goes_on(w, &no, 240);
	first = s->pulls_max;
	assert_in_range(first, 100, 125); // an eighth of a second
	stream_goes_on(w, &no, 2000);
	assert_in_range(s->pulls_max, first - first / 20, first + first / 20);
	world_destroy(w);
}

static uint64_t uplink(const struct world *w)
{
	return w->e.budgets.total.rate.per_s;
}

static struct world *world_of_two_and_a_super_peer(void)
{
	struct world *w = world_of_links(2, 0);

	world_link(w, 2, WORLD_STREAM, LINK_IS_SUPER);
	for (uint32_t i = 0; i < 3; i++)
		w->sessions[i].srtt_us = 50000;
	return w;
}

// It sends 100 kB/s of something.
static void goes_on_sending(struct world *w, uint64_t *no, uint32_t ms)
{
	for (; ms > 0; ms -= 500) {
		w->e.stats.tx_ip_bytes[BUDGET_MEDIA] += 50000;
		stream_goes_on(w, no, 500);
	}
}

// Nobody told it what its uplink carries: answers that come late do.
static void a_full_uplink_shows_in_late_answers(void **state)
{
	struct world *w = world_of_two_and_a_super_peer();
	uint64_t no = 0;

	goes_on_sending(w, &no, 2000);
	assert_int_equal(uplink(w), 0);
	w->sessions[0].srtt_us = w->sessions[1].srtt_us = 400000; // their uplinks may be full
	goes_on_sending(w, &no, 1000);
	assert_int_equal(uplink(w), 0);
	w->sessions[2].srtt_us = 400000; // a super-peer's is not
	goes_on_sending(w, &no, 1000);
	assert_in_range(uplink(w), 80000, 100000);
	world_limit(w, LIMIT_TOTAL, 0, 1000000); // told
	goes_on_sending(w, &no, 4000);
	assert_int_equal(uplink(w), 1000000);
	world_destroy(w);
}

// What was sent before it was counted is not of its first look: a source that becomes a player.
static void what_was_sent_before_is_no_uplink(void **state)
{
	struct world *w = world_of_two_and_a_super_peer();
	struct stream *s = stream_at(&w->e, WORLD_STREAM);
	uint64_t no = 0;

	s->flags |= STREAM_PUBLISHER;
	w->e.stats.tx_ip_bytes[BUDGET_MEDIA] += 5000000;
	stream_goes_on(w, &no, 2000);
	s->flags &= (uint8_t)~STREAM_PUBLISHER;
	goes_on_sending(w, &no, 1000);
	w->sessions[2].srtt_us = 400000;
	goes_on_sending(w, &no, 1500);
	assert_in_range(uplink(w), 80000, 100000);
	world_destroy(w);
}

// Lost packets may be the line's doing. Where bytes are short they count, too.
static void losses_count_where_bytes_are_short(void **state)
{
	for (uint32_t is_short = 0; is_short < 2; is_short++) {
		struct world *w = world_of_two_and_a_super_peer();
		struct stream *s = stream_at(&w->e, WORLD_STREAM);
		uint64_t no = 0;

		s->n_refused = is_short * 1000;
		for (uint32_t i = 0; i < 6; i++) {
			s->n.fragments_pushed_to += 50;
			s->n.resent += 10;
			goes_on_sending(w, &no, 500);
		}
		assert_int_equal(uplink(w) != 0, is_short);
		world_destroy(w);
	}
}

// Who goes elsewhere may have a longer path from then on.
static void a_longer_path_is_no_full_uplink(void **state)
{
	struct world *w = world_of_two_and_a_super_peer();
	uint64_t no = 0;

	goes_on_sending(w, &no, 2000);
	w->sessions[2].srtt_us = 300000;
	goes_on_sending(w, &no, 6000);
	assert_in_range(uplink(w), UPLINK_MIN, 90000);
	goes_on_sending(w, &no, 20000);
	assert_true(uplink(w) > 100000);
	world_destroy(w);
}

// A guess is of use for what is played: neither a source nor who plays nothing is held to it.
static void a_guess_ends_with_what_it_is_for(void **state)
{
	for (uint32_t is_source = 0; is_source < 2; is_source++) {
		struct world *w = world_of_two_and_a_super_peer();
		struct stream *s = stream_at(&w->e, WORLD_STREAM);
		uint64_t no = 0;

		goes_on_sending(w, &no, 1000);
		w->sessions[2].srtt_us = 400000;
		goes_on_sending(w, &no, 1000);
		assert_true(uplink(w) > 0);
		if (is_source) {
			s->flags |= STREAM_PUBLISHER;
			world_run_ms(w, 600);
		} else {
			stream_remove(&w->e, s);
		}
		assert_int_equal(uplink(w), 0);
		world_destroy(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_serves_the_first_five_per_slot),
		cmocka_unit_test(super_peers_are_served_beyond_that),
		cmocka_unit_test(a_super_peer_serves_all),
		cmocka_unit_test(the_place_of_one_who_rejects_us_is_free),
		cmocka_unit_test(a_super_peer_shares_its_budget_evenly),
		cmocka_unit_test(a_member_promises_what_it_can_send),
		cmocka_unit_test(pulls_beyond_what_can_be_sent_soon_are_ignored),
		cmocka_unit_test(the_first_look_allows_as_many_pulls_as_any),
		cmocka_unit_test(a_full_uplink_shows_in_late_answers),
		cmocka_unit_test(what_was_sent_before_is_no_uplink),
		cmocka_unit_test(losses_count_where_bytes_are_short),
		cmocka_unit_test(a_longer_path_is_no_full_uplink),
		cmocka_unit_test(a_guess_ends_with_what_it_is_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
