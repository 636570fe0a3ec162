// Ethernet II frames (IEEE 802.3 §3.1; RFC 894), and the tag of a virtual network in them (IEEE
// 802.1Q §9).
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/wire/cursor.h"

#define MAC_LEN      6
#define L2_LEN       14
#define L2_FRAME_MIN 60 // octets without FCS; what we build is padded up to this
#define L2_TYPE_IPV4 0x0800
#define L2_TYPE_ARP  0x0806
#define L2_TYPE_IPV6 0x86dd
#define L2_TYPE_VLAN 0x8100 // 802.1Q; 802.1ad's outer tags (0x88a8) are providers' business
#define L2_TAG_LEN   4
#define L2_VLAN_MASK 0x0fff // of a tag: the network; the rest is priority

struct mac {
	uint8_t octets[MAC_LEN];
};

struct l2_header {
	struct mac dst, src;
	uint16_t type; // host order
};

// 0, or -EBADMSG: shorter than a header. Here, and not in l2.c, as all that reads every frame is.
static inline int l2_read(struct l2_header *h, const uint8_t *frame, uint16_t len)
{
	if (len < L2_LEN)
		return -EBADMSG;
	memcpy(&h->dst, frame, MAC_LEN);
	memcpy(&h->src, frame + MAC_LEN, MAC_LEN);
	h->type = be16_get(frame + 2 * MAC_LEN);
	return 0;
}

void l2_write(uint8_t frame[L2_LEN], const struct l2_header *h);
// The same with a tag, unless vlan is 0. Returns the length: L2_LEN, or L2_TAG_LEN more.
uint16_t l2_write_tagged(uint8_t *frame, const struct l2_header *h, uint16_t vlan);
// Puts a tag into a frame of L2_LEN octets or more that begins L2_TAG_LEN octets behind `room`,
// where it begins then.
void l2_tag(uint8_t *room, uint16_t vlan);
// Takes the tag out of a frame of type L2_TYPE_VLAN: then it begins L2_TAG_LEN octets further on.
// -EBADMSG: it is too short for one.
int l2_untag(uint8_t *frame, uint16_t len, uint16_t *tag);

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
