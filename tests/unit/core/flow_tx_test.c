// Send flows: what they say, when, and how they end.
#include "dataplane/core/sent_ring.h"
#include "tests/unit/core/flow_world.h"

#define META "\x54\x43\x04"

static uint8_t octets[400000];

static uint32_t flow_of(struct node *n, uint16_t slot)
{
	return flow_tx_of_slot(&n->e, NODE_SESSION, slot);
}

// Lets the node say all it may, acknowledging nothing. Returns how many packets.
static int drain(struct node *n)
{
	struct seen seen;
	int packets = 0;

	while (node_say(n, &seen) > 0)
		packets++;
	return packets;
}

// ---- chunks ----

// Requirement 66, 67: until any ack, and once per packet.
static void options_travel_until_the_first_ack(void **state)
{
	struct node *n = node_create(16);
	struct command open = {.flow = 5};
	struct seen seen;

	open.open.flow_id = 5;
	open.open.flags = FLOW_OPEN_ASSOC;
	open.open.assoc_id = 300;
	open.open.rule_stream = NO_STREAM;
	open.open.meta_len = 3;
	memcpy(open.open.meta, META, 3);
	node_flow_open_as(n, &open);
	node_send(n, 5, "one", 3, 0);
	node_send(n, 5, "two", 3, 0);
	assert_int_equal(node_say(n, &seen), 2);
	assert_int_equal(seen.chunk[0].type, CHUNK_USER_DATA);
	assert_true(seen.chunk[0].data.options.has_metadata);
	assert_memory_equal(seen.chunk[0].data.options.metadata.data, META, 3);
	assert_true(seen.chunk[0].data.options.has_return_flow);
	assert_int_equal(seen.chunk[0].data.options.return_flow_id, 300);
	assert_int_equal(seen.chunk[1].type, CHUNK_NEXT_USER_DATA); // 71
	assert_int_equal(seen.chunk[1].data.flags, 0);
	assert_int_equal(seen.chunk[1].data.seq, 2);
	node_send(n, 5, "three", 5, 0);
	assert_int_equal(node_say(n, &seen), 1);
	assert_true(seen.chunk[0].data.options.has_metadata); // the next packet again
	node_gets_ack(n, 5, 64, 1, NULL);
	node_send(n, 5, "four", 4, 0);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.flags, 0);
	assert_int_equal(seen.chunk[0].data.seq, 4);
	assert_int_equal(seen.chunk[0].data.fsn, 1);
	node_destroy(n);
}

// Also where a gap lets a second User Data follow in the packet.
static void options_travel_once_a_packet(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, "one", 3, 0);
	node_send(n, 5, "two", 3, n->e.now_us + 200000);
	node_send(n, 5, "three", 5, 0);
	assert_int_equal(node_say(n, &seen), 3);
	node_time(n, n->e.now_us + 260000);
	node_alarms(n); // nothing came back
	assert_int_equal(node_say(n, &seen), 2);
	assert_true(seen.chunk[0].data.options.has_metadata);
	assert_int_equal(seen.chunk[1].type, CHUNK_USER_DATA);
	assert_int_equal(seen.chunk[1].data.seq, 3);
	assert_false(seen.chunk[1].data.options.has_metadata);
	node_destroy(n);
}

// Requirements 65, 69, 70: numbers from 1, fragments that fit with all options, FSN below.
static void a_long_message_becomes_fragments(void **state)
{
	struct node *n = node_create(16);
	uint64_t seq = 0;
	size_t total = 0;
	struct seen seen;
	bool is_end = false;

	node_session(n)->cwnd_bytes = 1 << 20;
	node_flow_open(n, 5, META, PRIO_CONTROL);
	for (size_t i = 0; i < 20000; i++)
		octets[i] = (uint8_t)(i * 13);
	node_send(n, 5, octets, 20000, 0);
	while (!is_end) {
		node_session(n)->n_burst = 0;
		assert_int_equal(node_say(n, &seen), 1);
		assert_int_equal(seen.chunk[0].data.seq, ++seq);
		assert_int_equal(seen.chunk[0].data.fsn, 0);
		assert_memory_equal(seen.chunk[0].data.body.data, octets + total,
				    seen.chunk[0].data.body.len);
		total += seen.chunk[0].data.body.len;
		is_end = total == 20000;
		assert_int_equal(seen.chunk[0].data.flags & USER_DATA_FRA,
				 is_end     ? USER_DATA_FRA_END
				 : seq == 1 ? USER_DATA_FRA_BEGIN
					    : USER_DATA_FRA_MIDDLE);
		if (!is_end)
			assert_in_range(seen.len, n->packet_max - 40, n->packet_max);
	}
	node_destroy(n);
}

static void an_empty_message_is_a_message(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, NULL, 0, 0);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, 1);
	assert_int_equal(seen.chunk[0].data.body.len, 0);
	assert_int_equal(seen.chunk[0].data.flags & ~USER_DATA_OPTIONS, USER_DATA_FRA_WHOLE);
	node_destroy(n);
}

static void flows_take_turns_and_bulk_comes_last(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;

	node_session(n)->cwnd_bytes = 1 << 20;
	node_flow_open(n, 1, META, PRIO_BULK);
	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_flow_open(n, 6, META, PRIO_CONTROL);
	node_send(n, 1, octets, 3000, 0);
	node_send(n, 5, octets, 3000, 0);
	node_send(n, 6, octets, 3000, 0);
	for (int i = 0; i < 6; i++) {
		node_session(n)->n_burst = 0;
		assert_true(node_say(n, &seen) >= 1);
		assert_int_equal(seen.chunk[0].data.flow_id, 5 + i % 2);
	}
	node_session(n)->n_burst = 0;
	node_say(n, &seen);
	assert_int_equal(seen.chunk[seen.n - 1].data.flow_id, 1);
	node_destroy(n);
}

// Requirement 82.
static void time_critical_flows_mark_their_packets(void **state)
{
	struct node *n = node_create(16);
	struct command open = {.flow = 5};
	uint8_t packet[NODE_PACKET_MAX];
	struct txp t = {.w = wr_over(packet, sizeof(packet)),
			.base_cap = sizeof(packet),
			.path_cap = sizeof(packet)};

	open.open.flow_id = 5;
	open.open.flags = FLOW_OPEN_TC;
	node_flow_open_as(n, &open);
	node_send(n, 5, "x", 1, 0);
	assert_true(flows_write_data(&n->e, NODE_SESSION, &t, PRIO_CONTROL));
	assert_true(t.is_tc);
	assert_true(t.has_data);
	node_destroy(n);
}

// ---- what stops them ----

// Requirements 55, 99.
static void six_packets_between_acks(void **state)
{
	struct node *n = node_create(16);

	node_session(n)->cwnd_bytes = 1 << 20;
	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, octets, 50000, 0);
	assert_int_equal(drain(n), 6);
	node_gets_ack(n, 5, 64, 1, NULL);
	assert_int_equal(drain(n), 6);
	node_destroy(n);
}

static void the_congestion_window_stops_them(void **state)
{
	struct node *n = node_create(16);

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, octets, 50000, 0);
	assert_int_equal(drain(n), 4); // 4380 octets, the last one may overshoot
	node_destroy(n);
}

// Requirement 72: RX_BUFFER_SIZE > F_OUTSTANDING_BYTES.
static void the_far_ends_window_stops_them(void **state)
{
	struct node *n = node_create(16);

	node_session(n)->cwnd_bytes = 1 << 20;
	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, octets, 50000, 0);
	drain(n);
	node_gets_ack(n, 5, 2, 6, NULL); // all of it, and 2048 octets more
	assert_int_equal(drain(n), 2);
	node_gets_ack(n, 5, 1, 8, NULL);
	assert_int_equal(drain(n), 1);
	node_gets_ack(n, 5, 64, 9, NULL);
	assert_int_equal(drain(n), 6);
	node_destroy(n);
}

// §16.3: not within 10 s, then ever more rarely, and never while the window is open.
static void a_closed_window_is_probed_late(void **state)
{
	struct node *n = node_create(16);
	uint64_t begin = n->e.now_us, last = 0;
	struct seen seen;
	int probes = 0;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, octets, 20000, 0);
	drain(n);
	node_gets_ack(n, 5, 0, 4, NULL);
	assert_int_equal(drain(n), 0);
	for (uint64_t ms = 100; ms < 300000; ms += 100) {
		node_time(n, begin + ms * 1000);
		node_alarms(n);
		if (node_say(n, &seen) == 0)
			continue;
		assert_int_equal(seen.n, 1);
		assert_int_equal(seen.chunk[0].type, CHUNK_BUFFER_PROBE);
		assert_int_equal(seen.chunk[0].flow_id, 5);
		assert_in_range(ms - last, 10000, BUFFER_PROBE_MAX_MS + 100);
		last = ms;
		probes++;
	}
	assert_in_range(probes, 6, 12);
	node_gets_ack(n, 5, 64, 4, NULL);
	assert_true(drain(n) > 0);
	node_time(n, begin + 600000000);
	node_alarms(n);
	while (node_say(n, &seen) > 0)
		assert_int_equal(seen.chunk[0].type, CHUNK_USER_DATA);
	node_destroy(n);
}

// ---- deadlines ----

// Requirement 77, §3.6.2.6: what expires before it was sent takes one number, and the far end is
// told.
static void expired_messages_take_one_number_each(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	for (int i = 0; i < 3; i++)
		node_send(n, 5, octets, 3000, n->e.now_us + 1000);
	node_send(n, 5, "kept", 4, 0);
	node_time(n, n->e.now_us + 1000);
	assert_int_equal(node_say(n, &seen), 2);
	assert_int_equal(seen.chunk[0].data.seq, 3); // one chunk tells all three
	assert_int_equal(seen.chunk[0].data.fsn, 3);
	assert_int_equal(seen.chunk[0].data.flags & ~USER_DATA_OPTIONS, USER_DATA_ABANDON);
	assert_int_equal(seen.chunk[1].data.seq, 4);
	assert_int_equal(seen.chunk[1].data.fsn, 3);
	assert_int_equal(n->e.stats.drops[DROP_TX_EXPIRED], 3);
	assert_int_equal(body_pool_lent(n->control), 1);
	node_destroy(n);
}

// The same as the recorded session does (frames 31 to 33 of abandon_fsn).
static void an_expired_fragment_is_told_after_its_loss(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, "first", 5, 0);
	node_say(n, &seen);
	node_gets_ack(n, 5, 64, 1, NULL);
	node_send(n, 5, octets, 400, n->e.now_us + 200000);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, 2);
	node_time(n, n->e.now_us + 260000);
	node_alarms(n); // nothing came back
	assert_int_equal(body_pool_lent(n->control), 1);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.flags, USER_DATA_ABANDON);
	assert_int_equal(seen.chunk[0].data.seq, 2);
	assert_int_equal(seen.chunk[0].data.fsn, 2);
	assert_int_equal(body_pool_lent(n->control), 0);
	node_gets_ack(n, 5, 64, 2, NULL);
	assert_int_equal(slabs_lent(n->e.flows->tx_slabs), 0);
	node_destroy(n);
}

static void half_sent_messages_are_given_up_whole(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;
	uint64_t begin = n->e.now_us;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, octets, 20000, begin + 100000);
	node_send(n, 5, "kept", 4, 0);
	assert_int_equal(drain(n), 4);
	node_time(n, begin + 100000);
	node_gets_ack(n, 5, 64, 2, NULL); // 3 and 4 are on their way still
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, 6); // 5 is the rest of it
	assert_int_equal(seen.chunk[0].data.fsn, 2); // 3 and 4 may still arrive
	assert_int_equal(body_pool_lent(n->control), 1);
	node_gets_ack(n, 5, 64, 4, (const uint64_t[][2]){{6, 6}, {0, 0}});
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, 5);
	assert_int_equal(seen.chunk[0].data.flags, USER_DATA_ABANDON);
	node_gets_ack(n, 5, 64, 6, NULL);
	assert_int_equal(body_pool_lent(n->control), 0);
	node_destroy(n);
}

// A flow that cannot send holds nobody's octets longer than it must.
static void blocked_messages_expire_all_the_same(void **state)
{
	struct node *n = node_create(16);
	uint64_t begin = n->e.now_us;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, "first", 5, 0);
	drain(n);
	node_gets_ack(n, 5, 0, 1, NULL);
	node_send(n, 5, octets, 3000, begin + 700000);
	node_send(n, 5, octets, 3000, begin + 300000);
	for (uint64_t ms = 0; ms < 1500; ms += 10) {
		node_time(n, begin + ms * 1000);
		node_alarms(n);
		drain(n);
	}
	assert_int_equal(body_pool_lent(n->control), 0);
	assert_int_equal(n->e.stats.drops[DROP_TX_EXPIRED], 2);
	node_destroy(n);
}

// ---- ends ----

static const struct {
	const char *name;
	int n_before; // messages sent and acknowledged before the close
	int n_after;  // queued when it is closed
	uint64_t fin; // number that carries FIN; 0: none
	uint8_t flags;
} ends[] = {
	{"who never said anything ends without a word", 0, 0, 0, 0},
	{"FIN rides on the last data", 0, 1, 1, USER_DATA_FINAL | USER_DATA_OPTIONS},
	{"of several the last one", 0, 3, 3, USER_DATA_FINAL},
	{"after others were acknowledged", 2, 1, 3, USER_DATA_FINAL},
	{"all said: a number of its own (§3.6.2.8)", 2, 0, 3, USER_DATA_FINAL | USER_DATA_ABANDON},
};

static void a_closed_flow_runs_to_its_end(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct node *n = node_create(16);
		uint64_t fin = 0;
		uint8_t flags = 0;
		struct report r;
		struct seen seen;

		node_flow_open(n, 5, META, PRIO_CONTROL);
		for (int k = 0; k < ends[i].n_before; k++) {
			node_send(n, 5, "before", 6, 0);
			node_say(n, &seen);
			node_gets_ack(n, 5, 64, (uint64_t)k + 1, NULL);
		}
		for (int k = 0; k < ends[i].n_after; k++)
			node_send(n, 5, "after", 5, 0);
		node_flow_close(n, 5);
		while (node_say(n, &seen) > 0)
			for (uint32_t k = 0; k < seen.n; k++)
				if (seen.chunk[k].data.flags & USER_DATA_FINAL) {
					assert_row(fin == 0, ends[i].name);
					fin = seen.chunk[k].data.seq;
					flags = seen.chunk[k].data.flags;
				}
		assert_row(fin == ends[i].fin, ends[i].name);
		assert_row(flags == ends[i].flags, ends[i].name);
		assert_row(node_report(n, &r) == (fin == 0), ends[i].name);
		if (fin != 0) {
			node_gets_ack(n, 5, 64, fin, NULL);
			node_expect(n, REP_FLOW_FREED, &r);
		}
		assert_row(r.op == REP_FLOW_FREED && r.flow == 5, ends[i].name);
		assert_row(flow_of(n, 5) == FLOW_IDX_NONE, ends[i].name);
		node_destroy(n);
	}
}

// §16.3: older receivers take ABN as "nothing below is coming", so the extra FIN waits.
static void the_extra_fin_waits_for_all_acks(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;
	struct report r;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, "one", 3, 0);
	node_send(n, 5, "two", 3, 0);
	drain(n);
	node_flow_close(n, 5);
	assert_int_equal(node_say(n, &seen), 0);
	node_gets_ack(n, 5, 64, 1, NULL);
	assert_int_equal(node_say(n, &seen), 0);
	node_gets_ack(n, 5, 64, 2, NULL);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, 3);
	assert_int_equal(seen.chunk[0].data.flags, USER_DATA_FINAL | USER_DATA_ABANDON);
	node_time(n, n->e.now_us + 400000); // lost: comes again
	node_alarms(n);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, 3);
	assert_int_equal(seen.chunk[0].data.flags, USER_DATA_FINAL | USER_DATA_ABANDON);
	node_gets_ack(n, 5, 64, 3, NULL);
	node_expect(n, REP_FLOW_FREED, &r);
	node_destroy(n);
}

// Requirement 80 without lingering: the next flow of the slot has another id, old acks mean
// nothing.
static void a_slot_is_used_again_with_another_id(void **state)
{
	struct node *n = node_create(16);
	struct command open = {.flow = 5};
	struct report r;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_flow_close(n, 5);
	node_expect(n, REP_FLOW_FREED, &r);
	open.open.flow_id = 5 + FLOWS_PER_SESSION;
	node_flow_open_as(n, &open);
	node_send(n, 5, "new", 3, 0);
	drain(n);
	node_gets_ack(n, 5, 64, 1, NULL);
	assert_int_equal(node_session(n)->in_flight_bytes > 0, true);
	node_gets_ack(n, 5 + FLOWS_PER_SESSION, 64, 1, NULL);
	assert_int_equal(node_session(n)->in_flight_bytes, 0);
	node_destroy(n);
}

static void what_cannot_be_opened_is_free_at_once(void **state)
{
	static const struct {
		const char *name;
		uint16_t slot;
		uint64_t id;
	} rows[] = {
		{"slot in use", 5, 5 + FLOWS_PER_SESSION},
		{"id of another slot", 6, 7},
		{"no such slot", FLOWS_PER_SESSION, FLOWS_PER_SESSION},
		{"id too long to be one of ours", 6, 6 + (1ull << 28)},
	};
	struct node *n = node_create(16);
	struct report r;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct command open = {.flow = rows[i].slot};

		open.open.flow_id = rows[i].id;
		node_flow_open_as(n, &open);
		assert_row(node_report(n, &r) && r.op == REP_FLOW_FREED && r.flow == rows[i].slot,
			   rows[i].name);
	}
	assert_int_equal(n->e.stats.drops[DROP_NO_FLOW], ARRAY_LEN(rows));
	node_destroy(n);
}

static void commands_for_a_flow_that_is_gone_return_their_body(void **state)
{
	struct node *n = node_create(16);

	node_send(n, 5, "x", 1, 0);
	node_flow_open(n, 6, META, PRIO_CONTROL);
	node_send(n, 6, "y", 1, 0);
	node_flow_close(n, 6);
	node_send(n, 6, "after its close", 15, 0);
	assert_int_equal(n->e.stats.drops[DROP_STALE_COMMAND], 2);
	assert_int_equal(body_pool_lent(n->control), 1);
	node_destroy(n);
}

static void control_hears_later_if_its_ring_is_full(void **state)
{
	struct node *n = node_create(1);
	struct report r;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_flow_open(n, 6, META, PRIO_CONTROL);
	node_flow_close(n, 5);
	node_flow_close(n, 6);
	node_expect(n, REP_FLOW_FREED, &r);
	assert_false(node_report(n, &r));
	assert_true(flows_deadline_us(&n->e) <= n->e.now_us + 1000);
	flows_timers(&n->e, n->e.now_us);
	node_expect(n, REP_FLOW_FREED, &r);
	assert_int_equal(r.flow, 6);
	assert_int_equal(flows_deadline_us(&n->e), UINT64_MAX);
	node_destroy(n);
}

// ---- rejected ----

static void gets_exception(struct node *n, uint64_t flow, uint64_t code)
{
	uint8_t packet[40];
	struct wr w = wr_over(packet, sizeof(packet));

	assert_int_equal(flow_exception_write(&w, &(struct flow_exception){flow, code}), 0);
	node_receive(n, packet, w.len);
}

// Requirement 81: closed, everything abandoned, told with its code; it ends with FIN all the same.
static void a_rejected_flow_gives_everything_up(void **state)
{
	struct node *n = node_create(16);
	struct report r;
	struct seen seen;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, octets, 20000, 0);
	drain(n);
	gets_exception(n, 5, 42);
	gets_exception(n, 5, 42); // it comes before every ack
	node_expect(n, REP_FLOW_EXCEPTION, &r);
	assert_int_equal(r.flow, 5);
	assert_int_equal(r.exception.code, 42);
	assert_false(node_report(n, &r));
	assert_int_equal(body_pool_lent(n->control), 0);
	node_gets_ack(n, 5, 0, 4, NULL); // the window no longer counts
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, 5);
	assert_int_equal(seen.chunk[0].data.flags, USER_DATA_ABANDON | USER_DATA_FINAL);
	node_gets_ack(n, 5, 0, 5, NULL);
	node_expect(n, REP_FLOW_FREED, &r);
	node_destroy(n);
}

static void an_exception_for_no_flow_is_nothing(void **state)
{
	struct node *n = node_create(16);
	struct report r;

	gets_exception(n, 5, 42);
	assert_false(node_report(n, &r));
	node_destroy(n);
}

// ---- streams ----

static uint64_t say_fragment(struct node *n, uint32_t idx, uint32_t number, uint8_t *packet)
{
	struct flow_tx *f = flow_tx_at(n->e.flows, idx);
	struct wr w = wr_over(packet, NODE_PACKET_MAX);
	uint64_t sn = f->sn_next;

	assert_true(flow_tx_has_room(&n->e, f));
	assert_int_equal(flow_tx_write_header(&n->e, idx, &w, sn, USER_DATA_FRA_WHOLE, 100), 0);
	assert_in_range(w.len, 1, flow_tx_header_max(&n->e, f));
	wr_take(&w, 100);
	flow_tx_sent(&n->e, idx, sn, number, (uint16_t)w.len);
	return sn;
}

static void a_stream_writes_its_own_chunks(void **state)
{
	struct node *n = node_create(16);
	uint32_t idx = flow_tx_open_stream(&n->e, NODE_SESSION, 9, 9, 77, 1234);
	const struct flow_tx *f = flow_tx_at(n->e.flows, idx);
	uint8_t packet[NODE_PACKET_MAX];
	struct user_data d;
	struct chunk c;
	struct rd r;

	assert_int_equal(f->source_idx, 1234);
	assert_int_equal(flow_tx_open_stream(&n->e, NODE_SESSION, 9, 9, 77, 1), FLOW_IDX_NONE);
	say_fragment(n, idx, 500, packet);
	r = rd_over(packet, NODE_PACKET_MAX);
	assert_true(chunk_next(&r, &c));
	assert_int_equal(user_data_read(&d, c.payload), 0);
	assert_int_equal(d.body.len, 100);
	assert_int_equal(d.seq, 1);
	assert_memory_equal(d.options.metadata.data, "\x47\x52\x12", 3);
	assert_int_equal(d.options.return_flow_id, 77);
	node_gets_ack(n, 9, 64, 1, NULL);
	assert_int_equal(n->relay.n_open_again, 1);
	assert_int_equal(n->relay.n_lost, 0);
	say_fragment(n, idx, 501, packet);
	r = rd_over(packet, NODE_PACKET_MAX);
	assert_true(chunk_next(&r, &c));
	assert_int_equal(user_data_read(&d, c.payload), 0);
	assert_int_equal(d.flags, USER_DATA_FRA_WHOLE);
	assert_int_equal(d.seq, 2);
	assert_int_equal(d.fsn, 1);
	assert_int_equal(d.body.len, 100);
	node_destroy(n);
}

// What is lost is offered again by number; what has left the window is given up, and told.
static void a_streams_losses_are_repaired_or_told(void **state)
{
	struct node *n = node_create(16);
	uint32_t idx = flow_tx_open_stream(&n->e, NODE_SESSION, 9, 9, 77, 1), ref;
	uint8_t packet[NODE_PACKET_MAX];
	struct txp t = {.w = wr_over(packet, sizeof(packet))};
	struct wr w = wr_over(packet, sizeof(packet));
	uint64_t sn;

	for (uint32_t no = 100; no < 108; no++)
		say_fragment(n, idx, no, packet);
	// 1 and 2 are missing while three packets with acks go by.
	node_gets_ack(n, 9, 64, 0, (const uint64_t[][2]){{3, 4}, {0, 0}});
	node_gets_ack(n, 9, 64, 0, (const uint64_t[][2]){{3, 5}, {0, 0}});
	assert_int_equal(n->relay.n_lost, 0);
	node_gets_ack(n, 9, 64, 0, (const uint64_t[][2]){{3, 6}, {0, 0}});
	assert_int_equal(n->relay.n_lost, 1);
	assert_int_equal(n->relay.lost_flow, idx);
	assert_true(flow_tx_next_lost(&n->e, idx, &sn, &ref));
	assert_int_equal(sn, 1);
	assert_int_equal(ref, 100);
	flow_tx_abandon(&n->e, idx, sn); // it has left the window
	assert_true(flow_tx_next_lost(&n->e, idx, &sn, &ref));
	assert_int_equal(sn, 2);
	assert_int_equal(ref, 101);
	assert_int_equal(flow_tx_write_header(&n->e, idx, &w, sn, USER_DATA_FRA_WHOLE, 100), 0);
	flow_tx_sent(&n->e, idx, sn, ref, 120);
	assert_false(flow_tx_next_lost(&n->e, idx, &sn, &ref));
	assert_true(flow_tx_write_fsn_update(&n->e, idx, &t));
	assert_false(flow_tx_write_fsn_update(&n->e, idx, &t));
	assert_int_equal(node_session(n)->tx_ready, 0); // nothing for the message queues' turn
	node_gets_ack(n, 9, 64, 8, NULL);
	assert_int_equal(node_session(n)->in_flight_bytes, 0);
	node_destroy(n);
}

static void a_closed_streams_losses_are_given_up(void **state)
{
	struct node *n = node_create(16);
	uint32_t idx = flow_tx_open_stream(&n->e, NODE_SESSION, 9, 9, 77, 1);
	uint8_t packet[NODE_PACKET_MAX];
	struct report r;
	struct seen seen;

	say_fragment(n, idx, 100, packet);
	say_fragment(n, idx, 101, packet);
	flow_tx_close(&n->e, idx);
	assert_false(flow_tx_has_room(&n->e, flow_tx_at(n->e.flows, idx)));
	node_time(n, n->e.now_us + 400000);
	node_alarms(n);
	assert_int_equal(n->relay.n_lost, 0);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(seen.chunk[0].data.seq, 2);
	assert_int_equal(seen.chunk[0].data.flags & ~USER_DATA_OPTIONS, USER_DATA_ABANDON);
	node_gets_ack(n, 9, 64, 2, NULL);
	assert_int_equal(node_say(n, &seen), 1);
	node_gets_ack(n, 9, 64, 3, NULL);
	node_expect(n, REP_FLOW_FREED, &r);
	node_destroy(n);
}

static void a_stream_hears_of_its_rejection_once(void **state)
{
	struct node *n = node_create(16);
	uint32_t idx = flow_tx_open_stream(&n->e, NODE_SESSION, 9, 9, 77, 1);
	uint8_t packet[NODE_PACKET_MAX];
	struct report r;

	say_fragment(n, idx, 100, packet);
	gets_exception(n, 9, 0);
	gets_exception(n, 9, 0);
	assert_int_equal(n->relay.n_gone, 1);
	assert_int_equal(n->relay.gone_flow, idx);
	flow_tx_close(&n->e, idx); // already closing: nothing
	node_gets_ack(n, 9, 64, 1, NULL);
	drain(n);
	node_gets_ack(n, 9, 64, 2, NULL);
	node_expect(n, REP_FLOW_EXCEPTION, &r);
	node_expect(n, REP_FLOW_FREED, &r);
	assert_int_equal(n->relay.n_gone, 1);
	node_destroy(n);
}

static void the_relays_own_messages_go_through_the_queue(void **state)
{
	struct node *n = node_create(16);
	struct local_body *map;
	struct seen seen;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	assert_int_equal(flow_tx_send_inline(&n->e, flow_of(n, 5), (const uint8_t *)"#\xff", 2, 0),
			 0);
	map = local_body_get(&n->e, 300);
	memset(local_body_data(map), 9, 300);
	assert_int_equal(flow_tx_send_local(&n->e, flow_of(n, 5), map, 300, 0), 0);
	local_body_unref(&n->e, map);
	assert_int_equal(node_say(n, &seen), 2);
	assert_memory_equal(seen.chunk[0].data.body.data, "#\xff", 2);
	assert_int_equal(seen.chunk[1].data.body.len, 300);
	assert_int_equal(body_pool_lent(n->e.bodies), 1);
	node_gets_ack(n, 5, 64, 2, NULL);
	assert_int_equal(body_pool_lent(n->e.bodies), 0);
	node_flow_close(n, 5);
	assert_int_equal(flow_tx_send_inline(&n->e, 0, (const uint8_t *)"x", 1, 0), -ENOENT);
	node_destroy(n);
}

// ---- sessions end ----

static void a_session_that_goes_takes_all_along(void **state)
{
	struct node *n = node_create(1);
	uint8_t packet[NODE_PACKET_MAX];

	for (uint16_t slot = 0; slot < 8; slot++) {
		node_flow_open(n, slot, META, slot % 2 ? PRIO_BULK : PRIO_CONTROL);
		node_send(n, slot, octets, 5000, 0);
	}
	say_fragment(n, flow_tx_open_stream(&n->e, NODE_SESSION, 9, 9, 77, 1), 1, packet);
	drain(n);
	node_flow_open(n, 20, META, PRIO_CONTROL);
	node_flow_close(n, 20);
	node_flow_open(n, 21, META, PRIO_CONTROL);
	node_flow_close(n, 21); // waits for the ring
	node_destroy(n);        // asserts that everything is home
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_travel_until_the_first_ack),
		cmocka_unit_test(options_travel_once_a_packet),
		cmocka_unit_test(a_long_message_becomes_fragments),
		cmocka_unit_test(an_empty_message_is_a_message),
		cmocka_unit_test(flows_take_turns_and_bulk_comes_last),
		cmocka_unit_test(time_critical_flows_mark_their_packets),
		cmocka_unit_test(six_packets_between_acks),
		cmocka_unit_test(the_congestion_window_stops_them),
		cmocka_unit_test(the_far_ends_window_stops_them),
		cmocka_unit_test(a_closed_window_is_probed_late),
		cmocka_unit_test(expired_messages_take_one_number_each),
		cmocka_unit_test(an_expired_fragment_is_told_after_its_loss),
		cmocka_unit_test(half_sent_messages_are_given_up_whole),
		cmocka_unit_test(blocked_messages_expire_all_the_same),
		cmocka_unit_test(a_closed_flow_runs_to_its_end),
		cmocka_unit_test(the_extra_fin_waits_for_all_acks),
		cmocka_unit_test(a_slot_is_used_again_with_another_id),
		cmocka_unit_test(what_cannot_be_opened_is_free_at_once),
		cmocka_unit_test(commands_for_a_flow_that_is_gone_return_their_body),
		cmocka_unit_test(control_hears_later_if_its_ring_is_full),
		cmocka_unit_test(a_rejected_flow_gives_everything_up),
		cmocka_unit_test(an_exception_for_no_flow_is_nothing),
		cmocka_unit_test(a_stream_writes_its_own_chunks),
		cmocka_unit_test(a_streams_losses_are_repaired_or_told),
		cmocka_unit_test(a_closed_streams_losses_are_given_up),
		cmocka_unit_test(a_stream_hears_of_its_rejection_once),
		cmocka_unit_test(the_relays_own_messages_go_through_the_queue),
		cmocka_unit_test(a_session_that_goes_takes_all_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
