#include "dataplane/core/session_chunks.h"

#include <string.h>

void session_chunks_drop(struct engine *e, uint32_t idx)
{
	struct session_cold *c = session_cold_at(e, idx);
	struct body *b, *next;

	for (b = c->chunks_head; b != NULL; b = next) {
		next = b->next;
		body_put(b);
	}
	c->chunks_head = NULL;
	c->chunks_tail = NULL;
	c->n_chunks = 0;
	c->n_pongs = 0;
	c->wants = 0;
}

// As many wait as may; then the drop is counted.
static bool is_full(struct engine *e, const struct session_cold *c)
{
	if (c->n_chunks + c->n_pongs < SESSION_CHUNKS_MAX)
		return false;
	engine_drop(e, DROP_TX_QUEUE);
	return true;
}

// Room for a chunk at the end of the list; NULL, with the drop counted.
static struct body *chunk_take(struct engine *e, uint32_t idx, size_t len)
{
	struct session_cold *c = session_cold_at(e, idx);
	struct body *b;

	if (is_full(e, c))
		return NULL;
	b = body_get(e->bodies, (uint32_t)len);
	if (b == NULL) {
		engine_drop(e, DROP_NO_BODY);
		return NULL;
	}
	if (c->chunks_head == NULL)
		c->chunks_head = b;
	else
		c->chunks_tail->next = b;
	c->chunks_tail = b;
	c->n_chunks++;
	session_mark(e, idx, DUE_CHUNK);
	return b;
}

bool session_chunk_queue(struct engine *e, uint32_t idx, struct span chunk)
{
	struct body *b = chunk_take(e, idx, chunk.len);

	if (b == NULL)
		return false;
	memcpy(b->data, chunk.data, chunk.len);
	return true;
}

void session_ping_received(struct engine *e, uint32_t idx, struct span message)
{
	struct session_cold *c = session_cold_at(e, idx);
	struct body *b;
	struct wr w;

	if (message.len == 0) { // a keepalive
		if (is_full(e, c))
			return;
		c->n_pongs++;
		session_mark(e, idx, DUE_CHUNK);
		return;
	}
	b = chunk_take(e, idx, CHUNK_HEADER_LEN + message.len);
	if (b == NULL)
		return;
	w = wr_over(b->data, b->len);
	ping_reply_write(&w, message);
}

// One of the queue's chunks that would not even fit into an empty packet is not kept for ever.
static bool write_first(struct engine *e, struct session_cold *c, struct txp *t)
{
	struct body *b = c->chunks_head;
	bool fits = b->len <= txp_left(t);

	if (!fits && !txp_is_empty(t))
		return false;
	if (fits)
		wr_bytes(&t->w, b->data, b->len);
	else
		engine_drop(e, DROP_TX_QUEUE);
	c->chunks_head = b->next;
	c->n_chunks--;
	body_put(b);
	return true;
}

void session_chunks_write(struct engine *e, uint32_t idx, struct txp *t)
{
	struct session_cold *c = session_cold_at(e, idx);

	if (c->wants & WANT_CLOSE && close_write(&t->w) == 0)
		c->wants &= (uint8_t)~WANT_CLOSE;
	if (c->wants & WANT_CLOSE_ACK && close_ack_write(&t->w) == 0)
		c->wants &= (uint8_t)~WANT_CLOSE_ACK;
	if (c->wants & WANT_PING && ping_write(&t->w, span_of(NULL, 0)) == 0)
		c->wants &= (uint8_t)~WANT_PING;
	while (c->n_pongs > 0 && ping_reply_write(&t->w, span_of(NULL, 0)) == 0)
		c->n_pongs--;
	while (c->chunks_head != NULL && write_first(e, c, t))
		;
	if (c->chunks_head == NULL && c->n_pongs == 0 && c->wants == 0)
		session_at(e, idx)->due &= (uint8_t)~DUE_CHUNK;
}
