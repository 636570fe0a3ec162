// Addresses from gossip may point anywhere: each is tried once in 30 s at most (groups.md 10.5). A
// table of fixed size; when two addresses meet in it, the later one waits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wire/address.h"

#define ADDR_GATE_ROWS 1024

struct addr_gate {
	uint64_t seed;
	uint64_t tried_us[ADDR_GATE_ROWS]; // 0: never
};

// May it be tried now? If so, it counts as tried.
bool addr_gate_passes(struct addr_gate *, const struct wire_addr *, uint64_t now_us);
