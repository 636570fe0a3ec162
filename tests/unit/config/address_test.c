#include "tests/unit/config/config_test.h"

#include "config/address.h"

static void an_address_reads_back_as_it_was_written(void **state)
{
	static const char *const good[] = {"10.0.0.1", "0.0.0.0", "255.255.255.255",
					   "::", "2001:db8::1"};
	char text[ADDRESS_TEXT_SIZE];
	struct config_addr a;

	for (size_t i = 0; i < N(good); i++) {
		assert_int_equal(address_parse(&a, good[i], strlen(good[i])), 0);
		address_print(&a, text);
		assert_string_equal(text, good[i]);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"10.0.0",
		"10.0.0.256",
		"10.0.0.1 ",
		"010.0.0.1",
		"host",
		"10.0.0.1/24",
		"10.0.0.1:1",
		"[::1]",
		"::1%lo",
		":::",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd",
	};
	struct config_addr a;

	for (size_t i = 0; i < N(bad); i++)
		if (address_parse(&a, bad[i], strlen(bad[i])) != -EINVAL)
			fail_msg("took \"%s\"", bad[i]);
	assert_int_equal(address_parse(&a, "10.0.0.1\0x", 10), -EINVAL);
}

static void a_port_may_follow_and_ipv6_needs_brackets_for_it(void **state)
{
	static const struct {
		const char *text;
		int err;
		unsigned port;
	} rows[] = {
		{"10.0.0.1", 0, 0},
		{"10.0.0.1:1936", 0, 1936},
		{"10.0.0.1:65535", 0, 65535},
		{"[2001:db8::1]:1936", 0, 1936},
		{"[2001:db8::1]", 0, 0},
		{"2001:db8::1", 0, 0},
		{"10.0.0.1:0", -EINVAL, 0},
		{"10.0.0.1:65536", -EINVAL, 0},
		{"10.0.0.1:", -EINVAL, 0},
		{"10.0.0.1:019", -EINVAL, 0},
		{"10.0.0.1:1936x", -EINVAL, 0},
		{":1936", -EINVAL, 0},
		{"[10.0.0.1]:1936", -EINVAL, 0},
		{"[2001:db8::1", -EINVAL, 0},
		{"[2001:db8::1]1936", -EINVAL, 0},
		{"[]:1", -EINVAL, 0},
		{"", -EINVAL, 0},
	};

	for (size_t i = 0; i < N(rows); i++) {
		char text[ADDRESS_TEXT_SIZE];
		struct config_addr a;
		int err = address_parse_port(&a, rows[i].text, strlen(rows[i].text));

		if (err != rows[i].err || (err == 0 && a.port != rows[i].port))
			fail_msg("\"%s\" gave %d", rows[i].text, err);
		if (err != 0 || a.port == 0)
			continue;
		address_print(&a, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void a_network_needs_its_prefix_length(void **state)
{
	static const struct {
		const char *text;
		int err;
		unsigned prefix_len;
	} rows[] = {
		{"10.0.0.1/24", 0, 24},      {"10.0.0.1/32", 0, 32},
		{"10.0.0.1/0", 0, 0},        {"2001:db8::1/128", 0, 128},
		{"10.0.0.1", -EINVAL, 0},    {"10.0.0.1/", -EINVAL, 0},
		{"10.0.0.1/33", -EINVAL, 0}, {"10.0.0.1/024", -EINVAL, 0},
		{"/24", -EINVAL, 0},         {"::1/129", -EINVAL, 0},
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct config_addr a;
		int err = address_parse_prefix(&a, rows[i].text, strlen(rows[i].text));

		if (err != rows[i].err || (err == 0 && a.prefix_len != rows[i].prefix_len))
			fail_msg("\"%s\" gave %d", rows[i].text, err);
	}
}

static void a_prefix_is_compared_to_the_bit(void **state)
{
	static const struct {
		const char *ip, *net;
		bool is_in;
	} rows[] = {
		{"10.0.0.255", "10.0.0.1/24", true}, {"10.0.1.0", "10.0.0.1/24", false},
		{"10.0.0.9", "10.0.0.14/29", true},  {"10.0.0.7", "10.0.0.14/29", false},
		{"192.0.2.1", "10.0.0.1/0", true},   {"10.0.0.1", "10.0.0.1/32", true},
		{"::1", "10.0.0.1/0", false},        {"2001:db8::9", "2001:db8::1/64", true},
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct config_addr ip, net;

		assert_int_equal(address_parse(&ip, rows[i].ip, strlen(rows[i].ip)), 0);
		assert_int_equal(address_parse_prefix(&net, rows[i].net, strlen(rows[i].net)), 0);
		if (address_in_prefix(&ip, &net) != rows[i].is_in)
			fail_msg("%s in %s", rows[i].ip, rows[i].net);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_reads_back_as_it_was_written),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(a_port_may_follow_and_ipv6_needs_brackets_for_it),
		cmocka_unit_test(a_network_needs_its_prefix_length),
		cmocka_unit_test(a_prefix_is_compared_to_the_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
