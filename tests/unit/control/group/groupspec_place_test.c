// Where members may meet by IP multicast, as text and in groupspecs (GS-12, IP-6, IP-7).
#include <errno.h>

#include "control/group/groupspec.h"
#include "tests/support/test.h"

static void places_are_taken_or_refused_with_a_reason(void **state)
{
	static const struct {
		const char *text, *why; // NULL: taken
		uint8_t family, source;
	} rows[] = {
		{"239.1.2.3:4000", NULL, 4, 0},
		{"224.0.0.254:30000", NULL, 4, 0}, // Adobe's own
		{"224.0.0.255:30000", NULL, 4, 0},
		{"[ff05::1:3]:4000", NULL, 6, 0},
		{"[ff02::4d2:1]:4000", NULL, 6, 0},
		{"232.1.2.3:4000,192.0.2.7", NULL, 4, 4},
		{"239.1.2.3:4000,192.0.2.7", NULL, 4, 4},
		{"[ff35::1]:4000,2001:db8::7", NULL, 6, 6},
		{"232.1.2.3:4000", "that IP multicast address needs a source", 0, 0},
		{"[ff35::1]:4000", "that IP multicast address needs a source", 0, 0},
		{"224.0.0.1:4000",
		 "that IP multicast address is for routers and hosts among themselves", 0, 0},
		{"224.0.0.251:5353", NULL, 4, 0}, // who wants mDNS' address has to know
		{"[ff02::1]:4000",
		 "that IP multicast address is for routers and hosts among themselves", 0, 0},
		{"[ff01::1234]:4000",
		 "that IP multicast address is for routers and hosts among themselves", 0, 0},
		{"192.0.2.1:4000",
		 "not an IP multicast address (224.0.0.0 to 239.255.255.255, or ff00::/8)", 0, 0},
		{"[2001:db8::1]:4000",
		 "not an IP multicast address (224.0.0.0 to 239.255.255.255, or ff00::/8)", 0, 0},
		{"239.1.2.3", "not ADDRESS:PORT or ADDRESS:PORT,SOURCE", 0, 0},
		{"239.1.2.3:0", "an IP multicast address needs a port", 0, 0},
		{"239.1.2.3:4000,2001:db8::7",
		 "the source is of another family than the IP multicast address", 0, 0},
		{"239.1.2.3:4000,224.0.0.9", "the source is nobody's address", 0, 0},
		{"239.1.2.3:4000,", "not ADDRESS:PORT or ADDRESS:PORT,SOURCE", 0, 0},
		{"", "not ADDRESS:PORT or ADDRESS:PORT,SOURCE", 0, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct groupspec_place p;
		const char *why;
		int err = groupspec_place_parse(&p, rows[i].text, &why);

		assert_row((err == 0) == (rows[i].why == NULL), rows[i].text);
		if (err != 0) {
			assert_string_equal(why, rows[i].why);
			continue;
		}
		assert_row(p.addr.family == rows[i].family, rows[i].text);
		assert_row(p.source.family == rows[i].source, rows[i].text);
	}
}

static void groupspecs_carry_them(void **state)
{
	static const char *const texts[] = {"239.1.2.3:4000", "[ff05::1:3]:4001",
					    "232.1.2.3:4002,192.0.2.7",
					    "[ff35::1]:4003,2001:db8::7"};
	struct groupspec_place places[4];
	struct groupspec_build b = {.name = "lan",
				    .multicast = true,
				    .ip_multicast_updates = true,
				    .places = places,
				    .n_places = 4};
	struct groupspec with, without;
	char text[GROUPSPEC_TEXT_MAX + 1];
	const char *why;
	uint32_t at;

	for (int i = 0; i < 4; i++)
		assert_int_equal(groupspec_place_parse(&places[i], texts[i], &why), 0);
	assert_int_equal(groupspec_write(&b, false, text, sizeof(text)), 0);
	assert_int_equal(groupspec_parse(&with, text, &why, &at), 0);
	assert_true(with.ip_multicast_updates);
	assert_int_equal(with.n_ip_multicast, 4);
	for (int i = 0; i < 4; i++) {
		assert_true(wire_addr_equal(&with.ip_multicast[i].addr, &places[i].addr));
		assert_true(wire_addr_equal(&with.ip_multicast[i].source, &places[i].source));
	}
	// GS-15: they do not change which group it is.
	b.n_places = 0;
	assert_int_equal(groupspec_write(&b, false, text, sizeof(text)), 0);
	assert_int_equal(groupspec_parse(&without, text, &why, &at), 0);
	assert_memory_equal(with.id, without.id, sizeof(with.id));
	places[0].addr.ip[0] = 10;
	b.n_places = 1;
	assert_int_equal(groupspec_write(&b, false, text, sizeof(text)), -EINVAL);
}

static void what_is_no_place_is_not_kept(void **state)
{
	struct groupspec g;
	const char *why;
	uint32_t at;

	// 239.1.2.3:4000, then 10.1.2.3:4000.
	assert_int_equal(groupspec_parse(&g,
					 "G:010c050e7465737400"
					 "070aef0102030fa0"
					 "070a0a0102030fa0",
					 &why, &at),
			 0);
	assert_int_equal(g.n_ip_multicast, 1);
	assert_int_equal(groupspec_parse(&g,
					 "G:010c050e7465737400"
					 "060aef0102030f", // a port cut short
					 &why, &at),
			 0);
	assert_int_equal(g.n_ip_multicast, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_taken_or_refused_with_a_reason),
		cmocka_unit_test(groupspecs_carry_them),
		cmocka_unit_test(what_is_no_place_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
