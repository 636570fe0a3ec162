// The room from inside: what groups, neighbours and streams share. Not for other rooms.
#pragma once

#include <stddef.h>

#include "control/group/addr_gate.h"
#include "control/group/events.h"
#include "control/group/gc_server.h"
#include "control/group/group.h"
#include "control/group/group_session.h"
#include "control/group/idle_sessions.h"
#include "control/group/members.h"
#include "control/group/meter.h"
#include "control/group/player.h"
#include "control/group/publisher.h"
#include "control/outbox.h"
#include "control/startup/token_bucket.h"
#include "crypto/random.h"

#define NEVER     UINT64_MAX
#define SECOND_US UINT64_C(1000000)

#define CONNS_MAX       16
#define DIALS_MAX       64
#define OWN_ADDRS_MAX   4  // that neighbours see us at
#define HELD_FLOWS_MAX  16 // stream and posting flows that came before the proof
#define MAIN_RX_MAX     16 // main flows of a session that named no group yet
#define REJECT_CODE     0
#define BANS_MAX        64 // members not accepted for a while; more push out the oldest
#define IDLE_SESSION_US UINT64_C(30000000) // a session may serve nothing for so long

// What a flow's ctx points at, for OWNER_GROUP: its first member.
enum flow_ctx {
	CTX_MAIN_RX = 1,
	CTX_NEIGHBOUR,
	CTX_STREAM_RX,
	CTX_LINK,
	CTX_SPX, // struct spx_lane
};

// What our extension's flows carry (spx.h).
enum spx_lane_kind {
	LANE_ROUTES,
	LANE_POST_CONTROL,
	LANE_POST_DATA,
	LANE_OBJECT_CONTROL,
	LANE_OBJECTS,
	LANE_OLD_KEYS,
	LANE_OLD_VALUES,
	LANES,
};

// A neighbour's main flow: nameless until its first message.
struct main_rx {
	enum flow_ctx ctx;
	struct ctl_session *cs;
	struct main_rx *next; // nameless ones, of the session
	struct neighbour *neighbour;
	uint64_t flow_id, opened_us;
	uint16_t rx_slot;
};

struct held_flow {
	uint64_t flow_id;
	uint16_t rx_slot;
	uint8_t kind; // enum flow_kind
};

enum neighbour_state {
	NEIGHBOUR_CALLED, // we sent our proof; theirs is awaited. Not a neighbour yet
	NEIGHBOUR_OPEN,   // both proofs are good
};

#define NEIGHBOUR_LINE 64

struct neighbour {
	// A line of what a choice looks at, of all neighbours.
	enum flow_ctx ctx;
	enum neighbour_state state;
	struct group *group;
	struct ctl_session *cs;
	struct member *member; // while open
	uint64_t opened_us;
	uint32_t index;  // in group.neighbours
	uint32_t rtt_us; // 0: not measured
	uint16_t main_tx;
	bool has_report_out; // the first one was sent
	bool expects_reply;
	bool is_super, is_spx, is_nearest;
	bool told_nearest; // by our last Begin
	bool told_spx;     // by our last report
	bool is_adjacent;  // one of the three each way on the ring
	bool is_next;      // the first of them
	bool is_beside;    // the first either way that is linked to us and not silent
	bool is_wanted;    // by the last choice (topology.c)
	bool is_suspect;   // silent for long (groups.md 11)
	// The rest.
	struct neighbour *next; // of the session
	struct main_rx *main_rx;
	uint32_t in_flight_bytes; // as of
	uint64_t in_flight_us;
	uint64_t called_us, asked_us, reported_us;
	struct token_bucket reports;
	struct stream_link *links;
	struct stream_rx *stream_rx; // their stream flows that named no stream yet
	uint8_t n_stream_rx;
	struct spx_peer *spx; // NULL: it speaks no SPX, or the group has no use for it
	uint8_t n_held;
	struct held_flow held[HELD_FLOWS_MAX]; // while called
};
static_assert(offsetof(struct neighbour, next) == NEIGHBOUR_LINE, "the first line");

// One attempt to open a session to a member.
struct dial {
	struct group *group;
	struct member *member; // NULL: this row is free
	struct opening *opening;
	uint64_t began_us;
	uint64_t introduce_us; // 0: its introducer is among the candidates
};

// A NetConnection to an introducer.
struct conn {
	struct ctl_session *cs; // NULL: this row is free
	uint64_t control_flow_id;
};

// We, joining a group at an introducer.
struct gc_join {
	struct group *group;
	struct ctl_session *cs;
	struct gc_join *next; // of the group
	int tx_slot;          // -1: rejected
	int rx_slot;          // -1: no answer yet
	uint64_t rx_flow_id;
	uint32_t n_hints;
	uint8_t first_hint[PEER_ID_LEN];
};

struct ban {
	uint8_t peer_id[PEER_ID_LEN];
	uint64_t until_us;
};

struct group {
	// What each turn looks at.
	struct groups *groups;
	struct group *next;
	uint64_t choose_us;           // next choice of neighbours
	uint64_t answer_us;           // the same, if somebody called has not answered by then
	uint64_t chosen_us;           // last one
	uint64_t report_us, purge_us; // next
	uint64_t random_us;           // when the random one is drawn anew; NEVER: with a choice
	struct gstream *streams;
	struct group_play *plays;
	struct group_publication *publications;
	struct postings *postings;     // NULL: the groupspec has none
	struct routes *routes;         // NULL: the same
	struct objects *objects;       // NULL: the same
	struct lan *lan;               // NULL: not spoken
	struct neighbour **neighbours; // dense; also those only called
	uint32_t n_neighbours, neighbours_cap, n_open;
	uint32_t n_nameless; // the first of neighbours: no member yet, and most of them called
	uint32_t n_told;     // members.n_news at the last report to one at random
	// The rest.
	struct u256 address;
	struct members members;
	struct groupspec spec;
	struct group_limits limits; // filled in
	uint8_t (*publishers)[PEER_ID_LEN];
	void *user;
	struct gc_join *joins;
	uint32_t n_streams;
	uint64_t spx_peers_ever;
	struct {
		uint64_t tx_bytes, rx_bytes;
		struct meter tx, rx;
	} spx_traffic[LANES];
	struct ban bans[BANS_MAX];
	uint32_t next_ban;
	uint64_t banned_us; // nobody is banned for longer

	uint32_t choice;          // the last one's number (member.chosen); 0: there was none
	uint32_t n_wanted;        // whom it named
	uint32_t near_us;         // the sixth of its nearest; UINT32_MAX: fewer were measured
	uint32_t n_chosen;        // members.n_changes then
	bool is_choice_old;       // it would be another one now
	uint64_t suspected_us[2]; // when neighbours fell silent: the last but one, the last
	bool is_unrest;           // several did lately
	bool is_seeking;          // or those called on the ring do not answer
	uint64_t beside_us;       // when those beside us were last asked who else is
	uint8_t random_id[PEER_ID_LEN];
	bool is_random_alone; // nothing else wants him: as of the last choice or draw
	struct token_bucket dials;
};

struct groups {
	// What each turn looks at.
	uint64_t now_us;
	struct group *first;
	struct gc_server *gc;  // NULL: no server endpoint
	uint64_t dials_used;   // bit per row
	uint64_t introduce_us; // earliest of the dials', or earlier; NEVER: none
	uint64_t sweep_us;     // next look for idle sessions and silent calls
	uint64_t streams_us;   // next look for silent streams; NEVER: there are none
	uint64_t stats_us;     // next request
	struct event_queue events;
	// The rest.
	struct group_session *sessions;
	struct idle_sessions idle;
	uint32_t n_groups;
	uint32_t n_main_rx;    // main flows that are nameless yet, of all sessions
	uint32_t keepalive_ms; // of neighbours that are nothing special
	struct groups_opts o;
	struct conn conns[CONNS_MAX];
	struct dial dials[DIALS_MAX];
	struct addr_gate gate;
	struct token_rate dial_rate, dial_rate_stale, report_rate;
	struct token_rate lan_rate, lan_fragment_rate, lan_answer_rate;
	// Of a neighbour that speaks SPX (docs/spx.md).
	struct token_rate control_rate, control_byte_rate, data_byte_rate;
	struct token_rate route_rate, route_byte_rate, unknown_rate;
	struct token_rate object_rate, object_byte_rate, object_range_rate;
	struct token_rate first_rate, posts_rate; // new postings, of a neighbour and of all
	struct wire_addr own_addrs[OWN_ADDRS_MAX];
	uint8_t n_own_addrs, own_addr_next;
	struct stream_table *streams;
	struct outbox_account *objects_out; // of all groups
	struct groups_counters n;
};

static inline struct group *group_find(const struct groups *gs, const uint8_t id[GROUP_ID_LEN])
{
	struct group *g = gs->first;

	while (g != NULL && memcmp(g->spec.id, id, GROUP_ID_LEN) != 0)
		g = g->next;
	return g;
}

static inline uint64_t earlier(uint64_t a_us, uint64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

// Something began that has to be given up then, unless it comes to something.
static inline void sweep_by(struct groups *gs, uint64_t at_us)
{
	gs->sweep_us = earlier(gs->sweep_us, at_us);
}

static inline void group_tell_peer(struct group *g, enum group_event_kind kind,
				   const uint8_t peer_id[PEER_ID_LEN])
{
	struct group_event e = {.kind = kind, .group = g, .user = g->user};

	memcpy(e.peer, peer_id, PEER_ID_LEN);
	event_push(&g->groups->events, &e);
}
