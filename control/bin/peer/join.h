// From nothing to a first neighbour: what publish, play and swarm wait for before their work
// begins.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/node.h"

struct join {
	uint32_t n_conns, n_connected, n_failed; // introducers
	uint32_t n_neighbours;
	bool is_alone;          // no group: a connection is enough
	bool has_joined;        // there was a neighbour once, or the connection
	struct node_conn *conn; // the last that came up
	const char *nobody;     // what is said when nobody was there in time
	char failure[200];      // what the last refusal said
	char so_far[200];       // what is known while nothing is decided
	uint64_t give_up_us;    // no connection or neighbour by then: UINT64_MAX: never
};

void join_init(struct join *, uint32_t n_conns, uint32_t wait_s, uint64_t now_us);
void join_event(struct join *, const struct node_event *);
// True: it is hopeless; text (static or in join) says why.
bool join_has_failed(const struct join *, uint64_t now_us, const char **text);
const char *join_state(const struct join *); // "connecting", "joining", "joined"
