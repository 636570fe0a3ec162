// Acknowledgements that go out: when, and what they say (RFC 7016 §§3.6.3.4, 3.6.3.5).
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/timer.h"

#define LINGER_WINDOW_BLOCKS (RWND_INITIAL_BYTES / WINDOW_BLOCK)
// An alarm may come a tick of its wheel late, an ack may not.
#define DELAYED_ACK_ALARM_MS (DELAYED_ACK_MS - TIMER_TICK_MS)

uint32_t flow_rx_window(const struct flow_rx *f)
{
	uint32_t held = flow_rx_waiting(f);
	uint32_t room = f->capacity_bytes > held ? f->capacity_bytes - held : 0;

	// Not 0: a message longer than the buffer must come through (§3.6.3.5), and older far ends
	// take 0 for the end of the flow (rtmfp.md 16.3).
	return room > WINDOW_BLOCK ? (room + WINDOW_BLOCK - 1) / WINDOW_BLOCK : 1;
}

void ack_mark(struct engine *e, uint32_t session_idx, uint8_t rx_slot, bool is_now)
{
	struct session *s = session_at(e, session_idx);

	s->rx_to_ack |= slot_bit(rx_slot);
	if (is_now) {
		session_mark(e, session_idx, DUE_ACK);
	} else if (s->delack_at_ms == 0 && !(s->due & DUE_ACK)) {
		s->delack_at_ms = e->now_ms + DELAYED_ACK_ALARM_MS;
		if (s->delack_at_ms == 0) // says "none"
			s->delack_at_ms = 1;
		session_alarm(e, session_idx, s->delack_at_ms);
	}
}

void ack_mark_lingering(struct engine *e, uint32_t session_idx, const struct linger_ack *ack)
{
	struct flow_table *t = flow_table_at(e->flows, session_idx);
	uint8_t i;

	for (i = 0; i < t->n_linger_acks; i++)
		if (t->linger_acks[i].flow_id == ack->flow_id)
			return;
	if (i == LINGER_ACKS_MAX)
		return;
	t->linger_acks[i] = *ack;
	t->n_linger_acks++;
	session_mark(e, session_idx, DUE_ACK);
}

void flows_on_delack(struct engine *e, uint32_t session_idx)
{
	struct session *s = session_at(e, session_idx);

	s->delack_at_ms = 0;
	if (s->rx_to_ack != 0)
		session_mark(e, session_idx, DUE_ACK);
}

// Exception and ack, or nothing. Always ranges: what others make of a bitmap differs
// (rtmfp.md 16.2).
static bool write_ack(struct txp *t, const struct ack *a, const struct seq_range *ranges,
		      uint16_t n, const uint64_t *exception, bool may_truncate)
{
	struct wr_point start = wr_mark(&t->w);
	int n_written;

	if (exception != NULL &&
	    flow_exception_write(&t->w, &(struct flow_exception){a->flow_id, *exception}) != 0)
		return false;
	n_written = ack_ranges_write(&t->w, a, ranges, n);
	if (n_written == n || (n_written >= 0 && may_truncate))
		return true;
	wr_rollback(&t->w, start);
	return false;
}

static bool write_flow(struct flow_rx *f, struct txp *t, bool may_truncate)
{
	const struct ack a = {
		.flow_id = f->flow_id,
		.window_blocks = flow_rx_window(f),
		.cum = f->seen.cum,
	};
	const uint64_t *exception = f->state == RF_REJECTED ? &f->exception : NULL;

	if (!write_ack(t, &a, f->seen.ranges, f->seen.n, exception, may_truncate))
		return false;
	f->prev_rwnd = (int32_t)a.window_blocks;
	if (exception != NULL)
		f->flags |= FLOW_RX_TOLD_EXCEPTION;
	return true;
}

static uint32_t write_lingering(struct flow_table *table, struct txp *t)
{
	uint32_t n_written = 0;

	while (table->n_linger_acks > 0) {
		const struct linger_ack *l = &table->linger_acks[table->n_linger_acks - 1];
		const struct ack a = {
			.flow_id = l->flow_id,
			.window_blocks = LINGER_WINDOW_BLOCKS,
			.cum = l->cum,
		};

		if (!write_ack(t, &a, NULL, 0, l->has_exception ? &l->exception : NULL, false))
			break;
		table->n_linger_acks--;
		n_written++;
	}
	return n_written;
}

bool flows_write_acks(struct engine *e, uint32_t session_idx, struct txp *t, bool is_primary)
{
	struct flow_table *table = flow_table_at(e->flows, session_idx);
	struct session *s = session_at(e, session_idx);
	uint32_t n_written = write_lingering(table, t);

	for (uint64_t left = s->rx_to_ack; left != 0; left &= left - 1) {
		uint8_t slot = (uint8_t)__builtin_ctzll(left);

		// Only the ack that the packet exists for may be cut: the others get one of their
		// own.
		if (!write_flow(&e->flows->rx[flow_table_rx(table, slot)], t,
				is_primary && n_written == 0))
			continue;
		s->rx_to_ack &= ~slot_bit(slot);
		n_written++;
	}
	if (s->rx_to_ack == 0 && table->n_linger_acks == 0) {
		s->due &= (uint8_t)~DUE_ACK;
		s->n_rx_data = 0;
		s->delack_at_ms = 0;
	}
	t->has_ack |= n_written > 0;
	return n_written > 0;
}
