#include "tests/unit/control/group/world_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- sessions ----

static struct end *end_make(struct world_node *n, struct world_node *far, uint8_t endpoint,
			    uint8_t far_endpoint, bool is_initiator)
{
	struct end *e = calloc(1, sizeof(*e));

	e->node = n;
	e->next = n->ends;
	n->ends = e;
	e->ctl.idx = n->world->next_session;
	e->ctl.id = 0x10000 + n->world->next_session++;
	e->ctl.state = CTL_OPEN;
	ctl_session_flows_set(&e->ctl, &e->flows);
	e->ctl.endpoint = endpoint;
	e->ctl.is_initiator = is_initiator;
	e->ctl.is_alive = true;
	e->ctl.tx_tag_len = e->ctl.rx_tag_len = n->world->o.has_hmac ? 16 : 0;
	e->ctl.far = far_endpoint == WORLD_SERVER ? far->server_addr : far->addr;
	e->ctl.opened_us = n->world->now_us;
	e->ctl.outbox = n->outbox;
	memcpy(e->ctl.fingerprint, far->id, PEER_ID_LEN);
	if (far_endpoint == WORLD_SERVER)
		e->ctl.fingerprint[0] ^= 0xff; // another certificate
	for (int i = 0; i < FLOWS_PER_SESSION; i++)
		e->rx[i].held_at = &e->rx[i].held;
	return e;
}

struct end *session_make(struct world_node *a, uint8_t a_endpoint, struct world_node *b,
			 uint8_t b_endpoint)
{
	struct end *x = end_make(a, b, a_endpoint, b_endpoint, true);
	struct end *y = end_make(b, a, b_endpoint, a_endpoint, false);

	x->far = y;
	y->far = x;
	random_fill(&a->world->random, x->ctl.near_nonce, 32);
	random_fill(&a->world->random, x->ctl.far_nonce, 32);
	memcpy(y->ctl.near_nonce, x->ctl.far_nonce, 32);
	memcpy(y->ctl.far_nonce, x->ctl.near_nonce, 32);
	return x;
}

struct end *world_end_to(struct world_node *from, const struct world_node *to, uint8_t endpoint)
{
	for (struct end *e = from->ends; e != NULL; e = e->next)
		if (e->ctl.state == CTL_OPEN && e->ctl.endpoint == endpoint && e->far != NULL &&
		    e->far->node == to)
			return e;
	return NULL;
}

void end_closed(struct end *e, uint8_t reason)
{
	if (e->is_told_closed)
		return;
	e->is_told_closed = true;
	e->ctl.state = CTL_CLOSING;
	for (int i = 0; i < WORLD_STREAMS_MAX; i++)
		e->links[i].is_linked = false;
	if (e->node->groups != NULL && !e->node->is_dead)
		groups_session_closed(e->node->groups, &e->ctl, reason, e->node->world->now_us);
}

void world_cut(struct end *e, enum session_close_reason reason)
{
	struct world *w = e->node->world;
	struct end *far = e->far;

	later(w, 0, (struct deed){.kind = DEED_CLOSED, .end = e, .reason = reason});
	if (far != NULL)
		later(w, w->o.latency_us,
		      (struct deed){.kind = DEED_CLOSED, .end = far, .reason = CLOSED_BY_FAR});
}

void world_die(struct world_node *n)
{
	n->is_dead = true;
	for (struct end *e = n->ends; e != NULL; e = e->next)
		if (e->far != NULL)
			later(n->world, 5 * S,
			      (struct deed){.kind = DEED_CLOSED,
					    .end = e->far,
					    .reason = CLOSED_TIMEOUT});
}

// ---- startup's front door ----

static struct world_node *node_by_id(struct world *w, const uint8_t *id)
{
	for (uint32_t i = 0; i < w->n_nodes; i++)
		if (memcmp(w->nodes[i]->id, id, PEER_ID_LEN) == 0)
			return w->nodes[i];
	return NULL;
}

static struct world_opening *opening_of(struct opening *o)
{
	return (struct world_opening *)(void *)o;
}

// Does one of the candidates lead to the peer, directly or by an introducer that it is connected
// to?
static bool leads_to(struct world_node *from, const struct world_node *to,
		     const struct wire_addr *candidates, uint8_t n)
{
	struct world *w = from->world;
	bool found = false;

	for (uint8_t i = 0; i < n; i++) {
		from->n_hellos_direct += candidates[i].origin != ADDR_RELAY;
		from->n_hellos_introduced += candidates[i].origin == ADDR_RELAY;
		if (to == NULL || to->is_dead)
			continue;
		found |= wire_addr_equal(&candidates[i], &to->addr);
		for (uint32_t k = 0; k < w->n_nodes; k++) {
			struct world_node *server = w->nodes[k];

			if (server->server_addr.family != 0 && !server->is_dead &&
			    wire_addr_equal(&candidates[i], &server->server_addr))
				found |= server == to || world_end_to((struct world_node *)to,
								      server, WORLD_MEMBER) != NULL;
		}
	}
	return found;
}

void startup_open_add(struct opening *opening, const struct wire_addr *candidates, uint8_t n,
		      uint64_t now_us)
{
	struct world_opening *o = opening_of(opening);
	struct world *w = o->node->world;

	if (!o->is_travelling && leads_to(o->node, node_by_id(w, o->wanted), candidates, n)) {
		o->is_travelling = true;
		later(w, 4 * w->o.latency_us,
		      (struct deed){.kind = DEED_OPEN_DONE, .opening = opening});
	}
}

struct ctl_session *startup_find(struct startup *st, uint8_t endpoint,
				 const uint8_t fingerprint[32])
{
	for (struct end *e = st->node->ends; e != NULL; e = e->next)
		if (e->ctl.state == CTL_OPEN && e->ctl.endpoint == endpoint &&
		    memcmp(e->ctl.fingerprint, fingerprint, 32) == 0)
			return &e->ctl;
	return NULL;
}

struct opening *startup_open(struct startup *st, const struct open_opts *opts,
			     struct ctl_session **existing, uint64_t now_us)
{
	struct world *w = st->node->world;
	struct world_opening *o = w->openings;

	assert(opts->epd.len == PEER_EPD_LEN && opts->endpoint == WORLD_MEMBER);
	*existing = startup_find(st, opts->endpoint, opts->epd.data + 2);
	if (*existing != NULL)
		return NULL;
	while (o->is_used)
		o++;
	*o = (struct world_opening){.node = st->node, .user = opts->user, .is_used = true};
	memcpy(o->wanted, opts->epd.data + 2, PEER_ID_LEN);
	later(w, opts->limit_us,
	      (struct deed){.kind = DEED_OPEN_LIMIT, .opening = (struct opening *)o});
	startup_open_add((struct opening *)o, opts->candidates, opts->n_candidates, now_us);
	return (struct opening *)o;
}

void startup_open_cancel(struct opening *o)
{
	opening_of(o)->user = NULL; // the row is used until its limit
}

struct ctl_session *startup_session(struct startup *st, uint32_t worker, uint32_t idx, uint32_t id)
{
	for (struct end *e = st->node->ends; e != NULL; e = e->next)
		if (e->ctl.idx == idx && e->ctl.id == id && e->ctl.worker == worker)
			return &e->ctl;
	return NULL;
}

struct ctl_session *startup_next(struct startup *st, uint32_t *at)
{
	uint32_t i = 0;

	for (struct end *e = st->node->ends; e != NULL; e = e->next)
		if (e->ctl.state == CTL_OPEN && i++ == *at) {
			++*at;
			return &e->ctl;
		}
	return NULL;
}

void opening_done(struct world *w, struct opening *opening)
{
	struct world_opening *o = opening_of(opening);
	struct world_node *to = node_by_id(w, o->wanted);
	struct ctl_session *existing;
	struct end *e;

	if (o->user == NULL || o->node->is_dead || to->is_dead)
		return;
	existing = startup_find(&o->node->startup, WORLD_MEMBER, o->wanted);
	if (existing != NULL) {
		groups_open_failed(o->node->groups, o->user, OPEN_DUPLICATE, existing, w->now_us);
	} else {
		e = session_make(o->node, WORLD_MEMBER, to, WORLD_MEMBER);
		o->node->n_opened++;
		if (to->groups != NULL)
			groups_session_opened(to->groups, &e->far->ctl, NULL, w->now_us);
		groups_session_opened(o->node->groups, &e->ctl, o->user, w->now_us);
	}
	o->user = NULL;
}

void opening_limit(struct world *w, struct opening *opening)
{
	struct world_opening *o = opening_of(opening);

	if (o->user != NULL && !o->node->is_dead)
		groups_open_failed(o->node->groups, o->user, OPEN_TIMEOUT, NULL, w->now_us);
	o->is_used = false;
}
