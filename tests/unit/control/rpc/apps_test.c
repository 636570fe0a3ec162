// Who may connect to what (netgroup-semantics NC-14): every list, alone and against the others.
#include "control/rpc/apps.h"

#include "tests/support/test.h"

static const struct app_net ten = {{10}, 4, 8}, ten_nine = {{10, 9, 128}, 4, 17},
			    everybody = {{0}, 4, 0}, six = {{0x20, 0x01, 0x0d, 0xb8}, 6, 32};
static const uint8_t alice[1][32] = {{0xa}}, bob[1][32] = {{0xb}};
static const char *const hosts[] = {"example.com", "*.example.org"};
static const char *const keys[] = {"sesame", "x"};

static const struct rpc_app apps[] = {
	{.name = "any"},
	{.name = "inside", .allow = &ten, .n_allow = 1, .deny = &ten_nine, .n_deny = 1},
	{.name = "six", .allow = &six, .n_allow = 1},
	{.name = "nobody", .deny = &everybody, .n_deny = 1},
	{.name = "alice", .allow_peers = alice, .n_allow_peers = 1},
	{.name = "not-bob", .deny_peers = bob, .n_deny_peers = 1},
	{.name = "page", .pages = hosts, .n_pages = 2},
	{.name = "player", .players = hosts, .n_players = 2},
	{.name = "key", .keys = keys, .n_keys = 2},
	{.name = "both", .allow = &ten, .n_allow = 1, .deny = &ten, .n_deny = 1},
};

static enum app_verdict judge(const char *app, const char *far, const uint8_t *peer,
			      const char *url, const char *argument)
{
	struct wire_addr a;
	const struct app_applicant who = {.app = app,
					  .page_url = url,
					  .swf_url = url,
					  .argument = argument,
					  .far = &a,
					  .peer_id = peer};

	assert_int_equal(wire_addr_parse(&a, far), 0);
	return app_judge(apps, ARRAY_LEN(apps), &who);
}

static void names_are_compared_up_to_the_instance(void **state)
{
	static const struct {
		const char *app;
		enum app_verdict verdict;
	} rows[] = {
		{"any", APP_ALLOWED},    {"any/", APP_ALLOWED}, {"any/one/two", APP_ALLOWED},
		{"anyone", APP_UNKNOWN}, {"an", APP_UNKNOWN},   {"", APP_UNKNOWN},
		{"/any", APP_UNKNOWN},   {"ANY", APP_UNKNOWN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_row(judge(rows[i].app, "192.0.2.1:1", alice[0], "", "") == rows[i].verdict,
			   rows[i].app);
}

static void without_a_list_everybody_is_served(void **state)
{
	struct wire_addr a;
	const struct app_applicant who = {.app = "whatever", .far = &a};

	assert_int_equal(app_judge(NULL, 0, &who), APP_ALLOWED);
}

static void addresses_are_held_against_networks(void **state)
{
	static const struct {
		const char *app, *far;
		enum app_verdict verdict;
	} rows[] = {
		{"inside", "10.0.0.1:1", APP_ALLOWED},
		{"inside", "11.0.0.1:1", APP_ADDRESS},
		{"inside", "10.9.127.1:1", APP_ALLOWED}, // 17 bits: one more than two octets
		{"inside", "10.9.128.1:1", APP_ADDRESS}, // denied, though 10/8 is allowed
		{"inside", "10.9.255.1:1", APP_ADDRESS},
		{"inside", "[a00::1]:1", APP_ADDRESS}, // the same first octet in another family
		{"six", "[2001:db8:1::1]:1", APP_ALLOWED},
		{"six", "[2001:db9::1]:1", APP_ADDRESS},
		{"nobody", "192.0.2.1:1", APP_ADDRESS},
		{"nobody", "[2001:db8::1]:1", APP_ALLOWED}, // 0.0.0.0/0 is all of IPv4
		{"both", "10.0.0.1:1", APP_ADDRESS},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_row(judge(rows[i].app, rows[i].far, alice[0], "", "") == rows[i].verdict,
			   rows[i].far);
}

static void peers_are_known_by_their_id(void **state)
{
	assert_int_equal(judge("alice", "192.0.2.1:1", alice[0], "", ""), APP_ALLOWED);
	assert_int_equal(judge("alice", "192.0.2.1:1", bob[0], "", ""), APP_PEER);
	assert_int_equal(judge("not-bob", "192.0.2.1:1", alice[0], "", ""), APP_ALLOWED);
	assert_int_equal(judge("not-bob", "192.0.2.1:1", bob[0], "", ""), APP_PEER);
}

static void sites_are_known_by_their_host(void **state)
{
	static const struct {
		const char *url;
		bool is_allowed;
	} rows[] = {
		{"http://example.com/player.html", true},
		{"https://EXAMPLE.com:8080", true},
		{"http://user:word@example.com/", true},
		{"http://www.example.com/", false}, // not below: listed without *
		{"http://a.b.example.org/?x", true},
		{"http://example.org/", false}, // *. wants something before it
		{"http://.example.org/", false},
		{"http://evil.org/example.com", false},
		{"http://evil.org?@example.com/", false},
		{"http://example.com@evil.org/", false},
		{"http://example.com.evil.org/", false},
		{"http://notexample.org", false},
		{"http://[2001:db8::1]:80/", false},
		{"example.com", false}, // no URL
		{"http://", false},
		{"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum app_verdict page = judge("page", "192.0.2.1:1", alice[0], rows[i].url, ""),
				 player = judge("player", "192.0.2.1:1", alice[0], rows[i].url, "");

		assert_row(page == (rows[i].is_allowed ? APP_ALLOWED : APP_PAGE), rows[i].url);
		assert_row(player == (rows[i].is_allowed ? APP_ALLOWED : APP_PLAYER), rows[i].url);
	}
}

static void a_key_is_the_instance_or_the_first_argument(void **state)
{
	static const struct {
		const char *app, *argument;
		bool is_allowed;
	} rows[] = {
		{"key/sesame", "", true},  {"key", "sesame", true},     {"key/room", "x", true},
		{"key", "", false},        {"key/", "", false},         {"key/sesam", "", false},
		{"key", "sesame2", false}, {"key/sesame/x", "", false}, {"key/SESAME", "", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_row(judge(rows[i].app, "192.0.2.1:1", alice[0], "", rows[i].argument) ==
				   (rows[i].is_allowed ? APP_ALLOWED : APP_KEY),
			   rows[i].app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_compared_up_to_the_instance),
		cmocka_unit_test(without_a_list_everybody_is_served),
		cmocka_unit_test(addresses_are_held_against_networks),
		cmocka_unit_test(peers_are_known_by_their_id),
		cmocka_unit_test(sites_are_known_by_their_host),
		cmocka_unit_test(a_key_is_the_instance_or_the_first_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
