#include "tests/unit/core/relay_world.h"

static void a_stream_says_what_it_did(void **state)
{
	struct world *w = world_create(NULL);
	struct stream_stats row;
	uint32_t at = 0;
	uint8_t octets[1300];
	size_t len = world_fragment(octets, 1, 900);

	world_stream(w, 2, 0);
	world_stream(w, WORLD_STREAM, STREAM_PUSH_ALL | STREAM_HOME);
	for (uint32_t i = 0; i < 3; i++)
		world_link(w, i, WORLD_STREAM, 0);
	world_mask(w, 1, 0xff);
	world_receive(w, 0, WORLD_STREAM, 1, 900);
	world_receive(w, 0, WORLD_STREAM, 1, 900);
	world_receive(w, 0, WORLD_STREAM, 3, 900);
	world_pull(w, 2, 3);
	world_tx(w, 128);
	stream_at(&w->e, WORLD_STREAM)->end = 9;
	assert_int_equal(relay_stream_stats(&w->e, &at, &row, 1), 1);
	assert_int_equal(row.stream, WORLD_STREAM);
	assert_int_equal(row.n_links, 3);
	assert_int_equal(row.fragments_held, 2);
	assert_int_equal(row.bytes_held, 2 * len);
	assert_int_equal(row.newest, 3);
	assert_int_equal(row.oldest, 1);
	assert_int_equal(row.end, 9);
	assert_int_equal(row.fragments_received, 2);
	assert_int_equal(row.fragments_pushed_from, 2);
	assert_int_equal(row.bytes_pushed_from, 2 * len);
	assert_int_equal(row.duplicates, 1);
	assert_int_equal(row.fragments_pushed_to, 2);
	assert_int_equal(row.bytes_pushed_to, 2 * len);
	assert_int_equal(row.fragments_pulled_by, 1);
	assert_int_equal(row.bytes_pulled_by, len);
	assert_int_equal(row.control_bytes_received, 2 + 2); // a mask and a pull
	assert_int_equal(row.control_bytes_sent, 2);         // our own mask
	assert_int_equal(relay_stream_stats(&w->e, &at, &row, 1), 1);
	assert_int_equal(row.stream, 2);
	assert_int_equal(relay_stream_stats(&w->e, &at, &row, 1), 0);
	world_run_ms(w, 12000);
	at = 0;
	relay_stream_stats(&w->e, &at, &row, 1);
	assert_int_equal(row.missing, 1);
	assert_int_equal(row.fragments_held, 0);
	world_destroy(w);
}

static void a_link_says_how_far_behind_it_is(void **state)
{
	struct world *w = world_create(NULL);
	struct link_stats rows[8];
	uint32_t at = 0;

	world_stream(w, WORLD_STREAM, STREAM_PUSH_ALL | STREAM_HOME);
	for (uint32_t i = 0; i < 5; i++)
		world_link(w, i, WORLD_STREAM, 0);
	world_unlink(w, 3, WORLD_STREAM);
	world_mask(w, 1, 0xff);
	world_mask(w, 2, 0x0f);
	w->sessions[2].cwnd_bytes = 0;
	for (uint64_t no = 1; no <= 6; no++) {
		world_receive(w, 0, WORLD_STREAM, no, 900);
		world_tx(w, 128);
		world_ack(w, 1);
	}
	assert_int_equal(relay_link_stats(&w->e, &at, rows, 2), 2);
	assert_int_equal(relay_link_stats(&w->e, &at, rows + 2, 6), 2);
	assert_int_equal(relay_link_stats(&w->e, &at, rows, 8), 0);
	assert_int_equal(rows[0].session_id, 1000);
	assert_int_equal(rows[0].slots_they_push, 0xff);
	assert_int_equal(rows[0].fragments_from, 6);
	assert_int_equal(rows[0].fragments_to, 0);
	assert_int_equal(rows[1].slots_we_push, 0xff);
	assert_int_equal(rows[1].fragments_to, 6);
	assert_int_equal(rows[1].lag_fragments, 0);
	assert_int_equal(rows[2].slots_we_push, 0x0f);
	assert_int_equal(rows[2].fragments_to, 0);
	assert_int_equal(rows[2].lag_fragments, 6);
	assert_int_equal(rows[3].session_id, 1004);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_says_what_it_did),
		cmocka_unit_test(a_link_says_how_far_behind_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
