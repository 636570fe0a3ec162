// Fan-out: one fragment in, one packet to every neighbour out, acks coming back (fastpath.md 7).
// Through the whole path: port, frames, opening, chunks, window, send flows, sealing, port.
#include <stdio.h>
#include <stdlib.h>

#include "perf/race.h"
#include "perf/rows.h"

#define TAG     16 // of the HMAC form, as the configuration has it
#define SECONDS 0.8

// -- one engine beside its limit --

static void *fan_open(const struct bench_row *row, struct ratio *r)
{
	return race_open(row->user, r);
}

static void fan_batch(void *w, struct ratio *r)
{
	struct race_sums s;

	race_forget(w);
	race_run(w, RACE_BATCH);
	s = race_sums(w);
	ratio_add(r, RATIO_OURS, s.ours, s.packets);
	ratio_add(r, RATIO_LIMIT, s.seal + s.open, s.packets);
	ratio_add(r, RATIO_LIMIT_2, s.seal, s.packets);
	ratio_add(r, RATIO_LIMIT_3, s.copy, s.packets);
}

static void fan_close(void *w, struct ratio *r)
{
	race_judge(w, r);
	race_close(w);
}

static struct race_opts shape(uint32_t n_streams, uint32_t n, uint16_t body_len, bool has_hmac)
{
	uint32_t all = n_streams * n;

	return (struct race_opts){
		.fars = {.n_streams = n_streams,
			 .n_per_stream = n,
			 .body_len = body_len,
			 .tag_len = has_hmac ? TAG : 0,
			 .has_sseq = has_hmac},
		.turn_max = 128,
		.tx_ring = 256,
		.want = all < 128 ? all : 128,
	};
}

static const struct race_opts *kept(struct race_opts o)
{
	struct race_opts *copy = malloc(sizeof(*copy)); // as long as the rows, which is always

	if (copy == NULL)
		abort();
	*copy = o;
	return copy;
}

static struct bench_row row_of(struct race_opts o)
{
	return (struct bench_row){
		.unit = "packet",
		.sides = {"worker_turn", "ipsec-mb alone for all that crossed crypto",
			  "for what went out alone", "a copy of what went out"},
		.seconds = SECONDS,
		.user = kept(o),
		.open = fan_open,
		.batch = fan_batch,
		.close = fan_close,
	};
}

static void goals(struct bench_row *row, const struct race_opts *o)
{
	bool is_64 = o->fars.n_streams == 1 && o->fars.n_per_stream == 64;

	if (!is_64 || o->is_bare)
		return;
	if (o->fars.body_len == 1000 && o->fars.tag_len == 0)
		row->goals[0] = (struct bench_goal){"fan-out 1 to 64, 1000 B, checksum form", NULL,
						    0.5, 0.62};
	else if (o->fars.body_len == 1000)
		row->goals[0] =
			(struct bench_goal){"fan-out 1 to 64, 1000 B, HMAC form", NULL, 0.8, 0.88};
	else if (o->fars.tag_len == 0)
		row->goals[0] = (struct bench_goal){"fan-out 1 to 64, 200 B, checksum form", NULL,
						    0.35, 0.5};
}

static const struct {
	uint32_t n_streams, n;
} shapes[] = {{64, 1}, {8, 8}, {1, 64}, {1, 512}, {1, 4096}, {1, 1}, {1, 8}};

static void plain_rows(struct bench *b, bool has_hmac, uint16_t body_len, bool is_bare)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct race_opts o = shape(shapes[i].n_streams, shapes[i].n, body_len, has_hmac);
		struct bench_row row;

		o.is_bare = is_bare;
		row = row_of(o);
		goals(&row, &o);
		row.plot = (struct bench_plot){
			.name = shapes[i].n_streams == 1 && shapes[i].n > 8 ? "fanout" : NULL,
			.x_name = "neighbours",
			.x = shapes[i].n};
		snprintf(row.plot.line, sizeof(row.plot.line), "%u B, %s%s", body_len,
			 has_hmac ? "HMAC" : "checksum", is_bare ? ", engine alone" : "");
		bench_add(b, &row, "fanout/%ux%u/%uB/%s%s", shapes[i].n_streams, shapes[i].n,
			  body_len, has_hmac ? "hmac" : "sum", is_bare ? "/engine" : "");
	}
}

void fanout_rows(struct bench *b)
{
	static const uint16_t lens[] = {1000, 200};

	for (unsigned i = 0; i < 2; i++)
		for (unsigned form = 0; form < 2; form++)
			for (unsigned bare = 0; bare < 2; bare++)
				plain_rows(b, form, lens[i], bare);
}
