// Streams in groups: who hears of them, who is linked, and how they end.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/control/group/stream_kit.h"
#include "tests/unit/control/group/world.h"

#define SPEC "G:027f0201010103010c050e7465737400"
// With the publish password "password", and without and with its authorization.
#define LOCKED                                                                                     \
	"G:010121055e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8010c050e746573" \
	"7400"
#define UNLOCKED LOCKED "091570617373776f7264"

static const struct world_role super_role = {.is_super = true, .is_server = true};
static const struct world_role member_role = {.is_super = false};

struct setup {
	struct world *w;
	struct world_node *nodes[16];
	uint32_t n; // with the super-peer, nodes[0]
};

static struct world_node *add_member(struct setup *t)
{
	struct world_node *n = world_add(t->w, &member_role);

	t->nodes[t->n++] = n;
	world_join(n, SPEC);
	world_connect(n, t->nodes[0]);
	return n;
}

static int begin(void **state)
{
	struct setup *t = calloc(1, sizeof(*t));

	t->w = world_create(&(struct world_opts){.seed = 11, .latency_us = 10 * MS});
	t->nodes[t->n++] = world_add(t->w, &super_role);
	world_join(t->nodes[0], SPEC);
	for (int i = 0; i < 4; i++)
		add_member(t);
	world_run(t->w, 10 * S);
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

static struct group_publication *publish(struct setup *t, struct world_node *n, const char *name)
{
	struct group_publication *p;

	assert_int_equal(group_publish(n->group, name, NULL, NULL, &p, world_now_us(t->w)), 0);
	return p;
}

static struct group_play *play(struct setup *t, struct world_node *n, const char *name)
{
	struct group_play *p;

	assert_int_equal(group_play(n->group, name, NULL, &p, world_now_us(t->w)), 0);
	return p;
}

static void write_at(struct setup *t, struct group_publication *p, struct stream_message m)
{
	assert_int_equal(group_publication_write(p, &m, false, world_now_us(t->w)), 0);
}

static uint32_t info_n(const struct world_node *n)
{
	struct group_stream_info i[8];

	return group_streams_info(n->groups, group_spec(n->group)->id, i, 8);
}

static struct group_stream_info stream_of(const struct world_node *n)
{
	struct group_stream_info i[4];

	assert_int_equal(group_streams_info(n->groups, group_spec(n->group)->id, i, 4), 1);
	return i[0];
}

static void a_stream_is_announced_to_all_and_linked_everywhere(void **state)
{
	struct setup *t = *state;

	publish(t, t->nodes[1], "live");
	world_run(t->w, 1 * S);
	for (uint32_t i = 0; i < t->n; i++) {
		struct group_stream_info info = stream_of(t->nodes[i]);

		assert_string_equal(info.name, "live");
		assert_int_equal(info.n_links, t->n - 1);
		assert_int_equal(info.is_published_here, i == 1);
		assert_int_equal(t->nodes[i]->n_events[GROUP_STREAM_PUBLISHED], i != 1);
		assert_memory_equal(info.key, stream_of(t->nodes[1]).key, STREAM_KEY_LEN);
	}
}

static void the_parameters_are_the_publishers(void **state)
{
	struct setup *t = *state;
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

static void members_ask_the_super_peer_for_everything_and_nobody_else(void **state)
{
	struct setup *t = *state;

	publish(t, t->nodes[1], "live");
	world_run(t->w, 1 * S);
	for (uint32_t i = 1; i < t->n; i++)
		for (struct end *e = t->nodes[i]->ends; e != NULL; e = e->next)
			if (e->links[0].is_linked)
				assert_int_equal(e->links[0].is_super, e->far->node == t->nodes[0]);
}

static void what_is_published_is_played_until_it_ends(void **state)
{
	struct setup *t = *state;
	struct group_publication *p;
	struct group_stream_info info;
	struct group_play *plays[4];

	for (uint32_t i = 2; i < t->n; i++)
		plays[i - 2] = play(t, t->nodes[i], "live");
	p = publish(t, t->nodes[1], "live");
	world_run(t->w, 1 * S);
	write_at(t, p, KIT_DATA(0, METADATA));
	write_at(t, p, KIT_VIDEO(0, AVC_CONFIG));
	write_at(t, p, KIT_VIDEO(0, AVC_KEY));
	world_run(t->w, 40 * MS);
	write_at(t, p, KIT_VIDEO(40, AVC_INTER));
	group_publication_end(p, world_now_us(t->w));
	world_run(t->w, 500 * MS);
	for (uint32_t i = 2; i < t->n; i++) {
		assert_string_equal(t->nodes[i]->messages, "0 0 0 40 ");
		assert_int_equal(t->nodes[i]->n_events[GROUP_PLAY_START], 1);
		assert_int_equal(t->nodes[i]->n_events[GROUP_PLAY_END], 1);
		assert_int_equal(t->nodes[i]->n_events[GROUP_PLAY_GAP], 0);
		assert_int_equal(t->nodes[i]->n_events[GROUP_STREAM_UNPUBLISHED], 1);
		group_play_info(plays[i - 2], &info);
		assert_int_equal(info.received, 6); // with the farewell
		assert_int_equal(info.missing, 0);
		assert_int_equal(info.end, 7);
	}
	assert_true(t->nodes[0]->streams[0].is_ended);
	assert_int_equal(t->nodes[0]->streams[0].end, 7);
	world_run(t->w, 12 * S);
	assert_int_equal(t->nodes[1]->n_events[GROUP_PUBLISH_DONE], 1);
	group_publication_info(p, &info);
	assert_int_equal(info.newest, 6);
	assert_true(info.has_ended);
	group_publication_close(p, world_now_us(t->w));
}

static void who_joins_later_is_told_of_the_stream_and_of_its_end(void **state)
{
	struct setup *t = *state;
	struct group_publication *p = publish(t, t->nodes[1], "live");
	struct world_node *late;

	write_at(t, p, KIT_AUDIO(0, AAC_FRAME));
	world_run(t->w, 1 * S);
	late = add_member(t);
	play(t, late, "live");
	world_run(t->w, 3 * S);
	assert_int_equal(stream_of(late).n_links, t->n - 1);
	write_at(t, p, KIT_AUDIO(4000, AAC_FRAME));
	group_publication_end(p, world_now_us(t->w));
	world_run(t->w, 1 * S);
	assert_int_equal(stream_of(late).end, 5);
	late = add_member(t);
	world_run(t->w, 3 * S);
	assert_true(stream_of(late).has_ended); // it is still in the windows
	world_run(t->w, 10 * S);
	late = add_member(t);
	world_run(t->w, 3 * S);
	assert_int_equal(group_streams_info(late->groups, group_spec(late->group)->id,
					    &(struct group_stream_info){0}, 1),
			 0);
}

static void a_source_that_vanishes_is_lost_after_twice_the_window(void **state)
{
	struct setup *t = *state;
	struct group_publication *p = publish(t, t->nodes[1], "live");

	play(t, t->nodes[2], "live");
	world_run(t->w, 1 * S);
	write_at(t, p, KIT_AUDIO(0, AAC_FRAME));
	world_run(t->w, 1 * S);
	world_die(t->nodes[1]);
	world_run(t->w, 14 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_LOST], 0);
	world_run(t->w, 4 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_LOST], 1);
	assert_int_equal(t->nodes[2]->n_events[GROUP_STREAM_UNPUBLISHED], 1);
	assert_int_equal(t->nodes[0]->n_events[GROUP_STREAM_UNPUBLISHED],
			 1); // by the workers' figures
	assert_true(stream_of(t->nodes[0]).is_silent);
	// The record is kept for five minutes, then all of it goes.
	world_run(t->w, 270 * S);
	assert_true(t->nodes[0]->streams[0].is_used);
	world_run(t->w, 30 * S);
	assert_false(t->nodes[0]->streams[0].is_used);
	assert_int_equal(t->nodes[2]->n_events[GROUP_STREAM_UNPUBLISHED], 1);
}

static void a_name_published_again_is_a_reset(void **state)
{
	struct setup *t = *state;
	struct group_publication *p = publish(t, t->nodes[1], "live");

	play(t, t->nodes[2], "live");
	world_run(t->w, 1 * S);
	write_at(t, p, KIT_AUDIO(0, AAC_FRAME));
	group_publication_close(p, world_now_us(t->w));
	world_run(t->w, 1 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_END], 1);
	p = publish(t, t->nodes[3], "live");
	world_run(t->w, 1 * S);
	write_at(t, p, KIT_AUDIO(500, AAC_FRAME));
	world_run(t->w, 1 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_RESET], 1);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_START], 2);
	assert_string_equal(t->nodes[2]->messages, "0 500 ");
}

static void a_second_instance_of_a_live_name_is_not_followed(void **state)
{
	struct setup *t = *state;
	struct group_publication *p = publish(t, t->nodes[1], "live"), *q;

	play(t, t->nodes[2], "live");
	world_run(t->w, 1 * S);
	write_at(t, p, KIT_AUDIO(0, AAC_FRAME));
	world_run(t->w, 1 * S);
	q = publish(t, t->nodes[3], "live");
	world_run(t->w, 1 * S);
	write_at(t, q, KIT_AUDIO(777, AAC_FRAME));
	write_at(t, p, KIT_AUDIO(20, AAC_FRAME));
	world_run(t->w, 1 * S);
	assert_string_equal(t->nodes[2]->messages, "0 20 ");
	group_publication_end(p, world_now_us(t->w));
	world_run(t->w, 1 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_RESET], 1);
}

static void a_play_after_the_fact_shows_what_still_comes(void **state)
{
	struct setup *t = *state;
	struct group_publication *p = publish(t, t->nodes[1], "live");

	world_run(t->w, 1 * S);
	write_at(t, p, KIT_AUDIO(0, AAC_FRAME));
	world_run(t->w, 1 * S);
	play(t, t->nodes[2], "live");
	for (uint32_t i = 1; i < 10; i++)
		write_at(t, p, KIT_AUDIO(500 * i, AAC_FRAME));
	world_run(t->w, 4 * S);
	assert_string_equal(t->nodes[2]->messages, "500 1000 1500 2000 2500 3000 3500 4000 4500 ");
}

static void names_parameters_and_rights_are_checked(void **state)
{
	struct setup *t = *state;
	struct group_publication *p;
	struct group_play *v;
	struct world_node *n = t->nodes[1];
	uint64_t now_us = world_now_us(t->w);
	char name[300];
	struct group_stream_params wide = {.window_ms = 120001};

	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	assert_int_equal(group_publish(n->group, name, NULL, NULL, &p, now_us), -EINVAL);
	assert_int_equal(group_publish(n->group, "", NULL, NULL, &p, now_us), -EINVAL);
	assert_int_equal(group_publish(n->group, "x", &wide, NULL, &p, now_us), -EINVAL);
	assert_int_equal(group_play(n->group, name, NULL, &v, now_us), -EINVAL);
	assert_int_equal(group_play(n->group, "", NULL, &v, now_us), -EINVAL);
	name[255] = '\0';
	assert_int_equal(group_publish(n->group, name, NULL, NULL, &p, now_us), 0);
	for (int i = 1; i < 4; i++)
		assert_int_equal(group_publish(n->group, "x", NULL, NULL, &p, now_us), 0);
	assert_int_equal(group_publish(n->group, "x", NULL, NULL, &p, now_us), -ENOBUFS);
	world_join(n, "G:010c050e7465737400"); // no multicast
	assert_int_equal(group_publish(n->group, "x", NULL, NULL, &p, now_us), -EOPNOTSUPP);
	assert_int_equal(group_play(n->group, "x", NULL, &v, now_us), -EOPNOTSUPP);
	world_join(n, LOCKED);
	assert_int_equal(group_publish(n->group, "x", NULL, NULL, &p, now_us), -EACCES);
}

// groups.md 10.5
static void
with_a_publish_password_a_super_peer_takes_streams_of_known_publishers_alone(void **state)
{
	struct setup *t = *state;
	struct world_node *super = world_add(t->w, &super_role),
			  *good = world_add(t->w, &member_role),
			  *bad = world_add(t->w, &member_role);
	struct groupspec spec;
	struct group_limits limits = {.publishers = (const uint8_t(*)[PEER_ID_LEN])good->id,
				      .n_publishers = 1};
	const char *why;
	uint32_t at;
	int err;

	assert_int_equal(groupspec_parse(&spec, LOCKED, &why, &at), 0);
	super->group = group_join(super->groups, &spec, &limits, NULL, &err, world_now_us(t->w));
	world_join(bad, UNLOCKED);
	world_connect(bad, super);
	world_run(t->w, 5 * S);
	publish(t, bad, "bad");
	world_run(t->w, 2 * S);
	assert_int_equal(info_n(super), 0);
	group_leave(bad->group, world_now_us(t->w));
	world_join(good, UNLOCKED);
	world_connect(good, super);
	world_run(t->w, 5 * S);
	publish(t, good, "good");
	world_run(t->w, 2 * S);
	assert_string_equal(stream_of(super).name, "good");
	assert_true(groups_counters(super->groups)->streams_foreign > 0);
}

static void a_group_takes_no_more_streams_than_its_limit(void **state)
{
	struct setup *t = *state;

	for (int i = 0; i < 4; i++)
		publish(t, t->nodes[1], "a");
	publish(t, t->nodes[2], "b");
	world_run(t->w, 2 * S);
	assert_int_equal(group_streams_info(t->nodes[0]->groups, group_spec(t->nodes[0]->group)->id,
					    (struct group_stream_info[8]){{0}}, 8),
			 4);
	assert_true(groups_counters(t->nodes[0]->groups)->streams_refused > 0);
}

static void writing_is_refused_while_the_worker_is_behind(void **state)
{
	struct setup *t = *state;
	struct group_publication *p = publish(t, t->nodes[1], "live");
	struct stream_message m = KIT_AUDIO(0, AAC_FRAME);
	uint32_t n = 0;
	int err;

	while ((err = group_publication_write(p, &m, false, world_now_us(t->w))) == 0)
		assert_true(++n < 100000);
	assert_int_equal(err, -EAGAIN);
	world_run(t->w, 100 * MS);
	assert_int_equal(group_publication_write(p, &m, false, world_now_us(t->w)), 0);
	group_publication_end(p, world_now_us(t->w));
	assert_int_equal(group_publication_write(p, &m, false, world_now_us(t->w)), -EPIPE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_stream_is_announced_to_all_and_linked_everywhere),
		T(the_parameters_are_the_publishers),
		T(members_ask_the_super_peer_for_everything_and_nobody_else),
		T(what_is_published_is_played_until_it_ends),
		T(who_joins_later_is_told_of_the_stream_and_of_its_end),
		T(a_source_that_vanishes_is_lost_after_twice_the_window),
		T(a_name_published_again_is_a_reset),
		T(a_second_instance_of_a_live_name_is_not_followed),
		T(a_play_after_the_fact_shows_what_still_comes),
		T(names_parameters_and_rights_are_checked),
		T(with_a_publish_password_a_super_peer_takes_streams_of_known_publishers_alone),
		T(a_group_takes_no_more_streams_than_its_limit),
		T(writing_is_refused_while_the_worker_is_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
