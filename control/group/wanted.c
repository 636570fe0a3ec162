#include "control/group/wanted.h"

#include <stddef.h>
#include <string.h>

#include "dataplane/fetch.h"

enum {
	DEGREE_BASE = 13,
	FOUND_MAX = 32, // looked at together, while they come from memory
};

static uint8_t hash(const struct ring_node *node)
{
	return (uint8_t)((uintptr_t)node * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

void wanted_clear(struct wanted *w)
{
	w->n = 0;
	memset(w->seen, 0, sizeof(w->seen));
}

bool wanted_has(const struct wanted *w, const struct ring_node *node)
{
	uint8_t bit = hash(node);

	if ((w->seen[bit / 64] & UINT64_C(1) << bit % 64) == 0)
		return false;
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
	w->seen[hash(node) / 64] |= UINT64_C(1) << hash(node) % 64;
	return true;
}

static bool is_left_out(const struct ring_node *node, struct u256 at, wanted_skips skips)
{
	return u256_cmp(node->at, at) == 0 || (skips != NULL && skips(node));
}

void wanted_ring(struct wanted *w, const struct ring_set *set, struct u256 at, wanted_skips skips)
{
	uint32_t first = ring_set_first(set, at), i, n;

	for (n = 0; n < 2 * WANTED_EACH_WAY && set->n > 0; n++) // all at once
		fetch_line(set->nodes[(first + set->n + n - WANTED_EACH_WAY % set->n) % set->n]);
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

// Who is nearest to the places from step *i on, as many as there is room for; 0: no step is left.
static uint32_t fractions(struct ring_node *found[FOUND_MAX], const struct ring_set *set,
			  struct u256 at, const struct beside *beside, unsigned *i)
{
	uint32_t n = 0;

	for (; *i <= 256 && n + 2 <= FOUND_MAX; ++*i) {
		struct u256 step = u256_bit(256 - *i);
		const struct u256 ways[] = {u256_add(at, step), u256_sub(at, step)};
		uint32_t before = n;

		for (int k = 0; k < 2; k++)
			if (is_beyond(beside, ways[k])) {
				found[n] = ring_set_nearest(set, ways[k]);
				fetch_line(found[n++]);
			}
		if (n == before)
			*i = 256; // what follows is nearer still
	}
	return n;
}

void wanted_fractions(struct wanted *w, const struct ring_set *set, struct u256 at,
		      wanted_skips skips)
{
	struct ring_node *found[FOUND_MAX];
	struct beside beside;
	unsigned i = 1;
	uint32_t n;

	if (set->n <= 2 * WANTED_EACH_WAY)
		return;
	beside.low = ring_set_down(set, at, WANTED_EACH_WAY)->at;
	beside.span = ring_up(beside.low, ring_set_up(set, at, WANTED_EACH_WAY)->at);
	while ((n = fractions(found, set, at, &beside, &i)) > 0)
		for (uint32_t k = 0; k < n; k++)
			if (!is_left_out(found[k], at, skips))
				wanted_add(w, found[k]);
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
