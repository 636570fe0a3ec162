// The groups of a node (groups.md, netgroup-semantics.md 3, 4, 8): joining, members, neighbours and
// streams; and, at a server endpoint, the introducer's registry of who joined what. Sans-I/O: fed
// flow events, sessions, stats and time by the node, it acts through ctl_session.h, startup.h and
// outbox.h. Control thread only. Report bodies stay the caller's: he sends them home after the
// call.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/groupspec.h"
#include "control/group/stream_message.h"
#include "control/startup/startup.h"
#include "dataplane/messages.h"
#include "dataplane/wire/spx_object.h"

struct groups;
struct group;             // a group we are a member of
struct group_publication; // a stream this node is the source of
struct group_play;        // a stream name this node views
struct outbox;
struct random;

#define GROUPS_NO_ENDPOINT 0xff

struct groups_opts {
	struct startup *startup;        // borrowed
	struct outbox *outbox;          // borrowed
	const struct random *random;    // borrowed
	uint8_t server_endpoint;        // GC is served on its sessions
	uint8_t member_endpoint;        // neighbours' sessions and connections to introducers
	uint8_t member_id[PEER_ID_LEN]; // its fingerprint: our peer ID
	// Where our own introducer is reached, if we are one: named in reports as our server.
	struct wire_addr server_addr; // family 0: none
	struct wire_addr local_addrs[REPORTED_ADDRS_MAX];
	uint8_t n_local_addrs;
	// Says so in reports (flag 6D), only responds (design 3), accepts every neighbour, never
	// asks to drop a link, pushes to whoever asks, reports from its whole member table.
	bool is_super;
	bool is_spx_off;                 // never speaks our extension (docs/spx.md)
	bool introduces_unlisted;        // GC also for groups we are not a member of
	uint32_t groups_max;             // that we are a member of
	uint32_t introduced_groups_max;  // in the registry, our own included
	uint32_t members_max;            // per group: in the table, and in the registry
	uint32_t neighbours_max;         // per group
	uint32_t streams_max;            // per group
	uint32_t streams_total_max;      // stream indices of a worker
	uint32_t extents_per_stream;     // 64 KiB each
	uint64_t objects_out_max;        // octets of objects on their way; 0: as docs/spx.md
	struct body_pool *object_bodies; // of what is lent to workers (object_lend.h); borrowed;
					 // NULL: nothing is
};

// NULL: no memory, or a limit is 0.
struct groups *groups_create(const struct groups_opts *, uint64_t now_us);
void groups_destroy(struct groups *); // without telling anybody; see groups_leave_all

// -- fed by the node --

// A receive flow with metadata 47 43 (GC) or 47 52 .. (GR). Accepted, held or rejected in here; its
// messages and end then come by the next two, those of owners OWNER_GC_SERVER, OWNER_GC_CLIENT and
// OWNER_GROUP. At the server endpoint the node asks only for clients whose connect was accepted.
void groups_flow_opened(struct groups *, struct ctl_session *, const struct report *,
			uint64_t now_us);
void groups_message(struct groups *, struct ctl_session *, const struct report *, uint64_t now_us);
void groups_flow_finished(struct groups *, struct ctl_session *, const struct report *,
			  uint64_t now_us);
void groups_flow_exception(struct groups *, struct ctl_session *, const struct report *,
			   uint64_t now_us);

// Events of startup. groups_owns: is this the `user` of an opening of ours? opened takes every
// session of the member endpoint that is not a connection to an introducer, also those with user
// NULL.
bool groups_owns(const struct groups *, const void *user);
void groups_session_opened(struct groups *, struct ctl_session *, void *user, uint64_t now_us);
void groups_open_failed(struct groups *, void *user, enum open_failure,
			struct ctl_session *existing, uint64_t now_us);
// The session is closing or closed; any session, more than once does no harm.
void groups_session_closed(struct groups *, struct ctl_session *, enum session_close_reason,
			   uint64_t now_us);

// Our NetConnection to an introducer succeeded: joins go out on flows associated with its control
// flow (the far end's flow id). Down: before that session's closed event or instead of it.
void groups_conn_up(struct groups *, struct ctl_session *, uint64_t far_control_flow_id,
		    uint64_t now_us);
void groups_conn_down(struct groups *, struct ctl_session *, uint64_t now_us);
// An introducer says how long neighbours may be silent; it knows whether we are behind a
// translator.
void groups_peers_period(struct groups *, uint32_t ms, uint64_t now_us);

// REP_STREAM_FRAGMENT and REP_STREAM_GONE.
void groups_stream_report(struct groups *, uint32_t worker, const struct report *, uint64_t now_us);
// REP_SESSION_HEALTH: a neighbour is silent for long (groups.md 11), or its round trip has changed.
void groups_health(struct groups *, struct ctl_session *, const struct report *, uint64_t now_us);
// Every REP_STATS. Groups asks for what it needs itself; what others asked for does no harm.
void groups_stats(struct groups *, uint32_t worker, const struct report *, uint64_t now_us);

void groups_timers(struct groups *, uint64_t now_us);
void groups_lines_of(const struct groups *, struct lines *);
uint64_t groups_deadline_us(const struct groups *); // UINT64_MAX: never

// REP_DATAGRAM: what came by IP multicast (docs/spx.md).
void groups_lan_datagram(struct groups *, const struct wire_addr *from, struct span datagram,
			 uint64_t now_us);
// Where the groups that we are members of want to listen.
uint32_t groups_lan_places(const struct groups *, struct groupspec_place *, uint32_t max);

// -- for programs, through the node --

// How we carry other members' streams: our own part of netgroup-semantics 8.3. 0: as the publisher
// announces, or the default.
struct group_relay {
	uint32_t window_max_ms;       // kept no longer than this, whatever is announced
	uint32_t margin_ms;           // kept beyond the window, for others
	uint32_t fetch_max_ms;        // from hearing of a fragment to asking for it
	uint32_t update_ms;           // between two maps
	uint32_t push_neighbours_max; // served unasked; a super-peer without it: all
};

// What is kept of postings: 0: the defaults of docs/spx.md.
struct group_posting {
	uint64_t keep_us;   // and offered to newcomers
	uint64_t bytes_max; // the oldest go first
};

// Object replication (OR-): what nobody else sees, and the rest of it at the functions below.
struct group_replication {
	bool is_lowest_first; // else rarest first (OR-10)
	bool is_seed;         // we may be asked for 16 objects at a time (OR-13)
	// From that index on, each is given once before any is given twice, as far as those who ask
	// for them let us (object_spread.h): so we may go soon. Of what is had from then on.
	bool is_spread;
	uint64_t spread_from;
	bool is_lent; // what was given once, workers may give again, until it leaves our have set
	uint64_t unlent_each; // but multiples of this: our program hears that somebody begins; 0: none
};

struct group_limits { // 0: the defaults of groups_opts, which also are the upper limits
	uint32_t members_max, neighbours_max, streams_max;
	// With a publish password in the groupspec a super-peer takes streams from these peers
	// alone (groups.md 10.5: the password cannot be verified on the wire). Copied.
	const uint8_t (*publishers)[PEER_ID_LEN];
	uint32_t n_publishers;
	struct group_relay relay;
	struct group_posting posting;
	struct group_replication replication;
	uint16_t budget; // stream_seed.group
	// Streams are sent to the groupspec's IP multicast addresses, too, with so many hops to go
	// (IP-3); 0: not.
	uint8_t multicast_ttl;
	bool is_lan_off; // says nothing by IP multicast, whatever the groupspec has
};

// NULL: -errno in *err: -EEXIST joined already, -ENOBUFS too many, -EOPNOTSUPP version above 2 or
// peer to peer disabled, -ENOMEM. limits may be NULL.
struct group *group_join(struct groups *, const struct groupspec *, const struct group_limits *,
			 void *user, int *err, uint64_t now_us);
// Ends relations and streams; sessions that served this group alone are closed. Publications and
// plays of the group are void afterwards.
void group_leave(struct group *, uint64_t now_us);
void groups_leave_all(struct groups *, uint64_t now_us);
void *group_user(const struct group *);
const struct groupspec *group_spec(const struct group *);

struct group_stream_params { // netgroup-semantics 8.3; 0: default. MC-31: what contradicts is
			     // clamped
	uint32_t window_ms, margin_ms, update_ms, fetch_ms;
	uint16_t push_neighbours; // served unasked; to the source, too, it means one more than it
				  // says
	bool send_to_all;         // our map, to all neighbours each time
};
// What contradicts, in words that name the parameters; NULL: nothing does.
const char *group_stream_params_check(const struct group_stream_params *);
// MC-33: "default", "low", "ultra-low". False: no such one.
bool group_stream_preset(const char *name, struct group_stream_params *);

// -EINVAL name empty, too long or window over 120 s (MC-32); -EACCES no publish authorization
// (MC-3); -ENOBUFS too many streams; -EOPNOTSUPP the group has no multicast.
int group_publish(struct group *, const char *name, const struct group_stream_params *, void *user,
		  struct group_publication **out, uint64_t now_us);
// 0, or 1: skipped, see publisher_write. -EMSGSIZE; -EAGAIN: no body free or the worker is behind,
// try again; -EPIPE: ended.
int group_publication_write(struct group_publication *, const struct stream_message *, bool is_key,
			    uint64_t now_us);
// UnpublishNotify, closeStream, StreamEnd. GROUP_PUBLISH_DONE follows when every neighbour has
// everything, or when window + margin have passed.
void group_publication_end(struct group_publication *, uint64_t now_us);
void group_publication_close(struct group_publication *, uint64_t now_us); // frees; ends if need be
// Views whatever stream of that name there is or will be. -EINVAL, -ENOMEM, -EOPNOTSUPP.
int group_play(struct group *, const char *name, void *user, struct group_play **out,
	       uint64_t now_us);
// Our own values for what is followed, in place of its publisher's (MC-25); 0: as published. They
// are lost when another instance is followed (MC-6). -EINVAL: group_stream_params_check says why.
int group_play_override(struct group_play *, const struct group_stream_params *, uint64_t now_us);
// Nothing is shown while it is paused, and carried for others as ever (MC-10); then it begins anew
// as if we had come late, at a key frame.
void group_play_pause(struct group_play *, bool is_paused, uint64_t now_us);
void group_play_close(struct group_play *, uint64_t now_us); // frees

// -- members that the program knows of (NG-9) --
// peer_id: 64 hex digits. True: accepted, not yet connected. This peer is a member: it is called if
// it is wanted as a neighbour.
bool group_add_member_hint(struct group *, const char *peer_id, uint64_t now_us);
// It is called at once; later it may be let go like any other. A super-peer calls nobody: false.
bool group_add_neighbour(struct group *, const char *peer_id, uint64_t now_us);

// -- posting (PO-) --
// What others get as GROUP_POSTING: the octets of a serialized value. 0: id is its SHA-256, also of
// a message that was posted before, which goes nowhere (PO-3). -EOPNOTSUPP: the group has no
// posting; -EACCES: no authorization; -EMSGSIZE: nothing, or over POST_LEN_MAX; -EAGAIN: too many,
// later; -ENOMEM.
int group_post(struct group *, struct span message, uint8_t id[POST_ID_LEN], uint64_t now_us);

// -- directed routing (DR-) --
enum group_send_result { // NetGroupSendResult
	GROUP_SENT,
	GROUP_NO_ROUTE,   // nobody qualifies, or the one who does takes no more now
	GROUP_SEND_ERROR, // the address; the message is empty or over ROUTE_LEN_MAX; no routing
			  // here
};
// address: 64 hex digits. One hop; who gets it goes on as it sees fit (DR-11).
enum group_send_result group_send_to_nearest(struct group *, const char *address,
					     struct span message, uint64_t now_us);
enum group_send_result group_send_to_neighbour(struct group *, bool is_increasing,
					       struct span message, uint64_t now_us);
enum group_send_result group_send_to_all_neighbours(struct group *, struct span message,
						    uint64_t now_us);
// All the way to the nearest of the ring's NEAREST members (DR-17).
enum group_send_result group_send_far(struct group *, const char *address, struct span message,
				      uint64_t now_us);
// EXACT at first. NEAREST counts when those beside us have been the same for a while (DR-4).
void group_set_receive_mode(struct group *, bool is_nearest, uint64_t now_us);

struct group_coverage {
	uint8_t address[GROUP_ADDRESS_LEN], from[GROUP_ADDRESS_LEN], to[GROUP_ADDRESS_LEN];
	bool is_nearest, is_settling; // will be soon
	bool is_whole;                // those beside us agree on where ours ends
};
bool group_coverage_get(const struct group *, struct group_coverage *); // false: no routing

// -- object replication (OR-) --
// Sets of indices, of which first to last is added or removed; first > last: nothing. 0;
// -EOPNOTSUPP: the group has no replication; -ERANGE: beyond OBJECT_INDEX_MAX; -ENOBUFS: in too
// many pieces (docs/spx.md); -ENOMEM. Then nothing has changed.
int group_have_add(struct group *, uint64_t first, uint64_t last, uint64_t now_us);
int group_have_remove(struct group *, uint64_t first, uint64_t last, uint64_t now_us);
int group_want_add(struct group *, uint64_t first, uint64_t last, uint64_t now_us);
int group_want_remove(struct group *, uint64_t first, uint64_t last, uint64_t now_us);
int group_set_replication(struct group *, const struct group_replication *, uint64_t now_us);
// Answers GROUP_OBJECT_REQUEST, then or later. 0; -ENOENT: it has been answered, is too old, or who
// asked is gone, which does no harm (OR-6); -EMSGSIZE: nothing, or over OBJECT_LEN_MAX: not
// answered yet; -ENOBUFS: no room, it was denied.
int group_object_write(struct group *, uint64_t request, enum object_encoding, struct span object,
		       uint64_t now_us);
int group_object_deny(struct group *, uint64_t request, uint64_t now_us);
// The workers have given so many objects by themselves since this was last told: figures alone.
void group_objects_given(struct group *, uint64_t n, uint64_t octets, uint64_t now_us);
// What came from that peer is not the object: it is wanted again, and of others.
void group_object_refuse(struct group *, uint64_t index, const uint8_t peer_id[PEER_ID_LEN],
			 uint64_t now_us);

enum group_event_kind {
	GROUP_NONE,
	GROUP_REJECTED,             // group: an introducer refused it (NetGroup.Connect.Rejected)
	GROUP_NEIGHBOUR_CONNECT,    // group, peer
	GROUP_NEIGHBOUR_DISCONNECT, // group, peer
	GROUP_STREAM_PUBLISHED,     // group, name (MC-5)
	GROUP_STREAM_UNPUBLISHED,   // group, name: ended, or silent for twice the window
	GROUP_PUBLISH_DONE,         // publication
	GROUP_PLAY_START,           // play: message follows
	GROUP_PLAY_MESSAGE, // play, message: in order, without byte-equal repeats of headers
	GROUP_PLAY_GAP,     // play, number..number_to: fragments that never came
	GROUP_PLAY_END,     // play: ended by its source, everything delivered
	GROUP_PLAY_LOST,    // play: nothing for twice the window
	GROUP_POSTING,      // group, id, message.body
	GROUP_SEND_TO,      // group, from, to, is_from_local, is_far, message.body
	GROUP_COVERAGE,     // group, from, to: what is ours now (DR-5)
	GROUP_PLAY_RESET,   // play: another instance of the name is followed now (MC-6)
	// Object replication: group, number: the index, peer: whose.
	GROUP_FETCH_SEND,     // it is asked for now
	GROUP_FETCH_FAILED,   // it was denied, its holder lost, or too late: others are asked
	GROUP_FETCH_RESULT,   // message.body, encoding: here it is
	GROUP_OBJECT_REQUEST, // request: to be answered
};

struct group_event {
	enum group_event_kind kind;
	struct group *group;
	struct group_publication *publication;
	struct group_play *play;
	void *user;                // of the publication, the play or else the group
	uint8_t peer[PEER_ID_LEN]; // group address: group_address_of
	char name[STREAM_NAME_MAX + 1];
	struct stream_message message; // valid until the next event is asked for
	uint64_t number, number_to;
	uint8_t id[POST_ID_LEN];
	uint8_t from[GROUP_ADDRESS_LEN]; // SEND_TO: the last hop; is_far: who sent it on its way
	uint8_t to[GROUP_ADDRESS_LEN];   // the place it was for
	bool is_from_local, is_far;      // is_far: number is how many hops it took
	uint64_t request;
	uint8_t encoding; // enum object_encoding
};

// The next event; false: none. Ask until then after every round of reports and timers.
bool groups_event(struct groups *, struct group_event *, uint64_t now_us);

// -- looking in --

struct group_info {
	uint8_t id[GROUP_ID_LEN], address[32];
	const char *name; // tag of the groupspec, or ""
	bool is_member;   // false: introduced only
	uint32_t n_neighbours, n_members_known;
	uint32_t n_clients; // joined through our GC
	uint32_t n_streams;
	double estimated_members; // NG-8
	uint64_t n_posts;         // that came
	uint32_t n_posts_held, n_post_ids;
	uint64_t posts_held_bytes;
	// Octets of messages, for NetGroupInfo's rates.
	uint64_t post_control_tx_bytes, post_control_rx_bytes;
	uint64_t post_data_tx_bytes, post_data_rx_bytes;
	uint64_t route_tx_bytes, route_rx_bytes;
	uint64_t object_tx_bytes, object_rx_bytes;
	uint64_t n_objects_have, n_objects_wanted;
	uint64_t n_objects_ungiven; // of those that are spread: nobody was given them
};
// NetGroupInfo (NG, 4.3): octets of messages a second, over the last five.
struct group_rates {
	uint64_t posting_send_data, posting_send_control;
	uint64_t posting_receive_data, posting_receive_control;
	uint64_t routing_send, routing_receive;
	uint64_t object_replication_send, object_replication_receive;
};
void group_rates_get(const struct group *, struct group_rates *, uint64_t now_us);
uint32_t groups_info(const struct groups *, struct group_info *, uint32_t max);
void group_info_get(const struct group *, struct group_info *);

struct group_stream_rates { // octets a second, over some six seconds
	uint64_t send_data, send_control, receive_data, receive_control;
	uint64_t send_control_to_server, receive_data_from_server; // of super-peers
	uint64_t receive_data_from_multicast;
};

struct group_stream_info {
	const char *name;
	uint8_t key[STREAM_KEY_LEN];
	bool is_published_here, is_played_here, has_ended, is_silent;
	uint16_t stream; // index on the workers
	uint32_t n_links;
	uint64_t newest, end;                    // fragment numbers; end 0: not known
	uint64_t late, missing, received, bytes; // of the play here, else of the workers
	// netgroup-semantics 8.4, up to two seconds old: how fragments came and went.
	struct stream_stats totals;
	struct group_stream_rates rates;
	// What all members but the source and ourselves got of it, estimated: stream times members.
	// What we sent is totals.bytes_pushed_to + bytes_pulled_by.
	uint64_t consumed_bytes;
	uint64_t fragments_to_multicast, bytes_to_multicast;
};
// Streams of the group with this id; 0 for an unknown one.
uint32_t group_streams_info(const struct groups *, const uint8_t id[GROUP_ID_LEN],
			    struct group_stream_info *, uint32_t max);
void group_publication_info(const struct group_publication *, struct group_stream_info *);
void group_play_info(const struct group_play *, struct group_stream_info *);

struct group_neighbour_info {
	const uint8_t *group_id;           // GROUP_ID_LEN octets
	bool is_super, is_spx, is_nearest; // flags 6D, 6E; Begin 0F
	uint64_t opened_us;
};
// The groups in which the session's far end is our neighbour.
uint32_t group_session_info(const struct ctl_session *, struct group_neighbour_info *,
			    uint32_t max);

struct group_member_info {
	uint8_t peer_id[PEER_ID_LEN], address[GROUP_ADDRESS_LEN];
	bool is_neighbour, is_suspect; // silent for long
	bool is_super, is_spx, is_nearest;
	uint32_t heard_s; // ago, by anybody
	uint32_t rtt_us;  // 0: not measured
};
// Members we know of in the order of the ring from us upward; we are not among them. How many there
// are; at most max are told.
uint32_t group_members_info(const struct group *, struct group_member_info *, uint32_t max);

struct groups_counters {
	uint64_t joins, joins_refused, joins_limited; // at our GC
	uint64_t proofs_wrong, connects_malformed, connects_unknown_group, neighbours_refused;
	uint64_t early_messages; // before the proof
	uint64_t reports_in, reports_out, reports_malformed, reports_limited, records_ignored;
	uint64_t dials, dials_failed, dials_limited, sessions_double;
	uint64_t streams_refused, streams_foreign; // limits; publisher not on the list
	uint64_t unknown_messages, malformed, flows_rejected;
	// docs/spx.md
	uint64_t lan_in, lan_out, lan_malformed, lan_limited, lan_forged;
	uint64_t lan_doubted; // of whom nobody knows that he speaks now
	uint64_t lan_senders_lost, lan_fragments_lost;
	uint64_t spx_limited, spx_malformed, spx_unknown, spx_refused, spx_banned;
	uint64_t posts_own, posts_own_taken; // by one neighbour at least
	uint64_t posts_received, posts_offered, posts_sent;
	uint64_t posts_repeated, posts_stale, posts_limited, posts_blocked, posts_lost;
	uint64_t posts_false, posts_unauthorized, posts_evicted, post_ids_evicted;
	uint64_t routes_sent, routes_delivered, routes_none, routes_blocked, routes_ignored;
	uint64_t routes_far_own, routes_far_passed, routes_far_lost, routes_far_blocked;
	uint64_t routes_far_repeated, routes_far_again, routes_far_aside, routes_requests_evicted;
	uint64_t objects_asked, objects_received, objects_failed, objects_denied_us, objects_late;
	uint64_t objects_unasked, objects_false, objects_ranges_ignored;
	uint64_t objects_sent, objects_denied[OBJECT_DENY_COUNT];
	uint64_t objects_unlent; // that no body was there for, or whose worker does not keep up
	uint64_t events_lost;    // nobody asked for them
};
const struct groups_counters *groups_counters(const struct groups *);
