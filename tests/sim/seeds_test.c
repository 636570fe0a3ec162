// What seeds.h promises of every scenario: a run that depends on more than its seed is caught, and
// so is one that breaks a promise. Each is a program of its own: this one, with an argument.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/world.h"
#include "tests/support/test.h"

static void open_after(const struct sim_run *r, uint64_t us)
{
	struct world *w = world_create(&(struct world_opts){.run = r, .n_members = 2});

	world_run_us(w, us);
	world_open(w, 0, 1);
	world_run_us(w, 1000000);
	world_destroy(w);
}

static void by_its_seed(const struct sim_run *r)
{
	open_after(r, r->seed);
}

static void by_the_clock(const struct sim_run *r)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	open_after(r, (uint64_t)now.tv_nsec);
}

// By what an earlier run of the same process left.
static void by_what_was_left(const struct sim_run *r)
{
	static uint64_t n_runs;

	open_after(r, ++n_runs);
}

static void never(const struct sim_run *r)
{
	sim_fail(r, "it never does");
}

static const struct way {
	const char *name;
	void (*run)(const struct sim_run *);
	const char *says; // NULL: nothing, it passes
} ways[] = {
	{"seed", by_its_seed, NULL},
	{"clock", by_the_clock, "the same seed was another run the second time"},
	{"left", by_what_was_left, "the same seed was another run the second time"},
	{"never", never, "it never does"},
};

static const struct way *way_asked;

static void run_one(void **state)
{
	struct sim_scenario s = {.test = "seeds",
				 .scenario = way_asked->name,
				 .n_seeds = 2,
				 .keys = SIM_KEYS_TEST,
				 .pool = *state,
				 .run = way_asked->run};
	uint32_t n;
	void *none = sim_each_seed(&s, &n);

	sim_figures_free(&s, none, n);
}

// Its exit status; and what it said on both of its outputs.
static int run_program(const char *way, char *said, size_t len)
{
	// Two seeds, whatever a soak or a sanitizer build asks of other scenarios.
	static const char *const clean = "env -u SEED -u SIM_SOAK -u SIM_SEEDS -u SIM_PERCENT "
					 "-u SIM_JOBS -u SIM_FROM -u SIM_COUNT";
	char self[512] = {0}, command[768];
	size_t n;
	FILE *f;

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(command, sizeof(command), "%s '%s' %s 2>&1", clean, self, way);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(said, 1, len - 1, f);
	said[n] = 0;
	return WEXITSTATUS(pclose(f));
}

static void a_run_depends_on_its_seed_alone(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
		char said[4096];
		int status = run_program(ways[i].name, said, sizeof(said));

		assert_row((status == 0) == (ways[i].says == NULL), ways[i].name);
		if (ways[i].says != NULL)
			assert_row(strstr(said, ways[i].says) != NULL, ways[i].name);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest all[] = {cmocka_unit_test(a_run_depends_on_its_seed_alone)},
				one[] = {cmocka_unit_test(run_one)};

	for (unsigned i = 0; argc > 1 && i < ARRAY_LEN(ways); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			way_asked = &ways[i];
	return way_asked != NULL ? cmocka_run_group_tests(one, sim_setup, sim_teardown)
				 : cmocka_run_group_tests(all, NULL, NULL);
}
