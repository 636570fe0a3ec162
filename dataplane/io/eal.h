// DPDK's run-time layer (EAL): its arguments from plain options, started once, quiet.
//
// One EAL per process, for ever: DPDK cannot be started a second time, not even after eal_stop.
// eal_start also makes the process ignore SIGPIPE, since a vhost peer that dies first would
// otherwise take us along.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EAL_ARGS_MAX 64
#define EAL_LINE_MAX 256

enum eal_huge {
	EAL_HUGE_AUTO, // huge pages if there are enough free ones
	EAL_HUGE_ON,
	EAL_HUGE_OFF, // ordinary pages: works anywhere, 20-30 % slower
};

struct eal_opts {
	const char *program; // argv[0]
	uint32_t memory_mb;  // packet buffers and DPDK's own
	enum eal_huge huge;
	const char *const
		*pci;   // addresses of the ports to take from the kernel; no others are touched
	uint32_t n_pci; // 0: the PCI bus is left alone
	const char *const *args; // appended unread
	uint32_t n_args;
	bool has_telemetry; // a socket and a thread for dpdk-telemetry.py
};

struct eal;

// NULL and one line in `why`: not enough huge pages, no memory, arguments that EAL refuses, or it
// ran already. The calling thread keeps its CPU affinity.
struct eal *eal_start(const struct eal_opts *, char *why, size_t why_size);
void eal_stop(struct eal *);

// The first line that DPDK logged as a warning or worse since eal_forget_reason; "" if none. For
// error messages: drivers return -1, log why, and then everybody on the way up complains, too.
const char *eal_reason(struct eal *, char line[EAL_LINE_MAX]);
void eal_forget_reason(struct eal *);

// -- for tests: the parts --

// MiB of free huge pages under /sys/kernel/mm/hugepages or another root.
uint64_t eal_free_huge_mb(const char *root);

struct eal_args {
	char *argv[EAL_ARGS_MAX + 1]; // strings in text; EAL permutes it
	int argc;
	char text[4096];
};
// uses_huge: decided. cpu: one that the process may run on. -E2BIG: more than fits.
int eal_args_build(struct eal_args *, const struct eal_opts *, bool uses_huge, unsigned cpu);
