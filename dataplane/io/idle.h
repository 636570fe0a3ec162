// How long a worker sleeps when there is nothing to do: not at all after a turn with work, then
// sleep_min_us, then twice as long each time up to sleep_max_us; never past the next deadline.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define IDLE_SLEEP_LEAST_US 5 // shorter ones are not worth the kernel's time: poll on

struct idle {
	bool spins; // never sleeps
	uint32_t sleep_min_us, sleep_max_us;
	uint32_t next_us; // 0: the last turn had work
};

// Microseconds to sleep after a turn that began at now_us; 0: go on.
static inline uint32_t idle_after_turn(struct idle *i, bool had_work, uint64_t now_us,
				       uint64_t deadline_us)
{
	uint64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;

	if (had_work || i->spins) {
		i->next_us = 0;
		return 0;
	}
	i->next_us = i->next_us == 0 ? i->sleep_min_us : 2 * i->next_us;
	if (i->next_us > i->sleep_max_us)
		i->next_us = i->sleep_max_us;
	if (left_us < i->next_us)
		return left_us < IDLE_SLEEP_LEAST_US ? 0 : (uint32_t)left_us;
	return i->next_us;
}
