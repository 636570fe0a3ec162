// Timestamps, round trip times (§3.5.2.2) and who is time critical (§3.5.2.1).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/internal.h"

// The 250 Hz clock of the packet header. Its origin is the engine's.
static inline uint16_t clock_ticks(uint64_t now_us)
{
	return (uint16_t)(now_us / 4000);
}

// The same of a time in milliseconds by the engine's clock.
static inline uint16_t ms_ticks(uint32_t ms)
{
	return (uint16_t)(ms / 4);
}

// -- timestamps: every packet asks --

// A packet came with this timestamp.
static inline void clock_on_timestamp(struct session *s, uint16_t ts, uint64_t now_us)
{
	if (s->flags & SESSION_HAS_TS_RX && s->ts_rx == ts)
		return; // of several packets in a tick the first one's time counts
	s->flags |= SESSION_HAS_TS_RX;
	s->ts_rx = ts;
	s->ts_rx_us = now_us;
}

// And with this echo of ours.
void clock_on_new_echo(struct session *, uint16_t echo, uint64_t now_us);
static inline void clock_on_echo(struct session *s, uint16_t echo, uint64_t now_us)
{
	if (!(s->flags & SESSION_HAS_ECHO_RX) || s->echo_rx != echo) // else: measured already
		clock_on_new_echo(s, echo, now_us);
}

void clock_on_rtt(struct session *, uint32_t rtt_us);
// A round trip takes no longer: all that can be known while what was answered had been sent more
// than once (Karn). Until one is measured the alarm follows that, if it is sooner than after 3 s.
void clock_on_rtt_max(struct session *, uint32_t rtt_us);

// The echo that a packet leaving now shall carry; false: none. Once it left, tell clock_echoed().
static inline bool clock_echo_due(struct session *s, uint64_t now_us, uint16_t *echo)
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

static inline void clock_echoed(struct session *s, uint16_t echo)
{
	s->flags |= SESSION_HAS_ECHO_TX;
	s->echo_tx = echo;
}

// -- time critical --

static inline bool clock_is_recent(const struct engine *e, uint32_t at_ms)
{
	return e->now_ms - at_ms <= TC_MEMORY_MS;
}

// A packet came with TC. The rule asks about *another* session, so the two latest distinct senders
// are all one must know.
static inline void clock_on_tc(struct engine *e, uint32_t session_idx)
{
	if (e->tc_rx_session[0] != session_idx) {
		e->tc_rx_session[1] = e->tc_rx_session[0];
		e->tc_rx_ms[1] = e->tc_rx_ms[0];
		e->tc_rx_session[0] = session_idx;
	}
	e->tc_rx_ms[0] = e->now_ms;
	e->stats.tc_rx_us = e->now_us;
}

// Shall packets to this session carry TCR: did any *other* session send TC lately?
static inline bool clock_tcr_due(const struct engine *e, uint32_t session_idx)
{
	int other = e->tc_rx_session[0] == session_idx;

	return (e->tc_rx_session[other] != SESSION_NONE &&
		clock_is_recent(e, e->tc_rx_ms[other])) ||
	       (e->has_tc_elsewhere_rx && clock_is_recent(e, e->tc_elsewhere_rx_ms));
}

static inline void clock_on_tcr(struct engine *e, uint32_t session_idx)
{
	struct session *s = session_at(e, session_idx);

	s->heard |= HEARD_TCR;
	s->tcr_rx_ms = e->now_ms;
}

// One left with TC.
static inline void clock_tc_sent(struct engine *e, uint32_t session_idx)
{
	struct session *s = session_at(e, session_idx);

	s->heard |= HEARD_TC_SENT;
	s->tc_tx_ms = e->now_ms;
	e->has_tc_tx = true;
	e->stats.tc_tx_us = e->now_us;
	e->tc_tx_ms = e->now_ms;
}

// What other workers saw, so long ago; UINT32_MAX: never.
void clock_tc_elsewhere(struct engine *, uint32_t rx_ago_ms, uint32_t tx_ago_ms);
