#include "tests/unit/control/group/world_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 8192 };

// ---- later ----

static bool is_before(const struct deed *a, const struct deed *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct deed *a, struct deed *b)
{
	struct deed t = *a;

	*a = *b;
	*b = t;
}

void later(struct world *w, uint64_t after_us, struct deed d)
{
	uint32_t i = w->n_deeds++;

	if (w->n_deeds > w->deeds_cap) {
		w->deeds_cap = w->deeds_cap ? 2 * w->deeds_cap : 1024;
		w->deeds = realloc(w->deeds, w->deeds_cap * sizeof(*w->deeds));
		assert(w->deeds != NULL);
	}
	d.at_us = w->now_us + after_us;
	d.order = w->order++;
	w->deeds[i] = d;
	for (; i > 0 && is_before(&w->deeds[i], &w->deeds[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&w->deeds[i], &w->deeds[(i - 1) / 2]);
}

static struct deed first_deed(struct world *w)
{
	struct deed d = w->deeds[0];
	uint32_t i = 0;

	w->deeds[0] = w->deeds[--w->n_deeds];
	for (;;) {
		uint32_t l = 2 * i + 1, least = i;

		if (l < w->n_deeds && is_before(&w->deeds[l], &w->deeds[least]))
			least = l;
		if (l + 1 < w->n_deeds && is_before(&w->deeds[l + 1], &w->deeds[least]))
			least = l + 1;
		if (least == i)
			return d;
		swap(&w->deeds[i], &w->deeds[least]);
		i = least;
	}
}

// ---- turns ----

static void deed_do(struct world *w, struct deed *d)
{
	struct end *e = d->end;
	struct report r;

	if (d->opening != NULL) {
		if (d->kind == DEED_OPEN_DONE)
			opening_done(w, d->opening);
		else
			opening_limit(w, d->opening);
		return;
	}
	if (d->kind == DEED_CLOSED) {
		end_closed(e, d->reason);
		return;
	}
	if (e->ctl.state != CTL_OPEN || e->node->is_dead) {
		free(d->got);
		return;
	}
	e->is_moving = true;
	switch (d->kind) {
	case DEED_FLOW_OPENED:
		flow_opened(e, d->slot);
		break;
	case DEED_MESSAGE:
		if (e->rx[d->slot].is_open)
			message_arrived(e, d->slot, d->got);
		else
			free(d->got);
		break;
	case DEED_FINISHED:
		e->rx[d->slot].is_finished = true;
		break;
	case DEED_EXCEPTION:
		r = report_for(e, REP_FLOW_EXCEPTION, d->slot);
		r.exception.flow_id = e->tx[d->slot].flow_id;
		if (e->tx[d->slot].is_open && e->node->groups != NULL)
			groups_flow_exception(e->node->groups, &e->ctl, &r, w->now_us);
		break;
	case DEED_FRAGMENT:
		fragment_arrive(e, d->slot, d->number);
		break;
	default:
		break;
	}
}

// Whether a test was told of one: it may have answered.
static bool take_events(struct world_node *n)
{
	bool is_told = false;
	struct group_event e;

	while (groups_event(n->groups, &e, n->world->now_us)) {
		n->n_events[e.kind]++;
		if (n->on_event != NULL)
			n->on_event(n, &e);
		is_told |= n->on_event != NULL;
		if (e.kind == GROUP_PLAY_MESSAGE && n->messages_len < sizeof(n->messages) - 16)
			n->messages_len += (size_t)sprintf(n->messages + n->messages_len, "%u ",
							   e.message.timestamp);
	}
	return is_told;
}

// One step of each flow. False: nothing moves any more.
static bool flows_advance(struct end *e)
{
	e->is_moving = false;
	for (uint16_t k = 0; k < FLOWS_PER_SESSION; k++)
		e->is_moving |= flow_advance(e, k);
	return e->is_moving;
}

static void rings_settle(struct world *w)
{
	bool any = true;

	while (any) {
		any = false;
		for (uint32_t i = 0; i < w->n_nodes; i++) {
			struct world_node *n = w->nodes[i];

			any |= commands(n);
			for (struct end *e = n->ends; e != NULL && !n->is_raw; e = e->next)
				any |= e->is_moving && flows_advance(e);
		}
	}
}

// Rings, flows and programs until nothing moves any more at this moment.
static void settle(struct world *w)
{
	bool any = true;

	while (any) {
		any = false;
		rings_settle(w);
		for (uint32_t i = 0; i < w->n_nodes; i++)
			if (w->nodes[i]->groups != NULL && !w->nodes[i]->is_dead)
				any |= take_events(w->nodes[i]);
	}
}

static uint64_t next_us(struct world *w)
{
	uint64_t at_us = w->n_deeds > 0 ? w->deeds[0].at_us : UINT64_MAX;

	for (uint32_t i = 0; i < w->n_nodes; i++)
		if (w->nodes[i]->groups != NULL && !w->nodes[i]->is_dead) {
			uint64_t us = groups_deadline_us(w->nodes[i]->groups);

			at_us = us < at_us ? us : at_us;
		}
	return at_us;
}

void world_run(struct world *w, uint64_t us)
{
	uint64_t end_us = w->now_us + us, last_us = 0;
	uint32_t turns_here = 0;

	settle(w);
	for (;;) {
		uint64_t at_us = next_us(w);

		if (at_us > end_us)
			break;
		if (at_us > w->now_us)
			w->now_us = at_us;
		turns_here = w->now_us == last_us ? turns_here + 1 : 0;
		assert(turns_here < 100000); // a deadline that nothing satisfies
		last_us = w->now_us;
		while (w->n_deeds > 0 && w->deeds[0].at_us <= w->now_us) {
			struct deed d = first_deed(w);

			deed_do(w, &d);
			settle(w);
		}
		for (uint32_t i = 0; i < w->n_nodes; i++)
			if (w->nodes[i]->groups != NULL && !w->nodes[i]->is_dead &&
			    groups_deadline_us(w->nodes[i]->groups) <= w->now_us)
				groups_timers(w->nodes[i]->groups, w->now_us);
		settle(w);
	}
	w->now_us = end_us;
}

// ---- life ----

struct world *world_create(const struct world_opts *o)
{
	struct world *w = calloc(1, sizeof(*w));

	w->o = *o;
	w->now_us = 1000 * S;
	w->random = random_seeded(&w->seed, o->seed);
	return w;
}

uint64_t world_now_us(const struct world *w)
{
	return w->now_us;
}

struct world_node *world_add(struct world *w, const struct world_role *role)
{
	struct world_node *n = calloc(1, sizeof(*n));
	char text[WIRE_ADDR_TEXT_MAX];

	assert(w->n_nodes < WORLD_NODES_MAX);
	n->world = w;
	n->index = w->n_nodes;
	n->is_raw = role->is_raw;
	n->got_at = &n->got;
	random_fill(&w->random, n->id, sizeof(n->id));
	snprintf(text, sizeof(text), "10.1.%u.%u:1936", n->index / 250, n->index % 250 + 1);
	wire_addr_parse(&n->addr, text);
	if (role->is_server) {
		n->server_addr = n->addr;
		n->server_addr.port = 1935;
	}
	n->startup.node = n;
	n->ring = mailbox_create(RING);
	n->bodies = body_pool_create(16 << 20);
	n->object_bodies = body_pool_create(4 << 20);
	n->outbox = outbox_create(&n->ring, 1, n->bodies);
	if (!role->is_raw) {
		struct groups_opts o = {
			.startup = &n->startup,
			.outbox = n->outbox,
			.random = &w->random,
			.server_endpoint = role->is_server ? WORLD_SERVER : GROUPS_NO_ENDPOINT,
			.member_endpoint = WORLD_MEMBER,
			.server_addr = n->server_addr,
			.is_super = role->is_super,
			.introduces_unlisted = role->introduces_unlisted,
			.groups_max = 8,
			.introduced_groups_max = 8,
			.members_max = 1000,
			.neighbours_max = role->neighbours_max ? role->neighbours_max : 1000,
			.streams_max = role->streams_max ? role->streams_max : 4,
			.streams_total_max = WORLD_STREAMS_MAX,
			.object_bodies = n->object_bodies,
			.extents_per_stream = 16};

		memcpy(o.member_id, n->id, PEER_ID_LEN);
		n->groups = groups_create(&o, w->now_us);
		assert(n->groups != NULL);
	}
	w->nodes[w->n_nodes++] = n;
	return n;
}

struct group *world_join(struct world_node *n, const char *spec)
{
	struct groupspec g;
	const char *why;
	uint32_t at;
	int err = groupspec_parse(&g, spec, &why, &at);

	assert(err == 0);
	n->group = group_join(n->groups, &g, NULL, n, &err, n->world->now_us);
	assert(n->group != NULL && err == 0);
	return n->group;
}

struct end *world_session(struct world_node *from, uint8_t from_endpoint, struct world_node *to,
			  uint8_t to_endpoint)
{
	struct end *e = session_make(from, from_endpoint, to, to_endpoint);

	if (to->groups != NULL && to_endpoint == WORLD_MEMBER)
		groups_session_opened(to->groups, &e->far->ctl, NULL, from->world->now_us);
	return e;
}

struct end *world_connect(struct world_node *client, struct world_node *server)
{
	struct end *e = session_make(client, WORLD_MEMBER, server, WORLD_SERVER);

	e->ctl.nc = (struct nc_session *)(void *)e; // somebody's
	if (client->groups != NULL)
		groups_conn_up(client->groups, &e->ctl, 1, client->world->now_us);
	return e;
}

static void node_free(struct world_node *n)
{
	groups_destroy(n->groups);
	commands(n);
	while (n->ends != NULL) {
		struct end *e = n->ends;

		n->ends = e->next;
		for (uint16_t i = 0; i < FLOWS_PER_SESSION; i++)
			held_free(e, i);
		assert(e->ctl.groups == NULL);
		free(e);
	}
	while (n->got != NULL)
		free(world_got(n));
	for (int i = 0; i < WORLD_STREAMS_MAX; i++)
		for (int k = 0; k < WORLD_FRAGMENTS_MAX; k++)
			free(n->streams[i].octets[k]);
	while (n->n_unacknowledged > 0)
		body_home(n, n->unacknowledged[--n->n_unacknowledged]);
	outbox_destroy(n->outbox);
	assert(body_pool_lent(n->bodies) == 0 && body_pool_lent(n->object_bodies) == 0);
	body_pool_destroy(n->object_bodies);
	body_pool_destroy(n->bodies);
	mailbox_destroy(n->ring);
	free(n);
}

void world_destroy(struct world *w)
{
	for (uint32_t i = 0; i < w->n_nodes; i++) {
		w->nodes[i]->is_dead = true; // nobody answers any more
		commands(w->nodes[i]);
	}
	for (uint32_t i = 0; i < w->n_deeds; i++)
		free(w->deeds[i].got);
	for (uint32_t i = 0; i < w->n_nodes; i++)
		node_free(w->nodes[i]);
	free(w->deeds);
	free(w);
}

// ---- by hand ----

struct got *world_got(struct world_node *n)
{
	struct got *g = n->got;

	if (g != NULL) {
		n->got = g->next;
		if (n->got == NULL)
			n->got_at = &n->got;
	}
	return g;
}

int raw_open(struct end *e, const char *meta, size_t meta_len, bool has_assoc, uint64_t assoc_id)
{
	return ctl_flow_open(&e->ctl, &(struct ctl_flow_opts){.meta = (const uint8_t *)meta,
							      .meta_len = (uint8_t)meta_len,
							      .has_assoc = has_assoc,
							      .assoc_id = assoc_id,
							      .rule_stream = NO_STREAM,
							      .owner = OWNER_GROUP});
}

void raw_send(struct end *e, int slot, const void *octets, size_t len)
{
	int err = ctl_flow_send(&e->ctl, (uint16_t)slot, octets, (uint32_t)len, 0);

	assert(err == 0);
}

uint32_t world_open_neighbours(const struct world_node *n)
{
	struct group_info i;

	group_info_get(n->group, &i);
	return i.n_neighbours;
}

bool world_are_neighbours(const struct world_node *a, const struct world_node *b)
{
	for (struct end *e = a->ends; e != NULL; e = e->next) {
		struct group_neighbour_info info[8];

		if (e->ctl.state == CTL_OPEN &&
		    memcmp(e->ctl.fingerprint, b->id, PEER_ID_LEN) == 0 &&
		    group_session_info(&e->ctl, info, 8) > 0)
			return true;
	}
	return false;
}
