#include "dataplane/io/l2.h"

#include <errno.h>

#include "tests/support/test.h"

static void a_header_survives_the_round_trip(void **state)
{
	const struct l2_header h = {{{1, 2, 3, 4, 5, 6}}, {{7, 8, 9, 10, 11, 12}}, 0x0806};
	uint8_t octets[L2_LEN];
	struct l2_header back;

	l2_write(octets, &h);
	assert_int_equal(octets[12], 0x08);
	assert_int_equal(octets[13], 0x06);
	assert_int_equal(l2_read(&back, octets, sizeof(octets)), 0);
	assert_memory_equal(&back, &h, sizeof(h));
}

static void less_than_a_header_is_nothing(void **state)
{
	struct l2_header h;

	for (uint16_t len = 0; len < L2_LEN; len++) {
		uint8_t *octets = calloc(1, len > 0 ? len : 1);

		assert_int_equal(l2_read(&h, octets, len), -EBADMSG);
		free(octets);
	}
}

static const struct {
	const char *name;
	struct mac mac;
	bool is_group, is_broadcast;
} macs[] = {
	{"a card", {{0x00, 0x1b, 0x21, 1, 2, 3}}, false, false},
	{"locally made", {{0x02, 0, 0, 0, 0, 1}}, false, false},
	{"IPv4 multicast", {{0x01, 0x00, 0x5e, 0, 0, 1}}, true, false},
	{"everybody", {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, true, true},
};

static void group_addresses_are_told_apart(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
		assert_row(mac_is_group(&macs[i].mac) == macs[i].is_group, macs[i].name);
		assert_row(mac_is_broadcast(&macs[i].mac) == macs[i].is_broadcast, macs[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_survives_the_round_trip),
		cmocka_unit_test(less_than_a_header_is_nothing),
		cmocka_unit_test(group_addresses_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
