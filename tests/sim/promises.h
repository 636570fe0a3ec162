// What holds in every world, whatever the network does. A promise that is broken ends the run and
// tells its seed.
#pragma once

#include "tests/sim/world.h"

// Every open session whose far end is open, too, has the same handshake behind it at both ends.
void promise_same_keys(struct world *);
// A responder's session comes from an IIKeying that echoed a cookie which it had sent there.
void promise_cookies(struct world *);
// Each end has one session to the other, the same one; besides, for half a minute, what it answered
// and nobody proved.
void promise_one_session(struct world *, uint32_t a, uint32_t b);
void promise_all_connected(struct world *);
// Every member is every other's neighbour, and the super-peer's.
void promise_full_mesh(struct world *);
// No session was lost, at either end.
void promise_no_losses(struct world *);
// No player got a message twice or out of order.
void promise_no_duplicates(struct world *);
// Every player that began got every message from the first on, up to the end.
void promise_all_delivered(struct world *, uint64_t n_messages);
// Nobody is there any more, and of nobody anything is left: no session, no flow, no stream, no octet
// of memory that was lent.
void promise_nothing_left(struct world *, uint32_t member);
// All of them that hold at any time.
void promise_always(struct world *);
