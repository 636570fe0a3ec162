// Budgets of startup packets: a flood takes nothing but its own prefix's.
#include "dataplane/core/startup_gate.h"

#include <string.h>

#include "crypto/random.h"
#include "dataplane/core/engine.h"
#include "dataplane/wire/cursor.h"
#include "tests/support/test.h"

#define PER_ADDRESS 100
#define PER_PREFIX  400
#define PER_WORKER  10000
#define BURST       250 // of an address, and of a prefix

struct world {
	struct random_state state;
	struct random random;
	struct startup_gate *gate;
	uint64_t now_us;
};

static void world_create(struct world *w, uint64_t seed, uint32_t per_s)
{
	struct engine_opts o = {.startup_per_s = per_s,
				.startup_per_prefix_per_s = PER_PREFIX,
				.startup_per_address_per_s = PER_ADDRESS};

	w->random = random_seeded(&w->state, seed);
	w->now_us = 1000000000;
	o.random = &w->random;
	w->gate = startup_gate_create(&o);
	assert_non_null(w->gate);
}

static void world_destroy(struct world *w)
{
	startup_gate_destroy(w->gate);
}

static enum drop_reason admit(struct startup_gate *g, const uint8_t addr[16], uint8_t family,
			      uint64_t now_us)
{
	return startup_gate_admit(g, addr, family, now_us);
}

// An IPv4 source, each packet in a turn of its own.
static enum drop_reason from(struct world *w, uint32_t ip)
{
	uint8_t addr[16] = {(uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8),
			    (uint8_t)ip};

	startup_gate_turn(w->gate, 0, w->now_us);
	return admit(w->gate, addr, 4, w->now_us);
}

// 2001:db8:site:net::host
static enum drop_reason from_v6(struct world *w, uint16_t site, uint16_t net, uint8_t host)
{
	uint8_t addr[16] = {0x20,
			    0x01,
			    0x0d,
			    0xb8,
			    (uint8_t)(site >> 8),
			    (uint8_t)site,
			    (uint8_t)(net >> 8),
			    (uint8_t)net};

	addr[15] = host;
	startup_gate_turn(w->gate, 0, w->now_us);
	return admit(w->gate, addr, 6, w->now_us);
}

static void an_address_has_its_burst_and_then_its_rate(void **state)
{
	uint32_t n = 0;
	struct world w;

	world_create(&w, 1, 0);
	while (from(&w, 0x0a000001) == DROP_NONE)
		n++;
	assert_in_range(n, BURST, BURST + 1);
	n = 0;
	for (int ms = 0; ms < 10000; ms++) { // a thousand a second
		w.now_us += 1000;
		n += from(&w, 0x0a000001) == DROP_NONE;
	}
	assert_in_range(n, PER_ADDRESS * 10 - 1, PER_ADDRESS * 10 + 1);
	assert_int_equal(from(&w, 0x0a000001), DROP_STARTUP_SOURCE);
	w.now_us += 60000000; // silence earns no more than the burst
	for (n = 0; from(&w, 0x0a000001) == DROP_NONE; n++)
		;
	assert_in_range(n, BURST, BURST + 1);
	world_destroy(&w);
}

static void who_floods_from_one_address_leaves_its_prefix_in(void **state)
{
	struct world w;

	world_create(&w, 2, 0);
	for (int i = 0; i < 100000; i++) {
		w.now_us += 10;
		from(&w, 0xc0a80101);
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(from(&w, 0xc0a80163), DROP_NONE);
	world_destroy(&w);
}

// Whoever forges all addresses of his prefix takes all of its budget, and nobody else's.
static void who_floods_a_prefix_leaves_the_others_in(void **state)
{
	struct world w;
	uint32_t n = 0;

	world_create(&w, 3, 0);
	for (uint32_t i = 0; i < 1000000; i++) {
		w.now_us += 1;
		n += from(&w, 0xc0a80100 + (i & 0xff)) == DROP_NONE;
	}
	assert_in_range(n, PER_PREFIX + BURST - 2, PER_PREFIX + BURST + 2);
	assert_int_equal(from(&w, 0xc0a80163), DROP_STARTUP_SOURCE);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(from(&w, 0xc0a80000 + (i << 9)), DROP_NONE);
	world_destroy(&w);
}

static void an_ipv6_address_is_a_64_and_its_prefix_a_48(void **state)
{
	uint32_t n_host = 0, n_site = 0;
	struct world w;

	world_create(&w, 4, 0);
	for (int i = 0; i < 10000; i++)
		n_host += from_v6(&w, 1, 7, (uint8_t)i) == DROP_NONE;
	assert_in_range(n_host, BURST, BURST + 1);
	w.now_us += 100000; // it has taken the site's burst, but cannot take its rate
	assert_int_equal(from_v6(&w, 1, 8, 1), DROP_NONE);
	for (int i = 0; i < 100000; i++)
		n_site += from_v6(&w, 2, (uint16_t)i, 1) == DROP_NONE;
	assert_in_range(n_site, BURST, BURST + 1);
	assert_int_equal(from_v6(&w, 2, 60000, 1), DROP_STARTUP_SOURCE);
	assert_int_equal(from_v6(&w, 3, 1, 1), DROP_NONE);
	world_destroy(&w);
}

static uint32_t n_shut_out(struct world *w, uint32_t n_flooding, uint32_t n_honest)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_flooding; i++)
		for (uint32_t k = 0; k < 2 * BURST; k++)
			from(w, 0x0b000000 + (i << 8) + (k & 0xff));
	for (uint32_t i = 0; i < n_honest; i++)
		n += from(w, 0x55000000 + (i << 8) + 1) != DROP_NONE;
	return n;
}

// Two places of 4096 each: with 100 floods a stranger hits both of his by (100 / 4096)^2.
static void floods_hardly_ever_hit_somebody_else(void **state)
{
	uint32_t n = 0;

	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct world w;

		world_create(&w, seed, 0);
		n += n_shut_out(&w, 100, 2000);
		world_destroy(&w);
	}
	assert_in_range(n, 0, 60); // of 20 000; 12 are to be expected
}

// Who knows which prefixes share places with ours for one seed knows nothing about another's.
static void the_places_are_secret(void **state)
{
	uint32_t n_same = 0, n[2] = {0};
	bool is_out[2][2000];

	for (int s = 0; s < 2; s++) {
		struct world w;

		world_create(&w, 100 + (uint64_t)s, 0);
		n_shut_out(&w, 1500, 0); // most of a third of each row
		for (uint32_t i = 0; i < 2000; i++) {
			is_out[s][i] = from(&w, 0x55000000 + (i << 8)) != DROP_NONE;
			n[s] += is_out[s][i];
		}
		world_destroy(&w);
	}
	for (int i = 0; i < 2000; i++)
		n_same += is_out[0][i] && is_out[1][i];
	assert_in_range(n[0], 100, 300); // (1 - e^(-1500/4096))^2 of them are 188
	assert_in_range(n[1], 100, 300);
	assert_in_range(n_same, 0, 45); // by chance 18
}

// Addresses forged all over: no table grows, and the worker opens what it can afford.
static void a_flood_from_everywhere_is_held_by_the_workers_budget(void **state)
{
	uint32_t n = 0, n_rate = 0;
	struct world w;

	world_create(&w, 5, PER_WORKER);
	for (uint32_t i = 0; i < 1000000; i++) { // a million in a second
		enum drop_reason r;

		w.now_us += 1;
		r = from(&w, i * 2654435761u);
		n += r == DROP_NONE;
		n_rate += r == DROP_STARTUP_RATE;
	}
	assert_in_range(n, PER_WORKER,
			PER_WORKER * (1.1 + 1.0 / STARTUP_RESERVE)); // and the reserve
	assert_true(n_rate > 980000);
	world_destroy(&w);
}

// A flood from so many prefixes of 400 packets a second and more uses up the worker's budget for
// ever; a million a second in all. A newcomer comes every 100 ms from a prefix that nobody has
// heard of, with two packets. How many of 100 were let in.
static uint32_t n_newcomers(uint64_t seed, uint32_t n_prefixes)
{
	struct world w;
	uint32_t n = 0, at = 0;

	world_create(&w, seed, PER_WORKER);
	for (uint32_t ms = 0; ms < 10000; ms++) {
		for (int i = 0; i < 1000; i++, at++) {
			w.now_us++;
			from(&w, 0x0b000000 + (at % n_prefixes << 8) + (at >> 13 & 0xff));
		}
		if (ms % 100 == 50) {
			uint32_t ip = 0x55000001 + (ms << 8);
			bool is_in = from(&w, ip) == DROP_NONE;

			n += is_in && from(&w, ip) == DROP_NONE;
		}
	}
	world_destroy(&w);
	return n;
}

static void who_comes_from_a_quiet_prefix_is_let_in(void **state)
{
	// By chance a place is a flood's, for eight seconds: of 100 one in 328, of 1000 one in 33.
	assert_in_range(n_newcomers(8, 100), 99, 100);
	assert_in_range(n_newcomers(9, 1000), 94, 100);
}

// Nobody floods from the reserve: a prefix has its few packets of it, and then none.
static void the_reserve_is_no_way_around(void **state)
{
	struct world w;
	uint32_t n = 0;

	world_create(&w, 10, PER_WORKER);
	w.now_us -= w.now_us % (STARTUP_QUIET_S * 1000000);
	for (uint32_t i = 0; i < 1100000; i++) { // the worker's is gone within a tenth of a second
		w.now_us++;
		from(&w, 0x0b000000 + (i % 1000 << 8));
		if (i >= 1000000 && i % 100 == 0)
			n += from(&w, 0x55000000 + i / 100 % 256) == DROP_NONE;
	}
	assert_int_equal(n, STARTUP_QUIET_PACKETS);
	world_destroy(&w);
}

// 100 000 of other prefixes, which use up the worker's budget.
static void others_flood(struct world *w)
{
	for (uint32_t i = 0; i < 100000; i++) {
		w->now_us++;
		from(w, 0x0b000000 + (i % 1000 << 8));
	}
}

static void who_was_loud_is_quiet_again(void **state)
{
	const uint64_t period_us = STARTUP_QUIET_S * 1000000;
	struct world w;
	uint32_t n = 0;

	world_create(&w, 13, PER_WORKER);
	w.now_us -= w.now_us % period_us;
	others_flood(&w);
	for (int i = 0; i < 1000; i++)
		n += from(&w, 0x55000001) == DROP_NONE;
	assert_int_equal(n, STARTUP_QUIET_PACKETS);
	w.now_us += period_us - 300000; // still the same period
	others_flood(&w);
	assert_int_equal(from(&w, 0x55000001), DROP_STARTUP_RATE);
	w.now_us += 100000;
	others_flood(&w);
	assert_int_equal(from(&w, 0x55000001), DROP_NONE);
	world_destroy(&w);
}

static void a_turn_opens_what_its_sessions_leave(void **state)
{
	static const struct {
		uint32_t n_of_sessions, n_opened;
	} rows[] = {{0, 64}, {10, 54}, {48, 16}, {64, 16}, {128, 16}};
	struct world w;

	world_create(&w, 6, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t addr[16] = {10, 1, (uint8_t)i, 1};
		uint32_t n = 0;

		startup_gate_turn(w.gate, rows[i].n_of_sessions, w.now_us);
		while (admit(w.gate, addr, 4, w.now_us) == DROP_NONE)
			n++;
		assert_int_equal(n, rows[i].n_opened);
		assert_int_equal(admit(w.gate, addr, 4, w.now_us), DROP_STARTUP_TURN);
	}
	world_destroy(&w);
}

// A million a second from everywhere, for a second, with so many packets of sessions in each burst.
static uint32_t admitted_in_a_second(struct world *w, uint32_t n_of_sessions)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < 1000000; i++) {
		uint8_t addr[16];

		w->now_us += 1;
		be32_put(addr, i * 2654435761u);
		startup_gate_turn(w->gate, n_of_sessions, w->now_us);
		n += admit(w->gate, addr, 4, w->now_us) == DROP_NONE;
	}
	return n;
}

static void who_is_busy_with_sessions_takes_a_part(void **state)
{
	const uint32_t step = PER_WORKER * STARTUP_BUSY_STEP_US / 1000000; // it has till then
	struct world w;

	world_create(&w, 7, PER_WORKER);
	admitted_in_a_second(&w, STARTUP_BUSY_BURST); // the burst is over
	assert_in_range(admitted_in_a_second(&w, STARTUP_BUSY_BURST),
			PER_WORKER / STARTUP_BUSY_PART - 10, PER_WORKER / STARTUP_BUSY_PART + 10);
	assert_in_range(admitted_in_a_second(&w, STARTUP_BUSY_BURST - 1), PER_WORKER - 10,
			PER_WORKER + step);
	world_destroy(&w);
}

// What it takes comes together, so that what answers them is fetched once: in a millisecond of each
// step, and in no other.
static void who_is_busy_lets_them_in_together(void **state)
{
	uint32_t n_first = 0, n_later = 0;
	struct world w;

	world_create(&w, 11, PER_WORKER);
	admitted_in_a_second(&w, STARTUP_BUSY_BURST);
	w.now_us -= w.now_us % STARTUP_BUSY_STEP_US;
	for (uint32_t us = 0; us < 100 * STARTUP_BUSY_STEP_US; us++, w.now_us++) {
		uint8_t addr[16];
		bool is_in;

		be32_put(addr, (us + 77) * 2654435761u);
		startup_gate_turn(w.gate, STARTUP_BUSY_BURST, w.now_us);
		is_in = admit(w.gate, addr, 4, w.now_us) == DROP_NONE;
		if (us % STARTUP_BUSY_STEP_US < 1000)
			n_first += is_in;
		else
			n_later += is_in;
	}
	assert_in_range(n_first, PER_WORKER * 4 / 10 / STARTUP_BUSY_PART - 10,
			PER_WORKER * 4 / 10 / STARTUP_BUSY_PART + 10);
	assert_int_equal(n_later, 0);
	world_destroy(&w);
}

// A newcomer from a prefix with budget left waits for no step.
static void who_has_room_left_does_not_wait(void **state)
{
	struct world w;

	world_create(&w, 12, 0);
	w.now_us -= w.now_us % STARTUP_BUSY_STEP_US;
	for (uint32_t us = 0; us < STARTUP_BUSY_STEP_US; us += 100, w.now_us += 100) {
		uint8_t addr[16] = {10, 1, 1, (uint8_t)(us / 100)};

		startup_gate_turn(w.gate, STARTUP_BUSY_BURST, w.now_us);
		assert_int_equal(admit(w.gate, addr, 4, w.now_us), DROP_NONE);
	}
	world_destroy(&w);
}

static void a_burst_that_is_not_known_yet_is_like_the_one_before(void **state)
{
	uint8_t addr[16] = {10, 1, 1, 1};
	struct world w;
	uint32_t n = 0;

	world_create(&w, 8, 0);
	startup_gate_turn(w.gate, 40, w.now_us);
	startup_gate_turn_early(w.gate, w.now_us);
	while (admit(w.gate, addr, 4, w.now_us) == DROP_NONE)
		n++;
	assert_int_equal(n, STARTUP_TURN_MAX - 40);
	world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_its_burst_and_then_its_rate),
		cmocka_unit_test(who_floods_from_one_address_leaves_its_prefix_in),
		cmocka_unit_test(who_floods_a_prefix_leaves_the_others_in),
		cmocka_unit_test(an_ipv6_address_is_a_64_and_its_prefix_a_48),
		cmocka_unit_test(floods_hardly_ever_hit_somebody_else),
		cmocka_unit_test(the_places_are_secret),
		cmocka_unit_test(a_flood_from_everywhere_is_held_by_the_workers_budget),
		cmocka_unit_test(who_comes_from_a_quiet_prefix_is_let_in),
		cmocka_unit_test(the_reserve_is_no_way_around),
		cmocka_unit_test(who_was_loud_is_quiet_again),
		cmocka_unit_test(a_turn_opens_what_its_sessions_leave),
		cmocka_unit_test(who_is_busy_with_sessions_takes_a_part),
		cmocka_unit_test(who_is_busy_lets_them_in_together),
		cmocka_unit_test(who_has_room_left_does_not_wait),
		cmocka_unit_test(a_burst_that_is_not_known_yet_is_like_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
