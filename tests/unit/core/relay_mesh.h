// Engines joined by sessions and linked for one stream, over the loop: a control that knows only
// the steps of design.md 6, and a player that checks what the tap brings.
#pragma once

#include "tests/support/loop.h"
#include "tests/support/test.h"

#define MESH_NODES_MAX     LOOP_NODES_MAX
#define MESH_FRAGMENTS_MAX 4096
#define MESH_STREAM        3 // index of the stream on every node

struct mesh_node {
	uint8_t got[MESH_FRAGMENTS_MAX]; // how often the tap brought each number
	uint32_t n_got;
	uint64_t got_us[MESH_FRAGMENTS_MAX]; // when
	uint64_t gone;                       // numbers below left the window
};

struct mesh {
	struct loop *l;
	struct mesh_node node[MESH_NODES_MAX];
	uint64_t published_us[MESH_FRAGMENTS_MAX];
	uint64_t n_published;
	uint32_t body_len;
};

struct mesh *mesh_create(const struct loop_opts *);
void mesh_destroy(struct mesh *);

// The stream at a node: 8 s window, 2 s margin, and so on.
void mesh_stream(struct mesh *, uint32_t node, uint8_t flags, uint32_t fetch_ms);
// A session between two nodes, and both link the other. flags: LINK_* at a, and at b.
struct loop_pair mesh_link(struct mesh *, uint32_t a, uint32_t b, uint8_t flags_a, uint8_t flags_b);
// The same, sealed in that form.
struct loop_pair mesh_link_as(struct mesh *, uint32_t a, uint32_t b, uint8_t flags_a,
			      uint8_t flags_b, const struct loop_form *);
void mesh_unlink(struct mesh *, const struct loop_pair *);
// The next n fragments at node 0, one every interval; time goes on meanwhile.
void mesh_publish(struct mesh *, uint32_t n, uint64_t interval_us);
void mesh_run_us(struct mesh *, uint64_t us);

struct stream_stats mesh_stream_stats(struct mesh *, uint32_t node);
// Of the link to the other end of p; which: 0 at p.node[0].
struct link_stats mesh_link_stats(struct mesh *, const struct loop_pair *p, int which);
uint64_t mesh_drops(struct mesh *, uint32_t node, enum drop_reason);

// Every number in [from, to] exactly once.
void mesh_assert_whole(struct mesh *, uint32_t node, uint64_t from, uint64_t to);
