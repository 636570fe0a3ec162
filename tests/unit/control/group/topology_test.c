// Calling members: whom, when, how often. Gossip comes from a raw neighbour.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/internal.h"
#include "control/group/wanted.h"
#include "tests/unit/control/group/crowd.h"
#include "tests/unit/control/group/rumours.h"

static int begin_as(void **state, bool is_super)
{
	*state = raw_peer_create(&(struct world_role){.is_super = is_super});
	raw_befriend(*state);
	return 0;
}

static int begin(void **state)
{
	return begin_as(state, false);
}

static int begin_super(void **state)
{
	return begin_as(state, true);
}

static int end(void **state)
{
	raw_peer_destroy(*state);
	return 0;
}

static void a_super_peer_calls_nobody(void **state)
{
	struct raw_peer *t = *state;
	struct world_node *peer = raw_member(t);

	raw_gossip(t, &(struct rumour){peer->id, &peer->addr, 5}, 1);
	world_run(t->w, 30 * S);
	assert_int_equal(groups_counters(t->node->groups)->dials, 0);
	assert_false(world_are_neighbours(t->node, peer));
}

// groups.md 10.5: five a second, and each address once in 30 s.
static void gossip_does_not_make_us_call_the_world(void **state)
{
	struct raw_peer *t = *state;
	struct rumour rumours[40];
	struct wire_addr addrs[40];

	for (int i = 0; i < 40; i++) {
		wire_addr_parse(&addrs[i], "198.51.100.1:1936");
		addrs[i].ip[3] = (uint8_t)i;
		rumours[i] = (struct rumour){NULL, &addrs[i], 5};
	}
	raw_gossip(t, rumours, 40);
	world_run(t->w, 1 * S);
	assert_in_range(groups_counters(t->node->groups)->dials, 1, 25);
	world_run(t->w, 30 * S);
	assert_in_range(t->node->n_hellos_direct, 1, 60); // of 40 addresses, two rounds at most
}

static void who_does_not_answer_is_tried_less_and_less_and_given_up(void **state)
{
	struct raw_peer *t = *state;
	struct wire_addr nowhere;
	struct group_info info;
	uint64_t before;

	wire_addr_parse(&nowhere, "198.51.100.1:1936");
	raw_gossip(t, &(struct rumour){NULL, &nowhere, 0}, 1);
	world_run(t->w, 12 * S);
	before = groups_counters(t->node->groups)->dials;
	assert_in_range(before, 1, 2);
	world_run(t->w, 320 * S); // nobody else has heard of it either
	assert_in_range(groups_counters(t->node->groups)->dials_failed, 4, 12);
	group_info_get(t->node->group, &info);
	assert_int_equal(info.n_members_known, 1);
}

static struct u256 place_of(const uint8_t *id)
{
	uint8_t address[32];

	group_address_of(id, address);
	return u256_of(address);
}

// NG-21: gossip remembers many who are gone; the ring does not wait for them one after the other.
static void on_the_ring_the_next_one_stands_in_after_a_second(void **state)
{
	enum { N = 180, REAL_EVERY = 12, A_REPORT = 60 };
	struct raw_peer *t = *state;
	struct rumour rumours[N];
	static uint8_t ids[N][PEER_ID_LEN];
	struct wire_addr nowhere[N];
	struct world_node *up = NULL, *down = NULL;
	struct u256 here = t->node->group->address;

	for (int i = 0; i < N; i++) {
		struct world_node *peer;

		ids[i][0] = (uint8_t)i;
		wire_addr_parse(&nowhere[i], "198.51.100.1:1936");
		nowhere[i].ip[3] = (uint8_t)i;
		rumours[i] = (struct rumour){ids[i], &nowhere[i], 5};
		if (i % REAL_EVERY != 0)
			continue;
		peer = world_add(t->w, &(struct world_role){.is_raw = true}); // and tells nobody
		rumours[i] = (struct rumour){peer->id, &peer->addr, 5};
		if (up == NULL || u256_cmp(ring_up(here, place_of(peer->id)),
					   ring_up(here, place_of(up->id))) < 0)
			up = peer;
		if (down == NULL || u256_cmp(ring_up(place_of(peer->id), here),
					     ring_up(place_of(down->id), here)) < 0)
			down = peer;
	}
	for (int i = 0; i < N; i += A_REPORT)
		raw_gossip(t, rumours + i, A_REPORT);
	world_run(t->w, 12 * S);
	assert_non_null(world_end_to(t->node, up, WORLD_MEMBER));
	assert_non_null(world_end_to(t->node, down, WORLD_MEMBER));
}

// NG-21: they are called five a second, and who was told of just now does not wait for them.
static void whoever_was_told_of_just_now_is_called_first(void **state)
{
	enum { N = 180, A_REPORT = 60, BEFORE = 12 };
	struct raw_peer *t = *state;
	struct rumour rumours[N];
	static uint8_t ids[N][PEER_ID_LEN];
	struct wire_addr nowhere[N];
	struct world_node *peer;
	struct u256 here = t->node->group->address;
	uint32_t n_before = 0;

	for (int i = 0; i < N; i++) {
		ids[i][0] = (uint8_t)i;
		wire_addr_parse(&nowhere[i], "198.51.100.1:1936");
		nowhere[i].ip[3] = (uint8_t)i;
		rumours[i] = (struct rumour){ids[i], &nowhere[i], 30};
	}
	for (int i = 0; i < N; i += A_REPORT)
		raw_gossip(t, rumours + i, A_REPORT);
	do { // a dozen of them, and no more, stand between
		peer = world_add(t->w, &(struct world_role){.is_raw = true});
		n_before = 0;
		for (int i = 0; i < N; i++)
			n_before += u256_cmp(ring_up(here, place_of(ids[i])),
					     ring_up(here, place_of(peer->id))) < 0;
	} while (n_before < BEFORE || n_before > 2 * BEFORE);
	world_run(t->w, 3 * S); // what may be called at once has been called
	assert_true(groups_counters(t->node->groups)->dials_limited > 0);
	raw_gossip(t, &(struct rumour){peer->id, &peer->addr, 0}, 1);
	world_run(t->w, 1500 * MS); // a second of it for the one with the lower ID
	assert_non_null(world_end_to(t->node, peer, WORLD_MEMBER));
}

static void rumours_of_the_dead_wake_nobody(void **state)
{
	struct raw_peer *t = *state;
	struct world_node *peer = raw_member(t);
	uint64_t before;

	raw_gossip(t, &(struct rumour){peer->id, &peer->addr, 5}, 1);
	world_run(t->w, 2 * S);
	assert_true(world_are_neighbours(t->node, peer));
	world_die(peer);
	world_run(t->w, 6 * S);
	before = groups_counters(t->node->groups)->dials;
	raw_gossip(t, &(struct rumour){peer->id, &peer->addr, 30}, 1);
	world_run(t->w, 20 * S);
	assert_int_equal(groups_counters(t->node->groups)->dials, before);
	raw_gossip(t, &(struct rumour){peer->id, &peer->addr, 3},
		   1); // fresh word is another matter
	world_run(t->w, 20 * S);
	assert_true(groups_counters(t->node->groups)->dials > before);
}

// Two translators may not let us meet: others have links with it, and messages for it must find it.
static void who_is_there_and_out_of_reach_is_not_forgotten(void **state)
{
	struct raw_peer *t = *state;
	const struct members *members = &t->node->group->members;
	uint8_t id[PEER_ID_LEN] = {1, 0xaa};
	struct wire_addr nowhere;

	wire_addr_parse(&nowhere, "198.51.100.1:1936");
	for (int i = 0; i < 90; i++) {
		raw_gossip(t, &(struct rumour){id, &nowhere, 0}, 1);
		world_run(t->w, 10 * S);
		assert_non_null(members_find(members, id));
	}
	// A dozen attempts in 200 s, and one in five minutes from then on.
	assert_in_range(groups_counters(t->node->groups)->dials_failed, 12, 15);
	world_run(t->w, 400 * S); // nobody says so any more
	assert_null(members_find(members, id));
}

static bool is_lower(const struct raw_peer *t, const struct world_node *peer)
{
	return memcmp(t->node->id, peer->id, PEER_ID_LEN) < 0;
}

static void of_two_who_heard_of_each_other_one_calls(void **state)
{
	struct raw_peer *t = *state;

	for (int i = 0; i < 6; i++) {
		struct world_node *peer;
		bool is_ours = i % 2 == 0;

		do
			peer = world_add(t->w, &(struct world_role){.is_super = false});
		while (is_lower(t, peer) != is_ours);
		world_join(peer, RAW_SPEC);
		raw_gossip(t, &(struct rumour){peer->id, &peer->addr, 5}, 1);
		world_run(t->w, 500 * MS);
		assert_int_equal(world_are_neighbours(t->node, peer), is_ours);
		world_run(t->w, 1 * S); // the other does not know: then we do
		assert_true(world_are_neighbours(t->node, peer));
	}
}

static void all_ask_to_leave(struct raw_peer *t, struct raw_peer *peers)
{
	for (int i = 0; i < CROWD; i++) {
		raw_send(peers[i].e, peers[i].main, "\x0c", 1);
		world_run(t->w, 50 * MS);
	}
}

static bool is_neighbour(const struct raw_peer *t, const struct raw_peer *peer)
{
	return world_are_neighbours(t->node, peer->raw);
}

// Those of the crowd by the way up from our member.
static void crowd_sort(struct raw_peer *t, struct raw_peer *peers)
{
	const struct u256 at = t->node->group->address;

	for (int i = 1; i < CROWD; i++)
		for (int k = i; k > 0; k--) {
			uint8_t x[32], y[32];
			struct raw_peer other = peers[k];

			group_address_of(peers[k].raw->id, x);
			group_address_of(peers[k - 1].raw->id, y);
			if (u256_cmp(ring_up(at, u256_of(x)), ring_up(at, u256_of(y))) >= 0)
				break;
			peers[k] = peers[k - 1];
			peers[k - 1] = other;
		}
}

// How many reports came; the last one's first record, or nobody.
static uint32_t n_reports(struct raw_peer *peer, uint8_t first[PEER_ID_LEN])
{
	struct group_report_self self;
	struct group_report_iter it;
	struct group_report_record r;
	struct got *g;
	uint32_t n = 0;

	while ((g = world_got(peer->raw)) != NULL) {
		if (memcmp(g->meta, RAW_MAIN, 3) == 0 && g->octets[0] == GROUP_REPORT) {
			n++;
			assert_int_equal(group_report_read(&self, &it, span_of(g->octets, g->len)),
					 0);
			if (group_report_next(&it, &r))
				memcpy(first, r.peer_id, PEER_ID_LEN);
		}
		free(g);
	}
	return n;
}

static void suspect(struct raw_peer *t, struct raw_peer *peer, bool is_suspect)
{
	struct report r = {
		.op = REP_SESSION_HEALTH,
		.health = {.rtt_us = 10000, .level = is_suspect ? HEALTH_SUSPECT : HEALTH_GOOD}};

	groups_health(t->node->groups, &peer->e->far->ctl, &r, world_now_us(t->w));
	world_run(t->w, 300 * MS);
}

// Who stands between the next one and us is linked to it, if to anybody: so it gets a report, and
// answers, as soon as it is the next one, and all the time while members vanish.
static void whoever_becomes_the_next_one_is_asked_who_else_is_there(void **state)
{
	struct raw_peer *t = *state, peers[CROWD];
	struct rumour ghosts[8];
	uint8_t first[PEER_ID_LEN], ids[8][PEER_ID_LEN];
	uint32_t n_asked_again = 0;
	int n_ghosts = 0;

	crowd(t, peers);
	crowd_sort(t, peers);
	world_run(t->w, 12 * S);
	for (int i = 0; i < CROWD; i++)
		n_reports(&peers[i], first);
	// Gossip has others behind the second one, and nobody says that they are not there.
	for (uint32_t i = 0; n_ghosts < 3; i++) {
		uint8_t id[PEER_ID_LEN] = {0xcc}, address[32], low[32], high[32];

		memcpy(id + 1, &i, sizeof(i));
		group_address_of(id, address);
		group_address_of(peers[1].raw->id, low);
		group_address_of(peers[2].raw->id, high);
		if (!ring_between(u256_of(address), u256_of(low), u256_of(high)))
			continue;
		memcpy(ids[n_ghosts], id, sizeof(id));
		ghosts[n_ghosts] = (struct rumour){.id = ids[n_ghosts], .age_s = 3};
		n_ghosts++;
	}
	raw_gossip(t, ghosts, 3);
	for (int i = 0; i < CROWD; i++)
		n_reports(&peers[i], first);
	suspect(t, &peers[0], true);
	assert_int_equal(n_reports(&peers[1], first), 1);
	// Not a ghost, of those that may be there: the next ones to it that we have links with.
	assert_memory_equal(first, peers[2].raw->id, PEER_ID_LEN);
	world_run(t->w, 8 * S); // one member that fell silent is no unrest
	assert_in_range(n_reports(&peers[1], first), 0, 1);
	suspect(t, &peers[20], true);
	assert_true(t->node->group->is_unrest);
	n_reports(&peers[1], first);
	for (int i = 0; i < 10; i++) {
		world_run(t->w, 1 * S);
		n_asked_again += n_reports(&peers[1], first);
	}
	assert_in_range(n_asked_again, 5, 6);
}

static void neighbours_may_leave_who_are_not_wanted(void **state)
{
	struct raw_peer *t = *state, peers[CROWD];
	struct ring_node places[CROWD];
	struct ring_set ring = {0};
	struct group_info info;
	uint8_t address[32];

	assert_int_equal(crowd(t, peers), CROWD + 1);
	all_ask_to_leave(t, peers);
	assert_in_range(world_open_neighbours(t->node), 12, 30);
	for (int i = 0; i < CROWD; i++) {
		group_address_of(peers[i].raw->id, address);
		places[i].at = u256_of(address);
		ring_set_insert(&ring, &places[i]);
	}
	group_info_get(t->node->group, &info);
	for (uint32_t k = 1; k <= 2;
	     k++) { // with the first raw neighbour, two of these are of the three
		struct ring_node *up = ring_set_up(&ring, u256_of(info.address), k);
		struct ring_node *down = ring_set_down(&ring, u256_of(info.address), k);

		assert_true(is_neighbour(t, &peers[up - places]));
		assert_true(is_neighbour(t, &peers[down - places]));
	}
	ring_set_clear(&ring);
}

// The world anew, with the same crowd.
static struct raw_peer *again(void **state, struct raw_peer *peers)
{
	end(state);
	begin(state);
	crowd(*state, peers);
	return *state;
}

// Who of the crowd may go, as far as the ring is concerned.
static int find_gone(struct raw_peer *t, struct raw_peer *peers, int gone[CROWD])
{
	int n = 0;

	crowd(t, peers);
	all_ask_to_leave(t, peers);
	for (int i = 0; i < CROWD; i++)
		if (!is_neighbour(t, &peers[i]))
			gone[n++] = i;
	return n;
}

// NG-20: six of those that the ring does not want.
static void the_six_with_the_lowest_round_trip_stay(void **state)
{
	struct raw_peer *t = *state, peers[CROWD];
	int gone[CROWD], n_gone = find_gone(t, peers, gone), n_left = 0;

	assert_true(n_gone > 8);
	t = again(state, peers);
	for (int i = 0; i < CROWD; i++) {
		struct report r = {.op = REP_SESSION_HEALTH, .health = {50000, false}};

		for (int k = 0; k < 6; k++)
			if (gone[k] == i)
				r.health.rtt_us = 10000 + (uint32_t)k;
		groups_health(t->node->groups, &peers[i].e->far->ctl, &r, world_now_us(t->w));
	}
	all_ask_to_leave(t, peers);
	for (int k = 0; k < 6; k++)
		assert_true(is_neighbour(t, &peers[gone[k]]));
	for (int k = 6; k < n_gone; k++)
		n_left += is_neighbour(t, &peers[gone[k]]);
	assert_in_range(n_left, 0, 1); // the random one
}

static uint32_t n_asked(struct raw_peer *peer)
{
	struct got *g;
	uint32_t n = 0;

	while ((g = world_got(peer->raw)) != NULL) {
		n += memcmp(g->meta, RAW_MAIN, 3) == 0 && g->octets[0] == GROUP_ASK_CLOSE;
		free(g);
	}
	return n;
}

// groups.md 4.2, and NG-25: a super-peer never asks.
static void who_is_not_wanted_is_asked_to_leave_every_90_s(void **state)
{
	struct raw_peer *t = *state, peers[CROWD];
	bool is_super = t->node->groups->o.is_super;
	uint32_t n_before = 0, n_in_time = 0;

	crowd(t, peers);
	world_run(t->w, 15 * S); // who called wants us himself, for now
	for (int i = 0; i < CROWD; i++)
		n_before += n_asked(&peers[i]);
	assert_int_equal(n_before, 0);
	for (int period = 0; period < 4; period++) {
		world_run(t->w, 89 * S);
		for (int i = 0; i < CROWD; i++) {
			uint32_t n = n_asked(&peers[i]);

			assert_in_range(n, 0, 1);
			n_in_time += n;
		}
	}
	if (is_super)
		assert_int_equal(n_in_time, 0);
	else
		assert_in_range(n_in_time, 3 * 10, 4 * CROWD);
}

// NG-25: it keeps more than it needs, and lets go whom it does not need only above its degree.
static void a_super_peer_lets_nobody_go_below_its_degree(void **state)
{
	struct raw_peer *t = *state, peers[CROWD];

	crowd(t, peers);
	all_ask_to_leave(t, peers);
	assert_in_range(world_open_neighbours(t->node), wanted_target(CROWD / 2), CROWD / 2);
}

// NG-9.
static void a_program_names_members_and_neighbours(void **state)
{
	struct raw_peer *t = *state;
	struct world_node *server =
		world_add(t->w, &(struct world_role){.is_super = true, .is_server = true});
	struct world_node *nodes[3];
	char ids[3][65], own[65];
	uint64_t now_us = world_now_us(t->w);

	for (int i = 0; i < 3; i++) {
		nodes[i] = raw_member(t);
		for (int k = 0; k < 32; k++)
			sprintf(ids[i] + 2 * k, "%02x", nodes[i]->id[k]);
		world_connect(nodes[i], server); // which is no member, and knows of no group
	}
	for (int k = 0; k < 32; k++)
		sprintf(own + 2 * k, "%02x", t->node->id[k]);
	world_connect(t->node, server);
	world_run(t->w, 5 * S);
	assert_false(group_add_member_hint(t->node->group, "7", now_us));
	assert_false(group_add_neighbour(t->node->group, "7", now_us));
	assert_false(group_add_member_hint(t->node->group, own, now_us));
	assert_false(world_are_neighbours(t->node, nodes[0]));
	now_us = world_now_us(t->w);
	assert_true(group_add_member_hint(t->node->group, ids[0], now_us));
	assert_true(group_add_neighbour(t->node->group, ids[1], now_us));
	assert_true(group_add_neighbour(t->node->group, ids[1], now_us)); // once is enough
	world_run(t->w, 2 * S);
	assert_true(world_are_neighbours(t->node, nodes[0]));
	assert_true(world_are_neighbours(t->node, nodes[1]));
	assert_true(group_add_member_hint(t->node->group, ids[0], world_now_us(t->w)));
}

static void a_super_peer_takes_hints_and_calls_nobody(void **state)
{
	struct raw_peer *t = *state;
	struct world_node *peer = raw_member(t);
	char id[65];
	struct group_info info;

	for (int k = 0; k < 32; k++)
		sprintf(id + 2 * k, "%02x", peer->id[k]);
	assert_true(group_add_member_hint(t->node->group, id, world_now_us(t->w)));
	assert_false(group_add_neighbour(t->node->group, id, world_now_us(t->w)));
	world_run(t->w, 5 * S);
	group_info_get(t->node->group, &info);
	assert_int_equal(info.n_members_known, 2);
	assert_int_equal(groups_counters(t->node->groups)->dials, 0);
}

// groups.md 10.5
static void two_whom_an_introducer_named_stay(void **state)
{
	struct raw_peer *t = *state, peers[CROWD];
	struct world_node *server;
	struct end *conn;
	uint8_t octets[64];
	struct got *join;
	int reply, gone[CROWD];

	assert_true(find_gone(t, peers, gone) >= 2);
	// The same crowd again, but two of those are named this time.
	t = again(state, peers);
	server = world_add(t->w, &(struct world_role){.is_raw = true, .is_server = true});
	conn = world_connect(t->node, server);
	world_run(t->w, 50 * MS);
	join = world_got(server);
	reply = raw_open(conn->far, "GC", 2, true, join->flow_id);
	for (int i = 0; i < 2; i++) {
		struct wr w = wr_over(octets, sizeof(octets));

		group_member_write(&w, peers[gone[i]].raw->id);
		raw_send(conn->far, reply, octets, w.len);
	}
	free(join);
	world_run(t->w, 50 * MS);
	all_ask_to_leave(t, peers);
	for (int i = 0; i < 2; i++)
		assert_true(is_neighbour(t, &peers[gone[i]]));
}

#define T(f)     cmocka_unit_test_setup_teardown(f, begin, end)
#define SUPER(f) cmocka_unit_test_setup_teardown(f, begin_super, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SUPER(a_super_peer_calls_nobody),
		T(gossip_does_not_make_us_call_the_world),
		T(who_does_not_answer_is_tried_less_and_less_and_given_up),
		T(on_the_ring_the_next_one_stands_in_after_a_second),
		T(whoever_was_told_of_just_now_is_called_first),
		T(rumours_of_the_dead_wake_nobody),
		T(who_is_there_and_out_of_reach_is_not_forgotten),
		T(of_two_who_heard_of_each_other_one_calls),
		T(whoever_becomes_the_next_one_is_asked_who_else_is_there),
		T(neighbours_may_leave_who_are_not_wanted),
		T(the_six_with_the_lowest_round_trip_stay),
		T(who_is_not_wanted_is_asked_to_leave_every_90_s),
		SUPER(who_is_not_wanted_is_asked_to_leave_every_90_s),
		SUPER(a_super_peer_lets_nobody_go_below_its_degree),
		T(a_program_names_members_and_neighbours),
		SUPER(a_super_peer_takes_hints_and_calls_nobody),
		T(two_whom_an_introducer_named_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
