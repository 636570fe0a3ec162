// What is in flight: numbers leave, and land or get lost (RFC 7016 §3.6.2.3 to 3.6.2.6). Keeps the
// accounts of the flow and of its session.
#include "dataplane/core/clock.h"
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/pmtu.h"
#include "dataplane/core/sent_ring.h"

// Transmission numbers wrap; those compared lie close together.
static bool tsn_is_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

void flow_tx_sent(struct engine *e, uint32_t flow_idx, uint64_t sn, uint32_t ref,
		  uint16_t chunk_bytes)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct session *s = session_at(e, f->session_idx);
	struct sent *x;

	if (sn == f->sn_next) {
		x = sent_ring_append(f, 0, ref);
	} else {
		assert(sn >= f->sn_base && sn < f->sn_next);
		x = sent_at(f, sn);
		assert(!(x->flags & (SENT_IN_FLIGHT | SENT_ACKED)));
		if (x->flags & SENT_LOST) {
			flow_tx_cold_at(e->flows, flow_idx)->n_lost--;
			session_cold_at(e, f->session_idx)->n_resent++;
			e->stats.fragments_resent++;
		}
		x->flags = (x->flags & (SENT_ABANDONED | SENT_FIN)) | SENT_RESENT;
		if (x->flags & SENT_ABANDONED)
			x->flags |= SENT_AS_ABN;
	}
	x->tsn = tsn_take(s);
	x->bytes = chunk_bytes;
	x->naks = 0;
	x->flags |= SENT_IN_FLIGHT;
	x->sent_ms = e->now_ms;
	f->in_flight_bytes += chunk_bytes;
	s->in_flight_bytes += chunk_bytes;
	s->tx_in_flight |= slot_bit(flow_tx_slot(f));
	flight_alarm(e, f->session_idx);
}

static void leave_flight(struct engine *e, struct flow_tx *f, struct sent *x)
{
	struct session *s = session_at(e, f->session_idx);

	x->flags &= (uint8_t)~SENT_IN_FLIGHT;
	f->in_flight_bytes -= x->bytes;
	s->in_flight_bytes -= x->bytes;
	if (f->in_flight_bytes == 0)
		s->tx_in_flight &= ~slot_bit(flow_tx_slot(f));
}

static bool is_of_queue(const struct flow_tx *f, const struct flow_tx_cold *c)
{
	return !(f->flags & FLOW_TX_STREAM) && !c->is_orphan;
}

// ---- was it lost? ----

void flight_cut(struct engine *e, uint32_t session_idx)
{
	cc_cut_begin(&flow_table_at(e->flows, session_idx)->cut, session_at(e, session_idx));
}

static void doubt(struct flow_table *t, struct sent *x)
{
	if (x->is_doubted)
		return;
	x->is_doubted = true;
	t->cut.n_doubted++;
}

static void doubt_ends(struct engine *e, uint32_t session_idx, struct sent *x, bool was_lost)
{
	struct flow_table *t = flow_table_at(e->flows, session_idx);

	x->is_doubted = false;
	t->cut.is_right |= was_lost;
	if (--t->cut.n_doubted == 0 && cc_cut_settle(&t->cut, session_at(e, session_idx)))
		t->is_recovering = false; // the next loss cuts anew
}

// Which transmission of a number was acknowledged? The echo tells when that was sent of which the
// far end heard last (as RFC 3522 has it). If that was before the number was sent again, the
// earlier transmission has arrived. A far end says an echo once in its tick: without one, the
// second transmission is ruled out for as long as it cannot even have been answered.
static bool is_of_earlier(const struct engine *e, const struct session *s, const struct sent *x,
			  const struct rx_ctx *ctx)
{
	if (ctx->has_echo)
		return (int16_t)(ms_ticks(x->sent_ms) - ctx->echo) > 0;
	return s->heard & HEARD_RTT && e->now_ms - x->sent_ms < s->srtt_us / 2000;
}

// It proves that its last transmission has arrived, or, from a far end that never echoes, is taken
// for a proof.
static bool is_of_last(const struct engine *e, const struct session *s, const struct sent *x,
		       const struct rx_ctx *ctx)
{
	if (!(x->flags & SENT_RESENT) || !(s->flags & SESSION_HAS_ECHO_RX))
		return true;
	return ctx->has_echo && !is_of_earlier(e, s, x, ctx);
}

static void on_arrival(struct engine *e, uint32_t session_idx, struct sent *x, struct rx_ctx *ctx)
{
	struct session *s = session_at(e, session_idx);
	struct flow_table *t = flow_table_at(e->flows, session_idx);
	bool was_needless;

	if (x->tsn != 0 && tsn_is_after(x->tsn, s->tsn_acked) && is_of_last(e, s, x, ctx)) {
		s->tsn_acked = x->tsn;
		t->late.arrived_ms = x->sent_ms;
	}
	if (!x->is_doubted)
		return;
	was_needless = !(x->flags & SENT_RESENT) || is_of_earlier(e, s, x, ctx);
	// Known to the millisecond; else the echo says it, after the packet's last ack. What left
	// in the same one was late by less, and would be taken for lost in each burst.
	if (!(x->flags & SENT_RESENT))
		lateness_saw(&t->late, (int32_t)(ctx->arrived_ms - x->sent_ms), e->now_ms);
	if (was_needless && x->was_overtaken)
		lateness_saw(&t->late, 1, e->now_ms);
	doubt_ends(e, session_idx, x, !was_needless);
}

void flight_settle(struct engine *e, uint32_t flow_idx, struct sent *x, struct rx_ctx *ctx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c;

	if (x->flags & SENT_ACKED)
		return;
	if (x->flags & SENT_IN_FLIGHT) {
		ctx->acked_bytes += x->bytes;
		leave_flight(e, f, x);
		if (x->flags & SENT_BIG)
			pmtu_big_acked(e, f->session_idx, x->tsn);
		else if (session_at(e, f->session_idx)->heard & HEARD_NO_BIG)
			pmtu_small_acked(e, f->session_idx, x->tsn);
	}
	ctx->any_settled = true;
	on_arrival(e, f->session_idx, x, ctx);
	if (!(f->flags & FLOW_TX_STREAM) || x->flags & SENT_LOST) {
		c = flow_tx_cold_at(e->flows, flow_idx);
		// §3.6.2.4 would send it again; it has arrived, so we do not.
		if (x->flags & SENT_LOST)
			c->n_lost--;
		if (is_of_queue(f, c) && !(x->flags & SENT_ABANDONED))
			msg_settle(e, &e->flows->messages, x->ref);
	}
	x->flags = SENT_ACKED;
}

// The number shall not be sent with its octets any more.
static void give_up(struct engine *e, struct flow_tx *f, struct flow_tx_cold *c, struct sent *x)
{
	if (x->flags & (SENT_ACKED | SENT_ABANDONED))
		return;
	if (x->is_doubted)
		doubt_ends(e, f->session_idx, x, true);
	if (x->flags & SENT_LOST)
		c->n_lost--;
	x->flags &= (uint8_t)~SENT_LOST;
	x->flags |= SENT_ABANDONED;
	f->flags |= FLOW_TX_GAPS;
	if (is_of_queue(f, c))
		msg_settle(e, &e->flows->messages, x->ref);
}

void flow_tx_abandon(struct engine *e, uint32_t flow_idx, uint64_t sn)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	if (sn >= f->sn_base && sn < f->sn_next)
		give_up(e, f, flow_tx_cold_at(e->flows, flow_idx), sent_at(f, sn));
}

void flight_lose(struct engine *e, uint32_t flow_idx, uint64_t sn)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);
	struct sent *x = sent_at(f, sn);

	leave_flight(e, f, x);
	if (x->flags & SENT_BIG)
		pmtu_big_lost(e, f->session_idx, x->tsn);
	e->stats.fragments_lost++;
	session_cold_at(e, f->session_idx)->n_lost++;
	if (c->is_orphan)
		give_up(e, f, c, x);
	if (x->flags & SENT_ABANDONED) {
		flow_table_at(e->flows, f->session_idx)->cut.is_right = true;
		return;
	}
	doubt(flow_table_at(e->flows, f->session_idx), x);
	x->was_overtaken = x->naks >= NAKS_FOR_LOSS;
	x->flags |= SENT_LOST;
	if (c->n_lost++ == 0 || sn < c->lost_from)
		c->lost_from = sn;
}

void message_abandon(struct engine *e, uint32_t flow_idx, uint32_t msg_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct tx_msg *m = msg_at(&e->flows->messages, msg_idx);
	uint64_t sn = m->first_sn, end = sn + m->n_numbers;

	if (m->is_abandoned)
		return;
	m->is_abandoned = true;
	msg_drop_octets(e, m);
	// The last of them may free the message.
	for (sn = sn > f->sn_base ? sn : f->sn_base; sn < end; sn++)
		flow_tx_abandon(e, flow_idx, sn);
}

bool flow_tx_next_lost(struct engine *e, uint32_t flow_idx, uint64_t *sn, uint32_t *ref)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);

	if (c->n_lost == 0)
		return false;
	if (c->lost_from < f->sn_base)
		c->lost_from = f->sn_base;
	while (!(sent_at(f, c->lost_from)->flags & SENT_LOST)) {
		c->lost_from++;
		assert(c->lost_from < f->sn_next);
	}
	*sn = c->lost_from;
	*ref = sent_at(f, c->lost_from)->ref;
	return true;
}
