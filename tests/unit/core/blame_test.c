// Abusive sessions are ended (RFC 7016 §5 and requirement 95): who keeps sending what no peer sends
// by accident.
#include "dataplane/wire/limits.h"
#include "tests/support/far_end.h"
#include "tests/support/test.h"

static const struct loop_form plain_form;

static struct loop *loop_one(void)
{
	return loop_create(&(struct loop_opts){.seed = 95, .n_nodes = 1});
}

// User Data without a flow id, an ack without numbers, an exception without a code.
static const uint8_t faults[][4] = {
	{0x10, 0, 1, 0x00},
	{0x51, 0, 1, 0x05},
	{0x5e, 0, 1, 0x05},
	{0x18, 0, 1, 0x81},
};

// One to a packet, of all kinds in turn.
static void send_faults(struct far_end *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(far_send_chunks(f, span_of(faults[i % ARRAY_LEN(faults)], 4)),
				 DROP_NONE);
}

static uint64_t n_abusive(struct loop *l)
{
	return engine_stats(l->nodes[0].engine)->sessions_abusive;
}

static void too_many_faults_end_a_session(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct far_end other = far_connect(l, 0, &plain_form, true);
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct chunk c;
	struct report r;

	send_faults(&f, FAULTS_MAX - 1);
	send_faults(&other, 1);
	loop_run_us(l, 1000);
	assert_false(loop_take(l, 0, REP_SESSION_CLOSING, &r));
	assert_int_equal(n_abusive(l), 0);

	send_faults(&f, 1);
	l->now_us += 20000;
	assert_true(far_receive_chunk(&f, CHUNK_CLOSE_ACK, buf, &c)); // §8.6: abruptly
	loop_run_us(l, 10000);
	assert_true(loop_take(l, 0, REP_SESSION_CLOSING, &r));
	assert_int_equal(r.session_id, f.id);
	assert_int_equal(r.closed.reason, CLOSED_ABUSE);
	assert_int_equal(n_abusive(l), 1);
	assert_false(loop_take(l, 0, REP_SESSION_CLOSING, &r)); // the other goes on
	assert_int_equal(engine_stats(l->nodes[0].engine)->drops[DROP_MALFORMED], FAULTS_MAX + 1);
	loop_destroy(l);
}

static void faults_are_forgiven_in_time(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct report r;

	for (int i = 0; i < 5; i++) {
		send_faults(&f, FAULTS_MAX - 1);
		loop_run_us(l, FAULTS_MS * 1000);
	}
	assert_false(loop_take(l, 0, REP_SESSION_CLOSING, &r));
	assert_int_equal(n_abusive(l), 0);
	loop_destroy(l);
}

static void flows_beyond_the_limit_are_faults(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct report r;

	for (uint32_t i = 0; i < FLOWS_PER_SESSION + FAULTS_MAX; i++) {
		// flow id in two octets, number 1, forward offset 1, metadata "x"
		const uint8_t chunk[] = {0x10, 0, 10, 0x80, 0x80 | i >> 7, i & 0x7f, 1, 1,
					 2,    0, 'x', 0, 0};

		assert_int_equal(far_send_chunks(&f, span_of(chunk, sizeof(chunk))), DROP_NONE);
		assert_int_equal(n_abusive(l), 0);
	}
	loop_run_us(l, 10000);
	assert_int_equal(engine_stats(l->nodes[0].engine)->drops[DROP_NO_FLOW], FAULTS_MAX);
	assert_int_equal(n_abusive(l), 1);
	while (loop_take(l, 0, REP_SESSION_CLOSING, &r))
		assert_int_equal(r.closed.reason, CLOSED_ABUSE);
	loop_destroy(l);
}

// What a stranger without keys can make arrive, or a peer with extensions of its own sends.
static void nobody_is_blamed_for_what_others_may_do(void **state)
{
	static const uint8_t unknown[] = {0x7e, 0, 1, 0xaa}, ping[] = {0x01, 0, 1, 'p'};
	static const uint8_t own_mark[] = {0x02, 0x01, 0, 1, 'p'};
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	uint8_t datagram[LOOP_DATAGRAM_MAX];
	size_t len = far_seal(&f, span_of(own_mark, sizeof(own_mark)), datagram);
	uint8_t copy[LOOP_DATAGRAM_MAX];

	for (uint32_t i = 0; i < 2 * FAULTS_MAX; i++) {
		assert_int_equal(far_send_chunks(&f, span_of(unknown, sizeof(unknown))), DROP_NONE);
		memcpy(copy, datagram, len);
		assert_int_equal(far_send_datagram(&f, span_of(copy, len)), DROP_OWN_MARK);
		copy[len - 1] ^= 1;
		assert_true(far_send_datagram(&f, span_of(copy, len)) != DROP_NONE);
	}
	assert_int_equal(far_send_chunks(&f, span_of(ping, sizeof(ping))), DROP_NONE);
	loop_run_us(l, 10000);
	assert_int_equal(n_abusive(l), 0);
	assert_int_equal(loop_count(l, 0, REP_SESSION_CLOSING), 0);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_many_faults_end_a_session),
		cmocka_unit_test(faults_are_forgiven_in_time),
		cmocka_unit_test(flows_beyond_the_limit_are_faults),
		cmocka_unit_test(nobody_is_blamed_for_what_others_may_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
