/*
 * A row of the suite, as its author writes it. A file NAME_rows.c has one function that adds its
 *rows; main.c calls it. Read ratio.h first.
 *
 *	void seal_rows(struct bench *b)
 *	{
 *		for (int n = 1; n <= 64; n *= 2)
 *			bench_add(b, &(struct bench_row){.unit = "packet", .open = seal_open,
 *				.batch = seal_batch, .close = seal_close, .arg = {n},
 *				.sides = {"crypto_seal", "ipsec-mb alone"}}, "crypto/seal/burst-%d",
 *n);
 *	}
 */
#ifndef ANNULUS_PERF_BENCH_H
#define ANNULUS_PERF_BENCH_H

#include "perf/ratio.h"

#define BENCH_ARGS      6
#define BENCH_NAME_MAX  96
#define BENCH_GOALS_MAX 3

// A line of "Figures to reach". Lower is better where aim < at_least.
struct bench_goal {
	const char *what;   // in the table's words; NULL: none
	const char *figure; // of ratio_figure(); NULL: the ratio to the first limit
	double at_least, aim;
};

// Rows of one plot and line are points of a curve; y is the ratio to the first limit, or a figure.
struct bench_plot {
	const char *name; // of the file; NULL: in none
	const char *x_name;
	const char *y_name; // NULL: the ratio
	const char *figure;
	char line[40];
	double x;
};

struct bench_row {
	char name[BENCH_NAME_MAX]; // set by bench_add
	const char *unit;          // "packet", "handshake"
	// What ours and each limit does; those that are NULL are not there. A row may have no sides
	// and only figures: then its batch function runs once.
	const char *sides[RATIO_SIDES];
	struct bench_goal goals[BENCH_GOALS_MAX];
	struct bench_plot plot;
	// Sleeps in its batches, or sees itself to what others do to its time: no batch is thrown
	// away.
	bool waits;
	double seconds; // to run batches, all in all; 0: the suite's default
	int64_t arg[BENCH_ARGS];
	const void *user;
	// Makes what the batches work on; NULL: nothing runs, and ratio_skip or ratio_void said
	// why.
	void *(*open)(const struct bench_row *row, struct ratio *r);
	void (*batch)(void *w, struct ratio *r);
	// Last assertions and figures; frees.
	void (*close)(void *w, struct ratio *r);
};

struct bench;

// Copies the row under that name. Parts are divided by '/', so that a filter finds families.
void bench_add(struct bench *b, const struct bench_row *row, const char *name, ...)
	__attribute__((format(printf, 3, 4)));

// Keeps the compiler from leaving out work whose result nobody uses.
static inline void bench_keep(const void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

// Octets that are the same in each run, and differ by seed.
void bench_octets(void *buf, size_t len, uint64_t seed);

#endif
