// What a publisher decides about its stream (netgroup-semantics 8.3, MC-31 to MC-33).
#include "control/group/stream_params.h"

#include <errno.h>

#include "tests/support/test.h"

// window, margin, update, fetch, push neighbours, send to all
static void values_that_contradict_are_clamped_and_named(void **state)
{
	static const struct {
		const char *claim;
		struct group_stream_params in, out;
		int err;
		const char *why; // of the check; NULL: nothing contradicts
	} rows[] = {
		{"the defaults", {0}, {8000, 2000, 100, 2500, 4, false}, 0, NULL},
		{"all of them",
		 {5000, 1000, 50, 1000, 7, true},
		 {5000, 1000, 50, 1000, 7, true},
		 0,
		 NULL},
		{"a short window leaves less for the others",
		 {.window_ms = 1000},
		 {1000, 2000, 100, 500, 4, false},
		 0,
		 NULL},
		{"and a shorter one still less",
		 {.window_ms = 100},
		 {100, 2000, 25, 50, 4, false},
		 0,
		 NULL},
		{"a fetch period as long as the window",
		 {.window_ms = 2000, .fetch_ms = 2000},
		 {2000, 2000, 100, 1000, 4, false},
		 0,
		 "the fetch period must be shorter than the window"},
		{"a fetch period beyond the default window",
		 {.fetch_ms = 9000},
		 {8000, 2000, 100, 4000, 4, false},
		 0,
		 "the fetch period must be shorter than the window"},
		{"an update period as long as the fetch period",
		 {.update_ms = 300, .fetch_ms = 300},
		 {8000, 2000, 150, 300, 4, false},
		 0,
		 "the availability period must be shorter than the fetch period"},
		{"an update period beyond the default fetch period",
		 {.update_ms = 3000},
		 {8000, 2000, 1250, 2500, 4, false},
		 0,
		 "the availability period must be shorter than the fetch period"},
		{"two minutes",
		 {.window_ms = 120000},
		 {120000, 2000, 100, 2500, 4, false},
		 0,
		 NULL},
		{"more than two minutes",
		 {.window_ms = 120001},
		 {0},
		 -EINVAL,
		 "the window is longer than 120000 ms"},
		{"a margin of more than that",
		 {.margin_ms = 120001},
		 {0},
		 -EINVAL,
		 "the relay margin is longer than 120000 ms"},
		{"a window of milliseconds", {.window_ms = 4}, {4, 2000, 1, 2, 4, false}, 0, NULL},
		{"a window with no room for the rest",
		 {.window_ms = 1},
		 {0},
		 -EINVAL,
		 "the availability period must be shorter than the fetch period"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *why = group_stream_params_check(&rows[i].in);
		struct group_stream_params out;
		int err = stream_params_settle(&rows[i].in, &out);

		assert_row(err == rows[i].err, rows[i].claim);
		assert_row((why == NULL) == (rows[i].why == NULL), rows[i].claim);
		if (why != NULL)
			assert_string_equal(why, rows[i].why);
		if (err != 0)
			continue;
		assert_row(out.window_ms == rows[i].out.window_ms, rows[i].claim);
		assert_row(out.margin_ms == rows[i].out.margin_ms, rows[i].claim);
		assert_row(out.update_ms == rows[i].out.update_ms, rows[i].claim);
		assert_row(out.fetch_ms == rows[i].out.fetch_ms, rows[i].claim);
		assert_row(out.push_neighbours == rows[i].out.push_neighbours, rows[i].claim);
		assert_row(out.send_to_all == rows[i].out.send_to_all, rows[i].claim);
	}
}

static void the_ladder_has_three_rungs(void **state)
{
	static const struct {
		const char *name;
		struct group_stream_params settled;
	} rows[] = {
		{"default", {8000, 2000, 100, 2500, 4, false}},
		{"low", {3000, 2000, 50, 800, 4, false}},
		{"ultra-low", {1000, 2000, 20, 250, 4, true}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct group_stream_params p;

		assert_true(group_stream_preset(rows[i].name, &p));
		assert_null(group_stream_params_check(&p));
		assert_int_equal(stream_params_settle(&p, &p), 0);
		assert_int_equal(p.window_ms, rows[i].settled.window_ms);
		assert_int_equal(p.margin_ms, rows[i].settled.margin_ms);
		assert_int_equal(p.update_ms, rows[i].settled.update_ms);
		assert_int_equal(p.fetch_ms, rows[i].settled.fetch_ms);
		assert_int_equal(p.push_neighbours, rows[i].settled.push_neighbours);
		assert_int_equal(p.send_to_all, rows[i].settled.send_to_all);
	}
	assert_false(group_stream_preset("lowest", &(struct group_stream_params){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_that_contradict_are_clamped_and_named),
		cmocka_unit_test(the_ladder_has_three_rungs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
