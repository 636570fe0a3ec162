#include "dataplane/core/msgq.h"

#include <string.h>

#include "dataplane/core/internal.h"
#include "dataplane/core/object_cache.h"

int msg_pool_init(struct msg_pool *p, uint32_t max)
{
	p->msgs = pages_take((size_t)max * sizeof(*p->msgs));
	return p->msgs != NULL ? idx_pool_init(&p->free, max) : -ENOMEM;
}

void msg_pool_fini(struct msg_pool *p)
{
	pages_give(p->msgs, (size_t)p->free.max * sizeof(*p->msgs));
	idx_pool_fini(&p->free);
}

int msgq_push(struct msgq *q, struct msg_pool *p, const struct tx_msg *m)
{
	uint32_t idx;

	if (q->n >= MSGQ_MESSAGES_MAX || m->len > MSGQ_BYTES_MAX - q->bytes)
		return -ENOBUFS;
	idx = idx_get(&p->free);
	if (idx == IDX_NONE)
		return -ENOBUFS;
	p->msgs[idx] = *m;
	p->msgs[idx].next = IDX_NONE;
	p->msgs[idx].is_queued = true;
	if (q->tail != IDX_NONE)
		p->msgs[q->tail].next = idx;
	else
		q->head = idx;
	q->tail = idx;
	q->n++;
	q->bytes += m->len;
	return 0;
}

static void msg_free_if_done(struct engine *e, struct msg_pool *p, uint32_t idx)
{
	struct tx_msg *m = &p->msgs[idx];

	if (m->is_queued || m->n_unsettled > 0)
		return;
	msg_drop_octets(e, m);
	idx_put(&p->free, idx);
}

void msgq_pop(struct engine *e, struct msgq *q, struct msg_pool *p)
{
	uint32_t idx = q->head;
	struct tx_msg *m = &p->msgs[idx];

	q->head = m->next;
	if (q->head == IDX_NONE)
		q->tail = IDX_NONE;
	q->n--;
	q->bytes -= m->len;
	m->is_queued = false;
	msg_free_if_done(e, p, idx);
}

// Where in the message the k-th fragment begins.
static uint32_t fragment_at(const struct tx_msg *m, uint32_t k)
{
	uint32_t run = (m->cut.n - 1u) * m->cut.bytes + m->cut.last;

	if (m->head_len > 0 && k-- == 0)
		return 0;
	return m->head_len + k / m->cut.n * run + k % m->cut.n * m->cut.bytes;
}

static uint32_t fragment_len(const struct tx_msg *m, uint32_t k)
{
	uint32_t left = m->len - fragment_at(m, k), most;

	if (m->head_len > 0 && k-- == 0)
		return m->head_len;
	most = k % m->cut.n == m->cut.n - 1u ? m->cut.last : m->cut.bytes;
	return left < most ? left : most;
}

static struct span object_fragment(const struct tx_msg *m, uint32_t k)
{
	if (k == 0)
		return span_of(m->object.head, m->head_len);
	return span_of(kept_object_data(m->object.kept) + (fragment_at(m, k) - m->head_len),
		       fragment_len(m, k));
}

struct span msg_fragment(const struct tx_msg *m, uint32_t k)
{
	const uint8_t *octets = NULL;

	switch ((enum msg_kind)m->kind) {
	case MSG_EMPTY:
		return span_of(NULL, 0);
	case MSG_OBJECT:
		return object_fragment(m, k);
	case MSG_BODY:
		octets = m->body->data;
		break;
	case MSG_LOCAL:
		octets = local_body_data(m->local);
		break;
	case MSG_INLINE:
		octets = m->octets;
		break;
	}
	return span_of(octets + fragment_at(m, k), fragment_len(m, k));
}

uint8_t msg_fragment_flags(const struct tx_msg *m, uint32_t k)
{
	bool is_last = fragment_at(m, k) + fragment_len(m, k) == m->len;

	if (k == 0)
		return is_last ? USER_DATA_FRA_WHOLE : USER_DATA_FRA_BEGIN;
	return is_last ? USER_DATA_FRA_END : USER_DATA_FRA_MIDDLE;
}

void msg_settle(struct engine *e, struct msg_pool *p, uint32_t idx)
{
	assert(p->msgs[idx].n_unsettled > 0);
	p->msgs[idx].n_unsettled--;
	msg_free_if_done(e, p, idx);
}

void msg_drop_octets(struct engine *e, struct tx_msg *m)
{
	if (m->kind == MSG_BODY)
		engine_body_home(e, m->body);
	else if (m->kind == MSG_LOCAL)
		local_body_unref(e, m->local);
	else if (m->kind == MSG_OBJECT)
		kept_object_unref(e, m->object.kept);
	m->kind = MSG_EMPTY;
}
