#include "control/bin/daemon/readings.h"

#include <errno.h>
#include <stdlib.h>

#include "control/group/stream_figures.h"

#define FRESH_US (3 * READINGS_PERIOD_US)

int readings_init(struct readings *f, struct backend *b, const struct engine_opts *eo,
		  uint64_t now_us)
{
	*f = (struct readings){.backend = b,
			       .n_workers = eo->n_workers,
			       .sessions_max = eo->sessions_max,
			       .streams_max = eo->streams_max,
			       .next_us = now_us + READINGS_PERIOD_US,
			       .last_us = now_us};
	f->sessions = calloc((size_t)f->n_workers * f->sessions_max, sizeof(*f->sessions));
	f->streams = calloc((size_t)f->n_workers * f->streams_max, sizeof(*f->streams));
	return f->sessions != NULL && f->streams != NULL ? 0 : -ENOMEM;
}

void readings_fini(struct readings *f)
{
	free(f->sessions);
	free(f->streams);
	*f = (struct readings){0};
}

// ---- load ----

static uint32_t permille(uint64_t part, uint64_t whole)
{
	return whole > 0 ? (uint32_t)((part * 1000 + whole / 2) / whole) : 0;
}

static void measure_load(struct readings *f, uint64_t now_us)
{
	uint64_t period_us = now_us - f->last_us;
	struct process_figures p;

	process_figures(&p);
	f->cpu_permille = permille(p.cpu_us - f->last_cpu_us, period_us);
	f->last_cpu_us = p.cpu_us;
	for (uint32_t w = 0; w < f->n_workers; w++) {
		struct backend_worker now;

		f->backend->kind->worker(f->backend, w, &now);
		f->worker_cpu_permille[w] = permille(now.cpu_us - f->last[w].cpu_us, period_us);
		f->worker_busy_permille[w] = permille(now.busy_us - f->last[w].busy_us, period_us);
		f->last[w] = now;
	}
	f->last_us = now_us;
}

// ---- ask and be told ----

// The node asks for sessions only while somebody looks at its figures; who asks annulusctl looks
// once, and shall not see zeros.
void readings_timers(struct readings *f, struct outbox *outbox, uint64_t now_us)
{
	static const enum stats_table tables[] = {STATS_SESSIONS, STATS_STREAMS};

	if (now_us < f->next_us)
		return;
	f->next_us = now_us + READINGS_PERIOD_US;
	for (uint32_t w = 0; w < f->n_workers; w++)
		for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
			outbox_push(outbox, w,
				    &(struct command){.op = CMD_STATS, .stats.table = tables[i]});
	measure_load(f, now_us);
}

static void keep_session(struct readings *f, uint32_t worker, const struct session_stats *row)
{
	if (row->session_idx < f->sessions_max)
		f->sessions[worker * f->sessions_max + row->session_idx] = *row;
}

static void keep_stream(struct readings *f, uint32_t worker, const struct stream_stats *row,
			uint64_t now_us)
{
	if (row->stream < f->streams_max)
		f->streams[worker * f->streams_max + row->stream] =
			(struct stream_row){now_us, *row};
}

void readings_report(struct readings *f, uint32_t worker, const struct report *r, uint64_t now_us)
{
	if (r->op != REP_STATS || r->body == NULL)
		return;
	for (uint32_t i = 0; i < r->stats.n; i++) {
		if (r->stats.table == STATS_SESSIONS)
			keep_session(f, worker, (const struct session_stats *)r->body->data + i);
		else if (r->stats.table == STATS_STREAMS)
			keep_stream(f, worker, (const struct stream_stats *)r->body->data + i,
				    now_us);
	}
}

// ---- look ----

const struct session_stats *readings_session(const struct readings *f, uint32_t worker,
					     uint32_t idx, uint32_t id)
{
	const struct session_stats *row = &f->sessions[worker * f->sessions_max + idx];

	return row->session_id == id ? row : NULL;
}

bool readings_stream(const struct readings *f, uint16_t stream, uint64_t now_us,
		     struct stream_stats *sum)
{
	bool is_known = false;

	*sum = (struct stream_stats){.stream = stream, .oldest = UINT64_MAX};
	for (uint32_t w = 0; w < f->n_workers && stream < f->streams_max; w++) {
		const struct stream_row *row = &f->streams[w * f->streams_max + stream];

		if (row->told_us == 0 || now_us - row->told_us > FRESH_US)
			continue;
		stream_stats_add(sum, &row->stats);
		is_known = true;
	}
	return is_known;
}
