// What workers of one machine ask their neighbours for, between them (push.c, pull.c).
#include "tests/unit/core/relay_machine.h"

#define RING 256

// So many workers, each with a neighbour of the stream, session 0, that has shown nothing yet.
static void open_linked(struct machine *m, uint32_t n)
{
	machine_open(m, n, RING, 0);
	stream_everywhere(m);
	for (uint32_t i = 0; i < n; i++)
		world_link(m->w[i], 0, WORLD_STREAM, 0);
	take_all(m);
}

// A worker's neighbour pushes [first, last], 10 ms each.
static void pushes(struct machine *m, uint32_t worker, uint64_t first, uint64_t last)
{
	for (uint64_t no = first; no <= last; no++) {
		world_receive(m->w[worker], 0, WORLD_STREAM, no, 900);
		machine_run_ms(m, 10);
	}
}

static uint8_t mask_to(const struct machine *m, uint32_t worker)
{
	return world_mask_to(m->w[worker], 0);
}

static void the_home_asks_first(void **state)
{
	struct machine m;

	open_linked(&m, 3);
	assert_int_equal(mask_to(&m, 0), 0xff);
	pushes(&m, 0, 1, 100);
	for (uint32_t i = 1; i < 3; i++) {
		world_map(m.w[i], 0, 1, 100);
		assert_int_equal(mask_to(&m, i), 0); // it comes from the home
	}
	machine_close(&m);
}

static void others_ask_where_nothing_comes(void **state)
{
	struct machine m;

	open_linked(&m, 3);
	world_map(m.w[1], 0, 1, 10);
	assert_int_equal(mask_to(&m, 1), 0); // the home's second is not over
	machine_run_ms(&m, PUSH_PATIENCE_MS + 10);
	world_map(m.w[1], 0, 1, 11);
	assert_int_equal(mask_to(&m, 1), 0xff);
	pushes(&m, 1, 11, 20);
	world_map(m.w[2], 0, 1, 20);
	assert_int_equal(mask_to(&m, 2), 0);
	assert_int_equal(mask_to(&m, 0), 0xff); // it may still come
	machine_close(&m);
}

// Ordinary members test slots in turn; so do a limited super-peer's workers, where nothing comes.
static void others_test_only_where_nothing_comes(void **state)
{
	struct machine m;

	machine_open(&m, 2, RING, 0);
	for (uint32_t i = 0; i < 2; i++) {
		world_stream(m.w[i], WORLD_STREAM, i == 0 ? STREAM_HOME : 0);
		world_link(m.w[i], 0, WORLD_STREAM, 0);
	}
	take_all(&m);
	for (uint64_t no = 1; no <= 300; no++) {
		world_publish(m.w[0], WORLD_STREAM, no, 900);
		if (no % 10 == 0)
			world_map(m.w[1], 0, 1, no);
		machine_run_ms(&m, 10);
	}
	assert_int_equal(mask_to(&m, 1), 0);
	world_publish(m.w[1], WORLD_STREAM, 340, 900); // it goes on, but not by pushes
	for (int i = 0; i < 9; i++) {
		machine_run_ms(&m, PUSH_TEST_MS);
		world_map(m.w[1], 0, 1, 340);
	}
	assert_int_equal(mask_to(&m, 1), 0xff);
	machine_close(&m);
}

static void a_pusher_elsewhere_that_falls_silent_is_replaced(void **state)
{
	struct machine m;

	open_linked(&m, 2);
	pushes(&m, 0, 1, 40);
	// The stream goes on by pulls.
	machine_run_ms(&m, PUSH_PATIENCE_MS + 10);
	world_publish(m.w[1], WORLD_STREAM, 80, 900);
	world_map(m.w[1], 0, 1, 79);
	assert_int_equal(mask_to(&m, 1), 0xff);
	machine_close(&m);
}

// Both were asked. `first` has each fragment a moment before the other.
static void both_push(struct machine *m, uint32_t first, uint32_t second, uint64_t n)
{
	for (uint64_t no = 1; no <= n; no++) {
		world_receive(m->w[first], 0, WORLD_STREAM, no, 900);
		take_all(m);
		world_receive(m->w[second], 0, WORLD_STREAM, no, 900);
		take_all(m);
	}
}

static void open_both_asked(struct machine *m)
{
	open_linked(m, 3);
	machine_run_ms(m, PUSH_PATIENCE_MS + 10);
	for (uint32_t i = 1; i < 3; i++) {
		world_map(m->w[i], 0, 1, 10);
		assert_int_equal(mask_to(m, i), 0xff);
	}
}

static void of_two_the_one_before_the_other_goes_on(void **state)
{
	struct machine m;

	open_both_asked(&m);
	both_push(&m, 1, 2, PUSH_SLOTS);
	assert_int_equal(mask_to(&m, 1), 0xff);
	assert_int_equal(mask_to(&m, 2), 0);
	both_push(&m, 0, 1, PUSH_SLOTS); // numbers that they have say nothing
	assert_int_equal(mask_to(&m, 1), 0xff);
	for (uint64_t no = 20; no < 20 + PUSH_SLOTS; no++) { // and the home goes before all
		world_receive(m.w[0], 0, WORLD_STREAM, no, 900);
		take_all(&m);
	}
	assert_int_equal(mask_to(&m, 0), 0xff);
	assert_int_equal(mask_to(&m, 1), 0);
	machine_close(&m);
}

static void who_is_never_the_first_lets_go(void **state)
{
	struct machine m;

	open_both_asked(&m);
	both_push(&m, 2, 1, PUSH_BEATEN_MAX * PUSH_SLOTS - 1);
	assert_int_equal(mask_to(&m, 1), 1u << ((PUSH_BEATEN_MAX * PUSH_SLOTS) % PUSH_SLOTS));
	assert_int_equal(mask_to(&m, 2), 0xff);
	machine_close(&m);
}

static void who_is_the_first_now_and_then_stays(void **state)
{
	struct machine m;

	open_both_asked(&m);
	for (uint64_t round = 0; round < 10; round++)
		for (uint64_t no = 1; no <= PUSH_SLOTS; no++) {
			uint64_t at = round * PUSH_SLOTS + no;

			// Worker 2 hears of it too late to let go: its ring is not looked at.
			world_receive(m.w[round % 3 == 2 ? 1 : 2], 0, WORLD_STREAM, at, 900);
			take(&m, 1);
			world_receive(m.w[1], 0, WORLD_STREAM, at, 900);
		}
	assert_int_equal(mask_to(&m, 1), 0xff);
	machine_close(&m);
}

static void an_old_number_is_no_push(void **state)
{
	struct machine m;

	open_both_asked(&m);
	pushes(&m, 2, 1, 7);
	pushes(&m, 2, 9, 40);
	world_receive(m.w[0], 0, WORLD_STREAM, 8, 900); // late, and sent again
	take_all(&m);
	assert_int_equal(mask_to(&m, 2), 0xff);
	machine_close(&m);
}

// ---- maps ----

static void a_newcomer_is_shown_what_other_workers_hold(void **state)
{
	struct fragments_map map;
	const struct world_message *shown;
	struct machine m;

	machine_open(&m, 3, RING, 0);
	stream_everywhere(&m);
	for (uint64_t no = 1; no <= 200; no++)
		world_publish(m.w[no % 2], WORLD_STREAM, no, 900);
	world_link(m.w[2], 0, WORLD_STREAM, 0);
	for (int i = 0; i < 8; i++)
		take_all(&m);
	assert_int_equal(world_n_messages_to(m.w[2], 0, STREAM_FRAGMENTS_MAP), 1); // all of it
	shown = world_message_to(m.w[2], 0, STREAM_FRAGMENTS_MAP);
	assert_int_equal(fragments_map_read(&map, span_of(shown->octets, shown->len)), 0);
	assert_int_equal(map.last, 200);
	for (uint64_t no = 1; no < map.last; no++)
		assert_true(fragments_map_has(&map, no));
	machine_close(&m);
}

// ---- holes ----

static bool was_pulled(const struct machine *m, uint32_t worker, uint64_t no)
{
	const struct world *w = m->w[worker];

	for (uint32_t i = 0; i < w->n_messages; i++) {
		uint64_t asked;

		if (pull_read(&asked, span_of(w->messages[i].octets, w->messages[i].len)) == 0 &&
		    asked == no)
			return true;
	}
	return false;
}

static void a_hole_is_one_workers_to_ask_for(void **state)
{
	static const uint32_t sizes[] = {2, 3, 4, 16};

	for (uint32_t s = 0; s < ARRAY_LEN(sizes); s++) {
		uint32_t n = sizes[s], n_asked = 0;
		struct machine m;

		open_linked(&m, n);
		world_receive(m.w[0], 0, WORLD_STREAM, 1, 900);
		world_receive(m.w[0], 0, WORLD_STREAM, 100, 900);
		take_all(&m);
		for (uint32_t i = 0; i < n; i++)
			world_map(m.w[i], 0, 1, 100);
		machine_run_ms(&m, 2500 + 300);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t mine = world_n_messages_to(m.w[i], 0, STREAM_PULL);

			assert_in_range(mine, 98 / n / 2, 98 / n * 2);
			n_asked += mine;
		}
		assert_int_equal(n_asked, 98);
		machine_close(&m);
	}
}

// Of three workers one has nobody to ask, and one's neighbour has begun late: nobody waits for
// them.
static void who_cannot_ask_is_not_waited_for(void **state)
{
	struct machine m;

	open_linked(&m, 3);
	pushes(&m, 0, 50, 60);
	world_map(m.w[0], 0, 1, 60);
	world_map(m.w[1], 0, 25, 60);
	machine_run_ms(&m, 2500 + 300);
	for (uint64_t no = 1; no < 25; no++)
		assert_true(was_pulled(&m, 0, no));
	for (uint64_t no = 25; no < 50; no++)
		assert_int_equal(was_pulled(&m, 0, no) + was_pulled(&m, 1, no), 1);
	machine_close(&m);
}

// It has offered to ask, and loses its neighbour.
static void who_does_not_ask_costs_a_fetch_period(void **state)
{
	struct machine m;

	open_linked(&m, 2);
	pushes(&m, 0, 50, 60);
	world_map(m.w[0], 0, 1, 60);
	world_map(m.w[1], 0, 1, 60);
	machine_run_ms(&m, 2300);
	world_unlink(m.w[1], 0, WORLD_STREAM);
	machine_run_ms(&m, 200 + 300);
	assert_in_range(world_n_messages_to(m.w[0], 0, STREAM_PULL), 20, 30);
	machine_run_ms(&m, 2500 + 300);
	for (uint64_t no = 1; no < 50; no++)
		assert_true(was_pulled(&m, 0, no));
	machine_close(&m);
}

static void what_another_worker_lends_is_not_asked_for(void **state)
{
	struct machine m;

	open_linked(&m, 2);
	world_publish(m.w[0], WORLD_STREAM, 1, 900);
	world_publish(m.w[0], WORLD_STREAM, 100, 900);
	take_all(&m);
	world_map(m.w[1], 0, 1, 100);
	machine_run_ms(&m, 2400);
	for (uint64_t no = 2; no < 100; no++) {
		world_publish(m.w[0], WORLD_STREAM, no, 900);
		take_all(&m);
	}
	machine_run_ms(&m, 6000);
	assert_int_equal(world_n_messages_to(m.w[1], 0, STREAM_PULL), 0);
	assert_int_equal(stream_of(&m, 1)->n_asked, 0);
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_home_asks_first),
		cmocka_unit_test(others_ask_where_nothing_comes),
		cmocka_unit_test(others_test_only_where_nothing_comes),
		cmocka_unit_test(a_pusher_elsewhere_that_falls_silent_is_replaced),
		cmocka_unit_test(of_two_the_one_before_the_other_goes_on),
		cmocka_unit_test(who_is_never_the_first_lets_go),
		cmocka_unit_test(who_is_the_first_now_and_then_stays),
		cmocka_unit_test(an_old_number_is_no_push),
		cmocka_unit_test(a_newcomer_is_shown_what_other_workers_hold),
		cmocka_unit_test(a_hole_is_one_workers_to_ask_for),
		cmocka_unit_test(who_cannot_ask_is_not_waited_for),
		cmocka_unit_test(who_does_not_ask_costs_a_fetch_period),
		cmocka_unit_test(what_another_worker_lends_is_not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
