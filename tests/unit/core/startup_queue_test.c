#include "dataplane/core/startup_queue.h"

#include "dataplane/core/bucket.h"
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
	e->tx.room = room;
	e->tx.n = 0;
	e->tx.max = lent;
	startup_queue_send(e, q);
	crypto_seal(l->crypto, e->tx.ops, e->tx.n);
	for (uint16_t i = 0; i < e->tx.n; i++) {
		ssid_scramble(room[i].data, room[i].len, e->tx.id[i]);
		assert_int_equal(
			startup_unseal(l, span_of(room[i].data, room[i].len), &id, buf, &plain), 0);
		numbers[i] = plain.data[6];
		assert_int_equal(id, numbers[i]);
	}
	return e->tx.n;
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

static void a_chunk_no_packet_can_take_is_dropped_by_name(void **state)
{
	struct loop *l = loop_create(&(struct loop_opts){.seed = 15, .n_nodes = 1});
	struct startup_queue *q = startup_queue_create();
	uint8_t numbers[ENGINE_BURST_MAX], big[1250] = {0};
	struct wr *w = startup_queue_begin(q, &to, 9);

	wr_bytes(w, big, sizeof(big));
	startup_queue_commit(q);
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
		cmocka_unit_test(a_chunk_no_packet_can_take_is_dropped_by_name),
		cmocka_unit_test(a_chunk_is_sent_again_after_a_while),
		cmocka_unit_test(an_address_that_has_it_gets_it_no_more),
		cmocka_unit_test(only_so_many_wait_to_be_sent_again),
		cmocka_unit_test(a_bucket_holds_a_second_and_fills_evenly),
		cmocka_unit_test(asking_often_does_not_lose_what_trickles_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
