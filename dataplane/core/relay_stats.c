// Rows of the tables that control asks for.
#include "dataplane/core/stream.h"

static void stream_row(const struct engine *e, const struct stream *s, struct stream_stats *row)
{
	const struct window *w = &s->window;

	*row = s->n;
	row->stream = (uint16_t)stream_idx(e, s);
	row->n_links = (uint16_t)(s->n_links < UINT16_MAX ? s->n_links : UINT16_MAX);
	row->fragments_held = w->n_held;
	row->bytes_held = w->bytes_held < UINT32_MAX ? (uint32_t)w->bytes_held : UINT32_MAX;
	row->newest = w->head_no > 0 ? w->head_no - 1 : 0;
	row->oldest = w->tail_no;
	row->end = s->end;
	row->missing = w->n_missing;
}

uint32_t relay_stream_stats(struct engine *e, uint32_t *at, struct stream_stats *rows,
			    uint32_t n_max)
{
	uint32_t n = 0;

	for (; n < n_max && *at < e->relay->streams_max; (*at)++)
		if (stream_find(e, *at) != NULL)
			stream_row(e, stream_at(e, *at), &rows[n++]);
	return n;
}

// Fragments that wait for it: 0 for who is up to date.
static uint32_t lag(struct engine *e, const struct stream *s, const struct link *l)
{
	const struct record *rec;
	uint64_t pos;

	if (!(l->due & LINK_DUE_CATCH_UP))
		return 0;
	pos = flow_tx_at(e->flows, l->flow_idx)->cursor;
	rec = window_at(&s->window, e->relay->extents, &pos);
	return rec != NULL ? s->window.ordinal_next - rec->ordinal : 0;
}

static void link_row(struct engine *e, const struct link *l, struct link_stats *row)
{
	*row = (struct link_stats){
		.session_idx = l->session_idx,
		.session_id = l->session_id,
		.stream = l->stream,
		.slots_we_push = l->slots_granted,
		.slots_they_push = l->slots_in,
		.skipped = l->skipped,
		.lag_fragments = lag(e, stream_at(e, l->stream), l),
		.fragments_from = l->fragments_from,
	};
	if (l->flow_idx != FLOW_IDX_NONE) // numbers used are fragments sent, each counted once
		row->fragments_to = flow_tx_at(e->flows, l->flow_idx)->sn_next - 1;
}

uint32_t relay_link_stats(struct engine *e, uint32_t *at, struct link_stats *rows, uint32_t n_max)
{
	uint32_t n = 0;

	for (; n < n_max && *at < e->relay->link_pool.fresh; (*at)++)
		if (link_at(e, *at)->is_used)
			link_row(e, link_at(e, *at), &rows[n++]);
	return n;
}
