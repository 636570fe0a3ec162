// A host as most tests want it: one link, 10.99.0.1/24 with a gateway, endpoint 0 on 1935. And the
// same with 2001:db8:99::1/64, fe80::1 and a gateway of IPv6.
#pragma once

#include "dataplane/io/host.h"
#include "tests/unit/io/frames.h"

static inline struct host host_simple(void)
{
	struct ip_addr own = ip_of_v4(OUR_IP);
	struct host h = {.n_links = 1, .n_endpoints = 1};

	h.links[0] = (struct host_link){.mac = our_mac,
					.gateways = {ip_of_v4(GATEWAY_IP)},
					.mtu = 1500,
					.udp_sums = UDP_SUMS_REQUIRED,
					.neighbours = neighbours_create(1, NULL)};
	h.endpoints[0] = (struct host_endpoint){.port = OUR_PORT};
	host_add(&h, &own, 24, ADDR_READY);
	return h;
}

// state: of the addresses of IPv6.
static inline struct host host_dual(enum addr_state state)
{
	struct host h = host_simple();
	struct ip_addr global = ip(OUR_IP6), local = ip(OUR_LOCAL6);

	host_add(&h, &global, 64, state);
	host_add(&h, &local, 64, state);
	h.links[0].gateways[1] = ip(GATEWAY_IP6);
	return h;
}

static inline void host_end(struct host *h)
{
	for (uint8_t i = 0; i < h->n_links; i++)
		neighbours_destroy(h->links[i].neighbours);
}
