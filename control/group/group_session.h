// Group's half of a session: what the far end joined at our introducer, and in which groups it is
// our neighbour. Made with the session's first group flow, gone with the session or when nothing is
// left.
#pragma once

#include "control/startup/ctl_session.h"
#include "control/startup/token_bucket.h"

struct gc_flow;
struct main_rx;
struct neighbour;

struct group_session {
	struct ctl_session *cs;
	struct group_session **at, *next; // among all
	struct token_bucket joins;        // at our introducer
	struct gc_flow *gc_flows;
	struct neighbour *neighbours;  // several groups share a session
	struct main_rx *main_rx;       // their main flows that no group is known of yet
	uint8_t n_gc_flows, n_main_rx; // bounds
};

// The session's, made and listed if need be. NULL: no memory.
struct group_session *group_session_get(struct group_session **list, struct ctl_session *);
// Frees it if nothing is left in it.
void group_session_put(struct ctl_session *);
// Lets go of a receive flow: its messages are nobody's any more, and it is rejected with `code` if
// it still is the one that was accepted.
void group_session_reject(struct ctl_session *, uint16_t rx_slot, uint64_t flow_id, uint32_t code);
