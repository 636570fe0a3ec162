// A ring between exactly one producer thread and one consumer thread, of 64-octet values
// (struct command, struct report, struct handoff). It never loses: push says false when full.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAILBOX_SLOT 64

struct mailbox {
	// The producer writes; it looks at the consumer's line only when the ring seems full.
	alignas(64) _Atomic uint32_t tail;
	uint32_t head_seen;
	// The consumer writes.
	alignas(64) _Atomic uint32_t head;
	uint32_t tail_seen;
	// Constant after creation.
	alignas(64) uint32_t mask;
	alignas(64) uint8_t slots[];
};

static_assert(offsetof(struct mailbox, head) - offsetof(struct mailbox, tail) >= 64 &&
		      offsetof(struct mailbox, mask) - offsetof(struct mailbox, head) >= 64 &&
		      offsetof(struct mailbox, slots) % 64 == 0,
	      "what each end writes is in lines of its own");

// n: a power of two. NULL: no memory. Freed by mailbox_destroy.
static inline struct mailbox *mailbox_create(uint32_t n)
{
	struct mailbox *m = aligned_alloc(64, sizeof(*m) + (size_t)n * MAILBOX_SLOT);

	if (m == NULL)
		return NULL;
	memset(m, 0, sizeof(*m));
	m->mask = n - 1;
	return m;
}

static inline void mailbox_destroy(struct mailbox *m)
{
	free(m);
}

// Where the next value belongs, for who writes it in place: a copy of what was just put together
// waits for its stores. NULL: full. Nobody sees it before mailbox_send.
static inline void *mailbox_slot(struct mailbox *m)
{
	uint32_t tail = atomic_load_explicit(&m->tail, memory_order_relaxed);

	if (tail - m->head_seen > m->mask) {
		m->head_seen = atomic_load_explicit(&m->head, memory_order_acquire);
		if (tail - m->head_seen > m->mask)
			return NULL;
	}
	return m->slots + (size_t)(tail & m->mask) * MAILBOX_SLOT;
}

static inline void mailbox_send(struct mailbox *m)
{
	uint32_t tail = atomic_load_explicit(&m->tail, memory_order_relaxed);

	atomic_store_explicit(&m->tail, tail + 1, memory_order_release);
}

static inline bool mailbox_push(struct mailbox *m, const void *value)
{
	void *slot = mailbox_slot(m);

	if (slot == NULL)
		return false;
	memcpy(slot, value, MAILBOX_SLOT);
	mailbox_send(m);
	return true;
}

static inline bool mailbox_pop(struct mailbox *m, void *value)
{
	uint32_t head = atomic_load_explicit(&m->head, memory_order_relaxed);

	if (head == m->tail_seen) {
		m->tail_seen = atomic_load_explicit(&m->tail, memory_order_acquire);
		if (head == m->tail_seen)
			return false;
	}
	memcpy(value, m->slots + (size_t)(head & m->mask) * MAILBOX_SLOT, MAILBOX_SLOT);
	atomic_store_explicit(&m->head, head + 1, memory_order_release);
	return true;
}

// For either side, a moment old.
static inline uint32_t mailbox_n(const struct mailbox *m)
{
	return atomic_load_explicit(&m->tail, memory_order_acquire) -
	       atomic_load_explicit(&m->head, memory_order_acquire);
}

static inline uint32_t mailbox_room(const struct mailbox *m)
{
	return m->mask + 1 - mailbox_n(m);
}
