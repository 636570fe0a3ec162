// What members of a world publish, and what comes of it to those who play: messages with a number
// and the time they were written, as of AAC and AVC.
#pragma once

#include "tests/sim/world.h"

void world_write_from(struct world_member *, const struct world_publish *, uint64_t first,
		      uint64_t now_us);
// What is due of it. True: something was.
bool world_write_due(struct world_member *, uint64_t now_us);
void world_take_message(struct world_member *, const struct node_event *, uint64_t now_us);
