#include "tests/unit/core/relay_machine.h"

#define RING 64

// ---- a fragment's way ----

static void a_fragment_reaches_who_has_neighbours_once(void **state)
{
	static const uint32_t sizes[] = {2, 3, 4, 16};

	for (uint32_t s = 0; s < ARRAY_LEN(sizes); s++) {
		struct machine m;
		uint32_t last = sizes[s] - 1;

		machine_open(&m, sizes[s], RING, 0);
		stream_everywhere(&m);
		for (uint32_t i = 0; i < last; i++)
			world_link(m.w[i], 0, WORLD_STREAM, 0);
		take_all(&m);
		world_mask(m.w[last - 1], 0, 0xff);
		world_receive(m.w[0], 0, WORLD_STREAM, 5, 900);
		world_publish(m.w[last], WORLD_STREAM, 6, 900);
		take_all(&m);
		for (uint32_t i = 0; i < last; i++) {
			assert_true(holds(&m, i, 5) && holds(&m, i, 6));
			assert_int_equal(stream_of(&m, i)->n.duplicates, 0);
			assert_int_equal(engine_of(&m, i)->stats.handoffs, i == 0 ? 1 : 2);
		}
		assert_false(holds(&m, last, 5)); // it has no neighbour of the stream
		world_tx(m.w[last - 1], 128);     // and from there to its neighbours
		assert_int_equal(world_n_sent(m.w[last - 1], 0, 6), 1);
		assert_int_equal(world_n_sent(m.w[last - 1], 0, 5), last > 1);
		machine_close(&m);
	}
}

static void what_came_from_a_worker_is_not_lent_on(void **state)
{
	struct machine m;

	machine_open(&m, 3, RING, 0);
	stream_everywhere(&m);
	for (uint32_t i = 0; i < 3; i++)
		world_link(m.w[i], 0, WORLD_STREAM, 0);
	take_all(&m);
	world_receive(m.w[0], 0, WORLD_STREAM, 5, 900);
	take(&m, 1);
	assert_int_equal(mailbox_n(m.ring[1][2]), 0);
	assert_int_equal(mailbox_n(m.ring[1][0]), 1); // the body is returned
	// Nor later: its cursor has passed it.
	world_receive(m.w[1], 0, WORLD_STREAM, 6, 900);
	assert_int_equal(mailbox_n(m.ring[1][2]), 1);
	machine_close(&m);
}

static void a_record_stays_what_it_was(void **state)
{
	struct machine m;
	struct command c = {.op = CMD_STREAM_PUBLISH};
	const struct record *here, *there;
	uint8_t octets[1300];

	machine_open(&m, 2, RING, 0);
	stream_everywhere(&m);
	world_link(m.w[1], 0, WORLD_STREAM, 0);
	take_all(&m);
	c.len = (uint32_t)world_fragment(octets, 7, 777);
	c.body = body_get(engine_of(&m, 0)->bodies, c.len);
	memcpy(c.body->data, octets, c.len);
	c.stream.stream = WORLD_STREAM;
	c.stream.is_key = 1;
	relay_command(engine_of(&m, 0), &c);
	body_put(c.body);
	world_run_ms(m.w[1], 300); // its age is that of where it came in
	take(&m, 1);
	here = record_of(&m, 0, 7);
	there = record_of(&m, 1, 7);
	assert_int_equal(there->len, c.len);
	assert_memory_equal(there->body, octets, c.len);
	assert_int_equal(there->sum, here->sum);
	assert_int_equal(there->arrival_ms, here->arrival_ms);
	assert_int_equal(there->is_key, 1);
	assert_int_equal(there->from, LINK_NONE);
	machine_close(&m);
}

static void one_return_says_what_was_read_in_a_turn(void **state)
{
	struct machine m;

	machine_open(&m, 2, RING, 0);
	stream_everywhere(&m);
	world_link(m.w[1], 0, WORLD_STREAM, 0);
	take_all(&m);
	for (uint64_t no = 1; no <= 20; no++)
		world_publish(m.w[0], WORLD_STREAM, no, 900);
	assert_int_equal(n_lent(&m, 0), 20);
	take(&m, 1);
	assert_int_equal(mailbox_n(m.ring[1][0]), 1);
	take(&m, 0);
	assert_int_equal(n_lent(&m, 0), 0);
	machine_close(&m);
}

// ---- who takes part ----

static void who_comes_late_gets_the_window_and_pushes_none_of_it(void **state)
{
	struct machine m;

	machine_open(&m, 2, RING, 0);
	stream_everywhere(&m);
	for (uint64_t no = 1; no <= 100; no++)
		world_publish(m.w[0], WORLD_STREAM, no, 900);
	assert_int_equal(n_lent(&m, 0), 0);
	world_link(m.w[1], 0, WORLD_STREAM, 0);
	world_mask(m.w[1], 0, 0xff);
	take(&m, 0);
	world_publish(m.w[0], WORLD_STREAM, 101, 900);
	for (int i = 0; i < 8; i++)
		take_all(&m);
	for (uint64_t no = 1; no <= 101; no++)
		assert_true(holds(&m, 1, no));
	world_tx(m.w[1], 128);
	assert_int_equal(world_n_sent_to(m.w[1], 0), 1);
	assert_int_equal(world_n_sent(m.w[1], 0, 101), 1);
	world_pull(m.w[1], 0, 40); // answered where it was asked
	world_tx(m.w[1], 128);
	assert_int_equal(world_n_sent(m.w[1], 0, 40), 1);
	assert_int_equal(engine_of(&m, 0)->stats.drops[DROP_HANDOFF_FULL], 0);
	machine_close(&m);
}

// Nor when it is behind: its cursor may stand before the past that arrives.
static void who_is_behind_is_not_sent_the_past(void **state)
{
	struct machine m;
	struct link *l;

	machine_open(&m, 2, RING, 0);
	stream_everywhere(&m);
	for (uint64_t no = 1; no <= 20; no++)
		world_publish(m.w[0], WORLD_STREAM, no, 900);
	l = world_link(m.w[1], 0, WORLD_STREAM, 0);
	world_mask(m.w[1], 0, 0xff);
	behind_begin(engine_of(&m, 1), l, subscriber_of(engine_of(&m, 1), l), 0);
	behind_mark(engine_of(&m, 1), l, 0);
	take_all(&m);
	world_publish(m.w[0], WORLD_STREAM, 21, 900);
	take_all(&m);
	world_tx(m.w[1], 128);
	assert_int_equal(world_n_sent_to(m.w[1], 0), 1);
	machine_close(&m);
}

static void who_has_no_neighbour_any_more_leaves_a_window_later(void **state)
{
	struct machine m;

	machine_open(&m, 2, RING, 0);
	stream_everywhere(&m);
	world_link(m.w[1], 0, WORLD_STREAM, 0);
	take_all(&m);
	world_unlink(m.w[1], 0, WORLD_STREAM);
	world_run_ms(m.w[1], 9000);
	take_all(&m);
	world_publish(m.w[0], WORLD_STREAM, 1, 900);
	take_all(&m);
	assert_true(holds(&m, 1, 1)); // somebody may come back
	world_run_ms(m.w[1], 2000);
	take_all(&m);
	world_publish(m.w[0], WORLD_STREAM, 2, 900);
	take_all(&m);
	assert_false(holds(&m, 1, 2));
	assert_int_equal(n_lent(&m, 0), 0);
	machine_close(&m);
}

// Control's commands to different workers do not come in any order.
static void who_takes_part_before_others_know_the_stream_is_remembered(void **state)
{
	struct machine m;

	machine_open(&m, 2, RING, 0);
	world_stream(m.w[1], WORLD_STREAM, STREAM_PUSH_ALL);
	world_link(m.w[1], 0, WORLD_STREAM, 0);
	take_all(&m);
	world_stream(m.w[0], WORLD_STREAM, STREAM_PUSH_ALL);
	world_publish(m.w[0], WORLD_STREAM, 1, 900);
	take_all(&m);
	assert_true(holds(&m, 1, 1));
	remove_stream(&m, 0); // and over its next life
	world_stream(m.w[0], WORLD_STREAM, STREAM_PUSH_ALL);
	world_publish(m.w[0], WORLD_STREAM, 2, 900);
	take_all(&m);
	assert_true(holds(&m, 1, 2));
	machine_close(&m);
}

static void a_worker_whose_ring_is_full_is_told_later(void **state)
{
	static const struct handoff filler = {.op = HANDOFF_LEAVE, .stream = 3};
	struct machine m;

	machine_open(&m, 2, 8, 0);
	stream_everywhere(&m);
	while (mailbox_push(m.ring[1][0], &filler))
		;
	world_link(m.w[1], 0, WORLD_STREAM, 0);
	assert_true(handoff_waits(engine_of(&m, 1)));
	assert_true(relay_deadline_us(engine_of(&m, 1)) <= engine_of(&m, 1)->now_us + 1000);
	take_all(&m);
	world_publish(m.w[0], WORLD_STREAM, 1, 900);
	take_all(&m);
	assert_true(holds(&m, 1, 1));
	machine_close(&m);
}

static void a_stream_of_which_it_knows_nothing_is_returned(void **state)
{
	struct machine m;

	machine_open(&m, 2, 16, 0);
	stream_everywhere(&m);
	world_link(m.w[1], 0, WORLD_STREAM, 0);
	take_all(&m);
	world_publish(m.w[0], WORLD_STREAM, 1, 900);
	remove_stream(&m, 1);
	take_all(&m);
	assert_int_equal(n_lent(&m, 0), 0);
	world_publish(m.w[0], WORLD_STREAM, 2, 900); // and it has left
	assert_int_equal(n_lent(&m, 0), 0);
	machine_close(&m);
}

// ---- limits ----

static void a_worker_that_does_not_look_is_waited_for(void **state)
{
	struct machine m;

	machine_open(&m, 3, 16, 0);
	stream_everywhere(&m);
	for (uint32_t i = 1; i < 3; i++)
		world_link(m.w[i], 0, WORLD_STREAM, 0);
	take_all(&m);
	for (uint64_t no = 1; no <= 40; no++) {
		world_publish(m.w[0], WORLD_STREAM, no, 900);
		take(&m, 1);
		take(&m, 0);
	}
	assert_int_equal(engine_of(&m, 0)->relay->lent[2], 8); // half a ring
	assert_true(handoff_waits(engine_of(&m, 0)));
	assert_true(holds(&m, 1, 40));
	for (int i = 0; i < 4; i++)
		take_all(&m);
	for (uint64_t no = 1; no <= 40; no++)
		assert_true(holds(&m, 2, no));
	assert_int_equal(engine_of(&m, 0)->stats.drops[DROP_HANDOFF_FULL], 0);
	machine_close(&m);
}

static void what_leaves_meanwhile_is_counted(void **state)
{
	struct machine m;

	machine_open(&m, 2, 16, 0);
	stream_everywhere(&m);
	world_link(m.w[1], 0, WORLD_STREAM, 0);
	take_all(&m);
	for (uint64_t no = 1; no <= 100; no++) // a first extent holds 65, eight of which are lent
		world_publish(m.w[0], WORLD_STREAM, no, 900);
	world_run_ms(m.w[0], 5000);
	world_publish(m.w[0], WORLD_STREAM, 101, 900);
	world_run_ms(m.w[0], 6000); // the second one is younger
	assert_false(holds(&m, 0, 1));
	assert_true(holds(&m, 0, 101));
	for (int i = 0; i < 12; i++)
		take_all(&m);
	assert_true(holds(&m, 1, 8));
	assert_false(holds(&m, 1, 9));
	assert_true(holds(&m, 1, 101));
	for (uint64_t no = 1; no <= 101; no++)
		engine_of(&m, 0)->stats.drops[DROP_HANDOFF_FULL] += holds(&m, 1, no);
	assert_int_equal(engine_of(&m, 0)->stats.drops[DROP_HANDOFF_FULL], 101);
	machine_close(&m);
}

static void an_extent_is_free_when_nobody_reads_it(void **state)
{
	struct machine m;
	struct extents *x;

	machine_open(&m, 3, RING, 0);
	stream_everywhere(&m);
	for (uint32_t i = 1; i < 3; i++)
		world_link(m.w[i], 0, WORLD_STREAM, 0);
	take_all(&m);
	x = engine_of(&m, 0)->relay->extents;
	world_publish(m.w[0], WORLD_STREAM, 1, 900);
	remove_stream(&m, 0); // the stream ends while two read it
	assert_int_equal(x->n_extents_free, x->n_extents - 1);
	take(&m, 1);
	take(&m, 0);
	assert_int_equal(x->n_extents_free, x->n_extents - 1);
	take(&m, 2);
	take(&m, 0);
	assert_int_equal(x->n_extents_free, x->n_extents);
	assert_true(holds(&m, 1, 1) && holds(&m, 2, 1));
	machine_close(&m);
}

// One extent, and somebody reads it: better no new fragment than one under his eyes.
static void memory_that_is_read_is_not_taken_again(void **state)
{
	struct machine m;
	uint64_t no = 1;

	machine_open(&m, 2, RING, 1);
	stream_everywhere(&m);
	world_link(m.w[1], 0, WORLD_STREAM, 0);
	take_all(&m);
	for (; engine_of(&m, 0)->stats.drops[DROP_STREAM_MEMORY] == 0; no++)
		world_publish(m.w[0], WORLD_STREAM, no, 900);
	assert_true(holds(&m, 0, 1));
	assert_false(holds(&m, 0, no - 1));
	for (int i = 0; i < 4; i++)
		take_all(&m);
	world_publish(m.w[0], WORLD_STREAM, no, 900);
	assert_true(holds(&m, 0, no));
	machine_close(&m);
}

static void who_cannot_return_does_not_borrow(void **state)
{
	static const struct handoff filler = {.op = HANDOFF_LEAVE, .stream = 15};
	struct machine m;

	// Each body from an extent of its own: a return names seven.
	machine_open(&m, 2, RING, 0);
	for (uint16_t stream = 0; stream < 10; stream++) {
		world_stream(m.w[0], stream, STREAM_PUSH_ALL);
		world_stream(m.w[1], stream, STREAM_PUSH_ALL);
		world_link(m.w[1], 0, stream, 0);
	}
	take_all(&m);
	for (uint16_t stream = 0; stream < 10; stream++)
		world_publish(m.w[0], stream, 1, 900);
	while (mailbox_push(m.ring[1][0], &filler))
		;
	take(&m, 1);
	assert_int_equal(engine_of(&m, 1)->stats.handoffs, HANDOFF_RETURNS);
	assert_true(handoff_waits(engine_of(&m, 1)));
	machine_close(&m);
}

// ---- anything, in any order ----

static void step(struct machine *m, struct random *r, uint64_t *no, uint32_t *part)
{
	uint32_t i = (uint32_t)random_below(r, m->n);
	uint32_t session = (uint32_t)random_below(r, 4);

	switch (random_below(r, 8)) {
	case 0:
	case 1:
		world_publish(m->w[i], WORLD_STREAM, ++*no, 1 + random_below(r, 900));
		break;
	case 2:
		if (link_find(engine_of(m, i), session, WORLD_STREAM) != NULL)
			world_receive(m->w[i], session, WORLD_STREAM, ++*no, 900);
		break;
	case 3:
		world_link(m->w[i], session, WORLD_STREAM, 0);
		world_mask(m->w[i], session, (uint8_t)random_below(r, 256));
		*part |= 1u << i;
		break;
	case 4:
		if (link_find(engine_of(m, i), session, WORLD_STREAM) != NULL)
			world_unlink(m->w[i], session, WORLD_STREAM);
		break;
	case 5:
		world_tx(m->w[i], 16);
		world_ack_all(m->w[i]);
		break;
	default:
		take(m, i);
	}
}

// Whoever takes part ends with everything, however late it came and whatever the rings were.
static void all_have_all_after_anything(void **state)
{
	static const uint32_t sizes[] = {2, 3, 4, 16};

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct random_state rs;
		struct random r = random_seeded(&rs, seed);
		struct machine m;
		uint64_t no = 0;
		uint32_t part = 0;

		machine_open(&m, sizes[seed % ARRAY_LEN(sizes)], 8u << random_below(&r, 4), 0);
		stream_everywhere(&m);
		for (int i = 0; i < 600; i++)
			step(&m, &r, &no, &part);
		for (int i = 0; i < 40; i++)
			take_all(&m);
		for (uint32_t i = 0; i < m.n; i++) {
			assert_int_equal(engine_of(&m, i)->stats.drops[DROP_HANDOFF_FULL], 0);
			for (uint64_t k = 1; part >> i & 1 && k <= no; k++)
				if (!holds(&m, i, k))
					fail_msg("seed %llu: worker %u of %u lacks %llu",
						 (unsigned long long)seed, i, m.n,
						 (unsigned long long)k);
		}
		machine_close(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fragment_reaches_who_has_neighbours_once),
		cmocka_unit_test(what_came_from_a_worker_is_not_lent_on),
		cmocka_unit_test(a_record_stays_what_it_was),
		cmocka_unit_test(one_return_says_what_was_read_in_a_turn),
		cmocka_unit_test(who_comes_late_gets_the_window_and_pushes_none_of_it),
		cmocka_unit_test(who_is_behind_is_not_sent_the_past),
		cmocka_unit_test(who_has_no_neighbour_any_more_leaves_a_window_later),
		cmocka_unit_test(who_takes_part_before_others_know_the_stream_is_remembered),
		cmocka_unit_test(a_worker_whose_ring_is_full_is_told_later),
		cmocka_unit_test(a_stream_of_which_it_knows_nothing_is_returned),
		cmocka_unit_test(a_worker_that_does_not_look_is_waited_for),
		cmocka_unit_test(what_leaves_meanwhile_is_counted),
		cmocka_unit_test(an_extent_is_free_when_nobody_reads_it),
		cmocka_unit_test(memory_that_is_read_is_not_taken_again),
		cmocka_unit_test(who_cannot_return_does_not_borrow),
		cmocka_unit_test(all_have_all_after_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
