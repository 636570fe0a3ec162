// A session's hot half: what every packet of it touches (fastpath.md 5). Array index = slot of the
// near session id. Everything rare is in struct session_cold, same index.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/messages.h"

enum session_state { // RFC 7016 §3.5; S_IHELLO_SENT and S_KEYING_SENT are control's
	S_CLOSED,
	S_RESERVED, // our id travels in a keying chunk: early packets wait here
	S_OPEN,
	S_NEARCLOSE,
	S_FARCLOSE_LINGER,
	S_LAST_WORD, // abruptly closed: gone as soon as its one Close Ack has left
};

#define SESSION_IS_INITIATOR 0x01
#define SESSION_TX_SSEQ      0x02
#define SESSION_RX_SSEQ      0x04
#define SESSION_HAS_TS_RX    0x08
#define SESSION_HAS_ECHO_TX  0x10
#define SESSION_HAS_ECHO_RX  0x20
#define SESSION_ALIVE        0x40 // a packet has verified since SESSION_ADD
#define SESSION_ERTO_ARMED   0x80

#define DUE_ACK    0x01 // some receive flow shall acknowledge now
#define DUE_CHUNK  0x02 // pings, replies, close, forwarded hellos
#define DUE_DATA   0x04 // a message flow may have something to send (PRIO_CONTROL)
#define DUE_BULK   0x08 // the same, PRIO_BULK
#define DUE_LISTED 0x10 // on the ready list already
#define DUE_MEDIA  0x20 // the same as DUE_DATA, PRIO_MEDIA
#define DUE_POST   0x40 // PRIO_POST

#define HEARD_TC_SENT 0x01 // tc_tx_ms holds a time
#define HEARD_TCR     0x02 // tcr_rx_ms holds a time
#define HEARD_RTT     0x04 // srtt_us holds a measurement
#define HEARD_NO_BIG  0x08 // packets above the base size got lost since one arrived (pmtu.h)
#define HEARD_ALL     0x1f
#define HEARD_NO_ACK  0x10 // alarms since session_cold.unacked_since_ms found nothing acknowledged

#define CWND_INIT_BYTES 4380       // RFC 7016 appendix A, RFC 5681 §3.1
#define SSTHRESH_NONE   UINT32_MAX // no loss yet

struct session {
	// line 0: identity, congestion, clocks
	alignas(64) uint32_t id_rx; // near id; 0: slot unused
	uint32_t id_tx;             // far id
	uint32_t cwnd_bytes, in_flight_bytes, ssthresh_bytes, growth_bytes;
	uint32_t tsn_next,
		tsn_acked;   // §3.6.2.5: transmission numbers; tsn_acked: highest acknowledged
	uint32_t alarm_ms;   // where the timer wheel has it (timer.h)
	uint32_t last_rx_ms; // last packet that verified
	uint64_t ts_rx_us;   // when ts_rx came
	uint16_t ts_rx, ts_tx, echo_tx, echo_rx; // 4 ms ticks, §2.2.4
	uint8_t flags, due;                      // SESSION_*, DUE_*
	uint8_t state : 3, heard : 5;            // enum session_state, HEARD_*
	uint8_t n_burst; // packets with user data since the last ack (§3.5.2.3); txp_end counts up
	uint8_t tx_tag_len;     // octets of HMAC; 0: checksum form
	uint8_t rx_tag_len : 6; // the same
	uint8_t n_rx_data : 2;  // data packets since we last acknowledged
	uint16_t payload_max;   // octets of UDP payload that its path carries (pmtu.h)

	// lines 1-3
	alignas(64) uint8_t seal_sched[176];
	uint64_t tx_bytes, sseq_tx;

	// lines 4-6
	alignas(64) uint8_t open_sched[176];
	uint64_t rx_bytes;
	uint32_t srtt_us, rttvar_us;

	// line 7: flows, by send slot or receive slot
	alignas(64) uint64_t tx_in_flight; // send slots with something in flight
	uint64_t tx_ready;                 // send slots of message flows with something eligible
	uint64_t rx_to_ack;                // receive slots that shall be acknowledged
	uint32_t erto_us, mrto_us;
	uint32_t rx_packets, tx_packets;
	uint32_t erto_at_ms;   // retransmission alarm, if SESSION_ERTO_ARMED
	uint32_t delack_at_ms; // delayed ack alarm; 0: none
	uint32_t next_ready;   // list link of engine_tx
	uint8_t ip_udp_len;    // octets before a UDP payload on its path
	bool is_challenged;    // nothing has shown yet that it lived at session_cold.challenge_us
	uint16_t path_gen;     // struct path's, for packets that leave
	uint32_t tc_tx_ms,
		tcr_rx_ms; // last time critical packet to it; last TCR from it (§3.5.2.1)
};
static_assert(sizeof(struct session) == 512, "fastpath.md 5: eight lines");
static_assert(offsetof(struct session, seal_sched) == 64, "line 1");
static_assert(offsetof(struct session, open_sched) == 256, "line 4");
static_assert(offsetof(struct session, tx_in_flight) == 448, "line 7");
