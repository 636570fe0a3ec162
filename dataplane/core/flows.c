// All flows of an engine: their pools, control's commands, what time alone brings about, and the
// end of their sessions.
#include "dataplane/core/flow_pools.h"

#include <stdlib.h>

#define CELLS_PER_FRAGMENT 4
// What waits for the report ring is tried again so often.
#define RETRY_US 1000
// Entries that one call looks after; the rest is due at once.
#define TIMERS_PER_CALL 256

struct flows *flows_create(const struct engine_opts *o)
{
	const uint32_t n_tx_slabs[SLAB_SIZES] = {
		// Every active send flow has its first two rings, whatever others hold.
		[SLAB_128] = o->flows_tx_max,
		[SLAB_1K] = o->flows_tx_max,
		[SLAB_4K] = o->flows_tx_max / 8 + 16,
		[SLAB_16K] = o->flows_tx_max / 64 + 8};
	const uint32_t n_rx_slabs[SLAB_SIZES] = {[SLAB_1K] = o->flows_rx_max + 16,
						 [SLAB_4K] = o->flows_rx_max / 8 + 16,
						 [SLAB_16K] = o->flows_rx_max / 64 + 8};
	struct flows *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->n_tables = o->sessions_max;
	f->held_head = f->held_tail = IDX_NONE;
	f->rx_untold_head = f->tx_untold_head = IDX_NONE;
	f->pub.tx = pages_take_hot((size_t)o->flows_tx_max * sizeof(*f->pub.tx));
	f->tx_cold = pages_take((size_t)o->flows_tx_max * sizeof(*f->tx_cold));
	f->rx = pages_take((size_t)o->flows_rx_max * sizeof(*f->rx));
	f->tables = pages_take_hot((size_t)o->sessions_max * sizeof(*f->tables));
	f->pub.tables = (const uint8_t *)f->tables;
	f->pub.table_size = sizeof(*f->tables);
	f->objects = object_cache_create(o);
	f->tx_slabs = slabs_create(n_tx_slabs);
	f->rx_slabs = slabs_create(n_rx_slabs);
	if (f->pub.tx == NULL || f->tx_cold == NULL || f->rx == NULL || f->tables == NULL ||
	    f->objects == NULL || f->tx_slabs == NULL || f->rx_slabs == NULL ||
	    idx_pool_init(&f->tx_pool, o->flows_tx_max) != 0 ||
	    idx_pool_init(&f->rx_pool, o->flows_rx_max) != 0 ||
	    msg_pool_init(&f->messages, o->messages_max) != 0 ||
	    cell_pool_init(&f->cells, o->rx_cells_max * CELLS_PER_FRAGMENT) != 0 ||
	    rx_linger_init(&f->lingering, o->sessions_max, o->flows_rx_max) != 0) {
		flows_destroy(f);
		return NULL;
	}
	return f;
}

void flows_destroy(struct flows *f)
{
	if (f == NULL)
		return;
	rx_linger_fini(&f->lingering);
	cell_pool_fini(&f->cells);
	msg_pool_fini(&f->messages);
	object_cache_destroy(f->objects);
	slabs_destroy(f->tx_slabs);
	slabs_destroy(f->rx_slabs);
	pages_give(f->pub.tx, (size_t)f->tx_pool.max * sizeof(*f->pub.tx));
	pages_give(f->tx_cold, (size_t)f->tx_pool.max * sizeof(*f->tx_cold));
	pages_give(f->rx, (size_t)f->rx_pool.max * sizeof(*f->rx));
	pages_give(f->tables, (size_t)f->n_tables * sizeof(*f->tables));
	idx_pool_fini(&f->tx_pool);
	idx_pool_fini(&f->rx_pool);
	free(f);
}

// ---- commands ----

static void close_by_command(struct engine *e, const struct command *cmd)
{
	uint32_t idx = flow_tx_of_slot(e, cmd->session_idx, cmd->flow);

	if (idx == FLOW_IDX_NONE) {
		engine_drop(e, DROP_STALE_COMMAND);
		return;
	}
	if (flow_tx_at(e->flows, idx)->flags & FLOW_TX_STREAM)
		relay_flow_gone(e, idx);
	flow_tx_close(e, idx);
}

void flows_command(struct engine *e, const struct command *cmd)
{
	switch (cmd->op) {
	case CMD_FLOW_OPEN:
		flow_tx_open(e, cmd);
		break;
	case CMD_FLOW_SEND:
		flow_tx_send(e, cmd);
		break;
	case CMD_FLOW_CLOSE:
		close_by_command(e, cmd);
		break;
	case CMD_FLOW_CLASS:
		flow_rx_class(e, cmd);
		break;
	case CMD_OBJECT_KEEP:
		object_cache_keep(e, cmd);
		break;
	case CMD_OBJECTS_DROP:
		object_cache_drop(e, cmd);
		break;
	default:
		break;
	}
}

struct object_gauge engine_object_gauge(const struct engine *e, uint16_t group)
{
	return *object_cache_gauge(e->flows->objects, group);
}

// ---- time ----

static bool has_untold(const struct flows *f)
{
	return f->rx_untold_head != IDX_NONE || f->tx_untold_head != IDX_NONE;
}

static void retry_rx(struct engine *e)
{
	struct flows *flows = e->flows;
	uint32_t idx = flows->rx_untold_head;

	// Those for whom the ring is full again join a new list.
	flows->rx_untold_head = IDX_NONE;
	while (idx != IDX_NONE) {
		struct flow_rx *f = &flows->rx[idx];
		uint32_t next = f->next_untold;

		f->flags &= (uint8_t)~FLOW_RX_UNTOLD;
		if (f->state == RF_FREE)
			idx_put(&flows->rx_pool, idx);
		else
			flow_rx_resume(e, idx);
		idx = next;
	}
}

static void retry_tx(struct engine *e)
{
	struct flows *flows = e->flows;
	uint32_t idx = flows->tx_untold_head;

	flows->tx_untold_head = IDX_NONE;
	while (idx != IDX_NONE) {
		struct flow_tx_cold *c = flow_tx_cold_at(flows, idx);
		uint32_t next = c->next_untold;

		c->is_untold_listed = false;
		if (flow_tx_at(flows, idx)->state == F_FREE)
			idx_put(&flows->tx_pool, idx);
		else
			flow_tx_tell(e, idx);
		idx = next;
	}
}

static bool is_held_too_long(const struct engine *e, const struct flow_rx *f)
{
	return e->now_ms - f->held_since_ms >= FLOW_HELD_MAX_MS;
}

static void reject_forgotten(struct engine *e)
{
	struct flows *flows = e->flows;

	for (int n = 0; n < TIMERS_PER_CALL && flows->held_head != IDX_NONE; n++) {
		uint32_t idx = flows->held_head;

		if (!is_held_too_long(e, &flows->rx[idx]))
			return;
		flow_rx_reject(e, idx, 0);
		flow_rx_advance(e, idx);
	}
}

void flows_timers(struct engine *e, uint64_t now_us)
{
	if (has_untold(e->flows) && mailbox_room(e->opts.reports) > 0) {
		retry_rx(e);
		retry_tx(e);
	}
	reject_forgotten(e);
	rx_linger_expire(&e->flows->lingering, e->now_ms, TIMERS_PER_CALL);
}

// From now until since_ms + life_ms.
static uint64_t until_us(const struct engine *e, uint32_t since_ms, uint32_t life_ms)
{
	uint32_t age_ms = e->now_ms - since_ms;

	return e->now_us + (age_ms < life_ms ? (uint64_t)(life_ms - age_ms) * 1000 : 0);
}

uint64_t flows_deadline_us(const struct engine *e)
{
	const struct flows *f = e->flows;
	uint64_t at = UINT64_MAX, next;

	if (has_untold(f))
		at = e->now_us + RETRY_US;
	if (f->held_head != IDX_NONE) {
		next = until_us(e, f->rx[f->held_head].held_since_ms, FLOW_HELD_MAX_MS);
		at = next < at ? next : at;
	}
	if (f->lingering.oldest != IDX_NONE) {
		next = until_us(e, f->lingering.entries[f->lingering.oldest].since_ms,
				RF_COMPLETE_LINGER_MS);
		at = next < at ? next : at;
	}
	return at;
}

// ---- ends ----

void flows_session_gone(struct engine *e, uint32_t session_idx)
{
	struct flow_table *t = flow_table_at(e->flows, session_idx);
	struct session *s = session_at(e, session_idx);

	while (t->tx_used != 0)
		flow_tx_free(e, t->tx[__builtin_ctzll(t->tx_used)]);
	while (t->rx_used != 0)
		flow_rx_free(e, t->rx[__builtin_ctzll(t->rx_used)]);
	rx_linger_session_gone(&e->flows->lingering, session_idx);
	assert(t->cut.n_doubted == 0);
	*t = (struct flow_table){0};
	s->rx_to_ack = 0;
	s->delack_at_ms = 0;
	s->flags &= (uint8_t)~SESSION_ERTO_ARMED;
	s->due &= (uint8_t) ~(DUE_ACK | DUE_DATA | DUE_MEDIA | DUE_BULK | DUE_POST);
}

// Flows that a neighbour may only have as a member, besides the main one it proves itself on.
static bool is_of_group(const struct flow_rx *f)
{
	return f->class == FLOW_RELAY || f->class == FLOW_STREAM_CONTROL ||
	       (f->kind >= FLOW_GROUP_STREAM && f->kind < FLOW_KINDS);
}

void flows_ungroup(struct engine *e, uint32_t session_idx)
{
	const struct flow_table *t = flow_table_at(e->flows, session_idx);

	for (uint64_t left = t->tx_used; left != 0; left &= left - 1)
		flow_tx_cold_at(e->flows, t->tx[__builtin_ctzll(left)])->rule_stream = NO_STREAM;
	for (uint64_t left = t->rx_used; left != 0; left &= left - 1) {
		uint32_t idx = t->rx[__builtin_ctzll(left)];

		if (!is_of_group(&e->flows->rx[idx]))
			continue;
		flow_rx_reject(e, idx, 0);
		flow_rx_advance(e, idx);
	}
}
