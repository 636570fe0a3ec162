// The workers' threads: each pins itself, joins DPDK, makes its engine, and runs.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "dataplane/io/io_parts.h"

#define TIMER_SLACK_NS 1000ul // a sleep of 50 us is meant; the kernel's habit is 50 more

// -- on the worker's thread --

static int pin(const struct io_thread *t)
{
	uint16_t core = t->io->cores[t->idx];
	cpu_set_t set;

	if (core == IO_CORE_ANY)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return -pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static int make_worker(struct io_thread *t, struct engine *engine)
{
	struct io *io = t->io;
	struct worker_opts o = {
		.worker = t->idx,
		.n_workers = io->n_workers,
		.engine = engine,
		.host = &io->host,
		.ports = io->ports,
		.n_ports = io->n_ports,
		.pool = io->pools[t->idx],
		.handed = (struct rte_ring *const(*)[WORKERS_MAX])io->handed,
		.reports = io->reports[t->idx],
		.bell = &io->bell,
		.bells = io->bells_of,
		.idle = io->opts.idle,
		.window_max_us = io->opts.window_max_us,
		.sleep_min_us = io->opts.sleep_min_us,
		.sleep_max_us = io->opts.sleep_max_us,
		.seed = io->opts.seed + t->idx * IO_PORTS_MAX,
	};

	t->worker = aligned_alloc(64, sizeof(*t->worker));
	if (t->worker == NULL)
		return -ENOMEM;
	return worker_init(t->worker, &o);
}

static int fail(struct io_thread *t, const char *what, int err)
{
	t->what = what;
	t->err = err;
	return err;
}

static int prepare(struct io_thread *t, struct engine **engine)
{
	struct io *io = t->io;
	char name[16];
	int err = pin(t);

	if (err != 0)
		return fail(t, "its core", err);
	snprintf(name, sizeof(name), "worker%u", t->idx);
	pthread_setname_np(pthread_self(), name);
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
	if (rte_thread_register() != 0) // gives the thread its cache of buffers
		return fail(t, "DPDK", -rte_errno);
	*engine = io->opts.engine_create(io->opts.ctx, t->idx);
	if (*engine == NULL)
		return fail(t, "its engine", -errno);
	err = make_worker(t, *engine);
	if (err != 0)
		return fail(t, "its buffers", err);
	t->stats = engine_stats(*engine);
	return 0;
}

static uint64_t cpu_us(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void wait_for(sem_t *s)
{
	while (sem_wait(s) != 0 && errno == EINTR)
		;
}

static void *run(void *arg)
{
	struct io_thread *t = arg;
	struct io *io = t->io;
	struct engine *engine = NULL;
	int err = prepare(t, &engine);

	sem_post(&t->ready);
	if (err == 0) {
		worker_run(t->worker);
		// Others may still read what lies in our windows, and give us frames.
		sem_post(&t->ended);
		wait_for(&t->all_ended);
		worker_fini(t->worker);
		t->last = *t->stats;
		t->last_cpu_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
	}
	if (engine != NULL)
		io->opts.engine_destroy(io->opts.ctx, t->idx, engine);
	rte_thread_unregister();
	return NULL;
}

// -- on control's --

static int start_thread(struct io *io, uint32_t idx, char *why, size_t why_size)
{
	struct io_thread *t = &io->threads[idx];
	int err;

	t->io = io;
	t->idx = idx;
	sem_init(&t->ready, 0, 0);
	sem_init(&t->ended, 0, 0);
	sem_init(&t->all_ended, 0, 0);
	err = pthread_create(&t->id, NULL, run, t);
	if (err != 0) {
		snprintf(why, why_size, "worker %u: no thread: %s", idx, strerror(err));
		return -1;
	}
	t->is_running = true;
	wait_for(&t->ready);
	if (t->err == 0)
		return 0;
	snprintf(why, why_size, "worker %u: %s: %s", idx, t->what, strerror(-t->err));
	return -1;
}

static void join(struct io_thread *t)
{
	if (!t->is_running)
		return;
	pthread_join(t->id, NULL);
	t->is_running = false;
	t->stats = &t->last;
	sem_destroy(&t->ready);
	sem_destroy(&t->ended);
	sem_destroy(&t->all_ended);
}

static bool is_at_work(const struct io_thread *t)
{
	return t->is_running && t->err == 0;
}

// All end their turns before any gives its memory back.
void io_stop(struct io *io)
{
	for (uint8_t i = 0; i < io->n_workers; i++)
		if (is_at_work(&io->threads[i]))
			worker_stop(io->threads[i].worker);
	for (uint8_t i = 0; i < io->n_workers; i++)
		if (is_at_work(&io->threads[i]))
			wait_for(&io->threads[i].ended);
	for (uint8_t i = 0; i < io->n_workers; i++)
		if (is_at_work(&io->threads[i]))
			sem_post(&io->threads[i].all_ended);
	for (uint8_t i = 0; i < io->n_workers; i++)
		join(&io->threads[i]);
}

int io_start(struct io *io, char *why, size_t why_size)
{
	for (uint8_t i = 0; i < io->n_workers; i++) {
		if (start_thread(io, i, why, why_size) == 0)
			continue;
		io_stop(io);
		return -1;
	}
	return 0;
}

uint64_t io_thread_cpu_us(const struct io_thread *t)
{
	clockid_t clock;

	if (!t->is_running || pthread_getcpuclockid(t->id, &clock) != 0)
		return t->last_cpu_us;
	return cpu_us(clock);
}
