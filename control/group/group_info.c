// Looking in: for people, dashboards and tests.
#include <string.h>

#include "control/group/objects.h"
#include "control/group/play.h"
#include "control/group/postings.h"
#include "control/group/streams.h"

static void extension_info(const struct group *g, struct group_info *i)
{
	const struct postings *ps = g->postings;

	i->post_control_tx_bytes = g->spx_traffic[LANE_POST_CONTROL].tx_bytes +
				   g->spx_traffic[LANE_OLD_KEYS].tx_bytes;
	i->post_control_rx_bytes = g->spx_traffic[LANE_POST_CONTROL].rx_bytes +
				   g->spx_traffic[LANE_OLD_KEYS].rx_bytes;
	i->post_data_tx_bytes = g->spx_traffic[LANE_POST_DATA].tx_bytes +
				g->spx_traffic[LANE_OLD_VALUES].tx_bytes;
	i->post_data_rx_bytes = g->spx_traffic[LANE_POST_DATA].rx_bytes +
				g->spx_traffic[LANE_OLD_VALUES].rx_bytes;
	i->route_tx_bytes = g->spx_traffic[LANE_ROUTES].tx_bytes;
	i->route_rx_bytes = g->spx_traffic[LANE_ROUTES].rx_bytes;
	i->object_tx_bytes = g->spx_traffic[LANE_OBJECT_CONTROL].tx_bytes +
			     g->spx_traffic[LANE_OBJECTS].tx_bytes;
	i->object_rx_bytes = g->spx_traffic[LANE_OBJECT_CONTROL].rx_bytes +
			     g->spx_traffic[LANE_OBJECTS].rx_bytes;
	if (g->objects != NULL) {
		i->n_objects_have = ranges_count(&g->objects->have);
		i->n_objects_wanted = ranges_count(&g->objects->want);
		i->n_objects_ungiven = ranges_count(&g->objects->spread.ungiven);
	}
	if (ps == NULL)
		return;
	i->n_posts = ps->n_received;
	i->n_posts_held = (uint32_t)(ps->next - ps->first);
	i->n_post_ids = ps->ids.n;
	i->posts_held_bytes = ps->held_bytes;
}

void group_rates_get(const struct group *g, struct group_rates *r, uint64_t now_us)
{
	uint64_t tx[LANES], rx[LANES];

	for (int i = 0; i < LANES; i++) {
		tx[i] = meter_per_s(&g->spx_traffic[i].tx, now_us);
		rx[i] = meter_per_s(&g->spx_traffic[i].rx, now_us);
	}
	*r = (struct group_rates){
		.posting_send_data = tx[LANE_POST_DATA] + tx[LANE_OLD_VALUES],
		.posting_send_control = tx[LANE_POST_CONTROL] + tx[LANE_OLD_KEYS],
		.posting_receive_data = rx[LANE_POST_DATA] + rx[LANE_OLD_VALUES],
		.posting_receive_control = rx[LANE_POST_CONTROL] + rx[LANE_OLD_KEYS],
		.routing_send = tx[LANE_ROUTES],
		.routing_receive = rx[LANE_ROUTES],
		.object_replication_send = tx[LANE_OBJECTS] + tx[LANE_OBJECT_CONTROL],
		.object_replication_receive = rx[LANE_OBJECTS] + rx[LANE_OBJECT_CONTROL],
	};
}

void group_info_get(const struct group *g, struct group_info *i)
{
	const struct gc_server *gc = g->groups->gc;

	memset(i, 0, sizeof(*i));
	memcpy(i->id, g->spec.id, GROUP_ID_LEN);
	u256_octets(g->address, i->address);
	i->name = g->spec.name;
	i->is_member = true;
	i->n_neighbours = g->n_open;
	i->n_members_known = g->members.ring.n;
	i->n_clients = gc != NULL ? gc_server_n_members(gc, g->spec.id) : 0;
	i->n_streams = g->n_streams;
	i->estimated_members = ring_set_estimate(&g->members.ring, g->address);
	extension_info(g, i);
}

static uint32_t introduced_info(const struct groups *gs, struct group_info *out, uint32_t max)
{
	const uint8_t *id;
	uint32_t n_clients, n = 0;

	for (uint32_t i = 0; n < max && gc_server_group_at(gs->gc, i, &id, &n_clients); i++) {
		if (group_find(gs, id) != NULL)
			continue;
		out[n] = (struct group_info){.name = "", .n_clients = n_clients};
		out[n].estimated_members = n_clients;
		memcpy(out[n++].id, id, GROUP_ID_LEN);
	}
	return n;
}

uint32_t groups_info(const struct groups *gs, struct group_info *out, uint32_t max)
{
	uint32_t n = 0;

	for (const struct group *g = gs->first; g != NULL && n < max; g = g->next)
		group_info_get(g, &out[n++]);
	if (gs->gc != NULL)
		n += introduced_info(gs, out + n, max - n);
	return n;
}

static bool is_played(const struct gstream *s)
{
	for (const struct group_play *p = s->group->plays; p != NULL; p = p->next)
		if (p->stream == s)
			return true;
	return false;
}

static void stream_info_get(const struct gstream *s, struct group_stream_info *i)
{
	memset(i, 0, sizeof(*i));
	i->name = s->name;
	memcpy(i->key, s->info.key, STREAM_KEY_LEN);
	i->is_published_here = s->is_published_here;
	i->is_played_here = is_played(s);
	i->has_ended = s->has_ended;
	i->is_silent = s->is_silent;
	i->stream = s->index;
	i->n_links = s->n_linked;
	i->newest = s->newest;
	i->end = s->end;
	stream_figures_get(&s->figures, &i->totals, &i->rates, s->group->groups->now_us);
	i->consumed_bytes = s->figures.consumed_bytes;
	i->fragments_to_multicast = s->figures.fragments_to_multicast;
	i->bytes_to_multicast = s->figures.bytes_to_multicast;
	i->received = i->totals.fragments_received + i->totals.fragments_published;
	i->bytes = i->totals.bytes_pushed_from + i->totals.bytes_pulled_from +
		   i->totals.bytes_from_multicast;
	i->late = i->totals.late;
	i->missing = i->totals.missing;
}

uint32_t group_streams_info(const struct groups *gs, const uint8_t id[GROUP_ID_LEN],
			    struct group_stream_info *out, uint32_t max)
{
	const struct group *g = group_find(gs, id);
	uint32_t n = 0;

	for (const struct gstream *s = g != NULL ? g->streams : NULL; s != NULL && n < max;
	     s = s->next)
		stream_info_get(s, &out[n++]);
	return n;
}

void group_publication_info(const struct group_publication *p, struct group_stream_info *i)
{
	const struct publisher_counters *n = publisher_counters(p->publisher);

	*i = p->last;
	if (p->stream != NULL)
		stream_info_get(p->stream, i);
	i->newest = publisher_next_number(p->publisher) - 1;
	i->received = n->fragments;
	i->bytes = n->bytes;
}

void group_play_info(const struct group_play *p, struct group_stream_info *i)
{
	memset(i, 0, sizeof(*i));
	i->name = p->name;
	i->stream = NO_STREAM;
	if (p->stream != NULL)
		stream_info_get(p->stream, i);
	i->is_played_here = true;
	if (p->player != NULL) {
		const struct player_counters *n = player_counters(p->player);

		i->late = n->late;
		i->missing = n->missing;
		i->received = n->received;
		i->bytes = n->bytes;
		if (n->newest > i->newest)
			i->newest = n->newest;
	}
}

uint32_t group_session_info(const struct ctl_session *cs, struct group_neighbour_info *out,
			    uint32_t max)
{
	const struct neighbour *nb = cs->groups != NULL ? cs->groups->neighbours : NULL;
	uint32_t n = 0;

	for (; nb != NULL && n < max; nb = nb->next)
		if (nb->state == NEIGHBOUR_OPEN)
			out[n++] = (struct group_neighbour_info){.group_id = nb->group->spec.id,
								 .is_super = nb->is_super,
								 .is_spx = nb->is_spx,
								 .is_nearest = nb->is_nearest,
								 .opened_us = nb->opened_us};
	return n;
}

static void member_info_get(const struct group *g, const struct member *who,
			    struct group_member_info *i)
{
	const struct neighbour *nb = who->neighbour;

	*i = (struct group_member_info){.is_neighbour = nb != NULL, .is_super = who->is_super};
	memcpy(i->peer_id, who->key.id, PEER_ID_LEN);
	u256_octets(who->at.at, i->address);
	i->heard_s = (uint32_t)((g->groups->now_us - who->heard_us) / SECOND_US);
	if (nb == NULL)
		return;
	i->heard_s = 0;
	i->is_suspect = nb->is_suspect;
	i->is_spx = nb->is_spx;
	i->is_nearest = nb->is_nearest;
	i->rtt_us = nb->rtt_us;
}

uint32_t group_members_info(const struct group *g, struct group_member_info *out, uint32_t max)
{
	const struct ring_set *ring = &g->members.ring;

	for (uint32_t i = 0; i < ring->n && i < max; i++)
		member_info_get(g, member_of_ring(ring_set_up(ring, g->address, i + 1)), &out[i]);
	return ring->n;
}

const struct groups_counters *groups_counters(const struct groups *gs)
{
	return &gs->n;
}
