// What a member's uplink carries, if nobody has said it (OURS). It is full when answers come later
// than they could: then what was sent in that time is about what it carries, and the member's
// budget is a little less, so that its queue drains and what has to wait waits here, where it is
// known what comes first (budget.h). Where that is used up and nothing is late, it grows again.
// Pure arithmetic.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UPLINK_MS  500  // between two looks
#define UPLINK_MIN 4000 // bytes a second; less is no use to anybody

#define UPLINK_LOOKS 4
struct uplink {
	uint64_t bytes_per_s;         // 0: nothing is known, and no limit
	uint32_t hold_ms;             // until it may be another one
	uint64_t recent[UPLINK_LOOKS]; // bytes a second, of the latest looks
	uint32_t n_looks;
};

struct uplink_look {
	uint32_t period_ms;
	uint64_t bytes; // that were sent, and not again
	bool is_slow;   // answers come late, or packets get lost by the dozen
};

void uplink_look(struct uplink *, const struct uplink_look *);
