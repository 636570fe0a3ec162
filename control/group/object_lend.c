#include "control/group/object_lend.h"

#include <string.h>

#include "control/group/neighbour.h"

static bool is_lent(const struct group *g)
{
	return g->objects != NULL && g->objects->o.is_lent && g->limits.budget != 0 &&
	       g->groups->o.object_bodies != NULL;
}

void object_lend(struct objects *os, const struct object_peer *to, uint64_t index,
		 enum object_encoding encoding, struct span object)
{
	struct groups *gs = os->group->groups;
	struct command c = {.op = CMD_OBJECT_KEEP, .len = (uint32_t)object.len};
	uint32_t worker = to->peer->nb->cs->worker;

	// An answer may come when the object has left our have set: nobody would take it back.
	if (!is_lent(os->group) || !ranges_has(&os->have, index) ||
	    (os->o.unlent_each != 0 && index % os->o.unlent_each == 0))
		return;
	if (!outbox_is_crowded(gs->o.outbox, worker))
		c.body = body_get(gs->o.object_bodies, c.len);
	if (c.body == NULL) {
		gs->n.objects_unlent++;
		return;
	}
	memcpy(c.body->data, object.data, object.len);
	c.object.first = index;
	c.object.group = os->group->limits.budget;
	c.object.encoding = (uint8_t)encoding;
	outbox_push(gs->o.outbox, worker, &c);
}

void object_unlend(struct objects *os, uint64_t first, uint64_t last)
{
	struct groups *gs = os->group->groups;
	struct command c = {.op = CMD_OBJECTS_DROP};

	if (os->group->limits.budget == 0 || gs->o.object_bodies == NULL)
		return;
	c.object.first = first;
	c.object.last = last;
	c.object.group = os->group->limits.budget;
	for (uint32_t w = 0; w < outbox_n_workers(gs->o.outbox); w++)
		outbox_push(gs->o.outbox, w, &c);
}

void object_gives_soon(struct spx_peer *p)
{
	if (is_lent(p->nb->group))
		spx_open(p, LANE_OBJECTS);
}

void object_lanes_changed(struct spx_peer *p)
{
	struct spx_lane *asked = &p->lanes[LANE_OBJECT_CONTROL], *given = &p->lanes[LANE_OBJECTS];

	if (asked->rx >= 0 && given->tx >= 0 && is_lent(p->nb->group))
		ctl_flow_accept_store(p->nb->cs, (uint16_t)asked->rx, asked->rx_flow_id,
				      (uint16_t)given->tx, OWNER_GROUP, asked);
}
