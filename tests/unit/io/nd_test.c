#include "dataplane/io/nd.h"

#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

// A message read from a packet of the given addresses; icmp: type on.
struct row {
	const char *name, *src, *dst;
	uint8_t hop_limit, len;
	uint8_t icmp[56];
	enum drop_reason drop;
	bool has_mac;
};

#define TARGET           0x20, 1, 0xd, 0xb8, 0, 0x99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 // OUR_IP6
#define GROUP            "ff02::1:ff00:1"
#define NS               135, 0, 0, 0, 0, 0, 0, 0, TARGET
#define NA(flags)        136, 0, 0, 0, flags, 0, 0, 0, TARGET
#define MAC_OPTION(type) type, 1, 2, 0, 0, 0, 0, 2
#define RA(lifetime)     134, 0, 0, 0, 64, 0, lifetime >> 8, lifetime & 255, 0, 0, 0, 0, 0, 0, 0, 0

static const struct row rows[] = {
	{"a question", PEER_IP6, GROUP, 255, 32, {NS, MAC_OPTION(1)}, DROP_NONE, true},
	{"without a MAC", PEER_IP6, OUR_IP6, 255, 24, {NS}, DROP_NONE, false},
	{"the other MAC option", PEER_IP6, GROUP, 255, 32, {NS, MAC_OPTION(2)}, DROP_NONE, false},
	{"an unknown option before",
	 PEER_IP6,
	 GROUP,
	 255,
	 40,
	 {NS, 99, 1, 0, 0, 0, 0, 0, 0, MAC_OPTION(1)},
	 DROP_NONE,
	 true},
	{"through a router", PEER_IP6, GROUP, 254, 32, {NS, MAC_OPTION(1)}, DROP_ND_BAD},
	{"cut", PEER_IP6, GROUP, 255, 23, {NS}, DROP_ND_BAD},
	{"an option of no length", PEER_IP6, GROUP, 255, 32, {NS, 1, 0}, DROP_ND_BAD},
	{"an option beyond the end", PEER_IP6, GROUP, 255, 32, {NS, 1, 2}, DROP_ND_BAD},
	{"half an option", PEER_IP6, GROUP, 255, 25, {NS, 1}, DROP_ND_BAD},
	{"a group's MAC", PEER_IP6, GROUP, 255, 32, {NS, 1, 1, 0x33, 0x33}, DROP_ND_BAD},
	{"code 1", PEER_IP6, GROUP, 255, 24, {135, 1, 0, 0, 0, 0, 0, 0, TARGET}, DROP_ND_BAD},
	{"a group as target",
	 PEER_IP6,
	 GROUP,
	 255,
	 24,
	 {135, 0, 0, 0, 0, 0, 0, 0, 0xff, 2},
	 DROP_ND_BAD},
	{"is it free?", "::", GROUP, 255, 24, {NS}, DROP_NONE, false},
	{"is it free? to us alone", "::", OUR_IP6, 255, 24, {NS}, DROP_ND_BAD},
	{"is it free? with a MAC", "::", GROUP, 255, 32, {NS, MAC_OPTION(1)}, DROP_ND_BAD},
	{"an answer", PEER_IP6, OUR_IP6, 255, 32, {NA(0x60), MAC_OPTION(2)}, DROP_NONE, true},
	{"an answer to all",
	 PEER_IP6,
	 "ff02::1",
	 255,
	 32,
	 {NA(0x20), MAC_OPTION(2)},
	 DROP_NONE,
	 true},
	{"solicited by all", PEER_IP6, "ff02::1", 255, 32, {NA(0x60), MAC_OPTION(2)}, DROP_ND_BAD},
	{"an answer of nobody", "::", "ff02::1", 255, 24, {NA(0x20)}, DROP_ND_BAD},
	{"a router", GATEWAY_IP6, "ff02::1", 255, 24, {RA(1800), MAC_OPTION(1)}, DROP_NONE, true},
	{"a router, not link-local", PEER_IP6, "ff02::1", 255, 16, {RA(1800)}, DROP_ND_BAD},
	{"a router, cut", GATEWAY_IP6, "ff02::1", 255, 15, {RA(1800)}, DROP_ND_BAD},
};

static enum drop_reason read_row(struct nd *nd, const struct row *r)
{
	struct ip_addr src = ip(r->src), dst = ip(r->dst);
	struct ipv6_header h = {.src = src.octets,
				.dst = dst.octets,
				.hop_limit = r->hop_limit,
				.header_len = IPV6_LEN};
	uint8_t *exact = malloc(r->len);
	enum drop_reason drop;

	memcpy(exact, r->icmp, r->len);
	drop = nd_read(nd, &h, exact, r->len);
	free(exact);
	return drop;
}

static void only_what_the_rules_allow_is_believed(void **state)
{
	struct ip_addr target = ip(OUR_IP6);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct nd nd;

		assert_row(read_row(&nd, &rows[i]) == rows[i].drop, rows[i].name);
		if (rows[i].drop != DROP_NONE)
			continue;
		assert_row(nd.has_mac == rows[i].has_mac, rows[i].name);
		if (nd.has_mac)
			assert_row(mac_equal(&nd.mac, &peer_mac), rows[i].name);
		if (nd.kind == ND_ROUTER)
			assert_row(nd.lifetime_s == 1800, rows[i].name);
		else
			assert_row(ip_equal(&nd.target, &target), rows[i].name);
	}
}

// RFC 6980: what came in pieces, or behind options, may say one thing to a switch and another to
// us.
static void headers_before_it_are_not_allowed(void **state)
{
	struct ip_addr src = ip(PEER_IP6), dst = ip(GROUP);
	struct ipv6_header h = {
		.src = src.octets, .dst = dst.octets, .hop_limit = 255, .header_len = IPV6_LEN + 8};
	const uint8_t icmp[24] = {NS};
	struct nd nd;

	assert_int_equal(nd_read(&nd, &h, icmp, sizeof(icmp)), DROP_ND_BAD);
}

// -- ours --

// Reads a frame as its receiver would, checksum and all.
static struct nd parse(const uint8_t *frame, uint16_t len, struct l2_header *l2,
		       struct ip_addr *dst)
{
	struct ipv6_header h;
	struct nd nd;
	const uint8_t *icmp;

	assert_int_equal(l2_read(l2, frame, len), 0);
	assert_int_equal(l2->type, L2_TYPE_IPV6);
	assert_int_equal(ipv6_read(&h, frame + L2_LEN, (uint16_t)(len - L2_LEN)), DROP_NONE);
	assert_int_equal(h.len, len - L2_LEN);
	icmp = frame + L2_LEN + h.header_len;
	assert_int_equal(icmp6_check(&h, icmp, (uint16_t)(h.len - h.header_len)), DROP_NONE);
	assert_int_equal(nd_read(&nd, &h, icmp, (uint16_t)(h.len - h.header_len)), DROP_NONE);
	*dst = ip_of_v6(h.dst);
	return nd;
}

static void a_question_of_ours(void **state)
{
	struct ip_addr src = ip(OUR_IP6), target = ip(PEER_IP6), group = ip("ff02::1:ff00:2"), dst;
	uint8_t frame[ND_FRAME_MAX];
	struct l2_header l2 = {0};
	struct nd nd;

	nd = parse(frame, nd_write_solicitation(frame, &our_mac, &src, &target, NULL), &l2, &dst);
	assert_int_equal(nd.kind, ND_SOLICITATION);
	assert_true(ip_equal(&nd.target, &target) && ip_equal(&nd.src, &src));
	assert_true(ip_equal(&dst, &group));
	assert_memory_equal(&l2.dst, "\x33\x33\xff\x00\x00\x02", MAC_LEN);
	assert_true(nd.has_mac && mac_equal(&nd.mac, &our_mac));

	nd = parse(frame, nd_write_solicitation(frame, &our_mac, &src, &target, &peer_mac), &l2,
		   &dst);
	assert_true(ip_equal(&dst, &target)); // where it was last
	assert_true(mac_equal(&l2.dst, &peer_mac));
}

static void a_look_whether_an_address_is_free(void **state)
{
	struct ip_addr nobody = {{0}}, target = ip(OUR_IP6), dst;
	uint8_t frame[ND_FRAME_MAX];
	struct l2_header l2 = {0};
	struct nd nd;

	nd = parse(frame, nd_write_solicitation(frame, &our_mac, &nobody, &target, NULL), &l2,
		   &dst);
	assert_true(ip_is_zero(&nd.src));
	assert_false(nd.has_mac);
}

static void an_answer_of_ours(void **state)
{
	struct ip_addr target = ip(OUR_IP6), to = ip(PEER_IP6), dst;
	uint8_t frame[ND_FRAME_MAX];
	struct l2_header l2 = {0};
	struct nd nd;

	nd = parse(frame, nd_write_advertisement(frame, &our_mac, &target, &to, &peer_mac), &l2,
		   &dst);
	assert_int_equal(nd.kind, ND_ADVERTISEMENT);
	assert_true(nd.is_solicited && nd.is_override);
	assert_true(ip_equal(&dst, &to) && mac_equal(&l2.dst, &peer_mac));
	assert_true(nd.has_mac && mac_equal(&nd.mac, &our_mac));

	nd = parse(frame, nd_write_advertisement(frame, &our_mac, &target, NULL, NULL), &l2, &dst);
	assert_false(nd.is_solicited);
	assert_true(nd.is_override);
	assert_true(ip_equal(&dst, &ip_all_nodes));
}

static void a_question_for_routers(void **state)
{
	struct ip_addr src = ip(OUR_LOCAL6), dst;
	uint8_t frame[ND_FRAME_MAX];
	struct l2_header l2 = {0};

	assert_int_equal(
		parse(frame, nd_write_router_solicitation(frame, &our_mac, &src), &l2, &dst).kind,
		ND_OTHER);
	assert_true(ip_equal(&dst, &ip_all_routers));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_rules_allow_is_believed),
		cmocka_unit_test(headers_before_it_are_not_allowed),
		cmocka_unit_test(a_question_of_ours),
		cmocka_unit_test(a_look_whether_an_address_is_free),
		cmocka_unit_test(an_answer_of_ours),
		cmocka_unit_test(a_question_for_routers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
