// A stream through the super-peer: whoever plays it gets every message once and in order, whatever
// the lines do.
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define SETTLE_US 15000000

struct row {
	const char *name;
	uint32_t n_seeds, n_members; // the first publishes
	struct net_link line;        // both ways
	struct world_publish stream;
	uint64_t rest_us;   // after the last message
	bool may_move;      // the first player's address changes every 5 s
	uint64_t settle_us; // before the first message; 0: SETTLE_US
	uint32_t far_us;    // of the last member's line; 0: as the others'
};

static const struct row rows[] = {
	{"clean", 200, 3, {.delay_us = 15000}, {1000, 10000, 1000}, 20000000, false},
	{"25 % late by 50 ms, 5 % twice",
	 200,
	 3,
	 {.delay_us = 15000,
	  .reorder_permille = 250,
	  .reorder_us = 50000,
	  .duplicate_permille = 50},
	 {1250, 10000, 1500},
	 20000000,
	 false},
	{"dark 2 s of every 5",
	 200,
	 3,
	 {.delay_us = 15000, .dark_every_us = 5000000, .dark_us = 2000000},
	 {1000, 50000, 600},
	 30000000,
	 false},
	{"a new address every 5 s",
	 40,
	 3,
	 {.delay_us = 15000},
	 {1000, 20000, 1500},
	 20000000,
	 true},
	{"20 members, 2 % loss",
	 4,
	 21,
	 {.delay_us = 15000, .jitter_us = 5000, .loss_permille = 20},
	 {1000, 20000, 500},
	 20000000,
	 false},
	// To the super-peer and back; between members it is twice that.
	{"round trip 2 s",
	 200,
	 3,
	 {.delay_us = 1000000, .jitter_us = 1000},
	 {500, 250000, 100},
	 40000000,
	 false,
	 60000000},
	// At twice the rate, one seed in four misses some messages: the first windows carry less.
	{"round trip 3 s, 6 s between",
	 200,
	 3,
	 {.delay_us = 1500000, .jitter_us = 1000},
	 {500, 500000, 100},
	 40000000,
	 false,
	 60000000},
	// The last one hears of the stream when the others have its first 3 s. Those it asks for
	// after a fetch period of 2.5 s; they must fit the windows of whom it asks, or the rest
	// comes a round trip later, after the 8 s for which a hole is waited for: at 500 octets one
	// seed of 60 begins five messages later.
	{"3 s to one, 20 ms to the others",
	 200,
	 5,
	 {.delay_us = 10000, .jitter_us = 1000},
	 {400, 500000, 200},
	 40000000,
	 false,
	 60000000,
	 1500000},
};

#define ROWS_STEP 100 // sim_run.row is a row, and so many times the super-peer's workers

struct figures {
	uint64_t n_messages, late_us, late_max;
	uint64_t fragments_resent, tx_packets;
};

static void take_figures(struct world *w, struct figures *f)
{
	for (uint32_t i = 0; i < w->n; i++) {
		const struct world_member *m = &w->members[i];
		struct worker_stats s;

		sim_node_stats(m->sim, &s);
		f->n_messages += m->play.n_messages;
		f->late_us += m->play.late_us;
		f->late_max = m->play.late_max > f->late_max ? m->play.late_max : f->late_max;
		f->fragments_resent += s.fragments_resent;
		f->tx_packets += s.tx_packets;
	}
}

static void run_stream(struct world *w, const struct row *row)
{
	uint64_t left_us = row->stream.every_us * row->stream.n_messages + row->rest_us;

	while (row->may_move && left_us > 5000000) {
		world_run_us(w, 5000000);
		left_us -= 5000000;
		net_move(w->net, w->members[2].host);
	}
	world_run_us(w, left_us);
}

static void move_away(struct world *w, uint32_t far_us)
{
	uint32_t host = w->members[w->n - 1].host;

	net_up(w->net, host)->delay_us = far_us;
	net_down(w->net, host)->delay_us = far_us;
}

static void stream(const struct sim_run *r)
{
	const struct row *row = &rows[r->row % ROWS_STEP];
	struct world *w = world_create(&(struct world_opts){.run = r,
							    .has_super = true,
							    .super_workers = r->row / ROWS_STEP,
							    .n_members = row->n_members,
							    .up = row->line,
							    .down = row->line});

	if (row->far_us != 0)
		move_away(w, row->far_us);
	world_join_all(w);
	world_run_us(w, row->settle_us > 0 ? row->settle_us : SETTLE_US);
	promise_all_connected(w);
	if (row->n_members < 14)
		promise_full_mesh(w);
	for (uint32_t i = 2; i < w->n; i++)
		world_play(w, i);
	world_publish(w, 1, &row->stream);
	run_stream(w, row);
	take_figures(w, r->figures);
	promise_always(w);
	promise_no_losses(w);
	promise_all_delivered(w, row->stream.n_messages);
	world_destroy(w);
}

static void print_row(const char *name, const struct row *row, const struct figures *f, uint32_t n)
{
	uint64_t all = n * row->stream.n_messages * (row->n_members - 1);
	struct figures sum = {0};

	for (uint32_t i = 0; i < n; i++) {
		sum.n_messages += f[i].n_messages;
		sum.late_us += f[i].late_us;
		sum.late_max = f[i].late_max > sum.late_max ? f[i].late_max : sum.late_max;
		sum.fragments_resent += f[i].fragments_resent;
		sum.tx_packets += f[i].tx_packets;
	}
	print_message("%-30s %3u seeds: %5.1f %% of %7llu messages, mean %.0f ms late, at most "
		      "%.0f ms; %.2f "
		      "packets and %.4f resent per message\n",
		      name, n, 100.0 * (double)sum.n_messages / (double)all,
		      (unsigned long long)all, (double)sum.late_us / (double)sum.n_messages / 1e3,
		      (double)sum.late_max / 1e3, (double)sum.tx_packets / (double)sum.n_messages,
		      (double)sum.fragments_resent / (double)sum.n_messages);
}

static void run_row(struct sim_pool *pool, uint32_t i, uint32_t workers, uint32_t n_seeds)
{
	char name[80];
	struct sim_scenario s = {.test = "stream",
				 .scenario = name,
				 .row = workers * ROWS_STEP + i,
				 .n_seeds = n_seeds,
				 .pool = pool,
				 .run = stream,
				 .figures_len = sizeof(struct figures)};
	struct figures *f;
	uint32_t n;

	snprintf(name, sizeof(name), workers > 1 ? "%s, %u workers" : "%s", rows[i].name, workers);
	f = sim_each_seed(&s, &n);
	print_row(name, &rows[i], f, n);
	sim_figures_free(&s, f, n);
}

static void everybody_gets_every_message_once(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++)
		if (sim_wants(i))
			run_row(*state, i, 1, rows[i].n_seeds);
}

// The super-peer's neighbours are spread over workers by chance, some of which have none: nobody in
// the group shall notice.
static void nobody_notices_that_a_super_peer_has_workers(void **state)
{
	static const uint32_t workers[] = {2, 4};

	for (uint32_t k = 0; k < ARRAY_LEN(workers); k++)
		for (uint32_t i = 0; i < ARRAY_LEN(rows); i++)
			if (sim_wants(i))
				run_row(*state, i, workers[k], 2 + rows[i].n_seeds / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_gets_every_message_once),
		cmocka_unit_test(nobody_notices_that_a_super_peer_has_workers)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
