// Sets of object indices as ascending ranges that neither overlap nor touch (OR-2): 2^53 of them
// cost as much as one, and a set has at most so many ranges as it was made for.
#pragma once

#include "dataplane/wire/spx_object.h"

struct ranges {
	struct index_range *at; // n of them, ascending
	uint32_t n, cap, max;
};

void ranges_init(struct ranges *, uint32_t max); // empty; max above 0
void ranges_clear(struct ranges *);              // empty, and frees

// first <= last. 0; -ENOBUFS: it would have more than max ranges; -ENOMEM. Then nothing has
// changed.
int ranges_add(struct ranges *, uint64_t first, uint64_t last);
int ranges_remove(struct ranges *, uint64_t first, uint64_t last);
// The same, always: where a hole would make one range too many, what is left of it on the shorter
// side goes as well.
void ranges_cut(struct ranges *, uint64_t first, uint64_t last);
struct index_range ranges_cut_extent(const struct ranges *, uint64_t first,
				     uint64_t last); // what goes

bool ranges_has(const struct ranges *, uint64_t index);
uint64_t ranges_count(const struct ranges *); // of indices
// The first range that reaches index or lies above it; n: there is none.
uint32_t ranges_find(const struct ranges *, uint64_t index);

// The first stretch of [from, to] whose indices are all members, or none of them is. False: there
// is none.
bool ranges_next_in(const struct ranges *, uint64_t from, uint64_t to, struct index_range *);
bool ranges_next_out(const struct ranges *, uint64_t from, uint64_t to, struct index_range *);
