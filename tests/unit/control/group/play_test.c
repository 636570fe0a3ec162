// Viewers: which stream of a name they follow, and what they are shown.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/control/group/party.h"

static void what_is_published_is_played_until_it_ends(void **state)
{
	struct party *t = *state;
	struct group_publication *p;
	struct group_stream_info info;
	struct group_play *plays[4];

	for (uint32_t i = 2; i < t->n; i++)
		plays[i - 2] = party_play(t, t->nodes[i], "live");
	p = party_publish(t, t->nodes[1], "live");
	world_run(t->w, 1 * S);
	party_write(t, p, KIT_DATA(0, METADATA));
	party_write(t, p, KIT_VIDEO(0, AVC_CONFIG));
	party_write(t, p, KIT_VIDEO(0, AVC_KEY));
	world_run(t->w, 40 * MS);
	party_write(t, p, KIT_VIDEO(40, AVC_INTER));
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

static void a_source_that_vanishes_is_lost_after_twice_the_window(void **state)
{
	struct party *t = *state;
	struct group_publication *p = party_publish(t, t->nodes[1], "live");

	party_play(t, t->nodes[2], "live");
	world_run(t->w, 1 * S);
	party_write(t, p, KIT_AUDIO(0, AAC_FRAME));
	world_run(t->w, 1 * S);
	world_die(t->nodes[1]);
	world_run(t->w, 14 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_LOST], 0);
	world_run(t->w, 4 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_LOST], 1);
	assert_int_equal(t->nodes[2]->n_events[GROUP_STREAM_UNPUBLISHED], 1);
	assert_int_equal(t->nodes[0]->n_events[GROUP_STREAM_UNPUBLISHED],
			 1); // by the workers' figures
	assert_true(party_stream(t->nodes[0]).is_silent);
	// The record is kept for five minutes, then all of it goes.
	world_run(t->w, 270 * S);
	assert_true(t->nodes[0]->streams[0].is_used);
	world_run(t->w, 30 * S);
	assert_false(t->nodes[0]->streams[0].is_used);
	assert_int_equal(t->nodes[2]->n_events[GROUP_STREAM_UNPUBLISHED], 1);
}

static void a_name_published_again_is_a_reset(void **state)
{
	struct party *t = *state;
	struct group_publication *p = party_publish(t, t->nodes[1], "live");

	party_play(t, t->nodes[2], "live");
	world_run(t->w, 1 * S);
	party_write(t, p, KIT_AUDIO(0, AAC_FRAME));
	group_publication_close(p, world_now_us(t->w));
	world_run(t->w, 1 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_END], 1);
	p = party_publish(t, t->nodes[3], "live");
	world_run(t->w, 1 * S);
	party_write(t, p, KIT_AUDIO(500, AAC_FRAME));
	world_run(t->w, 1 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_RESET], 1);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_START], 2);
	assert_string_equal(t->nodes[2]->messages, "0 500 ");
}

static void a_second_instance_of_a_live_name_is_not_followed(void **state)
{
	struct party *t = *state;
	struct group_publication *p = party_publish(t, t->nodes[1], "live"), *q;

	party_play(t, t->nodes[2], "live");
	world_run(t->w, 1 * S);
	party_write(t, p, KIT_AUDIO(0, AAC_FRAME));
	world_run(t->w, 1 * S);
	q = party_publish(t, t->nodes[3], "live");
	world_run(t->w, 1 * S);
	party_write(t, q, KIT_AUDIO(777, AAC_FRAME));
	party_write(t, p, KIT_AUDIO(20, AAC_FRAME));
	world_run(t->w, 1 * S);
	assert_string_equal(t->nodes[2]->messages, "0 20 ");
	group_publication_end(p, world_now_us(t->w));
	world_run(t->w, 1 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_RESET], 1);
}

static void a_play_after_the_fact_shows_what_still_comes(void **state)
{
	struct party *t = *state;
	struct group_publication *p = party_publish(t, t->nodes[1], "live");

	world_run(t->w, 1 * S);
	party_write(t, p, KIT_AUDIO(0, AAC_FRAME));
	world_run(t->w, 1 * S);
	party_play(t, t->nodes[2], "live");
	for (uint32_t i = 1; i < 10; i++)
		party_write(t, p, KIT_AUDIO(500 * i, AAC_FRAME));
	world_run(t->w, 4 * S);
	assert_string_equal(t->nodes[2]->messages, "500 1000 1500 2000 2500 3000 3500 4000 4500 ");
}

// MC-6, MC-25: a program's own values go before the published ones until another instance is
// followed.
static void our_own_values_hold_for_one_instance(void **state)
{
	struct party *t = *state;
	const struct group_stream_params published = {.window_ms = 6000, .fetch_ms = 2000},
					 own = {.window_ms = 2000,
						.fetch_ms = 500,
						.update_ms = 50,
						.margin_ms = 700,
						.push_neighbours = 9,
						.send_to_all = true},
					 absurd = {.window_ms = 100, .fetch_ms = 200};
	const struct stream_seed *seed = &t->nodes[2]->streams[0].seed;
	struct group_publication *p;
	struct group_play *v = party_play(t, t->nodes[2], "live");

	assert_int_equal(group_play_override(v, &absurd, world_now_us(t->w)), -EINVAL);
	assert_int_equal(group_play_override(v, &own, world_now_us(t->w)), 0); // before it is there
	assert_int_equal(
		group_publish(t->nodes[1]->group, "live", &published, NULL, &p, world_now_us(t->w)),
		0);
	world_run(t->w, 1 * S);
	assert_int_equal(seed->window_ms, 2000);
	assert_int_equal(seed->fetch_ms, 500);
	assert_int_equal(seed->update_ms, 50);
	assert_int_equal(seed->margin_ms, 700);
	assert_int_equal(seed->push_limit, 9);
	assert_int_equal(seed->flags & STREAM_SEND_TO_ALL, STREAM_SEND_TO_ALL);
	assert_int_equal(group_play_override(v, &(struct group_stream_params){.window_ms = 3000},
					     world_now_us(t->w)),
			 0);
	world_run(t->w, 1 * S);
	assert_int_equal(seed->window_ms, 3000);
	assert_int_equal(seed->fetch_ms, 2000);
	party_write(t, p, KIT_AUDIO(0, AAC_FRAME));
	group_publication_close(p, world_now_us(t->w));
	world_run(t->w, 1 * S);
	assert_int_equal(
		group_publish(t->nodes[3]->group, "live", &published, NULL, &p, world_now_us(t->w)),
		0);
	world_run(t->w, 1 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_RESET], 1);
	assert_int_equal(t->nodes[2]->streams[1].seed.window_ms, 6000);
	assert_int_equal(seed->window_ms, 6000); // and what was followed before is carried as ever
}

// MC-10
static void a_pause_is_ours_alone(void **state)
{
	struct party *t = *state;
	struct group_publication *p = party_publish(t, t->nodes[1], "live");
	struct group_play *v = party_play(t, t->nodes[2], "live");

	world_run(t->w, 1 * S);
	for (uint32_t i = 0; i < 6; i++) {
		group_play_pause(v, i >= 2 && i < 4, world_now_us(t->w));
		party_write(t, p, KIT_AUDIO(100 * i, AAC_FRAME));
		world_run(t->w, 1 * S);
	}
	world_run(t->w, 4 * S);
	assert_string_equal(t->nodes[2]->messages, "0 100 400 500 ");
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_START], 2);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_GAP], 0);
	assert_int_equal(t->nodes[2]->streams[0].n, 6); // and had by its neighbours from there
	group_play_pause(v, true, world_now_us(t->w));
	group_publication_end(p, world_now_us(t->w));
	world_run(t->w, 1 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_END], 0);
	group_play_pause(v, false, world_now_us(t->w));
	world_run(t->w, 9 * S);
	assert_int_equal(t->nodes[2]->n_events[GROUP_PLAY_END], 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, party_begin, party_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_published_is_played_until_it_ends),
		T(a_source_that_vanishes_is_lost_after_twice_the_window),
		T(a_name_published_again_is_a_reset),
		T(a_second_instance_of_a_live_name_is_not_followed),
		T(a_play_after_the_fact_shows_what_still_comes),
		T(our_own_values_hold_for_one_instance),
		T(a_pause_is_ours_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
