// A silent session's far end: in the dark, alive, or born again (silence.c).
#include "dataplane/wire/chunk.h"
#include "tests/support/test.h"
#include "tests/unit/control/startup/net.h"

#define A_AT      "198.51.100.1:4000"
#define MEMBER_AT "203.0.113.1:1936"
#define SERVER_AT "203.0.113.1:1935"
#define SECOND    UINT64_C(1000000)

struct pair {
	struct net *net;
	struct host *a, *b;
	struct ctl_session *to_member, *to_server; // of a
};

// a has a session to each endpoint of b.
static struct pair pair_meet(void)
{
	struct pair p = {.net = net_create(1)};

	p.a = net_peer(p.net, A_AT);
	p.b = net_appliance(p.net, MEMBER_AT, SERVER_AT);
	host_open(p.a, p.b->identity.member.fingerprint, MEMBER_AT, NULL);
	host_open(p.a, p.b->identity.server.fingerprint, SERVER_AT, NULL);
	net_run_us(p.net, SECOND);
	p.to_member = startup_find(p.a->startup, 0, p.b->identity.member.fingerprint);
	p.to_server = startup_find(p.a->startup, 0, p.b->identity.server.fingerprint);
	assert_non_null(p.to_member);
	assert_non_null(p.to_server);
	return p;
}

static void b_dies(struct pair *p)
{
	p->b->worker.is_mute = true;
	p->b->addrs[0].port = p->b->addrs[1].port = 9; // nothing reaches it any more
}

static void b_begins_again(struct pair *p)
{
	b_dies(p);
	net_host(p->net, &(struct host_opts){
				 .addrs = {MEMBER_AT, SERVER_AT},
				 .n_endpoints = 2,
				 .ends = {{.answers_hello = true}, {.answers_hello = true}},
				 .kind = IDENTITY_APPLIANCE,
				 .identity = &p->b->identity,
			 });
}

static void a_is_told(struct pair *p, struct ctl_session *s, enum session_health health)
{
	startup_health(p->a->startup, s, health, p->net->now_us);
}

static void a_far_end_that_has_forgotten_us_is_parted_from_at_all_its_endpoints(void **state)
{
	struct pair p = pair_meet();

	b_begins_again(&p);
	a_is_told(&p, p.to_member, HEALTH_SILENT);
	a_is_told(&p, p.to_member, HEALTH_SUSPECT); // one question is enough
	net_run_us(p.net, SECOND / 2);
	assert_int_equal(startup_counters(p.a->startup)->questions, 1);
	assert_int_equal(startup_counters(p.a->startup)->forgotten, 1);
	assert_int_equal(p.a->worker.n_pings, 2);
	a_is_told(&p, p.to_member, HEALTH_SUSPECT); // and so is one challenge
	assert_int_equal(host_n_seen(p.a, SEEN_CLOSED), 0);
	net_run_us(p.net, 4 * SECOND);
	assert_int_equal(startup_counters(p.a->startup)->questions, 1);
	assert_int_equal(host_n_seen(p.a, SEEN_CLOSED), 2);
	assert_int_equal(p.a->seen[p.a->n_seen - 1].reason, CLOSED_TIMEOUT);
	assert_int_equal(host_n_seen(p.a, SEEN_FAILED), 0); // nobody has asked to open anything
	// And who opens now, meets the new life.
	host_open(p.a, p.b->identity.member.fingerprint, MEMBER_AT, NULL);
	net_run_us(p.net, SECOND);
	assert_int_equal(host_n_seen(p.a, SEEN_OPENED), 3);
	net_destroy(p.net);
}

static bool is_dark(void *ctx, struct datagram *d)
{
	return false;
}

static void a_dark_path_ends_nothing(void **state)
{
	struct pair p = pair_meet();

	p.net->filter = is_dark;
	a_is_told(&p, p.to_member, HEALTH_SILENT);
	net_run_us(p.net, 60 * SECOND);
	assert_in_range(p.a->worker.n_packets[CHUNK_IHELLO], 2 + 8, 2 + 10); // 0, 1, 3.5, 7.5 ... s
	p.net->filter = NULL;
	a_is_told(&p, p.to_member, HEALTH_GOOD);
	net_run_us(p.net, 60 * SECOND);
	assert_in_range(p.a->worker.n_packets[CHUNK_IHELLO], 2 + 8, 2 + 10); // none since
	assert_int_equal(startup_counters(p.a->startup)->forgotten, 0);
	assert_int_equal(host_n_seen(p.a, SEEN_CLOSED), 0);
	assert_int_equal(host_n_seen(p.a, SEEN_FAILED), 0);
	net_destroy(p.net);
}

// The answer to our hello came first, and that to our ping after it.
static void who_is_alive_after_all_stays(void **state)
{
	struct pair p = pair_meet();

	a_is_told(&p, p.to_member, HEALTH_SILENT);
	net_run_us(p.net, 10 * SECOND);
	assert_int_equal(startup_counters(p.a->startup)->forgotten, 1);
	assert_int_equal(p.a->worker.n_pings, 2);
	assert_int_equal(host_n_seen(p.a, SEEN_CLOSED), 0);
	net_destroy(p.net);
}

static void who_may_not_initiate_asks_nobody(void **state)
{
	struct pair p = pair_meet();
	struct ctl_session *s = startup_find(p.b->startup, 0, p.a->identity.member.fingerprint);

	assert_non_null(s);
	startup_health(p.b->startup, s, HEALTH_SILENT, p.net->now_us);
	net_run_us(p.net, 10 * SECOND);
	assert_int_equal(startup_counters(p.b->startup)->questions, 0);
	assert_int_equal(p.b->worker.n_packets[CHUNK_IHELLO], 0);
	net_destroy(p.net);
}

static void a_session_that_ends_takes_its_question_along(void **state)
{
	struct pair p = pair_meet();
	uint32_t n;

	b_dies(&p);
	a_is_told(&p, p.to_member, HEALTH_SILENT);
	net_run_us(p.net, 2 * SECOND);
	n = p.a->worker.n_packets[CHUNK_IHELLO];
	ctl_session_close(p.to_member, CLOSE_SILENT);
	net_run_us(p.net, 60 * SECOND);
	assert_int_equal(p.a->worker.n_packets[CHUNK_IHELLO], n);
	assert_int_equal(host_n_seen(p.a, SEEN_FAILED), 0);
	net_destroy(p.net);
}

// Its keying is a new life's and no glare, though we say hello to the very same peer.
static void a_question_stands_in_nobodys_way(void **state)
{
	struct pair p = {.net = net_create(1)};
	struct host *again;

	p.a = net_peer(p.net, A_AT);
	p.b = net_peer(p.net, MEMBER_AT);
	host_open(p.b, p.a->identity.member.fingerprint, A_AT, NULL);
	net_run_us(p.net, SECOND);
	p.to_member = startup_find(p.a->startup, 0, p.b->identity.member.fingerprint);
	p.b->worker.is_mute = true;
	p.b->addrs[0].port = 9;
	a_is_told(&p, p.to_member, HEALTH_SILENT); // nobody answers
	net_run_us(p.net, SECOND / 10);
	again = net_host(p.net, &(struct host_opts){.addrs = {MEMBER_AT},
						    .n_endpoints = 1,
						    .ends = {{.may_initiate = true}},
						    .kind = IDENTITY_PEER,
						    .identity = &p.b->identity});
	host_open(again, p.a->identity.member.fingerprint, A_AT, NULL);
	net_run_us(p.net, SECOND / 2);
	assert_int_equal(host_n_seen(again, SEEN_OPENED), 1);
	assert_int_equal(startup_counters(p.a->startup)->overrides, 1);
	assert_int_equal(startup_counters(p.a->startup)->glare_won, 0);
	assert_int_equal(host_n_seen(p.a, SEEN_FAILED), 0);
	net_destroy(p.net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_far_end_that_has_forgotten_us_is_parted_from_at_all_its_endpoints),
		cmocka_unit_test(a_dark_path_ends_nothing),
		cmocka_unit_test(who_is_alive_after_all_stays),
		cmocka_unit_test(who_may_not_initiate_asks_nobody),
		cmocka_unit_test(a_session_that_ends_takes_its_question_along),
		cmocka_unit_test(a_question_stands_in_nobodys_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
