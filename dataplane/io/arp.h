// ARP for IPv4 over Ethernet: the packet (RFC 826, RFC 5227 §1.1). Who is where is neighbours.h.
#pragma once

#include "dataplane/io/l2.h"

#define ARP_LEN 28

enum arp_op {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

// Addresses in host order.
struct arp {
	uint16_t op; // enum arp_op
	struct mac sender_mac, target_mac;
	uint32_t sender_ip, target_ip; // sender_ip 0: a probe (RFC 5227 §2.1.1)
};

// The octets behind the Ethernet header. 0, or -EBADMSG: cut, another kind of network, an operation
// that is neither, or a sender that is nobody (a group address).
int arp_read(struct arp *a, const uint8_t *packet, uint16_t len);
// A whole frame from a->sender_mac to dst, padded. Returns its length, L2_FRAME_MIN.
uint16_t arp_write(uint8_t frame[L2_FRAME_MIN], const struct arp *a, const struct mac *dst);
