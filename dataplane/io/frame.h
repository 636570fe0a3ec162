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

// -- the usual frame, which nearly all are --

// To us from another, IPv4, no tag.
static inline bool frame_is_usual_l2(const struct host_link *l, const uint8_t *data,
				     const struct frame_hint *hint)
{
	const struct mac *dst = (const struct mac *)data;
	const struct mac *src = (const struct mac *)(data + MAC_LEN);

	return mac_equal(dst, &l->mac) && !mac_equal(src, &l->mac) && !mac_is_group(src) &&
	       be16_get(data + 2 * MAC_LEN) == L2_TYPE_IPV4 && l->vlan == 0 && !hint->was_tagged;
}

// UDP in a whole packet without options that the link carries and this frame holds.
static inline bool frame_is_usual_ip(const struct host_link *l, const uint8_t *ip, uint16_t len,
				     const struct frame_hint *hint)
{
	uint16_t ip_len = be16_get(ip + 2), udp_len = be16_get(ip + IPV4_LEN + 4);

	return ip[0] == 0x45 && ip[9] == IPV4_PROTO_UDP &&
	       (be16_get(ip + 6) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) == 0 &&
	       ip_len <= len && ip_len <= l->mtu && ip_len >= IPV4_UDP_LEN && udp_len >= UDP_LEN &&
	       udp_len <= ip_len - IPV4_LEN &&
	       (hint->ip_sum_is_good || ipv4_sum_is_right(ip, IPV4_LEN));
}

// Nobody need look at its UDP checksum: there is none, the port did, or a session will verify it.
static inline bool frame_is_usual_sum(const struct host_link *l, const uint8_t *udp,
				      const struct frame_hint *hint)
{
	uint32_t id = 0;

	if (be16_get(udp + 6) == 0 || hint->sum == FRAME_SUM_GOOD)
		return true;
	return hint->sum == FRAME_SUM_UNKNOWN && l->udp_sums != UDP_SUMS_IGNORED &&
	       ssid_unscramble(udp + UDP_LEN, be16_get(udp + 4) - UDP_LEN, &id) == 0 && id != 0;
}

// A datagram for one of our endpoints as nearly all come: then f is what frame_read makes of it.
// False: that is for frame_read to say.
static inline bool frame_usual(struct frame *f, const struct host *h, uint8_t link, uint8_t *data,
			       uint16_t len, const struct frame_hint *hint)
{
	const struct host_link *l = &h->links[link];
	uint8_t *ip = data + L2_LEN, *udp = ip + IPV4_LEN;
	int addr, endpoint;

	if (len < L2_LEN + IPV4_UDP_LEN || !frame_is_usual_l2(l, data, hint) ||
	    !frame_is_usual_ip(l, ip, (uint16_t)(len - L2_LEN), hint) ||
	    !frame_is_usual_sum(l, udp, hint))
		return false;
	f->v4.src = be32_get(ip + 12);
	f->src_port = be16_get(udp);
	addr = host_addr_v4(h, l, be32_get(ip + 16));
	if (addr < 0 || f->src_port == 0 || !ipv4_is_host(f->v4.src) ||
	    host_addr_v4(h, l, f->v4.src) >= 0)
		return false;
	endpoint = host_endpoint_at(h, &h->addrs[addr].ip, be16_get(udp + 2));
	if (endpoint < 0)
		return false;
	f->kind = FRAME_DATAGRAM;
	f->drop = DROP_NONE;
	f->is_v6 = f->is_over_mtu = f->is_unverified = f->is_closed_port = false;
	f->skip = 0;
	f->endpoint = (uint8_t)endpoint;
	f->local = (uint8_t)(addr + 1);
	f->payload = udp + UDP_LEN;
	f->payload_len = (uint16_t)(be16_get(udp + 4) - UDP_LEN);
	return true;
}

// -- strangers --

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
