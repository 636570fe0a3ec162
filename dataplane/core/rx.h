// Receiving: a burst goes through stages (rx.c), then each packet on its own (rx_packet.c).
#pragma once

#include "dataplane/core/internal.h"

// engine_rx without the clock.
void rx_run(struct engine *, struct pkt *pkts, uint16_t n);

// One packet that verified under the session's keys. plain: flags to padding.
void rx_packet(struct engine *, uint32_t session_idx, struct pkt *, struct span plain);

// The packet dies here.
static inline void rx_drop(struct engine *e, struct pkt *pkt, enum drop_reason why)
{
	pkt->drop = (uint8_t)why;
	engine_drop(e, why);
}
