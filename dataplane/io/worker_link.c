// Below UDP: a worker answers ARP, asks for neighbours of both families, and passes frames to other
// workers.
#include <rte_ring.h>

#include "dataplane/io/nd.h"
#include "dataplane/io/worker_parts.h"

// -- other workers --

static void give(struct worker *w, uint32_t to)
{
	struct worker_handing *h = &w->handing[to];
	unsigned n = h->n > 0 ? rte_ring_sp_enqueue_burst(w->opts.handed[to][w->opts.worker],
							  (void **)h->frames, h->n, NULL)
			      : 0;

	if (n < h->n) { // he does not keep up
		w->stats->drops[DROP_HANDOFF_FULL] += h->n - n;
		rte_pktmbuf_free_bulk(h->frames + n, h->n - n);
	}
	w->stats->frames_handed += n;
	if (n > 0)
		w->handed_to |= 1u << to;
	h->n = 0;
}

void worker_hand_over(struct worker *w, uint32_t to, uint8_t link, struct rte_mbuf *m)
{
	struct worker_handing *h = &w->handing[to];

	m->port = w->links[link].port->id; // not every driver says so
	if (h->n == WORKER_BURST)
		give(w, to);
	h->frames[h->n++] = m;
}

void worker_give_handed(struct worker *w)
{
	for (uint32_t i = 0; i < w->opts.n_workers; i++)
		give(w, i);
}

void worker_tell_others(struct worker *w, uint8_t link, const struct rte_mbuf *m)
{
	for (uint32_t i = 0; i < w->opts.n_workers; i++) {
		struct rte_mbuf *copy;

		if (i == w->opts.worker)
			continue;
		copy = rte_pktmbuf_copy(m, w->opts.pool, 0, UINT32_MAX);
		if (copy != NULL)
			worker_hand_over(w, i, link, copy);
	}
}

// -- ARP --

static bool send_arp(struct worker *w, uint8_t link, const struct arp *a, const struct mac *dst)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->opts.pool);

	if (m == NULL)
		return false; // whoever asked does so again, and so does the table
	worker_send_built(w, link, m, arp_write(rte_pktmbuf_mtod(m, uint8_t *), a, dst));
	return true;
}

static void answer(struct worker *w, uint8_t link, const struct arp *request)
{
	const struct arp reply = {
		.op = ARP_REPLY,
		.sender_mac = w->host.links[link].mac,
		.sender_ip = request->target_ip,
		.target_mac = request->sender_mac,
		.target_ip = request->sender_ip,
	};

	w->counters[link].arp_answered += send_arp(w, link, &reply, &request->sender_mac);
}

void worker_on_arp(struct worker *w, uint8_t link, const struct frame *f, struct rte_mbuf *m,
		   bool was_handed)
{
	const struct host_link *l = &w->host.links[link];
	const struct arp *a = &f->arp;
	int sender = host_addr_v4(&w->host, l, a->sender_ip);
	bool asks_us = a->op == ARP_REQUEST && host_addr_v4(&w->host, l, a->target_ip) >= 0;
	struct ip_addr ip = ip_of_v4(a->sender_ip);

	w->counters[link].arp_received += !was_handed;
	if (!was_handed)
		worker_tell_others(w, link, m);
	// Who is not on this network has no business telling where it is.
	if (sender >= 0)
		worker_conflict(w, (uint8_t)sender, &a->sender_mac, was_handed);
	else if (a->sender_ip != 0 && host_is_neighbour(&w->host, l, &ip))
		neighbours_learn(l->neighbours, &ip, &a->sender_mac,
				 SAID_BY_ARP | (asks_us ? SAID_ADD : 0), w->now_ms);
	if (asks_us && !was_handed)
		answer(w, link, a);
	rte_pktmbuf_free(m);
}

// -- neighbours --

// From the address whose network has the neighbour; a question that we cannot ask is asked again.
static void ask_arp(struct worker *w, uint8_t link, const struct neighbour_step *s, int from)
{
	static const struct mac all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	const struct arp request = {
		.op = ARP_REQUEST,
		.sender_mac = w->host.links[link].mac,
		.sender_ip = w->host.addrs[from].v4,
		.target_ip = ip_v4(&s->ip),
	};

	w->counters[link].arp_asked += send_arp(w, link, &request, s->is_unicast ? &s->mac : &all);
}

static void ask_nd(struct worker *w, uint8_t link, const struct neighbour_step *s, int from)
{
	const struct host_link *l = &w->host.links[link];
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->opts.pool);

	if (m == NULL)
		return;
	w->counters[link].nd_asked++;
	worker_send_built(w, link, m,
			  nd_write_solicitation(rte_pktmbuf_mtod(m, uint8_t *), &l->mac,
						&w->host.addrs[from].ip, &s->ip,
						s->is_unicast ? &s->mac : NULL));
}

static void ask(struct worker *w, uint8_t link, const struct neighbour_step *s)
{
	int from = host_neighbour_from(&w->host, &w->host.links[link], &s->ip);

	if (from < 0)
		return;
	if (ip_is_v4(&s->ip))
		ask_arp(w, link, s, from);
	else
		ask_nd(w, link, s, from);
}

// The frame was complete, tag and all, but for its destination.
static void send_kept(struct worker *w, uint8_t link, const struct neighbour_step *s)
{
	memcpy(rte_pktmbuf_mtod((struct rte_mbuf *)s->frame, uint8_t *), &s->mac, MAC_LEN);
	worker_out(w, link, s->frame);
}

void worker_neighbours(struct worker *w)
{
	for (uint8_t i = 0; i < w->opts.n_ports; i++) {
		struct neighbour_step s;

		while (neighbours_next(w->host.links[i].neighbours, w->now_ms, &s)) {
			switch (s.what) {
			case NEIGHBOUR_ASK:
				ask(w, i, &s);
				break;
			case NEIGHBOUR_SEND:
				send_kept(w, i, &s);
				break;
			case NEIGHBOUR_LOSE:
				worker_drop(w, DROP_NO_NEXT_HOP);
				rte_pktmbuf_free(s.frame);
				break;
			}
		}
	}
}
