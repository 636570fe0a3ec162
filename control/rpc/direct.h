// Direct one-to-one streams, the end that publishes (rtmfp.md 14.5, netgroup-semantics 9): names
// that others may play from us, and who does. A subscriber comes by a flow of its own and says
// which name it wants; one who wants a name that nobody here publishes yet waits (NC-16).
//
// What is published goes into a live_hub of our own, so a slow subscriber misses its own messages
// and nobody else's, and one who comes late begins at a key frame.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/rpc/net_stream.h"

struct direct;
struct direct_name; // published
struct direct_peer; // a subscriber of ours: an entry of peerStreams (P2-3)

#define DIRECT_STREAM_ID_FIRST 2000000 // rtmfp.md 14.2: ids of direct streams begin there

struct direct_opts {
	struct net_streams *streams; // borrowed
	uint32_t names_max;          // published at a time
	uint32_t waiting_max;        // subscribers without a name that is published (NC-16)
	uint32_t players_max;        // of a name
	uint32_t log_bytes_max;      // kept of a name for those who are late or slow
	uint32_t queue_bytes_max;    // out to one subscriber at a time
	uint32_t peers_max;          // sessions with direct streams, in and out together (NC-15)
};

struct direct_counters {
	uint64_t asked, accepted;
	uint64_t rejected;      // by onPeerConnect (P2-2)
	uint64_t refused_peers; // over peers_max
	uint64_t refused;       // over waiting_max or another limit
	uint64_t silent;        // never said what they want
	uint64_t malformed;     // ... or nothing that can be read
};

struct direct_name_opts {
	// P2-5. While all is reliable, everything travels in one flow and keeps its order;
	// otherwise sound, pictures and data travel apart.
	bool audio_is_late_ok, video_is_late_ok, data_is_late_ok;
	void *ctx;
	// onPeerConnect (P2-2): false: it is told NetStream.Connect.Rejected. NULL: everybody may.
	bool (*peer_connect)(void *ctx, const uint8_t peer_id[32]);
	// It plays now, or does not any more. NULL: no matter.
	void (*peer_changed)(void *ctx, const uint8_t peer_id[32], bool has_come);
};

struct direct *direct_create(const struct direct_opts *); // NULL: no memory
void direct_destroy(struct direct *);
const struct direct_counters *direct_counters(const struct direct *);

// An unassociated flow of a stream came (rpc_events.asked). False: it is to be rejected.
bool direct_asked(struct direct *, struct ctl_session *, uint16_t rx_slot, uint64_t flow_id,
		  uint32_t stream_id, uint64_t now_us);

// Those that wait for the name come at once. 0; -EINVAL: the name; -EEXIST: published already
// (NetStream.Publish.BadName); -ENOBUFS, -ENOMEM.
int direct_publish(struct direct *, const char *name, const struct direct_name_opts *,
		   struct direct_name **out, uint64_t now_us);
// One message (type 8, 9, 15, 18). 0, or -EMSGSIZE: longer than log_bytes_max.
int direct_write(struct direct_name *, uint8_t type, uint32_t timestamp, struct span data,
		 uint64_t now_us);
// Nothing more will be written; subscribers hear of it behind the last message.
void direct_end(struct direct_name *, uint64_t now_us);
// All that was written is acknowledged or given up, or nobody is left.
bool direct_is_settled(const struct direct_name *);
void direct_unpublish(struct direct_name *, uint64_t now_us); // and no one is left

// peerStreams of a name, unconnectedPeerStreams (name NULL). How many there are; at most max are
// told.
struct direct_peer_info {
	struct direct_peer *peer;
	uint8_t peer_id[32];
	const char *name; // that it asked for
};
uint32_t direct_peers(const struct direct *, const struct direct_name *, struct direct_peer_info *,
		      uint32_t max);
void direct_peer_close(struct direct_peer *, uint64_t now_us); // NetStream.Connect.Closed

// May this session have direct streams (NC-15)? It has them already, or there is room. NULL: one
// that is to be opened. Lowering the limit ends nothing.
bool direct_has_room(const struct direct *, const struct ctl_session *);
void direct_set_peers_max(struct direct *, uint32_t);

void direct_timers(struct direct *, uint64_t now_us);
uint64_t direct_deadline_us(const struct direct *);
