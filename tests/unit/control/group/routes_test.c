// Directed routing, DR-10 to DR-18, among whole members and with such as are driven by hand.
#include "control/group/routes.h"

#include "control/group/neighbour.h"
#include "tests/support/test.h"
#include "tests/unit/control/group/spx_kit.h"

static const struct world_role member = {.is_super = false};

struct address {
	char text[65];
};

static struct address address_text(struct u256 v)
{
	struct address a;
	uint8_t octets[32];

	u256_octets(v, octets);
	for (int i = 0; i < 32; i++)
		snprintf(a.text + 2 * i, 3, "%02x", octets[i]);
	return a;
}

static struct u256 place_of(const struct world_node *n)
{
	return n->group->address;
}

static struct address address_of(const struct world_node *n)
{
	return address_text(place_of(n));
}

static struct span text_of(const char *text)
{
	return span_of(text, strlen(text));
}

static enum group_send_result to_nearest(struct world_node *n, struct u256 place, const char *text)
{
	return group_send_to_nearest(n->group, address_text(place).text, text_of(text),
				     world_now_us(n->world));
}

static enum group_send_result far(struct world_node *n, struct u256 place, const char *text)
{
	return group_send_far(n->group, address_text(place).text, text_of(text),
			      world_now_us(n->world));
}

static void be_nearest(struct spx_party *t, uint32_t first, uint32_t step)
{
	for (uint32_t i = first; i < t->n; i += step)
		group_set_receive_mode(t->nodes[i]->group, true, world_now_us(t->w));
	world_run(t->w, 20 * S);
}

// Who of those that are NEAREST is nearest to a place.
static uint32_t true_nearest(const struct spx_party *t, struct u256 place)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < t->n; i++)
		if (t->nodes[i]->group->routes->is_nearest &&
		    (best == UINT32_MAX ||
		     ring_is_nearer(place, place_of(t->nodes[i]), place_of(t->nodes[best]))))
			best = i;
	return best;
}

// ---- one hop ----

static void a_message_goes_to_the_nearest_of_all_we_know(void **state)
{
	struct spx_party *t = spx_party_create(10, true, SPX_SPEC);
	uint8_t from[32];

	be_nearest(t, 0, 1);
	for (int i = 0; i < 32; i++) {
		struct u256 place = {{(uint64_t)i << 59 | 12345}};
		uint32_t there = true_nearest(t, place), here = (uint32_t)i % t->n;
		struct spx_told *told = &t->told[there];
		uint32_t before = told->n_sent;

		assert_int_equal(to_nearest(t->nodes[here], place, "m"), GROUP_SENT);
		world_run(t->w, 100 * MS);
		assert_int_equal(told->n_sent, before + 1);
		assert_int_equal(told->is_from_local, here == there); // DR-14
		assert_false(told->is_far);
		u256_octets(place_of(t->nodes[here]), from);
		assert_memory_equal(told->from, from, 32);
		u256_octets(place, from);
		assert_memory_equal(told->to, from, 32);
	}
	spx_party_destroy(t);
}

static void an_exact_member_is_nearest_to_itself_alone(void **state)
{
	struct spx_party *t = spx_party_create(5, true, SPX_SPEC);
	const struct u256 one = u256_bit(0);
	struct u256 place = place_of(t->nodes[2]);

	assert_int_equal(to_nearest(t->nodes[1], place, "you"), GROUP_SENT);
	assert_int_equal(to_nearest(t->nodes[1], u256_add(place, one), "no"), GROUP_NO_ROUTE);
	assert_int_equal(to_nearest(t->nodes[1], place_of(t->nodes[1]), "me"), GROUP_SENT); // DR-16
	world_run(t->w, 100 * MS);
	assert_string_equal(t->told[2].routes, " you");
	assert_string_equal(t->told[1].routes, " me!");
	group_set_receive_mode(t->nodes[4]->group, true, world_now_us(t->w));
	world_run(t->w, 20 * S);
	assert_int_equal(to_nearest(t->nodes[1], u256_add(place, one), "now"), GROUP_SENT);
	assert_int_equal(to_nearest(t->nodes[1], place, "you"), GROUP_SENT);
	world_run(t->w, 100 * MS);
	assert_string_equal(t->told[4].routes, " now");
	assert_string_equal(t->told[2].routes, " you you");
	assert_int_equal(groups_counters(t->nodes[1]->groups)->routes_none, 1);
	spx_party_destroy(t);
}

static void the_next_ones_stand_on_either_side(void **state)
{
	struct spx_party *t = spx_party_create(7, true, SPX_SPEC);

	for (uint32_t i = 0; i < t->n; i++) {
		struct u256 best = {{0}};
		uint32_t next = UINT32_MAX;

		for (uint32_t k = 0; k < t->n; k++) {
			struct u256 up = ring_up(place_of(t->nodes[i]), place_of(t->nodes[k]));

			if (k != i && (next == UINT32_MAX || u256_cmp(up, best) < 0)) {
				next = k;
				best = up;
			}
		}
		t->told[i].routes[0] = t->told[next].routes[0] = '\0';
		assert_int_equal(group_send_to_neighbour(t->nodes[i]->group, true, text_of("up"),
							 world_now_us(t->w)),
				 GROUP_SENT);
		world_run(t->w, 100 * MS);
		assert_string_equal(t->told[next].routes, " up");
		assert_int_equal(group_send_to_neighbour(t->nodes[next]->group, false,
							 text_of("down"), world_now_us(t->w)),
				 GROUP_SENT);
		world_run(t->w, 100 * MS);
		assert_string_equal(t->told[i].routes, " down"); // DR-12: back where it began
	}
	spx_party_destroy(t);
}

static void all_neighbours_get_a_copy(void **state)
{
	struct spx_party *t = spx_party_create(6, true, SPX_SPEC);

	assert_int_equal(group_send_to_all_neighbours(t->nodes[3]->group, text_of("all"),
						      world_now_us(t->w)),
			 GROUP_SENT);
	world_run(t->w, 100 * MS);
	for (uint32_t i = 0; i < t->n; i++)
		assert_string_equal(t->told[i].routes, i == 3 ? "" : " all");
	spx_party_destroy(t);
}

// E-17.
static void a_group_of_one(void **state)
{
	struct spx_party *t = spx_party_create(0, true, SPX_SPEC);
	struct world_node *n = t->nodes[0];
	uint64_t now_us = world_now_us(t->w);

	assert_int_equal(group_send_to_all_neighbours(n->group, text_of("x"), now_us),
			 GROUP_NO_ROUTE);
	assert_int_equal(group_send_to_neighbour(n->group, true, text_of("x"), now_us),
			 GROUP_NO_ROUTE);
	assert_int_equal(to_nearest(n, u256_bit(9), "x"), GROUP_NO_ROUTE);
	group_set_receive_mode(n->group, true, now_us);
	world_run(t->w, 6 * S);
	assert_int_equal(to_nearest(n, u256_bit(9), "loop"), GROUP_SENT);
	world_run(t->w, 1 * MS);
	assert_string_equal(t->told[0].routes, " loop!");
	spx_party_destroy(t);
}

static void what_is_no_address_or_no_message_is_an_error(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"000000000000000000000000000000000000000000000000000000000000000",
		"00000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000000000000000000000000000000000000000000g",
		"0x00000000000000000000000000000000000000000000000000000000000000",
	};
	static uint8_t octets[ROUTE_LEN_MAX + 1];
	struct spx_party *t = spx_party_create(1, true, SPX_SPEC);
	struct group *g = t->nodes[1]->group;
	uint64_t now_us = world_now_us(t->w);
	struct address there = address_of(t->nodes[0]);
	const struct span empty = span_of(octets, 0), long_one = span_of(octets, ROUTE_LEN_MAX + 1);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_row(group_send_to_nearest(g, bad[i], text_of("x"), now_us) ==
				   GROUP_SEND_ERROR,
			   bad[i]);
		assert_row(group_send_far(g, bad[i], text_of("x"), now_us) == GROUP_SEND_ERROR,
			   bad[i]);
	}
	assert_int_equal(group_send_to_nearest(g, there.text, empty, now_us), GROUP_SEND_ERROR);
	assert_int_equal(group_send_to_nearest(g, there.text, long_one, now_us), GROUP_SEND_ERROR);
	assert_int_equal(group_send_to_neighbour(g, true, empty, now_us), GROUP_SEND_ERROR);
	assert_int_equal(group_send_to_all_neighbours(g, long_one, now_us), GROUP_SEND_ERROR);
	assert_int_equal(
		group_send_to_nearest(g, there.text, span_of(octets, ROUTE_LEN_MAX), now_us),
		GROUP_SENT);
	world_run(t->w, 1 * S);
	assert_int_equal(t->told[0].n_sent, 1);
	spx_party_destroy(t);
}

static void without_routing_all_is_an_error(void **state)
{
	struct spx_party *t = spx_party_create(1, true, RAW_SPEC);
	struct group *g = t->nodes[1]->group;
	uint64_t now_us = world_now_us(t->w);

	assert_int_equal(
		group_send_to_nearest(g, address_of(t->nodes[0]).text, text_of("x"), now_us),
		GROUP_SEND_ERROR);
	assert_int_equal(group_send_to_neighbour(g, true, text_of("x"), now_us), GROUP_SEND_ERROR);
	assert_int_equal(group_send_to_all_neighbours(g, text_of("x"), now_us), GROUP_SEND_ERROR);
	assert_int_equal(group_send_far(g, address_of(t->nodes[0]).text, text_of("x"), now_us),
			 GROUP_SEND_ERROR);
	spx_party_destroy(t);
}

// ---- bounds ----

// DR-18: 256 messages, then no route; what is on its way stays in order.
static void a_neighbour_that_takes_nothing_is_no_route(void **state)
{
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	struct spx_raw s;
	struct address there;
	uint32_t n = 0;

	raw_befriend(t);
	s = spx_raw_of(t);
	there = address_text(route_peer_address(t->node->group->neighbours[0]->spx));
	s.e->far->is_slow = true;
	for (int i = 0; i < 300; i++)
		n += group_send_to_nearest(t->node->group, there.text, text_of("x"),
					   world_now_us(t->w)) == GROUP_SENT;
	assert_int_equal(n, 256);
	assert_int_equal(groups_counters(t->node->groups)->routes_blocked, 44);
	assert_int_equal(
		group_send_to_all_neighbours(t->node->group, text_of("x"), world_now_us(t->w)),
		GROUP_NO_ROUTE);
	assert_int_equal(
		group_send_to_neighbour(t->node->group, true, text_of("x"), world_now_us(t->w)),
		GROUP_NO_ROUTE);
	raw_peer_destroy(t);
}

static void nor_does_it_hold_more_than_a_mebibyte(void **state)
{
	static uint8_t octets[32000];
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	struct spx_raw s;
	uint32_t n = 0;

	raw_befriend(t);
	s = spx_raw_of(t);
	s.e->far->is_slow = true;
	for (int i = 0; i < 100; i++)
		n += group_send_to_neighbour(t->node->group, true, span_of(octets, sizeof(octets)),
					     world_now_us(t->w)) == GROUP_SENT;
	assert_int_equal(n, (1 << 20) / (sizeof(octets) + ROUTE_HEAD_LEN));
	raw_peer_destroy(t);
}

static uint32_t n_that_got(const struct group *g, uint64_t number)
{
	struct spx_peer *p;
	uint32_t at = 0, n = 0;

	while ((p = spx_next(g, &at)) != NULL)
		n += p->all_done >= number;
	return n;
}

// DR-13, E-9: 64 in 10 ms, whatever waits behind.
static void to_many_neighbours_it_takes_its_time(void **state)
{
	enum { N = 150 };
	struct world *w = world_create(
		&(struct world_opts){.seed = 5, .latency_us = 10 * MS, .has_hmac = true});
	struct world_node *hub = world_add(w, &(struct world_role){.is_super = true});
	static struct spx_told told[N];
	uint32_t n_sent = 0;
	char text[8];

	world_join(hub, SPX_SPEC);
	for (int i = 0; i < N; i++) {
		struct world_node *n = world_add(w, &(struct world_role){.is_super = true});
		struct end *e;

		spx_listen(n, &told[i]);
		world_join(n, SPX_SPEC);
		e = world_session(n, WORLD_MEMBER, hub, WORLD_MEMBER);
		neighbour_call(n->group, &e->ctl);
	}
	world_run(w, 2 * S);
	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "%d", i);
		n_sent += group_send_to_all_neighbours(hub->group, text_of(text),
						       world_now_us(w)) == GROUP_SENT;
	}
	assert_int_equal(n_sent, ROUTE_ALL_JOBS_MAX);
	for (int lot = 1; lot <= 3 * ROUTE_ALL_JOBS_MAX; lot++) {
		uint64_t number = (uint64_t)(lot + 2) / 3;
		uint32_t n = lot % 3 == 0 ? N : 64 * (uint32_t)(lot % 3);

		assert_int_equal(n_that_got(hub->group, number), n);
		assert_int_equal(n_that_got(hub->group, number + 1), 0);
		world_run(w, 10 * MS);
	}
	world_run(w, 100 * MS);
	for (int i = 0; i < N; i++)
		assert_string_equal(told[i].routes, " 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
	world_destroy(w);
}

static void requests_are_not_taken_twice(void **state)
{
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	struct route_far f = {.hops_left = 9, .request = {1}, .message = text_of("far")};
	struct spx_told told = {0};
	uint8_t octets[256];
	struct spx_raw s;

	raw_befriend(t);
	s = spx_raw_of(t);
	spx_listen(t->node, &told);
	u256_octets(t->node->group->address, f.target);
	for (int i = 0; i < 4; i++) {
		struct wr w = wr_over(octets, sizeof(octets));

		f.origin[0] = i == 3; // another's request with the same number
		route_far_write(&w, &f);
		raw_send(s.e, s.routes, octets, w.len);
		world_run(t->w, i == 1 ? 31 * S : 100 * MS); // 30 s later it is forgotten
	}
	assert_int_equal(told.n_sent, 3);
	assert_true(told.is_far);
	assert_int_equal(groups_counters(t->node->groups)->routes_far_repeated, 1);
	raw_peer_destroy(t);
}

static void only_so_many_requests_are_remembered(void **state)
{
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	struct route_far f = {.hops_left = 9, .message = text_of("far")};
	uint8_t octets[256];
	struct spx_raw s;

	raw_befriend(t);
	s = spx_raw_of(t);
	for (uint32_t i = 0; i < 9000; i++) {
		struct wr w = wr_over(octets, sizeof(octets));

		memcpy(f.request, &i, sizeof(i));
		route_far_write(&w, &f);
		raw_send(s.e, s.routes, octets, w.len);
		if (i % 1000 == 999)
			world_run(t->w, 1100 * MS); // as fast as a neighbour may
	}
	world_run(t->w, 100 * MS);
	assert_int_equal(t->node->group->routes->requests.n, 8192);
	assert_int_equal(groups_counters(t->node->groups)->routes_requests_evicted, 9000 - 8192);
	raw_peer_destroy(t);
}

static void what_is_not_for_an_exact_member_is_ignored(void **state)
{
	static const struct {
		const char *claim;
		enum route_mode mode;
		bool is_own, is_taken;
	} rows[] = {
		{"nearest to another place", ROUTE_NEAREST, false, false},
		{"nearest to its own", ROUTE_NEAREST, true, true},
		{"next", ROUTE_NEXT_INCREASING, false, true},
		{"next", ROUTE_NEXT_DECREASING, false, true},
		{"all", ROUTE_ALL_NEIGHBOURS, false, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int is_nearest = 0; is_nearest < 2; is_nearest++) {
			struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
			struct route_msg m = {.mode = rows[i].mode, .message = text_of("x")};
			struct spx_told told = {0};
			uint8_t octets[64];
			struct wr w = wr_over(octets, sizeof(octets));
			struct spx_raw s;

			raw_befriend(t);
			s = spx_raw_of(t);
			spx_listen(t->node, &told);
			group_set_receive_mode(t->node->group, is_nearest, world_now_us(t->w));
			world_run(t->w, 20 * S);
			if (rows[i].is_own)
				u256_octets(t->node->group->address, m.target);
			route_write(&w, &m);
			raw_send(s.e, s.routes, octets, w.len);
			world_run(t->w, 100 * MS);
			assert_row(told.n_sent == (rows[i].is_taken || is_nearest), rows[i].claim);
			assert_row(groups_counters(t->node->groups)->routes_ignored ==
					   !(rows[i].is_taken || is_nearest),
				   rows[i].claim);
			raw_peer_destroy(t);
		}
}

static void a_flood_of_messages_is_cut(void **state)
{
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	struct route_msg m = {.mode = ROUTE_ALL_NEIGHBOURS, .message = text_of("x")};
	struct spx_told told = {0};
	uint8_t octets[64];
	struct wr w = wr_over(octets, sizeof(octets));
	struct spx_raw s;

	raw_befriend(t);
	s = spx_raw_of(t);
	spx_listen(t->node, &told);
	route_write(&w, &m);
	for (int i = 0; i < 3000; i++)
		raw_send(s.e, s.routes, octets, w.len);
	world_run(t->w, 100 * MS);
	assert_int_equal(told.n_sent, 2000);
	assert_int_equal(groups_counters(t->node->groups)->spx_limited, 1000);
	raw_peer_destroy(t);
}

// ---- all the way ----

static void it_finds_the_nearest_of_the_whole_ring(void **state)
{
	struct spx_party *t = spx_party_create(30, true, SPX_SPEC);

	be_nearest(t, 0, 1);
	for (int i = 0; i < 60; i++) {
		struct u256 place = {{(uint64_t)i << 58 | 999}};
		uint32_t there = true_nearest(t, place), here = (uint32_t)i % t->n;
		struct spx_told *told = &t->told[there];
		uint32_t before = told->n_sent;
		uint8_t origin[32];

		assert_int_equal(far(t->nodes[here], place, "m"), GROUP_SENT);
		world_run(t->w, 500 * MS);
		assert_int_equal(told->n_sent, before + 1);
		assert_true(told->is_far);
		u256_octets(place_of(t->nodes[here]), origin);
		assert_memory_equal(told->from, origin, 32);
		assert_int_equal(told->is_from_local, here == there);
	}
	spx_party_destroy(t);
}

static void only_members_that_are_nearest_pass_it_on(void **state)
{
	struct spx_party *t = spx_party_create(20, true, SPX_SPEC);

	be_nearest(t, 1, 2);
	for (int i = 0; i < 40; i++) {
		struct u256 place = {{(uint64_t)i << 58 | 999}};
		uint32_t there = true_nearest(t, place);
		uint32_t before = t->told[there].n_sent;

		assert_int_equal(far(t->nodes[(uint32_t)i % t->n], place, "m"), GROUP_SENT);
		world_run(t->w, 500 * MS);
		assert_int_equal(t->told[there].n_sent, before + 1);
	}
	for (uint32_t i = 0; i < t->n; i++)
		assert_int_equal(groups_counters(t->nodes[i]->groups)->routes_ignored, 0);
	spx_party_destroy(t);
}

// DR-17: a hop less each time, none left is the end; a hop that leads no nearer is not taken.
static void it_goes_no_further_than_its_hops(void **state)
{
	for (int hops = 0; hops < 3; hops++) {
		struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
		struct route_far f = {
			.hops_left = (uint8_t)hops, .request = {1}, .message = text_of("far")};
		struct spx_told told = {0};
		uint8_t octets[256];
		struct wr w = wr_over(octets, sizeof(octets));
		struct spx_heard h;
		struct spx_raw s;

		raw_befriend(t);
		s = spx_raw_of(t);
		spx_listen(t->node, &told);
		raw_send(s.e, s.main, "\x0f", 1);
		group_set_receive_mode(t->node->group, true, world_now_us(t->w));
		world_run(t->w, 10 * S);
		spx_hear(&s);
		u256_octets(route_peer_address(t->node->group->neighbours[0]->spx), f.target);
		route_far_write(&w, &f);
		raw_send(s.e, s.routes, octets, w.len);
		world_run(t->w, 100 * MS);
		h = spx_hear(&s);
		assert_int_equal(h.n_far, hops > 0);
		assert_int_equal(groups_counters(t->node->groups)->routes_far_lost, hops == 0);
		if (hops > 0) {
			assert_int_equal(route_far_read(&f, span_of(h.last, h.len)), 0);
			assert_int_equal(f.hops_left, hops - 1);
			assert_int_equal(f.hops, 1);
		}
		assert_int_equal(told.n_sent, 0);
		raw_peer_destroy(t);
	}
}

static void a_full_queue_on_the_way_drops_and_counts(void **state)
{
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	struct route_far f = {.hops_left = 9, .message = text_of("far")};
	struct spx_raw a, b;

	raw_befriend(t);
	a = spx_raw_of(t);
	b = spx_raw_add(t);
	raw_send(b.e, b.main, "\x0f", 1);
	group_set_receive_mode(t->node->group, true, world_now_us(t->w));
	world_run(t->w, 10 * S);
	b.e->far->is_slow = true;
	u256_octets(route_peer_address(neighbour_find(t->node->group, &b.e->far->ctl)->spx),
		    f.target);
	for (int i = 0; i < 300; i++) {
		uint8_t octets[256];
		struct wr w = wr_over(octets, sizeof(octets));

		memcpy(f.request, &i, sizeof(i));
		route_far_write(&w, &f);
		raw_send(a.e, a.routes, octets, w.len);
	}
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->node->groups)->routes_far_passed, 256);
	assert_int_equal(groups_counters(t->node->groups)->routes_far_blocked, 44);
	raw_peer_destroy(t);
}

// DR-11: the program goes on itself.
// Somebody who stands between a member and another one's place.
static uint32_t one_beyond(const struct spx_party *t, uint32_t from)
{
	for (uint32_t to = 0; to < t->n; to++)
		for (uint32_t k = 0; k < t->n; k++)
			if (to != from && k != from && k != to &&
			    ring_is_nearer(place_of(t->nodes[to]), place_of(t->nodes[k]),
					   place_of(t->nodes[from])))
				return to;
	assert_true(false);
	return 0;
}

// A link ends with messages on it: they take another one. What a suspect has not acknowledged may
// have reached others long ago, and what goes one hop is nobody else's.
static void what_was_on_a_link_that_ended_goes_another_way(void **state)
{
	static const struct {
		const char *claim;
		bool is_suspect, arrives;
	} rows[] = {{"a link that ended", false, true}, {"a suspect's", true, false}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct spx_party *t = spx_party_create(5, true, SPX_SPEC);
		uint32_t to = one_beyond(t, 1);
		struct world_node *a = t->nodes[1], *b = t->nodes[to];
		const struct groups_counters *n = groups_counters(a->groups);
		struct end *e;

		be_nearest(t, 0, 1);
		e = world_end_to(a, b, WORLD_MEMBER);
		e->is_slow = true;
		assert_int_equal(far(a, place_of(b), "far"), GROUP_SENT);
		assert_int_equal(to_nearest(a, place_of(b), "one hop"), GROUP_SENT);
		world_run(t->w, 1 * S);
		assert_row(t->told[to].n_sent == 0, rows[i].claim);
		neighbour_find(a->group, &e->ctl)->is_suspect = rows[i].is_suspect;
		world_cut(e, CLOSED_BY_FAR);
		world_run(t->w, 100 * MS);
		assert_row(n->routes_far_again == rows[i].arrives, rows[i].claim);
		assert_row(strcmp(t->told[to].routes, rows[i].arrives ? " far" : "") == 0,
			   rows[i].claim);
		spx_party_destroy(t);
	}
}

static void nothing_goes_another_way_when_we_leave(void **state)
{
	struct spx_party *t = spx_party_create(5, true, SPX_SPEC);
	struct world_node *a = t->nodes[1];

	be_nearest(t, 0, 1);
	world_end_to(a, t->nodes[3], WORLD_MEMBER)->is_slow = true;
	assert_int_equal(far(a, place_of(t->nodes[3]), "far"), GROUP_SENT);
	world_run(t->w, 100 * MS);
	group_leave(a->group, world_now_us(t->w));
	assert_int_equal(groups_counters(a->groups)->routes_far_again, 0);
	world_run(t->w, 100 * MS);
	assert_string_equal(t->told[3].routes, "");
	spx_party_destroy(t);
}

static void a_program_goes_on_until_it_is_home(void **state)
{
	struct spx_party *t = spx_party_create(25, true, SPX_SPEC);

	be_nearest(t, 0, 1);
	for (int i = 0; i < 20; i++) {
		struct u256 place = {{(uint64_t)i << 59 | 999}};
		uint32_t at = (uint32_t)i % t->n, there = true_nearest(t, place), hops = 0;
		bool is_home = false;

		while (!is_home && hops < 10) {
			uint32_t next = UINT32_MAX;

			for (uint32_t k = 0; k < t->n; k++)
				t->told[k].n_sent = 0;
			assert_int_equal(to_nearest(t->nodes[at], place, "m"), GROUP_SENT);
			world_run(t->w, 100 * MS);
			for (uint32_t k = 0; k < t->n; k++)
				next = t->told[k].n_sent > 0 ? k : next;
			assert_int_not_equal(next, UINT32_MAX);
			is_home = t->told[next].is_from_local;
			at = next;
			hops++;
		}
		assert_true(is_home);
		assert_int_equal(at, there);
	}
	spx_party_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_goes_to_the_nearest_of_all_we_know),
		cmocka_unit_test(an_exact_member_is_nearest_to_itself_alone),
		cmocka_unit_test(the_next_ones_stand_on_either_side),
		cmocka_unit_test(all_neighbours_get_a_copy),
		cmocka_unit_test(a_group_of_one),
		cmocka_unit_test(what_is_no_address_or_no_message_is_an_error),
		cmocka_unit_test(without_routing_all_is_an_error),
		cmocka_unit_test(a_neighbour_that_takes_nothing_is_no_route),
		cmocka_unit_test(nor_does_it_hold_more_than_a_mebibyte),
		cmocka_unit_test(to_many_neighbours_it_takes_its_time),
		cmocka_unit_test(requests_are_not_taken_twice),
		cmocka_unit_test(only_so_many_requests_are_remembered),
		cmocka_unit_test(what_is_not_for_an_exact_member_is_ignored),
		cmocka_unit_test(a_flood_of_messages_is_cut),
		cmocka_unit_test(it_finds_the_nearest_of_the_whole_ring),
		cmocka_unit_test(only_members_that_are_nearest_pass_it_on),
		cmocka_unit_test(it_goes_no_further_than_its_hops),
		cmocka_unit_test(a_full_queue_on_the_way_drops_and_counts),
		cmocka_unit_test(what_was_on_a_link_that_ended_goes_another_way),
		cmocka_unit_test(nothing_goes_another_way_when_we_leave),
		cmocka_unit_test(a_program_goes_on_until_it_is_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
