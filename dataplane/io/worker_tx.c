// The way out: buffers lent to the engine, headers for what it filled, and the ports' queues.
#include <errno.h>

#include <rte_ethdev.h>

#include "dataplane/io/worker_parts.h"

#define PREFETCH        8  // packets ahead
#define TX_CREDIT_LEAST 16 // frames a port that refused some is offered next time

// -- buffers --

// As the engine wants them: empty, payload at a line's start.
static void prepare(struct worker *w, struct pkt *p, struct rte_mbuf *m)
{
	*p = (struct pkt){.data = (uint8_t *)m->buf_addr + PAYLOAD_OFFSET,
			  .handle = m,
			  .room = (uint16_t)(m->buf_len - PAYLOAD_OFFSET),
			  .session_idx = SESSION_NONE,
			  .path_idx = PATH_NONE};
}

// The first `used` buffers have gone: others take their places. With an empty pool there are
// simply fewer.
static void refill(struct worker *w, uint16_t used)
{
	struct rte_mbuf *fresh[ENGINE_BURST_MAX];
	uint16_t left = w->n_lent - used, n = ENGINE_BURST_MAX - left;

	// As drivers take theirs: what lies in the pool is whole already, and `wrap` writes the
	// rest.
	if (n > 0 && rte_mempool_get_bulk(w->opts.pool, (void **)fresh, n) != 0)
		n = 0;
	if (n < used) // no replacements: the last move into the gap
		memmove(w->lent, w->lent + used, left * sizeof(w->lent[0]));
	for (uint16_t i = 0; i < n; i++) {
		if (i + PREFETCH < n)
			rte_prefetch0(fresh[i + PREFETCH]);
		prepare(w, &w->lent[i < used ? i : left + i], fresh[i]);
	}
	w->n_lent = left + n;
}

int worker_lend_init(struct worker *w)
{
	w->n_lent = 0;
	refill(w, 0);
	return w->n_lent > 0 ? 0 : -ENOMEM;
}

void worker_lend_fini(struct worker *w)
{
	for (uint16_t i = 0; i < w->n_lent; i++)
		rte_pktmbuf_free(w->lent[i].handle);
	w->n_lent = 0;
}

// -- ports --

// A port that took everything is offered twice as much next time, up to a full burst; one that
// refused is offered what it took.
static void learn_room(struct worker_link *l, uint16_t offered, uint16_t took)
{
	uint16_t credit = took < offered ? took : (uint16_t)(2 * l->tx_credit);

	if (credit < TX_CREDIT_LEAST)
		credit = TX_CREDIT_LEAST;
	l->tx_credit = credit < ENGINE_BURST_MAX ? credit : ENGINE_BURST_MAX;
}

static void flush_link(struct worker *w, uint8_t link)
{
	struct worker_link *l = &w->links[link];
	uint16_t queue = (uint16_t)w->opts.worker, sent, refused;

	if (l->n_out == 0)
		return;
	sent = rte_eth_tx_burst(l->port->id, queue, l->out, l->n_out);
	refused = l->n_out - sent;
	if (refused > 0) {
		rte_pktmbuf_free_bulk(l->out + sent, refused);
		w->stats->drops[DROP_TX_PORT] += refused;
		w->counters[link].tx_refused += refused;
	}
	w->counters[link].tx_frames += sent;
	learn_room(l, l->n_out, sent);
	l->n_out = 0;
}

void worker_out(struct worker *w, uint8_t link, struct rte_mbuf *m)
{
	struct worker_link *l = &w->links[link];

	if (l->n_out == WORKER_OUT)
		flush_link(w, link);
	l->out[l->n_out++] = m;
}

void worker_send(struct worker *w, uint8_t link, struct rte_mbuf *m)
{
	const struct host_link *l = &w->host.links[link];

	if (l->vlan != 0 && l->puts_tags) {
		m->vlan_tci = l->vlan;
		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	} else if (l->vlan != 0) {
		l2_tag((uint8_t *)rte_pktmbuf_prepend(m, L2_TAG_LEN), l->vlan);
	}
	worker_out(w, link, m);
}

void worker_send_built(struct worker *w, uint8_t link, struct rte_mbuf *m, uint16_t len)
{
	m->data_len = len;
	m->pkt_len = len;
	worker_send(w, link, m);
}

void worker_flush(struct worker *w)
{
	for (uint8_t i = 0; i < w->opts.n_ports; i++)
		flush_link(w, i);
}

// What every port has room for: the engine does not know yet where its packets go.
static uint16_t room(const struct worker *w)
{
	uint16_t n = w->is_behind ? WORKER_LENT_BUSY : ENGINE_BURST_MAX;

	if (n > w->n_lent)
		n = w->n_lent;
	for (uint8_t i = 0; i < w->opts.n_ports; i++) {
		const struct worker_link *l = &w->links[i];
		uint16_t most = n < l->tx_credit ? n : l->tx_credit;
		uint16_t free = port_tx_room(l->port, (uint16_t)w->opts.worker,
					     (uint16_t)(most + l->n_out));

		n = free > l->n_out ? (uint16_t)(free - l->n_out) : 0;
	}
	return n;
}

// -- packets --

// What a packet's headers are made from: of a way just found, or of a row.
struct headers {
	const uint8_t *front, *tail; // front: of IPv6 alone
	uint8_t len, link;
	bool is_v6;
};

static void ask_port(const struct host_link *l, const struct headers *h, struct rte_mbuf *m)
{
	uint16_t l3_len = h->is_v6 ? IPV6_LEN : IPV4_LEN;

	if (l->fills_udp_sums) {
		m->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM |
			      (h->is_v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4);
		m->l2_len = h->len - l3_len - UDP_LEN;
		m->l3_len = l3_len;
	}
	if (l->puts_tags && l->vlan != 0) {
		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
		m->vlan_tci = l->vlan;
	}
}

// Headers in front of the payload; the mbuf becomes a whole frame. All of HOST_TAIL is copied,
// whatever counts of it: what lies before a frame is nobody's, and a length known in advance is two
// or three instructions.
static inline void wrap(const struct host_link *l, const struct pkt *p, const struct headers *h)
{
	struct rte_mbuf *m = p->handle;

	memcpy(p->data - HOST_TAIL, h->tail, HOST_TAIL);
	if (h->is_v6) {
		memcpy(p->data - HOST_TAIL - HOST_FRONT, h->front, HOST_FRONT);
		ipv6_udp_finish(p->data - IPV6_UDP_LEN, p->len, l->fills_udp_sums);
	} else if (l->fills_udp_sums) {
		ipv4_udp_finish(p->data - IPV4_UDP_LEN, p->len, true);
	} else {
		ipv4_udp_finish_from(h->tail + HOST_TAIL - IPV4_UDP_LEN, p->data - IPV4_UDP_LEN,
				     p->len);
	}
	m->data_off = (uint16_t)(PAYLOAD_OFFSET - h->len);
	m->data_len = (uint16_t)(h->len + p->len);
	m->pkt_len = m->data_len;
	m->ol_flags = 0;
	if (l->fills_udp_sums || l->puts_tags)
		ask_port(l, h, m);
}
static_assert(HOST_FRONT + HOST_TAIL <= PAYLOAD_OFFSET, "they fit before the payload");

static void lose(struct worker *w, const struct pkt *p, enum drop_reason why)
{
	worker_drop(w, why);
	rte_pktmbuf_free(p->handle);
}

static inline void send_over(struct worker *w, const struct pkt *p, const struct headers *h)
{
	const struct host_link *l = &w->host.links[h->link];

	if ((h->is_v6 ? IPV6_UDP_LEN : IPV4_UDP_LEN) + p->len > l->mtu) {
		lose(w, p, DROP_TX_TOO_BIG);
		return;
	}
	wrap(l, p, h);
	worker_out(w, h->link, p->handle);
}

// No row for it yet, or none at all: startup packets come with their address.
static void send_slowly(struct worker *w, const struct pkt *p, const struct path *path)
{
	struct host_way way;
	int err = path != NULL ? path_table_make(&w->paths, p->path_idx, path, &way)
			       : path_table_way(&w->paths, p, &way);
	struct headers h = {.front = way.header,
			    .tail = way.header + HOST_FRONT,
			    .len = way.header_len,
			    .link = way.link,
			    .is_v6 = way.is_v6};

	if (err == 0) {
		send_over(w, p, &h);
	} else if (err == -EINPROGRESS) {
		wrap(&w->host.links[way.link], p, &h);
		if (!neighbours_keep(w->host.links[way.link].neighbours, &way.hop, p->handle))
			lose(w, p, DROP_NO_NEXT_HOP);
	} else {
		lose(w, p, DROP_NO_NEXT_HOP);
	}
}

static void send_by(struct worker *w, const struct pkt *p, const struct path_row *row)
{
	send_over(w, p,
		  &(struct headers){.front = w->paths.fronts[p->path_idx].octets,
				    .tail = row->tail,
				    .len = row->header_len,
				    .link = row->link,
				    .is_v6 = row->is_v6});
}

static void send_one(struct worker *w, const struct pkt *p)
{
	const struct path *path = NULL;
	const struct path_row *row;

	if (p->path_idx != PATH_NONE) {
		row = path_table_row(&w->paths, p->path_idx, p->path_gen);
		if (row != NULL) {
			send_by(w, p, row);
			return;
		}
		path = engine_path(w->engine, p->path_idx);
	}
	send_slowly(w, p, path);
}

static void prefetch(const struct worker *w, const struct pkt *p)
{
	if (p->path_idx != PATH_NONE)
		rte_prefetch0(&w->paths.rows[p->path_idx]);
}

uint32_t worker_transmit(struct worker *w)
{
	uint16_t n = engine_tx(w->engine, w->lent, room(w), w->now_us);

	path_table_turn(&w->paths, w->now_ms);
	for (uint16_t i = 0; i < n && i < PREFETCH; i++)
		prefetch(w, &w->lent[i]);
	for (uint16_t i = 0; i < n; i++) {
		if (i + PREFETCH < n)
			prefetch(w, &w->lent[i + PREFETCH]);
		send_one(w, &w->lent[i]);
	}
	worker_flush(w); // before new buffers are taken: these come back warm
	if (n > 0 || w->n_lent < ENGINE_BURST_MAX)
		refill(w, n);
	return n;
}
