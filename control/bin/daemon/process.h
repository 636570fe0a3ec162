// What the kernel says about this process.
#pragma once

#include <stdint.h>

struct process_figures {
	uint64_t rss_bytes; // resident memory, all kinds
	uint64_t cpu_us;    // used since the start, all threads, user and system
	uint64_t open_files, threads;
};

void process_figures(struct process_figures *); // what cannot be read is 0
