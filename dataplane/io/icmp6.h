// ICMPv6 as far as an appliance speaks it (RFC 4443): checksums, and answers to echo requests.
// Neighbour discovery, which also travels in it, is nd.h; errors are icmp_error.h.
#pragma once

#include "dataplane/io/ipv6.h"

#define ICMP6_LEN          8 // of most messages' fixed part
#define ICMP6_UNREACHABLE  1
#define ICMP6_TOO_BIG      2
#define ICMP6_TIME         3
#define ICMP6_PARAMETER    4
#define ICMP6_ECHO_REQUEST 128
#define ICMP6_ECHO_REPLY   129
#define ICMP6_MLD_QUERY    130
#define ICMP6_RS           133
#define ICMP6_RA           134
#define ICMP6_NS           135
#define ICMP6_NA           136
#define ICMP6_REDIRECT     137
#define ICMP6_MLD2_REPORT  143

// Length and checksum of a message; h: of its packet. DROP_NONE, DROP_L3_MALFORMED or
// DROP_L3_CHECKSUM.
enum drop_reason icmp6_check(const struct ipv6_header *h, const uint8_t *icmp, uint16_t len);

// Puts the checksum into a message of ours, behind the header of its packet.
void icmp6_finish(uint8_t ipv6[IPV6_LEN], uint8_t *icmp, uint16_t len);

// Turns an echo request into its reply, in place, from the Ethernet header on; the frame's packet
// was read, checked and is for one of our addresses. Anything but DROP_NONE leaves it alone:
// DROP_L2_NOT_OURS (another message), DROP_L3_EXTENSION (headers that an answer would have to
// repeat).
enum drop_reason icmp6_echo_reply(uint8_t *frame, const struct ipv6_header *h);
