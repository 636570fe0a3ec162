// Indices of an array that are lent one by one. What was never lent is never touched, so a table
// for a million of something costs what is in use (pages.h).
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "dataplane/pages.h"

#define IDX_NONE UINT32_MAX

struct idx_pool {
	uint32_t *next; // of those given back
	uint32_t head;  // given back last, taken first: it is warm
	uint32_t fresh; // never lent: fresh..max-1
	uint32_t max;
	uint32_t n; // lent now
};

static inline int idx_pool_init(struct idx_pool *p, uint32_t max)
{
	*p = (struct idx_pool){.head = IDX_NONE, .max = max};
	p->next = pages_take((size_t)max * sizeof(*p->next));
	return p->next != NULL ? 0 : -ENOMEM;
}

static inline void idx_pool_fini(struct idx_pool *p)
{
	pages_give(p->next, (size_t)p->max * sizeof(*p->next));
}

// IDX_NONE: all are lent.
static inline uint32_t idx_get(struct idx_pool *p)
{
	uint32_t idx = p->head;

	if (idx != IDX_NONE)
		p->head = p->next[idx];
	else if (p->fresh < p->max)
		idx = p->fresh++;
	else
		return IDX_NONE;
	p->n++;
	return idx;
}

static inline void idx_put(struct idx_pool *p, uint32_t idx)
{
	assert(idx < p->fresh && p->n > 0);
	p->next[idx] = p->head;
	p->head = idx;
	p->n--;
}
