// Acks that come in: what they settle, what they leave overtaken, and when none comes.
#include "dataplane/core/cc.h"
#include "dataplane/core/sent_ring.h"
#include "tests/unit/core/flow_world.h"

#define META "\x54\x43\x04"

static struct flow_tx *flow_of(struct node *n, uint16_t slot)
{
	return flow_tx_at(n->e.flows, flow_tx_of_slot(&n->e, NODE_SESSION, slot));
}

static void say_all(struct node *n)
{
	struct seen seen;

	do
		node_session(n)->n_burst = 0;
	while (node_say(n, &seen) > 0);
}

// A flow in slot 5 with 1..sent in flight, a packet each.
static struct node *with_flow(uint32_t sent)
{
	struct node *n = node_create(64);
	struct seen seen;

	node_session(n)->cwnd_bytes = 1 << 20;
	node_flow_open(n, 5, META, PRIO_CONTROL);
	for (uint32_t i = 0; i < sent; i++) {
		node_session(n)->n_burst = 0;
		node_send(n, 5, "message", 7, 0);
		assert_int_equal(node_say(n, &seen), 1);
	}
	return n;
}

// ---- what an ack settles ----

static const struct {
	const char *name;
	uint64_t cum;
	uint64_t ranges[4][2];
	uint64_t base;   // lowest number not settled
	uint32_t n_left; // in flight, of 10
} rows[] = {
	{"nothing yet", 0, {{0}}, 1, 10},
	{"the first", 1, {{0}}, 2, 9},
	{"all", 10, {{0}}, 11, 0},
	{"with a hole", 3, {{5, 6}}, 4, 5},
	{"with several", 0, {{2, 2}, {4, 5}, {10, 10}}, 1, 6},
	// Requirement 74, §17: harmless.
	{"more than was ever sent", 500, {{0}}, 11, 0},
	{"as much as can be said", UINT64_MAX, {{0}}, 11, 0},
	{"ranges beyond what was sent", 2, {{9, 20}, {1000, 2000}}, 3, 6},
	{"a range up to the end of numbers", 2, {{9, UINT64_MAX - 1}}, 3, 6},
};

static void acks_settle_what_they_name(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct node *n = with_flow(10);
		uint32_t each = flow_of(n, 5)->in_flight_bytes / 10, n_left = 0;

		node_gets_ack(n, 5, 64, rows[i].cum, rows[i].ranges);
		assert_row(flow_of(n, 5)->sn_base == rows[i].base, rows[i].name);
		for (uint64_t sn = rows[i].base; sn <= 10; sn++)
			n_left += (sent_at(flow_of(n, 5), sn)->flags & SENT_IN_FLIGHT) != 0;
		assert_row(n_left == rows[i].n_left, rows[i].name);
		assert_row(flow_of(n, 5)->in_flight_bytes == n_left * each, rows[i].name);
		assert_row(node_session(n)->in_flight_bytes == n_left * each, rows[i].name);
		assert_row((node_session(n)->tx_in_flight != 0) == (n_left != 0), rows[i].name);
		assert_row(body_pool_lent(n->control) == n_left, rows[i].name);
		node_gets_ack(n, 5, 64, rows[i].cum, rows[i].ranges); // the same again
		assert_row(node_session(n)->in_flight_bytes == n_left * each, rows[i].name);
		node_destroy(n);
	}
}

// A stream's flow in slot 6 with 1..sent in flight, a millisecond apart.
static uint32_t stream_with(struct node *n, uint32_t sent)
{
	uint32_t idx = flow_tx_open_stream(&n->e, NODE_SESSION, 6, 6, 1, 0);
	struct flow_tx *f = flow_tx_at(n->e.flows, idx);

	for (uint32_t i = 0; i < sent; i++) {
		node_time(n, n->e.now_us + 1000);
		assert_int_equal(sent_ring_reserve(f, n->e.flows->tx_slabs), 0);
		flow_tx_sent(&n->e, idx, f->sn_next, i, (uint16_t)(100 + i));
	}
	return idx;
}

static uint32_t bytes_from(const struct flow_tx *f, uint64_t sn)
{
	uint32_t bytes = 0;

	for (; sn < f->sn_next; sn++)
		bytes += sent_at(f, sn)->flags & SENT_IN_FLIGHT ? sent_at(f, sn)->bytes : 0;
	return bytes;
}

// What a stream's flow has in flight and nothing else of is settled together: with the same outcome
// as one by one, where a number in the middle is more than in flight.
static void a_stream_is_settled_as_any_flow(void **state)
{
	for (uint64_t odd = 0; odd <= 10; odd++) { // 0: none
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct node *n = with_flow(0);
			struct flow_tx *f = flow_tx_at(n->e.flows, stream_with(n, 10));
			const struct lateness *late =
				&flow_table_at(n->e.flows, NODE_SESSION)->late;
			uint64_t high = rows[i].cum < 10 ? rows[i].cum : 10;
			uint32_t high_tsn = 0, high_ms = 0, first = sent_at(f, 1)->tsn;

			if (odd > 0)
				sent_at(f, odd)->flags |= SENT_RESENT;
			for (int k = 0; rows[i].ranges[k][0] != 0; k++)
				if (rows[i].ranges[k][0] <= 10)
					high = rows[i].ranges[k][1] < 10 ? rows[i].ranges[k][1]
									 : 10;
			if (high > 0)
				high_tsn = first + (uint32_t)high - 1;
			if (high > 0)
				high_ms = sent_at(f, high)->sent_ms;
			node_gets_ack(n, 6, 64, rows[i].cum, rows[i].ranges);
			assert_row(f->sn_base == rows[i].base, rows[i].name);
			assert_row(f->in_flight_bytes == bytes_from(f, f->sn_base), rows[i].name);
			assert_row(node_session(n)->in_flight_bytes == f->in_flight_bytes,
				   rows[i].name);
			assert_row((node_session(n)->tx_in_flight != 0) == (rows[i].n_left != 0),
				   rows[i].name);
			assert_row(node_session(n)->tsn_acked == high_tsn, rows[i].name);
			assert_row(late->arrived_ms == high_ms, rows[i].name);
			node_destroy(n);
		}
	}
}

static void gets_chunk(struct node *n, uint8_t type, const char *payload, size_t len)
{
	uint8_t packet[100] = {type, 0, (uint8_t)len};

	memcpy(packet + 3, payload, len);
	node_receive(n, packet, 3 + len);
}

// Requirement 74.
static void acks_of_all_forms_are_understood(void **state)
{
	static const struct {
		const char *name;
		uint8_t type;
		const char *payload;
		size_t len;
		uint64_t base;
		uint32_t n_left; // of 30
	} forms[] = {
		// 0-16, 18, 21-24, 27, 28: the RFC's examples (4.13, 4.14)
		{"a bitmap", CHUNK_ACK_BITMAP, "\x05\x7f\x10\x79\x06", 5, 17, 30 - 16 - 7},
		{"ranges", CHUNK_ACK_RANGES, "\x05\x7f\x10\x00\x00\x01\x03", 7, 17, 30 - 16 - 5},
		{"a bitmap longer than what was sent", CHUNK_ACK_BITMAP, "\x05\x7f\x1a\xff\xff\xff",
		 6, 27, 1},
		{"a pair cut short", CHUNK_ACK_RANGES, "\x05\x7f\x10\x00\x00\x01", 6, 17,
		 30 - 16 - 1},
		{"a number cut short", CHUNK_ACK_RANGES, "\x05\x7f\x90", 3, 1, 30},
		{"of a flow that is not there", CHUNK_ACK_RANGES, "\x06\x7f\x10", 3, 1, 30},
		{"of a flow far away", CHUNK_ACK_RANGES, "\xff\xff\xff\xff\xff\x05\x7f\x10", 8, 1,
		 30},
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct node *n = with_flow(30);
		uint32_t n_left = 0;

		gets_chunk(n, forms[i].type, forms[i].payload, forms[i].len);
		assert_row(flow_of(n, 5)->sn_base == forms[i].base, forms[i].name);
		for (uint64_t sn = forms[i].base; sn <= 30; sn++)
			n_left += (sent_at(flow_of(n, 5), sn)->flags & SENT_IN_FLIGHT) != 0;
		assert_row(n_left == forms[i].n_left, forms[i].name);
		node_destroy(n);
	}
}

static void an_ack_before_anything_was_sent_is_nothing(void **state)
{
	struct node *n = with_flow(0);
	struct seen seen;

	node_gets_ack(n, 5, 0, 3, NULL);
	node_send(n, 5, "x", 1, 0);
	assert_int_equal(node_say(n, &seen), 1);
	assert_true(seen.chunk[0].data.options.has_metadata);
	node_destroy(n);
}

static void windows_may_be_any_number(void **state)
{
	struct node *n = with_flow(1);

	node_gets_ack(n, 5, UINT64_MAX, 1, NULL);
	assert_int_equal(flow_of(n, 5)->rwnd_bytes, UINT32_MAX / 1024 * 1024);
	node_gets_ack(n, 5, 3, 1, NULL);
	assert_int_equal(flow_of(n, 5)->rwnd_bytes, 3072);
	node_destroy(n);
}

// ---- three negative acks ----

static bool is_lost(struct node *n, uint64_t sn)
{
	return sent_at(flow_of(n, 5), sn)->flags & SENT_LOST;
}

// Requirement 75: per packet with acks, not per ack chunk.
static void three_packets_with_acks_make_a_loss(void **state)
{
	struct node *n = with_flow(10);
	struct seen seen;

	node_gets_ack(n, 5, 64, 1, (const uint64_t[][2]){{3, 3}, {0, 0}});
	assert_int_equal(sent_at(flow_of(n, 5), 2)->naks, 1);
	assert_int_equal(sent_at(flow_of(n, 5), 4)->naks, 0); // nothing later is acknowledged
	node_gets_ack(n, 5, 64, 1, (const uint64_t[][2]){{3, 4}, {0, 0}});
	assert_false(is_lost(n, 2));
	node_gets_ack(n, 5, 64, 1, (const uint64_t[][2]){{3, 5}, {0, 0}});
	assert_true(is_lost(n, 2));
	assert_false(is_lost(n, 6));
	assert_int_equal(n->e.stats.fragments_lost, 1);
	assert_int_equal(n->cold[NODE_SESSION].n_lost, 1);
	assert_int_equal(node_say(n, &seen), 1); // it goes out again, before anything new
	assert_int_equal(seen.chunk[0].data.seq, 2);
	assert_int_equal(n->e.stats.fragments_resent, 1);
	// Lost again: its new transmission is overtaken by what was sent after it.
	for (int i = 0; i < 4; i++) {
		node_session(n)->n_burst = 0;
		node_send(n, 5, "message", 7, 0);
		node_say(n, &seen);
	}
	node_gets_ack(n, 5, 64, 1, (const uint64_t[][2]){{3, 11}, {0, 0}});
	node_gets_ack(n, 5, 64, 1, (const uint64_t[][2]){{3, 12}, {0, 0}});
	assert_false(is_lost(n, 2));
	node_gets_ack(n, 5, 64, 1, (const uint64_t[][2]){{3, 13}, {0, 0}});
	assert_true(is_lost(n, 2));
	node_destroy(n);
}

// The base was sent again and so is younger than what follows it: that may have been overtaken.
static void a_young_base_hides_nothing(void **state)
{
	struct node *n = with_flow(8);
	struct seen seen;

	for (uint64_t to = 2; to <= 4; to++)
		node_gets_ack(n, 5, 64, 0, (const uint64_t[][2]){{2, to}, {0, 0}});
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, 1);
	node_gets_ack(n, 5, 64, 0, (const uint64_t[][2]){{2, 5}, {8, 8}, {0, 0}});
	assert_int_equal(sent_at(flow_of(n, 5), 1)->naks, 0);
	assert_int_equal(sent_at(flow_of(n, 5), 6)->naks, 1);
	assert_int_equal(sent_at(flow_of(n, 5), 7)->naks, 1);
	node_destroy(n);
}

static void acks_of_other_flows_count(void **state)
{
	struct node *n = with_flow(1);
	struct seen seen;

	node_flow_open(n, 6, META, PRIO_CONTROL);
	for (uint64_t i = 1; i <= 3; i++) {
		node_session(n)->n_burst = 0;
		node_send(n, 6, "message", 7, 0);
		node_say(n, &seen);
		assert_false(is_lost(n, 1));
		node_gets_ack(n, 6, 64, i, NULL);
	}
	assert_true(is_lost(n, 1));
	node_destroy(n);
}

// Two ack chunks in one packet are one packet.
static void chunks_of_one_packet_count_once(void **state)
{
	struct node *n = with_flow(6);
	uint8_t packet[100];
	struct wr w = wr_over(packet, sizeof(packet));

	for (uint64_t to = 2; to <= 6; to++)
		ack_ranges_write(&w, &(struct ack){.flow_id = 5, .window_blocks = 64},
				 &(struct seq_range){2, to}, 1);
	node_receive(n, packet, w.len);
	assert_int_equal(sent_at(flow_of(n, 5), 1)->naks, 1);
	node_destroy(n);
}

// The pitfall of 9.4: declared lost, acknowledged after all.
static void what_arrived_after_all_is_not_sent_again(void **state)
{
	struct node *n = with_flow(6);
	struct seen seen;

	node_session(n)->cwnd_bytes = 0; // blocked
	for (uint64_t to = 2; to <= 4; to++)
		node_gets_ack(n, 5, 64, 0, (const uint64_t[][2]){{2, to}, {0, 0}});
	assert_true(is_lost(n, 1));
	node_session(n)->cwnd_bytes = 0;
	node_gets_ack(n, 5, 64, 4, NULL);
	node_session(n)->cwnd_bytes = 1 << 20;
	node_session(n)->due |= DUE_DATA;
	assert_int_equal(node_say(n, &seen), 0);
	node_gets_ack(n, 5, 64, 6, NULL);
	assert_int_equal(body_pool_lent(n->control), 0);
	node_destroy(n);
}

// ---- congestion ----

static void one_loss_event_cuts_the_window_once(void **state)
{
	struct node *n = with_flow(40);
	uint32_t after;

	node_session(n)->cwnd_bytes = 100000;
	node_session(n)->in_flight_bytes += 50000; // as if there were more
	for (uint64_t to = 10; to <= 12; to++)
		node_gets_ack(n, 5, 64, 0, (const uint64_t[][2]){{2, to}, {0, 0}});
	after = node_session(n)->cwnd_bytes;
	assert_in_range(after, 24000, 26000);  // half of what was in flight
	for (uint64_t to = 20; to <= 22; to++) // 13 is missing, too: it left in the same flight
		node_gets_ack(n, 5, 64, 0, (const uint64_t[][2]){{2, 12}, {14, to}, {0, 0}});
	assert_true(is_lost(n, 13));
	assert_int_equal(node_session(n)->cwnd_bytes, after);
	node_session(n)->in_flight_bytes -= 50000;
	node_destroy(n);
}

static void time_critical_rules_are_asked_for(void **state)
{
	static const struct {
		const char *name;
		bool is_tcr, is_tc;
		uint32_t grown;
	} rules[] = {
		{"nobody is time critical: slow start", false, false, 100},
		{"somebody else is: as if SSTHRESH were 0", true, false, 0},
		{"we are: a quarter", false, true, 25},
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct node *n = with_flow(10);
		uint32_t cwnd, acked;

		n->is_tcr = rules[i].is_tcr;
		n->is_tc = rules[i].is_tc;
		node_session(n)->in_flight_bytes += 20000;
		cwnd = node_session(n)->cwnd_bytes = 20000;
		acked = flow_of(n, 5)->in_flight_bytes;
		node_gets_ack(n, 5, 64, 10, NULL);
		assert_row(node_session(n)->cwnd_bytes ==
				   cwnd + (acked * rules[i].grown + 99) / 100,
			   rules[i].name);
		node_session(n)->in_flight_bytes -= 20000;
		node_destroy(n);
	}
}

// ---- no acks at all ----

// Requirement 76.
static void silence_loses_everything_in_flight(void **state)
{
	struct node *n = with_flow(5);
	struct seen seen;

	node_session(n)->n_burst = 6;
	node_time(n, n->e.now_us + 249000);
	node_alarms(n);
	assert_int_equal(n->e.stats.timeouts, 0);
	node_time(n, n->e.now_us + 1000);
	node_alarms(n);
	assert_int_equal(n->e.stats.timeouts, 1);
	assert_int_equal(n->e.stats.fragments_lost, 5);
	assert_int_equal(node_session(n)->in_flight_bytes, 0);
	assert_int_equal(node_session(n)->cwnd_bytes, CC_SMSS);
	assert_int_equal(node_session(n)->erto_us, 250000ull * 14142 / 10000);
	assert_int_equal(node_say(n, &seen), 5); // small ones: all in one packet
	assert_int_equal(seen.chunk[0].data.seq, 1);
	assert_int_equal(seen.chunk[4].type, CHUNK_NEXT_USER_DATA);
	node_gets_ack(n, 5, 64, 5, NULL);
	assert_int_equal(body_pool_lent(n->control), 0);
	node_destroy(n);
}

static void an_ack_moves_the_alarm_on(void **state)
{
	struct node *n = with_flow(5);
	uint64_t begin = n->e.now_us;

	node_time(n, begin + 200000);
	node_gets_ack(n, 5, 64, 2, NULL);
	assert_int_equal(node_deadline_us(n), begin + 450000);
	node_gets_ack(n, 5, 64, 5, NULL);
	node_time(n, begin + 450000);
	node_alarms(n); // idle: no loss, the window begins anew
	assert_int_equal(n->e.stats.timeouts, 0);
	assert_int_equal(node_session(n)->cwnd_bytes, CWND_INIT_BYTES);
	assert_int_equal(node_session(n)->erto_us, 250000);
	assert_int_equal(node_deadline_us(n), UINT64_MAX);
	node_destroy(n);
}

// Transmission numbers of 32 bits wrap within a long session.
static void transmission_numbers_wrap(void **state)
{
	struct node *n = with_flow(0);
	struct seen seen;

	node_session(n)->tsn_next = UINT32_MAX - 2;
	node_session(n)->tsn_acked = UINT32_MAX - 3;
	for (int i = 0; i < 8; i++) {
		node_session(n)->n_burst = 0;
		node_send(n, 5, "message", 7, 0);
		node_say(n, &seen);
		assert_int_not_equal(sent_at(flow_of(n, 5), (uint64_t)i + 1)->tsn, 0);
	}
	for (uint64_t to = 4; to <= 6; to++)
		node_gets_ack(n, 5, 64, 1, (const uint64_t[][2]){{3, to}, {0, 0}});
	assert_true(is_lost(n, 2));
	assert_false(is_lost(n, 7));
	say_all(n);
	node_gets_ack(n, 5, 64, 8, NULL);
	assert_int_equal(node_session(n)->in_flight_bytes, 0);
	node_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acks_settle_what_they_name),
		cmocka_unit_test(a_stream_is_settled_as_any_flow),
		cmocka_unit_test(acks_of_all_forms_are_understood),
		cmocka_unit_test(an_ack_before_anything_was_sent_is_nothing),
		cmocka_unit_test(windows_may_be_any_number),
		cmocka_unit_test(three_packets_with_acks_make_a_loss),
		cmocka_unit_test(a_young_base_hides_nothing),
		cmocka_unit_test(acks_of_other_flows_count),
		cmocka_unit_test(chunks_of_one_packet_count_once),
		cmocka_unit_test(what_arrived_after_all_is_not_sent_again),
		cmocka_unit_test(one_loss_event_cuts_the_window_once),
		cmocka_unit_test(time_critical_rules_are_asked_for),
		cmocka_unit_test(silence_loses_everything_in_flight),
		cmocka_unit_test(an_ack_moves_the_alarm_on),
		cmocka_unit_test(transmission_numbers_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
