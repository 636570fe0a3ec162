// Kernel addresses and ours, there and back, also mapped IPv4 on a dual-stack socket.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "dataplane/udp/sockaddr.h"

static const struct {
	const char *text;
	bool as_v6;
	int family;
} cases[] = {
	{"192.0.2.1:1935", false, AF_INET},
	{"192.0.2.1:1935", true, AF_INET6},
	{"[2001:db8::1]:65535", true, AF_INET6},
	{"[2001:db8::1]:1", false, AF_INET6},
};

static void addresses_survive_the_round_trip(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_addr a, b;
		struct sockaddr_storage ss;
		char text[WIRE_ADDR_TEXT_MAX];

		assert_int_equal(wire_addr_parse(&a, cases[i].text), 0);
		sockaddr_put(&ss, a.ip, a.family, a.port, cases[i].as_v6);
		assert_int_equal(ss.ss_family, cases[i].family);
		sockaddr_get(&ss, &b);
		assert_string_equal(wire_addr_format(&b, text), cases[i].text);
	}
}

static void other_families_are_no_address(void **state)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNIX};
	struct wire_addr a;

	sockaddr_get(&ss, &a);
	assert_int_equal(a.family, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_survive_the_round_trip),
		cmocka_unit_test(other_families_are_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
