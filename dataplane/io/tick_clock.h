// CLOCK_MONOTONIC in microseconds, told from the CPU's tick counter: workers look at the time every
// turn, and control stamps deadlines with the kernel's clock, so both must mean the same.
//
// The counter's rate is measured against the kernel's clock whenever it is time to anchor; between
// anchors the time is counter arithmetic. It never runs backwards: where an anchor shows that it
// ran ahead, it stands still until the kernel's clock has caught up.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TICK_ANCHOR_FIRST_US 10000   // the first rate is a guess; then the distance doubles
#define TICK_ANCHOR_MAX_US   1000000 // between anchors

struct tick_clock {
	uint64_t anchor_ticks, anchor_us;
	uint64_t ticks_per_s;
	uint64_t us_per_tick; // 2^32 fixed point
	uint64_t last_us;     // told last
	uint64_t anchor_every_us;
};

// ticks, mono_ns: read at the same moment. ticks_per_s: a guess, 1 % is good enough.
void tick_clock_init(struct tick_clock *, uint64_t ticks, uint64_t mono_ns, uint64_t ticks_per_s);
// The time at `ticks`.
uint64_t tick_clock_us(struct tick_clock *, uint64_t ticks);
// Is it time to read both clocks and anchor?
bool tick_clock_is_due(const struct tick_clock *, uint64_t ticks);
void tick_clock_anchor(struct tick_clock *, uint64_t ticks, uint64_t mono_ns);

uint64_t mono_ns(void); // CLOCK_MONOTONIC
