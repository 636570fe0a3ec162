#include "perf/flood.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/wire/chunk.h"
#include "perf/bench.h"

#define MADE   1024
#define PREFIX 256 // addresses of a /24
#define SPREAD 8192

const char *const flood_names[FLOOD_KINDS] = {"noise", "cookie", "nobody", "hello"};

struct flood {
	bool is_spread;
	uint32_t next;
	struct crypto *crypto;
	struct random_state state;
	struct random random;
	struct strangers strangers;
	uint16_t len[MADE];
	uint8_t data[MADE][STRANGER_LEN];
};

static void make_one(struct flood *f, enum flood_kind kind, uint32_t i)
{
	uint8_t nobody[32];

	switch (kind) {
	case FLOOD_NOISE:
		f->len[i] = SSID_LEN + 80;
		bench_octets(f->data[i], f->len[i], i);
		ssid_scramble(f->data[i], f->len[i], 0);
		break;
	case FLOOD_COOKIE:
		bench_octets(f->strangers.list[i].cookie, COOKIE_LEN, i);
		f->len[i] = stranger_keying(&f->strangers, i, f->data[i]);
		break;
	case FLOOD_NOBODY:
		bench_octets(nobody, sizeof(nobody), i);
		f->len[i] = stranger_asks_for(&f->strangers, i, nobody, f->data[i]);
		break;
	default:
		f->len[i] = stranger_hello(&f->strangers, i, f->data[i]);
	}
}

struct flood *flood_create(enum flood_kind kind, bool is_spread,
			   const struct identity_endpoint *near)
{
	struct flood *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->is_spread = is_spread;
	f->random = random_seeded(&f->state, 9);
	f->crypto = crypto_create(CRYPTO_AUTO);
	if (f->crypto == NULL ||
	    !strangers_init(&f->strangers, f->crypto, &f->random, MADE, DH_GROUP_14, near)) {
		flood_destroy(f);
		return NULL;
	}
	for (uint32_t i = 0; i < MADE; i++)
		make_one(f, kind, i);
	return f;
}

void flood_destroy(struct flood *f)
{
	if (f == NULL)
		return;
	if (f->crypto != NULL)
		crypto_destroy(f->crypto);
	strangers_fini(&f->strangers);
	free(f);
}

uint32_t flood_send(struct flood *f, struct world *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t which = f->next % MADE;
		struct datagram d;

		if (!w->calls->lend(w, &d))
			return i;
		memcpy(d.data, f->data[which], f->len[which]);
		d.len = f->len[which];
		d.slot = FLOOD_SLOT +
			 (f->is_spread ? f->next % SPREAD * PREFIX : f->next % (PREFIX - 2));
		w->calls->arrive(w, &d);
		f->next++;
	}
	return n;
}

uint16_t flood_ciphertext(const struct flood *f, uint32_t i, uint8_t *dst)
{
	uint16_t len = (uint16_t)((f->len[i % MADE] - SSID_LEN) & ~15);

	memcpy(dst, f->data[i % MADE] + SSID_LEN, len);
	return len;
}
