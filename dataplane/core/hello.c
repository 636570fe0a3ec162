#include "dataplane/core/hello.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cookie.h"
#include "crypto/epd.h"
#include "crypto/random.h"
#include "dataplane/core/bucket.h"
#include "dataplane/core/frag.h"
#include "dataplane/core/frag_tx.h"
#include "dataplane/core/rx.h"
#include "dataplane/core/startup_queue.h"

#define AMPLIFICATION_MAX 3
#define IP_UDP_LEN        28 // octets before a UDP payload; they count on both sides
// Longer answers than that: the RHello of a certificate with two keys to an old peer's short hello.
#define LONG_ANSWERS_PER_S 50
// So ours are padded, chunk and padding: then even the longest RHello, of a certificate with two
// keys, may be sent twice for each.
#define IHELLO_LEN_MIN 336

struct endpoint {
	bool is_used, answers_hello;
	struct certificate cert; // spans lie in octets
	uint8_t octets[sizeof(((struct endpoint_seed *)0)->cert)];
};

struct hello {
	struct endpoint endpoints[ENDPOINTS_MAX];
	struct cookie_secrets cookies;
	bool has_secret;
	struct startup_queue *queue;
	struct frag_table *frags;
	struct bucket hellos, keyings, others, long_answers;
};

// One packet under the default key.
struct hello_ctx {
	struct pkt *pkt;
	uint32_t near_id;
	struct msg_addr from;
	bool has_hello; // one is enough per packet
	size_t n_owed;  // octets of the answers so far; all chunks of a packet share its allowance
	bool is_joined; // the packet was put together from fragments
};

struct hello *hello_create(const struct engine_opts *opts)
{
	struct hello *h = calloc(1, sizeof(*h));
	uint8_t secret[COOKIE_SECRET_LEN];

	if (h == NULL)
		return NULL;
	h->queue = startup_queue_create();
	h->frags = frag_table_create();
	if (h->queue == NULL || h->frags == NULL) {
		hello_destroy(h);
		return NULL;
	}
	// Until control gives the one that all workers share, cookies are this worker's own.
	random_fill(opts->random, secret, sizeof(secret));
	cookie_secrets_init(&h->cookies, secret);
	octets_wipe(secret, sizeof(secret));
	return h;
}

void hello_destroy(struct hello *h)
{
	if (h == NULL)
		return;
	startup_queue_destroy(h->queue);
	frag_table_destroy(h->frags);
	octets_wipe(&h->cookies, sizeof(h->cookies));
	free(h);
}

// -- passing on to control --

// Octets that may be answered to this packet, but for what was answered already.
static size_t allowance(const struct hello_ctx *ctx)
{
	size_t all = AMPLIFICATION_MAX * ((size_t)ctx->pkt->len + IP_UDP_LEN);

	return ctx->n_owed < all ? all - ctx->n_owed : 0;
}

static void report_chunk(struct engine *e, struct hello_ctx *ctx, uint8_t op, const struct chunk *c)
{
	struct report r = {.op = op, .session_id = ctx->near_id};

	r.session_idx = ctx->pkt->session_idx;
	r.packet.from = ctx->from;
	r.packet.session_id = ctx->near_id;
	r.packet.chunk = c->type;
	if (op == REP_HELLO) {
		r.packet.allowance = (uint32_t)allowance(ctx);
		ctx->n_owed += r.packet.allowance;
	}
	if (engine_report_copy(e, &r, c->payload) == 0 && op == REP_KEYING)
		e->stats.keyings_reported++;
}

static void pass_on(struct engine *e, struct hello_ctx *ctx, uint8_t op, struct bucket *b,
		    uint32_t per_s, const struct chunk *c)
{
	if (bucket_take(b, per_s, e->now_us))
		report_chunk(e, ctx, op, c);
	else
		engine_drop(e, DROP_HELLO_RATE);
}

// -- answering --

// How often that answer may be sent, n_max times at most. Who pads the question, as we do, gets it
// more than once.
static uint32_t n_answers(struct engine *e, struct hello_ctx *ctx, size_t chunk_len, uint32_t n_max)
{
	size_t out = frag_tx_n_octets(e, chunk_len);
	size_t n = allowance(ctx) / out;

	if (n == 0)
		return ctx->n_owed == 0 &&
		       bucket_take(&e->hello->long_answers, LONG_ANSWERS_PER_S, e->now_us);
	if (n > n_max)
		n = n_max;
	ctx->n_owed += n * out;
	return (uint32_t)n;
}

static struct wr *answer_begin(struct engine *e, const struct hello_ctx *ctx, uint32_t id_tx)
{
	struct wr *w = startup_queue_begin(e->hello->queue, &ctx->from, id_tx);

	if (w == NULL)
		engine_drop(e, DROP_HELLO_RATE);
	return w;
}

// err: of writing the chunk, which is sent n_max times at most.
static bool answer_end(struct engine *e, struct hello_ctx *ctx, const struct wr *w, int err,
		       uint32_t n_max)
{
	uint32_t n = err == 0 ? n_answers(e, ctx, w->len, n_max) : 0;

	if (n == 0) {
		engine_drop(e, DROP_HELLO_RATE);
		return false;
	}
	startup_queue_commit_often(e->hello->queue, n);
	return true;
}

static struct span address_of(const struct hello_ctx *ctx)
{
	return span_of(&ctx->from, sizeof(ctx->from));
}

static int answer_write(struct engine *e, struct wr *w, const struct msg_addr *to, struct span tag,
			const struct endpoint *ep)
{
	uint8_t cookie[COOKIE_LEN];
	struct rhello answer = {tag, span_of(cookie, COOKIE_LEN), ep->cert.whole};

	cookie_make(cookie, &e->hello->cookies, e->now_us, span_of(to, sizeof(*to)));
	return rhello_write(w, &answer);
}

static void answer_hello(struct engine *e, struct hello_ctx *ctx, const struct ihello *hello,
			 const struct endpoint *ep)
{
	struct wr *w = answer_begin(e, ctx, 0);

	if (w != NULL && answer_end(e, ctx, w, answer_write(e, w, &ctx->from, hello->tag, ep),
				    HELLO_ANSWERS_MAX))
		e->stats.hellos_answered++;
}

// -- chunks to session id 0 --

static void on_ihello(struct engine *e, struct hello_ctx *ctx, const struct chunk *c)
{
	const struct endpoint *ep = &e->hello->endpoints[ctx->from.endpoint % ENDPOINTS_MAX];
	struct ihello hello;
	struct epd epd;

	if (ctx->has_hello) {
		engine_drop(e, DROP_HELLO_RATE);
		return;
	}
	ctx->has_hello = true;
	if (ihello_read(&hello, c->payload) != 0 || epd_read(&epd, hello.epd) != 0)
		engine_drop(e, DROP_MALFORMED);
	else if (!ep->is_used)
		engine_drop(e, DROP_HELLO_NOT_US);
	else if (!epd_selects(&epd, &ep->cert))
		pass_on(e, ctx, REP_HELLO, &e->hello->hellos, e->opts.hellos_per_s, c);
	else if (ep->answers_hello)
		answer_hello(e, ctx, &hello, ep);
	else
		engine_drop(e, DROP_HELLO_NOT_US);
}

static void change_cookie(struct engine *e, struct hello_ctx *ctx, const struct iikeying *k)
{
	struct wr *w = answer_begin(e, ctx, k->initiator_session_id);
	uint8_t cookie[COOKIE_LEN];
	struct cookie_change change = {k->cookie_echo, span_of(cookie, COOKIE_LEN)};

	if (w == NULL)
		return;
	cookie_make(cookie, &e->hello->cookies, e->now_us, address_of(ctx));
	if (answer_end(e, ctx, w, cookie_change_write(w, &change), 1))
		e->stats.cookie_changes++;
}

static void on_iikeying(struct engine *e, struct hello_ctx *ctx, const struct chunk *c)
{
	struct iikeying k;

	if (iikeying_read(&k, c->payload) != 0 || k.initiator_session_id == 0) {
		engine_drop(e, DROP_MALFORMED);
		return;
	}
	switch (cookie_verify(&e->hello->cookies, e->now_us, k.cookie_echo, address_of(ctx))) {
	case COOKIE_GOOD:
		startup_queue_forget(e->hello->queue, &ctx->from); // it has our RHello
		pass_on(e, ctx, REP_KEYING, &e->hello->keyings, e->opts.keyings_per_s, c);
		break;
	case COOKIE_OTHER_ADDRESS:
		change_cookie(e, ctx, &k);
		break;
	default:
		engine_drop(e, DROP_COOKIE);
	}
}

// Why a chunk is not for this session id, or DROP_NONE (§2.3: only these two are for a reserved
// one).
static enum drop_reason chunk_fault(const struct hello_ctx *ctx, uint8_t type)
{
	bool is_for_reserved = type == CHUNK_RIKEYING || type == CHUNK_COOKIE_CHANGE;

	if (!chunk_is_legal(type, MODE_STARTUP))
		return chunk_is_legal(type, MODE_INITIATOR) ? DROP_WRONG_MODE_CHUNK
							    : DROP_UNKNOWN_CHUNK;
	if (type == CHUNK_PACKET_FRAGMENT)
		return DROP_NONE;
	return is_for_reserved == (ctx->near_id != 0) ? DROP_NONE : DROP_WRONG_MODE_CHUNK;
}

static void on_fragment(struct engine *e, struct hello_ctx *ctx, const struct chunk *c);

static void on_chunk(struct engine *e, struct hello_ctx *ctx, const struct chunk *c)
{
	switch (c->type) {
	case CHUNK_IHELLO:
		on_ihello(e, ctx, c);
		break;
	case CHUNK_IIKEYING:
		on_iikeying(e, ctx, c);
		break;
	case CHUNK_RHELLO:
	case CHUNK_REDIRECT:
		pass_on(e, ctx, REP_STARTUP, &e->hello->others, e->opts.hellos_per_s, c);
		break;
	case CHUNK_RIKEYING:
	case CHUNK_COOKIE_CHANGE:
		report_chunk(e, ctx, REP_STARTUP, c); // who knew the id may speak
		break;
	default:
		on_fragment(e, ctx, c);
	}
}

// The chunks of a packet, or of one that was put together.
static enum drop_reason on_plain(struct engine *e, struct hello_ctx *ctx, struct span plain)
{
	struct rd r = rd_over_span(plain);
	struct packet_header h;
	struct chunk c;

	if (packet_header_read(&r, &h) != 0)
		return packet_mode(&h) == MODE_FORBIDDEN ? DROP_MODE : DROP_TRUNCATED;
	if (packet_mode(&h) != MODE_STARTUP)
		return DROP_MODE;
	while (chunk_next(&r, &c)) {
		enum drop_reason fault = chunk_fault(ctx, c.type);

		if (c.type == CHUNK_PADDING_00 || c.type == CHUNK_PADDING_FF)
			continue;
		if (fault != DROP_NONE)
			engine_drop(e, fault);
		else
			on_chunk(e, ctx, &c);
	}
	return DROP_NONE;
}

static void on_fragment(struct engine *e, struct hello_ctx *ctx, const struct chunk *c)
{
	struct packet_fragment f;
	enum drop_reason fault = DROP_MALFORMED;
	enum frag_result result = FRAG_BAD;
	struct span packet;

	// Fragments of fragments are of no use to anybody.
	if (!ctx->is_joined && packet_fragment_read(&f, c->payload) == 0)
		result =
			frag_add(e->hello->frags, &ctx->from, ctx->near_id, &f, e->now_us, &packet);
	if (result == FRAG_WAITS)
		return;
	if (result == FRAG_FULL)
		fault = DROP_HELLO_RATE;
	if (result == FRAG_WHOLE) {
		ctx->is_joined = true;
		fault = on_plain(e, ctx, packet);
		ctx->is_joined = false;
	}
	if (fault != DROP_NONE)
		engine_drop(e, fault);
}

void hello_packet(struct engine *e, uint32_t near_id, struct pkt *pkt, struct span plain)
{
	struct hello_ctx ctx = {.pkt = pkt, .near_id = near_id};
	enum drop_reason fault;

	memcpy(ctx.from.ip, pkt->addr, pkt->family == 6 ? 16 : 4);
	ctx.from.port = pkt->port;
	ctx.from.family = pkt->family;
	ctx.from.endpoint = pkt->endpoint;
	ctx.from.local = pkt->local;
	fault = on_plain(e, &ctx, plain);
	if (fault != DROP_NONE)
		rx_drop(e, pkt, fault);
}

// -- commands --

void hello_cookie_secret(struct engine *e, const struct command *cmd)
{
	struct hello *h = e->hello;

	if (h->has_secret)
		cookie_secrets_advance(&h->cookies, cmd->cookie.secret);
	else
		cookie_secrets_init(&h->cookies, cmd->cookie.secret);
	h->has_secret = true;
}

void hello_endpoint(struct engine *e, const struct command *cmd)
{
	const struct endpoint_seed *seed = (const struct endpoint_seed *)cmd->body->data;
	struct endpoint *ep;
	int err;

	assert(cmd->len >= sizeof(*seed) && seed->endpoint < ENDPOINTS_MAX &&
	       seed->cert_len <= sizeof(seed->cert));
	ep = &e->hello->endpoints[seed->endpoint];
	memcpy(ep->octets, seed->cert, seed->cert_len);
	err = certificate_read(&ep->cert, span_of(ep->octets, seed->cert_len));
	assert(err == 0);
	ep->answers_hello = seed->answers_hello;
	ep->is_used = true;
}

static void pad(struct wr *w, size_t len)
{
	while (w->len < len)
		wr_u8(w, CHUNK_PADDING_FF);
}

// Control has seen to it that once is not too much.
static uint32_t n_times(struct engine *e, uint32_t covers, size_t chunk_len)
{
	size_t n = covers / frag_tx_n_octets(e, chunk_len);

	if (n > HELLO_ANSWERS_MAX)
		n = HELLO_ANSWERS_MAX;
	return n > 1 ? (uint32_t)n : 1;
}

void hello_send(struct engine *e, const struct command *cmd)
{
	struct wr *w =
		startup_queue_begin(e->hello->queue, &cmd->packet.to, cmd->packet.session_id);

	if (w != NULL)
		wr_bytes(w, cmd->body->data, cmd->len);
	if (w == NULL || w->err != 0) {
		engine_drop(e, DROP_TX_QUEUE); // whoever waits for it asks again
		return;
	}
	startup_queue_class(e->hello->queue, BUDGET_NEW);
	if (cmd->packet.chunk == CHUNK_IHELLO)
		pad(w, IHELLO_LEN_MIN);
	startup_queue_commit_often(e->hello->queue, n_times(e, cmd->packet.allowance, w->len));
}

void hello_reply(struct engine *e, const struct command *cmd)
{
	const struct msg_addr *to = &cmd->packet.to;
	const struct endpoint *ep = &e->hello->endpoints[to->endpoint % ENDPOINTS_MAX];
	struct wr *w = startup_queue_begin(e->hello->queue, to, 0);

	assert(ep->is_used);
	if (w == NULL || answer_write(e, w, to, span_of(cmd->body->data, cmd->len), ep) != 0) {
		engine_drop(e, DROP_TX_QUEUE);
		return;
	}
	startup_queue_class(e->hello->queue, BUDGET_NEW);
	startup_queue_commit(e->hello->queue);
	e->stats.hellos_answered++;
}

// -- sending --

uint32_t hello_n_due(const struct engine *e)
{
	uint32_t n = startup_queue_n(e->hello->queue);

	return n > 0 ? n + FRAGMENT_BURST_PACKETS - 1 : 0; // any of them may leave in fragments
}

void hello_timers(struct engine *e)
{
	startup_queue_timers(e->hello->queue, e->now_us);
}

uint64_t hello_deadline_us(const struct engine *e)
{
	return startup_queue_deadline_us(e->hello->queue);
}

void hello_tx(struct engine *e)
{
	startup_queue_send(e, e->hello->queue);
}
