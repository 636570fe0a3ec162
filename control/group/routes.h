// Directed routing (DR-1 to DR-18; docs/spx.md): our place's coverage, and messages to the nearest,
// to those beside us, to all, and to the nearest of the whole ring.
#pragma once

#include "control/group/octets.h"
#include "control/group/recent_keys.h"
#include "control/group/route_choice.h"
#include "control/group/spx.h"
#include "dataplane/wire/spx_route.h"

#define ROUTE_ALL_JOBS_MAX 16

// A message to all neighbours that some have not got yet.
struct route_all_job {
	struct octets *message;
	uint64_t number; // ascending
};

struct routes {
	struct group *group;
	// coverage.c
	bool wants_nearest, is_nearest;  // is: settled, too
	uint64_t wanted_us, adjacent_us; // since when: wanted, the same six beside us
	uint64_t adjacent_digest;
	struct route_range range;
	uint64_t range_us;                    // when it changed last
	uint32_t range_version;               // 0: as it began
	const struct spx_peer *below, *above; // whose ranges touch ours; NULL: none
	uint64_t due_us, looked_us;           // next look; NEVER: nothing changed. The last one
	uint64_t settle_us; // when it may be settled; NEVER: it is, or need not be
	uint64_t tell_us;   // when somebody may be told of our range
	// routes.c
	struct route_all_job jobs[ROUTE_ALL_JOBS_MAX];
	uint32_t n_jobs;
	uint64_t jobs_ever;
	uint64_t all_us; // the next lot
	struct recent_keys requests;
	struct recent_keys asked; // detour.c
};

int routes_create(struct group *); // 0 or -ENOMEM. A group without routing has none
void routes_destroy(struct group *);
void routes_timers(struct group *);
uint64_t routes_deadline_us(const struct group *);
void routes_peer(struct spx_peer *); // speaks; repeated: nothing
void routes_peer_gone(struct group *, const struct spx_peer *);
// What was on its way to a neighbour that went. Not of a suspect's: they may have come to others
// so long ago that nobody would know them again.
void routes_again(struct group *, const struct outbox_account *);
void routes_message(struct spx_lane *, struct span message); // the lane may be gone afterwards
bool routes_reach(const struct spx_peer *);                  // may a message go there?

// -- coverage.c --
// A neighbour came, went, fell silent or changed its mode.
void routes_soon(struct group *);
void coverage_timers(struct routes *);
uint64_t coverage_deadline_us(const struct routes *);
void coverage_take(struct spx_lane *, struct span message);
struct u256 route_peer_address(const struct spx_peer *);
