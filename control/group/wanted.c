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
	uint32_t up = 0, down = 0;

	for (uint32_t k = 1; k <= set->n && up < WANTED_EACH_WAY; k++) {
		struct ring_node *node = ring_set_up(set, at, k);

		if (!is_left_out(node, at, skips)) {
			wanted_add(w, node);
			up++;
		}
	}
	for (uint32_t k = 1; k <= set->n && down < WANTED_EACH_WAY; k++) {
		struct ring_node *node = ring_set_down(set, at, k);

		if (!is_left_out(node, at, skips)) {
			wanted_add(w, node);
			down++;
		}
	}
}

void wanted_fractions(struct wanted *w, const struct ring_set *set, struct u256 at,
		      wanted_skips skips)
{
	struct u256 low, high;

	if (set->n <= 2 * WANTED_EACH_WAY)
		return;
	low = ring_set_down(set, at, WANTED_EACH_WAY)->at;
	high = ring_set_up(set, at, WANTED_EACH_WAY)->at;
	for (unsigned i = 1; i <= 256; i++) {
		struct u256 step = u256_bit(256 - i);
		struct u256 ahead = u256_add(at, step), behind = u256_sub(at, step);
		struct ring_node *node;

		if (ring_between(ahead, low, high) && ring_between(behind, low, high))
			return;
		node = ring_set_nearest(set, ahead);
		if (!ring_between(ahead, low, high) && !is_left_out(node, at, skips))
			wanted_add(w, node);
		node = ring_set_nearest(set, behind);
		if (!ring_between(behind, low, high) && !is_left_out(node, at, skips))
			wanted_add(w, node);
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
