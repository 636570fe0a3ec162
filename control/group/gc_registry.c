#include "control/group/gc_registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/container.h"
#include "control/group/group.h"
#include "crypto/random.h"
#include "dataplane/wire/flow_kind.h"

enum {
	RING_EACH_WAY = 3, // groups.md 3
	RANDOM_MAX = 2,
	TELL_AFTER_US = 2000000,
	REMIND_EVERY_US = 60000000,
	REMINDED_AT_ONCE = 64, // more have their turn in the next one
	LOOK_MAX = 32,         // so far past who is silent somebody is looked for
};

static_assert(offsetof(struct gc_flow, at) == 0, "gc_flow_of");

void gc_group_free(struct gc_server *gc, struct gc_group *g)
{
	struct gc_group *last = gc->groups[--gc->n_groups];

	gc->groups[g->index] = last;
	last->index = g->index;
	id_table_remove(&gc->table, &g->key);
	ring_set_clear(&g->ring);
	free(g);
}

// ---- who has his turn when ----

void gc_registry_init(struct gc_server *gc)
{
	gc->newcomers.wait_us = TELL_AFTER_US;
	gc->settled.wait_us = REMIND_EVERY_US;
}

static void list_remove(struct gc_flow *f)
{
	struct gc_list *l = f->list;

	if (l == NULL)
		return;
	f->list = NULL;
	*(f->list_prev != NULL ? &f->list_prev->list_next : &l->first) = f->list_next;
	*(f->list_next != NULL ? &f->list_next->list_prev : &l->last) = f->list_prev;
}

// Out of the list that it is in.
static void list_add(struct gc_list *l, struct gc_flow *f, uint64_t now_us)
{
	list_remove(f);
	f->list = l;
	f->list_us = now_us + l->wait_us;
	f->list_prev = l->last;
	f->list_next = NULL;
	*(l->last != NULL ? &l->last->list_next : &l->first) = f;
	l->last = f;
}

static struct gc_flow *list_due(const struct gc_list *l, uint64_t now_us)
{
	return l->first != NULL && l->first->list_us <= now_us ? l->first : NULL;
}

// ---- answers ----

// The return flow, opened with the first answer.
static void send_member(struct gc_flow *f, const uint8_t peer_id[PEER_ID_LEN])
{
	struct span meta = flow_kind_metadata(FLOW_GROUP_CONTROL);
	uint8_t message[1 + PEER_ID_LEN];
	struct wr w = wr_over(message, sizeof(message));

	if (f->reply < 0)
		f->reply = ctl_flow_open(f->cs, &(struct ctl_flow_opts){
							.meta = meta.data,
							.meta_len = (uint8_t)meta.len,
							.has_assoc = true,
							.assoc_id = f->flow_id,
							.prio = PRIO_CONTROL,
							.rule_stream = NO_STREAM,
							.owner = OWNER_GC_SERVER,
							.ctx = f,
						});
	if (f->reply >= 0 && group_member_write(&w, peer_id) == 0)
		ctl_flow_send(f->cs, (uint16_t)f->reply, message, (uint32_t)w.len, 0);
}

static bool is_among(struct gc_flow *const *list, uint32_t n, const struct gc_flow *f)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i] == f)
			return true;
	return false;
}

// The first one up, or down, from the k-th on who is not silent; NULL: there is none near. *k is
// behind it then.
static struct gc_flow *next_there(const struct gc_group *g, struct u256 at, bool is_up, uint32_t *k)
{
	while (*k <= LOOK_MAX && *k < g->ring.n) {
		struct ring_node *node =
			is_up ? ring_set_up(&g->ring, at, *k) : ring_set_down(&g->ring, at, *k);

		++*k;
		if (!gc_flow_of(node)->is_silent)
			return gc_flow_of(node);
	}
	return NULL;
}

// Alternating up and down. Nobody twice.
static uint32_t ring_neighbours(const struct gc_flow *f, struct gc_flow **out)
{
	uint32_t k[2] = {1, 1}, n = 0;

	for (uint32_t i = 0; i < 2 * RING_EACH_WAY; i++) {
		struct gc_flow *other = next_there(f->group, f->at.at, i % 2 == 0, &k[i % 2]);

		if (other != NULL && !is_among(out, n, other))
			out[n++] = other;
	}
	return n;
}

// Others at random; one that was drawn already is not replaced by another.
static uint32_t random_members(struct gc_server *gc, const struct gc_flow *f, struct gc_flow **out,
			       uint32_t n)
{
	for (uint32_t i = 0; i < RANDOM_MAX && n < f->group->ring.n - 1; i++) {
		uint64_t at = random_below(gc->o.random, f->group->ring.n);
		struct gc_flow *other = gc_flow_of(f->group->ring.nodes[at]);

		if (other != f && !other->is_silent && !is_among(out, n, other))
			out[n++] = other;
	}
	return n;
}

static void answer(struct gc_server *gc, struct gc_flow *f)
{
	struct gc_flow *members[2 * RING_EACH_WAY + RANDOM_MAX];
	uint32_t n = ring_neighbours(f, members);

	n = random_members(gc, f, members, n);
	if (gc->o.has_member && gc->o.is_ours(gc->o.ctx, f->group->key.id))
		send_member(f, gc->o.member_id);
	for (uint32_t i = 0; i < n; i++)
		send_member(f, members[i]->cs->fingerprint);
}

static void tell_others(struct gc_flow *f)
{
	struct gc_flow *members[2 * RING_EACH_WAY];
	uint32_t n = ring_neighbours(f, members);

	for (uint32_t i = 0; i < n; i++)
		send_member(members[i], f->cs->fingerprint);
}

// NG-6: whoever has been cut off for so long that nobody remembers him has us alone, and a chain
// of next ones is enough. Who is linked to the next one does nothing.
static void remind(struct gc_flow *f)
{
	uint32_t k = 1;
	struct gc_flow *up = next_there(f->group, f->at.at, true, &k);

	if (up != NULL)
		send_member(f, up->cs->fingerprint);
}

void gc_server_timers(struct gc_server *gc, uint64_t now_us)
{
	struct gc_flow *f;

	while ((f = list_due(&gc->newcomers, now_us)) != NULL) {
		list_add(&gc->settled, f, now_us);
		tell_others(f);
	}
	for (uint32_t n = 0; n < REMINDED_AT_ONCE; n++) {
		f = list_due(&gc->settled, now_us);
		if (f == NULL)
			break;
		list_add(&gc->settled, f, now_us);
		remind(f);
	}
}

uint64_t gc_server_deadline_us(const struct gc_server *gc)
{
	const struct gc_flow *a = gc->newcomers.first, *b = gc->settled.first;
	uint64_t a_us = a != NULL ? a->list_us : UINT64_MAX;
	uint64_t b_us = b != NULL ? b->list_us : UINT64_MAX;

	return a_us < b_us ? a_us : b_us;
}

// ---- joining and leaving ----

// Of those that stood beside one that left, or fell silent, the lower one is told who is next up
// now.
static void close_gap(const struct gc_group *g, struct u256 at)
{
	uint32_t k = 1;
	struct gc_flow *down = next_there(g, at, false, &k);

	if (down != NULL)
		remind(down);
}

void gc_server_health(struct ctl_session *cs, bool is_silent)
{
	struct gc_flow *f = cs->groups != NULL ? cs->groups->gc_flows : NULL;

	for (; f != NULL; f = f->next) {
		if (f->is_silent == is_silent)
			continue;
		f->is_silent = is_silent;
		if (is_silent && f->group != NULL)
			close_gap(f->group, f->at.at);
	}
}

void gc_leave(struct gc_server *gc, struct gc_flow *f)
{
	struct gc_group *g = f->group;

	if (g == NULL)
		return;
	list_remove(f);
	ring_set_remove(&g->ring, &f->at);
	f->group = NULL;
	if (g->ring.n > 1)
		close_gap(g, f->at.at);
	if (gc->o.left != NULL)
		gc->o.left(gc->o.ctx, g->key.id, f->cs);
	if (g->ring.n == 0)
		gc_group_free(gc, g);
}

static struct gc_group *group_get(struct gc_server *gc, const uint8_t id[GROUP_ID_LEN])
{
	struct id_node *node = id_table_find(&gc->table, id);
	struct gc_group *g;

	if (node != NULL)
		return container_of(node, struct gc_group, key);
	if (gc->n_groups == gc->o.groups_max)
		return NULL;
	if (!gc->o.introduces_unlisted && !gc->o.is_ours(gc->o.ctx, id))
		return NULL;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	memcpy(g->key.id, id, GROUP_ID_LEN);
	g->index = gc->n_groups;
	gc->groups[gc->n_groups++] = g;
	id_table_insert(&gc->table, &g->key);
	return g;
}

// The peer joined this group before, by another flow, perhaps of a session that is dead but not
// closed yet. The newer flow stands.
static void leave_former(struct gc_server *gc, const struct gc_group *g, const struct gc_flow *f)
{
	struct ring_node *same = ring_set_nearest(&g->ring, f->at.at);

	if (same != NULL && u256_cmp(same->at, f->at.at) == 0)
		gc_leave(gc, gc_flow_of(same));
}

bool gc_join(struct gc_server *gc, struct gc_flow *f, const uint8_t id[GROUP_ID_LEN],
	     uint64_t now_us)
{
	uint8_t address[32];
	struct gc_group *g;

	group_address_of(f->cs->fingerprint, address);
	gc_leave(gc, f);
	f->at.at = u256_of(address);
	g = group_get(gc, id);
	if (g == NULL)
		return false;
	if (g->ring.n > 0)
		leave_former(gc, g, f);
	g = group_get(gc, id); // leaving may have emptied it
	if (g == NULL)
		return false;
	if (g->ring.n >= gc->o.members_max || ring_set_insert(&g->ring, &f->at) != 0) {
		if (g->ring.n == 0)
			gc_group_free(gc, g);
		return false;
	}
	f->group = g;
	if (gc->o.joined != NULL)
		gc->o.joined(gc->o.ctx, id, f->cs);
	answer(gc, f);
	list_add(&gc->newcomers, f, now_us);
	gc->o.counters->joins++;
	return true;
}
