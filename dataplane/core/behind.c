// Neighbours the fresh walk cannot serve alone: they were blocked and have to catch up, lost
// something, or pulled. Those with room stand on one ready list, served in turns by bytes; who is
// blocked leaves it and comes back with the acks. So a slow neighbour costs nothing while it is
// slow, and loses what comes too late for it and for nobody else.
#include "dataplane/core/parcel.h"

#define VISIT_PACKETS 4 // at most

#define LINK_DUE_ANY (LINK_DUE_CATCH_UP | LINK_DUE_REPAIR | LINK_DUE_PULLS)

// -- the lists --
//
// Two: who catches up comes before those who want repairs and pulls alone, which budgets hold back
// earlier.

static struct link_list *list_of(struct engine *e, const struct link *l)
{
	if (l->list >= LIST_PARKED)
		return park_list(e, l, l->list - LIST_PARKED);
	return &e->relay->ready[l->list];
}

void link_list_push(struct engine *e, struct link *l, uint8_t list)
{
	uint32_t idx = link_idx(e, l);
	struct link_list *to;

	l->list = list;
	to = list_of(e, l);
	l->due |= LINK_LISTED;
	l->prev_ready = to->tail;
	l->next_ready = LINK_NONE;
	if (to->tail != LINK_NONE)
		link_at(e, to->tail)->next_ready = idx;
	else
		to->head = idx;
	to->tail = idx;
}

void link_list_remove(struct engine *e, struct link *l)
{
	struct link_list *from = list_of(e, l);

	if (l->prev_ready != LINK_NONE)
		link_at(e, l->prev_ready)->next_ready = l->next_ready;
	else
		from->head = l->next_ready;
	if (l->next_ready != LINK_NONE)
		link_at(e, l->next_ready)->prev_ready = l->prev_ready;
	else
		from->tail = l->prev_ready;
	l->due &= (uint8_t)~LINK_LISTED;
}

static uint8_t list_for(const struct link *l)
{
	return l->due & LINK_DUE_CATCH_UP ? LIST_MEDIA : LIST_REPAIRS;
}

static void wait_for_room(struct engine *e, struct link *l)
{
	l->due |= LINK_WAITING;
	l->deficit_bytes = 0;
	e->relay->session_waits[l->session_idx] = 1;
}

// Also while it waits: what is new may be allowed where the old was not (a repair needs no place in
// the ring), and finding it blocked again costs one visit.
void behind_mark(struct engine *e, struct link *l, uint8_t due)
{
	l->due |= due;
	l->due &= (uint8_t)~LINK_WAITING;
	if (!(l->due & LINK_LISTED) && l->due & LINK_DUE_ANY)
		link_list_push(e, l, list_for(l));
}

void behind_begin(struct engine *e, struct link *l, struct subscriber *sub, uint64_t pos)
{
	sub->is_behind = 1;
	flow_tx_at(e->flows, sub->flow_idx)->cursor = pos;
	l->due |= LINK_DUE_CATCH_UP;
	if (l->due & LINK_LISTED && l->list % LIST_PARKED == LIST_REPAIRS)
		link_list_remove(e, l); // it is more than that now
	if (!(l->due & LINK_LISTED))
		wait_for_room(e, l);
}

void behind_unlist(struct engine *e, struct link *l)
{
	if (l->due & LINK_LISTED)
		link_list_remove(e, l);
	l->due = 0;
}

// Nothing hangs on one forgotten call: whoever waits, or could not open its flow, is looked at.
void behind_nudge(struct engine *e, struct stream *s)
{
	if (!ms_reached(s->nudge_ms, e->now_ms))
		return;
	s->nudge_ms = e->now_ms + NUDGE_MS;
	for (uint32_t i = s->link_first; i != LINK_NONE; i = link_at(e, i)->next) {
		struct link *l = link_at(e, i);

		if (l->slots_granted != 0 && l->flow_idx == FLOW_IDX_NONE)
			subscriber_update(e, l);
		push_tell(e, s, l);
		if (l->due & LINK_DUE_ANY)
			behind_mark(e, l, 0);
	}
}

// -- pulls of what is under way already --

static bool is_in_flight(const struct flow_tx *f, uint64_t no)
{
	for (uint64_t sn = f->sn_base; sn < f->sn_next; sn++) {
		const struct sent *x = &f->ring[sn & f->ring_mask];

		if (x->ref == (uint32_t)no && !(x->flags & (SENT_ACKED | SENT_ABANDONED)))
			return true;
	}
	return false;
}

static bool will_be_pushed(const struct stream *s, const struct subscriber *sub,
			   const struct flow_tx *f, const struct extents *x, uint64_t no)
{
	uint64_t from = sub->is_behind || f->cursor > s->fresh_pos ? f->cursor : s->fresh_pos;
	const struct record *rec = window_find(&s->window, x, no);

	return sub->slots >> (no % PUSH_SLOTS) & 1 && rec->from != sub->link_idx && !rec->is_old &&
	       window_pos(&s->window, x, no) >= from;
}

// A neighbour on a bad path pulls what we have been pushing at him all the time. Sent twice it
// would only make his path worse, until nothing new gets through.
bool behind_is_under_way(struct engine *e, struct stream *s, struct link *l, uint64_t no)
{
	const struct subscriber *sub = subscriber_of(e, l);
	const struct flow_tx *f;

	if (l->flow_idx == FLOW_IDX_NONE)
		return false;
	f = flow_tx_at(e->flows, l->flow_idx);
	return is_in_flight(f, no) ||
	       (sub != NULL && will_be_pushed(s, sub, f, e->relay->extents, no));
}

// -- a visit --

static void skip(struct engine *e, struct stream *s, struct link *l)
{
	engine_drop(e, DROP_STREAM_SKIPPED);
	s->n.skipped++;
	l->skipped++;
	flow_tx_at(e->flows, l->flow_idx)->late++;
}

static void caught_up(struct engine *e, struct link *l, struct subscriber *sub)
{
	sub->is_behind = 0;
	l->due &= (uint8_t)~LINK_DUE_CATCH_UP;
}

// The next fragment that it has not been offered, up to where the fresh walk takes over.
static enum parcel_state catch_up(struct engine *e, struct stream *s, struct link *l,
				  struct parcel *p)
{
	struct subscriber *sub = subscriber_of(e, l);
	uint32_t self = link_idx(e, l);
	const struct record *rec;

	for (;;) {
		enum parcel_state state;

		rec = window_at(&s->window, e->relay->extents, &p->f->cursor);
		if (rec == NULL || p->f->cursor >= s->walk_end) {
			caught_up(e, l, sub);
			return PARCEL_OK;
		}
		if (sub->slots >> (rec->no % PUSH_SLOTS) & 1 && rec->from != self && !rec->is_old) {
			if (!record_is_late(s, rec, e->now_ms)) {
				state = parcel_add(p, p->f->sn_next, rec);
				if (state != PARCEL_OK)
					return state;
				p->f->cursor = window_after(p->f->cursor, rec);
				push_late(s, rec, 1, e->now_ms);
				s->n.fragments_pushed_to++;
				s->n.bytes_pushed_to += rec->len;
				return PARCEL_OK;
			}
			skip(e, s, l);
		}
		p->f->cursor = window_after(p->f->cursor, rec);
	}
}

static enum parcel_state answer_pull(struct engine *e, struct stream *s, struct link *l,
				     struct parcel *p)
{
	struct pull_pool *pool = &e->relay->pulls;
	const struct record *rec;
	enum parcel_state state;
	uint64_t no;

	while (pull_set_lowest(pool, &l->pulls, &no)) {
		rec = window_find(&s->window, e->relay->extents, no);
		if (rec != NULL) {
			state = parcel_add(p, p->f->sn_next, rec);
			if (state != PARCEL_OK)
				return state;
			s->n.fragments_pulled_by++;
			s->n.bytes_pulled_by += rec->len;
		} else { // left since it was asked for
			skip(e, s, l);
		}
		push_pull_done(e, s, l);
		if (rec != NULL)
			return PARCEL_OK;
	}
	l->due &= (uint8_t)~LINK_DUE_PULLS;
	return PARCEL_OK;
}

// The number behind the low 32 bits that a flow remembers.
static uint64_t number_of_ref(const struct stream *s, uint32_t ref)
{
	uint64_t no = (s->window.head_no & ~(uint64_t)UINT32_MAX) | ref;

	return no < s->window.head_no || no <= UINT32_MAX ? no : no - UINT32_MAX - 1;
}

// What was abandoned is not offered any more; the far end must hear of it (RFC 7016 §3.6.2.6).
static enum parcel_state move_forward(struct parcel *p)
{
	enum parcel_state state = parcel_reserve(p, flow_tx_header_max(p->e, p->f));

	if (state != PARCEL_OK)
		return state;
	if (flow_tx_write_fsn_update(p->e, p->flow_idx, &p->txp))
		p->txp.has_data = true;
	parcel_drop_empty(p);
	return PARCEL_OK;
}

static enum parcel_state repair(struct engine *e, struct stream *s, struct link *l,
				struct parcel *p)
{
	enum parcel_state state;
	uint64_t sn;
	uint32_t ref;

	while (flow_tx_next_lost(e, l->flow_idx, &sn, &ref)) {
		const struct record *rec =
			window_find(&s->window, e->relay->extents, number_of_ref(s, ref));

		if (rec == NULL || record_is_late(s, rec, e->now_ms)) {
			flow_tx_abandon(e, l->flow_idx, sn);
			skip(e, s, l);
			continue;
		}
		state = parcel_add(p, sn, rec);
		if (state != PARCEL_OK)
			return state;
		s->n.resent++;
	}
	state = move_forward(p);
	if (state == PARCEL_OK)
		l->due &= (uint8_t)~LINK_DUE_REPAIR;
	return state;
}

static bool is_short(enum parcel_state state)
{
	return state == PARCEL_SHORT_TOTAL || state == PARCEL_SHORT_GROUP;
}

// Repairs first, their deadlines are nearest; then catching up and pulls by turns, so that neither
// a neighbour who pulls the whole window nor one who is always behind starves himself. Where a
// budget allows no repairs it may still allow catching up.
static enum parcel_state serve(struct engine *e, struct stream *s, struct link *l, struct parcel *p)
{
	enum parcel_state state, repairs = PARCEL_OK;

	p->class = BUDGET_REPAIRS;
	if (l->due & LINK_DUE_REPAIR)
		repairs = repair(e, s, l, p);
	state = is_short(repairs) ? PARCEL_OK : repairs;
	while (state == PARCEL_OK &&
	       (l->due & LINK_DUE_CATCH_UP || (l->due & LINK_DUE_PULLS && !is_short(repairs)))) {
		if (l->deficit_bytes <= (int32_t)p->bytes)
			return PARCEL_FULL;
		p->class = BUDGET_MEDIA;
		if (l->due & LINK_DUE_CATCH_UP)
			state = catch_up(e, s, l, p);
		p->class = BUDGET_REPAIRS;
		if (state != PARCEL_OK || !(l->due & LINK_DUE_PULLS) || is_short(repairs))
			continue;
		repairs = answer_pull(e, s, l, p);
		state = is_short(repairs) ? PARCEL_OK : repairs;
	}
	return state == PARCEL_OK ? repairs : state;
}

static enum parcel_state visit(struct engine *e, struct link *l)
{
	struct stream *s = stream_at(e, l->stream);
	enum parcel_state state;
	struct parcel p;

	if (link_flow(e, l) == FLOW_IDX_NONE)
		return PARCEL_BLOCKED; // no flow to be had: with the next nudge
	parcel_begin(&p, e, s->group, l->flow_idx,
		     l->deficit_bytes > 0 ? 2 * VISIT_PACKETS : VISIT_PACKETS);
	l->deficit_bytes += VISIT_BYTES;
	state = serve(e, s, l, &p);
	parcel_end(&p);
	l->deficit_bytes -= (int32_t)p.bytes;
	// A visit that buffers or bytes cut short goes on with what it had, now or in its next
	// turn.
	if (state == PARCEL_NO_BUFFER || state == PARCEL_SHORT_TOTAL ||
	    (state == PARCEL_SHORT_GROUP && p.bytes == 0))
		l->deficit_bytes -= VISIT_BYTES;
	if (l->deficit_bytes > VISIT_BYTES)
		l->deficit_bytes = VISIT_BYTES;
	return state;
}

// False: no buffers are left.
static bool serve_list(struct engine *e, uint8_t list, enum budget_class class)
{
	struct link_list *ready = &e->relay->ready[list];

	while (ready->head != LINK_NONE && !engine_is_short(e, class)) {
		struct link *l = link_at(e, ready->head);
		enum parcel_state state = visit(e, l);

		if (state == PARCEL_NO_BUFFER)
			return false; // it stays first
		if (state == PARCEL_SHORT_TOTAL && list_for(l) == list)
			return true; // the same
		link_list_remove(e, l);
		if (state == PARCEL_BLOCKED)
			wait_for_room(e, l);
		else if (state == PARCEL_SHORT_GROUP)
			park_link(e, l, list_for(l));
		else if (l->due & LINK_DUE_ANY)
			link_list_push(e, l, list_for(l));
	}
	return true;
}

bool relay_tx_behind(struct engine *e)
{
	return !serve_list(e, LIST_MEDIA, BUDGET_MEDIA) ||
	       !serve_list(e, LIST_REPAIRS, BUDGET_REPAIRS);
}
