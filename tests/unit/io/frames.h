// Frames as the tests send them: well-formed, to be broken by whoever needs it.
#pragma once

#include <arpa/inet.h>
#include <stdlib.h>

#include "dataplane/io/arp.h"
#include "dataplane/io/ipv4.h"
#include "dataplane/io/ipv6.h"
#include "tests/support/test.h"

#define OUR_IP      0x0a630001u // 10.99.0.1
#define PEER_IP     0x0a630002u
#define GATEWAY_IP  0x0a6300feu
#define FAR_IP      0xc6336407u // 198.51.100.7, somewhere else
#define OUR_IP6     "2001:db8:99::1"
#define OUR_LOCAL6  "fe80::1"
#define PEER_IP6    "2001:db8:99::2"
#define PEER_LOCAL6 "fe80::2"
#define GATEWAY_IP6 "fe80::fe"
#define FAR_IP6     "2001:db8:77::7"
#define OUR_PORT    1935
#define PEER_PORT   50000

extern const struct mac our_mac, peer_mac, everybody;

static inline struct ip_addr ip(const char *text)
{
	uint8_t octets[IP_LEN];

	if (inet_pton(AF_INET, text, octets) == 1)
		return ip_of(4, octets);
	assert_int_equal(inet_pton(AF_INET6, text, octets), 1);
	return ip_of(6, octets);
}

struct built {
	uint8_t *data; // exactly len octets from malloc, so that a look behind them is seen
	uint16_t len;
};

// Peer to us, with a right checksum.
struct built frame_udp(const void *payload, uint16_t len);
struct built frame_arp(uint16_t op, uint32_t sender, uint32_t target);
struct built frame_ping(uint16_t payload_len);
// The same in IPv6: datagram and ping from PEER_IP6 to OUR_IP6, and any ICMPv6 message, whose
// checksum is put right; to a group, at the group's MAC.
struct built frame_udp6(const void *payload, uint16_t len);
struct built frame_ping6(uint16_t payload_len);
struct built frame_icmp6(const char *src, const char *dst, uint8_t hop_limit, const void *icmp,
			 uint16_t len);
void frame_resum_udp6(struct built *);
// A frame with a VLAN's tag put in; frees the other.
struct built frame_tagged(struct built, uint16_t tag);
// The payload octets [from, from + len) of its IP packet, in a piece of their own (RFC 791 §3.2,
// RFC 8200 §4.5).
struct built frame_piece(const struct built *whole, uint32_t id, uint16_t from, uint16_t len,
			 bool has_more);
// The first len octets alone.
struct built frame_cut(const struct built *, uint16_t len);
// Makes the header checksum right again.
void frame_resum_ipv4(struct built *);
void frame_resum_udp(struct built *);
void frame_free(struct built *);
