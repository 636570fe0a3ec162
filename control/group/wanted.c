#include "control/group/wanted.h"

#include <stddef.h>

enum { DEGREE_BASE = 13 };

bool wanted_has(const struct wanted *w, const struct ring_node *node)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->nodes[i] == node)
			return true;
	return false;
}

bool wanted_add(struct wanted *w, struct ring_node *node)
{
	if (w->n == WANTED_MAX || wanted_has(w, node))
		return false;
	w->nodes[w->n++] = node;
	return true;
}

static bool is_left_out(const struct ring_node *node, struct u256 at, wanted_skips skips)
{
	return u256_cmp(node->at, at) == 0 || (skips != NULL && skips(node));
}

void wanted_ring(struct wanted *w, const struct ring_set *set, struct u256 at, wanted_skips skips)
{
	uint32_t first = ring_set_first(set, at), i, n;

	for (i = first, n = 0; n < WANTED_EACH_WAY && i < first + set->n; i++) {
		struct ring_node *node = set->nodes[i < set->n ? i : i - set->n];

		if (!is_left_out(node, at, skips)) {
			wanted_add(w, node);
			n++;
		}
	}
	for (i = first + set->n, n = 0; n < WANTED_EACH_WAY && i-- > first;) {
		struct ring_node *node = set->nodes[i < set->n ? i : i - set->n];

		if (!is_left_out(node, at, skips)) {
			wanted_add(w, node);
			n++;
		}
	}
}

// What the three on either side take up: from low, and so long.
struct beside {
	struct u256 low, span;
};

// False: it lies within, and who is nearest is wanted already.
static bool is_beyond(const struct beside *b, struct u256 at)
{
	return u256_cmp(ring_up(b->low, at), b->span) > 0;
}

void wanted_fractions(struct wanted *w, const struct ring_set *set, struct u256 at,
		      wanted_skips skips)
{
	struct beside beside;

	if (set->n <= 2 * WANTED_EACH_WAY)
		return;
	beside.low = ring_set_down(set, at, WANTED_EACH_WAY)->at;
	beside.span = ring_up(beside.low, ring_set_up(set, at, WANTED_EACH_WAY)->at);
	for (unsigned i = 1; i <= 256; i++) {
		struct u256 step = u256_bit(256 - i);
		const struct u256 ways[] = {u256_add(at, step), u256_sub(at, step)};
		bool is_over = true;

		for (int k = 0; k < 2; k++) {
			struct ring_node *node;

			if (!is_beyond(&beside, ways[k]))
				continue;
			is_over = false;
			node = ring_set_nearest(set, ways[k]);
			if (!is_left_out(node, at, skips))
				wanted_add(w, node);
		}
		if (is_over)
			return;
	}
}

uint32_t wanted_target(double n_members)
{
	uint32_t log2 = 0;

	while (n_members >= 2 && log2 < 64) {
		n_members /= 2;
		log2++;
	}
	return log2 + DEGREE_BASE;
}
