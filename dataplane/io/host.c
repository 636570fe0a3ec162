#include "dataplane/io/host.h"

#include <errno.h>

// -- addresses --

void host_add(struct host *h, const struct ip_addr *ip, uint8_t prefix_len, enum addr_state state)
{
	struct host_link *l = &h->links[h->n_links - 1];
	bool is_v4 = ip_is_v4(ip);

	assert(h->n_addrs < HOST_ADDRS_MAX && l->n_addrs < LINK_ADDRS_MAX);
	if (l->n_addrs == 0)
		l->first = h->n_addrs;
	h->addrs[h->n_addrs++] = (struct host_addr){
		.ip = *ip,
		.v4 = is_v4 ? ip_v4(ip) : 0,
		.prefix_len = (uint8_t)(prefix_len + (is_v4 ? IP_V4_PREFIX : 0)),
		.link = (uint8_t)(h->n_links - 1),
		.state = (uint8_t)state,
	};
	l->n_addrs++;
}

int host_addr_at(const struct host *h, const struct host_link *l, const struct ip_addr *ip)
{
	for (uint8_t i = l->first; i < l->first + l->n_addrs; i++)
		if (ip_equal(&h->addrs[i].ip, ip))
			return i;
	return -1;
}

bool host_has_ipv6(const struct host *h, const struct host_link *l)
{
	for (uint8_t i = l->first; i < l->first + l->n_addrs; i++)
		if (h->addrs[i].v4 == 0)
			return true;
	return false;
}

int host_link_local(const struct host *h, const struct host_link *l)
{
	for (uint8_t i = l->first; i < l->first + l->n_addrs; i++)
		if (ip_is_link_local(&h->addrs[i].ip) && h->addrs[i].state == ADDR_READY)
			return i;
	return -1;
}

static bool is_ours(const struct host *h, const struct ip_addr *ip)
{
	for (uint8_t i = 0; i < h->n_links; i++)
		if (host_addr_at(h, &h->links[i], ip) >= 0)
			return true;
	return false;
}

// -- routes --

static bool has(const struct host_addr *a, const struct ip_addr *ip)
{
	return ip_is_v4(&a->ip) == ip_is_v4(ip) && ip_common(&a->ip, ip) >= a->prefix_len;
}

// The address of a link whose network has this one, by the longest prefix; -1: none.
static int on_link(const struct host *h, const struct host_link *l, const struct ip_addr *ip)
{
	int best = -1;

	for (uint8_t i = l->first; i < l->first + l->n_addrs; i++) {
		const struct host_addr *a = &h->addrs[i];

		if (a->state == ADDR_READY && has(a, ip) &&
		    (best < 0 || a->prefix_len > h->addrs[best].prefix_len))
			best = i;
	}
	return best;
}

int host_neighbour_from(const struct host *h, const struct host_link *l, const struct ip_addr *ip)
{
	int best = on_link(h, l, ip);

	for (uint8_t i = l->first; i < l->first + l->n_addrs && best < 0; i++)
		if (h->addrs[i].state == ADDR_READY && ip_is_v4(&h->addrs[i].ip) == ip_is_v4(ip))
			best = i;
	return best;
}

bool host_is_neighbour(const struct host *h, const struct host_link *l, const struct ip_addr *ip)
{
	return ip_is_link_local(ip) || on_link(h, l, ip) >= 0;
}

// The network's own address and its broadcast; networks of one or two addresses have neither (RFC
// 3021), nor has IPv6.
static bool is_networks_own(const struct host_addr *a, const struct ip_addr *ip)
{
	uint32_t mask, host_bits;

	if (a->v4 == 0 || a->prefix_len >= IP_V4_PREFIX + 31)
		return false;
	mask = UINT32_MAX >> (a->prefix_len - IP_V4_PREFIX);
	host_bits = ip_v4(ip) & mask;
	return host_bits == 0 || host_bits == mask;
}

// What speaks for one of our addresses as the source to `far` over `hop`: 0 nothing, it cannot be.
static unsigned fitness(const struct host_addr *a, const struct ip_addr *far,
			const struct ip_addr *hop)
{
	if (a->state != ADDR_READY || ip_is_v4(&a->ip) != ip_is_v4(far) ||
	    ip_is_link_local(&a->ip) != ip_is_link_local(far))
		return 0;
	return 1u + ip_common(&a->ip, far) + (has(a, hop) ? 256u : 0u);
}

static int source_to(const struct host *h, const struct host_link *l, const struct ip_addr *far,
		     const struct ip_addr *hop)
{
	unsigned most = 0;
	int best = -1;

	for (uint8_t i = l->first; i < l->first + l->n_addrs; i++) {
		unsigned f = fitness(&h->addrs[i], far, hop);

		if (f > most) {
			most = f;
			best = i;
		}
	}
	return best;
}

// Straight to the far end, if a network of this link has it.
static int straight(const struct host *h, uint8_t link, const struct ip_addr *far,
		    struct host_route *r)
{
	int addr = on_link(h, &h->links[link], far);

	if (addr < 0 || is_networks_own(&h->addrs[addr], far))
		return -EHOSTUNREACH;
	*r = (struct host_route){.link = link, .addr = (uint8_t)addr, .hop = *far};
	return 0;
}

static int over_gateway(const struct host *h, uint8_t link, const struct ip_addr *far,
			struct host_route *r)
{
	const struct host_link *l = &h->links[link];
	const struct ip_addr *gateway = &l->gateways[ip_is_v4(far) ? 0 : 1];
	int addr;

	if (ip_is_zero(gateway) || ip_is_link_local(far))
		return -EHOSTUNREACH;
	addr = source_to(h, l, far, gateway);
	if (addr < 0)
		return -EHOSTUNREACH;
	*r = (struct host_route){.link = link, .addr = (uint8_t)addr, .hop = *gateway};
	return 0;
}

// The longest prefix on any link; a link-local far end without an address of ours that it came to
// is on the only link there is, or anywhere.
static int anywhere(const struct host *h, const struct ip_addr *far, struct host_route *r)
{
	int best = -1;

	for (uint8_t i = 0; i < h->n_links; i++) {
		int addr = on_link(h, &h->links[i], far);

		if (addr >= 0 &&
		    (best < 0 || h->addrs[addr].prefix_len > h->addrs[best].prefix_len))
			best = addr;
	}
	if (ip_is_link_local(far) && h->n_links != 1)
		return -EHOSTUNREACH;
	if (best >= 0)
		return straight(h, h->addrs[best].link, far, r);
	for (uint8_t i = 0; i < h->n_links; i++)
		if (over_gateway(h, i, far, r) == 0)
			return 0;
	return -EHOSTUNREACH;
}

int host_route(const struct host *h, const struct ip_addr *far, uint8_t local, struct host_route *r)
{
	const struct host_addr *from = local > 0 ? &h->addrs[local - 1] : NULL;
	int err = -EHOSTUNREACH;

	if (!ip_is_host(far) || is_ours(h, far))
		return -EHOSTUNREACH;
	if (local > h->n_addrs ||
	    (from != NULL && (from->state != ADDR_READY || ip_is_v4(&from->ip) != ip_is_v4(far))))
		return -EHOSTUNREACH;
	if (from != NULL)
		err = straight(h, from->link, far, r);
	if (from != NULL && err != 0)
		err = over_gateway(h, from->link, far, r);
	if (err != 0)
		err = anywhere(h, far, r);
	if (err == 0 && from != NULL)
		r->addr = (uint8_t)(local - 1);
	return err;
}

// -- headers --

static void write_v4(uint8_t *at, const struct ip_addr *src, const struct host_far *far,
		     const struct host_endpoint *e)
{
	ipv4_udp_prepare(at, &(struct udp_flow){.src = ip_v4(src),
						.dst = ip_v4(&far->ip),
						.src_port = e->port,
						.dst_port = far->port});
}

static void write_v6(uint8_t *at, const struct ip_addr *src, const struct host_far *far,
		     const struct host_endpoint *e)
{
	ipv6_udp_prepare(at, &(struct udp_flow6){.src = *src,
						 .dst = far->ip,
						 .src_port = e->port,
						 .dst_port = far->port});
}

static void write_header(const struct host_link *l, const struct mac *dst,
			 const struct ip_addr *src, const struct host_far *far,
			 const struct host_endpoint *e, struct host_way *way)
{
	uint16_t vlan = l->puts_tags ? 0 : l->vlan;
	uint16_t l3_len = way->is_v6 ? IPV6_UDP_LEN : IPV4_UDP_LEN;
	struct l2_header l2 = {
		.dst = *dst, .src = l->mac, .type = way->is_v6 ? L2_TYPE_IPV6 : L2_TYPE_IPV4};
	uint8_t *end = way->header + sizeof(way->header);

	way->header_len = (uint8_t)(L2_LEN + (vlan != 0 ? L2_TAG_LEN : 0) + l3_len);
	memset(way->header, 0, sizeof(way->header) - way->header_len);
	l2_write_tagged(end - way->header_len, &l2, vlan);
	if (way->is_v6)
		write_v6(end - l3_len, src, far, e);
	else
		write_v4(end - l3_len, src, far, e);
}

// Of an endpoint with an address of its own, whatever the far end came to.
static int fixed_local(const struct host *h, const struct host_endpoint *e)
{
	for (uint8_t i = 0; i < h->n_addrs; i++)
		if (ip_equal(&h->addrs[i].ip, &e->address))
			return i + 1;
	return -EHOSTUNREACH;
}

int host_find_way(struct host *h, const struct host_far *far, uint32_t now_ms, struct host_way *way)
{
	const struct host_endpoint *e;
	struct mac dst = {0};
	struct host_route r;
	int local = far->local, err;
	bool is_known;

	if (far->endpoint >= h->n_endpoints || h->endpoints[far->endpoint].port == 0)
		return -EHOSTUNREACH;
	e = &h->endpoints[far->endpoint];
	if (!ip_is_zero(&e->address))
		local = fixed_local(h, e);
	if (local < 0)
		return local;
	err = host_route(h, &far->ip, (uint8_t)local, &r);
	if (err != 0)
		return err;
	way->link = r.link;
	way->hop = r.hop;
	way->is_v6 = !ip_is_v4(&far->ip);
	is_known = neighbours_find(h->links[r.link].neighbours, &r.hop, now_ms, &dst);
	write_header(&h->links[r.link], &dst, &h->addrs[r.addr].ip, far, e, way);
	return is_known ? 0 : -EINPROGRESS;
}

// -- IP multicast --

bool host_hears(const struct host *h, const struct ip_addr *group, const struct ip_addr *source,
		uint16_t port)
{
	for (uint8_t i = 0; i < h->n_groups; i++) {
		const struct host_group *g = &h->groups[i];

		if (ip_equal(&g->group.ip, group) && (port == 0 || g->port == port) &&
		    (ip_is_zero(&g->group.source) || ip_equal(&g->group.source, source)))
			return true;
	}
	return false;
}

// An address that others can answer before one that means something here alone.
static int source_of_group(const struct host *h, const struct host_link *l, bool is_v4)
{
	int best = -1;

	for (uint8_t i = l->first; i < l->first + l->n_addrs; i++) {
		const struct host_addr *a = &h->addrs[i];

		if (a->state != ADDR_READY || ip_is_v4(&a->ip) != is_v4)
			continue;
		if (best < 0 || (ip_is_link_local(&h->addrs[best].ip) && !ip_is_link_local(&a->ip)))
			best = i;
	}
	return best;
}

// The sum so far is prepared for the usual number of hops.
static void set_ttl(struct host_way *way, uint8_t ttl)
{
	uint8_t *end = way->header + sizeof(way->header), *ip;

	if (way->is_v6) {
		ip = end - IPV6_UDP_LEN;
		ip[7] = ttl;
		return;
	}
	ip = end - IPV4_UDP_LEN;
	ip[8] = ttl;
	be16_put(ip + 10, 0);
	be16_put(ip + 10, csum_partial(ip, IPV4_LEN));
}

int host_find_group_way(const struct host *h, const struct host_far *far, uint8_t ttl,
			struct host_way *way)
{
	bool is_v4 = ip_is_v4(&far->ip);
	struct mac dst = is_v4 ? mac_of_multicast_v4(ip_v4(&far->ip)) : mac_of_multicast(&far->ip);

	if (far->endpoint >= h->n_endpoints || h->endpoints[far->endpoint].port == 0)
		return -EHOSTUNREACH;
	for (uint8_t i = 0; i < h->n_links; i++) {
		int from = source_of_group(h, &h->links[i], is_v4);

		if (from < 0)
			continue;
		way->link = i;
		way->hop = far->ip;
		way->is_v6 = !is_v4;
		write_header(&h->links[i], &dst, &h->addrs[from].ip, far,
			     &h->endpoints[far->endpoint], way);
		set_ttl(way, ttl);
		return 0;
	}
	return -EHOSTUNREACH;
}
