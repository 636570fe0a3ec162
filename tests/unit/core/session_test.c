#include "dataplane/core/session_life.h"

#include "tests/support/far_end.h"
#include "tests/support/test.h"

#define S 1000000ull

static const struct loop_form plain_form;

static struct loop *loop_one(void)
{
	return loop_create(&(struct loop_opts){.seed = 8, .n_nodes = 1});
}

static void command_close(struct loop *l, uint32_t node, uint32_t slot, uint32_t id,
			  enum session_close_how how)
{
	struct command cmd = {.op = CMD_SESSION_CLOSE, .session_idx = slot, .session_id = id};

	cmd.close.how = (uint8_t)how;
	loop_command(l, node, &cmd);
	loop_turn(l);
}

static uint8_t state_of(struct loop *l, const struct far_end *f)
{
	return session_at(l->nodes[f->node].engine, f->slot)->state;
}

static bool hears(struct far_end *f, uint8_t type)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct chunk c;

	return far_receive_chunk(f, type, buf, &c);
}

static uint8_t says(struct far_end *f, uint8_t type)
{
	const uint8_t chunk[] = {type, 0, 0};

	return far_send_chunks(f, span_of(chunk, sizeof(chunk)));
}

static bool closed_for(struct loop *l, const struct far_end *f, enum session_close_reason reason)
{
	struct report r;

	return loop_take(l, f->node, REP_SESSION_CLOSED, &r) && r.session_idx == f->slot &&
	       r.session_id == f->id && r.closed.reason == reason;
}

static bool closing_for(struct loop *l, const struct far_end *f, enum session_close_reason reason)
{
	struct report r;

	return loop_take(l, f->node, REP_SESSION_CLOSING, &r) && r.session_id == f->id &&
	       r.closed.reason == reason;
}

// -- states (RFC 7016 §3.5.5) --

static void an_orderly_close_repeats_for_90_s(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, false);

	command_close(l, 0, f.slot, f.id, CLOSE_ORDERLY);
	assert_true(closing_for(l, &f, CLOSED_BY_US));
	for (int i = 0; i < 18; i++) {
		assert_true(hears(&f, CHUNK_CLOSE));
		assert_false(hears(&f, CHUNK_CLOSE));
		assert_int_equal(state_of(l, &f), S_NEARCLOSE);
		loop_run_us(l, 5 * S);
	}
	assert_true(closed_for(l, &f, CLOSED_BY_US));
	assert_int_equal(state_of(l, &f), S_CLOSED);
	assert_int_equal(engine_stats(l->nodes[0].engine)->sessions_open, 0);
	assert_int_equal(says(&f, CHUNK_CLOSE_ACK), DROP_NO_SESSION);
	loop_destroy(l);
}

static void a_close_ack_ends_it_in_every_state(void **state)
{
	static const struct {
		const char *name;
		int how; // of a close before it; -1: none
		bool far_closes;
		enum session_close_reason reason;
	} rows[] = {
		{"open", -1, false, CLOSED_BY_FAR},
		{"near close", CLOSE_ORDERLY, false, CLOSED_BY_US},
		{"far close linger", -1, true, CLOSED_BY_FAR},
		{"near close crossed by far close", CLOSE_ORDERLY, true, CLOSED_BY_US},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loop *l = loop_one();
		struct far_end f = far_connect(l, 0, &plain_form, true);

		if (rows[i].how >= 0)
			command_close(l, 0, f.slot, f.id, (enum session_close_how)rows[i].how);
		if (rows[i].far_closes)
			says(&f, CHUNK_CLOSE);
		assert_row(says(&f, CHUNK_CLOSE_ACK) == DROP_NONE, rows[i].name);
		loop_turn(l);
		assert_row(closed_for(l, &f, rows[i].reason), rows[i].name);
		assert_row(loop_count(l, 0, REP_SESSION_CLOSED) == 0, rows[i].name);
		loop_destroy(l);
	}
}

static void a_far_close_is_answered_for_19_s(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);

	for (int i = 0; i < 4; i++) {
		assert_int_equal(says(&f, CHUNK_CLOSE), DROP_NONE);
		assert_true(hears(&f, CHUNK_CLOSE_ACK));
		assert_false(hears(&f, CHUNK_CLOSE_ACK));
		assert_int_equal(state_of(l, &f), S_FARCLOSE_LINGER);
		assert_true(i > 0 || closing_for(l, &f, CLOSED_BY_FAR)); // at once, not after 19 s
		loop_run_us(l, 4700000);
	}
	assert_int_equal(loop_count(l, 0, REP_SESSION_CLOSED), 0);
	loop_run_us(l, 300000);
	assert_true(closed_for(l, &f, CLOSED_BY_FAR));
	assert_int_equal(says(&f, CHUNK_CLOSE), DROP_NO_SESSION);
	loop_destroy(l);
}

static void a_close_that_crosses_ours_is_answered_too(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);

	command_close(l, 0, f.slot, f.id, CLOSE_ORDERLY);
	assert_true(hears(&f, CHUNK_CLOSE));
	says(&f, CHUNK_CLOSE);
	assert_true(hears(&f, CHUNK_CLOSE_ACK));
	assert_int_equal(state_of(l, &f), S_NEARCLOSE);
	loop_destroy(l);
}

static void an_abrupt_close_is_one_close_ack(void **state)
{
	struct loop *l = loop_one();
	struct far_end f =
		far_connect(l, 0, &(struct loop_form){.tag_len = 10, .has_sseq = true}, true);

	command_close(l, 0, f.slot, f.id, CLOSE_ABRUPT);
	assert_true(hears(&f, CHUNK_CLOSE_ACK));
	loop_run_us(l, 100000);
	assert_false(hears(&f, CHUNK_CLOSE_ACK));
	assert_true(closed_for(l, &f, CLOSED_BY_US));
	loop_destroy(l);
}

static void a_silent_close_says_nothing(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	uint64_t sent = l->n_sent;

	command_close(l, 0, f.slot, f.id, CLOSE_SILENT);
	assert_true(closed_for(l, &f, CLOSED_OVERRIDE));
	assert_int_equal(loop_count(l, 0, REP_SESSION_CLOSING), 0);
	loop_run_us(l, 100 * S);
	assert_int_equal(l->n_sent, sent);
	loop_destroy(l);
}

static void an_impatient_control_need_not_wait_for_the_ack(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);

	command_close(l, 0, f.slot, f.id, CLOSE_ORDERLY);
	command_close(l, 0, f.slot, f.id, CLOSE_ORDERLY);
	assert_int_equal(state_of(l, &f), S_NEARCLOSE);
	command_close(l, 0, f.slot, f.id, CLOSE_ABRUPT);
	assert_true(closed_for(l, &f, CLOSED_BY_US));
	loop_destroy(l);
}

static void a_closing_session_hears_nothing_but_closes(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	const uint8_t ping[] = {CHUNK_PING, 0, 1, 'x'};

	says(&f, CHUNK_CLOSE);
	assert_int_equal(far_send_chunks(&f, span_of(ping, sizeof(ping))), DROP_NONE);
	assert_false(hears(&f, CHUNK_PING_REPLY));
	loop_destroy(l);
}

// Whoever sent them may send them elsewhere (control/group/routes.c): acknowledged ones are home
// before control hears of the end, and only then the others come.
static void what_was_not_acknowledged_comes_home_after_the_news(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct command open = {
		.op = CMD_FLOW_OPEN, .flow = 5, .session_idx = f.slot, .session_id = f.id};
	struct command send = {
		.op = CMD_FLOW_SEND, .flow = 5, .session_idx = f.slot, .session_id = f.id};
	struct report r;
	bool is_told = false;

	open.open.flow_id = 5;
	open.open.meta_len = 1;
	open.open.rule_stream = NO_STREAM;
	loop_command(l, 0, &open);
	for (int i = 0; i < 12; i++) {
		send.body = loop_body(l, 0, "x", 1);
		send.len = 1;
		loop_command(l, 0, &send);
	}
	loop_turn(l);
	loop_forget(l, 0);
	l->nodes[0].is_deaf = true;
	engine_body_home(l->nodes[0].engine, loop_body(l, 0, "y", 1));
	says(&f, CHUNK_CLOSE);
	loop_turn(l);
	while (mailbox_pop(l->nodes[0].reports, &r)) {
		is_told |= r.op == REP_SESSION_CLOSING;
		for (int i = 0; r.op == REP_BODIES_PUT && i < BODIES_PER_PUT; i++)
			if (r.bodies.more[i] != NULL) {
				assert_int_equal(r.bodies.more[i]->data[0] == 'x', is_told);
				body_put(r.bodies.more[i]);
			}
	}
	assert_true(is_told);
	assert_int_equal(body_pool_lent(l->nodes[0].bodies), 0);
	loop_destroy(l);
}

// Both ends, a bad path: the closing ends in time for both, whoever heard what (requirement 131).
static void closing_survives_loss(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct loop *l = loop_create(&(struct loop_opts){.seed = seed,
								 .n_nodes = 2,
								 .delay_us = 30000,
								 .jitter_us = 20000,
								 .loss_permille = 300,
								 .duplicate_permille = 100});
		struct loop_pair p = loop_connect(l, 0, 1, &(struct loop_form){.has_sseq = true});

		command_close(l, 0, p.slot[0], p.id[0], CLOSE_ORDERLY);
		if (seed % 2 != 0)
			command_close(l, 1, p.slot[1], p.id[1], CLOSE_ORDERLY);
		loop_run_us(l, 95 * S);
		assert_int_equal(loop_count(l, 0, REP_SESSION_CLOSED), 1);
		// a far end that never heard of it is left open: keepalive is who finds that out
		assert_true(loop_count(l, 1, REP_SESSION_CLOSED) == 1 ||
			    session_at(l->nodes[1].engine, p.slot[1])->state == S_OPEN);
		loop_destroy(l);
	}
}

// -- slots --

static void a_reservation_is_dropped_or_becomes_a_session(void **state)
{
	struct loop *l = loop_one();
	struct session_seed near;
	struct far_end f = far_prepare(l, 0, &plain_form, true, &near);
	struct command cmd = {.op = CMD_SESSION_RESERVE, .session_idx = f.slot, .session_id = f.id};

	loop_command(l, 0, &cmd);
	loop_turn(l);
	assert_int_equal(state_of(l, &f), S_RESERVED);
	command_close(l, 0, f.slot, f.id, CLOSE_ORDERLY);
	assert_true(closed_for(l, &f, CLOSED_BY_US));
	loop_command(l, 0, &cmd);
	loop_add(l, 0, f.slot, f.id, &near);
	loop_turn(l);
	assert_int_equal(state_of(l, &f), S_OPEN);
	says(&f, CHUNK_CLOSE);
	assert_true(hears(&f, CHUNK_CLOSE_ACK));
	loop_destroy(l);
}

static void a_taken_slot_is_refused_and_its_session_stays(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct session_seed seed = {0};
	struct command cmd = {.op = CMD_SESSION_RESERVE, .session_idx = f.slot};
	struct report r;

	cmd.session_id = f.id ^ 1u << 30;
	loop_command(l, 0, &cmd);
	loop_add(l, 0, f.slot, f.id ^ 1u << 30, &seed);
	loop_turn(l);
	assert_int_equal(engine_stats(l->nodes[0].engine)->drops[DROP_STALE_COMMAND], 1);
	assert_true(loop_take(l, 0, REP_SESSION_CLOSED, &r));
	assert_int_equal(r.closed.reason, CLOSED_NO_ROOM);
	assert_int_equal(r.session_id, f.id ^ 1u << 30);
	says(&f, CHUNK_CLOSE);
	assert_true(hears(&f, CHUNK_CLOSE_ACK));
	loop_destroy(l);
}

// Requirement 135.
static void a_slots_next_session_does_not_hear_the_former(void **state)
{
	struct loop *l = loop_one();
	struct far_end old = far_connect(l, 0, &plain_form, true), new;
	uint8_t datagram[LOOP_DATAGRAM_MAX];
	const uint8_t packet[] = {MODE_INITIATOR, CHUNK_CLOSE, 0, 0};
	size_t len = far_seal(&old, span_of(packet, sizeof(packet)), datagram);

	command_close(l, 0, old.slot, old.id, CLOSE_SILENT);
	new = far_connect(l, 0, &plain_form, true);
	assert_int_equal(new.slot, old.slot);
	assert_int_equal(far_send_datagram(&old, span_of(datagram, len)), DROP_NO_SESSION);
	ssid_scramble(datagram, len, new.id);
	assert_int_equal(far_send_datagram(&old, span_of(datagram, len)), DROP_AUTH);
	assert_int_equal(state_of(l, &new), S_OPEN);
	command_close(l, 0, old.slot, old.id, CLOSE_SILENT); // late, too
	assert_int_equal(state_of(l, &new), S_OPEN);
	loop_destroy(l);
}

// -- reports that find no room --

static void what_control_must_know_waits_for_room_in_the_ring(void **state)
{
	struct loop *l =
		loop_create(&(struct loop_opts){.seed = 8, .n_nodes = 1, .ring_slots = 16});
	struct far_end f = far_connect(l, 0, &plain_form, true), other;
	struct report filler = {.op = REP_FLOW_FREED};
	struct command again = {.op = CMD_SESSION_RESERVE, .session_idx = f.slot, .session_id = 16};

	other = far_connect(l, 0, &plain_form, true);
	l->nodes[0].is_deaf = true;
	while (mailbox_push(l->nodes[0].reports, &filler))
		;
	says(&f, CHUNK_CLOSE_ACK);
	says(&other, CHUNK_CLOSE);
	loop_command(l, 0, &again);
	loop_turn(l);
	assert_int_not_equal(session_at(l->nodes[0].engine, f.slot)->id_rx, 0); // still taken
	assert_true(engine_deadline_us(l->nodes[0].engine) <= l->now_us + 1000);
	l->nodes[0].is_deaf = false;
	loop_run_us(l, 10000);
	assert_true(closed_for(l, &f, CLOSED_BY_FAR));
	assert_true(closing_for(l, &other, CLOSED_BY_FAR));
	assert_int_equal(loop_count(l, 0, REP_SESSION_ALIVE), 1); // f's went with its end
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_orderly_close_repeats_for_90_s),
		cmocka_unit_test(a_close_ack_ends_it_in_every_state),
		cmocka_unit_test(a_far_close_is_answered_for_19_s),
		cmocka_unit_test(a_close_that_crosses_ours_is_answered_too),
		cmocka_unit_test(an_abrupt_close_is_one_close_ack),
		cmocka_unit_test(a_silent_close_says_nothing),
		cmocka_unit_test(an_impatient_control_need_not_wait_for_the_ack),
		cmocka_unit_test(a_closing_session_hears_nothing_but_closes),
		cmocka_unit_test(what_was_not_acknowledged_comes_home_after_the_news),
		cmocka_unit_test(closing_survives_loss),
		cmocka_unit_test(a_reservation_is_dropped_or_becomes_a_session),
		cmocka_unit_test(a_taken_slot_is_refused_and_its_session_stays),
		cmocka_unit_test(a_slots_next_session_does_not_hear_the_former),
		cmocka_unit_test(what_control_must_know_waits_for_room_in_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
