#include "control/bin/daemon/readings.h"

#include "tests/support/test.h"
#include "tests/unit/control/bin/daemon/fake_backend.h"

#define START_US 1000000
#define S        UINT64_C(1000000)

struct world {
	struct fake_backend backend;
	struct rings rings;
	struct readings readings;
	struct body_pool *pool; // a worker's
};

static int build(void **state)
{
	struct engine_opts eo = {.n_workers = 2, .sessions_max = 8, .streams_max = 4};
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->backend.base.kind = &fake_kind;
	w->pool = body_pool_create(1 << 20);
	assert_non_null(w->pool);
	assert_int_equal(rings_init(&w->rings, 2, 0), 0);
	assert_int_equal(readings_init(&w->readings, &w->backend.base, &eo, START_US), 0);
	*state = w;
	return 0;
}

static int destroy(void **state)
{
	struct world *w = *state;

	readings_fini(&w->readings);
	rings_fini(&w->rings);
	body_pool_destroy(w->pool);
	free(w);
	return 0;
}

static void tell(struct world *w, uint32_t worker, enum stats_table table, const void *row,
		 uint32_t len, uint64_t now_us)
{
	struct report r = {.op = REP_STATS, .flags = STATS_LAST, .len = len};

	r.stats.table = table;
	r.stats.n = 1;
	r.body = body_get(w->pool, len);
	assert_non_null(r.body);
	memcpy(r.body->data, row, len);
	readings_report(&w->readings, worker, &r, now_us);
	body_put(r.body);
}

static void every_worker_is_asked_once_a_period(void **state)
{
	struct world *w = *state;
	struct command c;

	readings_timers(&w->readings, w->rings.outbox, START_US + S - 1);
	outbox_flush(w->rings.outbox);
	assert_int_equal(mailbox_n(w->rings.commands[0]), 0);
	readings_timers(&w->readings, w->rings.outbox, START_US + S);
	readings_timers(&w->readings, w->rings.outbox, START_US + S + 1);
	outbox_flush(w->rings.outbox);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(mailbox_n(w->rings.commands[i]), 2);
		assert_true(mailbox_pop(w->rings.commands[i], &c));
		assert_int_equal(c.op, CMD_STATS);
		assert_int_equal(c.stats.table, STATS_SESSIONS);
		assert_true(mailbox_pop(w->rings.commands[i], &c));
		assert_int_equal(c.op, CMD_STATS);
		assert_int_equal(c.stats.table, STATS_STREAMS);
	}
}

static void a_session_is_found_by_its_id_not_by_its_slot_alone(void **state)
{
	struct world *w = *state;
	struct session_stats row = {.session_idx = 3, .session_id = 77, .srtt_us = 5000};

	tell(w, 1, STATS_SESSIONS, &row, sizeof(row), START_US);
	assert_non_null(readings_session(&w->readings, 1, 3, 77));
	assert_int_equal(readings_session(&w->readings, 1, 3, 77)->srtt_us, 5000);
	assert_null(readings_session(&w->readings, 1, 3, 78)); // the slot's next session
	assert_null(readings_session(&w->readings, 0, 3, 77)); // another worker's slot
}

static void rows_beyond_the_tables_are_left_alone(void **state)
{
	struct world *w = *state;
	struct session_stats session = {.session_idx = 8, .session_id = 1};
	struct stream_stats stream = {.stream = 4}, sum;

	tell(w, 0, STATS_SESSIONS, &session, sizeof(session), START_US);
	assert_null(readings_session(&w->readings, 1, 0, 1)); // where it would have landed
	tell(w, 0, STATS_STREAMS, &stream, sizeof(stream), START_US);
	assert_false(readings_stream(&w->readings, 4, START_US, &sum));
	assert_false(readings_stream(&w->readings, NO_STREAM, START_US, &sum));
}

static void a_stream_is_the_sum_of_its_workers(void **state)
{
	struct world *w = *state;
	struct stream_stats a = {
		.stream = 2, .n_links = 3, .newest = 90, .oldest = 10, .fragments_received = 80};
	struct stream_stats b = {
		.stream = 2, .n_links = 4, .newest = 91, .oldest = 12, .fragments_received = 1};
	struct stream_stats sum;

	assert_false(readings_stream(&w->readings, 2, START_US, &sum));
	tell(w, 0, STATS_STREAMS, &a, sizeof(a), START_US);
	tell(w, 1, STATS_STREAMS, &b, sizeof(b), START_US);
	assert_true(readings_stream(&w->readings, 2, START_US, &sum));
	assert_int_equal(sum.n_links, 7);
	assert_int_equal(sum.newest, 91);
	assert_int_equal(sum.oldest, 10);
	assert_int_equal(sum.fragments_received, 81);
}

static void what_was_told_long_ago_no_longer_counts(void **state)
{
	struct world *w = *state;
	struct stream_stats row = {.stream = 1, .n_links = 3}, sum;

	tell(w, 0, STATS_STREAMS, &row, sizeof(row), START_US);
	assert_true(readings_stream(&w->readings, 1, START_US + 3 * S, &sum));
	assert_false(readings_stream(&w->readings, 1, START_US + 3 * S + 1, &sum));
}

static void load_is_the_share_of_the_last_period(void **state)
{
	struct world *w = *state;

	w->backend.workers[1] = (struct backend_worker){.cpu_us = 250000, .busy_us = 100000};
	readings_timers(&w->readings, w->rings.outbox, START_US + S);
	assert_int_equal(w->readings.worker_cpu_permille[1], 250);
	assert_int_equal(w->readings.worker_busy_permille[1], 100);
	w->backend.workers[1].cpu_us += 500000;
	readings_timers(&w->readings, w->rings.outbox, START_US + 2 * S);
	assert_int_equal(w->readings.worker_cpu_permille[1], 500);
	assert_int_equal(w->readings.worker_busy_permille[1], 0);
	assert_int_equal(w->readings.worker_cpu_permille[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, build, destroy)
		T(every_worker_is_asked_once_a_period),
		T(a_session_is_found_by_its_id_not_by_its_slot_alone),
		T(rows_beyond_the_tables_are_left_alone),
		T(a_stream_is_the_sum_of_its_workers),
		T(what_was_told_long_ago_no_longer_counts),
		T(load_is_the_share_of_the_last_period),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
