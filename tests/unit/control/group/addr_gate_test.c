#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/group/addr_gate.h"

#define S 1000000ull

static struct wire_addr addr(const char *text)
{
	struct wire_addr a;

	assert_int_equal(wire_addr_parse(&a, text), 0);
	return a;
}

static void an_address_is_tried_once_in_30_s(void **state)
{
	static struct addr_gate g = {.seed = 5};
	struct wire_addr a = addr("192.0.2.1:1936"), b = addr("192.0.2.1:1937");

	assert_true(addr_gate_passes(&g, &a, 100 * S));
	assert_false(addr_gate_passes(&g, &a, 100 * S));
	assert_false(addr_gate_passes(&g, &a, 130 * S - 1));
	assert_true(addr_gate_passes(&g, &b, 100 * S)); // another port is another address
	assert_true(addr_gate_passes(&g, &a, 130 * S));
	assert_false(addr_gate_passes(&g, &a, 131 * S));
}

// So many victims, so many attempts a second at most, whatever gossip names.
static void all_addresses_together_are_bounded(void **state)
{
	static struct addr_gate g = {.seed = 6};
	struct wire_addr a = addr("198.51.100.1:1");
	uint32_t n = 0;

	for (uint32_t i = 0; i < 100000; i++) {
		a.ip[1] = (uint8_t)(i >> 16);
		a.ip[2] = (uint8_t)(i >> 8);
		a.ip[3] = (uint8_t)i;
		n += addr_gate_passes(&g, &a, 50 * S);
	}
	assert_in_range(n, ADDR_GATE_ROWS / 2, ADDR_GATE_ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_tried_once_in_30_s),
		cmocka_unit_test(all_addresses_together_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
