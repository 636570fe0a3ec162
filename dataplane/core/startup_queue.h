// Startup chunks on their way out: the stateless answers of hello.c and what control builds. A
// small fixed pool; a stranger who does not get an answer asks again.
#pragma once

#include "dataplane/core/internal.h"

struct startup_queue;

struct startup_queue *startup_queue_create(void);
void startup_queue_destroy(struct startup_queue *);

// A writer for one whole chunk to that address and far session id; NULL: the pool is empty. Nothing
// happens without startup_queue_commit, which takes what was written.
struct wr *startup_queue_begin(struct startup_queue *, const struct msg_addr *to, uint32_t id_tx);
// What it is to a budget, if not the answer to a hello.
void startup_queue_class(struct startup_queue *, enum budget_class);
void startup_queue_commit(struct startup_queue *);
// The same, and it is sent n times in all, HELLO_ANSWER_AGAIN_MS apart: less often while many wait
// for that, or once it is forgotten.
void startup_queue_commit_often(struct startup_queue *, uint32_t n);
// What is to be sent to that address again is not.
void startup_queue_forget(struct startup_queue *, const struct msg_addr *to);
void startup_queue_timers(struct startup_queue *, uint64_t now_us);
uint64_t startup_queue_deadline_us(const struct startup_queue *); // UINT64_MAX: none

uint32_t startup_queue_n(const struct startup_queue *);
// Each waiting chunk becomes a packet, as long as there are buffers.
void startup_queue_send(struct engine *, struct startup_queue *);
