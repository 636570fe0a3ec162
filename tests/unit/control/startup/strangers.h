// What strangers send, given to a host's startup directly, as its worker would report it.
#pragma once

#include "crypto/keying.h"
#include "dataplane/wire/chunk.h"
#include "tests/unit/control/startup/net.h"

#define STRANGERS_ALLOWANCE 321 // what a hello of theirs says may be answered

// octets: the chunk's payload.
void stranger_gives(struct host *, uint8_t endpoint, enum report_op, uint8_t chunk,
		    uint32_t session_id, const struct wire_addr *from, struct span octets);

// The payload of the one chunk a writer holds.
struct span chunk_payload(const struct wr *);

// A whole IIKeying of somebody with that identity, as REP_KEYING. The cookie is the worker's
// business and says nothing here.
struct stranger {
	struct identity identity;
	uint32_t session_id;
	bool is_old; // its SKIC has the literal shape of old peers, whoever it calls
	struct keying keying;
};

void stranger_init(struct stranger *, struct net *, uint32_t session_id); // a new identity
void stranger_keys(struct stranger *, struct host *, uint8_t endpoint,
		   const struct wire_addr *from);
