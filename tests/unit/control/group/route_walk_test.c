// Ten thousand members in a converged ring, each with the neighbours that the rules give it (NG-20,
// without the six of low round trip times and the random one, which only make ways shorter), and
// the decision of one hop taken again and again. Sessions and time are left out:
// tests/sim/talk_test.c has them for fewer.
#include "control/group/route_choice.h"

#include <math.h>
#include <stdlib.h>

#include "control/group/wanted.h"
#include "tests/support/test.h"

enum { N_MAX = 10000, LINKS_MAX = 128, TRIES = 10000, HOPS_GIVEN_UP = 64 };

struct walker {
	struct ring_node at; // first
	struct walker *links[LINKS_MAX];
	uint32_t n_links;
};

static struct walker walkers[N_MAX];

static struct u256 random_place(void)
{
	struct u256 v;

	for (int i = 0; i < 4; i++)
		v.w[i] = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
	return v;
}

static void link_add(struct walker *a, struct walker *b)
{
	for (uint32_t i = 0; i < a->n_links; i++)
		if (a->links[i] == b)
			return;
	assert_true(a->n_links < LINKS_MAX);
	a->links[a->n_links++] = b;
}

// Who wants is wanted: sessions have two ends.
static void links_make(const struct ring_set *ring, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct wanted w = {.n = 0};

		wanted_ring(&w, ring, walkers[i].at.at, NULL);
		wanted_fractions(&w, ring, walkers[i].at.at, NULL);
		for (uint32_t k = 0; k < w.n; k++) {
			struct walker *other = (struct walker *)(void *)w.nodes[k];

			link_add(&walkers[i], other);
			link_add(other, &walkers[i]);
		}
	}
}

// How many hops to the nearest; more than are given: it never got there.
static uint32_t walk(const struct ring_set *ring, const struct walker *at, struct u256 target)
{
	const void *there = ring_set_nearest(ring, target);

	for (uint32_t hops = 0; hops < HOPS_GIVEN_UP; hops++) {
		struct route_choice c = route_choice_of(target);

		route_choice_offer(&c, at->at.at, true, at);
		for (uint32_t i = 0; i < at->n_links; i++)
			route_choice_offer(&c, at->links[i]->at.at, true, at->links[i]);
		if (c.who == at)
			return at == there ? hops : HOPS_GIVEN_UP;
		at = c.who;
	}
	return HOPS_GIVEN_UP;
}

static void every_message_comes_to_the_nearest_in_few_hops(void **state)
{
	static const uint32_t sizes[] = {10, 100, 1000, 10000};

	srandom(7);
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		uint32_t n = sizes[s], max = 0, n_links = 0;
		struct ring_set ring = {0};
		uint64_t sum = 0;

		for (uint32_t i = 0; i < n; i++) {
			walkers[i] = (struct walker){.at.at = random_place()};
			assert_int_equal(ring_set_insert(&ring, &walkers[i].at), 0);
		}
		links_make(&ring, n);
		for (uint32_t i = 0; i < n; i++)
			n_links += walkers[i].n_links;
		for (uint32_t k = 0; k < TRIES; k++) {
			uint32_t hops =
				walk(&ring, &walkers[(uint32_t)random() % n], random_place());

			sum += hops;
			max = hops > max ? hops : max;
		}
		print_message("%5u members, %.1f links each: %.2f hops on average, %u at most\n", n,
			      (double)n_links / n, (double)sum / TRIES, max);
		assert_true(max <= log2(n) / 2 + 2);
		assert_true((double)sum / TRIES <= log2(n) / 2);
		ring_set_clear(&ring);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_comes_to_the_nearest_in_few_hops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
