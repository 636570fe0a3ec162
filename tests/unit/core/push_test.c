#include "tests/unit/core/relay_world.h"

#define MEMBER STREAM_HOME
#define SUPER  (STREAM_HOME | STREAM_PUSH_ALL)

static struct world *world_of_links(uint32_t n, uint8_t flags)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, flags);
	for (uint32_t i = 0; i < n; i++)
		world_link(w, i, WORLD_STREAM, 0);
	return w;
}

static uint32_t n_masks(const struct world *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_messages; i++)
		n += w->messages[i].octets[0] == STREAM_PUSH_MASK;
	return n;
}

// Who was told a mask other than 0 last; SESSION_NONE: nobody.
static uint32_t only_pusher(const struct world *w, uint32_t n_sessions, uint8_t *mask)
{
	uint32_t who = SESSION_NONE;

	for (uint32_t i = 0; i < n_sessions; i++) {
		if (world_mask_to(w, i) == 0)
			continue;
		assert_int_equal(who, SESSION_NONE);
		who = i;
		*mask = world_mask_to(w, i);
	}
	return who;
}

static void one_slot_every_two_seconds_descending(void **state)
{
	struct world *w = world_of_links(4, MEMBER);
	uint8_t seen = 0;
	uint32_t before = 0;

	for (uint32_t i = 0; i < 4; i++)
		world_map(w, i, 1, 1);
	for (int step = 0; step < 8; step++) {
		world_run_ms(w, 2000);
		assert_int_equal(n_masks(w), before + 1);
		before = n_masks(w);
	}
	for (uint32_t i = 0; i < w->n_messages; i++) {
		static uint32_t last = SESSION_NONE;
		const struct world_message *m = &w->messages[i];

		if (m->octets[0] != STREAM_PUSH_MASK)
			continue;
		if (last != SESSION_NONE)
			assert_int_equal(m->session_idx, (last + 3) % 4);
		last = m->session_idx;
	}
	for (uint32_t i = 0; i < 4; i++) { // eight slots, two each, none twice
		assert_int_equal(__builtin_popcount(world_mask_to(w, i)), 2);
		assert_int_equal(seen & world_mask_to(w, i), 0);
		seen |= world_mask_to(w, i);
	}
	world_destroy(w);
}

static void who_has_shown_nothing_is_not_tested(void **state)
{
	struct world *w = world_of_links(4, MEMBER);
	uint8_t mask;

	world_run_ms(w, 4000);
	assert_int_equal(n_masks(w), 0);
	world_map(w, 2, 1, 1);
	world_run_ms(w, 2000);
	assert_int_equal(only_pusher(w, 4, &mask), 2);
	world_destroy(w);
}

// Puts session 0 in charge of a slot, and session 1 to the test on it; says which slot.
static uint32_t challenge(struct world *w)
{
	struct stream *s = stream_at(&w->e, WORLD_STREAM);
	uint32_t slot = 0;

	world_map(w, 0, 1, 1);
	world_run_ms(w, 2000);
	while (!(world_mask_to(w, 0) >> slot & 1))
		slot++;
	world_receive(w, 0, WORLD_STREAM, 8 * 10 + slot, 100);
	assert_int_equal(s->slot[slot].pusher, link_idx(&w->e, link_find(&w->e, 0, WORLD_STREAM)));

	world_map(w, 1, 1, 1);
	for (int i = 0; i < 20 && !(world_mask_to(w, 1) >> slot & 1); i++)
		world_run_ms(w, 1000);
	assert_true(world_mask_to(w, 1) >> slot & 1);
	return slot;
}

static void the_newer_fragment_wins_the_slot(void **state)
{
	struct world *w = world_of_links(2, MEMBER);
	uint32_t slot = challenge(w);

	world_receive(w, 1, WORLD_STREAM, 8 * 11 + slot, 100);
	assert_false(world_mask_to(w, 0) >> slot & 1);
	assert_true(world_mask_to(w, 1) >> slot & 1);
	world_destroy(w);
}

static void the_one_in_charge_keeps_it_against_the_same(void **state)
{
	struct world *w = world_of_links(2, MEMBER);
	uint32_t slot = challenge(w);

	world_receive(w, 1, WORLD_STREAM, 8 * 10 + slot, 100); // a duplicate of what 0 pushed
	assert_true(world_mask_to(w, 0) >> slot & 1);
	assert_false(world_mask_to(w, 1) >> slot & 1);
	world_receive(w, 1, WORLD_STREAM, 8 * 12 + slot, 100); // still under way: changes nothing
	assert_true(world_mask_to(w, 0) >> slot & 1);
	world_destroy(w);
}

static void move_away(struct world *w, uint32_t session_idx, uint32_t rtt_ms)
{
	session_at(&w->e, session_idx)->srtt_us = rtt_ms * 1000;
}

// Who was tested before, told to stop and is tested again: what was under way in between says
// nothing about what comes next, and of that some may never have left.
static void what_left_before_the_question_is_no_answer(void **state)
{
	struct world *w = world_of_links(2, MEMBER);
	uint32_t slot = challenge(w);

	move_away(w, 1, 6000);
	world_receive(w, 1, WORLD_STREAM, 8 * 11 + slot, 100);
	world_run_ms(w, 4000);
	world_receive(w, 1, WORLD_STREAM, 8 * 12 + slot, 100);
	assert_true(world_mask_to(w, 0) >> slot & 1);
	assert_true(world_mask_to(w, 1) >> slot & 1); // the question stands
	world_run_ms(w, 2000);
	world_receive(w, 1, WORLD_STREAM, 8 * 13 + slot, 100);
	assert_false(world_mask_to(w, 0) >> slot & 1);
	assert_true(world_mask_to(w, 1) >> slot & 1);
	world_destroy(w);
}

// Nobody is silent before an answer can have come.
static void who_is_far_away_has_the_time_of_a_round_trip(void **state)
{
	struct world *w = world_of_links(1, MEMBER);
	const struct stream *s = stream_at(&w->e, WORLD_STREAM);

	move_away(w, 0, 6000);
	move_away(w, 1, 4000);
	world_link(w, 1, WORLD_STREAM, LINK_IS_SUPER);
	world_map(w, 0, 1, 1);
	world_run_ms(w, 3800);
	assert_int_equal(s->orphans, 0);
	world_run_ms(w, 400);
	assert_int_equal(s->orphans, 0xff);
	assert_int_equal(world_mask_to(w, 0), 0xff); // and whoever is asked then,
	world_run_ms(w, 5000);
	assert_int_equal(world_mask_to(w, 0), 0xff);  // too
	assert_int_equal(n_masks(w), 1 + PUSH_SLOTS); // nobody twice
	world_destroy(w);
}

static void a_pulled_fragment_proves_nothing(void **state)
{
	struct world *w = world_of_links(2, MEMBER);
	uint32_t slot = challenge(w);
	uint64_t no = 8 * 11 + slot;

	world_map(w, 1, 1, no);
	world_run_ms(w, 2700);
	assert_non_null(world_message_to(w, 1, STREAM_PULL));
	world_receive(w, 1, WORLD_STREAM, no, 100);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n.fragments_pulled_from, 1);
	assert_true(world_mask_to(w, 0) >> slot & 1);
	world_destroy(w);
}

static void a_super_peer_is_asked_for_everything_at_once(void **state)
{
	struct world *w = world_of_links(0, MEMBER);

	world_link(w, 0, WORLD_STREAM, LINK_IS_SUPER);
	assert_int_equal(world_mask_to(w, 0), 0xff);
	world_link(w, 1, WORLD_STREAM, LINK_IS_SUPER); // and the second put to the test
	assert_int_equal(world_mask_to(w, 1), 0xff);
	for (uint64_t no = 8; no < 16; no++)
		world_receive(w, 0, WORLD_STREAM, no, 100);
	for (uint64_t no = 8; no < 16;
	     no++) // later by a hair: it loses all slots but those where it leads
		world_receive(w, 1, WORLD_STREAM, no + 8 * (no == 12), 100);
	assert_int_equal(world_mask_to(w, 0), 0xff & ~(1u << 4));
	assert_int_equal(world_mask_to(w, 1), 1u << 4);
	world_destroy(w);
}

static void others_are_tested_beside_a_super_peer(void **state)
{
	struct world *w = world_of_links(1, MEMBER);

	world_link(w, 1, WORLD_STREAM, LINK_IS_SUPER);
	for (uint64_t no = 1; no <= 16; no++)
		world_receive(w, 1, WORLD_STREAM, no, 100);
	world_map(w, 0, 1, 16);
	world_run_ms(w, 2000);
	assert_int_equal(__builtin_popcount(world_mask_to(w, 0)), 1);
	assert_int_equal(world_mask_to(w, 1), 0xff);
	world_destroy(w);
}

static void slots_of_one_who_left_go_to_a_super_peer(void **state)
{
	struct world *w = world_of_links(0, MEMBER);

	world_link(w, 0, WORLD_STREAM, LINK_IS_SUPER);
	for (uint64_t no = 8; no < 16; no++)
		world_receive(w, 0, WORLD_STREAM, no, 100);
	world_link(w, 1, WORLD_STREAM, LINK_IS_SUPER);
	for (uint64_t no = 8; no < 16; no++)
		world_receive(w, 1, WORLD_STREAM, no, 100);
	assert_int_equal(world_mask_to(w, 1), 0);
	world_unlink(w, 0, WORLD_STREAM);
	assert_int_equal(world_mask_to(w, 1), 0xff);
	world_destroy(w);
}

static void a_super_peer_asks_early(void **state)
{
	struct world *w = world_of_links(2, SUPER);

	assert_int_equal(world_mask_to(w, 0), 0xff); // the first it has
	assert_int_equal(world_mask_to(w, 1), 0);
	world_run_ms(w, 500);
	world_map(w, 1, 1, 5); // the first may still push
	assert_int_equal(world_mask_to(w, 1), 0);
	world_run_ms(w, 600);
	world_map(w, 1, 1, 6);
	assert_int_equal(world_mask_to(w, 0), 0);
	assert_int_equal(world_mask_to(w, 1), 0xff);
	for (uint64_t no = 8; no < 16; no++)
		world_receive(w, 1, WORLD_STREAM, no, 100);
	world_run_ms(w, 2000);
	world_map(w, 0, 1, 6);
	assert_int_equal(world_mask_to(w, 1), 0xff);
	world_destroy(w);
}

// Whoever is a little faster today has the slot from us tomorrow, and then nobody has it from the
// source.
static void a_super_peer_stays_with_who_delivers(void **state)
{
	struct world *w = world_of_links(4, SUPER);
	uint64_t no = 1;

	for (int step = 0; step < 100; step++, no += 8) {
		for (uint64_t i = 0; i < 8; i++)
			world_receive(w, 0, WORLD_STREAM, no + i, 100);
		for (uint32_t i = 1; i < 4; i++)
			world_map(w, i, no, no + 7);
		world_run_ms(w, 100);
	}
	assert_int_equal(world_mask_to(w, 0), 0xff);
	assert_int_equal(n_masks(w), 1);
	world_destroy(w);
}

static void and_leaves_who_falls_silent_on_a_slot(void **state)
{
	struct world *w = world_of_links(2, SUPER);
	uint64_t no = 1;

	for (int step = 0; step < 30; step++, no += 8) {
		for (uint64_t i = 0; i < 8; i++)
			if ((no + i) % 8 != 3 || step < 10)
				world_receive(w, 0, WORLD_STREAM, no + i, 100);
		world_map(w, 1, no, no + 7);
		world_run_ms(w, 100);
	}
	assert_int_equal(world_mask_to(w, 0), 0xff & ~(1 << 3));
	assert_int_equal(world_mask_to(w, 1), 1 << 3);
	world_destroy(w);
}

struct unasked {
	const char *what;
	uint8_t stream_flags, link_flags;
};

static void some_are_never_asked(void **state)
{
	static const struct unasked rows[] = {
		{"the source asks nobody", STREAM_PUBLISHER | MEMBER, LINK_IS_SUPER},
		{"nobody asks against his will", MEMBER, LINK_IS_SUPER | LINK_NO_PUSH_IN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_create(NULL);

		world_stream(w, WORLD_STREAM, rows[i].stream_flags);
		world_link(w, 0, WORLD_STREAM, rows[i].link_flags);
		world_map(w, 0, 1, 1);
		world_run_ms(w, 5000);
		assert_row(n_masks(w) == 0, rows[i].what);
		world_destroy(w);
	}
}

static void a_mask_that_found_no_room_is_told_later(void **state)
{
	struct world *w = world_of_links(0, MEMBER);

	w->is_control_full = true;
	world_link(w, 0, WORLD_STREAM, LINK_IS_SUPER);
	assert_int_equal(n_masks(w), 0);
	w->is_control_full = false;
	world_run_ms(w, NUDGE_MS + 200);
	assert_int_equal(world_mask_to(w, 0), 0xff);
	world_destroy(w);
}

// Whoever has no room for us says nothing; a super-peer stays asked.
static void who_is_silent_on_a_slot_is_followed_by_another(void **state)
{
	struct world *w = world_of_links(4, MEMBER);
	uint32_t n_asked = 0;

	world_link(w, 4, WORLD_STREAM, LINK_IS_SUPER);
	for (uint32_t i = 0; i < 4; i++)
		world_map(w, i, 1, 1);
	for (uint64_t no = 1; no <= 64; no++) { // all but slot 3
		if (no % 8 != 3)
			world_receive(w, 4, WORLD_STREAM, no, 100);
		world_run_ms(w, 20);
	}
	for (uint32_t i = 0; i < 4; i++)
		n_asked += world_n_messages_to(w, i, STREAM_PUSH_MASK) > 0;
	assert_in_range(n_asked, 2, 4); // one after the other
	assert_int_equal(world_mask_to(w, 4), 0xff);
	world_receive(w, 2, WORLD_STREAM, 67, 100); // was asked, whenever that was
	world_destroy(w);
}

// A pusher that was found stays, and the super-peer is not asked for that slot any more.
static void who_pushes_a_slot_that_nobody_pushed_keeps_it(void **state)
{
	struct world *w = world_of_links(1, MEMBER);

	world_link(w, 1, WORLD_STREAM, LINK_IS_SUPER);
	world_map(w, 0, 1, 1);
	for (uint64_t no = 1; no <= 64; no++) {
		bool is_asked = world_mask_to(w, 0) >> 3 & 1;

		if (no % 8 != 3)
			world_receive(w, 1, WORLD_STREAM, no, 100);
		else if (is_asked)
			world_receive(w, 0, WORLD_STREAM, no, 100);
		world_run_ms(w, 20);
	}
	assert_int_equal(world_mask_to(w, 0) & 0x08, 0x08);
	assert_int_equal(world_mask_to(w, 1), 0xf7);
	world_destroy(w);
}

// Of a slot that nobody pushes, who shows it is asked before those who do not, the latest map
// first, and who has pushed nothing after the others.
static void who_shows_a_slot_is_asked_for_it(void **state)
{
	struct world *w = world_of_links(4, MEMBER);
	uint32_t asked[8], n_asked = 0;

	world_link(w, 4, WORLD_STREAM, LINK_IS_SUPER);
	world_map(w, 3, 1, 2);                   // slot 3 is beyond it
	for (uint64_t no = 1; no <= 100; no++) { // all but slot 3
		if (no % 8 != 3)
			world_receive(w, 4, WORLD_STREAM, no, 100);
		if (no == 1)
			world_map(w, 1, 1, 12);
		if (no == 2)
			world_map(w, 2, 1, 12);
		if (no == 3)
			world_map(w, 0, 1, 2);
		world_run_ms(w, 20);
	}
	for (uint32_t i = 0; i < w->n_messages; i++) {
		const struct world_message *m = &w->messages[i];

		if (m->octets[0] == STREAM_PUSH_MASK && m->octets[1] & 0x08 && m->session_idx < 4 &&
		    n_asked < 8)
			asked[n_asked++] = m->session_idx;
	}
	assert_in_range(n_asked, 4, 8);
	assert_int_equal(asked[0], 2);
	assert_int_equal(asked[1], 1);
	for (uint32_t i = 2; i < 4; i++) // in vain, but they were not asked yet
		assert_true(asked[i] == 0 || asked[i] == 3);
	world_destroy(w);
}

// A slot that seems refused now and then, as on a lossy path, says nothing about super-peers.
static void chance_does_not_add_up(void **state)
{
	struct world *w = world_of_links(1, MEMBER);
	struct stream *s = stream_at(&w->e, WORLD_STREAM);

	world_link(w, 1, WORLD_STREAM, LINK_IS_SUPER);
	s->n_refused = PUSH_REFUSED_LEAST + 4;
	assert_true(supers_are_short(s));
	world_run_ms(w, 6500);
	assert_false(supers_are_short(s));
	world_run_ms(w, 60000);
	assert_int_equal(s->n_refused, 0);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_slot_every_two_seconds_descending),
		cmocka_unit_test(who_has_shown_nothing_is_not_tested),
		cmocka_unit_test(the_newer_fragment_wins_the_slot),
		cmocka_unit_test(the_one_in_charge_keeps_it_against_the_same),
		cmocka_unit_test(what_left_before_the_question_is_no_answer),
		cmocka_unit_test(who_is_far_away_has_the_time_of_a_round_trip),
		cmocka_unit_test(a_pulled_fragment_proves_nothing),
		cmocka_unit_test(a_super_peer_is_asked_for_everything_at_once),
		cmocka_unit_test(others_are_tested_beside_a_super_peer),
		cmocka_unit_test(slots_of_one_who_left_go_to_a_super_peer),
		cmocka_unit_test(a_super_peer_asks_early),
		cmocka_unit_test(a_super_peer_stays_with_who_delivers),
		cmocka_unit_test(and_leaves_who_falls_silent_on_a_slot),
		cmocka_unit_test(some_are_never_asked),
		cmocka_unit_test(a_mask_that_found_no_room_is_told_later),
		cmocka_unit_test(who_is_silent_on_a_slot_is_followed_by_another),
		cmocka_unit_test(who_pushes_a_slot_that_nobody_pushed_keeps_it),
		cmocka_unit_test(who_shows_a_slot_is_asked_for_it),
		cmocka_unit_test(chance_does_not_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
