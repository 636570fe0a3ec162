// Two who stand beside each other and cannot meet, and a message for one of them that came to the
// other (DR-6, DR-17; docs/spx.md): it goes by a neighbour of both.
#include "control/group/detour.h"

#include "control/group/neighbour.h"
#include "tests/support/test.h"
#include "tests/unit/control/group/rumours.h"
#include "tests/unit/control/group/spx_kit.h"

enum { HELPERS = 5, HOPS = 20 };

// A NEAREST member, neighbours of it driven by hand, and somebody next to it whom none of them is.
struct detour {
	struct raw_peer *t;
	struct spx_raw helpers[HELPERS]; // nearest to the stranger first
	uint32_t n;
	struct spx_told told;
	uint8_t stranger[PEER_ID_LEN], place[GROUP_ADDRESS_LEN];
	uint8_t n_sent;
};

static struct u256 place_of(const struct spx_raw *s)
{
	uint8_t address[GROUP_ADDRESS_LEN];

	group_address_of(s->raw->id, address);
	return u256_of(address);
}

static void helpers_sort(struct detour *d)
{
	for (uint32_t i = 1; i < d->n; i++)
		for (uint32_t k = i;
		     k > 0 && ring_is_nearer(u256_of(d->place), place_of(&d->helpers[k]),
					     place_of(&d->helpers[k - 1]));
		     k--) {
			struct spx_raw other = d->helpers[k];

			d->helpers[k] = d->helpers[k - 1];
			d->helpers[k - 1] = other;
		}
}

// The next one up the ring.
static void stranger_find(struct detour *d)
{
	const struct u256 at = d->t->node->group->address;
	struct u256 best = {{UINT64_MAX}};

	for (uint32_t i = 0; i < 1000; i++) {
		uint8_t id[PEER_ID_LEN] = {0xdd}, address[GROUP_ADDRESS_LEN];
		struct u256 up;

		memcpy(id + 1, &i, sizeof(i));
		group_address_of(id, address);
		up = ring_up(at, u256_of(address));
		if (u256_cmp(up, best) >= 0)
			continue;
		best = up;
		memcpy(d->stranger, id, sizeof(id));
		memcpy(d->place, address, sizeof(address));
	}
}

static void rumour(struct detour *d, uint64_t age_s)
{
	raw_gossip(d->t, &(struct rumour){.id = d->stranger, .age_s = age_s}, 1);
}

static struct detour *detour_create(uint32_t n_helpers)
{
	static const struct world_role member = {.is_super = false};
	struct detour *d = calloc(1, sizeof(*d));

	d->t = raw_peer_create_in(&member, SPX_SPEC);
	raw_befriend(d->t);
	d->helpers[d->n++] = spx_raw_of(d->t);
	while (d->n < n_helpers)
		d->helpers[d->n++] = spx_raw_add(d->t);
	spx_listen(d->t->node, &d->told);
	group_set_receive_mode(d->t->node->group, true, world_now_us(d->t->w));
	world_run(d->t->w, 10 * S);
	stranger_find(d);
	helpers_sort(d);
	for (uint32_t i = 0; i < d->n; i++)
		spx_hear(&d->helpers[i]);
	return d;
}

static void detour_destroy(struct detour *d)
{
	raw_peer_destroy(d->t);
	free(d);
}

static const struct groups_counters *counters(const struct detour *d)
{
	return groups_counters(d->t->node->groups);
}

// Our member sends a message of its own to the stranger.
static void send_one(struct detour *d)
{
	char address[2 * GROUP_ADDRESS_LEN + 1];

	for (int i = 0; i < GROUP_ADDRESS_LEN; i++)
		snprintf(address + 2 * i, 3, "%02x", d->place[i]);
	assert_int_equal(
		group_send_far(d->t->node->group, address, span_of("m", 1), world_now_us(d->t->w)),
		GROUP_SENT);
	world_run(d->t->w, 100 * MS);
}

// By the way of a helper.
static void by_hand(struct detour *d, uint32_t helper, const struct route_far *f)
{
	uint8_t octets[256];
	struct wr w = wr_over(octets, sizeof(octets));

	route_far_write(&w, f);
	raw_send(d->helpers[helper].e, d->helpers[helper].routes, octets, w.len);
	world_run(d->t->w, 100 * MS);
}

// A message of somebody else's for the stranger, a new one each time.
static struct route_far message_of(struct detour *d, enum route_way way, uint8_t hops_left)
{
	struct route_far f = {.way = way,
			      .hops_left = hops_left,
			      .request = {++d->n_sent},
			      .message = span_of("m", 1)};

	memcpy(f.target, d->place, sizeof(f.target));
	return f;
}

// Which helper has got a message aside, in f; HELPERS: nobody.
static uint32_t asked(struct detour *d, struct route_far *f)
{
	static struct spx_heard h;
	uint32_t who = HELPERS;

	for (uint32_t i = 0; i < d->n; i++) {
		h = spx_hear(&d->helpers[i]);
		if (h.n_aside == 0)
			continue;
		assert_int_equal(who, HELPERS);
		assert_int_equal(h.n_aside, 1);
		assert_int_equal(route_far_read(f, span_of(h.last, h.len)), 0);
		f->message = span_of("m", 1);
		who = i;
	}
	return who;
}

static void who_is_out_of_reach_is_reached_by_another(void **state)
{
	struct detour *d = detour_create(3);
	struct route_far f;

	rumour(d, 0);
	send_one(d);
	assert_int_equal(asked(d, &f), 0); // who stands nearest to the stranger
	assert_int_equal(f.hops, 1);
	assert_memory_equal(f.target, d->place, sizeof(f.target));
	assert_int_equal(d->told.n_sent, 0);
	assert_int_equal(counters(d)->routes_far_aside, 1);
	// It is not sent again by somebody else's word.
	world_run(d->t->w, 5 * S);
	assert_int_equal(asked(d, &f), HELPERS);
	detour_destroy(d);
}

// Whom nobody knows, who fell silent, or is no nearer: the message is at home.
static void without_somebody_nearer_it_stays(void **state)
{
	enum { UNKNOWN, STALE, FARTHER, LINKED, LAST_HOP, CASES };
	static const char *const claims[CASES] = {"nobody was heard of", "nobody was lately",
						  "the target is on our other side",
						  "who is nearer is a neighbour", "no hops left"};

	for (int i = 0; i < CASES; i++) {
		struct detour *d = detour_create(2);
		struct route_far f = message_of(d, ROUTE_NEARER, i == LAST_HOP ? 1 : HOPS);

		if (i != UNKNOWN)
			rumour(d, 0);
		if (i == STALE)
			world_run(d->t->w, 61 * S);
		if (i == FARTHER)
			u256_octets(u256_sub(d->t->node->group->address, u256_bit(0)), f.target);
		if (i == LINKED) // silent, and not to be asked for
			members_find(&d->t->node->group->members, d->stranger)->neighbour =
				d->t->node->group->neighbours[0];
		by_hand(d, 1, &f);
		assert_row(d->told.n_sent == 1, claims[i]);
		assert_row(asked(d, &f) == HELPERS, claims[i]);
		if (i == LINKED)
			members_find(&d->t->node->group->members, d->stranger)->neighbour = NULL;
		detour_destroy(d);
	}
}

// While members vanish, gossip is not enough: it was called in vain, and somebody says since that
// it is there.
static void where_members_vanish_gossip_of_somebody_nearer_is_doubted(void **state)
{
	static const struct {
		const char *claim;
		uint8_t n_tries;
		uint64_t age_s;
		bool is_asked_for;
	} rows[] = {
		{"not called yet", 0, 0, false},
		{"called in vain, and not heard of since", 1, 11, false},
		{"called in vain, and there", 1, 9, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct detour *d = detour_create(2);
		struct group *g = d->t->node->group;
		struct route_far f;

		rumour(d, rows[i].age_s);
		g->suspected_us[0] = world_now_us(d->t->w);
		neighbours_unrest(g);
		members_find(&g->members, d->stranger)->n_tries = rows[i].n_tries;
		send_one(d);
		assert_row((asked(d, &f) == 0) == rows[i].is_asked_for, rows[i].claim);
		assert_row((d->told.n_sent == 1) != rows[i].is_asked_for, rows[i].claim);
		detour_destroy(d);
	}
}

// One after the other is asked, three at most; then it is at home, and once.
static void who_knows_nobody_sends_it_back(void **state)
{
	struct detour *d = detour_create(5);
	struct route_far f;

	rumour(d, 0);
	send_one(d);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(asked(d, &f), i);
		assert_int_equal(f.hops, 2 * i + 1);
		assert_int_equal(d->told.n_sent, 0);
		f.way = ROUTE_BACK;
		f.hops_left--;
		f.hops++;
		by_hand(d, i, &f);
	}
	assert_int_equal(asked(d, &f), HELPERS);
	assert_int_equal(d->told.n_sent, 1);
	assert_true(d->told.is_from_local && d->told.is_far);
	assert_int_equal(counters(d)->routes_far_aside, 3);
	assert_int_equal(counters(d)->routes_far_repeated, 0);
	detour_destroy(d);
}

static void a_super_peer_is_asked_second(void **state)
{
	struct detour *d = detour_create(4);
	struct neighbour *far = NULL;
	struct route_far f;

	for (uint32_t i = 0; i < d->t->node->group->n_neighbours; i++)
		if (memcmp(d->t->node->group->neighbours[i]->cs->fingerprint, d->helpers[3].raw->id,
			   PEER_ID_LEN) == 0)
			far = d->t->node->group->neighbours[i];
	assert_non_null(far);
	far->is_super = true;
	rumour(d, 0);
	send_one(d);
	assert_int_equal(asked(d, &f), 0);
	f.way = ROUTE_BACK;
	by_hand(d, 0, &f);
	assert_int_equal(asked(d, &f), 3);
	detour_destroy(d);
}

// Nobody makes a message arrive twice, or one arrive that was not here.
static void only_what_was_sent_aside_comes_back_and_once(void **state)
{
	struct detour *d = detour_create(2);
	struct route_far f, strange;

	rumour(d, 0);
	send_one(d);
	assert_int_equal(asked(d, &f), 0);
	f.way = ROUTE_BACK;
	by_hand(d, 1, &f); // who was not asked
	strange = message_of(d, ROUTE_BACK, HOPS);
	by_hand(d, 0, &strange); // what was never here
	assert_int_equal(counters(d)->routes_far_repeated, 2);
	assert_int_equal(d->told.n_sent, 0);
	by_hand(d, 0, &f);
	assert_int_equal(asked(d, &strange), 1);
	by_hand(d, 0, &f); // again
	assert_int_equal(counters(d)->routes_far_repeated, 3);
	by_hand(d, 1, &f);
	assert_int_equal(d->told.n_sent, 1);
	by_hand(d, 1, &f);
	assert_int_equal(counters(d)->routes_far_repeated, 4);
	assert_int_equal(d->told.n_sent, 1);
	f.way = ROUTE_NEARER; // nor does it come as a new one
	by_hand(d, 1, &f);
	assert_int_equal(counters(d)->routes_far_repeated, 5);
	assert_int_equal(d->told.n_sent, 1);
	detour_destroy(d);
}

// The other end of it: we are asked.
static void who_is_asked_passes_it_on_or_back(void **state)
{
	static const struct {
		const char *claim;
		bool is_nearest; // the other helper, which stands right at the target
		uint8_t hops_left;
		uint32_t n_far, n_back, n_lost;
	} rows[] = {
		{"a neighbour that is nearer than who asked", true, HOPS, 1, 0, 0},
		{"one that is EXACT, at its own place", false, HOPS, 1, 0, 0},
		{"no hops left", true, 0, 0, 0, 1},
		{"nobody", false, HOPS, 0, 1, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int is_again = 0; is_again < 2; is_again++) {
			struct detour *d = detour_create(2);
			struct route_far f = message_of(d, ROUTE_ASIDE, rows[i].hops_left);
			struct u256 target = place_of(&d->helpers[1]);
			struct spx_heard to, from;

			group_set_receive_mode(d->t->node->group, false, world_now_us(d->t->w));
			if (rows[i].is_nearest)
				raw_send(d->helpers[1].e, d->helpers[1].main, "\x0f", 1);
			world_run(d->t->w, 1 * S);
			if (rows[i].is_nearest || rows[i].n_back > 0)
				target = u256_add(target, u256_bit(0)); // nobody's own place
			u256_octets(target, f.target);
			spx_hear(&d->helpers[0]);
			spx_hear(&d->helpers[1]);
			by_hand(d, 0, &f);
			if (is_again) { // another member that keeps it may ask us, too
				spx_hear(&d->helpers[0]);
				spx_hear(&d->helpers[1]);
				by_hand(d, 0, &f);
			}
			from = spx_hear(&d->helpers[0]);
			to = spx_hear(&d->helpers[1]);
			assert_row(to.n_far == rows[i].n_far && to.n_back == 0, rows[i].claim);
			assert_row(from.n_back == rows[i].n_back && from.n_far == 0, rows[i].claim);
			assert_row(counters(d)->routes_far_lost ==
					   rows[i].n_lost * (1 + (uint32_t)is_again),
				   rows[i].claim);
			assert_row(d->told.n_sent == 0, rows[i].claim);
			if (rows[i].n_far + rows[i].n_back > 0) {
				const struct spx_heard *h = rows[i].n_far > 0 ? &to : &from;

				assert_int_equal(route_far_read(&f, span_of(h->last, h->len)), 0);
				assert_int_equal(f.hops_left, HOPS - 1);
				assert_int_equal(f.hops, 1);
			}
			detour_destroy(d);
		}
}

// Nearer than who asked, without his knowing: it is ours like any other, and once.
static void who_is_asked_may_be_the_nearest(void **state)
{
	struct detour *d = detour_create(1);
	struct route_far f = message_of(d, ROUTE_ASIDE, HOPS);

	u256_octets(d->t->node->group->address, f.target);
	by_hand(d, 0, &f);
	by_hand(d, 0, &f);
	assert_int_equal(d->told.n_sent, 1);
	assert_int_equal(counters(d)->routes_far_repeated, 1);
	detour_destroy(d);
}

// A link ended with a message on it that went aside: somebody else is asked.
static void what_was_on_its_way_aside_goes_by_another(void **state)
{
	struct detour *d = detour_create(3);
	struct route_far f;

	rumour(d, 0);
	d->helpers[0].e->far->is_slow = true;
	send_one(d);
	assert_int_equal(asked(d, &f), HELPERS); // it is under way to the first
	world_cut(d->helpers[0].e, CLOSED_BY_FAR);
	world_run(d->t->w, 100 * MS);
	assert_int_equal(counters(d)->routes_far_again, 1);
	assert_int_equal(asked(d, &f), 1);
	assert_int_equal(f.hops, 1);
	detour_destroy(d);
}

static struct neighbour *neighbour_to(struct detour *d, uint32_t helper)
{
	struct group *g = d->t->node->group;

	for (uint32_t i = 0; i < g->n_neighbours; i++)
		if (memcmp(g->neighbours[i]->cs->fingerprint, d->helpers[helper].raw->id,
			   PEER_ID_LEN) == 0)
			return g->neighbours[i];
	return NULL;
}

static void check_sent(struct detour *d, uint32_t to, const char *claim)
{
	for (uint32_t i = 0; i < d->n; i++)
		assert_row(spx_hear(&d->helpers[i]).n_routes == (i == to), claim);
}

// docs/spx.md: who has been silent for long, or is about to part from us, is not there, whichever
// way a message goes (DR-10, DR-12, DR-13), and is not asked for a way either.
static void who_is_silent_or_parting_gets_nothing(void **state)
{
	static const char *const claims[] = {"silent", "parting"};

	for (int i = 0; i < 2; i++) {
		struct detour *d = detour_create(2);
		struct group *g = d->t->node->group;
		const struct span text = span_of("x", 1);
		bool is_up = u256_cmp(ring_up(g->address, place_of(&d->helpers[0])),
				      ring_up(g->address, place_of(&d->helpers[1]))) < 0;
		char address[2 * GROUP_ADDRESS_LEN + 1];
		uint8_t octets[GROUP_ADDRESS_LEN];
		struct route_far f;
		uint64_t now_us;

		u256_octets(place_of(&d->helpers[0]), octets);
		for (int k = 0; k < GROUP_ADDRESS_LEN; k++)
			snprintf(address + 2 * k, 3, "%02x", octets[k]);
		group_set_receive_mode(g, false, world_now_us(d->t->w));
		world_run(d->t->w, 1 * S);
		now_us = world_now_us(d->t->w);
		assert_int_equal(group_send_to_nearest(g, address, text, now_us), GROUP_SENT);
		world_run(d->t->w, 100 * MS);
		check_sent(d, 0, claims[i]);
		assert_int_equal(group_send_to_neighbour(g, is_up, text, now_us), GROUP_SENT);
		world_run(d->t->w, 100 * MS);
		check_sent(d, 0, claims[i]);
		if (i == 0)
			neighbour_to(d, 0)->is_suspect = true;
		else
			neighbour_to(d, 0)->asked_us = world_now_us(d->t->w);
		now_us = world_now_us(d->t->w);
		assert_int_equal(group_send_to_nearest(g, address, text, now_us), GROUP_NO_ROUTE);
		assert_int_equal(group_send_to_neighbour(g, is_up, text, now_us), GROUP_SENT);
		world_run(d->t->w, 100 * MS);
		check_sent(d, 1, claims[i]);
		assert_int_equal(group_send_to_all_neighbours(g, text, now_us), GROUP_SENT);
		world_run(d->t->w, 100 * MS);
		check_sent(d, 1, claims[i]);
		rumour(d, 0);
		send_one(d);
		assert_row(asked(d, &f) == 1, claims[i]);
		detour_destroy(d);
	}
}

static void only_so_many_that_were_asked_are_remembered(void **state)
{
	struct detour *d = detour_create(2);
	struct recent_keys *asked_keys = &d->t->node->group->routes->asked;

	rumour(d, 0);
	for (int i = 0; i < 9000; i++) {
		struct route_far f = message_of(d, ROUTE_NEARER, HOPS);
		uint8_t octets[256];
		struct wr w = wr_over(octets, sizeof(octets));

		memcpy(f.request, &i, sizeof(i));
		route_far_write(&w, &f);
		raw_send(d->helpers[1].e, d->helpers[1].routes, octets, w.len);
		if (i % 100 == 99) { // as fast as it may, and as is taken
			world_run(d->t->w, 110 * MS);
			spx_hear(&d->helpers[0]);
		}
	}
	assert_int_equal(asked_keys->n, asked_keys->max);
	assert_true(asked_keys->max <= 8192);
	assert_int_equal(counters(d)->routes_far_aside, 9000);
	detour_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_out_of_reach_is_reached_by_another),
		cmocka_unit_test(without_somebody_nearer_it_stays),
		cmocka_unit_test(where_members_vanish_gossip_of_somebody_nearer_is_doubted),
		cmocka_unit_test(who_knows_nobody_sends_it_back),
		cmocka_unit_test(a_super_peer_is_asked_second),
		cmocka_unit_test(only_what_was_sent_aside_comes_back_and_once),
		cmocka_unit_test(who_is_asked_passes_it_on_or_back),
		cmocka_unit_test(who_is_asked_may_be_the_nearest),
		cmocka_unit_test(what_was_on_its_way_aside_goes_by_another),
		cmocka_unit_test(who_is_silent_or_parting_gets_nothing),
		cmocka_unit_test(only_so_many_that_were_asked_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
