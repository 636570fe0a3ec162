// Send flows: opened, filled, closed, freed (RFC 7016 §3.6.2).
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/sent_ring.h"

#include <string.h>

uint32_t flow_tx_of_slot(const struct engine *e, uint32_t session_idx, uint16_t slot)
{
	const struct flow_table *t = flow_table_at(e->flows, session_idx);

	if (slot >= FLOWS_PER_SESSION || !(t->tx_used & slot_bit((uint8_t)slot)))
		return FLOW_IDX_NONE;
	return t->tx[slot];
}

// ---- opening ----

// All of the flow but its source.
static uint32_t open_flow(struct engine *e, uint32_t session_idx, uint16_t slot, uint64_t flow_id)
{
	struct flows *flows = e->flows;
	struct flow_table *t = flow_table_at(flows, session_idx);
	struct flow_tx_cold *c;
	struct flow_tx *f;
	uint32_t idx;

	if (slot >= FLOWS_PER_SESSION || flow_id % FLOWS_PER_SESSION != slot ||
	    vlu_len(flow_id) > FLOW_ID_VLU_MAX || t->tx_used & slot_bit((uint8_t)slot))
		return FLOW_IDX_NONE;
	idx = idx_get(&flows->tx_pool);
	if (idx == IDX_NONE)
		return FLOW_IDX_NONE;
	f = flow_tx_at(flows, idx);
	*f = (struct flow_tx){
		.sn_next = 1,
		.sn_base = 1,
		.rwnd_bytes = RWND_INITIAL_BYTES,
		.session_idx = session_idx,
		.flags = FLOW_TX_UNACKED,
		.state = F_OPEN,
	};
	f->id_vlu_len = vlu_put(f->id_vlu, flow_id);
	c = flow_tx_cold_at(flows, idx);
	*c = (struct flow_tx_cold){
		.flow_id = flow_id,
		.rule_stream = NO_STREAM,
		.slot = (uint8_t)slot,
	};
	msgq_init(&c->queue);
	flow_table_tx_set(t, (uint8_t)slot, idx);
	return idx;
}

uint32_t flow_tx_open_stream(struct engine *e, uint32_t session_idx, uint16_t slot,
			     uint64_t flow_id, uint64_t assoc_id, uint32_t link_idx)
{
	const struct span metadata = flow_kind_metadata(FLOW_GROUP_FRAGMENTS);
	uint32_t idx = open_flow(e, session_idx, slot, flow_id);
	struct flow_tx_cold *c;
	struct flow_tx *f;

	if (idx == FLOW_IDX_NONE)
		return FLOW_IDX_NONE;
	f = flow_tx_at(e->flows, idx);
	f->flags |= FLOW_TX_STREAM | FLOW_TX_TC;
	f->source_idx = link_idx;
	c = flow_tx_cold_at(e->flows, idx);
	c->prio = PRIO_MEDIA;
	c->assoc_id = assoc_id;
	c->has_assoc = true;
	c->meta_len = (uint8_t)metadata.len;
	memcpy(c->meta, metadata.data, metadata.len);
	flow_table_at(e->flows, session_idx)->tx_stream |= slot_bit((uint8_t)slot);
	flow_table_at(e->flows, session_idx)->tx_prio[PRIO_MEDIA] |= slot_bit((uint8_t)slot);
	return idx;
}

// Control asked for a flow that cannot be: its slot is as free as it was. If the report ring is
// full at the same time, control does without the slot until the session ends.
static void refuse(struct engine *e, const struct command *cmd)
{
	const struct report freed = {
		.op = REP_FLOW_FREED,
		.flow = cmd->flow,
		.session_idx = cmd->session_idx,
		.session_id = cmd->session_id,
	};

	engine_drop(e, DROP_NO_FLOW);
	engine_report(e, &freed);
}

void flow_tx_open(struct engine *e, const struct command *cmd)
{
	uint32_t idx = open_flow(e, cmd->session_idx, cmd->flow, cmd->open.flow_id);
	struct flow_tx_cold *c;

	if (idx == FLOW_IDX_NONE) {
		refuse(e, cmd);
		return;
	}
	c = flow_tx_cold_at(e->flows, idx);
	c->assoc_id = cmd->open.assoc_id;
	c->has_assoc = cmd->open.flags & FLOW_OPEN_ASSOC;
	c->rule_stream = cmd->open.rule_stream;
	assert(cmd->open.prio < PRIO_N && cmd->open.group <= e->opts.groups_max);
	c->group = cmd->open.group;
	c->prio = cmd->open.prio;
	c->meta_len = cmd->open.meta_len;
	assert(c->meta_len <= sizeof(cmd->open.meta));
	memcpy(c->meta, cmd->open.meta, c->meta_len);
	if (cmd->open.flags & FLOW_OPEN_TC)
		flow_tx_at(e->flows, idx)->flags |= FLOW_TX_TC;
	flow_table_at(e->flows, cmd->session_idx)->tx_prio[c->prio] |= slot_bit(c->slot);
	if (cmd->open.flags & FLOW_OPEN_FIRST)
		flow_table_at(e->flows, cmd->session_idx)->tx_first |= slot_bit(c->slot);
}

// ---- filling ----

int flow_tx_push(struct engine *e, uint32_t flow_idx, const struct tx_msg *m)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);

	if (f->state != F_OPEN || f->flags & FLOW_TX_STREAM)
		return -ENOENT;
	if (msgq_push(&c->queue, &e->flows->messages, m) != 0) {
		engine_drop(e, DROP_TX_QUEUE);
		return -ENOBUFS;
	}
	flow_tx_changed(e, flow_idx);
	return 0;
}

void flow_tx_send(struct engine *e, const struct command *cmd)
{
	uint32_t idx = flow_tx_of_slot(e, cmd->session_idx, cmd->flow);
	const struct tx_msg m = {
		.deadline_us = cmd->send.deadline_us,
		.body = cmd->body,
		.len = cmd->body != NULL ? cmd->len : 0,
		.kind = cmd->body != NULL ? MSG_BODY : MSG_EMPTY,
	};
	int err = -ENOENT;

	assert(cmd->body == NULL || cmd->len <= cmd->body->cap);
	if (idx != FLOW_IDX_NONE)
		err = flow_tx_push(e, idx, &m);
	if (err == -ENOENT)
		engine_drop(e, DROP_STALE_COMMAND);
	if (err != 0 && cmd->body != NULL)
		engine_body_home(e, cmd->body);
}

int flow_tx_send_inline(struct engine *e, uint32_t flow_idx, const uint8_t *data, uint8_t len,
			uint64_t deadline_us)
{
	struct tx_msg m = {.deadline_us = deadline_us, .len = len, .kind = MSG_INLINE};

	assert(len <= MSG_INLINE_MAX);
	memcpy(m.octets, data, len);
	return flow_tx_push(e, flow_idx, &m);
}

int flow_tx_send_local(struct engine *e, uint32_t flow_idx, struct local_body *local, uint32_t len,
		       uint64_t deadline_us)
{
	const struct tx_msg m = {
		.deadline_us = deadline_us, .local = local, .len = len, .kind = MSG_LOCAL};
	int err = flow_tx_push(e, flow_idx, &m);

	if (err == 0)
		local_body_ref(local);
	return err;
}

// ---- closing ----

// Its stream has nothing more to do with it.
static void orphan(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);

	f->flags &= (uint8_t)~FLOW_TX_STREAM;
	c->is_orphan = true;
	flow_table_at(e->flows, f->session_idx)->tx_stream &= ~slot_bit(c->slot);
	for (uint64_t sn = f->sn_base; sn < f->sn_next; sn++)
		if (sent_at(f, sn)->flags & SENT_LOST)
			flow_tx_abandon(e, flow_idx, sn);
}

void flow_tx_close(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	if (f->state != F_OPEN)
		return;
	f->state = F_CLOSING;
	if (f->flags & FLOW_TX_STREAM)
		orphan(e, flow_idx);
	flow_tx_changed(e, flow_idx);
}

// §3.6.2.6 of everything.
static void abandon_all(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);

	while (c->queue.head != IDX_NONE) {
		message_abandon(e, flow_idx, c->queue.head);
		msgq_pop(e, &c->queue, &e->flows->messages);
	}
	for (uint64_t sn = f->sn_base; sn < f->sn_next; sn++)
		flow_tx_abandon(e, flow_idx, sn);
}

void flow_tx_on_exception(struct engine *e, uint32_t flow_idx, uint64_t code)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);

	if (f->flags & FLOW_TX_REJECTED) // it comes with every ack
		return;
	f->flags |= FLOW_TX_REJECTED;
	if (f->state == F_OPEN) {
		c->exception = code;
		c->tells |= FLOW_TELL_EXCEPTION;
		f->state = F_CLOSING;
		if (f->flags & FLOW_TX_STREAM) {
			orphan(e, flow_idx);
			relay_flow_gone(e, flow_idx);
		}
	}
	abandon_all(e, flow_idx);
	flow_tx_tell(e, flow_idx);
	flow_tx_changed(e, flow_idx);
}

// The final number (§3.6.2.8) rides on the last data, or on a number of its own; the latter only
// after everything earlier is settled, since older receivers take it as "give up all below"
// (§16.3). True: all is settled, the flow is complete.
static bool closing_step(struct engine *e, struct flow_tx *f, struct flow_tx_cold *c)
{
	struct sent *tail;

	if (c->queue.head != IDX_NONE)
		return false;
	if (sent_ring_is_empty(f)) {
		// Who never sent a number has nothing to end.
		if (c->final_sn != 0 || f->sn_next == 1)
			return true;
		if (sent_ring_reserve(f, e->flows->tx_slabs) != 0)
			return false; // the next change of this flow tries again
		c->final_sn = f->sn_next;
		sent_ring_append(f, SENT_ABANDONED | SENT_FIN, 0);
		return false;
	}
	tail = sent_at(f, f->sn_next - 1);
	if (c->final_sn == 0 && tail->tsn == 0 && !(tail->flags & SENT_ACKED)) {
		tail->flags |= SENT_FIN;
		c->final_sn = f->sn_next - 1;
	}
	return false;
}

static void report_base(struct engine *e, const struct flow_tx *f, const struct flow_tx_cold *c,
			struct report *r, enum report_op op)
{
	*r = (struct report){
		.op = (uint8_t)op,
		.flow = c->slot,
		.session_idx = f->session_idx,
		.session_id = session_at(e, f->session_idx)->id_rx,
	};
}

bool flow_tx_tell(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);
	struct report r;

	if (c->tells & FLOW_TELL_EXCEPTION) {
		report_base(e, f, c, &r, REP_FLOW_EXCEPTION);
		r.exception.flow_id = c->flow_id;
		r.exception.code = c->exception;
		if (!engine_report(e, &r))
			goto full;
		c->tells &= (uint8_t)~FLOW_TELL_EXCEPTION;
	}
	if (c->tells & FLOW_TELL_FREED) {
		report_base(e, f, c, &r, REP_FLOW_FREED);
		if (!engine_report(e, &r))
			goto full;
		flow_tx_free(e, flow_idx);
	}
	return true;
full:
	if (!c->is_untold_listed) {
		c->is_untold_listed = true;
		c->next_untold = e->flows->tx_untold_head;
		e->flows->tx_untold_head = flow_idx;
	}
	return false;
}

void flow_tx_changed(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);
	struct session *s = session_at(e, f->session_idx);

	if (c->tells & FLOW_TELL_FREED) // only the report is missing
		return;
	sent_ring_trim(f);
	if (f->state == F_CLOSING && closing_step(e, f, c)) {
		s->tx_ready &= ~slot_bit(c->slot);
		c->tells |= FLOW_TELL_FREED;
		flow_tx_tell(e, flow_idx);
		return;
	}
	if (f->flags & FLOW_TX_STREAM) {
		if (sent_ring_is_empty(f))
			sent_ring_rest(f, e->flows->tx_slabs);
		if (c->n_lost > 0 || sent_ring_wants_abn(f))
			relay_flow_lost(e, flow_idx);
		return;
	}
	if (sent_ring_is_empty(f))
		sent_ring_release(f, e->flows->tx_slabs);
	if (flow_tx_is_ready(f, c)) {
		s->tx_ready |= slot_bit(c->slot);
		if (session_may_send(s)) // else the acks mark it
			session_mark(e, f->session_idx, due_of_prio(c->prio));
		else
			flow_tx_wait(e, flow_idx);
	} else {
		s->tx_ready &= ~slot_bit(c->slot);
		flow_tx_wait(e, flow_idx);
	}
}

void flow_tx_free(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);
	struct flow_table *t = flow_table_at(e->flows, f->session_idx);
	struct session *s = session_at(e, f->session_idx);

	abandon_all(e, flow_idx);
	f->sn_base = f->sn_next;
	sent_ring_release(f, e->flows->tx_slabs);
	s->in_flight_bytes -= f->in_flight_bytes;
	s->tx_in_flight &= ~slot_bit(c->slot);
	s->tx_ready &= ~slot_bit(c->slot);
	t->tx_used &= ~slot_bit(c->slot);
	t->tx_prio[c->prio] &= ~slot_bit(c->slot);
	t->tx_first &= ~slot_bit(c->slot);
	t->tx_stream &= ~slot_bit(c->slot);
	f->state = F_FREE;
	c->tells = 0;
	if (!c->is_untold_listed) // else whoever walks the list gives it back
		idx_put(&e->flows->tx_pool, flow_idx);
}
