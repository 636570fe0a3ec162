#include "tests/sim/world_heap.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

struct world_heap *world_heap_create(uint32_t n)
{
	struct world_heap *h = calloc(1, sizeof(*h));

	assert(h != NULL);
	h->n = n;
	h->due = calloc(n, sizeof(*h->due));
	h->place = calloc(n, sizeof(*h->place));
	assert(h->due != NULL && h->place != NULL);
	for (uint32_t i = 0; i < n; i++)
		h->due[i].member = h->place[i] = i;
	return h;
}

void world_heap_destroy(struct world_heap *h)
{
	free(h->due);
	free(h->place);
	free(h);
}

static bool is_before(const struct world_due *a, const struct world_due *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->member < b->member;
}

static void put(struct world_heap *h, uint32_t place, struct world_due d)
{
	h->due[place] = d;
	h->place[d.member] = place;
}

void world_heap_set(struct world_heap *h, uint32_t member, uint64_t at_us)
{
	struct world_due d = {at_us, member};
	uint32_t i = h->place[member];

	for (; i > 0 && is_before(&d, &h->due[(i - 1) / 2]); i = (i - 1) / 2)
		put(h, i, h->due[(i - 1) / 2]);
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < h->n && is_before(&h->due[child + 1], &h->due[child]))
			child++;
		if (child >= h->n || !is_before(&h->due[child], &d))
			break;
		put(h, i, h->due[child]);
		i = child;
	}
	put(h, i, d);
}
