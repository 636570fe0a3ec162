#include "tests/unit/control/startup/strangers.h"

#include "tests/support/test.h"

void stranger_gives(struct host *h, uint8_t endpoint, enum report_op op, uint8_t chunk,
		    uint32_t session_id, const struct wire_addr *from, struct span octets)
{
	struct report r = {.op = (uint8_t)op, .session_id = session_id};

	r.body = body_get(h->worker.bodies, (uint32_t)octets.len);
	assert_non_null(r.body);
	if (octets.len > 0)
		memcpy(r.body->data, octets.data, octets.len);
	r.len = (uint32_t)octets.len;
	memcpy(r.packet.from.ip, from->ip, sizeof(from->ip));
	r.packet.from.port = from->port;
	r.packet.from.family = from->family;
	r.packet.from.endpoint = endpoint;
	r.packet.from.local = from->local;
	r.packet.session_id = session_id;
	r.packet.chunk = chunk;
	r.packet.allowance = op == REP_HELLO ? STRANGERS_ALLOWANCE : 0;
	assert_true(startup_report(h->startup, h->worker.worker, &r, h->net->now_us));
}

struct span chunk_payload(const struct wr *w)
{
	return span_of(w->base + CHUNK_HEADER_LEN, w->len - CHUNK_HEADER_LEN);
}

void stranger_init(struct stranger *s, struct net *n, uint32_t session_id)
{
	memset(s, 0, sizeof(*s));
	s->session_id = session_id;
	assert_int_equal(identity_generate(&s->identity, IDENTITY_PEER, &n->random), 0);
}

void stranger_keys(struct stranger *s, struct host *h, uint8_t endpoint,
		   const struct wire_addr *from)
{
	static const uint8_t old_end[] = {0x03, 0x1a, 0x02, 0x0a, 0x02, 0x1e, 0x02}; // §16.3
	struct certificate own = identity_certificate(&s->identity.member);
	struct certificate far =
		identity_certificate(endpoint == 0 ? &h->identity.member : &h->identity.server);
	struct keying_near near = {&own, s->identity.member.keys, s->identity.member.n_keys,
				   &keying_policy_default};
	uint8_t chunk[2048];
	struct wr w = wr_over(chunk, sizeof(chunk));
	struct iikeying k = {.initiator_session_id = s->session_id,
			     .cookie_echo = span_of("cookie", 6),
			     .cert = own.whole,
			     .signature = span_of("X", 1)};

	if (s->keying.component_len == 0)
		assert_int_equal(keying_initiate(&s->keying, &near, &far, NULL, &h->net->random),
				 0);
	if (s->is_old)
		memcpy(s->keying.component + s->keying.component_len - sizeof(old_end), old_end,
		       sizeof(old_end));
	k.skic = span_of(s->keying.component, s->keying.component_len);
	assert_int_equal(iikeying_write(&w, &k), 0);
	stranger_gives(h, endpoint, REP_KEYING, CHUNK_IIKEYING, 0, from, chunk_payload(&w));
}
