// A world for groups: nodes whose sessions, workers and introducers are simple and exact, in
// virtual time. Sessions open when a candidate address leads to the peer, flows deliver whole
// messages in order after a fixed latency, workers keep streams and pass fragments on to whoever is
// linked.
#pragma once

#include "control/group/group.h"
#include "control/outbox.h"
#include "crypto/random.h"
#include "dataplane/body.h"
#include "dataplane/mailbox.h"
#include "dataplane/wire/group_msg.h"

#define MS 1000ull
#define S  1000000ull

#define WORLD_NODES_MAX     256
#define WORLD_FRAGMENTS_MAX 1024
#define WORLD_STREAMS_MAX   8
#define WORLD_SERVER        0 // endpoints
#define WORLD_MEMBER        1

struct world;

// What a node received and nobody consumed: of raw nodes everything, of others nothing.
struct got {
	struct got *next;
	uint64_t flow_id;
	uint16_t rx_slot;
	uint8_t meta[FLOW_META_MAX];
	uint32_t len;
	uint8_t octets[];
};

// One side of a session.
struct end {
	struct ctl_session ctl; // first: the rooms know no more
	struct ctl_flows flows;
	struct world_node *node;
	struct end *far;  // NULL: the far side is gone
	struct end *next; // of the node
	bool is_told_closed;
	bool is_moving; // something may go up from its flows
	bool is_slow;   // takes what is sent to the far end and never acknowledges it
	uint32_t keepalive_us, suspect_us;
	struct {
		bool is_open, is_data;
		uint8_t prio; // enum flow_prio
		uint64_t flow_id;
		uint16_t rule_stream;
		int far_rx; // -1: refused
	} tx[FLOWS_PER_SESSION];
	struct {
		bool is_open, is_rejected, is_finished, is_named;
		uint8_t class, meta_len;
		uint8_t meta[FLOW_META_MAX];
		uint64_t flow_id;
		uint16_t stream, far_tx;
		uint64_t answer_flow_id; // FLOW_STORE
		struct got *held, **held_at; // not delivered yet
	} rx[FLOWS_PER_SESSION];
	struct {
		bool is_linked, is_super;
		uint16_t data_flow;
		uint64_t data_flow_id, assoc_id;
	} links[WORLD_STREAMS_MAX];
};

struct startup {
	struct world_node *node;
};

struct world_node {
	struct world *world;
	uint32_t index;
	bool is_raw;  // driven by hand: no groups
	bool is_dead; // answers nobody
	uint8_t id[PEER_ID_LEN];
	struct wire_addr addr, server_addr;
	struct startup startup;
	struct groups *groups;
	struct group *group; // the test's
	struct outbox *outbox;
	struct mailbox *ring;
	struct body_pool *bodies, *object_bodies;
	// What it was told to keep, and it gives none of it by itself.
	struct {
		uint32_t n_kept, n_dropped;
		struct command last; // of either; its body is at home again
		uint8_t octets[64];  // of the last one kept
	} lent;
	struct end *ends;
	struct got *got, **got_at; // raw nodes
	struct body *unacknowledged[4096]; // of slow ends
	uint32_t n_unacknowledged;
	// Besides counting it. NULL: nothing.
	void (*on_event)(struct world_node *, const struct group_event *);
	void *ctx;
	struct {
		bool is_used, is_ended;
		uint8_t flags;
		struct stream_seed seed;
		uint64_t end;
		uint32_t n; // fragments seen
		bool has[WORLD_FRAGMENTS_MAX];
		uint32_t len[WORLD_FRAGMENTS_MAX];
		uint8_t *octets[WORLD_FRAGMENTS_MAX];
	} streams[WORLD_STREAMS_MAX];
	// What the program was told.
	uint32_t n_events[32]; // by enum group_event_kind
	char messages[8192];   // of plays: timestamps
	size_t messages_len;
	uint32_t n_opened; // sessions that it opened and that were opened to it
	uint32_t n_stats;  // CMD_STATS
	uint32_t n_hellos_direct, n_hellos_introduced;
};

struct world_opts {
	// What a node says by IP multicast, before all others hear it at once. False: nobody does.
	bool (*on_datagram)(void *ctx, struct world_node *, struct span);
	void *ctx;
	uint64_t seed;
	uint64_t latency_us;
	bool has_hmac; // sessions are such as no older member has
};

struct world *world_create(const struct world_opts *);
void world_destroy(struct world *);
void world_datagram(struct world_node *from, struct span); // all others of its link hear it
uint64_t world_now_us(const struct world *);
void world_run(struct world *, uint64_t us);

struct world_role {
	bool is_super, is_server, is_raw, introduces_unlisted;
	uint32_t neighbours_max, streams_max; // 0: plenty
};
struct world_node *world_add(struct world *, const struct world_role *);
struct group *world_join(struct world_node *, const char *spec);
// A NetConnection.
struct end *world_connect(struct world_node *client, struct world_node *server);
// A session without anybody's wish, opened by `from`.
struct end *world_session(struct world_node *from, uint8_t from_endpoint, struct world_node *to,
			  uint8_t to_endpoint);
struct end *world_end_to(struct world_node *from, const struct world_node *to, uint8_t endpoint);
void world_cut(struct end *, enum session_close_reason); // both sides are told
void world_die(struct world_node *); // it is silent from now on; the others' sessions time out

// For raw nodes: what came, oldest first; NULL: nothing. The caller frees it.
struct got *world_got(struct world_node *);
// A flow of the raw node's, and a message on it.
int raw_open(struct end *, const char *meta, size_t meta_len, bool has_assoc, uint64_t assoc_id);
void raw_send(struct end *, int slot, const void *octets, size_t len);
uint32_t world_open_neighbours(const struct world_node *);
bool world_are_neighbours(const struct world_node *, const struct world_node *);
