#include "dataplane/core/hello.h"

#include "crypto/cookie.h"
#include "crypto/epd.h"
#include "tests/support/test.h"
#include "tests/unit/core/hello_world.h"

#define S 1000000ull

// -- IHello --

static void a_hello_for_us_is_answered_without_memory(void **state)
{
	struct world w;
	struct rhello answer;
	struct chunk c;
	uint32_t id;

	world_create(&w, true);
	for (int i = 0; i < 2; i++) {
		send_hello(&w, 0, w.fingerprint[0], 0);
		assert_true(comes_back(&w, &id, &c));
		assert_int_equal(id, 0);
		assert_int_equal(c.type, CHUNK_RHELLO);
		assert_int_equal(rhello_read(&answer, c.payload), 0);
		assert_true(span_equal(answer.tag_echo, span_of(tag, sizeof(tag))));
		assert_int_equal(answer.cookie.len, 64);
		assert_true(span_equal(answer.cert, span_of(w.cert[0], w.cert_len[0])));
	}
	assert_int_equal(stats(&w)->hellos_answered, 2);
	assert_int_equal(w.l->nodes[0].n_inbox, 0);
	world_destroy(&w);
}

// Whoever asked one of our addresses takes no answer from another: his NAT does not let it in.
static void the_answer_comes_from_the_address_that_was_asked(void **state)
{
	struct loop_datagram d;
	struct world w;

	world_create(&w, true);
	for (uint8_t local = 0; local < 3; local++) {
		w.l->nodes[0].addr.local = local;
		send_hello(&w, 0, w.fingerprint[0], 0);
		assert_true(loop_stray(w.l, &d));
		assert_int_equal(d.src.local, local);
	}
	world_destroy(&w);
}

// And a cookie is good only where it was asked for.
static void a_cookie_of_another_of_our_addresses_is_changed(void **state)
{
	struct report r;
	struct rhello answer;
	struct chunk c;
	struct world w;
	uint8_t cookie[64];
	uint32_t id;

	world_create(&w, true);
	w.l->nodes[0].addr.local = 1;
	send_hello(&w, 0, w.fingerprint[0], 0);
	assert_true(comes_back(&w, &id, &c));
	assert_int_equal(rhello_read(&answer, c.payload), 0);
	memcpy(cookie, answer.cookie.data, sizeof(cookie));
	w.l->nodes[0].addr.local = 2;
	send_keying(&w, span_of(cookie, sizeof(cookie)), 7);
	assert_true(comes_back(&w, &id, &c));
	assert_int_equal(c.type, CHUNK_COOKIE_CHANGE);
	w.l->nodes[0].addr.local = 1;
	send_keying(&w, span_of(cookie, sizeof(cookie)), 7);
	assert_true(loop_take(w.l, 0, REP_KEYING, &r));
	assert_int_equal(r.packet.from.local, 1); // control answers from there, too
	loop_put(w.l, 0, r.body);
	world_destroy(&w);
}

static void old_servers_epd_selects_the_server_only(void **state)
{
	struct world w;
	uint8_t epd[64], chunks[128];
	struct wr wr = wr_over(chunks, sizeof(chunks));
	struct ihello hello = {.tag = span_of(tag, sizeof(tag))};
	struct chunk c;
	uint32_t id;

	world_create(&w, true);
	hello.epd = span_of(
		epd, (size_t)epd_build_ancillary(epd, sizeof(epd), span_of("rtmfp://a/b", 11)));
	ihello_write(&wr, &hello);
	send_to(&w, 0, 0, &wr, 0);
	assert_true(comes_back(&w, &id, &c));
	send_to(&w, 1, 0, &wr, 0);
	assert_false(comes_back(&w, &id, &c));
	assert_int_equal(loop_count(w.l, 0, REP_HELLO), 1);
	world_destroy(&w);
}

static void a_hello_for_another_goes_to_control(void **state)
{
	struct world w;
	struct ihello hello;
	struct report r;

	world_create(&w, true);
	send_hello(&w, 0, w.fingerprint[1], 0); // the member, asked for at the server
	assert_true(loop_take(w.l, 0, REP_HELLO, &r));
	assert_int_equal(r.packet.from.port, 7777);
	assert_int_equal(r.packet.from.endpoint, 0);
	assert_int_equal(r.packet.chunk, CHUNK_IHELLO);
	assert_int_equal(r.packet.allowance, 3 * (w.sent_len + 28)); // all answers together
	assert_int_equal(ihello_read(&hello, span_of(r.body->data, r.len)), 0);
	assert_true(span_equal(hello.tag, span_of(tag, sizeof(tag))));
	loop_put(w.l, 0, r.body);
	world_destroy(&w);
}

static void hellos_nobody_answers_are_named(void **state)
{
	struct world w;
	uint8_t chunk[] = {CHUNK_IHELLO, 0, 1, 0x7f};
	struct wr wr = wr_over(chunk, sizeof(chunk));

	world_create(&w, false);
	send_hello(&w, 0, w.fingerprint[0], 0);
	assert_int_equal(stats(&w)->drops[DROP_HELLO_NOT_US], 1);
	send_hello(&w, 5, w.fingerprint[0], 0); // no such endpoint
	assert_int_equal(stats(&w)->drops[DROP_HELLO_NOT_US], 2);
	wr.len = sizeof(chunk);
	send_to(&w, 0, 0, &wr, 0);
	assert_int_equal(stats(&w)->drops[DROP_MALFORMED], 1);
	assert_int_equal(w.l->n_strays, 0);
	world_destroy(&w);
}

static void answers_are_no_longer_than_three_times_the_question(void **state)
{
	struct world w;
	uint32_t n = 0, id;
	struct chunk c;

	world_create(&w, true);
	for (int i = 0; i < 200; i++) { // 68 octets ask for 77 of certificate, and for 392
		send_hello(&w, 0, w.fingerprint[0], 0);
		assert_true(comes_back(&w, &id, &c));
		send_hello(&w, 1, w.fingerprint[1], 0);
		n += comes_back(&w, &id, &c);
	}
	assert_int_equal(n, 50); // a second's worth of long answers, for old peers
	assert_int_equal(stats(&w)->drops[DROP_HELLO_RATE], 150);
	send_hello(&w, 1, w.fingerprint[1], 110); // who pads the question is always answered
	assert_true(comes_back(&w, &id, &c));
	assert_true(c.payload.len <= 3 * (w.sent_len + 28));
	world_destroy(&w);
}

static void one_hello_per_packet(void **state)
{
	struct world w;
	uint8_t epd[EPD_CANONICAL_LEN], chunks[256];
	struct ihello hello = {span_of(epd, sizeof(epd)), span_of(tag, sizeof(tag))};
	struct wr wr = wr_over(chunks, sizeof(chunks));
	struct chunk c;
	uint32_t id;

	world_create(&w, true);
	epd_canonical(epd, w.fingerprint[0]);
	for (int i = 0; i < 3; i++)
		ihello_write(&wr, &hello);
	send_to(&w, 0, 0, &wr, 0);
	assert_true(comes_back(&w, &id, &c));
	assert_false(comes_back(&w, &id, &c));
	assert_int_equal(stats(&w)->drops[DROP_HELLO_RATE], 2);
	world_destroy(&w);
}

static void what_reaches_control_is_limited(void **state)
{
	struct world w;

	world_create(&w, true);
	w.l->nodes[0].engine->opts.hellos_per_s = 100;
	for (int i = 0; i < 300; i++) {
		send_hello(&w, 0, w.fingerprint[1], 0);
		w.l->now_us += 5000;
	}
	// a second's worth at once, then a hundred a second: 100 + 150
	assert_in_range(loop_count(w.l, 0, REP_HELLO), 248, 251);
	assert_in_range(stats(&w)->drops[DROP_HELLO_RATE], 49, 52);
	world_destroy(&w);
}

// -- IIKeying --

static struct span get_cookie(struct world *w, uint8_t cookie[COOKIE_LEN])
{
	struct rhello answer;
	struct chunk c;
	uint32_t id;

	send_hello(w, 0, w->fingerprint[0], 0);
	assert_true(comes_back(w, &id, &c));
	assert_int_equal(rhello_read(&answer, c.payload), 0);
	memcpy(cookie, answer.cookie.data, COOKIE_LEN);
	return span_of(cookie, COOKIE_LEN);
}

static void a_good_cookie_opens_the_way_to_control(void **state)
{
	struct world w;
	uint8_t cookie[COOKIE_LEN];
	struct iikeying k;
	struct report r;

	world_create(&w, true);
	get_cookie(&w, cookie);
	w.l->now_us += 95 * S; // at least so long (7.2)
	send_keying(&w, span_of(cookie, COOKIE_LEN), 0x01020304);
	assert_true(loop_take(w.l, 0, REP_KEYING, &r));
	assert_int_equal(iikeying_read(&k, span_of(r.body->data, r.len)), 0);
	assert_int_equal(k.initiator_session_id, 0x01020304);
	assert_memory_equal(r.packet.from.ip, w.stranger.ip, 4);
	assert_int_equal(stats(&w)->keyings_reported, 1);
	loop_put(w.l, 0, r.body);
	world_destroy(&w);
}

static void other_cookies_open_nothing(void **state)
{
	struct world w;
	uint8_t cookie[COOKIE_LEN];

	world_create(&w, true);
	get_cookie(&w, cookie);
	for (size_t i = 0; i < COOKIE_LEN; i += 9) {
		cookie[i] ^= 1;
		send_keying(&w, span_of(cookie, COOKIE_LEN), 1);
		cookie[i] ^= 1;
	}
	send_keying(&w, span_of(cookie, COOKIE_LEN - 1), 1);
	send_keying(&w, span_of(NULL, 0), 1);
	assert_int_equal(loop_count(w.l, 0, REP_KEYING), 0);
	send_keying(&w, span_of(cookie, COOKIE_LEN), 0); // nobody's session id
	assert_int_equal(stats(&w)->drops[DROP_MALFORMED], 1);
	w.l->now_us += 200 * S;
	send_keying(&w, span_of(cookie, COOKIE_LEN), 1); // expired
	assert_int_equal(loop_count(w.l, 0, REP_KEYING), 0);
	world_destroy(&w);
}

static void a_cookie_that_moved_is_changed_once_it_is_ours(void **state)
{
	struct world w;
	uint8_t cookie[COOKIE_LEN], fresh[COOKIE_LEN];
	struct cookie_change change;
	struct chunk c;
	uint32_t id;

	world_create(&w, true);
	get_cookie(&w, cookie);
	w.stranger.port = 8888;
	send_keying(&w, span_of(cookie, COOKIE_LEN), 0xabcd0001);
	assert_int_equal(loop_count(w.l, 0, REP_KEYING), 0);
	assert_true(comes_back(&w, &id, &c));
	assert_int_equal(id, 0xabcd0001); // to the initiator's id, under the default key
	assert_int_equal(c.type, CHUNK_COOKIE_CHANGE);
	assert_int_equal(cookie_change_read(&change, c.payload), 0);
	assert_true(span_equal(change.old_cookie, span_of(cookie, COOKIE_LEN)));
	assert_int_equal(change.new_cookie.len, COOKIE_LEN);
	memcpy(fresh, change.new_cookie.data, COOKIE_LEN);
	send_keying(&w, span_of(fresh, COOKIE_LEN), 0xabcd0001);
	assert_int_equal(loop_count(w.l, 0, REP_KEYING), 1);
	assert_int_equal(stats(&w)->cookie_changes, 1);
	world_destroy(&w);
}

// An IHello and IIKeyings with a cookie of the sender's own address, all in one packet from a
// victim's: each answer fits three times the packet, together they must, too.
static void all_answers_to_a_packet_share_what_it_may_cost(void **state)
{
	for (unsigned n_keyings = 1; n_keyings <= 6; n_keyings++) {
		uint8_t epd[EPD_CANONICAL_LEN], chunks[1100], cookie[COOKIE_LEN];
		struct wr wr = wr_over(chunks, sizeof(chunks));
		struct ihello hello = {span_of(epd, sizeof(epd)), span_of(tag, sizeof(tag))};
		struct loop_datagram d;
		size_t octets = 0;
		struct world w;

		world_create(&w, true);
		get_cookie(&w, cookie);
		w.stranger.port = 8888;
		epd_canonical(epd, w.fingerprint[0]);
		assert_int_equal(ihello_write(&wr, &hello), 0);
		for (unsigned i = 0; i < n_keyings; i++) {
			struct iikeying k = {.initiator_session_id = 1 + i,
					     .cookie_echo = span_of(cookie, COOKIE_LEN)};

			assert_int_equal(iikeying_write(&wr, &k), 0);
		}
		send_to(&w, 0, 0, &wr, 0);
		loop_run_us(w.l, 1000000);
		while (loop_stray(w.l, &d))
			if (d.dst.port == 8888)
				octets += d.len + 28;
		assert_true(octets > 0 && octets <= 3 * (w.sent_len + 28));
		world_destroy(&w);
	}
}

static void cookies_outlive_one_change_of_the_secret(void **state)
{
	struct world w;
	struct command cmd = {.op = CMD_COOKIE_SECRET};
	uint8_t cookie[COOKIE_LEN];

	world_create(&w, true);
	for (uint8_t secret = 1; secret <= 3; secret++) {
		memset(cmd.cookie.secret, secret, sizeof(cmd.cookie.secret));
		loop_command(w.l, 0, &cmd);
		loop_turn(w.l);
		if (secret == 1)
			get_cookie(&w, cookie);
		send_keying(&w, span_of(cookie, COOKIE_LEN), 1);
		assert_int_equal(loop_count(w.l, 0, REP_KEYING), secret < 3 ? secret : 2);
	}
	assert_int_equal(stats(&w)->drops[DROP_COOKIE], 1);
	world_destroy(&w);
}

// -- the rest of startup --

static void answers_to_our_own_openings_go_to_control(void **state)
{
	static const struct {
		const char *name;
		uint8_t chunk;
		bool is_reserved;
		enum drop_reason drop;
	} rows[] = {
		{"RHello", CHUNK_RHELLO, false, DROP_NONE},
		{"Redirect", CHUNK_REDIRECT, false, DROP_NONE},
		{"RIKeying", CHUNK_RIKEYING, true, DROP_NONE},
		{"Cookie Change", CHUNK_COOKIE_CHANGE, true, DROP_NONE},
		{"RHello to a session", CHUNK_RHELLO, true, DROP_WRONG_MODE_CHUNK},
		{"Redirect to a session", CHUNK_REDIRECT, true, DROP_WRONG_MODE_CHUNK},
		{"IHello to a session", CHUNK_IHELLO, true, DROP_WRONG_MODE_CHUNK},
		{"IIKeying to a session", CHUNK_IIKEYING, true, DROP_WRONG_MODE_CHUNK},
		{"RIKeying to nobody", CHUNK_RIKEYING, false, DROP_WRONG_MODE_CHUNK},
		{"Cookie Change to nobody", CHUNK_COOKIE_CHANGE, false, DROP_WRONG_MODE_CHUNK},
		{"Ping", CHUNK_PING, false, DROP_WRONG_MODE_CHUNK},
		{"User Data", CHUNK_USER_DATA, true, DROP_WRONG_MODE_CHUNK},
		{"unknown", 0xec, false, DROP_UNKNOWN_CHUNK},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t id = session_id_make(0, 5, 77);
		struct command cmd = {
			.op = CMD_SESSION_RESERVE, .session_idx = 5, .session_id = id};
		uint8_t chunk[] = {rows[i].chunk, 0, 3, 'a', 'b', 'c'};
		struct wr wr = wr_over(chunk, sizeof(chunk));
		struct report r;
		struct world w;

		world_create(&w, true);
		loop_command(w.l, 0, &cmd);
		loop_turn(w.l);
		wr.len = sizeof(chunk);
		send_to(&w, 1, rows[i].is_reserved ? id : 0, &wr, 0);
		if (rows[i].drop != DROP_NONE) {
			assert_row(stats(&w)->drops[rows[i].drop] == 1, rows[i].name);
			assert_row(w.l->nodes[0].n_inbox == 0, rows[i].name);
		} else {
			assert_row(loop_take(w.l, 0, REP_STARTUP, &r), rows[i].name);
			assert_row(r.packet.chunk == rows[i].chunk && r.len == 3, rows[i].name);
			assert_row(r.packet.session_id == (rows[i].is_reserved ? id : 0),
				   rows[i].name);
			assert_row(r.packet.from.endpoint == 1, rows[i].name);
			loop_put(w.l, 0, r.body);
		}
		world_destroy(&w);
	}
}

static void session_modes_under_the_default_key_are_dropped(void **state)
{
	for (uint8_t mode = 0; mode < 3; mode++) {
		struct world w;
		uint8_t plain[16], out[LOOP_DATAGRAM_MAX];
		alignas(16) uint8_t sched[CRYPTO_SCHED_LEN];
		struct crypto_op op = {.sched = sched, .dst = out + SSID_LEN};

		world_create(&w, true);
		memset(plain, 0xff, sizeof(plain));
		plain[0] = mode;
		crypto_expand(w.l->crypto, (const uint8_t *)CRYPTO_DEFAULT_KEY, sched, NULL);
		memcpy(op.dst + 2, plain, 14);
		op.len = (uint16_t)packet_form_finish((struct packet_form){0}, op.dst, 2, 16);
		crypto_seal(w.l->crypto, &op, 1);
		ssid_scramble(out, SSID_LEN + op.len, 0);
		loop_send(w.l, &w.stranger, &w.l->nodes[0].addr, span_of(out, SSID_LEN + op.len));
		loop_turn(w.l);
		assert_int_equal(stats(&w)->drops[DROP_MODE], 1);
		world_destroy(&w);
	}
}

static void a_packet_in_fragments_counts_as_one(void **state)
{
	struct world w;
	uint8_t whole[256] = {0x0b, 0, 0}, epd[EPD_CANONICAL_LEN], chunk[128];
	struct wr wr = wr_over(whole + 3, sizeof(whole) - 3);
	struct ihello hello = {span_of(epd, sizeof(epd)), span_of(tag, sizeof(tag))};
	struct chunk c;
	uint32_t id;
	size_t len;

	world_create(&w, true);
	epd_canonical(epd, w.fingerprint[0]);
	ihello_write(&wr, &hello);
	len = wr.len + 3;
	for (int i = 2; i >= 0; i--) { // the last one first
		size_t from = (size_t)i * 20, to = i == 2 ? len : from + 20;
		struct packet_fragment f = {.has_more = i < 2,
					    .packet_id = 9,
					    .index = (uint64_t)i,
					    .body = span_of(whole + from, to - from)};
		struct wr piece = wr_over(chunk, sizeof(chunk));

		assert_false(comes_back(&w, &id, &c));
		assert_int_equal(packet_fragment_write(&piece, &f), 0);
		send_to(&w, 0, 0, &piece, 60);
	}
	assert_true(comes_back(&w, &id, &c));
	assert_int_equal(c.type, CHUNK_RHELLO);
	world_destroy(&w);
}

// -- control's packets --

static void control_sends_whole_chunks_to_any_address_and_id(void **state)
{
	struct world w;
	const uint8_t redirect[] = {CHUNK_REDIRECT, 0, 2, 1, 'x'};
	struct command cmd = {.op = CMD_PACKET, .len = sizeof(redirect)};
	struct chunk c;
	uint32_t id;

	world_create(&w, true);
	cmd.packet.to = w.stranger;
	cmd.packet.session_id = 0x01f00001;
	cmd.packet.chunk = CHUNK_REDIRECT;
	cmd.body = loop_body(w.l, 0, redirect, sizeof(redirect));
	loop_command(w.l, 0, &cmd);
	loop_turn(w.l);
	loop_turn(w.l);
	assert_true(comes_back(&w, &id, &c));
	assert_int_equal(id, 0x01f00001);
	assert_int_equal(c.type, CHUNK_REDIRECT);
	assert_true(span_equal(c.payload, span_of(redirect + 3, 2)));
	world_destroy(&w);
}

// A Forwarded IHello: control says whom to answer, the cookie is for that address.
static void control_may_have_a_hello_answered(void **state)
{
	struct world w;
	struct command cmd = {.op = CMD_HELLO_REPLY, .len = sizeof(tag)};
	struct rhello answer;
	struct chunk c = {0};
	uint32_t id;

	world_create(&w, false); // nobody else is
	cmd.packet.to = w.stranger;
	cmd.packet.to.endpoint = 1;
	cmd.body = loop_body(w.l, 0, tag, sizeof(tag));
	loop_command(w.l, 0, &cmd);
	loop_turn(w.l);
	loop_turn(w.l);
	assert_true(comes_back(&w, &id, &c));
	assert_int_equal(rhello_read(&answer, c.payload), 0);
	assert_true(span_equal(answer.tag_echo, span_of(tag, sizeof(tag))));
	assert_true(span_equal(answer.cert, span_of(w.cert[1], w.cert_len[1])));
	assert_int_equal(answer.cookie.len, COOKIE_LEN);
	world_destroy(&w);
}

// Whoever answers us keeps to three times as well.
static void our_own_hellos_are_padded(void **state)
{
	struct world w;
	const uint8_t ihello[] = {CHUNK_IHELLO, 0, 2, 0, 't'};
	struct command cmd = {.op = CMD_PACKET, .len = sizeof(ihello)};
	struct loop_datagram d;

	world_create(&w, true);
	cmd.packet.to = w.stranger;
	cmd.packet.chunk = CHUNK_IHELLO;
	cmd.body = loop_body(w.l, 0, ihello, sizeof(ihello));
	loop_command(w.l, 0, &cmd);
	loop_turn(w.l);
	loop_turn(w.l);
	assert_true(loop_stray(w.l, &d));
	// a member's certificate has 392 octets with keys of two groups; its RHello is 500 long and
	// may be sent twice
	assert_true(3 * (d.len + 28) >= 2 * (500 + 28));
	world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_for_us_is_answered_without_memory),
		cmocka_unit_test(the_answer_comes_from_the_address_that_was_asked),
		cmocka_unit_test(a_cookie_of_another_of_our_addresses_is_changed),
		cmocka_unit_test(old_servers_epd_selects_the_server_only),
		cmocka_unit_test(a_hello_for_another_goes_to_control),
		cmocka_unit_test(hellos_nobody_answers_are_named),
		cmocka_unit_test(answers_are_no_longer_than_three_times_the_question),
		cmocka_unit_test(one_hello_per_packet),
		cmocka_unit_test(what_reaches_control_is_limited),
		cmocka_unit_test(a_good_cookie_opens_the_way_to_control),
		cmocka_unit_test(other_cookies_open_nothing),
		cmocka_unit_test(a_cookie_that_moved_is_changed_once_it_is_ours),
		cmocka_unit_test(all_answers_to_a_packet_share_what_it_may_cost),
		cmocka_unit_test(cookies_outlive_one_change_of_the_secret),
		cmocka_unit_test(answers_to_our_own_openings_go_to_control),
		cmocka_unit_test(session_modes_under_the_default_key_are_dropped),
		cmocka_unit_test(a_packet_in_fragments_counts_as_one),
		cmocka_unit_test(control_sends_whole_chunks_to_any_address_and_id),
		cmocka_unit_test(control_may_have_a_hello_answered),
		cmocka_unit_test(our_own_hellos_are_padded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
