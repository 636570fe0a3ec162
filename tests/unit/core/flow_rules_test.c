// Rules of the flows' checklist (rtmfp.md 18, 55 to 95 and 133) that need both a history and a
// packet.
#include "dataplane/core/sent_ring.h"
#include "tests/unit/core/flow_world.h"

#define META "\x54\x43\x04"
#define FAR  (1ull << 40) // a number beyond 32 bits

static uint8_t octets[5000];

static struct flow_tx *tx_flow(struct node *n, uint16_t slot)
{
	return flow_tx_at(n->e.flows, flow_tx_of_slot(&n->e, NODE_SESSION, slot));
}

static struct flow_rx *rx_flow(struct node *n)
{
	return &n->e.flows->rx[flow_table_at(n->e.flows, NODE_SESSION)->rx[0]];
}

static void say_each(struct node *n, uint16_t slot, uint32_t count)
{
	struct seen seen;

	for (uint32_t i = 0; i < count; i++) {
		node_session(n)->n_burst = 0;
		node_send(n, slot, "message", 7, 0);
		assert_int_equal(node_say(n, &seen), 1);
	}
}

static struct node *with_tx_flow(uint32_t sent)
{
	struct node *n = node_create(64);

	node_session(n)->cwnd_bytes = 1 << 20;
	node_flow_open(n, 5, META, PRIO_CONTROL);
	say_each(n, 5, sent);
	return n;
}

static void time_out(struct node *n)
{
	node_time(n, n->e.now_us + 3000000);
	node_alarms(n);
}

// ---- sending ----

// Requirement 71: the first of a flow in a packet is User Data, its direct successors are Next.
static void each_flows_first_chunk_is_user_data(void **state)
{
	struct node *n = with_tx_flow(4);
	struct seen seen;

	node_flow_open(n, 6, META, PRIO_CONTROL);
	for (uint64_t to = 3; to <= 4; to++) // 2 is lost by the third
		node_gets_ack(n, 5, 64, 1, (const uint64_t[][2]){{3, to}, {0, 0}});
	node_gets_ack(n, 5, 64, 1, (const uint64_t[][2]){{3, 4}, {0, 0}});
	node_send(n, 5, "five", 4, 0);
	node_send(n, 5, "six", 3, 0);
	node_send(n, 6, "other", 5, 0);
	node_send(n, 6, "flow", 4, 0);
	node_session(n)->n_burst = 0;
	assert_int_equal(node_say(n, &seen), 5);
	for (uint32_t i = 0; i < seen.n; i++) {
		bool is_next = i > 0 &&
			       seen.chunk[i].data.flow_id == seen.chunk[i - 1].data.flow_id &&
			       seen.chunk[i].data.seq == seen.chunk[i - 1].data.seq + 1 &&
			       seen.chunk[i].data.fsn == seen.chunk[i - 1].data.fsn;

		assert_int_equal(seen.chunk[i].type,
				 is_next ? CHUNK_NEXT_USER_DATA : CHUNK_USER_DATA);
	}
	node_destroy(n);
}

// Requirement 55: a timeout lets go of the burst, as an ack does.
static void the_alarm_ends_a_burst(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;
	int packets = 0;

	node_session(n)->cwnd_bytes = 1 << 20;
	node_flow_open(n, 5, META, PRIO_CONTROL);
	for (int i = 0; i < 2; i++)
		node_send(n, 5, octets, sizeof(octets), 0);
	while (node_say(n, &seen) > 0)
		packets++;
	assert_int_equal(packets, 6);
	time_out(n);
	assert_int_equal(node_session(n)->n_burst, 0);
	assert_true(node_say(n, &seen) > 0);
	assert_int_equal(seen.chunk[0].data.seq, 1);
	node_destroy(n);
}

// Requirement 74: one that was overtaken by a younger takes nothing back but the window.
static void a_stale_ack_takes_nothing_back(void **state)
{
	struct node *n = with_tx_flow(10);
	uint32_t in_flight;

	node_gets_ack(n, 5, 64, 6, (const uint64_t[][2]){{8, 9}, {0, 0}});
	in_flight = node_session(n)->in_flight_bytes;
	node_gets_ack(n, 5, 60, 2, (const uint64_t[][2]){{4, 5}, {0, 0}});
	assert_int_equal(tx_flow(n, 5)->sn_base, 7);
	assert_int_equal(node_session(n)->in_flight_bytes, in_flight);
	assert_true(sent_at(tx_flow(n, 5), 8)->flags & SENT_ACKED);
	assert_int_equal(tx_flow(n, 5)->rwnd_bytes, 60 * 1024);
	node_destroy(n);
}

// Requirement 79: the last data carries FIN every time it is sent.
static void a_lost_fin_comes_again_with_its_data(void **state)
{
	struct node *n = with_tx_flow(1);
	struct report r;
	struct seen seen;

	node_gets_ack(n, 5, 64, 1, NULL);
	node_send(n, 5, "last", 4, 0);
	node_flow_close(n, 5);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(node_say(n, &seen), 1);
		assert_int_equal(seen.chunk[0].data.seq, 2);
		assert_int_equal(seen.chunk[0].data.flags, USER_DATA_FINAL);
		assert_int_equal(seen.chunk[0].data.body.len, 4);
		time_out(n);
	}
	node_gets_ack(n, 5, 64, 2, NULL);
	node_expect(n, REP_FLOW_FREED, &r);
	node_destroy(n);
}

// Requirements 65, 133.
static void sending_numbers_go_beyond_32_bits(void **state)
{
	struct node *n = with_tx_flow(0);
	struct seen seen;
	uint64_t sn = UINT32_MAX - 1ull;

	tx_flow(n, 5)->sn_base = tx_flow(n, 5)->sn_next = sn;
	node_send(n, 5, octets, sizeof(octets), 0);
	for (int i = 0; i < 5; i++, sn++) {
		node_session(n)->n_burst = 0;
		assert_int_equal(node_say(n, &seen), 1);
		assert_int_equal(seen.chunk[0].data.seq, sn);
		assert_int_equal(seen.chunk[0].data.fsn, UINT32_MAX - 2ull);
		assert_true(seen.len <= n->packet_max);
	}
	node_gets_ack(n, 5, 64, UINT32_MAX - 1ull,
		      (const uint64_t[][2]){{UINT32_MAX + 2ull, UINT32_MAX + 3ull}, {0, 0}});
	assert_int_equal(tx_flow(n, 5)->sn_base, UINT32_MAX);
	time_out(n);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, UINT32_MAX);
	node_gets_ack(n, 5, 64, UINT32_MAX + 3ull, NULL);
	assert_int_equal(node_session(n)->in_flight_bytes, 0);
	assert_int_equal(body_pool_lent(n->control), 0);
	node_destroy(n);
}

// ---- receiving ----

static void gets(struct node *n, uint64_t seq, uint64_t fsn_offset, uint8_t flags, const char *body)
{
	node_gets_data(n, &(struct test_data){.flow = FAR + 7,
					      .seq = seq,
					      .fsn_offset = fsn_offset,
					      .flags = flags,
					      .metadata = META,
					      .assoc = -1,
					      .body = body});
}

static void message(struct node *n, const char *text, bool gap_before)
{
	struct report r;

	node_expect(n, REP_MESSAGE, &r);
	assert_int_equal(r.message.flow_id, FAR + 7);
	assert_int_equal(r.len, strlen(text));
	assert_memory_equal(r.body->data, text, r.len);
	assert_int_equal(r.message.gap_before, gap_before);
	body_put(r.body);
}

static struct node *with_rx_flow(void)
{
	struct node *n = node_create(64);
	struct report r;
	struct seen seen;

	gets(n, 1, 1, 0, "first");
	node_expect(n, REP_FLOW_OPENED, &r);
	assert_int_equal(r.opened.flow_id, FAR + 7);
	node_class(n, r.flow, FAR + 7, FLOW_CONTROL, NO_STREAM, false);
	message(n, "first", false);
	node_say(n, &seen);
	return n;
}

// Requirement 133: flow ids and sequence numbers; 85, 86 with them.
static void received_numbers_go_beyond_32_bits(void **state)
{
	struct node *n = with_rx_flow();
	struct seq_range range;
	struct ack_iter it;
	struct report r;
	struct seen seen;

	gets(n, FAR + 1, 1, 0, "far ahead"); // all below is given up
	message(n, "far ahead", true);
	gets(n, FAR + 3, 2, USER_DATA_FINAL, "last");
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].ack.flow_id, FAR + 7);
	assert_int_equal(seen.chunk[0].ack.cum, FAR + 1);
	it = ack_iter_over(&seen.chunk[0].ack);
	assert_true(ack_next(&it, &range));
	assert_int_equal(range.from, FAR + 3);
	assert_int_equal(range.to, FAR + 3);
	gets(n, FAR + 2, 1, 0, "between");
	message(n, "between", false);
	message(n, "last", false);
	node_expect(n, REP_FLOW_FINISHED, &r);
	node_say(n, &seen);
	assert_int_equal(seen.chunk[0].ack.cum, FAR + 3);
	node_destroy(n);
}

// Requirement 83, §10.3: not only with the chunk that opens the flow.
static void an_unknown_option_rejects_an_open_flow_too(void **state)
{
	struct node *n = with_rx_flow();
	uint8_t packet[100];
	struct wr w = wr_over(packet, sizeof(packet));
	struct wr_point start = wr_chunk_begin(&w, CHUNK_USER_DATA);
	struct seen seen;

	wr_u8(&w, USER_DATA_OPTIONS);
	wr_vlu(&w, FAR + 7);
	wr_vlu(&w, 2);
	wr_vlu(&w, 1);
	wr_option_flag(&w, OPTION_MANDATORY_END - 1);
	wr_marker(&w);
	assert_int_equal(wr_chunk_commit(&w, start), 0);
	node_receive(n, packet, w.len);
	assert_int_equal(node_say(n, &seen), 2);
	assert_int_equal(seen.chunk[0].type, CHUNK_FLOW_EXCEPTION);
	assert_int_equal(seen.chunk[0].exception.code, 0);
	assert_int_equal(seen.chunk[1].ack.cum, 2); // the number has been seen (86)
	assert_int_equal(rx_flow(n)->state, RF_REJECTED);
	node_destroy(n);
}

// Requirement 83: the association must be open still, at the moment the flow begins.
static void who_returns_a_rejected_flow_is_rejected(void **state)
{
	struct node *n = with_tx_flow(1);
	uint8_t packet[40];
	struct wr w = wr_over(packet, sizeof(packet));
	struct report r;
	struct seen seen;

	flow_exception_write(&w, &(struct flow_exception){5, 9});
	node_receive(n, packet, w.len);
	node_expect(n, REP_FLOW_EXCEPTION, &r);
	node_gets_data(n, &(struct test_data){.flow = 7,
					      .seq = 1,
					      .fsn_offset = 1,
					      .metadata = META,
					      .assoc = 5,
					      .body = "too late"});
	assert_false(node_report(n, &r));
	assert_true(node_say(n, &seen) >= 2);
	assert_int_equal(seen.chunk[0].type, CHUNK_FLOW_EXCEPTION);
	node_destroy(n);
}

// Requirement 87, §10.5: flows that are not open acknowledge at once, every single number.
static void flows_that_are_not_open_acknowledge_at_once(void **state)
{
	struct node *n = with_rx_flow();
	struct report r;
	struct seen seen;

	node_reject(n, 0, FAR + 7, 3);
	assert_int_equal(node_say(n, &seen), 2);
	for (uint64_t seq = 2; seq < 5; seq++) {
		gets(n, seq, 1, 0, "unwanted");
		assert_int_equal(node_say(n, &seen), 2); // exception first (89)
		assert_int_equal(seen.chunk[0].type, CHUNK_FLOW_EXCEPTION);
		assert_int_equal(seen.chunk[1].ack.cum, seq);
	}
	gets(n, 5, 1, USER_DATA_FINAL, "unwanted");
	node_expect(n, REP_FLOW_FINISHED, &r);
	node_say(n, &seen);
	for (int i = 0; i < 3; i++) { // complete: lingers (93)
		gets(n, 5, 1, USER_DATA_FINAL, "again");
		assert_true(node_say(n, &seen) >= 1);
		assert_int_equal(seen.chunk[seen.n - 1].ack.cum, 5);
	}
	node_destroy(n);
}

static void finished(struct node *n)
{
	struct report r;

	node_expect(n, REP_FLOW_FINISHED, &r);
	assert_int_equal(flow_table_at(n->e.flows, NODE_SESSION)->rx_used, 0);
	assert_int_equal(n->e.flows->cells.free.n, 0);
	node_destroy(n);
}

// §17: an end below what has come already. The flow ends there, and nothing of it stays.
static void an_end_below_what_came_is_an_end(void **state)
{
	struct node *n = with_rx_flow();

	gets(n, 6, 5, 0, "beyond");
	gets(n, 3, 2, USER_DATA_FINAL, "last");
	gets(n, 2, 1, 0, "between");
	message(n, "between", false);
	message(n, "last", false);
	finished(n);
}

// A flow that ends within a message ends without it.
static void an_end_within_a_message_is_an_end(void **state)
{
	struct node *n = with_rx_flow();

	gets(n, 2, 1, USER_DATA_FRA_BEGIN, "be");
	gets(n, 3, 2, USER_DATA_FRA_MIDDLE | USER_DATA_FINAL, "gun");
	finished(n);
}

// Requirement 92: what began and was given up is no message, nor is what comes without a beginning.
static void orphans_are_dropped_and_told_as_gaps(void **state)
{
	struct node *n = with_rx_flow();

	gets(n, 2, 1, USER_DATA_FRA_BEGIN, "begun");
	gets(n, 4, 3, USER_DATA_FRA_MIDDLE, "orphan");
	gets(n, 5, 4, USER_DATA_FRA_END, "orphan");
	gets(n, 6, 5, 0, "whole");
	gets(n, 3, 0, USER_DATA_ABANDON, NULL);
	message(n, "whole", true);
	gets(n, 7, 1, 0, "next");
	message(n, "next", false);
	assert_int_equal(n->e.flows->cells.free.n, 0);
	node_destroy(n);
}

// Requirements 72, 73, 90: the window that is told is what is free, and asking for it changes
// nothing.
static void a_probe_gets_the_window_as_it_is(void **state)
{
	struct node *n = with_rx_flow();
	uint8_t packet[20];
	struct wr w = wr_over(packet, sizeof(packet));
	struct seen seen;

	rx_flow(n)->capacity_bytes = 4096;
	gets(n, 3, 2, 0, "waits for 2"); // a hole: at once
	node_say(n, &seen);
	assert_int_equal(seen.chunk[0].ack.window_blocks, 4);
	assert_int_equal(buffer_probe_write(&w, FAR + 7), 0);
	for (int i = 0; i < 3; i++) {
		node_receive(n, packet, w.len);
		assert_int_equal(node_say(n, &seen), 1);
		assert_int_equal(seen.chunk[0].ack.window_blocks, 4);
		assert_int_equal(seen.chunk[0].ack.cum, 1);
	}
	node_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_flows_first_chunk_is_user_data),
		cmocka_unit_test(the_alarm_ends_a_burst),
		cmocka_unit_test(a_stale_ack_takes_nothing_back),
		cmocka_unit_test(a_lost_fin_comes_again_with_its_data),
		cmocka_unit_test(sending_numbers_go_beyond_32_bits),
		cmocka_unit_test(received_numbers_go_beyond_32_bits),
		cmocka_unit_test(an_unknown_option_rejects_an_open_flow_too),
		cmocka_unit_test(who_returns_a_rejected_flow_is_rejected),
		cmocka_unit_test(flows_that_are_not_open_acknowledge_at_once),
		cmocka_unit_test(an_end_below_what_came_is_an_end),
		cmocka_unit_test(an_end_within_a_message_is_an_end),
		cmocka_unit_test(orphans_are_dropped_and_told_as_gaps),
		cmocka_unit_test(a_probe_gets_the_window_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
