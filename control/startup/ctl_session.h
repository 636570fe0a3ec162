// Control's half of a session: who the far end is, and its flows as control names them. Owned by
// startup (startup.h) from keying to the worker's SESSION_CLOSED; rpc and group keep pointers only
// until the closed event. Control thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/messages.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/cursor.h"

struct outbox;
struct outbox_account;
struct flow_syncs;
struct nc_session;    // rpc's half: the NetConnection on this session, or NULL
struct net_stream;    // rpc's, too: a stream's end on this session
struct group_session; // group's half: neighbour relations on this session, or NULL

enum ctl_session_state {
	CTL_FREE,
	CTL_OPENING, // id reserved: our IIKeying travels, or the keyer works on an answer
	CTL_OPEN,
	CTL_CLOSING, // close commanded or reported; waits for SESSION_CLOSED
};

// Who gets the messages of a receive flow, and hears of exceptions of a send flow.
enum flow_owner {
	OWNER_NONE,
	OWNER_RPC,       // TC flows of a NetConnection
	OWNER_STREAM,    // TC flows of a stream (rpc's, too)
	OWNER_GC_SERVER, // GC at the introducer: members' joins
	OWNER_GC_CLIENT, // GC from our introducer
	OWNER_GROUP,     // GR-xx
};

struct ctl_flow {
	uint64_t flow_id;  // on the wire
	void *ctx;         // the owner's
	uint8_t owner;     // OWNER_NONE: slot unused
	bool is_any_order; // receive flow: accepted by ctl_flow_accept_any_order
};

// The flows of a session, by slot. They are most of its memory and an idle one has none, so they
// lie apart, in pages that are not there before a flow is.
struct ctl_flows {
	uint32_t tx_uses[FLOWS_PER_SESSION]; // flow id of a slot's next use: slot + 64 * uses
	struct ctl_flow tx[FLOWS_PER_SESSION];
	struct ctl_flow rx[FLOWS_PER_SESSION];
};

#define REPORTED_ADDRS_MAX 8

struct ctl_session {
	uint32_t idx, id; // slot, near session id
	uint32_t worker;
	uint8_t state, endpoint; // enum ctl_session_state
	bool is_initiator;
	bool is_alive; // the far end has proven that it holds our keys; until then it may be
		       // anybody
	uint32_t far_id;
	struct wire_addr far;                  // DESTADDR
	uint8_t fingerprint[32];               // far peer ID
	uint8_t near_nonce[32], far_nonce[32]; // rtmfp.md 13.8
	uint8_t dh_group;
	uint8_t tx_tag_len, rx_tag_len; // HMAC octets, 0: checksum
	bool tx_sseq, rx_sseq;
	uint64_t opened_us;

	// Introductions: set by rpc on setPeerInfo.
	bool is_registered;
	uint8_t n_reported;
	struct wire_addr reported[REPORTED_ADDRS_MAX];

	uint8_t flows_end; // slots from here on were never written
	uint64_t tx_slots; // bit per send slot in use
	uint32_t *tx_uses; // of its struct ctl_flows
	struct ctl_flow *tx, *rx;

	struct nc_session *nc;
	struct flow_syncs *syncs;   // rpc's: barriers across flows, or NULL
	struct net_stream *streams; // their list
	struct group_session *groups;
	bool is_idle_listed; // groups': it stands among those that serve no group
	struct outbox *outbox;
};

// Where its flows are to be: all zero, and the session's as long as it is.
static inline void ctl_session_flows_set(struct ctl_session *s, struct ctl_flows *flows)
{
	s->tx_uses = flows->tx_uses;
	s->tx = flows->tx;
	s->rx = flows->rx;
}

struct ctl_flow_opts {
	const uint8_t *meta;
	uint8_t meta_len; // at most 17
	bool has_assoc;
	uint64_t assoc_id;    // far end's flow id
	uint8_t prio;         // enum flow_prio
	uint8_t flags;        // FLOW_OPEN_TC
	uint16_t rule_stream; // NO_STREAM: none
	uint16_t group;       // whose budget; 0: nobody's
	uint8_t owner;        // enum flow_owner, not OWNER_NONE
	void *ctx;
};

// Send slot, or -ENOBUFS (all in use), -ENOTCONN (not open).
int ctl_flow_open(struct ctl_session *, const struct ctl_flow_opts *);
// A slot reserved for a flow that the worker opens itself (our GR-12); *flow_id: its id on the
// wire. It is in use until FLOW_FREED, or until it is given back by ctl_flow_unreserve: only if no
// command has named it to the worker.
int ctl_flow_reserve(struct ctl_session *, uint8_t owner, void *ctx, uint64_t *flow_id);
void ctl_flow_unreserve(struct ctl_session *, uint16_t slot);
// The wire id of a send slot in use.
uint64_t ctl_flow_id(const struct ctl_session *, uint16_t slot);
// Copies data into a body. deadline_us 0: reliable. 0, -ENOBUFS (no body, or the worker does not
// keep up), -ENOTCONN (session not open, or slot unused).
int ctl_flow_send(struct ctl_session *, uint16_t slot, const uint8_t *data, uint32_t len,
		  uint64_t deadline_us);
// The same of a message in two parts, in a body that counts against an account.
int ctl_flow_send_parts(struct ctl_session *, uint16_t slot, struct span head, struct span rest,
			struct outbox_account *, uint64_t deadline_us);
// FIN after what is queued. The owner hears no more of the flow; the slot is free again after
// FLOW_FREED.
void ctl_flow_close(struct ctl_session *, uint16_t slot);
// Answers FLOW_OPENED. class: enum flow_class; stream: for RELAY and STREAM_CONTROL. Repeated:
// another class for the same flow.
void ctl_flow_accept(struct ctl_session *, uint16_t rx_slot, uint64_t flow_id, uint8_t class,
		     uint16_t stream, uint8_t owner, void *ctx);
// The same, FLOW_CONTROL, and messages come as they arrive, not as they were sent (TC_RXI, §14.1).
void ctl_flow_accept_any_order(struct ctl_session *, uint16_t rx_slot, uint64_t flow_id,
			       uint8_t owner, void *ctx);
// The same, FLOW_STORE: the worker answers requests for objects that it keeps on that send flow.
void ctl_flow_accept_store(struct ctl_session *, uint16_t rx_slot, uint64_t flow_id,
			   uint16_t answer_slot, uint8_t owner, void *ctx);
// A FLOW_CONTROL flow that a Flow Synchronization holds back goes on as it was accepted; not if
// that flow is no more.
void ctl_flow_go_on(struct ctl_session *, uint16_t rx_slot, uint64_t flow_id);
void ctl_flow_reject(struct ctl_session *, uint16_t rx_slot, uint64_t flow_id, uint32_t code);
// Of an open session: it is CTL_CLOSING at once and takes no more commands; the closed event
// follows when the worker has let it go. Of any other: nothing.
void ctl_session_close(struct ctl_session *, enum session_close_how);
// suspect_us: 0, or how long a ping may be unanswered until REP_SESSION_HEALTH says so.
void ctl_session_keepalive(struct ctl_session *, uint32_t interval_us, uint32_t suspect_us);
void ctl_session_ping(struct ctl_session *, uint32_t limit_us);
// One whole chunk (FIHello) in the session's next packet. 0, -ENOBUFS, -ENOTCONN.
int ctl_session_chunk(struct ctl_session *, struct span chunk);
