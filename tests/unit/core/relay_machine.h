// Workers of one machine: relays as in relay_world.h, and a ring from each to each.
#pragma once

#include "tests/unit/core/relay_world.h"

#define MACHINE_WORKERS 16

struct machine {
	uint32_t n;
	struct world *w[MACHINE_WORKERS];
	struct mailbox *ring[MACHINE_WORKERS][MACHINE_WORKERS]; // from, to
	struct mailbox *to[MACHINE_WORKERS][MACHINE_WORKERS],
		*from[MACHINE_WORKERS][MACHINE_WORKERS];
};

// extents: of each, 0: the default.
void machine_open(struct machine *, uint32_t n, uint32_t ring_slots, uint32_t extents);
void machine_close(struct machine *); // asserts that all bodies are home and nothing waits

static inline struct engine *engine_of(const struct machine *m, uint32_t worker)
{
	return &m->w[worker]->e;
}
struct stream *stream_of(const struct machine *, uint32_t worker); // WORLD_STREAM; NULL: not there
// On all workers; worker 0 is its home.
void stream_everywhere(struct machine *);
void remove_stream(struct machine *, uint32_t worker);

void take(struct machine *, uint32_t worker); // what a worker's turn takes from its rings
void take_all(struct machine *);
void machine_run_ms(struct machine *, uint32_t ms);

uint32_t n_lent(const struct machine *, uint32_t worker); // bodies, to all others
const struct record *record_of(const struct machine *, uint32_t worker, uint64_t no);
bool holds(const struct machine *, uint32_t worker, uint64_t no);
