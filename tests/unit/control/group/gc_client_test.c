// Our joining at an introducer that is driven by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/member_proof.h"
#include "tests/unit/control/group/world.h"

#define SPEC       "G:027f0201010103010c050e7465737400"
#define NO_CHANNEL "G:027f0201010103050e7465737400"

struct setup {
	struct world *w;
	struct world_node *server, *node;
	struct end *e; // the server's
};

static int begin(void **state)
{
	struct setup *t = calloc(1, sizeof(*t));

	t->w = world_create(&(struct world_opts){.seed = 41, .latency_us = 10 * MS});
	t->server = world_add(t->w, &(struct world_role){.is_raw = true, .is_server = true});
	t->node = world_add(t->w, &(struct world_role){.is_super = false});
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct setup *t = *state;

	world_destroy(t->w);
	free(t);
	return 0;
}

static struct got *connected(struct setup *t)
{
	t->e = world_connect(t->node, t->server)->far;
	world_run(t->w, 100 * MS);
	return world_got(t->server);
}

static void hint(struct setup *t, int flow, const uint8_t *id)
{
	uint8_t octets[64];
	struct wr w = wr_over(octets, sizeof(octets));

	group_member_write(&w, id);
	raw_send(t->e, flow, octets, w.len);
	world_run(t->w, 200 * MS);
}

static void a_join_names_the_group_by_its_id(void **state)
{
	struct setup *t = *state;
	struct group *g = world_join(t->node, SPEC);
	struct got *got = connected(t);

	assert_non_null(got);
	assert_memory_equal(got->meta, "GC", 2);
	assert_int_equal(got->len, 35);
	assert_memory_equal(got->octets, "\x01\x21\x15", 3);
	assert_memory_equal(got->octets + 3, group_spec(g)->id, 32);
	free(got);
	assert_null(world_got(t->server));
}

static void a_group_joined_later_is_joined_there_too(void **state)
{
	struct setup *t = *state;
	struct got *got;

	assert_null(connected(t));
	world_join(t->node, SPEC);
	world_run(t->w, 100 * MS);
	got = world_got(t->server);
	assert_non_null(got);
	free(got);
}

// GS-6
static void without_a_server_channel_the_server_hears_nothing(void **state)
{
	struct setup *t = *state;

	world_join(t->node, NO_CHANNEL);
	assert_null(connected(t));
}

static void hints_are_called_at_once_through_the_introducer(void **state)
{
	struct setup *t = *state;
	struct world_node *peer = world_add(t->w, &(struct world_role){.is_super = false});
	struct got *got;
	int reply;

	world_join(t->node, SPEC);
	world_join(peer, SPEC);
	world_session(peer, WORLD_MEMBER, t->server, WORLD_SERVER)->ctl.nc = (void *)t;
	got = connected(t);
	reply = raw_open(t->e, "GC", 2, true, got->flow_id);
	hint(t, reply, peer->id);
	assert_true(world_are_neighbours(t->node, peer));
	assert_int_equal(t->node->n_hellos_introduced, 1);
	assert_int_equal(t->node->n_hellos_direct, 0);
	hint(t, reply, peer->id);    // known
	hint(t, reply, t->node->id); // ourselves
	raw_send(t->e, reply,
		 "\x0b"
		 "short",
		 6);
	raw_send(t->e, reply, "\x77", 1);
	world_run(t->w, 5 * S);
	assert_int_equal(t->node->n_opened, 1);
	assert_int_equal(groups_counters(t->node->groups)->malformed, 1);
	assert_int_equal(groups_counters(t->node->groups)->unknown_messages, 1);
	free(got);
}

static void a_second_answer_flow_and_strange_ones_are_rejected(void **state)
{
	struct setup *t = *state;
	struct got *got;

	world_join(t->node, SPEC);
	got = connected(t);
	raw_open(t->e, "GC", 2, true, got->flow_id);
	raw_open(t->e, "GC", 2, true, got->flow_id);
	raw_open(t->e, "GC", 2, false, 0);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->node->groups)->flows_rejected, 2);
	free(got);
}

static void a_refusal_is_told(void **state)
{
	struct setup *t = *state;
	struct got *got;

	world_join(t->node, SPEC);
	got = connected(t);
	ctl_flow_reject(&t->e->ctl, got->rx_slot, got->flow_id, 0);
	world_run(t->w, 100 * MS);
	assert_int_equal(t->node->n_events[GROUP_REJECTED], 1);
	free(got);
}

static void leaving_closes_the_flow(void **state)
{
	struct setup *t = *state;
	struct got *got;

	world_join(t->node, SPEC);
	got = connected(t);
	assert_true(t->e->rx[got->rx_slot].is_open);
	group_leave(t->node->group, world_now_us(t->w));
	world_run(t->w, 100 * MS);
	assert_true(t->e->rx[got->rx_slot].is_finished);
	free(got);
}

static void a_lost_connection_is_joined_anew(void **state)
{
	struct setup *t = *state;
	struct got *got;

	world_join(t->node, SPEC);
	free(connected(t));
	world_cut(t->e, CLOSED_TIMEOUT);
	world_run(t->w, 1 * S);
	got = connected(t);
	assert_non_null(got);
	free(got);
}

// The raw node proves itself on the session that our node opened to it.
static struct end *befriend(struct setup *t, struct world_node *raw)
{
	struct end *e = world_end_to(raw, t->node, WORLD_MEMBER);
	struct group_connect c;
	uint8_t octets[256];
	struct wr w = wr_over(octets, sizeof(octets));

	assert_non_null(e);
	memcpy(c.group_id, group_spec(t->node->group)->id, 32);
	memcpy(c.receiver_id, t->node->id, 32);
	member_proof(group_spec(t->node->group), e->ctl.far_nonce, c.proof);
	group_connect_write(&w, &c);
	raw_send(e, raw_open(e, "GR\x1c", 3, false, 0), octets, w.len);
	world_run(t->w, 100 * MS);
	return e->far;
}

// groups.md 6.3: the first one named, if it is at the server's own address.
static void the_introducers_own_member_is_known_for_a_super_peer(void **state)
{
	struct setup *t = *state;
	struct world_node *other = world_add(t->w, &(struct world_role){.is_raw = true});
	struct group_neighbour_info info;
	struct got *got;
	int reply;

	world_join(t->node, SPEC);
	world_session(other, WORLD_MEMBER, t->server, WORLD_SERVER);
	got = connected(t);
	reply = raw_open(t->e, "GC", 2, true, got->flow_id);
	hint(t, reply, t->server->id);
	hint(t, reply, other->id);
	assert_int_equal(group_session_info(&befriend(t, t->server)->ctl, &info, 1), 1);
	assert_true(info.is_super && !info.is_spx);
	assert_int_equal(group_session_info(&befriend(t, other)->ctl, &info, 1), 1);
	assert_false(info.is_super);
	free(got);
}

static void a_member_elsewhere_that_is_named_first_is_no_super_peer(void **state)
{
	struct setup *t = *state;
	struct world_node *other = world_add(t->w, &(struct world_role){.is_raw = true});
	struct group_neighbour_info info;
	struct got *got;

	world_join(t->node, SPEC);
	world_session(other, WORLD_MEMBER, t->server, WORLD_SERVER);
	got = connected(t);
	hint(t, raw_open(t->e, "GC", 2, true, got->flow_id), other->id);
	assert_int_equal(group_session_info(&befriend(t, other)->ctl, &info, 1), 1);
	assert_false(info.is_super);
	free(got);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_join_names_the_group_by_its_id),
		T(a_group_joined_later_is_joined_there_too),
		T(without_a_server_channel_the_server_hears_nothing),
		T(hints_are_called_at_once_through_the_introducer),
		T(a_second_answer_flow_and_strange_ones_are_rejected),
		T(a_refusal_is_told),
		T(leaving_closes_the_flow),
		T(a_lost_connection_is_joined_anew),
		T(the_introducers_own_member_is_known_for_a_super_peer),
		T(a_member_elsewhere_that_is_named_first_is_no_super_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
