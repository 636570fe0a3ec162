// Brings in what the next turns of a world will touch: with a hundred members nothing of the next
// one's is in a cache. It changes nothing but the time.
#pragma once

#include "tests/sim/world.h"

void world_lines_set(struct world *, uint32_t member); // its memory is elsewhere now
void world_herald(void *world, uint32_t host, const uint8_t *data, uint16_t len); // net_herald
// After a member's turn: whose is next, and the one after it?
void world_fetch_ahead(struct world *, uint32_t member);
