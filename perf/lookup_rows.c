/*
 * lookup/: finding the session of a datagram among many, in random order. What arrives has a length
 * that no packet of its session can have, so it is dropped as soon as the session is found: the row
 * times the receive path up to there. The limit reads the same lines of a plain array by index,
 * fetched ahead.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "crypto/random.h"
#include "dataplane/core/internal.h"
#include "dataplane/pages.h"
#include "dataplane/wire/packet.h"
#include "perf/rows.h"

#define BURST   64
#define BURSTS  32 // a batch
#define LEN     60 // with a tag of 16: 40 octets of ciphertext, which is no multiple of the block
#define TAG     16
#define SHORT_N 1024

struct line { // a session's place in the plain array: its first line is read
	alignas(64) uint32_t id;
	uint8_t rest[508];
};
static_assert(sizeof(struct line) == sizeof(struct session), "the same strides");

struct world {
	uint32_t n;
	uint64_t now_us;
	struct crypto *crypto;
	struct random_state state;
	struct random random;
	struct mailbox *commands, *reports;
	struct body_pool *bodies;
	struct engine *engine;
	struct line *lines;
	uint32_t slots[BURSTS][BURST];
	uint8_t data[BURSTS][BURST][64];
	struct pkt pkts[BURST];
};

static uint32_t id_of(uint32_t slot)
{
	return session_id_make(0, slot, 1 + slot % 1000);
}

static bool session_add(struct world *w, uint32_t slot)
{
	struct session_seed seed = {
		.far = {.ip = {10, slot >> 16, slot >> 8, slot}, .port = 1935, .family = 4},
		.far_id = slot + 1,
		.tx_tag_len = TAG,
		.rx_tag_len = TAG};
	struct command c = {.op = CMD_SESSION_ADD,
			    .session_idx = slot,
			    .session_id = id_of(slot),
			    .len = sizeof(seed)};
	struct report r;

	c.body = body_get(w->bodies, sizeof(seed));
	if (c.body == NULL)
		return false;
	memcpy(c.body->data, &seed, sizeof(seed));
	mailbox_push(w->commands, &c);
	engine_commands(w->engine, w->now_us);
	engine_timers(w->engine, w->now_us);
	while (mailbox_pop(w->reports, &r))
		for (unsigned i = 0;
		     r.op == REP_BODIES_PUT && i < BODIES_PER_PUT && r.bodies.more[i] != NULL; i++)
			body_put(r.bodies.more[i]);
	w->lines[slot].id = id_of(slot);
	return true;
}

static bool engine_make(struct world *w)
{
	struct engine_opts o;

	engine_opts_appliance(&o, w->n, 1);
	o.crypto = w->crypto = crypto_create(CRYPTO_AUTO);
	w->random = random_seeded(&w->state, 3);
	o.random = &w->random;
	o.commands = w->commands = mailbox_create(64);
	o.reports = w->reports = mailbox_create(256);
	w->bodies = body_pool_create(1 << 20);
	w->lines = pages_take(w->n * sizeof(*w->lines));
	if (w->crypto == NULL || w->commands == NULL || w->reports == NULL || w->bodies == NULL ||
	    w->lines == NULL)
		return false;
	w->engine = engine_create(&o);
	return w->engine != NULL;
}

static void *lookup_open(const struct bench_row *row, struct ratio *r)
{
	struct world *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);

	if (w == NULL)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->n = r->is_short ? SHORT_N : (uint32_t)row->arg[0];
	w->now_us = 1000000;
	if (!engine_make(w))
		ratio_void(r, "no memory");
	for (uint32_t i = 0; r->state == RATIO_GOOD && i < w->n; i++)
		if (!session_add(w, i))
			ratio_void(r, "session %u was not added", i);
	return w;
}

static void lookup_close(void *world, struct ratio *r)
{
	struct world *w = world;

	if (w->engine != NULL)
		engine_destroy(w->engine);
	mailbox_destroy(w->commands);
	mailbox_destroy(w->reports);
	if (w->bodies != NULL)
		body_pool_destroy(w->bodies);
	pages_give(w->lines, w->n * sizeof(*w->lines));
	if (w->crypto != NULL)
		crypto_destroy(w->crypto);
	free(w);
}

static void write_all(struct world *w)
{
	for (unsigned b = 0; b < BURSTS; b++) {
		for (unsigned i = 0; i < BURST; i++) {
			w->slots[b][i] = (uint32_t)random_below(&w->random, w->n);
			bench_octets(w->data[b][i], LEN, w->slots[b][i]);
			ssid_scramble(w->data[b][i], LEN, id_of(w->slots[b][i]));
		}
	}
}

static void lookup_burst(struct world *w, unsigned b)
{
	for (unsigned i = 0; i < BURST; i++)
		w->pkts[i] = (struct pkt){.data = w->data[b][i],
					  .len = LEN,
					  .room = 64,
					  .family = 4,
					  .session_idx = SESSION_NONE};
	engine_rx(w->engine, w->pkts, BURST, w->now_us);
}

// All that finding cannot do without: the id out of the octets, and one line.
static uint32_t plain_burst(const struct world *w, unsigned b)
{
	uint32_t id[BURST], found = 0;

	for (unsigned i = 0; i < BURST; i++) {
		ssid_unscramble(w->data[b][i], LEN, &id[i]);
		__builtin_prefetch(&w->lines[session_id_slot(id[i])]);
	}
	for (unsigned i = 0; i < BURST; i++)
		found += w->lines[session_id_slot(id[i])].id == id[i];
	return found;
}

static void lookup_batch(void *world, struct ratio *r)
{
	struct world *w = world;
	const struct worker_stats *s = engine_stats(w->engine);
	uint64_t before = s->drops[DROP_AUTH];
	uint32_t found = 0;

	write_all(w);
	ratio_start(r, RATIO_OURS);
	for (unsigned b = 0; b < BURSTS; b++)
		lookup_burst(w, b);
	ratio_stop(r, RATIO_OURS, BURSTS * BURST);
	ratio_start(r, RATIO_LIMIT);
	for (unsigned b = 0; b < BURSTS; b++)
		found += plain_burst(w, b);
	ratio_stop(r, RATIO_LIMIT, BURSTS * BURST);
	if (s->drops[DROP_AUTH] - before != BURSTS * BURST || found != BURSTS * BURST)
		ratio_void(r, "%u of %u sessions were found",
			   (unsigned)(s->drops[DROP_AUTH] - before), BURSTS * BURST);
}

void lookup_rows(struct bench *b)
{
	for (uint32_t n = 1 << 10; n <= 1 << 18; n <<= 4) {
		bench_add(b,
			  &(struct bench_row){
				  .unit = "datagram",
				  .sides = {"find its session and drop it",
					    "read a line of an array"},
				  .plot = {.name = "lookup",
					   .x_name = "sessions",
					   .line = "lookup",
					   .x = n},
				  .arg = {n},
				  .open = lookup_open,
				  .batch = lookup_batch,
				  .close = lookup_close,
			  },
			  "lookup/%u-sessions", n);
	}
}
