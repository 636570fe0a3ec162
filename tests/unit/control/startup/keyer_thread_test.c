// Public-key work in threads: all of it is done, each fresh pair is used once, and the queue has an
// end.
#include <errno.h>
#include <poll.h>
#include <semaphore.h>

#include "control/startup/keyer.h"
#include "crypto/random.h"
#include "tests/unit/control/startup/halves.h"

#define JOBS 24

struct world {
	struct random rng;
	struct identity peer, appliance;
};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->rng = random_system();
	assert_int_equal(identity_generate(&w->peer, IDENTITY_PEER, &w->rng), 0);
	assert_int_equal(identity_generate(&w->appliance, IDENTITY_APPLIANCE, &w->rng), 0);
	*state = w;
	return 0;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

// Waits for the wake-up, then polls; so a wake-up that gets lost hangs the test.
static struct key_job *wait_for_one(struct keyer *k)
{
	struct key_job *job = k->poll(k);

	while (job == NULL) {
		struct pollfd fd = {.fd = k->wake_fd, .events = POLLIN};

		assert_true(poll(&fd, 1, -1) > 0);
		job = k->poll(k);
	}
	return job;
}

static void all_differ(struct key_job *const *done, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned p = 0; p < i; p++)
			assert_memory_not_equal(done[i]->keying.pair.public_key,
						done[p]->keying.pair.public_key, 128);
}

// is_one_by_one: between jobs the threads have time to fill their stock, and the next job is done
// from it.
static void jobs_are_done(struct world *w, uint32_t n_threads, uint32_t stock, bool is_one_by_one)
{
	struct keyer *k = keyer_thread_create(n_threads, JOBS, stock, &w->rng);
	struct key_job *a = half_blank(KEY_INITIATE, &w->peer.member, &w->appliance.server);
	struct key_job *done[JOBS], *c;
	unsigned n_submitted = 0;

	assert_non_null(k);
	key_job_run(a, NULL, &w->rng);
	for (unsigned i = 0; i < JOBS; i++) {
		while (n_submitted < (is_one_by_one ? i + 1 : JOBS)) {
			assert_true(k->submit(k, half_after(KEY_RESPOND, &w->appliance.server,
							    &w->peer.member, a)));
			n_submitted++;
		}
		done[i] = wait_for_one(k);
		assert_int_equal(done[i]->result, 0);
		c = half_after(KEY_COMPLETE, &w->peer.member, &w->appliance.server, done[i]);
		c->keying = a->keying;
		key_job_run(c, NULL, &w->rng);
		assert_secrets_meet(&c->secrets, &done[i]->secrets);
		free(c);
	}
	assert_null(k->poll(k));
	all_differ(done, JOBS);
	for (unsigned i = 0; i < JOBS; i++)
		free(done[i]);
	free(a);
	k->destroy(k);
}

static void every_job_is_done_with_a_pair_of_its_own(void **state)
{
	static const struct {
		uint32_t n_threads, stock;
		bool is_one_by_one;
	} rows[] = {{1, 0, false}, {1, 4, false}, {1, 4, true}, {3, 4, false}, {3, 4, true}};

	for (unsigned r = 0; r < ARRAY_LEN(rows); r++)
		jobs_are_done(*state, rows[r].n_threads, rows[r].stock, rows[r].is_one_by_one);
}

static void a_dry_poll_clears_the_wake_up(void **state)
{
	struct world *w = *state;
	struct keyer *k = keyer_thread_create(1, 4, 0, &w->rng);
	struct key_job *j = half_blank(KEY_INITIATE, &w->peer.member, &w->appliance.server);
	struct pollfd fd = {.fd = k->wake_fd, .events = POLLIN};

	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_true(k->submit(k, j));
	assert_ptr_equal(wait_for_one(k), j);
	assert_null(k->poll(k));
	assert_int_equal(poll(&fd, 1, 0), 0);
	free(j);
	k->destroy(k);
}

// Randomness that keeps the thread waiting.
struct gate {
	struct random rng;
	sem_t entered, open;
};

static void gate_fill(void *ctx, void *out, size_t len)
{
	struct gate *g = ctx;

	sem_post(&g->entered);
	sem_wait(&g->open);
	sem_post(&g->open);
	random_fill(&g->rng, out, len);
}

static void a_full_queue_refuses(void **state)
{
	struct world *w = *state;
	struct gate gate = {.rng = w->rng};
	struct random rng = {gate_fill, &gate};
	struct keyer *k;
	struct key_job *jobs[4];

	sem_init(&gate.entered, 0, 0);
	sem_init(&gate.open, 0, 0);
	k = keyer_thread_create(1, 2, 0, &rng);
	for (unsigned i = 0; i < 4; i++)
		jobs[i] = half_blank(KEY_INITIATE, &w->peer.member, &w->appliance.server);
	assert_true(k->submit(k, jobs[0]));
	sem_wait(&gate.entered); // the thread has it; now two may wait
	assert_true(k->submit(k, jobs[1]));
	assert_true(k->submit(k, jobs[2]));
	assert_false(k->submit(k, jobs[3]));
	sem_post(&gate.open);
	for (unsigned i = 0; i < 3; i++)
		assert_ptr_equal(wait_for_one(k), jobs[i]);
	assert_true(k->submit(k, jobs[3])); // it had stayed ours
	assert_ptr_equal(wait_for_one(k), jobs[3]);
	for (unsigned i = 0; i < 4; i++)
		free(jobs[i]);
	k->destroy(k);
}

static void it_ends_with_work_undone(void **state)
{
	struct world *w = *state;
	struct keyer *k = keyer_thread_create(2, JOBS, 2, &w->rng);
	struct key_job *jobs[JOBS];

	for (unsigned i = 0; i < JOBS; i++) {
		jobs[i] = half_blank(KEY_INITIATE, &w->peer.member, &w->appliance.server);
		assert_true(k->submit(k, jobs[i]));
	}
	k->destroy(k);
	for (unsigned i = 0; i < JOBS; i++) // forgotten, not freed
		free(jobs[i]);
}

static void strange_sizes_are_refused(void **state)
{
	struct world *w = *state;

	assert_null(keyer_thread_create(0, 1, 0, &w->rng));
	assert_int_equal(errno, EINVAL);
	assert_null(keyer_thread_create(1000, 1, 0, &w->rng));
	assert_null(keyer_thread_create(1, 0, 0, &w->rng));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(every_job_is_done_with_a_pair_of_its_own),
		T(a_dry_poll_clears_the_wake_up),
		T(a_full_queue_refuses),
		T(it_ends_with_work_undone),
		T(strange_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
