#include "control/node.h"

#include <stdlib.h>
#include <string.h>

#include "control/node_internal.h"
#include "crypto/identity.h"
#include "dataplane/wire/flow_kind.h"

#define STATS_US                  1000000  // while somebody looks at figures
#define STATS_OLD_US              60000000 // figures of then are none
#define LOOK_LIFE_US              5000000  // after a look there may be another
#define CLOSE_US                  3000000
#define MEMBER_ALIVE_US           5000000 // groups.md 11: ping after 5 s of silence
#define INTRODUCTIONS_PER_SESSION 5
#define CONNECTS_MAX              65536
#define STREAM_QUEUE_BYTES        (2u << 20)
#define STREAM_ENDS_MAX           65536
#define STREAM_ENDS_PER_SESSION   16       // of 4 flows each: all that a session has
#define CLIENT_SILENT_US          30000000 // at our server, without a NetConnection
#define CLIENTS_LOOK_US           5000000
#define KEEPALIVE_MIN_MS          5000 // rtmfp.md 14.3

// ---- events of startup and rpc ----

static void on_opened(void *ctx, struct ctl_session *s, void *user)
{
	struct node *n = ctx;
	struct node_conn *c = conn_of_user(n, user);

	n->n_sessions++;
	if (c != NULL)
		conn_opened(c, s);
	else if (direct_is_call(n, user))
		direct_opened(n, s);
	if (s->endpoint == n->opts.member_endpoint)
		groups_session_opened(n->groups, s, user, n->now_us);
}

static void on_open_failed(void *ctx, void *user, enum open_failure why,
			   struct ctl_session *existing)
{
	struct node *n = ctx;
	struct node_conn *c = conn_of_user(n, user);

	if (c != NULL)
		conn_open_failed(c, why, existing);
	else if (direct_is_call(n, user))
		direct_open_failed(n, user, why);
	else
		groups_open_failed(n->groups, user, why, existing, n->now_us);
}

// Its flows are gone: nobody may use it any more, though its slot may linger.
static void session_lost(struct node *n, struct ctl_session *s, enum session_close_reason why)
{
	struct node_conn *c = conn_of_session(n, s);

	if (c != NULL)
		conn_session_gone(c);
	rpc_session_closed(n->rpc, s, n->now_us);
	groups_session_closed(n->groups, s, why, n->now_us);
}

static void on_closed(void *ctx, struct ctl_session *s, enum session_close_reason why)
{
	struct node *n = ctx;

	session_lost(n, s, why);
	n->n_sessions--;
}

static void on_moved(void *ctx, struct ctl_session *s)
{
	rpc_session_moved(((struct node *)ctx)->rpc, s);
}

static void on_peers_period(void *ctx, uint32_t ms)
{
	struct node *n = ctx;

	groups_peers_period(n->groups, ms, n->now_us);
}

// ---- create and destroy ----

// Who may open so many sessions with us may be introduced to some neighbours for each.
static struct startup_rate introductions_rate(const struct startup_rate *keyings)
{
	return (struct startup_rate){keyings->per_s * INTRODUCTIONS_PER_SESSION,
				     keyings->burst * INTRODUCTIONS_PER_SESSION};
}

static int create_startup(struct node *n, uint64_t now_us)
{
	struct startup_opts o = {.outbox = n->opts.outbox,
				 .keyer = n->opts.keyer,
				 .random = n->opts.random,
				 .events = {.ctx = n,
					    .opened = on_opened,
					    .open_failed = on_open_failed,
					    .closed = on_closed,
					    .moved = on_moved},
				 .endpoints = n->opts.endpoints,
				 .n_endpoints = n->opts.n_endpoints,
				 .sessions_max = n->opts.sessions_max,
				 .openings_max = n->opts.openings_max,
				 .keyings_max = n->opts.keyings_max,
				 .keyings_per_ip = n->opts.keyings_per_ip,
				 .sessions_per_ip = n->opts.sessions_per_ip,
				 .spreads_sessions = n->opts.spreads_sessions,
				 .introductions_per_ip =
					 introductions_rate(&n->opts.keyings_per_ip),
				 .keepalive_us = MEMBER_ALIVE_US};

	n->startup = startup_create(&o, now_us);
	return n->startup != NULL ? 0 : -1;
}

static int create_rpc(struct node *n)
{
	struct rpc_opts o = {.events = {.ctx = n,
					.connected = conn_rpc_connected,
					.failed = conn_rpc_failed,
					.gone = conn_rpc_gone,
					.peers_period = on_peers_period,
					.asked = direct_on_asked},
			     .server_endpoint = n->opts.server_endpoint,
			     .apps = n->opts.apps,
			     .n_apps = n->opts.n_apps,
			     .keepalive_nat_ms = n->opts.keepalive_nat_us / 1000,
			     .keepalive_public_ms = n->opts.keepalive_public_us / 1000,
			     .keepalive_min_ms = KEEPALIVE_MIN_MS,
			     .local_addrs = n->opts.local_addrs,
			     .n_local_addrs = n->opts.n_local_addrs,
			     .connects_max = CONNECTS_MAX,
			     .streams_max = STREAM_ENDS_MAX,
			     .streams_per_session_max = STREAM_ENDS_PER_SESSION,
			     .stream_queue_bytes = n->opts.stream_queue_bytes > 0
							   ? n->opts.stream_queue_bytes
							   : STREAM_QUEUE_BYTES,
			     .live = n->opts.live};

	n->rpc = rpc_create(&o);
	return n->rpc != NULL ? 0 : -1;
}

static int create_groups(struct node *n, uint64_t now_us)
{
	const struct node_opts *no = &n->opts;
	struct groups_opts o = {.startup = n->startup,
				.outbox = no->outbox,
				.random = no->random,
				.server_endpoint = no->server_endpoint,
				.member_endpoint = no->member_endpoint,
				.server_addr = no->server_addr,
				.n_local_addrs = no->n_local_addrs,
				.is_super = no->is_super,
				.is_spx_off = no->is_spx_off,
				.introduces_unlisted = no->introduce_unlisted,
				.groups_max = no->groups_max,
				.introduced_groups_max = no->introduced_groups_max,
				.members_max = no->members_max,
				.neighbours_max = no->neighbours_max,
				.streams_max = no->streams_max,
				.streams_total_max = no->streams_total_max,
				.extents_per_stream = no->extents_per_stream,
				.objects_out_max = no->objects_out_max,
				.object_bodies = no->object_bodies};

	memcpy(o.local_addrs, no->local_addrs, sizeof(o.local_addrs));
	if (no->member_endpoint != NODE_NO_ENDPOINT)
		memcpy(o.member_id, no->endpoints[no->member_endpoint].identity->fingerprint,
		       sizeof(o.member_id));
	n->groups = groups_create(&o, now_us);
	return n->groups != NULL ? 0 : -1;
}

struct node *node_create(const struct node_opts *o, uint64_t now_us)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->opts = *o;
	n->now_us = now_us;
	n->conns_us = UINT64_MAX;
	n->stats_us = UINT64_MAX;
	// Without a server there are no clients.
	n->clients_us = o->server_endpoint == NODE_NO_ENDPOINT ? UINT64_MAX : now_us;
	n->figures =
		calloc((size_t)outbox_n_workers(o->outbox) * o->sessions_max, sizeof(*n->figures));
	if (n->figures == NULL || create_startup(n, now_us) < 0 || create_rpc(n) < 0 ||
	    direct_start(n) < 0 || create_groups(n, now_us) < 0) {
		node_destroy(n);
		return NULL;
	}
	return n;
}

void node_destroy(struct node *n)
{
	while (n->joined != NULL) {
		struct node_group *g = n->joined;

		n->joined = g->next;
		free(g);
	}
	while (n->calls != NULL)
		direct_call_close(n->calls);
	if (n->direct != NULL)
		direct_destroy(n->direct);
	while (n->streams != NULL) {
		struct node_stream *s = n->streams;

		n->streams = s->next;
		free(s);
	}
	if (n->groups != NULL)
		groups_destroy(n->groups);
	if (n->rpc != NULL)
		rpc_destroy(n->rpc);
	if (n->startup != NULL)
		startup_destroy(n->startup);
	free(n->figures);
	free(n);
}

// ---- reports ----

static void flow_opened(struct node *n, struct ctl_session *s, const struct report *r)
{
	uint32_t len = r->opened.meta_len < FLOW_META_MAX ? r->opened.meta_len : FLOW_META_MAX;
	struct span meta = {r->opened.meta, len};
	enum flow_kind kind =
		r->opened.meta_len > FLOW_META_MAX ? FLOW_UNKNOWN : flow_kind_of(meta, NULL);
	bool is_client = s->endpoint == n->opts.server_endpoint;

	if (kind == FLOW_TC)
		rpc_flow_opened(n->rpc, s, r->flow, r->opened.flow_id, r->opened.assoc_flow, meta,
				n->now_us);
	else if (kind != FLOW_UNKNOWN && (!is_client || rpc_client_info(s) != NULL))
		groups_flow_opened(n->groups, s, r, n->now_us);
	else
		ctl_flow_reject(s, r->flow, r->opened.flow_id, 0);
}

static bool is_rpcs(uint8_t owner)
{
	return owner == OWNER_RPC || owner == OWNER_STREAM;
}

static bool is_groups(uint8_t owner)
{
	return owner == OWNER_GROUP || owner == OWNER_GC_SERVER || owner == OWNER_GC_CLIENT;
}

// The owner of a receive flow, if the report is about the flow that holds the slot now.
static uint8_t rx_owner(const struct ctl_session *s, const struct report *r, uint64_t flow_id)
{
	const struct ctl_flow *f = &s->rx[r->flow % FLOWS_PER_SESSION];

	return f->flow_id == flow_id ? f->owner : OWNER_NONE;
}

static void message(struct node *n, struct ctl_session *s, const struct report *r)
{
	uint8_t owner = rx_owner(s, r, r->message.flow_id);

	if (owner == OWNER_RPC)
		rpc_message(n->rpc, s, r->flow, (struct span){r->body->data, r->len}, n->now_us);
	else if (owner == OWNER_STREAM)
		rpc_stream_message(n->rpc, s, r->flow, (struct span){r->body->data, r->len},
				   r->message.gap_before, n->now_us);
	else if (is_groups(owner))
		groups_message(n->groups, s, r, n->now_us);
}

static void flow_finished(struct node *n, struct ctl_session *s, const struct report *r)
{
	uint8_t owner = rx_owner(s, r, r->opened.flow_id);

	if (is_rpcs(owner))
		rpc_flow_finished(n->rpc, s, r->flow, n->now_us);
	else if (is_groups(owner))
		groups_flow_finished(n->groups, s, r, n->now_us);
	if (owner != OWNER_NONE && s->state == CTL_OPEN)
		s->rx[r->flow % FLOWS_PER_SESSION].owner = OWNER_NONE;
}

static void flow_exception(struct node *n, struct ctl_session *s, const struct report *r)
{
	uint8_t owner = s->tx[r->flow % FLOWS_PER_SESSION].owner;

	if (is_rpcs(owner))
		rpc_flow_exception(n->rpc, s, r->flow, r->exception.code, n->now_us);
	else if (is_groups(owner))
		groups_flow_exception(n->groups, s, r, n->now_us);
}

// Reports about flows of a session that control has given up say nothing to anybody.
static void flow_report(struct node *n, uint32_t worker, const struct report *r)
{
	struct ctl_session *s = startup_session(n->startup, worker, r->session_idx, r->session_id);

	if (s == NULL || s->state != CTL_OPEN)
		return;
	switch (r->op) {
	case REP_FLOW_OPENED:
		flow_opened(n, s, r);
		break;
	case REP_MESSAGE:
		message(n, s, r);
		break;
	case REP_FLOW_FINISHED:
		flow_finished(n, s, r);
		break;
	case REP_FLOW_EXCEPTION:
		flow_exception(n, s, r);
		break;
	default:
		break;
	}
}

static uint64_t next_stats_us(const struct node *n)
{
	return n->now_us < n->looked_us + LOOK_LIFE_US ? n->now_us + STATS_US : UINT64_MAX;
}

static void keep_figures(struct node *n, uint32_t worker, const struct report *r)
{
	const struct session_stats *rows = (const struct session_stats *)r->body->data;

	if (r->stats.table != STATS_SESSIONS)
		return;
	n->stats_us = next_stats_us(n);
	n->told_us = n->now_us;
	for (uint32_t i = 0; i < r->stats.n; i++)
		if (rows[i].session_idx < n->opts.sessions_max)
			n->figures[worker * n->opts.sessions_max + rows[i].session_idx] =
				(struct session_figures){rows[i].session_id, rows[i].srtt_us,
							 rows[i].rx_bytes, rows[i].tx_bytes};
}

static void health(struct node *n, uint32_t worker, const struct report *r)
{
	struct ctl_session *s = startup_session(n->startup, worker, r->session_idx, r->session_id);

	if (s == NULL || s->state != CTL_OPEN)
		return;
	startup_health(n->startup, s, (enum session_health)r->health.level, n->now_us);
	groups_health(n->groups, s, r, n->now_us);
}

static void datagram(struct node *n, const struct report *r)
{
	struct wire_addr from = {.family = r->packet.from.family, .port = r->packet.from.port};

	memcpy(from.ip, r->packet.from.ip, sizeof(from.ip));
	if (r->body != NULL)
		groups_lan_datagram(n->groups, &from, span_of(r->body->data, r->len), n->now_us);
}

static void other_report(struct node *n, uint32_t worker, const struct report *r)
{
	switch (r->op) {
	case REP_STATS:
		if (r->body != NULL)
			keep_figures(n, worker, r);
		groups_stats(n->groups, worker, r, n->now_us);
		break;
	case REP_DATAGRAM:
		datagram(n, r);
		break;
	case REP_SESSION_HEALTH:
		health(n, worker, r);
		break;
	case REP_STREAM_FRAGMENT:
	case REP_STREAM_GONE:
		groups_stream_report(n->groups, worker, r, n->now_us);
		break;
	default:
		flow_report(n, worker, r);
		break;
	}
}

bool node_report(struct node *n, uint32_t worker, const struct report *r, uint64_t now_us)
{
	n->now_us = now_us;
	if (r->op == REP_BODIES_PUT)
		return outbox_bodies_put(n->opts.outbox, r);
	if (startup_report(n->startup, worker, r, now_us))
		return true;
	other_report(n, worker, r);
	if (r->body != NULL)
		outbox_body_home(n->opts.outbox, worker, r->body);
	return true;
}

void node_set_uplink(struct node *n, uint64_t octets_per_s)
{
	uint32_t n_workers = outbox_n_workers(n->opts.outbox);
	struct command c = {.op = CMD_BUDGET, .budget.level = LIMIT_TOTAL};

	for (uint32_t w = 0; w < n_workers; w++) {
		c.budget.bytes_per_s = octets_per_s / n_workers + (w < octets_per_s % n_workers);
		outbox_push(n->opts.outbox, w, &c);
	}
}

// ---- time ----

static void ask_for_figures(struct node *n)
{
	struct command c = {.op = CMD_STATS, .stats.table = STATS_SESSIONS};

	n->stats_us = next_stats_us(n);
	for (uint32_t w = 0; w < outbox_n_workers(n->opts.outbox); w++)
		outbox_push(n->opts.outbox, w, &c);
}

// Whoever opens a session to an introducer wants to connect. One who does not, and only answers
// pings, shall not keep his place from others for ever.
static void look_for_silent_clients(struct node *n)
{
	struct ctl_session *s;
	uint32_t at = 0;

	n->clients_us = n->now_us + CLIENTS_LOOK_US;
	while ((s = startup_next(n->startup, &at)) != NULL)
		if (s->endpoint == n->opts.server_endpoint && rpc_client_info(s) == NULL &&
		    !rpc_is_ending(s) && n->now_us >= s->opened_us + CLIENT_SILENT_US)
			ctl_session_close(s, CLOSE_ORDERLY);
}

void node_timers(struct node *n, uint64_t now_us)
{
	n->now_us = now_us;
	startup_timers(n->startup, now_us);
	conns_timers(n);
	rpc_timers(n->rpc, now_us);
	direct_node_timers(n);
	groups_timers(n->groups, now_us);
	if (now_us >= n->stats_us && n->n_sessions > 0)
		ask_for_figures(n);
	if (now_us >= n->clients_us && n->n_sessions > 0)
		look_for_silent_clients(n);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t node_deadline_us(const struct node *n)
{
	uint64_t at = startup_deadline_us(n->startup);

	if (n->n_events > 0)
		return 0;
	at = earlier(at, conns_deadline_us(n));
	at = earlier(at, rpc_deadline_us(n->rpc));
	at = earlier(at, direct_node_deadline_us(n));
	at = earlier(at, groups_deadline_us(n->groups));
	return n->n_sessions > 0 ? earlier(at, earlier(n->stats_us, n->clients_us)) : at;
}

void node_lines_of(const struct node *n, struct lines *l)
{
	l->n = 0;
	lines_add(l, n, NODE_TURN_BYTES);
	startup_lines_of(n->startup, l);
	rpc_lines_of(n->rpc, l);
	groups_lines_of(n->groups, l);
	outbox_lines_of(n->opts.outbox, l);
}

// ---- the end ----

void node_close(struct node *n, uint64_t now_us)
{
	struct ctl_session *s;
	uint32_t at = 0;

	n->now_us = now_us;
	n->is_closing = true;
	n->close_by_us = now_us + CLOSE_US;
	groups_leave_all(n->groups, now_us);
	conns_close(n);
	while ((s = startup_next(n->startup, &at)) != NULL)
		if (!rpc_is_ending(s))
			ctl_session_close(s, CLOSE_ORDERLY);
}

bool node_is_closed(const struct node *n)
{
	return n->is_closing && (n->n_sessions == 0 || n->now_us >= n->close_by_us);
}

// ---- looking in ----

// Figures are fetched as long as somebody looks at them: of each session they are lines that nobody
// else wants.
static void look(struct node *n)
{
	uint64_t at_us = n->told_us + STATS_US;

	n->looked_us = n->now_us;
	n->stats_us = earlier(n->stats_us, at_us > n->now_us ? at_us : n->now_us);
}

static const struct session_figures *figures_of(struct node *n, const struct ctl_session *s)
{
	const struct session_figures *f = &n->figures[s->worker * n->opts.sessions_max + s->idx];

	if (n->told_us == 0 || n->told_us + STATS_OLD_US <= n->now_us)
		return NULL;
	return f->session_id == s->id ? f : NULL;
}

uint32_t node_session_rtt_us(struct node *n, const struct ctl_session *s)
{
	const struct session_figures *f = figures_of(n, s);

	look(n);
	return f != NULL ? f->rtt_us : 0;
}

void node_info(struct node *n, struct node_info *out)
{
	const struct ctl_session *s;
	uint32_t at = 0;

	look(n);
	*out = (struct node_info){.n_sessions = n->n_sessions};
	while ((s = startup_next(n->startup, &at)) != NULL) {
		const struct session_figures *f = figures_of(n, s);

		if (f == NULL)
			continue;
		out->rx_bytes += f->rx_bytes;
		out->tx_bytes += f->tx_bytes;
		if (f->rtt_us > 0 && (out->rtt_us == 0 || f->rtt_us < out->rtt_us))
			out->rtt_us = f->rtt_us;
	}
	for (unsigned i = 0; i < CONNS_MAX; i++)
		if (n->conns[i].state == CONN_UP) {
			uint32_t rtt_us = node_session_rtt_us(n, n->conns[i].session);

			out->n_conns++;
			out->rtt_us = rtt_us > 0 ? rtt_us : out->rtt_us;
		}
	for (const struct node_group *g = n->joined; g != NULL; g = g->next) {
		struct group_info gi;

		group_info_get(g->group, &gi);
		out->n_neighbours += gi.n_neighbours;
	}
}

struct startup *node_startup(struct node *n)
{
	return n->startup;
}

struct live_hub *node_live(const struct node *n)
{
	return rpc_live(n->rpc);
}

struct net_streams *node_stream_ends(const struct node *n)
{
	return rpc_streams(n->rpc);
}

const struct rpc_counters *node_rpc_counters(const struct node *n)
{
	return rpc_counters(n->rpc);
}
