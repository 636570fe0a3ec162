// Gossip with a far end that is driven by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/internal.h"
#include "control/group/wanted.h"
#include "tests/unit/control/group/rumours.h"

static int begin(void **state)
{
	*state = raw_peer_create(&(struct world_role){.is_super = false});
	return 0;
}

static int begin_super(void **state)
{
	*state = raw_peer_create(&(struct world_role){.is_super = true});
	return 0;
}

static int end(void **state)
{
	raw_peer_destroy(*state);
	return 0;
}

// The next report among what came; NULL: none.
static struct got *next_report(struct raw_peer *t)
{
	struct got *g;

	while ((g = world_got(t->raw)) != NULL) {
		if (memcmp(g->meta, RAW_MAIN, 3) == 0 && g->octets[0] == GROUP_REPORT)
			return g;
		free(g);
	}
	return NULL;
}

static struct group_report_self self_of(const struct got *g, struct group_report_iter *it)
{
	struct group_report_self self;

	assert_int_equal(group_report_read(&self, it, span_of(g->octets, g->len)), 0);
	return self;
}

struct record {
	uint8_t id;
	uint64_t age_s;
};

static void send_report(struct raw_peer *t, const struct group_report_self *flags,
			const struct record *records, size_t n)
{
	uint8_t octets[4096];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_report_self self = flags != NULL ? *flags : (struct group_report_self){0};

	wire_addr_parse(&self.receiver_addr, "203.0.113.9:4444");
	self.receiver_addr.origin = ADDR_OBSERVED;
	assert_int_equal(group_report_write_self(&w, &self), 0);
	for (size_t i = 0; i < n; i++) {
		struct group_report_record r = {.peer_id = {records[i].id},
						.age_s = records[i].age_s};

		wire_addr_parse(&r.addrs.addrs[0], "198.51.100.7:1936");
		r.addrs.addrs[0].ip[3] = records[i].id; // each is called once in 30 s
		r.addrs.n = 1;
		assert_int_equal(group_report_write_record(&w, &r), 0);
	}
	raw_send(t->e, t->main, octets, w.len);
	world_run(t->w, 100 * MS);
}

static uint32_t n_known(const struct raw_peer *t)
{
	struct group_info i;

	group_info_get(t->node->group, &i);
	return i.n_members_known;
}

static void the_first_report_answers_begin_and_names_the_receiver(void **state)
{
	struct raw_peer *t = *state;
	struct group_report_iter it;
	struct group_report_record r;
	struct group_report_self self;
	struct got *g;

	raw_greet(t);
	g = next_report(t);
	self = self_of(g, &it);
	assert_true(wire_addr_equal(&self.receiver_addr, &t->raw->addr));
	assert_int_equal(self.receiver_addr.origin, ADDR_OBSERVED);
	assert_false(self.is_spx || self.is_super_peer); // nobody spoke of it
	assert_false(group_report_next(&it, &r));        // we know nobody else
	free(g);
	assert_null(next_report(t));
}

static void a_super_peer_says_so_first(void **state)
{
	struct raw_peer *t = *state;
	struct group_report_iter it;
	struct group_report_self self;
	struct got *g;

	raw_greet(t);
	g = next_report(t);
	self = self_of(g, &it);
	assert_true(self.is_spx && self.is_super_peer);
	free(g);
}

static void who_speaks_our_extension_hears_it_too(void **state)
{
	struct raw_peer *t = *state;
	struct group_report_self flags = {.is_spx = true}, self;
	struct group_report_iter it;
	struct got *g;

	raw_befriend(t);
	send_report(t, &flags, NULL, 0); // the reply to its first one
	send_report(t, &flags, NULL, 0);
	g = next_report(t);
	self = self_of(g, &it);
	assert_true(self.is_spx && !self.is_super_peer);
	// It has learned where it is seen.
	assert_int_equal(self.own.n, 1);
	assert_int_equal(self.own.addrs[0].port, 4444);
	free(g);
}

static void what_is_no_reply_is_answered_once(void **state)
{
	struct raw_peer *t = *state;
	struct got *g;

	raw_befriend(t); // its report is out, ours is expected
	send_report(t, NULL, NULL, 0);
	assert_null(next_report(t));
	send_report(t, NULL, NULL, 0);
	g = next_report(t);
	assert_non_null(g);
	free(g);
	assert_null(next_report(t));
}

static void every_ten_seconds_somebody_gets_one(void **state)
{
	struct raw_peer *t = *state;
	struct got *g;
	uint32_t n = 0;

	raw_befriend(t);
	for (int i = 0; i < 60; i++) {
		world_run(t->w, 1 * S);
		g = next_report(t);
		if (g != NULL) {
			n++;
			send_report(t, NULL, NULL, 0); // our reply
		}
		free(g);
	}
	assert_in_range(n, 5, 6);
}

static void records_are_taken_unless_they_are_old_or_foolish(void **state)
{
	struct raw_peer *t = *state;
	struct record records[] = {{1, 0}, {2, 299}, {3, 300}, {4, 5000}, {1, 7}};

	raw_befriend(t);
	assert_int_equal(n_known(t), 1);
	send_report(t, NULL, records, 5);
	assert_int_equal(n_known(t), 3);
	assert_int_equal(groups_counters(t->node->groups)->records_ignored, 2);
}

static void a_record_of_the_receiver_or_the_sender_is_ignored(void **state)
{
	struct raw_peer *t = *state;
	uint8_t octets[512];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_report_self self = {.receiver_addr = t->node->addr};
	struct group_report_record r = {.age_s = 0};

	raw_befriend(t);
	group_report_write_self(&w, &self);
	memcpy(r.peer_id, t->node->id, 32);
	group_report_write_record(&w, &r);
	memcpy(r.peer_id, t->raw->id, 32);
	group_report_write_record(&w, &r);
	raw_send(t->e, t->main, octets, w.len);
	world_run(t->w, 100 * MS);
	assert_int_equal(n_known(t), 1);
	assert_int_equal(groups_counters(t->node->groups)->records_ignored, 2);
}

static void known_members_are_passed_on_with_their_age(void **state)
{
	struct raw_peer *t = *state;
	struct record records[] = {{1, 100}, {2, 0}};
	struct group_report_iter it;
	struct group_report_record r;
	struct got *g;
	uint32_t n = 0;

	raw_befriend(t);
	send_report(t, NULL, records, 2);
	world_run(t->w, 5 * S);
	raw_drain(t);
	send_report(t, NULL, NULL, 0); // the answer: it has asked who else is there
	send_report(t, NULL, NULL, 0);
	g = next_report(t);
	assert_non_null(g);
	self_of(g, &it);
	while (group_report_next(&it, &r)) {
		if (r.peer_id[0] == 1)
			assert_in_range(r.age_s, 104, 106);
		assert_int_equal(r.addrs.n, 1);
		assert_int_equal(r.addrs.addrs[0].port, 1936);
		n++;
	}
	assert_true(n >= 1); // who could not be reached meanwhile is left out
	free(g);
}

// NG-21: whoever comes and hears of those who are gone calls them in vain.
static void where_calls_are_in_vain_the_young_alone_are_told(void **state)
{
	enum { N = 50, YOUNG_EVERY = 5 };
	struct raw_peer *t = *state;
	struct record records[N];
	struct group_report_iter it;
	struct group_report_record r;
	uint32_t n[2] = {0, 0};

	for (uint8_t i = 0; i < N; i++)
		records[i] = (struct record){(uint8_t)(i + 1), i % YOUNG_EVERY == 0 ? 1 : 100};
	raw_befriend(t);
	raw_drain(t);
	send_report(t, NULL, records, N);
	for (int later = 0; later < 2; later++) {
		struct got *g;

		raw_drain(t);
		send_report(t, NULL, NULL, 0);
		send_report(t, NULL, NULL, 0); // one of them is no answer
		g = next_report(t);
		assert_non_null(g);
		self_of(g, &it);
		while (group_report_next(&it, &r))
			n[later] += r.age_s >= 100;
		free(g);
		world_run(t->w, 3 * S); // nobody has answered
	}
	assert_true(n[0] > 10);
	assert_int_equal(n[1], 0);
}

// Section 16: a super-peer calls nobody, but what it has heard of is told, whoever is near to the
// asker: one report makes a newcomer's ring right.
static void a_report_is_chosen_from_all_that_is_known(void **state)
{
	enum { KNOWN = 200 };
	struct raw_peer *t = *state, other;
	struct ring_set ring = {0};
	static struct ring_node places[KNOWN];
	struct record records[50];
	struct group_report_iter it;
	struct group_report_record r;
	struct wanted near = {0};
	struct got *g;
	uint8_t address[32], id[PEER_ID_LEN] = {0};
	uint32_t n_near = 0;

	raw_befriend(t);
	for (int i = 0; i < KNOWN; i++) {
		records[i % 50] = (struct record){(uint8_t)(i + 1), 7};
		if (i % 50 == 49)
			send_report(t, NULL, records, 50);
		id[0] = (uint8_t)(i + 1);
		group_address_of(id, address);
		places[i].at = u256_of(address);
		ring_set_insert(&ring, &places[i]);
	}
	other = *t;
	other.raw = world_add(t->w, &(struct world_role){.is_raw = true});
	other.e = world_session(other.raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
	raw_greet(&other);
	group_address_of(other.raw->id, address);
	wanted_ring(&near, &ring, u256_of(address), NULL);
	g = next_report(&other);
	self_of(g, &it);
	while (group_report_next(&it, &r)) {
		group_address_of(r.peer_id, address);
		for (uint32_t k = 0; k < near.n; k++)
			n_near += u256_cmp(near.nodes[k]->at, u256_of(address)) == 0;
	}
	// The neighbour that told all this stands somewhere on the ring, too.
	assert_in_range(n_near, 2 * WANTED_EACH_WAY - 1, 2 * WANTED_EACH_WAY);
	free(g);
	ring_set_clear(&ring);
}

// groups.md 11: a choice runs when a nearer record arrives, not with each report. Seen at a
// super-peer, which chooses nobody: others would try again to reach whom they heard of.
static void only_news_makes_a_choice_due(void **state)
{
	struct raw_peer *t = *state;
	const struct group *g = t->node->group;
	const struct record old = {7, 5}, new = {9, 5};
	uint64_t chosen_us;

	raw_befriend(t);
	world_run(t->w, 1 * S);
	chosen_us = g->chosen_us;
	send_report(t, NULL, &old, 1);
	world_run(t->w, 1 * S);
	assert_true(g->chosen_us > chosen_us);
	chosen_us = g->chosen_us;
	send_report(t, NULL, &old, 1);
	world_run(t->w, 1 * S);
	assert_int_equal(g->chosen_us, chosen_us);
	send_report(t, NULL, &new, 1);
	world_run(t->w, 1 * S);
	assert_true(g->chosen_us > chosen_us);
}

// groups.md 4.2: one in 10 s. Whoever comes gets one, and that will do, unless he was news himself.
static void a_newcomers_report_is_the_one_at_random_but_for_news(void **state)
{
	static const bool were_named[] = {true, false};

	for (int i = 0; i < 2; i++) {
		struct raw_peer *t = *state, other;
		const struct group *g = t->node->group;
		uint64_t before_us;

		raw_befriend(t);
		world_run(t->w, 15 * S);
		other = *t;
		other.raw = world_add(t->w, &(struct world_role){.is_raw = true});
		if (were_named[i]) { // by gossip, which others have as well
			struct rumour r = {.id = other.raw->id, .age_s = 3};

			raw_gossip(t, &r, 1);
		}
		before_us = g->report_us;
		other.e = world_session(other.raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
		raw_greet(&other);
		if (were_named[i])
			assert_in_range(g->report_us, world_now_us(t->w) + 10 * S,
					world_now_us(t->w) + 11 * S);
		else
			assert_int_equal(g->report_us, before_us);
		end(state);
		begin_super(state);
	}
}

static void a_flood_of_reports_is_limited(void **state)
{
	struct raw_peer *t = *state;

	raw_befriend(t);
	for (int i = 0; i < 100; i++)
		send_report(t, NULL, NULL, 0);
	assert_in_range(groups_counters(t->node->groups)->reports_in, 20, 45);
	assert_int_equal(groups_counters(t->node->groups)->reports_in +
				 groups_counters(t->node->groups)->reports_limited,
			 100);
}

static void broken_reports_are_counted(void **state)
{
	struct raw_peer *t = *state;

	raw_befriend(t);
	raw_send(t->e, t->main, "\x0a\x08\x0d\x02", 4);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->node->groups)->reports_malformed, 1);
	assert_int_equal(world_open_neighbours(t->node), 1);
}

#define T(f)     cmocka_unit_test_setup_teardown(f, begin, end)
#define SUPER(f) cmocka_unit_test_setup_teardown(f, begin_super, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_report_answers_begin_and_names_the_receiver),
		SUPER(a_super_peer_says_so_first),
		T(who_speaks_our_extension_hears_it_too),
		T(what_is_no_reply_is_answered_once),
		T(every_ten_seconds_somebody_gets_one),
		T(records_are_taken_unless_they_are_old_or_foolish),
		T(a_record_of_the_receiver_or_the_sender_is_ignored),
		T(known_members_are_passed_on_with_their_age),
		T(where_calls_are_in_vain_the_young_alone_are_told),
		SUPER(a_report_is_chosen_from_all_that_is_known),
		SUPER(only_news_makes_a_choice_due),
		SUPER(a_newcomers_report_is_the_one_at_random_but_for_news),
		T(a_flood_of_reports_is_limited),
		T(broken_reports_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
