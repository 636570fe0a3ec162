// Who has what: we tell those who want something, and remember what neighbours tell.
#include <errno.h>
#include <stdlib.h>

#include "control/group/neighbour.h"
#include "control/group/object_lend.h"
#include "control/group/objects.h"

enum {
	TELL_US = 250000,    // docs/spx.md: changes together
	AGAIN_US = 10000000, // from snapshot to snapshot
	CHANGE_US = 1000000, // of mind
	BLOCKED_US = 1000000,
	REFUSED_US = 30000000,
	ALL_RANGES_MAX = 1 << 18,
};

static struct groups *groups_of(const struct objects *os)
{
	return os->group->groups;
}

// ---- what they have ----

static void have_drop(struct objects *os, struct object_peer *op, uint64_t first, uint64_t last)
{
	struct index_range all = ranges_cut_extent(&op->have, first, last), s;
	uint32_t n = op->have.n;

	for (uint64_t from = all.first; ranges_next_in(&op->have, from, all.last, &s);
	     from = s.last + 1)
		if (tally_reserve(&os->tally) == 0)
			tally_change(&os->tally, s.first, s.last, -1);
	ranges_remove(&op->have, all.first, all.last);
	os->n_ranges += op->have.n;
	os->n_ranges -= n;
}

static bool have_gain(struct objects *os, struct object_peer *op, struct index_range gap)
{
	uint32_t n = op->have.n;

	if (os->n_ranges >= ALL_RANGES_MAX || tally_reserve(&os->tally) != 0 ||
	    ranges_add(&op->have, gap.first, gap.last) != 0) {
		groups_of(os)->n.objects_ranges_ignored++;
		return false;
	}
	tally_change(&os->tally, gap.first, gap.last, 1);
	os->n_ranges += op->have.n;
	os->n_ranges -= n;
	op->is_dry = false;
	return true;
}

static void have_add(struct objects *os, struct object_peer *op, struct index_range r)
{
	struct index_range gap;

	for (uint64_t from = r.first; ranges_next_out(&op->have, from, r.last, &gap);
	     from = gap.last + 1)
		if (!have_gain(os, op, gap))
			break;
	for (uint32_t i = 0; i < op->n_refused; i++)
		if (op->refused[i].index >= r.first && op->refused[i].index <= r.last) {
			op->refused[i].is_had = true;
			have_drop(os, op, op->refused[i].index, op->refused[i].index);
		}
}

static void have_remove(struct objects *os, struct object_peer *op, struct index_range r)
{
	have_drop(os, op, r.first, r.last);
	for (uint32_t i = 0; i < op->n_refused; i++)
		if (op->refused[i].index >= r.first && op->refused[i].index <= r.last)
			op->refused[i].is_had = false;
}

void object_forget_have(struct objects *os, struct object_peer *op)
{
	have_drop(os, op, 0, OBJECT_INDEX_MAX);
	ranges_clear(&op->have);
	for (uint32_t i = 0; i < op->n_refused; i++)
		op->refused[i].is_had = false;
}

// ---- what they refused ----

static void refused_remove(struct objects *os, struct object_peer *op, uint32_t i)
{
	struct object_refused gone = op->refused[i];

	op->refused[i] = op->refused[--op->n_refused];
	if (gone.is_had)
		have_add(os, op, (struct index_range){gone.index, gone.index});
}

static uint32_t refused_oldest(const struct object_peer *op)
{
	uint32_t oldest = 0;

	for (uint32_t i = 1; i < op->n_refused; i++)
		if (op->refused[i].until_us < op->refused[oldest].until_us)
			oldest = i;
	return oldest;
}

void object_refuse(struct objects *os, struct object_peer *op, uint64_t index, bool is_for_ever)
{
	bool is_had = ranges_has(&op->have, index);

	have_drop(os, op, index, index);
	if (is_for_ever || !is_had)
		return;
	if (op->n_refused == OBJECT_REFUSED_MAX)
		refused_remove(os, op, refused_oldest(op));
	op->refused[op->n_refused++] =
		(struct object_refused){index, groups_of(os)->now_us + REFUSED_US, is_had};
	os->retry_us = earlier(os->retry_us, op->refused[op->n_refused - 1].until_us);
}

void object_refused_return(struct objects *os, struct object_peer *op)
{
	uint64_t now_us = groups_of(os)->now_us;

	for (uint32_t i = op->n_refused; i-- > 0;)
		if (op->refused[i].until_us <= now_us)
			refused_remove(os, op, i);
	for (uint32_t i = 0; i < op->n_refused; i++)
		os->retry_us = earlier(os->retry_us, op->refused[i].until_us);
}

// ---- hearing ----

// Whether it is to be taken: it comes slowly enough, and we want to know.
static bool is_heard(struct objects *os, struct object_peer *op, const struct object_have *h)
{
	struct groups *gs = groups_of(os);

	if (!op->told_interest)
		return false;
	if (token_take_many(&op->ranges_heard, &gs->object_range_rate, h->ranges.n, gs->now_us))
		return true;
	gs->n.objects_ranges_ignored += h->ranges.n;
	op->is_behind = true;
	object_tell_soon(os);
	return false;
}

static void seq_take(struct objects *os, struct object_peer *op, uint64_t seq)
{
	if (seq != op->heard_seq + 1) {
		op->is_behind = true;
		object_tell_soon(os);
	}
	op->heard_seq = seq;
}

static void have_changed(struct objects *os, struct object_peer *op)
{
	if (!op->is_dry)
		object_fetch_more(os);
}

void object_have_take(struct spx_lane *l, struct span message)
{
	struct object_peer *op = l->peer->objects;
	struct objects *os = l->peer->nb->group->objects;
	struct object_have h;
	struct index_range r;

	if (object_have_read(&h, message) != 0) {
		spx_malformed(l);
		return;
	}
	if (!is_heard(os, op, &h))
		return;
	if (h.flags & OBJECT_HAVE_SNAPSHOT) {
		object_forget_have(os, op);
		op->heard_seq = h.seq;
	} else {
		seq_take(os, op, h.seq);
	}
	op->is_seed = h.flags & OBJECT_HAVE_SEED || l->peer->nb->is_super;
	while (object_range_next(&h.ranges, &r))
		have_add(os, op, r);
	have_changed(os, op);
}

void object_delta_take(struct spx_lane *l, struct span message)
{
	struct object_peer *op = l->peer->objects;
	struct objects *os = l->peer->nb->group->objects;
	struct object_have h;
	struct index_range r;

	if (object_delta_read(&h, message) != 0) {
		spx_malformed(l);
		return;
	}
	if (!is_heard(os, op, &h))
		return;
	seq_take(os, op, h.seq);
	while (object_range_next(&h.ranges, &r))
		if (h.op == OBJECT_ADD)
			have_add(os, op, r);
		else
			have_remove(os, op, r);
	have_changed(os, op);
}

void object_want_take(struct spx_lane *l, struct span message)
{
	struct object_peer *op = l->peer->objects;
	struct object_want want;

	if (object_want_read(&want, message) != 0) {
		spx_malformed(l);
		return;
	}
	op->is_interested = op->needs_snapshot = want.is_interested;
	op->is_in_snapshot = false;
	if (!want.is_interested)
		object_slice_peer_gone(l->peer->nb->group->objects, op);
	if (want.is_interested)
		object_gives_soon(l->peer);
	object_tell_soon(l->peer->nb->group->objects);
}

// ---- telling ----

void object_tell_soon(struct objects *os)
{
	os->tell_us = earlier(os->tell_us, groups_of(os)->now_us + TELL_US);
}

void object_log(struct objects *os, uint64_t first, uint64_t last)
{
	os->log[os->log_end++ % OBJECT_LOG_MAX] = (struct index_range){first, last};
	object_tell_soon(os);
}

static int control_send(struct object_peer *op, const struct wr *w)
{
	return spx_send(op->peer, LANE_OBJECT_CONTROL, wr_span(w), span_of(NULL, 0));
}

// What it sees from `snapshot_next` on; 0 when all of it is told.
static int snapshot_send(struct objects *os, struct object_peer *op, const struct ranges *have)
{
	uint8_t octets[OBJECT_HAVE_LEN_MAX];

	do {
		struct wr w = wr_over(octets, sizeof(octets));
		uint32_t i = ranges_find(have, op->snapshot_next), n = have->n - i;
		uint8_t flags = os->o.is_seed ? OBJECT_HAVE_SEED : 0;
		int err;

		if (op->snapshot_next == 0)
			flags |= OBJECT_HAVE_SNAPSHOT;
		if (n > OBJECT_RANGES_MAX) {
			n = OBJECT_RANGES_MAX;
			flags |= OBJECT_HAVE_MORE;
		}
		object_have_write(&w, flags, op->seq + 1, n > 0 ? have->at + i : NULL, n);
		err = control_send(op, &w);
		if (err != 0)
			return err;
		op->seq++;
		op->is_in_snapshot = flags & OBJECT_HAVE_MORE;
		if (op->is_in_snapshot)
			op->snapshot_next = have->at[i + n - 1].last + 1;
	} while (op->is_in_snapshot);
	return 0;
}

struct changes {
	struct index_range at[OBJECT_RANGES_MAX];
	uint32_t n;
	enum object_delta_op op;
};

static int changes_send(struct object_peer *op, struct changes *c)
{
	uint8_t octets[OBJECT_HAVE_LEN_MAX];
	struct wr w = wr_over(octets, sizeof(octets));
	int err;

	if (c->n == 0)
		return 0;
	object_delta_write(&w, c->op, op->seq + 1, c->at, c->n);
	err = control_send(op, &w);
	op->seq += err == 0;
	c->n = 0;
	return err;
}

// Of what changed, what is to be seen now (or not).
static int changes_tell(struct object_peer *op, const struct ranges *seen,
			const struct ranges *changed, enum object_delta_op what)
{
	struct changes c = {.op = what};
	struct index_range s;
	int err = 0;

	for (uint32_t i = 0; i < changed->n && err == 0; i++) {
		uint64_t from = changed->at[i].first, to = changed->at[i].last;

		while (err == 0 &&
		       (what == OBJECT_ADD ? ranges_next_in(seen, from, to, &s)
					   : ranges_next_out(seen, from, to, &s))) {
			c.at[c.n++] = s;
			from = s.last + 1;
			if (c.n == OBJECT_RANGES_MAX)
				err = changes_send(op, &c);
		}
	}
	return err != 0 ? err : changes_send(op, &c);
}

static int log_send(struct objects *os, struct object_peer *op, const struct ranges *seen)
{
	struct ranges changed;
	int err = 0;

	ranges_init(&changed, OBJECT_LOG_MAX);
	for (uint64_t i = op->told; i < os->log_end && err == 0; i++) {
		const struct index_range *r = &os->log[i % OBJECT_LOG_MAX];

		err = ranges_add(&changed, r->first, r->last);
	}
	if (err == 0)
		err = changes_tell(op, &os->have, &changed, OBJECT_REMOVE);
	if (err == 0)
		err = changes_tell(op, seen, &changed, OBJECT_ADD);
	if (err == 0)
		op->told = os->log_end;
	ranges_clear(&changed);
	return err;
}

// It sees more than before: all there is to see of the range.
static int seen_tell(struct objects *os, struct object_peer *op, struct index_range r)
{
	struct ranges range = {.at = &r, .n = 1};

	return changes_tell(op, &os->have, &range, OBJECT_ADD);
}

static int slice_tell(struct objects *os, struct object_peer *op)
{
	struct index_range shown = {os->o.spread_from, OBJECT_INDEX_MAX};
	int err = 0;

	if (op->is_hidden && !object_is_hidden_from(os, op)) {
		err = seen_tell(os, op, shown);
		op->is_hidden = err != 0;
	} else if (object_slice_grow(os, op, &shown)) {
		err = seen_tell(os, op, shown);
	}
	return err;
}

void object_show(struct objects *os, struct object_peer *op)
{
	if (op->needs_snapshot || op->is_in_snapshot) // which shows it
		return;
	if (slice_tell(os, op) != 0) {
		object_slice_peer_gone(os, op); // it was not told: others are
		os->tell_us = earlier(os->tell_us, groups_of(os)->now_us + BLOCKED_US);
	}
}

static void snapshot_begin(struct objects *os, struct object_peer *op)
{
	struct index_range shown;

	op->needs_snapshot = false;
	op->is_in_snapshot = true;
	op->snapshot_next = 0;
	op->snapshot_us = groups_of(os)->now_us + AGAIN_US;
	op->told = os->log_end;
	object_slice_grow(os, op, &shown);
	op->is_hidden = object_is_hidden_from(os, op);
}

// When there is more to do; NEVER: it knows what we have.
static uint64_t have_tell(struct objects *os, struct object_peer *op, struct ranges *scratch)
{
	uint64_t now_us = groups_of(os)->now_us;
	int err = 0;

	if (!op->is_interested)
		return NEVER;
	if (os->log_end - op->told > OBJECT_LOG_MAX && !op->is_in_snapshot)
		op->needs_snapshot = true;
	if (op->needs_snapshot && now_us < op->snapshot_us)
		return op->snapshot_us;
	if (op->needs_snapshot)
		snapshot_begin(os, op);
	if (op->is_in_snapshot)
		err = snapshot_send(os, op, object_seen(os, op, scratch));
	if (err == 0 && os->log_end - op->told > OBJECT_LOG_MAX) { // the snapshot took too long
		op->needs_snapshot = true;
		return op->snapshot_us;
	}
	op->is_hidden |= object_is_hidden_from(os, op);
	if (err == 0 && op->told < os->log_end)
		err = log_send(os, op, object_seen(os, op, scratch));
	if (err == 0)
		object_show(os, op);
	return err != 0 ? now_us + BLOCKED_US : NEVER;
}

static uint64_t interest_tell(struct objects *os, struct object_peer *op)
{
	uint64_t now_us = groups_of(os)->now_us;
	bool is_interested = os->want.n > 0;
	struct wr w;
	uint8_t octets[16];

	if (op->told_interest == is_interested && !(is_interested && op->is_behind))
		return NEVER;
	if (now_us < op->want_us)
		return op->want_us;
	w = wr_over(octets, sizeof(octets));
	object_want_write(&w, is_interested, NULL, 0);
	if (control_send(op, &w) != 0)
		return now_us + BLOCKED_US;
	op->told_interest = is_interested;
	op->is_behind = false;
	op->want_us = now_us + (is_interested ? AGAIN_US : CHANGE_US);
	if (!is_interested)
		object_forget_have(os, op);
	return NEVER;
}

void object_tell(struct objects *os)
{
	struct ranges scratch;

	ranges_init(&scratch, 2 * OBJECT_HELD_RANGES);
	os->tell_us = NEVER;
	for (struct object_peer *op = os->peers; op != NULL; op = op->next) {
		os->tell_us = earlier(os->tell_us, interest_tell(os, op));
		os->tell_us = earlier(os->tell_us, have_tell(os, op, &scratch));
	}
	ranges_clear(&scratch);
}
