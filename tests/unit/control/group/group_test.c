// Whole groups: many nodes in one world.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/ring_set.h"
#include "tests/unit/control/group/stream_kit.h"
#include "tests/unit/control/group/world.h"

#define SPEC       "G:027f0201010103010c050e7465737400"
#define OTHER_SPEC "G:027f0201010103010c050e7465737500"

static const struct world_role super_role = {.is_super = true, .is_server = true};
static const struct world_role server_role = {.is_server = true, .introduces_unlisted = true};
static const struct world_role member_role = {.is_super = false};

// A super-peer, node 0, and n members connected to it.
static struct world *world_of(uint32_t n, struct world_node **nodes)
{
	struct world *w = world_create(&(struct world_opts){.seed = 7 + n, .latency_us = 10 * MS});

	nodes[0] = world_add(w, &super_role);
	world_join(nodes[0], SPEC);
	for (uint32_t i = 1; i <= n; i++) {
		nodes[i] = world_add(w, &member_role);
		world_join(nodes[i], SPEC);
		world_connect(nodes[i], nodes[0]);
		world_run(w, 20 * MS);
	}
	return w;
}

static struct group_info info_of(const struct world_node *n)
{
	struct group_info i;

	group_info_get(n->group, &i);
	return i;
}

static void groups_up_to_14_are_fully_meshed(void **state)
{
	for (uint32_t n = 1; n <= 13; n += 3) {
		struct world_node *nodes[16];
		struct world *w = world_of(n, nodes);

		world_run(w, 20 * S);
		for (uint32_t i = 0; i <= n; i++)
			if (world_open_neighbours(nodes[i]) != n)
				fail_msg("of %u: node %u has %u neighbours", n + 1, i,
					 world_open_neighbours(nodes[i]));
		assert_int_equal(nodes[1]->n_events[GROUP_NEIGHBOUR_CONNECT], n);
		world_destroy(w);
	}
}

static void one_session_serves_two_peers_whoever_called(void **state)
{
	struct world_node *nodes[16];
	struct world *w = world_of(9, nodes);

	world_run(w, 20 * S);
	for (uint32_t i = 1; i <= 9; i++) {
		uint32_t n = 0;

		for (struct end *e = nodes[i]->ends; e != NULL; e = e->next)
			n += e->ctl.state == CTL_OPEN;
		assert_int_equal(n, 10); // nine neighbours and the NetConnection
	}
	world_destroy(w);
}

static void a_super_peer_only_responds(void **state)
{
	struct world_node *nodes[16];
	struct world *w = world_of(9, nodes);

	world_run(w, 20 * S);
	assert_int_equal(nodes[0]->n_opened, 0);
	assert_int_equal(world_open_neighbours(nodes[0]), 9);
	world_destroy(w);
}

// Every node's next on the ring either way.
static void assert_ring_is_whole(struct world_node **nodes, uint32_t n)
{
	struct ring_set ring = {0};
	struct ring_node places[WORLD_NODES_MAX];

	for (uint32_t i = 0; i < n; i++) {
		places[i].at = u256_of(info_of(nodes[i]).address);
		assert_int_equal(ring_set_insert(&ring, &places[i]), 0);
	}
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 1; k <= 3; k++) {
			size_t next = (size_t)(ring_set_up(&ring, places[i].at, k) - places);

			if (!world_are_neighbours(nodes[i], nodes[next]))
				fail_msg("%u and %zu are %u apart and no neighbours", i, next, k);
		}
	ring_set_clear(&ring);
}

static void in_thirty_the_ring_is_whole_and_everybody_is_known(void **state)
{
	struct world_node *nodes[32];
	struct world *w = world_of(29, nodes);

	world_run(w, 60 * S);
	assert_ring_is_whole(nodes, 30);
	for (uint32_t i = 0; i < 30; i++) {
		struct group_info info = info_of(nodes[i]);

		assert_true(info.n_members_known >= 27);
		assert_true(i == 0 || world_are_neighbours(nodes[i], nodes[0]));
	}
	assert_int_equal(info_of(nodes[0]).n_clients, 29);
	world_destroy(w);
}

static void who_dies_is_missed_and_replaced(void **state)
{
	struct world_node *nodes[32];
	struct world *w = world_of(19, nodes);
	struct world_node *left[32];
	uint32_t n = 0;

	world_run(w, 30 * S);
	for (uint32_t i = 5; i < 10; i++)
		world_die(nodes[i]);
	world_run(w, 30 * S);
	for (uint32_t i = 0; i < 20; i++)
		if (i < 5 || i >= 10)
			left[n++] = nodes[i];
	assert_ring_is_whole(left, n);
	assert_true(nodes[0]->n_events[GROUP_NEIGHBOUR_DISCONNECT] == 5);
	assert_int_equal(info_of(nodes[0]).n_clients, 14);
	world_destroy(w);
}

struct seen {
	struct world_node **nodes;
	uint32_t n, n_links[16]; // events that name a node: come, less gone
	bool is_wrong;           // one that names nobody, or somebody who is no neighbour
};

static void see(struct world_node *n, const struct group_event *e)
{
	struct seen *s = n->ctx;
	uint32_t i = 0;

	if (e->kind != GROUP_NEIGHBOUR_CONNECT && e->kind != GROUP_NEIGHBOUR_DISCONNECT)
		return;
	while (i < s->n && memcmp(s->nodes[i]->id, e->peer, PEER_ID_LEN) != 0)
		i++;
	if (i == s->n || s->n_links[i] != (e->kind == GROUP_NEIGHBOUR_DISCONNECT))
		s->is_wrong = true;
	else
		s->n_links[i] = e->kind == GROUP_NEIGHBOUR_CONNECT;
}

// NG-7: who it is, each once in turn.
static void whoever_comes_and_goes_is_named(void **state)
{
	struct world_node *nodes[16];
	struct world *w = world_of(7, nodes);
	struct seen seen = {.nodes = nodes, .n = 8};

	nodes[0]->on_event = see;
	nodes[0]->ctx = &seen;
	for (uint32_t i = 1; i < 8; i++) // the first of them are there already
		seen.n_links[i] = world_are_neighbours(nodes[0], nodes[i]);
	world_run(w, 20 * S);
	group_leave(nodes[3]->group, world_now_us(w));
	nodes[3]->group = NULL;
	world_die(nodes[5]);
	world_run(w, 30 * S);
	assert_false(seen.is_wrong);
	for (uint32_t i = 1; i < 8; i++)
		assert_int_equal(seen.n_links[i], i != 3 && i != 5);
	world_destroy(w);
}

static void leaving_tells_everybody(void **state)
{
	struct world_node *nodes[16];
	struct world *w = world_of(5, nodes);

	world_run(w, 10 * S);
	group_leave(nodes[3]->group, world_now_us(w));
	world_run(w, 2 * S);
	for (uint32_t i = 0; i <= 5; i++)
		if (i != 3)
			assert_int_equal(world_open_neighbours(nodes[i]), 4);
	assert_int_equal(info_of(nodes[0]).n_clients, 4);
	// Only its NetConnection is left.
	for (struct end *e = nodes[3]->ends; e != NULL; e = e->next)
		assert_true(e->ctl.state != CTL_OPEN || e->ctl.nc != NULL);
	// And it may come back.
	world_join(nodes[3], SPEC);
	world_run(w, 10 * S);
	assert_int_equal(world_open_neighbours(nodes[3]), 5);
	world_destroy(w);
}

static void an_introducer_alone_makes_a_group_of_strangers(void **state)
{
	struct world *w = world_create(&(struct world_opts){.seed = 3, .latency_us = 10 * MS});
	struct world_node *server = world_add(w, &server_role), *nodes[6];

	for (uint32_t i = 0; i < 6; i++) {
		nodes[i] = world_add(w, &member_role);
		world_join(nodes[i], SPEC);
		world_connect(nodes[i], server);
		world_run(w, 100 * MS);
	}
	world_run(w, 10 * S);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(world_open_neighbours(nodes[i]), 5);
	world_destroy(w);
}

static void without_an_introducer_a_bootstrap_peer_will_do(void **state)
{
	struct world *w = world_create(&(struct world_opts){.seed = 4, .latency_us = 10 * MS});
	struct world_node *server = world_add(w, &super_role), *node = world_add(w, &member_role);
	char spec[256] = "G:0101050e746573740021"
			 "0b"; // no server channel
	size_t len = strlen(spec);

	world_join(server, "G:0101050e7465737400");
	for (int i = 0; i < 32; i++)
		sprintf(spec + len + 2 * i, "%02x", server->id[i]);
	world_join(node, spec);
	world_run(w, 5 * S);
	assert_int_equal(world_open_neighbours(node), 0); // who could tell where it is?
	world_connect(node, server);
	world_run(w, 5 * S);
	assert_int_equal(world_open_neighbours(node), 1);
	assert_int_equal(info_of(server).n_clients, 0); // GS-6: not the introducer's business
	world_destroy(w);
}

static void two_groups_share_a_session_and_part_one_by_one(void **state)
{
	struct world_node *nodes[16];
	struct world *w = world_of(2, nodes);
	struct group *others[3];
	struct group_neighbour_info info[4];
	struct end *e;

	world_run(w, 5 * S);
	for (int i = 0; i < 3; i++) {
		struct group *first = nodes[i]->group;

		others[i] = world_join(nodes[i], OTHER_SPEC);
		nodes[i]->group = first;
	}
	world_run(w, 10 * S);
	e = world_end_to(nodes[1], nodes[2], WORLD_MEMBER);
	assert_non_null(e);
	assert_int_equal(group_session_info(&e->ctl, info, 4), 2);
	group_leave(others[1], world_now_us(w));
	world_run(w, 1 * S);
	assert_int_equal(e->ctl.state, CTL_OPEN);
	assert_int_equal(group_session_info(&e->ctl, info, 4), 1);
	assert_memory_equal(info[0].group_id, group_spec(nodes[1]->group)->id, 32);
	group_leave(nodes[1]->group, world_now_us(w));
	assert_int_equal(e->ctl.state, CTL_CLOSING);
	world_destroy(w);
}

static void limits_of_groups_are_kept(void **state)
{
	struct world *w = world_create(&(struct world_opts){.seed = 5, .latency_us = 10 * MS});
	struct world_node *n = world_add(w, &member_role);
	struct groupspec g;
	const char *why;
	uint32_t at;
	int err;

	groupspec_parse(&g, SPEC, &why, &at);
	assert_non_null(group_join(n->groups, &g, NULL, NULL, &err, world_now_us(w)));
	assert_null(group_join(n->groups, &g, NULL, NULL, &err, world_now_us(w)));
	assert_int_equal(err, -EEXIST);
	for (int i = 1; i < 8; i++) {
		g.id[0]++;
		assert_non_null(group_join(n->groups, &g, NULL, NULL, &err, world_now_us(w)));
	}
	g.id[0]++;
	assert_null(group_join(n->groups, &g, NULL, NULL, &err, world_now_us(w)));
	assert_int_equal(err, -ENOBUFS);
	groupspec_parse(&g, "G:027f0301010100", &why, &at);
	assert_null(group_join(n->groups, &g, NULL, NULL, &err, world_now_us(w)));
	assert_int_equal(err, -EOPNOTSUPP);
	groupspec_parse(&g, "G:0101010d00", &why, &at);
	assert_null(group_join(n->groups, &g, NULL, NULL, &err, world_now_us(w)));
	assert_int_equal(err, -EOPNOTSUPP);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_up_to_14_are_fully_meshed),
		cmocka_unit_test(one_session_serves_two_peers_whoever_called),
		cmocka_unit_test(a_super_peer_only_responds),
		cmocka_unit_test(in_thirty_the_ring_is_whole_and_everybody_is_known),
		cmocka_unit_test(who_dies_is_missed_and_replaced),
		cmocka_unit_test(whoever_comes_and_goes_is_named),
		cmocka_unit_test(leaving_tells_everybody),
		cmocka_unit_test(an_introducer_alone_makes_a_group_of_strangers),
		cmocka_unit_test(without_an_introducer_a_bootstrap_peer_will_do),
		cmocka_unit_test(two_groups_share_a_session_and_part_one_by_one),
		cmocka_unit_test(limits_of_groups_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
