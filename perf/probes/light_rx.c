// A burst's way: find the lights, open everything at once, look inside.
#include "perf/probes/light.h"

#include <assert.h>
#include <string.h>

#include "dataplane/core/clock.h"
#include "dataplane/core/rx.h"
#include "dataplane/fetch.h"
#include "dataplane/wire/stream_fragment.h"
#include "perf/probes/light_parts.h"

#define PARTS_MAX 8 // fragments and maps in a packet
#define SEQ_MAX   INT64_MAX

// A message in a packet: a fragment, or a map.
struct part {
	uint64_t seq, fsn, no; // no 0: a map
	struct span body;
};

// ---- what it says ----

// Is there a place for it, and is it what everybody else got?
static bool shelf_fits(const struct lights *ls, uint64_t no, struct span body)
{
	const struct shelved *s = &ls->shelf[no % SHELF_MAX];

	if (s->no == no)
		return s->len == body.len && memcmp(s->body, body.data, body.len) == 0;
	return s->n_kept == 0 && s->no < no && body.len <= sizeof(s->body);
}

static bool is_fragment(const struct lights *ls, const struct light *l, const struct user_data *d,
			uint64_t *no)
{
	struct stream_fragment f;

	if (d->flow_id != l->flow->flow_id || stream_fragment_read(&f, d->body) != 0)
		return false;
	*no = f.number;
	return shelf_fits(ls, f.number, d->body);
}

// The next message of its flow, and short enough to be kept.
static bool is_map(const struct light *l, const struct user_data *d)
{
	return l->maps != NULL && d->flow_id == l->maps->flow_id &&
	       d->seq == l->maps->seen.cum + 1 && l->maps->held.n == 0 && d->body.len > 0 &&
	       d->body.len <= LIGHT_MAP_MAX && d->body.data[0] == STREAM_FRAGMENTS_MAP;
}

static bool read_part(const struct lights *ls, const struct light *l, const struct user_data *d,
		      struct part *p)
{
	*p = (struct part){d->seq, d->fsn, 0, d->body};
	return d->seq <= SEQ_MAX && d->fsn < d->seq &&
	       !(d->flags & (USER_DATA_FRA | USER_DATA_ABANDON | USER_DATA_FINAL)) &&
	       !d->options.has_unknown_mandatory && (is_fragment(ls, l, d, &p->no) || is_map(l, d));
}

static int read_data(struct user_data *d, const struct chunk *c)
{
	if (c->type == CHUNK_USER_DATA)
		return user_data_read(d, c->payload);
	return c->type == CHUNK_NEXT_USER_DATA ? next_user_data_read(d, c->payload) : -EBADMSG;
}

// All that is in the packet, if it is nothing else. -1: it is.
static int read_parts(const struct lights *ls, const struct light *l, struct rd *r,
		      struct part parts[PARTS_MAX])
{
	struct user_data d = {.is_set = false};
	bool has_map = false;
	struct chunk c;
	int n = 0;

	while (chunk_next(r, &c)) {
		if (c.type == CHUNK_PADDING_00 || c.type == CHUNK_PADDING_FF)
			continue;
		if (n == PARTS_MAX || read_data(&d, &c) != 0 || !read_part(ls, l, &d, &parts[n]) ||
		    (has_map && parts[n].no == 0))
			return -1;
		has_map |= parts[n].no == 0;
		n++;
	}
	return n > 0 ? n : -1;
}

static bool is_from_path(const struct light *l, const struct light_datagram *d)
{
	return d->port == l->far_port && memcmp(d->addr, l->far_addr, sizeof(d->addr)) == 0;
}

// Not our own mark, which would be a reflection (§2.2.4).
static bool is_from_far(const struct session *s, const struct packet_header *h)
{
	return packet_mode(h) ==
	       (s->flags & SESSION_IS_INITIATOR ? MODE_RESPONDER : MODE_INITIATOR);
}

// ---- what it does ----

static void keep(struct lights *ls, struct light *l, const struct part *p)
{
	struct shelved *s = &ls->shelf[p->no % SHELF_MAX];

	if (s->no != p->no) {
		s->no = p->no;
		s->len = (uint16_t)p->body.len;
		memcpy(s->body, p->body.data, p->body.len);
	}
	s->n_kept++;
	*light_kept(l, l->n_kept++) = (uint16_t)(p->no % SHELF_MAX);
	ls->counters.fragments++;
}

// The newest says it all. As flow_rx_pass_by, whose messages come in order.
static void keep_map(struct lights *ls, struct light *l, const struct part *p)
{
	memcpy(l->map, p->body.data, p->body.len);
	l->map_len = (uint16_t)p->body.len;
	reasm_expect(&l->maps->held, p->seq);
	l->maps->held.base = p->seq + 1;
	ls->counters.maps++;
}

// §3.6.3.2, as flow_take.c. Whether its ack cannot wait.
static bool take_number(struct lights *ls, struct light *l, const struct part *p)
{
	struct engine *e = l->engine;
	struct slabs *slabs = e->flows->rx_slabs;
	struct seq_set *seen = p->no != 0 ? &l->flow->seen : &l->maps->seen;
	bool had_gap = seq_set_has_gap(seen), is_new = !seq_set_has(seen, p->seq);

	if (!is_new)
		session_cold_at(e, l->session_idx)->n_duplicates++;
	seq_set_forward(seen, slabs, p->fsn);
	if (is_new && seq_set_reserve(seen, slabs, p->seq) != 0) {
		engine_drop(e, DROP_RX_RANGES);
		return true;
	}
	if (is_new && p->no != 0)
		keep(ls, l, p);
	else if (is_new)
		keep_map(ls, l, p);
	if (is_new)
		seq_set_add(seen, slabs, p->seq);
	return had_gap || !is_new || seq_set_has_gap(seen);
}

static void on_header(struct light *l, const struct packet_header *h, uint16_t len, uint64_t now_us)
{
	struct session *s = l->session;

	if (h->flags & PACKET_TS)
		clock_on_timestamp(s, h->ts, now_us);
	if (h->flags & PACKET_TSE)
		clock_on_echo(s, h->ts_echo, now_us);
	if (h->flags & PACKET_TCR) {
		s->heard |= HEARD_TCR;
		s->tcr_rx_ms = (uint32_t)(now_us / 1000);
	}
	l->has_tc |= (h->flags & PACKET_TC) != 0;
	s->last_rx_ms = (uint32_t)(now_us / 1000);
	s->rx_packets++;
	s->rx_bytes += len;
	l->n_packets++;
	l->n_bytes += len;
}

// The acks that are owed. They are sent at once, as is what the engine might have kept for another
// 200 ms; and the stream's clock ticks if it was to do so soon. Each turn that it has anyway saves
// one in which it has left the caches again.
static void owe_to_engine(struct light *l, uint64_t now_us)
{
	struct engine *e = l->engine;

	if (l->owes & LIGHT_OWES_DATA)
		ack_mark(e, l->session_idx, l->flow->slot, true);
	if (l->owes & LIGHT_OWES_MAPS)
		ack_mark(e, l->session_idx, l->maps->slot, true);
	l->n_unacked = l->owes = 0;
	if (l->session->rx_to_ack != 0)
		session_mark(e, l->session_idx, DUE_ACK);
	if (l->tick_us < now_us + LIGHT_TICK_US / 2) {
		l->tick_us = now_us;
		light_rest(l);
	}
}

static void hand_over(struct lights *ls, struct light *l, const struct light_datagram *d,
		      struct span plain, uint64_t now_us)
{
	struct engine *e = l->engine;
	struct pkt pkt = {.data = d->data,
			  .len = d->len,
			  .port = d->port,
			  .family = 4,
			  .session_idx = l->session_idx,
			  .path_idx = PATH_NONE};

	light_give(ls, light_index(ls, l), now_us);
	engine_clock(e, now_us);
	l->is_light = false;
	memcpy(pkt.addr, d->addr, sizeof(d->addr));
	e->stats.rx_packets++;
	e->stats.rx_bytes += d->len;
	ls->counters.handed++;
	rx_packet(e, l->session_idx, &pkt, plain);
	if (light_is_open(l))
		owe_to_engine(l, now_us);
}

static enum light_fate on_packet(struct lights *ls, struct light *l, const struct light_datagram *d,
				 struct span plain, uint64_t now_us)
{
	struct rd r = rd_over_span(plain);
	struct part parts[PARTS_MAX];
	struct packet_header h;
	bool is_now = false;
	uint8_t flows = 0;
	int n = -1;

	if (!light_is_open(l))
		return LIGHT_TAKEN; // closed by a packet before it in this burst
	if (l->is_light && is_from_path(l, d) && packet_header_read(&r, &h) == 0 &&
	    is_from_far(l->session, &h))
		n = read_parts(ls, l, &r, parts);
	if (n < 0) {
		hand_over(ls, l, d, plain, now_us);
		return LIGHT_TURN;
	}
	on_header(l, &h, d->len, now_us);
	for (int i = 0; i < n; i++) {
		is_now |= take_number(ls, l, &parts[i]);
		flows |= parts[i].no != 0 ? LIGHT_OWES_DATA : LIGHT_OWES_MAPS;
	}
	light_owes(ls, l, flows, is_now, now_us);
	ls->counters.packets++;
	if (l->n_kept + PARTS_MAX <= LIGHT_KEPT_MAX)
		return LIGHT_TAKEN;
	light_give(ls, light_index(ls, l), now_us);
	return LIGHT_TURN;
}

// ---- a burst ----
static struct packet_form rx_form(const struct session *s)
{
	return (struct packet_form){s->rx_tag_len, (s->flags & SESSION_RX_SSEQ) != 0};
}

static void fetch(const struct light *l)
{
	const struct session *s = l->session;
	const struct sseq_window *w = &session_cold_at(l->engine, l->session_idx)->rx_window;

	fetch_line_to_write(s);
	fetch_line(s->open_sched);
	fetch_line(s->open_sched + 64);
	fetch_line_to_write(s->open_sched + 128);
	fetch_line_to_write(&s->tx_in_flight);
	fetch_line_to_write(l->flow);
	for (size_t at = 0; at <= sizeof(*w); at += 64)
		fetch_line_to_write((const uint8_t *)w + at);
	if (s->rx_tag_len > 0)
		for (size_t at = 0; at < sizeof(struct hmac_keys); at += 64)
			fetch_line((const uint8_t *)&l->engine->hmac[2 * l->session_idx + 1] + at);
	fetch_line_to_write(light_kept((struct light *)l, l->n_kept));
}

static bool join(struct lights *ls, struct light *l, const struct light_datagram *d, uint16_t n)
{
	struct packet_form form;
	uint32_t id;
	int len;

	if (!l->is_light || ssid_unscramble(d->data, d->len, &id) != 0 || id != l->id)
		return false;
	fetch(l);
	form = rx_form(l->session);
	len = packet_form_open_check(form, d->len - SSID_LEN);
	if (len < 0)
		return false;
	ls->ops[n] = (struct crypto_op){
		.sched = l->session->open_sched,
		.hmac = form.tag_len > 0 ? &l->engine->hmac[2 * l->session_idx + 1] : NULL,
		.dst = d->data + SSID_LEN,
		.len = (uint16_t)len,
		.tag_len = form.tag_len,
	};
	return true;
}

static enum light_fate open_one(struct lights *ls, const struct crypto_op *op,
				const struct light_datagram *d, uint64_t now_us)
{
	struct light *l = &ls->light[d->member];
	struct packet_form form = rx_form(l->session);
	uint64_t sseq = 0;
	int front = op->result == CRYPTO_OK ? packet_form_strip_opened(form, op, &sseq) : -1;

	if (front < 0 ||
	    (form.has_sseq &&
	     !sseq_window_take(&session_cold_at(l->engine, l->session_idx)->rx_window, sseq))) {
		engine_drop(l->engine, front < 0 ? DROP_AUTH : DROP_REPLAY);
		ls->counters.bad++;
		return LIGHT_TAKEN;
	}
	return on_packet(ls, l, d, span_of(op->dst + front, op->len - (size_t)front), now_us);
}

void lights_rx(struct lights *ls, struct light_datagram *d, uint16_t n, uint64_t now_us)
{
	uint16_t n_ops = 0;

	assert(n <= LIGHT_BURST_MAX);
	for (uint16_t i = 0; i < n; i++)
		fetch_line_to_write(&ls->light[d[i].member]);
	for (uint16_t i = 0; i < n; i++) {
		d[i].fate = LIGHT_PASSED;
		if (join(ls, &ls->light[d[i].member], &d[i], n_ops))
			ls->which[n_ops++] = i;
	}
	crypto_open(ls->crypto, ls->ops, n_ops);
	for (uint16_t i = 0; i < n_ops; i++) {
		struct light_datagram *one = &d[ls->which[i]];

		one->fate = (uint8_t)open_one(ls, &ls->ops[i], one, now_us);
	}
}
