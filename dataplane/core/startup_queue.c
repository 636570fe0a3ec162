#include "dataplane/core/startup_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/frag_tx.h"
#include "dataplane/core/txp.h"
#include "dataplane/pages.h"
#include "dataplane/wire/limits.h"

#define CELLS     256  // four full receive bursts
#define LATER_MAX 64   // of them wait to be sent again: a quarter of the pool, 640 a second
#define CHUNK_MAX 2048 // octets; no startup chunk of ours is longer
#define NONE      UINT32_MAX

struct cell {
	struct msg_addr to;
	uint32_t id_tx, next;
	uint32_t n_again;  // to be sent so often after this
	uint64_t again_us; // when
	uint8_t class;     // enum budget_class
	size_t len;
	uint8_t chunk[CHUNK_MAX];
};

struct startup_queue {
	uint32_t n, n_used; // waiting; cells ever used
	uint32_t head, tail, free;
	// To be sent again. All wait equally long, so the order they came in is that of their time.
	uint32_t later_head, later_tail, n_later;
	uint32_t begun; // the cell that is being written
	struct frag_tx frags;
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
	q->later_head = NONE;
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
	q->cells[q->begun].n_again = 0;
	q->cells[q->begun].class = BUDGET_HELLOS;
	q->w = wr_over(q->cells[q->begun].chunk, CHUNK_MAX);
	return &q->w;
}

void startup_queue_class(struct startup_queue *q, enum budget_class class)
{
	q->cells[q->begun].class = class;
}

// Behind the last that is to be sent.
static void append(struct startup_queue *q, uint32_t i)
{
	q->cells[i].next = NONE;
	if (q->head == NONE)
		q->head = i;
	else
		q->cells[q->tail].next = i;
	q->tail = i;
	q->n++;
}

static void give(struct startup_queue *q, uint32_t i)
{
	q->cells[i].next = q->free;
	q->free = i;
}

void startup_queue_commit(struct startup_queue *q)
{
	startup_queue_commit_often(q, 1);
}

void startup_queue_commit_often(struct startup_queue *q, uint32_t n)
{
	assert(q->w.err == 0 && n > 0);
	q->cells[q->begun].len = q->w.len;
	q->cells[q->begun].n_again = n - 1;
	append(q, q->begun);
	q->begun = NONE;
}

// -- again --

// It waits to be sent again; false: or not, and its cell is free.
static bool put_by(struct startup_queue *q, uint32_t i, uint64_t now_us)
{
	struct cell *c = &q->cells[i];

	if (c->n_again == 0 || q->n_later == LATER_MAX) {
		give(q, i);
		return false;
	}
	c->n_again--;
	c->again_us = now_us + HELLO_ANSWER_AGAIN_MS * 1000;
	c->next = NONE;
	if (q->later_head == NONE)
		q->later_head = i;
	else
		q->cells[q->later_tail].next = i;
	q->later_tail = i;
	q->n_later++;
	return true;
}

void startup_queue_timers(struct startup_queue *q, uint64_t now_us)
{
	uint32_t i;

	while ((i = q->later_head) != NONE && q->cells[i].again_us <= now_us) {
		q->later_head = q->cells[i].next;
		q->n_later--;
		append(q, i);
	}
}

uint64_t startup_queue_deadline_us(const struct startup_queue *q)
{
	return q->later_head != NONE ? q->cells[q->later_head].again_us : UINT64_MAX;
}

void startup_queue_forget(struct startup_queue *q, const struct msg_addr *to)
{
	uint32_t before = NONE, next;

	for (uint32_t i = q->later_head; i != NONE; i = next) {
		next = q->cells[i].next;
		if (memcmp(&q->cells[i].to, to, sizeof(*to)) != 0) {
			before = i;
			continue;
		}
		if (before == NONE)
			q->later_head = next;
		else
			q->cells[before].next = next;
		if (q->later_tail == i)
			q->later_tail = before;
		q->n_later--;
		give(q, i);
	}
}

// -- sending --

uint32_t startup_queue_n(const struct startup_queue *q)
{
	return q->n;
}

// What became of the first cell's chunk.
static enum frag_tx_result send_one(struct engine *e, struct startup_queue *q, const struct cell *c)
{
	struct txp t;

	e->tx->startup_class = c->class;
	if (frag_tx_n_packets(e, c->len) > 1)
		return frag_tx_send(e, &q->frags, &c->to, c->id_tx, span_of(c->chunk, c->len));
	if (!txp_begin_startup(e, &t, &c->to, c->id_tx))
		return FRAG_TX_NO_BUFFER;
	wr_bytes(&t.w, c->chunk, c->len);
	txp_end(e, &t);
	return FRAG_TX_SENT;
}

// When there are not enough bytes for all, strangers go first: they ask again.
static void shed_short(struct engine *e, struct startup_queue *q)
{
	uint32_t i;

	while ((i = q->head) != NONE && engine_is_short(e, q->cells[i].class)) {
		engine_drop(e, DROP_BUDGET_STARTUP);
		q->head = q->cells[i].next;
		q->n--;
		give(q, i);
	}
}

void startup_queue_send(struct engine *e, struct startup_queue *q)
{
	for (;;) {
		enum frag_tx_result result;
		struct cell *c;
		uint32_t i;

		shed_short(e, q);
		if (q->n == 0)
			return;
		i = q->head;
		c = &q->cells[i];
		result = send_one(e, q, c);
		if (result == FRAG_TX_NO_BUFFER)
			return;
		q->head = c->next;
		q->n--;
		if (result == FRAG_TX_TOO_SOON)
			c->n_again++; // this one did not count
		if (result == FRAG_TX_TOO_LONG)
			c->n_again = 0;
		if (!put_by(q, i, e->now_us) && result != FRAG_TX_SENT)
			engine_drop(e, DROP_TX_QUEUE); // whoever waits for it asks again
	}
}
