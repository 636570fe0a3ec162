// Below UDP: a worker answers ARP and pings, asks for neighbours, and passes frames to other
// workers.
#include <rte_ring.h>

#include "dataplane/io/icmp.h"
#include "dataplane/io/worker_parts.h"

void worker_hand_over(struct worker *w, uint32_t to, uint8_t link, struct rte_mbuf *m,
		      enum drop_reason if_full)
{
	m->port = w->links[link].port->id; // not every driver says so
	if (rte_ring_mp_enqueue(w->opts.handed[to], m) == 0) {
		w->stats->handoffs++;
		return;
	}
	worker_drop(w, if_full);
	rte_pktmbuf_free(m);
}

// -- ARP --

// What a neighbour says concerns every worker, and only one of them hears it.
static void tell_others(struct worker *w, uint8_t link, const struct rte_mbuf *m)
{
	for (uint32_t i = 0; i < w->opts.n_workers; i++) {
		struct rte_mbuf *copy;

		if (i == w->opts.worker)
			continue;
		copy = rte_pktmbuf_copy(m, w->opts.pool, 0, UINT32_MAX);
		if (copy != NULL)
			worker_hand_over(w, i, link, copy, DROP_HANDOFF_FULL);
	}
}

static struct rte_mbuf *write_arp(struct worker *w, const struct arp *a, const struct mac *dst)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->opts.pool);

	if (m == NULL)
		return NULL;
	m->data_len = arp_write(rte_pktmbuf_mtod(m, uint8_t *), a, dst);
	m->pkt_len = m->data_len;
	return m;
}

static void answer(struct worker *w, uint8_t link, const struct arp *request)
{
	const struct host_link *l = &w->host.links[link];
	struct arp reply = {
		.op = ARP_REPLY,
		.sender_mac = l->mac,
		.sender_ip = l->address,
		.target_mac = request->sender_mac,
		.target_ip = request->sender_ip,
	};
	struct rte_mbuf *m = write_arp(w, &reply, &request->sender_mac);

	if (m == NULL)
		return; // they ask again
	w->counters[link].arp_answered++;
	worker_out(w, link, m);
}

void worker_on_arp(struct worker *w, uint8_t link, const struct frame *f, struct rte_mbuf *m,
		   bool was_handed)
{
	const struct host_link *l = &w->host.links[link];
	const struct arp *a = &f->arp;
	bool asks_us = a->op == ARP_REQUEST && a->target_ip == l->address;

	w->counters[link].arp_received += !was_handed;
	if (!was_handed && w->opts.n_workers > 1)
		tell_others(w, link, m);
	// Our own address from another's mouth is a conflict that only people can solve, and who is
	// not on this network has no business telling where it is.
	if (a->sender_ip != 0 && a->sender_ip != l->address &&
	    ((a->sender_ip ^ l->address) & l->mask) == 0)
		neighbours_learn(l->neighbours, a->sender_ip, &a->sender_mac, asks_us, w->now_ms);
	if (asks_us && !was_handed)
		answer(w, link, a);
	rte_pktmbuf_free(m);
}

// -- ping --

void worker_on_icmp(struct worker *w, uint8_t link, const struct frame *f, struct rte_mbuf *m)
{
	enum drop_reason drop =
		icmp_echo_reply(rte_pktmbuf_mtod(m, uint8_t *), f->ip.header_len, f->ip.len);

	if (drop == DROP_NONE && !bucket_take(&w->echoes, WORKER_ECHOES_S, w->now_us))
		drop = DROP_ECHO_RATE;
	if (drop != DROP_NONE) {
		worker_drop(w, drop);
		rte_pktmbuf_free(m);
		return;
	}
	m->ol_flags = 0;
	w->counters[link].echoes_answered++;
	worker_out(w, link, m);
}

// -- neighbours --

static void ask(struct worker *w, uint8_t link, const struct neighbour_step *s)
{
	const struct host_link *l = &w->host.links[link];
	struct arp request = {
		.op = ARP_REQUEST,
		.sender_mac = l->mac,
		.sender_ip = l->address,
		.target_ip = s->ip,
	};
	struct rte_mbuf *m = write_arp(w, &request, &s->mac);

	if (m == NULL)
		return; // the table asks again
	w->counters[link].arp_asked++;
	worker_out(w, link, m);
}

// The frame was complete but for its destination.
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
