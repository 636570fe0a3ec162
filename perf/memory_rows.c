/*
 * memory/: what sessions cost an appliance in memory and time while their number grows. Everything
 * is in: engine, control, keys. Each size is measured in a process of its own, by the pages that it
 * has made its own: freed memory of the rows before hides nothing there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "perf/rows.h"
#include "perf/strangers.h"
#ifdef WITH_FANOUT
#include "perf/pair.h"
#endif

#define SIZES      3
#define BURST      64
#define WARM       256 // sessions before the first measurement: fixed costs are in there
#define STEP_US    1000
#define IDLE_US    10000000 // what a session needed to open is given back by then
#define IDLE_STEPS 1000

static const uint32_t sizes[SIZES] = {1000, 10000, 100000};

struct measured {
	double bytes, cpu_ns; // a session
	char why[100];        // it failed
};

struct owner {
	uint64_t now_us;
	struct random_state state;
	struct random random;
	struct crypto *crypto;
	struct identity identity;
	struct perf_host *host;
	struct strangers strangers;
};

// What this process does not share with any other, in octets; 0: not told here.
static uint64_t own_bytes(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	uint64_t kb = 0;
	char line[256];

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Private_Dirty: %lu kB", &kb) == 1)
			break;
	fclose(f);
	return kb * 1024;
}

static void to_strangers(void *ctx, struct perf_host *h, const struct wire_addr *dst,
			 uint8_t src_endpoint, uint8_t *data, uint16_t len)
{
	strangers_take(&((struct owner *)ctx)->strangers, dst, data, len);
}

static bool world_make(struct owner *w, uint32_t n)
{
	struct perf_host_opts o = {.is_super = true,
				   .identity = &w->identity,
				   .addr = perf_addr(0x0a000001, 1935),
				   .sessions_max = n,
				   .random = &w->random,
				   .keyer = made_keyer_create(),
				   .policy = keying_policy_default,
				   .out = to_strangers,
				   .ctx = w};

	w->now_us = HOST_START_US;
	w->random = random_seeded(&w->state, 1);
	w->crypto = o.crypto = crypto_create(CRYPTO_AUTO);
	if (w->crypto == NULL || o.keyer == NULL ||
	    identity_generate(&w->identity, IDENTITY_APPLIANCE, &w->random) != 0 ||
	    !strangers_init(&w->strangers, w->crypto, &w->random, n, DH_GROUP_14,
			    &w->identity.server))
		return false;
	w->host = perf_host_create(&o, w->now_us);
	if (w->host != NULL)
		perf_host_turn(w->host, w->now_us);
	return w->host != NULL;
}

static uint64_t exchange(struct owner *w, uint32_t first, uint32_t n,
			 uint16_t (*writes)(struct strangers *, uint32_t, uint8_t *))
{
	static uint8_t in[BURST][STRANGER_LEN];
	struct pkt pkts[BURST];
	uint64_t start;

	for (uint32_t i = 0; i < n; i++) {
		struct wire_addr from = stranger_addr(first + i);

		pkts[i] = perf_host_pkt(in[i], writes(&w->strangers, first + i, in[i]), &from,
					HOST_SERVER);
	}
	start = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID);
	engine_rx(w->host->engine, pkts, (uint16_t)n, w->now_us);
	perf_host_turn(w->host, w->now_us);
	w->now_us += STEP_US;
	return ratio_time_ns(CLOCK_THREAD_CPUTIME_ID) - start;
}

// The strangers' own reading of answers is in the time: it is the same for each of them.
static uint64_t sessions_open(struct owner *w, uint32_t first, uint32_t end)
{
	uint64_t ns = 0;

	for (uint32_t i = first; i < end; i += BURST) {
		uint32_t n = end - i < BURST ? end - i : BURST;

		ns += exchange(w, i, n, stranger_hello);
		ns += exchange(w, i, n, stranger_keying);
		ns += exchange(w, i, n, stranger_alive);
	}
	return ns;
}

static void idle(struct owner *w)
{
	for (unsigned i = 0; i < IDLE_STEPS; i++) {
		w->now_us += IDLE_US / IDLE_STEPS;
		perf_host_turn(w->host, w->now_us);
	}
}

static uint32_t sessions_alive(const struct owner *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->strangers.n; i++)
		n += w->strangers.list[i].state == STRANGER_ANSWERED;
	return n;
}

static void measure_sessions(struct measured *m, uint32_t n)
{
	static struct owner w;
	uint64_t before, after, ns;

	if (!world_make(&w, n + WARM)) {
		snprintf(m->why, sizeof(m->why), "no memory for %u sessions", n);
		return;
	}
	sessions_open(&w, 0, WARM);
	before = own_bytes();
	ns = sessions_open(&w, WARM, n + WARM);
	idle(&w);
	after = own_bytes();
	m->bytes = (double)(after - before) / n;
	m->cpu_ns = (double)ns / n;
	if (before == 0 || after <= before)
		snprintf(m->why, sizeof(m->why), "no /proc/self/smaps_rollup");
	else if (sessions_alive(&w) != n + WARM)
		snprintf(m->why, sizeof(m->why), "%u of %u sessions opened", sessions_alive(&w),
			 n + WARM);
}

// In a child: whatever it takes goes with it.
static void measure_apart(struct measured *m, void (*measure)(struct measured *, uint32_t),
			  uint32_t n)
{
	int ends[2], status = -1;
	pid_t child;
	ssize_t len;

	*m = (struct measured){.why = "no process for it"};
	if (pipe(ends) != 0)
		return;
	fflush(NULL);
	child = fork();
	if (child == 0) {
		m->why[0] = 0;
		measure(m, n);
		_exit(write(ends[1], m, sizeof(*m)) == sizeof(*m) ? 0 : 1);
	}
	close(ends[1]);
	len = child > 0 ? read(ends[0], m, sizeof(*m)) : -1;
	close(ends[0]);
	if (child > 0)
		waitpid(child, &status, 0);
	if (len != sizeof(*m))
		snprintf(m->why, sizeof(m->why), "the process ended with %d", status);
}

static void *memory_open(const struct bench_row *row, struct ratio *r)
{
	return r;
}

static void memory_close(void *world, struct ratio *r)
{
}

// What a sized measurement is called, and its function.
struct series {
	const char *of; // "session"
	void (*measure)(struct measured *, uint32_t n);
};

static void series_run(const struct series *s, struct ratio *r)
{
	unsigned n_sizes = r->is_short ? 1 : SIZES;
	double x[SIZES], bytes[SIZES], ns[SIZES];
	char name[48];

	for (unsigned i = 0; i < n_sizes; i++) {
		struct measured m;

		measure_apart(&m, s->measure, sizes[i]);
		if (m.why[0] != 0) {
			ratio_void(r, "%u: %s", sizes[i], m.why);
			return;
		}
		x[i] = sizes[i];
		bytes[i] = m.bytes * sizes[i];
		ns[i] = m.cpu_ns * sizes[i];
		snprintf(name, sizeof(name), "octets each of %u", sizes[i]);
		ratio_figure(r, name, m.bytes);
		snprintf(name, sizeof(name), "us to open each of %u", sizes[i]);
		ratio_figure(r, name, m.cpu_ns / 1000);
	}
	snprintf(name, sizeof(name), "octets per %s", s->of);
	ratio_figure(r, name, bytes[n_sizes - 1] / sizes[n_sizes - 1]);
	if (n_sizes < 2)
		return;
	ratio_figure(r, "exponent of memory", ratio_exponent(x, bytes, n_sizes));
	ratio_figure(r, "exponent of time", ratio_exponent(x, ns, n_sizes));
}

static void session_batch(void *world, struct ratio *r)
{
	series_run(&(struct series){"session", measure_sessions}, r);
}

// ---- neighbours that get a stream ----

#ifdef WITH_FANOUT
#define FEW 100 // neighbours: what they cost is taken off, and with it what the first one brings

static uint64_t relay_bytes(uint32_t n, struct ratio *r, uint64_t *ns)
{
	struct race_opts o = race_shape(1, n, 1000, true);
	uint64_t before = own_bytes(), start = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID);
	struct race *race;

	o.is_bare = true;
	race = race_open(&o, r); // joined, and streaming
	*ns = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	return race != NULL ? own_bytes() - before : 0;
}

// The far ends of the benchmark are in the same process; what they take is known.
static void measure_neighbours(struct measured *m, uint32_t n)
{
	uint64_t few_ns, ns, few, all;
	struct ratio r;

	if (ratio_init(&r, false) != 0)
		return;
	few = relay_bytes(FEW, &r, &few_ns);
	all = relay_bytes(n + FEW, &r, &ns);
	m->bytes = (double)(all - few) / n - sizeof(struct far) - sizeof(uint32_t);
	m->cpu_ns = (double)(ns - few_ns) / n;
	if (r.state != RATIO_GOOD || few == 0 || all <= few)
		snprintf(m->why, sizeof(m->why), "%.90s", r.why);
}

static void neighbour_batch(void *world, struct ratio *r)
{
	series_run(&(struct series){"neighbour", measure_neighbours}, r);
}
#endif

void memory_rows(struct bench *b)
{
	bench_add(
		b,
		&(struct bench_row){
			.unit = "session",
			.goals = {{"octets per idle session, everything in, 100 k sessions",
				   "octets per session", 8192, 4096},
				  {"exponent of memory over sessions, 1 k to 100 k",
				   "exponent of memory", 1.05, 1},
				  {"exponent of time over sessions", "exponent of time", 1.05, 1}},
			.open = memory_open,
			.batch = session_batch,
			.close = memory_close,
		},
		"memory/idle-session");
#ifdef WITH_FANOUT
	bench_add(b,
		  &(struct bench_row){.unit = "neighbour",
				      .open = memory_open,
				      .batch = neighbour_batch,
				      .close = memory_close},
		  "memory/neighbour-with-stream");
#endif
}
