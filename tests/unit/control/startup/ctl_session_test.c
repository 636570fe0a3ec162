// Flows as control names them: slots, ids that are never used twice, and who may still send.
#include "control/startup/internal.h"
#include "tests/support/test.h"

struct world {
	struct mailbox *ring;
	struct body_pool *bodies;
	struct ctl_session s;
	struct ctl_flows flows;
};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->ring = mailbox_create(256);
	w->bodies = body_pool_create(4u << 20);
	w->s = (struct ctl_session){.idx = 3, .id = 0x1234, .state = CTL_OPEN};
	ctl_session_flows_set(&w->s, &w->flows);
	w->s.outbox = outbox_create(&w->ring, 1, w->bodies);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;
	struct command c;

	while (mailbox_pop(w->ring, &c))
		if (c.body != NULL)
			body_put(c.body);
	outbox_destroy(w->s.outbox);
	body_pool_destroy(w->bodies);
	mailbox_destroy(w->ring);
	free(w);
	return 0;
}

static const struct ctl_flow_opts plain = {.rule_stream = NO_STREAM, .owner = OWNER_RPC};

static struct command next(struct world *w)
{
	struct command c;

	assert_true(mailbox_pop(w->ring, &c));
	assert_int_equal(c.session_idx, w->s.idx);
	assert_int_equal(c.session_id, w->s.id);
	return c;
}

static void nothing_more(struct world *w)
{
	struct command c;

	assert_false(mailbox_pop(w->ring, &c));
}

static void an_open_says_all_the_worker_needs(void **state)
{
	struct world *w = *state;
	static const uint8_t meta[] = {0x47, 0x52, 0x11};
	int owner;
	struct ctl_flow_opts opts = {
		.meta = meta,
		.meta_len = sizeof(meta),
		.has_assoc = true,
		.assoc_id = 1000000,
		.prio = PRIO_CONTROL,
		.flags = FLOW_OPEN_TC,
		.rule_stream = 5,
		.owner = OWNER_GROUP,
		.ctx = &owner,
	};
	struct command c;

	assert_int_equal(ctl_flow_open(&w->s, &plain), 0);
	assert_int_equal(next(w).open.rule_stream, NO_STREAM);
	assert_int_equal(ctl_flow_open(&w->s, &opts), 1);
	c = next(w);
	assert_int_equal(c.op, CMD_FLOW_OPEN);
	assert_int_equal(c.flow, 1);
	assert_int_equal(c.open.flow_id, 1);
	assert_int_equal(c.open.assoc_id, 1000000);
	assert_int_equal(c.open.rule_stream, 5);
	assert_int_equal(c.open.flags, FLOW_OPEN_TC | FLOW_OPEN_ASSOC);
	assert_int_equal(c.open.meta_len, 3);
	assert_memory_equal(c.open.meta, meta, 3);
	assert_int_equal(w->s.tx[1].owner, OWNER_GROUP);
	assert_ptr_equal(w->s.tx[1].ctx, &owner);
}

static void a_slot_is_used_again_but_never_its_id(void **state)
{
	struct world *w = *state;

	for (uint64_t use = 0; use < 5; use++) {
		assert_int_equal(ctl_flow_open(&w->s, &plain), 0);
		assert_int_equal(ctl_flow_id(&w->s, 0), FLOWS_PER_SESSION * use);
		ctl_flow_close(&w->s, 0);
		// Until the worker is done with it, the slot is taken.
		assert_int_equal(ctl_flow_open(&w->s, &plain), 1);
		ctl_flow_freed(&w->s, 0);
		ctl_flow_freed(&w->s, 1);
	}
}

static void all_slots_and_no_more(void **state)
{
	struct world *w = *state;
	uint64_t id;

	for (int i = 0; i < FLOWS_PER_SESSION; i++)
		assert_int_equal(ctl_flow_open(&w->s, &plain), i);
	assert_int_equal(ctl_flow_open(&w->s, &plain), -ENOBUFS);
	assert_int_equal(ctl_flow_reserve(&w->s, OWNER_GROUP, NULL, &id), -ENOBUFS);
	ctl_flow_freed(&w->s, 17);
	ctl_flow_freed(&w->s, 17);      // a report too many changes nothing
	ctl_flow_freed(&w->s, NO_FLOW); // nor does a strange slot
	assert_int_equal(ctl_flow_reserve(&w->s, OWNER_GROUP, NULL, &id), 17);
	assert_int_equal(id, 17 + FLOWS_PER_SESSION);
	ctl_flow_unreserve(&w->s, 17);
	assert_int_equal(ctl_flow_open(&w->s, &plain), 17);
}

// rtmfp.md 14.1 (requirement 120) and 14.3: as it was accepted, a flow goes on.
static void a_flow_goes_on_in_the_order_it_was_accepted_with(void **state)
{
	struct world *w = *state;
	struct command c;
	int owner;

	for (int any_order = 0; any_order < 2; any_order++) {
		if (any_order)
			ctl_flow_accept_any_order(&w->s, 3, 70, OWNER_RPC, &owner);
		else
			ctl_flow_accept(&w->s, 3, 70, FLOW_CONTROL, NO_STREAM, OWNER_RPC, &owner);
		for (int i = 0; i < 2; i++) { // the accept, then the repetition
			c = next(w);
			assert_int_equal(c.op, CMD_FLOW_CLASS);
			assert_int_equal(c.flow, 3);
			assert_int_equal(c.class.flow_id, 70);
			assert_int_equal(c.class.class, FLOW_CONTROL);
			assert_int_equal(c.class.is_network_order, any_order);
			if (i == 0)
				ctl_flow_go_on(&w->s, 3, 70);
		}
		assert_int_equal(w->s.rx[3].owner, OWNER_RPC);
		assert_ptr_equal(w->s.rx[3].ctx, &owner);
	}
	ctl_flow_go_on(&w->s, 3, 71); // another flow has the slot
	ctl_flow_reject(&w->s, 3, 70, 0);
	assert_int_equal(next(w).class.class, FLOW_REJECT);
	ctl_flow_go_on(&w->s, 3, 70);
	nothing_more(w);
}

static void a_message_travels_in_a_body(void **state)
{
	struct world *w = *state;
	struct command c;

	ctl_flow_open(&w->s, &plain);
	next(w);
	assert_int_equal(ctl_flow_send(&w->s, 0, (const uint8_t *)"hello", 5, 123), 0);
	c = next(w);
	assert_int_equal(c.op, CMD_FLOW_SEND);
	assert_int_equal(c.flow, 0);
	assert_int_equal(c.len, 5);
	assert_memory_equal(c.body->data, "hello", 5);
	assert_int_equal(c.send.deadline_us, 123);
	body_put(c.body);
}

static void sending_is_refused(void **state)
{
	struct world *w = *state;
	uint32_t largest = body_pool_largest(w->bodies);
	uint8_t *huge = calloc(1, largest + 1);
	static const uint8_t octet[1];

	assert_int_equal(ctl_flow_send(&w->s, 0, octet, 1, 0), -ENOTCONN); // never opened
	assert_int_equal(ctl_flow_send(&w->s, NO_FLOW, octet, 1, 0), -ENOTCONN);
	ctl_flow_open(&w->s, &plain);
	assert_int_equal(ctl_flow_send(&w->s, 0, huge, largest + 1, 0), -ENOBUFS);
	ctl_flow_close(&w->s, 0);
	assert_int_equal(ctl_flow_send(&w->s, 0, octet, 1, 0), -ENOTCONN); // closing
	ctl_flow_open(&w->s, &plain);
	while (!outbox_is_crowded(w->s.outbox, 0))
		ctl_session_ping(&w->s, 0);
	assert_int_equal(ctl_flow_send(&w->s, 1, octet, 1, 0), -ENOBUFS); // the worker is stuck
	free(huge);
}

static void answers_to_receive_flows(void **state)
{
	struct world *w = *state;
	struct command c;

	ctl_flow_accept(&w->s, 9, 1u << 20, FLOW_STREAM_CONTROL, 4, OWNER_GROUP, w);
	c = next(w);
	assert_int_equal(c.op, CMD_FLOW_CLASS);
	assert_int_equal(c.flow, 9);
	assert_int_equal(c.class.flow_id, 1u << 20);
	assert_int_equal(c.class.class, FLOW_STREAM_CONTROL);
	assert_int_equal(c.class.stream, 4);
	assert_int_equal(w->s.rx[9].flow_id, 1u << 20);
	assert_int_equal(w->s.rx[9].owner, OWNER_GROUP);
	ctl_flow_reject(&w->s, 9, 1u << 20, 42);
	c = next(w);
	assert_int_equal(c.class.class, FLOW_REJECT);
	assert_int_equal(c.class.exception, 42);
	assert_int_equal(w->s.rx[9].owner, OWNER_NONE);
}

static void a_closing_session_takes_no_more_commands(void **state)
{
	struct world *w = *state;
	uint64_t id;

	ctl_flow_open(&w->s, &plain);
	next(w);
	ctl_session_close(&w->s, CLOSE_ORDERLY);
	assert_int_equal(next(w).close.how, CLOSE_ORDERLY);
	assert_int_equal(w->s.state, CTL_CLOSING);
	ctl_session_close(&w->s, CLOSE_ABRUPT);
	ctl_session_ping(&w->s, 0);
	ctl_session_keepalive(&w->s, 1, 1);
	ctl_flow_close(&w->s, 0);
	ctl_flow_accept(&w->s, 0, 0, FLOW_CONTROL, NO_STREAM, OWNER_RPC, NULL);
	ctl_flow_reject(&w->s, 0, 0, 0);
	assert_int_equal(ctl_flow_open(&w->s, &plain), -ENOTCONN);
	assert_int_equal(ctl_flow_reserve(&w->s, OWNER_RPC, NULL, &id), -ENOTCONN);
	assert_int_equal(ctl_flow_send(&w->s, 0, NULL, 0, 0), -ENOTCONN);
	assert_int_equal(ctl_session_chunk(&w->s, span_of("x", 1)), -ENOTCONN);
	nothing_more(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(an_open_says_all_the_worker_needs),
		T(a_flow_goes_on_in_the_order_it_was_accepted_with),
		T(a_slot_is_used_again_but_never_its_id),
		T(all_slots_and_no_more),
		T(a_message_travels_in_a_body),
		T(sending_is_refused),
		T(answers_to_receive_flows),
		T(a_closing_session_takes_no_more_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
