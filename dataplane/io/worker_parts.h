// A worker from inside: what its files share. Not for others.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/io/frame.h"
#include "dataplane/io/worker.h"

#define PAYLOAD_OFFSET RTE_PKTMBUF_HEADROOM // a cache line begins there; headers lie before it

static inline void worker_drop(struct worker *w, enum drop_reason why)
{
	w->stats->drops[why]++;
}

// -- worker.c --
uint64_t worker_clock_us(struct worker *);

// -- worker_rest.c --
// True: whatever brings work can wake it.
bool worker_rest_init(struct worker *);
void worker_rest(struct worker *, struct idle_step);

// -- worker_rx.c --
// Everything that came in, and what it asks for. Returns how many frames.
uint32_t worker_receive(struct worker *);

// -- worker_tx.c --
int worker_lend_init(struct worker *);
void worker_lend_fini(struct worker *);
// Lets the engine fill what the ports have room for, and sends it. Returns how many packets.
uint32_t worker_transmit(struct worker *);
// A whole frame joins what leaves over a link at the end of the turn. Takes the mbuf.
void worker_out(struct worker *, uint8_t link, struct rte_mbuf *m);
void worker_flush(struct worker *);

// -- worker_link.c: ARP and ping --
// was_handed: another worker received it, and answers it.
void worker_on_arp(struct worker *, uint8_t link, const struct frame *, struct rte_mbuf *m,
		   bool was_handed);
void worker_on_icmp(struct worker *, uint8_t link, const struct frame *, struct rte_mbuf *m);
// What the neighbour tables want: questions, kept frames that can go or never will.
void worker_neighbours(struct worker *);
// Another worker shall see this frame. Takes the mbuf.
void worker_hand_over(struct worker *, uint32_t to, uint8_t link, struct rte_mbuf *m,
		      enum drop_reason if_full);
