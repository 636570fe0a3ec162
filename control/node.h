// A member's control half: sessions (startup), NetConnection (rpc) and groups, fed with reports,
// time and keyer results; it yields commands (through its outbox), events and a next deadline. It
// never calls the engine and does no I/O; every world runs this same code. Control thread only.
//
// This is also the interface for programs: connect to introducers, join groups, publish and play.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/group.h"
#include "control/outbox.h"
#include "control/rpc/apps.h"
#include "control/rpc/direct.h"
#include "control/rpc/live_hub.h"
#include "control/startup/startup.h"
#include "dataplane/messages.h"

struct node;
struct node_group;  // a group this node is a member of
struct node_conn;   // a NetConnection to an introducer
struct node_stream; // a stream this node publishes or plays

struct node_opts {
	struct outbox *outbox;       // borrowed
	struct keyer *keyer;         // borrowed
	const struct random *random; // borrowed
	const struct startup_endpoint *endpoints;
	uint8_t n_endpoints;
	uint8_t server_endpoint, member_endpoint; // NODE_NO_ENDPOINT: that role is off
	bool is_super;   // announces 6D in reports, accepts every neighbour, pushes without limit
	bool is_spx_off; // no posting, no directed routing (docs/spx.md)
	bool introduce_unlisted; // GC for groups we are not a member of
	uint32_t sessions_max;   // per worker
	bool spreads_sessions;   // startup.h
	uint32_t openings_max;   // at a time; 0: startup's default
	uint32_t keyings_max;    // handshakes that wait for the keyer; 0: startup's default
	uint32_t keepalive_nat_us, keepalive_public_us; // commanded to clients (NC-18)
	uint32_t groups_max, introduced_groups_max, members_max, neighbours_max, streams_max;
	uint32_t streams_total_max; // of all groups: stream indices of a worker
	uint32_t extents_per_stream;
	uint64_t objects_out_max;        // octets of replicated objects on their way; 0: group.h
	struct body_pool *object_bodies; // of objects that workers keep, as in group.h; NULL: none
	struct startup_rate keyings_per_ip; // zero: startup's default
	uint32_t sessions_per_ip;           // 0: any number
	struct wire_addr
		server_addr; // where our own introducer is reached, if we are one; family 0: none
	struct wire_addr
		local_addrs[REPORTED_ADDRS_MAX]; // for setPeerInfo and reports; port 0: as bound
	uint8_t n_local_addrs;
	uint32_t stream_queue_bytes; // out to an end of a client-server stream at a time; 0: 2 MiB
	struct live_hub_opts live;   // client-server streams at our server; zero: none
	const struct rpc_app *apps;  // who may connect to what; borrowed; NULL: anybody to anything
	uint32_t n_apps;
	// Peers with direct streams, in and out together (netgroup-semantics NC-15: 8); 0: there
	// are no direct streams, as at a server's endpoint (SV-9).
	uint32_t peer_connections_max;
};
#define NODE_NO_ENDPOINT 0xff

// NULL: no memory, or startup or groups refused their part of the options.
struct node *node_create(const struct node_opts *, uint64_t now_us);
void node_destroy(struct node *); // without telling anybody; see node_close

// False: nothing that anybody waits for, so node_deadline_us is as it was, and nothing else has to
// follow.
bool node_report(struct node *, uint32_t worker, const struct report *, uint64_t now_us);
void node_timers(struct node *, uint64_t now_us);
// What its turns look at; another one after it joined.
void node_lines_of(const struct node *, struct lines *);
uint64_t node_deadline_us(const struct node *);
// What it may send in all, octets of IP packets a second (budget.h); 0: nobody has said. A member
// that is told its uplink promises others no more than that carries; without it finds out, where
// there is a super-peer, by answers that come late (core/uplink.h).
void node_set_uplink(struct node *, uint64_t octets_per_s);
// Leaves groups, closes sessions in order; node_is_closed once all are gone (or 3 s have passed).
void node_close(struct node *, uint64_t now_us);
bool node_is_closed(const struct node *);

// -- introducers --
// uri: rtmfp://host[:port]/app, for the EPD and connect; addrs: what host resolved to.
struct node_conn *node_connect(struct node *, const char *uri, const struct wire_addr *addrs,
			       uint8_t n, uint64_t now_us);

// -- groups --
// May be called before a connection is up: the group is joined through every introducer as it
// connects. limits may be NULL. NULL with *err: see group_join.
struct node_group *node_join(struct node *, const struct groupspec *, const struct group_limits *,
			     int *err, uint64_t now_us);
void node_leave(struct node_group *, uint64_t now_us);

// -- posting and directed routing (netgroup-semantics 5, 6; docs/spx.md) --
// Messages are the octets of a serialized value; Flash uses AMF3. As group_post and those below it.
int node_post(struct node_group *, const uint8_t *data, uint32_t len, uint8_t id[POST_ID_LEN],
	      uint64_t now_us);
enum group_send_result node_send_to_nearest(struct node_group *, const char *address,
					    const uint8_t *data, uint32_t len, uint64_t now_us);
enum group_send_result node_send_to_neighbour(struct node_group *, bool is_increasing,
					      const uint8_t *data, uint32_t len, uint64_t now_us);
enum group_send_result node_send_to_all_neighbours(struct node_group *, const uint8_t *data,
						   uint32_t len, uint64_t now_us);
enum group_send_result node_send_far(struct node_group *, const char *address, const uint8_t *data,
				     uint32_t len, uint64_t now_us);
// NG-9, as in group.h.
bool node_add_member_hint(struct node_group *, const char *peer_id, uint64_t now_us);
bool node_add_neighbour(struct node_group *, const char *peer_id, uint64_t now_us);
void node_set_receive_mode(struct node_group *, bool is_nearest, uint64_t now_us);
bool node_coverage(const struct node_group *, struct group_coverage *); // false: no routing there

// -- object replication (netgroup-semantics 7; docs/spx.md) --
// As group_have_add and those below it.
int node_have_add(struct node_group *, uint64_t first, uint64_t last, uint64_t now_us);
int node_have_remove(struct node_group *, uint64_t first, uint64_t last, uint64_t now_us);
int node_want_add(struct node_group *, uint64_t first, uint64_t last, uint64_t now_us);
int node_want_remove(struct node_group *, uint64_t first, uint64_t last, uint64_t now_us);
int node_set_replication(struct node_group *, const struct group_replication *, uint64_t now_us);
int node_object_write(struct node_group *, uint64_t request, enum object_encoding,
		      const uint8_t *data, uint32_t len, uint64_t now_us);
int node_object_deny(struct node_group *, uint64_t request, uint64_t now_us);
void node_objects_given(struct node_group *, uint64_t n, uint64_t octets, uint64_t now_us);
void node_object_refuse(struct node_group *, uint64_t index, const uint8_t peer_id[32],
			uint64_t now_us);

// -- streams --
// -EINVAL name empty or too long, -EACCES no publish authorization, -ENOBUFS too many.
int node_publish(struct node_group *, const char *name, const struct group_stream_params *,
		 struct node_stream **out, uint64_t now_us);
// One RTMP message (type 8, 9, 15, 17, 18). 0, or 1: left out, since one before it was refused and
// this is no key frame; -EMSGSIZE: over 245 504 octets; -EAGAIN: no room now, try again; -EPIPE:
// ended.
int node_stream_write(struct node_stream *, uint8_t type, uint32_t timestamp_ms,
		      const uint8_t *data, uint32_t len, bool is_key, uint64_t now_us);
// UnpublishNotify, closeStream, StreamEnd; events: NODE_PUBLISH_DONE when settled or window +
// margin passed.
void node_stream_end(struct node_stream *, uint64_t now_us);
// Waits for a stream of that name if there is none yet. -EINVAL, -ENOBUFS as above.
int node_play(struct node_group *, const char *name, struct node_stream **out, uint64_t now_us);
// Of a play of a group: as group_play_override and group_play_pause. -EINVAL: it is none.
int node_play_override(struct node_stream *, const struct group_stream_params *, uint64_t now_us);
int node_play_pause(struct node_stream *, bool is_paused, uint64_t now_us);
void node_stream_close(struct node_stream *, uint64_t now_us);

// Without a group: to and from the server of a connection that is up; others of the same app play
// it or publish it there. A publisher's messages are reliable; node_stream_write says -EAGAIN until
// the server has agreed. -EINVAL name empty or too long, -ENOTCONN, -ENOBUFS, -ENOMEM.
int node_conn_publish(struct node_conn *, const char *name, struct node_stream **out,
		      uint64_t now_us);
// Waits for a publisher, and after NODE_PLAY_END for the next one. NODE_PLAY_GAP counts gaps.
int node_conn_play(struct node_conn *, const char *name, struct node_stream **out, uint64_t now_us);

// -- direct one-to-one streams (rtmfp.md 14.5, netgroup-semantics 9) --
// They go on without the introducer that brought the peers together: NC-12 closes a Flash client's
// streams with its connection because they hang on it, ours hang on the node.
struct node_direct_params {
	// P2-5, the other way round: what may be given up after about 2 s instead of being sent
	// until it is there.
	bool audio_is_late_ok, video_is_late_ok, data_is_late_ok;
	// onPeerConnect (P2-2), before somebody plays; it may not call the node. NULL: everybody
	// may.
	bool (*peer_connect)(void *ctx, const uint8_t peer_id[32]);
	void *ctx;
};
// node_stream_write, _end and _close as above. -EOPNOTSUPP: off; -EINVAL: the name; -EEXIST: we
// publish it already (NetStream.Publish.BadName); -ENOBUFS, -ENOMEM.
int node_direct_publish(struct node *, const char *name, const struct node_direct_params *,
			struct node_stream **out, uint64_t now_us);
// From the peer of that ID, by the session that there is or one that our introducers help to open;
// may be called before they are connected. Waits until the peer publishes the name.
int node_direct_play(struct node *, const uint8_t peer_id[32], const char *name,
		     struct node_stream **out, uint64_t now_us);
// Who plays a stream of ours (P2-3); stream NULL: who waits for what we do not publish (NC-16). How
// many there are; at most max are told, and good until the next call into the node.
uint32_t node_direct_peers(struct node *, const struct node_stream *, struct direct_peer_info *,
			   uint32_t max);
void node_direct_peer_close(struct node *, struct direct_peer *, uint64_t now_us);
void node_set_peer_connections_max(struct node *, uint32_t max);         // ends nothing (NC-15)
const struct direct_counters *node_direct_counters(const struct node *); // NULL: off

enum node_event_kind {
	NODE_NONE,
	NODE_CONNECTED,            // conn
	NODE_CONNECT_FAILED,       // conn, text: why (code of _error, timeout)
	NODE_CONNECT_UNANSWERED,   // conn, text: what is known so far; it goes on
	NODE_DISCONNECTED,         // conn
	NODE_GROUP_REJECTED,       // group, text: the introducer refuses this group, or its flow
	NODE_NEIGHBOUR_CONNECT,    // group, peer
	NODE_NEIGHBOUR_DISCONNECT, // group, peer
	NODE_STREAM_PUBLISHED,     // group, text: name (MC-5)
	NODE_STREAM_UNPUBLISHED,   // group, text
	NODE_PLAY_START,           // stream: first message follows
	NODE_PLAY_MESSAGE,         // stream, type, timestamp_ms, data, len: in order
	NODE_PLAY_GAP,             // stream, number..number_to: fragments that never came
	NODE_PLAY_END,             // stream: ended by its source, everything delivered
	NODE_PLAY_LOST,            // stream: nothing for twice the window
	NODE_PLAY_RESET,           // stream: another instance of the name is followed now (MC-6)
	NODE_PUBLISH_DONE,         // stream
	NODE_PUBLISH_START,        // stream of a connection: the server agreed
	NODE_STREAM_FAILED,        // stream of a connection or direct, text: code
				   // (NetStream.Publish.BadName); over
	NODE_PEER_CONNECT,         // stream, peer: it plays what we publish directly
	NODE_PEER_DISCONNECT,      // stream, peer
	NODE_POSTING,              // group, id, data, len: somebody posted it (PO-5)
	NODE_SEND_TO,              // group, from, to, is_from_local, is_far, data, len (DR-14)
	NODE_COVERAGE,             // group, from, to: what is ours now (DR-5)
	// Object replication (OR-4, OR-7, OR-8): group, number: the index, peer: whose.
	NODE_FETCH_SEND,     // it is asked for now
	NODE_FETCH_FAILED,   // denied, its holder lost, or too late: it is asked of others
	NODE_FETCH_RESULT,   // data, len, encoding: here it is
	NODE_OBJECT_REQUEST, // request: answer by node_object_write or _deny, now or later
};

struct node_event {
	enum node_event_kind kind;
	struct node_conn *conn;
	struct node_group *group;
	struct node_stream *stream;
	uint8_t peer[32];
	const char *text;
	uint8_t type;
	uint32_t timestamp_ms;
	const uint8_t *data; // valid until the next call into the node
	uint32_t len;
	uint64_t number, number_to;
	uint8_t id[POST_ID_LEN];
	// SEND_TO: the group address of the last hop, or, is_far, of who sent it on its way; and
	// the place it was for.
	uint8_t from[GROUP_ADDRESS_LEN], to[GROUP_ADDRESS_LEN];
	bool is_from_local, is_far; // is_far: number is how many hops it took
	uint64_t request;
	uint8_t encoding; // enum object_encoding
};
// Next event; false: none.
bool node_event(struct node *, struct node_event *, uint64_t now_us);

// -- looking in (admin, progress, dashboard) --
struct node_info {
	uint32_t n_conns, n_sessions, n_neighbours;
	uint32_t rtt_us; // to our introducer if connected, else the lowest of all sessions; 0: not
			 // measured
	uint64_t rx_bytes, tx_bytes; // of the sessions open now
};
void node_info(struct node *, struct node_info *);
// The session behind a connection; NULL until it is up.
struct ctl_session *node_conn_session(const struct node_conn *);
// Round trip of a session as the worker last told; 0: not measured. Workers are asked while
// somebody looks, each second: the first look in a while may find nothing.
uint32_t node_session_rtt_us(struct node *, const struct ctl_session *);
uint32_t node_groups(struct node *, struct group_info *, uint32_t max);
// Of a group we are a member of, us not among them. How many there are; at most max are told.
uint32_t node_members(const struct node_group *, struct group_member_info *, uint32_t max);
void node_group_info(const struct node_group *, struct group_info *);
void node_group_rates(const struct node_group *, struct group_rates *, uint64_t now_us);
uint32_t node_group_streams(struct node *, const uint8_t group_id[32], struct group_stream_info *,
			    uint32_t max);
struct startup *node_startup(struct node *); // sessions and counters
struct group_stream_info node_stream_info(struct node_stream *);
const struct groups_counters *node_groups_counters(const struct node *);
struct live_hub *node_live(const struct node *); // client-server streams at our server
struct net_streams *node_stream_ends(const struct node *);
const struct rpc_counters *node_rpc_counters(const struct node *);
