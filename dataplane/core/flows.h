// Send and receive flows (RFC 7016 §3.6) of all sessions of an engine: numbers, what is in flight,
// reassembly, acknowledgements, loss and congestion. Knows no octet of a packet outside its own
// chunks.
//
// A send flow is numbers + a ring of what is in flight + a *source* of bodies (fastpath.md 2): the
// message queue of this room, or a stream's window (relay.h). The acknowledgement machine is one.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/relay.h"
#include "dataplane/core/session.h"
#include "dataplane/fetch.h"
#include "dataplane/wire/chunk.h"

struct engine;
struct engine_opts;
struct txp;
struct flows; // pools of this room, engine->flows

#define FLOW_IDX_NONE UINT32_MAX

// flow_tx.flags
#define FLOW_TX_STREAM                                                                             \
	0x01 // source: a stream; source_idx: link of relay.h; sent.ref: fragment number,
	     // low 32 bits. Else the message queue; sent.ref: message index
#define FLOW_TX_UNACKED                                                                            \
	0x02 // no ack yet: the first chunk of every packet carries the flow's options
#define FLOW_TX_TC       0x04 // its packets are marked time critical
#define FLOW_TX_REJECTED 0x08 // flow exception: the window no longer binds (§3.6.2.7)
#define FLOW_TX_GAPS     0x10 // a number in the ring is abandoned

enum flow_tx_state {
	F_FREE,
	F_OPEN,
	F_CLOSING, // closed by us or rejected: runs until everything through the final number is
		   // settled
};

// One line; a pool per engine.
struct flow_tx {
	alignas(64) uint64_t sn_next; // ring holds [sn_base, sn_next)
	uint64_t sn_base;
	struct sent *ring; // from a slab while active, given back when idle
	uint64_t cursor;   // stream: first fragment this neighbour was not offered yet
	uint32_t ring_mask, in_flight_bytes, rwnd_bytes;
	uint32_t session_idx, source_idx;
	uint32_t late; // stream: fragments skipped
	uint8_t slots; // stream: the far end's PushMask
	uint8_t flags; // FLOW_TX_*
	uint8_t state, id_vlu_len;
	uint8_t id_vlu[4];
};
static_assert(sizeof(struct flow_tx) == 64, "fastpath.md 2: one line");

#define SENT_IN_FLIGHT 0x01
#define SENT_ACKED     0x02 // acknowledged out of order; leaves when it reaches the base
#define SENT_LOST      0x04 // shall be sent again
#define SENT_ABANDONED 0x08 // never again: the forward sequence number passes it
#define SENT_AS_ABN    0x10 // was abandoned when last sent
#define SENT_FIN       0x20
#define SENT_RESENT    0x40
#define SENT_BIG       0x80 // took its packet above the base size (pmtu.h)

// What is in flight, at sn & ring_mask.
struct sent {
	uint32_t tsn;
	uint32_t ref; // stream: fragment number (low 32 bits); queue: message index
	uint16_t bytes;
	uint8_t naks : 6;
	uint8_t was_overtaken : 1; // the last time it was declared lost; else nothing was heard
	uint8_t is_doubted : 1;    // was declared lost, and is not settled yet
	uint8_t flags;             // SENT_*
	uint32_t sent_ms;
};
static_assert(sizeof(struct sent) == 16, "fastpath.md 2");

// The part of struct flows that others may look at.
struct flows_pub {
	struct flow_tx *tx;
	const uint8_t *tables; // by session, the line that most acks and data look at first
	size_t table_size;
};

static inline void flows_fetch(const struct flows *flows, uint32_t session_idx)
{
	const struct flows_pub *p = (const struct flows_pub *)flows;

	fetch_line_to_write(p->tables + session_idx * p->table_size);
}

static inline struct flow_tx *flow_tx_at(const struct flows *flows, uint32_t flow_idx)
{
	return &((const struct flows_pub *)flows)->tx[flow_idx];
}

// With that line here: the send flow that an ack of the session is for, most likely, and then its
// oldest place in flight.
void flows_fetch_tx(const struct engine *, uint32_t session_idx);
void flows_fetch_ring(const struct engine *, uint32_t session_idx);
// And for data: the receive flow that was heard last, and then, with that flow's lines here, what
// its messages go to (relay_fetch).
void flows_fetch_rx(const struct engine *, uint32_t session_idx);
void flows_fetch_relay(const struct engine *, uint32_t session_idx, enum relay_fetch);

struct flows *flows_create(const struct engine_opts *);
void flows_destroy(struct flows *);

// -- receiving (called by the rx stage, session S_OPEN, payload = chunk payload) --

// What one packet did: rx_ctx_begin before the first chunk.
struct rx_ctx {
	uint32_t in_flight_before; // PRE of RFC 7016 appendix A
	uint32_t acked_bytes;
	uint32_t arrived_ms; // struct lateness, before the packet's acks
	bool any_ack, any_nak, any_loss, has_data, has_tc;
	bool any_settled, has_echo;
	uint16_t echo;         // of a timestamp of ours
	struct user_data data; // the closest one so far, which Next User Data follows (§2.3.12)
};

// Field by field: clearing all of it, most of which is data that no ack looks at, takes longer than
// an ack.
static inline void rx_ctx_begin(struct rx_ctx *c, uint32_t in_flight_bytes,
				const struct packet_header *h)
{
	c->in_flight_before = in_flight_bytes;
	c->acked_bytes = c->arrived_ms = 0;
	c->any_ack = c->any_nak = c->any_loss = c->any_settled = c->has_data = false;
	c->has_tc = (h->flags & PACKET_TC) != 0;
	c->has_echo = (h->flags & PACKET_TSE) != 0;
	c->echo = h->ts_echo;
	c->data.is_set = false; // so no Next User Data can follow what was not there
	c->data.seq = 0;
}

void flows_on_user_data(struct engine *, uint32_t session_idx, struct rx_ctx *,
			struct span payload);
void flows_on_next_user_data(struct engine *, uint32_t session_idx, struct rx_ctx *,
			     struct span payload);
void flows_on_ack(struct engine *, uint32_t session_idx, struct rx_ctx *, struct span payload,
		  bool is_bitmap);
void flows_on_buffer_probe(struct engine *, uint32_t session_idx, struct span payload);
void flows_on_exception(struct engine *, uint32_t session_idx, struct span payload);
// After the packet's last chunk: negative acks, loss, congestion window, when to acknowledge
// (§10.5).
void flows_after_packet(struct engine *, uint32_t session_idx, struct rx_ctx *);

// -- sending --

// Writes the acks that are due (exception first where due). is_primary: the packet exists for them,
// so an ack that does not fit is truncated; else it waits. Returns whether something was written.
bool flows_write_acks(struct engine *, uint32_t session_idx, struct txp *, bool is_primary);
// One flow's ack in a packet of its own, if that is all the session has to say. False: nothing
// happened; it is not that simple, and goes the way above.
bool flows_send_ack(struct engine *, uint32_t session_idx);
// Writes User Data of ready message flows of this priority, best first, while they fit and cwnd,
// window and burst allow. Returns whether something was written; clears the session's due bit when
// idle.
bool flows_write_data(struct engine *, uint32_t session_idx, struct txp *, uint8_t prio);
// The session may have become able to send: whoever waited for that is told.
void flows_open_again(struct engine *, uint32_t session_idx);
// May this session send user data now (cwnd, burst)?
static inline bool session_may_send(const struct session *s)
{
	return s->in_flight_bytes < s->cwnd_bytes && s->n_burst < 6; // §3.5.2.3
}

// -- alarms (session_idx is S_OPEN) --
void flows_on_erto(struct engine *, uint32_t session_idx); // everything in flight is lost
void flows_on_delack(struct engine *, uint32_t session_idx);
void flows_on_probe(struct engine *, uint32_t session_idx); // ALARM_PROBE: buffer probes, deadlines
// Receive flows with delivered-but-unreported messages (report ring was full) are tried again;
// lingering receive flows time out; flows held too long are rejected.
void flows_timers(struct engine *, uint64_t now_us);
uint64_t flows_deadline_us(const struct engine *);
// The session leaves S_OPEN: every flow goes, bodies go home.
void flows_session_gone(struct engine *, uint32_t session_idx);
// SESSION_UNGROUP: held flows and rules of group kinds go.
void flows_ungroup(struct engine *, uint32_t session_idx);

// -- commands --
// Every CMD_FLOW_*, of an open session. The body of CMD_FLOW_SEND is ours from now on.
void flows_command(struct engine *, const struct command *);

// -- for the relay: send flows whose source is a stream --
//
// The relay writes a fragment like this, into a packet of its own:
//
//     session_may_send && flow_tx_has_room && txp_begin
//     flow_tx_write_header(e, flow, &txp.w, f->sn_next, USER_DATA_FRA_WHOLE, len)
//     flow_tx_sent(e, flow, f->sn_next, number, chunk octets with the body)
//     txp.has_data = txp.is_tc = true; txp_end_body(...)
//
// and, when relay_flow_lost was called: while flow_tx_next_lost gives a number, either the same
// with that number, or flow_tx_abandon if its fragment has left the window; then
// flow_tx_write_fsn_update. relay_flow_lost comes again whenever either has something to do.

// Opens our GR-12 flow. FLOW_IDX_NONE: pool empty or slot in use.
uint32_t flow_tx_open_stream(struct engine *, uint32_t session_idx, uint16_t slot, uint64_t flow_id,
			     uint64_t assoc_id, uint32_t link_idx);
// What is in flight stays until it is acknowledged; what gets lost from now on is abandoned, so the
// window is not needed any more and the relay hears no more of this flow.
void flow_tx_close(struct engine *, uint32_t flow_idx);
// rwnd, state and ring allow another fragment (the session's own test is session_may_send).
bool flow_tx_has_room(const struct engine *, const struct flow_tx *);
// Most octets a User Data chunk header of this flow takes now (options included until the first
// ack).
uint32_t flow_tx_header_max(const struct engine *, const struct flow_tx *);
// Writes type, length, flags, flow id, sn, FSN offset and options for a chunk of body_len octets;
// the body follows (or is the tail). frag_flags: FRA bits; abandoned: ABN. Returns 0 or -ENOBUFS.
// For sn == sn_next it also sees to a place in the ring.
int flow_tx_write_header(struct engine *, uint32_t flow_idx, struct wr *, uint64_t sn,
			 uint8_t frag_flags, uint16_t body_len);
// All of that for the next fragment (`ref`), in a packet of its own. False: nothing happened; it is
// not that simple, and goes the way above.
bool flow_tx_send_whole(struct engine *, uint32_t flow_idx, uint32_t ref, const uint8_t *body,
			uint16_t len, uint16_t sum, uint16_t group);
// The chunk for sn left in the packet that txp builds: in flight, TSN, ERTO, counters. sn ==
// sn_next for a new fragment, or a SENT_LOST one. chunk_bytes includes the 3-octet header.
void flow_tx_sent(struct engine *, uint32_t flow_idx, uint64_t sn, uint32_t ref,
		  uint16_t chunk_bytes);
// Lowest number that shall be sent again; false: none.
bool flow_tx_next_lost(struct engine *, uint32_t flow_idx, uint64_t *sn, uint32_t *ref);
// The fragment left the window: ABN for sn, FSN moves on (§3.6.2.6).
void flow_tx_abandon(struct engine *, uint32_t flow_idx, uint64_t sn);
// An abandoned number at the base wants its FSN update sent: writes the chunk (§3.6.2.6). False:
// nothing due.
bool flow_tx_write_fsn_update(struct engine *, uint32_t flow_idx, struct txp *);

// A message of our own (mask, pull) on an open message flow; at most 40 octets, copied. -ENOENT:
// not an open message flow, -ENOBUFS: its queue is full (counted).
int flow_tx_send_inline(struct engine *, uint32_t flow_idx, const uint8_t *data, uint8_t len,
			uint64_t deadline_us);
struct local_body; // worker-local, reference counted without atomics: our map of a stream
struct local_body *local_body_get(struct engine *, uint32_t len); // refs = 1; NULL: none
uint8_t *local_body_data(struct local_body *);
void local_body_ref(struct local_body *);
void local_body_unref(struct engine *, struct local_body *);
int flow_tx_send_local(struct engine *, uint32_t flow_idx, struct local_body *, uint32_t len,
		       uint64_t deadline_us); // takes its own reference
// Send slot -> flow index; FLOW_IDX_NONE: slot unused.
uint32_t flow_tx_of_slot(const struct engine *, uint32_t session_idx, uint16_t slot);
