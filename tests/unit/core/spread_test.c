// What a source's neighbours do not ask for reaches somebody all the same.
#include "tests/unit/core/relay_world.h"

#define NOBODY_ASKED_MS 300

static struct world *source_with_links(uint32_t n)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, STREAM_PUBLISHER | STREAM_HOME);
	for (uint32_t i = 0; i < n; i++)
		world_link(w, i, WORLD_STREAM, 0);
	return w;
}

static uint32_t n_sent(const struct world *w, uint64_t no)
{
	return w->n_chunks == 0
		       ? 0
		       : world_n_sent(w, 0, no) + world_n_sent(w, 1, no) + world_n_sent(w, 2, no);
}

static void what_nobody_asked_for_goes_to_one_neighbour(void **state)
{
	struct world *w = source_with_links(3);

	world_publish(w, WORLD_STREAM, 1, 200);
	world_run_ms(w, NOBODY_ASKED_MS - 50);
	world_tx(w, 64);
	assert_int_equal(n_sent(w, 1), 0);
	world_run_ms(w, 200);
	world_tx(w, 64);
	assert_int_equal(n_sent(w, 1), 1);
	world_run_ms(w, 2000);
	world_tx(w, 64);
	assert_int_equal(n_sent(w, 1), 1);
	world_destroy(w);
}

static void a_super_peer_is_preferred(void **state)
{
	struct world *w = source_with_links(2);

	world_link(w, 2, WORLD_STREAM, LINK_IS_SUPER);
	world_publish(w, WORLD_STREAM, 1, 200);
	world_run_ms(w, 500);
	world_tx(w, 64);
	assert_int_equal(world_n_sent(w, 2, 1), 1);
	assert_int_equal(n_sent(w, 1), 1);
	world_destroy(w);
}

static void what_was_pushed_is_left_alone(void **state)
{
	struct world *w = source_with_links(3);

	world_mask(w, 1, 0xff);
	world_publish(w, WORLD_STREAM, 1, 200);
	world_tx(w, 64);
	world_ack_all(w);
	world_run_ms(w, 2000);
	world_tx(w, 64);
	assert_int_equal(n_sent(w, 1), 1);
	world_destroy(w);
}

static void only_the_slot_that_nobody_takes_is_sent(void **state)
{
	struct world *w = source_with_links(3);

	world_mask(w, 1, 0xfd); // all but slot 1
	for (uint64_t no = 1; no <= 16; no++)
		world_publish(w, WORLD_STREAM, no, 200);
	world_tx(w, 64);
	world_ack_all(w);
	assert_int_equal(n_sent(w, 1), 0);
	world_run_ms(w, 500);
	world_tx(w, 64);
	for (uint64_t no = 1; no <= 16; no++)
		assert_int_equal(n_sent(w, no), 1);
	world_destroy(w);
}

static void one_who_refuses_is_passed_over(void **state)
{
	struct world *w = source_with_links(2);
	struct link *l = world_link(w, 2, WORLD_STREAM, LINK_IS_SUPER);

	l->is_refused = true;
	world_publish(w, WORLD_STREAM, 1, 200);
	world_run_ms(w, 500);
	world_tx(w, 64);
	assert_int_equal(world_n_sent(w, 2, 1), 0);
	assert_int_equal(n_sent(w, 1), 1);
	world_destroy(w);
}

static void relays_wait_to_be_asked(void **state)
{
	struct world *w = world_create(NULL);

	world_stream(w, WORLD_STREAM, STREAM_HOME);
	world_link(w, 0, WORLD_STREAM, 0);
	world_link(w, 1, WORLD_STREAM, 0);
	world_receive(w, 0, WORLD_STREAM, 1, 200);
	world_run_ms(w, 1000);
	world_tx(w, 64);
	assert_int_equal(w->n_chunks, 0);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_asked_for_goes_to_one_neighbour),
		cmocka_unit_test(a_super_peer_is_preferred),
		cmocka_unit_test(what_was_pushed_is_left_alone),
		cmocka_unit_test(only_the_slot_that_nobody_takes_is_sent),
		cmocka_unit_test(one_who_refuses_is_passed_over),
		cmocka_unit_test(relays_wait_to_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
