#include "tests/unit/core/relay_world.h"

static uint64_t next_fragment(struct world *w)
{
	struct report r;

	if (!world_report(w, REP_STREAM_FRAGMENT, &r))
		return 0;
	assert_int_equal(r.stream.stream, WORLD_STREAM);
	return r.stream.number;
}

static void fragments_are_told_in_order_of_arrival(void **state)
{
	static const uint64_t order[] = {5, 7, 6, 3};
	struct world *w = world_create(NULL);
	uint8_t octets[1300];
	struct report r;

	world_stream(w, WORLD_STREAM, STREAM_TAP);
	world_link(w, 0, WORLD_STREAM, 0);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		world_receive(w, 0, WORLD_STREAM, order[i], 500);
		world_receive(w, 0, WORLD_STREAM, order[i], 500); // the second time is none
	}
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		assert_true(world_report(w, REP_STREAM_FRAGMENT, &r));
		assert_int_equal(r.stream.number, order[i]);
		assert_int_equal(r.len, world_fragment(octets, order[i], 500));
		assert_memory_equal(r.body->data, octets, r.len);
	}
	assert_int_equal(next_fragment(w), 0);
	world_destroy(w);
}

static void without_a_tap_nobody_is_told(void **state)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, 0);
	world_publish(w, WORLD_STREAM, 1, 500);
	world_run_ms(w, 12000);
	assert_int_equal(mailbox_n(w->e.opts.reports), 0);
	world_destroy(w);
}

// A quarter of the ring is left to others; what did not fit comes as soon as there is room.
static void a_full_ring_delays_and_loses_nothing(void **state)
{
	struct world *w = world_create(&(struct world_opts){.ring_slots = 16});
	uint64_t no;

	world_stream(w, WORLD_STREAM, STREAM_TAP);
	for (no = 1; no <= 100; no++)
		world_publish(w, WORLD_STREAM, no, 500);
	assert_int_equal(mailbox_n(w->e.opts.reports), 12);
	assert_int_equal(w->e.relay->n_tap_full, 1);
	assert_true(relay_deadline_us(&w->e) <= w->e.now_us + 1000);
	for (no = 1; no <= 100; no++) {
		assert_int_equal(next_fragment(w), no);
		relay_timers(&w->e, w->e.now_us); // any turn will do
	}
	assert_int_equal(next_fragment(w), 0);
	assert_int_equal(w->e.relay->n_tap_full, 0);
	world_destroy(w);
}

static void so_does_an_empty_pool(void **state)
{
	struct world *w = world_create(&(struct world_opts){.body_bytes = 40000});
	struct report r[100];
	uint32_t n = 0;

	world_stream(w, WORLD_STREAM, STREAM_TAP);
	world_link(w, 0, WORLD_STREAM, 0);
	for (uint64_t no = 1; no <= 60; no++)
		world_receive(w, 0, WORLD_STREAM, no, 900);
	while (mailbox_pop(w->e.opts.reports, &r[n])) // control keeps the bodies for a while
		n++;
	assert_in_range(n, 5, 50);
	relay_timers(&w->e, w->e.now_us);
	assert_int_equal(mailbox_n(w->e.opts.reports), 0);
	for (uint32_t i = 0; i < n; i++)
		body_put(r[i].body);
	for (uint64_t no = n + 1; no <= 60; no++) {
		relay_timers(&w->e, w->e.now_us);
		assert_int_equal(next_fragment(w), no);
	}
	world_destroy(w);
}

static void what_will_not_come_is_told_after_what_came(void **state)
{
	struct world *w = world_create(NULL);
	struct report r;

	world_stream(w, WORLD_STREAM, STREAM_TAP);
	world_link(w, 0, WORLD_STREAM, 0);
	world_receive(w, 0, WORLD_STREAM, 100000, 500); // what was before it is no news
	world_receive(w, 0, WORLD_STREAM, 100002, 500);
	world_run_ms(w, 9000);
	assert_int_equal(next_fragment(w), 100000);
	assert_int_equal(next_fragment(w), 100002);
	assert_int_equal(mailbox_n(w->e.opts.reports), 0);
	world_run_ms(w, 2000);
	assert_true(mailbox_pop(w->e.opts.reports, &r));
	assert_int_equal(r.op, REP_STREAM_GONE);
	assert_int_equal(r.stream.number, 100003);
	world_run_ms(w, 2000);
	assert_int_equal(mailbox_n(w->e.opts.reports), 0); // once
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_are_told_in_order_of_arrival),
		cmocka_unit_test(without_a_tap_nobody_is_told),
		cmocka_unit_test(a_full_ring_delays_and_loses_nothing),
		cmocka_unit_test(so_does_an_empty_pool),
		cmocka_unit_test(what_will_not_come_is_told_after_what_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
