// What a person sees while a member runs: one line that renews itself on a terminal, one line every
// ten seconds elsewhere, or key=value lines for a program.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/node.h"

struct progress {
	bool is_quiet, wants_lines, is_tty, has_line;
	uint64_t next_us, start_us;
};

struct progress_state {
	const char *state; // one word: connecting, joining, waiting, playing, publishing, leaving
	uint32_t n_neighbours, rtt_us;
	uint64_t fragments, late, missing, bytes;
	uint32_t stream_ms; // timestamp reached
};

void progress_init(struct progress *, bool is_quiet, bool wants_lines, uint64_t now_us);
uint64_t progress_due_us(const struct progress *);
// Prints if it is time, or if `now` is true.
void progress_show(struct progress *, const struct progress_state *, uint64_t now_us, bool now);
// A line of its own, above the renewing one.
void progress_say(struct progress *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_end(struct progress *); // leaves the renewing line behind
