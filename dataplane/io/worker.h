// A poll-mode worker: one thread, one engine, one queue of each port. Its turn is the whole fast
// path (design.md 3):
//
//	rx (at most 64 per queue, again while it comes full) -> frames -> engine_rx -> timers ->
//	commands -> engine_tx into lent mbufs -> headers -> tx
//
// In a turn: no malloc, lock, log or syscall; one clock read. Two exceptions by design: a thread
// that sleeps, control's or another worker's, is woken by one write, and drivers of kernel devices
// make syscalls of their own. Between turns an idle worker rests (worker_rest.c).
#pragma once

#include <assert.h>
#include <poll.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/bucket.h"
#include "dataplane/core/engine.h"
#include "dataplane/bell.h"
#include "dataplane/io/host.h"
#include "dataplane/io/idle.h"
#include "dataplane/io/icmp_error.h"
#include "dataplane/io/path_table.h"
#include "dataplane/io/port.h"
#include "dataplane/io/presence.h"
#include "dataplane/io/tick_clock.h"

#define WORKERS_MAX      16   // the low bits of a session id
#define WORKER_BURST     64   // frames per receive call
#define WORKER_BURSTS    4    // receive calls per queue and turn
#define WORKER_OUT       256  // frames gathered per port before they are sent
#define WORKER_HANDED    256  // frames that may wait for a worker from each other one (less one)
#define WORKER_ECHOES_S  1000 // pings answered per second
#define WORKER_CLOSED_S  100  // datagrams to closed ports answered per second, where they are
#define WORKER_TOO_BIG_S 20  // "packet too big" looked into per second: each goes through all sessions
#define WORKER_LINK_MS   1000 // the cables are looked at this often
#define WORKER_RIVAL     (1ull << 63)
#define WORKER_LENT_BUSY 64 // buffers lent to the engine while frames are waiting

struct ip_frag_table;
struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

// What a worker counts per port: only it writes, others read values that may be a turn old.
struct link_counters {
	uint64_t rx_frames, tx_frames, tx_refused;
	uint64_t arp_received, arp_asked, arp_answered;
	uint64_t echoes_answered;
	uint64_t over_mtu;            // frames that a local peer's card was to cut
	uint64_t checksum_unverified; // datagrams accepted with a wrong or unseen UDP checksum
	uint64_t nd_received, nd_asked, nd_answered;
	uint64_t announced; // our addresses, by ourselves
	uint64_t conflicts; // times that somebody else spoke for an address of ours
	uint64_t routers_heard;
	uint64_t pieces, reassembled; // IP fragments for us, and packets that came whole of them
	uint64_t closed_answered;     // datagrams to ports where nobody is
	uint64_t unreachable4[ICMP_CODES], unreachable6[ICMP_CODES]; // errors about ours, by code
	struct neighbour_counters neighbours;
};

// A port as one worker uses it.
struct worker_link {
	const struct port *port;
	bool has_rx;        // it polls a receive queue there
	uint16_t tx_credit; // frames the port took lately, where it does not tell its room
	uint16_t n_out;
	struct rte_mbuf *out[WORKER_OUT];
};

// Frames for another worker, gathered in a turn.
struct worker_handing {
	uint16_t n;
	struct rte_mbuf *frames[WORKER_BURST];
};

struct worker_opts {
	uint32_t worker, n_workers;
	struct engine *engine;   // borrowed, as everything here is
	const struct host *host; // copied; its neighbour tables become the worker's own
	const struct port *ports;
	uint8_t n_ports;
	struct rte_mempool *pool;                      // of its receive queues and of what it sends
	struct rte_ring *const (*handed)[WORKERS_MAX]; // [to][from]: frames; NULL: one worker
	struct mailbox *reports; // looked at to see whether control has news; NULL: no bell
	struct bell *bell;
	// Per worker, rung for what is put into its rings; it sleeps on its own. NULL: nobody can
	// wake a worker, so it only naps.
	struct bell *const *bells;
	enum idle_mode idle;
	uint32_t window_max_us, sleep_min_us, sleep_max_us; // idle.h
	uint32_t seed;                                      // random
};

// What it needs to sleep and to be woken.
struct worker_rest {
	struct pollfd fds[1 + HOST_LINKS_MAX]; // its bell, then its receive queues'
	uint8_t n;
	bool has_power_pause; // TPAUSE
	uint64_t n_woken;     // sleeps that something ended
	uint64_t ticks_per_us;
};

struct worker {
	// Ours alone, every turn.
	alignas(64) struct engine *engine;
	struct worker_stats *stats; // the engine's; the world's part is ours to write
	uint64_t now_us;
	uint32_t now_ms;
	uint32_t reported; // tail of the report ring when control was last woken
	uint16_t n_lent;
	bool was_busy, is_behind;
	struct path_table paths;
	struct tick_clock clock;
	struct idle idle;
	struct worker_rest rest;
	struct bucket echoes, closed, too_big;
	struct presence presence[HOST_LINKS_MAX];
	bool has_presence; // since the first turn
	uint32_t presence_ms;
	uint32_t looked_ms; // at the cables
	uint32_t up;        // bit per port whose cable was in then
	struct ip_frag_table *pieces;
	uint32_t chance; // of worker_chance
	struct host host;
	alignas(64) struct pkt rx[WORKER_BURST]; // a line each
	struct rte_mbuf *rx_mbufs[WORKER_BURST];
	alignas(64) struct pkt lent[ENGINE_BURST_MAX]; // .handle: mbuf
	struct worker_link links[HOST_LINKS_MAX];
	struct worker_handing handing[WORKERS_MAX];
	uint32_t handed_to;   // bit per worker: he was given frames since he was last rung
	uint32_t handed_next; // whose ring is looked at first
	// We write, control reads.
	alignas(64) struct link_counters counters[HOST_LINKS_MAX];
	// Who spoke for each of our addresses last: WORKER_RIVAL and the MAC in the low 48 bits.
	_Atomic uint64_t rivals[HOST_ADDRS_MAX];
	// Control writes, we look every turn.
	alignas(64) _Atomic bool stops;
	// Set before the first turn, constant afterwards.
	alignas(64) struct worker_opts opts;
};
static_assert(offsetof(struct worker, counters) % 64 == 0, "counters must not share a hot line");
static_assert(offsetof(struct worker, stops) % 64 == 0, "control's line is its own");

// -ENOMEM: no memory, or the pool is empty. On the worker's own thread.
int worker_init(struct worker *, const struct worker_opts *);
// Gives every buffer back.
void worker_fini(struct worker *);

// One turn. True: it had work. now_us as in engine_rx.
bool worker_turn(struct worker *, uint64_t now_us);
// When a turn is needed at the latest.
uint64_t worker_deadline_us(const struct worker *);

// The clock, a turn, and what idle.h says. True: the turn had work.
bool worker_lap(struct worker *);
// Laps until worker_stop, then a few more for what is still to be sent.
void worker_run(struct worker *);
void worker_stop(struct worker *); // any thread; rings its bell
