// Telling and hearing who has what: OR-2, OR-3; netgroup-semantics 15, E-6 and E-7.
#include "tests/support/test.h"
#include "tests/unit/control/group/object_kit.h"

static void who_is_interested_is_told(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_heard *h;

	object_have(d, 3, 9);
	object_run(d, 1 * S);
	h = object_hear(&d->raw);
	assert_int_equal(h->n_haves + h->n_deltas, 0); // not asked
	object_say_want(&d->raw, true);
	object_run(d, 1 * S);
	h = object_hear(&d->raw);
	assert_int_equal(h->n_snapshots, 1);
	assert_int_equal(h->n_ranges, 1);
	assert_true(h->first_range.first == 3 && h->first_range.last == 9);
	// Changes of 250 ms are one message of each kind, whatever happened in between.
	object_have(d, 20, 20);
	object_have(d, 21, 30);
	group_have_remove(d->t->node->group, 25, 25, world_now_us(d->t->w));
	group_have_remove(d->t->node->group, 4, 4, world_now_us(d->t->w));
	object_have(d, 4, 4);
	object_run(d, 1 * S);
	h = object_hear(&d->raw);
	assert_int_equal(h->n_deltas, 2);
	assert_int_equal(h->op, OBJECT_ADD); // behind what went
	assert_int_equal(h->n_ranges, 4);    // 25 went; 4, 20 .. 24, 26 .. 30 are there
	assert_int_equal(h->first_range.first, 25);
	assert_true(h->last_range.first == 26 && h->last_range.last == 30);
	object_say_want(&d->raw, false);
	object_run(d, 1 * S);
	object_have(d, 100, 100);
	object_run(d, 1 * S);
	h = object_hear(&d->raw);
	assert_int_equal(h->n_haves + h->n_deltas, 0);
	object_duo_destroy(d);
}

static void everything_is_told_at_most_every_ten_seconds(void **state)
{
	struct object_duo *d = object_duo_create();
	uint32_t n = 0;

	for (uint64_t i = 0; i < 2000; i++)
		object_have(d, 3 * i, 3 * i);
	for (int i = 0; i < 100; i++) {
		object_say_want(&d->raw, true);
		object_run(d, 250 * MS);
	}
	for (struct object_heard *h = object_hear(&d->raw); h->n_haves > 0;
	     h = object_hear(&d->raw)) {
		n += h->n_snapshots;
		assert_int_equal(h->n_haves, 4 * h->n_snapshots); // 512 in a message
		assert_int_equal(h->n_ranges, 2000 * h->n_snapshots);
		assert_int_equal(h->flags, 0); // nor does more follow
	}
	assert_int_equal(n, 3); // at once, after 10 s and after 20
	object_duo_destroy(d);
}

static void a_neighbour_that_missed_too_much_gets_all_of_it(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_heard *h;

	object_say_want(&d->raw, true);
	object_run(d, 11 * S);
	object_hear(&d->raw);
	for (uint64_t i = 0; i <= OBJECT_LOG_MAX; i++) {
		object_have(d, 7, 7);
		group_have_remove(d->t->node->group, 7, 7, world_now_us(d->t->w));
	}
	object_have(d, 8, 8);
	object_run(d, 1 * S);
	h = object_hear(&d->raw);
	assert_int_equal(h->n_snapshots, 1);
	assert_int_equal(h->n_deltas, 0);
	assert_true(h->n_ranges == 1 && h->first_range.first == 8 && h->first_range.last == 8);
	object_duo_destroy(d);
}

static void we_ask_to_be_told_while_we_want_something(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_heard *h;

	assert_int_equal(object_hear(&d->raw)->n_wants, 0);
	object_say_have(&d->raw, 0, 9); // not asked for
	object_run(d, 1 * S);
	assert_int_equal(objects_of(d)->n_ranges, 0);
	object_want(d, 500, 500);
	object_run(d, 1 * S);
	h = object_hear(&d->raw);
	assert_true(h->n_wants == 1 && h->n_interested == 1);
	object_say_have(&d->raw, 0, 9);
	object_run(d, 1 * S);
	assert_int_equal(objects_of(d)->n_ranges, 1);
	assert_int_equal(tally_of(&objects_of(d)->tally, 5), 1);
	group_want_remove(d->t->node->group, 500, 500, world_now_us(d->t->w));
	object_run(d, 12 * S);
	h = object_hear(&d->raw);
	assert_true(h->n_wants == 1 && h->n_interested == 0);
	assert_int_equal(objects_of(d)->n_ranges, 0); // what is not told any more is not kept
	assert_int_equal(objects_of(d)->tally.n, 0);
	object_duo_destroy(d);
}

static void what_got_lost_is_asked_for_again(void **state)
{
	struct object_duo *d = object_duo_create();

	object_want(d, 500, 500);
	object_run(d, 1 * S);
	object_say_have(&d->raw, 0, 9);
	object_say_delta(&d->raw, OBJECT_ADD, 20, 20);
	object_run(d, 11 * S);
	assert_int_equal(object_hear(&d->raw)->n_wants, 1);
	d->raw.seq++; // one that nobody heard
	object_say_delta(&d->raw, OBJECT_ADD, 30, 30);
	object_run(d, 1 * S);
	assert_int_equal(object_hear(&d->raw)->n_interested, 1);
	object_say_have(&d->raw, 0, 30);
	object_run(d, 11 * S);
	assert_int_equal(object_hear(&d->raw)->n_wants, 0);
	assert_int_equal(objects_of(d)->n_ranges, 1);
	object_duo_destroy(d);
}

// E-6.
static void everything_costs_as_much_as_one(void **state)
{
	struct object_duo *d = object_duo_create();
	struct objects *os = objects_of(d);

	assert_int_equal(object_want(d, 0, OBJECT_INDEX_MAX), 0);
	assert_int_equal(object_have(d, 0, OBJECT_INDEX_MAX), 0);
	object_run(d, 1 * S);
	object_say_have(&d->raw, 0, OBJECT_INDEX_MAX);
	for (int i = 0; i < 200; i++) {
		struct object_heard *h;

		object_run(d, 100 * MS);
		h = object_hear(&d->raw);
		for (uint32_t k = 0; k < h->n_requests; k++)
			object_give(&d->raw, h->requests[k].request, h->requests[k].index, "it");
	}
	assert_int_equal(d->told.n_results, 199);
	// A range for each index that came, those of the others one.
	assert_in_range(os->want.n, 1, 200);
	assert_int_equal(os->n_ranges, 1);
	assert_int_equal(os->tally.n, 2);
	object_duo_destroy(d);
}

// E-7: as fast as it can, none of them beside another.
static void a_million_single_indices(void **state)
{
	struct object_duo *d = object_duo_create();
	struct objects *os = objects_of(d);
	const uint64_t million = 1000000;
	struct index_range r[OBJECT_RANGES_MAX];
	uint8_t octets[OBJECT_HAVE_LEN_MAX];

	object_want(d, OBJECT_INDEX_MAX, OBJECT_INDEX_MAX);
	object_run(d, 1 * S);
	object_say_have(&d->raw, 0, 0);
	for (uint64_t i = 0; i < million; i += OBJECT_RANGES_MAX) {
		struct wr w = wr_over(octets, sizeof(octets));

		for (uint32_t k = 0; k < OBJECT_RANGES_MAX; k++)
			r[k].first = r[k].last = 2 * (i + k);
		object_delta_write(&w, OBJECT_ADD, ++d->raw.seq, r, OBJECT_RANGES_MAX);
		object_say(&d->raw, &w);
		object_run(d, 10 * MS);
	}
	assert_int_equal(os->peers->have.n, OBJECT_HELD_RANGES);
	assert_true(os->peers->have.cap <= OBJECT_HELD_RANGES);
	assert_true(os->tally.cap <= 4 * OBJECT_HELD_RANGES);
	assert_true(object_counters(d)->objects_ranges_ignored + object_counters(d)->spx_limited >
		    0);
	// Nor does what it says of an index within make it more; the shorter side goes as well.
	object_run(d, 20 * S);
	object_say_delta(&d->raw, OBJECT_ADD, 0, 100);
	object_run(d, 100 * MS);
	assert_int_equal(os->peers->have.n, OBJECT_HELD_RANGES - 50);
	assert_int_equal(tally_of(&os->tally, 99), 1);
	object_duo_destroy(d);
}

static void a_hole_too_many_takes_the_shorter_side(void **state)
{
	struct object_duo *d = object_duo_create();
	struct objects *os = objects_of(d);
	struct index_range r[OBJECT_RANGES_MAX];

	object_want(d, OBJECT_INDEX_MAX, OBJECT_INDEX_MAX);
	object_run(d, 1 * S);
	for (uint32_t i = 0; i < OBJECT_HELD_RANGES; i += OBJECT_RANGES_MAX) {
		for (uint32_t k = 0; k < OBJECT_RANGES_MAX; k++)
			r[k] = (struct index_range){100 * (i + k), 100 * (i + k) + 50};
		object_say_have_flags(&d->raw, i == 0 ? OBJECT_HAVE_SNAPSHOT : 0, r,
				      OBJECT_RANGES_MAX);
	}
	object_run(d, 100 * MS);
	assert_int_equal(os->n_ranges, OBJECT_HELD_RANGES);
	object_say_delta(&d->raw, OBJECT_REMOVE, 110, 111);
	object_run(d, 100 * MS);
	assert_int_equal(os->n_ranges, OBJECT_HELD_RANGES);
	assert_int_equal(tally_of(&os->tally, 105), 0);
	assert_int_equal(tally_of(&os->tally, 112), 1);
	assert_int_equal(tally_of(&os->tally, 205), 1);
	object_duo_destroy(d);
}

// 65 of them, and each as much as one may say.
static void all_neighbours_together_are_bounded_as_well(void **state)
{
	enum { N = 65 };
	struct object_duo *d = object_duo_create();
	struct index_range r[OBJECT_RANGES_MAX];
	struct objects *os = objects_of(d);
	struct object_raw others[N];

	object_want(d, OBJECT_INDEX_MAX, OBJECT_INDEX_MAX);
	for (int i = 0; i < N; i++)
		others[i] = object_raw_add(d->t);
	object_run(d, 1 * S);
	for (int i = 0; i < N; i++) {
		for (uint32_t k = 0; k < OBJECT_HELD_RANGES; k++) {
			r[k % OBJECT_RANGES_MAX] = (struct index_range){2 * k, 2 * k};
			if ((k + 1) % OBJECT_RANGES_MAX == 0)
				object_say_have_flags(&others[i],
						      k < OBJECT_RANGES_MAX ? OBJECT_HAVE_SNAPSHOT
									    : 0,
						      r, OBJECT_RANGES_MAX);
		}
		object_run(d, 50 * MS);
	}
	assert_int_equal(os->n_ranges, 1 << 18);
	assert_int_equal(object_counters(d)->objects_ranges_ignored, OBJECT_HELD_RANGES);
	world_cut(others[0].spx.e, CLOSED_TIMEOUT); // and what one said is gone with it
	object_run(d, 100 * MS);
	assert_int_equal(os->n_ranges, (1 << 18) - OBJECT_HELD_RANGES);
	assert_int_equal(tally_of(&os->tally, 0), N - 2);
	object_duo_destroy(d);
}

static void what_is_broken_costs_a_point(void **state)
{
	static const uint8_t touching[] = {0x80, 1, 1, 1, 2, 0, 1, 0, 2};
	struct object_duo *d = object_duo_create();

	raw_send(d->raw.spx.e, d->raw.control, touching, sizeof(touching));
	object_run(d, 100 * MS);
	assert_int_equal(object_counters(d)->spx_malformed, 1);
	assert_int_equal(d->t->node->group->neighbours[0]->spx->n_points_lost, 1);
	object_duo_destroy(d);
}

static void what_nobody_knows_is_ignored(void **state)
{
	struct object_duo *d = object_duo_create();

	raw_send(d->raw.spx.e, d->raw.control, "\x87\x01", 2);
	raw_send(d->raw.spx.e, d->raw.control, "\x80\x02", 2);
	raw_send(d->raw.spx.e, d->raw.data, "\x80\x01\x01\x01\x00", 5); // not there
	object_run(d, 100 * MS);
	assert_int_equal(object_counters(d)->spx_unknown, 3);
	assert_int_equal(object_counters(d)->spx_malformed, 0);
	object_duo_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_interested_is_told),
		cmocka_unit_test(everything_is_told_at_most_every_ten_seconds),
		cmocka_unit_test(a_neighbour_that_missed_too_much_gets_all_of_it),
		cmocka_unit_test(we_ask_to_be_told_while_we_want_something),
		cmocka_unit_test(what_got_lost_is_asked_for_again),
		cmocka_unit_test(everything_costs_as_much_as_one),
		cmocka_unit_test(a_million_single_indices),
		cmocka_unit_test(a_hole_too_many_takes_the_shorter_side),
		cmocka_unit_test(all_neighbours_together_are_bounded_as_well),
		cmocka_unit_test(what_is_broken_costs_a_point),
		cmocka_unit_test(what_nobody_knows_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
