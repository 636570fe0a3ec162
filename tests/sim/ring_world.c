#include "tests/sim/ring_world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/mailbox.h"

enum {
	RING = 64,
	SERVER = 0,
	MEMBER = 1,
	CLIENT_SHOWS_US = 20000000,
	SERVER_SLACK_US = 5000000,
	SERVER_PATIENCE_US = 1000000,
};

// ---- later ----

static bool is_before(const struct ring_deed *a, const struct ring_deed *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void ring_later(struct ring_world *w, uint64_t at_us, struct ring_deed *d)
{
	uint32_t i = w->n_deeds++;

	if (w->n_deeds > w->deeds_cap) {
		w->deeds_cap = w->deeds_cap > 0 ? 2 * w->deeds_cap : 4096;
		w->deeds = realloc(w->deeds, w->deeds_cap * sizeof(*w->deeds));
		assert(w->deeds != NULL);
	}
	d->at_us = at_us;
	d->order = w->order++;
	for (; i > 0 && is_before(d, &w->deeds[(i - 1) / 2]); i = (i - 1) / 2)
		w->deeds[i] = w->deeds[(i - 1) / 2];
	w->deeds[i] = *d;
}

static struct ring_deed first_deed(struct ring_world *w)
{
	struct ring_deed first = w->deeds[0], last = w->deeds[--w->n_deeds];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < w->n_deeds && is_before(&w->deeds[child + 1], &w->deeds[child]))
			child++;
		if (child >= w->n_deeds || !is_before(&w->deeds[child], &last))
			break;
		w->deeds[i] = w->deeds[child];
		i = child;
	}
	w->deeds[i] = last;
	return first;
}

// ---- turns ----

void ring_world_wake(struct ring_world *w, uint32_t member)
{
	struct ring_node_state *n = &w->nodes[member];

	if (n->groups == NULL)
		return;
	ring_pump(n);
	world_heap_set(w->due, member, groups_deadline_us(n->groups));
}

void ring_world_run_us(struct ring_world *w, uint64_t us)
{
	uint64_t end_us = w->now_us + us, last_us = 0;
	uint32_t turns_here = 0;

	for (;;) {
		uint64_t turn_us = w->due->due[0].at_us;
		uint64_t deed_us = w->n_deeds > 0 ? w->deeds[0].at_us : UINT64_MAX;
		uint64_t at_us = turn_us < deed_us ? turn_us : deed_us;

		if (at_us > end_us)
			break;
		w->now_us = at_us > w->now_us ? at_us : w->now_us;
		turns_here = w->now_us == last_us ? turns_here + 1 : 0;
		assert(turns_here < 10000000); // a deadline that nothing satisfies
		last_us = w->now_us;
		if (deed_us <= turn_us) {
			struct ring_deed d = first_deed(w);

			ring_deed_do(w, &d);
		} else {
			uint32_t member = w->due->due[0].member;

			groups_timers(w->nodes[member].groups, w->now_us);
			ring_world_wake(w, member);
		}
	}
	w->now_us = end_us;
}

// ---- life ----

struct ring_node_state *ring_node_of(struct ring_world *w, const uint8_t id[PEER_ID_LEN])
{
	uint32_t i;

	memcpy(&i, id, sizeof(i));
	for (i &= w->by_id_mask; w->by_id[i] != 0; i = (i + 1) & w->by_id_mask)
		if (memcmp(w->nodes[w->by_id[i] - 1].id, id, PEER_ID_LEN) == 0)
			return &w->nodes[w->by_id[i] - 1];
	return NULL;
}

struct ring_node_state *ring_node_at(struct ring_world *w, const struct wire_addr *a)
{
	uint32_t i = (uint32_t)a->ip[1] << 16 | (uint32_t)a->ip[2] << 8 | a->ip[3];

	return a->family == 4 && a->ip[0] == 10 && i - 1 <= w->o.n ? &w->nodes[i - 1] : NULL;
}

static void node_name(struct ring_world *w, struct ring_node_state *n)
{
	uint8_t address[GROUP_ADDRESS_LEN];
	uint32_t i, number = n->index + 1;

	random_fill(&w->random, n->id, sizeof(n->id));
	memcpy(&i, n->id, sizeof(i));
	for (i &= w->by_id_mask; w->by_id[i] != 0; i = (i + 1) & w->by_id_mask)
		;
	w->by_id[i] = number;
	group_address_of(n->id, address);
	n->place = u256_of(address);
	n->addr = (struct wire_addr){
		.family = 4,
		.ip = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number},
		.port = 1936,
		.origin = ADDR_OBSERVED};
}

static void node_make(struct ring_world *w, uint32_t index)
{
	struct ring_node_state *n = &w->nodes[index];
	struct groups_opts o = {.startup = &n->startup,
				.random = &w->random,
				.server_endpoint = index == 0 ? SERVER : GROUPS_NO_ENDPOINT,
				.member_endpoint = MEMBER,
				.introduces_unlisted = index == 0,
				.groups_max = 1,
				.introduced_groups_max = 1,
				.members_max = index == 0 ? w->o.n : w->o.members_max,
				.neighbours_max = 1000,
				.streams_max = 1,
				.streams_total_max = 1,
				.extents_per_stream = 1};

	n->world = w;
	n->index = index;
	node_name(w, n);
	n->startup.node = n;
	n->ring = mailbox_create(RING);
	n->outbox = outbox_create(&n->ring, 1, w->bodies);
	if (index == 0) {
		n->server_addr = n->addr;
		n->server_addr.port = 1935;
		o.server_addr = n->server_addr;
	}
	o.outbox = n->outbox;
	memcpy(o.member_id, n->id, PEER_ID_LEN);
	n->groups = groups_create(&o, w->now_us);
	assert(n->groups != NULL);
	world_heap_set(w->due, index, groups_deadline_us(n->groups));
}

struct ring_world *ring_world_create(const struct ring_world_opts *o)
{
	struct ring_world *w = calloc(1, sizeof(*w));
	const char *why;
	uint32_t at;
	int err;

	w->o = *o;
	w->now_us = 1000000000;
	w->random = random_seeded(&w->seed, o->seed);
	err = groupspec_parse(&w->spec, o->spec, &why, &at);
	assert(err == 0);
	for (w->by_id_mask = 1; w->by_id_mask < 4 * o->n; w->by_id_mask *= 2)
		;
	w->by_id_mask--;
	w->by_id = calloc(w->by_id_mask + 1, sizeof(*w->by_id));
	w->bodies = body_pool_create((size_t)1 << 30); // address space
	w->nodes = calloc(o->n + 1, sizeof(*w->nodes));
	w->due = world_heap_create(o->n + 1);
	assert(w->by_id != NULL && w->bodies != NULL && w->nodes != NULL);
	for (uint32_t i = 0; i <= o->n; i++)
		world_heap_set(w->due, i, UINT64_MAX);
	node_make(w, 0);
	return w;
}

void ring_world_join(struct ring_world *w, uint32_t member)
{
	struct ring_node_state *n = &w->nodes[member];
	struct ring_end *e;
	int err;

	node_make(w, member);
	n->group = group_join(n->groups, &w->spec, NULL, n, &err, w->now_us);
	assert(n->group != NULL);
	e = n->conn = ring_session(n, MEMBER, &w->nodes[0], SERVER);
	e->ctl.nc = (struct nc_session *)(void *)e; // somebody's
	e->far->ctl.nc = (struct nc_session *)(void *)e;
	// What control/rpc commands: clients show themselves, and the server asks who did not.
	ctl_session_keepalive(&e->ctl, CLIENT_SHOWS_US, 0);
	ctl_session_keepalive(&e->far->ctl, CLIENT_SHOWS_US + SERVER_SLACK_US, SERVER_PATIENCE_US);
	groups_conn_up(n->groups, &e->ctl, 1, w->now_us);
	ring_world_wake(w, member);
}

// What it had is freed. Others' messages to it lead nowhere.
static void bury(struct ring_node_state *n)
{
	n->is_dead = true;
	world_heap_set(n->world->due, n->index, UINT64_MAX);
	groups_destroy(n->groups);
	n->groups = NULL;
	n->group = NULL;
	ring_pump(n);
	ring_ends_free(n);
}

void ring_world_die(struct ring_world *w, uint32_t member)
{
	struct ring_node_state *n = &w->nodes[member];

	for (struct ring_end *e = n->ends; e != NULL; e = e->next)
		ring_session_silent(e->far);
	bury(n);
}

void ring_world_leave(struct ring_world *w, uint32_t member)
{
	struct ring_node_state *n = &w->nodes[member];

	group_leave(n->group, w->now_us);
	ring_pump(n);
	ctl_session_close(&n->conn->ctl, CLOSE_ORDERLY);
	ring_pump(n);
	bury(n);
}

void ring_world_destroy(struct ring_world *w)
{
	for (uint32_t i = 0; i <= w->o.n; i++)
		if (w->nodes[i].groups != NULL)
			bury(&w->nodes[i]);
	while (w->n_deeds > 0) {
		struct ring_deed d = first_deed(w);

		ring_deed_do(w, &d);
	}
	for (uint32_t i = 0; i <= w->o.n; i++) {
		if (w->nodes[i].outbox == NULL)
			continue;
		outbox_destroy(w->nodes[i].outbox);
		mailbox_destroy(w->nodes[i].ring);
	}
	assert(body_pool_lent(w->bodies) == 0);
	body_pool_destroy(w->bodies);
	world_heap_destroy(w->due);
	free(w->sessions);
	free(w->free_sessions);
	free(w->nodes);
	free(w->by_id);
	free(w->deeds);
	free(w);
}

// ---- looking in ----

static int by_place(const void *a, const void *b, void *ctx)
{
	const struct ring_world *w = ctx;

	return u256_cmp(w->nodes[*(const uint32_t *)a].place, w->nodes[*(const uint32_t *)b].place);
}

uint32_t ring_world_order(const struct ring_world *w, uint32_t *order)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= w->o.n; i++)
		if (w->nodes[i].group != NULL)
			order[n++] = i;
	qsort_r(order, n, sizeof(*order), by_place, (void *)w);
	return n;
}

bool ring_world_is_linked(const struct ring_world *w, uint32_t a, uint32_t b)
{
	const struct ring_end *e = w->nodes[a].ends;
	struct group_neighbour_info info;

	while (e != NULL && (e->far->node->index != b || e->ctl.state != CTL_OPEN ||
			     group_session_info(&e->ctl, &info, 1) == 0))
		e = e->next;
	return e != NULL;
}
