// The engine: established RTMFP sessions and the stateless half of startup (RFC 7016 §§2, 3). It
// does nothing by itself: a world gives it bursts of datagrams and the time, and takes bursts from
// it.
//
// One engine belongs to one thread. A turn of its world is, in this order,
//
//     engine_rx*  engine_timers  engine_commands  engine_tx*
//
// rx and timers only mark what is due; tx builds, seals and fills the buffers that the world lends,
// as many as its port has room for, and is asked again until it fills fewer than lent. Inside: no
// malloc, lock, log, syscall or clock read. All memory is taken by engine_create.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/budget.h"
#include "dataplane/mailbox.h"
#include "dataplane/messages.h"
#include "dataplane/pkt.h"
#include "dataplane/worker_stats.h"

struct crypto;
struct random;
struct engine;

#define ENGINE_BURST_MAX     128 // most packets per engine_rx and engine_tx call
#define ENGINE_TURN_COMMANDS 32

struct engine_opts {
	// What every burst asks for comes first.
	uint32_t worker;       // goes into the low bits of session ids
	uint16_t payload_base; // UDP payload that every path carries: where sessions begin (§8.5)
	uint16_t visit; // packets per neighbour and visit the world prefers: 1 DPDK, 2-4 sockets
	struct crypto *crypto;    // borrowed; same thread; may serve many engines
	struct random *random;    // borrowed; asked at creation only
	struct mailbox *commands; // borrowed; we consume struct command
	struct mailbox *reports;  // borrowed; we produce struct report
	struct mailbox **handoff_to,
		**handoff_from; // per other worker by index (own entry NULL); or NULL
	uint32_t n_workers;
	uint32_t sessions_max;               // slots 0..sessions_max-1
	uint32_t flows_tx_max, flows_rx_max; // all sessions together
	uint32_t flows_per_session; // that a far end may have open, at most FLOWS_PER_SESSION
	uint32_t messages_max;      // queued for sending, all flows
	uint32_t rx_cells_max;      // fragments held for reassembly or order, all flows
	size_t body_bytes;          // arena of the bodies lent to control
	uint32_t streams_max, links_max;
	uint32_t groups_max;           // that have budgets of their own
	uint32_t extents_max;          // 64 KiB each, all stream windows
	size_t object_bytes;           // of objects that are kept; 0: none
	uint32_t early_max;            // packets kept for reserved sessions
	uint32_t message_bytes_max;    // longest reassembled message
	uint32_t reassembly_bytes_max; // held by a session's flows beyond their windows
	uint32_t hellos_per_s;         // to control: hellos and other startup chunks of strangers
	uint32_t keyings_per_s;        // to control: IIKeyings with a good cookie
	// Startup packets that are opened at all (startup_gate.h); 0: all of them.
	uint32_t startup_per_s, startup_per_prefix_per_s, startup_per_address_per_s;
	uint16_t mtu_max; // largest IP packet of our links: path MTU discovery looks no further
	// Borrowed, or NULL: its own. Of a thousand engines in one thread each would find its own
	// in no cache.
	struct engine_scratch *scratch;
	struct body_pool *bodies; // body_bytes does not matter then
};

// For engines that take turns in one thread. NULL: no memory.
struct engine_scratch *engine_scratch_create(void);
void engine_scratch_destroy(struct engine_scratch *);

// Sensible small and large settings; the caller fills in the borrowed parts.
void engine_opts_member(struct engine_opts *); // a laptop's member: some hundred sessions
void engine_opts_appliance(struct engine_opts *, uint32_t sessions_max, uint32_t extents_max);
// The budgets of startup packets, by what is let through to control: hellos_per_s, keyings_per_s,
// and the openings of one address.
void engine_opts_startup(struct engine_opts *, uint32_t openings_per_address_per_s);

// NULL: no memory (errno) or options beyond limits.h (EINVAL).
struct engine *engine_create(const struct engine_opts *);
void engine_destroy(struct engine *);
// Reports so far: who has this thread, too, sees by it whether the ring needs a look.
uint32_t engine_n_reported(const struct engine *);

// Datagrams in. pkts[].data is decrypted in place and not looked at after the call; pkts[].drop
// says what became of each. Never more than ENGINE_BURST_MAX. now_us: monotonic, any origin, never
// 0; all engines of a process that share cookies share the clock.
void engine_rx(struct engine *, struct pkt *pkts, uint16_t n, uint64_t now_us);
// What came to an IP multicast address: nothing of RTMFP's, and control's to judge (REP_DATAGRAM).
void engine_rx_datagrams(struct engine *, const struct pkt *, uint16_t n, uint64_t now_us);
// A world that can tell a stranger's datagram (session id 0) at little cost asks for it whether its
// source (addr, family: as in struct pkt) has a budget left before it spends more on it. If not, it
// is dropped, and counted here. Else it is charged, and has PKT_ADMITTED in engine_rx.
bool engine_admits(struct engine *, const uint8_t addr[16], uint8_t family);
// Before the first of those that come together.
void engine_rx_early(struct engine *, uint64_t now_us);
void engine_timers(struct engine *, uint64_t now_us);
// Takes at most ENGINE_TURN_COMMANDS from the ring; says how many.
uint32_t engine_commands(struct engine *, uint64_t now_us);
// Fills room[0..result), each lent with data and room >= engine_payload_max(). result < n: nothing
// more is due.
uint16_t engine_tx(struct engine *, struct pkt *room, uint16_t n, uint64_t now_us);
// When engine_timers wants to run next at the latest; now_us or less: engine_tx has work already.
uint64_t engine_deadline_us(const struct engine *);
// Was anything put into the ring to that worker, since this was last asked, that he should be woken
// for? (What he was given back can wait.)
bool engine_handed_over(struct engine *, uint32_t worker);

// A router's "packet too big" about a datagram of ours (RFC 792, RFC 1191; RFC 4443 §3.2), as far
// as its quote reaches. addr, port, family: where it went.
struct too_big {
	uint8_t addr[16]; // IPv4: the first 4 octets
	uint16_t port;
	uint8_t family;       // 4 or 6
	uint16_t payload_len; // of the UDP payload, by its own header
	uint16_t quote_len;   // octets of it that are quoted
	const uint8_t *quote;
	uint32_t mtu; // octets of IP packet that the link carries; 0: it does not say
};
// Whether a session of this engine recognised its datagram and took the advice; pmtu.h says when.
bool engine_too_big(struct engine *, const struct too_big *, uint64_t now_us);

// Most octets of UDP payload that engines with these options ever send.
uint16_t engine_payload_max(const struct engine_opts *);
// Row of the address table for pkt.path_idx; valid until the next call into the engine.
const struct path *engine_path(const struct engine *, uint32_t path_idx);
uint32_t engine_n_paths(const struct engine *);
// What control reads of a group's budget, 1 to groups_max, or of the worker's own, 0.
struct budget_gauge engine_budget_gauge(const struct engine *, uint16_t group);
// The same of the objects that are kept of a group, 1 to groups_max.
struct object_gauge engine_object_gauge(const struct engine *, uint16_t group);
// The engine's counters; the world adds its own (turns, drops below UDP).
struct worker_stats *engine_stats(struct engine *);
// Which worker's session a datagram is for (read from its octets); for software steering.
// Meaningless for session id 0: a startup packet belongs to whoever got it.
uint32_t engine_datagram_worker(const uint8_t *data, uint16_t len);
