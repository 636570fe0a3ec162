// Members of a group find each other through the super-peer that introduces them.
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define MESH_US 20000000

static bool is_meshed(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->members[i].n_neighbours != w->n - 1)
			return false;
	return true;
}

// Row: how many members, the super-peer included.
static void mesh(const struct sim_run *r)
{
	struct net_link line = {.delay_us = 15000, .jitter_us = 10000, .loss_permille = 10};
	struct world *w = world_create(&(struct world_opts){
		.run = r, .has_super = true, .n_members = r->row - 1, .up = line, .down = line});
	uint64_t *took_us = r->figures, start_us = w->now_us;

	world_join_all(w);
	world_run_until(w, is_meshed, MESH_US);
	*took_us = w->now_us - start_us;
	promise_all_connected(w);
	promise_full_mesh(w);
	promise_always(w);
	world_run_us(w, 30000000);
	promise_no_losses(w);
	world_destroy(w);
}

static void small_groups_are_full_meshes(void **state)
{
	for (uint32_t n = 2; n <= 14; n++) {
		struct sim_scenario s = {.test = "mesh",
					 .scenario = "full mesh",
					 .row = n,
					 .n_seeds = 200,
					 .pool = *state,
					 .run = mesh,
					 .figures_len = sizeof(uint64_t)};
		uint64_t worst_us = 0, *took_us;
		uint32_t n_runs;

		took_us = sim_each_seed(&s, &n_runs);
		for (uint32_t i = 0; i < n_runs; i++)
			worst_us = took_us[i] > worst_us ? took_us[i] : worst_us;
		print_message("%2u members: %3u seeds, meshed within %.1f s\n", n, n_runs,
			      (double)worst_us / 1e6);
		sim_figures_free(&s, took_us, n_runs);
	}
}

// Row: how often it has run before.
static void leave_digest(const struct sim_run *r)
{
	struct net_link line = {.delay_us = 15000, .tail_us = 10000, .loss_permille = 50};
	struct world *w = world_create(&(struct world_opts){
		.run = r, .has_super = true, .n_members = 5, .up = line, .down = line});
	uint64_t *d = r->figures;

	world_join_all(w);
	world_run_us(w, MESH_US);
	*d = w->digest;
	world_destroy(w);
}

static void the_same_seed_is_the_same_run(void **state)
{
	uint64_t *d[2];
	uint32_t n;

	for (uint32_t i = 0; i < 2; i++) {
		struct sim_scenario s = {.test = "mesh",
					 .scenario = "replay",
					 .row = i,
					 .n_seeds = 5,
					 .pool = *state,
					 .run = leave_digest,
					 .figures_len = sizeof(uint64_t)};

		d[i] = sim_each_seed(&s, &n);
	}
	assert_memory_equal(d[0], d[1], n * sizeof(uint64_t));
	for (uint32_t i = 1; i < n; i++)
		assert_true(d[0][i] != d[0][0]);
	for (uint32_t i = 0; i < 2; i++)
		sim_figures_free(&(struct sim_scenario){.figures_len = sizeof(uint64_t)}, d[i], n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(small_groups_are_full_meshes),
					   cmocka_unit_test(the_same_seed_is_the_same_run)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
