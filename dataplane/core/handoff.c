// A fragment's way to the other workers of this machine (fastpath.md 6). A worker that takes part
// in a stream (it has neighbours of it) says so to the others; from then on each lends it what its
// own neighbours and control bring. A body is lent where it lies, in the lender's window: the
// borrower copies it once, into its own, and says how much of which extent it has read. Nothing is
// counted by two threads: an extent's count is the lender's alone.
//
// The log is the queue, as in tap.c: a cursor per borrower goes over it and waits where the ring
// has no room. What leaves the window meanwhile is lost to that worker, and counted. Who begins to
// take part gets the whole window first, so that newcomers may pull what the machine has.
#include <string.h>

#include "dataplane/core/stream.h"

// Half of a ring is for what we lend, so returns find room; where they do not, since rings are of
// other lengths, nothing more is borrowed until they do.
static bool may_lend(const struct engine *e, uint32_t worker)
{
	return e->relay->lent[worker] < (e->opts.handoff_to[worker]->mask + 1) / 2;
}

static bool is_other(const struct engine *e, uint32_t worker)
{
	return worker < e->opts.n_workers && e->opts.handoff_to[worker] != NULL;
}

// False: the ring is full. Returns go without a call: nobody waits for them.
static bool tell(struct engine *e, uint32_t worker, const struct handoff *h)
{
	if (!mailbox_push(e->opts.handoff_to[worker], h))
		return false;
	e->relay->called |= (uint16_t)(1u << worker);
	return true;
}

// -- lending --

static bool lend(struct engine *e, const struct stream *s, uint32_t worker,
		 const struct record *rec)
{
	const struct stream_lending *to = &s->lending[worker];
	const struct handoff h = {
		.op = HANDOFF_LEND,
		.is_key = rec->is_key,
		.is_old = to->pos < to->old_before,
		.is_pulled = rec->is_pulled,
		.stream = (uint16_t)stream_idx(e, s),
		.lend = {.body = rec->body,
			 .number = rec->no,
			 .arrival_ms = rec->arrival_ms,
			 .extent = pos_extent(to->pos),
			 .len = rec->len,
			 .sum = rec->sum},
	};

	if (!may_lend(e, worker) || !tell(e, worker, &h))
		return false;
	e->relay->lent[worker]++;
	extent_lend(e->relay->extents, h.lend.extent);
	return true;
}

static void count_lost(struct engine *e, struct stream_lending *to, const struct record *rec)
{
	e->stats.drops[DROP_HANDOFF_FULL] += rec->ordinal - to->ordinal;
	to->ordinal = rec->ordinal;
}

// False: the ring is full.
static bool lend_all(struct engine *e, struct stream *s, uint32_t worker)
{
	struct stream_lending *to = &s->lending[worker];
	const struct record *rec;

	while ((rec = window_at(&s->window, e->relay->extents, &to->pos)) != NULL) {
		if (rec->ordinal != to->ordinal)
			count_lost(e, to, rec);
		if (!rec->is_elses && !lend(e, s, worker, rec))
			return false;
		to->ordinal++;
		to->pos = window_after(to->pos, rec);
	}
	return true;
}

static void set_full(struct engine *e, struct stream *s, bool is_full)
{
	e->relay->n_lending_full += is_full;
	e->relay->n_lending_full -= s->is_lending_full;
	s->is_lending_full = is_full;
}

void handoff_run(struct engine *e, struct stream *s)
{
	uint32_t takers = e->relay->takers[stream_idx(e, s)];
	bool is_full = false;

	for (; takers != 0; takers &= takers - 1)
		is_full |= !lend_all(e, s, (uint32_t)__builtin_ctz(takers));
	set_full(e, s, is_full);
}

void handoff_passed(struct engine *e, struct stream *s, uint64_t pos)
{
	uint32_t takers = e->relay->takers[stream_idx(e, s)];

	for (; takers != 0; takers &= takers - 1) {
		struct stream_lending *to = &s->lending[__builtin_ctz(takers)];

		if (to->pos != pos)
			continue;
		to->pos = s->window.head_pos;
		to->ordinal = s->window.ordinal_next;
	}
}

static void begin_lending(struct engine *e, struct stream *s, uint32_t worker)
{
	uint64_t pos = s->window.tail_pos;
	const struct record *rec = window_at(&s->window, e->relay->extents, &pos);

	s->lending[worker] = (struct stream_lending){
		.pos = pos,
		.old_before = s->window.head_pos,
		.ordinal = rec != NULL ? rec->ordinal : s->window.ordinal_next,
	};
}

void handoff_stream_new(struct engine *e, struct stream *s)
{
	uint32_t takers = e->relay->takers[stream_idx(e, s)];

	for (; takers != 0; takers &= takers - 1)
		begin_lending(e, s, (uint32_t)__builtin_ctz(takers));
}

void handoff_stream_gone(struct engine *e, struct stream *s)
{
	set_full(e, s, false);
	e->relay->n_past -= s->past > 0;
	s->past = 0;
}

// -- taking part --

static bool wants(const struct engine *e, const struct stream *s)
{
	if (s->n_links > 0 || s->flags & STREAM_TAP)
		return true;
	// Whoever comes back soon finds the window as it was.
	return s->is_part && e->now_ms - s->part_ms < s->window_ms + s->margin_ms;
}

// Says to the others what they do not know yet.
static void tell_others(struct engine *e, uint32_t idx, bool is_part)
{
	struct relay *r = e->relay;
	const struct handoff h = {.op = is_part ? HANDOFF_JOIN : HANDOFF_LEAVE,
				  .stream = (uint16_t)idx};
	bool was_untold = (r->untold[idx / 64] >> (idx % 64) & 1) != 0, is_untold = false;

	for (uint32_t i = 0; i < e->opts.n_workers; i++) {
		if (!is_other(e, i) || (r->told[idx] >> i & 1) == is_part)
			continue;
		if (tell(e, i, &h))
			r->told[idx] ^= (uint16_t)(1u << i);
		else
			is_untold = true;
	}
	if (is_untold == was_untold)
		return;
	r->untold[idx / 64] ^= UINT64_C(1) << (idx % 64);
	r->n_untold += is_untold;
	r->n_untold -= was_untold;
}

void handoff_take_part(struct engine *e, struct stream *s)
{
	bool is_part;

	if (e->opts.handoff_to == NULL)
		return;
	is_part = s->is_used && wants(e, s);
	if (s->n_links > 0)
		s->part_ms = e->now_ms;
	if (is_part == s->is_part)
		return;
	s->is_part = is_part;
	tell_others(e, stream_idx(e, s), is_part);
}

static void tell_again(struct engine *e)
{
	struct relay *r = e->relay;

	for (uint32_t i = 0; i < (r->streams_max + 63) / 64; i++)
		for (uint64_t set = r->untold[i]; set != 0; set &= set - 1) {
			uint32_t idx = 64 * i + (uint32_t)__builtin_ctzll(set);

			tell_others(e, idx,
				    stream_at(e, idx)->is_used && stream_at(e, idx)->is_part);
		}
}

// Control gives an index to another stream only when everybody has forgotten the former one, but it
// may tell them of the new one in any order: so what a worker wants is remembered without a stream.
static void on_part(struct engine *e, uint32_t from, const struct handoff *h)
{
	struct stream *s = stream_find(e, h->stream);
	uint16_t bit = (uint16_t)(1u << from);

	if (h->stream >= e->relay->streams_max)
		return;
	if (h->op == HANDOFF_LEAVE) {
		e->relay->takers[h->stream] &= (uint16_t)~bit;
		return;
	}
	e->relay->takers[h->stream] |= bit;
	if (s == NULL)
		return;
	begin_lending(e, s, from);
	handoff_run(e, s);
}

// -- borrowing --

// False: the ring to the lender is full.
static bool give_back(struct engine *e, uint32_t lender)
{
	struct handoff *h = &e->relay->returns[lender];

	if (h->op == HANDOFF_NONE)
		return true;
	if (!mailbox_push(e->opts.handoff_to[lender], h))
		return false;
	e->relay->n_returns--;
	*h = (struct handoff){0};
	return true;
}

static void owe(struct engine *e, uint32_t lender, uint32_t extent)
{
	struct handoff *h = &e->relay->returns[lender];
	uint32_t i = 0;

	if (h->op == HANDOFF_NONE) {
		h->op = HANDOFF_RETURN;
		e->relay->n_returns++;
	}
	while (h->returned[i].n > 0 && h->returned[i].extent != extent)
		i++;
	h->returned[i].extent = extent;
	h->returned[i].n++;
}

static bool owes_much(const struct engine *e, uint32_t lender)
{
	return e->relay->returns[lender].returned[HANDOFF_RETURNS - 1].n > 0;
}

static void take(struct engine *e, uint32_t lender, const struct handoff *h)
{
	struct stream *s = stream_find(e, h->stream);
	const struct record head = {
		.no = h->lend.number,
		.arrival_ms = h->lend.arrival_ms,
		.from = LINK_NONE,
		.len = h->lend.len,
		.sum = h->lend.sum,
		.is_key = h->is_key,
		.is_elses = 1,
		.is_old = h->is_old,
		.is_pulled = h->is_pulled,
	};

	if (s != NULL)
		stream_take_elses(e, s, &head, h->lend.body, lender);
	owe(e, lender, h->lend.extent);
}

static void on_returned(struct engine *e, uint32_t borrower, const struct handoff *h)
{
	for (uint32_t i = 0; i < HANDOFF_RETURNS && h->returned[i].n > 0; i++) {
		e->relay->lent[borrower] -= h->returned[i].n;
		extent_returned(e->relay->extents, h->returned[i].extent, h->returned[i].n);
	}
}

static void from_worker(struct engine *e, uint32_t i)
{
	struct handoff h;

	for (int n = 0; n < HANDOFFS_MAX; n++) {
		if (owes_much(e, i) && !give_back(e, i))
			return; // who cannot return does not borrow
		if (!mailbox_pop(e->opts.handoff_from[i], &h))
			break;
		switch (h.op) {
		case HANDOFF_LEND:
			take(e, i, &h);
			e->stats.handoffs++;
			break;
		case HANDOFF_RETURN:
			on_returned(e, i, &h);
			break;
		case HANDOFF_OFFER:
			if (stream_find(e, h.stream) != NULL)
				pull_on_offer(e, stream_find(e, h.stream), i, &h);
			break;
		default:
			on_part(e, i, &h);
		}
	}
	give_back(e, i);
}

// Neighbours who came before the past did have been shown nothing. They see it when it is all here,
// which is when a turn brings no more.
void handoff_past(struct engine *e, struct stream *s)
{
	e->relay->n_past += s->past == 0;
	s->past = 2;
}

static void show_past(struct engine *e)
{
	for (uint32_t i = 0; e->relay->n_past > 0 && i < e->relay->n_active; i++) {
		struct stream *s = stream_at(e, e->relay->active[i]);

		if (s->past == 0 || --s->past > 0)
			continue;
		e->relay->n_past--;
		maps_send_to_new(e, s);
	}
}

void relay_handoffs(struct engine *e)
{
	struct relay *r = e->relay;

	if (e->opts.handoff_from == NULL)
		return;
	for (uint32_t i = 0; i < e->opts.n_workers; i++)
		if (is_other(e, i))
			from_worker(e, i);
	show_past(e);
	if (r->n_untold > 0)
		tell_again(e);
	for (uint32_t i = 0; r->n_lending_full > 0 && i < r->n_active; i++)
		if (stream_at(e, r->active[i])->is_lending_full)
			handoff_run(e, stream_at(e, r->active[i]));
}

void handoff_offer(struct engine *e, const struct stream *s, const struct handoff *h)
{
	uint32_t takers = e->relay->takers[stream_idx(e, s)];

	for (; takers != 0; takers &= takers - 1) // where the ring is full: with the next step
		tell(e, (uint32_t)__builtin_ctz(takers), h);
}

bool handoff_waits(const struct engine *e)
{
	const struct relay *r = e->relay;

	return r->n_returns > 0 || r->n_untold > 0 || r->n_lending_full > 0 || r->n_past > 0;
}

bool engine_handed_over(struct engine *e, uint32_t worker)
{
	uint16_t bit = (uint16_t)(1u << worker);
	bool has_called = (e->relay->called & bit) != 0;

	e->relay->called &= (uint16_t)~bit;
	return has_called;
}
