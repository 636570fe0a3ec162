// Two members behind address translators, introduced by a super-peer that both can reach
// (netgroup-semantics SV-11).
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define SEEDS    10
#define TRY_US   30000000
#define KINDS    5
#define QUICK_US 3000000

static const char *const names[KINDS] = {"none", "full cone", "address", "port", "symmetric"};

// Can it be: does either end's first datagram find the other's port open? A symmetric one has a
// port that nobody was told of, so the other must let in what it did not send to.
static bool can_meet(enum nat_kind a, enum nat_kind b)
{
	if (a == NAT_SYMMETRIC)
		return b != NAT_SYMMETRIC && b != NAT_PORT_RESTRICTED;
	return b != NAT_SYMMETRIC || a != NAT_PORT_RESTRICTED;
}

static bool have_met(struct world *w)
{
	return world_session(w, 1, 2) != NULL && world_session(w, 2, 1) != NULL;
}

static bool are_connected(struct world *w)
{
	return w->members[1].connected_us != 0 && w->members[2].connected_us != 0;
}

// Row: both kinds.
static void meet(const struct sim_run *r)
{
	const struct net_nat_opts nats[2] = {
		{.kind = r->row / KINDS, .timeout_us = 120000000},
		{.kind = r->row % KINDS, .timeout_us = 120000000},
	};
	struct net_link line = {.delay_us = 10000, .jitter_us = 5000, .loss_permille = 5};
	struct world *w = world_create(&(struct world_opts){.run = r,
							    .has_super = true,
							    .n_members = 2,
							    .up = line,
							    .down = line,
							    .nats = nats,
							    .n_nats = 2});
	uint64_t *took_us = r->figures, start_us;

	world_join_all(w);
	if (!world_run_until(w, are_connected, TRY_US))
		sim_fail(r, "not connected to the super-peer");
	start_us = w->now_us;
	*took_us = world_run_until(w, have_met, TRY_US) ? w->now_us - start_us : UINT64_MAX;
	promise_always(w);
	world_destroy(w);
}

static void print_cell(const uint64_t *took_us, uint32_t n)
{
	uint32_t n_met = 0, n_quick = 0;

	for (uint32_t i = 0; i < n; i++) {
		n_met += took_us[i] != UINT64_MAX;
		n_quick += took_us[i] <= QUICK_US;
	}
	if (n_met == 0)
		print_message("%12s", "never");
	else
		print_message("   %3u %% /%3u", 100 * n_quick / n, 100 * n_met / n);
}

static void pairs_that_can_meet_do(void **state)
{
	print_message(
		"%% of runs in which they meet within 3 s / 30 s of both being connected\n%-10s",
		"");
	for (int b = 0; b < KINDS; b++)
		print_message("%12s", names[b]);
	for (uint32_t row = 0; row < KINDS * KINDS; row++) {
		struct sim_scenario s = {.test = "nat",
					 .scenario = names[row / KINDS],
					 .row = row,
					 .n_seeds = SEEDS,
					 .pool = *state,
					 .run = meet,
					 .figures_len = sizeof(uint64_t)};
		uint32_t n;
		uint64_t *took_us = sim_each_seed(&s, &n);

		if (row % KINDS == 0)
			print_message("\n%-10s", names[row / KINDS]);
		print_cell(took_us, n);
		for (uint32_t i = 0; i < n; i++)
			assert_row((took_us[i] != UINT64_MAX) == can_meet(row / KINDS, row % KINDS),
				   names[row % KINDS]);
		sim_figures_free(&s, took_us, n);
	}
	print_message("\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_that_can_meet_do)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
