#include "control/group/gc_server.h"

#include <stdlib.h>
#include <string.h>

#include "control/group/container.h"
#include "control/group/gc_registry.h"
#include "control/group/group.h"
#include "crypto/random.h"
#include "crypto/sha.h"

enum {
	FLOWS_PER_CLIENT = 32, // a member of more groups at once joins the others later
	JOINS_PER_S = 10,      // and client
	JOINS_BURST = 40,
	REJECT_CODE = 0,
};

struct gc_server *gc_server_create(const struct gc_server_opts *o)
{
	struct gc_server *gc = calloc(1, sizeof(*gc));

	if (gc == NULL)
		return NULL;
	gc->o = *o;
	gc->groups = calloc(o->groups_max, sizeof(struct gc_group *));
	gc_registry_init(gc);
	gc->join_rate = token_rate_of(JOINS_PER_S, JOINS_BURST);
	if (gc->groups == NULL || id_table_init(&gc->table, random_u64(o->random)) != 0) {
		free(gc->groups);
		free(gc);
		return NULL;
	}
	return gc;
}

// ---- flows ----

// Takes the flow out of its session; what the worker still knows of it is the caller's to end.
static void flow_remove(struct gc_server *gc, struct gc_flow *f)
{
	struct gc_flow **at = &f->cs->groups->gc_flows;

	gc_leave(gc, f);
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
	if (f->is_over) { // it rejected ours, and nothing will replace that
		flow_reject(gc, f);
		return;
	}
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
	if (!gc_join(gc, f, id, now_us)) {
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

	if (f == NULL)
		return;
	// At a goodbye its join is closed already, and we hear of that next: nothing to reject.
	gc_leave(gc, f);
	ctl_flow_close(cs, tx_slot);
	f->reply = -1;
	f->is_over = true;
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
		struct gc_flow *f = gc_flow_of(g->ring.nodes[g->ring.n - 1]);

		f->group = NULL;
		f->list = NULL;
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
		gc_group_free(gc, g);
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
