#include "control/group/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 4u

void ranges_init(struct ranges *r, uint32_t max)
{
	*r = (struct ranges){.max = max};
}

void ranges_clear(struct ranges *r)
{
	free(r->at);
	ranges_init(r, r->max);
}

uint32_t ranges_find(const struct ranges *r, uint64_t index)
{
	uint32_t low = 0, high = r->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (r->at[mid].last < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool ranges_has(const struct ranges *r, uint64_t index)
{
	uint32_t i = ranges_find(r, index);

	return i < r->n && r->at[i].first <= index;
}

uint64_t ranges_count(const struct ranges *r)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < r->n; i++)
		count += r->at[i].last - r->at[i].first + 1;
	return count;
}

// ---- change ----

static int reserve(struct ranges *r, uint32_t n)
{
	uint32_t cap = r->cap > 0 ? r->cap : CAP_FIRST;
	struct index_range *grown;

	if (n > r->max)
		return -ENOBUFS;
	if (n <= r->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	grown = realloc(r->at, cap * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	r->at = grown;
	r->cap = cap;
	return 0;
}

// Puts `with`, n_with of them, where those from `from` to before `to` were.
static int splice(struct ranges *r, uint32_t from, uint32_t to, const struct index_range *with,
		  uint32_t n_with)
{
	uint32_t n = r->n - (to - from) + n_with;
	int err = n > r->n ? reserve(r, n) : 0;

	if (err != 0)
		return err;
	if (r->n > to)
		memmove(r->at + from + n_with, r->at + to, (r->n - to) * sizeof(*r->at));
	if (n_with > 0)
		memcpy(r->at + from, with, n_with * sizeof(*with));
	r->n = n;
	return 0;
}

int ranges_add(struct ranges *r, uint64_t first, uint64_t last)
{
	// Those that touch it become one with it.
	uint32_t from = ranges_find(r, first > 0 ? first - 1 : 0), to = from;
	struct index_range all = {first, last};

	while (to < r->n && r->at[to].first <= last + 1) // indices end far below 2^64
		to++;
	if (to > from) {
		all.first = r->at[from].first < first ? r->at[from].first : first;
		all.last = r->at[to - 1].last > last ? r->at[to - 1].last : last;
	}
	return splice(r, from, to, &all, 1);
}

int ranges_remove(struct ranges *r, uint64_t first, uint64_t last)
{
	uint32_t from = ranges_find(r, first), to = from, n_rest = 0;
	struct index_range rest[2];

	while (to < r->n && r->at[to].first <= last)
		to++;
	if (to == from)
		return 0;
	if (r->at[from].first < first)
		rest[n_rest++] = (struct index_range){r->at[from].first, first - 1};
	if (r->at[to - 1].last > last)
		rest[n_rest++] = (struct index_range){last + 1, r->at[to - 1].last};
	return splice(r, from, to, rest, n_rest);
}

struct index_range ranges_cut_extent(const struct ranges *r, uint64_t first, uint64_t last)
{
	uint32_t i = ranges_find(r, first);
	const struct index_range *around;

	// Only a hole in one range needs room.
	if (r->n < r->max || i == r->n)
		return (struct index_range){first, last};
	around = &r->at[i];
	if (around->first >= first || around->last <= last)
		return (struct index_range){first, last};
	if (first - around->first < around->last - last)
		return (struct index_range){around->first, last};
	return (struct index_range){first, around->last};
}

void ranges_cut(struct ranges *r, uint64_t first, uint64_t last)
{
	struct index_range all = ranges_cut_extent(r, first, last);

	ranges_remove(r, all.first, all.last);
}

// ---- stretches ----

bool ranges_next_in(const struct ranges *r, uint64_t from, uint64_t to, struct index_range *out)
{
	uint32_t i = ranges_find(r, from);

	if (from > to || i == r->n || r->at[i].first > to)
		return false;
	out->first = r->at[i].first > from ? r->at[i].first : from;
	out->last = r->at[i].last < to ? r->at[i].last : to;
	return true;
}

bool ranges_next_out(const struct ranges *r, uint64_t from, uint64_t to, struct index_range *out)
{
	uint32_t i = ranges_find(r, from);

	if (from > to)
		return false;
	if (i < r->n && r->at[i].first <= from) {
		if (r->at[i].last >= to)
			return false;
		from = r->at[i++].last + 1; // what follows does not touch it
	}
	out->first = from;
	out->last = i < r->n && r->at[i].first <= to ? r->at[i].first - 1 : to;
	return true;
}
