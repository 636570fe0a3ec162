#include "dataplane/io/igmp.h"

#include <assert.h>
#include <string.h>

#define QUERY          0x11
#define REPORT_V3      0x22
#define HEADER_LEN     (IPV4_LEN + 4) // with Router Alert
#define QUERY_LEN      8              // of versions 1 and 2; 3 has more
#define TENTH_MS       100            // §4.1.1: the unit of a query's time
#define DELAY_V1_MS    10000          // §4.1.1, §7.2.1: RFC 2236 §4
#define ALL_ROUTERS_V3 0xe0000016u    // 224.0.0.22

// §4.1.1: from 128 on a float of 3 bits exponent and 4 bits mantissa.
static uint32_t delay_of(uint8_t code)
{
	uint32_t tenths = code < 128 ? code : ((code & 0x0fu) | 0x10u) << ((code >> 4 & 7) + 3);

	return code == 0 ? DELAY_V1_MS : tenths * TENTH_MS;
}

// Without Router Alert it may be one of version 1 (RFC 1112), which has none.
enum drop_reason igmp_read_query(uint32_t *delay_ms, const struct ipv4_header *h, const uint8_t *p,
				 uint16_t len)
{
	if (len < QUERY_LEN || p[0] != QUERY || h->is_fragment ||
	    csum_finish(csum_partial(p, len)) != 0)
		return DROP_ND_BAD;
	*delay_ms = delay_of(p[1]);
	return DROP_NONE;
}

static void write_ip(uint8_t *ip, uint32_t src, uint16_t len)
{
	static const uint8_t router_alert[4] = {0x94, 4, 0, 0}; // RFC 2113

	memset(ip, 0, HEADER_LEN);
	ip[0] = 0x40 | HEADER_LEN / 4;
	ip[1] = 0xc0; // §4: internetwork control
	be16_put(ip + 2, len);
	ip[8] = 1; // TTL
	ip[9] = IPV4_PROTO_IGMP;
	be32_put(ip + 12, src);
	be32_put(ip + 16, ALL_ROUTERS_V3);
	memcpy(ip + IPV4_LEN, router_alert, sizeof(router_alert));
	be16_put(ip + 10, csum_finish(csum_partial(ip, HEADER_LEN)));
}

// §4.2.4 to §4.2.12. Returns its length.
static uint16_t write_record(uint8_t *at, const struct ip_group *g, bool is_answer)
{
	bool has_source = !ip_is_zero(&g->source);

	memset(at, 0, 12);
	at[0] = ip_group_record(g, is_answer);
	be16_put(at + 2, has_source);
	be32_put(at + 4, ip_v4(&g->ip));
	if (has_source)
		be32_put(at + 8, ip_v4(&g->source));
	return has_source ? 12 : 8;
}

uint16_t igmp_write_report(uint8_t frame[IGMP_FRAME_MAX], const struct mac *our_mac, uint32_t src,
			   const struct ip_group *groups, uint8_t n_groups, bool is_answer)
{
	uint8_t *ip = frame + L2_LEN, *igmp = ip + HEADER_LEN;
	uint16_t len = 8;
	struct mac to = mac_of_multicast_v4(ALL_ROUTERS_V3);

	assert(n_groups <= IGMP_GROUPS_MAX);
	memset(igmp, 0, len);
	igmp[0] = REPORT_V3;
	be16_put(igmp + 6, n_groups);
	for (uint8_t i = 0; i < n_groups; i++)
		len += write_record(igmp + len, &groups[i], is_answer);
	be16_put(igmp + 2, csum_finish(csum_partial(igmp, len)));
	l2_write(frame, &(struct l2_header){.dst = to, .src = *our_mac, .type = L2_TYPE_IPV4});
	write_ip(ip, src, (uint16_t)(HEADER_LEN + len));
	return (uint16_t)(L2_LEN + HEADER_LEN + len);
}
