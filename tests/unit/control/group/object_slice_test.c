// Who sees what of what is spread: one copy goes out before two of anything do.
#include "tests/support/test.h"
#include "tests/unit/control/group/object_kit.h"

#define FROM 10

static const struct group_replication spread = {
	.is_seed = true, .is_spread = true, .spread_from = FROM};

static struct object_duo *spreader(uint64_t last)
{
	struct object_duo *d = object_duo_create();

	group_set_replication(d->t->node->group, &spread, world_now_us(d->t->w));
	d->told.serves = true;
	object_have(d, 0, last);
	return d;
}

// What a neighbour knows of us.
struct view {
	struct object_raw *raw;
	struct ranges seen;
	uint64_t asked; // requests
	uint32_t n_objects;
};

static void view_open(struct view *v, struct object_raw *raw)
{
	*v = (struct view){.raw = raw};
	ranges_init(&v->seen, 1000);
}

static void look(struct view *v)
{
	struct got *g;

	while ((g = world_got(v->raw->spx.raw)) != NULL) {
		struct span m = span_of(g->octets, g->len);
		struct object_have h = {.ranges.n = 0};
		int type = spx_msg_type(m);
		struct index_range r;

		if (type == SPX_HAVE)
			assert_int_equal(object_have_read(&h, m), 0);
		if (type == SPX_HAVE_DELTA)
			assert_int_equal(object_delta_read(&h, m), 0);
		if (h.flags & OBJECT_HAVE_SNAPSHOT)
			ranges_clear(&v->seen);
		while (object_range_next(&h.ranges, &r))
			if (h.op == OBJECT_REMOVE)
				ranges_remove(&v->seen, r.first, r.last);
			else
				ranges_add(&v->seen, r.first, r.last);
		v->n_objects += type == SPX_OBJECT;
		free(g);
	}
}

static uint64_t n_spread_seen(const struct view *v)
{
	uint64_t n = 0;

	for (uint64_t i = FROM; i < 1000; i++)
		n += ranges_has(&v->seen, i);
	return n;
}

static void run(struct object_duo *d, uint64_t us, struct view *a, struct view *b)
{
	object_run(d, us);
	look(a);
	if (b != NULL)
		look(b);
}

static void ask(struct view *v, uint64_t index)
{
	object_say_request(v->raw, SPX_REQUEST, ++v->asked, index, 0);
}

// All that it sees and has not asked for, until it sees nothing new. was_asked: by anybody.
static void ask_all(struct object_duo *d, struct view *v, bool *was_asked)
{
	bool has_asked = true;

	while (has_asked) {
		has_asked = false;
		for (uint64_t i = FROM; i < 1000; i++) {
			if (!ranges_has(&v->seen, i) || was_asked[i])
				continue;
			was_asked[i] = has_asked = true;
			ask(v, i);
			run(d, 20 * MS, v, NULL);
		}
	}
}

static void who_is_interested_sees_a_slice(void **state)
{
	struct object_duo *d = spreader(209);
	struct view v;

	view_open(&v, &d->raw);
	object_say_want(&d->raw, true);
	run(d, 500 * MS, &v, NULL);
	for (uint64_t i = 0; i < FROM; i++)
		assert_true(ranges_has(&v.seen, i)); // these are not spread
	assert_int_equal(n_spread_seen(&v), 4);
	ask(&v, FROM);
	ask(&v, FROM + 1);
	run(d, 100 * MS, &v, NULL);
	assert_in_range(n_spread_seen(&v), 8, 40); // and more as it asks
	ranges_clear(&v.seen);
	object_duo_destroy(d);
}

static void each_is_given_once_and_then_all_see_all(void **state)
{
	struct object_duo *d = spreader(209);
	struct object_raw other = object_raw_add(d->t);
	bool was_asked[1000] = {false};
	struct group_info info;
	struct view a, b;

	view_open(&a, &d->raw);
	view_open(&b, &other);
	object_say_want(&d->raw, true);
	object_say_want(&other, true);
	run(d, 500 * MS, &a, &b);
	for (uint64_t i = FROM; i < 210; i++)
		assert_false(ranges_has(&a.seen, i) && ranges_has(&b.seen, i));
	group_info_get(d->t->node->group, &info);
	assert_int_equal(info.n_objects_ungiven, 200);
	for (int i = 0; i < 20; i++) {
		ask_all(d, &a, was_asked);
		ask_all(d, &b, was_asked);
		run(d, 20 * MS, &a, &b);
	}
	group_info_get(d->t->node->group, &info);
	assert_int_equal(info.n_objects_ungiven, 0);
	assert_int_equal(a.asked + b.asked, 200);
	run(d, 1 * S, &a, &b);
	assert_int_equal(a.n_objects + b.n_objects, 200);
	assert_true(n_spread_seen(&a) == 200 && n_spread_seen(&b) == 200);
	ranges_clear(&a.seen);
	ranges_clear(&b.seen);
	object_duo_destroy(d);
}

// It wants other things, or has them: it may have everything, and others get its slice.
static void who_asks_for_nothing_sees_all(void **state)
{
	struct object_duo *d = spreader(209);
	struct object_raw other = object_raw_add(d->t);
	bool was_asked[1000] = {false};
	struct view a, b;

	view_open(&a, &d->raw);
	view_open(&b, &other);
	object_say_want(&d->raw, true);
	object_say_want(&other, true);
	run(d, 500 * MS, &a, &b);
	ask(&b, 1); // of what is not spread
	run(d, 1 * S, &a, &b);
	assert_true(n_spread_seen(&a) == 4 && n_spread_seen(&b) == 4);
	run(d, 500 * MS, &a, &b);
	ask_all(d, &a, was_asked);
	run(d, 1 * S, &a, &b);
	assert_int_equal(n_spread_seen(&b), 200);
	assert_in_range(n_spread_seen(&a), 8, 200);
	ask_all(d, &a, was_asked);
	assert_int_equal(a.asked, 200);
	ranges_clear(&a.seen);
	ranges_clear(&b.seen);
	object_duo_destroy(d);
}

static void who_goes_leaves_its_slice_to_others(void **state)
{
	struct object_duo *d = spreader(29);
	struct object_raw other = object_raw_add(d->t);
	bool was_asked[1000] = {false};
	struct view a, b;

	view_open(&a, &d->raw);
	view_open(&b, &other);
	object_say_want(&other, true);
	object_say_want(&d->raw, true);
	run(d, 500 * MS, &a, &b);
	assert_true(n_spread_seen(&b) > 0);
	world_cut(other.spx.e, CLOSED_TIMEOUT);
	ask_all(d, &a, was_asked);
	run(d, 500 * MS, &a, NULL);
	ask_all(d, &a, was_asked);
	assert_int_equal(a.asked, 20);
	ranges_clear(&a.seen);
	ranges_clear(&b.seen);
	object_duo_destroy(d);
}

static void what_is_refused_is_not_given(void **state)
{
	struct object_duo *d = spreader(FROM);
	struct group_info info;
	struct view v;

	d->told.serves = false;
	view_open(&v, &d->raw);
	object_say_want(&d->raw, true);
	object_have(d, FROM + 1, FROM + 1);
	run(d, 500 * MS, &v, NULL);
	ask(&v, FROM);
	run(d, 100 * MS, &v, NULL);
	group_info_get(d->t->node->group, &info);
	assert_int_equal(info.n_objects_ungiven, 1);
	group_object_deny(d->t->node->group, d->told.request, world_now_us(d->t->w));
	group_info_get(d->t->node->group, &info);
	assert_int_equal(info.n_objects_ungiven, 2);
	ranges_clear(&v.seen);
	object_duo_destroy(d);
}

static void what_is_had_no_more_is_seen_no_more(void **state)
{
	struct object_duo *d = spreader(209);
	struct view v;

	view_open(&v, &d->raw);
	object_say_want(&d->raw, true);
	run(d, 500 * MS, &v, NULL);
	group_have_remove(d->t->node->group, FROM, FROM + 1, world_now_us(d->t->w));
	run(d, 500 * MS, &v, NULL);
	assert_false(ranges_has(&v.seen, FROM) || ranges_has(&v.seen, FROM + 1));
	assert_true(ranges_has(&v.seen, FROM + 2));
	object_say_want(&d->raw, true); // it missed something: the same again
	run(d, 11 * S, &v, NULL);
	assert_false(ranges_has(&v.seen, FROM));
	assert_true(ranges_has(&v.seen, FROM + 2));
	group_have_remove(d->t->node->group, FROM, 205, world_now_us(d->t->w));
	group_set_replication(d->t->node->group, &(struct group_replication){.is_seed = true},
			      world_now_us(d->t->w));
	run(d, 500 * MS, &v, NULL);
	assert_int_equal(n_spread_seen(&v), 4);
	ranges_clear(&v.seen);
	object_duo_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_interested_sees_a_slice),
		cmocka_unit_test(each_is_given_once_and_then_all_see_all),
		cmocka_unit_test(who_asks_for_nothing_sees_all),
		cmocka_unit_test(who_goes_leaves_its_slice_to_others),
		cmocka_unit_test(what_is_refused_is_not_given),
		cmocka_unit_test(what_is_had_no_more_is_seen_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
