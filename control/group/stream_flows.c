#include "control/group/stream_flows.h"

#include <stdlib.h>
#include <string.h>

#include "control/group/fragment_store.h"
#include "control/group/neighbour.h"
#include "control/group/stream_link.h"

enum { STREAM_RX_MAX = 16 }; // of a neighbour, before they name a stream

void stream_rx_accept(struct neighbour *nb, uint16_t rx_slot, uint64_t flow_id)
{
	struct stream_rx *rx = nb->n_stream_rx < STREAM_RX_MAX ? calloc(1, sizeof(*rx)) : NULL;

	if (rx == NULL) {
		nb->group->groups->n.flows_rejected++;
		ctl_flow_reject(nb->cs, rx_slot, flow_id, REJECT_CODE);
		return;
	}
	*rx = (struct stream_rx){.ctx = CTX_STREAM_RX,
				 .neighbour = nb,
				 .next = nb->stream_rx,
				 .flow_id = flow_id,
				 .rx_slot = rx_slot};
	nb->stream_rx = rx;
	nb->n_stream_rx++;
	ctl_flow_accept(nb->cs, rx_slot, flow_id, FLOW_STREAM_CONTROL, NO_STREAM, OWNER_GROUP, rx);
}

static void stream_rx_free(struct stream_rx *rx)
{
	struct stream_rx **at = &rx->neighbour->stream_rx;

	while (*at != rx)
		at = &(*at)->next;
	*at = rx->next;
	rx->neighbour->n_stream_rx--;
	free(rx);
}

void streams_neighbour_open(struct neighbour *nb)
{
	struct gstream *s = nb->group->streams;

	for (; s != NULL; s = s->next)
		if (link_is_worthwhile(s))
			link_announce_to(s, nb);
}

void streams_neighbour_gone(struct neighbour *nb)
{
	while (nb->links != NULL)
		link_end(nb->links);
	while (nb->stream_rx != NULL) {
		struct stream_rx *rx = nb->stream_rx;

		group_session_reject(nb->cs, rx->rx_slot, rx->flow_id, REJECT_CODE);
		stream_rx_free(rx);
	}
}

// ---- their flows ----

static void flow_refuse(struct groups *gs, struct ctl_session *cs, const struct report *r)
{
	gs->n.flows_rejected++;
	ctl_flow_reject(cs, r->flow, r->opened.flow_id, REJECT_CODE);
}

// Whom a send flow of ours, which theirs returns, belongs to; NULL: not the expected kind.
static void *assoc_ctx(const struct ctl_session *cs, const struct report *r, enum flow_ctx want)
{
	uint16_t slot = r->opened.assoc_flow;
	enum flow_ctx *ctx;

	if (slot >= FLOWS_PER_SESSION || cs->tx[slot].owner != OWNER_GROUP)
		return NULL;
	ctx = cs->tx[slot].ctx;
	return ctx != NULL && *ctx == want ? ctx : NULL;
}

static void control_flow_opened(struct groups *gs, struct ctl_session *cs, const struct report *r)
{
	struct neighbour *nb = assoc_ctx(cs, r, CTX_NEIGHBOUR);

	if (nb != NULL && nb->state == NEIGHBOUR_OPEN)
		stream_rx_accept(nb, r->flow, r->opened.flow_id);
	else if (nb == NULL || !neighbour_holds(nb, r, FLOW_GROUP_STREAM))
		flow_refuse(gs, cs, r);
}

static void data_flow_opened(struct groups *gs, struct ctl_session *cs, const struct report *r)
{
	struct stream_link *l = assoc_ctx(cs, r, CTX_LINK);

	if (l == NULL || l->neighbour->state != NEIGHBOUR_OPEN)
		flow_refuse(gs, cs, r);
	else
		ctl_flow_accept(cs, r->flow, r->opened.flow_id, FLOW_RELAY, l->stream->index,
				OWNER_GROUP, l);
}

void stream_flow_opened(struct groups *gs, struct ctl_session *cs, const struct report *r,
			enum flow_kind kind)
{
	if (kind == FLOW_GROUP_STREAM)
		control_flow_opened(gs, cs, r);
	else
		data_flow_opened(gs, cs, r);
}

// groups.md 10.5: a publish password cannot be verified on the wire, so who listens to everybody
// takes such streams from known publishers alone.
static bool may_announce(const struct neighbour *nb)
{
	const struct group *g = nb->group;

	if (!g->groups->o.is_super || !g->spec.publish_password.is_set)
		return true;
	for (uint32_t i = 0; i < g->limits.n_publishers; i++)
		if (memcmp(g->publishers[i], nb->cs->fingerprint, PEER_ID_LEN) == 0)
			return true;
	return false;
}

// The stream they mean, made if it is news; NULL: refused.
static struct gstream *announced(struct neighbour *nb, const struct stream_info *info)
{
	struct group *g = nb->group;
	struct groups *gs = g->groups;
	char name[STREAM_NAME_MAX + 1] = {0};
	struct gstream *s;
	int err;

	if (!g->spec.multicast || info->name.len > STREAM_NAME_MAX)
		return NULL;
	memcpy(name, info->name.data, info->name.len);
	s = stream_find(g, name, info->key);
	if (s != NULL)
		return s;
	if (!may_announce(nb)) {
		gs->n.streams_foreign++;
		return NULL;
	}
	err = stream_make(g, info, stream_relay_margin_ms(g), nb->cs->worker, 0, &s);
	if (err == 0)
		return s;
	gs->n.streams_refused++;
	return NULL;
}

void stream_rx_message(struct groups *gs, struct stream_rx *rx, struct span message)
{
	struct neighbour *nb = rx->neighbour;
	uint16_t rx_slot = rx->rx_slot;
	uint64_t flow_id = rx->flow_id;
	struct stream_info info;
	struct gstream *s = NULL;
	struct stream_link *l = NULL;

	if (group_msg_type(message) != STREAM_INFO || stream_is_end(message) ||
	    stream_info_read(&info, message) != 0)
		gs->n.malformed++;
	else
		s = announced(nb, &info);
	if (s != NULL)
		l = link_announce_to(s, nb);
	stream_rx_free(rx);
	if (l == NULL || l->rx >= 0) {
		ctl_flow_reject(nb->cs, rx_slot, flow_id, REJECT_CODE);
		return;
	}
	l->rx = rx_slot;
	l->rx_flow_id = flow_id;
	nb->cs->rx[rx_slot].ctx = l; // and its messages are held until the link is up
	link_up(l);
}

void stream_link_message(struct groups *gs, struct stream_link *l, struct span message)
{
	uint64_t end;

	if (stream_is_end(message)) {
		if (stream_end_read(&end, message) != 0 || end > STREAM_NUMBER_MAX ||
		    end < l->stream->newest) // what came later says that this is not true
			gs->n.malformed++;
		else if (!l->stream->is_published_here)
			stream_end(l->stream, end);
	} else if (group_msg_type(message) != STREAM_INFO) { // repeated: nothing new
		gs->n.unknown_messages++;
	}
}

void stream_rx_finished(struct stream_rx *rx)
{
	rx->neighbour->cs->rx[rx->rx_slot].owner = OWNER_NONE;
	rx->neighbour->cs->rx[rx->rx_slot].ctx = NULL;
	stream_rx_free(rx);
}

void stream_link_finished(struct stream_link *l, uint16_t rx_slot, uint64_t flow_id)
{
	struct ctl_session *cs = l->neighbour->cs;

	cs->rx[rx_slot].owner = OWNER_NONE;
	cs->rx[rx_slot].ctx = NULL;
	if (l->rx == rx_slot && l->rx_flow_id == flow_id) {
		link_down(l);
		l->rx = -1;
	}
}

void stream_link_exception(struct stream_link *l, uint16_t tx_slot)
{
	link_down(l);
	l->is_refused = true;
	l->refused_us = l->neighbour->group->groups->now_us;
	if (l->tx == tx_slot) {
		ctl_flow_close(l->neighbour->cs, tx_slot);
		l->tx = -1;
	}
}
