// Object replication (OR-1 to OR-16; docs/spx.md): who has what, whom we ask for what we want, and
// what others ask us for. The objects themselves are the program's, or the store's of a mirror.
#pragma once

#include "control/group/object_choice.h"
#include "control/group/object_spread.h"
#include "control/group/spx.h"

enum {
	OBJECT_HELD_RANGES = 4096, // docs/spx.md: of our have set, and of each neighbour's
	OBJECT_WANT_RANGES = 1 << 20,
	OBJECT_FETCHES_MAX = 64,
	OBJECT_ASKED_MAX = 4096,
	OBJECT_LOG_MAX = 4096,   // changes of our have set that are not told to everybody yet
	OBJECT_REFUSED_MAX = 64, // of a neighbour; more push out the oldest
	OBJECT_PEER_ASKED_MAX = 32,
	OBJECT_IDLE_US = 2000000, // who asks for nothing of its slice does not want that
};

// An index that a neighbour has and is not asked for until then.
struct object_refused {
	uint64_t index, until_us;
	bool is_had; // it says
};

struct object_peer {
	struct spx_peer *peer;
	struct object_peer *next; // of the group
	// What it has.
	struct ranges have; // without what it refused
	struct object_refused refused[OBJECT_REFUSED_MAX];
	uint32_t n_refused;
	uint64_t heard_seq;
	bool is_seed, is_behind; // behind: something it said is missing
	struct token_bucket ranges_heard;
	// What it is told.
	bool is_interested, told_interest; // it in ours, we in its
	uint64_t want_us;                  // WANT not before
	bool needs_snapshot, is_in_snapshot;
	uint64_t snapshot_next, snapshot_us; // the next index to tell; not before
	uint64_t told, seq;                  // changes of the log; messages
	// What it sees of what is spread, while it does not see all of it.
	struct object_slice slice;
	uint64_t slice_us; // when it grew, or something of it was asked for
	bool is_hidden, sees_all; // hidden: it was told less than we have
	// What it is asked for.
	uint32_t n_fetches, n_denials; // denials: since it gave something
	uint64_t fetch_us;             // not before
	uint64_t given_us;             // when an object came last
	bool is_dry;                   // nothing of what is open
	struct token_bucket unasked;
	// What it asks for.
	uint32_t n_asked;
};

struct object_fetch {
	struct object_peer *from;
	uint64_t request, index, asked_us;
};

// A request of a neighbour. id: slot, and how often it was used.
struct object_asked {
	struct object_peer *by; // NULL: free
	uint64_t request, index, id, until_us;
	bool is_told;  // the program was
	bool is_first; // of what is spread, and nobody had it
	struct object_asked *next, *prev;
};

struct objects {
	struct group *group;
	struct group_replication o;
	struct object_peer *peers;
	struct ranges have, want;
	struct ranges open; // wanted, and not asked of anybody
	struct tally tally; // of the neighbours' have
	uint64_t n_ranges;  // theirs, together
	// Changes of have: numbers log_end - OBJECT_LOG_MAX .. log_end - 1.
	struct index_range log[OBJECT_LOG_MAX];
	uint64_t log_end;
	uint64_t tell_us;  // the next look at who lacks what; NEVER
	uint64_t retry_us; // when somebody may be asked again; NEVER
	uint64_t serve_us; // the next look at who waits; NEVER
	struct object_spread spread;
	uint64_t idle_us; // the next look at who asks for nothing; NEVER
	struct object_fetch fetches[OBJECT_FETCHES_MAX];
	uint32_t n_fetches;
	uint64_t requests_ever;
	struct object_asked asked[OBJECT_ASKED_MAX];
	struct object_asked *first_asked, *last_asked; // until_us ascending
	uint32_t n_asked, n_told;
	uint64_t asked_ever;
};

// 0 or -ENOMEM. A group without replication has none.
int objects_create(struct group *);
void objects_destroy(struct group *);
void objects_timers(struct group *);
uint64_t objects_deadline_us(const struct group *);
void objects_peer(struct spx_peer *); // speaks; repeated: nothing
void objects_peer_gone(struct spx_peer *);
void objects_heard_again(struct spx_peer *); // it was suspected to be gone
// Of LANE_OBJECT_CONTROL and LANE_OBJECTS. The lane may be gone afterwards.
void objects_message(struct spx_lane *, struct span message);

// -- among the parts --
// object_sets.c: who has what
void object_want_take(struct spx_lane *, struct span message);
void object_have_take(struct spx_lane *, struct span message);
void object_delta_take(struct spx_lane *, struct span message);
void object_log(struct objects *, uint64_t first, uint64_t last); // of have: it changed there
void object_tell_soon(struct objects *);
void object_tell(struct objects *);
void object_forget_have(struct objects *, struct object_peer *);
// It is not asked for index for a while; for_ever: until it says again that it has it.
void object_refuse(struct objects *, struct object_peer *, uint64_t index, bool is_for_ever);
void object_refused_return(struct objects *, struct object_peer *); // whose time is over
// object_slice.c: who sees what of what is spread
const struct ranges *object_seen(struct objects *, struct object_peer *, struct ranges *scratch);
bool object_is_hidden_from(const struct objects *, const struct object_peer *);
bool object_slice_grow(struct objects *, struct object_peer *, struct index_range *shown);
void object_slice_asked(struct objects *, struct object_asked *);
void object_slice_ungiven(struct objects *, const struct object_asked *); // it gets nothing
void object_slice_lost(struct objects *, uint64_t first, uint64_t last);  // we have it no more
void object_slice_peer_gone(struct objects *, struct object_peer *);
void object_slice_end(struct objects *); // from now on all see all
void object_slice_timers(struct objects *);
void object_show(struct objects *, struct object_peer *); // object_sets.c: what it sees has grown
// object_fetch.c: asking
void object_fetch_more(struct objects *);
void object_open(struct objects *, uint64_t first, uint64_t last);         // may be asked for
void object_fetch_cancel(struct objects *, uint64_t first, uint64_t last); // not wanted any more
void object_fetch_timers(struct objects *);
uint64_t object_fetch_deadline_us(const struct objects *);
void object_fetch_peer_gone(struct objects *, struct object_peer *);
void object_data_take(struct spx_lane *, struct span message);
void object_deny_take(struct spx_lane *, struct span message);
// object_serve.c: being asked
void object_request_take(struct spx_lane *, struct span message);
void object_cancel_take(struct spx_lane *, struct span message);
void object_serve(struct objects *);
void object_serve_peer_gone(struct objects *, struct object_peer *);
uint64_t object_serve_deadline_us(const struct objects *);
int object_request_send(struct object_peer *, enum spx_type, const struct object_request *);
