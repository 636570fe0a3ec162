#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/group/events.h"

static struct group_event event(enum group_event_kind kind, void *group, void *play)
{
	return (struct group_event){.kind = kind, .group = group, .play = play};
}

static void they_come_in_order(void **state)
{
	struct event_queue q = {0};
	struct group_event e;

	assert_false(event_pop(&q, &e));
	for (int i = 1; i <= 3; i++) {
		e = event((enum group_event_kind)i, NULL, NULL);
		event_push(&q, &e);
	}
	for (int i = 1; i <= 3; i++) {
		assert_true(event_pop(&q, &e));
		assert_int_equal(e.kind, i);
	}
	assert_false(event_pop(&q, &e));
}

static void what_is_about_something_freed_is_forgotten(void **state)
{
	struct event_queue q = {0};
	struct group_event e;
	int group, play;

	e = event(GROUP_NEIGHBOUR_CONNECT, &group, NULL);
	event_push(&q, &e);
	e = event(GROUP_PLAY_END, &group, &play);
	event_push(&q, &e);
	e = event(GROUP_STREAM_PUBLISHED, &group, NULL);
	event_push(&q, &e);
	event_forget(&q, &play);
	assert_int_equal(q.n, 2);
	event_forget(&q, &group);
	assert_false(event_pop(&q, &e));
}

static void when_nobody_asks_the_youngest_are_lost(void **state)
{
	struct event_queue q = {0};
	struct group_event e;

	for (uint32_t i = 0; i < EVENTS_MAX + 3; i++) {
		e = event(GROUP_NEIGHBOUR_CONNECT, NULL, NULL);
		e.number = i;
		event_push(&q, &e);
	}
	assert_int_equal(q.n, EVENTS_MAX);
	assert_int_equal(q.n_lost, 3);
	assert_true(event_pop(&q, &e));
	assert_int_equal(e.number, 0);
	event_queue_clear(&q);
	assert_int_equal(q.n, 0);
}

static void octets_live_until_the_next_event_is_asked_for(void **state)
{
	struct event_queue q = {0};
	struct octets *octets = octets_copy(span_of("abc", 3));
	struct group_event e;
	int group;

	e = event(GROUP_POSTING, &group, NULL);
	event_push_octets(&q, &e, octets);
	event_push_octets(&q, &e, octets);
	assert_int_equal(octets->n_holders, 3);
	assert_int_equal(q.n_bytes, 6);
	assert_true(event_pop(&q, &e));
	assert_memory_equal(e.message.body.data, "abc", 3);
	assert_int_equal(octets->n_holders, 3);
	assert_true(event_pop(&q, &e));
	assert_int_equal(octets->n_holders, 2);
	assert_false(event_pop(&q, &e));
	assert_int_equal(octets->n_holders, 1);
	e = event(GROUP_POSTING, &group, NULL);
	event_push_octets(&q, &e, octets);
	event_push_octets(&q, &e, octets);
	event_forget(&q, &q); // all are about something else
	assert_int_equal(q.n, 2);
	assert_int_equal(octets->n_holders, 3);
	event_forget(&q, &group);
	assert_int_equal(octets->n_holders, 1);
	event_push_octets(&q, &e, octets);
	event_queue_clear(&q);
	assert_int_equal(octets->n_holders, 1);
	assert_int_equal(q.n_bytes, 0);
	octets_drop(octets);
}

static void octets_that_nobody_takes_have_a_limit(void **state)
{
	static uint8_t text[1 << 20];
	struct event_queue q = {0};
	struct octets *octets = octets_copy(span_of(text, sizeof(text)));
	struct group_event e = event(GROUP_POSTING, &q, NULL);

	for (int i = 0; i < 20; i++)
		event_push_octets(&q, &e, octets);
	assert_int_equal(q.n, EVENTS_BYTES_MAX / sizeof(text));
	assert_int_equal(q.n_lost, 20 - q.n);
	event_push(&q, &e); // without octets there is room
	assert_int_equal(q.n, EVENTS_BYTES_MAX / sizeof(text) + 1);
	event_queue_clear(&q);
	octets_drop(octets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_come_in_order),
		cmocka_unit_test(what_is_about_something_freed_is_forgotten),
		cmocka_unit_test(when_nobody_asks_the_youngest_are_lost),
		cmocka_unit_test(octets_live_until_the_next_event_is_asked_for),
		cmocka_unit_test(octets_that_nobody_takes_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
