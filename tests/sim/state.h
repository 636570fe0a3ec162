// The full state of a world (memory_watch.h): every octet that its nodes, engines, rings and
// network hold, with names for what a reader knows by name.
//
// Left out, and why:
//	engine.stats, startup.counters	counters: to count what was dropped is their purpose
//	engine.rx, engine.tx		the burst at hand, void between two calls
//	engine.gate			what strangers may cost, charged before it is known who it was
//	engine.rooms_us, n_reported	when to look, and how often control was told
//	sim_node.turns, .n_read, .engine_due_us	the simulator's own notes
//	the crypto back end		its scratch memory, void between two calls
#pragma once

#include "tests/sim/world.h"
#include "tests/support/memory_watch.h"

// Names everything that the world's members have now; again after one of them was made anew.
void state_name(struct world *);
struct group;
void state_group_name(struct group *, uint32_t member); // state_group.c
