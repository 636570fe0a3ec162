#include "dataplane/core/stats.h"

#include <assert.h>
#include <string.h>

#include "dataplane/core/pmtu.h"

#define ROWS_PER_REPORT 64
#define RING_ROOM_MIN   16 // reports that matter more than figures keep this much room

void stats_ask(struct engine *e, const struct command *cmd)
{
	assert(cmd->stats.table <= STATS_LINKS);
	if (e->stats_asked == 0) {
		e->stats_table = (uint8_t)cmd->stats.table;
		e->stats_at = 0;
	}
	e->stats_asked |= (uint8_t)(1u << cmd->stats.table);
}

static void session_row(const struct engine *e, uint32_t idx, struct session_stats *row)
{
	const struct session *s = &e->sessions[idx];
	const struct session_cold *c = &e->cold[idx];
	const struct path *p = &e->paths[idx];

	*row = (struct session_stats){
		.session_idx = idx,
		.session_id = s->id_rx,
		.srtt_us = s->srtt_us,
		.erto_us = s->erto_us,
		.cwnd_bytes = s->cwnd_bytes,
		.in_flight_bytes = s->in_flight_bytes,
		.rx_bytes = s->rx_bytes,
		.tx_bytes = s->tx_bytes,
		.rx_packets = s->rx_packets,
		.tx_packets = s->tx_packets,
		.lost_fragments = c->n_lost,
		.resent_fragments = c->n_resent,
		.duplicates = c->n_duplicates,
		.silent_ms = e->now_ms - s->last_rx_ms,
		.path_mtu = s->payload_max + (p->family == 6 ? IPV6_UDP_BYTES : IPV4_UDP_BYTES),
		.far = {.port = p->port,
			.family = p->family,
			.endpoint = p->endpoint,
			.local = p->local},
	};
	memcpy(row->far.ip, p->addr, sizeof(row->far.ip));
}

static uint32_t session_rows(struct engine *e, uint32_t *at, struct session_stats *rows,
			     uint32_t max)
{
	uint32_t n = 0;

	for (; *at < e->opts.sessions_max && n < max; (*at)++) {
		if (session_at(e, *at)->state == S_OPEN)
			session_row(e, *at, &rows[n++]);
	}
	return n;
}

static const uint16_t row_len[] = {
	[STATS_WORKER] = sizeof(struct worker_stats),
	[STATS_SESSIONS] = sizeof(struct session_stats),
	[STATS_STREAMS] = sizeof(struct stream_stats),
	[STATS_LINKS] = sizeof(struct link_stats),
};

// Fills up to max rows from e->stats_at on; fewer than max: that was all.
static uint32_t fill(struct engine *e, uint8_t *rows, uint32_t max)
{
	switch (e->stats_table) {
	case STATS_WORKER:
		memcpy(rows, &e->stats, sizeof(e->stats));
		return 1;
	case STATS_SESSIONS:
		return session_rows(e, &e->stats_at, (struct session_stats *)rows, max);
	case STATS_STREAMS:
		return relay_stream_stats(e, &e->stats_at, (struct stream_stats *)rows, max);
	default:
		return relay_link_stats(e, &e->stats_at, (struct link_stats *)rows, max);
	}
}

// One report. False: no body for it now.
static bool answer_some(struct engine *e)
{
	uint32_t max = e->stats_table == STATS_WORKER ? 2 : ROWS_PER_REPORT;
	struct report r = {.op = REP_STATS};

	r.body = body_get(e->bodies, max * row_len[e->stats_table]);
	if (r.body == NULL)
		return false;
	r.stats.table = e->stats_table;
	r.stats.n = fill(e, r.body->data, max);
	r.len = r.stats.n * row_len[e->stats_table];
	r.body->len = r.len;
	if (r.stats.n < max) {
		r.flags = STATS_LAST;
		e->stats_asked &= (uint8_t) ~(1u << e->stats_table);
		e->stats_at = 0;
		if (e->stats_asked != 0)
			e->stats_table = (uint8_t)__builtin_ctz(e->stats_asked);
	}
	engine_report(e, &r);
	return true;
}

void stats_answer(struct engine *e)
{
	while (e->stats_asked != 0 && mailbox_room(e->opts.reports) >= RING_ROOM_MIN) {
		if (!answer_some(e))
			return;
	}
}
