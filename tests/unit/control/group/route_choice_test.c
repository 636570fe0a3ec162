// Who is nearest, and what is whose (DR-2, DR-3, DR-10).
#include "control/group/route_choice.h"

#include <stdlib.h>

#include "tests/support/test.h"

// Places are written as their first octets, the last 31 being zero.
static struct u256 at(uint8_t first)
{
	return (struct u256){{(uint64_t)first << 56}};
}

static void who_is_nearest(void **state)
{
	static const struct {
		const char *claim;
		uint8_t target;
		struct {
			uint8_t at;
			bool is_nearest;
		} members[4];
		uint32_t n;
		int who; // -1: nobody
	} rows[] = {
		{"nobody there", 7, {{0}}, 0, -1},
		{"the only one", 7, {{200, true}}, 1, 0},
		{"the nearer one", 10, {{20, true}, {4, true}}, 2, 1},
		{"above, round zero", 250, {{240, true}, {2, true}}, 2, 1},
		{"below, round zero", 2, {{250, true}, {20, true}}, 2, 0},
		{"as near: the one on the decreasing side", 10, {{12, true}, {8, true}}, 2, 1},
		{"in whatever order", 10, {{8, true}, {12, true}}, 2, 0},
		{"as near across zero", 0, {{3, true}, {253, true}}, 2, 1},
		{"an EXACT one is not near", 10, {{11, false}, {90, true}}, 2, 1},
		{"but at its own place it is", 11, {{12, true}, {11, false}}, 2, 1},
		{"EXACT ones alone", 10, {{11, false}, {9, false}}, 2, -1},
		{"a NEAREST one at the place", 10, {{11, true}, {10, true}}, 2, 1},
		{"the far side of the ring", 0, {{128, true}, {127, true}}, 2, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct route_choice c = route_choice_of(at(rows[i].target));

		for (uint32_t k = 0; k < rows[i].n; k++)
			route_choice_offer(&c, at(rows[i].members[k].at),
					   rows[i].members[k].is_nearest, &rows[i].members[k]);
		assert_row(c.who == (rows[i].who < 0 ? NULL : &rows[i].members[rows[i].who]),
			   rows[i].claim);
	}
}

static struct u256 random_place(void)
{
	struct u256 v;

	for (int i = 0; i < 4; i++)
		v.w[i] = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
	return v;
}

static int by_place(const void *a, const void *b)
{
	return u256_cmp(*(const struct u256 *)a, *(const struct u256 *)b);
}

// DR-3: no gap, no overlap, and a place belongs to whom a sender finds nearest.
static void ranges_tile_the_ring(void **state)
{
	srandom(1);
	for (uint32_t n = 2; n <= 65; n++) {
		struct route_range ranges[65];
		struct u256 places[65];

		for (uint32_t i = 0; i < n; i++)
			places[i] = random_place();
		qsort(places, n, sizeof(places[0]), by_place);
		for (uint32_t i = 0; i < n; i++)
			ranges[i] = route_range_of(places[i], &places[(i + n - 1) % n],
						   &places[(i + 1) % n]);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(u256_cmp(u256_add(ranges[i].to, u256_bit(0)),
						  ranges[(i + 1) % n].from),
					 0);
		for (uint32_t k = 0; k < 6 * n; k++) {
			// Anywhere, and on both sides of each border.
			struct u256 x = k < 2 * n   ? random_place()
					: k < 4 * n ? ranges[k % n].from
						    : ranges[k % n].to;
			struct route_choice c = route_choice_of(x);
			uint32_t n_owners = 0, owner = 0;

			for (uint32_t i = 0; i < n; i++) {
				route_choice_offer(&c, places[i], true, &places[i]);
				if (ring_between(x, ranges[i].from, ranges[i].to)) {
					n_owners++;
					owner = i;
				}
			}
			assert_int_equal(n_owners, 1);
			assert_ptr_equal(c.who, &places[owner]);
		}
	}
}

static void who_is_alone_covers_everything(void **state)
{
	struct u256 place = random_place();
	struct route_range r = route_range_of(place, NULL, NULL);

	assert_int_equal(u256_cmp(u256_add(r.to, u256_bit(0)), r.from), 0);
	assert_true(ring_between(place, r.from, r.to));
	assert_true(ring_between(u256_add(place, u256_bit(255)), r.from, r.to));
}

static void two_share_the_ring(void **state)
{
	struct u256 a = at(0), b = at(64);
	struct route_range ra = route_range_of(a, &b, &b), rb = route_range_of(b, &a, &a);

	assert_int_equal(u256_cmp(ra.to, at(32)), 0); // the tie is the lower one's
	assert_int_equal(u256_cmp(rb.from, u256_add(at(32), u256_bit(0))), 0);
	assert_int_equal(u256_cmp(rb.to, at(160)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_nearest),
		cmocka_unit_test(ranges_tile_the_ring),
		cmocka_unit_test(who_is_alone_covers_everything),
		cmocka_unit_test(two_share_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
