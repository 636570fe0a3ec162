#include "control/bin/daemon/host_addrs.h"

#include "tests/support/test.h"

static unsigned distance(const struct wire_addr *a)
{
	return wire_addr_is_loopback(a) ? 2 : wire_addr_is_private(a);
}

// Whatever this machine has.
static void addresses_come_usable_and_nearest_last(void **state)
{
	struct wire_addr a[16];
	uint8_t n = host_addrs(0, 1936, a, ARRAY_LEN(a));

	for (uint8_t i = 0; i < n; i++) {
		assert_true(wire_addr_is_usable(&a[i]));
		assert_int_equal(a[i].port, 1936);
		if (i > 0)
			assert_true(distance(&a[i - 1]) <= distance(&a[i]));
	}
}

static void only_the_family_that_was_asked_for(void **state)
{
	struct wire_addr a[16];
	uint8_t n = host_addrs(4, 1, a, ARRAY_LEN(a));

	for (uint8_t i = 0; i < n; i++)
		assert_int_equal(a[i].family, 4);
	n = host_addrs(6, 1, a, ARRAY_LEN(a));
	for (uint8_t i = 0; i < n; i++)
		assert_int_equal(a[i].family, 6);
}

static void never_more_than_there_is_room_for(void **state)
{
	struct wire_addr a[2] = {{.port = 7}, {.port = 7}};

	assert_true(host_addrs(0, 1936, a, 1) <= 1);
	assert_int_equal(a[1].port, 7);
	assert_int_equal(host_addrs(0, 1936, a, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_come_usable_and_nearest_last),
		cmocka_unit_test(only_the_family_that_was_asked_for),
		cmocka_unit_test(never_more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
