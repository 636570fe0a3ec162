// What a sending end must know, in the words of RFC 7016 §3.6.2 alone: what is in flight, what was
// acknowledged, what counts as lost (§3.6.2.5).
//
// The engine's send flows have this test for a source, as a stream's window would be: when the
// recording's sender sent a number, ours is in flight from that moment under the same header. What
// becomes of it is up to the recorded acks, our negative acks and our alarms; it must be lost here
// when it was sent again there.
#include "tests/vectors/replay.h"

#include <inttypes.h>

static struct tx_flow *find(struct replay_session *s, uint64_t flow_id)
{
	for (uint32_t i = 0; i < s->tx.n; i++)
		if (s->tx.flows[i].id == flow_id)
			return &s->tx.flows[i];
	return NULL;
}

static struct tx_number *number(struct replay *r, struct tx_flow *f, uint64_t seq)
{
	replay_check(r, seq < MODEL_NUMBERS, "the model has no room for number %" PRIu64, seq);
	return &f->numbers[seq];
}

// ---- the engine against the model ----

static enum tx_fate fate_of(const struct flow_tx *f, uint64_t seq)
{
	const struct sent *x;

	if (seq >= f->sn_next)
		return TX_NEVER;
	if (seq < f->sn_base)
		return TX_DONE;
	x = sent_at(f, seq);
	if (x->flags & SENT_IN_FLIGHT)
		return TX_FLYING;
	return x->flags & SENT_LOST ? TX_LOST : TX_DONE;
}

static bool is_over(const struct tx_flow *f)
{
	for (uint64_t n = 1; n <= f->last; n++)
		if (f->numbers[n].fate != TX_DONE)
			return false;
	return f->is_closed;
}

static void compare_flow(struct replay *r, struct replay_session *s, const struct tx_flow *f)
{
	static const char *const words[] = {"unsent", "in flight", "lost", "settled"};
	struct engine *e = replay_engine(r);
	const struct flow_tx *ours;

	if (flow_tx_find(e->flows, s->slot, f->id) == FLOW_IDX_NONE) {
		replay_check(r, is_over(f), "send flow %" PRIu64 " is gone too early", f->id);
		return;
	}
	ours = flow_tx_at(e->flows, f->idx);
	replay_check(r, !is_over(f), "send flow %" PRIu64 " should be complete", f->id);
	replay_check(r, ours->sn_next == f->last + 1, "send flow %" PRIu64 " went on to %" PRIu64,
		     f->id, ours->sn_next);
	for (uint64_t n = 1; n <= f->last; n++) {
		enum tx_fate got = fate_of(ours, n), want = f->numbers[n].fate;

		replay_check(r, got == want,
			     "send flow %" PRIu64 ": number %" PRIu64 " is %s instead of %s", f->id,
			     n, words[got], words[want]);
	}
}

static void compare(struct replay *r, struct replay_session *s)
{
	uint32_t in_flight = 0, ours = session_at(replay_engine(r), s->slot)->in_flight_bytes;

	for (uint32_t i = 0; i < s->tx.n; i++) {
		const struct tx_flow *f = &s->tx.flows[i];

		compare_flow(r, s, f);
		for (uint64_t n = 1; n <= f->last; n++)
			if (f->numbers[n].fate == TX_FLYING)
				in_flight += f->numbers[n].bytes;
	}
	replay_check(r, ours == in_flight, "%u octets in flight instead of %u", ours, in_flight);
}

// ---- what was sent ----

static struct tx_flow *open_flow(struct replay *r, struct replay_session *s,
				 const struct rec_chunk *c)
{
	struct engine *e = replay_engine(r);
	struct command cmd = {.op = CMD_FLOW_OPEN, .flow = (uint16_t)c->flow_id};
	struct tx_flow *f = &s->tx.flows[s->tx.n++];

	replay_check(r,
		     s->tx.n <= MODEL_FLOWS && c->flow_id < FLOWS_PER_SESSION &&
			     c->metadata.len <= sizeof(cmd.open.meta),
		     "the model has no room for send flow %" PRIu64, c->flow_id);
	cmd.open.flow_id = c->flow_id;
	cmd.open.assoc_id = c->assoc_id;
	cmd.open.flags = c->has_assoc ? FLOW_OPEN_ASSOC : 0;
	cmd.open.rule_stream = NO_STREAM;
	cmd.open.prio = PRIO_CONTROL;
	cmd.open.meta_len = (uint8_t)c->metadata.len;
	memcpy(cmd.open.meta, c->metadata.data, c->metadata.len);
	replay_command(r, s, cmd);
	*f = (struct tx_flow){.id = c->flow_id};
	f->idx = flow_tx_of_slot(e, s->slot, cmd.flow);
	replay_check(r, f->idx != FLOW_IDX_NONE, "send flow %" PRIu64 " does not open", f->id);
	flow_tx_at(e->flows, f->idx)->flags |= FLOW_TX_STREAM;
	flow_table_at(e->flows, s->slot)->tx_stream |= slot_bit((uint8_t)cmd.flow);
	return f;
}

static void fly(struct replay_session *s, struct tx_number *x, size_t bytes)
{
	x->fate = TX_FLYING;
	x->tsn = ++s->tx.tsn_next;
	x->naks = 0;
	x->bytes = (uint32_t)bytes;
}

static void lose(struct tx_number *x)
{
	x->fate = x->is_abandoned ? TX_DONE : TX_LOST;
}

// The recording's sender sends again what was not judged lost by acks: its alarm went off, which
// is for everything in flight. So must ours.
static void time_out(struct replay *r, struct replay_session *s)
{
	for (uint32_t i = 0; i < s->tx.n; i++)
		for (uint64_t n = 1; n <= s->tx.flows[i].last; n++)
			if (s->tx.flows[i].numbers[n].fate == TX_FLYING)
				lose(&s->tx.flows[i].numbers[n]);
	loop_run_us(r->loop, REPLAY_ALARM_US);
	compare(r, s);
}

// What the forward sequence number passes and was not acknowledged has been given up.
static void abandon(struct replay *r, struct tx_flow *f, uint64_t fsn)
{
	for (uint64_t n = 1; n <= fsn && n <= f->last; n++) {
		struct tx_number *x = number(r, f, n);

		if (x->fate == TX_DONE)
			continue;
		replay_check(r, x->fate == TX_LOST, "number %" PRIu64 " was given up in flight", n);
		flow_tx_abandon(replay_engine(r), f->idx, n);
		x->fate = TX_DONE;
		x->is_abandoned = true;
		if ((x->fra & USER_DATA_FRA_END) == 0)
			event_seen(r, "abandoned");
	}
}

// Numbers without data at their end tell that nothing below comes any more (§3.6.2.6).
static void send_fsn_update(struct replay *r, struct replay_session *s, struct tx_flow *f,
			    const struct rec_chunk *c)
{
	uint8_t buf[64];
	struct txp t = {.w = wr_over(buf, sizeof(buf)), .session_idx = s->slot};

	replay_check(r, flow_tx_write_fsn_update(replay_engine(r), f->idx, &t),
		     "send flow %" PRIu64 " has no FSN to tell", f->id);
	replay_check(r, span_equal(span_of(buf, t.w.len), c->whole),
		     "send flow %" PRIu64 ": another FSN update", f->id);
	fly(s, number(r, f, c->seq), c->whole.len);
}

static void check_header(struct replay *r, const struct rec_chunk *c, struct span header)
{
	struct span want = span_of(c->whole.data, c->whole.len - c->body.len);

	// Next User Data says none of it; we write it only where messages are queued.
	replay_check(r, c->type == CHUNK_NEXT_USER_DATA || span_equal(header, want),
		     "send flow %" PRIu64 ": number %" PRIu64 " goes out under another header",
		     c->flow_id, c->seq);
}

// FIN rides on the last data only where messages are queued (flow_write.c); this is what it does.
static void mark_final(struct replay *r, struct tx_flow *f, uint64_t seq)
{
	struct engine *e = replay_engine(r);

	flow_tx_close(e, f->idx);
	sent_at(flow_tx_at(e->flows, f->idx), seq)->flags |= SENT_FIN;
	flow_tx_cold_at(e->flows, f->idx)->final_sn = seq;
	f->is_closed = true;
}

static void send_fragment(struct replay *r, struct replay_session *s, struct tx_flow *f,
			  const struct rec_chunk *c)
{
	struct engine *e = replay_engine(r);
	struct tx_number *x = number(r, f, c->seq);
	uint8_t flags = c->flags & (USER_DATA_FRA | USER_DATA_FINAL), buf[128];
	struct wr w = wr_over(buf, sizeof(buf));
	uint64_t lost;
	uint32_t ref;

	if (c->seq <= f->last)
		replay_check(r,
			     flow_tx_next_lost(e, f->idx, &lost, &ref) && lost == c->seq &&
				     ref == c->seq,
			     "send flow %" PRIu64 ": number %" PRIu64 " is not to be sent again",
			     f->id, c->seq);
	else
		f->last = c->seq;
	replay_check(r,
		     flow_tx_write_header(e, f->idx, &w, c->seq, flags, (uint16_t)c->body.len) == 0,
		     "send flow %" PRIu64 ": no room for number %" PRIu64, f->id, c->seq);
	check_header(r, c, span_of(buf, w.len));
	flow_tx_sent(e, f->idx, c->seq, (uint32_t)c->seq, (uint16_t)c->whole.len);
	x->fra = c->flags & USER_DATA_FRA;
	fly(s, x, c->whole.len);
	if (c->flags & USER_DATA_FINAL)
		mark_final(r, f, c->seq);
}

static void check_final(struct replay *r, const struct tx_flow *f, const struct rec_chunk *c)
{
	replay_check(r, span_equal(span_of(f->final, f->final_len), c->whole),
		     "send flow %" PRIu64 " ends with another chunk", f->id);
}

// A number of its own ends the flow: our engine writes that by itself.
static void end_flow(struct replay *r, struct replay_session *s, struct tx_flow *f,
		     const struct rec_chunk *c)
{
	struct command cmd = {.op = CMD_FLOW_CLOSE, .flow = (uint16_t)f->id};

	if (f->is_excepted) { // it has done so at once
		check_final(r, f, c);
		return;
	}
	f->is_closed = true;
	f->final_due = c;
	replay_command(r, s, cmd);
}

static void send_data(struct replay *r, struct replay_session *s, const struct rec_chunk *c)
{
	const uint8_t ends = USER_DATA_ABANDON | USER_DATA_FINAL;
	struct tx_flow *f = find(s, c->flow_id);

	if (f == NULL)
		f = open_flow(r, s, c);
	if ((c->flags & ends) == ends) {
		end_flow(r, s, f, c);
		return;
	}
	if (number(r, f, c->seq)->fate == TX_FLYING)
		time_out(r, s);
	abandon(r, f, c->fsn);
	if (c->flags & USER_DATA_ABANDON)
		send_fsn_update(r, s, f, c);
	else
		send_fragment(r, s, f, c);
}

void tx_sent(struct replay *r, struct replay_session *s, const struct rec_frame *frame)
{
	for (uint32_t i = 0; i < frame->n_chunks; i++) {
		const struct rec_chunk *c = &frame->chunks[i];

		if (c->type == CHUNK_USER_DATA || c->type == CHUNK_NEXT_USER_DATA)
			send_data(r, s, c);
	}
}

void tx_said(struct replay *r, struct replay_session *s, const struct user_data *d,
	     struct span whole)
{
	struct tx_flow *f = find(s, d->flow_id);

	replay_check(r, f != NULL && f->is_closed && f->final_len == 0 && d->seq == f->last + 1,
		     "sent number %" PRIu64 " of flow %" PRIu64 " by itself", d->seq, d->flow_id);
	replay_check(r, whole.len <= sizeof(f->final), "a long end of flow %" PRIu64, f->id);
	memcpy(f->final, whole.data, whole.len);
	f->final_len = whole.len;
	f->last = d->seq;
	number(r, f, d->seq)->is_abandoned = true;
	fly(s, number(r, f, d->seq), whole.len);
	if (f->final_due != NULL)
		check_final(r, f, f->final_due);
}

void tx_settled(struct replay *r, struct replay_session *s)
{
	compare(r, s);
	for (uint32_t i = 0; i < s->tx.n; i++) {
		const struct tx_flow *f = &s->tx.flows[i];

		replay_check(r, f->final_due == NULL || f->final_len > 0,
			     "send flow %" PRIu64 " was closed and does not say so", f->id);
		replay_check(r, f->is_told == f->is_excepted,
			     "send flow %" PRIu64 ": its exception was not reported", f->id);
		replay_check(r, f->is_freed == is_over(f), "send flow %" PRIu64 " is %sfree", f->id,
			     f->is_freed ? "" : "not ");
	}
}

// ---- what came back ----

static void settle_range(struct replay *r, struct replay_session *s, struct tx_flow *f,
			 uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n <= to && n <= f->last; n++) {
		struct tx_number *x = number(r, f, n);

		if (x->tsn > s->tx.tsn_acked)
			s->tx.tsn_acked = x->tsn;
		x->fate = TX_DONE;
	}
}

// A rejected flow ends, and nothing of it shall be delivered any more (§3.6.2.7).
static void except(struct tx_flow *f)
{
	if (!f->is_closed)
		f->is_excepted = true;
	f->is_closed = true;
	for (uint64_t n = 1; n <= f->last; n++) {
		struct tx_number *x = &f->numbers[n];

		x->is_abandoned |= x->fate != TX_DONE;
		if (x->fate == TX_LOST)
			x->fate = TX_DONE;
	}
}

static void count_naks(struct replay_session *s)
{
	for (uint32_t i = 0; i < s->tx.n; i++) {
		for (uint64_t n = 1; n <= s->tx.flows[i].last; n++) {
			struct tx_number *x = &s->tx.flows[i].numbers[n];

			if (x->fate == TX_FLYING && x->tsn < s->tx.tsn_acked &&
			    ++x->naks >= NAKS_FOR_LOSS)
				lose(x);
		}
	}
}

// Not every recorder wrote down what became of every message.
static bool is_told(const struct replay *r, const struct tx_flow *f, uint64_t seq)
{
	const struct replay_row *row = r->row;

	return row->writes.flow_id == 0 ||
	       (f->id == row->writes.flow_id && seq <= row->writes.up_to);
}

// Messages all of whose fragments have arrived.
static void deliver(struct replay *r, struct tx_flow *f)
{
	for (uint64_t n = 1; n <= f->last; n++) {
		struct tx_number *x = &f->numbers[n];
		uint64_t end = n;

		if (x->is_delivered || (x->fra & USER_DATA_FRA_END) != 0)
			continue;
		while (end < f->last && f->numbers[end].fate == TX_DONE &&
		       f->numbers[end].fra != USER_DATA_FRA_WHOLE &&
		       f->numbers[end].fra != USER_DATA_FRA_END)
			end++;
		if (f->numbers[end].fate != TX_DONE || f->numbers[end].is_abandoned ||
		    f->numbers[end].fra != (x->fra == USER_DATA_FRA_WHOLE ? USER_DATA_FRA_WHOLE
									  : USER_DATA_FRA_END))
			continue;
		x->is_delivered = true;
		if (is_told(r, f, n))
			event_seen(r, "delivered");
	}
}

void tx_frame(struct replay *r, struct replay_session *s, const struct rec_frame *frame)
{
	struct engine *e = replay_engine(r);
	bool has_ack = false;

	for (uint32_t i = 0; i < frame->n_chunks; i++) {
		const struct rec_chunk *c = &frame->chunks[i];
		struct tx_flow *f = find(s, c->flow_id);

		if (f != NULL && c->type == CHUNK_FLOW_EXCEPTION)
			except(f);
		if (f == NULL || c->type != CHUNK_ACK_RANGES)
			continue;
		has_ack = true;
		settle_range(r, s, f, 1, c->cum);
		for (uint32_t k = 0; k < c->n_ranges; k++)
			settle_range(r, s, f, c->ranges[k].from, c->ranges[k].to);
		if (!is_over(f))
			replay_check(r,
				     flow_tx_at(e->flows, f->idx)->rwnd_bytes ==
					     c->window_blocks * WINDOW_BLOCK,
				     "send flow %" PRIu64 ": another window", f->id);
	}
	if (!has_ack)
		return;
	count_naks(s);
	for (uint32_t i = 0; i < s->tx.n; i++)
		deliver(r, &s->tx.flows[i]);
}

void tx_excepted(struct replay *r, struct replay_session *s, const struct report *rep)
{
	struct tx_flow *f = find(s, rep->exception.flow_id);

	replay_check(r, f != NULL && f->is_excepted && !f->is_told,
		     "exception of send flow %" PRIu64, rep->exception.flow_id);
	f->is_told = true;
	event_seen(r, "exception reason=%" PRIu64, rep->exception.code);
}

void tx_freed(struct replay *r, struct replay_session *s, const struct report *rep)
{
	struct tx_flow *f = find(s, rep->flow); // our slots are our ids

	replay_check(r, f != NULL && is_over(f) && !f->is_freed, "send flow %u is free too early",
		     rep->flow);
	f->is_freed = true;
}

void tx_ended(struct replay *r, struct replay_session *s)
{
	struct session *ours = session_at(replay_engine(r), s->slot);

	replay_check(r, ours->in_flight_bytes == 0 && ours->tx_in_flight == 0,
		     "%u octets are in flight of a session that is not open",
		     ours->in_flight_bytes);
}
