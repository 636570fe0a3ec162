// A member driven by hand, connected and proven to a node of ours.
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/member_proof.h"
#include "tests/unit/control/group/world.h"

#define RAW_SPEC    "G:027f0201010103010c050e74657374011b00" // of the recordings
#define RAW_MAIN    "GR\x1c"
#define RAW_CONTROL "GR\x11"
#define RAW_DATA    "GR\x12"

struct raw_peer {
	struct world *w;
	struct world_node *node, *raw;
	struct end *e; // the raw one's
	struct groupspec spec;
	int main;               // our flow
	uint64_t their_main_id; // theirs
};

static inline size_t raw_connect_message(struct raw_peer *t, uint8_t message[256],
					 struct group_connect *c)
{
	struct wr w = wr_over(message, 256);

	memcpy(c->group_id, t->spec.id, 32);
	memcpy(c->receiver_id, t->node->id, 32);
	member_proof(&t->spec, t->e->ctl.far_nonce, c->proof);
	group_connect_write(&w, c);
	return w.len;
}

// The start sequence of an older peer: proof, 02, Begin at once.
static inline void raw_greet(struct raw_peer *t)
{
	uint8_t message[256];
	struct group_connect c;

	t->main = raw_open(t->e, RAW_MAIN, 3, false, 0);
	raw_send(t->e, t->main, message, raw_connect_message(t, message, &c));
	raw_send(t->e, t->main, "\x02", 1);
	raw_send(t->e, t->main, "\x0e", 1);
	world_run(t->w, 100 * MS);
}

static inline struct raw_peer *raw_peer_create_in(const struct world_role *role, const char *spec)
{
	struct raw_peer *t = calloc(1, sizeof(*t));
	const char *why;
	uint32_t at;
	int err = groupspec_parse(&t->spec, spec, &why, &at);

	assert(err == 0);
	t->w = world_create(&(struct world_opts){.seed = 21, .latency_us = 10 * MS});
	t->node = world_add(t->w, role);
	t->raw = world_add(t->w, &(struct world_role){.is_raw = true});
	world_join(t->node, spec);
	t->e = world_session(t->raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
	return t;
}

static inline struct raw_peer *raw_peer_create(const struct world_role *role)
{
	return raw_peer_create_in(role, RAW_SPEC);
}

static inline void raw_peer_destroy(struct raw_peer *t)
{
	world_destroy(t->w);
	free(t);
}

static inline void raw_drain(struct raw_peer *t)
{
	struct got *g;

	while ((g = world_got(t->raw)) != NULL) {
		if (memcmp(g->meta, RAW_MAIN, 3) == 0)
			t->their_main_id = g->flow_id;
		free(g);
	}
}

// Greets and forgets the answers.
static inline void raw_befriend(struct raw_peer *t)
{
	raw_greet(t);
	raw_drain(t);
}
