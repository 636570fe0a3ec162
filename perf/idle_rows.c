// What each idle mode (dataplane/io/idle.h) takes of a core, and what it costs the packet that ends
// the rest: wake.c, in a process of its own. No ratio: the kernel's scheduler and the machine's
// other tenants are what is measured, so look at the modes beside each other.
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perf/rows.h"

#define MS_SHORT 50
#define MS       2000

struct idle_way {
	const char *mode;
	uint32_t pause_us;
};

static const struct idle_way ways[] = {
	{"spin", 30},   {"adaptive", 30},   {"sleep", 30},   {"nap", 30},
	{"spin", 2000}, {"adaptive", 2000}, {"sleep", 2000}, {"nap", 2000},
};

static void *idle_open(const struct bench_row *row, struct ratio *r)
{
	(void)r;
	return (void *)(uintptr_t)row->user;
}

static void idle_batch(void *w, struct ratio *r)
{
	const struct idle_way *way = w;
	char self[512] = "", command[700];
	double p50, p99, cpu;
	unsigned n;
	FILE *f;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
		ratio_skip(r, "no /proc");
		return;
	}
	snprintf(command, sizeof(command), "'%s/probes/wake' %s %u %u", dirname(self), way->mode,
		 way->pause_us, r->is_short ? MS_SHORT : MS);
	f = popen(command, "r");
	if (f == NULL || fscanf(f, "%lf %lf %lf %u", &p50, &p99, &cpu, &n) != 4)
		ratio_void(r, "%s", "no answer from the worker");
	if (f != NULL && pclose(f) != 0)
		ratio_void(r, "%s", "perf/probes/wake failed");
	if (r->state != RATIO_GOOD)
		return;
	ratio_figure(r, "us to the answer, p50", p50);
	ratio_figure(r, "us to the answer, p99", p99);
	ratio_figure(r, "worker's CPU %", cpu);
	ratio_figure(r, "asked", n);
}

static void idle_close(void *w, struct ratio *r)
{
	(void)w;
	(void)r;
}

void idle_rows(struct bench *b)
{
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		bench_add(b,
			  &(struct bench_row){.unit = "answer",
					      .open = idle_open,
					      .batch = idle_batch,
					      .close = idle_close,
					      .waits = true,
					      .user = &ways[i]},
			  "idle/every-%u-us/%s", ways[i].pause_us, ways[i].mode);
}
