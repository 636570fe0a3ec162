// Streams in groups: who hears of them, who is linked, and when they are over.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/control/group/party.h"

static void a_stream_is_announced_to_all_and_linked_everywhere(void **state)
{
	struct party *t = *state;

	party_publish(t, t->nodes[1], "live");
	world_run(t->w, 1 * S);
	for (uint32_t i = 0; i < t->n; i++) {
		struct group_stream_info info = party_stream(t->nodes[i]);

		assert_string_equal(info.name, "live");
		assert_int_equal(info.n_links, t->n - 1);
		assert_int_equal(info.is_published_here, i == 1);
		assert_int_equal(t->nodes[i]->n_events[GROUP_STREAM_PUBLISHED], i != 1);
		assert_memory_equal(info.key, party_stream(t->nodes[1]).key, STREAM_KEY_LEN);
	}
}

static void the_parameters_are_the_publishers(void **state)
{
	struct party *t = *state;
	struct group_stream_params params = {
		.window_ms = 3000, .fetch_ms = 800, .update_ms = 50, .send_to_all = true};
	struct group_publication *p;
	struct stream_seed *seed = &t->nodes[2]->streams[0].seed;

	assert_int_equal(
		group_publish(t->nodes[1]->group, "live", &params, NULL, &p, world_now_us(t->w)),
		0);
	world_run(t->w, 1 * S);
	assert_int_equal(seed->window_ms, 3000);
	assert_int_equal(seed->fetch_ms, 800);
	assert_int_equal(seed->update_ms, 50);
	assert_int_equal(seed->margin_ms, 2000);
	assert_int_equal(seed->flags, STREAM_SEND_TO_ALL | STREAM_HOME | STREAM_TAP);
	assert_int_equal(t->nodes[1]->streams[0].seed.flags,
			 STREAM_SEND_TO_ALL | STREAM_HOME | STREAM_PUBLISHER);
	// The super-peer repairs for others, so it fetches early; nobody views there.
	assert_int_equal(t->nodes[0]->streams[0].seed.fetch_ms, 250);
	assert_int_equal(t->nodes[0]->streams[0].seed.flags,
			 STREAM_SEND_TO_ALL | STREAM_HOME | STREAM_PUSH_ALL);
}

static void how_we_carry_streams_of_others_is_our_own_affair(void **state)
{
	struct party *t = *state;
	struct world_node *super = world_add(t->w, &party_super),
			  *source = world_add(t->w, &party_member);
	struct group_stream_params params = {.window_ms = 9000, .fetch_ms = 900, .update_ms = 50};
	struct group_limits limits = {.publishers = (const uint8_t(*)[PEER_ID_LEN])source->id,
				      .n_publishers = 1,
				      .relay = {.window_max_ms = 5000,
						.margin_ms = 1000,
						.fetch_max_ms = 400,
						.update_ms = 200,
						.push_neighbours_max = 3}};
	const struct stream_seed *seed = &super->streams[0].seed;
	struct group_publication *p;
	struct groupspec spec;
	const char *why;
	uint32_t at;
	int err;

	assert_int_equal(groupspec_parse(&spec, PARTY_LOCKED, &why, &at), 0);
	super->group = group_join(super->groups, &spec, &limits, NULL, &err, world_now_us(t->w));
	world_join(source, PARTY_UNLOCKED);
	world_connect(source, super);
	world_run(t->w, 5 * S);
	assert_int_equal(
		group_publish(source->group, "live", &params, NULL, &p, world_now_us(t->w)), 0);
	world_run(t->w, 2 * S);
	assert_int_equal(party_n_streams(super), 1);
	assert_int_equal(seed->window_ms, 5000);
	assert_int_equal(seed->margin_ms, 1000);
	assert_int_equal(seed->fetch_ms, 400);
	assert_int_equal(seed->update_ms, 200);
	assert_int_equal(seed->push_limit, 2);
	assert_int_equal(seed->flags & STREAM_PUSH_ALL, 0);
}

static void members_ask_the_super_peer_for_everything_and_nobody_else(void **state)
{
	struct party *t = *state;

	party_publish(t, t->nodes[1], "live");
	world_run(t->w, 1 * S);
	for (uint32_t i = 1; i < t->n; i++)
		for (struct end *e = t->nodes[i]->ends; e != NULL; e = e->next)
			if (e->links[0].is_linked)
				assert_int_equal(e->links[0].is_super, e->far->node == t->nodes[0]);
}

static void who_joins_later_is_told_of_the_stream_and_of_its_end(void **state)
{
	struct party *t = *state;
	struct group_publication *p = party_publish(t, t->nodes[1], "live");
	struct world_node *late;

	party_write(t, p, KIT_AUDIO(0, AAC_FRAME));
	world_run(t->w, 1 * S);
	late = party_add(t);
	party_play(t, late, "live");
	world_run(t->w, 3 * S);
	assert_int_equal(party_stream(late).n_links, t->n - 1);
	party_write(t, p, KIT_AUDIO(4000, AAC_FRAME));
	group_publication_end(p, world_now_us(t->w));
	world_run(t->w, 1 * S);
	assert_int_equal(party_stream(late).end, 5);
	late = party_add(t);
	world_run(t->w, 3 * S);
	assert_true(party_stream(late).has_ended); // it is still in the windows
	world_run(t->w, 10 * S);
	late = party_add(t);
	world_run(t->w, 3 * S);
	assert_int_equal(group_streams_info(late->groups, group_spec(late->group)->id,
					    &(struct group_stream_info){0}, 1),
			 0);
}

// groups.md 10.5
static void
with_a_publish_password_a_super_peer_takes_streams_of_known_publishers_alone(void **state)
{
	struct party *t = *state;
	struct world_node *super = world_add(t->w, &party_super),
			  *good = world_add(t->w, &party_member),
			  *bad = world_add(t->w, &party_member);
	struct groupspec spec;
	struct group_limits limits = {.publishers = (const uint8_t(*)[PEER_ID_LEN])good->id,
				      .n_publishers = 1};
	const char *why;
	uint32_t at;
	int err;

	assert_int_equal(groupspec_parse(&spec, PARTY_LOCKED, &why, &at), 0);
	super->group = group_join(super->groups, &spec, &limits, NULL, &err, world_now_us(t->w));
	world_join(bad, PARTY_UNLOCKED);
	world_connect(bad, super);
	world_run(t->w, 5 * S);
	party_publish(t, bad, "bad");
	world_run(t->w, 2 * S);
	assert_int_equal(party_n_streams(super), 0);
	group_leave(bad->group, world_now_us(t->w));
	world_join(good, PARTY_UNLOCKED);
	world_connect(good, super);
	world_run(t->w, 5 * S);
	party_publish(t, good, "good");
	world_run(t->w, 2 * S);
	assert_string_equal(party_stream(super).name, "good");
	assert_true(groups_counters(super->groups)->streams_foreign > 0);
}

static void a_group_takes_no_more_streams_than_its_limit(void **state)
{
	struct party *t = *state;

	for (int i = 0; i < 4; i++)
		party_publish(t, t->nodes[1], "a");
	party_publish(t, t->nodes[2], "b");
	world_run(t->w, 2 * S);
	assert_int_equal(group_streams_info(t->nodes[0]->groups, group_spec(t->nodes[0]->group)->id,
					    (struct group_stream_info[8]){{0}}, 8),
			 4);
	assert_true(groups_counters(t->nodes[0]->groups)->streams_refused > 0);
}

// The same name again and again, each time with a new key.
static void streams_that_ended_hold_no_place_for_long(void **state)
{
	struct party *t = *state;

	for (int i = 0; i < 10; i++) {
		struct group_publication *p = party_publish(t, t->nodes[1], "live");

		party_write(t, p, KIT_AUDIO(0, AAC_FRAME));
		world_run(t->w, 1 * S);
		group_publication_close(p, world_now_us(t->w));
		world_run(t->w, 20 * S);
		for (uint32_t k = 0; k < t->n; k++)
			assert_int_equal(party_n_streams(t->nodes[k]), 0);
	}
	assert_int_equal(t->nodes[0]->n_events[GROUP_STREAM_PUBLISHED], 10);
	assert_int_equal(groups_counters(t->nodes[0]->groups)->streams_refused, 0);
}

static void sources_that_vanished_make_room_for_others(void **state)
{
	struct party *t = *state;

	for (int i = 0; i < 8; i++) {
		struct world_node *n = party_add(t);

		world_run(t->w, 3 * S);
		party_write(t, party_publish(t, n, "live"), KIT_AUDIO(0, AAC_FRAME));
		world_run(t->w, 2 * S);
		world_die(n);
		world_run(t->w, 15 * S);
	}
	assert_int_equal(party_n_streams(t->nodes[0]), 4); // as many as may be
	assert_int_equal(t->nodes[0]->n_events[GROUP_STREAM_PUBLISHED], 8);
	assert_int_equal(groups_counters(t->nodes[0]->groups)->streams_refused, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, party_begin, party_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_stream_is_announced_to_all_and_linked_everywhere),
		T(the_parameters_are_the_publishers),
		T(how_we_carry_streams_of_others_is_our_own_affair),
		T(members_ask_the_super_peer_for_everything_and_nobody_else),
		T(who_joins_later_is_told_of_the_stream_and_of_its_end),
		T(with_a_publish_password_a_super_peer_takes_streams_of_known_publishers_alone),
		T(a_group_takes_no_more_streams_than_its_limit),
		T(streams_that_ended_hold_no_place_for_long),
		T(sources_that_vanished_make_room_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
