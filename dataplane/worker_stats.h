// Plain counters of one worker: it alone writes them, others read a value that may be a burst old.
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/budget_class.h"
#include "dataplane/drops.h"

struct worker_stats {
	uint64_t rx_packets, rx_bytes; // datagrams given to the engine, octets of UDP payload
	uint64_t tx_packets, tx_bytes;
	uint64_t hellos_answered, keyings_reported, cookie_changes;
	uint64_t acks_sent, acks_received;
	uint64_t fragments_lost, fragments_resent; // RTMFP user data, all flows
	uint64_t timeouts;                         // ERTO alarms with loss
	uint64_t pmtu_probes, pmtu_fallbacks;      // packet sizes asked about, and given up again
	uint64_t pmtu_told;                        // routers' "too big" that a session recognised
	uint64_t sessions_open;                    // gauge
	uint64_t sessions_abusive;                 // closed for what their far ends did
	// When the last time critical packet came and left, by the engine's clock; 0: never. What
	// control tells the other workers by TC_ELSEWHERE.
	uint64_t tc_rx_us, tc_tx_us;
	uint64_t early_kept;     // packets held until their session's keys came
	uint64_t handoffs;       // fragments of streams that other workers lent
	uint64_t frames_handed;  // the world's: frames of other workers' sessions, given to them
	uint64_t stream_blocked; // fresh fragments that found a neighbour without room, and wait
				 // for its acks
	uint64_t turns, turns_idle, busy_us; // the world's: polls, polls without work, time at work
	uint64_t checksum_unverified;        // the world's: UDP checksums accepted unseen
	uint64_t tx_ip_bytes[BUDGET_CLASSES_N]; // octets of IP packets sent, by what a budget tells
						// apart
	uint64_t held[HELD_REASONS_N];          // times that something had to wait
	uint64_t drops[DROP_REASONS_N];
};
static_assert(sizeof(struct worker_stats) % sizeof(uint64_t) == 0, "counters only");

static inline void worker_stats_add(struct worker_stats *sum, const struct worker_stats *from)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *of = (const uint64_t *)from;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += of[i];
}
