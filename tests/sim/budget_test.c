// Whole members when bytes are short, or strangers many: who is a member stays one, and who wants
// to become one can.
#include "dataplane/core/budget.h"
#include "dataplane/wire/packet.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define SUPER        0
#define LIMIT        300000 // 2.4 Mbit/s, in bytes
#define PLAYERS      6
#define SECONDS      180
#define FLOOD_MS     3000
#define FLOOD_PER_MS 100

struct figures {
	uint64_t ip_bytes, media_bytes, n_held; // of the super-peer while it was short
	uint64_t n_late_messages;               // of who asked for the stream in the midst of it
	uint64_t join_us, n_dropped;
};

static struct engine *super_engine(struct world *w)
{
	return w->members[SUPER].sim->engine;
}

static void limit(struct world *w, uint64_t bytes_per_s)
{
	node_set_uplink(w->members[SUPER].sim->node, bytes_per_s);
	world_wake(w, SUPER);
}

static uint64_t ip_bytes(struct world *w)
{
	uint64_t sum = 0;

	for (int i = 0; i < BUDGET_CLASSES_N; i++)
		sum += engine_stats(super_engine(w))->tx_ip_bytes[i];
	return sum;
}

// Six players of a megabit each, and 2.4 Mbit/s for all, for three minutes.
static void short_of_bytes(const struct sim_run *r)
{
	const struct net_link line = {.delay_us = 15000};
	struct figures *f = r->figures;
	struct world *w = world_create(&(struct world_opts){.run = r,
							    .has_super = true,
							    .n_members = PLAYERS + 2,
							    .up = line,
							    .down = line,
							    .super_up = line,
							    .super_down = line});
	uint64_t before;

	for (uint32_t i = 1; i < w->n; i++)
		world_connect(w, i);
	world_run_us(w, 5000000);
	promise_all_connected(w);
	world_live_publish(w, 1,
			   &(struct world_publish){.message_bytes = 60,
						   .every_us = 20000,
						   .n_messages = UINT64_MAX,
						   .key_every = 1,
						   .key_bytes = 5000},
			   0);
	for (uint32_t i = 2; i < 2 + PLAYERS - 1; i++)
		world_live_play(w, i);
	world_run_us(w, 5000000);
	limit(w, LIMIT);
	world_run_us(w, 1000000);
	before = ip_bytes(w);
	world_run_us(w, SECONDS / 2 * 1000000ull);
	world_live_play(w, w->n - 1); // a call that has to be answered
	world_run_us(w, SECONDS / 2 * 1000000ull);
	f->ip_bytes = ip_bytes(w) - before;
	f->media_bytes = engine_stats(super_engine(w))->tx_ip_bytes[BUDGET_MEDIA];
	f->n_held = engine_stats(super_engine(w))->held[HELD_TOTAL];
	f->n_late_messages = w->members[w->n - 1].play.n_messages;
	promise_same_keys(w);
	promise_no_losses(w);
	promise_all_connected(w);
	world_destroy(w);
}

// From all addresses of a /24: octets at random, and packets for sessions that are not.
static void flood_ms(struct world *w, uint32_t ms)
{
	uint8_t data[400];

	for (; ms > 0; ms--) {
		for (uint32_t i = 0; i < FLOOD_PER_MS; i++) {
			struct net_addr src = {0x2d2d2d00 | (i & 0xff), 4000};

			random_fill(&w->random, data, sizeof(data));
			ssid_scramble(data, sizeof(data), i % 4 == 0 ? random_u32(&w->random) : 0);
			sim_node_rx(w->members[SUPER].sim, src, SIM_SERVER_PORT, data, sizeof(data),
				    w->now_us);
		}
		world_wake(w, SUPER);
		world_run_us(w, 1000);
	}
}

static void flooded(const struct sim_run *r)
{
	const struct net_link line = {.delay_us = 15000};
	struct figures *f = r->figures;
	struct world *w = world_create(&(struct world_opts){
		.run = r, .has_super = true, .n_members = 3, .up = line, .down = line});
	const struct worker_stats *s = engine_stats(super_engine(w));
	uint64_t start_us;

	world_join(w, SUPER);
	for (uint32_t i = 1; i < 3; i++) {
		world_connect(w, i);
		world_join(w, i);
	}
	world_run_us(w, 5000000);
	flood_ms(w, FLOOD_MS);
	start_us = w->now_us;
	world_connect(w, 3);
	world_join(w, 3);
	flood_ms(w, FLOOD_MS);
	assert_true(w->members[3].connected_us != 0);
	f->join_us = w->members[3].connected_us - start_us;
	f->n_dropped = s->drops[DROP_STARTUP_SOURCE];
	world_run_us(w, 10000000);
	promise_always(w);
	promise_no_losses(w);
	promise_full_mesh(w);
	world_destroy(w);
}

static void sessions_outlive_a_budget_that_is_used_up(void **state)
{
	struct sim_scenario s = {.test = "budget",
				 .scenario = "2.4 Mbit/s for six",
				 .n_seeds = 4,
				 .pool = *state,
				 .run = short_of_bytes,
				 .figures_len = sizeof(struct figures)};
	uint32_t n;
	struct figures *f = sim_each_seed(&s, &n);

	for (uint32_t k = 0; k < n; k++) {
		print_message(
			"%llu octets of %llu, held back %llu times, %llu messages to a latecomer\n",
			(unsigned long long)f[k].ip_bytes, (unsigned long long)LIMIT * SECONDS,
			(unsigned long long)f[k].n_held, (unsigned long long)f[k].n_late_messages);
		assert_in_range(f[k].ip_bytes, LIMIT * SECONDS * 98ull / 100,
				LIMIT * SECONDS * 102ull / 100);
		assert_true(f[k].n_held > SECONDS);
		assert_true(f[k].n_late_messages > 0);
	}
	sim_figures_free(&s, f, n);
}

static void a_flood_shuts_out_nobody(void **state)
{
	struct sim_scenario s = {.test = "budget",
				 .scenario = "a flood from one prefix",
				 .row = 1,
				 .n_seeds = 4,
				 .pool = *state,
				 .run = flooded,
				 .figures_len = sizeof(struct figures)};
	uint32_t n;
	struct figures *f = sim_each_seed(&s, &n);

	for (uint32_t k = 0; k < n; k++) {
		print_message("connected after %llu ms, %llu dropped unopened\n",
			      (unsigned long long)f[k].join_us / 1000,
			      (unsigned long long)f[k].n_dropped);
		assert_true(f[k].join_us < 500000); // as without: no packet of it was lost
		assert_true(f[k].n_dropped > FLOOD_MS * FLOOD_PER_MS);
	}
	sim_figures_free(&s, f, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_outlive_a_budget_that_is_used_up),
		cmocka_unit_test(a_flood_shuts_out_nobody),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
