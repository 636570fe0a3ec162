// NetConnections of a node (RFC 7425 §5, rtmfp.md 14): as server, what clients connect to; as
// client, our connection to an introducer. Sans-I/O: fed flow events by the node, it sends through
// ctl_session.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/lines.h"
#include "control/rpc/apps.h"
#include "control/rpc/flow_sync.h"
#include "control/rpc/live_hub.h"
#include "control/startup/ctl_session.h"

struct rpc;
struct net_streams;

// What a client said when it connected; valid while the session lives.
struct rpc_client_info {
	const char *app;      // "app" or "app/instance"
	const char *instance; // the latter's, or ""
	const char *tc_url;
	struct span args;   // AMF0: what stood behind the command object, as far as it fits
	uint32_t n_args;    // values in it
	bool are_args_cut;  // there were more
	uint8_t encoding;   // 0 or 3
	bool is_behind_nat; // what its setPeerInfo says about its address (14.4 step 4)
};

struct rpc_events {
	void *ctx;
	// server: a client's connect was accepted / its setPeerInfo came (ctl_session is registered
	// now)
	void (*accepted)(void *ctx, struct ctl_session *);
	void (*registered)(void *ctx, struct ctl_session *);
	// client: outcome of rpc_connect. code: "NetConnection.Connect.Success" or what the server
	// said
	void (*connected)(void *ctx, struct ctl_session *, void *user, const char *code);
	void (*failed)(void *ctx, struct ctl_session *, void *user, const char *code);
	// client: the canonical control flow ended or was rejected: the connection is gone (14.4
	// step 7)
	void (*gone)(void *ctx, struct ctl_session *, void *user);
	// client: how long the server lets peers be silent with each other (14.3), not below our
	// minimum. NULL: unheeded
	void (*peers_period)(void *ctx, uint32_t ms);
	// A flow of a stream that returns nothing: somebody asks us for a direct stream (14.5).
	// False: not accepted, it is rejected. NULL: all are.
	bool (*asked)(void *ctx, struct ctl_session *, uint16_t rx_slot, uint64_t flow_id,
		      uint32_t stream_id);
};

struct rpc_opts {
	struct rpc_events events;
	uint8_t server_endpoint;    // connects are served here; 0xff: nowhere
	const struct rpc_app *apps; // borrowed; NULL: any
	uint32_t n_apps;
	uint32_t keepalive_nat_ms, keepalive_public_ms; // NC-18: commanded by Set Keepalive
	uint32_t keepalive_min_ms;                      // our own minimum as a client (>= 5000)
	const struct wire_addr *local_addrs;            // our setPeerInfo as a client; borrowed
	uint8_t n_local_addrs;
	uint32_t connects_max;
	uint32_t streams_max, streams_per_session_max; // ends of streams (net_stream.h)
	uint32_t stream_queue_bytes;                   // out to one of them at a time
	struct live_hub_opts live;                     // as a server
};

struct rpc_counters {
	struct flow_sync_counters syncs;
	uint64_t malformed;      // messages that did not parse
	uint64_t accepted;       // connects
	uint64_t connect_failed; // malformed, or of an object encoding that there is not
	uint64_t refused[APP_VERDICTS];
	uint64_t strays;         // calls of methods that there are not
	uint64_t strays_dropped; // and more than STRAY_MAX of one client in a second
};
const struct rpc_counters *rpc_counters(const struct rpc *);

struct rpc *rpc_create(const struct rpc_opts *);
void rpc_destroy(struct rpc *);

// Routing by the node: a flow with metadata "TC" opened; the flow is accepted or rejected in here.
void rpc_flow_opened(struct rpc *, struct ctl_session *, uint16_t rx_slot, uint64_t flow_id,
		     uint16_t assoc_flow, struct span meta, uint64_t now_us);
void rpc_message(struct rpc *, struct ctl_session *, uint16_t rx_slot, struct span message,
		 uint64_t now_us);
// A message of a flow whose owner is OWNER_STREAM. has_gap: messages before it were given up.
void rpc_stream_message(struct rpc *, struct ctl_session *, uint16_t rx_slot, struct span message,
			bool has_gap, uint64_t now_us);
void rpc_flow_finished(struct rpc *, struct ctl_session *, uint16_t rx_slot, uint64_t now_us);
void rpc_flow_exception(struct rpc *, struct ctl_session *, uint16_t tx_slot, uint64_t code,
			uint64_t now_us);
void rpc_session_closed(struct rpc *, struct ctl_session *, uint64_t now_us);
// Its far address is another now.
void rpc_session_moved(struct rpc *, struct ctl_session *);
void rpc_timers(struct rpc *, uint64_t now_us);
void rpc_lines_of(const struct rpc *, struct lines *);
uint64_t rpc_deadline_us(const struct rpc *);

// Client: opens the control flow on an open session and sends connect. 0 or -errno. Answered by an
// event within 15 s at the latest.
int rpc_connect(struct rpc *, struct ctl_session *, const char *uri, void *user, uint64_t now_us);
// Orderly end: closes our flows, then, once the far end has closed its own or a second later, the
// session.
void rpc_close(struct rpc *, struct ctl_session *, uint64_t now_us);
bool rpc_is_ending(const struct ctl_session *); // rpc closes the session when it has ended
// Association for flows inside the connection (GC): the far end's canonical control flow. False:
// not connected.
bool rpc_control_flow(const struct rpc *, const struct ctl_session *, uint64_t *far_flow_id);
const struct rpc_client_info *rpc_client_info(const struct ctl_session *);
// The streams on its sessions, for whoever makes one (net_stream.h).
struct net_streams *rpc_streams(struct rpc *);
// Live streams of the server (live_hub.h).
struct live_hub *rpc_live(struct rpc *);
