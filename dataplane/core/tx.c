// engine_tx: who may fill the lent buffers, in which order, and how much of them (fastpath.md 4).
#include "dataplane/core/datagrams.h"
#include "dataplane/core/hello.h"
#include "dataplane/core/mobility.h"
#include "dataplane/core/pmtu.h"
#include "dataplane/core/session_chunks.h"
#include "dataplane/core/session_life.h"
#include "dataplane/core/txp.h"

#define DUE_READY (DUE_ACK | DUE_CHUNK | DUE_DATA)

// -- one session's packet --

// Acks that are due lead, since loss is judged by them; what is left goes to data.
static void fill_open(struct engine *e, uint32_t idx, struct txp *t, uint8_t due)
{
	struct session *s = session_at(e, idx);

	if ((s->due & due & ~DUE_CHUNK) != 0 || s->rx_to_ack != 0)
		engine_stir(e);
	if (due & DUE_ACK && s->due & DUE_ACK) {
		flows_write_acks(e, idx, t, txp_is_empty(t));
		if (s->rx_to_ack == 0)
			s->due &= (uint8_t)~DUE_ACK;
	}
	if (due & DUE_DATA && s->due & DUE_DATA)
		flows_write_data(e, idx, t, PRIO_CONTROL);
	if (due & DUE_MEDIA && s->due & DUE_MEDIA)
		flows_write_data(e, idx, t, PRIO_MEDIA);
	if (due & DUE_BULK && s->due & DUE_BULK)
		flows_write_data(e, idx, t, PRIO_BULK);
	if (due & DUE_POST && s->due & DUE_POST)
		flows_write_data(e, idx, t, PRIO_POST);
	if (s->rx_to_ack != 0 && !t->has_ack && !txp_is_empty(t))
		flows_write_acks(e, idx, t, false); // delayed ones ride along
}

// Builds one packet of what is due. False: no buffer, or nothing could be written; then the due
// bits go.
static bool session_packet(struct engine *e, uint32_t idx, uint8_t due, enum budget_class class)
{
	struct session *s = session_at(e, idx);
	struct txp t;

	if (!txp_begin(e, &t, idx))
		return false;
	t.class = (uint8_t) class;
	if (class == BUDGET_CONTROL && s->due & DUE_MEDIA && !e->budgets.is_limited) {
		due |= DUE_MEDIA; // shares the packet that leaves anyway
		t.class = BUDGET_MEDIA;
	}
	if (due & DUE_CHUNK && s->due & DUE_CHUNK)
		session_chunks_write(e, idx, &t);
	if (s->state == S_OPEN)
		fill_open(e, idx, &t, due);
	if (txp_is_empty(&t)) {
		txp_abort(e, &t);
		s->due &= (uint8_t)~due;
		return false;
	}
	txp_end(e, &t);
	if (s->state == S_LAST_WORD)
		session_said_last_word(e, idx);
	return true;
}

// What needs a packet of its own. False: no buffer for it.
static bool send_alone(struct engine *e, uint32_t idx)
{
	uint8_t wants = session_cold_at(e, idx)->wants;

	return (!(wants & WANT_MOBILITY) || mobility_send(e, idx)) &&
	       (!(wants & WANT_PMTU) || pmtu_send(e, idx));
}

// A visit: as many packets as the world prefers to have for one destination. True: it has more.
static bool session_visit(struct engine *e, uint32_t idx, uint8_t due)
{
	struct session *s = session_at(e, idx);

	if (s->state == S_CLOSED)
		s->due &= (uint8_t)~due;
	if (s->due & due & DUE_CHUNK && !send_alone(e, idx))
		return true;
	for (uint16_t i = 0; i < e->opts.visit && s->due & due; i++) {
		if (!flows_send_ack(e, idx) && !session_packet(e, idx, due, BUDGET_CONTROL))
			break;
	}
	return s->due & due;
}

// The same of messages that its own budget may hold back; then its alarm marks it again.
static bool data_visit(struct engine *e, uint32_t idx, uint8_t due, enum budget_class class)
{
	struct session *s = session_at(e, idx);

	if (s->state == S_CLOSED)
		s->due &= (uint8_t)~due;
	for (uint16_t i = 0; i < e->opts.visit && s->due & due; i++) {
		enum budget_answer a = BUDGET_YES;

		if (e->budgets.is_limited)
			a = budgets_ask(e, idx, BUDGET_GROUP_NONE, class);
		if (a == BUDGET_SHORT_NEIGHBOUR)
			s->due &= (uint8_t)~due;
		if (a != BUDGET_YES || !session_packet(e, idx, due, class))
			break;
	}
	return s->due & due;
}

// -- the lists --

static bool is_full(const struct engine *e)
{
	return e->tx->n >= e->tx->max;
}

// Ends: a visit fills a buffer or takes its session off the list.
static void tx_ready(struct engine *e)
{
	while (e->ready_head != SESSION_NONE && !is_full(e)) {
		uint32_t idx = e->ready_head;
		struct session *s = session_at(e, idx);

		e->ready_head = s->next_ready;
		s->due &= (uint8_t)~DUE_LISTED;
		if (session_visit(e, idx, DUE_READY))
			session_mark(e, idx, s->due & DUE_READY);
	}
}

static uint32_t data_list_pop(struct data_list *l)
{
	uint32_t idx = l->head;

	l->head = l->next[idx] > 1 ? l->next[idx] - 2 : SESSION_NONE;
	l->next[idx] = 0;
	return idx;
}

// Ends, too: or the budget does.
static void tx_data(struct engine *e, enum data_list_idx which)
{
	struct data_list *l = &e->data[which];
	enum budget_class class = class_of_list(which);
	uint8_t due = due_of_list(which);

	while (l->head != SESSION_NONE && !is_full(e) && !engine_is_short(e, class)) {
		uint32_t idx = data_list_pop(l);

		if (data_visit(e, idx, due, class))
			session_mark(e, idx, due);
	}
}

static void tx_relay(struct engine *e)
{
	bool has_more = false;

	if (!is_full(e))
		has_more |= relay_tx_fresh(e);
	if (!is_full(e))
		has_more |= relay_tx_behind(e);
	e->relay_has_more = has_more || is_full(e);
}

// -- the burst --

static void fill(struct engine *e, uint16_t n)
{
	struct tx_batch *b = e->tx;
	bool is_quiet = engine_is_quiet(e);
	uint32_t n_startup = is_quiet ? 0 : hello_n_due(e);
	uint16_t share =
		n / 8 > 0 ? n / 8 : 1; // for startup, so that a full relay cannot shut it out
	uint16_t kept = n_startup < share ? (uint16_t)n_startup : share;

	b->max = n - n / 4; // acks and control lead, but streams get through in any case
	tx_ready(e);
	tx_data(e, DATA_MEDIA);
	b->max = n - kept;
	if (!is_quiet)
		tx_relay(e);
	tx_data(e, DATA_BULK);
	tx_data(e, DATA_POST);
	b->max = n;
	if (n_startup > 0)
		hello_tx(e);
	// What the shares left over.
	tx_ready(e);
	tx_data(e, DATA_MEDIA);
	if (e->relay_has_more)
		tx_relay(e);
	tx_data(e, DATA_BULK);
	tx_data(e, DATA_POST);
}

static void seal(struct engine *e)
{
	struct tx_batch *b = e->tx;

	crypto_seal(e->opts.crypto, b->ops, b->n);
	for (uint16_t i = 0; i < b->n; i++)
		ssid_scramble(b->room[i].data, b->room[i].len, b->id[i]);
}

uint16_t engine_tx(struct engine *e, struct pkt *room, uint16_t n, uint64_t now_us)
{
	bool has_datagrams;

	engine_clock(e, now_us);
	if (n > ENGINE_BURST_MAX)
		n = ENGINE_BURST_MAX;
	e->tx->room = room;
	e->tx->n = 0;
	has_datagrams = !engine_is_quiet(e) && datagrams_n_due(e) > 0;
	budgets_clock(&e->budgets, now_us);
	if (n > 0) // the rare datagram that is not sealed has a place behind those that are
		fill(e, has_datagrams && n > 1 ? n - 1 : n);
	seal(e);
	engine_flush(e);
	return has_datagrams ? e->tx->n + datagrams_tx(e, room + e->tx->n, n - e->tx->n) : e->tx->n;
}
