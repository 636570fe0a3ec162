// How much faster than the clock a world runs.
#include <time.h>

#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define MEMBERS   100
#define SECOND_US UINT64_C(1000000)
#define JOIN_US   60000000
#define IDLE_US   600000000
// A window and its margin: in that time a member touches each page of it first, and that the kernel
// clears them costs a fifth.
#define FILL_US   10000000
#define STREAM_US 10000000
#define EVERY_US  10000

struct figures {
	double idle, starting, streaming; // virtual time by processor time
	uint64_t turns, spins, packets;
	uint32_t n_neighbours;
};

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double factor(struct world *w, uint64_t us)
{
	double start_s = cpu_s();

	world_run_us(w, us);
	return (double)us / 1e6 / (cpu_s() - start_s);
}

static void count(struct world *w, struct figures *f)
{
	f->packets = net_counters(w->net)->sent;
	f->spins = w->n_spins;
	f->turns = 0;
	f->n_neighbours = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		f->turns += w->members[i].sim->turns;
		f->n_neighbours += w->members[i].n_neighbours;
	}
}

static void idle(const struct sim_run *r)
{
	struct net_link line = {.delay_us = 15000, .jitter_us = 5000};
	struct world *w = world_create(&(struct world_opts){.run = r,
							    .has_super = true,
							    .n_members = MEMBERS,
							    .up = line,
							    .down = line,
							    .shares_scratch = true});
	struct figures *f = r->figures, before;

	world_join_all(w);
	world_run_us(w, JOIN_US);
	promise_all_connected(w);
	count(w, &before);
	f->idle = factor(w, IDLE_US);
	count(w, f);
	f->turns -= before.turns;
	f->spins -= before.spins;
	f->packets -= before.packets;
	for (uint32_t i = 2; i < w->n; i++)
		world_play(w, i);
	world_publish(w, 1,
		      &(struct world_publish){1250, EVERY_US, // 1 Mbit/s
					      (FILL_US + STREAM_US) / EVERY_US});
	f->starting = factor(w, FILL_US);
	f->streaming = factor(w, STREAM_US);
	promise_same_keys(w);
	promise_no_duplicates(w);
	promise_no_losses(w);
	world_destroy(w);
}

static void a_hundred_idle_members_cost_little(void **state)
{
	struct sim_scenario s = {.test = "idle",
				 .scenario = "100 idle members",
				 .n_seeds = 1,
				 .n_soak = 1,
				 .keys = SIM_KEYS_TEST,
				 .pool = *state,
				 .run = idle,
				 .figures_len = sizeof(struct figures)};
	uint32_t n;
	struct figures *f = sim_each_seed(&s, &n);

	print_message(
		"%u members with %.1f neighbours each: idle %.1f times as fast as the clock (%.1f "
		"turns, %.1f packets a member and second, %llu spins); with a stream of 1 Mbit/s "
		"%.2f times while windows fill, then %.2f\n",
		MEMBERS, f->n_neighbours / (double)(MEMBERS + 1), f->idle,
		(double)f->turns / (MEMBERS + 1) / (IDLE_US / 1e6),
		(double)f->packets / (MEMBERS + 1) / (IDLE_US / 1e6), (unsigned long long)f->spins,
		f->starting, f->streaming);
	assert_true(f->n_neighbours >= MEMBERS);
	sim_figures_free(&s, f, n);
}

static uint64_t bytes_seen(struct world *w)
{
	struct node_info info;

	node_info(w->members[1].sim->node, &info);
	world_wake(w, 1);
	return info.rx_bytes;
}

// Each is some lines of each session, so nobody fetches figures that nobody looks at.
static void look_once(const struct sim_run *r)
{
	struct world *w =
		world_create(&(struct world_opts){.run = r, .has_super = true, .n_members = 2});
	uint64_t old;

	world_join_all(w);
	world_run_us(w, 100 * SECOND_US);
	assert_int_equal(bytes_seen(w), 0);
	world_run_us(w, SECOND_US / 10);
	assert_true(bytes_seen(w) > 0);
	world_run_us(w, 30 * SECOND_US);
	old = bytes_seen(w); // of 25 s ago, but they are asked for by this look
	world_run_us(w, SECOND_US / 10);
	assert_true(bytes_seen(w) > old);
	world_run_us(w, 70 * SECOND_US);
	assert_int_equal(bytes_seen(w), 0); // too old
	world_destroy(w);
}

static void figures_come_when_somebody_looks(void **state)
{
	struct sim_scenario s = {.test = "idle",
				 .scenario = "a look at figures",
				 .row = 1,
				 .n_seeds = 1,
				 .n_soak = 1,
				 .keys = SIM_KEYS_TEST,
				 .pool = *state,
				 .run = look_once};
	uint32_t n;

	sim_each_seed(&s, &n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(figures_come_when_somebody_looks),
					   cmocka_unit_test(a_hundred_idle_members_cost_little)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
