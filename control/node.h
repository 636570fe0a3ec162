// A member's control half: sessions (startup), NetConnection (rpc) and groups, fed with reports, time and
// keyer results; it yields commands (through its outbox), events and a next deadline. It never calls the
// engine and does no I/O; every world runs this same code. Control thread only.
//
// This is also the interface for programs: connect to introducers, join groups, publish and play.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/groupspec.h"
#include "control/outbox.h"
#include "control/startup/startup.h"
#include "dataplane/messages.h"

struct node;
struct node_group;  // a group this node is a member of
struct node_conn;   // a NetConnection to an introducer
struct node_stream; // a stream this node publishes or plays

struct node_opts {
	struct outbox *outbox;  // borrowed
	struct keyer *keyer;    // borrowed
	const struct random *random; // borrowed
	const struct startup_endpoint *endpoints;
	uint8_t n_endpoints;
	uint8_t server_endpoint, member_endpoint; // NODE_NO_ENDPOINT: that role is off
	bool is_super;          // announces 6D in reports, accepts every neighbour, pushes without limit
	bool introduce_unlisted; // GC for groups we are not a member of
	uint32_t sessions_max;  // per worker
	uint32_t keepalive_nat_us, keepalive_public_us; // commanded to clients (NC-18)
	uint32_t groups_max, introduced_groups_max, members_max, neighbours_max, streams_max;
	uint32_t extents_per_stream;
	uint32_t keyings_per_ip_s, keyings_per_ip_burst;
	struct wire_addr local_addrs[REPORTED_ADDRS_MAX]; // for setPeerInfo and reports
	uint8_t n_local_addrs;
	const char *const *apps; // allowed app names, NULL: all
	uint32_t n_apps;
};
#define NODE_NO_ENDPOINT 0xff

struct node *node_create(const struct node_opts *);
void node_destroy(struct node *); // without telling anybody; see node_close

void node_report(struct node *, uint32_t worker, const struct report *, uint64_t now_us);
void node_timers(struct node *, uint64_t now_us);
uint64_t node_deadline_us(const struct node *);
// Leaves groups, closes sessions in order; node_is_closed once all are gone (or 3 s have passed).
void node_close(struct node *, uint64_t now_us);
bool node_is_closed(const struct node *);

// -- introducers --
// uri: rtmfp://host[:port]/app, for the EPD and connect; addrs: what host resolved to.
struct node_conn *node_connect(struct node *, const char *uri, const struct wire_addr *addrs, uint8_t n,
			       uint64_t now_us);

// -- groups --
struct node_group_limits {
	uint32_t members_max, neighbours_max, streams_max;
};
// conn: bootstrap through it (all conns if NULL). NULL: bad groupspec version, or too many groups.
struct node_group *node_join(struct node *, const struct groupspec *, const struct node_group_limits *,
			     uint64_t now_us);
void node_leave(struct node_group *, uint64_t now_us);

// -- streams --
struct stream_params { // MC-30..33; 0: default
	uint32_t window_ms, margin_ms, update_ms, fetch_ms;
	bool send_to_all;
};
// -EINVAL name empty or too long, -EACCES no publish authorization, -ENOBUFS too many.
int node_publish(struct node_group *, const char *name, const struct stream_params *,
		 struct node_stream **out, uint64_t now_us);
// One RTMP message (type 8, 9, 15, 17, 18). -EMSGSIZE: over 245 504 octets. -EAGAIN: no body free now.
int node_stream_write(struct node_stream *, uint8_t type, uint32_t timestamp_ms, const uint8_t *data,
		      uint32_t len, bool is_key, uint64_t now_us);
// UnpublishNotify, closeStream, StreamEnd; events: NODE_PUBLISH_DONE when settled or window + margin passed.
void node_stream_end(struct node_stream *, uint64_t now_us);
int node_play(struct node_group *, const char *name, struct node_stream **out, uint64_t now_us);
void node_stream_close(struct node_stream *, uint64_t now_us);

enum node_event_kind {
	NODE_NONE,
	NODE_CONNECTED,    // conn
	NODE_CONNECT_FAILED, // conn, text: why (code of _error, timeout)
	NODE_DISCONNECTED, // conn
	NODE_NEIGHBOUR_CONNECT,    // group, peer
	NODE_NEIGHBOUR_DISCONNECT, // group, peer
	NODE_STREAM_PUBLISHED,   // group, text: name (MC-5)
	NODE_STREAM_UNPUBLISHED, // group, text
	NODE_PLAY_START,   // stream: first message follows
	NODE_PLAY_MESSAGE, // stream, type, timestamp_ms, data, len: in order
	NODE_PLAY_GAP,     // stream, number..number_to: fragments that never came
	NODE_PLAY_END,     // stream: ended by its source, everything delivered
	NODE_PLAY_LOST,    // stream: nothing for twice the window
	NODE_PLAY_RESET,   // stream: another instance of the name is followed now (MC-6)
	NODE_PUBLISH_DONE, // stream
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
};
// Next event; false: none.
bool node_event(struct node *, struct node_event *);

// -- looking in (admin, progress, dashboard) --
struct node_stream_info {
	const char *name;
	uint8_t key[32];
	bool is_published_here, is_played_here, has_ended;
	uint16_t stream;      // index on the workers
	uint32_t n_links;
	uint64_t newest, end; // fragment numbers
	uint64_t late, missing, received, bytes;
};
struct node_group_info {
	uint8_t id[32], address[32];
	const char *name; // tag of the groupspec, or ""
	uint32_t n_neighbours, n_members_known, n_clients; // clients: joined through our GC
	double estimated_members;
	uint32_t n_streams;
	bool is_member; // false: introduced only
};
uint32_t node_groups(struct node *, struct node_group_info *, uint32_t max);
uint32_t node_group_streams(struct node *, const uint8_t group_id[32], struct node_stream_info *, uint32_t max);
struct startup *node_startup(struct node *); // sessions and counters
struct node_stream_info node_stream_info(struct node_stream *);
