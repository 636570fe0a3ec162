// Commands on their way to the workers. Pushing cannot fail: what a full ring refuses waits in a list
// per worker, in order, and is tried again by outbox_flush. Control thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/body.h"
#include "dataplane/mailbox.h"
#include "dataplane/messages.h"

#define OUTBOX_WORKERS_MAX (1u << SESSION_WORKER_BITS)

struct outbox;

// rings: one command ring per worker, borrowed. bodies: where command bodies come from, borrowed.
struct outbox *outbox_create(struct mailbox *const *rings, uint32_t n_workers,
			     struct body_pool *bodies);
void outbox_destroy(struct outbox *);
uint32_t outbox_n_workers(const struct outbox *);

// A body of control's for a command; NULL: pool empty (the caller degrades, e.g. drops a message).
struct body *outbox_body(struct outbox *, uint32_t len);
void outbox_push(struct outbox *, uint32_t worker, const struct command *);
// Gives a report's body back to its worker (batched; goes out with the next flush or when 5 wait).
void outbox_body_home(struct outbox *, uint32_t worker, struct body *);
// Takes back what a REP_BODIES_PUT brought.
void outbox_bodies_put(struct outbox *, const struct report *);
// Moves waiting commands into rings with room. True: some still wait (call again soon).
bool outbox_flush(struct outbox *);
uint32_t outbox_waiting(const struct outbox *, uint32_t worker); // commands not yet in the ring
