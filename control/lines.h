// Where a node keeps what each of its turns looks at. With hundreds of nodes in one process nothing
// of the next one's is in a cache; whoever runs them can have these lines brought in all at once
// while others have their turns (dataplane/core/lines.h is the same for engines). It changes
// nothing but the time: what was freed since may stand here, too.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dataplane/fetch.h"

#define LINES_MAX  32
#define LINE_BYTES 64

struct lines {
	const uint8_t *at[LINES_MAX];
	uint32_t n;
};

// NULL is nothing.
static inline void lines_add(struct lines *l, const void *from, size_t len)
{
	const uint8_t *at = (const uint8_t *)((uintptr_t)from & ~(uintptr_t)(LINE_BYTES - 1));

	for (; from != NULL && at < (const uint8_t *)from + len && l->n < LINES_MAX;
	     at += LINE_BYTES)
		l->at[l->n++] = at;
}

static inline void lines_fetch(const struct lines *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		fetch_line_to_write(l->at[i]);
}
