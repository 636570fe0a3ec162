// Ethernet II frames without tags (IEEE 802.3 §3.1; RFC 894).
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/wire/cursor.h"

#define MAC_LEN      6
#define L2_LEN       14
#define L2_FRAME_MIN 60 // octets without FCS; what we build is padded up to this
#define L2_TYPE_IPV4 0x0800
#define L2_TYPE_ARP  0x0806

struct mac {
	uint8_t octets[MAC_LEN];
};

struct l2_header {
	struct mac dst, src;
	uint16_t type; // host order
};

// 0, or -EBADMSG: shorter than a header.
int l2_read(struct l2_header *h, const uint8_t *frame, uint16_t len);
void l2_write(uint8_t frame[L2_LEN], const struct l2_header *h);

static inline bool mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

// Broadcast and multicast: the group bit.
static inline bool mac_is_group(const struct mac *m)
{
	return (m->octets[0] & 1) != 0;
}

bool mac_is_broadcast(const struct mac *m);
