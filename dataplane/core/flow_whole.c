// A stream's next fragment in a packet of its own, all of it in one place: what the fan-out sends
// to whoever is up to date and has acknowledged something before. The same octets and the same
// accounts as txp_begin, flow_tx_write_header, flow_tx_sent and txp_end_body make, one after the
// other, for any packet (tests/unit/core/flow_whole_test.c); a third of their instructions.
#include <string.h>

#include "crypto/checksum.h"
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/sent_ring.h"
#include "dataplane/core/txp_parts.h"
#include "dataplane/wire/chunk_data.h"

#define HEADER_MAX (PACKET_FRONT_LEN_MAX + 5 + USER_DATA_HEAD_MAX)

// A packet whose lengths are known and that nobody has begun yet.
struct whole {
	uint8_t *plain;
	size_t front_len, written; // octets before the header; before the body
	size_t head, sealed;       // of the first part; of everything encrypted
	uint8_t flags;             // of the header
	uint16_t echo, chunk_bytes;
};

// Writes what stands before the body. False: it is not that kind of packet after all.
static bool write_before(struct engine *e, const struct flow_tx *f, uint16_t len, struct whole *p)
{
	struct session *s = session_at(e, f->session_idx);
	struct packet_form form = {s->tx_tag_len, (s->flags & SESSION_TX_SSEQ) != 0};
	bool has_echo = clock_echo_due(s, e->now_us, &p->echo);
	uint8_t *at, head_len;

	p->plain = e->tx->room[e->tx->n].data + SSID_LEN;
	p->front_len = packet_form_front_write(form, p->plain, s->sseq_tx);
	p->flags = txp_session_flags(e, f->session_idx, has_echo, true);
	at = p->plain + p->front_len;
	txp_header_put(at, p->flags, clock_ticks(e->now_us), p->echo);
	at += packet_header_len(p->flags);
	head_len = user_data_head_put(at, USER_DATA_FRA_WHOLE, f->id_vlu, f->id_vlu_len, f->sn_next,
				      f->sn_next - (f->sn_base - 1), len);
	p->chunk_bytes = (uint16_t)(head_len + len);
	p->written = (size_t)(at - p->plain) + head_len;
	p->head = packet_form_blocks(p->written);
	p->sealed = packet_form_blocks(p->written + len);
	return p->head <= CRYPTO_HEAD_BLOCKS * CRYPTO_BLOCK_LEN && p->head < p->sealed &&
	       SSID_LEN + p->sealed + form.tag_len <= e->opts.payload_base;
}

static void take_leave(struct engine *e, struct flow_tx *f, const struct whole *p, uint32_t ref)
{
	struct session *s = session_at(e, f->session_idx);
	struct sent *x = sent_ring_append(f, SENT_IN_FLIGHT, ref);

	x->tsn = tsn_take(s);
	x->bytes = p->chunk_bytes;
	x->sent_ms = e->now_ms;
	f->in_flight_bytes += p->chunk_bytes;
	s->in_flight_bytes += p->chunk_bytes;
	s->tx_in_flight |= slot_bit(flow_tx_slot(f));
	flight_alarm(e, f->session_idx);
}

bool flow_tx_send_whole(struct engine *e, uint32_t flow_idx, uint32_t ref, const uint8_t *body,
			uint16_t len, uint16_t sum, uint16_t group)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct session *s = session_at(e, f->session_idx);
	struct pkt *pkt = &e->tx->room[e->tx->n];
	struct crypto_op *op;
	struct whole p = {.echo = 0};

	if (f->flags != (FLOW_TX_STREAM | FLOW_TX_TC) || f->state != F_OPEN ||
	    f->in_flight_bytes >= f->rwnd_bytes || !session_may_send(s) || e->tx->n >= e->tx->max ||
	    pkt->room < HEADER_MAX + CRYPTO_BLOCK_LEN || !write_before(e, f, len, &p) ||
	    sent_ring_reserve(f, e->flows->tx_slabs) != 0)
		return false;
	if (s->tx_tag_len == 0)
		packet_form_checksum_put(p.plain, p.front_len,
					 txp_sum(p.plain + p.front_len, p.written - p.front_len,
						 sum, body[len - 1], p.written + len - p.front_len,
						 p.sealed - p.front_len));
	// Less than a block, but the same copy for all: the body goes on at either place, or ff
	// does.
	memcpy(p.plain + p.written, body, CRYPTO_BLOCK_LEN);
	txp_address(pkt, s, f->session_idx);
	op = txp_queue(e, pkt, p.plain, p.sealed, s->tx_tag_len, s->id_tx);
	txp_use_session_keys(e, op, f->session_idx);
	op->head_len = (uint16_t)p.head;
	op->tail = body + (p.head - p.written);
	if (p.flags & PACKET_TSE)
		clock_echoed(s, p.echo);
	txp_account(e, f->session_idx, true, true, pkt->len);
	txp_charge(e, f->session_idx, BUDGET_MEDIA, group, pkt->len + (uint32_t)s->ip_udp_len);
	take_leave(e, f, &p, ref);
	return true;
}
