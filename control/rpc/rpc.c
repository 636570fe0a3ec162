// Which NetConnection a flow, a message or an end belongs to.
#include "control/rpc/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/rpc/internal.h"
#include "control/rpc/stream_client.h"
#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/rtmp_msg.h"

struct rpc *rpc_create(const struct rpc_opts *o)
{
	struct rpc *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	*r = (struct rpc){
		.opts = *o,
		.next_us = UINT64_MAX,
		.streams = {.max = o->streams_max, .per_session_max = o->streams_per_session_max}};
	r->live = live_hub_create(&o->live, &r->live_us);
	if (r->live != NULL)
		return r;
	free(r);
	return NULL;
}

static void nc_destroy(struct nc_session *nc, uint64_t now_us)
{
	struct rpc *r = nc->rpc;

	net_streams_session_closed(nc->session, now_us);
	stream_client_disconnected(nc);
	if (nc->prev != NULL)
		nc->prev->next = nc->next;
	else
		r->all = nc->next;
	if (nc->next != NULL)
		nc->next->prev = nc->prev;
	nc->session->nc = NULL;
	r->n--;
	free(nc);
}

static struct flow_syncs *syncs_of(struct rpc *r, struct ctl_session *s)
{
	struct flow_syncs *fs = s->syncs;

	if (fs == NULL)
		fs = calloc(1, sizeof(*fs));
	if (fs == NULL || s->syncs != NULL)
		return fs;
	*fs = (struct flow_syncs){.session = s, .next = r->syncs};
	if (fs->next != NULL)
		fs->next->prev = fs;
	r->syncs = fs;
	s->syncs = fs;
	return fs;
}

static void syncs_destroy(struct rpc *r, struct flow_syncs *fs)
{
	if (fs->prev != NULL)
		fs->prev->next = fs->next;
	else
		r->syncs = fs->next;
	if (fs->next != NULL)
		fs->next->prev = fs->prev;
	fs->session->syncs = NULL;
	free(fs);
}

void rpc_destroy(struct rpc *r)
{
	while (r->all != NULL)
		nc_destroy(r->all, 0);
	while (r->client_streams != NULL)
		rpc_stream_close(r->client_streams, 0);
	while (r->syncs != NULL)
		syncs_destroy(r, r->syncs);
	live_hub_destroy(r->live);
	free(r);
}

static struct nc_session *nc_create(struct rpc *r, struct ctl_session *s, bool is_client,
				    uint64_t now_us)
{
	struct nc_session *nc;

	if (r->n >= r->opts.connects_max)
		return NULL;
	nc = calloc(1, sizeof(*nc));
	if (nc == NULL)
		return NULL;
	*nc = (struct nc_session){.rpc = r,
				  .session = s,
				  .next = r->all,
				  .is_client = is_client,
				  .near_control = -1,
				  .opened_us = now_us};
	if (r->all != NULL)
		r->all->prev = nc;
	r->all = nc;
	r->n++;
	s->nc = nc;
	return nc;
}

static void wake_by(struct rpc *r, uint64_t at_us)
{
	if (at_us < r->next_us)
		r->next_us = at_us;
}

const struct rpc_counters *rpc_counters(const struct rpc *r)
{
	return &r->counters;
}

struct nc_session *rpc_client_create(struct rpc *r, struct ctl_session *s, uint64_t now_us)
{
	return nc_create(r, s, true, now_us);
}

int nc_open_control(struct nc_session *nc)
{
	uint8_t meta[8];
	struct wr w = wr_over(meta, sizeof(meta));
	const struct tc_metadata tc = {TC_SID, 0}; // stream 0, original order
	struct ctl_flow_opts o = {.meta = meta,
				  .has_assoc = nc->has_far_control,
				  .assoc_id = nc->far_control,
				  .prio = PRIO_CONTROL,
				  .rule_stream = NO_STREAM,
				  .owner = OWNER_RPC,
				  .ctx = nc};

	tc_metadata_write(&w, &tc);
	o.meta_len = (uint8_t)wr_span(&w).len;
	nc->near_control = ctl_flow_open(nc->session, &o);
	return nc->near_control < 0 ? nc->near_control : 0;
}

int nc_send(struct nc_session *nc, const struct wr *w)
{
	struct span s = wr_span(w);

	if (wr_err(w) != 0)
		return wr_err(w);
	return ctl_flow_send(nc->session, (uint16_t)nc->near_control, s.data, (uint32_t)s.len, 0);
}

void nc_answer(struct nc_session *nc, const struct rpc_command *c, bool is_good, const char *code,
	       const char *description)
{
	uint8_t buf[REPLY_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	if (c->transaction == 0) // nobody waits for an answer
		return;
	rpc_command_begin(&w, c->is_amf3, is_good ? "_result" : "_error", c->transaction);
	amf0_wr_null(&w);
	rpc_command_info(&w, is_good ? "status" : "error", code, description);
	nc_send(nc, &w);
}

bool nc_may_answer(struct nc_session *nc, uint64_t now_us)
{
	if (now_us - nc->stray_since_us >= 1000000) {
		nc->stray_since_us = now_us;
		nc->n_stray = 0;
	}
	if (nc->n_stray++ < STRAY_MAX)
		return true;
	nc->rpc->counters.strays_dropped++;
	return false;
}

void nc_stray(struct nc_session *nc, const struct rpc_command *c, uint64_t now_us)
{
	char why[COMMAND_NAME_MAX + 32];

	if (!nc_may_answer(nc, now_us))
		return;
	nc->rpc->counters.strays++;
	snprintf(why, sizeof(why), "there is no method %s", c->name);
	nc_answer(nc, c, false, "NetConnection.Call.Failed", why);
}

// The server side of a connection begins with an unassociated flow of stream 0; the client side's
// returns ours.
void rpc_flow_opened(struct rpc *r, struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id,
		     uint16_t assoc_flow, struct span meta, uint64_t now_us)
{
	struct nc_session *nc = s->nc;
	struct tc_metadata tc;
	bool is_control;

	if (flow_kind_of(meta, &tc) != FLOW_TC)
		goto reject;
	if (tc.stream_id != 0) {
		if (net_stream_flow_opened(s, rx_slot, flow_id, assoc_flow, &tc, now_us))
			return;
		if (assoc_flow == NO_FLOW && r->opts.events.asked != NULL &&
		    r->opts.events.asked(r->opts.events.ctx, s, rx_slot, flow_id,
					 (uint32_t)tc.stream_id))
			return;
		goto reject; // nobody's stream
	}
	if (nc == NULL && s->endpoint == r->opts.server_endpoint && assoc_flow == NO_FLOW)
		nc = nc_create(r, s, false, now_us);
	if (nc == NULL)
		goto reject;
	is_control = nc->is_client ? assoc_flow == nc->near_control : assoc_flow == NO_FLOW;
	if (is_control && !nc->has_far_control) {
		nc->has_far_control = true;
		nc->far_control = flow_id;
		nc->far_slot = rx_slot;
	} else if (assoc_flow != nc->near_control || nc->near_control < 0) {
		goto reject;
	}
	if (tc.flags & TC_RXI)
		ctl_flow_accept_any_order(s, rx_slot, flow_id, OWNER_RPC, nc);
	else
		ctl_flow_accept(s, rx_slot, flow_id, FLOW_CONTROL, NO_STREAM, OWNER_RPC, nc);
	return;
reject:
	ctl_flow_reject(s, rx_slot, flow_id, 0);
}

// tree: all flows of a NetConnection are one association tree, since the client's return the
// server's control flow and the server's the client's (14.4): NULL. Each direct stream is another.
static void flow_sync(struct rpc *r, struct ctl_session *s, uint16_t rx_slot, const void *tree,
		      struct span message, uint64_t now_us)
{
	struct flow_syncs *fs = syncs_of(r, s);

	if (fs == NULL) {
		r->counters.syncs.refused++;
		ctl_flow_go_on(s, rx_slot, s->rx[rx_slot].flow_id);
		return;
	}
	flow_sync_arrived(fs, tree, rx_slot,
			  span_of(message.data + RTMP_HEAD_LEN, message.len - RTMP_HEAD_LEN),
			  &r->counters.syncs, now_us);
	wake_by(r, flow_syncs_deadline_us(fs));
}

static void command(struct nc_session *nc, uint8_t type, struct span payload, uint64_t now_us)
{
	struct rpc *r = nc->rpc;
	int err = rpc_command_read(&r->command, type, payload);

	if (err == 0 && nc->is_client)
		client_command(nc, &r->command, now_us);
	else if (err == 0)
		server_command(nc, &r->command, now_us);
	else if (err != -ENOMSG) // what does not parse asks for nothing
		r->counters.malformed++;
}

void rpc_message(struct rpc *r, struct ctl_session *s, uint16_t rx_slot, struct span message,
		 uint64_t now_us)
{
	struct nc_session *nc = s->nc;
	struct rd rd = rd_over(message.data, message.len);
	struct rtmp_head head;
	struct span payload;

	if (nc == NULL || rx_slot >= FLOWS_PER_SESSION)
		return;
	if (rtmp_head_read(&rd, &head) != 0) {
		r->counters.malformed++;
		return;
	}
	payload = rd_rest(&rd);
	if (rtmp_is_flow_sync(message))
		flow_sync(r, s, rx_slot, NULL, message, now_us);
	else if (head.type == RTMP_USER_CONTROL && nc->is_client)
		client_user_control(nc, payload);
	else if (!rtmp_type_is_ignored(head.type))
		command(nc, head.type, payload, now_us);
}

void rpc_stream_message(struct rpc *r, struct ctl_session *s, uint16_t rx_slot, struct span message,
			bool has_gap, uint64_t now_us)
{
	const struct net_stream *ns = s->rx[rx_slot % FLOWS_PER_SESSION].ctx;

	if (!rtmp_is_flow_sync(message))
		net_stream_on_message(s, rx_slot, message, has_gap, now_us);
	else
		flow_sync(r, s, rx_slot, net_stream_is_direct(ns) ? ns : NULL, message, now_us);
}

// ---- the end (14.4 step 7) ----

// Whoever ends closes all its flows, and the other one, who sees that, its own; who ended first
// sees those complete and closes the session. So what was queued before the end arrives. Who does
// not play along has a second for it.
static void close_ours(struct nc_session *nc, uint64_t now_us)
{
	nc->state = NC_ENDING;
	nc->give_up_us = now_us + ENDING_US;
	nc_wake_by(nc, nc->give_up_us);
	net_streams_disconnected(nc->session, now_us);
	stream_client_disconnected(nc);
	if (nc->near_control >= 0)
		ctl_flow_close(nc->session, (uint16_t)nc->near_control);
	nc->near_control = -1;
	nc->session->is_registered = false;
}

static void ended(struct nc_session *nc)
{
	nc->state = NC_GONE;
	ctl_session_close(nc->session, CLOSE_ORDERLY);
}

static void tell_gone(struct nc_session *nc)
{
	const struct rpc_events *e = &nc->rpc->opts.events;

	if (nc->is_client && e->gone != NULL)
		e->gone(e->ctx, nc->session, nc->user);
}

// The far end's control flow is complete. Ours closes with the connection, orderly or, when it was
// rejected, at once.
static void end(struct nc_session *nc, bool is_abrupt, uint64_t now_us)
{
	bool was_up = nc->state == NC_CONNECTED;

	if (nc->state == NC_GONE)
		return;
	if (nc->is_client && nc->state == NC_CONNECTING) {
		client_failed(nc, "NetConnection.Connect.Failed");
		return;
	}
	if (nc->state == NC_ENDING) {
		ended(nc);
		return;
	}
	close_ours(nc, now_us);
	if (is_abrupt)
		ended(nc);
	if (was_up)
		tell_gone(nc);
}

void rpc_flow_finished(struct rpc *r, struct ctl_session *s, uint16_t rx_slot, uint64_t now_us)
{
	struct nc_session *nc = s->nc;

	if (s->rx[rx_slot % FLOWS_PER_SESSION].owner == OWNER_STREAM)
		net_stream_on_finished(s, rx_slot, now_us);
	else if (nc != NULL && nc->has_far_control && nc->far_slot == rx_slot)
		end(nc, false, now_us);
}

void rpc_flow_exception(struct rpc *r, struct ctl_session *s, uint16_t tx_slot, uint64_t code,
			uint64_t now_us)
{
	if (s->tx[tx_slot % FLOWS_PER_SESSION].owner == OWNER_STREAM)
		net_stream_on_exception(s, tx_slot, now_us);
	else if (s->nc != NULL && s->nc->near_control == tx_slot)
		end(s->nc, true, now_us);
}

void rpc_session_moved(struct rpc *r, struct ctl_session *s)
{
	if (s->nc != NULL && !s->nc->is_client)
		server_moved(s->nc);
}

void rpc_session_closed(struct rpc *r, struct ctl_session *s, uint64_t now_us)
{
	net_streams_session_closed(s, now_us);
	if (s->nc != NULL)
		nc_destroy(s->nc, now_us);
}

// ---- time ----

void nc_wake_by(struct nc_session *nc, uint64_t at_us)
{
	wake_by(nc->rpc, at_us);
}

static uint64_t nc_deadline_us(const struct nc_session *nc)
{
	bool waits = nc->state == NC_ENDING || (nc->is_client && nc->state == NC_CONNECTING);

	return waits ? nc->give_up_us : UINT64_MAX;
}

static void nc_timers(struct nc_session *nc)
{
	if (nc->state == NC_ENDING)
		ended(nc);
	else
		client_failed(nc, "NetConnection.Connect.Failed");
}

static struct nc_session *first_due(const struct rpc *r, uint64_t now_us)
{
	struct nc_session *nc = r->all;

	while (nc != NULL && nc_deadline_us(nc) > now_us)
		nc = nc->next;
	return nc;
}

// Clients by the ten thousand have nothing due, so they are only looked at when somebody has.
void rpc_timers(struct rpc *r, uint64_t now_us)
{
	struct nc_session *nc;

	if (r->live_us <= now_us)
		live_hub_turn(r->live, now_us);
	stream_client_timers(r, now_us);
	if (now_us < r->next_us)
		return;
	while ((nc = first_due(r, now_us)) != NULL) // from the start: an event may change the list
		nc_timers(nc);
	r->next_us = UINT64_MAX;
	for (struct flow_syncs *fs = r->syncs; fs != NULL; fs = fs->next) {
		flow_syncs_timers(fs, &r->counters.syncs, now_us);
		wake_by(r, flow_syncs_deadline_us(fs));
	}
	for (nc = r->all; nc != NULL; nc = nc->next)
		nc_wake_by(nc, nc_deadline_us(nc));
}

void rpc_lines_of(const struct rpc *r, struct lines *l)
{
	lines_add(l, r, offsetof(struct rpc, all));
}

uint64_t rpc_deadline_us(const struct rpc *r)
{
	uint64_t at = r->live_us, client_us = stream_client_deadline_us(r);

	at = client_us < at ? client_us : at;
	return r->next_us < at ? r->next_us : at;
}

bool rpc_control_flow(const struct rpc *r, const struct ctl_session *s, uint64_t *far_flow_id)
{
	const struct nc_session *nc = s->nc;

	if (nc == NULL || nc->state != NC_CONNECTED || !nc->has_far_control)
		return false;
	*far_flow_id = nc->far_control;
	return true;
}

void rpc_close(struct rpc *r, struct ctl_session *s, uint64_t now_us)
{
	struct nc_session *nc = s->nc;

	if (nc == NULL || nc->state == NC_GONE || nc->state == NC_ENDING)
		return;
	close_ours(nc, now_us);
	if (!nc->has_far_control) // nobody who could answer
		ended(nc);
}

bool rpc_is_ending(const struct ctl_session *s)
{
	return s->nc != NULL && s->nc->state == NC_ENDING;
}

const struct rpc_client_info *rpc_client_info(const struct ctl_session *s)
{
	const struct nc_session *nc = s->nc;

	return nc != NULL && !nc->is_client && nc->state == NC_CONNECTED ? &nc->info : NULL;
}

struct net_streams *rpc_streams(struct rpc *r)
{
	return &r->streams;
}

struct live_hub *rpc_live(struct rpc *r)
{
	return r->live;
}
