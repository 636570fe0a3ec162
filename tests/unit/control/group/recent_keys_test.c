#include "control/group/recent_keys.h"

#include <string.h>

#include "tests/support/test.h"

enum { MAX = 256 };

static const uint8_t *key_of(uint32_t i)
{
	static uint8_t key[RECENT_KEY_LEN];

	memcpy(key + 12, &i, sizeof(i));
	return key;
}

static void add(struct recent_keys *k, uint32_t i, uint64_t now_us, bool pushes_out)
{
	bool pushed_out;

	assert_int_equal(recent_keys_add(k, key_of(i), now_us, &pushed_out), 0);
	assert_int_equal(pushed_out, pushes_out);
}

static void what_was_added_is_there_until_its_time_is_over(void **state)
{
	struct recent_keys k;

	recent_keys_init(&k, MAX, 77);
	assert_false(recent_keys_have(&k, key_of(0)));
	for (uint32_t i = 0; i < 200; i++)
		add(&k, i, 1000 + i, false);
	for (uint32_t before = 0; before <= 200; before++) {
		recent_keys_expire(&k, 1000 + before);
		for (uint32_t i = 0; i < 201; i++)
			assert_int_equal(recent_keys_have(&k, key_of(i)), i >= before && i < 200);
	}
	assert_int_equal(k.cap, 0); // memory has gone with the last
	recent_keys_clear(&k);
}

static void the_oldest_makes_room(void **state)
{
	struct recent_keys k;

	recent_keys_init(&k, MAX - 3, 78);
	for (uint32_t i = 0; i < 10 * MAX; i++) {
		add(&k, i, i, i >= MAX);
		assert_true(recent_keys_have(&k, key_of(i)));
		assert_int_equal(recent_keys_have(&k, key_of(i - MAX)), false);
		if (i >= MAX)
			assert_true(recent_keys_have(&k, key_of(i - MAX + 1)));
	}
	assert_int_equal(k.n, MAX);
	assert_int_equal(k.cap, MAX);
	recent_keys_clear(&k);
}

// Added and forgotten in turn: the searches of those that stay are never cut off.
static void forgetting_hides_nobody(void **state)
{
	struct recent_keys k;
	uint32_t next = 0, first = 0, random = 1;

	recent_keys_init(&k, 64, 79);
	for (int turn = 0; turn < 20000; turn++) {
		random = random * 1664525 + 1013904223;
		if (random >> 31 && next - first < 64)
			add(&k, next, next, false), next++;
		else if (first < next)
			recent_keys_expire(&k, ++first);
		for (uint32_t i = first; i < next; i++)
			assert_true(recent_keys_have(&k, key_of(i)));
		assert_false(recent_keys_have(&k, key_of(first - 1)));
	}
	recent_keys_clear(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_there_until_its_time_is_over),
		cmocka_unit_test(the_oldest_makes_room),
		cmocka_unit_test(forgetting_hides_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
