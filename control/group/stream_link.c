#include "control/group/stream_link.h"

#include <stdlib.h>
#include <string.h>

#include "control/group/neighbour.h"
#include "control/group/ring.h"

enum {
	REFUSED_US = 30000000,
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

// A session has 64 slots for our flows, and each stream takes two. What its source left without a
// word holds them for minutes: the neighbour's stalest link but this one goes, its slots are free
// when the worker says so, and whoever wants them tries again.
static void slots_make_room(const struct stream_link *but)
{
	struct stream_link *stalest = NULL;

	for (struct stream_link *l = but->neighbour->links; l != NULL; l = l->next_of_neighbour)
		if (l != but && l->tx >= 0 && l->stream->is_silent &&
		    (stalest == NULL || l->stream->progress_us < stalest->stream->progress_us))
			stalest = l;
	if (stalest != NULL)
		link_end(stalest);
}

// Both announced it: from here on the worker deals with this neighbour. Their flow was held since
// the announcement; what follows on it (their PushMask, their first map) must find the link.
void link_up(struct stream_link *l)
{
	struct ctl_session *cs = l->neighbour->cs;

	if (l->is_linked || l->is_refused || l->tx < 0 || l->rx < 0)
		return;
	l->data = ctl_flow_reserve(cs, OWNER_GROUP, l, &l->data_flow_id);
	if (l->data < 0) {
		l->data = -1;
		slots_make_room(l);
		return;
	}
	l->is_linked = true;
	l->stream->n_linked++;
	link_push(l);
	ctl_flow_accept(cs, (uint16_t)l->rx, l->rx_flow_id, FLOW_STREAM_CONTROL, l->stream->index,
			OWNER_GROUP, l);
	neighbour_keepalive(cs);
}

void link_down(struct stream_link *l)
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
	neighbour_keepalive(cs);
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
bool link_is_worthwhile(const struct gstream *s)
{
	uint64_t kept_us = ((uint64_t)s->window_ms + stream_relay_margin_ms(s->group)) * 1000;

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
					      .group = nb->group->limits.budget,
					      .rule_stream = l->stream->index,
					      .owner = OWNER_GROUP,
					      .ctx = l,
				      });
	if (l->tx < 0) {
		l->tx = -1;
		slots_make_room(l);
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

struct stream_link *link_announce_to(struct gstream *s, struct neighbour *nb)
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
			link_announce_to(s, g->neighbours[i]);
}

// Who rejected it may have had no room, or have dropped it during a long pause of its source.
static void forgive(struct stream_link *l)
{
	if (l->is_refused && stream_is_live(l->stream) &&
	    l->refused_us + REFUSED_US <= l->neighbour->group->groups->now_us)
		l->is_refused = false;
}

void links_retry(struct gstream *s)
{
	for (struct stream_link *l = s->links; l != NULL; l = l->next_of_stream) {
		forgive(l);
		if (l->tx < 0 && link_is_worthwhile(s))
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

void link_end(struct stream_link *l)
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

void streams_neighbour_is_super(struct neighbour *nb)
{
	for (struct stream_link *l = nb->links; l != NULL; l = l->next_of_neighbour)
		if (l->is_linked)
			link_push(l);
}
