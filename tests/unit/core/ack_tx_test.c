// When to acknowledge (rtmfp.md 10.5), and what an ack says.
#include "tests/unit/core/flow_world.h"

#define META "\x54\x43\x04"

static struct flow_rx *flow_of(struct node *n)
{
	return &n->e.flows->rx[flow_table_at(n->e.flows, NODE_SESSION)->rx[0]];
}

static void gets(struct node *n, uint64_t seq, uint64_t fsn_offset, uint8_t flags, const char *body)
{
	node_gets_data(n, &(struct test_data){.flow = 7,
					      .seq = seq,
					      .fsn_offset = fsn_offset,
					      .flags = flags,
					      .metadata = META,
					      .assoc = -1,
					      .body = body});
}

// A flow of class CONTROL that has received 1..cum, everything acknowledged.
static struct node *with_flow(uint64_t cum)
{
	struct node *n = node_create(64);
	struct report r;
	struct seen seen;

	gets(n, 1, 1, 0, "x");
	node_expect(n, REP_FLOW_OPENED, &r);
	node_class(n, r.flow, 7, FLOW_CONTROL, NO_STREAM, false);
	for (uint64_t seq = 2; seq <= cum; seq++)
		gets(n, seq, 1, 0, "x");
	while (node_report(n, &r))
		body_put(r.body);
	node_session(n)->due |= DUE_ACK;
	node_say(n, &seen);
	assert_int_equal(node_session(n)->rx_to_ack, 0);
	return n;
}

static bool acks_now(struct node *n)
{
	struct seen seen;

	return node_say(n, &seen) > 0;
}

static const struct {
	const char *name;
	uint64_t before; // a number received and acknowledged first; 0: none
	uint64_t seq, fsn_offset;
	uint8_t flags;
	int32_t prev_rwnd; // -1: as it is
	uint32_t capacity; // 0: as it is
	bool is_now;
} rows[] = {
	{"the next number waits", 0, 4, 1, 0, -1, 0, false},
	{"a number with a hole before it", 0, 5, 4, 0, -1, 0, true},
	{"there was a hole before", 6, 4, 3, 0, -1, 0, true},
	{"it fills the hole", 5, 4, 3, 0, -1, 0, true},
	{"a duplicate", 0, 3, 2, 0, -1, 0, true},
	{"an abandoned number", 0, 4, 0, USER_DATA_ABANDON, -1, 0, true},
	{"the first final", 0, 4, 1, USER_DATA_FINAL, -1, 0, true},
	{"the last ack said less than 2 blocks", 0, 4, 1, 0, 1, 2048, true},
	{"it said 2", 0, 4, 1, 0, 2, 2048, false},
	{"less than 1024 octets of room are left", 0, 4, 1, USER_DATA_FRA_BEGIN, -1, 1300, true},
	{"1024 are left", 0, 4, 1, USER_DATA_FRA_BEGIN, -1, 1400, false},
	{"a message in progress", 0, 4, 1, USER_DATA_FRA_BEGIN, -1, 0, false},
	{"forwarded over what was missing: no hole any more", 0, 6, 1, 0, -1, 0, false},
};

static void some_acks_cannot_wait(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct node *n = with_flow(3);
		struct seen seen;

		if (rows[i].before != 0) {
			gets(n, rows[i].before, rows[i].before - 1, 0, "x");
			node_say(n, &seen);
		}
		if (rows[i].prev_rwnd >= 0)
			flow_of(n)->prev_rwnd = rows[i].prev_rwnd;
		if (rows[i].capacity != 0)
			flow_of(n)->capacity_bytes = rows[i].capacity;
		gets(n, rows[i].seq, rows[i].fsn_offset, rows[i].flags, "x");
		assert_row(acks_now(n) == rows[i].is_now, rows[i].name);
		node_destroy(n);
	}
}

static void a_new_flow_is_acknowledged_at_once(void **state)
{
	struct node *n = node_create(16);

	gets(n, 1, 1, 0, "x");
	assert_true(acks_now(n));
	node_destroy(n);
}

static void the_others_wait_for_a_second_packet_or_200_ms(void **state)
{
	struct node *n = with_flow(3);
	uint64_t begin = n->e.now_us;

	gets(n, 4, 1, 0, "x");
	assert_false(acks_now(n));
	// a tick of the alarms' wheel less, since it may ring so late
	assert_int_equal(node_deadline_us(n), begin + 196000);
	node_time(n, begin + 195000);
	node_alarms(n);
	assert_false(acks_now(n));
	node_time(n, begin + 196000);
	node_alarms(n);
	assert_true(acks_now(n));
	assert_int_equal(node_session(n)->delack_at_ms, 0);
	gets(n, 5, 1, 0, "x");
	gets(n, 6, 1, 0, "x");
	assert_true(acks_now(n));
	assert_int_equal(node_session(n)->delack_at_ms, 0); // the alarm is over with it
	gets(n, 7, 1, 0, "x");
	assert_false(acks_now(n)); // counted from the last ack
	node_destroy(n);
}

// Every second packet with user data, whichever flow it is of; and all that wait go along.
static void packets_of_several_flows_count_together(void **state)
{
	struct node *n = with_flow(3);
	struct report r;
	struct seen seen;

	node_gets_data(n, &(struct test_data){.flow = 8,
					      .seq = 1,
					      .fsn_offset = 1,
					      .metadata = META,
					      .assoc = -1,
					      .body = "x"});
	node_expect(n, REP_FLOW_OPENED, &r);
	assert_int_equal(node_say(n, &seen), 1);
	gets(n, 4, 1, 0, "x");
	assert_false(acks_now(n));
	node_gets_data(n, &(struct test_data){.flow = 8, .seq = 2, .fsn_offset = 1, .body = "x"});
	assert_int_equal(node_say(n, &seen), 2);
	node_destroy(n);
}

static void several_chunks_in_a_packet_are_one_packet(void **state)
{
	struct node *n = with_flow(3);
	uint8_t packet[NODE_PACKET_MAX];
	size_t len = 0;

	for (uint64_t seq = 4; seq < 10; seq++)
		len = test_data_write(
			packet, len,
			&(struct test_data){.flow = 7, .seq = seq, .fsn_offset = 1, .body = "x"});
	node_receive(n, packet, len);
	assert_false(acks_now(n));
	node_destroy(n);
}

static void delayed_acks_ride_on_data(void **state)
{
	struct node *n = with_flow(3);
	struct seen seen;

	gets(n, 4, 1, 0, "x");
	node_flow_open(n, 3, META, PRIO_CONTROL);
	node_send(n, 3, "data", 4, 0);
	assert_int_equal(node_say(n, &seen), 2);
	assert_int_equal(seen.chunk[0].type, CHUNK_USER_DATA);
	assert_int_equal(seen.chunk[1].type, CHUNK_ACK_RANGES);
	assert_int_equal(node_session(n)->rx_to_ack, 0);
	assert_int_equal(node_session(n)->n_rx_data, 0);
	node_destroy(n);
}

// Requirement 86: everything seen, and nothing else.
static void an_ack_says_what_has_been_seen(void **state)
{
	struct node *n = with_flow(3);
	struct seq_range range;
	struct ack_iter it;
	struct seen seen;

	gets(n, 5, 4, 0, "x");
	gets(n, 9, 8, 0, "x");
	gets(n, 10, 9, 0, "x");
	node_say(n, &seen);
	assert_int_equal(seen.chunk[0].type, CHUNK_ACK_RANGES);
	assert_int_equal(seen.chunk[0].ack.cum, 3);
	it = ack_iter_over(&seen.chunk[0].ack);
	assert_true(ack_next(&it, &range));
	assert_int_equal(range.from, 5);
	assert_int_equal(range.to, 5);
	assert_true(ack_next(&it, &range));
	assert_int_equal(range.from, 9);
	assert_int_equal(range.to, 10);
	assert_false(ack_next(&it, &range));
	node_destroy(n);
}

// n numbers with a hole before each, of a flow that holds nothing.
static void gets_holes(struct node *n, uint64_t flow, uint64_t first, uint32_t count)
{
	for (uint64_t i = 0; i < count; i++)
		node_gets_data(n, &(struct test_data){.flow = flow,
						      .seq = first + 2 * i,
						      .fsn_offset = first + 2 * i - 1,
						      .body = "x"});
}

// Requirement 88: the ack that the packet exists for is cut where the packet ends, others wait.
static void only_the_first_ack_is_cut(void **state)
{
	struct node *n = with_flow(3);
	uint8_t packet[60];
	struct txp t = {.w = wr_over(packet, sizeof(packet)), .session_idx = NODE_SESSION};
	struct report r;

	node_gets_data(
		n, &(struct test_data){
			   .flow = 8, .seq = 1, .fsn_offset = 1, .metadata = META, .assoc = -1});
	node_expect(n, REP_FLOW_OPENED, &r);
	node_class(n, 0, 7, FLOW_RELAY, 3, true);
	node_class(n, 1, 8, FLOW_RELAY, 3, true);
	gets_holes(n, 7, 5, 5);
	gets_holes(n, 8, 5, 100);
	assert_true(
		flows_write_acks(&n->e, NODE_SESSION, &t, false)); // beside data: all or nothing
	assert_in_range(t.w.len, 10, 20);
	assert_int_equal(node_session(n)->rx_to_ack, slot_bit(1));
	gets_holes(n, 7, 105, 2);
	t.w = wr_over(packet, sizeof(packet));
	assert_true(flows_write_acks(&n->e, NODE_SESSION, &t, true));
	assert_in_range(t.w.len, 10, 30);
	assert_int_equal(node_session(n)->rx_to_ack, slot_bit(1));
	assert_int_equal(node_session(n)->due & DUE_ACK, DUE_ACK);
	t.w = wr_over(packet, sizeof(packet));
	assert_true(flows_write_acks(&n->e, NODE_SESSION, &t, true));
	assert_in_range(t.w.len, 50, 60);
	assert_int_equal(t.w.err, 0);
	assert_int_equal(node_session(n)->rx_to_ack, 0);
	assert_int_equal(node_session(n)->due & DUE_ACK, 0);
	node_destroy(n);
}

// Requirement 91.
static void a_window_that_opens_again_is_announced(void **state)
{
	struct node *n = node_create(64);
	char text[1001];
	struct report r;
	struct seen seen;

	memset(text, 'x', 1000);
	text[1000] = 0;
	for (uint64_t seq = 1; seq < 60; seq++)
		gets(n, seq, seq, 0, text);
	node_say(n, &seen);
	assert_int_equal(seen.chunk[0].ack.window_blocks, 1);
	node_expect(n, REP_FLOW_OPENED, &r);
	assert_false(acks_now(n));
	node_class(n, r.flow, 7, FLOW_CONTROL, NO_STREAM, false);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].ack.window_blocks, FLOW_RX_CAPACITY / WINDOW_BLOCK);
	node_destroy(n);
}

static const struct {
	const char *name;
	uint32_t capacity, n_cells, blocks;
} windows[] = {
	{"all of it", 65536, 0, 64},
	{"rounded up", 65537, 0, 65},
	{"less what is held", 65536, 16, 59},
	{"full: one block, or a long message would never end", 3200, 10, 1},
	{"overfull", 3200, 20, 1},
};

static void windows_count_blocks_of_1024(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		const struct flow_rx f = {.capacity_bytes = windows[i].capacity,
					  .held = {.n_cells = windows[i].n_cells}};

		assert_row(flow_rx_window(&f) == windows[i].blocks, windows[i].name);
	}
}

static void gets_probe(struct node *n, uint64_t flow)
{
	uint8_t packet[20];
	struct wr w = wr_over(packet, sizeof(packet));

	assert_int_equal(buffer_probe_write(&w, flow), 0);
	node_receive(n, packet, w.len);
}

// Requirement 94.
static void probes_are_answered_if_there_is_a_flow(void **state)
{
	struct node *n = with_flow(3);
	struct report r;
	struct seen seen;

	gets_probe(n, 8);
	assert_false(acks_now(n));
	gets_probe(n, 7);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].ack.cum, 3);
	gets(n, 4, 1, USER_DATA_FINAL, "x");
	node_say(n, &seen);
	gets_probe(n, 7); // complete by now
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].ack.cum, 4);
	node_expect(n, REP_MESSAGE, &r);
	body_put(r.body);
	node_expect(n, REP_FLOW_FINISHED, &r);
	node_destroy(n);
}

// Data that is not kept is not acknowledged.
static void what_found_no_room_is_not_acknowledged(void **state)
{
	struct node *n = with_flow(3);
	struct seen seen;

	flow_of(n)->capacity_bytes = CELL_BYTES;
	gets(n, 5, 4, 0, "kept");
	gets(n, 6, 5, 0, "not kept");
	node_say(n, &seen);
	assert_int_equal(flow_of(n)->seen.n, 1);
	assert_int_equal(flow_of(n)->seen.ranges[0].to, 5);
	gets(n, 4, 3, 0, "the one that all wait for");
	assert_int_equal(flow_of(n)->seen.cum, 5);
	node_destroy(n);
}

static void acks_of_complete_flows_are_bounded(void **state)
{
	struct node *n = node_create(64);
	struct seen seen;

	for (uint64_t id = 0; id < 20; id++)
		node_gets_data(n, &(struct test_data){.flow = id,
						      .seq = 1,
						      .fsn_offset = 1,
						      .flags = USER_DATA_FINAL,
						      .body = "x"});
	node_say(n, &seen);
	assert_int_equal(seen.n, 2 * LINGER_ACKS_MAX); // each with its exception
	assert_false(acks_now(n));
	node_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_acks_cannot_wait),
		cmocka_unit_test(a_new_flow_is_acknowledged_at_once),
		cmocka_unit_test(the_others_wait_for_a_second_packet_or_200_ms),
		cmocka_unit_test(packets_of_several_flows_count_together),
		cmocka_unit_test(several_chunks_in_a_packet_are_one_packet),
		cmocka_unit_test(delayed_acks_ride_on_data),
		cmocka_unit_test(an_ack_says_what_has_been_seen),
		cmocka_unit_test(only_the_first_ack_is_cut),
		cmocka_unit_test(a_window_that_opens_again_is_announced),
		cmocka_unit_test(windows_count_blocks_of_1024),
		cmocka_unit_test(probes_are_answered_if_there_is_a_flow),
		cmocka_unit_test(what_found_no_room_is_not_acknowledged),
		cmocka_unit_test(acks_of_complete_flows_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
