// The inline keyer with a modelled delay: a job that was submitted is given out so much later.
#pragma once

#include "control/startup/key_job.h"
#include "control/startup/keyer.h"

#define SLOW_JOBS_MAX 64

struct slow_keyer {
	struct keyer keyer; // first: what startup holds
	const struct random *rng;
	const uint64_t *now_us; // borrowed: the net's
	uint64_t delay_us;
	unsigned n;
	struct slow_job {
		uint64_t done_us;
		struct key_job *job;
	} jobs[SLOW_JOBS_MAX]; // in order
};

struct slow_keyer *slow_keyer_create(const struct random *, const uint64_t *now_us,
				     uint64_t delay_us);
// When startup_timers should be called next, as its wake_fd would say; UINT64_MAX: it has nothing
// to do.
uint64_t slow_keyer_deadline_us(const struct slow_keyer *);
