// Octets per second over the last few (NetGroupInfo's rates): no timer keeps it, so an idle group
// costs nothing. Zeroed is empty.
#pragma once

#include <stdint.h>

#define METER_SECONDS 5

struct meter {
	uint64_t second;                    // of the clock, that `octets` ends with
	uint64_t octets[METER_SECONDS + 1]; // by second modulo their number: the running one, too
};

void meter_add(struct meter *, uint64_t octets, uint64_t now_us);
// Of the METER_SECONDS whole seconds before this one.
uint64_t meter_per_s(const struct meter *, uint64_t now_us);
