#include "tests/unit/control/startup/fake_worker.h"

#include <assert.h>

#include "crypto/epd.h"
#include "dataplane/wire/chunk.h"

// A session packet in place of a sealed one: what sealed it, and what was in it.
struct session_packet {
	uint8_t key[16], hmac[64];
	uint8_t mode, tag_len, has_sseq;
	uint8_t is_close;
	uint16_t chunk_len;
	uint8_t chunk[1024];
};

void fake_worker_init(struct fake_worker *w, uint32_t worker)
{
	memset(w, 0, sizeof(*w));
	w->worker = worker;
	w->commands = mailbox_create(256);
	w->reports = mailbox_create(256);
	w->bodies = body_pool_create(4u << 20);
	assert(w->commands != NULL && w->reports != NULL && w->bodies != NULL);
}

void fake_worker_fini(struct fake_worker *w)
{
	mailbox_destroy(w->commands);
	mailbox_destroy(w->reports);
	body_pool_destroy(w->bodies);
}

static void report(struct fake_worker *w, struct report *r, struct span octets)
{
	bool has_room;

	if (octets.len > 0) {
		r->body = body_get(w->bodies, (uint32_t)octets.len);
		assert(r->body != NULL);
		memcpy(r->body->data, octets.data, octets.len);
		r->len = (uint32_t)octets.len;
	}
	has_room = mailbox_push(w->reports, r);
	assert(has_room);
}

static void report_session(struct fake_worker *w, const struct fake_session *s, enum report_op op,
			   enum session_close_reason reason)
{
	struct report r = {.op = (uint8_t)op, .session_idx = (uint32_t)(s - w->sessions)};

	r.session_id = s->id;
	r.closed.reason = (uint8_t)reason;
	report(w, &r, (struct span){0});
}

static void session_free(struct fake_worker *w, struct fake_session *s,
			 enum session_close_reason reason)
{
	report_session(w, s, REP_SESSION_CLOSED, reason);
	memset(s, 0, sizeof(*s));
}

static struct msg_addr msg_addr_at(const struct wire_addr *a, uint8_t endpoint)
{
	struct msg_addr m = {.port = a->port, .family = a->family, .endpoint = endpoint};

	memcpy(m.ip, a->ip, sizeof(m.ip));
	return m;
}

static struct wire_addr addr_of(const struct msg_addr *m)
{
	struct wire_addr a = {.port = m->port, .family = m->family, .local = m->local};

	memcpy(a.ip, m->ip, sizeof(a.ip));
	return a;
}

static void send_chunk(struct fake_worker *w, const struct msg_addr *to, uint32_t session_id,
		       struct span chunk)
{
	struct datagram d = {.to = addr_of(to), .session_id = session_id, .is_startup = true};

	assert(chunk.len <= sizeof(d.octets));
	memcpy(d.octets, chunk.data, chunk.len);
	d.len = (uint16_t)chunk.len;
	w->n_packets[chunk.data[0]]++;
	w->send(w->ctx, to->endpoint, &d);
}

// -- hellos and cookies, as dataplane/core/hello.h promises them --

static void rhello_send(struct fake_worker *w, const struct msg_addr *to, struct span tag,
			uint64_t now_us)
{
	const struct fake_endpoint *end = &w->endpoints[to->endpoint];
	uint8_t cookie[COOKIE_LEN], chunk[1024];
	struct wr wr = wr_over(chunk, sizeof(chunk));
	struct rhello hello = {tag, span_of(cookie, sizeof(cookie)),
			       span_of(end->cert, end->cert_len)};
	int err;

	cookie_make(cookie, &w->cookies, now_us, span_of(to, sizeof(*to)));
	err = rhello_write(&wr, &hello);
	assert(err == 0);
	send_chunk(w, to, 0, wr_span(&wr));
}

static void report_packet(struct fake_worker *w, enum report_op op, const struct msg_addr *from,
			  const struct datagram *d, const struct chunk *c)
{
	struct report r = {.op = (uint8_t)op, .session_id = d->session_id};

	r.packet.from = *from;
	r.packet.session_id = d->session_id;
	r.packet.chunk = c->type;
	report(w, &r, c->payload);
}

static void on_ihello(struct fake_worker *w, const struct msg_addr *from, const struct datagram *d,
		      const struct chunk *c, uint64_t now_us)
{
	const struct fake_endpoint *end = &w->endpoints[from->endpoint];
	struct certificate cert;
	struct ihello hello;
	struct epd epd;
	int err;

	if (!end->is_known)
		return;
	err = certificate_read(&cert, span_of(end->cert, end->cert_len));
	assert(err == 0);
	if (ihello_read(&hello, c->payload) != 0 || epd_read(&epd, hello.epd) != 0)
		return;
	if (!epd_selects(&epd, &cert))
		report_packet(w, REP_HELLO, from, d, c);
	else if (end->answers_hello)
		rhello_send(w, from, hello.tag, now_us);
}

static void cookie_change(struct fake_worker *w, const struct msg_addr *to,
			  const struct iikeying *k, uint64_t now_us)
{
	uint8_t cookie[COOKIE_LEN], chunk[256];
	struct wr wr = wr_over(chunk, sizeof(chunk));
	struct cookie_change change = {k->cookie_echo, span_of(cookie, sizeof(cookie))};
	int err;

	cookie_make(cookie, &w->cookies, now_us, span_of(to, sizeof(*to)));
	err = cookie_change_write(&wr, &change);
	assert(err == 0);
	w->n_cookie_changes++;
	send_chunk(w, to, k->initiator_session_id, wr_span(&wr));
}

static void on_iikeying(struct fake_worker *w, const struct msg_addr *from,
			const struct datagram *d, const struct chunk *c, uint64_t now_us)
{
	struct iikeying k;
	enum cookie_verdict verdict;

	if (iikeying_read(&k, c->payload) != 0)
		return;
	verdict = cookie_verify(&w->cookies, now_us, k.cookie_echo, span_of(from, sizeof(*from)));
	if (verdict == COOKIE_GOOD)
		report_packet(w, REP_KEYING, from, d, c);
	else if (verdict == COOKIE_OTHER_ADDRESS)
		cookie_change(w, from, &k, now_us);
}

static void on_startup(struct fake_worker *w, uint8_t endpoint, const struct datagram *d,
		       uint64_t now_us)
{
	struct msg_addr from = msg_addr_at(&d->from, endpoint);
	struct rd r = rd_over(d->octets, d->len);
	struct chunk c;

	while (chunk_next(&r, &c)) {
		if (c.type == CHUNK_IHELLO)
			on_ihello(w, &from, d, &c, now_us);
		else if (c.type == CHUNK_IIKEYING)
			on_iikeying(w, &from, d, &c, now_us);
		else if (chunk_is_legal(c.type, MODE_STARTUP))
			report_packet(w, REP_STARTUP, &from, d, &c);
	}
}

// -- sessions --

static void session_send(struct fake_worker *w, struct fake_session *s, struct span chunk,
			 bool is_close)
{
	struct datagram d = {.to = addr_of(&s->seed.far), .session_id = s->seed.far_id};
	struct session_packet p = {
		.mode = s->seed.flags & SEED_INITIATOR ? MODE_INITIATOR : MODE_RESPONDER,
		.tag_len = s->seed.tx_tag_len,
		.has_sseq = (s->seed.flags & SEED_TX_SSEQ) != 0,
		.is_close = is_close,
		.chunk_len = (uint16_t)chunk.len,
	};

	memcpy(p.key, s->seed.tx_sched, sizeof(p.key)); // the first round key is the key
	memcpy(p.hmac, s->seed.tx_hmac, sizeof(p.hmac));
	assert(chunk.len <= sizeof(p.chunk));
	if (chunk.len > 0)
		memcpy(p.chunk, chunk.data, chunk.len);
	memcpy(d.octets, &p, sizeof(p));
	d.len = sizeof(p);
	w->send(w->ctx, s->seed.far.endpoint, &d);
}

static bool packet_opens(const struct fake_session *s, const struct session_packet *p)
{
	uint8_t mine = s->seed.flags & SEED_INITIATOR ? MODE_INITIATOR : MODE_RESPONDER;

	return memcmp(p->key, s->seed.rx_sched + sizeof(s->seed.rx_sched) - sizeof(p->key),
		      sizeof(p->key)) == 0 &&
	       memcmp(p->hmac, s->seed.rx_hmac, sizeof(p->hmac)) == 0 &&
	       p->tag_len == s->seed.rx_tag_len &&
	       p->has_sseq == ((s->seed.flags & SEED_RX_SSEQ) != 0) && p->mode != mine;
}

static void on_session_chunk(struct fake_worker *w, struct fake_session *s,
			     const struct session_packet *p)
{
	struct rd r = rd_over(p->chunk, p->chunk_len);
	struct chunk c;

	while (chunk_next(&r, &c)) {
		struct report rep = {.op = REP_SESSION_FIHELLO,
				     .session_idx = (uint32_t)(s - w->sessions),
				     .session_id = s->id};

		if (c.type == CHUNK_FIHELLO)
			report(w, &rep, c.payload);
	}
}

static void on_session_packet(struct fake_worker *w, struct fake_session *s,
			      const struct datagram *d)
{
	struct session_packet p;

	assert(d->len == sizeof(p));
	memcpy(&p, d->octets, sizeof(p));
	if (!packet_opens(s, &p)) {
		w->n_strange_keys++;
		return;
	}
	if (!s->is_alive)
		report_session(w, s, REP_SESSION_ALIVE, 0);
	s->is_alive = true;
	s->ping_end_us = 0;
	if (p.is_close) {
		report_session(w, s, REP_SESSION_CLOSING, CLOSED_BY_FAR);
		session_free(w, s, CLOSED_BY_FAR);
		return;
	}
	on_session_chunk(w, s, &p);
}

static void on_session(struct fake_worker *w, const struct datagram *d)
{
	struct fake_session *s = &w->sessions[session_id_slot(d->session_id) % FAKE_SESSIONS_MAX];

	if (s->id != d->session_id || d->session_id == 0)
		return;
	if (s->is_open) {
		on_session_packet(w, s, d);
	} else { // before the keys: one is kept
		s->early = *d;
		s->has_early = true;
	}
}

void fake_worker_receive(struct fake_worker *w, uint8_t endpoint, const struct datagram *d,
			 uint64_t now_us)
{
	if (w->is_mute)
		return;
	if (d->is_startup)
		on_startup(w, endpoint, d, now_us);
	else
		on_session(w, d);
}

// -- commands --

static void cookie_secret(struct fake_worker *w, const struct command *c)
{
	if (w->has_secret)
		cookie_secrets_advance(&w->cookies, c->cookie.secret);
	else
		cookie_secrets_init(&w->cookies, c->cookie.secret);
	w->has_secret = true;
	w->n_secrets++;
}

static void endpoint(struct fake_worker *w, const struct command *c)
{
	const struct endpoint_seed *seed = (const struct endpoint_seed *)c->body->data;
	struct fake_endpoint *end = &w->endpoints[seed->endpoint];

	assert(seed->endpoint < FAKE_ENDPOINTS_MAX && c->len == sizeof(*seed));
	end->is_known = true;
	end->answers_hello = seed->answers_hello;
	end->cert_len = seed->cert_len;
	memcpy(end->cert, seed->cert, seed->cert_len);
}

static void session_reserve(struct fake_worker *w, struct fake_session *s, const struct command *c)
{
	assert(s->id == 0);
	s->id = c->session_id;
	w->n_reserved++;
}

static void session_add(struct fake_worker *w, struct fake_session *s, const struct command *c,
			uint64_t now_us)
{
	assert(c->len == sizeof(s->seed) && !s->is_open && (s->id == 0 || s->id == c->session_id));
	memcpy(&s->seed, c->body->data, sizeof(s->seed));
	s->id = c->session_id;
	s->is_open = true;
	s->talk_at_us = now_us;
	w->n_added++;
	if (s->has_early)
		on_session_packet(w, s, &s->early);
}

static void session_close(struct fake_worker *w, struct fake_session *s, const struct command *c)
{
	bool is_silent = c->close.how == CLOSE_SILENT;

	if (s->id != c->session_id)
		return;
	if (s->is_open && !is_silent && !w->is_mute)
		session_send(w, s, (struct span){0}, true);
	session_free(w, s, is_silent ? CLOSED_OVERRIDE : CLOSED_BY_US);
}

static void session_command(struct fake_worker *w, const struct command *c, uint64_t now_us)
{
	struct fake_session *s = &w->sessions[c->session_idx];

	assert(c->session_idx < FAKE_SESSIONS_MAX && c->session_id != 0);
	switch (c->op) {
	case CMD_SESSION_RESERVE:
		session_reserve(w, s, c);
		break;
	case CMD_SESSION_ADD:
		session_add(w, s, c, now_us);
		break;
	case CMD_SESSION_CLOSE:
		session_close(w, s, c);
		break;
	case CMD_SESSION_CHUNK:
		if (s->id == c->session_id && s->is_open)
			session_send(w, s, span_of(c->body->data, c->len), false);
		break;
	case CMD_SESSION_PING:
		w->n_pings++;
		if (s->id == c->session_id)
			s->ping_end_us =
				now_us + (c->ping.limit_us ? c->ping.limit_us : FAKE_PING_US);
		break;
	}
}

static void command(struct fake_worker *w, const struct command *c, uint64_t now_us)
{
	struct report home = {.op = REP_BODIES_PUT};

	if (c->op == CMD_COOKIE_SECRET)
		cookie_secret(w, c);
	else if (c->op == CMD_ENDPOINT)
		endpoint(w, c);
	else if (c->op == CMD_PACKET) {
		if (c->packet.allowance > 0)
			w->allowance = c->packet.allowance;
		send_chunk(w, &c->packet.to, c->packet.session_id, span_of(c->body->data, c->len));
	} else if (c->op == CMD_HELLO_REPLY) {
		w->n_hello_replies++;
		rhello_send(w, &c->packet.to, span_of(c->body->data, c->len), now_us);
	} else if (c->op == CMD_BODIES_PUT) {
		for (unsigned i = 0; i < BODIES_PER_PUT; i++)
			if (c->bodies.more[i] != NULL)
				body_put(c->bodies.more[i]);
	} else {
		session_command(w, c, now_us);
	}
	home.bodies.more[0] = c->body;
	if (c->body != NULL)
		report(w, &home, (struct span){0});
}

bool fake_worker_commands(struct fake_worker *w, uint64_t now_us)
{
	struct command c;
	bool is_any = false;

	while (mailbox_pop(w->commands, &c)) {
		command(w, &c, now_us);
		is_any = true;
	}
	return is_any;
}

// -- time --

void fake_worker_timers(struct fake_worker *w, uint64_t now_us)
{
	for (unsigned i = 0; i < FAKE_SESSIONS_MAX; i++) {
		struct fake_session *s = &w->sessions[i];

		if (s->id == 0 || !s->is_open)
			continue;
		if (s->ping_end_us != 0 && now_us >= s->ping_end_us) {
			session_free(w, s, CLOSED_TIMEOUT);
		} else if (!w->is_mute && now_us >= s->talk_at_us) {
			s->talk_at_us = now_us + FAKE_TALK_US;
			session_send(w, s, (struct span){0}, false);
		}
	}
}

uint64_t fake_worker_deadline_us(const struct fake_worker *w)
{
	uint64_t at_us = UINT64_MAX;

	for (unsigned i = 0; i < FAKE_SESSIONS_MAX; i++) {
		const struct fake_session *s = &w->sessions[i];

		if (s->id == 0 || !s->is_open)
			continue;
		if (s->ping_end_us != 0 && s->ping_end_us < at_us)
			at_us = s->ping_end_us;
		if (!w->is_mute && s->talk_at_us < at_us)
			at_us = s->talk_at_us;
	}
	return at_us;
}
