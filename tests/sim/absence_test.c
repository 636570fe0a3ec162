// Sessions that open, or stand idle, while somebody cannot be reached.
#include <stdlib.h>

#include "dataplane/core/internal.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define S          UINT64_C(1000000)
#define AFTER_US   (40 * S) // pings come 10 s apart in the end
#define GIVE_UP_US (95 * S)

static const struct net_link line = {.delay_us = 15000, .jitter_us = 5000, .loss_permille = 5};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_times(const char *what, uint64_t *us, uint32_t n)
{
	qsort(us, n, sizeof(*us), by_value);
	print_message("%-44s %3u seeds: median %.2f s, p95 %.2f, longest %.2f\n", what, n,
		      (double)us[n / 2] / 1e6, (double)us[(uint64_t)n * 95 / 100] / 1e6,
		      (double)us[n - 1] / 1e6);
}

static void each_seed(const struct sim_pool *pool, const char *name, uint32_t row, uint32_t n_seeds,
		      void (*run)(const struct sim_run *))
{
	struct sim_scenario s = {.test = "absence",
				 .scenario = name,
				 .row = row,
				 .n_seeds = n_seeds,
				 .pool = pool,
				 .run = run,
				 .figures_len = sizeof(uint64_t)};
	uint32_t n;
	uint64_t *us = sim_each_seed(&s, &n);

	print_times(name, us, n);
	sim_figures_free(&s, us, n);
}

// ---- the introducer is away ----

static void go_dark(struct world *w, uint32_t i, bool is_dark)
{
	net_island(w->net, w->members[i].host, is_dark ? i + 1 : 0);
}

static bool are_connected(struct world *w)
{
	for (uint32_t i = 1; i < w->n; i++)
		if (w->members[i].connected_us == 0)
			return false;
	return true;
}

static bool have_met(struct world *w)
{
	return world_session(w, 1, 2) != NULL && world_session(w, 2, 1) != NULL;
}

struct absence {
	const char *name;
	uint64_t after_us, for_us; // since the opening began
	bool is_asked;             // for a peer; else a connection is opened to it
};

static const struct absence absences[] = {
	{"connect, it comes back after 20 s", 0, 20 * S, false},
	{"connect, away from the middle on for 8 s", 50000, 8 * S, false},
	{"introduce, it comes back after 20 s", 0, 20 * S, true},
	{"introduce, away from the middle on for 8 s", 20000, 8 * S, true},
};

// The figure: how long after its return.
static void return_in_time(const struct sim_run *r)
{
	const struct absence *a = &absences[r->row];
	struct world *w = world_create(&(struct world_opts){
		.run = r, .has_super = true, .n_members = 2, .up = line, .down = line});
	bool (*is_done)(struct world *) = a->is_asked ? have_met : are_connected;
	uint64_t *took_us = r->figures, start_us;

	if (a->is_asked) {
		for (uint32_t i = 1; i <= 2; i++)
			world_connect(w, i);
		if (!world_run_until(w, are_connected, 30 * S))
			sim_fail(r, "not connected to the super-peer");
		world_ask_for(w, 1, 2);
	} else {
		world_connect(w, 1);
		world_connect(w, 2);
	}
	start_us = w->now_us;
	world_run_us(w, random_below(&w->seeded, a->after_us + 1));
	go_dark(w, 0, true);
	world_run_us(w, a->for_us);
	go_dark(w, 0, false);
	if (!world_run_until(w, is_done, start_us + GIVE_UP_US - w->now_us))
		sim_fail(r, "nothing has come of it in 95 s");
	*took_us = w->now_us - start_us > a->for_us ? w->now_us - start_us - a->for_us : 0;
	promise_always(w);
	world_destroy(w);
}

static void openings_outlive_an_absent_introducer(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(absences); i++)
		each_seed(*state, absences[i].name, i, 200, return_in_time);
}

// ---- everybody is away, and nobody has anything to say ----

#define MEMBERS   4
#define ALL_APART UINT32_MAX

struct silence {
	const char *name;
	uint64_t for_us;
	uint32_t who; // one member, or ALL_APART
	uint32_t n_seeds;
};

static const struct silence silences[] = {
	{"60 s, each alone", 60 * S, ALL_APART, 200},
	{"60 s, one member", 60 * S, 1, 200},
	{"60 s, the super-peer", 60 * S, 0, 200},
	{"20 s, each alone", 20 * S, ALL_APART, 200},
};

struct ids {
	uint32_t of[MEMBERS + 1][MEMBERS + 1];
};

static void note_sessions(struct world *w, struct ids *ids)
{
	for (uint32_t i = 0; i < w->n; i++) {
		for (uint32_t k = 0; k < w->n; k++) {
			const struct ctl_session *s = i != k ? world_session(w, i, k) : NULL;

			ids->of[i][k] = s != NULL ? s->id : 0;
		}
	}
}

// The last packet that each end of each session has verified is younger than that.
static bool has_been_heard(struct world *w, uint64_t since_us)
{
	for (uint32_t i = 0; i < w->n; i++) {
		const struct engine *e = w->members[i].sim->engine;

		for (uint32_t k = 0; k < e->opts.sessions_max; k++)
			if (e->sessions[k].state == S_OPEN &&
			    !ms_reached((uint32_t)(since_us / 1000), e->sessions[k].last_rx_ms))
				return false;
	}
	return true;
}

// The figure: how long after the outage both ends of every session have heard each other.
static void stand_idle(const struct sim_run *r)
{
	const struct silence *o = &silences[r->row];
	struct world *w = world_create(&(struct world_opts){
		.run = r, .has_super = true, .n_members = MEMBERS, .up = line, .down = line});
	uint64_t *took_us = r->figures, back_us;
	struct ids before, after;

	world_join_all(w);
	world_run_us(w, 30 * S);
	promise_all_connected(w);
	promise_full_mesh(w);
	note_sessions(w, &before);
	world_run_us(w, 60 * S + random_below(&w->seeded, 20 * S)); // any time between two pings
	for (uint32_t i = 0; i < w->n; i++)
		go_dark(w, i, o->who == ALL_APART || o->who == i);
	world_run_us(w, o->for_us);
	for (uint32_t i = 0; i < w->n; i++)
		go_dark(w, i, false);
	back_us = w->now_us;
	while (!has_been_heard(w, back_us) && w->now_us < back_us + AFTER_US)
		world_run_us(w, S / 10);
	*took_us = w->now_us - back_us;
	world_run_us(w, AFTER_US);
	note_sessions(w, &after);
	promise_no_losses(w);
	promise_full_mesh(w);
	promise_always(w);
	if (memcmp(&before, &after, sizeof(before)) != 0)
		sim_fail(r, "a session is another one than before");
	world_destroy(w);
}

static void idle_sessions_outlive_a_minute_of_silence(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(silences); i++)
		each_seed(*state, silences[i].name, i, silences[i].n_seeds, stand_idle);
}

// ---- round trips are long, packets overtake ----

// Three members, one of them the introducer: connected and met.
static void open_slowly(const struct sim_run *r)
{
	struct net_link slow = {.delay_us = 750000};
	struct world *w = world_create(&(struct world_opts){
		.run = r, .has_super = true, .n_members = 2, .up = slow, .down = slow});
	uint64_t *took_us = r->figures, start_us = w->now_us;

	world_join_all(w);
	if (!world_run_until(w, are_connected, GIVE_UP_US) ||
	    !world_run_until(w, have_met, GIVE_UP_US))
		sim_fail(r, "they have not met");
	*took_us = w->now_us - start_us;
	world_run_us(w, 60 * S);
	promise_one_session(w, 1, 2);
	promise_no_losses(w);
	promise_always(w);
	world_destroy(w);
}

static void members_meet_over_round_trips_of_3_s(void **state)
{
	each_seed(*state, "connect and meet, round trip of 3 s", 0, 200, open_slowly);
}

static bool has_answered(struct world *w)
{
	return world_session(w, 1, 0) != NULL;
}

static bool is_proved(struct world *w)
{
	return world_session(w, 1, 0)->is_alive;
}

// The responder speaks as soon as it can, and what it says may overtake the RIKeying. The initiator
// keeps it until it has the keys (requirement 38), and answers. The figure: how many were kept.
static void speak_early(const struct sim_run *r)
{
	struct world *w = world_create(&(struct world_opts){
		.run = r, .n_members = 2, .up = {.delay_us = 1000, .jitter_us = 50000}});
	uint64_t *n_early = r->figures;

	world_open(w, 0, 1);
	if (!world_run_until(w, has_answered, 10 * S))
		sim_fail(r, "it was not answered");
	ctl_session_ping(world_session(w, 1, 0), 0);
	world_wake(w, 1);
	if (!world_run_until(w, is_proved, S / 5))
		sim_fail(r, "what came early was not answered");
	*n_early = engine_stats(w->members[0].sim->engine)->early_kept;
	promise_one_session(w, 0, 1);
	promise_always(w);
	world_destroy(w);
}

static void what_overtakes_the_keys_is_kept(void **state)
{
	struct sim_scenario s = {.test = "absence",
				 .scenario = "session packets before the RIKeying",
				 .n_seeds = 200,
				 .pool = *state,
				 .run = speak_early,
				 .figures_len = sizeof(uint64_t)};
	uint64_t *n_early, sum = 0;
	uint32_t n;

	n_early = sim_each_seed(&s, &n);
	for (uint32_t i = 0; i < n; i++)
		sum += n_early[i];
	print_message("%-44s %3u seeds: %llu\n", s.scenario, n, (unsigned long long)sum);
	assert_true(n < s.n_seeds || sum > n / 4);
	sim_figures_free(&s, n_early, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openings_outlive_an_absent_introducer),
		cmocka_unit_test(idle_sessions_outlive_a_minute_of_silence),
		cmocka_unit_test(members_meet_over_round_trips_of_3_s),
		cmocka_unit_test(what_overtakes_the_keys_is_kept),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
