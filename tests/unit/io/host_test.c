#include "dataplane/io/host.h"

#include <errno.h>

#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

static void link_add(struct host *h, struct ip_addr gateway4, struct ip_addr gateway6)
{
	h->links[h->n_links++] = (struct host_link){.gateways = {gateway4, gateway6}};
}

static void addr_add(struct host *h, const char *text, uint8_t prefix_len)
{
	struct ip_addr a = ip(text);

	host_add(h, &a, prefix_len, ADDR_READY);
}

static const struct ip_addr none;

// Link 0: 10.99.0.1/24, 10.98.0.1/16. Link 1: 192.0.2.1/31. Link 2: 172.16.0.1/32 with gateway
// 172.16.0.9, 2001:db8:1::1/64 and link-local, with a gateway. Link 3: 10.99.0.130/25 and
// 2001:db8:2::1/64, link-local, with gateways.
static struct host four_links(void)
{
	struct host h = {0};

	link_add(&h, none, none);
	addr_add(&h, "10.99.0.1", 24);
	addr_add(&h, "10.98.0.1", 16);
	link_add(&h, none, none);
	addr_add(&h, "192.0.2.1", 31);
	link_add(&h, ip("172.16.0.9"), ip("fe80::9"));
	addr_add(&h, "172.16.0.1", 32);
	addr_add(&h, "2001:db8:1::1", 64);
	addr_add(&h, "fe80::1", 64);
	link_add(&h, ip("10.99.0.254"), ip("2001:db8:2::9"));
	addr_add(&h, "10.99.0.130", 25);
	addr_add(&h, "2001:db8:2::1", 64);
	addr_add(&h, "fe80::1", 64);
	return h;
}

enum { // pkt.local of the above
	ANY,
	L0_A,
	L0_B,
	L1,
	L2_V4,
	L2_V6,
	L2_LOCAL,
	L3_V4,
	L3_V6,
	L3_LOCAL,
};

static const struct {
	const char *name, *far;
	uint8_t local;
	int result;
	uint8_t link;
	uint8_t from; // pkt.local of it
	const char *hop;
} routes[] = {
	{"a neighbour", "10.99.0.2", ANY, 0, 0, L0_A, "10.99.0.2"},
	{"in the second network", "10.98.7.7", ANY, 0, 0, L0_B, "10.98.7.7"},
	{"the longer prefix wins", "10.99.0.200", ANY, 0, 3, L3_V4, "10.99.0.200"},
	{"our own address", "10.99.0.1", ANY, -EHOSTUNREACH},
	{"another of ours", "10.98.0.1", L0_A, -EHOSTUNREACH},
	{"the network's broadcast", "10.98.255.255", ANY, -EHOSTUNREACH},
	{"the network itself", "10.99.0.0", ANY, -EHOSTUNREACH},
	{"the other end of a /31", "192.0.2.0", ANY, 0, 1, L1, "192.0.2.0"},
	{"us on the /31", "192.0.2.1", ANY, -EHOSTUNREACH},
	{"elsewhere", "198.51.100.7", ANY, 0, 2, L2_V4, "172.16.0.9"},
	{"elsewhere, it came to link 3", "198.51.100.7", L3_V4, 0, 3, L3_V4, "10.99.0.254"},
	{"elsewhere, it came to where no gateway is", "198.51.100.7", L1, 0, 2, L1, "172.16.0.9"},
	{"a neighbour of another link", "10.99.0.2", L3_V4, 0, 3, L3_V4, "10.99.0.254"},
	{"loopback", "127.0.0.1", ANY, -EHOSTUNREACH},
	{"multicast", "224.0.0.1", ANY, -EHOSTUNREACH},
	{"everybody", "255.255.255.255", ANY, -EHOSTUNREACH},
	{"nobody", "0.0.0.0", ANY, -EHOSTUNREACH},
	{"a neighbour of IPv6", "2001:db8:2::7", ANY, 0, 3, L3_V6, "2001:db8:2::7"},
	{"its network's first address is a host's", "2001:db8:2::", ANY, 0, 3, L3_V6,
	 "2001:db8:2::"},
	{"elsewhere in IPv6", "2001:db8:77::7", ANY, 0, 2, L2_V6, "fe80::9"},
	{"elsewhere, it came to link 3 of IPv6", "2001:db8:77::7", L3_V6, 0, 3, L3_V6,
	 "2001:db8:2::9"},
	{"to a v4 address from v6", "2001:db8:77::7", L0_A, -EHOSTUNREACH},
	{"link-local: which link?", "fe80::7", ANY, -EHOSTUNREACH},
	{"link-local, where it came to", "fe80::7", L3_LOCAL, 0, 3, L3_LOCAL, "fe80::7"},
	{"no such address of ours", "10.99.0.2", 11, -EHOSTUNREACH},
	{"IPv6 multicast", "ff02::1", ANY, -EHOSTUNREACH},
	{"loopback of IPv6", "::1", ANY, -EHOSTUNREACH},
};

static void the_far_ends_choice_wins_then_the_longest_prefix_then_the_gateway(void **state)
{
	const struct host h = four_links();

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		struct ip_addr far = ip(routes[i].far), hop;
		struct host_route r = {.link = 99};

		assert_row(host_route(&h, &far, routes[i].local, &r) == routes[i].result,
			   routes[i].name);
		if (routes[i].result != 0)
			continue;
		hop = ip(routes[i].hop);
		assert_row(r.link == routes[i].link, routes[i].name);
		assert_row(r.addr + 1 == routes[i].from, routes[i].name);
		assert_row(ip_equal(&r.hop, &hop), routes[i].name);
	}
}

static void without_a_gateway_only_neighbours_are_reached(void **state)
{
	struct ip_addr far = ip("198.51.100.7"), near = ip("10.99.0.2");
	struct host h = four_links();
	struct host_route r;

	h.links[2].gateways[0] = none;
	h.links[3].gateways[0] = none;
	assert_int_equal(host_route(&h, &far, ANY, &r), -EHOSTUNREACH);
	assert_int_equal(host_route(&h, &near, ANY, &r), 0);
}

static void an_address_that_is_not_ours_yet_sends_nothing(void **state)
{
	struct ip_addr far = ip("2001:db8:2::7"), gone = ip("2001:db8:77::7");
	struct host h = four_links();
	struct host_route r;

	h.addrs[L3_V6 - 1].state = ADDR_TENTATIVE;
	assert_int_equal(host_route(&h, &far, ANY, &r), 0);
	assert_int_equal(r.link, 2); // by the gateway of link 2
	h.addrs[L2_V6 - 1].state = ADDR_DUPLICATE;
	assert_int_equal(host_route(&h, &far, ANY, &r), -EHOSTUNREACH);
	assert_int_equal(host_route(&h, &gone, L3_V6, &r), -EHOSTUNREACH);
}

// RFC 6724 rule 8: of several addresses to a gateway, the one that is most like the far end's.
static void the_source_is_like_the_destination(void **state)
{
	struct ip_addr far = ip("2001:db8:77::7"), other = ip("fd00::7");
	struct host_route r;
	struct host h = {0};

	link_add(&h, none, ip("fe80::9"));
	addr_add(&h, "fd00::1", 64);
	addr_add(&h, "2001:db8:1::1", 64);
	addr_add(&h, "fe80::1", 64);
	assert_int_equal(host_route(&h, &far, ANY, &r), 0);
	assert_int_equal(r.addr, 1);
	addr_add(&h, "2001:db8:70::1", 64);
	assert_int_equal(host_route(&h, &far, ANY, &r), 0);
	assert_int_equal(r.addr, 3);
	assert_int_equal(host_route(&h, &other, ANY, &r), 0);
	assert_int_equal(r.addr, 0);
}

static void endpoints_are_ports_of_our_addresses(void **state)
{
	struct ip_addr a = ip("10.99.0.1"), b = ip("2001:db8:1::1");
	struct host h = four_links();

	h.endpoints[0] = (struct host_endpoint){.port = 1935};
	h.endpoints[1] = (struct host_endpoint){.address = a, .port = 1936};
	h.endpoints[2] = (struct host_endpoint){0};
	h.n_endpoints = 3;
	assert_int_equal(host_endpoint_at(&h, &a, 1935), 0);
	assert_int_equal(host_endpoint_at(&h, &b, 1935), 0);
	assert_int_equal(host_endpoint_at(&h, &a, 1936), 1);
	assert_int_equal(host_endpoint_at(&h, &b, 1936), -1);
	assert_int_equal(host_endpoint_at(&h, &a, 80), -1);
	assert_int_equal(host_endpoint_at(&h, &a, 0), -1);
}

// -- headers --

// Where they begin in a way.
static const uint8_t *begins(const struct host_way *way)
{
	return way->header + sizeof(way->header) - way->header_len;
}

static void a_way_is_whole_once_the_neighbour_is_known(void **state)
{
	const struct host_far far = {.ip = ip_of_v4(FAR_IP), .port = PEER_PORT};
	struct ip_addr gateway = ip_of_v4(GATEWAY_IP);
	struct host h = host_simple();
	struct host_way way;
	struct l2_header l2 = {0};
	const uint8_t *at;

	assert_int_equal(host_find_way(&h, &far, 1000, &way), -EINPROGRESS);
	assert_true(ip_equal(&way.hop, &gateway));
	neighbours_learn(h.links[0].neighbours, &gateway, &peer_mac, SAID_BY_ARP, 1000);
	assert_int_equal(host_find_way(&h, &far, 1000, &way), 0);
	assert_int_equal(way.header_len, L2_LEN + IPV4_UDP_LEN);
	at = begins(&way);
	l2_read(&l2, at, way.header_len);
	assert_true(mac_equal(&l2.dst, &peer_mac));
	assert_true(mac_equal(&l2.src, &our_mac));
	assert_int_equal(l2.type, L2_TYPE_IPV4);
	assert_int_equal(be32_get(at + L2_LEN + 12), OUR_IP);
	assert_int_equal(be32_get(at + L2_LEN + 16), FAR_IP);
	assert_int_equal(be16_get(at + L2_LEN + IPV4_LEN), OUR_PORT);
	assert_int_equal(be16_get(at + L2_LEN + IPV4_LEN + 2), PEER_PORT);
	host_end(&h);
}

static void a_way_of_ipv6_with_a_tag_is_the_longest(void **state)
{
	const struct host_far far = {.ip = ip(FAR_IP6), .port = PEER_PORT};
	struct ip_addr gateway = ip(GATEWAY_IP6), own = ip(OUR_IP6);
	struct host h = host_dual(ADDR_READY);
	struct host_way way;
	const uint8_t *at;

	h.links[0].vlan = 7;
	neighbours_learn(h.links[0].neighbours, &gateway, &peer_mac, SAID_ADD, 1000);
	assert_int_equal(host_find_way(&h, &far, 1000, &way), 0);
	assert_true(way.is_v6);
	assert_int_equal(way.header_len, HOST_HEADER_MAX);
	at = begins(&way);
	assert_memory_equal(at, &peer_mac, MAC_LEN);
	assert_memory_equal(at + 12, "\x81\x00\x00\x07\x86\xdd", 6);
	assert_memory_equal(at + 18 + 8, &own, IP_LEN);
	assert_memory_equal(at + 18 + 24, &far.ip, IP_LEN);
	assert_int_equal(be16_get(at + 18 + IPV6_LEN + 2), PEER_PORT);
	h.links[0].puts_tags = true; // then the card does it
	assert_int_equal(host_find_way(&h, &far, 1000, &way), 0);
	assert_int_equal(way.header_len, HOST_HEADER_MAX - L2_TAG_LEN);
	assert_memory_equal(begins(&way) + 12, "\x86\xdd", 2);
	host_end(&h);
}

// An endpoint with an address of its own answers from it, wherever it was asked.
static void an_endpoint_speaks_from_its_own_address(void **state)
{
	struct host_far far = {.ip = ip_of_v4(PEER_IP), .port = PEER_PORT, .local = 1};
	struct ip_addr second = ip("10.99.0.77");
	struct host h = host_simple();
	struct host_way way;

	host_add(&h, &second, 24, ADDR_READY);
	h.endpoints[0].address = second;
	host_find_way(&h, &far, 1000, &way);
	assert_memory_equal(begins(&way) + L2_LEN + 12, second.octets + IP_V4_AT, 4);
	far.ip = ip(PEER_IP6);
	assert_int_equal(host_find_way(&h, &far, 1000, &way), -EHOSTUNREACH);
	host_end(&h);
}

static void an_endpoint_that_is_not_there_sends_nothing(void **state)
{
	struct host h = host_simple();
	struct host_way way;

	for (uint8_t endpoint = 1; endpoint != 0; endpoint = (uint8_t)(endpoint * 2)) {
		struct host_far far = {.ip = ip_of_v4(PEER_IP), .port = 1, .endpoint = endpoint};

		assert_int_equal(host_find_way(&h, &far, 1000, &way), -EHOSTUNREACH);
	}
	host_end(&h);
}

// RFC 1112 §6.1: no neighbour is asked for, and no more hops than were said.
static void a_group_is_spoken_to_over_the_link_that_has_its_family(void **state)
{
	struct host h = host_dual(ADDR_READY);
	struct host_far v4 = {.ip = ip("239.1.2.3"), .port = 4000},
			v6 = {.ip = ip("ff05::1234"), .port = 4000};
	struct host_way way;
	const uint8_t *end = way.header + sizeof(way.header), *packet;
	struct ip_addr own6 = ip(OUR_IP6);

	assert_int_equal(host_find_group_way(&h, &v4, 1, &way), 0);
	packet = end - IPV4_UDP_LEN;
	assert_memory_equal(packet - L2_LEN, "\x01\x00\x5e\x01\x02\x03", MAC_LEN);
	assert_int_equal(packet[8], 1);
	assert_int_equal(be32_get(packet + 12), OUR_IP);
	assert_int_equal(be32_get(packet + 16), 0xef010203);
	ipv4_udp_finish((uint8_t *)packet, 100, false);
	assert_int_equal(csum_finish(csum_partial(packet, IPV4_LEN)), 0);

	assert_int_equal(host_find_group_way(&h, &v6, 3, &way), 0);
	packet = end - IPV6_UDP_LEN;
	assert_true(way.is_v6);
	assert_memory_equal(packet - L2_LEN, "\x33\x33\x00\x00\x12\x34", MAC_LEN);
	assert_int_equal(packet[7], 3);
	assert_memory_equal(packet + 8, &own6, IP_LEN); // not the link's own
	v6.endpoint = 1;
	assert_int_equal(host_find_group_way(&h, &v6, 1, &way), -EHOSTUNREACH);
	host_end(&h);
	h = host_simple();
	v6.endpoint = 0;
	assert_int_equal(host_find_group_way(&h, &v6, 1, &way), -EHOSTUNREACH);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_spoken_to_over_the_link_that_has_its_family),
		cmocka_unit_test(the_far_ends_choice_wins_then_the_longest_prefix_then_the_gateway),
		cmocka_unit_test(without_a_gateway_only_neighbours_are_reached),
		cmocka_unit_test(an_address_that_is_not_ours_yet_sends_nothing),
		cmocka_unit_test(the_source_is_like_the_destination),
		cmocka_unit_test(endpoints_are_ports_of_our_addresses),
		cmocka_unit_test(a_way_is_whole_once_the_neighbour_is_known),
		cmocka_unit_test(a_way_of_ipv6_with_a_tag_is_the_longest),
		cmocka_unit_test(an_endpoint_speaks_from_its_own_address),
		cmocka_unit_test(an_endpoint_that_is_not_there_sends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
