#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/id_table.h"
#include "crypto/random.h"

#define N 1000

static void everything_is_found_until_it_is_removed(void **state)
{
	static struct id_node nodes[N];
	struct random_state seed;
	struct random r = random_seeded(&seed, 3);
	struct id_table t;
	uint8_t unknown[ID_LEN] = {0};

	assert_int_equal(id_table_init(&t, 42), 0);
	for (int i = 0; i < N; i++) {
		random_fill(&r, nodes[i].id, ID_LEN);
		id_table_insert(&t, &nodes[i]);
	}
	assert_int_equal(t.n, N);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(id_table_find(&t, nodes[i].id), &nodes[i]);
	assert_null(id_table_find(&t, unknown));
	for (int i = 0; i < N; i += 2)
		id_table_remove(&t, &nodes[i]);
	id_table_remove(&t, &nodes[0]); // not there: nothing happens
	assert_int_equal(t.n, N / 2);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(id_table_find(&t, nodes[i].id), i % 2 ? &nodes[i] : NULL);
	id_table_clear(&t);
}

// A stranger who knows the code but not the seed cannot fill one bucket.
static void chains_stay_short_for_chosen_ids(void **state)
{
	static struct id_node nodes[N];
	struct id_table t;
	uint32_t longest = 0;

	assert_int_equal(id_table_init(&t, 0x1234567890abcdef), 0);
	for (int i = 0; i < N; i++) {
		memset(nodes[i].id, 0, ID_LEN);
		nodes[i].id[31] = (uint8_t)i;
		nodes[i].id[30] = (uint8_t)(i >> 8);
		id_table_insert(&t, &nodes[i]);
	}
	for (uint32_t b = 0; b <= t.mask; b++) {
		uint32_t n = 0;

		for (struct id_node *at = t.buckets[b]; at != NULL; at = at->next)
			n++;
		longest = n > longest ? n : longest;
	}
	assert_in_range(longest, 1, 10);
	id_table_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_found_until_it_is_removed),
		cmocka_unit_test(chains_stay_short_for_chosen_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
