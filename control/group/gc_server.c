#include "control/group/gc_server.h"

#include <stdlib.h>
#include <string.h>

#include "control/group/container.h"
#include "control/group/group.h"
#include "control/group/group_session.h"
#include "control/group/id_table.h"
#include "control/group/ring_set.h"
#include "crypto/random.h"
#include "crypto/sha.h"
#include "dataplane/wire/flow_kind.h"

enum {
	RING_EACH_WAY = 3, // groups.md 3
	RANDOM_MAX = 2,
	TELL_AFTER_US = 2000000,
	FLOWS_PER_CLIENT = 32, // a member of more groups at once joins the others later
	JOINS_PER_S = 10,      // and client
	JOINS_BURST = 40,
	REJECT_CODE = 0,
};

struct gc_group {
	struct id_node key;   // group ID
	struct ring_set ring; // of gc_flow.at
	uint32_t index;       // in gc_server.groups
};

// A client's GC flow; with a group once it has joined one.
struct gc_flow {
	struct ring_node at;
	struct ctl_session *cs;
	struct gc_group *group; // NULL: not joined
	uint64_t flow_id;
	uint16_t rx_slot;
	int reply;                             // our send slot, -1: none yet
	struct gc_flow *next;                  // of the session
	struct gc_flow *tell_prev, *tell_next; // newcomers that the others will be told of
	uint64_t tell_us;                      // 0: not among those
};

struct gc_server {
	struct gc_server_opts o;
	struct id_table table;
	struct gc_group **groups; // dense
	uint32_t n_groups;
	struct gc_flow *tell_first, *tell_last; // by time
	struct token_rate join_rate;
};

struct gc_server *gc_server_create(const struct gc_server_opts *o)
{
	struct gc_server *gc = calloc(1, sizeof(*gc));

	if (gc == NULL)
		return NULL;
	gc->o = *o;
	gc->groups = calloc(o->groups_max, sizeof(struct gc_group *));
	gc->join_rate = token_rate_of(JOINS_PER_S, JOINS_BURST);
	if (gc->groups == NULL || id_table_init(&gc->table, random_u64(o->random)) != 0) {
		free(gc->groups);
		free(gc);
		return NULL;
	}
	return gc;
}

static void group_free(struct gc_server *gc, struct gc_group *g)
{
	struct gc_group *last = gc->groups[--gc->n_groups];

	gc->groups[g->index] = last;
	last->index = g->index;
	id_table_remove(&gc->table, &g->key);
	ring_set_clear(&g->ring);
	free(g);
}

// ---- newcomers that the others will be told of ----

static void tell_later(struct gc_server *gc, struct gc_flow *f, uint64_t now_us)
{
	f->tell_us = now_us + TELL_AFTER_US;
	f->tell_prev = gc->tell_last;
	f->tell_next = NULL;
	if (gc->tell_last != NULL)
		gc->tell_last->tell_next = f;
	else
		gc->tell_first = f;
	gc->tell_last = f;
}

static void tell_remove(struct gc_server *gc, struct gc_flow *f)
{
	if (f->tell_us == 0)
		return;
	f->tell_us = 0;
	if (f->tell_prev != NULL)
		f->tell_prev->tell_next = f->tell_next;
	else
		gc->tell_first = f->tell_next;
	if (f->tell_next != NULL)
		f->tell_next->tell_prev = f->tell_prev;
	else
		gc->tell_last = f->tell_prev;
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

static struct gc_flow *flow_of(struct ring_node *n)
{
	return container_of(n, struct gc_flow, at);
}

// The k-th on the ring, alternating up and down: +1, -1, +2, -2, ... Nobody twice.
static uint32_t ring_neighbours(const struct gc_flow *f, struct gc_flow **out)
{
	uint32_t others = f->group->ring.n - 1, n = 0;

	for (uint32_t k = 1; k <= RING_EACH_WAY; k++) {
		if (n < others)
			out[n++] = flow_of(ring_set_up(&f->group->ring, f->at.at, k));
		if (n < others)
			out[n++] = flow_of(ring_set_down(&f->group->ring, f->at.at, k));
	}
	return n;
}

static bool is_among(struct gc_flow *const *list, uint32_t n, const struct gc_flow *f)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i] == f)
			return true;
	return false;
}

// Others at random; one that was drawn already is not replaced by another.
static uint32_t random_members(struct gc_server *gc, const struct gc_flow *f, struct gc_flow **out,
			       uint32_t n)
{
	for (uint32_t i = 0; i < RANDOM_MAX && n < f->group->ring.n - 1; i++) {
		uint64_t at = random_below(gc->o.random, f->group->ring.n);
		struct gc_flow *other = flow_of(f->group->ring.nodes[at]);

		if (other != f && !is_among(out, n, other))
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

void gc_server_timers(struct gc_server *gc, uint64_t now_us)
{
	while (gc->tell_first != NULL && gc->tell_first->tell_us <= now_us) {
		struct gc_flow *f = gc->tell_first;

		tell_remove(gc, f);
		tell_others(f);
	}
}

uint64_t gc_server_deadline_us(const struct gc_server *gc)
{
	return gc->tell_first != NULL ? gc->tell_first->tell_us : UINT64_MAX;
}

// ---- joining and leaving ----

static void leave(struct gc_server *gc, struct gc_flow *f)
{
	struct gc_group *g = f->group;

	if (g == NULL)
		return;
	tell_remove(gc, f);
	ring_set_remove(&g->ring, &f->at);
	f->group = NULL;
	if (gc->o.left != NULL)
		gc->o.left(gc->o.ctx, g->key.id, f->cs);
	if (g->ring.n == 0)
		group_free(gc, g);
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
		leave(gc, flow_of(same));
}

// False: refused.
static bool join(struct gc_server *gc, struct gc_flow *f, const uint8_t id[GROUP_ID_LEN],
		 uint64_t now_us)
{
	uint8_t address[32];
	struct gc_group *g;

	group_address_of(f->cs->fingerprint, address);
	leave(gc, f);
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
			group_free(gc, g);
		return false;
	}
	f->group = g;
	if (gc->o.joined != NULL)
		gc->o.joined(gc->o.ctx, id, f->cs);
	answer(gc, f);
	tell_later(gc, f, now_us);
	gc->o.counters->joins++;
	return true;
}

// ---- flows ----

// Takes the flow out of its session; what the worker still knows of it is the caller's to end.
static void flow_remove(struct gc_server *gc, struct gc_flow *f)
{
	struct gc_flow **at = &f->cs->groups->gc_flows;

	leave(gc, f);
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	f->cs->groups->n_gc_flows--;
	free(f);
}

static void flow_end(struct gc_server *gc, struct gc_flow *f)
{
	struct ctl_session *cs = f->cs;

	if (f->reply >= 0)
		ctl_flow_close(cs, (uint16_t)f->reply);
	cs->rx[f->rx_slot].owner = OWNER_NONE;
	cs->rx[f->rx_slot].ctx = NULL;
	flow_remove(gc, f);
	group_session_put(cs);
}

static void flow_reject(struct gc_server *gc, struct gc_flow *f)
{
	struct ctl_session *cs = f->cs;
	uint16_t rx_slot = f->rx_slot;
	uint64_t flow_id = f->flow_id;

	flow_end(gc, f);
	ctl_flow_reject(cs, rx_slot, flow_id, REJECT_CODE);
}

void gc_server_flow_opened(struct gc_server *gc, struct ctl_session *cs, uint16_t rx_slot,
			   uint64_t flow_id)
{
	struct group_session *s = group_session_get(gc->o.sessions, cs);
	struct gc_flow *f = NULL;

	if (s != NULL && s->n_gc_flows < FLOWS_PER_CLIENT)
		f = calloc(1, sizeof(*f));
	if (f == NULL) {
		gc->o.counters->joins_limited++;
		ctl_flow_reject(cs, rx_slot, flow_id, REJECT_CODE);
		group_session_put(cs);
		return;
	}
	f->cs = cs;
	f->flow_id = flow_id;
	f->rx_slot = rx_slot;
	f->reply = -1;
	f->next = s->gc_flows;
	s->gc_flows = f;
	s->n_gc_flows++;
	ctl_flow_accept(cs, rx_slot, flow_id, FLOW_CONTROL, NO_STREAM, OWNER_GC_SERVER, f);
}

// The ID a join names; -EBADMSG. A text is hashed as it stands, never adopted (groups.md 3).
static int join_id(struct span message, uint8_t id[GROUP_ID_LEN])
{
	struct group_join j;
	int err = group_join_read(&j, message);

	if (err != 0)
		return err;
	if (j.by == GROUP_JOIN_BY_TEXT)
		sha256(j.value.data, j.value.len, id);
	else
		memcpy(id, j.value.data, GROUP_ID_LEN);
	return 0;
}

void gc_server_message(struct gc_server *gc, struct ctl_session *cs, uint16_t rx_slot,
		       struct span message, uint64_t now_us)
{
	struct gc_flow *f = cs->rx[rx_slot].ctx;
	uint8_t id[GROUP_ID_LEN];

	if (f == NULL)
		return;
	if (group_msg_type(message) != GROUP_JOIN) {
		gc->o.counters->unknown_messages++;
		return;
	}
	if (join_id(message, id) != 0) {
		gc->o.counters->malformed++;
		flow_reject(gc, f);
		return;
	}
	if (!token_take(&cs->groups->joins, &gc->join_rate, now_us)) {
		gc->o.counters->joins_limited++;
		flow_reject(gc, f);
		return;
	}
	if (!join(gc, f, id, now_us)) {
		gc->o.counters->joins_refused++;
		flow_reject(gc, f);
	}
}

void gc_server_flow_finished(struct gc_server *gc, struct ctl_session *cs, uint16_t rx_slot)
{
	struct gc_flow *f = cs->rx[rx_slot].ctx;

	if (f != NULL)
		flow_end(gc, f);
}

void gc_server_flow_exception(struct gc_server *gc, struct ctl_session *cs, uint16_t tx_slot)
{
	struct gc_flow *f = cs->tx[tx_slot].ctx;

	if (f != NULL)
		flow_reject(gc, f);
}

void gc_server_session_closed(struct gc_server *gc, struct ctl_session *cs)
{
	while (cs->groups != NULL && cs->groups->gc_flows != NULL) {
		struct gc_flow *f = cs->groups->gc_flows;

		cs->rx[f->rx_slot].owner = OWNER_NONE;
		cs->rx[f->rx_slot].ctx = NULL;
		flow_remove(gc, f);
	}
	group_session_put(cs);
}

static void group_flows_forget(struct gc_group *g)
{
	while (g->ring.n > 0) {
		struct gc_flow *f = flow_of(g->ring.nodes[g->ring.n - 1]);

		f->group = NULL;
		f->tell_us = 0;
		g->ring.n--;
	}
}

void gc_server_destroy(struct gc_server *gc)
{
	if (gc == NULL)
		return;
	while (gc->n_groups > 0) {
		struct gc_group *g = gc->groups[gc->n_groups - 1];

		group_flows_forget(g);
		group_free(gc, g);
	}
	id_table_clear(&gc->table);
	free(gc->groups);
	free(gc);
}

// ---- looking in ----

uint32_t gc_server_n_groups(const struct gc_server *gc)
{
	return gc->n_groups;
}

uint32_t gc_server_n_members(const struct gc_server *gc, const uint8_t group_id[GROUP_ID_LEN])
{
	struct id_node *node = id_table_find(&gc->table, group_id);

	return node != NULL ? container_of(node, struct gc_group, key)->ring.n : 0;
}

bool gc_server_group_at(const struct gc_server *gc, uint32_t i, const uint8_t **group_id,
			uint32_t *n_members)
{
	if (i >= gc->n_groups)
		return false;
	*group_id = gc->groups[i]->key.id;
	*n_members = gc->groups[i]->ring.n;
	return true;
}
