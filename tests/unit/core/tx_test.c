// Who fills the lent buffers, over flows and a relay that the test steers.
#include "dataplane/core/internal.h"

#include "dataplane/core/startup_queue.h"
#include "dataplane/core/hello.h"
#include "tests/support/far_end.h"
#include "tests/support/test.h"

// What the flows of each session and the relay would send. Chunks are paddings whose first octet
// names their kind.
enum kind { ACK = 1, DELAYED_ACK, DATA, BULK, RELAY, MEDIA, POST };

static struct {
	// Packets that each session still has; octets in each.
	uint32_t data[64], media[64], bulk[64], post[64], data_len;
	uint32_t relay_fresh, relay_behind;
	uint32_t relay_session;
	bool is_blocked[64]; // cwnd
} steer;

static bool put(struct txp *t, enum kind kind, size_t len)
{
	struct wr_point start = wr_chunk_begin(&t->w, CHUNK_PADDING_FF);

	for (size_t i = 0; i < len; i++)
		wr_u8(&t->w, (uint8_t)kind);
	return wr_chunk_commit(&t->w, start) == 0;
}

bool flows_write_acks(struct engine *e, uint32_t idx, struct txp *t, bool is_primary)
{
	if (!put(t, is_primary ? ACK : DELAYED_ACK, 10))
		return false;
	session_at(e, idx)->rx_to_ack = 0;
	t->has_ack = true;
	return true;
}

bool flows_write_data(struct engine *e, uint32_t idx, struct txp *t, uint8_t prio)
{
	uint32_t *const n_of[PRIO_N] = {&steer.data[idx], &steer.media[idx], &steer.bulk[idx],
					&steer.post[idx]};
	static const enum kind kinds[PRIO_N] = {DATA, MEDIA, BULK, POST};
	uint32_t *n = n_of[prio];

	if (*n == 0 || steer.is_blocked[idx] || !put(t, kinds[prio], steer.data_len))
		return false;
	(*n)--;
	t->has_data = true;
	return true;
}

void flows_open_again(struct engine *e, uint32_t idx)
{
	if (steer.media[idx] > 0)
		session_mark(e, idx, DUE_MEDIA);
}

static bool relay_send(struct engine *e, uint32_t *n)
{
	struct txp t;

	while (*n > 0 && txp_begin(e, &t, steer.relay_session)) {
		put(&t, RELAY, 100);
		txp_end(e, &t);
		(*n)--;
	}
	return *n > 0;
}

bool relay_tx_fresh(struct engine *e)
{
	return relay_send(e, &steer.relay_fresh);
}

bool relay_tx_behind(struct engine *e)
{
	return relay_send(e, &steer.relay_behind);
}

// -- a burst, and what was in it --

struct world {
	struct loop *l;
	struct engine *e;
	struct far_end f[64];
	uint32_t n_far;
};

static void one_packet_a_visit(struct engine_opts *o)
{
	o->visit = 1;
}

static void world_create(struct world *w, uint32_t n_sessions)
{
	memset(&steer, 0, sizeof(steer));
	steer.data_len = 1000;
	memset(w, 0, sizeof(*w));
	w->l = loop_create(
		&(struct loop_opts){.seed = 18, .n_nodes = 1, .tune = one_packet_a_visit});
	w->e = w->l->nodes[0].engine;
	for (uint32_t i = 0; i < n_sessions; i++)
		w->f[i] = far_connect(w->l, 0, &(struct loop_form){0}, true);
	w->n_far = n_sessions;
}

struct burst {
	uint16_t n;
	struct {
		uint32_t session; // place in f; UINT32_MAX: startup
		uint8_t kinds;    // bits 1 << enum kind
		uint16_t len;
	} packet[ENGINE_BURST_MAX];
};

static uint8_t kinds_in(struct span plain)
{
	struct rd r = rd_over_span(plain);
	struct packet_header h;
	uint8_t kinds = 0;
	struct chunk c;

	assert_int_equal(packet_header_read(&r, &h), 0);
	while (chunk_next(&r, &c)) {
		if (c.type == CHUNK_PADDING_FF)
			kinds |= (uint8_t)(1u << c.payload.data[0]);
	}
	return kinds;
}

static struct burst burst(struct world *w, uint16_t lent)
{
	static uint8_t data[ENGINE_BURST_MAX][LOOP_DATAGRAM_MAX];
	struct pkt room[ENGINE_BURST_MAX];
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct burst b = {0};
	struct span plain;

	for (int i = 0; i < ENGINE_BURST_MAX; i++)
		room[i] = (struct pkt){.data = data[i], .room = LOOP_DATAGRAM_MAX};
	b.n = engine_tx(w->e, room, lent, w->l->now_us);
	for (uint16_t i = 0; i < b.n; i++) {
		b.packet[i].session = room[i].session_idx;
		b.packet[i].len = room[i].len;
		if (room[i].session_idx == SESSION_NONE)
			continue;
		assert_int_equal(seed_open(w->l->crypto, &w->f[room[i].session_idx].seed,
					   span_of(room[i].data, room[i].len), buf, &plain),
				 0);
		b.packet[i].kinds = kinds_in(plain);
	}
	return b;
}

static uint32_t count(const struct burst *b, enum kind kind)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < b->n; i++)
		n += b->packet[i].kinds >> kind & 1;
	return n;
}

static uint32_t count_startup(const struct burst *b)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < b->n; i++)
		n += b->packet[i].session == SESSION_NONE;
	return n;
}

static void startup_waits(struct world *w, uint32_t n)
{
	const uint8_t chunk[] = {CHUNK_REDIRECT, 0, 1, 0};
	struct command cmd = {.op = CMD_PACKET, .len = sizeof(chunk)};

	for (uint32_t i = 0; i < n; i++) {
		cmd.packet.to = w->f[0].addr;
		cmd.body = loop_body(w->l, 0, chunk, sizeof(chunk));
		loop_command(w->l, 0, &cmd);
	}
	while (engine_commands(w->e, w->l->now_us) > 0)
		;
}

// -- claims --

static void nothing_due_fills_nothing(void **state)
{
	struct world w;

	world_create(&w, 3);
	assert_int_equal(burst(&w, 128).n, 0);
	assert_int_equal(burst(&w, 0).n, 0);
	loop_destroy(w.l);
}

static void due_acks_lead_and_data_rides_along(void **state)
{
	struct world w;
	struct burst b;

	world_create(&w, 1);
	session_at(w.e, 0)->rx_to_ack = 1;
	steer.data[0] = 2;
	session_mark(w.e, 0, DUE_ACK | DUE_DATA);
	b = burst(&w, 128);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.packet[0].kinds, 1 << ACK | 1 << DATA);
	assert_int_equal(b.packet[1].kinds, 1 << DATA);
	assert_int_equal(engine_stats(w.e)->acks_sent, 1);
	loop_destroy(w.l);
}

static void delayed_acks_ride_along_and_never_alone(void **state)
{
	struct world w;
	struct burst b;

	world_create(&w, 1);
	session_at(w.e, 0)->rx_to_ack = 1; // not due yet
	steer.data[0] = 1;
	session_mark(w.e, 0, DUE_DATA);
	b = burst(&w, 128);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.packet[0].kinds, 1 << DATA | 1 << DELAYED_ACK);
	session_at(w.e, 0)->rx_to_ack = 1;
	session_mark(w.e, 0, DUE_DATA);
	assert_int_equal(burst(&w, 128).n, 0);
	loop_destroy(w.l);
}

static void a_blocked_session_leaves_the_list_until_it_is_marked_again(void **state)
{
	struct world w;

	world_create(&w, 2);
	steer.data[0] = 1;
	steer.is_blocked[0] = true;
	session_mark(w.e, 0, DUE_DATA);
	assert_true(engine_deadline_us(w.e) <= w.l->now_us);
	assert_int_equal(burst(&w, 128).n, 0);
	assert_true(engine_deadline_us(w.e) > w.l->now_us);
	steer.is_blocked[0] = false;
	assert_int_equal(burst(&w, 128).n, 0);
	session_mark(w.e, 0, DUE_DATA);
	assert_int_equal(burst(&w, 128).n, 1);
	loop_destroy(w.l);
}

static void sessions_take_turns(void **state)
{
	struct world w;
	struct burst b;

	world_create(&w, 3);
	for (uint32_t i = 0; i < 3; i++) {
		steer.data[i] = 3;
		session_mark(w.e, i, DUE_DATA);
	}
	b = burst(&w, 9);
	assert_int_equal(b.n, 9);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(b.packet[i].session, i % 3);
	loop_destroy(w.l);
}

static void what_found_no_buffer_comes_with_the_next_burst(void **state)
{
	struct world w;
	uint32_t n = 0;
	struct burst b;

	world_create(&w, 2);
	for (uint32_t i = 0; i < 2; i++) {
		steer.data[i] = 10;
		session_mark(w.e, i, DUE_DATA);
	}
	do {
		b = burst(&w, 3);
		n += b.n;
	} while (b.n == 3);
	assert_int_equal(n, 20);
	loop_destroy(w.l);
}

static void everybody_keeps_a_share_of_a_full_burst(void **state)
{
	struct world w;
	struct burst b;

	world_create(&w, 40);
	for (uint32_t i = 0; i < 40; i++) {
		steer.data[i] = 1000;
		session_mark(w.e, i, DUE_DATA);
	}
	steer.relay_session = 1;
	steer.relay_fresh = 1000;
	startup_waits(&w, 100);
	b = burst(&w, 128);
	assert_int_equal(b.n, 128);
	assert_int_equal(count(&b, DATA), 96);
	assert_int_equal(count(&b, RELAY), 16);
	assert_int_equal(count_startup(&b), 16);
	assert_true(engine_deadline_us(w.e) <= w.l->now_us);
	loop_destroy(w.l);
}

static void what_a_share_does_not_need_goes_to_the_others(void **state)
{
	struct world w;
	struct burst b;

	world_create(&w, 2);
	steer.data[0] = 1000;
	session_mark(w.e, 0, DUE_DATA);
	steer.relay_fresh = 5;
	steer.relay_behind = 5;
	b = burst(&w, 128);
	assert_int_equal(count(&b, RELAY), 10);
	assert_int_equal(count(&b, DATA), 118);
	steer.data[0] = 3;
	steer.relay_fresh = 1000;
	session_mark(w.e, 0, DUE_DATA);
	b = burst(&w, 128);
	assert_int_equal(count(&b, DATA), 3);
	assert_int_equal(count(&b, RELAY), 125);
	loop_destroy(w.l);
}

static void bulk_comes_after_media(void **state)
{
	struct world w;
	struct burst b;

	world_create(&w, 2);
	steer.bulk[0] = 1000;
	session_mark(w.e, 0, DUE_BULK);
	steer.relay_session = 1;
	steer.relay_fresh = 50;
	b = burst(&w, 64);
	assert_int_equal(count(&b, RELAY), 50);
	assert_int_equal(count(&b, BULK), 14);
	for (uint16_t i = 0; i < 50; i++)
		assert_int_equal(b.packet[i].kinds, 1 << RELAY);
	b = burst(&w, 64);
	assert_int_equal(count(&b, BULK), 64);
	loop_destroy(w.l);
}

static void bulk_and_control_of_a_session_do_not_hinder_each_other(void **state)
{
	struct world w;
	struct burst b;

	world_create(&w, 1);
	steer.bulk[0] = 2;
	steer.data[0] = 2;
	session_mark(w.e, 0, DUE_BULK | DUE_DATA);
	b = burst(&w, 64);
	assert_int_equal(count(&b, DATA), 2);
	assert_int_equal(count(&b, BULK), 2);
	assert_int_equal(b.packet[0].kinds, 1 << DATA);
	assert_int_equal(burst(&w, 64).n, 0);
	loop_destroy(w.l);
}

static void a_few_lent_buffers_serve_everybody_in_the_end(void **state)
{
	for (uint16_t lent = 1; lent <= 5; lent++) {
		uint32_t n_data = 0, n_relay = 0, n_startup = 0;
		struct world w;
		struct burst b;

		world_create(&w, 2);
		steer.data[0] = 7;
		session_mark(w.e, 0, DUE_DATA);
		steer.relay_fresh = 7;
		startup_waits(&w, 7);
		do {
			b = burst(&w, lent);
			assert_true(b.n <= lent);
			n_data += count(&b, DATA);
			n_relay += count(&b, RELAY);
			n_startup += count_startup(&b);
		} while (b.n == lent);
		assert_int_equal(n_data, 7);
		assert_int_equal(n_relay, 7);
		assert_int_equal(n_startup, 7);
		loop_destroy(w.l);
	}
}

static void a_session_that_closed_while_it_waited_is_passed_over(void **state)
{
	struct world w;

	world_create(&w, 2);
	for (uint32_t i = 0; i < 2; i++) {
		steer.data[i] = 1;
		session_mark(w.e, i, DUE_DATA | DUE_BULK);
	}
	session_destroy(w.e, 0, CLOSED_BY_US);
	assert_int_equal(burst(&w, 64).n, 1);
	loop_destroy(w.l);
}

// -- byte budgets --

static void limit(struct world *w, enum limit_level level, uint64_t bytes_per_s)
{
	struct command cmd = {.op = CMD_BUDGET};

	cmd.budget.level = (uint8_t)level;
	cmd.budget.bytes_per_s = bytes_per_s;
	loop_command(w->l, 0, &cmd);
	while (engine_commands(w->e, w->l->now_us) > 0)
		;
}

// What leaves in so many turns of a millisecond, in octets of IP packets by kind.
struct flow_of {
	uint64_t kind[POST + 1], all, by_session[64];
};

static struct flow_of run_ms(struct world *w, uint32_t ms)
{
	struct flow_of sum = {0};

	for (uint32_t i = 0; i < ms; i++) {
		struct burst b;

		w->l->now_us += 1000;
		engine_timers(w->e, w->l->now_us);
		do {
			b = burst(w, 64);
			for (uint16_t k = 0; k < b.n; k++) {
				uint32_t bytes = b.packet[k].len + 28;

				sum.kind[31 - __builtin_clz(b.packet[k].kinds)] += bytes;
				sum.all += bytes;
				if (b.packet[k].session != SESSION_NONE)
					sum.by_session[b.packet[k].session] += bytes;
			}
		} while (b.n == 64);
	}
	return sum;
}

// Each session wants a thousand packets of these.
static void want(struct world *w, uint32_t *n, uint8_t due)
{
	for (uint32_t i = 0; i < w->n_far; i++) {
		n[i] = 1000000;
		session_mark(w->e, i, due);
	}
}

#define RATE 2500000 // 20 Mbit/s

static void what_is_worth_least_is_shed_first(void **state)
{
	struct flow_of f;
	struct world w;

	world_create(&w, 8);
	limit(&w, LIMIT_TOTAL, RATE);
	run_ms(&w, 10);
	want(&w, steer.post, DUE_POST);
	f = run_ms(&w, 1000);
	assert_in_range(f.kind[POST], RATE * 98 / 100, RATE * 102 / 100);
	want(&w, steer.bulk, DUE_BULK);
	run_ms(&w, 20);
	f = run_ms(&w, 1000);
	assert_in_range(f.kind[BULK], RATE * 98 / 100, RATE * 102 / 100);
	assert_int_equal(f.kind[POST], 0);
	want(&w, steer.media, DUE_MEDIA);
	run_ms(&w, 20);
	f = run_ms(&w, 1000);
	assert_in_range(f.kind[MEDIA], RATE * 98 / 100, RATE * 102 / 100);
	assert_int_equal(f.kind[BULK] + f.kind[POST], 0);
	assert_true(engine_stats(w.e)->held[HELD_TOTAL] > 100);
	limit(&w, LIMIT_TOTAL, 0); // from now on there is enough for all
	memset(steer.bulk, 0, sizeof(steer.bulk));
	memset(steer.media, 0, sizeof(steer.media));
	for (uint32_t i = 0; i < w.n_far; i++)
		steer.post[i] = 100;
	run_ms(&w, 10);
	for (uint32_t i = 0; i < w.n_far; i++)
		assert_int_equal(steer.post[i], 0);
	loop_destroy(w.l);
}

static void what_the_dearer_leave_the_cheaper_get(void **state)
{
	struct flow_of f;
	struct world w;

	world_create(&w, 8);
	limit(&w, LIMIT_TOTAL, RATE);
	want(&w, steer.bulk, DUE_BULK);
	run_ms(&w, 100);
	f = (struct flow_of){0};
	for (int i = 0; i < 1000; i++) { // a third of it for media
		struct flow_of ms;

		steer.media[i % 8] = i % 3 == 0 ? 2 : 0;
		session_mark(w.e, (uint32_t)i % 8, DUE_MEDIA);
		ms = run_ms(&w, 1);
		f.all += ms.all;
		f.kind[MEDIA] += ms.kind[MEDIA];
	}
	assert_in_range(f.kind[MEDIA], 668 * 1040, 668 * 1100); // all of them
	assert_in_range(f.all, RATE * 98 / 100, RATE * 102 / 100);
	loop_destroy(w.l);
}

// Minutes without a byte left for anybody else: acks, pings and control's messages all leave at
// once.
static void control_leaves_when_nothing_is_left(void **state)
{
	struct world w;

	world_create(&w, 8);
	limit(&w, LIMIT_TOTAL, RATE);
	want(&w, steer.media, DUE_MEDIA);
	want(&w, steer.bulk, DUE_BULK);
	startup_waits(&w, 5);
	for (uint32_t i = 0; i < 180; i++) {
		struct flow_of f;
		struct burst b;

		w.l->now_us += 980000; // three minutes in all
		f = run_ms(&w, 20);
		assert_true(f.kind[MEDIA] > 0);
		session_at(w.e, i % 8)->rx_to_ack = 1;
		session_mark(w.e, i % 8, DUE_ACK);
		steer.data[(i + 1) % 8] = 1;
		session_mark(w.e, (i + 1) % 8, DUE_DATA);
		b = burst(&w, 64);
		assert_true(count(&b, ACK) == 1 && count(&b, DATA) == 1);
	}
	loop_destroy(w.l);
}

// Those of control, since hellos are less: nothing waits in a queue for it, who needs it asks
// again.
static void strangers_packets_are_dropped_when_bytes_are_short(void **state)
{
	struct world w;
	struct burst b;

	world_create(&w, 2);
	startup_waits(&w, 3);
	b = burst(&w, 64);
	assert_int_equal(count_startup(&b), 3);
	limit(&w, LIMIT_TOTAL, RATE);
	want(&w, steer.media, DUE_MEDIA);
	run_ms(&w, 50);
	startup_waits(&w, 3);
	b = burst(&w, 64);
	assert_int_equal(count_startup(&b), 0);
	assert_int_equal(engine_stats(w.e)->drops[DROP_BUDGET_STARTUP], 3);
	loop_destroy(w.l);
}

static void a_neighbours_own_budget_holds_back_nobody_else(void **state)
{
	struct flow_of f;
	struct world w;

	world_create(&w, 8);
	limit(&w, LIMIT_NEIGHBOUR, RATE);
	run_ms(&w, 10);
	want(&w, steer.media, DUE_MEDIA);
	memset(&steer.media[1], 0, 3 * sizeof(steer.media[0]));
	run_ms(&w, 100);
	assert_int_equal(engine_deadline_us(w.e) > w.l->now_us, true); // all wait for their alarms
	f = run_ms(&w, 1000);
	for (uint32_t i = 0; i < 8; i++)
		if (i >= 1 && i < 4)
			assert_int_equal(f.by_session[i], 0);
		else
			assert_in_range(f.by_session[i], RATE * 98 / 100, RATE * 102 / 100);
	assert_true(engine_stats(w.e)->held[HELD_NEIGHBOUR] > 0);
	loop_destroy(w.l);
}

// Nothing is looked at while it waits: the engine asks for a turn when there are bytes again.
static void the_engine_sleeps_until_there_are_bytes(void **state)
{
	uint64_t at_us;
	struct world w;

	world_create(&w, 8);
	limit(&w, LIMIT_TOTAL, RATE);
	want(&w, steer.bulk, DUE_BULK);
	run_ms(&w, 50);
	at_us = engine_deadline_us(w.e);
	assert_in_range(at_us - w.l->now_us, 1, 2100); // a twelfth of 10 ms, and a packet's debt
	engine_timers(w.e, w.l->now_us + 1); // does not put it off
	assert_int_equal(engine_deadline_us(w.e), at_us);
	w.l->now_us = at_us;
	engine_timers(w.e, at_us);
	assert_true(burst(&w, 64).n > 0);
	loop_destroy(w.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_due_fills_nothing),
		cmocka_unit_test(due_acks_lead_and_data_rides_along),
		cmocka_unit_test(delayed_acks_ride_along_and_never_alone),
		cmocka_unit_test(a_blocked_session_leaves_the_list_until_it_is_marked_again),
		cmocka_unit_test(sessions_take_turns),
		cmocka_unit_test(what_found_no_buffer_comes_with_the_next_burst),
		cmocka_unit_test(everybody_keeps_a_share_of_a_full_burst),
		cmocka_unit_test(what_a_share_does_not_need_goes_to_the_others),
		cmocka_unit_test(bulk_comes_after_media),
		cmocka_unit_test(bulk_and_control_of_a_session_do_not_hinder_each_other),
		cmocka_unit_test(a_few_lent_buffers_serve_everybody_in_the_end),
		cmocka_unit_test(a_session_that_closed_while_it_waited_is_passed_over),
		cmocka_unit_test(what_is_worth_least_is_shed_first),
		cmocka_unit_test(what_the_dearer_leave_the_cheaper_get),
		cmocka_unit_test(control_leaves_when_nothing_is_left),
		cmocka_unit_test(strangers_packets_are_dropped_when_bytes_are_short),
		cmocka_unit_test(a_neighbours_own_budget_holds_back_nobody_else),
		cmocka_unit_test(the_engine_sleeps_until_there_are_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
