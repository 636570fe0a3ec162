// The receive mode and what a member covers (DR-1 to DR-7, E-14).
#include "control/group/routes.h"

#include "control/group/neighbour.h"
#include "tests/support/test.h"
#include "tests/unit/control/group/spx_kit.h"

static const struct world_role member = {.is_super = false};

static struct group_coverage coverage(const struct world_node *n)
{
	struct group_coverage c;

	assert_true(group_coverage_get(n->group, &c));
	return c;
}

static void all_are_nearest(struct spx_party *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		group_set_receive_mode(t->nodes[i]->group, true, world_now_us(t->w));
	world_run(t->w, 20 * S);
}

// How many of them cover the place.
static uint32_t n_covering(const struct spx_party *t, struct u256 x)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		struct group_coverage c = coverage(t->nodes[i]);

		n += c.is_nearest && ring_between(x, u256_of(c.from), u256_of(c.to));
	}
	return n;
}

static void a_member_is_exact_until_it_is_told_otherwise(void **state)
{
	struct spx_party *t = spx_party_create(3, true, SPX_SPEC);
	struct group_coverage c = coverage(t->nodes[1]);
	uint8_t address[32];

	group_address_of(t->nodes[1]->id, address);
	assert_false(c.is_nearest || c.is_settling);
	assert_memory_equal(c.from, address, 32);
	assert_memory_equal(c.to, address, 32);
	assert_int_equal(t->told[1].n_coverage, 0);
	spx_party_destroy(t);
}

static void nearest_members_tile_the_ring(void **state)
{
	struct spx_party *t = spx_party_create(12, true, SPX_SPEC);

	all_are_nearest(t);
	for (uint32_t i = 0; i < t->n; i++) {
		struct group_coverage c = coverage(t->nodes[i]);

		assert_true(c.is_nearest && c.is_whole);
		assert_in_range(t->told[i].n_coverage, 1, 14);
		assert_int_equal(n_covering(t, u256_of(c.from)), 1);
		assert_int_equal(n_covering(t, u256_of(c.to)), 1);
		assert_int_equal(n_covering(t, u256_of(c.address)), 1);
	}
	spx_party_destroy(t);
}

static void exact_members_are_left_out(void **state)
{
	struct spx_party *t = spx_party_create(9, true, SPX_SPEC);
	struct group_coverage c;

	for (uint32_t i = 0; i < t->n; i += 2)
		group_set_receive_mode(t->nodes[i]->group, true, world_now_us(t->w));
	world_run(t->w, 20 * S);
	for (uint32_t i = 0; i < t->n; i++) {
		c = coverage(t->nodes[i]);
		assert_int_equal(n_covering(t, u256_of(c.address)), 1);
		assert_int_equal(memcmp(c.from, c.to, 32) == 0, i % 2 == 1);
		assert_int_equal(n_covering(t, u256_of(c.from)), 1);
		assert_true(c.is_whole);
	}
	group_set_receive_mode(t->nodes[0]->group, false, world_now_us(t->w)); // and back
	world_run(t->w, 2 * S);
	c = coverage(t->nodes[0]);
	assert_memory_equal(c.from, c.to, 32);
	assert_int_equal(n_covering(t, u256_of(c.from)), 1); // another's now
	spx_party_destroy(t);
}

// DR-4: five seconds without a change beside us.
static void a_member_settles_before_it_takes_part(void **state)
{
	struct spx_party *t = spx_party_create(3, true, SPX_SPEC);

	group_set_receive_mode(t->nodes[1]->group, true, world_now_us(t->w));
	world_run(t->w, 4900 * MS);
	assert_true(coverage(t->nodes[1]).is_settling);
	assert_false(coverage(t->nodes[1]).is_nearest);
	world_run(t->w, 200 * MS);
	assert_true(coverage(t->nodes[1]).is_nearest);
	group_set_receive_mode(t->nodes[2]->group, true, world_now_us(t->w));
	world_run(t->w, 3 * S);
	spx_party_add(t, &member, SPX_SPEC); // somebody new beside it
	world_run(t->w, 3 * S);
	assert_true(coverage(t->nodes[2]).is_settling);
	world_run(t->w, 5 * S);
	assert_true(coverage(t->nodes[2]).is_nearest);
	spx_party_destroy(t);
}

static void it_does_not_wait_for_ever(void **state)
{
	struct spx_party *t = spx_party_create(0, true, SPX_SPEC);

	group_set_receive_mode(t->nodes[0]->group, true, world_now_us(t->w));
	for (int i = 0; i < 14; i++) { // 28 s: always somebody new, or gone
		struct end *e = NULL;

		world_run(t->w, 2 * S);
		for (uint32_t k = 1; i >= 6 && e == NULL; k++)
			e = world_end_to(t->nodes[0], t->nodes[k], WORLD_MEMBER);
		if (e == NULL)
			spx_party_add(t, &member, SPX_SPEC);
		else
			world_cut(e, CLOSED_TIMEOUT);
		assert_false(coverage(t->nodes[0]).is_nearest);
	}
	world_run(t->w, 2100 * MS);
	assert_true(coverage(t->nodes[0]).is_nearest);
	spx_party_destroy(t);
}

// DR-5: what changes is told; and only those beside us are told of it.
static void a_new_neighbour_beside_us_changes_a_bound(void **state)
{
	struct spx_party *t = spx_party_create(6, true, SPX_SPEC);
	struct group_coverage before[SPX_PARTY_MAX], c, mine;
	uint32_t n_changed = 0, n_told[SPX_PARTY_MAX];

	all_are_nearest(t);
	for (uint32_t i = 0; i < t->n; i++) {
		before[i] = coverage(t->nodes[i]);
		n_told[i] = t->told[i].n_coverage;
	}
	group_set_receive_mode(spx_party_add(t, &member, SPX_SPEC)->group, true,
			       world_now_us(t->w));
	world_run(t->w, 40 * S);
	mine = coverage(t->nodes[7]);
	for (uint32_t i = 0; i < 7; i++) {
		bool is_new_above, is_new_below;

		c = coverage(t->nodes[i]);
		is_new_above = memcmp(c.to, before[i].to, 32) != 0;
		is_new_below = memcmp(c.from, before[i].from, 32) != 0;
		n_changed += is_new_above + is_new_below;
		assert_int_equal(t->told[i].n_coverage > n_told[i], is_new_above || is_new_below);
		if (is_new_above) // it is our NEXT_DECREASING
			assert_int_equal(
				u256_cmp(u256_add(u256_of(c.to), u256_bit(0)), u256_of(mine.from)),
				0);
	}
	assert_int_equal(n_changed, 2);
	spx_party_destroy(t);
}

static struct got *coverage_got(struct spx_raw *s)
{
	struct got *g;

	while ((g = world_got(s->raw)) != NULL) {
		if (spx_msg_type(span_of(g->octets, g->len)) == SPX_COVERAGE &&
		    memcmp(g->meta, RAW_ROUTES, 3) == 0)
			return g;
		free(g);
	}
	return NULL;
}

static void those_beside_us_are_told_and_tell(void **state)
{
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	struct route_coverage c;
	uint8_t octets[128];
	struct wr w = wr_over(octets, sizeof(octets));
	struct spx_raw s;
	struct got *g;

	raw_befriend(t);
	s = spx_raw_of(t);
	raw_send(s.e, s.main, "\x0f", 1); // it is NEAREST, and we shall be
	group_set_receive_mode(t->node->group, true, world_now_us(t->w));
	world_run(t->w, 7 * S);
	g = coverage_got(&s);
	assert_non_null(g);
	assert_int_equal(route_coverage_read(&c, span_of(g->octets, g->len)), 0);
	free(g);
	assert_true(c.is_nearest);
	assert_memory_equal(c.from, coverage(t->node).from, 32);
	assert_true(coverage(t->node).is_whole); // it has not said anything
	c.is_nearest = true;
	route_coverage_write(&w, &c); // what it says overlaps ours: the ring is not whole (DR-6)
	raw_send(s.e, s.routes, octets, w.len);
	world_run(t->w, 2 * S);
	assert_true(coverage(t->node).is_whole); // it may not have heard of us
	world_run(t->w, 15 * S);                 // an idle node's clock stands still
	assert_false(coverage(t->node).is_whole);
	raw_send(s.e, s.main, "\x0e", 1); // EXACT again: all is ours
	world_run(t->w, 1 * S);
	assert_true(coverage(t->node).is_whole);
	raw_peer_destroy(t);
}

// 0: none came.
static uint8_t last_begin(struct world_node *raw)
{
	uint8_t begin = 0;
	struct got *g;

	while ((g = world_got(raw)) != NULL) {
		if (g->len == 1 && (g->octets[0] == 0x0e || g->octets[0] == 0x0f))
			begin = g->octets[0];
		free(g);
	}
	return begin;
}

static void begin_says_what_mode_it_is(void **state)
{
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	struct spx_raw s;
	struct raw_peer late;

	raw_befriend(t);
	s = spx_raw_of(t);
	group_set_receive_mode(t->node->group, true, world_now_us(t->w));
	world_run(t->w, 20 * S);
	assert_int_equal(spx_hear(&s).n_begins, 1); // one change
	group_set_receive_mode(t->node->group, false, world_now_us(t->w));
	world_run(t->w, 1 * S);
	assert_int_equal(spx_hear(&s).n_begins, 1);
	group_set_receive_mode(t->node->group, true, world_now_us(t->w));
	world_run(t->w, 20 * S);
	late = *t; // who comes now hears it when it has announced that it speaks SPX
	late.raw = world_add(t->w, &(struct world_role){.is_raw = true});
	late.e = world_session(late.raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
	raw_greet(&late);
	assert_int_equal(last_begin(late.raw), 0x0e); // an old one would send us what we cannot read
	world_run(t->w, 30 * S);
	assert_int_equal(last_begin(late.raw), 0);
	s = (struct spx_raw){.t = t, .raw = late.raw, .e = late.e, .main = late.main};
	spx_report(&s);
	world_run(t->w, 1 * S);
	assert_int_equal(last_begin(late.raw), 0x0f);
	raw_peer_destroy(t);
}

// The neighbours at our range's ends are remembered, but not for longer than they are there.
static void who_is_gone_is_not_asked_what_it_covers(void **state)
{
	struct spx_party *t = spx_party_create(1, true, SPX_SPEC);
	struct group *g = t->nodes[1]->group;
	struct group_coverage c;

	all_are_nearest(t);
	assert_non_null(g->routes->below);
	neighbour_end(g->neighbours[0], END_DROPPED);
	assert_true(group_coverage_get(g, &c));
	assert_null(g->routes->below);
	assert_null(g->routes->above);
	spx_party_destroy(t);
}

// DR-7: who covers a fixed place is elected; comparing digits is enough.
static bool covers(const struct group_coverage *c, const char *place)
{
	char from[65], to[65];

	for (int i = 0; i < 32; i++) {
		snprintf(from + 2 * i, 3, "%02x", c->from[i]);
		snprintf(to + 2 * i, 3, "%02x", c->to[i]);
	}
	if (strcmp(from, to) <= 0)
		return strcmp(from, place) <= 0 && strcmp(place, to) <= 0;
	return strcmp(from, place) <= 0 || strcmp(place, to) <= 0; // through zero
}

static void one_is_elected_for_each_place(void **state)
{
	static const char *const places[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"4000000000000000000000000000000000000000000000000000000000000000",
		"8000000000000000000000000000000000000000000000000000000000000000",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	struct spx_party *t = spx_party_create(10, true, SPX_SPEC);
	uint32_t first = 0;

	all_are_nearest(t);
	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < ARRAY_LEN(places); i++) {
			uint32_t n = 0;

			for (uint32_t k = 0; k < t->n; k++) {
				struct group_coverage c = coverage(t->nodes[k]);
				bool is_elected = !t->nodes[k]->is_dead && covers(&c, places[i]);

				n += is_elected;
				if (is_elected && i == 0 && turn == 0)
					first = k;
			}
			assert_int_equal(n, 1);
		}
		world_die(t->nodes[first]); // the next one takes its place
		world_run(t->w, 60 * S);
	}
	spx_party_destroy(t);
}

static void a_group_without_routing_covers_nothing(void **state)
{
	struct spx_party *t = spx_party_create(1, true, RAW_SPEC);
	struct group_coverage c;

	group_set_receive_mode(t->nodes[1]->group, true, world_now_us(t->w));
	world_run(t->w, 10 * S);
	assert_false(group_coverage_get(t->nodes[1]->group, &c));
	assert_int_equal(t->told[1].n_coverage, 0);
	spx_party_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_is_exact_until_it_is_told_otherwise),
		cmocka_unit_test(nearest_members_tile_the_ring),
		cmocka_unit_test(exact_members_are_left_out),
		cmocka_unit_test(a_member_settles_before_it_takes_part),
		cmocka_unit_test(it_does_not_wait_for_ever),
		cmocka_unit_test(a_new_neighbour_beside_us_changes_a_bound),
		cmocka_unit_test(those_beside_us_are_told_and_tell),
		cmocka_unit_test(begin_says_what_mode_it_is),
		cmocka_unit_test(who_is_gone_is_not_asked_what_it_covers),
		cmocka_unit_test(one_is_elected_for_each_place),
		cmocka_unit_test(a_group_without_routing_covers_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
