// What a member that publishes or plays tells a program: JSON objects on standard output, one a
// line, with the codes and names of the player's API (netgroup-semantics 8.4, 12).
#pragma once

#include "control/node.h"

#define STREAM_JSON_US 2000000 // between two lines of figures

struct stream_json {
	const char *name; // of the stream; NULL: nothing is told
	uint64_t next_us;
};

void stream_json_event(const struct stream_json *, const struct node_event *);
// An event that the node does not tell because it is our own doing.
void stream_json_code(const struct stream_json *, const char *code);
// Figures, when they are due. stream may be NULL.
void stream_json_figures(struct stream_json *, struct node_stream *, uint64_t now_us, bool now);
