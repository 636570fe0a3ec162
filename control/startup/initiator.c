// Opening sessions to others (RFC 7016 §3.5.1.1): hellos to candidates, the first acceptable
// RHello, keying.
//
// Which key we key with is not ours to choose: a certificate with a static key selects one of its
// groups and sends nothing ephemeral (§13.7: MUST), since otherwise whoever has seen the
// certificate could claim it. So an endpoint whose certificate has the one option that old peers
// read, the static group 2 key (§16.3), opens every session with group 2, also to those that list
// better ones. The way to group 14 is a certificate that has a key of it, as our member endpoint's
// has; it is the price that old peers refuse its calls.
#include <assert.h>

#include "control/startup/internal.h"
#include "crypto/signature.h"

static void hello_send(struct startup *st, struct opening *o, struct candidate *c, uint64_t now_us)
{
	uint8_t chunk[OPEN_EPD_MAX + TAG_LEN + 8];
	struct wr w = wr_over(chunk, sizeof(chunk));
	struct ihello hello = {.epd = span_of(o->epd, o->epd_len), .tag = span_of(o->tag, TAG_LEN)};
	int err = ihello_write(&w, &hello);

	assert(err == 0);
	packet_send(st, o->worker, o->endpoint, &c->addr, 0, wr_span(&w));
	c->n_sent++;
	c->next_us = now_us + attempt_interval_us(c->n_sent);
}

// -- keying sent --

static void keying_send(struct startup *st, struct opening *o, uint64_t now_us)
{
	const struct ctl_session *ctl = &o->seat->ctl;

	packet_send(st, ctl->worker, o->endpoint, &ctl->far, 0,
		    span_of(o->iikeying, o->iikeying_len));
	if (o->n_sent++ == 0)
		o->first_sent_us = now_us;
	o->last_sent_us = now_us;
	o->next_us = now_us + attempt_interval_us(o->n_sent);
}

// The chunk that is sent and sent again. Our signature is the "X" that everybody sends and old
// peers insist on.
static int keying_write(struct startup *st, struct opening *o)
{
	struct wr w = wr_over(o->iikeying, sizeof(o->iikeying));
	struct iikeying k = {
		.initiator_session_id = o->seat->ctl.id,
		.cookie_echo = span_of(o->cookie, o->cookie_len),
		.cert = near_end_at(st, o->endpoint)->certificate.whole,
		.skic = span_of(o->keying.component, o->keying.component_len),
		.signature = span_of(SIGNATURE_NONE, SIGNATURE_NONE_LEN),
	};
	int err = iikeying_write(&w, &k);

	o->iikeying_len = (uint16_t)w.len;
	return err;
}

// Why the opening has to end, by what the far end of a failed job lacks.
static enum open_failure refusal_of(struct startup *st, const struct key_job *job)
{
	static const enum open_failure why[] = {
		[KEYING_LACKS_NOTHING] = OPEN_REFUSED,
		[KEYING_LACKS_GROUP] = OPEN_REFUSED_GROUP,
		[KEYING_LACKS_HMAC] = OPEN_REFUSED_HMAC,
		[KEYING_LACKS_SSEQ] = OPEN_REFUSED_SSEQ,
	};

	refusal_count(st, job);
	return why[job->lacks];
}

static void half_done(struct startup *st, struct opening *o, struct key_job *job, uint64_t now_us)
{
	if (job->result != 0) { // no group in common: it will never be otherwise
		opening_fail(o, refusal_of(st, job), NULL);
		return;
	}
	o->keying = job->keying;
	o->seat->ctl.dh_group = o->keying.pair.group;
	if (keying_write(st, o) != 0) {
		opening_fail(o, OPEN_REFUSED, NULL);
		return;
	}
	o->state = OPENING_SENT;
	o->next_us = now_us;
	seat_reserve(st, o->seat);
	if (o->yields_to == 0)
		keying_send(st, o, now_us);
}

// -- RHello --

enum same_peer { NOBODY_ELSE, SOMEBODY_SOON, SOMEBODY };

// §3.5.1.1.2: is there a session to that identity already? One that we answered and whose far end
// has not shown its keys may be anybody's. It gets the time of a round trip and 2 s more to do so;
// then it does not count.
static enum same_peer same_peer_find(struct startup *st, const struct opening *o,
				     const uint8_t fingerprint[32], uint64_t now_us,
				     struct ctl_session **existing)
{
	enum same_peer found = NOBODY_ELSE;
	struct seat *s = NULL;

	while ((s = directory_by_print(st->directory, o->endpoint, fingerprint, s)) != NULL) {
		bool is_pending = s->ctl.state == CTL_OPENING && !s->ctl.is_initiator;
		bool is_claim =
			s->ctl.state == CTL_OPEN && !s->ctl.is_alive && !s->ctl.is_initiator;

		if (is_pending ||
		    (is_claim && now_us < s->ctl.opened_us + opening_patience_us(o, CLAIM_US))) {
			found = SOMEBODY_SOON;
		} else if (!is_claim && s->ctl.state != CTL_CLOSING) {
			*existing = &s->ctl;
			return SOMEBODY;
		}
	}
	return found;
}

// False: no room just now; the next RHello may find some.
static bool keying_begin(struct startup *st, struct opening *o, uint32_t worker,
			 const struct wire_addr *from, const struct certificate *far,
			 uint64_t now_us)
{
	struct seat *seat = seat_take(st, worker);
	struct key_job *job;

	if (seat == NULL)
		return false;
	seat->ctl.endpoint = o->endpoint;
	seat->ctl.is_initiator = true;
	seat->ctl.far = *from; // whatever candidate that was (requirement 32)
	memcpy(seat->ctl.fingerprint, far->fingerprint, FINGERPRINT_LEN);
	sha256(far->whole.data, far->whole.len, seat->cert_hash);
	seat->near_prevails = certificate_near_prevails(
		near_end_at(st, o->endpoint)->certificate.whole, far->whole);
	directory_list(st->directory, seat);
	job = job_take(st, KEY_INITIATE, seat, now_us);
	if (job == NULL || key_job_far_set(job, far->whole, (struct span){0}) != 0 ||
	    !job_submit(st, job)) {
		directory_give(st->directory, seat);
		return false;
	}
	seat->opening = o;
	o->seat = seat;
	o->state = OPENING_KEYING;
	opening_limit_anew(o, now_us);
	return true;
}

static void rhello_accept(struct startup *st, struct opening *o, uint32_t worker,
			  const struct wire_addr *from, const struct rhello *hello,
			  const struct certificate *far, uint64_t now_us)
{
	struct ctl_session *existing = NULL;

	if (o->rtt_max_us == 0)
		o->rtt_max_us = opening_age_us(o, now_us);
	if (o->asks_for != 0) {
		silence_answered(st, o, now_us);
		return;
	}
	switch (same_peer_find(st, o, far->fingerprint, now_us, &existing)) {
	case SOMEBODY:
		opening_fail(o, OPEN_DUPLICATE, existing);
		return;
	case SOMEBODY_SOON: // our next IHello asks again
		return;
	case NOBODY_ELSE:
		break;
	}
	if (!keying_begin(st, o, worker, from, far, now_us)) {
		st->counters.no_room++;
		return;
	}
	memcpy(o->cookie, hello->cookie.data, hello->cookie.len);
	o->cookie_len = (uint16_t)hello->cookie.len;
	memcpy(o->far_cert, far->whole.data, far->whole.len);
	o->far_cert_len = (uint16_t)far->whole.len;
}

// An opening that waits for such an answer; else the packet is counted. One that has its answer
// hears others, and the same again: that is no fault of anybody's.
static struct opening *opening_that_asked(struct startup *st, uint8_t endpoint, struct span tag)
{
	struct opening *o = opening_by_tag(st, endpoint, tag);

	st->counters.unexpected += o == NULL;
	return o != NULL && o->state == OPENING_HELLO ? o : NULL;
}

static void on_rhello(struct startup *st, uint32_t worker, uint8_t endpoint,
		      const struct wire_addr *from, struct span payload, uint64_t now_us)
{
	struct opening *o;
	struct rhello hello;
	struct certificate far;

	if (rhello_read(&hello, payload) != 0) {
		st->counters.unexpected++;
		return;
	}
	o = opening_that_asked(st, endpoint, hello.tag_echo);
	if (o == NULL)
		return;
	if (hello.cookie.len == 0 || hello.cookie.len > COOKIE_ECHO_MAX ||
	    !wire_addr_is_usable(from) || certificate_read(&far, hello.cert) != 0 ||
	    !opening_wants(o, &far) ||
	    span_equal(far.whole, near_end_at(st, endpoint)->certificate.whole)) { // that is us
		st->counters.unexpected++;
		return;
	}
	rhello_accept(st, o, worker, from, &hello, &far, now_us);
}

static void on_redirect(struct startup *st, uint8_t endpoint, const struct wire_addr *from,
			struct span payload, uint64_t now_us)
{
	struct opening *o;
	struct redirect redirect;

	if (redirect_read(&redirect, payload) != 0) {
		st->counters.unexpected++;
		return;
	}
	o = opening_that_asked(st, endpoint, redirect.tag_echo);
	if (o == NULL)
		return;
	if (redirect.n_addrs == 0) // Implied: whoever sent this is it
		redirect.addrs[redirect.n_addrs++] = *from;
	for (unsigned i = 0; i < redirect.n_addrs; i++) {
		struct wire_addr *a = &redirect.addrs[i];

		a->origin = ADDR_UNKNOWN; // who is our introducer is for us to say
		if (may_point_to(a, from))
			opening_candidate_add(o, a, now_us);
	}
}

// -- answers to our keying --

static struct opening *opening_that_keyed(struct startup *st, uint8_t endpoint, uint32_t session_id)
{
	struct seat *seat = directory_find_id(st->directory, session_id);

	if (seat != NULL && seat->opening != NULL && seat->ctl.endpoint == endpoint &&
	    seat->opening->state == OPENING_SENT)
		return seat->opening;
	st->counters.unexpected++;
	return NULL;
}

static void on_cookie_change(struct startup *st, uint8_t endpoint, uint32_t session_id,
			     struct span payload, uint64_t now_us)
{
	struct opening *o = opening_that_keyed(st, endpoint, session_id);
	struct cookie_change change;

	if (o == NULL)
		return;
	if (cookie_change_read(&change, payload) != 0 ||
	    !span_equal(change.old_cookie, span_of(o->cookie, o->cookie_len)) ||
	    change.new_cookie.len == 0 || change.new_cookie.len > COOKIE_ECHO_MAX ||
	    o->n_cookie_changes == COOKIE_CHANGES_MAX) {
		st->counters.unexpected++;
		return;
	}
	o->n_cookie_changes++;
	o->n_sent = 0; // it is another packet, at the beginning of its schedule
	memcpy(o->cookie, change.new_cookie.data, change.new_cookie.len);
	o->cookie_len = (uint16_t)change.new_cookie.len;
	// Only the cookie differs, so what fitted with the longest one fits now.
	if (keying_write(st, o) != 0)
		opening_fail(o, OPEN_REFUSED, NULL);
	else if (o->yields_to == 0)
		keying_send(st, o, now_us);
}

static void on_rikeying(struct startup *st, uint8_t endpoint, uint32_t session_id,
			struct span payload, uint64_t now_us)
{
	struct opening *o = opening_that_keyed(st, endpoint, session_id);
	struct rikeying answer;
	struct key_job *job;

	if (o == NULL)
		return;
	// While it yields, the far end's own keying is as good as accepted: one session is enough.
	if ((o->yields_to != 0 && !o->lingers) || rikeying_read(&answer, payload) != 0 ||
	    answer.responder_session_id == 0) {
		st->counters.unexpected++;
		return;
	}
	job = job_take(st, KEY_COMPLETE, o->seat, now_us);
	if (job == NULL)
		return; // our next IIKeying brings the answer again
	job->keying = o->keying;
	if (key_job_far_set(job, span_of(o->far_cert, o->far_cert_len), answer.skrc) != 0) {
		job_give(st, job);
		st->counters.unexpected++;
		return;
	}
	if (!job_submit(st, job))
		return;
	o->answer_id = answer.responder_session_id;
	o->state = OPENING_CHECK;
}

// Who answers closes what it had open to our certificate and address (§7.2 3b), without a word: so
// do we, or the old session would look alive here until its keepalive.
static void override_older(struct startup *st, struct seat *fresh)
{
	struct seat *s = NULL;

	while ((s = directory_by_addr(st->directory, fresh->ctl.endpoint, &fresh->ctl.far, s)) !=
	       NULL) {
		if (s == fresh || s->ctl.state != CTL_OPEN ||
		    memcmp(s->cert_hash, fresh->cert_hash, SHA256_LEN) != 0)
			continue;
		st->counters.overrides++;
		seat_end(st, s, CLOSE_SILENT, CLOSED_OVERRIDE);
	}
}

// Karn: the answer to one of several equal questions only says how long a round trip takes at most.
static struct known_rtt rtt_of(const struct opening *o, uint64_t answered_us)
{
	uint64_t us = answered_us - o->first_sent_us;

	if (o->n_sent == 1)
		return (struct known_rtt){.us = (uint32_t)us};
	return (struct known_rtt){.max_us = (uint32_t)(us < o->rtt_max_us ? us : o->rtt_max_us)};
}

static void check_done(struct startup *st, struct opening *o, struct key_job *job, uint64_t now_us)
{
	struct seat *seat = o->seat;
	void *user = o->user;

	if (job->result != 0) { // perhaps somebody guessed; the true answer may still come
		o->state = OPENING_SENT;
		if (++o->n_bad_answers == BAD_ANSWERS_MAX)
			opening_fail(o, refusal_of(st, job), NULL);
		return;
	}
	seat->ctl.far_id = o->answer_id;
	if (seat_open(st, seat, &job->secrets, rtt_of(o, job->submitted_us), now_us) != 0) {
		st->counters.no_room++;
		opening_fail(o, OPEN_NO_ROOM, NULL);
		return;
	}
	opening_give(o);
	override_older(st, seat);
	st->counters.opened_out++;
	seat->was_opened = true;
	if (st->events.opened != NULL)
		st->events.opened(st->events.ctx, &seat->ctl, user);
}

void initiator_job_done(struct startup *st, struct seat *seat, struct key_job *job, uint64_t now_us)
{
	struct opening *o = seat->opening;

	if (o == NULL)
		return;
	if (job->kind == KEY_INITIATE && o->state == OPENING_KEYING)
		half_done(st, o, job, now_us);
	else if (job->kind == KEY_COMPLETE && o->state == OPENING_CHECK)
		check_done(st, o, job, now_us);
}

void initiator_report(struct startup *st, uint32_t worker, const struct report *r, uint64_t now_us)
{
	struct wire_addr from = wire_addr_of(&r->packet.from, ADDR_OBSERVED);
	uint8_t endpoint = r->packet.from.endpoint;
	struct span payload = span_of(r->body->data, r->len);

	switch (r->packet.chunk) {
	case CHUNK_RHELLO:
		on_rhello(st, worker, endpoint, &from, payload, now_us);
		break;
	case CHUNK_REDIRECT:
		on_redirect(st, endpoint, &from, payload, now_us);
		break;
	case CHUNK_COOKIE_CHANGE:
		on_cookie_change(st, endpoint, r->packet.session_id, payload, now_us);
		break;
	case CHUNK_RIKEYING:
		on_rikeying(st, endpoint, r->packet.session_id, payload, now_us);
		break;
	}
}

// -- time --

static bool has_had_its_hellos(const struct opening *o, const struct candidate *c)
{
	return o->hellos_max > 0 && c->n_sent >= o->hellos_max && c->addr.origin != ADDR_RELAY;
}

// Who had all of its hellos may still answer: for that there is the limit.
void initiator_hellos_due(struct startup *st, struct opening *o, uint64_t now_us)
{
	for (unsigned i = 0; i < o->n_candidates; i++) {
		struct candidate *c = &o->candidates[i];

		if (c->next_us <= now_us) {
			if (has_had_its_hellos(o, c))
				c->next_us = UINT64_MAX;
			else
				hello_send(st, o, c, now_us);
		}
	}
}

// Whoever gave in has waited long enough.
static bool keying_is_due(struct opening *o, uint64_t now_us)
{
	if (o->state != OPENING_SENT || (o->yields_to != 0 && !o->gives_in) || o->next_us > now_us)
		return false;
	o->yields_to = 0;
	o->gives_in = false;
	return true;
}

static void opening_due(struct startup *st, struct opening *o, uint64_t now_us)
{
	bool has_hope = now_us < o->end_us;

	if (!has_hope && o->lingers) {
		opening_fail(o, OPEN_DUPLICATE,
			     startup_find(st, o->endpoint, o->seat->ctl.fingerprint));
		return;
	}
	if (!has_hope)
		opening_fail(o, o->state == OPENING_HELLO ? OPEN_TIMEOUT : OPEN_UNANSWERED, NULL);
	else if (o->state == OPENING_HELLO)
		initiator_hellos_due(st, o, now_us);
	else if (keying_is_due(o, now_us))
		keying_send(st, o, now_us);
}

static uint64_t opening_deadline_us(const struct opening *o)
{
	uint64_t at_us = o->end_us;

	if (o->state == OPENING_SENT && (o->yields_to == 0 || o->gives_in) && o->next_us < at_us)
		at_us = o->next_us;
	for (unsigned i = 0; i < o->n_candidates && o->state == OPENING_HELLO; i++)
		if (o->candidates[i].next_us < at_us)
			at_us = o->candidates[i].next_us;
	return at_us;
}

void initiator_timers(struct startup *st, uint64_t now_us)
{
	struct opening *o = NULL;

	while ((o = opening_next(st, o)) != NULL)
		opening_due(st, o, now_us);
}

uint64_t initiator_deadline_us(const struct startup *st)
{
	const struct opening *o = NULL;
	uint64_t at_us = UINT64_MAX;

	while ((o = opening_next(st, o)) != NULL)
		if (opening_deadline_us(o) < at_us)
			at_us = opening_deadline_us(o);
	return at_us;
}
