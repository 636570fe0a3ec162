#include "dataplane/io/host.h"

#include <errno.h>

uint32_t host_mask(uint8_t prefix_len)
{
	return prefix_len == 0 ? 0 : UINT32_MAX << (32 - prefix_len);
}

static bool is_on_link(const struct host_link *l, uint32_t ip)
{
	return ((ip ^ l->address) & l->mask) == 0;
}

// The network's own address and its broadcast; networks of one or two addresses have neither (RFC
// 3021).
static bool is_networks_own(const struct host_link *l, uint32_t ip)
{
	uint32_t host_bits = ip & ~l->mask;

	return ~l->mask > 1 && (host_bits == 0 || host_bits == ~l->mask);
}

int host_route(const struct host *h, uint32_t far, uint8_t *link, uint32_t *hop)
{
	uint8_t i;

	if (!ipv4_is_host(far))
		return -EHOSTUNREACH;
	for (i = 0; i < h->n_links && !is_on_link(&h->links[i], far); i++)
		;
	if (i < h->n_links) {
		const struct host_link *l = &h->links[i];

		if (far == l->address || is_networks_own(l, far))
			return -EHOSTUNREACH;
		*link = i;
		*hop = far;
		return 0;
	}
	for (i = 0; i < h->n_links && h->links[i].gateway == 0; i++)
		;
	if (i == h->n_links)
		return -EHOSTUNREACH;
	*link = i;
	*hop = h->links[i].gateway;
	return 0;
}

int host_endpoint_at(const struct host *h, const struct host_link *l, uint32_t address,
		     uint16_t port)
{
	for (uint8_t i = 0; i < h->n_endpoints; i++) {
		const struct host_endpoint *e = &h->endpoints[i];

		if (e->port != 0 && e->port == port && address == l->address &&
		    (e->address == 0 || e->address == address))
			return i;
	}
	return -1;
}

int host_find_way(struct host *h, const struct host_far *far, uint32_t now_ms, struct host_way *way)
{
	struct l2_header l2 = {.type = L2_TYPE_IPV4};
	const struct host_endpoint *e;
	const struct host_link *l;
	bool is_known;
	int err;

	if (far->endpoint >= h->n_endpoints || h->endpoints[far->endpoint].port == 0)
		return -EHOSTUNREACH;
	err = host_route(h, far->ip, &way->link, &way->hop);
	if (err != 0)
		return err;
	e = &h->endpoints[far->endpoint];
	l = &h->links[way->link];
	is_known = neighbours_find(l->neighbours, way->hop, now_ms, &l2.dst);
	l2.src = l->mac;
	l2_write(way->header, &l2);
	ipv4_udp_prepare(way->header + L2_LEN,
			 &(struct udp_flow){.src = e->address != 0 ? e->address : l->address,
					    .dst = far->ip,
					    .src_port = e->port,
					    .dst_port = far->port});
	return is_known ? 0 : -EINPROGRESS;
}
