// Packets under construction. In the lent buffer, from its start:
//
//   session id:4 | [sseq: VLU] [checksum:2] | flags:1 timestamp:2 [echo:2] | chunks ... | ff to 16
//                '------- front -----------''------- header ------------'
//
// The session id's place stays empty until the packet is sealed, since it is scrambled with
// ciphertext.
#include <assert.h>
#include <string.h>

#include "crypto/checksum.h"
#include "dataplane/core/pmtu.h"
#include "dataplane/core/txp.h"
#include "dataplane/core/txp_parts.h"

// payload: what the path carries, base size or more.
static void begin(struct engine *e, struct txp *t, uint64_t sseq, uint16_t payload)
{
	size_t path_max, base_max;

	t->pkt = &e->tx->room[e->tx->n];
	t->pkt->flags = 0;
	t->plain = t->pkt->data + SSID_LEN;
	t->front_len = (uint8_t)packet_form_front_write(t->form, t->plain, sseq);
	path_max = base_max = packet_form_room(t->form, t->front_len, payload);
	if (payload > e->opts.payload_base)
		base_max = packet_form_room(t->form, t->front_len, e->opts.payload_base);
	t->header_len = packet_header_len(PACKET_TS | (t->has_echo ? PACKET_TSE : 0));
	t->base_cap = base_max - t->header_len;
	t->path_cap = path_max - t->header_len;
	t->w = wr_over(t->plain + t->front_len + t->header_len, t->base_cap);
	t->has_data = false;
	t->is_tc = false;
	t->has_ack = false;
	t->class = BUDGET_CONTROL;
	t->group = BUDGET_GROUP_NONE;
}

static bool begin_session(struct engine *e, struct txp *t, uint32_t session_idx, uint16_t payload)
{
	struct session *s = session_at(e, session_idx);

	if (e->tx->n >= e->tx->max)
		return false;
	t->session_idx = session_idx;
	t->id_tx = s->id_tx;
	t->form = (struct packet_form){s->tx_tag_len, (s->flags & SESSION_TX_SSEQ) != 0};
	t->echo = 0;
	t->has_echo = clock_echo_due(s, e->now_us, &t->echo);
	begin(e, t, s->sseq_tx, payload);
	txp_address(t->pkt, s, session_idx);
	return true;
}

bool txp_begin(struct engine *e, struct txp *t, uint32_t session_idx)
{
	return begin_session(e, t, session_idx, session_at(e, session_idx)->payload_max);
}

bool txp_begin_probe(struct engine *e, struct txp *t, uint32_t session_idx, uint16_t payload)
{
	if (!begin_session(e, t, session_idx, payload))
		return false;
	assert(payload <= t->pkt->room); // engine.h asks the world for that much
	t->pkt->flags |= PKT_PROBE;
	txp_widen(t);
	return true;
}

void txp_send_to(struct txp *t, const struct msg_addr *to)
{
	t->pkt->path_idx = PATH_NONE;
	memcpy(t->pkt->addr, to->ip, sizeof(t->pkt->addr));
	t->pkt->port = to->port;
	t->pkt->family = to->family;
	t->pkt->endpoint = to->endpoint;
	t->pkt->local = to->local;
}

bool txp_begin_startup(struct engine *e, struct txp *t, const struct msg_addr *to, uint32_t id_tx)
{
	if (e->tx->n >= e->tx->max)
		return false;
	t->session_idx = SESSION_NONE;
	t->id_tx = id_tx;
	t->form = (struct packet_form){0};
	t->echo = 0;
	t->has_echo = false;
	begin(e, t, 0, e->opts.payload_base);
	txp_send_to(t, to);
	t->pkt->session_idx = SESSION_NONE;
	t->class = e->tx->startup_class;
	return true;
}

uint16_t session_chunk_room(const struct engine *e, uint32_t session_idx)
{
	const struct session *s = &e->sessions[session_idx];
	struct packet_form form = {s->tx_tag_len, (s->flags & SESSION_TX_SSEQ) != 0};

	return (uint16_t)(packet_form_plain_max(form, UINT64_MAX, e->opts.payload_base) -
			  packet_header_len(PACKET_TS | PACKET_TSE));
}

static void write_header(const struct engine *e, struct txp *t)
{
	uint8_t flags = PACKET_TS | MODE_STARTUP;

	assert(t->w.err == 0);
	if (t->session_idx != SESSION_NONE)
		flags = txp_session_flags(e, t->session_idx, t->has_echo, t->is_tc);
	txp_header_put(t->plain + t->front_len, flags, clock_ticks(e->now_us), t->echo);
}

// Octets of the IP packet.
static void charge(struct engine *e, const struct txp *t)
{
	uint32_t bytes = t->pkt->len;

	if (t->session_idx != SESSION_NONE)
		bytes += session_at(e, t->session_idx)->ip_udp_len;
	else
		bytes += t->pkt->family == 6 ? IPV6_UDP_BYTES : IPV4_UDP_BYTES;
	txp_charge(e, t->session_idx, t->class, t->group, bytes);
}

static struct crypto_op *queue(struct engine *e, struct txp *t, size_t sealed_len)
{
	struct crypto_op *op =
		txp_queue(e, t->pkt, t->plain, sealed_len, t->form.tag_len, t->id_tx);

	charge(e, t);
	if (t->session_idx == SESSION_NONE) {
		op->sched = &e->default_seal;
		op->hmac = NULL;
		return op;
	}
	txp_use_session_keys(e, op, t->session_idx);
	if (t->has_echo)
		clock_echoed(session_at(e, t->session_idx), t->echo);
	txp_account(e, t->session_idx, t->has_data, t->is_tc, t->pkt->len);
	e->stats.acks_sent += t->has_ack;
	return op;
}

void txp_end(struct engine *e, struct txp *t)
{
	size_t len = t->front_len + t->header_len + t->w.len;

	write_header(e, t);
	len = packet_form_finish(t->form, t->plain, t->front_len, len);
	queue(e, t, len);
}

void txp_end_body(struct engine *e, struct txp *t, const uint8_t *body, uint16_t len, uint16_t sum)
{
	size_t written = t->front_len + t->header_len + t->w.len;
	size_t head = packet_form_blocks(written), sealed = packet_form_blocks(written + len);
	struct crypto_op *op;

	assert(t->w.err == 0 && len <= wr_left(&t->w));
	if (head > CRYPTO_HEAD_BLOCKS * CRYPTO_BLOCK_LEN || head >= sealed) {
		wr_bytes(&t->w, body, len); // much was written before it, or it is short
		txp_end(e, t);
		return;
	}
	write_header(e, t);
	if (t->form.tag_len == 0)
		packet_form_checksum_put(t->plain, t->front_len,
					 txp_sum(t->plain + t->front_len, written - t->front_len,
						 sum, body[len - 1], written + len - t->front_len,
						 sealed - t->front_len));
	// Less than a block, but the same copy for all: the body goes on at either place, or ff
	// does.
	memcpy(t->plain + written, body, CRYPTO_BLOCK_LEN);
	op = queue(e, t, sealed);
	op->head_len = (uint16_t)head;
	op->tail = body + (head - written);
}

void txp_abort(struct engine *e, struct txp *t)
{
	t->pkt = NULL; // the buffer is still the next one
}
