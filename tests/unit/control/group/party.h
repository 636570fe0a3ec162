// A super-peer and four members in a world, all neighbours, for the tests of streams.
#pragma once

#include <assert.h>
#include <stdlib.h>

#include "tests/unit/control/group/stream_kit.h"
#include "tests/unit/control/group/world.h"

#define PARTY_SPEC "G:027f0201010103010c050e7465737400"
// With the publish password "password", and without and with its authorization.
#define PARTY_LOCKED                                                                               \
	"G:010121055e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8010c050e746573" \
	"7400"
#define PARTY_UNLOCKED PARTY_LOCKED "091570617373776f7264"

static const struct world_role party_super = {.is_super = true, .is_server = true};
static const struct world_role party_member = {.is_super = false};

struct party {
	struct world *w;
	struct world_node *nodes[16];
	uint32_t n; // with the super-peer, nodes[0]
};

static inline void party_check(bool is_so)
{
	assert(is_so);
}

static inline struct world_node *party_add(struct party *t)
{
	struct world_node *n = world_add(t->w, &party_member);

	t->nodes[t->n++] = n;
	world_join(n, PARTY_SPEC);
	world_connect(n, t->nodes[0]);
	return n;
}

static inline int party_begin(void **state)
{
	struct party *t = calloc(1, sizeof(*t));

	t->w = world_create(&(struct world_opts){.seed = 11, .latency_us = 10 * MS});
	t->nodes[t->n++] = world_add(t->w, &party_super);
	world_join(t->nodes[0], PARTY_SPEC);
	for (int i = 0; i < 4; i++)
		party_add(t);
	world_run(t->w, 10 * S);
	*state = t;
	return 0;
}

static inline int party_end(void **state)
{
	struct party *t = *state;

	world_destroy(t->w);
	free(t);
	return 0;
}

static inline struct group_publication *party_publish(struct party *t, struct world_node *n,
						      const char *name)
{
	struct group_publication *p;

	party_check(group_publish(n->group, name, NULL, NULL, &p, world_now_us(t->w)) == 0);
	return p;
}

static inline struct group_play *party_play(struct party *t, struct world_node *n, const char *name)
{
	struct group_play *p;

	party_check(group_play(n->group, name, NULL, &p, world_now_us(t->w)) == 0);
	return p;
}

static inline void party_write(struct party *t, struct group_publication *p,
			       struct stream_message m)
{
	party_check(group_publication_write(p, &m, false, world_now_us(t->w)) == 0);
}

static inline uint32_t party_n_streams(const struct world_node *n)
{
	struct group_stream_info i[8];

	return group_streams_info(n->groups, group_spec(n->group)->id, i, 8);
}

static inline struct group_stream_info party_stream(const struct world_node *n)
{
	struct group_stream_info i[4];

	party_check(group_streams_info(n->groups, group_spec(n->group)->id, i, 4) == 1);
	return i[0];
}
