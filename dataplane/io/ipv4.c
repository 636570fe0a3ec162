#include "dataplane/io/ipv4.h"

#include <string.h>

#include "crypto/checksum.h"
#include "dataplane/io/l2.h"

#define DONT_FRAGMENT  0x4000
#define MORE_FRAGMENTS 0x2000
#define OFFSET_MASK    0x1fff

enum drop_reason ipv4_read(struct ipv4_header *h, const uint8_t *p, uint16_t len, bool sum_is_good)
{
	uint16_t field;

	if (len < IPV4_LEN || p[0] >> 4 != 4)
		return DROP_L3_MALFORMED;
	h->header_len = (uint16_t)((p[0] & 0x0f) * 4);
	h->len = be16_get(p + 2);
	if (h->header_len < IPV4_LEN || h->len < h->header_len || h->len > len)
		return DROP_L3_MALFORMED;
	if (!sum_is_good && csum_finish(csum_partial(p, h->header_len)) != 0)
		return DROP_L3_CHECKSUM;
	field = be16_get(p + 6);
	h->is_fragment = (field & (MORE_FRAGMENTS | OFFSET_MASK)) != 0;
	h->has_more = (field & MORE_FRAGMENTS) != 0;
	h->offset = (uint16_t)((field & OFFSET_MASK) * 8); // the field has 13 bits
	h->id = be16_get(p + 4);
	h->proto = p[9];
	h->src = be32_get(p + 12);
	h->dst = be32_get(p + 16);
	return DROP_NONE;
}

uint16_t ipv4_claimed_len(const uint8_t *p, uint16_t len)
{
	return len >= IPV4_LEN && p[0] >> 4 == 4 ? be16_get(p + 2) : 0;
}

bool ipv4_is_host(uint32_t ip)
{
	uint8_t net = (uint8_t)(ip >> 24);

	return net != 0 && net != 127 && net < 224;
}

enum drop_reason udp_read(struct udp_header *u, const uint8_t *p, uint16_t len)
{
	if (len < UDP_LEN)
		return DROP_L3_MALFORMED;
	u->src = be16_get(p);
	u->dst = be16_get(p + 2);
	u->len = be16_get(p + 4);
	u->checksum = be16_get(p + 6);
	// Port 0 means "no answer wanted" (RFC 768), and RTMFP always answers.
	if (u->len < UDP_LEN || u->len > len || u->src == 0)
		return DROP_L3_MALFORMED;
	return DROP_NONE;
}

// Source, destination, protocol and length, as the sum of their 16-bit words.
static uint32_t pseudo_sum(uint32_t src, uint32_t dst, uint16_t udp_len)
{
	return (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + IPV4_PROTO_UDP +
	       udp_len;
}

bool udp_checksum_is_right(const struct ipv4_header *h, const uint8_t *udp, uint16_t len)
{
	return csum_finish(pseudo_sum(h->src, h->dst, len) + csum_partial(udp, len)) == 0;
}

void ipv4_udp_prepare(uint8_t h[IPV4_UDP_LEN], const struct udp_flow *f)
{
	memset(h, 0, IPV4_UDP_LEN);
	h[0] = 0x45;
	be16_put(h + 6, DONT_FRAGMENT);
	h[8] = IPV4_TTL;
	h[9] = IPV4_PROTO_UDP;
	be32_put(h + 12, f->src);
	be32_put(h + 16, f->dst);
	be16_put(h + 10, csum_partial(h, IPV4_LEN)); // the sum so far, not a checksum yet
	be16_put(h + IPV4_LEN, f->src_port);
	be16_put(h + IPV4_LEN + 2, f->dst_port);
}

void ipv4_udp_finish(uint8_t h[IPV4_UDP_LEN], uint16_t payload_len, bool offload)
{
	ipv4_udp_finish_from(h, h, payload_len);
	if (offload) {
		uint16_t udp_len = (uint16_t)(UDP_LEN + payload_len);
		uint32_t sum = pseudo_sum(be32_get(h + 12), be32_get(h + 16), udp_len);

		be16_put(h + IPV4_LEN + 6, (uint16_t)~csum_finish(sum));
	}
}
