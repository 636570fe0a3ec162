// Timestamps, round trip times (§3.5.2.2) and who is time critical (§3.5.2.1).
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct session;

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

// A packet came with this timestamp; with this echo of ours.
void clock_on_timestamp(struct session *, uint16_t ts, uint64_t now_us);
void clock_on_echo(struct session *, uint16_t echo, uint64_t now_us);
void clock_on_rtt(struct session *, uint32_t rtt_us);
// The echo that a packet leaving now shall carry; false: none. Once it left, tell clock_echoed().
bool clock_echo_due(struct session *, uint64_t now_us, uint16_t *echo);
void clock_echoed(struct session *, uint16_t echo);

// A packet came with TC / with TCR; one left with TC.
void clock_on_tc(struct engine *, uint32_t session_idx);
void clock_on_tcr(struct engine *, uint32_t session_idx);
void clock_tc_sent(struct engine *, uint32_t session_idx);
// What other workers saw, so long ago; UINT32_MAX: never.
void clock_tc_elsewhere(struct engine *, uint32_t rx_ago_ms, uint32_t tx_ago_ms);
// Shall packets to this session carry TCR: did any *other* session send TC lately?
bool clock_tcr_due(const struct engine *, uint32_t session_idx);
