// What receive flows do with data: numbers, order, delivery, completion (RFC 7016
// §§3.6.3.2, 3.6.3.3).
#include "dataplane/core/flow_pools.h"

// The far end's numbers never get here; they grow by one (§3.6.2.2).
#define SEQ_MAX INT64_MAX

// ---- delivery ----

static void report_base(const struct engine *e, const struct flow_rx *f, struct report *r,
			enum report_op op)
{
	*r = (struct report){
		.op = (uint8_t)op,
		.flow = f->slot,
		.session_idx = f->session_idx,
		.session_id = e->sessions[f->session_idx].id_rx,
	};
}

// Reports the message in a body that is ours to lend. False: the ring is full, the body is still
// ours.
static bool report_message(struct engine *e, struct flow_rx *f, uint64_t seq, struct body *body)
{
	struct report r;

	report_base(e, f, &r, REP_MESSAGE);
	r.len = body->len;
	r.body = body;
	r.message.flow_id = f->flow_id;
	r.message.seq = seq;
	r.message.gap_before = !(f->flags & FLOW_RX_NETWORK_ORDER) && f->held.has_gap;
	return engine_report(e, &r);
}

// A message in one piece. False: it shall be offered again.
static bool deliver_span(struct engine *e, uint32_t idx, uint64_t seq, struct span message)
{
	struct flow_rx *f = &e->flows->rx[idx];
	struct body *body;

	if (f->class == FLOW_RELAY) {
		relay_on_fragment(e, f->session_idx, f->stream, message);
		return true;
	}
	if (f->class == FLOW_STREAM_CONTROL && f->stream != NO_STREAM &&
	    relay_on_control(e, f->session_idx, f->stream, message))
		return true;
	body = body_get(e->bodies, (uint32_t)message.len);
	if (body == NULL)
		return false;
	if (message.len > 0)
		memcpy(body->data, message.data, message.len);
	if (!report_message(e, f, seq, body)) {
		body_put(body);
		return false;
	}
	return true;
}

// A message that is held; the same. A body is also the place to put it together.
static bool deliver_held(struct engine *e, uint32_t idx, const struct segment *m)
{
	struct flow_rx *f = &e->flows->rx[idx];
	struct body *body = body_get(e->bodies, m->len);
	bool is_taken = true;

	if (body == NULL)
		return false;
	reasm_copy(&f->held, &e->flows->cells, m, body->data);
	if (f->class == FLOW_RELAY)
		relay_on_fragment(e, f->session_idx, f->stream, span_of(body->data, m->len));
	else if (f->class == FLOW_STREAM_CONTROL && f->stream != NO_STREAM)
		is_taken =
			relay_on_control(e, f->session_idx, f->stream, span_of(body->data, m->len));
	else
		is_taken = false;
	if (is_taken) {
		body_put(body);
		return true;
	}
	if (report_message(e, f, m->first, body))
		return true;
	body_put(body);
	return false;
}

// A message has been given out: a stream's control flow that has no stream yet names it with its
// first one, and waits for the answer.
static void delivered(struct engine *e, uint32_t idx)
{
	struct flow_rx *f = &e->flows->rx[idx];

	f->held.has_gap = false;
	if (f->class == FLOW_STREAM_CONTROL && f->stream == NO_STREAM)
		flow_rx_hold(e, idx);
}

static bool may_deliver(const struct flow_rx *f)
{
	return f->state == RF_OPEN && f->class != FLOW_HELD && !(f->flags & FLOW_RX_STALLED);
}

// Gives out one held message. False: it has to wait.
static bool give_out(struct engine *e, uint32_t idx, const struct segment *m)
{
	struct flow_rx *f = &e->flows->rx[idx];

	if (m->len > e->opts.message_bytes_max) {
		engine_drop(e, DROP_MESSAGE_SIZE);
		flow_rx_reject(e, idx, 0);
		return false;
	}
	if (!deliver_held(e, idx, m)) {
		f->flags |= FLOW_RX_STALLED;
		return false;
	}
	reasm_drop(&f->held, &e->flows->cells, e->flows->rx_slabs, m);
	delivered(e, idx);
	return true;
}

static void deliver_in_order(struct engine *e, uint32_t idx)
{
	struct flow_rx *f = &e->flows->rx[idx];
	struct segment m;

	while (may_deliver(f) &&
	       reasm_next(&f->held, &e->flows->cells, e->flows->rx_slabs, f->seen.cum, &m) &&
	       give_out(e, idx, &m))
		;
}

static void deliver_any(struct engine *e, uint32_t idx)
{
	struct flow_rx *f = &e->flows->rx[idx];
	struct segment m;

	while (may_deliver(f) && f->held.n > 0 && reasm_any(&f->held, &e->flows->cells, &m) &&
	       give_out(e, idx, &m))
		;
}

// ---- what follows from it ----

uint32_t flow_rx_window(const struct flow_rx *f)
{
	uint32_t held = reasm_bytes(&f->held);
	uint32_t room = f->capacity_bytes > held ? f->capacity_bytes - held : 0;

	// Not 0: a message longer than the buffer must come through (§3.6.3.5), and older far ends
	// take 0 for the end of the flow (rtmfp.md 16.3).
	return room > WINDOW_BLOCK ? (room + WINDOW_BLOCK - 1) / WINDOW_BLOCK : 1;
}

static bool tell_opened(struct engine *e, struct flow_rx *f)
{
	struct report r;

	report_base(e, f, &r, REP_FLOW_OPENED);
	r.opened.flow_id = f->flow_id;
	r.opened.assoc_flow = f->assoc_slot;
	r.opened.meta_len = f->meta_len;
	memcpy(r.opened.meta, f->meta, sizeof(r.opened.meta));
	if (!engine_report(e, &r))
		return false;
	f->flags &= (uint8_t)~FLOW_RX_TELL_OPENED;
	f->flags |= FLOW_RX_TOLD_OPENED;
	return true;
}

static bool is_complete(const struct flow_rx *f)
{
	return f->flags & FLOW_RX_HAS_FINAL && f->seen.cum >= f->final_sn && f->held.n == 0;
}

// §3.6.3.7. False: the report ring is full.
static bool finish(struct engine *e, uint32_t idx)
{
	struct flow_rx *f = &e->flows->rx[idx];
	struct report r;

	if (f->flags & FLOW_RX_TOLD_OPENED) {
		report_base(e, f, &r, REP_FLOW_FINISHED);
		r.opened.flow_id = f->flow_id;
		if (!engine_report(e, &r))
			return false;
	}
	rx_linger_add(&e->flows->lingering, f->session_idx, f->flow_id, f->seen.cum, e->now_ms);
	ack_mark_lingering(e, f->session_idx,
			   &(struct linger_ack){
				   .flow_id = f->flow_id,
				   .cum = f->seen.cum,
				   .exception = f->exception,
				   // Rejected and complete at once: it has not been told why.
				   .has_exception = f->state == RF_REJECTED &&
						    !(f->flags & FLOW_RX_TOLD_EXCEPTION),
			   });
	flow_rx_free(e, idx);
	return true;
}

static void wait_for_ring(struct engine *e, uint32_t idx)
{
	struct flow_rx *f = &e->flows->rx[idx];

	if (f->flags & FLOW_RX_UNTOLD)
		return;
	f->flags |= FLOW_RX_UNTOLD;
	f->next_untold = e->flows->rx_untold_head;
	e->flows->rx_untold_head = idx;
}

void flow_rx_advance(struct engine *e, uint32_t idx)
{
	struct flow_rx *f = &e->flows->rx[idx];

	if (f->flags & FLOW_RX_TELL_OPENED && !tell_opened(e, f)) {
		wait_for_ring(e, idx);
		if (f->class != FLOW_RELAY) // whose messages are not control's
			return;
	}
	deliver_in_order(e, idx);
	if (f->flags & FLOW_RX_NETWORK_ORDER)
		deliver_any(e, idx);
	if (f->flags & FLOW_RX_STALLED)
		wait_for_ring(e, idx);
	// A window that was as good as closed is announced when it opens (§3.6.3.5).
	if (f->prev_rwnd >= 0 && f->prev_rwnd < 2 && flow_rx_window(f) > 2)
		ack_mark(e, f->session_idx, f->slot, true);
	if (is_complete(f) && (f->flags & FLOW_RX_TELL_OPENED || !finish(e, idx)))
		wait_for_ring(e, idx);
}

// ---- data comes ----

// Is there room for it? A message that has begun may outgrow the window, or it would never end; but
// only its next fragment, and only while it is given out as soon as it is whole.
static bool has_room(const struct flow_rx *f, const struct user_data *d)
{
	if (reasm_bytes(&f->held) + reasm_charge(d->body.len) <= f->capacity_bytes)
		return true;
	return may_deliver(f) && d->seq == f->seen.cum + 1;
}

static int keep(struct engine *e, uint32_t idx, const struct user_data *d)
{
	struct flow_rx *f = &e->flows->rx[idx];
	int err = -ENOBUFS;

	// Fragments that wait for a longer message than we take will never be given out.
	if (f->held.n_octets + d->body.len >
	    (uint64_t)e->opts.message_bytes_max + f->capacity_bytes) {
		engine_drop(e, DROP_MESSAGE_SIZE);
		flow_rx_reject(e, idx, 0);
		return -EMSGSIZE;
	}
	if (has_room(f, d))
		err = reasm_put(&f->held, &e->flows->cells, e->flows->rx_slabs, f->seen.cum, d->seq,
				d->flags, d->body);
	if (err != 0)
		engine_drop(e, DROP_RX_BUFFER);
	return err;
}

// Most messages are one fragment and come when it is their turn: they go by without being held.
static bool pass_by(struct engine *e, uint32_t idx, const struct user_data *d)
{
	struct flow_rx *f = &e->flows->rx[idx];
	bool is_in_order = !(f->flags & FLOW_RX_NETWORK_ORDER);

	if ((d->flags & USER_DATA_FRA) != USER_DATA_FRA_WHOLE || !may_deliver(f))
		return false;
	if (is_in_order) {
		if (f->held.n > 0 || d->seq != f->seen.cum + 1)
			return false;
		reasm_expect(&f->held, d->seq);
	}
	if (!deliver_span(e, idx, d->seq, d->body))
		return false;
	if (is_in_order)
		f->held.base = d->seq + 1;
	delivered(e, idx);
	return true;
}

// A new number with data. False: it shall come again.
static bool take_data(struct engine *e, uint32_t idx, const struct user_data *d)
{
	struct flow_rx *f = &e->flows->rx[idx];
	struct segment m;

	if (pass_by(e, idx, d))
		return true;
	if (keep(e, idx, d) != 0)
		return f->state != RF_OPEN; // just rejected: the number has been seen all the same
	if (f->flags & FLOW_RX_NETWORK_ORDER && may_deliver(f) &&
	    reasm_around(&f->held, &e->flows->cells, d->seq, &m))
		give_out(e, idx, &m);
	return true;
}

// §3.6.3.2, the number and what it carries. Returns whether its ack cannot wait.
static bool take_number(struct engine *e, uint32_t idx, const struct user_data *d)
{
	struct flow_rx *f = &e->flows->rx[idx];
	struct slabs *slabs = e->flows->rx_slabs;
	bool had_gap = seq_set_has_gap(&f->seen), is_new = !seq_set_has(&f->seen, d->seq);
	bool has_data = !(d->flags & USER_DATA_ABANDON);
	bool is_now = f->state != RF_OPEN || had_gap || !is_new || d->flags & USER_DATA_ABANDON ||
		      (f->prev_rwnd >= 0 && f->prev_rwnd < 2);

	if (f->flags & FLOW_RX_HAS_FINAL && d->seq > f->final_sn) {
		engine_drop(e, DROP_FLOW_RULE);
		return true;
	}
	if (!is_new)
		session_cold_at(e, f->session_idx)->n_duplicates++;
	// Data at its own forward number breaks the rule, yet it is here: what lies below is given
	// up first.
	seq_set_forward(&f->seen, slabs,
			is_new && has_data && d->fsn == d->seq ? d->seq - 1 : d->fsn);
	if (is_new && seq_set_reserve(&f->seen, slabs, d->seq) != 0) {
		engine_drop(e, DROP_RX_RANGES);
		return true;
	}
	if (is_new && f->state == RF_OPEN && has_data && !take_data(e, idx, d))
		return true;
	if (is_new && d->flags & USER_DATA_FINAL && !(f->flags & FLOW_RX_HAS_FINAL)) {
		f->flags |= FLOW_RX_HAS_FINAL;
		f->final_sn = d->seq;
		is_now = true;
	}
	if (is_new)
		seq_set_add(&f->seen, slabs, d->seq);
	return is_now || seq_set_has_gap(&f->seen) || f->state != RF_OPEN ||
	       reasm_bytes(&f->held) + WINDOW_BLOCK > f->capacity_bytes;
}

// A number of a flow that is none of the open ones.
static uint32_t find_or_open(struct engine *e, uint32_t session_idx, const struct user_data *d)
{
	uint64_t cum;

	if (rx_linger_find(&e->flows->lingering, session_idx, d->flow_id, &cum)) {
		ack_mark_lingering(e, session_idx, &(struct linger_ack){d->flow_id, cum});
		return FLOW_IDX_NONE;
	}
	if (d->seq == 0) { // the last word of a MonaServer on a flow that it was refused (§16.3)
		engine_drop(e, DROP_FLOW_RULE);
		return FLOW_IDX_NONE;
	}
	return flow_rx_open(e, session_idx, d);
}

static void take(struct engine *e, uint32_t session_idx, struct rx_ctx *ctx)
{
	const struct user_data *d = &ctx->data;
	uint32_t idx = flow_rx_find(e->flows, session_idx, d->flow_id);
	bool is_new_flow = idx == FLOW_IDX_NONE, is_now;
	struct flow_rx *f;

	if (d->seq > SEQ_MAX) {
		engine_drop(e, DROP_MALFORMED);
		return;
	}
	ctx->has_data = true;
	if (is_new_flow)
		idx = find_or_open(e, session_idx, d);
	if (idx == FLOW_IDX_NONE)
		return;
	f = &e->flows->rx[idx];
	if (d->options.has_unknown_mandatory && f->state == RF_OPEN) {
		engine_drop(e, DROP_FLOW_RULE);
		flow_rx_reject(e, idx, 0);
	}
	is_now = take_number(e, idx, d);
	ack_mark(e, session_idx, f->slot, is_now || is_new_flow);
	flow_rx_advance(e, idx);
}

void flows_on_user_data(struct engine *e, uint32_t session_idx, struct rx_ctx *ctx,
			struct span payload)
{
	if (user_data_read(&ctx->data, payload) != 0)
		engine_drop(e, DROP_MALFORMED);
	else
		take(e, session_idx, ctx);
}

void flows_on_next_user_data(struct engine *e, uint32_t session_idx, struct rx_ctx *ctx,
			     struct span payload)
{
	if (next_user_data_read(&ctx->data, payload) != 0)
		engine_drop(e, DROP_MALFORMED);
	else
		take(e, session_idx, ctx);
}

void flows_on_buffer_probe(struct engine *e, uint32_t session_idx, struct span payload)
{
	uint64_t flow_id, cum;
	uint32_t idx;

	if (buffer_probe_read(&flow_id, payload) != 0) {
		engine_drop(e, DROP_MALFORMED);
		return;
	}
	idx = flow_rx_find(e->flows, session_idx, flow_id);
	if (idx != FLOW_IDX_NONE)
		ack_mark(e, session_idx, e->flows->rx[idx].slot, true);
	else if (rx_linger_find(&e->flows->lingering, session_idx, flow_id, &cum))
		ack_mark_lingering(e, session_idx, &(struct linger_ack){flow_id, cum});
}
