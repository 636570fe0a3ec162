// What people write for a server, and what it comes to. Addresses in digits ask no resolver.
#include <errno.h>

#include "control/member/server_name.h"
#include "tests/support/test.h"

static const struct {
	const char *text, *uri;
	uint8_t family;
	uint16_t port;
} good[] = {
	{"192.0.2.1", "rtmfp://192.0.2.1:1935/", 4, 1935},
	{"192.0.2.1:19350", "rtmfp://192.0.2.1:19350/", 4, 19350},
	{"192.0.2.1/app/instance", "rtmfp://192.0.2.1:1935/app/instance", 4, 1935},
	{"rtmfp://192.0.2.1:65535/app", "rtmfp://192.0.2.1:65535/app", 4, 65535},
	{"[2001:db8::1]", "rtmfp://[2001:db8::1]:1935/", 6, 1935},
	{"[2001:db8::1]:1/app", "rtmfp://[2001:db8::1]:1/app", 6, 1},
};

static void what_people_write_is_understood(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		struct server_name s;
		char why[160];

		assert_row(server_name_resolve(&s, good[i].text, why, sizeof(why)) == 0,
			   good[i].text);
		assert_string_equal(s.uri, good[i].uri);
		assert_row(s.n_addrs == 1, good[i].text);
		assert_row(s.addrs[0].family == good[i].family, good[i].text);
		assert_row(s.addrs[0].port == good[i].port, good[i].text);
	}
}

static const char *const bad[] = {
	"",
	":1935",
	"rtmfp://",
	"/app",
	"192.0.2.1:",
	"192.0.2.1:0",
	"192.0.2.1:65536",
	"192.0.2.1:19350x",
	"192.0.2.1:123456",
	"[2001:db8::1",
	"[2001:db8::1]x",
	"[]",
};

static void what_is_no_name_is_refused_with_the_text(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct server_name s;
		char why[160], expected[160];

		snprintf(expected, sizeof(expected), "'%s' is not HOST[:PORT][/APP]", bad[i]);
		assert_row(server_name_resolve(&s, bad[i], why, sizeof(why)) == -EINVAL, bad[i]);
		assert_string_equal(why, expected);
	}
}

static void what_is_too_long_is_refused(void **state)
{
	struct server_name s;
	char host[300], app[600], why[1000];

	memset(host, 'a', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	assert_int_equal(server_name_resolve(&s, host, why, sizeof(why)), -EINVAL);
	snprintf(app, sizeof(app), "192.0.2.1/%0520d", 0);
	assert_int_equal(server_name_resolve(&s, app, why, sizeof(why)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_write_is_understood),
		cmocka_unit_test(what_is_no_name_is_refused_with_the_text),
		cmocka_unit_test(what_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
