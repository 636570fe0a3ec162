// What joins the threads: between control and each worker a ring each way, the pool that control's
// bodies come from, and the outbox before the rings; between two workers a ring each way, too.
#pragma once

#include <stdint.h>

#include "control/outbox.h"
#include "dataplane/core/engine.h"
#include "dataplane/mailbox.h"

struct rings {
	uint32_t n_workers;
	struct mailbox *commands[OUTBOX_WORKERS_MAX], *reports[OUTBOX_WORKERS_MAX];
	// The same rings twice: from[a][b] is to[b][a]. An engine wants a row of each.
	struct mailbox *handoff_from[OUTBOX_WORKERS_MAX][OUTBOX_WORKERS_MAX];
	struct mailbox *handoff_to[OUTBOX_WORKERS_MAX][OUTBOX_WORKERS_MAX];
	struct body_pool *bodies;
	struct body_pool *object_bodies; // what workers keep of objects is lent from here
	struct outbox *outbox;
};

// object_bytes: that each worker keeps; 0: none. 0 or -ENOMEM; rings_fini in either case.
int rings_init(struct rings *, uint32_t n_workers, size_t object_bytes);
void rings_fini(struct rings *);                    // when no thread uses them any more

// The part of a worker's engine options that names it and its rings; they stay ours.
void rings_lend(const struct rings *, uint32_t worker, struct engine_opts *);
