// IPv4 and UDP headers (RFC 791, RFC 768, RFC 1122 §3.2.1): reading what strangers send, and
// writing the one kind we send: no options, never fragmented, so no identification (RFC 6864 §4.1).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/checksum.h"
#include "dataplane/drops.h"
#include "dataplane/wire/cursor.h"

#define IPV4_LEN        20 // without options
#define UDP_LEN         8
#define IPV4_PROTO_ICMP 1
#define IPV4_PROTO_UDP  17
#define IPV4_TTL        64 // RFC 1340's default

// Addresses in host order.
struct ipv4_header {
	uint32_t src, dst;
	uint16_t header_len, len; // octets, options included; of the whole packet
	uint8_t proto;
	// What follows is a piece of a packet (§2.7 of RFC 791): where, and of which.
	bool is_fragment, has_more;
	uint16_t offset, id; // octets
};

// Checks version, lengths and checksum, which sum_is_good (the port says so) spares. Octets behind
// the packet's length are the link's padding. DROP_NONE, DROP_L3_MALFORMED or DROP_L3_CHECKSUM.
enum drop_reason ipv4_read(struct ipv4_header *h, const uint8_t *packet, uint16_t len,
			   bool sum_is_good);
// The length a packet claims for itself, 0 if it is too short to claim any: a frame that a local
// peer's card was to cut (segmentation offload) claims more than any link carries.
uint16_t ipv4_claimed_len(const uint8_t *packet, uint16_t len);

// A source or destination that one host may have: not 0/8, loopback, multicast, reserved or
// broadcast.
bool ipv4_is_host(uint32_t ip);

struct udp_header {
	uint16_t src, dst; // ports
	uint16_t len;      // octets, header included
	uint16_t checksum; // 0: the sender made none
};

// payload of a packet read by ipv4_read. DROP_NONE or DROP_L3_MALFORMED.
enum drop_reason udp_read(struct udp_header *u, const uint8_t *payload, uint16_t len);
// Is the checksum over pseudo-header and datagram right? len: udp_header.len.
bool udp_checksum_is_right(const struct ipv4_header *h, const uint8_t *udp, uint16_t len);

// A header for datagrams of one sender to one receiver: everything but what depends on the length.
struct udp_flow {
	uint32_t src, dst;
	uint16_t src_port, dst_port;
};
#define IPV4_UDP_LEN (IPV4_LEN + UDP_LEN)
void ipv4_udp_prepare(uint8_t header[IPV4_UDP_LEN], const struct udp_flow *f);
// Puts the lengths in and completes the header checksum, for payload_len octets. The UDP checksum
// is 0, "none" (RFC 768), or with offload the pseudo-header's sum, which the port completes.
void ipv4_udp_finish(uint8_t header[IPV4_UDP_LEN], uint16_t payload_len, bool offload);
// The same without a checksum of UDP, for a header that was just copied: reading what was prepared
// from where it came does not wait for the copy.
static inline void ipv4_udp_finish_from(const uint8_t *prepared, uint8_t *header,
					uint16_t payload_len)
{
	uint16_t udp_len = (uint16_t)(UDP_LEN + payload_len);
	uint16_t len = (uint16_t)(IPV4_LEN + udp_len);
	uint32_t sum = be16_get(prepared + 10) + (uint32_t)len;

	be16_put(header + 2, len);
	be16_put(header + 10, csum_finish(sum));
	be16_put(header + IPV4_LEN + 4, udp_len);
}
