// Looking in.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/control/group/party.h"

static void a_group_shows_its_figures(void **state)
{
	struct party *t = *state;
	struct group_info i[4];

	assert_int_equal(groups_info(t->nodes[0]->groups, i, 4), 1);
	assert_string_equal(i[0].name, "test");
	assert_true(i[0].is_member);
	assert_int_equal(i[0].n_clients, 4);
	assert_int_equal(i[0].n_neighbours, 4);
	assert_int_equal(i[0].n_members_known, 4);
	assert_int_equal(i[0].n_streams, 0);
	assert_true(i[0].estimated_members > 1);
	assert_int_equal(groups_info(t->nodes[0]->groups, i, 0), 0); // no room, nothing written
}

static void what_is_introduced_only_comes_after_what_is_ours(void **state)
{
	struct party *t = *state;
	struct world_node *server = world_add(
		t->w, &(struct world_role){
			      .is_super = true, .is_server = true, .introduces_unlisted = true});
	struct group_info i[4];

	world_join(server, PARTY_LOCKED);
	world_connect(t->nodes[1], server);
	world_run(t->w, 1 * S);
	assert_int_equal(groups_info(server->groups, i, 4), 2);
	assert_true(i[0].is_member && !i[1].is_member);
	assert_memory_equal(i[1].id, group_spec(t->nodes[1]->group)->id, 32);
	assert_int_equal(i[1].n_clients, 1);
	assert_string_equal(i[1].name, "");
}

static void a_play_without_a_stream_shows_its_name(void **state)
{
	struct party *t = *state;
	struct group_stream_info i;

	group_play_info(party_play(t, t->nodes[1], "later"), &i);
	assert_string_equal(i.name, "later");
	assert_int_equal(i.stream, NO_STREAM);
	assert_true(i.is_played_here);
	assert_int_equal(i.received, 0);
}

static void a_session_shows_the_groups_it_serves(void **state)
{
	struct party *t = *state;
	struct group_neighbour_info i[2];
	struct end *e = world_end_to(t->nodes[1], t->nodes[0], WORLD_MEMBER);

	assert_int_equal(group_session_info(&e->ctl, i, 2), 1);
	assert_memory_equal(i[0].group_id, group_spec(t->nodes[1]->group)->id, 32);
	assert_true(i[0].is_super && i[0].is_spx && !i[0].is_nearest);
	e = world_end_to(t->nodes[1], t->nodes[0], WORLD_SERVER);
	assert_null(e); // our connections to introducers begin at the member endpoint
}

#define T(f) cmocka_unit_test_setup_teardown(f, party_begin, party_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_group_shows_its_figures),
		T(what_is_introduced_only_comes_after_what_is_ours),
		T(a_play_without_a_stream_shows_its_name),
		T(a_session_shows_the_groups_it_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
