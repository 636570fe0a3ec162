#include "tests/sim/seeds.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/random.h"
#include "tests/support/test.h"

#define POOL_SEED 0x5eed

int sim_setup(void **state)
{
	struct sim_pool *p = calloc(1, sizeof(*p));
	struct random_state random_state;
	struct random random = random_seeded(&random_state, POOL_SEED);

	assert_non_null(p);
	assert_int_equal(identity_generate(&p->super, IDENTITY_APPLIANCE, &random), 0);
	for (uint32_t i = 0; i < SIM_IDENTITIES; i++)
		assert_int_equal(identity_generate(&p->peers[i], IDENTITY_PEER, &random), 0);
	*state = p;
	return 0;
}

int sim_teardown(void **state)
{
	free(*state);
	return 0;
}

static void tell_seed(const struct sim_run *r)
{
	fprintf(stderr, "%s, row %u, seed %llu; replay: SEED=%llu ./run sim %s\n", r->scenario,
		r->row, (unsigned long long)r->seed, (unsigned long long)r->seed, r->test);
}

void sim_fail(const struct sim_run *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputs("\n  in ", stderr);
	tell_seed(r);
	fflush(NULL);
	_exit(EXIT_FAILURE);
}

// True: it ended well.
static bool run_apart(const struct sim_scenario *s, const struct sim_run *r)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		s->run(r);
		fflush(NULL);
		_exit(EXIT_SUCCESS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		fprintf(stderr, "killed by signal %d\n  in ", WTERMSIG(status)), tell_seed(r);
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static uint32_t n_seeds(const struct sim_scenario *s)
{
	const char *times = getenv("SIM_SEEDS");

	return times != NULL ? s->n_seeds * (uint32_t)strtoul(times, NULL, 0) : s->n_seeds;
}

void *sim_each_seed(const struct sim_scenario *s, uint32_t *n)
{
	const char *one = getenv("SEED");
	struct sim_run r = {
		.test = s->test, .scenario = s->scenario, .row = s->row, .pool = s->pool};
	uint8_t *figures;

	*n = one != NULL ? 1 : n_seeds(s);
	figures = mmap(NULL, *n * s->figures_len + 1, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(figures != MAP_FAILED);
	for (uint32_t i = 0; i < *n; i++) {
		r.seed = one != NULL ? strtoull(one, NULL, 0)
				     : i + (s->first_seed > 0 ? s->first_seed : 1);
		r.figures = figures + i * s->figures_len;
		if (one != NULL)
			s->run(&r);
		else if (!run_apart(s, &r))
			fail_msg("seed %llu of %s", (unsigned long long)r.seed, s->scenario);
	}
	return figures;
}

void sim_figures_free(const struct sim_scenario *s, void *figures, uint32_t n)
{
	munmap(figures, n * s->figures_len + 1);
}
