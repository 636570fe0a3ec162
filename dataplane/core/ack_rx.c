// Acknowledgements that come in, what they leave unacknowledged, and the alarm for when none comes
// (RFC 7016 §§3.6.2.4, 3.6.2.5, 3.6.2.6).
#include "dataplane/core/clock.h"
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/pmtu.h"
#include "dataplane/core/sent_ring.h"
#include "dataplane/fetch.h"

static bool tsn_is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

// ---- looking ahead ----

void flows_fetch_tx(const struct engine *e, uint32_t session_idx)
{
	const struct flow_table *t = flow_table_at(e->flows, session_idx);

	fetch_line_to_write(flow_tx_at(e->flows, t->tx_hint_idx));
}

void flows_fetch_ring(const struct engine *e, uint32_t session_idx)
{
	const struct flow_table *t = flow_table_at(e->flows, session_idx);
	const struct flow_tx *f = flow_tx_at(e->flows, t->tx_hint_idx);

	if (f->ring != NULL)
		fetch_line_to_write(sent_at(f, f->sn_base));
}

// ---- one chunk ----

// first..last are acknowledged, as far as they are ours: a peer may acknowledge what was never
// sent.
static void take_range(struct engine *e, uint32_t flow_idx, uint64_t first, uint64_t last,
		       struct rx_ctx *ctx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	if (first < f->sn_base)
		first = f->sn_base;
	if (last >= f->sn_next)
		last = f->sn_next - 1;
	for (uint64_t sn = first; sn <= last; sn++)
		flight_settle(e, flow_idx, sent_at(f, sn), ctx);
}

// Most of what a stream's flow has in flight was sent once, in order, and is acknowledged in order:
// numbers from the base to `cum` that are no more than in flight are settled together, as
// flight_settle does it one by one.
static void take_plain(struct engine *e, struct flow_tx *f, uint64_t cum, struct rx_ctx *ctx)
{
	struct session *s = session_at(e, f->session_idx);
	const struct sent *last = NULL;
	uint32_t bytes = 0;

	if (!(f->flags & FLOW_TX_STREAM) || s->heard & HEARD_NO_BIG)
		return;
	for (; f->sn_base < f->sn_next && f->sn_base <= cum; f->sn_base++) {
		const struct sent *x = sent_at(f, f->sn_base);

		if (x->flags != SENT_IN_FLIGHT || x->is_doubted)
			break;
		bytes += x->bytes;
		last = x;
	}
	if (last == NULL)
		return;
	ctx->acked_bytes += bytes;
	ctx->any_settled = true;
	f->in_flight_bytes -= bytes;
	s->in_flight_bytes -= bytes;
	if (f->in_flight_bytes == 0)
		s->tx_in_flight &= ~slot_bit(flow_tx_slot(f));
	if (tsn_is_before(s->tsn_acked, last->tsn)) {
		s->tsn_acked = last->tsn;
		flow_table_at(e->flows, f->session_idx)->late.arrived_ms = last->sent_ms;
	}
}

// A window that was closed may have had something to say.
static void take_window(struct engine *e, uint32_t flow_idx, uint64_t blocks)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c;

	if (f->rwnd_bytes == 0 && blocks > 0) {
		c = flow_tx_cold_at(e->flows, flow_idx);
		c->probe_ms = 0;
		c->is_probe_due = false;
	}
	if (blocks > UINT32_MAX / WINDOW_BLOCK)
		blocks = UINT32_MAX / WINDOW_BLOCK;
	f->rwnd_bytes = (uint32_t)blocks * WINDOW_BLOCK;
}

// Most acks of a relay's neighbour leave nothing to do: all of it arrived, or what did not is only
// late. They end here, without a look at the flow's cold half.
static bool is_plain(struct engine *e, struct flow_tx *f)
{
	if (!(f->flags & FLOW_TX_STREAM))
		return false;
	if (!sent_ring_is_empty(f))
		return (sent_at(f, f->sn_base)->flags & (SENT_IN_FLIGHT | SENT_ABANDONED)) ==
		       SENT_IN_FLIGHT;
	sent_ring_rest(f, e->flows->tx_slabs);
	return true;
}

void flows_on_ack(struct engine *e, uint32_t session_idx, struct rx_ctx *ctx, struct span payload,
		  bool is_bitmap)
{
	struct session *s = session_at(e, session_idx);
	struct ack_iter it;
	struct seq_range range;
	struct flow_tx *f;
	struct ack a;
	uint32_t idx;

	if (ack_read(&a, is_bitmap ? CHUNK_ACK_BITMAP : CHUNK_ACK_RANGES, payload) != 0) {
		session_blame(e, session_idx, DROP_MALFORMED);
		return;
	}
	idx = flow_tx_find(e->flows, session_idx, a.flow_id);
	// Unknown: it is complete, or never was. Nothing sent: the far end cannot know of it.
	if (idx == FLOW_IDX_NONE || flow_tx_at(e->flows, idx)->sn_next == 1)
		return;
	f = flow_tx_at(e->flows, idx);
	if (!ctx->any_ack) {
		ctx->in_flight_before = s->in_flight_bytes;
		ctx->arrived_ms = flow_table_at(e->flows, session_idx)->late.arrived_ms;
	}
	ctx->any_ack = true;
	e->stats.acks_received++;
	f->flags &= (uint8_t)~FLOW_TX_UNACKED;
	take_window(e, idx, a.window_blocks);
	take_plain(e, f, a.cum, ctx);
	take_range(e, idx, 0, a.cum, ctx);
	it = ack_iter_over(&a);
	while (ack_next(&it, &range) && range.from < f->sn_next)
		take_range(e, idx, range.from, range.to, ctx);
	while (f->sn_base < f->sn_next && sent_at(f, f->sn_base)->flags & SENT_ACKED)
		f->sn_base++;
	if (!is_plain(e, f))
		flow_tx_changed(e, idx);
}

void flows_on_exception(struct engine *e, uint32_t session_idx, struct span payload)
{
	struct flow_exception x;
	uint32_t idx;

	if (flow_exception_read(&x, payload) != 0) {
		session_blame(e, session_idx, DROP_MALFORMED);
		return;
	}
	idx = flow_tx_find(e->flows, session_idx, x.flow_id);
	if (idx != FLOW_IDX_NONE)
		flow_tx_on_exception(e, idx, x.code);
}

// ---- after the packet: what was sent earlier and is still not acknowledged ----

// Transmission numbers grow with sequence numbers until something is sent again. So if the oldest
// was sent once and after everything that is acknowledged, no number of this flow has been
// overtaken.
static bool has_overtaken(const struct flow_tx *f, uint32_t tsn_acked)
{
	const struct sent *x = sent_at(f, f->sn_base);

	return !(x->flags & SENT_IN_FLIGHT) || x->flags & SENT_RESENT ||
	       tsn_is_before(x->tsn, tsn_acked);
}

// A negative ack: something sent later has arrived, and so much later that this path's lateness
// does not explain it; or it would be time for the alarm anyway.
static bool is_negative(const struct engine *e, const struct session *s, const struct lateness *l,
			const struct sent *x)
{
	return tsn_is_before(x->tsn, s->tsn_acked) &&
	       (lateness_exceeds(l, x->sent_ms) || e->now_ms - x->sent_ms >= s->erto_us / 1000);
}

static void count_naks(struct engine *e, uint32_t flow_idx, struct rx_ctx *ctx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct session *s = session_at(e, f->session_idx);
	struct flow_table *t = flow_table_at(e->flows, f->session_idx);
	bool has_lost = false;

	if (!has_overtaken(f, s->tsn_acked))
		return;
	for (uint64_t sn = f->sn_base; sn < f->sn_next; sn++) {
		struct sent *x = sent_at(f, sn);

		if (!(x->flags & SENT_IN_FLIGHT) || !is_negative(e, s, &t->late, x))
			continue;
		ctx->any_nak = true;
		if (++x->naks < NAKS_FOR_LOSS)
			continue;
		// The window is cut once for what was in flight together, like TCP's.
		if (!t->is_recovering || !tsn_is_before(x->tsn, t->tsn_cut)) {
			ctx->any_loss = true;
			t->is_recovering = true;
			t->tsn_cut = s->tsn_next;
			flight_cut(e, f->session_idx);
		}
		flight_lose(e, flow_idx, sn);
		has_lost = true;
	}
	if (has_lost)
		flow_tx_changed(e, flow_idx);
}

void flows_open_again(struct engine *e, uint32_t session_idx)
{
	const struct session *s = session_at(e, session_idx);
	const struct flow_table *t = flow_table_at(e->flows, session_idx);

	if (!session_may_send(s))
		return;
	for (uint8_t prio = 0; prio < PRIO_N && s->tx_ready != 0; prio++)
		if (s->tx_ready & t->tx_prio[prio])
			session_mark(e, session_idx, due_of_prio(prio));
	if (t->tx_stream != 0)
		relay_flow_open_again(e, session_idx);
}

// What the echo names was sent before something that has arrived already: this path does not keep
// order. An ack that settles nothing may itself be late, and says nothing.
static void judge_lateness(struct engine *e, uint32_t session_idx, const struct rx_ctx *ctx)
{
	const struct session *s = session_at(e, session_idx);
	struct lateness *l = &flow_table_at(e->flows, session_idx)->late;
	uint16_t ticks_ago = (uint16_t)(clock_ticks(e->now_us) - ctx->echo);
	// The last moment of its tick.
	uint32_t sent_ms = (e->now_ms & ~3u) - 4u * ticks_ago + 3;

	if (ctx->any_settled && ctx->has_echo && s->tsn_acked != 0 &&
	    (int32_t)(l->arrived_ms - sent_ms) > 0)
		lateness_saw(l, (int32_t)(l->arrived_ms - sent_ms) + 3, e->now_ms);
	if (l->limit_ms != 0)
		lateness_turn(l, e->now_ms);
}

static void move_window(struct engine *e, uint32_t session_idx, const struct rx_ctx *ctx)
{
	struct session *s = session_at(e, session_idx);
	struct cc_event ev = {
		.in_flight_before = ctx->in_flight_before,
		.acked_bytes = ctx->acked_bytes,
		.any_ack = true,
		.any_nak = ctx->any_nak,
		.any_loss = ctx->any_loss,
	};

	if (!cc_minds(s, &ev))
		return;
	ev.is_fast = !session_tcr_received(e, session_idx) && !engine_tc_sent_any(e);
	ev.is_tc = session_tc_sent(e, session_idx);
	cc_on_packet(s, &ev);
}

static void after_acks(struct engine *e, uint32_t session_idx, struct rx_ctx *ctx)
{
	struct session *s = session_at(e, session_idx);
	struct flow_table *t = flow_table_at(e->flows, session_idx);

	s->n_burst = 0; // §3.5.2.3
	judge_lateness(e, session_idx, ctx);
	if (t->is_recovering && !tsn_is_before(s->tsn_acked, t->tsn_cut))
		t->is_recovering = false;
	// Losing may end a flow's flight, but never begins another's.
	for (uint64_t left = s->tx_in_flight; left != 0; left &= left - 1)
		count_naks(e, flow_table_tx(t, (uint8_t)__builtin_ctzll(left)), ctx);
	move_window(e, session_idx, ctx);
	if (s->flags & SESSION_ERTO_ARMED) {
		s->erto_at_ms = e->now_ms + s->erto_us / 1000;
		session_alarm_lazily(e, session_idx, s->erto_at_ms);
	}
	flows_open_again(e, session_idx);
}

void flows_after_packet(struct engine *e, uint32_t session_idx, struct rx_ctx *ctx)
{
	struct session *s = session_at(e, session_idx);

	if (ctx->has_data && s->rx_to_ack != 0 && ++s->n_rx_data >= DELAYED_ACK_PACKETS) {
		s->n_rx_data = DELAYED_ACK_PACKETS;
		session_mark(e, session_idx, DUE_ACK);
	}
	if (ctx->any_ack)
		after_acks(e, session_idx, ctx);
}

// ---- no acks at all ----

// Returns what SENT_* flags the lost had.
static uint8_t lose_all(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	uint8_t lost = 0;

	for (uint64_t sn = f->sn_base; sn < f->sn_next; sn++) {
		if (sent_at(f, sn)->flags & SENT_IN_FLIGHT) {
			lost |= sent_at(f, sn)->flags;
			flight_lose(e, flow_idx, sn);
		}
	}
	return lost;
}

void flows_on_erto(struct engine *e, uint32_t session_idx)
{
	struct session *s = session_at(e, session_idx);
	struct flow_table *t = flow_table_at(e->flows, session_idx);
	uint64_t in_flight = s->tx_in_flight, left;
	uint8_t lost = 0;
	bool had_loss;

	s->flags &= (uint8_t)~SESSION_ERTO_ARMED;
	s->n_burst = 0;
	if (in_flight != 0)
		flight_cut(e, session_idx);
	for (left = in_flight; left != 0; left &= left - 1)
		lost |= lose_all(e, t->tx[__builtin_ctzll(left)]);
	had_loss = lost != 0;
	if (lost & SENT_BIG)
		pmtu_doubt(e, session_idx);
	cc_on_timeout(s, had_loss);
	if (had_loss) {
		e->stats.timeouts++;
		t->is_recovering = false;
		session_erto_backoff(s);
	}
	// The window is settled first: now whoever has something to send again is told.
	for (left = in_flight & t->tx_used; left != 0; left &= left - 1)
		flow_tx_changed(e, t->tx[__builtin_ctzll(left)]);
	flows_open_again(e, session_idx);
}
