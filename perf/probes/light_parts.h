// Light members from inside: shared by light.c, light_rx.c and light_ack.c only.
#pragma once

#include "dataplane/core/flow_pools.h"
#include "dataplane/core/stream.h"
#include "perf/probes/light.h"

#define SHELF_MAX 4096 // fragments; one that is still kept for somebody stays

// A fragment's body, the same for everybody.
struct shelved {
	uint64_t no;
	uint32_t n_kept; // members whose engines have not been given it
	uint16_t len;
	uint8_t body[WINDOW_BODY_MAX];
};

struct lights {
	struct light *light;
	uint32_t n;
	struct crypto *crypto;
	struct timer_wheel *wheel; // delayed acks
	uint32_t *due;             // lights that acknowledge now
	uint32_t n_due;
	struct shelved *shelf; // no % SHELF_MAX
	struct lights_counters counters;
	// The burst.
	struct crypto_op ops[LIGHT_BURST_MAX];
	uint16_t which[LIGHT_BURST_MAX];
};

static inline uint32_t light_index(const struct lights *ls, const struct light *l)
{
	return (uint32_t)(l - ls->light);
}

static inline uint16_t *light_kept(struct light *l, uint8_t i)
{
	return i < LIGHT_KEPT_FIRST ? &l->kept[i] : &l->more[i - LIGHT_KEPT_FIRST];
}

// Its session is the one that it was.
static inline bool light_is_open(const struct light *l)
{
	return l->session->id_rx == l->id && l->session->state == S_OPEN;
}

// -- light.c --
// Its stream's clock ticks at tick_us.
void light_rest(struct light *);

// -- light_ack.c --
// A packet came with something of these flows (LIGHT_OWES_*).
void light_owes(struct lights *, struct light *, uint8_t flows, bool is_now, uint64_t now_us);
