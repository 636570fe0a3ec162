// What waits for a group's byte budget: streams in the midst of their fresh walk, and links that
// are behind. Nobody looks at them until the budget has filled up a little; then come back as many
// as that is good for, those that waited longest first. So a group at its limit costs what it
// sends, however many its neighbours are.
#include "dataplane/core/stream.h"

#define LOOK_AGAIN_US 1000 // groups are not looked at more often

static void group_list(struct engine *e, uint16_t group)
{
	struct group_budget *g = &e->budgets.groups[group];

	if (e->now_us + LOOK_AGAIN_US < e->relay->unpark_us)
		e->relay->unpark_us = e->now_us + LOOK_AGAIN_US;
	if (g->is_parked)
		return;
	g->is_parked = true;
	g->next_parked = e->relay->parked_head;
	e->relay->parked_head = group;
}

void park_stream(struct engine *e, struct stream *s)
{
	struct group_budget *g = &e->budgets.groups[s->group];

	s->is_fresh_listed = true; // so that news do not list it
	s->is_parked = true;
	s->next_fresh = g->streams_head;
	g->streams_head = stream_idx(e, s);
	group_list(e, s->group);
}

void park_stream_gone(struct engine *e, struct stream *s)
{
	uint32_t *at = &e->budgets.groups[s->group].streams_head;

	while (*at != stream_idx(e, s))
		at = &stream_at(e, *at)->next_fresh;
	*at = s->next_fresh;
	s->is_fresh_listed = s->is_parked = false;
}

void park_link(struct engine *e, struct link *l, uint8_t list)
{
	uint16_t group = stream_at(e, l->stream)->group;

	link_list_push(e, l, LIST_PARKED + list);
	group_list(e, group);
}

struct link_list *park_list(struct engine *e, const struct link *l, uint8_t list)
{
	return &e->budgets.groups[stream_at(e, l->stream)->group].links[list];
}

// -- coming back --

static void release_streams(struct engine *e, struct group_budget *g)
{
	while (g->streams_head != STREAM_NONE) {
		struct stream *s = stream_at(e, g->streams_head);

		g->streams_head = s->next_fresh;
		s->is_fresh_listed = s->is_parked = false;
		fanout_mark(e, s);
	}
}

static void release_links(struct engine *e, struct group_budget *g, uint8_t list, uint64_t n)
{
	for (; n > 0 && g->links[list].head != LINK_NONE; n--) {
		struct link *l = link_at(e, g->links[list].head);

		link_list_remove(e, l);
		link_list_push(e, l, list);
	}
}

// How many visits the bucket is good for.
static uint64_t n_visits(const struct budget *b)
{
	if (b->rate.per_s == 0)
		return UINT64_MAX;
	return b->pot.level > 0 ? (uint64_t)b->pot.level / 1000000 / VISIT_BYTES + 1 : 1;
}

static void release(struct engine *e, struct group_budget *g)
{
	struct budget *b = &g->budget;

	if (b->rate.per_s != 0)
		budget_fill(&b->rate, &b->pot, e->now_us);
	if (budget_may(&b->rate, &b->pot, BUDGET_MEDIA)) {
		release_streams(e, g);
		release_links(e, g, LIST_MEDIA, n_visits(b));
	}
	if (budget_may(&b->rate, &b->pot, BUDGET_REPAIRS))
		release_links(e, g, LIST_REPAIRS, n_visits(b));
}

void park_release(struct engine *e)
{
	struct relay *r = e->relay;
	uint32_t next, group = r->parked_head;

	r->parked_head = BUDGET_GROUP_NONE;
	r->unpark_us = UINT64_MAX;
	for (; group != BUDGET_GROUP_NONE; group = next) {
		struct group_budget *g = &e->budgets.groups[group];

		next = g->next_parked;
		g->is_parked = false;
		release(e, g);
		if (g->streams_head != STREAM_NONE || g->links[LIST_MEDIA].head != LINK_NONE ||
		    g->links[LIST_REPAIRS].head != LINK_NONE)
			group_list(e, (uint16_t)group);
	}
}
