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
void startup_queue_commit(struct startup_queue *);

uint32_t startup_queue_n(const struct startup_queue *);
// Each waiting chunk becomes a packet, as long as there are buffers.
void startup_queue_send(struct engine *, struct startup_queue *);
