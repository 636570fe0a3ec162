// A far end that moved (§3.5.4.2): a verified packet from another source is asked back at *that*
// source, and only its answer moves the session. Until then packets keep going to the old address.
#pragma once

#include <string.h>

#include "dataplane/core/internal.h"

static inline bool mobility_is_path(const struct path *p, const uint8_t *addr, uint16_t port,
				    uint8_t family)
{
	if (p->port != port || p->family != family)
		return false;
	return family == 6 ? memcmp(p->addr, addr, 16) == 0 : memcmp(p->addr, addr, 4) == 0;
}

// A verified packet came from there.
void mobility_from_elsewhere(struct engine *, uint32_t session_idx, const struct pkt *);
static inline void mobility_check(struct engine *e, uint32_t session_idx, const struct pkt *pkt)
{
	if (!mobility_is_path(&e->paths[session_idx], pkt->addr, pkt->port, pkt->family))
		mobility_from_elsewhere(e, session_idx, pkt);
}
// A Ping Reply that is not empty: ours, fresh, and from the address we asked?
void mobility_on_reply(struct engine *, uint32_t session_idx, const struct pkt *,
		       struct span message);
// Sends the ping that WANT_MOBILITY asks for, a packet of its own. False: no buffer left.
bool mobility_send(struct engine *, uint32_t session_idx);
