#include "dataplane/io/ipv4.h"

#include "crypto/checksum.h"
#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

// From RFC 1071-style examples all over: a header whose checksum is known to be b1 e6.
static const uint8_t known[IPV4_LEN] = {0x45, 0x00, 0x00, 0x3c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x06,
					0xb1, 0xe6, 0xac, 0x10, 0x0a, 0x63, 0xac, 0x10, 0x0a, 0x0c};

static void a_known_header_reads(void **state)
{
	uint8_t packet[60] = {0};
	struct ipv4_header h = {0};

	memcpy(packet, known, sizeof(known));
	assert_int_equal(ipv4_read(&h, packet, sizeof(packet), false), DROP_NONE);
	assert_int_equal(h.src, 0xac100a63);
	assert_int_equal(h.dst, 0xac100a0c);
	assert_int_equal(h.proto, 6);
	assert_int_equal(h.len, 60);
	assert_int_equal(h.header_len, 20);
}

// One octet of a good packet changed, header checksum put right unless said.
static const struct {
	const char *name;
	size_t at;
	uint8_t octet;
	bool keeps_sum;
	enum drop_reason drop;
} changes[] = {
	{"nothing", 1, 0x00, false, DROP_NONE},
	{"type of service", 1, 0xb8, false, DROP_NONE},
	{"identification", 4, 0x77, false, DROP_NONE},
	{"do not fragment", 6, 0x40, false, DROP_NONE},
	{"more fragments", 6, 0x20, false, DROP_NONE},
	{"a later fragment", 7, 0x01, false, DROP_NONE},
	{"version 6", 0, 0x65, false, DROP_L3_MALFORMED},
	{"header of 16 octets", 0, 0x44, false, DROP_L3_MALFORMED},
	{"shorter than its header", 3, 19, false, DROP_L3_MALFORMED},
	{"longer than the frame", 3, 33, false, DROP_L3_MALFORMED},
	{"much longer", 2, 0xff, false, DROP_L3_MALFORMED},
	{"shorter than the frame: padding", 3, 30, false, DROP_NONE},
	{"checksum off by one", 11, 0x5b, true, DROP_L3_CHECKSUM},
	{"source changed on the way", 12, 0x0b, true, DROP_L3_CHECKSUM},
};

static void every_field_is_looked_at(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct built b = frame_udp("abcd", 4);
		uint8_t *ip = b.data + L2_LEN;
		struct ipv4_header h = {0};

		ip[changes[i].at] = changes[i].octet;
		if (!changes[i].keeps_sum && (ip[0] & 15) >= 5)
			frame_resum_ipv4(&b);
		assert_row(ipv4_read(&h, ip, (uint16_t)(b.len - L2_LEN), false) == changes[i].drop,
			   changes[i].name);
		frame_free(&b);
	}
}

static void options_are_stepped_over(void **state)
{
	uint8_t packet[24 + 4] = {0x46, 0, 0, sizeof(packet)};
	struct ipv4_header h = {0};

	packet[9] = IPV4_PROTO_UDP;
	packet[20] = 0x01; // no operation, three times, end
	packet[21] = 0x01;
	packet[22] = 0x01;
	be16_put(packet + 10, csum_finish(csum_partial(packet, 24)));
	assert_int_equal(ipv4_read(&h, packet, sizeof(packet), false), DROP_NONE);
	assert_int_equal(h.header_len, 24);
	assert_int_equal(ipv4_read(&h, packet, 23, false), DROP_L3_MALFORMED);
}

static void cut_packets_are_malformed(void **state)
{
	struct built b = frame_udp("abcd", 4);

	for (uint16_t len = L2_LEN; len < b.len; len++) {
		struct built cut = frame_cut(&b, len);
		struct ipv4_header h = {0};

		assert_int_equal(ipv4_read(&h, cut.data + L2_LEN, (uint16_t)(len - L2_LEN), false),
				 DROP_L3_MALFORMED);
		frame_free(&cut);
	}
	frame_free(&b);
}

static const struct {
	const char *name;
	uint32_t ip;
	bool is_host;
} addresses[] = {
	{"10.99.0.1", 0x0a630001, true},     {"0.0.0.0", 0, false},
	{"0.1.2.3", 0x00010203, false},      {"127.0.0.1", 0x7f000001, false},
	{"223.255.255.1", 0xdfffff01, true}, {"224.0.0.1", 0xe0000001, false},
	{"240.0.0.1", 0xf0000001, false},    {"255.255.255.255", 0xffffffff, false},
};

static void some_addresses_are_nobodys(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
		assert_row(ipv4_is_host(addresses[i].ip) == addresses[i].is_host,
			   addresses[i].name);
}

// -- UDP --

static const struct {
	const char *name;
	uint8_t octets[UDP_LEN];
	uint16_t len;
	enum drop_reason drop;
} headers[] = {
	{"empty datagram", {0, 1, 0, 2, 0, 8, 0, 0}, 8, DROP_NONE},
	{"one octet of header missing", {0, 1, 0, 2, 0, 8, 0}, 7, DROP_L3_MALFORMED},
	{"length below a header", {0, 1, 0, 2, 0, 7, 0, 0}, 8, DROP_L3_MALFORMED},
	{"longer than the packet", {0, 1, 0, 2, 0, 9, 0, 0}, 8, DROP_L3_MALFORMED},
	{"answers go nowhere", {0, 0, 0, 2, 0, 8, 0, 0}, 8, DROP_L3_MALFORMED},
};

static void datagrams_lie_inside_their_packet(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		uint8_t *exact = malloc(headers[i].len);
		struct udp_header u = {0};

		memcpy(exact, headers[i].octets, headers[i].len);
		assert_row(udp_read(&u, exact, headers[i].len) == headers[i].drop, headers[i].name);
		free(exact);
	}
}

static void checksums_cover_pseudo_header_and_payload(void **state)
{
	for (uint16_t len = 0; len < 70; len++) { // odd and even
		uint8_t payload[70];
		struct ipv4_header h = {0};
		struct built b;
		uint8_t *udp;

		memset(payload, 0xa5, sizeof(payload));
		b = frame_udp(payload, len);
		udp = b.data + L2_LEN + IPV4_LEN;
		ipv4_read(&h, b.data + L2_LEN, (uint16_t)(b.len - L2_LEN), false);
		assert_true(udp_checksum_is_right(&h, udp, (uint16_t)(UDP_LEN + len)));
		b.data[b.len - 1] ^= 0x40;
		assert_false(udp_checksum_is_right(&h, udp, (uint16_t)(UDP_LEN + len)));
		b.data[b.len - 1] ^= 0x40;
		h.dst ^= 1;
		assert_false(udp_checksum_is_right(&h, udp, (uint16_t)(UDP_LEN + len)));
		frame_free(&b);
	}
}

// -- writing --

static void a_prepared_header_fits_every_length(void **state)
{
	const struct udp_flow flow = {OUR_IP, PEER_IP, OUR_PORT, PEER_PORT};
	uint8_t ready[IPV4_UDP_LEN];

	ipv4_udp_prepare(ready, &flow);
	for (uint32_t len = 0; len <= 1472; len++) {
		uint8_t packet[1500];
		struct ipv4_header h = {0};
		struct udp_header u = {0};

		memcpy(packet, ready, sizeof(ready));
		ipv4_udp_finish(packet, (uint16_t)len, false);
		assert_int_equal(ipv4_read(&h, packet, (uint16_t)(IPV4_UDP_LEN + len), false),
				 DROP_NONE);
		assert_int_equal(h.len, IPV4_UDP_LEN + len);
		assert_int_equal(h.src, OUR_IP);
		assert_int_equal(h.dst, PEER_IP);
		assert_int_equal(packet[8], IPV4_TTL);
		assert_int_equal(udp_read(&u, packet + IPV4_LEN, (uint16_t)(UDP_LEN + len)), 0);
		assert_int_equal(u.src, OUR_PORT);
		assert_int_equal(u.dst, PEER_PORT);
		assert_int_equal(u.len, UDP_LEN + len);
		assert_int_equal(u.checksum, 0);
	}
}

// What a card does with an offloaded checksum: it sums the datagram with the pseudo-header's sum in
// the field, and writes the complement there.
static void an_offloaded_checksum_comes_out_right(void **state)
{
	const struct udp_flow flow = {OUR_IP, PEER_IP, OUR_PORT, PEER_PORT};
	uint8_t packet[IPV4_UDP_LEN + 5] = {0};
	uint8_t *udp = packet + IPV4_LEN;
	struct ipv4_header h = {0};

	ipv4_udp_prepare(packet, &flow);
	memcpy(udp + UDP_LEN, "hello", 5);
	ipv4_udp_finish(packet, 5, true);
	be16_put(udp + 6, csum_finish(csum_partial(udp, UDP_LEN + 5)));
	assert_int_equal(ipv4_read(&h, packet, sizeof(packet), false), DROP_NONE);
	assert_true(udp_checksum_is_right(&h, udp, UDP_LEN + 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_header_reads),
		cmocka_unit_test(every_field_is_looked_at),
		cmocka_unit_test(options_are_stepped_over),
		cmocka_unit_test(cut_packets_are_malformed),
		cmocka_unit_test(some_addresses_are_nobodys),
		cmocka_unit_test(datagrams_lie_inside_their_packet),
		cmocka_unit_test(checksums_cover_pseudo_header_and_payload),
		cmocka_unit_test(a_prepared_header_fits_every_length),
		cmocka_unit_test(an_offloaded_checksum_comes_out_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
