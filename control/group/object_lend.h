// What the workers give by themselves (OR-15; dataplane/core/object_cache.h): an object that we
// have sent once is lent to the worker of whoever asked, and the next request for it wakes nobody
// here. Only what our program gave out of a have set of which it says so
// (group_replication.is_lent).
#pragma once

#include "control/group/objects.h"

// An object has just been sent to that neighbour.
void object_lend(struct objects *, const struct object_peer *, uint64_t index, enum object_encoding,
		 struct span object);
// No worker gives these any more.
void object_unlend(struct objects *, uint64_t first, uint64_t last);
// The neighbour will ask: its first request finds the way open.
void object_gives_soon(struct spx_peer *);
// The neighbour's requests come, or our objects go, on another flow than before.
void object_lanes_changed(struct spx_peer *);
