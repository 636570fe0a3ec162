#include "dataplane/io/icmp6.h"

#include "crypto/checksum.h"
#include "dataplane/io/l2.h"

enum drop_reason icmp6_check(const struct ipv6_header *h, const uint8_t *icmp, uint16_t len)
{
	if (len < ICMP6_LEN)
		return DROP_L3_MALFORMED;
	return ipv6_checksum_is_right(h, icmp, len, IPV6_PROTO_ICMP) ? DROP_NONE : DROP_L3_CHECKSUM;
}

void icmp6_finish(uint8_t ipv6[IPV6_LEN], uint8_t *icmp, uint16_t len)
{
	uint32_t sum = ipv6_pseudo_sum(ipv6 + 8, ipv6 + 24, len, IPV6_PROTO_ICMP);

	be16_put(icmp + 2, 0);
	be16_put(icmp + 2, csum_finish(sum + csum_partial(icmp, len)));
}

enum drop_reason icmp6_echo_reply(uint8_t *frame, const struct ipv6_header *h)
{
	uint8_t *ipv6 = frame + L2_LEN, *icmp = ipv6 + IPV6_LEN;
	struct mac from;
	struct ip_addr src;

	if (h->header_len != IPV6_LEN)
		return DROP_L3_EXTENSION;
	if (icmp[0] != ICMP6_ECHO_REQUEST || icmp[1] != 0)
		return DROP_L2_NOT_OURS;
	memcpy(&from, frame + MAC_LEN, MAC_LEN);
	memmove(frame + MAC_LEN, frame, MAC_LEN);
	memcpy(frame, &from, MAC_LEN);
	src = ip_of_v6(ipv6 + 8);
	memmove(ipv6 + 8, ipv6 + 24, IP_LEN);
	memcpy(ipv6 + 24, &src, IP_LEN);
	ipv6[7] = IPV6_HOP_LIMIT;
	icmp[0] = ICMP6_ECHO_REPLY;
	icmp6_finish(ipv6, icmp, (uint16_t)(h->len - IPV6_LEN));
	return DROP_NONE;
}
