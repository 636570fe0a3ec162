#include "perf/crossing.h"

#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "crypto/checksum.h"
#include "dataplane/core/internal.h"

#define ROOM 1600 // 25 lines: an odd number, or packets alias in the first level cache

struct crossing *crossing_create(const struct engine *e, uint32_t n_sessions, uint8_t tag_len,
				 bool checks_sums)
{
	struct crossing *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->engine = e;
	c->n_sessions = n_sessions;
	c->tag_len = tag_len;
	c->checks_sums = checks_sums && tag_len == 0;
	c->floor = floor_create();
	c->room = aligned_alloc(64, (size_t)FLOOR_BURST * ROOM);
	c->room_copy = aligned_alloc(64, (size_t)FLOOR_BURST * ROOM);
	if (c->floor == NULL || c->room == NULL || c->room_copy == NULL) {
		crossing_destroy(c);
		return NULL;
	}
	memset(c->room, 0x5a, (size_t)FLOOR_BURST * ROOM);
	memset(c->room_copy, 0, (size_t)FLOOR_BURST * ROOM);
	return c;
}

void crossing_destroy(struct crossing *c)
{
	if (c == NULL)
		return;
	if (c->floor != NULL)
		floor_destroy(c->floor);
	free(c->room);
	free(c->room_copy);
	free(c);
}

static void run(struct crossing *c, struct crossing_way *way)
{
	uint64_t start = __rdtsc();

	if (way == &c->seal)
		floor_seal(c->floor, way->ops, FLOOR_BURST);
	else
		floor_open(c->floor, way->ops, FLOOR_BURST);
	for (unsigned i = 0; way == &c->open && c->checks_sums && i < FLOOR_BURST; i++)
		c->sum ^= csum_whole(way->ops[i].dst, way->ops[i].len);
	way->ticks += __rdtsc() - start;
	way->n = 0;
}

static void add(struct crossing *c, struct crossing_way *way, const struct crossed *x)
{
	for (uint16_t i = 0; i < x->n; i++) {
		uint32_t other = (x->slot[i] + c->n_sessions / 2) % c->n_sessions;
		const struct session *s = &c->engine->sessions[other];
		const struct hmac_keys *hmac = &c->engine->hmac[2 * other + (way == &c->open)];
		const uint8_t *sched = way == &c->open ? s->open_sched : s->seal_sched;

		__builtin_prefetch(sched);
		__builtin_prefetch(sched + 64);
		__builtin_prefetch(sched + 128);
		if (c->tag_len > 0)
			__builtin_prefetch(hmac);
		way->ops[way->n] = (struct crypto_op){
			.sched = sched,
			.hmac = c->tag_len > 0 ? hmac : NULL,
			.dst = c->room + (size_t)way->n * ROOM,
			.len = x->len[i],
			.tag_len = c->tag_len,
		};
		if (++way->n == FLOOR_BURST)
			run(c, way);
	}
}

void crossing_seal(struct crossing *c, const struct crossed *x)
{
	add(c, &c->seal, x);
}

void crossing_open(struct crossing *c, const struct crossed *x)
{
	add(c, &c->open, x);
}

void crossing_copy(struct crossing *c, const struct crossed *x)
{
	uint64_t start = __rdtsc();

	for (uint16_t i = 0; i < x->n; i++) {
		size_t at = (size_t)(i % FLOOR_BURST) * ROOM;

		memcpy(c->room_copy + at, c->room + at, x->len[i]);
	}
	c->copy_ticks += __rdtsc() - start;
	c->copy_packets += x->n;
}

void crossing_forget(struct crossing *c)
{
	c->seal.ticks = c->open.ticks = c->copy_ticks = c->copy_packets = 0;
}
