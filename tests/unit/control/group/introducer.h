// An introducer that is a member, too, and clients that are driven by hand.
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/control/group/world.h"

#define INTRODUCER_SPEC "G:027f0201010103010c050e7465737400"
#define CLIENTS         20

struct introducer {
	struct world *w;
	struct world_node *server, *clients[CLIENTS];
	struct end *ends[CLIENTS];
	int flows[CLIENTS];
	struct groupspec spec;
};

static inline int introducer_begin(void **state, bool introduces_unlisted)
{
	struct introducer *t = calloc(1, sizeof(*t));
	const char *why;
	uint32_t at;

	groupspec_parse(&t->spec, INTRODUCER_SPEC, &why, &at);
	t->w = world_create(&(struct world_opts){.seed = 31, .latency_us = 10 * MS});
	t->server =
		world_add(t->w, &(struct world_role){.is_super = true,
						     .is_server = true,
						     .introduces_unlisted = introduces_unlisted});
	world_join(t->server, INTRODUCER_SPEC);
	for (int i = 0; i < CLIENTS; i++) {
		t->clients[i] = world_add(t->w, &(struct world_role){.is_raw = true});
		t->ends[i] = world_connect(t->clients[i], t->server);
	}
	*state = t;
	return 0;
}

static inline int introducer_end(void **state)
{
	struct introducer *t = *state;

	world_destroy(t->w);
	free(t);
	return 0;
}

static inline int client_join_id(struct introducer *t, int i, const uint8_t id[32])
{
	uint8_t octets[64];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_join j = {.by = GROUP_JOIN_BY_ID, .value = {id, 32}};

	t->flows[i] = raw_open(t->ends[i], "GC", 2, true, 0);
	group_join_write(&w, &j);
	raw_send(t->ends[i], t->flows[i], octets, w.len);
	world_run(t->w, 50 * MS);
	return t->flows[i];
}

static inline void client_join(struct introducer *t, int i)
{
	client_join_id(t, i, t->spec.id);
}

// The peer IDs a client was told, in order.
static inline uint32_t client_told(struct introducer *t, int i, uint8_t ids[][32], uint32_t max)
{
	struct got *g;
	uint32_t n = 0;

	while ((g = world_got(t->clients[i])) != NULL) {
		assert(memcmp(g->meta, "GC", 2) == 0);
		assert(g->len == 33);
		assert(g->octets[0] == 0x0b);
		assert(n < max);
		memcpy(ids[n++], g->octets + 1, 32);
		free(g);
	}
	return n;
}

static inline uint32_t n_clients(const struct introducer *t, const uint8_t id[32])
{
	struct group_info i[16];
	uint32_t n = groups_info(t->server->groups, i, 16);

	for (uint32_t k = 0; k < n; k++)
		if (memcmp(i[k].id, id, 32) == 0)
			return i[k].n_clients;
	return 0;
}
