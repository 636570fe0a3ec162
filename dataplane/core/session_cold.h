// What a session needs rarely; the array runs parallel to struct session.
#pragma once

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypto/sseq_window.h"
#include "dataplane/messages.h"

// Alarms other than the two hot ones (session.h: erto_at_ms, delack_at_ms).
enum session_alarm {
	ALARM_KEEPALIVE,
	ALARM_CHALLENGE, // SESSION_PING: still there?
	ALARM_CLOSE,     // Close is repeated
	ALARM_END,       // a closing state is over
	ALARM_PROBE,     // flows: a buffer probe is due
	ALARM_PMTU,      // a probe's answer is overdue, or it is time to look again
	ALARM_ABUSE,     // set for at once: it has done too much that nobody does by accident
	ALARM_BUDGET,    // its own byte budget allows something again
	ALARM_N
};

// Single chunks that the session's next packet shall carry.
#define WANT_PING      0x01 // empty
#define WANT_CLOSE     0x02
#define WANT_CLOSE_ACK 0x04
#define WANT_MOBILITY  0x08 // the ping that proves a new address; a packet of its own
#define WANT_PMTU      0x10 // the ping that proves a packet size; a packet of its own

// Reports that control has not been told yet, since the ring was full.
#define TELL_ALIVE   0x01
#define TELL_MOVED   0x02
#define TELL_HEALTH  0x04
#define TELL_CLOSING 0x08
#define TELL_CLOSED  0x10

enum pmtu_state {
	PMTU_IDLE,    // nothing to send that would gain by larger packets
	PMTU_BASE,    // does the far end answer probes at all? Asked with the size that passes
	PMTU_SEARCH,  // probes of a larger size are on their way
	PMTU_SETTLED, // as large as was found; looks again from time to time
	PMTU_MUTE,    // the far end answers no probes: never asked again on this path
	PMTU_N
};

// Path MTU discovery (pmtu.h). Sizes are octets of UDP payload.
struct pmtu {
	uint8_t state;      // enum pmtu_state
	uint8_t n_sent;     // probes of this size
	uint8_t n_mute;     // rounds that found nobody to answer
	uint8_t n_big_lost; // packets above the base size, since one arrived
	bool is_wanted;     // messages are cut that larger packets would carry better
	bool is_doubted;    // nothing big is sent until the path has spoken again
	bool has_fallen;    // fell_ms holds a time
	uint16_t proven;    // the largest size that was answered
	uint16_t failed;    // the smallest that was not; 0: none
	uint16_t probe;     // the size in question
	uint16_t hint;      // what a router says the path carries; 0: nothing
	uint32_t no;        // of the last probe
	uint32_t big_acked_tsn, big_lost_tsn; // the latest of each
	uint32_t fell_ms;                     // last time the path turned out to carry less
};

struct session_cold {
	// Two lines of what pings look at.
	alignas(64) uint8_t wants; // WANT_*
	uint8_t tells;             // TELL_*
	bool is_untold_listed;
	uint8_t close_reason; // enum session_close_reason
	uint8_t n_pongs;      // empty pings to be answered, which needs no body
	uint32_t next_untold;

	// Whole chunks to be sent once, in order: ping replies, forwarded hellos. Bodies of
	// engine->bodies.
	struct body *chunks_head, *chunks_tail;
	uint32_t n_chunks;

	uint32_t alarms; // bit per enum session_alarm
	uint32_t alarm_at_ms[ALARM_N];

	uint32_t keepalive_ms, keepalive_limit_ms; // keepalive_ms 0: none
	bool is_pinged;                            // a keepalive ping is unanswered:
	uint32_t pinged_ms, ping_at_ms;            // the first one's time, the next one's
	uint8_t health;                            // enum session_health, as told
	uint32_t suspect_ms;                       // 0: control does not want to know
	uint32_t told_rtt_us;
	uint64_t challenge_us; // when it was asked; void unless session.is_challenged
	uint32_t challenge_end_ms;
	uint32_t close_end_ms;
	uint32_t unacked_since_ms; // with HEARD_NO_ACK

	// Address mobility (§3.5.4.2)
	struct msg_addr moved_to;
	uint64_t mobility_tx_us; // of our last mobility ping; 0: never
	uint64_t mobility_rx_us; // timestamp in the last reply that counted

	struct pmtu pmtu;

	// Faults of the far end since a moment.
	uint32_t n_faults, faults_since_ms;

	// Packets that came before the keys: cells of early.h
	uint32_t early_head, early_tail, n_early;

	// Counters for session_stats; flows count here.
	uint32_t n_lost, n_resent, n_duplicates;

	struct sseq_window rx_window;
};
