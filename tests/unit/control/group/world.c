#include "tests/unit/control/group/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha.h"
#include "dataplane/wire/flow_kind.h"

enum { RING = 8192 };

// Startup's own: what it does when a worker says FLOW_FREED.
void ctl_flow_freed(struct ctl_session *, uint16_t slot);

enum deed_kind {
	DEED_FLOW_OPENED,
	DEED_MESSAGE,
	DEED_FINISHED,
	DEED_EXCEPTION,
	DEED_FRAGMENT,
	DEED_CLOSED,
	DEED_OPEN_DONE,
	DEED_OPEN_LIMIT,
};

// Something that happens later.
struct deed {
	uint64_t at_us, order;
	enum deed_kind kind;
	struct end *end; // that it happens to
	uint16_t slot;
	uint64_t number;
	uint8_t reason;
	struct got *got;
	struct opening *opening;
};

// The fake's own; the real one belongs to startup.
struct world_opening {
	struct world_node *node;
	uint8_t wanted[PEER_ID_LEN];
	void *user;
	bool is_used;
	bool is_travelling; // an IHello has found its way
};

struct world {
	struct world_opts o;
	uint64_t now_us, order;
	struct random_state seed;
	struct random random;
	struct world_node *nodes[WORLD_NODES_MAX];
	uint32_t n_nodes;
	struct deed *deeds; // a heap
	uint32_t n_deeds, deeds_cap;
	struct world_opening openings[1024];
	uint32_t next_session;
};

// ---- later ----

static bool is_before(const struct deed *a, const struct deed *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct deed *a, struct deed *b)
{
	struct deed t = *a;

	*a = *b;
	*b = t;
}

static void later(struct world *w, uint64_t after_us, struct deed d)
{
	uint32_t i = w->n_deeds++;

	if (w->n_deeds > w->deeds_cap) {
		w->deeds_cap = w->deeds_cap ? 2 * w->deeds_cap : 1024;
		w->deeds = realloc(w->deeds, w->deeds_cap * sizeof(*w->deeds));
		assert(w->deeds != NULL);
	}
	d.at_us = w->now_us + after_us;
	d.order = w->order++;
	w->deeds[i] = d;
	for (; i > 0 && is_before(&w->deeds[i], &w->deeds[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&w->deeds[i], &w->deeds[(i - 1) / 2]);
}

static struct deed first_deed(struct world *w)
{
	struct deed d = w->deeds[0];
	uint32_t i = 0;

	w->deeds[0] = w->deeds[--w->n_deeds];
	for (;;) {
		uint32_t l = 2 * i + 1, least = i;

		if (l < w->n_deeds && is_before(&w->deeds[l], &w->deeds[least]))
			least = l;
		if (l + 1 < w->n_deeds && is_before(&w->deeds[l + 1], &w->deeds[least]))
			least = l + 1;
		if (least == i)
			return d;
		swap(&w->deeds[i], &w->deeds[least]);
		i = least;
	}
}

// ---- sessions ----

static struct end *end_make(struct world_node *n, struct world_node *far, uint8_t endpoint,
			    uint8_t far_endpoint, bool is_initiator)
{
	struct end *e = calloc(1, sizeof(*e));

	e->node = n;
	e->next = n->ends;
	n->ends = e;
	e->ctl.idx = n->world->next_session;
	e->ctl.id = 0x10000 + n->world->next_session++;
	e->ctl.state = CTL_OPEN;
	e->ctl.endpoint = endpoint;
	e->ctl.is_initiator = is_initiator;
	e->ctl.is_alive = true;
	e->ctl.far = far_endpoint == WORLD_SERVER ? far->server_addr : far->addr;
	e->ctl.opened_us = n->world->now_us;
	e->ctl.outbox = n->outbox;
	memcpy(e->ctl.fingerprint, far->id, PEER_ID_LEN);
	if (far_endpoint == WORLD_SERVER)
		e->ctl.fingerprint[0] ^= 0xff; // another certificate
	for (int i = 0; i < FLOWS_PER_SESSION; i++)
		e->rx[i].held_at = &e->rx[i].held;
	return e;
}

static struct end *session_make(struct world_node *a, uint8_t a_endpoint, struct world_node *b,
				uint8_t b_endpoint)
{
	struct end *x = end_make(a, b, a_endpoint, b_endpoint, true);
	struct end *y = end_make(b, a, b_endpoint, a_endpoint, false);

	x->far = y;
	y->far = x;
	random_fill(&a->world->random, x->ctl.near_nonce, 32);
	random_fill(&a->world->random, x->ctl.far_nonce, 32);
	memcpy(y->ctl.near_nonce, x->ctl.far_nonce, 32);
	memcpy(y->ctl.far_nonce, x->ctl.near_nonce, 32);
	return x;
}

struct end *world_end_to(struct world_node *from, const struct world_node *to, uint8_t endpoint)
{
	for (struct end *e = from->ends; e != NULL; e = e->next)
		if (e->ctl.state == CTL_OPEN && e->ctl.endpoint == endpoint && e->far != NULL &&
		    e->far->node == to)
			return e;
	return NULL;
}

static void end_closed(struct end *e, uint8_t reason)
{
	if (e->is_told_closed)
		return;
	e->is_told_closed = true;
	e->ctl.state = CTL_CLOSING;
	for (int i = 0; i < WORLD_STREAMS_MAX; i++)
		e->links[i].is_linked = false;
	if (e->node->groups != NULL && !e->node->is_dead)
		groups_session_closed(e->node->groups, &e->ctl, reason, e->node->world->now_us);
}

void world_cut(struct end *e, enum session_close_reason reason)
{
	struct world *w = e->node->world;
	struct end *far = e->far;

	later(w, 0, (struct deed){.kind = DEED_CLOSED, .end = e, .reason = reason});
	if (far != NULL)
		later(w, w->o.latency_us,
		      (struct deed){.kind = DEED_CLOSED, .end = far, .reason = CLOSED_BY_FAR});
}

void world_die(struct world_node *n)
{
	n->is_dead = true;
	for (struct end *e = n->ends; e != NULL; e = e->next)
		if (e->far != NULL)
			later(n->world, 5 * S,
			      (struct deed){.kind = DEED_CLOSED,
					    .end = e->far,
					    .reason = CLOSED_TIMEOUT});
}

// ---- startup's front door ----

static struct world_node *node_by_id(struct world *w, const uint8_t *id)
{
	for (uint32_t i = 0; i < w->n_nodes; i++)
		if (memcmp(w->nodes[i]->id, id, PEER_ID_LEN) == 0)
			return w->nodes[i];
	return NULL;
}

static struct world_opening *opening_of(struct opening *o)
{
	return (struct world_opening *)(void *)o;
}

// Does one of the candidates lead to the peer, directly or by an introducer that it is connected
// to?
static bool leads_to(struct world_node *from, const struct world_node *to,
		     const struct wire_addr *candidates, uint8_t n)
{
	struct world *w = from->world;
	bool found = false;

	for (uint8_t i = 0; i < n; i++) {
		from->n_hellos_direct += candidates[i].origin != ADDR_RELAY;
		from->n_hellos_introduced += candidates[i].origin == ADDR_RELAY;
		if (to == NULL || to->is_dead)
			continue;
		found |= wire_addr_equal(&candidates[i], &to->addr);
		for (uint32_t k = 0; k < w->n_nodes; k++) {
			struct world_node *server = w->nodes[k];

			if (server->server_addr.family != 0 && !server->is_dead &&
			    wire_addr_equal(&candidates[i], &server->server_addr))
				found |= server == to || world_end_to((struct world_node *)to,
								      server, WORLD_MEMBER) != NULL;
		}
	}
	return found;
}

void startup_open_add(struct opening *opening, const struct wire_addr *candidates, uint8_t n,
		      uint64_t now_us)
{
	struct world_opening *o = opening_of(opening);
	struct world *w = o->node->world;

	if (!o->is_travelling && leads_to(o->node, node_by_id(w, o->wanted), candidates, n)) {
		o->is_travelling = true;
		later(w, 4 * w->o.latency_us,
		      (struct deed){.kind = DEED_OPEN_DONE, .opening = opening});
	}
}

struct ctl_session *startup_find(struct startup *st, uint8_t endpoint,
				 const uint8_t fingerprint[32])
{
	for (struct end *e = st->node->ends; e != NULL; e = e->next)
		if (e->ctl.state == CTL_OPEN && e->ctl.endpoint == endpoint &&
		    memcmp(e->ctl.fingerprint, fingerprint, 32) == 0)
			return &e->ctl;
	return NULL;
}

struct opening *startup_open(struct startup *st, const struct open_opts *opts,
			     struct ctl_session **existing, uint64_t now_us)
{
	struct world *w = st->node->world;
	struct world_opening *o = w->openings;

	assert(opts->epd.len == PEER_EPD_LEN && opts->endpoint == WORLD_MEMBER);
	*existing = startup_find(st, opts->endpoint, opts->epd.data + 2);
	if (*existing != NULL)
		return NULL;
	while (o->is_used)
		o++;
	*o = (struct world_opening){.node = st->node, .user = opts->user, .is_used = true};
	memcpy(o->wanted, opts->epd.data + 2, PEER_ID_LEN);
	later(w, opts->limit_us,
	      (struct deed){.kind = DEED_OPEN_LIMIT, .opening = (struct opening *)o});
	startup_open_add((struct opening *)o, opts->candidates, opts->n_candidates, now_us);
	return (struct opening *)o;
}

void startup_open_cancel(struct opening *o)
{
	opening_of(o)->user = NULL; // the row is used until its limit
}

struct ctl_session *startup_session(struct startup *st, uint32_t worker, uint32_t idx, uint32_t id)
{
	for (struct end *e = st->node->ends; e != NULL; e = e->next)
		if (e->ctl.idx == idx && e->ctl.id == id && e->ctl.worker == worker)
			return &e->ctl;
	return NULL;
}

struct ctl_session *startup_next(struct startup *st, uint32_t *at)
{
	uint32_t i = 0;

	for (struct end *e = st->node->ends; e != NULL; e = e->next)
		if (e->ctl.state == CTL_OPEN && i++ == *at) {
			++*at;
			return &e->ctl;
		}
	return NULL;
}

static void open_done(struct world *w, struct world_opening *o)
{
	struct world_node *to = node_by_id(w, o->wanted);
	struct ctl_session *existing;
	struct end *e;

	if (o->user == NULL || o->node->is_dead || to->is_dead)
		return;
	existing = startup_find(&o->node->startup, WORLD_MEMBER, o->wanted);
	if (existing != NULL) {
		groups_open_failed(o->node->groups, o->user, OPEN_DUPLICATE, existing, w->now_us);
	} else {
		e = session_make(o->node, WORLD_MEMBER, to, WORLD_MEMBER);
		o->node->n_opened++;
		if (to->groups != NULL)
			groups_session_opened(to->groups, &e->far->ctl, NULL, w->now_us);
		groups_session_opened(o->node->groups, &e->ctl, o->user, w->now_us);
	}
	o->user = NULL;
}

static void open_limit(struct world *w, struct world_opening *o)
{
	if (o->user != NULL && !o->node->is_dead)
		groups_open_failed(o->node->groups, o->user, OPEN_TIMEOUT, NULL, w->now_us);
	o->is_used = false;
}

// ---- flows: what arrives ----

static struct report report_for(const struct end *e, enum report_op op, uint16_t slot)
{
	return (struct report){
		.op = op, .flow = slot, .session_idx = e->ctl.idx, .session_id = e->ctl.id};
}

static void flow_opened(struct end *e, uint16_t slot)
{
	struct report r = report_for(e, REP_FLOW_OPENED, slot);
	struct end *far = e->far;

	if (e->node->groups == NULL)
		return;
	r.opened.flow_id = e->rx[slot].flow_id;
	r.opened.assoc_flow = (uint16_t)e->rx[slot].stream; // parked there by flow_open
	r.opened.meta_len = e->rx[slot].meta_len;
	memcpy(r.opened.meta, e->rx[slot].meta, FLOW_META_MAX);
	e->rx[slot].stream = NO_STREAM;
	(void)far;
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
	if (e->rx[slot].class == FLOW_CONTROL)
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

static void flow_advance(struct end *e, uint16_t slot)
{
	uint64_t flow_id = e->rx[slot].flow_id;

	while (e->rx[slot].is_open && e->rx[slot].held != NULL && is_deliverable(e, slot) &&
	       e->rx[slot].flow_id == flow_id && e->ctl.state == CTL_OPEN) {
		struct got *g = e->rx[slot].held;

		e->rx[slot].held = g->next;
		if (g->next == NULL)
			e->rx[slot].held_at = &e->rx[slot].held;
		e->rx[slot].is_named = true;
		message_report(e, slot, g);
		free(g);
		// Its answer, a class perhaps, lies in the ring.
		return;
	}
	if (e->rx[slot].is_open && e->rx[slot].is_finished && e->rx[slot].held == NULL &&
	    is_deliverable(e, slot))
		finished_report(e, slot);
}

static void message_arrived(struct end *e, uint16_t slot, struct got *g)
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

static void held_free(struct end *e, uint16_t slot)
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
static void fragment_arrive(struct end *e, uint16_t stream, uint64_t number)
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
	e->rx[c->flow].class = c->class.class;
	e->rx[c->flow].stream = c->class.stream;
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

static void command(struct world_node *n, const struct command *c)
{
	struct end *e = end_of(n, c);

	if (c->op == CMD_STATS)
		stats(n, c);
	else if (c->op >= CMD_STREAM_ADD && c->op <= CMD_STREAM_PUBLISH)
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
	else if (c->op == CMD_SESSION_CLOSE)
		world_cut(e, CLOSED_BY_US);
}

static bool commands(struct world_node *n)
{
	struct command c;
	bool any = false;

	outbox_flush(n->outbox);
	while (mailbox_pop(n->ring, &c)) {
		any = true;
		if (!n->is_dead)
			command(n, &c);
		if (c.body != NULL)
			body_put(c.body);
	}
	return any;
}

// ---- turns ----

static void deed_do(struct world *w, struct deed *d)
{
	struct end *e = d->end;
	struct report r;

	if (d->opening != NULL) {
		if (d->kind == DEED_OPEN_DONE)
			open_done(w, opening_of(d->opening));
		else
			open_limit(w, opening_of(d->opening));
		return;
	}
	if (d->kind == DEED_CLOSED) {
		end_closed(e, d->reason);
		return;
	}
	if (e->ctl.state != CTL_OPEN || e->node->is_dead) {
		free(d->got);
		return;
	}
	switch (d->kind) {
	case DEED_FLOW_OPENED:
		flow_opened(e, d->slot);
		break;
	case DEED_MESSAGE:
		if (e->rx[d->slot].is_open)
			message_arrived(e, d->slot, d->got);
		else
			free(d->got);
		break;
	case DEED_FINISHED:
		e->rx[d->slot].is_finished = true;
		break;
	case DEED_EXCEPTION:
		r = report_for(e, REP_FLOW_EXCEPTION, d->slot);
		r.exception.flow_id = e->tx[d->slot].flow_id;
		if (e->tx[d->slot].is_open && e->node->groups != NULL)
			groups_flow_exception(e->node->groups, &e->ctl, &r, w->now_us);
		break;
	case DEED_FRAGMENT:
		fragment_arrive(e, d->slot, d->number);
		break;
	default:
		break;
	}
}

static void take_events(struct world_node *n)
{
	struct group_event e;

	while (groups_event(n->groups, &e, n->world->now_us)) {
		n->n_events[e.kind]++;
		if (e.kind == GROUP_PLAY_MESSAGE && n->messages_len < sizeof(n->messages) - 16)
			n->messages_len += (size_t)sprintf(n->messages + n->messages_len, "%u ",
							   e.message.timestamp);
	}
}

// Rings and flows until nothing moves any more at this moment.
static void settle(struct world *w)
{
	bool any = true;

	while (any) {
		any = false;
		for (uint32_t i = 0; i < w->n_nodes; i++) {
			struct world_node *n = w->nodes[i];

			any |= commands(n);
			for (struct end *e = n->ends; e != NULL && !n->is_raw; e = e->next)
				for (uint16_t k = 0;
				     k < FLOWS_PER_SESSION && e->ctl.state == CTL_OPEN; k++) {
					struct got *held = e->rx[k].held;
					bool was_open = e->rx[k].is_open;

					flow_advance(e, k);
					any |= held != e->rx[k].held ||
					       was_open != e->rx[k].is_open;
				}
		}
	}
	for (uint32_t i = 0; i < w->n_nodes; i++)
		if (w->nodes[i]->groups != NULL && !w->nodes[i]->is_dead)
			take_events(w->nodes[i]);
}

static uint64_t next_us(struct world *w)
{
	uint64_t at_us = w->n_deeds > 0 ? w->deeds[0].at_us : UINT64_MAX;

	for (uint32_t i = 0; i < w->n_nodes; i++)
		if (w->nodes[i]->groups != NULL && !w->nodes[i]->is_dead) {
			uint64_t us = groups_deadline_us(w->nodes[i]->groups);

			at_us = us < at_us ? us : at_us;
		}
	return at_us;
}

void world_run(struct world *w, uint64_t us)
{
	uint64_t end_us = w->now_us + us, last_us = 0;
	uint32_t turns_here = 0;

	settle(w);
	for (;;) {
		uint64_t at_us = next_us(w);

		if (at_us > end_us)
			break;
		if (at_us > w->now_us)
			w->now_us = at_us;
		turns_here = w->now_us == last_us ? turns_here + 1 : 0;
		assert(turns_here < 100000); // a deadline that nothing satisfies
		last_us = w->now_us;
		while (w->n_deeds > 0 && w->deeds[0].at_us <= w->now_us) {
			struct deed d = first_deed(w);

			deed_do(w, &d);
			settle(w);
		}
		for (uint32_t i = 0; i < w->n_nodes; i++)
			if (w->nodes[i]->groups != NULL && !w->nodes[i]->is_dead &&
			    groups_deadline_us(w->nodes[i]->groups) <= w->now_us)
				groups_timers(w->nodes[i]->groups, w->now_us);
		settle(w);
	}
	w->now_us = end_us;
}

// ---- life ----

struct world *world_create(const struct world_opts *o)
{
	struct world *w = calloc(1, sizeof(*w));

	w->o = *o;
	w->now_us = 1000 * S;
	w->random = random_seeded(&w->seed, o->seed);
	return w;
}

uint64_t world_now_us(const struct world *w)
{
	return w->now_us;
}

struct world_node *world_add(struct world *w, const struct world_role *role)
{
	struct world_node *n = calloc(1, sizeof(*n));
	char text[WIRE_ADDR_TEXT_MAX];

	assert(w->n_nodes < WORLD_NODES_MAX);
	n->world = w;
	n->index = w->n_nodes;
	n->is_raw = role->is_raw;
	n->got_at = &n->got;
	random_fill(&w->random, n->id, sizeof(n->id));
	snprintf(text, sizeof(text), "10.1.%u.%u:1936", n->index / 250, n->index % 250 + 1);
	wire_addr_parse(&n->addr, text);
	if (role->is_server) {
		n->server_addr = n->addr;
		n->server_addr.port = 1935;
	}
	n->startup.node = n;
	n->ring = mailbox_create(RING);
	n->bodies = body_pool_create(16 << 20);
	n->outbox = outbox_create(&n->ring, 1, n->bodies);
	if (!role->is_raw) {
		struct groups_opts o = {
			.startup = &n->startup,
			.outbox = n->outbox,
			.random = &w->random,
			.server_endpoint = role->is_server ? WORLD_SERVER : GROUPS_NO_ENDPOINT,
			.member_endpoint = WORLD_MEMBER,
			.server_addr = n->server_addr,
			.is_super = role->is_super,
			.introduces_unlisted = role->introduces_unlisted,
			.groups_max = 8,
			.introduced_groups_max = 8,
			.members_max = 1000,
			.neighbours_max = role->neighbours_max ? role->neighbours_max : 1000,
			.streams_max = role->streams_max ? role->streams_max : 4,
			.streams_total_max = WORLD_STREAMS_MAX,
			.extents_per_stream = 16};

		memcpy(o.member_id, n->id, PEER_ID_LEN);
		n->groups = groups_create(&o, w->now_us);
		assert(n->groups != NULL);
	}
	w->nodes[w->n_nodes++] = n;
	return n;
}

struct group *world_join(struct world_node *n, const char *spec)
{
	struct groupspec g;
	const char *why;
	uint32_t at;
	int err = groupspec_parse(&g, spec, &why, &at);

	assert(err == 0);
	n->group = group_join(n->groups, &g, NULL, n, &err, n->world->now_us);
	assert(n->group != NULL && err == 0);
	return n->group;
}

struct end *world_session(struct world_node *from, uint8_t from_endpoint, struct world_node *to,
			  uint8_t to_endpoint)
{
	struct end *e = session_make(from, from_endpoint, to, to_endpoint);

	if (to->groups != NULL && to_endpoint == WORLD_MEMBER)
		groups_session_opened(to->groups, &e->far->ctl, NULL, from->world->now_us);
	return e;
}

struct end *world_connect(struct world_node *client, struct world_node *server)
{
	struct end *e = session_make(client, WORLD_MEMBER, server, WORLD_SERVER);

	e->ctl.nc = (struct nc_session *)(void *)e; // somebody's
	if (client->groups != NULL)
		groups_conn_up(client->groups, &e->ctl, 1, client->world->now_us);
	return e;
}

static void node_free(struct world_node *n)
{
	groups_destroy(n->groups);
	commands(n);
	while (n->ends != NULL) {
		struct end *e = n->ends;

		n->ends = e->next;
		for (uint16_t i = 0; i < FLOWS_PER_SESSION; i++)
			held_free(e, i);
		assert(e->ctl.groups == NULL);
		free(e);
	}
	while (n->got != NULL)
		free(world_got(n));
	for (int i = 0; i < WORLD_STREAMS_MAX; i++)
		for (int k = 0; k < WORLD_FRAGMENTS_MAX; k++)
			free(n->streams[i].octets[k]);
	outbox_destroy(n->outbox);
	assert(body_pool_lent(n->bodies) == 0);
	body_pool_destroy(n->bodies);
	mailbox_destroy(n->ring);
	free(n);
}

void world_destroy(struct world *w)
{
	for (uint32_t i = 0; i < w->n_nodes; i++) {
		w->nodes[i]->is_dead = true; // nobody answers any more
		commands(w->nodes[i]);
	}
	for (uint32_t i = 0; i < w->n_deeds; i++)
		free(w->deeds[i].got);
	for (uint32_t i = 0; i < w->n_nodes; i++)
		node_free(w->nodes[i]);
	free(w->deeds);
	free(w);
}

// ---- by hand ----

struct got *world_got(struct world_node *n)
{
	struct got *g = n->got;

	if (g != NULL) {
		n->got = g->next;
		if (n->got == NULL)
			n->got_at = &n->got;
	}
	return g;
}

int raw_open(struct end *e, const char *meta, size_t meta_len, bool has_assoc, uint64_t assoc_id)
{
	return ctl_flow_open(&e->ctl, &(struct ctl_flow_opts){.meta = (const uint8_t *)meta,
							      .meta_len = (uint8_t)meta_len,
							      .has_assoc = has_assoc,
							      .assoc_id = assoc_id,
							      .rule_stream = NO_STREAM,
							      .owner = OWNER_GROUP});
}

void raw_send(struct end *e, int slot, const void *octets, size_t len)
{
	int err = ctl_flow_send(&e->ctl, (uint16_t)slot, octets, (uint32_t)len, 0);

	assert(err == 0);
}

uint32_t world_open_neighbours(const struct world_node *n)
{
	struct group_info i;

	group_info_get(n->group, &i);
	return i.n_neighbours;
}

bool world_are_neighbours(const struct world_node *a, const struct world_node *b)
{
	for (struct end *e = a->ends; e != NULL; e = e->next) {
		struct group_neighbour_info info[8];

		if (e->ctl.state == CTL_OPEN &&
		    memcmp(e->ctl.fingerprint, b->id, PEER_ID_LEN) == 0 &&
		    group_session_info(&e->ctl, info, 8) > 0)
			return true;
	}
	return false;
}
