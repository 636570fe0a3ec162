#include "dataplane/core/cc.h"
#include "tests/support/test.h"

#define ACK(pre, acked)                                                                            \
	{                                                                                          \
		.in_flight_before = pre, .acked_bytes = acked, .any_ack = true                     \
	}
#define FAST(pre, acked)                                                                           \
	{                                                                                          \
		.in_flight_before = pre, .acked_bytes = acked, .any_ack = true, .is_fast = true    \
	}
#define LOSS(pre, fast, tc)                                                                        \
	{                                                                                          \
		.in_flight_before = pre, .any_ack = true, .any_nak = true, .any_loss = true,       \
		.is_fast = fast, .is_tc = tc                                                       \
	}

// RFC 7016 Appendix A, row by row.
static const struct {
	const char *name;
	uint32_t cwnd, ssthresh, growth;
	struct cc_event event;
	uint32_t cwnd_then, ssthresh_then, growth_then;
} rows[] = {
	{"slow start grows by what is acknowledged", 10000, SSTHRESH_NONE, 0, FAST(10000, 1200),
	 11200, SSTHRESH_NONE, 0},
	{"never by more than one segment", 10000, SSTHRESH_NONE, 0, FAST(10000, 5000), 11460,
	 SSTHRESH_NONE, 0},
	{"not if the window was not used up", 10000, SSTHRESH_NONE, 0, FAST(9999, 1200), 10000,
	 SSTHRESH_NONE, 0},
	{"not if something was overtaken",
	 10000,
	 SSTHRESH_NONE,
	 0,
	 {.in_flight_before = 10000,
	  .acked_bytes = 1200,
	  .any_ack = true,
	  .any_nak = true,
	  .is_fast = true},
	 10000,
	 SSTHRESH_NONE,
	 0},
	{"above the threshold: 48 octets per sixteenth acknowledged", 16000, 10000, 0,
	 FAST(16000, 1000), 16048, 10000, 0},
	{"less than a sixteenth is remembered", 16000, 10000, 0, FAST(16000, 999), 16000, 10000,
	 999},
	{"and counts later", 16000, 10000, 999, FAST(16000, 1), 16048, 10000, 0},
	{"two sixteenths at once", 16000, 10000, 500, FAST(16000, 1700), 16096, 10000, 200},
	{"a large window: 48 per 4800", 160000, 10000, 0, FAST(160000, 4800), 160048, 10000, 0},
	{"time critical elsewhere: half of that (SSTHRESH 0, §3.5.2.1)", 16000, SSTHRESH_NONE, 0,
	 ACK(16000, 1000), 16024, SSTHRESH_NONE, 0},
	{"it is we who are time critical: a quarter of what is acknowledged",
	 16000,
	 SSTHRESH_NONE,
	 0,
	 {.in_flight_before = 16000, .acked_bytes = 1001, .any_ack = true, .is_tc = true},
	 16251,
	 SSTHRESH_NONE,
	 0},
	{"the same above the threshold: 24 per 2400 at most",
	 160000,
	 10000,
	 0,
	 {.in_flight_before = 160000, .acked_bytes = 2400, .any_ack = true, .is_tc = true},
	 160024,
	 10000,
	 0},
	{"loss halves what was in flight", 20000, SSTHRESH_NONE, 77, LOSS(20000, true, false),
	 10000, 10000, 0},
	{"what was in flight, not the window", 20000, SSTHRESH_NONE, 0, LOSS(12000, true, false),
	 6000, 6000, 0},
	{"but not below the initial window", 5000, SSTHRESH_NONE, 0, LOSS(5000, true, false),
	 CWND_INIT_BYTES, CWND_INIT_BYTES, 0},
	{"a large window loses an eighth", 80000, SSTHRESH_NONE, 0, LOSS(80000, true, false), 70000,
	 70000, 0},
	{"half, if somebody is time critical", 80000, SSTHRESH_NONE, 0, LOSS(80000, false, false),
	 40000, 40000, 0},
	{"time critical senders lose an eighth", 20000, SSTHRESH_NONE, 0, LOSS(20000, false, true),
	 17500, 17500, 0},
	{"after a timeout the first ack brings the initial window back", CC_SMSS, 3000, 0,
	 FAST(1500, 1200), CWND_INIT_BYTES, 3000, 0},
	{"no ack, no change",
	 10000,
	 SSTHRESH_NONE,
	 5,
	 {.in_flight_before = 10000, .is_fast = true},
	 10000,
	 SSTHRESH_NONE,
	 5},
};

static void the_window_follows_appendix_a(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session s = {.cwnd_bytes = rows[i].cwnd,
				    .ssthresh_bytes = rows[i].ssthresh,
				    .growth_bytes = rows[i].growth};

		cc_on_packet(&s, &rows[i].event);
		assert_row(s.cwnd_bytes == rows[i].cwnd_then, rows[i].name);
		assert_row(s.ssthresh_bytes == rows[i].ssthresh_then, rows[i].name);
		assert_row(s.growth_bytes == rows[i].growth_then, rows[i].name);
	}
}

static void a_timeout_begins_again(void **state)
{
	struct session s = {.cwnd_bytes = 20000, .ssthresh_bytes = 10000, .growth_bytes = 5};

	cc_on_timeout(&s, true);
	assert_int_equal(s.cwnd_bytes, CC_SMSS);
	assert_int_equal(s.ssthresh_bytes, 15000);
	assert_int_equal(s.growth_bytes, 0);
	cc_on_timeout(&s, false); // nothing was in flight: only idle
	assert_int_equal(s.cwnd_bytes, CWND_INIT_BYTES);
	assert_int_equal(s.ssthresh_bytes, 15000);
}

// Requirement 96: from the initial window, no faster than doubling per round trip; 97: under TCR
// not more than max(0.5 %, 384 octets).
static void growth_per_round_trip_is_bounded(void **state)
{
	struct session s = {.cwnd_bytes = CWND_INIT_BYTES, .ssthresh_bytes = SSTHRESH_NONE};
	struct session slow = s;

	for (int trip = 0; trip < 30; trip++) {
		uint32_t before = s.cwnd_bytes, slow_before = slow.cwnd_bytes;

		for (uint32_t acked = 0; acked < before; acked += 1200)
			cc_on_packet(&s, &(struct cc_event)FAST(s.cwnd_bytes, 1200));
		assert_true(s.cwnd_bytes <= 2 * before + 1460);
		for (uint32_t acked = 0; acked < slow_before; acked += 1200)
			cc_on_packet(&slow, &(struct cc_event)ACK(slow.cwnd_bytes, 1200));
		assert_true(slow.cwnd_bytes - slow_before <=
			    384 + 200); // a packet is no exact part
		assert_true(slow.cwnd_bytes > slow_before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_follows_appendix_a),
		cmocka_unit_test(a_timeout_begins_again),
		cmocka_unit_test(growth_per_round_trip_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
