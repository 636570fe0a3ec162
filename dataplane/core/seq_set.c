#include "dataplane/core/seq_set.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define RANGES_SMALL (1024 / sizeof(struct seq_range))
static_assert(ACK_RANGES_MAX * sizeof(struct seq_range) <= 4096, "fits the middle slab");
static_assert(RANGES_SMALL < ACK_RANGES_MAX, "else one size is enough");

static enum slab_size slab_of(const struct seq_set *s)
{
	return s->cap <= RANGES_SMALL ? SLAB_1K : SLAB_4K;
}

// First range whose end is not below seq; n if there is none.
static uint16_t range_at(const struct seq_set *s, uint64_t seq)
{
	uint16_t low = 0, high = s->n;

	// Most numbers belong behind the last range.
	if (s->n > 0 && s->ranges[s->n - 1].to < seq)
		return s->n;
	while (low < high) {
		uint16_t mid = (uint16_t)((low + high) / 2);

		if (s->ranges[mid].to < seq)
			low = (uint16_t)(mid + 1);
		else
			high = mid;
	}
	return low;
}

bool seq_set_has(const struct seq_set *s, uint64_t seq)
{
	uint16_t i;

	if (seq <= s->cum)
		return true;
	i = range_at(s, seq);
	return i < s->n && s->ranges[i].from <= seq;
}

// Does seq extend what is there?
static bool touches(const struct seq_set *s, uint64_t seq)
{
	uint16_t i;

	if (seq <= s->cum + 1)
		return true;
	i = range_at(s, seq - 1);
	return i < s->n && s->ranges[i].from <= seq + 1;
}

static int grow(struct seq_set *s, struct slabs *slabs)
{
	struct seq_range *ranges;

	if (s->cap == ACK_RANGES_MAX)
		return -ENOBUFS;
	ranges = slab_get(slabs, s->cap == 0 ? SLAB_1K : SLAB_4K);
	if (ranges == NULL)
		return -ENOBUFS;
	if (s->cap > 0) {
		memcpy(ranges, s->ranges, s->n * sizeof(*ranges));
		slab_put(slabs, slab_of(s), s->ranges);
	}
	s->cap = s->cap == 0 ? RANGES_SMALL : ACK_RANGES_MAX;
	s->ranges = ranges;
	return 0;
}

int seq_set_reserve(struct seq_set *s, struct slabs *slabs, uint64_t seq)
{
	if (s->n < s->cap || touches(s, seq))
		return 0;
	return grow(s, slabs);
}

static void remove_ranges(struct seq_set *s, struct slabs *slabs, uint16_t from, uint16_t n)
{
	memmove(s->ranges + from, s->ranges + from + n,
		(size_t)(s->n - from - n) * sizeof(*s->ranges));
	s->n = (uint16_t)(s->n - n);
	if (s->n == 0)
		seq_set_release(s, slabs);
}

static void insert_range(struct seq_set *s, uint16_t at, uint64_t seq)
{
	assert(s->n < s->cap);
	memmove(s->ranges + at + 1, s->ranges + at, (size_t)(s->n - at) * sizeof(*s->ranges));
	s->ranges[at] = (struct seq_range){seq, seq};
	s->n++;
}

void seq_set_forward(struct seq_set *s, struct slabs *slabs, uint64_t fsn)
{
	uint16_t n = 0;

	if (fsn < s->cum)
		return;
	s->cum = fsn;
	while (n < s->n && s->ranges[n].from <= s->cum + 1) {
		if (s->ranges[n].to > s->cum)
			s->cum = s->ranges[n].to;
		n++;
	}
	if (n > 0)
		remove_ranges(s, slabs, 0, n);
}

void seq_set_add(struct seq_set *s, struct slabs *slabs, uint64_t seq)
{
	uint16_t i;

	assert(seq < UINT64_MAX);
	if (seq <= s->cum)
		return;
	if (seq == s->cum + 1) {
		seq_set_forward(s, slabs, seq);
		return;
	}
	i = range_at(s, seq - 1);
	if (i == s->n || s->ranges[i].from > seq + 1) {
		insert_range(s, i, seq);
	} else if (s->ranges[i].from == seq + 1) {
		s->ranges[i].from = seq;
	} else if (s->ranges[i].to == seq - 1) {
		s->ranges[i].to = seq;
		if (i + 1 < s->n && s->ranges[i + 1].from == seq + 1) {
			s->ranges[i].to = s->ranges[i + 1].to;
			remove_ranges(s, slabs, (uint16_t)(i + 1), 1);
		}
	}
}

void seq_set_release(struct seq_set *s, struct slabs *slabs)
{
	if (s->cap > 0)
		slab_put(slabs, slab_of(s), s->ranges);
	s->ranges = NULL;
	s->n = s->cap = 0;
}
