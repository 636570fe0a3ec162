// Posting and directed routing among whole members (netgroup-semantics 5, 6, 16; docs/spx.md). The
// super-peer introduces them and is not in their group: what arrives, members have carried.
#include <math.h>

#include "control/group/ring.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define JOIN_US         30000000 // they come over so long
#define SETTLE_US       60000000
#define POSTS           20
#define POST_EVERY      500000
#define POST_WAIT       20000000
#define TRIES           200
#define TRY_EVERY_US    20000
#define TRY_WAIT_US     3000000
#define DEAD_US         30000000
#define BLOCKED_PERCENT 20
#define CUT_US          60000000
#define HEALED_US       15000000
#define FORGET_US       700000000 // records 300 s, the dead 300 s
#define REMIND_US       75000000  // once a minute the introducer tells everybody who is next
#define NOBODY          UINT32_MAX

// What a run leaves.
struct figures {
	uint32_t n, n_neighbours;
	uint64_t post_p50_us, post_p95_us, post_max_us;
	uint32_t n_blocked;
	double hops_mean;
	uint32_t hops_max, n_tries, n_right, n_right_after;
};

struct
try {
	struct u256 target;
	uint32_t origin, there; // who must get it
	uint32_t n_arrived, n_elsewhere, hops;
};

struct talk {
	const struct sim_run *run;
	struct world *w;
	uint32_t n;          // members 1 .. n; 0 introduces
	struct u256 *places; // by member
	uint32_t *ip_member, ip_first, n_ips;
	bool is_cut;       // odd members from the others, and from the introducer
	bool is_split;     // not from the introducer
	uint32_t *blocked; // nobody, or whom it cannot reach
	bool *is_dead;
	uint64_t posted_us[POSTS];
	uint32_t poster[POSTS];
	uint8_t *n_got; // member * POSTS + post
	uint64_t *waits_us;
	uint32_t n_waits;
	struct try *tries;
	uint32_t n_tries;
};

// ---- the world ----

static uint32_t member_at(const struct talk *t, uint32_t ip)
{
	for (uint32_t i = 0; i <= t->n; i++)
		if (net_ip(t->w->net, t->w->members[i].host) == ip)
			return i;
	return NOBODY;
}

// Takes what cannot arrive.
static bool swallow(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		    const uint8_t *data, uint16_t len)
{
	struct talk *t = ctx;
	uint32_t to;

	if (t->is_dead[host])
		return true;
	if (dst.ip - t->ip_first >= t->n_ips)
		return false;
	to = t->ip_member[dst.ip - t->ip_first];
	if (to == NOBODY)
		return false;
	return t->is_dead[to] || t->blocked[host] == to || t->blocked[to] == host ||
	       (t->is_cut && host % 2 != to % 2) ||
	       (t->is_split && host != 0 && to != 0 && host % 2 != to % 2);
}

static void take_posting(struct talk *t, uint32_t member, const struct node_event *e)
{
	uint32_t k;

	memcpy(&k, e->data, sizeof(k));
	if (t->n_got[member * POSTS + k]++ > 0 || member == t->poster[k])
		sim_fail(t->run, "member %u was told posting %u twice, or its own", member, k);
	t->waits_us[t->n_waits++] = t->w->now_us - t->posted_us[k];
}

static void take_message(struct talk *t, uint32_t member, const struct node_event *e)
{
	struct try *try;
	uint32_t k;

	memcpy(&k, e->data, sizeof(k));
	try = &t->tries[k];
	if (member == try->there)
		try->n_arrived++;
	else
		try->n_elsewhere++;
	try->hops = (uint32_t)e->number;
}

static void hear(void *ctx, uint32_t member, const struct node_event *e)
{
	if (e->kind == NODE_POSTING)
		take_posting(ctx, member, e);
	else if (e->kind == NODE_SEND_TO)
		take_message(ctx, member, e);
}

static void find_places(struct talk *t)
{
	uint32_t low = UINT32_MAX, high = 0;

	for (uint32_t i = 0; i <= t->n; i++) {
		uint32_t ip = net_ip(t->w->net, t->w->members[i].host);
		uint8_t address[GROUP_ADDRESS_LEN];

		low = ip < low ? ip : low;
		high = ip > high ? ip : high;
		group_address_of(sim_node_peer_id(t->w->members[i].sim), address);
		t->places[i] = u256_of(address);
	}
	t->ip_first = low;
	t->n_ips = high - low + 1;
	assert_true(t->n_ips < 1 << 20);
	t->ip_member = calloc(t->n_ips, sizeof(uint32_t));
	for (uint32_t k = 0; k < t->n_ips; k++)
		t->ip_member[k] = member_at(t, low + k);
}

static struct talk *talk_create(const struct sim_run *r, uint32_t n)
{
	struct net_link line = {.delay_us = 15000, .jitter_us = 20000, .loss_permille = 5};
	struct talk *t = calloc(1, sizeof(*t));

	t->run = r;
	t->n = n;
	t->w = world_create(&(struct world_opts){.run = r,
						 .has_super = true,
						 .n_members = n,
						 .up = line,
						 .down = line,
						 .does_talk = true,
						 .has_small_nodes = true,
						 .opens_all = true});
	t->places = calloc(n + 1, sizeof(*t->places));
	t->blocked = calloc(n + 1, sizeof(*t->blocked));
	t->is_dead = calloc(n + 1, sizeof(*t->is_dead));
	t->n_got = calloc((n + 1) * POSTS, 1);
	t->waits_us = calloc((n + 1) * POSTS, sizeof(*t->waits_us));
	t->tries = calloc(2 * TRIES, sizeof(*t->tries));
	for (uint32_t i = 0; i <= n; i++)
		t->blocked[i] = NOBODY;
	find_places(t);
	t->w->listener = hear;
	t->w->listener_ctx = t;
	t->w->carrier = swallow;
	t->w->carrier_ctx = t;
	return t;
}

static void talk_destroy(struct talk *t)
{
	world_destroy(t->w);
	free(t->places);
	free(t->blocked);
	free(t->is_dead);
	free(t->n_got);
	free(t->waits_us);
	free(t->tries);
	free(t->ip_member);
	free(t);
}

static void join_all(struct talk *t)
{
	for (uint32_t i = 1; i <= t->n; i++) {
		world_connect(t->w, i);
		world_join(t->w, i);
		world_run_us(t->w, JOIN_US / t->n);
	}
	world_run_us(t->w, SETTLE_US);
}

static void count_neighbours(const struct talk *t, struct figures *f)
{
	f->n = t->n;
	for (uint32_t i = 1; i <= t->n; i++)
		f->n_neighbours += t->w->members[i].n_neighbours;
}

// The next one up the ring.
static uint32_t next_of(const struct talk *t, uint32_t i)
{
	uint32_t best = NOBODY;

	for (uint32_t k = 1; k <= t->n; k++)
		if (k != i &&
		    (best == NOBODY || u256_cmp(ring_up(t->places[i], t->places[k]),
						ring_up(t->places[i], t->places[best])) < 0))
			best = k;
	return best;
}

// Everybody is linked to the next one.
static void check_ring(const struct talk *t)
{
	struct group_member_info next;

	for (uint32_t i = 1; i <= t->n; i++) {
		const uint8_t *id = sim_node_peer_id(t->w->members[next_of(t, i)].sim);

		node_members(t->w->members[i].group, &next, 1);
		if (memcmp(next.peer_id, id, PEER_ID_LEN) != 0 || !next.is_neighbour)
			sim_fail(t->run, "member %u is not linked to the next one", i);
	}
}

// ---- posting ----

static void block_some(struct talk *t, struct figures *f)
{
	for (uint32_t i = 1; i <= t->n; i++)
		if (random_below(&t->w->random, 100) < BLOCKED_PERCENT) {
			t->blocked[i] = next_of(t, i);
			f->n_blocked++;
		}
}

static void post(struct talk *t, uint32_t k)
{
	uint32_t i = 1 + (uint32_t)random_below(&t->w->random, t->n);
	uint8_t id[POST_ID_LEN], text[40] = {0};
	int err;

	memcpy(text, &k, sizeof(k));
	t->poster[k] = i;
	t->posted_us[k] = t->w->now_us;
	// Every second one is too long to go without an offer.
	err = node_post(t->w->members[i].group, text, k % 2 == 0 ? sizeof(text) : 4, id,
			t->w->now_us);
	assert_int_equal(err, 0);
	world_wake(t->w, i);
	world_run_us(t->w, POST_EVERY);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void check_postings(struct talk *t, struct figures *f)
{
	for (uint32_t i = 1; i <= t->n; i++)
		for (uint32_t k = 0; k < POSTS; k++)
			if (t->n_got[i * POSTS + k] != (t->poster[k] != i))
				sim_fail(t->run, "member %u was not told posting %u", i, k);
	qsort(t->waits_us, t->n_waits, sizeof(uint64_t), by_size);
	f->post_p50_us = t->waits_us[t->n_waits / 2];
	f->post_p95_us = t->waits_us[t->n_waits / 20 * 19];
	f->post_max_us = t->waits_us[t->n_waits - 1];
}

static void post_all(struct talk *t, struct figures *f)
{
	for (uint32_t k = 0; k < POSTS; k++)
		post(t, k);
	world_run_us(t->w, POST_WAIT);
	check_postings(t, f);
}

// Two halves that do not reach each other, and what is posted in both.
static void halves(const struct sim_run *r)
{
	struct talk *t = talk_create(r, r->row);
	struct figures *f = r->figures;

	join_all(t);
	t->is_cut = true;
	for (uint32_t k = 0; k < POSTS; k++)
		post(t, k);
	world_run_us(t->w, CUT_US - POSTS * POST_EVERY);
	f->n_blocked = t->n_waits; // told so far
	t->is_cut = false;
	world_run_us(t->w, HEALED_US);
	check_ring(t);
	check_postings(t, f);
	count_neighbours(t, f);
	talk_destroy(t);
}

// The same, for so long that nobody remembers the other half: the introducer does.
static void forgotten_halves(const struct sim_run *r)
{
	struct talk *t = talk_create(r, r->row);
	struct figures *f = r->figures;

	join_all(t);
	t->is_split = true;
	world_run_us(t->w, FORGET_US);
	t->is_split = false;
	world_run_us(t->w, REMIND_US);
	check_ring(t);
	count_neighbours(t, f);
	talk_destroy(t);
}

// Row: how many members; 1 more: with links blocked.
static void posting(const struct sim_run *r)
{
	struct talk *t = talk_create(r, r->row / 2 * 2);
	struct figures *f = r->figures;

	if (r->row % 2 == 1)
		block_some(t, f);
	join_all(t);
	post_all(t, f);
	count_neighbours(t, f);
	promise_same_keys(t->w);
	talk_destroy(t);
}

// ---- routing ----

static void be_nearest(struct talk *t)
{
	for (uint32_t i = 1; i <= t->n; i++) {
		node_set_receive_mode(t->w->members[i].group, true, t->w->now_us);
		world_wake(t->w, i);
	}
	world_run_us(t->w, 40000000); // 30 s at most until they are, and a while for the last
}

// DR-3: from each member's range the next one's goes on.
static void check_tiles(const struct talk *t)
{
	for (uint32_t i = 1; i <= t->n; i++) {
		uint32_t next = next_of(t, i);
		struct group_coverage mine, theirs;

		node_coverage(t->w->members[i].group, &mine);
		node_coverage(t->w->members[next].group, &theirs);
		if (!mine.is_nearest || !mine.is_whole)
			sim_fail(t->run, "member %u has not settled, or knows of a gap", i);
		if (u256_cmp(u256_add(u256_of(mine.to), u256_bit(0)), u256_of(theirs.from)) != 0)
			sim_fail(t->run, "between members %u and %u is a gap or an overlap", i,
				 next);
	}
}

static uint32_t nearest_alive(const struct talk *t, struct u256 place)
{
	uint32_t best = NOBODY;

	for (uint32_t i = 1; i <= t->n; i++)
		if (!t->is_dead[i] &&
		    (best == NOBODY || ring_is_nearer(place, t->places[i], t->places[best])))
			best = i;
	return best;
}

static void try_once(struct talk *t)
{
	struct try *try = &t->tries[t->n_tries];
	char address[2 * GROUP_ADDRESS_LEN + 1];
	uint8_t octets[GROUP_ADDRESS_LEN];

	random_fill(&t->w->random, octets, sizeof(octets));
	try->target = u256_of(octets);
	for (int i = 0; i < GROUP_ADDRESS_LEN; i++)
		snprintf(address + 2 * i, 3, "%02x", octets[i]);
	do
		try->origin = 1 + (uint32_t)random_below(&t->w->random, t->n);
	while (t->is_dead[try->origin]);
	try->there = nearest_alive(t, try->target);
	node_send_far(t->w->members[try->origin].group, address, (uint8_t *)&t->n_tries,
		      sizeof(t->n_tries), t->w->now_us);
	t->n_tries++;
	world_wake(t->w, try->origin);
	world_run_us(t->w, TRY_EVERY_US);
}

// How many of the last tries arrived at the true nearest, and nowhere else.
static uint32_t try_often(struct talk *t)
{
	uint32_t n_right = 0, first = t->n_tries;

	for (uint32_t k = 0; k < TRIES; k++)
		try_once(t);
	world_run_us(t->w, TRY_WAIT_US);
	for (uint32_t k = first; k < t->n_tries; k++)
		n_right += t->tries[k].n_arrived == 1 && t->tries[k].n_elsewhere == 0;
	return n_right;
}

// Members fall silent without a word, a tenth of them in the same moment.
static void a_tenth_dies(struct talk *t)
{
	for (uint32_t n = 0; n < t->n / 10;) {
		uint32_t i = 1 + (uint32_t)random_below(&t->w->random, t->n);

		n += !t->is_dead[i];
		t->is_dead[i] = true;
	}
	world_run_us(t->w, DEAD_US);
}

// Row: how many members; 1 more: with links blocked, where ranges must overlap (DR-6).
static void routing(const struct sim_run *r)
{
	struct talk *t = talk_create(r, r->row / 2 * 2);
	struct figures *f = r->figures;
	uint64_t hops = 0;

	if (r->row % 2 == 1)
		block_some(t, f);
	join_all(t);
	be_nearest(t);
	if (f->n_blocked == 0)
		check_tiles(t);
	count_neighbours(t, f);
	f->n_tries = TRIES;
	f->n_right = try_often(t);
	for (uint32_t k = 0; k < TRIES; k++) {
		if (t->tries[k].n_elsewhere > 0)
			sim_fail(t->run, "a message went to a member that is not the nearest");
		hops += t->tries[k].hops;
		f->hops_max = t->tries[k].hops > f->hops_max ? t->tries[k].hops : f->hops_max;
	}
	f->hops_mean = (double)hops / TRIES;
	a_tenth_dies(t);
	f->n_right_after = try_often(t);
	talk_destroy(t);
}

// ---- rows ----

// A thousand members by ./run soak; what CI has time for else.
static uint32_t size_of(uint32_t usual, uint32_t soaked)
{
	return getenv("SIM_SOAK") != NULL ? soaked : usual;
}

static void a_posting_reaches_everybody_once(void **state)
{
	uint32_t n_members = size_of(60, 1000);

	for (uint32_t is_blocked = 0; is_blocked < 2; is_blocked++) {
		struct sim_scenario s = {.test = "talk",
					 .scenario = is_blocked ? "posting, ring links blocked"
								: "posting",
					 .row = n_members + is_blocked,
					 .n_seeds = 2,
					 .n_soak = 2,
					 .keys = SIM_KEYS_TEST,
					 .pool = *state,
					 .run = posting,
					 .figures_len = sizeof(struct figures)};
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		for (uint32_t i = 0; i < n; i++) {
			print_message(
				"%u members, %.1f neighbours each, %u links blocked: %u postings "
				"told all others once; after %.0f ms half, %.0f ms 95 %%, %.0f ms "
				"all\n",
				f[i].n, (double)f[i].n_neighbours / f[i].n, f[i].n_blocked, POSTS,
				(double)f[i].post_p50_us / 1e3, (double)f[i].post_p95_us / 1e3,
				(double)f[i].post_max_us / 1e3);
			assert_true(f[i].post_p95_us < 5000000);
		}
		sim_figures_free(&s, f, n);
	}
}

static void two_halves_become_one_group_again(void **state)
{
	struct sim_scenario s = {.test = "talk",
				 .scenario = "halves",
				 .row = size_of(60, 1000),
				 .n_seeds = 2,
				 .n_soak = 2,
				 .keys = SIM_KEYS_TEST,
				 .pool = *state,
				 .run = halves,
				 .figures_len = sizeof(struct figures)};
	uint32_t n;
	struct figures *f = sim_each_seed(&s, &n);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t all = POSTS * (f[i].n - 1);

		print_message("%u members in two halves for 60 s: %u of %u times somebody was told "
			      "in that time, all and once 15 s later, and the ring was whole\n",
			      f[i].n, f[i].n_blocked, all);
		assert_in_range(f[i].n_blocked, all / 4, all / 4 * 3);
	}
	sim_figures_free(&s, f, n);
}

static void halves_that_forgot_each_other_become_one_group_again(void **state)
{
	struct sim_scenario s = {.test = "talk",
				 .scenario = "forgotten halves",
				 .row = size_of(30, 200),
				 .n_seeds = 2,
				 .n_soak = 2,
				 .keys = SIM_KEYS_TEST,
				 .pool = *state,
				 .run = forgotten_halves,
				 .figures_len = sizeof(struct figures)};
	uint32_t n;
	struct figures *f = sim_each_seed(&s, &n);

	for (uint32_t i = 0; i < n; i++)
		print_message("%u members in two halves for 700 s: 75 s later the ring was whole, "
			      "%.1f neighbours each\n",
			      f[i].n, (double)f[i].n_neighbours / f[i].n);
	sim_figures_free(&s, f, n);
}

static void check_routing(const struct figures *f)
{
	// Aside and on again, or back: a message takes three such ways at most.
	uint32_t detour = f->n_blocked > 0 ? 6 : 0;

	print_message("%u members, %.1f neighbours each, %u links blocked: %u of %u messages "
		      "reached the nearest, %.2f hops on average, %u at most; %u of %u 30 s after "
		      "a tenth of them died\n",
		      f->n, (double)f->n_neighbours / f->n, f->n_blocked, f->n_right, f->n_tries,
		      f->hops_mean, f->hops_max, f->n_right_after, f->n_tries);
	// None is lost, though the random neighbour changes every 10 s: what was on a link that
	// its ends give up takes another one.
	assert_int_equal(f->n_right, f->n_tries);
	assert_true(f->hops_max <= log2(f->n) / 2 + 2 + detour);
	assert_true(f->hops_mean <= log2(f->n) / 2);
	assert_true(f->n_right_after * 100 >= f->n_tries * 99);
}

static void a_message_finds_the_nearest(void **state)
{
	uint32_t n_members = size_of(60, 1000);

	for (uint32_t is_blocked = 0; is_blocked < 2; is_blocked++) {
		struct sim_scenario s = {.test = "talk",
					 .scenario = is_blocked ? "routing, ring links blocked"
								: "routing",
					 .row = n_members + is_blocked,
					 .n_seeds = 2,
					 .n_soak = 2,
					 .keys = SIM_KEYS_TEST,
					 .pool = *state,
					 .run = routing,
					 .figures_len = sizeof(struct figures)};
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		for (uint32_t i = 0; i < n; i++)
			check_routing(&f[i]);
		sim_figures_free(&s, f, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_posting_reaches_everybody_once),
		cmocka_unit_test(two_halves_become_one_group_again),
		cmocka_unit_test(halves_that_forgot_each_other_become_one_group_again),
		cmocka_unit_test(a_message_finds_the_nearest),
	};

	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
