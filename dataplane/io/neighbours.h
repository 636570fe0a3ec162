// Who is where on one link: IPv4 addresses and their MACs, learned by ARP (RFC 826). One table per
// worker and port; each asks for itself.
//
// It holds no packets but a few: up to NEIGHBOUR_KEPT frames per address that is being asked for,
// so that a first handshake does not lose a second. Nothing a stranger does makes it grow: the
// number of addresses, of questions at a time and of frames is fixed.
//
// Times are milliseconds that may wrap.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/io/l2.h"

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

// seed: strangers choose addresses, so it is random. NULL: no memory.
struct neighbours *neighbours_create(uint32_t seed);
// Frames still kept must have been taken by neighbours_lose_all.
void neighbours_destroy(struct neighbours *);

// False: not known (yet). Then somebody is being asked, unless there is no room for a question.
bool neighbours_find(struct neighbours *, uint32_t ip, uint32_t now_ms, struct mac *);
// Keeps a frame for an address that neighbours_find just did not know; it comes back by
// neighbours_next. False: no room, and the frame stays the caller's.
bool neighbours_keep(struct neighbours *, uint32_t ip, void *frame);
// What an ARP packet said of its sender. may_add: it asked for us, so it will be talked to (RFC
// 826); else only what is in the table counts.
void neighbours_learn(struct neighbours *, uint32_t ip, const struct mac *, bool may_add,
		      uint32_t now_ms);

enum neighbour_do {
	NEIGHBOUR_ASK,  // send a request for ip, to mac (broadcast, or where it was last)
	NEIGHBOUR_SEND, // frame can go, to mac
	NEIGHBOUR_LOSE, // frame: its address stayed silent
};

struct neighbour_step {
	enum neighbour_do what;
	uint32_t ip;
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
