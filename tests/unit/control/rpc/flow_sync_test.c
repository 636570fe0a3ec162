// Barriers across flows (rtmfp.md §14.3, requirement 121): who waits, who goes on, and what bounds
// it.
#include "tests/support/test.h"

#include <errno.h>

#include "control/outbox.h"
#include "control/rpc/flow_sync.h"
#include "control/startup/ctl_session.h"
#include "dataplane/mailbox.h"
#include "dataplane/wire/rtmp_msg.h"

struct world {
	struct mailbox *ring;
	struct body_pool *bodies;
	struct ctl_session s;
	struct ctl_flows flows;
	struct flow_syncs syncs;
	struct flow_sync_counters counters;
	uint64_t now_us;
};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct command c;

	w->ring = mailbox_create(256);
	w->bodies = body_pool_create(1 << 20);
	w->s = (struct ctl_session){.id = 7, .state = CTL_OPEN};
	ctl_session_flows_set(&w->s, &w->flows);
	w->s.outbox = outbox_create(&w->ring, 1, w->bodies);
	w->now_us = 1000000;
	w->syncs.session = &w->s;
	for (uint16_t slot = 0; slot < FLOWS_PER_SESSION; slot++) {
		ctl_flow_accept(&w->s, slot, 100 + slot, FLOW_CONTROL, NO_STREAM, OWNER_RPC, w);
		while (mailbox_pop(w->ring, &c))
			;
	}
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	outbox_destroy(w->s.outbox);
	body_pool_destroy(w->bodies);
	mailbox_destroy(w->ring);
	free(w);
	return 0;
}

static void arrives_in(struct world *w, const void *tree, uint16_t slot, uint32_t id,
		       uint32_t count)
{
	const uint8_t payload[] = {0,
				   UC_FLOW_SYNC,
				   id >> 24 & 0xff,
				   id >> 16 & 0xff,
				   id >> 8 & 0xff,
				   id & 0xff,
				   count >> 24 & 0xff,
				   count >> 16 & 0xff,
				   count >> 8 & 0xff,
				   count & 0xff};

	flow_sync_arrived(&w->syncs, tree, slot, (struct span){payload, sizeof(payload)},
			  &w->counters, w->now_us);
}

static void arrives(struct world *w, uint16_t slot, uint32_t id, uint32_t count)
{
	arrives_in(w, NULL, slot, id, count);
}

// The slots that were told to go on since the last look, a bit each.
static uint64_t gone_on(struct world *w)
{
	uint64_t slots = 0;
	struct command c;

	while (mailbox_pop(w->ring, &c)) {
		assert_int_equal(c.op, CMD_FLOW_CLASS);
		assert_int_equal(c.class.class, FLOW_CONTROL);
		assert_int_equal(c.class.flow_id, 100 + c.flow);
		assert_false(slots >> c.flow & 1);
		slots |= UINT64_C(1) << c.flow;
	}
	return slots;
}

static void all_wait_for_the_last(void **state)
{
	struct world *w = *state;

	arrives(w, 1, 5, 3);
	arrives(w, 4, 5, 3);
	assert_int_equal(gone_on(w), 0);
	arrives(w, 2, 5, 3);
	assert_int_equal(gone_on(w), 1 << 1 | 1 << 4 | 1 << 2);
	assert_int_equal(w->counters.held, 2);
	assert_int_equal(flow_syncs_deadline_us(&w->syncs), UINT64_MAX);
	arrives(w, 1, 5, 2); // the id is free for another
	assert_int_equal(gone_on(w), 0);
}

static void a_barrier_of_one_holds_nobody(void **state)
{
	struct world *w = *state;

	arrives(w, 1, 5, 1);
	assert_int_equal(gone_on(w), 1 << 1);
	assert_int_equal(w->counters.held, 0);
}

static void ids_and_trees_are_apart(void **state)
{
	struct world *w = *state;

	arrives(w, 1, 5, 2);
	arrives(w, 2, 6, 2);
	arrives_in(w, w, 3, 5, 2);
	assert_int_equal(gone_on(w), 0);
	arrives_in(w, w, 4, 5, 2);
	assert_int_equal(gone_on(w), 1 << 3 | 1 << 4);
	arrives(w, 5, 6, 2);
	assert_int_equal(gone_on(w), 1 << 2 | 1 << 5);
	arrives(w, 6, 5, 2);
	assert_int_equal(gone_on(w), 1 << 1 | 1 << 6);
}

// Each flow waits for as many as its own message says.
static void counts_may_differ(void **state)
{
	struct world *w = *state;

	arrives(w, 1, 5, 3);
	arrives(w, 2, 5, 2);
	assert_int_equal(gone_on(w), 1 << 2);
	arrives(w, 3, 5, 2);
	assert_int_equal(gone_on(w), 1 << 1 | 1 << 3);
}

static void what_is_never_complete_is_given_up(void **state)
{
	struct world *w = *state;
	uint64_t until = w->now_us + BARRIER_US;

	arrives(w, 1, 5, 3);
	w->now_us += BARRIER_US / 2;
	arrives(w, 2, 5, 3); // buys no more time
	assert_int_equal(flow_syncs_deadline_us(&w->syncs), until);
	flow_syncs_timers(&w->syncs, &w->counters, until - 1);
	assert_int_equal(gone_on(w), 0);
	flow_syncs_timers(&w->syncs, &w->counters, until);
	assert_int_equal(gone_on(w), 1 << 1 | 1 << 2);
	assert_int_equal(w->counters.abandoned, 1);
	assert_int_equal(flow_syncs_deadline_us(&w->syncs), UINT64_MAX);
}

static void ids_are_bounded(void **state)
{
	struct world *w = *state;

	for (uint16_t i = 0; i < BARRIERS_MAX; i++)
		arrives(w, i, 1000 + i, 2);
	assert_int_equal(gone_on(w), 0);
	arrives(w, 40, 2000, 2);
	assert_int_equal(gone_on(w), UINT64_C(1) << 40);
	assert_int_equal(w->counters.refused, 1);
	arrives(w, 41, 1000, 2); // the others are still kept
	assert_int_equal(gone_on(w), UINT64_C(1) << 41 | 1);
}

static void what_cannot_be_holds_nothing(void **state)
{
	struct world *w = *state;
	const uint8_t cut[] = {0, UC_FLOW_SYNC, 0, 0};

	arrives(w, 1, 5, FLOWS_PER_SESSION + 1); // more than there can be
	assert_int_equal(gone_on(w), 1 << 1);
	arrives(w, 1, 5, UINT32_MAX);
	assert_int_equal(gone_on(w), 1 << 1);
	arrives(w, 1, 5, 0); // not even itself
	assert_int_equal(gone_on(w), 1 << 1);
	flow_sync_arrived(&w->syncs, NULL, 2, (struct span){cut, sizeof(cut)}, &w->counters,
			  w->now_us);
	assert_int_equal(gone_on(w), 1 << 2);
	assert_int_equal(w->counters.refused, 4);
	assert_int_equal(flow_syncs_deadline_us(&w->syncs), UINT64_MAX);
}

// A flow that ends while it waits counts, but its slot is another's then, of another class perhaps.
static void a_flow_that_ended_is_not_let_go(void **state)
{
	struct world *w = *state;
	struct command c;

	arrives(w, 1, 5, 2);
	ctl_flow_accept(&w->s, 1, 555, FLOW_STREAM_CONTROL, 3, OWNER_GROUP, w);
	assert_true(mailbox_pop(w->ring, &c));
	arrives(w, 2, 5, 2);
	assert_int_equal(gone_on(w), 1 << 2);
}

static void we_put_the_same_barrier_into_all(void **state)
{
	const struct ctl_flow_opts opts = {.rule_stream = NO_STREAM, .owner = OWNER_RPC};
	struct world *w = *state;
	struct user_control u;
	uint16_t slots[3];
	struct command c;

	for (int i = 0; i < 3; i++)
		slots[i] = (uint16_t)ctl_flow_open(&w->s, &opts);
	while (mailbox_pop(w->ring, &c))
		;
	assert_int_equal(flow_sync_send(&w->s, slots, 0, 9), -EINVAL);
	assert_int_equal(flow_sync_send(&w->s, (uint16_t[]){0, 1, 0}, 3, 9), -EINVAL);
	assert_int_equal(flow_sync_send(&w->s, (uint16_t[]){FLOWS_PER_SESSION}, 1, 9), -EINVAL);
	assert_int_equal(flow_sync_send(&w->s, (uint16_t[]){0, 40}, 2, 9), -ENOTCONN);
	assert_true(mailbox_pop(w->ring, &c)); // the first had got it
	body_put(c.body);
	assert_int_equal(flow_sync_send(&w->s, slots, 3, 9), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(mailbox_pop(w->ring, &c));
		assert_int_equal(c.op, CMD_FLOW_SEND);
		assert_int_equal(c.flow, slots[i]);
		assert_true(rtmp_is_flow_sync((struct span){c.body->data, c.len}));
		assert_int_equal(user_control_read(&u, (struct span){c.body->data + RTMP_HEAD_LEN,
								     c.len - RTMP_HEAD_LEN}),
				 0);
		assert_int_equal(u.flow_sync.id, 9);
		assert_int_equal(u.flow_sync.count, 3);
		body_put(c.body);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(all_wait_for_the_last),
		T(a_barrier_of_one_holds_nobody),
		T(ids_and_trees_are_apart),
		T(counts_may_differ),
		T(what_is_never_complete_is_given_up),
		T(ids_are_bounded),
		T(what_cannot_be_holds_nothing),
		T(a_flow_that_ended_is_not_let_go),
		T(we_put_the_same_barrier_into_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
