// Who pushes to us (groups.md 6.3). A stream's fragments fall into eight
// slots; for each we want exactly one neighbour to push, the one who is first. Every 2 s another
// neighbour is tested on one slot: whoever brings the newer fragment keeps it. Super-peers are
// asked for everything at once.
#include "dataplane/core/stream.h"

void push_tell(struct engine *e, struct stream *s, struct link *l)
{
	uint32_t flow = flow_tx_of_slot(e, l->session_idx, l->control_flow);
	uint8_t message[2];
	struct wr w = wr_over(message, sizeof(message));

	if (l->slots_in == l->slots_in_told || flow == FLOW_IDX_NONE)
		return;
	push_mask_write(&w, l->slots_in);
	if (flow_tx_send_inline(e, flow, message, (uint8_t)w.len, 0) != 0)
		return; // with the next nudge
	l->slots_in_told = l->slots_in;
	control_sent(s, l, w.len);
}

static void clear_slot(struct engine *e, struct stream *s, uint32_t idx, uint32_t slot)
{
	if (idx == LINK_NONE)
		return;
	link_at(e, idx)->slots_in &= (uint8_t) ~(1u << slot);
	push_tell(e, s, link_at(e, idx));
}

static bool may_push(const struct stream *s, const struct link *l)
{
	return !(s->flags & STREAM_PUBLISHER) && !(l->flags & LINK_NO_PUSH_IN);
}

// Until what a neighbour was asked for can have come: the question and the answer take a round
// trip.
static uint32_t answer_ms(struct engine *e, uint32_t idx)
{
	return idx == LINK_NONE ? 0 : session_at(e, link_at(e, idx)->session_idx)->srtt_us / 1000;
}

static uint32_t later(uint32_t a_ms, uint32_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}

// So it goes on, or has had no time to show that it does not: it has been silent for a second while
// the stream went on by two rounds of the slots.
static bool comes(struct engine *e, const struct stream *s, uint64_t last, uint32_t at_ms,
		  uint32_t pusher)
{
	uint32_t patience_ms = s->n_supers > 0 && !(s->flags & STREAM_PUSH_ALL) ? PUSH_SILENT_MS
										: PUSH_PATIENCE_MS;

	return (last != 0 && last + 2 * PUSH_SLOTS >= s->window.head_no) ||
	       e->now_ms - at_ms < later(patience_ms, answer_ms(e, pusher));
}

// It pushes other slots, and not this one: it has no room for us there. Whoever is silent
// altogether may be so for a moment, as lines are.
static bool is_refused(struct engine *e, const struct stream *s, uint32_t slot)
{
	uint64_t newest = 0;

	if (s->n_supers == 0)
		return false;
	for (uint32_t i = 0; i < PUSH_SLOTS; i++)
		if (s->slot[i].pusher == s->slot[slot].pusher && s->slot[i].last > newest &&
		    e->now_ms - s->slot[i].asked_ms < PUSH_REFUSED_MS)
			newest = s->slot[i].last;
	return newest > s->slot[slot].last + 2 * PUSH_SLOTS &&
	       e->now_ms - s->slot[slot].asked_ms >=
		       later(PUSH_REFUSED_MS, answer_ms(e, s->slot[slot].pusher));
}

// Nobody pushes the slot: nobody was asked, or who was asked is silent. Nor to another worker, who
// would lend it to us; the one that is the stream's home has its second to ask somebody.
static bool is_orphan(struct engine *e, const struct stream *s, uint32_t slot)
{
	if (s->elsewhere[slot].last != 0 &&
	    comes(e, s, s->elsewhere[slot].last, s->elsewhere[slot].at_ms, LINK_NONE))
		return false;
	if (s->slot[slot].pusher == LINK_NONE)
		return s->flags & STREAM_HOME || !comes(e, s, 0, s->slot[slot].asked_ms, LINK_NONE);
	return is_refused(e, s, slot) ||
	       !comes(e, s, s->slot[slot].last, s->slot[slot].asked_ms, s->slot[slot].pusher);
}

// It shall push every slot that nobody pushes.
static void ask_for_orphans(struct engine *e, struct stream *s, struct link *l)
{
	uint32_t idx = link_idx(e, l);

	for (uint32_t slot = 0; slot < PUSH_SLOTS; slot++) {
		if (!is_orphan(e, s, slot) || s->slot[slot].pusher == idx)
			continue;
		clear_slot(e, s, s->slot[slot].pusher, slot);
		if (s->slot[slot].tester == idx)
			s->slot[slot].tester = LINK_NONE;
		s->slot[slot].pusher = idx;
		s->slot[slot].last = 0;
		s->slot[slot].asked_ms = e->now_ms;
		l->slots_in |= (uint8_t)(1u << slot);
	}
	push_tell(e, s, l);
}

static void test_slot(struct engine *e, struct stream *s, struct link *l, uint32_t slot)
{
	if (s->slot[slot].tester != LINK_NONE) // it never answered
		link_at(e, s->slot[slot].tester)->refused_ms = e->now_ms;
	clear_slot(e, s, s->slot[slot].tester, slot);
	s->slot[slot].tester = link_idx(e, l);
	s->slot[slot].tested_ms = e->now_ms;
	l->slots_in |= (uint8_t)(1u << slot);
	push_tell(e, s, l);
}

// A super-peer has to have everything soon, for the sake of all others: it asks the first neighbour
// it has in a stream for all of it, and then, where nothing comes, whoever shows a map. It does not
// test others while a slot comes: the first is most likely the source, and whoever else is a little
// faster today has the slot from us tomorrow. (OURS; ordinary members test a slot every 2 s, and
// take super-peers whole.)
static bool is_eager(const struct stream *s)
{
	return s->flags & STREAM_PUSH_ALL;
}

void push_link_added(struct engine *e, struct stream *s, struct link *l)
{
	bool is_super = l->flags & LINK_IS_SUPER;

	if (is_super && s->n_supers < SUPERS_MAX)
		s->super[s->n_supers++] = link_idx(e, l);
	if (!may_push(s, l) || (!is_super && !(is_eager(s) && s->flags & STREAM_HOME)))
		return;
	ask_for_orphans(e, s, l);
	for (uint32_t slot = 0; is_super && slot < PUSH_SLOTS; slot++)
		if (!(l->slots_in >> slot & 1))
			test_slot(e, s, l, slot);
}

static void supers_forget(struct stream *s, uint32_t idx)
{
	for (uint32_t i = 0; i < s->n_supers; i++)
		if (s->super[i] == idx)
			s->super[i--] = s->super[--s->n_supers];
}

void push_link_gone(struct engine *e, struct stream *s, struct link *l)
{
	uint32_t idx = link_idx(e, l), n_orphans = 0;

	supers_forget(s, idx);
	for (uint32_t slot = 0; slot < PUSH_SLOTS; slot++) {
		if (s->slot[slot].tester == idx)
			s->slot[slot].tester = LINK_NONE;
		if (s->slot[slot].pusher != idx)
			continue;
		s->slot[slot].pusher = LINK_NONE;
		n_orphans++;
	}
	for (uint32_t i = 0; n_orphans > 0 && i < s->n_supers; i++)
		if (may_push(s, link_at(e, s->super[i])))
			ask_for_orphans(e, s, link_at(e, s->super[i]));
}

void push_on_map(struct engine *e, struct stream *s, struct link *l)
{
	if (is_eager(s) && may_push(s, l))
		ask_for_orphans(e, s, l);
}

// Two workers were asked for one slot. Whoever is never the first lets it go; until that is clear,
// so does the one that comes after the other in the order of workers, the stream's home before all.
static bool goes_before(const struct engine *e, const struct stream *s, uint32_t other)
{
	if (s->flags & STREAM_HOME)
		return false;
	return other == s->home || other < e->opts.worker;
}

static void let_go(struct engine *e, struct stream *s, uint32_t slot)
{
	clear_slot(e, s, s->slot[slot].pusher, slot);
	s->slot[slot].pusher = LINK_NONE;
	s->slot[slot].n_beaten = 0;
}

// Also what it pulled counts: a pull may overtake the push, and its neighbours have what is new, so
// it asks them itself.
void push_on_elses(struct engine *e, struct stream *s, const struct record *rec, uint32_t worker)
{
	uint64_t no = rec->no;
	uint32_t slot = no % PUSH_SLOTS;

	if (no <= s->elsewhere[slot].last || no <= s->slot[slot].last)
		return; // sent again, or slow
	s->elsewhere[slot].last = no;
	s->elsewhere[slot].at_ms = e->now_ms;
	if (!rec->is_pulled && s->slot[slot].pusher != LINK_NONE && goes_before(e, s, worker))
		let_go(e, s, slot);
}

void push_on_multicast(struct engine *e, struct stream *s, uint64_t no, bool is_news)
{
	uint32_t slot = no % PUSH_SLOTS;

	if (!is_news) {
		s->slot[slot].n_beaten = 0;
		return;
	}
	if (no > s->elsewhere[slot].last) {
		s->elsewhere[slot].last = no;
		s->elsewhere[slot].at_ms = e->now_ms;
	}
	if (s->slot[slot].pusher != LINK_NONE && ++s->slot[slot].n_beaten >= PUSH_BEATEN_MAX)
		let_go(e, s, slot);
}

void push_settle(struct engine *e, struct stream *s, const struct link *l, uint64_t no,
		 bool is_news)
{
	const struct record *rec = window_find(&s->window, e->relay->extents, no);
	uint32_t slot = no % PUSH_SLOTS;

	if (s->slot[slot].pusher != link_idx(e, l) || rec == NULL)
		return;
	if (is_news)
		s->slot[slot].n_beaten = 0;
	else if (rec->is_elses && !rec->is_pulled && ++s->slot[slot].n_beaten >= PUSH_BEATEN_MAX)
		let_go(e, s, slot);
}

// What left before the question arrived is no answer. It was asked for once before and told to
// stop, and between the two fragments of the slot may be missing: whoever has pushed it until now
// must not stop for that.
static bool is_too_soon(struct engine *e, const struct stream *s, uint32_t slot)
{
	uint32_t least_ms = answer_ms(e, s->slot[slot].tester);

	return e->now_ms - s->slot[slot].tested_ms < least_ms - least_ms / 8;
}

void push_on_fragment(struct engine *e, struct stream *s, struct link *l, uint64_t no)
{
	uint32_t slot = no % PUSH_SLOTS, idx = link_idx(e, l);
	struct push_slot *p = &s->slot[slot];

	if (p->pusher == idx && no > p->last) {
		p->last = no;
		p->asked_ms = e->now_ms;
	}
	if (p->tester != idx && (p->pusher == idx || !(l->flags & LINK_IS_SUPER) || is_eager(s) ||
				 !(l->slots_in >> slot & 1)))
		return;
	if (p->tester == idx && is_too_soon(e, s, slot))
		return;
	if (p->tester == idx)
		p->tester = LINK_NONE;
	if ((p->pusher != LINK_NONE && no <= p->last) || no <= s->elsewhere[slot].last) {
		clear_slot(e, s, idx, slot);
		return;
	}
	clear_slot(e, s, p->pusher, slot);
	p->pusher = idx;
	p->last = no;
	p->asked_ms = e->now_ms;
}

// The next neighbour descending who has shown something and does not push this slot.
static struct link *test_candidate(struct engine *e, const struct stream *s, uint32_t slot)
{
	struct link *next = NULL, *last = NULL;

	for (uint32_t idx = s->link_first; idx != LINK_NONE; idx = link_at(e, idx)->next) {
		struct link *l = link_at(e, idx);

		if (!may_push(s, l) || l->n_maps == 0 || l->slots_in >> slot & 1)
			continue;
		if (last == NULL || l->ring_order > last->ring_order)
			last = l;
		if (l->ring_order < s->test_order &&
		    (next == NULL || l->ring_order > next->ring_order))
			next = l;
	}
	return next != NULL ? next : last;
}

// Super-peers stay asked for what nobody pushes: they may have room again, which they do not tell.
static void ask_supers(struct engine *e, struct stream *s, uint32_t slot)
{
	for (uint32_t i = 0; i < s->n_supers; i++) {
		struct link *l = link_at(e, s->super[i]);

		if (!may_push(s, l) || l->slots_in >> slot & 1)
			continue;
		l->slots_in |= (uint8_t)(1u << slot);
		push_tell(e, s, l);
	}
}

// On lossy paths a slot seems refused now and then.
static void forgive(const struct engine *e, struct stream *s)
{
	if (e->now_ms - s->forgave_ms < PUSH_FORGIVE_MS)
		return;
	s->forgave_ms = e->now_ms;
	s->n_refused -= s->n_refused > 0;
}

// Who is asked for a slot and has no room for it says nothing (push_grant.c). So silence is an
// answer, and one neighbour after the other is asked until somebody pushes, first those that show
// they have it (OURS; the step of 2 s is for slots that come).
static void seek(struct engine *e, struct stream *s)
{
	forgive(e, s);
	s->orphans = 0;
	for (uint32_t slot = 0; slot < PUSH_SLOTS; slot++) {
		struct link *l;

		if (!is_orphan(e, s, slot))
			continue;
		s->orphans |= (uint8_t)(1u << slot);
		s->n_refused += s->n_refused < PUSH_REFUSED_MAX && is_refused(e, s, slot);
		if (s->slot[slot].tester != LINK_NONE &&
		    e->now_ms - s->slot[slot].tested_ms <
			    later(PUSH_REFUSED_MS, answer_ms(e, s->slot[slot].tester)))
			continue;
		ask_supers(e, s, slot);
		l = holder_of_slot(e, s, slot);
		if (l == NULL)
			l = test_candidate(e, s, slot);
		if (l == NULL)
			continue;
		s->test_order = l->ring_order;
		test_slot(e, s, l, slot);
	}
}

void push_tick(struct engine *e, struct stream *s)
{
	struct link *l;

	if (s->flags & STREAM_PUBLISHER || s->end != 0 || is_eager(s))
		return;
	if (s->n_supers > 0)
		seek(e, s);
	if (!ms_reached(s->test_due_ms, e->now_ms))
		return;
	// Where bytes are short, each test costs some that come twice.
	s->test_due_ms = e->now_ms + (s->is_uplink_full || supers_are_short(s) ? 4 * PUSH_TEST_MS
									       : PUSH_TEST_MS);
	l = s->flags & STREAM_HOME || is_orphan(e, s, s->test_slot)
		    ? test_candidate(e, s, s->test_slot)
		    : NULL;
	if (l != NULL) {
		s->test_order = l->ring_order;
		test_slot(e, s, l, s->test_slot);
	}
	s->test_slot = (s->test_slot + 1) % PUSH_SLOTS;
}
