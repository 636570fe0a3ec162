// Groups of up to ten thousand: how long until the ring is whole, what it costs, and whether
// messages find the nearest member. The groups are real, sessions are a delay (ring_world.h).
#include <math.h>

#include "tests/sim/ring_world.h"
#include "tests/sim/seeds.h"
#include "tests/support/test.h"

#define SPEC      "G:010001010103010c050e72696e6700" // routing, multicast, posting, server channel
#define JOIN_US   UINT64_C(30000000)
#define LOOK_US   500000
#define WHOLE_US  UINT64_C(180000000)
#define SETTLE_US UINT64_C(60000000)
#define MINUTE_US UINT64_C(60000000)
#define DEAD_US   UINT64_C(30000000)
#define WAIT_US   UINT64_C(5000000)
#define TRY_US    2000
#define SIZES_MAX 4
#define NOBODY    UINT32_MAX

struct figures {
	uint32_t n, whole_ms; // since the last one joined
	double degree, messages, octets, pings, known, sessions;
	uint32_t degree_max;
	uint32_t n_tries, n_right, n_right_after, hops_max;
	double hops;
};

struct
try {
	uint32_t there, n_arrived, n_elsewhere, hops;
};

struct rings {
	const struct sim_run *run;
	struct ring_world *w;
	uint32_t n;
	uint32_t *order, n_alive; // members as they stand on the ring
	struct try *tries;
	uint32_t n_tries;
};

// ---- the ring as it should be ----

static void find_order(struct rings *t)
{
	t->n_alive = ring_world_order(t->w, t->order);
}

// How many members are not linked to the next one.
static uint32_t n_gaps(const struct rings *t)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < t->n_alive; k++)
		n += !ring_world_is_linked(t->w, t->order[k], t->order[(k + 1) % t->n_alive]);
	return n;
}

static uint32_t nearest(const struct rings *t, struct u256 place)
{
	uint32_t low = 0, high = t->n_alive, up, down;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (u256_cmp(t->w->nodes[t->order[mid]].place, place) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	up = t->order[low % t->n_alive];
	down = t->order[(low + t->n_alive - 1) % t->n_alive];
	return ring_is_nearer(place, t->w->nodes[up].place, t->w->nodes[down].place) ? up : down;
}

// ---- steps ----

static void hear(void *ctx, uint32_t member, const struct group_event *e)
{
	struct rings *t = ctx;
	struct try *try;
	uint32_t k;

	if (e->kind != GROUP_SEND_TO)
		return;
	memcpy(&k, e->message.body.data, sizeof(k));
	try = &t->tries[k];
	*(member == try->there ? &try->n_arrived : &try->n_elsewhere) += 1;
	try->hops = (uint32_t)e->number;
}

static void join_all(struct rings *t, struct figures *f)
{
	uint64_t joined_us;

	for (uint32_t i = 1; i <= t->n; i++) {
		ring_world_join(t->w, i);
		ring_world_run_us(t->w, JOIN_US / t->n);
	}
	joined_us = t->w->now_us;
	find_order(t);
	while (n_gaps(t) > 0 && t->w->now_us < joined_us + WHOLE_US)
		ring_world_run_us(t->w, LOOK_US);
	f->whole_ms = (uint32_t)((t->w->now_us - joined_us) / 1000);
	if (n_gaps(t) > 0)
		sim_fail(t->run, "%u members are not linked to the next one", n_gaps(t));
}

static void be_nearest(struct rings *t)
{
	for (uint32_t i = 1; i <= t->n; i++) {
		group_set_receive_mode(t->w->nodes[i].group, true, t->w->now_us);
		ring_world_wake(t->w, i);
	}
	ring_world_run_us(t->w, SETTLE_US);
}

// DR-3: from each member's range the next one's goes on.
static void check_tiles(const struct rings *t)
{
	for (uint32_t k = 0; k < t->n_alive; k++) {
		struct group_coverage mine, theirs;

		group_coverage_get(t->w->nodes[t->order[k]].group, &mine);
		group_coverage_get(t->w->nodes[t->order[(k + 1) % t->n_alive]].group, &theirs);
		if (!mine.is_nearest || !mine.is_whole ||
		    u256_cmp(u256_add(u256_of(mine.to), u256_bit(0)), u256_of(theirs.from)) != 0)
			sim_fail(t->run, "a gap or an overlap behind member %u", t->order[k]);
	}
}

// Of a pair the end that asks more often asks for both (control/group/README.md).
static double pings_of(const struct ring_node_state *n)
{
	double sum = 0;

	for (const struct ring_end *e = n->ends; e != NULL; e = e->next) {
		uint32_t us = e->keepalive_us;

		if (us == 0 || (e->far->keepalive_us != 0 && e->far->keepalive_us < us))
			us = e->far->keepalive_us;
		sum += us > 0 ? 0.5e6 / us : 0;
	}
	return sum;
}

static void count(const struct rings *t, struct figures *f)
{
	f->degree = f->degree_max = 0;
	for (uint32_t i = 1; i <= t->n; i++) {
		struct group_info info;

		group_info_get(t->w->nodes[i].group, &info);
		f->degree += (double)info.n_neighbours / t->n;
		f->known += (double)info.n_members_known / t->n;
		f->pings += pings_of(&t->w->nodes[i]) / t->n;
		if (info.n_neighbours > f->degree_max)
			f->degree_max = info.n_neighbours;
	}
}

// What a quiet minute costs.
static void count_messages(struct rings *t, struct figures *f)
{
	uint64_t messages = 0, octets = 0, sessions = 0;

	for (uint32_t i = 1; i <= t->n; i++) {
		messages -= t->w->nodes[i].n_messages;
		octets -= t->w->nodes[i].n_octets;
		sessions -= t->w->nodes[i].n_sessions;
	}
	ring_world_run_us(t->w, MINUTE_US);
	for (uint32_t i = 1; i <= t->n; i++) {
		messages += t->w->nodes[i].n_messages;
		octets += t->w->nodes[i].n_octets;
		sessions += t->w->nodes[i].n_sessions;
	}
	f->messages = (double)messages / t->n / 60;
	f->octets = (double)octets / t->n / 60;
	f->sessions = (double)sessions / t->n / 60;
}

static void try_once(struct rings *t)
{
	struct try *try = &t->tries[t->n_tries];
	char address[2 * GROUP_ADDRESS_LEN + 1];
	uint8_t octets[GROUP_ADDRESS_LEN];
	uint32_t origin = t->order[random_below(&t->w->random, t->n_alive)];

	random_fill(&t->w->random, octets, sizeof(octets));
	for (int i = 0; i < GROUP_ADDRESS_LEN; i++)
		snprintf(address + 2 * i, 3, "%02x", octets[i]);
	try->there = nearest(t, u256_of(octets));
	group_send_far(t->w->nodes[origin].group, address,
		       span_of((uint8_t *)&t->n_tries, sizeof(t->n_tries)), t->w->now_us);
	t->n_tries++;
	ring_world_wake(t->w, origin);
	ring_world_run_us(t->w, TRY_US);
}

static uint32_t try_often(struct rings *t, uint32_t n)
{
	uint32_t first = t->n_tries, n_right = 0;

	for (uint32_t k = 0; k < n; k++)
		try_once(t);
	ring_world_run_us(t->w, WAIT_US);
	for (uint32_t k = first; k < t->n_tries; k++)
		n_right += t->tries[k].n_arrived == 1 && t->tries[k].n_elsewhere == 0;
	return n_right;
}

static void a_tenth_dies(struct rings *t)
{
	for (uint32_t n = 0; n < t->n / 10;) {
		uint32_t i = 1 + (uint32_t)random_below(&t->w->random, t->n);

		if (t->w->nodes[i].is_dead)
			continue;
		ring_world_die(t->w, i);
		n++;
	}
	ring_world_run_us(t->w, DEAD_US);
	find_order(t);
}

// Row: how many members.
static void ring(const struct sim_run *r)
{
	struct rings t = {.run = r, .n = r->row};
	struct figures *f = r->figures;

	f->n = t.n;
	f->n_tries = t.n < 1000 ? 1000 : 10000;
	t.tries = calloc(2 * f->n_tries, sizeof(*t.tries));
	t.order = calloc(t.n, sizeof(*t.order));
	t.w = ring_world_create(&(struct ring_world_opts){.seed = r->seed,
							  .n = t.n,
							  .members_max = 1000,
							  .rtt_min_us = 10000,
							  .rtt_max_us = 200000,
							  .spec = SPEC,
							  .on_event = hear,
							  .ctx = &t});
	join_all(&t, f);
	be_nearest(&t);
	check_tiles(&t);
	count_messages(&t, f);
	count(&t, f);
	f->n_right = try_often(&t, f->n_tries);
	for (uint32_t k = 0; k < f->n_tries; k++) {
		f->hops += (double)t.tries[k].hops / f->n_tries;
		f->hops_max = t.tries[k].hops > f->hops_max ? t.tries[k].hops : f->hops_max;
	}
	a_tenth_dies(&t);
	f->n_right_after = try_often(&t, f->n_tries);
	if (r->digest != NULL)
		*r->digest = *r->digest * 31 + t.w->order;
	ring_world_destroy(t.w);
	free(t.order);
	free(t.tries);
}

// ---- how it grows ----

// y = a + b log2 n by least squares.
static void fit(const double *x, const double *y, uint32_t n, double *a, double *b)
{
	double sx = 0, sy = 0, sxx = 0, sxy = 0;

	for (uint32_t i = 0; i < n; i++) {
		sx += x[i];
		sy += y[i];
		sxx += x[i] * x[i];
		sxy += x[i] * y[i];
	}
	*b = (n * sxy - sx * sy) / (n * sxx - sx * sx);
	*a = (sy - *b * sx) / n;
}

static double slope(const double x[2], const double y[2])
{
	return (y[1] - y[0]) / (x[1] - x[0]);
}

static void say(const struct figures *f)
{
	print_message("%5u members: ring whole %.1f s after the last joined; %.1f neighbours each, "
		      "%u at most; a member and second: %.2f messages of %.0f octets together, "
		      "%.2f pings, %.3f sessions; %.0f members known\n",
		      f->n, f->whole_ms / 1e3, f->degree, f->degree_max, f->messages, f->octets,
		      f->pings, f->sessions, f->known);
	print_message("               %u of %u messages reached the nearest, %.2f hops on average, "
		      "%u at most; %u 30 s after a tenth died\n",
		      f->n_right, f->n_tries, f->hops, f->hops_max, f->n_right_after);
}

static void check(const struct figures *f)
{
	assert_true(f->whole_ms <= (f->n > 1000 ? 180000 : 60000) - JOIN_US / 1000);
	assert_int_equal(f->n_right, f->n_tries);
	assert_true(f->hops_max <= log2(f->n) / 2 + 2);
	assert_true(f->hops <= log2(f->n) / 2);
	assert_true((uint64_t)f->n_right_after * 100 >= (uint64_t)f->n_tries * 99);
}

static void a_ring_of_any_size_is_whole_and_routes(void **state)
{
	bool is_soak = getenv("SIM_SOAK") != NULL;
	static const uint32_t usual[] = {10, 50, 250}, soaked[] = {10, 100, 1000, 10000};
	const uint32_t *sizes = is_soak ? soaked : usual;
	uint32_t n_sizes = is_soak ? ARRAY_LEN(soaked) : ARRAY_LEN(usual);
	double x[SIZES_MAX], degree[SIZES_MAX], traffic[SIZES_MAX], a, b;

	for (uint32_t i = 0; i < n_sizes; i++) {
		struct sim_scenario s = {.test = "ring",
					 .scenario = "ring",
					 .row = sizes[i],
					 .n_seeds = 2,
					 .n_soak = sizes[i] > 1000 ? 1 : 3,
					 .keys = SIM_KEYS_TEST,
					 .pool = *state,
					 .run = ring,
					 .figures_len = sizeof(struct figures)};
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		for (uint32_t k = 0; k < n; k++) {
			say(&f[k]);
			check(&f[k]);
		}
		x[i] = log2(sizes[i]);
		degree[i] = f[0].degree;
		traffic[i] = f[0].messages + 2 * f[0].pings;
		sim_figures_free(&s, f, n);
	}
	fit(x, degree, n_sizes, &a, &b);
	print_message("neighbours: %.1f + %.2f log2 N\n", a, b);
	fit(x, traffic, n_sizes, &a, &b);
	print_message(
		"messages, pings and their answers, a member and second: %.2f + %.3f log2 N\n", a,
		b);
	// No worse than the logarithm: each doubling adds no more than those before it.
	for (uint32_t i = 2; i < n_sizes; i++) {
		assert_true(slope(x + i - 1, degree + i - 1) <= slope(x + i - 2, degree + i - 2));
		assert_true(slope(x + i - 1, traffic + i - 1) <= slope(x + i - 2, traffic + i - 2));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_of_any_size_is_whole_and_routes),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
