// The engine from inside: what its files (session, rx, tx, flows, relay) share. Not for other
// rooms.
#pragma once

#include <stdalign.h>

#include "crypto/crypto.h"
#include "crypto/packet_form.h"
#include "crypto/random.h"
#include "dataplane/core/budget.h"
#include "dataplane/core/engine.h"
#include "dataplane/core/flows.h"
#include "dataplane/core/relay.h"
#include "dataplane/core/session.h"
#include "dataplane/core/session_cold.h"
#include "dataplane/wire/chunk.h"
#include "dataplane/wire/cursor.h"

struct datagrams;    // what is no RTMFP (datagrams.h)
struct hello;        // stateless startup: endpoints, cookies, replies that wait (hello.h)
struct early;        // packets that came before their session's keys (early.h)
struct startup_gate; // how many of strangers' packets are opened (startup_gate.h)
struct timer_wheel;

// The burst that engine_tx is filling.
struct tx_batch {
	struct pkt *room;
	uint16_t n, max;               // filled; how many may be filled now
	uint8_t startup_class;         // enum budget_class of the startup packets that are built
	uint32_t id[ENGINE_BURST_MAX]; // far session id per packet, scrambled in after sealing
	struct crypto_op ops[ENGINE_BURST_MAX];
};

// The burst that engine_rx is looking at: one op per packet still alive, in order of arrival.
struct rx_batch {
	struct pkt *pkts;
	uint16_t n;
	struct rx_item {
		uint32_t id;     // near session id
		uint16_t which;  // place in pkts
		bool is_default; // opened with the default key
	} items[ENGINE_BURST_MAX];
	struct crypto_op ops[ENGINE_BURST_MAX];
};

// What nobody looks at between two calls.
struct engine_scratch {
	struct tx_batch tx;
	struct rx_batch rx;
};

// Sessions with messages to send that budgets may hold back, a list for each priority of them.
enum data_list_idx { DATA_MEDIA, DATA_BULK, DATA_POST, DATA_LISTS_N };
struct data_list {
	uint32_t head, tail;
	uint32_t
		*next; // per session: 0 if it is not listed, 1 if it is the last, else the next + 2
};
static inline enum budget_class class_of_list(int list)
{
	return list == DATA_MEDIA ? BUDGET_MEDIA
				  : (list == DATA_BULK ? BUDGET_OBJECTS : BUDGET_POSTINGS);
}
static inline uint8_t due_of_list(int list)
{
	return list == DATA_MEDIA ? DUE_MEDIA : (list == DATA_BULK ? DUE_BULK : DUE_POST);
}

struct engine {
	// A line of what every call looks at.
	alignas(64) uint64_t now_us;
	uint64_t rooms_us; // till then the rooms need no look (engine_is_quiet)
	uint32_t now_ms;   // now_us / 1000, wraps: compare with ms_reached()
	uint32_t n_reported;
	uint32_t ready_head, ready_tail;    // sessions with something due (session.next_ready)
	uint32_t untold_head, untold_tail;  // sessions whose reports found the ring full
	struct body *home_head, *home_tail; // control's bodies on their way back
	uint32_t ping_phase;                // of its sessions' keepalives (session_alarm.c)
	// A line of whose every packet asks for.
	alignas(64) struct session *sessions;
	struct session_cold *cold;
	struct path *paths;
	struct hmac_keys *hmac; // 2 per session: seal, open
	struct flows *flows;
	struct timer_wheel *wheel;
	struct body_pool *bodies; // ours, lent to control
	struct tx_batch *tx; // of scratch, or of what engines share
	struct rx_batch *rx;
	uint32_t n_home;
	bool relay_has_more; // the last engine_tx ended before the relay did
	uint8_t stats_asked; // bit per enum stats_table
	uint8_t stats_table; // the one being answered
	// Time critical packets (§3.5.2.1): the two latest distinct sessions that sent us TC, with
	// times.
	bool has_tc_tx;
	uint32_t tc_rx_session[2], tc_rx_ms[2]; // SESSION_NONE: none
	uint32_t tc_tx_ms, tc_elsewhere_rx_ms, tc_elsewhere_tx_ms;
	bool has_tc_elsewhere_rx, has_tc_elsewhere_tx;
	uint32_t stats_at;
	struct budgets budgets;
	struct data_list data[DATA_LISTS_N];
	struct engine_opts opts;
	// For choices and jitter; never for what must not be guessed. opts.random is for that, and
	// for the creation alone: the system's locks, and now and then asks the kernel.
	struct random dice;
	struct random_state dice_state;
	struct relay *relay;
	struct hello *hello;
	struct datagrams *datagrams;
	struct early *early;
	struct startup_gate *gate;
	struct hmac_keys mobility_keys; // of our mobility pings
	struct seal_keys default_seal;
	struct open_keys default_open;
	struct engine_scratch scratch;
	struct worker_stats stats;
};

// Have hello, flows and relay nothing to do that only time brings? Then nobody looks at them: with
// many engines in one process, each look is some cache lines that are not there. Whoever does what
// may give them something says so: commands, chunks of other kinds than pings, alarms of flows.
static inline bool engine_is_quiet(const struct engine *e)
{
	return e->now_us < e->rooms_us;
}
static inline void engine_stir(struct engine *e)
{
	e->rooms_us = 0;
}

static inline void engine_drop(struct engine *e, enum drop_reason why)
{
	e->stats.drops[why]++;
}

// The whole worker may send nothing of the class now.
static inline bool engine_is_short(struct engine *e, enum budget_class c)
{
	if (budgets_total_may(&e->budgets, c))
		return false;
	e->stats.held[HELD_TOTAL]++;
	return true;
}

// The same for what only a far end with our keys can bring about, and none does by accident. Who
// keeps doing it is closed (§10, requirement 95): FAULTS_MAX within FAULTS_MS.
void session_blame(struct engine *, uint32_t session_idx, enum drop_reason why);

// Times in ms wrap after 49 days; those that are compared lie close together.
static inline bool ms_reached(uint32_t at_ms, uint32_t now_ms)
{
	return (int32_t)(now_ms - at_ms) >= 0;
}

// -- engine.c --
void engine_clock(struct engine *, uint64_t now_us);
// What found the report ring full goes now, as far as it can.
void engine_flush(struct engine *);
void engine_bodies_flush(struct engine *); // the same of bodies alone
// False: the ring is full. The caller decides what that means; nothing was sent.
bool engine_report(struct engine *, const struct report *);
// The same for who writes it in place, all of it. NULL: the ring is full.
static inline struct report *engine_report_begin(struct engine *e)
{
	e->n_reported++;
	return mailbox_slot(e->opts.reports);
}
static inline void engine_report_end(struct engine *e)
{
	mailbox_send(e->opts.reports);
}
// The same with a copy of octets as its body. -EAGAIN: ring full, -ENOBUFS: no body; both count as
// drops.
int engine_report_copy(struct engine *, struct report *, struct span octets);
// A body of control goes home. Cannot fail: it waits as long as the ring is full.
void engine_body_home(struct engine *, struct body *);

// -- session.c --
static inline struct session *session_at(struct engine *e, uint32_t idx)
{
	return &e->sessions[idx];
}
static inline struct session_cold *session_cold_at(struct engine *e, uint32_t idx)
{
	return &e->cold[idx];
}
// Something of DUE_* is due: the session joins the ready list of engine_tx once. engine_tx clears a
// bit when nothing could be written into an empty packet: who was blocked marks again when it is
// not.
void session_mark(struct engine *, uint32_t session_idx, uint8_t due);
// The session's alarm shall fire no later than at_ms (lazy: a later deadline is only a store). Call
// it after setting erto_at_ms with SESSION_ERTO_ARMED, or delack_at_ms.
void session_alarm(struct engine *, uint32_t session_idx, uint32_t at_ms);
// The same for those that are moved on with every packet: mostly the wheel looks earlier anyway.
static inline void session_alarm_lazily(struct engine *e, uint32_t session_idx, uint32_t at_ms)
{
	uint32_t alarm_ms = session_at(e, session_idx)->alarm_ms;

	if (alarm_ms == 0 || !ms_reached(alarm_ms, at_ms))
		session_alarm(e, session_idx, at_ms);
}
// The same for one of the rarer alarms. ALARM_PROBE is flows': it ends in flows_on_probe.
void session_cold_alarm(struct engine *, uint32_t session_idx, enum session_alarm, uint32_t at_ms);
// From any state to gone: flows and links go, control hears SESSION_CLOSED. Not from inside
// engine_tx: packets wait there for the session's keys.
void session_destroy(struct engine *, uint32_t session_idx, enum session_close_reason);
// Timeout back-off of §3.5.2.2.
static inline void session_erto_backoff(struct session *s)
{
	uint64_t erto_us = (uint64_t)s->erto_us * 14142 / 10000;

	if (erto_us > ERTO_MAX_MS * 1000u)
		erto_us = ERTO_MAX_MS * 1000u;
	s->erto_us = erto_us > s->mrto_us ? (uint32_t)erto_us : s->mrto_us;
}

// -- clock.c: TC questions of §3.5.2.1, 800 ms back --
bool session_tcr_received(const struct engine *, uint32_t session_idx);
bool session_tc_sent(const struct engine *, uint32_t session_idx);
bool engine_tc_sent_any(const struct engine *);

// -- txp.c: a packet under construction. One at a time: it is the next lent buffer --
struct txp {
	struct wr w; // chunks go here
	// Set by whoever writes the chunk.
	bool has_data; // user data: counts against the burst limit
	bool is_tc;    // of a time critical flow
	bool has_ack;
	uint8_t class;  // enum budget_class; BUDGET_CONTROL unless set
	uint16_t group; // whose budget it is charged to; none unless set
	// The rest is txp.c's.
	struct pkt *pkt;
	uint32_t session_idx; // SESSION_NONE: startup, default key
	uint32_t id_tx;
	struct packet_form form;
	size_t base_cap, path_cap; // octets of chunks: at the base size, and as its path carries
	uint8_t *plain;            // first octet of the plaintext in the buffer
	uint8_t front_len, header_len;
	uint16_t echo;
	bool has_echo;
};
// Takes the next lent buffer and leaves room for the packet header. False: none left in this call.
bool txp_begin(struct engine *, struct txp *, uint32_t session_idx);
static inline bool txp_is_empty(const struct txp *t)
{
	return t->w.len == 0;
}
// Octets that chunks may still take, a body included.
static inline size_t txp_left(const struct txp *t)
{
	return wr_left(&t->w);
}
// A packet begins with room for the base size, and only user data may go beyond: nothing but its
// loss tells that the path carries less (pmtu.h). So whoever writes user data widens the packet,
// and narrows it again; a packet that has grown stays wide.
static inline void txp_widen(struct txp *t)
{
	t->w.cap = t->path_cap;
}
static inline bool txp_is_big(const struct txp *t)
{
	return t->w.len > t->base_cap;
}
static inline void txp_narrow(struct txp *t)
{
	if (!txp_is_big(t))
		t->w.cap = t->base_cap;
}
// Octets of chunks that fit into any packet of this session, whatever its header and path.
uint16_t session_chunk_room(const struct engine *, uint32_t session_idx);
// Pads, checks, sums and queues the packet for sealing. The writer must be free of errors.
void txp_end(struct engine *, struct txp *);
// The same, with the rest of the packet elsewhere: body[0..len) directly continues what was
// written, len is at most txp_left(), and 16 octets of ff follow it in memory. sum: csum_partial of
// the body. The body must stay until engine_tx returns.
void txp_end_body(struct engine *, struct txp *, const uint8_t *body, uint16_t len, uint16_t sum);
void txp_abort(struct engine *, struct txp *); // nothing happened
