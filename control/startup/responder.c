// Answering IIKeyings whose cookie the worker has found good (RFC 7016 §3.5.1.2, 3.5.1.3).
//
// Cheap tests first: whether we have answered this very keying, who sits at that address, who wins
// glare, how often that host may ask. Then the keyer; and only if its verdict is good does anything
// that exists give way.
#include <assert.h>

#include "control/startup/internal.h"
#include "crypto/cookie.h"
#include "crypto/signature.h"

#define CHALLENGE_US      (2 * SECOND_US)  // one challenge at a time
#define NEWCOMER_US       (10 * SECOND_US) // a round trip never measured: 3 times the initial ERTO
#define SAME_IDENTITY_MAX 16               // sessions of one far peer at one endpoint

// An IIKeying that was read; spans into its body.
struct request {
	uint32_t worker;
	uint8_t endpoint;
	struct wire_addr from;
	struct iikeying k;
	struct certificate far;
	uint8_t cert_hash[SHA256_LEN];
	uint8_t keying_hash[SHA256_LEN];
};

static int request_read(struct request *q, uint32_t worker, const struct msg_addr *from,
			struct span payload)
{
	uint8_t both[SHA256_LEN + KEY_COMPONENT_FAR_MAX];

	q->worker = worker;
	q->endpoint = from->endpoint;
	q->from = wire_addr_of(from, ADDR_OBSERVED);
	if (iikeying_read(&q->k, payload) != 0 || q->k.initiator_session_id == 0 ||
	    q->k.skic.len > KEY_COMPONENT_FAR_MAX || q->k.cert.len > CERTIFICATE_LEN_MAX ||
	    certificate_read(&q->far, q->k.cert) != 0)
		return -EBADMSG;
	sha256(q->k.cert.data, q->k.cert.len, q->cert_hash);
	memcpy(both, q->cert_hash, SHA256_LEN);
	if (q->k.skic.len > 0)
		memcpy(both + SHA256_LEN, q->k.skic.data, q->k.skic.len);
	sha256(both, SHA256_LEN + q->k.skic.len, q->keying_hash);
	return 0;
}

static bool near_prevails(struct startup *st, const struct request *q)
{
	return certificate_near_prevails(near_end_at(st, q->endpoint)->certificate.whole,
					 q->far.whole);
}

void answer_send(struct startup *st, const struct seat *s, const struct wire_addr *to)
{
	packet_send(st, s->ctl.worker, s->ctl.endpoint, to, s->ctl.far_id,
		    span_of(s->answer, s->answer_len));
}

// §3.5.1.2.3: the same keying again gets the same answer, with no more work than finding it. Once
// the far end has spoken with its keys there is nothing left to say. A translator may have given it
// another port meanwhile: the answer goes where the keying came from, the session follows by itself
// when the far end speaks on it.
static bool was_answered(struct startup *st, const struct request *q)
{
	struct seat *s = NULL;

	while ((s = directory_by_print(st->directory, q->endpoint, q->far.fingerprint, s)) !=
	       NULL) {
		if (s->ctl.is_initiator || s->ctl.far_id != q->k.initiator_session_id ||
		    memcmp(s->keying_hash, q->keying_hash, SHA256_LEN) != 0)
			continue;
		st->counters.keyings_replayed++;
		if (s->ctl.state == CTL_OPEN && s->answer_len > 0)
			answer_send(st, s, &q->from);
		return true;
	}
	return false;
}

// The session there may be dead, its address in new hands; or alive, and the newcomer an impostor.
// It is asked at once: silent, the worker closes it, and the newcomer, whose IIKeying is kept
// meanwhile, takes the place. So nobody is locked out (§7.2, pitfall) and nobody thrown out.
void seat_challenge(struct startup *st, struct seat *s, uint32_t limit_us, uint64_t now_us)
{
	if (now_us < s->challenge_end_us)
		return;
	s->challenge_end_us = now_us + (limit_us > CHALLENGE_US ? limit_us : CHALLENGE_US);
	st->counters.challenges++;
	ctl_session_ping(&s->ctl, limit_us);
}

// A host that was started anew comes to all our endpoints from one socket: what its former life
// left at the others is asked in the same breath.
static void challenge(struct startup *st, struct seat *occupant, uint64_t now_us)
{
	seat_challenge(st, occupant, 0, now_us);
	for (uint8_t e = 0; e < st->n_ends; e++) {
		struct seat *s = NULL;

		while ((s = directory_by_addr(st->directory, e, &occupant->ctl.far, s)) != NULL)
			if (s != occupant && s->ctl.state == CTL_OPEN &&
			    memcmp(s->cert_hash, occupant->cert_hash, SHA256_LEN) == 0)
				seat_challenge(st, s, 0, now_us);
	}
}

// The far end's own keying of a glare that it has lost since: sent before our IIKeying reached it,
// and overtaken by its answer. It looks like the beginning of a new life, but would end the session
// that both have just opened. Who really was restarted sends it again, with a cookie of ours that
// is younger than the session; one that is older tells a keying from before, however long it was on
// its way.
static bool is_left_over_from_glare(const struct seat *s, const struct request *q, uint64_t now_us)
{
	return s->ctl.is_initiator &&
	       (now_us < s->ctl.opened_us + GLARE_PATIENCE_US ||
		cookie_is_from_before(q->k.cookie_echo, s->ctl.opened_us)) &&
	       s->near_prevails;
}

// From whatever address it came.
static bool glare_is_over(struct startup *st, const struct request *q, uint64_t now_us)
{
	struct seat *s = NULL;

	while ((s = directory_by_print(st->directory, q->endpoint, q->far.fingerprint, s)) !=
	       NULL) {
		if (s->ctl.state != CTL_OPEN ||
		    memcmp(s->cert_hash, q->cert_hash, SHA256_LEN) != 0 ||
		    !is_left_over_from_glare(s, q, now_us))
			continue;
		st->counters.glare_won++;
		return true;
	}
	return false;
}

// An address holds one session (§7.2 3b). Who is in the newcomer's way there; NULL: nobody, or only
// its own stale session.
static struct seat *address_occupant(struct startup *st, const struct request *q, uint64_t now_us)
{
	struct seat *s = NULL;

	while ((s = directory_by_addr(st->directory, q->endpoint, &q->from, s)) != NULL) {
		if (s->ctl.state == CTL_OPEN &&
		    memcmp(s->cert_hash, q->cert_hash, SHA256_LEN) != 0) {
			challenge(st, s, now_us);
			return s;
		}
		if (s->ctl.state == CTL_OPENING && !s->ctl.is_initiator) {
			st->counters.keyings_dropped++; // the keyer works on another one from there
			return s;
		}
	}
	return NULL;
}

// What glare says to an opening and an IIKeying of the very peer it wants, from its destination.
enum glare { GLARE_DROP, GLARE_YIELD, GLARE_GIVE_IN, GLARE_BOTH };

// Some old peers let another rule decide than the certificates' order (groups.md 5). When we
// prevailed and still hear nothing but their own keying, we give in, or both would wait for ever.
static bool patience_is_over(const struct opening *o, uint64_t now_us)
{
	uint64_t since_us = o->state == OPENING_SENT ? o->first_sent_us : o->glare_since_us;

	return o->glare_since_us != 0 &&
	       now_us >= since_us + opening_patience_us(o, GLARE_PATIENCE_US);
}

static enum glare glare_judge(struct startup *st, struct opening *o, const struct request *q,
			      uint64_t now_us)
{
	bool prevails = near_prevails(st, q);

	if (o->state == OPENING_CHECK || o->yields_to != 0) // answered already, or being answered
		return GLARE_DROP;
	// Where we ask there may be nobody, while the peer has found its way to us.
	// And who comes from elsewhere may be anybody: it stops an opening once.
	if (!opening_has_destination(o, &q->from) && (o->state == OPENING_HELLO || o->was_stopped))
		return GLARE_BOTH;
	if (prevails && !patience_is_over(o, now_us))
		return GLARE_DROP;
	// In S_IHELLO_SENT there is no far certificate yet, so nothing is overridden: the opening
	// will end as a duplicate, once the new session has proved to be who it claims.
	if (o->state == OPENING_HELLO ||
	    !certificate_overrides(q->far.whole, span_of(o->far_cert, o->far_cert_len)))
		return GLARE_BOTH;
	return prevails ? GLARE_GIVE_IN : GLARE_YIELD;
}

// Sessions of one identity, of which only the far end's owner can have proven ones. False: too many
// of them.
static bool identity_has_room(struct startup *st, const struct request *q)
{
	struct seat *s = NULL, *oldest_claim = NULL;
	unsigned n = 0;

	while ((s = directory_by_print(st->directory, q->endpoint, q->far.fingerprint, s)) !=
	       NULL) {
		n += s->ctl.state != CTL_CLOSING;
		if (s->ctl.state == CTL_OPEN &&
		    s->is_unproven) // newest first, so the last is oldest
			oldest_claim = s;
	}
	if (n < SAME_IDENTITY_MAX)
		return true;
	if (oldest_claim == NULL)
		return false;
	st->counters.unproven++;
	seat_end(st, oldest_claim, CLOSE_ABRUPT, CLOSED_TIMEOUT);
	return true;
}

static struct seat *seat_for(struct startup *st, const struct request *q)
{
	struct seat *s = seat_take(st, q->worker);

	if (s == NULL)
		return NULL;
	s->ctl.endpoint = q->endpoint;
	s->ctl.far = q->from;
	s->ctl.far_id = q->k.initiator_session_id;
	memcpy(s->ctl.fingerprint, q->far.fingerprint, FINGERPRINT_LEN);
	memcpy(s->cert_hash, q->cert_hash, SHA256_LEN);
	s->near_prevails = near_prevails(st, q);
	memcpy(s->keying_hash, q->keying_hash, SHA256_LEN);
	directory_list(st->directory, s);
	return s;
}

// The session it becomes, or NULL: dropped, with the reason counted.
static struct seat *keying_submit(struct startup *st, const struct request *q, uint64_t now_us)
{
	struct seat *s;
	struct key_job *job;

	if (!token_table_take(st->keyings, &q->from, now_us) || !identity_has_room(st, q) ||
	    outbox_is_crowded(st->outbox, q->worker)) {
		st->counters.keyings_dropped++;
		return NULL;
	}
	if (directory_n_of_host(st->directory, &q->from) >= st->sessions_per_ip) {
		st->counters.hosts_full++;
		return NULL;
	}
	s = seat_for(st, q);
	if (s == NULL) {
		st->counters.no_room++;
		return NULL;
	}
	job = job_take(st, KEY_RESPOND, s, now_us);
	if (job == NULL || key_job_far_set(job, q->k.cert, q->k.skic) != 0 ||
	    !job_submit(st, job)) {
		st->counters.keyings_dropped++;
		directory_give(st->directory, s);
		return NULL;
	}
	return s;
}

void responder_keying(struct startup *st, uint32_t worker, const struct msg_addr *from,
		      struct span payload, uint64_t now_us)
{
	enum glare glare = GLARE_BOTH;
	struct request q;
	struct opening *o;
	struct seat *s, *occupant;

	if (request_read(&q, worker, from, payload) != 0 ||
	    !near_end_at(st, q.endpoint)->opts.answers_hello) {
		st->counters.keyings_rejected++;
		return;
	}
	if (was_answered(st, &q))
		return;
	occupant = address_occupant(st, &q, now_us);
	if (occupant != NULL) {
		if (occupant->ctl.state == CTL_OPEN && now_us < occupant->challenge_end_us)
			newcomer_keep(st, occupant, worker, from, payload, now_us + NEWCOMER_US);
		return;
	}
	if (glare_is_over(st, &q, now_us))
		return;
	o = opening_by_peer(st, q.endpoint, &q.from, &q.far);
	if (o != NULL)
		glare = glare_judge(st, o, &q, now_us);
	if (glare == GLARE_DROP) {
		st->counters.glare_won++;
		if (o->glare_since_us == 0)
			o->glare_since_us = now_us;
		return;
	}
	s = keying_submit(st, &q, now_us);
	if (s == NULL || o == NULL)
		return;
	st->counters.glare_lost++;
	if (glare == GLARE_BOTH)
		return;
	o->yields_to = s->ctl.id; // no more IIKeyings
	o->was_stopped |= !opening_has_destination(o, &q.from);
	o->gives_in = glare == GLARE_GIVE_IN || o->was_stopped;
	if (o->gives_in)
		o->next_us = now_us + opening_patience_us(o, GIVE_IN_US);
}

// -- the keyer's verdict --

static void give_up(struct startup *st, struct seat *s)
{
	opening_resume(st, s);
	directory_give(st->directory, s);
}

// §7.2 3b: what is open there under the same certificate is stale. False: somebody else moved in
// while the keyer worked.
static bool address_clear(struct startup *st, struct seat *newcomer)
{
	struct seat *s = NULL;

	while ((s = directory_by_addr(st->directory, newcomer->ctl.endpoint, &newcomer->ctl.far,
				      s)) != NULL) {
		if (s == newcomer || s->ctl.state != CTL_OPEN)
			continue;
		if (memcmp(s->cert_hash, newcomer->cert_hash, SHA256_LEN) != 0)
			return false;
		st->counters.overrides++;
		seat_end(st, s, CLOSE_SILENT, CLOSED_OVERRIDE);
	}
	return true;
}

static void answer_write(struct seat *s, const struct keying *keying)
{
	struct wr w = wr_over(s->answer, sizeof(s->answer));
	struct rikeying k = {
		.responder_session_id = s->ctl.id,
		.skrc = span_of(keying->component, keying->component_len),
		.signature = span_of(SIGNATURE_NONE, SIGNATURE_NONE_LEN),
	};
	int err = rikeying_write(&w, &k);

	assert(err == 0);
	s->answer_len = (uint16_t)w.len;
}

static void opened(struct startup *st, struct seat *s)
{
	struct opening *o;

	st->counters.opened_in++;
	s->was_opened = true;
	if (st->events.opened != NULL)
		st->events.opened(st->events.ctx, &s->ctl, NULL);
	o = opening_by_yield(st, s);
	if (o != NULL && !o->gives_in) // else when it proves itself
		opening_fail(o, OPEN_DUPLICATE, &s->ctl);
}

void responder_job_done(struct startup *st, struct seat *s, struct key_job *job, uint64_t now_us)
{
	if (job->result != 0) {
		if (!refusal_count(st, job))
			st->counters.keyings_rejected++;
		give_up(st, s);
		return;
	}
	if (!address_clear(st, s)) {
		st->counters.keyings_dropped++;
		give_up(st, s);
		return;
	}
	s->ctl.dh_group = job->keying.pair.group;
	// The worker has the keys before the answer leaves, so nothing the far end sends comes too
	// early.
	if (seat_open(st, s, &job->secrets, (struct known_rtt){0}, now_us) != 0) {
		st->counters.no_room++;
		give_up(st, s);
		return;
	}
	answer_write(s, &job->keying);
	answer_send(st, s, &s->ctl.far);
	unproven_add(st, s);
	opened(st, s);
}
