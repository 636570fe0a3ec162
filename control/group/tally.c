#include "control/group/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CAP_FIRST = 16,
	PER_CHANGE = 2, // steps, one at either end
};

int tally_reserve(struct tally *t)
{
	uint32_t cap = t->cap > 0 ? 2 * t->cap : CAP_FIRST;
	struct tally_step *grown;

	if (t->n + PER_CHANGE <= t->cap)
		return 0;
	grown = realloc(t->at, cap * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	t->at = grown;
	t->cap = cap;
	return 0;
}

void tally_clear(struct tally *t)
{
	free(t->at);
	*t = (struct tally){0};
}

// The first step at index or above.
static uint32_t step_at(const struct tally *t, uint64_t index)
{
	uint32_t low = 0, high = t->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (t->at[mid].first < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t tally_find(const struct tally *t, uint64_t index)
{
	uint32_t i = step_at(t, index + 1);

	return i > 0 ? i - 1 : t->n;
}

uint32_t tally_of(const struct tally *t, uint64_t index)
{
	uint32_t i = tally_find(t, index);

	return i < t->n ? t->at[i].n : 0;
}

static uint32_t before(const struct tally *t, uint32_t i)
{
	return i > 0 ? t->at[i - 1].n : 0;
}

// A step begins at index, with what holds there already. Returns which.
static uint32_t divide(struct tally *t, uint64_t index)
{
	uint32_t i = step_at(t, index);

	if (i < t->n && t->at[i].first == index)
		return i;
	memmove(t->at + i + 1, t->at + i, (t->n - i) * sizeof(*t->at));
	t->at[i] = (struct tally_step){index, before(t, i)};
	t->n++;
	return i;
}

static void join(struct tally *t, uint32_t i)
{
	if (i >= t->n || t->at[i].n != before(t, i))
		return;
	memmove(t->at + i, t->at + i + 1, (t->n - i - 1) * sizeof(*t->at));
	t->n--;
}

void tally_change(struct tally *t, uint64_t first, uint64_t last, int32_t by)
{
	uint32_t from = divide(t, first), to = divide(t, last + 1);

	for (uint32_t i = from; i < to; i++)
		t->at[i].n += (uint32_t)by;
	join(t, to);
	join(t, from);
}
