// Flows over whole engines: sealed packets, real alarms, control on both sides.
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/internal.h"
#include "dataplane/core/timer.h"
#include "tests/support/loop.h"
#include "tests/support/test.h"

#define META     "\x54\x43\x04"
#define MESSAGES 40

static uint8_t octets[300000];

static void open_flow(struct loop *l, const struct loop_pair *p, int end, uint16_t slot,
		      int64_t assoc)
{
	struct command cmd = {.op = CMD_FLOW_OPEN,
			      .flow = slot,
			      .session_idx = p->slot[end],
			      .session_id = p->id[end]};

	cmd.open.flow_id = slot;
	cmd.open.rule_stream = NO_STREAM;
	cmd.open.flags = assoc >= 0 ? FLOW_OPEN_ASSOC : 0;
	cmd.open.assoc_id = (uint64_t)assoc;
	cmd.open.meta_len = 3;
	memcpy(cmd.open.meta, META, 3);
	loop_command(l, p->node[end], &cmd);
}

static void send(struct loop *l, const struct loop_pair *p, int end, uint16_t slot, uint32_t no,
		 uint32_t len)
{
	struct command cmd = {.op = CMD_FLOW_SEND,
			      .flow = slot,
			      .session_idx = p->slot[end],
			      .session_id = p->id[end],
			      .len = len};

	memset(octets, (int)no, len);
	cmd.body = loop_body(l, p->node[end], octets, len);
	loop_command(l, p->node[end], &cmd);
}

static void close_flow(struct loop *l, const struct loop_pair *p, int end, uint16_t slot)
{
	loop_command(l, p->node[end],
		     &(struct command){.op = CMD_FLOW_CLOSE,
				       .flow = slot,
				       .session_idx = p->slot[end],
				       .session_id = p->id[end]});
}

static void give_class(struct loop *l, const struct loop_pair *p, int end)
{
	struct report r;

	while (loop_take(l, p->node[end], REP_FLOW_OPENED, &r)) {
		struct command cmd = {.op = CMD_FLOW_CLASS,
				      .flow = r.flow,
				      .session_idx = p->slot[end],
				      .session_id = p->id[end]};

		cmd.class.flow_id = r.opened.flow_id;
		cmd.class.class = FLOW_CONTROL;
		loop_command(l, p->node[end], &cmd);
	}
}

static uint32_t len_of(uint32_t no)
{
	return no % 8 == 7 ? no * 7000 : no * 40;
}

// Takes messages in order; every octet is the message's number.
static uint32_t take(struct loop *l, const struct loop_pair *p, int end, uint32_t next)
{
	struct report r;

	for (; loop_take(l, p->node[end], REP_MESSAGE, &r); next++) {
		assert_int_equal(r.len, len_of(next));
		assert_int_equal(r.message.gap_before, 0);
		for (uint32_t i = 0; i < r.len; i++)
			if (r.body->data[i] != (uint8_t)next)
				fail_msg("message %u, octet %u", next, i);
		loop_put(l, p->node[end], r.body);
	}
	return next;
}

static void messages_both_ways(uint64_t seed, const struct loop_form *form, uint32_t loss_permille)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = seed,
							 .n_nodes = 2,
							 .delay_us = 10000,
							 .jitter_us = 15000,
							 .loss_permille = loss_permille,
							 .duplicate_permille = 50});
	struct loop_pair p = loop_connect(l, 0, 1, form);
	uint32_t n[2] = {0};

	for (int end = 0; end < 2; end++) {
		open_flow(l, &p, end, 3, -1);
		for (uint32_t no = 0; no < MESSAGES; no++)
			send(l, &p, end, 3, no, len_of(no));
		close_flow(l, &p, end, 3);
	}
	for (int i = 0; i < 3000; i++) {
		if (loop_count(l, 0, REP_FLOW_FREED) + loop_count(l, 1, REP_FLOW_FREED) == 2 &&
		    n[0] + n[1] == 2 * MESSAGES)
			break;
		loop_run_us(l, 100000);
		for (int end = 0; end < 2; end++) {
			give_class(l, &p, end);
			n[end] = take(l, &p, end, n[end]);
		}
	}
	for (uint32_t end = 0; end < 2; end++) {
		assert_int_equal(n[end], MESSAGES);
		assert_int_equal(loop_count(l, end, REP_FLOW_FREED), 1);
		assert_int_equal(loop_count(l, end, REP_FLOW_FINISHED), 1);
		assert_int_equal(engine_stats(l->nodes[end].engine)->drops[DROP_MALFORMED], 0);
	}
	loop_destroy(l);
}

static void in_the_checksum_form(void **state)
{
	for (uint64_t seed = 1; seed <= 3; seed++)
		messages_both_ways(seed, &(struct loop_form){0}, 300);
}

static void with_hmac_and_sequence_numbers(void **state)
{
	messages_both_ways(10, &(struct loop_form){.tag_len = 16, .has_sseq = true}, 300);
}

static void without_loss(void **state)
{
	messages_both_ways(20, &(struct loop_form){.tag_len = 10}, 0);
}

// Control loses interest in its ring: nothing is lost, the far end is slowed down.
static void a_deaf_control_slows_the_far_end_down(void **state)
{
	struct loop *l = loop_create(
		&(struct loop_opts){.seed = 30, .n_nodes = 2, .delay_us = 5000, .ring_slots = 64});
	struct loop_pair p = loop_connect(l, 0, 1, &(struct loop_form){0});
	uint32_t n = 0;

	open_flow(l, &p, 0, 3, -1);
	loop_run_us(l, 100000);
	for (uint32_t no = 0; no < MESSAGES; no++)
		send(l, &p, 0, 3, no, len_of(no));
	loop_run_us(l, 100000);
	give_class(l, &p, 1);
	l->nodes[1].is_deaf = true;
	loop_run_us(l, 5000000);
	l->nodes[1].is_deaf = false;
	for (int i = 0; i < 600 && n < MESSAGES; i++) {
		loop_run_us(l, 100000);
		n = take(l, &p, 1, n);
	}
	assert_int_equal(n, MESSAGES);
	loop_destroy(l);
}

// §3.5.5: leaving S_OPEN ends all flows; bodies go home (loop_destroy asserts it).
// Nothing is sent, nothing half received is kept, and what control has lent is home again.
static void assert_no_flows(struct loop *l, uint32_t node)
{
	const struct flows *f = l->nodes[node].engine->flows;

	assert_int_equal(f->tx_pool.n + f->rx_pool.n, 0);
	assert_int_equal(slabs_lent(f->tx_slabs) + slabs_lent(f->rx_slabs), 0);
	assert_int_equal(f->messages.free.n + f->cells.free.n, 0);
	assert_int_equal(body_pool_lent(l->nodes[node].bodies), 0);
}

// §3.5: flows are of S_OPEN alone.
static void a_close_in_the_middle_returns_everything(void **state)
{
	struct loop *l =
		loop_create(&(struct loop_opts){.seed = 40, .n_nodes = 2, .delay_us = 20000});
	struct loop_pair p = loop_connect(l, 0, 1, &(struct loop_form){0});

	open_flow(l, &p, 0, 3, -1);
	open_flow(l, &p, 1, 4, -1);
	send(l, &p, 0, 3, 1, 100000);
	send(l, &p, 1, 4, 1, 100000);
	loop_run_us(l, 70000);
	give_class(l, &p, 1);
	loop_run_us(l, 30000);
	loop_command(l, 0,
		     &(struct command){.op = CMD_SESSION_CLOSE,
				       .session_idx = p.slot[0],
				       .session_id = p.id[0]});
	loop_run_us(l, 10000); // long before the far end hears of it
	assert_no_flows(l, 0);
	loop_run_us(l, 25000000);
	assert_no_flows(l, 1);
	assert_int_equal(loop_count(l, 0, REP_SESSION_CLOSED), 1);
	assert_int_equal(loop_count(l, 1, REP_SESSION_CLOSED), 1);
	assert_int_equal(loop_count(l, 0, REP_FLOW_FREED), 0); // the session's end says it all
	loop_destroy(l);
}

// §3.6.3.4: wherever in a tick of the alarms' wheel the data comes.
static void a_delayed_ack_leaves_within_200_ms(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 6, .n_nodes = 2});
	struct loop_pair p = loop_connect(l, 0, 1, &(struct loop_form){0});
	const struct worker_stats *receiver = engine_stats(l->nodes[1].engine);
	uint64_t n_acks;

	open_flow(l, &p, 0, 3, -1);
	send(l, &p, 0, 3, 0, 40);
	for (uint32_t no = 1; no <= TIMER_TICK_MS; no++) {
		loop_run_us(l, 300000);
		give_class(l, &p, 1);
		loop_run_us(l, 1000); // into the tick
		n_acks = receiver->acks_sent;
		send(l, &p, 0, 3, no, 40);
		loop_run_us(l, 190000);
		assert_int_equal(receiver->acks_sent, n_acks);
		loop_run_us(l, 10000);
		assert_int_equal(receiver->acks_sent, n_acks + 1);
		loop_run_us(l, 100000);
	}
	loop_forget(l, 1);
	loop_destroy(l);
}

// ---- a group's budget ----

#define GROUP_BYTES_S 100000

static void open_for(struct loop *l, const struct loop_pair *p, uint16_t slot, uint16_t group,
		     enum flow_prio prio, uint8_t flags)
{
	struct command cmd = {.op = CMD_FLOW_OPEN,
			      .flow = slot,
			      .session_idx = p->slot[0],
			      .session_id = p->id[0]};

	cmd.open.flow_id = slot;
	cmd.open.rule_stream = NO_STREAM;
	cmd.open.group = group;
	cmd.open.prio = prio;
	cmd.open.flags = flags;
	cmd.open.meta_len = 3;
	memcpy(cmd.open.meta, META, 3);
	loop_command(l, 0, &cmd);
}

// Octets of messages that have come to the other end, by flow.
static void take_octets(struct loop *l, const struct loop_pair *p, uint64_t octets_of[8])
{
	struct report r;

	give_class(l, p, 1);
	while (loop_take(l, 1, REP_MESSAGE, &r)) {
		octets_of[r.message.flow_id] += r.len;
		loop_put(l, 1, r.body);
	}
}

// Postings and objects of a group share its budget with its streams; other groups' messages, and
// those of none, pass them by in the same session. What is said in control never waits, and is
// charged.
static void a_groups_messages_wait_for_its_budget(void **state)
{
	struct loop *l =
		loop_create(&(struct loop_opts){.seed = 4, .n_nodes = 2, .delay_us = 5000});
	struct loop_pair p = loop_connect(l, 0, 1, &(struct loop_form){.rtt_us = 10000});
	struct command limit = {.op = CMD_BUDGET};
	struct engine *e = l->nodes[0].engine;
	uint64_t got[8] = {0}, before;

	limit.budget.level = LIMIT_GROUP;
	limit.budget.group = 1;
	limit.budget.bytes_per_s = GROUP_BYTES_S;
	loop_command(l, 0, &limit);
	open_for(l, &p, 2, 1, PRIO_POST, 0);
	open_for(l, &p, 3, 1, PRIO_BULK, 0);
	open_for(l, &p, 4, 0, PRIO_BULK, 0);
	open_for(l, &p, 5, 1, PRIO_CONTROL, 0);
	for (int i = 0; i < 60; i++)
		for (uint16_t slot = 2; slot < 5; slot++)
			send(l, &p, 0, slot, 1, 10000);
	for (int i = 0; i < 20; i++) {
		loop_run_us(l, 100000);
		take_octets(l, &p, got);
	}
	assert_int_equal(got[4], 600000); // of no group
	assert_in_range(got[2] + got[3], 2 * GROUP_BYTES_S * 85 / 100,
			2 * GROUP_BYTES_S * 102 / 100);
	assert_true(engine_budget_gauge(e, 1).n_held > 0);
	assert_true(e->stats.held[HELD_GROUP] > 0);

	before = engine_budget_gauge(e, 1).used_bytes;
	send(l, &p, 0, 5, 1, 1000);
	loop_run_us(l, 30000);
	take_octets(l, &p, got);
	assert_int_equal(got[5], 1000);
	assert_true(engine_budget_gauge(e, 1).used_bytes > before + 1000);

	limit.budget.bytes_per_s = 0; // and nothing is forgotten
	loop_command(l, 0, &limit);
	for (int i = 0; i < 30; i++) {
		loop_run_us(l, 100000);
		take_octets(l, &p, got);
	}
	assert_int_equal(got[2] + got[3], 1200000);
	loop_destroy(l);
}

// Sound is live media, so a budget that is short holds it back with the pictures, and not before
// they are.
static void what_goes_first_does_so_within_its_budget(void **state)
{
	struct loop *l =
		loop_create(&(struct loop_opts){.seed = 6, .n_nodes = 2, .delay_us = 5000});
	struct loop_pair p = loop_connect(l, 0, 1, &(struct loop_form){.rtt_us = 10000});
	struct command limit = {.op = CMD_BUDGET};
	uint64_t got[8] = {0};

	limit.budget.level = LIMIT_TOTAL;
	limit.budget.bytes_per_s = GROUP_BYTES_S;
	loop_command(l, 0, &limit);
	open_for(l, &p, 2, 0, PRIO_MEDIA, 0);
	open_for(l, &p, 3, 0, PRIO_MEDIA, FLOW_OPEN_FIRST);
	for (int i = 0; i < 100; i++)
		for (uint16_t slot = 2; slot < 4; slot++)
			send(l, &p, 0, slot, 1, 1000);
	for (int i = 0; i < 10; i++) {
		loop_run_us(l, 100000);
		take_octets(l, &p, got);
	}
	assert_in_range(got[3], GROUP_BYTES_S * 75 / 100, GROUP_BYTES_S); // all that there was
	assert_in_range(got[2], 0, GROUP_BYTES_S / 10);
	for (int i = 0; i < 20; i++) {
		loop_run_us(l, 100000);
		take_octets(l, &p, got);
	}
	assert_int_equal(got[2] + got[3], 200000);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_checksum_form),
		cmocka_unit_test(with_hmac_and_sequence_numbers),
		cmocka_unit_test(without_loss),
		cmocka_unit_test(a_deaf_control_slows_the_far_end_down),
		cmocka_unit_test(a_close_in_the_middle_returns_everything),
		cmocka_unit_test(a_delayed_ack_leaves_within_200_ms),
		cmocka_unit_test(a_groups_messages_wait_for_its_budget),
		cmocka_unit_test(what_goes_first_does_so_within_its_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
