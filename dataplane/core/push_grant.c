// Whom we push to. Up to push_limit + 1 neighbours per slot, in order of connection
// (groups.md 6.3); super-peers beyond that, since whoever serves them serves everybody. A
// super-peer serves whoever asks. All of that within what can be sent in time (push_room.h): who is
// refused a slot hears nothing of it there and asks somebody else (push.c). (OURS: librtmfp
// promises and is late.)
#include <errno.h>

#include "dataplane/core/stream.h"

#define LATE_MS         400 // after a fragment came, to leave
#define SLOW_MS         200 // later than it could, for an answer
#define PATH_PARTS      32  // what a path takes now is what it takes, after so many looks or so
#define LOST_PARTS      8   // one of so many packets lost is more than chance
#define FIRST_FRAGMENTS 16
#define LATE_PARTS      16 // one of so many fragments late is too many
#define OCTETS          72 // of a packet of a fragment that are no fragment, about

static uint32_t n_bits(uint8_t slots)
{
	return (uint32_t)__builtin_popcount(slots);
}

static void grant(struct engine *e, struct link *l, uint8_t slots)
{
	if (slots == l->slots_granted)
		return;
	l->slots_granted = slots;
	subscriber_update(e, l);
}

static uint8_t wanted(const struct link *l)
{
	return l->is_refused ? 0 : l->slots_asked;
}

// ---- a member ----

struct places {
	uint32_t per_slot[PUSH_SLOTS], all;
};

static uint8_t take_places(struct places *p, uint8_t slots)
{
	uint8_t taken = 0;

	for (int i = 0; i < PUSH_SLOTS; i++) {
		if (!(slots >> i & 1) || p->per_slot[i] == 0 || p->all == 0)
			continue;
		taken |= (uint8_t)(1u << i);
		p->per_slot[i]--;
		p->all--;
	}
	return taken;
}

// First come, first served; where the room is too small for all, who has a slot already comes
// first.
static void grant_within_limit(struct engine *e, struct stream *s)
{
	struct places p = {.all = s->room.slots};
	bool is_tight = p.all != PUSH_ROOM_ALL;

	for (int i = 0; i < PUSH_SLOTS; i++)
		p.per_slot[i] = s->push_limit + 1u;
	for (uint32_t idx = s->link_first; idx != LINK_NONE; idx = link_at(e, idx)->next) {
		struct link *l = link_at(e, idx);

		if (l->flags & LINK_IS_SUPER)
			grant(e, l, wanted(l));
		else
			grant(e, l,
			      take_places(&p, is_tight ? wanted(l) & l->slots_granted : wanted(l)));
	}
	for (uint32_t idx = s->link_first; is_tight && idx != LINK_NONE;
	     idx = link_at(e, idx)->next) {
		struct link *l = link_at(e, idx);

		if (!(l->flags & LINK_IS_SUPER))
			grant(e, l,
			      l->slots_granted |
				      take_places(&p, wanted(l) & (uint8_t)~l->slots_granted));
	}
}

// ---- a super-peer ----

// So many slots for everybody who wants so many, and one more for the first `n_more` of those who
// want more.
struct level {
	uint32_t each, n_more;
};

static struct level level_of(struct engine *e, const struct stream *s)
{
	uint32_t n_wanting[PUSH_SLOTS + 1] = {0}, left = s->room.slots, n = 0;
	struct level level = {0, 0};

	for (uint32_t idx = s->link_first; idx != LINK_NONE; idx = link_at(e, idx)->next)
		n_wanting[n_bits(wanted(link_at(e, idx)))]++;
	for (uint32_t i = 1; i <= PUSH_SLOTS; i++)
		n += n_wanting[i];
	for (uint32_t i = 1; i <= PUSH_SLOTS && left >= n; i++) { // n want i or more
		left -= n;
		n -= n_wanting[i];
		level.each = i;
	}
	level.n_more = level.each < PUSH_SLOTS ? left : 0;
	return level;
}

// Which of them: those it has, then from a slot on that is another one for each neighbour, so that
// all slots are somewhere.
static uint8_t choose(const struct link *l, uint32_t idx, uint32_t n)
{
	uint8_t has = wanted(l) & l->slots_granted, slots = 0;

	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t k = 0; k < PUSH_SLOTS && n_bits(slots) < n; k++) {
			uint8_t bit = (uint8_t)(1u << ((3 * idx + k) % PUSH_SLOTS));

			if ((round == 0 ? has : wanted(l)) & bit)
				slots |= bit;
		}
	return slots;
}

static void grant_evenly(struct engine *e, struct stream *s)
{
	struct level level = level_of(e, s);

	for (uint32_t idx = s->link_first; idx != LINK_NONE; idx = link_at(e, idx)->next) {
		struct link *l = link_at(e, idx);
		uint32_t n = level.each;

		if (n_bits(wanted(l)) > n && level.n_more > 0) {
			n++;
			level.n_more--;
		}
		grant(e, l, choose(l, idx, l->flags & LINK_IS_SUPER ? PUSH_SLOTS : n));
	}
}

void push_grant(struct engine *e, struct stream *s, struct link *changed)
{
	if (!(s->flags & STREAM_PUSH_ALL))
		grant_within_limit(e, s);
	else if (s->room.slots != PUSH_ROOM_ALL)
		s->is_grant_stale = true; // thousands may change at a time
	else if (changed != NULL)
		grant(e, changed, wanted(changed));
}

// ---- how much ----

// What was sent of one kind since it was counted last; streams may have gone meanwhile.
static uint64_t since(uint64_t *before, uint64_t now)
{
	uint64_t n = now > *before ? now - *before : 0;

	*before = now;
	return n;
}

static uint64_t smaller_budget(const struct engine *e, const struct stream *s)
{
	uint64_t total = e->budgets.total.rate.per_s;
	uint64_t group = e->budgets.groups[s->group].budget.rate.per_s;

	return group != 0 && (total == 0 || group < total) ? group : total;
}

static uint64_t ip_bytes(const struct engine *e)
{
	uint64_t n = 0;

	for (int i = 0; i < BUDGET_CLASSES_N; i++)
		n += e->stats.tx_ip_bytes[i];
	return n;
}

// A second's worth of what was answered lately, and an eighth of one of the budget for who begins:
// all of them ask at once.
static void pulls_limit(struct stream *s, const struct push_room_look *l, uint64_t pulled)
{
	uint64_t max = l->budget_bytes * 1000 / l->period_ms / 8 / l->octets;

	if (max < pulled * 1000 / l->period_ms)
		max = pulled * 1000 / l->period_ms;
	if (max < PULLS_MAX_LEAST)
		max = PULLS_MAX_LEAST;
	if (l->budget_bytes == 0 || max > UINT32_MAX)
		max = UINT32_MAX;
	s->pulls_max = (uint32_t)max;
}

static struct push_room_look look(struct engine *e, struct stream *s)
{
	struct push_room_look l = {.period_ms = e->now_ms - s->room_at.ms};
	uint64_t n_sent = since(&s->room_at.n_sent,
				s->n.fragments_pushed_to + s->n.fragments_pulled_by + s->n.resent);
	uint64_t bytes = since(&s->room_at.bytes, ip_bytes(e));
	uint64_t media =
		since(&s->room_at.media_bytes,
		      e->stats.tx_ip_bytes[BUDGET_MEDIA] + e->stats.tx_ip_bytes[BUDGET_REPAIRS]);
	uint64_t n_late = since(&s->room_at.n_late, s->n_late);
	uint64_t pushed = since(&s->room_at.n_pushed, s->n.fragments_pushed_to);
	uint64_t pulled = since(&s->room_at.n_pulled, s->n.fragments_pulled_by);

	s->room_at.ms = e->now_ms;
	l.n_fragments = s->window.ordinal_next - s->room_at.ordinal;
	s->room_at.ordinal = s->window.ordinal_next;
	l.budget_bytes = smaller_budget(e, s) * l.period_ms / 1000;
	l.octets = WINDOW_BODY_MAX + OCTETS;
	if (n_sent > 0 && media >= n_sent && e->relay->n_active == 1)
		l.octets = (uint32_t)(media / n_sent);
	else if (s->window.n_held > 0)
		l.octets = (uint32_t)(s->window.bytes_held / s->window.n_held) + OCTETS;
	l.bytes = bytes;
	l.other_bytes = bytes > n_sent * l.octets ? bytes - n_sent * l.octets : 0;
	for (uint32_t idx = s->link_first; idx != LINK_NONE; idx = link_at(e, idx)->next)
		l.n_granted += n_bits(link_at(e, idx)->slots_granted);
	l.is_late = n_late * LATE_PARTS > pushed;
	l.n_pulled = (uint32_t)pulled;
	l.n_waiting = s->n_pulls;
	pulls_limit(s, &l, pulled);
	return l;
}

// The first look is soon after the first fragment: until then nothing is known, and everything
// promised.
static bool is_look_due(struct engine *e, struct stream *s)
{
	uint32_t period_ms =
		s->room_at.ordinal < FIRST_FRAGMENTS ? PUSH_ROOM_FIRST_MS : PUSH_ROOM_MS;

	if (s->window.ordinal_next == 0)
		s->room_at.ms = e->now_ms;
	return e->now_ms - s->room_at.ms >= period_ms;
}

void push_room_tick(struct engine *e, struct stream *s)
{
	uint32_t slots = s->room.slots;

	if (is_look_due(e, s)) {
		struct push_room_look l = look(e, s);

		push_room_look(&s->room, &l);
		s->is_uplink_full =
			l.is_late || (l.budget_bytes > 0 && l.bytes * 10 > l.budget_bytes * 9);
	}
	if (s->room.slots != slots && !(s->flags & STREAM_PUSH_ALL))
		grant_within_limit(e, s);
	if (s->flags & STREAM_PUSH_ALL && (s->room.slots != slots || s->is_grant_stale)) {
		s->is_grant_stale = false;
		grant_evenly(e, s);
	}
}

// ---- the uplink ----

static bool is_slow(struct engine *e, struct link *l)
{
	uint32_t srtt_us = session_at(e, l->session_idx)->srtt_us;

	if (srtt_us == 0)
		return false;
	if (l->srtt_min_us == 0 || srtt_us < l->srtt_min_us)
		l->srtt_min_us = srtt_us;
	else // who has a new address may have a longer path
		l->srtt_min_us += (srtt_us - l->srtt_min_us) / PATH_PARTS;
	return srtt_us >= l->srtt_min_us + SLOW_MS * 1000u;
}

// A super-peer's line is hardly the one that is full.
static bool is_uplink_slow(struct engine *e, struct stream *s)
{
	uint32_t n_slow = 0;

	for (uint32_t i = 0; i < s->n_supers; i++)
		n_slow += is_slow(e, link_at(e, s->super[i]));
	return n_slow == s->n_supers;
}

// Who serves everybody has been told what with, and a source has nothing to choose.
static bool has_uplink_to_find(struct engine *e)
{
	struct relay *r = e->relay;

	for (uint32_t i = 0; i < r->n_active; i++) {
		const struct stream *s = stream_at(e, r->active[i]);

		if (s->flags & (STREAM_PUSH_ALL | STREAM_PUBLISHER) || s->n_supers == 0)
			return false;
	}
	return true;
}

void push_uplink_forget(struct engine *e)
{
	struct relay *r = e->relay;

	if (r->uplink.bytes_per_s != 0)
		budgets_guess(e, 0);
	r->uplink = (struct uplink){0};
	r->is_uplink_counted = false;
}

// Late answers say it by themselves, and at once, since the first seconds of a stream are not made
// up for later. Lost packets may be the line's; they count where the super-peers are short of
// bytes, where much depends on it.
void push_uplink_tick(struct engine *e)
{
	struct relay *r = e->relay;
	struct uplink_look l = {.period_ms = e->now_ms - r->uplink_ms};
	uint64_t n_resent = 0, n_sent = 0, bytes, before = r->uplink.bytes_per_s;
	bool is_short = true, was_counted = r->is_uplink_counted;

	if (e->budgets.is_told || l.period_ms < UPLINK_MS)
		return;
	r->uplink_ms = e->now_ms;
	if (!has_uplink_to_find(e)) {
		push_uplink_forget(e);
		return;
	}
	for (uint32_t i = 0; i < r->n_active; i++) {
		struct stream *s = stream_at(e, r->active[i]);

		is_short &= supers_are_short(s);
		l.is_slow |= is_uplink_slow(e, s);
		n_resent += s->n.resent;
		n_sent += s->n.fragments_pushed_to + s->n.fragments_pulled_by + s->n.resent;
	}
	bytes = since(&r->uplink_bytes, ip_bytes(e));
	n_resent = since(&r->uplink_resent, n_resent);
	n_sent = since(&r->uplink_sent, n_sent);
	r->is_uplink_counted = true;
	if (!was_counted)
		return;
	l.is_slow |= is_short && n_resent * LOST_PARTS > n_sent && n_sent > LOST_PARTS;
	l.bytes = n_sent > 0 ? bytes - bytes * n_resent / n_sent : bytes;
	uplink_look(&r->uplink, &l);
	if (r->uplink.bytes_per_s != before)
		budgets_guess(e, r->uplink.bytes_per_s);
}

// ---- pulls ----

// What we cannot send soon its neighbour had better ask of another one, which he does after a fetch
// period; as an unknown number it is ignored.
int push_pull_add(struct engine *e, struct stream *s, struct link *l, uint64_t no)
{
	uint32_t n = l->pulls.n;
	int err;

	if (s->n_pulls >= s->pulls_max)
		return -EBUSY;
	err = pull_set_add(&e->relay->pulls, &l->pulls, no);
	s->n_pulls += l->pulls.n - n;
	return err;
}

void push_pull_done(struct engine *e, struct stream *s, struct link *l)
{
	pull_set_remove_lowest(&e->relay->pulls, &l->pulls);
	s->n_pulls--;
}

void push_pulls_clear(struct engine *e, struct stream *s, struct link *l)
{
	s->n_pulls -= l->pulls.n;
	pull_set_clear(&e->relay->pulls, &l->pulls);
}

void push_late(struct stream *s, const struct record *rec, uint32_t n, uint32_t now_ms)
{
	if (record_is_older(rec, LATE_MS, now_ms))
		s->n_late += n;
}
