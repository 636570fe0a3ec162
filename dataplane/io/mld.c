#include "dataplane/io/mld.h"

#include <assert.h>

#define QUERY_V1_LEN      24
#define RECORD_LEN        20 // and 16 for a source

// §5.1.3: from 32768 on a float of 3 bits exponent and 12 bits mantissa. Version 1's is a plain
// number, in the same place.
static uint32_t delay_of(uint16_t code)
{
	return code < 32768 ? code : ((code & 0x0fffu) | 0x1000u) << ((code >> 12 & 7) + 3);
}

enum drop_reason mld_read_query(uint32_t *delay_ms, const struct ipv6_header *h,
				const uint8_t *icmp, uint16_t len)
{
	struct ip_addr src = ip_of_v6(h->src);

	if (len < QUERY_V1_LEN || h->hop_limit != 1 || !h->has_router_alert ||
	    !ip_is_link_local(&src))
		return DROP_ND_BAD;
	*delay_ms = delay_of(be16_get(icmp + 4));
	return DROP_NONE;
}

// Hop-by-hop options: Router Alert for MLD, and padding (RFC 2711 §2.1).
static const uint8_t router_alert[8] = {IPV6_PROTO_ICMP, 0, 5, 2, 0, 0, 1, 0};

static uint16_t write_record(uint8_t *at, const struct ip_group *g, bool is_answer)
{
	bool has_source = !ip_is_zero(&g->source);

	memset(at, 0, RECORD_LEN);
	at[0] = ip_group_record(g, is_answer);
	be16_put(at + 2, has_source);
	memcpy(at + 4, &g->ip, IP_LEN);
	if (has_source)
		memcpy(at + RECORD_LEN, &g->source, IP_LEN);
	return (uint16_t)(RECORD_LEN + (has_source ? IP_LEN : 0));
}

uint16_t mld_write_report(uint8_t frame[MLD_FRAME_MAX], const struct mac *our_mac,
			  const struct ip_addr *src, const struct ip_group *groups,
			  uint8_t n_groups, bool is_answer)
{
	uint8_t *ipv6 = frame + L2_LEN, *icmp = ipv6 + IPV6_LEN + sizeof(router_alert);
	struct mac to = mac_of_multicast(&ip_all_mld_routers);
	uint16_t len = 8;

	assert(n_groups <= MLD_GROUPS_MAX);
	memset(icmp, 0, len);
	icmp[0] = ICMP6_MLD2_REPORT;
	be16_put(icmp + 6, n_groups);
	for (uint8_t i = 0; i < n_groups; i++)
		len += write_record(icmp + len, &groups[i], is_answer);
	l2_write(frame, &(struct l2_header){.dst = to, .src = *our_mac, .type = L2_TYPE_IPV6});
	ipv6_write(ipv6, src, &ip_all_mld_routers, (uint16_t)(sizeof(router_alert) + len),
		   IPV6_PROTO_HOPOPTS, 1);
	memcpy(ipv6 + IPV6_LEN, router_alert, sizeof(router_alert));
	icmp6_finish(ipv6, icmp, len);
	return (uint16_t)(L2_LEN + IPV6_LEN + sizeof(router_alert) + len);
}
