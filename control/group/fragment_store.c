#include "control/group/fragment_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 256 };

void fragment_store_init(struct fragment_store *s, uint32_t cap_max, uint64_t bytes_max)
{
	memset(s, 0, sizeof(*s));
	s->cap_max = cap_max;
	s->bytes_max = bytes_max;
}

void fragment_store_clear(struct fragment_store *s)
{
	for (uint32_t i = 0; i < s->cap; i++)
		free(s->ring[i].payload);
	free(s->ring);
	fragment_store_init(s, s->cap_max, s->bytes_max);
}

static struct held_fragment *slot(const struct fragment_store *s, uint64_t number)
{
	return &s->ring[number & (s->cap - 1)];
}

const struct held_fragment *fragment_store_get(const struct fragment_store *s, uint64_t number)
{
	const struct held_fragment *h;

	if (s->n == 0 || number < s->lowest || number > s->highest)
		return NULL;
	h = slot(s, number);
	return h->payload != NULL ? h : NULL;
}

// A ring that holds `span` numbers, with everything at its new place.
static int grow(struct fragment_store *s, uint64_t span)
{
	uint32_t cap = s->cap > 0 ? s->cap : CAP_FIRST;
	struct held_fragment *ring;

	while (cap < span && cap < s->cap_max)
		cap *= 2;
	if (cap > s->cap_max)
		cap = s->cap_max;
	if (cap < span)
		return -ENOBUFS;
	if (cap == s->cap)
		return 0;
	ring = calloc(cap, sizeof(*ring));
	if (ring == NULL)
		return -ENOMEM;
	for (uint64_t i = s->lowest; s->n > 0 && i <= s->highest; i++)
		ring[i & (cap - 1)] = *slot(s, i);
	free(s->ring);
	s->ring = ring;
	s->cap = cap;
	return 0;
}

int fragment_store_put(struct fragment_store *s, const struct stream_fragment *f, uint64_t now_us)
{
	uint64_t low = s->n > 0 && s->lowest < f->number ? s->lowest : f->number;
	uint64_t high = s->n > 0 && s->highest > f->number ? s->highest : f->number;
	struct held_fragment *h;
	int err;

	if (fragment_store_get(s, f->number) != NULL)
		return -EEXIST;
	if (f->number > STREAM_NUMBER_MAX || high - low >= s->cap_max ||
	    s->bytes + f->payload.len > s->bytes_max)
		return -ENOBUFS;
	err = grow(s, high - low + 1);
	if (err != 0)
		return err;
	h = slot(s, f->number);
	h->payload = malloc(f->payload.len + 1); // never NULL for an empty one
	if (h->payload == NULL)
		return -ENOMEM;
	if (f->payload.len > 0)
		memcpy(h->payload, f->payload.data, f->payload.len);
	h->len = (uint32_t)f->payload.len;
	h->flags = f->flags;
	h->type = f->type;
	h->timestamp = f->timestamp;
	h->arrived_us = now_us;
	s->lowest = low;
	s->highest = high;
	s->bytes += h->len;
	s->n++;
	return 0;
}

void fragment_store_drop_below(struct fragment_store *s, uint64_t number)
{
	for (; s->n > 0 && s->lowest < number; s->lowest++) {
		struct held_fragment *h = slot(s, s->lowest);

		if (h->payload == NULL)
			continue;
		s->bytes -= h->len;
		s->n--;
		free(h->payload);
		h->payload = NULL;
	}
	// Up to the next that is held: whoever waits before a hole asks for it in every turn.
	while (s->n > 0 && slot(s, s->lowest)->payload == NULL)
		s->lowest++;
}

uint64_t fragment_store_next(const struct fragment_store *s, uint64_t number)
{
	if (s->n == 0)
		return 0;
	if (number < s->lowest)
		number = s->lowest;
	for (; number <= s->highest; number++)
		if (slot(s, number)->payload != NULL)
			return number;
	return 0;
}

uint32_t fragment_store_whole(const struct fragment_store *s, uint64_t number, uint64_t *missing)
{
	const struct held_fragment *h = fragment_store_get(s, number);

	*missing = 0;
	for (uint32_t n = 1; n <= STREAM_FRAGMENTS_MAX; n++) {
		if (h == NULL) {
			*missing = number + n - 1;
			return 0;
		}
		if (n > 1 && (h->flags & STREAM_FRAGMENT_FIRST))
			return 0;
		if (!(h->flags & STREAM_FRAGMENT_MORE))
			return n;
		h = fragment_store_get(s, number + n);
	}
	return 0;
}
