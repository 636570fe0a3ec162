// How many neighbours hold each index: a step function over all indices. Costs by the ranges that
// they hold, not by indices.
#pragma once

#include <stdint.h>

struct tally_step {
	uint64_t first; // up to before the next step's
	uint32_t n;
};

struct tally {
	struct tally_step *at; // ascending; before the first: 0
	uint32_t n, cap;
};

// Zeroed is empty. Room for one more change, which then cannot fail. 0 or -ENOMEM.
int tally_reserve(struct tally *);
void tally_change(struct tally *, uint64_t first, uint64_t last, int32_t by);
void tally_clear(struct tally *);
// The step that index is in; the steps' number: before the first.
uint32_t tally_find(const struct tally *, uint64_t index);
uint32_t tally_of(const struct tally *, uint64_t index);
