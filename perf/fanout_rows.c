// Fan-out: one fragment in, one packet to every neighbour out, acks coming back (fastpath.md 7).
// Through the whole path: port, frames, opening, chunks, window, send flows, sealing, port.
#include <stdio.h>
#include <stdlib.h>

#include "perf/pair.h"
#include "perf/rows.h"

#define TAG        16  // of the HMAC form, as the configuration has it
#define PAIR_CHUNK 500 // packets, before it is the other's turn

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

struct race_opts race_shape(uint32_t n_streams, uint32_t n, uint16_t body_len, bool has_hmac)
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
		.waits = true, // the race leaves out the steps in which others had the core
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
		struct race_opts o =
			race_shape(shapes[i].n_streams, shapes[i].n, body_len, has_hmac);
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

// -- the same under harder conditions --

static void hard_rows(struct bench *b)
{
	struct race_opts wide = race_shape(1, 4096, 1000, false), o;
	struct bench_row row;

	for (uint16_t turn = 64; turn <= 256; turn *= 2) {
		o = wide;
		o.want = o.turn_max = turn;
		row = row_of(o);
		bench_add(b, &row, "fanout/1x4096/1000B/sum/turn-%u", turn);
	}
	for (uint16_t ring = 128; ring <= 512; ring *= 2) {
		o = wide;
		o.tx_ring = ring;
		row = row_of(o);
		bench_add(b, &row, "fanout/1x4096/1000B/sum/tx-ring-%u", ring);
	}
	o = wide;
	o.fars.is_shuffled = true;
	row = row_of(o);
	bench_add(b, &row, "fanout/1x4096/1000B/sum/shuffled");
	o = wide;
	o.is_disturbed = true;
	o.fars.slow_permille = 50;
	row = row_of(o);
	bench_add(b, &row, "fanout/1x4096/1000B/sum/slow-5%%");
	o.fars.slow_permille = 0;
	o.fars.loss_ppm = 20000;
	row = row_of(o);
	bench_add(b, &row, "fanout/1x4096/1000B/sum/lost-2%%");
	o.fars.loss_ppm = 0;
	o.fars.pull_ppm = 20000;
	row = row_of(o);
	bench_add(b, &row, "fanout/1x4096/1000B/sum/pulled-2%%");
	o = race_shape(1, 64, 1000, false);
	o.on_small_pages = true;
	row = row_of(o);
	bench_add(b, &row, "fanout/1x64/1000B/sum/no-huge");
	o = wide;
	o.on_small_pages = true;
	row = row_of(o);
	bench_add(b, &row, "fanout/1x4096/1000B/sum/no-huge");
}

// What IPv6 costs beside IPv4: a longer header, and a UDP checksum that the port of rings leaves to
// us.
static void ipv6_rows(struct bench *b)
{
	for (unsigned i = 0; i < 4; i++) {
		struct race_opts o = race_shape(1, 64, i & 1 ? 200 : 1000, i & 2);
		struct bench_row row;

		o.fars.is_v6 = true;
		row = row_of(o);
		bench_add(b, &row, "fanout/1x64/%uB/%s/ipv6", i & 1 ? 200 : 1000,
			  i & 2 ? "hmac" : "sum");
	}
}

static void stage_row(struct bench *b, uint32_t n_streams, uint32_t n, uint16_t len, bool has_hmac)
{
	struct race_opts o = race_shape(n_streams, n, len, has_hmac);
	struct bench_row row;

	o.shows_stages = true;
	row = row_of(o);
	bench_add(b, &row, "fanout/%ux%u/%uB/%s/stages", n_streams, n, len,
		  has_hmac ? "hmac" : "sum");
}

static void stage_rows(struct bench *b)
{
	for (unsigned i = 0; i < 8; i++)
		stage_row(b, 1, i & 2 ? 4096 : 64, i & 1 ? 200 : 1000, i & 4);
	stage_row(b, 1, 10000, 1000, false);
	stage_row(b, 1000, 10, 1000, false);
}

// -- two of them in turns --

struct pair {
	struct race_opts ours, other;
};

struct pair_world {
	struct race *ours, *other;
};

static void pair_close(void *w, struct ratio *r)
{
	struct pair_world *p = w;

	if (p->ours != NULL)
		race_judge(p->ours, r);
	if (p->other != NULL)
		race_judge(p->other, r);
	race_close(p->ours);
	race_close(p->other);
	free(p);
}

static void *pair_open(const struct bench_row *row, struct ratio *r)
{
	const struct pair *opts = row->user;
	struct pair_world *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->ours = race_open(&opts->ours, r);
	p->other = p->ours != NULL ? race_open(&opts->other, r) : NULL;
	if (p->other != NULL)
		return p;
	race_close(p->ours);
	free(p);
	return NULL;
}

static void pair_batch(void *w, struct ratio *r)
{
	struct pair_world *p = w;
	struct race_sums s;

	race_forget(p->ours);
	race_forget(p->other);
	for (unsigned i = 0; i < RACE_BATCH; i += PAIR_CHUNK) {
		race_run(p->ours, i + PAIR_CHUNK);
		race_run(p->other, i + PAIR_CHUNK);
	}
	s = race_sums(p->ours);
	ratio_add(r, RATIO_OURS, s.ours, s.packets);
	s = race_sums(p->other);
	ratio_add(r, RATIO_LIMIT, s.ours, s.packets);
}

void pair_row(struct bench *b, struct race_opts ours, struct race_opts other, const char *ours_is,
	      const char *other_is, struct bench_goal goal, const char *name)
{
	struct pair *kept_pair = malloc(sizeof(*kept_pair)); // as long as the rows
	struct bench_row row = {.unit = "packet",
				.sides = {ours_is, other_is},
				.seconds = 1.2, // two engines
				.waits = true,
				.user = kept_pair,
				.open = pair_open,
				.batch = pair_batch,
				.close = pair_close};

	if (kept_pair == NULL)
		abort();
	*kept_pair = (struct pair){ours, other};
	if (goal.what != NULL)
		row.goals[0] = goal;
	bench_add(b, &row, "%s", name);
}

static void pair_rows(struct bench *b)
{
	pair_row(b, race_shape(1, 4096, 1000, false), race_shape(1, 64, 1000, false), "1 to 4096",
		 "1 to 64, the same turn for turn",
		 (struct bench_goal){"fan-out to 4096 over fan-out to 64, per packet", NULL, 0.9,
				     0.98},
		 "fanout/4096-over-64");
	pair_row(b, race_shape(1000, 10, 1000, false), race_shape(1, 10000, 1000, false),
		 "1000 groups of 10", "1 group of 10 000",
		 (struct bench_goal){"1000 groups over 1 group, same neighbours in all", NULL, 0.8,
				     0.95},
		 "fanout/1000-groups-over-1");
}

void fanout_rows(struct bench *b)
{
	static const uint16_t lens[] = {1000, 200};

	for (unsigned i = 0; i < 2; i++)
		for (unsigned form = 0; form < 2; form++)
			for (unsigned bare = 0; bare < 2; bare++)
				plain_rows(b, form, lens[i], bare);
	hard_rows(b);
	ipv6_rows(b);
	stage_rows(b);
	pair_rows(b);
}
