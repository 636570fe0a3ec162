// Answering IIKeyings (RFC 7016 §3.5.1.2): replays, who may sit at an address, and how much
// strangers can make us do.
#include "control/startup/internal.h"
#include "tests/support/test.h"
#include "tests/unit/control/startup/strangers.h"

#define A_AT "192.0.2.1:40001"
#define B_AT "192.0.2.2:40002"

// What the wire carried of one kind of chunk.
struct wire_log {
	uint8_t type;
	unsigned n;
	uint16_t len[16];
	uint8_t octets[16][DATAGRAM_MAX];
	unsigned lost; // bit n: that one is not delivered
};

static bool keep(void *ctx, struct datagram *d)
{
	struct wire_log *log = ctx;

	if (!d->is_startup || d->octets[0] != log->type)
		return true;
	assert_true(log->n < ARRAY_LEN(log->len));
	log->len[log->n] = d->len;
	memcpy(log->octets[log->n], d->octets, d->len);
	return (log->lost >> log->n++ & 1) == 0;
}

static struct wire_log *log_of(struct net *n, uint8_t type, unsigned lost)
{
	struct wire_log *log = calloc(1, sizeof(*log));

	assert_non_null(log);
	log->type = type;
	log->lost = lost;
	n->filter = keep;
	n->filter_ctx = log;
	return log;
}

// -- replays --

static void a_replayed_keying_gets_the_same_answer(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	// At 0; by itself at 0.3 s, and asked then; these are lost, and so on at 2.1 s.
	struct wire_log *log = log_of(n, CHUNK_RIKEYING, 0x7);

	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 10 * 1000000);
	assert_int_equal(log->n, 5);
	for (unsigned i = 1; i < log->n; i++) {
		assert_int_equal(log->len[i], log->len[0]);
		assert_memory_equal(log->octets[i], log->octets[0], log->len[0]);
	}
	assert_int_equal(startup_counters(b->startup)->keyings_replayed, 2);
	assert_int_equal(startup_counters(b->startup)->answers_repeated, 2);
	assert_int_equal(b->worker.n_added, 1);
	assert_same_keys(host_seen(a, SEEN_OPENED)->session, host_seen(b, SEEN_OPENED)->session);
	free(log);
	net_destroy(n);
}

static bool note_local(void *ctx, struct datagram *d)
{
	if (d->is_startup && d->octets[0] == CHUNK_RIKEYING)
		*(uint8_t *)ctx = d->to.local;
	return false;
}

// The address of ours that was keyed with answers, and is the session's from then on.
static void our_address_stays_the_one_that_was_asked(void **state)
{
	struct net *n = net_create(1);
	struct host *b = net_peer(n, B_AT);
	struct wire_addr from = addr(A_AT);
	struct stranger s;
	uint8_t local = 0;

	n->filter = note_local;
	n->filter_ctx = &local;
	from.local = 3;
	stranger_init(&s, n, 7);
	stranger_keys(&s, b, 0, &from);
	net_run_us(n, 1000000);
	assert_int_equal(local, 3);
	assert_int_equal(b->worker.sessions[0].seed.far.local, 3);
	net_destroy(n);
}

// An answer that was lost comes again by itself, at growing intervals, until the far end has shown
// that it has the keys or is forgotten.
static void an_answer_is_repeated_until_the_far_end_speaks(void **state)
{
	static const uint64_t at_ms[] = {0, 300, 2100, 5400, 10200, 16500, 24300};
	struct net *n = net_create(1);
	struct host *b = net_peer(n, B_AT);
	struct wire_log *log = log_of(n, CHUNK_RIKEYING, ~0u);
	struct wire_addr from = addr(A_AT);
	struct ctl_session *session;
	struct stranger s;

	stranger_init(&s, n, 7);
	stranger_keys(&s, b, 0, &from);
	session = host_seen(b, SEEN_OPENED)->session;
	for (unsigned i = 0; i < ARRAY_LEN(at_ms); i++) {
		net_run_us(n, session->opened_us + at_ms[i] * 1000 + 1000 - n->now_us);
		assert_int_equal(log->n, i + 1);
		assert_int_equal(log->len[i], log->len[0]);
		assert_memory_equal(log->octets[i], log->octets[0], log->len[0]);
	}
	assert_int_equal(startup_counters(b->startup)->keyings_replayed, 0);
	assert_int_equal(startup_counters(b->startup)->answers_repeated, 6);
	net_run_us(n, 40 * 1000000); // forgotten after 30 s
	assert_int_equal(log->n, ARRAY_LEN(at_ms));

	s.session_id = 8;
	stranger_keys(&s, b, 0, &from);
	net_run_us(n, 600000);
	assert_int_equal(log->n, ARRAY_LEN(at_ms) + 2);
	session = startup_find(b->startup, 0, s.identity.member.fingerprint);
	assert_non_null(session);
	startup_report(b->startup, session->worker,
		       &(struct report){.op = REP_SESSION_ALIVE,
					.session_idx = session->idx,
					.session_id = session->id},
		       n->now_us);
	net_run_us(n, 40 * 1000000);
	assert_int_equal(log->n, ARRAY_LEN(at_ms) + 2);
	free(log);
	net_destroy(n);
}

static void once_the_far_end_has_spoken_a_replay_gets_nothing(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct wire_log *log = log_of(n, CHUNK_IIKEYING, 0);
	unsigned n_answers;

	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 1000000);
	n_answers = b->worker.n_packets[CHUNK_RIKEYING];
	stranger_gives(b, 0, REP_KEYING, CHUNK_IIKEYING, 0, &a->addrs[0],
		       span_of(log->octets[0] + CHUNK_HEADER_LEN, log->len[0] - CHUNK_HEADER_LEN));
	net_run_us(n, 1000000);
	assert_int_equal(startup_counters(b->startup)->keyings_replayed, 1);
	assert_int_equal(b->worker.n_packets[CHUNK_RIKEYING], n_answers);
	assert_int_equal(host_n_seen(b, SEEN_CLOSED), 0); // nor is it an override
	free(log);
	net_destroy(n);
}

// -- old peers' shapes (§16.3) --

static void old_peers_get_their_literal_answer(void **state)
{
	static const struct {
		const char *name;
		uint8_t endpoint;
		uint16_t skrc_len_min, skrc_len_max;
	} rows[] = {
		{"the member, by its group 2 key: 73 octets", 0, 73, 73},
		{"the server, by an ephemeral key of group 2", 1, 138, 139},
	};
	static const uint8_t head[] = {0x03, 0x1a, 0x00, 0x00, 0x02, 0x1e, 0x00};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct net *n = net_create(1);
		struct host *b = net_appliance(n, B_AT, "192.0.2.2:1935");
		struct wire_log *log = log_of(n, CHUNK_RIKEYING, 0);
		struct wire_addr from = addr(A_AT);
		const struct ctl_session *ctl;
		struct stranger s;
		struct rikeying answer;

		stranger_init(&s, n, 7);
		s.is_old = true;
		stranger_keys(&s, b, rows[i].endpoint, &from);
		net_run_us(n, 100000);
		assert_int_equal(log->n, 1);
		assert_int_equal(rikeying_read(&answer, span_of(log->octets[0] + CHUNK_HEADER_LEN,
								log->len[0] - CHUNK_HEADER_LEN)),
				 0);
		assert_row(answer.skrc.len >= rows[i].skrc_len_min &&
				   answer.skrc.len <= rows[i].skrc_len_max,
			   rows[i].name);
		assert_row(memcmp(answer.skrc.data, head, sizeof(head)) == 0, rows[i].name);
		assert_row(answer.signature.len == 1 && answer.signature.data[0] == 'X',
			   rows[i].name);
		ctl = host_seen(b, SEEN_OPENED)->session;
		assert_row(ctl->dh_group == 2, rows[i].name);
		assert_row(ctl->tx_tag_len == 0 && ctl->rx_tag_len == 0, rows[i].name);
		assert_row(!ctl->tx_sseq && !ctl->rx_sseq, rows[i].name);
		free(log);
		net_destroy(n);
	}
}

// -- an address holds one session --

// The process behind it dies; another begins at the same address.
static struct host *restart(struct net *n, struct host *dead, const struct identity *identity)
{
	struct host *fresh;

	dead->worker.is_mute = true;
	dead->addrs[0].port = 9; // nothing reaches it any more
	fresh = net_host(n, &(struct host_opts){
				    .addrs = {A_AT},
				    .n_endpoints = 1,
				    .ends = {{.answers_hello = true, .may_initiate = true}},
				    .kind = IDENTITY_PEER,
				    .identity = identity,
			    });
	return fresh;
}

static void the_same_certificate_overrides_at_once(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT), *again;

	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 1000000);
	again = restart(n, a, &a->identity);
	host_open(again, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 200000);
	assert_int_equal(b->n_seen, 3);
	assert_int_equal(b->seen[0].kind, SEEN_OPENED);
	assert_int_equal(b->seen[1].kind, SEEN_CLOSED);
	assert_int_equal(b->seen[1].reason, CLOSED_OVERRIDE);
	assert_int_equal(b->seen[1].id, b->seen[0].id);
	assert_int_equal(b->seen[2].kind, SEEN_OPENED);
	assert_same_keys(host_seen(again, SEEN_OPENED)->session, b->seen[2].session);
	assert_int_equal(startup_counters(b->startup)->overrides, 1);
	net_destroy(n);
}

static void another_certificate_waits_until_the_old_session_fails_its_challenge(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT), *other;

	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 1000000);
	other = restart(n, a, NULL);
	host_open(other, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 500000);
	assert_int_equal(b->worker.n_pings, 1); // at once
	assert_int_equal(host_n_seen(other, SEEN_OPENED), 0);
	// Silent for a second: the newcomer's keying, kept meanwhile, is answered then, and not at
	// its retransmission 3.5 s after the first.
	net_run_us(n, 1000000);
	assert_int_equal(b->seen[1].kind, SEEN_CLOSED);
	assert_int_equal(b->seen[1].reason, CLOSED_TIMEOUT);
	assert_int_equal(host_n_seen(other, SEEN_OPENED), 1);
	assert_int_equal(startup_counters(b->startup)->challenges, 1);
	assert_same_keys(host_seen(other, SEEN_OPENED)->session, b->seen[2].session);
	net_destroy(n);
}

static void a_session_that_answers_its_challenge_stays(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct stranger s;

	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 1000000);
	stranger_init(&s, n, 7);
	for (unsigned i = 0; i < 20; i++) {
		stranger_keys(&s, b, 0, &a->addrs[0]);
		net_run_us(n, 500000);
	}
	assert_int_equal(host_n_seen(b, SEEN_CLOSED), 0);
	assert_int_equal(b->worker.n_added, 1);
	// Not for each keying a ping: 10 s, and a challenge is out for 2 of them.
	assert_int_equal(startup_counters(b->startup)->challenges, 5);
	assert_int_equal(b->worker.n_pings, 5);
	net_destroy(n);
}

static struct host *slow_responder(struct net *n)
{
	return net_host(n, &(struct host_opts){
				   .addrs = {B_AT},
				   .n_endpoints = 1,
				   .ends = {{.answers_hello = true}},
				   .kind = IDENTITY_PEER,
				   .keying_us = 10000,
			   });
}

static void one_keying_per_address_is_at_the_keyer(void **state)
{
	struct net *n = net_create(1);
	struct host *b = slow_responder(n);
	struct wire_addr from = addr(A_AT);
	struct stranger s, t;

	stranger_init(&s, n, 7);
	stranger_init(&t, n, 8);
	stranger_keys(&s, b, 0, &from);
	stranger_keys(&t, b, 0, &from);
	stranger_keys(&s, b, 0, &from);
	assert_int_equal(startup_counters(b->startup)->keyings_dropped, 1);
	assert_int_equal(startup_counters(b->startup)->keyings_replayed, 1);
	net_run_us(n, 20000);
	assert_int_equal(host_seen(b, SEEN_OPENED)->session->far_id, 7);
	net_destroy(n);
}

static void who_moved_in_while_the_keyer_worked_stays(void **state)
{
	struct net *n = net_create(1);
	struct host *b = slow_responder(n);
	struct wire_addr first = addr(A_AT), second = addr("192.0.2.1:50000");
	struct report moved = {.op = REP_SESSION_MOVED};
	struct stranger s, t;

	stranger_init(&s, n, 7);
	stranger_init(&t, n, 8);
	stranger_keys(&s, b, 0, &first);
	net_run_us(n, 20000);
	stranger_keys(&t, b, 0, &second);
	moved.session_idx = host_seen(b, SEEN_OPENED)->session->idx;
	moved.session_id = host_seen(b, SEEN_OPENED)->session->id;
	memcpy(moved.addr.ip, second.ip, sizeof(second.ip));
	moved.addr.port = second.port;
	moved.addr.family = second.family;
	assert_true(startup_report(b->startup, 0, &moved, n->now_us));
	net_run_us(n, 20000);
	assert_int_equal(host_n_seen(b, SEEN_OPENED), 1);
	assert_int_equal(host_n_seen(b, SEEN_CLOSED), 0);
	assert_int_equal(startup_counters(b->startup)->keyings_dropped, 1);
	net_destroy(n);
}

// -- claims --

static void a_copied_certificate_does_not_stand_in_the_way(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct wire_addr elsewhere = addr("198.51.100.9:1");
	struct stranger s;

	stranger_init(&s, n, 7);
	s.identity = b->identity; // what everybody can see of it is enough for an IIKeying
	stranger_keys(&s, a, 0, &elsewhere);
	assert_int_equal(host_n_seen(a, SEEN_OPENED), 1);
	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 5 * 1000000);
	assert_int_equal(host_n_seen(a, SEEN_OPENED), 2);
	assert_same_keys(startup_find(a->startup, 0, b->identity.member.fingerprint),
			 host_seen(b, SEEN_OPENED)->session);
	net_destroy(n);
}

static void who_never_shows_his_keys_is_forgotten_after_30_s(void **state)
{
	struct net *n = net_create(1);
	struct host *b = net_peer(n, B_AT);
	struct wire_addr from = addr(A_AT);
	struct stranger s;

	stranger_init(&s, n, 7);
	stranger_keys(&s, b, 0, &from);
	net_run_us(n, 29 * 1000000);
	assert_int_equal(b->n_seen, 1);
	net_run_us(n, 2 * 1000000);
	assert_int_equal(host_seen(b, SEEN_CLOSED)->reason, CLOSED_TIMEOUT);
	assert_int_equal(startup_counters(b->startup)->unproven, 1);
	assert_int_equal(b->worker.sessions[0].id, 0);
	net_destroy(n);
}

static void what_its_user_has_closed_is_no_unproven_session(void **state)
{
	struct net *n = net_create(1);
	struct host *b = net_peer(n, B_AT);
	struct wire_addr from = addr(A_AT);
	struct stranger s;

	stranger_init(&s, n, 7);
	stranger_keys(&s, b, 0, &from);
	// It takes the worker longer to say goodbye than control would wait for a proof.
	host_seen(b, SEEN_OPENED)->session->state = CTL_CLOSING;
	net_run_us(n, 40 * 1000000);
	assert_int_equal(startup_counters(b->startup)->unproven, 0);
	assert_int_equal(host_n_seen(b, SEEN_CLOSED), 0);
	net_destroy(n);
}

static void one_identity_holds_16_claims_the_latest(void **state)
{
	struct net *n = net_create(1);
	struct host *b = net_peer(n, B_AT);
	struct stranger s;

	stranger_init(&s, n, 7);
	for (uint16_t i = 0; i < 20; i++) {
		struct wire_addr from = addr(A_AT);

		from.port = (uint16_t)(1000 + i);
		s.session_id = 7u + i;
		stranger_keys(&s, b, 0, &from);
	}
	assert_int_equal(host_n_seen(b, SEEN_OPENED), 20);
	assert_int_equal(host_n_seen(b, SEEN_CLOSED), 4);
	for (unsigned i = 0, k = 0; i < b->n_seen; i++)
		if (b->seen[i].kind == SEEN_CLOSED)
			assert_int_equal(b->seen[i].session->far.port, 1000 + k++);
	net_destroy(n);
}

// -- what is refused --

static void bad_keyings_are_counted_and_cost_nothing(void **state)
{
	struct net *n = net_create(1);
	struct host *b = net_peer(n, B_AT);
	struct wire_addr from = addr(A_AT);
	struct certificate cert = identity_certificate(&b->identity.member);
	static const uint8_t skic[] = {0x02, 0x1d, 0x02};
	const struct {
		const char *name;
		uint32_t id;
		struct span cert, skic;
	} rows[] = {
		{"session id 0", 0, cert.whole, span_of(skic, 3)},
		{"a certificate without keys", 7, span_of("\x01\x0a", 2), span_of(skic, 3)},
		{"an SKIC that does not parse", 7, cert.whole, span_of("\x05\x1d", 2)},
		{"a key the certificate does not have", 7, cert.whole, span_of("\x02\x1d\x0e", 3)},
		{"no key at all", 7, cert.whole, span_of("", 0)},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t chunk[1024];
		struct wr w = wr_over(chunk, sizeof(chunk));
		struct iikeying k = {.initiator_session_id = rows[i].id,
				     .cookie_echo = span_of("c", 1),
				     .cert = rows[i].cert,
				     .skic = rows[i].skic,
				     .signature = span_of("X", 1)};

		assert_int_equal(iikeying_write(&w, &k), 0);
		stranger_gives(b, 0, REP_KEYING, CHUNK_IIKEYING, 0, &from, chunk_payload(&w));
		assert_row(startup_counters(b->startup)->keyings_rejected == i + 1, rows[i].name);
	}
	assert_int_equal(b->n_seen, 0);
	assert_int_equal(b->worker.n_added, 0);
	net_destroy(n);
}

// A keyer that is always busy.
static bool busy_submit(struct keyer *k, struct key_job *j)
{
	return true;
}

static struct key_job *busy_poll(struct keyer *k)
{
	return NULL;
}

static void busy_destroy(struct keyer *k)
{
}

static void a_flood_of_keyings_is_bounded(void **state)
{
	static const struct {
		const char *name;
		bool is_one_host;
		uint32_t sessions_per_ip;
		unsigned n_taken, n_full;
	} rows[] = {
		{"from one host: its burst", true, 0, 5, 0},
		{"from one host: its sessions", true, 3, 3, 2},
		{"from everywhere: what may wait for the keyer", false, 3, 8, 0},
	};

	for (unsigned r = 0; r < ARRAY_LEN(rows); r++) {
		struct net *n = net_create(1);
		struct keyer busy = {busy_submit, busy_poll, busy_destroy, .wake_fd = 0};
		struct host *b =
			net_host(n, &(struct host_opts){
					    .addrs = {B_AT},
					    .n_endpoints = 1,
					    .ends = {{.answers_hello = true}},
					    .kind = IDENTITY_PEER,
					    .startup = {.keyings_max = 8, .keyings_per_ip = {1, 5}},
				    });
		struct startup_opts so = {
			.outbox = b->outbox,
			.keyer = &busy,
			.random = &n->random,
			.endpoints = &(struct startup_endpoint){.identity = &b->identity.member,
								.answers_hello = true},
			.n_endpoints = 1,
			.sessions_max = 32,
			.keyings_max = 8,
			.keyings_per_ip = {1, 5},
			.sessions_per_ip = rows[r].sessions_per_ip,
		};
		const struct startup_counters *c;
		struct stranger s;
		uint32_t at = 0;
		unsigned n_seats = 0;

		startup_destroy(b->startup);
		b->startup = startup_create(&so, n->now_us);
		assert_non_null(b->startup);
		c = startup_counters(b->startup);
		stranger_init(&s, n, 7);
		for (unsigned i = 0; i < 100; i++) {
			struct wire_addr from = addr("198.51.100.1:5000");

			from.ip[3] = (uint8_t)(rows[r].is_one_host ? 1 : i);
			from.port = (uint16_t)(5000 + i);
			s.session_id = 7 + i;
			s.identity.member.certificate[20] = (uint8_t)i; // a hundred identities
			stranger_keys(&s, b, 0, &from);
		}
		while (directory_next(b->startup->directory, &at) != NULL)
			n_seats++;
		assert_row(n_seats == rows[r].n_taken, rows[r].name);
		assert_row(c->hosts_full == rows[r].n_full, rows[r].name);
		assert_row(c->keyings_dropped == 100 - rows[r].n_taken - rows[r].n_full,
			   rows[r].name);
		net_destroy(n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replayed_keying_gets_the_same_answer),
		cmocka_unit_test(our_address_stays_the_one_that_was_asked),
		cmocka_unit_test(an_answer_is_repeated_until_the_far_end_speaks),
		cmocka_unit_test(once_the_far_end_has_spoken_a_replay_gets_nothing),
		cmocka_unit_test(old_peers_get_their_literal_answer),
		cmocka_unit_test(the_same_certificate_overrides_at_once),
		cmocka_unit_test(
			another_certificate_waits_until_the_old_session_fails_its_challenge),
		cmocka_unit_test(a_session_that_answers_its_challenge_stays),
		cmocka_unit_test(one_keying_per_address_is_at_the_keyer),
		cmocka_unit_test(who_moved_in_while_the_keyer_worked_stays),
		cmocka_unit_test(a_copied_certificate_does_not_stand_in_the_way),
		cmocka_unit_test(who_never_shows_his_keys_is_forgotten_after_30_s),
		cmocka_unit_test(what_its_user_has_closed_is_no_unproven_session),
		cmocka_unit_test(one_identity_holds_16_claims_the_latest),
		cmocka_unit_test(bad_keyings_are_counted_and_cost_nothing),
		cmocka_unit_test(a_flood_of_keyings_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
