// A server and its clients as control sees them, without workers: the commands of one end's flows
// become the other's reports, at once or when the test says so.
#pragma once

#include "control/outbox.h"
#include "control/rpc/rpc.h"
#include "control/startup/ctl_session.h"
#include "dataplane/mailbox.h"

#define RPC_LINES_MAX 8

struct line_end {
	struct rpc *rpc;
	struct mailbox *ring;
	struct body_pool *bodies;
	struct outbox *outbox;
	struct ctl_session
		sessions[RPC_LINES_MAX]; // the server's: one for each client; else the first
	struct ctl_flows flows[RPC_LINES_MAX];
	bool is_closed[RPC_LINES_MAX]; // close commanded
	uint32_t n_rejects;            // flows of the other side that this end rejected
	uint32_t n_opened;             // flows
};

struct line_sent { // a message on its way
	struct line_sent *next;
	struct command command;
};

struct rpc_lines {
	struct line_end server, clients[RPC_LINES_MAX];
	uint32_t n;
	uint64_t now_us;
	// Per client: what the server sends it waits, and is given up at its deadline.
	bool is_slow[RPC_LINES_MAX];
	bool is_raw[RPC_LINES_MAX]; // its rpc does not hear of flows that the server opens
	struct line_sent *waiting[RPC_LINES_MAX], **waiting_tail[RPC_LINES_MAX];
	uint32_t n_given_up[RPC_LINES_MAX];
	bool has_gap[RPC_LINES_MAX][FLOWS_PER_SESSION];
	// Every command, before anybody acts on it; may be NULL.
	void (*heard)(void *ctx, bool from_client, uint32_t client, const struct command *);
	// A flow to the server without association and with a stream id; NULL: rpc's, like the
	// others.
	void (*asked)(void *ctx, struct ctl_session *, uint16_t rx_slot, uint64_t flow_id);
	void *ctx;
};

// opts: of the server and of the clients; server_endpoint is set here.
void lines_start(struct rpc_lines *, uint32_t n, const struct rpc_opts *server,
		 const struct rpc_opts *client);
void lines_stop(struct rpc_lines *); // asserts that no body is out
// Until nobody has anything to say; rpc_timers of both ends run between.
void lines_carry(struct rpc_lines *);
void lines_pass_us(struct rpc_lines *, uint64_t us); // time, then carry
void lines_slow(struct rpc_lines *, uint32_t client, bool is_slow);
// The session is lost, at both ends.
void lines_cut(struct rpc_lines *, uint32_t client);
