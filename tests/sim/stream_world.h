// A stream to thousands in one process: the relay as it is (dataplane/core's relay and budgets, the
// files that the product runs), over modelled flows. Members hang on lines with a rate upward, a
// queue before it and some milliseconds; packets have a length, are lost, late, and acknowledged,
// sessions have the congestion window of cc.c, and that is all: no octets, no keys, no handshakes,
// no control. A fragment in a window is a number, and stands for a packet of `packet_octets`.
//
// Node 0 is the super-peer, node 1 the source, 2 .. n_nodes - 1 play. Time goes by milliseconds.
// Everything comes from the seed.
#pragma once

#include "crypto/random.h"
#include "dataplane/core/stream.h"

#define STREAM_WORLD_NEWS 2 // numbers of an acknowledgement: every second packet has one

struct stream_world;

struct stream_end { // one side of a session; its index is the engine's session
	uint32_t far_node, far_session;
	uint32_t latency_ms;
	uint32_t in_order_ms; // when its control message before arrives
	uint32_t packet_ms;   // when the last control packet left: more goes with it
	uint32_t cut_ms;      // of its window, for losses
	uint8_t n_unacked, n_news;
	bool is_ack_late;                 // an alarm for its acknowledgement runs
	uint32_t news[STREAM_WORLD_NEWS]; // numbers that came and are not acknowledged yet
};

struct stream_node {
	struct engine e; // first: the flows find their node by it
	struct stream_world *w;
	uint32_t index;
	struct flows *flows; // one to a session, of the same index
	struct stream_end *ends;
	uint32_t n_ends, ends_max;
	uint64_t up_bps;  // 0: no limit
	uint64_t up_us;   // until when its queue drains
	uint64_t down_us; // the same of the line towards it
	uint32_t wake_ms; // 0: nothing is due
	struct {          // who sent fragments last, and who else before
		uint32_t session, at_ms;
	} heard[2];
	bool is_touched;
	uint32_t next_touched;
	// Figures.
	uint32_t start_ms;       // its first fragment, with which a player begins; 0: none yet
	uint32_t n_inside;       // fragments that came within the window after they were published
	uint64_t data_octets;    // sent, of fragments
	uint64_t control_octets; // of acknowledgements, maps, masks and pulls
};

struct stream_world_opts {
	uint64_t seed;
	uint32_t n_members;     // who play
	uint32_t packet_octets; // of IP
	uint32_t every_us;      // between fragments
	uint32_t window_ms, margin_ms, update_ms, fetch_ms;
	uint32_t loss_permille;
	uint32_t queue_ms; // of a line upward
	uint64_t super_bytes_per_s;
	uint64_t down_bps;
	uint64_t (*up_bps)(uint32_t member, struct random *); // of each who plays
	uint32_t told_permille; // a member is told so much of its uplink as its budget; 0: nothing
};

struct stream_event;

struct stream_world {
	struct stream_world_opts o;
	uint32_t now_ms;
	struct random_state random_state;
	struct random random;
	struct stream_node *nodes;
	uint32_t n_nodes;
	struct stream_event *events;
	uint32_t n_events, events_cap, free_event;
	struct stream_slot *slots; // of time, a millisecond each
	uint32_t touched;
	struct body *fragment;  // to publish
	uint32_t *published_ms; // by number
	uint64_t *inside_at;    // fragments in time, of all who play, by the second of publishing
	uint64_t n_published, numbers_max;
	uint64_t due_us; // of the next
};

struct stream_world *stream_world_create(const struct stream_world_opts *, uint64_t fragments_max);
void stream_world_destroy(struct stream_world *);
void stream_world_run_ms(struct stream_world *, uint32_t ms, bool is_publishing);
struct stream *stream_of_node(struct stream_world *, uint32_t node);

// -- between its files --
enum stream_event_kind {
	STREAM_WAKE,
	STREAM_DATA,
	STREAM_CONTROL,
	STREAM_ACK,
	STREAM_ACK_DUE,
	STREAM_LOST,
};

struct stream_event {
	uint32_t next;
	uint32_t node, session;
	uint8_t kind, len;
	bool is_down;    // has crossed the line to its node
	uint16_t octets; // of the packet; 0: rides with the one before it
	bool is_fast; // of an acknowledgement: nobody else sends it a stream (RFC 7016 §3.5.2.1)
	union {
		struct {
			uint32_t no, sn;
		} data;
		struct {
			struct local_body *body; // NULL: inline
			uint32_t len;
			uint8_t octets[12];
		} control;
		uint32_t news[STREAM_WORLD_NEWS];
	};
};

static inline struct stream_node *stream_node_of(const struct engine *e)
{
	return (struct stream_node *)(uintptr_t)e;
}
struct stream_event *stream_event_at(struct stream_world *, uint32_t at_ms, uint32_t node,
				     uint32_t session, enum stream_event_kind);
// When a packet of it arrives at the far end; 0: it does not.
uint32_t stream_packet(struct stream_node *, struct stream_end *, uint32_t octets, bool is_data);
void stream_ack(struct stream_node *, uint32_t session, uint32_t at_ms);
int stream_flows_create(struct stream_node *);
void stream_flows_destroy(struct stream_node *);
void stream_flow_acked(struct stream_node *, const struct stream_event *);
void stream_flow_lost(struct stream_node *, uint32_t session, uint32_t sn);
