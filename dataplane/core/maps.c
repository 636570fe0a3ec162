// Our map of a stream to its neighbours (groups.md 6.1, fastpath.md 6): one shared body per period,
// sent when a neighbour is linked, and then to each at least twice a fetch period, spread evenly;
// in a small group that is one neighbour per update period. Members with many neighbours show it to
// fewer of them. Nobody gets one without news.
#include <string.h>

#include "dataplane/core/stream.h"

// Ours: a super-peer that is short of bytes shows a neighbour a map once a second, after the first
// few: who has just come begins with what they show (holders.c), and the first fragments of a
// stream often come late to the super-peer itself.
#define SHORT_MS  1000
#define SHORT_NOT 8 // maps

// The newest number held: the map's `last` must be one. 0: none.
static uint64_t newest_held(const struct engine *e, const struct stream *s)
{
	const struct window *w = &s->window;
	uint64_t no = w->head_no;

	if (w->n_held == 0)
		return 0;
	do {
		no--;
	} while (!window_has(w, e->relay->extents, no));
	return no;
}

// What is older than the window nobody asks for, so it need not be shown.
static uint64_t oldest_wanted(struct engine *e, struct stream *s, uint64_t last)
{
	const struct window *w = &s->window;
	uint64_t no = s->map_first > w->tail_no ? s->map_first : w->tail_no;

	for (; no < last; no++) {
		const struct record *rec = window_find(w, e->relay->extents, no);

		if (rec != NULL && !record_is_older(rec, s->window_ms, e->now_ms))
			break;
	}
	s->map_first = no;
	return no;
}

static void map_build(struct engine *e, struct stream *s, uint64_t last)
{
	uint8_t bits[FRAGMENTS_MAP_MAX];
	uint64_t first = oldest_wanted(e, s, last);
	struct fragments_map map = {last, span_of(bits, fragments_map_len(first, last))};
	struct wr w;

	memset(bits, 0, map.bits.len);
	for (uint64_t i = 0; i < 8 * map.bits.len && last - i > first; i++)
		if (window_has(&s->window, e->relay->extents, last - 1 - i))
			bits[i / 8] |= (uint8_t)(1u << (i % 8));
	maps_stream_gone(e, s);
	s->map = local_body_get(e, (uint32_t)(1 + VLU_LEN_MAX + map.bits.len));
	if (s->map == NULL)
		return;
	w = wr_over(local_body_data(s->map), 1 + VLU_LEN_MAX + map.bits.len);
	fragments_map_write(&w, &map);
	s->map_len = (uint32_t)w.len;
	s->map_ordinal = s->window.ordinal_next;
	s->is_map_stale = false;
}

// False: there is nothing to show, or no memory to show it in.
static bool map_ready(struct engine *e, struct stream *s)
{
	if (s->map == NULL || s->is_map_stale) {
		uint64_t last = newest_held(e, s);

		if (last == 0)
			return false;
		map_build(e, s, last);
	}
	return s->map != NULL;
}

// News is also what fills a hole below numbers that were shown: at a stream's end nothing newer
// comes, and whoever is told of nothing asks for nothing.
static bool is_news(const struct stream *s, const struct link *l)
{
	return l->n_shown == 0 || l->map_ordinal != s->map_ordinal;
}

void maps_send_to(struct engine *e, struct stream *s, struct link *l)
{
	uint32_t flow;

	if (!map_ready(e, s) || !is_news(s, l))
		return;
	flow = flow_tx_of_slot(e, l->session_idx, l->control_flow);
	if (flow == FLOW_IDX_NONE)
		return;
	// Once it is as old as the window it says nothing that anybody could use.
	if (flow_tx_send_local(e, flow, s->map, s->map_len, e->now_us + s->window_ms * 1000ull) !=
	    0)
		return; // its queue is full: next period
	l->n_shown += l->n_shown < UINT8_MAX;
	l->shown_ms = e->now_ms;
	l->map_ordinal = s->map_ordinal;
	control_sent(s, l, s->map_len);
}

void maps_send_to_new(struct engine *e, struct stream *s)
{
	for (uint32_t idx = s->link_first; idx != LINK_NONE; idx = link_at(e, idx)->next)
		if (link_at(e, idx)->n_shown == 0)
			maps_send_to(e, s, link_at(e, idx));
}

// A fiftieth of such a super-peer's bytes had been maps.
static bool may_wait(const struct engine *e, const struct stream *s, const struct link *l)
{
	return s->flags & STREAM_PUSH_ALL && s->room.slots != PUSH_ROOM_ALL &&
	       l->n_shown >= SHORT_NOT && e->now_ms - l->shown_ms < SHORT_MS;
}

// Beside fragments, maps are what an uplink is spent on. So a member whose uplink is full, and that
// has more neighbours than anybody keeps maps of, shows its own to half as many as those in a fetch
// period.
static uint32_t n_due(struct stream *s)
{
	uint64_t half_ms = s->fetch_ms / 2 > 0 ? s->fetch_ms / 2 : 1;
	uint64_t due;

	if (s->flags & STREAM_SEND_TO_ALL)
		return s->n_links;
	if (s->n_links <= HOLDERS_MAX || s->flags & STREAM_PUSH_ALL || !s->is_uplink_full)
		return (uint32_t)(((uint64_t)s->n_links * s->update_ms + half_ms - 1) / half_ms);
	due = (uint64_t)HOLDERS_MAX / 2 * s->update_ms + s->map_owed;
	s->map_owed = (uint32_t)(due % s->fetch_ms);
	return (uint32_t)(due / s->fetch_ms);
}

void maps_tick(struct engine *e, struct stream *s)
{
	uint32_t n;

	if (!ms_reached(s->map_due_ms, e->now_ms))
		return;
	s->map_due_ms = e->now_ms + s->update_ms;
	// They fetch for everybody else (OURS). From the source alone: all members at once would be
	// a hundred thousand maps a second for a large super-peer.
	for (uint32_t i = 0; i < s->n_supers && s->flags & STREAM_PUBLISHER; i++)
		maps_send_to(e, s, link_at(e, s->super[i]));
	n = n_due(s);
	for (uint32_t looked = 0; n > 0 && looked < s->n_links; looked++) {
		struct link *l;
		bool was_news;

		if (s->map_at == LINK_NONE)
			s->map_at = s->link_first;
		l = link_at(e, s->map_at);
		s->map_at = l->next;
		if (may_wait(e, s, l)) {
			n--;
			continue;
		}
		was_news = map_ready(e, s) && is_news(s, l);
		maps_send_to(e, s, l);
		n -= was_news && !is_news(s, l); // who needed none does not use up a turn
	}
}

void maps_link_gone(struct engine *e, struct stream *s, const struct link *l)
{
	if (s->map_at == link_idx(e, l))
		s->map_at = l->next;
}

void maps_stream_gone(struct engine *e, struct stream *s)
{
	if (s->map != NULL)
		local_body_unref(e, s->map);
	s->map = NULL;
}
