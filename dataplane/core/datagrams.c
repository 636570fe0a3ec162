#include "dataplane/core/datagrams.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/bucket.h"
#include "dataplane/core/internal.h"
#include "dataplane/pages.h"
#include "dataplane/wire/limits.h"

#define CELLS    256  // waiting to leave
#define RX_PER_S 5000 // to control

struct cell {
	struct msg_addr to;
	uint16_t len;
	uint8_t ttl;
	uint8_t octets[LAN_LEN_MAX];
};

struct datagrams {
	struct bucket rx;
	uint32_t first, n;
	struct cell *cells; // a ring
};

struct datagrams *datagrams_create(void)
{
	struct datagrams *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->cells = pages_take(CELLS * sizeof(*d->cells));
	if (d->cells == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

void datagrams_destroy(struct datagrams *d)
{
	if (d == NULL)
		return;
	pages_give(d->cells, CELLS * sizeof(*d->cells));
	free(d);
}

// ---- out ----

void datagrams_send(struct engine *e, const struct command *c)
{
	struct datagrams *d = e->datagrams;
	struct cell *cell;

	if (c->body == NULL || c->len > LAN_LEN_MAX || d->n == CELLS) {
		engine_drop(e, DROP_TX_QUEUE);
		return;
	}
	cell = &d->cells[(d->first + d->n++) % CELLS];
	cell->to = c->datagram.to;
	cell->ttl = c->datagram.ttl;
	cell->len = (uint16_t)c->len;
	memcpy(cell->octets, c->body->data, c->len);
}

uint32_t datagrams_n_due(const struct engine *e)
{
	return e->datagrams->n;
}

uint16_t datagrams_tx(struct engine *e, struct pkt *room, uint16_t n_max)
{
	struct datagrams *d = e->datagrams;
	uint16_t n = 0;

	for (; d->n > 0 && n < n_max; n++) {
		const struct cell *c = &d->cells[d->first];
		struct pkt *p = &room[n];

		memcpy(p->data, c->octets, c->len);
		p->len = c->len;
		p->path_idx = PATH_NONE;
		p->session_idx = SESSION_NONE;
		p->flags = 0;
		memcpy(p->addr, c->to.ip, sizeof(p->addr));
		p->port = c->to.port;
		p->family = c->to.family;
		p->endpoint = c->to.endpoint;
		p->local = c->to.local;
		p->ttl = c->ttl;
		d->first = (d->first + 1) % CELLS;
		d->n--;
		e->stats.tx_packets++;
		e->stats.tx_bytes += c->len;
	}
	return n;
}

// ---- in ----

void engine_rx_datagrams(struct engine *e, const struct pkt *pkts, uint16_t n, uint64_t now_us)
{
	engine_clock(e, now_us);
	for (uint16_t i = 0; i < n; i++) {
		const struct pkt *p = &pkts[i];
		struct report r = {.op = REP_DATAGRAM};

		e->stats.rx_packets++;
		e->stats.rx_bytes += p->len;
		if (p->len > LAN_LEN_MAX || !bucket_take(&e->datagrams->rx, RX_PER_S, now_us)) {
			engine_drop(e, DROP_DATAGRAM_RATE);
			continue;
		}
		memcpy(r.packet.from.ip, p->addr, sizeof(r.packet.from.ip));
		r.packet.from.port = p->port;
		r.packet.from.family = p->family;
		engine_report_copy(e, &r, span_of(p->data, p->len));
	}
}
