// IPv4 and UDP headers (RFC 791, RFC 768, RFC 1122 §3.2.1): reading what strangers send, and
// writing the one kind we send: no options, never fragmented, so no identification (RFC 6864 §4.1).
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "crypto/checksum.h"
#include "dataplane/drops.h"
#include "dataplane/wire/cursor.h"

#define IPV4_LEN        20 // without options
#define UDP_LEN         8
#define IPV4_PROTO_ICMP 1
#define IPV4_PROTO_UDP  17
#define IPV4_TTL        64 // RFC 1340's default

// Of the header's fragment field.
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK    0x1fff

// Addresses in host order.
struct ipv4_header {
	uint32_t src, dst;
	uint16_t header_len, len; // octets, options included; of the whole packet
	uint8_t proto;
	// What follows is a piece of a packet (§2.7 of RFC 791): where, and of which.
	bool is_fragment, has_more;
	uint16_t offset, id; // octets
};

// The sum of a header's words is 0xffff, in whatever order its octets are added.
static inline bool ipv4_sum_is_right(const uint8_t *p, uint16_t header_len)
{
	uint64_t sum = 0;
	uint32_t word;

	for (uint16_t at = 0; at < header_len; at += 4) {
		memcpy(&word, p + at, 4);
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

// Checks version, lengths and checksum, which sum_is_good (the port says so) spares. Octets behind
// the packet's length are the link's padding. DROP_NONE, DROP_L3_MALFORMED or DROP_L3_CHECKSUM.
static inline enum drop_reason ipv4_read(struct ipv4_header *h, const uint8_t *p, uint16_t len,
					 bool sum_is_good)
{
	uint16_t field;

	if (len < IPV4_LEN || p[0] >> 4 != 4)
		return DROP_L3_MALFORMED;
	h->header_len = (uint16_t)((p[0] & 0x0f) * 4);
	h->len = be16_get(p + 2);
	if (h->header_len < IPV4_LEN || h->len < h->header_len || h->len > len)
		return DROP_L3_MALFORMED;
	if (!sum_is_good && !ipv4_sum_is_right(p, h->header_len))
		return DROP_L3_CHECKSUM;
	field = be16_get(p + 6);
	h->is_fragment = (field & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) != 0;
	h->has_more = (field & IPV4_MORE_FRAGMENTS) != 0;
	h->offset = (uint16_t)((field & IPV4_OFFSET_MASK) * 8); // the field has 13 bits
	h->id = be16_get(p + 4);
	h->proto = p[9];
	h->src = be32_get(p + 12);
	h->dst = be32_get(p + 16);
	return DROP_NONE;
}
// The length a packet claims for itself, 0 if it is too short to claim any: a frame that a local
// peer's card was to cut (segmentation offload) claims more than any link carries.
static inline uint16_t ipv4_claimed_len(const uint8_t *p, uint16_t len)
{
	return len >= IPV4_LEN && p[0] >> 4 == 4 ? be16_get(p + 2) : 0;
}

// A source or destination that one host may have: not 0/8, loopback, multicast, reserved or
// broadcast.
static inline bool ipv4_is_host(uint32_t ip)
{
	uint8_t net = (uint8_t)(ip >> 24);

	return net != 0 && net != 127 && net < 224;
}

struct udp_header {
	uint16_t src, dst; // ports
	uint16_t len;      // octets, header included
	uint16_t checksum; // 0: the sender made none
};

// payload of a packet read by ipv4_read. DROP_NONE or DROP_L3_MALFORMED.
static inline enum drop_reason udp_read(struct udp_header *u, const uint8_t *p, uint16_t len)
{
	if (len < UDP_LEN)
		return DROP_L3_MALFORMED;
	u->src = be16_get(p);
	u->dst = be16_get(p + 2);
	u->len = be16_get(p + 4);
	u->checksum = be16_get(p + 6);
	// Port 0 means "no answer wanted" (RFC 768), and RTMFP always answers.
	if (u->len < UDP_LEN || u->len > len || u->src == 0)
		return DROP_L3_MALFORMED;
	return DROP_NONE;
}
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
