// Commands on their way to the workers. Pushing cannot fail: what a full ring refuses waits in a
// list per worker, in order, and is tried again by outbox_flush. Control thread only.
//
// The list is bounded by its users: what strangers or messages cause asks outbox_is_crowded first
// and is refused then. What still goes (sessions closed, bodies given home) is bounded by what
// exists.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/lines.h"
#include "dataplane/body.h"
#include "dataplane/mailbox.h"
#include "dataplane/messages.h"

#define OUTBOX_WORKERS_MAX (1u << SESSION_WORKER_BITS)
#define OUTBOX_CROWDED     4096u // commands waiting for one worker

struct outbox;

// rings: one command ring per worker, borrowed. bodies: where command bodies come from, borrowed.
// NULL: no memory.
struct outbox *outbox_create(struct mailbox *const *rings, uint32_t n_workers,
			     struct body_pool *bodies);
void outbox_destroy(struct outbox *); // gives the bodies of waiting commands back to their pool
uint32_t outbox_n_workers(const struct outbox *);

// A body of control's for a command; NULL: pool empty (the caller degrades, e.g. drops a message).
struct body *outbox_body(struct outbox *, uint32_t len);
// The same with a copy of octets.
struct body *outbox_body_copy(struct outbox *, const void *octets, uint32_t len);
// Octets that somebody has out: in bodies that wait here, are with a worker or on their way home.
// What a slow far end does not take stays out, so a limit on this is a limit on what one of them
// can hold.
struct outbox_account;
struct outbox_account *outbox_account_open(struct outbox *); // NULL: no memory
// What it counts counts for the other as well, which stays open longer.
struct outbox_account *outbox_account_open_under(struct outbox *, struct outbox_account *);
void outbox_account_close(struct outbox_account *); // lives on until its last body is home
uint32_t outbox_account_bytes(const struct outbox_account *);
uint32_t outbox_account_bodies(const struct outbox_account *);
// A body as above that counts until it is home.
struct body *outbox_account_body(struct outbox_account *, uint32_t len);
// Those that are out, oldest first: what nobody has acknowledged. NULL: no more.
const struct body *outbox_account_oldest(const struct outbox_account *);
const struct body *outbox_account_younger(const struct body *);
// Takes the command's body over, if any.
void outbox_push(struct outbox *, uint32_t worker, const struct command *);
// Gives a report's body back to its worker (batched; goes out with the next flush or when 5 wait).
void outbox_body_home(struct outbox *, uint32_t worker, struct body *);
// Takes back what a REP_BODIES_PUT brought. True: some counted, so an account has more room.
bool outbox_bodies_put(struct outbox *, const struct report *);
// What a flush to the first worker looks at.
void outbox_lines_of(const struct outbox *, struct lines *);
// Moves waiting commands into rings with room. True: some still wait (call again soon).
bool outbox_flush(struct outbox *);
uint32_t outbox_waiting(const struct outbox *, uint32_t worker); // commands not yet in the ring
// The worker does not keep up: refuse whatever can be refused.
bool outbox_is_crowded(const struct outbox *, uint32_t worker);
