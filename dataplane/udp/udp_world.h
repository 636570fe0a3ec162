// The kernel-socket world: feeds one engine from UDP sockets, one per endpoint (design.md 1). Used
// by annulus-peer, by annulusd with `backend: udp`, and as the honest opponent in benchmarks.
//
// Single-threaded: whoever runs the loop waits for any of the sockets to become readable or for
// udp_world_deadline_us, then calls udp_world_turn. Receiving never blocks; sending may, for as
// long as the kernel's send buffer is full, which is the back-pressure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/engine.h"
#include "dataplane/wire/address.h"

#define UDP_ENDPOINTS_MAX 4
#define UDP_LISTENS_MAX   8 // IP multicast addresses
#define UDP_SOCKETS_MAX   (UDP_ENDPOINTS_MAX + UDP_LISTENS_MAX)
#define UDP_MTU_MAX       2048 // octets of IP packet that its buffers hold: the most for mtu_max

struct udp_world;
struct udp_scratch; // receive and transmit buffers; all worlds of a thread share one

struct udp_scratch *udp_scratch_create(void); // NULL: no memory
void udp_scratch_destroy(struct udp_scratch *);

// engine and scratch are borrowed. NULL: no memory.
struct udp_world *udp_world_create(struct engine *, struct udp_scratch *);
void udp_world_destroy(struct udp_world *); // closes the sockets

// Opens and binds the socket of an endpoint. Port 0: the kernel's choice. family 6 with the
// unspecified address serves IPv4 too where the kernel allows. -errno of socket or bind.
int udp_world_bind(struct udp_world *, uint8_t endpoint, const struct wire_addr *local);
// The same for worker `worker` of `n_workers`, whose worlds all listen on one address, each on its
// own thread later on; in the order of their numbers, all at once. The kernel gives each the
// datagrams of its sessions (steer.h). For all but the first, `local` is what the first is bound
// to.
int udp_world_bind_among(struct udp_world *, uint8_t endpoint, const struct wire_addr *local,
			 uint32_t worker, uint32_t n_workers);
// What it is bound to (the port, after a bind to port 0).
struct wire_addr udp_world_local(const struct udp_world *, uint8_t endpoint);
// Hears what comes to an IP multicast address (of one source alone, if that has a family), and
// gives it to the engine as datagrams that are nothing of RTMFP's. 0, -ENOBUFS, or -errno of the
// kernel.
int udp_world_listen(struct udp_world *, const struct wire_addr *group,
		     const struct wire_addr *source);
// Of an endpoint, or UDP_ENDPOINTS_MAX and up of a place where it listens. -1: there is none.
int udp_world_fd(const struct udp_world *, uint8_t socket);

// One turn: rx, timers, commands, tx. True if it had work and may have more.
bool udp_world_turn(struct udp_world *, uint64_t now_us);
// Its parts, for who has control in the same thread: rx and timers; commands; tx. What control
// answers before tx travels with the acks.
bool udp_world_rx(struct udp_world *, uint64_t now_us);
bool udp_world_commands(struct udp_world *, uint64_t now_us);
bool udp_world_tx(struct udp_world *, uint64_t now_us);
uint64_t udp_world_deadline_us(const struct udp_world *);
// The address this host would use toward `far` (connect on a throw-away socket); 0 or -errno.
int udp_local_toward(const struct wire_addr *far, struct wire_addr *local);
