// Wakes a thread that sleeps in poll() when another has put something into a ring. It costs the
// ringer no system call while the sleeper is awake, and one write per sleep otherwise.
//
// The sleeper:	bell_arm(b); if (rings are empty) poll(b->fd ...); bell_disarm(b); work.
// The ringer:	fill a ring; ...; bell_ring(b).
//
// Both sides put a fence between their store and their look, so at least one of them sees the
// other.
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct bell {
	_Atomic bool is_armed;
	int fd; // an eventfd, non-blocking
	// Its sleeper writes is_armed, and ringers look at it whenever they have put something into
	// a ring of his: two bells are never in one line.
	uint8_t rsv[56];
};
static_assert(sizeof(struct bell) == 64, "a line apart");

static inline int bell_init(struct bell *b) // 0 or -errno
{
	atomic_init(&b->is_armed, false);
	b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return b->fd >= 0 ? 0 : -errno;
}

static inline void bell_fini(struct bell *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

static inline void bell_arm(struct bell *b)
{
	atomic_store_explicit(&b->is_armed, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

static inline void bell_disarm(struct bell *b)
{
	uint64_t n;

	if (atomic_exchange_explicit(&b->is_armed, false, memory_order_relaxed))
		return; // nobody rang
	// Who rang may not have written yet. Then the next sleep is short.
	while (read(b->fd, &n, sizeof(n)) > 0)
		;
}

// Any number of ringers; one of them writes.
static inline void bell_ring(struct bell *b)
{
	const uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&b->is_armed, memory_order_relaxed) ||
	    !atomic_exchange_explicit(&b->is_armed, false, memory_order_relaxed))
		return;
	// Non-blocking: full means that it rings already.
	if (write(b->fd, &one, sizeof(one)) < 0)
		return;
}
