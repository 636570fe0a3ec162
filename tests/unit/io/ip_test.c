#include "dataplane/io/ip.h"

#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

static const struct {
	const char *text;
	bool is_v4, is_host, is_link_local, is_multicast;
} kinds[] = {
	{"192.0.2.1", true, true, false, false},
	{"169.254.1.1", true, true, false, false},
	{"127.0.0.1", true, false, false, false},
	{"224.0.0.1", true, false, false, false},
	{"0.0.0.0", true, false, false, false},
	{"2001:db8::1", false, true, false, false},
	{"fe80::1", false, true, true, false},
	{"febf::1", false, true, true, false},
	{"fec0::1", false, true, false, false},
	{"fd00::1", false, true, false, false},
	{"ff02::1", false, false, false, true},
	{"::", false, false, false, false},
	{"::1", false, false, false, false},
	{"::192.0.2.1", false, false, false, false},
	{"64:ff9b::c000:201", false, true, false, false},
};

static void what_an_address_is(void **state)
{
	char text[IP_TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct ip_addr a = ip(kinds[i].text);

		assert_row(ip_is_v4(&a) == kinds[i].is_v4, kinds[i].text);
		assert_row(ip_family(&a) == (kinds[i].is_v4 ? 4 : 6), kinds[i].text);
		assert_row(ip_is_host(&a) == kinds[i].is_host, kinds[i].text);
		assert_row(ip_is_link_local(&a) == kinds[i].is_link_local, kinds[i].text);
		assert_row(ip_is_multicast(&a) == kinds[i].is_multicast, kinds[i].text);
		assert_string_equal(ip_print(&a, text), kinds[i].text);
	}
}

// Our own form of IPv4 must not come out of an IPv6 packet: it would be somebody else's neighbour.
static void ipv4_in_ipv6s_dress_is_no_host(void **state)
{
	uint8_t octets[IP_LEN];

	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", octets), 1);
	assert_false(ipv6_is_host(octets));
}

static void shared_bits_are_counted(void **state)
{
	static const struct {
		const char *a, *b;
		uint8_t n;
	} rows[] = {
		{"2001:db8::1", "2001:db8::1", 128},  {"2001:db8::1", "2001:db8::", 127},
		{"2001:db8::1", "2001:db8:1::1", 47}, {"fe80::1", "2001:db8::1", 0},
		{"10.0.0.1", "10.0.0.1", 128},        {"10.0.0.1", "10.0.0.3", 96 + 30},
		{"10.0.0.1", "138.0.0.1", 96},        {"10.0.0.1", "2001:db8::1", 2},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ip_addr a = ip(rows[i].a), b = ip(rows[i].b);

		assert_row(ip_common(&a, &b) == rows[i].n, rows[i].b);
		assert_row(ip_common(&b, &a) == rows[i].n, rows[i].b);
	}
}

static void assert_ip(struct ip_addr a, const char *text)
{
	char is[IP_TEXT_SIZE];

	assert_string_equal(ip_print(&a, is), text);
}

// The examples of RFC 4291 (§2.7.1, appendix A) and RFC 2464 (§4, §7).
static void addresses_that_follow_from_others(void **state)
{
	const struct mac card = {{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}};
	struct ip_addr a = ip("4037::1:800:200e:8c6c");
	struct mac m;

	assert_ip(ip_link_local(&card), "fe80::3656:78ff:fe9a:bcde");
	assert_ip(ip_solicited_node(&a), "ff02::1:ff0e:8c6c");
	a = ip_solicited_node(&a);
	m = mac_of_multicast(&a);
	assert_memory_equal(&m, "\x33\x33\xff\x0e\x8c\x6c", MAC_LEN);
	assert_ip(ip_all_nodes, "ff02::1");
	assert_ip(ip_all_routers, "ff02::2");
	assert_ip(ip_all_mld_routers, "ff02::16");
}

// Strangers choose addresses: neighbours in a network must not share a place, with any seed.
static void hashes_spread(void **state)
{
	enum { N = 4096, PLACES = 1024 };

	for (uint32_t seed = 0; seed < 8; seed++) {
		uint8_t n[PLACES] = {0};

		for (uint32_t i = 0; i < N; i++) {
			struct ip_addr a = ip("2001:db8::");

			be32_put(a.octets + (seed & 1 ? 12 : 4), i); // hosts, or networks
			n[ip_hash(&a, seed * 0x1234567) % PLACES]++;
		}
		for (uint32_t i = 0; i < PLACES; i++)
			assert_in_range(n[i], 0, 16); // 4 on average; Poisson: 2 in a million above
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_address_is),
		cmocka_unit_test(ipv4_in_ipv6s_dress_is_no_host),
		cmocka_unit_test(shared_bits_are_counted),
		cmocka_unit_test(addresses_that_follow_from_others),
		cmocka_unit_test(hashes_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
