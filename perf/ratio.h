/*
 * What a row of the suite measures: the time of our own work beside that of one to three limits, in
 *the same thread, batch by batch. The host is shared and the same loop takes up to 1.7 times as
 *long for minutes, so two runs cannot be compared; but both sides of one batch of 50 to 200 us had
 *the same weather. Hence a ratio per batch, and their median.
 *
 * A row's batch function brackets what it times, as often as it likes, and leaves the rest (a
 * generator, checks) outside:
 *
 *	ratio_start(r, RATIO_OURS);
 *	n = turn(w);
 *	ratio_stop(r, RATIO_OURS, n);
 *	answer(w);
 *	ratio_start(r, RATIO_LIMIT);
 *	crypto_only(w);
 *	ratio_stop(r, RATIO_LIMIT, n);
 *
 * Both sides are counted in the row's unit, say packets that left: a limit that also opens the acks
 *of these packets is still counted in packets that left. A ratio above 1 means that we are quicker.
 */
#ifndef ANNULUS_PERF_RATIO_H
#define ANNULUS_PERF_RATIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define RATIO_SIDES       4
#define RATIO_BATCHES_MAX 8192
#define RATIO_FIGURES_MAX 32

enum ratio_side {
	RATIO_OURS,
	RATIO_LIMIT,
	RATIO_LIMIT_2, // further ones are told beside the first
	RATIO_LIMIT_3,
};

enum ratio_state {
	RATIO_GOOD,
	RATIO_SKIPPED, // this machine or build cannot run the row
	RATIO_VOID,    // an assertion failed: there is no figure
};

struct ratio_spread {
	double p10, median, p90;
};

struct ratio {
	// For rows to read.
	bool is_short; // a run that only shows that the row runs; its figures mean nothing
	// CLOCK_MONOTONIC, unless the row's open function sets CLOCK_THREAD_CPUTIME_ID: for work of
	// many milliseconds, in the middle of which others take the core. A reading costs 0.3 us
	// more.
	clockid_t clock;
	// The batch that goes on.
	uint64_t start_ns;
	double ns[RATIO_SIDES];
	uint64_t units[RATIO_SIDES];
	// Those that ended: ns per unit.
	uint32_t n_batches;
	double (*batches)[RATIO_SIDES]; // RATIO_BATCHES_MAX
	enum ratio_state state;
	char why[160];
	uint32_t n_figures;
	struct ratio_figure {
		char name[48];
		double value;
	} figures[RATIO_FIGURES_MAX];
};

int ratio_init(struct ratio *r, bool is_short); // -ENOMEM
void ratio_fini(struct ratio *r);

static inline uint64_t ratio_time_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t ratio_clock_ns(void)
{
	return ratio_time_ns(CLOCK_MONOTONIC);
}

static inline void ratio_start(struct ratio *r, enum ratio_side side)
{
	(void)side;
	r->start_ns = ratio_time_ns(r->clock);
}

static inline void ratio_stop(struct ratio *r, enum ratio_side side, uint64_t units)
{
	r->ns[side] += (double)(ratio_time_ns(r->clock) - r->start_ns);
	r->units[side] += units;
}

// For what another clock measured.
void ratio_add(struct ratio *r, enum ratio_side side, double ns, uint64_t units);

// Ends a batch of n_sides sides. One that did nothing makes the row void.
void ratio_batch_end(struct ratio *r, unsigned n_sides);

// The row has no figure, and why; the first reason stays. Skipped is for what is missing here.
void ratio_void(struct ratio *r, const char *why, ...) __attribute__((format(printf, 2, 3)));
void ratio_skip(struct ratio *r, const char *why, ...) __attribute__((format(printf, 2, 3)));

// What is told besides: octets per session, packets per ack. The same name again replaces the
// value.
void ratio_figure(struct ratio *r, const char *name, double value);
const struct ratio_figure *ratio_figure_find(const struct ratio *r, const char *name);

// Over all batches: ns per unit of a side; a limit's ns over ours. Zeros without batches.
struct ratio_spread ratio_ns(const struct ratio *r, enum ratio_side side);
struct ratio_spread ratio_to(const struct ratio *r, enum ratio_side limit);

// The exponent of y ~ x^e through n points, by least squares of the logarithms; all above 0, n
// >= 2.
double ratio_exponent(const double *x, const double *y, size_t n);

#endif
