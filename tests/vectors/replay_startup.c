// What travels under the default key (RFC 7016 §3.5.1). Cookies of the recording mean nothing to
// our engine: it answers hellos with its own, and a recorded IIKeying comes with that in the place
// of the one it echoes. All else of a packet stays as it was.
//
// What control would say in answer (redirects, keyings) it does not: that is control's to test.
#include "tests/vectors/replay.h"

#include "dataplane/wire/packet.h"

static void await_report(struct replay *r, enum report_op op, struct span payload)
{
	assert_true(payload.len <= sizeof(r->awaited_octets));
	memcpy(r->awaited_octets, payload.data, payload.len);
	r->awaited = op;
	r->awaited_payload = span_of(r->awaited_octets, payload.len);
}

// The next chunk of that type that we sent in the recording, from a frame on.
static const struct rec_chunk *sent_by_us(const struct replay *r, uint8_t type, uint32_t *frame)
{
	while (*frame < r->rec->n_frames) {
		const struct rec_frame *f = &r->rec->frames[(*frame)++];

		if (f->from == r->endpoint && f->n_chunks > 0 && f->chunks[0].type == type)
			return &f->chunks[0];
	}
	return NULL;
}

// ---- cookies ----

static void cookie_know(struct replay *r, struct span theirs, struct span ours)
{
	replay_check(r, r->n_cookies < REPLAY_COOKIES_MAX && ours.len == COOKIE_LEN,
		     "a cookie of %zu octets", ours.len);
	r->cookies[r->n_cookies].theirs = theirs;
	memcpy(r->cookies[r->n_cookies].ours, ours.data, COOKIE_LEN);
	r->n_cookies++;
}

// The newest: one that the recording gave out twice is ours of last time.
static struct span cookie_ours(const struct replay *r, struct span theirs)
{
	for (uint32_t i = r->n_cookies; i-- > 0;)
		if (span_equal(r->cookies[i].theirs, theirs))
			return span_of(r->cookies[i].ours, COOKIE_LEN);
	replay_fail(r, "an IIKeying echoes a cookie that was never given");
}

// ---- packets come ----

static void await_answer_to_hello(struct replay *r, struct span payload)
{
	const struct rec_chunk *c;
	struct ihello hello;
	struct rhello answer;
	uint32_t frame = r->frame->number;

	assert_int_equal(ihello_read(&hello, payload), 0);
	while ((c = sent_by_us(r, CHUNK_RHELLO, &frame)) != NULL) {
		assert_int_equal(rhello_read(&answer, c->payload), 0);
		if (!span_equal(answer.tag_echo, hello.tag))
			continue;
		r->awaited_answer = CHUNK_RHELLO;
		return;
	}
	await_report(r, REP_HELLO, payload); // it selects somebody else
}

// Is the cookie of another address? Then the recording answers with a Cookie Change.
static bool will_change_cookie(const struct replay *r, struct span cookie)
{
	uint32_t frame = r->frame->number;
	const struct rec_chunk *c;
	struct cookie_change change;

	while ((c = sent_by_us(r, CHUNK_COOKIE_CHANGE, &frame)) != NULL) {
		assert_int_equal(cookie_change_read(&change, c->payload), 0);
		if (span_equal(change.old_cookie, cookie))
			return true;
	}
	return false;
}

static struct span iikeying_arrives(struct replay *r, struct span payload,
				    uint8_t out[LOOP_DATAGRAM_MAX])
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct wr w = wr_over(buf, sizeof(buf));
	struct iikeying k;
	struct span chunk;

	assert_int_equal(iikeying_read(&k, payload), 0);
	if (will_change_cookie(r, k.cookie_echo))
		r->awaited_answer = CHUNK_COOKIE_CHANGE;
	k.cookie_echo = cookie_ours(r, k.cookie_echo);
	assert_int_equal(iikeying_write(&w, &k), 0);
	chunk = span_of(buf, w.len);
	if (r->awaited_answer == 0)
		await_report(r, REP_KEYING,
			     span_of(chunk.data + CHUNK_HEADER_LEN, chunk.len - CHUNK_HEADER_LEN));
	return span_of(out, startup_seal(r->loop, 0, chunk, out));
}

// To an id that we gave when we initiated.
static uint32_t reserved_id(struct replay *r, uint32_t recorded_id)
{
	for (uint32_t i = 0; i < r->rec->n_sessions; i++) {
		const struct replay_session *s = &r->sessions[i];

		if (s->state == REPLAY_RESERVED && s->rec->id[0] == recorded_id)
			return s->id;
	}
	replay_fail(r, "nobody waits for keying");
}

struct span startup_arrives(struct replay *r, const struct rec_frame *frame,
			    uint8_t out[LOOP_DATAGRAM_MAX])
{
	struct span payload = frame->chunks[0].payload;

	replay_check(r, frame->n_chunks == 1, "%u startup chunks in a packet", frame->n_chunks);
	memcpy(out, frame->datagram.data, frame->datagram.len);
	switch (frame->chunks[0].type) {
	case CHUNK_IHELLO:
		await_answer_to_hello(r, payload);
		break;
	case CHUNK_IIKEYING:
		return iikeying_arrives(r, payload, out);
	default: // control hears of the others
		if (frame->session_id != 0)
			ssid_scramble(out, frame->datagram.len, reserved_id(r, frame->session_id));
		await_report(r, REP_STARTUP, payload);
	}
	return span_of(out, frame->datagram.len);
}

// ---- packets go ----

// With our IIKeying our id travels.
void startup_sent(struct replay *r, const struct rec_frame *frame)
{
	struct iikeying k;

	if (frame->chunks[0].type != CHUNK_IIKEYING)
		return;
	assert_int_equal(iikeying_read(&k, frame->chunks[0].payload), 0);
	for (uint32_t i = 0; i < r->rec->n_sessions; i++) {
		struct replay_session *s = &r->sessions[i];

		if (s->rec == NULL || s->end != 0 || s->state != REPLAY_UNKNOWN ||
		    !span_equal(s->rec->skic, k.skic))
			continue;
		s->state = REPLAY_RESERVED;
		replay_command(r, s, (struct command){.op = CMD_SESSION_RESERVE});
	}
}

// Every cookie that the recording gave for this hello is the one that our engine gave.
static void rhello_said(struct replay *r, struct span payload)
{
	const struct rec_chunk *c;
	struct rhello ours, theirs;
	struct ihello hello;
	uint32_t frame = 0;

	assert_int_equal(ihello_read(&hello, r->frame->chunks[0].payload), 0);
	replay_check(r, rhello_read(&ours, payload) == 0 && span_equal(ours.tag_echo, hello.tag),
		     "an RHello with another tag");
	replay_check(r, span_equal(ours.cert, r->rec->endpoints[r->endpoint].certificate),
		     "an RHello with another certificate");
	while ((c = sent_by_us(r, CHUNK_RHELLO, &frame)) != NULL) {
		assert_int_equal(rhello_read(&theirs, c->payload), 0);
		if (span_equal(theirs.tag_echo, hello.tag))
			cookie_know(r, theirs.cookie, ours.cookie);
	}
}

static void cookie_change_said(struct replay *r, struct span payload)
{
	const struct rec_chunk *c;
	struct cookie_change ours, theirs;
	struct iikeying k;
	uint32_t frame = r->frame->number;

	assert_int_equal(iikeying_read(&k, r->frame->chunks[0].payload), 0);
	replay_check(r,
		     cookie_change_read(&ours, payload) == 0 &&
			     span_equal(ours.old_cookie, cookie_ours(r, k.cookie_echo)),
		     "a Cookie Change of another cookie");
	c = sent_by_us(r, CHUNK_COOKIE_CHANGE, &frame);
	assert_int_equal(cookie_change_read(&theirs, c->payload), 0);
	cookie_know(r, theirs.new_cookie, ours.new_cookie);
}

void startup_said(struct replay *r, const struct loop_datagram *d)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct packet_header h;
	struct span plain;
	struct chunk c = {0};
	struct rd rd;
	uint32_t id;

	replay_check(r, startup_unseal(r->loop, span_of(d->data, d->len), &id, buf, &plain) == 0,
		     "our engine sent what nobody can open");
	rd = rd_over_span(plain);
	replay_check(r,
		     packet_header_read(&rd, &h) == 0 && packet_mode(&h) == MODE_STARTUP &&
			     chunk_next(&rd, &c) && c.type == r->awaited_answer,
		     "our engine sent %s under the default key", chunk_name(c.type));
	replay_check(r, msg_addr_equal(&d->dst, &r->frame->src), "the answer goes somewhere else");
	r->awaited_answer = 0;
	if (c.type == CHUNK_RHELLO) {
		replay_check(r, id == 0, "an RHello to session %08x", id);
		rhello_said(r, c.payload);
	} else {
		struct iikeying k;

		assert_int_equal(iikeying_read(&k, r->frame->chunks[0].payload), 0);
		replay_check(r, id == k.initiator_session_id, "a Cookie Change to session %08x",
			     id);
		cookie_change_said(r, c.payload);
	}
}

// ---- control hears ----

static bool is_keyed_by(const struct replay_session *s, uint8_t chunk, struct span payload)
{
	struct iikeying ik;
	struct rikeying rk;

	if (s->rec == NULL || s->state >= REPLAY_OPEN)
		return false;
	if (chunk == CHUNK_IIKEYING)
		return s->end == 1 && iikeying_read(&ik, payload) == 0 &&
		       span_equal(ik.skic, s->rec->skic);
	return chunk == CHUNK_RIKEYING && s->end == 0 && rikeying_read(&rk, payload) == 0 &&
	       span_equal(rk.skrc, s->rec->skrc);
}

void startup_reported(struct replay *r, const struct report *rep, struct span payload)
{
	uint8_t chunk = r->frame->chunks[0].type;

	replay_check(r, rep->op == r->awaited, "control heard of it by report %u, not %u", rep->op,
		     r->awaited);
	replay_check(r, span_equal(payload, r->awaited_payload),
		     "the chunk reached control changed");
	r->awaited = REP_NONE;
	if (rep->op == REP_SESSION_FIHELLO)
		return;
	replay_check(r, rep->packet.chunk == chunk, "reported as %s",
		     chunk_name(rep->packet.chunk));
	replay_check(r, msg_addr_equal(&rep->packet.from, &r->frame->src),
		     "reported from another address");
	for (uint32_t i = 0; i < r->rec->n_sessions; i++)
		if (is_keyed_by(&r->sessions[i], chunk, payload))
			replay_open(r, &r->sessions[i]);
}

void startup_await_fihello(struct replay *r, struct span payload)
{
	await_report(r, REP_SESSION_FIHELLO, payload);
}

void startup_settled(struct replay *r)
{
	replay_check(r, r->awaited == REP_NONE, "control did not hear of the %s",
		     chunk_name(r->frame->chunks[0].type));
	replay_check(r, r->awaited_answer == 0, "our engine did not answer with %s",
		     chunk_name(r->awaited_answer));
}
