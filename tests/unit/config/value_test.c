#include "tests/unit/config/config_test.h"

#include "config/value.h"

// "endpoints.server.port" = `value`, and every other value in the same way, as one line of YAML.
static char *line_for(const char *path, const char *value)
{
	char *line = calloc(1, 1024), *to = line;
	unsigned depth = 1;

	for (const char *c = path; *c != 0; c++) {
		if (*c == '.') {
			to += sprintf(to, ": {");
			depth++;
		} else {
			*to++ = *c;
		}
	}
	to += sprintf(to, ": %s", value);
	while (--depth > 0)
		*to++ = '}';
	sprintf(to, "%s", strcmp(path, "backend") == 0 ? "\n" : "\nbackend: udp\n");
	return line;
}

static void a_value_must_be_of_its_keys_type(void **state)
{
	static const struct {
		const char *path, *value, *why; // why NULL: taken
	} rows[] = {
		{"introduce_unlisted", "true", NULL},
		{"introduce_unlisted", "false", NULL},
		{"introduce_unlisted", "yes", "expected true or false, found `yes`"},
		{"introduce_unlisted", "\"true\"", "expected true or false, found the text `true`"},
		{"introduce_unlisted", "[true]", "expected true or false, found a list"},
		{"introduce_unlisted", "~", "expected true or false, found nothing"},

		{"endpoints.server.port", "65535", NULL},
		{"endpoints.server.port", "65536", "65536 is out of range: 1 to 65535"},
		{"endpoints.server.port", "0", "0 is out of range: 1 to 65535"},
		{"endpoints.server.port", "-1", "expected a whole number, found `-1`"},
		{"endpoints.server.port", "1935.0", "expected a whole number, found `1935.0`"},
		{"endpoints.server.port", "\"1935\"",
		 "expected a whole number, found the text `1935`"},
		{"endpoints.server.port", "99999999999999999999",
		 "99999999999999999999 is out of range: 1 to 65535"},
		{"endpoints.server.port", "{a: 1}",
		 "expected a whole number, found keys and values"},

		{"workers.sleep_min", "1ms", NULL},
		{"workers.sleep_min", "1",
		 "expected a duration such as 15s (us, ms, s, min, h), found `1`"},
		{"workers.sleep_min", "200ms", "200ms is out of range: 1us to 100ms"},
		{"workers.sleep_min", "0.1us", "0.1us is out of range: 1us to 100ms"},

		{"eal.memory", "1GiB", NULL},
		{"eal.memory", "1MiB", "1MiB is out of range: 64MiB to 1024GiB"},
		{"eal.memory", "512",
		 "expected a size such as 64MiB (B, KiB, MiB, GiB, kB, MB, GB), found `512`"},

		{"limits.bandwidth", "unlimited", NULL},
		{"limits.bandwidth", "2.5Gbit/s", NULL},
		{"limits.bandwidth", "1bit/s", "1bit/s is out of range: 100kbit/s to unlimited"},
		{"limits.bandwidth", "\"unlimited\"",
		 "expected a rate such as 2Mbit/s (bit/s, kbit/s, Mbit/s, Gbit/s), found the text "
		 "`unlimited`"},

		{"workers.idle", "spin", NULL},
		{"workers.idle", "spi", "expected one of sleep, adaptive, spin, found `spi`"},
		{"workers.idle", "sleep|spin", "expected one of sleep, adaptive, spin, found `sleep|spin`"},
		{"workers.idle", "\"\"", "expected one of sleep, adaptive, spin, found the text ``"},
		{"eal.hugepages", "off", NULL}, // YAML 1.2: a word, no boolean

		{"security.dh_groups", "[2, 16]", NULL},
		{"security.dh_groups", "[16, 14, 5, 2]", NULL},
		{"security.dh_groups", "[]", "at least one must be listed"},
		{"security.dh_groups", "2", "expected a list of words, found `2`"},
		{"security.dh_groups", "[2, 2]", "2 stands here twice"},
		{"security.dh_groups", "[2, 3]", "expected one of 2, 5, 14, 16, found `3`"},
		{"security.dh_group_min", "5", NULL},
		{"security.dh_group_min", "1", "expected one of 2, 5, 14, 16, found `1`"},
		{"security.hmac", "require", NULL},
		{"security.hmac", "yes", "expected one of off, prefer, require, found `yes`"},
		{"security.hmac_length", "4", NULL},
		{"security.hmac_length", "32", NULL},
		{"security.hmac_length", "3", "3 is out of range: 4 to 32"},
		{"security.hmac_length", "33", "33 is out of range: 4 to 32"},
		{"security.sequence_numbers", "prefer", NULL},
		{"security.sequence_numbers", "need",
		 "expected one of off, prefer, require, found `need`"},

		{"workers.cores", "\"3\"", NULL},
		{"workers.cores", "3", NULL},
		{"workers.cores", "3-",
		 "expected a list of different cores such as 1-3,5, found `3-`"},

		{"identity.file", "x", NULL},
		{"identity.file", "\"\"", "must not be empty"},
		{"identity.file", "\"a\\tb\"", "expected a path, found the text `a\tb`"},
		{"identity.file", "\"a\\0b\"", "expected a path, found the text `a`"},

		{"endpoints.server.address", "2001:db8::1", NULL},
		{"endpoints.server.address", "localhost",
		 "expected an IP address such as 10.0.0.1, found `localhost`"},
		{"endpoints.server.address", "none",
		 "expected an IP address such as 10.0.0.1, found `none`"},
		{"endpoints.server.public", "[192.0.2.1, \"192.0.2.2:99\"]", NULL},
		{"endpoints.server.public", "192.0.2.1",
		 "expected a list of addresses such as 10.0.0.1 or 10.0.0.1:1935, found "
		 "`192.0.2.1`"},
		{"endpoints.server.public", "[0.0.0.0]",
		 "expected an address such as 10.0.0.1 or 10.0.0.1:1935, found `0.0.0.0`"},
		{"endpoints.server.public", "[a.b]",
		 "expected an address such as 10.0.0.1 or 10.0.0.1:1935, found `a.b`"},
		{"endpoints.server.public",
		 "[1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4, 1.1.1.5, 1.1.1.6, 1.1.1.7, 1.1.1.8, "
		 "1.1.1.9]",
		 "9 are too many, 8 is the most"},

		{"eal.args", "[live, \"on demand\"]", NULL},
		{"eal.args", "[\"\"]", "must not be empty"},
		{"eal.args", "[[]]", "expected a text on one line, found a list"},
		{"eal.args", "live", "expected a list of texts, found `live`"},
	};

	for (size_t i = 0; i < N(rows); i++) {
		char *text = line_for(rows[i].path, rows[i].value);
		struct loaded l = load(text, NULL);
		char *got = complaints(l.errors);
		char wanted[256] = "";

		if (rows[i].why != NULL)
			snprintf(wanted, sizeof(wanted), "error: %s: %s\n", rows[i].path,
				 rows[i].why);
		if (strcmp(strstr(l.errors, "error: ") != NULL ? strchr(got, ' ') + 1 : "",
			   rows[i].why != NULL ? wanted + strlen("error: ") : "") != 0)
			fail_msg("%s\nwanted %s\ngot %s", text, wanted, l.errors);
		free(got);
		free(text);
		unload(&l);
	}
}

static void values_arrive_in_their_fields(void **state)
{
	struct loaded l =
		load("backend: dpdk\n"
		     "endpoints:\n"
		     "  server: {address: 192.0.2.1, port: 19350, public: [198.51.100.1]}\n"
		     "  member: {port: 19360, public: ['198.51.100.1:7', '[2001:db8::1]:8']}\n"
		     "ports:\n"
		     "  - name: wan\n"
		     "    device: 0000:3b:00.0\n"
		     "    address: [192.0.2.1/29, 2001:db8::1/64]\n"
		     "    gateway: 192.0.2.6\n"
		     "    router_advertisements: true\n"
		     "    vlan: 4094\n"
		     "    port_unreachable: true\n"
		     "    mtu: 9000\n"
		     "    queues: 2\n"
		     "    udp_checksum: off\n"
		     "eal: {memory: 1GiB, hugepages: on, args: [--no-pci, -v]}\n"
		     "workers: {count: 2, cores: 2-3, idle: spin, sleep_max: 2ms}\n"
		     "limits: {sessions: 100, bandwidth: 9Gbit/s, message: 128KiB}\n"
		     "security: {dh_groups: [14, 2], hmac: require, sequence_numbers: off}\n"
		     "introduce_unlisted: false\n"
		     "apps: [live]\n"
		     "keepalive: {behind_nat: 10s}\n"
		     "log: {level: debug}\n",
		     NULL);
	const struct config *c = l.cfg;
	const struct config_addr *pub;

	assert_int_equal(l.err, 0);
	assert_int_equal(c->backend, CONFIG_BACKEND_DPDK);
	assert_int_equal(c->server.port, 19350);
	assert_int_equal(c->server.n_public_addresses, 1);
	assert_int_equal(c->server.public_addresses[0].port,
			 19350); // the endpoint's, as none was said
	assert_int_equal(c->member.n_public_addresses, 2);
	pub = c->member.public_addresses;
	assert_int_equal(pub[0].port, 7);
	assert_int_equal(pub[1].port, 8);
	assert_int_equal(pub[1].family, CONFIG_ADDR_IPV6);

	assert_int_equal(c->n_ports, 1);
	assert_string_equal(c->ports[0].name, "wan");
	assert_string_equal(c->ports[0].device, "0000:3b:00.0");
	assert_int_equal(c->ports[0].n_addresses, 2);
	assert_memory_equal(c->ports[0].addresses[0].ip, "\xc0\x00\x02\x01", 4);
	assert_int_equal(c->ports[0].addresses[0].prefix_len, 29);
	assert_int_equal(c->ports[0].addresses[1].family, CONFIG_ADDR_IPV6);
	assert_int_equal(c->ports[0].addresses[1].prefix_len, 64);
	assert_int_equal(c->ports[0].n_gateways, 1);
	assert_memory_equal(c->ports[0].gateways[0].ip, "\xc0\x00\x02\x06", 4);
	assert_true(c->ports[0].router_advertisements);
	assert_int_equal(c->ports[0].vlan, 4094);
	assert_true(c->ports[0].port_unreachable);
	assert_int_equal(c->ports[0].mtu, 9000);
	assert_int_equal(c->ports[0].queues, 2);
	assert_int_equal(c->ports[0].udp_checksum, CONFIG_OFF);

	assert_int_equal(c->eal.memory_bytes, 1 << 30);
	assert_int_equal(c->eal.hugepages, CONFIG_ON);
	assert_int_equal(c->eal.n_args, 2);
	assert_string_equal(c->eal.args[1], "-v");
	assert_int_equal(c->workers.count, 2);
	assert_string_equal(c->workers.cores, "2-3");
	assert_int_equal(c->workers.idle, CONFIG_IDLE_SPIN);
	assert_int_equal(c->workers.sleep_min_us, 50);
	assert_int_equal(c->workers.sleep_max_us, 2000);
	assert_int_equal(c->limits.sessions, 100);
	assert_true(c->limits.bandwidth_bits == 9000000000u);
	assert_int_equal(c->security.dh_groups.n, 2);
	assert_int_equal(c->security.dh_groups.words[0], CONFIG_DH_14);
	assert_int_equal(c->security.dh_groups.words[1], CONFIG_DH_2);
	assert_int_equal(c->security.dh_group_min, CONFIG_DH_2);
	assert_int_equal(c->security.hmac, CONFIG_FEATURE_REQUIRE);
	assert_int_equal(c->security.hmac_length, 16);
	assert_int_equal(c->security.sequence_numbers, CONFIG_FEATURE_OFF);
	assert_false(c->introduce_unlisted);
	assert_int_equal(c->n_apps, 1);
	assert_string_equal(c->apps[0].name, "live");
	assert_int_equal(c->keepalive.behind_nat_us, 10000000);
	assert_int_equal(c->keepalive.public_us, 20000000);
	assert_int_equal(c->log.level, CONFIG_LOG_DEBUG);
	assert_string_equal(c->log.target, "stderr");
	unload(&l);
}

static void relative_paths_start_in_the_files_directory(void **state)
{
	static const char text[] = "backend: udp\n"
				   "identity: {file: keys/id}\n"
				   "admin: {socket: /run/x}\n"
				   "log: {target: stderr}\n";
	const struct config *cfg;

	assert_int_equal(
		config_load_text("/etc/annulus/a.yaml", text, strlen(text), NULL, stderr, &cfg), 0);
	assert_string_equal(cfg->identity_file, "/etc/annulus/keys/id");
	assert_string_equal(cfg->admin_socket, "/run/x");
	assert_string_equal(cfg->log.target, "stderr"); // a word, no path
	config_destroy(cfg);
	assert_int_equal(config_load_text("a.yaml", text, strlen(text), NULL, stderr, &cfg), 0);
	assert_string_equal(cfg->identity_file, "./keys/id");
	config_destroy(cfg);
	assert_int_equal(config_load_text("/a.yaml", text, strlen(text), NULL, stderr, &cfg), 0);
	assert_string_equal(cfg->identity_file, "//keys/id");
	config_destroy(cfg);
}

// The kernel takes 107 octets for a unix socket, whatever stands before a relative path.
static void a_socket_path_is_measured_when_it_is_whole(void **state)
{
	char text[300], path[120] = "";

	memset(path, 'a', 107);
	path[0] = '/';
	snprintf(text, sizeof(text), "backend: udp\nadmin: {socket: %s}\n", path);
	expect(text, "");
	path[0] = 'a';
	snprintf(text, sizeof(text), "backend: udp\nadmin: {socket: %s}\n", path);
	memmove(path + 2, path, 108);
	memcpy(path, "./", 2);
	char wanted[300];
	snprintf(wanted, sizeof(wanted),
		 "2:17: admin.socket: %s has 109 characters, 107 is the most\n", path);
	expect(text, wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_must_be_of_its_keys_type),
		cmocka_unit_test(values_arrive_in_their_fields),
		cmocka_unit_test(relative_paths_start_in_the_files_directory),
		cmocka_unit_test(a_socket_path_is_measured_when_it_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
