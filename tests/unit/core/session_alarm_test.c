#include "dataplane/core/session_life.h"

#include "dataplane/core/clock.h"
#include "tests/support/far_end.h"
#include "tests/support/test.h"

#define MS 1000ull
#define S  1000000ull

static struct loop *loop_one(void)
{
	return loop_create(&(struct loop_opts){.seed = 9, .n_nodes = 1});
}

static bool hears_empty_ping(struct far_end *f)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct chunk c;

	return far_receive_chunk(f, CHUNK_PING, buf, &c) && c.payload.len == 0;
}

static void says(struct far_end *f, uint8_t type)
{
	const uint8_t chunk[] = {type, 0, 0};

	assert_int_equal(far_send_chunks(f, span_of(chunk, sizeof(chunk))), DROP_NONE);
}

static uint8_t state_of(struct loop *l, const struct far_end *f)
{
	return session_at(l->nodes[f->node].engine, f->slot)->state;
}

// When the next ping comes, in ms from now; at most max, and as long as the session is open.
static uint32_t ms_until_ping(struct loop *l, struct far_end *f, uint32_t max)
{
	uint32_t ms = 0;

	while (ms < max && state_of(l, f) == S_OPEN && !hears_empty_ping(f)) {
		loop_run_us(l, 4 * MS);
		ms += 4;
	}
	return ms;
}

// -- keepalive --

static void silence_is_broken_by_an_empty_ping(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(
		l, 0, &(struct loop_form){.keepalive_us = 16000000, .rtt_us = 50000}, true);

	// up to an eighth early, so that sessions opened together do not ping together
	assert_in_range(ms_until_ping(l, &f, 20000), 14000, 16008);
	says(&f, CHUNK_PING_REPLY); // empty, as older peers' always are (16.3)
	loop_run_us(l, 5 * S);
	says(&f, CHUNK_PADDING_00); // anything that verifies breaks the silence
	assert_in_range(ms_until_ping(l, &f, 20000), 14000, 16008);
	loop_destroy(l);
}

// Sessions that began at any time, and were heard at any, are asked in few turns.
static void sessions_side_by_side_are_asked_together(void **state)
{
	static const uint32_t later_ms[] = {0, 300, 1700, 2900, 4004};
	struct loop *l = loop_one();
	struct far_end f[5];
	uint64_t asked_us[5];
	uint32_t n = 0;

	for (unsigned i = 0; i < 5; i++) {
		if (i > 0)
			loop_run_us(l, (later_ms[i] - later_ms[i - 1]) * MS);
		f[i] = far_connect(
			l, 0, &(struct loop_form){.keepalive_us = 16000000, .rtt_us = 50000}, true);
		asked_us[i] = 0;
	}
	while (n < 5) {
		loop_run_us(l, 4 * MS);
		for (unsigned i = 0; i < 5; i++)
			if (asked_us[i] == 0 && hears_empty_ping(&f[i])) {
				asked_us[i] = l->now_us;
				n++;
			}
	}
	for (unsigned i = 1; i < 5; i++) {
		uint64_t ms = (asked_us[i] - asked_us[0]) / 1000 % 1024; // below 2000, an eighth

		assert_true(ms <= 8 || ms >= 1016);
	}
	assert_true(asked_us[4] > asked_us[0]); // and not all at once
	loop_destroy(l);
}

static void pings_without_answer_back_off_until_the_limit(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(
		l, 0, &(struct loop_form){.keepalive_us = 10000000, .rtt_us = 50000}, true);
	uint32_t last = 0, wait, n = 0;
	struct report r;

	ms_until_ping(l, &f, 11000);
	while (state_of(l, &f) == S_OPEN) {
		wait = ms_until_ping(l, &f, 11000);
		if (state_of(l, &f) != S_OPEN)
			break;
		assert_in_range(wait, 250, 10004); // never sooner than an ERTO
		assert_true(wait + 4 >= last);
		last = wait;
		n++;
	}
	assert_in_range(n, 11, 17);
	assert_true(loop_take(l, 0, REP_SESSION_CLOSING, &r));
	assert_int_equal(r.closed.reason, CLOSED_TIMEOUT);
	assert_in_range(l->now_us, 95 * S, 97 * S); // from second 1: interval and 85 s
	loop_destroy(l);
}

static void the_interval_and_the_limit_are_controls_to_choose(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 50000}, true);
	struct command cmd = {
		.op = CMD_SESSION_KEEPALIVE, .session_idx = f.slot, .session_id = f.id};
	uint64_t from_us;

	loop_run_us(l, 100 * S);
	assert_false(hears_empty_ping(&f)); // none without an interval
	says(&f, CHUNK_PADDING_00);
	from_us = l->now_us;
	cmd.keepalive.interval_us = 2000000;
	cmd.keepalive.limit_us = 5000000;
	loop_command(l, 0, &cmd);
	assert_in_range(ms_until_ping(l, &f, 3000), 1750, 2008);
	while (state_of(l, &f) == S_OPEN)
		loop_run_us(l, 10 * MS);
	assert_in_range(l->now_us - from_us, 5000 * MS, 5020 * MS);
	loop_destroy(l);
}

// Who has a keepalive is told that a far end is silent, and that it is not, and no more.
static void silence_is_told_and_its_end(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 50000}, true);
	struct command cmd = {
		.op = CMD_SESSION_KEEPALIVE, .session_idx = f.slot, .session_id = f.id};
	uint64_t from_us = l->now_us;
	struct report r;

	cmd.keepalive.interval_us = 5000000;
	loop_command(l, 0, &cmd);
	loop_run_us(l, 5300 * MS); // an eighth sooner than asked, and 1 s: three ERTO are less
	assert_false(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	while (!loop_take(l, 0, REP_SESSION_HEALTH, &r))
		loop_run_us(l, 10 * MS);
	assert_int_equal(r.health.level, HEALTH_SILENT);
	assert_in_range(l->now_us - from_us, 5300 * MS, 7 * S); // with the next repeated ping
	loop_run_us(l, 30 * S);
	assert_false(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	says(&f, CHUNK_PING_REPLY);
	loop_run_us(l, 10 * MS);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	assert_int_equal(r.health.level, HEALTH_GOOD);
	assert_false(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	loop_destroy(l);
}

// groups.md 11: who does not answer for 8 s is suspect, and no longer so with its first packet.
static void who_asked_is_told_of_suspicion_and_its_end(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 50000}, true);
	struct command cmd = {
		.op = CMD_SESSION_KEEPALIVE, .session_idx = f.slot, .session_id = f.id};
	struct report r;
	uint64_t from_us;

	cmd.keepalive.interval_us = 5000000;
	cmd.keepalive.suspect_us = 8000000;
	loop_command(l, 0, &cmd);
	loop_run_us(l, 10 * MS);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r)); // so far
	assert_in_range(r.health.rtt_us, 50000, 60000);
	assert_int_equal(r.health.level, HEALTH_GOOD);
	from_us = l->now_us;
	loop_run_us(l, 7 * S);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	assert_int_equal(r.health.level, HEALTH_SILENT);
	loop_run_us(l, 5300 * MS); // an eighth sooner than asked, and 8 s
	assert_false(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	while (!loop_take(l, 0, REP_SESSION_HEALTH, &r))
		loop_run_us(l, 10 * MS);
	assert_int_equal(r.health.level, HEALTH_SUSPECT);
	assert_in_range(l->now_us - from_us, 12300 * MS, 13100 * MS); // whenever pings are repeated
	loop_run_us(l, 20 * S);
	assert_false(loop_take(l, 0, REP_SESSION_HEALTH, &r)); // once
	says(&f, CHUNK_PING_REPLY);
	loop_run_us(l, 10 * MS);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	assert_int_equal(r.health.level, HEALTH_GOOD);
	assert_false(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	loop_destroy(l);
}

// Any packet ends the suspicion, though not at once: pings are repeated meanwhile.
static void who_speaks_without_answering_is_not_suspect(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 50000}, true);
	struct command cmd = {
		.op = CMD_SESSION_KEEPALIVE, .session_idx = f.slot, .session_id = f.id};
	struct report r;

	cmd.keepalive.interval_us = 5000000;
	cmd.keepalive.suspect_us = 8000000;
	loop_command(l, 0, &cmd);
	loop_run_us(l, 4 * MS);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	loop_run_us(l, 20 * S);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	assert_int_equal(r.health.level, HEALTH_SILENT);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	assert_int_equal(r.health.level, HEALTH_SUSPECT);
	says(&f, CHUNK_PADDING_00);
	loop_run_us(l, 10 * S);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	assert_int_equal(r.health.level, HEALTH_GOOD);
	loop_destroy(l);
}

// Who was asked seldom and is to be asked often has been silent for long: he has not been asked
// yet.
static void silence_before_the_ping_makes_nobody_suspect(void **state)
{
	for (int does_answer = 0; does_answer < 2; does_answer++) {
		struct loop *l = loop_one();
		struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 50000}, true);
		struct command cmd = {
			.op = CMD_SESSION_KEEPALIVE, .session_idx = f.slot, .session_id = f.id};
		uint32_t waited_ms = 0;
		struct report r;

		cmd.keepalive.interval_us = 15000000;
		cmd.keepalive.suspect_us = 8000000;
		loop_command(l, 0, &cmd);
		loop_run_us(l, 10 * S);
		assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r)); // so far
		cmd.keepalive.interval_us = 1000000;
		cmd.keepalive.suspect_us = 2000000;
		loop_command(l, 0, &cmd);
		assert_in_range(ms_until_ping(l, &f, 1000), 0, 8);
		if (does_answer)
			says(&f, CHUNK_PING_REPLY);
		while (waited_ms < 3000 && !(loop_take(l, 0, REP_SESSION_HEALTH, &r) &&
					     r.health.level == HEALTH_SUSPECT)) {
			loop_run_us(l, 10 * MS);
			waited_ms += 10;
		}
		if (does_answer) // and then is asked a second later
			assert_in_range(waited_ms, 2800, 3000);
		else
			assert_in_range(waited_ms, 1980, 2020);
		loop_destroy(l);
	}
}

// A path that takes four times as long; a little more is no news.
static void another_round_trip_is_told_with_a_ping(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 50000}, true);
	struct command cmd = {
		.op = CMD_SESSION_KEEPALIVE, .session_idx = f.slot, .session_id = f.id};
	struct session *s = session_at(l->nodes[0].engine, f.slot);
	struct report r;

	cmd.keepalive.interval_us = 5000000;
	cmd.keepalive.suspect_us = 8000000;
	loop_command(l, 0, &cmd);
	loop_run_us(l, 4 * MS);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	s->srtt_us = 60000;
	says(&f, CHUNK_PING_REPLY);
	loop_run_us(l, 4 * MS);
	assert_false(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	s->srtt_us = 200000;
	says(&f, CHUNK_PING_REPLY);
	loop_run_us(l, 4 * MS);
	assert_true(loop_take(l, 0, REP_SESSION_HEALTH, &r));
	assert_int_equal(r.health.rtt_us, s->srtt_us);
	loop_destroy(l);
}

static void keepalive_can_be_turned_off(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.keepalive_us = 5000000}, true);
	struct command cmd = {
		.op = CMD_SESSION_KEEPALIVE, .session_idx = f.slot, .session_id = f.id};

	loop_command(l, 0, &cmd);
	loop_run_us(l, 300 * S);
	assert_false(hears_empty_ping(&f));
	assert_int_equal(state_of(l, &f), S_OPEN);
	loop_destroy(l);
}

static uint64_t ms_until_deadline(struct loop *l)
{
	return (engine_deadline_us(l->nodes[0].engine) - l->now_us) / MS;
}

// What both ends of an idle session cost: a turn for each packet, and no other.
static void pings_and_answers_put_the_alarm_off(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(
		l, 0, &(struct loop_form){.keepalive_us = 8000000, .rtt_us = 50000}, true);

	ms_until_ping(l, &f, 9000);
	loop_run_us(l, 50 * MS);
	assert_in_range(ms_until_deadline(l), 100, 1000); // an ERTO, then it asks again
	says(&f, CHUNK_PING_REPLY);
	assert_in_range(ms_until_deadline(l), 7000, 8004);
	loop_run_us(l, 6 * S);
	says(&f, CHUNK_PING);
	loop_run_us(l, 8 * MS); // answered
	assert_in_range(ms_until_deadline(l), 6990, 8004);
	assert_in_range(ms_until_ping(l, &f, 9000), 6990, 8008);
	loop_destroy(l);
}

// -- challenge (§7.2, pitfall of 3b) --

static void challenge(struct loop *l, const struct far_end *f, uint32_t limit_us)
{
	struct command cmd = {.op = CMD_SESSION_PING, .session_idx = f->slot, .session_id = f->id};

	cmd.ping.limit_us = limit_us;
	loop_command(l, 0, &cmd);
	loop_turn(l);
}

static void a_challenge_unanswered_closes_silently(void **state)
{
	static const struct {
		const char *name;
		uint32_t rtt_us, limit_us;
		uint64_t closed_ms;
	} rows[] = {
		{"a second at least", 10000, 0, 1000},
		{"three times ERTO", 400000, 0, 3 * 1400}, // 400 + 4 x 200 + 200
		{"no RTT known", 0, 0, 9000},
		{"as control says", 10000, 300000, 300},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loop *l = loop_one();
		struct far_end f =
			far_connect(l, 0, &(struct loop_form){.rtt_us = rows[i].rtt_us}, true);
		struct report r;

		challenge(l, &f, rows[i].limit_us);
		assert_row(hears_empty_ping(&f), rows[i].name);
		loop_run_us(l, (rows[i].closed_ms - 10) * MS);
		assert_row(state_of(l, &f) == S_OPEN, rows[i].name);
		loop_run_us(l, 20 * MS);
		assert_row(loop_take(l, 0, REP_SESSION_CLOSED, &r), rows[i].name);
		assert_row(r.closed.reason == CLOSED_TIMEOUT, rows[i].name);
		l->n_strays = 0;
		loop_run_us(l, 100 * S);
		assert_row(l->n_strays == 0, rows[i].name);
		loop_destroy(l);
	}
}

// What a dead far end left unanswered must not make the newcomer wait.
static void a_challenge_does_not_wait_for_a_backed_off_erto(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 10000}, true);

	session_at(l->nodes[0].engine, f.slot)->erto_us = 10000000;
	challenge(l, &f, 0);
	loop_run_us(l, 1010 * MS);
	assert_int_equal(loop_count(l, 0, REP_SESSION_CLOSED), 1);
	loop_destroy(l);
}

static void any_sign_of_life_answers_a_challenge(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 10000}, true);

	challenge(l, &f, 0);
	loop_run_us(l, 900 * MS);
	says(&f, CHUNK_PING_REPLY);
	loop_run_us(l, 10 * S);
	assert_int_equal(state_of(l, &f), S_OPEN);
	challenge(l, &f, 0); // and it can be asked again
	loop_run_us(l, 2 * S);
	assert_int_equal(loop_count(l, 0, REP_SESSION_CLOSED), 1);
	loop_destroy(l);
}

// A packet with an echo, as the far end writes it when our clock shows `ms`.
static void says_at(struct loop *l, struct far_end *f, uint64_t ms)
{
	uint16_t echo = clock_ticks(ms * MS);
	const uint8_t packet[] = {PACKET_TSE | MODE_INITIATOR,
				  (uint8_t)(echo >> 8),
				  (uint8_t)echo,
				  CHUNK_PADDING_00,
				  0,
				  0};

	assert_int_equal(far_send(f, span_of(packet, sizeof(packet))), DROP_NONE);
	loop_turn(l);
}

// What was on its way when we asked says nothing of now: the echo tells when it left (§3.5.2.2).
static void what_left_before_the_challenge_is_no_answer(void **state)
{
	static const struct {
		const char *name;
		uint64_t before_ms; // the echo is so much older than the question
		uint8_t chunk;      // without an echo; 0: with one
		bool has_echoed, stays;
	} rows[] = {
		{"7 s late", 7000, 0, true, false},
		{"a tick before", 8, 0, true, false},
		{"as we asked", 0, 0, true, true},
		{"the first echo of all", 0, 0, false, true},
		{"a late first echo", 7000, 0, false, false},
		{"a reply without an echo, who has given some", 0, CHUNK_PING_REPLY, true, false},
		{"a reply, who has never given one", 0, CHUNK_PING_REPLY, false, true},
		{"no reply, who has perhaps never heard us", 0, CHUNK_PING, false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loop *l = loop_one();
		struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 10000}, true);
		uint64_t asked_ms;

		loop_run_us(l, 20 * S);
		if (rows[i].has_echoed)
			says_at(l, &f, l->now_us / MS - 10000);
		asked_ms = l->now_us / MS;
		challenge(l, &f, 3000000);
		loop_run_us(l, S);
		if (rows[i].chunk == 0)
			says_at(l, &f, asked_ms - rows[i].before_ms);
		else
			says(&f, rows[i].chunk);
		loop_run_us(l, 1900 * MS);
		assert_row(state_of(l, &f) == S_OPEN, rows[i].name);
		loop_run_us(l, 200 * MS);
		assert_row((state_of(l, &f) == S_OPEN) == rows[i].stays, rows[i].name);
		loop_destroy(l);
	}
}

static void a_challenge_is_repeated_in_case_it_is_lost(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 10000}, true);

	challenge(l, &f, 0);
	challenge(l, &f, 0); // asking twice does not prolong it
	assert_true(hears_empty_ping(&f));
	assert_in_range(ms_until_ping(l, &f, 300), 250, 260);
	assert_in_range(ms_until_ping(l, &f, 300), 250, 260);
	loop_run_us(l, 510 * MS);
	assert_int_equal(loop_count(l, 0, REP_SESSION_CLOSED), 1);
	loop_destroy(l);
}

// -- nothing acknowledged --

static void data_that_nobody_acknowledges_ends_the_session(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.rtt_us = 50000}, true);
	struct command open = {.op = CMD_FLOW_OPEN, .session_idx = f.slot, .session_id = f.id};
	struct command send = {.op = CMD_FLOW_SEND, .session_idx = f.slot, .session_id = f.id};
	uint64_t from_us = l->now_us;
	struct report r;

	open.open.meta_len = 4;
	memcpy(open.open.meta, "\x54\x43\x04\x00", 4);
	send.len = 5;
	send.body = loop_body(l, 0, "hello", 5);
	loop_command(l, 0, &open);
	loop_command(l, 0, &send);
	while (state_of(l, &f) == S_OPEN && l->now_us < 200 * S) {
		loop_run_us(l, 100 * MS);
		says(&f, CHUNK_PADDING_00); // alive, but deaf to data
	}
	assert_true(loop_take(l, 0, REP_SESSION_CLOSING, &r));
	assert_int_equal(r.closed.reason, CLOSED_TIMEOUT);
	assert_in_range(l->now_us - from_us, 120 * S, 131 * S); // within an ERTO after 120 s
	assert_int_equal(body_pool_lent(l->nodes[0].bodies), 0);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_broken_by_an_empty_ping),
		cmocka_unit_test(pings_without_answer_back_off_until_the_limit),
		cmocka_unit_test(the_interval_and_the_limit_are_controls_to_choose),
		cmocka_unit_test(silence_is_told_and_its_end),
		cmocka_unit_test(who_asked_is_told_of_suspicion_and_its_end),
		cmocka_unit_test(who_speaks_without_answering_is_not_suspect),
		cmocka_unit_test(silence_before_the_ping_makes_nobody_suspect),
		cmocka_unit_test(another_round_trip_is_told_with_a_ping),
		cmocka_unit_test(sessions_side_by_side_are_asked_together),
		cmocka_unit_test(keepalive_can_be_turned_off),
		cmocka_unit_test(pings_and_answers_put_the_alarm_off),
		cmocka_unit_test(a_challenge_unanswered_closes_silently),
		cmocka_unit_test(a_challenge_does_not_wait_for_a_backed_off_erto),
		cmocka_unit_test(any_sign_of_life_answers_a_challenge),
		cmocka_unit_test(what_left_before_the_challenge_is_no_answer),
		cmocka_unit_test(a_challenge_is_repeated_in_case_it_is_lost),
		cmocka_unit_test(data_that_nobody_acknowledges_ends_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
