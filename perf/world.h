// What turns an engine in a benchmark, and how datagrams get in and out. Two of them: `bare` gives
// the engine plain buffers, `port` is the product's own worker on a DPDK port made of rings. The
// generator (fars.h) writes what shall arrive and looks at what was sent; neither is timed.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/core/engine.h"
#include "dataplane/wire/cursor.h"

#define WORLD_LANES     2    // threads that turn worlds side by side
#define WORLD_DATAGRAMS 1024 // that may wait to arrive, and that a turn may send

// Far addresses are 10.x.y.z or fd01::x by session slot, all behind one gateway.
#define WORLD_PORT 1935
static inline uint32_t world_far_ip(uint32_t slot)
{
	return 0x0a000001u + slot;
}
static inline void world_far_ip6(uint8_t ip[16], uint32_t slot)
{
	const uint8_t prefix[12] = {0xfd, 0x01};

	memcpy(ip, prefix, sizeof(prefix));
	be32_put(ip + sizeof(prefix), slot);
}

struct datagram {
	uint8_t *data; // UDP payload
	void *handle;  // the world's own
	uint32_t slot; // session, and so the far address
	uint16_t len;
};

struct world {
	struct engine *engine;
	uint16_t turn_max; // packets out per turn
	const struct world_calls *calls;
};

struct world_calls {
	// The timed part: what has arrived goes in, what is due comes out. Buffers of earlier turns
	// are taken back as a driver would.
	void (*turn)(struct world *, uint64_t now_us);
	// Room for one datagram, at least 1500 octets. False: there is none.
	bool (*lend)(struct world *, struct datagram *);
	void (*arrive)(struct world *, const struct datagram *);
	// What the last turn sent; good until the next turn.
	uint16_t (*sent)(struct world *, struct datagram *, uint16_t max);
	void (*destroy)(struct world *);
};

static inline void world_turn(struct world *w, uint64_t now_us)
{
	w->calls->turn(w, now_us);
}

// NULL: no memory. Borrows the engine.
struct world *bare_create(struct engine *, uint16_t turn_max);

// Kernel sockets; any number of packets per turn. NULL: `ratio` says why.
struct race_opts;
struct ratio;
struct world *udp_create(struct engine *, struct mailbox *reports, const struct race_opts *,
			 struct ratio *);

// A worker on a port of rings. The first call starts DPDK, for the rest of the program; worlds may
// come, go and be side by side, those of one lane on one thread. NULL: `ratio` says why. Borrows
// the engine.
struct race_opts;
struct ratio;
struct world *port_create(struct engine *, struct mailbox *reports, const struct race_opts *,
			  struct ratio *);
// Makes a lane's port, before any other thread needs it. False: `ratio` says why not.
bool port_prepare(unsigned lane, struct ratio *ratio);
