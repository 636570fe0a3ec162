// Who has the next turn: a heap over the members of a world, earliest first; at the same time, the
// lower number first, so that a seed is one order.
#pragma once

#include "tests/sim/world.h"

// All of them, due at once. Freed by free.
struct world_due **world_heap_create(struct world_member *, uint32_t n);
void world_heap_set(struct world_due **, uint32_t n, struct world_due *, uint64_t at_us);
