#include "control/group/route_choice.h"

#include <stddef.h>

void route_choice_offer(struct route_choice *c, struct u256 at, bool is_nearest, const void *who)
{
	if (!is_nearest && u256_cmp(at, c->target) != 0)
		return;
	if (c->who != NULL && !ring_is_nearer(c->target, at, c->at))
		return;
	c->at = at;
	c->who = who;
}

struct route_range route_range_of(struct u256 at, const struct u256 *below,
				  const struct u256 *above)
{
	const struct u256 one = u256_bit(0), half = u256_bit(255);

	if (below == NULL || above == NULL)
		return (struct route_range){u256_add(u256_sub(at, half), one), u256_add(at, half)};
	return (struct route_range){u256_add(ring_midpoint(*below, at), one),
				    ring_midpoint(at, *above)};
}
