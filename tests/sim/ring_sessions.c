// Sessions, flows and startup's front door.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/mailbox.h"
#include "dataplane/wire/group_member.h"
#include "tests/sim/ring_world.h"

enum {
	SERVER_RTT_US = 40000,
	GONE_US = 85000000, // what a silent session takes to time out (control/group/README.md)
};

// Startup's own: what it does when a worker says FLOW_FREED.
void ctl_flow_freed(struct ctl_session *, uint16_t slot);

struct ring_pair {
	struct ring_end e[2];
	uint32_t latency_us, n_deeds;
};

struct ring_opening {
	struct ring_node_state *node, *to;
	void *user; // NULL: over
	bool is_found;
};

// ---- pairs ----

static uint32_t latency_of(struct ring_world *w, uint32_t a, uint32_t b)
{
	uint64_t x = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;

	if (a == 0 || b == 0)
		return SERVER_RTT_US / 2;
	x = (x ^ w->o.seed) * 0x9e3779b97f4a7c15;
	x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9;
	return (w->o.rtt_min_us + (uint32_t)((x ^ x >> 32) % (w->o.rtt_max_us - w->o.rtt_min_us))) /
	       2;
}

static uint32_t session_number(struct ring_world *w, struct ring_end *e)
{
	uint32_t idx = w->n_sessions;

	if (w->n_free > 0)
		idx = w->free_sessions[--w->n_free];
	else if (w->n_sessions++ == w->sessions_cap) {
		w->sessions_cap = w->sessions_cap > 0 ? 2 * w->sessions_cap : 1024;
		w->sessions = realloc(w->sessions, w->sessions_cap * sizeof(struct ring_end *));
		w->free_sessions = realloc(w->free_sessions, w->sessions_cap * sizeof(uint32_t));
		assert(w->sessions != NULL && w->free_sessions != NULL);
	}
	w->sessions[idx] = e;
	return idx;
}

static void end_init(struct ring_end *e, struct ring_end *far, struct ring_node_state *n,
		     struct ring_node_state *to, uint8_t endpoint, uint8_t to_endpoint)
{
	struct ring_world *w = n->world;

	e->node = n;
	e->far = far;
	e->next = n->ends;
	e->at = &n->ends;
	if (e->next != NULL)
		e->next->at = &e->next;
	n->ends = e;
	e->ctl = (struct ctl_session){.id = ++w->n_sessions_ever,
				      .state = CTL_OPEN,
				      .endpoint = endpoint,
				      .is_alive = true,
				      .far = to_endpoint == 0 ? to->server_addr : to->addr,
				      .tx_tag_len = 16,
				      .rx_tag_len = 16,
				      .opened_us = w->now_us,
				      .tx_slots = ~UINT64_C(0) << RING_FLOWS,
				      .tx_uses = e->tx_uses,
				      .tx = e->tx,
				      .rx = e->rx,
				      .outbox = n->outbox};
	e->ctl.idx = session_number(w, e);
	memcpy(e->ctl.fingerprint, to->id, PEER_ID_LEN);
	if (to_endpoint == 0)
		e->ctl.fingerprint[0] ^= 0xff; // another certificate
}

struct ring_end *ring_session(struct ring_node_state *from, uint8_t endpoint,
			      struct ring_node_state *to, uint8_t to_endpoint)
{
	struct ring_pair *p = calloc(1, sizeof(*p));
	struct ring_end *x = &p->e[0], *y = &p->e[1];

	assert(p != NULL);
	x->pair = y->pair = p;
	p->latency_us = latency_of(from->world, from->index, to->index);
	end_init(x, y, from, to, endpoint, to_endpoint);
	end_init(y, x, to, from, to_endpoint, endpoint);
	x->ctl.is_initiator = true;
	from->n_sessions++;
	random_fill(&from->world->random, x->ctl.near_nonce, 32);
	random_fill(&from->world->random, x->ctl.far_nonce, 32);
	memcpy(y->ctl.near_nonce, x->ctl.far_nonce, 32);
	memcpy(y->ctl.far_nonce, x->ctl.near_nonce, 32);
	return x;
}

static void end_unlist(struct ring_end *e)
{
	struct ring_world *w = e->node->world;

	*e->at = e->next;
	if (e->next != NULL)
		e->next->at = e->at;
	w->free_sessions[w->n_free++] = e->ctl.idx;
	w->sessions[e->ctl.idx] = NULL;
	e->is_told_closed = true;
}

static void pair_free_if_done(struct ring_pair *p)
{
	if (p->n_deeds == 0 && p->e[0].is_told_closed && p->e[1].is_told_closed)
		free(p);
}

static void body_home(struct ring_end *sender, struct body *body)
{
	struct report r = {.op = REP_BODIES_PUT, .bodies.more = {body}};

	if (body != NULL)
		outbox_bodies_put(sender->node->outbox, &r);
}

static void held_drop(struct ring_end *e, uint16_t slot)
{
	while (e->in[slot].held != NULL) {
		struct body *b = e->in[slot].held;

		e->in[slot].held = b->next;
		body_home(e->far, b);
	}
	e->in[slot].held_at = &e->in[slot].held;
}

static void end_close(struct ring_end *e, uint8_t reason)
{
	struct ring_node_state *n = e->node;

	if (e->is_told_closed)
		return;
	e->ctl.state = CTL_CLOSING;
	end_unlist(e);
	if (!n->is_dead)
		groups_session_closed(n->groups, &e->ctl, reason, n->world->now_us);
	for (uint16_t i = 0; i < RING_FLOWS; i++)
		held_drop(e, i);
	ring_world_wake(n->world, n->index);
}

void ring_ends_free(struct ring_node_state *n)
{
	while (n->ends != NULL) {
		struct ring_end *e = n->ends;

		for (uint16_t i = 0; i < RING_FLOWS; i++)
			held_drop(e, i);
		end_unlist(e);
		pair_free_if_done(e->pair);
	}
}

// ---- what goes to the far end ----

// At an end, some time.
static void at_end(struct ring_end *e, uint64_t at_us, struct ring_deed *d)
{
	d->end = e;
	e->pair->n_deeds++;
	ring_later(e->node->world, at_us, d);
}

// To its far end, behind what went there before.
static void travel(struct ring_end *e, struct ring_deed *d)
{
	uint64_t at_us = e->node->world->now_us + e->pair->latency_us;

	e->sent_us = at_us > e->sent_us ? at_us : e->sent_us;
	at_end(e->far, e->sent_us, d);
}

static void flow_open(struct ring_end *e, const struct command *c)
{
	struct ring_deed d = {.kind = RING_OPENED,
			      .slot = c->flow,
			      .assoc = NO_FLOW,
			      .flow_id = c->open.flow_id,
			      .meta_len = c->open.meta_len};

	assert(d.meta_len <= sizeof(d.meta));
	memcpy(d.meta, c->open.meta, d.meta_len);
	for (uint16_t i = 0; (c->open.flags & FLOW_OPEN_ASSOC) != 0 && i < RING_FLOWS; i++)
		if (e->far->tx[i].owner != OWNER_NONE && e->far->tx[i].flow_id == c->open.assoc_id)
			d.assoc = i;
	travel(e, &d);
}

static void flow_class(struct ring_end *e, const struct command *c)
{
	struct ring_world *w = e->node->world;
	uint16_t slot = c->flow;

	if (!e->in[slot].is_open || e->in[slot].flow_id != c->class.flow_id)
		return;
	if (c->class.class == FLOW_REJECT) {
		e->in[slot].is_open = false;
		held_drop(e, slot);
		travel(e, &(struct ring_deed){.kind = RING_EXCEPTION,
					      .slot = slot,
					      .flow_id = c->class.flow_id});
		return;
	}
	e->in[slot].is_accepted = true;
	for (struct body *b = e->in[slot].held, *next; b != NULL; b = next) {
		next = b->next;
		at_end(e, w->now_us,
		       &(struct ring_deed){.kind = RING_MESSAGE,
					   .slot = slot,
					   .flow_id = c->class.flow_id,
					   .body = b});
	}
	e->in[slot].held = NULL;
	e->in[slot].held_at = &e->in[slot].held;
}

// How long its silence may last now that it is asked about so often.
static void silence_look(struct ring_end *e, uint64_t asked_us)
{
	uint64_t now_us = e->node->world->now_us;
	uint64_t at_us = (asked_us > now_us ? asked_us : now_us) + e->silent_max_us;

	if (e->keepalive_us == 0 || e->is_suspect || (e->suspect_us != 0 && e->suspect_us <= at_us))
		return;
	e->suspect_us = at_us;
	at_end(e, at_us, &(struct ring_deed){.kind = RING_HEALTH});
}

void ring_session_silent(struct ring_end *e)
{
	struct ring_world *w = e->node->world;
	uint64_t heard_us = w->now_us;
	// Either end's pings count for both.
	uint32_t period_us = e->far->keepalive_us > 0 && e->far->keepalive_us < e->keepalive_us
				     ? e->far->keepalive_us
				     : e->keepalive_us;

	if (e->is_told_closed)
		return;
	if (period_us > 0)
		heard_us -= random_below(&w->random, period_us);
	silence_look(e, heard_us + e->keepalive_us);
	at_end(e, w->now_us + GONE_US,
	       &(struct ring_deed){.kind = RING_CLOSED, .reason = CLOSED_TIMEOUT});
}

static void keepalive(struct ring_end *e, const struct command *c)
{
	uint64_t now_us = e->node->world->now_us;

	e->keepalive_us = c->keepalive.interval_us;
	e->silent_max_us = c->keepalive.suspect_us;
	if (e->far->node->is_dead)
		silence_look(e, now_us);
	else if (!e->is_measured)
		at_end(e, now_us + e->keepalive_us, &(struct ring_deed){.kind = RING_HEALTH});
}

// True: the body went on its way.
static bool command(struct ring_node_state *n, const struct command *c)
{
	struct ring_world *w = n->world;
	struct ring_end *e = c->session_idx < w->n_sessions ? w->sessions[c->session_idx] : NULL;

	if (n->is_dead || e == NULL || e->ctl.id != c->session_id)
		return false;
	switch (c->op) {
	case CMD_FLOW_OPEN:
		flow_open(e, c);
		return false;
	case CMD_FLOW_SEND:
		n->n_messages++;
		n->n_octets += c->len;
		travel(e, &(struct ring_deed){.kind = RING_MESSAGE,
					      .slot = c->flow,
					      .flow_id = e->tx[c->flow].flow_id,
					      .body = c->body});
		return true;
	case CMD_FLOW_CLOSE:
		travel(e, &(struct ring_deed){.kind = RING_FINISHED, .slot = c->flow});
		ctl_flow_freed(&e->ctl, c->flow);
		return false;
	case CMD_FLOW_CLASS:
		flow_class(e, c);
		return false;
	case CMD_SESSION_KEEPALIVE:
		keepalive(e, c);
		return false;
	case CMD_SESSION_CLOSE:
		travel(e, &(struct ring_deed){.kind = RING_CLOSED, .reason = CLOSED_BY_FAR});
		at_end(e, w->now_us,
		       &(struct ring_deed){.kind = RING_CLOSED, .reason = CLOSED_BY_US});
		return false;
	default:
		return false;
	}
}

void ring_pump(struct ring_node_state *n)
{
	struct group_event event;
	struct command c;
	bool some_wait = true;

	while (some_wait) {
		some_wait = outbox_flush(n->outbox);
		while (mailbox_pop(n->ring, &c)) {
			some_wait = true;
			if (!command(n, &c) && c.body != NULL)
				outbox_bodies_put(n->outbox,
						  &(struct report){.op = REP_BODIES_PUT,
								   .bodies.more = {c.body}});
		}
		while (!n->is_dead && groups_event(n->groups, &event, n->world->now_us))
			if (n->world->o.on_event != NULL)
				n->world->o.on_event(n->world->o.ctx, n->index, &event);
	}
}

// ---- what arrives ----

static struct report report_for(const struct ring_end *e, enum report_op op, uint16_t slot)
{
	return (struct report){
		.op = op, .flow = slot, .session_idx = e->ctl.idx, .session_id = e->ctl.id};
}

static bool is_owned(const struct ring_end *e, uint16_t slot, uint64_t flow_id)
{
	return e->rx[slot].owner != OWNER_NONE && e->rx[slot].flow_id == flow_id;
}

static void opened(struct ring_end *e, const struct ring_deed *d)
{
	struct report r = report_for(e, REP_FLOW_OPENED, d->slot);

	held_drop(e, d->slot);
	e->in[d->slot].is_open = true;
	e->in[d->slot].is_accepted = false;
	e->in[d->slot].flow_id = r.opened.flow_id = d->flow_id;
	r.opened.assoc_flow = d->assoc;
	r.opened.meta_len = d->meta_len;
	memcpy(r.opened.meta, d->meta, d->meta_len);
	groups_flow_opened(e->node->groups, &e->ctl, &r, e->node->world->now_us);
}

static void message(struct ring_end *e, const struct ring_deed *d)
{
	struct report r = report_for(e, REP_MESSAGE, d->slot);

	if (e->in[d->slot].is_open && e->in[d->slot].flow_id == d->flow_id &&
	    !e->in[d->slot].is_accepted) {
		d->body->next = NULL;
		*e->in[d->slot].held_at = d->body;
		e->in[d->slot].held_at = &d->body->next;
		return;
	}
	r.message.flow_id = d->flow_id;
	r.len = d->body->len;
	r.body = d->body;
	if (e->in[d->slot].is_open && is_owned(e, d->slot, d->flow_id))
		groups_message(e->node->groups, &e->ctl, &r, e->node->world->now_us);
	body_home(e->far, d->body);
}

static void finished(struct ring_end *e, const struct ring_deed *d)
{
	struct report r = report_for(e, REP_FLOW_FINISHED, d->slot);

	if (!e->in[d->slot].is_open)
		return;
	e->in[d->slot].is_open = false;
	held_drop(e, d->slot);
	r.opened.flow_id = e->in[d->slot].flow_id;
	if (is_owned(e, d->slot, r.opened.flow_id))
		groups_flow_finished(e->node->groups, &e->ctl, &r, e->node->world->now_us);
	e->rx[d->slot].owner = OWNER_NONE;
}

static void exception(struct ring_end *e, const struct ring_deed *d)
{
	struct report r = report_for(e, REP_FLOW_EXCEPTION, d->slot);

	r.exception.flow_id = d->flow_id;
	if (e->tx[d->slot].owner != OWNER_NONE && e->tx[d->slot].flow_id == d->flow_id)
		groups_flow_exception(e->node->groups, &e->ctl, &r, e->node->world->now_us);
}

static void health(struct ring_end *e)
{
	struct report r = report_for(e, REP_SESSION_HEALTH, NO_FLOW);
	bool is_silent = e->far->node->is_dead;

	if (is_silent && (e->is_suspect || e->node->world->now_us < e->suspect_us))
		return;
	if (!is_silent && e->is_measured)
		return;
	e->is_suspect = is_silent;
	e->is_measured = true;
	r.health.rtt_us = 2 * e->pair->latency_us;
	r.health.level = !is_silent          ? HEALTH_GOOD
			 : e->ctl.nc != NULL ? HEALTH_SILENT
					     : HEALTH_SUSPECT;
	groups_health(e->node->groups, &e->ctl, &r, e->node->world->now_us);
}

static void happen_at_end(struct ring_end *e, struct ring_deed *d)
{
	switch (d->kind) {
	case RING_OPENED:
		opened(e, d);
		break;
	case RING_MESSAGE:
		message(e, d);
		break;
	case RING_FINISHED:
		finished(e, d);
		break;
	case RING_EXCEPTION:
		exception(e, d);
		break;
	case RING_HEALTH:
		health(e);
		break;
	default:
		end_close(e, d->reason);
	}
}

static void opening_happen(const struct ring_deed *);
void ring_deed_do(struct ring_world *w, struct ring_deed *d)
{
	struct ring_end *e = d->end;

	if (d->opening != NULL) {
		opening_happen(d);
		return;
	}
	e->pair->n_deeds--;
	if (e->is_told_closed || e->node->is_dead)
		body_home(e->far, d->body);
	else
		happen_at_end(e, d);
	if (!e->is_told_closed)
		ring_world_wake(w, e->node->index);
	pair_free_if_done(e->pair);
}

// ---- startup's front door ----

static struct ring_opening *opening_of(struct opening *o)
{
	return (struct ring_opening *)(void *)o;
}

struct ctl_session *startup_find(struct startup *st, uint8_t endpoint,
				 const uint8_t fingerprint[32])
{
	for (struct ring_end *e = st->node->ends; e != NULL; e = e->next)
		if (e->ctl.state == CTL_OPEN && e->ctl.endpoint == endpoint &&
		    memcmp(e->ctl.fingerprint, fingerprint, 32) == 0)
			return &e->ctl;
	return NULL;
}

static bool is_connected(const struct ring_node_state *n, const struct ring_node_state *server)
{
	for (const struct ring_end *e = n->ends; e != NULL; e = e->next)
		if (e->far->node == server && e->ctl.nc != NULL)
			return true;
	return false;
}

// Round trips until there is a session by this address; 0: it leads nowhere.
static uint32_t round_trips_by(struct ring_opening *o, const struct wire_addr *a)
{
	struct ring_node_state *there = ring_node_at(o->node->world, a);

	if (there == NULL || there->is_dead || o->to->is_dead)
		return 0;
	if (there == o->to)
		return 2;
	return a->port == there->server_addr.port && is_connected(o->to, there) ? 3 : 0;
}

void startup_open_add(struct opening *opening, const struct wire_addr *candidates, uint8_t n,
		      uint64_t now_us)
{
	struct ring_opening *o = opening_of(opening);
	struct ring_world *w = o->node->world;

	for (uint8_t i = 0; o->to != NULL && !o->is_found && i < n; i++) {
		uint32_t trips = round_trips_by(o, &candidates[i]);

		if (trips == 0)
			continue;
		o->is_found = true;
		ring_later(w, now_us + 2 * trips * latency_of(w, o->node->index, o->to->index),
			   &(struct ring_deed){.kind = RING_FOUND, .opening = o});
	}
}

struct opening *startup_open(struct startup *st, const struct open_opts *opts,
			     struct ctl_session **existing, uint64_t now_us)
{
	struct ring_opening *o;

	*existing = startup_find(st, opts->endpoint, opts->epd.data + 2);
	if (*existing != NULL)
		return NULL;
	o = calloc(1, sizeof(*o));
	assert(o != NULL && opts->epd.len == PEER_EPD_LEN);
	o->node = st->node;
	o->to = ring_node_of(st->node->world, opts->epd.data + 2);
	o->user = opts->user;
	ring_later(st->node->world, now_us + opts->limit_us,
		   &(struct ring_deed){.kind = RING_LIMIT, .opening = o});
	startup_open_add((struct opening *)(void *)o, opts->candidates, opts->n_candidates, now_us);
	return (struct opening *)(void *)o;
}

void startup_open_cancel(struct opening *o)
{
	opening_of(o)->user = NULL; // it goes at its limit
}

struct ctl_session *startup_session(struct startup *st, uint32_t worker, uint32_t idx, uint32_t id)
{
	struct ring_world *w = st->node->world;
	struct ring_end *e = idx < w->n_sessions ? w->sessions[idx] : NULL;

	(void)worker;
	return e != NULL && e->node == st->node && e->ctl.id == id ? &e->ctl : NULL;
}

// Whoever asks asks for all, one after the other, and no session ends meanwhile.
struct ctl_session *startup_next(struct startup *st, uint32_t *at)
{
	struct ring_end *e = *at == 0 ? st->node->ends : st->cursor;

	while (e != NULL && e->ctl.state != CTL_OPEN)
		e = e->next;
	if (e == NULL)
		return NULL;
	st->cursor = e->next;
	++*at;
	return &e->ctl;
}

static void opening_found(struct ring_opening *o)
{
	struct ring_node_state *n = o->node, *to = o->to;
	struct ring_world *w = n->world;
	struct ctl_session *existing = startup_find(&n->startup, n->index == 0 ? 0 : 1, to->id);
	void *user = o->user;
	struct ring_end *e;

	if (user == NULL || n->is_dead || to->is_dead)
		return;
	o->user = NULL;
	if (existing != NULL) {
		groups_open_failed(n->groups, user, OPEN_DUPLICATE, existing, w->now_us);
	} else {
		e = ring_session(n, 1, to, 1);
		groups_session_opened(to->groups, &e->far->ctl, NULL, w->now_us);
		groups_session_opened(n->groups, &e->ctl, user, w->now_us);
		ring_world_wake(w, to->index);
	}
	ring_world_wake(w, n->index);
}

static void opening_happen(const struct ring_deed *d)
{
	struct ring_opening *o = d->opening;
	struct ring_world *w = o->node->world;

	if (d->kind == RING_FOUND) {
		opening_found(o);
		return;
	}
	if (o->user != NULL && !o->node->is_dead) {
		groups_open_failed(o->node->groups, o->user, OPEN_TIMEOUT, NULL, w->now_us);
		ring_world_wake(w, o->node->index);
	}
	free(o);
}
