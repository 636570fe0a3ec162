// The ring of what is in flight: numbers [sn_base, sn_next) of one send flow, at sn & ring_mask
// (fastpath.md 2). What the numbers mean is flight.c's; here are the places and the arithmetic.
#pragma once

#include <errno.h>

#include "dataplane/core/flows.h"
#include "dataplane/core/slab.h"

#define SENT_RING_MAX   1024
#define SENT_RING_LEAST 8 // two lines: a neighbour on a short path has no more in flight

static inline struct sent *sent_at(const struct flow_tx *f, uint64_t sn)
{
	return &f->ring[sn & f->ring_mask];
}

static inline bool sent_ring_is_empty(const struct flow_tx *f)
{
	return f->sn_base == f->sn_next;
}

// Could sent_ring_reserve find a place, if memory allows?
static inline bool sent_ring_has_room(const struct flow_tx *f)
{
	return f->sn_next - f->sn_base < SENT_RING_MAX;
}

// A number that was abandoned and of which nothing is on its way that could still deliver it: the
// forward sequence number may pass it.
static inline bool sent_is_forgotten(const struct sent *x)
{
	if (x->flags & SENT_ACKED)
		return true;
	return x->flags & SENT_ABANDONED &&
	       (!(x->flags & SENT_IN_FLIGHT) || x->flags & SENT_AS_ABN);
}

// Sees to a place for sn_next: 8 entries at first, then 64, 256, and 1024. -ENOBUFS: none.
int sent_ring_grow(struct flow_tx *, struct slabs *);
static inline int sent_ring_reserve(struct flow_tx *f, struct slabs *slabs)
{
	if (f->ring != NULL && f->sn_next - f->sn_base <= f->ring_mask)
		return 0;
	return sent_ring_grow(f, slabs);
}
// Gives the memory back; the ring is empty.
void sent_ring_release(struct flow_tx *, struct slabs *);
// The same of a flow that is used again and again: it keeps a smallest ring.
static inline void sent_ring_rest(struct flow_tx *f, struct slabs *slabs)
{
	if (f->ring_mask >= SENT_RING_LEAST)
		sent_ring_release(f, slabs);
	f->flags &= (uint8_t)~FLOW_TX_GAPS;
}
// The next number, never sent yet and with these flags. sent_ring_reserve was 0.
static inline struct sent *sent_ring_append(struct flow_tx *f, uint8_t flags, uint32_t ref)
{
	struct sent *x = sent_at(f, f->sn_next);

	assert(f->sn_next - f->sn_base <= f->ring_mask);
	*x = (struct sent){.ref = ref, .flags = flags};
	f->sn_next++;
	return x;
}
// Moves the base over what is acknowledged, and over abandoned numbers as long as the next one is
// abandoned too: one ABN chunk for the last of them says it all (§3.6.2.6; see flow_write.c).
void sent_ring_trim(struct flow_tx *);
// Does the number at the base wait to be told as abandoned?
bool sent_ring_wants_abn(const struct flow_tx *);
// The forward sequence number (§3.6.2.3): nothing at or below will be sent (again).
uint64_t sent_ring_fsn(const struct flow_tx *);
