#include "dataplane/io/ipv6.h"

#include "crypto/checksum.h"
#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

// A packet of exactly these octets behind the fixed header, next header first.
struct packet {
	uint8_t *octets;
	uint16_t len;
};

static struct packet packet_of(uint8_t next, const void *rest, uint16_t len)
{
	struct ip_addr src = ip(PEER_IP6), dst = ip(OUR_IP6);
	struct packet p = {malloc(IPV6_LEN + len), (uint16_t)(IPV6_LEN + len)};

	ipv6_write(p.octets, &src, &dst, len, next, 9);
	if (len > 0)
		memcpy(p.octets + IPV6_LEN, rest, len);
	return p;
}

static const struct {
	const char *name;
	uint8_t next, len;
	uint8_t rest[24];
	enum drop_reason drop;
	uint16_t header_len;
	bool has_alert, is_fragment;
} headers[] = {
	{"UDP at once", 17, 8, {0}, DROP_NONE, 40},
	{"ICMPv6 at once", 58, 8, {0}, DROP_NONE, 40},
	{"TCP", 6, 20, {0}, DROP_L3_EXTENSION},
	{"nothing", 59, 0, {0}, DROP_L3_EXTENSION},
	{"routing", 43, 8, {17}, DROP_L3_EXTENSION},
	{"destination options", 60, 8, {17, 0, 1, 4}, DROP_L3_EXTENSION},
	{"authentication", 51, 16, {17}, DROP_L3_EXTENSION},
	{"hop-by-hop, padding", 0, 16, {17, 0, 1, 4}, DROP_NONE, 48},
	{"hop-by-hop, single octets of padding", 0, 16, {17, 0, 0, 0, 0, 0, 0, 0}, DROP_NONE, 48},
	{"hop-by-hop, router alert", 0, 16, {58, 0, 5, 2, 0, 0, 1, 0}, DROP_NONE, 48, true},
	{"hop-by-hop, unknown: skip", 0, 16, {17, 0, 0x1e, 4}, DROP_NONE, 48},
	{"hop-by-hop, unknown: discard", 0, 16, {17, 0, 0x5e, 4}, DROP_L3_MALFORMED},
	{"hop-by-hop, unknown: discard and tell", 0, 16, {17, 0, 0x9e, 4}, DROP_L3_MALFORMED},
	{"hop-by-hop, 16 octets", 0, 24, {17, 1, 1, 12}, DROP_NONE, 56},
	{"hop-by-hop longer than the packet", 0, 16, {17, 2}, DROP_L3_MALFORMED},
	{"hop-by-hop cut", 0, 7, {17, 0}, DROP_L3_MALFORMED},
	{"an option longer than its header", 0, 16, {17, 0, 1, 5}, DROP_L3_MALFORMED},
	{"hop-by-hop twice", 0, 24, {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4}, DROP_L3_EXTENSION},
	{"hop-by-hop, then routing", 0, 24, {43, 0, 1, 4}, DROP_L3_EXTENSION},
	{"first piece", 44, 16, {17, 0, 0, 1, 0, 0, 0, 7}, DROP_NONE, 48, false, true},
	{"last piece", 44, 16, {17, 0, 0, 8, 0, 0, 0, 7}, DROP_NONE, 48, false, true},
	{"a piece that is all", 44, 16, {17, 0, 0, 0, 0, 0, 0, 7}, DROP_NONE, 48},
	{"a piece of TCP", 44, 16, {6, 0, 0, 1, 0, 0, 0, 7}, DROP_L3_EXTENSION},
	{"a piece of a piece", 44, 16, {44, 0, 0, 1}, DROP_L3_EXTENSION},
	{"a piece cut", 44, 7, {17, 0, 0, 1}, DROP_L3_MALFORMED},
	{"hop-by-hop, then a piece",
	 0,
	 24,
	 {44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1},
	 DROP_NONE,
	 56,
	 false,
	 true},
};

static void extension_headers_are_stepped_over_or_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct packet p = packet_of(headers[i].next, headers[i].rest, headers[i].len);
		struct ipv6_header h;

		assert_row(ipv6_read(&h, p.octets, p.len) == headers[i].drop, headers[i].name);
		if (headers[i].drop == DROP_NONE) {
			assert_row(h.header_len == headers[i].header_len, headers[i].name);
			assert_row(h.has_router_alert == headers[i].has_alert, headers[i].name);
			assert_row(h.is_fragment == headers[i].is_fragment, headers[i].name);
			assert_row(h.len == p.len, headers[i].name);
			assert_row(h.hop_limit == 9, headers[i].name);
		}
		free(p.octets);
	}
}

static void a_piece_says_where_it_belongs(void **state)
{
	const uint8_t rest[16] = {17, 0, 0x05, 0xb9, 0x12, 0x34, 0x56, 0x78};
	struct packet p = packet_of(44, rest, sizeof(rest));
	struct ipv6_header h;

	assert_int_equal(ipv6_read(&h, p.octets, p.len), DROP_NONE);
	assert_int_equal(h.offset, 0x5b8);
	assert_true(h.has_more);
	assert_int_equal(h.id, 0x12345678);
	free(p.octets);
}

static void lengths_are_the_packets_not_the_frames(void **state)
{
	const uint8_t rest[20] = {0};
	struct packet p = packet_of(17, rest, sizeof(rest));
	struct ipv6_header h;

	be16_put(p.octets + 4, 8);
	assert_int_equal(ipv6_read(&h, p.octets, p.len), DROP_NONE);
	assert_int_equal(h.len, IPV6_LEN + 8); // the rest is padding
	be16_put(p.octets + 4, 21);
	assert_int_equal(ipv6_read(&h, p.octets, p.len), DROP_L3_MALFORMED);
	assert_int_equal(ipv6_claimed_len(p.octets, p.len), IPV6_LEN + 21);
	be16_put(p.octets + 4, 0xffff);
	assert_int_equal(ipv6_claimed_len(p.octets, p.len), UINT16_MAX);
	assert_int_equal(ipv6_read(&h, p.octets, p.len), DROP_L3_MALFORMED);
	for (uint16_t len = 0; len < IPV6_LEN; len++)
		assert_int_equal(ipv6_read(&h, p.octets, len), DROP_L3_MALFORMED);
	p.octets[0] = 0x40;
	assert_int_equal(ipv6_read(&h, p.octets, p.len), DROP_L3_MALFORMED);
	free(p.octets);
}

// What we write is what we would take, for every length and content, also the one whose sum is 0.
static void a_datagram_of_ours_has_a_right_checksum(void **state)
{
	struct udp_flow6 flow = {
		.src = ip(OUR_IP6), .dst = ip(PEER_IP6), .src_port = 1935, .dst_port = 50000};
	uint8_t packet[IPV6_UDP_LEN + 64];
	uint32_t n_ffff = 0;

	for (uint32_t i = 0; i < 70000; i++) {
		uint16_t len = (uint16_t)(2 + i % 63);
		struct ipv6_header h;
		struct udp_header u = {0};

		ipv6_udp_prepare(packet, &flow);
		for (uint16_t k = 0; k < len; k++)
			packet[IPV6_UDP_LEN + k] = (uint8_t)(k * 37);
		be16_put(packet + IPV6_UDP_LEN, (uint16_t)i);
		ipv6_udp_finish(packet, len, false);
		assert_int_equal(ipv6_read(&h, packet, (uint16_t)(IPV6_UDP_LEN + len)), DROP_NONE);
		assert_int_equal(h.len, IPV6_UDP_LEN + len);
		assert_int_equal(udp_read(&u, packet + IPV6_LEN, (uint16_t)(UDP_LEN + len)),
				 DROP_NONE);
		assert_int_not_equal(u.checksum, 0);
		n_ffff += u.checksum == 0xffff;
		assert_true(ipv6_checksum_is_right(&h, packet + IPV6_LEN, u.len, IPV4_PROTO_UDP));
		packet[IPV6_UDP_LEN] ^= 0x40;
		assert_false(ipv6_checksum_is_right(&h, packet + IPV6_LEN, u.len, IPV4_PROTO_UDP));
	}
	assert_true(n_ffff > 0); // sums that came out as 0
}

// The port adds UDP header and payload to what stands there.
static void with_offload_the_pseudo_headers_sum_stands_there(void **state)
{
	struct udp_flow6 flow = {
		.src = ip(OUR_IP6), .dst = ip(PEER_IP6), .src_port = 1935, .dst_port = 50000};
	uint8_t packet[IPV6_UDP_LEN + 10], whole[sizeof(packet)];
	uint16_t sum;

	memset(packet, 0x5a, sizeof(packet));
	ipv6_udp_prepare(packet, &flow);
	ipv6_udp_finish(packet, 10, true);
	sum = csum_finish(csum_partial(packet + IPV6_LEN, UDP_LEN + 10));
	memset(whole, 0x5a, sizeof(whole));
	ipv6_udp_prepare(whole, &flow);
	ipv6_udp_finish(whole, 10, false);
	assert_int_equal(sum, be16_get(whole + IPV6_LEN + 6));
}

static void flows_have_labels_that_stay_and_differ(void **state)
{
	struct udp_flow6 flow = {
		.src = ip(OUR_IP6), .dst = ip(PEER_IP6), .src_port = 1935, .dst_port = 50000};
	uint8_t a[IPV6_UDP_LEN], b[IPV6_UDP_LEN];

	ipv6_udp_prepare(a, &flow);
	ipv6_udp_prepare(b, &flow);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(a[0], 0x60);
	assert_int_equal(a[1] & 0xf0, 0);
	flow.dst_port++;
	ipv6_udp_prepare(b, &flow);
	assert_memory_not_equal(a, b, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extension_headers_are_stepped_over_or_refused),
		cmocka_unit_test(a_piece_says_where_it_belongs),
		cmocka_unit_test(lengths_are_the_packets_not_the_frames),
		cmocka_unit_test(a_datagram_of_ours_has_a_right_checksum),
		cmocka_unit_test(with_offload_the_pseudo_headers_sum_stands_there),
		cmocka_unit_test(flows_have_labels_that_stay_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
