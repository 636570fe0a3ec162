// The suite from inside: main.c runs it, report.c tells what came out.
#ifndef ANNULUS_PERF_SUITE_H
#define ANNULUS_PERF_SUITE_H

#include "perf/bench.h"

#define BENCH_ROWS_MAX 512

struct bench_entry {
	struct bench_row row;
	struct ratio ratio;
	struct bench *bench;
	void *counters; // main.c's
	bool has_run;
	uint32_t n_disturbed; // batches during which others had the core
};

struct bench {
	bool is_short;
	double seconds;              // per row that does not say
	struct bench_entry *entries; // BENCH_ROWS_MAX
	uint32_t n;
	uint32_t n_void;
};

// What a report says about where its figures come from.
struct machine {
	char cpu[96], kernel[96], flags[4096], load[48], date[32];
	long n_cpus;
	char commit[64], command[160]; // the caller's
};

void machine_read(struct machine *m);

// The line of a row that has run, for people.
void report_line(const struct bench_entry *e);

// Writes report.md and plots.gp into dir. 0 or -errno.
int report_write(const struct bench *b, const struct machine *m, const char *dir, double took_s);

#endif
