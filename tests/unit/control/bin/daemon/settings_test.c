#include "control/bin/daemon/settings.h"

#include "control/bin/daemon/groupspec_hook.h"
#include "tests/support/test.h"
#include "tests/unit/control/bin/daemon/fake_backend.h"

static const struct identity *some_identity(struct identity *id)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 7);

	assert_int_equal(identity_generate(id, IDENTITY_APPLIANCE, &rng), 0);
	return id;
}

static const struct config *load(const char *text)
{
	const struct config *cfg;

	assert_int_equal(
		config_load_text("a.yaml", text, strlen(text), &groupspec_hooks, stderr, &cfg), 0);
	return cfg;
}

static void limits_become_sizes_of_an_engine(void **state)
{
	const struct config *cfg = load(
		"backend: udp\n"
		"limits: {sessions: 100, window_memory: 8MiB, message: 32KiB, reassembly: 128KiB,\n"
		"  flows_per_session: 12, packet: 1400, handshakes_per_s: 300,\n"
		"  introductions_per_s: 700}\n");
	struct engine_opts o = settings_engine(cfg);

	assert_int_equal(o.n_workers, 1);
	assert_int_equal(o.sessions_max, 100);
	assert_int_equal(o.extents_max, 128);
	assert_int_equal(o.message_bytes_max, 32 << 10);
	assert_int_equal(o.reassembly_bytes_max, 128 << 10);
	assert_int_equal(o.flows_per_session, 12);
	assert_int_equal(o.mtu_max, 1400);
	assert_int_equal(o.keyings_per_s, 300);
	assert_int_equal(o.hellos_per_s, 700);
	assert_true(o.startup_per_address_per_s == 4 * 400 &&
		    o.startup_per_prefix_per_s == 16 * 400);
	assert_int_equal(o.startup_per_s, 8 * 16 * 400);
	config_destroy(cfg);
}

// Few sessions, long messages: fragments of some of them find room at a time all the same.
static void a_long_message_finds_room_in_a_small_appliance(void **state)
{
	const struct config *cfg =
		load("backend: udp\n"
		     "limits: {sessions: 16, message: 2MiB, reassembly: 4MiB}\n");
	struct engine_opts o = settings_engine(cfg);

	assert_int_equal(o.message_bytes_max, 2 << 20);
	assert_int_equal(o.rx_cells_max, 4 * 5 * 2048);
	config_destroy(cfg);
}

static void rates_for_all_are_shared_out_to_workers(void **state)
{
	const struct config *cfg =
		load("workers: {count: 4}\nlimits: {handshakes_per_s: 400}\n"
		     "ports: [{name: p, device: \"net_tap0,iface=a\", address: 10.0.0.1/24}]\n");
	struct engine_opts o = settings_engine(cfg);

	assert_int_equal(o.n_workers, 4);
	assert_int_equal(o.keyings_per_s, 100);
	config_destroy(cfg);
}

static void kernel_sockets_have_as_many_workers_as_are_asked_for(void **state)
{
	const struct config *cfg =
		load("backend: udp\nworkers: {count: 4}\nlimits: {handshakes_per_s: 400}\n");

	assert_int_equal(settings_n_workers(cfg), 4);
	assert_int_equal(settings_engine(cfg).keyings_per_s, 100);
	config_destroy(cfg);
}

static void the_two_endpoints_have_the_roles_of_the_design(void **state)
{
	const struct config *cfg = load("backend: udp\n");
	struct fake_backend b = {.base.kind = &fake_kind};
	struct identity id;
	struct settings s;

	settings_endpoints(&s, cfg, some_identity(&id), &b.base);
	assert_ptr_equal(s.endpoints[ENDPOINT_SERVER].identity, &s.identity.server);
	assert_true(s.endpoints[ENDPOINT_SERVER].answers_hello);
	assert_true(s.endpoints[ENDPOINT_SERVER].introduces);
	assert_false(s.endpoints[ENDPOINT_SERVER].answers_fihello);
	assert_false(s.endpoints[ENDPOINT_SERVER].may_initiate);
	assert_ptr_equal(s.endpoints[ENDPOINT_MEMBER].identity, &s.identity.member);
	assert_true(s.endpoints[ENDPOINT_MEMBER].answers_hello);
	assert_true(s.endpoints[ENDPOINT_MEMBER].answers_fihello);
	assert_false(s.endpoints[ENDPOINT_MEMBER].introduces);
	assert_false(s.endpoints[ENDPOINT_MEMBER].may_initiate);
	config_destroy(cfg);
}

static void configured_public_addresses_go_before_found_ones(void **state)
{
	const struct config *cfg =
		load("backend: udp\n"
		     "endpoints: {member: {public: [203.0.113.7, \"203.0.113.8:4000\"]}}\n");
	struct fake_backend b = {.base.kind = &fake_kind};
	struct identity id;
	char text[WIRE_ADDR_TEXT_MAX];
	struct engine_opts eo = settings_engine(cfg);
	struct node_opts no;
	struct settings s;

	settings_endpoints(&s, cfg, some_identity(&id), &b.base);
	assert_int_equal(s.endpoints[ENDPOINT_MEMBER].n_public, 2);
	assert_string_equal(wire_addr_format(&s.endpoints[ENDPOINT_MEMBER].public_addrs[0], text),
			    "203.0.113.7:1936");
	assert_string_equal(wire_addr_format(&s.endpoints[ENDPOINT_MEMBER].public_addrs[1], text),
			    "203.0.113.8:4000");
	no = settings_node(&s, cfg, &eo);
	assert_int_equal(no.n_local_addrs, 2);
	assert_string_equal(wire_addr_format(&no.server_addr, text), "192.0.2.1:1935");
	config_destroy(cfg);
}

static void a_node_gets_the_operators_policy(void **state)
{
	const struct config *cfg =
		load("backend: udp\nintroduce_unlisted: false\napps: [live]\n"
		     "keepalive: {behind_nat: 30s}\n"
		     "limits: {handshakes_per_address_per_s: 5, handshake_burst_per_address: 9,\n"
		     "  handshakes_pending: 77, sessions_per_address: 12, members_per_group: 10, "
		     "groups: 20}\n");
	struct engine_opts eo = settings_engine(cfg);
	struct rpc_app apps[1];
	struct settings s = {.apps = apps};
	struct node_opts o = settings_node(&s, cfg, &eo);

	assert_true(o.is_super);
	assert_false(o.introduce_unlisted);
	assert_int_equal(o.n_apps, 1);
	assert_ptr_equal(o.apps, apps);
	assert_int_equal(o.keepalive_nat_us, 30000000);
	assert_int_equal(o.keyings_per_ip.per_s, 5);
	assert_int_equal(o.keyings_per_ip.burst, 9);
	assert_int_equal(o.keyings_max, 77);
	assert_int_equal(o.sessions_per_ip, 12);
	assert_int_equal(o.members_max, 10);
	assert_int_equal(o.introduced_groups_max, 20);
	assert_int_equal(o.server_addr.family, 0);
	config_destroy(cfg);
}

static void an_empty_list_of_apps_is_any(void **state)
{
	const struct config *cfg = load("backend: udp\n");
	struct engine_opts eo = settings_engine(cfg);
	struct rpc_app apps[1];
	struct settings s = {.apps = apps};

	assert_null(settings_node(&s, cfg, &eo).apps);
	config_destroy(cfg);
}

static void features_are_preferred_unless_said_otherwise(void **state)
{
	static const struct {
		const char *name, *text;
		enum keying_want hmac, sseq;
		uint8_t hmac_len;
	} rows[] = {
		{"by default both", "backend: udp\n", KEYING_PREFER, KEYING_PREFER, 16},
		{"HMAC", "backend: udp\nsecurity: {hmac: require, hmac_length: 32}\n",
		 KEYING_REQUIRE, KEYING_PREFER, 32},
		{"numbers", "backend: udp\nsecurity: {sequence_numbers: require}\n", KEYING_PREFER,
		 KEYING_REQUIRE, 16},
		{"none", "backend: udp\nsecurity: {hmac: off, sequence_numbers: off}\n", KEYING_OFF,
		 KEYING_OFF, 16},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct config *cfg = load(rows[i].text);
		struct fake_backend b = {.base.kind = &fake_kind};
		struct identity id;
		struct settings s;

		settings_endpoints(&s, cfg, some_identity(&id), &b.base);
		assert_row(s.policy.hmac == rows[i].hmac, rows[i].name);
		assert_row(s.policy.sseq == rows[i].sseq, rows[i].name);
		assert_row(s.policy.hmac_len == rows[i].hmac_len, rows[i].name);
		for (unsigned e = 0; e < ENDPOINTS_N; e++)
			assert_ptr_equal(s.endpoints[e].policy, &s.policy);
		config_destroy(cfg);
	}
}

// The list is the policy's order; certificates show what is left of it.
static void groups_are_an_order_with_a_minimum(void **state)
{
	static const struct {
		const char *name, *text;
		uint8_t want[KEYING_GROUPS_MAX];
		bool is_old_form; // of the server's certificate
		uint8_t member[3];
	} rows[] = {
		{"default", "", {14, 5, 2}, true, {2, 14}},
		{"the same in another order",
		 "security: {dh_groups: [5, 2, 14]}\n",
		 {5, 2, 14},
		 true,
		 {2, 14}},
		{"16, too",
		 "security: {dh_groups: [14, 16, 5, 2]}\n",
		 {14, 16, 5, 2},
		 false,
		 {2, 14}},
		{"one less", "security: {dh_groups: [2, 14]}\n", {2, 14}, false, {2, 14}},
		{"no weak one", "security: {dh_group_min: 14}\n", {14}, false, {14}},
		{"nothing else", "security: {dh_groups: [2]}\n", {2}, false, {2}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_backend b = {.base.kind = &fake_kind};
		struct certificate server, member;
		const struct config *cfg;
		struct identity id;
		struct settings s;
		char text[128];
		size_t n = strnlen((const char *)rows[i].want, KEYING_GROUPS_MAX);

		snprintf(text, sizeof(text), "backend: udp\n%s", rows[i].text);
		cfg = load(text);
		settings_endpoints(&s, cfg, some_identity(&id), &b.base);
		server = identity_certificate(&s.identity.server);
		member = identity_certificate(&s.identity.member);
		assert_row(s.policy.n_groups == n, rows[i].name);
		assert_row(memcmp(s.policy.groups, rows[i].want, n) == 0, rows[i].name);
		assert_row(certificate_is_legacy_form(&server) == rows[i].is_old_form,
			   rows[i].name);
		assert_row(settings_shuts_out_old_peers(&s) == !rows[i].is_old_form, rows[i].name);
		assert_row(server.n_ephemeral == n, rows[i].name);
		if (!rows[i].is_old_form)
			assert_row(memcmp(server.ephemeral, rows[i].want, n) == 0, rows[i].name);
		assert_row(member.n_keys == strlen((const char *)rows[i].member), rows[i].name);
		for (unsigned k = 0; k < member.n_keys; k++)
			assert_row(member.keys[k].group == rows[i].member[k], rows[i].name);
		settings_wipe(&s);
		config_destroy(cfg);
	}
}

static void a_groups_posting_section_is_what_is_kept(void **state)
{
	const struct config *cfg = load("backend: udp\nextension: false\ngroups:\n- name: a\n"
					"  spec: \"G:027f020101010c060e7363656e6500\"\n"
					"  posting: {keep: 20s, memory: 3MiB}\n  nearest: false\n");
	struct group_limits l = settings_group(&cfg->groups[0]);

	assert_int_equal(l.posting.keep_us, 20000000);
	assert_int_equal(l.posting.bytes_max, 3 << 20);
	assert_false(cfg->groups[0].is_nearest || cfg->extension);
	config_destroy(cfg);
}

static void a_groups_multicast_section_is_our_part_in_it(void **state)
{
	const struct config *cfg = load(
		"backend: udp\ngroups:\n- name: a\n  spec: \"G:027f020101010c060e7363656e6500\"\n"
		"  neighbours: 9\n"
		"  multicast: {window: 5s, relay_margin: 0s, fetch_period: 400ms,\n"
		"    availability_period: 20ms, push_neighbours: 3}\n");
	struct group_limits l = settings_group(&cfg->groups[0]);

	assert_int_equal(l.neighbours_max, 9);
	assert_int_equal(l.relay.window_max_ms, 5000);
	assert_int_equal(l.relay.margin_ms, 1);
	assert_int_equal(l.relay.fetch_max_ms, 400);
	assert_int_equal(l.relay.update_ms, 20);
	assert_int_equal(l.relay.push_neighbours_max, 3);
	config_destroy(cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_become_sizes_of_an_engine),
		cmocka_unit_test(a_long_message_finds_room_in_a_small_appliance),
		cmocka_unit_test(rates_for_all_are_shared_out_to_workers),
		cmocka_unit_test(kernel_sockets_have_as_many_workers_as_are_asked_for),
		cmocka_unit_test(the_two_endpoints_have_the_roles_of_the_design),
		cmocka_unit_test(configured_public_addresses_go_before_found_ones),
		cmocka_unit_test(a_node_gets_the_operators_policy),
		cmocka_unit_test(an_empty_list_of_apps_is_any),
		cmocka_unit_test(features_are_preferred_unless_said_otherwise),
		cmocka_unit_test(groups_are_an_order_with_a_minimum),
		cmocka_unit_test(a_groups_multicast_section_is_our_part_in_it),
		cmocka_unit_test(a_groups_posting_section_is_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
