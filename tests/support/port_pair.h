// A DPDK port and what hangs on its cable, in one process and without a thread of their own: frames
// that a test puts in at the far end are there at the port's next poll, and the other way about.
// The cable is made of rings, of virtio (the port is virtio-user, the far end vhost) or of memif.
//
// DPDK starts once per process, so a program has one pair. Nothing here returns an error: what
// cannot go on is a broken test and asserts.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/io/port.h"

#define PAIR_QUEUES  2
#define PAIR_RING    128 // frames a ring pair's transmit queue holds (less one)
#define PAIR_BUFFERS 4095

struct rte_mbuf;
struct rte_ring;

enum pair_kind {
	PAIR_RINGS,
	PAIR_VIRTIO,
	PAIR_MEMIF,
};

struct port_pair {
	enum pair_kind kind;
	struct eal *eal;
	struct rte_mempool *pool; // of both ends
	struct port port;
	struct port far;                                    // not with rings
	struct rte_ring *rx[PAIR_QUEUES], *tx[PAIR_QUEUES]; // with rings only
	uint16_t n_queues;
};

// Rings have PAIR_QUEUES queues, the others one.
void port_pair_open(struct port_pair *, enum pair_kind);
void port_pair_close(struct port_pair *); // asserts that every buffer is back, but for memif

// A frame arrives at the port; takes the buffer. False: there was no room, and it is still ours.
bool port_pair_put(struct port_pair *, uint16_t queue, struct rte_mbuf *);
// The next frame that the port sent.
bool port_pair_get(struct port_pair *, uint16_t queue, struct rte_mbuf **);

uint32_t port_pair_free(const struct port_pair *); // buffers
