// Flow Synchronization, user control event 34 (rtmfp.md §14.3): a sender puts a barrier with one id
// into several flows, and what comes behind it in any of them is not taken before all of them got
// there.
//
// The worker stops a flow after each barrier (messages.h, FLOW_CONTROL), so what waits lies in the
// flow's own receive buffer and fills its window, which is never advertised as 0 (§16.3). What is
// kept here is a few numbers per session: BARRIERS_MAX ids at a time; a barrier beyond them, or for
// more flows than a session has, holds nothing and is counted. One that is not complete BARRIER_US
// after its first message lets everybody go: a flow that lost it for good, or never was to carry
// it, shall not stop the others for ever.
#pragma once

#include <stdint.h>

#include "dataplane/messages.h"
#include "dataplane/wire/cursor.h"

#define BARRIERS_MAX 8
// As long as the longest retransmission timeout: one that comes at all has come by then. Within the
// minute that a worker holds a flow for (FLOW_HELD_MAX_MS).
#define BARRIER_US 10000000

struct ctl_session;

struct barrier {
	const void *tree; // association tree
	uint32_t id;
	uint32_t n;     // flows that got there
	uint32_t wants; // that must, as the most demanding of them says; 0: unused
	uint64_t held;  // bit per receive slot that waits
	uint64_t give_up_us;
};

struct flow_syncs { // of a session
	struct ctl_session *session;
	struct flow_syncs *next, *prev; // all that an owner has
	struct barrier of[BARRIERS_MAX];
	// What each receive slot that waits asks for, and the flow that does: a slot may have
	// another one by the time.
	uint8_t count[FLOWS_PER_SESSION];
	uint64_t flow_id[FLOWS_PER_SESSION];
};

struct flow_sync_counters {
	uint64_t held;    // flows that had to wait
	uint64_t refused; // barriers that were not kept: too many, of too many flows, or malformed
	uint64_t abandoned; // that were never completed
};

// One came in a flow: the flow waits now, or goes on at once together with those that waited for
// it.
void flow_sync_arrived(struct flow_syncs *, const void *tree, uint16_t rx_slot, struct span payload,
		       struct flow_sync_counters *, uint64_t now_us);
void flow_syncs_timers(struct flow_syncs *, struct flow_sync_counters *, uint64_t now_us);
uint64_t flow_syncs_deadline_us(const struct flow_syncs *);

// Puts a barrier into n of our flows of one tree. 0; -EINVAL: none, or the same twice; or why it
// did not get into all of them, -ENOBUFS or -ENOTCONN.
int flow_sync_send(struct ctl_session *, const uint16_t *tx_slots, uint8_t n, uint32_t id);
