// The way in: frames from the ports and from other workers, down to datagrams for the engine.
#include <rte_ethdev.h>
#include <rte_ring.h>

#include "dataplane/io/worker_parts.h"
#include "dataplane/wire/packet.h"

#define PREFETCH 4 // frames ahead

// What goes to the engine in one call.
struct burst {
	struct worker *w;
	uint8_t link;
	bool was_handed; // over by another worker: it is ours, whatever it says
	uint8_t flags;   // PKT_*, of the frame that is being looked at
	uint16_t n;
	uint16_t n_frames; // to be given back: those of the n, and refused strangers'
};

static enum frame_sum sum_of(const struct port *p, const struct rte_mbuf *m)
{
	if (!p->checks_udp)
		return FRAME_SUM_UNKNOWN;
	switch (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
	case RTE_MBUF_F_RX_L4_CKSUM_GOOD:
	case RTE_MBUF_F_RX_L4_CKSUM_NONE: // open, but the octets never left this machine
		return FRAME_SUM_GOOD;
	case RTE_MBUF_F_RX_L4_CKSUM_BAD:
		return FRAME_SUM_BAD;
	default:
		return FRAME_SUM_UNKNOWN;
	}
}

static struct frame_hint hint_of(const struct port *p, const struct rte_mbuf *m)
{
	return (struct frame_hint){
		.sum = sum_of(p, m),
		.ip_sum_is_good = p->checks_ip && (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) ==
							  RTE_MBUF_F_RX_IP_CKSUM_GOOD,
		.was_tagged = (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0,
		.tag = m->vlan_tci,
	};
}

// Startup packets, with session id 0, belong to whoever gets them: the port's hash chose. So do
// packets for a worker that does not exist, which the engine names and drops.
static bool is_for_us(const struct worker *w, const struct frame *f)
{
	uint32_t id, owner;

	if (w->opts.n_workers == 1 || ssid_unscramble(f->payload, f->payload_len, &id) != 0)
		return true;
	owner = session_id_worker(id);
	return id == 0 || owner == w->opts.worker || owner >= w->opts.n_workers;
}

static void take_datagram(struct burst *b, const struct frame *f, struct rte_mbuf *m)
{
	struct worker *w = b->w;
	struct pkt *p = &w->rx[b->n];

	if (!b->was_handed && !is_for_us(w, f)) {
		worker_hand_over(w, engine_datagram_worker(f->payload, f->payload_len), b->link, m);
		return;
	}
	w->counters[b->link].checksum_unverified += f->is_unverified;
	w->stats->checksum_unverified += f->is_unverified;
	*p = (struct pkt){.data = f->payload,
			  .handle = m,
			  .len = f->payload_len,
			  .flags = b->flags,
			  .port = f->src_port,
			  .family = f->is_v6 ? 6 : 4,
			  .endpoint = f->endpoint,
			  .local = f->local,
			  .session_idx = SESSION_NONE,
			  .path_idx = PATH_NONE};
	if (__builtin_expect(f->is_v6, 0))
		memcpy(p->addr, f->v6.src, IP_LEN);
	else
		be32_put(p->addr, f->v4.src);
	b->n++;
	w->rx_mbufs[b->n_frames++] = m;
}

static void drop_frame(struct burst *b, const struct frame *f, struct rte_mbuf *m)
{
	struct worker *w = b->w;

	if (f->is_closed_port && !b->was_handed)
		worker_on_closed_port(w, b->link, f, m);
	w->counters[b->link].over_mtu += f->is_over_mtu;
	worker_drop(w, f->drop);
	rte_pktmbuf_free(m);
}

// Whoever sees the frame next sees it without its tag.
static void untag(const struct frame *f, struct rte_mbuf *m)
{
	rte_pktmbuf_adj(m, f->skip);
	m->vlan_tci = f->tag;
	m->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
}

// What is no datagram; all of it is rare. A packet that comes whole of its pieces is returned, to
// be taken like any other.
static __attribute__((noinline)) struct rte_mbuf *take_rare(struct burst *b, const struct frame *f,
							    struct rte_mbuf *m)
{
	struct worker *w = b->w;

	switch (f->kind) {
	case FRAME_ARP:
		worker_on_arp(w, b->link, f, m, b->was_handed);
		break;
	case FRAME_ICMP:
		worker_on_icmp(w, b->link, f, m, b->was_handed);
		break;
	case FRAME_ICMP6:
		worker_on_icmp6(w, b->link, f, m, b->was_handed);
		break;
	case FRAME_TO_GROUP:
		worker_on_group(w, f, m);
		break;
	case FRAME_IGMP:
		worker_on_igmp(w, b->link, f, m, b->was_handed);
		break;
	case FRAME_PIECE:
		return worker_on_piece(w, b->link, f, m);
	case FRAME_DATAGRAM:
	case FRAME_DROP:
		drop_frame(b, f, m);
		break;
	}
	return NULL;
}

// What comes from strangers whose budgets are used up goes before it costs more: of a million a
// second, the checksums alone would be 5 % of a core. What is charged and turns out not to be for
// us, or not to be right, has been charged in vain.
static inline bool is_refused(struct burst *b, const struct rte_mbuf *m)
{
	uint8_t family = 0;
	const uint8_t *stranger =
		frame_stranger(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &family);

	b->flags = stranger != NULL ? PKT_ADMITTED : 0;
	return stranger != NULL && !engine_admits(b->w->engine, stranger, family);
}

// Whatever it is, by all that it says.
static __attribute__((noinline)) void take_any(struct burst *b, struct rte_mbuf *m)
{
	struct worker *w = b->w;

	while (m != NULL) {
		struct frame_hint hint;
		struct frame f;

		if (m->nb_segs != 1) { // no link of ours has such frames
			worker_drop(w, DROP_L3_MALFORMED);
			rte_pktmbuf_free(m);
			return;
		}
		hint = hint_of(w->links[b->link].port, m);
		frame_read(&f, &w->host, b->link, rte_pktmbuf_mtod(m, uint8_t *), m->data_len,
			   &hint);
		if (f.skip > 0)
			untag(&f, m);
		if (f.kind == FRAME_DATAGRAM) {
			take_datagram(b, &f, m);
			return;
		}
		m = take_rare(b, &f, m);
	}
}

static inline void take_frame(struct burst *b, struct rte_mbuf *m)
{
	struct worker *w = b->w;
	struct frame_hint hint = hint_of(w->links[b->link].port, m);
	struct frame f;

	if (m->nb_segs == 1 &&
	    frame_usual(&f, &w->host, b->link, rte_pktmbuf_mtod(m, uint8_t *), m->data_len, &hint))
		take_datagram(b, &f, m);
	else
		take_any(b, m);
}

static void give_to_engine(struct burst *b)
{
	struct worker *w = b->w;

	if (b->n > 0)
		engine_rx(w->engine, w->rx, b->n, w->now_us);
	worker_give_back(w, w->rx_mbufs, b->n_frames);
	b->n = b->n_frames = 0;
}

static uint16_t receive_burst(struct worker *w, uint8_t link)
{
	struct burst b = {.w = w, .link = link};
	struct rte_mbuf *in[WORKER_BURST];
	const struct port *p = w->links[link].port;
	uint16_t n = rte_eth_rx_burst(p->id, (uint16_t)w->opts.worker, in, WORKER_BURST);

	if (n > 0)
		engine_rx_early(w->engine, w->now_us);
	for (uint16_t i = 0; i < n && i < 2 * PREFETCH; i++)
		rte_prefetch0(in[i]);
	for (uint16_t i = 0; i < n && i < PREFETCH; i++)
		rte_prefetch0(rte_pktmbuf_mtod(in[i], void *));
	for (uint16_t i = 0; i < n; i++) {
		if (i + 2 * PREFETCH < n)
			rte_prefetch0(in[i + 2 * PREFETCH]);
		if (i + PREFETCH < n)
			rte_prefetch0(rte_pktmbuf_mtod(in[i + PREFETCH], void *));
		if (is_refused(&b, in[i]))
			w->rx_mbufs[b.n_frames++] = in[i];
		else
			take_frame(&b, in[i]);
	}
	w->counters[link].rx_frames += n;
	give_to_engine(&b);
	return n;
}

// True: the port may have more.
static bool receive_link(struct worker *w, uint8_t link, uint32_t *n_frames)
{
	for (unsigned i = 0; i < WORKER_BURSTS; i++) {
		uint16_t n = receive_burst(w, link);

		*n_frames += n;
		if (n < WORKER_BURST)
			return false;
	}
	return true;
}

static uint8_t link_of(const struct worker *w, const struct rte_mbuf *m)
{
	uint8_t i = 0;

	while (i < w->opts.n_ports && w->links[i].port->id != m->port)
		i++;
	assert(i < w->opts.n_ports); // worker_hand_over wrote it
	return i;
}

// Frames that other workers received and that are ours: one burst of all of them, since few come
// from each. Another worker's ring is the first each time.
static uint32_t receive_handed(struct worker *w)
{
	struct rte_mbuf *in[WORKER_BURST];
	struct burst b = {.w = w, .was_handed = true};
	uint32_t all = w->opts.n_workers, from = w->handed_next++ % all;
	unsigned n = 0;

	for (uint32_t i = 0; i < all && n < WORKER_BURST; i++, from = from + 1 < all ? from + 1 : 0)
		if (from != w->opts.worker)
			n += rte_ring_sc_dequeue_burst(w->opts.handed[w->opts.worker][from],
						       (void **)(in + n), WORKER_BURST - n, NULL);
	if (n > 0)
		engine_rx_early(w->engine, w->now_us);
	for (unsigned i = 0; i < n; i++) {
		b.link = link_of(w, in[i]);
		take_frame(&b, in[i]);
	}
	give_to_engine(&b);
	return n;
}

uint32_t worker_receive(struct worker *w)
{
	uint32_t n = 0;

	w->is_behind = false;
	for (uint8_t i = 0; i < w->opts.n_ports; i++)
		if (w->links[i].has_rx)
			w->is_behind |= receive_link(w, i, &n);
	if (w->opts.n_workers > 1) {
		worker_give_handed(w);
		n += receive_handed(w);
	}
	return n;
}
