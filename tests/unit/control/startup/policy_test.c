// What an operator requires, over whole handshakes (§13.9, requirement 110): who does not meet it
// gets no session, is counted under what it lacks, and an opening of ours says why it failed.
#include "dataplane/wire/chunk.h"
#include "tests/support/test.h"
#include "tests/unit/control/startup/net.h"

#define A_AT "10.0.0.1:4000"
#define B_AT "10.0.0.2:4000"

static struct keying_policy policy(enum keying_want hmac, enum keying_want sseq, uint8_t group)
{
	struct keying_policy p = keying_policy_default;

	p.hmac = hmac;
	p.sseq = sseq;
	if (group != 0) {
		p.n_groups = 1;
		p.groups[0] = group;
	}
	return p;
}

static struct host *host(struct net *n, const char *at, const struct keying_policy *p)
{
	return net_host(
		n, &(struct host_opts){
			   .addrs = {at},
			   .n_endpoints = 1,
			   .ends = {{.may_initiate = true, .answers_hello = true, .policy = p}},
			   .kind = IDENTITY_PEER});
}

static void the_policies_of_both_make_the_session(void **state)
{
	const enum keying_want off = KEYING_OFF, prefer = KEYING_PREFER, must = KEYING_REQUIRE;
	const struct {
		const char *name;
		struct keying_policy initiator, responder;
		uint8_t tag_len;
		bool has_sseq;
	} rows[] = {
		{"prefer and prefer", policy(prefer, prefer, 0), policy(prefer, prefer, 0), 16,
		 true},
		{"HMAC only", policy(prefer, prefer, 0), policy(prefer, off, 0), 16, false},
		{"numbers only", policy(off, prefer, 0), policy(prefer, prefer, 0), 0, true},
		{"nothing", policy(off, off, 0), policy(prefer, prefer, 0), 0, false},
		{"require and prefer", policy(must, must, 0), policy(prefer, prefer, 0), 16, true},
		{"prefer and require", policy(prefer, prefer, 0), policy(must, must, 0), 16, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net *n = net_create(i);
		struct host *a = host(n, A_AT, &rows[i].initiator);
		struct host *b = host(n, B_AT, &rows[i].responder);
		struct host *both[] = {a, b};

		host_open(a, b->identity.member.fingerprint, B_AT, NULL);
		net_run_us(n, 1000000);
		for (unsigned h = 0; h < 2; h++) {
			const struct ctl_session *s = host_seen(both[h], SEEN_OPENED)->session;

			assert_row(s->tx_tag_len == rows[i].tag_len, rows[i].name);
			assert_row(s->rx_tag_len == rows[i].tag_len, rows[i].name);
			assert_row(s->tx_sseq == rows[i].has_sseq, rows[i].name);
			assert_row(s->rx_sseq == rows[i].has_sseq, rows[i].name);
			assert_row(s->dh_group == DH_GROUP_2, rows[i].name);
		}
		net_destroy(n);
	}
}

// The answer is the same each time it is asked for, so the third that offers nothing is the end:
// one alone might have been somebody else's guess.
static void who_requires_as_initiator_says_what_is_missing(void **state)
{
	const struct keying_policy off = policy(KEYING_OFF, KEYING_OFF, 0);
	const struct {
		const char *name;
		struct keying_policy policy;
		enum open_failure why;
		size_t counter;
	} rows[] = {
		{"HMAC", policy(KEYING_REQUIRE, KEYING_PREFER, 0), OPEN_REFUSED_HMAC,
		 offsetof(struct startup_counters, refused_hmac)},
		{"numbers", policy(KEYING_PREFER, KEYING_REQUIRE, 0), OPEN_REFUSED_SSEQ,
		 offsetof(struct startup_counters, refused_sseq)},
		{"a group that it has", policy(KEYING_PREFER, KEYING_PREFER, DH_GROUP_14),
		 OPEN_REFUSED_GROUP, offsetof(struct startup_counters, refused_group)},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net *n = net_create(i);
		struct host *a = host(n, A_AT, &rows[i].policy), *b = host(n, B_AT, &off);
		const char *counters = (const char *)startup_counters(a->startup);

		host_open(a, b->identity.member.fingerprint, B_AT, NULL);
		net_run_us(n, 10 * 1000000);
		assert_row(host_seen(a, SEEN_FAILED)->why == rows[i].why, rows[i].name);
		assert_row(host_n_seen(a, SEEN_OPENED) == 0, rows[i].name);
		assert_row(*(const uint64_t *)(counters + rows[i].counter) == 1, rows[i].name);
		net_destroy(n);
	}
}

// A responder that does not like what it is offered says nothing (§13.9: reject the component); no
// session is made and none remembered.
static void who_requires_as_responder_counts_and_is_silent(void **state)
{
	const struct {
		const char *name;
		struct keying_policy initiator, responder;
		size_t counter;
	} rows[] = {
		{"HMAC", policy(KEYING_OFF, KEYING_PREFER, 0),
		 policy(KEYING_REQUIRE, KEYING_PREFER, 0),
		 offsetof(struct startup_counters, refused_hmac)},
		{"numbers", policy(KEYING_PREFER, KEYING_OFF, 0),
		 policy(KEYING_PREFER, KEYING_REQUIRE, 0),
		 offsetof(struct startup_counters, refused_sseq)},
		{"group", policy(KEYING_PREFER, KEYING_PREFER, 0),
		 policy(KEYING_PREFER, KEYING_PREFER, DH_GROUP_14),
		 offsetof(struct startup_counters, refused_group)},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net *n = net_create(i);
		struct host *a = host(n, A_AT, &rows[i].initiator);
		struct host *b = host(n, B_AT, &rows[i].responder);
		const char *counters = (const char *)startup_counters(b->startup);
		struct opening *o;
		uint32_t at = 0;

		o = host_open(a, b->identity.member.fingerprint, B_AT, NULL);
		assert_false(startup_open_is_unanswered(o, n->now_us));
		net_run_us(n, 3 * 1000000); // asked more than once
		assert_row(startup_open_is_unanswered(o, n->now_us), rows[i].name);
		assert_row(a->worker.n_packets[CHUNK_IIKEYING] >= 2, rows[i].name);
		assert_row(*(const uint64_t *)(counters + rows[i].counter) ==
				   a->worker.n_packets[CHUNK_IIKEYING],
			   rows[i].name);
		assert_row(startup_counters(b->startup)->keyings_rejected == 0, rows[i].name);
		assert_row(startup_next(b->startup, &at) == NULL, rows[i].name);
		assert_row(b->n_seen == 0, rows[i].name);
		net_run_us(n, 100 * 1000000);
		assert_row(host_seen(a, SEEN_FAILED)->why == OPEN_UNANSWERED, rows[i].name);
		net_destroy(n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_policies_of_both_make_the_session),
		cmocka_unit_test(who_requires_as_initiator_says_what_is_missing),
		cmocka_unit_test(who_requires_as_responder_counts_and_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
