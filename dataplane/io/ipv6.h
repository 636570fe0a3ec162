// IPv6 headers and UDP over them (RFC 8200, RFC 8085): reading what strangers send, and writing the
// one kind we send, without extension headers and never fragmented.
//
// Of extension headers, hop-by-hop options are stepped over (routers' business) and a fragment
// header is told; whoever sends others gets no further: nothing that we speak needs them, and each
// is a way around filters. So a datagram's place is known after two looks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/drops.h"
#include "dataplane/io/ip.h"
#include "dataplane/io/ipv4.h"

#define IPV6_LEN             40
#define IPV6_FRAGMENT_LEN    8 // of the fragment header
#define IPV6_UDP_LEN         (IPV6_LEN + UDP_LEN)
#define IPV6_PROTO_HOPOPTS   0
#define IPV6_PROTO_FRAGMENT  44
#define IPV6_PROTO_ICMP      58
#define IPV6_HOP_LIMIT       64
#define IPV6_HOP_LIMIT_LOCAL 255 // neighbour discovery: no router passed it on (RFC 4861 §11.2)

struct ipv6_header {
	const uint8_t *src, *dst; // in the packet
	uint16_t len;             // octets of the whole packet
	uint16_t header_len;      // up to what `proto` names
	uint8_t proto, hop_limit;
	bool has_router_alert; // RFC 2711
	// A fragment (§4.5): header_len includes its header, what follows is a piece.
	bool is_fragment, has_more;
	uint16_t offset; // octets
	uint32_t id;
};

// Checks version, lengths and headers. Octets behind the packet's length are the link's padding.
// DROP_NONE, DROP_L3_MALFORMED, or DROP_L3_EXTENSION: a header that we take from nobody. A fragment
// that is the whole packet (RFC 6946) is none.
enum drop_reason ipv6_read(struct ipv6_header *h, const uint8_t *packet, uint16_t len);
uint16_t ipv6_claimed_len(const uint8_t *packet, uint16_t len); // as ipv4_claimed_len

// Sum of the pseudo-header (§8.1), to be added to csum_partial of what it covers.
uint32_t ipv6_pseudo_sum(const uint8_t src[IP_LEN], const uint8_t dst[IP_LEN], uint32_t len,
			 uint8_t proto);
bool ipv6_checksum_is_right(const struct ipv6_header *h, const uint8_t *data, uint16_t len,
			    uint8_t proto);

// Whatever we write begins so; the payload's length is still to come if it is not known.
void ipv6_write(uint8_t header[IPV6_LEN], const struct ip_addr *src, const struct ip_addr *dst,
		uint16_t payload_len, uint8_t proto, uint8_t hop_limit);

struct udp_flow6 {
	struct ip_addr src, dst;
	uint16_t src_port, dst_port;
};
// Everything but what depends on the length. Where the checksum will be stands the sum so far.
void ipv6_udp_prepare(uint8_t header[IPV6_UDP_LEN], const struct udp_flow6 *f);
// Puts lengths and checksum in; the payload lies behind the header. With offload the checksum is
// the pseudo-header's sum, which the port completes. IPv6 has no header checksum, so UDP's is never
// left out (RFC 8200 §8.1): 25 to 40 ns per packet where the port does not compute it.
void ipv6_udp_finish(uint8_t header[IPV6_UDP_LEN], uint16_t payload_len, bool offload);
