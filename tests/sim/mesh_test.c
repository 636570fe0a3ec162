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
					 .n_seeds = n < 8 ? 20 : 8,
					 .pool = *state,
					 .run = mesh,
					 .figures_len = sizeof(uint64_t)};
		uint64_t worst_us = 0, *took_us;
		uint32_t n_runs;

		took_us = sim_each_seed(&s, &n_runs);
		for (uint32_t i = 0; i < n_runs; i++)
			worst_us = took_us[i] > worst_us ? took_us[i] : worst_us;
		print_message("%2u members: %2u seeds, meshed within %.1f s\n", n, n_runs,
			      (double)worst_us / 1e6);
		sim_figures_free(&s, took_us, n_runs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(small_groups_are_full_meshes)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
