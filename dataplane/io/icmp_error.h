// ICMP and ICMPv6 errors: what routers and hosts say of packets of ours, and the one that we may
// say, "nobody is at that port" (RFC 792, RFC 1122 §3.2.2, RFC 4443 §3).
//
// They are advice of strangers: one counts only if it quotes a datagram that one of our endpoints
// may have sent (RFC 5927 §4), and then it is counted by its code. Nothing follows but from "too
// big", if the session whose datagram it was recognises it (core/pmtu.h); everything else sessions
// find out by themselves.
#pragma once

#include "dataplane/core/engine.h"
#include "dataplane/io/host.h"

#define ICMP_CODES       16   // of "unreachable": 0 to 15 in IPv4, 0 to 8 in IPv6
#define ICMP_ERROR_QUOTE 1232 // octets that we quote at most: 1280 in all (RFC 4443 §2.4 c)
#define ICMP_ERROR_MAX   (L2_LEN + IPV6_LEN + 8 + ICMP_ERROR_QUOTE)

struct icmp_error {
	bool is_unreachable; // then code counts
	uint8_t code;
	struct ip_addr far; // the quoted datagram's destination,
	uint16_t far_port;
	uint8_t endpoint; // and who sent it
	// DROP_ICMP_TOO_BIG: what is said of it, for the engine.
	struct too_big too_big;
};

// A message that is no echo and no neighbour discovery, its checksum checked. Why it is dropped, as
// every one is: ICMP_ERROR, ICMP_TOO_BIG (then also is_unreachable in IPv4), ICMP_REDIRECT,
// ICMP_BOGUS, L2_NOT_OURS (not an error at all), L3_MALFORMED.
enum drop_reason icmp_error_read(struct icmp_error *, const struct host *, bool is_v6,
				 const uint8_t *icmp, uint16_t len);

// "Port unreachable" about a datagram that came over this link: a whole frame to its sender.
// frame, packet_len: the frame it came in, and its packet's length. Returns the length.
uint16_t icmp_error_port_closed(uint8_t out[ICMP_ERROR_MAX], const uint8_t *frame, bool is_v6,
				uint16_t packet_len);
