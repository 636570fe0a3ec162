// Message flows on paths that carry more than the base size, and no longer do (pmtu.h).
#include "tests/unit/core/flow_world.h"

#define META        "\x54\x43\x04"
#define MESSAGE_LEN 20000

static uint8_t octets[MESSAGE_LEN];

// What has come of the one message, by sequence number: fragments come in any order and repeatedly.
struct far {
	struct {
		uint8_t octets[NODE_PACKET_MAX];
		size_t len;
		bool is_here, is_end;
	} fragment[64];
	uint32_t n_packets, n_big;
};

static struct node *with_message(uint32_t path_more)
{
	struct node *n = node_create(64);

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(i * 13 + i / 256);
	n->path_more = path_more;
	node_session(n)->cwnd_bytes = 1 << 20;
	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, octets, sizeof(octets), 0);
	return n;
}

// Nothing was acknowledged: all again, and no congestion window shall hide what becomes of it.
static void time_out(struct node *n)
{
	node_time(n, n->e.now_us + 3000000);
	node_alarms(n);
	node_session(n)->cwnd_bytes = 1 << 20;
	session_mark(&n->e, NODE_SESSION, DUE_DATA);
}

// Takes the next packet to the far end, or loses it; false: there is none.
static bool packet(struct node *n, struct far *far, bool is_lost)
{
	struct seen seen;

	node_session(n)->n_burst = 0;
	if (node_say(n, &seen) == 0)
		return false;
	far->n_packets++;
	far->n_big += seen.len > n->packet_max;
	assert_true(seen.len <= n->packet_max + n->path_more);
	for (uint32_t i = 0; i < seen.n && !is_lost; i++) {
		const struct user_data *d = &seen.chunk[i].data;

		assert_in_range(d->seq, 1, ARRAY_LEN(far->fragment) - 1);
		memcpy(far->fragment[d->seq].octets, d->body.data, d->body.len);
		far->fragment[d->seq].len = d->body.len;
		far->fragment[d->seq].is_here = true;
		far->fragment[d->seq].is_end = (d->flags & USER_DATA_FRA) == USER_DATA_FRA_END;
	}
	return true;
}

// All of it is there, as it was. Returns the number of fragments.
static uint32_t assert_whole(const struct far *far)
{
	size_t at = 0;
	uint32_t seq = 1;

	for (; seq == 1 || !far->fragment[seq - 1].is_end; seq++) {
		assert_true(far->fragment[seq].is_here);
		assert_memory_equal(far->fragment[seq].octets, octets + at, far->fragment[seq].len);
		at += far->fragment[seq].len;
	}
	assert_int_equal(at, sizeof(octets));
	return seq - 1;
}

static const struct {
	const char *name;
	uint32_t more, n_packets_max;
	bool is_big;
} paths[] = {
	{"the base size", 0, 18, false},
	{"not enough for another fragment", 30, 18, false},
	{"a little more", 60, 18, true},
	{"Ethernet", 240, 15, true},
};

// Requirements 60, 69: every fragment fits a packet of base size, whatever the path carries now.
static void larger_packets_carry_more_fragments_not_longer_ones(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct node *n = with_message(paths[i].more);
		struct far far = {0};

		while (packet(n, &far, false))
			;
		for (uint32_t k = 1; k <= assert_whole(&far); k++)
			assert_row(far.fragment[k].len + 24 <= n->packet_max, paths[i].name);
		assert_row(far.n_packets <= paths[i].n_packets_max, paths[i].name);
		assert_row(paths[i].is_big ? far.n_big + 1 >= far.n_packets : far.n_big == 0,
			   paths[i].name);
		assert_int_equal(n->pmtu.n_wanted, 1);
		node_destroy(n);
	}
}

static void short_messages_want_no_larger_packets(void **state)
{
	struct node *n = node_create(16);
	struct seen seen;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, octets, 1100, 0);
	assert_int_equal(node_say(n, &seen), 1);
	assert_int_equal(n->pmtu.n_wanted, 0);
	node_destroy(n);
}

// Requirement 60: fragments that were cut for the larger size get through after a fall-back.
static void what_was_cut_for_a_larger_path_passes_a_smaller_one(void **state)
{
	struct node *n = with_message(240);
	struct far far = {0};

	while (packet(n, &far, true))
		; // a black hole
	n->path_more = 0;
	time_out(n);
	far.n_big = 0;
	while (packet(n, &far, false))
		;
	assert_int_equal(far.n_big, 0);
	assert_whole(&far);
	node_destroy(n);
}

// The same in the middle of a message, which keeps its pattern.
static void a_message_goes_on_after_its_path_shrank(void **state)
{
	struct node *n = with_message(240);
	struct far far = {0};

	for (int i = 0; i < 4; i++)
		assert_true(packet(n, &far, i > 1));
	n->path_more = 0;
	while (packet(n, &far, false))
		;
	time_out(n);
	while (packet(n, &far, false))
		;
	assert_whole(&far);
	node_destroy(n);
}

static void one_fragment_of_a_big_packet_tells_its_fate(void **state)
{
	struct node *n = with_message(240);
	struct far far = {0};

	for (int i = 0; i < 6; i++)
		packet(n, &far, false);
	assert_int_equal(far.n_big, 6);
	node_gets_ack(n, 5, 64, 4, NULL); // two packets of two fragments
	assert_int_equal(n->pmtu.n_big_acked, 2);
	assert_int_equal(n->pmtu.tsn, 4);
	assert_int_equal(n->pmtu.n_small_acked, 0); // asked for only when big ones got lost
	time_out(n);
	assert_int_equal(n->pmtu.n_big_lost, 4);
	assert_int_equal(n->pmtu.tsn, 12);
	assert_int_equal(n->pmtu.n_doubts, 1);
	n->path_more = 0;
	packet(n, &far, false); // sent again, alone: not a big one any more
	node_gets_ack(n, 5, 64, 5, NULL);
	assert_int_equal(n->pmtu.n_big_acked, 2);
	assert_int_equal(n->pmtu.n_small_acked, 1);
	assert_int_equal(n->pmtu.tsn, 13);
	node_destroy(n);
}

static void negative_acks_tell_of_big_packets_too(void **state)
{
	struct node *n = with_message(240);
	struct far far = {0};

	for (int i = 0; i < 6; i++)
		packet(n, &far, false);
	for (uint64_t to = 8; to <= 12; to += 2)
		node_gets_ack(n, 5, 64, 4, (const uint64_t[][2]){{7, to}, {0}});
	assert_int_equal(n->pmtu.n_big_lost, 1); // number 6, of the third packet
	assert_int_equal(n->pmtu.tsn, 6);
	assert_int_equal(n->pmtu.n_doubts, 0);
	node_destroy(n);
}

static void an_alarm_that_loses_nothing_big_casts_no_doubt(void **state)
{
	struct node *n = node_create(16);
	struct far far = {0};

	n->path_more = 240;
	node_flow_open(n, 5, META, PRIO_CONTROL);
	node_send(n, 5, octets, 100, 0);
	packet(n, &far, false);
	node_session(n)->heard |= HEARD_NO_BIG; // of earlier ones
	time_out(n);
	assert_int_equal(n->e.stats.timeouts, 1);
	packet(n, &far, false);
	node_gets_ack(n, 5, 64, 1, NULL);
	time_out(n); // nothing in flight at all
	assert_int_equal(n->pmtu.n_doubts, 0);
	node_destroy(n);
}

// Once a packet has data in it, it is filled: the congestion window is asked before it begins.
static void the_congestion_window_does_not_cut_a_packet(void **state)
{
	struct node *n = with_message(240);
	struct far far = {0};

	node_session(n)->cwnd_bytes = 1; // the first fragment is more than that
	assert_true(packet(n, &far, false));
	assert_int_equal(far.n_big, 1);
	assert_false(packet(n, &far, false));
	node_destroy(n);
}

// Acks tell nothing when they are lost: only user data takes a packet beyond the base size.
static void acks_do_not_make_a_packet_big(void **state)
{
	struct node *n = node_create(16);
	struct test_data d = {.flow = 7, .seq = 3, .metadata = META, .assoc = -1, .body = "x"};
	struct seen seen;

	node_flow_open(n, 5, META, PRIO_CONTROL);
	for (; d.seq < 600; d.seq += 2)
		node_gets_data(n, &d); // a gap each: an ack of many ranges
	n->path_more = 240;
	node_session(n)->due &= (uint8_t)~DUE_ACK;
	node_send(n, 5, octets, 1000, 0);
	assert_true(node_say(n, &seen) >= 1);
	assert_true(seen.len <= n->packet_max);
	assert_true(node_say(n, &seen) >= 1 || node_session(n)->rx_to_ack == 0);
	assert_true(seen.len <= n->packet_max);
	node_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(larger_packets_carry_more_fragments_not_longer_ones),
		cmocka_unit_test(short_messages_want_no_larger_packets),
		cmocka_unit_test(what_was_cut_for_a_larger_path_passes_a_smaller_one),
		cmocka_unit_test(a_message_goes_on_after_its_path_shrank),
		cmocka_unit_test(one_fragment_of_a_big_packet_tells_its_fate),
		cmocka_unit_test(negative_acks_tell_of_big_packets_too),
		cmocka_unit_test(an_alarm_that_loses_nothing_big_casts_no_doubt),
		cmocka_unit_test(the_congestion_window_does_not_cut_a_packet),
		cmocka_unit_test(acks_do_not_make_a_packet_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
