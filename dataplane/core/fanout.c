// The fresh walk: new fragments to every neighbour who is up to date (fastpath.md 2, 4, 6).
//
// A batch is what one visit may carry: one fragment of full size, or several small ones. It goes to
// all subscribers before the next batch goes to anyone. The walk stops when the lent buffers are
// used up and goes on there in the next engine_tx; it begins at another subscriber each time. Who
// is blocked becomes `behind` and looks after himself (behind.c).
#include "dataplane/core/parcel.h"
#include "dataplane/fetch.h"

#define BATCH_MAX      16
#define PACKET_OCTETS  1150 // of chunks in a packet, about
#define CHUNK_OVERHEAD 16   // of a fragment's chunk header, about
#define AHEAD          8    // neighbours whose lines are fetched beforehand
#define AHEAD_RING     4    // and whose place in flight is
#define AHEAD_BUFFER   3    // and whose buffer is

struct batch {
	uint32_t n;
	uint8_t slots; // of all its fragments
	struct {
		const struct record *rec;
		uint64_t pos;
		uint8_t slot;
	} at[BATCH_MAX];
};

void fanout_mark(struct engine *e, struct stream *s)
{
	struct relay *r = e->relay;
	uint32_t idx = stream_idx(e, s);

	if (s->is_fresh_listed)
		return;
	s->is_fresh_listed = true;
	s->next_fresh = STREAM_NONE;
	if (r->fresh_tail != STREAM_NONE)
		stream_at(e, r->fresh_tail)->next_fresh = idx;
	else
		r->fresh_head = idx;
	r->fresh_tail = idx;
}

static struct stream *fresh_pop(struct engine *e)
{
	struct relay *r = e->relay;
	struct stream *s = stream_at(e, r->fresh_head);

	r->fresh_head = s->next_fresh;
	if (r->fresh_head == STREAM_NONE)
		r->fresh_tail = STREAM_NONE;
	s->is_fresh_listed = false;
	return s;
}

void fanout_unlist(struct engine *e, struct stream *s)
{
	uint32_t last = e->relay->fresh_tail;

	if (s->is_parked)
		park_stream_gone(e, s);
	if (!s->is_fresh_listed)
		return;
	for (;;) { // around once
		struct stream *head = fresh_pop(e);
		bool is_last = stream_idx(e, head) == last;

		if (head != s)
			fanout_mark(e, head);
		if (is_last)
			return;
	}
}

// Who was served already is told by the cursor, so going around again costs time and nothing else.
void fanout_restart(struct stream *s)
{
	s->walk_at = 0;
	s->walk_from = 0;
	if (s->is_walking)
		s->walk_left = s->n_subs;
}

// -- batches --

// Overload: nobody can use them any more. All who were still to get them skip them.
static void skip(struct engine *e, struct stream *s, uint32_t n_records, uint32_t n_subs)
{
	e->stats.drops[DROP_STREAM_SKIPPED] += (uint64_t)n_records * n_subs;
	s->n.skipped += (uint64_t)n_records * n_subs;
}

static bool is_batch_full(const struct engine *e, const struct batch *b, size_t octets)
{
	size_t visit = e->opts.visit > 0 ? e->opts.visit : 1;

	return b->n == BATCH_MAX || (b->n > 0 && octets > visit * PACKET_OCTETS);
}

static void batch_add(struct batch *b, const struct record *rec, uint64_t pos)
{
	uint8_t slot = (uint8_t)(1u << (rec->no % PUSH_SLOTS));

	b->at[b->n].rec = rec;
	b->at[b->n].pos = pos;
	b->at[b->n].slot = slot;
	b->slots |= slot;
	b->n++;
}

// The records from fresh_pos on: until walk_end where a walk is under way, else as many as a visit
// carries. Records may have left since the walk began.
static void batch_fill(struct engine *e, struct stream *s, struct batch *b)
{
	uint64_t pos = s->fresh_pos;
	const struct record *rec;
	uint32_t n_late = 0;
	size_t octets = 0;

	b->n = 0;
	b->slots = 0;
	while ((rec = window_at(&s->window, e->relay->extents, &pos)) != NULL) {
		if (s->is_walking && pos >= s->walk_end)
			break;
		if (rec->is_old) {
			pos = window_after(pos, rec);
			continue;
		}
		if (record_is_late(s, rec, e->now_ms)) {
			if (!s->is_walking)
				skip(e, s, 1, s->n_subs);
			n_late++;
			pos = window_after(pos, rec);
			continue;
		}
		octets += rec->len + CHUNK_OVERHEAD;
		if (!s->is_walking && is_batch_full(e, b, octets))
			break;
		batch_add(b, rec, pos);
		pos = window_after(pos, rec);
	}
	if (!s->is_walking)
		s->walk_end = pos;
	if (s->is_walking && n_late > s->walk_late) // for those who were not visited yet
		skip(e, s, n_late - s->walk_late, s->walk_left);
	s->walk_late = n_late;
}

// Another subscriber each time.
static uint32_t walk_start(const struct stream *s)
{
	return s->n_subs > 0 ? (s->walk_from + s->n_subs / 4 + 1) % s->n_subs : 0;
}

static void walk_begin(struct engine *e, struct stream *s, struct batch *b)
{
	batch_fill(e, s, b);
	if (b->n > 0)
		push_late(s, b->at[0].rec, s->n_subs, e->now_ms);
	s->is_walking = true;
	s->walk_left = b->n > 0 ? s->n_subs : 0;
	s->walk_from = s->walk_at = walk_start(s);
}

static void walk_end(struct stream *s)
{
	s->fresh_pos = s->walk_end;
	s->is_walking = false;
	s->walk_left = 0;
}

// -- one neighbour --

// The usual batch is one fragment, and the usual neighbour wants it and is ready for it. False:
// this one is not, and nothing has happened.
static inline bool offer_whole(struct engine *e, struct stream *s, const struct subscriber *sub,
			       const struct batch *b)
{
	const struct record *rec = b->at[0].rec;
	struct flow_tx *f = flow_tx_at(e->flows, sub->flow_idx);

	if (b->n != 1 || f->cursor > b->at[0].pos || rec->from == sub->link_idx ||
	    !budgets_look(&e->budgets, sub->session_idx, s->group, BUDGET_MEDIA) ||
	    !flow_tx_send_whole(e, sub->flow_idx, (uint32_t)rec->no, rec->body, rec->len, rec->sum,
				s->group))
		return false;
	if (!rec->is_spread)
		((struct record *)rec)->is_spread = 1;
	if (f->cursor < s->walk_end)
		f->cursor = s->walk_end;
	s->n.fragments_pushed_to++;
	s->n.bytes_pushed_to += rec->len;
	return true;
}

static inline enum parcel_state offer(struct engine *e, struct stream *s, struct subscriber *sub,
				      const struct batch *b)
{
	struct parcel p;
	enum parcel_state state = PARCEL_OK;
	uint64_t n = 0, bytes = 0;

	parcel_begin(&p, e, s->group, sub->flow_idx, e->opts.visit + 1u);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct record *rec = b->at[i].rec;

		if (!(sub->slots & b->at[i].slot) || p.f->cursor > b->at[i].pos ||
		    rec->from == sub->link_idx)
			continue;
		state = parcel_add(&p, p.f->sn_next, rec);
		if (state != PARCEL_OK) {
			p.f->cursor = b->at[i].pos;
			break;
		}
		n++;
		bytes += rec->len;
	}
	parcel_end(&p);
	if (state == PARCEL_OK && p.f->cursor < s->walk_end)
		p.f->cursor = s->walk_end;
	s->n.fragments_pushed_to += n;
	s->n.bytes_pushed_to += bytes;
	return state;
}

// ---- looking ahead ----

// A place in the walks that are to come, AHEAD visits before the one that is under way, so that
// what a neighbour needs is fetched while others are served. Small streams are the reason why it
// does not end with its stream: of ten neighbours, eight would be visited unfetched. What it
// foresees need not happen.
struct ahead {
	const struct stream *s; // NULL: nobody is left
	uint32_t at, left;
	uint32_t n;           // visits foreseen so far
	uint32_t flow[AHEAD]; // of the latest of them
};

// A stream's walk is foreseen from here on. Where it leads is fetched one stream earlier yet, and
// the stream after that one too.
static void ahead_enter(struct engine *e, struct ahead *a, const struct stream *s)
{
	const struct stream *next;

	a->s = s;
	a->at = s->is_walking ? s->walk_at : walk_start(s);
	a->left = s->is_walking ? s->walk_left : s->n_subs;
	if (s->next_fresh == STREAM_NONE)
		return;
	next = stream_at(e, s->next_fresh);
	if (next->n_subs > 0)
		fetch_line(&next->subs[walk_start(next)]);
	if (next->next_fresh != STREAM_NONE)
		fetch_line(stream_at(e, next->next_fresh));
}

// The lines of the next visit but AHEAD: flow, session and its key schedule.
static inline void ahead_visit(struct engine *e, struct ahead *a)
{
	const struct subscriber *sub;
	const struct session *session;

	while (a->s != NULL && a->left == 0) {
		if (a->s->next_fresh == STREAM_NONE)
			a->s = NULL;
		else
			ahead_enter(e, a, stream_at(e, a->s->next_fresh));
	}
	if (a->s == NULL)
		return;
	sub = &a->s->subs[a->at];
	session = session_at(e, sub->session_idx);
	fetch_line_to_write(flow_tx_at(e->flows, sub->flow_idx));
	fetch_line_to_write(session);
	fetch_line(session->seal_sched);
	fetch_line(session->seal_sched + 64);
	fetch_line_to_write(session->seal_sched + 128);
	fetch_line_to_write(&session->tx_in_flight);
	a->flow[a->n++ % AHEAD] = sub->flow_idx;
	a->at = a->at + 1 < a->s->n_subs ? a->at + 1 : 0;
	a->left--;
}

// With the flow's line here, its place in flight; and the buffer.
static inline void ahead_ring(struct engine *e, const struct ahead *a)
{
	const struct flow_tx *f;

	if (e->tx->n + AHEAD_BUFFER < e->tx->max)
		fetch_line_to_write(e->tx->room[e->tx->n + AHEAD_BUFFER].data);
	if (a->n < AHEAD - AHEAD_RING)
		return;
	f = flow_tx_at(e->flows, a->flow[(a->n - (AHEAD - AHEAD_RING)) % AHEAD]);
	if (f->ring != NULL)
		fetch_line_to_write(&f->ring[f->sn_next & f->ring_mask]);
}

// From the walk that begins now: at first, and where streams were marked again behind the last one.
static void ahead_begin(struct engine *e, struct ahead *a)
{
	a->n = 0;
	ahead_enter(e, a, stream_at(e, e->relay->fresh_head));
	for (unsigned i = 0; i < AHEAD; i++)
		ahead_visit(e, a);
}

// Of those that end a call and not a neighbour's turn, the one that stopped it before the
// subscriber at walk_at; else PARCEL_OK: it is done.
static enum parcel_state walk(struct engine *e, struct stream *s, const struct batch *b,
			      struct ahead *a)
{
	for (; s->walk_left > 0; s->walk_left--) {
		struct subscriber *sub = &s->subs[s->walk_at];
		enum parcel_state state;

		ahead_visit(e, a);
		ahead_ring(e, a);
		if (sub->slots & b->slots && !sub->is_behind && !offer_whole(e, s, sub, b)) {
			state = offer(e, s, sub, b);
			if (state >= PARCEL_NO_BUFFER)
				return state;
			if (state != PARCEL_OK) {
				e->stats.stream_blocked++;
				behind_begin(e, link_at(e, sub->link_idx), sub,
					     flow_tx_at(e->flows, sub->flow_idx)->cursor);
			}
		}
		s->walk_at = s->walk_at + 1 < s->n_subs ? s->walk_at + 1 : 0;
	}
	walk_end(s);
	return PARCEL_OK;
}

bool relay_tx_fresh(struct engine *e)
{
	struct relay *r = e->relay;
	enum parcel_state state;
	struct ahead ahead = {.s = NULL};
	struct batch b;
	uint64_t pos;

	if (e->now_us >= r->unpark_us)
		park_release(e);
	while (r->fresh_head != STREAM_NONE && !engine_is_short(e, BUDGET_MEDIA)) {
		struct stream *s = stream_at(e, r->fresh_head);

		if (s->is_walking)
			batch_fill(e, s, &b);
		else
			walk_begin(e, s, &b);
		if (ahead.s == NULL)
			ahead_begin(e, &ahead);
		state = walk(e, s, &b, &ahead);
		if (state == PARCEL_NO_BUFFER)
			return true;
		if (state == PARCEL_SHORT_TOTAL)
			return false;
		fresh_pop(e);
		if (state == PARCEL_SHORT_GROUP) {
			park_stream(e, s);
			continue;
		}
		pos = s->fresh_pos;
		if (window_at(&s->window, r->extents, &pos) != NULL)
			fanout_mark(e, s); // behind the other streams
	}
	return false;
}
