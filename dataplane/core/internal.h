// The engine from inside: what its files (session, rx, tx, flows, relay) share. Not for other rooms.
#pragma once

#include "crypto/crypto.h"
#include "dataplane/core/engine.h"
#include "dataplane/core/flows.h"
#include "dataplane/core/relay.h"
#include "dataplane/core/session.h"
#include "dataplane/wire/cursor.h"

struct session_cold;
struct hello; // stateless startup: endpoints, cookies, early packets, the ring of startup replies
struct timer_wheel;

// The burst that engine_tx is filling.
struct tx_batch {
	struct pkt *room;
	uint16_t n, max;
	struct crypto_op ops[ENGINE_BURST_MAX];
	uint32_t id[ENGINE_BURST_MAX]; // far session id per packet, scrambled in after sealing
};

struct engine {
	struct engine_opts opts;
	uint64_t now_us;
	uint32_t now_ms; // now_us / 1000, wraps
	struct session *sessions;
	struct session_cold *cold;
	struct path *paths;
	struct hmac_keys *hmac; // 2 per session: seal, open
	struct flows *flows;
	struct relay *relay;
	struct hello *hello;
	struct timer_wheel *wheel;
	struct body_pool *bodies; // lent to control
	uint32_t ready_head, ready_tail; // sessions with something due (session.next_ready)
	uint32_t bulk_head, bulk_tail;
	// Time critical packets (§3.5.2.1): the two latest distinct sessions that sent us TC, with times.
	uint32_t tc_rx_session[2], tc_rx_ms[2];
	uint32_t tc_tx_session[2], tc_tx_ms[2];
	uint32_t tc_elsewhere_rx_ms, tc_elsewhere_tx_ms;
	bool has_tc_elsewhere_rx, has_tc_elsewhere_tx;
	struct tx_batch batch;
	struct worker_stats stats;
};

static inline void engine_drop(struct engine *e, enum drop_reason why)
{
	e->stats.drops[why]++;
}

// False: the ring is full. The caller decides what that means; nothing was sent.
bool engine_report(struct engine *, const struct report *);

// -- session.c --
static inline struct session *session_at(struct engine *e, uint32_t idx)
{
	return &e->sessions[idx];
}
// Something of DUE_* is due: the session joins the ready list of engine_tx once.
void session_mark(struct engine *, uint32_t session_idx, uint8_t due);
// The session's alarm shall fire no later than at_ms (lazy: a later deadline is only a store).
void session_alarm(struct engine *, uint32_t session_idx, uint32_t at_ms);
// From S_OPEN or closing to gone: flows and links go, control hears SESSION_CLOSED.
void session_destroy(struct engine *, uint32_t session_idx, enum session_close_reason);
// TC questions of §3.5.2.1, 800 ms back.
bool session_tcr_received(const struct engine *, uint32_t session_idx);
bool session_tc_sent(const struct engine *, uint32_t session_idx);
bool engine_tc_sent_any(const struct engine *);

// -- txp.c: a packet under construction --
struct txp {
	struct pkt *pkt;
	uint32_t session_idx;
	struct wr w;        // chunks go here
	uint8_t *plain;     // first octet of the plaintext in the buffer
	uint8_t *sum_from;  // first octet the checksum covers
	bool has_data, is_tc, has_ack;
};
// Takes the next lent buffer and writes the packet header's place. False: none left in this call.
bool txp_begin(struct engine *, struct txp *, uint32_t session_idx);
static inline bool txp_is_empty(const struct txp *t)
{
	return t->w.pos == t->w.begin;
}
// Pads, checks, sums and queues the packet for sealing.
void txp_end(struct engine *, struct txp *);
// The same, with the rest of the packet elsewhere: body[0..len) directly continues what was written, and 16
// octets of ff follow it in memory. sum: csum_partial of the body. Nothing may be written after it.
void txp_end_body(struct engine *, struct txp *, const uint8_t *body, uint16_t len, uint32_t sum);
void txp_abort(struct engine *, struct txp *); // gives the buffer back
// Octets that chunks may still take, a body included.
uint32_t txp_left(const struct engine *, const struct txp *);
