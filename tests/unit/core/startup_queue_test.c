#include "dataplane/core/startup_queue.h"

#include "dataplane/core/bucket.h"
#include "dataplane/core/frag.h"
#include "dataplane/core/frag_tx.h"
#include "tests/support/far_end.h"
#include "tests/support/test.h"

static const struct msg_addr to = {.ip = {10, 0, 0, 77}, .port = 5, .family = 4};

static bool put(struct startup_queue *q, uint8_t no)
{
	struct wr *w = startup_queue_begin(q, &to, no);

	if (w == NULL)
		return false;
	wr_u8(w, CHUNK_RHELLO);
	wr_u16(w, 1);
	wr_u8(w, no);
	startup_queue_commit(q);
	return true;
}

// Sends into lent buffers and says which numbers left.
static uint16_t send(struct loop *l, struct startup_queue *q, uint16_t lent, uint8_t *numbers)
{
	static uint8_t data[ENGINE_BURST_MAX][LOOP_DATAGRAM_MAX];
	struct pkt room[ENGINE_BURST_MAX];
	struct engine *e = l->nodes[0].engine;
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct span plain;
	uint32_t id;

	for (int i = 0; i < ENGINE_BURST_MAX; i++)
		room[i] = (struct pkt){.data = data[i], .room = LOOP_DATAGRAM_MAX};
	e->tx->room = room;
	e->tx->n = 0;
	e->tx->max = lent;
	startup_queue_send(e, q);
	crypto_seal(l->crypto, e->tx->ops, e->tx->n);
	for (uint16_t i = 0; i < e->tx->n; i++) {
		ssid_scramble(room[i].data, room[i].len, e->tx->id[i]);
		assert_int_equal(
			startup_unseal(l, span_of(room[i].data, room[i].len), &id, buf, &plain), 0);
		numbers[i] = plain.data[6];
		assert_int_equal(id, numbers[i]);
	}
	return e->tx->n;
}

static void chunks_leave_in_order_as_buffers_allow(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
	struct startup_queue *q = startup_queue_create();
	uint8_t numbers[ENGINE_BURST_MAX];

	for (uint8_t i = 1; i <= 10; i++)
		assert_true(put(q, i));
	assert_int_equal(startup_queue_n(q), 10);
	assert_int_equal(send(l, q, 4, numbers), 4);
	assert_int_equal(numbers[3], 4);
	assert_int_equal(send(l, q, 100, numbers), 6);
	assert_int_equal(numbers[0], 5);
	assert_int_equal(numbers[5], 10);
	assert_int_equal(startup_queue_n(q), 0);
	startup_queue_destroy(q);
	loop_destroy(l);
}

static void the_pool_is_finite_and_comes_back(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
	struct startup_queue *q = startup_queue_create();
	uint8_t numbers[ENGINE_BURST_MAX];
	uint32_t n = 0;

	while (put(q, 1))
		n++;
	assert_int_equal(n, 256);
	for (int round = 0; round < 5; round++) {
		assert_int_equal(send(l, q, 100, numbers), 100);
		for (int i = 0; i < 100; i++)
			assert_true(put(q, 2));
		assert_false(put(q, 3));
	}
	startup_queue_destroy(q);
	loop_destroy(l);
}

static void what_was_begun_and_not_committed_does_not_count(void **state)
{
	struct startup_queue *q = startup_queue_create();

	for (int i = 0; i < 1000; i++)
		assert_non_null(startup_queue_begin(q, &to, 1));
	assert_int_equal(startup_queue_n(q), 0);
	startup_queue_destroy(q);
}

// -- in fragments --

static void put_long(struct startup_queue *q, const struct msg_addr *at, uint32_t id, size_t len)
{
	struct wr *w = startup_queue_begin(q, at, id);

	wr_u8(w, CHUNK_IIKEYING);
	wr_u16(w, (uint16_t)(len - 3));
	while (w->len < len)
		wr_u8(w, (uint8_t)(w->len * 7));
	startup_queue_commit(q);
}

// Sends, and puts together what leaves in fragments: how many packets, and in *whole what they
// make.
static uint16_t send_joined(struct loop *l, struct startup_queue *q, struct frag_table *t,
			    uint16_t lent, struct span *whole)
{
	static uint8_t data[ENGINE_BURST_MAX][LOOP_DATAGRAM_MAX];
	struct pkt room[ENGINE_BURST_MAX];
	struct engine *e = l->nodes[0].engine;
	static uint8_t buf[LOOP_DATAGRAM_MAX];
	struct packet_fragment f;
	struct packet_header h;
	struct span plain;
	struct chunk c;
	uint32_t id;
	struct rd r;

	for (int i = 0; i < ENGINE_BURST_MAX; i++)
		room[i] = (struct pkt){.data = data[i], .room = LOOP_DATAGRAM_MAX};
	e->tx->room = room;
	e->tx->n = 0;
	e->tx->max = lent;
	startup_queue_send(e, q);
	crypto_seal(l->crypto, e->tx->ops, e->tx->n);
	for (uint16_t i = 0; i < e->tx->n; i++) {
		assert_true(room[i].len <= e->opts.payload_base);
		ssid_scramble(room[i].data, room[i].len, e->tx->id[i]);
		assert_int_equal(
			startup_unseal(l, span_of(room[i].data, room[i].len), &id, buf, &plain), 0);
		r = rd_over_span(plain);
		assert_int_equal(packet_header_read(&r, &h), 0);
		assert_int_equal(packet_mode(&h), MODE_STARTUP);
		assert_true(chunk_next(&r, &c));
		assert_int_equal(c.type, CHUNK_PACKET_FRAGMENT);
		assert_int_equal(packet_fragment_read(&f, c.payload), 0);
		frag_add(t, &to, id, &f, 1000000, whole);
	}
	return e->tx->n;
}

static void a_chunk_no_packet_can_take_leaves_in_fragments(void **state)
{
	static const struct {
		size_t payload_base, len;
		uint16_t n_packets;
	} rows[] = {
		{1232, 1212, 2}, {1232, 2048, 2}, {576, 1200, 3}, {576, 2000, 4}, {576, 560, 2},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
		struct startup_queue *q = startup_queue_create();
		struct frag_table *t = frag_table_create();
		struct engine *e = l->nodes[0].engine;
		struct packet_header h;
		struct span whole = {0};
		struct chunk c = {0};
		struct rd r;

		e->opts.payload_base = (uint16_t)rows[i].payload_base;
		put_long(q, &to, 9, rows[i].len);
		assert_int_equal(send_joined(l, q, t, rows[i].n_packets - 1, &whole), 0);
		assert_int_equal(send_joined(l, q, t, 100, &whole), rows[i].n_packets);
		r = rd_over_span(whole);
		assert_int_equal(packet_header_read(&r, &h), 0);
		assert_int_equal(h.flags, PACKET_TS | MODE_STARTUP); // as its carriers
		assert_true(chunk_next(&r, &c));
		assert_int_equal(c.type, CHUNK_IIKEYING);
		assert_int_equal(c.payload.len, rows[i].len - 3);
		for (size_t k = 0; k < c.payload.len; k++)
			assert_int_equal(c.payload.data[k], (uint8_t)((k + 3) * 7));
		assert_int_equal(startup_queue_n(q), 0);
		frag_table_destroy(t);
		startup_queue_destroy(q);
		loop_destroy(l);
	}
}

// Requirement 26. What has to wait keeps nobody else waiting.
static void an_endpoint_gets_four_packets_in_fragments_per_200_ms(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
	struct startup_queue *q = startup_queue_create();
	struct frag_table *t = frag_table_create();
	struct engine *e = l->nodes[0].engine;
	struct msg_addr other = to;
	struct span whole;
	uint64_t at_us[8], now_us = e->now_us;
	unsigned n = 0;

	other.port++;
	for (int i = 0; i < 4; i++)
		put_long(q, &to, 9, 1300);
	put_long(q, &other, 9, 1300);
	for (uint64_t ms = 0; ms < 1000; ms++) {
		uint16_t n_sent = send_joined(l, q, t, 100, &whole);

		for (; n_sent > 0; n_sent -= 2)
			at_us[n++] = e->now_us - now_us;
		e->now_us += 1000;
		startup_queue_timers(q, e->now_us);
	}
	assert_int_equal(n, 5);
	assert_int_equal(at_us[2], 0);          // two of one, and the other's
	assert_int_equal(at_us[3], 200 * 1000); // two more
	assert_int_equal(at_us[4], 200 * 1000);
	// The octets count as well: of 2048 and of 1300 together they are fewer than 4380.
	assert_true(2 * frag_tx_n_octets(e, 2048) <= 4380);
	assert_true(frag_tx_n_octets(e, 2048) > 2048 + 2 * 28);
	frag_table_destroy(t);
	startup_queue_destroy(q);
	loop_destroy(l);
}

static void many_endpoints_wait_their_turn(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
	struct startup_queue *q = startup_queue_create();
	struct frag_table *t = frag_table_create();
	struct engine *e = l->nodes[0].engine;
	struct msg_addr at = to;
	uint32_t n_packets = 0;
	struct span whole;

	for (uint16_t i = 0; i < 40; i++) {
		at.port = 1000 + i;
		put_long(q, &at, 9, 1300);
	}
	assert_int_equal(send_joined(l, q, t, 128, &whole), 2 * FRAG_ENDPOINTS_MAX);
	for (int ms = 0; ms < 500; ms++) {
		e->now_us += 1000;
		startup_queue_timers(q, e->now_us);
		n_packets += send_joined(l, q, t, 128, &whole);
	}
	assert_int_equal(n_packets, 2 * (40 - FRAG_ENDPOINTS_MAX));
	assert_int_equal(engine_stats(e)->drops[DROP_TX_QUEUE], 0);
	frag_table_destroy(t);
	startup_queue_destroy(q);
	loop_destroy(l);
}

static void what_four_packets_cannot_take_is_dropped_by_name(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
	struct startup_queue *q = startup_queue_create();
	uint8_t numbers[ENGINE_BURST_MAX];

	l->nodes[0].engine->opts.payload_base = 400;
	put_long(q, &to, 9, 2000);
	put(q, 7);
	assert_int_equal(send(l, q, 100, numbers), 1);
	assert_int_equal(numbers[0], 7);
	assert_int_equal(engine_stats(l->nodes[0].engine)->drops[DROP_TX_QUEUE], 1);
	startup_queue_destroy(q);
	loop_destroy(l);
}

// -- again --

static void put_often(struct startup_queue *q, const struct msg_addr *at, uint8_t no, uint32_t n)
{
	struct wr *w = startup_queue_begin(q, at, no);

	assert_non_null(w);
	wr_u8(w, CHUNK_RHELLO);
	wr_u16(w, 1);
	wr_u8(w, no);
	startup_queue_commit_often(q, n);
}

// So much later; what is due is sent.
static uint16_t send_after(struct loop *l, struct startup_queue *q, uint64_t us, uint8_t *numbers)
{
	l->nodes[0].engine->now_us += us;
	startup_queue_timers(q, l->nodes[0].engine->now_us);
	return send(l, q, 100, numbers);
}

static void a_chunk_is_sent_again_after_a_while(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
	struct startup_queue *q = startup_queue_create();
	uint64_t now_us = l->nodes[0].engine->now_us;
	uint8_t numbers[ENGINE_BURST_MAX];

	put_often(q, &to, 1, 3);
	put_often(q, &to, 2, 1);
	put_often(q, &to, 3, 2);
	assert_int_equal(startup_queue_deadline_us(q), UINT64_MAX);
	assert_int_equal(send(l, q, 100, numbers), 3);
	assert_int_equal(startup_queue_deadline_us(q), now_us + 100000);
	assert_int_equal(send_after(l, q, 99999, numbers), 0);
	assert_int_equal(send_after(l, q, 1, numbers), 2);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[1], 3);
	assert_int_equal(send_after(l, q, 100000, numbers), 1);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(startup_queue_deadline_us(q), UINT64_MAX);
	startup_queue_destroy(q);
	loop_destroy(l);
}

static void an_address_that_has_it_gets_it_no_more(void **state)
{
	static const uint8_t rows[][4] = {{0, 0, 1, 1}, {1, 0, 0, 1}, {1, 1, 0, 0}, {0, 0, 0, 0}};
	struct msg_addr other = to;

	other.port++;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
		struct startup_queue *q = startup_queue_create();
		uint8_t numbers[ENGINE_BURST_MAX];
		uint16_t n_left = 0;

		for (unsigned k = 0; k < 4; k++)
			put_often(q, rows[i][k] ? &to : &other, (uint8_t)k, 2);
		send(l, q, 100, numbers);
		startup_queue_forget(q, &other);
		for (unsigned k = 0; k < 4; k++)
			n_left += rows[i][k];
		put_often(q, &to, 9, 2); // the list's end is still its end
		assert_int_equal(send(l, q, 100, numbers), 1);
		assert_int_equal(send_after(l, q, 100000, numbers), n_left + 1);
		assert_int_equal(numbers[n_left], 9);
		startup_queue_destroy(q);
		loop_destroy(l);
	}
}

// Whoever asks in a flood is answered once each, and the cells come back.
static void only_so_many_wait_to_be_sent_again(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
	struct startup_queue *q = startup_queue_create();
	uint8_t numbers[ENGINE_BURST_MAX];
	uint32_t n = 0;

	for (int i = 0; i < 100; i++)
		put_often(q, &to, 1, 2);
	assert_int_equal(send(l, q, 100, numbers), 100);
	while (put(q, 2))
		n++;
	assert_int_equal(n, 256 - 64);
	while (send(l, q, 100, numbers) > 0)
		;
	assert_int_equal(send_after(l, q, 100000, numbers), 64);
	for (n = 0; put(q, 3);)
		n++;
	assert_int_equal(n, 256);
	startup_queue_destroy(q);
	loop_destroy(l);
}

// -- bucket.h --

static uint32_t take_all(struct bucket *b, uint32_t per_s, uint64_t now_us)
{
	uint32_t n = 0;

	while (bucket_take(b, per_s, now_us))
		n++;
	return n;
}

static void a_bucket_holds_a_second_and_fills_evenly(void **state)
{
	struct bucket b = {0};

	assert_int_equal(take_all(&b, 100, 5000000), 100);
	assert_int_equal(take_all(&b, 100, 5009999), 0);
	assert_int_equal(take_all(&b, 100, 5010000), 1);
	assert_int_equal(take_all(&b, 100, 5110000), 10);
	assert_int_equal(take_all(&b, 100, 99000000), 100);
	assert_int_equal(take_all(&b, 0, 199000000), 0);
}

static void asking_often_does_not_lose_what_trickles_in(void **state)
{
	struct bucket b = {0};
	uint32_t n = 0;

	take_all(&b, 7, 1);
	for (uint64_t t = 1; t <= 10000001; t += 13)
		n += bucket_take(&b, 7, t);
	assert_in_range(n, 69, 70);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_leave_in_order_as_buffers_allow),
		cmocka_unit_test(the_pool_is_finite_and_comes_back),
		cmocka_unit_test(what_was_begun_and_not_committed_does_not_count),
		cmocka_unit_test(a_chunk_no_packet_can_take_leaves_in_fragments),
		cmocka_unit_test(an_endpoint_gets_four_packets_in_fragments_per_200_ms),
		cmocka_unit_test(many_endpoints_wait_their_turn),
		cmocka_unit_test(what_four_packets_cannot_take_is_dropped_by_name),
		cmocka_unit_test(a_chunk_is_sent_again_after_a_while),
		cmocka_unit_test(an_address_that_has_it_gets_it_no_more),
		cmocka_unit_test(only_so_many_wait_to_be_sent_again),
		cmocka_unit_test(a_bucket_holds_a_second_and_fills_evenly),
		cmocka_unit_test(asking_often_does_not_lose_what_trickles_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
