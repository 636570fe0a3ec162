// NetConnections from inside.
#pragma once

#include "control/rpc/command.h"
#include "control/rpc/flow_sync.h"
#include "control/rpc/live_hub.h"
#include "control/rpc/net_stream.h"
#include "control/rpc/rpc.h"

#define APP_MAX    128 // longer ones are unknown, not cut: the hub compares what it keeps
#define TC_URL_MAX 512
#define ARGS_MAX   256  // octets of further arguments to connect
#define REPLY_MAX  1024 // longest message we write
#define STRAY_MAX  64   // commands a second that the far end may send in vain
#define CONNECT_US 15000000
#define ENDING_US  1000000 // for the other end's last word (14.4 step 7)

enum nc_state {
	NC_IDLE,       // control flow open, no connect yet
	NC_CONNECTING, // client: connect is out
	NC_CONNECTED,
	NC_ENDING, // our flows are closed; until theirs are, or the session is
	NC_GONE,
};

// On a ctl_session from its first TC flow, or rpc_connect, to the session's end.
struct nc_session {
	struct rpc *rpc;
	struct ctl_session *session;
	struct nc_session *next, *prev; // all of a rpc
	enum nc_state state;
	bool is_client, is_amf3;
	bool has_far_control; // the other side's control flow is known
	uint64_t far_control; // its flow id, the canonical one (14.4 step 3)
	uint16_t far_slot;    // its receive slot
	int near_control;     // our control flow's send slot, -1: none
	void *user;           // client
	uint64_t give_up_us;  // connect unanswered, or the end not completed by then
	uint64_t opened_us;
	struct rpc_client_info info;
	char app[APP_MAX], tc_url[TC_URL_MAX];
	uint8_t args[ARGS_MAX];
	uint32_t last_stream;    // server: id given to the client
	double last_transaction; // client
	uint32_t n_stray;
	uint64_t stray_since_us;
};

struct rpc {
	// What each turn looks at.
	uint64_t next_us;                  // no deadline of any of all, nor of a barrier, is before
	uint64_t live_us;                  // the same of live
	struct live_hub *live;             // as a server
	struct rpc_stream *client_streams; // as a client
	// The rest.
	struct nc_session *all;
	uint32_t n;
	struct flow_syncs *syncs; // of all sessions that had a barrier
	struct rpc_opts opts;
	struct rpc_counters counters;
	struct net_streams streams;
	struct rpc_command command; // the one being read: large, and only one at a time
};

// NULL: too many, or no memory.
struct nc_session *rpc_client_create(struct rpc *, struct ctl_session *, uint64_t now_us);
// Something of it is due by then.
void nc_wake_by(struct nc_session *, uint64_t at_us);
// Sends what w holds on our control flow.
int nc_send(struct nc_session *, const struct wr *);
// Opens our control flow, as the return of the far end's if that is known.
int nc_open_control(struct nc_session *);

// Answers a command with an information object; transaction 0 wants none.
void nc_answer(struct nc_session *, const struct rpc_command *, bool is_good, const char *code,
	       const char *description);
// One who floods us with nonsense is not answered for ever. False: it shall be left unanswered.
bool nc_may_answer(struct nc_session *, uint64_t now_us);
// Answers a call of a method that there is not.
void nc_stray(struct nc_session *, const struct rpc_command *, uint64_t now_us);

// -- server.c --
void server_command(struct nc_session *, const struct rpc_command *, uint64_t now_us);
void server_moved(struct nc_session *);
// -- stream_client.c --
// An answer to createStream. False: it is none.
bool stream_client_answered(struct nc_session *, const struct rpc_command *, uint64_t now_us);
void stream_client_disconnected(struct nc_session *);
void stream_client_timers(struct rpc *, uint64_t now_us);
uint64_t stream_client_deadline_us(const struct rpc *);
// -- client.c --
void client_command(struct nc_session *, const struct rpc_command *, uint64_t now_us);
void client_user_control(struct nc_session *, struct span payload);
void client_failed(struct nc_session *, const char *code);
