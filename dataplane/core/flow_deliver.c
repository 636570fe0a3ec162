// What receive flows give out: messages in their order, to control or the relay, and the flow's own
// end (RFC 7016 §§3.6.3.3, 3.6.3.7).
#include <string.h>

#include "dataplane/core/flow_pools.h"
#include "dataplane/wire/rtmp_msg.h"

// ---- one message ----

static void report_base(const struct engine *e, const struct flow_rx *f, struct report *r,
			enum report_op op)
{
	memset(r, 0, sizeof(*r));
	r->op = (uint8_t)op;
	r->flow = f->slot;
	r->session_idx = f->session_idx;
	r->session_id = e->sessions[f->session_idx].id_rx;
}

// What comes after a Flow Synchronization may have to wait for other flows (rtmfp.md §14.3), and
// only control knows. So the flow stops here, where its messages wait within its window, and goes
// on when control gives it a class again.
static bool is_barrier(const struct flow_rx *f, struct span message)
{
	return f->class == FLOW_CONTROL && f->kind == FLOW_TC && rtmp_is_flow_sync(message);
}

// Reports the message in a body that is ours to lend. False: the ring is full, the body is still
// ours.
static bool report_message(struct engine *e, uint32_t idx, uint64_t seq, struct body *body)
{
	struct flow_rx *f = &e->flows->rx[idx];
	bool is_last = is_barrier(f, span_of(body->data, body->len));
	struct report *r = engine_report_begin(e);

	if (r == NULL)
		return false;
	report_base(e, f, r, REP_MESSAGE);
	r->len = body->len;
	r->body = body;
	r->message.flow_id = f->flow_id;
	r->message.seq = seq;
	r->message.gap_before = !(f->flags & FLOW_RX_NETWORK_ORDER) && f->held.has_gap;
	engine_report_end(e);
	if (is_last)
		flow_rx_hold(e, idx);
	return true;
}

// Does the worker itself take it, whatever class its flow has?
static bool is_taken_here(struct engine *e, const struct flow_rx *f, struct span message)
{
	switch (f->class) {
	case FLOW_RELAY:
		relay_on_fragment(e, f->session_idx, f->stream, message);
		return true;
	case FLOW_STREAM_CONTROL:
		return f->stream != NO_STREAM &&
		       relay_on_control(e, f->session_idx, f->stream, message);
	case FLOW_STORE:
		return object_cache_answer(e, f->session_idx, f->answer_flow_id, message);
	default:
		return false;
	}
}

// A message in one piece. False: it shall be offered again.
static bool deliver_span(struct engine *e, uint32_t idx, uint64_t seq, struct span message)
{
	struct body *body;

	if (is_taken_here(e, &e->flows->rx[idx], message))
		return true;
	body = body_get(e->bodies, (uint32_t)message.len);
	if (body == NULL)
		return false;
	if (message.len > 0)
		memcpy(body->data, message.data, message.len);
	if (!report_message(e, idx, seq, body)) {
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

	if (body == NULL)
		return false;
	reasm_copy(&f->held, &e->flows->cells, m, body->data);
	if (is_taken_here(e, f, span_of(body->data, m->len))) {
		body_put(body);
		return true;
	}
	if (report_message(e, idx, m->first, body))
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

bool flow_rx_may_deliver(const struct flow_rx *f)
{
	return f->state == RF_OPEN && f->class != FLOW_HELD && !(f->flags & FLOW_RX_STALLED);
}

// Gives out one held message. False: it has to wait.
static bool give_out(struct engine *e, uint32_t idx, const struct segment *m)
{
	struct flow_rx *f = &e->flows->rx[idx];

	if (m->len > e->opts.message_bytes_max) {
		engine_drop(e, DROP_MESSAGE_SIZE);
		reasm_drop(&f->held, &e->flows->cells, e->flows->rx_slabs, m);
		f->held.has_gap = true;
		return true;
	}
	if (!deliver_held(e, idx, m)) {
		f->flags |= FLOW_RX_STALLED;
		return false;
	}
	reasm_drop(&f->held, &e->flows->cells, e->flows->rx_slabs, m);
	delivered(e, idx);
	return true;
}

bool flow_rx_pass_by(struct engine *e, uint32_t idx, const struct user_data *d)
{
	struct flow_rx *f = &e->flows->rx[idx];
	bool is_in_order = !(f->flags & FLOW_RX_NETWORK_ORDER);

	if ((d->flags & USER_DATA_FRA) != USER_DATA_FRA_WHOLE || !flow_rx_may_deliver(f))
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

void flow_rx_give_around(struct engine *e, uint32_t idx, uint64_t sn)
{
	const struct flow_rx *f = &e->flows->rx[idx];
	struct segment m;

	if (flow_rx_may_deliver(f) && reasm_around(&f->held, &e->flows->cells, sn, &m))
		give_out(e, idx, &m);
}

// Longer than what we take, or than there are numbers for: it costs itself, not its flow. Whoever
// takes the next message hears that something is missing.
static bool skip_too_long(struct engine *e, struct flow_rx *f)
{
	struct reasm *r = &f->held;

	if (!reasm_has_run(r) ||
	    (r->run_octets <= e->opts.message_bytes_max && r->scanned - r->base < REASM_SPAN_MAX))
		return false;
	engine_drop(e, DROP_MESSAGE_SIZE);
	reasm_skip_run(r, &e->flows->cells);
	return true;
}

static void deliver_in_order(struct engine *e, uint32_t idx)
{
	struct flow_rx *f = &e->flows->rx[idx];
	struct segment m;
	bool goes_on = true;

	while (goes_on && !reasm_is_idle(&f->held, f->seen.cum) && flow_rx_may_deliver(f)) {
		if (reasm_next(&f->held, &e->flows->cells, e->flows->rx_slabs, f->seen.cum, &m))
			goes_on = give_out(e, idx, &m);
		else
			goes_on = skip_too_long(e, f);
	}
}

static void deliver_any(struct engine *e, uint32_t idx)
{
	struct flow_rx *f = &e->flows->rx[idx];
	struct segment m;

	while (flow_rx_may_deliver(f) && f->held.n > 0 &&
	       reasm_any(&f->held, &e->flows->cells, &m) && give_out(e, idx, &m))
		;
}

// ---- what follows from it ----

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

// What is held although somebody takes it lies beyond the end, or begins a message that has none.
static bool is_complete(const struct flow_rx *f)
{
	return f->flags & FLOW_RX_HAS_FINAL && f->seen.cum >= f->final_sn &&
	       (f->held.n == 0 || flow_rx_may_deliver(f));
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
		return;
	}
	deliver_in_order(e, idx);
	if (f->flags & FLOW_RX_STALLED)
		wait_for_ring(e, idx);
	// A window that was as good as closed is announced when it opens (§3.6.3.5).
	if (f->prev_rwnd >= 0 && f->prev_rwnd < 2 && flow_rx_window(f) > 2)
		ack_mark(e, f->session_idx, f->slot, true);
	if (is_complete(f) && !finish(e, idx))
		wait_for_ring(e, idx);
}

void flow_rx_resume(struct engine *e, uint32_t idx)
{
	struct flow_rx *f = &e->flows->rx[idx];

	f->flags &= (uint8_t)~FLOW_RX_STALLED;
	if (f->flags & FLOW_RX_NETWORK_ORDER && !(f->flags & FLOW_RX_TELL_OPENED))
		deliver_any(e, idx);
	flow_rx_advance(e, idx);
}
