// Members come and go, again and again: what the super-peer lent them comes back, and who stays
// does not notice.
#include "crypto/epd.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define MEMBERS   8 // the first stays and plays, others come and go
#define JOIN_US   4000000
#define STREAM_US 1500000
#define FORGET_US                                                                                  \
	620000000 // dead sessions 65 s and 90 s more, silent streams and stale gossip 300 s
#define MESSAGE_US    20000
#define LAST_MESSAGES 100

struct row {
	const char *name;
	uint32_t n_seeds, n_rounds, n_members;
	uint32_t goodbyes_percent;
	uint32_t loss_permille;
};

static const struct row rows[] = {
	{"all say goodbye", 4, 20, 6, 100, 0},
	{"all are killed", 4, 20, 6, 0, 0},
	{"half and half, 5 % loss", 4, 20, 6, 50, 50},
	{"a source that vanishes, 40 times", 2, 40, 1, 0, 0},
	{"few, half and half, 5 % loss", 200, 2, 3, 50, 50},
};

struct figures {
	uint64_t n_stale_commands, n_messages;
};

static void come(struct world *w, uint32_t i)
{
	world_connect(w, i);
	world_join(w, i);
}

static void round_once(struct world *w, const struct row *row)
{
	for (uint32_t i = 2; i < 2 + row->n_members; i++)
		come(w, i);
	world_run_us(w, JOIN_US);
	world_publish(w, 2, &(struct world_publish){800, MESSAGE_US, UINT64_MAX});
	for (uint32_t i = 3; i < 2 + row->n_members; i++)
		world_play(w, i);
	world_run_us(w, STREAM_US);
	for (uint32_t i = 2; i < 2 + row->n_members; i++) {
		if (random_below(&w->random, 100) < row->goodbyes_percent)
			world_leave(w, i);
		else
			world_kill(w, i);
	}
}

static void churn(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	struct net_link line = {.delay_us = 10000, .loss_permille = row->loss_permille};
	struct world *w = world_create(&(struct world_opts){
		.run = r, .has_super = true, .n_members = MEMBERS, .up = line, .down = line});
	struct figures *f = r->figures;
	uint64_t before;

	world_join(w, 0);
	come(w, 1);
	world_play(w, 1);
	world_run_us(w, JOIN_US);
	for (uint32_t i = 0; i < row->n_rounds; i++)
		round_once(w, row);
	promise_cookies(w);
	// The last source is like the first: who stayed gets it from the super-peer.
	come(w, 2);
	world_run_us(w, JOIN_US + 20000000); // what was followed until now is lost first
	before = w->members[1].play.n_messages;
	world_publish(w, 2, &(struct world_publish){800, MESSAGE_US, LAST_MESSAGES});
	world_run_us(w, 15000000);
	f->n_messages = w->members[1].play.n_messages - before;
	world_leave(w, 2);
	world_leave(w, 1);
	world_run_us(w, FORGET_US);
	promise_nothing_left(w, 0);
	f->n_stale_commands = engine_stats(w->members[0].sim->engine)->drops[DROP_STALE_COMMAND];
	world_destroy(w);
}

// A stranger that answers pings and wants nothing.
static void knock(struct world *w, uint32_t i)
{
	struct sim_node *s = w->members[i].sim;
	struct wire_addr server = sim_node_addr(w->members[0].sim, SIM_SERVER_PORT);
	static const char uri[] = "rtmfp://super/sim";
	struct ctl_session *existing;
	uint8_t epd[64];
	int len = epd_build_ancillary(epd, sizeof(epd), span_of(uri, sizeof(uri) - 1));
	struct open_opts o = {.endpoint = sim_member_endpoint(s),
			      .epd = span_of(epd, (size_t)len),
			      .candidates = &server,
			      .n_candidates = 1,
			      .user = w};

	startup_open(node_startup(s->node), &o, &existing, w->now_us);
	world_wake(w, i);
}

static uint32_t n_sessions(struct world *w)
{
	struct node_info info;

	node_info(w->members[0].sim->node, &info);
	return info.n_sessions;
}

static void stranger(const struct sim_run *r)
{
	struct net_link line = {.delay_us = 10000};
	struct world *w = world_create(&(struct world_opts){.run = r,
							    .has_super = true,
							    .n_members = 2,
							    .up = line,
							    .down = line,
							    .keepalive_us = 1000000});
	struct ctl_session *s;
	uint32_t at = 0;

	world_join(w, 0);
	come(w, 1);
	knock(w, 2);
	world_run_us(w, 15000000);
	if (n_sessions(w) != 3)
		sim_fail(r, "%u sessions instead of 3", n_sessions(w));
	// It would go by itself, being one of ours, at 30 s: so it has been there for long.
	while ((s = startup_next(node_startup(w->members[0].sim->node), &at)) != NULL)
		s->opened_us -= 15000000;
	world_run_us(w, 10000000);
	if (n_sessions(w) != 2) // the member's are there
		sim_fail(r, "%u sessions instead of 2", n_sessions(w));
	world_destroy(w);
}

static void who_never_connects_keeps_no_session(void **state)
{
	struct sim_scenario s = {.test = "churn",
				 .scenario = "a stranger at the server",
				 .n_seeds = 2,
				 .pool = *state,
				 .run = stranger,
				 .figures_len = 1};
	uint32_t n;
	void *figures = sim_each_seed(&s, &n);

	sim_figures_free(&s, figures, n);
}

static void nothing_is_left_of_who_went(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "churn",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = rows[i].n_seeds,
					 .pool = *state,
					 .run = churn,
					 .figures_len = sizeof(struct figures)};
		uint64_t n_stale = 0;
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		for (uint32_t k = 0; k < n; k++) {
			assert_int_equal(f[k].n_messages, LAST_MESSAGES);
			// What control says crosses what the far end does, seldom.
			assert_true(f[k].n_stale_commands <= rows[i].n_rounds);
			n_stale += f[k].n_stale_commands;
		}
		print_message(
			"%-34s %3u seeds: all of the last messages, %.2f stale commands a run\n",
			rows[i].name, n, (double)n_stale / n);
		sim_figures_free(&s, f, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_of_who_went),
		cmocka_unit_test(who_never_connects_keeps_no_session),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
