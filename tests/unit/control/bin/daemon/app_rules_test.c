// From the operator's file to a verdict about somebody who connects.
#include "control/bin/daemon/app_rules.h"

#include "tests/support/test.h"

#define ID64 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void the_file_decides(void **state)
{
	static const char text[] = "backend: udp\n"
				   "apps:\n"
				   "  - open\n"
				   "  - name: closed\n"
				   "    allow_addresses: [10.0.0.0/8, \"2001:db8::/32\"]\n"
				   "    deny_addresses: [10.1.2.3]\n"
				   "    deny_peers: [" ID64 "]\n"
				   "    keys: [sesame]\n";
	static const struct {
		const char *app, *far;
		enum app_verdict verdict;
	} rows[] = {
		{"open", "192.0.2.1:1", APP_ALLOWED},
		{"other", "192.0.2.1:1", APP_UNKNOWN},
		{"closed/sesame", "192.0.2.1:1", APP_ADDRESS},
		{"closed/sesame", "10.9.9.9:1", APP_ALLOWED},
		{"closed/sesame", "[2001:db8::9]:1", APP_ALLOWED},
		{"closed/sesame", "10.1.2.3:1", APP_ADDRESS},
		{"closed/open", "10.9.9.9:1", APP_KEY},
	};
	uint8_t peer[32] = {1}, denied[32];
	const struct config *cfg;
	struct rpc_app *apps;

	assert_int_equal(config_load_text("a.yaml", text, strlen(text), NULL, stderr, &cfg), 0);
	apps = app_rules_create(cfg);
	assert_non_null(apps);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wire_addr far;
		struct app_applicant a = {.app = rows[i].app,
					  .page_url = "",
					  .swf_url = "",
					  .argument = "",
					  .far = &far,
					  .peer_id = peer};

		assert_int_equal(wire_addr_parse(&far, rows[i].far), 0);
		assert_row(app_judge(apps, cfg->n_apps, &a) == rows[i].verdict, rows[i].app);
		for (int j = 0; j < 32; j++)
			denied[j] = (uint8_t)(j % 16 * 0x11);
		a.peer_id = denied;
		if (rows[i].verdict == APP_ALLOWED && rows[i].app[0] == 'c')
			assert_row(app_judge(apps, cfg->n_apps, &a) == APP_PEER, rows[i].app);
	}
	app_rules_destroy(apps, cfg->n_apps);
	config_destroy(cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
