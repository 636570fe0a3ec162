// Relations to other members (groups.md 4): our main flow, the proofs both ways, and the end.
#pragma once

#include "control/group/internal.h"
#include "dataplane/wire/flow_kind.h"

enum neighbour_end {
	END_SESSION_GONE, // closed by them or dead
	END_FAR,          // they closed or rejected their or our main flow
	END_NO_ANSWER,    // to our proof
	END_DOUBLE,       // another session to the same peer stands
	END_DROPPED,      // superfluous, by agreement
	END_LEAVE,        // we leave the group
	END_BANNED,       // too much that no member says
};

// Sends our proof on this open session, unless that was done already.
void neighbour_call(struct group *, struct ctl_session *);
// A relation that has sent it. NULL: no room of some kind.
struct neighbour *neighbour_make(struct group *, struct ctl_session *);
// Their proof is good, too: the relation is mutual from here on.
void neighbour_open(struct neighbour *);
void neighbour_end(struct neighbour *, enum neighbour_end);
struct neighbour *neighbour_find(const struct group *, const struct ctl_session *);
// groups.md 5, two sessions to the same peer: must this one go? If not, the other one has gone.
bool neighbour_yields(struct group *, struct ctl_session *);
// The stream or posting flow waits until its neighbour's proof is accepted. False: no room.
bool neighbour_holds(struct neighbour *, const struct report *, enum flow_kind);

// Whom we have just asked for leave to part from closes at any moment: what is sent there is lost.
// His session close is repeated after 5 s (RFC 7016 §3.5.5).
#define PARTING_US UINT64_C(6000000)
static inline bool neighbour_is_parting(const struct neighbour *nb)
{
	return nb->asked_us != 0 && nb->group->groups->now_us < nb->asked_us + PARTING_US;
}

// How often its silence is asked about, by what it serves now: to be said whenever that changes.
void neighbour_keepalive(struct ctl_session *);
uint32_t neighbour_keepalive_ms(const struct ctl_session *);
// Whether it is one of the three each way on the ring, and the first of them.
void neighbour_adjacent(struct neighbour *, bool is_adjacent, bool is_next);
// It has fallen silent.
void neighbour_suspected(struct neighbour *);
// Do members vanish one after the other? Then those beside us are asked more often.
void neighbours_unrest(struct group *);

// The session serves no group (any more): closed, unless it is a NetConnection or has direct
// streams.
void session_release(struct groups *, struct ctl_session *);
// It serves no group, or not yet: it is closed after a while in which it serves nobody else either.
void session_is_idle(struct groups *, struct ctl_session *);
// Calls that nobody answered, sessions that nobody uses. When the next may have to go; NEVER: none.
uint64_t neighbours_sweep(struct groups *);
void neighbours_session_closed(struct groups *, struct ctl_session *);
