#include "dataplane/io/frame.h"

static enum drop_reason udp_verify(struct frame *f, const struct host_link *l,
				   const struct udp_header *u, const uint8_t *udp,
				   enum frame_sum sum)
{
	if (u->checksum == 0 || sum == FRAME_SUM_GOOD)
		return DROP_NONE;
	if (l->udp_sums == UDP_SUMS_IGNORED) {
		f->is_unverified = true;
		return DROP_NONE;
	}
	if (sum == FRAME_SUM_UNKNOWN && udp_checksum_is_right(&f->ip, udp, u->len))
		return DROP_NONE;
	if (l->udp_sums == UDP_SUMS_REQUIRED)
		return DROP_L3_CHECKSUM;
	f->is_unverified = true;
	return DROP_NONE;
}

static enum drop_reason read_udp(struct frame *f, const struct host *h, const struct host_link *l,
				 uint8_t *udp, enum frame_sum sum)
{
	struct udp_header u;
	enum drop_reason drop = udp_read(&u, udp, (uint16_t)(f->ip.len - f->ip.header_len));
	int endpoint;

	if (drop != DROP_NONE)
		return drop;
	endpoint = host_endpoint_at(h, l, f->ip.dst, u.dst);
	if (endpoint < 0)
		return DROP_L2_NOT_OURS;
	drop = udp_verify(f, l, &u, udp, sum);
	if (drop != DROP_NONE)
		return drop;
	f->kind = FRAME_DATAGRAM;
	f->endpoint = (uint8_t)endpoint;
	f->src_port = u.src;
	f->payload = udp + UDP_LEN;
	f->payload_len = (uint16_t)(u.len - UDP_LEN);
	return DROP_NONE;
}

static enum drop_reason read_ipv4(struct frame *f, const struct host *h, const struct host_link *l,
				  uint8_t *packet, uint16_t len, enum frame_sum sum)
{
	enum drop_reason drop = ipv4_read(&f->ip, packet, len);

	f->is_over_mtu = ipv4_claimed_len(packet, len) > l->mtu;
	if (drop != DROP_NONE)
		return drop;
	if (f->ip.dst != l->address)
		return DROP_L2_NOT_OURS;
	if (!ipv4_is_host(f->ip.src) || f->ip.src == l->address)
		return DROP_L3_MALFORMED;
	if (f->ip.proto == IPV4_PROTO_UDP)
		return read_udp(f, h, l, packet + f->ip.header_len, sum);
	if (f->ip.proto != IPV4_PROTO_ICMP)
		return DROP_L2_NOT_OURS;
	f->kind = FRAME_ICMP;
	return DROP_NONE;
}

static enum drop_reason read_arp(struct frame *f, const uint8_t *packet, uint16_t len)
{
	if (arp_read(&f->arp, packet, len) != 0)
		return DROP_L3_MALFORMED;
	f->kind = FRAME_ARP;
	return DROP_NONE;
}

// A frame with our own source address is one that we sent: packet sockets see those, too.
static enum drop_reason read_l2(struct frame *f, const struct host *h, const struct host_link *l,
				uint8_t *data, uint16_t len, enum frame_sum sum)
{
	struct l2_header l2;

	if (l2_read(&l2, data, len) != 0)
		return DROP_L3_MALFORMED;
	if (mac_equal(&l2.src, &l->mac) || mac_is_group(&l2.src))
		return DROP_L2_NOT_OURS;
	if (l2.type == L2_TYPE_ARP && (mac_equal(&l2.dst, &l->mac) || mac_is_broadcast(&l2.dst)))
		return read_arp(f, data + L2_LEN, (uint16_t)(len - L2_LEN));
	if (l2.type == L2_TYPE_IPV4 && mac_equal(&l2.dst, &l->mac))
		return read_ipv4(f, h, l, data + L2_LEN, (uint16_t)(len - L2_LEN), sum);
	return DROP_L2_NOT_OURS;
}

void frame_read(struct frame *f, const struct host *h, uint8_t link, uint8_t *data, uint16_t len,
		enum frame_sum sum)
{
	f->kind = FRAME_DROP;
	f->is_over_mtu = false;
	f->is_unverified = false;
	f->drop = read_l2(f, h, &h->links[link], data, len, sum);
}
