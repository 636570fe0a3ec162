// Who sees what of the objects that are spread (object_spread.h): neighbours that want something
// have slices, until all was given once. Whoever asks for nothing of its slice wants something
// else, or has it from others: it sees everything from then on.
#include "control/group/neighbour.h"
#include "control/group/objects.h"

static uint64_t now_us(const struct objects *os)
{
	return os->group->groups->now_us;
}

bool object_is_hidden_from(const struct objects *os, const struct object_peer *op)
{
	return object_spread_is_on(&os->spread) && !op->sees_all;
}

static uint32_t n_with_slices(const struct objects *os)
{
	uint32_t n = 0;

	for (const struct object_peer *op = os->peers; op != NULL; op = op->next)
		n += op->is_interested && !op->sees_all;
	return n;
}

void object_slice_end(struct objects *os)
{
	object_spread_clear(&os->spread);
	for (struct object_peer *op = os->peers; op != NULL; op = op->next)
		ranges_clear(&op->slice.left);
	os->idle_us = NEVER;
	object_tell_soon(os);
}

// All but what is spread, and its slice. It may be everything.
const struct ranges *object_seen(struct objects *os, struct object_peer *op, struct ranges *scratch)
{
	struct index_range r;
	int err = 0;

	if (!object_is_hidden_from(os, op))
		return &os->have;
	ranges_clear(scratch);
	for (uint64_t from = 0; os->o.spread_from > 0 && err == 0 &&
				ranges_next_in(&os->have, from, os->o.spread_from - 1, &r);
	     from = r.last + 1)
		err = ranges_add(scratch, r.first, r.last);
	for (uint32_t i = 0; i < op->slice.left.n && err == 0; i++)
		err = ranges_add(scratch, op->slice.left.at[i].first, op->slice.left.at[i].last);
	if (err == 0)
		return scratch;
	object_slice_end(os);
	return &os->have;
}

bool object_slice_grow(struct objects *os, struct object_peer *op, struct index_range *shown)
{
	if (!op->is_interested || !object_is_hidden_from(os, op) ||
	    !object_spread_deal(&os->spread, &op->slice, n_with_slices(os), shown))
		return false;
	op->slice_us = now_us(os);
	os->idle_us = earlier(os->idle_us, op->slice_us + OBJECT_IDLE_US);
	return true;
}

void object_slice_asked(struct objects *os, struct object_asked *a)
{
	if (!object_spread_is_on(&os->spread) || a->index < os->o.spread_from)
		return;
	a->by->slice_us = now_us(os);
	a->is_first = ranges_has(&os->spread.ungiven, a->index);
	if (object_spread_ask(&os->spread, &a->by->slice, a->index) &&
	    object_spread_is_on(&os->spread))
		object_show(os, a->by);
	else
		object_slice_end(os);
}

// When all is over everybody sees it, and may ask.
void object_slice_ungiven(struct objects *os, const struct object_asked *a)
{
	if (!a->is_first || !object_spread_is_on(&os->spread) || !ranges_has(&os->have, a->index))
		return;
	object_spread_return(&os->spread, a->index);
	object_tell_soon(os);
}

void object_slice_lost(struct objects *os, uint64_t first, uint64_t last)
{
	if (!object_spread_is_on(&os->spread))
		return;
	object_spread_remove(&os->spread, first, last);
	for (struct object_peer *op = os->peers; op != NULL; op = op->next)
		ranges_cut(&op->slice.left, first, last);
	if (!object_spread_is_on(&os->spread))
		object_slice_end(os);
}

static void give_back(struct objects *os, struct object_peer *op)
{
	if (op->slice.left.n == 0)
		return;
	object_spread_return_slice(&os->spread, &op->slice);
	object_tell_soon(os); // others
}

void object_slice_peer_gone(struct objects *os, struct object_peer *op)
{
	give_back(os, op);
	ranges_clear(&op->slice.left);
}

void object_slice_timers(struct objects *os)
{
	if (os->idle_us > now_us(os))
		return;
	os->idle_us = NEVER;
	for (struct object_peer *op = os->peers; op != NULL; op = op->next) {
		if (op->slice.left.n == 0)
			continue;
		if (op->n_asked > 0) // it waits for us
			op->slice_us = now_us(os);
		if (op->slice_us + OBJECT_IDLE_US > now_us(os)) {
			os->idle_us = earlier(os->idle_us, op->slice_us + OBJECT_IDLE_US);
			continue;
		}
		op->sees_all = true;
		give_back(os, op);
	}
}
