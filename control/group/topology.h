// Whom we want as neighbours, and getting there (groups.md 5, 10.5, 11; NG-20 to NG-25).
#pragma once

#include "control/group/internal.h"

// The choice is due: at once, but at most every 200 ms.
void topology_soon(struct group *);
// A relation has begun, or is over. Only whom we missed or lose changes a choice before its time.
void topology_neighbour_opened(struct neighbour *);
void topology_neighbour_gone(const struct neighbour *);
void topology_timers(struct group *);
uint64_t topology_deadline_us(const struct group *);
// An introducer named this peer as a member: it is called at once if it is wanted. False: there is
// no room for it.
bool topology_hint(struct group *, const uint8_t peer_id[PEER_ID_LEN]);
// An attempt came to nothing; the n-th retry comes n * 1.5 s later, after 11 it is given up.
void topology_failed(struct group *, struct member *);
// May this neighbour leave us, as far as we are concerned?
bool topology_can_spare(const struct neighbour *);
