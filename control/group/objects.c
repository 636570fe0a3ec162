#include "control/group/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/neighbour.h"
#include "control/group/object_lend.h"

// ---- life ----

int objects_create(struct group *g)
{
	struct objects *os;

	if (!g->spec.replication)
		return 0;
	os = calloc(1, sizeof(*os));
	if (os == NULL)
		return -ENOMEM;
	os->group = g;
	os->o = g->limits.replication;
	os->tell_us = os->retry_us = os->serve_us = os->idle_us = NEVER;
	object_spread_init(&os->spread);
	ranges_init(&os->have, OBJECT_HELD_RANGES);
	ranges_init(&os->want, OBJECT_WANT_RANGES);
	// Each index that is being fetched may be a hole.
	ranges_init(&os->open, OBJECT_WANT_RANGES + OBJECT_FETCHES_MAX);
	g->objects = os;
	return 0;
}

void objects_destroy(struct group *g)
{
	struct objects *os = g->objects;

	if (os == NULL)
		return;
	object_unlend(os, 0, OBJECT_INDEX_MAX);
	ranges_clear(&os->have);
	ranges_clear(&os->want);
	ranges_clear(&os->open);
	tally_clear(&os->tally);
	object_spread_clear(&os->spread);
	free(os);
	g->objects = NULL;
}

void objects_peer(struct spx_peer *p)
{
	struct objects *os = p->nb->group->objects;
	struct object_peer *op;

	if (os == NULL || p->objects != NULL || !p->nb->is_spx)
		return;
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		return;
	op->peer = p;
	op->is_seed = p->nb->is_super;
	ranges_init(&op->have, OBJECT_HELD_RANGES);
	object_slice_init(&op->slice);
	op->next = os->peers;
	os->peers = op;
	p->objects = op;
	object_tell_soon(os);
}

void objects_peer_gone(struct spx_peer *p)
{
	struct objects *os = p->nb->group->objects;
	struct object_peer *op = p->objects, **at;

	if (op == NULL)
		return;
	for (at = &os->peers; *at != op;)
		at = &(*at)->next;
	*at = op->next;
	object_serve_peer_gone(os, op);
	object_slice_peer_gone(os, op);
	object_forget_have(os, op);
	object_fetch_peer_gone(os, op);
	p->objects = NULL;
	free(op);
	object_fetch_more(os);
}

void objects_heard_again(struct spx_peer *p)
{
	if (p->objects != NULL)
		object_fetch_more(p->nb->group->objects);
}

// ---- our program's ----

// 1: there is nothing to do.
static int range_check(struct group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	g->groups->now_us = now_us;
	if (g->objects == NULL)
		return -EOPNOTSUPP;
	if (first > OBJECT_INDEX_MAX || last > OBJECT_INDEX_MAX) // OR-1
		return -ERANGE;
	return first > last;
}

// Of what is new, what is to be given once before it is given twice.
static void spread(struct objects *os, uint64_t first, uint64_t last)
{
	struct index_range gap;

	first = first > os->o.spread_from ? first : os->o.spread_from;
	for (; os->o.is_spread && ranges_next_out(&os->have, first, last, &gap);
	     first = gap.last + 1)
		if (!object_spread_add(&os->spread, gap.first, gap.last)) {
			object_slice_end(os);
			return;
		}
}

int group_have_add(struct group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	int err = range_check(g, first, last, now_us);
	struct index_range gap;

	if (err != 0)
		return err < 0 ? err : 0;
	if (!ranges_next_out(&g->objects->have, first, last, &gap))
		return 0; // nobody need be told
	spread(g->objects, first, last);
	err = ranges_add(&g->objects->have, first, last);
	if (err == 0)
		object_log(g->objects, first, last);
	else // it would touch none of what is there, so all of it is new
		object_slice_lost(g->objects, first, last);
	return err;
}

int group_have_remove(struct group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	int err = range_check(g, first, last, now_us);

	if (err != 0)
		return err < 0 ? err : 0;
	err = ranges_remove(&g->objects->have, first, last);
	if (err != 0)
		return err;
	object_unlend(g->objects, first, last);
	object_slice_lost(g->objects, first, last);
	object_log(g->objects, first, last);
	return 0;
}

int group_want_add(struct group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	int err = range_check(g, first, last, now_us);
	struct objects *os = g->objects;
	struct index_range gap;

	if (err != 0)
		return err < 0 ? err : 0;
	// What is wanted already may be on its way.
	for (uint64_t from = first; ranges_next_out(&os->want, from, last, &gap);
	     from = gap.last + 1)
		object_open(os, gap.first, gap.last);
	err = ranges_add(&os->want, first, last);
	if (err != 0) {
		for (uint64_t from = first; ranges_next_out(&os->want, from, last, &gap);
		     from = gap.last + 1)
			ranges_cut(&os->open, gap.first, gap.last);
		return err;
	}
	object_tell_soon(os);
	object_fetch_more(os);
	return 0;
}

int group_want_remove(struct group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	int err = range_check(g, first, last, now_us);

	if (err != 0)
		return err < 0 ? err : 0;
	err = ranges_remove(&g->objects->want, first, last);
	if (err != 0)
		return err;
	ranges_cut(&g->objects->open, first, last);
	object_fetch_cancel(g->objects, first, last);
	object_tell_soon(g->objects);
	return 0;
}

int group_set_replication(struct group *g, const struct group_replication *o, uint64_t now_us)
{
	struct objects *os = g->objects;

	g->groups->now_us = now_us;
	if (os == NULL)
		return -EOPNOTSUPP;
	if (o->is_seed != os->o.is_seed) { // said with a snapshot
		for (struct object_peer *op = os->peers; op != NULL; op = op->next)
			op->needs_snapshot |= op->is_interested;
		object_tell_soon(os);
	}
	if (!o->is_spread || o->spread_from != os->o.spread_from)
		object_slice_end(os);
	if (!o->is_lent && os->o.is_lent)
		object_unlend(os, 0, OBJECT_INDEX_MAX);
	os->o = *o;
	return 0;
}

void group_objects_given(struct group *g, uint64_t n, uint64_t octets, uint64_t now_us)
{
	g->groups->now_us = now_us;
	g->groups->n.objects_sent += n;
	g->spx_traffic[LANE_OBJECTS].tx_bytes += octets;
	meter_add(&g->spx_traffic[LANE_OBJECTS].tx, octets, now_us);
}

static struct object_peer *peer_by_id(const struct objects *os, const uint8_t id[PEER_ID_LEN])
{
	struct object_peer *op = os->peers;

	while (op != NULL && memcmp(op->peer->nb->cs->fingerprint, id, PEER_ID_LEN) != 0)
		op = op->next;
	return op;
}

void group_object_refuse(struct group *g, uint64_t index, const uint8_t peer_id[PEER_ID_LEN],
			 uint64_t now_us)
{
	struct objects *os = g->objects;
	struct object_peer *op = os != NULL ? peer_by_id(os, peer_id) : NULL;

	g->groups->now_us = now_us;
	if (os == NULL || index > OBJECT_INDEX_MAX)
		return;
	g->groups->n.objects_false++;
	if (op != NULL) {
		object_refuse(os, op, index, false);
		spx_point(op->peer);
	}
	group_want_add(g, index, index, now_us);
}

// ---- messages and time ----

void objects_message(struct spx_lane *l, struct span message)
{
	int type = spx_msg_type(message);

	objects_peer(l->peer);
	if (l->peer->objects == NULL) // no memory
		return;
	if (l->kind == LANE_OBJECTS) {
		if (type == SPX_OBJECT)
			object_data_take(l, message);
		else
			spx_unknown(l);
		return;
	}
	switch (type) {
	case SPX_HAVE:
		object_have_take(l, message);
		break;
	case SPX_HAVE_DELTA:
		object_delta_take(l, message);
		break;
	case SPX_WANT:
		object_want_take(l, message);
		break;
	case SPX_REQUEST:
		object_request_take(l, message);
		break;
	case SPX_DENY:
		object_deny_take(l, message);
		break;
	case SPX_CANCEL:
		object_cancel_take(l, message);
		break;
	default:
		spx_unknown(l);
	}
}

void objects_timers(struct group *g)
{
	struct objects *os = g->objects;

	if (os == NULL)
		return;
	object_fetch_timers(os);
	object_slice_timers(os);
	if (object_serve_deadline_us(os) <= g->groups->now_us)
		object_serve(os);
	if (os->tell_us <= g->groups->now_us)
		object_tell(os);
}

uint64_t objects_deadline_us(const struct group *g)
{
	const struct objects *os = g->objects;

	if (os == NULL)
		return NEVER;
	return earlier(earlier(os->tell_us, os->idle_us),
		       earlier(object_serve_deadline_us(os), object_fetch_deadline_us(os)));
}
