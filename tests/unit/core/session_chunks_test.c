#include "dataplane/core/session_chunks.h"

#include "tests/support/far_end.h"
#include "tests/support/test.h"

static const struct loop_form plain_form;

static struct loop *loop_one(void)
{
	return loop_create(&(struct loop_opts){.seed = 10, .n_nodes = 1});
}

static void send_ping(struct far_end *f, const void *message, uint16_t len)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(ping_write(&w, span_of(message, len)), 0);
	assert_int_equal(far_send_chunks(f, wr_span(&w)), DROP_NONE);
}

static void pings_are_answered_in_order_with_their_own_octets(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct span plain;
	struct packet_header h;
	struct chunk c = {0};
	struct rd r;

	for (char m = '1'; m <= '3'; m++)
		send_ping(&f, &m, 1);
	assert_true(far_receive(&f, buf, &plain)); // one packet for all
	r = rd_over_span(plain);
	assert_int_equal(packet_header_read(&r, &h), 0);
	for (char m = '1'; m <= '3'; m++) {
		assert_true(chunk_next(&r, &c));
		assert_int_equal(c.type, CHUNK_PING_REPLY);
		assert_int_equal(c.payload.len, 1);
		assert_int_equal(c.payload.data[0], m);
	}
	assert_false(far_receive(&f, buf, &plain));
	loop_destroy(l);
}

static void a_long_ping_is_answered_if_its_reply_fits(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	static uint8_t message[1500], buf[LOOP_DATAGRAM_MAX];
	struct chunk c = {0};

	random_fill(&l->random, message, sizeof(message));
	send_ping(&f, message, 1190);
	assert_true(far_receive_chunk(&f, CHUNK_PING_REPLY, buf, &c));
	assert_true(span_equal(c.payload, span_of(message, 1190)));
	// a path MTU probe larger than what we send is not answered, and blocks nothing
	send_ping(&f, message, 1500);
	send_ping(&f, message, 5);
	assert_true(far_receive_chunk(&f, CHUNK_PING_REPLY, buf, &c));
	assert_int_equal(c.payload.len, 5);
	assert_int_equal(engine_stats(l->nodes[0].engine)->drops[DROP_TX_QUEUE], 1);
	loop_destroy(l);
}

static void a_flood_of_pings_costs_a_few_bodies(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct engine *e = l->nodes[0].engine;

	for (int i = 0; i < 1000; i++)
		send_ping(&f, "flood", 5);
	assert_int_equal(body_pool_lent(e->bodies), SESSION_CHUNKS_MAX);
	assert_int_equal(engine_stats(e)->drops[DROP_TX_QUEUE], 1000 - SESSION_CHUNKS_MAX);
	loop_turn(l);
	assert_int_equal(body_pool_lent(e->bodies), 0);
	loop_destroy(l);
}

// Keepalives need no memory; the reply has a limit all the same.
static void empty_pings_are_answered_one_for_one(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct engine *e = l->nodes[0].engine;
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct packet_header h;
	struct span plain;
	struct chunk c;
	struct rd r;

	send_ping(&f, "1", 1);
	for (int i = 0; i < SESSION_CHUNKS_MAX + 2; i++)
		send_ping(&f, "", 0);
	assert_int_equal(body_pool_lent(e->bodies), 1);
	assert_int_equal(engine_stats(e)->drops[DROP_TX_QUEUE], 3);
	assert_true(far_receive(&f, buf, &plain));
	r = rd_over_span(plain);
	assert_int_equal(packet_header_read(&r, &h), 0);
	for (int i = 0; i < SESSION_CHUNKS_MAX; i++) {
		assert_true(chunk_next(&r, &c));
		assert_int_equal(c.type, CHUNK_PING_REPLY);
		assert_int_equal(c.payload.len, i == SESSION_CHUNKS_MAX - 1);
	}
	assert_false(far_receive(&f, buf, &plain));
	loop_destroy(l);
}

static void chunks_of_control_travel_once(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	const uint8_t fihello[] = {CHUNK_FIHELLO, 0, 2, 0xaa, 0xbb};
	struct command cmd = {.op = CMD_SESSION_CHUNK, .session_idx = f.slot, .session_id = f.id};
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct chunk c = {0};

	cmd.len = sizeof(fihello);
	cmd.body = loop_body(l, 0, fihello, sizeof(fihello));
	loop_command(l, 0, &cmd);
	assert_true(far_receive_chunk(&f, CHUNK_FIHELLO, buf, &c));
	assert_true(span_equal(c.payload, span_of(fihello + 3, 2)));
	assert_false(far_receive_chunk(&f, CHUNK_FIHELLO, buf, &c));
	assert_int_equal(body_pool_lent(l->nodes[0].bodies), 0);
	loop_destroy(l);
}

static void what_waits_goes_with_its_session(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);

	send_ping(&f, "never answered", 14);
	session_destroy(l->nodes[0].engine, f.slot, CLOSED_BY_US);
	assert_int_equal(body_pool_lent(l->nodes[0].engine->bodies), 0);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pings_are_answered_in_order_with_their_own_octets),
		cmocka_unit_test(a_long_ping_is_answered_if_its_reply_fits),
		cmocka_unit_test(a_flood_of_pings_costs_a_few_bodies),
		cmocka_unit_test(empty_pings_are_answered_one_for_one),
		cmocka_unit_test(chunks_of_control_travel_once),
		cmocka_unit_test(what_waits_goes_with_its_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
