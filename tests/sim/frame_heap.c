#include "tests/sim/frame_heap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CELLS      256
#define CELL_BYTES 512

struct frame_cell {
	union {
		struct frame frame;
		struct frame_cell *next;
		uint8_t octets[CELL_BYTES];
	};
};

// Sanitizers shall see what is used after it was given back.
static void cells_take(struct frame_heap *h)
{
#ifndef ANNULUS_SANITIZED
	h->cells = malloc(CELLS * sizeof(*h->cells));
	for (uint32_t i = 0; h->cells != NULL && i < CELLS; i++) {
		h->cells[i].next = h->idle;
		h->idle = &h->cells[i];
	}
#endif
}

static struct frame *take(struct frame_heap *h, size_t bytes)
{
	struct frame_cell *c;
	struct frame *f;

	if (h->cells == NULL)
		cells_take(h);
	c = bytes <= CELL_BYTES ? h->idle : NULL;
	if (c != NULL) {
		h->idle = c->next;
		return &c->frame;
	}
	f = malloc(bytes);
	assert(f != NULL);
	return f;
}

struct frame *frame_create(struct frame_heap *h, const uint8_t *data, uint16_t len)
{
	struct frame *f = take(h, sizeof(*f) + len);

	*f = (struct frame){.len = len};
	memcpy(f->data, data, len);
	return f;
}

struct frame *frame_copy(struct frame_heap *h, const struct frame *f)
{
	struct frame *copy = take(h, sizeof(*f) + f->len);

	memcpy(copy, f, sizeof(*f) + f->len);
	return copy;
}

void frame_heap_give(struct frame_heap *h, struct frame *f)
{
	struct frame_cell *c = (struct frame_cell *)(void *)f;

	if (h->cells == NULL || c < h->cells || c >= h->cells + CELLS) {
		free(f);
		return;
	}
	c->next = h->idle;
	h->idle = c;
}

static bool is_before(const struct frame_entry *a, const struct frame_entry *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void frame_heap_push(struct frame_heap *h, struct frame *f)
{
	struct frame_entry e = {f->at_us, h->order++, f};
	uint32_t i = h->n++;

	if (i == h->cap) {
		h->cap = h->cap != 0 ? 2 * h->cap : 64;
		h->entries = realloc(h->entries, h->cap * sizeof(*h->entries));
		assert(h->entries != NULL);
	}
	for (; i > 0 && is_before(&e, &h->entries[(i - 1) / 2]); i = (i - 1) / 2)
		h->entries[i] = h->entries[(i - 1) / 2];
	h->entries[i] = e;
}

struct frame *frame_heap_pop(struct frame_heap *h, uint64_t now_us)
{
	struct frame_entry last;
	struct frame *first;
	uint32_t i = 0;

	if (h->n == 0 || h->entries[0].at_us > now_us)
		return NULL;
	first = h->entries[0].frame;
	last = h->entries[--h->n];
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < h->n && is_before(&h->entries[child + 1], &h->entries[child]))
			child++;
		if (child >= h->n || !is_before(&h->entries[child], &last))
			break;
		h->entries[i] = h->entries[child];
		i = child;
	}
	h->entries[i] = last;
	return first;
}

uint64_t frame_heap_next_us(const struct frame_heap *h)
{
	return h->n > 0 ? h->entries[0].at_us : UINT64_MAX;
}

void frame_heap_clear(struct frame_heap *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		frame_heap_give(h, h->entries[i].frame);
	free(h->entries);
	free(h->cells);
	*h = (struct frame_heap){0};
}
