// What was known some time ago: the highest fragment number noted at least span_ms before now.
// Pulls wait for it (a push may still be under way), and give up by it (groups.md 6.3).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HORIZON_SAMPLES 32 // more than 16 and two never live within a span

struct horizon {
	uint64_t newest; // highest number noted
	uint64_t passed; // highest number noted span_ms ago or earlier, as of the last call
	uint32_t span_ms;
	uint32_t first, n;
	struct horizon_sample {
		uint64_t no;
		uint32_t start_ms,
			at_ms; // numbers noted from start_ms to at_ms count as noted at at_ms
	} sample[HORIZON_SAMPLES];
};

void horizon_init(struct horizon *, uint32_t span_ms);
void horizon_note(struct horizon *, uint64_t no, uint32_t now_ms);
// What is noted here counts as known for long.
void horizon_pass(struct horizon *, uint64_t no);
uint64_t horizon_passed(struct horizon *, uint32_t now_ms);
