// Whom a place on the ring wants as neighbours (groups.md 5, NG-20): the choice for ourselves, and,
// by the same rules, what we tell others about theirs.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/ring_set.h"

#define WANTED_MAX      64
#define WANTED_EACH_WAY 3
#define WANTED_NEAR     6 // lowest round trip times

struct wanted {
	struct ring_node *nodes[WANTED_MAX]; // nobody twice
	uint32_t n;
	uint64_t seen[4]; // bit per hash of a node: who has none is not among them
};

// Whom to leave out; NULL: nobody. Nodes right at the place are always left out.
typedef bool (*wanted_skips)(const struct ring_node *);

void wanted_clear(struct wanted *); // before all else
bool wanted_has(const struct wanted *, const struct ring_node *);
// False: there already, or full.
bool wanted_add(struct wanted *, struct ring_node *);
// Three up, three down.
void wanted_ring(struct wanted *, const struct ring_set *, struct u256 at, wanted_skips);
// Binary fractionation: who is nearest to at +- 2^(256-i), i = 1, 2, .. while that lies beyond the
// three.
void wanted_fractions(struct wanted *, const struct ring_set *, struct u256 at, wanted_skips);
// Neighbours a member of a group of n has: floor(log2 n) + 13 (groups.md 5).
uint32_t wanted_target(double n_members);
