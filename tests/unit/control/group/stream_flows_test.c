// What neighbours say on stream flows, by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static void stream_flows_of_nobody_are_rejected(void **state)
{
	struct raw_peer *t = *state;

	raw_open(t->e, RAW_CONTROL, 3, false, 0);
	raw_open(t->e, RAW_DATA, 3, false, 0);
	raw_open(t->e, "GR\x1d", 3, false, 0);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->node->groups)->flows_rejected, 3);
}

static const struct {
	const char *what;
	const char *octets;
	size_t len;
} nonsense[] = {
	{"empty", "", 0},
	{"an end", "\x21\x05", 2},
	{"a map", "\x22\x05", 2},
	{"no name and no key",
	 "\x21\x02\x07\x01\x02\x07\x01\x02\x07\x01\x02\x07\x01\x02\x07\x01\x02\x07\x01\x02"
	 "\x07\x01\x02\x07\x01\x02\x07\x01\x02\x07\x01\x02\x07\x01\x02\x07\x01",
	 37},
};

static void what_names_no_stream_is_rejected(void **state)
{
	struct raw_peer *t = *state;
	struct group_stream_info i;

	for (size_t k = 0; k < sizeof(nonsense) / sizeof(nonsense[0]); k++) {
		int slot = raw_open(t->e, RAW_CONTROL, 3, true, t->their_main_id);

		raw_send(t->e, slot, nonsense[k].octets, nonsense[k].len);
		world_run(t->w, 100 * MS);
		if (n_streams(t, &i) != 0 || theirs(t)->ctl.state != CTL_OPEN)
			fail_msg("%s", nonsense[k].what);
		assert_int_equal(groups_counters(t->node->groups)->malformed, k + 1);
	}
	assert_null(world_got(t->raw));
}

static void absurd_parameters_are_refused(void **state)
{
	struct raw_peer *t = *state;
	struct stream_info info = an_info;
	struct group_stream_info i;

	info.window_ms = 0;
	announce(t, &info);
	info.window_ms = 120001;
	announce(t, &info);
	info = an_info;
	info.name = span_of("a\0b", 3);
	announce(t, &info);
	assert_int_equal(n_streams(t, &i), 0);
	assert_int_equal(groups_counters(t->node->groups)->streams_refused, 3);
	// What only contradicts itself is clamped for us and repeated as it was said.
	info = an_info;
	info.fetch_ms = info.update_ms = UINT64_MAX;
	announce(t, &info);
	assert_int_equal(n_streams(t, &i), 1);
	assert_int_equal(t->node->streams[0].seed.update_ms, 4000);
	assert_int_equal(t->node->streams[0].seed.fetch_ms, 8000);
}

static void streams_of_one_neighbour_are_bounded(void **state)
{
	struct raw_peer *t = *state;
	struct group_stream_info i;

	for (int k = 0; k < 30; k++) {
		struct stream_info info = an_info;

		info.key[31] = (uint8_t)k;
		if (t->e->ctl.tx_slots == UINT64_MAX)
			break;
		announce(t, &info);
	}
	assert_int_equal(n_streams(t, &i), 4);
	assert_int_equal(groups_counters(t->node->groups)->streams_refused, 26);
}

static void their_fragments_are_the_workers(void **state)
{
	struct raw_peer *t = *state;
	struct got *g;
	int data;

	announce(t, &an_info);
	g = world_got(t->raw);
	data = raw_open(t->e, RAW_DATA, 3, true, g->flow_id);
	free(g);
	world_run(t->w, 100 * MS);
	for (int i = 0; i < FLOWS_PER_SESSION; i++)
		if (theirs(t)->rx[i].is_open && memcmp(theirs(t)->rx[i].meta, RAW_DATA, 3) == 0) {
			assert_int_equal(theirs(t)->rx[i].class, FLOW_RELAY);
			assert_int_equal(theirs(t)->rx[i].stream, 0);
			data = -1;
		}
	assert_int_equal(data, -1);
}

static void who_ends_the_control_flow_takes_no_part_any_more(void **state)
{
	struct raw_peer *t = *state;
	int slot = announce(t, &an_info);
	struct group_stream_info i;

	ctl_flow_close(&t->e->ctl, (uint16_t)slot);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_streams(t, &i), 1);
	assert_int_equal(i.n_links, 0);
	assert_false(theirs(t)->links[0].is_linked);
	// And may come back.
	announce(t, &an_info);
	n_streams(t, &i);
	assert_int_equal(i.n_links, 1);
	assert_true(theirs(t)->links[0].is_linked);
}

static void nobody_else_ends_what_we_publish(void **state)
{
	struct raw_peer *t = *state;
	struct group_publication *p;
	struct group_stream_info i;
	struct stream_info info = an_info;
	int slot;

	group_publish(t->node->group, "live", NULL, NULL, &p, world_now_us(t->w));
	n_streams(t, &i);
	memcpy(info.key, i.key, STREAM_KEY_LEN);
	slot = announce(t, &info);
	raw_send(t->e, slot, "\x21\x05", 2);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_streams(t, &i), 1);
	assert_false(i.has_ended);
	assert_int_equal(i.n_links, 1);
}

static void newest_is(struct raw_peer *t, uint64_t number)
{
	struct report r = {.op = REP_STATS, .stats = {STATS_STREAMS, 1}};
	struct stream_stats row = {.stream = 0, .newest = number};

	r.body = body_get(t->node->bodies, sizeof(row));
	memcpy(r.body->data, &row, sizeof(row));
	groups_stats(t->node->groups, 0, &r, world_now_us(t->w));
	body_put(r.body);
}

// The end is the last number or the one behind it (groups.md 6.1): any member can say one, but not
// make us forget what we have.
static void an_end_before_what_came_is_a_lie(void **state)
{
	struct raw_peer *t = *state;
	int slot = announce(t, &an_info);
	struct group_stream_info i;

	newest_is(t, 20);
	raw_send(t->e, slot, "\x21\x13", 2);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_streams(t, &i), 1);
	assert_false(i.has_ended);
	assert_false(t->node->streams[0].is_ended);
	assert_int_equal(groups_counters(t->node->groups)->malformed, 1);
	raw_send(t->e, slot, "\x21\x14", 2);
	world_run(t->w, 100 * MS);
	n_streams(t, &i);
	assert_true(i.has_ended);
	assert_int_equal(i.end, 20);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(stream_flows_of_nobody_are_rejected),
		T(what_names_no_stream_is_rejected),
		T(absurd_parameters_are_refused),
		T(streams_of_one_neighbour_are_bounded),
		T(their_fragments_are_the_workers),
		T(who_ends_the_control_flow_takes_no_part_any_more),
		T(nobody_else_ends_what_we_publish),
		T(an_end_before_what_came_is_a_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
