// The whole contract between control and the workers: every command and every report, by value, 64
// octets each, in single-producer rings (mailbox.h). No other data is shared.
//
// Sessions are named by slot and near session id (the id we chose: worker in the low bits, slot, then
// random generation bits), so a value that outlived its session is recognised and dropped. Control
// allocates slots and ids; a worker frees a slot by reporting SESSION_CLOSED. Send flows are named by
// their slot in the session (0..FLOWS_PER_SESSION-1), allocated by control, free again after
// FLOW_FREED. The flow id on the wire is slot + FLOWS_PER_SESSION * n and never used twice in a
// session (§3.6.2.2), so nothing has to linger. Receive flows are named by the worker's slot and the
// far end's flow id.
//
// Bodies (body.h): a command's body is control's and comes home by BODIES_PUT reports; a report's
// body is the worker's and goes home by a BODIES_PUT command. Those two themselves have body NULL.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/body.h"

#define FLOWS_PER_SESSION  64
#define ENDPOINTS_MAX      8
#define SESSION_WORKER_BITS 4
#define SESSION_SLOT_BITS  18
#define SESSION_GEN_BITS   10
#define FLOW_META_MAX      24 // octets of metadata that travel inline; every kind we know is shorter
#define BODIES_PER_PUT     5
#define NO_FLOW            UINT16_MAX
#define NO_STREAM          UINT16_MAX

static inline uint32_t session_id_make(uint32_t worker, uint32_t slot, uint32_t gen)
{
	return worker | slot << SESSION_WORKER_BITS | gen << (SESSION_WORKER_BITS + SESSION_SLOT_BITS);
}
static inline uint32_t session_id_worker(uint32_t id)
{
	return id & ((1u << SESSION_WORKER_BITS) - 1);
}
static inline uint32_t session_id_slot(uint32_t id)
{
	return id >> SESSION_WORKER_BITS & ((1u << SESSION_SLOT_BITS) - 1);
}

// An address as it travels here: IPv4 in the first 4 octets, port in host order.
struct msg_addr {
	uint8_t ip[16]; // IPv4: the rest is zero
	uint16_t port;
	uint8_t family;   // 4 or 6
	uint8_t endpoint; // local port, and address if there is only one
	uint8_t local;    // as in struct pkt: which of our addresses, where an endpoint has several
	uint8_t rsv[3];   // zero: cookies and proofs are made over the whole
};
static_assert(sizeof(struct msg_addr) == 24, "packs into the arguments");

// What a worker does with the messages of a receive flow (design §6).
enum flow_class {
	FLOW_HELD,           // acknowledged and buffered within its window until control answers
	// Whole messages become MESSAGE reports. After a Flow Synchronization (rtmfp.md 14.3) in a flow with
	// TC metadata it is FLOW_HELD until control repeats the class.
	FLOW_CONTROL,
	// GR-11: maps, masks and pulls are the worker's, the rest become reports. With stream NO_STREAM the
	// first message becomes a report (it names the stream) and the flow holds until a second
	// FLOW_CLASS names the stream's index.
	FLOW_STREAM_CONTROL,
	FLOW_RELAY,          // GR-12: fragments of a stream
	// GR-62: requests for objects that the worker keeps are answered by it, on our GR-63 whose id
	// the command names, as long as that is open; the rest become reports.
	FLOW_STORE,
	FLOW_REJECT,         // flow exception
};

enum flow_prio { // engine_tx serves lower values first
	PRIO_CONTROL, // rpc, group control, stream control
	PRIO_MEDIA,   // relay, live
	PRIO_BULK,    // objects
	PRIO_POST,    // postings
	PRIO_N
};

// Whose bytes a limit is for (core/budget.h). Each worker has its part of the first two.
enum limit_level {
	LIMIT_TOTAL,
	LIMIT_GROUP,
	LIMIT_NEIGHBOUR, // of each session
};

enum session_close_how {
	CLOSE_ORDERLY, // Close until Close Ack or 90 s (§3.5.5)
	CLOSE_ABRUPT,  // one Close Ack, gone
	CLOSE_SILENT,  // overridden by a newer session of the same far end: no packet
};

enum session_close_reason {
	CLOSED_BY_US,
	CLOSED_BY_FAR,   // Close or Close Ack received
	CLOSED_TIMEOUT,  // retransmissions, keepalive or a challenge unanswered
	CLOSED_OVERRIDE, // CLOSE_SILENT
	CLOSED_NO_ROOM,  // SESSION_ADD could not be carried out
	CLOSED_ABUSE,    // too much that no peer does by accident
};

enum command_op {
	CMD_NONE,
	// -- the worker as a whole
	CMD_COOKIE_SECRET, // .cookie; the former secret stays good as the previous epoch
	CMD_ENDPOINT,      // body: struct endpoint_seed
	CMD_BODIES_PUT,    // .bodies
	CMD_STATS,         // .stats: which table; answered by STATS reports, the last one flagged
	CMD_TC_ELSEWHERE,  // .tc: time critical packets received / sent by other workers
	CMD_PACKET, // .packet, body: one whole startup chunk, sent in mode 3 under the default key
	// .packet.to, body: a tag. The endpoint's RHello with that tag and a cookie for .packet.to,
	// sent there, as if an IHello had come from it: the answer to a Forwarded IHello (§3.5.1.4)
	CMD_HELLO_REPLY,
	CMD_BUDGET, // .budget
	CMD_DATAGRAM, // .datagram, body: sent as it is, to where no session is (IP multicast)
	// -- a session
	CMD_SESSION_RESERVE,   // our id is about to travel: keep a few early packets for it
	CMD_SESSION_ADD,       // body: struct session_seed
	CMD_SESSION_CLOSE,     // .close; also drops a reservation. Answered by SESSION_CLOSED
	CMD_SESSION_CHUNK,     // body: one whole chunk (FIHello), sent once in the next packet
	CMD_SESSION_PING,      // .ping: answered within the limit or closed with CLOSED_TIMEOUT
	CMD_SESSION_KEEPALIVE, // .keepalive
	CMD_SESSION_UNGROUP,   // neighbour_remove: drop every rule, held flow and stream link of it
	// -- flows of a session
	CMD_FLOW_OPEN,  // flow, .open
	CMD_FLOW_SEND,  // flow, .send, body, len: one message
	CMD_FLOW_CLOSE, // flow: FIN after what is queued. Answered by FLOW_FREED
	CMD_FLOW_CLASS, // flow = receive slot, .class
	// -- objects (the group is that of the flows they are asked for and given on)
	CMD_OBJECT_KEEP,  // .object, body: the object, lent until it is dropped or pushed out
	CMD_OBJECTS_DROP, // .object: of that group, from .first to .last
	// -- streams (stream = index chosen by control, the same on every worker)
	CMD_STREAM_ADD,    // .stream, body: struct stream_seed
	CMD_STREAM_TUNE,   // the same again: its times, push limit and STREAM_SEND_TO_ALL hold from
			   // now on
	CMD_STREAM_REMOVE, // .stream: window and links go
	CMD_STREAM_END,    // .stream.number: complete below this number
	CMD_STREAM_PUBLISH,   // .stream, body: one GR-12 message as it shall travel
	CMD_STREAM_MULTICAST, // the same of somebody's, that came by IP multicast
	CMD_STREAM_LINK,      // session, .link: this neighbour takes part in the stream; repeated:
			      // updated
	CMD_STREAM_UNLINK,    // session, .link.stream
	CMD_OPS_N
};

enum report_op {
	REP_NONE,
	REP_BODIES_PUT, // .bodies
	REP_STATS,      // .stats, body: array of the table's rows; flags STATS_LAST
	// -- startup
	REP_HELLO,   // .packet, body: IHello payload that does not select us
	REP_KEYING,  // .packet, body: IIKeying payload with a good cookie
	REP_STARTUP, // .packet (chunk, session_id it was addressed to), body: payload of RHello, Redirect,
		     // RHello Cookie Change or RIKeying
	REP_DATAGRAM, // .packet.from, body: a whole datagram that came by IP multicast
	// -- a session
	REP_SESSION_FIHELLO, // body: FIHello payload
	REP_SESSION_ALIVE,   // first verified packet: the far end has our keys
	REP_SESSION_MOVED,   // .addr: verified new address
	// .health: while there is a keepalive, what becomes of it is told: silent, or heard again. Who
	// asked by .keepalive is told of suspicion, too, and when an answered ping shows a round trip
	// that differs by a quarter from the one last told.
	REP_SESSION_HEALTH,
	REP_SESSION_CLOSING, // .closed: it left S_OPEN, its flows and links are gone; the slot is not free yet. Bodies
	                     // that nobody acknowledged come home behind this
	REP_SESSION_CLOSED,  // .closed: the slot is free. The session's last report
	// -- flows of a session
	REP_FLOW_OPENED,    // flow = receive slot, .opened: answer with CMD_FLOW_CLASS
	REP_MESSAGE,        // flow = receive slot, .message, body
	REP_FLOW_FINISHED,  // flow = receive slot, .opened.flow_id: complete, nothing more will come
	REP_FLOW_EXCEPTION, // flow = send slot, .exception: the far end rejected it
	REP_FLOW_FREED,     // flow = send slot: complete (everything acknowledged or abandoned)
	// -- streams
	REP_STREAM_FRAGMENT, // tap: .stream.number, body: GR-12 message, in order of arrival, each once
	REP_STREAM_GONE,     // tap: numbers below .stream.number left the window
	REP_OPS_N
};

struct command {
	uint8_t op, flags;
	uint16_t flow;
	uint32_t session_idx, session_id;
	uint32_t len; // octets at body->data that count
	struct body *body;
	union {
		uint8_t raw[40];
		struct {
			uint8_t secret[32];
		} cookie;
		struct {
			struct body *more[BODIES_PER_PUT]; // NULL: none
		} bodies;
		struct {
			uint32_t table; // enum stats_table
		} stats;
		struct {
			uint32_t rx_ago_ms, tx_ago_ms; // UINT32_MAX: never
		} tc;
		struct {
			struct msg_addr to;
			uint32_t session_id; // the far end's id that the packet is addressed to; 0: startup
			uint8_t chunk;       // its type, the body's first octet
			// Of a question (report.packet): sent up to three times, 0.1 s apart, as often as
			// they cover. 0: once.
			uint32_t allowance;
		} packet;
		struct {
			struct msg_addr to;
			uint8_t ttl;
		} datagram;
		struct {
			uint64_t bytes_per_s; // octets of IP packets; 0: no limit
			uint16_t group;       // LIMIT_GROUP: as in stream_seed
			uint8_t level;        // enum limit_level
		} budget;
		struct {
			uint8_t how; // enum session_close_how
		} close;
		struct {
			uint32_t limit_us; // 0: the default, max(3 ERTO, 1 s)
		} ping;
		struct {
			uint32_t interval_us; // silence before an empty ping; 0: never
			uint32_t limit_us;    // silence before the session counts as dead; 0: the default
			uint32_t suspect_us;  // a ping unanswered for so long is told (SESSION_HEALTH); 0: never
		} keepalive;
		struct {
			uint64_t flow_id;    // on the wire: flow + FLOWS_PER_SESSION * n
			uint64_t assoc_id;   // far end's flow that this one returns, if FLOW_OPEN_ASSOC
			uint16_t rule_stream; // return flows with metadata 47 52 12 become RELAY of it at once
			uint16_t group;      // whose budget it is charged to, as in stream_seed; 0: nobody's
			uint8_t prio;        // enum flow_prio
			uint8_t flags;       // FLOW_OPEN_*
			uint8_t meta_len;
			uint8_t meta[17];
		} open;
		struct {
			uint64_t deadline_us; // abandoned when not acknowledged by then; 0: reliable
		} send;
		struct {
			uint64_t flow_id;
			uint32_t capacity_bytes; // receive buffer; 0: the default
			uint32_t exception;      // FLOW_REJECT
			uint16_t stream;         // FLOW_RELAY, FLOW_STREAM_CONTROL
			uint8_t class;           // enum flow_class
			uint8_t is_network_order;
			uint64_t answer_flow_id; // FLOW_STORE
		} class;
		struct {
			uint64_t first, last; // OBJECT_KEEP: first
			uint16_t group;       // as in open
			uint8_t encoding;     // enum object_encoding
		} object;
		struct {
			uint64_t number;
			uint16_t stream;
			uint8_t is_key; // key frame or codec header: kept alive until window + margin
		} stream;
		struct {
			uint16_t stream;
			uint16_t control_flow; // our GR-11 to this neighbour (already open)
			uint16_t data_flow;    // slot reserved for our GR-12; opened with the first fragment
			uint8_t flags;         // LINK_*
			uint8_t rsv;
			uint64_t data_flow_id;
			uint64_t assoc_id; // far end's GR-11 flow id: association of our GR-12
			uint64_t ring_order; // neighbours are visited ascending / descending by this
		} link;
	};
};
static_assert(sizeof(struct command) == 64, "one line");

#define FLOW_OPEN_ASSOC 0x01
#define FLOW_OPEN_TC    0x02 // time critical (§2.2.4)
#define FLOW_OPEN_FIRST 0x04 // before all others of its session and priority: sound before pictures
#define LINK_IS_SUPER   0x01 // ask it for all eight slots at once (groups.md 6.3)
#define LINK_NO_PUSH_IN 0x02 // never ask it to push

// How a session's pings are answered. The higher, the worse.
enum session_health {
	HEALTH_GOOD,
	// Neither they were, nor what we send acknowledged, for longer than a path takes: it is a bad
	// one, or the far end has begun a new life.
	HEALTH_SILENT,
	HEALTH_SUSPECT, // none was for as long as .keepalive said
};

struct report {
	uint8_t op, flags;
	uint16_t flow;
	uint32_t session_idx, session_id;
	uint32_t len; // octets at body->data that count
	struct body *body;
	union {
		uint8_t raw[40];
		struct {
			struct body *more[BODIES_PER_PUT];
		} bodies;
		struct {
			uint32_t table, n; // enum stats_table, rows in the body
		} stats;
		struct {
			struct msg_addr from;
			uint32_t session_id; // ours, that the packet was addressed to
			uint8_t chunk;
			uint32_t allowance; // HELLO: octets that all answers to it may have
		} packet;
		struct msg_addr addr;
		struct {
			uint32_t rtt_us; // 0: not measured
			uint8_t level;   // enum session_health
		} health;
		struct {
			uint8_t reason; // enum session_close_reason
		} closed;
		struct {
			uint64_t flow_id;
			uint16_t assoc_flow; // our send slot that it returns, or NO_FLOW
			uint16_t meta_len;   // true length; meta holds at most FLOW_META_MAX octets
			uint8_t meta[FLOW_META_MAX];
		} opened;
		struct {
			uint64_t flow_id;
			uint64_t seq;        // of its first fragment
			uint8_t gap_before;  // messages are missing before this one
		} message;
		struct {
			uint64_t flow_id;
			uint64_t code;
		} exception;
		struct {
			uint64_t number;
			uint16_t stream;
		} stream;
	};
};
static_assert(sizeof(struct report) == 64, "one line");

#define STATS_LAST 0x01 // no further STATS report answers this request

enum stats_table {
	STATS_WORKER,   // one struct worker_stats
	STATS_SESSIONS, // struct session_stats per open session
	STATS_STREAMS,  // struct stream_stats per stream
	STATS_LINKS,    // struct link_stats per neighbour and stream
};

// What control reads of the objects that a worker keeps of a group, at most a burst old.
struct object_gauge {
	uint64_t n_given, given_bytes; // requests that the worker answered, octets of objects
	uint64_t n_missed;             // requests for what was not there
	uint64_t n_crowded; // for what was, of somebody to whom enough is on its way already
	uint64_t n_evicted; // pushed out by others
	uint64_t n_refused; // that there was no room for
	uint64_t n_kept, kept_bytes; // now; those count that are still on their way, too
};

// Seeds travel in control's bodies.

struct endpoint_seed {
	uint8_t endpoint;
	uint8_t answers_hello; // RHello to hellos that select the certificate
	uint16_t cert_len;
	uint8_t fingerprint[32];
	uint8_t cert[1024];
};

#define SEED_INITIATOR 0x01 // we opened: our packets carry mode 1
#define SEED_TX_SSEQ   0x02
#define SEED_RX_SSEQ   0x04
struct session_seed {
	alignas(16) uint8_t tx_sched[176];
	alignas(16) uint8_t rx_sched[176];
	alignas(64) uint8_t tx_hmac[64];
	uint8_t rx_hmac[64];
	struct msg_addr far;
	uint32_t far_id;
	uint8_t flags; // SEED_*
	uint8_t tx_tag_len, rx_tag_len; // octets of HMAC; 0: checksum form
	uint8_t rsv;
	uint32_t keepalive_us; // 0: none
	uint32_t rtt_us;       // measured during startup, 0: unknown
	uint32_t rtt_max_us;   // of which startup knows only that it is no more; 0: unknown
};

#define STREAM_PUBLISHER   0x01 // we are the source: maps are ignored, nothing is pulled
#define STREAM_TAP         0x02 // every new fragment is reported too
#define STREAM_SEND_TO_ALL 0x04 // availability to all neighbours each period
#define STREAM_PUSH_ALL    0x08 // super-peer: push to whoever asks (no neighbour limit)
#define STREAM_HOME        0x10 // this worker asks for pushes first, others where nothing comes
struct stream_seed {
	uint32_t window_ms, margin_ms, update_ms, fetch_ms;
	uint32_t extents_max;  // 64 KiB each
	uint16_t push_limit;   // neighbours served proactively, unless STREAM_PUSH_ALL
	uint8_t flags;         // STREAM_*
	uint8_t home;          // the worker with STREAM_HOME
	uint16_t group; // whose budget its fragments are charged to; 0: nobody's
};

// Worker to worker, one ring each way. Who has neighbours of a stream says JOIN to all others, and is
// lent a fragment's body from then on: it copies it out of the lender's window into its own, once, and
// returns it. Whose ring it came from says who lends, borrows or takes part.
enum handoff_op {
	HANDOFF_NONE,
	HANDOFF_LEND,
	HANDOFF_RETURN,
	HANDOFF_JOIN,
	HANDOFF_LEAVE,
	HANDOFF_OFFER, // of what both may miss, what this worker's neighbours have announced
};

#define HANDOFF_RETURNS 7   // extents in one message
#define HANDOFF_OFFERS  320 // numbers

struct handoff {
	uint8_t op; // enum handoff_op
	uint8_t is_key;
	uint8_t is_old;    // was in the lender's window before the borrower took part
	uint8_t is_pulled; // the lender had asked for it, nobody pushes it to him
	uint16_t stream;
	uint16_t rsv;
	union {
		struct {
			const uint8_t *body; // in the lender's extent, until it is returned
			uint64_t number;
			uint32_t arrival_ms;
			uint32_t extent;
			uint16_t len, sum; // csum_partial of the body
		} lend;
		struct {
			uint32_t extent, n; // so many bodies of it were read; 0: none
		} returned[HANDOFF_RETURNS];
		struct {
			uint64_t first;
			uint8_t bits[HANDOFF_OFFERS / 8]; // first + i: bit i % 8 of octet i / 8
		} offer;
	};
};
static_assert(sizeof(struct handoff) == 64, "one line");

// Rows of stats. Counters are totals since the start of what they describe.

struct session_stats {
	uint32_t session_idx, session_id;
	uint32_t srtt_us, erto_us;
	uint32_t cwnd_bytes, in_flight_bytes;
	uint64_t rx_bytes, tx_bytes;
	uint64_t rx_packets, tx_packets;
	uint32_t lost_fragments, resent_fragments;
	uint32_t duplicates, silent_ms;
	uint32_t path_mtu; // octets of IP packet
	struct msg_addr far;
};

struct stream_stats { // netgroup-semantics 8.4, as far as a worker knows
	uint16_t stream, n_links;
	uint32_t fragments_held, bytes_held;
	uint64_t newest, oldest, end;
	uint64_t fragments_pushed_to, bytes_pushed_to;
	uint64_t fragments_received, fragments_pushed_from, bytes_pushed_from;
	uint64_t fragments_pulled_by, bytes_pulled_by;
	uint64_t fragments_pulled_from, bytes_pulled_from;
	uint64_t fragments_from_multicast, bytes_from_multicast;
	uint64_t fragments_from_super, bytes_from_super; // of both of these, from super-peers
	uint64_t fragments_published, duplicates, late, missing, skipped;
	uint64_t bytes_published;
	uint64_t control_bytes_sent, control_bytes_received, resent;
	uint64_t control_bytes_to_super;
};

struct link_stats {
	uint32_t session_idx, session_id;
	uint16_t stream;
	uint8_t slots_we_push, slots_they_push;
	uint32_t skipped, lag_fragments;
	uint64_t fragments_to, fragments_from;
};
