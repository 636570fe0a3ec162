#include "control/group/idle_sessions.h"

#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 16

static bool grow(struct idle_sessions *s)
{
	uint32_t cap = s->cap > 0 ? 2 * s->cap : CAP_FIRST, n_end = s->cap - s->first;
	struct idle_session *rows = malloc(cap * sizeof(*rows));

	if (rows == NULL)
		return false;
	if (s->n > 0) { // it is full: from the first to the end, then the rest
		memcpy(rows, s->rows + s->first, n_end * sizeof(*rows));
		memcpy(rows + n_end, s->rows, s->first * sizeof(*rows));
	}
	free(s->rows);
	s->rows = rows;
	s->first = 0;
	s->cap = cap;
	return true;
}

bool idle_sessions_add(struct idle_sessions *s, const struct ctl_session *cs, uint64_t at_us)
{
	if (s->n == s->cap && !grow(s))
		return false;
	s->rows[(s->first + s->n++) % s->cap] = (struct idle_session){
		.worker = cs->worker, .idx = cs->idx, .id = cs->id, .at_us = at_us};
	return true;
}

const struct idle_session *idle_sessions_first(const struct idle_sessions *s)
{
	return s->n > 0 ? &s->rows[s->first] : NULL;
}

void idle_sessions_pop(struct idle_sessions *s)
{
	s->first = (s->first + 1) % s->cap;
	s->n--;
}

void idle_sessions_clear(struct idle_sessions *s)
{
	free(s->rows);
	*s = (struct idle_sessions){0};
}
