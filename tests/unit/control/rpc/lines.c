#include "tests/unit/control/rpc/lines.h"

#include <assert.h>
#include <stdlib.h>

#include "control/startup/internal.h"

static void start(struct line_end *e, const struct rpc_opts *o, uint32_t n_sessions)
{
	e->ring = mailbox_create(4096);
	e->bodies = body_pool_create(64u << 20);
	e->outbox = outbox_create(&e->ring, 1, e->bodies);
	e->rpc = rpc_create(o);
	assert(e->rpc != NULL);
	for (uint32_t i = 0; i < n_sessions; i++) {
		e->sessions[i] = (struct ctl_session){
			.idx = i, .id = i + 1, .state = CTL_OPEN, .outbox = e->outbox};
		ctl_session_flows_set(&e->sessions[i], &e->flows[i]);
		assert(wire_addr_parse(&e->sessions[i].far, "192.0.2.7:4000") == 0);
	}
}

void lines_start(struct rpc_lines *l, uint32_t n, const struct rpc_opts *server,
		 const struct rpc_opts *client)
{
	struct rpc_opts s = *server, c = *client;

	assert(n <= RPC_LINES_MAX);
	*l = (struct rpc_lines){.n = n, .now_us = 1000000};
	s.server_endpoint = 0;
	c.server_endpoint = 0xff;
	start(&l->server, &s, n);
	for (uint32_t i = 0; i < n; i++) {
		start(&l->clients[i], &c, 1);
		l->waiting_tail[i] = &l->waiting[i];
	}
}

static void body_home(struct line_end *e, struct body *body)
{
	struct report r = {.op = REP_BODIES_PUT, .bodies.more[0] = body};

	outbox_bodies_put(e->outbox, &r);
}

static void stop(struct line_end *e)
{
	struct command c;

	rpc_destroy(e->rpc);
	while (mailbox_pop(e->ring, &c))
		if (c.body != NULL)
			body_home(e, c.body);
	outbox_destroy(e->outbox);
	assert(body_pool_lent(e->bodies) == 0);
	body_pool_destroy(e->bodies);
	mailbox_destroy(e->ring);
}

static void drop_waiting(struct rpc_lines *l, uint32_t client)
{
	struct line_sent *s;

	while ((s = l->waiting[client]) != NULL) {
		l->waiting[client] = s->next;
		body_home(&l->server, s->command.body);
		free(s);
	}
	l->waiting_tail[client] = &l->waiting[client];
}

void lines_stop(struct rpc_lines *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		drop_waiting(l, i);
		stop(&l->clients[i]);
	}
	stop(&l->server);
}

// ---- what a worker and the far worker would make of a command ----

static void deliver(struct rpc_lines *l, bool to_server, uint32_t client, const struct command *c)
{
	struct line_end *from = to_server ? &l->clients[client] : &l->server;
	struct line_end *to = to_server ? &l->server : &l->clients[client];
	struct ctl_session *s = &to->sessions[to_server ? client : 0];
	struct span message = {c->body->data, c->len};
	bool has_gap = !to_server && l->has_gap[client][c->flow];

	if (!to_server)
		l->has_gap[client][c->flow] = false;
	if (s->state == CTL_OPEN && s->rx[c->flow].owner == OWNER_RPC)
		rpc_message(to->rpc, s, c->flow, message, l->now_us);
	else if (s->state == CTL_OPEN && s->rx[c->flow].owner == OWNER_STREAM)
		rpc_stream_message(to->rpc, s, c->flow, message, has_gap, l->now_us);
	body_home(from, c->body);
}

static void wait(struct rpc_lines *l, uint32_t client, const struct command *c)
{
	struct line_sent *s = calloc(1, sizeof(*s));

	s->command = *c;
	*l->waiting_tail[client] = s;
	l->waiting_tail[client] = &s->next;
}

static void opened(struct rpc_lines *l, struct line_end *from, struct line_end *to,
		   struct ctl_session *s, const struct command *c)
{
	uint16_t assoc = c->open.flags & FLOW_OPEN_ASSOC
				 ? (uint16_t)(c->open.assoc_id % FLOWS_PER_SESSION)
				 : NO_FLOW;

	from->n_opened++;
	if (l->asked != NULL && assoc == NO_FLOW && to == &l->server &&
	    c->open.meta[c->open.meta_len - 1] != 0)
		l->asked(l->ctx, s, c->flow, c->open.flow_id);
	else
		rpc_flow_opened(to->rpc, s, c->flow, c->open.flow_id, assoc,
				(struct span){c->open.meta, c->open.meta_len}, l->now_us);
}

static void carry_one(struct rpc_lines *l, bool to_server, uint32_t client, const struct command *c)
{
	struct line_end *from = to_server ? &l->clients[client] : &l->server;
	struct line_end *to = to_server ? &l->server : &l->clients[client];
	struct ctl_session *near = &from->sessions[to_server ? 0 : client];
	struct ctl_session *far = &to->sessions[to_server ? client : 0];

	if (l->heard != NULL)
		l->heard(l->ctx, to_server, client, c);
	switch (c->op) {
	case CMD_FLOW_OPEN:
		if (to_server || !l->is_raw[client])
			opened(l, from, to, far, c);
		break;
	case CMD_FLOW_SEND:
		if (!to_server && l->is_slow[client])
			wait(l, client, c);
		else
			deliver(l, to_server, client, c);
		break;
	case CMD_FLOW_CLOSE:
		if (far->state == CTL_OPEN && far->rx[c->flow].owner != OWNER_NONE)
			rpc_flow_finished(to->rpc, far, c->flow, l->now_us);
		far->rx[c->flow].owner = OWNER_NONE;
		ctl_flow_freed(near, c->flow);
		break;
	case CMD_FLOW_CLASS:
		if (c->class.class != FLOW_REJECT)
			break;
		from->n_rejects++;
		if (far->state == CTL_OPEN && far->tx[c->flow].owner != OWNER_NONE)
			rpc_flow_exception(to->rpc, far, c->flow, c->class.exception, l->now_us);
		break;
	case CMD_SESSION_CLOSE:
		from->is_closed[near->idx] = true;
		break;
	default:
		break;
	}
}

// What is past its deadline is given up, the rest arrives if the line is no longer slow.
static void release(struct rpc_lines *l, uint32_t client)
{
	struct line_sent **at = &l->waiting[client], *s;

	while ((s = *at) != NULL) {
		uint64_t deadline_us = s->command.send.deadline_us;
		bool is_late = deadline_us != 0 && deadline_us <= l->now_us;

		if (!is_late && l->is_slow[client]) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		if (is_late) {
			l->n_given_up[client]++;
			l->has_gap[client][s->command.flow] = true;
			body_home(&l->server, s->command.body);
		} else {
			deliver(l, false, client, &s->command);
		}
		free(s);
	}
	l->waiting_tail[client] = at;
}

static bool take(struct rpc_lines *l, struct line_end *e, bool to_server, uint32_t client)
{
	bool any = false;
	struct command c;

	rpc_timers(e->rpc, l->now_us);
	outbox_flush(e->outbox);
	while (mailbox_pop(e->ring, &c)) {
		carry_one(l, to_server, to_server ? client : c.session_idx, &c);
		any = true;
	}
	return any;
}

void lines_carry(struct rpc_lines *l)
{
	bool more = true;

	while (more) {
		more = take(l, &l->server, false, 0);
		for (uint32_t i = 0; i < l->n; i++) {
			more |= take(l, &l->clients[i], true, i);
			release(l, i);
		}
	}
}

void lines_pass_us(struct rpc_lines *l, uint64_t us)
{
	l->now_us += us;
	lines_carry(l);
}

void lines_slow(struct rpc_lines *l, uint32_t client, bool is_slow)
{
	l->is_slow[client] = is_slow;
	lines_carry(l);
}

void lines_cut(struct rpc_lines *l, uint32_t client)
{
	drop_waiting(l, client);
	l->clients[client].sessions[0].state = CTL_CLOSING;
	l->server.sessions[client].state = CTL_CLOSING;
	rpc_session_closed(l->clients[client].rpc, &l->clients[client].sessions[0], l->now_us);
	rpc_session_closed(l->server.rpc, &l->server.sessions[client], l->now_us);
}
