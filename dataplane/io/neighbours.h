// Who is where on one link: addresses of both families and their MACs, learned by ARP (RFC 826) and
// neighbour discovery (RFC 4861 §7). One table per worker and port; each asks for itself.
//
// It holds no packets but a few: up to NEIGHBOUR_KEPT frames per address that is being asked for,
// so that a first handshake does not lose a second. Nothing a stranger does makes it grow: the
// number of addresses, of questions at a time and of frames is fixed.
//
// Times are milliseconds that may wrap.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/io/ip.h"

#define NEIGHBOURS_MAX        1024
#define NEIGHBOURS_ASKING_MAX 128    // at a time
#define NEIGHBOURS_KEPT_MAX   64     // frames, all addresses
#define NEIGHBOUR_KEPT        4      // frames per address
#define NEIGHBOUR_TRIES       4      // questions until an address counts as silent
#define NEIGHBOUR_RETRY_MS    250    // between the first two; doubles
#define NEIGHBOUR_FRESH_MS    30000  // then asked again, if it is in use
#define NEIGHBOUR_LOCK_MS     1000   // a MAC does not change twice within
#define NEIGHBOUR_IDLE_MS     120000 // unused that long: forgotten
#define NEIGHBOURS_SWEEP_MS   100    // ages are looked at this often

struct neighbours;

// Only the table writes them.
struct neighbour_counters {
	uint64_t evicted; // idle ones that made room
	uint64_t refused; // no place or no question left for a new one
	uint64_t silent;  // asked for in vain, or known and gone
	uint64_t locked;  // second MACs for an address within NEIGHBOUR_LOCK_MS, not believed
};

// seed: strangers choose addresses, so it is random. counters: the caller's, or NULL. NULL: no
// memory.
struct neighbours *neighbours_create(uint32_t seed, struct neighbour_counters *counters);
// Frames still kept must have been taken by neighbours_lose_all.
void neighbours_destroy(struct neighbours *);

// False: not known (yet). Then somebody is being asked, unless there is no room for a question.
bool neighbours_find(struct neighbours *, const struct ip_addr *, uint32_t now_ms, struct mac *);
// Keeps a frame for an address that neighbours_find just did not know; it comes back by
// neighbours_next. False: no room, and the frame stays the caller's.
bool neighbours_keep(struct neighbours *, const struct ip_addr *, void *frame);

// How a packet that told where somebody is may be believed.
#define SAID_ADD     0x01 // it asked for us, so it will be talked to: may come into the table
#define SAID_REPLACE 0x02 // a MAC that differs counts (override, RFC 4861 §7.2.5)
#define SAID_CONFIRM 0x04 // it answers: packets reach it there. Else it is asked when next used
#define SAID_BY_ARP  (SAID_REPLACE | SAID_CONFIRM)
void neighbours_learn(struct neighbours *, const struct ip_addr *, const struct mac *,
		      unsigned said, uint32_t now_ms);
// An answer that does not say where (an advertisement without the option): good for whom we know.
void neighbours_confirm(struct neighbours *, const struct ip_addr *, uint32_t now_ms);

enum neighbour_do {
	NEIGHBOUR_ASK,  // send a question for ip: to everybody, or to mac, where it was last
	NEIGHBOUR_SEND, // frame can go, to mac
	NEIGHBOUR_LOSE, // frame: its address stayed silent
};

struct neighbour_step {
	enum neighbour_do what;
	bool is_unicast; // NEIGHBOUR_ASK: mac is known
	struct ip_addr ip;
	struct mac mac;
	void *frame;
};

// What is to be done now; false: nothing. Ask until then.
bool neighbours_next(struct neighbours *, uint32_t now_ms, struct neighbour_step *);
// Milliseconds until neighbours_next has something at the earliest; UINT32_MAX: never.
uint32_t neighbours_wait_ms(const struct neighbours *, uint32_t now_ms);
// Takes back a kept frame, whatever its address; NULL: none left. For the end.
void *neighbours_lose_all(struct neighbours *);

// Changes whenever what neighbours_find said once is true no longer.
uint32_t neighbours_version(const struct neighbours *);
uint32_t neighbours_count(const struct neighbours *); // addresses in the table

// ---- for people; any thread ----

enum neighbour_state {
	NEIGHBOUR_FREE,
	NEIGHBOUR_ASKING,    // nothing known
	NEIGHBOUR_REACHABLE, // answered lately
	NEIGHBOUR_STALE,     // not lately; asked as soon as it is used
	NEIGHBOUR_PROBED,    // in use, and being asked
};

struct neighbour_view {
	struct ip_addr ip;
	struct mac mac;
	uint8_t state;         // enum neighbour_state
	uint32_t confirmed_ms; // ages: since it answered,
	uint32_t used_ms;      // and since something was sent to it
};

// The neighbour in slot i of NEIGHBOURS_MAX as it is now. False: none there, or its owner is
// changing it all the time.
bool neighbours_view(const struct neighbours *, uint32_t i, uint32_t now_ms,
		     struct neighbour_view *);
