// The relay from inside: streams, and their links to neighbours. Shared by the relay's files only.
//
//   stream.c    streams and links come and go; the dense array of subscribers
//   relay.c     the front door: fragments, control messages, commands; relay_life.c memory and
//   clock fanout.c    fresh fragments to everybody who is up to date behind.c    everybody else:
//   catching up, repairs, pulls maps.c      our map of the stream to others      holders.c   the
//   others' maps pull.c      what we ask for                      push.c      whom we ask to push,
//   whom we push to tap.c       the way to control                   handoff.c   the way to other
//   workers
#pragma once

#include "dataplane/core/horizon.h"
#include "dataplane/core/internal.h"
#include "dataplane/core/pull_set.h"
#include "dataplane/core/push_room.h"
#include "dataplane/core/uplink.h"
#include "dataplane/core/window.h"
#include "dataplane/wire/group_stream.h"
#include "dataplane/wire/stream_fragment.h"

#define PUSH_SLOTS           8    // groups.md 6.1: a fragment's slot is its number % 8
#define HOLDERS_MAX          16   // neighbours per stream whose maps we keep
#define ASKED_MAX            2048 // pulls of ours under way per stream
#define PUSH_TEST_MS         2000 // groups.md 6.3
#define PUSH_PATIENCE_MS     1000 // ours: a pusher that never pushed may be replaced
#define PUSH_SILENT_MS       2500 // ours: the same, where there is a super-peer to repair it
#define PUSH_REFUSED_MS      300 // ours: who pushes other slots and not this one for so long refuses it
#define PUSH_REFUSES_MS      1500 // ours: who was asked for a slot in vain is asked after others so long
#define PUSH_REFUSED_LEAST   48 // ours: steps and slots refused; super-peers are short of bytes
#define PUSH_REFUSED_MAX     160
#define PUSH_FORGIVE_MS      1000 // ours: one less each time, so chance does not add up
#define PUSH_BEATEN_MAX      3    // ours: so often behind another worker's pusher, and it is let go
#define SUPERS_MAX           4   // super-peers among a stream's neighbours that are treated as such
#define PULL_STEP_MS         100 // groups.md 6.3
#define PULLS_MAY_FIRST      4   // ours: asked of one neighbour at a time, in the beginning
#define PULLS_MAY_MAX        256
#define PULLS_MAX_LEAST      8  // ours: of all neighbours, that wait for us to answer
#define STREAM_UPDATE_MIN_MS 10 // ours: shorter periods are taken as this
#define HANDOFFS_MAX         64 // of each other worker and turn
#define NUDGE_MS             1000 // ours: who waits for room is looked at so often, whatever was forgotten
#define STREAM_NONE          UINT32_MAX

// A neighbour's place in the fan-out. Who wants nothing or is behind costs no further line.
struct subscriber {
	uint32_t flow_idx, session_idx, link_idx;
	uint8_t slots; // granted; never 0
	uint8_t is_behind;
	uint8_t rsv[2];
};
static_assert(sizeof(struct subscriber) == 16, "four in a line");

// link.list: where a link with something due stands
#define LIST_MEDIA   0    // catching up, perhaps repairs and pulls too
#define LIST_REPAIRS 1    // repairs and pulls alone
#define LIST_PARKED  2    // + one of these: until its group's budget allows it (park.c)
#define VISIT_BYTES  3600 // of a turn: three packets

// link.due
#define LINK_DUE_CATCH_UP 0x01 // is behind: fragments from flow_tx.cursor on
#define LINK_DUE_REPAIR   0x02 // numbers to send again, a forward sequence number to move
#define LINK_DUE_PULLS    0x04
#define LINK_LISTED       0x10 // on the ready list
#define LINK_WAITING      0x20 // for acks: relay_flow_open_again lists it

// A neighbour that takes part in a stream.
struct link {
	uint32_t session_idx, session_id;
	uint16_t stream;
	uint16_t control_flow, data_flow; // our send slots: GR-11, GR-12
	uint8_t flags;                    // LINK_* of messages.h
	uint8_t due;                      // LINK_DUE_*
	uint8_t list;                     // LIST_*, if LINK_LISTED
	uint64_t data_flow_id, assoc_id;
	uint64_t ring_order;
	uint32_t next, prev; // of the stream, in order of connection
	uint32_t next_of_session;
	uint32_t next_ready, prev_ready;
	int32_t deficit_bytes; // of its visits
	// What it gets from us.
	uint32_t flow_idx; // our GR-12, opened when something is wanted; FLOW_IDX_NONE
	bool is_used;
	uint8_t slots_asked;   // its PushMask
	uint8_t slots_granted; // what of that we serve
	bool is_refused;       // it rejected our GR-12
	uint32_t srtt_min_us;  // the least of its session; 0: none yet
	struct pull_set pulls;
	uint8_t n_shown;      // maps of ours, up to 255
	uint32_t shown_ms;    // the newest of them
	bool has_asked;       // for some slot, ever
	uint32_t map_ordinal; // of the newest one
	// What we get from it.
	uint8_t slots_in;      // our PushMask
	uint8_t slots_in_told; // as it knows it
	uint32_t refused_ms;   // when it had been asked for a slot and pushed nothing; 0: never
	uint8_t n_maps;        // received, up to 255
	uint32_t holder;       // its map, IDX_NONE: not kept
	uint16_t n_pulls_open; // asked of it and not answered
	uint16_t pulls_may; // so many at a time: grows while it answers, is halved if it does not
	uint16_t n_pulls_kept; // answers since it grew
	// Figures.
	uint32_t skipped;
	uint64_t fragments_from;
};

// Whom a pull may go to.
enum holder_who {
	HOLDER_ANY,
	HOLDER_SUPER,
	HOLDER_MEMBER,    // no super-peer
	HOLDER_WITH_ROOM, // of those, who has answered what it was asked
};

// The map of a neighbour, as it last sent it. Whoever lies in his map spoils nothing but what is
// asked of him.
struct holder {
	uint64_t last;
	struct horizon announced; // of `last`, over the fetch period: only what is older is pulled
	uint32_t link_idx, at_ms;
	uint32_t len;
	uint8_t bits[FRAGMENTS_MAP_MAX];
};

// A pull of ours under way, at no % ASKED_MAX. A number whose place is taken waits.
struct asked {
	uint64_t no; // 0: none
	uint64_t ring_order;
	uint32_t link_idx, at_ms; // LINK_NONE: nobody had room, or it is another worker's
	bool is_again;            // somebody was asked before
	bool is_waiting;          // nobody was, for want of room
};

// What another worker was lent of the log.
struct stream_lending {
	uint64_t pos;        // the next record
	uint64_t old_before; // what it was lent of the time before it took part
	uint32_t ordinal;    // of the next record, if none has left the window unlent
};

// What another worker can ask its neighbours for.
struct offer {
	uint64_t first;
	uint32_t at_ms;
	bool is_one; // it has said something
	uint8_t bits[HANDOFF_OFFERS / 8];
};

// Who pushes a slot to us. Half a line, since each fragment looks at one.
struct push_slot {
	alignas(32) uint64_t last; // newest number it pushed
	uint32_t pusher, tester;   // links
	uint32_t asked_ms;         // when the pusher was asked, or last pushed
	uint32_t tested_ms;        // when the tester was asked
	uint8_t n_beaten;          // fragments of it in a row that another worker had first
};
static_assert(sizeof(struct push_slot) == 32, "two in a line");

// In the order of what is touched together: with many streams all of it comes from the third cache,
// three lines for a fragment that comes in, and one of slots, counters and index blocks each.
struct stream {
	// The fresh walk (fanout.c). Records in [fresh_pos, walk_end) are on offer; who was not
	// visited yet is walk_left long from walk_at on.
	alignas(64) struct subscriber *subs; // in session slot order
	uint32_t n_subs;
	uint32_t walk_at, walk_left, walk_from;
	uint64_t fresh_pos, walk_end;
	uint32_t next_fresh;
	bool is_fresh_listed, is_walking;
	bool is_parked;     // for its group's budget; next_fresh is the next of those
	uint32_t walk_late; // records of the walk that became late during it

	bool is_used;
	uint8_t flags; // STREAM_*
	uint8_t home;  // worker
	uint16_t push_limit;
	uint16_t group; // whose budget; BUDGET_GROUP_NONE
	uint32_t window_ms;

	// What a fragment that comes in touches, and the window's first line.
	alignas(64) uint64_t key_from; // numbers of the newest key message
	uint64_t key_to;
	uint64_t map_first;  // maps.c: nobody wants anything below
	struct asked *asked; // pull.c
	uint32_t n_asked;
	uint32_t answered_ms; // pull.c: last fragment, or when pulling went on after a pause
	uint64_t gone_told;   // tap.c: control knows that numbers below are gone
	bool is_map_stale;    // maps.c
	bool is_lending_full; // handoff.c: some ring was
	uint32_t margin_ms, update_ms, fetch_ms;
	struct window window;
	struct push_slot slot[PUSH_SLOTS]; // push.c
	uint64_t end;                      // complete below; 0: not known
	uint64_t spread_no;    // spread.c: everything below was sent to somebody, or offered
	uint64_t tap_pos;      // tap.c
	struct stream_stats n; // counters; the gauges are filled in when asked for

	// The rest.
	uint32_t active_at; // place in relay.active
	uint32_t link_first, link_last, n_links;
	uint32_t tick_ms; // when stream_tick runs next
	uint32_t nudge_ms;

	// maps.c
	uint32_t map_due_ms;
	uint32_t map_at;   // link whose turn is next
	uint32_t map_owed; // of a map more, in parts of a fetch period
	struct local_body *map;
	uint32_t map_len;
	uint32_t map_ordinal; // records appended before `map` was made

	// holders.c, pull.c
	uint32_t holder[HOLDERS_MAX], n_holders;
	uint32_t heard_ms;             // last map
	uint64_t paused_at;            // newest number announced when it paused
	uint64_t pull_at;              // where the next step looks on
	uint64_t pull_far_at;          // and where among numbers far ahead
	uint64_t whole_from, whole_to; // all of [from, to) has come
	uint64_t past_to;              // a super-peer has shown it to us when we came
	uint64_t first_no;             // the first that was pushed; 0: none yet
	uint64_t pull_order;           // ring order of whom we asked last
	uint32_t n_in_row;             // numbers that it was asked for in this step
	bool is_end_asked;
	struct offer *offers; // of other workers

	// push.c
	struct {
		uint64_t last; // newest number of the slot that other workers lent; 0: none
		uint32_t at_ms;
	} elsewhere[PUSH_SLOTS];
	uint64_t test_order; // ring order of whom we tested last
	uint32_t test_due_ms;
	uint8_t test_slot;
	uint32_t n_refused;  // steps in which a pusher refused a slot, one less each second
	uint32_t forgave_ms; // when it became one less
	uint8_t orphans;     // slots that a member is looking for a pusher of
	uint32_t super[SUPERS_MAX], n_supers;

	// push_grant.c
	struct push_room room;
	bool is_uplink_full;         // all of the budget is used, or what leaves is late
	bool is_grant_stale;         // what neighbours ask for changed
	uint32_t n_pulls, pulls_max; // of all neighbours, not answered yet
	uint64_t n_late;             // pushes that left late
	struct {                     // as things stood when the room was looked at last
		uint32_t ms, ordinal;
		uint64_t n_sent, n_pushed, n_pulled, n_late, bytes, media_bytes;
	} room_at;

	// tap.c
	bool is_tap_full;

	// handoff.c
	struct stream_lending lending[1u << SESSION_WORKER_BITS];
	bool is_part;     // the others know, or will, that we take part
	uint8_t past;     // some is arriving: 2 in this turn, 1 in the last one
	uint32_t part_ms; // when we last had a neighbour
};

static_assert(offsetof(struct stream, key_from) == 64 && offsetof(struct stream, window) == 128,
	      "a line of the walk, and one of what comes in");
static_assert(offsetof(struct stream, n.fragments_pushed_to) / 64 ==
		      offsetof(struct stream, n.bytes_pushed_from) / 64,
	      "what each fragment counts, in one line");

struct relay {
	struct extents *extents;
	struct stream *streams;
	struct link *links;
	struct idx_pool link_pool;
	struct holder *holders;
	struct idx_pool holder_pool;
	struct pull_pool pulls;
	struct asked *asked;     // ASKED_MAX per stream
	struct subscriber *subs; // subs_max per stream
	struct offer *offers;    // one per stream and worker
	uint32_t *session_links; // first link of each session
	uint8_t *session_waits;  // some link of it is LINK_WAITING
	uint32_t *active;        // streams in use
	uint32_t n_active;
	uint32_t streams_max, links_max, sessions_max, subs_max, holders_max, n_workers;
	uint32_t fresh_head, fresh_tail; // streams with fresh fragments
	struct link_list ready[2];       // links with something due and room for it
	uint32_t parked_head;            // groups for whose budgets somebody waits
	uint64_t unpark_us;              // when they are looked at
	uint32_t tick_ms;                // no stream's tick is due before
	struct uplink uplink;
	uint32_t uplink_ms; // when it was looked at last, and how much had been sent then
	uint64_t uplink_bytes, uplink_resent, uplink_sent;
	bool is_uplink_counted;  // these are of then
	uint32_t n_tap_full;     // streams whose tap waits for the report ring
	uint16_t body_max;       // longest fragment that fits a packet of ours
	uint32_t *lent;          // per worker: bodies it has of ours
	struct handoff *returns; // per worker: what we have read and not told yet
	uint32_t n_returns;      // of those with something
	uint32_t n_past;         // streams whose past is arriving
	uint32_t n_lending_full; // streams whose lending waits for a ring
	uint16_t called;         // bit per worker: something that he shall not sleep through
	uint16_t *takers;        // per stream: bit per worker that takes part
	uint16_t *told;          // per stream: bit per worker that thinks we do
	uint64_t *untold;        // bit per stream: somebody does not know yet
	uint32_t n_untold;
};

// -- stream.c --
static inline struct stream *stream_at(const struct engine *e, uint32_t idx)
{
	return &e->relay->streams[idx];
}
// NULL: no such stream.
static inline struct stream *stream_find(const struct engine *e, uint32_t idx)
{
	return idx < e->relay->streams_max && stream_at(e, idx)->is_used ? stream_at(e, idx) : NULL;
}
static inline uint32_t stream_idx(const struct engine *e, const struct stream *s)
{
	return (uint32_t)(s - e->relay->streams);
}
static inline struct link *link_at(const struct engine *e, uint32_t idx)
{
	return &e->relay->links[idx];
}
static inline uint32_t link_idx(const struct engine *e, const struct link *l)
{
	return (uint32_t)(l - e->relay->links);
}
static inline bool record_is_late(const struct stream *s, const struct record *rec, uint32_t now_ms)
{
	return record_is_older(rec, s->window_ms + (rec->is_key ? s->margin_ms : 0), now_ms);
}

// From before we came: nobody is about to push it.
static inline bool is_past(const struct stream *s, uint64_t no)
{
	return no <= s->past_to || no < s->first_no;
}

// They refuse slots, and it is no moment's doing.
static inline bool supers_are_short(const struct stream *s)
{
	return s->n_refused >= PUSH_REFUSED_LEAST;
}

static inline void control_sent(struct stream *s, const struct link *l, uint64_t bytes)
{
	s->n.control_bytes_sent += bytes;
	if (l->flags & LINK_IS_SUPER)
		s->n.control_bytes_to_super += bytes;
}

// 0, -EEXIST, or -ENOBUFS: beyond the table.
int stream_add(struct engine *, uint32_t idx, const struct stream_seed *);
void stream_tune(struct engine *, struct stream *, const struct stream_seed *);
void stream_remove(struct engine *, struct stream *);
// NULL: no link.
struct link *link_find(const struct engine *, uint32_t session_idx, uint16_t stream);
// Makes or updates it. 0, -ENOENT (no such stream), -EEXIST (with another data flow), -ENOBUFS.
int link_add(struct engine *, const struct command *);
// is_session_open: the flow is closed in good order, and control hears FLOW_FREED of its slot.
void link_remove(struct engine *, struct link *, bool is_session_open);
// Our GR-12 to it, opened now if it was not. FLOW_IDX_NONE: it cannot be.
uint32_t link_flow(struct engine *, struct link *);
// The subscriber of a link; NULL: it has none.
struct subscriber *subscriber_of(struct engine *, const struct link *);
// The link's slots_granted or flow changed.
void subscriber_update(struct engine *, struct link *);

// -- relay.c --
// What another worker lends.
void stream_take_elses(struct engine *, struct stream *, const struct record *head,
		       const uint8_t *body, uint32_t lender);

// -- fanout.c --
void fanout_mark(struct engine *, struct stream *); // has fresh fragments
void fanout_restart(struct stream *);               // the subscribers moved under the walk
void fanout_unlist(struct engine *, struct stream *);

// -- behind.c --
void behind_mark(struct engine *, struct link *, uint8_t due);
// The fresh walk could not serve it: from *pos on it catches up by itself.
void behind_begin(struct engine *, struct link *, struct subscriber *, uint64_t pos);
void behind_unlist(struct engine *, struct link *);
// A fragment that we hold and it wants: will it get it anyway?
bool behind_is_under_way(struct engine *, struct stream *, struct link *, uint64_t no);
void behind_nudge(struct engine *, struct stream *);

// At the end of a list: LIST_*; and from where it is.
void link_list_push(struct engine *, struct link *, uint8_t list);
void link_list_remove(struct engine *, struct link *);

// -- park.c --
void park_stream(struct engine *, struct stream *); // was taken off the fresh list
void park_stream_gone(struct engine *, struct stream *);
void park_link(struct engine *, struct link *, uint8_t list); // is on no list
struct link_list *park_list(struct engine *, const struct link *, uint8_t list);
void park_release(struct engine *); // when unpark_us has come

// -- maps.c --
void maps_tick(struct engine *, struct stream *);
void maps_send_to(struct engine *, struct stream *, struct link *); // now, if it has news
void maps_send_to_new(struct engine *, struct stream *);            // to all who were not shown one
void maps_stream_gone(struct engine *, struct stream *);
void maps_link_gone(struct engine *, struct stream *, const struct link *);

// -- spread.c --
void spread_tick(struct engine *, struct stream *);

// -- holders.c --
void holder_on_map(struct engine *, struct stream *, struct link *, const struct fragments_map *);
void holder_link_gone(struct engine *, struct stream *, struct link *);
// Numbers that somebody announced a fetch period ago lie in [*low, *high]. False: there are none.
bool holders_range(struct engine *, const struct stream *, uint64_t *low, uint64_t *high);
// Of those who announced the number a fetch period ago and hold it, the next one above ring_order,
// ascending and around. NULL: nobody.
struct link *holder_next(struct engine *, const struct stream *, uint64_t no, uint64_t ring_order,
			 enum holder_who);
// The member to ask for pushes of a slot that nobody pushes: of those to whom it comes, the one
// that showed a map last, since whose uplink is full shows few. NULL: none, or they have just
// refused.
struct link *holder_of_slot(const struct engine *, const struct stream *, uint32_t slot);
uint64_t holders_low(const struct engine *, const struct stream *); // the lowest, UINT64_MAX: none
void holders_tune(struct engine *, struct stream *); // the fetch period is another one
// Has anybody announced it, however lately?
bool holders_have(const struct engine *, const struct stream *, uint64_t no);
// A random holder, and the newest number but `skip` of those that he announced a fetch period ago.
struct link *holder_random(struct engine *, const struct stream *, uint32_t skip, uint64_t *no);

// -- pull.c --
void pull_tick(struct engine *, struct stream *);
// The fragment came from this link: was it asked for there? It need not be asked for again.
bool pull_answered(struct engine *, struct stream *, uint64_t no, uint32_t link_idx);
void pull_link_gone(struct stream *, uint32_t link_idx);
void pull_on_offer(struct engine *, struct stream *, uint32_t worker, const struct handoff *);

// -- push.c --
void push_tick(struct engine *, struct stream *);
void push_on_fragment(struct engine *, struct stream *, struct link *, uint64_t no);
// What it pushed was news, or was here: then it may have come from another worker.
void push_settle(struct engine *, struct stream *, const struct link *, uint64_t no, bool is_news);
// Another worker's neighbour brought it.
// It came by IP multicast, first or not: who is never quicker need not push it.
void push_on_multicast(struct engine *, struct stream *, uint64_t no, bool is_news);
void push_on_elses(struct engine *, struct stream *, const struct record *, uint32_t worker);
void push_link_added(struct engine *, struct stream *, struct link *);
void push_link_gone(struct engine *, struct stream *, struct link *);
// The neighbour has shown us a map.
void push_on_map(struct engine *, struct stream *, struct link *);
// Sends our mask, if it knows another one. What found its queue full is told with the next nudge.
void push_tell(struct engine *, struct stream *, struct link *);

// -- push_grant.c --
// After the link's mask changed, or it came; NULL: one went.
void push_grant(struct engine *, struct stream *, struct link *changed);
void push_room_tick(struct engine *, struct stream *);
void push_uplink_tick(struct engine *); // of a member whose uplink nobody has told
void push_uplink_forget(struct engine *);
// A pull of it that we may answer. -EBUSY: there are more already than we can send soon.
int push_pull_add(struct engine *, struct stream *, struct link *, uint64_t no);
void push_pull_done(struct engine *, struct stream *, struct link *); // the lowest
void push_pulls_clear(struct engine *, struct stream *, struct link *);
// The record leaves to n neighbours, or is about to: that may be late.
void push_late(struct stream *, const struct record *, uint32_t n, uint32_t now_ms);

// -- tap.c --
void tap_run(struct engine *, struct stream *);
void tap_stream_gone(struct engine *, struct stream *);

// -- handoff.c --
void handoff_run(struct engine *, struct stream *); // lends what is new
// The record that begins at pos is another's, who lends it himself: cursors that stand there pass.
void handoff_passed(struct engine *, struct stream *, uint64_t pos);
void handoff_stream_new(struct engine *, struct stream *);
void handoff_stream_gone(struct engine *, struct stream *);
// After a change of whether we have neighbours in it, and from time to time.
void handoff_take_part(struct engine *, struct stream *);
void handoff_past(struct engine *, struct stream *); // a piece of it has come
void handoff_offer(struct engine *, const struct stream *,
		   const struct handoff *); // to all who take part
bool handoff_waits(const struct engine *);  // for room in a ring
