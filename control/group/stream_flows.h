// Neighbours' stream flows, GR-11 and GR-12 (groups.md 6): whose they are and which stream they
// mean.
#pragma once

#include "control/group/streams.h"

void stream_flow_opened(struct groups *, struct ctl_session *, const struct report *,
			enum flow_kind);
void stream_rx_accept(struct neighbour *, uint16_t rx_slot, uint64_t flow_id);
void stream_rx_message(struct groups *, struct stream_rx *, struct span message);
void stream_link_message(struct groups *, struct stream_link *, struct span message);
void stream_rx_finished(struct stream_rx *);
void stream_link_finished(struct stream_link *, uint16_t rx_slot, uint64_t flow_id);
void stream_link_exception(struct stream_link *, uint16_t tx_slot);
