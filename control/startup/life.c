// A seat's life after keying: open, proven, moved, closed.
#include <assert.h>

#include "control/startup/internal.h"
#include "crypto/aes_schedule.h"

// A session beside which the same peer has proved another: 3 times the initial ERTO, whatever late
// packets made of it.
#define TWIN_LIMIT_US  (9 * SECOND_US)
#define LATE_KEYING_US (9 * SECOND_US) // no datagram is on its way for longer

static void seed_write(struct session_seed *seed, const struct seat *s,
		       const struct session_secrets *secrets)
{
	memset(seed, 0, sizeof(*seed));
	aes_schedule_expand(secrets->encrypt_key, seed->tx_sched, NULL);
	aes_schedule_expand(secrets->decrypt_key, NULL, seed->rx_sched);
	hmac_keys_expand((struct hmac_keys *)seed->tx_hmac, secrets->hmac_send_key, SHA256_LEN);
	hmac_keys_expand((struct hmac_keys *)seed->rx_hmac, secrets->hmac_recv_key, SHA256_LEN);
	seed->far = msg_addr_of(&s->ctl.far, s->ctl.endpoint);
	seed->far_id = s->ctl.far_id;
	seed->flags = (uint8_t)((s->ctl.is_initiator ? SEED_INITIATOR : 0) |
				(secrets->tx.has_sseq ? SEED_TX_SSEQ : 0) |
				(secrets->rx.has_sseq ? SEED_RX_SSEQ : 0));
	seed->tx_tag_len = secrets->tx.tag_len;
	seed->rx_tag_len = secrets->rx.tag_len;
}

int seat_open(struct startup *st, struct seat *s, const struct session_secrets *secrets,
	      struct known_rtt rtt, uint64_t now_us)
{
	struct ctl_session *ctl = &s->ctl;
	struct command c = {.op = CMD_SESSION_ADD, .session_idx = ctl->idx, .session_id = ctl->id};
	struct session_seed *seed;

	c.len = sizeof(*seed);
	c.body = outbox_body(st->outbox, c.len);
	if (c.body == NULL)
		return -ENOBUFS;
	seed = (struct session_seed *)c.body->data;
	seed_write(seed, s, secrets);
	seed->keepalive_us = st->keepalive_us;
	seed->rtt_us = rtt.us;
	seed->rtt_max_us = rtt.max_us;
	outbox_push(st->outbox, ctl->worker, &c);
	s->is_known = true;

	ctl->state = CTL_OPEN;
	ctl->outbox = st->outbox;
	ctl->opened_us = now_us;
	ctl->tx_tag_len = secrets->tx.tag_len;
	ctl->rx_tag_len = secrets->rx.tag_len;
	ctl->tx_sseq = secrets->tx.has_sseq;
	ctl->rx_sseq = secrets->rx.has_sseq;
	memcpy(ctl->near_nonce, secrets->near_nonce, sizeof(ctl->near_nonce));
	memcpy(ctl->far_nonce, secrets->far_nonce, sizeof(ctl->far_nonce));
	return 0;
}

void seat_reserve(struct startup *st, struct seat *s)
{
	struct command c = {
		.op = CMD_SESSION_RESERVE, .session_idx = s->ctl.idx, .session_id = s->ctl.id};

	outbox_push(st->outbox, s->ctl.worker, &c);
	s->is_known = true;
}

// -- the end --

static void tell_closed(struct startup *st, struct seat *s, enum session_close_reason reason)
{
	unproven_remove(st, s);
	silence_ends(st, s);
	if (!s->was_opened)
		return;
	s->was_opened = false;
	opening_resume(st, s);
	if (st->events.closed != NULL)
		st->events.closed(st->events.ctx, &s->ctl, reason);
}

void seat_end(struct startup *st, struct seat *s, enum session_close_how how,
	      enum session_close_reason reason)
{
	struct command c = {
		.op = CMD_SESSION_CLOSE, .session_idx = s->ctl.idx, .session_id = s->ctl.id};

	assert(s->ctl.state == CTL_OPENING || s->ctl.state == CTL_OPEN);
	if (!s->is_known) {
		assert(!s->was_opened);
		directory_give(st->directory, s);
		return;
	}
	s->ctl.state = CTL_CLOSING;
	c.close.how = (uint8_t)how;
	outbox_push(st->outbox, s->ctl.worker, &c);
	tell_closed(st, s, reason);
}

// Has an opening to the peer that has just proved itself on another session become needless? Before
// its IIKeying is sent, yes (§3.5.1.1.2). After, if the far end's certificate prevails: it drops
// our keying as what glare left over, but not for ever, and would then override the session that
// both use. If ours prevails, the far end may have answered and overridden it already.
static bool is_needless(struct startup *st, const struct opening *o, const struct seat *s)
{
	if (o->asks_for != 0)
		return false;
	if (o->yields_to == s->ctl.id)
		return true;
	if (o->endpoint != s->ctl.endpoint || !opening_wants_print(o, s->ctl.fingerprint))
		return false;
	if (o->state == OPENING_SENT)
		return !certificate_near_prevails(near_end_at(st, o->endpoint)->certificate.whole,
						  span_of(o->far_cert, o->far_cert_len));
	return o->state == OPENING_HELLO;
}

// If our certificate prevails, an IIKeying of ours that comes after the session has begun there is
// taken for a new life, however old it is: one that we sent before we gave in, too. If it is on its
// way, or its answer, the session is overridden there, and we must come along. Any other end drops
// it (responder.c, glare_is_over), unless we keyed with a cookie that is younger than the session.
static void needless(struct opening *o, struct seat *s, uint64_t now_us)
{
	uint64_t end_us = now_us + opening_patience_us(o, GIVE_IN_US);

	if (o->state != OPENING_SENT || o->n_sent == 0 ||
	    (!s->near_prevails &&
	     (o->yields_to == s->ctl.id || o->first_sent_us <= s->ctl.opened_us))) {
		opening_fail(o, OPEN_DUPLICATE, &s->ctl);
		return;
	}
	if (end_us < o->last_sent_us + LATE_KEYING_US)
		end_us = o->last_sent_us + LATE_KEYING_US;
	o->yields_to = s->ctl.id;
	o->lingers = true;
	o->gives_in = false;
	if (o->end_us > end_us)
		o->end_us = end_us;
}

// Of two sessions that one end and the other opened, the one to keep. Those of one glare are as
// good as equally old: the certificates' order says it, as in glare itself. Else the far end has
// forgotten the older, or it would not have opened (or answered) the younger.
static struct seat *better_of(struct seat *a, struct seat *b)
{
	struct seat *younger = a->ctl.opened_us > b->ctl.opened_us ? a : b;
	struct seat *older = younger == a ? b : a;

	if (younger->ctl.opened_us - older->ctl.opened_us >= GLARE_PATIENCE_US)
		return younger;
	return a->ctl.is_initiator == a->near_prevails ? a : b;
}

// The far end has opened twice. From one address the younger overrides the older (§7.2 3b); from
// another the older may live, but who opens again has hardly kept it: it is asked.
static void begun_again(const struct seat *s, struct seat *older)
{
	if (!s->ctl.is_initiator && older->ctl.opened_us < s->ctl.opened_us)
		ctl_session_ping(&older->ctl, TWIN_LIMIT_US);
}

// Glare that could not be seen in time, since an address changed, leaves a session of each end.
// Which of them are open is not the same at both ends, nor how old they are: so one end decides,
// and says so. Else any of them may be gone at the far end, the one that has just proved itself,
// too: what proved it may have been on its way for long. They are asked.
static void keep_one(struct startup *st, struct seat *s)
{
	struct seat *other = NULL, *worse;

	while (s->ctl.state == CTL_OPEN &&
	       (other = directory_by_print(st->directory, s->ctl.endpoint, s->ctl.fingerprint,
					   other)) != NULL) {
		if (other == s || other->ctl.state != CTL_OPEN ||
		    memcmp(other->cert_hash, s->cert_hash, SHA256_LEN) != 0)
			continue;
		if (other->ctl.is_initiator == s->ctl.is_initiator)
			begun_again(s, other);
		else if (s->near_prevails && other->ctl.is_alive) {
			worse = better_of(s, other) == s ? other : s;
			st->counters.overrides++;
			seat_end(st, worse, CLOSE_ORDERLY, CLOSED_OVERRIDE);
		} else if (other->ctl.is_alive ||
			   other->ctl.is_initiator) { // else a claim, which ends
			ctl_session_ping(&other->ctl, TWIN_LIMIT_US);
			ctl_session_ping(&s->ctl, TWIN_LIMIT_US);
		}
	}
}

static void on_alive(struct startup *st, struct seat *s, uint64_t now_us)
{
	struct opening *o = NULL;

	if (s->ctl.state != CTL_OPEN)
		return;
	s->ctl.is_alive = true;
	s->answer_len = 0; // it has our RIKeying: nobody will ask for it again
	unproven_remove(st, s);
	while (s->ctl.state == CTL_OPEN && (o = opening_next(st, o)) != NULL)
		if (o->seat != s && is_needless(st, o, s))
			needless(o, s, now_us);
	keep_one(st, s);
}

static void on_moved(struct startup *st, struct seat *s, const struct msg_addr *to)
{
	if (s->ctl.state != CTL_OPEN)
		return;
	directory_unlist(st->directory, s);
	s->ctl.far = wire_addr_of(to, ADDR_OBSERVED);
	directory_list(st->directory, s);
	if (st->events.moved != NULL)
		st->events.moved(st->events.ctx, &s->ctl);
}

static void on_closing(struct startup *st, struct seat *s, enum session_close_reason reason,
		       uint64_t now_us)
{
	if (s->ctl.state != CTL_OPEN && s->ctl.state != CTL_CLOSING)
		return;
	s->ctl.state = CTL_CLOSING;
	tell_closed(st, s, reason);
	newcomer_enter(st, s, now_us);
}

static void on_closed(struct startup *st, struct seat *s, enum session_close_reason reason,
		      uint64_t now_us)
{
	struct opening *o = s->opening;

	s->is_known = false;
	if (s->ctl.state == CTL_OPENING) { // the worker could not even keep the reservation
		if (o != NULL) {
			st->counters.no_room++;
			opening_fail(o, OPEN_NO_ROOM, NULL); // gives the seat back, too
		}
		return;
	}
	s->ctl.state = CTL_CLOSING;
	tell_closed(st, s, reason);
	newcomer_enter(st, s, now_us);
	directory_give(st->directory, s);
}

void life_report(struct startup *st, uint32_t worker, const struct report *r, uint64_t now_us)
{
	struct seat *s = directory_find(st->directory, worker, r->session_idx, r->session_id);

	if (s == NULL)
		return;
	switch (r->op) {
	case REP_SESSION_ALIVE:
		on_alive(st, s, now_us);
		break;
	case REP_SESSION_MOVED:
		on_moved(st, s, &r->addr);
		break;
	case REP_SESSION_CLOSING:
		on_closing(st, s, (enum session_close_reason)r->closed.reason, now_us);
		break;
	case REP_SESSION_CLOSED:
		on_closed(st, s, (enum session_close_reason)r->closed.reason, now_us);
		break;
	case REP_FLOW_FREED:
		ctl_flow_freed(&s->ctl, r->flow);
		break;
	}
}
