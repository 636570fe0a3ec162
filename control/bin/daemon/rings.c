#include "control/bin/daemon/rings.h"

#include <errno.h>

#define COMMANDS   4096         // 256 KiB per worker
#define REPORTS    16384        // 1 MiB: a burst of handshakes while control is busy for 10 ms
#define HANDOFFS   4096         // half of it lent, half returned
#define BODY_BYTES (256u << 20) // address space; pages come with use
// Of objects on their way to a worker that will push others out for them: four of the largest.
#define OBJECTS_UNDER_WAY (6u << 20)

static int make_handoffs(struct rings *r)
{
	for (uint32_t to = 0; to < r->n_workers; to++)
		for (uint32_t from = 0; from < r->n_workers; from++) {
			if (to == from)
				continue;
			r->handoff_from[to][from] = mailbox_create(HANDOFFS);
			r->handoff_to[from][to] = r->handoff_from[to][from];
			if (r->handoff_from[to][from] == NULL)
				return -ENOMEM;
		}
	return 0;
}

int rings_init(struct rings *r, uint32_t n_workers, size_t object_bytes)
{
	*r = (struct rings){.n_workers = n_workers};
	for (uint32_t w = 0; w < n_workers; w++) {
		r->commands[w] = mailbox_create(COMMANDS);
		r->reports[w] = mailbox_create(REPORTS);
		if (r->commands[w] == NULL || r->reports[w] == NULL)
			return -ENOMEM;
	}
	if (make_handoffs(r) < 0)
		return -ENOMEM;
	r->bodies = body_pool_create(BODY_BYTES);
	if (object_bytes > 0)
		r->object_bodies =
			body_pool_create(n_workers * (object_bytes + OBJECTS_UNDER_WAY));
	if (r->bodies == NULL || (object_bytes > 0 && r->object_bodies == NULL))
		return -ENOMEM;
	r->outbox = outbox_create(r->commands, n_workers, r->bodies);
	return r->outbox != NULL ? 0 : -ENOMEM;
}

void rings_fini(struct rings *r)
{
	if (r->outbox != NULL)
		outbox_destroy(r->outbox);
	body_pool_destroy(r->bodies);
	body_pool_destroy(r->object_bodies);
	for (uint32_t w = 0; w < r->n_workers; w++) {
		mailbox_destroy(r->commands[w]);
		mailbox_destroy(r->reports[w]);
		for (uint32_t from = 0; from < r->n_workers; from++)
			mailbox_destroy(r->handoff_from[w][from]);
	}
	*r = (struct rings){0};
}

void rings_lend(const struct rings *r, uint32_t worker, struct engine_opts *o)
{
	o->worker = worker;
	o->n_workers = r->n_workers;
	o->commands = r->commands[worker];
	o->reports = r->reports[worker];
	// The engine's options say nothing of const; it writes into the rings, not the tables.
	o->handoff_from = (struct mailbox **)r->handoff_from[worker];
	o->handoff_to = (struct mailbox **)r->handoff_to[worker];
}
