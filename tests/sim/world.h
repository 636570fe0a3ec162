// Members on a seeded network in virtual time: real nodes, real engines, real keys. What goes wrong
// here goes wrong again with the same seed.
//
//	struct world *w = world_create(&(struct world_opts){.run = run, .n_members = 3,
//							    .has_super = true});
//	world_join_all(w);
//	world_run_us(w, 20000000);
//	promise_full_mesh(w);
//	world_destroy(w);
//
// Member 0 is the super-peer, if there is one. Nothing here returns an error: what cannot go on is
// a broken test and asserts; what a member promised and did not keep ends the run (promises.h).
#pragma once

#include "control/group/groupspec.h"
#include "dataplane/core/lines.h"
#include "tests/sim/net.h"
#include "tests/sim/seeds.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/world_heap.h"

#define WORLD_START_US 10000000 // no clock starts at 0

// A stream's messages are numbered, so a player's claims can be checked.
struct world_publish {
	uint32_t message_bytes, every_us;
	uint64_t n_messages; // then it ends
	const char *name;    // NULL: "s"
	// Sound and pictures by turns, every so manieth a key frame; 0: sound alone.
	uint32_t key_every;
	uint32_t key_bytes; // octets of a key frame; 0: like all others
};

struct world_play {
	uint64_t n_messages, n_duplicates, n_gaps;
	uint64_t first, next;       // numbers
	uint64_t late_us, late_max; // from writing to playing: sum, greatest
	uint32_t len_max;
	bool has_ended, was_lost;
	uint32_t n_resets;
};

struct world_member {
	// What each turn looks at.
	struct sim_node *sim;
	struct node_conn *conn;
	uint64_t opened_us,
		connected_us; // first session to the super-peer, first NetConnection; 0: not yet
	uint64_t write_us;    // next message; UINT64_MAX: none
	// The rest.
	struct world *world;
	uint32_t host;
	struct node_group *group;
	struct node_stream *stream, *published; // what it plays, what it publishes
	struct world_publish publish;
	uint64_t n_written;
	struct world_play play;
	uint32_t n_neighbours, n_failures, n_disconnects, n_neighbour_losses;
	bool is_done;                        // publisher: everything settled
	uint32_t n_peers, n_stream_failures; // direct: who plays from it; streams that are over
	char stream_failure[64];             // the last one's code
};

// Where a member's memory lies, side by side with the others': so all that its next turn will touch
// can be on its way before (lines.h).
struct world_lines {
	const struct sim_node *sim;
	struct engine_lines engine;
	const uint32_t *alarm; // engine_next_alarm after its last turn
	uint64_t node_due_us;  // its control's, then
	uint8_t n_fetched;     // steps of world_fetch_ahead since then
	struct lines node;
};

struct world_opts {
	const struct sim_run *run; // names the seed; borrowed
	bool has_super;
	uint32_t n_members;       // besides the super-peer
	struct net_link up, down; // of members
	struct net_link super_up, super_down;
	uint32_t super_workers, super_queues; // sim_node.h
	const struct keying_policy *policy;   // borrowed; NULL: the default
	// Sessions that carry no group or connection: an initiator talks at least so often, since
	// who answers knows by that alone that it is no impostor. 0: it need not.
	uint32_t keepalive_us;
	// Member k is behind a translator of its own, nats[k % n_nats]; of kind NAT_NONE: behind
	// none.
	const struct net_nat_opts *nats;
	uint32_t n_nats;
	bool does_talk;        // the group has posting and directed routing, too
	bool does_replicate;   // and object replication
	uint32_t object_bytes; // that workers of the super-peer keep, and give by themselves
	bool is_one_nat;       // all behind nats[0], together
	bool watches_paths;    // path_witness.h
	bool has_small_nodes;  // sim_node.h
	bool opens_all;        // the same
	bool shares_scratch;   // the same; nobody is destroyed before all are
};

// Takes what a member sends out of the network's hands; true: it did.
typedef bool world_carrier(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
			   const uint8_t *data, uint16_t len);

struct world {
	struct world_opts opts;
	uint64_t now_us;
	struct random_state random_state;
	struct random seeded; // what random draws from
	struct random random; // of the nodes; the network has its own
	struct crypto *crypto;
	struct net *net;
	// What members are told besides (posting, routing). NULL: nobody listens.
	void (*listener)(void *ctx, uint32_t member, const struct node_event *);
	void *listener_ctx;
	world_carrier *carrier; // NULL: the network carries everything
	void *carrier_ctx;
	struct engine_scratch *scratch; // NULL: each member has its own
	struct body_pool *bodies;       // the same
	struct witness *witness;
	struct path_witness *paths; // NULL: nobody looks
	struct groupspec spec;
	struct world_member *members;
	struct world_lines *lines; // of each member
	uint32_t n;                // of members, the super-peer included
	struct world_heap *due;    // who has the next turn; set by world_wake and world_turn alone
	uint32_t called;           // the first who got a datagram now
	uint64_t n_spins;          // turns asked for at once, right after one
	uint64_t digest;           // of everything that was sent, and when
};

struct world *world_create(const struct world_opts *);
void world_destroy(struct world *);
void world_run_us(struct world *, uint64_t us);
// Until it is so, `us` at most; whether it is.
bool world_run_until(struct world *, bool (*is_so)(struct world *), uint64_t us);

// The member has a turn at once; so it must after anything was asked of its node.
void world_wake(struct world *, uint32_t member);
// For a scenario that keeps the order itself: a turn of a member, whoever else is due, and a
// datagram that no network brought. Such a member must have its turn next.
void world_turn(struct world *, uint32_t member);
void world_deliver(struct world *, uint32_t member, struct net_addr src, struct net_addr dst,
		   uint8_t *data, uint16_t len);

// To the super-peer's server.
void world_connect(struct world *, uint32_t member);
void world_join(struct world *, uint32_t member); // the one group there is
void world_join_all(struct world *);              // connected, too
// Its program ends, in good order or at once, and a new one with the same identity takes its place:
// it knows nobody.
void world_leave(struct world *, uint32_t member);
void world_kill(struct world *, uint32_t member);
void world_publish(struct world *, uint32_t member, const struct world_publish *);
void world_play(struct world *, uint32_t member);
void world_play_named(struct world *, uint32_t member, const char *name);
// The same at the super-peer's server, without the group. `first` is the number of its first
// message.
void world_live_publish(struct world *, uint32_t member, const struct world_publish *,
			uint64_t first);
void world_live_play(struct world *, uint32_t member);
// Directly, without the group: what one publishes, another plays from it.
void world_publish_direct(struct world *, uint32_t member, const struct world_publish *);
void world_play_direct(struct world *, uint32_t member, uint32_t from);
// Member a opens a session to member b at its address, without anybody's introduction.
void world_open(struct world *, uint32_t a, uint32_t b);
// Member a asks the super-peer for member b.
void world_ask_for(struct world *, uint32_t a, uint32_t b);
// Member a's open session to member b's member endpoint; NULL: there is none.
struct ctl_session *world_session(struct world *, uint32_t a, uint32_t b);
