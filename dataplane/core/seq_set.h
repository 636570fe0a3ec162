// The sequence numbers a receive flow has seen, received or forwarded over (RFC 7016 §3.6.3.1,
// SEQUENCE_SET): 0..cum, and ranges above. It is also exactly what a Range Ack says.
//
// A stranger can make it grow by leaving holes: it holds at most ACK_RANGES_MAX ranges, and what
// would need one more is not taken.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/slab.h"
#include "dataplane/wire/chunk.h"

struct seq_set {
	uint64_t cum;             // 0..cum are in the set, cum + 1 is not
	struct seq_range *ranges; // ascending, disjoint, not adjacent, above cum + 1; NULL: none
	uint16_t n, cap;
};

// A zeroed seq_set is {0}: number 0 counts as seen from the start.

static inline bool seq_set_has_gap(const struct seq_set *s)
{
	return s->n > 0;
}

bool seq_set_has(const struct seq_set *, uint64_t seq);
// Sees to it that seq_set_add(seq) will have room. -ENOBUFS: it would take one range too many.
int seq_set_reserve(struct seq_set *, struct slabs *, uint64_t seq);
// seq_set_reserve was 0. seq < UINT64_MAX.
void seq_set_add(struct seq_set *, struct slabs *, uint64_t seq);
// Adds 0..fsn. Never needs room.
void seq_set_forward(struct seq_set *, struct slabs *, uint64_t fsn);
// Gives memory back. The set stays as it is if it has no gap, else it is cut off at cum.
void seq_set_release(struct seq_set *, struct slabs *);
