// Receive flows: opened by the far end, given a class by control, rejected, freed (RFC 7016
// §3.6.3.1, design: a group message's way through).
#include "dataplane/core/flow_pools.h"
#include "dataplane/fetch.h"

#include <string.h>

// ---- finding ----

uint32_t flow_rx_find(struct flows *flows, uint32_t session_idx, uint64_t flow_id)
{
	struct flow_table *t = flow_table_at(flows, session_idx);
	uint8_t slot = t->rx_hint, tag = (uint8_t)flow_id;

	if (t->rx_used & slot_bit(slot) && flows->rx[t->rx_hint_idx].flow_id == flow_id)
		return t->rx_hint_idx;
	for (uint64_t left = t->rx_used; left != 0; left &= left - 1) {
		slot = (uint8_t)__builtin_ctzll(left);
		if (t->rx_tag[slot] == tag && flows->rx[t->rx[slot]].flow_id == flow_id) {
			return flow_table_rx(t, slot);
		}
	}
	return FLOW_IDX_NONE;
}

static const struct flow_rx *heard_last(const struct engine *e, uint32_t session_idx)
{
	const struct flow_table *t = flow_table_at(e->flows, session_idx);

	return t->rx_used & slot_bit(t->rx_hint) ? &e->flows->rx[t->rx_hint_idx] : NULL;
}

void flows_fetch_rx(const struct engine *e, uint32_t session_idx)
{
	const uint8_t *f = (const uint8_t *)heard_last(e, session_idx);

	for (size_t at = 0; f != NULL && at < FLOW_RX_HOT; at += 64)
		fetch_line_to_write(f + at);
}

void flows_fetch_relay(const struct engine *e, uint32_t session_idx, enum relay_fetch what)
{
	const struct flow_rx *f = heard_last(e, session_idx);

	if (f != NULL && f->class == FLOW_RELAY)
		relay_fetch(e, session_idx, f->stream, what);
}

// ---- waiting lists ----

static void held_add(struct engine *e, uint32_t idx)
{
	struct flows *flows = e->flows;
	struct flow_rx *f = &flows->rx[idx];

	f->flags |= FLOW_RX_HELD;
	f->held_since_ms = e->now_ms;
	f->held_prev = flows->held_tail;
	f->held_next = IDX_NONE;
	if (flows->held_tail != IDX_NONE)
		flows->rx[flows->held_tail].held_next = idx;
	else
		flows->held_head = idx;
	flows->held_tail = idx;
}

static void held_remove(struct flows *flows, uint32_t idx)
{
	struct flow_rx *f = &flows->rx[idx];

	if (!(f->flags & FLOW_RX_HELD))
		return;
	f->flags &= (uint8_t)~FLOW_RX_HELD;
	if (f->held_prev != IDX_NONE)
		flows->rx[f->held_prev].held_next = f->held_next;
	else
		flows->held_head = f->held_next;
	if (f->held_next != IDX_NONE)
		flows->rx[f->held_next].held_prev = f->held_prev;
	else
		flows->held_tail = f->held_prev;
}

void flow_rx_hold(struct engine *e, uint32_t flow_idx)
{
	e->flows->rx[flow_idx].class = FLOW_HELD;
	held_add(e, flow_idx);
}

// ---- opening ----

// §3.6.3.1: what makes a flow rejected before its user hears of it.
static bool is_acceptable(struct engine *e, uint32_t session_idx, const struct flow_options *o,
			  uint32_t assoc_idx)
{
	if (!o->has_metadata || o->has_unknown_mandatory)
		return false;
	return !o->has_return_flow ||
	       (assoc_idx != FLOW_IDX_NONE && flow_tx_at(e->flows, assoc_idx)->state == F_OPEN);
}

static void set_class(struct flow_rx *f, enum flow_class class, uint16_t stream, uint32_t capacity)
{
	f->class = (uint8_t) class;
	f->stream = stream;
	f->capacity_bytes = capacity != 0 ? capacity : FLOW_RX_CAPACITY;
}

// Control, or a rule it left with the flow that this one returns, says what becomes of it.
static void open_accepted(struct engine *e, uint32_t idx, const struct flow_options *o,
			  uint32_t assoc_idx)
{
	struct flow_rx *f = &e->flows->rx[idx];
	uint16_t rule_stream = NO_STREAM;

	f->kind = (uint8_t)flow_kind_of(o->metadata, NULL);
	f->meta_len = (uint16_t)o->metadata.len;
	memcpy(f->meta, o->metadata.data,
	       o->metadata.len < FLOW_META_MAX ? o->metadata.len : FLOW_META_MAX);
	f->flags |= FLOW_RX_TELL_OPENED;
	if (assoc_idx != FLOW_IDX_NONE) {
		f->assoc_slot = flow_tx_cold_at(e->flows, assoc_idx)->slot;
		rule_stream = flow_tx_cold_at(e->flows, assoc_idx)->rule_stream;
	}
	if (f->kind == FLOW_GROUP_FRAGMENTS && rule_stream != NO_STREAM) {
		set_class(f, FLOW_RELAY, rule_stream, 0);
		f->flags |= FLOW_RX_NETWORK_ORDER;
		return;
	}
	flow_rx_hold(e, idx);
}

uint32_t flow_rx_open(struct engine *e, uint32_t session_idx, const struct user_data *d)
{
	struct flows *flows = e->flows;
	struct flow_table *t = flow_table_at(flows, session_idx);
	const struct flow_options *o = &d->options;
	uint32_t assoc_idx = FLOW_IDX_NONE, idx;
	struct flow_rx *f;

	if ((uint32_t)__builtin_popcountll(t->rx_used) >= e->opts.flows_per_session) {
		session_blame(e, session_idx, DROP_NO_FLOW);
		return FLOW_IDX_NONE;
	}
	idx = idx_get(&flows->rx_pool);
	if (idx == IDX_NONE) {
		engine_drop(e, DROP_NO_FLOW);
		return FLOW_IDX_NONE;
	}
	f = &flows->rx[idx];
	*f = (struct flow_rx){
		.flow_id = d->flow_id,
		.session_idx = session_idx,
		.capacity_bytes = RWND_INITIAL_BYTES, // what the far end assumes anyway
		.prev_rwnd = -1,
		.stream = NO_STREAM,
		.assoc_slot = NO_FLOW,
		.slot = (uint8_t)__builtin_ctzll(~t->rx_used),
		.state = RF_OPEN,
	};
	reasm_init(&f->held);
	t->rx_tag[f->slot] = (uint8_t)d->flow_id;
	t->rx_hint = f->slot;
	flow_table_rx_set(t, f->slot, idx);
	if (o->has_return_flow)
		assoc_idx = flow_tx_find(flows, session_idx, o->return_flow_id);
	if (is_acceptable(e, session_idx, o, assoc_idx)) {
		open_accepted(e, idx, o, assoc_idx);
	} else {
		engine_drop(e, DROP_FLOW_RULE);
		flow_rx_reject(e, idx, 0);
	}
	return idx;
}

// ---- ends ----

void flow_rx_reject(struct engine *e, uint32_t flow_idx, uint64_t code)
{
	struct flow_rx *f = &e->flows->rx[flow_idx];

	if (f->state != RF_OPEN)
		return;
	f->state = RF_REJECTED;
	f->exception = code;
	f->flags &= (uint8_t) ~(FLOW_RX_TELL_OPENED | FLOW_RX_STALLED);
	held_remove(e->flows, flow_idx);
	reasm_clear(&f->held, &e->flows->cells, e->flows->rx_slabs);
	ack_mark(e, f->session_idx, f->slot, true);
}

void flow_rx_free(struct engine *e, uint32_t flow_idx)
{
	struct flows *flows = e->flows;
	struct flow_rx *f = &flows->rx[flow_idx];

	held_remove(flows, flow_idx);
	reasm_clear(&f->held, &flows->cells, flows->rx_slabs);
	seq_set_release(&f->seen, flows->rx_slabs);
	flow_table_at(flows, f->session_idx)->rx_used &= ~slot_bit(f->slot);
	session_at(e, f->session_idx)->rx_to_ack &= ~slot_bit(f->slot);
	f->state = RF_FREE;
	if (!(f->flags & FLOW_RX_UNTOLD)) // else whoever walks the list gives it back
		idx_put(&flows->rx_pool, flow_idx);
}

// ---- control's word ----

static uint32_t commanded(const struct engine *e, const struct command *cmd)
{
	const struct flow_table *t = flow_table_at(e->flows, cmd->session_idx);
	uint32_t idx;

	if (cmd->flow >= FLOWS_PER_SESSION || !(t->rx_used & slot_bit((uint8_t)cmd->flow)))
		return FLOW_IDX_NONE;
	idx = t->rx[cmd->flow];
	return e->flows->rx[idx].flow_id == cmd->class.flow_id ? idx : FLOW_IDX_NONE;
}

void flow_rx_class(struct engine *e, const struct command *cmd)
{
	uint32_t idx = commanded(e, cmd);
	struct flow_rx *f;

	if (idx == FLOW_IDX_NONE || e->flows->rx[idx].state != RF_OPEN) {
		engine_drop(e, DROP_STALE_COMMAND);
		return;
	}
	f = &e->flows->rx[idx];
	if (cmd->class.class == FLOW_REJECT) {
		flow_rx_reject(e, idx, cmd->class.exception);
		flow_rx_advance(e, idx);
		return;
	}
	held_remove(e->flows, idx);
	set_class(f, cmd->class.class, cmd->class.stream, cmd->class.capacity_bytes);
	f->answer_flow_id = cmd->class.answer_flow_id;
	if (cmd->class.class == FLOW_HELD)
		flow_rx_hold(e, idx);
	f->flags &= (uint8_t)~FLOW_RX_NETWORK_ORDER;
	if (cmd->class.is_network_order || cmd->class.class == FLOW_RELAY)
		f->flags |= FLOW_RX_NETWORK_ORDER;
	flow_rx_resume(e, idx);
}
