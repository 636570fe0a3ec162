#include "dataplane/io/ipv4.h"

#include <string.h>

#include "crypto/checksum.h"
#include "dataplane/io/l2.h"

#define DONT_FRAGMENT 0x4000

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
