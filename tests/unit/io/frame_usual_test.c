// frame_usual against frame_read: what it takes is what that makes of it, and it takes what nearly
// all frames are.
#include "dataplane/io/frame.h"

#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

static const uint8_t packet[20] = {[3] = 1}; // of a session

// As frame_read sees it, or false.
static bool is_usual(const struct host *h, const struct built *b, const struct frame_hint *hint)
{
	struct frame u, f;

	memset(&u, 0xee, sizeof(u));
	if (!frame_usual(&u, h, 0, b->data, b->len, hint))
		return false;
	frame_read(&f, h, 0, b->data, b->len, hint);
	assert_int_equal(f.kind, FRAME_DATAGRAM);
	assert_int_equal(u.kind, f.kind);
	assert_int_equal(u.drop, f.drop);
	assert_false(u.is_v6 || f.is_v6);
	assert_false(u.is_over_mtu || f.is_over_mtu);
	assert_false(u.is_unverified || f.is_unverified);
	assert_false(u.is_closed_port || f.is_closed_port);
	assert_int_equal(u.skip, f.skip);
	assert_int_equal(u.endpoint, f.endpoint);
	assert_int_equal(u.local, f.local);
	assert_int_equal(u.v4.src, f.v4.src);
	assert_int_equal(u.src_port, f.src_port);
	assert_ptr_equal(u.payload, f.payload);
	assert_int_equal(u.payload_len, f.payload_len);
	return true;
}

// One octet changed, and IPv4's header summed again.
static const struct {
	const char *name;
	size_t at;
	uint8_t octet;
	bool is_usual;
} changes[] = {
	{"as it was built", 0, 0x02, true},
	{"another card's", 5, 0x77, false},
	{"from ourselves", 11, 0x01, false},
	{"from a group address", 6, 0x03, false},
	{"IPv6", 12, 0x86, false},
	{"ARP", 13, 0x06, false},
	{"a tag", 12, 0x81, false},
	{"version 6", L2_LEN, 0x65, false},
	{"options", L2_LEN, 0x46, false},
	{"a class of service", L2_LEN + 1, 0xb8, true},
	{"longer than the frame", L2_LEN + 3, IPV4_UDP_LEN + sizeof(packet) + 1, false},
	{"shorter than UDP", L2_LEN + 3, IPV4_UDP_LEN - 1, false},
	{"may not be cut", L2_LEN + 6, 0x40, true},
	{"more pieces", L2_LEN + 6, 0x20, false},
	{"a later piece", L2_LEN + 7, 0x03, false},
	{"TCP", L2_LEN + 9, 6, false},
	{"from loopback", L2_LEN + 12, 127, false},
	{"from multicast", L2_LEN + 12, 230, false},
	{"from our address", L2_LEN + 15, 1, false},
	{"to another address", L2_LEN + 19, 9, false},
	{"from another port", L2_LEN + IPV4_LEN, 9, true},
	{"to another port", L2_LEN + IPV4_LEN + 3, 0x90, false},
	{"UDP longer than IP", L2_LEN + IPV4_LEN + 5, UDP_LEN + sizeof(packet) + 1, false},
	{"UDP shorter than IP", L2_LEN + IPV4_LEN + 5, UDP_LEN + sizeof(packet) - 3, true},
	{"UDP without all of its header", L2_LEN + IPV4_LEN + 5, UDP_LEN - 1, false},
	{"a sum that its session will verify", L2_LEN + IPV4_LEN + 6, 0x12, true},
	{"a stranger's, to be summed", L2_LEN + IPV4_UDP_LEN + 3, 0, false},
};

static void it_takes_what_the_long_way_takes(void **state)
{
	struct host h = host_dual(ADDR_READY);

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct built b = frame_udp(packet, sizeof(packet));

		b.data[changes[i].at] = changes[i].octet;
		frame_resum_ipv4(&b);
		assert_row(is_usual(&h, &b, &(struct frame_hint){0}) == changes[i].is_usual,
			   changes[i].name);
		frame_free(&b);
	}
	host_end(&h);
}

static void no_port_is_no_address_of_a_sender(void **state)
{
	struct built b = frame_udp(packet, sizeof(packet));
	struct host h = host_simple();

	be16_put(b.data + L2_LEN + IPV4_LEN, 0);
	assert_false(is_usual(&h, &b, &(struct frame_hint){0}));
	frame_free(&b);
	host_end(&h);
}

// What the port says, the policy, and the checksum of UDP: 0, or the right one.
static const struct {
	const char *name;
	struct frame_hint hint;
	enum udp_sums sums;
	bool is_startup, has_sum, has_bad_ip_sum, is_usual;
} sums[] = {
	{"none", {0}, UDP_SUMS_REQUIRED, false, false, false, true},
	{"none, a stranger's", {0}, UDP_SUMS_REQUIRED, true, false, false, true},
	{"none, ignored", {0}, UDP_SUMS_IGNORED, false, false, false, true},
	{"one, remarked", {0}, UDP_SUMS_REMARKED, false, true, false, true},
	{"one, to be counted", {0}, UDP_SUMS_IGNORED, false, true, false, false},
	{"good", {.sum = FRAME_SUM_GOOD}, UDP_SUMS_IGNORED, true, true, false, true},
	{"bad", {.sum = FRAME_SUM_BAD}, UDP_SUMS_REQUIRED, false, true, false, false},
	{"IP's is bad", {0}, UDP_SUMS_REQUIRED, false, false, true, false},
	{"IP's was looked at",
	 {.ip_sum_is_good = true},
	 UDP_SUMS_REQUIRED,
	 false,
	 false,
	 true,
	 true},
	{"a tag was taken out",
	 {.was_tagged = true},
	 UDP_SUMS_REQUIRED,
	 false,
	 false,
	 false,
	 false},
};

static void sums_follow_port_and_policy(void **state)
{
	static const uint8_t startup[20];

	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		struct built b = frame_udp(sums[i].is_startup ? startup : packet, sizeof(packet));
		struct host h = host_simple();

		h.links[0].udp_sums = (uint8_t)sums[i].sums;
		if (!sums[i].has_sum)
			be16_put(b.data + L2_LEN + IPV4_LEN + 6, 0);
		b.data[L2_LEN + 11] ^= sums[i].has_bad_ip_sum;
		assert_row(is_usual(&h, &b, &sums[i].hint) == sums[i].is_usual, sums[i].name);
		frame_free(&b);
		host_end(&h);
	}
}

static void a_link_may_not_be_usual(void **state)
{
	uint8_t payload[1473] = {[3] = 1};
	struct built b = frame_udp(packet, sizeof(packet)),
		     long_one = frame_udp(payload, sizeof(payload));
	struct host h = host_simple();
	const struct frame_hint hint = {0};

	assert_true(is_usual(&h, &b, &hint));
	assert_false(is_usual(&h, &long_one, &hint)); // over its mtu, which is counted
	h.links[0].vlan = 7;
	assert_false(is_usual(&h, &b, &hint));
	h.links[0].vlan = 0;
	h.endpoints[0].address = ip_of_v4(OUR_IP + 1);
	assert_false(is_usual(&h, &b, &hint));
	h.endpoints[1] = (struct host_endpoint){ip_of_v4(OUR_IP), OUR_PORT};
	h.n_endpoints = 2;
	assert_true(is_usual(&h, &b, &hint));
	frame_free(&b);
	frame_free(&long_one);
	host_end(&h);
}

static void no_cut_is_looked_beyond(void **state)
{
	struct built whole = frame_udp(packet, sizeof(packet));
	struct host h = host_simple();

	for (uint16_t len = 0; len < whole.len; len++) {
		struct built cut = frame_cut(&whole, len);

		assert_false(is_usual(&h, &cut, &(struct frame_hint){0}));
		frame_free(&cut);
	}
	frame_free(&whole);
	host_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_takes_what_the_long_way_takes),
		cmocka_unit_test(no_port_is_no_address_of_a_sender),
		cmocka_unit_test(sums_follow_port_and_policy),
		cmocka_unit_test(a_link_may_not_be_usual),
		cmocka_unit_test(no_cut_is_looked_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
