// The room's front door: what workers are told at the start, time, and the end of sessions.
#include "control/startup/internal.h"
#include "tests/support/test.h"
#include "tests/unit/control/startup/strangers.h"

#define A_AT      "192.0.2.1:40001"
#define B_AT      "192.0.2.2:40002"
#define MEMBER_AT "203.0.113.9:1936"
#define SERVER_AT "203.0.113.9:1935"

static void a_worker_learns_secret_and_endpoints_at_the_start(void **state)
{
	struct net *n = net_create(1);
	struct host *h = net_appliance(n, MEMBER_AT, SERVER_AT);
	const struct identity_endpoint *ends[] = {&h->identity.member, &h->identity.server};

	assert_int_equal(h->worker.n_secrets, 1);
	for (unsigned e = 0; e < 2; e++) {
		assert_true(h->worker.endpoints[e].answers_hello);
		assert_int_equal(h->worker.endpoints[e].cert_len, ends[e]->certificate_len);
		assert_memory_equal(h->worker.endpoints[e].cert, ends[e]->certificate,
				    ends[e]->certificate_len);
	}
	net_destroy(n);
}

static void an_endpoint_that_nobody_may_ask_is_not_the_workers_business(void **state)
{
	struct net *n = net_create(1);
	struct host *h = net_host(n, &(struct host_opts){.addrs = {A_AT},
							 .n_endpoints = 1,
							 .ends = {{.may_initiate = true}},
							 .kind = IDENTITY_PEER});

	assert_int_equal(h->worker.n_secrets, 1);
	assert_false(h->worker.endpoints[0].is_known);
	net_destroy(n);
}

static void the_cookie_secret_changes_every_two_minutes(void **state)
{
	struct net *n = net_create(1);
	struct host *h = net_peer(n, A_AT);

	for (uint32_t i = 1; i <= 3; i++) {
		net_run_us(n, 120 * 1000000 - 1);
		assert_int_equal(h->worker.n_secrets, i);
		net_run_us(n, 1);
		assert_int_equal(h->worker.n_secrets, i + 1);
	}
	net_destroy(n);
}

static void a_cookie_outlives_a_change_of_the_secret(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);

	// The RHello's cookie is made before the change, the IIKeying comes back after it.
	net_run_us(n, 120 * 1000000 - 30000);
	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 900000);
	assert_int_equal(b->worker.n_secrets, 2);
	assert_same_keys(host_seen(a, SEEN_OPENED)->session, host_seen(b, SEEN_OPENED)->session);
	net_destroy(n);
}

static void reports_of_others_are_left_alone(void **state)
{
	static const uint8_t others[] = {REP_STATS,         REP_FLOW_OPENED,    REP_MESSAGE,
					 REP_FLOW_FINISHED, REP_FLOW_EXCEPTION, REP_STREAM_FRAGMENT,
					 REP_STREAM_GONE,   REP_BODIES_PUT};
	struct net *n = net_create(1);
	struct host *h = net_peer(n, A_AT);

	for (unsigned i = 0; i < sizeof(others); i++)
		assert_false(startup_report(h->startup, 0, &(struct report){.op = others[i]},
					    n->now_us));
	net_destroy(n);
}

static void a_close_is_heard_at_both_ends(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct ctl_session *s;
	uint32_t idx, id, at = 0;

	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 1000000);
	s = host_seen(a, SEEN_OPENED)->session;
	idx = s->idx;
	id = s->id;
	assert_ptr_equal(startup_session(a->startup, 0, idx, id), s);
	ctl_session_close(s, CLOSE_ORDERLY);
	assert_null(startup_find(a->startup, 0, b->identity.member.fingerprint));
	net_run_us(n, 1000000);
	assert_int_equal(host_seen(a, SEEN_CLOSED)->reason, CLOSED_BY_US);
	assert_int_equal(host_seen(b, SEEN_CLOSED)->reason, CLOSED_BY_FAR);
	assert_null(startup_session(a->startup, 0, idx, id));
	assert_null(startup_next(b->startup, &at));
	net_destroy(n);
}

static void life(struct host *h, enum report_op op, const struct ctl_session *s,
		 enum session_close_reason reason)
{
	struct report r = {.op = (uint8_t)op, .session_idx = s->idx, .session_id = s->id};

	r.closed.reason = (uint8_t)reason;
	assert_true(startup_report(h->startup, 0, &r, h->net->now_us));
}

static void closed_is_said_once_when_the_session_ends_not_when_its_slot_is_free(void **state)
{
	struct net *n = net_create(1);
	struct host *b = net_peer(n, B_AT);
	struct wire_addr from = addr(A_AT);
	struct stranger s;
	struct ctl_session *ctl;

	stranger_init(&s, n, 7);
	stranger_keys(&s, b, 0, &from);
	ctl = host_seen(b, SEEN_OPENED)->session;
	life(b, REP_SESSION_ALIVE, ctl, 0);
	assert_true(ctl->is_alive);
	life(b, REP_SESSION_CLOSING, ctl, CLOSED_BY_FAR);
	assert_int_equal(host_seen(b, SEEN_CLOSED)->reason, CLOSED_BY_FAR);
	// It lingers: a late copy of its IIKeying opens nothing.
	stranger_keys(&s, b, 0, &from);
	assert_int_equal(host_n_seen(b, SEEN_OPENED), 1);
	life(b, REP_SESSION_CLOSED, ctl, CLOSED_BY_FAR);
	assert_int_equal(host_n_seen(b, SEEN_CLOSED), 1);
	life(b, REP_SESSION_CLOSED, &(struct ctl_session){.idx = 5, .id = 5}, CLOSED_BY_FAR);
	memset(&b->worker.sessions[0], 0, sizeof(b->worker.sessions[0]));
	net_destroy(n);
}

static void a_moved_session_is_found_at_its_new_address(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct report r = {.op = REP_SESSION_MOVED};
	struct wire_addr to = addr("198.51.100.7:7"), old = addr(B_AT);
	struct ctl_session *s;

	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 1000000);
	s = host_seen(a, SEEN_OPENED)->session;
	r.session_idx = s->idx;
	r.session_id = s->id;
	memcpy(r.addr.ip, to.ip, sizeof(to.ip));
	r.addr.port = to.port;
	r.addr.family = 4;
	assert_true(startup_report(a->startup, 0, &r, n->now_us));
	assert_ptr_equal(host_seen(a, SEEN_MOVED)->session, s);
	assert_true(wire_addr_equal(&s->far, &to));
	assert_ptr_equal(directory_by_addr(a->startup->directory, 0, &to, NULL), seat_of(s));
	assert_null(directory_by_addr(a->startup->directory, 0, &old, NULL));
	net_destroy(n);
}

static void a_worker_without_room_ends_a_session(void **state)
{
	struct net *n = net_create(1);
	struct host *b = net_peer(n, B_AT);
	struct wire_addr from = addr(A_AT);
	struct stranger s;

	stranger_init(&s, n, 7);
	stranger_keys(&s, b, 0, &from);
	life(b, REP_SESSION_CLOSED, host_seen(b, SEEN_OPENED)->session, CLOSED_NO_ROOM);
	assert_int_equal(host_seen(b, SEEN_CLOSED)->reason, CLOSED_NO_ROOM);
	net_run_us(n, 0);
	memset(&b->worker.sessions[0], 0, sizeof(b->worker.sessions[0]));
	net_run_us(n, 40 * 1000000); // and the list of unproven sessions has forgotten it
	assert_int_equal(startup_counters(b->startup)->unproven, 0);
	net_destroy(n);
}

static void a_packet_at_an_endpoint_that_is_none_is_counted(void **state)
{
	struct net *n = net_create(1);
	struct host *h = net_peer(n, A_AT);
	struct wire_addr from = addr(B_AT);
	static const uint8_t ops[] = {REP_HELLO, REP_KEYING, REP_STARTUP};

	for (uint8_t i = 0; i < ARRAY_LEN(ops); i++) {
		stranger_gives(h, 1, ops[i], CHUNK_RHELLO, 0, &from, span_of("octets", 6));
		assert_int_equal(startup_counters(h->startup)->unexpected, i + 1);
	}
	net_destroy(n);
}

// A second worker, whose ring the test reads itself.
static void a_session_lives_at_the_worker_that_heard_of_it(void **state)
{
	struct net *n = net_create(1);
	struct host *h = net_peer(n, A_AT);
	struct startup *former = h->startup;
	struct mailbox *rings[2] = {mailbox_create(16), mailbox_create(16)};
	struct startup_endpoint endpoint = {.identity = &h->identity.member, .answers_hello = true};
	struct startup_opts so = {.outbox = outbox_create(rings, 2, h->bodies),
				  .keyer = &h->keyer->keyer,
				  .random = &n->random,
				  .endpoints = &endpoint,
				  .n_endpoints = 1,
				  .sessions_max = 4};
	unsigned n_ops[2][CMD_OPS_N] = {0};
	struct wire_addr from = addr(B_AT);
	struct stranger s;
	struct command c;

	h->startup = startup_create(&so, n->now_us);
	h->worker.worker = 1;
	stranger_init(&s, n, 7);
	stranger_keys(&s, h, 0, &from);
	outbox_flush(so.outbox);
	for (unsigned w = 0; w < 2; w++) {
		while (mailbox_pop(rings[w], &c)) {
			n_ops[w][c.op]++;
			if (c.op == CMD_SESSION_ADD)
				assert_int_equal(session_id_worker(c.session_id), w);
			if (c.op == CMD_BODIES_PUT) // of the report
				body_put(c.bodies.more[0]);
			if (c.body != NULL)
				body_put(c.body);
		}
		assert_int_equal(n_ops[w][CMD_COOKIE_SECRET], 1);
		assert_int_equal(n_ops[w][CMD_ENDPOINT], 1);
		assert_int_equal(n_ops[w][CMD_SESSION_ADD], w);
		assert_int_equal(n_ops[w][CMD_PACKET], w);
		mailbox_destroy(rings[w]);
	}
	startup_destroy(h->startup);
	outbox_destroy(so.outbox);
	h->startup = former;
	h->worker.worker = 0;
	net_destroy(n);
}

// Events may call back; here everything is closed or begun anew from within.
struct restless {
	unsigned n_opened, n_closed;
};

static void close_at_once(void *ctx, struct ctl_session *s, void *user)
{
	struct restless *r = ctx;

	r->n_opened++;
	ctl_session_close(s, CLOSE_ABRUPT);
}

static void count_closed(void *ctx, struct ctl_session *s, enum session_close_reason reason)
{
	((struct restless *)ctx)->n_closed++;
}

static void a_session_closed_from_its_opened_event_is_closed(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	struct restless r = {0};

	b->startup->events =
		(struct startup_events){.ctx = &r, .opened = close_at_once, .closed = count_closed};
	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(n, 90000);
	assert_int_equal(r.n_opened, 1);
	assert_int_equal(r.n_closed, 1);
	net_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_learns_secret_and_endpoints_at_the_start),
		cmocka_unit_test(an_endpoint_that_nobody_may_ask_is_not_the_workers_business),
		cmocka_unit_test(the_cookie_secret_changes_every_two_minutes),
		cmocka_unit_test(a_cookie_outlives_a_change_of_the_secret),
		cmocka_unit_test(reports_of_others_are_left_alone),
		cmocka_unit_test(a_close_is_heard_at_both_ends),
		cmocka_unit_test(
			closed_is_said_once_when_the_session_ends_not_when_its_slot_is_free),
		cmocka_unit_test(a_moved_session_is_found_at_its_new_address),
		cmocka_unit_test(a_worker_without_room_ends_a_session),
		cmocka_unit_test(a_packet_at_an_endpoint_that_is_none_is_counted),
		cmocka_unit_test(a_session_lives_at_the_worker_that_heard_of_it),
		cmocka_unit_test(a_session_closed_from_its_opened_event_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
