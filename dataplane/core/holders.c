// Who holds what: the newest maps of a few neighbours (groups.md 6.1, 10.5; fastpath.md 6).
#include <string.h>

#include "crypto/random.h"
#include "dataplane/core/stream.h"

static struct holder *holder_at(const struct engine *e, uint32_t idx)
{
	return &e->relay->holders[idx];
}

static void holder_drop(struct engine *e, struct stream *s, uint32_t place)
{
	uint32_t idx = s->holder[place];

	link_at(e, holder_at(e, idx)->link_idx)->holder = IDX_NONE;
	idx_put(&e->relay->holder_pool, idx);
	s->holder[place] = s->holder[--s->n_holders];
}

static uint32_t place_of(const struct stream *s, uint32_t idx)
{
	uint32_t i = 0;

	while (s->holder[i] != idx)
		i++;
	return i;
}

void holder_link_gone(struct engine *e, struct stream *s, struct link *l)
{
	if (l->holder != IDX_NONE)
		holder_drop(e, s, place_of(s, l->holder));
}

// The one that has been silent for longest gives way, if it missed a fetch period: it is of no use.
static bool make_room(struct engine *e, struct stream *s)
{
	uint32_t oldest = 0;

	if (s->n_holders == 0)
		return false; // other streams have them all
	for (uint32_t i = 1; i < s->n_holders; i++)
		if (ms_reached(holder_at(e, s->holder[i])->at_ms,
			       holder_at(e, s->holder[oldest])->at_ms))
			oldest = i;
	if (e->now_ms - holder_at(e, s->holder[oldest])->at_ms < s->fetch_ms)
		return false;
	holder_drop(e, s, oldest);
	return true;
}

static struct holder *holder_get(struct engine *e, struct stream *s, struct link *l)
{
	uint32_t idx = IDX_NONE;

	if (l->holder != IDX_NONE)
		return holder_at(e, l->holder);
	if (s->n_holders < HOLDERS_MAX)
		idx = idx_get(&e->relay->holder_pool);
	if (idx == IDX_NONE && make_room(e, s))
		idx = idx_get(&e->relay->holder_pool);
	if (idx == IDX_NONE)
		return NULL;
	s->holder[s->n_holders++] = idx;
	l->holder = idx;
	holder_at(e, idx)->link_idx = link_idx(e, l);
	holder_at(e, idx)->last = 0;
	horizon_init(&holder_at(e, idx)->announced, s->fetch_ms);
	return holder_at(e, idx);
}

// groups.md 10.5: a `last` out of all proportion.
static bool is_bomb(const struct stream *s, const struct fragments_map *map)
{
	uint64_t head = s->window.head_no;

	return map->last == 0 || map->last > UINT64_MAX / 2 ||
	       (head > 0 && map->last >= head + FRAGMENTS_MAP_JUMP_MAX);
}

void holder_on_map(struct engine *e, struct stream *s, struct link *l,
		   const struct fragments_map *map)
{
	struct holder *h;

	if (is_bomb(s, map)) {
		engine_drop(e, DROP_STREAM_JUMP);
		return;
	}
	// After the end librtmfp shows the end number, and bits that are off by one
	// (groups.md 6.1).
	if (s->end != 0 && map->last >= s->end)
		return;
	s->heard_ms = e->now_ms;
	l->n_maps += l->n_maps < UINT8_MAX;
	h = holder_get(e, s, l);
	if (h == NULL) {
		engine_drop(e, DROP_STREAM_MAPS);
		return;
	}
	if (map->last < h->last) // an older one, overtaken on the way
		return;
	h->last = map->last;
	h->at_ms = e->now_ms;
	h->len = (uint32_t)map->bits.len;
	memcpy(h->bits, map->bits.data, map->bits.len);
	// What a super-peer shows a newcomer it will not push: no use in waiting for a push (OURS).
	if (l->flags & LINK_IS_SUPER && l->n_maps <= 2 && s->first_no == 0) {
		horizon_pass(&h->announced, map->last);
		if (map->last > s->past_to && s->window.head_no == 0)
			s->past_to = map->last;
	} else {
		horizon_note(&h->announced, map->last, e->now_ms);
	}
	push_on_map(e, s, l);
}

static bool shows(const struct holder *h, uint64_t no)
{
	const struct fragments_map map = {h->last, span_of(h->bits, h->len)};

	return fragments_map_has(&map, no);
}

static bool holds(const struct holder *h, uint64_t no)
{
	return no <= h->announced.passed && shows(h, no);
}

// The past need not wait for a push either, whenever a super-peer shows it: the first fragments of
// a stream come to it late itself, and a player begins with them (OURS).
static bool is_past_of(const struct stream *s, const struct link *l, uint64_t no)
{
	return l->flags & LINK_IS_SUPER && no < s->first_no;
}

// What nobody pushes need not wait for a push, before members are asked.
static bool is_due(const struct stream *s, const struct holder *h, const struct link *l,
		   uint64_t no, enum holder_who who)
{
	if (is_past_of(s, l, no))
		return shows(h, no);
	if (who >= HOLDER_MEMBER && s->orphans >> (no % PUSH_SLOTS) & 1)
		return shows(h, no);
	return holds(h, no);
}

// Does it show one of the slot's two newest that it can have? Then the slot comes to it.
static bool shows_slot(const struct holder *h, uint32_t slot)
{
	uint64_t no = h->last - (h->last - slot) % PUSH_SLOTS;

	return no <= h->last && (shows(h, no) || (no > PUSH_SLOTS && shows(h, no - PUSH_SLOTS)));
}

static bool has_refused(const struct engine *e, const struct link *l)
{
	return l->refused_ms != 0 && e->now_ms - l->refused_ms < PUSH_REFUSES_MS;
}

struct link *holder_of_slot(const struct engine *e, const struct stream *s, uint32_t slot)
{
	struct link *best = NULL;
	uint32_t best_ms = 0;

	for (uint32_t i = 0; i < s->n_holders; i++) {
		const struct holder *h = holder_at(e, s->holder[i]);
		struct link *l = link_at(e, h->link_idx);

		if (l->slots_in >> slot & 1 || l->flags & (LINK_NO_PUSH_IN | LINK_IS_SUPER) ||
		    has_refused(e, l) || !shows_slot(h, slot))
			continue;
		if (best == NULL || ms_reached(best_ms, h->at_ms)) {
			best = l;
			best_ms = h->at_ms;
		}
	}
	return best;
}

static uint64_t first_of(const struct holder *h)
{
	return h->last > 8ull * h->len ? h->last - 8ull * h->len : 1;
}

uint64_t holders_low(const struct engine *e, const struct stream *s)
{
	uint64_t low = UINT64_MAX;

	for (uint32_t i = 0; i < s->n_holders; i++)
		if (first_of(holder_at(e, s->holder[i])) < low)
			low = first_of(holder_at(e, s->holder[i]));
	return low;
}

bool holders_range(struct engine *e, const struct stream *s, uint64_t *low, uint64_t *high)
{
	*low = UINT64_MAX;
	*high = 0;
	for (uint32_t i = 0; i < s->n_holders; i++) {
		struct holder *h = holder_at(e, s->holder[i]);
		uint64_t passed = horizon_passed(&h->announced, e->now_ms);
		uint64_t first = first_of(h);

		if (s->orphans != 0)
			passed = h->last;
		else if (passed < s->first_no && is_past_of(s, link_at(e, h->link_idx), first))
			passed = h->last < s->first_no ? h->last : s->first_no - 1;
		if (passed < first)
			continue;
		if (first < *low)
			*low = first;
		if (passed > *high)
			*high = passed;
	}
	return *high > 0;
}

static bool may_ask(const struct link *l, enum holder_who who)
{
	bool is_super = l->flags & LINK_IS_SUPER;

	switch (who) {
	case HOLDER_SUPER:
		return is_super;
	case HOLDER_MEMBER:
		return !is_super;
	case HOLDER_WITH_ROOM:
		return !is_super && l->n_pulls_open < l->pulls_may;
	default:
		return true;
	}
}

struct link *holder_next(struct engine *e, const struct stream *s, uint64_t no, uint64_t ring_order,
			 enum holder_who who)
{
	struct link *next = NULL, *first = NULL;

	for (uint32_t i = 0; i < s->n_holders; i++) {
		const struct holder *h = holder_at(e, s->holder[i]);
		struct link *l = link_at(e, h->link_idx);

		if (!may_ask(l, who) || !is_due(s, h, l, no, who))
			continue;
		if (first == NULL || l->ring_order < first->ring_order)
			first = l;
		if (l->ring_order > ring_order &&
		    (next == NULL || l->ring_order < next->ring_order))
			next = l;
	}
	return next != NULL ? next : first;
}

void holders_tune(struct engine *e, struct stream *s)
{
	for (uint32_t i = 0; i < s->n_holders; i++)
		holder_at(e, s->holder[i])->announced.span_ms = s->fetch_ms;
}

bool holders_have(const struct engine *e, const struct stream *s, uint64_t no)
{
	for (uint32_t i = 0; i < s->n_holders; i++) {
		const struct holder *h = holder_at(e, s->holder[i]);

		if (shows(h, no))
			return true;
	}
	return false;
}

struct link *holder_random(struct engine *e, const struct stream *s, uint32_t skip, uint64_t *no)
{
	const struct holder *h;

	if (s->n_holders == 0)
		return NULL;
	h = holder_at(e, s->holder[random_below(&e->dice, s->n_holders)]);
	*no = h->announced.passed < h->last ? h->announced.passed : h->last;
	for (uint32_t i = 0; i < 8 * h->len + 1 && *no > 0; i++, (*no)--)
		if (holds(h, *no) && skip-- == 0)
			return link_at(e, h->link_idx);
	return NULL;
}
