// Our part of stream flows, toward a far end that is driven by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/json.h"
#include "tests/unit/control/group/raw_peer.h"

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

static const struct stream_info an_info = {.name = {(const uint8_t *)"live", 4},
					   .key = {1, 2, 3},
					   .window_ms = 8000,
					   .expiry_ms = STREAM_EXPIRY_MS,
					   .update_ms = 100,
					   .fetch_ms = 2500,
					   .has_flag_02 = true};

static int announce(struct raw_peer *t, const struct stream_info *info)
{
	uint8_t octets[512];
	struct wr w = wr_over(octets, sizeof(octets));
	int slot = raw_open(t->e, RAW_CONTROL, 3, true, t->their_main_id);

	assert_int_equal(stream_info_write(&w, info), 0);
	raw_send(t->e, slot, octets, w.len);
	world_run(t->w, 100 * MS);
	return slot;
}

static uint32_t n_streams(struct raw_peer *t, struct group_stream_info *first)
{
	struct group_stream_info i[8];
	uint32_t n = group_streams_info(t->node->groups, t->spec.id, i, 8);

	*first = n > 0 ? i[0] : (struct group_stream_info){0};
	return n;
}

static struct end *theirs(struct raw_peer *t)
{
	return t->e->far;
}

static void an_announcement_is_repeated_and_links(void **state)
{
	struct raw_peer *t = *state;
	int slot = announce(t, &an_info);
	struct group_stream_info i;
	struct stream_info echo;
	struct got *g = world_got(t->raw);

	assert_int_equal(n_streams(t, &i), 1);
	assert_int_equal(i.n_links, 1);
	assert_non_null(g);
	assert_memory_equal(g->meta, RAW_CONTROL, 3);
	assert_int_equal(stream_info_read(&echo, span_of(g->octets, g->len)), 0);
	assert_true(span_equal(echo.name, an_info.name));
	assert_memory_equal(echo.key, an_info.key, STREAM_KEY_LEN);
	assert_int_equal(echo.window_ms, 8000);
	// Our fragments will return on their control flow.
	assert_int_equal(theirs(t)->links[0].assoc_id, ctl_flow_id(&t->e->ctl, (uint16_t)slot));
	free(g);
}

// groups.md 11: it would go on for ever if the stream's end did not take it back.
static void silence_is_asked_about_sooner_only_while_linked(void **state)
{
	struct raw_peer *t = *state;
	int slot;

	assert_int_equal(t->e->far->keepalive_us, 5000000); // of two, each stands beside the other
	slot = announce(t, &an_info);
	assert_int_equal(t->e->far->keepalive_us, 2000000);
	ctl_flow_close(&t->e->ctl, (uint16_t)slot);
	world_run(t->w, 100 * MS);
	assert_int_equal(t->e->far->keepalive_us, 5000000);
}

static void ours_look_like_the_recorded_ones(void **state)
{
	struct raw_peer *t = *state;
	struct json_doc *doc = json_load("groups/two-node.pub.messages.json");
	struct group_publication *p;
	struct got *g;
	struct json *m;
	bool found = false;

	assert_int_equal(
		group_publish(t->node->group, "test123", NULL, NULL, &p, world_now_us(t->w)), 0);
	world_run(t->w, 100 * MS);
	g = world_got(t->raw);
	assert_non_null(g);
	json_each(m, json_at(json_root(doc), "messages"))
	{
		struct span want;

		if (!json_has(m, "metadata") || strcmp(json_text(m, "metadata"), "475211") != 0 ||
		    found)
			continue;
		want = json_hex(doc, m, "hex");
		found = true;
		assert_int_equal(g->len, want.len);
		assert_memory_equal(g->octets, want.data, 12); // up to the key, which is random
		assert_memory_equal(g->octets + 44, want.data + 44, want.len - 44);
	}
	assert_true(found);
	free(g);
	json_free(doc);
}

static void the_end_is_said_as_recorded_and_passed_on(void **state)
{
	struct raw_peer *t = *state;
	int slot = announce(t, &an_info);
	struct group_stream_info i;
	struct got *g;

	raw_drain(t);
	raw_send(t->e, slot, "\x21\x82\x5e", 3);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_streams(t, &i), 1);
	assert_int_equal(i.end, 350);
	assert_true(i.has_ended);
	assert_true(t->node->streams[0].is_ended);
	g = world_got(t->raw); // a relay passes it on, also to whom it has it from
	assert_int_equal(g->len, 3);
	assert_memory_equal(g->octets, "\x21\x82\x5e", 3);
	free(g);
	// Only a later end is news.
	raw_send(t->e, slot, "\x21\x05", 2);
	world_run(t->w, 100 * MS);
	assert_null(world_got(t->raw));
	assert_int_equal(t->node->streams[0].end, 350);
}

static void who_rejects_ours_is_left_alone(void **state)
{
	struct raw_peer *t = *state;
	struct group_stream_info i;
	struct got *g;

	announce(t, &an_info);
	g = world_got(t->raw);
	ctl_flow_reject(&t->e->ctl, g->rx_slot, g->flow_id, 0);
	free(g);
	world_run(t->w, 5 * S);
	n_streams(t, &i);
	assert_int_equal(i.n_links, 0);
	assert_null(world_got(t->raw));
	assert_int_equal(world_open_neighbours(t->node), 1);
}

// Have we been told of a stream, among other things? It is rejected.
static bool rejects_announcement(struct raw_peer *t)
{
	bool has_one = false;
	struct got *g;

	while ((g = world_got(t->raw)) != NULL) {
		if (memcmp(g->meta, RAW_CONTROL, 3) == 0) {
			ctl_flow_reject(&t->e->ctl, g->rx_slot, g->flow_id, 0);
			has_one = true;
		}
		free(g);
	}
	return has_one;
}

// It may have had no room, or have dropped the stream during a pause.
static void who_rejects_a_live_stream_is_asked_again_later(void **state)
{
	struct raw_peer *t = *state;
	struct stream_message m = {.type = RTMP_AUDIO, .body = {(const uint8_t *)"\xaf\x01x", 3}};
	struct group_publication *p;

	group_publish(t->node->group, "live", NULL, NULL, &p, world_now_us(t->w));
	world_run(t->w, 100 * MS);
	assert_true(rejects_announcement(t));
	world_run(t->w, 100 * S);
	assert_false(rejects_announcement(t)); // it pauses: nobody wants it
	group_publication_write(p, &m, false, world_now_us(t->w));
	world_run(t->w, 2 * S);
	assert_true(rejects_announcement(t));
	for (int i = 0; i < 5; i++) {
		group_publication_write(p, &m, false, world_now_us(t->w));
		world_run(t->w, 5 * S);
	}
	assert_false(rejects_announcement(t));
	world_run(t->w, 7 * S);
	assert_true(rejects_announcement(t));
}

static void a_neighbour_that_goes_takes_its_links_along(void **state)
{
	struct raw_peer *t = *state;
	struct group_stream_info i;

	announce(t, &an_info);
	ctl_flow_close(&t->e->ctl, (uint16_t)t->main);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_streams(t, &i), 1);
	assert_int_equal(i.n_links, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_announcement_is_repeated_and_links),
		T(silence_is_asked_about_sooner_only_while_linked),
		T(ours_look_like_the_recorded_ones),
		T(the_end_is_said_as_recorded_and_passed_on),
		T(who_rejects_ours_is_left_alone),
		T(who_rejects_a_live_stream_is_asked_again_later),
		T(a_neighbour_that_goes_takes_its_links_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
