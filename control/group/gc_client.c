#include "control/group/gc_client.h"

#include <stdlib.h>
#include <string.h>

#include "control/group/topology.h"
#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/group_member.h"

static const struct conn *conn_find(const struct groups *gs, const struct ctl_session *cs)
{
	for (int i = 0; i < CONNS_MAX; i++)
		if (gs->conns[i].cs == cs)
			return &gs->conns[i];
	return NULL;
}

static int join_send(const struct group *g, struct ctl_session *cs, int slot)
{
	struct group_join j = {.by = GROUP_JOIN_BY_ID, .value = span_of(g->spec.id, GROUP_ID_LEN)};
	uint8_t message[64];
	struct wr w = wr_over(message, sizeof(message));
	int err = group_join_write(&w, &j);

	return err != 0 ? err : ctl_flow_send(cs, (uint16_t)slot, message, (uint32_t)w.len, 0);
}

// GS-6: only groups with a server channel are an introducer's business.
static void join_at(struct group *g, const struct conn *c)
{
	struct span meta = flow_kind_metadata(FLOW_GROUP_CONTROL);
	struct gc_join *j;

	if (!g->spec.server_channel)
		return;
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return;
	*j = (struct gc_join){.group = g, .cs = c->cs, .next = g->joins, .rx_slot = -1};
	j->tx_slot = ctl_flow_open(c->cs, &(struct ctl_flow_opts){
						  .meta = meta.data,
						  .meta_len = (uint8_t)meta.len,
						  .has_assoc = true,
						  .assoc_id = c->control_flow_id,
						  .prio = PRIO_CONTROL,
						  .rule_stream = NO_STREAM,
						  .owner = OWNER_GC_CLIENT,
						  .ctx = j,
					  });
	if (j->tx_slot < 0 || join_send(g, c->cs, j->tx_slot) != 0) {
		if (j->tx_slot >= 0)
			ctl_flow_close(c->cs, (uint16_t)j->tx_slot);
		free(j);
		return;
	}
	g->joins = j;
}

static void join_end(struct gc_join *j)
{
	struct gc_join **at = &j->group->joins;
	struct ctl_session *cs = j->cs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	if (j->tx_slot >= 0)
		ctl_flow_close(cs, (uint16_t)j->tx_slot);
	if (j->rx_slot >= 0 && cs->rx[j->rx_slot].ctx == j)
		group_session_reject(cs, (uint16_t)j->rx_slot, j->rx_flow_id, REJECT_CODE);
	free(j);
}

void gc_conn_up(struct groups *gs, struct ctl_session *cs, uint64_t far_control_flow_id)
{
	gc_conn_down(gs, cs);
	for (int i = 0; i < CONNS_MAX; i++) {
		if (gs->conns[i].cs != NULL)
			continue;
		gs->conns[i] = (struct conn){.cs = cs, .control_flow_id = far_control_flow_id};
		for (struct group *g = gs->first; g != NULL; g = g->next) {
			join_at(g, &gs->conns[i]);
			topology_soon(g); // bootstrap peers can be asked for now
		}
		return;
	}
}

void gc_conn_down(struct groups *gs, struct ctl_session *cs)
{
	struct conn *c = (struct conn *)conn_find(gs, cs);

	if (c == NULL)
		return;
	for (struct group *g = gs->first; g != NULL; g = g->next)
		for (struct gc_join *j = g->joins, *next; j != NULL; j = next) {
			next = j->next;
			if (j->cs == cs)
				join_end(j);
		}
	memset(c, 0, sizeof(*c));
}

void gc_group_joined(struct group *g)
{
	for (int i = 0; i < CONNS_MAX; i++)
		if (g->groups->conns[i].cs != NULL)
			join_at(g, &g->groups->conns[i]);
}

void gc_group_left(struct group *g)
{
	while (g->joins != NULL)
		join_end(g->joins);
}

void gc_client_flow_opened(struct groups *gs, struct ctl_session *cs, const struct report *r)
{
	uint16_t slot = r->opened.assoc_flow;
	struct gc_join *j = NULL;

	if (slot < FLOWS_PER_SESSION && cs->tx[slot].owner == OWNER_GC_CLIENT)
		j = cs->tx[slot].ctx;
	if (j == NULL || j->rx_slot >= 0) {
		gs->n.flows_rejected++;
		ctl_flow_reject(cs, r->flow, r->opened.flow_id, REJECT_CODE);
		return;
	}
	j->rx_slot = r->flow;
	j->rx_flow_id = r->opened.flow_id;
	ctl_flow_accept(cs, r->flow, r->opened.flow_id, FLOW_CONTROL, NO_STREAM, OWNER_GC_CLIENT,
			j);
}

void gc_client_message(struct groups *gs, struct gc_join *j, struct span message)
{
	uint8_t peer_id[PEER_ID_LEN];

	if (group_msg_type(message) != GROUP_MEMBER) {
		gs->n.unknown_messages++;
		return;
	}
	if (group_member_read(peer_id, message) != 0) {
		gs->n.malformed++;
		return;
	}
	if (j->n_hints++ == 0)
		memcpy(j->first_hint, peer_id, PEER_ID_LEN);
	topology_hint(j->group, peer_id);
}

void gc_client_finished(struct gc_join *j)
{
	j->cs->rx[j->rx_slot].owner = OWNER_NONE;
	j->cs->rx[j->rx_slot].ctx = NULL;
	j->rx_slot = -1;
}

void gc_client_exception(struct gc_join *j)
{
	struct group *g = j->group;
	struct group_event e = {.kind = GROUP_REJECTED, .group = g, .user = g->user};

	join_end(j);
	event_push(&g->groups->events, &e);
}

bool gc_client_names_super(const struct group *g, const struct ctl_session *cs)
{
	for (const struct gc_join *j = g->joins; j != NULL; j = j->next)
		if (j->n_hints > 0 && memcmp(j->first_hint, cs->fingerprint, PEER_ID_LEN) == 0 &&
		    j->cs->far.family == cs->far.family &&
		    memcmp(j->cs->far.ip, cs->far.ip, sizeof(cs->far.ip)) == 0)
			return true;
	return false;
}
