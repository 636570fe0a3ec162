#include "dataplane/core/rx_linger.h"
#include "dataplane/wire/limits.h"
#include "tests/support/test.h"

static bool knows(const struct rx_linger *l, uint32_t session_idx, uint64_t flow_id)
{
	uint64_t cum;

	return rx_linger_find(l, session_idx, flow_id, &cum);
}

static void a_complete_flow_is_known_for_its_time(void **state)
{
	struct rx_linger l;
	uint64_t cum = 0;

	assert_int_equal(rx_linger_init(&l, 4, 100), 0);
	rx_linger_add(&l, 2, 77, 123, 1000);
	rx_linger_add(&l, 3, 77, 456, 2000); // another session's flow of that id
	assert_true(rx_linger_find(&l, 2, 77, &cum));
	assert_int_equal(cum, 123);
	assert_true(rx_linger_find(&l, 3, 77, &cum));
	assert_int_equal(cum, 456);
	assert_false(knows(&l, 2, 78));
	assert_false(knows(&l, 1, 77));
	rx_linger_expire(&l, 1000 + RF_COMPLETE_LINGER_MS - 1, 10);
	assert_true(knows(&l, 2, 77));
	rx_linger_expire(&l, 1000 + RF_COMPLETE_LINGER_MS, 10);
	assert_false(knows(&l, 2, 77));
	assert_true(knows(&l, 3, 77));
	rx_linger_session_gone(&l, 3);
	assert_int_equal(l.pool.n, 0);
	rx_linger_fini(&l);
}

static void one_session_cannot_fill_it(void **state)
{
	struct rx_linger l;

	assert_int_equal(rx_linger_init(&l, 4, 1000), 0);
	rx_linger_add(&l, 0, 5, 1, 0);
	for (uint64_t id = 0; id < LINGER_PER_SESSION + 10; id++)
		rx_linger_add(&l, 1, id, 1, 10);
	assert_int_equal(l.lists[1].n, LINGER_PER_SESSION);
	assert_false(knows(&l, 1, 9)); // its own oldest made room
	assert_true(knows(&l, 1, 10));
	assert_true(knows(&l, 0, 5));
	rx_linger_session_gone(&l, 1);
	assert_true(knows(&l, 0, 5));
	rx_linger_session_gone(&l, 0);
	assert_int_equal(l.pool.n, 0);
	rx_linger_fini(&l);
}

static void the_oldest_makes_room_when_all_is_full(void **state)
{
	struct rx_linger l;

	assert_int_equal(rx_linger_init(&l, 4, 3), 0);
	rx_linger_add(&l, 0, 1, 1, 10);
	rx_linger_add(&l, 1, 2, 1, 11);
	rx_linger_add(&l, 1, 3, 1, 12);
	rx_linger_add(&l, 2, 4, 1, 13); // has none of its own
	assert_false(knows(&l, 0, 1));
	rx_linger_add(&l, 1, 5, 1, 14); // has
	assert_false(knows(&l, 1, 2));
	assert_true(knows(&l, 1, 3) && knows(&l, 1, 5) && knows(&l, 2, 4));
	rx_linger_fini(&l);
}

// Many sessions come, go and time out: every entry is found, then gone, and all of them are home.
static void nothing_gets_lost(void **state)
{
	struct rx_linger l;
	uint64_t random = 7;

	assert_int_equal(rx_linger_init(&l, 16, 64), 0);
	for (uint32_t now = 0; now < 20000; now++) {
		uint32_t session;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		session = (uint32_t)(random >> 40) % 16;
		if (random >> 60 == 0) {
			rx_linger_session_gone(&l, session);
			assert_int_equal(l.lists[session].n, 0);
		} else {
			rx_linger_add(&l, session, now, now, now * 100);
			assert_true(knows(&l, session, now));
		}
		rx_linger_expire(&l, now * 100, 2);
		assert_true(l.pool.n <= 64);
	}
	for (uint32_t session = 0; session < 16; session++)
		rx_linger_session_gone(&l, session);
	assert_int_equal(l.pool.n, 0);
	assert_int_equal(l.oldest, IDX_NONE);
	assert_int_equal(l.youngest, IDX_NONE);
	for (uint32_t i = 0; i < l.n_buckets; i++)
		assert_int_equal(l.buckets[i], 0);
	rx_linger_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_complete_flow_is_known_for_its_time),
		cmocka_unit_test(one_session_cannot_fill_it),
		cmocka_unit_test(the_oldest_makes_room_when_all_is_full),
		cmocka_unit_test(nothing_gets_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
