// Whole engines, back to back.
#include <errno.h>
#include <unistd.h>

#include "dataplane/core/internal.h"
#include "tests/support/far_end.h"
#include "tests/support/loop.h"
#include "tests/support/test.h"

static const struct {
	const char *name;
	struct loop_form form;
} forms[] = {
	{"checksum", {0}},
	{"checksum, numbered", {.has_sseq = true}},
	{"hmac", {.tag_len = 10}},
	{"hmac, numbered", {.tag_len = 32, .has_sseq = true}},
};

// A ping goes there and its reply comes back: both ends seal and open each other's packets.
static void two_engines_understand_each_other_in_every_form(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct loop *l = loop_create(
			&(struct loop_opts){.seed = 1 + i, .n_nodes = 2, .delay_us = 10000});
		struct loop_form form = forms[i].form;
		struct loop_pair p;
		struct report r;

		form.keepalive_us = 8000000;
		p = loop_connect(l, 0, 1, &form);
		loop_run_us(l, 10000000);
		for (uint32_t n = 0; n < 2; n++) {
			assert_row(loop_take(l, n, REP_SESSION_ALIVE, &r), forms[i].name);
			assert_row(r.session_idx == p.slot[n] && r.session_id == p.id[n],
				   forms[i].name);
			assert_row(engine_stats(l->nodes[n].engine)->drops[DROP_AUTH] == 0,
				   forms[i].name);
		}
		loop_destroy(l);
	}
}

// -- options and memory --

static struct loop *tools(void)
{
	return loop_create(&(struct loop_opts){.seed = 2, .n_nodes = 1});
}

static void no_random(struct engine_opts *o)
{
	o->random = NULL;
}

static void worker_17(struct engine_opts *o)
{
	o->worker = 16;
}

static void no_sessions(struct engine_opts *o)
{
	o->sessions_max = 0;
}

static void too_many_sessions(struct engine_opts *o)
{
	o->sessions_max = (1u << SESSION_SLOT_BITS) + 1;
}

static void no_flows(struct engine_opts *o)
{
	o->flows_per_session = 0;
}

static void more_flows_than_slots(struct engine_opts *o)
{
	o->flows_per_session = FLOWS_PER_SESSION + 1;
}

static void tiny_packets(struct engine_opts *o)
{
	o->payload_base = 100;
}

static void huge_packets(struct engine_opts *o)
{
	o->payload_base = 9000;
}

static void messages_beyond_the_largest_body(struct engine_opts *o)
{
	o->body_bytes = 1 << 20;
	o->message_bytes_max = 1 << 20;
}

static void options_beyond_the_limits_are_refused(void **state)
{
	static void (*const breaks[])(struct engine_opts *) = {
		no_random,
		worker_17,
		no_sessions,
		too_many_sessions,
		no_flows,
		more_flows_than_slots,
		tiny_packets,
		huge_packets,
		messages_beyond_the_largest_body,
	};
	struct loop *l = tools();

	for (size_t i = 0; i < ARRAY_LEN(breaks); i++) {
		struct engine_opts o = l->nodes[0].engine->opts;

		breaks[i](&o);
		errno = 0;
		assert_null(engine_create(&o));
		assert_int_equal(errno, EINVAL);
	}
	loop_destroy(l);
}

static long resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long total = 0, resident = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &total, &resident), 2);
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

// A swarm is a hundred members in a process; the tables' sizes are limits, not needs.
static void a_hundred_members_engines_cost_what_they_use(void **state)
{
	struct loop *l = tools();
	struct engine_opts o, member = l->nodes[0].engine->opts;
	struct engine *engines[100];
	long before = resident_bytes();

	engine_opts_member(&o);
	o.crypto = member.crypto;
	o.random = member.random;
	o.commands = member.commands;
	o.reports = member.reports;
	for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
		engines[i] = engine_create(&o);
		assert_non_null(engines[i]);
		engine_timers(engines[i], l->now_us);
	}
	print_message("%ld KiB per engine\n",
		      (resident_bytes() - before) / (long)ARRAY_LEN(engines) / 1024);
	assert_true(resident_bytes() - before < 100l * 512 * 1024);
	for (size_t i = 0; i < ARRAY_LEN(engines); i++)
		engine_destroy(engines[i]);
	loop_destroy(l);
}

static void an_appliances_engine_can_be_made(void **state)
{
	struct loop *l = tools();
	struct engine_opts o, member = l->nodes[0].engine->opts;
	struct engine *e;

	engine_opts_appliance(&o, 16384, 16384);
	o.crypto = member.crypto;
	o.random = member.random;
	o.commands = member.commands;
	o.reports = member.reports;
	e = engine_create(&o);
	assert_non_null(e);
	assert_int_equal(engine_n_paths(e), 16384);
	engine_destroy(e);
	loop_destroy(l);
}

static void an_idle_engine_wants_nothing(void **state)
{
	struct loop *l = tools();
	struct engine *e = l->nodes[0].engine;

	loop_run_us(l, 10000000);
	assert_true(engine_deadline_us(e) > l->now_us + 1000000);
	far_connect(l, 0, &(struct loop_form){.keepalive_us = 8000000}, true);
	loop_turn(l);
	assert_in_range(engine_deadline_us(e), l->now_us + 6900000, l->now_us + 8004000);
	loop_destroy(l);
}

// -- a bad path (requirement 131) --

static void command_flow(struct loop *l, uint32_t node, const struct loop_pair *p,
			 struct command cmd)
{
	cmd.session_idx = p->slot[node];
	cmd.session_id = p->id[node];
	loop_command(l, node, &cmd);
}

static void accept_flows(struct loop *l, uint32_t node, const struct loop_pair *p)
{
	struct report r;

	while (loop_take(l, node, REP_FLOW_OPENED, &r)) {
		struct command cmd = {.op = CMD_FLOW_CLASS, .flow = r.flow};

		cmd.class.flow_id = r.opened.flow_id;
		cmd.class.class = FLOW_CONTROL;
		command_flow(l, node, p, cmd);
	}
}

static void messages_cross_a_path_that_loses_a_third(void **state)
{
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct loop *l = loop_create(&(struct loop_opts){.seed = seed,
								 .n_nodes = 2,
								 .delay_us = 25000,
								 .jitter_us = 20000,
								 .loss_permille = 300,
								 .duplicate_permille = 100});
		struct loop_pair p = loop_connect(l, 0, 1, &forms[seed % ARRAY_LEN(forms)].form);
		struct command open = {.op = CMD_FLOW_OPEN};
		struct report r;

		open.open.meta_len = 4;
		memcpy(open.open.meta, "\x54\x43\x04\x00", 4);
		command_flow(l, 0, &p, open);
		for (uint8_t i = 0; i < 20; i++) {
			static uint8_t message[3000];
			struct command send = {.op = CMD_FLOW_SEND, .len = sizeof(message)};

			memset(message, i, sizeof(message));
			send.body = loop_body(l, 0, message, sizeof(message));
			command_flow(l, 0, &p, send);
		}
		for (int i = 0; i < 900 && loop_count(l, 1, REP_MESSAGE) < 20; i++) {
			loop_run_us(l, 100000);
			accept_flows(l, 1, &p);
		}
		for (uint8_t i = 0; i < 20; i++) {
			assert_true(loop_take(l, 1, REP_MESSAGE, &r));
			assert_int_equal(r.len, 3000);
			assert_int_equal(r.body->data[0], i);
			assert_int_equal(r.body->data[2999], i);
			loop_put(l, 1, r.body);
		}
		loop_run_us(l, 20000000);
		assert_int_equal(body_pool_lent(l->nodes[0].bodies), 0);
		loop_destroy(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_engines_understand_each_other_in_every_form),
		cmocka_unit_test(options_beyond_the_limits_are_refused),
		cmocka_unit_test(a_hundred_members_engines_cost_what_they_use),
		cmocka_unit_test(an_appliances_engine_can_be_made),
		cmocka_unit_test(an_idle_engine_wants_nothing),
		cmocka_unit_test(messages_cross_a_path_that_loses_a_third),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
