#include "tests/vectors/replay.h"

#include <inttypes.h>

#include "tests/support/hex.h"

void replay_fail(const struct replay *r, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	fail_msg("%s, as %s, frame %u, at %.6f s: %s", r->rec->name,
		 r->rec->endpoints[r->endpoint].name, r->frame != NULL ? r->frame->number : 0,
		 (double)replay_now_us(r) / 1e6, what);
	abort();
}

static const char *drop_name(int why)
{
	static const char *const names[] = {
#define X(id, name, help) [DROP_##id] = name,
		DROP_REASONS(X)
#undef X
	};

	return names[why];
}

// ---- commands ----

void replay_command(struct replay *r, struct replay_session *s, struct command cmd)
{
	cmd.session_idx = s->slot;
	cmd.session_id = s->id;
	loop_command(r->loop, 0, &cmd);
	engine_commands(replay_engine(r), r->loop->now_us);
}

static void expect_of_open_frame(struct replay *r, struct replay_session *s,
				 const struct rec_frame *frame)
{
	for (uint32_t i = 0; i < frame->n_chunks; i++) {
		const struct rec_chunk *c = &frame->chunks[i];

		r->n_unknown_chunks += c->type == REC_CHUNK_ECN;
		s->close_acks_due += c->type == CHUNK_CLOSE;
		if (c->type == CHUNK_FIHELLO)
			startup_await_fihello(r, c->payload);
		if (c->type == CHUNK_PING) {
			s->is_reply_due = true;
			s->reply_due = c->payload;
		}
	}
	rx_frame(r, s, frame);
}

void replay_open(struct replay *r, struct replay_session *s)
{
	s->state = REPLAY_OPEN;
	for (uint32_t i = 0; i < s->n_early; i++)
		expect_of_open_frame(r, s, s->early[i]);
	loop_add(r->loop, 0, s->slot, s->id, &s->rec->seed[s->end]);
}

static void endpoint_add(struct replay *r)
{
	const struct rec_endpoint *e = &r->rec->endpoints[r->endpoint];
	struct endpoint_seed seed = {
		.answers_hello = true,
		.cert_len = (uint16_t)e->certificate.len,
	};
	struct command cmd = {.op = CMD_ENDPOINT, .len = sizeof(seed)};

	// The one that is longer initiates and never answers.
	if (!e->has_certificate || e->certificate.len > sizeof(seed.cert))
		return;
	memcpy(seed.cert, e->certificate.data, e->certificate.len);
	memcpy(seed.fingerprint, e->fingerprint.data, sizeof(seed.fingerprint));
	cmd.body = loop_body(r->loop, 0, &seed, sizeof(seed));
	loop_command(r->loop, 0, &cmd);
	loop_turn(r->loop);
}

// ---- our engine says ----

// Sessions of one far id differ by address, but a move is asked about at the new one.
static struct replay_session *session_toward(struct replay *r, const struct loop_datagram *d,
					     uint8_t buf[LOOP_DATAGRAM_MAX], struct span *plain)
{
	for (uint32_t i = 0; i < r->rec->n_sessions; i++) {
		struct replay_session *s = &r->sessions[i];

		if (s->rec == NULL || s->state < REPLAY_OPEN)
			continue;
		if (!r->row->moves && !msg_addr_equal(&s->rec->address[!s->end], &d->dst))
			continue;
		if (seed_open(r->loop->crypto, &s->rec->seed[!s->end], span_of(d->data, d->len),
			      buf, plain) == 0)
			return s;
	}
	return NULL;
}

// Is there more in the packet than acknowledgements?
static bool holds_only_acks(struct rd r)
{
	struct chunk c;

	while (chunk_next(&r, &c))
		if (c.type != CHUNK_ACK_RANGES && c.type != CHUNK_FLOW_EXCEPTION)
			return false;
	return true;
}

static void on_ping(struct replay *r, const struct loop_datagram *d, struct span message)
{
	// The proof in it is our engine's own, so the recorded reply cannot hold it
	// (mobility_test.c).
	replay_check(r, r->row->moves && message.len > 0 && message.data[0] == 'M',
		     "our engine pings");
	replay_check(r, msg_addr_equal(&d->dst, &r->frame->src), "the wrong address is asked");
}

static void on_chunk(struct replay *r, struct replay_session *s, const struct loop_datagram *d,
		     const struct chunk *c)
{
	switch (c->type) {
	case CHUNK_CLOSE:
		replay_check(r, s->closes_due-- > 0, "our engine closes");
		break;
	case CHUNK_CLOSE_ACK:
		replay_check(r, s->close_acks_due-- > 0, "a Close Ack nobody asked for");
		break;
	case CHUNK_PING_REPLY:
		replay_check(r, s->is_reply_due && span_equal(s->reply_due, c->payload),
			     "a Ping Reply nobody asked for");
		s->is_reply_due = false;
		break;
	case CHUNK_PING:
		on_ping(r, d, c->payload);
		break;
	default:
		replay_fail(r, "our engine sent %s", chunk_name(c->type));
	}
}

static void session_said(struct replay *r, struct replay_session *s, const struct loop_datagram *d,
			 struct span plain)
{
	struct rd rd = rd_over_span(plain);
	struct flow_exception x = {0};
	struct user_data data = {0};
	struct packet_header h;
	struct chunk c;
	bool is_alone, is_excepted = false;
	struct ack a;

	replay_check(r,
		     packet_header_read(&rd, &h) == 0 &&
			     packet_mode(&h) == (s->end == 0 ? MODE_INITIATOR : MODE_RESPONDER),
		     "our engine sent a packet of mode %u", packet_mode(&h));
	is_alone = holds_only_acks(rd);
	while (chunk_next(&rd, &c)) {
		const uint8_t *whole = c.payload.data - CHUNK_HEADER_LEN;

		switch (c.type) {
		case CHUNK_FLOW_EXCEPTION:
			is_excepted = flow_exception_read(&x, c.payload) == 0;
			continue;
		case CHUNK_ACK_RANGES:
			replay_check(r, ack_read(&a, c.type, c.payload) == 0, "a broken ack");
			rx_acked(r, s, &a, is_excepted && x.flow_id == a.flow_id, is_alone,
				 d->at_us);
			break;
		case CHUNK_USER_DATA:
			replay_check(r, user_data_read(&data, c.payload) == 0, "broken data");
			tx_said(r, s, &data, span_of(whole, c.payload.len + CHUNK_HEADER_LEN));
			break;
		default:
			on_chunk(r, s, d, &c);
		}
		is_excepted = false;
	}
}

static void look_at_packets(struct replay *r)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct replay_session *s;
	struct loop_datagram d;
	struct span plain;

	while (loop_stray(r->loop, &d)) {
		s = session_toward(r, &d, buf, &plain);
		if (s != NULL)
			session_said(r, s, &d, plain);
		else
			startup_said(r, &d);
	}
}

// ---- our engine reports ----

static struct replay_session *session_of(struct replay *r, const struct report *rep)
{
	for (uint32_t i = 0; i < r->rec->n_sessions; i++)
		if (r->sessions[i].rec != NULL && r->sessions[i].id == rep->session_id)
			return &r->sessions[i];
	replay_fail(r, "report %u of session %08x", rep->op, rep->session_id);
}

// The application's answer to a new flow.
static void answer_flow(struct replay *r, struct replay_session *s, const struct report *rep)
{
	struct rx_flow *f = rx_find(s, rep->opened.flow_id);
	const struct rec_session *rec = s->rec;
	char metadata[2 * FLOW_META_MAX + 1] = "", nonce[65];
	uint8_t refused[FLOW_META_MAX];

	if (r->row->refuses != NULL &&
	    span_equal(f->first->metadata, HEX(refused, r->row->refuses))) {
		rx_reject(r, s, f, 0);
		return;
	}
	for (size_t i = 0; i < f->first->metadata.len; i++)
		snprintf(metadata + 2 * i, 3, "%02x", f->first->metadata.data[i]);
	for (size_t i = 0; i < rec->nonce[s->end].len; i++)
		snprintf(nonce + 2 * i, 3, "%02x", rec->nonce[s->end].data[i]);
	event_seen(r, "open metadata=%s near_nonce=%s", metadata, nonce);
	rx_take(r, s, f, r->row->hold_bytes > 0 ? FLOW_HELD : FLOW_CONTROL, r->row->hold_bytes);
}

static void left_open(struct replay *r, struct replay_session *s)
{
	events_of_end(r, s);
	tx_ended(r, s);
	memset(&s->rx, 0, sizeof(s->rx));
	s->state = REPLAY_CLOSING;
}

static void session_report(struct replay *r, const struct report *rep)
{
	struct replay_session *s = session_of(r, rep);

	switch (rep->op) {
	case REP_SESSION_ALIVE:
		break;
	case REP_FLOW_OPENED:
		rx_opened(r, s, rep);
		answer_flow(r, s, rep);
		break;
	case REP_MESSAGE:
		rx_message(r, s, rep);
		break;
	case REP_FLOW_FINISHED:
		rx_finished(r, s, rep);
		break;
	case REP_FLOW_EXCEPTION:
		tx_excepted(r, s, rep);
		break;
	case REP_FLOW_FREED:
		tx_freed(r, s, rep);
		break;
	case REP_SESSION_CLOSING:
		left_open(r, s);
		break;
	case REP_SESSION_CLOSED:
		if (s->state == REPLAY_OPEN)
			left_open(r, s);
		s->state = REPLAY_CLOSED;
		break;
	default:
		replay_fail(r, "report %u", rep->op);
	}
}

static bool take_reports(struct replay *r)
{
	struct loop_node *n = replay_node(r);
	bool has_any = false;

	for (; n->n_inbox > 0; has_any = true) {
		struct report rep = n->inbox[0];
		struct span body = span_of(rep.body != NULL ? rep.body->data : NULL, rep.len);

		memmove(&n->inbox[0], &n->inbox[1], --n->n_inbox * sizeof(rep));
		if (rep.op == REP_HELLO || rep.op == REP_KEYING || rep.op == REP_STARTUP ||
		    rep.op == REP_SESSION_FIHELLO)
			startup_reported(r, &rep, body);
		else
			session_report(r, &rep);
		loop_put(r->loop, 0, rep.body);
	}
	return has_any;
}

// ---- moments ----

static void session_settled(struct replay *r, struct replay_session *s)
{
	replay_check(r, s->closes_due == 0, "our engine does not close");
	replay_check(r, s->close_acks_due == 0, "no Close Ack");
	replay_check(r, !s->is_reply_due, "no Ping Reply");
	if (s->state == REPLAY_OPEN)
		rx_settled(r, s);
}

// Our engine says all that it has to say now, and control answers.
static void settle(struct replay *r)
{
	do {
		loop_turn(r->loop); // it sends,
		loop_turn(r->loop); // and that arrives
		look_at_packets(r);
	} while (take_reports(r));
	for (uint32_t i = 0; i < r->rec->n_sessions; i++)
		session_settled(r, &r->sessions[i]);
	startup_settled(r);
}

// The recording and our engine have done the same: what is in flight must be the same, too.
static void settle_frame(struct replay *r)
{
	settle(r);
	for (uint32_t i = 0; i < r->rec->n_sessions; i++)
		if (r->sessions[i].state == REPLAY_OPEN)
			tx_settled(r, &r->sessions[i]);
}

static void wait_until(struct replay *r, uint64_t at_us)
{
	uint64_t until_us = REPLAY_START_US + at_us;

	if (until_us > r->loop->now_us)
		loop_run_us(r->loop, until_us - r->loop->now_us);
	settle(r);
	for (uint32_t i = 0; i < r->rec->n_sessions; i++)
		if (r->sessions[i].state == REPLAY_OPEN)
			rx_waited(r, &r->sessions[i]);
}

static enum drop_reason give(struct replay *r, const struct rec_frame *frame, struct span datagram)
{
	uint8_t copy[LOOP_DATAGRAM_MAX];
	struct pkt pkt = {.data = copy, .len = (uint16_t)datagram.len, .room = sizeof(copy)};

	memcpy(copy, datagram.data, datagram.len);
	memcpy(pkt.addr, frame->src.ip, sizeof(pkt.addr));
	pkt.port = frame->src.port;
	pkt.family = frame->src.family;
	engine_rx(replay_engine(r), &pkt, 1, r->loop->now_us);
	return pkt.drop;
}

// The session id lies outside the encryption (§2.2.2): ours takes the place of the recorded one.
static void session_frame_arrives(struct replay *r, const struct rec_frame *frame)
{
	struct replay_session *s = &r->sessions[frame->session];
	bool was_open = s->state == REPLAY_OPEN, was_closed = s->state == REPLAY_CLOSED;
	uint8_t datagram[LOOP_DATAGRAM_MAX];
	uint64_t n_early = engine_stats(replay_engine(r))->early_kept;
	enum drop_reason drop;

	replay_check(r, s->state != REPLAY_UNKNOWN, "a packet of a session that nobody opens");
	memcpy(datagram, frame->datagram.data, frame->datagram.len);
	ssid_scramble(datagram, frame->datagram.len, s->id);
	drop = give(r, frame, span_of(datagram, frame->datagram.len));
	replay_check(r, drop == (was_closed ? DROP_NO_SESSION : DROP_NONE), "dropped: %s",
		     drop_name(drop));
	r->n_strays += was_closed;
	if (was_open) {
		expect_of_open_frame(r, s, frame);
		tx_frame(r, s, frame);
	} else if (s->state == REPLAY_RESERVED) {
		replay_check(r, s->n_early < EARLY_FRAMES_MAX, "too many early packets");
		replay_check(r, engine_stats(replay_engine(r))->early_kept == n_early + 1,
			     "an early packet was not kept");
		s->early[s->n_early++] = frame;
	}
}

static void frame_arrives(struct replay *r, const struct rec_frame *frame)
{
	uint8_t out[LOOP_DATAGRAM_MAX];
	enum drop_reason drop;

	r->frame = frame;
	if (frame->session != REC_NONE) {
		session_frame_arrives(r, frame);
	} else {
		drop = give(r, frame, startup_arrives(r, frame, out));
		replay_check(r, drop == DROP_NONE, "dropped: %s", drop_name(drop));
	}
	settle_frame(r);
}

static void close_session(struct replay *r, struct replay_session *s, enum session_close_how how)
{
	struct command cmd = {.op = CMD_SESSION_CLOSE};

	s->closes_due += how == CLOSE_ORDERLY;
	s->close_acks_due += how == CLOSE_ABRUPT;
	cmd.close.how = (uint8_t)how;
	replay_command(r, s, cmd);
}

// What the application behind the recorded packet had decided. Pings and probes of the recording
// are its sender's timers; ours have their own tests.
static void session_chunk_sent(struct replay *r, struct replay_session *s,
			       const struct rec_chunk *c)
{
	struct rx_flow *f;

	switch (c->type) {
	case CHUNK_FLOW_EXCEPTION:
		f = rx_find(s, c->flow_id);
		if (!f->is_rejected)
			rx_reject(r, s, f, c->exception);
		break;
	case CHUNK_CLOSE:
		close_session(r, s, CLOSE_ORDERLY);
		break;
	case CHUNK_CLOSE_ACK:
		close_session(r, s, CLOSE_ABRUPT);
		break;
	}
}

static void frame_leaves(struct replay *r, const struct rec_frame *frame)
{
	struct replay_session *s;

	r->frame = frame;
	if (frame->session == REC_NONE) {
		startup_sent(r, frame);
	} else {
		s = &r->sessions[frame->session];
		if (s->state == REPLAY_OPEN)
			tx_sent(r, s, frame);
		for (uint32_t i = 0; i < frame->n_chunks && s->state == REPLAY_OPEN; i++)
			session_chunk_sent(r, s, &frame->chunks[i]);
	}
	settle_frame(r);
}

static void delivery_resumes(struct replay *r)
{
	for (uint32_t i = 0; i < r->rec->n_sessions; i++) {
		struct replay_session *s = &r->sessions[i];

		for (uint32_t k = 0; k < s->rx.n; k++)
			if (s->rx.flows[k].is_held)
				rx_take(r, s, &s->rx.flows[k], FLOW_CONTROL, r->row->hold_bytes);
	}
	settle(r);
}

// ---- a recording as seen from one endpoint ----

static struct replay *replay_create(const struct replay_row *row, const struct recording *rec,
				    uint32_t endpoint)
{
	struct replay *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->row = row;
	r->rec = rec;
	r->endpoint = endpoint;
	r->loop = loop_create(
		&(struct loop_opts){.seed = 1, .n_nodes = 1, .start_us = REPLAY_START_US});
	r->loop->nodes[0].addr = loop_addr(LOOP_NODES_MAX + 2, 1); // nobody sends to it
	for (uint32_t i = 0; i < rec->n_sessions; i++) {
		const struct rec_session *rs = &rec->sessions[i];
		struct replay_session *s = &r->sessions[i];

		if (rs->endpoint[0] != endpoint && rs->endpoint[1] != endpoint)
			continue;
		s->rec = rs;
		s->end = rs->endpoint[1] == endpoint;
		s->slot = 5 + i; // any
		s->id = session_id_make(0, s->slot, 0x155 + i);
	}
	endpoint_add(r);
	return r;
}

// Nothing was dropped but what the recording has for it: its extension, and last words.
static void check_drops(const struct replay *r)
{
	const struct worker_stats *stats = engine_stats(replay_engine(r));

	for (int i = 0; i < DROP_REASONS_N; i++) {
		uint64_t want = i == DROP_UNKNOWN_CHUNK ? r->n_unknown_chunks
				: i == DROP_NO_SESSION  ? r->n_strays
							: 0;

		replay_check(r, stats->drops[i] == want, "%" PRIu64 " drops %s, not %" PRIu64,
			     stats->drops[i], drop_name(i), want);
	}
}

// Recorded echoes of recorded timestamps, at our clock: the path's round trip.
static void check_rtt(const struct replay *r, const struct replay_session *s)
{
	const struct session *ours = session_at(replay_engine(r), s->slot);
	uint32_t rtt_us = 2 * r->row->delay_us;

	replay_check(r, ours->heard & HEARD_RTT, "no round trip was measured");
	replay_check(r,
		     ours->srtt_us + TIMESTAMP_TICK_MS * 1000 >= rtt_us &&
			     ours->srtt_us <= rtt_us + TIMESTAMP_TICK_MS * 1000,
		     "a round trip of %u us instead of %u us", ours->srtt_us, rtt_us);
}

static void replay_end(struct replay *r)
{
	for (uint32_t i = 0; i < r->rec->n_sessions; i++) {
		const struct replay_session *s = &r->sessions[i];

		if (s->rec == NULL)
			continue;
		replay_check(r, s->state >= REPLAY_CLOSING, "session %u is not closed", i + 1);
		check_rtt(r, s);
	}
	check_drops(r);
	events_compare(r);
	loop_destroy(r->loop);
	free(r);
}

uint32_t replay_run(const struct replay_row *row, const struct recording *rec, uint32_t endpoint)
{
	struct replay *r = replay_create(row, rec, endpoint);
	struct replay_step *steps = calloc(rec->n_frames + 1, sizeof(*steps));
	uint32_t n = plan_steps(r, steps), n_arrived = 0;

	for (uint32_t i = 0; i < n; i++) {
		wait_until(r, steps[i].at_us);
		if (steps[i].kind == STEP_LEAVES)
			frame_leaves(r, steps[i].frame);
		else if (steps[i].kind == STEP_RESUMES)
			delivery_resumes(r);
		else
			frame_arrives(r, steps[i].frame);
		n_arrived += steps[i].kind == STEP_ARRIVES || steps[i].kind == STEP_ARRIVES_AFTER;
	}
	wait_until(r, steps[n - 1].at_us + 1000000);
	free(steps);
	replay_end(r);
	return n_arrived;
}
