#include "dataplane/core/early.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/rx.h"
#include "dataplane/pages.h"

struct early_cell {
	uint32_t next;
	struct pkt pkt;
	uint8_t data[EARLY_LEN_MAX];
};

struct early {
	uint32_t n, n_used; // cells; cells ever used
	uint32_t free;
	struct early_cell *cells;
};

struct early *early_create(const struct engine_opts *opts)
{
	struct early *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->n = opts->early_max;
	p->free = EARLY_NONE;
	p->cells = pages_take(p->n * sizeof(*p->cells));
	if (p->cells == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

void early_destroy(struct early *p)
{
	if (p == NULL)
		return;
	pages_give(p->cells, p->n * sizeof(*p->cells));
	free(p);
}

static uint32_t cell_take(struct early *p)
{
	uint32_t cell = p->free;

	if (cell != EARLY_NONE)
		p->free = p->cells[cell].next;
	else if (p->n_used < p->n)
		cell = p->n_used++;
	return cell;
}

static void cell_give(struct early *p, uint32_t cell)
{
	p->cells[cell].next = p->free;
	p->free = cell;
}

uint32_t early_copy(struct engine *e, uint32_t idx, const struct pkt *pkt)
{
	struct early_cell *c;
	uint32_t cell;

	if (pkt->len > EARLY_LEN_MAX || session_cold_at(e, idx)->n_early == EARLY_PER_SESSION)
		return EARLY_NONE;
	cell = cell_take(e->early);
	if (cell == EARLY_NONE)
		return EARLY_NONE;
	c = &e->early->cells[cell];
	c->pkt = *pkt;
	c->pkt.data = c->data;
	memcpy(c->data, pkt->data, pkt->len);
	return cell;
}

void early_forget(struct engine *e, uint32_t cell)
{
	cell_give(e->early, cell);
}

void early_keep(struct engine *e, uint32_t idx, uint32_t cell)
{
	struct session_cold *c = session_cold_at(e, idx);

	e->early->cells[cell].next = EARLY_NONE;
	if (c->early_head == EARLY_NONE)
		c->early_head = cell;
	else
		e->early->cells[c->early_tail].next = cell;
	c->early_tail = cell;
	c->n_early++;
	e->stats.early_kept++;
}

void early_drop(struct engine *e, uint32_t idx)
{
	struct session_cold *c = session_cold_at(e, idx);
	uint32_t cell, next;

	for (cell = c->early_head; c->n_early > 0; cell = next, c->n_early--) {
		next = e->early->cells[cell].next;
		cell_give(e->early, cell);
	}
	c->early_head = EARLY_NONE;
	c->early_tail = EARLY_NONE;
}

void early_replay(struct engine *e, uint32_t idx)
{
	struct session_cold *c = session_cold_at(e, idx);
	struct pkt pkts[EARLY_PER_SESSION];
	uint16_t n = 0;

	for (uint32_t cell = c->early_head; n < c->n_early; cell = e->early->cells[cell].next)
		pkts[n++] = e->early->cells[cell].pkt;
	rx_run(e, pkts, n);
	early_drop(e, idx);
}
