// Relations to other members (groups.md 4): the main flows, the proofs both ways, and the end.
// Before a neighbour's proof is accepted, nothing but its main flow gets a class (the gate of
// design 6).
#pragma once

#include "control/group/internal.h"

enum neighbour_end {
	END_SESSION_GONE, // closed by them or dead
	END_FAR,          // they closed or rejected their or our main flow
	END_NO_ANSWER,    // to our proof
	END_DOUBLE,       // another session to the same peer stands
	END_DROPPED,      // superfluous, by agreement
	END_LEAVE,        // we leave the group
};

// Sends our proof on this open session, unless that was done already.
void neighbour_call(struct group *, struct ctl_session *);
void neighbour_end(struct neighbour *, enum neighbour_end);
struct neighbour *neighbour_find(const struct group *, const struct ctl_session *);

// A flow GR-1C, GR-11 or another one of the session's far end.
void main_flow_opened(struct groups *, struct ctl_session *, const struct report *);
void main_message(struct groups *, struct main_rx *, struct span message);
void main_flow_finished(struct groups *, struct main_rx *);
// The stream flow waits until its neighbour's proof is accepted. False: no room, or whose is it?
bool neighbour_holds(struct neighbour *, const struct report *);

// The session serves no group (any more): closed, unless it is a NetConnection, too.
void session_release(struct groups *, struct ctl_session *);
// Calls that nobody answered, sessions that nobody uses.
void neighbours_sweep(struct groups *);
void neighbours_session_closed(struct ctl_session *);
