// Startup packets that came in fragments (§5, RFC 7016 §3.4): some certificates do not fit one
// datagram. A fixed number of reassemblies, bounded in size and time; a stranger can waste these
// and nothing else.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/messages.h"
#include "dataplane/wire/chunk.h"

#define FRAG_PACKET_MAX                                                                            \
	4096 // octets; the longest certificate and component we would accept fit twice
#define FRAG_PIECES_MAX 16 // per packet

struct frag_table;

struct frag_table *frag_table_create(void);
void frag_table_destroy(struct frag_table *);

enum frag_result {
	FRAG_WAITS, // kept, or seen before
	FRAG_WHOLE, // *packet is the whole, from its flags on; valid until the next call
	FRAG_BAD,   // contradicts what came before, or too long
	FRAG_FULL,  // no room for another packet
};

// One fragment from a startup packet to near_id (0, or a reserved session's).
enum frag_result frag_add(struct frag_table *, const struct msg_addr *from, uint32_t near_id,
			  const struct packet_fragment *, uint64_t now_us, struct span *packet);
