// One verified packet of a session: header, clocks, chunks.
#include "dataplane/core/rx.h"

#include "dataplane/core/clock.h"
#include "dataplane/core/mobility.h"
#include "dataplane/core/pmtu.h"
#include "dataplane/core/session_chunks.h"
#include "dataplane/core/session_life.h"

// What a chunk's handler needs.
struct chunk_ctx {
	uint32_t idx;
	const struct pkt *pkt;
	struct rx_ctx flows;
};

static void on_ping_reply(struct engine *e, const struct chunk_ctx *ctx, struct span message)
{
	session_keepalive_heard(e, ctx->idx);
	if (session_at(e, ctx->idx)->is_challenged)
		session_challenge_replied(e, ctx->idx);
	// Any packet shows that the far end lives, so an empty reply (§16.3) has done its work.
	if (message.len == 0)
		return;
	engine_stir(e); // its path may be another now, or carry more
	mobility_on_reply(e, ctx->idx, ctx->pkt, message);
	pmtu_on_reply(e, ctx->idx, message);
}

static void on_fihello(struct engine *e, uint32_t idx, struct span payload)
{
	struct report r = {.op = REP_SESSION_FIHELLO, .session_idx = idx};

	r.session_id = session_at(e, idx)->id_rx;
	engine_report_copy(e, &r, payload); // lost if control is behind: the initiator asks again
}

// Legal in both modes of a session.
static inline void on_ack(struct engine *e, struct chunk_ctx *ctx, const struct chunk *c)
{
	engine_stir(e);
	flows_on_ack(e, ctx->idx, &ctx->flows, c->payload, c->type == CHUNK_ACK_BITMAP);
}

static void on_open_chunk(struct engine *e, struct chunk_ctx *ctx, const struct chunk *c)
{
	if (c->type != CHUNK_PING && c->type != CHUNK_PING_REPLY)
		engine_stir(e);
	switch (c->type) {
	case CHUNK_PING:
		session_keepalive_heard(e, ctx->idx);
		session_ping_received(e, ctx->idx, c->payload);
		break;
	case CHUNK_PING_REPLY:
		on_ping_reply(e, ctx, c->payload);
		break;
	case CHUNK_FIHELLO:
		on_fihello(e, ctx->idx, c->payload);
		break;
	case CHUNK_USER_DATA:
		flows_on_user_data(e, ctx->idx, &ctx->flows, c->payload);
		break;
	case CHUNK_NEXT_USER_DATA:
		flows_on_next_user_data(e, ctx->idx, &ctx->flows, c->payload);
		break;
	case CHUNK_ACK_BITMAP:
	case CHUNK_ACK_RANGES:
		on_ack(e, ctx, c);
		break;
	case CHUNK_BUFFER_PROBE:
		flows_on_buffer_probe(e, ctx->idx, c->payload);
		break;
	case CHUNK_FLOW_EXCEPTION:
		flows_on_exception(e, ctx->idx, c->payload);
		break;
	default:
		engine_drop(e, DROP_UNKNOWN_CHUNK);
	}
}

// Close and its Ack count in every state that still has keys (§3.5.5), all else in S_OPEN only.
static void on_chunk(struct engine *e, struct chunk_ctx *ctx, const struct chunk *c,
		     enum packet_mode mode)
{
	if (c->type == CHUNK_PADDING_00 || c->type == CHUNK_PADDING_FF)
		return;
	if (c->type == CHUNK_CLOSE || c->type == CHUNK_CLOSE_ACK)
		engine_stir(e);
	if (c->type == CHUNK_CLOSE)
		session_on_close(e, ctx->idx);
	else if (c->type == CHUNK_CLOSE_ACK)
		session_on_close_ack(e, ctx->idx);
	else if (session_at(e, ctx->idx)->state != S_OPEN)
		return; // what a closing session still receives is no longer anybody's
	else if (!chunk_is_legal(c->type, mode) && chunk_is_legal(c->type, MODE_STARTUP))
		engine_drop(e, DROP_WRONG_MODE_CHUNK);
	else
		on_open_chunk(e, ctx, c);
}

// The first packet that verifies shows a responder that its RIKeying has arrived, which left when
// the session was added.
static void on_first(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);

	s->flags |= SESSION_ALIVE;
	session_tell(e, idx, TELL_ALIVE);
	if (!(s->flags & SESSION_IS_INITIATOR) && e->now_ms - s->last_rx_ms < ERTO_INITIAL_MS)
		clock_on_rtt_max(s, (e->now_ms - s->last_rx_ms) * 1000);
}

static void on_header(struct engine *e, uint32_t idx, const struct packet_header *h)
{
	struct session *s = session_at(e, idx);

	if (h->flags & PACKET_TS)
		clock_on_timestamp(s, h->ts, e->now_us);
	if (h->flags & PACKET_TSE)
		clock_on_echo(s, h->ts_echo, e->now_us);
	if (h->flags & PACKET_TC)
		clock_on_tc(e, idx);
	if (h->flags & PACKET_TCR)
		clock_on_tcr(e, idx);
	if (s->is_challenged && h->flags & PACKET_TSE)
		session_challenge_heard(e, idx, h->ts_echo);
	if (!(s->flags & SESSION_ALIVE))
		on_first(e, idx);
}

static void after_chunks(struct engine *e, struct chunk_ctx *ctx)
{
	flows_after_packet(e, ctx->idx, &ctx->flows);
	if (ctx->flows.acked_bytes > 0)
		session_at(e, ctx->idx)->heard &= ~HEARD_NO_ACK & HEARD_ALL;
	if (session_at(e, ctx->idx)->state == S_OPEN)
		mobility_check(e, ctx->idx, ctx->pkt);
}

void rx_packet(struct engine *e, uint32_t idx, struct pkt *pkt, struct span plain)
{
	struct session *s = session_at(e, idx);
	enum packet_mode own = s->flags & SESSION_IS_INITIATOR ? MODE_INITIATOR : MODE_RESPONDER;
	struct chunk_ctx ctx;
	struct rd r = rd_over_span(plain);
	struct packet_header h;
	struct chunk c;

	if (packet_header_read(&r, &h) != 0) {
		rx_drop(e, pkt, packet_mode(&h) == MODE_FORBIDDEN ? DROP_MODE : DROP_TRUNCATED);
		return;
	}
	// Our own mark is a reflection (§2.2.4); startup chunks never come under session keys.
	if (packet_mode(&h) == own || packet_mode(&h) == MODE_STARTUP) {
		rx_drop(e, pkt, packet_mode(&h) == own ? DROP_OWN_MARK : DROP_MODE);
		return;
	}
	if (s->state == S_OPEN)
		on_header(e, idx, &h);
	s->last_rx_ms = e->now_ms;
	s->rx_packets++;
	s->rx_bytes += pkt->len;
	ctx.idx = idx;
	ctx.pkt = pkt;
	rx_ctx_begin(&ctx.flows, s->in_flight_bytes, &h);
	while (s->state != S_CLOSED && chunk_next(&r, &c)) {
		if (c.type == CHUNK_ACK_RANGES && s->state == S_OPEN) // what most packets are
			on_ack(e, &ctx, &c);
		else
			on_chunk(e, &ctx, &c, packet_mode(&h));
	}
	if (s->state == S_OPEN)
		after_chunks(e, &ctx);
}
