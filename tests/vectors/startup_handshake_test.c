// Our own handshake against recorded far ends: given their certificates, exponents and keying
// components, startup says what they said, octet for octet, and tells the worker every recorded
// key. Both roles of every session.
#include "control/outbox.h"
#include "control/startup/key_job.h"
#include "control/startup/startup.h"
#include "crypto/aes_schedule.h"
#include "crypto/epd.h"
#include "dataplane/wire/chunk.h"
#include "tests/support/json.h"
#include "tests/support/test.h"

#define FAR_AT "192.0.2.1:1935"
#define NOW_US UINT64_C(1000000000)

// One end of a recorded session, with all that its half of the handshake is made of.
struct end {
	struct identity_endpoint identity;
	uint32_t session_id;
	struct keying keying; // as after keying_initiate or keying_respond
	struct span component;
	struct span encrypt_key, hmac_key; // of what it sends
	struct span nonce;
	uint8_t tag_len;
	bool has_sseq;
};

struct recorded {
	struct end initiator, responder;
	struct span cookie;
};

// -- reading --

static struct span hex(struct json_doc *doc, struct json *row, const char *prefix, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s%s", prefix, name);
	return json_hex(doc, row, path);
}

// The first chunk of that name in which this field has that value.
static struct json *chunk_find(struct json *root, const char *name, const char *field,
			       const char *value)
{
	struct json *found = NULL, *frame;

	json_each(frame, json_at(root, "frames"))
	{
		for (size_t i = 0; i < json_len(json_at(frame, "chunks")); i++) {
			struct json *chunk = json_item(json_at(frame, "chunks"), i);

			if (found == NULL && strcmp(json_text(chunk, "name"), name) == 0 &&
			    strcmp(json_text(chunk, field), value) == 0)
				found = chunk;
		}
	}
	assert_non_null(found);
	return found;
}

static void identity_read(struct identity_endpoint *id, struct span certificate)
{
	struct certificate c;

	assert_int_equal(certificate_read(&c, certificate), 0);
	id->certificate_len = (uint16_t)certificate.len;
	memcpy(id->certificate, certificate.data, certificate.len);
	memcpy(id->fingerprint, c.fingerprint, FINGERPRINT_LEN);
}

static void half_read(struct end *e, bool is_initiator, uint64_t group, struct span exponent)
{
	struct keying_component said;

	assert_int_equal(keying_component_read(&said, e->component), 0);
	e->keying = (struct keying){
		.is_initiator = is_initiator,
		.terms = said.terms,
		.component_len = (uint16_t)e->component.len,
	};
	memcpy(e->keying.component, e->component.data, e->component.len);
	assert_int_equal(dh_key_from_exponent(&e->keying.pair, group, exponent.data, exponent.len),
			 0);
}

static void form_read(struct end *e, struct json *direction)
{
	e->has_sseq = json_bool(direction, "sseq");
	e->tag_len = json_bool(direction, "hmac") ? (uint8_t)json_u64(direction, "hmacLength") : 0;
}

static void recorded_read(struct recorded *r, struct json_doc *doc, struct json *row)
{
	struct json *root = json_root(doc);
	struct json *ii = chunk_find(root, "IIKeying", "skic", json_text(row, "skic"));
	struct json *ri = chunk_find(root, "RIKeying", "skrc", json_text(row, "skrc"));
	struct json *rh = chunk_find(root, "RHello", "cookie", json_text(ii, "cookieEcho"));
	uint64_t group = json_u64(row, "group");

	r->cookie = json_hex(doc, ii, "cookieEcho");
	identity_read(&r->initiator.identity, json_hex(doc, ii, "certificateHex"));
	identity_read(&r->responder.identity, json_hex(doc, rh, "certificateHex"));
	r->initiator.session_id = be32_get(json_hex(doc, ii, "initiatorSessionID").data);
	r->responder.session_id = be32_get(json_hex(doc, ri, "responderSessionID").data);
	r->initiator.component = json_hex(doc, row, "skic");
	r->responder.component = json_hex(doc, row, "skrc");
	half_read(&r->initiator, true, group, hex(doc, row, "initiator", "_private"));
	half_read(&r->responder, false, group, hex(doc, row, "responder", "_private"));
	r->initiator.encrypt_key = hex(doc, row, "initiator", "_ENCRYPT_KEY");
	r->responder.encrypt_key = hex(doc, row, "initiator", "_DECRYPT_KEY");
	r->initiator.hmac_key = hex(doc, row, "initiator", "_HMAC_SEND_KEY");
	r->responder.hmac_key = hex(doc, row, "initiator", "_HMAC_RECV_KEY");
	r->initiator.nonce = hex(doc, row, "initiator", "_NEAR_NONCE");
	r->responder.nonce = hex(doc, row, "initiator", "_FAR_NONCE");
	form_read(&r->initiator, json_at(row, "i2r"));
	form_read(&r->responder, json_at(row, "r2i"));
}

// -- a keyer that takes the recorded half instead of a fresh one --

struct replay_keyer {
	struct keyer keyer;
	const struct end *near;
	struct key_job *done;
};

static bool replay_submit(struct keyer *keyer, struct key_job *job)
{
	struct replay_keyer *k = (struct replay_keyer *)keyer;
	struct random none = {0};

	assert_null(k->done);
	job->result = 0;
	if (job->kind != KEY_COMPLETE)
		job->keying = k->near->keying;
	if (job->kind == KEY_RESPOND)
		job->kind = KEY_COMPLETE; // with the recorded half, what is left is to combine
	if (job->kind == KEY_COMPLETE)
		key_job_run(job, NULL, &none);
	if (!job->keying.is_initiator)
		job->kind = KEY_RESPOND;
	k->done = job;
	return true;
}

static struct key_job *replay_poll(struct keyer *keyer)
{
	struct replay_keyer *k = (struct replay_keyer *)keyer;
	struct key_job *job = k->done;

	k->done = NULL;
	return job;
}

static void replay_destroy(struct keyer *keyer)
{
}

// -- a startup whose worker we play --

struct world {
	struct mailbox *ring;
	struct body_pool *ours, *workers;
	struct outbox *outbox;
	struct replay_keyer keyer;
	struct random_state state;
	struct random rng;
	struct startup *startup;
	struct ctl_session *opened;
};

static void on_opened(void *ctx, struct ctl_session *s, void *user)
{
	((struct world *)ctx)->opened = s;
}

static struct world *world_create(const struct end *near, bool answers)
{
	struct world *w = calloc(1, sizeof(*w));
	struct startup_endpoint endpoint = {
		.identity = &near->identity, .answers_hello = answers, .may_initiate = !answers};
	struct startup_opts opts = {.keyer = &w->keyer.keyer,
				    .random = &w->rng,
				    .events = {.ctx = w, .opened = on_opened},
				    .endpoints = &endpoint,
				    .n_endpoints = 1,
				    .sessions_max = 4};

	w->keyer = (struct replay_keyer){
		{replay_submit, replay_poll, replay_destroy, .wake_fd = -1}, near, NULL};
	w->rng = random_seeded(&w->state, 1);
	w->ring = mailbox_create(64);
	w->ours = body_pool_create(4u << 20);
	w->workers = body_pool_create(4u << 20);
	opts.outbox = w->outbox = outbox_create(&w->ring, 1, w->ours);
	w->startup = startup_create(&opts, NOW_US);
	assert_non_null(w->startup);
	return w;
}

static void world_destroy(struct world *w)
{
	startup_destroy(w->startup);
	outbox_destroy(w->outbox);
	body_pool_destroy(w->ours);
	body_pool_destroy(w->workers);
	mailbox_destroy(w->ring);
	free(w);
}

// The next command of that kind, which has to come.
static struct command next(struct world *w, enum command_op op)
{
	struct command c;

	do
		assert_true(mailbox_pop(w->ring, &c));
	while (c.op != op);
	return c;
}

static struct span sent(struct world *w, uint8_t type, uint32_t session_id)
{
	struct command c = next(w, CMD_PACKET);
	struct rd r = rd_over(c.body->data, c.len);
	struct chunk chunk = {0};

	assert_true(chunk_next(&r, &chunk));
	assert_int_equal(chunk.type, type);
	assert_int_equal(c.packet.chunk, type);
	assert_int_equal(c.packet.session_id, session_id);
	return chunk.payload;
}

static void give(struct world *w, enum report_op op, uint8_t type, uint32_t session_id,
		 const struct wr *chunk)
{
	struct report r = {.op = (uint8_t)op, .session_id = session_id};
	struct wire_addr from;
	uint32_t len = (uint32_t)(chunk->len - CHUNK_HEADER_LEN);

	assert_int_equal(wire_addr_parse(&from, FAR_AT), 0);
	memcpy(r.packet.from.ip, from.ip, sizeof(from.ip));
	r.packet.from.port = from.port;
	r.packet.from.family = from.family;
	r.packet.session_id = session_id;
	r.packet.chunk = type;
	r.body = body_get(w->workers, len);
	memcpy(r.body->data, chunk->base + CHUNK_HEADER_LEN, len);
	r.len = len;
	assert_true(startup_report(w->startup, 0, &r, NOW_US));
}

static void keys_are(const uint8_t *sched, const uint8_t *hmac, const struct end *sender,
		     bool is_tx)
{
	uint8_t want_tx[176], want_rx[176];
	struct hmac_keys want;

	aes_schedule_expand(sender->encrypt_key.data, want_tx, want_rx);
	assert_memory_equal(sched, is_tx ? want_tx : want_rx, sizeof(want_tx));
	hmac_keys_expand(&want, sender->hmac_key.data, sender->hmac_key.len);
	assert_memory_equal(hmac, want.state, sizeof(want.state));
}

static void seed_is(struct world *w, const struct end *near, const struct end *far)
{
	struct command c = next(w, CMD_SESSION_ADD);
	const struct session_seed *seed = (const struct session_seed *)c.body->data;

	keys_are(seed->tx_sched, seed->tx_hmac, near, true);
	keys_are(seed->rx_sched, seed->rx_hmac, far, false);
	assert_int_equal(seed->tx_tag_len, near->tag_len);
	assert_int_equal(seed->rx_tag_len, far->tag_len);
	assert_int_equal((seed->flags & SEED_TX_SSEQ) != 0, near->has_sseq);
	assert_int_equal((seed->flags & SEED_RX_SSEQ) != 0, far->has_sseq);
	assert_int_equal(seed->far_id, far->session_id);
	assert_non_null(w->opened);
	assert_memory_equal(w->opened->near_nonce, near->nonce.data, 32);
	assert_memory_equal(w->opened->far_nonce, far->nonce.data, 32);
	assert_memory_equal(w->opened->fingerprint, far->identity.fingerprint, 32);
}

static struct span certificate_of(const struct end *e)
{
	return span_of(e->identity.certificate, e->identity.certificate_len);
}

static void open_to(struct world *w, const struct end *far)
{
	uint8_t epd[EPD_CANONICAL_LEN];
	struct wire_addr at;
	struct ctl_session *existing;
	struct open_opts opts = {
		.epd = span_of(epd, sizeof(epd)), .candidates = &at, .n_candidates = 1};

	epd_canonical(epd, far->identity.fingerprint);
	assert_int_equal(wire_addr_parse(&at, FAR_AT), 0);
	assert_non_null(startup_open(w->startup, &opts, &existing, NOW_US));
}

// -- the two roles --

static void we_initiate(const struct recorded *r)
{
	struct world *w = world_create(&r->initiator, false);
	uint8_t buf[2048];
	struct wr wr = wr_over(buf, sizeof(buf));
	struct rhello hello = {.cookie = r->cookie, .cert = certificate_of(&r->responder)};
	struct rikeying answer = {.responder_session_id = r->responder.session_id,
				  .skrc = r->responder.component,
				  .signature = span_of("X", 1)};
	struct ihello asked;
	struct iikeying said;

	open_to(w, &r->responder);
	assert_int_equal(ihello_read(&asked, sent(w, CHUNK_IHELLO, 0)), 0);
	hello.tag_echo = asked.tag;
	assert_int_equal(rhello_write(&wr, &hello), 0);
	give(w, REP_STARTUP, CHUNK_RHELLO, 0, &wr);

	assert_int_equal(iikeying_read(&said, sent(w, CHUNK_IIKEYING, 0)), 0);
	assert_true(span_equal(said.cookie_echo, r->cookie));
	assert_true(span_equal(said.cert, certificate_of(&r->initiator)));
	assert_true(span_equal(said.skic, r->initiator.component));
	assert_true(span_equal(said.signature, span_of("X", 1)));

	wr = wr_over(buf, sizeof(buf));
	assert_int_equal(rikeying_write(&wr, &answer), 0);
	give(w, REP_STARTUP, CHUNK_RIKEYING, said.initiator_session_id, &wr);
	seed_is(w, &r->initiator, &r->responder);
	world_destroy(w);
}

static void we_respond(const struct recorded *r)
{
	struct world *w = world_create(&r->responder, true);
	uint8_t buf[2048];
	struct wr wr = wr_over(buf, sizeof(buf));
	struct iikeying k = {.initiator_session_id = r->initiator.session_id,
			     .cookie_echo = r->cookie,
			     .cert = certificate_of(&r->initiator),
			     .skic = r->initiator.component,
			     .signature = span_of("X", 1)};
	struct rikeying said;

	assert_int_equal(iikeying_write(&wr, &k), 0);
	give(w, REP_KEYING, CHUNK_IIKEYING, 0, &wr);
	seed_is(w, &r->responder, &r->initiator);
	assert_int_equal(rikeying_read(&said, sent(w, CHUNK_RIKEYING, r->initiator.session_id)), 0);
	assert_true(span_equal(said.skrc, r->responder.component));
	assert_true(span_equal(said.signature, span_of("X", 1)));
	world_destroy(w);
}

static void every_recorded_handshake_is_ours_too(void **state)
{
	static const char *const names[] = {
		"abandon_fsn",
		"abrupt_close",
		"address_mobility",
		"basic_checksum",
		"both_ephemeral",
		"both_static",
		"cookie_change",
		"flow_reject",
		"glare",
		"group16",
		"group2",
		"hmac_only",
		"hmac_sseq_loss",
		"keepalive_idle",
		"live_loopback",
		"p2p_implied_redirect",
		"p2p_introduction",
		"redirect",
		"sseq_only",
		"tc_netconnection",
		"time_critical",
		"window_probe",
	};
	struct recorded *r = calloc(1, sizeof(*r));
	unsigned n = 0;
	char path[64];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct json_doc *doc;
		struct json *row;

		snprintf(path, sizeof(path), "rtmfp/%s.json", names[i]);
		doc = json_load(path);
		json_each(row, json_at(json_root(doc), "sessions"))
		{
			recorded_read(r, doc, row);
			we_initiate(r);
			we_respond(r);
			n++;
		}
		json_free(doc);
	}
	assert_int_equal(n, 29);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_recorded_handshake_is_ours_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
