#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/checksum.h"
#include "crypto/random.h"
#include "dataplane/core/window.h"

#define KEEP_MS 10000

struct world {
	struct extents *x;
	struct window w;
};

static void world_open(struct world *o, uint32_t extents_max)
{
	o->x = extents_create(extents_max, 1);
	assert_non_null(o->x);
	window_init(&o->w, extents_max, KEEP_MS);
}

// Everything must be home again: what leaks here would starve other streams.
static void world_close(struct world *o)
{
	window_clear(&o->w, o->x);
	assert_int_equal(o->x->n_extents_free, o->x->n_extents);
	assert_int_equal(o->x->n_blocks_free, o->x->n_blocks);
	assert_int_equal(o->w.n_held, 0);
	assert_int_equal(o->w.bytes_held, 0);
	extents_destroy(o->x);
}

static int put(struct world *o, uint64_t no, size_t len, uint32_t now_ms)
{
	uint8_t body[WINDOW_BODY_MAX];

	memset(body, (uint8_t)no, len);
	return window_append(&o->w, o->x, no, span_of(body, len), 7, no % 3 == 0, now_ms);
}

static void a_body_lies_whole_summed_and_padded(void **state)
{
	struct world o;
	const struct record *rec;

	world_open(&o, 4);
	for (size_t len = 1; len <= WINDOW_BODY_MAX; len += 37)
		assert_int_equal(put(&o, len, len, 100), 0);
	for (size_t len = 1; len <= WINDOW_BODY_MAX; len += 37) {
		rec = window_find(&o.w, o.x, len);
		assert_non_null(rec);
		assert_int_equal(rec->no, len);
		assert_int_equal(rec->len, len);
		assert_int_equal(rec->from, 7);
		assert_int_equal(rec->is_key, len % 3 == 0);
		assert_int_equal(rec->arrival_ms, 100);
		assert_int_equal(rec->sum, csum_partial(rec->body, len));
		assert_int_equal((uintptr_t)rec % RECORD_STEP, 0);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(rec->body[i], (uint8_t)len);
		for (size_t i = 0; i < BODY_PADDING; i++)
			assert_int_equal(rec->body[len + i], 0xff);
	}
	world_close(&o);
}

static void small_bodies_lie_close(void **state)
{
	struct world o;
	uint32_t n = 0;

	world_open(&o, 2);
	while (o.w.n_extents < 2)
		assert_int_equal(put(&o, ++n, 200, 1), 0);
	assert_int_equal(n - 1, EXTENT_BYTES / 256); // 200 octets take 256
	world_close(&o);
}

static void each_number_is_taken_once(void **state)
{
	struct world o;

	world_open(&o, 4);
	assert_int_equal(put(&o, 50, 10, 0), 0);
	assert_int_equal(put(&o, 50, 10, 0), -EEXIST);
	assert_int_equal(put(&o, 48, 10, 0), 0); // out of order, older: a pull fills the hole
	assert_int_equal(put(&o, 48, 10, 0), -EEXIST);
	assert_null(window_find(&o.w, o.x, 49));
	assert_null(window_find(&o.w, o.x, 51));
	assert_null(window_find(&o.w, o.x, 0));
	assert_null(window_find(&o.w, o.x, UINT64_MAX));
	assert_int_equal(o.w.n_held, 2);
	assert_int_equal(o.w.bytes_held, 20);
	world_close(&o);
}

struct jump {
	const char *what;
	uint64_t first, second;
	bool is_aged; // the first has left before the second comes
	int err;
};

static void jumps_are_bounded(void **state)
{
	static const struct jump jumps[] = {
		{"number 0 is none", 0, 5, false, 0},
		{"a stream begins anywhere", 1000000000, 1000000001, false, 0},
		{"half a window ahead is a gap", 10, 10 + WINDOW_NUMBERS / 2, false, 0},
		{"more would empty a live window", 11, 12 + WINDOW_NUMBERS / 2, false, -ERANGE},
		{"an empty one has nothing to lose", 11, 12 + WINDOW_NUMBERS / 2, true, 0},
		{"2^20 ahead of nothing", 10, 10 + (1 << 20), true, 0},
		{"beyond 2^20: never", 10, 11 + (1 << 20), true, -ERANGE},
		{"the last number has no successor", 10, UINT64_MAX, true, -ERANGE},
		{"what left does not come back", 10, 9, true, -ESTALE},
	};

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		const struct jump *j = &jumps[i];
		struct world o;

		world_open(&o, 4);
		assert_int_equal(put(&o, j->first, 10, 0), j->first == 0 ? -ERANGE : 0);
		if (j->is_aged)
			assert_true(window_age(&o.w, o.x, KEEP_MS));
		if (put(&o, j->second, 10, KEEP_MS) != j->err)
			fail_msg("%s", j->what);
		world_close(&o);
	}
}

// E-13.
static void a_shorter_window_is_for_what_comes(void **state)
{
	struct world o;
	uint32_t at_ms;

	world_open(&o, 4);
	assert_int_equal(put(&o, 1, 900, 0), 0);
	window_keep(&o.w, KEEP_MS / 4, 1000);
	assert_false(window_age(&o.w, o.x, KEEP_MS - 1)); // it was told of
	assert_true(window_age(&o.w, o.x, KEEP_MS));
	assert_int_equal(put(&o, 2, 900, KEEP_MS), 0); // as before the last of those has gone
	assert_false(window_age(&o.w, o.x, KEEP_MS + 1000));
	assert_true(window_age_due(&o.w, o.x, &at_ms));
	assert_int_equal(at_ms, KEEP_MS + KEEP_MS / 4);
	assert_true(window_age(&o.w, o.x, at_ms));
	assert_int_equal(put(&o, 3, 900, 2 * KEEP_MS), 0);
	window_keep(&o.w, KEEP_MS / 8, 2 * KEEP_MS);
	window_keep(&o.w, 2 * KEEP_MS, 2 * KEEP_MS); // longer is at once, and for all
	assert_false(window_age(&o.w, o.x, 4 * KEEP_MS - 1));
	assert_true(window_age(&o.w, o.x, 4 * KEEP_MS));
	world_close(&o);
}

static void records_leave_by_age_and_extent(void **state)
{
	struct world o;
	uint32_t n = 0, at_ms;

	world_open(&o, 8);
	assert_false(window_age_due(&o.w, o.x, &at_ms));
	while (o.w.n_extents < 3) { // one record per ms
		n++;
		assert_int_equal(put(&o, n, 900, n), 0);
	}
	assert_true(window_age_due(&o.w, o.x, &at_ms));
	assert_int_equal(at_ms,
			 EXTENT_BYTES / 960 + KEEP_MS); // when the first extent's last is due
	assert_false(window_age(&o.w, o.x, at_ms - 1));
	assert_true(window_age(&o.w, o.x, at_ms));
	assert_int_equal(o.w.n_extents, 2);
	assert_int_equal(o.w.tail_no, EXTENT_BYTES / 960 + 1);
	assert_null(window_find(&o.w, o.x, 1));
	assert_non_null(window_find(&o.w, o.x, o.w.tail_no));
	assert_int_equal(put(&o, 1, 900, at_ms), -ESTALE);
	assert_int_equal(o.w.n_missing, 0);
	world_close(&o);
}

// More numbers than the index has room for, none of them old: the lowest make room.
static void the_index_is_a_ring(void **state)
{
	struct world o;
	uint64_t n = 1, pos = 0;

	world_open(&o, 80);
	for (; n <= WINDOW_NUMBERS + 3000; n++)
		assert_int_equal(put(&o, n, 1, 0), 0);
	assert_int_equal(o.w.tail_no, 3001);
	assert_int_equal(o.w.n_held, WINDOW_NUMBERS);
	assert_null(window_find(&o.w, o.x, 3000));
	for (uint64_t i = 3001; i < n; i++)
		assert_int_equal(window_find(&o.w, o.x, i)->no, i);
	assert_int_equal(window_at(&o.w, o.x, &pos)->no, 1); // the log keeps it for who is behind
	assert_int_equal(put(&o, n + 999, 1, 0), 0);
	assert_int_equal(o.w.tail_no, 4001);
	assert_int_equal(o.w.n_missing, 0);
	assert_true(window_age(&o.w, o.x, KEEP_MS));
	assert_int_equal(o.w.n_missing, 999);
	world_close(&o);
}

static void the_clock_may_wrap(void **state)
{
	struct world o;
	uint32_t start = UINT32_MAX - 100;

	world_open(&o, 4);
	assert_int_equal(put(&o, 1, 10, start), 0);
	assert_false(window_age(&o.w, o.x, start + KEEP_MS - 1));
	assert_true(window_age(&o.w, o.x, start + KEEP_MS));
	world_close(&o);
}

static void holes_that_leave_are_missing(void **state)
{
	struct world o;

	world_open(&o, 4);
	assert_int_equal(put(&o, 100, 10, 0), 0);
	assert_int_equal(put(&o, 104, 10, 0), 0);
	assert_int_equal(put(&o, 102, 10, 0), 0);
	assert_int_equal(o.w.n_missing, 0); // 101 and 103 may still come
	assert_true(window_age(&o.w, o.x, KEEP_MS));
	assert_int_equal(o.w.n_missing, 2);
	assert_int_equal(o.w.tail_no, 105);
	world_close(&o);
}

static void short_of_memory_the_oldest_go_first(void **state)
{
	struct world o;
	uint32_t n = 0;

	world_open(&o, 2);
	while (o.w.n_forced == 0) {
		n++;
		assert_int_equal(put(&o, n, 900, 5), 0);
	}
	assert_int_equal(o.w.n_extents, 2);
	assert_null(window_find(&o.w, o.x, 1));
	assert_non_null(window_find(&o.w, o.x, n));
	assert_int_equal(o.w.tail_no, EXTENT_BYTES / 960 + 1);
	world_close(&o);
}

static void a_window_never_takes_what_others_hold(void **state)
{
	struct world o;
	struct window other;
	uint8_t body[900] = {0};
	int err = 0;

	world_open(&o, 2);
	window_init(&other, 2, KEEP_MS);
	for (uint32_t n = 1; n < 1000; n++)
		assert_int_equal(put(&o, n, 900, 5), 0);
	err = window_append(&other, o.x, 1, span_of(body, 900), 0, false, 5);
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(o.w.n_extents, 2);
	window_clear(&other, o.x);
	world_close(&o);
}

// A pull that fills an old hole while its surroundings have to leave for want of memory.
static void a_number_may_leave_while_it_arrives(void **state)
{
	struct world o;
	uint32_t n = 1;

	world_open(&o, 2);
	assert_int_equal(put(&o, n++, 900, 0), 0);
	n++; // 2 is missing
	while (o.w.n_extents < 2)
		assert_int_equal(put(&o, n++, 900, 0), 0);
	for (uint32_t i = 1; i < EXTENT_BYTES / 960; i++)
		assert_int_equal(put(&o, n++, 900, 0), 0);
	assert_int_equal(put(&o, 2, 900, 0), -ESTALE); // the next extent costs the first one
	assert_int_equal(put(&o, n, 900, 0), 0);
	assert_non_null(window_find(&o.w, o.x, n));
	world_close(&o);
}

// 10 arrives early and leaves with its extent while 9, which came late, is still held.
static void what_left_does_not_come_a_second_time(void **state)
{
	struct world o;
	uint64_t n = 10;

	world_open(&o, 4);
	assert_int_equal(put(&o, n++, 900, 0), 0);
	while (o.w.n_extents < 2)
		assert_int_equal(put(&o, n++, 900, 0), 0);
	assert_int_equal(put(&o, 9, 900, 5000), 0);
	assert_true(window_age(&o.w, o.x, KEEP_MS));
	assert_int_equal(o.w.tail_no, 9);
	assert_non_null(window_find(&o.w, o.x, 9));
	assert_int_equal(put(&o, 10, 900, KEEP_MS), -ESTALE);
	assert_int_equal(o.w.n_missing, 0);
	world_close(&o);
}

static void the_log_is_walked_in_order_of_arrival(void **state)
{
	struct world o;
	uint64_t order[300], pos = 0, head;
	const struct record *rec;
	uint32_t n = 0;

	world_open(&o, 8);
	head = o.w.head_pos;
	assert_null(window_at(&o.w, o.x, &pos));
	for (uint32_t i = 0; i < 300; i++) {
		order[i] = 1000 + (i ^ 1); // neighbours swapped
		assert_int_equal(put(&o, order[i], 300 + i, i), 0);
	}
	pos = head; // a position of the empty log is its beginning
	while ((rec = window_at(&o.w, o.x, &pos)) != NULL) {
		assert_int_equal(rec->no, order[n]);
		assert_int_equal(rec->ordinal, n);
		pos = window_after(pos, rec);
		n++;
	}
	assert_int_equal(n, 300);
	assert_int_equal(pos, o.w.head_pos);
	assert_int_equal(put(&o, 2000, 10, 300), 0);
	rec = window_at(&o.w, o.x, &pos);
	assert_non_null(rec);
	assert_int_equal(rec->no, 2000);
	world_close(&o);
}

static void a_position_that_left_becomes_the_tail(void **state)
{
	struct world o;
	uint64_t pos, old = 0;
	const struct record *rec;

	world_open(&o, 8);
	assert_int_equal(put(&o, 1, 900, 0), 0);
	old = o.w.head_pos;
	for (uint32_t n = 2; o.w.n_extents < 3; n++)
		assert_int_equal(put(&o, n, 900, n < 100 ? 0 : 5000), 0);
	assert_true(window_age(&o.w, o.x, KEEP_MS));
	pos = old;
	rec = window_at(&o.w, o.x, &pos);
	assert_non_null(rec);
	assert_int_equal(rec->no, o.w.tail_no);
	assert_int_equal(pos, o.w.tail_pos);
	assert_true(window_age(&o.w, o.x, 2 * KEEP_MS));
	assert_null(window_at(&o.w, o.x, &pos));
	assert_int_equal(pos, o.w.head_pos);
	world_close(&o);
}

// What one simple array would say, against what the window says, over random traffic.
#define MODEL_NUMBERS 5000
static void random_traffic_agrees_with_a_plain_array(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 42);
	uint8_t *seen = calloc(1, MODEL_NUMBERS + 1);
	struct world o;
	uint64_t newest = 20, tail_before;
	uint32_t now_ms = 0;

	world_open(&o, 12);
	while (newest < MODEL_NUMBERS - 40) {
		uint64_t no = newest - 19 + random_below(&rng, 40);
		int err = put(&o, no, 1 + random_below(&rng, WINDOW_BODY_MAX), now_ms);

		if (!seen[no] && no >= o.w.tail_no)
			assert_int_equal(err, 0);
		else
			assert_int_equal(err, window_has(&o.w, o.x, no) ? -EEXIST : -ESTALE);
		seen[no] = 1;
		newest = no > newest ? no : newest;
		now_ms += random_below(&rng, 60);
		tail_before = o.w.tail_no;
		window_age(&o.w, o.x, now_ms);
		assert_true(o.w.tail_no >= tail_before);
		for (uint64_t i = newest > 100 ? newest - 100 : 1; i <= newest; i++) {
			const struct record *rec = window_find(&o.w, o.x, i);

			assert_true(rec == NULL || (seen[i] && rec->no == i && i >= o.w.tail_no));
		}
	}
	free(seen);
	world_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_lies_whole_summed_and_padded),
		cmocka_unit_test(small_bodies_lie_close),
		cmocka_unit_test(each_number_is_taken_once),
		cmocka_unit_test(jumps_are_bounded),
		cmocka_unit_test(a_shorter_window_is_for_what_comes),
		cmocka_unit_test(records_leave_by_age_and_extent),
		cmocka_unit_test(the_index_is_a_ring),
		cmocka_unit_test(the_clock_may_wrap),
		cmocka_unit_test(holes_that_leave_are_missing),
		cmocka_unit_test(short_of_memory_the_oldest_go_first),
		cmocka_unit_test(a_window_never_takes_what_others_hold),
		cmocka_unit_test(a_number_may_leave_while_it_arrives),
		cmocka_unit_test(what_left_does_not_come_a_second_time),
		cmocka_unit_test(the_log_is_walked_in_order_of_arrival),
		cmocka_unit_test(a_position_that_left_becomes_the_tail),
		cmocka_unit_test(random_traffic_agrees_with_a_plain_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
