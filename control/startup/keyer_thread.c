#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/startup/key_list.h"
#include "control/startup/keyer.h"

#define THREADS_MAX 16

// Fresh key pairs of one group, each used once.
struct stock {
	enum dh_group group;
	uint32_t n, max;
	struct dh_key *pairs;
};

// What old peers speak, and what we prefer. Pairs of other groups are made when needed.
static const enum dh_group stocked[] = {DH_GROUP_2, DH_GROUP_14};
#define N_STOCKS (sizeof(stocked) / sizeof(stocked[0]))

struct keyer_thread {
	struct keyer keyer; // first: what callers hold
	const struct random *rng;
	uint32_t queue_max;

	pthread_mutex_t lock; // guards what follows
	pthread_cond_t work;
	struct key_list todo, done;
	struct stock stocks[N_STOCKS];
	bool is_ending;

	pthread_t threads[THREADS_MAX];
	uint32_t n_threads;
};

static struct stock *stock_of(struct keyer_thread *k, enum dh_group group)
{
	for (unsigned i = 0; i < N_STOCKS; i++)
		if (k->stocks[i].group == group)
			return &k->stocks[i];
	return NULL;
}

static bool stock_take(struct keyer_thread *k, enum dh_group group, struct dh_key *pair)
{
	struct stock *s = stock_of(k, group);

	if (s == NULL || s->n == 0)
		return false;
	s->n--;
	*pair = s->pairs[s->n];
	dh_key_wipe(&s->pairs[s->n]);
	return true;
}

static struct stock *stock_short(struct keyer_thread *k)
{
	for (unsigned i = 0; i < N_STOCKS; i++)
		if (k->stocks[i].n < k->stocks[i].max)
			return &k->stocks[i];
	return NULL;
}

// A write to an eventfd fails only at 2^64 - 1 pending wake-ups.
static void wake(const struct keyer_thread *k)
{
	uint64_t one = 1;

	if (write(k->keyer.wake_fd, &one, sizeof(one)) < 0)
		return;
}

// Called with the lock, which it gives up while it works.
static void job_work(struct keyer_thread *k)
{
	struct key_job *job = key_list_take(&k->todo);
	enum dh_group group;
	struct dh_key pair;
	bool has_pair;

	pthread_mutex_unlock(&k->lock);
	group = key_job_needs(job);
	pthread_mutex_lock(&k->lock);
	has_pair = stock_take(k, group, &pair);
	pthread_mutex_unlock(&k->lock);

	key_job_run(job, has_pair ? &pair : NULL, k->rng);
	if (has_pair)
		dh_key_wipe(&pair);

	pthread_mutex_lock(&k->lock);
	key_list_put(&k->done, job);
	wake(k);
}

// One pair for a stock that is short; the lock as above. Several threads may make one too many:
// that one is thrown away. A failure (no memory) is met again when a job needs the pair.
static bool stock_work(struct keyer_thread *k, struct stock *s)
{
	enum dh_group group = s->group;
	struct dh_key pair;
	bool is_made;

	pthread_mutex_unlock(&k->lock);
	is_made = dh_key_generate(&pair, group, k->rng) == 0;
	pthread_mutex_lock(&k->lock);
	if (is_made && s->n < s->max)
		s->pairs[s->n++] = pair;
	if (is_made)
		dh_key_wipe(&pair);
	return is_made;
}

// Jobs go before stock: somebody waits for them.
static void *thread_main(void *arg)
{
	struct keyer_thread *k = arg;
	bool can_make = true;

	pthread_mutex_lock(&k->lock);
	while (!k->is_ending) {
		struct stock *s = can_make ? stock_short(k) : NULL;

		if (k->todo.n > 0) {
			job_work(k);
			can_make = true;
		} else if (s != NULL) {
			can_make = stock_work(k, s);
		} else {
			pthread_cond_wait(&k->work, &k->lock);
		}
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

static bool thread_submit(struct keyer *keyer, struct key_job *job)
{
	struct keyer_thread *k = (struct keyer_thread *)keyer;
	bool has_room;

	pthread_mutex_lock(&k->lock);
	has_room = k->todo.n < k->queue_max;
	if (has_room)
		key_list_put(&k->todo, job);
	pthread_cond_signal(&k->work);
	pthread_mutex_unlock(&k->lock);
	return has_room;
}

static struct key_job *thread_poll(struct keyer *keyer)
{
	struct keyer_thread *k = (struct keyer_thread *)keyer;
	struct key_job *job;
	uint64_t n;

	pthread_mutex_lock(&k->lock);
	job = key_list_take(&k->done);
	// Under the lock, or a job put between the two would lose its wake-up. Not readable: no
	// matter.
	if (job == NULL && read(k->keyer.wake_fd, &n, sizeof(n)) < 0)
		n = 0;
	pthread_mutex_unlock(&k->lock);
	return job;
}

static void stocks_free(struct keyer_thread *k)
{
	for (unsigned i = 0; i < N_STOCKS; i++) {
		struct stock *s = &k->stocks[i];

		for (uint32_t p = 0; p < s->n; p++)
			dh_key_wipe(&s->pairs[p]);
		free(s->pairs);
	}
}

static void thread_destroy(struct keyer *keyer)
{
	struct keyer_thread *k = (struct keyer_thread *)keyer;

	pthread_mutex_lock(&k->lock);
	k->is_ending = true;
	pthread_cond_broadcast(&k->work);
	pthread_mutex_unlock(&k->lock);
	for (uint32_t i = 0; i < k->n_threads; i++)
		pthread_join(k->threads[i], NULL);
	pthread_cond_destroy(&k->work);
	pthread_mutex_destroy(&k->lock);
	if (k->keyer.wake_fd >= 0)
		close(k->keyer.wake_fd);
	stocks_free(k);
	free(k);
}

static int stocks_init(struct keyer_thread *k, uint32_t stock_per_group)
{
	for (unsigned i = 0; i < N_STOCKS; i++) {
		struct stock *s = &k->stocks[i];

		s->group = stocked[i];
		if (stock_per_group == 0)
			continue;
		s->pairs = calloc(stock_per_group, sizeof(*s->pairs));
		if (s->pairs == NULL)
			return -ENOMEM;
		s->max = stock_per_group;
	}
	return 0;
}

// Signals are for the thread that runs main.
static int threads_start(struct keyer_thread *k, uint32_t n_threads)
{
	sigset_t all, former;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	while (err == 0 && k->n_threads < n_threads) {
		err = -pthread_create(&k->threads[k->n_threads], NULL, thread_main, k);
		if (err == 0)
			k->n_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	return err;
}

struct keyer *keyer_thread_create(uint32_t n_threads, uint32_t queue_max, uint32_t stock_per_group,
				  const struct random *rng)
{
	struct keyer_thread *k;
	int err;

	if (n_threads == 0 || n_threads > THREADS_MAX || queue_max == 0) {
		errno = EINVAL;
		return NULL;
	}
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return NULL;
	k->rng = rng;
	k->queue_max = queue_max;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->work, NULL);
	k->keyer = (struct keyer){thread_submit, thread_poll, thread_destroy,
				  .wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	err = k->keyer.wake_fd < 0 ? -errno : stocks_init(k, stock_per_group);
	if (err == 0)
		err = threads_start(k, n_threads);
	if (err != 0) {
		thread_destroy(&k->keyer);
		errno = -err;
		return NULL;
	}
	return &k->keyer;
}
