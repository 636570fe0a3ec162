// The node from inside: what node.c, node_conn.c and node_group.c share.
#pragma once

#include "control/group/group.h"
#include "control/node.h"
#include "control/rpc/direct.h"
#include "control/rpc/direct_play.h"
#include "control/rpc/rpc.h"
#include "control/rpc/stream_client.h"

#define CONNS_MAX   16
#define EVENTS_MAX  64
#define STREAMS_MAX 256

enum conn_state {
	CONN_UNUSED,
	CONN_OPENING,    // handshake
	CONN_CONNECTING, // connect sent
	CONN_UP,
	CONN_WAITING, // for the next attempt
	CONN_REFUSED, // the application said no: not tried again
};

struct node_conn {
	struct node *node;
	enum conn_state state;
	char uri[512];
	struct wire_addr addrs[8];
	uint8_t n_addrs;
	struct opening *opening;
	struct ctl_session *session;
	uint64_t retry_us; // CONN_WAITING: then it begins again; CONN_OPENING: then it is looked at
	uint64_t backoff_us;
	char why[160]; // of the last failure, for events
};

struct node_group {
	struct node *node;
	struct group *group;
	struct node_group *next;
};

struct node_stream {
	struct node *node;
	struct node_group *group;
	struct group_publication *publication; // or
	struct group_play *play;               // or
	struct rpc_stream *live;               // of a connection
	struct direct_name *direct_name;       // or
	struct direct_call *call;
	bool (*peer_connect)(void *ctx, const uint8_t peer_id[32]); // of direct_name
	void *peer_connect_ctx;
	bool has_ended; // direct_name: nothing more will be written
	uint64_t settle_by_us;
	struct node_stream *next;
};

// What the workers tell of a session now and then.
struct session_figures {
	uint32_t session_id, rtt_us;
	uint64_t rx_bytes, tx_bytes;
};

struct node {
	// What each turn looks at; opts begin with the outbox.
	struct startup *startup;
	struct rpc *rpc;
	struct groups *groups;
	struct direct *direct; // NULL: off
	struct node_stream *streams;
	struct direct_call *calls;
	uint64_t conns_us;   // the earliest retry of conns, or earlier; UINT64_MAX: none waits
	uint64_t stats_us;   // next time to ask the workers for figures; UINT64_MAX: nobody looks
	uint64_t clients_us; // next look for clients that never connected
	uint64_t now_us;     // of the call we are in; events have no clock of their own
	uint32_t n_events, first_event;
	uint32_t n_sessions; // open or closing
	bool is_closing;
	struct node_opts opts;
	// The rest.
	struct node_conn conns[CONNS_MAX];
	uint8_t conns_end; // from here on none was ever used
	struct node_group *joined;
	uint32_t next_direct_id;
	struct node_event events[EVENTS_MAX]; // of connections; groups keeps its own
	struct group_event group_event;  // the one last handed out: its name and message are lent
	struct session_figures *figures; // worker * sessions_max + slot
	uint64_t looked_us;              // somebody looked at them
	uint64_t told_us;                // the workers' last answer; 0: none
	uint64_t close_by_us;
};
#define NODE_TURN_BYTES (offsetof(struct node, opts) + sizeof(void *))

void node_push_event(struct node *, const struct node_event *); // drops the oldest when full

// -- node_live.c --
bool live_event(struct node *, struct node_event *);
int live_write(struct node_stream *, uint8_t type, uint32_t timestamp_ms, struct span data);
struct group_stream_info live_info_of(const struct node_stream *);
void stream_list(struct node_stream *); // node_group.c
// -- node_conn.c --
struct node_conn *conn_of_user(struct node *, const void *user);
struct node_conn *conn_of_session(struct node *, const struct ctl_session *);
void conn_opened(struct node_conn *, struct ctl_session *);
void conn_open_failed(struct node_conn *, enum open_failure, struct ctl_session *existing);
void conn_session_gone(struct node_conn *);
void conns_timers(struct node *);
uint64_t conns_deadline_us(const struct node *);
void conns_close(struct node *);
void conn_rpc_connected(void *node, struct ctl_session *, void *user, const char *code);
void conn_rpc_failed(void *node, struct ctl_session *, void *user, const char *code);
void conn_rpc_gone(void *node, struct ctl_session *, void *user);

// -- node_group.c --
struct node_stream *stream_create(struct node *, struct node_group *);

// -- node_direct.c --
int direct_start(struct node *); // 0 or -ENOMEM
bool direct_on_asked(void *node, struct ctl_session *, uint16_t rx_slot, uint64_t flow_id,
		     uint32_t stream_id);
bool direct_is_call(const struct node *, const void *user);
void direct_opened(struct node *, struct ctl_session *);
void direct_open_failed(struct node *, void *call, enum open_failure);
void direct_call_close(struct direct_call *);
void direct_name_end(struct node_stream *);
bool direct_event(struct node *, struct node_event *);
void direct_node_timers(struct node *);
uint64_t direct_node_deadline_us(const struct node *);
