// Members whose addresses change while they talk (RFC 7016 3.5.4.2): no session is lost, and
// nothing is said to an address that was not verified (requirement 58), which path_witness.c sees
// on the wire.
#include "tests/sim/path_witness.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define SETTLE_US 10000000
#define EVERY_US  5000000
#define ROAM_US   30000000
#define REST_US   20000000

struct row {
	const char *name;
	bool has_nat; // they keep their addresses, and their translators forget the ports
	bool both_move;
	uint64_t later_us;    // the second, after the first
	bool takes_its_place; // ... and the first goes to where the second was
	uint32_t loss_permille;
};

static const struct row rows[] = {
	{"one moves", false, false, 0, false, 0},
	{"both move, in turn", false, true, 2500000, false, 0},
	{"both, 1 % loss", false, true, 2500000, false, 5},
	{"into the other's former place", false, true, 3000000, true, 5},
	{"translators forget, in turn", true, true, 2500000, false, 5},
};

// Both publish and both play, so each session has data both ways.
static const struct world_publish streams[2] = {{600, 80000, 500, "a"}, {400, 80000, 500, "b"}};

static void move(struct world *w, const struct row *row, uint32_t i)
{
	if (row->has_nat)
		net_nat_forget(w->net, i - 1);
	else
		net_move(w->net, w->members[i].host);
}

static void roam(struct world *w, const struct row *row)
{
	for (uint64_t t = 0; t < ROAM_US; t += EVERY_US) {
		uint32_t place = net_ip(w->net, w->members[2].host);

		world_run_us(w, EVERY_US - row->later_us);
		if (row->takes_its_place) {
			move(w, row, 2);
			world_run_us(w, row->later_us);
			net_move_to(w->net, w->members[1].host, place);
			continue;
		}
		move(w, row, 1);
		world_run_us(w, row->later_us);
		if (row->both_move)
			move(w, row, 2);
	}
}

static void talk_and_roam(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	const struct net_nat_opts nat = {.kind = NAT_FULL_CONE};
	struct net_link line = {
		.delay_us = 15000, .jitter_us = 5000, .loss_permille = row->loss_permille};
	struct world *w = world_create(&(struct world_opts){.run = r,
							    .has_super = true,
							    .n_members = 2,
							    .up = line,
							    .down = line,
							    .nats = &nat,
							    .n_nats = row->has_nat,
							    .watches_paths = true});
	struct path_figures *f = r->figures;
	uint32_t ids[3][3];

	world_join_all(w);
	world_run_us(w, SETTLE_US);
	promise_all_connected(w);
	promise_full_mesh(w);
	for (uint32_t i = 1; i <= 2; i++)
		world_publish(w, i, &streams[i - 1]);
	for (uint32_t i = 1; i <= 2; i++)
		world_play_named(w, i, streams[2 - i].name);
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t k = 0; k < 3; k++)
			ids[i][k] = i != k ? world_session(w, i, k)->id : 0;
	roam(w, row);
	world_run_us(w, REST_US);
	promise_always(w);
	promise_no_losses(w);
	promise_full_mesh(w);
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t k = 0; k < 3; k++)
			if (i != k && world_session(w, i, k)->id != ids[i][k])
				sim_fail(r, "member %u has another session to member %u", i, k);
	promise_all_delivered(w, streams[0].n_messages);
	*f = *path_witness_figures(w->paths);
	if (f->n_moves == 0)
		sim_fail(r, "nobody was seen anywhere else");
	world_destroy(w);
}

static void who_moves_is_found_again(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "roam",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = 200,
					 .pool = *state,
					 .run = talk_and_roam,
					 .figures_len = sizeof(struct path_figures)};
		struct path_figures sum = {0};
		uint32_t n;
		struct path_figures *f = sim_each_seed(&s, &n);

		for (uint32_t k = 0; k < n; k++) {
			sum.n_data += f[k].n_data;
			sum.n_asked += f[k].n_asked;
			sum.n_moves += f[k].n_moves;
			sum.n_unread += f[k].n_unread;
		}
		print_message("%-30s %3u seeds: %.0f packets of user data a run, all to verified "
			      "addresses; %.1f asked, %.1f verified; %.1f not read\n",
			      rows[i].name, n, (double)sum.n_data / n, (double)sum.n_asked / n,
			      (double)sum.n_moves / n, (double)sum.n_unread / n);
		sim_figures_free(&s, f, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(who_moves_is_found_again)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
