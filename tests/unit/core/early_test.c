#include "dataplane/core/early.h"

#include "tests/support/far_end.h"
#include "tests/support/test.h"

struct world {
	struct loop *l;
	struct far_end f;
	struct session_seed near;
};

static void reserve(struct world *w, const struct loop_form *form, uint32_t early_max)
{
	struct command cmd = {.op = CMD_SESSION_RESERVE};

	w->l = loop_create(&(struct loop_opts){.seed = 13, .n_nodes = 1});
	w->f = far_prepare(w->l, 0, form, false, &w->near);
	cmd.session_idx = w->f.slot;
	cmd.session_id = w->f.id;
	loop_command(w->l, 0, &cmd);
	loop_turn(w->l);
}

static void send_ping(struct far_end *f, uint8_t no, uint8_t drop)
{
	const uint8_t chunk[] = {CHUNK_PING, 0, 1, no};

	assert_int_equal(far_send_chunks(f, span_of(chunk, sizeof(chunk))), drop);
}

static void add(struct world *w)
{
	loop_add(w->l, 0, w->f.slot, w->f.id, &w->near);
}

static uint64_t drops(struct world *w, enum drop_reason why)
{
	return engine_stats(w->l->nodes[0].engine)->drops[why];
}

static void packets_before_the_keys_are_received_with_them(void **state)
{
	static const struct loop_form forms[] = {
		{0},
		{.has_sseq = true},
		{.tag_len = 10}, // no whole blocks: the length says that it is early
		{.tag_len = 16, .has_sseq = true},
	};
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct chunk c;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct world w;

		reserve(&w, &forms[i], 0);
		for (uint8_t no = 0; no < 5; no++)
			send_ping(&w.f, no, DROP_NONE);
		assert_false(far_receive_chunk(&w.f, CHUNK_PING_REPLY, buf, &c));
		assert_int_equal(engine_stats(w.l->nodes[0].engine)->early_kept, 5);
		add(&w);
		loop_turn(w.l);
		loop_turn(w.l);
		assert_int_equal(loop_count(w.l, 0, REP_SESSION_ALIVE), 1);
		assert_int_equal(session_at(w.l->nodes[0].engine, w.f.slot)->rx_packets, 5);
		assert_true(far_receive_chunk(&w.f, CHUNK_PING_REPLY, buf, &c));
		assert_int_equal(c.payload.data[0], 0);
		loop_destroy(w.l);
	}
}

static void only_so_many_are_kept_per_session(void **state)
{
	struct world w;

	reserve(&w, &(struct loop_form){.tag_len = 10}, 0);
	for (uint8_t no = 0; no < EARLY_PER_SESSION; no++)
		send_ping(&w.f, no, DROP_NONE);
	send_ping(&w.f, 99, DROP_EARLY_FULL);
	assert_int_equal(drops(&w, DROP_EARLY_FULL), 1);
	add(&w);
	assert_int_equal(session_at(w.l->nodes[0].engine, w.f.slot)->rx_packets, EARLY_PER_SESSION);
	loop_destroy(w.l);
}

static void rubbish_is_found_out_when_the_keys_come(void **state)
{
	struct world w;
	uint8_t rubbish[68];

	reserve(&w, &(struct loop_form){0}, 0);
	random_fill(&w.l->random, rubbish, sizeof(rubbish));
	ssid_scramble(rubbish, sizeof(rubbish), w.f.id);
	far_send_datagram(&w.f, span_of(rubbish, sizeof(rubbish)));
	send_ping(&w.f, 1, DROP_NONE);
	add(&w);
	assert_int_equal(drops(&w, DROP_AUTH), 1);
	assert_int_equal(session_at(w.l->nodes[0].engine, w.f.slot)->rx_packets, 1);
	loop_destroy(w.l);
}

static void keying_packets_are_told_from_early_ones(void **state)
{
	const uint8_t rikeying[] = {CHUNK_RIKEYING, 0, 6, 1, 2, 3, 4, 0, 'X'};
	uint8_t datagram[LOOP_DATAGRAM_MAX];
	struct report r;
	struct world w;
	size_t len;

	reserve(&w, &(struct loop_form){0}, 0);
	send_ping(&w.f, 1, DROP_NONE);
	len = startup_seal(w.l, w.f.id, span_of(rikeying, sizeof(rikeying)), datagram);
	assert_int_equal(far_send_datagram(&w.f, span_of(datagram, len)), DROP_NONE);
	send_ping(&w.f, 2, DROP_NONE);
	loop_turn(w.l);
	assert_true(loop_take(w.l, 0, REP_STARTUP, &r));
	assert_int_equal(r.packet.chunk, CHUNK_RIKEYING);
	assert_int_equal(r.packet.session_id, w.f.id);
	assert_int_equal(r.session_idx, w.f.slot);
	assert_int_equal(r.packet.from.port, w.f.addr.port);
	assert_memory_equal(r.body->data, rikeying + 3, r.len);
	loop_put(w.l, 0, r.body);
	add(&w);
	assert_int_equal(session_at(w.l->nodes[0].engine, w.f.slot)->rx_packets, 2);
	loop_destroy(w.l);
}

static void a_dropped_reservation_gives_its_cells_back(void **state)
{
	struct world w;
	struct command cmd = {.op = CMD_SESSION_RESERVE};

	reserve(&w, &(struct loop_form){.tag_len = 10}, 0);
	cmd.session_idx = w.f.slot;
	cmd.session_id = w.f.id;
	for (int round = 0; round < 100; round++) { // more than there are cells
		for (uint8_t no = 0; no < EARLY_PER_SESSION; no++)
			send_ping(&w.f, no, DROP_NONE);
		cmd.op = CMD_SESSION_CLOSE;
		loop_command(w.l, 0, &cmd);
		loop_turn(w.l);
		cmd.op = CMD_SESSION_RESERVE;
		loop_command(w.l, 0, &cmd);
		loop_turn(w.l);
	}
	assert_int_equal(drops(&w, DROP_EARLY_FULL), 0);
	loop_destroy(w.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_before_the_keys_are_received_with_them),
		cmocka_unit_test(only_so_many_are_kept_per_session),
		cmocka_unit_test(rubbish_is_found_out_when_the_keys_come),
		cmocka_unit_test(keying_packets_are_told_from_early_ones),
		cmocka_unit_test(a_dropped_reservation_gives_its_cells_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
