// What a worker says of itself on each link without being asked: presence.h decides what and when.
#include "dataplane/io/nd.h"
#include "dataplane/io/worker_parts.h"

static const struct ip_addr nobody;

static uint16_t write_announcement(const struct host_link *l, const struct host_addr *a,
				   uint8_t *frame)
{
	static const struct mac all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct arp arp = {.op = ARP_REQUEST, // RFC 5227 §3 says why not a reply
			  .sender_mac = l->mac,
			  .sender_ip = a->v4,
			  .target_ip = a->v4};

	return a->v4 != 0 ? arp_write(frame, &arp, &all)
			  : nd_write_advertisement(frame, &l->mac, &a->ip, NULL, NULL);
}

// MLD's; IGMP's goes out beside it (say_v4).
static uint16_t write_report(const struct worker *w, uint8_t link, bool is_answer, uint8_t *frame)
{
	const struct host_link *l = &w->host.links[link];
	int local = host_link_local(&w->host, l);
	struct ip_group groups[MLD_GROUPS_MAX];
	uint8_t n = presence_groups(&w->host, l, groups);

	if (n == 0)
		return 0;
	return mld_write_report(frame, &l->mac, local >= 0 ? &w->host.addrs[local].ip : &nobody,
				groups, n, is_answer);
}

static uint16_t write_report_v4(const struct worker *w, uint8_t link, bool is_answer,
				uint8_t *frame)
{
	const struct host_link *l = &w->host.links[link];
	struct ip_group groups[IGMP_GROUPS_MAX];
	uint8_t n = presence_groups_v4(&w->host, l, groups), i = l->first;

	if (n == 0)
		return 0;
	while (w->host.addrs[i].v4 == 0)
		i++;
	return igmp_write_report(frame, &l->mac, w->host.addrs[i].v4, groups, n, is_answer);
}

static uint16_t write_step(const struct worker *w, uint8_t link, const struct presence_step *s,
			   uint8_t *frame)
{
	const struct host_link *l = &w->host.links[link];
	int local = host_link_local(&w->host, l);

	switch (s->what) {
	case PRESENCE_PROBE:
		return nd_write_solicitation(frame, &l->mac, &nobody, &w->host.addrs[s->addr].ip,
					     NULL);
	case PRESENCE_ANNOUNCE:
		return write_announcement(l, &w->host.addrs[s->addr], frame);
	case PRESENCE_REPORT:
		return write_report(w, link, s->is_answer, frame);
	case PRESENCE_ASK_ROUTER:
		return local >= 0 ? nd_write_router_solicitation(frame, &l->mac,
								 &w->host.addrs[local].ip)
				  : 0;
	case PRESENCE_READY:
	case PRESENCE_NO_ROUTER:
		break;
	}
	return 0;
}

static void send_frame(struct worker *w, uint8_t link, struct rte_mbuf *m, uint16_t len)
{
	if (len == 0)
		rte_pktmbuf_free(m);
	else
		worker_send_built(w, link, m, len);
}

// The first worker speaks for all.
static void say(struct worker *w, uint8_t link, const struct presence_step *s)
{
	struct rte_mbuf *m = w->opts.worker == 0 ? rte_pktmbuf_alloc(w->opts.pool) : NULL;

	if (m == NULL)
		return;
	send_frame(w, link, m, write_step(w, link, s, rte_pktmbuf_mtod(m, uint8_t *)));
	w->counters[link].announced += s->what == PRESENCE_ANNOUNCE;
	m = s->what == PRESENCE_REPORT ? rte_pktmbuf_alloc(w->opts.pool) : NULL;
	if (m != NULL)
		send_frame(w, link, m,
			   write_report_v4(w, link, s->is_answer, rte_pktmbuf_mtod(m, uint8_t *)));
}

static void step_link(struct worker *w, uint8_t link)
{
	struct host_link *l = &w->host.links[link];
	struct presence_step s;

	while (presence_next(&w->presence[link], &w->host, l, w->now_ms, &s)) {
		if (s.what == PRESENCE_READY || s.what == PRESENCE_NO_ROUTER)
			w->paths.own_version++;
		say(w, link, &s);
	}
}

// Who was away for a while may have a new place, or we have.
static void look_at_cables(struct worker *w)
{
	uint32_t up = 0;

	w->looked_ms = w->now_ms;
	for (uint8_t i = 0; i < w->opts.n_ports; i++) {
		uint32_t bit = 1u << i;

		if (!port_link_is_up(w->links[i].port))
			continue;
		up |= bit;
		if (!(w->up & bit))
			presence_link_up(&w->presence[i], &w->host, &w->host.links[i], w->now_ms);
	}
	w->up = up;
}

// Ages begin with the first turn's time.
static void start(struct worker *w)
{
	for (uint8_t i = 0; i < w->opts.n_ports; i++)
		presence_init(&w->presence[i], &w->host, &w->host.links[i],
			      w->host.links[i].takes_router, w->now_ms);
	w->has_presence = true;
	w->presence_ms = w->now_ms - 1;
	w->looked_ms = w->now_ms;
	w->up = UINT32_MAX; // presence_init has said it all
}

// Once a millisecond is often enough.
void worker_presence(struct worker *w)
{
	if (!w->has_presence)
		start(w);
	if (w->presence_ms == w->now_ms)
		return;
	w->presence_ms = w->now_ms;
	if (w->now_ms - w->looked_ms >= WORKER_LINK_MS)
		look_at_cables(w);
	for (uint8_t i = 0; i < w->opts.n_ports; i++)
		step_link(w, i);
}

uint32_t worker_presence_wait_ms(const struct worker *w)
{
	uint32_t least = UINT32_MAX;

	for (uint8_t i = 0; i < w->opts.n_ports && w->has_presence; i++) {
		uint32_t wait_ms =
			presence_wait_ms(&w->presence[i], &w->host, &w->host.links[i], w->now_ms);

		least = wait_ms < least ? wait_ms : least;
	}
	return least;
}

// Somebody else has one of our addresses, or wants it.
void worker_conflict(struct worker *w, uint8_t addr, const struct mac *who, bool was_handed)
{
	uint8_t link = w->host.addrs[addr].link;
	uint64_t rival = WORKER_RIVAL;

	for (unsigned i = 0; i < MAC_LEN; i++)
		rival |= (uint64_t)who->octets[i] << 8 * (MAC_LEN - 1 - i);
	atomic_store_explicit(&w->rivals[addr], rival, memory_order_relaxed);
	w->counters[link].conflicts += !was_handed;
	if (presence_conflict(&w->presence[link], &w->host, addr, w->now_ms))
		w->paths.own_version++;
}
