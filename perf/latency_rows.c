/*
 * latency/: what a relay adds to a fragment's way, from its arrival at the port to each packet's
 * hand-over to the port, at a share of the load that the same engine carries in the same run.
 *
 * The row keeps a clock of its own: it goes on by what turns take, measured, and by nothing else,
 * so neither the generator nor other programs are in it. Fragments arrive at random (a Poisson
 * process), 1 to 64. Packets are counted out first in, first out.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "perf/fars_parts.h"
#include "perf/pair.h"
#include "perf/rows.h"

#define NEIGHBOURS 64
#define FRAGMENTS  200 // a batch
#define SAMPLES    (1 << 20)
#define WAITING    4096 // fragments that are not out yet
#define SATURATED  4000 // packets, to find the greatest load
#define DRAIN      200  // turns
#define NS_US      1000.0
#define EMPTY_NS   2000.0 // a turn that took longer without anything to do was not ours

struct waiting {
	double at_ns; // when it arrived
	uint32_t left;
};

struct paced {
	double load;
	struct race *race;
	struct random_state state;
	struct random random;
	double t_ns, next_ns, mean_ns; // now, the next arrival, between two
	struct waiting queue[WAITING];
	uint32_t head, tail;
	float *samples; // us
	uint32_t n;
	uint64_t seen;  // data packets
	uint32_t stuck; // turns without anything, while something waits
};

static void *latency_open(const struct bench_row *row, struct ratio *r)
{
	struct race_opts o = race_shape(1, NEIGHBOURS, 1000, row->arg[1] != 0);
	struct paced *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->load = (double)row->arg[0] / 100;
	w->random = random_seeded(&w->state, 5);
	w->samples = malloc(SAMPLES * sizeof(*w->samples));
	o.is_disturbed = true; // acks come one by one at low loads
	w->race = w->samples != NULL ? race_open(&o, r) : NULL;
	if (w->race != NULL)
		return w;
	free(w->samples);
	free(w);
	return NULL;
}

// Exponentially distributed.
static double gap_ns(struct paced *w)
{
	double u = ((double)random_below(&w->random, 1u << 30) + 1) / (1u << 30);

	return -log(u) * w->mean_ns;
}

static void count_out(struct paced *w, uint64_t packets)
{
	while (packets > 0 && w->head != w->tail) {
		struct waiting *q = &w->queue[w->head % WAITING];
		uint32_t n = packets < q->left ? (uint32_t)packets : q->left;

		for (uint32_t i = 0; i < n && w->n < SAMPLES; i++)
			w->samples[w->n++] = (float)((w->t_ns - q->at_ns) / NS_US);
		packets -= n;
		q->left -= n;
		w->head += q->left == 0;
	}
}

static uint32_t arrivals(struct paced *w, struct fars *f, uint32_t most)
{
	uint32_t n = 0;

	while (n < most && w->next_ns <= w->t_ns && w->tail - w->head < WAITING) {
		if (!fars_publish(f, 0, race_now_us(w->race)))
			break;
		w->queue[w->tail++ % WAITING] = (struct waiting){w->next_ns, NEIGHBOURS};
		w->next_ns += gap_ns(w);
		n++;
	}
	return n;
}

static void run_paced(struct paced *w, uint32_t fragments)
{
	struct fars *f = race_fars(w->race);
	uint32_t came = 0;

	w->next_ns = w->t_ns + gap_ns(w);
	w->seen = f->counts.data_packets;
	while (came < fragments || w->head != w->tail) {
		double ns;

		f->in.n = 0;
		came += arrivals(w, f, fragments - came);
		ns = race_paced_turn(w->race);
		// Nothing to do, and nobody to take the core: the next turn is as long.
		w->t_ns += f->in.n == 0 && f->out.n == 0 && ns > EMPTY_NS ? 0 : ns;
		count_out(w, f->counts.data_packets - w->seen);
		w->seen = f->counts.data_packets;
		if (came == fragments && w->head != w->tail && f->out.n == 0 && w->stuck++ > DRAIN)
			break;
		if (f->out.n > 0)
			w->stuck = 0;
	}
}

static void latency_batch(void *world, struct ratio *r)
{
	struct paced *w = world;
	struct race_sums s;

	race_forget(w->race);
	race_run(w->race, SATURATED);
	s = race_sums(w->race);
	w->mean_ns = s.ours / (double)s.packets * NEIGHBOURS / w->load;
	for (unsigned i = 0; i < DRAIN; i++) // what the saturated engine still had
		race_paced_turn(w->race);
	w->head = w->tail;
	run_paced(w, FRAGMENTS);
	if (w->head != w->tail)
		ratio_void(r, "%u fragments did not reach everybody", w->tail - w->head);
	ratio_add(r, RATIO_OURS, s.ours, s.packets);
}

static int by_value(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void latency_close(void *world, struct ratio *r)
{
	struct paced *w = world;

	if (w->n > 0) {
		qsort(w->samples, w->n, sizeof(*w->samples), by_value);
		ratio_figure(r, "us p50", w->samples[w->n / 2]);
		ratio_figure(r, "us p99", w->samples[(uint64_t)w->n * 99 / 100]);
		ratio_figure(r, "us p99.9", w->samples[(uint64_t)w->n * 999 / 1000]);
	}
	race_close(w->race);
	free(w->samples);
	free(w);
}

void latency_rows(struct bench *b)
{
	static const int loads[] = {10, 50, 70, 90};

	for (int hmac = 0; hmac < 2; hmac++) {
		for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
			struct bench_row row = {.unit = "packet when full",
						.sides = {"worker_turn"},
						.plot = {.name = "latency",
							 .x_name = "per cent of the greatest load",
							 .y_name = "us, 99th percentile",
							 .figure = "us p99",
							 .x = loads[i]},
						.waits = true,
						.seconds = 0.8,
						.arg = {loads[i], hmac},
						.open = latency_open,
						.batch = latency_batch,
						.close = latency_close};

			strcpy(row.plot.line, hmac ? "HMAC" : "checksum");
			bench_add(b, &row, "latency/1x64/1000B/%s/load-%d%%", hmac ? "hmac" : "sum",
				  loads[i]);
		}
	}
}
