// A worker's view of what lies below UDP: an IPv4 host with some links. Which frames are for it
// (frame.h), which way a datagram goes, and the headers it goes with.
//
// Addresses are IPv4 in host order. IPv6 will need wider addresses, a longer header and neighbour
// discovery beside ARP; nothing above this room sees either.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/io/ipv4.h"
#include "dataplane/io/l2.h"
#include "dataplane/io/neighbours.h"

#define HOST_LINKS_MAX     16
#define HOST_ENDPOINTS_MAX 8
#define HOST_HEADER_LEN    (L2_LEN + IPV4_UDP_LEN)

// What to think of UDP checksums. RTMFP checks its packets itself, so nothing wrong gets through;
// the question is what is dropped here already.
enum udp_sums {
	UDP_SUMS_REQUIRED, // wrong: dropped
	UDP_SUMS_REMARKED, // wrong: accepted and counted, since a kernel on the same machine may
			   // have left it to a card that does not exist
	UDP_SUMS_IGNORED,  // not looked at, all counted
};

struct host_link {
	struct mac mac;
	uint32_t address, mask;        // of the address's network
	uint32_t gateway;              // 0: none
	uint16_t mtu;                  // octets of IPv4 packet
	uint8_t udp_sums;              // enum udp_sums
	bool fills_udp_sums;           // the port completes checksums on sending
	struct neighbours *neighbours; // owned by whoever made the host
};

// A local UDP address; its index is pkt.endpoint.
struct host_endpoint {
	uint32_t address; // 0: any of the links'
	uint16_t port;    // 0: this endpoint is not in use
};

struct host {
	struct host_link links[HOST_LINKS_MAX];
	struct host_endpoint endpoints[HOST_ENDPOINTS_MAX];
	uint8_t n_links, n_endpoints;
};

uint32_t host_mask(uint8_t prefix_len); // 24 -> 0xffffff00

// Over which link, and to which neighbour there: the link whose network has it, else the first one
// with a gateway. -EHOSTUNREACH: none, or nobody's address (its own, a broadcast).
int host_route(const struct host *, uint32_t far, uint8_t *link, uint32_t *hop);

// Is (address, port) one of our endpoints, for a packet that came over this link? -1: no.
int host_endpoint_at(const struct host *, const struct host_link *, uint32_t address,
		     uint16_t port);

// Where a datagram goes.
struct host_far {
	uint32_t ip;
	uint16_t port;
	uint8_t endpoint;
};

// A way there: the headers of every datagram (ipv4_udp_finish puts in what depends on the length).
struct host_way {
	uint8_t header[HOST_HEADER_LEN];
	uint8_t link;
	uint32_t hop; // the neighbour's address
};

// 0, -EHOSTUNREACH (no route, or no such endpoint), or -EINPROGRESS: the neighbour is not known
// yet and being asked for; then the destination MAC is missing, everything else is there.
int host_find_way(struct host *, const struct host_far *, uint32_t now_ms, struct host_way *);
