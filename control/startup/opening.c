#include "control/startup/opening.h"

#include <assert.h>

#include "control/startup/internal.h"
#include "crypto/epd.h"

struct opening *opening_take(struct startup *st, uint8_t endpoint)
{
	if (st->n_openings == st->openings_max)
		return NULL;
	for (uint32_t i = 0; i < st->openings_max; i++) {
		struct opening *o = &st->openings[i];

		if (o->state != OPENING_FREE)
			continue;
		memset(o, 0, offsetof(struct opening, keying)); // wiped, and then the octets
		o->startup = st;
		o->state = OPENING_HELLO;
		o->endpoint = endpoint;
		o->worker = i % outbox_n_workers(st->outbox);
		random_fill(st->rng, o->tag, sizeof(o->tag));
		st->n_openings++;
		if (i >= st->openings_end)
			st->openings_end = i + 1;
		return o;
	}
	return NULL;
}

struct opening *opening_next(const struct startup *st, const struct opening *after)
{
	// The lowest free one is taken first, so the walk is short.
	for (size_t i = after != NULL ? (size_t)(after - st->openings) + 1 : 0;
	     i < st->openings_end; i++)
		if (st->openings[i].state != OPENING_FREE)
			return &st->openings[i];
	return NULL;
}

uint64_t opening_age_us(const struct opening *o, uint64_t now_us)
{
	return now_us + OPEN_TIMEOUT_MS * 1000u - o->last_us;
}

void opening_limit_anew(struct opening *o, uint64_t now_us)
{
	o->end_us = now_us + o->limit_us < o->last_us ? now_us + o->limit_us : o->last_us;
}

void opening_give(struct opening *o)
{
	struct startup *st = o->startup;
	struct seat *seat = o->seat;

	assert(o->state != OPENING_FREE);
	if (seat != NULL) {
		seat->opening = NULL;
		if (seat->ctl.state == CTL_OPENING)
			seat_end(st, seat, CLOSE_SILENT, CLOSED_BY_US);
	}
	keying_wipe(&o->keying);
	o->state = OPENING_FREE;
	st->n_openings--;
	while (st->openings_end > 0 && st->openings[st->openings_end - 1].state == OPENING_FREE)
		st->openings_end--;
}

void opening_fail(struct opening *o, enum open_failure why, struct ctl_session *existing)
{
	struct startup *st = o->startup;
	bool is_question = o->asks_for != 0;
	void *user = o->user;

	opening_give(o);
	if (is_question)
		return;
	st->counters.failed++;
	if (st->events.open_failed != NULL)
		st->events.open_failed(st->events.ctx, user, why, existing);
}

struct opening *opening_by_tag(struct startup *st, uint8_t endpoint, struct span tag)
{
	struct opening *o = NULL;

	while ((o = opening_next(st, o)) != NULL)
		if (o->endpoint == endpoint && span_equal(tag, span_of(o->tag, sizeof(o->tag))))
			break;
	return o;
}

// What we were asked to reach was read when the opening began, so reading it again cannot fail.
static void epd_of(const struct opening *o, struct epd *epd)
{
	int err = epd_read(epd, span_of(o->epd, o->epd_len));

	assert(err == 0);
}

bool opening_wants(const struct opening *o, const struct certificate *c)
{
	struct epd epd;

	epd_of(o, &epd);
	return epd_selects(&epd, c);
}

bool opening_wants_print(const struct opening *o, const uint8_t fingerprint[32])
{
	struct epd epd;

	epd_of(o, &epd);
	return epd.fingerprint.data != NULL &&
	       span_equal(epd.fingerprint, span_of(fingerprint, FINGERPRINT_LEN));
}

bool opening_has_destination(const struct opening *o, const struct wire_addr *a)
{
	if (o->seat != NULL && wire_addr_equal(&o->seat->ctl.far, a))
		return true;
	for (unsigned i = 0; i < o->n_candidates; i++)
		if (wire_addr_equal(&o->candidates[i].addr, a))
			return true;
	return false;
}

struct opening *opening_by_peer(struct startup *st, uint8_t endpoint, const struct wire_addr *a,
				const struct certificate *c)
{
	struct opening *o = NULL;

	while ((o = opening_next(st, o)) != NULL)
		if (o->endpoint == endpoint && o->asks_for == 0 && opening_wants(o, c) &&
		    (opening_has_destination(o, a) || opening_wants_print(o, c->fingerprint)))
			break;
	return o;
}

struct opening *opening_by_yield(struct startup *st, const struct seat *s)
{
	struct opening *o = NULL;

	while ((o = opening_next(st, o)) != NULL)
		if (o->yields_to == s->ctl.id)
			break;
	return o;
}

void opening_resume(struct startup *st, const struct seat *s)
{
	struct opening *o = opening_by_yield(st, s);

	if (o == NULL)
		return;
	o->yields_to = 0;
	o->gives_in = false;
	o->lingers = false;
	o->next_us = 0; // at once
}

static struct candidate *candidate_find(struct opening *o, const struct wire_addr *a)
{
	for (unsigned i = 0; i < o->n_candidates; i++)
		if (wire_addr_equal(&o->candidates[i].addr, a))
			return &o->candidates[i];
	return NULL;
}

void opening_candidate_add(struct opening *o, const struct wire_addr *a, uint64_t now_us)
{
	struct candidate *c = candidate_find(o, a);

	if (c == NULL) {
		if (o->n_candidates < REDIRECT_ADDRS_MAX && wire_addr_is_usable(a))
			o->candidates[o->n_candidates++] =
				(struct candidate){.addr = *a, .next_us = now_us};
	} else if (a->origin == ADDR_RELAY && c->addr.origin != ADDR_RELAY) {
		c->addr.origin = ADDR_RELAY; // an introducer after all: it may be asked on
		if (c->next_us == UINT64_MAX)
			c->next_us = now_us;
	}
}

// -- startup.h --

struct opening *startup_open(struct startup *st, const struct open_opts *opts,
			     struct ctl_session **existing, uint64_t now_us)
{
	struct opening *o;
	struct epd epd;

	*existing = NULL;
	if (opts->endpoint >= st->n_ends || !st->ends[opts->endpoint].opts.may_initiate ||
	    opts->epd.len > OPEN_EPD_MAX || epd_read(&epd, opts->epd) != 0)
		return NULL;
	if (epd.fingerprint.data != NULL) {
		*existing = startup_find(st, opts->endpoint, epd.fingerprint.data);
		if (*existing != NULL && ((*existing)->is_alive || (*existing)->is_initiator))
			return NULL;
		*existing = NULL;
	}
	o = opening_take(st, opts->endpoint);
	if (o == NULL)
		return NULL;
	memcpy(o->epd, opts->epd.data, opts->epd.len);
	o->epd_len = (uint16_t)opts->epd.len;
	o->user = opts->user;
	o->hellos_max = opts->hellos_max;
	o->last_us = now_us + OPEN_TIMEOUT_MS * 1000u;
	o->limit_us = opts->limit_us != 0 ? opts->limit_us : OPEN_TIMEOUT_MS * 1000u;
	opening_limit_anew(o, now_us);
	startup_open_add(o, opts->candidates, opts->n_candidates, now_us);
	return o;
}

void startup_open_add(struct opening *o, const struct wire_addr *candidates, uint8_t n,
		      uint64_t now_us)
{
	for (unsigned i = 0; i < n; i++)
		opening_candidate_add(o, &candidates[i], now_us);
	if (o->state == OPENING_HELLO)
		initiator_hellos_due(o->startup, o, now_us);
}

bool startup_open_is_unanswered(const struct opening *o, uint64_t now_us)
{
	return o->state == OPENING_SENT && o->n_sent > 1 && o->yields_to == 0 &&
	       now_us >= o->first_sent_us + opening_patience_us(o, UNANSWERED_US);
}

void startup_open_cancel(struct opening *o)
{
	opening_give(o);
}
