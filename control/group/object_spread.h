// The first copy of what one member alone has. If everybody saw all of it, each would ask for
// objects at random, and most would be given several times before the last one is out: as many as
// it takes to collect all pictures of an album, some ln(n) copies. So each neighbour is shown a
// slice of its own, and the next one as it asks; when all of it was given once, everybody sees
// everything. Whoever is not told of an object cannot ask for it: neighbours need not know of this.
#pragma once

#include "control/group/ranges.h"

struct object_spread {
	struct ranges ungiven; // nobody was given it
	struct ranges unshown; // of that: nobody was told of it either
};

// Empty: it is over.
void object_spread_init(struct object_spread *);
void object_spread_clear(struct object_spread *);
static inline bool object_spread_is_on(const struct object_spread *s)
{
	return s->ungiven.n > 0;
}

// We have it now, and nobody else; false: it becomes too much, and it is over.
bool object_spread_add(struct object_spread *, uint64_t first, uint64_t last);
void object_spread_remove(struct object_spread *, uint64_t first, uint64_t last); // not any more

// What a neighbour is shown.
struct object_slice {
	struct ranges left; // and has not asked for
	uint32_t n_deals;
};
void object_slice_init(struct object_slice *);

// Whose slice is short is shown more: the next stretch of what nobody was told of, in parts that
// n_peers neighbours share, at first small ones: who comes next shall find something. False: it has
// enough, or there is nothing.
bool object_spread_deal(struct object_spread *, struct object_slice *, uint32_t n_peers,
			struct index_range *shown);
// It asks for this. False: that makes it too much, and it is over.
bool object_spread_ask(struct object_spread *, struct object_slice *, uint64_t index);
// It was not given after all.
void object_spread_return(struct object_spread *, uint64_t index);
// It asks for nothing of its slice any more: others are shown that.
void object_spread_return_slice(struct object_spread *, struct object_slice *);
