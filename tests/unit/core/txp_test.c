#include "dataplane/core/txp.h"

#include "crypto/checksum.h"
#include "tests/support/far_end.h"
#include "tests/support/test.h"

static const struct loop_form forms[] = {
	{0},
	{.has_sseq = true},
	{.tag_len = 4},
	{.tag_len = 10, .has_sseq = true},
	{.tag_len = 32, .has_sseq = true},
};

// The engine's part of engine_tx around what a test builds.
struct burst {
	struct loop *loop;
	struct engine *e;
	struct pkt room[8];
	uint8_t data[8][LOOP_DATAGRAM_MAX];
};

static void burst_begin(struct burst *b, struct loop *l)
{
	b->loop = l;
	b->e = l->nodes[0].engine;
	memset(b->data, 0xee, sizeof(b->data));
	for (int i = 0; i < 8; i++)
		b->room[i] = (struct pkt){.data = b->data[i], .room = LOOP_DATAGRAM_MAX};
	engine_clock(b->e, l->now_us);
	b->e->tx->room = b->room;
	b->e->tx->n = 0;
	b->e->tx->max = 8;
}

static void burst_seal(struct burst *b)
{
	crypto_seal(b->e->opts.crypto, b->e->tx->ops, b->e->tx->n);
	for (uint16_t i = 0; i < b->e->tx->n; i++)
		ssid_scramble(b->room[i].data, b->room[i].len, b->e->tx->id[i]);
}

static struct span burst_open(struct burst *b, int i, const struct session_seed *far, uint8_t *buf)
{
	struct span plain = {0};

	if (seed_open(b->loop->crypto, far, span_of(b->room[i].data, b->room[i].len), buf,
		      &plain) != 0)
		fail_msg("packet %d does not verify", i);
	return plain;
}

static struct loop *loop_one(void)
{
	return loop_create(&(struct loop_opts){.seed = 3, .n_nodes = 1});
}

// Everything that stands before the body, of every length that moves it across blocks and octet
// sides, with bodies around every block boundary: the far end reads what a plain copy would have
// given.
static void a_packet_in_two_parts_reads_like_one(void **state)
{
	struct loop *l = loop_one();
	static uint8_t body[1100 + 16], buf[LOOP_DATAGRAM_MAX];

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct far_end f = far_connect(l, 0, &forms[i], false);
		struct burst b;

		for (size_t before = 0; before < 60; before++) {
			for (uint16_t len = 0; len < 1100; len += len < 50 ? 1 : 97) {
				uint8_t front[64];
				struct span plain;
				struct txp t;

				random_fill(&l->random, front, sizeof(front));
				random_fill(&l->random, body, len);
				memset(body + len, 0xff, 16);
				burst_begin(&b, l);
				assert_true(txp_begin(b.e, &t, f.slot));
				wr_bytes(&t.w, front, before);
				txp_end_body(b.e, &t, body, len, csum_partial(body, len));
				burst_seal(&b);
				plain = burst_open(&b, 0, &f.seed, buf);
				assert_true(plain.len >= 3 + before + len);
				assert_memory_equal(plain.data + 3, front, before);
				assert_memory_equal(plain.data + 3 + before, body, len);
				for (size_t k = 3 + before + len; k < plain.len; k++)
					assert_int_equal(plain.data[k], 0xff);
			}
		}
	}
	loop_destroy(l);
}

static void the_fullest_packet_is_the_payload_allowed_and_no_octet_more(void **state)
{
	struct loop *l = loop_one();

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct far_end f = far_connect(l, 0, &forms[i], false);
		uint16_t max = PACKET_UDP_PAYLOAD_DEFAULT;
		uint8_t buf[LOOP_DATAGRAM_MAX];
		struct burst b;
		struct txp t;

		burst_begin(&b, l);
		assert_true(txp_begin(b.e, &t, f.slot));
		assert_true(session_chunk_room(b.e, f.slot) <= txp_left(&t));
		while (txp_left(&t) > 0)
			wr_u8(&t.w, 0xab);
		assert_int_equal(t.w.err, 0);
		txp_end(b.e, &t);
		assert_in_range(b.room[0].len, max - 16 - 3, max);
		assert_int_equal(b.room[0].data[b.room[0].len], 0xee);
		burst_seal(&b);
		assert_true(burst_open(&b, 0, &f.seed, buf).len > 1100);
	}
	loop_destroy(l);
}

static struct packet_header header_of(struct burst *b, int i, const struct session_seed *far)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct rd r = rd_over_span(burst_open(b, i, far, buf));
	struct packet_header h;

	assert_int_equal(packet_header_read(&r, &h), 0);
	return h;
}

static void build_empty(struct burst *b, uint32_t slot, bool is_tc)
{
	struct txp t;

	assert_true(txp_begin(b->e, &t, slot));
	t.is_tc = is_tc;
	txp_end(b->e, &t);
}

static void every_packet_has_a_timestamp_and_the_mark_of_its_role(void **state)
{
	struct loop *l = loop_one();
	struct far_end far_responder = far_connect(l, 0, &forms[0], false);
	struct far_end far_initiator = far_connect(l, 0, &forms[0], true);
	struct burst b;
	struct packet_header h;

	burst_begin(&b, l);
	build_empty(&b, far_responder.slot, false);
	build_empty(&b, far_responder.slot, false);
	build_empty(&b, far_initiator.slot, true);
	burst_seal(&b);
	h = header_of(&b, 0, &far_responder.seed);
	assert_int_equal(h.flags, PACKET_TS | MODE_INITIATOR);
	assert_int_equal(h.ts, (uint16_t)(l->now_us / 4000));
	h = header_of(&b, 1, &far_responder.seed); // in the same tick, and yet (16.3)
	assert_int_equal(h.flags, PACKET_TS | MODE_INITIATOR);
	h = header_of(&b, 2, &far_initiator.seed);
	assert_int_equal(h.flags, PACKET_TC | PACKET_TS | MODE_RESPONDER);
	loop_destroy(l);
}

static void the_echo_travels_once_and_tcr_toward_all_but_its_cause(void **state)
{
	struct loop *l = loop_one();
	struct far_end a = far_connect(l, 0, &forms[0], false),
		       c = far_connect(l, 0, &forms[0], false);
	const uint8_t tc_ts[] = {PACKET_TC | PACKET_TS | MODE_RESPONDER, 0x12, 0x34};
	struct packet_header h;
	struct burst b;

	assert_int_equal(far_send(&a, span_of(tc_ts, sizeof(tc_ts))), DROP_NONE);
	burst_begin(&b, l);
	build_empty(&b, a.slot, false);
	build_empty(&b, a.slot, false);
	build_empty(&b, c.slot, false);
	burst_seal(&b);
	h = header_of(&b, 0, &a.seed);
	assert_int_equal(h.flags, PACKET_TS | PACKET_TSE | MODE_INITIATOR);
	assert_int_equal(h.ts_echo, 0x1234);
	h = header_of(&b, 1, &a.seed);
	assert_int_equal(h.flags, PACKET_TS | MODE_INITIATOR);
	h = header_of(&b, 2, &c.seed);
	assert_int_equal(h.flags, PACKET_TCR | PACKET_TS | MODE_INITIATOR);
	loop_destroy(l);
}

static void what_was_aborted_never_was(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.has_sseq = true}, false);
	struct session *s;
	struct burst b;
	struct txp t;

	burst_begin(&b, l);
	s = session_at(b.e, f.slot);
	assert_true(txp_begin(b.e, &t, f.slot));
	t.has_data = true;
	wr_u32(&t.w, 1);
	txp_abort(b.e, &t);
	assert_int_equal(b.e->tx->n, 0);
	assert_int_equal(s->sseq_tx, 0);
	assert_int_equal(s->n_burst, 0);
	assert_true(txp_begin(b.e, &t, f.slot));
	assert_true(txp_is_empty(&t));
	t.has_data = true;
	txp_end(b.e, &t);
	assert_int_equal(s->sseq_tx, 1);
	assert_int_equal(s->n_burst, 1);
	assert_int_equal(s->tx_packets, 1);
	assert_int_equal(s->tx_bytes, b.room[0].len);
	burst_seal(&b);
	loop_destroy(l);
}

static void no_more_packets_than_may_be_filled_now(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &forms[0], false);
	struct burst b;
	struct txp t;

	burst_begin(&b, l);
	b.e->tx->max = 2;
	build_empty(&b, f.slot, false);
	build_empty(&b, f.slot, false);
	assert_false(txp_begin(b.e, &t, f.slot));
	assert_false(txp_begin_startup(b.e, &t, &f.addr, 7));
	burst_seal(&b);
	loop_destroy(l);
}

static void startup_packets_go_under_the_default_key_to_an_address(void **state)
{
	struct loop *l = loop_one();
	struct msg_addr to = loop_addr(77, 1234);
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct span plain;
	struct burst b;
	struct txp t;
	uint32_t id;

	burst_begin(&b, l);
	assert_true(txp_begin_startup(b.e, &t, &to, 0xcafe1234));
	wr_bytes(&t.w, "\x70\x00\x01x", 4);
	txp_end(b.e, &t);
	burst_seal(&b);
	assert_int_equal(b.room[0].path_idx, PATH_NONE);
	assert_int_equal(b.room[0].port, 1234);
	assert_memory_equal(b.room[0].addr, to.ip, 4);
	assert_int_equal(
		startup_unseal(l, span_of(b.room[0].data, b.room[0].len), &id, buf, &plain), 0);
	assert_int_equal(id, 0xcafe1234);
	assert_int_equal(plain.data[0], 0x0b); // older peers look for exactly this (16.3)
	assert_memory_equal(plain.data + 3, "\x70\x00\x01x", 4);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_in_two_parts_reads_like_one),
		cmocka_unit_test(the_fullest_packet_is_the_payload_allowed_and_no_octet_more),
		cmocka_unit_test(every_packet_has_a_timestamp_and_the_mark_of_its_role),
		cmocka_unit_test(the_echo_travels_once_and_tcr_toward_all_but_its_cause),
		cmocka_unit_test(what_was_aborted_never_was),
		cmocka_unit_test(no_more_packets_than_may_be_filled_now),
		cmocka_unit_test(startup_packets_go_under_the_default_key_to_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
