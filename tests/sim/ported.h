// A member of a simulated world whose engine is turned as in the daemon: by a worker, on a DPDK
// port. What the network brings it arrives there in frames, what it sends leaves as frames and
// becomes the network's datagrams again; whatever address it asks for by ARP is answered. Control,
// time and all other members are the world's. So a whole life runs through worker_turn, again and
// again the same.
#pragma once

#include "dataplane/io/worker.h"
#include "tests/sim/world.h"
#include "tests/support/port_pair.h"

struct ported {
	struct world *world;
	struct world_member *member;
	struct port_pair *pair;
	uint32_t ip; // ours
	struct bell bell;
	struct host host;
	struct worker *worker;
	struct sim_turner turner;
	// Around every turn. NULL: nothing.
	void (*before)(void *ctx, struct ported *);
	void (*after)(void *ctx, struct ported *);
	void *ctx;
	uint64_t n_turns, n_frames_in, n_frames_lost; // lost: the port had no room
};

// From now on. The port pair has one worker's queue for it, and is open.
void ported_attach(struct ported *, struct world *, uint32_t member, struct port_pair *);
void ported_detach(struct ported *); // before world_destroy
