#include "control/group/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/dial.h"
#include "control/group/figures.h"
#include "control/group/gc_client.h"
#include "control/group/lan.h"
#include "control/group/neighbour.h"
#include "control/group/objects.h"
#include "control/group/play.h"
#include "control/group/postings.h"
#include "control/group/routes.h"
#include "control/group/stream_table.h"
#include "control/group/streams.h"
#include "control/group/topology.h"

enum {
	KEEPALIVE_MS = 15000,     // as if behind a translator, until a server knows
	SWEEP_IDLE_US = 30000000, // nothing waits (sweep_by)
	DIALS_PER_S = 5,          // from gossip, per group (groups.md 10.5)
	DIALS_BURST = 20,
	DIALS_RESERVED = 5, // of the burst, for those who were heard of lately
	REPORTS_PER_S = 2,  // from a neighbour
	REPORTS_BURST = 20,
	JITTER_US = 2000000,
	OBJECTS_OUT_MAX = 4 << 20, // docs/spx.md
};

// ---- our introducer and our groups ----

static bool gc_is_ours(void *ctx, const uint8_t group_id[GROUP_ID_LEN])
{
	return group_find(ctx, group_id) != NULL;
}

// Who joins a group of ours is a member, and where our server sees it others can reach it.
static void gc_joined(void *ctx, const uint8_t group_id[GROUP_ID_LEN], struct ctl_session *cs)
{
	struct groups *gs = ctx;
	struct group *g = group_find(gs, group_id);
	struct wire_addr addrs[2] = {gs->o.server_addr, cs->far};
	struct member_news news = {.source = HEARD_SERVER,
				   .heard_us = gs->now_us,
				   .now_us = gs->now_us,
				   .addrs = addrs,
				   .n_addrs = 2};
	struct member *who;

	if (g == NULL)
		return;
	addrs[0].origin = ADDR_RELAY;
	addrs[1].origin = ADDR_OBSERVED;
	who = members_hear(&g->members, cs->fingerprint, &news);
	if (who != NULL)
		who->is_client = true;
	topology_soon(g);
}

static void gc_left(void *ctx, const uint8_t group_id[GROUP_ID_LEN], struct ctl_session *cs)
{
	struct groups *gs = ctx;
	struct group *g = group_find(gs, group_id);
	struct member *who = g != NULL ? members_find(&g->members, cs->fingerprint) : NULL;

	if (who == NULL)
		return;
	who->is_client = false;
	if (who->neighbour == NULL && who->dial == NULL)
		members_died(&g->members, who, gs->now_us);
	g->is_choice_old = true;
}

static struct gc_server *gc_create(struct groups *gs)
{
	struct gc_server_opts o = {.random = gs->o.random,
				   .counters = &gs->n,
				   .sessions = &gs->sessions,
				   .introduces_unlisted = gs->o.introduces_unlisted,
				   .groups_max = gs->o.introduced_groups_max,
				   .members_max = gs->o.members_max,
				   .has_member = gs->o.member_endpoint != GROUPS_NO_ENDPOINT,
				   .ctx = gs,
				   .is_ours = gc_is_ours,
				   .joined = gc_joined,
				   .left = gc_left};

	memcpy(o.member_id, gs->o.member_id, PEER_ID_LEN);
	return gc_server_create(&o);
}

// ---- life ----

static bool limits_are_set(const struct groups_opts *o)
{
	bool is_server = o->server_endpoint != GROUPS_NO_ENDPOINT;

	return o->groups_max > 0 && o->members_max > 0 && o->neighbours_max > 0 &&
	       o->streams_max > 0 && o->streams_total_max > 0 &&
	       o->streams_total_max <= NO_STREAM && o->extents_per_stream > 0 &&
	       (!is_server || o->introduced_groups_max > 0);
}

struct groups *groups_create(const struct groups_opts *o, uint64_t now_us)
{
	struct groups *gs;

	if (!limits_are_set(o))
		return NULL;
	gs = calloc(1, sizeof(*gs));
	if (gs == NULL)
		return NULL;
	gs->o = *o;
	gs->now_us = now_us;
	gs->keepalive_ms = KEEPALIVE_MS;
	gs->streams_us = NEVER;
	gs->stats_us = NEVER;
	gs->gate.seed = random_u64(o->random);
	gs->dial_rate = token_rate_of(DIALS_PER_S, DIALS_BURST);
	gs->dial_rate_stale = token_rate_of(DIALS_PER_S, DIALS_BURST - DIALS_RESERVED);
	gs->report_rate = token_rate_of(REPORTS_PER_S, REPORTS_BURST);
	spx_rates(gs);
	if (gs->o.objects_out_max == 0)
		gs->o.objects_out_max = OBJECTS_OUT_MAX;
	gs->objects_out = outbox_account_open(o->outbox);
	lan_rates(gs);
	gs->streams = stream_table_create(o->streams_total_max);
	if (o->server_endpoint != GROUPS_NO_ENDPOINT)
		gs->gc = gc_create(gs);
	if (gs->streams == NULL || gs->objects_out == NULL ||
	    (o->server_endpoint != GROUPS_NO_ENDPOINT && gs->gc == NULL)) {
		groups_destroy(gs);
		return NULL;
	}
	return gs;
}

static void relations_forget(struct groups *gs)
{
	while (gs->sessions != NULL) {
		struct ctl_session *cs = gs->sessions->cs;

		neighbours_session_closed(gs, cs);
		if (gs->gc != NULL)
			gc_server_session_closed(gs->gc, cs);
	}
}

static void group_free(struct group *g)
{
	struct groups *gs = g->groups;
	struct group **at = &gs->first;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	gs->n_groups--;
	event_forget(&gs->events, g);
	lan_destroy(g);
	postings_destroy(g);
	routes_destroy(g);
	objects_destroy(g);
	members_clear(&g->members);
	free(g->neighbours);
	free(g->publishers);
	free(g);
}

void groups_destroy(struct groups *gs)
{
	if (gs == NULL)
		return;
	groups_leave_all(gs, gs->now_us);
	relations_forget(gs);
	gc_server_destroy(gs->gc);
	stream_table_destroy(gs->streams);
	if (gs->objects_out != NULL)
		outbox_account_close(gs->objects_out);
	event_queue_clear(&gs->events);
	idle_sessions_clear(&gs->idle);
	free(gs);
}

// ---- joining ----

static uint32_t limit_of(uint32_t asked, uint32_t max)
{
	return asked != 0 && asked < max ? asked : max;
}

static int limits_take(struct group *g, const struct group_limits *asked)
{
	const struct groups_opts *o = &g->groups->o;
	struct group_limits none = {0};

	asked = asked != NULL ? asked : &none;
	g->limits.members_max = limit_of(asked->members_max, o->members_max);
	g->limits.neighbours_max = limit_of(asked->neighbours_max, o->neighbours_max);
	g->limits.streams_max = limit_of(asked->streams_max, o->streams_max);
	g->limits.relay = asked->relay;
	g->limits.posting = asked->posting;
	g->limits.replication = asked->replication;
	g->limits.budget = asked->budget;
	g->limits.is_lan_off = asked->is_lan_off;
	g->limits.multicast_ttl = asked->multicast_ttl;
	g->limits.n_publishers = asked->n_publishers;
	if (asked->n_publishers == 0)
		return 0;
	g->publishers = calloc(asked->n_publishers, PEER_ID_LEN);
	if (g->publishers == NULL)
		return -ENOMEM;
	memcpy(g->publishers, asked->publishers, (size_t)asked->n_publishers * PEER_ID_LEN);
	return 0;
}

static int join_check(const struct groups *gs, const struct groupspec *spec)
{
	bool is_lonely =
		spec->peer_to_peer_disabled && !(spec->multicast && spec->n_ip_multicast > 0);

	// Without peers there are streams by IP multicast, or nothing (GS-8, IP-2).
	if (gs->o.member_endpoint == GROUPS_NO_ENDPOINT || spec->version > 2 || is_lonely)
		return -EOPNOTSUPP;
	if (group_find(gs, spec->id) != NULL)
		return -EEXIST;
	return gs->n_groups < gs->o.groups_max ? 0 : -ENOBUFS;
}

static struct group *group_make(struct groups *gs, const struct groupspec *spec,
				const struct group_limits *limits, void *user)
{
	struct group *g = calloc(1, sizeof(*g));
	uint8_t address[32];

	if (g == NULL)
		return NULL;
	g->groups = gs;
	g->spec = *spec;
	g->user = user;
	group_address_of(gs->o.member_id, address);
	g->address = u256_of(address);
	if (limits_take(g, limits) != 0 ||
	    members_init(&g->members, gs->o.member_id, g->limits.members_max,
			 random_u64(gs->o.random)) != 0) {
		free(g->publishers);
		free(g);
		return NULL;
	}
	if (postings_create(g) != 0 || routes_create(g) != 0 || objects_create(g) != 0 ||
	    lan_create(g) != 0) {
		objects_destroy(g);
		postings_destroy(g);
		routes_destroy(g);
		members_clear(&g->members);
		free(g->publishers);
		free(g);
		return NULL;
	}
	// Not all of a thousand members that start together report together.
	g->report_us = gs->now_us + GROUP_REPORT_INTERVAL_MS * UINT64_C(1000) +
		       random_below(gs->o.random, JITTER_US);
	g->purge_us = gs->now_us;
	g->choose_us = gs->now_us;
	g->answer_us = NEVER;
	g->random_us = NEVER;
	return g;
}

struct group *group_join(struct groups *gs, const struct groupspec *spec,
			 const struct group_limits *limits, void *user, int *err, uint64_t now_us)
{
	struct group *g;

	gs->now_us = now_us;
	*err = join_check(gs, spec);
	if (*err != 0)
		return NULL;
	g = group_make(gs, spec, limits, user);
	if (g == NULL) {
		*err = -ENOMEM;
		return NULL;
	}
	g->next = gs->first;
	gs->first = g;
	gs->n_groups++;
	if (spec->peer_to_peer_disabled)
		return g;
	for (uint8_t i = 0; i < spec->n_bootstrap; i++) // GS-11
		topology_hint(g, spec->bootstrap[i]);
	gc_group_joined(g);
	return g;
}

static void dials_cancel(struct group *g)
{
	for (int i = 0; i < DIALS_MAX; i++)
		if (g->groups->dials[i].member != NULL && g->groups->dials[i].group == g)
			dial_cancel(&g->groups->dials[i]);
}

void group_leave(struct group *g, uint64_t now_us)
{
	g->groups->now_us = now_us;
	dials_cancel(g);
	plays_free(g);
	publications_free(g);
	while (g->streams != NULL)
		stream_drop(g->streams);
	while (g->n_neighbours > 0)
		neighbour_end(g->neighbours[g->n_neighbours - 1], END_LEAVE);
	gc_group_left(g);
	group_free(g);
}

void groups_leave_all(struct groups *gs, uint64_t now_us)
{
	while (gs->first != NULL)
		group_leave(gs->first, now_us);
}

void *group_user(const struct group *g)
{
	return g->user;
}

const struct groupspec *group_spec(const struct group *g)
{
	return &g->spec;
}

// ---- sessions and connections ----

bool groups_owns(const struct groups *gs, const void *user)
{
	return dial_is_ours(gs, user);
}

void groups_session_opened(struct groups *gs, struct ctl_session *cs, void *user, uint64_t now_us)
{
	gs->now_us = now_us;
	session_is_idle(gs, cs);
	if (groups_owns(gs, user))
		dial_opened(gs, user, cs);
	// Else they opened it, and they begin (groups.md 4.2).
}

void groups_open_failed(struct groups *gs, void *user, enum open_failure why,
			struct ctl_session *existing, uint64_t now_us)
{
	gs->now_us = now_us;
	if (groups_owns(gs, user))
		dial_failed(gs, user, why, existing);
}

void groups_session_closed(struct groups *gs, struct ctl_session *cs, enum session_close_reason why,
			   uint64_t now_us)
{
	(void)why;
	gs->now_us = now_us;
	gc_conn_down(gs, cs);
	neighbours_session_closed(gs, cs);
	if (gs->gc != NULL)
		gc_server_session_closed(gs->gc, cs);
}

void groups_conn_up(struct groups *gs, struct ctl_session *cs, uint64_t far_control_flow_id,
		    uint64_t now_us)
{
	gs->now_us = now_us;
	gc_conn_up(gs, cs, far_control_flow_id);
}

void groups_conn_down(struct groups *gs, struct ctl_session *cs, uint64_t now_us)
{
	gs->now_us = now_us;
	gc_conn_down(gs, cs);
}

// ---- time ----

static void streams_sweep(struct groups *gs)
{
	gs->streams_us = NEVER;
	for (struct group *g = gs->first; g != NULL; g = g->next) {
		streams_timers(g);
		if (g->streams != NULL)
			gs->streams_us = gs->now_us + SECOND_US;
	}
}

void groups_timers(struct groups *gs, uint64_t now_us)
{
	gs->now_us = now_us;
	gs->n.events_lost = gs->events.n_lost;
	if (gs->gc != NULL)
		gc_server_timers(gs->gc, now_us);
	dial_timers(gs);
	if (gs->sweep_us <= now_us)
		gs->sweep_us = earlier(neighbours_sweep(gs), now_us + SWEEP_IDLE_US);
	if (gs->streams_us <= now_us)
		streams_sweep(gs);
	for (struct group *g = gs->first; g != NULL; g = g->next) {
		topology_timers(g);
		publications_timers(g);
		postings_timers(g);
		routes_timers(g);
		objects_timers(g);
		lan_timers(g);
	}
	figures_timers(gs);
}

void groups_lines_of(const struct groups *gs, struct lines *l)
{
	lines_add(l, gs, offsetof(struct groups, sessions));
	if (gs->first != NULL)
		lines_add(l, gs->first, offsetof(struct group, address));
}

uint64_t groups_deadline_us(const struct groups *gs)
{
	uint64_t at_us = gs->events.n > 0 ? gs->now_us : earlier(gs->sweep_us, gs->streams_us);

	at_us = earlier(at_us, dial_deadline_us(gs));
	at_us = earlier(at_us, figures_deadline_us(gs));
	if (gs->gc != NULL)
		at_us = earlier(at_us, gc_server_deadline_us(gs->gc));
	for (const struct group *g = gs->first; g != NULL; g = g->next) {
		at_us = earlier(at_us, topology_deadline_us(g));
		at_us = earlier(at_us, publications_deadline_us(g));
		at_us = earlier(at_us, plays_deadline_us(g));
		at_us = earlier(at_us, postings_deadline_us(g));
		at_us = earlier(at_us, routes_deadline_us(g));
		at_us = earlier(at_us, objects_deadline_us(g));
		at_us = earlier(at_us, lan_deadline_us(g));
	}
	return at_us;
}

bool groups_event(struct groups *gs, struct group_event *e, uint64_t now_us)
{
	gs->now_us = now_us;
	if (event_pop(&gs->events, e))
		return true;
	for (struct group *g = gs->first; g != NULL; g = g->next)
		if (plays_event(g, e))
			return true;
	return false;
}
