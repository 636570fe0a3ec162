#include "tests/sim/world_heap.h"

#include <assert.h>
#include <stdlib.h>

struct world_due **world_heap_create(struct world_member *members, uint32_t n)
{
	struct world_due **heap = calloc(n, sizeof(struct world_due *));

	assert(heap != NULL);
	for (uint32_t i = 0; i < n; i++) {
		members[i].due = (struct world_due){.member = i, .place = i};
		heap[i] = &members[i].due;
	}
	return heap;
}

static bool is_before(const struct world_due *a, const struct world_due *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->member < b->member;
}

static void put(struct world_due **heap, uint32_t place, struct world_due *d)
{
	heap[place] = d;
	d->place = place;
}

void world_heap_set(struct world_due **heap, uint32_t n, struct world_due *d, uint64_t at_us)
{
	uint32_t i = d->place;

	d->at_us = at_us;
	for (; i > 0 && is_before(d, heap[(i - 1) / 2]); i = (i - 1) / 2)
		put(heap, i, heap[(i - 1) / 2]);
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < n && is_before(heap[child + 1], heap[child]))
			child++;
		if (child >= n || !is_before(heap[child], d))
			break;
		put(heap, i, heap[child]);
		i = child;
	}
	put(heap, i, d);
}
