// A worker: flows that deliver, streams that spread.
#include "tests/unit/control/group/world_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Startup's own: what it does when a worker says FLOW_FREED.
void ctl_flow_freed(struct ctl_session *, uint16_t slot);

// ---- flows: what arrives ----

struct report report_for(const struct end *e, enum report_op op, uint16_t slot)
{
	return (struct report){
		.op = op, .flow = slot, .session_idx = e->ctl.idx, .session_id = e->ctl.id};
}

void flow_opened(struct end *e, uint16_t slot)
{
	struct report r = report_for(e, REP_FLOW_OPENED, slot);
	if (e->node->groups == NULL)
		return;
	r.opened.flow_id = e->rx[slot].flow_id;
	r.opened.assoc_flow = (uint16_t)e->rx[slot].stream; // parked there by flow_open
	r.opened.meta_len = e->rx[slot].meta_len;
	memcpy(r.opened.meta, e->rx[slot].meta, FLOW_META_MAX);
	e->rx[slot].stream = NO_STREAM;
	groups_flow_opened(e->node->groups, &e->ctl, &r, e->node->world->now_us);
}

// Of exactly this size, so that a sanitizer sees a read past it.
static struct body *body_make(const void *octets, uint32_t len)
{
	void *body;
	int err = posix_memalign(&body, 64, sizeof(struct body) + len);

	assert(err == 0);
	if (len > 0)
		memcpy(((struct body *)body)->data, octets, len);
	return body;
}

static void message_report(struct end *e, uint16_t slot, const struct got *g)
{
	struct report r = report_for(e, REP_MESSAGE, slot);
	struct body *body = body_make(g->octets, g->len);

	r.message.flow_id = e->rx[slot].flow_id;
	r.len = g->len;
	r.body = body;
	if (e->ctl.rx[slot].flow_id == r.message.flow_id && e->ctl.rx[slot].owner != OWNER_NONE)
		groups_message(e->node->groups, &e->ctl, &r, e->node->world->now_us);
	free(body);
}

static bool is_deliverable(const struct end *e, uint16_t slot)
{
	if (e->rx[slot].class == FLOW_CONTROL || e->rx[slot].class == FLOW_STORE)
		return true;
	return e->rx[slot].class == FLOW_STREAM_CONTROL &&
	       (e->rx[slot].stream != NO_STREAM || !e->rx[slot].is_named);
}

static void finished_report(struct end *e, uint16_t slot)
{
	struct report r = report_for(e, REP_FLOW_FINISHED, slot);

	e->rx[slot].is_open = false;
	r.opened.flow_id = e->rx[slot].flow_id;
	if (e->ctl.rx[slot].flow_id == r.opened.flow_id && e->ctl.rx[slot].owner != OWNER_NONE)
		groups_flow_finished(e->node->groups, &e->ctl, &r, e->node->world->now_us);
	e->ctl.rx[slot].owner = OWNER_NONE;
}

bool flow_advance(struct end *e, uint16_t slot)
{
	struct got *g = e->rx[slot].held;

	if (!e->rx[slot].is_open || e->ctl.state != CTL_OPEN || !is_deliverable(e, slot))
		return false;
	if (g != NULL) { // one at a time: its answer, a class perhaps, lies in the ring
		e->rx[slot].held = g->next;
		if (g->next == NULL)
			e->rx[slot].held_at = &e->rx[slot].held;
		e->rx[slot].is_named = true;
		message_report(e, slot, g);
		free(g);
		return true;
	}
	if (!e->rx[slot].is_finished)
		return false;
	finished_report(e, slot);
	return true;
}

void message_arrived(struct end *e, uint16_t slot, struct got *g)
{
	if (e->node->is_raw) {
		g->rx_slot = slot;
		g->flow_id = e->rx[slot].flow_id;
		memcpy(g->meta, e->rx[slot].meta, FLOW_META_MAX);
		*e->node->got_at = g;
		e->node->got_at = &g->next;
		return;
	}
	*e->rx[slot].held_at = g;
	e->rx[slot].held_at = &g->next;
}

void held_free(struct end *e, uint16_t slot)
{
	while (e->rx[slot].held != NULL) {
		struct got *g = e->rx[slot].held;

		e->rx[slot].held = g->next;
		free(g);
	}
	e->rx[slot].held_at = &e->rx[slot].held;
}

// ---- streams ----

static void fragment_spread(struct world_node *n, uint16_t stream, uint64_t number,
			    const struct end *from);

static void fragment_take(struct world_node *n, uint16_t stream, uint64_t number,
			  const uint8_t *octets, uint32_t len, const struct end *from)
{
	struct report r = {.op = REP_STREAM_FRAGMENT, .len = len};
	struct body *body;

	if (stream >= WORLD_STREAMS_MAX || !n->streams[stream].is_used ||
	    number >= WORLD_FRAGMENTS_MAX || n->streams[stream].has[number])
		return;
	n->streams[stream].has[number] = true;
	n->streams[stream].n++;
	n->streams[stream].len[number] = len;
	n->streams[stream].octets[number] = malloc(len);
	memcpy(n->streams[stream].octets[number], octets, len);
	if ((n->streams[stream].flags & STREAM_TAP) && n->groups != NULL) {
		body = body_make(octets, len);
		r.body = body;
		r.stream.number = number;
		r.stream.stream = stream;
		groups_stream_report(n->groups, 0, &r, n->world->now_us);
		free(body);
	}
	fragment_spread(n, stream, number, from);
}

static void fragment_spread(struct world_node *n, uint16_t stream, uint64_t number,
			    const struct end *from)
{
	for (struct end *e = n->ends; e != NULL; e = e->next)
		if (e != from && e->ctl.state == CTL_OPEN && e->links[stream].is_linked)
			later(n->world, n->world->o.latency_us,
			      (struct deed){.kind = DEED_FRAGMENT,
					    .end = e,
					    .slot = stream,
					    .number = number});
}

// At the sender's end: the far stream is the one whose GR-11 our link names.
void fragment_arrive(struct end *e, uint16_t stream, uint64_t number)
{
	struct world_node *n = e->node;
	struct end *far = e->far;

	if (far == NULL || far->ctl.state != CTL_OPEN || !e->links[stream].is_linked ||
	    far->node->is_dead)
		return;
	for (int i = 0; i < FLOWS_PER_SESSION; i++)
		if (far->tx[i].is_open && far->tx[i].flow_id == e->links[stream].assoc_id)
			fragment_take(far->node, far->tx[i].rule_stream, number,
				      n->streams[stream].octets[number],
				      n->streams[stream].len[number], far);
}

static void stream_command(struct world_node *n, const struct command *c)
{
	uint16_t i = c->stream.stream;

	assert(i < WORLD_STREAMS_MAX);
	switch (c->op) {
	case CMD_STREAM_ADD:
		assert(!n->streams[i].is_used && c->len == sizeof(struct stream_seed));
		memcpy(&n->streams[i].seed, c->body->data, sizeof(struct stream_seed));
		n->streams[i].is_used = true;
		n->streams[i].flags = n->streams[i].seed.flags;
		n->streams[i].is_ended = false;
		break;
	case CMD_STREAM_TUNE:
		assert(n->streams[i].is_used && c->len == sizeof(struct stream_seed));
		memcpy(&n->streams[i].seed, c->body->data, sizeof(struct stream_seed));
		break;
	case CMD_STREAM_REMOVE:
		n->streams[i].is_used = false;
		for (int k = 0; k < WORLD_FRAGMENTS_MAX; k++) {
			free(n->streams[i].octets[k]);
			n->streams[i].octets[k] = NULL;
			n->streams[i].has[k] = false;
		}
		n->streams[i].n = 0;
		break;
	case CMD_STREAM_END:
		n->streams[i].is_ended = true;
		n->streams[i].end = c->stream.number;
		break;
	default:
		fragment_take(n, i, c->stream.number, c->body->data, c->len, NULL);
	}
}

static void link_command(struct end *e, const struct command *c)
{
	uint16_t i = c->link.stream;

	assert(i < WORLD_STREAMS_MAX);
	if (c->op == CMD_STREAM_LINK) {
		assert(e->node->streams[i].is_used);
		assert(e->tx[c->link.control_flow].is_open);
		e->links[i].is_linked = true;
		e->links[i].is_super = c->link.flags & LINK_IS_SUPER;
		e->links[i].data_flow = c->link.data_flow;
		e->links[i].assoc_id = c->link.assoc_id;
	} else if (e->links[i].is_linked) {
		e->links[i].is_linked = false;
		ctl_flow_freed(&e->ctl, e->links[i].data_flow);
	}
}

// ---- commands ----

static int rx_slot_free(const struct end *e)
{
	for (int i = 0; i < FLOWS_PER_SESSION; i++)
		if (!e->rx[i].is_open)
			return i;
	return -1;
}

static void flow_open(struct end *e, const struct command *c)
{
	struct world *w = e->node->world;
	struct end *far = e->far;
	int slot = far != NULL ? rx_slot_free(far) : -1;

	e->tx[c->flow].is_open = true;
	e->tx[c->flow].prio = c->open.prio;
	e->tx[c->flow].flow_id = c->open.flow_id;
	e->tx[c->flow].rule_stream = c->open.rule_stream;
	e->tx[c->flow].far_rx = slot;
	if (slot < 0)
		return;
	held_free(far, (uint16_t)slot);
	far->rx[slot].is_open = true;
	far->rx[slot].is_rejected = far->rx[slot].is_finished = far->rx[slot].is_named = false;
	far->rx[slot].class = FLOW_HELD;
	far->rx[slot].flow_id = c->open.flow_id;
	far->rx[slot].far_tx = c->flow;
	far->rx[slot].meta_len = c->open.meta_len;
	memset(far->rx[slot].meta, 0, FLOW_META_MAX);
	memcpy(far->rx[slot].meta, c->open.meta, c->open.meta_len);
	far->rx[slot].stream = NO_FLOW; // for now: the slot of theirs that it returns
	for (uint16_t i = 0; (c->open.flags & FLOW_OPEN_ASSOC) && i < FLOWS_PER_SESSION; i++)
		if (far->tx[i].is_open && far->tx[i].flow_id == c->open.assoc_id)
			far->rx[slot].stream = i;
	later(w, w->o.latency_us,
	      (struct deed){.kind = DEED_FLOW_OPENED, .end = far, .slot = (uint16_t)slot});
}

static void flow_send(struct end *e, const struct command *c)
{
	struct world *w = e->node->world;
	struct got *g;

	if (!e->tx[c->flow].is_open || e->tx[c->flow].far_rx < 0 || e->far == NULL)
		return;
	g = calloc(1, sizeof(*g) + c->len);
	g->len = c->len;
	memcpy(g->octets, c->body->data, c->len);
	later(w, w->o.latency_us,
	      (struct deed){.kind = DEED_MESSAGE,
			    .end = e->far,
			    .slot = (uint16_t)e->tx[c->flow].far_rx,
			    .got = g});
}

static void flow_close(struct end *e, const struct command *c)
{
	struct world *w = e->node->world;

	if (e->tx[c->flow].is_open && e->tx[c->flow].far_rx >= 0 && e->far != NULL)
		later(w, w->o.latency_us,
		      (struct deed){.kind = DEED_FINISHED,
				    .end = e->far,
				    .slot = (uint16_t)e->tx[c->flow].far_rx});
	e->tx[c->flow].is_open = false;
	ctl_flow_freed(&e->ctl, c->flow);
}

static void flow_class(struct end *e, const struct command *c)
{
	struct world *w = e->node->world;

	if (!e->rx[c->flow].is_open || e->rx[c->flow].flow_id != c->class.flow_id)
		return;
	// What is held on the flow is looked at the moment it has a stream: it must find the link.
	if (c->class.class == FLOW_STREAM_CONTROL && c->class.stream != NO_STREAM)
		assert(e->links[c->class.stream].is_linked);
	e->is_moving = true;
	e->rx[c->flow].class = c->class.class;
	e->rx[c->flow].stream = c->class.stream;
	e->rx[c->flow].answer_flow_id = c->class.answer_flow_id;
	if (c->class.class != FLOW_REJECT)
		return;
	e->rx[c->flow].is_open = false;
	held_free(e, c->flow);
	if (e->far != NULL)
		later(w, w->o.latency_us,
		      (struct deed){.kind = DEED_EXCEPTION,
				    .end = e->far,
				    .slot = e->rx[c->flow].far_tx});
}

static struct end *end_of(struct world_node *n, const struct command *c)
{
	for (struct end *e = n->ends; e != NULL; e = e->next)
		if (e->ctl.idx == c->session_idx && e->ctl.id == c->session_id)
			return e;
	return NULL;
}

static void stats(struct world_node *n, const struct command *c)
{
	struct report r = {.op = REP_STATS, .flags = STATS_LAST, .stats.table = c->stats.table};
	struct stream_stats rows[WORLD_STREAMS_MAX];
	struct body *body;

	if (c->stats.table == STATS_STREAMS)
		for (uint16_t i = 0; i < WORLD_STREAMS_MAX; i++) {
			if (!n->streams[i].is_used)
				continue;
			rows[r.stats.n] = (struct stream_stats){.stream = i};
			for (uint32_t k = 0; k < WORLD_FRAGMENTS_MAX; k++)
				if (n->streams[i].has[k])
					rows[r.stats.n].newest = k;
			r.stats.n++;
		}
	body = body_make(rows, r.stats.n * (uint32_t)sizeof(rows[0]));
	r.body = body;
	if (n->groups != NULL)
		groups_stats(n->groups, 0, &r, n->world->now_us);
	free(body);
}

static void keepalive(struct end *e, const struct command *c)
{
	e->keepalive_us = c->keepalive.interval_us;
	e->suspect_us = c->keepalive.suspect_us;
}

void body_home(struct world_node *n, struct body *body)
{
	struct report r = {.op = REP_BODIES_PUT, .bodies.more = {body}};

	outbox_bodies_put(n->outbox, &r);
}

static bool is_kept(struct world_node *n, const struct command *c)
{
	const struct end *e = end_of(n, c);
	bool is_so = e != NULL && e->is_slow && c->op == CMD_FLOW_SEND &&
		     n->n_unacknowledged < sizeof(n->unacknowledged) / sizeof(n->unacknowledged[0]);

	if (is_so)
		n->unacknowledged[n->n_unacknowledged++] = c->body;
	return is_so;
}

void world_datagram(struct world_node *from, struct span octets)
{
	struct world *w = from->world;
	struct body *copy = body_make(octets.data, (uint32_t)octets.len);

	for (uint32_t i = 0; i < w->n_nodes; i++)
		if (w->nodes[i] != from && !w->nodes[i]->is_dead && w->nodes[i]->groups != NULL)
			groups_lan_datagram(w->nodes[i]->groups, &from->addr,
					    span_of(copy->data, octets.len), w->now_us);
	free(copy);
}

static void datagram(struct world_node *n, const struct command *c)
{
	const struct world_opts *o = &n->world->o;
	struct span octets = span_of(c->body->data, c->len);

	if (o->on_datagram == NULL || o->on_datagram(o->ctx, n, octets))
		world_datagram(n, octets);
}

static void lent_command(struct world_node *n, const struct command *c)
{
	n->lent.last = *c;
	n->lent.n_dropped += c->op == CMD_OBJECTS_DROP;
	if (c->op != CMD_OBJECT_KEEP)
		return;
	n->lent.n_kept++;
	memcpy(n->lent.octets, c->body->data,
	       c->len < sizeof(n->lent.octets) ? c->len : sizeof(n->lent.octets));
}

static void command(struct world_node *n, const struct command *c)
{
	struct end *e = end_of(n, c);

	n->n_stats += c->op == CMD_STATS;
	if (c->op == CMD_STATS)
		stats(n, c);
	else if (c->op == CMD_DATAGRAM)
		datagram(n, c);
	else if (c->op == CMD_OBJECT_KEEP || c->op == CMD_OBJECTS_DROP)
		lent_command(n, c);
	else if (c->op >= CMD_STREAM_ADD && c->op <= CMD_STREAM_MULTICAST)
		stream_command(n, c);
	else if (e == NULL || e->is_told_closed)
		return;
	else if (c->op == CMD_FLOW_OPEN)
		flow_open(e, c);
	else if (c->op == CMD_FLOW_SEND)
		flow_send(e, c);
	else if (c->op == CMD_FLOW_CLOSE)
		flow_close(e, c);
	else if (c->op == CMD_FLOW_CLASS)
		flow_class(e, c);
	else if (c->op == CMD_STREAM_LINK || c->op == CMD_STREAM_UNLINK)
		link_command(e, c);
	else if (c->op == CMD_SESSION_KEEPALIVE)
		keepalive(e, c);
	else if (c->op == CMD_SESSION_CLOSE)
		world_cut(e, CLOSED_BY_US);
}

bool commands(struct world_node *n)
{
	struct command c;
	bool any = false;

	outbox_flush(n->outbox);
	while (mailbox_pop(n->ring, &c)) {
		any = true;
		if (!n->is_dead && is_kept(n, &c))
			continue;
		if (!n->is_dead)
			command(n, &c);
		if (c.body != NULL)
			body_home(n, c.body);
	}
	return any;
}
