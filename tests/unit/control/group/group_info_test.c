// Looking in.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/control/group/party.h"
#include "tests/unit/control/group/spx_kit.h"

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

static void members_are_told_in_the_order_of_the_ring(void **state)
{
	struct party *t = *state;
	struct group_member_info m[8];
	struct u256 before = u256_of((uint8_t[32]){0});
	uint32_t n_super = 0;

	assert_int_equal(group_members_info(t->nodes[1]->group, m, 2), 4);
	assert_int_equal(group_members_info(t->nodes[1]->group, m, 8), 4);
	for (int i = 0; i < 4; i++) {
		uint8_t address[32];
		struct u256 way;

		group_address_of(m[i].peer_id, address);
		assert_memory_equal(m[i].address, address, 32);
		way = ring_up(t->nodes[1]->group->address, u256_of(address));
		assert_true(u256_cmp(before, way) < 0);
		before = way;
		assert_true(m[i].is_neighbour && !m[i].is_suspect && !m[i].is_nearest);
		assert_int_equal(m[i].is_super, m[i].is_spx); // the others have not announced it
		n_super += m[i].is_super;
	}
	assert_int_equal(n_super, 1);
}

static void a_group_shows_what_was_posted_and_routed(void **state)
{
	struct spx_party *t = spx_party_create(2, true, SPX_SPEC);
	struct group_info a, b;

	spx_post(t->nodes[1], "0123456789");
	group_send_to_all_neighbours(t->nodes[1]->group, span_of("x", 1), world_now_us(t->w));
	world_run(t->w, 1 * S);
	group_info_get(t->nodes[1]->group, &a);
	group_info_get(t->nodes[0]->group, &b);
	assert_int_equal(a.n_posts, 0);
	assert_int_equal(b.n_posts, 1);
	assert_int_equal(a.n_posts_held, 1);
	assert_int_equal(a.n_post_ids, 1);
	assert_in_range(a.posts_held_bytes, 10, 1000);
	assert_in_range(a.post_data_tx_bytes, 2 * 46, 2 * 60);
	assert_int_equal(a.post_data_tx_bytes, 2 * b.post_data_rx_bytes);
	assert_in_range(b.post_control_tx_bytes, 20, 60); // offered to the third
	assert_int_equal(a.route_tx_bytes, 2 * (ROUTE_HEAD_LEN + 1));
	assert_int_equal(b.route_rx_bytes, ROUTE_HEAD_LEN + 1);
	spx_party_destroy(t);
}

// NetGroupInfo: of the last five seconds, both ways, by service.
static void rates_are_those_of_the_last_seconds(void **state)
{
	struct spx_party *t = spx_party_create(2, true, SPX_SPEC);
	struct group_info a;
	struct group_rates r, at_other;

	spx_post(t->nodes[1], "0123456789");
	for (int i = 0; i < 10; i++)
		group_send_to_all_neighbours(t->nodes[1]->group, span_of("x", 1),
					     world_now_us(t->w));
	world_run(t->w, 1500 * MS);
	group_info_get(t->nodes[1]->group, &a);
	group_rates_get(t->nodes[1]->group, &r, world_now_us(t->w));
	group_rates_get(t->nodes[0]->group, &at_other, world_now_us(t->w));
	assert_int_equal(r.routing_send, 2 * 10 * (ROUTE_HEAD_LEN + 1) / 5);
	assert_int_equal(at_other.routing_receive, 10 * (ROUTE_HEAD_LEN + 1) / 5);
	assert_int_equal(r.posting_send_data, a.post_data_tx_bytes / 5);
	assert_int_equal(at_other.posting_receive_data, a.post_data_tx_bytes / 2 / 5);
	assert_int_equal(at_other.posting_send_control, at_other.posting_receive_control);
	assert_int_not_equal(at_other.posting_send_control, 0);
	assert_int_equal(r.object_replication_send + r.object_replication_receive, 0);
	world_run(t->w, 10 * S);
	group_rates_get(t->nodes[1]->group, &r, world_now_us(t->w));
	assert_int_equal(r.routing_send + r.posting_send_data, 0);
	spx_party_destroy(t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, party_begin, party_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_group_shows_its_figures),
		T(what_is_introduced_only_comes_after_what_is_ours),
		T(a_play_without_a_stream_shows_its_name),
		T(a_session_shows_the_groups_it_serves),
		T(members_are_told_in_the_order_of_the_ring),
		cmocka_unit_test(a_group_shows_what_was_posted_and_routed),
		cmocka_unit_test(rates_are_those_of_the_last_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
