// A fragment's way to the other workers of this machine (fastpath.md 6): its body travels once to
// each, who copies it into his own window and sends the reference back. No count is shared: a body
// goes to one worker, and only we give it back to our pool.
#include <string.h>

#include "dataplane/core/stream.h"

// Half of the ring for what we lend, half for what we return: so a return finds room, as long as
// the rings of both directions are equally large.
static bool may_lend(const struct engine *e, uint32_t worker)
{
	return e->relay->lent[worker] < (e->opts.handoff_to[worker]->mask + 1) / 2;
}

static void lend(struct engine *e, uint32_t worker, struct handoff *h, struct span message)
{
	h->body = may_lend(e, worker) ? body_get(e->bodies, (uint32_t)message.len) : NULL;
	if (h->body == NULL) {
		engine_drop(e, DROP_HANDOFF_FULL);
		return;
	}
	memcpy(h->body->data, message.data, message.len);
	h->borrower = (uint8_t)worker;
	if (!mailbox_push(e->opts.handoff_to[worker], h)) {
		body_put(h->body);
		engine_drop(e, DROP_HANDOFF_FULL);
		return;
	}
	e->relay->lent[worker]++;
}

void handoff_fragment(struct engine *e, const struct stream *s, uint64_t number,
		      struct span message, bool is_key)
{
	struct handoff h = {
		.number = number,
		.stream = (uint16_t)stream_idx(e, s),
		.is_key = is_key,
		.lender = (uint8_t)e->opts.worker,
	};

	if (e->opts.handoff_to == NULL)
		return;
	for (uint32_t i = 0; i < e->opts.n_workers; i++)
		if (e->opts.handoff_to[i] != NULL)
			lend(e, i, &h, message);
}

// -- the other end --

static bool give_back(struct engine *e, uint32_t lender, struct body *body)
{
	const struct handoff h = {
		.body = body,
		.is_return = 1,
		.lender = (uint8_t)lender,
		.borrower = (uint8_t)e->opts.worker,
	};

	return mailbox_push(e->opts.handoff_to[lender], &h);
}

void handoff_returns(struct engine *e)
{
	for (uint32_t i = 0; e->relay->n_returns > 0 && i < e->opts.n_workers; i++) {
		struct body **first = &e->relay->returns[i];

		while (*first != NULL) {
			struct body *body = *first;

			*first = body->next; // whose it is from the moment it is given back
			if (!give_back(e, i, body)) {
				*first = body;
				break;
			}
			e->relay->n_returns--;
		}
	}
}

static void take(struct engine *e, const struct handoff *h)
{
	struct stream *s = stream_find(e, h->stream);
	struct span message = span_of(h->body->data, h->body->len);
	struct stream_fragment f;

	if (s != NULL && stream_fragment_read(&f, message) == 0)
		stream_take(e, s, &f, message, LINK_NONE, h->is_key);
	if (give_back(e, h->lender, h->body))
		return;
	h->body->next = e->relay->returns[h->lender];
	e->relay->returns[h->lender] = h->body;
	e->relay->n_returns++;
}

void relay_handoff(struct engine *e, const struct handoff *h)
{
	if (h->is_return) {
		e->relay->lent[h->borrower]--;
		body_put(h->body);
	} else {
		take(e, h);
	}
}

bool engine_handoffs_wait(const struct engine *e, uint32_t worker)
{
	return e->opts.handoff_to != NULL && e->opts.handoff_to[worker] != NULL &&
	       mailbox_n(e->opts.handoff_to[worker]) > 0;
}
