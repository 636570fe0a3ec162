// What the stateless responder says more than once, and what it makes of packets in pieces.
#include "crypto/cookie.h"
#include "tests/support/test.h"
#include "tests/unit/core/hello_world.h"

// An answer may be lost like the question. Who pads the question gets it again, but no more octets
// in all than three times it; old peers, who do not, get what they always got: one.
static void a_padded_hello_is_answered_again_within_three_times(void **state)
{
	static const struct {
		const char *name;
		size_t padding;
		uint8_t endpoint;
		uint32_t n_answers;
	} rows[] = {
		{"an old peer asks a server", 0, 0, 1},
		{"two fit", 80, 0, 2},
		{"three are enough", 280, 0, 3},
		{"two keys, twice as long", 110, 1, 1},
		{"two of them", 280, 1, 2},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;
		uint32_t n = 0, id;
		size_t octets = 0;
		struct loop_datagram d;

		world_create(&w, true);
		send_hello(&w, rows[i].endpoint, w.fingerprint[rows[i].endpoint], rows[i].padding);
		for (int ms = 0; ms < 1000; ms++) {
			while (loop_stray(w.l, &d)) {
				struct span plain;

				n++;
				octets += d.len + 28;
				assert_int_equal(startup_unseal(w.l, span_of(d.data, d.len), &id,
								w.buf, &plain),
						 0);
				assert_row(plain.data[3] == CHUNK_RHELLO, rows[i].name);
			}
			loop_run_us(w.l, 1000);
		}
		assert_row(n == rows[i].n_answers, rows[i].name);
		assert_row(octets <= 3 * (w.sent_len + 28), rows[i].name);
		assert_row(stats(&w)->hellos_answered == 1, rows[i].name);
		world_destroy(&w);
	}
}

// The same of what control answers, as it is a Redirect. Once is what control has seen to itself.
static void controls_answers_are_repeated_as_often_as_their_allowance_covers(void **state)
{
	const uint8_t redirect[] = {CHUNK_REDIRECT, 0, 2, 1, 'x'}; // 48 octets of IP packet
	static const struct {
		const char *name;
		uint32_t allowance, n;
	} rows[] = {
		{"nobody said", 0, 1},      {"less than once", 47, 1},
		{"just not twice", 95, 1},  {"twice", 96, 2},
		{"three times", 3 * 48, 3}, {"no oftener", 100000, 3},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct command cmd = {.op = CMD_PACKET, .len = sizeof(redirect)};
		struct loop_datagram d;
		struct world w;
		uint32_t n = 0;
		size_t octets = 0;

		world_create(&w, true);
		cmd.packet.to = w.stranger;
		cmd.packet.chunk = CHUNK_REDIRECT;
		cmd.packet.allowance = rows[i].allowance;
		cmd.body = loop_body(w.l, 0, redirect, sizeof(redirect));
		loop_command(w.l, 0, &cmd);
		for (int ms = 0; ms < 1000; ms++) {
			for (; loop_stray(w.l, &d); n++)
				octets += d.len + 28;
			loop_run_us(w.l, 1000);
		}
		assert_row(n == rows[i].n, rows[i].name);
		assert_row(n == 1 || octets <= rows[i].allowance, rows[i].name);
		world_destroy(&w);
	}
}

static void who_has_our_answer_does_not_get_it_again(void **state)
{
	struct world w;
	uint8_t cookie[COOKIE_LEN];
	struct loop_datagram d;
	struct rhello answer;
	struct chunk c;
	uint32_t id;

	world_create(&w, true);
	send_hello(&w, 0, w.fingerprint[0], 280);
	assert_true(comes_back(&w, &id, &c));
	assert_int_equal(rhello_read(&answer, c.payload), 0);
	memcpy(cookie, answer.cookie.data, COOKIE_LEN);
	send_keying(&w, span_of(cookie, COOKIE_LEN - 1), 7); // that shows nothing
	loop_run_us(w.l, 110000);
	assert_true(loop_stray(w.l, &d));
	send_keying(&w, span_of(cookie, COOKIE_LEN), 7);
	loop_run_us(w.l, 1000000);
	assert_false(loop_stray(w.l, &d));
	assert_int_equal(stats(&w)->keyings_reported, 1);
	world_destroy(&w);
}

// Requirement 23, and fragments of fragments, which nobody needs.
static void what_fragments_may_not_make_is_dropped_by_name(void **state)
{
	static const struct {
		const char *name;
		uint8_t whole[12]; // in two pieces
		uint8_t len, first;
		enum drop_reason drop;
	} rows[] = {
		{"an initiator's packet", {0x09, 0, 0, CHUNK_PING, 0, 0}, 6, 3, DROP_MODE},
		{"no mode at all", {0x08, 0, 0, CHUNK_PING, 0, 0}, 6, 3, DROP_MODE},
		{"cut in its header", {0x0b, 0}, 2, 1, DROP_TRUNCATED},
		{"a session's chunk", {0x0b, 0, 0, CHUNK_PING, 0, 0}, 6, 3, DROP_WRONG_MODE_CHUNK},
		{"a fragment",
		 {0x0b, 0, 0, CHUNK_PACKET_FRAGMENT, 0, 4, 0, 1, 0, 0x0b},
		 10,
		 4,
		 DROP_MALFORMED},
		{"an empty piece", {0x0b, 0, 0}, 3, 3, DROP_MALFORMED},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;
		uint8_t chunk[64];

		world_create(&w, true);
		for (unsigned k = 0; k < 2; k++) {
			const uint8_t *from = rows[i].whole + (k == 0 ? 0 : rows[i].first);
			size_t len = k == 0 ? rows[i].first : rows[i].len - rows[i].first;
			struct packet_fragment f = {.has_more = k == 0,
						    .packet_id = 9,
						    .index = k,
						    .body = span_of(from, len)};
			struct wr piece = wr_over(chunk, sizeof(chunk));

			assert_row(stats(&w)->drops[rows[i].drop] == 0, rows[i].name);
			assert_int_equal(packet_fragment_write(&piece, &f), 0);
			send_to(&w, 0, 0, &piece, 0);
		}
		assert_row(stats(&w)->drops[rows[i].drop] == 1, rows[i].name);
		world_destroy(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_padded_hello_is_answered_again_within_three_times),
		cmocka_unit_test(controls_answers_are_repeated_as_often_as_their_allowance_covers),
		cmocka_unit_test(who_has_our_answer_does_not_get_it_again),
		cmocka_unit_test(what_fragments_may_not_make_is_dropped_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
