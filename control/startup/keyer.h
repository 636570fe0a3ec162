// Public-key work, away from everybody else's thread: submit a job, poll for finished ones. Implementations:
// keyer_thread (one or more threads behind a bounded queue, ready key pairs kept in stock) and
// keyer_inline (does it in submit; for tests, small tools and the simulator).
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct key_job; // key_job.h: inputs and results of one handshake half

struct keyer {
	// False: the queue is full; the job stays the caller's.
	bool (*submit)(struct keyer *, struct key_job *);
	// A finished job, the caller's again; NULL: none.
	struct key_job *(*poll)(struct keyer *);
	void (*destroy)(struct keyer *);
	// Becomes readable when poll may have something (eventfd), or -1.
	int wake_fd;
};
