#include "control/group/stream_link.h"

#include <stdlib.h>
#include <string.h>

#include "control/group/ring.h"
#include "control/group/fragment_store.h"
#include "control/group/neighbour.h"

enum {
	STREAM_RX_MAX = 16,          // of a neighbour, before they name a stream
	BUSY_KEEPALIVE_US = 2000000, // groups.md 11: while a stream flows
};

// ---- making and freeing ----

static struct stream_link *link_find(const struct gstream *s, const struct neighbour *nb)
{
	struct stream_link *l = nb->links;

	while (l != NULL && l->stream != s)
		l = l->next_of_neighbour;
	return l;
}

static struct stream_link *link_make(struct gstream *s, struct neighbour *nb)
{
	struct stream_link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	*l = (struct stream_link){.ctx = CTX_LINK,
				  .neighbour = nb,
				  .stream = s,
				  .next_of_stream = s->links,
				  .next_of_neighbour = nb->links,
				  .tx = -1,
				  .rx = -1,
				  .data = -1};
	s->links = l;
	nb->links = l;
	return l;
}

static void link_free(struct stream_link *l)
{
	struct stream_link **at = &l->stream->links;

	while (*at != l)
		at = &(*at)->next_of_stream;
	*at = l->next_of_stream;
	at = &l->neighbour->links;
	while (*at != l)
		at = &(*at)->next_of_neighbour;
	*at = l->next_of_neighbour;
	free(l);
}

// ---- the worker's knowledge ----

static struct command link_command(const struct stream_link *l, enum command_op op)
{
	const struct ctl_session *cs = l->neighbour->cs;

	return (struct command){.op = (uint8_t)op,
				.session_idx = cs->idx,
				.session_id = cs->id,
				.link.stream = l->stream->index};
}

static void link_push(const struct stream_link *l)
{
	const struct neighbour *nb = l->neighbour;
	struct command c = link_command(l, CMD_STREAM_LINK);

	c.link.control_flow = (uint16_t)l->tx;
	c.link.data_flow = (uint16_t)l->data;
	c.link.data_flow_id = l->data_flow_id;
	c.link.assoc_id = l->rx_flow_id;
	c.link.flags = nb->is_super ? LINK_IS_SUPER : 0;
	if (nb->member != NULL) // clockwise from us
		c.link.ring_order = ring_up(nb->group->address, nb->member->at.at).w[0];
	outbox_push(nb->group->groups->o.outbox, nb->cs->worker, &c);
}

// Both announced it: from here on the worker deals with this neighbour.
static void link_up(struct stream_link *l)
{
	struct ctl_session *cs = l->neighbour->cs;

	if (l->is_linked || l->is_refused || l->tx < 0 || l->rx < 0)
		return;
	l->data = ctl_flow_reserve(cs, OWNER_GROUP, l, &l->data_flow_id);
	if (l->data < 0)
		return;
	l->is_linked = true;
	l->stream->n_linked++;
	link_push(l);
	ctl_session_keepalive(cs, BUSY_KEEPALIVE_US, 0);
}

static void link_down(struct stream_link *l)
{
	struct ctl_session *cs = l->neighbour->cs;
	struct command c = link_command(l, CMD_STREAM_UNLINK);

	if (!l->is_linked)
		return;
	l->is_linked = false;
	l->stream->n_linked--;
	cs->tx[l->data].ctx = NULL; // the slot is free after FLOW_FREED; nobody hears of it
	l->data = -1;
	if (cs->state == CTL_OPEN)
		outbox_push(l->neighbour->group->groups->o.outbox, cs->worker, &c);
}

// ---- our GR-11 ----

static int send_info(const struct stream_link *l)
{
	uint8_t message[512];
	struct wr w = wr_over(message, sizeof(message));
	int err = stream_info_write(&w, &l->stream->info);

	return err != 0 ? err
			: ctl_flow_send(l->neighbour->cs, (uint16_t)l->tx, message, (uint32_t)w.len,
					0);
}

static void send_end(struct stream_link *l)
{
	uint8_t message[STREAM_END_LEN_MAX];
	struct wr w = wr_over(message, sizeof(message));

	if (l->tx < 0 || l->stream->end == 0 || l->has_end_out)
		return;
	if (stream_end_write(&w, l->stream->end) == 0 &&
	    ctl_flow_send(l->neighbour->cs, (uint16_t)l->tx, message, (uint32_t)w.len, 0) == 0)
		l->has_end_out = true;
}

// What left every window is of no use to a newcomer.
static bool is_worth_announcing(const struct gstream *s)
{
	uint64_t kept_us = ((uint64_t)s->window_ms + STREAM_RELAY_MARGIN_MS) * 1000;

	return !s->is_silent &&
	       (!s->has_ended || s->group->groups->now_us < s->progress_us + kept_us);
}

// Opens our flow, as the return of their main flow; their fragments will be relayed at once.
static void link_announce(struct stream_link *l)
{
	struct span meta = flow_kind_metadata(FLOW_GROUP_STREAM);
	struct neighbour *nb = l->neighbour;

	if (l->tx >= 0 || l->is_refused || nb->state != NEIGHBOUR_OPEN || nb->main_rx == NULL)
		return;
	l->tx = ctl_flow_open(nb->cs, &(struct ctl_flow_opts){
					      .meta = meta.data,
					      .meta_len = (uint8_t)meta.len,
					      .has_assoc = true,
					      .assoc_id = nb->main_rx->flow_id,
					      .prio = PRIO_CONTROL,
					      .rule_stream = l->stream->index,
					      .owner = OWNER_GROUP,
					      .ctx = l,
				      });
	if (l->tx < 0) {
		l->tx = -1;
		return;
	}
	if (send_info(l) != 0) { // a flow without it would mean nothing
		ctl_flow_close(nb->cs, (uint16_t)l->tx);
		l->tx = -1;
		return;
	}
	send_end(l);
	link_up(l);
}

static struct stream_link *announce_to(struct gstream *s, struct neighbour *nb)
{
	struct stream_link *l = link_find(s, nb);

	if (l == NULL)
		l = link_make(s, nb);
	if (l != NULL)
		link_announce(l);
	return l;
}

void links_announce(struct gstream *s)
{
	const struct group *g = s->group;

	for (uint32_t i = 0; i < g->n_neighbours; i++)
		if (g->neighbours[i]->state == NEIGHBOUR_OPEN)
			announce_to(s, g->neighbours[i]);
}

void links_retry(struct gstream *s)
{
	for (struct stream_link *l = s->links; l != NULL; l = l->next_of_stream) {
		if (l->tx < 0 && is_worth_announcing(s))
			link_announce(l);
		send_end(l);
		link_up(l);
	}
}

void links_pass_end(struct gstream *s)
{
	for (struct stream_link *l = s->links; l != NULL; l = l->next_of_stream) {
		l->has_end_out = false; // a higher one than before
		send_end(l);
	}
}

// ---- the end ----

// Their flows of this stream: no more of it.
static void link_reject_rx(struct stream_link *l)
{
	struct ctl_session *cs = l->neighbour->cs;

	for (uint16_t i = 0; i < FLOWS_PER_SESSION; i++)
		if (cs->rx[i].owner == OWNER_GROUP && cs->rx[i].ctx == l)
			ctl_flow_reject(cs, i, cs->rx[i].flow_id, REJECT_CODE);
	l->rx = -1;
}

static void link_end(struct stream_link *l)
{
	link_down(l);
	link_reject_rx(l);
	if (l->tx >= 0)
		ctl_flow_close(l->neighbour->cs, (uint16_t)l->tx);
	link_free(l);
}

void links_end(struct gstream *s)
{
	while (s->links != NULL)
		link_end(s->links);
}

// ---- neighbours come and go ----

static void stream_rx_accept(struct neighbour *nb, uint16_t rx_slot, uint64_t flow_id)
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

	for (uint8_t i = 0; i < nb->n_held; i++)
		stream_rx_accept(nb, nb->held[i].rx_slot, nb->held[i].flow_id);
	nb->n_held = 0;
	for (; s != NULL; s = s->next)
		if (is_worth_announcing(s))
			announce_to(s, nb);
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

void streams_neighbour_is_super(struct neighbour *nb)
{
	for (struct stream_link *l = nb->links; l != NULL; l = l->next_of_neighbour)
		if (l->is_linked)
			link_push(l);
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
	else if (nb == NULL || !neighbour_holds(nb, r))
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
	err = stream_make(g, info, STREAM_RELAY_MARGIN_MS, nb->cs->worker, false, &s);
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
		l = announce_to(s, nb);
	stream_rx_free(rx);
	if (l == NULL || l->rx >= 0) {
		ctl_flow_reject(nb->cs, rx_slot, flow_id, REJECT_CODE);
		return;
	}
	l->rx = rx_slot;
	l->rx_flow_id = flow_id;
	ctl_flow_accept(nb->cs, rx_slot, flow_id, FLOW_STREAM_CONTROL, s->index, OWNER_GROUP, l);
	link_up(l);
}

void stream_link_message(struct groups *gs, struct stream_link *l, struct span message)
{
	uint64_t end;

	if (stream_is_end(message)) {
		if (stream_end_read(&end, message) != 0 || end > STREAM_NUMBER_MAX)
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
	if (l->tx == tx_slot) {
		ctl_flow_close(l->neighbour->cs, tx_slot);
		l->tx = -1;
	}
}
