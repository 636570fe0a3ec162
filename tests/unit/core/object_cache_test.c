// Objects that a worker gives by itself (OR-15), over whole engines. Node 0 asks on GR-62, node 1
// answers on GR-63; control is played on both sides, and on node 1 it is watched.
#include "dataplane/core/internal.h"
#include "dataplane/core/object_cache.h"
#include "dataplane/wire/spx_object.h"
#include "tests/support/loop.h"
#include "tests/support/test.h"

#define ASKER  0
#define GIVER  1
#define ASK    3 // slots: of its GR-62
#define ANSWER 5 // of the giver's GR-63
#define GROUP  7
#define CACHE  (1 << 20)
#define LEN    60000 // a body of 64 KiB
#define BODY   (64 << 10)
#define FIT    (CACHE / BODY)

struct stage {
	struct loop *l;
	struct loop_pair p;
	uint16_t rx; // the giver's slot of GR-62
	uint64_t rx_flow_id;
	uint32_t n_reported; // of the giver
	uint32_t n_got;
	uint64_t last_index, last_request;
};

static void with_a_cache(struct engine_opts *o)
{
	o->object_bytes = CACHE;
}

static struct command for_session(const struct stage *s, int end, enum command_op op, uint16_t flow)
{
	return (struct command){.op = (uint8_t)op,
				.flow = flow,
				.session_idx = s->p.slot[end],
				.session_id = s->p.id[end]};
}

static void open_flow(struct stage *s, int end, uint16_t slot, uint64_t flow_id, const char *meta,
		      uint16_t group)
{
	struct command c = for_session(s, end, CMD_FLOW_OPEN, slot);

	c.open.flow_id = flow_id;
	c.open.rule_stream = NO_STREAM;
	c.open.prio = PRIO_BULK;
	c.open.group = group;
	c.open.meta_len = 3;
	memcpy(c.open.meta, meta, 3);
	loop_command(s->l, s->p.node[end], &c);
}

static void class_as(struct stage *s, int end, uint16_t slot, uint64_t flow_id,
		     enum flow_class class, uint64_t answer)
{
	struct command c = for_session(s, end, CMD_FLOW_CLASS, slot);

	c.class.flow_id = flow_id;
	c.class.class = class;
	c.class.stream = NO_STREAM;
	c.class.answer_flow_id = answer;
	loop_command(s->l, s->p.node[end], &c);
}

static void run(struct stage *s, uint32_t ms)
{
	loop_run_us(s->l, ms * 1000ull);
}

// Octets that say which object they are of.
static void fill(uint8_t *octets, uint32_t len, uint64_t index)
{
	for (uint32_t i = 0; i < len; i++)
		octets[i] = (uint8_t)(index * 31 + i / 251 + i);
}

static void keep(struct stage *s, uint16_t group, uint64_t index, uint32_t len)
{
	static uint8_t octets[1 << 20];
	struct command c = {.op = CMD_OBJECT_KEEP, .len = len};

	fill(octets, len, index);
	c.object.group = group;
	c.object.first = index;
	c.object.encoding = OBJECT_OPAQUE;
	c.body = loop_body(s->l, GIVER, octets, len);
	loop_command(s->l, GIVER, &c);
}

static void drop(struct stage *s, uint16_t group, uint64_t first, uint64_t last)
{
	struct command c = {.op = CMD_OBJECTS_DROP};

	c.object.group = group;
	c.object.first = first;
	c.object.last = last;
	loop_command(s->l, GIVER, &c);
}

static void say(struct stage *s, const void *octets, uint32_t len)
{
	struct command c = for_session(s, 0, CMD_FLOW_SEND, ASK);

	c.len = len;
	c.body = loop_body(s->l, ASKER, octets, len);
	loop_command(s->l, ASKER, &c);
}

static void ask(struct stage *s, uint64_t request, uint64_t index)
{
	struct object_request q = {.request = request, .index = index};
	uint8_t octets[40];
	struct wr w = wr_over(octets, sizeof(octets));

	object_request_write(&w, SPX_REQUEST, &q);
	say(s, octets, (uint32_t)w.len);
}

// What came, each octet of it looked at.
static void take(struct stage *s)
{
	static uint8_t right[1 << 20];
	struct report r;

	while (loop_take(s->l, ASKER, REP_FLOW_OPENED, &r)) {
		class_as(s, 0, r.flow, r.opened.flow_id, FLOW_CONTROL, 0);
		loop_turn(s->l);
	}
	while (loop_take(s->l, ASKER, REP_MESSAGE, &r)) {
		struct object_data d;

		assert_int_equal(object_data_read(&d, span_of(r.body->data, r.len)), 0);
		assert_int_equal(d.encoding, OBJECT_OPAQUE);
		fill(right, (uint32_t)d.object.len, d.index);
		assert_memory_equal(d.object.data, right, d.object.len);
		s->last_index = d.index;
		s->last_request = d.request;
		s->n_got++;
		loop_put(s->l, ASKER, r.body);
	}
}

static void go_on(struct stage *s, uint32_t ms)
{
	for (uint32_t at = 0; at < ms; at += 50) {
		run(s, 50);
		take(s);
	}
}

// Requests that control was told of since the last time.
static uint32_t missed(struct stage *s)
{
	struct report r;
	uint32_t n = 0;

	for (; loop_take(s->l, GIVER, REP_MESSAGE, &r); n++)
		loop_put(s->l, GIVER, r.body);
	return n;
}

static struct object_gauge gauge(const struct stage *s)
{
	return engine_object_gauge(s->l->nodes[GIVER].engine, GROUP);
}

static uint32_t bodies_out(const struct stage *s)
{
	return body_pool_lent(s->l->nodes[GIVER].bodies);
}

static void stage_open(struct stage *s, uint32_t loss_permille)
{
	struct report r;

	*s = (struct stage){0};
	s->l = loop_create(&(struct loop_opts){.seed = 1,
					       .n_nodes = 2,
					       .delay_us = 5000,
					       .loss_permille = loss_permille,
					       .tune = with_a_cache});
	s->p = loop_connect(s->l, ASKER, GIVER, &(struct loop_form){.tag_len = 10});
	open_flow(s, 0, ASK, ASK, "GR\x62", GROUP);
	open_flow(s, 1, ANSWER, ANSWER, "GR\x63", GROUP);
	run(s, 100);
	ask(s, 1, 999); // a flow opens with its first message
	while (!loop_take(s->l, GIVER, REP_FLOW_OPENED, &r))
		run(s, 50);
	s->rx = r.flow;
	s->rx_flow_id = r.opened.flow_id;
	class_as(s, 1, s->rx, s->rx_flow_id, FLOW_STORE, ANSWER);
	run(s, 500);
	assert_int_equal(missed(s), 1);
	loop_forget(s->l, GIVER);
}

static void stage_close(struct stage *s)
{
	drop(s, GROUP, 0, OBJECT_INDEX_MAX);
	loop_command(s->l, ASKER,
		     &(struct command){.op = CMD_SESSION_CLOSE,
				       .session_idx = s->p.slot[0],
				       .session_id = s->p.id[0]});
	run(s, 25000);
	assert_int_equal(gauge(s).n_kept, 0);
	assert_int_equal(gauge(s).kept_bytes, 0);
	assert_int_equal(bodies_out(s), 0);
	loop_destroy(s->l);
}

// The rule itself: control is not told of it, in any way.
static void what_is_kept_is_given_and_control_sleeps(void **state)
{
	struct stage s;
	uint32_t n;

	stage_open(&s, 0);
	for (uint64_t i = 0; i < 10; i++)
		keep(&s, GROUP, i, LEN);
	ask(&s, 1, 0); // its flow's opening is the asker's business
	go_on(&s, 1000);
	n = engine_n_reported(s.l->nodes[GIVER].engine);
	for (uint64_t round = 0; round < 20; round++) {
		for (uint64_t i = 0; i < 10; i++)
			ask(&s, 100 + i, i);
		go_on(&s, 1000);
	}
	assert_int_equal(s.n_got, 201);
	assert_int_equal(s.last_index, 9);
	assert_int_equal(s.last_request, 109);
	assert_int_equal(engine_n_reported(s.l->nodes[GIVER].engine), n);
	assert_int_equal(gauge(&s).n_given, 201);
	assert_int_equal(gauge(&s).given_bytes, 201ull * LEN);
	assert_int_equal(bodies_out(&s), 10);
	stage_close(&s);
}

static void what_is_not_kept_is_told(void **state)
{
	static const uint8_t unknown[] = {0x85, 1, 7}, broken[] = {0x83, 1};
	struct stage s;

	stage_open(&s, 0);
	keep(&s, GROUP, 5, LEN);
	keep(&s, GROUP + 1, 6, LEN); // another group's
	ask(&s, 1, 6);
	ask(&s, 2, 7);
	ask(&s, 3, OBJECT_INDEX_MAX);
	say(&s, unknown, sizeof(unknown));
	say(&s, broken, sizeof(broken));
	go_on(&s, 300);
	assert_int_equal(missed(&s), 5);
	assert_int_equal(s.n_got, 0);
	assert_int_equal(gauge(&s).n_missed, 4); // the one it began with, too
	drop(&s, GROUP + 1, 0, 100);
	stage_close(&s);
}

// Long ones, on a bad line: what is lost is sent again from where it lies.
static void it_arrives_whole_over_losses(void **state)
{
	struct stage s;

	stage_open(&s, 100);
	keep(&s, GROUP, 1, 1);
	keep(&s, GROUP, 2, 300000);
	for (uint64_t i = 0; i < 8; i++)
		ask(&s, i, 1 + i % 2);
	go_on(&s, 60000);
	assert_int_equal(s.n_got, 8);
	stage_close(&s);
}

static void the_one_asked_for_least_recently_goes_first(void **state)
{
	struct stage s;

	stage_open(&s, 0);
	for (uint64_t i = 0; i < FIT; i++)
		keep(&s, GROUP, i, LEN);
	go_on(&s, 100);
	assert_int_equal(gauge(&s).n_kept, FIT);
	assert_in_range(gauge(&s).kept_bytes, 1, CACHE);
	ask(&s, 1, 0);
	go_on(&s, 500);
	keep(&s, GROUP, 100, LEN); // 1 makes room, not 0
	go_on(&s, 100);
	ask(&s, 2, 0);
	ask(&s, 3, 1);
	ask(&s, 4, 100);
	go_on(&s, 500);
	assert_int_equal(s.n_got, 3);
	assert_int_equal(missed(&s), 1);
	assert_int_equal(gauge(&s).n_evicted, 1);
	for (uint64_t i = 0; i < 1000; i++) { // for ever within its bound
		keep(&s, GROUP, 1000 + i, LEN);
		if (i % 8 == 0)
			run(&s, 10);
	}
	go_on(&s, 500);
	assert_int_equal(bodies_out(&s), FIT);
	assert_in_range(gauge(&s).kept_bytes, 1, CACHE);
	keep(&s, GROUP, 2000, 1 << 20); // more than all of it
	go_on(&s, 100);
	assert_int_equal(gauge(&s).n_refused, 1);
	assert_int_equal(gauge(&s).n_kept, FIT);
	stage_close(&s);
}

static void tiny_ones_are_bounded_by_number(void **state)
{
	struct stage s;

	stage_open(&s, 0);
	for (uint64_t i = 0; i < 1000; i++) {
		keep(&s, GROUP, i, 1);
		if (i % 100 == 0)
			run(&s, 10);
	}
	go_on(&s, 100);
	assert_int_equal(gauge(&s).n_kept, CACHE / 4096);
	ask(&s, 1, 999);
	ask(&s, 2, 0);
	go_on(&s, 300);
	assert_int_equal(s.n_got, 1);
	assert_int_equal(missed(&s), 1);
	stage_close(&s);
}

// Several may have asked control before the first of them was answered.
static void it_is_kept_once(void **state)
{
	struct stage s;

	stage_open(&s, 0);
	keep(&s, GROUP, 1, 100);
	keep(&s, GROUP, 1, 100);
	keep(&s, GROUP, 1, 100);
	ask(&s, 1, 1);
	go_on(&s, 300);
	assert_int_equal(s.n_got, 1);
	assert_int_equal(gauge(&s).n_kept, 1);
	assert_int_equal(bodies_out(&s), 1);
	assert_int_equal(gauge(&s).given_bytes, 100);
	stage_close(&s);
}

// Who has begun to get it gets all of it, and nobody else.
static void what_is_dropped_meanwhile_arrives(void **state)
{
	struct stage s;

	stage_open(&s, 0);
	keep(&s, GROUP, 1, 500000);
	run(&s, 10);
	ask(&s, 1, 1);
	run(&s, 15);
	drop(&s, GROUP, 1, 1);
	run(&s, 1);
	assert_int_equal(gauge(&s).n_kept, 1); // on its way
	ask(&s, 2, 1);
	go_on(&s, 5000);
	assert_int_equal(s.n_got, 1);
	assert_int_equal(missed(&s), 1);
	assert_int_equal(gauge(&s).n_kept, 0);
	assert_int_equal(bodies_out(&s), 0);
	stage_close(&s);
}

// Bodies that somebody does not take count, so nothing new is kept; and they are given to others.
static void who_takes_nothing_holds_no_more_than_the_cache(void **state)
{
	struct stage s;

	stage_open(&s, 0);
	for (uint64_t i = 0; i < FIT; i++)
		keep(&s, GROUP, i, LEN);
	run(&s, 100);
	s.l->nodes[ASKER].is_deaf = true; // nothing is acknowledged when its buffers are full
	for (uint64_t i = 0; i < FIT; i++)
		ask(&s, i, i);
	run(&s, 8);
	s.l->nodes[ASKER].is_cut = true;
	run(&s, 500);
	for (uint64_t i = 0; i < 4; i++)
		keep(&s, GROUP, 100 + i, LEN);
	run(&s, 100);
	assert_int_equal(gauge(&s).n_given, FIT);
	assert_int_equal(gauge(&s).n_refused, 4);
	assert_int_equal(bodies_out(&s), FIT);
	s.l->nodes[ASKER].is_cut = false;
	s.l->nodes[ASKER].is_deaf = false;
	go_on(&s, 30000);
	assert_int_equal(s.n_got, FIT);
	keep(&s, GROUP, 200, LEN);
	run(&s, 100);
	assert_int_equal(gauge(&s).n_refused, 4);
	stage_close(&s);
}

// A flow holds so many answers; then control decides (OR-15: who is over his quota is denied).
static void who_asks_faster_than_it_takes_is_controls(void **state)
{
	struct stage s;

	stage_open(&s, 0);
	keep(&s, GROUP, 1, LEN);
	run(&s, 100);
	for (uint64_t i = 0; i < 100; i++)
		ask(&s, i, 1);
	run(&s, 40);
	assert_in_range(gauge(&s).n_crowded, 100 - OBJECT_ANSWERS_MAX - 8,
			100 - OBJECT_ANSWERS_MAX);
	go_on(&s, 20000);
	assert_int_equal(missed(&s), gauge(&s).n_crowded);
	assert_int_equal(s.n_got, gauge(&s).n_given);
	stage_close(&s);
}

// Bytes are as dear as those of any other object.
static void budgets_hold(void **state)
{
	static const enum limit_level levels[] = {LIMIT_TOTAL, LIMIT_GROUP, LIMIT_NEIGHBOUR};

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct command c = {.op = CMD_BUDGET};
		struct stage s;

		stage_open(&s, 0);
		c.budget.level = (uint8_t)levels[i];
		c.budget.group = GROUP;
		c.budget.bytes_per_s = 400000;
		loop_command(s.l, GIVER, &c);
		keep(&s, GROUP, 1, LEN);
		ask(&s, 0, 1);
		go_on(&s, 1000);
		for (uint64_t k = 1; k <= 20; k++)
			ask(&s, k, 1);
		go_on(&s, 1000);
		assert_in_range(s.n_got, 5, 8); // six of 60 000 octets and their headers
		go_on(&s, 1000);
		assert_in_range(s.n_got, 11, 14);
		go_on(&s, 3000);
		assert_int_equal(s.n_got, 21);
		assert_int_equal(missed(&s), 0);
		stage_close(&s);
	}
}

// Its slot may have another flow by then, of another group even.
static void a_flow_that_has_ended_answers_nothing(void **state)
{
	struct stage s;
	struct command c;

	stage_open(&s, 0);
	keep(&s, GROUP, 1, LEN);
	ask(&s, 1, 1);
	go_on(&s, 500);
	assert_int_equal(s.n_got, 1);
	c = for_session(&s, 1, CMD_FLOW_CLOSE, ANSWER);
	loop_command(s.l, GIVER, &c);
	ask(&s, 2, 1);
	go_on(&s, 500);
	assert_int_equal(missed(&s), 1);
	open_flow(&s, 1, ANSWER, ANSWER + FLOWS_PER_SESSION, "GR\x63", GROUP);
	ask(&s, 3, 1);
	go_on(&s, 500);
	assert_int_equal(missed(&s), 1);
	class_as(&s, 1, s.rx, s.rx_flow_id, FLOW_STORE, ANSWER + FLOWS_PER_SESSION);
	ask(&s, 4, 1);
	go_on(&s, 500);
	assert_int_equal(missed(&s), 0);
	assert_int_equal(s.n_got, 2);
	class_as(&s, 1, s.rx, s.rx_flow_id, FLOW_CONTROL, 0); // and as before
	ask(&s, 5, 1);
	go_on(&s, 500);
	assert_int_equal(missed(&s), 1);
	stage_close(&s);
}

static void a_session_that_ends_leaves_nothing_behind(void **state)
{
	struct stage s;

	stage_open(&s, 0);
	for (uint64_t i = 0; i < FIT; i++) {
		keep(&s, GROUP, i, LEN);
		ask(&s, i, i);
	}
	run(&s, 12);
	loop_command(s.l, GIVER,
		     &(struct command){.op = CMD_SESSION_CLOSE,
				       .session_idx = s.p.slot[1],
				       .session_id = s.p.id[1]});
	run(&s, 25000);
	assert_int_equal(gauge(&s).n_kept, FIT); // for others
	drop(&s, GROUP, 0, 3);
	drop(&s, GROUP, 4, OBJECT_INDEX_MAX);
	run(&s, 100);
	assert_int_equal(gauge(&s).n_kept, 0);
	assert_int_equal(bodies_out(&s), 0);
	loop_destroy(s.l);
}

static void without_a_cache_all_is_told(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 1, .n_nodes = 2});
	struct command c = {.op = CMD_OBJECT_KEEP, .len = 2};

	c.object.group = GROUP;
	c.body = loop_body(l, GIVER, "it", 2);
	loop_command(l, GIVER, &c);
	loop_run_us(l, 100000);
	assert_int_equal(engine_object_gauge(l->nodes[GIVER].engine, GROUP).n_refused, 1);
	assert_int_equal(body_pool_lent(l->nodes[GIVER].bodies), 0);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_is_given_and_control_sleeps),
		cmocka_unit_test(what_is_not_kept_is_told),
		cmocka_unit_test(it_arrives_whole_over_losses),
		cmocka_unit_test(the_one_asked_for_least_recently_goes_first),
		cmocka_unit_test(tiny_ones_are_bounded_by_number),
		cmocka_unit_test(it_is_kept_once),
		cmocka_unit_test(what_is_dropped_meanwhile_arrives),
		cmocka_unit_test(who_takes_nothing_holds_no_more_than_the_cache),
		cmocka_unit_test(who_asks_faster_than_it_takes_is_controls),
		cmocka_unit_test(budgets_hold),
		cmocka_unit_test(a_flow_that_has_ended_answers_nothing),
		cmocka_unit_test(a_session_that_ends_leaves_nothing_behind),
		cmocka_unit_test(without_a_cache_all_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
