#include "dataplane/io/mld.h"

#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

static const struct {
	const char *name, *src;
	uint8_t hop_limit;
	bool has_alert;
	uint16_t len, code;
	enum drop_reason drop;
	uint32_t delay_ms;
} queries[] = {
	{"version 1", PEER_LOCAL6, 1, true, 24, 10000, DROP_NONE, 10000},
	{"version 2", PEER_LOCAL6, 1, true, 28, 1000, DROP_NONE, 1000},
	{"the largest plain number", PEER_LOCAL6, 1, true, 28, 32767, DROP_NONE, 32767},
	{"the smallest float", PEER_LOCAL6, 1, true, 28, 0x8000, DROP_NONE, 32768},
	{"the largest", PEER_LOCAL6, 1, true, 28, 0xffff, DROP_NONE, 8387584},
	{"cut", PEER_LOCAL6, 1, true, 23, 1000, DROP_ND_BAD},
	{"through a router", PEER_LOCAL6, 2, true, 28, 1000, DROP_ND_BAD},
	{"without router alert", PEER_LOCAL6, 1, false, 28, 1000, DROP_ND_BAD},
	{"not link-local", PEER_IP6, 1, true, 28, 1000, DROP_ND_BAD},
	{"of nobody", "::", 1, true, 28, 1000, DROP_ND_BAD},
};

static void queries_come_from_routers_here(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct ip_addr src = ip(queries[i].src);
		struct ipv6_header h = {.src = src.octets,
					.hop_limit = queries[i].hop_limit,
					.has_router_alert = queries[i].has_alert};
		uint8_t *exact = calloc(1, queries[i].len);
		uint32_t delay_ms = 0;

		be16_put(exact + 4, queries[i].code);
		assert_row(mld_read_query(&delay_ms, &h, exact, queries[i].len) == queries[i].drop,
			   queries[i].name);
		assert_row(delay_ms == queries[i].delay_ms, queries[i].name);
		free(exact);
	}
}

// RFC 3810 §5.2, octet by octet, read as a switch reads it.
static void a_report_names_every_group(void **state)
{
	struct ip_group groups[MLD_GROUPS_MAX] = {0};
	struct ip_addr src = ip(OUR_LOCAL6);
	uint8_t frame[MLD_FRAME_MAX];

	for (uint8_t i = 0; i < MLD_GROUPS_MAX; i++) {
		groups[i].ip = ip("ff02::1:ff00:0");
		groups[i].ip.octets[15] = i;
	}
	for (uint8_t n = 1; n <= MLD_GROUPS_MAX; n++) {
		uint16_t len = mld_write_report(frame, &our_mac, &src, groups, n, n % 2 == 0);
		struct ipv6_header h;
		const uint8_t *icmp;

		assert_int_equal(len, L2_LEN + 40 + 8 + 8 + 20 * n);
		assert_memory_equal(frame, "\x33\x33\x00\x00\x00\x16", MAC_LEN);
		assert_int_equal(ipv6_read(&h, frame + L2_LEN, (uint16_t)(len - L2_LEN)),
				 DROP_NONE);
		assert_true(h.has_router_alert);
		assert_int_equal(h.hop_limit, 1);
		assert_memory_equal(h.dst, &ip_all_mld_routers, IP_LEN);
		icmp = frame + L2_LEN + h.header_len;
		assert_int_equal(icmp6_check(&h, icmp, (uint16_t)(h.len - h.header_len)),
				 DROP_NONE);
		assert_int_equal(icmp[0], 143);
		assert_int_equal(be16_get(icmp + 6), n);
		for (uint8_t i = 0; i < n; i++) {
			const uint8_t *record = icmp + 8 + 20 * i;

			assert_int_equal(record[0], n % 2 == 0 ? 2 : 4);
			assert_int_equal(be16_get(record + 1) | record[3], 0); // no sources
			assert_memory_equal(record + 4, &groups[i].ip, IP_LEN);
		}
	}
}

// RFC 3810 §5.2.12: a source that alone is heard.
static void a_source_is_named(void **state)
{
	struct ip_group group = {.ip = ip("ff35::1234"), .source = ip("2001:db8::9")};
	struct ip_addr src = ip(OUR_LOCAL6);
	uint8_t frame[MLD_FRAME_MAX];

	for (int is_answer = 0; is_answer < 2; is_answer++) {
		uint16_t len = mld_write_report(frame, &our_mac, &src, &group, 1, is_answer);
		const uint8_t *record;
		struct ipv6_header h;

		assert_int_equal(len, L2_LEN + 40 + 8 + 8 + 36);
		assert_int_equal(ipv6_read(&h, frame + L2_LEN, (uint16_t)(len - L2_LEN)),
				 DROP_NONE);
		record = frame + L2_LEN + h.header_len + 8;
		assert_int_equal(icmp6_check(&h, record - 8, (uint16_t)(h.len - h.header_len)),
				 DROP_NONE);
		assert_int_equal(record[0], is_answer ? 1 : 5);
		assert_int_equal(be16_get(record + 2), 1);
		assert_memory_equal(record + 4, &group.ip, IP_LEN);
		assert_memory_equal(record + 20, &group.source, IP_LEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries_come_from_routers_here),
		cmocka_unit_test(a_report_names_every_group),
		cmocka_unit_test(a_source_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
