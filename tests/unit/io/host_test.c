#include "dataplane/io/host.h"

#include <errno.h>

#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

static void masks(void **state)
{
	assert_int_equal(host_mask(0), 0);
	assert_int_equal(host_mask(1), 0x80000000);
	assert_int_equal(host_mask(24), 0xffffff00);
	assert_int_equal(host_mask(32), 0xffffffff);
}

// Link 0: 10.99.0.1/24. Link 1: 192.0.2.1/31. Link 2: 172.16.0.1/32 with gateway 172.16.0.9.
static struct host three_links(void)
{
	struct host h = {.n_links = 3};

	h.links[0] = (struct host_link){.address = OUR_IP, .mask = host_mask(24)};
	h.links[1] = (struct host_link){.address = 0xc0000201, .mask = host_mask(31)};
	h.links[2] = (struct host_link){
		.address = 0xac100001, .mask = host_mask(32), .gateway = 0xac100009};
	return h;
}

static const struct {
	const char *name;
	uint32_t far;
	int result;
	uint8_t link;
	uint32_t hop;
} routes[] = {
	{"a neighbour", PEER_IP, 0, 0, PEER_IP},
	{"our own address", OUR_IP, -EHOSTUNREACH},
	{"the network's broadcast", 0x0a6300ff, -EHOSTUNREACH},
	{"the network itself", 0x0a630000, -EHOSTUNREACH},
	{"the other end of a /31", 0xc0000200, 0, 1, 0xc0000200},
	{"us on the /31", 0xc0000201, -EHOSTUNREACH},
	{"elsewhere", FAR_IP, 0, 2, 0xac100009},
	{"loopback", 0x7f000001, -EHOSTUNREACH},
	{"multicast", 0xe0000001, -EHOSTUNREACH},
	{"everybody", 0xffffffff, -EHOSTUNREACH},
	{"nobody", 0, -EHOSTUNREACH},
};

static void the_network_that_has_it_wins_then_the_gateway(void **state)
{
	const struct host h = three_links();

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		uint8_t link = 99;
		uint32_t hop = 0;

		assert_row(host_route(&h, routes[i].far, &link, &hop) == routes[i].result,
			   routes[i].name);
		if (routes[i].result == 0) {
			assert_row(link == routes[i].link, routes[i].name);
			assert_row(hop == routes[i].hop, routes[i].name);
		}
	}
}

static void without_a_gateway_only_neighbours_are_reached(void **state)
{
	struct host h = three_links();
	uint32_t hop;
	uint8_t link;

	h.links[2].gateway = 0;
	assert_int_equal(host_route(&h, FAR_IP, &link, &hop), -EHOSTUNREACH);
	assert_int_equal(host_route(&h, PEER_IP, &link, &hop), 0);
}

static void endpoints_are_ports_of_our_addresses(void **state)
{
	struct host h = three_links();

	h.endpoints[0] = (struct host_endpoint){.port = 1935};
	h.endpoints[1] = (struct host_endpoint){.address = OUR_IP, .port = 1936};
	h.endpoints[2] = (struct host_endpoint){0};
	h.n_endpoints = 3;
	assert_int_equal(host_endpoint_at(&h, &h.links[0], OUR_IP, 1935), 0);
	assert_int_equal(host_endpoint_at(&h, &h.links[1], 0xc0000201, 1935), 0);
	assert_int_equal(host_endpoint_at(&h, &h.links[0], OUR_IP, 1936), 1);
	assert_int_equal(host_endpoint_at(&h, &h.links[1], 0xc0000201, 1936), -1);
	assert_int_equal(host_endpoint_at(&h, &h.links[0], PEER_IP, 1935), -1);
	assert_int_equal(host_endpoint_at(&h, &h.links[0], OUR_IP, 80), -1);
	assert_int_equal(host_endpoint_at(&h, &h.links[0], OUR_IP, 0), -1);
}

static void a_way_is_whole_once_the_neighbour_is_known(void **state)
{
	const struct host_far far = {.ip = FAR_IP, .port = PEER_PORT};
	struct host h = host_simple();
	struct host_way way;
	struct l2_header l2;

	assert_int_equal(host_find_way(&h, &far, 1000, &way), -EINPROGRESS);
	assert_int_equal(way.hop, GATEWAY_IP);
	neighbours_learn(h.links[0].neighbours, GATEWAY_IP, &peer_mac, false, 1000);
	assert_int_equal(host_find_way(&h, &far, 1000, &way), 0);
	l2_read(&l2, way.header, sizeof(way.header));
	assert_true(mac_equal(&l2.dst, &peer_mac));
	assert_true(mac_equal(&l2.src, &our_mac));
	assert_int_equal(l2.type, L2_TYPE_IPV4);
	assert_int_equal(be32_get(way.header + L2_LEN + 12), OUR_IP);
	assert_int_equal(be32_get(way.header + L2_LEN + 16), FAR_IP);
	assert_int_equal(be16_get(way.header + L2_LEN + IPV4_LEN), OUR_PORT);
	assert_int_equal(be16_get(way.header + L2_LEN + IPV4_LEN + 2), PEER_PORT);
	host_end(&h);
}

static void an_endpoint_that_is_not_there_sends_nothing(void **state)
{
	struct host h = host_simple();
	struct host_way way;

	for (uint8_t endpoint = 1; endpoint != 0; endpoint = (uint8_t)(endpoint * 2)) {
		struct host_far far = {.ip = PEER_IP, .port = 1, .endpoint = endpoint};

		assert_int_equal(host_find_way(&h, &far, 1000, &way), -EHOSTUNREACH);
	}
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks),
		cmocka_unit_test(the_network_that_has_it_wins_then_the_gateway),
		cmocka_unit_test(without_a_gateway_only_neighbours_are_reached),
		cmocka_unit_test(endpoints_are_ports_of_our_addresses),
		cmocka_unit_test(a_way_is_whole_once_the_neighbour_is_known),
		cmocka_unit_test(an_endpoint_that_is_not_there_sends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
