#include "tests/support/far_end.h"

#include <assert.h>
#include <string.h>

struct far_end far_prepare(struct loop *l, uint32_t node, const struct loop_form *form,
			   bool is_initiator, struct session_seed *near)
{
	// Hosts above those of nodes; a port of its own each.
	uint32_t host = LOOP_NODES_MAX + 1;
	struct session_seed seeds[2];
	struct loop_pair p = is_initiator ? loop_prepare(l, host, node, form, seeds)
					  : loop_prepare(l, node, host, form, seeds);
	struct far_end f = {.loop = l, .node = node, .is_responder = !is_initiator};

	f.slot = p.slot[is_initiator];
	f.id = p.id[is_initiator];
	f.seed = seeds[!is_initiator];
	f.addr = loop_addr(host, (uint16_t)(10000 + f.slot));
	*near = seeds[is_initiator];
	near->far = f.addr;
	return f;
}

struct far_end far_connect(struct loop *l, uint32_t node, const struct loop_form *form,
			   bool is_initiator)
{
	struct session_seed near;
	struct far_end f = far_prepare(l, node, form, is_initiator, &near);

	loop_add(l, node, f.slot, f.id, &near);
	return f;
}

// -- sealing and opening --

static size_t seal(struct crypto *crypto, struct packet_form form, uint64_t sseq, const void *sched,
		   const struct hmac_keys *hmac, uint32_t id, struct span plain,
		   uint8_t out[LOOP_DATAGRAM_MAX])
{
	struct crypto_op op = {.sched = sched, .dst = out + SSID_LEN, .tag_len = form.tag_len};
	size_t front = packet_form_front_write(form, op.dst, sseq), len;

	assert(plain.len > 0 && front + plain.len + 64 < LOOP_DATAGRAM_MAX);
	memcpy(op.dst + front, plain.data, plain.len);
	op.len = (uint16_t)packet_form_finish(form, op.dst, front, front + plain.len);
	op.hmac = form.tag_len > 0 ? hmac : NULL;
	crypto_seal(crypto, &op, 1);
	len = SSID_LEN + op.len + op.tag_len;
	ssid_scramble(out, len, id);
	return len;
}

static int open_with(struct crypto *crypto, struct packet_form form, const void *sched,
		     const struct hmac_keys *hmac, struct span datagram,
		     uint8_t buf[LOOP_DATAGRAM_MAX], struct span *plain)
{
	struct crypto_op op = {.sched = sched, .dst = buf, .tag_len = form.tag_len};
	int len = -1, front;
	uint64_t sseq;

	if (datagram.len > SSID_LEN)
		len = packet_form_open_check(form, datagram.len - SSID_LEN);
	if (len < 0)
		return -1;
	memcpy(buf, datagram.data + SSID_LEN, datagram.len - SSID_LEN);
	op.len = (uint16_t)len;
	op.hmac = form.tag_len > 0 ? hmac : NULL;
	if (crypto_open(crypto, &op, 1) != 1)
		return -1;
	front = packet_form_strip(form, buf, op.len, &sseq);
	if (front < 0)
		return -1;
	*plain = span_of(buf + front, op.len - (size_t)front);
	return 0;
}

int seed_open(struct crypto *crypto, const struct session_seed *seed, struct span datagram,
	      uint8_t buf[LOOP_DATAGRAM_MAX], struct span *plain)
{
	struct packet_form form = {seed->rx_tag_len, (seed->flags & SEED_RX_SSEQ) != 0};
	struct hmac_keys hmac;

	memcpy(hmac.state, seed->rx_hmac, sizeof(hmac.state));
	return open_with(crypto, form, seed->rx_sched, &hmac, datagram, buf, plain);
}

size_t far_seal(struct far_end *f, struct span plain, uint8_t out[LOOP_DATAGRAM_MAX])
{
	struct packet_form form = {f->seed.tx_tag_len, (f->seed.flags & SEED_TX_SSEQ) != 0};
	struct hmac_keys hmac;

	memcpy(hmac.state, f->seed.tx_hmac, sizeof(hmac.state));
	return seal(f->loop->crypto, form, f->sseq++, f->seed.tx_sched, &hmac, f->id, plain, out);
}

static void default_keys(struct loop *l, struct seal_keys *s, struct open_keys *o)
{
	crypto_expand(l->crypto, (const uint8_t *)CRYPTO_DEFAULT_KEY, s->sched, o->sched);
}

size_t startup_seal(struct loop *l, uint32_t id, struct span chunks, uint8_t out[LOOP_DATAGRAM_MAX])
{
	uint8_t plain[LOOP_DATAGRAM_MAX] = {0x0b, 0x12, 0x34};
	struct seal_keys s;
	struct open_keys o;

	assert(chunks.len + 3 < sizeof(plain) - 64);
	memcpy(plain + 3, chunks.data, chunks.len);
	default_keys(l, &s, &o);
	return seal(l->crypto, (struct packet_form){0}, 0, s.sched, NULL, id,
		    span_of(plain, chunks.len + 3), out);
}

int startup_unseal(struct loop *l, struct span datagram, uint32_t *id,
		   uint8_t buf[LOOP_DATAGRAM_MAX], struct span *plain)
{
	struct seal_keys s;
	struct open_keys o;

	default_keys(l, &s, &o);
	if (ssid_unscramble(datagram.data, datagram.len, id) != 0)
		return -1;
	return open_with(l->crypto, (struct packet_form){0}, o.sched, NULL, datagram, buf, plain);
}

// -- to the engine and back --

uint8_t far_send_datagram(struct far_end *f, struct span datagram)
{
	struct loop_node *n = &f->loop->nodes[f->node];
	uint8_t copy[LOOP_DATAGRAM_MAX];
	struct pkt pkt = {.data = copy, .len = (uint16_t)datagram.len, .room = sizeof(copy)};

	memcpy(copy, datagram.data, datagram.len);
	memcpy(pkt.addr, f->addr.ip, sizeof(pkt.addr));
	pkt.port = f->addr.port;
	pkt.family = f->addr.family;
	pkt.local = n->addr.local;
	engine_rx(n->engine, &pkt, 1, f->loop->now_us);
	return pkt.drop;
}

uint8_t far_send(struct far_end *f, struct span plain)
{
	uint8_t out[LOOP_DATAGRAM_MAX];
	size_t len = far_seal(f, plain, out);

	return far_send_datagram(f, span_of(out, len));
}

uint8_t far_send_chunks(struct far_end *f, struct span chunks)
{
	uint8_t plain[LOOP_DATAGRAM_MAX] = {f->is_responder ? MODE_RESPONDER : MODE_INITIATOR};

	assert(chunks.len < sizeof(plain) - 64);
	if (chunks.len > 0)
		memcpy(plain + 1, chunks.data, chunks.len);
	return far_send(f, span_of(plain, chunks.len + 1));
}

bool far_receive(struct far_end *f, uint8_t buf[LOOP_DATAGRAM_MAX], struct span *plain)
{
	struct loop *l = f->loop;
	struct loop_datagram d;

	loop_turn(l); // the engine sends,
	loop_turn(l); // and it arrives
	for (uint32_t i = 0; i < l->n_strays; i++) {
		d = l->strays[i];
		if (d.dst.port != f->addr.port || memcmp(d.dst.ip, f->addr.ip, 4) != 0)
			continue;
		memmove(&l->strays[i], &l->strays[i + 1], (--l->n_strays - i) * sizeof(d));
		if (seed_open(l->crypto, &f->seed, span_of(d.data, d.len), buf, plain) == 0)
			return true;
		i--;
	}
	return false;
}

bool far_receive_chunk(struct far_end *f, uint8_t type, uint8_t buf[LOOP_DATAGRAM_MAX],
		       struct chunk *c)
{
	struct packet_header h;
	struct span plain;
	struct rd r;

	while (far_receive(f, buf, &plain)) {
		r = rd_over_span(plain);
		if (packet_header_read(&r, &h) != 0)
			continue;
		while (chunk_next(&r, c)) {
			if (c->type == type)
				return true;
		}
	}
	return false;
}
