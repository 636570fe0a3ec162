// What a received frame is: a datagram for one of our endpoints, ARP, ICMP of either family, a
// piece of a packet, or nothing for us. Takes the tag of a virtual network out; else the octets
// stay as they are.
#pragma once

#include <stdint.h>

#include "dataplane/io/arp.h"
#include "dataplane/io/host.h"
#include "dataplane/wire/packet.h"

enum frame_kind {
	FRAME_DROP,     // .drop says why
	FRAME_DATAGRAM, // endpoint to payload_len
	FRAME_ARP,      // .arp
	FRAME_ICMP,     // .v4: for us, not yet looked into
	FRAME_ICMP6,    // .v6: for us or for a group that we are in, not yet looked into
	FRAME_TO_GROUP, // a datagram to one of our IP multicast groups: source, payload
	FRAME_IGMP,     // .v4: for a group, not yet looked into
	FRAME_PIECE,    // .v4 or .v6: an IP fragment for us (ip_frag.h)
};

// What the port said of the UDP checksum.
enum frame_sum {
	FRAME_SUM_UNKNOWN,
	FRAME_SUM_GOOD,
	FRAME_SUM_BAD,
};

// What the port knows of a frame.
struct frame_hint {
	enum frame_sum sum;
	bool ip_sum_is_good;
	bool was_tagged; // it took out a tag:
	uint16_t tag;
};

struct frame {
	enum frame_kind kind;
	enum drop_reason drop;
	bool is_v6;
	bool is_over_mtu;    // claims to be longer than the link carries: an uncut burst of a local
			     // peer
	bool is_unverified;  // its UDP checksum is wrong or was not looked at, and it was accepted
	bool is_closed_port; // dropped, since nobody is at that UDP port of ours
	uint8_t skip;        // octets before the frame, where a tag has been:
	uint16_t tag;        // this one
	uint8_t endpoint;
	uint8_t local; // pkt.local: 1 + which of our addresses it came to; 0: a group
	uint16_t src_port;
	uint8_t *payload;
	uint16_t payload_len;
	union {
		struct ipv4_header v4;
		struct ipv6_header v6;
		struct arp arp;
	};
};

// UDP checksums are computed here for startup packets alone, RTMFP's session id 0: they are what a
// stranger gets answered. Behind them, every packet is verified by its session (§2.2.3 of RFC 7016
// asks for no more).
void frame_read(struct frame *, const struct host *, uint8_t link, uint8_t *data, uint16_t len,
		const struct frame_hint *);

// Is it a datagram to session id 0, as far as single octets at their usual places tell? Then its
// source, as in struct pkt: enough to refuse it by, before anything else of it is looked at. NULL:
// no, or it has a tag or options; frame_read says what it is.
static inline const uint8_t *frame_stranger(const uint8_t *data, uint16_t len, uint8_t *family)
{
	const uint8_t *ip = data + L2_LEN, *src = NULL;
	size_t header_len = L2_LEN + IPV4_UDP_LEN;
	uint32_t id = 1;

	if (len < L2_LEN + IPV6_UDP_LEN || (data[0] & 1) != 0) // to a group: nothing of RTMFP's
		return NULL;
	if (be16_get(data + 2 * MAC_LEN) == L2_TYPE_IPV4 && ip[0] == 0x45 &&
	    ip[9] == IPV4_PROTO_UDP) {
		*family = 4;
		src = ip + 12;
	} else if (be16_get(data + 2 * MAC_LEN) == L2_TYPE_IPV6 && ip[6] == IPV4_PROTO_UDP) {
		*family = 6;
		src = ip + 8;
		header_len = L2_LEN + IPV6_UDP_LEN;
	}
	if (src == NULL || ssid_unscramble(data + header_len, len - header_len, &id) != 0)
		return NULL;
	return id == 0 ? src : NULL;
}
