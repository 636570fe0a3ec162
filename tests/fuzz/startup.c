// A stranger's script against startup: any payload of every startup report, from a few addresses,
// while an opening of ours is under way and a peer is registered. Nothing crashes, nothing grows,
// every body comes home.
//
//	script := { op:1 len:1 payload:len }*
//	op     := kind (low 3 bits), address (next 2), the rest as said below
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/startup/internal.h"
#include "crypto/epd.h"

#define SESSIONS_MAX 8

// Not made anew for each script: keys take longer than everything else.
struct people {
	struct identity us, peer;
};

struct world {
	struct random_state state;
	struct random rng;
	struct mailbox *ring;
	struct body_pool *ours, *workers;
	struct outbox *outbox;
	struct keyer *keyer;
	struct startup *startup;
	struct opening *opening; // ours; NULL once it has ended
	uint64_t now_us;
};

static void on_opened(void *ctx, struct ctl_session *s, void *user)
{
	struct world *w = ctx;

	if (user != NULL)
		w->opening = NULL;
	s->is_registered = true;
}

static void on_failed(void *ctx, void *user, enum open_failure why, struct ctl_session *existing)
{
	((struct world *)ctx)->opening = NULL;
}

static struct wire_addr addr_of(unsigned i)
{
	return (struct wire_addr){.ip = {192, 0, 2, (uint8_t)i}, .port = 1935, .family = 4};
}

static const struct people *people(void)
{
	static struct people all;
	static bool is_made;
	struct random_state state;
	struct random rng = random_seeded(&state, 1);
	int err = 0;

	if (!is_made) {
		err = identity_generate(&all.us, IDENTITY_PEER, &rng);
		assert(err == 0);
		err = identity_generate(&all.peer, IDENTITY_PEER, &rng);
		assert(err == 0);
		is_made = true;
	}
	return &all;
}

static void opening_begin(struct world *w, uint64_t now_us)
{
	uint8_t epd[EPD_CANONICAL_LEN];
	struct wire_addr at = addr_of(1);
	struct ctl_session *existing;
	struct open_opts opts = {
		.epd = span_of(epd, sizeof(epd)), .candidates = &at, .n_candidates = 1, .user = w};

	epd_canonical(epd, people()->peer.member.fingerprint);
	w->opening = startup_open(w->startup, &opts, &existing, now_us);
}

static void world_init(struct world *w)
{
	struct startup_endpoint endpoint = {.identity = &people()->us.member,
					    .answers_hello = true,
					    .answers_fihello = true,
					    .introduces = true,
					    .may_initiate = true};
	struct startup_opts opts = {
		.events = {.ctx = w, .opened = on_opened, .open_failed = on_failed},
		.endpoints = &endpoint,
		.n_endpoints = 1,
		.sessions_max = SESSIONS_MAX,
		.openings_max = 2,
		.keyings_max = 4};

	memset(w, 0, sizeof(*w));
	w->rng = random_seeded(&w->state, 2);
	w->ring = mailbox_create(1024);
	w->ours = body_pool_create(1u << 20);
	w->workers = body_pool_create(1u << 20);
	w->now_us = 1000000;
	opts.outbox = w->outbox = outbox_create(&w->ring, 1, w->ours);
	opts.keyer = w->keyer = keyer_inline_create(&w->rng);
	opts.random = &w->rng;
	w->startup = startup_create(&opts, w->now_us);
	assert(w->startup != NULL);
	opening_begin(w, w->now_us);
}

// The worker's part: bodies go back, closed sessions are closed.
static void commands_run(struct world *w)
{
	struct command c;

	outbox_flush(w->outbox);
	while (mailbox_pop(w->ring, &c)) {
		struct report r = {.op = REP_SESSION_CLOSED,
				   .session_idx = c.session_idx,
				   .session_id = c.session_id};

		for (unsigned i = 0; c.op == CMD_BODIES_PUT && i < BODIES_PER_PUT; i++)
			if (c.bodies.more[i] != NULL)
				body_put(c.bodies.more[i]);
		if (c.body != NULL)
			body_put(c.body);
		assert(c.op != CMD_SESSION_ADD || c.session_idx < SESSIONS_MAX);
		if (c.op == CMD_SESSION_CLOSE)
			startup_report(w->startup, 0, &r, w->now_us);
	}
}

static void report_give(struct world *w, struct report *r, const uint8_t *head, size_t head_len,
			const uint8_t *data, size_t len)
{
	r->len = (uint32_t)(head_len + len);
	r->body = body_get(w->workers, r->len);
	assert(r->body != NULL);
	if (head_len > 0)
		memcpy(r->body->data, head, head_len);
	if (len > 0)
		memcpy(r->body->data + head_len, data, len);
	startup_report(w->startup, 0, r, w->now_us);
}

// To an answer to our opening its tag is added, or the id of its session: who overhears us knows
// both.
static void answer_give(struct world *w, struct report *r, uint8_t chunk, const uint8_t *data,
			size_t len)
{
	uint8_t head[1 + TAG_LEN] = {TAG_LEN};
	bool has_tag = chunk == CHUNK_RHELLO || chunk == CHUNK_REDIRECT;

	r->op = REP_STARTUP;
	r->packet.chunk = chunk;
	if (w->opening != NULL) {
		memcpy(head + 1, w->opening->tag, TAG_LEN);
		if (!has_tag && w->opening->seat != NULL)
			r->packet.session_id = w->opening->seat->ctl.id;
	}
	report_give(w, r, head, has_tag ? sizeof(head) : 0, data, len);
}

static void session_give(struct world *w, struct report *r, uint8_t which, const uint8_t *data,
			 size_t len)
{
	static const uint8_t ops[] = {REP_SESSION_FIHELLO, REP_SESSION_ALIVE,  REP_SESSION_MOVED,
				      REP_SESSION_CLOSING, REP_SESSION_CLOSED, REP_FLOW_FREED};
	uint32_t at = 0;
	struct ctl_session *s = startup_next(w->startup, &at);
	struct msg_addr to = msg_addr_of(
		&(struct wire_addr){.ip = {10, 0, 0, which}, .port = 1, .family = 4}, 0);

	r->op = ops[which % sizeof(ops)];
	if (s != NULL) {
		r->session_idx = s->idx;
		r->session_id = s->id;
	}
	if (r->op == REP_SESSION_MOVED)
		r->addr = to;
	r->flow = which;
	report_give(w, r, NULL, 0, data, len);
}

static void step(struct world *w, uint8_t op, const uint8_t *data, size_t len)
{
	static const uint8_t answers[] = {CHUNK_RHELLO, CHUNK_REDIRECT, CHUNK_COOKIE_CHANGE,
					  CHUNK_RIKEYING};
	struct wire_addr from = addr_of(op >> 3 & 3);
	struct report r = {.op = REP_HELLO};

	r.packet.from = msg_addr_of(&from, 0);
	switch (op & 7) {
	case 0:
		report_give(w, &r, NULL, 0, data, len);
		break;
	case 1:
		r.op = REP_KEYING;
		report_give(w, &r, NULL, 0, data, len);
		break;
	case 2:
	case 3:
	case 4:
		answer_give(w, &r, answers[op >> 5 & 3], data, len);
		break;
	case 5:
		session_give(w, &r, op >> 5, data, len);
		break;
	case 6:
		w->now_us += (uint64_t)len * 100000;
		startup_timers(w->startup, w->now_us);
		break;
	default:
		if (w->opening == NULL)
			opening_begin(w, w->now_us);
	}
	commands_run(w);
}

static void world_fini(struct world *w)
{
	if (w->opening != NULL)
		startup_open_cancel(w->opening);
	commands_run(w);
	commands_run(w);
	assert(body_pool_lent(w->ours) == 0 && body_pool_lent(w->workers) == 0);
	startup_destroy(w->startup);
	outbox_destroy(w->outbox);
	w->keyer->destroy(w->keyer);
	body_pool_destroy(w->ours);
	body_pool_destroy(w->workers);
	mailbox_destroy(w->ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd script = rd_over(data, size);
	struct world w;

	world_init(&w);
	while (rd_left(&script) > 0) {
		uint8_t op = rd_u8(&script);
		struct span payload = rd_bytes(&script, (uint64_t)rd_u8(&script) * 4);

		if (rd_err(&script) != 0)
			break;
		step(&w, op, payload.data, payload.len);
	}
	world_fini(&w);
	return 0;
}
