// Glare (RFC 7016 §3.5.1.3, RFC 7425 §4.3): two ends that open to each other.
#include "tests/support/test.h"
#include "tests/unit/control/startup/strangers.h"

#define A_AT "192.0.2.1:40001"
#define B_AT "192.0.2.2:40002"

static int users[2];

static struct host *peer(struct net *n, const char *at, uint64_t keying_us)
{
	return net_host(n, &(struct host_opts){
				   .addrs = {at},
				   .n_endpoints = 1,
				   .ends = {{.answers_hello = true, .may_initiate = true}},
				   .kind = IDENTITY_PEER,
				   .keying_us = keying_us,
			   });
}

// Two hosts of which the first has the lower certificate, or the higher.
static struct net *glare_pair(bool first_prevails, uint64_t keying_us, struct host **a,
			      struct host **b)
{
	for (uint64_t seed = 1;; seed++) {
		struct net *n = net_create(seed);

		*a = peer(n, A_AT, keying_us);
		*b = peer(n, B_AT, keying_us);
		if (certificate_near_prevails(identity_certificate(&(*a)->identity.member).whole,
					      identity_certificate(&(*b)->identity.member).whole) ==
		    first_prevails)
			return n;
		net_destroy(n);
	}
}

static struct ctl_session *the_only_session(struct host *h)
{
	uint32_t at = 0;
	struct ctl_session *s = startup_next(h->startup, &at);

	assert_non_null(s);
	assert_null(startup_next(h->startup, &at));
	return s;
}

// Each opening ends with one event, whichever.
static unsigned n_outcomes(const struct host *h, const void *user)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n_seen; i++) {
		if (h->seen[i].user != user)
			continue;
		n++;
		assert_true(h->seen[i].kind == SEEN_OPENED ||
			    (h->seen[i].kind == SEEN_FAILED && h->seen[i].why == OPEN_DUPLICATE));
	}
	return n;
}

// B begins so much later. Every phase of a handshake meets every other.
static void glare_at(bool first_prevails, uint64_t keying_us, uint64_t jitter_us, uint64_t later_us)
{
	struct host *a, *b;
	struct net *n = glare_pair(first_prevails, keying_us, &a, &b);
	bool is_too_late;

	n->jitter_us = jitter_us;

	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n, later_us);
	is_too_late = startup_find(b->startup, 0, a->identity.member.fingerprint) != NULL;
	if (!is_too_late)
		host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 10 * 1000000);
	assert_same_keys(the_only_session(a), the_only_session(b));
	assert_int_equal(n_outcomes(a, &users[0]), 1);
	assert_int_equal(n_outcomes(b, &users[1]), !is_too_late);
	assert_int_equal(host_n_seen(a, SEEN_CLOSED), 0);
	assert_int_equal(host_n_seen(b, SEEN_CLOSED), 0);
	if (later_us == 0 && jitter_us == 0) // they met: the lower certificate is the initiator
		assert_int_equal(the_only_session(a)->is_initiator, first_prevails);
	net_destroy(n);
}

static void two_openings_toward_each_other_become_one_session(void **state)
{
	static const uint64_t keying_us[] = {0, 7000, 30000};

	for (unsigned first_prevails = 0; first_prevails < 2; first_prevails++)
		for (unsigned k = 0; k < ARRAY_LEN(keying_us); k++)
			for (uint64_t later_ms = 0; later_ms <= 200; later_ms += 5)
				glare_at(first_prevails, keying_us[k], 0, later_ms * 1000);
}

static void packets_may_overtake_each_other(void **state)
{
	// Where the one's IIKeying crosses the other's, an answer can come before the keying it
	// replaces.
	for (unsigned first_prevails = 0; first_prevails < 2; first_prevails++)
		for (uint64_t later_us = 0; later_us <= 40000; later_us += 250)
			glare_at(first_prevails, 500, 10000, later_us);
}

// Whoever prevails is not answered within 5 s, but it does not give in before a round trip is over.
static void glare_takes_no_longer_where_a_round_trip_is_6_s(void **state)
{
	for (int k = 0; k < 2; k++)
		for (uint64_t later_us = 0; later_us < 9000000; later_us += 500000) {
			struct host *a, *b;
			struct net *n = glare_pair(k == 0, 0, &a, &b);

			n->delay_us = 3000000;
			host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
			net_run_us(n, later_us); // A's first keying is there after 9 s
			host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
			net_run_us(n, 15500000); // two round trips, and the first word
			assert_same_keys(the_only_session(a), the_only_session(b));
			net_run_us(n, 30000000);
			assert_int_equal(n_outcomes(a, &users[0]), 1);
			assert_int_equal(n_outcomes(b, &users[1]), 1);
			assert_int_equal(host_n_seen(a, SEEN_CLOSED), 0);
			assert_int_equal(host_n_seen(b, SEEN_CLOSED), 0);
			net_destroy(n);
		}
}

static void a_restart_soon_after_glare_waits_5_s(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(true, 0, &a, &b);
	struct stranger s = {.identity = b->identity, .session_id = 9};

	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n, 4 * 1000000);
	stranger_keys(&s, a, 0, &b->addrs[0]);
	assert_int_equal(host_n_seen(a, SEEN_CLOSED), 0);
	assert_int_equal(startup_counters(a->startup)->glare_won, 1);
	net_run_us(n, 2 * 1000000);
	stranger_keys(&s, a, 0, &b->addrs[0]); // it means it
	assert_int_equal(host_seen(a, SEEN_CLOSED)->reason, CLOSED_OVERRIDE);
	net_destroy(n);
}

static void glare_survives_loss(void **state)
{
	for (unsigned seed = 0; seed < 20; seed++) {
		struct host *a, *b;
		struct net *n = glare_pair(seed % 2, 1000, &a, &b);

		n->loss_permille = 300;
		host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
		host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
		for (unsigned i = 0; i < seed; i++) // another stretch of the random source
			random_u32(&n->random);
		net_run_us(n, 60 * 1000000);
		assert_int_equal(n_outcomes(a, &users[0]), 1);
		assert_int_equal(n_outcomes(b, &users[1]), 1);
		assert_non_null(startup_find(a->startup, 0, b->identity.member.fingerprint));
		assert_non_null(startup_find(b->startup, 0, a->identity.member.fingerprint));
		net_destroy(n);
	}
}

struct deafness { // this host's IIKeyings are lost
	struct wire_addr from;
};

static bool lose_keyings(void *ctx, struct datagram *d)
{
	const struct deafness *of = ctx;

	return !d->is_startup || d->octets[0] != CHUNK_IIKEYING ||
	       !wire_addr_equal(&d->from, &of->from);
}

static void who_prevails_and_stays_unanswered_gives_in_after_5_s(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(true, 0, &a, &b);
	struct deafness deaf = {a->addrs[0]};

	n->filter = lose_keyings;
	n->filter_ctx = &deaf;
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 5 * 1000000);
	assert_int_equal(a->n_seen, 0);
	assert_int_equal(startup_counters(a->startup)->glare_won, 3); // B's at 0, 1, 3.5 s
	net_run_us(n, 5 * 1000000);                                   // and at 7.5 s
	assert_same_keys(the_only_session(a), the_only_session(b));
	assert_true(the_only_session(b)->is_initiator);
	assert_int_equal(host_n_seen(a, SEEN_FAILED), 0); // an IIKeying of A's may come late
	net_run_us(n, 6 * 1000000);
	assert_int_equal(host_seen(a, SEEN_FAILED)->why, OPEN_DUPLICATE);
	assert_ptr_equal(host_seen(a, SEEN_FAILED)->session, the_only_session(a));
	net_destroy(n);
}

struct held_up { // the same, and the last of them comes in the end
	struct deafness deaf;
	size_t len;
	uint8_t octets[1500];
};

static bool hold_keyings_up(void *ctx, struct datagram *d)
{
	struct held_up *h = ctx;

	if (lose_keyings(&h->deaf, d))
		return true;
	h->len = d->len;
	memcpy(h->octets, d->octets, d->len);
	return false;
}

// A has prevailed, then given in, and its last IIKeying comes when B's session is open. B takes it
// for a new life of A, and A comes along.
static void what_came_before_giving_in_arrives(uint64_t later_us)
{
	struct host *a, *b;
	struct net *n = glare_pair(true, 0, &a, &b);
	struct held_up held = {.deaf = {a->addrs[0]}};

	n->filter = hold_keyings_up;
	n->filter_ctx = &held;
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 8 * 1000000);
	assert_true(the_only_session(b)->is_initiator && held.len > 0);
	net_run_us(n, later_us);
	stranger_gives(b, 0, REP_KEYING, CHUNK_IIKEYING, 0, &a->addrs[0],
		       span_of(held.octets + CHUNK_HEADER_LEN, held.len - CHUNK_HEADER_LEN));
	net_run_us(n, 1000000);
	assert_int_equal(host_seen(b, SEEN_CLOSED)->reason, CLOSED_OVERRIDE);
	assert_same_keys(the_only_session(a), the_only_session(b));
	assert_true(the_only_session(a)->is_initiator);
	net_run_us(n, 20 * 1000000);
	assert_same_keys(the_only_session(a), the_only_session(b));
	net_destroy(n);
}

static void who_gave_in_may_be_heard_late(void **state)
{
	what_came_before_giving_in_arrives(10000);
	what_came_before_giving_in_arrives(4 * 1000000);
}

// The session that A gives in to is proved a round trip later; A must not have gone on by then.
static void who_gives_in_waits_a_round_trip(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(true, 0, &a, &b);
	struct deafness deaf = {a->addrs[0]};

	n->delay_us = 3000000;
	n->filter = lose_keyings;
	n->filter_ctx = &deaf;
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 40 * 1000000);
	assert_same_keys(the_only_session(a), the_only_session(b));
	assert_int_equal(host_seen(a, SEEN_FAILED)->why, OPEN_DUPLICATE);
	net_destroy(n);
}

static void who_yields_to_a_bad_keying_goes_on(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(false, 0, &a, &b);
	struct certificate cert = identity_certificate(&b->identity.member);
	uint8_t chunk[1024];
	struct wr w = wr_over(chunk, sizeof(chunk));
	// B's certificate, but the ephemeral key that a static certificate must not send.
	static const uint8_t skic[] = {0x04, 0x0d, 0x02, 0x11, 0x22};
	struct iikeying k = {.initiator_session_id = 9,
			     .cookie_echo = span_of("c", 1),
			     .cert = cert.whole,
			     .skic = span_of(skic, sizeof(skic)),
			     .signature = span_of("X", 1)};

	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n, 45000); // our IIKeying is on its way
	assert_int_equal(iikeying_write(&w, &k), 0);
	stranger_gives(a, 0, REP_KEYING, CHUNK_IIKEYING, 0, &b->addrs[0], chunk_payload(&w));
	assert_int_equal(startup_counters(a->startup)->keyings_rejected, 1);
	net_run_us(n, 2 * 1000000);
	assert_same_keys(the_only_session(a), the_only_session(b));
	assert_ptr_equal(host_seen(a, SEEN_OPENED)->user, &users[0]);
	net_destroy(n);
}

static void an_answer_that_comes_while_we_yield_is_too_late(void **state)
{
	// A yields to B's keying, and while its keyer works the answer to A's own comes in from
	// somebody whose rule is another. One session is enough.
	struct host *a, *b;
	struct net *n = glare_pair(false, 10000, &a, &b);
	struct stranger s = {.identity = b->identity, .session_id = 9};
	uint64_t n_before;

	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n,
		   92000); // the RIKeying is 8 ms away: two round trips, A's keyer, and half of B's
	assert_int_equal(a->worker.n_packets[CHUNK_IIKEYING], 1);
	n_before = startup_counters(a->startup)->unexpected;
	stranger_keys(&s, a, 0, &b->addrs[0]);
	net_run_us(n, 9000);
	assert_int_equal(startup_counters(a->startup)->unexpected, n_before + 1);
	net_run_us(n, 5000);
	assert_int_equal(host_n_seen(a, SEEN_OPENED), 1);
	assert_null(host_seen(a, SEEN_OPENED)->user);
	assert_int_equal(host_seen(a, SEEN_FAILED)->why, OPEN_DUPLICATE);
	net_destroy(n);
}

static void a_session_from_elsewhere_ends_our_opening(void **state)
{
	// We only have a dead address of B; B, who can reach us, comes from another.
	struct host *a, *b;
	struct net *n = glare_pair(true, 0, &a, &b);

	host_open(a, b->identity.member.fingerprint, "192.0.2.99:9", &users[0]);
	net_run_us(n, 100000);
	host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 200000);
	assert_int_equal(host_seen(a, SEEN_FAILED)->why, OPEN_DUPLICATE);
	assert_ptr_equal(host_seen(a, SEEN_FAILED)->session, the_only_session(a));
	assert_same_keys(the_only_session(a), the_only_session(b));
	net_destroy(n);
}

static void a_peer_may_call_from_another_of_its_addresses(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(true, 0, &a, &b);
	struct wire_addr other = addr("10.0.0.2:40002");
	struct opening *o = host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	struct stranger s = {.identity = b->identity, .session_id = 9};

	startup_open_add(o, &other, 1, n->now_us);
	net_run_us(n, 50000); // our IIKeying is on its way to the first
	stranger_keys(&s, a, 0, &other);
	assert_int_equal(startup_counters(a->startup)->glare_won, 1);
	net_run_us(n, 1000000);
	assert_same_keys(the_only_session(a), the_only_session(b));
	net_destroy(n);
}

static void a_keying_while_its_answer_is_checked_comes_too_late(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(false, 10000, &a, &b);
	struct stranger s = {.identity = b->identity, .session_id = 9};

	// IHello 20, RHello 20, our half 10, IIKeying 20, B's half 10, RIKeying 20 ms: now we
	// combine.
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n, 105000);
	stranger_keys(&s, a, 0, &b->addrs[0]);
	assert_int_equal(startup_counters(a->startup)->glare_won, 1);
	net_run_us(n, 1000000);
	assert_ptr_equal(host_seen(a, SEEN_OPENED)->user, &users[0]);
	assert_same_keys(the_only_session(a), the_only_session(b));
	net_destroy(n);
}

static void only_the_very_certificate_takes_an_openings_place(void **state)
{
	// The same identity, but other octets behind the canonical section.
	struct host *a, *b;
	struct net *n = glare_pair(false, 0, &a, &b);
	struct stranger s = {.identity = b->identity, .session_id = 9};

	s.identity.member.certificate[s.identity.member.certificate_len++] = 0; // a Marker
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n, 50000);
	stranger_keys(&s, a, 0, &b->addrs[0]);
	net_run_us(n, 10000);
	assert_null(host_seen(a, SEEN_OPENED)->user);
	assert_int_equal(host_n_seen(a, SEEN_FAILED), 0);
	net_run_us(n, 1000000);
	assert_int_equal(n_outcomes(a, &users[0]), 1);
	assert_int_equal(host_n_seen(a, SEEN_FAILED), 0);
	net_destroy(n);
}

// What this host says on sessions is lost.
struct silence {
	struct wire_addr from;
	bool on_sessions;
};

static bool keep_silence(void *ctx, struct datagram *d)
{
	const struct silence *s = ctx;

	return d->is_startup || !s->on_sessions || !wire_addr_equal(&d->from, &s->from);
}

static void a_session_that_is_proved_late_ends_our_keying(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(false, 0, &a, &b);
	struct silence silence = {b->addrs[0], true};
	uint64_t n_sent;

	n->filter = keep_silence;
	n->filter_ctx = &silence;
	host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 200000); // B's session is open; to A it is but a claim, for 2 s
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n, 2200000); // so A's third IHello leads on to its IIKeying, which B drops
	assert_int_equal(a->worker.n_packets[CHUNK_IIKEYING], 1);
	assert_int_equal(startup_counters(b->startup)->glare_won, 1);
	silence.on_sessions = false;
	ctl_session_ping(the_only_session(b), 0);
	net_run_us(n, FAKE_TALK_US);
	assert_int_equal(host_n_seen(a, SEEN_FAILED), 0); // B may have answered it after all
	n_sent = a->worker.n_packets[CHUNK_IIKEYING];
	net_run_us(n, 9 * 1000000); // what is late has come, or will not
	assert_int_equal(host_seen(a, SEEN_FAILED)->why, OPEN_DUPLICATE);
	assert_ptr_equal(host_seen(a, SEEN_FAILED)->session, the_only_session(a));
	assert_int_equal(a->worker.n_packets[CHUNK_IIKEYING], n_sent); // nor was it sent again
	net_run_us(n, 10 * 1000000); // beyond the 5 s in which B drops it
	assert_same_keys(the_only_session(a), the_only_session(b));
	assert_int_equal(host_n_seen(a, SEEN_CLOSED) + host_n_seen(b, SEEN_CLOSED), 0);
	net_destroy(n);
}

// A round trip of 6 s. A keys after 17.1 s, since nothing shows that B's session of 9 s is true;
// B, for whom it is open since 12 s, takes that for a new life and answers.
static void who_keyed_too_soon_waits_a_round_trip(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(false, 0, &a, &b);
	struct silence silence = {b->addrs[0], true};

	n->delay_us = 3000000;
	n->filter = keep_silence;
	n->filter_ctx = &silence;
	host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 9 * 1000000);
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n, 6500000);
	silence.on_sessions = false;
	ctl_session_ping(the_only_session(b), 0); // at A after 18.5 s, the RIKeying after 23.1
	net_run_us(n, 15 * 1000000);
	assert_int_equal(host_n_seen(a, SEEN_OPENED), 2);
	assert_int_equal(host_seen(b, SEEN_CLOSED)->reason, CLOSED_OVERRIDE);
	assert_same_keys(the_only_session(a), the_only_session(b));
	net_destroy(n);
}

static void an_answer_overrides_what_its_sender_has_overridden(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(true, 0, &a, &b);
	struct silence silence = {b->addrs[0], true};

	n->filter = keep_silence;
	n->filter_ctx = &silence;
	host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 3 * 1000000);
	assert_false(the_only_session(a)->is_alive);
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	silence.on_sessions = false;
	net_run_us(n, 1000000);
	assert_int_equal(host_seen(b, SEEN_CLOSED)->reason, CLOSED_OVERRIDE);
	assert_int_equal(host_seen(a, SEEN_CLOSED)->reason, CLOSED_OVERRIDE);
	assert_same_keys(the_only_session(a), the_only_session(b));
	net_destroy(n);
}

// What A keys is lost, and what B says on sessions.
static bool keep_apart(void *ctx, struct datagram *d)
{
	const struct silence *s = ctx;

	if (!d->is_startup)
		return !s->on_sessions || !wire_addr_equal(&d->from, &s->from);
	return !s->on_sessions || wire_addr_equal(&d->from, &s->from) ||
	       d->octets[0] != CHUNK_IIKEYING;
}

static void who_gave_in_to_a_session_that_never_speaks_goes_on(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(true, 0, &a, &b);
	struct silence silence = {b->addrs[0], true};
	uint32_t answered;

	n->filter = keep_apart;
	n->filter_ctx = &silence;
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 8 * 1000000); // A gives in to B's IIKeying of 7.5 s
	answered = the_only_session(a)->id;
	assert_false(the_only_session(a)->is_alive);
	assert_int_equal(host_n_seen(a, SEEN_FAILED), 0);
	n->filter = keep_silence; // what A keys arrives, what B says on its session does not
	net_run_us(n, 4 * 1000000);
	silence.on_sessions = false;
	net_run_us(n, 1 * 1000000);
	assert_same_keys(the_only_session(a), the_only_session(b));
	assert_true(the_only_session(a)->is_initiator);
	assert_int_not_equal(the_only_session(a)->id, answered);
	assert_int_equal(host_n_seen(a, SEEN_FAILED), 0);
	net_destroy(n);
}

// ---- addresses that change ----

// A translator gives what `host` keys another port, and knows the way back.
struct translator {
	struct wire_addr host, outside;
	struct silence silence;
};

static bool translate(void *ctx, struct datagram *d)
{
	const struct translator *t = ctx;

	if (wire_addr_equal(&d->to, &t->outside))
		d->to = t->host;
	if (!keep_silence((void *)&t->silence, d))
		return false;
	if (d->is_startup && d->octets[0] == CHUNK_IIKEYING && wire_addr_equal(&d->from, &t->host))
		d->from = t->outside;
	return true;
}

// The other begins so much after the first; what the second keys comes from another port, so that
// a Cookie Change comes between.
static void glare_moved_at(bool first_prevails, bool first_begins, uint64_t later_us)
{
	struct host *a, *b;
	struct net *n = glare_pair(first_prevails, 7000, &a, &b);
	struct translator t = {.host = b->addrs[0], .outside = addr("192.0.2.2:50000")};

	n->filter = translate;
	n->filter_ctx = &t;
	if (first_begins)
		host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	else
		host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, later_us);
	if (!first_begins && startup_find(a->startup, 0, b->identity.member.fingerprint) == NULL)
		host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	if (first_begins && startup_find(b->startup, 0, a->identity.member.fingerprint) == NULL)
		host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 15 * 1000000);
	assert_same_keys(the_only_session(a), the_only_session(b));
	assert_int_equal(b->worker.n_cookie_changes, 0);
	assert_true(n_outcomes(a, &users[0]) <= 1 && n_outcomes(b, &users[1]) <= 1);
	net_destroy(n);
}

static void glare_is_seen_from_any_address(void **state)
{
	for (unsigned way = 0; way < 4; way++)
		for (uint64_t later_ms = 0; later_ms <= 200; later_ms += 5)
			glare_moved_at(way & 1, way & 2, later_ms * 1000);
}

static void an_impostor_elsewhere_stops_an_opening_once(void **state)
{
	for (unsigned first_prevails = 0; first_prevails < 2; first_prevails++) {
		struct host *a, *b;
		struct net *n = glare_pair(first_prevails, 0, &a, &b);
		struct deafness deaf = {a->addrs[0]};
		struct stranger s = {.identity = b->identity};
		struct wire_addr there = addr("198.51.100.7:7");

		// A's IIKeyings are lost for 20 s, and somebody shows B's certificate all the time.
		host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
		net_run_us(n, 45000);
		assert_int_equal(a->worker.n_packets[CHUNK_IIKEYING], 1);
		n->filter = lose_keyings;
		n->filter_ctx = &deaf;
		n->n_air = 0;
		for (unsigned i = 0; i < 20; i++) {
			s.session_id = i + 1;
			stranger_keys(&s, a, 0, &there);
			net_run_us(n, 1000000);
		}
		assert_int_equal(n_outcomes(a, &users[0]), 0);
		assert_true(a->worker.n_packets[CHUNK_IIKEYING] >= 4); // 0, 3.4, 4.5, 7.8 s at most
		n->filter = NULL;
		net_run_us(n, 15 * 1000000);
		assert_int_equal(n_outcomes(a, &users[0]), 1);
		assert_same_keys(startup_find(a->startup, 0, b->identity.member.fingerprint),
				 the_only_session(b));
		net_destroy(n);
	}
}

static void a_keying_again_from_another_port_gets_the_same_answer_there(void **state)
{
	struct host *a, *b;
	struct net *n = glare_pair(true, 0, &a, &b);
	struct stranger s = {.identity = b->identity, .session_id = 9};
	struct wire_addr first = addr("198.51.100.7:7"), second = addr("198.51.100.7:8");

	stranger_keys(&s, a, 0, &first);
	net_run_us(n, 1000);
	stranger_keys(&s, a, 0, &second);
	net_run_us(n, 1000);
	assert_int_equal(startup_counters(a->startup)->keyings_replayed, 1);
	assert_int_equal(a->worker.n_packets[CHUNK_RIKEYING], 2);
	assert_true(wire_addr_equal(&the_only_session(a)->far, &first));
	assert_true(wire_addr_equal(&n->air[n->n_air - 1].to, &second));
	assert_int_equal(n->air[n->n_air - 1].octets[0], CHUNK_RIKEYING);
	net_destroy(n);
}

static void of_two_proven_sessions_one_is_kept(void **state)
{
	// B's session is but a claim to A, since nothing that B says on it arrives. So A opens
	// another, from an address where B does not look for what it replaces.
	for (unsigned first_prevails = 0; first_prevails < 2; first_prevails++) {
		struct host *a, *b;
		struct net *n = glare_pair(first_prevails, 0, &a, &b);
		struct translator t = {.host = a->addrs[0],
				       .outside = addr("192.0.2.1:50000"),
				       .silence = {b->addrs[0], true}};

		n->filter = translate;
		n->filter_ctx = &t;
		host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
		net_run_us(n, 7 * 1000000);
		host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
		net_run_us(n, 500000);
		assert_int_equal(host_n_seen(a, SEEN_OPENED), 2);
		assert_int_equal(host_n_seen(b, SEEN_OPENED), 2);
		t.silence.on_sessions = false;
		net_run_us(n, 12 * 1000000);
		assert_same_keys(the_only_session(a), the_only_session(b));
		assert_true(the_only_session(a)->is_initiator); // the younger by far
		// A knows by B's address that its answer replaced the older. B decides, or asks the
		// older whether it lives.
		assert_int_equal(host_seen(a, SEEN_CLOSED)->reason, CLOSED_OVERRIDE);
		assert_int_equal(host_seen(b, SEEN_CLOSED)->reason,
				 first_prevails ? CLOSED_TIMEOUT : CLOSED_OVERRIDE);
		net_destroy(n);
	}
}

// The first that B says on its first session is 9 s late, the rest of that is lost.
struct straggler {
	struct translator t;
	uint32_t id; // at A
};

static bool straggle(void *ctx, struct datagram *d)
{
	struct straggler *s = ctx;
	bool is_first = s->id == 0;

	if (d->is_startup || !wire_addr_equal(&d->from, &s->t.host))
		return translate(&s->t, d);
	if (is_first)
		s->id = d->session_id;
	if (d->session_id == s->id)
		d->at_us += 9 * 1000000;
	return is_first || d->session_id != s->id;
}

static void an_older_session_that_is_proved_late_is_asked(void **state)
{
	// A, to whom B's session is but a claim, opens another, by which B replaces it: to B they
	// have one address, to A two. Then the claim proves itself, though it is gone.
	struct host *a, *b;
	struct net *n = glare_pair(false, 0, &a, &b);
	struct straggler s = {.t = {.host = b->addrs[0], .outside = addr("192.0.2.2:50000")}};

	n->filter = straggle;
	n->filter_ctx = &s;
	host_open(b, a->identity.member.fingerprint, A_AT, &users[1]);
	net_run_us(n, 7 * 1000000); // 5 s of glare, and 2 more
	host_open(a, b->identity.member.fingerprint, B_AT, &users[0]);
	net_run_us(n, 1 * 1000000);
	assert_int_equal(host_seen(b, SEEN_CLOSED)->reason, CLOSED_OVERRIDE);
	assert_int_equal(host_n_seen(a, SEEN_OPENED), 2);
	net_run_us(n, 2 * 1000000);
	assert_true(startup_session(a->startup, 0, session_id_slot(s.id), s.id)->is_alive);
	net_run_us(n, 10 * 1000000);
	assert_int_equal(host_seen(a, SEEN_CLOSED)->reason, CLOSED_TIMEOUT);
	assert_same_keys(the_only_session(a), the_only_session(b));
	net_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_openings_toward_each_other_become_one_session),
		cmocka_unit_test(packets_may_overtake_each_other),
		cmocka_unit_test(glare_takes_no_longer_where_a_round_trip_is_6_s),
		cmocka_unit_test(a_restart_soon_after_glare_waits_5_s),
		cmocka_unit_test(glare_survives_loss),
		cmocka_unit_test(who_prevails_and_stays_unanswered_gives_in_after_5_s),
		cmocka_unit_test(who_gave_in_may_be_heard_late),
		cmocka_unit_test(who_gives_in_waits_a_round_trip),
		cmocka_unit_test(who_yields_to_a_bad_keying_goes_on),
		cmocka_unit_test(an_answer_that_comes_while_we_yield_is_too_late),
		cmocka_unit_test(a_session_from_elsewhere_ends_our_opening),
		cmocka_unit_test(a_peer_may_call_from_another_of_its_addresses),
		cmocka_unit_test(a_keying_while_its_answer_is_checked_comes_too_late),
		cmocka_unit_test(only_the_very_certificate_takes_an_openings_place),
		cmocka_unit_test(a_session_that_is_proved_late_ends_our_keying),
		cmocka_unit_test(who_keyed_too_soon_waits_a_round_trip),
		cmocka_unit_test(an_answer_overrides_what_its_sender_has_overridden),
		cmocka_unit_test(who_gave_in_to_a_session_that_never_speaks_goes_on),
		cmocka_unit_test(glare_is_seen_from_any_address),
		cmocka_unit_test(an_impostor_elsewhere_stops_an_opening_once),
		cmocka_unit_test(a_keying_again_from_another_port_gets_the_same_answer_there),
		cmocka_unit_test(of_two_proven_sessions_one_is_kept),
		cmocka_unit_test(an_older_session_that_is_proved_late_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
