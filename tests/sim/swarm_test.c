// A stream to more members than the super-peer has bytes for: whoever has an uplink carries the
// rest. The proportions are those of 5 000 members, a stream of 1 Mbit/s, uplinks of 0.5 Mbit/s on
// the average and a super-peer of 3 Gbit/s: it has three fifths of what the group consumes, and all
// uplinks together half.
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define MESSAGE_BYTES 900
#define EVERY_US      7200 // 1 Mbit/s
#define SETTLE_US     12000000
#define SECONDS       30

struct row {
	const char *name;
	uint32_t n_members, super_permille; // players; of what the group consumes
	uint32_t told_permille; // of its uplink, that a member has for its budget; 0: it finds out
	// What has to be: permille of the messages inside the window, and of the members that have
	// 995 of a thousand.
	uint32_t inside_permille, good_permille;
	bool is_long; // for ./run soak
};

// 60 % is the proportion of the figure that was asked for: there are 110 bytes of uplink for each
// 100 of the stream, and those 100 are 108 as packets. The source's uplink, which serves five, is
// what makes up for acknowledgements, maps and pulls here. The bounds are a little below what is
// reached. Who must find out his uplink with 60 % falls short in one seed of eight, by a part of a
// percent of his messages: there are 48 seeds in tests/README.md.
static const struct row rows[] = {
	{"40 members, super-peer 60 %", 40, 600, 980, 995, 990, false},
	{"40 members, super-peer 60 %, not told", 40, 600, 0, 990, 500, false},
	{"40 members, super-peer 75 %, not told", 40, 750, 0, 995, 950, false},
	{"40 members, super-peer 90 %, not told", 40, 900, 0, 995, 990, false},
	{"150 members, super-peer 60 %", 150, 600, 980, 995, 950, true},
	{"150 members, super-peer 60 %, not told", 150, 600, 0, 950, 0, true},
	{"150 members, super-peer 90 %", 150, 900, 0, 995, 990, true},
};

struct figures {
	uint64_t n_expected, n_inside; // messages, of all members
	uint32_t n_good;               // members with 99.5 % of them
	uint32_t start_p95_ms;
	uint64_t super_bytes, all_bytes; // of stream data
};

static void limit(struct world *w, uint32_t i, uint64_t bytes_per_s)
{
	node_set_uplink(w->members[i].sim->node, bytes_per_s);
	world_wake(w, i);
}

// Half of them have a quarter of a megabit upward, the others three quarters.
static void give_uplinks(struct world *w, uint32_t told_permille)
{
	for (uint32_t i = 2; i < w->n; i++) {
		struct net_link *up = net_up(w->net, w->members[i].host);

		up->rate_bps = i % 2 == 0 ? 250000 : 750000;
		up->queue_bytes = up->rate_bps / 8 / 2; // half a second
		if (told_permille != 0)
			limit(w, i, up->rate_bps / 8ull * told_permille / 1000);
	}
}

static uint64_t data_sent(struct world *w, uint32_t i)
{
	struct group_info g;
	struct group_stream_info s[4];

	if (node_groups(w->members[i].sim->node, &g, 1) != 1 ||
	    node_group_streams(w->members[i].sim->node, g.id, s, 4) == 0)
		return 0;
	return s[0].totals.bytes_pushed_to + s[0].totals.bytes_pulled_by;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void swarm(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	const struct net_link line = {.delay_us = 15000, .jitter_us = 5000};
	struct figures *f = r->figures;
	struct world *w =
		world_create(&(struct world_opts){.run = r,
						  .has_super = true,
						  .n_members = row->n_members + 1, // the source
						  .up = line,
						  .down = line});
	uint32_t n_players = row->n_members, *starts = calloc(n_players, sizeof(*starts));
	uint64_t begin_us, n_messages = SECONDS * 1000000ull / EVERY_US;

	world_join_all(w);
	world_run_us(w, SETTLE_US);
	give_uplinks(w, row->told_permille);
	limit(w, 0, (uint64_t)n_players * 125000 * row->super_permille / 1000);
	for (uint32_t i = 2; i < w->n; i++)
		world_play(w, i);
	begin_us = w->now_us;
	world_publish(w, 1,
		      &(struct world_publish){.message_bytes = MESSAGE_BYTES,
					      .every_us = EVERY_US,
					      .n_messages = n_messages});
	for (uint64_t ms = 0; ms < 1000ull * SECONDS + 14000; ms += 50) {
		world_run_us(w, 50000);
		for (uint32_t i = 2; i < w->n; i++)
			if (w->members[i].play.n_messages > 0 && starts[i - 2] == 0)
				starts[i - 2] = (uint32_t)((w->now_us - begin_us) / 1000);
	}
	for (uint32_t i = 2; i < w->n; i++) {
		const struct world_play *p = &w->members[i].play;

		f->n_expected += n_messages;
		f->n_inside += p->n_messages;
		f->n_good += p->n_messages * 1000 >= n_messages * 995;
		f->all_bytes += p->n_messages * MESSAGE_BYTES;
		if (starts[i - 2] == 0)
			starts[i - 2] = UINT32_MAX / 2;
	}
	qsort(starts, n_players, sizeof(*starts), compare_u32);
	f->start_p95_ms = starts[n_players * 95 / 100];
	f->super_bytes = data_sent(w, 0);
	free(starts);
	promise_same_keys(w);
	world_destroy(w);
}

static void print_figures(const struct row *row, const struct figures *f)
{
	print_message(
		"%-38s %5.1f %% of the messages inside the window, %u of %u members have 99.5 %%, "
		"start p95 %u ms, super-peer's share %.0f %%\n",
		row->name, 100.0 * (double)f->n_inside / (double)f->n_expected, f->n_good,
		row->n_members, f->start_p95_ms,
		100.0 * (double)f->super_bytes / (double)f->all_bytes);
}

static void everybody_who_has_an_uplink_carries(void **state)
{
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "swarm",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = 1,
					 .n_soak = 1,
					 .keys = SIM_KEYS_TEST,
					 .pool = *state,
					 .run = swarm,
					 .figures_len = sizeof(struct figures)};
		struct figures *f;
		uint32_t n;

		if (!sim_wants(i) || (rows[i].is_long && getenv("SIM_SOAK") == NULL))
			continue;
		f = sim_each_seed(&s, &n);
		for (uint32_t k = 0; k < n; k++) {
			print_figures(&rows[i], &f[k]);
			assert_true(f[k].n_inside * 1000 >=
				    f[k].n_expected * rows[i].inside_permille);
			assert_true(f[k].n_good * 1000 >=
				    rows[i].n_members * rows[i].good_permille);
			assert_true(f[k].start_p95_ms < 2000);
			assert_true(f[k].super_bytes > 0);
		}
		sim_figures_free(&s, f, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(everybody_who_has_an_uplink_carries)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
