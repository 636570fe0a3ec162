#include "control/group/figures.h"

#include "control/group/lan.h"
#include "control/group/neighbour.h"
#include "control/group/objects.h"
#include "control/group/play.h"
#include "control/group/routes.h"
#include "control/group/stream_table.h"
#include "control/group/streams.h"
#include "control/group/topology.h"

enum {
	ASK_US = 2000000,
};

static void ask(struct groups *gs, enum stats_table table)
{
	struct command c = {.op = CMD_STATS, .stats.table = table};

	for (uint32_t w = 0; w < outbox_n_workers(gs->o.outbox); w++)
		if (!outbox_is_crowded(gs->o.outbox, w))
			outbox_push(gs->o.outbox, w, &c);
}

static bool has_streams(const struct groups *gs)
{
	for (const struct group *g = gs->first; g != NULL; g = g->next)
		if (g->streams != NULL)
			return true;
	return false;
}

void figures_timers(struct groups *gs)
{
	if (gs->stats_us > gs->now_us)
		return;
	gs->stats_us = NEVER;
	if (!has_streams(gs))
		return;
	gs->stats_us = gs->now_us + ASK_US;
	ask(gs, STATS_SESSIONS);
	ask(gs, STATS_STREAMS);
}

uint64_t figures_deadline_us(const struct groups *gs)
{
	return gs->stats_us;
}

void figures_soon(struct groups *gs)
{
	gs->stats_us = earlier(gs->stats_us, gs->now_us + ASK_US);
}

// One of the six nearest may be another one now: a choice is made before anybody leaves or is asked
// to.
static void take_rtt(struct neighbour *nb, uint32_t rtt_us)
{
	struct group *g = nb->group;
	bool was_near = nb->rtt_us > 0 && nb->rtt_us <= g->near_us;

	if (nb->rtt_us != rtt_us && (was_near || rtt_us < g->near_us))
		g->is_choice_old = true;
	nb->rtt_us = rtt_us;
}

void groups_health(struct groups *gs, struct ctl_session *cs, const struct report *r,
		   uint64_t now_us)
{
	struct neighbour *nb = cs->groups != NULL ? cs->groups->neighbours : NULL;

	bool is_suspect = r->health.level == HEALTH_SUSPECT;

	gs->now_us = now_us;
	gc_server_health(cs, r->health.level != HEALTH_GOOD);
	for (; nb != NULL; nb = nb->next) {
		take_rtt(nb, r->health.rtt_us);
		if (nb->is_suspect == is_suspect)
			continue;
		nb->is_suspect = is_suspect;
		if (nb->member != NULL)
			nb->member->is_suspect = is_suspect;
		if (is_suspect)
			neighbour_suspected(nb);
		topology_soon(nb->group);
		routes_soon(nb->group);
		if (nb->spx != NULL && !nb->is_suspect)
			objects_heard_again(nb->spx);
	}
}

static void neighbour_figures(struct neighbour *nb, const struct session_stats *row)
{
	take_rtt(nb, row->srtt_us);
	nb->in_flight_bytes = row->in_flight_bytes;
	nb->in_flight_us = nb->group->groups->now_us;
}

static void session_row(struct groups *gs, uint32_t worker, const struct session_stats *row)
{
	struct ctl_session *cs =
		startup_session(gs->o.startup, worker, row->session_idx, row->session_id);

	if (cs == NULL || cs->groups == NULL)
		return;
	for (struct neighbour *nb = cs->groups->neighbours; nb != NULL; nb = nb->next)
		neighbour_figures(nb, row);
}

// Members but the source and us. Who is linked is counted, the rest estimated (NG-8).
static uint64_t n_consumers(const struct gstream *s)
{
	const struct group *g = s->group;
	double members = ring_set_estimate(&g->members.ring, g->address) - 1;
	uint64_t n = members > 0 && members < 1e9 ? (uint64_t)(members + 0.5) : 0;

	if (n < s->n_linked)
		n = s->n_linked;
	return s->is_published_here || n == 0 ? n : n - 1;
}

static void stream_row(struct groups *gs, uint32_t worker, const struct stream_stats *row)
{
	struct gstream *s = stream_table_at(gs->streams, row->stream);

	if (s == NULL)
		return;
	stream_figures_take(&s->figures, worker, row, n_consumers(s), gs->now_us);
	stream_progress(s, row->newest);
}

static void link_row(struct groups *gs, uint32_t worker, const struct link_stats *row)
{
	struct gstream *s = stream_table_at(gs->streams, row->stream);

	for (struct stream_link *l = s != NULL ? s->links : NULL; l != NULL;
	     l = l->next_of_stream) {
		const struct ctl_session *cs = l->neighbour->cs;

		if (cs->worker == worker && cs->idx == row->session_idx &&
		    cs->id == row->session_id) {
			l->lag = row->lag_fragments;
			l->lag_us = gs->now_us;
		}
	}
}

void groups_stats(struct groups *gs, uint32_t worker, const struct report *r, uint64_t now_us)
{
	gs->now_us = now_us;
	for (uint32_t i = 0; r->body != NULL && i < r->stats.n; i++)
		switch (r->stats.table) {
		case STATS_SESSIONS:
			session_row(gs, worker, (const struct session_stats *)r->body->data + i);
			break;
		case STATS_STREAMS:
			stream_row(gs, worker, (const struct stream_stats *)r->body->data + i);
			break;
		case STATS_LINKS:
			link_row(gs, worker, (const struct link_stats *)r->body->data + i);
			break;
		}
}

void groups_stream_report(struct groups *gs, uint32_t worker, const struct report *r,
			  uint64_t now_us)
{
	struct gstream *s = stream_table_at(gs->streams, r->stream.stream);

	gs->now_us = now_us;
	if (s == NULL)
		return;
	if (r->op == REP_STREAM_FRAGMENT && r->body != NULL) {
		stream_progress(s, r->stream.number);
		lan_fragment_out(s, span_of(r->body->data, r->len));
		plays_fragment(s, span_of(r->body->data, r->len));
	} else if (r->op == REP_STREAM_GONE && worker == s->home) {
		plays_gone(s, r->stream.number);
	}
}
