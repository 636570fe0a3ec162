// A packet under construction. One at a time: it is the next buffer that the world lent to
// engine_tx.
#pragma once

#include "dataplane/core/internal.h"

// For the engine's own files; flows and relay use what internal.h declares.

// The same as txp_begin under the default key, mode 3, to a stranger's address.
bool txp_begin_startup(struct engine *, struct txp *, const struct msg_addr *to, uint32_t id_tx);
// A packet of exactly that size, once it is filled, and may be lost for it (pmtu.h).
bool txp_begin_probe(struct engine *, struct txp *, uint32_t session_idx, uint16_t payload);
// This one packet goes there and not where the session's path leads (address mobility).
void txp_send_to(struct txp *, const struct msg_addr *to);
