// Public-key work, away from everybody else's thread: submit a job, poll for finished ones.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct key_job; // key_job.h: inputs and results of one handshake half
struct random;

struct keyer {
	// False: the queue is full; the job stays the caller's.
	bool (*submit)(struct keyer *, struct key_job *);
	// A finished job, the caller's again; NULL: none.
	struct key_job *(*poll)(struct keyer *);
	// Jobs not polled yet are forgotten, not freed.
	void (*destroy)(struct keyer *);
	// Becomes readable when poll may have something (eventfd), or -1. poll clears it when it
	// has run dry.
	int wake_fd;
};

// One or more threads behind a queue of queue_max jobs. While idle they keep stock_per_group fresh
// key pairs of groups 2 and 14 each. rng is called from all of them, so it must be random_system's
// or as safe. NULL: errno.
struct keyer *keyer_thread_create(uint32_t n_threads, uint32_t queue_max, uint32_t stock_per_group,
				  const struct random *rng);

// Works in submit, finished jobs wait for poll; for tests, small tools and the simulator. NULL:
// errno.
struct keyer *keyer_inline_create(const struct random *rng);
