// What the workers told last, kept for whoever looks in: asked for once a second, so at most a
// second old. Control thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/bin/daemon/backend.h"
#include "control/bin/daemon/process.h"
#include "control/bin/daemon/rings.h"
#include "dataplane/messages.h"

#define READINGS_PERIOD_US 1000000

struct stream_row {
	uint64_t told_us; // 0: never
	struct stream_stats stats;
};

struct readings {
	struct backend *backend;
	uint32_t n_workers, sessions_max, streams_max;
	struct session_stats *sessions; // worker * sessions_max + slot
	struct stream_row *streams;     // worker * streams_max + stream
	uint64_t next_us;
	// Shares of the last period, in thousandths of one core.
	uint64_t last_us, last_cpu_us;
	uint32_t cpu_permille;
	struct backend_worker last[OUTBOX_WORKERS_MAX];
	uint32_t worker_cpu_permille[OUTBOX_WORKERS_MAX], worker_busy_permille[OUTBOX_WORKERS_MAX];
};

int readings_init(struct readings *, struct backend *, const struct engine_opts *,
		  uint64_t now_us); // 0 or -ENOMEM
void readings_fini(struct readings *);

// Asks every worker, when a period has passed.
void readings_timers(struct readings *, struct outbox *, uint64_t now_us);
// Every report; what it brings stays the caller's.
void readings_report(struct readings *, uint32_t worker, const struct report *, uint64_t now_us);

// NULL: the worker has not told of it yet.
const struct session_stats *readings_session(const struct readings *, uint32_t worker, uint32_t idx,
					     uint32_t id);
// A stream as all workers together know it. False: no worker told of it in the last periods.
bool readings_stream(const struct readings *, uint16_t stream, uint64_t now_us,
		     struct stream_stats *sum);
