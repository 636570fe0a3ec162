#include "dataplane/io/icmp_error.h"

#include "dataplane/io/icmp.h"
#include "dataplane/io/icmp6.h"
#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

// An error of that type and code which quotes a datagram of ours, or nearly: changed at an octet of
// the quote. Only the first `quote` octets of it.
struct quoted {
	uint8_t icmp[8 + IPV6_UDP_LEN + 8];
	uint16_t len;
};

static struct quoted quote_v4(uint8_t type, uint8_t code, uint16_t quote, size_t at, uint8_t octet)
{
	struct quoted q = {.icmp = {type, code}, .len = (uint16_t)(8 + quote)};

	ipv4_udp_prepare(q.icmp + 8, &(struct udp_flow){.src = OUR_IP,
							.dst = FAR_IP,
							.src_port = OUR_PORT,
							.dst_port = PEER_PORT});
	if (at != SIZE_MAX)
		q.icmp[8 + at] = octet;
	return q;
}

static struct quoted quote_v6(uint8_t type, uint8_t code, uint16_t quote, size_t at, uint8_t octet)
{
	struct quoted q = {.icmp = {type, code}, .len = (uint16_t)(8 + quote)};

	ipv6_udp_prepare(q.icmp + 8, &(struct udp_flow6){.src = ip(OUR_IP6),
							 .dst = ip(FAR_IP6),
							 .src_port = OUR_PORT,
							 .dst_port = PEER_PORT});
	if (at != SIZE_MAX)
		q.icmp[8 + at] = octet;
	return q;
}

#define AS_IT_IS SIZE_MAX

static const struct {
	const char *name;
	bool is_v6;
	uint8_t type, code;
	uint16_t quote;
	size_t at;
	uint8_t octet;
	enum drop_reason drop;
	bool is_unreachable;
} rows[] = {
	{"host unreachable", false, 3, 1, 28, AS_IT_IS, 0, DROP_ICMP_ERROR, true},
	{"port unreachable", false, 3, 3, 28, AS_IT_IS, 0, DROP_ICMP_ERROR, true},
	{"too big", false, 3, 4, 28, AS_IT_IS, 0, DROP_ICMP_TOO_BIG, true},
	{"time exceeded", false, 11, 0, 28, AS_IT_IS, 0, DROP_ICMP_ERROR, false},
	{"source quench", false, 4, 0, 28, AS_IT_IS, 0, DROP_ICMP_ERROR, false},
	{"redirect", false, 5, 1, 28, AS_IT_IS, 0, DROP_ICMP_REDIRECT, false},
	{"an echo reply", false, 0, 0, 28, AS_IT_IS, 0, DROP_L2_NOT_OURS, false},
	{"a timestamp", false, 13, 0, 28, AS_IT_IS, 0, DROP_L2_NOT_OURS, false},
	{"quote cut", false, 3, 1, 27, AS_IT_IS, 0, DROP_ICMP_BOGUS, false},
	{"quote is TCP", false, 3, 1, 28, 9, 6, DROP_ICMP_BOGUS, false},
	{"quote of another's", false, 3, 1, 28, 15, 9, DROP_ICMP_BOGUS, false},
	{"quote of another port", false, 3, 1, 28, 21, 9, DROP_ICMP_BOGUS, false},
	{"quote with options, cut", false, 3, 1, 28, 0, 0x46, DROP_ICMP_BOGUS, false},
	{"quote of IPv6 in ICMP", false, 3, 1, 28, 0, 0x65, DROP_ICMP_BOGUS, false},
	{"no route", true, 1, 0, 48, AS_IT_IS, 0, DROP_ICMP_ERROR, true},
	{"port unreachable in IPv6", true, 1, 4, 48, AS_IT_IS, 0, DROP_ICMP_ERROR, true},
	{"too big in IPv6", true, 2, 0, 48, AS_IT_IS, 0, DROP_ICMP_TOO_BIG, false},
	{"hop limit", true, 3, 0, 48, AS_IT_IS, 0, DROP_ICMP_ERROR, false},
	{"parameter problem", true, 4, 1, 48, AS_IT_IS, 0, DROP_ICMP_ERROR, false},
	{"redirect in IPv6", true, 137, 0, 48, AS_IT_IS, 0, DROP_ICMP_REDIRECT, false},
	{"an echo reply of IPv6", true, 129, 0, 48, AS_IT_IS, 0, DROP_L2_NOT_OURS, false},
	{"quote of IPv6 cut", true, 1, 0, 47, AS_IT_IS, 0, DROP_ICMP_BOGUS, false},
	{"quote of another's in IPv6", true, 1, 0, 48, 23, 9, DROP_ICMP_BOGUS, false},
	{"quote with extension headers", true, 1, 0, 48, 6, 0, DROP_ICMP_BOGUS, false},
};

static void only_errors_about_our_datagrams_count(void **state)
{
	struct host h = host_dual(ADDR_READY);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct quoted q = (rows[i].is_v6 ? quote_v6 : quote_v4)(
			rows[i].type, rows[i].code, rows[i].quote, rows[i].at, rows[i].octet);
		uint8_t *exact = malloc(q.len);
		struct icmp_error e;

		memcpy(exact, q.icmp, q.len);
		assert_row(icmp_error_read(&e, &h, rows[i].is_v6, exact, q.len) == rows[i].drop,
			   rows[i].name);
		if (rows[i].drop == DROP_ICMP_ERROR || rows[i].drop == DROP_ICMP_TOO_BIG) {
			assert_row(e.is_unreachable == rows[i].is_unreachable, rows[i].name);
			assert_row(!e.is_unreachable || e.code == rows[i].code, rows[i].name);
			assert_row(e.far_port == PEER_PORT && e.endpoint == 0, rows[i].name);
		}
		free(exact);
	}
	host_end(&h);
}

// What a session needs to recognise its datagram.
static void too_big_says_what_was_too_big(void **state)
{
	struct host h = host_dual(ADDR_READY);
	struct quoted q4 = quote_v4(3, 4, 28 + 8, AS_IT_IS, 0),
		      q6 = quote_v6(2, 0, 48 + 8, AS_IT_IS, 0);
	struct icmp_error e;

	be16_put(q4.icmp + 6, 1400);
	be16_put(q4.icmp + 8 + IPV4_LEN + 4, 1472 + UDP_LEN);
	assert_int_equal(icmp_error_read(&e, &h, false, q4.icmp, q4.len), DROP_ICMP_TOO_BIG);
	assert_int_equal(e.too_big.mtu, 1400);
	assert_int_equal(e.too_big.family, 4);
	assert_int_equal(e.too_big.port, PEER_PORT);
	assert_int_equal(be32_get(e.too_big.addr), FAR_IP);
	assert_int_equal(e.too_big.payload_len, 1472);
	assert_int_equal(e.too_big.quote_len, 8);
	assert_ptr_equal(e.too_big.quote, q4.icmp + 8 + IPV4_LEN + UDP_LEN);

	be32_put(q6.icmp + 4, 70000);
	be16_put(q6.icmp + 8 + IPV6_LEN + 4, UDP_LEN - 1); // shorter than its own header
	assert_int_equal(icmp_error_read(&e, &h, true, q6.icmp, q6.len), DROP_ICMP_TOO_BIG);
	assert_int_equal(e.too_big.mtu, 70000);
	assert_int_equal(e.too_big.family, 6);
	assert_memory_equal(e.too_big.addr, ip(FAR_IP6).octets, IP_LEN);
	assert_int_equal(e.too_big.payload_len, 0);
	assert_int_equal(e.too_big.quote_len, 8);
	host_end(&h);
}

static void cuts_are_not_looked_beyond(void **state)
{
	struct host h = host_dual(ADDR_READY);
	struct quoted q4 = quote_v4(3, 1, 28, AS_IT_IS, 0), q6 = quote_v6(1, 0, 48, AS_IT_IS, 0);

	for (uint16_t len = 0; len < q6.len; len++) {
		uint8_t *exact = malloc(len > 0 ? len : 1);
		struct icmp_error e;

		memcpy(exact, q6.icmp, len);
		assert_int_not_equal(icmp_error_read(&e, &h, true, exact, len), DROP_ICMP_ERROR);
		if (len < q4.len) {
			memcpy(exact, q4.icmp, len);
			assert_int_not_equal(icmp_error_read(&e, &h, false, exact, len),
					     DROP_ICMP_ERROR);
		}
		free(exact);
	}
	host_end(&h);
}

// -- ours --

static void a_closed_port_is_told_of_with_the_datagram(void **state)
{
	static const uint8_t payload[1400] = {1, 2, 3};
	struct built b = frame_udp(payload, sizeof(payload));
	uint8_t out[ICMP_ERROR_MAX];
	struct ipv4_header h = {0};
	uint16_t len = icmp_error_port_closed(out, b.data, false, (uint16_t)(b.len - L2_LEN));

	assert_memory_equal(out, &peer_mac, MAC_LEN);
	assert_memory_equal(out + MAC_LEN, &our_mac, MAC_LEN);
	assert_int_equal(ipv4_read(&h, out + L2_LEN, (uint16_t)(len - L2_LEN), false), DROP_NONE);
	assert_int_equal(h.len, 576);
	assert_int_equal(h.src, OUR_IP);
	assert_int_equal(h.dst, PEER_IP);
	assert_true(icmp_check(out + L2_LEN + IPV4_LEN, 556));
	assert_memory_equal(out + L2_LEN + IPV4_LEN, "\x03\x03", 2);
	assert_memory_equal(out + L2_LEN + IPV4_LEN + 8, b.data + L2_LEN, 548);
	frame_free(&b);
}

static void and_in_ipv6(void **state)
{
	static const uint8_t payload[1400] = {1, 2, 3};

	for (uint16_t n = 0; n <= sizeof(payload); n += 350) {
		struct built b = frame_udp6(payload, n);
		uint16_t packet_len = (uint16_t)(b.len - L2_LEN);
		uint16_t quote = packet_len < ICMP_ERROR_QUOTE ? packet_len : ICMP_ERROR_QUOTE;
		struct ip_addr peer = ip(PEER_IP6);
		uint8_t out[ICMP_ERROR_MAX];
		struct ipv6_header h;
		uint16_t len = icmp_error_port_closed(out, b.data, true, packet_len);

		assert_int_equal(ipv6_read(&h, out + L2_LEN, (uint16_t)(len - L2_LEN)), DROP_NONE);
		assert_int_equal(h.len, IPV6_LEN + 8 + quote);
		assert_true(h.len <= 1280);
		assert_memory_equal(h.dst, &peer, IP_LEN);
		assert_int_equal(icmp6_check(&h, out + L2_LEN + IPV6_LEN, (uint16_t)(8 + quote)),
				 DROP_NONE);
		assert_memory_equal(out + L2_LEN + IPV6_LEN, "\x01\x04", 2);
		assert_memory_equal(out + L2_LEN + IPV6_LEN + 8, b.data + L2_LEN, quote);
		frame_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_errors_about_our_datagrams_count),
		cmocka_unit_test(too_big_says_what_was_too_big),
		cmocka_unit_test(cuts_are_not_looked_beyond),
		cmocka_unit_test(a_closed_port_is_told_of_with_the_datagram),
		cmocka_unit_test(and_in_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
