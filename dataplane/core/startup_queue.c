#include "dataplane/core/startup_queue.h"

#include <assert.h>
#include <stdlib.h>

#include "dataplane/core/txp.h"
#include "dataplane/pages.h"

#define CELLS     256  // four full receive bursts
#define CHUNK_MAX 1280 // octets; no startup chunk of ours is longer
#define NONE      UINT32_MAX

struct cell {
	struct msg_addr to;
	uint32_t id_tx, next;
	size_t len;
	uint8_t chunk[CHUNK_MAX];
};

struct startup_queue {
	uint32_t n, n_used; // waiting; cells ever used
	uint32_t head, tail, free;
	uint32_t begun; // the cell that is being written
	struct wr w;
	struct cell *cells;
};

struct startup_queue *startup_queue_create(void)
{
	struct startup_queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->head = NONE;
	q->free = NONE;
	q->begun = NONE;
	q->cells = pages_take(CELLS * sizeof(*q->cells));
	if (q->cells == NULL) {
		free(q);
		return NULL;
	}
	return q;
}

void startup_queue_destroy(struct startup_queue *q)
{
	if (q == NULL)
		return;
	pages_give(q->cells, CELLS * sizeof(*q->cells));
	free(q);
}

// The latest freed first: while few wait, few pages are ever touched.
static uint32_t take(struct startup_queue *q)
{
	uint32_t i = q->free;

	if (i != NONE)
		q->free = q->cells[i].next;
	else if (q->n_used < CELLS)
		i = q->n_used++;
	return i;
}

struct wr *startup_queue_begin(struct startup_queue *q, const struct msg_addr *to, uint32_t id_tx)
{
	if (q->begun == NONE)
		q->begun = take(q);
	if (q->begun == NONE)
		return NULL;
	q->cells[q->begun].to = *to;
	q->cells[q->begun].id_tx = id_tx;
	q->w = wr_over(q->cells[q->begun].chunk, CHUNK_MAX);
	return &q->w;
}

void startup_queue_commit(struct startup_queue *q)
{
	struct cell *c = &q->cells[q->begun];

	assert(q->w.err == 0);
	c->len = q->w.len;
	c->next = NONE;
	if (q->head == NONE)
		q->head = q->begun;
	else
		q->cells[q->tail].next = q->begun;
	q->tail = q->begun;
	q->begun = NONE;
	q->n++;
}

uint32_t startup_queue_n(const struct startup_queue *q)
{
	return q->n;
}

static bool send_first(struct engine *e, struct startup_queue *q)
{
	struct cell *c = &q->cells[q->head];
	struct txp t;

	if (!txp_begin_startup(e, &t, &c->to, c->id_tx))
		return false;
	wr_bytes(&t.w, c->chunk, c->len);
	if (t.w.err == 0) {
		txp_end(e, &t);
	} else { // longer than this path's packets
		txp_abort(e, &t);
		engine_drop(e, DROP_TX_QUEUE);
	}
	return true;
}

void startup_queue_send(struct engine *e, struct startup_queue *q)
{
	uint32_t i;

	while (q->n > 0 && send_first(e, q)) {
		i = q->head;
		q->head = q->cells[i].next;
		q->cells[i].next = q->free;
		q->free = i;
		q->n--;
	}
}
