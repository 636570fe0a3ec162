// Whom the introducer tells of whom, by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/ring_set.h"
#include "tests/unit/control/group/introducer.h"

static int begin(void **state)
{
	return introducer_begin(state, true);
}

static void a_newcomer_is_told_our_member_first_then_its_ring(void **state)
{
	struct introducer *t = *state;
	uint8_t ids[32][32];

	client_join(t, 0);
	assert_int_equal(client_told(t, 0, ids, 32), 1);
	assert_memory_equal(ids[0], t->server->id, 32);
	for (int i = 1; i < CLIENTS; i++) {
		uint32_t n, others = (uint32_t)i < 6 ? (uint32_t)i : 6;

		client_join(t, i);
		n = client_told(t, i, ids, 32);
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
	struct introducer *t = *state;
	uint8_t ids[32][32];

	for (int i = 0; i < 3; i++)
		client_join(t, i);
	world_run(t->w, 10 * S);
	for (int i = 0; i < 3; i++)
		client_told(t, i, ids, 32);
	client_join(t, 3);
	world_run(t->w, 1900 * MS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(client_told(t, i, ids, 32), 0);
	world_run(t->w, 200 * MS);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(client_told(t, i, ids, 32), 1);
		assert_memory_equal(ids[0], t->clients[3]->id, 32);
	}
}

static void who_left_meanwhile_is_not_told_of(void **state)
{
	struct introducer *t = *state;
	uint8_t ids[32][32];

	client_join(t, 0);
	world_run(t->w, 5 * S);
	client_told(t, 0, ids, 32);
	client_join(t, 1);
	ctl_flow_close(&t->ends[1]->ctl, (uint16_t)t->flows[1]);
	world_run(t->w, 5 * S);
	assert_int_equal(client_told(t, 0, ids, 32), 0);
	assert_int_equal(n_clients(t, t->spec.id), 1);
}

// NG-6.
static void once_a_minute_each_is_told_who_is_next_up(void **state)
{
	struct introducer *t = *state;
	struct ring_set ring = {0};
	struct ring_node places[6];
	uint8_t ids[32][32], address[32];

	for (int i = 0; i < 6; i++) {
		client_join(t, i);
		group_address_of(t->clients[i]->id, address);
		places[i].at = u256_of(address);
		ring_set_insert(&ring, &places[i]);
	}
	world_run(t->w, 10 * S);
	for (int i = 0; i < 6; i++)
		client_told(t, i, ids, 32);
	for (int minute = 0; minute < 3; minute++) {
		world_run(t->w, 60 * S);
		for (int i = 0; i < 6; i++) {
			long next = ring_set_up(&ring, places[i].at, 1) - places;

			assert_int_equal(client_told(t, i, ids, 32), 1);
			assert_memory_equal(ids[0], t->clients[next]->id, 32);
		}
	}
	ring_set_clear(&ring);
}

static void whoever_leaves_is_stood_in_for_at_once(void **state)
{
	struct introducer *t = *state;
	struct ring_set ring = {0};
	struct ring_node places[6];
	uint8_t ids[32][32], address[32];
	long below, above;

	for (int i = 0; i < 6; i++) {
		client_join(t, i);
		group_address_of(t->clients[i]->id, address);
		places[i].at = u256_of(address);
		ring_set_insert(&ring, &places[i]);
	}
	world_run(t->w, 10 * S);
	for (int i = 0; i < 6; i++)
		client_told(t, i, ids, 32);
	below = ring_set_down(&ring, places[0].at, 1) - places;
	above = ring_set_up(&ring, places[0].at, 1) - places;
	ctl_flow_close(&t->ends[0]->ctl, (uint16_t)t->flows[0]);
	world_run(t->w, 100 * MS);
	for (int i = 1; i < 6; i++)
		if (i != below)
			assert_int_equal(client_told(t, i, ids, 32), 0);
	assert_int_equal(client_told(t, (int)below, ids, 32), 1);
	assert_memory_equal(ids[0], t->clients[above]->id, 32);
	ring_set_clear(&ring);
}

static void health(struct introducer *t, int i, enum session_health level)
{
	struct report r = {.op = REP_SESSION_HEALTH, .health.level = level};

	groups_health(t->server->groups, &t->ends[i]->far->ctl, &r, world_now_us(t->w));
	world_run(t->w, 50 * MS);
}

// A client that does not answer may be gone for a minute and a half before its session is.
static void who_is_silent_is_named_to_nobody_meanwhile(void **state)
{
	struct introducer *t = *state;
	uint8_t ids[32][32];
	uint32_t n;

	for (int i = 0; i < 5; i++)
		client_join(t, i);
	world_run(t->w, 10 * S);
	for (int i = 0; i < 5; i++)
		client_told(t, i, ids, 32);
	for (int a = 0; a < 2; a++) { // the next one that answers is told who is next up now
		health(t, a, HEALTH_SILENT);
		n = 0;
		for (int i = a + 1; i < 5; i++)
			for (uint32_t k = client_told(t, i, ids, 32); k-- > 0; n++)
				for (int b = 0; b <= a; b++)
					assert_memory_not_equal(ids[k], t->clients[b]->id, 32);
		assert_int_equal(n, 1);
	}
	health(t, 1, HEALTH_SUSPECT); // it knows
	client_join(t, 5);
	assert_int_equal(client_told(t, 5, ids, 32), 1 + 3);
	for (int a = 0; a < 2; a++)
		for (int k = 0; k < 4; k++)
			assert_memory_not_equal(ids[k], t->clients[a]->id, 32);
	for (int i = 0; i < 2; i++)
		health(t, i, HEALTH_GOOD);
	client_join(t, 6);
	assert_int_equal(client_told(t, 6, ids, 32), 1 + 6);
}

// An outage of all lines at once: nobody is told of anybody, and nobody's turn is long.
static void where_all_are_silent_there_is_nobody_to_tell(void **state)
{
	struct introducer *t = *state;
	uint8_t ids[32][32];

	for (int i = 0; i < CLIENTS; i++)
		client_join(t, i);
	world_run(t->w, 10 * S);
	for (int i = 0; i < CLIENTS; i++)
		health(t, i, HEALTH_SILENT);
	for (int i = 0; i < CLIENTS; i++)
		client_told(t, i, ids, 32);
	world_run(t->w, 60 * S);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(client_told(t, i, ids, 32), 0);
	health(t, 0, HEALTH_GOOD);
	health(t, 1, HEALTH_GOOD);
	world_run(t->w, 60 * S);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(client_told(t, i, ids, 32), 1);
		assert_memory_equal(ids[0], t->clients[1 - i]->id, 32);
	}
}

static void who_is_alone_is_told_nothing(void **state)
{
	struct introducer *t = *state;
	uint8_t ids[32][32];

	client_join(t, 0);
	client_told(t, 0, ids, 32);
	world_run(t->w, 200 * S);
	assert_int_equal(client_told(t, 0, ids, 32), 0);
}

static void joining_again_replaces_the_former_flow(void **state)
{
	struct introducer *t = *state;
	uint8_t ids[32][32];
	int former;

	client_join(t, 0);
	former = t->flows[0];
	client_join(t, 0);
	assert_int_equal(n_clients(t, t->spec.id), 1);
	assert_int_equal(client_told(t, 0, ids, 32), 2); // answered both times
	ctl_flow_close(&t->ends[0]->ctl, (uint16_t)former);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_clients(t, t->spec.id), 1);
	ctl_flow_close(&t->ends[0]->ctl, (uint16_t)t->flows[0]);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_clients(t, t->spec.id), 0);
}

static void groups_vanish_with_their_last_member(void **state)
{
	struct introducer *t = *state;
	struct group_info info[4];
	uint8_t id[32] = {7};

	client_join_id(t, 0, id);
	assert_int_equal(groups_info(t->server->groups, info, 4), 2);
	ctl_flow_close(&t->ends[0]->ctl, (uint16_t)t->flows[0]);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_info(t->server->groups, info, 4), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, introducer_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_newcomer_is_told_our_member_first_then_its_ring),
		T(its_neighbours_are_told_two_seconds_later),
		T(who_left_meanwhile_is_not_told_of),
		T(who_is_silent_is_named_to_nobody_meanwhile),
		T(where_all_are_silent_there_is_nobody_to_tell),
		T(once_a_minute_each_is_told_who_is_next_up),
		T(whoever_leaves_is_stood_in_for_at_once),
		T(who_is_alone_is_told_nothing),
		T(joining_again_replaces_the_former_flow),
		T(groups_vanish_with_their_last_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
