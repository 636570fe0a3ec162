#include "dataplane/core/push_room.h"
#include "dataplane/core/uplink.h"
#include "tests/support/test.h"

// 100 fragments of 1000 octets a second are 12 500 bytes a second for each slot.
static const struct push_room_look half_a_second = {
	.period_ms = 500, .octets = 1000, .n_fragments = 50};

static void without_a_budget_there_is_room_for_all(void **state)
{
	struct push_room r;
	struct push_room_look l = half_a_second;

	push_room_init(&r);
	assert_int_equal(r.slots, PUSH_ROOM_ALL);
	l.is_late = true;
	push_room_look(&r, &l);
	assert_int_equal(r.slots, PUSH_ROOM_ALL);
}

static void a_budget_is_good_for_so_many_slots(void **state)
{
	static const struct {
		const char *what;
		uint64_t budget_bytes, other_bytes;
		uint32_t n_fragments, slots;
	} rows[] = {
		{"a tenth is left to pulls", 62500, 0, 50, 9},
		{"what else is sent is not there", 62500, 31250, 50, 4},
		{"and may be all there is", 62500, 62500, 50, 0},
		{"less than one is none", 6250, 0, 50, 0},
		{"nothing comes: nothing is known", 62500, 0, 0, PUSH_ROOM_ALL},
		{"more than can be counted", UINT64_MAX / 2000, 0, 1, PUSH_ROOM_ALL},
	};

	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct push_room_look l = half_a_second;
		struct push_room r;

		push_room_init(&r);
		l.budget_bytes = l.bytes = rows[i].budget_bytes;
		l.other_bytes = rows[i].other_bytes;
		l.n_fragments = rows[i].n_fragments;
		push_room_look(&r, &l);
		if (r.slots != rows[i].slots)
			fail_msg("%s: %u", rows[i].what, r.slots);
	}
}

// What is late a while after a change is too much promised; what is left over is too little.
static void the_part_that_is_left_is_learnt(void **state)
{
	struct push_room_look l = half_a_second;
	struct push_room r;
	uint16_t first;

	push_room_init(&r);
	first = r.left_permille;
	l.budget_bytes = l.bytes = 1000000;
	l.n_granted = 1;
	l.is_late = true;
	push_room_look(&r, &l);
	assert_true(r.left_permille > first);
	first = r.left_permille;
	push_room_look(&r, &l); // was promised before
	push_room_look(&r, &l);
	assert_int_equal(r.left_permille, first);
	for (int i = 0; i < 100; i++)
		push_room_look(&r, &l);
	assert_in_range(r.left_permille, 200, 220);
	l.is_late = false;
	push_room_look(&r, &l); // all of it is used: nothing to give
	assert_in_range(r.left_permille, 200, 220);
	l.bytes = 900000;
	for (int i = 0; i < 100; i++)
		push_room_look(&r, &l);
	assert_true(r.left_permille < 5);
}

// Pushes go before pulls, so where too much is promised it is pulls that wait.
static void pulls_that_wait_have_a_part_of_it(void **state)
{
	struct push_room_look l = half_a_second;
	struct push_room r;
	uint16_t before;

	push_room_init(&r);
	l.budget_bytes = 1000000;
	l.bytes = 900000; // and they wait all the same
	l.n_pulled = 10;
	l.n_waiting = 40;
	for (int i = 0; i < 5; i++) {
		before = r.left_permille;
		push_room_look(&r, &l);
		assert_true(r.left_permille > before);
	}
	for (int i = 0; i < 20; i++)
		push_room_look(&r, &l);
	assert_in_range(r.left_permille, 200, 220);
	l.n_waiting = 20; // a second's worth
	push_room_look(&r, &l);
	assert_true(r.left_permille < 200);
}

// What is left over is promised within a second or two; where nothing comes, nothing is learnt.
static void what_is_left_over_is_promised_soon(void **state)
{
	struct push_room_look l = half_a_second;
	struct push_room r;

	push_room_init(&r);
	l.budget_bytes = 1000000;
	l.n_fragments = 0;
	for (int i = 0; i < 20; i++)
		push_room_look(&r, &l);
	assert_int_equal(r.left_permille, 100);
	l.n_fragments = 50;
	l.bytes = 900000;
	push_room_look(&r, &l);
	assert_in_range(r.left_permille, 65, 75);
	push_room_look(&r, &l);
	push_room_look(&r, &l);
	push_room_look(&r, &l);
	assert_int_equal(r.left_permille, 0);
}

// Slots that are granted and slots there is room for go up and down by a few, which is no change
// that lateness could come from.
static void rounding_is_no_change(void **state)
{
	struct push_room_look l = half_a_second;
	struct push_room r;
	uint16_t before;

	push_room_init(&r);
	l.budget_bytes = l.bytes = 1000000; // good for 144 slots
	l.is_late = true;
	push_room_look(&r, &l);
	before = r.left_permille;
	for (int i = 0; i < 4; i++) {
		l.n_granted = r.slots + 2;
		push_room_look(&r, &l);
	}
	assert_true(r.left_permille > before);
	before = r.left_permille;
	for (int i = 0; i < 4; i++) {
		l.n_granted = r.slots + r.slots / 8;
		push_room_look(&r, &l);
	}
	assert_int_equal(r.left_permille, before);
}

static void an_uplink_is_what_was_sent_while_it_was_full(void **state)
{
	struct uplink_look l = {.period_ms = 500, .bytes = 40000};
	struct uplink u = {0};
	uint64_t first;

	for (int i = 0; i < 10; i++)
		uplink_look(&u, &l);
	assert_int_equal(u.bytes_per_s, 0); // nothing is slow: nothing is known
	l.is_slow = true;
	uplink_look(&u, &l);
	first = u.bytes_per_s;
	assert_int_equal(first, 70000); // 80000 less an eighth
	l.bytes = 60000;
	uplink_look(&u, &l); // its queue drains
	assert_int_equal(u.bytes_per_s, first);
	for (int i = 0; i < 4; i++)
		uplink_look(&u, &l);
	assert_int_equal(u.bytes_per_s, first - first / 8);
	first = u.bytes_per_s;
	l.bytes = 0; // dark: that says nothing
	for (int i = 0; i < 100; i++)
		uplink_look(&u, &l);
	assert_int_equal(u.bytes_per_s, first);
	for (int i = 0; i < 200; i++) {
		l.bytes = u.bytes_per_s / 2;
		uplink_look(&u, &l);
	}
	assert_int_equal(u.bytes_per_s, UPLINK_MIN);
}

static void an_uplink_that_is_used_up_and_not_slow_is_more(void **state)
{
	struct uplink_look l = {.period_ms = 500, .bytes = 20000};
	struct uplink u = {.bytes_per_s = 70000};

	for (int i = 0; i < 10; i++)
		uplink_look(&u, &l);
	assert_int_equal(u.bytes_per_s, 70000); // who knows
	l.bytes = 35000;
	for (int i = 0; i < 3; i++)
		uplink_look(&u, &l);
	assert_in_range(u.bytes_per_s, 71000, 80000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_budget_there_is_room_for_all),
		cmocka_unit_test(a_budget_is_good_for_so_many_slots),
		cmocka_unit_test(the_part_that_is_left_is_learnt),
		cmocka_unit_test(pulls_that_wait_have_a_part_of_it),
		cmocka_unit_test(what_is_left_over_is_promised_soon),
		cmocka_unit_test(rounding_is_no_change),
		cmocka_unit_test(an_uplink_is_what_was_sent_while_it_was_full),
		cmocka_unit_test(an_uplink_that_is_used_up_and_not_slow_is_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
