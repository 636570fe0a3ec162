#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"

static void a_seed_gives_the_same_octets_again(void **state)
{
	struct random_state sa, sb;
	struct random a = random_seeded(&sa, 7), b = random_seeded(&sb, 7);
	uint8_t x[100], y[100];

	for (unsigned i = 0; i < 50; i++) {
		random_fill(&a, x, i * 2);
		random_fill(&b, y, i * 2);
		assert_memory_equal(x, y, i * 2);
	}
	b = random_seeded(&sb, 8);
	assert_true(random_u64(&a) != random_u64(&b));
}

// The reference implementation's first outputs for splitmix64 seed 0.
static void the_generator_is_xoshiro256(void **state)
{
	struct random_state s;
	struct random r = random_seeded(&s, 0);

	assert_true(s.s[0] == 0xe220a8397b1dcdaf && s.s[1] == 0x6e789e6aa1b965f4);
	assert_true(random_u64(&r) == 0x99ec5f36cb75f2b4);
}

static void below_stays_below_and_reaches_all(void **state)
{
	struct random_state s;
	struct random r = random_seeded(&s, 1);
	unsigned seen[7] = {0};

	for (unsigned i = 0; i < 7000; i++) {
		uint64_t v = random_below(&r, 7);

		assert_true(v < 7);
		seen[v]++;
	}
	for (unsigned i = 0; i < 7; i++)
		assert_in_range(seen[i], 800, 1200);
	assert_true(random_below(&r, 1) == 0);
	for (unsigned i = 0; i < 100; i++)
		assert_true(random_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void the_system_does_not_repeat_itself(void **state)
{
	struct random r = random_system();
	static uint8_t big[(1 << 20) + 1]; // more than OpenSSL is asked for at once
	uint8_t zero[64] = {0};

	assert_true(random_u64(&r) != random_u64(&r));
	assert_true(random_u32(&r) != random_u32(&r) || random_u32(&r) != random_u32(&r));
	random_fill(&r, big, sizeof(big));
	assert_memory_not_equal(big, zero, sizeof(zero));
	assert_memory_not_equal(big + sizeof(big) - sizeof(zero), zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_same_octets_again),
		cmocka_unit_test(the_generator_is_xoshiro256),
		cmocka_unit_test(below_stays_below_and_reaches_all),
		cmocka_unit_test(the_system_does_not_repeat_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
