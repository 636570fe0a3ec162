#include "tests/unit/core/relay_world.h"

static void streams_are_bounded_by_their_table(void **state)
{
	struct world *w = world_create(&(struct world_opts){.streams_max = 2});

	assert_non_null(world_stream(w, 0, 0));
	assert_non_null(world_stream(w, 1, 0));
	assert_null(world_stream(w, 2, 0));
	assert_int_equal(w->e.stats.drops[DROP_STREAM_TABLE], 1);
	world_stream(w, 1, 0); // a second time
	assert_int_equal(w->e.stats.drops[DROP_STALE_COMMAND], 1);
	world_destroy(w);
}

// MC-25: a program's own values reach a stream that is there already.
static void a_stream_is_tuned_while_it_flows(void **state)
{
	struct world *w = world_create(NULL);
	struct stream *s = world_stream(w, 0, STREAM_HOME | STREAM_SEND_TO_ALL);
	struct stream_seed seed = {.window_ms = 700,
				   .margin_ms = 300,
				   .update_ms = 20,
				   .fetch_ms = 80,
				   .push_limit = 2};
	struct command c = {.op = CMD_STREAM_TUNE, .stream.stream = 0};

	c.body = body_get(w->e.bodies, sizeof(seed));
	memcpy(c.body->data, &seed, sizeof(seed));
	c.len = sizeof(seed);
	relay_command(&w->e, &c);
	assert_int_equal(s->window_ms, 700);
	assert_int_equal(s->window.shorter_ms, 1000); // when what was told of has left (E-13)
	assert_int_equal(s->update_ms, 20);
	assert_int_equal(s->fetch_ms, 80);
	assert_int_equal(s->push_limit, 2);
	assert_int_equal(s->flags, STREAM_HOME);
	c.len = sizeof(seed) - 1;
	relay_command(&w->e, &c);
	c.stream.stream = 1;
	relay_command(&w->e, &c);
	assert_int_equal(w->e.stats.drops[DROP_STALE_COMMAND], 2);
	body_put(c.body);
	world_destroy(w);
}

static void links_are_bounded_by_their_table(void **state)
{
	struct world *w = world_create(&(struct world_opts){.links_max = 3});
	struct report r;

	world_stream(w, 0, 0);
	world_stream(w, 1, 0);
	assert_non_null(world_link(w, 0, 0, 0));
	assert_non_null(world_link(w, 0, 1, 0));
	assert_non_null(world_link(w, 1, 0, 0));
	assert_null(world_link(w, 2, 0, 0));
	assert_int_equal(w->e.stats.drops[DROP_STREAM_TABLE], 1);
	assert_true(world_report(w, REP_FLOW_FREED, &r)); // its slot is control's again
	assert_int_equal(r.session_id, 1002);
	assert_int_equal(r.flow, 3);
	world_unlink(w, 0, 0);
	assert_non_null(world_link(w, 2, 0, 0));
	world_destroy(w);
}

static void a_link_is_one_per_neighbour_and_stream(void **state)
{
	struct world *w = world_create(NULL);

	world_stream(w, 0, 0);
	assert_null(world_link(w, 0, 3, 0)); // no such stream
	assert_non_null(world_link(w, 0, 0, 0));
	world_link(w, 0, 0, 0);
	assert_int_equal(stream_at(&w->e, 0)->n_links, 1);
	world_unlink(w, 5, 0);
	assert_int_equal(w->e.stats.drops[DROP_STALE_COMMAND], 2);
	world_destroy(w);
}

// A report may tell later that the neighbour is a super-peer; the slot of our GR-12 stays its own.
static void a_link_that_is_said_again_is_brought_up_to_date(void **state)
{
	struct world *w = world_create(NULL);
	struct report r;
	struct link *l;

	world_stream(w, WORLD_STREAM, STREAM_HOME);
	l = world_link(w, 7, WORLD_STREAM, 0);
	assert_int_equal(world_mask_to(w, 7), 0);
	assert_ptr_equal(world_link(w, 7, WORLD_STREAM, LINK_IS_SUPER), l);
	assert_int_equal(world_mask_to(w, 7), 0xff);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n_supers, 1);
	world_link(w, 7, WORLD_STREAM, LINK_IS_SUPER); // no news
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n_supers, 1);
	assert_false(world_report(w, REP_FLOW_FREED, &r));
	assert_int_equal(w->e.stats.drops[DROP_STALE_COMMAND], 0);
	world_destroy(w);
}

static void links_stand_in_order_of_connection(void **state)
{
	static const uint32_t order[] = {5, 2, 9, 7};
	struct world *w = world_create(NULL);
	struct stream *s = world_stream(w, 0, 0);
	uint32_t idx, i = 0;

	for (i = 0; i < 4; i++)
		world_link(w, order[i], 0, 0);
	world_unlink(w, 2, 0);
	i = 0;
	for (idx = s->link_first; idx != LINK_NONE; idx = link_at(&w->e, idx)->next) {
		i += i == 1; // 2 is gone
		assert_int_equal(link_at(&w->e, idx)->session_idx, order[i++]);
	}
	assert_int_equal(i, 4);
	world_destroy(w);
}

// Memory is walked forward, whoever came when (fastpath.md 1).
static void subscribers_stand_in_slot_order(void **state)
{
	struct world *w = world_create(NULL);
	struct stream *s = world_stream(w, WORLD_STREAM, STREAM_PUSH_ALL);

	for (uint32_t i = 0; i < 50; i++) {
		world_link(w, i * 7 % 50, WORLD_STREAM, 0);
		world_mask(w, i * 7 % 50, 1 + (uint8_t)i);
	}
	for (uint32_t i = 0; i < 50; i += 3)
		world_mask(w, i, 0);
	assert_int_equal(s->n_subs, 50 - 17);
	for (uint32_t i = 1; i < s->n_subs; i++)
		assert_true(s->subs[i - 1].session_idx < s->subs[i].session_idx);
	for (uint32_t i = 0; i < 50; i++) {
		const struct link *l = link_find(&w->e, i, WORLD_STREAM);
		const struct subscriber *sub = subscriber_of(&w->e, l);

		assert_int_equal(sub != NULL, i % 3 != 0);
		if (sub != NULL) {
			assert_int_equal(sub->link_idx, link_idx(&w->e, l));
			assert_int_equal(sub->slots, l->slots_asked);
		}
	}
	world_destroy(w);
}

static void a_session_that_goes_takes_its_links_along(void **state)
{
	struct world *w = world_create(NULL);
	struct report r;

	for (uint16_t s = 0; s < 3; s++) {
		world_stream(w, s, STREAM_PUSH_ALL);
		world_link(w, 4, s, 0);
		world_link(w, 5, s, 0);
	}
	world_mask(w, 4, 0xff);
	world_mask(w, 5, 0xff);
	world_publish(w, WORLD_STREAM, 1, 900);
	relay_session_gone(&w->e, 4);
	assert_int_equal(w->n_closed, 0); // the flows went with it
	assert_false(world_report(w, REP_FLOW_FREED, &r));
	for (uint16_t s = 0; s < 3; s++) {
		assert_null(link_find(&w->e, 4, s));
		assert_non_null(link_find(&w->e, 5, s));
		assert_int_equal(stream_at(&w->e, s)->n_links, 1);
	}
	assert_int_equal(world_tx(w, 128), 1);
	relay_session_ungroup(&w->e, 5); // the session stays: its flows are closed in good order
	assert_int_equal(w->n_closed, 3);
	world_destroy(w);
}

static void a_slot_that_was_never_used_is_freed_too(void **state)
{
	struct world *w = world_create(NULL);
	struct report r;

	world_stream(w, 0, 0);
	world_link(w, 0, 0, 0);
	world_unlink(w, 0, 0);
	assert_int_equal(w->n_closed, 1); // opened to be closed: flows tell that the slot is free
	world_link(w, 0, 0, 0);
	w->has_no_flow = true;
	world_unlink(w, 0, 0);
	assert_int_equal(w->n_closed, 1);
	assert_true(world_report(w, REP_FLOW_FREED, &r)); // so we tell
	assert_int_equal(r.flow, 3);
	world_destroy(w);
}

static void removing_a_stream_gives_everything_back(void **state)
{
	struct world *w = world_create(NULL);
	struct command c = {.op = CMD_STREAM_REMOVE};

	for (uint16_t s = 0; s < 3; s++) {
		world_stream(w, s, STREAM_PUSH_ALL);
		for (uint32_t i = 0; i < 5; i++)
			world_link(w, i, s, 0);
		for (uint64_t no = 1; no < 100; no++)
			world_publish(w, s, no, 900);
	}
	for (uint32_t i = 0; i < 5; i++) {
		world_mask(w, i, 0xff);
		world_pull(w, i, 7);
		world_map(w, i, 1, 200);
	}
	world_tx(w, 3); // in the middle of a walk
	c.stream.stream = WORLD_STREAM;
	relay_command(&w->e, &c);
	assert_null(stream_find(&w->e, WORLD_STREAM));
	assert_int_equal(w->e.relay->n_active, 2);
	world_tx(w, 128);
	world_run_ms(w, 1000);
	relay_command(&w->e, &c);
	assert_int_equal(w->e.stats.drops[DROP_STALE_COMMAND], 1);
	assert_non_null(world_stream(w, WORLD_STREAM, 0)); // a new one in its place begins anew
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->window.head_no, 0);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n_asked, 0);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n.fragments_published, 0);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n_holders, 0);
	world_destroy(w); // asserts the rest
}

// What a publisher may choose as he likes (MC-33).
static void absurd_times_do_no_harm(void **state)
{
	struct world *w = world_create(NULL);

	world_stream_seed(w, WORLD_STREAM,
			  &(struct stream_seed){.extents_max = 2, .flags = STREAM_HOME});
	for (uint32_t i = 0; i < 3; i++)
		world_link(w, i, WORLD_STREAM, 0);
	world_mask(w, 1, 0xff);
	for (uint64_t no = 1; no < 50; no++) {
		world_receive(w, 0, WORLD_STREAM, no, 900);
		world_map(w, 0, 1, no + 3);
		world_run_ms(w, 10);
		world_tx(w, 10);
	}
	assert_true(w->n_messages < 500);
	assert_true(relay_deadline_us(&w->e) > w->e.now_us);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_bounded_by_their_table),
		cmocka_unit_test(a_stream_is_tuned_while_it_flows),
		cmocka_unit_test(links_are_bounded_by_their_table),
		cmocka_unit_test(a_link_is_one_per_neighbour_and_stream),
		cmocka_unit_test(a_link_that_is_said_again_is_brought_up_to_date),
		cmocka_unit_test(links_stand_in_order_of_connection),
		cmocka_unit_test(subscribers_stand_in_slot_order),
		cmocka_unit_test(a_session_that_goes_takes_its_links_along),
		cmocka_unit_test(a_slot_that_was_never_used_is_freed_too),
		cmocka_unit_test(removing_a_stream_gives_everything_back),
		cmocka_unit_test(absurd_times_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
