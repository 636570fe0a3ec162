// A member of a simulated world: one node and one engine, joined by the rings of messages.h in one
// thread, as control/member/member.h joins them over kernel sockets. A super-peer may have several
// engines, as annulusd has: a datagram comes in at the one that a hash of its addresses chooses,
// and they have their turns in any order, each as often as the seed will have it.
#pragma once

#include "control/node.h"
#include "crypto/random.h"
#include "dataplane/core/engine.h"
#include "tests/sim/net.h"

struct crypto;
struct identity;
struct keying_policy;

#define SIM_SERVER_PORT 1935 // endpoint 0 of a super-peer
#define SIM_MEMBER_PORT 1936 // endpoint 1 of a super-peer, 0 of a member
#define SIM_WORKERS_MAX 16

struct sim_node;
// What its control told; the event is valid until the call returns.
typedef void sim_event(void *ctx, struct sim_node *, const struct node_event *, uint64_t now_us);

// Who turns its engine, if not sim_node: a worker on a port (ported.h). What that sends goes to
// the network by itself.
struct sim_turner {
	void (*rx)(void *ctx, struct net_addr src, uint16_t dst_port, const uint8_t *data,
		   uint16_t len, uint64_t now_us);
	void (*turn)(void *ctx, uint64_t now_us);
	uint64_t (*deadline_us)(void *ctx);
	void *ctx;
};

struct sim_node_opts {
	struct net *net;
	uint32_t host;
	struct crypto *crypto;              // borrowed
	const struct random *random;        // borrowed
	const struct identity *identity;    // borrowed; an appliance's makes a super-peer
	const struct keying_policy *policy; // borrowed; NULL: the default
	uint32_t sessions_max, members_max; // sessions: per engine
	uint32_t workers;                   // engines; 0: one, or SIM_WORKERS (seeds.h)
	uint32_t queues;                    // of its port, at most as many; 0: one per engine
	bool is_small;                      // little memory: sessions come and go, but no streams
	uint32_t object_bytes;              // that each worker keeps of objects; 0: none
	bool opens_all;                     // startup packets, however many (startup_gate.h)
	// What members share who live as long as their world, or NULL: each its own.
	struct engine_scratch *scratch;
	struct body_pool *bodies;
	sim_event *on_event;
	void *ctx;
};

struct sim_node {
	// What each turn looks at.
	struct engine *engine;           // the first one; members have no other
	const struct sim_turner *turner; // NULL: sim_node itself
	struct node *node;
	struct outbox *outbox;
	uint64_t node_due_us;   // what its control said last; 0: something was asked of it since
	uint64_t engine_due_us; // after a turn of one thread
	uint64_t turns;
	uint32_t n_workers;
	uint32_t n_read; // engine_n_reported when its control read the ring last
	bool is_super;
	bool is_called; // its one engine has commands that wait
	struct mailbox *commands[SIM_WORKERS_MAX], *reports[SIM_WORKERS_MAX];
	// The rest.
	struct engine *engines[SIM_WORKERS_MAX];
	struct mailbox *(*from)[SIM_WORKERS_MAX]; // [to][from]; NULL: one engine
	struct mailbox *(*to)[SIM_WORKERS_MAX];   // the same, [from][to]
	struct sim_node_opts opts;
	struct startup_endpoint endpoints[2];
	struct body_pool *object_bodies; // NULL: none
	struct body_pool *bodies;
	struct keyer *keyer;
	uint64_t hash_key; // of the port
	uint64_t n_handed; // datagrams that came in at another worker than their session's
};

struct sim_node *sim_node_create(const struct sim_node_opts *, uint64_t now_us);
void sim_node_destroy(struct sim_node *); // says goodbye to nobody

// A datagram; a turn must follow.
void sim_node_rx(struct sim_node *, struct net_addr src, uint16_t dst_port, uint8_t *data,
		 uint16_t len, uint64_t now_us);
void sim_node_wake(struct sim_node *); // something was asked of its node
void sim_node_turn(struct sim_node *, uint64_t now_us);
// When it wants the next turn; not later than now: at once.
uint64_t sim_node_deadline_us(const struct sim_node *);

void sim_node_stats(const struct sim_node *, struct worker_stats *sum); // of all its engines

uint8_t sim_member_endpoint(const struct sim_node *);
const uint8_t *sim_node_peer_id(const struct sim_node *);
// Its address as it sees itself.
struct wire_addr sim_node_addr(const struct sim_node *, uint16_t port);
struct wire_addr sim_wire_addr(struct net_addr);
