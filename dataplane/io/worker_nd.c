// Below UDP in IPv6: a worker answers pings and questions for its addresses, and learns neighbours
// and routers.
#include "dataplane/io/nd.h"
#include "dataplane/io/worker_parts.h"

// -- questions --

static void advertise(struct worker *w, uint8_t link, uint8_t addr, const struct nd *asked)
{
	const struct host_link *l = &w->host.links[link];
	bool is_probe = ip_is_zero(&asked->src);
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->opts.pool);
	struct mac to;

	if (m == NULL)
		return; // they ask again
	// Who asks without saying where it is has asked us at our MAC: its own is the frame's.
	to = asked->mac;
	w->counters[link].nd_answered++;
	worker_send_built(w, link, m,
			  nd_write_advertisement(rte_pktmbuf_mtod(m, uint8_t *), &l->mac,
						 &w->host.addrs[addr].ip,
						 is_probe ? NULL : &asked->src, &to));
}

static void on_solicitation(struct worker *w, uint8_t link, const struct nd *nd, bool was_handed)
{
	const struct host_link *l = &w->host.links[link];
	int addr = host_addr_at(&w->host, l, &nd->target);
	int sender = host_addr_at(&w->host, l, &nd->src);
	bool is_probe = ip_is_zero(&nd->src);

	if (is_probe && addr >= 0 && w->host.addrs[addr].state == ADDR_TENTATIVE)
		sender = addr; // both look at once: neither gets it
	if (sender >= 0)
		worker_conflict(w, (uint8_t)sender, &nd->mac, was_handed);
	if (sender >= 0 || addr < 0)
		return;
	if (w->host.addrs[addr].state != ADDR_READY)
		return;
	if (!is_probe && nd->has_mac && host_is_neighbour(&w->host, l, &nd->src))
		neighbours_learn(l->neighbours, &nd->src, &nd->mac, SAID_ADD | SAID_REPLACE,
				 w->now_ms);
	if (!was_handed)
		advertise(w, link, (uint8_t)addr, nd);
}

static void on_advertisement(struct worker *w, uint8_t link, const struct nd *nd, bool was_handed)
{
	const struct host_link *l = &w->host.links[link];
	int addr = host_addr_at(&w->host, l, &nd->target);
	unsigned said =
		(nd->is_override ? SAID_REPLACE : 0) | (nd->is_solicited ? SAID_CONFIRM : 0);

	if (addr >= 0)
		worker_conflict(w, (uint8_t)addr, &nd->mac, was_handed);
	else if (nd->has_mac)
		neighbours_learn(l->neighbours, &nd->target, &nd->mac, said, w->now_ms);
	else if (nd->is_solicited)
		neighbours_confirm(l->neighbours, &nd->target, w->now_ms);
}

static void on_router(struct worker *w, uint8_t link, const struct nd *nd)
{
	struct host_link *l = &w->host.links[link];

	w->counters[link].routers_heard++;
	if (presence_on_router(&w->presence[link], l, &nd->src, nd->lifetime_s, w->now_ms))
		w->paths.own_version++;
	if (nd->has_mac)
		neighbours_learn(l->neighbours, &nd->src, &nd->mac, SAID_REPLACE, w->now_ms);
}

static enum drop_reason on_nd(struct worker *w, uint8_t link, const struct frame *f,
			      struct rte_mbuf *m, bool was_handed)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const uint8_t *icmp = frame + L2_LEN + f->v6.header_len;
	struct nd nd;
	enum drop_reason drop =
		nd_read(&nd, &f->v6, icmp, (uint16_t)(f->v6.len - f->v6.header_len));

	if (drop != DROP_NONE)
		return drop;
	w->counters[link].nd_received += !was_handed;
	if (!nd.has_mac) // then the frame's own says where it is
		memcpy(&nd.mac, frame + MAC_LEN, MAC_LEN);
	if (!was_handed)
		worker_tell_others(w, link, m);
	switch (nd.kind) {
	case ND_SOLICITATION:
		on_solicitation(w, link, &nd, was_handed);
		break;
	case ND_ADVERTISEMENT:
		on_advertisement(w, link, &nd, was_handed);
		break;
	case ND_ROUTER:
		on_router(w, link, &nd);
		break;
	case ND_OTHER:
		break;
	}
	return DROP_NONE;
}

// -- the rest of ICMPv6 --

static enum drop_reason on_query(struct worker *w, uint8_t link, const struct frame *f,
				 const uint8_t *icmp)
{
	uint32_t delay_ms;
	enum drop_reason drop =
		mld_read_query(&delay_ms, &f->v6, icmp, (uint16_t)(f->v6.len - f->v6.header_len));

	if (drop == DROP_NONE)
		presence_on_query(&w->presence[link], delay_ms, worker_chance(w), w->now_ms);
	return drop;
}

static enum drop_reason on_echo(struct worker *w, uint8_t link, const struct frame *f,
				struct rte_mbuf *m)
{
	enum drop_reason drop = DROP_L2_NOT_OURS; // to a group, or not from anybody else
	struct ip_addr src = ip_of_v6(f->v6.src);

	if (f->local != 0 && ip_is_host(&src) &&
	    host_addr_at(&w->host, &w->host.links[link], &src) < 0)
		drop = icmp6_echo_reply(rte_pktmbuf_mtod(m, uint8_t *), &f->v6);
	return drop == DROP_NONE ? worker_send_echo(w, link, m) : drop;
}

// Takes the mbuf, if it returns DROP_NONE and it was an echo.
static enum drop_reason on_message(struct worker *w, uint8_t link, const struct frame *f,
				   struct rte_mbuf *m, bool was_handed, bool *is_taken)
{
	uint8_t *icmp = rte_pktmbuf_mtod(m, uint8_t *) + L2_LEN + f->v6.header_len;
	uint16_t len = (uint16_t)(f->v6.len - f->v6.header_len);
	enum drop_reason drop = icmp6_check(&f->v6, icmp, len);

	if (drop != DROP_NONE)
		return drop;
	switch (icmp[0]) {
	case ICMP6_ECHO_REQUEST:
		drop = on_echo(w, link, f, m);
		*is_taken = drop == DROP_NONE;
		return drop;
	case ICMP6_RS:
	case ICMP6_RA:
	case ICMP6_NS:
	case ICMP6_NA:
		return on_nd(w, link, f, m, was_handed);
	case ICMP6_MLD_QUERY:
		if (!was_handed)
			worker_tell_others(w, link, m);
		return on_query(w, link, f, icmp);
	default:
		return worker_icmp_error(w, link, true, icmp, len, m, was_handed);
	}
}

void worker_on_icmp6(struct worker *w, uint8_t link, const struct frame *f, struct rte_mbuf *m,
		     bool was_handed)
{
	bool is_taken = false;
	enum drop_reason drop = on_message(w, link, f, m, was_handed, &is_taken);

	if (is_taken)
		return;
	if (drop != DROP_NONE)
		worker_drop(w, drop);
	rte_pktmbuf_free(m);
}
