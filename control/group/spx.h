// Our extension's flows (docs/spx.md): to whom they are opened, whose are accepted, what a
// neighbour may say on them in which time, and the points it loses. What is said is the business of
// postings.c and routes.c. Posting as older members do it (groups.md 7) runs on two lanes of the
// same kind.
#pragma once

#include "control/group/internal.h"
#include "control/group/route_choice.h"
#include "dataplane/wire/flow_kind.h"

// What counts together of what is on its way to a neighbour.
enum spx_out {
	OUT_ROUTES,
	OUT_POSTS,
	OUT_OBJECT_CONTROL,
	OUT_OBJECTS,
	SPX_OUTS,
};

// A flow each way.
struct spx_lane {
	enum flow_ctx ctx; // CTX_SPX, both flows'
	enum spx_lane_kind kind;
	struct spx_peer *peer;
	int tx, rx; // slots; -1: closed
	uint64_t rx_flow_id;
	uint64_t refused_us; // our flow was rejected then; 0: never
	struct token_bucket unknown;
};

// A neighbour that speaks SPX, or posts as older members do.
struct spx_peer {
	struct neighbour *nb;
	uint64_t number; // among the group's, ever
	struct spx_lane lanes[LANES];
	struct token_bucket control, control_bytes, data_bytes, routes, route_bytes;
	struct token_bucket object_control, object_control_bytes;
	struct outbox_account *out[SPX_OUTS]; // what it has not acknowledged
	uint8_t n_points_lost;
	bool is_trusted; // a super-peer, says an introducer: it relays for everybody

	// postings.h
	uint64_t live,
		history;   // postings it is offered next: new ones upward, former ones downward
	uint64_t offer_us; // not before
	struct token_bucket firsts, history_offers;
	uint32_t n_old_asked; // values that an older one may send
	// routes.c
	uint64_t all_done; // the last message to all neighbours that it got
	bool has_range;    // it told us its range
	struct route_range range;
	uint64_t range_at_us;   // when
	uint32_t range_version; // of ours, that it was told
	uint64_t range_us;      // when
	// objects.h
	struct object_peer *objects; // NULL: there are none here, or it speaks no SPX
};

void spx_rates(struct groups *); // sets them
// It announced SPX, or opened a flow of it.
void spx_neighbour_speaks(struct neighbour *);
void spx_neighbour_gone(struct neighbour *, bool is_leaving);
// May we speak first? Super-peers do, and to such as cannot be old (docs/spx.md).
bool spx_is_announced(const struct neighbour *);

void spx_flow_opened(struct groups *, struct ctl_session *, const struct report *, enum flow_kind);
// Of a neighbour whose proof was awaited when it came.
void spx_flow_accept(struct neighbour *, uint16_t rx_slot, uint64_t flow_id, enum flow_kind);
bool spx_carries(enum flow_kind); // is it a lane's?
void spx_message(struct spx_lane *, struct span message);
void spx_finished(struct spx_lane *, uint16_t rx_slot, uint64_t flow_id);
void spx_exception(struct spx_lane *, uint16_t tx_slot);

// Our flow of the lane. What is wrong, spx_send says.
void spx_open(struct spx_peer *, enum spx_lane_kind);
// Opens the lane if need be. 0, -ENOBUFS: no room, or over what may be on its way to the neighbour;
// -EACCES: it rejected our flow lately.
int spx_send(struct spx_peer *, enum spx_lane_kind, struct span head, struct span rest);
// The same bound, before there is something to send.
bool spx_has_room(const struct spx_peer *, enum spx_lane_kind, size_t len);

// A message did not parse, or lied: flow exception and a point. The neighbour may be gone
// afterwards, and the lane with it: false.
bool spx_malformed(struct spx_lane *);
// A point without exception. False: the neighbour is gone.
bool spx_point(struct spx_peer *);
void spx_unknown(struct spx_lane *);
// 0: it is not banned, else until when.
uint64_t spx_banned_until_us(const struct group *, const uint8_t peer_id[PEER_ID_LEN]);

// What we sent it is on its way: to part now would lose it. Objects do not count: who fetches a
// file for an hour would never part from anybody, and one that is lost is asked of another.
bool spx_is_busy(const struct neighbour *);

// The group's peers that speak SPX, one after the other.
struct spx_peer *spx_next(const struct group *, uint32_t *at);
