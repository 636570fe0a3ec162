// A list of jobs, linked through the jobs themselves: first in, first out, or for those that are
// free last in, first out, since what was used last is warm.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "control/startup/key_job.h"

struct key_list {
	struct key_job *first, *last;
	uint32_t n;
};

static inline void key_list_put(struct key_list *l, struct key_job *j)
{
	j->next = NULL;
	if (l->last != NULL)
		l->last->next = j;
	else
		l->first = j;
	l->last = j;
	l->n++;
}

static inline void key_list_put_first(struct key_list *l, struct key_job *j)
{
	j->next = l->first;
	if (l->first == NULL)
		l->last = j;
	l->first = j;
	l->n++;
}

// NULL: empty.
static inline struct key_job *key_list_take(struct key_list *l)
{
	struct key_job *j = l->first;

	if (j == NULL)
		return NULL;
	l->first = j->next;
	if (l->first == NULL)
		l->last = NULL;
	l->n--;
	return j;
}
