// Totals, rates and shares of a stream (netgroup-semantics 8.4), from rows of workers.
#include "control/group/stream_figures.h"

#include "tests/support/test.h"

#define S 1000000ull

static void workers_are_added_up(void **state)
{
	struct stream_figures *f = calloc(1, sizeof(*f));
	struct stream_stats sum, row = {.newest = 40,
					.oldest = 10,
					.fragments_pushed_to = 7,
					.bytes_pushed_to = 700,
					.bytes_pulled_by = 30,
					.fragments_received = 5,
					.bytes_pushed_from = 500,
					.bytes_from_super = 200,
					.control_bytes_to_super = 9};
	struct group_stream_rates rates;

	stream_figures_get(f, &sum, &rates, 0);
	assert_int_equal(sum.oldest, 0); // nothing was told
	stream_figures_take(f, 0, &row, 0, 1 * S);
	row.newest = 50;
	row.oldest = 20;
	stream_figures_take(f, 3, &row, 0, 1 * S);
	stream_figures_take(f, OUTBOX_WORKERS_MAX, &row, 0, 1 * S); // there is none
	stream_figures_get(f, &sum, &rates, 1 * S);
	assert_int_equal(sum.newest, 50);
	assert_int_equal(sum.oldest, 10);
	assert_int_equal(sum.fragments_pushed_to, 14);
	assert_int_equal(sum.bytes_pushed_to, 1400);
	assert_int_equal(sum.bytes_pulled_by, 60);
	assert_int_equal(sum.fragments_received, 10);
	assert_int_equal(sum.bytes_from_super, 400);
	assert_int_equal(sum.control_bytes_to_super, 18);
	assert_int_equal(rates.send_data, 0);
	free(f);
}

// Rows come every two seconds, and in between when somebody else asks.
static void rates_follow_within_seconds(void **state)
{
	struct stream_figures *f = calloc(1, sizeof(*f));
	struct stream_stats sum, row = {0};
	struct group_stream_rates rates;
	uint64_t now_us = 1 * S;

	for (int i = 0; i < 10; i++) {
		stream_figures_take(f, 0, &row, 0, now_us);
		stream_figures_take(f, 0, &row, 0, now_us + 1000); // counts for nothing
		now_us += 2 * S;
		row.bytes_pushed_to += 200000;
		row.bytes_pulled_from += 100000;
		row.control_bytes_received += 4000;
		row.bytes_from_super += 50000;
	}
	stream_figures_get(f, &sum, &rates, now_us);
	assert_in_range(rates.send_data, 99000, 101000);
	assert_in_range(rates.receive_data, 49500, 50500);
	assert_in_range(rates.receive_control, 1990, 2010);
	assert_in_range(rates.receive_data_from_server, 24700, 25300);
	for (int i = 0; i < 3; i++) { // it stops
		stream_figures_take(f, 0, &row, 0, now_us);
		now_us += 2 * S;
	}
	stream_figures_get(f, &sum, &rates, now_us);
	assert_in_range(rates.send_data, 1, 51000);
	stream_figures_get(f, &sum, &rates, now_us + 20 * S); // its worker says nothing more
	assert_int_equal(rates.send_data, 0);
	assert_int_equal(sum.bytes_pushed_to, 2000000);
	free(f);
}

// What came while there were so many members was consumed by so many.
static void consumption_follows_the_members(void **state)
{
	struct stream_figures *f = calloc(1, sizeof(*f));
	struct stream_stats row = {.bytes_pushed_from = 600, .bytes_pulled_from = 400};

	stream_figures_take(f, 0, &row, 10, 1 * S);
	assert_int_equal(f->consumed_bytes, 10000);
	row.bytes_pushed_from += 500;
	stream_figures_take(f, 0, &row, 20, 2 * S);
	assert_int_equal(f->consumed_bytes, 20000);
	row.bytes_published = 100;
	stream_figures_take(f, 1, &row, 0, 2 * S);
	row.bytes_published = 300;
	stream_figures_take(f, 1, &row, 5, 3 * S);
	assert_int_equal(f->consumed_bytes, 21000);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_are_added_up),
		cmocka_unit_test(rates_follow_within_seconds),
		cmocka_unit_test(consumption_follows_the_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
