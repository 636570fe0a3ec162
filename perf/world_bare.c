// The engine alone: plain buffers, no frames, no port.
#include <stdlib.h>
#include <string.h>

#include "perf/world.h"

#define ROOM     1600 // 25 lines: an odd number, or packets alias in the first level cache
#define RX_BURST 64

struct bare {
	struct world world;
	struct pkt rx[WORLD_DATAGRAMS], tx[WORLD_DATAGRAMS];
	uint16_t n_lent, n_rx, n_tx;
	uint8_t *rx_room, *tx_room;
};

static void prepare(struct bare *b, uint16_t i)
{
	b->tx[i] = (struct pkt){.data = b->tx_room + (size_t)i * ROOM,
				.room = ROOM,
				.session_idx = SESSION_NONE,
				.path_idx = PATH_NONE};
}

static void turn(struct world *w, uint64_t now_us)
{
	struct bare *b = (struct bare *)w;

	for (uint16_t at = 0; at < b->n_rx; at += RX_BURST) {
		uint16_t n = b->n_rx - at;

		engine_rx(w->engine, b->rx + at, n < RX_BURST ? n : RX_BURST, now_us);
	}
	b->n_rx = 0;
	b->n_lent = 0;
	engine_timers(w->engine, now_us);
	engine_commands(w->engine, now_us);
	for (uint16_t i = 0; i < b->n_tx; i++)
		prepare(b, i);
	b->n_tx = 0;
	while (b->n_tx < w->turn_max) {
		uint16_t lent = w->turn_max - b->n_tx, n;

		if (lent > ENGINE_BURST_MAX)
			lent = ENGINE_BURST_MAX;
		n = engine_tx(w->engine, b->tx + b->n_tx, lent, now_us);
		b->n_tx += n;
		if (n < lent)
			break;
	}
}

static bool lend(struct world *w, struct datagram *d)
{
	struct bare *b = (struct bare *)w;

	if (b->n_lent == WORLD_DATAGRAMS)
		return false;
	d->data = b->rx_room + (size_t)b->n_lent++ * ROOM;
	d->handle = NULL;
	return true;
}

static void arrive(struct world *w, const struct datagram *d)
{
	struct bare *b = (struct bare *)w;
	struct pkt *p = &b->rx[b->n_rx++];
	uint32_t ip = world_far_ip(d->slot);

	*p = (struct pkt){.data = d->data,
			  .len = d->len,
			  .room = ROOM,
			  .port = WORLD_PORT,
			  .family = 4,
			  .session_idx = SESSION_NONE,
			  .path_idx = PATH_NONE,
			  .addr = {ip >> 24, ip >> 16, ip >> 8, ip}};
}

static uint16_t sent(struct world *w, struct datagram *out, uint16_t max)
{
	struct bare *b = (struct bare *)w;

	for (uint16_t i = 0; i < b->n_tx && i < max; i++)
		out[i] = (struct datagram){
			.data = b->tx[i].data, .slot = b->tx[i].session_idx, .len = b->tx[i].len};
	return b->n_tx < max ? b->n_tx : max;
}

static void destroy(struct world *w)
{
	struct bare *b = (struct bare *)w;

	free(b->rx_room);
	free(b->tx_room);
	free(b);
}

struct world *bare_create(struct engine *e, uint16_t turn_max)
{
	static const struct world_calls calls = {turn, lend, arrive, sent, destroy};
	struct bare *b = aligned_alloc(64, sizeof(*b) / 64 * 64 + 64);

	if (b == NULL)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->world = (struct world){.engine = e, .turn_max = turn_max, .calls = &calls};
	b->rx_room = aligned_alloc(64, (size_t)WORLD_DATAGRAMS * ROOM);
	b->tx_room = aligned_alloc(64, (size_t)WORLD_DATAGRAMS * ROOM);
	if (b->rx_room == NULL || b->tx_room == NULL) {
		destroy(&b->world);
		return NULL;
	}
	for (uint16_t i = 0; i < WORLD_DATAGRAMS; i++)
		prepare(b, i);
	return &b->world;
}
