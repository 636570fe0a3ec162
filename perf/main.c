/*
 * The perf suite: `./run bench`. Picks rows by a filter, runs each for its time, prints a line per
 * row; with --report DIR also report.json, report.md and plots.gp. README.md says how to read it.
 */
#include <errno.h>
#include <getopt.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "perf/cores.h"
#include "perf/rows.h"
#include "perf/shim.h"
#include "perf/suite.h"

#define SECONDS_DEFAULT 0.4 // some 2000 batches of 100 us with both sides
#define BATCHES_MIN     2
#define OURS_MIN        0.97 // of a batch's time that the core must have been ours
#define COUNTERS_MAX    (3 * RATIO_SIDES + 2 * BENCH_GOALS_MAX + RATIO_FIGURES_MAX + 4)

// ---- rows ----

void bench_add(struct bench *b, const struct bench_row *row, const char *name, ...)
{
	struct bench_entry *e;
	va_list args;

	if (b->n == BENCH_ROWS_MAX) {
		fprintf(stderr, "bench: more than %d rows\n", BENCH_ROWS_MAX);
		exit(2);
	}
	e = &b->entries[b->n++];
	*e = (struct bench_entry){.row = *row, .bench = b};
	va_start(args, name);
	vsnprintf(e->row.name, sizeof(e->row.name), name, args);
	va_end(args);
}

void bench_octets(void *buf, size_t len, uint64_t seed)
{
	uint8_t *p = buf;
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du;

	for (size_t i = 0; i < len; i++) { // xorshift64*
		x ^= x >> 12;
		x ^= x << 25;
		x ^= x >> 27;
		p[i] = (uint8_t)(x * 0x2545f4914f6cdd1du >> 56);
	}
}

static unsigned sides_of(const struct bench_row *row)
{
	unsigned n = 0;

	while (n < RATIO_SIDES && row->sides[n] != NULL)
		n++;
	return n;
}

/*
 * One batch. Where others want the core as well, the kernel takes it away in the middle of a side,
 * for milliseconds: such a batch compares nothing, and is thrown away unless `keeps`.
 */
static void batch_run(struct bench_entry *e, void *w, unsigned n_sides, bool keeps)
{
	struct ratio *r = &e->ratio;
	uint64_t wall = ratio_clock_ns(), cpu = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID);
	bool was_ours;

	e->row.batch(w, r);
	cpu = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	wall = ratio_clock_ns() - wall;
	was_ours = e->row.waits || r->clock != CLOCK_MONOTONIC ||
		   (double)cpu >= OURS_MIN * (double)wall;
	ratio_batch_end(r, n_sides);
	if (!was_ours && !keeps && r->n_batches > 0)
		r->n_batches--;
	e->n_disturbed += !was_ours;
}

static void batches_run(struct bench_entry *e, void *w)
{
	struct ratio *r = &e->ratio;
	unsigned n_sides = sides_of(&e->row), n_warm = e->bench->is_short ? 0 : 3;
	double seconds = e->row.seconds > 0 ? e->row.seconds : e->bench->seconds;
	uint64_t end_ns, patience_ns;

	if (n_sides == 0) {
		e->row.batch(w, r);
		return;
	}
	for (unsigned i = 0; i < n_warm && r->state == RATIO_GOOD; i++) {
		batch_run(e, w, n_sides, true);
	}
	r->n_batches = 0;
	e->n_disturbed = 0;
	end_ns = ratio_clock_ns() + (uint64_t)(seconds * 1e9);
	patience_ns = end_ns + (uint64_t)(seconds * 1e9);
	while (r->state == RATIO_GOOD && r->n_batches < RATIO_BATCHES_MAX) {
		uint64_t now_ns = ratio_clock_ns();

		if (r->n_batches >= BATCHES_MIN && (e->bench->is_short || now_ns >= end_ns))
			break;
		batch_run(e, w, n_sides, e->bench->is_short || now_ns >= patience_ns);
	}
}

static void row_run(struct bench_entry *e)
{
	struct ratio *r = &e->ratio;
	void *w;

	e->has_run = true;
	if (ratio_init(r, e->bench->is_short) != 0) {
		ratio_void(r, "no memory");
		return;
	}
	w = e->row.open(&e->row, r);
	if (w == NULL) {
		ratio_void(r, "it did not open");
		return;
	}
	if (r->state == RATIO_GOOD)
		batches_run(e, w);
	e->row.close(w, r);
}

// ---- Google Benchmark's side ----

struct counters {
	struct shim_counter list[COUNTERS_MAX];
	char names[COUNTERS_MAX][64];
	size_t n;
};

static void counter_add(struct counters *c, double value, const char *name, const char *suffix)
{
	if (c->n == COUNTERS_MAX)
		return;
	snprintf(c->names[c->n], sizeof(c->names[0]), "%s%s", name, suffix);
	c->list[c->n] = (struct shim_counter){c->names[c->n], value};
	c->n++;
}

static void spread_add(struct counters *c, struct ratio_spread s, const char *name)
{
	counter_add(c, s.p10, name, "_p10");
	counter_add(c, s.median, name, "");
	counter_add(c, s.p90, name, "_p90");
}

static void counters_fill(struct counters *c, const struct bench_entry *e)
{
	static const char *const names[RATIO_SIDES] = {"ns", "ratio", "ratio_2", "ratio_3"};
	const struct ratio *r = &e->ratio;

	for (unsigned side = 0; side < sides_of(&e->row); side++)
		spread_add(c, side == RATIO_OURS ? ratio_ns(r, side) : ratio_to(r, side),
			   names[side]);
	if (sides_of(&e->row) > 0) {
		counter_add(c, r->n_batches, "batches", "");
		counter_add(c, e->n_disturbed, "disturbed", "");
	}
	for (unsigned g = 0; g < BENCH_GOALS_MAX && e->row.goals[g].what != NULL; g++) {
		const struct bench_goal *goal = &e->row.goals[g];

		counter_add(c, goal->at_least, goal->figure != NULL ? goal->figure : "ratio",
			    " at least");
		counter_add(c, goal->aim, goal->figure != NULL ? goal->figure : "ratio", " aim");
	}
	for (uint32_t i = 0; i < r->n_figures; i++)
		counter_add(c, r->figures[i].value, r->figures[i].name, "");
}

static void row_run_shim(void *user, struct shim_result *res)
{
	struct bench_entry *e = user;
	struct counters *c = calloc(1, sizeof(*c)); // Google Benchmark reads it after the row

	row_run(e);
	report_line(e);
	e->bench->n_void += e->ratio.state == RATIO_VOID;
	res->ns = ratio_ns(&e->ratio, RATIO_OURS).median;
	res->label = e->row.sides[RATIO_LIMIT];
	res->failure = e->ratio.state == RATIO_GOOD ? NULL : e->ratio.why;
	if (c != NULL && e->ratio.state == RATIO_GOOD) {
		counters_fill(c, e);
		res->counters = c->list;
		res->n_counters = c->n;
	}
	e->counters = c;
}

// ---- main ----

struct options {
	bool is_short, list;
	double seconds;
	const char *report, *filter;
};

static void usage(FILE *f)
{
	fprintf(f, "usage: bench [--short] [--list] [--seconds S] [--report DIR] [--commit C] "
		   "[--command C]\n"
		   "             [FILTER]      a regular expression on rows' names\n");
}

static bool options_read(struct options *o, struct machine *m, int argc, char **argv)
{
	static const struct option longs[] = {{"short", no_argument, NULL, 's'},
					      {"list", no_argument, NULL, 'l'},
					      {"seconds", required_argument, NULL, 't'},
					      {"report", required_argument, NULL, 'r'},
					      {"commit", required_argument, NULL, 'c'},
					      {"command", required_argument, NULL, 'C'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->is_short = true;
			break;
		case 'l':
			o->list = true;
			break;
		case 't':
			o->seconds = strtod(optarg, NULL);
			break;
		case 'r':
			o->report = optarg;
			break;
		case 'c':
			snprintf(m->commit, sizeof(m->commit), "%s", optarg);
			break;
		case 'C':
			snprintf(m->command, sizeof(m->command), "%s", optarg);
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			return false;
		}
	}
	if (optind < argc)
		o->filter = argv[optind++];
	return optind == argc && o->seconds > 0;
}

// Keeps the rows whose names match. Not left to Google Benchmark, which hangs words of its own on
// names, so that no `$` would find their end. False: no regular expression.
static bool rows_pick(struct bench *b, const char *filter)
{
	uint32_t n = 0;
	regex_t re;

	if (regcomp(&re, filter, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	for (uint32_t i = 0; i < b->n; i++)
		if (regexec(&re, b->entries[i].row.name, 0, NULL, 0) == 0)
			b->entries[n++] = b->entries[i];
	b->n = n;
	regfree(&re);
	return true;
}

static void contexts_set(const struct machine *m)
{
	shim_context("cpu_model", m->cpu);
	shim_context("cpu_flags", m->flags);
	shim_context("kernel", m->kernel);
	shim_context("commit", m->commit);
	shim_context("command", m->command);
}

static int run_all(struct bench *b, const struct options *o, const struct machine *m, char *program)
{
	char json[512];
	uint64_t start_ns = ratio_clock_ns();
	size_t n;
	int err = 0;

	if (o->report != NULL)
		snprintf(json, sizeof(json), "%s/report.json", o->report);
	n = shim_run(program, o->report != NULL ? json : NULL);
	if (o->report != NULL)
		err = report_write(b, m, o->report, (double)(ratio_clock_ns() - start_ns) * 1e-9);
	if (err != 0)
		fprintf(stderr, "bench: report in %s: %s\n", o->report, strerror(-err));
	printf("%zu rows ran, %u of them void\n", n, b->n_void);
	return b->n_void > 0 || err != 0;
}

int main(int argc, char **argv)
{
	struct options o = {.seconds = SECONDS_DEFAULT, .filter = "."};
	struct machine m = {.commit = "unknown", .command = "bench"};
	struct bench b = {0};
	int status = 0;

	if (!options_read(&o, &m, argc, argv)) {
		usage(stderr);
		return 2;
	}
	b.is_short = o.is_short;
	b.seconds = o.seconds;
	b.entries = calloc(BENCH_ROWS_MAX, sizeof(*b.entries));
	if (b.entries == NULL)
		return 2;
	rows_add(&b);
	machine_read(&m);
	if (!rows_pick(&b, o.filter) || b.n == 0) {
		fprintf(stderr, "bench: no row matches '%s'\n", o.filter);
		status = 2;
	} else if (o.list) {
		for (uint32_t i = 0; i < b.n; i++)
			printf("%s\n", b.entries[i].row.name);
	} else {
		cores_pin();
		contexts_set(&m);
		for (uint32_t i = 0; i < b.n; i++)
			shim_register(b.entries[i].row.name, row_run_shim, &b.entries[i]);
		status = run_all(&b, &o, &m, argv[0]);
	}
	for (uint32_t i = 0; i < b.n; i++) {
		ratio_fini(&b.entries[i].ratio);
		free(b.entries[i].counters);
	}
	free(b.entries);
	return status;
}
