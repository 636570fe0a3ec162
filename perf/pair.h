// What rows about relaying have in common: the usual shape, and two races run in turns, batch by
// batch.
#pragma once

#include "perf/race.h"

struct race_opts race_shape(uint32_t n_streams, uint32_t n_per_stream, uint16_t body_len,
			    bool has_hmac);

// Ours over the other, per packet. goal.what NULL: none.
void pair_row(struct bench *b, struct race_opts ours, struct race_opts other, const char *ours_is,
	      const char *other_is, struct bench_goal goal, const char *name);
