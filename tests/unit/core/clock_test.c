#include "dataplane/core/clock.h"

#include "dataplane/core/internal.h"
#include "tests/support/far_end.h"
#include "tests/support/test.h"

#define MS 1000ull

// -- echoes --

static void the_echo_advances_by_the_time_we_held_it(void **state)
{
	static const struct {
		const char *name;
		uint16_t ts;
		uint64_t held_us;
		uint16_t echo;
	} rows[] = {
		{"at once", 1000, 0, 1000},   {"less than a tick", 1000, 3999, 1000},
		{"a tick", 1000, 4000, 1001}, {"delayed ack", 1000, 200 * MS, 1050},
		{"wraps", 65535, 8 * MS, 1},  {"just within 128 s", 0, 128000 * MS, 32000},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session s = {0};
		uint16_t echo = 0;

		clock_on_timestamp(&s, rows[i].ts, 7 * MS + 13);
		assert_row(clock_echo_due(&s, 7 * MS + 13 + rows[i].held_us, &echo), rows[i].name);
		assert_row(echo == rows[i].echo, rows[i].name);
	}
}

static void an_echo_is_not_repeated_nor_given_without_a_timestamp(void **state)
{
	struct session s = {0};
	uint16_t echo;

	assert_false(clock_echo_due(&s, 5 * MS, &echo));
	clock_on_timestamp(&s, 500, 10 * MS);
	assert_true(clock_echo_due(&s, 11 * MS, &echo));
	clock_echoed(&s, echo);
	assert_false(clock_echo_due(&s, 13 * MS, &echo));
	assert_true(clock_echo_due(&s, 14 * MS, &echo));
	assert_int_equal(echo, 501);
}

static void of_equal_timestamps_the_first_arrival_counts(void **state)
{
	struct session s = {0};
	uint16_t echo;

	clock_on_timestamp(&s, 500, 10 * MS);
	clock_on_timestamp(&s, 500, 12 * MS);
	assert_true(clock_echo_due(&s, 14 * MS, &echo));
	assert_int_equal(echo, 501);
}

static void after_128_s_nothing_is_echoed_and_all_is_forgotten(void **state)
{
	struct session s = {0};
	uint16_t echo;

	clock_on_timestamp(&s, 500, 10 * MS);
	assert_true(clock_echo_due(&s, 10 * MS, &echo));
	clock_echoed(&s, echo);
	assert_false(clock_echo_due(&s, 128011 * MS, &echo));
	clock_on_timestamp(&s, 500, 128012 * MS); // the same value, and yet a new one
	assert_true(clock_echo_due(&s, 128012 * MS, &echo));
	assert_int_equal(echo, 500);
}

// -- round trips --

static void a_round_trip_is_measured_once_per_echo(void **state)
{
	struct session s = {0};

	clock_on_echo(&s, clock_ticks(1000 * MS), 1100 * MS);
	assert_int_equal(s.srtt_us, 100 * MS);
	assert_int_equal(s.rttvar_us, 50 * MS);
	assert_int_equal(s.mrto_us, 500 * MS);
	assert_int_equal(s.erto_us, 500 * MS);
	clock_on_echo(&s, clock_ticks(1000 * MS), 1300 * MS);
	assert_int_equal(s.srtt_us, 100 * MS);
	clock_on_echo(&s, clock_ticks(2000 * MS), 2020 * MS);
	assert_int_equal(s.rttvar_us, (3 * 50 * MS + 80 * MS) / 4);
	assert_int_equal(s.srtt_us, (7 * 100 * MS + 20 * MS) / 8);
}

static void erto_is_never_under_250_ms_and_a_lan_does_not_divide_by_zero(void **state)
{
	struct session s = {0};

	for (uint64_t t = 1; t < 100; t++)
		clock_on_echo(&s, clock_ticks(t * 1000 * MS), t * 1000 * MS);
	assert_int_equal(s.srtt_us, 0);
	assert_int_equal(s.mrto_us, 200 * MS);
	assert_int_equal(s.erto_us, 250 * MS);
}

static void what_a_round_trip_takes_at_most_ends_the_wait_of_3_s(void **state)
{
	static const struct {
		const char *name;
		uint32_t max_us, erto_us;
	} rows[] = {
		{"a local network", 500, ERTO_MIN_MS * MS},
		{"as of a first measurement", 100 * MS, 500 * MS},
		{"not above what it was", 2000 * MS, ERTO_INITIAL_MS * MS},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session s = {.mrto_us = MRTO_INITIAL_MS * MS, .erto_us = ERTO_INITIAL_MS * MS};

		clock_on_rtt_max(&s, rows[i].max_us);
		assert_row(s.erto_us == rows[i].erto_us, rows[i].name);
		clock_on_rtt(&s, 300 * MS); // the first measurement takes nothing of it over
		assert_row(s.srtt_us == 300 * MS && s.erto_us == 1100 * MS, rows[i].name);
		clock_on_rtt_max(&s, 1);
		assert_row(s.erto_us == 1100 * MS, rows[i].name);
	}
}

// A responder's session begins with its RIKeying, and what it hears first is an answer to that.
static void the_first_packet_tells_a_responder_so_too(void **state)
{
	static const struct {
		const char *name;
		bool is_responder;
		uint64_t after_us;
		uint32_t erto_us;
	} rows[] = {
		{"a responder", true, 100 * MS, 500 * MS},
		{"whose answer had to be repeated", true, 3200 * MS, ERTO_INITIAL_MS * MS},
		{"an initiator knows nothing of the like", false, 100 * MS, ERTO_INITIAL_MS * MS},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loop *l = loop_create(&(struct loop_opts){.seed = 4, .n_nodes = 1});
		struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 0},
					       rows[i].is_responder);
		const struct session *s = session_at(l->nodes[0].engine, f.slot);
		const uint8_t chunk[] = {CHUNK_PADDING_00, 0, 0};

		loop_run_us(l, rows[i].after_us);
		assert_int_equal(far_send_chunks(&f, span_of(chunk, sizeof(chunk))), DROP_NONE);
		assert_row(s->erto_us == rows[i].erto_us, rows[i].name);
		loop_destroy(l);
	}
}

// Requirement 134: every 262.144 s the clock of the packets wraps.
static void echoes_from_the_future_are_discarded_and_the_wrap_is_none(void **state)
{
	static const struct {
		const char *name;
		uint16_t echo;
		uint64_t now_us;
		bool is_measured;
		uint32_t rtt_us;
	} rows[] = {
		{"a tick from the future", 251, 1000 * MS, false, 0},
		{"half the clock away", (uint16_t)(250 - 32768), 1000 * MS, false, 0},
		{"just less", (uint16_t)(250 - 32767), 1000 * MS, true, 32767u * 4000},
		{"across the wrap", 65530, 262144 * MS + 16 * MS, true, 10 * 4000},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session s = {0};

		clock_on_echo(&s, rows[i].echo, rows[i].now_us);
		assert_row(((s.heard & HEARD_RTT) != 0) == rows[i].is_measured, rows[i].name);
		assert_row(s.srtt_us == rows[i].rtt_us, rows[i].name);
	}
}

// Requirement 134: two ends whose clocks wrap at different times, each after 262.144 s.
static void a_session_measures_the_same_across_the_wrap(void **state)
{
	struct loop *l =
		loop_create(&(struct loop_opts){.seed = 3, .n_nodes = 2, .delay_us = 20000});
	struct loop_form form = {.keepalive_us = 1000000};
	struct loop_pair p = loop_connect(l, 0, 1, &form);

	loop_run_us(l, 20000000);
	for (int i = 0; i < 600; i++) {
		loop_run_us(l, 1000000);
		for (int end = 0; end < 2; end++) {
			const struct session *s =
				session_at(l->nodes[p.node[end]].engine, p.slot[end]);

			assert_int_equal(s->state, S_OPEN);
			assert_in_range(s->srtt_us, 36000, 48000);
			assert_in_range(s->erto_us, 250000, 300000);
		}
	}
	loop_destroy(l);
}

// Requirement 134: the far end's clock is its own affair; we only give back what it said.
static void a_far_clock_that_jumps_disturbs_no_round_trip(void **state)
{
	static const uint16_t jumps[] = {0, 0xf0f0, 0x8000, 0x7f00, 500, 0xabcd};
	struct session s = {.mrto_us = MRTO_INITIAL_MS * 1000, .erto_us = ERTO_INITIAL_MS * 1000};
	uint64_t now_us = 77 * 262144000ull - 2000000;
	uint16_t echo;

	for (uint32_t i = 0; i < 600; i++) {
		uint16_t sent = clock_ticks(now_us);

		now_us += 40000;
		clock_on_timestamp(&s, (uint16_t)(jumps[i % ARRAY_LEN(jumps)] + i), now_us);
		clock_on_echo(&s, sent, now_us);
		assert_in_range(s.srtt_us, 36000, 44000);
		assert_true(clock_echo_due(&s, now_us + 8000, &echo));
		assert_int_equal(echo, (uint16_t)(jumps[i % ARRAY_LEN(jumps)] + i + 2));
		clock_echoed(&s, echo);
	}
}

static void back_off_grows_by_the_root_of_two_up_to_10_s(void **state)
{
	struct session s = {.erto_us = 250 * MS, .mrto_us = 250 * MS};

	session_erto_backoff(&s);
	assert_int_equal(s.erto_us, 353550);
	for (int i = 0; i < 20; i++)
		session_erto_backoff(&s);
	assert_int_equal(s.erto_us, 10000 * MS);
	s.mrto_us = 12000 * MS; // the cap does not hold under a longer path
	session_erto_backoff(&s);
	assert_int_equal(s.erto_us, 12000 * MS);
}

// -- time critical --

static struct engine *engine_with_sessions(uint32_t n)
{
	struct engine *e = calloc(1, sizeof(*e));

	e->sessions = aligned_alloc(64, n * sizeof(*e->sessions));
	memset(e->sessions, 0, n * sizeof(*e->sessions));
	e->tc_rx_session[0] = SESSION_NONE;
	e->tc_rx_session[1] = SESSION_NONE;
	return e;
}

static void engine_free(struct engine *e)
{
	free(e->sessions);
	free(e);
}

static void tcr_is_about_other_sessions_and_lasts_800_ms(void **state)
{
	struct engine *e = engine_with_sessions(4);

	e->now_ms = 5000;
	e->now_us = 5000000;
	assert_false(clock_tcr_due(e, 0));
	clock_on_tc(e, 1);
	assert_int_equal(e->stats.tc_rx_us, 5000000);
	assert_true(clock_tcr_due(e, 0));
	assert_false(clock_tcr_due(e, 1));
	e->now_ms = 5400;
	clock_on_tc(e, 2);
	assert_true(clock_tcr_due(e, 1));
	assert_true(clock_tcr_due(e, 2)); // because of 1
	e->now_ms = 5801;
	assert_false(clock_tcr_due(e, 2)); // 1 is 801 ms ago
	assert_true(clock_tcr_due(e, 1));
	assert_true(clock_tcr_due(e, 3));
	e->now_ms = 6201;
	assert_false(clock_tcr_due(e, 1));
	engine_free(e);
}

static void a_third_sender_pushes_out_the_oldest(void **state)
{
	struct engine *e = engine_with_sessions(4);

	e->now_ms = 100;
	clock_on_tc(e, 1);
	e->now_ms = 200;
	clock_on_tc(e, 2);
	e->now_ms = 300;
	clock_on_tc(e, 1);
	e->now_ms = 400;
	clock_on_tc(e, 3);
	e->now_ms = 1100;
	assert_true(clock_tcr_due(e, 3)); // for 1, which spoke again at 300
	assert_true(clock_tcr_due(e, 1));
	e->now_ms = 1101;
	assert_false(clock_tcr_due(e, 3));
	assert_true(clock_tcr_due(e, 2)); // for 3
	engine_free(e);
}

static void other_workers_count_as_other_sessions(void **state)
{
	struct engine *e = engine_with_sessions(2);

	e->now_ms = 10000;
	clock_tc_elsewhere(e, 100, UINT32_MAX);
	assert_true(clock_tcr_due(e, 0));
	assert_false(engine_tc_sent_any(e));
	clock_tc_elsewhere(e, UINT32_MAX, 700);
	assert_false(clock_tcr_due(e, 0));
	assert_true(engine_tc_sent_any(e));
	e->now_ms += 101;
	assert_false(engine_tc_sent_any(e));
	engine_free(e);
}

static void what_was_sent_and_heard_is_remembered_per_session(void **state)
{
	struct engine *e = engine_with_sessions(2);

	e->now_ms = 10000;
	e->now_us = 10000000;
	assert_false(session_tc_sent(e, 0));
	clock_tc_sent(e, 0);
	clock_on_tcr(e, 1);
	assert_true(session_tc_sent(e, 0));
	assert_false(session_tc_sent(e, 1));
	assert_true(engine_tc_sent_any(e));
	assert_int_equal(e->stats.tc_tx_us, 10000000); // for the other workers
	assert_true(session_tcr_received(e, 1));
	assert_false(session_tcr_received(e, 0));
	e->now_ms += 801;
	assert_false(session_tc_sent(e, 0));
	assert_false(session_tcr_received(e, 1));
	assert_false(engine_tc_sent_any(e));
	engine_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_echo_advances_by_the_time_we_held_it),
		cmocka_unit_test(an_echo_is_not_repeated_nor_given_without_a_timestamp),
		cmocka_unit_test(of_equal_timestamps_the_first_arrival_counts),
		cmocka_unit_test(after_128_s_nothing_is_echoed_and_all_is_forgotten),
		cmocka_unit_test(a_round_trip_is_measured_once_per_echo),
		cmocka_unit_test(erto_is_never_under_250_ms_and_a_lan_does_not_divide_by_zero),
		cmocka_unit_test(what_a_round_trip_takes_at_most_ends_the_wait_of_3_s),
		cmocka_unit_test(the_first_packet_tells_a_responder_so_too),
		cmocka_unit_test(echoes_from_the_future_are_discarded_and_the_wrap_is_none),
		cmocka_unit_test(a_session_measures_the_same_across_the_wrap),
		cmocka_unit_test(a_far_clock_that_jumps_disturbs_no_round_trip),
		cmocka_unit_test(back_off_grows_by_the_root_of_two_up_to_10_s),
		cmocka_unit_test(tcr_is_about_other_sessions_and_lasts_800_ms),
		cmocka_unit_test(a_third_sender_pushes_out_the_oldest),
		cmocka_unit_test(other_workers_count_as_other_sessions),
		cmocka_unit_test(what_was_sent_and_heard_is_remembered_per_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
