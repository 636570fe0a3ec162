// Who stands where on a group's ring, in order. Nodes belong to the caller and are part of
// something of his; an array of pointers keeps them sorted, since lookups by place are many and
// changes few.
#pragma once

#include <stdint.h>

#include "control/group/ring.h"

struct ring_node {
	struct u256 at;
};

struct ring_set {
	struct ring_node **nodes; // ascending
	uint64_t *tops;           // their most significant words: a search goes by these alone
	uint32_t n, cap;
};

// Zeroed is empty.
void ring_set_clear(struct ring_set *);
int ring_set_insert(struct ring_set *, struct ring_node *); // 0, -EEXIST (that place), -ENOMEM
void ring_set_remove(struct ring_set *, const struct ring_node *); // if it is there
// Index of the first node at or above the place; n if there is none.
uint32_t ring_set_first(const struct ring_set *, struct u256 at);
// The k-th node up from the place, k = 1.. (a node right there does not count); NULL if n is 0.
// Wraps round, also more than once.
struct ring_node *ring_set_up(const struct ring_set *, struct u256 at, uint32_t k);
struct ring_node *ring_set_down(const struct ring_set *, struct u256 at, uint32_t k);
// Nearest to the place either way, a node right there included; NULL if n is 0.
struct ring_node *ring_set_nearest(const struct ring_set *, struct u256 at);
double ring_set_estimate(const struct ring_set *, struct u256 self); // self not among them: NG-8
