// What the load generator says in the end.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "perf/probes/light.h"

// What a run took, or a part of it.
struct load_spent {
	uint64_t wall_ns;
	uint64_t busy_ns;         // rounds that had something to do
	uint64_t cpu_ns, work_ns; // of all rounds, and of those
	uint64_t frames;          // that came in
};

struct load_result {
	uint32_t n_members, n_light;
	double joined_s;
	uint64_t written, got, gaps; // messages
	uint64_t whole, failed;      // members
	uint64_t rx_frames, tx_frames, tx_refused;
	struct lights_counters light;
	struct load_spent idle, stream; // everybody has joined, and the stream
};

void load_tell(const struct load_result *, bool wants_json);
