// One end of a stream over TC flows (rtmfp.md 14.1, 14.4 step 6, 14.5): whoever publishes or plays,
// to a server or directly, does it through one of these. It opens the flows of its own as they are
// needed (commands, audio, video and data apart), takes those of the far end that belong to it, and
// ends them together.
//
// Which flows belong to a stream follows from its place:
//
//	                   our flows return            theirs return
//	CONNECTED          their control flow          our control flow; the stream id is the same
//	SUBSCRIBER         nothing: one flow alone     that flow of ours
//	PUBLISHER          the subscriber's flow       nothing: the subscriber's flow alone
//
// A message is delivered when its flow delivers it: in order within a flow, and between flows only
// as far as a Flow Synchronization says (14.3).
//
// Owned by whoever created it; control thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/startup/ctl_session.h"
#include "dataplane/wire/flow_kind.h"

struct net_stream;

enum net_stream_place {
	NET_STREAM_CONNECTED,  // inside a NetConnection
	NET_STREAM_SUBSCRIBER, // direct: we ask
	NET_STREAM_PUBLISHER,  // direct: we were asked
};

enum net_stream_flow {
	NET_STREAM_COMMAND, // commands, status, user control
	NET_STREAM_AUDIO,
	NET_STREAM_VIDEO,
	NET_STREAM_DATA,
	NET_STREAM_FLOWS,
};

#define NET_STREAM_FAR_FLOWS_MAX 8 // that a far end may open for one stream

struct net_stream_message {
	uint8_t type; // enum rtmp_type; 1, 2, 3, 5 and 6 are ignored before (14.2)
	uint32_t timestamp;
	struct span payload;
	struct span whole; // header and payload: what would be sent on
	bool has_gap;      // messages before it in its flow were given up
	uint16_t rx_slot;  // that flow
};

enum net_stream_end {
	NET_STREAM_LEFT,     // direct: the subscriber's flow ended or was rejected
	NET_STREAM_LOST,     // the session or the NetConnection is gone
	NET_STREAM_EXCESSIVE // more flows than a stream may have: all were rejected
};

struct net_stream_events {
	void *ctx;
	void (*message)(void *ctx, struct net_stream *, const struct net_stream_message *,
			uint64_t now_us);
	// The far end rejected a flow of ours. All of ours are closed, and none will replace them
	// (14.4 step 6); theirs go on. NULL: no matter.
	void (*rejected)(void *ctx, struct net_stream *, uint64_t now_us);
	// The stream is no more: nothing can be written, no event follows. Its owner destroys it,
	// now or later.
	void (*gone)(void *ctx, struct net_stream *, enum net_stream_end, uint64_t now_us);
};

// How messages of one of our flows travel.
struct net_stream_sending {
	uint8_t prio;          // enum flow_prio
	bool is_first;         // before the others of that priority
	bool is_time_critical; // §2.2.4: other sessions of the far end make room
	uint32_t lifetime_us; // given up when not acknowledged so long after it was written (P2-5);
			      // 0: reliable
};

// All the streams of a node, their bounds and what reached them.
struct net_streams {
	uint32_t max, per_session_max;
	uint32_t n;
	uint32_t n_direct_sessions; // that have a direct stream
	uint64_t opened;            // since the start
	uint64_t refused;           // over max or per_session_max
	uint64_t excessive;         // ended for opening too many flows
	uint64_t over_budget;       // messages that found queue_bytes_max reached
	uint64_t rejected;          // a far end rejected flows of ours
};

struct net_stream_opts {
	struct net_streams *streams; // borrowed, outlives the stream
	struct ctl_session *session;
	enum net_stream_place place;
	uint32_t id; // not 0, at most 24 bits
	// The far end's flow that ours return: its control flow (CONNECTED) or the subscriber's
	// (PUBLISHER).
	uint64_t far_flow;
	struct net_stream_sending sending[NET_STREAM_FLOWS];
	bool is_one_flow; // everything travels as it is written, in the flow of the commands
	// Written and not yet acknowledged or given up; commands may exceed it by 16 KiB.
	uint32_t queue_bytes_max;
	struct net_stream_events events;
};

// What netgroup-semantics 14 gives live media: audio 2.2 s, video 2.0 s, the rest reliable; sound
// before pictures.
void net_stream_sending_live(struct net_stream_sending[NET_STREAM_FLOWS]);
// P2-5's audioReliable, videoReliable and dataReliable, all true.
void net_stream_sending_reliable(struct net_stream_sending[NET_STREAM_FLOWS]);

// 0; -ENOBUFS: too many; -ENOMEM; -EEXIST: the session has this id in this place already;
// -ENOTCONN.
int net_stream_create(const struct net_stream_opts *, struct net_stream **out);
// Closes our flows after what is queued, rejects theirs with code 0, all together.
void net_stream_destroy(struct net_stream *);

// Another way of sending, for flows that are not open yet.
void net_stream_send_as(struct net_stream *, const struct net_stream_sending[NET_STREAM_FLOWS],
			bool is_one_flow);

uint32_t net_stream_id(const struct net_stream *);
struct ctl_session *net_stream_session(const struct net_stream *); // NULL: gone
bool net_stream_is_direct(const struct net_stream *);              // no NetConnection is between
bool net_streams_are_direct(const struct ctl_session *);           // the session has such a stream
bool net_stream_may_write(const struct net_stream *); // not gone, no flow of ours rejected

// The flow that a message of this type travels on.
enum net_stream_flow net_stream_flow_of(uint8_t type);
// One message, whole or in two parts, given up after its flow's lifetime unless it is_reliable. 0;
// -EPIPE: gone or rejected; -EDQUOT: the far end has not taken queue_bytes_max yet; -ENOBUFS: the
// worker does not keep up, not now; -EMFILE: the session has no flow left.
int net_stream_write(struct net_stream *, enum net_stream_flow, struct span head, struct span rest,
		     bool is_reliable, uint64_t now_us);
// A Flow Synchronization into all flows of ours: what is written from here on is taken by the far
// end after all that was written before, whatever flow it went by.
void net_stream_barrier(struct net_stream *);
uint32_t net_stream_queued_bytes(const struct net_stream *);

// A stream of a session by its id, NULL: none; and what its owner gave with the events.
struct net_stream *net_stream_find(const struct ctl_session *, enum net_stream_place, uint64_t id);
void *net_stream_ctx(const struct net_stream *);

// ---- for those who hear of flows: rpc.c ----

// A flow with a stream id that is not 0. True: it belongs to a stream and was accepted or rejected.
// False: it is nobody's; perhaps a subscriber's request (no association).
bool net_stream_flow_opened(struct ctl_session *, uint16_t rx_slot, uint64_t flow_id,
			    uint16_t assoc_flow, const struct tc_metadata *, uint64_t now_us);
// PUBLISHER: the subscriber's flow, once the stream for it is made.
void net_stream_take(struct net_stream *, uint16_t rx_slot, uint64_t flow_id);
void net_stream_on_message(struct ctl_session *, uint16_t rx_slot, struct span message,
			   bool has_gap, uint64_t now_us);
void net_stream_on_finished(struct ctl_session *, uint16_t rx_slot, uint64_t now_us);
void net_stream_on_exception(struct ctl_session *, uint16_t tx_slot, uint64_t now_us);
// The NetConnection ended (its streams alone), or the session did.
void net_streams_disconnected(struct ctl_session *, uint64_t now_us);
void net_streams_session_closed(struct ctl_session *, uint64_t now_us);
