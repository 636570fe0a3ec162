#include "dataplane/io/icmp6.h"

#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

static struct ipv6_header header_of(const struct built *b)
{
	struct ipv6_header h;

	assert_int_equal(ipv6_read(&h, b->data + L2_LEN, (uint16_t)(b->len - L2_LEN)), DROP_NONE);
	return h;
}

static const uint8_t *icmp_of(const struct built *b)
{
	return b->data + L2_LEN + IPV6_LEN;
}

static void a_ping_is_turned_into_its_reply(void **state)
{
	for (uint16_t n = 0; n < 100; n++) {
		struct built b = frame_ping6(n);
		struct ip_addr peer = ip(PEER_IP6), own = ip(OUR_IP6);
		struct ipv6_header h = header_of(&b);

		assert_int_equal(icmp6_echo_reply(b.data, &h), DROP_NONE);
		assert_memory_equal(b.data, &peer_mac, MAC_LEN);
		assert_memory_equal(b.data + MAC_LEN, &our_mac, MAC_LEN);
		h = header_of(&b);
		assert_memory_equal(h.src, &own, IP_LEN);
		assert_memory_equal(h.dst, &peer, IP_LEN);
		assert_int_equal(h.hop_limit, IPV6_HOP_LIMIT);
		assert_int_equal(icmp_of(&b)[0], 129);
		assert_int_equal(be16_get(icmp_of(&b) + 4), 77);
		assert_int_equal(icmp6_check(&h, icmp_of(&b), (uint16_t)(8 + n)), DROP_NONE);
		for (uint16_t i = 0; i < n; i++)
			assert_int_equal(icmp_of(&b)[8 + i], (uint8_t)i);
		frame_free(&b);
	}
}

static void what_is_no_ping_stays_as_it_is(void **state)
{
	struct built b = frame_ping6(4), same = frame_ping6(4);
	struct ipv6_header h = header_of(&b);

	b.data[L2_LEN + IPV6_LEN] = same.data[L2_LEN + IPV6_LEN] = 129;
	assert_int_equal(icmp6_echo_reply(b.data, &h), DROP_L2_NOT_OURS);
	b.data[L2_LEN + IPV6_LEN] = same.data[L2_LEN + IPV6_LEN] = 128;
	b.data[L2_LEN + IPV6_LEN + 1] = same.data[L2_LEN + IPV6_LEN + 1] = 1;
	assert_int_equal(icmp6_echo_reply(b.data, &h), DROP_L2_NOT_OURS);
	h.header_len += 8;
	assert_int_equal(icmp6_echo_reply(b.data, &h), DROP_L3_EXTENSION);
	assert_memory_equal(b.data, same.data, b.len);
	frame_free(&b);
	frame_free(&same);
}

static void every_changed_bit_is_seen(void **state)
{
	struct built b = frame_ping6(16);
	struct ipv6_header h = header_of(&b);
	uint8_t *icmp = b.data + L2_LEN + IPV6_LEN;

	for (unsigned bit = 0; bit < 8 * 24; bit++) {
		icmp[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(icmp6_check(&h, icmp, 24), DROP_L3_CHECKSUM);
		icmp[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(icmp6_check(&h, icmp, 24), DROP_NONE);
	assert_int_equal(icmp6_check(&h, icmp, 7), DROP_L3_MALFORMED);
	frame_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ping_is_turned_into_its_reply),
		cmocka_unit_test(what_is_no_ping_stays_as_it_is),
		cmocka_unit_test(every_changed_bit_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
