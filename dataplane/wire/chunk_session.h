// Chunks of a running session that carry no data (rtmfp.md §4.9, 4.10, 4.15 to 4.18).
// Include chunk.h.
#ifndef ANNULUS_WIRE_CHUNK_SESSION_H
#define ANNULUS_WIRE_CHUNK_SESSION_H

#include "dataplane/wire/chunk.h"

// A Ping's payload is its message, opaque to everyone but its sender; the reply carries the same
// (older peers always reply with none). So there is nothing to read: it is the chunk's payload.
int ping_write(struct wr *w, struct span message);
int ping_reply_write(struct wr *w, struct span message);

// Their payload is empty; if it is not, it is ignored.
int close_write(struct wr *w);
int close_ack_write(struct wr *w);

// §4.15: "tell me your window".
int buffer_probe_read(uint64_t *flow_id, struct span payload);
int buffer_probe_write(struct wr *w, uint64_t flow_id);

// §4.16: the flow's receiver rejects it.
struct flow_exception {
	uint64_t flow_id;
	uint64_t code; // 0: by the implementation; others are the application's
};

int flow_exception_read(struct flow_exception *x, struct span payload);
int flow_exception_write(struct wr *w, const struct flow_exception *x);

// Padding of exactly len octets (at least CHUNK_HEADER_LEN), for path MTU probes (§8.5).
int padding_write(struct wr *w, size_t len);

#endif
