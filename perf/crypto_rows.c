/*
 * crypto/: sealing and opening through the front door of crypto.h, beside ipsec-mb alone in full
 * bursts and OpenSSL. Lengths are those of the ciphertext; keys are taken in turn, packets from a
 * pool that stays in L2.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/floor.h"
#include "perf/rows.h"

#define PKTS     128 // in the pool; also a batch, but for long ones
#define TAG      10
#define LEN_LAST 1392

enum {
	ARG_OPEN, // else seal
	ARG_LEN,
	ARG_BURST,
	ARG_KEYS,
	ARG_HMAC,
};

struct world {
	const struct bench_row *row;
	struct crypto *imb, *soft;
	struct floor *floor;
	struct seal_keys *seal; // ARG_KEYS of each
	struct open_keys *open;
	struct hmac_keys *hmac;
	uint8_t *pool, *clean;
	size_t stride;
	uint32_t key_next;
	struct crypto_op ops[PKTS];
};

static uint16_t len_of(const struct world *w)
{
	return (uint16_t)w->row->arg[ARG_LEN];
}

// The next keys for all packets. Opening needs what was sealed with them, and gets it here.
static void ops_fill(struct world *w)
{
	bool opens = w->row->arg[ARG_OPEN] != 0, has_hmac = w->row->arg[ARG_HMAC] != 0;

	for (unsigned i = 0; i < PKTS; i++) {
		uint32_t key = w->key_next;

		w->key_next = key + 1 == (uint32_t)w->row->arg[ARG_KEYS] ? 0 : key + 1;
		w->ops[i] = (struct crypto_op){
			.sched = opens ? (void *)&w->open[key] : (void *)&w->seal[key],
			.hmac = has_hmac ? &w->hmac[key] : NULL,
			.dst = w->pool + i * w->stride,
			.len = len_of(w),
			.tag_len = has_hmac ? TAG : 0,
		};
	}
}

static void pool_seal(struct world *w)
{
	struct crypto_op ops[PKTS];

	for (unsigned i = 0; i < PKTS; i++) {
		ptrdiff_t key = (const struct open_keys *)w->ops[i].sched - w->open;

		memcpy(w->ops[i].dst, w->clean, len_of(w));
		ops[i] = w->ops[i];
		ops[i].sched = &w->seal[key];
	}
	crypto_seal(w->imb, ops, PKTS);
}

static void keys_expand(struct world *w, uint32_t n)
{
	uint8_t key[CRYPTO_HMAC_KEY_LEN];

	for (uint32_t i = 0; i < n; i++) {
		bench_octets(key, sizeof(key), i);
		crypto_expand(w->imb, key, &w->seal[i], &w->open[i]);
		crypto_hmac_expand(w->imb, key, &w->hmac[i]);
	}
}

static void crypto_close(void *world, struct ratio *r)
{
	struct world *w = world;

	if (w->imb != NULL)
		crypto_destroy(w->imb);
	if (w->soft != NULL)
		crypto_destroy(w->soft);
	if (w->floor != NULL)
		floor_destroy(w->floor);
	free(w->seal);
	free(w->open);
	free(w->hmac);
	free(w->pool);
	free(w->clean);
	free(w);
}

static void *crypto_open_row(const struct bench_row *row, struct ratio *r)
{
	struct world *w = calloc(1, sizeof(*w));
	size_t n = (size_t)row->arg[ARG_KEYS];

	if (w == NULL)
		return NULL;
	w->row = row;
	// An odd number of lines: at powers of two, packets would share few sets of the cache.
	w->stride = ((size_t)row->arg[ARG_LEN] + CRYPTO_TAG_MAX + 63) / 64 * 64;
	w->stride += w->stride / 64 % 2 == 0 ? 64 : 0;
	w->imb = crypto_create(CRYPTO_IMB);
	w->soft = crypto_create(CRYPTO_SOFT);
	w->floor = floor_create();
	w->seal = aligned_alloc(64, n * sizeof(*w->seal) / 64 * 64 + 64);
	w->open = aligned_alloc(64, n * sizeof(*w->open) / 64 * 64 + 64);
	w->hmac = aligned_alloc(64, n * sizeof(*w->hmac));
	w->pool = aligned_alloc(64, PKTS * w->stride);
	w->clean = malloc((size_t)row->arg[ARG_LEN]);
	if (w->imb == NULL || w->floor == NULL)
		ratio_skip(r, "no ipsec-mb here");
	if (w->soft == NULL || w->seal == NULL || w->open == NULL || w->hmac == NULL ||
	    w->pool == NULL || w->clean == NULL)
		ratio_void(r, "no memory");
	if (r->state == RATIO_GOOD) {
		keys_expand(w, (uint32_t)n);
		bench_octets(w->clean, (size_t)row->arg[ARG_LEN], 7);
		for (unsigned i = 0; i < PKTS; i++)
			memcpy(w->pool + i * w->stride, w->clean, (size_t)row->arg[ARG_LEN]);
	}
	return w;
}

static void bursts_run(struct world *w, struct crypto *c)
{
	uint16_t burst = (uint16_t)w->row->arg[ARG_BURST];

	for (unsigned i = 0; i < PKTS; i += burst) {
		if (w->row->arg[ARG_OPEN])
			crypto_open(c, &w->ops[i], burst);
		else
			crypto_seal(c, &w->ops[i], burst);
	}
}

// What our side did must be undone by OpenSSL; of an opened packet the plaintext is known.
static void check(struct world *w, struct ratio *r)
{
	struct crypto_op op = w->ops[w->key_next % PKTS];

	if (w->row->arg[ARG_OPEN]) {
		for (unsigned i = 0; i < PKTS; i++)
			if (w->ops[i].result != CRYPTO_OK)
				ratio_void(r, "packet %u: result %u", i, w->ops[i].result);
	} else {
		op.sched = &w->open[(const struct seal_keys *)op.sched - w->seal];
		if (crypto_open(w->soft, &op, 1) != 1)
			ratio_void(r, "OpenSSL does not open what was sealed");
	}
	if (memcmp(op.dst, w->clean, op.len) != 0)
		ratio_void(r, "the plaintext is another");
}

static void crypto_batch(void *world, struct ratio *r)
{
	struct world *w = world;
	bool opens = w->row->arg[ARG_OPEN] != 0;

	for (enum ratio_side side = RATIO_OURS; side <= RATIO_LIMIT_2; side++) {
		ops_fill(w);
		if (opens)
			pool_seal(w);
		else
			for (unsigned i = 0; i < PKTS; i++)
				memcpy(w->ops[i].dst, w->clean, len_of(w));
		ratio_start(r, side);
		if (side == RATIO_LIMIT && opens)
			floor_open(w->floor, w->ops, PKTS);
		else if (side == RATIO_LIMIT)
			floor_seal(w->floor, w->ops, PKTS);
		else
			bursts_run(w, side == RATIO_OURS ? w->imb : w->soft);
		ratio_stop(r, side, PKTS);
		if (side == RATIO_OURS)
			check(w, r);
	}
}

struct shape {
	int len, burst, keys;
	bool has_hmac;
	const char *plot; // of this sweep
	double x;
};

static void shape_add(struct bench *b, bool opens, const struct shape *s)
{
	struct bench_row row = {
		.unit = "packet",
		.sides = {"crypto.h", "ipsec-mb alone, bursts of 64", "OpenSSL"},
		.arg = {opens, s->len, s->burst, s->keys, s->has_hmac},
		.seconds = 0.15,
		.open = crypto_open_row,
		.batch = crypto_batch,
		.close = crypto_close,
	};

	row.plot.name = s->plot;
	row.plot.x_name = strstr(s->plot, "len")     ? "octets"
			  : strstr(s->plot, "burst") ? "packets a burst"
						     : "keys";
	row.plot.x = s->x;
	snprintf(row.plot.line, sizeof(row.plot.line), "%s%s", opens ? "open" : "seal",
		 s->has_hmac ? " + HMAC" : "");
	bench_add(b, &row, "crypto/%s%s/%d/burst-%d/keys-%d", opens ? "open" : "seal",
		  s->has_hmac ? "-hmac" : "", s->len, s->burst, s->keys);
}

void crypto_rows(struct bench *b)
{
	static const int lens[] = {64, 128, 256, 512, 1024, 1200, LEN_LAST};

	for (int kind = 0; kind < 4; kind++) {
		bool opens = (kind & 1) != 0, has_hmac = (kind & 2) != 0;

		for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
			shape_add(
				b, opens,
				&(struct shape){lens[i], 64, 64, has_hmac, "crypto-len", lens[i]});
		for (int burst = 1; burst <= 64; burst *= 2)
			shape_add(
				b, opens,
				&(struct shape){1200, burst, 256, has_hmac, "crypto-burst", burst});
		for (int keys = 1; keys <= 65536; keys *= 16)
			shape_add(b, opens,
				  &(struct shape){256, 64, keys, has_hmac, "crypto-keys", keys});
	}
}
