// What several workers write lies in different cache lines (fastpath.md 6: nothing is shared beyond
// their rings). Two engines relay one stream, each to neighbours of its own, and hand it over; all
// their memory is compared before and after each call into either. A line that both have written
// would travel between two cores for every packet; and one in more than two workers' hands would
// cost more with every worker that is added.
#include <stdlib.h>

#include "tests/support/memory_watch.h"
#include "tests/unit/core/relay_mesh.h"

#define LINE      64
#define HANDOFFS  64
#define FRAGMENTS 40
#define LINES_MAX 65536

// Nodes 0 and 1 are workers of one machine, the others their neighbours.
#define WORKERS 2
#define NODES   6

struct audit {
	struct snapshot *before;
	uintptr_t *lines[WORKERS]; // that were written, in no order
	size_t n[WORKERS];
	uint32_t writer;
	bool is_on;
	uint32_t n_made;
	struct mailbox *ring[WORKERS]; // to the other worker
	struct mailbox *to[WORKERS][WORKERS], *from[WORKERS][WORKERS];
};

static struct audit audit; // loop.h's tune has no context

static void on_write(void *ctx, const struct difference *d)
{
	struct audit *a = ctx;
	uintptr_t first = (uintptr_t)d->at / LINE, last = ((uintptr_t)d->at + d->len - 1) / LINE;

	assert_non_null(d->at); // an engine takes no memory
	for (uintptr_t line = first; line <= last; line++) {
		assert_in_range(a->n[a->writer], 0, LINES_MAX - 1);
		a->lines[a->writer][a->n[a->writer]++] = line;
	}
}

static int by_value(const void *a, const void *b)
{
	const uintptr_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

// Each once.
static void sort(struct audit *a, uint32_t w)
{
	size_t n = 0;

	qsort(a->lines[w], a->n[w], sizeof(*a->lines[w]), by_value);
	for (size_t i = 0; i < a->n[w]; i++)
		if (n == 0 || a->lines[w][n - 1] != a->lines[w][i])
			a->lines[w][n++] = a->lines[w][i];
	a->n[w] = n;
}

static void watch(void *ctx, uint32_t node, bool is_before)
{
	struct audit *a = ctx;

	if (!a->is_on || node >= WORKERS)
		return;
	if (is_before) {
		a->before = snapshot_take();
		return;
	}
	a->writer = node;
	snapshot_compare(a->before, on_write, a);
	snapshot_free(a->before);
	sort(a, node);
}

// What the engines of both workers take is watched, and the rings between them.
static void tune(struct engine_opts *o)
{
	uint32_t node = audit.n_made++;

	watch_off();
	if (node >= WORKERS)
		return;
	watch_on();
	for (uint32_t i = 0; i < WORKERS && node == 0; i++) {
		audit.ring[i] = mailbox_create(HANDOFFS);
		audit.to[i][!i] = audit.from[!i][i] = audit.ring[i];
	}
	o->worker = node;
	o->n_workers = WORKERS;
	o->handoff_to = audit.to[node];
	o->handoff_from = audit.from[node];
}

static size_t n_shared(const struct audit *a)
{
	size_t i = 0, k = 0, n = 0;

	while (i < a->n[0] && k < a->n[1]) {
		uintptr_t x = a->lines[0][i], y = a->lines[1][k];

		if (x == y)
			print_message("both write the line at %p\n", (void *)(x * LINE));
		n += x == y;
		i += x <= y;
		k += y <= x;
	}
	return n;
}

static bool wrote(const struct audit *a, uint32_t w, const void *at)
{
	uintptr_t line = (uintptr_t)at / LINE;

	return bsearch(&line, a->lines[w], a->n[w], sizeof(line), by_value) != NULL;
}

static struct mesh *machine_make(void)
{
	const struct loop_opts o = {.seed = 9,
				    .n_nodes = NODES,
				    .delay_us = 5000,
				    .tune = tune,
				    .watch = watch,
				    .watch_ctx = &audit};
	struct mesh *m;

	audit = (struct audit){0};
	for (uint32_t i = 0; i < WORKERS; i++)
		audit.lines[i] = malloc(LINES_MAX * sizeof(*audit.lines[i]));
	m = mesh_create(&o);
	watch_off();
	mesh_stream(m, 0, STREAM_PUBLISHER | STREAM_PUSH_ALL | STREAM_HOME, 2500);
	mesh_stream(m, 1, STREAM_PUBLISHER | STREAM_PUSH_ALL, 2500);
	for (uint32_t i = WORKERS; i < NODES; i++) {
		mesh_stream(m, i, STREAM_TAP, 2500);
		mesh_link(m, i % WORKERS, i, LINK_NO_PUSH_IN, LINK_IS_SUPER);
	}
	return m;
}

static void no_line_is_written_by_two(void **state)
{
	struct mesh *m = machine_make();

	mesh_run_us(m, 500000);
	audit.is_on = true;
	mesh_publish(m, FRAGMENTS, 10000);
	mesh_run_us(m, 1000000);
	audit.is_on = false;
	for (uint32_t i = WORKERS; i < NODES; i++)
		mesh_assert_whole(m, i, 1, FRAGMENTS);
	// It is no empty claim: each has written its session's lines, and both ends of the rings.
	for (uint32_t w = 0; w < WORKERS; w++) {
		assert_true(wrote(&audit, w, &audit.ring[w]->tail));
		assert_true(wrote(&audit, w, &audit.ring[!w]->head));
		assert_in_range(audit.n[w], 100, LINES_MAX);
	}
	assert_int_equal(n_shared(&audit), 0);
	mesh_destroy(m);
	for (uint32_t i = 0; i < WORKERS; i++) {
		mailbox_destroy(audit.ring[i]);
		free(audit.lines[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(no_line_is_written_by_two)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
