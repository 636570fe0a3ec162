// Reaching a member: where it is looked for, and when.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/dial.h"
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

static void a_member_of_whom_there_is_gossip_is_called_at_its_address(void **state)
{
	struct raw_peer *t = *state;
	struct world_node *peer = raw_member(t);

	raw_gossip(t, &(struct rumour){peer->id, &peer->addr, 5}, 1);
	world_run(t->w, 2 * S);
	assert_true(world_are_neighbours(t->node, peer));
	assert_int_equal(t->node->n_hellos_direct, 1);
	assert_int_equal(t->node->n_hellos_introduced, 0);
}

static void who_is_not_there_is_asked_for_at_its_introducer_then(void **state)
{
	struct raw_peer *t = *state;
	struct world_node *server =
		world_add(t->w, &(struct world_role){.is_raw = true, .is_server = true});
	struct world_node *peer = raw_member(t);
	struct wire_addr wrong = peer->addr;

	wrong.port++;
	world_connect(t->node, server);
	world_connect(peer, server);
	raw_gossip(t, &(struct rumour){peer->id, &wrong, 5}, 1);
	world_run(t->w, 2 * S);
	assert_false(world_are_neighbours(t->node, peer));
	assert_int_equal(t->node->n_hellos_introduced, 0);
	world_run(t->w, 3 * S);
	assert_true(world_are_neighbours(t->node, peer));
	assert_int_equal(t->node->n_hellos_introduced, 1);
}

static void one_victim_is_tried_once_in_30_s_under_any_name(void **state)
{
	struct raw_peer *t = *state;
	struct rumour rumours[20];
	struct wire_addr victim;

	wire_addr_parse(&victim, "198.51.100.66:53");
	for (int i = 0; i < 20; i++)
		rumours[i] = (struct rumour){NULL, &victim, 5};
	raw_gossip(t, rumours, 20);
	world_run(t->w, 29 * S);
	assert_int_equal(t->node->n_hellos_direct, 1);
}

// A member with an address of its own that never answers.
static struct member *made_up(struct group *g, uint8_t k, enum member_source source)
{
	struct wire_addr at;
	uint8_t id[PEER_ID_LEN] = {k, 0xbb};
	struct member_news news = {.source = source,
				   .heard_us = g->groups->now_us,
				   .now_us = g->groups->now_us,
				   .addrs = &at,
				   .n_addrs = 1};

	wire_addr_parse(&at, "198.51.100.66:1000");
	at.port = (uint16_t)(at.port + k);
	return members_hear(&g->members, id, &news);
}

static void gossip_does_not_hold_all_attempts(void **state)
{
	struct raw_peer *t = *state;
	struct group *g = t->node->group;

	for (uint8_t k = 0; k < DIALS_MAX; k++)
		dial_start(g, made_up(g, k, HEARD_GOSSIP));
	assert_int_equal(g->groups->n.dials, 48);
	assert_in_range(g->groups->n.dials_limited, 1, DIALS_MAX - 48);
	dial_start(g, made_up(g, 100, HEARD_SERVER));
	assert_int_equal(g->groups->n.dials, 49);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_member_of_whom_there_is_gossip_is_called_at_its_address),
		T(who_is_not_there_is_asked_for_at_its_introducer_then),
		T(one_victim_is_tried_once_in_30_s_under_any_name),
		T(gossip_does_not_hold_all_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
