// A super-peer on a port of a real driver, stepwise: its frames cross virtio (or memif) to a far
// end in the same process, and from there the seeded network. Handshakes with Diffie-Hellman, a
// group, a stream to several players with 2 % loss, all through worker_turn: ports_sim
// virtio|memif.
#include "crypto/keying.h"
#include "tests/sim/ported.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define MEMBERS 5

static struct port_pair pair;

static const struct row {
	const char *name;
	uint32_t loss_permille;
	struct world_publish film;
} rows[] = {
	{"clean", 0, {900, 10000, 800, "s", 50, 20000}},
	{"2 % loss", 20, {900, 10000, 800, "s", 50, 20000}},
	// Three of them a second to each of four, in bursts as windows allow: the driver's ring of
	// 256 never fills up. What happens then is worker_test.c's, virtio_test.c's.
	{"key frames of 80 kB", 0, {900, 10000, 800, "s", 32, 80000}},
};

static void flow(const struct row *row, uint32_t i, const struct sim_pool *pool, uint64_t seed)
{
	const struct sim_run run = {
		.test = "ports", .scenario = row->name, .row = i, .seed = seed, .pool = pool};
	struct net_link line = {.delay_us = 15000, .loss_permille = row->loss_permille};
	struct world *w = world_create(&(struct world_opts){
		.run = &run, .has_super = true, .n_members = MEMBERS, .up = line, .down = line});
	const struct worker_stats *s = engine_stats(w->members[0].sim->engine);
	struct ported p;

	ported_attach(&p, w, 0, &pair);
	world_join_all(w);
	world_run_us(w, 15000000);
	promise_all_connected(w);
	promise_full_mesh(w);
	for (uint32_t k = 2; k < w->n; k++)
		world_play(w, k);
	world_publish(w, 1, &row->film);
	world_run_us(w, 30000000);
	promise_always(w);
	promise_no_losses(w);
	promise_all_delivered(w, row->film.n_messages);
	print_message("  %s: %llu frames in (%llu found no room), %llu out (%llu refused)\n",
		      row->name, (unsigned long long)p.n_frames_in,
		      (unsigned long long)p.n_frames_lost,
		      (unsigned long long)p.worker->counters[0].tx_frames,
		      (unsigned long long)s->drops[DROP_TX_PORT]);
	assert_true(p.worker->counters[0].rx_frames == p.n_frames_in);
	assert_true(p.worker->counters[0].tx_frames > row->film.n_messages);
	ported_detach(&p);
	world_destroy(w);
}

static void a_stream_flows_through_the_driver(void **state)
{
	struct sim_seeds seeds = sim_seeds(1);

	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++)
		for (uint64_t k = 0; k < seeds.n; k++)
			flow(&rows[i], i, *state, seeds.first + k);
}

static int setup(void **state, enum pair_kind kind)
{
	port_pair_open(&pair, kind);
	return sim_setup(state);
}

static int setup_virtio(void **state)
{
	return setup(state, PAIR_VIRTIO);
}

static int setup_memif(void **state)
{
	return setup(state, PAIR_MEMIF);
}

static int teardown(void **state)
{
	port_pair_close(&pair);
	return sim_teardown(state);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_flows_through_the_driver),
	};

	if (argc == 2 && strcmp(argv[1], "memif") == 0)
		return cmocka_run_group_tests_name("memif", tests, setup_memif, teardown);
	return cmocka_run_group_tests_name("virtio", tests, setup_virtio, teardown);
}
