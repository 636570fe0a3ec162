// What we ask for (groups.md 6.3): fragments that a neighbour announced a fetch period ago and
// nobody has pushed since. Each step goes over the holes, asks the next neighbour in ring order who
// has it, and another one after a further fetch period.
#include <string.h>

#include "dataplane/core/stream.h"

#define STEP_PULLS_MAX 256  // asked for in one step; a newcomer has a window to fill
#define PULL_SLOW_MS   1000 // an answer that much after its path's time: too many wait there
// Of one neighbour: fewer packets, and answers share acknowledgements.
#define PULLS_IN_ROW    4
#define STEP_LOOKS_MAX  8192 // holes looked at in one step; the next goes on there
#define OFFER_LOOKS_MAX 1024 // and looked at for what is told to other workers
// Beyond the newest fragment; what is announced farther ahead has its turn after that. Whoever lies
// announces much, and far ahead, and while we ask him for it nobody's true holes shall wait.
#define NEAR_NUMBERS ASKED_MAX

static struct asked *asked_at(const struct stream *s, uint64_t no)
{
	return &s->asked[no % ASKED_MAX];
}

// How much is asked of a neighbour at a time follows from how it answers, as a congestion window
// does: whose uplink is full is left alone, and who has bytes to spare is asked for more (OURS).
static void settle(struct engine *e, const struct asked *a, bool is_answered, bool is_late)
{
	struct link *l;
	uint32_t path_ms;

	if (a->no == 0 || a->link_idx == LINK_NONE)
		return;
	l = link_at(e, a->link_idx);
	path_ms = session_at(e, l->session_idx)->srtt_us / 1000;
	l->n_pulls_open -= l->n_pulls_open > 0;
	if (is_late && l->pulls_may > 1) {
		l->pulls_may /= 2;
		l->n_pulls_kept = 0;
	} else if (is_answered && e->now_ms - a->at_ms > PULL_SLOW_MS + path_ms) {
		l->pulls_may -= l->pulls_may > 1;
		l->n_pulls_kept = 0;
	} else if (is_answered && ++l->n_pulls_kept >= l->pulls_may &&
		   l->pulls_may < PULLS_MAY_MAX) {
		l->pulls_may++;
		l->n_pulls_kept = 0;
	}
}

bool pull_answered(struct engine *e, struct stream *s, uint64_t no, uint32_t link_idx)
{
	struct asked *a = asked_at(s, no);
	bool is_answer;

	s->answered_ms = e->now_ms;
	if (s->n_asked == 0 || a->no != no)
		return false;
	is_answer = a->link_idx == link_idx;
	settle(e, a, is_answer, false);
	*a = (struct asked){0};
	s->n_asked--;
	return is_answer;
}

// Its pulls are asked of others with the next step.
void pull_link_gone(struct stream *s, uint32_t link_idx)
{
	for (uint32_t i = 0; s->n_asked > 0 && i < ASKED_MAX; i++) {
		if (s->asked[i].no == 0 || s->asked[i].link_idx != link_idx)
			continue;
		s->asked[i] = (struct asked){0};
		s->n_asked--;
	}
}

// False: its queue is full, or our flow to it is gone.
static bool ask(struct engine *e, struct stream *s, struct link *l, uint64_t no)
{
	uint32_t flow = flow_tx_of_slot(e, l->session_idx, l->control_flow);
	struct asked *a = asked_at(s, no);
	uint8_t message[1 + VLU_LEN_MAX];
	struct wr w = wr_over(message, sizeof(message));

	pull_write(&w, no);
	// After a fetch period somebody else is asked, so this need not travel any more.
	if (flow == FLOW_IDX_NONE || flow_tx_send_inline(e, flow, message, (uint8_t)w.len,
							 e->now_us + s->fetch_ms * 1000ull) != 0)
		return false;
	s->n_asked += a->no == 0;
	settle(e, a, false, a->no == no);
	*a = (struct asked){no, l->ring_order, link_idx(e, l), e->now_ms, true};
	l->n_pulls_open += l->n_pulls_open < UINT16_MAX;
	s->n_in_row = l->ring_order == s->pull_order ? s->n_in_row + 1 : 1;
	s->pull_order = l->ring_order;
	control_sent(s, l, w.len);
	return true;
}

// Several workers may miss the same number, and whoever has it first lends it to the others. So
// they tell each other which of the numbers that they miss their neighbours have announced, as soon
// as that is; a fetch period later, when it may be asked for, the number is one worker's of those.
// Were he gone, it is the others' after a further fetch period.
static bool has_offer(const struct engine *e, const struct stream *s, uint32_t worker, uint64_t no)
{
	const struct offer *o = &s->offers[worker];
	uint64_t i = no - o->first;

	return o->is_one && i < HANDOFF_OFFERS && o->bits[i / 8] >> (i % 8) & 1 &&
	       e->now_ms - o->at_ms <= s->fetch_ms + 2 * PULL_STEP_MS;
}

static bool is_ours(const struct engine *e, const struct stream *s, uint64_t no)
{
	uint32_t others = e->relay->takers[stream_idx(e, s)], n = 1, n_before = 0;

	for (; others != 0; others &= others - 1) {
		uint32_t worker = (uint32_t)__builtin_ctz(others);

		if (!has_offer(e, s, worker, no))
			continue;
		n++;
		n_before += worker < e->opts.worker;
	}
	return (no + no / PUSH_SLOTS) % n == n_before;
}

void pull_on_offer(struct engine *e, struct stream *s, uint32_t worker, const struct handoff *h)
{
	struct offer *o = &s->offers[worker];

	o->is_one = true;
	o->first = h->offer.first;
	o->at_ms = e->now_ms;
	memcpy(o->bits, h->offer.bits, sizeof(o->bits));
}

// The lowest numbers first: they are needed soonest, and the others follow with the next steps.
static void offer(struct engine *e, struct stream *s)
{
	struct handoff h = {.op = HANDOFF_OFFER, .stream = (uint16_t)stream_idx(e, s)};
	uint64_t no = holders_low(e, s), end = s->window.head_no + NEAR_NUMBERS, first = 0;
	uint32_t n_looked = 0;

	if (no < s->window.tail_no)
		no = s->window.tail_no;
	for (; no < end && n_looked < OFFER_LOOKS_MAX; no++) {
		if (window_entry(&s->window, e->relay->extents, no) != 0)
			continue;
		n_looked++;
		if (!holders_have(e, s, no))
			continue;
		if (first == 0) {
			first = no;
			end = first + HANDOFF_OFFERS;
		}
		h.offer.bits[(no - first) / 8] |= (uint8_t)(1u << ((no - first) % 8));
	}
	h.offer.first = first;
	if (first != 0)
		handoff_offer(e, s, &h);
}

// As if it had been asked for.
static void leave_to_others(struct engine *e, struct stream *s, uint64_t no)
{
	struct asked *a = asked_at(s, no);

	s->n_asked += a->no == 0;
	settle(e, a, false, false);
	*a = (struct asked){no, s->pull_order, LINK_NONE, e->now_ms, false};
}

// Whoever has no room for an answer says nothing (push_pull_add).
static bool asked_a_member_in_vain(struct engine *e, const struct asked *a, uint64_t no)
{
	return a->no == no && a->is_again && a->link_idx != LINK_NONE &&
	       !(link_at(e, a->link_idx)->flags & LINK_IS_SUPER);
}

// Of a slot that nobody pushes, and of any where they refuse slots, super-peers are asked last:
// they are short of bytes, and these are for whom nobody else serves (OURS). First comes whoever of
// the others holds it and has answered what it was asked before; of a slot that nobody pushes that
// is waited for as long as a fetch period. Then a super-peer, then anybody. Of other slots anybody
// is asked, but after a member that did not answer a super-peer: a window is three fetch periods,
// and with two members in a row that have no room it is over.
static struct link *whom_to_ask(struct engine *e, struct stream *s, uint64_t no,
				uint64_t ring_order)
{
	const struct asked *a = asked_at(s, no);
	bool is_new = a->no != no, is_orphan = s->orphans >> (no % PUSH_SLOTS) & 1;
	bool is_dear = is_orphan || supers_are_short(s);
	struct link *l = NULL;

	if (s->n_supers == 0 || is_past(s, no))
		return holder_next(e, s, no, ring_order, HOLDER_ANY);
	if (is_dear && (is_new || !(a->is_again || e->now_ms - a->at_ms >= s->fetch_ms))) {
		if (is_new && s->n_in_row % PULLS_IN_ROW != 0)
			ring_order--; // itself once more
		l = holder_next(e, s, no, ring_order, HOLDER_WITH_ROOM);
		if (l != NULL ||
		    (is_orphan && holder_next(e, s, no, ring_order, HOLDER_MEMBER) != NULL))
			return l;
	}
	if (is_dear || asked_a_member_in_vain(e, a, no))
		l = holder_next(e, s, no, ring_order, HOLDER_SUPER);
	return l != NULL ? l : holder_next(e, s, no, ring_order, HOLDER_ANY);
}

// After a fetch period somebody else is asked (groups.md 6.3), but not before an answer can have
// come: over long paths everything would come twice, and crowd out what is new.
static uint32_t patience_ms(struct engine *e, const struct stream *s, const struct asked *a)
{
	uint32_t mrto_ms = 0;

	if (a->link_idx != LINK_NONE)
		mrto_ms = session_at(e, link_at(e, a->link_idx)->session_idx)->mrto_us / 1000;
	return mrto_ms > s->fetch_ms ? mrto_ms : s->fetch_ms;
}

// A lower number goes before a higher one that has its place: it is needed sooner, and whoever
// announces numbers that do not exist announces high ones.
static bool is_askable(struct engine *e, const struct stream *s, uint64_t no, uint64_t *ring_order)
{
	const struct asked *a = asked_at(s, no);

	*ring_order = s->pull_order;
	if (a->no == 0 || a->no > no)
		return true;
	if (a->no < no)
		return e->now_ms - a->at_ms >= 2 * s->fetch_ms; // was given up
	*ring_order = a->ring_order;
	if (a->link_idx == LINK_NONE && a->is_waiting)
		return true;
	return e->now_ms - a->at_ms >= patience_ms(e, s, a);
}

static void wait_for_somebody(struct engine *e, struct stream *s, uint64_t no)
{
	struct asked *a = asked_at(s, no);

	if (a->no == no || s->n_supers == 0 || !holders_have(e, s, no))
		return;
	s->n_asked += a->no == 0;
	settle(e, a, false, false);
	*a = (struct asked){no, s->pull_order, LINK_NONE, e->now_ms, .is_waiting = true};
}

// Nothing was received yet: the two newest, from two random holders; the rest follows from there.
static void first_pulls(struct engine *e, struct stream *s)
{
	uint64_t no, ring_order;

	for (uint32_t i = 0; i < 2; i++) {
		struct link *l = holder_random(e, s, i, &no);

		if (l != NULL && is_askable(e, s, no, &ring_order))
			ask(e, s, l, no);
	}
}

// Nobody answered for as long as a fragment lives: wait until something newer is announced.
static bool is_paused(const struct engine *e, struct stream *s, uint64_t newest)
{
	// librtmfp pauses after a fetch period without maps. But maps come only with new fragments,
	// so at the end of a stream it would never ask for the last of them.
	if (e->now_ms - s->heard_ms > s->window_ms + s->margin_ms)
		return true;
	if (s->n_asked == 0)
		s->answered_ms = e->now_ms;
	if (e->now_ms - s->answered_ms <= s->window_ms + s->margin_ms)
		return false;
	if (newest == s->paused_at)
		return true;
	s->paused_at = newest;
	s->answered_ms = e->now_ms;
	return false;
}

// The end number itself may or may not be a fragment: it is asked for once at most (groups.md 6.1).
static bool is_beyond_end(struct stream *s, uint64_t no)
{
	if (s->end == 0 || no < s->end)
		return false;
	if (no > s->end || s->is_end_asked)
		return true;
	s->is_end_asked = true;
	return false;
}

// Asks for what is missing in [low, high], from *at on; from the end the next step goes back to the
// start. False: as many were asked for as a step may, or a queue is full.
static bool pull_some(struct engine *e, struct stream *s, uint64_t low, uint64_t high, uint64_t *at,
		      uint32_t *n_asked)
{
	uint32_t n_looked = 0;
	uint64_t ring_order;

	if (*at < low || *at > high)
		*at = low;
	for (; *at <= high && n_looked < STEP_LOOKS_MAX; (*at)++) {
		struct link *l;

		if (window_entry(&s->window, e->relay->extents, *at) != 0)
			continue;
		n_looked++;
		if (!is_askable(e, s, *at, &ring_order))
			continue;
		l = whom_to_ask(e, s, *at, ring_order);
		if (l == NULL) {
			wait_for_somebody(e, s, *at);
			continue;
		}
		if (is_beyond_end(s, *at))
			continue;
		if (asked_at(s, *at)->no != *at && !is_ours(e, s, *at)) {
			leave_to_others(e, s, *at);
			continue;
		}
		if (++*n_asked > STEP_PULLS_MAX || !ask(e, s, l, *at))
			return false; // goes on here
	}
	if (*at > high)
		*at = 0;
	return true;
}

// Where the first hole from `low` on is. What came needs no second look, here or gone again, so
// a stream that misses nothing is not looked through again in each step.
static uint64_t first_hole(const struct engine *e, struct stream *s, uint64_t low, uint64_t high)
{
	if (low < s->whole_from || low > s->whole_to)
		s->whole_from = s->whole_to = low;
	while (s->whole_to <= high && window_entry(&s->window, e->relay->extents, s->whole_to) != 0)
		s->whole_to++;
	return s->whole_to;
}

void pull_tick(struct engine *e, struct stream *s)
{
	uint64_t low, high, near;
	uint32_t n_asked = 0;

	if (s->flags & STREAM_PUBLISHER)
		return;
	if (e->relay->takers[stream_idx(e, s)] != 0 && s->window.head_no != 0)
		offer(e, s);
	if (!holders_range(e, s, &low, &high) || is_paused(e, s, high))
		return;
	if (s->window.head_no == 0) {
		first_pulls(e, s);
		return;
	}
	if (low < s->window.tail_no)
		low = s->window.tail_no;
	low = first_hole(e, s, low, high);
	near = s->window.head_no + NEAR_NUMBERS;
	if (low < near &&
	    !pull_some(e, s, low, high < near ? high : near - 1, &s->pull_at, &n_asked))
		return;
	if (high >= near)
		pull_some(e, s, low > near ? low : near, high, &s->pull_far_at, &n_asked);
}
