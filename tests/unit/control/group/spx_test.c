// To whom our extension is spoken, and what a neighbour may say on its flows (docs/spx.md, E-8,
// PO-10).
#include "control/group/spx.h"

#include "control/group/neighbour.h"

#include "tests/support/test.h"
#include "tests/unit/control/group/spx_kit.h"

static const struct world_role member = {.is_super = false};
static const struct world_role super = {.is_super = true};

static struct raw_peer *peer_of(const struct world_role *role, const char *spec)
{
	struct raw_peer *t = raw_peer_create_in(role, spec);

	raw_befriend(t);
	return t;
}

static const struct groups_counters *counters(const struct raw_peer *t)
{
	return groups_counters(t->node->groups);
}

// Does the first report that the node sends to somebody who never announced anything say 6e?
static bool announces(const struct world_role *role, bool has_hmac)
{
	struct raw_peer *t = raw_peer_create_in(role, SPX_SPEC);
	struct group_report_self self = {.is_spx = false};
	struct group_report_iter it;
	struct got *g;
	bool has_report = false;

	t->e->far->ctl.tx_tag_len = has_hmac ? 16 : 0;
	raw_greet(t);
	while ((g = world_got(t->raw)) != NULL) {
		if (memcmp(g->meta, RAW_MAIN, 3) == 0 && g->octets[0] == GROUP_REPORT) {
			has_report = true;
			group_report_read(&self, &it, span_of(g->octets, g->len));
		}
		free(g);
	}
	raw_peer_destroy(t);
	assert_true(has_report);
	return self.is_spx;
}

static void only_who_cannot_disturb_anybody_speaks_first(void **state)
{
	assert_true(announces(&super, false));
	assert_true(announces(&super, true));
	assert_false(announces(&member, false));
	assert_true(announces(&member, true));
}

static void an_old_member_sees_nothing_of_it(void **state)
{
	struct raw_peer *t = peer_of(&super, SPX_SPEC);
	struct got *g;

	spx_post(t->node, "hello");
	group_set_receive_mode(t->node->group, true, world_now_us(t->w));
	assert_int_equal(
		group_send_to_all_neighbours(t->node->group, span_of("x", 1), world_now_us(t->w)),
		GROUP_NO_ROUTE);
	world_run(t->w, 60 * S);
	while ((g = world_got(t->raw)) != NULL) {
		assert_memory_equal(g->meta, RAW_MAIN, 3); // reports, as ever
		assert_int_equal(g->octets[0], GROUP_REPORT);
		free(g);
	}
	raw_peer_destroy(t);
}

static void who_has_announced_is_told_and_offered(void **state)
{
	struct raw_peer *t = peer_of(&member, SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);
	struct spx_heard h;

	spx_post(t->node, "hello");
	world_run(t->w, 1 * S);
	h = spx_hear(&s);
	assert_int_equal(h.n_data, 1);
	assert_int_equal(h.n_offers, 0);
	raw_peer_destroy(t);
}

static void flows_of_what_is_not_enabled_are_rejected(void **state)
{
	static const struct {
		const char *spec;
		const char *meta;
		bool is_rejected;
	} rows[] = {
		{SPX_SPEC, RAW_ROUTES, false},
		{SPX_SPEC, RAW_POSTS, false},
		{SPX_SPEC, RAW_DATA_65, false},
		{SPX_SPEC, "GR\x18", false},
		{RAW_SPEC, RAW_ROUTES, true},
		{RAW_SPEC, RAW_POSTS, false},
		{"G:01000101010c050e7465737400", RAW_POSTS, true},
		{"G:01000101010c050e7465737400", RAW_DATA_65, true},
		{"G:01000101010c050e7465737400", "GR\x19", true},
		{"G:01000101010c050e7465737400", RAW_ROUTES, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raw_peer *t = peer_of(&member, rows[i].spec);

		raw_open(t->e, rows[i].meta, 3, true, t->their_main_id);
		world_run(t->w, 1 * S);
		assert_int_equal(counters(t)->flows_rejected, rows[i].is_rejected);
		raw_peer_destroy(t);
	}
}

static void a_second_flow_of_a_kind_is_rejected(void **state)
{
	struct raw_peer *t = peer_of(&member, SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);

	raw_open(s.e, RAW_POSTS, 3, true, t->their_main_id);
	world_run(t->w, 1 * S);
	assert_int_equal(counters(t)->flows_rejected, 1);
	ctl_flow_close(&s.e->ctl, (uint16_t)s.control); // the first one ends: then there is room
	world_run(t->w, 1 * S);
	s.control = raw_open(s.e, RAW_POSTS, 3, true, t->their_main_id);
	spx_offer(&s, "hello");
	world_run(t->w, 1 * S);
	assert_int_equal(spx_hear(&s).n_asks, 1);
	raw_peer_destroy(t);
}

static void three_points_and_it_is_not_seen_for_five_minutes(void **state)
{
	struct raw_peer *t = peer_of(&member, SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(world_open_neighbours(t->node), 1);
		raw_send(s.e, s.control, "\x60\x01\x00", 3);
		world_run(t->w, 100 * MS);
		assert_int_equal(counters(t)->spx_malformed, i + 1);
		ctl_flow_close(&s.e->ctl, (uint16_t)s.control);
		world_run(t->w, 100 * MS);
		if (s.e->ctl.state == CTL_OPEN)
			s.control = raw_open(s.e, RAW_POSTS, 3, true, t->their_main_id);
		world_run(t->w, 100 * MS);
	}
	assert_int_equal(world_open_neighbours(t->node), 0);
	assert_int_equal(counters(t)->spx_banned, 1);
	world_run(t->w, 200 * S);
	t->e = world_session(t->raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
	raw_greet(t);
	assert_int_equal(world_open_neighbours(t->node), 0);
	world_run(t->w, 100 * S);
	t->e = world_session(t->raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
	raw_greet(t);
	assert_int_equal(world_open_neighbours(t->node), 1);
	raw_peer_destroy(t);
}

static void banned_members_push_each_other_out(void **state)
{
	struct raw_peer *t = peer_of(&member, SPX_SPEC);
	uint32_t n = 0;

	for (uint32_t i = 0; i < BANS_MAX + 1; i++)
		t->node->group->bans[t->node->group->next_ban++ % BANS_MAX] =
			(struct ban){{(uint8_t)i, 1}, UINT64_MAX};
	t->node->group->banned_us = UINT64_MAX;
	for (uint32_t i = 0; i < BANS_MAX + 1; i++)
		n += spx_banned_until_us(t->node->group, (uint8_t[PEER_ID_LEN]){(uint8_t)i, 1}) !=
		     0;
	assert_int_equal(n, BANS_MAX);
	raw_peer_destroy(t);
}

static void unknown_messages_are_ignored_until_there_are_too_many(void **state)
{
	static const struct {
		const char *claim, *octets;
		size_t len;
	} rows[] = {
		{"a type", "\x7f\x01\x00", 3},
		{"a version", "\x60\x02\x00", 3},
		{"another flow's type", "\x70\x01\x00", 3},
		{"nothing", "", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raw_peer *t = peer_of(&member, SPX_SPEC);
		struct spx_raw s = spx_raw_of(t);

		for (int k = 0; k < 100; k++)
			raw_send(s.e, s.control, rows[i].octets, rows[i].len);
		world_run(t->w, 1 * S);
		assert_row(counters(t)->spx_unknown == 100, rows[i].claim);
		spx_offer(&s, "hello");
		world_run(t->w, 100 * MS);
		assert_row(spx_hear(&s).n_asks == 1, rows[i].claim);
		for (int k = 0; k < 20; k++)
			raw_send(s.e, s.control, rows[i].octets, rows[i].len);
		world_run(t->w, 1 * S);
		assert_row(counters(t)->spx_unknown < 120, rows[i].claim); // the flow is gone
		assert_int_equal(world_open_neighbours(t->node), 1);
		raw_peer_destroy(t);
	}
}

static void what_is_said_too_fast_is_ignored(void **state)
{
	struct raw_peer *t = peer_of(&member, SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);

	for (int k = 0; k < 500; k++)
		spx_keys(&s, SPX_ASK, "nobody has it");
	world_run(t->w, 100 * MS);
	assert_in_range(counters(t)->spx_limited, 60, 100); // 400 at once, 200 a second
	assert_in_range(spx_hear(&s).n_gone, 400, 440);
	world_run(t->w, 1 * S);
	spx_keys(&s, SPX_ASK, "nobody has it");
	world_run(t->w, 100 * MS);
	assert_int_equal(spx_hear(&s).n_gone, 1);
	raw_peer_destroy(t);
}

static void octets_are_limited_like_messages(void **state)
{
	static char text[40000];
	struct raw_peer *t = peer_of(&member, SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);
	struct spx_told told = {0};

	spx_listen(t->node, &told);
	memset(text, 'x', sizeof(text) - 1);
	for (int k = 0; k < 40; k++) {
		text[0] = (char)('0' + k);
		spx_data(&s, text);
	}
	world_run(t->w, 100 * MS);
	assert_in_range(told.n_posts, 26, 27); // 1 MiB at once, 256 KiB a second
	assert_in_range(counters(t)->spx_limited, 13, 14);
	assert_int_equal(world_open_neighbours(t->node), 1);
	raw_peer_destroy(t);
}

static void a_flow_that_was_rejected_is_not_opened_at_once_again(void **state)
{
	struct raw_peer *t = peer_of(&member, SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);
	uint32_t n = 0;
	struct got *g;

	spx_post(t->node, "one");
	world_run(t->w, 100 * MS);
	for (uint16_t i = 0; i < FLOWS_PER_SESSION; i++) // the raw one's end of our posting flow
		if (s.e->rx[i].is_open && memcmp(s.e->rx[i].meta, RAW_DATA_65, 3) == 0)
			ctl_flow_reject(&s.e->ctl, i, s.e->rx[i].flow_id, 0);
	world_run(t->w, 100 * MS);
	assert_int_equal(counters(t)->spx_refused, 1);
	for (int i = 0; i < 4; i++) {
		char text[8];

		snprintf(text, sizeof(text), "m%d", i);
		spx_post(t->node, text);
		world_run(t->w, 9 * S);
	}
	while ((g = world_got(t->raw)) != NULL) {
		n += memcmp(g->meta, RAW_DATA_65, 3) == 0;
		free(g);
	}
	assert_int_equal(n, 1); // the first, before; all others were offered
	world_run(t->w, 30 * S);
	spx_post(t->node, "last");
	world_run(t->w, 1 * S);
	assert_int_equal(spx_hear(&s).n_data, 1);
	raw_peer_destroy(t);
}

// Their flows may overtake the proof.
static void an_older_members_flow_waits_for_the_proof(void **state)
{
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	uint8_t message[256];
	struct group_connect c;
	struct neighbour *nb;
	struct got *g;

	neighbour_call(t->node->group, &t->e->far->ctl);
	world_run(t->w, 100 * MS);
	g = world_got(t->raw);
	assert_non_null(g);
	t->their_main_id = g->flow_id;
	free(g);
	raw_open(t->e, "GR\x18", 3, true, t->their_main_id);
	world_run(t->w, 100 * MS);
	nb = t->node->group->neighbours[0];
	assert_int_equal(nb->n_held, 1);
	t->main = raw_open(t->e, RAW_MAIN, 3, false, 0);
	raw_send(t->e, t->main, message, raw_connect_message(t, message, &c));
	world_run(t->w, 100 * MS);
	assert_true(nb->spx != NULL && nb->spx->lanes[LANE_OLD_KEYS].rx >= 0);
	raw_peer_destroy(t);
}

static void off_is_off(void **state)
{
	struct raw_peer *t = raw_peer_create_in(&super, SPX_SPEC);
	struct spx_raw s;

	t->node->groups->o.is_spx_off = true;
	raw_befriend(t);
	s = spx_raw_of(t);
	assert_int_equal(counters(t)->flows_rejected, 3);
	spx_post(t->node, "hello");
	world_run(t->w, 20 * S);
	assert_int_equal(spx_hear(&s).len, 0);
	raw_peer_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_who_cannot_disturb_anybody_speaks_first),
		cmocka_unit_test(an_old_member_sees_nothing_of_it),
		cmocka_unit_test(who_has_announced_is_told_and_offered),
		cmocka_unit_test(flows_of_what_is_not_enabled_are_rejected),
		cmocka_unit_test(a_second_flow_of_a_kind_is_rejected),
		cmocka_unit_test(three_points_and_it_is_not_seen_for_five_minutes),
		cmocka_unit_test(banned_members_push_each_other_out),
		cmocka_unit_test(unknown_messages_are_ignored_until_there_are_too_many),
		cmocka_unit_test(what_is_said_too_fast_is_ignored),
		cmocka_unit_test(octets_are_limited_like_messages),
		cmocka_unit_test(a_flow_that_was_rejected_is_not_opened_at_once_again),
		cmocka_unit_test(an_older_members_flow_waits_for_the_proof),
		cmocka_unit_test(off_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
