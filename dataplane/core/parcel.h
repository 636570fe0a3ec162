// Packets of fragments to one neighbour under construction, for both walks (fanout.c, behind.c). As
// many fragments share a packet as fit. The last body in a packet is sealed straight from the
// window (fastpath.md 3); those before it are small, and copied.
#pragma once

#include "dataplane/core/sent_ring.h"
#include "dataplane/core/stream.h"

enum parcel_state {
	PARCEL_OK,
	PARCEL_FULL,        // this visit has had its packets
	PARCEL_BLOCKED,     // by cwnd, burst or window of the neighbour: acks will come
	PARCEL_NO_BUFFER,   // the world lends no more in this call
	PARCEL_SHORT_TOTAL, // the worker's bytes for this class are used up
	PARCEL_SHORT_GROUP, // the group's are
};

struct parcel {
	struct engine *e;
	struct flow_tx *f;
	const struct record *last; // its header is written, its body not yet
	uint32_t flow_idx;
	uint32_t n_packets, packets_max;
	uint32_t bytes; // of chunks
	bool is_open;
	uint8_t class; // enum budget_class of what is added next
	uint16_t group;
	struct txp txp;
};

static inline void parcel_begin(struct parcel *p, struct engine *e, uint16_t group,
				uint32_t flow_idx, uint32_t packets_max)
{
	p->e = e;
	p->f = flow_tx_at(e->flows, flow_idx);
	p->flow_idx = flow_idx;
	p->last = NULL;
	p->n_packets = 0;
	p->packets_max = packets_max;
	p->bytes = 0;
	p->is_open = false;
	p->class = BUDGET_MEDIA;
	p->group = group;
}

// The packet under construction leaves.
static inline void parcel_end(struct parcel *p)
{
	if (p->is_open && p->last != NULL)
		txp_end_body(p->e, &p->txp, p->last->body, p->last->len, p->last->sum);
	else if (p->is_open)
		txp_end(p->e, &p->txp);
	p->is_open = false;
	p->last = NULL;
}

// May another packet leave to this neighbour? Counts why not.
static inline enum parcel_state parcel_ask(struct parcel *p)
{
	const struct session *s = session_at(p->e, p->f->session_idx);

	if (!session_may_send(s)) {
		p->e->stats.held[s->in_flight_bytes >= s->cwnd_bytes ? HELD_CWND : HELD_BURST]++;
		return PARCEL_BLOCKED;
	}
	if (!p->e->budgets.is_limited)
		return PARCEL_OK;
	switch (budgets_ask(p->e, p->f->session_idx, p->group, (enum budget_class)p->class)) {
	case BUDGET_SHORT_TOTAL:
		return PARCEL_SHORT_TOTAL;
	case BUDGET_SHORT_GROUP:
		return PARCEL_SHORT_GROUP;
	case BUDGET_SHORT_NEIGHBOUR:
		return PARCEL_BLOCKED;
	default:
		return PARCEL_OK;
	}
}

// Room for `need` octets behind what is written: in the packet under construction or in a new one.
static inline enum parcel_state parcel_reserve(struct parcel *p, size_t need)
{
	enum parcel_state state;

	if (p->last != NULL && txp_left(&p->txp) >= p->last->len + need) {
		wr_bytes(&p->txp.w, p->last->body, p->last->len);
		p->last = NULL;
		return PARCEL_OK;
	}
	if (p->is_open && p->last == NULL && txp_left(&p->txp) >= need)
		return PARCEL_OK;
	parcel_end(p);
	if (p->n_packets == p->packets_max)
		return PARCEL_FULL;
	state = parcel_ask(p);
	if (state != PARCEL_OK)
		return state;
	if (!txp_begin(p->e, &p->txp, p->f->session_idx))
		return PARCEL_NO_BUFFER;
	txp_widen(&p->txp);
	p->txp.class = p->class;
	p->txp.group = p->group;
	p->is_open = true;
	p->n_packets++;
	return PARCEL_OK;
}

// A packet that was begun and got nothing does not leave.
static inline void parcel_drop_empty(struct parcel *p)
{
	if (!p->is_open || !txp_is_empty(&p->txp))
		return;
	txp_abort(p->e, &p->txp);
	p->is_open = false;
	p->n_packets--;
}

// The fragment travels as flow number sn: sn_next for the first time, or a lost one again.
static inline enum parcel_state parcel_add(struct parcel *p, uint64_t sn, const struct record *rec)
{
	enum parcel_state state;
	size_t start;
	bool was_big;

	// A lost number has its place in the ring already; only the window speaks about it.
	if (sn == p->f->sn_next ? !flow_tx_has_room(p->e, p->f)
				: p->f->in_flight_bytes >= p->f->rwnd_bytes) {
		p->e->stats.held[HELD_RWND]++;
		return PARCEL_BLOCKED;
	}
	state = parcel_reserve(p, flow_tx_header_max(p->e, p->f) + rec->len);
	if (state != PARCEL_OK)
		return state;
	start = p->txp.w.len;
	was_big = txp_is_big(&p->txp);
	if (flow_tx_write_header(p->e, p->flow_idx, &p->txp.w, sn, USER_DATA_FRA_WHOLE, rec->len) !=
	    0) {
		parcel_drop_empty(p);
		return PARCEL_BLOCKED; // no memory for its ring
	}
	start = p->txp.w.len - start + rec->len;
	flow_tx_sent(p->e, p->flow_idx, sn, (uint32_t)rec->no, (uint16_t)start);
	if (!was_big && p->txp.w.len + rec->len > p->txp.base_cap)
		sent_at(p->f, sn)->flags |= SENT_BIG;
	p->txp.has_data = p->txp.is_tc = true;
	p->bytes += (uint32_t)start;
	p->last = rec;
	if (!rec->is_spread)
		((struct record *)rec)->is_spread = 1;
	return PARCEL_OK;
}
