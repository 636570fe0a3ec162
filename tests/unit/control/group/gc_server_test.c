// Joining at the introducer, by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/sha.h"
#include "tests/unit/control/group/world.h"

#define SPEC    "G:027f0201010103010c050e7465737400"
#define CLIENTS 20

struct setup {
	struct world *w;
	struct world_node *server, *clients[CLIENTS];
	struct end *ends[CLIENTS];
	int flows[CLIENTS];
	struct groupspec spec;
};

static int begin_as(void **state, bool introduces_unlisted)
{
	struct setup *t = calloc(1, sizeof(*t));
	const char *why;
	uint32_t at;

	groupspec_parse(&t->spec, SPEC, &why, &at);
	t->w = world_create(&(struct world_opts){.seed = 31, .latency_us = 10 * MS});
	t->server =
		world_add(t->w, &(struct world_role){.is_super = true,
						     .is_server = true,
						     .introduces_unlisted = introduces_unlisted});
	world_join(t->server, SPEC);
	for (int i = 0; i < CLIENTS; i++) {
		t->clients[i] = world_add(t->w, &(struct world_role){.is_raw = true});
		t->ends[i] = world_connect(t->clients[i], t->server);
	}
	*state = t;
	return 0;
}

static int begin(void **state)
{
	return begin_as(state, true);
}

static int begin_strict(void **state)
{
	return begin_as(state, false);
}

static int end(void **state)
{
	struct setup *t = *state;

	world_destroy(t->w);
	free(t);
	return 0;
}

static int join_id(struct setup *t, int i, const uint8_t id[32])
{
	uint8_t octets[64];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_join j = {.by = GROUP_JOIN_BY_ID, .value = {id, 32}};

	t->flows[i] = raw_open(t->ends[i], "GC", 2, true, 0);
	group_join_write(&w, &j);
	raw_send(t->ends[i], t->flows[i], octets, w.len);
	world_run(t->w, 50 * MS);
	return t->flows[i];
}

static void join(struct setup *t, int i)
{
	join_id(t, i, t->spec.id);
}

// The peer IDs a client was told, in order.
static uint32_t told(struct setup *t, int i, uint8_t ids[][32], uint32_t max)
{
	struct got *g;
	uint32_t n = 0;

	while ((g = world_got(t->clients[i])) != NULL) {
		assert_memory_equal(g->meta, "GC", 2);
		assert_int_equal(g->len, 33);
		assert_int_equal(g->octets[0], 0x0b);
		assert_true(n < max);
		memcpy(ids[n++], g->octets + 1, 32);
		free(g);
	}
	return n;
}

static uint32_t n_clients(const struct setup *t, const uint8_t id[32])
{
	struct group_info i[16];
	uint32_t n = groups_info(t->server->groups, i, 16);

	for (uint32_t k = 0; k < n; k++)
		if (memcmp(i[k].id, id, 32) == 0)
			return i[k].n_clients;
	return 0;
}

static void a_newcomer_is_told_our_member_first_then_its_ring(void **state)
{
	struct setup *t = *state;
	uint8_t ids[32][32];

	join(t, 0);
	assert_int_equal(told(t, 0, ids, 32), 1);
	assert_memory_equal(ids[0], t->server->id, 32);
	for (int i = 1; i < CLIENTS; i++) {
		uint32_t n, others = (uint32_t)i < 6 ? (uint32_t)i : 6;

		join(t, i);
		n = told(t, i, ids, 32);
		assert_in_range(n, 1 + others, 1 + others + 2);
		assert_memory_equal(ids[0], t->server->id, 32);
		for (uint32_t a = 0; a < n; a++) {
			assert_memory_not_equal(ids[a], t->clients[i]->id, 32);
			for (uint32_t b = 0; b < a; b++)
				assert_memory_not_equal(ids[a], ids[b], 32);
		}
	}
	assert_int_equal(n_clients(t, t->spec.id), CLIENTS);
}

static void its_neighbours_are_told_two_seconds_later(void **state)
{
	struct setup *t = *state;
	uint8_t ids[32][32];

	for (int i = 0; i < 3; i++)
		join(t, i);
	world_run(t->w, 10 * S);
	for (int i = 0; i < 3; i++)
		told(t, i, ids, 32);
	join(t, 3);
	world_run(t->w, 1900 * MS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(told(t, i, ids, 32), 0);
	world_run(t->w, 200 * MS);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(told(t, i, ids, 32), 1);
		assert_memory_equal(ids[0], t->clients[3]->id, 32);
	}
}

static void who_left_meanwhile_is_not_told_of(void **state)
{
	struct setup *t = *state;
	uint8_t ids[32][32];

	join(t, 0);
	world_run(t->w, 5 * S);
	told(t, 0, ids, 32);
	join(t, 1);
	ctl_flow_close(&t->ends[1]->ctl, (uint16_t)t->flows[1]);
	world_run(t->w, 5 * S);
	assert_int_equal(told(t, 0, ids, 32), 0);
	assert_int_equal(n_clients(t, t->spec.id), 1);
}

static void a_text_is_hashed_and_never_adopted(void **state)
{
	struct setup *t = *state;
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
	struct setup *t = *state;
	uint8_t id[32] = {5};

	join_id(t, 0, id);
	assert_int_equal(n_clients(t, id), 0);
	assert_int_equal(groups_counters(t->server->groups)->joins_refused, 1);
	join(t, 0);
	assert_int_equal(n_clients(t, t->spec.id), 1);
}

static void a_session_that_closes_leaves(void **state)
{
	struct setup *t = *state;

	join(t, 0);
	join(t, 1);
	world_cut(t->ends[0], CLOSED_BY_US);
	world_run(t->w, 1 * S);
	assert_int_equal(n_clients(t, t->spec.id), 1);
}

static void joining_again_replaces_the_former_flow(void **state)
{
	struct setup *t = *state;
	uint8_t ids[32][32];
	int former;

	join(t, 0);
	former = t->flows[0];
	join(t, 0);
	assert_int_equal(n_clients(t, t->spec.id), 1);
	assert_int_equal(told(t, 0, ids, 32), 2); // answered both times
	ctl_flow_close(&t->ends[0]->ctl, (uint16_t)former);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_clients(t, t->spec.id), 1);
	ctl_flow_close(&t->ends[0]->ctl, (uint16_t)t->flows[0]);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_clients(t, t->spec.id), 0);
}

static void groups_vanish_with_their_last_member(void **state)
{
	struct setup *t = *state;
	struct group_info info[4];
	uint8_t id[32] = {7};

	join_id(t, 0, id);
	assert_int_equal(groups_info(t->server->groups, info, 4), 2);
	ctl_flow_close(&t->ends[0]->ctl, (uint16_t)t->flows[0]);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_info(t->server->groups, info, 4), 1);
}

static void groups_and_flows_and_joins_are_bounded(void **state)
{
	struct setup *t = *state;
	struct group_info info[16];
	uint8_t id[32] = {0};

	for (int i = 0; i < 12; i++) {
		id[0] = (uint8_t)i;
		join_id(t, i, id);
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
	struct setup *t = *state;
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
	struct setup *t = *state;
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
	struct setup *t = *state;
	struct got *g;

	join(t, 0);
	g = world_got(t->clients[0]);
	ctl_flow_reject(&t->ends[0]->ctl, g->rx_slot, g->flow_id, 0);
	free(g);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_clients(t, t->spec.id), 0);
}

#define T(f)      cmocka_unit_test_setup_teardown(f, begin, end)
#define STRICT(f) cmocka_unit_test_setup_teardown(f, begin_strict, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_newcomer_is_told_our_member_first_then_its_ring),
		T(its_neighbours_are_told_two_seconds_later),
		T(who_left_meanwhile_is_not_told_of),
		T(a_text_is_hashed_and_never_adopted),
		STRICT(unlisted_groups_are_refused_unless_allowed),
		T(a_session_that_closes_leaves),
		T(joining_again_replaces_the_former_flow),
		T(groups_vanish_with_their_last_member),
		T(groups_and_flows_and_joins_are_bounded),
		T(a_client_that_joins_all_the_time_is_slowed_down),
		T(nonsense_is_rejected),
		T(rejecting_the_answer_is_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
