#include "dataplane/core/clock.h"

#include "dataplane/core/internal.h"

// -- timestamps --

void clock_on_timestamp(struct session *s, uint16_t ts, uint64_t now_us)
{
	if (s->flags & SESSION_HAS_TS_RX && s->ts_rx == ts)
		return; // of several packets in a tick the first one's time counts
	s->flags |= SESSION_HAS_TS_RX;
	s->ts_rx = ts;
	s->ts_rx_us = now_us;
}

bool clock_echo_due(struct session *s, uint64_t now_us, uint16_t *echo)
{
	uint64_t held_us = now_us - s->ts_rx_us;

	if (!(s->flags & SESSION_HAS_TS_RX))
		return false;
	if (held_us > TIMESTAMP_ECHO_MAX_MS * 1000ull) {
		s->flags &= (uint8_t) ~(SESSION_HAS_TS_RX | SESSION_HAS_ECHO_TX);
		return false;
	}
	// Advanced by the time we held it, so the far end measures the path alone.
	*echo = (uint16_t)(s->ts_rx + held_us / 4000);
	return !(s->flags & SESSION_HAS_ECHO_TX) || *echo != s->echo_tx;
}

void clock_echoed(struct session *s, uint16_t echo)
{
	s->flags |= SESSION_HAS_ECHO_TX;
	s->echo_tx = echo;
}

void clock_on_rtt(struct session *s, uint32_t rtt_us)
{
	uint32_t off_us;

	if (!(s->heard & HEARD_RTT)) {
		s->heard |= HEARD_RTT;
		s->srtt_us = rtt_us;
		s->rttvar_us = rtt_us / 2;
	} else {
		off_us = s->srtt_us > rtt_us ? s->srtt_us - rtt_us : rtt_us - s->srtt_us;
		s->rttvar_us = (3 * s->rttvar_us + off_us) / 4;
		s->srtt_us = (uint32_t)((7ull * s->srtt_us + rtt_us) / 8);
	}
	s->mrto_us = s->srtt_us + 4 * s->rttvar_us + RTO_DELACK_MS * 1000;
	s->erto_us = s->mrto_us > ERTO_MIN_MS * 1000 ? s->mrto_us : ERTO_MIN_MS * 1000;
}

void clock_on_echo(struct session *s, uint16_t echo, uint64_t now_us)
{
	uint16_t ticks = (uint16_t)(clock_ticks(now_us) - echo);

	if (s->flags & SESSION_HAS_ECHO_RX && s->echo_rx == echo)
		return; // measured already
	s->flags |= SESSION_HAS_ECHO_RX;
	s->echo_rx = echo;
	if (ticks <= RTT_TICKS_MAX)
		clock_on_rtt(s, (uint32_t)ticks * TIMESTAMP_TICK_MS * 1000);
}

// -- time critical --

static bool is_recent(const struct engine *e, uint32_t at_ms)
{
	return e->now_ms - at_ms <= TC_MEMORY_MS;
}

// The rule asks about *another* session, so the two latest distinct senders are all one must know.
void clock_on_tc(struct engine *e, uint32_t session_idx)
{
	if (e->tc_rx_session[0] != session_idx) {
		e->tc_rx_session[1] = e->tc_rx_session[0];
		e->tc_rx_ms[1] = e->tc_rx_ms[0];
		e->tc_rx_session[0] = session_idx;
	}
	e->tc_rx_ms[0] = e->now_ms;
	e->stats.tc_rx_us = e->now_us;
}

bool clock_tcr_due(const struct engine *e, uint32_t session_idx)
{
	int other = e->tc_rx_session[0] == session_idx;

	return (e->tc_rx_session[other] != SESSION_NONE && is_recent(e, e->tc_rx_ms[other])) ||
	       (e->has_tc_elsewhere_rx && is_recent(e, e->tc_elsewhere_rx_ms));
}

void clock_on_tcr(struct engine *e, uint32_t session_idx)
{
	struct session *s = session_at(e, session_idx);

	s->heard |= HEARD_TCR;
	s->tcr_rx_ms = e->now_ms;
}

void clock_tc_sent(struct engine *e, uint32_t session_idx)
{
	struct session *s = session_at(e, session_idx);

	s->heard |= HEARD_TC_SENT;
	s->tc_tx_ms = e->now_ms;
	e->has_tc_tx = true;
	e->stats.tc_tx_us = e->now_us;
	e->tc_tx_ms = e->now_ms;
}

void clock_tc_elsewhere(struct engine *e, uint32_t rx_ago_ms, uint32_t tx_ago_ms)
{
	e->has_tc_elsewhere_rx = rx_ago_ms != UINT32_MAX;
	e->tc_elsewhere_rx_ms = e->now_ms - rx_ago_ms;
	e->has_tc_elsewhere_tx = tx_ago_ms != UINT32_MAX;
	e->tc_elsewhere_tx_ms = e->now_ms - tx_ago_ms;
}

bool session_tcr_received(const struct engine *e, uint32_t session_idx)
{
	const struct session *s = &e->sessions[session_idx];

	return s->heard & HEARD_TCR && is_recent(e, s->tcr_rx_ms);
}

bool session_tc_sent(const struct engine *e, uint32_t session_idx)
{
	const struct session *s = &e->sessions[session_idx];

	return s->heard & HEARD_TC_SENT && is_recent(e, s->tc_tx_ms);
}

bool engine_tc_sent_any(const struct engine *e)
{
	return (e->has_tc_tx && is_recent(e, e->tc_tx_ms)) ||
	       (e->has_tc_elsewhere_tx && is_recent(e, e->tc_elsewhere_tx_ms));
}
