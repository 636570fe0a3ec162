// The relay's memory and its clock.
#include <stdlib.h>

#include "dataplane/core/stream.h"
#include "dataplane/pages.h"

#define TICK_BUNCH_MS 4 // with many streams they are looked at in bunches and not one by one

// Most octets of a datagram that are not a fragment: session id 4, session sequence number 10,
// checksum 2, flags and clocks 5, chunk header 3, flags 1, flow id 4, numbers 2 x 10, metadata and
// association options 17, padding 15, tag 32.
#define OVERHEAD_MAX 113

// -- time --

static void stream_tick(struct engine *e, struct stream *s)
{
	uint32_t period = s->update_ms < PULL_STEP_MS ? s->update_ms : PULL_STEP_MS;

	s->tick_ms = e->now_ms + period;
	window_age(&s->window, e->relay->extents, e->now_ms);
	handoff_take_part(e, s);
	if (s->flags & STREAM_TAP)
		tap_run(e, s);
	maps_tick(e, s);
	pull_tick(e, s);
	push_tick(e, s);
	push_room_tick(e, s);
	spread_tick(e, s);
	behind_nudge(e, s);
}

void relay_timers(struct engine *e, uint64_t now_us)
{
	struct relay *r = e->relay;
	uint32_t next_ms = e->now_ms + 60000;

	for (uint32_t i = 0; r->n_tap_full > 0 && i < r->n_active; i++)
		if (stream_at(e, r->active[i])->is_tap_full)
			tap_run(e, stream_at(e, r->active[i]));
	if (!ms_reached(r->tick_ms, e->now_ms))
		return;
	if (r->n_active > 0)
		push_uplink_tick(e);
	for (uint32_t i = 0; i < r->n_active; i++) {
		struct stream *s = stream_at(e, r->active[i]);

		if (ms_reached(s->tick_ms, e->now_ms))
			stream_tick(e, s);
		if (ms_reached(s->tick_ms, next_ms))
			next_ms = s->tick_ms;
	}
	r->tick_ms = ms_reached(next_ms, e->now_ms + TICK_BUNCH_MS) ? e->now_ms + TICK_BUNCH_MS
								    : next_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t relay_deadline_us(const struct engine *e)
{
	const struct relay *r = e->relay;
	uint32_t left_ms = r->tick_ms - e->now_ms;
	uint64_t at_us = UINT64_MAX;

	if (r->fresh_head != STREAM_NONE || r->ready[LIST_MEDIA].head != LINK_NONE)
		at_us = budgets_total_at_us(&e->budgets, BUDGET_MEDIA);
	if (r->ready[LIST_REPAIRS].head != LINK_NONE)
		at_us = earlier(at_us, budgets_total_at_us(&e->budgets, BUDGET_REPAIRS));
	at_us = earlier(at_us, r->unpark_us);
	if (r->n_tap_full > 0 || handoff_waits(e))
		at_us = earlier(at_us, e->now_us + 1000);
	if (r->n_active > 0)
		at_us = earlier(at_us,
				(int32_t)left_ms > 0 ? e->now_us + left_ms * 1000ull : e->now_us);
	return at_us;
}

// -- life --

static bool tables_take(struct relay *r, const struct engine_opts *opts)
{
	r->extents = extents_create(opts->extents_max, opts->streams_max);
	r->streams = pages_take(r->streams_max * sizeof(*r->streams));
	r->links = pages_take(r->links_max * sizeof(*r->links));
	r->holders = pages_take(r->holders_max * sizeof(*r->holders));
	r->asked = pages_take((size_t)r->streams_max * ASKED_MAX * sizeof(*r->asked));
	r->offers = pages_take((size_t)r->streams_max * opts->n_workers * sizeof(*r->offers));
	r->subs = pages_take((size_t)r->streams_max * r->subs_max * sizeof(*r->subs));
	r->session_links = pages_take(r->sessions_max * sizeof(*r->session_links));
	r->session_waits = pages_take(r->sessions_max);
	r->active = pages_take(r->streams_max * sizeof(*r->active));
	r->lent = calloc(opts->n_workers + 1, sizeof(*r->lent));
	r->returns = calloc(opts->n_workers + 1, sizeof(*r->returns));
	r->takers = calloc(r->streams_max, sizeof(*r->takers));
	r->told = calloc(r->streams_max, sizeof(*r->told));
	r->untold = calloc((r->streams_max + 63) / 64, sizeof(*r->untold));
	return r->extents != NULL && r->streams != NULL && r->links != NULL && r->holders != NULL &&
	       r->asked != NULL && r->subs != NULL && r->offers != NULL &&
	       r->session_links != NULL && r->session_waits != NULL && r->active != NULL &&
	       r->lent != NULL && r->returns != NULL && r->takers != NULL && r->told != NULL &&
	       r->untold != NULL && idx_pool_init(&r->link_pool, r->links_max) == 0 &&
	       idx_pool_init(&r->holder_pool, r->holders_max) == 0 &&
	       pull_pool_init(&r->pulls, 2 * r->links_max + 64) == 0;
}

struct relay *relay_create(const struct engine_opts *opts)
{
	struct relay *r = calloc(1, sizeof(*r));
	uint64_t holders = (uint64_t)opts->streams_max * HOLDERS_MAX;

	if (r == NULL)
		return NULL;
	r->streams_max = opts->streams_max;
	r->links_max = opts->links_max;
	r->sessions_max = opts->sessions_max;
	r->n_workers = opts->n_workers;
	r->subs_max = r->links_max < r->sessions_max ? r->links_max : r->sessions_max;
	r->holders_max = holders < r->links_max ? (uint32_t)holders : r->links_max;
	r->body_max = opts->payload_base - OVERHEAD_MAX;
	if (r->body_max > WINDOW_BODY_MAX)
		r->body_max = WINDOW_BODY_MAX;
	r->fresh_head = r->fresh_tail = STREAM_NONE;
	r->ready[LIST_MEDIA] = r->ready[LIST_REPAIRS] = (struct link_list){LINK_NONE, LINK_NONE};
	r->unpark_us = UINT64_MAX;
	if (opts->payload_base < 2 * OVERHEAD_MAX || opts->extents_max > EXTENTS_MAX ||
	    !tables_take(r, opts)) {
		relay_destroy(NULL, r);
		return NULL;
	}
	for (uint32_t i = 0; i < r->sessions_max; i++)
		r->session_links[i] = LINK_NONE;
	return r;
}

void relay_destroy(struct engine *e, struct relay *r)
{
	if (r == NULL)
		return;
	extents_destroy(r->extents);
	pages_give(r->streams, r->streams_max * sizeof(*r->streams));
	pages_give(r->links, r->links_max * sizeof(*r->links));
	pages_give(r->holders, r->holders_max * sizeof(*r->holders));
	pages_give(r->asked, (size_t)r->streams_max * ASKED_MAX * sizeof(*r->asked));
	pages_give(r->offers, (size_t)r->streams_max * r->n_workers * sizeof(*r->offers));
	pages_give(r->subs, (size_t)r->streams_max * r->subs_max * sizeof(*r->subs));
	pages_give(r->session_links, r->sessions_max * sizeof(*r->session_links));
	pages_give(r->session_waits, r->sessions_max);
	pages_give(r->active, r->streams_max * sizeof(*r->active));
	idx_pool_fini(&r->link_pool);
	idx_pool_fini(&r->holder_pool);
	pull_pool_fini(&r->pulls);
	free(r->lent);
	free(r->returns);
	free(r->takers);
	free(r->told);
	free(r->untold);
	free(r);
}
