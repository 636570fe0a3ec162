// For property tests against a bitmap: throws that are the same each time.
#pragma once

#include "control/group/ranges.h"

static inline uint64_t dice_throw(uint64_t *dice, uint64_t below)
{
	*dice ^= *dice << 13;
	*dice ^= *dice >> 7;
	*dice ^= *dice << 17;
	return (*dice >> 11) % below;
}

static inline struct index_range dice_range(uint64_t *dice, uint64_t below, uint64_t len_max)
{
	uint64_t first = dice_throw(dice, below), last = first + dice_throw(dice, len_max);

	return (struct index_range){first, last < below ? last : below - 1};
}
