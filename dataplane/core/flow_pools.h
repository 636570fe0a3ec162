// The flows from inside: what their files share. Not for the rest of the room.
#pragma once

#include "dataplane/core/cc.h"
#include "dataplane/core/idx_pool.h"
#include "dataplane/core/internal.h"
#include "dataplane/core/lateness.h"
#include "dataplane/core/msgq.h"
#include "dataplane/core/object_cache.h"
#include "dataplane/core/reasm.h"
#include "dataplane/core/rx_linger.h"
#include "dataplane/core/seq_set.h"
#include "dataplane/core/slab.h"
#include "dataplane/wire/flow_kind.h"

// ---- send flows ----

// Reports that control has not been told, in this order.
#define FLOW_TELL_EXCEPTION 0x01
#define FLOW_TELL_FREED     0x02

// The rare half of a send flow, same index.
struct flow_tx_cold {
	uint64_t flow_id;
	uint64_t assoc_id;
	uint64_t final_sn;  // F_FINAL_SN; 0: not known yet
	uint64_t lost_from; // nothing below is SENT_LOST
	uint64_t exception;
	uint32_t n_lost; // SENT_LOST in the ring
	struct msgq queue;
	uint32_t probe_at_ms, probe_ms; // §3.6.2.4; probe_ms 0: the window is not closed
	uint32_t next_untold;
	uint16_t rule_stream; // return flows 47 52 12 become RELAY of it; or NO_STREAM
	uint16_t group;       // whose budget holds its messages; BUDGET_GROUP_NONE: nobody's
	uint8_t slot, prio;
	uint8_t tells; // FLOW_TELL_*
	bool is_untold_listed;
	bool has_assoc;
	bool is_orphan; // a stream's flow that the relay let go: what gets lost is abandoned
	bool is_probe_due;
	uint8_t meta_len;
	uint8_t meta[FLOW_META_MAX];
};

// ---- receive flows ----

enum flow_rx_state { // §3.6.3
	RF_FREE,
	RF_OPEN,
	RF_REJECTED,
	// RF_COMPLETE_LINGER is an entry of rx_linger.h
};

#define FLOW_RX_HAS_FINAL      0x01
#define FLOW_RX_NETWORK_ORDER  0x02 // messages as they come; else as they were sent
#define FLOW_RX_HELD           0x04 // on the list of those that wait for control
#define FLOW_RX_UNTOLD         0x08 // on the list of those that wait for the report ring
#define FLOW_RX_TELL_OPENED    0x10 // FLOW_OPENED has not been reported yet
#define FLOW_RX_TOLD_OPENED    0x20 // it has
#define FLOW_RX_STALLED        0x40 // a whole message waits for the report ring
#define FLOW_RX_TOLD_EXCEPTION 0x80 // the far end has been told that it is rejected

#define FLOW_RX_HOT 128 // octets

#define FLOW_RX_CAPACITY (256 << 10) // octets, where control does not say
#define FLOW_HELD_MAX_MS 60000       // control's answer takes no longer

struct flow_rx {
	// What data in order looks at, and acks: two lines.
	alignas(64) uint64_t flow_id;
	uint32_t session_idx;
	uint16_t stream; // of STREAM_CONTROL and RELAY; NO_STREAM: not known yet
	uint8_t slot, state, class, flags;
	uint8_t kind;      // enum flow_kind
	bool is_crowded;   // what flows of its session hold beyond their windows is at its limit
	int32_t prev_rwnd; // blocks in the last ack sent; -1: none yet
	uint32_t capacity_bytes; // BUFFER_CAPACITY
	struct seq_set seen;     // SEQUENCE_SET
	struct reasm held;       // RECV_BUFFER
	uint32_t next_untold;
	// The rest.
	alignas(64) uint64_t final_sn; // RF_FINAL_SN
	uint64_t exception;
	uint64_t answer_flow_id; // of STORE
	uint32_t held_since_ms, held_prev, held_next;
	uint16_t assoc_slot; // our send slot that it returns, or NO_FLOW
	uint16_t meta_len;   // true length; meta has at most FLOW_META_MAX octets of it
	uint8_t meta[FLOW_META_MAX];
};
static_assert(offsetof(struct flow_rx, final_sn) == FLOW_RX_HOT &&
		      sizeof(struct flow_rx) == FLOW_RX_HOT + 64,
	      "two lines for most, and one");

// ---- both ----

// Of a complete flow.
struct linger_ack {
	uint64_t flow_id, cum, exception;
	bool has_exception;
};

#define LINGER_ACKS_MAX 4 // that may wait in a session; beyond, the far end asks again

// The flows of one session, same index as the session.
struct flow_table {
	// What most acks and data look at.
	alignas(64) uint64_t tx_used; // slots
	uint64_t rx_used;
	uint64_t tx_stream; // send slots whose source is a stream
	struct lateness late;
	uint32_t tsn_cut;         // first transmission after the congestion window was cut
	bool is_recovering;       // what was in flight then is not settled yet
	uint8_t tx_hint, rx_hint; // slots that were looked for last,
	uint8_t n_linger_acks;
	uint32_t tx_hint_idx, rx_hint_idx; // and what tx and rx say of them
	// The rest.
	alignas(64) uint32_t tx[FLOWS_PER_SESSION]; // send slot -> index in flows.tx
	uint32_t rx[FLOWS_PER_SESSION];             // receive slot -> index in flows.rx
	uint8_t rx_tag[FLOWS_PER_SESSION]; // low octet of the far end's flow id: one line finds a
					   // flow
	struct cc_cut cut;
	struct linger_ack linger_acks[LINGER_ACKS_MAX];
	uint8_t tx_turn[PRIO_N];  // send slot served first next time
	uint64_t tx_prio[PRIO_N]; // send slots, by priority
	uint64_t tx_first;        // of those, FLOW_OPEN_FIRST
};
static_assert(offsetof(struct flow_table, tx) == 64, "one line for most");

struct flows {
	struct flows_pub pub; // first: flow_tx_at() looks at it
	struct flow_tx_cold *tx_cold;
	struct flow_rx *rx;
	struct flow_table *tables;
	uint32_t n_tables;
	struct idx_pool tx_pool, rx_pool;
	struct slabs *tx_slabs, *rx_slabs;
	struct msg_pool messages;
	struct cell_pool cells;
	struct rx_linger lingering;
	struct object_cache *objects;
	uint32_t held_head, held_tail;           // receive flows, oldest first
	uint32_t rx_untold_head, tx_untold_head; // flows whose reports found the ring full
};

static inline struct flow_tx_cold *flow_tx_cold_at(const struct flows *flows, uint32_t flow_idx)
{
	return &flows->tx_cold[flow_idx];
}

static inline struct flow_table *flow_table_at(const struct flows *flows, uint32_t session_idx)
{
	return &flows->tables[session_idx];
}

// What session_mark calls it.
static inline uint8_t due_of_prio(uint8_t prio)
{
	static const uint8_t due[PRIO_N] = {DUE_DATA, DUE_MEDIA, DUE_BULK, DUE_POST};

	return due[prio];
}

static inline uint64_t slot_bit(uint8_t slot)
{
	return 1ull << slot;
}

// The flow in a slot that is in use.
static inline uint32_t flow_table_tx(struct flow_table *t, uint8_t slot)
{
	if (t->tx_hint != slot) {
		t->tx_hint = slot;
		t->tx_hint_idx = t->tx[slot];
	}
	return t->tx_hint_idx;
}

static inline uint32_t flow_table_rx(struct flow_table *t, uint8_t slot)
{
	if (t->rx_hint != slot) {
		t->rx_hint = slot;
		t->rx_hint_idx = t->rx[slot];
	}
	return t->rx_hint_idx;
}

static inline void flow_table_tx_set(struct flow_table *t, uint8_t slot, uint32_t flow_idx)
{
	t->tx[slot] = flow_idx;
	t->tx_used |= slot_bit(slot);
	if (t->tx_hint == slot)
		t->tx_hint_idx = flow_idx;
}

static inline void flow_table_rx_set(struct flow_table *t, uint8_t slot, uint32_t flow_idx)
{
	t->rx[slot] = flow_idx;
	t->rx_used |= slot_bit(slot);
	if (t->rx_hint == slot)
		t->rx_hint_idx = flow_idx;
}

// Our flow ids are slot + FLOWS_PER_SESSION * n (messages.h), so their last octet tells the slot.
static_assert(FLOWS_PER_SESSION <= 128, "the slot is within the last octet of the flow id");
static inline uint8_t flow_tx_slot(const struct flow_tx *f)
{
	return f->id_vlu[f->id_vlu_len - 1] & (FLOWS_PER_SESSION - 1);
}

// -- flow_tx.c --
// The id, from what travels of it.
static inline uint64_t flow_tx_id(const struct flow_tx *f)
{
	uint64_t id = 0;

	for (uint8_t i = 0; i < f->id_vlu_len; i++)
		id = id << 7 | (f->id_vlu[i] & 0x7f);
	return id;
}

// The session's send flow of that id; FLOW_IDX_NONE: none (any more).
static inline uint32_t flow_tx_find(const struct flows *flows, uint32_t session_idx,
				    uint64_t flow_id)
{
	struct flow_table *t = flow_table_at(flows, session_idx);
	uint8_t slot = flow_id % FLOWS_PER_SESSION;
	uint32_t idx;

	if (!(t->tx_used & slot_bit(slot)))
		return FLOW_IDX_NONE;
	idx = flow_table_tx(t, slot);
	// The slot may have had other flows before: their acks mean nothing now.
	return flow_tx_id(&flows->pub.tx[idx]) == flow_id ? idx : FLOW_IDX_NONE;
}
// Something about the flow changed (acks, losses, abandoned numbers, its window, its end): moves
// the base, takes the next step of closing, and tells whoever sends what there is to send. The flow
// may be free afterwards.
void flow_tx_changed(struct engine *, uint32_t flow_idx);
// The far end rejects it (§3.6.2.7).
void flow_tx_on_exception(struct engine *, uint32_t flow_idx, uint64_t code);
// Reports that found the ring full. False: it still is.
bool flow_tx_tell(struct engine *, uint32_t flow_idx);
void flow_tx_free(struct engine *, uint32_t flow_idx);
void flow_tx_open(struct engine *, const struct command *);
void flow_tx_send(struct engine *, const struct command *);
// A message of our own. -ENOENT: not an open message flow, -ENOBUFS: its queue is full (counted);
// nothing is taken.
int flow_tx_push(struct engine *, uint32_t flow_idx, const struct tx_msg *);

// -- flow_write.c --
// It has something to say, whether it may or not.
bool flow_tx_has_something(const struct flow_tx *, const struct flow_tx_cold *);
// The same, and its window is open.
bool flow_tx_is_ready(const struct flow_tx *, const struct flow_tx_cold *);

// -- flow_wait.c --
// Sees to an alarm if the flow has something to say and cannot: its window is closed, or deadlines
// pass.
void flow_tx_wait(struct engine *, uint32_t flow_idx);
// Abandons the message if its deadline has passed. True: it is abandoned.
bool message_expire(struct engine *, uint32_t flow_idx, uint32_t msg_idx);

// -- flight.c --
// Transmission numbers wrap; 0 says "never sent".
static inline uint32_t tsn_take(struct session *s)
{
	if (s->tsn_next == 0)
		s->tsn_next = 1;
	return s->tsn_next++;
}

// §3.6.2.6: one alarm per session, moved on by everything that is sent.
static inline void flight_alarm(struct engine *e, uint32_t session_idx)
{
	struct session *s = session_at(e, session_idx);

	s->erto_at_ms = e->now_ms + s->erto_us / 1000;
	s->flags |= SESSION_ERTO_ARMED;
	session_alarm_lazily(e, session_idx, s->erto_at_ms);
}
// A number that is in flight or lost will not be needed any more: acknowledged.
void flight_settle(struct engine *, uint32_t flow_idx, struct sent *, struct rx_ctx *);
// Not acknowledged in time: to be sent again, or given up.
void flight_lose(struct engine *, uint32_t flow_idx, uint64_t sn);
// The window was cut, or is about to be, for what is declared lost in this turn: what it was like
// before is kept, in case that all of it arrives after all.
void flight_cut(struct engine *, uint32_t session_idx);
// All fragments of a message, and the message.
void message_abandon(struct engine *, uint32_t flow_idx, uint32_t msg_idx);

// -- flow_rx.c --
// The session's receive flow of that id; FLOW_IDX_NONE: none.
uint32_t flow_rx_find(struct flows *, uint32_t session_idx, uint64_t flow_id);
// A flow that is not known yet. FLOW_IDX_NONE: no room for one (counted).
uint32_t flow_rx_open(struct engine *, uint32_t session_idx, const struct user_data *);
// Nothing is given out until control says a class (again).
void flow_rx_hold(struct engine *, uint32_t flow_idx);
void flow_rx_class(struct engine *, const struct command *);
void flow_rx_reject(struct engine *, uint32_t flow_idx, uint64_t code);
void flow_rx_free(struct engine *, uint32_t flow_idx);

// -- flow_deliver.c --
// Somebody takes its messages now: it is open, has a class, and waits for no report ring.
bool flow_rx_may_deliver(const struct flow_rx *);
// Most messages are one fragment and come when it is their turn: they go by without being held.
// False: this one does not. Its number has not been added to what was seen yet.
bool flow_rx_pass_by(struct engine *, uint32_t flow_idx, const struct user_data *);
// Network order: gives out the message around a fragment that has just been put away, if it is
// whole.
void flow_rx_give_around(struct engine *, uint32_t flow_idx, uint64_t sn);
// Reports, delivers and finishes what can be after a new number. The flow may be free afterwards.
void flow_rx_advance(struct engine *, uint32_t flow_idx);
// The same after a pause: all that became whole meanwhile is looked for.
void flow_rx_resume(struct engine *, uint32_t flow_idx);

// Bytes that count against its window. A message that is coming in does not, while there is room
// for it: else one longer than the window would come a packet a round trip.
static inline uint32_t flow_rx_waiting(const struct flow_rx *f)
{
	return reasm_bytes(&f->held) - (f->is_crowded ? 0 : reasm_run_bytes(&f->held));
}

// -- ack_tx.c --
// What the far end may still send, in blocks (§3.6.3.5): never 0.
uint32_t flow_rx_window(const struct flow_rx *);
// SHOULD_ACK of this flow; is_now: ACK_NOW, else within 200 ms.
void ack_mark(struct engine *, uint32_t session_idx, uint8_t rx_slot, bool is_now);
// A complete flow is acknowledged now.
void ack_mark_lingering(struct engine *, uint32_t session_idx, const struct linger_ack *);
