// Workers on a port, turned step by step: the test puts frames in at one end and finds what was
// sent at the other (port_pair.h). Time is the loop's, and stands still unless a test moves it.
// Every buffer must be back: on rings at a world's end, else at the program's.
#pragma once

#include "dataplane/io/worker.h"
#include "tests/support/far_end.h"
#include "tests/support/port_pair.h"
#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

#define WORLD_WORKERS PAIR_QUEUES
#define WORLD_RING    PAIR_RING
#define WORLD_BUFFERS PAIR_BUFFERS

struct worker_world {
	struct loop *l; // node 0: worker 0's engine
	struct host host;
	struct worker *workers[WORLD_WORKERS];
	uint32_t n_workers;
	struct bell bell; // control's
	struct bell bells[WORLD_WORKERS];
	struct bell *bells_of[WORLD_WORKERS];
	// Worker 1's engine, if there is one.
	struct engine *second;
	struct mailbox *commands, *reports;
};

// cmocka group setup and teardown: DPDK and the port.
int worker_group_on_rings(void **state);
int worker_group_on_virtio(void **state);
int worker_group_teardown(void **state);

void world_create(struct worker_world *, uint32_t n_workers);
// With IPv6, too; vlan 0: none. Datagrams to closed ports are answered.
void world_create_dual(struct worker_world *, uint32_t n_workers, uint16_t vlan);
// With IPv6, before the first turn: nothing has been said or asked yet.
void world_create_fresh(struct worker_world *, uint32_t n_workers, bool takes_router);
void world_destroy(struct worker_world *); // asserts that no buffer is missing

// A frame arrives at the receive queue of a worker. Frees it.
void world_in(struct worker_world *, uint32_t worker, struct built frame);
// Pulls the port's cable, and puts it in again.
void world_cable(struct worker_world *, bool is_in);
// One turn at the loop's time; passes on what the worker says.
bool world_turn(struct worker_world *, uint32_t worker);
// The next frame that a worker sent; data NULL: none. To be freed.
struct built world_out(struct worker_world *, uint32_t worker);
uint32_t world_out_discard(struct worker_world *, uint32_t worker); // how many
// Peer and gateway are known from now on.
void world_introduce(struct worker_world *);

struct worker_stats *world_stats(struct worker_world *, uint32_t worker);
// The pool's free buffers; and taking them away.
uint32_t world_buffers(void);
uint32_t world_buffers_take(void *taken[WORLD_BUFFERS]);
void world_buffers_give(void *taken[WORLD_BUFFERS], uint32_t n);
