#include "dataplane/core/clock.h"

#include "dataplane/core/internal.h"

// -- timestamps --

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

void clock_on_rtt_max(struct session *s, uint32_t rtt_us)
{
	uint64_t erto_us = 3ull * rtt_us + RTO_DELACK_MS * 1000; // as of a first measurement

	if (s->heard & HEARD_RTT || erto_us >= s->erto_us)
		return;
	s->erto_us = erto_us > ERTO_MIN_MS * 1000 ? (uint32_t)erto_us : ERTO_MIN_MS * 1000;
}

void clock_on_new_echo(struct session *s, uint16_t echo, uint64_t now_us)
{
	uint16_t ticks = (uint16_t)(clock_ticks(now_us) - echo);

	s->flags |= SESSION_HAS_ECHO_RX;
	s->echo_rx = echo;
	if (ticks <= RTT_TICKS_MAX)
		clock_on_rtt(s, (uint32_t)ticks * TIMESTAMP_TICK_MS * 1000);
}

// -- time critical --

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

	return s->heard & HEARD_TCR && clock_is_recent(e, s->tcr_rx_ms);
}

bool session_tc_sent(const struct engine *e, uint32_t session_idx)
{
	const struct session *s = &e->sessions[session_idx];

	return s->heard & HEARD_TC_SENT && clock_is_recent(e, s->tc_tx_ms);
}

bool engine_tc_sent_any(const struct engine *e)
{
	return (e->has_tc_tx && clock_is_recent(e, e->tc_tx_ms)) ||
	       (e->has_tc_elsewhere_tx && clock_is_recent(e, e->tc_elsewhere_tx_ms));
}
