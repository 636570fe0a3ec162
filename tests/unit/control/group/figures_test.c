// What workers report in figures, by hand.
#include <stdlib.h>
#include <string.h>

#include "control/group/neighbour.h"
#include "control/group/streams.h"
#include "tests/support/test.h"
#include "tests/unit/control/group/party.h"

static struct body *body_of(const void *rows, size_t len)
{
	struct body *b = NULL;

	party_check(posix_memalign((void **)&b, 64, sizeof(*b) + len) == 0);
	memcpy(b->data, rows, len);
	return b;
}

static void report(struct party *t, struct world_node *n, uint32_t table, const void *rows,
		   size_t len, uint32_t count)
{
	struct report r = {.op = REP_STATS, .stats = {.table = table, .n = count}};

	r.body = body_of(rows, len);
	groups_stats(n->groups, 0, &r, world_now_us(t->w));
	free(r.body);
}

static struct end *to(struct party *t, int i)
{
	return world_end_to(t->nodes[1], t->nodes[i], WORLD_MEMBER);
}

static void health(struct party *t, struct world_node *n, struct end *e, uint32_t rtt_us,
		   bool is_suspect)
{
	struct report r = {.op = REP_SESSION_HEALTH,
			   .health = {rtt_us, is_suspect ? HEALTH_SUSPECT : HEALTH_GOOD}};

	groups_health(n->groups, &e->ctl, &r, world_now_us(t->w));
}

// groups.md 11: not counted in the ring any more, but it stays a neighbour.
static void round_trips_and_silence_reach_the_neighbour(void **state)
{
	struct party *t = *state;
	struct end *e = to(t, 2);
	struct neighbour *nb = e->ctl.groups->neighbours;

	health(t, t->nodes[1], e, 4200, false);
	assert_int_equal(nb->rtt_us, 4200);
	assert_false(nb->is_suspect);
	health(t, t->nodes[1], e, 4200, true);
	assert_true(nb->is_suspect);
	assert_int_equal(world_open_neighbours(t->nodes[1]), t->n - 1);
	health(t, t->nodes[1], e, 5300, false);
	assert_false(nb->is_suspect);
	assert_int_equal(nb->rtt_us, 5300);
}

// While a stream flows figures are asked for, and those of a former session say nothing.
static void figures_reach_the_session_that_they_are_of(void **state)
{
	struct party *t = *state;
	struct end *e = to(t, 2);
	struct session_stats rows[2] = {
		{.session_idx = e->ctl.idx, .session_id = e->ctl.id, .srtt_us = 4200},
		{.session_idx = e->ctl.idx, .session_id = e->ctl.id ^ 1, .srtt_us = 1},
	};

	report(t, t->nodes[1], STATS_SESSIONS, rows, sizeof(rows), 2);
	assert_int_equal(e->ctl.groups->neighbours->rtt_us, 4200);
}

// groups.md 11: asked after 2 s then.
static void while_a_stream_flows_silence_is_noticed_sooner(void **state)
{
	struct party *t = *state;
	struct end *e = to(t, 2);

	assert_int_equal(e->suspect_us, 8000000);
	party_publish(t, t->nodes[1], "live");
	world_run(t->w, 1 * S);
	assert_int_equal(neighbour_keepalive_ms(&e->ctl), 2000);
	assert_int_equal(e->keepalive_us, 2000000);
	assert_int_equal(e->suspect_us, 8000000);
}

// The ring must be right for routing; the others are for short cuts.
static void who_stands_beside_us_is_asked_sooner_than_others(void **state)
{
	struct party *t = *state;
	uint32_t n_next = 0, n_adjacent = 0;

	while (t->n < 16)
		party_add(t);
	world_run(t->w, 60 * S);
	assert_int_equal(world_open_neighbours(t->nodes[0]), 15);
	for (int i = 1; i < 16; i++) {
		struct end *e = world_end_to(t->nodes[0], t->nodes[i], WORLD_MEMBER);
		struct neighbour *nb = e->ctl.groups->neighbours;

		n_next += nb->is_next;
		n_adjacent += nb->is_adjacent;
		assert_true(nb->is_adjacent || !nb->is_next);
		assert_int_equal(e->keepalive_us, nb->is_next ? 5000000 : 15000000);
		assert_int_equal(e->suspect_us, 8000000);
	}
	assert_int_equal(n_next, 2);
	assert_int_equal(n_adjacent, 6);
}

// The one behind him is asked in his place, long before anybody has given him up.
static void when_the_next_one_is_suspect_the_one_behind_is_asked_sooner(void **state)
{
	struct party *t = *state;
	struct group *g = t->nodes[0]->group;
	struct neighbour *second;

	while (t->n < 16)
		party_add(t);
	world_run(t->w, 60 * S);
	second = member_of_ring(ring_set_up(&g->members.ring, g->address, 2))->neighbour;
	assert_int_equal(neighbour_keepalive_ms(second->cs), 15000);
	for (int i = 1; i < 16; i++) {
		struct end *e = world_end_to(t->nodes[0], t->nodes[i], WORLD_MEMBER);

		if (&member_of_ring(ring_set_up(&g->members.ring, g->address, 1))
			     ->neighbour->cs->id == &e->ctl.id)
			health(t, t->nodes[0], e, 4200, true);
	}
	world_run(t->w, 1 * S);
	assert_int_equal(neighbour_keepalive_ms(second->cs), 5000);
	assert_true(second->is_next);
}

// A crowd of fifteen at nodes[0], and which of them stand beside it.
static void all_meet(struct party *t)
{
	while (t->n < 16)
		party_add(t);
	world_run(t->w, 60 * S);
	assert_int_equal(world_open_neighbours(t->nodes[0]), 15);
}

static struct neighbour *of(struct party *t, int i)
{
	return world_end_to(t->nodes[0], t->nodes[i], WORLD_MEMBER)->ctl.groups->neighbours;
}

static void check_keepalives(struct party *t, uint32_t adjacent_us, uint32_t suspect_us)
{
	uint32_t n_adjacent = 0;

	for (int i = 1; i < 16; i++) {
		struct end *e = world_end_to(t->nodes[0], t->nodes[i], WORLD_MEMBER);
		struct neighbour *nb = of(t, i);

		if (nb->is_suspect)
			continue;
		n_adjacent += nb->is_adjacent;
		assert_int_equal(e->keepalive_us, nb->is_adjacent && adjacent_us != 0 ? adjacent_us
						  : nb->is_next                       ? 5000000
										      : 15000000);
		assert_int_equal(e->suspect_us, nb->is_adjacent ? suspect_us : 8000000);
	}
	assert_int_equal(n_adjacent, 6);
}

// One that falls silent is no news. Two within a minute, and those beside us are asked every second
// and suspected after two; a minute after the last two all is as before.
static void while_members_vanish_those_beside_us_are_asked_every_second(void **state)
{
	struct party *t = *state;
	int away[2], n = 0;

	all_meet(t);
	for (int i = 1; i < 16; i++) {
		health(t, t->nodes[0], world_end_to(t->nodes[0], t->nodes[i], WORLD_MEMBER), 4200,
		       false);
		if (n < 2 && !of(t, i)->is_adjacent)
			away[n++] = i;
	}
	check_keepalives(t, 0, 8000000);
	health(t, t->nodes[0], world_end_to(t->nodes[0], t->nodes[away[0]], WORLD_MEMBER), 4200,
	       true);
	world_run(t->w, 1 * S);
	check_keepalives(t, 0, 8000000);
	world_run(t->w, 30 * S);
	health(t, t->nodes[0], world_end_to(t->nodes[0], t->nodes[away[1]], WORLD_MEMBER), 4200,
	       true);
	world_run(t->w, 1 * S);
	check_keepalives(t, 1000000, 2000000);
	world_run(t->w, 40 * S);
	check_keepalives(t, 0, 8000000);
}

// A path of long round trips needs its time to answer.
static void who_is_far_away_is_given_the_time_to_answer(void **state)
{
	static const struct {
		const char *claim;
		uint32_t rtt_us, suspect_us;
	} rows[] = {{"not measured", 0, 8000000},
		    {"near", 500000, 2000000},
		    {"four round trips", 600000, 2400000},
		    {"not more than at rest", 3000000, 8000000}};
	struct party *t = *state;

	all_meet(t);
	t->nodes[0]->group->suspected_us[0] = world_now_us(t->w);
	neighbours_unrest(t->nodes[0]->group);
	for (size_t r = 0; r < ARRAY_LEN(rows); r++)
		for (int i = 1; i < 16; i++) {
			struct end *e = world_end_to(t->nodes[0], t->nodes[i], WORLD_MEMBER);

			if (!of(t, i)->is_adjacent)
				continue;
			of(t, i)->rtt_us = rows[r].rtt_us;
			neighbour_keepalive(&e->ctl);
			world_run(t->w, 1 * MS);
			if (e->suspect_us != rows[r].suspect_us)
				fail_msg("%s: %u", rows[r].claim, e->suspect_us);
		}
}

static void a_streams_figures_are_its_workers_together(void **state)
{
	struct party *t = *state;
	struct stream_stats rows[2] = {{.stream = 0,
					.newest = 900,
					.fragments_received = 800,
					.bytes_pushed_from = 7000,
					.bytes_pulled_from = 500,
					.late = 3,
					.missing = 2},
				       {.stream = 77, .newest = 1}}; // nobody's
	struct group_stream_info i;

	party_publish(t, t->nodes[1], "live");
	world_run(t->w, 1 * S);
	report(t, t->nodes[0], STATS_STREAMS, rows, sizeof(rows), 2);
	i = party_stream(t->nodes[0]);
	assert_int_equal(i.newest, 900);
	assert_int_equal(i.received, 800);
	assert_int_equal(i.bytes, 7500);
	assert_int_equal(i.late, 3);
	assert_int_equal(i.missing, 2);
}

// Nobody acts on an idle group's figures within seconds.
static void who_has_no_streams_asks_for_nothing(void **state)
{
	struct party *t = *state;
	struct world_node *n = t->nodes[1];
	uint32_t before = n->n_stats;

	world_run(t->w, 60 * S);
	assert_int_equal(n->n_stats - before, 0); // what changes is told (REP_SESSION_HEALTH)
	party_publish(t, n, "live");
	world_run(t->w, 1 * S);
	before = n->n_stats;
	world_run(t->w, 20 * S);
	assert_in_range(n->n_stats - before, 2 * 9, 4 * 11); // every 2 s, of sessions and streams
}

static void tables_nobody_knows_are_ignored(void **state)
{
	struct party *t = *state;

	report(t, t->nodes[1], 99, "x", 1, 1000);
	report(t, t->nodes[1], STATS_WORKER, "x", 1, 1);
}

static void a_source_is_done_when_everybody_has_acknowledged(void **state)
{
	struct party *t = *state;
	struct group_publication *p = party_publish(t, t->nodes[1], "live");
	struct link_stats links[4] = {{0}};
	struct session_stats sessions[4] = {{0}};

	world_run(t->w, 1 * S);
	group_publication_end(p, world_now_us(t->w));
	for (int i = 0, k = 0; i < 5; i++)
		if (i != 1) {
			links[k] = (struct link_stats){.session_idx = to(t, i)->ctl.idx,
						       .session_id = to(t, i)->ctl.id};
			sessions[k++] = (struct session_stats){.session_idx = to(t, i)->ctl.idx,
							       .session_id = to(t, i)->ctl.id};
		}
	links[2].lag_fragments = 1;
	world_run(t->w, 600 * MS);
	report(t, t->nodes[1], STATS_LINKS, links, sizeof(links), 4);
	report(t, t->nodes[1], STATS_SESSIONS, sessions, sizeof(sessions), 4);
	world_run(t->w, 300 * MS);
	assert_int_equal(t->nodes[1]->n_events[GROUP_PUBLISH_DONE], 0); // one lacks something
	links[2].lag_fragments = 0;
	sessions[3].in_flight_bytes = 1;
	report(t, t->nodes[1], STATS_LINKS, links, sizeof(links), 4);
	report(t, t->nodes[1], STATS_SESSIONS, sessions, sizeof(sessions), 4);
	world_run(t->w, 300 * MS);
	assert_int_equal(t->nodes[1]->n_events[GROUP_PUBLISH_DONE], 0); // one has not acknowledged
	sessions[3].in_flight_bytes = 0;
	report(t, t->nodes[1], STATS_SESSIONS, sessions, sizeof(sessions), 4);
	world_run(t->w, 300 * MS);
	assert_int_equal(t->nodes[1]->n_events[GROUP_PUBLISH_DONE], 1);
}

static void or_when_window_and_margin_have_passed(void **state)
{
	struct party *t = *state;
	struct group_publication *p = party_publish(t, t->nodes[1], "live");

	world_run(t->w, 1 * S);
	group_publication_end(p, world_now_us(t->w));
	world_run(t->w, 9900 * MS);
	assert_int_equal(t->nodes[1]->n_events[GROUP_PUBLISH_DONE], 0);
	world_run(t->w, 400 * MS);
	assert_int_equal(t->nodes[1]->n_events[GROUP_PUBLISH_DONE], 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, party_begin, party_end)

// 14.3: our server knows whether we are behind a translator.
static void a_server_says_how_long_neighbours_may_be_silent(void **state)
{
	static const uint32_t rows[][2] = {{20000, 20000}, {3600000, 20000}, {9000, 9000}};
	struct party *t = *state;

	while (t->n < 16)
		party_add(t);
	world_run(t->w, 60 * S);
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		uint32_t n_others = 0;

		groups_peers_period(t->nodes[0]->groups, rows[k][0], world_now_us(t->w));
		world_run(t->w, 1 * S);
		for (int i = 1; i < 16; i++) {
			struct end *e = world_end_to(t->nodes[0], t->nodes[i], WORLD_MEMBER);
			bool is_next = e->ctl.groups->neighbours->is_next;

			n_others += !is_next;
			assert_int_equal(e->keepalive_us, is_next ? 5000000 : rows[k][1] * 1000);
		}
		assert_true(n_others > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(figures_reach_the_session_that_they_are_of),
		T(round_trips_and_silence_reach_the_neighbour),
		T(while_a_stream_flows_silence_is_noticed_sooner),
		T(who_stands_beside_us_is_asked_sooner_than_others),
		T(a_server_says_how_long_neighbours_may_be_silent),
		T(when_the_next_one_is_suspect_the_one_behind_is_asked_sooner),
		T(while_members_vanish_those_beside_us_are_asked_every_second),
		T(who_is_far_away_is_given_the_time_to_answer),
		T(a_streams_figures_are_its_workers_together),
		T(who_has_no_streams_asks_for_nothing),
		T(tables_nobody_knows_are_ignored),
		T(a_source_is_done_when_everybody_has_acknowledged),
		T(or_when_window_and_margin_have_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
