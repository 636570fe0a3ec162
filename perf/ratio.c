#include "perf/ratio.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ratio_init(struct ratio *r, bool is_short)
{
	*r = (struct ratio){.is_short = is_short, .clock = CLOCK_MONOTONIC};
	r->batches = malloc(RATIO_BATCHES_MAX * sizeof(*r->batches));
	return r->batches == NULL ? -ENOMEM : 0;
}

void ratio_fini(struct ratio *r)
{
	free(r->batches);
	r->batches = NULL;
}

void ratio_add(struct ratio *r, enum ratio_side side, double ns, uint64_t units)
{
	r->ns[side] += ns;
	r->units[side] += units;
}

void ratio_batch_end(struct ratio *r, unsigned n_sides)
{
	for (unsigned side = 0; side < n_sides; side++) {
		if (r->units[side] == 0 || r->ns[side] <= 0)
			ratio_void(r, "side %u of batch %u did nothing", side, r->n_batches);
	}
	if (r->state == RATIO_GOOD && r->n_batches < RATIO_BATCHES_MAX) {
		double *batch = r->batches[r->n_batches++];

		for (unsigned side = 0; side < RATIO_SIDES; side++)
			batch[side] = side < n_sides ? r->ns[side] / (double)r->units[side] : 0;
	}
	memset(r->ns, 0, sizeof(r->ns));
	memset(r->units, 0, sizeof(r->units));
}

static void state_set(struct ratio *r, enum ratio_state state, const char *why, va_list args)
{
	if (r->state != RATIO_GOOD)
		return;
	r->state = state;
	vsnprintf(r->why, sizeof(r->why), why, args);
}

void ratio_void(struct ratio *r, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	state_set(r, RATIO_VOID, why, args);
	va_end(args);
}

void ratio_skip(struct ratio *r, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	state_set(r, RATIO_SKIPPED, why, args);
	va_end(args);
}

const struct ratio_figure *ratio_figure_find(const struct ratio *r, const char *name)
{
	for (uint32_t i = 0; i < r->n_figures; i++) {
		if (strcmp(r->figures[i].name, name) == 0)
			return &r->figures[i];
	}
	return NULL;
}

void ratio_figure(struct ratio *r, const char *name, double value)
{
	struct ratio_figure *f = (struct ratio_figure *)ratio_figure_find(r, name);

	if (f == NULL && r->n_figures == RATIO_FIGURES_MAX) {
		ratio_void(r, "more than %d figures", RATIO_FIGURES_MAX);
		return;
	}
	if (f == NULL) {
		f = &r->figures[r->n_figures++];
		snprintf(f->name, sizeof(f->name), "%s", name);
	}
	f->value = value;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

// The nearest rank: always a value that was seen.
static double quantile(const double *sorted, uint32_t n, double q)
{
	uint32_t rank = (uint32_t)ceil(q * n);

	return sorted[rank == 0 ? 0 : rank - 1];
}

// over: the value of a batch is that side's ns over ours, else the side's own.
static struct ratio_spread spread(const struct ratio *r, enum ratio_side side, bool over)
{
	struct ratio_spread s = {0};
	double *values;

	if (r->n_batches == 0)
		return s;
	values = malloc(r->n_batches * sizeof(*values));
	if (values == NULL)
		return s;
	for (uint32_t i = 0; i < r->n_batches; i++)
		values[i] = r->batches[i][side] / (over ? r->batches[i][RATIO_OURS] : 1);
	qsort(values, r->n_batches, sizeof(*values), by_value);
	s.p10 = quantile(values, r->n_batches, 0.1);
	s.median = quantile(values, r->n_batches, 0.5);
	s.p90 = quantile(values, r->n_batches, 0.9);
	free(values);
	return s;
}

struct ratio_spread ratio_ns(const struct ratio *r, enum ratio_side side)
{
	return spread(r, side, false);
}

struct ratio_spread ratio_to(const struct ratio *r, enum ratio_side limit)
{
	return spread(r, limit, true);
}

double ratio_exponent(const double *x, const double *y, size_t n)
{
	double sx = 0, sy = 0, sxx = 0, sxy = 0;

	for (size_t i = 0; i < n; i++) {
		double lx = log(x[i]), ly = log(y[i]);

		sx += lx;
		sy += ly;
		sxx += lx * lx;
		sxy += lx * ly;
	}
	return ((double)n * sxy - sx * sy) / ((double)n * sxx - sx * sx);
}
