// Introductions (RFC 7016 §3.5.1.4 to 3.5.1.6): who is told what about whom.
#include "control/startup/internal.h"
#include "crypto/epd.h"
#include "tests/support/test.h"
#include "tests/unit/control/startup/strangers.h"

#define A_AT      "192.0.2.1:40001"
#define B_AT      "192.0.2.2:40002"
#define MEMBER_AT "203.0.113.9:1936"
#define SERVER_AT "203.0.113.9:1935"

static struct host *natted_peer(struct net *n, const char *at)
{
	return net_host(n, &(struct host_opts){
				   .addrs = {at},
				   .n_endpoints = 1,
				   .ends = {{.answers_hello = true,
					     .answers_fihello = true,
					     .may_initiate = true}},
				   .kind = IDENTITY_PEER,
				   .is_natted = true,
			   });
}

// What rpc does on setPeerInfo.
static struct ctl_session *registered(struct host *server, const struct host *peer)
{
	struct ctl_session *s = startup_find(server->startup, 1, peer->identity.member.fingerprint);

	assert_non_null(s);
	s->is_registered = true;
	return s;
}

static void join(struct host *peer, struct host *server)
{
	host_open(peer, server->identity.server.fingerprint, SERVER_AT, NULL);
	net_run_us(peer->net, 1000000);
	assert_non_null(startup_find(peer->startup, 0, server->identity.server.fingerprint));
}

static void two_peers_behind_nats_meet_through_the_server(void **state)
{
	for (unsigned loss_permille = 0; loss_permille <= 300; loss_permille += 100) {
		struct net *n = net_create(1 + loss_permille);
		struct host *server = net_appliance(n, MEMBER_AT, SERVER_AT);
		struct host *a = natted_peer(n, A_AT), *b = natted_peer(n, B_AT);

		join(a, server);
		join(b, server);
		registered(server, b);
		n->loss_permille = loss_permille;
		host_open(a, b->identity.member.fingerprint, SERVER_AT, NULL);
		net_run_us(n, 40 * 1000000);
		assert_same_keys(startup_find(a->startup, 0, b->identity.member.fingerprint),
				 startup_find(b->startup, 0, a->identity.member.fingerprint));
		assert_true(startup_counters(server->startup)->hellos_redirected >= 1);
		assert_true(startup_counters(b->startup)->fihellos_in >= 1);
		net_destroy(n);
	}
}

static void the_rhello_of_the_introduced_saves_a_round_trip(void **state)
{
	struct net *n = net_create(1);
	struct host *server = net_appliance(n, MEMBER_AT, SERVER_AT);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	uint64_t from_us;

	join(a, server);
	join(b, server);
	registered(server, b);
	from_us = n->now_us;
	host_open(a, b->identity.member.fingerprint, SERVER_AT, NULL);
	assert_true(net_run_until(n, a, 2, 5 * 1000000));
	// IHello, FIHello, RHello, IIKeying, RIKeying; after the Redirect it would be one more.
	assert_int_equal(a->seen[1].at_us - from_us, 5 * n->delay_us);
	net_destroy(n);
}

// -- what the server says, to the octet --

struct said {
	unsigned n_redirects, n_fihellos, n_sent;
	struct redirect redirect;
	uint8_t tag[64];
	size_t question_len, redirect_len; // octets of the chunks
};

static bool listen(void *ctx, struct datagram *d)
{
	struct said *s = ctx;
	struct rd r = rd_over(d->octets, d->len);
	struct chunk c = {0};

	s->n_sent++;
	if (!d->is_startup) {
		s->n_fihellos++;
		return true;
	}
	assert_true(chunk_next(&r, &c));
	if (c.type != CHUNK_REDIRECT)
		return true;
	s->n_redirects++;
	s->redirect_len = d->len;
	assert_int_equal(redirect_read(&s->redirect, c.payload), 0);
	memcpy(s->tag, s->redirect.tag_echo.data, s->redirect.tag_echo.len);
	s->redirect.tag_echo.data = s->tag;
	return true;
}

// One question, one answer. The hosts' own talk is kept out by a mute worker.
static struct said ask_with(struct host *server, const uint8_t *fingerprint, const char *from,
			    size_t tag_len)
{
	struct said said = {0};
	struct wire_addr at = addr(from);
	uint8_t epd[EPD_CANONICAL_LEN], chunk[256];
	struct wr w = wr_over(chunk, sizeof(chunk));
	struct ihello hello = {span_of(epd, sizeof(epd)), span_of("0123456789abcdef", tag_len)};

	epd_canonical(epd, fingerprint);
	assert_int_equal(ihello_write(&w, &hello), 0);
	said.question_len = w.len;
	server->net->filter = listen;
	server->net->filter_ctx = &said;
	stranger_gives(server, 1, REP_HELLO, CHUNK_IHELLO, 0, &at, chunk_payload(&w));
	net_run_us(server->net, 0);
	server->net->filter = NULL;
	return said;
}

static struct said ask(struct host *server, const uint8_t *fingerprint, const char *from)
{
	return ask_with(server, fingerprint, from, 16);
}

struct place {
	struct net *n;
	struct host *server, *b;
	struct ctl_session *s;
	const uint8_t *b_print;
};

static struct place one_registered(void)
{
	struct place p = {.n = net_create(1)};

	p.server = net_appliance(p.n, MEMBER_AT, SERVER_AT);
	p.b = net_peer(p.n, B_AT);
	join(p.b, p.server);
	p.s = registered(p.server, p.b);
	p.b_print = p.b->identity.member.fingerprint;
	return p;
}

static void the_observed_address_first_then_the_reported(void **state)
{
	struct place p = one_registered();
	struct said said;

	p.s->n_reported = 6;
	p.s->reported[0] = addr("10.1.2.3:40002");
	p.s->reported[1] = addr(B_AT);              // told once is enough
	p.s->reported[2] = addr("127.0.0.1:40002"); // of use to nobody else
	p.s->reported[3] = addr("224.0.0.1:40002");
	p.s->reported[4] = addr(MEMBER_AT); // us
	p.s->reported[5] = addr("[2001:db8::2]:40002");
	said = ask(p.server, p.b_print, A_AT);
	assert_int_equal(said.n_redirects, 1);
	assert_int_equal(said.n_fihellos, 1);
	// The worker may repeat it within what the question allows.
	assert_int_equal(p.server->worker.allowance, STRANGERS_ALLOWANCE);
	assert_int_equal(said.redirect.n_addrs, 3);
	assert_true(wire_addr_equal(&said.redirect.addrs[0], &p.b->addrs[0]));
	assert_int_equal(said.redirect.addrs[0].origin, ADDR_OBSERVED);
	assert_true(wire_addr_equal(&said.redirect.addrs[1], &p.s->reported[0]));
	assert_int_equal(said.redirect.addrs[1].origin, ADDR_LOCAL);
	assert_true(wire_addr_equal(&said.redirect.addrs[2], &p.s->reported[5]));
	assert_true(span_equal(said.redirect.tag_echo, span_of("0123456789abcdef", 16)));
	net_destroy(p.n);
}

// Session id, checksum, flags, timestamp, the chunk, padding.
static size_t datagram_len(size_t chunk_len)
{
	return 4 + (2 + 3 + chunk_len + 15) / 16 * 16;
}

static void an_answer_is_at_most_three_times_the_question(void **state)
{
	struct place p = one_registered();

	p.s->n_reported = REPORTED_ADDRS_MAX;
	for (uint8_t i = 0; i < REPORTED_ADDRS_MAX; i++) {
		p.s->reported[i] = addr("[2001:db8::1]:40002");
		p.s->reported[i].ip[15] = i;
	}
	for (size_t tag_len = 0; tag_len <= 16; tag_len++) {
		struct said said = ask_with(p.server, p.b_print, A_AT, tag_len);

		assert_int_equal(said.n_redirects, 1);
		assert_true(said.redirect.n_addrs > 3);
		assert_true(datagram_len(said.redirect_len) <= 3 * datagram_len(said.question_len));
	}
	net_destroy(p.n);
}

static void every_hello_is_answered_again(void **state)
{
	struct place p = one_registered();

	for (unsigned i = 0; i < 10; i++) {
		struct said said = ask(p.server, p.b_print, A_AT);

		assert_int_equal(said.n_redirects, 1);
		assert_int_equal(said.n_fihellos, 1);
	}
	assert_int_equal(startup_counters(p.server->startup)->hellos_redirected, 10);
	net_destroy(p.n);
}

static void nobody_else_is_introduced(void **state)
{
	struct place p = one_registered();
	uint8_t nobody[32] = {1};
	const struct startup_counters *c = startup_counters(p.server->startup);

	assert_int_equal(ask(p.server, nobody, A_AT).n_sent, 0);
	assert_int_equal(c->hellos_unknown, 1);
	assert_int_equal(ask(p.server, p.b_print, B_AT).n_sent, 0); // asks for itself
	assert_int_equal(c->hellos_unknown, 2);
	p.s->is_registered = false;
	assert_int_equal(ask(p.server, p.b_print, A_AT).n_sent, 0);
	assert_int_equal(c->hellos_unknown, 3);
	p.s->is_registered = true;
	ctl_session_close(p.s, CLOSE_ORDERLY);
	net_run_us(p.n, 1000000);
	assert_int_equal(ask(p.server, p.b_print, A_AT).n_sent, 0);
	assert_int_equal(c->hellos_unknown, 4);
	net_destroy(p.n);
}

static void a_claim_is_not_introduced(void **state)
{
	struct net *n = net_create(1);
	struct host *server = net_appliance(n, MEMBER_AT, SERVER_AT);
	struct wire_addr from = addr(B_AT);
	struct stranger s;

	stranger_init(&s, n, 7);
	stranger_keys(&s, server, 1, &from);
	host_seen(server, SEEN_OPENED)->session->is_registered = true;
	net_run_us(n, 1000); // our answer has left
	assert_int_equal(ask(server, s.identity.member.fingerprint, A_AT).n_sent, 0);
	net_destroy(n);
}

static void a_hello_for_the_member_is_sent_to_its_port(void **state)
{
	struct net *n = net_create(1);
	struct host *server = net_appliance(n, MEMBER_AT, SERVER_AT);
	struct host *a = net_peer(n, A_AT);
	struct said said = ask(server, server->identity.member.fingerprint, A_AT);
	struct wire_addr member = addr(MEMBER_AT);

	assert_int_equal(said.redirect.n_addrs, 1);
	assert_true(wire_addr_equal(&said.redirect.addrs[0], &member));
	assert_int_equal(said.n_fihellos, 0);
	// And the whole way.
	host_open(a, server->identity.member.fingerprint, SERVER_AT, NULL);
	net_run_us(n, 1000000);
	assert_true(wire_addr_equal(&host_seen(a, SEEN_OPENED)->session->far, &member));
	net_destroy(n);
}

static void an_endpoint_that_does_not_introduce_is_silent(void **state)
{
	struct place p = one_registered();
	struct wire_addr from = addr(A_AT);
	uint8_t epd[EPD_CANONICAL_LEN], chunk[256];
	struct wr w = wr_over(chunk, sizeof(chunk));
	struct ihello hello = {span_of(epd, sizeof(epd)), span_of("0123456789abcdef", 16)};
	uint32_t n_sent = p.n->n_sent;

	epd_canonical(epd, p.b_print);
	assert_int_equal(ihello_write(&w, &hello), 0);
	stranger_gives(p.server, 0, REP_HELLO, CHUNK_IHELLO, 0, &from, chunk_payload(&w));
	net_run_us(p.n, 0);
	assert_int_equal(p.n->n_sent, n_sent);
	assert_int_equal(startup_counters(p.server->startup)->hellos_unknown, 1);
	net_destroy(p.n);
}

static void sources_and_targets_are_limited(void **state)
{
	static const struct {
		const char *name;
		bool is_one_source;
		unsigned n_answered;
	} rows[] = {
		{"one source: the default burst of 400, if the target's 200 were not less", true,
		 200},
		{"a crowd: its target's burst", false, 200},
	};

	for (unsigned r = 0; r < ARRAY_LEN(rows); r++) {
		struct place p = one_registered();
		unsigned n_answered = 0;
		char from[32];

		p.b->worker.is_mute = true; // else it would answer, and the air is small
		for (unsigned i = 0; i < 300; i++) {
			snprintf(from, sizeof(from), "198.51.100.%u:7",
				 rows[r].is_one_source ? 1 : 1 + i % 250);
			n_answered += ask(p.server, p.b_print, from).n_redirects;
			p.n->n_air = 0; // lost on the way
		}
		assert_row(n_answered == rows[r].n_answered, rows[r].name);
		assert_row(startup_counters(p.server->startup)->hellos_rate_limited ==
				   300 - n_answered,
			   rows[r].name);
		net_destroy(p.n);
	}
}

static void one_source_cannot_ask_for_many(void **state)
{
	struct net *n = net_create(1);
	struct host *server = net_appliance(n, MEMBER_AT, SERVER_AT);
	const struct startup_counters *c = startup_counters(server->startup);
	uint8_t nobody[FINGERPRINT_LEN] = {1};

	// Nobody is found, so there is no target to protect: the source's own limit is met.
	for (unsigned i = 0; i < 500; i++)
		(void)ask(server, nobody, A_AT);
	assert_int_equal(c->hellos_unknown, 400);
	assert_int_equal(c->hellos_rate_limited, 100);
	net_run_us(n, 100000); // 200 a second
	for (unsigned i = 0; i < 500; i++)
		(void)ask(server, nobody, A_AT);
	assert_int_equal(c->hellos_unknown, 420);
	net_destroy(n);
}

// A thousand members behind one address look for each other through us, and have used up what one
// address may ask; the way to ourselves stays open.
static void the_way_to_the_member_is_always_shown(void **state)
{
	struct net *n = net_create(1);
	struct host *server = net_appliance(n, MEMBER_AT, SERVER_AT);
	uint8_t nobody[FINGERPRINT_LEN] = {1};
	unsigned n_answered = 0;

	for (unsigned i = 0; i < 500; i++)
		(void)ask(server, nobody, A_AT);
	for (unsigned i = 0; i < 1000; i++) {
		n_answered += ask(server, server->identity.member.fingerprint, A_AT).n_redirects;
		n->n_air = 0;
	}
	assert_int_equal(n_answered, 1000);
	net_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_peers_behind_nats_meet_through_the_server),
		cmocka_unit_test(the_rhello_of_the_introduced_saves_a_round_trip),
		cmocka_unit_test(the_observed_address_first_then_the_reported),
		cmocka_unit_test(an_answer_is_at_most_three_times_the_question),
		cmocka_unit_test(every_hello_is_answered_again),
		cmocka_unit_test(nobody_else_is_introduced),
		cmocka_unit_test(a_claim_is_not_introduced),
		cmocka_unit_test(a_hello_for_the_member_is_sent_to_its_port),
		cmocka_unit_test(an_endpoint_that_does_not_introduce_is_silent),
		cmocka_unit_test(sources_and_targets_are_limited),
		cmocka_unit_test(one_source_cannot_ask_for_many),
		cmocka_unit_test(the_way_to_the_member_is_always_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
