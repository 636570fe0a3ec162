#include "control/group/object_spread.h"

enum {
	// Holes are what somebody was given out of a slice, so there are as many as neighbours
	// times what a slice is broken into.
	RANGES_MAX = 1 << 16,
	SLICE_FIRST = 4,
	SLICE_MAX = 32, // twice what a seed is asked for at a time
	SLICE_RANGES = 64,
	SHARES = 2, // of what is left, each neighbour has a slice
};

void object_spread_init(struct object_spread *s)
{
	ranges_init(&s->ungiven, RANGES_MAX);
	ranges_init(&s->unshown, RANGES_MAX);
}

void object_spread_clear(struct object_spread *s)
{
	ranges_clear(&s->ungiven);
	ranges_clear(&s->unshown);
}

static bool go_on(struct object_spread *s, int err)
{
	if (err != 0)
		object_spread_clear(s);
	return err == 0;
}

bool object_spread_add(struct object_spread *s, uint64_t first, uint64_t last)
{
	int err = ranges_add(&s->ungiven, first, last);

	return go_on(s, err != 0 ? err : ranges_add(&s->unshown, first, last));
}

void object_spread_remove(struct object_spread *s, uint64_t first, uint64_t last)
{
	ranges_cut(&s->ungiven, first, last);
	ranges_cut(&s->unshown, first, last);
}

void object_slice_init(struct object_slice *slice)
{
	*slice = (struct object_slice){.n_deals = 0};
	ranges_init(&slice->left, SLICE_RANGES);
}

// Of what is left while there is much: enough that nobody waits for the next slice. Near the end
// less, so that nobody has nothing.
static uint64_t slice_len(const struct object_spread *s, uint32_t n_deals, uint32_t n_peers)
{
	uint64_t len = ranges_count(&s->unshown) / ((uint64_t)SHARES * (n_peers > 0 ? n_peers : 1));
	uint64_t max = n_deals < 3 ? (uint64_t)SLICE_FIRST << n_deals : SLICE_MAX;

	return len < 1 ? 1 : (len > max ? max : len);
}

bool object_spread_deal(struct object_spread *s, struct object_slice *slice, uint32_t n_peers,
			struct index_range *shown)
{
	uint64_t len, left;

	if (s->unshown.n == 0)
		return false;
	len = slice_len(s, slice->n_deals, n_peers);
	left = ranges_count(&slice->left);
	if (left > 0 && 2 * left >= len)
		return false;
	*shown = s->unshown.at[0];
	if (shown->last - shown->first >= len)
		shown->last = shown->first + len - 1;
	if (ranges_add(&slice->left, shown->first, shown->last) != 0)
		return false;
	slice->n_deals++;
	ranges_remove(&s->unshown, shown->first, shown->last); // its beginning: needs no room
	return true;
}

bool object_spread_ask(struct object_spread *s, struct object_slice *slice, uint64_t index)
{
	int err = ranges_remove(&s->ungiven, index, index);

	if (err == 0)
		err = ranges_remove(&s->unshown, index, index);
	ranges_cut(&slice->left, index, index);
	return go_on(s, err);
}

void object_spread_return(struct object_spread *s, uint64_t index)
{
	object_spread_add(s, index, index);
}

void object_spread_return_slice(struct object_spread *s, struct object_slice *slice)
{
	struct index_range r;

	for (uint32_t i = 0; i < slice->left.n; i++)
		for (uint64_t from = slice->left.at[i].first;
		     ranges_next_in(&s->ungiven, from, slice->left.at[i].last, &r);
		     from = r.last + 1)
			if (!go_on(s, ranges_add(&s->unshown, r.first, r.last)))
				break;
	ranges_clear(&slice->left);
}
