#include "dataplane/io/frame.h"

#include "dataplane/io/igmp.h"

#include "dataplane/wire/packet.h"

// A frame on its way through the layers.
struct reading {
	struct frame *f;
	const struct host *h;
	const struct host_link *l;
	const struct frame_hint *hint;
};

// -- UDP --

static bool is_startup(const struct udp_header *u, const uint8_t *udp)
{
	uint32_t id;

	return ssid_unscramble(udp + UDP_LEN, u->len - UDP_LEN, &id) == 0 && id == 0;
}

static bool sum_is_right(const struct frame *f, const struct udp_header *u, const uint8_t *udp)
{
	return f->is_v6 ? ipv6_checksum_is_right(&f->v6, udp, u->len, IPV4_PROTO_UDP)
			: udp_checksum_is_right(&f->v4, udp, u->len);
}

// 0, "none", is a choice in IPv4 and forbidden in IPv6 (RFC 8200 §8.1), whatever the policy.
static enum drop_reason udp_verify(const struct reading *r, const struct udp_header *u,
				   const uint8_t *udp)
{
	enum frame_sum sum = r->hint->sum;
	struct frame *f = r->f;

	if (u->checksum == 0)
		return f->is_v6 ? DROP_L3_CHECKSUM : DROP_NONE;
	if (sum == FRAME_SUM_GOOD)
		return DROP_NONE;
	if (r->l->udp_sums == UDP_SUMS_IGNORED) {
		f->is_unverified = true;
		return DROP_NONE;
	}
	if (sum == FRAME_SUM_UNKNOWN && (!is_startup(u, udp) || sum_is_right(f, u, udp)))
		return DROP_NONE;
	if (r->l->udp_sums == UDP_SUMS_REQUIRED)
		return DROP_L3_CHECKSUM;
	f->is_unverified = true;
	return DROP_NONE;
}

// Inlined into both families' readers, each of which knows which one it is.
static inline __attribute__((always_inline)) enum drop_reason read_udp(const struct reading *r,
								       uint8_t *udp, uint16_t len)
{
	struct frame *f = r->f;
	struct udp_header u;
	enum drop_reason drop = udp_read(&u, udp, len);
	int endpoint;

	if (drop != DROP_NONE)
		return drop;
	endpoint = host_endpoint_at(r->h, &r->h->addrs[f->local - 1].ip, u.dst);
	if (endpoint < 0) {
		f->is_closed_port = true;
		return DROP_L2_NOT_OURS;
	}
	drop = udp_verify(r, &u, udp);
	if (drop != DROP_NONE)
		return drop;
	f->kind = FRAME_DATAGRAM;
	f->endpoint = (uint8_t)endpoint;
	f->src_port = u.src;
	f->payload = udp + UDP_LEN;
	f->payload_len = (uint16_t)(u.len - UDP_LEN);
	return DROP_NONE;
}

// -- IP multicast --

// A datagram to a group of ours. What is wrong with it shows when its HMAC is looked at, but what
// the port or its checksum already says is not worth that.
static enum drop_reason read_to_group(const struct reading *r, const struct ip_addr *group,
				      const struct ip_addr *source, uint8_t *udp, uint16_t len)
{
	struct frame *f = r->f;
	struct udp_header u;
	enum drop_reason drop = udp_read(&u, udp, len);

	if (drop != DROP_NONE)
		return drop;
	if (!host_hears(r->h, group, source, u.dst))
		return DROP_L2_NOT_OURS;
	f->kind = FRAME_TO_GROUP;
	f->src_port = u.src;
	f->payload = udp + UDP_LEN;
	f->payload_len = (uint16_t)(u.len - UDP_LEN);
	return DROP_NONE;
}

static enum drop_reason read_group_v4(const struct reading *r, uint8_t *packet)
{
	struct frame *f = r->f;
	struct ip_addr group = ip_of_v4(f->v4.dst), source = ip_of_v4(f->v4.src);

	if (f->v4.is_fragment || f->v4.dst >> 28 != 14)
		return DROP_L2_NOT_OURS;
	if (f->v4.proto == IPV4_PROTO_IGMP) {
		f->kind = FRAME_IGMP;
		return DROP_NONE;
	}
	if (f->v4.proto != IPV4_PROTO_UDP)
		return DROP_L2_NOT_OURS;
	if (!ipv4_is_host(f->v4.src) || host_addr_v4(r->h, r->l, f->v4.src) >= 0)
		return DROP_L3_MALFORMED;
	return read_to_group(r, &group, &source, packet + f->v4.header_len,
			     (uint16_t)(f->v4.len - f->v4.header_len));
}

// -- IPv4 --

static enum drop_reason read_ipv4(const struct reading *r, uint8_t *packet, uint16_t len)
{
	struct frame *f = r->f;
	enum drop_reason drop = ipv4_read(&f->v4, packet, len, r->hint->ip_sum_is_good);
	int addr;

	f->is_over_mtu = ipv4_claimed_len(packet, len) > r->l->mtu;
	if (drop != DROP_NONE)
		return drop;
	addr = host_addr_v4(r->h, r->l, f->v4.dst);
	if (addr < 0)
		return r->h->n_groups > 0 ? read_group_v4(r, packet) : DROP_L2_NOT_OURS;
	if (!ipv4_is_host(f->v4.src) || host_addr_v4(r->h, r->l, f->v4.src) >= 0)
		return DROP_L3_MALFORMED;
	f->local = (uint8_t)(addr + 1);
	if (f->v4.proto != IPV4_PROTO_UDP && f->v4.proto != IPV4_PROTO_ICMP)
		return DROP_L2_NOT_OURS;
	if (f->v4.is_fragment) {
		f->kind = FRAME_PIECE;
		return DROP_NONE;
	}
	if (f->v4.proto == IPV4_PROTO_UDP)
		return read_udp(r, packet + f->v4.header_len,
				(uint16_t)(f->v4.len - f->v4.header_len));
	f->kind = FRAME_ICMP;
	return DROP_NONE;
}

// -- IPv6 --

// Every node's group, and those where questions for our addresses go, also for the ones that are
// being asked for.
static bool is_in_group(const struct reading *r, const struct ip_addr *group)
{
	if (ip_equal(group, &ip_all_nodes))
		return r->l->n_addrs > 0 && host_has_ipv6(r->h, r->l);
	for (uint8_t i = r->l->first; i < r->l->first + r->l->n_addrs; i++) {
		struct ip_addr of = ip_solicited_node(&r->h->addrs[i].ip);

		if (!ip_is_v4(&r->h->addrs[i].ip) && ip_equal(group, &of))
			return true;
	}
	return false;
}

// 0, 1 + which of our addresses it is for: 0 a group. -1: not for us.
static int is_for_us(const struct reading *r, const struct ip_addr *src, const struct ip_addr *dst)
{
	int addr;

	if (ip_is_multicast(dst))
		return is_in_group(r, dst) || host_hears(r->h, dst, src, 0) ? 0 : -1;
	addr = host_addr_at(r->h, r->l, dst);
	return addr >= 0 && r->h->addrs[addr].state == ADDR_READY ? addr + 1 : -1;
}

// Without a source only those speak who still look for an address: by neighbour discovery (RFC 4861
// §7.1.1) and MLD. Our own address is heard from others there alone, too: that is how a conflict
// shows.
static bool source_is_good(const struct reading *r, const struct ip_addr *src, uint8_t proto)
{
	if (ip_is_zero(src) || host_addr_at(r->h, r->l, src) >= 0)
		return proto == IPV6_PROTO_ICMP;
	return ipv6_is_host(src->octets);
}

static __attribute__((noinline)) enum drop_reason read_ipv6(const struct reading *r,
							    uint8_t *packet, uint16_t len)
{
	struct frame *f = r->f;
	enum drop_reason drop = ipv6_read(&f->v6, packet, len);
	struct ip_addr src, dst;
	int local;

	f->is_v6 = true;
	f->is_over_mtu = ipv6_claimed_len(packet, len) > r->l->mtu;
	if (drop == DROP_L3_MALFORMED)
		return drop;
	src = ip_of_v6(f->v6.src);
	dst = ip_of_v6(f->v6.dst);
	local = is_for_us(r, &src, &dst);
	if (local < 0 ||
	    (local == 0 && f->v6.proto != IPV6_PROTO_ICMP && !host_hears(r->h, &dst, &src, 0)))
		return DROP_L2_NOT_OURS;
	if (drop != DROP_NONE)
		return drop;
	if (!source_is_good(r, &src, f->v6.proto))
		return DROP_L3_MALFORMED;
	f->local = (uint8_t)local;
	if (local == 0 && f->v6.proto != IPV6_PROTO_ICMP)
		return f->v6.is_fragment || f->v6.proto != IPV4_PROTO_UDP
			       ? DROP_L2_NOT_OURS
			       : read_to_group(r, &dst, &src, packet + f->v6.header_len,
					       (uint16_t)(f->v6.len - f->v6.header_len));
	if (f->v6.is_fragment) {
		f->kind = FRAME_PIECE;
		return DROP_NONE;
	}
	if (f->v6.proto == IPV4_PROTO_UDP)
		return read_udp(r, packet + f->v6.header_len,
				(uint16_t)(f->v6.len - f->v6.header_len));
	f->kind = FRAME_ICMP6;
	return DROP_NONE;
}

// -- the link --

static enum drop_reason read_arp(struct frame *f, const uint8_t *packet, uint16_t len)
{
	if (arp_read(&f->arp, packet, len) != 0)
		return DROP_L3_MALFORMED;
	f->kind = FRAME_ARP;
	return DROP_NONE;
}

static bool is_multicast_v6(const struct mac *m)
{
	return m->octets[0] == 0x33 && m->octets[1] == 0x33;
}

// Without a network of ours, a tag may still carry priority alone, its network 0 (IEEE 802.1Q
// §6.9).
static bool is_our_vlan(const struct host_link *l, bool has_tag, uint16_t tag)
{
	uint16_t vlan = has_tag ? tag & L2_VLAN_MASK : 0;

	return vlan == l->vlan;
}

// A frame with our own source address is one that we sent: packet sockets see those, too.
static enum drop_reason read_l2(const struct reading *r, uint8_t *data, uint16_t len)
{
	bool has_tag = r->hint->was_tagged;
	const struct mac *ours = &r->l->mac;
	uint16_t tag = r->hint->tag;
	struct l2_header l2;

	if (l2_read(&l2, data, len) != 0)
		return DROP_L3_MALFORMED;
	if (l2.type == L2_TYPE_VLAN && !has_tag) {
		if (l2_untag(data, len, &tag) != 0)
			return DROP_L3_MALFORMED;
		has_tag = true;
		r->f->skip = L2_TAG_LEN;
		r->f->tag = tag;
		data += L2_TAG_LEN;
		len -= L2_TAG_LEN;
		l2.type = be16_get(data + 2 * MAC_LEN);
	}
	if (mac_equal(&l2.src, ours) || mac_is_group(&l2.src))
		return DROP_L2_NOT_OURS;
	if (!is_our_vlan(r->l, has_tag, tag))
		return DROP_L2_VLAN;
	data += L2_LEN;
	len -= L2_LEN;
	if (l2.type == L2_TYPE_IPV4 &&
	    (mac_equal(&l2.dst, ours) || (r->h->n_groups > 0 && mac_is_group(&l2.dst))))
		return read_ipv4(r, data, len);
	if (l2.type == L2_TYPE_IPV6 && (mac_equal(&l2.dst, ours) || is_multicast_v6(&l2.dst)))
		return read_ipv6(r, data, len);
	if (l2.type == L2_TYPE_ARP && (mac_equal(&l2.dst, ours) || mac_is_broadcast(&l2.dst)))
		return read_arp(r->f, data, len);
	return DROP_L2_NOT_OURS;
}

void frame_read(struct frame *f, const struct host *h, uint8_t link, uint8_t *data, uint16_t len,
		const struct frame_hint *hint)
{
	struct reading r = {.f = f, .h = h, .l = &h->links[link], .hint = hint};

	f->kind = FRAME_DROP;
	f->is_v6 = false;
	f->is_over_mtu = false;
	f->is_unverified = false;
	f->is_closed_port = false;
	f->skip = 0;
	f->local = 0;
	f->drop = read_l2(&r, data, len);
}
