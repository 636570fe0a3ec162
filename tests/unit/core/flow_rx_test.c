// Receive flows: who may open one, what becomes of its messages, and its end.
#include "tests/unit/core/flow_world.h"

#define TC    "\x54\x43\x04"
#define GR_11 "\x47\x52\x11"
#define GR_12 "\x47\x52\x12"

static uint32_t cells_lent(const struct node *n)
{
	return n->e.flows->cells.free.n;
}

static struct flow_rx *flow_of(struct node *n, uint16_t slot)
{
	assert_true(flow_table_at(n->e.flows, NODE_SESSION)->rx_used & slot_bit((uint8_t)slot));
	return &n->e.flows->rx[flow_table_at(n->e.flows, NODE_SESSION)->rx[slot]];
}

static void gets(struct node *n, uint64_t seq, uint64_t fsn_offset, uint8_t flags, const char *body)
{
	node_gets_data(n, &(struct test_data){.flow = 7,
					      .seq = seq,
					      .fsn_offset = fsn_offset,
					      .flags = flags,
					      .metadata = TC,
					      .assoc = -1,
					      .body = body});
}

// A flow of that class, its FLOW_OPENED taken and its first message, empty, not yet come.
static void opened(struct node *n, enum flow_class class, uint16_t stream, bool is_network_order)
{
	struct report r;

	gets(n, 1, 0, USER_DATA_ABANDON, NULL);
	node_expect(n, REP_FLOW_OPENED, &r);
	node_class(n, r.flow, 7, class, stream, is_network_order);
	flow_of(n, 0)->held.has_gap = false; // the number that opened it is no loss
}

static void next_message(struct node *n, const char *text, bool gap_before)
{
	struct report r;

	node_expect(n, REP_MESSAGE, &r);
	assert_int_equal(r.len, strlen(text));
	assert_memory_equal(r.body->data, text, r.len);
	assert_int_equal(r.message.gap_before, gap_before);
	assert_int_equal(r.message.flow_id, 7);
	body_put(r.body);
}

static void no_report(struct node *n)
{
	struct report r;

	assert_false(node_report(n, &r));
}

// ---- opening ----

static const struct {
	const char *name;
	const char *metadata;
	int64_t assoc;
	bool is_rejected;
} openings[] = {
	{"with metadata", TC, -1, false},
	{"empty metadata are metadata", "", -1, false},
	{"without metadata", NULL, -1, true},
	{"return of an open flow of ours", TC, 3, false},
	{"return of a flow that is closing", TC, 4, true},
	{"return of no flow of ours", TC, 5, true},
	{"return of a flow whose slot has another now", TC, 3 + FLOWS_PER_SESSION, true},
};

// §3.6.3.1; requirements 83, 84, 89.
static void flows_are_opened_or_rejected(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(openings); i++) {
		struct node *n = node_create(16);
		struct seen seen;
		struct report r;

		node_flow_open(n, 3, TC, PRIO_CONTROL);
		node_flow_open(n, 4, TC, PRIO_CONTROL);
		node_send(n, 4, "x", 1, 0);
		node_say(n, &seen);
		node_flow_close(n, 4);
		node_gets_data(n, &(struct test_data){.flow = 7,
						      .seq = 1,
						      .fsn_offset = 1,
						      .metadata = openings[i].metadata,
						      .assoc = openings[i].assoc,
						      .body = "hello"});
		node_say(n, &seen);
		if (openings[i].is_rejected) {
			assert_row(!node_report(n, &r), openings[i].name);
			assert_row(seen.n == 2, openings[i].name);
			assert_row(seen.chunk[0].type == CHUNK_FLOW_EXCEPTION, openings[i].name);
			assert_row(seen.chunk[0].exception.code == 0, openings[i].name);
			assert_row(seen.chunk[1].ack.cum == 1, openings[i].name);
			assert_row(n->e.stats.drops[DROP_FLOW_RULE] == 1, openings[i].name);
		} else {
			assert_row(node_report(n, &r) && r.op == REP_FLOW_OPENED, openings[i].name);
			assert_row(r.opened.flow_id == 7, openings[i].name);
			assert_row(r.opened.meta_len == strlen(openings[i].metadata),
				   openings[i].name);
			assert_row(r.opened.assoc_flow ==
					   (openings[i].assoc < 0 ? NO_FLOW : openings[i].assoc),
				   openings[i].name);
			assert_row(seen.n == 1 && seen.chunk[0].ack.cum == 1, openings[i].name);
		}
		node_destroy(n);
	}
}

static void gets_option(struct node *n, uint64_t flow, uint64_t type)
{
	uint8_t packet[100];
	struct wr w = wr_over(packet, sizeof(packet));
	struct wr_point start = wr_chunk_begin(&w, CHUNK_USER_DATA);

	wr_u8(&w, USER_DATA_OPTIONS);
	wr_vlu(&w, flow);
	wr_vlu(&w, 1);
	wr_vlu(&w, 1);
	wr_option(&w, FLOW_OPTION_METADATA, span_of(TC, 3));
	wr_option_flag(&w, type);
	wr_marker(&w);
	assert_int_equal(wr_chunk_commit(&w, start), 0);
	node_receive(n, packet, w.len);
}

// Requirement 83.
static void unknown_options_reject_below_8192(void **state)
{
	struct node *n = node_create(16);

	gets_option(n, 7, OPTION_MANDATORY_END - 1);
	assert_int_equal(flow_of(n, 0)->state, RF_REJECTED);
	gets_option(n, 8, OPTION_MANDATORY_END);
	assert_int_equal(flow_of(n, 1)->state, RF_OPEN);
	node_destroy(n);
}

// §16.3: the last word of a MonaServer on a flow that we refused it.
static void number_0_opens_and_ends_nothing(void **state)
{
	struct node *n = node_create(16);

	gets(n, 0, 0, USER_DATA_ABANDON | USER_DATA_FINAL, NULL);
	assert_int_equal(flow_table_at(n->e.flows, NODE_SESSION)->rx_used, 0);
	opened(n, FLOW_CONTROL, NO_STREAM, false);
	gets(n, 0, 0, USER_DATA_ABANDON | USER_DATA_FINAL, NULL);
	gets(n, 2, 1, 0, "on it goes");
	next_message(n, "on it goes", false);
	node_destroy(n);
}

// The same on a flow that it had begun: nothing more will come of it, so its place is free.
static void number_0_ends_a_flow_that_was_rejected(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;

	opened(n, FLOW_CONTROL, NO_STREAM, false);
	flow_rx_reject(&n->e, flow_table_at(n->e.flows, NODE_SESSION)->rx[0], 5);
	node_say(n, &seen);
	gets(n, 0, 0, USER_DATA_ABANDON | USER_DATA_FINAL, NULL);
	assert_int_equal(flow_table_at(n->e.flows, NODE_SESSION)->rx_used, 0);
	assert_int_equal(n->e.flows->rx_pool.n, 0);
	gets(n, 2, 1, 0, "what was on its way"); // is acknowledged still
	assert_int_equal(flow_table_at(n->e.flows, NODE_SESSION)->rx_used, 0);
	assert_int_equal(node_say(n, &seen), 1);
	node_destroy(n);
}

static void a_session_has_64_flows_at_a_time(void **state)
{
	struct node *n = node_create(128);
	struct seen seen;

	for (uint64_t id = 0; id < FLOWS_PER_SESSION + 3; id++)
		node_gets_data(n, &(struct test_data){.flow = id << 8, // all with one tag
						      .seq = 1,
						      .fsn_offset = 1,
						      .metadata = TC,
						      .assoc = -1,
						      .body = "x"});
	assert_int_equal(flow_table_at(n->e.flows, NODE_SESSION)->rx_used, UINT64_MAX);
	assert_int_equal(n->e.stats.drops[DROP_NO_FLOW], 3);
	assert_int_equal(node_say(n, &seen), 63 + 1); // acks for those that are, for no other
	for (uint32_t i = 0; i < seen.n; i++)
		assert_in_range(seen.chunk[i].ack.flow_id >> 8, 0, FLOWS_PER_SESSION - 1);
	node_destroy(n);
}

static void a_session_has_as_many_flows_as_the_operator_says(void **state)
{
	struct node *n = node_create(128);

	n->e.opts.flows_per_session = 8;
	for (uint64_t id = 0; id < 10; id++)
		node_gets_data(n, &(struct test_data){.flow = id,
						      .seq = 1,
						      .fsn_offset = 1,
						      .metadata = TC,
						      .assoc = -1,
						      .body = "x"});
	assert_int_equal(flow_table_at(n->e.flows, NODE_SESSION)->rx_used, 0xff);
	assert_int_equal(n->e.stats.drops[DROP_NO_FLOW], 2);
	node_destroy(n);
}

// ---- classes ----

static void held_flows_are_acknowledged_and_wait(void **state)
{
	struct node *n = node_create(16);
	struct report r;
	struct seen seen;

	gets(n, 1, 1, 0, "one");
	gets(n, 2, 2, 0, "two");
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].ack.cum, 2);
	assert_int_equal(seen.chunk[0].ack.window_blocks, 64); // rounded up (requirement 90)
	node_expect(n, REP_FLOW_OPENED, &r);
	no_report(n);
	node_class(n, r.flow, 7, FLOW_CONTROL, NO_STREAM, false);
	next_message(n, "one", false);
	next_message(n, "two", false);
	node_destroy(n);
}

static void what_is_held_stays_within_the_window(void **state)
{
	struct node *n = node_create(16);
	char text[1001];
	struct seen seen;

	memset(text, 'x', 1000);
	text[1000] = 0;
	for (uint64_t seq = 1; seq <= 100; seq++)
		gets(n, seq, seq, 0, text);
	assert_true(n->e.stats.drops[DROP_RX_BUFFER] > 0);
	assert_in_range(reasm_bytes(&flow_of(n, 0)->held), 1, RWND_INITIAL_BYTES);
	node_say(n, &seen);
	assert_int_equal(seen.chunk[0].ack.window_blocks, 1);           // never 0 (§16.3)
	assert_int_equal(seen.chunk[0].ack.cum, flow_of(n, 0)->held.n); // only what is kept
	node_destroy(n);
}

static void flows_that_nobody_wants_are_rejected(void **state)
{
	struct node *n = node_create(16);
	struct report r;
	struct seen seen;

	gets(n, 1, 1, 0, "one");
	node_expect(n, REP_FLOW_OPENED, &r);
	node_say(n, &seen);
	assert_int_equal(flows_deadline_us(&n->e), n->e.now_us + FLOW_HELD_MAX_MS * 1000);
	node_time(n, n->e.now_us + FLOW_HELD_MAX_MS * 1000);
	node_alarms(n);
	assert_int_equal(node_say(n, &seen), 2);
	assert_int_equal(seen.chunk[0].type, CHUNK_FLOW_EXCEPTION);
	assert_int_equal(flows_deadline_us(&n->e), UINT64_MAX);
	node_destroy(n);
}

static void control_may_reject_with_a_code(void **state)
{
	struct node *n = node_create(16);
	struct report r;
	struct seen seen;

	gets(n, 1, 1, 0, "one");
	node_expect(n, REP_FLOW_OPENED, &r);
	node_say(n, &seen);
	node_reject(n, r.flow, 7, 42);
	assert_int_equal(node_say(n, &seen), 2);
	assert_int_equal(seen.chunk[0].exception.code, 42);
	assert_int_equal(cells_lent(n), 0);
	gets(n, 2, 2, 0, "two");
	assert_int_equal(node_say(n, &seen), 2);    // before every ack (requirement 89)
	assert_int_equal(seen.chunk[1].ack.cum, 2); // which still comes (86)
	gets(n, 3, 0, USER_DATA_ABANDON | USER_DATA_FINAL, NULL);
	node_expect(n, REP_FLOW_FINISHED, &r);
	assert_int_equal(node_say(n, &seen), 1); // as recorded (frame 23 of flow_reject)
	assert_int_equal(seen.chunk[0].ack.cum, 3);
	no_report(n);
	node_destroy(n);
}

static void whoever_is_rejected_and_done_at_once_is_told_why(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;

	node_gets_data(n, &(struct test_data){.flow = 7,
					      .seq = 1,
					      .fsn_offset = 1,
					      .flags = USER_DATA_FINAL,
					      .body = "no metadata"});
	assert_int_equal(node_say(n, &seen), 2);
	assert_int_equal(seen.chunk[0].type, CHUNK_FLOW_EXCEPTION);
	assert_int_equal(seen.chunk[1].ack.cum, 1);
	assert_int_equal(flow_table_at(n->e.flows, NODE_SESSION)->rx_used, 0);
	node_destroy(n);
}

static void commands_for_flows_that_are_gone_change_nothing(void **state)
{
	struct node *n = node_create(16);

	gets(n, 1, 1, 0, "one");
	node_class(n, 0, 8, FLOW_CONTROL, NO_STREAM, false); // another flow's id
	node_class(n, 1, 7, FLOW_CONTROL, NO_STREAM, false); // slot unused
	node_class(n, 64, 7, FLOW_CONTROL, NO_STREAM, false);
	assert_int_equal(n->e.stats.drops[DROP_STALE_COMMAND], 3);
	assert_int_equal(flow_of(n, 0)->class, FLOW_HELD);
	node_destroy(n);
}

// messages.h: the first message names the stream, and all others wait for its index.
static void stream_control_waits_for_its_stream(void **state)
{
	struct node *n = node_create(16);

	opened(n, FLOW_STREAM_CONTROL, NO_STREAM, false);
	gets(n, 2, 1, 0, "!announcement");
	gets(n, 3, 1, 0, "#mask");
	next_message(n, "!announcement", false);
	no_report(n);
	assert_int_equal(n->relay.n_control, 0);
	n->relay.takes_control = true;
	node_class(n, 0, 7, FLOW_STREAM_CONTROL, 12, false);
	assert_int_equal(n->relay.n_control, 1);
	assert_int_equal(n->relay.stream, 12);
	assert_memory_equal(n->relay.octets, "#mask", 5);
	gets(n, 4, 1, 0, "#again");
	assert_int_equal(n->relay.n_control, 2);
	no_report(n);
	n->relay.takes_control = false; // what the relay does not know becomes a report
	gets(n, 5, 1, 0, "?");
	next_message(n, "?", false);
	node_destroy(n);
}

// A map is longer than a packet.
static void stream_control_in_fragments_is_one_message(void **state)
{
	struct node *n = node_create(16);

	opened(n, FLOW_STREAM_CONTROL, 12, false);
	n->relay.takes_control = true;
	gets(n, 2, 1, USER_DATA_FRA_BEGIN, "ab");
	gets(n, 3, 1, USER_DATA_FRA_MIDDLE, "cd");
	gets(n, 4, 1, USER_DATA_FRA_END, "ef");
	assert_int_equal(n->relay.n_control, 1);
	assert_int_equal(n->relay.len, 6);
	assert_memory_equal(n->relay.octets, "abcdef", 6);
	n->relay.takes_control = false;
	gets(n, 5, 1, USER_DATA_FRA_BEGIN, "xy");
	gets(n, 6, 1, USER_DATA_FRA_END, "z");
	next_message(n, "xyz", false);
	node_destroy(n);
}

static uint32_t relayed(struct node *n, uint64_t seq, const char *assoc_meta, int64_t assoc)
{
	uint32_t before = n->relay.n_fragments;

	node_gets_data(n, &(struct test_data){.flow = 7,
					      .seq = seq,
					      .fsn_offset = seq, // nothing is given up
					      .metadata = assoc_meta,
					      .assoc = assoc,
					      .body = "fragment"});
	return n->relay.n_fragments - before;
}

// Design: the rule of our stream control flow saves the round trip to control.
static void a_rule_makes_a_return_flow_relay_at_once(void **state)
{
	static const struct {
		const char *name, *metadata;
		uint16_t rule;
		bool is_relay;
	} rows[] = {
		{"fragments returned on a flow with a rule", GR_12, 33, true},
		{"no rule", GR_12, NO_STREAM, false},
		{"other metadata", GR_11, 33, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct node *n = node_create(16);
		struct command open = {.flow = 3};
		struct report r;

		open.open.flow_id = 3;
		open.open.rule_stream = rows[i].rule;
		node_flow_open_as(n, &open);
		assert_row(relayed(n, 1, rows[i].metadata, 3) == rows[i].is_relay, rows[i].name);
		node_expect(n, REP_FLOW_OPENED, &r); // still reported
		assert_int_equal(r.opened.assoc_flow, 3);
		if (rows[i].is_relay) {
			assert_int_equal(n->relay.stream, 33);
			// Network order (groups.md 6.2), and without a cell.
			assert_int_equal(relayed(n, 5, NULL, -1), 1);
			assert_int_equal(cells_lent(n), 0);
			assert_int_equal(relayed(n, 5, NULL, -1), 0); // once
		}
		node_destroy(n);
	}
}

static void relay_does_not_wait_for_controls_ring(void **state)
{
	struct node *n = node_create(1);
	struct command open = {.flow = 3};
	struct report r;

	open.open.flow_id = 3;
	open.open.rule_stream = 33;
	node_flow_open_as(n, &open);
	gets(n, 1, 1, 0, "fills the ring");
	node_gets_data(n, &(struct test_data){.flow = 8,
					      .seq = 1,
					      .fsn_offset = 1,
					      .metadata = GR_12,
					      .assoc = 3,
					      .body = "fragment"});
	assert_int_equal(n->relay.n_fragments, 1);
	node_expect(n, REP_FLOW_OPENED, &r);
	assert_int_equal(r.opened.flow_id, 7);
	flows_timers(&n->e, n->e.now_us);
	node_expect(n, REP_FLOW_OPENED, &r);
	assert_int_equal(r.opened.flow_id, 8);
	node_destroy(n);
}

// neighbour_remove: rules and flows of groups go, RPC and the main flow stay.
static void ungrouping_rejects_what_only_members_may_have(void **state)
{
	static const struct {
		const char *metadata;
		bool goes;
	} rows[] = {{TC, false},   {"\x47\x43", false}, {"\x47\x52\x1c", false},
		    {GR_11, true}, {GR_12, true},       {"\x47\x52\x18", true}};
	struct node *n = node_create(16);
	struct command open = {.flow = 3};

	open.open.flow_id = 3;
	open.open.rule_stream = 33;
	node_flow_open_as(n, &open);
	for (uint16_t i = 0; i < ARRAY_LEN(rows); i++)
		node_gets_data(n, &(struct test_data){.flow = 20 + i,
						      .seq = 1,
						      .fsn_offset = 1,
						      .metadata = rows[i].metadata,
						      .assoc = -1,
						      .body = "x"});
	flows_ungroup(&n->e, NODE_SESSION);
	for (uint16_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(flow_of(n, i)->state == RF_REJECTED, rows[i].goes);
	assert_int_equal(relayed(n, 1, GR_12, 3), 0); // the rule is gone
	node_destroy(n);
}

// ---- order ----

// Requirement 92.
static void messages_come_in_order_and_gaps_are_said(void **state)
{
	struct node *n = node_create(16);

	opened(n, FLOW_CONTROL, NO_STREAM, false);
	gets(n, 3, 2, 0, "three");
	no_report(n);
	gets(n, 2, 1, 0, "two");
	next_message(n, "two", false);
	next_message(n, "three", false);
	gets(n, 5, 1, 0, "five"); // its FSN says that 4 will not come
	next_message(n, "five", true);
	gets(n, 6, 0, USER_DATA_ABANDON, NULL);
	gets(n, 7, 1, 0, "seven");
	next_message(n, "seven", true);
	gets(n, 8, 1, 0, "eight");
	next_message(n, "eight", false);
	node_destroy(n);
}

static void fragments_make_messages(void **state)
{
	struct node *n = node_create(16);

	opened(n, FLOW_CONTROL, NO_STREAM, false);
	gets(n, 4, 3, USER_DATA_FRA_END, "c");
	gets(n, 2, 1, USER_DATA_FRA_BEGIN, "a");
	no_report(n);
	gets(n, 3, 2, USER_DATA_FRA_MIDDLE, "b");
	next_message(n, "abc", false);
	gets(n, 5, 1, USER_DATA_FRA_BEGIN, "x");
	gets(n, 7, 1, 0, "whole"); // 6 was given up: 5 has no end
	next_message(n, "whole", true);
	assert_int_equal(cells_lent(n), 0);
	node_destroy(n);
}

static void network_order_gives_out_what_is_whole(void **state)
{
	struct node *n = node_create(16);

	opened(n, FLOW_CONTROL, NO_STREAM, true);
	gets(n, 5, 4, 0, "five");
	next_message(n, "five", false);
	gets(n, 8, 7, USER_DATA_FRA_END, "b");
	gets(n, 7, 6, USER_DATA_FRA_BEGIN, "a");
	next_message(n, "ab", false);
	gets(n, 2, 1, USER_DATA_FRA_BEGIN, "orphan");
	gets(n, 4, 1, 0, "four"); // 3 was given up
	next_message(n, "four", false);
	assert_int_equal(cells_lent(n), 0);
	node_destroy(n);
}

// Control's ring is full: what is whole waits and is not overtaken.
static void messages_wait_for_the_report_ring(void **state)
{
	for (int is_network_order = 0; is_network_order < 2; is_network_order++) {
		struct node *n = node_create(1);
		struct report r;

		gets(n, 1, 1, 0, "one");
		node_expect(n, REP_FLOW_OPENED, &r);
		node_class(n, r.flow, 7, FLOW_CONTROL, NO_STREAM, is_network_order); // it is full
		gets(n, 2, 2, 0, "two");
		gets(n, 4, 4, USER_DATA_FRA_END, "ree");
		gets(n, 3, 3, USER_DATA_FRA_BEGIN, "th");
		next_message(n, "one", false);
		no_report(n);
		assert_true(flows_deadline_us(&n->e) <= n->e.now_us + 1000);
		gets(n, 5, 5, 0, "four");
		flows_timers(&n->e, n->e.now_us);
		next_message(n, "two", false);
		flows_timers(&n->e, n->e.now_us);
		next_message(n, "three", false);
		flows_timers(&n->e, n->e.now_us);
		next_message(n, "four", false);
		assert_int_equal(flows_deadline_us(&n->e), UINT64_MAX);
		node_destroy(n);
	}
}

static void flow_gets_octets(struct node *n, uint64_t id, uint64_t seq, uint8_t flags,
			     const uint8_t *octets, size_t len)
{
	uint8_t packet[NODE_PACKET_MAX];
	struct wr w = wr_over(packet, sizeof(packet));
	struct user_data d = {
		.flow_id = id, .seq = seq, .flags = flags, .body = span_of(octets, len)};

	assert_int_equal(user_data_write(&w, &d), 0);
	node_receive(n, packet, w.len);
}

static void gets_octets(struct node *n, uint64_t seq, uint8_t flags, const uint8_t *octets,
			size_t len)
{
	flow_gets_octets(n, 7, seq, flags, octets, len);
}

// rtmfp.md 14.3, requirement 121: what comes after a Flow Synchronization stays with the worker
// until control lets the flow go on, in both orders of delivery; the window stays open a little
// (16.3).
static void a_flow_stops_behind_a_flow_sync(void **state)
{
	static const uint8_t sync[] = {4, 0, 0, 0, 0, 0, 34, 0, 0, 0, 9, 0, 0, 0, 2};
	static const uint8_t other[] = {4, 0, 0, 0, 0, 0, 33, 0, 0, 0, 9, 0, 0, 0, 2};

	for (int is_network_order = 0; is_network_order < 2; is_network_order++) {
		struct node *n = node_create(16);
		struct report r;

		node_gets_data(n, &(struct test_data){.flow = 7,
						      .seq = 1,
						      .flags = USER_DATA_ABANDON,
						      .metadata = TC "\x05",
						      .assoc = -1});
		node_expect(n, REP_FLOW_OPENED, &r);
		node_class(n, r.flow, 7, FLOW_CONTROL, NO_STREAM, is_network_order);
		gets_octets(n, 2, 0, other, sizeof(other)); // another event is nothing special
		node_expect(n, REP_MESSAGE, &r);
		body_put(r.body);
		gets_octets(n, 3, USER_DATA_FRA_BEGIN, sync, 6);
		gets_octets(n, 4, USER_DATA_FRA_END, sync + 6, sizeof(sync) - 6);
		node_expect(n, REP_MESSAGE, &r);
		assert_int_equal(r.len, sizeof(sync));
		body_put(r.body);
		gets(n, 5, 4, 0, "behind");
		no_report(n);
		assert_int_equal(flow_of(n, 0)->class, FLOW_HELD);
		assert_true(flow_rx_window(flow_of(n, 0)) > 0);
		node_class(n, 0, 7, FLOW_CONTROL, NO_STREAM, is_network_order);
		next_message(n, "behind", false);
		gets(n, 6, 5, 0, "goes on");
		next_message(n, "goes on", false);
		node_destroy(n);
	}
}

// A group's flow may carry the same octets; they mean nothing there.
static void other_flows_know_no_flow_sync(void **state)
{
	static const uint8_t sync[] = {4, 0, 0, 0, 0, 0, 34, 0, 0, 0, 9, 0, 0, 0, 2};
	struct node *n = node_create(16);
	struct report r;

	node_gets_data(n, &(struct test_data){.flow = 7,
					      .seq = 1,
					      .flags = USER_DATA_ABANDON,
					      .metadata = GR_11,
					      .assoc = -1});
	node_expect(n, REP_FLOW_OPENED, &r);
	node_class(n, r.flow, 7, FLOW_CONTROL, NO_STREAM, false);
	gets_octets(n, 2, 0, sync, sizeof(sync));
	node_expect(n, REP_MESSAGE, &r);
	body_put(r.body);
	assert_int_equal(flow_of(n, 0)->class, FLOW_CONTROL);
	node_destroy(n);
}

static const uint8_t zeros[1100];

// Middles of flow `id` from `seq` on; returns the number behind the last.
static uint64_t gets_middles(struct node *n, uint64_t id, uint64_t seq, uint32_t count)
{
	for (; count > 0; count--, seq++)
		flow_gets_octets(n, id, seq, USER_DATA_FRA_MIDDLE, zeros, sizeof(zeros));
	return seq;
}

// §3.6.3.5: longer than the window, it comes through all the same, and not at a packet a round
// trip: what has come of it leaves the window open.
static void a_message_may_outgrow_the_window(void **state)
{
	struct node *n = node_create(16);
	struct report r;
	uint64_t seq;

	opened(n, FLOW_CONTROL, NO_STREAM, false);
	flow_of(n, 0)->capacity_bytes = 10240;
	gets_octets(n, 2, USER_DATA_FRA_BEGIN, zeros, 1100);
	seq = gets_middles(n, 7, 3, 340);
	assert_int_equal(flow_rx_window(flow_of(n, 0)), 10240 / WINDOW_BLOCK);
	assert_int_equal(gets_middles(n, 7, seq + 1, 5), seq + 6); // one is missing
	assert_in_range(flow_rx_window(flow_of(n, 0)), 1, 4);
	assert_int_equal(n->e.stats.drops[DROP_RX_BUFFER], 0);
	gets_middles(n, 7, seq + 6, 20);
	assert_int_equal(n->e.stats.drops[DROP_RX_BUFFER], 17); // what waits has its window
	gets_middles(n, 7, seq, 1);
	gets_octets(n, seq + 9, USER_DATA_FRA_END, zeros, 7);
	node_expect(n, REP_MESSAGE, &r);
	assert_int_equal(r.len, 1100 * (seq + 9 - 2) + 7);
	body_put(r.body);
	assert_int_equal(cells_lent(n), 0);
	node_destroy(n);
}

// A message beyond our limit costs itself: what comes behind it says that something is missing.
static void a_message_that_is_too_long_is_left_out(void **state)
{
	for (int is_network_order = 0; is_network_order <= 1; is_network_order++) {
		struct node *n = node_create(16);
		uint64_t seq;

		opened(n, FLOW_CONTROL, NO_STREAM, is_network_order);
		gets_octets(n, 2, USER_DATA_FRA_BEGIN, zeros, 1100);
		seq = gets_middles(n, 7, 3, 362);
		assert_int_equal(n->e.stats.drops[DROP_MESSAGE_SIZE], 0);
		seq = gets_middles(n, 7, seq, 1000);
		assert_int_equal(n->e.stats.drops[DROP_MESSAGE_SIZE], 1);
		assert_int_equal(cells_lent(n), 0);
		gets_octets(n, seq, USER_DATA_FRA_END, zeros, 7);
		gets(n, seq + 1, seq, 0, "behind");
		next_message(n, "behind", !is_network_order);
		gets_octets(n, seq + 2, USER_DATA_FRA_BEGIN, zeros, 1100); // its end is too much
		seq = gets_middles(n, 7, seq + 3, 362);
		gets_octets(n, seq, USER_DATA_FRA_END, zeros, 1100);
		assert_int_equal(n->e.stats.drops[DROP_MESSAGE_SIZE], 2);
		gets(n, seq + 1, seq, 0, "behind");
		next_message(n, "behind", !is_network_order);
		no_report(n);
		assert_int_equal(flow_of(n, 0)->state, RF_OPEN);
		assert_int_equal(cells_lent(n), 0);
		node_destroy(n);
	}
}

// The same of one in more fragments than are numbered at a time.
static void a_message_of_too_many_fragments_is_left_out(void **state)
{
	struct node *n = node_create(16);
	uint64_t seq = 3;

	opened(n, FLOW_CONTROL, NO_STREAM, false);
	gets_octets(n, 2, USER_DATA_FRA_BEGIN, zeros, 1);
	for (; seq < 2 + REASM_SPAN_MAX + 100; seq++)
		gets_octets(n, seq, USER_DATA_FRA_MIDDLE, zeros, 1);
	assert_int_equal(n->e.stats.drops[DROP_MESSAGE_SIZE], 1);
	assert_int_equal(n->e.stats.drops[DROP_RX_BUFFER], 0);
	gets_octets(n, seq, USER_DATA_FRA_END, zeros, 1);
	gets(n, seq + 1, seq, 0, "behind");
	next_message(n, "behind", true);
	assert_int_equal(cells_lent(n), 0);
	node_destroy(n);
}

// Beyond their windows, all flows of a session together have limits.reassembly.
static void what_a_session_holds_beyond_its_windows_is_bounded(void **state)
{
	struct node *n = node_create(16);
	uint64_t first, second;
	struct report r;

	n->e.opts.reassembly_bytes_max = 200 * 1280; // a fragment takes four cells
	opened(n, FLOW_CONTROL, NO_STREAM, false);
	node_gets_data(n, &(struct test_data){.flow = 8,
					      .seq = 1,
					      .flags = USER_DATA_ABANDON,
					      .metadata = TC,
					      .assoc = -1});
	node_expect(n, REP_FLOW_OPENED, &r);
	node_class(n, r.flow, 8, FLOW_CONTROL, NO_STREAM, false);
	flow_of(n, 0)->capacity_bytes = flow_of(n, 1)->capacity_bytes = 10 * 1280;
	for (uint64_t flow = 7; flow <= 8; flow++)
		flow_gets_octets(n, flow, 2, USER_DATA_FRA_BEGIN, zeros, sizeof(zeros));
	first = gets_middles(n, 7, 3, 129);
	second = gets_middles(n, 8, 3, 89);
	assert_int_equal(n->e.stats.drops[DROP_RX_BUFFER], 0); // 120 and 80
	gets_middles(n, 8, second, 2);
	assert_int_equal(n->e.stats.drops[DROP_RX_BUFFER], 2);
	assert_int_equal(flow_rx_window(flow_of(n, 1)), 1);
	first = gets_middles(n, 7, first, 50); // whoever holds most goes on
	assert_int_equal(n->e.stats.drops[DROP_RX_BUFFER], 2);
	gets_octets(n, first, USER_DATA_FRA_END, zeros, 1);
	node_expect(n, REP_MESSAGE, &r);
	body_put(r.body);
	gets_middles(n, 8, second, 100); // and then the other
	assert_int_equal(n->e.stats.drops[DROP_RX_BUFFER], 2);
	node_destroy(n);
}

static void numbers_that_cannot_be_are_dropped(void **state)
{
	struct node *n = node_create(16);

	opened(n, FLOW_CONTROL, NO_STREAM, false);
	gets_octets(n, UINT64_MAX, 0, (const uint8_t *)"x", 1);
	gets_octets(n, 1ull << 63, 0, (const uint8_t *)"x", 1);
	assert_int_equal(n->e.stats.drops[DROP_MALFORMED], 2);
	gets(n, 1ull << 60, 1, 0, "far ahead"); // requirement 133
	next_message(n, "far ahead", true);
	assert_int_equal(flow_of(n, 0)->seen.cum, 1ull << 60);
	node_destroy(n);
}

// Requirement 70 is the sender's; one that breaks it gets its data through all the same.
static void data_at_its_own_forward_number_is_data(void **state)
{
	struct node *n = node_create(16);

	opened(n, FLOW_CONTROL, NO_STREAM, false);
	gets(n, 2, 0, 0, "two");
	next_message(n, "two", false);
	gets(n, 6, 0, USER_DATA_FRA_BEGIN, "a"); // 3 to 5 are given up
	gets(n, 7, 0, USER_DATA_FRA_END, "b");
	next_message(n, "ab", true);
	node_destroy(n);
}

// §17: bounded ranges. What is not taken is not acknowledged, so it comes again.
static void too_many_holes_are_not_taken(void **state)
{
	struct node *n = node_create(16);

	opened(n, FLOW_RELAY, 3, true);
	for (uint64_t i = 0; i < ACK_RANGES_MAX + 10; i++)
		node_gets_data(n, &(struct test_data){.flow = 7,
						      .seq = 3 + 2 * i,
						      .fsn_offset = 2 + 2 * i,
						      .body = "x"});
	assert_int_equal(n->e.stats.drops[DROP_RX_RANGES], 10);
	assert_int_equal(n->relay.n_fragments, ACK_RANGES_MAX);
	assert_int_equal(flow_of(n, 0)->seen.n, ACK_RANGES_MAX);
	node_destroy(n);
}

// ---- ends ----

// Requirement 93.
static void a_flow_is_complete_when_all_up_to_the_final_number_came(void **state)
{
	struct node *n = node_create(16);
	struct report r;
	struct seen seen;

	opened(n, FLOW_CONTROL, NO_STREAM, false);
	gets(n, 3, 2, USER_DATA_FINAL, "last");
	no_report(n);
	gets(n, 4, 1, 0, "beyond the end");
	assert_int_equal(n->e.stats.drops[DROP_FLOW_RULE], 1);
	gets(n, 2, 1, USER_DATA_FINAL, "another end"); // ignored: there is one
	next_message(n, "another end", false);
	next_message(n, "last", false);
	node_expect(n, REP_FLOW_FINISHED, &r);
	assert_int_equal(r.opened.flow_id, 7);
	assert_int_equal(flow_table_at(n->e.flows, NODE_SESSION)->rx_used, 0);
	node_say(n, &seen);
	assert_int_equal(seen.chunk[0].ack.cum, 3);
	node_destroy(n);
}

static void a_complete_flow_lingers_and_still_acknowledges(void **state)
{
	struct node *n = node_create(16);
	struct report r;
	struct seen seen;

	gets(n, 1, 1, USER_DATA_FINAL, "all");
	node_expect(n, REP_FLOW_OPENED, &r);
	no_report(n); // held: it may not be dropped before control has it
	node_class(n, r.flow, 7, FLOW_CONTROL, NO_STREAM, false);
	next_message(n, "all", false);
	node_expect(n, REP_FLOW_FINISHED, &r);
	node_say(n, &seen);
	node_time(n, n->e.now_us + (RF_COMPLETE_LINGER_MS - 1) * 1000);
	node_alarms(n);
	gets(n, 1, 1, USER_DATA_FINAL, "all"); // its ack was lost
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].ack.cum, 1);
	assert_true(seen.chunk[0].ack.window_blocks > 0);
	no_report(n);
	node_time(n, n->e.now_us + 1000);
	node_alarms(n);
	gets(n, 1, 1, 0, "a new flow by now");
	node_expect(n, REP_FLOW_OPENED, &r);
	node_destroy(n);
}

static void a_flow_ends_after_its_messages_found_room(void **state)
{
	struct node *n = node_create(1);
	struct report r;

	gets(n, 1, 1, 0, "one");
	gets(n, 2, 1, USER_DATA_FINAL, "two");
	node_expect(n, REP_FLOW_OPENED, &r);
	node_class(n, r.flow, 7, FLOW_CONTROL, NO_STREAM, false);
	next_message(n, "one", false);
	flows_timers(&n->e, n->e.now_us);
	next_message(n, "two", false);
	flows_timers(&n->e, n->e.now_us);
	node_expect(n, REP_FLOW_FINISHED, &r);
	node_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_are_opened_or_rejected),
		cmocka_unit_test(unknown_options_reject_below_8192),
		cmocka_unit_test(number_0_opens_and_ends_nothing),
		cmocka_unit_test(number_0_ends_a_flow_that_was_rejected),
		cmocka_unit_test(a_session_has_64_flows_at_a_time),
		cmocka_unit_test(a_session_has_as_many_flows_as_the_operator_says),
		cmocka_unit_test(held_flows_are_acknowledged_and_wait),
		cmocka_unit_test(what_is_held_stays_within_the_window),
		cmocka_unit_test(flows_that_nobody_wants_are_rejected),
		cmocka_unit_test(control_may_reject_with_a_code),
		cmocka_unit_test(whoever_is_rejected_and_done_at_once_is_told_why),
		cmocka_unit_test(commands_for_flows_that_are_gone_change_nothing),
		cmocka_unit_test(stream_control_waits_for_its_stream),
		cmocka_unit_test(stream_control_in_fragments_is_one_message),
		cmocka_unit_test(a_rule_makes_a_return_flow_relay_at_once),
		cmocka_unit_test(relay_does_not_wait_for_controls_ring),
		cmocka_unit_test(ungrouping_rejects_what_only_members_may_have),
		cmocka_unit_test(messages_come_in_order_and_gaps_are_said),
		cmocka_unit_test(fragments_make_messages),
		cmocka_unit_test(network_order_gives_out_what_is_whole),
		cmocka_unit_test(a_flow_stops_behind_a_flow_sync),
		cmocka_unit_test(other_flows_know_no_flow_sync),
		cmocka_unit_test(messages_wait_for_the_report_ring),
		cmocka_unit_test(a_message_may_outgrow_the_window),
		cmocka_unit_test(a_message_that_is_too_long_is_left_out),
		cmocka_unit_test(a_message_of_too_many_fragments_is_left_out),
		cmocka_unit_test(what_a_session_holds_beyond_its_windows_is_bounded),
		cmocka_unit_test(numbers_that_cannot_be_are_dropped),
		cmocka_unit_test(data_at_its_own_forward_number_is_data),
		cmocka_unit_test(too_many_holes_are_not_taken),
		cmocka_unit_test(a_flow_is_complete_when_all_up_to_the_final_number_came),
		cmocka_unit_test(a_complete_flow_lingers_and_still_acknowledges),
		cmocka_unit_test(a_flow_ends_after_its_messages_found_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
