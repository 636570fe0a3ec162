// Warnings from counters: what a worker drops because something of ours is too small, told to the
// operator in words, at most once a minute each.
#pragma once

#include <stdint.h>

#include "control/admin/log.h"
#include "dataplane/worker_stats.h"

struct alarms {
	uint64_t next_us;
	uint64_t drops_seen[DROP_REASONS_N];
	struct log_limit limits[DROP_REASONS_N];
};

// Every second: holds the counters of all workers together against those of last time.
void alarms_check(struct alarms *, const struct worker_stats *, struct log *, uint64_t now_us);
