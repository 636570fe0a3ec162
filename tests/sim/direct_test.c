// Direct streams (rtmfp.md 14.5, netgroup-semantics 9): two members behind address translators,
// whom an introducer brings together (SV-1) and who then do without it.
#include <string.h>

#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define SEEDS      200
#define KINDS      5
#define LONG_EVERY 40 // of so many seeds, one has the whole film
#define SHORT      250

static const char *const names[KINDS] = {"none", "full cone", "address", "port", "symmetric"};
static const struct world_publish film = {
	.message_bytes = 600, .every_us = 20000, .n_messages = 1800};

// As in nat_test.c: does either end's first datagram find the other's port open?
static bool can_meet(enum nat_kind a, enum nat_kind b)
{
	if (a == NAT_SYMMETRIC)
		return b != NAT_SYMMETRIC && b != NAT_PORT_RESTRICTED;
	return b != NAT_SYMMETRIC || a != NAT_PORT_RESTRICTED;
}

static bool are_known(struct world *w)
{
	uint32_t n = 0, at = 0;
	const struct ctl_session *s;

	while ((s = startup_next(node_startup(w->members[0].sim->node), &at)) != NULL)
		n += s->is_registered;
	return n == w->n - 1;
}

static bool has_begun(struct world *w)
{
	return w->members[2].play.n_messages > 0;
}

static bool has_ended(struct world *w)
{
	return w->members[2].play.has_ended && w->members[1].is_done;
}

static bool has_failed(struct world *w)
{
	return w->members[2].n_stream_failures > 0;
}

// Past its first message the introducer is gone (NC-12 is for a Flash client; node.h says what we
// do).
static void watch(const struct sim_run *r, struct world *w, uint64_t n_messages)
{
	const struct world_play *p = &w->members[2].play;

	if (!world_run_until(w, has_begun, 25000000))
		sim_fail(r, "nothing came");
	net_island(w->net, w->members[0].host, 1);
	if (!world_run_until(w, has_ended, 120000000))
		sim_fail(r, "the stream did not end");
	if (p->n_gaps > 0 || p->n_duplicates > 0 || p->next != n_messages)
		sim_fail(r, "%llu messages, the last %llu, %llu gaps, %llu twice",
			 (unsigned long long)p->n_messages, (unsigned long long)p->next - 1,
			 (unsigned long long)p->n_gaps, (unsigned long long)p->n_duplicates);
	if (w->members[2].n_stream_failures > 0 || w->members[1].n_peers != 1)
		sim_fail(r, "it was over before");
	promise_one_session(w, 1, 2);
}

static void be_told(const struct sim_run *r, struct world *w)
{
	if (!world_run_until(w, has_failed, 100000000))
		sim_fail(r, "nobody said that they cannot meet");
	if (strcmp(w->members[2].stream_failure, "NetStream.Connect.Failed") != 0)
		sim_fail(r, "told %s", w->members[2].stream_failure);
	if (w->members[2].play.n_messages > 0)
		sim_fail(r, "it came all the same");
}

// Row: both kinds, the publisher's first.
static void direct(const struct sim_run *r)
{
	const struct net_nat_opts nats[2] = {
		{.kind = r->row / KINDS, .timeout_us = 120000000},
		{.kind = r->row % KINDS, .timeout_us = 120000000},
	};
	struct net_link line = {.delay_us = 10000, .jitter_us = 5000, .loss_permille = 20};
	struct world *w = world_create(&(struct world_opts){.run = r,
							    .has_super = true,
							    .n_members = 2,
							    .up = line,
							    .down = line,
							    .nats = nats,
							    .n_nats = 2});
	struct world_publish it = film;

	if (r->seed % LONG_EVERY != 1)
		it.n_messages = SHORT;
	world_connect(w, 1);
	world_connect(w, 2);
	if (!world_run_until(w, are_known, 30000000))
		sim_fail(r, "not registered with the introducer");
	world_publish_direct(w, 1, &it);
	world_play_direct(w, 2, 1);
	if (can_meet(nats[0].kind, nats[1].kind))
		watch(r, w, it.n_messages);
	else
		be_told(r, w);
	promise_always(w);
	*(uint64_t *)r->figures = w->members[2].play.first;
	world_destroy(w);
}

static void whoever_can_meet_gets_the_stream(void **state)
{
	for (uint32_t row = 0; row < KINDS * KINDS; row++) {
		struct sim_scenario s = {.test = "direct",
					 .scenario = names[row / KINDS],
					 .row = row,
					 .n_seeds = SEEDS,
					 .pool = *state,
					 .run = direct,
					 .figures_len = sizeof(uint64_t)};
		uint64_t *first, late = 0;
		uint32_t n;

		first = sim_each_seed(&s, &n);
		for (uint32_t i = 0; i < n; i++)
			late = first[i] > late ? first[i] : late;
		if (can_meet(row / KINDS, row % KINDS))
			print_message("%-10s to %-10s whole from %.1f s on at the latest\n",
				      names[row / KINDS], names[row % KINDS],
				      (double)(late * film.every_us) / 1e6);
		else
			print_message("%-10s to %-10s cannot meet, and are told\n",
				      names[row / KINDS], names[row % KINDS]);
		sim_figures_free(&s, first, n);
	}
}

// ---- two that can meet, and what else may happen to them ----

static struct world *members(const struct sim_run *r, uint32_t n)
{
	struct net_link line = {.delay_us = 10000, .jitter_us = 5000, .loss_permille = 20};
	struct world *w = world_create(&(struct world_opts){
		.run = r, .has_super = true, .n_members = n, .up = line, .down = line});

	for (uint32_t i = 1; i <= n; i++)
		world_connect(w, i);
	if (!world_run_until(w, are_known, 30000000))
		sim_fail(r, "not registered with the introducer");
	return w;
}

// P2-4: whoever plays is told.
static void publisher_vanishes(const struct sim_run *r)
{
	struct world *w = members(r, 2);

	world_publish_direct(w, 1, &film);
	world_play_direct(w, 2, 1);
	if (!world_run_until(w, has_begun, 25000000))
		sim_fail(r, "nothing came");
	net_island(w->net, w->members[1].host, 1);
	if (!world_run_until(w, has_failed, 125000000))
		sim_fail(r, "the publisher was not missed");
	if (strcmp(w->members[2].stream_failure, "NetStream.Connect.Closed") != 0)
		sim_fail(r, "told %s", w->members[2].stream_failure);
	world_destroy(w);
}

static bool have_both_begun(struct world *w)
{
	return w->members[1].play.n_messages > 0 && w->members[2].play.n_messages > 0;
}

// Both call each other at once: one session carries both streams (14.5). A third stream, of a name
// that nobody publishes, shares it, too, and waits (NC-16).
static void both_play(const struct sim_run *r)
{
	struct world *w = members(r, 2);
	struct direct_peer_info waiting;
	struct node_stream *s;

	for (uint32_t i = 1; i <= 2; i++) {
		world_publish_direct(w, i, &film);
		if (node_direct_play(w->members[i].sim->node,
				     sim_node_peer_id(w->members[3 - i].sim), "s", &s,
				     w->now_us) != 0)
			sim_fail(r, "may not play");
	}
	if (!world_run_until(w, have_both_begun, 25000000))
		sim_fail(r, "nothing came");
	promise_one_session(w, 1, 2);
	if (node_direct_play(w->members[2].sim->node, sim_node_peer_id(w->members[1].sim), "other",
			     &s, w->now_us) != 0)
		sim_fail(r, "may not wait");
	world_wake(w, 2);
	world_run_us(w, 10000000);
	promise_one_session(w, 1, 2);
	if (node_direct_peers(w->members[1].sim->node, NULL, &waiting, 1) != 1 ||
	    strcmp(waiting.name, "other") != 0)
		sim_fail(r, "nobody waits");
	if (w->members[1].n_stream_failures + w->members[2].n_stream_failures > 0)
		sim_fail(r, "a stream was over before");
	promise_no_duplicates(w);
	promise_always(w);
	world_destroy(w);
}

static bool begins_and_fails(struct world *w)
{
	return has_begun(w) && has_failed(w);
}

static void promise_sessions(const struct sim_run *r, struct world *w, bool first, bool second)
{
	if ((world_session(w, 2, 1) != NULL) != first || (world_session(w, 2, 3) != NULL) != second)
		sim_fail(r, "sessions to the wrong peers");
	if (strcmp(w->members[2].stream_failure, "NetStream.Connect.Failed") != 0)
		sim_fail(r, "told %s", w->members[2].stream_failure);
}

// NC-15 of sessions that we open ourselves: one to a second peer is refused at once, and where both
// were on their way already, the one that comes second goes again. What there is goes on, may carry
// another stream, and more may come when the limit is raised.
static void beyond_the_limit(const struct sim_run *r)
{
	struct world *w = members(r, 3);
	struct node *node = w->members[2].sim->node;
	struct node_stream *s;
	uint64_t before;

	world_publish_direct(w, 1, &film);
	world_publish_direct(w, 3, &film);
	node_set_peer_connections_max(node, 1);
	world_play_direct(w, 2, 1);
	if (r->row == 2 && !world_run_until(w, has_begun, 25000000))
		sim_fail(r, "nothing came");
	world_play_direct(w, 2, 3);
	if (!world_run_until(w, begins_and_fails, 25000000))
		sim_fail(r, "two peers where one is allowed");
	world_run_us(w, 5000000);
	if (r->row == 2) {
		promise_sessions(r, w, true, false);
		if (node_direct_play(node, sim_node_peer_id(w->members[1].sim), "other", &s,
				     w->now_us) != 0)
			sim_fail(r, "may not wait");
		world_wake(w, 2);
		world_run_us(w, 3000000);
	} else {
		bool is_first = world_session(w, 2, 1) != NULL;

		promise_sessions(r, w, is_first, !is_first);
	}
	if (w->members[2].n_stream_failures != 1)
		sim_fail(r, "%u streams are over", w->members[2].n_stream_failures);
	node_set_peer_connections_max(node, 2);
	before = w->members[2].play.n_duplicates;
	if (world_session(w, 2, 3) == NULL)
		world_play_direct(w, 2, 3);
	else
		world_play_direct(w, 2, 1);
	world_run_us(w, 10000000);
	promise_one_session(w, 2, 1);
	promise_one_session(w, 2, 3);
	if (w->members[2].play.n_duplicates == before) // both number alike
		sim_fail(r, "the second did not begin");
	world_destroy(w);
}

static void one_session_is_enough_and_its_loss_is_told(void **state)
{
	struct sim_scenario s[] = {
		{.scenario = "the publisher vanishes", .run = publisher_vanishes},
		{.scenario = "both play from each other", .run = both_play, .row = 1},
		{.scenario = "a second peer where one is allowed",
		 .run = beyond_the_limit,
		 .row = 2},
		{.scenario = "two at once where one is allowed", .run = beyond_the_limit, .row = 3},
	};

	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		uint32_t n;
		void *figures;

		s[i].test = "direct";
		s[i].n_seeds = SEEDS;
		s[i].pool = *state;
		s[i].figures_len = 1;
		figures = sim_each_seed(&s[i], &n);
		sim_figures_free(&s[i], figures, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_can_meet_gets_the_stream),
		cmocka_unit_test(one_session_is_enough_and_its_loss_is_told),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
