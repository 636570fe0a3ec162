// What an idle worker's rest costs the next packet: a worker of the product in a thread of its own,
// on a virtio port that can wake it, and a far end in this thread that asks it by ARP after pauses
// of random length and waits for the answer. A process of its own, since DPDK starts once in each:
//
//	wake spin|adaptive|sleep|nap PAUSE-US MS
//
// nap: `sleep` on a port that cannot wake it. Prints the median and the 99th percentile of the time
// to the answer in us, the worker's CPU time in percent of a core, and how often it was asked.
#include <math.h>
#include <pthread.h>
#include <time.h>

#include "perf/cores.h"
#include "perf/ratio.h"
#include "tests/unit/io/worker_world.h"

#define ASKED_MAX 200000
#define COARSE_US 100 // of a pause, so much is polled away: sleeps end late
#define WINDOW_US 50  // workers.spin_max
#define LOST_US   1000000
#define SETTLE    50 // questions before it counts

struct probe {
	struct worker_world w;
	pthread_t thread;
	struct random_state random_state;
	struct random random;
	uint32_t pause_us;
	double *us;
	uint32_t n;
};

static void *run_worker(void *arg)
{
	worker_run(arg);
	return NULL;
}

static bool set_mode(struct idle *i, const char *mode)
{
	static const struct {
		const char *name;
		enum idle_mode mode;
	} modes[] = {{"spin", IDLE_SPIN},
		     {"adaptive", IDLE_ADAPTIVE},
		     {"sleep", IDLE_SLEEP},
		     {"nap", IDLE_SLEEP}};

	i->window_max_us = WINDOW_US;
	i->is_woken = i->is_woken && strcmp(mode, "nap") != 0;
	for (size_t k = 0; k < ARRAY_LEN(modes); k++) {
		if (strcmp(mode, modes[k].name) != 0)
			continue;
		i->mode = modes[k].mode;
		return true;
	}
	return false;
}

// Exponential, so that no rhythm of the worker's meets one of ours.
static void pause_once(struct probe *p)
{
	double u = (double)(1 + random_below(&p->random, 1u << 30)) / (1u << 30);
	uint64_t until = ratio_clock_ns() + (uint64_t)(-log(u) * p->pause_us * 1000.0);
	uint64_t coarse = until - COARSE_US * 1000ull, now = ratio_clock_ns();
	struct timespec t = {(time_t)(coarse / 1000000000), (long)(coarse % 1000000000)};

	if (coarse > now && coarse - now < 60000000000ull)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	while (ratio_clock_ns() < until)
		;
}

// False: no answer, which is no matter of speed.
static bool ask_once(struct probe *p, double *us)
{
	struct built question = frame_arp(ARP_REQUEST, PEER_IP, OUR_IP), answer;
	uint64_t asked = ratio_clock_ns(), now;

	world_in(&p->w, 0, question);
	do {
		answer = world_out(&p->w, 0);
		now = ratio_clock_ns();
	} while (answer.data == NULL && now - asked < LOST_US * 1000ull);
	*us = (double)(now - asked) / 1000;
	if (answer.data == NULL)
		return false;
	frame_free(&answer);
	return true;
}

static uint64_t worker_cpu_ns(const struct probe *p)
{
	clockid_t clock;

	return pthread_getcpuclockid(p->thread, &clock) == 0 ? ratio_time_ns(clock) : 0;
}

static bool ask(struct probe *p, double *us)
{
	pause_once(p);
	return ask_once(p, us);
}

static bool measure(struct probe *p, uint32_t ms, double *cpu_percent)
{
	uint64_t from, cpu_from, now;
	double us;

	for (uint32_t i = 0; i < SETTLE; i++)
		if (!ask(p, &us))
			return false;
	from = ratio_clock_ns();
	cpu_from = worker_cpu_ns(p);
	do {
		if (!ask(p, &p->us[p->n]))
			return false;
		p->n++;
		now = ratio_clock_ns();
	} while (now < from + ms * 1000000ull && p->n < ASKED_MAX);
	*cpu_percent = 100.0 * (double)(worker_cpu_ns(p) - cpu_from) / (double)(now - from);
	return true;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	struct probe *p = calloc(1, sizeof(*p));
	double cpu_percent = 0;
	bool is_good;

	if (argc != 4 || p == NULL)
		return 1;
	cores_unpin(); // the suite has one for itself
	p->us = calloc(ASKED_MAX, sizeof(*p->us));
	p->random = random_seeded(&p->random_state, 1);
	p->pause_us = (uint32_t)atoi(argv[2]);
	worker_group_on_virtio(NULL);
	world_create(&p->w, 1);
	if (p->us == NULL || !set_mode(&p->w.workers[0]->idle, argv[1]) ||
	    pthread_create(&p->thread, NULL, run_worker, p->w.workers[0]) != 0)
		return 1;
	is_good = measure(p, (uint32_t)atoi(argv[3]), &cpu_percent);
	worker_stop(p->w.workers[0]);
	pthread_join(p->thread, NULL);
	world_destroy(&p->w);
	worker_group_teardown(NULL);
	if (!is_good)
		return 2;
	qsort(p->us, p->n, sizeof(*p->us), ascending);
	printf("%.1f %.1f %.1f %u\n", p->us[p->n / 2], p->us[p->n - 1 - p->n / 100], cpu_percent,
	       p->n);
	return 0;
}
