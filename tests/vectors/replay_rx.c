// What a receiving end must do, in the words of RFC 7016 §3.6.3 alone: which numbers it has seen,
// which messages are whole, and when to acknowledge what (§3.6.3.4). Built from the recording's own
// decoder, and slow.
//
// One flow of the recordings is taken in order of arrival (tc_netconnection); nothing of it was
// lost, so both orders are one.
#include "tests/vectors/replay.h"

#include <inttypes.h>

#include "crypto/sha.h"
#include "dataplane/wire/rtmp_msg.h"

#define NO_BLOCKS UINT32_MAX
// Of a flow that waits for control, as the engine assumes (flow_rx_open).
#define CAPACITY_HELD RWND_INITIAL_BYTES

static uint8_t fra_of(const struct rec_chunk *c)
{
	return c->flags & USER_DATA_FRA;
}

// ---- numbers ----

struct rx_flow *rx_find(struct replay_session *s, uint64_t flow_id)
{
	for (uint32_t i = 0; i < s->rx.n; i++)
		if (s->rx.flows[i].id == flow_id)
			return &s->rx.flows[i];
	return NULL;
}

static bool has_gap(const struct rx_flow *f)
{
	for (uint64_t n = f->cum + 1; n < MODEL_NUMBERS; n++)
		if (f->is_seen[n])
			return true;
	return false;
}

static void see(struct rx_flow *f, uint64_t seq)
{
	f->is_seen[seq] = true;
	while (f->cum + 1 < MODEL_NUMBERS && f->is_seen[f->cum + 1])
		f->cum++;
}

// ---- messages (§3.6.3.3) ----

// The first whole message at or above a number. False: none, or the one before it is in progress.
static bool next_message(const struct rx_flow *f, uint64_t from, uint64_t *first, uint64_t *last)
{
	for (uint64_t n = from; n <= f->cum; n++) {
		const struct rec_chunk *c = f->numbers[n];

		if (c == NULL || (fra_of(c) & USER_DATA_FRA_END) != 0)
			continue; // given up, or the rest of what was given up
		*first = *last = n;
		if (fra_of(c) == USER_DATA_FRA_WHOLE)
			return true;
		do
			++*last;
		while (*last <= f->cum && f->numbers[*last] != NULL &&
		       fra_of(f->numbers[*last]) == USER_DATA_FRA_MIDDLE);
		if (*last > f->cum)
			return false;
		if (f->numbers[*last] != NULL && fra_of(f->numbers[*last]) == USER_DATA_FRA_END)
			return true;
		n = *last - 1;
	}
	return false;
}
static_assert((USER_DATA_FRA_MIDDLE & USER_DATA_FRA_END) != 0, "middle and end share a bit");
static_assert((USER_DATA_FRA_BEGIN & USER_DATA_FRA_END) == 0, "beginning and end do not");

// Everything whole leaves the buffer.
static void take(struct rx_flow *f)
{
	uint64_t first, last;

	if (f->is_held || f->is_rejected)
		return;
	while (next_message(f, f->taken, &first, &last))
		f->taken = last + 1;
	while (f->taken <= f->cum && (f->numbers[f->taken] == NULL ||
				      fra_of(f->numbers[f->taken]) != USER_DATA_FRA_BEGIN))
		f->taken++;
}

static bool is_complete(const struct rx_flow *f)
{
	return f->final != 0 && f->cum >= f->final && (f->is_rejected || f->taken > f->cum);
}

// ---- the window (§3.6.3.5) ----

// A message that is coming in does not count while it will be given out as soon as it is whole: the
// buffer grows by as much.
static uint32_t room_of(const struct rx_flow *f)
{
	uint64_t waiting = f->is_held ? f->taken : f->cum + 1;
	uint32_t held = 0;

	for (uint64_t n = waiting; !f->is_rejected && n < MODEL_NUMBERS; n++)
		if (f->numbers[n] != NULL)
			held += reasm_charge(f->numbers[n]->body.len);
	return held < f->capacity ? f->capacity - held : 0;
}

static uint32_t blocks_of(const struct rx_flow *f)
{
	uint32_t room = room_of(f);

	return room > WINDOW_BLOCK ? (room + WINDOW_BLOCK - 1) / WINDOW_BLOCK : 1;
}

static bool is_as_good_as_closed(const struct rx_flow *f)
{
	return f->blocks_told != NO_BLOCKS && f->blocks_told < 2;
}

// ---- data ----

static struct rx_flow *open_flow(struct replay *r, struct replay_session *s,
				 const struct rec_chunk *c)
{
	struct rx_flow *f = &s->rx.flows[s->rx.n++];

	replay_check(r, s->rx.n <= MODEL_FLOWS, "the model has no room for another flow");
	*f = (struct rx_flow){
		.id = c->flow_id,
		.first = c,
		.taken = 1,
		.told = 1,
		.capacity = CAPACITY_HELD,
		.blocks_told = NO_BLOCKS,
		.is_held = true,
	};
	return f;
}

static void on_data(struct replay *r, struct replay_session *s, const struct rec_chunk *c)
{
	struct rx_model *m = &s->rx;
	struct rx_flow *f = rx_find(s, c->flow_id);
	bool is_new;

	if (f == NULL) {
		f = open_flow(r, s, c);
		m->is_now = true;
	}
	replay_check(r, c->seq < MODEL_NUMBERS, "the model has no room for number %" PRIu64,
		     c->seq);
	is_new = !f->is_seen[c->seq] && c->seq > f->cum;
	f->wants_ack = true;
	m->is_now |= f->is_rejected || is_complete(f) || is_as_good_as_closed(f) || has_gap(f) ||
		     !is_new || c->flags & USER_DATA_ABANDON;
	if (c->flags & USER_DATA_FINAL && is_new && f->final == 0) {
		f->final = c->seq;
		m->is_now = true;
	}
	if (is_new && !(c->flags & USER_DATA_ABANDON) && !f->is_rejected)
		f->numbers[c->seq] = c;
	for (uint64_t n = 0; n <= c->fsn; n++)
		see(f, n);
	see(f, c->seq);
	take(f);
	m->is_now |= has_gap(f) || is_complete(f) || room_of(f) < WINDOW_BLOCK;
	if (!m->is_now && m->delack_at_us == 0)
		m->delack_at_us = r->loop->now_us + DELAYED_ACK_MS * 1000;
}

static void on_probe(struct replay_session *s, const struct rec_chunk *c)
{
	struct rx_flow *f = rx_find(s, c->flow_id);

	if (f == NULL)
		return;
	f->wants_ack = true;
	s->rx.is_now = true;
}

void rx_frame(struct replay *r, struct replay_session *s, const struct rec_frame *frame)
{
	bool has_data = false;

	for (uint32_t i = 0; i < frame->n_chunks; i++) {
		const struct rec_chunk *c = &frame->chunks[i];

		if (c->type == CHUNK_USER_DATA || c->type == CHUNK_NEXT_USER_DATA) {
			on_data(r, s, c);
			has_data = true;
		} else if (c->type == CHUNK_BUFFER_PROBE) {
			on_probe(s, c);
		}
	}
	if (has_data && ++s->rx.n_data >= DELAYED_ACK_PACKETS)
		s->rx.is_now = true;
}

// ---- what the engine reports ----

static struct rx_flow *reported(struct replay *r, struct replay_session *s, uint64_t flow_id,
				const char *what)
{
	struct rx_flow *f = rx_find(s, flow_id);

	replay_check(r, f != NULL, "%s of flow %" PRIu64 ", which nobody opened", what, flow_id);
	return f;
}

void rx_opened(struct replay *r, struct replay_session *s, const struct report *rep)
{
	struct rx_flow *f = reported(r, s, rep->opened.flow_id, "FLOW_OPENED");
	const struct rec_chunk *c = f->first;
	uint16_t assoc = c->has_assoc ? (uint16_t)c->assoc_id : NO_FLOW; // our slots are our ids

	replay_check(r, !f->is_open, "flow %" PRIu64 " opened twice", f->id);
	replay_check(
		r,
		rep->opened.meta_len == c->metadata.len &&
			span_equal(span_of(rep->opened.meta, rep->opened.meta_len), c->metadata),
		"flow %" PRIu64 " opened with other metadata", f->id);
	replay_check(r, rep->opened.assoc_flow == assoc,
		     "flow %" PRIu64 " is said to return flow %u, not %u", f->id,
		     rep->opened.assoc_flow, assoc);
	f->is_open = true;
	f->slot = rep->flow;
}

// The recorded octets of a message against those that were reported.
static void check_octets(struct replay *r, const struct rx_flow *f, uint64_t first, uint64_t last,
			 const struct report *rep)
{
	const uint8_t *got = rep->body->data;
	size_t left = rep->len;

	for (uint64_t n = first; n <= last; n++) {
		struct span want = f->numbers[n]->body;

		replay_check(r, want.len <= left && span_equal(span_of(got, want.len), want),
			     "fragment %" PRIu64 " of the message differs", n);
		got += want.len;
		left -= want.len;
	}
	replay_check(r, left == 0, "message %" PRIu64 " is %zu octets too long", first, left);
}

static void command_class(struct replay *r, struct replay_session *s, const struct rx_flow *f,
			  enum flow_class class, uint32_t capacity, uint64_t code)
{
	struct command cmd = {.op = CMD_FLOW_CLASS, .flow = f->slot};
	struct tc_metadata tc = {0};

	flow_kind_of(f->first->metadata, &tc);
	cmd.class.flow_id = f->id;
	cmd.class.capacity_bytes = capacity;
	cmd.class.exception = (uint32_t)code;
	cmd.class.stream = NO_STREAM;
	cmd.class.class = (uint8_t) class;
	cmd.class.is_network_order = (tc.flags & TC_RXI) != 0;
	replay_command(r, s, cmd);
}

void rx_message(struct replay *r, struct replay_session *s, const struct report *rep)
{
	struct rx_flow *f = reported(r, s, rep->message.flow_id, "MESSAGE");
	uint64_t first = 0, last = 0;
	uint8_t hash[SHA256_LEN];
	bool has_gap_before;

	replay_check(r, next_message(f, f->told, &first, &last) && last < f->taken,
		     "message %" PRIu64 " of flow %" PRIu64 " is not whole", rep->message.seq,
		     f->id);
	replay_check(r, rep->message.seq == first,
		     "message %" PRIu64 " of flow %" PRIu64 " instead of %" PRIu64,
		     rep->message.seq, f->id, first);
	has_gap_before = first != f->last_told + 1;
	replay_check(r, rep->message.gap_before == has_gap_before,
		     "message %" PRIu64 " %s a gap before it", first,
		     has_gap_before ? "has" : "does not have");
	check_octets(r, f, first, last, rep);
	sha256(rep->body->data, rep->len, hash);
	event_seen(r, "message sn=%" PRIu64 " fragments=%" PRIu64 " len=%u sha256=%016" PRIx64,
		   first, last - first + 1, rep->len, be64_get(hash));
	f->last_told = last;
	f->told = last + 1;
	// Each stops its flow until control says otherwise (messages.h, FLOW_CONTROL).
	if (rtmp_is_flow_sync(span_of(rep->body->data, rep->len)))
		command_class(r, s, f, FLOW_CONTROL, f->capacity, 0);
}

void rx_finished(struct replay *r, struct replay_session *s, const struct report *rep)
{
	struct rx_flow *f = reported(r, s, rep->opened.flow_id, "FLOW_FINISHED");

	replay_check(r, is_complete(f) && !f->is_finished,
		     "flow %" PRIu64 " is not complete, or was already", f->id);
	f->is_finished = true;
	if (!f->is_rejected) // who rejected it does not listen any more
		event_seen(r, "complete error=0");
}

// ---- control's word ----

void rx_take(struct replay *r, struct replay_session *s, struct rx_flow *f, enum flow_class class,
	     uint32_t capacity)
{
	f->is_held = class == FLOW_HELD;
	f->capacity = capacity != 0 ? capacity : FLOW_RX_CAPACITY;
	take(f);
	// A window that opens is told unasked.
	if (is_as_good_as_closed(f) && blocks_of(f) > 2) {
		f->wants_ack = true;
		s->rx.is_now = true;
	}
	command_class(r, s, f, class, capacity, 0);
}

void rx_reject(struct replay *r, struct replay_session *s, struct rx_flow *f, uint64_t code)
{
	f->is_rejected = true;
	f->wants_ack = true;
	s->rx.is_now = true;
	command_class(r, s, f, FLOW_REJECT, 0, code);
}

// ---- acknowledgements ----

static void check_ranges(struct replay *r, const struct rx_flow *f, const struct ack *a)
{
	struct ack_iter it = ack_iter_over(a);
	bool is_acked[MODEL_NUMBERS] = {0};
	struct seq_range range;

	replay_check(r, a->cum == f->cum,
		     "flow %" PRIu64 ": acknowledged up to %" PRIu64 ", seen up to %" PRIu64, f->id,
		     a->cum, f->cum);
	while (ack_next(&it, &range)) {
		replay_check(r, range.to < MODEL_NUMBERS, "acknowledged %" PRIu64, range.to);
		for (uint64_t n = range.from; n <= range.to; n++)
			is_acked[n] = true;
	}
	for (uint64_t n = a->cum + 1; n < MODEL_NUMBERS; n++)
		replay_check(r, is_acked[n] == f->is_seen[n],
			     "flow %" PRIu64 ": number %" PRIu64 " is %sacknowledged", f->id, n,
			     is_acked[n] ? "" : "not ");
}

// §3.6.3.4: an exception stands before each ack of a rejected flow; a complete one has heard it.
static bool shall_tell_exception(const struct rx_flow *f)
{
	return f->is_rejected && (!is_complete(f) || !f->has_told_exception);
}

void rx_acked(struct replay *r, struct replay_session *s, const struct ack *a, bool has_exception,
	      bool is_alone, uint64_t at_us)
{
	struct rx_model *m = &s->rx;
	struct rx_flow *f = rx_find(s, a->flow_id);
	bool may_wait = !m->is_now;

	replay_check(r, f != NULL, "acknowledged flow %" PRIu64 ", which nobody opened",
		     a->flow_id);
	replay_check(r, f->wants_ack, "acknowledged flow %" PRIu64 " without a reason", f->id);
	replay_check(r, !may_wait || !is_alone || at_us + REPLAY_EARLY_US >= m->delack_at_us,
		     "acknowledged flow %" PRIu64 " although that may wait", f->id);
	replay_check(r, !may_wait || at_us <= m->delack_at_us,
		     "acknowledged flow %" PRIu64 " after more than 200 ms", f->id);
	check_ranges(r, f, a);
	replay_check(r, is_complete(f) || a->window_blocks == blocks_of(f),
		     "flow %" PRIu64 ": window of %" PRIu64 " blocks instead of %u", f->id,
		     a->window_blocks, blocks_of(f));
	replay_check(r, has_exception == shall_tell_exception(f),
		     "flow %" PRIu64 ": ack %s exception", f->id,
		     has_exception ? "with an" : "without its");
	f->has_told_exception |= has_exception;
	f->wants_ack = false;
	f->blocks_told = (uint32_t)a->window_blocks;
	m->n_acks++;
}

void rx_settled(struct replay *r, struct replay_session *s)
{
	struct rx_model *m = &s->rx;
	uint64_t first, last;
	bool is_waiting = false;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct rx_flow *f = &m->flows[i];

		is_waiting |= f->wants_ack;
		replay_check(r, !f->wants_ack || !m->is_now,
			     "flow %" PRIu64 ": no ack, though it cannot wait", f->id);
		replay_check(r, !f->wants_ack || m->n_acks == 0,
			     "flow %" PRIu64 ": its ack did not come along with others", f->id);
		replay_check(r, f->is_open || f->is_rejected, "flow %" PRIu64 " was not reported",
			     f->id);
		replay_check(r, f->is_finished || !is_complete(f),
			     "flow %" PRIu64 " is complete and was not reported", f->id);
		replay_check(r, !next_message(f, f->told, &first, &last) || last >= f->taken,
			     "message %" PRIu64 " of flow %" PRIu64 " was not reported", first,
			     f->id);
	}
	m->n_acks = 0;
	if (is_waiting)
		return;
	m->is_now = false;
	m->n_data = 0;
	m->delack_at_us = 0;
}

void rx_waited(struct replay *r, struct replay_session *s)
{
	const struct rx_model *m = &s->rx;

	replay_check(r, m->delack_at_us == 0 || r->loop->now_us <= m->delack_at_us,
		     "an ack waited for more than 200 ms");
}
