#include "control/group/ring_set.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void ring_set_clear(struct ring_set *s)
{
	free(s->nodes);
	memset(s, 0, sizeof(*s));
}

// Index of the first node at or above the place; n if there is none.
static uint32_t lower_bound(const struct ring_set *s, struct u256 at)
{
	uint32_t low = 0, high = s->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (u256_cmp(s->nodes[mid]->at, at) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_at(const struct ring_set *s, uint32_t i, struct u256 at)
{
	return i < s->n && u256_cmp(s->nodes[i]->at, at) == 0;
}

int ring_set_insert(struct ring_set *s, struct ring_node *node)
{
	uint32_t i = lower_bound(s, node->at);

	if (is_at(s, i, node->at))
		return -EEXIST;
	if (s->n == s->cap) {
		uint32_t cap = s->cap > 0 ? 2 * s->cap : 16;
		struct ring_node **grown = realloc(s->nodes, cap * sizeof(struct ring_node *));

		if (grown == NULL)
			return -ENOMEM;
		s->nodes = grown;
		s->cap = cap;
	}
	memmove(s->nodes + i + 1, s->nodes + i, (s->n - i) * sizeof(struct ring_node *));
	s->nodes[i] = node;
	s->n++;
	return 0;
}

void ring_set_remove(struct ring_set *s, const struct ring_node *node)
{
	uint32_t i = lower_bound(s, node->at);

	if (i == s->n || s->nodes[i] != node)
		return;
	s->n--;
	memmove(s->nodes + i, s->nodes + i + 1, (s->n - i) * sizeof(struct ring_node *));
}

struct ring_node *ring_set_up(const struct ring_set *s, struct u256 at, uint32_t k)
{
	uint32_t i = lower_bound(s, at);

	if (s->n == 0)
		return NULL;
	if (is_at(s, i, at))
		i++;
	return s->nodes[((uint64_t)i + k - 1) % s->n];
}

struct ring_node *ring_set_down(const struct ring_set *s, struct u256 at, uint32_t k)
{
	uint32_t i = lower_bound(s, at);

	if (s->n == 0)
		return NULL;
	return s->nodes[(i + s->n - k % s->n) % s->n];
}

struct ring_node *ring_set_nearest(const struct ring_set *s, struct u256 at)
{
	uint32_t i = lower_bound(s, at);
	struct ring_node *up, *down;

	if (s->n == 0)
		return NULL;
	up = s->nodes[i % s->n];
	down = s->nodes[(i + s->n - 1) % s->n];
	return ring_is_nearer(at, up->at, down->at) ? up : down;
}

double ring_set_estimate(const struct ring_set *s, struct u256 self)
{
	if (s->n < 4)
		return ring_estimate(s->n, self, self);
	return ring_estimate(s->n, ring_set_down(s, self, 2)->at, ring_set_up(s, self, 2)->at);
}
