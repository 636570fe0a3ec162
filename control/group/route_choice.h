// Who is nearest to a place on the ring (DR-2, DR-10): the decision of one hop. Pure.
#pragma once

#include "control/group/ring.h"

struct route_choice {
	struct u256 target;
	struct u256 at;  // of the best so far
	const void *who; // NULL: nobody qualifies
};

static inline struct route_choice route_choice_of(struct u256 target)
{
	return (struct route_choice){.target = target};
}

// Somebody at this place. EXACT members qualify for their own place alone; of two as near the one
// on the decreasing side wins.
void route_choice_offer(struct route_choice *, struct u256 at, bool is_nearest, const void *who);

// What a member at this place covers, `below` and `above` being its nearest NEAREST neighbours
// there (groups.md 5). Alone: NULL, both.
struct route_range {
	struct u256 from, to; // upward, both included
};
struct route_range route_range_of(struct u256 at, const struct u256 *below,
				  const struct u256 *above);
