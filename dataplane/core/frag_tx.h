// Startup chunks that no packet can take, sent in fragments (§5, RFC 7016 §3.4): no more than four
// packets and 4380 octets to one endpoint within 200 ms.
#pragma once

#include "dataplane/core/internal.h"

#define FRAG_ENDPOINTS_MAX 32 // that were sent some within 200 ms

struct frag_tx {
	uint64_t next_id;
	struct {
		struct msg_addr to;
		uint64_t last_us; // of the last one; 0: unused
		uint32_t n_packets, n_octets;
	} sent[FRAG_ENDPOINTS_MAX];
};

enum frag_tx_result {
	FRAG_TX_SENT,
	FRAG_TX_NO_BUFFER, // nothing left; the next turn has some
	FRAG_TX_TOO_SOON,  // its endpoint, or too many others, just had some
	FRAG_TX_TOO_LONG,  // it never fits the limit
};

// Packets that a chunk of that length makes; 1: it needs no fragments.
uint32_t frag_tx_n_packets(const struct engine *, size_t chunk_len);
// The octets on the network of all of them, IP and UDP headers included.
size_t frag_tx_n_octets(const struct engine *, size_t chunk_len);
enum frag_tx_result frag_tx_send(struct engine *, struct frag_tx *, const struct msg_addr *to,
				 uint32_t id_tx, struct span chunk);
