#include "tests/unit/io/frames.h"

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
