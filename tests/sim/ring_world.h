// Groups of thousands in one process: control/group as it is, over sessions that are a delay and no
// more. Who calls an address or asks an introducer gets a session after its round trips, messages
// arrive whole and in order after half of one, the dead are silent and are suspected when a ping
// would have been unanswered for long enough. Packets, keys, loss and congestion are left out:
// whole members have those (world.h), a thousand of them.
//
// Node 0 introduces and is in no group; 1 .. n are members. Everything comes from the seed.
#pragma once

#include "control/group/group.h"
#include "control/group/ring.h"
#include "control/outbox.h"
#include "crypto/random.h"
#include "tests/sim/world_heap.h"

#define RING_FLOWS 8 // of a session each way, at most

struct ring_world;
struct ring_pair;

struct startup { // what groups know of it
	struct ring_node_state *node;
	struct ring_end *cursor; // of startup_next
};

// One side of a session.
struct ring_end {
	struct ctl_session ctl; // first: the group knows no more
	struct ring_pair *pair;
	struct ring_node_state *node;
	struct ring_end *far;
	struct ring_end *next, **at; // of the node's
	uint32_t tx_uses[RING_FLOWS];
	struct ctl_flow tx[RING_FLOWS], rx[RING_FLOWS];
	struct {
		bool is_open, is_accepted;
		uint64_t flow_id;
		struct body *held, **held_at; // came before it was accepted
	} in[RING_FLOWS];                     // by the far end's slot
	uint64_t sent_us;                     // when the last thing sent arrives: all is in order
	uint64_t suspect_us; // when the silence has been long enough; 0: it is not silent
	uint32_t keepalive_us, silent_max_us;
	bool is_told_closed, is_suspect, is_measured;
};

struct ring_node_state {
	struct ring_world *world;
	uint32_t index;
	bool is_dead;
	uint8_t id[PEER_ID_LEN];
	struct u256 place;
	struct wire_addr addr, server_addr;
	struct startup startup;
	struct groups *groups; // NULL: it has not joined yet, or is no more
	struct group *group;   // NULL: none
	struct outbox *outbox;
	struct mailbox *ring;
	struct ring_end *ends, *conn;
	uint64_t n_messages, n_octets; // sent
	uint64_t n_sessions;           // that it opened
};

struct ring_world_opts {
	uint64_t seed;
	uint32_t n;           // of members that ever join
	uint32_t members_max; // that each knows at most
	uint32_t rtt_min_us, rtt_max_us;
	const char *spec;
	void (*on_event)(void *ctx, uint32_t member, const struct group_event *);
	void *ctx;
};

struct ring_deed;
struct ring_opening;

struct ring_world {
	struct ring_world_opts o;
	uint64_t now_us, order;
	struct random_state seed;
	struct random random;
	struct groupspec spec;
	struct ring_node_state *nodes; // n + 1
	uint32_t *by_id, by_id_mask;   // node + 1 by the first octets of its ID
	struct world_heap *due;
	struct body_pool *bodies;
	struct ring_deed *deeds; // a heap
	uint32_t n_deeds, deeds_cap;
	struct ring_end **sessions; // by index
	uint32_t n_sessions, sessions_cap;
	uint32_t *free_sessions, n_free;
	uint32_t n_sessions_ever;
};

struct ring_world *ring_world_create(const struct ring_world_opts *);
void ring_world_destroy(struct ring_world *);
void ring_world_run_us(struct ring_world *, uint64_t us);
void ring_world_join(struct ring_world *, uint32_t member);
// A member once, and then no more.
void ring_world_leave(struct ring_world *, uint32_t member); // says good-bye
void ring_world_die(struct ring_world *, uint32_t member);   // without a word
void ring_world_wake(struct ring_world *, uint32_t member);  // something was asked of it

// Members as they stand on the ring; how many.
uint32_t ring_world_order(const struct ring_world *, uint32_t *order);
// Does a know b for its neighbour?
bool ring_world_is_linked(const struct ring_world *, uint32_t a, uint32_t b);

// -- for ring_world.c's other half --
enum ring_deed_kind {
	RING_OPENED, // a flow
	RING_MESSAGE,
	RING_FINISHED,
	RING_EXCEPTION,
	RING_CLOSED,
	RING_HEALTH, // a ping was answered, or was not
	RING_FOUND,  // an opening
	RING_LIMIT,
};

struct ring_deed {
	uint64_t at_us, order;
	enum ring_deed_kind kind;
	uint16_t slot, assoc;
	uint8_t meta_len, reason;
	uint8_t meta[4];
	struct ring_end *end; // that it happens to
	struct ring_opening *opening;
	struct body *body;
	uint64_t flow_id;
};

void ring_later(struct ring_world *, uint64_t at_us, struct ring_deed *);
void ring_deed_do(struct ring_world *, struct ring_deed *);
void ring_pump(struct ring_node_state *);      // its commands, and what its program is told
void ring_ends_free(struct ring_node_state *); // of a node that is no more
struct ring_node_state *ring_node_of(struct ring_world *, const uint8_t id[PEER_ID_LEN]);
struct ring_node_state *ring_node_at(struct ring_world *, const struct wire_addr *);
struct ring_end *ring_session(struct ring_node_state *from, uint8_t endpoint,
			      struct ring_node_state *to, uint8_t to_endpoint);
void ring_session_silent(struct ring_end *); // its far end has died
