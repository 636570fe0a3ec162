// Many raw neighbours of one member.
#pragma once

#include "tests/unit/control/group/raw_peer.h"

#define CROWD 40

// How many neighbours our member has then.
static inline uint32_t crowd(struct raw_peer *t, struct raw_peer *peers)
{
	for (int i = 0; i < CROWD; i++) {
		peers[i] = *t;
		peers[i].raw = world_add(t->w, &(struct world_role){.is_raw = true});
		peers[i].e = world_session(peers[i].raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
		raw_befriend(&peers[i]);
	}
	return world_open_neighbours(t->node);
}
