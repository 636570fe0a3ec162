// Late is not lost (requirement 75 on paths that do not keep order): how a session finds out that
// what it declared lost had only been overtaken, what it believes from then on, and what becomes of
// the window that it had cut.
#include "dataplane/core/sent_ring.h"
#include "tests/unit/core/flow_world.h"

#define META    "\x54\x43\x04"
#define GAP_US  8000   // between two fragments
#define TRIP_US 40000  // until the first ack
#define WIDE    100000 // octets of window: more than is ever in flight here

static struct flow_tx *flow_of(struct node *n)
{
	return flow_tx_at(n->e.flows, flow_tx_of_slot(&n->e, NODE_SESSION, 5));
}

static struct flow_table *table_of(struct node *n)
{
	return flow_table_at(n->e.flows, NODE_SESSION);
}

static bool is_lost(struct node *n, uint64_t sn)
{
	return sent_at(flow_of(n), sn)->flags & SENT_LOST;
}

static void say_again(struct node *n)
{
	struct seen seen;

	node_session(n)->n_burst = 0;
	node_session(n)->due |= DUE_DATA;
	assert_int_equal(node_say(n, &seen), 1);
}

static void wait_us(struct node *n, uint64_t us)
{
	node_time(n, n->e.now_us + us);
}

// Fragments 1..sent left one after the other, the last one a round trip ago. *began_us: when 1
// left.
static struct node *with_flight(uint32_t sent, uint64_t *began_us)
{
	struct node *n = node_create(64);

	*began_us = n->e.now_us;
	node_session(n)->cwnd_bytes = WIDE;
	node_flow_open(n, 5, META, PRIO_CONTROL);
	for (uint32_t i = 0; i < sent; i++) {
		node_send(n, 5, "message", 7, 0);
		say_again(n);
		wait_us(n, GAP_US);
	}
	wait_us(n, TRIP_US);
	return n;
}

// Everything arrived up to `to` but fragment 1; the far end heard of `to` last.
static void gets_hole(struct node *n, uint64_t began_us, uint64_t to)
{
	n->echo_us = began_us + (to - 1) * GAP_US;
	node_gets_ack(n, 5, 64, 0, (const uint64_t[][2]){{2, to}, {0, 0}});
	wait_us(n, GAP_US);
}

static void believe(struct node *n, uint16_t limit_ms)
{
	table_of(n)->late.limit_ms = limit_ms;
	table_of(n)->late.since_ms = n->e.now_ms;
}

static void gets_all(struct node *n, uint64_t echo_us, uint64_t cum)
{
	n->echo_us = echo_us;
	node_gets_ack(n, 5, 64, cum, NULL);
}

// ---- what is believed ----

static void a_path_that_loses_keeps_the_threshold(void **state)
{
	uint64_t began_us, resent_us;
	struct node *n = with_flight(8, &began_us);

	for (int i = 0; i < 4; i++) { // and loses again and again
		for (uint64_t to = 2; to <= 4; to++)
			gets_hole(n, began_us, to);
		if (i == 0)
			assert_true(is_lost(n, 1));
		if (!is_lost(n, 1))
			break;
		say_again(n);
	}
	resent_us = n->e.now_us - GAP_US;
	wait_us(n, TRIP_US);
	gets_all(n, resent_us + GAP_US, 8); // heard of the second transmission
	assert_int_equal(table_of(n)->late.limit_ms, 0);
	assert_true(node_session(n)->cwnd_bytes < WIDE); // and the cut was right
	node_destroy(n);
}

// Fragment 1 is declared lost after the third ack, when 4 has arrived.
static void who_arrives_before_it_is_sent_again_was_late(void **state)
{
	uint64_t began_us;
	struct node *n = with_flight(8, &began_us);

	for (uint64_t to = 2; to <= 4; to++)
		gets_hole(n, began_us, to);
	assert_true(is_lost(n, 1));
	assert_true(node_session(n)->cwnd_bytes < WIDE);
	gets_all(n, 0, 5); // says nothing of time
	assert_int_equal(table_of(n)->late.limit_ms, 3 * GAP_US / 1000);
	assert_int_equal(node_session(n)->cwnd_bytes, WIDE);
	assert_int_equal(node_session(n)->ssthresh_bytes, SSTHRESH_NONE);
	node_destroy(n);
}

// It was sent again, and then an ack comes from when the far end had heard of nothing so new.
static void the_echo_tells_which_transmission_arrived(void **state)
{
	static const struct {
		const char *name;
		int64_t echo_us; // after fragment 1 was sent again
		bool has_echo, is_late;
	} rows[] = {
		{"the first one's own time", -TRIP_US - 11 * GAP_US, true, true},
		{"just before the second", -4000, true, true},
		{"the second's own time", 0, true, false},
		{"after the second", 4000, true, false},
		{"no echo proves nothing", 0, false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t began_us, resent_us;
		struct node *n = with_flight(8, &began_us);
		uint32_t tsn;

		for (uint64_t to = 2; to <= 4; to++)
			gets_hole(n, began_us, to);
		tsn = node_session(n)->tsn_acked;
		resent_us = n->e.now_us;
		say_again(n);
		wait_us(n, GAP_US);
		gets_all(n, rows[i].has_echo ? (uint64_t)((int64_t)resent_us + rows[i].echo_us) : 0,
			 4);
		assert_row((node_session(n)->cwnd_bytes == WIDE) == rows[i].is_late, rows[i].name);
		// Who is late overtakes nothing.
		assert_row((node_session(n)->tsn_acked == tsn) ==
				   (rows[i].is_late || !rows[i].has_echo),
			   rows[i].name);
		node_destroy(n);
	}
}

// What left in one millisecond overtakes by less than one: it is late all the same.
static void what_left_together_may_overtake_each_other(void **state)
{
	for (unsigned is_resent = 0; is_resent < 2; is_resent++) {
		struct node *n = node_create(64);

		node_session(n)->cwnd_bytes = WIDE;
		node_flow_open(n, 5, META, PRIO_CONTROL);
		for (uint64_t base = 0; base <= 6; base += 6) {
			uint64_t left_us = n->e.now_us;

			for (unsigned i = 0; i < 6; i++) {
				node_send(n, 5, "message", 7, 0);
				say_again(n);
			}
			wait_us(n, TRIP_US);
			n->echo_us = left_us;
			for (uint64_t to = base + 2; to <= base + 4; to++)
				node_gets_ack(n, 5, 64, base,
					      (const uint64_t[][2]){{base + 2, to}, {0, 0}});
			assert_int_equal(is_lost(n, base + 1), base == 0);
			if (base == 0 && is_resent)
				say_again(n);
			gets_all(n, left_us, base + 6);
			assert_int_equal(table_of(n)->late.limit_ms, 1);
			assert_true(node_session(n)->cwnd_bytes >= WIDE);
		}
		node_destroy(n);
	}
}

static void an_echo_from_before_an_arrival_measures_lateness(void **state)
{
	uint64_t began_us;
	struct node *n = with_flight(8, &began_us);

	for (uint64_t to = 2; to <= 7; to++)
		gets_hole(n, began_us, to);
	gets_all(n, began_us, 7);
	// 7 had left six gaps after 1; the echo is a tick of 4 ms.
	assert_in_range(table_of(n)->late.limit_ms, 6 * GAP_US / 1000, 6 * GAP_US / 1000 + 4);
	node_destroy(n);
}

// An ack that tells nothing new may itself be late.
static void a_late_ack_is_no_late_fragment(void **state)
{
	uint64_t began_us;
	struct node *n = with_flight(8, &began_us);

	gets_all(n, began_us + 7 * GAP_US, 8);
	gets_all(n, began_us, 1);
	assert_int_equal(table_of(n)->late.limit_ms, 0);
	node_destroy(n);
}

// Older implementations do not echo: acks mean by the letter what §3.6.2.5 says.
static void without_echoes_the_letter_counts(void **state)
{
	uint64_t began_us;
	struct node *n = with_flight(8, &began_us);
	uint32_t tsn;

	for (uint64_t to = 2; to <= 4; to++)
		node_gets_ack(n, 5, 64, 0, (const uint64_t[][2]){{2, to}, {0, 0}});
	say_again(n);
	tsn = sent_at(flow_of(n), 1)->tsn;
	node_gets_ack(n, 5, 64, 4, NULL);
	assert_int_equal(node_session(n)->tsn_acked, tsn);
	assert_true(node_session(n)->cwnd_bytes < WIDE);
	node_destroy(n);
}

// ---- what counts from then on ----

static void what_is_within_the_limit_is_not_overtaken(void **state)
{
	uint64_t began_us;
	struct node *n = with_flight(10, &began_us);

	believe(n, 4 * GAP_US / 1000);
	for (uint64_t to = 2; to <= 5; to++)
		gets_hole(n, began_us, to);
	assert_int_equal(sent_at(flow_of(n), 1)->naks, 0);
	gets_hole(n, began_us, 6); // five gaps later
	gets_hole(n, began_us, 7);
	assert_int_equal(sent_at(flow_of(n), 1)->naks, 2);
	assert_false(is_lost(n, 1));
	gets_hole(n, began_us, 8);
	assert_true(is_lost(n, 1));
	node_destroy(n);
}

// However late a path is: what is out for ERTO is lost (requirement 76).
static void no_limit_outlasts_the_alarm(void **state)
{
	uint64_t began_us;
	struct node *n = with_flight(8, &began_us);

	believe(n, ERTO_MAX_MS);
	node_time(n, began_us + node_session(n)->erto_us - 2 * GAP_US);
	for (uint64_t to = 2; to <= 4; to++)
		gets_hole(n, began_us, to);
	assert_int_equal(sent_at(flow_of(n), 1)->naks, 1);
	gets_hole(n, began_us, 5);
	assert_false(is_lost(n, 1));
	gets_hole(n, began_us, 6);
	assert_true(is_lost(n, 1));
	assert_int_equal(n->e.stats.timeouts, 0);
	node_destroy(n);
}

// ---- lateness itself ----

static void the_limit_rises_at_once_and_falls_slowly(void **state)
{
	static const struct {
		const char *name;
		int32_t late_ms; // seen in this period
		uint16_t limit_ms;
	} periods[] = {
		{"in order", 0, 0},
		{"before it was sent: nothing", -5, 0},
		{"late", 50, 50},
		{"later", 80, 80},
		{"by an eighth of the way to what is seen", 40, 75},
		{"never below what is seen", 74, 74},
		{"the same with nothing", 0, 64},
		{"again", 0, 56},
		{"no more than ERTO may be", INT32_MAX, ERTO_MAX_MS},
	};
	struct lateness l = {0};
	uint32_t now_ms = UINT32_MAX - 5000; // wraps on the way
	int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(periods); i++) {
		lateness_saw(&l, periods[i].late_ms, now_ms);
		for (int k = 0; k < 20; k++, now_ms += 100)
			lateness_turn(&l, now_ms);
		lateness_turn(&l, now_ms);
		assert_row(l.limit_ms == periods[i].limit_ms, periods[i].name);
	}
	l.limit_ms = 50;
	for (; l.limit_ms > 0; n++)
		lateness_turn(&l, now_ms += 2000);
	assert_in_range(n, 15, 30);
}

// ---- the window ----

static void one_true_loss_keeps_the_cut(void **state)
{
	uint64_t began_us, resent_us;
	struct node *n = with_flight(12, &began_us);

	for (uint64_t to = 4; to <= 6; to++) { // 1 and 3 are missing
		n->echo_us = began_us + (to - 1) * GAP_US;
		node_gets_ack(n, 5, 64, 0, (const uint64_t[][2]){{2, 2}, {4, to}, {0, 0}});
		wait_us(n, GAP_US);
	}
	assert_true(is_lost(n, 1) && is_lost(n, 3));
	n->echo_us = began_us;
	node_gets_ack(n, 5, 64, 2, (const uint64_t[][2]){{4, 6}, {0, 0}}); // 1 was late
	resent_us = n->e.now_us;
	say_again(n); // 3
	wait_us(n, TRIP_US);
	gets_all(n, resent_us, 12);
	assert_true(node_session(n)->cwnd_bytes < WIDE);
	assert_int_equal(table_of(n)->cut.n_doubted, 0);
	node_destroy(n);
}

static void what_is_given_up_proves_nothing(void **state)
{
	uint64_t began_us;
	struct node *n = with_flight(8, &began_us);

	for (uint64_t to = 2; to <= 4; to++)
		gets_hole(n, began_us, to);
	flow_tx_abandon(&n->e, flow_tx_of_slot(&n->e, NODE_SESSION, 5), 1);
	gets_all(n, began_us, 8);
	assert_true(node_session(n)->cwnd_bytes < WIDE);
	assert_int_equal(table_of(n)->cut.n_doubted, 0);
	node_destroy(n);
}

// The path became slower than ERTO: nothing was lost, so nothing has to begin anew.
static void a_needless_timeout_is_taken_back(void **state)
{
	uint64_t began_us;
	struct node *n = with_flight(8, &began_us);

	wait_us(n, node_session(n)->erto_us);
	node_alarms(n);
	assert_int_equal(n->e.stats.timeouts, 1);
	assert_int_equal(node_session(n)->cwnd_bytes, CC_SMSS);
	node_session(n)->due |= DUE_DATA;
	node_packet(n, (uint8_t[NODE_PACKET_MAX]){0}); // all of it again, in one packet
	assert_int_equal(n->e.stats.fragments_resent, 8);
	for (uint64_t to = 1; to <= 8; to++) {
		wait_us(n, GAP_US);
		assert_true(to == 1 || node_session(n)->cwnd_bytes < WIDE);
		gets_all(n, began_us + (to - 1) * GAP_US, to);
	}
	assert_in_range(node_session(n)->cwnd_bytes, WIDE, WIDE + CC_SMSS);
	assert_int_equal(table_of(n)->late.limit_ms, 0); // slow is not out of order
	node_destroy(n);
}

static void a_true_timeout_is_not(void **state)
{
	uint64_t began_us;
	struct node *n = with_flight(8, &began_us);
	uint64_t resent_us;

	wait_us(n, node_session(n)->erto_us);
	node_alarms(n);
	node_session(n)->due |= DUE_DATA;
	resent_us = n->e.now_us;
	node_packet(n, (uint8_t[NODE_PACKET_MAX]){0});
	wait_us(n, TRIP_US);
	gets_all(n, resent_us, 8);
	assert_true(node_session(n)->cwnd_bytes < WIDE);
	assert_int_equal(table_of(n)->late.limit_ms, 0);
	node_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_that_loses_keeps_the_threshold),
		cmocka_unit_test(who_arrives_before_it_is_sent_again_was_late),
		cmocka_unit_test(the_echo_tells_which_transmission_arrived),
		cmocka_unit_test(what_left_together_may_overtake_each_other),
		cmocka_unit_test(an_echo_from_before_an_arrival_measures_lateness),
		cmocka_unit_test(a_late_ack_is_no_late_fragment),
		cmocka_unit_test(without_echoes_the_letter_counts),
		cmocka_unit_test(what_is_within_the_limit_is_not_overtaken),
		cmocka_unit_test(no_limit_outlasts_the_alarm),
		cmocka_unit_test(the_limit_rises_at_once_and_falls_slowly),
		cmocka_unit_test(one_true_loss_keeps_the_cut),
		cmocka_unit_test(what_is_given_up_proves_nothing),
		cmocka_unit_test(a_needless_timeout_is_taken_back),
		cmocka_unit_test(a_true_timeout_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
