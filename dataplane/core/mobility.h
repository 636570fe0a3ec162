// A far end that moved (§3.5.4.2): a verified packet from another source is asked back at *that*
// source, and only its answer moves the session. Until then packets keep going to the old address.
#pragma once

#include "dataplane/core/internal.h"

// A verified packet came from there.
void mobility_check(struct engine *, uint32_t session_idx, const struct pkt *);
// A Ping Reply that is not empty: ours, fresh, and from the address we asked?
void mobility_on_reply(struct engine *, uint32_t session_idx, const struct pkt *,
		       struct span message);
// Sends the ping that WANT_MOBILITY asks for, a packet of its own. False: no buffer left.
bool mobility_send(struct engine *, uint32_t session_idx);
