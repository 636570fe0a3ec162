// Forwarded IHellos (RFC 7016 §3.5.1.4): whom we answer where, and what nobody can make us do.
#include "crypto/epd.h"
#include "tests/support/test.h"
#include "tests/unit/control/startup/strangers.h"

#define A_AT "192.0.2.1:40001"
#define B_AT "192.0.2.2:40002"

struct place {
	struct net *n;
	struct host *a, *b; // B forwards to A over their session
	struct ctl_session *via;
};

static struct place begin(bool answers_fihello)
{
	struct place p = {.n = net_create(1)};

	p.a = net_host(p.n, &(struct host_opts){
				    .addrs = {A_AT},
				    .n_endpoints = 1,
				    .ends = {{.answers_hello = true,
					      .answers_fihello = answers_fihello,
					      .may_initiate = true}},
				    .kind = IDENTITY_PEER,
				    .startup = {.introductions_per_ip = {1, 30},
						.introductions_per_target = {1, 20}},
			    });
	p.b = net_peer(p.n, B_AT);
	host_open(p.a, p.b->identity.member.fingerprint, B_AT, NULL);
	net_run_us(p.n, 1000000);
	p.via = host_seen(p.a, SEEN_OPENED)->session;
	return p;
}

static void give(struct place *p, const uint8_t fingerprint[32], const char *reply_at,
		 size_t tag_len)
{
	static const uint8_t tag[256];
	uint8_t epd[EPD_CANONICAL_LEN], chunk[512];
	struct wr w = wr_over(chunk, sizeof(chunk));
	struct fihello f = {span_of(epd, sizeof(epd)), addr(reply_at), span_of(tag, tag_len)};
	struct report r = {
		.op = REP_SESSION_FIHELLO, .session_idx = p->via->idx, .session_id = p->via->id};
	struct span payload;

	epd_canonical(epd, fingerprint);
	assert_int_equal(fihello_write(&w, &f), 0);
	payload = chunk_payload(&w);
	r.body = body_get(p->a->worker.bodies, (uint32_t)payload.len);
	memcpy(r.body->data, payload.data, payload.len);
	r.len = (uint32_t)payload.len;
	assert_true(startup_report(p->a->startup, 0, &r, p->n->now_us));
	net_run_us(p->n, 0);
	p->n->n_air = 0;
}

static void an_rhello_goes_where_the_initiator_is(void **state)
{
	struct place p = begin(true);

	give(&p, p.a->identity.member.fingerprint, "198.51.100.1:5", 16);
	assert_int_equal(p.a->worker.n_hello_replies, 1);
	assert_int_equal(startup_counters(p.a->startup)->fihellos_in, 1);
	net_destroy(p.n);
}

static void others_are_not_answered(void **state)
{
	static const struct {
		const char *name, *reply_at;
		bool is_for_us, answers;
		size_t tag_len;
	} rows[] = {
		{"for somebody else", "198.51.100.1:5", false, true, 16},
		{"to an endpoint that does not want to", "198.51.100.1:5", true, false, 16},
		{"to loopback", "127.0.0.1:5", true, true, 16},
		{"to a multicast group", "224.0.0.5:5", true, true, 16},
		{"to port 0", "198.51.100.1:0", true, true, 16},
		{"with a tag longer than any of ours", "198.51.100.1:5", true, true, 65},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct place p = begin(rows[i].answers);
		const struct host *wanted = rows[i].is_for_us ? p.a : p.b;
		uint64_t n_before = startup_counters(p.a->startup)->unexpected;

		give(&p, wanted->identity.member.fingerprint, rows[i].reply_at, rows[i].tag_len);
		assert_row(p.a->worker.n_hello_replies == 0, rows[i].name);
		assert_row(startup_counters(p.a->startup)->unexpected == n_before + 1,
			   rows[i].name);
		net_destroy(p.n);
	}
}

static void a_forwarder_has_its_limit(void **state)
{
	struct place p = begin(true);

	for (unsigned i = 0; i < 50; i++)
		give(&p, p.a->identity.member.fingerprint, "198.51.100.1:5", 16);
	assert_int_equal(p.a->worker.n_hello_replies, 20);
	assert_int_equal(startup_counters(p.a->startup)->hellos_rate_limited, 30);
	net_destroy(p.n);
}

// However many forwarders there are: nobody's door is knocked at more often.
static void so_has_who_is_answered(void **state)
{
	struct place p = begin(true);
	struct host *other = net_peer(p.n, "192.0.2.3:40003");

	for (unsigned i = 0; i < 20; i++)
		give(&p, p.a->identity.member.fingerprint, "198.51.100.1:5", 16);
	host_open(p.a, other->identity.member.fingerprint, "192.0.2.3:40003", NULL);
	net_run_us(p.n, 1000000);
	p.via = startup_find(p.a->startup, 0, other->identity.member.fingerprint);
	for (unsigned i = 0; i < 15; i++)
		give(&p, p.a->identity.member.fingerprint, "198.51.100.1:6", 16);
	assert_int_equal(p.a->worker.n_hello_replies, 30 + 1); // a second has passed
	for (unsigned i = 0; i < 5; i++)
		give(&p, p.a->identity.member.fingerprint, "198.51.100.2:6", 16);
	assert_int_equal(p.a->worker.n_hello_replies, 30 + 1 + 5);
	net_destroy(p.n);
}

static void the_report_of_a_closed_session_is_nobodys(void **state)
{
	struct place p = begin(true);

	ctl_session_close(p.via, CLOSE_ABRUPT);
	give(&p, p.a->identity.member.fingerprint, "198.51.100.1:5", 16);
	net_run_us(p.n, 1000000);
	give(&p, p.a->identity.member.fingerprint, "198.51.100.1:5", 16);
	assert_int_equal(p.a->worker.n_hello_replies, 0);
	net_destroy(p.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_rhello_goes_where_the_initiator_is),
		cmocka_unit_test(others_are_not_answered),
		cmocka_unit_test(a_forwarder_has_its_limit),
		cmocka_unit_test(so_has_who_is_answered),
		cmocka_unit_test(the_report_of_a_closed_session_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
