// The ack of one flow in a packet of its own, all of it in one place: what who receives sends for
// every second packet. The same octets and accounts as txp_begin, flows_write_acks and txp_end
// make for any packet (tests/unit/core/ack_whole_test.c), without asking for all that acks may be.
#include <string.h>

#include "dataplane/core/flow_pools.h"
#include "dataplane/core/txp_parts.h"

#define ACK_MAX (PACKET_FRONT_LEN_MAX + 5 + CHUNK_HEADER_LEN + 3 * VLU_LEN_MAX)
#define ROOM    ((ACK_MAX + CRYPTO_BLOCK_LEN - 1) / CRYPTO_BLOCK_LEN * CRYPTO_BLOCK_LEN)

// The flow, if there is just one, and its ack has neither ranges nor an exception.
static struct flow_rx *the_one(struct engine *e, uint32_t session_idx)
{
	const struct session *s = session_at(e, session_idx);
	struct flow_table *t = flow_table_at(e->flows, session_idx);
	uint64_t slots = s->rx_to_ack;
	struct flow_rx *f;

	if (s->due != DUE_ACK || s->state != S_OPEN || t->n_linger_acks > 0 || slots == 0 ||
	    (slots & (slots - 1)) != 0)
		return NULL;
	f = &e->flows->rx[flow_table_rx(t, (uint8_t)__builtin_ctzll(slots))];
	return f->state == RF_OPEN && !seq_set_has_gap(&f->seen) ? f : NULL;
}

// Type, length, flow id, window, and everything up to cum.
static uint8_t *put_chunk(uint8_t *at, const struct flow_rx *f, uint32_t window_blocks)
{
	uint8_t *payload = at + CHUNK_HEADER_LEN, *end = payload;

	end += vlu_put(end, f->flow_id);
	end += vlu_put(end, window_blocks);
	end += vlu_put(end, f->seen.cum);
	at[0] = CHUNK_ACK_RANGES;
	be16_put(at + 1, (uint16_t)(end - payload));
	return end;
}

static void take_leave(struct engine *e, uint32_t session_idx, const struct pkt *pkt)
{
	struct session *s = session_at(e, session_idx);

	txp_account(e, session_idx, false, false, pkt->len);
	txp_charge(e, session_idx, BUDGET_CONTROL, BUDGET_GROUP_NONE,
		   pkt->len + (uint32_t)s->ip_udp_len);
	e->stats.acks_sent++;
	s->rx_to_ack = 0;
	s->due &= (uint8_t)~DUE_ACK;
	s->n_rx_data = 0;
	s->delack_at_ms = 0;
}

bool flows_send_ack(struct engine *e, uint32_t session_idx)
{
	struct session *s = session_at(e, session_idx);
	struct packet_form form = {s->tx_tag_len, (s->flags & SESSION_TX_SSEQ) != 0};
	struct pkt *pkt = &e->tx->room[e->tx->n];
	uint8_t *plain, *at, flags;
	size_t front_len, sealed;
	bool has_echo;
	uint16_t echo = 0;
	struct crypto_op *op;
	struct flow_rx *f;

	if (e->tx->n >= e->tx->max || pkt->room < SSID_LEN + ROOM + form.tag_len)
		return false;
	f = the_one(e, session_idx);
	if (f == NULL)
		return false;
	engine_stir(e);
	plain = pkt->data + SSID_LEN;
	memset(plain, 0xff, ROOM); // the padding, and what is written over
	front_len = packet_form_front_write(form, plain, s->sseq_tx);
	has_echo = clock_echo_due(s, e->now_us, &echo);
	flags = txp_session_flags(e, session_idx, has_echo, false);
	at = plain + front_len;
	txp_header_put(at, flags, clock_ticks(e->now_us), echo);
	f->prev_rwnd = (int32_t)flow_rx_window(f);
	at = put_chunk(at + packet_header_len(flags), f, (uint32_t)f->prev_rwnd);
	sealed = packet_form_blocks((size_t)(at - plain));
	if (form.tag_len == 0)
		packet_form_checksum_put(plain, front_len,
					 csum_whole(plain + front_len, sealed - front_len));
	txp_address(pkt, s, session_idx);
	op = txp_queue(e, pkt, plain, sealed, form.tag_len, s->id_tx);
	txp_use_session_keys(e, op, session_idx);
	if (has_echo)
		clock_echoed(s, echo);
	take_leave(e, session_idx, pkt);
	return true;
}
