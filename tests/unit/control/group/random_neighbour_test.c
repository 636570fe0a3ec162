// The neighbour that a member draws at random (NG-20).
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/internal.h"
#include "control/group/neighbour.h"
#include "tests/unit/control/group/crowd.h"
#include "tests/unit/control/group/rumours.h"

static int begin(void **state)
{
	*state = raw_peer_create(&(struct world_role){.is_super = false});
	raw_befriend(*state);
	return 0;
}

static int end(void **state)
{
	raw_peer_destroy(*state);
	return 0;
}

// NG-20: who was found by chance and is among the six nearest stays when another is drawn.
static void a_random_one_that_is_near_stays(void **state)
{
	struct report r = {.op = REP_SESSION_HEALTH, .health = {50000, false}};
	struct raw_peer *t = *state, peers[CROWD];
	struct group *g = t->node->group;
	int drawn = -1;

	crowd(t, peers);
	for (int i = 0; i < CROWD; i++)
		groups_health(g->groups, &peers[i].e->far->ctl, &r, world_now_us(t->w));
	world_run(t->w, 31 * S);
	for (int tries = 0; tries < 200 && drawn < 0; tries++) {
		for (int i = 0; i < CROWD && g->is_random_alone && g->choose_us > g->random_us; i++)
			if (memcmp(peers[i].raw->id, g->random_id, PEER_ID_LEN) == 0)
				drawn = i;
		if (drawn < 0)
			world_run(t->w, 1 * S);
	}
	assert_true(drawn >= 0);
	r.health.rtt_us = 10000;
	groups_health(g->groups, &peers[drawn].e->far->ctl, &r, world_now_us(t->w));
	while (memcmp(peers[drawn].raw->id, g->random_id, PEER_ID_LEN) == 0)
		world_run(t->w, 100 * MS);
	assert_true(neighbour_find(g, &peers[drawn].e->far->ctl)->is_wanted);
}

// NG-20.
static void one_at_random_is_drawn_anew_every_10_s(void **state)
{
	struct raw_peer *t = *state;
	struct world_node *super =
		world_add(t->w, &(struct world_role){.is_super = true, .is_server = true});
	struct world_node *nodes[40];
	struct group *g;
	uint8_t drawn[PEER_ID_LEN] = {0};
	uint32_t n_drawn = 0, n_linked = 0, n_choices = 0;
	uint64_t chosen_us;

	world_join(super, RAW_SPEC);
	for (int i = 0; i < 40; i++) {
		nodes[i] = raw_member(t);
		world_connect(nodes[i], super);
		world_run(t->w, 100 * MS);
	}
	world_run(t->w, 30 * S);
	g = nodes[7]->group;
	for (int second = 0; second < 100; second++) {
		struct member *who = members_find(&g->members, g->random_id);

		n_drawn += memcmp(drawn, g->random_id, sizeof(drawn)) != 0;
		memcpy(drawn, g->random_id, sizeof(drawn));
		n_linked += who != NULL && who->neighbour != NULL;
		chosen_us = g->chosen_us;
		world_run(t->w, 1 * S);
		n_choices += g->chosen_us != chosen_us;
	}
	assert_in_range(n_drawn, 9, 11);
	assert_true(n_linked >= 90);      // called as soon as it is drawn
	assert_in_range(n_choices, 3, 5); // all others stay
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_random_one_that_is_near_stays),
		T(one_at_random_is_drawn_anew_every_10_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
