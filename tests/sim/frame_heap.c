#include "tests/sim/frame_heap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct frame *frame_create(const uint8_t *data, uint16_t len)
{
	struct frame *f = malloc(sizeof(*f) + len);

	assert(f != NULL);
	*f = (struct frame){.len = len};
	memcpy(f->data, data, len);
	return f;
}

struct frame *frame_copy(const struct frame *f)
{
	struct frame *copy = malloc(sizeof(*f) + f->len);

	assert(copy != NULL);
	memcpy(copy, f, sizeof(*f) + f->len);
	return copy;
}

static bool is_before(const struct frame *a, const struct frame *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void frame_heap_push(struct frame_heap *h, struct frame *f)
{
	uint32_t i = h->n++;

	if (i == h->cap) {
		h->cap = h->cap != 0 ? 2 * h->cap : 64;
		h->frames = realloc(h->frames, h->cap * sizeof(struct frame *));
		assert(h->frames != NULL);
	}
	f->order = h->order++;
	for (; i > 0 && is_before(f, h->frames[(i - 1) / 2]); i = (i - 1) / 2)
		h->frames[i] = h->frames[(i - 1) / 2];
	h->frames[i] = f;
}

struct frame *frame_heap_pop(struct frame_heap *h, uint64_t now_us)
{
	struct frame *first, *last;
	uint32_t i = 0;

	if (h->n == 0 || h->frames[0]->at_us > now_us)
		return NULL;
	first = h->frames[0];
	last = h->frames[--h->n];
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < h->n && is_before(h->frames[child + 1], h->frames[child]))
			child++;
		if (child >= h->n || !is_before(h->frames[child], last))
			break;
		h->frames[i] = h->frames[child];
		i = child;
	}
	h->frames[i] = last;
	return first;
}

uint64_t frame_heap_next_us(const struct frame_heap *h)
{
	return h->n > 0 ? h->frames[0]->at_us : UINT64_MAX;
}

void frame_heap_clear(struct frame_heap *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		free(h->frames[i]);
	free(h->frames);
	*h = (struct frame_heap){0};
}
