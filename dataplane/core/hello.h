// The stateless half of startup (§7.2): what a worker answers strangers by itself, and what it
// passes on to control. Costs no memory per stranger and no answer longer than three times the
// question, a few a second aside.
#pragma once

#include "dataplane/core/internal.h"

struct hello;

struct hello *hello_create(const struct engine_opts *);
void hello_destroy(struct hello *);

// A packet that verified under the default key, to this near session id: 0, or one that is
// reserved. plain: flags to padding.
void hello_packet(struct engine *, uint32_t near_id, struct pkt *, struct span plain);

// Commands.
void hello_cookie_secret(struct engine *, const struct command *);
void hello_endpoint(struct engine *, const struct command *);
void hello_send(struct engine *, const struct command *);  // CMD_PACKET
void hello_reply(struct engine *, const struct command *); // CMD_HELLO_REPLY

// Buffers that those need that wait to be sent, at most; and sending them.
uint32_t hello_n_due(const struct engine *);
void hello_tx(struct engine *);
// Answers that are due again.
void hello_timers(struct engine *);
uint64_t hello_deadline_us(const struct engine *); // UINT64_MAX: none
