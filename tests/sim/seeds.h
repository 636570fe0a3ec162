// Runs a scenario once per seed, each in a process of its own, so that whatever kills a run (a
// promise, an assert, a sanitizer) is told with its seed. SEED=N in the environment runs that seed
// alone, in this process, where a debugger sees it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/identity.h"

#define SIM_IDENTITIES 104

// Keys cost more than everything else in a short run: made once for all of them, from a seed.
struct sim_pool {
	struct identity super;
	struct identity peers[SIM_IDENTITIES];
};
// Of a group of tests: *state is the pool.
int sim_setup(void **state);
int sim_teardown(void **state);

struct sim_run {
	const char *test, *scenario; // the program's name for ./run sim, and what runs
	uint64_t seed;
	uint32_t row; // of the scenario's table, 0 if it has none
	const struct sim_pool *pool;
	void *figures; // where the run leaves its result; zero before
};

struct sim_scenario {
	const char *test, *scenario;
	uint32_t row;
	uint64_t first_seed; // 0: 1
	uint32_t n_seeds;    // SIM_SEEDS times as many if that is set
	const struct sim_pool *pool;
	void (*run)(const struct sim_run *);
	size_t figures_len; // of one run
};

// The figures of all runs, n of them in the order of seeds; freed by sim_figures_free. A run that
// fails ends the test, after the line that replays it.
void *sim_each_seed(const struct sim_scenario *, uint32_t *n);
void sim_figures_free(const struct sim_scenario *, void *figures, uint32_t n);

// Ends a run: "why", and how to replay it.
_Noreturn void sim_fail(const struct sim_run *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
