#include "dataplane/io/icmp_error.h"

#include "crypto/checksum.h"
#include "dataplane/io/icmp.h"
#include "dataplane/io/icmp6.h"

#define V4_UNREACHABLE  3
#define V4_QUENCH       4 // deprecated (RFC 6633)
#define V4_REDIRECT     5
#define V4_TIME         11
#define V4_PARAMETER    12
#define V4_CODE_PORT    3
#define V4_CODE_TOO_BIG 4
#define V6_CODE_PORT    4
#define V4_QUOTE        548 // 576 in all (RFC 1812 §4.3.2.3)

// -- reading --

// What the quote tells of the datagram itself: len octets of UDP.
static void note_datagram(struct icmp_error *e, const uint8_t *udp, uint16_t len)
{
	bool is_v4 = ip_is_v4(&e->far);

	e->too_big.port = e->far_port;
	e->too_big.family = is_v4 ? 4 : 6;
	memcpy(e->too_big.addr, e->far.octets + (is_v4 ? IP_V4_AT : 0), is_v4 ? 4 : IP_LEN);
	e->too_big.payload_len = be16_get(udp + 4) >= UDP_LEN ? be16_get(udp + 4) - UDP_LEN : 0;
	e->too_big.quote = udp + UDP_LEN;
	e->too_big.quote_len = len - UDP_LEN;
}

// Is there an endpoint of ours that sent this datagram? Only its beginning is quoted.
static bool find_sender(struct icmp_error *e, const struct host *h, const struct ip_addr *src,
			const struct ip_addr *dst, const uint8_t *udp, uint16_t len)
{
	int endpoint = -1;

	for (uint8_t i = 0; i < h->n_addrs && endpoint < 0; i++)
		if (ip_equal(&h->addrs[i].ip, src))
			endpoint = host_endpoint_at(h, src, be16_get(udp));
	if (endpoint < 0)
		return false;
	e->endpoint = (uint8_t)endpoint;
	e->far = *dst;
	e->far_port = be16_get(udp + 2);
	note_datagram(e, udp, len);
	return true;
}

static bool read_quote_v4(struct icmp_error *e, const struct host *h, const uint8_t *p,
			  uint16_t len)
{
	uint16_t header_len = len >= IPV4_LEN ? (uint16_t)((p[0] & 15) * 4) : 0;
	struct ip_addr src, dst;

	if (header_len < IPV4_LEN || len < header_len + UDP_LEN || p[0] >> 4 != 4 ||
	    p[9] != IPV4_PROTO_UDP)
		return false;
	src = ip_of_v4(be32_get(p + 12));
	dst = ip_of_v4(be32_get(p + 16));
	return find_sender(e, h, &src, &dst, p + header_len, len - header_len);
}

static bool read_quote_v6(struct icmp_error *e, const struct host *h, const uint8_t *p,
			  uint16_t len)
{
	struct ip_addr src, dst;

	if (len < IPV6_LEN + UDP_LEN || p[0] >> 4 != 6 || p[6] != IPV4_PROTO_UDP)
		return false;
	src = ip_of_v6(p + 8);
	dst = ip_of_v6(p + 24);
	return find_sender(e, h, &src, &dst, p + IPV6_LEN, len - IPV6_LEN);
}

static enum drop_reason kind_v4(struct icmp_error *e, const uint8_t *icmp)
{
	switch (icmp[0]) {
	case V4_UNREACHABLE:
		e->is_unreachable = true;
		e->code = icmp[1] & (ICMP_CODES - 1);
		e->too_big.mtu = be16_get(icmp + 6); // RFC 1191 §4; 0: an old router
		return icmp[1] == V4_CODE_TOO_BIG ? DROP_ICMP_TOO_BIG : DROP_ICMP_ERROR;
	case V4_REDIRECT:
		return DROP_ICMP_REDIRECT;
	case V4_QUENCH:
	case V4_TIME:
	case V4_PARAMETER:
		return DROP_ICMP_ERROR;
	default:
		return DROP_L2_NOT_OURS;
	}
}

static enum drop_reason kind_v6(struct icmp_error *e, const uint8_t *icmp)
{
	switch (icmp[0]) {
	case ICMP6_UNREACHABLE:
		e->is_unreachable = true;
		e->code = icmp[1] & (ICMP_CODES - 1);
		return DROP_ICMP_ERROR;
	case ICMP6_TOO_BIG:
		e->too_big.mtu = be32_get(icmp + 4);
		return DROP_ICMP_TOO_BIG;
	case ICMP6_REDIRECT:
		return DROP_ICMP_REDIRECT;
	case ICMP6_TIME:
	case ICMP6_PARAMETER:
		return DROP_ICMP_ERROR;
	default:
		return DROP_L2_NOT_OURS;
	}
}

enum drop_reason icmp_error_read(struct icmp_error *e, const struct host *h, bool is_v6,
				 const uint8_t *icmp, uint16_t len)
{
	enum drop_reason why;
	bool is_quoted;

	*e = (struct icmp_error){0};
	if (len < ICMP_LEN)
		return DROP_L3_MALFORMED;
	why = is_v6 ? kind_v6(e, icmp) : kind_v4(e, icmp);
	if (why == DROP_L2_NOT_OURS || why == DROP_ICMP_REDIRECT)
		return why;
	is_quoted = is_v6 ? read_quote_v6(e, h, icmp + ICMP_LEN, (uint16_t)(len - ICMP_LEN))
			  : read_quote_v4(e, h, icmp + ICMP_LEN, (uint16_t)(len - ICMP_LEN));
	return is_quoted ? why : DROP_ICMP_BOGUS;
}

// -- writing --

static void turn_l2(uint8_t *out, const uint8_t *frame)
{
	memcpy(out, frame + MAC_LEN, MAC_LEN);
	memcpy(out + MAC_LEN, frame, MAC_LEN);
	memcpy(out + 2 * MAC_LEN, frame + 2 * MAC_LEN, 2);
}

static uint16_t port_closed_v4(uint8_t *out, const uint8_t *packet, uint16_t quote)
{
	uint8_t *ip = out + L2_LEN, *icmp = ip + IPV4_LEN;
	uint16_t len = (uint16_t)(ICMP_LEN + quote);

	memset(ip, 0, IPV4_LEN + ICMP_LEN);
	ip[0] = 0x45;
	be16_put(ip + 2, (uint16_t)(IPV4_LEN + len));
	ip[8] = IPV4_TTL;
	ip[9] = IPV4_PROTO_ICMP;
	memcpy(ip + 12, packet + 16, 4);
	memcpy(ip + 16, packet + 12, 4);
	be16_put(ip + 10, csum_finish(csum_partial(ip, IPV4_LEN)));
	icmp[0] = V4_UNREACHABLE;
	icmp[1] = V4_CODE_PORT;
	memcpy(icmp + ICMP_LEN, packet, quote);
	be16_put(icmp + 2, csum_finish(csum_partial(icmp, len)));
	return (uint16_t)(L2_LEN + IPV4_LEN + len);
}

static uint16_t port_closed_v6(uint8_t *out, const uint8_t *packet, uint16_t quote)
{
	uint8_t *ipv6 = out + L2_LEN, *icmp = ipv6 + IPV6_LEN;
	struct ip_addr src = ip_of_v6(packet + 24), dst = ip_of_v6(packet + 8);
	uint16_t len = (uint16_t)(ICMP6_LEN + quote);

	ipv6_write(ipv6, &src, &dst, len, IPV6_PROTO_ICMP, IPV6_HOP_LIMIT);
	memset(icmp, 0, ICMP6_LEN);
	icmp[0] = ICMP6_UNREACHABLE;
	icmp[1] = V6_CODE_PORT;
	memcpy(icmp + ICMP6_LEN, packet, quote);
	icmp6_finish(ipv6, icmp, len);
	return (uint16_t)(L2_LEN + IPV6_LEN + len);
}

uint16_t icmp_error_port_closed(uint8_t out[ICMP_ERROR_MAX], const uint8_t *frame, bool is_v6,
				uint16_t packet_len)
{
	uint16_t most = is_v6 ? ICMP_ERROR_QUOTE : V4_QUOTE;
	uint16_t quote = packet_len < most ? packet_len : most;

	turn_l2(out, frame);
	return is_v6 ? port_closed_v6(out, frame + L2_LEN, quote)
		     : port_closed_v4(out, frame + L2_LEN, quote);
}
