// Opening sessions (RFC 7016 §3.5.1.1), end against end, and against answers that only an attacker
// would give.
#include "control/startup/opening.h"
#include "tests/support/test.h"
#include "tests/unit/control/startup/strangers.h"

#define A_AT "192.0.2.1:40001"
#define B_AT "192.0.2.2:40002"
#define C_AT "192.0.2.3:40003"

static int users[4]; // their addresses tell openings apart

static void a_session_opens_in_two_round_trips(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	const struct seen *at_a, *at_b;

	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n, 1000000);
	at_a = host_seen(a, SEEN_OPENED);
	at_b = host_seen(b, SEEN_OPENED);
	assert_ptr_equal(at_a->user, &users[0]);
	assert_null(at_b->user);
	assert_int_equal(at_a->at_us - NET_START_US, 4 * n->delay_us);
	assert_true(at_a->session->is_initiator && !at_b->session->is_initiator);
	assert_memory_equal(at_a->session->fingerprint, b->identity.member.fingerprint, 32);
	assert_memory_equal(at_b->session->fingerprint, a->identity.member.fingerprint, 32);
	assert_same_keys(at_a->session, at_b->session);
	// Our id travelled in the IIKeying, so the worker had to know it before the keys came.
	assert_int_equal(a->worker.n_reserved, 1);
	assert_int_equal(b->worker.n_reserved, 0);
	assert_ptr_equal(startup_find(a->startup, 0, b->identity.member.fingerprint),
			 at_a->session);
	net_destroy(n);
}

struct keyings { // every IIKeying seen on the wire
	unsigned n;
	uint16_t len[16];
	uint8_t octets[16][DATAGRAM_MAX];
	unsigned n_lost; // so many of the first are not delivered
};

static bool keep_keyings(void *ctx, struct datagram *d)
{
	struct keyings *k = ctx;

	if (!d->is_startup || d->octets[0] != CHUNK_IIKEYING)
		return true;
	assert_true(k->n < ARRAY_LEN(k->len));
	k->len[k->n] = d->len;
	memcpy(k->octets[k->n], d->octets, d->len);
	return k->n++ >= k->n_lost;
}

static void the_first_round_trip_is_measured_unless_it_was_repeated(void **state)
{
	// Karn: an answer to one of several equal questions says only what it took at most, and the
	// RHello has said that before.
	static const struct {
		const char *name;
		unsigned n_lost;
		uint32_t rtt_us, rtt_max_us;
	} rows[] = {{"one IIKeying, one answer", 0, 40000, 0},
		    {"the second was answered", 1, 0, 40000}};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct net *n = net_create(1);
		struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
		struct keyings *k = calloc(1, sizeof(*k));

		k->n_lost = rows[i].n_lost;
		n->filter = keep_keyings;
		n->filter_ctx = k;
		host_open(a, b->identity.member.fingerprint, B_AT, NULL);
		net_run_us(n, 5 * 1000000);
		assert_row(a->worker.sessions[0].seed.rtt_us == rows[i].rtt_us, rows[i].name);
		assert_row(a->worker.sessions[0].seed.rtt_max_us == rows[i].rtt_max_us,
			   rows[i].name);
		free(k);
		net_destroy(n);
	}
}

static void loss_costs_time_only(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct net *n = net_create(seed);
		struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);

		n->loss_permille = 300;
		host_open(a, b->identity.member.fingerprint, B_AT, NULL);
		net_run_us(n, 60 * 1000000);
		assert_same_keys(host_seen(a, SEEN_OPENED)->session,
				 startup_find(b->startup, 0, a->identity.member.fingerprint));
		assert_int_equal(a->worker.n_added, 1);
		net_destroy(n);
	}
}

static void hellos_come_at_growing_intervals_and_end_after_95_s(void **state)
{
	// 0, then intervals of 0.3, 1.8, 3.3 ... seconds, each 1.5 s longer than the one before
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT);
	static const uint64_t at_ms[] = {0,     300,   2100,  5400,  10200, 16500,
					 24300, 33600, 44400, 56700, 70500, 85800};
	uint8_t nobody[32] = {1};
	const struct seen *seen;

	host_open(a, nobody, B_AT, &users[1]);
	for (unsigned i = 0; i < ARRAY_LEN(at_ms); i++) {
		net_run_us(n, NET_START_US + at_ms[i] * 1000 - n->now_us);
		assert_int_equal(a->worker.n_packets[CHUNK_IHELLO], i + 1);
		if (i + 1 < ARRAY_LEN(at_ms)) {
			net_run_us(n, (at_ms[i + 1] - at_ms[i]) * 1000 - 1);
			assert_int_equal(a->worker.n_packets[CHUNK_IHELLO], i + 1);
		}
	}
	net_run_us(n, 10 * 1000000);
	seen = host_seen(a, SEEN_FAILED);
	assert_int_equal(seen->why, OPEN_TIMEOUT);
	assert_ptr_equal(seen->user, &users[1]);
	assert_int_equal(seen->at_us - NET_START_US, 95 * 1000000);
	assert_int_equal(a->worker.n_packets[CHUNK_IHELLO], ARRAY_LEN(at_ms));
	net_destroy(n);
}

static void a_candidate_from_gossip_gets_three_hellos_an_introducer_more(void **state)
{
	static const struct {
		const char *name;
		uint8_t origin;
		unsigned n_hellos;
	} rows[] = {
		{"a member's own word", ADDR_LOCAL, 3}, // 0, 0.3, 2.1 s
		{"its introducer", ADDR_RELAY, 7},
	};
	uint8_t epd[34] = {0x21, 0x0f};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct net *n = net_create(1);
		struct host *a = net_peer(n, A_AT);
		struct wire_addr at = addr(B_AT);
		struct ctl_session *existing;
		struct open_opts opts = {.epd = span_of(epd, sizeof(epd)),
					 .candidates = &at,
					 .n_candidates = 1,
					 .hellos_max = 3,
					 .limit_us = 25 * 1000000};

		at.origin = rows[i].origin;
		assert_non_null(startup_open(a->startup, &opts, &existing, n->now_us));
		net_run_us(n, 30 * 1000000);
		assert_row(a->worker.n_packets[CHUNK_IHELLO] == rows[i].n_hellos, rows[i].name);
		assert_row(host_seen(a, SEEN_FAILED)->why == OPEN_TIMEOUT, rows[i].name);
		// An answer is waited for until the limit.
		assert_row(host_seen(a, SEEN_FAILED)->at_us - NET_START_US == opts.limit_us,
			   rows[i].name);
		net_destroy(n);
	}
}

static void a_keying_is_repeated_octet_for_octet(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct keyings *k = calloc(1, sizeof(*k));

	k->n_lost = 3;
	n->filter = keep_keyings;
	n->filter_ctx = k;
	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 10 * 1000000);
	assert_int_equal(k->n, 4);
	for (unsigned i = 1; i < k->n; i++) {
		assert_int_equal(k->len[i], k->len[0]);
		assert_memory_equal(k->octets[i], k->octets[0], k->len[0]);
	}
	assert_same_keys(host_seen(a, SEEN_OPENED)->session, host_seen(b, SEEN_OPENED)->session);
	free(k);
	net_destroy(n);
}

static void an_existing_session_ends_an_opening(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	const uint8_t *fp = b->identity.member.fingerprint;
	uint8_t epd[34] = {0x21, 0x0f};
	struct open_opts opts = {.epd = span_of(epd, sizeof(epd))};
	struct ctl_session *existing;

	// Two at once, so neither finds the other before the RHello.
	host_open(a, fp, B_AT, &users[0]);
	host_open(a, fp, B_AT, &users[1]);
	net_run_us(n, 5 * 1000000);
	assert_ptr_equal(host_seen(a, SEEN_OPENED)->user, &users[0]);
	assert_ptr_equal(host_seen(a, SEEN_FAILED)->user, &users[1]);
	assert_int_equal(host_seen(a, SEEN_FAILED)->why, OPEN_DUPLICATE);
	assert_ptr_equal(host_seen(a, SEEN_FAILED)->session, host_seen(a, SEEN_OPENED)->session);
	assert_int_equal(b->worker.n_added, 1);

	// And a third later: it does not even begin.
	memcpy(epd + 2, fp, 32);
	assert_null(startup_open(a->startup, &opts, &existing, n->now_us));
	assert_ptr_equal(existing, host_seen(a, SEEN_OPENED)->session);
	net_destroy(n);
}

static void the_first_of_two_addresses_that_answers_wins(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct wire_addr nowhere = addr("192.0.2.99:1"), unusable = addr("224.0.0.1:1");
	struct opening *o = host_open(a, b->identity.member.fingerprint, "192.0.2.98:1", NULL);

	net_run_us(n, 150000);
	startup_open_add(o, &nowhere, 1, n->now_us);
	startup_open_add(o, &unusable, 1, n->now_us);
	assert_int_equal(o->n_candidates, 2); // multicast is nobody's address
	net_run_us(n, 150000 - 1);
	assert_int_equal(a->worker.n_packets[CHUNK_IHELLO], 2);
	net_run_us(n, 1);
	assert_int_equal(a->worker.n_packets[CHUNK_IHELLO], 3);
	net_run_us(n, 150000 - 1);
	assert_int_equal(a->worker.n_packets[CHUNK_IHELLO], 3); // each on its own schedule
	net_run_us(n, 1);
	assert_int_equal(a->worker.n_packets[CHUNK_IHELLO], 4);
	startup_open_add(o, &(struct wire_addr){.ip = {192, 0, 2, 2}, .port = 40002, .family = 4},
			 1, n->now_us);
	net_run_us(n, 500000);
	assert_true(wire_addr_equal(&host_seen(a, SEEN_OPENED)->session->far, &b->addrs[0]));
	net_destroy(n);
}

static void a_cancelled_opening_leaves_nothing(void **state)
{
	// Cancelled after so long: while saying hello, and while keying.
	static const uint64_t after_us[] = {10000, 50000};

	for (unsigned i = 0; i < ARRAY_LEN(after_us); i++) {
		struct net *n = net_create(1);
		struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
		struct opening *o = host_open(a, b->identity.member.fingerprint, B_AT, NULL);

		net_run_us(n, after_us[i]);
		startup_open_cancel(o);
		net_run_us(n, 20 * 1000000);
		assert_int_equal(a->n_seen, 0);
		for (unsigned s = 0; s < FAKE_SESSIONS_MAX; s++)
			assert_int_equal(a->worker.sessions[s].id, 0);
		net_destroy(n);
	}
}

// -- redirects --

struct redirector {
	struct wire_addr at, to;
	bool is_implied;
};

// Answers every IHello to `at` with a Redirect, in place of a host.
static bool redirect_hello(void *ctx, struct datagram *d)
{
	struct redirector *r = ctx;
	uint8_t tag[TAG_LEN];
	struct redirect redirect = {.tag_echo = span_of(tag, TAG_LEN), .addrs = {r->to}};
	struct rd rd = rd_over(d->octets, d->len);
	struct ihello hello;
	struct chunk c;
	struct wr w;

	if (!d->is_startup || d->octets[0] != CHUNK_IHELLO || !wire_addr_equal(&d->to, &r->at))
		return true;
	assert_true(chunk_next(&rd, &c));
	assert_int_equal(ihello_read(&hello, c.payload), 0);
	assert_int_equal(hello.tag.len, TAG_LEN); // what old peers insist on
	memcpy(tag, hello.tag.data, TAG_LEN);
	redirect.n_addrs = r->is_implied ? 0 : 1;
	w = wr_over(d->octets, sizeof(d->octets));
	assert_int_equal(redirect_write(&w, &redirect), 0);
	d->len = (uint16_t)w.len;
	d->to = d->from;
	d->from = r->is_implied ? r->to : r->at;
	return true;
}

static void a_redirect_leads_on(void **state)
{
	static const struct {
		const char *name, *to;
		bool is_implied, opens;
	} rows[] = {
		{"explicit", B_AT, false, true},
		{"implied: whoever answers is it", B_AT, true, true},
		{"to loopback, by somebody who is not there", "127.0.0.1:40002", false, false},
		{"to a multicast group", "224.0.0.1:40002", false, false},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct net *n = net_create(1);
		struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
		struct redirector r = {addr(C_AT), addr(rows[i].to), rows[i].is_implied};

		n->filter = redirect_hello;
		n->filter_ctx = &r;
		host_open(a, b->identity.member.fingerprint, C_AT, NULL);
		net_run_us(n, 2 * 1000000);
		assert_row(host_n_seen(a, SEEN_OPENED) == rows[i].opens, rows[i].name);
		if (!rows[i].opens) // and only the redirector was asked: at 0 and 1 s
			assert_row(a->worker.n_packets[CHUNK_IHELLO] == 2, rows[i].name);
		net_destroy(n);
	}
}

// -- answers of an attacker, given to startup directly --

// An answer that comes from B's address.
static void give(struct host *h, uint8_t chunk, uint32_t session_id, struct span octets)
{
	struct wire_addr from = addr(B_AT);

	stranger_gives(h, 0, REP_STARTUP, chunk, session_id, &from, octets);
}

static void give_rhello(struct host *h, struct span tag, size_t cookie_len, struct span cert)
{
	static const uint8_t cookie[1024];
	uint8_t chunk[2048];
	struct wr w = wr_over(chunk, sizeof(chunk));
	struct rhello hello = {tag, span_of(cookie, cookie_len), cert};

	assert_int_equal(rhello_write(&w, &hello), 0);
	give(h, CHUNK_RHELLO, 0, chunk_payload(&w));
}

static struct span cert_of(const struct host *h)
{
	return span_of(h->identity.member.certificate, h->identity.member.certificate_len);
}

static void an_rhello_counts_only_if_it_fits(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT), *c = net_peer(n, C_AT);
	struct opening *o = host_open(a, b->identity.member.fingerprint, "192.0.2.98:1", NULL);
	struct span tag = span_of(o->tag, TAG_LEN);
	uint8_t wrong[TAG_LEN];
	uint64_t n_before = startup_counters(a->startup)->unexpected;

	memcpy(wrong, o->tag, TAG_LEN);
	wrong[7] ^= 1;
	give_rhello(a, span_of(wrong, TAG_LEN), 64, cert_of(b));
	give_rhello(a, span_of(o->tag, TAG_LEN - 1), 64, cert_of(b));
	give_rhello(a, tag, 64, cert_of(c)); // not whom we want
	give_rhello(a, tag, 64, span_of("\x05", 1));
	give_rhello(a, tag, 0, cert_of(b));
	give_rhello(a, tag, COOKIE_ECHO_MAX + 1, cert_of(b));
	give(a, CHUNK_RHELLO, 0, span_of("\x81", 1));
	assert_int_equal(o->state, OPENING_HELLO);
	assert_int_equal(startup_counters(a->startup)->unexpected, n_before + 7);

	give_rhello(a, tag, COOKIE_ECHO_MAX, cert_of(b));
	assert_int_equal(o->state, OPENING_SENT);
	assert_true(wire_addr_equal(&o->seat->ctl.far, &b->addrs[0])); // though never a candidate
	give_rhello(a, tag, 64, cert_of(b)); // the first was taken; others are no fault
	assert_int_equal(o->cookie_len, COOKIE_ECHO_MAX);
	assert_int_equal(startup_counters(a->startup)->unexpected, n_before + 7);
	net_run_us(n, 10000);
	startup_open_cancel(o);
	net_run_us(n, 10000);
	net_destroy(n);
}

static void nobody_opens_to_himself(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT);
	struct opening *o = host_open(a, a->identity.member.fingerprint, A_AT, NULL);

	net_run_us(n, 1000000);
	assert_int_equal(o->state, OPENING_HELLO);
	assert_int_equal(a->n_seen, 0);
	net_destroy(n);
}

static void a_redirect_adds_24_addresses_at_most(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct opening *o = host_open(a, b->identity.member.fingerprint, "192.0.2.98:1", NULL);
	uint8_t chunk[2048];

	for (unsigned i = 0; i < 3; i++) {
		struct redirect d = {.tag_echo = span_of(o->tag, TAG_LEN), .n_addrs = 20};
		struct wr w = wr_over(chunk, sizeof(chunk));

		for (unsigned k = 0; k < d.n_addrs; k++)
			d.addrs[k] =
				(struct wire_addr){.ip = {198, 51, 100, (uint8_t)(20 * i + k + 1)},
						   .port = 1935,
						   .family = 4,
						   .origin = ADDR_RELAY};
		assert_int_equal(redirect_write(&w, &d), 0);
		give(a, CHUNK_REDIRECT, 0, chunk_payload(&w));
	}
	assert_int_equal(o->n_candidates, REDIRECT_ADDRS_MAX);
	for (unsigned i = 1; i < o->n_candidates; i++) // nobody makes himself our introducer
		assert_int_equal(o->candidates[i].addr.origin, ADDR_UNKNOWN);
	net_destroy(n);
}

// Requirement 30: who has answered is whom we open to.
static void a_redirect_counts_only_until_somebody_answers(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct opening *o = host_open(a, b->identity.member.fingerprint, "192.0.2.98:1", NULL);
	struct redirect d = {.tag_echo = span_of(o->tag, TAG_LEN), .n_addrs = 1};
	uint8_t chunk[64];
	struct wr w = wr_over(chunk, sizeof(chunk));

	d.addrs[0] = addr("198.51.100.1:1");
	assert_int_equal(redirect_write(&w, &d), 0);
	give_rhello(a, d.tag_echo, 64, cert_of(b));
	assert_int_equal(o->state, OPENING_SENT);
	give(a, CHUNK_REDIRECT, 0, chunk_payload(&w));
	assert_int_equal(o->n_candidates, 1);
	startup_open_cancel(o);
	net_run_us(n, 10000);
	net_destroy(n);
}

// -- cookie change --

struct rebinding { // A's NAT gives it another port before its first IIKeying leaves
	struct host *a;
	bool is_done;
};

static bool rebind(void *ctx, struct datagram *d)
{
	struct rebinding *r = ctx;

	if (!r->is_done && d->is_startup && d->octets[0] == CHUNK_IIKEYING) {
		r->a->addrs[0] = addr("192.0.2.1:50001");
		d->from = r->a->addrs[0];
		r->is_done = true;
	}
	return true;
}

static void a_cookie_that_moved_is_changed_once(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct rebinding r = {a, false};

	n->filter = rebind;
	n->filter_ctx = &r;
	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 1000000);
	assert_int_equal(b->worker.n_cookie_changes, 1);
	assert_int_equal(a->worker.n_packets[CHUNK_IIKEYING], 2);
	assert_same_keys(host_seen(a, SEEN_OPENED)->session, host_seen(b, SEEN_OPENED)->session);
	assert_int_equal(host_seen(b, SEEN_OPENED)->session->far.port, 50001);
	net_destroy(n);
}

static void give_cookie_change(struct host *h, uint32_t session_id, struct span old,
			       struct span fresh)
{
	uint8_t chunk[1024];
	struct wr w = wr_over(chunk, sizeof(chunk));
	struct cookie_change change = {old, fresh};

	assert_int_equal(cookie_change_write(&w, &change), 0);
	give(h, CHUNK_COOKIE_CHANGE, session_id, chunk_payload(&w));
}

static void other_cookie_changes_are_ignored(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct opening *o = host_open(a, b->identity.member.fingerprint, "192.0.2.98:1", NULL);
	static const uint8_t zeros[64], fresh[2] = {1, 2};
	uint32_t id;

	give_rhello(a, span_of(o->tag, TAG_LEN), 64, cert_of(b)); // with a cookie of zeros
	id = o->seat->ctl.id;
	give_cookie_change(a, id ^ 1u << 30, span_of(zeros, 64), span_of(fresh, 2));
	give_cookie_change(a, id, span_of(zeros, 63), span_of(fresh, 2));
	give_cookie_change(a, id, span_of(zeros, 64), span_of(NULL, 0));
	assert_int_equal(o->cookie_len, 64);
	give_cookie_change(a, id, span_of(zeros, 64), span_of(fresh, 1));
	assert_int_equal(o->cookie_len, 1);
	give_cookie_change(a, id, span_of(fresh, 1), span_of(fresh, 2)); // a second one
	assert_int_equal(o->cookie_len, 1);
	startup_open_cancel(o);
	net_run_us(n, 10000);
	net_destroy(n);
}

// -- bad answers to our keying --

static void give_rikeying(struct host *h, uint32_t session_id, uint32_t far_id, struct span skrc)
{
	uint8_t chunk[2048];
	struct wr w = wr_over(chunk, sizeof(chunk));
	struct rikeying k = {
		.responder_session_id = far_id, .skrc = skrc, .signature = span_of("X", 1)};

	assert_int_equal(rikeying_write(&w, &k), 0);
	give(h, CHUNK_RIKEYING, session_id, chunk_payload(&w));
}

static void an_answer_that_does_not_combine_is_not_the_end_but_three_are(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct opening *o = host_open(a, b->identity.member.fingerprint, "192.0.2.98:1", &users[2]);
	// B has a static key, so an ephemeral one is not its answer.
	static const uint8_t skrc[] = {0x04, 0x0d, 0x02, 0x11, 0x22};
	uint32_t id;

	give_rhello(a, span_of(o->tag, TAG_LEN), 64, cert_of(b));
	id = o->seat->ctl.id;
	give_rikeying(a, id, 0, span_of(skrc, 5)); // session id 0 is nobody's
	assert_int_equal(o->n_bad_answers, 0);
	for (unsigned i = 0; i < BAD_ANSWERS_MAX; i++) {
		assert_int_equal(a->n_seen, 0);
		assert_int_equal(o->state, OPENING_SENT);
		give_rikeying(a, id, 77, span_of(skrc, 5));
	}
	assert_int_equal(host_seen(a, SEEN_FAILED)->why, OPEN_REFUSED);
	assert_ptr_equal(host_seen(a, SEEN_FAILED)->user, &users[2]);
	net_run_us(n, 10000);
	net_destroy(n);
}

static void no_slot_no_session(void **state)
{
	struct net *n = net_create(1);
	struct host *b = net_peer(n, B_AT), *c = net_peer(n, C_AT), *a;

	a = net_host(n, &(struct host_opts){.addrs = {A_AT},
					    .n_endpoints = 1,
					    .ends = {{.may_initiate = true}},
					    .kind = IDENTITY_PEER,
					    .startup = {.sessions_max = 1}});
	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 1000000);
	host_open(a, c->identity.member.fingerprint, C_AT, NULL);
	net_run_us(n, 1000000);
	assert_int_equal(host_n_seen(a, SEEN_OPENED), 1);
	assert_true(startup_counters(a->startup)->no_room > 0);
	ctl_session_close(host_seen(a, SEEN_OPENED)->session, CLOSE_ORDERLY);
	net_run_us(n, 5 * 1000000); // the next IHello finds the slot free
	assert_int_equal(host_n_seen(a, SEEN_OPENED), 2);
	net_destroy(n);
}

static void an_endpoint_that_may_not_initiate_does_not(void **state)
{
	struct net *n = net_create(1);
	struct host *s = net_appliance(n, A_AT, B_AT);
	uint8_t epd[34] = {0x21, 0x0f};
	struct ctl_session *existing;
	struct open_opts opts = {.endpoint = 1, .epd = span_of(epd, sizeof(epd))};

	assert_null(startup_open(s->startup, &opts, &existing, n->now_us));
	assert_null(existing);
	net_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_opens_in_two_round_trips),
		cmocka_unit_test(the_first_round_trip_is_measured_unless_it_was_repeated),
		cmocka_unit_test(loss_costs_time_only),
		cmocka_unit_test(hellos_come_at_growing_intervals_and_end_after_95_s),
		cmocka_unit_test(a_candidate_from_gossip_gets_three_hellos_an_introducer_more),
		cmocka_unit_test(a_keying_is_repeated_octet_for_octet),
		cmocka_unit_test(a_redirect_counts_only_until_somebody_answers),
		cmocka_unit_test(an_existing_session_ends_an_opening),
		cmocka_unit_test(the_first_of_two_addresses_that_answers_wins),
		cmocka_unit_test(a_cancelled_opening_leaves_nothing),
		cmocka_unit_test(a_redirect_leads_on),
		cmocka_unit_test(an_rhello_counts_only_if_it_fits),
		cmocka_unit_test(nobody_opens_to_himself),
		cmocka_unit_test(a_redirect_adds_24_addresses_at_most),
		cmocka_unit_test(a_cookie_that_moved_is_changed_once),
		cmocka_unit_test(other_cookie_changes_are_ignored),
		cmocka_unit_test(an_answer_that_does_not_combine_is_not_the_end_but_three_are),
		cmocka_unit_test(no_slot_no_session),
		cmocka_unit_test(an_endpoint_that_may_not_initiate_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
