#include "tests/unit/core/relay_world.h"

static struct world *world_of_links(uint32_t n, uint8_t flags)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, 0);
	for (uint32_t i = 0; i < n; i++)
		world_link(w, i, WORLD_STREAM, flags);
	return w;
}

// Pulls of the number, at anybody or at one.
static uint32_t n_pulls(const struct world *w, uint64_t no, uint32_t session_idx)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_messages; i++) {
		const struct world_message *m = &w->messages[i];
		uint64_t asked;

		if (m->octets[0] == STREAM_PULL &&
		    (session_idx == SESSION_NONE || m->session_idx == session_idx)) {
			assert_int_equal(pull_read(&asked, span_of(m->octets, m->len)), 0);
			n += asked == no;
		}
	}
	return n;
}

static uint32_t n_pulls_of_all(const struct world *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_messages; i++)
		n += w->messages[i].octets[0] == STREAM_PULL;
	return n;
}

static void a_hole_is_asked_for_after_the_fetch_period(void **state)
{
	struct world *w = world_of_links(2, 0);

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	world_receive(w, 0, WORLD_STREAM, 3, 100);
	world_run_ms(w, 100);
	world_map(w, 1, 1, 4);
	world_run_ms(w, 2400);
	assert_int_equal(n_pulls_of_all(w), 0); // a push may still be under way
	world_run_ms(w, 200);
	assert_int_equal(n_pulls(w, 2, 1), 1);
	assert_int_equal(n_pulls(w, 4, 1), 1);
	assert_int_equal(n_pulls_of_all(w), 2);
	world_receive(w, 1, WORLD_STREAM, 2, 100);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n.fragments_pulled_from, 1);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n.fragments_pushed_from, 2);
	world_destroy(w);
}

static void what_nobody_shows_is_not_asked_for(void **state)
{
	struct world *w = world_of_links(2, 0);

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	world_receive(w, 0, WORLD_STREAM, 9, 100);
	world_map(w, 1, 5, 9); // 2..4 are missing, too
	world_run_ms(w, 3000);
	for (uint64_t no = 1; no <= 9; no++)
		assert_int_equal(n_pulls(w, no, SESSION_NONE), no >= 5 && no <= 8);
	world_destroy(w);
}

static void holders_are_asked_in_turn(void **state)
{
	struct world *w = world_of_links(4, 0);

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	for (uint32_t i = 1; i < 4; i++)
		world_map(w, i, 1, 10);
	world_run_ms(w, 2600);
	for (uint64_t no = 2; no <= 10; no++)
		assert_int_equal(n_pulls(w, no, 1 + (uint32_t)(no - 2) % 3), 1);
	assert_int_equal(n_pulls_of_all(w), 9);
	world_destroy(w);
}

static void pulls_of_one_who_left_go_to_another_at_once(void **state)
{
	struct world *w = world_of_links(3, 0);

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	for (uint32_t i = 1; i < 3; i++)
		world_map(w, i, 1, 3);
	world_run_ms(w, 2600);
	assert_int_equal(n_pulls(w, 2, 1), 1);
	assert_int_equal(n_pulls(w, 3, 2), 1);
	world_unlink(w, 1, WORLD_STREAM);
	world_run_ms(w, 100);
	assert_int_equal(n_pulls(w, 2, 2), 1);
	assert_int_equal(n_pulls(w, 3, 2), 1); // which was not his
	world_destroy(w);
}

static void who_does_not_answer_is_followed_by_another(void **state)
{
	struct world *w = world_of_links(3, 0);

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	for (uint32_t i = 1; i < 3; i++)
		world_map(w, i, 1, 2);
	world_run_ms(w, 2600);
	assert_int_equal(n_pulls(w, 2, 1), 1);
	world_run_ms(w, 2300);
	assert_int_equal(n_pulls(w, 2, 2), 0);
	world_run_ms(w, 300);
	assert_int_equal(n_pulls(w, 2, 2), 1);
	world_unlink(w, 2, WORLD_STREAM); // gone: the other one, at once
	world_run_ms(w, 100);
	assert_int_equal(n_pulls(w, 2, 1), 2);
	world_destroy(w);
}

// While newer ones are announced all the time, so that there is always something to look at.
static void a_hole_comes_up_again_while_the_stream_goes_on(void **state)
{
	struct world *w = world_of_links(3, 0);

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	for (uint64_t no = 3; no < 80; no++) {
		world_receive(w, 0, WORLD_STREAM, no, 100);
		world_map(w, 1 + no % 2, no < 30 ? 3 : 2, no); // 2 is shown late
		world_run_ms(w, 100);
	}
	assert_int_equal(n_pulls(w, 2, 1), 1);
	assert_int_equal(n_pulls(w, 2, 2), 1); // who comes next, after a fetch period
	assert_int_equal(n_pulls_of_all(w), 2);
	world_destroy(w);
}

// What a super-peer shows a newcomer lies behind him: no push will bring it.
static void the_past_is_asked_of_a_super_peer_at_once(void **state)
{
	struct world *w = world_of_links(1, LINK_IS_SUPER);

	world_receive(w, 0, WORLD_STREAM, 300, 100);
	world_map(w, 0, 1, 299);
	world_run_ms(w, 100);
	assert_int_equal(n_pulls_of_all(w), 256); // a step's worth
	world_run_ms(w, 100);
	assert_int_equal(n_pulls_of_all(w), 299);
	for (uint64_t no = 1; no < 300; no++)
		assert_int_equal(n_pulls(w, no, 0), 1);
	world_map(w, 0, 1, 310); // what came after the first push is being pushed
	world_run_ms(w, 100);
	assert_int_equal(n_pulls_of_all(w), 299);
	world_run_ms(w, 2600);
	assert_int_equal(n_pulls(w, 310, 0), 1);
	world_destroy(w);
}

// As long as nothing was pushed, that is so of what its second map shows, too.
static void nothing_pushed_is_all_past(void **state)
{
	struct world *w = world_of_links(1, LINK_IS_SUPER);

	world_map(w, 0, 1, 299);
	world_run_ms(w, 100);
	assert_int_equal(n_pulls(w, 299, 0), 1);
	world_receive(w, 0, WORLD_STREAM, 299, 100); // the answer
	world_map(w, 0, 1, 310);
	world_map(w, 0, 1, 320); // the third: it is being pushed by now
	world_run_ms(w, 200);
	assert_int_equal(n_pulls(w, 1, 0), 1);
	assert_int_equal(n_pulls(w, 310, 0), 1);
	assert_int_equal(n_pulls(w, 311, 0), 0);
	world_run_ms(w, 2600);
	assert_int_equal(n_pulls(w, 311, 0), 1);
	world_destroy(w);
}

// The first fragments of a stream come to a super-peer late itself, and no push will bring what is
// older than the first that was pushed.
static void a_past_that_shows_late_is_asked_for_at_once(void **state)
{
	struct world *w = world_of_links(2, 0);

	world_link(w, 2, WORLD_STREAM, LINK_IS_SUPER);
	world_receive(w, 2, WORLD_STREAM, 4, 100);
	for (uint64_t last = 5; last < 10; last++)
		world_map(w, 2, 4, last);
	world_map(w, 0, 1, 10);
	world_run_ms(w, 300);
	assert_int_equal(n_pulls_of_all(w), 0);
	world_map(w, 2, 2, 10);
	world_run_ms(w, 200);
	assert_int_equal(n_pulls_of_all(w), 2);
	assert_int_equal(n_pulls(w, 2, 2), 1);
	assert_int_equal(n_pulls(w, 3, 2), 1);
	world_destroy(w);
}

static void without_anything_the_two_newest_come_first(void **state)
{
	struct world *w = world_of_links(3, 0);

	for (uint32_t i = 0; i < 3; i++)
		world_map(w, i, 1, 1000);
	world_run_ms(w, 2700);
	assert_int_equal(n_pulls(w, 1000, SESSION_NONE), 1);
	assert_int_equal(n_pulls(w, 999, SESSION_NONE), 1);
	assert_int_equal(n_pulls_of_all(w), 2);
	world_receive(w, 0, WORLD_STREAM, 1000, 100);
	world_run_ms(w, 100);
	assert_true(n_pulls_of_all(w) > 100); // the rest follows
	world_destroy(w);
}

static void nobody_is_asked_for_ever(void **state)
{
	struct world *w = world_of_links(1, 0);
	uint32_t before;

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	for (int i = 0; i < 100; i++) { // shows 2, never sends it
		world_map(w, 0, 1, 2);
		world_run_ms(w, 1000);
	}
	before = n_pulls(w, 2, 0);
	assert_in_range(before, 2, 10);
	world_map(w, 0, 1, 3); // something new: he is worth another try
	world_run_ms(w, 5000);
	assert_true(n_pulls(w, 3, 0) > 0);
	world_destroy(w);
}

static void without_maps_there_are_no_pulls(void **state)
{
	struct world *w = world_of_links(1, 0);
	uint32_t before;

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	world_map(w, 0, 1, 2);
	world_run_ms(w, 10500);
	before = n_pulls_of_all(w);
	assert_in_range(before, 1, 4);
	world_run_ms(w, 60000);
	assert_int_equal(n_pulls_of_all(w), before);
	world_destroy(w);
}

static void the_end_number_is_asked_for_once_at_most(void **state)
{
	struct world *w = world_of_links(2, 0);

	world_receive(w, 0, WORLD_STREAM, 1, 100);
	world_map(w, 1, 1, 5);
	stream_at(&w->e, WORLD_STREAM)->end = 3;
	world_run_ms(w, 9000);
	assert_true(n_pulls(w, 2, SESSION_NONE) > 1);
	assert_int_equal(n_pulls(w, 3, SESSION_NONE), 1);
	assert_int_equal(n_pulls(w, 4, SESSION_NONE), 0);
	world_destroy(w);
}

static void the_source_pulls_nothing(void **state)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, STREAM_PUBLISHER);
	world_link(w, 0, WORLD_STREAM, 0);
	world_publish(w, WORLD_STREAM, 1, 100);
	world_map(w, 0, 1, 50);
	world_run_ms(w, 5000);
	assert_int_equal(n_pulls_of_all(w), 0);
	world_destroy(w);
}

static void a_full_queue_is_gone_on_with_later(void **state)
{
	struct world *w = world_of_links(1, LINK_IS_SUPER);

	world_receive(w, 0, WORLD_STREAM, 50, 100);
	world_map(w, 0, 1, 49);
	w->is_control_full = true;
	world_run_ms(w, 300);
	w->is_control_full = false;
	world_run_ms(w, 200);
	for (uint64_t no = 1; no < 50; no++)
		assert_int_equal(n_pulls(w, no, 0), 1);
	world_destroy(w);
}

// Pulls under way are bounded; the lowest numbers, needed soonest, go before higher ones.
static void what_is_under_way_is_bounded(void **state)
{
	struct world *w = world_of_links(1, LINK_IS_SUPER);
	struct stream *s = stream_at(&w->e, WORLD_STREAM);

	world_receive(w, 0, WORLD_STREAM, 5000, 100);
	world_map(w, 0, 1, 4999);
	world_run_ms(w, 2300);
	assert_int_equal(s->n_asked, ASKED_MAX);
	assert_int_equal(n_pulls(w, ASKED_MAX, 0), 1);
	assert_int_equal(n_pulls(w, ASKED_MAX + 1, 0), 0);
	world_receive(w, 0, WORLD_STREAM, 1, 100); // makes place for the one that shares its slot
	world_run_ms(w, 200);
	assert_int_equal(n_pulls(w, ASKED_MAX + 1, 0), 1);
	assert_int_equal(s->n_asked, ASKED_MAX);
	world_destroy(w);
}

// A member announces numbers that do not exist; what others truly have is fetched all the same.
static void a_liar_spoils_only_what_is_asked_of_him(void **state)
{
	struct world *w = world_of_links(3, 0);

	world_receive(w, 0, WORLD_STREAM, 100, 100);
	world_map(w, 1, 100, 30000);
	world_run_ms(w, 4000);
	world_map(w, 1, 100, 30001);
	world_map(w, 2, 100, 110);
	for (int i = 0; i < 5; i++) {
		world_run_ms(w, 1000);
		world_map(w, 1, 100, 30002 + (uint64_t)i);
	}
	for (uint64_t no = 101; no <= 110; no++)
		assert_true(n_pulls(w, no, 2) > 0);
	world_destroy(w);
}

// However much he announces, and however far ahead: what is needed first is asked for first.
static void a_liar_delays_no_pull(void **state)
{
	struct world *w = world_of_links(3, 0);
	uint64_t last = 500000;

	world_receive(w, 0, WORLD_STREAM, 100, 100);
	for (int i = 0; i < 4; i++) {
		world_map(w, 1, last - 30000, last + (uint64_t)i);
		world_run_ms(w, 1000);
	}
	world_receive(w, 0, WORLD_STREAM, 102, 100);
	world_map(w, 2, 100, 102); // 101 got lost
	for (int i = 0; i < 3; i++) {
		world_map(w, 1, last - 30000, last + 4 + (uint64_t)i);
		world_run_ms(w, 900);
	}
	assert_int_equal(n_pulls(w, 101, 2), 1);
	assert_true(n_pulls_of_all(w) > 1000); // so much he is asked for meanwhile
	world_destroy(w);
}

// No slot has a pusher.
static void nobody_pushes(struct world *w)
{
	struct stream *s = stream_at(&w->e, WORLD_STREAM);

	s->flags |= STREAM_HOME;
	for (int slot = 0; slot < PUSH_SLOTS; slot++)
		s->slot[slot].pusher = LINK_NONE;
}

// Super-peers have bytes for whom nobody else serves.
static void a_super_peer_is_asked_last(void **state)
{
	struct world *w = world_of_links(3, 0);

	world_link(w, 3, WORLD_STREAM, LINK_IS_SUPER);
	for (uint64_t no = 1; no <= 40; no++) // and a hole at 20
		if (no != 20)
			world_receive(w, no < 20 ? 3 : 2, WORLD_STREAM, no, 100);
	nobody_pushes(w);
	for (uint64_t last = 8; last <= 10; last++) // the third is no past any more
		world_map(w, 3, 1, last == 10 ? 40 : last);
	for (uint32_t i = 0; i < 3; i++)
		world_map(w, i, 1, 40);
	world_run_ms(w, 2400); // its slot is nobody's, so it is asked for at once
	assert_int_equal(n_pulls(w, 20, SESSION_NONE), 1);
	assert_int_equal(n_pulls(w, 20, 3), 0);
	world_run_ms(w, 3000); // nobody answers
	assert_true(n_pulls(w, 20, 3) >= 1);
	world_destroy(w);
}

// Where it refuses slots, holes of those that come wait for it, too, but for one fetch period only:
// who shows one may have no room, and its time runs out.
static void a_super_peer_short_of_bytes_is_asked_second(void **state)
{
	static const struct {
		const char *what;
		uint32_t n_refused, n_super; // so many of the first pulls may go there
	} rows[] = {{"short", PUSH_REFUSED_MAX, 0}, {"not short", 0, 1}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_of_links(2, 0);

		world_link(w, 2, WORLD_STREAM, LINK_IS_SUPER);
		for (uint64_t no = 1; no <= 40; no++)
			if (no != 20)
				world_receive(w, 2, WORLD_STREAM, no, 100);
		for (uint64_t last = 8; last <= 10; last++)
			world_map(w, 2, 1, last == 10 ? 40 : last);
		world_map(w, 0, 1, 40);
		world_map(w, 1, 1, 40);
		stream_at(&w->e, WORLD_STREAM)->pull_order = 1; // its turn would be next
		stream_at(&w->e, WORLD_STREAM)->n_refused = rows[i].n_refused;
		world_run_ms(w, 2800);
		assert_row(n_pulls(w, 20, SESSION_NONE) == 1, rows[i].what);
		assert_row(n_pulls(w, 20, 2) == rows[i].n_super, rows[i].what);
		world_run_ms(w, 2500); // nobody answers
		assert_row(n_pulls(w, 20, SESSION_NONE) == 2, rows[i].what);
		assert_row(n_pulls(w, 20, 2) == 1, rows[i].what);
		world_destroy(w);
	}
}

// Also where it refuses nobody a slot: of two members in a row neither may have room to answer, and
// a third time is too late. But one that does not answer itself is not asked for ever.
static void after_a_member_in_vain_comes_a_super_peer(void **state)
{
	struct world *w = world_of_links(3, 0);
	struct stream *s = stream_at(&w->e, WORLD_STREAM);

	world_link(w, 3, WORLD_STREAM, LINK_IS_SUPER);
	for (uint64_t no = 1; no <= 40; no++)
		if (no != 20)
			world_receive(w, 3, WORLD_STREAM, no, 100);
	for (uint32_t i = 0; i < 4; i++)
		world_map(w, i, 1, 40);
	s->pull_order = link_find(&w->e, 3, WORLD_STREAM)->ring_order;
	for (uint32_t n = 1; n <= 3; n++) { // its turn in the ring is the fourth
		world_run_ms(w, n == 1 ? 2800 : 2500);
		assert_int_equal(n_pulls(w, 20, SESSION_NONE), n);
		assert_int_equal(n_pulls(w, 20, 3), n / 2);
	}
	world_destroy(w);
}

// Who does not answer is asked for less at a time, and who does for more.
static void who_answers_is_asked_for_more(void **state)
{
	struct world *w = world_of_links(2, 0);
	struct link *l;

	world_link(w, 2, WORLD_STREAM, LINK_IS_SUPER);
	nobody_pushes(w);
	world_receive(w, 2, WORLD_STREAM, 1, 100);
	world_receive(w, 2, WORLD_STREAM, 100, 100);
	world_map(w, 0, 1, 99);
	world_run_ms(w, 500); // no slot is pushed
	l = link_find(&w->e, 0, WORLD_STREAM);
	assert_int_equal(n_pulls_of_all(w), PULLS_MAY_FIRST);
	assert_int_equal(l->n_pulls_open, PULLS_MAY_FIRST);
	for (uint64_t no = 2; no < 100; no++)
		if (n_pulls(w, no, 0) > 0)
			world_receive(w, 0, WORLD_STREAM, no, 100);
	assert_int_equal(l->n_pulls_open, 0);
	assert_int_equal(l->pulls_may, PULLS_MAY_FIRST + 1);
	world_run_ms(w, 200);
	assert_int_equal(n_pulls_of_all(w), PULLS_MAY_FIRST + PULLS_MAY_FIRST + 1);
	world_map(w, 1, 1, 98); // somebody else to ask when time is over
	world_run_ms(w, 2800);
	assert_true(l->pulls_may < PULLS_MAY_FIRST);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hole_is_asked_for_after_the_fetch_period),
		cmocka_unit_test(what_nobody_shows_is_not_asked_for),
		cmocka_unit_test(holders_are_asked_in_turn),
		cmocka_unit_test(pulls_of_one_who_left_go_to_another_at_once),
		cmocka_unit_test(who_does_not_answer_is_followed_by_another),
		cmocka_unit_test(a_hole_comes_up_again_while_the_stream_goes_on),
		cmocka_unit_test(the_past_is_asked_of_a_super_peer_at_once),
		cmocka_unit_test(nothing_pushed_is_all_past),
		cmocka_unit_test(a_past_that_shows_late_is_asked_for_at_once),
		cmocka_unit_test(without_anything_the_two_newest_come_first),
		cmocka_unit_test(nobody_is_asked_for_ever),
		cmocka_unit_test(without_maps_there_are_no_pulls),
		cmocka_unit_test(the_end_number_is_asked_for_once_at_most),
		cmocka_unit_test(the_source_pulls_nothing),
		cmocka_unit_test(a_full_queue_is_gone_on_with_later),
		cmocka_unit_test(what_is_under_way_is_bounded),
		cmocka_unit_test(a_liar_spoils_only_what_is_asked_of_him),
		cmocka_unit_test(a_liar_delays_no_pull),
		cmocka_unit_test(a_super_peer_is_asked_last),
		cmocka_unit_test(a_super_peer_short_of_bytes_is_asked_second),
		cmocka_unit_test(after_a_member_in_vain_comes_a_super_peer),
		cmocka_unit_test(who_answers_is_asked_for_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
