// Object replication among whole members over lossy lines (netgroup-semantics 7; docs/spx.md). But
// for the last scenario the super-peer introduces them and is not in their group: what arrives,
// members have carried.
#include "tests/sim/promises.h"
#include "tests/support/test.h"

#define OBJECTS   96
#define LEN       6000 // octets of an object: five packets
#define JOIN_US   20000000
#define SETTLE_US 20000000
#define LIMIT_US  600000000
#define PUBLISHER 1
#define LIAR      2
#define WORKERS   2
#define KEPT      (2 << 20) // octets that each worker keeps: all of it, and a third more

// What a run leaves.
struct figures {
	uint32_t n, n_false, n_whole_at_death;
	uint64_t p50_us, max_us;
	double first_copy, publisher_copies,
		hits; // hits: of all objects, from others than the publisher
	uint64_t n_failed, n_asked;
};

struct swarm {
	const struct sim_run *run;
	struct world *w;
	uint32_t n; // members 1 .. n; 0 introduces
	bool has_liar, publisher_dies, is_publisher_dead;
	bool is_mirrored; // the super-peer has all, and who gets it does not pass it on
	uint8_t *n_got;   // member * OBJECTS + object
	uint32_t *n_whole;
	uint64_t *done_us;
	bool is_out[OBJECTS], is_given[OBJECTS]; // somebody else has it; its publisher gave it
	uint32_t n_out, n_given, n_done;
	uint64_t n_at_first_copy; // given by the publisher when each was
	uint64_t start_us, n_false, n_failed, n_asked, n_given_by_publisher, n_given_by_super;
};

// The octets of an object say which it is.
static void object_write(uint8_t octets[LEN], uint64_t index, bool is_false)
{
	memset(octets, is_false ? 0xff : (int)(index & 0x7f), LEN);
	memcpy(octets, &index, sizeof(index));
}

static bool object_is_right(const struct node_event *e)
{
	uint8_t right[LEN];

	object_write(right, e->number, false);
	return e->len == LEN && memcmp(e->data, right, LEN) == 0;
}

// The publisher gave one copy of all; then it may leave, and has nothing any more.
static void gave(struct swarm *s, uint64_t index)
{
	s->n_given_by_publisher++;
	s->n_given += !s->is_given[index];
	s->is_given[index] = true;
	if (s->n_given < OBJECTS || s->n_at_first_copy > 0)
		return;
	s->n_at_first_copy = s->n_given_by_publisher;
	if (s->publisher_dies)
		node_have_remove(s->w->members[PUBLISHER].group, 0, OBJECTS - 1, s->w->now_us);
}

static void serve(struct swarm *s, uint32_t member, const struct node_event *e)
{
	struct node_group *g = s->w->members[member].group;
	uint8_t octets[LEN];

	object_write(octets, e->number, s->has_liar && member == LIAR);
	if (node_object_write(g, e->request, OBJECT_OPAQUE, octets, LEN, s->w->now_us) != 0)
		return;
	if (member == PUBLISHER)
		gave(s, e->number);
	s->n_given_by_super += member == 0;
}

static void take(struct swarm *s, uint32_t member, const struct node_event *e)
{
	struct node_group *g = s->w->members[member].group;

	if (!object_is_right(e)) {
		s->n_false++;
		node_object_refuse(g, e->number, e->peer, s->w->now_us);
		return;
	}
	if (s->n_got[member * OBJECTS + e->number]++ > 0)
		sim_fail(s->run, "member %u got object %u twice", member, (uint32_t)e->number);
	if (!s->is_mirrored && node_have_add(g, e->number, e->number, s->w->now_us) != 0) // OR-9
		sim_fail(s->run, "member %u cannot have object %u", member, (uint32_t)e->number);
	s->n_out += !s->is_out[e->number];
	s->is_out[e->number] = true;
	if (++s->n_whole[member] < OBJECTS)
		return;
	s->done_us[s->n_done++] = s->w->now_us - s->start_us;
}

static void hear(void *ctx, uint32_t member, const struct node_event *e)
{
	struct swarm *s = ctx;

	switch (e->kind) {
	case NODE_FETCH_SEND:
		s->n_asked++;
		break;
	case NODE_FETCH_FAILED:
		s->n_failed++;
		break;
	case NODE_FETCH_RESULT:
		take(s, member, e);
		world_wake(s->w, member);
		break;
	case NODE_OBJECT_REQUEST:
		serve(s, member, e);
		world_wake(s->w, member);
		break;
	default:
		break;
	}
}

static bool swallow(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		    const uint8_t *data, uint16_t len)
{
	struct swarm *s = ctx;
	uint32_t publisher = s->w->members[PUBLISHER].host;

	return s->is_publisher_dead &&
	       (host == publisher || dst.ip == net_ip(s->w->net, publisher));
}

static struct swarm *swarm_create(const struct sim_run *r, uint32_t n, bool is_mirrored)
{
	struct net_link line = {.delay_us = 15000, .jitter_us = 20000, .loss_permille = 10};
	struct swarm *s = calloc(1, sizeof(*s));

	s->run = r;
	s->n = n;
	s->w = world_create(&(struct world_opts){.run = r,
						 .has_super = true,
						 .n_members = n,
						 .up = line,
						 .down = line,
						 .super_workers = is_mirrored ? WORKERS : 0,
						 .object_bytes = is_mirrored ? KEPT : 0,
						 .does_replicate = true});
	s->is_mirrored = is_mirrored;
	s->n_got = calloc((n + 1) * OBJECTS, 1);
	s->n_whole = calloc(n + 1, sizeof(*s->n_whole));
	s->done_us = calloc(n + 1, sizeof(*s->done_us));
	s->w->listener = hear;
	s->w->listener_ctx = s;
	s->w->carrier = swallow;
	s->w->carrier_ctx = s;
	return s;
}

static void swarm_destroy(struct swarm *s)
{
	world_destroy(s->w);
	free(s->n_got);
	free(s->n_whole);
	free(s->done_us);
	free(s);
}

static void join_all(struct swarm *s)
{
	if (s->is_mirrored)
		world_join(s->w, 0);
	for (uint32_t i = 1; i <= s->n; i++) {
		world_connect(s->w, i);
		world_join(s->w, i);
		world_run_us(s->w, JOIN_US / s->n);
	}
	world_run_us(s->w, SETTLE_US);
}

static bool has_all(const struct swarm *s, uint32_t member)
{
	if (s->is_mirrored)
		return member == 0;
	return member == PUBLISHER || (s->has_liar && member == LIAR);
}

static void begin(struct swarm *s)
{
	static const struct group_replication first_copy = {.is_seed = true, .is_spread = true};

	s->start_us = s->w->now_us;
	for (uint32_t i = s->is_mirrored ? 0 : 1; i <= s->n; i++) {
		struct node_group *g = s->w->members[i].group;

		if (has_all(s, i) && i == PUBLISHER)
			node_set_replication(g, &first_copy, s->w->now_us);
		if (has_all(s, i))
			node_have_add(g, 0, OBJECTS - 1, s->w->now_us);
		else
			node_want_add(g, 0, OBJECTS - 1, s->w->now_us);
		world_wake(s->w, i);
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void spread(struct swarm *s, struct figures *f)
{
	uint32_t n_fetch = s->n - 1 - s->has_liar, n_dead = 0;

	begin(s);
	while (s->n_done < n_fetch && s->w->now_us < s->start_us + LIMIT_US) {
		world_run_us(s->w, 50000);
		if (!s->publisher_dies || s->n_out < OBJECTS || s->is_publisher_dead)
			continue;
		s->is_publisher_dead = true;
		n_dead = s->n_done;
	}
	for (uint32_t i = 1; i <= s->n; i++)
		if (!has_all(s, i) && s->n_whole[i] < OBJECTS)
			sim_fail(s->run, "member %u has %u of %u objects", i, s->n_whole[i],
				 OBJECTS);
	qsort(s->done_us, s->n_done, sizeof(uint64_t), by_size);
	*f = (struct figures){.n = s->n,
			      .n_false = (uint32_t)s->n_false,
			      .n_whole_at_death = n_dead,
			      .p50_us = s->done_us[s->n_done / 2],
			      .max_us = s->done_us[s->n_done - 1],
			      .first_copy = (double)s->n_at_first_copy / OBJECTS,
			      .publisher_copies = (double)s->n_given_by_publisher / OBJECTS,
			      .n_failed = s->n_failed,
			      .n_asked = s->n_asked};
	f->hits = 1 - (double)s->n_given_by_publisher / ((double)n_fetch * OBJECTS);
}

static void honest(const struct sim_run *r)
{
	struct swarm *s = swarm_create(r, r->row, false);

	join_all(s);
	spread(s, r->figures);
	if (s->n_false > 0)
		sim_fail(r, "%u wrong objects", (uint32_t)s->n_false);
	promise_same_keys(s->w);
	swarm_destroy(s);
}

// One says it has everything and gives nothing that is right; and the publisher gives one copy, and
// dies without a word when each object is with somebody else.
static void hostile(const struct sim_run *r)
{
	struct swarm *s = swarm_create(r, r->row, false);

	s->has_liar = s->publisher_dies = true;
	join_all(s);
	spread(s, r->figures);
	// Three times, and then it is sent away; what was on its way by then may be more.
	if (s->n_false == 0 || s->n_false > 3 * s->n)
		sim_fail(r, "%u wrong objects were taken", (uint32_t)s->n_false);
	swarm_destroy(s);
}

// ---- a super-peer whose workers give by themselves ----

// What a round of fetching by all of them cost the super-peer.
struct round {
	uint64_t by_control, by_workers, reports;
};

struct mirror_figures {
	uint32_t n;
	struct round first, second;
};

static struct round so_far(const struct swarm *s)
{
	const struct sim_node *super = s->w->members[0].sim;
	struct round r = {.by_control = s->n_given_by_super};

	for (uint32_t i = 0; i < WORKERS; i++) {
		r.by_workers += engine_object_gauge(super->engines[i], 1).n_given;
		r.reports += engine_n_reported(super->engines[i]);
	}
	return r;
}

static struct round fetch_all(struct swarm *s)
{
	struct round before = so_far(s), r;

	s->n_done = 0;
	memset(s->n_got, 0, (s->n + 1) * OBJECTS);
	memset(s->n_whole, 0, (s->n + 1) * sizeof(*s->n_whole));
	begin(s);
	while (s->n_done < s->n && s->w->now_us < s->start_us + LIMIT_US)
		world_run_us(s->w, 50000);
	if (s->n_done < s->n)
		sim_fail(s->run, "%u of %u have all", s->n_done, s->n);
	r = so_far(s);
	return (struct round){r.by_control - before.by_control, r.by_workers - before.by_workers,
			      r.reports - before.reports};
}

static void mirrored(const struct sim_run *r)
{
	struct swarm *s = swarm_create(r, r->row, true);
	struct mirror_figures *f = r->figures;

	join_all(s);
	f->n = s->n;
	f->first = fetch_all(s);
	world_run_us(s->w, SETTLE_US);
	f->second = fetch_all(s);
	if (f->first.by_control + f->first.by_workers != s->n * OBJECTS ||
	    f->second.by_control + f->second.by_workers != s->n * OBJECTS)
		sim_fail(r, "not each was given once");
	promise_same_keys(s->w);
	swarm_destroy(s);
}

static void say(const struct figures *f, const char *what)
{
	print_message(
		"%u members, %s: %u objects of %u octets; half of them had all after %.1f s, "
		"the last after %.1f s; the publisher had given %.2f copies when each "
		"object was given, and %.1f at the end; %.0f %% came from others; %llu of %llu "
		"requests failed, %u objects were wrong\n",
		f->n, what, OBJECTS, LEN, (double)f->p50_us / 1e6, (double)f->max_us / 1e6,
		f->first_copy, f->publisher_copies, f->hits * 100, (unsigned long long)f->n_failed,
		(unsigned long long)f->n_asked, f->n_false);
}

static uint32_t size_of(uint32_t usual, uint32_t soaked)
{
	return getenv("SIM_SOAK") != NULL ? soaked : usual;
}

static void objects_spread_from_one_to_all(void **state)
{
	struct sim_scenario s = {.test = "objects",
				 .scenario = "honest",
				 .row = size_of(10, 40),
				 .n_seeds = 100,
				 .n_soak = 100,
				 .keys = SIM_KEYS_TEST,
				 .pool = *state,
				 .run = honest,
				 .figures_len = sizeof(struct figures)};
	uint32_t n;
	struct figures *f = sim_each_seed(&s, &n);

	for (uint32_t i = 0; i < n; i++) {
		say(&f[i], "all honest");
		// A fair share of the work is everybody's.
		assert_true(f[i].hits > (f[i].n < 40 ? 0.5 : 0.6));
		assert_true(f[i].first_copy < 1.1);
		assert_true(f[i].n_failed * 20 < f[i].n_asked);
	}
	sim_figures_free(&s, f, n);
}

static void neither_a_liar_nor_a_loss_stops_them(void **state)
{
	struct sim_scenario s = {.test = "objects",
				 .scenario = "hostile",
				 .row = size_of(10, 40),
				 .n_seeds = 100,
				 .n_soak = 100,
				 .keys = SIM_KEYS_TEST,
				 .pool = *state,
				 .run = hostile,
				 .figures_len = sizeof(struct figures)};
	uint32_t n;
	struct figures *f = sim_each_seed(&s, &n);

	for (uint32_t i = 0; i < n; i++) {
		say(&f[i], "a liar among them, and the publisher dies");
		assert_int_equal(f[i].n_whole_at_death, 0); // all of them still needed others
		assert_true(f[i].first_copy < 1.1);
	}
	sim_figures_free(&s, f, n);
}

// OR-15.
static void what_workers_keep_wakes_nobody(void **state)
{
	struct sim_scenario s = {.test = "objects",
				 .scenario = "mirrored",
				 .row = 12,
				 .n_seeds = 20,
				 .n_soak = 100,
				 .keys = SIM_KEYS_TEST,
				 .pool = *state,
				 .run = mirrored,
				 .figures_len = sizeof(struct mirror_figures)};
	uint32_t n;
	struct mirror_figures *f = sim_each_seed(&s, &n);

	for (uint32_t i = 0; i < n; i++) {
		const struct round *a = &f[i].first, *b = &f[i].second;

		print_message("%u members, %u objects of the super-peer's: control gave %llu, its "
			      "workers %llu; the second time %llu and %llu, with %llu reports\n",
			      f[i].n, OBJECTS, (unsigned long long)a->by_control,
			      (unsigned long long)a->by_workers, (unsigned long long)b->by_control,
			      (unsigned long long)b->by_workers, (unsigned long long)b->reports);
		// Each worker has each from control once, and once more who asks meanwhile.
		assert_in_range(a->by_control, OBJECTS, 2 * WORKERS * OBJECTS);
		assert_int_equal(b->by_control, 0);
		// They say that they want something, and later that they do not; reports of pings.
		assert_true(b->reports < 12 * f[i].n);
	}
	sim_figures_free(&s, f, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_spread_from_one_to_all),
		cmocka_unit_test(neither_a_liar_nor_a_loss_stops_them),
		cmocka_unit_test(what_workers_keep_wakes_nobody),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
