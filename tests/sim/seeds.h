// Runs a scenario once per seed, in processes of its own, so that whatever kills a run (a promise,
// an assert, a sanitizer) is told with its seed. A process runs one seed after the other; what a
// run keeps, it keeps in the world that it makes and destroys, so a seed alone is the same run
// again.
//
// In the environment:
//	SEED=N		that seed alone, in this process, where a debugger sees it
//	SIM_SEEDS=N	N times as many seeds
//	SIM_PERCENT=N	so many of a hundred (sanitizers are slow), one at least
//	SIM_JOBS=N	so many processes side by side
//	SIM_SOAK=1	./run soak: as many as each scenario asks for there, and on after a failure
//	SIM_FROM=N SIM_COUNT=N	the first seed, and how many
//	ROW=N		of a scenario's table that row alone, where sim_wants is asked
//	SIM_WORKERS=N	so many engines of a super-peer whose scenario does not say
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/identity.h"

#define SIM_IDENTITIES      1004 // with test keys; of real ones, which cost time,
#define SIM_IDENTITIES_REAL 104
#define SIM_REAL_EVERY      10 // of so many seeds, the first runs with real keys
#define SIM_SOAK_SEEDS      10000

// Keys cost more than everything else in a short run: made once for all of them, from a seed.
struct sim_pool {
	struct identity super;
	struct identity peers[SIM_IDENTITIES];
};
// Of a group of tests: *state is what a scenario has for its pool.
int sim_setup(void **state);
int sim_teardown(void **state);

struct sim_run {
	const char *test, *scenario; // the program's name for ./run sim, and what runs
	uint64_t seed;
	uint32_t row;       // of the scenario's table, 0 if it has none
	bool has_test_keys; // the declared test cipher and its Diffie-Hellman (test_cipher.h)
	const struct sim_pool *pool; // of such keys
	void *figures;               // where the run leaves its result; zero before
	uint64_t *digest;            // world_destroy adds what the world sent; NULL: nobody asks
};

enum sim_keys {
	SIM_KEYS_MIXED, // test keys, but real ones with seeds 1, 11, 21 ...
	SIM_KEYS_REAL,
	SIM_KEYS_TEST,
};

struct sim_scenario {
	const char *test, *scenario;
	uint32_t row;
	uint64_t first_seed; // 0: 1. Seeds that once failed: those, however many others are asked
			     // for
	uint32_t n_seeds;
	uint32_t n_soak; // by ./run soak. 0: SIM_SOAK_SEEDS; 1: one run says it all
	enum sim_keys keys;
	const struct sim_pool *pool;
	void (*run)(const struct sim_run *);
	size_t figures_len; // of one run
};

// The first seed runs twice, unless n_seeds is 1, and must send the same packets at the same times.
// The figures of all runs, n of them in the order of seeds; freed by sim_figures_free. A run that
// fails ends the test, after the line that replays it; with SIM_SOAK the others go on, and the
// program fails in the end.
void *sim_each_seed(const struct sim_scenario *, uint32_t *n);
void sim_figures_free(const struct sim_scenario *, void *figures, uint32_t n);

// For a scenario whose single run says it all and needs no process of its own: its usual seed, or
// the n from first on that SEED, or SIM_FROM and SIM_COUNT, ask for.
struct sim_seeds {
	uint64_t first, n;
};
struct sim_seeds sim_seeds(uint64_t usual);

// Is the row among those that were asked for?
bool sim_wants(uint32_t row);

// Ends a run: "why", and how to replay it.
_Noreturn void sim_fail(const struct sim_run *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
