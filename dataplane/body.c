#include "dataplane/body.h"

#include <assert.h>
#include <stdlib.h>

#include "dataplane/pages.h"

// Two sizes per octave, from 128 octets to 3 MiB, header included: at most a third is wasted.
#define CLASS_MIN_BYTES 128
#define CLASSES_MAX     30

struct body_pool {
	uint8_t *arena;
	size_t arena_bytes, cut; // octets there are; octets cut into bodies so far
	uint32_t n_classes, n_lent;
	struct body *free[CLASSES_MAX];
};

// 128, 192, 256, 384, ...
static size_t class_bytes(uint32_t i)
{
	return (size_t)CLASS_MIN_BYTES << i / 2 |
	       (i % 2 != 0 ? (size_t)CLASS_MIN_BYTES << i / 2 >> 1 : 0);
}

// The smallest class with that many octets, header included; CLASSES_MAX: none.
static uint32_t class_of(size_t bytes)
{
	uint32_t octave, i;

	if (bytes <= CLASS_MIN_BYTES)
		return 0;
	octave = 63 - (uint32_t)__builtin_clzll((bytes - 1) / CLASS_MIN_BYTES);
	i = 2 * octave + (bytes <= class_bytes(2 * octave + 1) ? 1 : 2);
	return i < CLASSES_MAX ? i : CLASSES_MAX;
}

struct body_pool *body_pool_create(size_t max_bytes)
{
	struct body_pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->arena_bytes = max_bytes;
	p->arena = pages_take(max_bytes);
	if (p->arena == NULL) {
		free(p);
		return NULL;
	}
	// One body must not be able to take the whole arena away from all the others.
	while (p->n_classes < CLASSES_MAX && class_bytes(p->n_classes) <= max_bytes / 2)
		p->n_classes++;
	return p;
}

void body_pool_destroy(struct body_pool *p)
{
	if (p == NULL)
		return;
	pages_give(p->arena, p->arena_bytes);
	free(p);
}

static struct body *cut_body(struct body_pool *p, uint32_t class)
{
	size_t bytes = class_bytes(class);
	struct body *b;

	if (bytes > p->arena_bytes - p->cut)
		return NULL;
	b = (struct body *)(p->arena + p->cut);
	p->cut += bytes;
	b->home = p;
	b->cap = (uint32_t)(bytes - sizeof(*b));
	return b;
}

static struct body *take_free(struct body_pool *p, uint32_t class)
{
	struct body *b = p->free[class];

	if (b != NULL)
		p->free[class] = b->next;
	return b;
}

struct body *body_get(struct body_pool *p, uint32_t len)
{
	uint32_t class = class_of(sizeof(struct body) + (size_t)len);
	struct body *b;

	if (class >= p->n_classes)
		return NULL;
	b = take_free(p, class);
	if (b == NULL)
		b = cut_body(p, class);
	// The arena is cut up: a longer body that lies idle does as well.
	while (b == NULL && ++class < p->n_classes)
		b = take_free(p, class);
	if (b == NULL)
		return NULL;
	b->next = NULL;
	b->account = NULL;
	b->len = len;
	p->n_lent++;
	return b;
}

void body_put(struct body *b)
{
	struct body_pool *p = b->home;
	uint32_t class = class_of(sizeof(*b) + (size_t)b->cap);

	assert(p->n_lent > 0 && class < p->n_classes);
	p->n_lent--;
	b->next = p->free[class];
	p->free[class] = b;
}

uint32_t body_pool_largest(const struct body_pool *p)
{
	return p->n_classes > 0 ? (uint32_t)(class_bytes(p->n_classes - 1) - sizeof(struct body))
				: 0;
}

uint32_t body_pool_lent(const struct body_pool *p)
{
	return p->n_lent;
}
