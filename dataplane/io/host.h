// A worker's view of what lies below UDP: a host of both families with some links and addresses.
// Which frames are for it (frame.h), which way a datagram goes, and the headers it goes with.
//
// A far end that came to one of our addresses is answered from it, over the link that has it
// (RFC 1122 §3.3.4.2's strong host): elsewhere its router or NAT might not let the answer in.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/io/ip.h"
#include "dataplane/io/ipv4.h"
#include "dataplane/io/ipv6.h"
#include "dataplane/io/neighbours.h"

#define HOST_LINKS_MAX     16
#define HOST_ENDPOINTS_MAX 8
#define HOST_GROUPS_MAX    8
#define LINK_ADDRS_MAX     9 // eight that the operator gives, and link-local
#define HOST_ADDRS_MAX     (HOST_LINKS_MAX * LINK_ADDRS_MAX)

// Headers end where the payload begins; what is in front of them may be anything. So the most
// frequent ones, of IPv4, are copied as HOST_TAIL octets whatever their length.
#define HOST_HEADER_MAX (L2_LEN + L2_TAG_LEN + IPV6_UDP_LEN) // 66
#define HOST_TAIL       48
#define HOST_FRONT      32
static_assert(L2_LEN + L2_TAG_LEN + IPV4_UDP_LEN <= HOST_TAIL, "IPv4 is in the tail alone");
static_assert(HOST_HEADER_MAX <= HOST_FRONT + HOST_TAIL, "IPv6 is in both");

// What to think of UDP checksums. RTMFP checks its packets itself, so nothing wrong gets through;
// the question is what is dropped here already.
enum udp_sums {
	UDP_SUMS_REQUIRED, // wrong: dropped
	UDP_SUMS_REMARKED, // wrong: accepted and counted, since a kernel on the same machine may
			   // have left it to a card that does not exist
	UDP_SUMS_IGNORED,  // not looked at, all counted
};

enum addr_state {
	ADDR_READY,
	ADDR_TENTATIVE, // IPv6: is being asked for (RFC 4862 §5.4); nothing uses it yet
	ADDR_DUPLICATE, // somebody else has it; nothing uses it
};

struct host_addr {
	struct ip_addr ip;
	uint32_t v4;        // host order; 0: it is IPv6
	uint8_t prefix_len; // of 128: an IPv4 /24 is 120
	uint8_t link;
	uint8_t state; // enum addr_state
};

struct host_link {
	struct mac mac;
	uint16_t mtu;                  // octets of IP packet
	uint16_t vlan;                 // only frames with this tag are ours; 0: those without
	uint8_t udp_sums;              // enum udp_sums
	bool fills_udp_sums;           // the port completes checksums on sending,
	bool puts_tags;                // and puts the tag in
	bool takes_router;             // IPv6's gateway is whichever router advertises itself
	bool says_closed;              // datagrams to ports where nobody is are answered
	uint8_t first, n_addrs;        // its stretch of host.addrs
	struct ip_addr gateways[2];    // of IPv4, of IPv6; all zero: none
	struct neighbours *neighbours; // owned by whoever made the host
};

// A local UDP address; its index is pkt.endpoint.
struct host_endpoint {
	struct ip_addr address; // all zero: any that we have
	uint16_t port;          // 0: this endpoint is not in use
};

// Where members of groups speak by IP multicast, on every link (docs/spx.md).
struct host_group {
	struct ip_group group;
	uint16_t port;
};

struct host {
	struct host_link links[HOST_LINKS_MAX];
	struct host_endpoint endpoints[HOST_ENDPOINTS_MAX];
	struct host_addr addrs[HOST_ADDRS_MAX]; // link by link; pkt.local is an index plus 1
	uint8_t n_links, n_endpoints, n_addrs;
	struct host_group groups[HOST_GROUPS_MAX];
	uint8_t n_groups;
};

// Adds an address to the last link. prefix_len: of its family. Asserts room.
void host_add(struct host *, const struct ip_addr *, uint8_t prefix_len, enum addr_state);
// Index of our address, or -1. Of any state.
int host_addr_at(const struct host *, const struct host_link *, const struct ip_addr *);
// The address that this link's packets of IPv6's own protocols come from: link-local, or -1.
int host_link_local(const struct host *, const struct host_link *);
bool host_has_ipv6(const struct host *, const struct host_link *);
// Is it in a network of this link?
bool host_is_neighbour(const struct host *, const struct host_link *, const struct ip_addr *);
// Our address to ask for a neighbour from: of its network, or if it is in none (a gateway beyond
// our prefix) any of its family. -1: we have none.
int host_neighbour_from(const struct host *, const struct host_link *, const struct ip_addr *);

// Index of the ready IPv4 address of a link, as a receiver looks for it; -1: none.
static inline int host_addr_v4(const struct host *h, const struct host_link *l, uint32_t v4)
{
	for (uint8_t i = l->first; i < l->first + l->n_addrs; i++)
		if (h->addrs[i].v4 == v4 && v4 != 0)
			return i;
	return -1;
}

// Which endpoint is at this address of ours and port? -1: none.
static inline int host_endpoint_at(const struct host *h, const struct ip_addr *ip, uint16_t port)
{
	for (uint8_t i = 0; i < h->n_endpoints; i++) {
		const struct host_endpoint *e = &h->endpoints[i];

		if (e->port == port && port != 0 &&
		    (ip_is_zero(&e->address) || ip_equal(&e->address, ip)))
			return i;
	}
	return -1;
}

// Is somebody's datagram for one of our groups? port 0: any.
bool host_hears(const struct host *, const struct ip_addr *group, const struct ip_addr *source,
		uint16_t port);

struct host_route {
	uint8_t link;
	uint8_t addr;       // index of ours that it leaves from
	struct ip_addr hop; // the neighbour's address
};

// Over which link, from which address, to which neighbour there. local: index plus 1 of the address
// that the far end knows, or 0: then the longest prefix that has `far` decides, else the first link
// with a gateway, and there the address that is most like it (RFC 6724 rules 2 and 8).
// -EHOSTUNREACH: no way, or nobody's address (our own, a broadcast).
int host_route(const struct host *, const struct ip_addr *far, uint8_t local, struct host_route *);

// Where a datagram goes.
struct host_far {
	struct ip_addr ip;
	uint16_t port;
	uint8_t endpoint, local;
};

// A way there: the headers of every datagram, which end with the array. What depends on the
// payload, lengths and checksums, is still to come (ipv4_udp_finish, ipv6_udp_finish).
struct host_way {
	uint8_t header[HOST_FRONT + HOST_TAIL];
	uint8_t header_len; // octets that count
	uint8_t link;
	bool is_v6;
	struct ip_addr hop; // the neighbour's address
};

// 0, -EHOSTUNREACH (no route, or no such endpoint), or -EINPROGRESS: the neighbour is not known
// yet and being asked for; then the destination MAC is missing, everything else is there.
int host_find_way(struct host *, const struct host_far *, uint32_t now_ms, struct host_way *);
// The same to an IP multicast address: over the first link that speaks its family, with so many
// hops to go. 0, or -EHOSTUNREACH.
int host_find_group_way(const struct host *, const struct host_far *, uint8_t ttl,
			struct host_way *);
