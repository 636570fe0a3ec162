#include "control/group/object_choice.h"

bool object_choose_lowest(const struct ranges *open, const struct ranges *have, uint64_t *index)
{
	uint32_t i = 0, k = 0;

	while (i < open->n && k < have->n) {
		const struct index_range *o = &open->at[i], *h = &have->at[k];

		if (o->last < h->first) {
			i = ranges_find(open, h->first);
		} else if (h->last < o->first) {
			k = ranges_find(have, o->first);
		} else {
			*index = o->first > h->first ? o->first : h->first;
			return true;
		}
	}
	return false;
}

// The rarest so far, and how many there are of them.
struct rarest {
	uint64_t dice;
	uint32_t holders;
	uint64_t n, index;
};

// splitmix64: one throw makes many.
static uint64_t throw_dice(uint64_t *dice)
{
	uint64_t z = *dice += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void offer(struct rarest *r, uint64_t first, uint64_t last, uint32_t holders)
{
	uint64_t len = last - first + 1, at;

	if (r->n > 0 && holders > r->holders)
		return;
	if (holders < r->holders)
		r->n = 0;
	r->holders = holders;
	r->n += len;
	// One of n: in this stretch with len chances of them, and there at any place.
	at = r->n > len ? throw_dice(&r->dice) % r->n : 0;
	if (at < len)
		r->index = first + throw_dice(&r->dice) % len;
}

// A stretch that is open and had: by steps. step: the one its beginning is in, or before.
static uint32_t offer_steps(struct rarest *r, struct index_range s, const struct tally *t,
			    uint32_t step)
{
	while (step + 1 < t->n && t->at[step + 1].first <= s.first)
		step++;
	for (;;) {
		bool is_last = step + 1 >= t->n || t->at[step + 1].first > s.last;
		uint64_t last = is_last ? s.last : t->at[step + 1].first - 1;

		offer(r, s.first, last, t->at[step].n);
		if (is_last)
			return step;
		s.first = last + 1;
		step++;
	}
}

bool object_choose_rarest(const struct ranges *open, const struct ranges *have,
			  const struct tally *t, uint64_t dice, uint64_t *index)
{
	struct rarest r = {.dice = dice, .holders = UINT32_MAX};
	uint32_t i = 0, k = 0, step = 0;

	while (i < open->n && k < have->n) {
		const struct index_range *o = &open->at[i], *h = &have->at[k];
		struct index_range both = {o->first > h->first ? o->first : h->first,
					   o->last < h->last ? o->last : h->last};

		if (both.first <= both.last)
			step = offer_steps(&r, both, t, step);
		if (o->last < h->last)
			i++;
		else
			k++;
	}
	*index = r.index;
	return r.n > 0;
}
