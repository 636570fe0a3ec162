#include "perf/probes/light.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/clock.h"
#include "dataplane/core/timer.h"
#include "perf/probes/light_parts.h"

struct lights *lights_create(uint32_t n, struct crypto *crypto, uint64_t now_us)
{
	struct lights *ls = calloc(1, sizeof(*ls));

	if (ls == NULL)
		return NULL;
	ls->n = n;
	ls->crypto = crypto;
	ls->light = aligned_alloc(alignof(struct light), n * sizeof(*ls->light));
	ls->wheel = timer_wheel_create(n);
	ls->due = calloc(n, sizeof(*ls->due));
	ls->shelf = calloc(SHELF_MAX, sizeof(*ls->shelf));
	if (ls->light == NULL || ls->wheel == NULL || ls->due == NULL || ls->shelf == NULL) {
		lights_destroy(ls);
		return NULL;
	}
	memset(ls->light, 0, n * sizeof(*ls->light));
	timer_wheel_start(ls->wheel, (uint32_t)(now_us / 1000));
	return ls;
}

void lights_destroy(struct lights *ls)
{
	if (ls == NULL)
		return;
	timer_wheel_destroy(ls->wheel);
	free(ls->light);
	free(ls->due);
	free(ls->shelf);
	free(ls);
}

struct light *lights_at(struct lights *ls, uint32_t member)
{
	return &ls->light[member];
}

const struct lights_counters *lights_counters(const struct lights *ls)
{
	return &ls->counters;
}

void lights_add(struct lights *ls, uint32_t member, struct engine *e)
{
	ls->light[member].engine = e;
}

// ---- before a turn ----

static void give_fragments(struct lights *ls, struct light *l)
{
	for (uint8_t i = 0; i < l->n_kept; i++) {
		struct shelved *s = &ls->shelf[*light_kept(l, i)];

		assert(s->n_kept > 0);
		relay_on_fragment(l->engine, l->session_idx, l->stream, span_of(s->body, s->len));
		s->n_kept--;
	}
	l->n_kept = 0;
}

// What would have been counted one by one.
static void give_counters(struct light *l)
{
	struct worker_stats *stats = &l->engine->stats;

	stats->rx_packets += l->n_packets;
	stats->rx_bytes += l->n_bytes;
	stats->tx_packets += l->n_acks;
	stats->tx_bytes += l->n_ack_bytes;
	stats->acks_sent += l->n_acks;
	l->n_packets = l->n_bytes = l->n_acks = l->n_ack_bytes = 0;
}

void light_give(struct lights *ls, uint32_t member, uint64_t now_us)
{
	struct light *l = &ls->light[member];
	struct engine *e = l->engine;

	if (e == NULL || l->n_packets + l->n_acks == 0)
		return;
	engine_clock(e, now_us);
	engine_stir(e);
	give_fragments(ls, l);
	if (l->map_len > 0)
		relay_on_control(e, l->session_idx, l->stream, span_of(l->map, l->map_len));
	l->map_len = 0;
	if (l->has_tc)
		clock_on_tc(e, l->session_idx);
	l->has_tc = false;
	give_counters(l);
}

// ---- after it ----

static bool is_of(const struct flow_rx *f, const struct stream *s, const struct engine *e,
		  uint8_t class)
{
	return f->state == RF_OPEN && f->class == class && f->stream == stream_idx(e, s);
}

// A session's receive flow of the stream that has this class; NULL: none yet.
static struct flow_rx *find_flow(struct engine *e, uint32_t session_idx, const struct stream *s,
				 uint8_t class)
{
	struct flow_table *t = flow_table_at(e->flows, session_idx);

	for (uint64_t left = t->rx_used; left != 0; left &= left - 1) {
		struct flow_rx *f = &e->flows->rx[t->rx[__builtin_ctzll(left)]];

		if (is_of(f, s, e, class))
			return f;
	}
	return NULL;
}

// What would need more thought than a number and an ack is the engine's.
static bool is_simple(struct engine *e, const struct flow_rx *f)
{
	const struct session *s = session_at(e, f->session_idx);

	return s->state == S_OPEN && f->held.n == 0 &&
	       !(f->flags & (FLOW_RX_HAS_FINAL | FLOW_RX_STALLED)) && s->flags & SESSION_ALIVE &&
	       !s->is_challenged && e->paths[f->session_idx].family == 4;
}

static bool is_known(const struct light *l, const struct stream *s)
{
	return l->session != NULL && light_is_open(l) && l->flow->session_idx == l->session_idx &&
	       is_of(l->flow, s, l->engine, FLOW_RELAY) && l->maps != NULL &&
	       l->maps->session_idx == l->session_idx &&
	       is_of(l->maps, s, l->engine, FLOW_STREAM_CONTROL);
}

// False: nobody brings the stream yet.
static bool find(struct light *l, const struct stream *s)
{
	struct engine *e = l->engine;

	l->flow = NULL;
	for (uint32_t i = s->link_first; i != LINK_NONE && l->flow == NULL;
	     i = link_at(e, i)->next) {
		l->session_idx = link_at(e, i)->session_idx;
		l->flow = find_flow(e, l->session_idx, s, FLOW_RELAY);
	}
	if (l->flow == NULL)
		return false;
	l->maps = find_flow(e, l->session_idx, s, FLOW_STREAM_CONTROL);
	l->session = session_at(e, l->session_idx);
	l->id = l->session->id_rx;
	l->stream = l->flow->stream;
	return true;
}

static void take(struct light *l)
{
	const struct path *p = &l->engine->paths[l->session_idx];

	memcpy(l->far_addr, p->addr, sizeof(l->far_addr));
	l->far_port = p->port;
	l->is_tcr = clock_tcr_due(l->engine, l->session_idx);
	l->is_light = true;
}

void light_rest(struct light *l)
{
	struct relay *r = l->engine->relay;

	r->tick_ms = (uint32_t)(l->tick_us / 1000);
	for (uint32_t i = 0; i < r->n_active; i++)
		r->streams[r->active[i]].tick_ms = r->tick_ms;
	engine_stir(l->engine);
}

void light_look(struct lights *ls, uint32_t member, uint64_t now_us)
{
	struct light *l = &ls->light[member];
	struct engine *e = l->engine;
	struct stream *s;

	l->is_light = false;
	if (e == NULL || e->relay->n_active != 1)
		return;
	s = stream_at(e, e->relay->active[0]);
	if ((!is_known(l, s) && !find(l, s)) || !is_simple(e, l->flow))
		return;
	take(l);
	s->flags &= (uint8_t)~STREAM_TAP; // its control does not play
	if (l->tick_us == 0)              // spread over the members
		l->tick_us = now_us + (uint64_t)LIGHT_TICK_US * member / ls->n;
	else if (l->tick_us <= now_us)
		l->tick_us = now_us + LIGHT_TICK_US;
	light_rest(l);
}
