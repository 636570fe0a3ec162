#include "control/group/player.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/farewell.h"
#include "control/group/fragment_store.h"
#include "control/group/player_start.h"
#include "control/group/repeat_filter.h"

#define NEVER UINT64_MAX

enum { START_EXTRA_US = 1000000 }; // beyond the fetch period: for the repair to travel

struct player {
	struct fragment_store store;
	struct repeat_filter repeats;
	uint64_t window_us, fetch_us;
	uint64_t next;              // number due now; 0: not started
	struct start_hints hints;   // what the fragments so far say about where to begin
	uint64_t end;               // complete below this number; 0: not known
	uint64_t end_us;            // when that became known
	uint64_t gone;              // numbers below never come
	uint64_t first_us, last_us; // first and last news; last begins with creation
	bool looks_for_start;       // something came since the last look
	uint8_t looked;             // enum start_patience of that look
	bool is_lost, has_ended;
	uint8_t *message; // what the last event shows; grows, never beyond STREAM_MESSAGE_MAX or so
	uint32_t message_cap;
	struct player_counters n;
};

void player_tune(struct player *p, const struct player_opts *o)
{
	p->window_us = (uint64_t)o->window_ms * 1000;
	p->fetch_us = (uint64_t)o->fetch_ms * 1000;
	p->hints.fresh_ms = o->window_ms / 2;
}

struct player *player_create(const struct player_opts *o, uint64_t now_us)
{
	struct player *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	fragment_store_init(&p->store, o->fragments_max, o->bytes_max);
	player_tune(p, o);
	p->last_us = now_us;
	return p;
}

void player_destroy(struct player *p)
{
	if (p == NULL)
		return;
	fragment_store_clear(&p->store);
	repeat_filter_clear(&p->repeats);
	free(p->message);
	free(p);
}

bool player_has_started(const struct player *p)
{
	return p->next != 0;
}

bool player_has_ended(const struct player *p)
{
	return p->has_ended;
}

const struct player_counters *player_counters(const struct player *p)
{
	return &p->n;
}

// ---- in ----

static bool count_refusal(struct player *p, int err)
{
	if (err == -EEXIST)
		p->n.duplicates++;
	else
		p->n.no_room++;
	return false;
}

bool player_fragment(struct player *p, struct span message, uint64_t now_us)
{
	struct stream_fragment f;
	int err;

	if (stream_fragment_read(&f, message) != 0) {
		p->n.malformed++;
		return false;
	}
	if (p->has_ended || f.number < p->next) {
		p->n.late++;
		return false;
	}
	err = fragment_store_put(&p->store, &f, now_us);
	if (err == -ENOBUFS && p->next == 0 && f.number > p->store.highest) {
		// Still looking for a beginning: the oldest half makes room.
		fragment_store_drop_below(&p->store, f.number - p->store.cap_max / 2);
		err = fragment_store_put(&p->store, &f, now_us);
	}
	if (err != 0)
		return count_refusal(p, err);
	p->n.received++;
	p->n.bytes += message.len;
	if (f.number > p->n.newest) {
		p->n.newest = f.number;
		if (f.flags & STREAM_FRAGMENT_FIRST)
			p->hints.newest_ms = f.timestamp;
	}
	if (p->first_us == 0) {
		p->first_us = now_us;
		p->hints.first_seen = f.number;
	}
	p->last_us = now_us;
	p->is_lost = false;
	p->looks_for_start = true;
	return true;
}

void player_gone(struct player *p, uint64_t below, uint64_t now_us)
{
	(void)now_us;
	if (below > p->gone)
		p->gone = below;
}

void player_end(struct player *p, uint64_t end, uint64_t now_us)
{
	if (end <= p->end || end > STREAM_NUMBER_MAX)
		return;
	p->end = end;
	p->end_us = now_us;
}

// ---- out ----

// Since when the hole at `missing` is known: the arrival of what lies behind it.
static uint64_t hole_us(const struct player *p, uint64_t missing, uint64_t *behind)
{
	const struct held_fragment *h;

	*behind = fragment_store_next(&p->store, missing);
	h = *behind != 0 ? fragment_store_get(&p->store, *behind) : NULL;
	if (h != NULL)
		return h->arrived_us;
	*behind = p->end;
	return p->end > missing ? p->end_us : NEVER;
}

// When the hole is given up; NEVER: nothing behind it yet, so it is no hole.
static uint64_t hole_deadline_us(const struct player *p, uint64_t missing, uint64_t *behind)
{
	uint64_t since_us = hole_us(p, missing, behind);

	if (since_us == NEVER)
		return NEVER;
	return missing < p->gone ? 0 : since_us + p->window_us;
}

// The number that holds everything up; 0: none does.
static uint64_t missing_number(const struct player *p)
{
	const struct held_fragment *h = fragment_store_get(&p->store, p->next);
	uint64_t missing;

	if (h == NULL)
		return p->next;
	if (!(h->flags & STREAM_FRAGMENT_FIRST))
		return 0;
	fragment_store_whole(&p->store, p->next, &missing);
	return missing;
}

// When this much patience is at its end.
static uint64_t patience_us(const struct player *p, enum start_patience patience)
{
	uint64_t late_us = p->first_us + p->fetch_us + START_EXTRA_US;
	uint64_t at_all_us = p->first_us + 2 * p->window_us;

	if (patience == START_EARLY)
		return late_us;
	return patience == START_LATE && at_all_us > late_us ? at_all_us : late_us;
}

static enum start_patience patience_now(const struct player *p, uint64_t now_us)
{
	if (now_us < patience_us(p, START_EARLY))
		return START_EARLY;
	return now_us < patience_us(p, START_LATE) ? START_LATE : START_AT_ALL;
}

static bool try_start(struct player *p, struct player_event *e, uint64_t now_us)
{
	enum start_patience patience;

	if (p->store.n == 0)
		return false;
	patience = patience_now(p, now_us);
	if (!p->looks_for_start && patience == p->looked)
		return false;
	p->looks_for_start = false;
	p->looked = (uint8_t)patience;
	p->next = player_start_pick(&p->store, &p->hints, patience);
	if (p->next == 0) {
		fragment_store_drop_below(&p->store, p->gone);
		return false;
	}
	fragment_store_drop_below(&p->store, p->next);
	e->kind = PLAYER_START;
	e->number = p->next;
	return true;
}

static bool message_reserve(struct player *p, uint32_t len)
{
	uint8_t *grown;

	if (len <= p->message_cap)
		return true;
	grown = realloc(p->message, len);
	if (grown == NULL)
		return false;
	p->message = grown;
	p->message_cap = len;
	return true;
}

// Puts n fragments from p->next on together and moves on. False: no memory, the message is lost.
static bool take_message(struct player *p, uint32_t n, struct stream_message *m)
{
	const struct held_fragment *first = fragment_store_get(&p->store, p->next);
	uint32_t len = 0;

	for (uint32_t i = 0; i < n; i++)
		len += fragment_store_get(&p->store, p->next + i)->len;
	m->type = first->type;
	m->timestamp = first->timestamp;
	if (!message_reserve(p, len + 1))
		return false;
	len = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct held_fragment *h = fragment_store_get(&p->store, p->next + i);

		memcpy(p->message + len, h->payload, h->len);
		len += h->len;
	}
	m->body = span_of(p->message, len);
	return true;
}

static bool deliver(struct player *p, struct player_event *e, uint32_t n)
{
	bool is_taken = take_message(p, n, &e->message);

	e->number = p->next;
	p->next += n;
	e->number_to = p->next - 1;
	fragment_store_drop_below(&p->store, p->next);
	if (!is_taken) {
		p->n.missing += n;
		e->kind = PLAYER_GAP;
		return true;
	}
	switch (farewell_of(&e->message)) {
	case FAREWELL_CLOSE:
		p->end = p->next;
		return false;
	case FAREWELL_UNPUBLISH:
		return false;
	case FAREWELL_NONE:
		break;
	}
	if (repeat_filter_drops(&p->repeats, &e->message)) {
		p->n.repeats++;
		return false;
	}
	p->n.messages++;
	e->kind = PLAYER_MESSAGE;
	return true;
}

// Gives up the hole at `missing` if its time has come; the message it lies in goes with it.
static bool try_gap(struct player *p, struct player_event *e, uint64_t missing, uint64_t now_us)
{
	uint64_t behind;

	if (hole_deadline_us(p, missing, &behind) > now_us)
		return false;
	e->kind = PLAYER_GAP;
	e->number = missing;
	e->number_to = behind - 1;
	p->n.missing += behind - missing;
	p->next = behind;
	fragment_store_drop_below(&p->store, behind);
	return true;
}

// One step along the fragments. 1: an event; 0: nothing more now; -1: look again.
static int step(struct player *p, struct player_event *e, uint64_t now_us)
{
	const struct held_fragment *h = fragment_store_get(&p->store, p->next);
	uint64_t missing;
	uint32_t n;

	if (p->end != 0 && p->next >= p->end) {
		p->has_ended = true;
		e->kind = PLAYER_END;
		return 1;
	}
	if (h == NULL)
		return try_gap(p, e, p->next, now_us);
	n = h->flags & STREAM_FRAGMENT_FIRST ? fragment_store_whole(&p->store, p->next, &missing)
					     : 0;
	if (n > 0)
		return deliver(p, e, n) ? 1 : -1;
	if ((h->flags & STREAM_FRAGMENT_FIRST) && missing != 0)
		return try_gap(p, e, missing, now_us);
	// The rest of a message whose beginning was given up, or one that another cut short.
	p->next++;
	fragment_store_drop_below(&p->store, p->next);
	return -1;
}

static bool try_lost(struct player *p, struct player_event *e, uint64_t now_us)
{
	if (p->is_lost || now_us < p->last_us + 2 * p->window_us)
		return false;
	p->is_lost = true;
	e->kind = PLAYER_LOST;
	return true;
}

enum player_event_kind player_next(struct player *p, struct player_event *e, uint64_t now_us)
{
	int more = -1;

	memset(e, 0, sizeof(*e));
	if (p->has_ended)
		return PLAYER_NONE;
	if (p->next == 0) {
		if (!try_start(p, e, now_us))
			try_lost(p, e, now_us);
		return e->kind;
	}
	while (more < 0)
		more = step(p, e, now_us);
	if (more == 0)
		try_lost(p, e, now_us);
	return e->kind;
}

static uint64_t start_deadline_us(const struct player *p)
{
	if (p->store.n == 0)
		return NEVER;
	if (p->looks_for_start)
		return 0;
	return p->looked == START_AT_ALL ? NEVER : patience_us(p, p->looked);
}

// When the next step is possible.
static uint64_t step_deadline_us(const struct player *p)
{
	uint64_t missing, behind;

	if (p->end != 0 && p->next >= p->end)
		return 0;
	missing = missing_number(p);
	return missing == 0 ? 0 : hole_deadline_us(p, missing, &behind);
}

uint64_t player_deadline_us(const struct player *p)
{
	uint64_t lost_us = p->is_lost ? NEVER : p->last_us + 2 * p->window_us;
	uint64_t due_us = p->next == 0 ? start_deadline_us(p) : step_deadline_us(p);

	if (p->has_ended)
		return NEVER;
	return due_us < lost_us ? due_us : lost_us;
}
