// Commands never get lost or out of order, and bodies come home.
#include "control/outbox.h"
#include "tests/support/test.h"

#define RING 8

struct world {
	struct mailbox *rings[2];
	struct body_pool *bodies;
	struct outbox *outbox;
};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	for (unsigned i = 0; i < 2; i++)
		w->rings[i] = mailbox_create(RING);
	w->bodies = body_pool_create(4u << 20);
	w->outbox = outbox_create(w->rings, 2, w->bodies);
	*state = w;
	return w->outbox != NULL ? 0 : -1;
}

static int end(void **state)
{
	struct world *w = *state;

	outbox_destroy(w->outbox);
	assert_int_equal(body_pool_lent(w->bodies), 0);
	body_pool_destroy(w->bodies);
	mailbox_destroy(w->rings[0]);
	mailbox_destroy(w->rings[1]);
	free(w);
	return 0;
}

static void push(struct world *w, uint32_t worker, uint32_t number)
{
	outbox_push(w->outbox, worker,
		    &(struct command){.op = CMD_SESSION_PING, .session_idx = number});
}

static void what_a_full_ring_refuses_waits_in_order(void **state)
{
	struct world *w = *state;
	struct command c;
	uint32_t next = 0;

	for (uint32_t i = 0; i < 1000; i++)
		push(w, 0, i);
	push(w, 1, 77); // another worker's ring has room
	assert_int_equal(outbox_waiting(w->outbox, 0), 1000 - RING);
	assert_int_equal(outbox_waiting(w->outbox, 1), 0);
	for (uint32_t n_taken = 1; next < 1000; n_taken = n_taken % 5 + 1) {
		for (uint32_t i = 0; i < n_taken && mailbox_pop(w->rings[0], &c); i++)
			assert_int_equal(c.session_idx, next++);
		push(w, 0, 1000 + next); // younger ones stay behind those that wait
		assert_int_equal(outbox_flush(w->outbox), outbox_waiting(w->outbox, 0) > 0);
	}
	assert_true(mailbox_pop(w->rings[1], &c));
	assert_int_equal(c.session_idx, 77);
}

static void a_list_that_has_emptied_is_no_detour(void **state)
{
	struct world *w = *state;
	struct command c;

	for (uint32_t i = 0; i < RING + 1; i++)
		push(w, 0, i);
	assert_true(outbox_flush(w->outbox));
	for (uint32_t i = 0; i < RING; i++)
		assert_true(mailbox_pop(w->rings[0], &c));
	assert_false(outbox_flush(w->outbox));
	push(w, 0, RING + 1);
	assert_true(mailbox_pop(w->rings[0], &c));
	assert_int_equal(c.session_idx, RING);
	assert_true(mailbox_pop(w->rings[0], &c));
	assert_int_equal(c.session_idx, RING + 1);
}

static void crowded_is_said_per_worker(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < OUTBOX_CROWDED + RING - 1; i++)
		push(w, 0, i);
	assert_false(outbox_is_crowded(w->outbox, 0));
	push(w, 0, 0);
	assert_true(outbox_is_crowded(w->outbox, 0));
	assert_false(outbox_is_crowded(w->outbox, 1));
}

static void bodies_go_home_by_five_or_with_a_flush(void **state)
{
	struct world *w = *state;
	struct body body[6];
	struct command c;

	for (unsigned i = 0; i < 4; i++)
		outbox_body_home(w->outbox, 1, &body[i]);
	assert_false(mailbox_pop(w->rings[1], &c));
	outbox_body_home(w->outbox, 1, &body[4]);
	assert_true(mailbox_pop(w->rings[1], &c));
	assert_int_equal(c.op, CMD_BODIES_PUT);
	assert_null(c.body);
	for (unsigned i = 0; i < 5; i++)
		assert_ptr_equal(c.bodies.more[i], &body[i]);

	outbox_body_home(w->outbox, 1, &body[5]);
	assert_false(outbox_flush(w->outbox));
	assert_true(mailbox_pop(w->rings[1], &c));
	assert_ptr_equal(c.bodies.more[0], &body[5]);
	assert_null(c.bodies.more[1]);
	outbox_flush(w->outbox);
	assert_false(mailbox_pop(w->rings[1], &c)); // and not twice
}

static void our_bodies_come_back_to_their_pool(void **state)
{
	struct world *w = *state;
	struct report r = {.op = REP_BODIES_PUT};

	for (unsigned i = 0; i < 3; i++) {
		r.bodies.more[i] = outbox_body_copy(w->outbox, "octets", 6);
		assert_memory_equal(r.bodies.more[i]->data, "octets", 6);
	}
	assert_int_equal(body_pool_lent(w->bodies), 3);
	assert_false(outbox_bodies_put(w->outbox, &r)); // nobody waited for them
	assert_int_equal(body_pool_lent(w->bodies), 0);
}

static void keys_do_not_stay_in_a_body(void **state)
{
	struct world *w = *state;
	struct report r = {.op = REP_BODIES_PUT};
	struct body *seed = outbox_body(w->outbox, sizeof(struct session_seed));
	static const uint8_t zeros[sizeof(struct session_seed)];

	memset(seed->data, 0x5a, sizeof(zeros));
	r.bodies.more[0] = seed;
	outbox_bodies_put(w->outbox, &r);
	assert_memory_equal(seed->data, zeros, sizeof(zeros)); // the pool's, but still there
}

static void send_home(struct world *w, struct body *body)
{
	struct report r = {.op = REP_BODIES_PUT, .bodies.more[0] = body};
	bool is_counted = body->account != NULL;

	// Who has an account may have waited for that.
	assert_int_equal(outbox_bodies_put(w->outbox, &r), is_counted);
}

static void an_account_counts_what_is_out(void **state)
{
	struct world *w = *state;
	struct outbox_account *a = outbox_account_open(w->outbox);
	struct outbox_account *b = outbox_account_open(w->outbox);
	struct body *first = outbox_account_body(a, 100), *second = outbox_account_body(a, 50);
	struct body *other = outbox_account_body(b, 7);

	assert_int_equal(outbox_account_bytes(a), 150);
	assert_int_equal(outbox_account_bodies(a), 2);
	assert_int_equal(outbox_account_bytes(b), 7);
	send_home(w, second);
	assert_int_equal(outbox_account_bytes(a), 100);
	outbox_account_close(a); // its first body is still out
	send_home(w, first);
	outbox_account_close(b);
	send_home(w, other);
	assert_int_equal(body_pool_lent(w->bodies), 0); // and the sanitizer finds no account
}

static void what_is_out_is_known_by_its_age(void **state)
{
	struct world *w = *state;
	struct outbox_account *a = outbox_account_open(w->outbox);
	struct body *bodies[4];
	const struct body *b;

	assert_null(outbox_account_oldest(a));
	for (uint32_t i = 0; i < 4; i++)
		bodies[i] = outbox_account_body(a, i);
	send_home(w, bodies[2]); // any may be acknowledged first
	b = outbox_account_oldest(a);
	assert_ptr_equal(b, bodies[0]);
	b = outbox_account_younger(b);
	assert_ptr_equal(b, bodies[1]);
	b = outbox_account_younger(b);
	assert_ptr_equal(b, bodies[3]);
	assert_null(outbox_account_younger(b));
	send_home(w, bodies[0]);
	send_home(w, bodies[3]);
	assert_ptr_equal(outbox_account_oldest(a), bodies[1]);
	assert_null(outbox_account_younger(bodies[1]));
	send_home(w, bodies[1]);
	assert_null(outbox_account_oldest(a));
	outbox_account_close(a);
}

static void a_body_of_nobody_counts_against_nobody(void **state)
{
	struct world *w = *state;
	struct outbox_account *a = outbox_account_open(w->outbox);
	struct body *body = outbox_account_body(a, 100);

	send_home(w, body);
	body = outbox_body(w->outbox, 100); // the same memory
	assert_int_equal(outbox_account_bytes(a), 0);
	send_home(w, body);
	assert_int_equal(outbox_account_bytes(a), 0);
}

static void an_account_ends_with_the_outbox_at_the_latest(void **state)
{
	struct world *w = *state;
	struct outbox_account *a = outbox_account_open(w->outbox);
	struct command c = {.op = CMD_FLOW_SEND};

	outbox_account_open(w->outbox);
	for (uint32_t i = 0; i < RING; i++)
		push(w, 0, i);
	c.body = outbox_account_body(a, 10);
	outbox_push(w->outbox, 0, &c);
	outbox_account_close(a); // see end()
}

static void what_still_waits_at_the_end_gives_its_bodies_back(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < RING; i++)
		push(w, 0, i);
	outbox_push(w->outbox, 0,
		    &(struct command){.op = CMD_FLOW_SEND, .body = outbox_body(w->outbox, 10)});
	assert_int_equal(body_pool_lent(w->bodies), 1); // see end()
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(what_a_full_ring_refuses_waits_in_order),
		T(a_list_that_has_emptied_is_no_detour),
		T(crowded_is_said_per_worker),
		T(bodies_go_home_by_five_or_with_a_flush),
		T(our_bodies_come_back_to_their_pool),
		T(keys_do_not_stay_in_a_body),
		T(an_account_counts_what_is_out),
		T(what_is_out_is_known_by_its_age),
		T(a_body_of_nobody_counts_against_nobody),
		T(an_account_ends_with_the_outbox_at_the_latest),
		T(what_still_waits_at_the_end_gives_its_bodies_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
