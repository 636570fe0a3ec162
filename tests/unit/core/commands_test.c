#include "dataplane/core/internal.h"

#include "tests/support/far_end.h"
#include "tests/support/test.h"

static const struct loop_form plain_form;

static struct loop *loop_one(uint32_t ring_slots)
{
	return loop_create(&(struct loop_opts){.seed = 16, .n_nodes = 1, .ring_slots = ring_slots});
}

static void command_with_body(struct loop *l, enum command_op op, uint32_t slot, uint32_t id)
{
	struct command cmd = {.op = op, .session_idx = slot, .session_id = id, .len = 3};

	cmd.body = loop_body(l, 0, "\x0f\0\0", 3);
	loop_command(l, 0, &cmd);
}

static void a_body_comes_home_even_from_a_command_too_late(void **state)
{
	static const enum command_op ops[] = {CMD_FLOW_SEND, CMD_SESSION_CHUNK, CMD_STREAM_LINK};
	struct loop *l = loop_one(0);
	struct far_end f = far_connect(l, 0, &plain_form, true);

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		command_with_body(l, ops[i], f.slot, f.id ^ 1u << 31);
		command_with_body(l, ops[i], 63, f.id);
		command_with_body(l, ops[i], 64, f.id); // no such slot
		command_with_body(l, ops[i], UINT32_MAX, f.id);
	}
	loop_turn(l);
	assert_int_equal(body_pool_lent(l->nodes[0].bodies), 0);
	assert_int_equal(engine_stats(l->nodes[0].engine)->drops[DROP_STALE_COMMAND],
			 4 * ARRAY_LEN(ops));
	loop_destroy(l);
}

static void a_closing_session_takes_no_more_work(void **state)
{
	struct loop *l = loop_one(0);
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct command cmd = {.op = CMD_SESSION_CLOSE, .session_idx = f.slot, .session_id = f.id};

	loop_command(l, 0, &cmd);
	command_with_body(l, CMD_SESSION_CHUNK, f.slot, f.id);
	loop_turn(l);
	assert_int_equal(engine_stats(l->nodes[0].engine)->drops[DROP_STALE_COMMAND], 1);
	assert_int_equal(body_pool_lent(l->nodes[0].bodies), 0);
	loop_destroy(l);
}

static void a_turn_takes_32_commands(void **state)
{
	struct loop *l = loop_one(0);
	struct command cmd = {.op = CMD_TC_ELSEWHERE};

	for (int i = 0; i < 70; i++)
		loop_command(l, 0, &cmd);
	assert_int_equal(engine_commands(l->nodes[0].engine, l->now_us), 32);
	assert_int_equal(engine_commands(l->nodes[0].engine, l->now_us), 32);
	assert_int_equal(engine_commands(l->nodes[0].engine, l->now_us), 6);
	assert_int_equal(engine_commands(l->nodes[0].engine, l->now_us), 0);
	loop_destroy(l);
}

static void commands_wait_while_the_report_ring_is_short_of_room(void **state)
{
	struct loop *l = loop_one(16);
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct command cmd = {.op = CMD_SESSION_CLOSE, .session_idx = f.slot, .session_id = f.id};
	struct report filler = {.op = REP_FLOW_FREED}, r;
	struct engine *e = l->nodes[0].engine;

	for (int i = 0; i < 9; i++)
		mailbox_push(l->nodes[0].reports, &filler);
	loop_command(l, 0, &cmd);
	assert_int_equal(engine_commands(e, l->now_us), 0);
	mailbox_pop(l->nodes[0].reports, &r);
	assert_int_equal(engine_commands(e, l->now_us), 1);
	loop_destroy(l);
}

static void giving_back_cannot_fail(void **state)
{
	struct loop *l = loop_one(16);
	struct engine *e = l->nodes[0].engine;
	struct report filler = {.op = REP_FLOW_FREED};

	l->nodes[0].is_deaf = true;
	while (mailbox_push(l->nodes[0].reports, &filler))
		;
	for (int i = 0; i < 500; i++)
		engine_body_home(e, loop_body(l, 0, "x", 1));
	engine_body_home(e, NULL);
	assert_int_equal(body_pool_lent(l->nodes[0].bodies), 500);
	assert_true(engine_deadline_us(e) <= l->now_us + 1000);
	l->nodes[0].is_deaf = false;
	loop_run_us(l, 20000);
	assert_int_equal(body_pool_lent(l->nodes[0].bodies), 0);
	loop_destroy(l);
}

static void five_bodies_travel_in_one_report(void **state)
{
	struct loop *l = loop_one(0);
	struct engine *e = l->nodes[0].engine;

	for (int i = 0; i < 23; i++)
		engine_body_home(e, loop_body(l, 0, "x", 1));
	engine_flush(e);
	assert_int_equal(mailbox_n(l->nodes[0].reports), 5);
	loop_turn(l);
	assert_int_equal(body_pool_lent(l->nodes[0].bodies), 0);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_comes_home_even_from_a_command_too_late),
		cmocka_unit_test(a_closing_session_takes_no_more_work),
		cmocka_unit_test(a_turn_takes_32_commands),
		cmocka_unit_test(commands_wait_while_the_report_ring_is_short_of_room),
		cmocka_unit_test(giving_back_cannot_fail),
		cmocka_unit_test(five_bodies_travel_in_one_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
