#include "dataplane/core/mobility.h"

#include "tests/support/far_end.h"
#include "tests/support/test.h"

#define S 1000000ull

static struct loop *loop_one(void)
{
	return loop_create(&(struct loop_opts){.seed = 11, .n_nodes = 1});
}

static void say(struct far_end *f, uint8_t type, struct span message)
{
	uint8_t chunks[64] = {type, 0, (uint8_t)message.len};

	if (message.len > 0)
		memcpy(chunks + 3, message.data, message.len);
	assert_int_equal(far_send_chunks(f, span_of(chunks, 3 + message.len)), DROP_NONE);
}

// The message of the mobility ping that went to this far end's present address; false: none came.
static bool asked(struct far_end *f, uint8_t message[64], struct span *out)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct chunk c;

	while (far_receive_chunk(f, CHUNK_PING, buf, &c)) {
		if (c.payload.len == 0)
			continue;
		memcpy(message, c.payload.data, c.payload.len);
		*out = span_of(message, c.payload.len);
		return true;
	}
	return false;
}

static bool path_is(struct loop *l, const struct far_end *f, const struct msg_addr *a)
{
	const struct path *p = engine_path(l->nodes[0].engine, f->slot);

	return p->port == a->port && memcmp(p->addr, a->ip, 16) == 0;
}

static void in_both_forms(void (*test)(struct loop *, struct far_end *))
{
	for (uint8_t tag_len = 0; tag_len <= 16; tag_len += 16) {
		struct loop *l = loop_one();
		struct far_end f = far_connect(l, 0, &(struct loop_form){.tag_len = tag_len}, true);

		test(l, &f);
		loop_destroy(l);
	}
}

static void moves(struct loop *l, struct far_end *f)
{
	struct msg_addr old = f->addr, new = loop_addr(200, 4444);
	uint32_t gen = engine_path(l->nodes[0].engine, f->slot)->gen;
	uint8_t buf[64];
	struct span message;
	struct report r;

	f->addr = new;
	say(f, CHUNK_PADDING_00, span_of(NULL, 0));
	assert_true(asked(f, buf, &message)); // there, and not at the old address
	assert_true(path_is(l, f, &old));     // which stays until the answer
	assert_int_equal(message.data[0], 'M');
	say(f, CHUNK_PING_REPLY, message);
	loop_turn(l);
	assert_true(path_is(l, f, &new));
	assert_int_equal(engine_path(l->nodes[0].engine, f->slot)->gen, gen + 1);
	// What leaves says so, and worlds make its headers anew.
	assert_int_equal(session_at(l->nodes[0].engine, f->slot)->path_gen, gen + 1);
	assert_true(loop_take(l, 0, REP_SESSION_MOVED, &r));
	assert_int_equal(r.addr.port, 4444);
	assert_memory_equal(r.addr.ip, new.ip, 16);
	say(f, CHUNK_PADDING_00, span_of(NULL, 0));
	assert_false(asked(f, buf, &message));
}

static void a_far_end_that_answers_at_its_new_address_moves_there(void **state)
{
	in_both_forms(moves);
}

// Where it is heard at an address of ours that it did not use before, it is answered from there.
static void our_own_address_moves_along(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){0}, true);
	struct span message;
	uint8_t buf[64];

	assert_int_equal(engine_path(l->nodes[0].engine, f.slot)->local, 0);
	l->nodes[0].addr.local = 5;
	f.addr = loop_addr(200, 4444);
	say(&f, CHUNK_PADDING_00, span_of(NULL, 0));
	assert_true(asked(&f, buf, &message));
	say(&f, CHUNK_PING_REPLY, message);
	assert_int_equal(engine_path(l->nodes[0].engine, f.slot)->local, 5);
	loop_destroy(l);
}

static void only_the_address_that_was_asked_may_answer(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.tag_len = 10}, true);
	struct msg_addr old = f.addr;
	uint8_t buf[64];
	struct span message;

	f.addr = loop_addr(200, 4444);
	say(&f, CHUNK_PADDING_00, span_of(NULL, 0));
	assert_true(asked(&f, buf, &message));
	f.addr = loop_addr(201, 4444);
	say(&f, CHUNK_PING_REPLY, message);
	assert_true(path_is(l, &f, &old));
	f.addr = loop_addr(200, 4445);
	say(&f, CHUNK_PING_REPLY, message);
	assert_true(path_is(l, &f, &old));
	loop_destroy(l);
}

static void a_reply_counts_only_as_it_was_sent(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.tag_len = 10}, true);
	struct msg_addr old = f.addr;
	uint8_t buf[64];
	struct span message;

	f.addr = loop_addr(200, 4444);
	say(&f, CHUNK_PADDING_00, span_of(NULL, 0));
	assert_true(asked(&f, buf, &message));
	for (size_t i = 0; i < message.len; i++) {
		buf[i] ^= 0x40;
		say(&f, CHUNK_PING_REPLY, message);
		buf[i] ^= 0x40;
	}
	say(&f, CHUNK_PING_REPLY, span_of(buf, message.len - 1));
	say(&f, CHUNK_PING_REPLY, span_of(NULL, 0));
	assert_true(path_is(l, &f, &old));
	loop_destroy(l);
}

static void replies_count_for_120_s_and_never_backwards(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.tag_len = 10}, true);
	struct msg_addr home = f.addr, away = loop_addr(200, 4444);
	uint8_t first[64], second[64];
	struct span message, later;

	f.addr = away;
	say(&f, CHUNK_PADDING_00, span_of(NULL, 0));
	assert_true(asked(&f, first, &message));
	loop_run_us(l, 121 * S);
	say(&f, CHUNK_PING_REPLY, message);
	assert_true(path_is(l, &f, &home));
	say(&f, CHUNK_PADDING_00, span_of(NULL, 0));
	assert_true(asked(&f, first, &message));
	say(&f, CHUNK_PING_REPLY, message);
	assert_true(path_is(l, &f, &away));
	// home again; then somebody plays the older answer once more
	loop_run_us(l, 2 * S);
	f.addr = home;
	say(&f, CHUNK_PADDING_00, span_of(NULL, 0));
	assert_true(asked(&f, second, &later));
	say(&f, CHUNK_PING_REPLY, later);
	assert_true(path_is(l, &f, &home));
	f.addr = away;
	say(&f, CHUNK_PING_REPLY, message);
	assert_true(path_is(l, &f, &home));
	loop_destroy(l);
}

// What the engine sends now: to the old address and to the new one, how many packets hold user
// data.
static void count_data(struct far_end *f, const struct msg_addr *new, uint32_t n[2])
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct loop_datagram d;
	struct packet_header h;
	struct span plain;
	struct chunk c;
	struct rd r;

	n[0] = n[1] = 0;
	loop_turn(f->loop); // the engine sends,
	loop_turn(f->loop); // and it arrives
	while (loop_stray(f->loop, &d)) {
		assert_int_equal(
			seed_open(f->loop->crypto, &f->seed, span_of(d.data, d.len), buf, &plain),
			0);
		r = rd_over_span(plain);
		assert_int_equal(packet_header_read(&r, &h), 0);
		while (chunk_next(&r, &c))
			n[d.dst.port == new->port] += c.type == CHUNK_USER_DATA;
	}
}

static void send_message(struct far_end *f)
{
	struct command cmd = {.op = CMD_FLOW_SEND,
			      .flow = 5,
			      .session_idx = f->slot,
			      .session_id = f->id,
			      .len = 4};

	cmd.body = loop_body(f->loop, 0, "data", 4);
	loop_command(f->loop, 0, &cmd);
}

// Requirement 58: whoever replays our far end's packets from elsewhere gets a ping and no more.
static void no_user_data_goes_to_an_address_without_proof(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.tag_len = 10}, true);
	struct msg_addr new = loop_addr(200, 4444);
	struct command open = {
		.op = CMD_FLOW_OPEN, .flow = 5, .session_idx = f.slot, .session_id = f.id};
	uint8_t buf[64];
	struct span message;
	uint32_t n[2];

	open.open.flow_id = 5;
	open.open.rule_stream = NO_STREAM;
	open.open.meta_len = 3;
	loop_command(l, 0, &open);
	f.addr = new;
	say(&f, CHUNK_PADDING_00, span_of(NULL, 0));
	assert_true(asked(&f, buf, &message)); // the ping went there
	for (int i = 0; i < 3; i++) {
		send_message(&f);
		say(&f, CHUNK_PADDING_00, span_of(NULL, 0));
		count_data(&f, &new, n);
		assert_int_equal(n[0], 1);
		assert_int_equal(n[1], 0);
		loop_run_us(l, S / 10);
	}
	say(&f, CHUNK_PING_REPLY, message);
	send_message(&f);
	count_data(&f, &new, n);
	assert_int_equal(n[0], 0);
	assert_int_equal(n[1], 1);
	loop_destroy(l);
}

// A lost question, or answer, is not the end where the far end moves on soon.
static void an_address_is_asked_again_after_a_round_trip(void **state)
{
	static const struct {
		const char *name;
		uint32_t rtt_us;
		int n; // in 5 s in which it speaks ten times a second
	} rows[] = {
		{"not known: once a second", 0, 5},
		{"a short one: after 250 ms at least", 4000, 17},
		{"50 ms: after 50 + 100 + 200", 50000, 13},
		{"2 s: once a second", 2000000, 5},
	};

	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct loop *l = loop_one();
		struct far_end f = far_connect(
			l, 0, &(struct loop_form){.tag_len = 10, .rtt_us = rows[k].rtt_us}, true);
		uint8_t buf[64];
		struct span message;
		int n = 0;

		f.addr = loop_addr(200, 4444);
		for (int i = 0; i < 50; i++) {
			say(&f, CHUNK_PADDING_00, span_of(NULL, 0));
			n += asked(&f, buf, &message);
			loop_run_us(l, S / 10);
		}
		assert_row(n == rows[k].n, rows[k].name);
		loop_destroy(l);
	}
}

// A whole node changes its address in the middle of things: NAT gave it another port.
static void a_moved_node_is_found_again(void **state)
{
	struct loop *l =
		loop_create(&(struct loop_opts){.seed = 12, .n_nodes = 2, .delay_us = 20000});
	struct loop_pair p = loop_connect(
		l, 0, 1, &(struct loop_form){.keepalive_us = 4000000, .has_sseq = true});

	loop_run_us(l, 10 * S);
	l->nodes[1].addr.port = 50000;
	loop_run_us(l, 20 * S);
	assert_int_equal(loop_count(l, 0, REP_SESSION_MOVED), 1);
	assert_int_equal(engine_path(l->nodes[0].engine, p.slot[0])->port, 50000);
	loop_run_us(l, 100 * S);
	assert_int_equal(loop_count(l, 0, REP_SESSION_CLOSING), 0);
	assert_int_equal(loop_count(l, 1, REP_SESSION_CLOSING), 0);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_far_end_that_answers_at_its_new_address_moves_there),
		cmocka_unit_test(our_own_address_moves_along),
		cmocka_unit_test(only_the_address_that_was_asked_may_answer),
		cmocka_unit_test(a_reply_counts_only_as_it_was_sent),
		cmocka_unit_test(replies_count_for_120_s_and_never_backwards),
		cmocka_unit_test(no_user_data_goes_to_an_address_without_proof),
		cmocka_unit_test(an_address_is_asked_again_after_a_round_trip),
		cmocka_unit_test(a_moved_node_is_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
