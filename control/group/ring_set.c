#include "control/group/ring_set.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HALF (UINT64_C(1) << 62)

void ring_set_clear(struct ring_set *s)
{
	free(s->nodes);
	free(s->tops);
	memset(s, 0, sizeof(*s));
}

// Only who shares its first word with the place is looked at himself.
uint32_t ring_set_first(const struct ring_set *s, struct u256 at)
{
	uint32_t low = 0, n = s->n;

	while (n > 0) { // without a branch that nobody could foretell
		uint32_t half = n / 2, above = low + half + 1;
		bool is_above = s->tops[low + half] < at.w[0];

		low = is_above ? above : low;
		n = is_above ? n - half - 1 : half;
	}
	while (low < s->n && s->tops[low] == at.w[0] && u256_cmp(s->nodes[low]->at, at) < 0)
		low++;
	return low;
}

static bool is_at(const struct ring_set *s, uint32_t i, struct u256 at)
{
	return i < s->n && s->tops[i] == at.w[0] && u256_cmp(s->nodes[i]->at, at) == 0;
}

static int reserve(struct ring_set *s)
{
	uint32_t cap = s->cap > 0 ? 2 * s->cap : 16;
	struct ring_node **nodes;
	uint64_t *tops;

	if (s->n < s->cap)
		return 0;
	nodes = realloc(s->nodes, cap * sizeof(struct ring_node *));
	if (nodes == NULL)
		return -ENOMEM;
	s->nodes = nodes;
	tops = realloc(s->tops, cap * sizeof(*tops));
	if (tops == NULL)
		return -ENOMEM;
	s->tops = tops;
	s->cap = cap;
	return 0;
}

int ring_set_insert(struct ring_set *s, struct ring_node *node)
{
	uint32_t i = ring_set_first(s, node->at);

	if (is_at(s, i, node->at))
		return -EEXIST;
	if (reserve(s) != 0)
		return -ENOMEM;
	memmove(s->nodes + i + 1, s->nodes + i, (s->n - i) * sizeof(struct ring_node *));
	memmove(s->tops + i + 1, s->tops + i, (s->n - i) * sizeof(*s->tops));
	s->nodes[i] = node;
	s->tops[i] = node->at.w[0];
	s->n++;
	return 0;
}

void ring_set_remove(struct ring_set *s, const struct ring_node *node)
{
	uint32_t i = ring_set_first(s, node->at);

	if (i == s->n || s->nodes[i] != node)
		return;
	s->n--;
	memmove(s->nodes + i, s->nodes + i + 1, (s->n - i) * sizeof(struct ring_node *));
	memmove(s->tops + i, s->tops + i + 1, (s->n - i) * sizeof(*s->tops));
}

struct ring_node *ring_set_up(const struct ring_set *s, struct u256 at, uint32_t k)
{
	uint32_t i = ring_set_first(s, at);

	if (s->n == 0)
		return NULL;
	if (is_at(s, i, at))
		i++;
	return s->nodes[((uint64_t)i + k - 1) % s->n];
}

struct ring_node *ring_set_down(const struct ring_set *s, struct u256 at, uint32_t k)
{
	uint32_t i = ring_set_first(s, at);

	if (s->n == 0)
		return NULL;
	return s->nodes[(i + s->n - k % s->n) % s->n];
}

struct ring_node *ring_set_nearest(const struct ring_set *s, struct u256 at)
{
	uint32_t i = ring_set_first(s, at), up, down;
	uint64_t to_up, to_down;

	if (s->n == 0)
		return NULL;
	up = i < s->n ? i : 0;
	down = (i > 0 ? i : s->n) - 1;
	to_up = s->tops[up] - at.w[0];
	to_down = at.w[0] - s->tops[down];
	// A way's first word is right to within one, and so is the shorter one, unless that is
	// about half of the ring.
	if (to_up < HALF && to_down < HALF && to_up + 1 < to_down)
		return s->nodes[up];
	if (to_up < HALF && to_down < HALF && to_down + 1 < to_up)
		return s->nodes[down];
	return s->nodes[ring_is_nearer(at, s->nodes[up]->at, s->nodes[down]->at) ? up : down];
}

double ring_set_estimate(const struct ring_set *s, struct u256 self)
{
	if (s->n < 4)
		return ring_estimate(s->n, self, self);
	return ring_estimate(s->n, ring_set_down(s, self, 2)->at, ring_set_up(s, self, 2)->at);
}
