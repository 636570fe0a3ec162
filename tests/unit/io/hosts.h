// A host as most tests want it: one link, 10.99.0.1/24 with a gateway, endpoint 0 on 1935.
#pragma once

#include "dataplane/io/host.h"
#include "tests/unit/io/frames.h"

static inline struct host host_simple(void)
{
	struct host h = {.n_links = 1, .n_endpoints = 1};

	h.links[0] = (struct host_link){.mac = our_mac,
					.address = OUR_IP,
					.mask = host_mask(24),
					.gateway = GATEWAY_IP,
					.mtu = 1500,
					.udp_sums = UDP_SUMS_REQUIRED,
					.neighbours = neighbours_create(1)};
	h.endpoints[0] = (struct host_endpoint){.port = OUR_PORT};
	return h;
}

static inline void host_end(struct host *h)
{
	for (uint8_t i = 0; i < h->n_links; i++)
		neighbours_destroy(h->links[i].neighbours);
}
