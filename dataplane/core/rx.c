// A burst's way in: find the sessions, open everything in one crypto burst, verify, look inside.
// Each stage keeps the survivors, in order, and names what it drops.
#include "dataplane/core/rx.h"

#include <assert.h>

#include "dataplane/core/early.h"
#include "dataplane/core/hello.h"
#include "dataplane/core/startup_gate.h"
#include "dataplane/fetch.h"

static struct packet_form rx_form(const struct session *s)
{
	return (struct packet_form){s->rx_tag_len, (s->flags & SESSION_RX_SSEQ) != 0};
}

// A packet joins the burst to be opened: with the session's keys, or the default key.
static void join(struct engine *e, uint16_t which, uint32_t id, bool is_default)
{
	struct rx_batch *b = e->rx;
	struct pkt *pkt = &b->pkts[which];
	struct crypto_op *op = &b->ops[b->n]; // in place: a copy would wait for its own stores
	struct packet_form form = {0};
	int len;

	op->sched = &e->default_open;
	op->hmac = NULL;

	if (!is_default) {
		const struct session *s = session_at(e, pkt->session_idx);

		form = rx_form(s);
		op->sched = s->open_sched;
		op->hmac = form.tag_len > 0 ? &e->hmac[2 * pkt->session_idx + 1] : NULL;
	}
	len = packet_form_open_check(form, pkt->len - SSID_LEN);
	if (len < 0) {
		rx_drop(e, pkt, DROP_AUTH);
		return;
	}
	op->dst = pkt->data + SSID_LEN;
	op->tail = NULL;
	op->head_len = 0;
	op->len = (uint16_t)len;
	op->tag_len = form.tag_len;
	b->items[b->n++] = (struct rx_item){id, which, is_default};
}

// A session whose keys are still being made: keying packets come under the default key, which only
// a look can tell. One whose length alone says otherwise is early.
static void find_reserved(struct engine *e, uint16_t which, uint32_t id)
{
	struct pkt *pkt = &e->rx->pkts[which];
	uint32_t cell;

	if (packet_form_open_check((struct packet_form){0}, pkt->len - SSID_LEN) >= 0) {
		join(e, which, id, true);
		return;
	}
	cell = early_copy(e, pkt->session_idx, pkt);
	if (cell != EARLY_NONE)
		early_keep(e, pkt->session_idx, cell);
	else
		rx_drop(e, pkt, DROP_EARLY_FULL);
}

// A stranger's packet. What is over its budget is not worth its decryption.
static void find_nobody(struct engine *e, uint16_t which)
{
	struct pkt *pkt = &e->rx->pkts[which];
	enum drop_reason over = DROP_NONE;

	if (!(pkt->flags & PKT_ADMITTED))
		over = startup_gate_admit(e->gate, pkt->addr, pkt->family, e->now_us);
	if (over == DROP_NONE)
		join(e, which, 0, true);
	else
		rx_drop(e, pkt, over);
}

// Which session, by nothing but the id (requirement 11).
static void find_one(struct engine *e, uint16_t which, uint32_t id)
{
	struct pkt *pkt = &e->rx->pkts[which];
	uint32_t slot = session_id_slot(id);

	pkt->session_idx = SESSION_NONE;
	if (id == 0) {
		find_nobody(e, which);
		return;
	}
	if (session_id_worker(id) != e->opts.worker) {
		rx_drop(e, pkt, DROP_WRONG_WORKER);
		return;
	}
	if (slot >= e->opts.sessions_max || session_at(e, slot)->id_rx != id ||
	    session_at(e, slot)->state == S_CLOSED) {
		rx_drop(e, pkt, DROP_NO_SESSION);
		return;
	}
	pkt->session_idx = slot;
	if (session_at(e, slot)->state == S_RESERVED)
		find_reserved(e, which, id);
	else
		join(e, which, id, false);
}

// The lines that a packet of a session needs, on their way while the burst is gathered and opened.
static inline void fetch_ahead(struct engine *e, uint32_t slot)
{
	const struct session *s = session_at(e, slot);

	fetch_line_to_write(s);
	fetch_line(s->open_sched);
	fetch_line(s->open_sched + 64);
	fetch_line_to_write(s->open_sched + 128);
	fetch_line_to_write(&s->tx_in_flight);
	fetch_line(&e->paths[slot]);
	flows_fetch(e->flows, slot);
}

static void stage_find_session(struct engine *e, struct pkt *pkts, uint16_t n)
{
	uint32_t id[ENGINE_BURST_MAX], n_of_sessions = 0;

	for (uint16_t i = 0; i < n; i++) {
		uint32_t slot;

		pkts[i].drop = DROP_NONE;
		if (pkts[i].len < SSID_LEN + CRYPTO_BLOCK_LEN)
			continue;
		ssid_unscramble(pkts[i].data, pkts[i].len, &id[i]);
		n_of_sessions += id[i] != 0;
		slot = session_id_slot(id[i]);
		if (slot < e->opts.sessions_max)
			fetch_ahead(e, slot);
	}
	startup_gate_turn(e->gate, n_of_sessions, e->now_us);
	for (uint16_t i = 0; i < n; i++) {
		if (pkts[i].len < SSID_LEN + CRYPTO_BLOCK_LEN)
			rx_drop(e, &pkts[i], DROP_SHORT);
		else
			find_one(e, i, id[i]);
	}
}

#define AHEAD 3 // packets

// Packets of this length carry data, and not only acks.
#define DATA_LEN 256

// The flow that a session's table has named by now.
static void stage_fetch_flows(struct engine *e)
{
	struct rx_batch *b = e->rx;

	for (uint16_t i = 0; i < b->n; i++) {
		if (b->items[i].is_default)
			continue;
		if (b->ops[i].len >= DATA_LEN)
			flows_fetch_rx(e, b->pkts[b->items[i].which].session_idx);
		else
			flows_fetch_tx(e, b->pkts[b->items[i].which].session_idx);
	}
}

// And what that flow names, some packets ahead.
static inline void fetch_next(struct engine *e, uint32_t i)
{
	struct rx_batch *b = e->rx;

	if (i >= b->n || b->items[i].is_default)
		return;
	if (b->ops[i].len >= DATA_LEN)
		flows_fetch_relay(e, b->pkts[b->items[i].which].session_idx, RELAY_FETCH_STREAM);
	else
		flows_fetch_ring(e, b->pkts[b->items[i].which].session_idx);
}

static inline void fetch_fragment(struct engine *e, uint32_t i, enum relay_fetch what)
{
	struct rx_batch *b = e->rx;

	if (i < b->n && b->ops[i].len >= DATA_LEN && !b->items[i].is_default)
		flows_fetch_relay(e, b->pkts[b->items[i].which].session_idx, what);
}

// Opening happens in place, so what may turn out to be under keys we do not have yet is copied
// first.
static void stage_copy_early(struct engine *e, uint32_t *cells)
{
	struct rx_batch *b = e->rx;

	for (uint16_t i = 0; i < b->n; i++) {
		struct pkt *pkt = &b->pkts[b->items[i].which];

		cells[i] = EARLY_NONE;
		if (b->items[i].is_default && pkt->session_idx != SESSION_NONE)
			cells[i] = early_copy(e, pkt->session_idx, pkt);
	}
}

// §2.2 startup: the default key's checksum tells a keying packet from an early one.
static void open_default(struct engine *e, uint16_t i, uint32_t cell)
{
	struct rx_batch *b = e->rx;
	struct pkt *pkt = &b->pkts[b->items[i].which];
	const struct crypto_op *op = &b->ops[i];
	uint64_t sseq;
	int front = packet_form_strip_opened((struct packet_form){0}, op, &sseq);

	engine_stir(e);
	if (front >= 0) {
		if (cell != EARLY_NONE)
			early_forget(e, cell);
		hello_packet(e, b->items[i].id, pkt,
			     span_of(op->dst + front, op->len - (size_t)front));
	} else if (pkt->session_idx == SESSION_NONE) {
		rx_drop(e, pkt, DROP_AUTH);
	} else if (cell == EARLY_NONE) {
		rx_drop(e, pkt, DROP_EARLY_FULL);
	} else {
		early_keep(e, pkt->session_idx, cell);
	}
}

static void open_session(struct engine *e, uint16_t i)
{
	struct rx_batch *b = e->rx;
	struct pkt *pkt = &b->pkts[b->items[i].which];
	const struct crypto_op *op = &b->ops[i];
	struct session *s = session_at(e, pkt->session_idx);
	uint64_t sseq;
	int front;

	if (s->state == S_CLOSED) { // by a packet before it in this burst
		rx_drop(e, pkt, DROP_NO_SESSION);
		return;
	}
	front = op->result == CRYPTO_OK ? packet_form_strip_opened(rx_form(s), op, &sseq) : -1;
	if (front < 0) {
		rx_drop(e, pkt, DROP_AUTH);
		return;
	}
	if (s->flags & SESSION_RX_SSEQ &&
	    !sseq_window_take(&session_cold_at(e, pkt->session_idx)->rx_window, sseq)) {
		rx_drop(e, pkt, DROP_REPLAY);
		return;
	}
	rx_packet(e, pkt->session_idx, pkt, span_of(op->dst + front, op->len - (size_t)front));
}

void rx_run(struct engine *e, struct pkt *pkts, uint16_t n)
{
	struct rx_batch *b = e->rx;
	uint32_t cells[ENGINE_BURST_MAX];

	assert(n <= ENGINE_BURST_MAX);
	b->pkts = pkts;
	b->n = 0;
	stage_find_session(e, pkts, n);
	stage_copy_early(e, cells);
	stage_fetch_flows(e);
	crypto_open(e->opts.crypto, b->ops, b->n);
	for (uint32_t i = 0; i < AHEAD; i++)
		fetch_next(e, i);
	for (uint32_t i = 0; i < 2; i++)
		fetch_fragment(e, i, RELAY_FETCH_PLACE);
	for (uint32_t i = 0; i < b->n; i++) {
		fetch_next(e, i + AHEAD);
		fetch_fragment(e, i + 2, RELAY_FETCH_PLACE);
		fetch_fragment(e, i + 1, RELAY_FETCH_INDEX);
		if (b->items[i].is_default)
			open_default(e, (uint16_t)i, cells[i]);
		else
			open_session(e, (uint16_t)i);
	}
}

uint32_t engine_datagram_worker(const uint8_t *data, uint16_t len)
{
	uint32_t id = 0;

	if (ssid_unscramble(data, len, &id) != 0)
		return 0;
	return session_id_worker(id);
}
