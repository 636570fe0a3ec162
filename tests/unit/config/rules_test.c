#include "tests/unit/config/config_test.h"

#define PORTS(addresses, gateways)                                                                 \
	"ports:\n  - {name: a, device: net_null0, address: " addresses ", gateway: " gateways "}"  \
											      "\n"
#define PORT(extra) "ports:\n  - {name: a, device: net_null0, address: 10.0.0.1/24" extra "}\n"

static void dpdk_needs_a_port(void **state)
{
	expect("", "1:1: DPDK needs a port: list one under `ports`, or say `backend: udp`\n");
	expect("log: {}\nbackend: dpdk\n",
	       "2:10: DPDK needs a port: list one under `ports`, or say `backend: udp`\n");
	expect("ports: []\n",
	       "1:8: DPDK needs a port: list one under `ports`, or say `backend: udp`\n");
	expect(PORT(""), "");
	expect("backend: udp\n", "");
}

static void a_port_has_a_hosts_address(void **state)
{
	static const struct {
		const char *address;
		bool is_host;
	} rows[] = {
		{"10.0.0.1/24", true},     {"10.0.0.0/24", false},        {"10.0.0.255/24", false},
		{"10.0.0.0/31", true},     {"10.0.0.1/32", true},         {"10.0.0.1/0", false},
		{"0.0.0.0/24", false},     {"10.0.1.0/16", true},         {"127.0.0.1/8", false},
		{"224.0.0.1/24", false},   {"2001:db8::1/64", true},      {"2001:db8::/64", true},
		{"fe80::1/64", true},      {"ff02::1/64", false},         {"::1/128", false},
		{"2001:db8::1/128", true}, {"::ffff:10.0.0.1/96", false}, {"2001:db8::1/0", false},
	};

	for (size_t i = 0; i < N(rows); i++) {
		char text[128], why[128], shown[64];

		snprintf(text, sizeof(text),
			 "ports:\n  - {name: a, device: net_null0, address: '%s'}\n",
			 rows[i].address);
		snprintf(shown, sizeof(shown), "%s", rows[i].address);
		if (strcmp(strchr(shown, '/'), "/0") == 0) // is not shown
			*strchr(shown, '/') = '\0';
		snprintf(why, sizeof(why), "2:43: %s is no host's address in its own network\n",
			 shown);
		expect(text, rows[i].is_host ? "" : why);
	}
}

static void the_gateway_is_a_neighbour(void **state)
{
	expect(PORT(", gateway: 10.0.0.254"), "");
	expect(PORT(", gateway: none"), "");
	expect(PORT(", gateway: []"), "");
	expect(PORT(", gateway: 10.0.1.1"),
	       "2:65: the gateway 10.0.1.1 is in none of the port's networks\n");
	expect(PORT(", gateway: '2001:db8::9'"),
	       "2:65: the gateway 2001:db8::9 is in none of the port's networks\n");
	expect(PORT(", gateway: 'fe80::9'"),
	       "2:65: the gateway fe80::9 is in none of the port's networks\n");
	expect(PORT(", gateway: 10.0.0.1"), "2:65: the gateway 10.0.0.1 is the port itself\n");
}

static void a_port_has_several_addresses_and_a_gateway_for_each_family(void **state)
{
	expect(PORTS("[10.0.0.1/24, '2001:db8::1/64']", "[10.0.0.254, '2001:db8::9']"), "");
	expect(PORTS("[10.0.0.1/24, 10.0.1.1/24]", "10.0.1.254"), "");
	expect(PORTS("'2001:db8::1/64'", "'fe80::9'"), ""); // link-local reaches it
	expect(PORTS("[10.0.0.1/24, '2001:db8::1/64']", "[fe80::9, '2001:db8::9']"),
	       "2:85: one gateway for IPv4 and one for IPv6 is all there can be\n");
	expect(PORTS("[10.0.0.1/24, 10.0.0.1/16]", "none"),
	       "2:43: 10.0.0.1/16 stands here twice\n");
	expect(PORTS("[]", "none"), "2:43: ports[0].address: at least one must be listed\n");
	expect(PORTS("[10.0.0.1]", "none"),
	       "2:44: ports[0].address: expected an address with its prefix length such as "
	       "10.0.0.1/24, found `10.0.0.1`\n");
	expect(PORTS("here", "none"),
	       "2:43: ports[0].address: expected an address with its prefix length such as "
	       "10.0.0.1/24, or a list of such, found `here`\n");
	expect(PORTS("10.0.0.1/24", "[none]"),
	       "2:66: ports[0].gateway: expected an IP address such as 10.0.0.1, found `none`\n");
	expect(PORTS("[10.0.0.1/24, 10.0.0.2/24, 10.0.0.3/24, 10.0.0.4/24, 10.0.0.5/24, "
		     "10.0.0.6/24, "
		     "10.0.0.7/24, 10.0.0.8/24, 10.0.0.9/24]",
		     "none"),
	       "2:43: ports[0].address: 9 are too many, 8 is the most\n");
}

static void a_vlan_has_a_number(void **state)
{
	expect(PORT(", vlan: 1"), "");
	expect(PORT(", vlan: 4094"), "");
	expect(PORT(", vlan: 4095"), "2:62: ports[0].vlan: 4095 is out of range: 0 to 4094\n");
}

static void a_kernel_interface_is_no_device(void **state)
{
	expect("ports:\n  - {name: a, device: eth0, address: 10.0.0.1/24}\n",
	       "2:23: no PCI address and no virtual device; for a kernel interface write "
	       "`net_af_packet0,iface=eth0`\n");
	expect("ports:\n  - {name: a, device: '0000:3b:00.0,opt=1', address: 10.0.0.1/24}\n", "");
}

static void no_two_ports_are_the_same(void **state)
{
	expect("ports:\n"
	       "  - {name: a, device: 'net_tap0,iface=x', address: 10.0.0.1/24}\n"
	       "  - {name: a, device: 'net_tap0,iface=y', address: 10.0.0.1/16}\n",
	       "3:12: ports[0] has this name already\n"
	       "3:23: ports[0] is this device already\n"
	       "3:52: ports[0] has the address 10.0.0.1/16 already\n");
	expect("ports:\n"
	       "  - {name: a, device: net_tap1, address: [10.0.0.1/24, 'fe80::1/64']}\n"
	       "  - {name: b, device: net_tap2, address: [10.0.1.1/24, 'fe80::1/64']}\n",
	       "");
	expect("ports:\n"
	       "  - {name: a, device: net_tap1, address: 10.0.0.1/24}\n"
	       "  - {name: b, device: net_tap10, address: 10.0.1.1/24}\n",
	       "");
}

static void every_queue_has_its_worker(void **state)
{
	expect(PORT(", queues: 2"), "2:64: 2 queues need as many workers, workers.count is 1\n");
	expect("workers: {count: 2}\n" PORT(", queues: 2"), "");
	expect("backend: udp\nworkers: {count: 3, cores: '1-2'}\n",
	       "2:28: 2 cores for 3 workers\n");
	expect("backend: udp\nworkers: {count: 2, cores: '1-2'}\n", "");
	expect("backend: udp\nworkers: {sleep_max: 10us}\n",
	       "2:22: workers.sleep_min is above workers.sleep_max\n");
}

static void endpoints_have_a_port_each(void **state)
{
	expect("backend: udp\nendpoints: {server: {port: 7}, member: {port: 7}}\n",
	       "2:47: the two endpoints need a port each, both have 7\n");
	expect("backend: udp\nendpoints: {server: {port: 1936}}\n",
	       "2:28: the two endpoints need a port each, both have 1936\n");
	expect("backend: udp\nendpoints: {server: {port: 7, address: 10.0.0.1}, "
	       "member: {port: 7, address: 10.0.0.2}}\n",
	       "");
	// A value that was refused is not judged again.
	expect("backend: udp\nendpoints: {server: {port: 1936}, member: {port: x}}\n",
	       "2:50: endpoints.member.port: expected a whole number, found `x`\n");
}

static void an_endpoint_listens_on_an_address_that_we_have(void **state)
{
	expect("endpoints: {server: {address: 10.0.0.2}}\n" PORT(""),
	       "1:31: none of the ports has this address\n");
	expect("endpoints: {server: {address: 10.0.0.1}}\n" PORT(""), "");
	expect("endpoints: {server: {address: '2001:db8::1'}}\n" PORTS(
		       "[10.0.0.1/24, '2001:db8::1/64']", "none"),
	       "");
	expect("backend: udp\nendpoints: {server: {address: 10.0.0.2}}\n", "");
}

static void limits_fit_each_other(void **state)
{
	expect("backend: udp\nlimits: {message: 1MiB, reassembly: 512KiB}\n",
	       "2:37: limits.reassembly cannot hold one message of limits.message\n");
}

static void the_member_keeps_a_key(void **state)
{
	expect("backend: udp\nsecurity: {dh_groups: [14]}\n", "");
	expect("backend: udp\nsecurity: {dh_groups: [2]}\n", "");
	expect("backend: udp\nsecurity: {dh_groups: [16, 5]}\n",
	       "2:23: 2 or 14 must be left of them: the member certificate has keys of these\n");
	expect("backend: udp\nsecurity: {dh_groups: [5, 2], dh_group_min: 5}\n",
	       "2:23: 2 or 14 must be left of them: the member certificate has keys of these\n");
	expect("backend: udp\nsecurity: {dh_group_min: 16}\n",
	       "2:26: none of security.dh_groups is as strong as that\n");
	// A value that was refused is not judged again.
	expect("backend: udp\nsecurity: {dh_groups: [5], dh_group_min: 9}\n",
	       "2:42: security.dh_group_min: expected one of 2, 5, 14, 16, found `9`\n");
}

#define ID64 "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789ABCDEF"

static void an_application_is_a_name_or_a_name_and_its_rules(void **state)
{
	struct loaded l = load("backend: udp\n"
			       "apps:\n"
			       "  - live\n"
			       "  - name: inside\n"
			       "    allow_addresses: [10.0.0.0/8, \"2001:db8::7\"]\n"
			       "    deny_addresses: [10.0.0.66]\n"
			       "    allow_peers: [" ID64 "]\n"
			       "    pages: [example.com, '*.example.com']\n"
			       "    keys: [sesame]\n",
			       NULL);
	const struct config_app *a;

	assert_int_equal(l.err, 0);
	assert_int_equal(l.cfg->n_apps, 2);
	assert_string_equal(l.cfg->apps[0].name, "live");
	assert_int_equal(l.cfg->apps[0].n_allow_addresses, 0);
	a = &l.cfg->apps[1];
	assert_string_equal(a->name, "inside");
	assert_int_equal(a->n_allow_addresses, 2);
	assert_int_equal(a->allow_addresses[0].prefix_len, 8);
	assert_int_equal(a->allow_addresses[1].family, CONFIG_ADDR_IPV6);
	assert_int_equal(a->allow_addresses[1].prefix_len, 128);
	assert_int_equal(a->deny_addresses[0].prefix_len, 32);
	assert_string_equal(a->allow_peers[0], ID64);
	assert_int_equal(a->n_deny_peers, 0);
	assert_int_equal(a->n_pages, 2);
	assert_int_equal(a->n_players, 0);
	assert_string_equal(a->keys[0], "sesame");
	unload(&l);
}

static void what_is_wrong_with_applications_is_told(void **state)
{
	expect("backend: udp\napps: [live, \"\"]\n", "2:14: apps[1].name: must not be empty\n");
	expect("backend: udp\napps: live\n",
	       "2:7: apps: expected a list of at most 256 items (- ...)\n");
	expect("backend: udp\napps: [~]\n",
	       "2:8: apps[0]: expected keys and values, found nothing\n");
	expect("backend: udp\napps: [live, {name: live}]\n",
	       "2:21: apps[0] has this name already\n");
	expect("backend: udp\napps: [live/one]\n",
	       "2:8: a name ends before the first /, an instance follows there\n");
	expect("backend: udp\napps: [{deny_addresses: []}]\n", "2:8: apps[0]: `name` is missing\n");
	expect("backend: udp\napps: [{name: a, deny_addresses: [192.0.2.0/33]}]\n",
	       "2:35: apps[0].deny_addresses: expected an address or a network such as 10.0.0.1 or "
	       "10.0.0.0/8, found `192.0.2.0/33`\n");
	expect("backend: udp\napps: [{name: a, deny_addresses: 192.0.2.1}]\n",
	       "2:34: apps[0].deny_addresses: expected a list of addresses or networks such as "
	       "10.0.0.1 or 10.0.0.0/8, found `192.0.2.1`\n");
	expect("backend: udp\napps: [{name: a, deny_peers: [12ab]}]\n",
	       "2:30: 12ab is no peer ID (64 hex digits)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dpdk_needs_a_port),
		cmocka_unit_test(a_port_has_a_hosts_address),
		cmocka_unit_test(the_gateway_is_a_neighbour),
		cmocka_unit_test(a_port_has_several_addresses_and_a_gateway_for_each_family),
		cmocka_unit_test(a_vlan_has_a_number),
		cmocka_unit_test(a_kernel_interface_is_no_device),
		cmocka_unit_test(no_two_ports_are_the_same),
		cmocka_unit_test(every_queue_has_its_worker),
		cmocka_unit_test(endpoints_have_a_port_each),
		cmocka_unit_test(an_endpoint_listens_on_an_address_that_we_have),
		cmocka_unit_test(limits_fit_each_other),
		cmocka_unit_test(an_application_is_a_name_or_a_name_and_its_rules),
		cmocka_unit_test(what_is_wrong_with_applications_is_told),
		cmocka_unit_test(the_member_keeps_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
