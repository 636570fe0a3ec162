#include "tests/unit/core/relay_world.h"

#define WORKERS 3

// Workers of one machine: a ring from each to each.
struct machine {
	struct world *w[WORKERS];
	struct mailbox *ring[WORKERS][WORKERS]; // from, to
	struct mailbox *to[WORKERS][WORKERS], *from[WORKERS][WORKERS];
};

static void machine_open(struct machine *m, uint32_t ring_slots)
{
	memset(m, 0, sizeof(*m));
	for (uint32_t i = 0; i < WORKERS; i++)
		for (uint32_t k = 0; k < WORKERS; k++)
			m->ring[i][k] = i != k ? mailbox_create(ring_slots) : NULL;
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct engine_opts *o;

		m->w[i] = world_create(&(struct world_opts){.workers = WORKERS});
		o = &m->w[i]->e.opts;
		for (uint32_t k = 0; k < WORKERS; k++) {
			m->to[i][k] = m->ring[i][k];
			m->from[i][k] = m->ring[k][i];
		}
		o->worker = i;
		o->handoff_to = m->to[i];
		o->handoff_from = m->from[i];
		world_stream(m->w[i], WORLD_STREAM, STREAM_PUSH_ALL);
		world_link(m->w[i], 0, WORLD_STREAM, 0);
	}
}

// What a worker's turn takes from its rings.
static void take(struct machine *m, uint32_t i)
{
	struct handoff h;

	for (uint32_t k = 0; k < WORKERS; k++)
		while (m->from[i][k] != NULL && mailbox_pop(m->from[i][k], &h))
			relay_handoff(&m->w[i]->e, &h);
	relay_timers(&m->w[i]->e, m->w[i]->e.now_us);
}

static void machine_close(struct machine *m)
{
	for (int round = 0; round < 4; round++)
		for (uint32_t i = 0; i < WORKERS; i++)
			take(m, i);
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert_int_equal(body_pool_lent(m->w[i]->e.bodies), 0);
		for (uint32_t k = 0; k < WORKERS; k++) {
			assert_int_equal(m->w[i]->e.relay->lent[k], 0);
			mailbox_destroy(m->ring[i][k]);
		}
		world_destroy(m->w[i]);
	}
}

static bool holds(struct machine *m, uint32_t i, uint64_t no)
{
	return window_has(&stream_at(&m->w[i]->e, WORLD_STREAM)->window, m->w[i]->e.relay->extents,
			  no);
}

static void a_fragment_reaches_every_worker_once(void **state)
{
	struct machine m;

	machine_open(&m, 64);
	world_mask(m.w[2], 0, 0xff);
	world_receive(m.w[0], 0, WORLD_STREAM, 5, 900);
	world_publish(m.w[1], WORLD_STREAM, 6, 900);
	for (uint32_t i = 0; i < WORKERS; i++)
		take(&m, i);
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert_true(holds(&m, i, 5));
		assert_true(holds(&m, i, 6));
		assert_int_equal(stream_at(&m.w[i]->e, WORLD_STREAM)->n.duplicates, 0);
	}
	assert_int_equal(world_tx(m.w[2], 128), 2); // and from there its neighbours
	machine_close(&m);
}

static void what_came_from_a_worker_is_not_handed_on(void **state)
{
	struct machine m;

	machine_open(&m, 64);
	world_receive(m.w[0], 0, WORLD_STREAM, 5, 900);
	take(&m, 1);
	assert_int_equal(mailbox_n(m.ring[1][2]), 0);
	assert_int_equal(mailbox_n(m.ring[1][0]), 1); // the body on its way home
	machine_close(&m);
}

static void a_key_fragment_stays_one(void **state)
{
	struct machine m;
	struct handoff h;

	machine_open(&m, 64);
	handoff_fragment(&m.w[0]->e, stream_at(&m.w[0]->e, WORLD_STREAM), 5, span_of("\0\5x", 3),
			 true);
	assert_true(mailbox_pop(m.ring[0][2], &h));
	relay_handoff(&m.w[2]->e, &h);
	assert_int_equal(window_find(&stream_at(&m.w[2]->e, WORLD_STREAM)->window,
				     m.w[2]->e.relay->extents, 5)
				 ->is_key,
			 1);
	machine_close(&m);
}

static void a_worker_that_does_not_look_costs_fragments_and_no_more(void **state)
{
	struct machine m;

	machine_open(&m, 16);
	for (uint64_t no = 1; no <= 20; no++) {
		world_receive(m.w[0], 0, WORLD_STREAM, no, 900);
		take(&m, 1);
		take(&m, 0);
	}
	assert_int_equal(m.w[0]->e.stats.drops[DROP_HANDOFF_FULL], 12); // half a ring is lent
	for (uint64_t no = 1; no <= 20; no++) {
		assert_true(holds(&m, 0, no));
		assert_true(holds(&m, 1, no));
	}
	take(&m, 2);
	assert_true(holds(&m, 2, 8));
	assert_false(holds(&m, 2, 9));
	machine_close(&m);
}

static void a_body_that_cannot_go_home_waits(void **state)
{
	static const struct handoff filler;
	struct machine m;
	struct handoff h;

	machine_open(&m, 16);
	while (mailbox_push(m.ring[1][0], &filler))
		;
	world_receive(m.w[0], 0, WORLD_STREAM, 1, 900);
	world_receive(m.w[0], 0, WORLD_STREAM, 2, 900);
	take(&m, 1);
	assert_true(holds(&m, 1, 2));
	assert_int_equal(m.w[1]->e.relay->n_returns, 2);
	assert_true(relay_deadline_us(&m.w[1]->e) <= m.w[1]->e.now_us + 1000);
	while (mailbox_pop(m.ring[1][0], &h))
		;
	relay_timers(&m.w[1]->e, m.w[1]->e.now_us);
	assert_int_equal(m.w[1]->e.relay->n_returns, 0);
	machine_close(&m);
}

static void a_stream_of_which_it_knows_nothing_is_returned(void **state)
{
	struct machine m;
	struct command c = {.op = CMD_STREAM_REMOVE};

	machine_open(&m, 16);
	c.stream.stream = WORLD_STREAM;
	relay_command(&m.w[1]->e, &c);
	world_receive(m.w[0], 0, WORLD_STREAM, 1, 900);
	machine_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fragment_reaches_every_worker_once),
		cmocka_unit_test(what_came_from_a_worker_is_not_handed_on),
		cmocka_unit_test(a_key_fragment_stays_one),
		cmocka_unit_test(a_worker_that_does_not_look_costs_fragments_and_no_more),
		cmocka_unit_test(a_body_that_cannot_go_home_waits),
		cmocka_unit_test(a_stream_of_which_it_knows_nothing_is_returned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
