#include "control/bin/daemon/process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t timeval_us(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

static uint64_t entries(const char *path)
{
	DIR *d = opendir(path);
	uint64_t n = 0;

	if (d == NULL)
		return 0;
	for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

void process_figures(struct process_figures *p)
{
	struct rusage used = {0};
	unsigned long long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f != NULL && fscanf(f, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	if (f != NULL)
		fclose(f);
	getrusage(RUSAGE_SELF, &used);
	*p = (struct process_figures){
		.rss_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE),
		.cpu_us = timeval_us(&used.ru_utime) + timeval_us(&used.ru_stime),
		.open_files = entries("/proc/self/fd"),
		.threads = entries("/proc/self/task"),
	};
}
