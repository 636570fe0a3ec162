// A datagram as every world and the engine see it: one cache line (fastpath.md-shaped, RFC 7016 §2.2).
//
// Receiving: the world fills data, len, queue, endpoint and the source address.
// Sending: the world lends data and room; the engine fills len and says where to: path_idx names a row
// of engine_path(), which the world may cache; only packets without a session carry an address.
#pragma once

#include <assert.h>
#include <stdint.h>

#define PATH_NONE    UINT32_MAX
#define SESSION_NONE UINT32_MAX

#define PKT_ADMITTED 0x02 // received: a stranger's, and charged to his budget already
#define PKT_PROBE 0x01 // may be larger than what the way there carries; nothing shall share its fate

struct pkt {
	uint8_t *data; // the UDP payload
	void *handle;  // the world's own: mbuf, iovec, simulated frame
	uint16_t len;  // octets at data
	uint16_t room; // sending: octets there may be
	uint8_t drop;  // enum drop_reason; 0: alive
	uint8_t flags; // PKT_*
	uint16_t queue;
	uint32_t session_idx; // the engine's, once the session is found
	uint32_t path_idx;    // sending: row of engine_path(), or PATH_NONE: addr below says where to
	uint8_t addr[16];     // receiving: source; sending without a path: destination. IPv4: first 4 octets
	uint16_t port;        // host order
	uint8_t family;       // 4 or 6
	uint8_t endpoint;     // which local address and port (index given at start)
	uint8_t local;        // which of our addresses it is from or to, by the world's count; 0: any
	uint8_t ttl;          // sending to an IP multicast address: hops it may take
	uint16_t path_gen;    // sending: of that row, whose line a world then need not touch
	uint8_t rsv[8];
};
static_assert(sizeof(struct pkt) == 64, "a packet is one cache line");

// Where a session's datagrams go. The engine writes it, its world reads it (same thread).
// gen changes with every change of the address, so a world may cache what it derived from the row.
struct path {
	uint8_t addr[16];
	uint16_t port;
	uint8_t family, endpoint;
	uint8_t local; // the address of ours that the far end knows; 0: the world chooses
	uint8_t rsv;
	uint16_t gen;
};
static_assert(sizeof(struct path) == 24, "read for every packet out");
