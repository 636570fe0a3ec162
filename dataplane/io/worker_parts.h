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
// Frees frames that came in, as drivers free those that went out where a port asks for
// MBUF_FAST_FREE: what is whole, ours alone and of our pool goes back unseen. Changes the order.
void worker_give_back(struct worker *, struct rte_mbuf **, uint16_t n);

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
// The same for a frame without the link's tag, which it gets.
void worker_send(struct worker *, uint8_t link, struct rte_mbuf *m);
void worker_send_built(struct worker *, uint8_t link, struct rte_mbuf *m, uint16_t len);
void worker_flush(struct worker *);

// -- worker_link.c: ARP and neighbours --
// was_handed: another worker received it, and answers it.
void worker_on_arp(struct worker *, uint8_t link, const struct frame *, struct rte_mbuf *m,
		   bool was_handed);
// What the neighbour tables want: questions, kept frames that can go or never will.
void worker_neighbours(struct worker *);
// What was said on a link concerns every worker, and only one of them hears it.
void worker_tell_others(struct worker *, uint8_t link, const struct rte_mbuf *m);
// Another worker shall see this frame. Takes the mbuf.
void worker_hand_over(struct worker *, uint32_t to, uint8_t link, struct rte_mbuf *m);
void worker_give_handed(struct worker *); // what was gathered goes into the rings

// -- worker_icmp.c: ICMP of both families --
void worker_on_icmp(struct worker *, uint8_t link, const struct frame *, struct rte_mbuf *m,
		    bool was_handed);
// A reply goes out, within the rate. Takes the mbuf if it returns DROP_NONE.
enum drop_reason worker_send_echo(struct worker *, uint8_t link, struct rte_mbuf *m);
// Counts it, and gives the engine what is for it. Returns why it is dropped. m: the whole frame.
enum drop_reason worker_icmp_error(struct worker *, uint8_t link, bool is_v6, const uint8_t *icmp,
				   uint16_t len, const struct rte_mbuf *m, bool was_handed);
void worker_on_closed_port(struct worker *, uint8_t link, const struct frame *,
			   const struct rte_mbuf *m); // does not take it

// -- worker_nd.c: ICMPv6 and neighbour discovery --
void worker_on_group(struct worker *, const struct frame *, struct rte_mbuf *m);
void worker_on_igmp(struct worker *, uint8_t link, const struct frame *, struct rte_mbuf *m,
		    bool was_handed);
void worker_on_icmp6(struct worker *, uint8_t link, const struct frame *, struct rte_mbuf *m,
		     bool was_handed);

// -- worker_presence.c: what we say of ourselves --
void worker_presence(struct worker *);
// Milliseconds until it has something to do; UINT32_MAX: never.
uint32_t worker_presence_wait_ms(const struct worker *);
// Somebody else speaks for an address of ours.
void worker_conflict(struct worker *, uint8_t addr, const struct mac *, bool was_handed);

// -- worker_piece.c: IP fragments --
uint16_t worker_piece_room(const struct worker *);
// Takes the mbuf. The whole packet in a frame of its own, if this was the last piece; else NULL.
struct rte_mbuf *worker_on_piece(struct worker *, uint8_t link, const struct frame *,
				 struct rte_mbuf *m);

// 16 bits that a stranger cannot know, which is enough for when to say something.
static inline uint16_t worker_chance(struct worker *w)
{
	w->chance = w->chance * 1664525u + 1013904223u; // Numerical Recipes' constants
	return (uint16_t)(w->chance >> 16);
}
