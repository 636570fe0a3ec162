// ICMP, as far as an appliance speaks it: it answers echo requests (RFC 792, RFC 1122 §3.2.2.6).
// What errors say is icmp_error.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/drops.h"

#define ICMP_LEN 8

// Length and checksum of a message.
bool icmp_check(const uint8_t *icmp, uint16_t len);

// Turns an echo request into its reply, in place, from the Ethernet header on: addresses swapped,
// time to live renewed, checksums right again. The frame's IPv4 header was read and is for us. len:
// ipv4_header.len; header_len: ipv4_header.header_len. DROP_NONE: the frame is a reply. Anything
// else it leaves alone: DROP_L2_NOT_OURS (another ICMP message), DROP_L3_MALFORMED,
// DROP_L3_CHECKSUM.
enum drop_reason icmp_echo_reply(uint8_t *frame, uint16_t header_len, uint16_t len);
