// Acknowledgements of light members: when, and what they say (RFC 7016 §§3.6.3.4, 3.6.3.5).
#include "perf/probes/light.h"

#include <assert.h>
#include <string.h>

#include "dataplane/core/timer.h"
#include "dataplane/core/txp_parts.h"
#include "perf/probes/light_parts.h"

#define DELACK_MS (DELAYED_ACK_MS - TIMER_TICK_MS) // as ack_tx.c: the wheel may be a tick late

static void ack_due(struct lights *ls, struct light *l)
{
	if (l->is_due)
		return;
	l->is_due = true;
	ls->due[ls->n_due++] = light_index(ls, l);
}

// As flows_after_packet and ack_mark.
void light_owes(struct lights *ls, struct light *l, uint8_t flows, bool is_now, uint64_t now_us)
{
	if (l->n_unacked == 0)
		l->unacked_ms = (uint32_t)(now_us / 1000);
	if (l->n_unacked < UINT8_MAX)
		l->n_unacked++;
	l->owes |= flows;
	if (is_now || l->n_unacked >= DELAYED_ACK_PACKETS)
		ack_due(ls, l);
	else if (!timer_is_set(ls->wheel, light_index(ls, l)))
		timer_set(ls->wheel, light_index(ls, l), l->unacked_ms + DELACK_MS);
}

static void alarms(struct lights *ls, uint32_t now_ms)
{
	uint32_t i;

	while (timer_expire(ls->wheel, now_ms, &i)) {
		struct light *l = &ls->light[i];

		if (l->n_unacked == 0)
			continue;
		if (ms_reached(l->unacked_ms + DELACK_MS, now_ms))
			ack_due(ls, l);
		else
			timer_set(ls->wheel, i, l->unacked_ms + DELACK_MS);
	}
}

uint32_t lights_n_due(struct lights *ls, uint64_t now_us)
{
	alarms(ls, (uint32_t)(now_us / 1000));
	return ls->n_due;
}

// Of one flow. What of its ranges does not fit is told the next time.
static void write_flow(struct wr *w, struct flow_rx *f)
{
	const struct ack a = {
		.flow_id = f->flow_id, .window_blocks = flow_rx_window(f), .cum = f->seen.cum};

	if (f->state != RF_OPEN)
		return;
	ack_ranges_write(w, &a, f->seen.ranges, f->seen.n);
	f->prev_rwnd = (int32_t)a.window_blocks;
}

static size_t write_header(struct light *l, uint8_t *at, uint64_t now_us)
{
	struct session *s = l->session;
	uint8_t flags = PACKET_TS;
	uint16_t echo = 0;

	flags |= s->flags & SESSION_IS_INITIATOR ? MODE_INITIATOR : MODE_RESPONDER;
	flags |= l->is_tcr ? PACKET_TCR : 0;
	if (clock_echo_due(s, now_us, &echo)) {
		flags |= PACKET_TSE;
		clock_echoed(s, echo);
	}
	txp_header_put(at, flags, clock_ticks(now_us), echo);
	return packet_header_len(flags);
}

// The packet, unsealed, at room->data; its op.
static void write_ack(struct light *l, struct light_ack *room, struct crypto_op *op,
		      uint64_t now_us)
{
	struct session *s = l->session;
	struct packet_form form = {s->tx_tag_len, (s->flags & SESSION_TX_SSEQ) != 0};
	uint8_t *plain = room->data + SSID_LEN;
	size_t front = packet_form_front_write(form, plain, s->sseq_tx);
	size_t header = write_header(l, plain + front, now_us), len;
	struct wr w = wr_over(plain + front + header,
			      packet_form_room(form, front, LIGHT_ACK_ROOM) - header);

	if (l->owes & LIGHT_OWES_MAPS)
		write_flow(&w, l->maps);
	if (l->owes & LIGHT_OWES_DATA)
		write_flow(&w, l->flow);
	len = packet_form_finish(form, plain, front, front + header + w.len);
	*op = (struct crypto_op){
		.sched = s->seal_sched,
		.hmac = form.tag_len > 0 ? &l->engine->hmac[2 * l->session_idx] : NULL,
		.dst = plain,
		.len = (uint16_t)len,
		.tag_len = form.tag_len,
	};
	room->len = (uint16_t)(SSID_LEN + len + form.tag_len);
	memcpy(room->addr, l->far_addr, sizeof(room->addr));
	room->port = l->far_port;
}

static void account(struct light *l, uint16_t len, uint64_t now_us)
{
	struct session *s = l->session;

	s->ts_tx = clock_ticks(now_us);
	s->sseq_tx++;
	s->tx_packets++;
	s->tx_bytes += len;
	l->n_unacked = l->owes = 0;
	l->n_acks++;
	l->n_ack_bytes += len;
}

uint16_t lights_acks(struct lights *ls, struct light_ack *room, uint16_t n, uint64_t now_us)
{
	uint16_t n_acks = 0;

	assert(n <= LIGHT_BURST_MAX);
	while (n_acks < n && ls->n_due > 0) {
		struct light *l = &ls->light[ls->due[--ls->n_due]];

		l->is_due = false;
		// Its engine may have done so, or lost the session.
		if (l->n_unacked == 0 || !light_is_open(l))
			continue;
		room[n_acks].member = light_index(ls, l);
		write_ack(l, &room[n_acks], &ls->ops[n_acks], now_us);
		account(l, room[n_acks].len, now_us);
		n_acks++;
	}
	crypto_seal(ls->crypto, ls->ops, n_acks);
	for (uint16_t i = 0; i < n_acks; i++)
		ssid_scramble(room[i].data, room[i].len, ls->light[room[i].member].session->id_tx);
	ls->counters.acks += n_acks;
	return n_acks;
}
