#include "dataplane/io/frame.h"

#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

static struct frame read_with(const struct host *h, const struct built *b, enum frame_sum sum)
{
	struct frame f;

	frame_read(&f, h, 0, b->data, b->len, sum);
	return f;
}

static struct frame read(const struct built *b)
{
	struct host h = host_simple();
	struct frame f = read_with(&h, b, FRAME_SUM_UNKNOWN);

	host_end(&h);
	return f;
}

static void a_datagram_for_an_endpoint(void **state)
{
	struct built b = frame_udp("rtmfp", 5);
	struct frame f = read(&b);

	assert_int_equal(f.kind, FRAME_DATAGRAM);
	assert_int_equal(f.drop, DROP_NONE);
	assert_int_equal(f.endpoint, 0);
	assert_int_equal(f.ip.src, PEER_IP);
	assert_int_equal(f.src_port, PEER_PORT);
	assert_int_equal(f.payload_len, 5);
	assert_memory_equal(f.payload, "rtmfp", 5);
	assert_false(f.is_unverified);
	frame_free(&b);
}

// One octet of a datagram's frame changed; headers before UDP are summed again.
static const struct {
	const char *name;
	size_t at;
	uint8_t octet;
	enum frame_kind kind;
	enum drop_reason drop;
} changes[] = {
	{"another card's", 5, 0x77, FRAME_DROP, DROP_L2_NOT_OURS},
	{"from ourselves", 11, 0x01, FRAME_DROP, DROP_L2_NOT_OURS},
	{"from a group address", 6, 0x03, FRAME_DROP, DROP_L2_NOT_OURS},
	{"IPv6", 12, 0x86, FRAME_DROP, DROP_L2_NOT_OURS},
	{"IPv4 inside but type of ARP", 13, 0x06, FRAME_DROP, DROP_L3_MALFORMED},
	{"another address", L2_LEN + 19, 9, FRAME_DROP, DROP_L2_NOT_OURS},
	{"TCP", L2_LEN + 9, 6, FRAME_DROP, DROP_L2_NOT_OURS},
	{"ICMP", L2_LEN + 9, 1, FRAME_ICMP, DROP_NONE},
	{"from loopback", L2_LEN + 12, 127, FRAME_DROP, DROP_L3_MALFORMED},
	{"from multicast", L2_LEN + 12, 230, FRAME_DROP, DROP_L3_MALFORMED},
	{"from our address", L2_LEN + 15, 1, FRAME_DROP, DROP_L3_MALFORMED},
	{"a fragment", L2_LEN + 6, 0x20, FRAME_DROP, DROP_L3_FRAGMENT},
	{"another port", L2_LEN + IPV4_LEN + 3, 0x90, FRAME_DROP, DROP_L2_NOT_OURS},
	{"wrong checksum", L2_LEN + IPV4_LEN + 6, 0x12, FRAME_DROP, DROP_L3_CHECKSUM},
};

static void everything_else_has_a_name(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct built b = frame_udp("rtmfp", 5);
		struct frame f;

		b.data[changes[i].at] = changes[i].octet;
		frame_resum_ipv4(&b);
		f = read(&b);
		assert_row(f.kind == changes[i].kind, changes[i].name);
		assert_row(f.drop == changes[i].drop, changes[i].name);
		frame_free(&b);
	}
}

static void no_cut_is_looked_beyond(void **state)
{
	struct built whole[] = {frame_udp("rtmfp", 5), frame_ping(9),
				frame_arp(ARP_REQUEST, PEER_IP, OUR_IP)};

	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		for (uint16_t len = 0; len < whole[i].len; len++) {
			struct built cut = frame_cut(&whole[i], len);
			struct frame f = read(&cut);

			if (f.kind == FRAME_DROP)
				assert_int_not_equal(f.drop, DROP_NONE);
			else // the rest was padding
				assert_true(f.kind == FRAME_ARP && len >= L2_LEN + ARP_LEN);
			frame_free(&cut);
		}
		frame_free(&whole[i]);
	}
}

static void arp_comes_to_us_or_to_everybody(void **state)
{
	struct built b = frame_arp(ARP_REQUEST, PEER_IP, OUR_IP);
	struct frame f = read(&b);

	assert_int_equal(f.kind, FRAME_ARP);
	assert_int_equal(f.arp.target_ip, OUR_IP);
	memcpy(b.data, &our_mac, MAC_LEN);
	assert_int_equal(read(&b).kind, FRAME_ARP);
	memcpy(b.data, "\x01\x00\x5e\x00\x00\x01", MAC_LEN);
	assert_int_equal(read(&b).drop, DROP_L2_NOT_OURS);
	frame_free(&b);
}

// -- UDP checksums --

enum sent {
	RIGHT,
	WRONG,
	NONE, // 0
};

static const struct {
	const char *name;
	enum udp_sums sums;
	enum frame_sum port;
	enum sent sent;
	bool is_accepted, is_unverified;
} sums[] = {
	{"required, right", UDP_SUMS_REQUIRED, FRAME_SUM_UNKNOWN, RIGHT, true, false},
	{"required, wrong", UDP_SUMS_REQUIRED, FRAME_SUM_UNKNOWN, WRONG, false, false},
	{"required, none was made", UDP_SUMS_REQUIRED, FRAME_SUM_UNKNOWN, NONE, true, false},
	{"required, the port says good", UDP_SUMS_REQUIRED, FRAME_SUM_GOOD, WRONG, true, false},
	{"required, the port says bad", UDP_SUMS_REQUIRED, FRAME_SUM_BAD, RIGHT, false, false},
	{"remarked, right", UDP_SUMS_REMARKED, FRAME_SUM_UNKNOWN, RIGHT, true, false},
	{"remarked, open", UDP_SUMS_REMARKED, FRAME_SUM_UNKNOWN, WRONG, true, true},
	{"remarked, the port says bad", UDP_SUMS_REMARKED, FRAME_SUM_BAD, WRONG, true, true},
	{"remarked, none was made", UDP_SUMS_REMARKED, FRAME_SUM_UNKNOWN, NONE, true, false},
	{"ignored, right", UDP_SUMS_IGNORED, FRAME_SUM_UNKNOWN, RIGHT, true, true},
	{"ignored, wrong", UDP_SUMS_IGNORED, FRAME_SUM_UNKNOWN, WRONG, true, true},
	{"ignored, the port says good", UDP_SUMS_IGNORED, FRAME_SUM_GOOD, RIGHT, true, false},
};

static void checksums_follow_the_policy(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		struct built b = frame_udp("rtmfp", 5);
		struct host h = host_simple();
		struct frame f;

		h.links[0].udp_sums = (uint8_t)sums[i].sums;
		if (sums[i].sent == WRONG)
			b.data[L2_LEN + IPV4_LEN + 7] ^= 1;
		if (sums[i].sent == NONE)
			be16_put(b.data + L2_LEN + IPV4_LEN + 6, 0);
		f = read_with(&h, &b, sums[i].port);
		assert_row((f.kind == FRAME_DATAGRAM) == sums[i].is_accepted, sums[i].name);
		assert_row(f.drop == (sums[i].is_accepted ? DROP_NONE : DROP_L3_CHECKSUM),
			   sums[i].name);
		assert_row(f.is_unverified == sums[i].is_unverified, sums[i].name);
		frame_free(&b);
		host_end(&h);
	}
}

// A local peer's kernel left the cutting to a card that does not exist: the frame comes whole, or
// as much of it as the port has room for.
static void an_uncut_burst_is_noticed(void **state)
{
	uint8_t payload[2000] = {0};
	struct built b = frame_udp(payload, sizeof(payload)), cut = frame_cut(&b, 1514);
	struct built fits = frame_udp(payload, 1472);

	assert_true(read(&cut).is_over_mtu);
	assert_int_equal(read(&cut).drop, DROP_L3_MALFORMED);
	assert_true(read(&b).is_over_mtu);
	assert_false(read(&fits).is_over_mtu);
	frame_free(&b);
	frame_free(&cut);
	frame_free(&fits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_for_an_endpoint),
		cmocka_unit_test(everything_else_has_a_name),
		cmocka_unit_test(no_cut_is_looked_beyond),
		cmocka_unit_test(arp_comes_to_us_or_to_everybody),
		cmocka_unit_test(checksums_follow_the_policy),
		cmocka_unit_test(an_uncut_burst_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
