#include "dataplane/core/stats.h"

#include "tests/support/far_end.h"
#include "tests/support/test.h"

static const struct loop_form plain_form;

static void many_slots(struct engine_opts *o)
{
	o->sessions_max = 300;
}

static void ask(struct loop *l, enum stats_table table)
{
	struct command cmd = {.op = CMD_STATS};

	cmd.stats.table = table;
	loop_command(l, 0, &cmd);
}

static void the_workers_counters_are_one_row(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 17, .n_nodes = 1});
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct worker_stats row;
	struct report r;

	far_send_datagram(&f, span_of("rubbish that is nobody's", 24));
	ask(l, STATS_WORKER);
	loop_turn(l);
	assert_true(loop_take(l, 0, REP_STATS, &r));
	assert_int_equal(r.flags, STATS_LAST);
	assert_int_equal(r.stats.n, 1);
	assert_int_equal(r.len, sizeof(row));
	memcpy(&row, r.body->data, sizeof(row));
	assert_int_equal(row.rx_packets, 1);
	assert_int_equal(row.rx_bytes, 24);
	assert_int_equal(row.sessions_open, 1);
	loop_put(l, 0, r.body);
	loop_destroy(l);
}

static void every_open_session_is_a_row(void **state)
{
	struct loop *l =
		loop_create(&(struct loop_opts){.seed = 17, .n_nodes = 1, .tune = many_slots});
	uint64_t seen[300] = {0};
	uint32_t reports = 0, rows = 0;
	struct report r;
	struct far_end f = {0};

	for (int i = 0; i < 200; i++)
		f = far_connect(l, 0, &(struct loop_form){.rtt_us = 30000}, true);
	far_send_chunks(&f, span_of("\x01\0\0", 3));
	l->now_us += 5000000;
	ask(l, STATS_SESSIONS);
	loop_turn(l);
	while (loop_take(l, 0, REP_STATS, &r)) {
		for (uint32_t i = 0; i < r.stats.n; i++) {
			struct session_stats row;

			memcpy(&row, r.body->data + i * sizeof(row), sizeof(row));
			seen[row.session_idx]++;
			assert_int_equal(row.srtt_us, 30000);
			assert_int_equal(row.silent_ms, 5000);
			assert_int_equal(row.far.port, 10000 + row.session_idx);
			assert_int_equal(row.rx_packets, row.session_idx == f.slot);
		}
		reports++;
		rows += r.stats.n;
		assert_int_equal((r.flags & STATS_LAST) != 0, rows == 200);
		loop_put(l, 0, r.body);
	}
	assert_int_equal(reports, 4);
	for (int i = 0; i < 300; i++)
		assert_int_equal(seen[i], i < 200);
	loop_destroy(l);
}

static void an_empty_table_is_answered_too(void **state)
{
	static const enum stats_table tables[] = {STATS_SESSIONS, STATS_STREAMS, STATS_LINKS};
	struct loop *l = loop_create(&(struct loop_opts){.seed = 17, .n_nodes = 1});
	struct report r;

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		ask(l, tables[i]);
	loop_turn(l);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		assert_true(loop_take(l, 0, REP_STATS, &r));
		assert_int_equal(r.stats.table, tables[i]);
		assert_int_equal(r.stats.n, 0);
		assert_int_equal(r.flags, STATS_LAST);
		loop_put(l, 0, r.body);
	}
	loop_destroy(l);
}

static void figures_leave_the_ring_to_what_matters(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){
		.seed = 17, .n_nodes = 1, .tune = many_slots, .ring_slots = 32});
	struct engine *e = l->nodes[0].engine;
	uint32_t n = 0;
	struct report r;

	for (int i = 0; i < 200; i++)
		far_connect(l, 0, &plain_form, true);
	l->nodes[0].is_deaf = true;
	for (int i = 0; i < 14; i++)
		mailbox_push(l->nodes[0].reports, &(struct report){.op = REP_FLOW_FREED});
	ask(l, STATS_SESSIONS);
	engine_commands(e, l->now_us);
	assert_int_equal(mailbox_room(l->nodes[0].reports), 15);
	assert_true(engine_deadline_us(e) <= l->now_us + 1000);
	l->nodes[0].is_deaf = false;
	loop_run_us(l, 20000);
	while (loop_take(l, 0, REP_STATS, &r)) {
		n += r.stats.n;
		loop_put(l, 0, r.body);
	}
	assert_int_equal(n, 200);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_workers_counters_are_one_row),
		cmocka_unit_test(every_open_session_is_a_row),
		cmocka_unit_test(an_empty_table_is_answered_too),
		cmocka_unit_test(figures_leave_the_ring_to_what_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
