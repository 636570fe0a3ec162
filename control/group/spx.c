#include "control/group/spx.h"

#include <stdlib.h>
#include <string.h>

#include "control/group/gc_client.h"
#include "control/group/neighbour.h"
#include "control/group/object_lend.h"
#include "control/group/postings.h"
#include "control/group/routes.h"
#include "dataplane/wire/spx_route.h"

enum {
	REFUSED_US = 30000000, // before a flow that was rejected is tried again
	POINTS_MAX = 3,
	BAN_US = 300000000,
	MALFORMED_CODE = 1,
};

struct lane_row {
	enum flow_kind flow;
	enum flow_prio prio;
	bool is_any_order;
	enum spx_out out;
};

static const struct lane_row lane_rows[LANES] = {
	[LANE_ROUTES] = {FLOW_SPX_ROUTES, PRIO_CONTROL, false, OUT_ROUTES},
	[LANE_POST_CONTROL] = {FLOW_SPX_POST_CONTROL, PRIO_CONTROL, false, OUT_POSTS},
	[LANE_POST_DATA] = {FLOW_SPX_POST_DATA, PRIO_POST, true, OUT_POSTS},
	[LANE_OBJECT_CONTROL] = {FLOW_SPX_OBJECT_CONTROL, PRIO_CONTROL, false, OUT_OBJECT_CONTROL},
	[LANE_OBJECTS] = {FLOW_SPX_OBJECTS, PRIO_BULK, true, OUT_OBJECTS},
	[LANE_OLD_KEYS] = {FLOW_GROUP_POST_KEYS, PRIO_CONTROL, false, OUT_POSTS},
	[LANE_OLD_VALUES] = {FLOW_GROUP_POST_VALUES, PRIO_POST, false, OUT_POSTS},
};

// docs/spx.md has them as tables, and the rates.
static const struct {
	uint32_t bytes, messages;
} out_max[SPX_OUTS] = {
	[OUT_ROUTES] = {1 << 20, 256}, // DR-18
	[OUT_POSTS] = {1 << 20, UINT32_MAX},
	[OUT_OBJECT_CONTROL] = {1 << 20, UINT32_MAX},
	[OUT_OBJECTS] = {2 << 20, UINT32_MAX},
};

// The lane of a flow; LANES: none.
static enum spx_lane_kind lane_of(enum flow_kind kind)
{
	enum spx_lane_kind lane = 0;

	while (lane < LANES && lane_rows[lane].flow != kind)
		lane++;
	return lane;
}

bool spx_carries(enum flow_kind kind)
{
	return lane_of(kind) < LANES;
}

void spx_rates(struct groups *gs)
{
	gs->control_rate = token_rate_of(200, 400);
	gs->control_byte_rate = token_rate_of(64 << 10, 128 << 10);
	gs->data_byte_rate = token_rate_of(256 << 10, 1 << 20);
	gs->route_rate = token_rate_of(1000, 2000);
	gs->route_byte_rate = token_rate_of(1 << 20, 4 << 20);
	gs->object_rate = token_rate_of(4000, 8000);
	gs->object_byte_rate = token_rate_of(256 << 10, 512 << 10);
	gs->object_range_rate = token_rate_of(4096, 16384);
	gs->unknown_rate = token_rate_of(10, 100);
	gs->first_rate = token_rate_of(20, 60);
	gs->posts_rate = token_rate_of(200, 600);
}

// ---- who speaks it ----

// No older implementation uses either.
static bool is_new_session(const struct ctl_session *cs)
{
	return cs->tx_tag_len > 0 || cs->rx_tag_len > 0 || cs->tx_sseq || cs->rx_sseq;
}

bool spx_is_announced(const struct neighbour *nb)
{
	const struct groups *gs = nb->group->groups;

	return !gs->o.is_spx_off && (gs->o.is_super || nb->is_spx || is_new_session(nb->cs));
}

static bool outs_open(struct spx_peer *p)
{
	struct groups *gs = p->nb->group->groups;

	for (int i = 0; i < SPX_OUTS; i++) {
		p->out[i] = outbox_account_open_under(gs->o.outbox,
						      i == OUT_OBJECTS ? gs->objects_out : NULL);
		if (p->out[i] == NULL)
			return false;
	}
	return true;
}

static void outs_close(struct spx_peer *p)
{
	for (int i = 0; i < SPX_OUTS; i++)
		if (p->out[i] != NULL)
			outbox_account_close(p->out[i]);
}

static struct spx_peer *peer_make(struct neighbour *nb)
{
	struct group *g = nb->group;
	struct spx_peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->nb = nb;
	p->number = ++g->spx_peers_ever;
	for (int i = 0; i < LANES; i++)
		p->lanes[i] =
			(struct spx_lane){.ctx = CTX_SPX, .kind = i, .peer = p, .tx = -1, .rx = -1};
	if (!outs_open(p)) {
		outs_close(p);
		free(p);
		return NULL;
	}
	p->is_trusted = gc_client_names_super(g, nb->cs);
	nb->spx = p;
	return p;
}

void spx_neighbour_speaks(struct neighbour *nb)
{
	struct group *g = nb->group;

	nb->is_spx = true;
	if (g->groups->o.is_spx_off ||
	    (!g->spec.posting && !g->spec.routing && !g->spec.replication))
		return;
	if (nb->spx == NULL && peer_make(nb) == NULL)
		return;
	postings_peer(nb->spx);
	routes_peer(nb->spx);
	objects_peer(nb->spx);
	routes_soon(g);
}

void spx_neighbour_gone(struct neighbour *nb, bool is_leaving)
{
	struct spx_peer *p = nb->spx;

	if (p == NULL)
		return;
	for (int i = 0; i < LANES; i++) {
		struct spx_lane *l = &p->lanes[i];

		if (l->tx >= 0)
			ctl_flow_close(nb->cs, (uint16_t)l->tx);
		if (l->rx >= 0)
			group_session_reject(nb->cs, (uint16_t)l->rx, l->rx_flow_id, REJECT_CODE);
	}
	nb->spx = NULL;
	postings_peer_gone(nb->group, p);
	routes_peer_gone(nb->group, p);
	if (!is_leaving && !nb->is_suspect)
		routes_again(nb->group, p->out[OUT_ROUTES]);
	objects_peer_gone(p);
	outs_close(p);
	free(p);
}

bool spx_is_busy(const struct neighbour *nb)
{
	return nb->spx != NULL && (outbox_account_bodies(nb->spx->out[OUT_ROUTES]) > 0 ||
				   outbox_account_bodies(nb->spx->out[OUT_POSTS]) > 0);
}

struct spx_peer *spx_next(const struct group *g, uint32_t *at)
{
	while (*at < g->n_neighbours) {
		struct neighbour *nb = g->neighbours[(*at)++];

		if (nb->state == NEIGHBOUR_OPEN && nb->spx != NULL)
			return nb->spx;
	}
	return NULL;
}

// ---- their flows ----

static bool is_enabled(const struct group *g, enum spx_lane_kind lane)
{
	if (g->groups->o.is_spx_off)
		return false;
	switch (lane) {
	case LANE_ROUTES:
		return g->spec.routing;
	case LANE_OBJECT_CONTROL:
	case LANE_OBJECTS:
		return g->spec.replication;
	default:
		return g->spec.posting;
	}
}

static void refuse(struct groups *gs, struct ctl_session *cs, uint16_t rx_slot, uint64_t flow_id)
{
	gs->n.flows_rejected++;
	ctl_flow_reject(cs, rx_slot, flow_id, REJECT_CODE);
}

void spx_flow_accept(struct neighbour *nb, uint16_t rx_slot, uint64_t flow_id, enum flow_kind kind)
{
	enum spx_lane_kind lane = lane_of(kind);
	struct spx_lane *l;

	if (lane < LANES && is_enabled(nb->group, lane) && lane < LANE_OLD_KEYS)
		spx_neighbour_speaks(nb);
	else if (lane < LANES && is_enabled(nb->group, lane) && nb->spx == NULL)
		peer_make(nb); // an older one that posts
	if (lane == LANES || nb->spx == NULL || !is_enabled(nb->group, lane) ||
	    nb->spx->lanes[lane].rx >= 0) {
		refuse(nb->group->groups, nb->cs, rx_slot, flow_id);
		return;
	}
	l = &nb->spx->lanes[lane];
	l->rx = rx_slot;
	l->rx_flow_id = flow_id;
	if (lane_rows[lane].is_any_order)
		ctl_flow_accept_any_order(nb->cs, rx_slot, flow_id, OWNER_GROUP, l);
	else
		ctl_flow_accept(nb->cs, rx_slot, flow_id, FLOW_CONTROL, NO_STREAM, OWNER_GROUP, l);
	if (lane == LANE_OBJECT_CONTROL)
		object_lanes_changed(nb->spx);
	if (lane == LANE_OLD_KEYS)
		postings_peer(nb->spx);
}

// Whose flow it is: the neighbour whose main flow of ours it returns. How older members associate
// theirs is not known: without that the session's only neighbour.
static struct neighbour *neighbour_of(const struct ctl_session *cs, const struct report *r)
{
	uint16_t slot = r->opened.assoc_flow;
	struct neighbour *only = cs->groups != NULL ? cs->groups->neighbours : NULL;
	enum flow_ctx *ctx;

	if (slot == NO_FLOW)
		return only != NULL && only->next == NULL ? only : NULL;
	if (slot >= FLOWS_PER_SESSION || cs->tx[slot].owner != OWNER_GROUP)
		return NULL;
	ctx = cs->tx[slot].ctx;
	if (ctx == NULL || *ctx == CTX_NEIGHBOUR)
		return (struct neighbour *)ctx;
	return *ctx == CTX_SPX ? ((struct spx_lane *)ctx)->peer->nb : NULL;
}

void spx_flow_opened(struct groups *gs, struct ctl_session *cs, const struct report *r,
		     enum flow_kind kind)
{
	struct neighbour *nb = neighbour_of(cs, r);

	if (nb != NULL && nb->state == NEIGHBOUR_OPEN)
		spx_flow_accept(nb, r->flow, r->opened.flow_id, kind);
	else if (nb == NULL || !neighbour_holds(nb, r, kind))
		refuse(gs, cs, r->flow, r->opened.flow_id);
}

static void lane_close_rx(struct spx_lane *l, uint32_t code)
{
	if (l->rx < 0)
		return;
	group_session_reject(l->peer->nb->cs, (uint16_t)l->rx, l->rx_flow_id, code);
	l->rx = -1;
}

void spx_finished(struct spx_lane *l, uint16_t rx_slot, uint64_t flow_id)
{
	struct ctl_session *cs = l->peer->nb->cs;

	cs->rx[rx_slot].owner = OWNER_NONE;
	cs->rx[rx_slot].ctx = NULL;
	if (l->rx == rx_slot && l->rx_flow_id == flow_id)
		l->rx = -1;
}

void spx_exception(struct spx_lane *l, uint16_t tx_slot)
{
	struct group *g = l->peer->nb->group;

	if (l->tx != tx_slot)
		return;
	ctl_flow_close(l->peer->nb->cs, tx_slot);
	l->tx = -1;
	l->refused_us = g->groups->now_us;
	g->groups->n.spx_refused++;
}

// ---- messages ----

static bool take(struct groups *gs, struct token_bucket *messages, const struct token_rate *rate,
		 struct token_bucket *bytes, const struct token_rate *byte_rate, size_t len)
{
	return token_take(messages, rate, gs->now_us) &&
	       token_take_many(bytes, byte_rate, (uint32_t)len, gs->now_us);
}

static bool is_within_rate(struct spx_lane *l, size_t len)
{
	struct spx_peer *p = l->peer;
	struct groups *gs = p->nb->group->groups;

	switch (l->kind) {
	case LANE_ROUTES:
		return len <= ROUTE_FAR_HEAD_LEN + ROUTE_LEN_MAX &&
		       take(gs, &p->routes, &gs->route_rate, &p->route_bytes, &gs->route_byte_rate,
			    len);
	case LANE_OBJECT_CONTROL:
		return len <= OBJECT_HAVE_LEN_MAX &&
		       take(gs, &p->object_control, &gs->object_rate, &p->object_control_bytes,
			    &gs->object_byte_rate, len);
	case LANE_OBJECTS:
		return len <=
		       OBJECT_DATA_HEAD_MAX + OBJECT_LEN_MAX; // we asked for it, or it counts
	case LANE_POST_CONTROL:
	case LANE_OLD_KEYS:
		return len <= POST_KEYS_MAX * (POST_KEY_LEN + 2 * VLU_LEN_MAX + 1) + 16 &&
		       take(gs, &p->control, &gs->control_rate, &p->control_bytes,
			    &gs->control_byte_rate, len);
	default:
		return len <= POST_DATA_HEAD_MAX + POST_LEN_MAX &&
		       token_take_many(&p->data_bytes, &gs->data_byte_rate, (uint32_t)len,
				       gs->now_us);
	}
}

void spx_message(struct spx_lane *l, struct span message)
{
	struct groups *gs = l->peer->nb->group->groups;

	l->peer->nb->group->spx_traffic[l->kind].rx_bytes += message.len;
	meter_add(&l->peer->nb->group->spx_traffic[l->kind].rx, message.len, gs->now_us);
	if (!is_within_rate(l, message.len)) {
		gs->n.spx_limited++;
		return;
	}
	switch (l->kind) {
	case LANE_ROUTES:
		routes_message(l, message);
		break;
	case LANE_POST_CONTROL:
	case LANE_POST_DATA:
		postings_message(l, message);
		break;
	case LANE_OBJECT_CONTROL:
	case LANE_OBJECTS:
		objects_message(l, message);
		break;
	default:
		postings_old_message(l, message);
	}
}

// ---- ours ----

static int lane_open(struct spx_lane *l)
{
	struct neighbour *nb = l->peer->nb;
	struct span meta = flow_kind_metadata(lane_rows[l->kind].flow);
	int slot;

	if (l->refused_us != 0 && nb->group->groups->now_us < l->refused_us + REFUSED_US)
		return -EACCES;
	if (nb->main_rx == NULL)
		return -ENOBUFS;
	slot = ctl_flow_open(nb->cs, &(struct ctl_flow_opts){
					     .meta = meta.data,
					     .meta_len = (uint8_t)meta.len,
					     .has_assoc = true,
					     .assoc_id = nb->main_rx->flow_id,
					     .prio = lane_rows[l->kind].prio,
					     .group = nb->group->limits.budget,
					     .rule_stream = NO_STREAM,
					     .owner = OWNER_GROUP,
					     .ctx = l,
				     });
	if (slot < 0)
		return -ENOBUFS;
	l->tx = slot;
	if (l->kind == LANE_OBJECTS)
		object_lanes_changed(l->peer);
	return 0;
}

void spx_open(struct spx_peer *p, enum spx_lane_kind kind)
{
	if (p->lanes[kind].tx < 0)
		lane_open(&p->lanes[kind]);
}

bool spx_has_room(const struct spx_peer *p, enum spx_lane_kind kind, size_t len)
{
	enum spx_out out = lane_rows[kind].out;

	return outbox_account_bytes(p->out[out]) + len <= out_max[out].bytes &&
	       outbox_account_bodies(p->out[out]) < out_max[out].messages;
}

int spx_send(struct spx_peer *p, enum spx_lane_kind kind, struct span head, struct span rest)
{
	struct spx_lane *l = &p->lanes[kind];
	struct group *g = p->nb->group;
	int err = l->tx < 0 ? lane_open(l) : 0;

	if (err == 0 && !spx_has_room(p, kind, head.len + rest.len))
		err = -ENOBUFS;
	if (err == 0)
		err = ctl_flow_send_parts(p->nb->cs, (uint16_t)l->tx, head, rest,
					  p->out[lane_rows[kind].out], 0);
	if (err != 0)
		return err;
	g->spx_traffic[kind].tx_bytes += head.len + rest.len;
	meter_add(&g->spx_traffic[kind].tx, head.len + rest.len, g->groups->now_us);
	return 0;
}

// ---- points ----

static void ban(struct group *g, const uint8_t peer_id[PEER_ID_LEN])
{
	struct ban *b = &g->bans[g->next_ban++ % BANS_MAX];

	memcpy(b->peer_id, peer_id, PEER_ID_LEN);
	b->until_us = g->banned_us = g->groups->now_us + BAN_US;
}

uint64_t spx_banned_until_us(const struct group *g, const uint8_t peer_id[PEER_ID_LEN])
{
	for (int i = 0; g->groups->now_us < g->banned_us && i < BANS_MAX; i++)
		if (g->bans[i].until_us > g->groups->now_us &&
		    memcmp(g->bans[i].peer_id, peer_id, PEER_ID_LEN) == 0)
			return g->bans[i].until_us;
	return 0;
}

bool spx_point(struct spx_peer *p)
{
	struct group *g = p->nb->group;

	if (++p->n_points_lost < POINTS_MAX)
		return true;
	g->groups->n.spx_banned++;
	ban(g, p->nb->cs->fingerprint);
	neighbour_end(p->nb, END_BANNED);
	return false;
}

bool spx_malformed(struct spx_lane *l)
{
	l->peer->nb->group->groups->n.spx_malformed++;
	lane_close_rx(l, MALFORMED_CODE);
	return spx_point(l->peer);
}

void spx_unknown(struct spx_lane *l)
{
	struct groups *gs = l->peer->nb->group->groups;

	gs->n.spx_unknown++;
	if (!token_take(&l->unknown, &gs->unknown_rate, gs->now_us))
		lane_close_rx(l, REJECT_CODE);
}
