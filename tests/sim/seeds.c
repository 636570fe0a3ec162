#include "tests/sim/seeds.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/random.h"
#include "tests/sim/test_dh.h"
#include "tests/support/test.h"

#define POOL_SEED     0x5eed
#define JOBS_MAX      64
#define STEPS         10   // of progress
#define PATIENCE_S    1800 // a soak does not end because one seed does not
#define FAILURES_TOLD 20

enum { REAL_KEYS, TEST_KEYS, N_POOLS };

// ---- identities ----

static void make_pool(struct sim_pool *p, uint32_t n, const struct random *random)
{
	assert_int_equal(identity_generate(&p->super, IDENTITY_APPLIANCE, random), 0);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(identity_generate(&p->peers[i], IDENTITY_PEER, random), 0);
}

int sim_setup(void **state)
{
	struct sim_pool *pools = calloc(N_POOLS, sizeof(*pools));
	struct random_state random_state;
	struct random random = random_seeded(&random_state, POOL_SEED);
	struct random test_random = test_dh_random(&random);

	assert_non_null(pools);
	make_pool(&pools[REAL_KEYS], SIM_IDENTITIES_REAL, &random);
	make_pool(&pools[TEST_KEYS], SIM_IDENTITIES, &test_random);
	*state = pools;
	return 0;
}

int sim_teardown(void **state)
{
	free(*state);
	return 0;
}

// ---- one run ----

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

// What all processes of a scenario see.
struct runs {
	const struct sim_scenario *scenario;
	uint64_t first_seed;
	uint32_t n;
	uint8_t *figures;
	bool is_soak;
	struct shared {
		atomic_uint next;           // run to be begun
		uint32_t running[JOBS_MAX]; // by each process
	} * shared;
	uint32_t n_failed;
	uint64_t failed[FAILURES_TOLD]; // seeds
};

static struct sim_run run_at(const struct runs *rs, uint32_t i)
{
	const struct sim_scenario *s = rs->scenario;
	struct sim_run r = {.test = s->test,
			    .scenario = s->scenario,
			    .seed = rs->first_seed + i,
			    .row = s->row,
			    .figures = rs->figures + i * s->figures_len};

	r.has_test_keys = s->keys == SIM_KEYS_TEST ||
			  (s->keys == SIM_KEYS_MIXED && r.seed % SIM_REAL_EVERY != 1);
	r.pool = &s->pool[r.has_test_keys ? TEST_KEYS : REAL_KEYS];
	return r;
}

// ---- many runs ----

static void tell_progress(const struct runs *rs, uint32_t i)
{
	uint32_t step = rs->n / STEPS > 0 ? rs->n / STEPS : 1;

	if (rs->is_soak && i > 0 && i % step == 0)
		fprintf(stderr, "%s, %s, row %u: at seed %llu, %u of %u\n", rs->scenario->test,
			rs->scenario->scenario, rs->scenario->row,
			(unsigned long long)(rs->first_seed + i), i, rs->n);
}

// A seed is all there is to a run: what else one depends on (memory that nobody wrote, what an
// earlier run left) shows as another digest.
static void promise_replay(const struct runs *rs, const struct sim_run *once)
{
	struct sim_run again = *once;
	uint64_t digest = 0;

	memset(again.figures, 0, rs->scenario->figures_len);
	again.digest = &digest;
	rs->scenario->run(&again);
	if (digest != *once->digest)
		sim_fail(once, "the same seed was another run the second time");
}

// A coverage build (./run coverage) keeps its counts when a process ends by exit(); this one does
// not.
void __gcov_dump(void) __attribute__((weak));

// By the processor's time: that others work on the machine is no fault of a seed.
static void be_patient(void)
{
	setitimer(ITIMER_PROF, &(struct itimerval){.it_value.tv_sec = PATIENCE_S}, NULL);
}

// A process's life: the next seed that no other has begun, until there is none.
_Noreturn static void work(struct runs *rs, uint32_t job)
{
	uint32_t i;

	while ((i = atomic_fetch_add(&rs->shared->next, 1)) < rs->n) {
		struct sim_run r = run_at(rs, i);
		uint64_t digest = 0;

		r.digest = &digest;
		rs->shared->running[job] = i;
		tell_progress(rs, i);
		if (rs->is_soak)
			be_patient();
		rs->scenario->run(&r);
		if (i == 0 && rs->n > 1)
			promise_replay(rs, &r);
	}
	fflush(NULL);
	if (__gcov_dump != NULL)
		__gcov_dump();
	_exit(EXIT_SUCCESS);
}

static pid_t begin(struct runs *rs, uint32_t job)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		work(rs, job);
	return pid;
}

static void note_failure(struct runs *rs, uint32_t job, int status)
{
	struct sim_run r = run_at(rs, rs->shared->running[job]);

	if (WIFSIGNALED(status))
		fprintf(stderr, "killed by signal %d\n  in ", WTERMSIG(status)), tell_seed(&r);
	if (rs->n_failed < FAILURES_TOLD)
		rs->failed[rs->n_failed] = r.seed;
	rs->n_failed++;
}

static void run_all(struct runs *rs, uint32_t n_jobs)
{
	pid_t pids[JOBS_MAX];
	uint32_t n_running = 0, job;
	int status;

	for (job = 0; job < n_jobs; job++, n_running++)
		pids[job] = begin(rs, job);
	while (n_running > 0) {
		pid_t pid = wait(&status);

		for (job = 0; job < n_jobs && pids[job] != pid; job++)
			;
		assert_true(job < n_jobs);
		n_running--;
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
			continue;
		note_failure(rs, job, status);
		if (rs->is_soak) {
			pids[job] = begin(rs, job);
			n_running++;
		} else {
			atomic_store(&rs->shared->next, rs->n); // the others end, too
		}
	}
}

// Of all processes that have run seeds so far.
static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void tell_soak(const struct runs *rs, time_t took_s, double took_cpu_s)
{
	const struct sim_scenario *s = rs->scenario;

	printf("soak: %s, %s, row %u: seeds %llu to %llu in %lld s (%.1f of CPU), %u failed",
	       s->test, s->scenario, s->row, (unsigned long long)rs->first_seed,
	       (unsigned long long)(rs->first_seed + rs->n - 1), (long long)took_s, took_cpu_s,
	       rs->n_failed);
	for (uint32_t i = 0; i < rs->n_failed && i < FAILURES_TOLD; i++)
		printf("%s%llu", i == 0 ? ": " : " ", (unsigned long long)rs->failed[i]);
	printf("%s\n", rs->n_failed > FAILURES_TOLD ? " ..." : "");
	fflush(stdout);
}

// ---- what is asked for ----

static uint64_t asked(const char *name, uint64_t else_it_is)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 0) : else_it_is;
}

struct sim_seeds sim_seeds(uint64_t usual)
{
	if (getenv("SEED") != NULL)
		return (struct sim_seeds){asked("SEED", usual), 1};
	if (getenv("SIM_FROM") != NULL)
		return (struct sim_seeds){asked("SIM_FROM", usual), asked("SIM_COUNT", 1)};
	return (struct sim_seeds){usual, 1};
}

bool sim_wants(uint32_t row)
{
	return asked("ROW", row) == row;
}

static void choose_seeds(struct runs *rs)
{
	const struct sim_scenario *s = rs->scenario;
	uint64_t n = s->n_seeds * asked("SIM_SEEDS", 1) * asked("SIM_PERCENT", 100) / 100;

	rs->is_soak = asked("SIM_SOAK", 0) != 0;
	rs->first_seed = s->first_seed;
	rs->n = n > 0 ? (uint32_t)n : 1;
	if (getenv("SEED") != NULL) {
		rs->first_seed = asked("SEED", 1);
		rs->n = 1;
	} else if (s->first_seed == 0) {
		if (rs->is_soak)
			rs->n = s->n_soak > 0 ? s->n_soak : SIM_SOAK_SEEDS;
		rs->first_seed = asked("SIM_FROM", 1);
		if (s->n_soak != 1 || !rs->is_soak)
			rs->n = (uint32_t)asked("SIM_COUNT", rs->n);
	} else {
		rs->n = s->n_seeds;
	}
}

// Zeroed memory that child processes share.
static void *share(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

void *sim_each_seed(const struct sim_scenario *s, uint32_t *n)
{
	struct runs rs = {.scenario = s};
	time_t start = time(NULL);
	double start_cpu_s = cpu_s();
	uint64_t n_jobs;

	choose_seeds(&rs);
	rs.figures = share(rs.n * s->figures_len + 1);
	*n = rs.n;
	if (getenv("SEED") != NULL) {
		struct sim_run r = run_at(&rs, 0);

		s->run(&r);
		return rs.figures;
	}
	n_jobs = asked("SIM_JOBS", rs.is_soak ? (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) : 1);
	rs.shared = share(sizeof(*rs.shared));
	run_all(&rs, n_jobs < 1 ? 1 : n_jobs < JOBS_MAX ? (uint32_t)n_jobs : JOBS_MAX);
	munmap(rs.shared, sizeof(*rs.shared));
	if (rs.is_soak)
		tell_soak(&rs, time(NULL) - start, cpu_s() - start_cpu_s);
	else if (rs.n_failed > 0)
		fail_msg("seed %llu of %s", (unsigned long long)rs.failed[0], s->scenario);
	return rs.figures;
}

void sim_figures_free(const struct sim_scenario *s, void *figures, uint32_t n)
{
	munmap(figures, n * s->figures_len + 1);
}
