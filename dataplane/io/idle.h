// What a worker does when there is nothing to do: poll on, pause between polls, or sleep until
// something wakes it or a short time is over; never past the next deadline.
//
// Adaptive: after the last work it polls on for a window, the second half of it with pauses, and
// sleeps then. The window follows what happens (as Linux's halt_poll_ns does): it doubles when work
// comes so soon that polling on would have met it, up to window_max_us, and shrinks when it does
// not. So a busy worker answers without delay, and one with a packet now and then does not burn its
// core.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define IDLE_SLEEP_LEAST_US  5      // shorter ones are not worth the kernel's time: poll on
#define IDLE_WINDOW_LEAST_US 10     // what a window grows from, and shrinks to nothing below
#define IDLE_PAUSE_US        1      // between two polls
#define IDLE_WAIT_MAX_US     100000 // what an interrupt that gets lost may cost

enum idle_mode {       // in the order of config's
	IDLE_SLEEP,    // at once
	IDLE_ADAPTIVE, // after a window that follows the load
	IDLE_SPIN,     // never
};

enum idle_how {
	IDLE_GO,    // poll on at once
	IDLE_PAUSE, // let the core rest for IDLE_PAUSE_US
	IDLE_NAP,   // sleep so long
	IDLE_WAIT,  // sleep until woken, so long at most
};

struct idle_step {
	enum idle_how how;
	uint32_t us;
};

struct idle {
	enum idle_mode mode;
	bool is_woken; // whatever brings work can end a sleep; else naps, which double
	uint32_t window_max_us;
	uint32_t sleep_min_us, sleep_max_us; // of naps
	uint64_t since_us;                   // the last turn that had work
	uint32_t window_us;
	uint32_t nap_us; // 0: the last turn had work
};

static inline void idle_learn(struct idle *i, uint64_t gap_us)
{
	if (gap_us > i->window_max_us)
		i->window_us /= 2;
	else if (gap_us > i->window_us)
		i->window_us = i->window_us == 0 ? IDLE_WINDOW_LEAST_US : 2 * i->window_us;
	if (i->window_us < IDLE_WINDOW_LEAST_US)
		i->window_us = 0;
	if (i->window_us > i->window_max_us)
		i->window_us = i->window_max_us;
}

static inline struct idle_step idle_sleep(struct idle *i, uint64_t left_us)
{
	struct idle_step s = {IDLE_WAIT, IDLE_WAIT_MAX_US};

	if (!i->is_woken) {
		i->nap_us = i->nap_us == 0 ? i->sleep_min_us : 2 * i->nap_us;
		if (i->nap_us > i->sleep_max_us)
			i->nap_us = i->sleep_max_us;
		s = (struct idle_step){IDLE_NAP, i->nap_us};
	}
	if (left_us < s.us)
		s.us = (uint32_t)left_us;
	return s.us < IDLE_SLEEP_LEAST_US ? (struct idle_step){IDLE_GO, 0} : s;
}

// What to do after a turn that began at now_us.
static inline struct idle_step idle_after_turn(struct idle *i, bool had_work, uint64_t now_us,
					       uint64_t deadline_us)
{
	uint64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
	uint64_t gap_us = now_us - i->since_us;

	if (had_work) {
		if (i->mode == IDLE_ADAPTIVE && i->since_us != 0)
			idle_learn(i, gap_us);
		i->since_us = now_us;
		i->nap_us = 0;
	}
	if (had_work || i->mode == IDLE_SPIN)
		return (struct idle_step){IDLE_GO, 0};
	if (i->mode == IDLE_ADAPTIVE && gap_us < i->window_us)
		return (struct idle_step){gap_us < i->window_us / 2 ? IDLE_GO : IDLE_PAUSE, 0};
	return idle_sleep(i, left_us);
}
