#include "dataplane/io/ipv6.h"

#include "crypto/checksum.h"

#define NEXT_HEADER_AT 6
#define HOP_LIMIT_AT   7
#define SRC_AT         8
#define DST_AT         24
#define MORE_FRAGMENTS 0x0001
#define OFFSET_MASK    0xfff8
#define OPTION_PAD1    0
#define OPTION_PADN    1
#define OPTION_ALERT   5    // RFC 2711
#define OPTION_MUST    0xc0 // unknown: 00 skip it, else the packet dies (§4.2)

// -- reading --

static int read_hop_options(struct ipv6_header *h, struct rd options)
{
	while (options.left > 0) {
		uint8_t type = rd_u8(&options), len;

		if (type == OPTION_PAD1)
			continue;
		len = rd_u8(&options);
		rd_bytes(&options, len);
		if (options.err != 0)
			return -1;
		h->has_router_alert |= type == OPTION_ALERT;
		if (type != OPTION_ALERT && type != OPTION_PADN && (type & OPTION_MUST) != 0)
			return -1;
	}
	return 0;
}

// Right behind the fixed header or nowhere (§4.1).
static enum drop_reason read_hop_by_hop(struct ipv6_header *h, const uint8_t *p)
{
	uint16_t left = (uint16_t)(h->len - IPV6_LEN), len;

	if (left < 8)
		return DROP_L3_MALFORMED;
	len = (uint16_t)((p[IPV6_LEN + 1] + 1) * 8);
	if (len > left || read_hop_options(h, rd_over(p + IPV6_LEN + 2, len - 2u)) != 0)
		return DROP_L3_MALFORMED;
	h->proto = p[IPV6_LEN];
	h->header_len = (uint16_t)(IPV6_LEN + len);
	return DROP_NONE;
}

static enum drop_reason read_fragment(struct ipv6_header *h, const uint8_t *p)
{
	const uint8_t *f = p + h->header_len;
	uint16_t field;

	if (h->len - h->header_len < IPV6_FRAGMENT_LEN)
		return DROP_L3_MALFORMED;
	field = be16_get(f + 2);
	h->proto = f[0];
	h->has_more = (field & MORE_FRAGMENTS) != 0;
	h->offset = field & OFFSET_MASK;
	h->id = be32_get(f + 4);
	h->header_len += IPV6_FRAGMENT_LEN;
	h->is_fragment = h->has_more || h->offset != 0;
	return DROP_NONE;
}

enum drop_reason ipv6_read(struct ipv6_header *h, const uint8_t *p, uint16_t len)
{
	enum drop_reason drop = DROP_NONE;

	if (len < IPV6_LEN || p[0] >> 4 != 6)
		return DROP_L3_MALFORMED;
	*h = (struct ipv6_header){.src = p + SRC_AT,
				  .dst = p + DST_AT,
				  .header_len = IPV6_LEN,
				  .proto = p[NEXT_HEADER_AT],
				  .hop_limit = p[HOP_LIMIT_AT]};
	if (be16_get(p + 4) > len - IPV6_LEN)
		return DROP_L3_MALFORMED;
	h->len = (uint16_t)(IPV6_LEN + be16_get(p + 4));
	if (h->proto == IPV6_PROTO_HOPOPTS)
		drop = read_hop_by_hop(h, p);
	if (drop == DROP_NONE && h->proto == IPV6_PROTO_FRAGMENT)
		drop = read_fragment(h, p);
	if (drop != DROP_NONE)
		return drop;
	return h->proto == IPV4_PROTO_UDP || h->proto == IPV6_PROTO_ICMP ? DROP_NONE
									 : DROP_L3_EXTENSION;
}

uint16_t ipv6_claimed_len(const uint8_t *p, uint16_t len)
{
	uint32_t claimed = 0;

	if (len >= IPV6_LEN && p[0] >> 4 == 6)
		claimed = IPV6_LEN + (uint32_t)be16_get(p + 4);

	return claimed < UINT16_MAX ? (uint16_t)claimed : UINT16_MAX;
}

uint32_t ipv6_pseudo_sum(const uint8_t src[IP_LEN], const uint8_t dst[IP_LEN], uint32_t len,
			 uint8_t proto)
{
	return csum_partial(src, IP_LEN) + csum_partial(dst, IP_LEN) + (len >> 16) +
	       (len & 0xffff) + proto;
}

bool ipv6_checksum_is_right(const struct ipv6_header *h, const uint8_t *data, uint16_t len,
			    uint8_t proto)
{
	return csum_finish(ipv6_pseudo_sum(h->src, h->dst, len, proto) + csum_partial(data, len)) ==
	       0;
}

// -- writing --

void ipv6_write(uint8_t h[IPV6_LEN], const struct ip_addr *src, const struct ip_addr *dst,
		uint16_t payload_len, uint8_t proto, uint8_t hop_limit)
{
	be32_put(h, 0x60000000);
	be16_put(h + 4, payload_len);
	h[NEXT_HEADER_AT] = proto;
	h[HOP_LIMIT_AT] = hop_limit;
	memcpy(h + SRC_AT, src, IP_LEN);
	memcpy(h + DST_AT, dst, IP_LEN);
}

// A number per flow, so that routers with several ways keep it on one without a look at its ports
// (RFC 6437 §3).
static uint32_t flow_label(const struct udp_flow6 *f)
{
	uint32_t ports = (uint32_t)f->src_port << 16 | f->dst_port;

	return ip_hash(&f->dst, ip_hash(&f->src, ports)) & 0xfffff;
}

void ipv6_udp_prepare(uint8_t h[IPV6_UDP_LEN], const struct udp_flow6 *f)
{
	uint8_t *udp = h + IPV6_LEN;
	uint32_t sum = ipv6_pseudo_sum(f->src.octets, f->dst.octets, 0, IPV4_PROTO_UDP);

	ipv6_write(h, &f->src, &f->dst, 0, IPV4_PROTO_UDP, IPV6_HOP_LIMIT);
	be32_put(h, 0x60000000 | flow_label(f));
	be16_put(udp, f->src_port);
	be16_put(udp + 2, f->dst_port);
	be16_put(udp + 4, 0);
	be16_put(udp + 6, (uint16_t)~csum_finish(sum));
}

void ipv6_udp_finish(uint8_t h[IPV6_UDP_LEN], uint16_t payload_len, bool offload)
{
	uint16_t len = (uint16_t)(UDP_LEN + payload_len), checksum;
	uint8_t *udp = h + IPV6_LEN;
	uint32_t sum = be16_get(udp + 6) + (uint32_t)len;

	be16_put(h + 4, len);
	be16_put(udp + 4, len);
	if (offload) {
		be16_put(udp + 6, (uint16_t)~csum_finish(sum));
		return;
	}
	sum += be16_get(udp) + (uint32_t)be16_get(udp + 2) + len;
	checksum = csum_finish(sum + csum_partial(udp + UDP_LEN, payload_len));
	be16_put(udp + 6, checksum != 0 ? checksum : 0xffff); // 0 would mean none (RFC 768)
}
