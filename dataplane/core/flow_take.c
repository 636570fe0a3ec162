// What receive flows do with data: numbers, order, delivery, completion (RFC 7016
// §§3.6.3.2, 3.6.3.3).
#include "dataplane/core/flow_pools.h"

// The far end's numbers never get here; they grow by one (§3.6.2.2).
#define SEQ_MAX INT64_MAX

static uint32_t beyond_window(const struct flow_rx *f)
{
	uint32_t held = reasm_bytes(&f->held);

	return held > f->capacity_bytes ? held - f->capacity_bytes : 0;
}

// May this flow hold that much more than its window, with all that others of the session do? The
// one that holds most may always go on, fragment by fragment, or none of them would ever end.
static bool may_grow(struct engine *e, struct flow_rx *f, uint32_t charge, bool is_next)
{
	const struct flow_table *t = flow_table_at(e->flows, f->session_idx);
	uint64_t sum = charge;
	uint32_t most = 0;

	for (uint64_t left = t->rx_used; left != 0; left &= left - 1) {
		uint32_t n = beyond_window(&e->flows->rx[t->rx[__builtin_ctzll(left)]]);

		sum += n;
		most = n > most ? n : most;
	}
	f->is_crowded = sum > e->opts.reassembly_bytes_max;
	return !f->is_crowded || (is_next && beyond_window(f) == most);
}

// Is there room for it? A message that is coming in may outgrow the window (§3.6.3.5), but only
// while it is given out as soon as it is whole. Where more waits than the window, only the next
// fragment is taken.
static bool has_room(struct engine *e, struct flow_rx *f, const struct user_data *d)
{
	uint32_t charge = reasm_charge(d->body.len);
	bool is_next = d->seq == f->seen.cum + 1;

	if (reasm_bytes(&f->held) + charge <= f->capacity_bytes) {
		f->is_crowded = false;
		return true;
	}
	if (!flow_rx_may_deliver(f))
		return false;
	if (!is_next &&
	    reasm_bytes(&f->held) - reasm_run_bytes(&f->held) + charge > f->capacity_bytes)
		return false;
	return may_grow(e, f, charge, is_next);
}

static int keep(struct engine *e, uint32_t idx, const struct user_data *d)
{
	struct flow_rx *f = &e->flows->rx[idx];
	int err = -ENOBUFS;

	if (has_room(e, f, d))
		err = reasm_put(&f->held, &e->flows->cells, e->flows->rx_slabs, f->seen.cum, d->seq,
				d->flags, d->body);
	if (err != 0)
		engine_drop(e, DROP_RX_BUFFER);
	return err;
}

// A new number with data. False: it shall come again.
static bool take_data(struct engine *e, uint32_t idx, const struct user_data *d)
{
	struct flow_rx *f = &e->flows->rx[idx];

	if (flow_rx_pass_by(e, idx, d))
		return true;
	if (keep(e, idx, d) != 0)
		return false;
	if (f->flags & FLOW_RX_NETWORK_ORDER)
		flow_rx_give_around(e, idx, d->seq);
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
		session_blame(e, f->session_idx, DROP_FLOW_RULE);
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
	       flow_rx_waiting(f) + WINDOW_BLOCK > f->capacity_bytes;
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

// Older senders answer an exception with a final number 0 and send nothing more (§16.3): a flow
// that waited for its true end would hold its place as long as the session lasts.
static void take_last_word(struct flow_rx *f, const struct user_data *d)
{
	if (f->state != RF_REJECTED || d->seq != 0 || !(d->flags & USER_DATA_FINAL))
		return;
	f->flags |= FLOW_RX_HAS_FINAL;
	f->final_sn = f->seen.cum;
}

static void take(struct engine *e, uint32_t session_idx, struct rx_ctx *ctx)
{
	const struct user_data *d = &ctx->data;
	uint32_t idx = flow_rx_find(e->flows, session_idx, d->flow_id);
	bool is_new_flow = idx == FLOW_IDX_NONE, is_now;
	struct flow_rx *f;

	if (d->seq > SEQ_MAX) {
		session_blame(e, session_idx, DROP_MALFORMED);
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
	take_last_word(f, d);
	is_now = take_number(e, idx, d);
	ack_mark(e, session_idx, f->slot, is_now || is_new_flow);
	flow_rx_advance(e, idx);
}

void flows_on_user_data(struct engine *e, uint32_t session_idx, struct rx_ctx *ctx,
			struct span payload)
{
	if (user_data_read(&ctx->data, payload) != 0)
		session_blame(e, session_idx, DROP_MALFORMED);
	else
		take(e, session_idx, ctx);
}

void flows_on_next_user_data(struct engine *e, uint32_t session_idx, struct rx_ctx *ctx,
			     struct span payload)
{
	if (next_user_data_read(&ctx->data, payload) != 0)
		session_blame(e, session_idx, DROP_MALFORMED);
	else
		take(e, session_idx, ctx);
}

void flows_on_buffer_probe(struct engine *e, uint32_t session_idx, struct span payload)
{
	uint64_t flow_id, cum;
	uint32_t idx;

	if (buffer_probe_read(&flow_id, payload) != 0) {
		session_blame(e, session_idx, DROP_MALFORMED);
		return;
	}
	idx = flow_rx_find(e->flows, session_idx, flow_id);
	if (idx != FLOW_IDX_NONE)
		ack_mark(e, session_idx, e->flows->rx[idx].slot, true);
	else if (rx_linger_find(&e->flows->lingering, session_idx, flow_id, &cum))
		ack_mark_lingering(e, session_idx, &(struct linger_ack){flow_id, cum});
}
