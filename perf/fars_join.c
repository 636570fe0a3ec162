// The far ends get their sessions, streams and links: what control and the handshakes would do.
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/stream.h"
#include "dataplane/wire/chunk_data.h"
#include "perf/fars_parts.h"

#define BODIES_BYTES (16u << 20)
#define PATIENCE     400 // turns without progress
#define WINDOW_MS    40  // at millions of packets a second more would only be memory
#define MARGIN_MS    10

// -- making --

static void make_keys(struct fars *f, struct far *far, struct session_seed *seed)
{
	uint8_t key[2][CRYPTO_KEY_LEN], hmac[2][CRYPTO_HMAC_KEY_LEN];
	struct hmac_keys states;

	random_fill(&f->random, key, sizeof(key));
	random_fill(&f->random, hmac, sizeof(hmac));
	crypto_expand(f->crypto, key[0], far->seal, seed->rx_sched);
	crypto_expand(f->crypto, key[1], seed->tx_sched, far->open);
	if (f->opts.tag_len == 0)
		return;
	crypto_hmac_expand(f->crypto, hmac[0], &far->hmac_seal);
	memcpy(seed->rx_hmac, far->hmac_seal.state, sizeof(seed->rx_hmac));
	crypto_hmac_expand(f->crypto, hmac[1], &states);
	far->hmac_open = states;
	memcpy(seed->tx_hmac, states.state, sizeof(seed->tx_hmac));
	seed->tx_tag_len = seed->rx_tag_len = f->opts.tag_len;
}

static void make_far(struct fars *f, uint32_t slot)
{
	struct far *far = &f->far[slot];
	uint32_t member = slot - f->opts.n_streams;

	far->id = session_id_make(f->opts.worker, slot, 1 + slot % 1000);
	far->sn = 1;
	if (slot < f->opts.n_streams) {
		far->stream = slot;
		return;
	}
	far->stream = member / f->opts.n_per_stream;
	far->phase = member & 1; // half of them out of step
	far->is_slow = member % 1000 * 7919 % 1000 < f->opts.slow_permille;
}

struct fars *fars_create(const struct fars_opts *opts, struct mailbox *commands,
			 struct mailbox *reports)
{
	struct fars *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->opts = *opts;
	f->commands = commands;
	f->reports = reports;
	f->n = opts->n_streams * (1 + opts->n_per_stream);
	f->random = random_seeded(&f->random_state, 0x5eed);
	f->crypto = crypto_create(CRYPTO_AUTO);
	f->bodies = body_pool_create(BODIES_BYTES);
	f->far = aligned_alloc(64, f->n * sizeof(*f->far));
	f->due = calloc(f->n, sizeof(*f->due));
	f->published = calloc(opts->n_streams, sizeof(*f->published));
	if (f->crypto == NULL || f->bodies == NULL || f->far == NULL || f->due == NULL ||
	    f->published == NULL) {
		fars_destroy(f);
		return NULL;
	}
	memset(f->far, 0, f->n * sizeof(*f->far));
	for (uint32_t i = 0; i < f->n; i++)
		make_far(f, i);
	return f;
}

void fars_destroy(struct fars *f)
{
	crypto_destroy(f->crypto);
	body_pool_destroy(f->bodies);
	free(f->far);
	free(f->due);
	free(f->published);
	free(f);
}

// -- control --

static void on_opened(struct fars *f, const struct report *r)
{
	struct command c = {.op = CMD_FLOW_CLASS,
			    .flow = r->flow,
			    .session_idx = r->session_idx,
			    .session_id = r->session_id};

	c.class.flow_id = r->opened.flow_id;
	c.class.stream = (uint16_t)f->far[r->session_idx].stream;
	c.class.class = FLOW_STREAM_CONTROL;
	if (r->opened.flow_id == FAR_DATA_FLOW) {
		bool is_messages = f->opts.message_fragments > 0;

		c.class.class = is_messages ? FLOW_CONTROL : FLOW_RELAY;
		c.class.is_network_order = !is_messages;
	}
	mailbox_push(f->commands, &c);
}

static void put_back(struct fars *f, struct body *body)
{
	f->put.bodies.more[f->n_put++] = body;
	if (f->n_put < BODIES_PER_PUT)
		return;
	f->put.op = CMD_BODIES_PUT;
	mailbox_push(f->commands, &f->put);
	memset(&f->put, 0, sizeof(f->put));
	f->n_put = 0;
}

void fars_control(struct fars *f)
{
	struct report r;

	while (mailbox_room(f->commands) > BODIES_PER_PUT && mailbox_pop(f->reports, &r)) {
		if (r.op == REP_MESSAGE)
			fars_on_message(f, &r);
		if (r.op == REP_FLOW_OPENED) {
			on_opened(f, &r);
		} else if (r.op == REP_BODIES_PUT) {
			for (int i = 0; i < BODIES_PER_PUT && r.bodies.more[i] != NULL; i++)
				body_put(r.bodies.more[i]);
		} else if (r.body != NULL) {
			put_back(f, r.body);
		}
	}
}

// -- turning until something is true --

static void turn(struct fars *f, uint64_t *now_us)
{
	*now_us = f->opts.convoy != NULL ? atomic_fetch_add(&f->opts.convoy->now_us, 100) + 100
					 : *now_us + 100;
	f->in.n = 0;
	fars_flush(f, *now_us);
	world_turn(f->world, *now_us);
	fars_look(f);
	fars_control(f);
}

// A command, with a copy of octets as its body. -1: no room in a while.
static int command(struct fars *f, struct command *c, const void *body, uint32_t len,
		   uint64_t *now_us)
{
	for (unsigned i = 0; i < PATIENCE; i++) {
		c->len = len;
		if (mailbox_room(f->commands) > 2 * BODIES_PER_PUT &&
		    (len == 0 || (c->body = body_get(f->bodies, len)) != NULL)) {
			if (len > 0)
				memcpy(c->body->data, body, len);
			mailbox_push(f->commands, c);
			return 0;
		}
		turn(f, now_us);
	}
	return -1;
}

static int add_streams(struct fars *f, uint64_t *now_us)
{
	const struct stream_seed seed = {
		.window_ms = WINDOW_MS,
		.margin_ms = MARGIN_MS,
		.update_ms = STREAM_UPDATE_MS,
		.fetch_ms = STREAM_FETCH_MS,
		.extents_max = EXTENTS_MAX,
		.flags = f->opts.worker == 0 ? STREAM_PUSH_ALL | STREAM_HOME : STREAM_PUSH_ALL,
	};
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < f->opts.n_streams; i++) {
		struct command c = {.op = CMD_STREAM_ADD};

		c.stream.stream = (uint16_t)i;
		err = command(f, &c, &seed, sizeof(seed), now_us);
	}
	return err;
}

static int add_session(struct fars *f, uint32_t slot, uint64_t *now_us)
{
	struct far *far = &f->far[slot];
	uint32_t ip = world_far_ip(slot);
	struct session_seed seed = {
		.far = {.ip = {ip >> 24, ip >> 16, ip >> 8, ip}, .port = WORLD_PORT, .family = 4},
		.far_id = 0x10000 + slot,
		.flags = f->opts.has_sseq ? SEED_TX_SSEQ | SEED_RX_SSEQ : 0,
		.rtt_us = 1000,
	};
	struct command c = {.op = CMD_SESSION_ADD, .session_idx = slot, .session_id = far->id};

	if (f->opts.is_v6) {
		seed.far.family = 6;
		world_far_ip6(seed.far.ip, slot);
	}
	make_keys(f, far, &seed);
	return command(f, &c, &seed, sizeof(seed), now_us);
}

static int add_link(struct fars *f, uint32_t slot, uint64_t *now_us)
{
	const struct span meta = flow_kind_metadata(FLOW_GROUP_STREAM);
	struct far *far = &f->far[slot];
	struct command c = {.op = CMD_FLOW_OPEN,
			    .flow = ENGINE_CONTROL_FLOW,
			    .session_idx = slot,
			    .session_id = far->id};
	int err;

	c.open.flow_id = ENGINE_CONTROL_FLOW;
	c.open.rule_stream = NO_STREAM;
	c.open.meta_len = (uint8_t)meta.len;
	memcpy(c.open.meta, meta.data, meta.len);
	err = command(f, &c, NULL, 0, now_us);
	if (err != 0)
		return err;
	memset(c.raw, 0, sizeof(c.raw));
	c.op = CMD_STREAM_LINK;
	c.flow = 0;
	c.link.stream = (uint16_t)far->stream;
	c.link.control_flow = ENGINE_CONTROL_FLOW;
	c.link.data_flow = ENGINE_DATA_FLOW;
	c.link.data_flow_id = ENGINE_DATA_FLOW;
	c.link.assoc_id = FAR_CONTROL_FLOW;
	c.link.flags = slot >= f->opts.n_streams ? LINK_NO_PUSH_IN : 0;
	c.link.ring_order = slot;
	return command(f, &c, NULL, 0, now_us);
}

// -- members ask for everything --

static bool ask_for_all(struct fars *f, uint32_t slot, uint64_t now_us)
{
	struct far *far = &f->far[slot];
	uint8_t mask[2];
	struct wr w = wr_over(mask, sizeof(mask));
	struct user_data d = {.flow_id = FAR_CONTROL_FLOW,
			      .seq = 1,
			      .flags = USER_DATA_OPTIONS,
			      .options = {.has_metadata = true}};
	struct letter l;

	if (!letter_begin(f, &l, slot, now_us))
		return false;
	d.options.metadata = flow_kind_metadata(FLOW_GROUP_STREAM);
	push_mask_write(&w, 0xff);
	d.body = span_of(mask, w.len);
	user_data_write(&l.w, &d);
	letter_end(f, &l);
	far->sn = 2;
	return true;
}

static uint32_t n_subscribers(const struct fars *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->opts.n_streams; i++)
		n += f->world->engine->relay->streams[i].n_subs;
	return n;
}

static void shuffle(struct fars *f, uint32_t *order, uint32_t n)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = (uint32_t)random_below(&f->random, i), x = order[i - 1];

		order[i - 1] = order[k];
		order[k] = x;
	}
}

static int join(struct fars *f, uint64_t *now_us)
{
	uint32_t n = f->opts.n_streams * f->opts.n_per_stream;
	uint32_t *order = calloc(n, sizeof(*order)), i = 0;

	if (order == NULL)
		return -1;
	for (uint32_t k = 0; k < n; k++)
		order[k] = f->opts.n_streams + k;
	if (f->opts.is_shuffled)
		shuffle(f, order, n);
	for (unsigned idle = 0; idle < PATIENCE && n_subscribers(f) < n; idle++) {
		for (uint32_t k = 0; k < 32 && i < n && ask_for_all(f, order[i], *now_us); k++) {
			i++;
			idle = 0;
		}
		turn(f, now_us);
	}
	free(order);
	return n_subscribers(f) == n ? 0 : -1;
}

// One fragment of every stream opens its flow; those after it need not wait for control, and so
// never share a packet.
static int first_fragments(struct fars *f, uint64_t *now_us)
{
	for (uint32_t i = 0; i < f->opts.n_streams; i++) {
		if (!fars_publish(f, i, *now_us))
			return -1;
		turn(f, now_us);
	}
	for (unsigned i = 0; i < PATIENCE; i++)
		turn(f, now_us);
	return 0;
}

int fars_settle(struct fars *f, struct world *w, uint64_t *now_us)
{
	int err;

	f->world = w;
	err = f->opts.message_fragments == 0 ? add_streams(f, now_us) : 0;
	for (uint32_t i = 0; err == 0 && i < f->n; i++)
		err = add_session(f, i, now_us);
	for (uint32_t i = 0; err == 0 && f->opts.message_fragments == 0 && i < f->n; i++)
		err = add_link(f, i, now_us);
	for (unsigned i = 0; i < PATIENCE; i++)
		turn(f, now_us);
	if (err != 0 || f->opts.message_fragments > 0)
		return err;
	err = join(f, now_us);
	if (f->opts.worker > 0) { // fragments are the first worker's to bring
		f->published[0] = UINT64_MAX;
		return err;
	}
	return err == 0 ? first_fragments(f, now_us) : err;
}
