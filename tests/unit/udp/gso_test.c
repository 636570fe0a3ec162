// Which packets may leave as one segmented send.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/udp/gso.h"

static struct pkt to_path(uint32_t path, uint16_t len)
{
	return (struct pkt){.path_idx = path, .len = len};
}

static void equal_packets_to_one_path_are_one_run(void **state)
{
	struct pkt p[4] = {to_path(1, 1200), to_path(1, 1200), to_path(1, 1200), to_path(2, 1200)};

	assert_int_equal(gso_run(p, 4), 3);
	assert_int_equal(gso_run(p + 3, 1), 1);
}

static void a_shorter_packet_ends_the_run(void **state)
{
	struct pkt p[3] = {to_path(1, 1200), to_path(1, 300), to_path(1, 300)};

	assert_int_equal(gso_run(p, 3), 2);
}

static void a_longer_packet_is_not_in_the_run(void **state)
{
	struct pkt p[2] = {to_path(1, 300), to_path(1, 1200)};

	assert_int_equal(gso_run(p, 2), 1);
}

static void without_a_path_the_address_decides(void **state)
{
	struct pkt p[3] = {to_path(PATH_NONE, 100), to_path(PATH_NONE, 100),
			   to_path(PATH_NONE, 100)};

	p[2].addr[3] = 9;
	assert_int_equal(gso_run(p, 3), 2);
	p[1].port = 1;
	assert_int_equal(gso_run(p, 3), 1);
}

static void endpoints_do_not_mix(void **state)
{
	struct pkt p[2] = {to_path(PATH_NONE, 100), to_path(PATH_NONE, 100)};

	p[1].endpoint = 1;
	assert_int_equal(gso_run(p, 2), 1);
}

static void a_probe_goes_alone(void **state)
{
	struct pkt p[3] = {to_path(1, 1400), to_path(1, 1400), to_path(1, 1200)};

	p[1].flags = PKT_PROBE;
	assert_int_equal(gso_run(p, 3), 1);
	assert_int_equal(gso_run(p + 1, 2), 1);
}

static void a_run_is_bounded(void **state)
{
	struct pkt p[40];

	for (int i = 0; i < 40; i++)
		p[i] = to_path(7, 100);
	assert_int_equal(gso_run(p, 40), GSO_SEGMENTS_MAX);
	for (int i = 0; i < 40; i++)
		p[i] = to_path(7, 16000);
	assert_int_equal(gso_run(p, 40), GSO_BYTES_MAX / 16000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_packets_to_one_path_are_one_run),
		cmocka_unit_test(a_shorter_packet_ends_the_run),
		cmocka_unit_test(a_longer_packet_is_not_in_the_run),
		cmocka_unit_test(without_a_path_the_address_decides),
		cmocka_unit_test(endpoints_do_not_mix),
		cmocka_unit_test(a_probe_goes_alone),
		cmocka_unit_test(a_run_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
