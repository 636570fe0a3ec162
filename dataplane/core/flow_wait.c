// Send flows that have something to say and may not: windows that stay closed (RFC 7016 §3.6.2.4),
// and deadlines that pass meanwhile (§3.6.2.6). One alarm of the session serves both.
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/sent_ring.h"

// §3.6.2.4 asks for a first probe within 1 s, but four older implementations close the session on
// any probe (rtmfp.md 16.3), and two of them mean "no such flow" by window 0. So we are late on
// purpose.
#define PROBE_FIRST_MS 10000
// A blocked flow looks at its deadlines this often.
#define EXPIRY_INTERVAL_MS 500

static void alarm_at(struct engine *e, uint32_t session_idx, uint32_t at_ms)
{
	const struct session_cold *cold = session_cold_at(e, session_idx);

	if (!(cold->alarms & 1u << ALARM_PROBE) ||
	    !ms_reached(cold->alarm_at_ms[ALARM_PROBE], at_ms))
		session_cold_alarm(e, session_idx, ALARM_PROBE, at_ms);
}

static bool has_deadline(const struct flow_tx_cold *c)
{
	return c->queue.head != IDX_NONE || c->n_lost > 0;
}

void flow_tx_wait(struct engine *e, uint32_t flow_idx)
{
	const struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);

	if (!flow_tx_has_something(f, c))
		return;
	if (has_deadline(c))
		alarm_at(e, f->session_idx, e->now_ms + EXPIRY_INTERVAL_MS);
	if (f->rwnd_bytes > 0 || f->flags & FLOW_TX_REJECTED || c->is_probe_due)
		return;
	if (c->probe_ms == 0) {
		c->probe_ms = PROBE_FIRST_MS;
		c->probe_at_ms = e->now_ms + c->probe_ms;
	}
	alarm_at(e, f->session_idx, c->probe_at_ms);
}

bool message_expire(struct engine *e, uint32_t flow_idx, uint32_t msg_idx)
{
	const struct tx_msg *m = msg_at(&e->flows->messages, msg_idx);

	if (m->is_abandoned)
		return true;
	if (m->deadline_us == 0 || m->deadline_us > e->now_us)
		return false;
	engine_drop(e, DROP_TX_EXPIRED);
	message_abandon(e, flow_idx, msg_idx);
	return true;
}

static void expire_flow(struct engine *e, uint32_t flow_idx)
{
	const struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);

	for (uint32_t m = c->queue.head; m != IDX_NONE; m = msg_at(&e->flows->messages, m)->next)
		message_expire(e, flow_idx, m);
	if (c->n_lost > 0)
		for (uint64_t sn = f->sn_base; sn < f->sn_next; sn++)
			if (sent_at(f, sn)->flags & SENT_LOST)
				message_expire(e, flow_idx, sent_at(f, sn)->ref);
}

static void probe_if_due(struct engine *e, struct flow_tx_cold *c)
{
	if (c->probe_ms == 0 || !ms_reached(c->probe_at_ms, e->now_ms))
		return;
	c->is_probe_due = true;
	c->probe_ms += c->probe_ms / 2;
	if (c->probe_ms > BUFFER_PROBE_MAX_MS)
		c->probe_ms = BUFFER_PROBE_MAX_MS;
	c->probe_at_ms = e->now_ms + c->probe_ms;
}

void flows_on_probe(struct engine *e, uint32_t session_idx)
{
	const struct flow_table *t = flow_table_at(e->flows, session_idx);
	uint64_t left = t->tx_used & ~t->tx_stream;

	for (; left != 0; left &= left - 1) {
		uint32_t idx = t->tx[__builtin_ctzll(left)];

		probe_if_due(e, flow_tx_cold_at(e->flows, idx));
		expire_flow(e, idx);
		flow_tx_changed(e, idx); // and waits on, if it must
	}
}
