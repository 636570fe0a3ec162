// A group whose members come and go without end (ring_world.h): those who stay hear what is posted,
// and when it stops the ring is right at once.
#include "tests/sim/ring_world.h"
#include "tests/sim/seeds.h"
#include "tests/support/test.h"

#define SPEC       "G:010001010103010c050e72696e6700"
#define JOIN_US    UINT64_C(30000000)
#define POST_US    UINT64_C(2000000)
#define HEARD_US   UINT64_C(10000000) // then everybody who stayed has heard it
#define STOPPED_US UINT64_C(5000000)
#define MISSED_US  UINT64_C(25000000) // then it must still be right
#define POSTS_MAX  512

struct row {
	const char *name;
	uint32_t goodbyes_percent;
	// Minutes of it, where each may know as many members as there are at a time: most that it
	// hears of are gone.
	bool is_long;
	// Pairs of a thousand that may be without a link 5 s after: whoever vanished at the end has
	// to be missed first.
	uint32_t gaps_permille;
};

static const struct row rows[] = {
	{"all say goodbye", 100, false, 0},
	{"one in ten vanishes", 90, false, 1},
	{"the same, for long", 90, true, 1},
};

struct figures {
	uint32_t n, n_lives, n_posts, n_twice, n_gaps, n_gaps_later;
	uint64_t n_stayed, n_heard;
};

struct post {
	uint64_t at_us;
	uint32_t poster;
	uint8_t *n_heard; // by member
};

struct churn {
	const struct sim_run *run;
	struct ring_world *w;
	struct figures *f;
	uint32_t *members, n; // those that are there
	uint64_t *joined_us;  // by member
	uint32_t n_lives;     // that joined so far
	struct post posts[POSTS_MAX];
	uint32_t n_posts, n_checked;
};

static void hear(void *ctx, uint32_t member, const struct group_event *e)
{
	struct churn *t = ctx;
	uint32_t k;

	if (e->kind != GROUP_POSTING)
		return;
	memcpy(&k, e->message.body.data, sizeof(k));
	t->f->n_twice += t->posts[k].n_heard[member]++ > 0 || t->posts[k].poster == member;
}

static void come(struct churn *t)
{
	uint32_t i = ++t->n_lives;

	t->members[t->n++] = i;
	t->joined_us[i] = t->w->now_us;
	ring_world_join(t->w, i);
}

// Its poster stays until a posting is looked at.
static bool must_stay(const struct churn *t, uint32_t member)
{
	for (uint32_t k = t->n_checked; k < t->n_posts; k++)
		if (t->posts[k].poster == member)
			return true;
	return false;
}

static void go(struct churn *t)
{
	uint32_t at;

	do
		at = (uint32_t)random_below(&t->w->random, t->n);
	while (must_stay(t, t->members[at]));
	if (random_below(&t->w->random, 100) < rows[t->run->row].goodbyes_percent)
		ring_world_leave(t->w, t->members[at]);
	else
		ring_world_die(t->w, t->members[at]);
	t->members[at] = t->members[--t->n];
}

static void post(struct churn *t)
{
	struct post *p = &t->posts[t->n_posts];
	uint8_t id[POST_ID_LEN];

	assert_true(t->n_posts < POSTS_MAX);
	*p = (struct post){t->w->now_us, t->members[random_below(&t->w->random, t->n)],
			   calloc(t->f->n_lives + 1, 1)};
	assert_int_equal(group_post(t->w->nodes[p->poster].group,
				    span_of((uint8_t *)&t->n_posts, sizeof(t->n_posts)), id,
				    t->w->now_us),
			 0);
	t->n_posts++;
	ring_world_wake(t->w, p->poster);
}

static void check_post(struct churn *t)
{
	const struct post *p = &t->posts[t->n_checked++];

	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t member = t->members[i];

		if (t->joined_us[member] >= p->at_us || member == p->poster)
			continue;
		t->f->n_stayed++;
		t->f->n_heard += p->n_heard[member] > 0;
	}
}

static void posts_look(struct churn *t, bool are_more)
{
	uint64_t now_us = t->w->now_us;

	while (t->n_checked < t->n_posts && t->posts[t->n_checked].at_us + HEARD_US <= now_us)
		check_post(t);
	if (are_more && (t->n_posts == 0 || t->posts[t->n_posts - 1].at_us + POST_US <= now_us))
		post(t);
}

static uint32_t n_gaps(struct churn *t)
{
	uint32_t *order = calloc(t->n, sizeof(*order)), n = 0;

	assert_int_equal(ring_world_order(t->w, order), t->n);
	for (uint32_t k = 0; k < t->n; k++)
		n += !ring_world_is_linked(t->w, order[k], order[(k + 1) % t->n]);
	free(order);
	return n;
}

static bool is_soak(void)
{
	return getenv("SIM_SOAK") != NULL;
}

// Row: how they go. A tenth of them in every second, and as many come.
static void churn(const struct sim_run *r)
{
	bool is_long = rows[r->row].is_long;
	uint32_t n = is_soak() && !is_long ? 1000 : 50, per_s = n / 10;
	uint32_t seconds = is_soak() ? 600 : is_long ? 200 : 30;
	struct churn t = {.run = r, .f = r->figures};
	struct figures *f = r->figures;

	f->n = n;
	f->n_lives = n + per_s * seconds;
	t.members = calloc(n + 1, sizeof(*t.members));
	t.joined_us = calloc(f->n_lives + 1, sizeof(*t.joined_us));
	t.w = ring_world_create(&(struct ring_world_opts){.seed = r->seed,
							  .n = f->n_lives,
							  .members_max = is_long ? 50 : 1000,
							  .rtt_min_us = 10000,
							  .rtt_max_us = 200000,
							  .spec = SPEC,
							  .on_event = hear,
							  .ctx = &t});
	while (t.n_lives < n) {
		come(&t);
		ring_world_run_us(t.w, JOIN_US / n);
	}
	ring_world_run_us(t.w, JOIN_US);
	while (t.n_lives < f->n_lives) {
		come(&t);
		go(&t);
		posts_look(&t, true);
		ring_world_run_us(t.w, 1000000 / per_s);
	}
	ring_world_run_us(t.w, STOPPED_US);
	f->n_gaps = n_gaps(&t);
	ring_world_run_us(t.w, MISSED_US);
	f->n_gaps_later = n_gaps(&t);
	posts_look(&t, false);
	f->n_posts = t.n_checked;
	assert_int_equal(t.n_checked, t.n_posts);
	if (r->digest != NULL)
		*r->digest = *r->digest * 31 + t.w->order;
	ring_world_destroy(t.w);
	for (uint32_t k = 0; k < t.n_posts; k++)
		free(t.posts[k].n_heard);
	free(t.members);
	free(t.joined_us);
}

static void who_stays_hears_all_and_the_ring_is_right(void **state)
{
	const char *only = getenv("ROW"); // of a soak, minutes each

	for (uint32_t row = 0; row < ARRAY_LEN(rows); row++) {
		struct sim_scenario s = {.test = "ring_churn",
					 .scenario = rows[row].name,
					 .row = row,
					 .n_seeds = 2,
					 .n_soak = 1,
					 .keys = SIM_KEYS_TEST,
					 .pool = *state,
					 .run = churn,
					 .figures_len = sizeof(struct figures)};
		uint32_t n;
		struct figures *f;

		if (only != NULL && strtoul(only, NULL, 10) != row)
			continue;
		f = sim_each_seed(&s, &n);
		for (uint32_t i = 0; i < n; i++) {
			print_message("%-20s %u members, %u lives: of %u postings %.3f %% were "
				      "heard by who stayed, %u twice; 5 s after it stopped %u "
				      "pairs on the ring had no link, 30 s after %u\n",
				      rows[row].name, f[i].n, f[i].n_lives, f[i].n_posts,
				      100.0 * (double)f[i].n_heard / (double)f[i].n_stayed,
				      f[i].n_twice, f[i].n_gaps, f[i].n_gaps_later);
			assert_true(f[i].n_heard * 1000 >= f[i].n_stayed * 999);
			assert_int_equal(f[i].n_twice, 0);
			assert_true(f[i].n_gaps * 1000 <= f[i].n * rows[row].gaps_permille);
			assert_int_equal(f[i].n_gaps_later, 0);
		}
		sim_figures_free(&s, f, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_stays_hears_all_and_the_ring_is_right),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}
