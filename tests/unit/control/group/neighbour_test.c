// Relations and their ends, with a far end that is driven by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/internal.h"
#include "tests/unit/control/group/raw_peer.h"

static int begin(void **state)
{
	*state = raw_peer_create(&(struct world_role){.is_super = false});
	return 0;
}

// Without a session: the node will call.
static int begin_alone(void **state)
{
	struct raw_peer *t;

	begin(state);
	t = *state;
	world_cut(t->e, CLOSED_BY_US);
	world_run(t->w, 100 * MS);
	return 0;
}

static int end(void **state)
{
	raw_peer_destroy(*state);
	return 0;
}

// Makes our member call the raw node: an introducer, raw as well, names it.
static void call_raw(struct raw_peer *t)
{
	struct world_node *server =
		world_add(t->w, &(struct world_role){.is_raw = true, .is_server = true});
	struct end *conn = world_connect(t->node, server);
	uint8_t message[64];
	struct wr w = wr_over(message, sizeof(message));
	struct got *join;
	int reply;

	world_session(t->raw, WORLD_MEMBER, server, WORLD_SERVER);
	world_run(t->w, 50 * MS);
	join = world_got(server);
	assert_non_null(join);
	group_member_write(&w, t->raw->id);
	reply = raw_open(conn->far, "GC", 2, true, join->flow_id);
	raw_send(conn->far, reply, message, w.len);
	free(join);
	world_run(t->w, 200 * MS);
	t->e = world_end_to(t->raw, t->node, WORLD_MEMBER);
	assert_non_null(t->e);
}

static struct got *next(struct raw_peer *t)
{
	struct got *g = world_got(t->raw);

	assert_non_null(g);
	return g;
}

static void expect_nothing(struct raw_peer *t)
{
	assert_null(world_got(t->raw));
}

static void a_session_without_any_flow_is_closed_after_30_s(void **state)
{
	struct raw_peer *t = *state;

	world_run(t->w, 29 * S);
	assert_int_equal(t->e->far->ctl.state, CTL_OPEN);
	world_run(t->w, 3 * S);
	assert_int_not_equal(t->e->far->ctl.state, CTL_OPEN);
}

// netgroup-semantics 9: they need neither a group nor a NetConnection.
static void a_session_with_direct_streams_stays(void **state)
{
	struct raw_peer *t = *state;
	struct ctl_session *s = &t->e->far->ctl;

	s->streams = (struct net_stream *)t; // some
	world_run(t->w, 60 * S);
	assert_int_equal(s->state, CTL_OPEN);
	s->streams = NULL;
	world_run(t->w, 32 * S); // nobody says so: it is seen in the next round
	assert_int_not_equal(s->state, CTL_OPEN);
}

// Who has a direct stream may prove nothing as often as he likes.
static void a_session_is_looked_at_once_however_often_it_fails(void **state)
{
	struct raw_peer *t = *state;
	struct ctl_session *s = &t->e->far->ctl;

	s->streams = (struct net_stream *)t; // some
	for (int i = 0; i < 20; i++) {
		t->main = raw_open(t->e, RAW_MAIN, 3, false, 0);
		raw_send(t->e, t->main, "\x02", 1);
		world_run(t->w, 3 * S);
		assert_in_range(t->node->groups->idle.n, 0, 1);
	}
	assert_int_equal(s->state, CTL_OPEN);
	s->streams = NULL;
	world_run(t->w, 32 * S);
	assert_int_not_equal(s->state, CTL_OPEN);
	assert_int_equal(t->node->groups->idle.n, 0);
}

// The same when the relation ended first.
static void a_former_neighbours_session_is_closed_after_its_last_direct_stream(void **state)
{
	struct raw_peer *t = *state;
	struct ctl_session *s = &t->e->far->ctl;

	raw_greet(t);
	s->streams = (struct net_stream *)t; // some
	ctl_flow_close(&t->e->ctl, (uint16_t)t->main);
	world_run(t->w, 60 * S);
	assert_int_equal(world_open_neighbours(t->node), 0);
	assert_int_equal(s->state, CTL_OPEN);
	s->streams = NULL;
	world_run(t->w, 32 * S);
	assert_int_not_equal(s->state, CTL_OPEN);
}

static void closing_the_main_flow_ends_the_relation(void **state)
{
	struct raw_peer *t = *state;

	raw_greet(t);
	ctl_flow_close(&t->e->ctl, (uint16_t)t->main);
	world_run(t->w, 1 * S);
	assert_int_equal(world_open_neighbours(t->node), 0);
	assert_int_equal(t->node->n_events[GROUP_NEIGHBOUR_DISCONNECT], 1);
	assert_int_not_equal(t->e->far->ctl.state, CTL_OPEN);
}

static void rejecting_our_main_flow_ends_the_relation(void **state)
{
	struct raw_peer *t = *state;
	struct got *g;

	raw_greet(t);
	g = next(t);
	ctl_flow_reject(&t->e->ctl, g->rx_slot, g->flow_id, 0);
	free(g);
	world_run(t->w, 1 * S);
	assert_int_equal(world_open_neighbours(t->node), 0);
}

static void a_full_house_refuses_the_next(void **state)
{
	struct raw_peer *t = *state;
	struct world_node *node = world_add(t->w, &(struct world_role){.neighbours_max = 1});
	struct world_node *second = world_add(t->w, &(struct world_role){.is_raw = true});

	world_join(node, RAW_SPEC);
	t->node = node;
	t->e = world_session(t->raw, WORLD_MEMBER, node, WORLD_MEMBER);
	raw_greet(t);
	assert_int_equal(world_open_neighbours(node), 1);
	t->raw = second;
	t->e = world_session(second, WORLD_MEMBER, node, WORLD_MEMBER);
	raw_greet(t);
	expect_nothing(t);
	assert_int_equal(world_open_neighbours(node), 1);
	assert_int_equal(groups_counters(node->groups)->neighbours_refused, 1);
}

static void asking_to_leave_is_granted_only_if_there_are_enough_others(void **state)
{
	struct raw_peer *t = *state;

	raw_greet(t);
	raw_send(t->e, t->main, "\x0c", 1);
	world_run(t->w, 1 * S);
	assert_int_equal(world_open_neighbours(t->node), 1);
}

static void two_sessions_to_the_same_peer_leave_the_first_to_complete(void **state)
{
	struct raw_peer *t = *state;
	struct end *first = t->e;

	raw_greet(t);
	t->e = world_session(t->raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
	raw_greet(t);
	assert_int_equal(world_open_neighbours(t->node), 1);
	assert_int_equal(first->ctl.state, CTL_OPEN);
	assert_int_not_equal(t->e->ctl.state, CTL_OPEN);
	assert_int_equal(groups_counters(t->node->groups)->sessions_double, 1);
}

static void who_comes_again_later_has_forgotten_the_first(void **state)
{
	struct raw_peer *t = *state;
	struct end *first = t->e;

	raw_greet(t);
	world_run(t->w, 10 * S);
	t->e = world_session(t->raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
	raw_greet(t);
	assert_int_equal(world_open_neighbours(t->node), 1);
	assert_int_not_equal(first->ctl.state, CTL_OPEN);
	assert_int_equal(t->e->ctl.state, CTL_OPEN);
	assert_int_equal(t->node->n_events[GROUP_NEIGHBOUR_CONNECT], 2);
	assert_int_equal(t->node->n_events[GROUP_NEIGHBOUR_DISCONNECT], 1);
}

// Our member calls: its main flow is known to the far end before the far end's proof is to us.
static void a_stream_flow_that_overtakes_the_proof_waits(void **state)
{
	struct raw_peer *t = *state;
	struct stream_info info = {.name = {(const uint8_t *)"live", 4},
				   .window_ms = 8000,
				   .update_ms = 100,
				   .fetch_ms = 2500,
				   .has_flag_02 = true};
	uint8_t message[256], octets[512];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_stream_info streams[2];
	struct group_connect c;
	struct got *g;
	int control, main;

	call_raw(t);
	g = next(t); // our member's proof
	assert_int_equal(g->len, 137);
	stream_info_write(&w, &info);
	control = raw_open(t->e, RAW_CONTROL, 3, true, g->flow_id);
	raw_send(t->e, control, octets, w.len);
	world_run(t->w, 100 * MS);
	assert_int_equal(group_streams_info(t->node->groups, t->spec.id, streams, 2), 0);
	main = raw_open(t->e, RAW_MAIN, 3, false, 0);
	raw_send(t->e, main, message, raw_connect_message(t, message, &c));
	world_run(t->w, 100 * MS);
	assert_int_equal(group_streams_info(t->node->groups, t->spec.id, streams, 2), 1);
	assert_string_equal(streams[0].name, "live");
	free(g);
}

static void a_call_that_nobody_answers_is_given_up(void **state)
{
	struct raw_peer *t = *state;
	struct got *g;

	call_raw(t);
	while ((g = world_got(t->raw)) != NULL)
		free(g);
	world_run(t->w, 25 * S);
	assert_int_not_equal(t->e->far->ctl.state, CTL_OPEN);
	assert_int_equal(t->node->n_events[GROUP_NEIGHBOUR_DISCONNECT], 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
#define C(f) cmocka_unit_test_setup_teardown(f, begin_alone, end) // the node calls

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_session_without_any_flow_is_closed_after_30_s),
		T(a_session_with_direct_streams_stays),
		T(a_session_is_looked_at_once_however_often_it_fails),
		T(a_former_neighbours_session_is_closed_after_its_last_direct_stream),
		T(closing_the_main_flow_ends_the_relation),
		T(rejecting_our_main_flow_ends_the_relation),
		T(a_full_house_refuses_the_next),
		T(asking_to_leave_is_granted_only_if_there_are_enough_others),
		T(two_sessions_to_the_same_peer_leave_the_first_to_complete),
		T(who_comes_again_later_has_forgotten_the_first),
		C(a_stream_flow_that_overtakes_the_proof_waits),
		C(a_call_that_nobody_answers_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
