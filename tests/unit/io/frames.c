#include "tests/unit/io/frames.h"

#include <arpa/inet.h>
#include <string.h>

#include "crypto/checksum.h"

const struct mac our_mac = {{0x02, 0, 0, 0, 0, 0x01}};
const struct mac peer_mac = {{0x02, 0, 0, 0, 0, 0x02}};
const struct mac everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static struct built make(uint16_t len)
{
	struct built b = {.data = calloc(1, len), .len = len};

	return b;
}

static void put_ipv4(struct built *b, uint8_t proto)
{
	uint8_t *ip = b->data + L2_LEN;

	l2_write(b->data,
		 &(struct l2_header){.dst = our_mac, .src = peer_mac, .type = L2_TYPE_IPV4});
	ip[0] = 0x45;
	be16_put(ip + 2, (uint16_t)(b->len - L2_LEN));
	ip[8] = 3; // time to live
	ip[9] = proto;
	be32_put(ip + 12, PEER_IP);
	be32_put(ip + 16, OUR_IP);
	frame_resum_ipv4(b);
}

void frame_resum_ipv4(struct built *b)
{
	uint8_t *ip = b->data + L2_LEN;

	be16_put(ip + 10, 0);
	be16_put(ip + 10, csum_finish(csum_partial(ip, (size_t)(ip[0] & 15) * 4)));
}

// RFC 768, the slow way: pseudo-header and datagram in one buffer.
void frame_resum_udp(struct built *b)
{
	uint8_t *ip = b->data + L2_LEN, *udp = ip + (ip[0] & 15) * 4;
	uint16_t len = be16_get(udp + 4);
	uint8_t *all = malloc(12u + len);

	be16_put(udp + 6, 0);
	memcpy(all, ip + 12, 8);
	all[8] = 0;
	all[9] = IPV4_PROTO_UDP;
	be16_put(all + 10, len);
	memcpy(all + 12, udp, len);
	be16_put(udp + 6, csum_finish(csum_partial(all, 12u + len)));
	free(all);
}

struct built frame_udp(const void *payload, uint16_t len)
{
	struct built b = make((uint16_t)(L2_LEN + IPV4_UDP_LEN + len));
	uint8_t *udp = b.data + L2_LEN + IPV4_LEN;

	put_ipv4(&b, IPV4_PROTO_UDP);
	be16_put(udp, PEER_PORT);
	be16_put(udp + 2, OUR_PORT);
	be16_put(udp + 4, (uint16_t)(UDP_LEN + len));
	if (len > 0)
		memcpy(udp + UDP_LEN, payload, len);
	frame_resum_udp(&b);
	return b;
}

struct built frame_arp(uint16_t op, uint32_t sender, uint32_t target)
{
	struct built b = make(L2_FRAME_MIN);
	struct arp a = {.op = op, .sender_mac = peer_mac, .sender_ip = sender, .target_ip = target};

	arp_write(b.data, &a, op == ARP_REQUEST ? &everybody : &our_mac);
	return b;
}

struct built frame_ping(uint16_t payload_len)
{
	struct built b = make((uint16_t)(L2_LEN + IPV4_LEN + 8 + payload_len));
	uint8_t *icmp = b.data + L2_LEN + IPV4_LEN;

	put_ipv4(&b, IPV4_PROTO_ICMP);
	icmp[0] = 8;
	be16_put(icmp + 4, 77); // identifier
	for (uint16_t i = 0; i < payload_len; i++)
		icmp[8 + i] = (uint8_t)i;
	be16_put(icmp + 2, csum_finish(csum_partial(icmp, 8u + payload_len)));
	return b;
}

// -- IPv6 --

static void put_ipv6(struct built *b, const char *src, const char *dst, uint8_t proto,
		     uint8_t hop_limit)
{
	uint8_t *p = b->data + L2_LEN;
	struct l2_header l2 = {.dst = our_mac, .src = peer_mac, .type = L2_TYPE_IPV6};
	struct ip_addr to;

	p[0] = 0x60;
	be16_put(p + 4, (uint16_t)(b->len - L2_LEN - IPV6_LEN));
	p[6] = proto;
	p[7] = hop_limit;
	inet_pton(AF_INET6, src, p + 8);
	inet_pton(AF_INET6, dst, p + 24);
	to = ip_of_v6(p + 24);
	if (ip_is_multicast(&to))
		l2.dst = mac_of_multicast(&to);
	l2_write(b->data, &l2);
}

// RFC 8200 §8.1, the slow way, for what is behind the fixed header.
static void resum_v6(struct built *b, uint8_t proto, uint16_t at)
{
	uint8_t *p = b->data + L2_LEN, *up = p + IPV6_LEN;
	uint32_t len = be16_get(p + 4);
	uint8_t *all = calloc(1, 40 + len);

	be16_put(up + at, 0);
	memcpy(all, p + 8, 32);
	be32_put(all + 32, len);
	all[39] = proto;
	memcpy(all + 40, up, len);
	be16_put(up + at, csum_finish(csum_partial(all, 40 + len)));
	free(all);
}

void frame_resum_udp6(struct built *b)
{
	resum_v6(b, IPV4_PROTO_UDP, 6);
}

struct built frame_udp6(const void *payload, uint16_t len)
{
	struct built b = make((uint16_t)(L2_LEN + IPV6_UDP_LEN + len));
	uint8_t *udp = b.data + L2_LEN + IPV6_LEN;

	put_ipv6(&b, PEER_IP6, OUR_IP6, IPV4_PROTO_UDP, 3);
	be16_put(udp, PEER_PORT);
	be16_put(udp + 2, OUR_PORT);
	be16_put(udp + 4, (uint16_t)(UDP_LEN + len));
	if (len > 0)
		memcpy(udp + UDP_LEN, payload, len);
	frame_resum_udp6(&b);
	return b;
}

struct built frame_icmp6(const char *src, const char *dst, uint8_t hop_limit, const void *icmp,
			 uint16_t len)
{
	struct built b = make((uint16_t)(L2_LEN + IPV6_LEN + len));

	put_ipv6(&b, src, dst, IPV6_PROTO_ICMP, hop_limit);
	memcpy(b.data + L2_LEN + IPV6_LEN, icmp, len);
	resum_v6(&b, IPV6_PROTO_ICMP, 2);
	return b;
}

struct built frame_ping6(uint16_t payload_len)
{
	uint8_t icmp[2048] = {128, [5] = 77};

	for (uint16_t i = 0; i < payload_len; i++)
		icmp[8 + i] = (uint8_t)i;
	return frame_icmp6(PEER_IP6, OUR_IP6, 3, icmp, (uint16_t)(8 + payload_len));
}

// -- around them --

struct built frame_tagged(struct built b, uint16_t tag)
{
	struct built t = make((uint16_t)(b.len + L2_TAG_LEN));

	memcpy(t.data, b.data, 2 * MAC_LEN);
	be16_put(t.data + 12, L2_TYPE_VLAN);
	be16_put(t.data + 14, tag);
	memcpy(t.data + 16, b.data + 12, b.len - 12u);
	frame_free(&b);
	return t;
}

static struct built piece_v4(const struct built *whole, uint32_t id, uint16_t from, uint16_t len,
			     bool has_more)
{
	struct built b = make((uint16_t)(L2_LEN + IPV4_LEN + len));
	uint8_t *ip = b.data + L2_LEN;

	memcpy(b.data, whole->data, L2_LEN + IPV4_LEN);
	be16_put(ip + 2, (uint16_t)(IPV4_LEN + len));
	be16_put(ip + 4, (uint16_t)id);
	be16_put(ip + 6, (uint16_t)(from / 8 | (has_more ? 0x2000 : 0)));
	memcpy(ip + IPV4_LEN, whole->data + L2_LEN + IPV4_LEN + from, len);
	frame_resum_ipv4(&b);
	return b;
}

struct built frame_piece(const struct built *whole, uint32_t id, uint16_t from, uint16_t len,
			 bool has_more)
{
	struct built b;
	uint8_t *p;

	if (whole->data[L2_LEN] >> 4 == 4)
		return piece_v4(whole, id, from, len, has_more);
	b = make((uint16_t)(L2_LEN + IPV6_LEN + IPV6_FRAGMENT_LEN + len));
	p = b.data + L2_LEN;
	memcpy(b.data, whole->data, L2_LEN + IPV6_LEN);
	be16_put(p + 4, (uint16_t)(IPV6_FRAGMENT_LEN + len));
	p[6] = IPV6_PROTO_FRAGMENT;
	p[IPV6_LEN] = whole->data[L2_LEN + 6];
	be16_put(p + IPV6_LEN + 2, (uint16_t)(from | has_more));
	be32_put(p + IPV6_LEN + 4, id);
	memcpy(p + IPV6_LEN + IPV6_FRAGMENT_LEN, whole->data + L2_LEN + IPV6_LEN + from, len);
	return b;
}

struct built frame_cut(const struct built *b, uint16_t len)
{
	struct built c = {.data = malloc(len > 0 ? len : 1), .len = len};

	memcpy(c.data, b->data, len);
	return c;
}

void frame_free(struct built *b)
{
	free(b->data);
	b->data = NULL;
}
