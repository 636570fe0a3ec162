// The flows and packets that the relay finds here in place of its engine's: numbers, what is in
// flight, the window of cc.c.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/cc.h"
#include "tests/sim/stream_world.h"

#define RING          256        // numbers of a flow in flight
#define HEADER_OCTETS 8          // of a chunk, as the relay sees it
#define PACKET_ROOM   32         // one fragment of stream_world.c and no second one
#define CONTROL_FLOWS 0x1000000u // flow of a session's control messages, less the session
// Of a packet with a control message: IP, UDP, session id, checksum, header, chunk and padding.
#define CONTROL_OCTETS 62
#define MORE_OCTETS    10 // of one more in it

struct flows {
	struct flows_pub pub;
	uint32_t n;
	struct flow_tx *tx;
};

struct local_body {
	uint32_t refs, len;
	uint8_t data[];
};

// ---- what other files of the room do ----

bool engine_report(struct engine *e, const struct report *r)
{
	return true;
}

void session_cold_alarm(struct engine *e, uint32_t idx, enum session_alarm which, uint32_t at_ms)
{
}

bool txp_begin(struct engine *e, struct txp *t, uint32_t session_idx)
{
	static _Thread_local uint8_t buffer[PACKET_ROOM];

	memset(t, 0, sizeof(*t));
	t->session_idx = session_idx;
	t->w = wr_over(buffer, PACKET_ROOM);
	t->base_cap = t->path_cap = PACKET_ROOM;
	return true;
}

void txp_abort(struct engine *e, struct txp *t)
{
	t->w = wr_over(NULL, 0);
}

static void leave(struct engine *e, uint32_t session_idx, uint16_t group, enum budget_class class)
{
	uint32_t octets = stream_node_of(e)->w->o.packet_octets;

	session_at(e, session_idx)->n_burst++;
	e->stats.tx_ip_bytes[class] += octets;
	if (e->budgets.is_limited)
		budgets_charge(&e->budgets, session_idx, group, octets);
}

void txp_end(struct engine *e, struct txp *t)
{
	leave(e, t->session_idx, t->group, (enum budget_class)t->class);
}

void txp_end_body(struct engine *e, struct txp *t, const uint8_t *body, uint16_t len, uint16_t sum)
{
	leave(e, t->session_idx, t->group, (enum budget_class)t->class);
}

// ---- flows ----

uint32_t flow_tx_open_stream(struct engine *e, uint32_t session_idx, uint16_t slot,
			     uint64_t flow_id, uint64_t assoc_id, uint32_t link)
{
	struct flow_tx *f = flow_tx_at(e->flows, session_idx);

	if (f->ring == NULL)
		f->ring = calloc(RING, sizeof(*f->ring));
	assert(f->state == F_FREE && f->ring != NULL);
	// Numbers go on, so what is acknowledged late of the flow before is nobody's.
	f->sn_base = f->sn_next = f->sn_next > 0 ? f->sn_next : 1;
	f->ring_mask = RING - 1;
	f->rwnd_bytes = UINT32_MAX;
	f->in_flight_bytes = 0;
	f->session_idx = session_idx;
	f->source_idx = link;
	f->state = F_OPEN;
	return session_idx;
}

void flow_tx_close(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	session_at(e, f->session_idx)->in_flight_bytes -= f->in_flight_bytes;
	f->in_flight_bytes = 0;
	f->sn_base = f->sn_next;
	f->state = F_FREE;
}

bool flow_tx_has_room(const struct engine *e, const struct flow_tx *f)
{
	return f->state == F_OPEN && f->sn_next - f->sn_base < RING;
}

uint32_t flow_tx_header_max(const struct engine *e, const struct flow_tx *f)
{
	return HEADER_OCTETS;
}

int flow_tx_write_header(struct engine *e, uint32_t flow_idx, struct wr *w, uint64_t sn,
			 uint8_t frag_flags, uint16_t body_len)
{
	wr_u64(w, sn);
	return wr_err(w);
}

// A packet of its own, whatever its neighbours in the burst are.
static void transmit(struct engine *e, struct flow_tx *f, uint64_t sn, uint32_t ref)
{
	struct stream_node *n = stream_node_of(e);
	struct stream_end *end = &n->ends[f->session_idx];
	uint32_t octets = n->w->o.packet_octets;
	uint32_t at_ms = stream_packet(n, end, octets, true);
	struct stream_event *ev;

	n->data_octets += octets;
	if (at_ms != 0) {
		ev = stream_event_at(n->w, at_ms, end->far_node, end->far_session, STREAM_DATA);
		ev->octets = (uint16_t)octets;
		ev->data.no = ref;
		ev->data.sn = (uint32_t)sn;
		return;
	}
	// Three acknowledgements of later ones tell it.
	at_ms = n->w->now_ms + 2 * end->latency_ms + 50 +
		(uint32_t)(n->up_us / 1000 > n->w->now_ms ? n->up_us / 1000 - n->w->now_ms : 0);
	ev = stream_event_at(n->w, at_ms, n->index, f->session_idx, STREAM_LOST);
	ev->data.sn = (uint32_t)sn;
}

void flow_tx_sent(struct engine *e, uint32_t flow_idx, uint64_t sn, uint32_t ref, uint16_t bytes)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	uint16_t octets = (uint16_t)stream_node_of(e)->w->o.packet_octets;

	if (sn == f->sn_next)
		f->sn_next++;
	f->ring[sn & f->ring_mask] = (struct sent){
		.ref = ref, .bytes = octets, .flags = SENT_IN_FLIGHT, .sent_ms = e->now_ms};
	f->in_flight_bytes += octets;
	session_at(e, f->session_idx)->in_flight_bytes += octets;
	transmit(e, f, sn, ref);
}

bool flow_tx_send_whole(struct engine *e, uint32_t flow_idx, uint32_t ref, const uint8_t *body,
			uint16_t len, uint16_t sum, uint16_t group)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	if (!flow_tx_has_room(e, f) || !session_may_send(session_at(e, f->session_idx)))
		return false;
	flow_tx_sent(e, flow_idx, f->sn_next, ref, len);
	leave(e, f->session_idx, group, BUDGET_MEDIA);
	return true;
}

bool flow_tx_next_lost(struct engine *e, uint32_t flow_idx, uint64_t *sn, uint32_t *ref)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	for (*sn = f->sn_base; *sn < f->sn_next; (*sn)++) {
		*ref = f->ring[*sn & f->ring_mask].ref;
		if (f->ring[*sn & f->ring_mask].flags & SENT_LOST)
			return true;
	}
	return false;
}

static void base_moves(struct flow_tx *f)
{
	while (f->sn_base < f->sn_next &&
	       f->ring[f->sn_base & f->ring_mask].flags & (SENT_ACKED | SENT_ABANDONED))
		f->sn_base++;
}

void flow_tx_abandon(struct engine *e, uint32_t flow_idx, uint64_t sn)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	f->ring[sn & f->ring_mask].flags = SENT_ABANDONED;
	base_moves(f);
}

// The far end's window knows no order, so it need not hear of it.
bool flow_tx_write_fsn_update(struct engine *e, uint32_t flow_idx, struct txp *t)
{
	return false;
}

// The window's growth counts what is acknowledged; a loss cuts it once a round trip.
void stream_flow_acked(struct stream_node *n, const struct stream_event *a)
{
	struct session *s = &n->e.sessions[a->session];
	struct flow_tx *f = flow_tx_at(n->e.flows, a->session);
	struct cc_event ev = {.in_flight_before = s->in_flight_bytes,
			      .any_ack = true,
			      .is_fast = a->is_fast,
			      .is_tc = true};

	s->n_burst = 0;
	for (uint32_t i = 0; i < a->len; i++) {
		uint64_t sn = (f->sn_next & ~(uint64_t)UINT32_MAX) | a->news[i];
		struct sent *x = &f->ring[sn & (RING - 1)];

		if (f->state != F_OPEN || sn < f->sn_base || sn >= f->sn_next ||
		    !(x->flags & SENT_IN_FLIGHT))
			continue;
		x->flags = SENT_ACKED;
		ev.acked_bytes += x->bytes;
		f->in_flight_bytes -= x->bytes;
		s->in_flight_bytes -= x->bytes;
		s->srtt_us = (7 * s->srtt_us + 1000 * (n->e.now_ms - x->sent_ms)) / 8;
		s->mrto_us = 2 * s->srtt_us + 200000;
	}
	if (f->state == F_OPEN)
		base_moves(f);
	cc_on_packet(s, &ev);
	relay_flow_open_again(&n->e, a->session);
}

void stream_flow_lost(struct stream_node *n, uint32_t session, uint32_t sn)
{
	struct session *s = &n->e.sessions[session];
	struct flow_tx *f = flow_tx_at(n->e.flows, session);
	struct sent *x = &f->ring[sn & (RING - 1)];
	struct cc_event ev = {
		.in_flight_before = s->in_flight_bytes, .any_loss = true, .is_tc = true};

	if (f->state != F_OPEN || sn < f->sn_base || sn >= f->sn_next ||
	    !(x->flags & SENT_IN_FLIGHT))
		return;
	x->flags = SENT_LOST;
	f->in_flight_bytes -= x->bytes;
	s->in_flight_bytes -= x->bytes;
	s->n_burst = 0;
	if (n->e.now_ms - n->ends[session].cut_ms > s->srtt_us / 1000) {
		cc_on_packet(s, &ev);
		n->ends[session].cut_ms = n->e.now_ms;
	}
	relay_flow_lost(&n->e, session);
	relay_flow_open_again(&n->e, session);
}

// ---- control messages: reliable, in order, as many as there are in a packet ----

uint32_t flow_tx_of_slot(const struct engine *e, uint32_t session_idx, uint16_t slot)
{
	return CONTROL_FLOWS + session_idx;
}

static struct stream_event *control(struct engine *e, uint32_t flow_idx, uint32_t len)
{
	struct stream_node *n = stream_node_of(e);
	struct stream_end *end = &n->ends[flow_idx - CONTROL_FLOWS];
	bool is_more = end->packet_ms == n->w->now_ms;
	uint32_t octets = len + (is_more ? MORE_OCTETS : CONTROL_OCTETS), at_ms;
	struct stream_event *ev;

	if (end->n_unacked > 0) // rides with it
		octets += MORE_OCTETS;
	at_ms = stream_packet(n, end, octets, false);
	if (end->n_unacked > 0)
		stream_ack(n, flow_idx - CONTROL_FLOWS, at_ms);
	end->packet_ms = n->w->now_ms;
	n->control_octets += octets;
	e->stats.tx_ip_bytes[BUDGET_CONTROL] += octets;
	if (e->budgets.is_limited)
		budgets_charge(&e->budgets, flow_idx - CONTROL_FLOWS, BUDGET_GROUP_NONE, octets);
	if (at_ms < end->in_order_ms)
		at_ms = end->in_order_ms;
	end->in_order_ms = at_ms;
	ev = stream_event_at(n->w, at_ms, end->far_node, end->far_session, STREAM_CONTROL);
	ev->len = !is_more; // a packet, to be acknowledged
	ev->octets = is_more ? 0 : (uint16_t)octets;
	ev->control.body = NULL;
	ev->control.len = len;
	return ev;
}

int flow_tx_send_inline(struct engine *e, uint32_t flow_idx, const uint8_t *data, uint8_t len,
			uint64_t deadline_us)
{
	struct stream_event *ev = control(e, flow_idx, len);

	assert(len <= sizeof(ev->control.octets));
	memcpy(ev->control.octets, data, len);
	return 0;
}

int flow_tx_send_local(struct engine *e, uint32_t flow_idx, struct local_body *b, uint32_t len,
		       uint64_t deadline_us)
{
	struct stream_event *ev = control(e, flow_idx, len);

	local_body_ref(b);
	ev->control.body = b;
	return 0;
}

struct local_body *local_body_get(struct engine *e, uint32_t len)
{
	struct local_body *b = malloc(sizeof(*b) + len);

	assert(b != NULL);
	b->refs = 1;
	b->len = len;
	return b;
}

uint8_t *local_body_data(struct local_body *b)
{
	return b->data;
}

void local_body_ref(struct local_body *b)
{
	b->refs++;
}

void local_body_unref(struct engine *e, struct local_body *b)
{
	if (--b->refs == 0)
		free(b);
}

int stream_flows_create(struct stream_node *n)
{
	n->flows = calloc(1, sizeof(*n->flows));
	if (n->flows == NULL)
		return -ENOMEM;
	n->flows->n = n->ends_max;
	n->flows->tx = aligned_alloc(64, n->ends_max * sizeof(struct flow_tx));
	if (n->flows->tx == NULL)
		return -ENOMEM;
	memset(n->flows->tx, 0, n->ends_max * sizeof(struct flow_tx));
	n->flows->pub.tx = n->flows->tx;
	n->e.flows = n->flows;
	return 0;
}

void stream_flows_destroy(struct stream_node *n)
{
	for (uint32_t i = 0; i < n->flows->n; i++)
		free(n->flows->tx[i].ring);
	free(n->flows->tx);
	free(n->flows);
}
