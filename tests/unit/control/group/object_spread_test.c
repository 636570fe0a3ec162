#include "control/group/object_spread.h"
#include "tests/support/test.h"
#include "tests/unit/control/group/bitmap_dice.h"

#define OBJECTS 5000
#define PEERS   40

struct table {
	struct object_spread s;
	struct object_slice slices[PEERS];
	uint32_t n_asked[OBJECTS], n_all;
	uint64_t dice;
};

static void table_open(struct table *t, uint64_t dice)
{
	*t = (struct table){.dice = dice};
	object_spread_init(&t->s);
	for (int i = 0; i < PEERS; i++)
		object_slice_init(&t->slices[i]);
	assert_true(object_spread_add(&t->s, 0, OBJECTS - 1));
}

static void table_close(struct table *t)
{
	for (int i = 0; i < PEERS; i++)
		ranges_clear(&t->slices[i].left);
	object_spread_clear(&t->s);
}

static void deal(struct table *t, uint32_t peer)
{
	struct index_range r;

	while (object_spread_deal(&t->s, &t->slices[peer], PEERS, &r))
		assert_true(r.first <= r.last && r.last - r.first < 32);
}

// Any of its slice.
static void ask(struct table *t, uint32_t peer)
{
	const struct ranges *left = &t->slices[peer].left;
	const struct index_range *r;
	uint64_t index;

	if (left->n == 0)
		return;
	r = &left->at[dice_throw(&t->dice, left->n)];
	index = r->first + dice_throw(&t->dice, r->last - r->first + 1);
	assert_true(object_spread_ask(&t->s, &t->slices[peer], index));
	t->n_asked[index]++;
	t->n_all++;
}

static void nobody_sees_what_another_sees(struct table *t)
{
	for (int i = 0; i < PEERS; i++)
		for (uint32_t k = 0; k < t->slices[i].left.n; k++) {
			const struct index_range *r = &t->slices[i].left.at[k];
			struct index_range both;

			assert_false(ranges_next_in(&t->s.unshown, r->first, r->last, &both));
			for (int other = 0; other < i; other++)
				assert_false(ranges_next_in(&t->slices[other].left, r->first,
							    r->last, &both));
		}
}

static void each_is_asked_for_once(void **state)
{
	struct table t;

	table_open(&t, 1);
	for (uint32_t turn = 0; object_spread_is_on(&t.s); turn++) {
		uint32_t peer = (uint32_t)dice_throw(&t.dice, PEERS);

		deal(&t, peer);
		ask(&t, peer);
		if (turn % 100 == 0)
			nobody_sees_what_another_sees(&t);
	}
	assert_int_equal(t.n_all, OBJECTS);
	for (int i = 0; i < OBJECTS; i++)
		assert_int_equal(t.n_asked[i], 1);
	table_close(&t);
}

// Those who come at once find something, whoever is the first.
static void the_first_one_does_not_take_all(void **state)
{
	struct table t;

	table_open(&t, 2);
	object_spread_remove(&t.s, 100, OBJECTS - 1);
	deal(&t, 0);
	assert_int_equal(ranges_count(&t.slices[0].left), 1); // 100 for 40, and half of it stays
	object_spread_add(&t.s, 100, OBJECTS - 1);
	for (int i = 1; i < PEERS; i++) {
		deal(&t, i);
		assert_int_equal(ranges_count(&t.slices[i].left), 4);
	}
	for (int i = 0; i < 200; i++) {
		ask(&t, 5);
		deal(&t, 5);
	}
	assert_in_range(ranges_count(&t.slices[5].left), 16, 48);
	table_close(&t);
}

static void what_one_leaves_others_get(void **state)
{
	struct table t;

	table_open(&t, 3);
	for (int i = 0; i < PEERS; i++)
		deal(&t, i);
	ask(&t, 7);
	object_spread_return_slice(&t.s, &t.slices[7]);
	object_spread_return_slice(&t.s, &t.slices[8]);
	assert_int_equal(t.slices[7].left.n + t.slices[8].left.n, 0);
	object_spread_return(&t.s, 1); // of the first one's; it was refused
	object_spread_ask(&t.s, &t.slices[0], 0);
	while (object_spread_is_on(&t.s))
		for (uint32_t i = 1; i < PEERS && object_spread_is_on(&t.s); i++) {
			if (i == 7 || i == 8)
				continue;
			deal(&t, i);
			ask(&t, i);
			if (i == 20)
				object_spread_return_slice(&t.s, &t.slices[0]);
		}
	assert_int_equal(t.n_all, OBJECTS - 1);
	table_close(&t);
}

static void what_is_had_no_more_is_not_shown(void **state)
{
	struct table t;

	table_open(&t, 4);
	object_spread_remove(&t.s, 0, OBJECTS - 2);
	deal(&t, 0);
	assert_true(ranges_has(&t.slices[0].left, OBJECTS - 1));
	assert_int_equal(ranges_count(&t.slices[0].left), 1);
	object_spread_remove(&t.s, OBJECTS - 1, OBJECTS - 1);
	assert_false(object_spread_is_on(&t.s));
	table_close(&t);
}

// More holes than there is room for: everybody sees everything.
static void too_much_ends_it(void **state)
{
	struct table t;
	bool is_on = true;
	uint64_t i;

	table_open(&t, 5);
	for (i = 0; is_on && i < 1 << 20; i++)
		is_on = object_spread_add(&t.s, 10000 + 2 * i, 10000 + 2 * i);
	assert_false(is_on);
	assert_in_range(i, 60000, 1 << 16);
	assert_false(object_spread_is_on(&t.s));
	table_close(&t);
}

static void all_indices_cost_as_much_as_one(void **state)
{
	struct object_spread s;
	struct object_slice slice;
	struct index_range r;

	object_spread_init(&s);
	object_slice_init(&slice);
	assert_true(object_spread_add(&s, 0, OBJECT_INDEX_MAX));
	assert_true(object_spread_deal(&s, &slice, 1, &r));
	assert_true(r.first == 0 && r.last == 3);
	assert_true(s.ungiven.n == 1 && s.unshown.n == 1);
	object_spread_clear(&s);
	ranges_clear(&slice.left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_asked_for_once),
		cmocka_unit_test(the_first_one_does_not_take_all),
		cmocka_unit_test(what_one_leaves_others_get),
		cmocka_unit_test(what_is_had_no_more_is_not_shown),
		cmocka_unit_test(too_much_ends_it),
		cmocka_unit_test(all_indices_cost_as_much_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
