#include "dataplane/io/neighbours.h"

#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

// What the table wants now; the test plays the world around it.
struct world {
	struct neighbours *n;
	uint32_t now_ms;
	uint32_t asked, sent, lost;
	struct neighbour_step last;
};

static struct world world_create(void)
{
	return (struct world){.n = neighbours_create(0x5eed), .now_ms = 0xffffff00}; // wraps soon
}

static void world_destroy(struct world *w)
{
	while (neighbours_lose_all(w->n) != NULL)
		;
	neighbours_destroy(w->n);
}

static void pass(struct world *w, uint32_t ms)
{
	while (true) {
		struct neighbour_step s;

		while (neighbours_next(w->n, w->now_ms, &s)) {
			w->asked += s.what == NEIGHBOUR_ASK;
			w->sent += s.what == NEIGHBOUR_SEND;
			w->lost += s.what == NEIGHBOUR_LOSE;
			w->last = s;
		}
		if (ms == 0)
			return;
		ms -= ms < 50 ? ms : 50;
		w->now_ms += 50;
	}
}

static bool find(struct world *w, uint32_t ip)
{
	struct mac mac;
	bool found = neighbours_find(w->n, ip, w->now_ms, &mac);

	if (found)
		assert_true(mac_equal(&mac, &peer_mac));
	return found;
}

static void learn(struct world *w, uint32_t ip)
{
	neighbours_learn(w->n, ip, &peer_mac, false, w->now_ms);
}

// -- questions --

static void an_unknown_address_is_asked_for_until_it_answers(void **state)
{
	struct world w = world_create();

	assert_false(find(&w, PEER_IP));
	pass(&w, 0);
	assert_int_equal(w.asked, 1);
	assert_int_equal(w.last.ip, PEER_IP);
	assert_true(mac_is_broadcast(&w.last.mac));
	assert_false(find(&w, PEER_IP)); // does not ask again at once
	pass(&w, 0);
	assert_int_equal(w.asked, 1);
	pass(&w, 900);
	assert_int_equal(w.asked, 3); // after 250 and 500 ms more
	learn(&w, PEER_IP);
	assert_true(find(&w, PEER_IP));
	pass(&w, 5000);
	assert_int_equal(w.asked, 3);
	world_destroy(&w);
}

static void a_silent_address_is_forgotten(void **state)
{
	struct world w = world_create();

	find(&w, PEER_IP);
	pass(&w, 60000);
	assert_int_equal(w.asked, NEIGHBOUR_TRIES);
	assert_int_equal(neighbours_count(w.n), 0);
	assert_int_equal(neighbours_wait_ms(w.n, w.now_ms), UINT32_MAX);
	find(&w, PEER_IP);
	pass(&w, 0);
	assert_int_equal(w.asked, NEIGHBOUR_TRIES + 1); // and may be asked for again
	world_destroy(&w);
}

// -- kept frames --

static void frames_wait_for_the_answer_and_leave_in_order(void **state)
{
	int frames[NEIGHBOUR_KEPT + 1];
	struct world w = world_create();

	find(&w, PEER_IP);
	pass(&w, 0);
	for (int i = 0; i < NEIGHBOUR_KEPT; i++)
		assert_true(neighbours_keep(w.n, PEER_IP, &frames[i]));
	assert_false(neighbours_keep(w.n, PEER_IP, &frames[NEIGHBOUR_KEPT]));
	learn(&w, PEER_IP);
	for (int i = 0; i < NEIGHBOUR_KEPT; i++) {
		struct neighbour_step s;

		assert_true(neighbours_next(w.n, w.now_ms, &s));
		assert_int_equal(s.what, NEIGHBOUR_SEND);
		assert_ptr_equal(s.frame, &frames[i]);
		assert_true(mac_equal(&s.mac, &peer_mac));
	}
	pass(&w, 0);
	assert_int_equal(w.sent, 0);
	world_destroy(&w);
}

static void frames_for_a_silent_address_come_back(void **state)
{
	int frame;
	struct world w = world_create();

	find(&w, PEER_IP);
	assert_true(neighbours_keep(w.n, PEER_IP, &frame));
	pass(&w, 60000);
	assert_int_equal(w.lost, 1);
	assert_int_equal(w.sent, 0);
	assert_int_equal(neighbours_count(w.n), 0);
	world_destroy(&w);
}

static void nothing_is_kept_without_a_question(void **state)
{
	int frame;
	struct world w = world_create();

	assert_false(neighbours_keep(w.n, PEER_IP, &frame));
	neighbours_learn(w.n, PEER_IP, &peer_mac, true, w.now_ms);
	assert_false(neighbours_keep(w.n, PEER_IP, &frame));
	world_destroy(&w);
}

static void frames_are_kept_for_few_addresses(void **state)
{
	int frame;
	struct world w = world_create();
	uint32_t kept = 0;

	for (uint32_t i = 0; i < NEIGHBOURS_ASKING_MAX; i++) {
		find(&w, PEER_IP + i);
		for (int j = 0; j < NEIGHBOUR_KEPT; j++)
			kept += neighbours_keep(w.n, PEER_IP + i, &frame);
	}
	assert_int_equal(kept, NEIGHBOURS_KEPT_MAX);
	for (uint32_t i = 0; i < kept; i++)
		assert_non_null(neighbours_lose_all(w.n));
	assert_null(neighbours_lose_all(w.n));
	world_destroy(&w);
}

// -- what others say --

static void only_who_asked_for_us_is_added(void **state)
{
	struct world w = world_create();

	neighbours_learn(w.n, PEER_IP, &peer_mac, false, w.now_ms);
	assert_int_equal(neighbours_count(w.n), 0);
	neighbours_learn(w.n, PEER_IP, &peer_mac, true, w.now_ms);
	assert_int_equal(neighbours_count(w.n), 1);
	assert_true(find(&w, PEER_IP));
	pass(&w, 0);
	assert_int_equal(w.asked, 0);
	world_destroy(&w);
}

static void a_new_mac_counts_but_not_twice_a_second(void **state)
{
	const struct mac other = {{0x02, 9, 9, 9, 9, 9}};
	struct world w = world_create();
	struct mac mac;
	uint32_t version;

	neighbours_learn(w.n, PEER_IP, &peer_mac, true, w.now_ms);
	version = neighbours_version(w.n);
	neighbours_learn(w.n, PEER_IP, &other, false, w.now_ms);
	assert_int_equal(neighbours_version(w.n), version);
	assert_true(find(&w, PEER_IP));
	w.now_ms += NEIGHBOUR_LOCK_MS;
	neighbours_learn(w.n, PEER_IP, &other, false, w.now_ms);
	assert_int_not_equal(neighbours_version(w.n), version);
	assert_true(neighbours_find(w.n, PEER_IP, w.now_ms, &mac));
	assert_true(mac_equal(&mac, &other));
	world_destroy(&w);
}

// -- ageing --

static void one_in_use_is_asked_again_where_it_was(void **state)
{
	struct world w = world_create();

	neighbours_learn(w.n, PEER_IP, &peer_mac, true, w.now_ms);
	for (int i = 0; i < 8; i++) {
		pass(&w, 5000);
		assert_true(find(&w, PEER_IP)); // known all the time
		if (w.asked > 0)
			learn(&w, PEER_IP);
	}
	assert_int_equal(w.asked, 1);
	assert_true(mac_equal(&w.last.mac, &peer_mac));
	world_destroy(&w);
}

static void one_that_went_away_is_noticed(void **state)
{
	struct world w = world_create();
	uint32_t version;

	neighbours_learn(w.n, PEER_IP, &peer_mac, true, w.now_ms);
	version = neighbours_version(w.n);
	for (int i = 0; i < 7; i++) {
		assert_true(find(&w, PEER_IP));
		pass(&w, 5000);
	}
	assert_int_equal(w.asked, NEIGHBOUR_TRIES);
	assert_int_not_equal(neighbours_version(w.n), version);
	assert_int_equal(neighbours_count(w.n), 0);
	world_destroy(&w);
}

static void one_that_nobody_talks_to_is_not_asked(void **state)
{
	struct world w = world_create();

	neighbours_learn(w.n, PEER_IP, &peer_mac, true, w.now_ms);
	pass(&w, NEIGHBOUR_IDLE_MS - 1000);
	assert_int_equal(neighbours_count(w.n), 1);
	pass(&w, 2000);
	assert_int_equal(neighbours_count(w.n), 0);
	assert_int_equal(w.asked, 0);
	world_destroy(&w);
}

// -- strangers --

static void questions_are_bounded(void **state)
{
	struct world w = world_create();

	for (uint32_t i = 0; i < 4 * NEIGHBOURS_ASKING_MAX; i++)
		assert_false(find(&w, PEER_IP + i));
	pass(&w, 0);
	assert_true(w.asked <= NEIGHBOURS_ASKING_MAX);
	assert_int_equal(neighbours_count(w.n), w.asked);
	world_destroy(&w);
}

static void a_flood_of_claims_cannot_push_out_who_is_in_use(void **state)
{
	struct world w = world_create();

	neighbours_learn(w.n, PEER_IP, &peer_mac, true, w.now_ms);
	for (uint32_t i = 1; i < 10 * NEIGHBOURS_MAX; i++) {
		neighbours_learn(w.n, PEER_IP + i, &peer_mac, true, w.now_ms);
		find(&w, FAR_IP + i);
	}
	assert_true(neighbours_count(w.n) <= NEIGHBOURS_MAX);
	assert_true(find(&w, PEER_IP));
	world_destroy(&w);
}

static void an_idle_one_makes_room(void **state)
{
	struct world w = world_create();

	for (uint32_t i = 0; i < 10 * NEIGHBOURS_MAX; i++)
		neighbours_learn(w.n, PEER_IP + i, &peer_mac, true, w.now_ms);
	assert_int_equal(neighbours_count(w.n), NEIGHBOURS_MAX);
	find(&w, FAR_IP);
	pass(&w, 0);
	assert_int_equal(w.asked, 0);
	w.now_ms += 10000;
	find(&w, FAR_IP);
	pass(&w, 0);
	assert_int_equal(w.asked, 1);
	assert_int_equal(neighbours_count(w.n), NEIGHBOURS_MAX);
	world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_address_is_asked_for_until_it_answers),
		cmocka_unit_test(a_silent_address_is_forgotten),
		cmocka_unit_test(frames_wait_for_the_answer_and_leave_in_order),
		cmocka_unit_test(frames_for_a_silent_address_come_back),
		cmocka_unit_test(nothing_is_kept_without_a_question),
		cmocka_unit_test(frames_are_kept_for_few_addresses),
		cmocka_unit_test(only_who_asked_for_us_is_added),
		cmocka_unit_test(a_new_mac_counts_but_not_twice_a_second),
		cmocka_unit_test(one_in_use_is_asked_again_where_it_was),
		cmocka_unit_test(one_that_went_away_is_noticed),
		cmocka_unit_test(one_that_nobody_talks_to_is_not_asked),
		cmocka_unit_test(questions_are_bounded),
		cmocka_unit_test(a_flood_of_claims_cannot_push_out_who_is_in_use),
		cmocka_unit_test(an_idle_one_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
