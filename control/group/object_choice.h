// Which object a neighbour is asked for next (OR-10). Costs by ranges, not by indices.
#pragma once

#include "control/group/ranges.h"
#include "control/group/tally.h"

// open: wanted and not asked of anybody; have: what the neighbour has. False: nothing of it.
bool object_choose_lowest(const struct ranges *open, const struct ranges *have, uint64_t *index);
// One of those that the fewest neighbours have, each as likely as another; dice: random octets.
bool object_choose_rarest(const struct ranges *open, const struct ranges *have,
			  const struct tally *, uint64_t dice, uint64_t *index);
