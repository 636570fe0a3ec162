#include "dataplane/io/l2.h"

#include <errno.h>

#include "tests/support/test.h"

static void a_header_survives_the_round_trip(void **state)
{
	const struct l2_header h = {{{1, 2, 3, 4, 5, 6}}, {{7, 8, 9, 10, 11, 12}}, 0x0806};
	uint8_t octets[L2_LEN];
	struct l2_header back = {0};

	l2_write(octets, &h);
	assert_int_equal(octets[12], 0x08);
	assert_int_equal(octets[13], 0x06);
	assert_int_equal(l2_read(&back, octets, sizeof(octets)), 0);
	assert_memory_equal(&back, &h, sizeof(h));
}

static void less_than_a_header_is_nothing(void **state)
{
	struct l2_header h = {0};

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

// IEEE 802.1Q §9: type and tag stand behind the addresses.
static void a_tag_goes_in_and_comes_out(void **state)
{
	const struct l2_header h = {
		.dst = {{1, 2, 3, 4, 5, 6}}, .src = {{7, 8, 9, 10, 11, 12}}, .type = L2_TYPE_ARP};
	uint8_t plain[L2_LEN], tagged[L2_LEN + L2_TAG_LEN], room[L2_LEN + L2_TAG_LEN];
	uint16_t tag;

	assert_int_equal(l2_write_tagged(plain, &h, 0), L2_LEN);
	assert_int_equal(l2_write_tagged(tagged, &h, 0x123), L2_LEN + L2_TAG_LEN);
	assert_memory_equal(tagged + 12, "\x81\x00\x01\x23\x08\x06", 6);
	memcpy(room + L2_TAG_LEN, plain, L2_LEN);
	l2_tag(room, 0x123);
	assert_memory_equal(room, tagged, sizeof(tagged));
	assert_int_equal(l2_untag(room, sizeof(room), &tag), 0);
	assert_int_equal(tag, 0x123);
	assert_memory_equal(room + L2_TAG_LEN, plain, L2_LEN);
	assert_int_equal(l2_untag(room, sizeof(room) - 1, &tag), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_survives_the_round_trip),
		cmocka_unit_test(less_than_a_header_is_nothing),
		cmocka_unit_test(group_addresses_are_told_apart),
		cmocka_unit_test(a_tag_goes_in_and_comes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
