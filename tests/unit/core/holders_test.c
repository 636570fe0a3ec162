#include "tests/unit/core/relay_world.h"

static struct world *world_of_links(uint32_t n)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, 0);
	for (uint32_t i = 0; i < n; i++)
		world_link(w, i, WORLD_STREAM, 0);
	return w;
}

static struct link *next(struct world *w, uint64_t no, uint64_t ring_order)
{
	return holder_next(&w->e, stream_at(&w->e, WORLD_STREAM), no, ring_order, HOLDER_ANY);
}

// Lets the announcements ripen.
static void wait_a_fetch_period(struct world *w)
{
	uint64_t low, high;

	w->e.now_ms += 2500;
	w->e.now_us += 2500000;
	holders_range(&w->e, stream_at(&w->e, WORLD_STREAM), &low, &high);
}

static void the_next_holder_is_sought_ascending_and_around(void **state)
{
	struct world *w = world_of_links(10);

	world_map(w, 2, 1, 50);
	world_map(w, 5, 30, 50);
	world_map(w, 8, 1, 20);
	assert_null(next(w, 10, 0)); // announced, but only just now
	wait_a_fetch_period(w);
	assert_int_equal(next(w, 10, 0)->session_idx, 2);
	assert_int_equal(next(w, 10, 2)->session_idx, 8);
	assert_int_equal(next(w, 10, 8)->session_idx, 2);
	assert_int_equal(next(w, 40, 2)->session_idx, 5);
	assert_int_equal(next(w, 50, 5)->session_idx, 2); // `last` is held, too
	assert_null(next(w, 51, 0));
	assert_null(next(w, 0, 0));
	world_destroy(w);
}

static void a_random_holder_shows_his_newest(void **state)
{
	struct world *w = world_of_links(10);
	struct stream *s = stream_at(&w->e, WORLD_STREAM);
	bool is_seen[10] = {false};
	uint64_t no;

	assert_null(holder_random(&w->e, s, 0, &no));
	world_map(w, 2, 1, 50);
	world_map(w, 5, 30, 60);
	wait_a_fetch_period(w);
	world_map(w, 2, 1, 70); // too young to count
	for (int i = 0; i < 100; i++) {
		struct link *l = holder_random(&w->e, s, i % 2, &no);

		assert_non_null(l);
		assert_int_equal(no, (l->session_idx == 2 ? 50 : 60) - (uint64_t)(i % 2));
		is_seen[l->session_idx] = true;
	}
	assert_true(is_seen[2] && is_seen[5]);
	world_destroy(w);
}

static void so_many_are_kept_and_the_silent_give_way(void **state)
{
	struct world *w = world_of_links(HOLDERS_MAX + 2);
	struct stream *s = stream_at(&w->e, WORLD_STREAM);

	for (uint32_t i = 0; i < HOLDERS_MAX; i++)
		world_map(w, i, 1, 10);
	world_map(w, HOLDERS_MAX, 1, 10);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_MAPS], 1);
	assert_int_equal(s->n_holders, HOLDERS_MAX);
	wait_a_fetch_period(w);
	for (uint32_t i = 0; i < HOLDERS_MAX; i++)
		if (i != 7)
			world_map(w, i, 1, 20);
	world_map(w, HOLDERS_MAX, 1, 20); // in the place of 7
	assert_int_equal(w->e.stats.drops[DROP_STREAM_MAPS], 1);
	assert_int_equal(link_find(&w->e, 7, WORLD_STREAM)->holder, IDX_NONE);
	assert_int_not_equal(link_find(&w->e, HOLDERS_MAX, WORLD_STREAM)->holder, IDX_NONE);
	world_map(w, 7, 1, 20);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_MAPS], 2);
	world_unlink(w, 3, WORLD_STREAM);
	world_map(w, 7, 1, 20);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_MAPS], 2);
	world_destroy(w);
}

static void all_streams_share_a_bounded_number(void **state)
{
	struct world *w = world_create(&(struct world_opts){.links_max = 4});
	uint8_t map[] = {STREAM_FRAGMENTS_MAP, 9};

	assert_int_equal(w->e.relay->holders_max, 4);
	world_stream(w, 0, 0);
	world_stream(w, 1, 0);
	for (uint32_t i = 0; i < 4; i++) {
		world_link(w, i, (uint16_t)(i / 2), 0);
		relay_on_control(&w->e, i, (uint16_t)(i / 2), span_of(map, 2));
	}
	assert_int_equal(w->e.relay->holder_pool.n, 4);
	assert_int_equal(w->e.stats.drops[DROP_STREAM_MAPS], 0);
	world_destroy(w);
}

struct bomb {
	const char *what;
	uint64_t newest, last;
	bool is_taken;
};

static void out_of_proportion_is_out_of_question(void **state)
{
	static const struct bomb rows[] = {
		{"a million ahead", 100, 100 + FRAGMENTS_MAP_JUMP_MAX, true},
		{"and one", 100, 101 + FRAGMENTS_MAP_JUMP_MAX, false},
		{"the largest number there is", 100, UINT64_MAX, false},
		{"also where nothing is known", 0, UINT64_MAX, false},
		{"a stream may be old", 0, 1ull << 40, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world *w = world_of_links(1);

		if (rows[i].newest != 0)
			world_receive(w, 0, WORLD_STREAM, rows[i].newest, 100);
		world_map(w, 0, rows[i].last - 5, rows[i].last);
		assert_row((link_find(&w->e, 0, WORLD_STREAM)->holder != IDX_NONE) ==
				   rows[i].is_taken,
			   rows[i].what);
		assert_row(w->e.stats.drops[DROP_STREAM_JUMP] == !rows[i].is_taken, rows[i].what);
		world_destroy(w);
	}
}

static void an_older_map_is_not_believed(void **state)
{
	struct world *w = world_of_links(1);

	world_map(w, 0, 1, 50);
	world_map(w, 0, 40, 45);
	wait_a_fetch_period(w);
	assert_non_null(next(w, 3, 0));
	world_destroy(w);
}

// librtmfp writes the end number, and bits that belong one lower (groups.md 6.1).
static void a_map_of_the_end_is_not_believed(void **state)
{
	struct world *w = world_of_links(1);

	stream_at(&w->e, WORLD_STREAM)->end = 51;
	world_map(w, 0, 1, 51);
	assert_int_equal(link_find(&w->e, 0, WORLD_STREAM)->holder, IDX_NONE);
	world_map(w, 0, 1, 50);
	assert_int_not_equal(link_find(&w->e, 0, WORLD_STREAM)->holder, IDX_NONE);
	world_destroy(w);
}

static void the_source_needs_no_maps(void **state)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, STREAM_PUBLISHER);
	world_link(w, 0, WORLD_STREAM, 0);
	world_map(w, 0, 1, 51);
	assert_int_equal(stream_at(&w->e, WORLD_STREAM)->n_holders, 0);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_holder_is_sought_ascending_and_around),
		cmocka_unit_test(a_random_holder_shows_his_newest),
		cmocka_unit_test(so_many_are_kept_and_the_silent_give_way),
		cmocka_unit_test(all_streams_share_a_bounded_number),
		cmocka_unit_test(out_of_proportion_is_out_of_question),
		cmocka_unit_test(an_older_map_is_not_believed),
		cmocka_unit_test(a_map_of_the_end_is_not_believed),
		cmocka_unit_test(the_source_needs_no_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
