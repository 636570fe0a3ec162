// Joining at the introducer, by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/sha.h"
#include "tests/unit/control/group/introducer.h"

static int begin(void **state)
{
	return introducer_begin(state, true);
}

static int begin_strict(void **state)
{
	return introducer_begin(state, false);
}

static void a_text_is_hashed_and_never_adopted(void **state)
{
	struct introducer *t = *state;
	const char text[] = "G:0101050e61000315aabb";
	uint8_t octets[64], id[32];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_join j = {.by = GROUP_JOIN_BY_TEXT,
			       .value = {(const uint8_t *)text, sizeof(text) - 1}};
	struct group_info info[4];
	int flow = raw_open(t->ends[0], "GC", 2, true, 0);

	group_join_write(&w, &j);
	raw_send(t->ends[0], flow, octets, w.len);
	world_run(t->w, 50 * MS);
	sha256(text, sizeof(text) - 1, id);
	assert_int_equal(n_clients(t, id), 1);
	assert_int_equal(groups_info(t->server->groups, info, 4), 2);
	assert_false(info[1].is_member);
	// In a group that is not ours our member is nobody.
	assert_null(world_got(t->clients[0]));
}

static void unlisted_groups_are_refused_unless_allowed(void **state)
{
	struct introducer *t = *state;
	uint8_t id[32] = {5};

	client_join_id(t, 0, id);
	assert_int_equal(n_clients(t, id), 0);
	assert_int_equal(groups_counters(t->server->groups)->joins_refused, 1);
	client_join(t, 0);
	assert_int_equal(n_clients(t, t->spec.id), 1);
}

static void a_session_that_closes_leaves(void **state)
{
	struct introducer *t = *state;

	client_join(t, 0);
	client_join(t, 1);
	world_cut(t->ends[0], CLOSED_BY_US);
	world_run(t->w, 1 * S);
	assert_int_equal(n_clients(t, t->spec.id), 1);
}

static void groups_and_flows_and_joins_are_bounded(void **state)
{
	struct introducer *t = *state;
	struct group_info info[16];
	uint8_t id[32] = {0};

	for (int i = 0; i < 12; i++) {
		id[0] = (uint8_t)i;
		client_join_id(t, i, id);
	}
	assert_int_equal(groups_info(t->server->groups, info, 16),
			 9); // 8 introduced, ours is empty
	assert_int_equal(groups_counters(t->server->groups)->joins_refused, 4);
	for (int i = 0; i < 40; i++)
		raw_open(t->ends[15], "GC", 2, true, 0);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->server->groups)->joins_limited, 8);
}

static void a_client_that_joins_all_the_time_is_slowed_down(void **state)
{
	struct introducer *t = *state;
	uint8_t octets[64];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_join j = {.by = GROUP_JOIN_BY_ID, .value = {t->spec.id, 32}};
	int flow = raw_open(t->ends[0], "GC", 2, true, 0);

	group_join_write(&w, &j);
	for (int i = 0; i < 60; i++)
		raw_send(t->ends[0], flow, octets, w.len);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->server->groups)->joins, 40);
	assert_int_equal(groups_counters(t->server->groups)->joins_limited,
			 1); // and the flow is gone
	assert_int_equal(n_clients(t, t->spec.id), 0);
}

static void nonsense_is_rejected(void **state)
{
	struct introducer *t = *state;
	int flow = raw_open(t->ends[0], "GC", 2, true, 0);

	raw_send(t->ends[0], flow, "\x05zzz", 4); // unknown: ignored
	raw_send(t->ends[0], flow,
		 "\x01\x05\x15"
		 "abcd",
		 7);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->server->groups)->unknown_messages, 1);
	assert_int_equal(groups_counters(t->server->groups)->malformed, 1);
	assert_int_equal(n_clients(t, t->spec.id), 0);
}

static void rejecting_the_answer_is_leaving(void **state)
{
	struct introducer *t = *state;
	uint8_t octets[64];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_join j = {.by = GROUP_JOIN_BY_ID, .value = {t->spec.id, 32}};
	struct got *g;

	client_join(t, 0);
	g = world_got(t->clients[0]);
	ctl_flow_reject(&t->ends[0]->ctl, g->rx_slot, g->flow_id, 0);
	free(g);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_clients(t, t->spec.id), 0);
	group_join_write(&w, &j);
	raw_send(t->ends[0], t->flows[0], octets, w.len); // not by that flow again
	world_run(t->w, 100 * MS);
	assert_int_equal(n_clients(t, t->spec.id), 0);
	client_join(t, 0);
	assert_int_equal(n_clients(t, t->spec.id), 1);
}

#define T(f)      cmocka_unit_test_setup_teardown(f, begin, introducer_end)
#define STRICT(f) cmocka_unit_test_setup_teardown(f, begin_strict, introducer_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_text_is_hashed_and_never_adopted),
		STRICT(unlisted_groups_are_refused_unless_allowed),
		T(a_session_that_closes_leaves),
		T(groups_and_flows_and_joins_are_bounded),
		T(a_client_that_joins_all_the_time_is_slowed_down),
		T(nonsense_is_rejected),
		T(rejecting_the_answer_is_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
