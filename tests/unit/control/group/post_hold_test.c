// Asking, holding and remembering, each with its bound (docs/spx.md, PO-7, PO-8, PO-10, E-8).
#include "control/group/postings.h"

#include "tests/support/test.h"
#include "tests/unit/control/group/spx_kit.h"

static const struct world_role member = {.is_super = false};

static struct raw_peer *peer_of(const char *spec)
{
	struct raw_peer *t = raw_peer_create_in(&member, spec);

	raw_befriend(t);
	return t;
}

static const struct groups_counters *counters(const struct raw_peer *t)
{
	return groups_counters(t->node->groups);
}

static struct postings *postings(const struct raw_peer *t)
{
	return t->node->group->postings;
}

static void who_offered_first_is_asked_first(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
	struct spx_told told = {0};

	spx_listen(t->node, &told);
	spx_offer(&a, "news");
	world_run(t->w, 50 * MS);
	spx_offer(&b, "news");
	world_run(t->w, 500 * MS);
	assert_int_equal(spx_hear(&a).n_asks, 1);
	assert_int_equal(spx_hear(&b).n_asks, 0);
	world_run(t->w, 500 * MS); // silence: the next one
	assert_int_equal(spx_hear(&b).n_asks, 1);
	spx_data(&b, "news");
	world_run(t->w, 100 * MS);
	assert_string_equal(told.posts, " news");
	spx_data(&a, "news"); // late
	spx_offer(&a, "news");
	world_run(t->w, 3 * S);
	assert_string_equal(told.posts, " news");
	assert_int_equal(counters(t)->posts_repeated, 1);
	assert_int_equal(spx_hear(&a).n_asks, 0);
	assert_int_equal(spx_hear(&a).n_offers + spx_hear(&b).n_offers, 0); // both have it
	raw_peer_destroy(t);
}

static void gone_and_lost_neighbours_are_not_waited_for(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t), c = spx_raw_add(t);

	spx_offer(&a, "news");
	world_run(t->w, 30 * MS);
	spx_offer(&b, "news");
	world_run(t->w, 30 * MS);
	spx_offer(&c, "news");
	world_run(t->w, 30 * MS);
	spx_keys(&b, SPX_GONE, "news"); // was not asked
	world_run(t->w, 30 * MS);
	assert_int_equal(spx_hear(&a).n_asks + spx_hear(&b).n_asks + spx_hear(&c).n_asks, 1);
	spx_keys(&a, SPX_GONE, "news");
	world_run(t->w, 50 * MS);
	assert_int_equal(spx_hear(&b).n_asks, 1);
	world_cut(b.e, CLOSED_TIMEOUT);
	world_run(t->w, 50 * MS);
	assert_int_equal(spx_hear(&c).n_asks, 1);
	assert_int_equal(counters(t)->posts_lost, 0);
	world_run(t->w, 2 * S);
	assert_int_equal(counters(t)->posts_lost, 1); // forgotten
	assert_int_equal(postings(t)->posts.n, 0);
	spx_offer(&a, "news"); // until it is offered again
	world_run(t->w, 50 * MS);
	assert_int_equal(spx_hear(&a).n_asks, 1);
	raw_peer_destroy(t);
}

static void what_is_passed_on_gets_older_and_one_hop_further(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
	struct post_offer o;
	struct post_data d;
	struct post_list l;
	struct spx_heard h;

	spx_data_with(&a, "news", (struct post_data){.hop = 6, .age_ms = 1000});
	world_run(t->w, 200 * MS);
	h = spx_hear(&b);
	assert_int_equal(h.n_offers, 1);
	assert_int_equal(post_offers_read(&l, span_of(h.last, h.len)), 0);
	assert_true(post_offer_next(&l, &o));
	assert_int_equal(o.hop, 7);
	assert_int_equal(o.size, 4);
	assert_in_range(o.age_ms, 1000, 1100);
	world_run(t->w, 5 * S);
	spx_keys(&b, SPX_ASK, "news");
	world_run(t->w, 100 * MS);
	h = spx_hear(&b);
	assert_int_equal(h.n_data, 1);
	assert_int_equal(post_data_read(&d, span_of(h.last, h.len)), 0);
	assert_int_equal(d.hop, 7);
	assert_in_range(d.age_ms, 6100, 6400);
	assert_int_equal(spx_hear(&a).n_offers, 0); // it has it
	raw_peer_destroy(t);
}

static void what_is_old_or_came_far_goes_no_further(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw s = spx_raw_of(t), b = spx_raw_add(t);
	struct spx_told told = {0};
	struct post_offer o;
	struct post_list l;
	struct spx_heard h;

	spx_listen(t->node, &told);
	spx_offer_aged(&s, "far", POST_HOPS_MAX, 0);
	spx_offer_aged(&s, "old", 0, 300000);
	world_run(t->w, 100 * MS);
	assert_int_equal(spx_hear(&s).n_asks, 0);
	spx_data_with(&s, "far", (struct post_data){.hop = POST_HOPS_MAX});
	spx_data_with(&s, "old", (struct post_data){.age_ms = UINT64_MAX});
	world_run(t->w, 100 * MS);
	assert_int_equal(counters(t)->posts_stale, 4);
	assert_int_equal(told.n_posts, 0);
	spx_data_with(&s, "nearly", (struct post_data){.hop = POST_HOPS_MAX - 1});
	spx_data_with(&s, "just", (struct post_data){.age_ms = 299999});
	world_run(t->w, 100 * MS);
	assert_int_equal(told.n_posts, 2);
	h = spx_hear(&b); // the other one may not be passed on
	assert_int_equal(h.n_offers, 1);
	assert_int_equal(post_offers_read(&l, span_of(h.last, h.len)), 0);
	assert_true(post_offer_next(&l, &o));
	assert_int_equal(o.age_ms, 299999);
	assert_false(post_offer_next(&l, &o));
	raw_peer_destroy(t);
}

static void a_neighbours_news_are_limited_and_anothers_are_not(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
	char text[16];

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "a%d", i);
		spx_offer(&a, text);
	}
	spx_offer(&b, "b");
	world_run(t->w, 50 * MS);
	assert_int_equal(spx_hear(&a).n_asks, 60);
	assert_int_equal(spx_hear(&b).n_asks, 1);
	assert_int_equal(counters(t)->posts_limited, 40);
	spx_offer(&b, "a99"); // what was too much of one is not of another
	world_run(t->w, 50 * MS);
	assert_int_equal(spx_hear(&b).n_asks, 1);
	assert_int_equal(world_open_neighbours(t->node), 2);
	raw_peer_destroy(t);
}

// What comes without an offer is news like any other: nobody gets past the limit by not asking.
static void messages_that_nobody_asked_for_are_limited_like_offers(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
	struct spx_told told = {0};
	char text[16];

	spx_listen(t->node, &told);
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "asked %d", i);
		spx_offer(&a, text);
	}
	world_run(t->w, 50 * MS);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "a%d", i);
		spx_data(&a, text);
	}
	for (int i = 0; i < 10; i++) { // these were news when they were offered, and are no more
		snprintf(text, sizeof(text), "asked %d", i);
		spx_data(&a, text);
	}
	world_run(t->w, 50 * MS);
	assert_in_range(told.n_posts, 60, 61);
	assert_int_equal(counters(t)->posts_limited, 110 - told.n_posts);
	spx_data(&b, "a99"); // nor is what was too much of one taken for known
	world_run(t->w, 50 * MS);
	assert_non_null(strstr(told.posts, " a99"));
	assert_int_equal(world_open_neighbours(t->node), 2);
	raw_peer_destroy(t);
}

static void the_news_of_all_together_are_limited(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw s[12];
	uint32_t n_asks = 0;
	char text[16];

	s[0] = spx_raw_of(t);
	for (int k = 1; k < 12; k++)
		s[k] = spx_raw_add(t);
	world_run(t->w, 5 * S);
	for (int k = 0; k < 12; k++)
		for (int i = 0; i < 60; i++) {
			snprintf(text, sizeof(text), "%d %d", k, i);
			spx_offer(&s[k], text);
		}
	world_run(t->w, 50 * MS);
	for (int k = 0; k < 12; k++)
		n_asks += spx_hear(&s[k]).n_asks;
	assert_in_range(n_asks, 600, 602);
	assert_int_equal(counters(t)->posts_limited, 720 - n_asks);
	raw_peer_destroy(t);
}

static void only_so_many_are_asked_for_at_a_time(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);
	struct postings *ps = postings(t);
	struct post_offer o = {.size = 1};
	uint32_t n = 0;

	for (uint32_t i = 0; i < 5000; i++) { // at these rates it would take many neighbours
		memcpy(o.key, &i, sizeof(i));
		n += post_ask_make(ps, &o, t->node->group->neighbours[0]->spx) != NULL;
	}
	assert_int_equal(n, 4096);
	assert_int_equal(counters(t)->posts_limited, 5000 - 4096);
	world_run(t->w, 2 * S);
	assert_int_equal(ps->n_asked, 0);
	assert_int_equal(spx_hear(&s).n_asks, 0);
	raw_peer_destroy(t);
}

static void only_so_many_who_offered_are_remembered(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw s[10];
	uint32_t n_asked = 0;

	s[0] = spx_raw_of(t);
	for (int k = 1; k < 10; k++)
		s[k] = spx_raw_add(t);
	for (int k = 0; k < 10; k++)
		spx_offer(&s[k], "news");
	world_run(t->w, 15 * S);
	for (int k = 0; k < 10; k++)
		n_asked += spx_hear(&s[k]).n_asks;
	assert_int_equal(n_asked, POST_KNOWERS_MAX);
	assert_int_equal(counters(t)->posts_lost, 1);
	raw_peer_destroy(t);
}

static void what_its_id_does_not_fit_is_no_message(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
	struct spx_told told = {0};
	uint8_t octets[128], id[POST_ID_LEN];
	struct wr w = wr_over(octets, sizeof(octets));
	struct post_data d = {.message = span_of("forged", 6)};

	spx_listen(t->node, &told);
	spx_offer(&a, "true");
	spx_offer(&b, "true");
	world_run(t->w, 50 * MS);
	spx_post_id("true", id);
	memcpy(d.id, id, sizeof(id));
	post_data_write(&w, &d);
	raw_send(a.e, a.data, octets, w.len);
	world_run(t->w, 100 * MS);
	assert_int_equal(counters(t)->posts_false, 1);
	assert_int_equal(counters(t)->spx_malformed, 1);
	assert_int_equal(told.n_posts, 0);
	assert_int_equal(world_open_neighbours(t->node), 2); // PO-10
	assert_int_equal(spx_hear(&b).n_asks, 1);            // and the other one is asked
	spx_data(&b, "true");
	world_run(t->w, 100 * MS);
	assert_string_equal(told.posts, " true");
	raw_peer_destroy(t);
}

static void a_posting_password_is_checked_by_everybody(void **state)
{
	static const struct {
		const char *claim, *password; // NULL: none
		bool is_good;
	} rows[] = {
		{"none", NULL, false},
		{"a wrong one", "passwort", false},
		{"the right one", "password", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raw_peer *t = peer_of(SPX_LOCKED);
		struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
		struct spx_told told = {0};
		struct post_data d = {.has_password = rows[i].password != NULL};
		struct spx_heard h;

		if (d.has_password)
			d.password = span_of(rows[i].password, strlen(rows[i].password));
		spx_listen(t->node, &told);
		spx_data_with(&a, "news", d);
		world_run(t->w, 200 * MS);
		assert_row(told.n_posts == rows[i].is_good, rows[i].claim);
		assert_row(counters(t)->posts_unauthorized == !rows[i].is_good, rows[i].claim);
		assert_row(spx_hear(&b).n_offers == rows[i].is_good, rows[i].claim);
		assert_row(world_open_neighbours(t->node) == 2, rows[i].claim); // PO-10
		spx_keys(&b, SPX_ASK, "news"); // what is passed on carries it
		world_run(t->w, 200 * MS);
		h = spx_hear(&b);
		assert_row(h.n_data == rows[i].is_good, rows[i].claim);
		if (rows[i].is_good) {
			assert_int_equal(post_data_read(&d, span_of(h.last, h.len)), 0);
			assert_true(d.has_password && d.password.len == 8 &&
				    memcmp(d.password.data, "password", 8) == 0);
		}
		raw_peer_destroy(t);
	}
}

static void a_wrong_password_three_times_is_the_end(void **state)
{
	struct raw_peer *t = peer_of(SPX_LOCKED);
	struct spx_raw s = spx_raw_of(t);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(world_open_neighbours(t->node), 1);
		spx_data(&s, "news");
		world_run(t->w, 100 * MS);
	}
	assert_int_equal(world_open_neighbours(t->node), 0);
	assert_int_equal(counters(t)->posts_unauthorized, 3);
	raw_peer_destroy(t);
}

// The message was another's: a wrong password must not make it unknown for ever.
static void the_true_message_comes_after_a_false_one(void **state)
{
	struct raw_peer *t = peer_of(SPX_LOCKED);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
	struct spx_told told = {0};

	spx_listen(t->node, &told);
	spx_data(&a, "news");
	world_run(t->w, 100 * MS);
	spx_data_with(&b, "news",
		      (struct post_data){.has_password = true, .password = span_of("password", 8)});
	world_run(t->w, 100 * MS);
	assert_string_equal(told.posts, " news");
	raw_peer_destroy(t);
}

// PO-7: 300 s beyond the time it is kept.
static void ids_are_remembered_for_ten_minutes(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);
	struct spx_told told = {0};

	spx_listen(t->node, &told);
	spx_data(&s, "news");
	for (int i = 0; i < 59; i++) {
		world_run(t->w, 10 * S);
		spx_data(&s, "news");
	}
	assert_int_equal(told.n_posts, 1);
	assert_int_equal(postings(t)->next - postings(t)->first, 0); // held no more
	world_run(t->w, 21 * S);
	assert_int_equal(postings(t)->ids.n, 0);
	spx_data(&s, "news");
	world_run(t->w, 1 * S);
	assert_int_equal(told.n_posts, 2);
	raw_peer_destroy(t);
}

// PO-7: 65 536 at least, in memory that has an end.
static void the_oldest_ids_make_room(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct postings *ps = postings(t);
	const struct post_origin own = {.from = NULL};
	uint8_t id[POST_ID_LEN];
	struct group_info info;

	for (uint32_t i = 0; i < 131072 + 10; i++) {
		sha256(&i, sizeof(i), id);
		assert_non_null(post_hold(ps, NULL, id, span_of(&i, sizeof(i)), &own));
	}
	assert_int_equal(counters(t)->post_ids_evicted, 10);
	for (uint32_t i = 0; i < 131072 + 10; i += i < 8 ? 1 : 1000) {
		sha256(&i, sizeof(i), id);
		assert_int_equal(recent_keys_have(&ps->ids, id), i >= 10);
	}
	group_info_get(t->node->group, &info);
	assert_in_range(info.posts_held_bytes, 15u << 20, 16u << 20);
	assert_int_equal(counters(t)->posts_evicted, 131082 - info.n_posts_held);
	assert_int_equal(info.n_post_ids, 131072);
	raw_peer_destroy(t);
}

static void what_is_held_is_so_much_and_the_oldest_go(void **state)
{
	static char text[60000];
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);
	struct group_info info;

	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 300; i++) {
		memcpy(text, &(char[]){(char)('a' + i % 20), (char)('a' + i / 20)}, 2);
		spx_data(&s, text);
		world_run(t->w, 250 * MS);
		group_info_get(t->node->group, &info);
		assert_in_range(info.posts_held_bytes, 60000, 16u << 20);
	}
	assert_in_range(counters(t)->posts_evicted, 15, 30);
	memcpy(text, "aa", 2); // the first: known, but not to be had
	spx_keys(&s, SPX_ASK, text);
	spx_data(&s, text);
	world_run(t->w, 1 * S);
	assert_int_equal(spx_hear(&s).n_gone, 1);
	assert_int_equal(counters(t)->posts_repeated, 1);
	raw_peer_destroy(t);
}

static void how_long_and_how_much_is_kept_can_be_chosen(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw s = spx_raw_of(t);

	t->node->group->limits.posting =
		(struct group_posting){.keep_us = 20 * S, .bytes_max = 1000};
	spx_data(&s, "news");
	world_run(t->w, 19 * S);
	spx_keys(&s, SPX_ASK, "news");
	world_run(t->w, 100 * MS);
	assert_int_equal(spx_hear(&s).n_data, 1);
	world_run(t->w, 11 * S);
	spx_keys(&s, SPX_ASK, "news");
	world_run(t->w, 100 * MS);
	assert_int_equal(spx_hear(&s).n_gone, 1);
	spx_offer_aged(&s, "old", 0, 20000);
	world_run(t->w, 100 * MS);
	assert_int_equal(spx_hear(&s).n_asks, 0);
	for (int i = 0; i < 5; i++) {
		char text[300];

		memset(text, 'a' + i, sizeof(text));
		text[sizeof(text) - 1] = '\0';
		spx_data(&s, text);
	}
	world_run(t->w, 1 * S);
	assert_in_range(counters(t)->posts_evicted, 3, 4);
	raw_peer_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_offered_first_is_asked_first),
		cmocka_unit_test(gone_and_lost_neighbours_are_not_waited_for),
		cmocka_unit_test(what_is_passed_on_gets_older_and_one_hop_further),
		cmocka_unit_test(what_is_old_or_came_far_goes_no_further),
		cmocka_unit_test(a_neighbours_news_are_limited_and_anothers_are_not),
		cmocka_unit_test(messages_that_nobody_asked_for_are_limited_like_offers),
		cmocka_unit_test(the_news_of_all_together_are_limited),
		cmocka_unit_test(only_so_many_are_asked_for_at_a_time),
		cmocka_unit_test(only_so_many_who_offered_are_remembered),
		cmocka_unit_test(what_its_id_does_not_fit_is_no_message),
		cmocka_unit_test(a_posting_password_is_checked_by_everybody),
		cmocka_unit_test(a_wrong_password_three_times_is_the_end),
		cmocka_unit_test(the_true_message_comes_after_a_false_one),
		cmocka_unit_test(ids_are_remembered_for_ten_minutes),
		cmocka_unit_test(the_oldest_ids_make_room),
		cmocka_unit_test(what_is_held_is_so_much_and_the_oldest_go),
		cmocka_unit_test(how_long_and_how_much_is_kept_can_be_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
