// Strangers' datagrams against the whole of startup: an engine, control/startup behind it, two
// members that are registered at the introducer, and an opening of our own. The input is a script;
// what strangers cannot guess (a cookie, a tag, a session's keys) the harness adds, as to somebody
// who hears what is sent to an address. Keys are no secrets here: the keyer agrees to everything,
// or to nothing.
//
//	script := { op:1 how:1 len:1 payload:len*4 }*
//
// No address that has not proven itself is sent more than three times what came from it, one packet
// at most is forwarded per hello, nothing grows, no packet works more than five usual ones.
#include <assert.h>
#include <string.h>

#include "control/startup/internal.h"
#include "crypto/cookie.h"
#include "crypto/epd.h"
#include "dataplane/core/engine.h"
#include "tests/fuzz/oracle.h"

#define SESSIONS_MAX 8
#define STRANGERS    4 // addresses; the first two become the members'
#define STEPS_MAX    60
#define DATAGRAM_MAX 1500
#define JOBS_MAX     4
#define SERVER       0 // endpoints
#define MEMBER       1
// Per opening: 24 addresses, and the times that each is asked in 95 s.
#define OWN_PACKETS_MAX (24 * 16)
#define MEMORY_MAX      (256 << 10) // what waits for a ring, beyond what was there at the beginning

enum op {
	OP_CHUNKS,    // octets under the default key
	OP_HELLO,     // an IHello for one of us, a member, or nobody
	OP_KEYING,    // an IIKeying with a cookie that was sent there, or elsewhere
	OP_ANSWER,    // to our opening: RHello, Redirect, Cookie Change, RIKeying
	OP_SESSION,   // chunks under a session's keys
	OP_FRAGMENTS, // a startup packet in fragments
	OP_RAW,       // octets
	OP_TIME,
	OP_CONTROL, // an opening begins, the keyer changes its mind, a session is let go
	OP_N
};

// Not made anew for each script: keys take longer than everything else.
struct people {
	struct identity us, members[STRANGERS];
};

struct agreeing_keyer {
	struct keyer keyer; // first: what startup holds
	struct key_job *jobs[JOBS_MAX];
	unsigned n;
	bool refuses, sleeps;
};

struct world {
	struct random_state state;
	struct random rng;
	struct crypto *crypto;
	struct mailbox *ring, *commands, *reports; // control's commands are looked at on their way
	struct body_pool *bodies;
	struct outbox *outbox;
	struct agreeing_keyer keyer;
	struct engine *engine;
	struct startup *startup;
	struct opening *opening; // ours; NULL once it has ended
	uint64_t now_us;
	alignas(16) uint8_t enc[2][CRYPTO_SCHED_LEN], dec[2][CRYPTO_SCHED_LEN]; // default, session
	struct {
		uint8_t octets[256];
		size_t len;
	} cookies[STRANGERS]; // the latest that was sent there
	struct oracle_ledger ledger;
	struct oracle_line line; // what members' packets cost
	size_t len;              // of the latest datagram, and the work for it
	uint64_t work;
	uint64_t elsewhere, elsewhere_max; // octets to nobody's address: those we were told of
	unsigned n_openings, n_own, n_replies, n_fihellos, n_forwarded;
	bool is_registering; // whoever opens a session now is a member
};

// ---- what is simple here ----

static const struct people *people(void)
{
	static struct people all;
	static bool is_made;
	struct random_state state;
	struct random rng = random_seeded(&state, 1);
	int err = 0;

	if (is_made)
		return &all;
	err |= identity_generate(&all.us, IDENTITY_APPLIANCE, &rng);
	for (unsigned i = 0; i < STRANGERS; i++)
		err |= identity_generate(&all.members[i], IDENTITY_PEER, &rng);
	assert(err == 0);
	is_made = true;
	return &all;
}

static bool keyer_submit(struct keyer *keyer, struct key_job *job)
{
	struct agreeing_keyer *k = (struct agreeing_keyer *)keyer;

	if (k->n == JOBS_MAX)
		return false;
	job->result = k->refuses ? -EPROTO : 0;
	job->keying.component_len = 77;
	job->keying.pair.group = DH_GROUP_14;
	memset(&job->secrets, 0x11, sizeof(job->secrets));
	job->secrets.tx = job->secrets.rx = (struct packet_form){0};
	k->jobs[k->n++] = job;
	return true;
}

static struct key_job *keyer_poll(struct keyer *keyer)
{
	struct agreeing_keyer *k = (struct agreeing_keyer *)keyer;
	struct key_job *job = k->jobs[0];

	if (k->n == 0 || k->sleeps)
		return NULL;
	memmove(k->jobs, k->jobs + 1, --k->n * sizeof(k->jobs[0]));
	return job;
}

static void on_opened(void *ctx, struct ctl_session *s, void *user)
{
	struct world *w = ctx;

	if (user != NULL)
		w->opening = NULL;
	s->is_registered = w->is_registering;
}

static void on_failed(void *ctx, void *user, enum open_failure why, struct ctl_session *existing)
{
	((struct world *)ctx)->opening = NULL;
}

static struct wire_addr addr_of(unsigned stranger)
{
	return (struct wire_addr){.ip = {192, 0, 2, (uint8_t)stranger}, .port = 1935, .family = 4};
}

static bool is_stranger(const uint8_t ip[4], uint16_t port)
{
	return ip[0] == 192 && ip[1] == 0 && ip[2] == 2 && ip[3] < STRANGERS && port == 1935;
}

// ---- sealing ----

static size_t seal(struct world *w, bool is_session, uint32_t id, struct span plain, uint8_t *out)
{
	struct packet_form form = {0};
	struct crypto_op op = {.sched = w->enc[is_session], .dst = out + SSID_LEN};
	size_t front = packet_form_front_write(form, op.dst, 0);

	assert(front + plain.len + 64 < DATAGRAM_MAX);
	memcpy(op.dst + front, plain.data, plain.len);
	op.len = (uint16_t)packet_form_finish(form, op.dst, front, front + plain.len);
	crypto_seal(w->crypto, &op, 1);
	ssid_scramble(out, SSID_LEN + op.len, id);
	return SSID_LEN + op.len;
}

// A cookie that goes to a stranger is heard there.
static void overhear(struct world *w, unsigned stranger, const uint8_t *data, size_t len)
{
	uint8_t copy[DATAGRAM_MAX];
	struct packet_form form = {0};
	struct crypto_op op = {.sched = w->dec[0], .dst = copy};
	int sealed = packet_form_open_check(form, len - SSID_LEN), front;
	uint64_t sseq;
	struct cookie_change change;
	struct packet_header h;
	struct rhello hello;
	struct span cookie = {0};
	struct chunk c;
	struct rd r;

	if (sealed < 0)
		return;
	memcpy(copy, data + SSID_LEN, len - SSID_LEN);
	op.len = (uint16_t)sealed;
	if (crypto_open(w->crypto, &op, 1) != 1)
		return;
	front = packet_form_strip(form, copy, op.len, &sseq);
	if (front < 0)
		return; // of a session
	r = rd_over(copy + front, op.len - (size_t)front);
	if (packet_header_read(&r, &h) != 0 || !chunk_next(&r, &c))
		return;
	if (c.type == CHUNK_RHELLO && rhello_read(&hello, c.payload) == 0)
		cookie = hello.cookie;
	else if (c.type == CHUNK_COOKIE_CHANGE && cookie_change_read(&change, c.payload) == 0)
		cookie = change.new_cookie;
	if (cookie.len == 0 || cookie.len > sizeof(w->cookies[0].octets))
		return;
	memcpy(w->cookies[stranger].octets, cookie.data, cookie.len);
	w->cookies[stranger].len = cookie.len;
}

// ---- the world's turn ----

static void sent(struct world *w, const struct pkt *p)
{
	const uint8_t *ip = p->addr;
	uint16_t port = p->port;
	uint8_t ip16[16] = {0};

	if (p->path_idx != PATH_NONE) {
		ip = engine_path(w->engine, p->path_idx)->addr;
		port = engine_path(w->engine, p->path_idx)->port;
	}
	memcpy(ip16, ip, 4);
	if (!is_stranger(ip, port)) {
		w->elsewhere += p->len;
		assert(w->elsewhere <= w->elsewhere_max);
		return;
	}
	oracle_out(&w->ledger, ip16, port, p->len, w->now_us);
	overhear(w, ip[3], p->data, p->len);
}

static bool transmit(struct world *w)
{
	static uint8_t buffers[16][2048];
	struct pkt room[16];
	uint16_t n;

	for (unsigned i = 0; i < 16; i++)
		room[i] = (struct pkt){.data = buffers[i],
				       .room = sizeof(buffers[i]),
				       .session_idx = SESSION_NONE,
				       .path_idx = PATH_NONE};
	n = engine_tx(w->engine, room, 16, w->now_us);
	for (uint16_t i = 0; i < n; i++)
		sent(w, &room[i]);
	return n == 16;
}

// What we send of our own accord, and not as an answer: the opening's hellos and keyings, and the
// one answer to an introducer's Forwarded IHello.
static void invite(struct world *w, const struct msg_addr *to, size_t chunk_len)
{
	size_t len = chunk_len + 400; // our own hellos are padded to IHELLO_LEN_MIN

	if (is_stranger(to->ip, to->port))
		oracle_in(&w->ledger, to->ip, to->port, len);
	else
		w->elsewhere_max += len;
}

static void look_at(struct world *w, const struct command *c)
{
	const struct session_seed *seed;

	switch (c->op) {
	case CMD_PACKET:
		if (c->packet.chunk != CHUNK_IHELLO && c->packet.chunk != CHUNK_IIKEYING)
			break; // an answer
		assert(++w->n_own <= w->n_openings * OWN_PACKETS_MAX);
		invite(w, &c->packet.to, c->len);
		break;
	case CMD_HELLO_REPLY:
		assert(++w->n_replies <= w->n_fihellos);
		invite(w, &c->packet.to, sizeof(((struct endpoint_seed *)0)->cert));
		break;
	case CMD_SESSION_CHUNK:
		w->n_forwarded += c->body->data[0] == CHUNK_FIHELLO;
		break;
	case CMD_SESSION_ADD: // it has shown a cookie of ours, or the answer to our keying
		seed = (const struct session_seed *)c->body->data;
		if (is_stranger(seed->far.ip, seed->far.port))
			oracle_proven(&w->ledger, seed->far.ip, seed->far.port);
		else
			w->elsewhere_max = UINT64_MAX / 2;
		break;
	default:
		break;
	}
}

static void report(struct world *w, const struct report *r)
{
	uint64_t work = oracle_work();

	if (r->op == REP_BODIES_PUT) {
		outbox_bodies_put(w->outbox, r);
		return;
	}
	w->n_fihellos += r->op == REP_SESSION_FIHELLO;
	if (r->op == REP_KEYING && is_stranger(r->packet.from.ip, r->packet.from.port))
		oracle_proven(&w->ledger, r->packet.from.ip, r->packet.from.port);
	if (r->op == REP_SESSION_MOVED && is_stranger(r->addr.ip, r->addr.port))
		oracle_proven(&w->ledger, r->addr.ip, r->addr.port);
	if (!startup_report(w->startup, 0, r, w->now_us) && r->body != NULL)
		outbox_body_home(w->outbox, 0, r->body); // of flows: nobody's here
	w->work += oracle_work() - work;
}

static void turn(struct world *w)
{
	struct command c;
	struct report r;
	bool is_busy;

	do {
		is_busy = false;
		while (engine_commands(w->engine, w->now_us) == ENGINE_TURN_COMMANDS)
			;
		while (transmit(w))
			;
		while (mailbox_pop(w->reports, &r)) {
			report(w, &r);
			is_busy = true;
		}
		if (startup_deadline_us(w->startup) <= w->now_us || w->keyer.n > 0)
			startup_timers(w->startup, w->now_us);
		outbox_flush(w->outbox);
		while (mailbox_pop(w->ring, &c)) {
			look_at(w, &c);
			is_busy = mailbox_push(w->commands, &c);
			assert(is_busy);
		}
	} while (is_busy);
}

// ---- strangers ----

static void arrive(struct world *w, unsigned stranger, uint8_t endpoint, uint8_t *data, size_t len)
{
	struct wire_addr from = addr_of(stranger);
	struct pkt pkt = {.data = data,
			  .len = (uint16_t)len,
			  .room = (uint16_t)len,
			  .port = from.port,
			  .family = 4,
			  .endpoint = endpoint,
			  .session_idx = SESSION_NONE,
			  .path_idx = PATH_NONE};
	unsigned n_forwarded = w->n_forwarded;
	uint64_t work;

	memcpy(pkt.addr, from.ip, sizeof(pkt.addr));
	oracle_in(&w->ledger, pkt.addr, pkt.port, len);
	work = oracle_work();
	engine_rx(w->engine, &pkt, 1, w->now_us);
	w->work = oracle_work() - work;
	w->len = len;
	turn(w);
	if (w->line.is_set)
		oracle_work_check(&w->line, len, w->work);
	assert(w->n_forwarded <= n_forwarded + 1); // per hello, and a packet counts one
}

// Chunks in mode 3, under the default key.
static void startup_packet(struct world *w, unsigned stranger, uint8_t endpoint, uint32_t id,
			   struct span chunks)
{
	uint8_t plain[1300] = {0x0b, 0x12, 0x34}, out[DATAGRAM_MAX];

	if (chunks.len > sizeof(plain) - 3)
		chunks.len = sizeof(plain) - 3;
	if (chunks.len > 0)
		memcpy(plain + 3, chunks.data, chunks.len);
	arrive(w, stranger, endpoint, out, seal(w, false, id, span_of(plain, 3 + chunks.len), out));
}

static void hello(struct world *w, unsigned stranger, uint8_t how, struct span tag)
{
	static const uint8_t nobody[32] = {7};
	const struct people *all = people();
	const uint8_t *const prints[] = {
		all->us.server.fingerprint,         all->us.member.fingerprint,
		all->members[0].member.fingerprint, all->members[1].member.fingerprint,
		all->members[2].member.fingerprint, nobody,
	};
	uint8_t epd[EPD_CANONICAL_LEN], chunk[1200];
	struct wr wr = wr_over(chunk, sizeof(chunk));
	struct ihello h = {span_of(epd, sizeof(epd)), tag};

	epd_canonical(epd, prints[how / 2 % 6]);
	if (how >= 240)
		h.epd = span_of("\x02\x0a\x72\x74\x6d\x66\x70", 7); // ancillary, as old peers do
	if (ihello_write(&wr, &h) == 0)
		startup_packet(w, stranger, how & 1 ? MEMBER : SERVER, 0, wr_span(&wr));
}

// how: whose certificate, which endpoint, whose cookie, what else; the rest is the payload.
static void keying(struct world *w, unsigned stranger, uint8_t how, struct span skic)
{
	const struct identity_endpoint *id = &people()->members[how >> 1 & 3].member;
	unsigned heard = how & 8 ? how >> 4 & 3 : stranger;
	struct iikeying k = {
		.initiator_session_id = 0x1000u + how,
		.cookie_echo = span_of(w->cookies[heard].octets, w->cookies[heard].len),
		.cert = span_of(id->certificate, id->certificate_len),
		.skic = skic,
		.signature = span_of("X", 1),
	};
	uint8_t chunk[1300];
	struct wr wr = wr_over(chunk, sizeof(chunk));
	struct ihello h = {span_of("\x02\x0ahost", 6), skic};

	if (how >= 224) // any certificate
		k.cert = skic;
	else if (how >= 128) // and a hello in the same packet
		ihello_write(&wr, &h);
	if (iikeying_write(&wr, &k) == 0)
		startup_packet(w, stranger, how & 1 ? MEMBER : SERVER, 0, wr_span(&wr));
}

// To an answer to our opening its tag is added, or the id of its session: who overhears us knows
// both.
static void answer(struct world *w, unsigned stranger, uint8_t how, struct span payload)
{
	static const uint8_t types[] = {CHUNK_RHELLO, CHUNK_REDIRECT, CHUNK_COOKIE_CHANGE,
					CHUNK_RIKEYING};
	uint8_t octets[1200], type = types[how & 3];
	struct wr wr = wr_over(octets, sizeof(octets));
	struct wr_point start = wr_chunk_begin(&wr, type);
	bool has_tag = type == CHUNK_RHELLO || type == CHUNK_REDIRECT;
	uint32_t id = 0;

	if (w->opening != NULL && has_tag) {
		wr_vlu(&wr, TAG_LEN);
		wr_bytes(&wr, w->opening->tag, TAG_LEN);
	} else if (w->opening != NULL && w->opening->seat != NULL) {
		id = w->opening->seat->ctl.id;
	}
	if (w->opening != NULL && type == CHUNK_COOKIE_CHANGE && how & 4) {
		wr_vlu(&wr, w->opening->cookie_len);
		wr_bytes(&wr, w->opening->cookie, w->opening->cookie_len);
	}
	if (type == CHUNK_RHELLO && how & 4) { // a cookie, and the certificate that is wanted
		const struct identity_endpoint *far = &people()->members[2].member;

		wr_vlu(&wr, payload.len);
		wr_put_span(&wr, payload);
		payload = span_of(far->certificate, far->certificate_len);
	}
	wr_put_span(&wr, payload);
	if (wr_chunk_commit(&wr, start) == 0)
		startup_packet(w, stranger, MEMBER, id, wr_span(&wr));
}

static void session_packet(struct world *w, unsigned stranger, uint8_t how, struct span chunks)
{
	uint8_t plain[1 + 1020] = {0}, out[DATAGRAM_MAX];
	struct ctl_session *s = NULL;
	uint32_t at = 0;

	for (unsigned i = 0; i <= how % 4u; i++)
		s = startup_next(w->startup, &at);
	if (s == NULL)
		return;
	plain[0] = s->is_initiator ? MODE_RESPONDER : MODE_INITIATOR;
	if (chunks.len > 0)
		memcpy(plain + 1, chunks.data, chunks.len);
	arrive(w, stranger, s->endpoint, out,
	       seal(w, true, s->id, span_of(plain, 1 + chunks.len), out));
}

static void fragments(struct world *w, unsigned stranger, uint8_t how, struct span octets)
{
	uint8_t packet[3 + 1020] = {0x0b, 0x12, 0x34}, chunk[1300];
	size_t len = 3 + octets.len, size = len / (1 + how % 5u) + 1;

	if (octets.len > 0)
		memcpy(packet + 3, octets.data, octets.len);
	for (uint64_t i = 0; i * size < len; i++) {
		size_t n = len - i * size < size ? len - i * size : size;
		struct packet_fragment f = {.has_more = (i + 1) * size < len,
					    .packet_id = how,
					    .index = i,
					    .body = span_of(packet + i * size, n)};
		struct wr wr = wr_over(chunk, sizeof(chunk));

		if (packet_fragment_write(&wr, &f) == 0)
			startup_packet(w, stranger, how >> 4 & 1, 0, wr_span(&wr));
	}
}

// ---- ourselves ----

static void opening_begin(struct world *w, uint8_t how)
{
	uint8_t epd[EPD_CANONICAL_LEN];
	struct wire_addr at[2] = {addr_of(2), addr_of(how % STRANGERS)};
	struct ctl_session *existing;
	struct open_opts opts = {.endpoint = MEMBER,
				 .epd = span_of(epd, sizeof(epd)),
				 .candidates = at,
				 .n_candidates = 2,
				 .user = w};

	if (w->opening != NULL)
		return;
	epd_canonical(epd, people()->members[2].member.fingerprint);
	w->opening = startup_open(w->startup, &opts, &existing, w->now_us);
	w->n_openings += w->opening != NULL;
}

static void control(struct world *w, uint8_t how)
{
	struct ctl_session *s;
	uint32_t at = 0;

	switch (how & 7) {
	case 0:
	case 1:
		opening_begin(w, how >> 3);
		break;
	case 2:
		w->keyer.refuses = how & 8;
		break;
	case 3:
		w->keyer.sleeps = how & 8;
		break;
	case 4:
		if (w->opening != NULL)
			startup_open_cancel(w->opening);
		w->opening = NULL;
		break;
	case 5:
		w->is_registering = how & 8;
		break;
	default:
		s = startup_next(w->startup, &at);
		if (s != NULL)
			ctl_session_close(s, how >> 3 & 1 ? CLOSE_ORDERLY : CLOSE_ABRUPT);
	}
	turn(w);
}

// To its end in steps, each to what is due next.
static void pass(struct world *w, uint64_t us)
{
	uint64_t end_us = w->now_us + us, next_us;
	unsigned n_forwarded = w->n_forwarded;

	for (unsigned i = 0; i < 1000 && w->now_us < end_us; i++) {
		next_us = engine_deadline_us(w->engine);
		if (startup_deadline_us(w->startup) < next_us)
			next_us = startup_deadline_us(w->startup);
		if (next_us < w->now_us + 1000)
			next_us = w->now_us + 1000;
		w->now_us = next_us < end_us ? next_us : end_us;
		engine_timers(w->engine, w->now_us);
		startup_timers(w->startup, w->now_us);
		turn(w);
	}
	assert(w->n_forwarded == n_forwarded);
}

static void step(struct world *w, uint8_t op, uint8_t how, struct span payload)
{
	unsigned stranger = op / 16 % STRANGERS;
	uint8_t out[DATAGRAM_MAX];

	switch (op % 16 % OP_N) {
	case OP_CHUNKS:
		startup_packet(w, stranger, how & 1, 0, payload);
		break;
	case OP_HELLO:
		hello(w, stranger, how, payload);
		break;
	case OP_KEYING:
		keying(w, stranger, how, payload);
		break;
	case OP_ANSWER:
		answer(w, stranger, how, payload);
		break;
	case OP_SESSION:
		session_packet(w, stranger, how, payload);
		break;
	case OP_FRAGMENTS:
		fragments(w, stranger, how, payload);
		break;
	case OP_RAW:
		if (payload.len > 0)
			memcpy(out, payload.data, payload.len);
		arrive(w, stranger, how & 1, out, payload.len);
		break;
	case OP_TIME:
		pass(w, how * 100000ull);
		break;
	default:
		control(w, how);
	}
}

// ---- create, destroy ----

static void engine_make(struct world *w)
{
	struct engine_opts o;

	engine_opts_member(&o);
	o.crypto = w->crypto;
	o.random = &w->rng;
	o.commands = w->commands;
	o.reports = w->reports;
	o.sessions_max = SESSIONS_MAX;
	o.flows_tx_max = o.flows_rx_max = 96;
	o.messages_max = o.rx_cells_max = 128;
	o.body_bytes = 1 << 20;
	o.streams_max = 2;
	o.links_max = 8;
	o.extents_max = 16;
	o.message_bytes_max = 16384;
	o.early_max = 4;
	o.hellos_per_s = o.keyings_per_s = 20;
	w->engine = engine_create(&o);
	assert(w->engine != NULL);
}

static void startup_make(struct world *w)
{
	struct startup_endpoint ends[] = {
		[SERVER] = {.identity = &people()->us.server,
			    .answers_hello = true,
			    .introduces = true},
		[MEMBER] = {.identity = &people()->us.member,
			    .answers_hello = true,
			    .answers_fihello = true,
			    .may_initiate = true,
			    .public_addrs = {{.ip = {198, 51, 100, 1}, .port = 1936, .family = 4}},
			    .n_public = 1}};
	struct startup_opts opts = {
		.outbox = w->outbox,
		.keyer = &w->keyer.keyer,
		.random = &w->rng,
		.events = {.ctx = w, .opened = on_opened, .open_failed = on_failed},
		.endpoints = ends,
		.n_endpoints = 2,
		.sessions_max = SESSIONS_MAX,
		.openings_max = 2,
		.keyings_max = 4};

	w->startup = startup_create(&opts, w->now_us);
	assert(w->startup != NULL);
}

// Two members have come to the introducer and have proven themselves.
static void members_come(struct world *w)
{
	w->is_registering = true;
	for (uint8_t i = 0; i < 2; i++) {
		hello(w, i, 0, span_of("tag", 3));
		w->line.small_len = w->len;
		w->line.small = w->work;
		keying(w, i, (uint8_t)(i << 1), span_of("the first half of a key", 23));
		w->line.large_len = w->len;
		w->line.large = w->work;
		for (uint8_t k = 0; k < 2; k++) // whichever of the sessions it is
			session_packet(w, i, k, span_of("\x01\0\0", 3));
	}
	w->is_registering = false;
	assert(startup_counters(w->startup)->opened_in == 2);
	assert(w->line.small_len < w->line.large_len && w->line.small <= w->line.large);
	w->line.is_set = true;
}

static void world_init(struct world *w)
{
	uint8_t session_key[CRYPTO_KEY_LEN];

	memset(w, 0, sizeof(*w));
	memset(session_key, 0x11, sizeof(session_key));
	w->now_us = 1000000;
	w->rng = random_seeded(&w->state, 2);
	w->crypto = crypto_create(CRYPTO_SOFT);
	w->ring = mailbox_create(1024);
	w->commands = mailbox_create(1024);
	w->reports = mailbox_create(1024);
	w->bodies = body_pool_create(1u << 20);
	w->outbox = outbox_create(&w->ring, 1, w->bodies);
	w->keyer.keyer = (struct keyer){keyer_submit, keyer_poll, NULL, -1};
	crypto_expand(w->crypto, (const uint8_t *)CRYPTO_DEFAULT_KEY, w->enc[0], w->dec[0]);
	crypto_expand(w->crypto, session_key, w->enc[1], w->dec[1]);
	oracle_ledger_init(&w->ledger, w->now_us);
	engine_make(w);
	startup_make(w);
	turn(w);
	members_come(w);
}

// Everything ends, and every body comes home.
static void world_fini(struct world *w)
{
	struct ctl_session *s;
	uint32_t at = 0;

	w->keyer.sleeps = false;
	if (w->opening != NULL)
		startup_open_cancel(w->opening);
	while ((s = startup_next(w->startup, &at)) != NULL)
		ctl_session_close(s, CLOSE_ABRUPT);
	turn(w);
	outbox_flush(w->outbox);
	turn(w);
	assert(body_pool_lent(w->bodies) == 0);
	startup_destroy(w->startup);
	engine_destroy(w->engine);
	outbox_destroy(w->outbox);
	body_pool_destroy(w->bodies);
	mailbox_destroy(w->ring);
	mailbox_destroy(w->commands);
	mailbox_destroy(w->reports);
	crypto_destroy(w->crypto);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd script = rd_over(data, size);
	size_t memory;
	struct world w;

	world_init(&w);
	memory = oracle_memory();
	for (unsigned i = 0; i < STEPS_MAX && rd_left(&script) > 0; i++) {
		uint8_t op = rd_u8(&script), how = rd_u8(&script);
		size_t len = rd_u8(&script) * 4u;

		step(&w, op, how,
		     rd_bytes(&script, len < rd_left(&script) ? len : rd_left(&script)));
		assert(oracle_memory() <= memory + MEMORY_MAX);
	}
	world_fini(&w);
	return 0;
}
