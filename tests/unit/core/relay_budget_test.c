// Streams under byte budgets: paced, fair, by deadline, and without a look at those who wait.
#include "tests/unit/core/relay_world.h"

#define N 150 // neighbours

#define MB_S 1000000ull

static const struct stream_seed seed = {.window_ms = 8000,
					.margin_ms = 2000,
					.update_ms = 100,
					.fetch_ms = 2500,
					.extents_max = 50,
					.flags = STREAM_PUSH_ALL};

// A stream of that group, pushed to sessions [from, to).
static void subscribers(struct world *w, uint16_t stream, uint16_t group, uint32_t from,
			uint32_t to)
{
	struct stream_seed here = seed;

	here.group = group;
	assert_non_null(world_stream_seed(w, stream, &here));
	for (uint32_t i = from; i < to; i++) {
		struct link *l = world_link(w, i, stream, 0);

		l->slots_asked = 0xff;
		push_grant(&w->e, stream_at(&w->e, stream), l);
	}
}

static void publish(struct world *w, uint16_t stream, uint64_t from, uint64_t to)
{
	for (uint64_t no = from; no <= to; no++)
		world_publish(w, stream, no, 1000);
}

// Milliseconds in which every neighbour acknowledges at once. Returns octets of IP packets sent.
static uint64_t run_ms(struct world *w, uint32_t ms)
{
	uint64_t before = 0, after = 0;

	for (int c = 0; c < BUDGET_CLASSES_N; c++)
		before += w->class_bytes[c];
	for (; ms > 0; ms--) {
		w->e.now_us += 1000;
		w->e.now_ms = (uint32_t)(w->e.now_us / 1000);
		do {
			world_ack_all(w);
		} while (world_tx(w, 128) == 128);
	}
	for (int c = 0; c < BUDGET_CLASSES_N; c++)
		after += w->class_bytes[c];
	return after - before;
}

static uint64_t n_sent_in_all(const struct world *w)
{
	return w->n_chunks;
}

// 1 for equal shares, 1 / n if one has it all.
static double jain(const uint64_t *x, uint32_t n)
{
	double sum = 0, squares = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum += (double)x[i];
		squares += (double)x[i] * (double)x[i];
	}
	return sum * sum / (n * squares);
}

static void assert_rate(uint64_t bytes, uint64_t expected)
{
	assert_in_range(bytes, expected * 98 / 100, expected * 102 / 100);
}

// 100 KB to 150 neighbours are 16 MB; the line is given 10 MB/s.
static void a_key_frame_is_paced_and_everybody_is_as_far(void **state)
{
	struct world *w = world_create(NULL);

	subscribers(w, WORLD_STREAM, 0, 0, N);
	world_limit(w, LIMIT_TOTAL, 0, 10 * MB_S);
	publish(w, WORLD_STREAM, 1, 100);
	run_ms(w, 10);
	for (int i = 0; i < 15; i++) {
		uint32_t least = UINT32_MAX, most = 0;

		assert_rate(run_ms(w, 100), MB_S);
		for (uint32_t k = 0; k < N; k++) {
			uint32_t n = world_n_sent_to(w, k);

			least = n < least ? n : least;
			most = n > most ? n : most;
		}
		assert_true(most - least <= 1); // fragment by fragment, not neighbour by neighbour
	}
	run_ms(w, 200);
	assert_int_equal(n_sent_in_all(w), N * 100);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_SKIPPED], 0);
	world_destroy(w);
}

// A megabyte a second for a window of eight: what is later is skipped, and counted for each.
static void who_cannot_be_served_in_time_is_skipped(void **state)
{
	struct world *w = world_create(NULL);
	struct stream *s;

	subscribers(w, WORLD_STREAM, 0, 0, N);
	s = stream_at(&w->e, WORLD_STREAM);
	world_limit(w, LIMIT_TOTAL, 0, MB_S);
	publish(w, WORLD_STREAM, 1, 100);
	assert_rate(run_ms(w, 8000), 8 * MB_S);
	run_ms(w, 2000);
	assert_true(n_sent_in_all(w) < N * 60);
	assert_int_equal(n_sent_in_all(w) + w->e.stats.drops[DROP_STREAM_SKIPPED], N * 100);
	assert_int_equal(s->n.skipped, w->e.stats.drops[DROP_STREAM_SKIPPED]);
	publish(w, WORLD_STREAM, 101, 101); // and the line is free for what is new
	run_ms(w, 200);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(world_n_sent(w, i, 101), 1);
	world_destroy(w);
}

// All of them behind, each with a window of its own, some with small fragments.
static void those_behind_share_by_bytes(void **state)
{
	uint64_t before[N], got[N];
	struct world *w = world_create(NULL);

	subscribers(w, WORLD_STREAM, 0, 0, 100);
	subscribers(w, 2, 0, 100, N);
	for (uint32_t i = 0; i < N; i++)
		w->sessions[i].cwnd_bytes = 0;
	publish(w, WORLD_STREAM, 1, 500);
	for (uint64_t no = 1; no <= 2000; no++)
		world_publish(w, 2, no, 150 + no % 7 * 40);
	run_ms(w, 1);
	for (uint32_t i = 0; i < N; i++)
		w->sessions[i].cwnd_bytes = 4000 + 700 * i;
	world_limit(w, LIMIT_TOTAL, 0, 10 * MB_S);
	memcpy(before, w->bytes_to, sizeof(before));
	for (uint32_t i = 0; i < N; i++)
		behind_mark(&w->e, link_find(&w->e, i, i < 100 ? WORLD_STREAM : 2), 0);
	assert_rate(run_ms(w, 4000), 40 * MB_S);
	for (uint32_t i = 0; i < N; i++)
		got[i] = w->bytes_to[i] - before[i];
	assert_true(jain(got, N) > 0.99);
	world_destroy(w);
}

static void those_of_a_group_share_its_budget(void **state)
{
	uint64_t before[N];
	struct world *w = world_create(NULL);

	subscribers(w, WORLD_STREAM, 7, 0, N);
	for (uint32_t i = 0; i < N; i++)
		w->sessions[i].cwnd_bytes = 0;
	publish(w, WORLD_STREAM, 1, 500);
	run_ms(w, 1);
	world_limit(w, LIMIT_GROUP, 7, 10 * MB_S);
	for (uint32_t i = 0; i < N; i++) {
		w->sessions[i].cwnd_bytes = 1 << 20;
		behind_mark(&w->e, link_find(&w->e, i, WORLD_STREAM), 0);
	}
	run_ms(w, 100);
	memcpy(before, w->bytes_to, sizeof(before));
	assert_rate(run_ms(w, 4000), 40 * MB_S);
	for (uint32_t i = 0; i < N; i++)
		before[i] = w->bytes_to[i] - before[i];
	assert_true(jain(before, N) > 0.99);
	world_destroy(w);
}

// While live media takes all there is, what was lost stays lost; and no longer.
static void repairs_wait_for_what_live_media_leaves(void **state)
{
	struct world *w = world_create(NULL);
	uint64_t no = 10;

	subscribers(w, WORLD_STREAM, 0, 0, N);
	publish(w, WORLD_STREAM, 1, 10);
	run_ms(w, 10);
	world_limit(w, LIMIT_TOTAL, 0, 10 * MB_S);
	for (uint32_t ms = 0; ms < 1000; ms += 10) { // 16 MB/s are wanted
		publish(w, WORLD_STREAM, no + 1, no + 1);
		no++;
		run_ms(w, 9);
		if (ms == 500) {
			world_tx(w, 128);
			for (uint32_t i = 0; i < 20; i++)
				world_pull(w, i, 3);
		}
		run_ms(w, 1);
	}
	assert_int_equal(world_n_sent(w, 5, 3), 1);
	assert_int_equal(w->class_bytes[BUDGET_REPAIRS], 0);
	run_ms(w, 2000);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(world_n_sent(w, i, 3), 2);
	assert_true(w->class_bytes[BUDGET_REPAIRS] >= 20 * 1000);
	for (uint64_t k = 11; k <= no; k++)
		assert_int_equal(world_n_sent(w, 149, k), 1);
	world_destroy(w);
}

// Two streams of a group with a limit, one of a group without: that one notices nothing.
static void a_groups_budget_is_its_own(void **state)
{
	struct world *w = world_create(NULL);

	subscribers(w, 0, 1, 0, 50);
	subscribers(w, 1, 1, 25, 75);
	subscribers(w, 2, 2, 75, N);
	world_limit(w, LIMIT_GROUP, 1, MB_S);
	for (uint64_t no = 1; no <= 100; no++) {
		publish(w, 0, no, no);
		publish(w, 1, no, no);
		publish(w, 2, 1000 + no, 1000 + no);
		run_ms(w, 10);
	}
	assert_rate(w->e.budgets.groups[1].gauge.used_bytes, MB_S);
	for (uint32_t i = 75; i < N; i++)
		assert_int_equal(world_n_sent_to(w, i), 100);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_SKIPPED], 0);
	world_limit(w, LIMIT_GROUP, 1, 0); // lifted: what waited comes
	run_ms(w, 50);
	for (uint32_t i = 0; i < 75; i++)
		assert_int_equal(world_n_sent_to(w, i), i >= 25 && i < 50 ? 200 : 100);
	world_destroy(w);
}

// A hundred and fifty neighbours that wait for their group: no turn looks at them.
static void who_waits_for_a_group_is_not_looked_at(void **state)
{
	struct world *w = world_create(NULL);
	uint64_t held, n_packets;

	subscribers(w, WORLD_STREAM, 1, 0, N);
	for (uint32_t i = 0; i < N; i++)
		w->sessions[i].cwnd_bytes = 0;
	publish(w, WORLD_STREAM, 1, 200);
	run_ms(w, 1);
	for (uint32_t i = 0; i < N; i++)
		w->sessions[i].cwnd_bytes = 1 << 20;
	world_limit(w, LIMIT_GROUP, 1, MB_S);
	for (uint32_t i = 0; i < N; i++)
		behind_mark(&w->e, link_find(&w->e, i, WORLD_STREAM), 0);
	run_ms(w, 100);
	held = w->e.stats.held[HELD_GROUP];
	n_packets = w->n_packets;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(world_tx(w, 128), 0);
	assert_int_equal(w->e.stats.held[HELD_GROUP], held);
	assert_int_equal(w->e.relay->ready[LIST_MEDIA].head, LINK_NONE);
	assert_int_equal(w->e.relay->fresh_head, STREAM_NONE);
	assert_in_range(w->e.relay->unpark_us, w->e.now_us + 1, w->e.now_us + 1000);
	run_ms(w, 1000);
	// A visit that ends at the limit for each that was let back in: 3 packets and one.
	assert_true(w->e.stats.held[HELD_GROUP] - held < 3 * (w->n_packets - n_packets));
	world_destroy(w);
}

// Whatever goes while it waits leaves nothing behind (world_destroy looks).
static void what_waits_may_go(void **state)
{
	struct world *w = world_create(NULL);

	subscribers(w, 0, 1, 0, 50);
	subscribers(w, 1, 1, 0, 50);
	subscribers(w, 2, 1, 50, 100);
	for (uint32_t i = 0; i < 25; i++)
		w->sessions[i].cwnd_bytes = 0;
	world_limit(w, LIMIT_GROUP, 1, 100000);
	for (uint16_t s = 0; s < 3; s++)
		publish(w, s, 1, 50);
	run_ms(w, 1);
	for (uint32_t i = 0; i < 25; i++) {
		w->sessions[i].cwnd_bytes = 1 << 20;
		relay_flow_open_again(&w->e, i);
	}
	run_ms(w, 100);
	for (uint32_t i = 10; i < 20; i++)
		world_unlink(w, i, i % 2);
	relay_session_gone(&w->e, 3);
	stream_remove(&w->e, stream_at(&w->e, 1));
	run_ms(w, 100);
	stream_remove(&w->e, stream_at(&w->e, 0));
	assert_rate(run_ms(w, 1000), 100000);
	world_destroy(w);
}

static void a_neighbours_own_budget_has_an_alarm(void **state)
{
	struct world *w = world_create(NULL);
	uint32_t at_ms;

	subscribers(w, WORLD_STREAM, 0, 0, 3);
	w->sessions[2].cwnd_bytes = 0; // has nothing to wait for
	world_limit(w, LIMIT_NEIGHBOUR, 0, MB_S);
	publish(w, WORLD_STREAM, 1, 100);
	run_ms(w, 4); // six packets and an acknowledgement each
	assert_in_range(w->bytes_to[0], BUDGET_DEPTH_MIN, BUDGET_DEPTH_MIN + 4000 + 1500);
	at_ms = w->budget_alarm_ms[0];
	assert_in_range(at_ms, w->e.now_ms + 1, w->e.now_ms + 4);
	assert_int_equal(w->budget_alarm_ms[2], 0);
	world_ack(w, 0); // is no reason to send
	assert_int_equal(world_tx(w, 128), 0);
	w->e.now_ms = w->budget_alarm_ms[0];
	w->e.now_us = w->e.now_ms * 1000ull;
	relay_flow_open_again(&w->e, 0);
	assert_true(world_tx(w, 128) > 0);
	world_destroy(w);
}

static void each_reason_to_wait_is_counted(void **state)
{
	struct world *w = world_create(NULL);
	const uint64_t *held = w->e.stats.held;

	subscribers(w, WORLD_STREAM, 0, 0, 3);
	w->sessions[0].cwnd_bytes = 0;
	flow_tx_at(w->e.flows, link_find(&w->e, 1, WORLD_STREAM)->flow_idx)->rwnd_bytes = 0;
	publish(w, WORLD_STREAM, 1, 1);
	world_tx(w, 128);
	assert_int_equal(held[HELD_CWND], 1);
	assert_int_equal(held[HELD_RWND], 1);
	publish(w, WORLD_STREAM, 2, 10);
	world_tx(w, 128);
	assert_int_equal(held[HELD_BURST], 1);
	assert_int_equal(held[HELD_TOTAL] + held[HELD_GROUP] + held[HELD_NEIGHBOUR], 0);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_frame_is_paced_and_everybody_is_as_far),
		cmocka_unit_test(who_cannot_be_served_in_time_is_skipped),
		cmocka_unit_test(those_behind_share_by_bytes),
		cmocka_unit_test(those_of_a_group_share_its_budget),
		cmocka_unit_test(repairs_wait_for_what_live_media_leaves),
		cmocka_unit_test(a_groups_budget_is_its_own),
		cmocka_unit_test(who_waits_for_a_group_is_not_looked_at),
		cmocka_unit_test(what_waits_may_go),
		cmocka_unit_test(a_neighbours_own_budget_has_an_alarm),
		cmocka_unit_test(each_reason_to_wait_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
