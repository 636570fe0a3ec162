#include "dataplane/io/nd.h"

#define OPTION_SOURCE_MAC 1
#define OPTION_TARGET_MAC 2
#define FLAG_SOLICITED    0x40
#define FLAG_OVERRIDE     0x20
#define MESSAGE_LEN       24 // solicitation and advertisement, without options
#define ROUTER_LEN        16

// -- reading --

// Lengths are in units of 8 octets, and 0 would never end (§4.6).
static int read_options(struct nd *nd, struct rd r, uint8_t mac_option)
{
	while (r.left > 0) {
		uint8_t type = rd_u8(&r), units = rd_u8(&r);
		struct span body = rd_bytes(&r, units > 0 ? units * 8u - 2 : SIZE_MAX);

		if (r.err != 0)
			return -1;
		if (type != mac_option || units != 1)
			continue;
		nd->has_mac = true;
		memcpy(&nd->mac, body.data, MAC_LEN);
	}
	return nd->has_mac && mac_is_group(&nd->mac) ? -1 : 0;
}

static bool is_solicitation_good(const struct nd *nd, const struct ip_addr *dst)
{
	struct ip_addr group = ip_solicited_node(&nd->target);

	// Who has no address yet asks the group and says no MAC (§7.1.1).
	return !ip_is_zero(&nd->src) || (ip_equal(dst, &group) && !nd->has_mac);
}

static int read_about_target(struct nd *nd, const uint8_t *icmp, uint16_t len,
			     const struct ip_addr *dst)
{
	uint8_t option = nd->kind == ND_SOLICITATION ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC;

	if (len < MESSAGE_LEN)
		return -1;
	nd->is_solicited = (icmp[4] & FLAG_SOLICITED) != 0;
	nd->is_override = (icmp[4] & FLAG_OVERRIDE) != 0;
	nd->target = ip_of_v6(icmp + 8);
	if (!ipv6_is_host(nd->target.octets) ||
	    read_options(nd, rd_over(icmp + MESSAGE_LEN, len - MESSAGE_LEN), option) != 0)
		return -1;
	if (nd->kind == ND_SOLICITATION)
		return is_solicitation_good(nd, dst) ? 0 : -1;
	// Nobody asked on behalf of a group (§7.1.2).
	return ip_is_zero(&nd->src) || (ip_is_multicast(dst) && nd->is_solicited) ? -1 : 0;
}

static int read_router(struct nd *nd, const uint8_t *icmp, uint16_t len)
{
	if (len < ROUTER_LEN || !ip_is_link_local(&nd->src))
		return -1;
	nd->lifetime_s = be16_get(icmp + 6);
	return read_options(nd, rd_over(icmp + ROUTER_LEN, len - ROUTER_LEN), OPTION_SOURCE_MAC);
}

enum drop_reason nd_read(struct nd *nd, const struct ipv6_header *h, const uint8_t *icmp,
			 uint16_t len)
{
	struct ip_addr dst = ip_of_v6(h->dst);
	int err = 0;

	*nd = (struct nd){.kind = ND_OTHER, .src = ip_of_v6(h->src)};
	// In one piece and without options: RFC 6980 §5, and nobody sends others.
	if (h->hop_limit != IPV6_HOP_LIMIT_LOCAL || icmp[1] != 0 || h->header_len != IPV6_LEN)
		return DROP_ND_BAD;
	if (icmp[0] == ICMP6_NS || icmp[0] == ICMP6_NA) {
		nd->kind = icmp[0] == ICMP6_NS ? ND_SOLICITATION : ND_ADVERTISEMENT;
		err = read_about_target(nd, icmp, len, &dst);
	} else if (icmp[0] == ICMP6_RA) {
		nd->kind = ND_ROUTER;
		err = read_router(nd, icmp, len);
	}
	return err == 0 ? DROP_NONE : DROP_ND_BAD;
}

// -- writing --

static void put_mac(uint8_t *option, uint8_t type, const struct mac *m)
{
	option[0] = type;
	option[1] = 1;
	memcpy(option + 2, m, MAC_LEN);
}

// Ethernet and IPv6 headers, and the checksum over what is behind them.
static uint16_t wrap(uint8_t *frame, const struct mac *our_mac, const struct mac *to_mac,
		     const struct ip_addr *src, const struct ip_addr *dst, uint16_t len)
{
	uint8_t *ipv6 = frame + L2_LEN;

	l2_write(frame, &(struct l2_header){.dst = *to_mac, .src = *our_mac, .type = L2_TYPE_IPV6});
	ipv6_write(ipv6, src, dst, len, IPV6_PROTO_ICMP, IPV6_HOP_LIMIT_LOCAL);
	icmp6_finish(ipv6, ipv6 + IPV6_LEN, len);
	return (uint16_t)(L2_LEN + IPV6_LEN + len);
}

uint16_t nd_write_solicitation(uint8_t frame[ND_FRAME_MAX], const struct mac *our_mac,
			       const struct ip_addr *src, const struct ip_addr *target,
			       const struct mac *to)
{
	uint8_t *icmp = frame + L2_LEN + IPV6_LEN;
	struct ip_addr dst = to != NULL ? *target : ip_solicited_node(target);
	struct mac mac = to != NULL ? *to : mac_of_multicast(&dst);
	uint16_t len = MESSAGE_LEN;

	memset(icmp, 0, MESSAGE_LEN);
	icmp[0] = ICMP6_NS;
	memcpy(icmp + 8, target, IP_LEN);
	if (!ip_is_zero(src)) {
		put_mac(icmp + MESSAGE_LEN, OPTION_SOURCE_MAC, our_mac);
		len += 8;
	}
	return wrap(frame, our_mac, &mac, src, &dst, len);
}

uint16_t nd_write_advertisement(uint8_t frame[ND_FRAME_MAX], const struct mac *our_mac,
				const struct ip_addr *target, const struct ip_addr *to,
				const struct mac *to_mac)
{
	uint8_t *icmp = frame + L2_LEN + IPV6_LEN;
	struct ip_addr dst = to != NULL ? *to : ip_all_nodes;
	struct mac mac = to != NULL ? *to_mac : mac_of_multicast(&dst);

	memset(icmp, 0, MESSAGE_LEN);
	icmp[0] = ICMP6_NA;
	icmp[4] = FLAG_OVERRIDE | (to != NULL ? FLAG_SOLICITED : 0);
	memcpy(icmp + 8, target, IP_LEN);
	put_mac(icmp + MESSAGE_LEN, OPTION_TARGET_MAC, our_mac);
	return wrap(frame, our_mac, &mac, target, &dst, MESSAGE_LEN + 8);
}

uint16_t nd_write_router_solicitation(uint8_t frame[ND_FRAME_MAX], const struct mac *our_mac,
				      const struct ip_addr *src)
{
	uint8_t *icmp = frame + L2_LEN + IPV6_LEN;
	struct mac mac = mac_of_multicast(&ip_all_routers);

	memset(icmp, 0, 8);
	icmp[0] = ICMP6_RS;
	put_mac(icmp + 8, OPTION_SOURCE_MAC, our_mac);
	return wrap(frame, our_mac, &mac, src, &ip_all_routers, 16);
}
