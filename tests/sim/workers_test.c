// A super-peer with several workers: nobody in its groups shall notice. Its members are behind
// translators that let nobody meet, so all of a stream goes through it, from the worker that has
// the publisher to the workers that have the players. Some workers have nobody.
#include "dataplane/core/stream.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define SETTLE_US 15000000
#define LATE_US   5000000
#define MEMBERS   11 // the first one publishes
#define SEEDS     4

struct row {
	const char *name;
	struct net_link line;
	uint32_t n_late; // players that begin LATE_US after the others
	bool is_moving; // the members' translators forget them every 5 s: packets come in elsewhere
	struct world_publish stream;
	bool is_mesh;    // they meet: everybody has everything to offer
	uint32_t queues; // of the super-peer's port; 0: one per worker
};

static const struct row rows[] = {
	{"clean", {.delay_us = 15000}, 0, false, {1000, 10000, 600}},
	{"newcomers", {.delay_us = 15000}, 5, false, {1000, 10000, 1000}},
	{"2 % loss",
	 {.delay_us = 15000, .jitter_us = 5000, .loss_permille = 20},
	 0,
	 false,
	 {1000, 20000, 600}},
	{"dark 2 s of every 5",
	 {.delay_us = 15000, .dark_every_us = 5000000, .dark_us = 2000000},
	 0,
	 false,
	 {1000, 50000, 400}},
	{"translators forget", {.delay_us = 15000}, 0, true, {1000, 20000, 1000}},
	{"mesh, 2 % loss",
	 {.delay_us = 15000, .jitter_us = 5000, .loss_permille = 20},
	 0,
	 false,
	 {1000, 20000, 600},
	 true},
	{"one queue", {.delay_us = 15000}, 0, false, {1000, 20000, 400}, false, 1},
};

static const uint32_t workers[] = {1, 2, 4, 16};

struct figures {
	uint64_t n_messages, late_us, late_max;
	uint64_t n_fragments; // that the super-peer's neighbours brought, each once
	uint64_t n_again;     // and again
	uint64_t n_lent;      // from worker to worker
	uint64_t n_handed;    // datagrams that came in at another worker than their session's
};

static void take_figures(struct world *w, struct figures *f)
{
	struct sim_node *super = w->members[0].sim;
	struct worker_stats s;

	for (uint32_t i = 2; i < w->n; i++) {
		const struct world_play *p = &w->members[i].play;

		f->n_messages += p->n_messages;
		f->late_us += p->late_us;
		f->late_max = p->late_max > f->late_max ? p->late_max : f->late_max;
	}
	sim_node_stats(super, &s);
	f->n_again = s.drops[DROP_STREAM_DUPLICATE];
	f->n_lent = s.handoffs;
	f->n_handed = super->n_handed;
}

// While the stream lasts.
static uint64_t n_fragments(struct sim_node *super)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < super->n_workers; i++) {
		struct engine *e = super->engines[i];

		for (uint32_t k = 0; k < e->relay->n_active; k++)
			n += stream_at(e, e->relay->active[k])->n.fragments_received;
	}
	return n;
}

// From where it began, to the end, without a hole.
static void promise_played(struct world *w, const struct row *row)
{
	for (uint32_t i = 2; i < w->n; i++) {
		const struct world_play *p = &w->members[i].play;
		bool is_late = i >= w->n - row->n_late;

		if (!p->has_ended || p->n_gaps > 0 || p->next != row->stream.n_messages ||
		    (!is_late && p->first != 0))
			sim_fail(w->opts.run,
				 "member %u played %llu messages from %llu on, %llu holes", i,
				 (unsigned long long)p->n_messages, (unsigned long long)p->first,
				 (unsigned long long)p->n_gaps);
	}
}

// Nothing is in a ring or read by somebody for ever.
static void promise_rings_at_rest(struct world *w)
{
	struct sim_node *super = w->members[0].sim;

	for (uint32_t i = 0; i < super->n_workers; i++) {
		assert_int_equal(super->engines[i]->relay->extents->n_lent, 0);
		assert_false(handoff_waits(super->engines[i]));
		assert_int_equal(super->engines[i]->stats.drops[DROP_HANDOFF_FULL], 0);
	}
}

static void run(struct world *w, const struct row *row, struct figures *f)
{
	uint64_t left_us = row->stream.every_us * row->stream.n_messages;

	for (uint32_t i = 2; i < w->n - row->n_late; i++)
		world_play(w, i);
	world_publish(w, 1, &row->stream);
	world_run_us(w, LATE_US);
	for (uint32_t i = w->n - row->n_late; i < w->n; i++)
		world_play(w, i);
	for (; row->is_moving && left_us > 5000000; left_us -= 5000000) {
		for (uint32_t i = 0; i < MEMBERS; i++)
			net_nat_forget(w->net, i);
		world_run_us(w, 5000000);
	}
	world_run_us(w, left_us);
	f->n_fragments = n_fragments(w->members[0].sim);
	world_run_us(w, 15000000);
}

static void star(const struct sim_run *r)
{
	const struct row *row = &rows[r->row % ARRAY_LEN(rows)];
	const struct net_nat_opts nat = {.kind = NAT_SYMMETRIC};
	struct world *w = world_create(&(struct world_opts){
		.run = r,
		.has_super = true,
		.super_workers = workers[r->row / ARRAY_LEN(rows)],
		.super_queues = row->queues,
		.n_members = MEMBERS,
		.up = row->line,
		.down = row->line,
		.nats = &nat,
		.n_nats = row->is_mesh ? 0 : 1,
	});

	world_join_all(w);
	world_run_us(w, SETTLE_US);
	promise_all_connected(w);
	for (uint32_t i = 1; i < w->n; i++)
		assert_int_equal(w->members[i].n_neighbours, row->is_mesh ? MEMBERS : 1);
	run(w, row, r->figures);
	take_figures(w, r->figures);
	promise_always(w);
	if (!row->is_mesh) // where neighbours are let go for better ones
		promise_no_losses(w);
	promise_played(w, row);
	promise_rings_at_rest(w);
	world_destroy(w);
}

static struct figures run_row(const struct sim_pool *pool, uint32_t i, uint32_t k)
{
	char name[80];
	struct sim_scenario s = {.test = "workers",
				 .scenario = name,
				 .row = k * (uint32_t)ARRAY_LEN(rows) + i,
				 .n_seeds = SEEDS,
				 .pool = pool,
				 .run = star,
				 .figures_len = sizeof(struct figures)};
	struct figures *f, sum = {0};
	uint32_t n;

	snprintf(name, sizeof(name), "%s, %u workers", rows[i].name, workers[k]);
	f = sim_each_seed(&s, &n);
	for (uint32_t j = 0; j < n; j++) {
		sum.n_messages += f[j].n_messages;
		sum.late_us += f[j].late_us;
		sum.late_max = f[j].late_max > sum.late_max ? f[j].late_max : sum.late_max;
		sum.n_fragments += f[j].n_fragments;
		sum.n_again += f[j].n_again;
		sum.n_lent += f[j].n_lent;
		sum.n_handed += f[j].n_handed;
	}
	sim_figures_free(&s, f, n);
	print_message("%-31s %2u seeds: %6llu messages, mean %4.0f ms late, at most %4.0f ms; "
		      "%llu fragments came in, %llu again, lent %.2f times each; %llu datagrams "
		      "handed over\n",
		      name, n, (unsigned long long)sum.n_messages,
		      (double)sum.late_us / (double)sum.n_messages / 1e3,
		      (double)sum.late_max / 1e3, (unsigned long long)sum.n_fragments,
		      (unsigned long long)sum.n_again, (double)sum.n_lent / (double)sum.n_fragments,
		      (unsigned long long)sum.n_handed);
	return sum;
}

static void a_group_is_the_same_with_any_number_of_workers(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct figures one = run_row(*state, i, 0);

		assert_int_equal(one.n_lent, 0);
		for (uint32_t k = 1; k < ARRAY_LEN(workers); k++) {
			struct figures many = run_row(*state, i, k);

			assert_true(many.n_lent > 0);
			if (rows[i].queues == 1) // else all sessions would be at one
				assert_true(many.n_handed > 0);
			assert_true(many.n_lent <= (workers[k] - 1) * many.n_fragments);
			// What a worker has been lent it does not ask for.
			assert_true(many.n_again <= one.n_again + one.n_fragments / 100);
			assert_true(many.late_us / many.n_messages <=
				    2 * one.late_us / one.n_messages + 100000);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_the_same_with_any_number_of_workers)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
