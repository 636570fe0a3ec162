// Looks at every session packet on the network with the keys of who will open it, and holds each
// end to requirement 58: what it says goes to the address that it has verified last, and nowhere
// else but a ping that asks a new one.
//
// Verified is the address at which a session was opened, from where its far end had been heard;
// then each from which a reply comes to a ping that was sent there (RFC 7016 3.5.4.2). The engine's
// own opinion is not asked.
#pragma once

#include <stdint.h>

#include "tests/sim/net.h"

struct world;
struct path_witness;

struct path_figures {
	uint64_t n_data;   // packets with user data that were looked into
	uint64_t n_asked;  // pings to addresses that were not verified
	uint64_t n_moves;  // addresses that then were
	uint64_t n_unread; // packets whose receiver has no such session (yet, or any more)
};

struct path_witness *path_witness_create(struct world *); // the world that it looks at
void path_witness_destroy(struct path_witness *);
void path_witness_sent(struct path_witness *, uint32_t member, struct net_addr dst,
		       const uint8_t *data, uint16_t len);
// Before the member itself has it.
void path_witness_delivered(struct path_witness *, uint32_t member, struct net_addr src,
			    const uint8_t *data, uint16_t len);
const struct path_figures *path_witness_figures(const struct path_witness *);
