// What may happen to an opening, each of it on purpose and over lines that lose a tenth each way: a
// new address between RHello and IIKeying, a restart, another identity at an address in use, and
// the ways that lead through an introducer.
#include <stdlib.h>

#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define S          UINT64_C(1000000)
#define GIVE_UP_US (95 * S)

static const struct net_link line = {.delay_us = 20000, .jitter_us = 5000, .loss_permille = 100};

struct figures {
	uint64_t took_us;
	uint64_t n_events;   // what the row is about
	uint64_t n_replayed; // IIKeyings that came again and got the same answer
};

static const struct startup_counters *counters_of(const struct world *w, uint32_t i)
{
	return startup_counters(node_startup(w->members[i].sim->node));
}

static bool is_connected(struct world *w)
{
	return w->members[w->n - 1].connected_us != 0;
}

static void connect_all(struct world *w, const struct sim_run *r)
{
	for (uint32_t i = 1; i < w->n; i++)
		world_connect(w, i);
	for (uint32_t i = 1; i < w->n; i++)
		while (w->members[i].connected_us == 0 && w->now_us < GIVE_UP_US)
			world_run_us(w, S / 100);
	if (!is_connected(w))
		sim_fail(r, "not connected at first");
}

static bool is_asked(struct world *w)
{
	return engine_stats(w->members[0].sim->engine)->hellos_answered > 0;
}

// ---- the rows: what happens, and until what is so ----

// The RHello reaches the member, its first IIKeyings reach nobody, and the next come from
// elsewhere.
static void change_address(struct world *w, const struct sim_run *r)
{
	uint32_t host = w->members[1].host;

	world_connect(w, 1);
	world_run_until(w, is_asked, GIVE_UP_US);
	net_up(w->net, host)->loss_permille = 1000;
	world_run_us(w, S / 4);
	net_move(w->net, host);
	*net_up(w->net, host) = line;
}

static uint64_t n_cookie_changes(const struct world *w)
{
	return engine_stats(w->members[0].sim->engine)->cookie_changes;
}

static void restart(struct world *w, const struct sim_run *r)
{
	connect_all(w, r);
	world_kill(w, 1);
	world_connect(w, 1);
}

static uint64_t n_overrides(const struct world *w)
{
	return counters_of(w, 0)->overrides;
}

// The first is gone without a word, and a translator gives the second its address and port.
static void take_its_place(struct world *w, const struct sim_run *r)
{
	uint32_t host = w->members[1].host, place = net_ip(w->net, host);

	world_connect(w, 1);
	while (w->members[1].connected_us == 0 && w->now_us < GIVE_UP_US)
		world_run_us(w, S / 100);
	world_run_us(w, 30 * S); // a round trip has been measured by then
	net_island(w->net, host, 1);
	net_move(w->net, host);
	net_move_to(w->net, w->members[2].host, place);
	world_connect(w, 2);
}

static uint64_t n_challenges(const struct world *w)
{
	return counters_of(w, 0)->challenges;
}

static void ask_for_peer(struct world *w, const struct sim_run *r)
{
	connect_all(w, r);
	world_ask_for(w, 1, 2);
}

static bool have_met(struct world *w)
{
	return world_session(w, 1, 2) != NULL && world_session(w, 2, 1) != NULL;
}

static uint64_t n_forwarded(const struct world *w)
{
	return counters_of(w, 2)->fihellos_in;
}

static void ask_for_its_member(struct world *w, const struct sim_run *r)
{
	connect_all(w, r);
	world_ask_for(w, 1, 0);
}

static bool has_met_member(struct world *w)
{
	return world_session(w, 1, 0) != NULL;
}

static uint64_t n_redirected(const struct world *w)
{
	return counters_of(w, 0)->hellos_redirected;
}

static const struct row {
	const char *name, *event;
	uint32_t n_members;
	void (*happen)(struct world *, const struct sim_run *);
	bool (*is_done)(struct world *);
	uint64_t (*n_events)(const struct world *);
} rows[] = {
	{"an address that changes after the RHello", "cookie changes", 1, change_address,
	 is_connected, n_cookie_changes},
	{"a restart, the same certificate", "overrides", 1, restart, is_connected, n_overrides},
	{"another identity at the same address", "challenges", 2, take_its_place, is_connected,
	 n_challenges},
	{"a peer, by introduction", "forwarded hellos", 2, ask_for_peer, have_met, n_forwarded},
	{"the super-peer's member, by redirect", "redirects", 1, ask_for_its_member, has_met_member,
	 n_redirected},
};

static void happen(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	struct world *w = world_create(&(struct world_opts){.run = r,
							    .has_super = true,
							    .n_members = row->n_members,
							    .up = line,
							    .down = line});
	struct figures *f = r->figures;
	uint64_t start_us;

	row->happen(w, r);
	start_us = w->now_us;
	if (!world_run_until(w, row->is_done, GIVE_UP_US))
		sim_fail(r, "nothing has come of it in 95 s");
	f->took_us = w->now_us - start_us;
	f->n_events = row->n_events(w);
	f->n_replayed = counters_of(w, 0)->keyings_replayed;
	promise_always(w);
	world_destroy(w);
}

static int by_value(const void *a, const void *b)
{
	const struct figures *x = a, *y = b;

	return x->took_us < y->took_us ? -1 : x->took_us > y->took_us;
}

static void openings_get_through(void **state)
{
	uint64_t all_replayed = 0;
	bool is_whole = true;

	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "startup",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = 200,
					 .pool = *state,
					 .run = happen,
					 .figures_len = sizeof(struct figures)};
		uint64_t n_events = 0, n_replayed = 0;
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		qsort(f, n, sizeof(*f), by_value);
		for (uint32_t k = 0; k < n; k++) {
			n_events += f[k].n_events;
			n_replayed += f[k].n_replayed;
		}
		print_message("%-42s %3u seeds: median %.2f s, p95 %.2f, longest %.2f; %.2f %s "
			      "and %.2f replayed keyings a run\n",
			      rows[i].name, n, (double)f[n / 2].took_us / 1e6,
			      (double)f[(uint64_t)n * 95 / 100].took_us / 1e6,
			      (double)f[n - 1].took_us / 1e6, (double)n_events / n, rows[i].event,
			      (double)n_replayed / n);
		// That it happened, and not once in a while.
		assert_row(n < s.n_seeds || n_events >= n / 2, rows[i].name);
		is_whole = is_whole && n >= s.n_seeds;
		all_replayed += n_replayed;
		sim_figures_free(&s, f, n);
	}
	assert_true(!is_whole || all_replayed > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(openings_get_through)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
